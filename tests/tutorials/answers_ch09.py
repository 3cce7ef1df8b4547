"""Answers to tutorial 09: SECOND, right ones written another way, and WRONG ones with words of their hints."""

import math

import numpy as np


def running(x, beta):
    """The corrected average, one value after the other."""
    total = 0
    for value in x:
        total = beta * total + (1 - beta) * value
    return total / (1 - beta ** len(x))


def smooth(g, H, beta1, beta2):
    return [running(g, beta1), running(H * H, beta2) ** 0.5]


def drop(active, worst, alpha, r, first=min):
    """One after the other, the smallest recorded loss first."""
    left = list(map(bool, active))
    while sum(left) > r:
        learned = [i for i, w in enumerate(worst) if left[i] and -math.inf < w < alpha]
        if not learned:
            break
        left[first(learned, key=lambda i: worst[i])] = False
    return np.array(left)


def bill(P, checks, steps, m, r):
    regions = []
    for coresets in P:
        regions.append(r)
        for _ in range(coresets):
            regions[-1] += r + m + 2 * m + 4 * m
    return [np.array(regions), checks * r + steps * (m + 2 * m)]


def priced(region, rest):
    """A bill by a formula for a region of P coresets, and one for all else."""
    return lambda P, c, s, m, r: (np.array([region(p, m, r) for p in P]), rest(c, s, m, r))


def usual(c, s, m, r):
    return c * r + 3 * s * m


def loop(w, steps, opens, holds, move):
    """A countdown to the next check in place of a remainder."""
    T1, region = opens(w, 0)
    opened, checked, left = [0], [], T1
    for t in range(steps):
        if left == 0:
            checked.append(t)
            if not holds(region, w):
                T1, region = opens(w, t)
                opened.append(t)
            left = T1
        w = move(region, w, t)
        left -= 1
    return w, np.array(opened), np.array(checked)


def turn(open, t, opens, holds):
    start, T1, region = open or (t - 1, 1, None)
    fine = holds(region) if open and t in range(start, t + 1, T1) else bool(open)
    return [start, T1, region] if fine else [t, *opens(t)]


SECOND = {"09.smooth": smooth, "09.drop": drop, "09.bill": bill, "09.loop": loop, "09.turn": turn}


def small(active, worst, alpha):
    return np.flatnonzero(active & (worst < alpha) & (worst > -np.inf))


def dropped(active, worst, r, may_go):
    """Those of `may_go` with the smallest losses go, as many as a slice says: a negative end counts from the back."""
    left = active.copy()
    left[may_go[np.argsort(worst[may_go], kind="stable")][: active.sum() - r]] = False
    return left


def by_the_clock(w, steps, opens, holds, move):
    T1, region = opens(w, 0)
    opened, checked = [0], []
    for t in range(steps):
        if t and t % T1 == 0:
            checked.append(t)
            if not holds(region, w):
                T1, region = opens(w, t)
                opened.append(t)
        w = move(region, w, t)
    return w, opened, checked


def every_step(w, steps, opens, holds, move):
    opened, region = [0], opens(w, 0)[1]
    for t in range(steps):
        if t and not holds(region, w):
            region = opens(w, t)[1]
            opened.append(t)
        w = move(region, w, t)
    return w, opened, list(range(1, steps))


def turned(w, steps, opens, holds, move):
    return loop(w, steps, opens, lambda region, w: not holds(region, w), move)


def kept(w, steps, opens, holds, move):
    return loop(w, steps, lambda w, t, T1=opens(w, 0)[0]: (T1, opens(w, t)[1]), holds, move)


def after(w, steps, opens, holds, move):
    """Checks at the end of a step, on weights that the stale region has moved."""
    T1, region = opens(w, 0)
    opened, checked = [0], []
    for t in range(steps):
        w = move(region, w, t)
        if t > opened[-1] and (t - opened[-1]) % T1 == 0:
            checked.append(t)
            if not holds(region, w):
                T1, region = opens(w, t)
                opened.append(t)
    return w, opened, checked


