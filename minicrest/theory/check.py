"""Holds, violated, or not decided: a bound on a mean, held against independent samples, as many as it takes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from minicrest.arguments import flag, number, one_of, whole
from minicrest.random import stream

DIRECTIONS = ("<=", ">=", "=")
ROUNDING = 1e-12  # relative: what float64 may change in a comparison of numbers without spread


@dataclass(frozen=True)
class Verdict:
    """What an experiment gave: the bound (or the value derived), what was measured, and whether the bound holds.

    holds: True, False, or None where the samples do not decide.  direction: of measured against bound, "<=", ">=" or
    "=".  tightness: measured / bound (for ">=" bound / measured), or None: the report divides.  samples: how many the
    verdict rests on, 0 where it is exact.
    """

    bound: float
    measured: float
    holds: bool | None
    direction: str = "<="
    tightness: float | None = None
    samples: int = 0

    @property
    def word(self) -> str:
        """ "holds", "violated" or "undecided"."""
        return "undecided" if self.holds is None else "holds" if self.holds else "violated"


    @property
    def closeness(self) -> float:
        """`tightness`, or measured / bound (">=": bound / measured); NaN where that has no value."""
        if self.tightness is not None:
            return self.tightness
        over, under = (self.bound, self.measured) if self.direction == ">=" else (self.measured, self.bound)
        return over / under if under and math.isfinite(under) and math.isfinite(over) else math.nan


def tightest(verdicts) -> Verdict:
    """One verdict of several comparisons: it holds if all hold, and is violated if one is.

    Its numbers are those of a violated one, if there is one, else of an undecided one, else of the tightest.
    """
    order = {False: 2, None: 1, True: 0}
    return max(verdicts, key=lambda v: (order[v.holds], -math.inf if math.isnan(v.closeness) else v.closeness))


def salted(seed: int, salt: int = 0) -> int:
    """The seed that stands for `seed` in re-salted repetition `salt` of an experiment; salt 0 leaves it as it is."""
    return seed if salt == 0 else int(stream(seed, "salt", salt).integers(2**62))


def check_bound(
    measure: Callable, bound: float, *, direction: str = "<=", seed: int = 0, first: int = 16, limit: int = 1024,
    false_alarm: float = 1e-6, within: tuple[float, float] | None = None, tolerance: float = 0.0,
    batched: bool = False, salt: int = 0,
) -> Verdict:  # fmt: skip
    """Decide whether the mean of `measure` obeys `bound`, from first, 2 first, 4 first, ... at most `limit` samples.

    measure: `measure(seed) -> float`, an independent sample for each seed; if batched, (k,) seeds -> (k,) samples. The
    seeds are seed, seed + 1, ..., each `salted` by `salt`.
    direction: of the mean against the bound; "=" means no further off than `tolerance` > 0 to either side.

    At each look the mean may be found significantly inside the bound (holds) or outside (violated); else the samples
    double, and at the limit the verdict is undecided. Each of the two wrong answers has a probability of at most
    `false_alarm`, split evenly over the looks:
      - within=(a, b), which every sample must lie in: for every distribution, by the empirical Bernstein bound (Maurer,
        Pontil 2009, Theorem 4);
      - without: for normal, uniform, t5, exponential, lognormal(0.5) and two-point (0.3) samples, as simulations show;
        for lognormal(1) more, 1.5 times in each block (see `above`). Where rare samples carry the mean nothing is
        promised: give `within`. The first look is at 8 or more samples for each factor of 10 in 1/false_alarm.
    Samples without any spread are exact, and compared with the bound up to rounding, unless `within` is given.
    Raises ValueError for samples that are not finite or not inside `within`, and for arguments that do not fit.

    >>> check_bound(lambda seed: float(np.random.default_rng(seed).random()), 0.8, within=(0.0, 1.0)).word
    'holds'
    """
    one_of("direction", direction, DIRECTIONS)
    bound, tolerance = number("bound", bound), number("tolerance", tolerance, "[0, inf)")
    if (direction == "=") != (tolerance > 0):
        raise ValueError(f"tolerance must be positive for '=', and 0 otherwise, got {tolerance} for {direction!r}")
    first, limit = whole("first", first, 8), whole("limit", limit, whole("first", first))
    looks = math.ceil(math.log2(limit / first)) + 1
    alpha = number("false_alarm", false_alarm, "(0, 0.5)") / looks / (2 if direction == "=" else 1)
    low = -math.inf if direction == "<=" else bound - tolerance
    high = math.inf if direction == ">=" else bound + tolerance
    draw, samples = _sampler(measure, whole("seed", seed), whole("salt", salt), flag("batched", batched)), np.empty(0)
    least = first if within is not None else 8 * math.ceil(-math.log10(alpha))
    while True:
        n = min(limit, max(first, least, 2 * len(samples)))
        samples = np.append(samples, draw(range(len(samples), n)))
        holds = _decision(samples, low, high, alpha, _interval(within, samples))
        if holds is not None or n == limit:
            return Verdict(bound, float(samples.mean()), holds, direction, None, n)


def _sampler(measure, seed: int, salt: int, batched: bool):
    """A function of a range of places in the sequence of seeds: their samples."""

    def draw(places):
        seeds = [salted(seed + k, salt) for k in places]
        samples = np.asarray(measure(np.array(seeds)) if batched else [measure(s) for s in seeds], dtype=np.float64)
        if samples.shape != (len(seeds),) or not np.isfinite(samples).all():
            raise ValueError(f"measure must give a finite number for each seed, got {samples} for seeds {seeds}")
        return samples

    return draw


def _interval(within, samples) -> tuple[float, float] | None:
    """`within` checked: two numbers in order, and every sample between them."""
    if within is None:
        return None
    a, b = number("within", within[0]), number("within", within[1])
    if not a < b or samples.min() < a or samples.max() > b:
        raise ValueError(f"within must be (a, b), a < b, with every sample in it; got {within} and samples from "
                         f"{samples.min():g} to {samples.max():g}")  # fmt: skip
    return a, b


def _decision(samples, low: float, high: float, alpha: float, within) -> bool | None:
    """True if the mean is in (low, high), False if it is outside, None where `alpha` does not allow either."""
    if within is None and samples.min() == samples.max():
        slack = ROUNDING * abs(samples[0])
        return bool(low - slack <= samples[0] <= high + slack)
    if above(samples, low, alpha, within) and above(-samples, -high, alpha, _mirrored(within)):
        return True
    outside = above(-samples, -low, alpha, _mirrored(within)) or above(samples, high, alpha, within)
    return False if outside else None


def _mirrored(within):
    return None if within is None else (-within[1], -within[0])


def above(samples, level: float, alpha: float, within=None) -> bool:
    """True if the mean that samples (n,) come from is above `level`, wrongly with probability alpha.

    A t-test is badly wrong far out in its tail where samples are skewed (4,000 times too many alarms at 1e-7, for 16
    exponential samples) and nearly right at moderate levels. So the samples are cut into g blocks, and each of them
    must be significant at the level a = alpha^(1/g): the blocks are independent, so all are with probability alpha. g
    is the least number with a >= 0.8 / (samples in a block) and 8 samples in each. In a block Student's t and Hall's
    skewness-corrected t (Hall 1992) must both exceed the quantile of a/2.
    """
    if math.isinf(level):
        return level < 0
    n = len(samples)
    if within is not None:
        log, s = math.log(2 / alpha), samples.std(ddof=1)
        slack = s * math.sqrt(2 * log / n) + 7 * (within[1] - within[0]) * log / (3 * (n - 1))
        return bool(samples.mean() - slack > level)
    for g in range(1, n // 8 + 1):
        if alpha ** (1 / g) >= 0.8 / (n // g):
            return all(_block_above(block, level, alpha ** (1 / g) / 2) for block in np.array_split(samples, g))
    return False


def _block_above(x, level: float, alpha: float) -> bool:
    """True if Student's t and Hall's of the block x (n,) both exceed the quantile; a block without spread says nothing.

    Hall's: t + k t^2/3 + k^2 t^3/27 + k/(6n), all times sqrt(n), with k the skewness and t = (mean - level) / s.
    """
    from scipy.special import stdtrit

    if x.min() == x.max():
        return False
    scale = np.abs(x).max()  # no number of what follows depends on it; cubes of what diverges would overflow
    x, level = x / scale, level / scale
    n, mean, s = len(x), x.mean(), x.std(ddof=1)
    skew, t = ((x - mean) ** 3).mean() / x.std() ** 3, (mean - level) / s
    hall = t + skew * t**2 / 3 + skew**2 * t**3 / 27 + skew / (6 * n)
    return bool(math.sqrt(n) * min(t, hall) > -stdtrit(n - 1, alpha))
