"""A claim: something a paper proves or assumes, written so that a computer can find it false."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """What a claim's experiment found: the bound (or the value derived), what was measured, and whether it holds."""

    bound: float
    measured: float
    holds: bool


@dataclass(frozen=True)
class Claim:
    """`check()` runs the experiment on the package's own code; `planted()` runs it on a planted violation.

    Both return a Verdict; a claim is worth having only if planted() does not hold.
    name: dotted and short, "crest.trace".  says: the claim in words and signs.  source: paper and place, or "derived".
    assumes: what must be true for it.  false_alarm: the probability that check() fails by chance although all is
    right; 0 for exact claims.  picture: draws the claim on a matplotlib Figure, where a picture says more.
    """

    name: str
    says: str
    source: str
    assumes: str
    check: Callable[[], Verdict]
    planted: Callable[[], Verdict]
    false_alarm: float = 0.0
    picture: Callable | None = None
