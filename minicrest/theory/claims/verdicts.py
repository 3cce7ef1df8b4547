"""Several comparisons as one verdict, and the seeds of a re-salted repetition."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from minicrest.theory.claims.base import Verdict, check_bound, salted

ROUNDING = 1e-9  # relative: float64 sums of some hundred terms


def seeds(count: int, salt: int = 0) -> list[int]:
    """0, 1, ..., count - 1 for salt 0; as many others for another salt."""
    return [salted(seed, salt) for seed in range(count)]


def exact(bound: float, measured: float, direction: str = "<=") -> Verdict:
    """The verdict on two numbers that are known up to rounding: a part of 1e-9 of the bound."""
    slack = ROUNDING * abs(bound)
    below, above = measured <= bound + slack, measured >= bound - slack
    holds = {"<=": below, ">=": above, "=": below and above}[direction]
    return Verdict(float(bound), float(measured), bool(holds), direction)


def paired(
    measure: Callable, *, direction: str = "<=", first: int = 16, limit: int = 1024, false_alarm: float = 1e-6,
    batched: bool = False, salt: int = 0,
) -> Verdict:  # fmt: skip
    """`check_bound` where the bound is random too: measure(seed) -> (measured, bound), compared in their means.

    The verdict is on the mean of the difference; it shows the mean of either. batched: (k,) seeds -> (k, 2).
    """
    pairs = []

    def difference(seed):
        pair = np.asarray(measure(seed), dtype=np.float64)
        pairs.extend(pair if batched else [pair])
        return pair[..., 0] - pair[..., 1]

    verdict = check_bound(
        difference, 0.0, direction=direction, first=first, limit=limit, false_alarm=false_alarm, batched=batched,
        salt=salt,
    )  # fmt: skip
    measured, bound = np.mean(pairs, axis=0)
    return replace(verdict, bound=float(bound), measured=float(measured))


def provided(condition, verdict: Verdict) -> Verdict:
    """The verdict, violated where a condition that the claim states besides is not met."""
    return verdict if condition else replace(verdict, holds=False)
