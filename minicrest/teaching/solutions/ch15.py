"""Tutorial 15: the inputs of its exercises, its solutions, and what wrong answers are made of."""

import numpy as np

FULL, METHOD = np.array([98.0, 97.5, 98.5, 60.0]), np.array([95.0, 97.9, 90.0, 57.0])
PAIRS = [
    (np.array([1.0, 1.4, 0.9, 1.2]), 0.0, 3.18),
    (np.array([1.0, 1.4, 0.9, 1.2]), 0.9, 3.18),
    (np.array([1.0, 1.4, 0.9, 1.2]), 2.0, 3.18),
    (np.array([1.0, 1.4, 0.9, 1.2]), 1.0, 3.18),
    (np.array([1.0, 1.4, 0.9, 1.2]), 0.5, 3.18),
    (np.array([0.3, 0.9, 0.35, 0.8, 0.4, 0.7]), 0.29, 4.0),
    (np.array([-0.5, -0.8, -0.4, -0.6, -0.7]), 0.0, 2.78),
    (np.array([-0.5, 2.8, 0.4, 0.6, -0.7]), 0.0, 2.78),
    (np.array([1.0, 1.4, 0.9, 1.2]), 1.2, 3.18),
    (np.array([3.0, 3.1, 3.2]), 0.0, 4.3),
    (np.array([3.0, 3.1]), 0.0, 12.7),
    (np.array([-3.0, -3.0001]), 0.0, 0.01),
    (np.array([0.3, 0.9, 0.35, 0.8, 0.4, 0.7]), 0.36, 2.57),
]
LONE = np.array([-1.0, -1.0, -1.0, 3.0])  # the interval at t = 3.18 is the mean +- 3.18; next: just beside its ends
PAIRS += [(LONE + 1 / 3, 1 / 3 + end + by, 3.18) for end in (-3.18, 3.18) for by in (-1e-7, 1e-7)]
PAIRS += [(LONE + 3.34, 0.0, 3.18), (LONE + 3.02, 0.0, 3.18), (0.1 * LONE - 0.302, 0.0, 3.18), (0.1 * LONE, -0.5, 3.18)]
SEVERAL = [np.array(v) for v in ([1, 1, 1], [1, 0, 1], [1, -1, 1], [0, 0], [-1, 0, 0], [-1, -1], [1], [0, -1, -1])]
BILLS = np.array([10.0, 25.0, 60.0, 100.0, 180.0])
CURVES = [
    (BILLS, np.array([0.5, 0.8, 0.9, 0.94, 0.95]), 0.9, 200.0),
    (BILLS, np.array([0.5, 0.8, 0.9, 0.94, 0.95]), 0.93, 200.0),
    (BILLS, np.array([0.5, 0.85, 0.7, 0.94, 0.9]), 0.82, 240.0),
    (BILLS, np.array([0.5, 0.85, 0.9, 0.84, 0.8]), 0.88, 240.0),
    (BILLS, np.array([0.5, 0.6, 0.7, 0.75, 0.8]), 0.9, 200.0),
    (BILLS[1:], np.array([0.95, 0.96, 0.91, 0.97]), 0.9, 200.0),
    (BILLS, np.array([0.5, 0.6, 0.7, 0.75, 0.95]), 0.9, 100.0),
]


def relative(full, method):
    return float((100 * (full - method) / full).mean())


def half(d, t, ddof=1, root=np.sqrt):
    return t * d.std(ddof=ddof) / root(len(d)) if len(d) > 1 else np.inf


def verdict(d, least, t, width=half, fewest=3, claimed=lambda least: least, centre=np.mean):
    """1, 0 or -1; the arguments are mistakes that can be made."""
    if len(d) < fewest:
        return 0
    low, high, bar = centre(d) - width(d, t), centre(d) + width(d, t), claimed(least)
    return int(low > bar) - int(high < bar)


def together(verdicts):
    return -1 if (verdicts == -1).any() else int((verdicts == 1).all())


def speed_up(bill, accuracy, target, full, reaches=lambda a, target: a >= target, ratio=lambda full, b: full / b):
    places = np.flatnonzero(reaches(accuracy, target))
    return float(ratio(full, bill[places[0]])) if len(places) else 0.0


def at_last(bill, accuracy, target, full):
    """The mistake: the last look below the target counts, so that a fall later on undoes it."""
    below = np.flatnonzero(accuracy < target)
    after = below[-1] + 1 if len(below) else 0
    return float(full / bill[after]) if after < len(bill) else 0.0
