"""Tutorial 09: the inputs of its exercises, its solutions, and what wrong answers are made of."""

import math

import numpy as np

rng = np.random.default_rng(9)
G, H = rng.standard_normal((4, 3)), 3 * rng.standard_normal((4, 3))
NEVER = -np.inf
ACTIVE = np.array([True, True, True, True, True, False, True, False])
WORST = np.array([0.02, NEVER, 0.1, 0.5, 0.09, 0.7, 0.3, NEVER])  # one on the edge; two that were dropped before
LAST = np.array([0.02, NEVER, 0.05, 0.03, 0.09, NEVER, 0.06, 0.01])  # all but the unseen one would go
NEAR = np.array([0.02, 0.03, 0.2, 0.5, 0.09, 0.7, 0.3, NEVER])  # three would go, and three would stay
LEARNED = np.array([0.02, NEVER, 0.05, 0.5, 0.09, NEVER, 0.3, 0.01])  # four of the active would go
EDGE = 0.0712345678  # an alpha, with a loss just below it and one just above; and three losses almost equal
BESIDE = np.array([0.05 + 3e-9, NEVER, 0.05 + 1e-9, EDGE + 1e-10, 0.05 + 2e-9, NEVER, EDGE - 1e-10, 0.01])
EQUAL = np.array([0.05, NEVER, 0.02, 0.05, 0.05, NEVER, 0.054, 0.01])  # three equals, and one a little larger

# ---- smoothing


def average(x, beta):
    ages = np.arange(len(x))[::-1]
    return (1 - beta) * (beta**ages) @ x / (1 - beta ** len(x))


def smooth(g, H, beta1, beta2):
    return average(g, beta1), np.sqrt(average(H**2, beta2))


def uncorrected(g, H, beta1, beta2):
    """The mistake: the averages start at 0 and stay too small."""
    a, b = smooth(g, H, beta1, beta2)
    return a * (1 - beta1 ** len(g)), b * np.sqrt(1 - beta2 ** len(H))


# ---- dropping


def drop(active, worst, alpha, r, learned=None, order=None):
    """The learned go, the smallest losses first, until r are active; `learned` and `order` for mistakes."""
    learned = np.flatnonzero(active & (worst > -np.inf) & (worst < alpha)) if learned is None else learned
    order = np.argsort(worst[learned], kind="stable") if order is None else order
    left = active.copy()
    left[learned[order[: max(0, int(active.sum()) - r)]]] = False
    return left


def counted_back(active, worst, alpha, r):
    """The mistake: a slice whose end is negative, where there are fewer than r."""
    learned = small(active, worst, alpha)
    left = active.copy()
    left[learned[np.argsort(worst[learned], kind="stable")][: int(active.sum()) - r]] = False
    return left


def small(active, worst, alpha, r=0):
    """The numbers of the learned."""
    return np.flatnonzero(active & (worst > -np.inf) & (worst < alpha))


def all_or_nothing(instead=lambda active: active):
    """The mistake: where fewer than r would stay, no single example is dropped, or instead(active) is active."""

    def answer(active, worst, alpha, r):
        left = drop(active, worst, alpha, 0)
        return left if left.sum() >= r else instead(active)

    return answer


# ---- the bill


def bill(P, checks, steps, m, r, choosing=1, model=7, constant=1, check=1, step=3):
    """The bill at other prices an example; the defaults are right."""
    P = np.asarray(P)
    return choosing * P * r + model * P * m + constant * r, check * checks * r + step * m * steps


def one_subset(P, checks, steps, m, r):
    regions, rest = bill(P, checks, steps, m, r)
    return regions - (np.asarray(P) - 1) * r, rest


def whole_subsets(P, checks, steps, m, r):
    regions, rest = bill(P, checks, steps, m, r, model=0)
    return regions + 7 * r * np.asarray(P), rest


def small_checks(P, checks, steps, m, r):
    regions, rest = bill(P, checks, steps, m, r, check=0)
    return regions, rest + checks * m


def large_steps(P, checks, steps, m, r):
    regions, rest = bill(P, checks, steps, m, r, step=0)
    return regions, rest + 3 * r * steps


# ---- the loop: a toy whose regions hold while w has moved less than 0.3, more or less


def opens(w, t):
    return (3, 1, 2, 4, 2)[t % 5], w


def holds(origin, w):
    return bool(abs(w - origin) <= 0.3)


def move(origin, w, t):
    return w + 0.05 + 0.1 * math.sin(1 + 3 * t) ** 2 + 0.02 * origin


def loop(w, steps, opens, holds, move):
    opened, checked, region, T1 = [], [], None, 0
    for t in range(steps):
        if opened and (t - opened[-1]) % T1 == 0:
            checked.append(t)
            region = region if holds(region, w) else None
        if region is None:
            T1, region = opens(w, t)
            opened.append(t)
        w = move(region, w, t)
    return w, opened, checked


TURNS = [None, (0, 4, 7.0), (0, 4, 7.0), (0, 4, 9.0), (5, 3, 9.0), (5, 3, 9.0), (5, 1, 9.0), (2, 5, 7.0), (6, 4, 9.0)]
STEPS = [0, 2, 4, 8, 7, 9, 6, 12, 14]  # none open; not due; holds; fails; not due twice; fails; holds again; fails late


def turn(open, t, opens, holds):
    if open is not None:
        start, T1, region = open
        if (t - start) % T1 or holds(region):
            return open
    return (t, *opens(t))


def turning(due=lambda t, start, T1: (t - start) % T1 == 0, fails=lambda held: not held, asks=False, new=turn):
    """A turn with one mistake: another time to check, another reading of it, another new region."""

    def answer(open, t, opens, holds):
        if open is None:
            return (t, *opens(t))
        start, T1, region = open
        held = holds(region) if asks else None
        if due(t, start, T1) and fails(holds(region) if held is None else held):
            return (t, *opens(t)) if new is turn else new(open, t, opens)
        return open

    return answer


def loop_with(
    due=lambda t, start, T1: (t - start) % T1 == 0, late=0, after=False, turned=False, keep=False, on=False, reach=0
):
    """The loop with one mistake: another time to check, a region opened late, checks after the step, and so on."""

    def mistaken(w, steps, opens, holds, move):
        T1, region = opens(w, 0)
        opened, checked, stale = [0], [0] if on else [], None
        for t in range(steps):
            w = move(region, w, t) if after else w
            if t and due(t, opened[-1], T1):
                checked.append(t)
                if holds(region, w) == turned and stale is None:
                    stale = t + late
            if stale is not None and stale <= t:
                new, region = opens(w, t)
                T1 = T1 if keep else new
                opened.append(t)
                checked += [t] if on else []
                stale = None
            w = w if after else move(region, w, t)
        if reach and due(steps, opened[-1], T1):
            checked.append(steps)
        return w, opened, checked

    return mistaken


def loop_then(change):
    """The loop, its three results changed."""
    return lambda *arguments: change(*loop(*arguments))


def from_the_start(w, steps, opens, holds, move):
    """The mistake: a region that holds is opened again at its check, and so lasts only T1."""
    return loop(w, steps, opens, lambda region, w: False, move)


def always_holding(w, steps, opens, holds, move):
    """The mistake: what the check says is not used."""
    return loop(w, steps, opens, lambda region, w: holds(region, w) or True, move)


def frozen(w, steps, opens, holds, move):
    """The mistake: the first region is used for ever, though others are opened."""
    first = opens(w, 0)[1]
    return loop(w, steps, opens, holds, lambda region, w, t: move(first, w, t))
