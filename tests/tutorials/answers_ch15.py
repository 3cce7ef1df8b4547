"""Answers to tutorial 15: SECOND, right ones written another way, and WRONG ones with words of their hints."""

import math
import statistics

import numpy as np


def relative(full, method):
    return statistics.mean(100 - 100 * b / a for a, b in zip(full.tolist(), method.tolist()))


def verdict(d, least, t, fewest=3, spread=statistics.stdev, root=math.sqrt):
    """The test statistic in place of the interval."""
    if len(d) < fewest:
        return 0
    z = (statistics.mean(d.tolist()) - least) / (spread(d.tolist()) / root(len(d)))
    return int(z > t) - int(z < -t)


def together(verdicts):
    kinds = set(verdicts.tolist())
    return -1 if -1 in kinds else 0 if 0 in kinds else 1


def speed_up(bill, accuracy, target, full, enough=lambda a, target: a >= target):
    for b, a in zip(bill, accuracy):
        if enough(a, target):
            return full / b
    return 0.0


SECOND = {"15.relative": relative, "15.verdict": verdict, "15.together": together, "15.speed": speed_up}

WRONG = [
    ("15.verdict", lambda d, least, t: verdict(d - d.mean() + np.median(d), least, t), "come out right"),
    ("15.verdict", lambda d, least, t: 0 if len(d) < 3 else int(np.sign(d.mean() - least)) * int(
        abs(d.mean() - least) > t * d.std() / len(d) ** 0.5), "n in the denominator"),
    ("15.verdict", lambda d, least, t: verdict(d, abs(least), t), "come out right"),
    ("15.speed", lambda b, a, t, f: max(1.0, speed_up(b, a, t, f)) if (a >= t).any() else 0.0, "below 1 is one too"),
    ("15.relative", lambda f, m: 1 - statistics.mean((m / f).tolist()), "per cent"),
    ("15.relative", lambda f, m: statistics.mean((100 * f / m - 100).tolist()), "divided by the method's"),
    ("15.relative", lambda f, m: 100 - 100 * m.sum() / f.sum(), "before the quotient"),
    ("15.relative", lambda f, m: -relative(f, m), "sign is turned"),
    ("15.relative", lambda f, m: f.mean() - m.mean(), "in points"),
    ("15.relative", lambda f, m: np.abs(100 - 100 * m / f).mean(), "made positive"),
    ("15.relative", lambda f, m: (100 - 100 * np.minimum(m / f, 1)).mean(), "cut off"),
    ("15.relative", lambda f, m: (100 - 100 * m / f).sum(), "sum over the seeds"),
    ("15.relative", lambda f, m: 100 - relative(f, m), "accuracy relative"),
    ("15.relative", lambda f, m: 100 - 100 * m / f, "each seed"),
    ("15.relative", lambda f, m: statistics.median((100 - 100 * m / f).tolist()), "median"),
    ("15.relative", lambda f, m: (100 * (f - m) / (100 - f)).mean(), "gets wrong"),
    ("15.verdict", lambda d, a, t: verdict(d, 0, t), "compared with 0"),
    ("15.verdict", lambda d, a, t: verdict(d, a, t, fewest=2), "fewer than three"),
    ("15.verdict", lambda d, a, t: verdict(d, a, 0), "mean alone"),
    ("15.verdict", lambda d, a, t: verdict(d, a, 1), "t is not used"),
    ("15.verdict", lambda d, a, t: verdict(d, a, t, root=lambda n: 1), "root of the number"),
    ("15.verdict", lambda d, a, t: -verdict(d, a, t), "changed places"),
    ("15.verdict", lambda d, a, t: abs(verdict(d, a, t)), "opposite"),
    ("15.verdict", lambda d, a, t: max(verdict(d, a, t), 0), "-1 is missing"),
    ("15.verdict", lambda d, a, t: 1 if verdict(d, a, t) > 0 else -1, "0 is missing"),
    ("15.verdict", lambda d, a, t: 0 if len(d) < 3 else int(min(d) > a) - int(max(d) < a), "all differences"),
    ("15.verdict", lambda d, a, t: verdict(d, a + 1e-6, t), "0 where 1, and -1 where 0 is expected"),
    ("15.verdict", lambda d, a, t: verdict(d, a - 1e-6, t), "1 where 0, and 0 where -1 is expected"),
    ("15.verdict", lambda d, a, t: verdict(d, a + 0.01 * np.sign(d.mean() - a), t), "19 of the 21 inputs"),
    ("15.verdict", lambda d, a, t: verdict(d, np.round(a, 3), t), "of the 21 inputs come out right"),
    ("15.verdict", lambda d, a, t: 0, ""),
    ("15.verdict", lambda d, a, t: 1, ""),
    ("15.together", lambda v: -1 if -1 in v else int(1 in v), "one that holds"),
    ("15.together", lambda v: -1 if set(v) == {-1} else int(set(v) == {1}), "whatever the others"),
    ("15.together", lambda v: int(np.sign(sum(v))), "majority"),
    ("15.together", lambda v: sum(v) / len(v), "mean of the verdicts"),
    ("15.together", lambda v: max(v), "best of"),
    ("15.together", lambda v: v[0], "first of"),
    ("15.together", lambda v: v[-1], "last of"),
    ("15.together", lambda v: int(np.prod(v)), "product"),
    ("15.together", lambda v: int(set(v) == {1}), "-1 is missing"),
    ("15.together", lambda v: -together(v), "changed places"),
    ("15.together", lambda v: -1 if -1 in v else int(-1 not in v and set(v) != {0}), ""),
    ("15.together", lambda v: -1 if -1 in v else 1, "left out of the count"),
    ("15.speed", lambda b, a, t, f: speed_up(b, a, t, f, lambda a, t: a > t), "exactly the target"),
    ("15.speed", lambda b, a, t, f: speed_up(b[::-1], a[::-1], t, f), "last evaluation at or above"),
    ("15.speed", lambda b, a, t, f: speed_up(b, a, t, f) and 1 / speed_up(b, a, t, f), "upside down"),
    ("15.speed", lambda b, a, t, f: speed_up(b, a, t, f) and f / speed_up(b, a, t, f), "divides full training's"),
    ("15.speed", lambda b, a, t, f: speed_up(b, a, t, f) and f - f / speed_up(b, a, t, f), "what is saved"),
    ("15.speed", lambda b, a, t, f: speed_up(b, a, t, f) and 1 - 1 / speed_up(b, a, t, f), "part of the bill"),
    ("15.speed", lambda b, a, t, f: speed_up(b, a, t, f) or 1, "it is 1"),
    ("15.speed", lambda b, a, t, f: speed_up(b, a, t, f) or f / b[-1], "last evaluation counts"),
    ("15.speed", lambda b, a, t, f: f / b[np.argmax(a)] if max(a) >= t else 0, "best accuracy"),
    ("15.speed", lambda b, a, t, f: f / b[-1] if max(a) >= t else 0, "whole bill"),
    ("15.speed", lambda b, a, t, f: speed_up(np.r_[b[0], b], a, t, f), "evaluation before"),
    ("15.speed", lambda b, a, t, f: speed_up(b, a, t, f, lambda a, t: a < t), "not below it"),
]
