"""Tutorial 10: the inputs of its exercises, its solutions, and what wrong answers are made of."""

import numpy as np

rng = np.random.default_rng(10)
RIGHT = np.array(  # (T, n) = (6, 5): twice, never right, once, always right, once after a wrong start
    [[0, 0, 1, 1, 0], [1, 0, 1, 1, 1], [0, 0, 1, 1, 1], [1, 0, 0, 1, 0], [1, 0, 0, 1, 1], [0, 0, 0, 1, 1]], dtype=bool
)
PICKS, D = (
    (rng.integers(0, 5, (3, 7)) + np.eye(3, 7, dtype=int)) * (np.arange(7) != 5),
    rng.random(7) + 0.1,
)  # one never
ALPHA = 0.1
SEEN = np.array(  # (T2, n) = (3, 9)
    [
        [0.05, 0.20, np.nan, 0.10, np.nan, 0.30, 0.50, 0.04, 0.30],
        [0.02, 0.01, np.nan, 0.03, 0.04, 0.02, 0.02, 0.20, 0.05],
        [np.nan, 0.03, np.nan, np.nan, 0.09, 0.05, np.nan, 0.15, 0.06],
    ]
)
ACTIVE = np.array([True, True, True, True, True, False, True, True, True])
ONCE = (  # one loss is enough, and an easy example that is not active stays inactive
    np.array(
        [[0.05, np.nan, 0.05, 0.2, 0.05], [np.nan, np.nan, 0.02, np.nan, 0.03], [np.nan, np.nan, 0.09, 0.01, 0.02]]
    ),
    np.array([True, True, True, True, False]),
    ALPHA,
)
ROOM = np.array([[0.05, 0.02, 0.03, 0.5, 0.6, 0.04]] * 2)  # more stay than r without any of the learned
WHOLE = np.array(  # (T, n) = (7, 6): three windows of 2 steps and one step left over
    [
        [0.05, 0.50, 0.01, 0.60, np.nan, 0.70],
        [np.nan, 0.02, 0.40, 0.30, np.nan, 0.80],
        [0.90, 0.03, 0.30, 0.20, np.nan, 0.04],
        [0.80, np.nan, 0.02, 0.50, 0.70, 0.30],
        [np.nan, 0.40, 0.03, 0.04, 0.05, np.nan],
        [0.60, np.nan, 0.04, 0.01, 0.02, 0.10],
        [0.01, 0.01, 0.01, 0.01, 0.01, 0.01],
    ]
)

TURNS = np.array(  # (T, n) = (4, 5): the first two windows would leave too few, the third would not
    [
        [0.01, 0.02, 0.03, 0.50, 0.60],
        [0.02, 0.01, 0.02, 0.05, 0.60],
        [0.02, 0.40, 0.30, 0.05, 0.60],
        [0.70, 0.40, 0.30, 0.70, 0.03],
    ]
)

MANY = np.where(rng.random((6, 9)) < 0.2, np.nan, 0.12 * rng.random((6, 9)))  # most are learned in each window


def forgetting(correct):
    events = (correct[:-1] & ~correct[1:]).sum(axis=0)
    return np.where(correct.any(axis=0), events, len(correct))


def difficulty(picks, d):
    return picks @ d / picks.sum(axis=1) / d.mean()


def bound(alpha):
    return np.sqrt(2) * (1 - np.exp(-alpha))


def worst(losses):
    """(n,) the largest loss recorded, -inf where none was."""
    return np.where(np.isnan(losses), -np.inf, losses).max(axis=0)


def drop(losses, active, alpha):
    w = worst(losses)
    return active & ~((w > -np.inf) & (w < alpha))


def picked(pick):
    """The mistake: one of the recorded losses, pick(those of an example), says whether it is learned."""

    def answer(losses, active, alpha):
        small = [len(x) > 0 and pick(x) < alpha for x in (column[~np.isnan(column)] for column in losses.T)]
        return active & ~np.array(small)

    return answer


def kept_back(rows, losses, left, r, last=lambda w: -w):
    """`left`, and of those it would drop from the last row as many as make r: those with the largest losses w.

    Of equals the highest number stays.
    """
    going = np.flatnonzero(rows[-1] & ~left)[::-1]
    order = np.argsort(last(worst(losses)[going]), kind="stable")
    left = left.copy()
    left[going[order[: max(0, r - int(left.sum()))]]] = True
    return left


def excluding(rule=drop, keep=kept_back, comes_back=False, rest=False, off=0):
    """All windows with `rule`; the arguments are mistakes that can be made."""

    def exclude(losses, alpha, T2, r):
        rows = [np.ones(losses.shape[1], dtype=bool)]
        ends = range(T2, len(losses) + (T2 if rest else 1), T2)
        for end in ends:
            window = losses[end - T2 : end]
            left = rule(window, np.ones_like(rows[-1]) if comes_back else rows[-1], alpha)
            rows.append(keep(rows, window, left, r + off))
        return np.array(rows)

    return exclude


def without_r(rows, window, left, r):
    return left


def refused(rows, window, left, r):
    """The mistake: a window that would leave too few drops nobody."""
    return left if left.sum() >= r else rows[-1]


def smallest_stay(*given):
    return kept_back(*given, last=lambda w: w)


def lowest_stay(*given):
    return kept_back(*given, last=lambda w: np.arange(len(w))[::-1])


def lower_stays(rows, losses, left, r):
    """The mistake: of equal losses the lowest number stays."""
    going = np.flatnonzero(rows[-1] & ~left)
    left = left.copy()
    left[going[np.argsort(-worst(losses)[going], kind="stable")[: max(0, r - int(left.sum()))]]] = True
    return left


def to_everyone(rows, window, left, r):
    """The mistake: where too few would be left, everyone is active again."""
    return left if left.sum() >= r else rows[0]


def over_windows(windows):
    """The mistake: other windows, a list of (begin, end) for len(losses) and T2."""

    def exclude(losses, alpha, T2, r):
        rows = [np.ones(losses.shape[1], dtype=bool)]
        for begin, end in windows(len(losses), T2):
            window = losses[begin:end]
            rows.append(kept_back(rows, window, drop(window, rows[-1], alpha), r))
        return np.array(rows)

    return exclude
