"""Answers to tutorial 07: SECOND, right ones written another way, and WRONG ones with words of their hints."""

import numpy as np

from minicrest.taylor import Quadratic


def by_entries(constant, g, H, delta):
    return constant + sum(d * (a + h * d / 2) for a, h, d in zip(g, H, delta))


def package_rho(constant, g, H, delta, loss):
    return Quadratic(constant, g, H).relative_error(delta, loss)


def covariance_slope(sizes, errors):
    s, e = np.log10(sizes), np.log10(errors)  # the base cancels
    return np.mean((s - s.mean()) * (e - e.mean())) / s.var()


def counted_periods(h, b, H0, H, longest):
    """The smallest whole numbers that are large enough."""
    ratio = h * np.sqrt((H0**2).sum() / (H**2).sum())
    T1 = next(k for k in range(1, longest + 1) if k >= ratio or k == longest)
    return T1, next(k for k in range(1, longest + 1) if k >= b * T1 or k == longest)


def region_by_region(rho, period, tau, steps):
    """From check to check, without visiting the steps between."""
    starts, check = [0], period(0)
    while check < steps:
        if rho(starts[-1], check) > tau:
            starts.append(check)
        check += period(starts[-1])
    return np.array(starts)


SECOND = {
    "07.value": by_entries,
    "07.rho": package_rho,
    "07.order": covariance_slope,
    "07.periods": counted_periods,
    "07.regions": region_by_region,
}


def next_whole(h, b, H0, H, longest):
    """The periods with int(1 + x) in place of x rounded up."""
    T1 = min(longest, int(1 + h * np.linalg.norm(H0) / np.linalg.norm(H)))
    return T1, min(longest, int(1 + b * T1))


def wrongly(change):
    """The schedule with `change(rho, period, tau, steps)` in place of its arguments."""
    return lambda *arguments: region_by_region(*change(*arguments))


def stale(rho, period, tau, steps):
    """A schedule that measures from the last check."""
    starts, last = [0], 0
    for t in range(1, steps):
        if (t - starts[-1]) % period(starts[-1]) == 0:
            if rho(last, t) > tau:
                starts.append(t)
            last = t
    return np.array(starts)


def one_clock(rho, period, tau, steps):
    starts = [0]
    for t in range(1, steps):
        if t % period(starts[-1]) == 0 and rho(starts[-1], t) > tau:
            starts.append(t)
    return np.array(starts)


WRONG = [
    ("07.value", lambda c, g, H, d: by_entries(c, 0 * g, H, d) + abs(g @ d), "where every entry of g is 0"),
    ("07.value", lambda c, g, H, d: by_entries(c, g, abs(H), d), "where every entry of H is 0"),
    ("07.rho", lambda c, g, H, d, loss: abs(abs(by_entries(c, g, H, d)) - loss) / loss, "made positive first"),
    ("07.periods", lambda h, b, H0, H, longest: next_whole(h, b, H0, H, longest), "whole already"),
    ("07.value", lambda c, g, H, d: by_entries(c, g, 2 * H, d), "lacks its factor"),
    ("07.value", lambda c, g, H, d: by_entries(0, g, H, d), "constant is missing"),
    ("07.value", lambda c, g, H, d: c + g @ d + H @ d / 2, "not squared"),
    ("07.value", lambda c, g, H, d: c + g * d + H * d * d / 2, "added up"),
    ("07.value", lambda c, g, H, d: by_entries(c, g, -H, d), "bend the model up"),
    ("07.rho", lambda c, g, H, d, loss: abs(by_entries(c, g, H, d) - loss), "relative to what"),
    ("07.rho", lambda c, g, H, d, loss: abs(1 - loss / by_entries(c, g, H, d)), "the measured loss"),
    ("07.rho", lambda c, g, H, d, loss: by_entries(c, g, H, d) / loss - 1, "too low"),
    ("07.rho", lambda c, g, H, d, loss: package_rho(c, g, H, d, loss) * loss / c, "where the region began"),
    ("07.rho", lambda c, g, H, d, loss: package_rho(c, g, None, d, loss), "lacks its curvature"),
    ("07.order", lambda s, e: np.polyfit(s, e, 1)[0], "no logarithms"),
    ("07.order", lambda s, e: np.polyfit(s, np.log(e), 1)[0], "only the errors"),
    ("07.order", lambda s, e: covariance_slope(e, s), "changed places"),
    ("07.order", lambda s, e: np.polyfit(np.log(s), np.log(e), 1), "is expected"),
    ("07.order", lambda s, e: np.log(e[0] / e[-1]) / np.log(s[0] / s[-1]), "first and last"),
    ("07.periods", lambda h, b, H0, H, k: counted_periods(h, b, H, H0, k), "upside down"),
    ("07.periods", lambda h, b, H0, H, k: counted_periods(1, b, H0, H, k), "h does nothing"),
    ("07.periods", lambda h, b, H0, H, k: counted_periods(h, 1, H0, H, k), "b does nothing"),
    ("07.periods", lambda *q: counted_periods(*q[:-1], 10**6), "below `longest`"),
    ("07.periods", lambda *q: counted_periods(*q)[::-1], "other order"),
    ("07.regions", wrongly(lambda rho, period, tau, steps: (rho, lambda s: 1, tau, steps)), "before every step"),
    ("07.regions", wrongly(lambda rho, period, tau, steps: (rho, period, tau - 1e-9, steps)), "equals tau"),
    ("07.regions", lambda *q: region_by_region(*q)[1:], "first region"),
    ("07.regions", wrongly(lambda rho, period, tau, steps: (rho, period, tau, steps + 1)), "after the last step"),
    ("07.regions", stale, "where was the model made"),
    ("07.regions", one_clock, "own clock"),
]
