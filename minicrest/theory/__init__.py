"""The theory: each bound a function, each claim an experiment that could fail, and the parts for claims of your own.

    bounds, family_bounds, chance_bounds   the bounds
    problems, trajectory                   losses with known constants, and trainings one can look into
    check_bound, Claim, pytest_claims      from measurements to a verdict, a row of the report, or tests
"""

from importlib import import_module
from typing import TYPE_CHECKING

from minicrest.theory import bounds, chance_bounds, family_bounds

if TYPE_CHECKING:
    from minicrest.theory import problems
    from minicrest.theory.check import Verdict, check_bound, salted, tightest
    from minicrest.theory.claims.base import Claim
    from minicrest.theory.claims.own import pytest_claims
    from minicrest.theory.trajectories import RandomBatch, SubsetCoreset, trajectory

__all__ = [
    "Claim", "RandomBatch", "SubsetCoreset", "Verdict", "bounds", "chance_bounds", "check_bound", "family_bounds",
    "problems", "pytest_claims", "salted", "tightest", "trajectory",
]  # fmt: skip
_HOMES = {"check_bound": "check", "Verdict": "check", "salted": "check", "tightest": "check", "Claim": "claims.base",
          "pytest_claims": "claims.own", "RandomBatch": "trajectories",
          "SubsetCoreset": "trajectories", "trajectory": "trajectories"}  # fmt: skip


def __getattr__(name: str):
    if name == "problems":
        return import_module("minicrest.theory.problems")
    if name in _HOMES:
        return getattr(import_module(f"minicrest.theory.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'minicrest.theory' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
