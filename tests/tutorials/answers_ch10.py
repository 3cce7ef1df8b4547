"""Answers to tutorial 10: SECOND, right ones written another way, and WRONG ones with words of their hints."""

import numpy as np

from minicrest.selection import Crest
from minicrest.selection.crest import CrestState
from minicrest.selection.forgetting import forgetting_events
from minicrest.teaching.exercises.ch10 import EXERCISES

BY_NAME = {exercise.name: exercise for exercise in EXERCISES}


def count(correct):
    """Row by row."""
    events = []
    for row in correct.T:
        falls = sum(1 for before, after in zip(row, row[1:]) if before and not after)
        events.append(falls if any(row) else len(row))
    return np.array(events)


def listed(picks, d):
    """The picks written out, each as often as it was picked."""
    return np.array([np.repeat(d, row).mean() / d.mean() for row in picks])


def farthest(alpha):
    """The length of p - y with everything that the true class lacks on one other class."""
    lack = -np.expm1(-np.asarray(alpha))
    return np.hypot(lack, lack)


def stays(losses, active, alpha):
    return np.array([a and (len(x[~np.isnan(x)]) == 0 or any(x >= alpha)) for a, x in zip(active, losses.T)])


def windows(losses, alpha, T2, r, biggest=True):
    active = [[True] * losses.shape[1]]
    for start in range(len(losses) // T2):
        window = losses[start * T2 :][:T2]
        new = [bool(stay) for stay in stays(window, active[-1], alpha)]
        going = sorted((i for i, a in enumerate(active[-1]) if a and not new[i]),
                       key=lambda i: (-np.nanmax(window[:, i]), -i) if biggest else i)  # fmt: skip
        while sum(new) < r and going:
            new[going.pop(0)] = True
        active.append(new)
    return np.array(active)


def cut(slice_of):
    """The windows, where slice_of(those that would go, the smallest loss first; how many of them have to stay) stay."""

    def answer(losses, alpha, T2, r):
        active = [np.ones(losses.shape[1], dtype=bool)]
        for start in range(0, len(losses) - T2 + 1, T2):
            window = losses[start : start + T2]
            left = np.array(stays(window, active[-1], alpha))
            going = sorted(np.flatnonzero(active[-1] & ~left), key=lambda i: np.nanmax(window[:, i]))
            left[slice_of(np.array(going, dtype=int), r - left.sum())] = True
            active.append(left)
        return np.array(active)

    return answer


SECOND = {
    "10.forgetting": count,
    "10.difficulty": listed,
    "10.bound": farthest,
    "10.drop": stays,
    "10.exclude": windows,
}


def all_seen(losses, active, alpha):
    return active & ~np.all(losses < alpha, axis=0)


def unseen_too(losses, active, alpha):
    return active & (np.nan_to_num(losses) >= alpha).any(axis=0)


def first_row_missing(losses, alpha, T2, r):
    return windows(losses, alpha, T2, r)[1:]


def without_r(losses, alpha, T2, r):
    return windows(losses, alpha, T2, 0)


def refusing(losses, alpha, T2, r):
    """A window that would leave too few drops nobody."""
    active = [np.ones(losses.shape[1], dtype=bool)]
    for start in range(len(losses) // T2):
        new = stays(losses[start * T2 :][:T2], active[-1], alpha)
        active.append(new if new.sum() >= r else active[-1])
    return np.array(active)


WRONG = [
    ("10.drop", lambda losses, active, alpha: active & ~((~np.isnan(losses)).sum(0) > 1) | active & (
        losses >= alpha).any(0), "seen twice"),
    ("10.forgetting", lambda c: np.array([sum(a and not b for a, b in zip(r, r[1:])) for r in c.T]), "get 0"),
    ("10.forgetting", lambda c: np.where(c.any(0), (np.diff(c.astype(int), axis=0) > 0).sum(0), len(c)), "learned"),
    ("10.forgetting", lambda c: np.where(c.any(0), np.diff(c, axis=0).sum(0), len(c)), "every change"),
    ("10.forgetting", lambda c: len(c) - c.sum(0), "how often an example was wrong"),
    ("10.difficulty", lambda p, d: (p * d).sum(1) / p.sum(1), "not compared"),
    ("10.difficulty", lambda p, d: np.array([d[row > 0].mean() / d.mean() for row in p]), "counts once"),
    ("10.difficulty", lambda p, d: (p * d).mean(1) / d.mean(), "divided by n"),
    ("10.difficulty", lambda p, d: 1 / listed(p, d), "upside down"),
    ("10.bound", lambda a: -np.expm1(-a), "other entries"),
    ("10.bound", lambda a: 2 * np.expm1(-a) ** 2, "square"),
    ("10.bound", lambda a: 2**0.5 * a, "larger than"),
    ("10.bound", lambda a: 2 * (1 - np.exp(-a)), "sum of the entries"),
    ("10.bound", lambda a: 2**0.5 * np.exp(-a), "how far is p_y"),
    ("10.drop", unseen_too, "nothing is known"),
    ("10.drop", all_seen, "every step of the window"),
    ("10.drop", lambda x, a, t: a & ~(x < t).any(0), "one small loss"),
    ("10.drop", lambda x, a, t: stays(x, np.ones(len(a)), t).astype(bool), "comes back"),
    ("10.drop", lambda x, a, t: stays(x, a, t + 1e-9), "exactly alpha"),
    ("10.exclude", first_row_missing, "row before the first"),
    ("10.exclude", without_r, "r, is not used"),
    ("10.exclude", refusing, "nobody is dropped"),
    ("10.exclude", lambda *q: windows(*q, biggest=False), "lowest numbers"),
    ("10.exclude", lambda x, t, T2, r: windows(x, t, T2, r + 1), "r + 1"),
    ("10.exclude", lambda x, t, T2, r: windows(x, t, T2, r - 1), "too many goes"),
    ("10.exclude", cut(lambda order, room: order[-room:]), "come out right"),
    ("10.exclude", cut(lambda order, room: order[-max(room, 0) :]), "come out right"),
    ("10.exclude", cut(lambda order, room: order[::-1][:room]), "9 of the 10 inputs come out right"),
    ("10.exclude", lambda x, t, T2, r: ~windows(x, t, T2, r), "mixed up"),
]


def test_the_solutions_are_what_the_package_does():
    correct = np.random.default_rng(0).random((7, 40)) < 0.4
    assert np.array_equal(BY_NAME["10.forgetting"].solution(correct), forgetting_events(correct))
    for losses, active, alpha in BY_NAME["10.drop"].cases:
        state = Crest(m=1, r=1).init(np.zeros(len(active)))
        worst = np.nanmax(np.vstack([losses, np.full(len(active), -np.inf)]), axis=0)
        state = CrestState(**{**vars(state), "active": active, "worst": worst})
        dropped = Crest(m=1, r=1, alpha=alpha, floor=0.0)._drop_learned(state, np.zeros(len(active)))
        assert np.array_equal(BY_NAME["10.drop"].solution(losses, active, alpha), dropped.active)
    for losses, alpha, T2, r in BY_NAME["10.exclude"].cases:  # window after window
        rows, method = BY_NAME["10.exclude"].solution(losses, alpha, T2, r), Crest(m=1, r=r, alpha=alpha, floor=0.0)
        for k, (before, after) in enumerate(zip(rows, rows[1:])):
            state = method.init(np.zeros(len(before)))
            window = np.vstack([losses[k * T2 : (k + 1) * T2], np.full(len(before), -np.inf)])
            state = CrestState(**{**vars(state), "active": before, "worst": np.nanmax(window, axis=0)})
            assert np.array_equal(method._drop_learned(state, np.zeros(len(before))).active, after)
