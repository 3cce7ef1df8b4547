"""Several comparisons as one verdict, and the seeds of a re-salted repetition."""

from __future__ import annotations

import math
from dataclasses import replace

from minicrest.theory.claims.base import Verdict, salted

ROUNDING = 1e-9  # relative: float64 sums of some hundred terms


def seeds(count: int, salt: int = 0) -> list[int]:
    """0, 1, ..., count - 1 for salt 0; as many others for another salt."""
    return [salted(seed, salt) for seed in range(count)]


def exact(bound: float, measured: float, direction: str = "<=") -> Verdict:
    """The verdict on two numbers that are known up to rounding."""
    slack = ROUNDING * max(abs(bound), abs(measured))
    below, above = measured <= bound + slack, measured >= bound - slack
    holds = {"<=": below, ">=": above, "=": below and above}[direction]
    return Verdict(float(bound), float(measured), bool(holds), direction)


def factor(verdict: Verdict) -> float:
    """How much of the bound is used: measured / bound, or bound / measured for ">="; above 1 it is violated."""
    if verdict.tightness is not None:
        return verdict.tightness
    over, under = verdict.measured, verdict.bound
    over, under = (under, over) if verdict.direction == ">=" else (over, under)
    return over / under if under else math.inf


def tightest(verdicts) -> Verdict:
    """Of several comparisons the one that decides for all: a violated one, else an undecided one; of these the tightest."""
    verdicts = list(verdicts)
    for outcome in (False, None, True):
        found = [verdict for verdict in verdicts if verdict.holds is outcome]
        if found:
            return max(found, key=factor)
    raise ValueError("no comparison was made")


def provided(condition, verdict: Verdict) -> Verdict:
    """The verdict, violated where a condition that the claim states besides is not met."""
    return verdict if condition else replace(verdict, holds=False)
