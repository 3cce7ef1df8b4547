"""Tutorial 07: the inputs of its exercises, its solutions, and what wrong answers are made of."""

import math

import numpy as np

from minicrest.teaching.exercise import Asked

rng = np.random.default_rng(7)
G, DELTA, START = rng.standard_normal((3, 5))
CURVED = rng.random(5) + 0.5
VALUE = 1.7 + G @ DELTA + 0.5 * CURVED @ DELTA**2
SIZES = np.logspace(-2, -0.5, 7)
ERRORS = 0.3 * SIZES**2.4 * np.exp(0.1 * rng.standard_normal(7))  # scattered about a power law
NARROW = np.array([0.3, -0.2, 0.1, 0.4])
DOWN = (0.2, -10 * DELTA, CURVED - CURVED.mean(), DELTA)  # all that comes to it is negative, and so is the model


def value(constant, g, H, delta):
    return constant + g @ delta + 0.5 * (H * delta) @ delta


def rho(constant, g, H, delta, loss):
    return abs(value(constant, g, H, delta) - loss) / loss


def slope(x, y):
    return np.polyfit(x, y, 1)[0]


def periods(h, b, H0, H, longest, up=math.ceil, size=np.linalg.norm):
    T1 = min(longest, up(h * size(H0) / size(H)))
    return T1, min(longest, up(b * T1))


def from_the_unbounded(h, b, H0, H, longest):
    """The mistake: P from the T1 that has not been bounded yet."""
    T1 = math.ceil(h * np.linalg.norm(H0) / np.linalg.norm(H))
    return min(longest, T1), min(longest, math.ceil(b * T1))


def from_the_ratio(h, b, H0, H, longest):
    """The mistake: P from h |H0| / |H| before it is rounded."""
    ratio = h * np.linalg.norm(H0) / np.linalg.norm(H)
    return min(longest, math.ceil(ratio)), min(longest, math.ceil(b * ratio))


def regions(
    rho,
    period,
    tau,
    steps,
    late=0,
    since_zero=False,
    every=False,
    reach=0,
    last_check=False,
    once=False,
    asks=False,
    closes=lambda error, tau: error > tau,
):
    """The schedule; each keyword makes one mistake."""
    starts, base = [0], 0
    for t in range(1, steps + reach):
        open_for = t if since_zero else t - starts[-1]
        if asks:
            rho(base, t)
        due = open_for == period(starts[-1]) if once else open_for % period(starts[-1]) == 0
        if not every and not due:
            continue
        if closes(rho(base, t), tau):
            starts.append(t + late)
            base = t + late
        elif last_check:
            base = t
    return np.array(starts)


def all_checks(rho, period, tau, steps):
    """The mistake: every check opens a region."""
    return regions(rho, period, tau, steps, closes=lambda error, tau: True)


def growing(start, t):
    """The error of a model that opened at `start`: in sixteenths, so that it can equal tau."""
    return (t - start) * (1 + start % 3) / 16


def lasting(start):
    return 5 if start == 0 else 2 + start % 3


RHO = Asked(growing, "the calls of rho")
MODEL = (1.7, G, CURVED, DELTA)
ABOVE, BELOW = VALUE + 0.4, VALUE - 0.3  # losses that the model falls short of, and exceeds