WRONG = [
    ("09.drop", lambda a, w, alpha, r: dropped(a, w, r, small(a, w, alpha)), "counts from the back"),
    ("09.drop", lambda a, w, alpha, r: dropped(a, w, min(r, a.sum()), small(a, w, alpha)[::-1]), "highest number"),
    ("09.smooth", lambda g, H, a, b: (running(g, a) * (1 - a ** len(g)),
                                      (running(H * H, b) * (1 - b ** len(g))) ** 0.5), "correction is missing"),
    ("09.smooth", lambda g, H, a, b: (running(g, a), running(H * H, b)), "root is missing"),
    ("09.smooth", lambda g, H, a, b: (running(g, a), running(H, b)), "where are the squares"),
    ("09.smooth", lambda g, H, a, b: smooth(g[::-1], H[::-1], a, b), "backwards"),
    ("09.smooth", lambda g, H, a, b: smooth(g, H, b, a), "changed places"),
    ("09.smooth", lambda g, H, a, b: (np.mean(g, 0), np.sqrt(np.mean(H**2, 0))), "plain means"),
    ("09.drop", lambda a, w, alpha, r: drop(a, np.where(w == -math.inf, -1, w), alpha, r), "not seen"),
    ("09.drop", lambda a, w, alpha, r: drop(np.ones(len(a), bool), w, alpha, r), "come back"),
    ("09.drop", lambda a, w, alpha, r: drop(a, w, alpha, -1), "r is not used"),
    ("09.drop", lambda a, w, alpha, r: a if drop(a, w, alpha, 0).sum() < r else drop(a, w, alpha, 0), "nobody is"),
    ("09.drop", lambda a, w, alpha, r: drop(a, w, np.nextafter(alpha, 1), r), "exactly alpha"),
    ("09.drop", lambda a, w, alpha, r: drop(a, w, alpha, r, max), "largest losses go first"),
    ("09.drop", lambda a, w, alpha, r: drop(a, w, alpha, r, lambda i, key: i[0]), "lowest numbers"),
    ("09.drop", lambda a, w, alpha, r: drop(a, w, alpha, r + 1), "r + 1"),
    ("09.drop", lambda a, w, alpha, r: drop(a, w, alpha, r - 1), "too many goes"),
    ("09.drop", lambda a, w, alpha, r: drop(a, w, 1e9, r), "not learned go as well"),
    ("09.drop", lambda a, w, alpha, r: a & ~drop(a, w, alpha, r), "who was dropped"),
    ("09.drop", lambda a, w, alpha, r: a, "nothing is dropped"),
    ("09.drop", lambda a, w, alpha, r: drop(a, np.round(w, 3), alpha, r), "of the 16 inputs come out right"),
    ("09.drop", lambda a, w, alpha, r: drop(a, np.float32(w), np.float32(alpha), r), "of the 16 inputs come out right"),
    ("09.drop", lambda a, w, alpha, r: drop(a, np.where(w < alpha, np.round(w, 6), w), alpha, r), "of the 16 inputs"),
    ("09.turn", lambda o, t, opens, holds: o if o and holds(o[2]) else (t, *opens(t)), "in every step"),
    ("09.turn", lambda o, t, opens, holds: o if o and (t % o[1] or holds(o[2])) else (t, *opens(t)), "by the clock"),
    ("09.turn", lambda o, t, opens, holds: o if o and (t - o[0] != o[1] or holds(o[2])) else (t, *opens(t)), "once"),
    ("09.turn", lambda o, t, opens, holds: o if o and ((t - o[0]) % o[1] or not holds(o[2])) else (t, *opens(t)),
     "turned round"),
    ("09.turn", lambda o, t, opens, holds: o if o and (t - o[0]) % o[1] else (t, *opens(t)), "what does it say"),
    ("09.turn", lambda o, t, opens, holds: o or (t, *opens(t)), "no check at all"),
    ("09.turn", lambda o, t, opens, holds: o if o and (holds(o[2]) or (t - o[0]) % o[1]) else (t, *opens(t)), "price"),
    ("09.turn", lambda *q: [*turn(*q)[1:], turn(*q)[0]], "another order"),
    ("09.turn", lambda *q: turn(*q)[1:], "start is missing"),
    ("09.turn", lambda o, t, opens, holds: (t, *opens(t)), "opens in every step"),
    ("09.turn", lambda o, t, opens, holds: (t, *opens(t)) if (t, o) == (0, None) else o, "no check at all"),
    ("09.turn", lambda o, t, opens, holds: o if o and ((t + o[0]) % o[1] or holds(o[2])) else (t, *opens(t)),
     "t + start"),
    ("09.bill", priced(lambda P, m, r: P * r + 7 * P * m, usual), "constant"),
    ("09.bill", priced(lambda P, m, r: P * r + 3 * P * m + r, usual), "lacks its Hessian"),
    ("09.bill", priced(lambda P, m, r: P * (r + 6 * m) + r, lambda c, s, m, r: c * r + 2 * s * m), "both are paid"),
    ("09.bill", priced(lambda P, m, r: r + 7 * P * m + r, usual), "one subset"),
    ("09.bill", priced(lambda P, m, r: P * (r + 7 * m) + r, lambda c, s, m, r: c * m + 3 * s * m), "losses on V_r"),
    ("09.bill", lambda P, c, s, m, r: (sum(P) * (r + 7 * m) + len(P) * r, usual(c, s, m, r)), "what each one costs"),
    ("09.loop", by_the_clock, "by the clock"),
    ("09.loop", every_step, "what is T1 for"),
    ("09.loop", turned, "turned round"),
    ("09.loop", kept, "brings its own"),
    ("09.loop", after, "after the step"),
]  # fmt: skip
