"""A claim: something a paper proves or assumes, written so that a computer can find it false."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from minicrest.theory.check import Verdict, check_bound, salted

__all__ = ["Claim", "Verdict", "check_bound", "salted"]


@dataclass(frozen=True)
class Claim:
    """`check(salt)` runs the experiment on the package's own code; `planted(salt)` runs it on a planted violation.

    Both return a Verdict; a claim is worth having only if planted() is violated. The salt (0 if not given) re-salts
    every stream: another salt, another independent repetition. It is given by name; what is exact need not take it.
    name: dotted and short, "crest.trace".  says: the claim in words and signs.  source: paper and place, or "derived".
    assumes: what must be true for it.  false_alarm: the probability that check() fails by chance although all is
    right; 0 for exact claims.  picture: draws the claim on a matplotlib Figure, where a picture says more.
    direction: of what is measured against the bound: "<=", ">=" or "=".
    """

    name: str
    says: str
    source: str
    assumes: str
    check: Callable[..., Verdict]
    planted: Callable[..., Verdict]
    false_alarm: float = 0.0
    picture: Callable | None = None
    direction: str = "<="
