"""Claims of one's own: from a file that defines CLAIMS, beside ours in the report, or as tests."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from minicrest.theory.claims.base import Claim


def claims_of(path) -> tuple[Claim, ...]:
    """The CLAIMS that the Python file at `path` defines.

    Raises FileNotFoundError for no file, ValueError for one that fails or has no CLAIMS, TypeError for what is no Claim
    in it.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file of claims at {path}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path} is no Python file: its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the user's file raises
        raise ValueError(f"{path} cannot be loaded: {type(error).__name__}: {error}") from error
    claims = getattr(module, "CLAIMS", None)
    if not isinstance(claims, (list, tuple)):
        raise ValueError(f"{path} must define CLAIMS, a list of Claim objects")
    for claim in claims:
        if not isinstance(claim, Claim):
            raise TypeError(f"CLAIMS in {path} must hold Claim objects, got {claim!r:.60}")
    return tuple(claims)


def pytest_claims(claims) -> type:
    """A class of tests, two for each claim: check() holds, and planted() is violated. Undecided fails both.

    Three lines make a test file of a file of claims:

        from minicrest.theory import pytest_claims
        from my_claims import CLAIMS
        TestClaims = pytest_claims(CLAIMS)
    """
    tests = {}
    for claim in claims:
        name = "".join(c if c.isalnum() else "_" for c in claim.name)
        tests[f"test_{name}_holds"] = _test(claim, claim.check, True)
        tests[f"test_{name}_can_fail"] = _test(claim, claim.planted, False)
    return type("TestClaims", (), tests)


def _test(claim: Claim, experiment, expected: bool):
    def test(self):
        """What the claim says."""
        verdict = experiment()
        if verdict.holds is not expected:
            raise AssertionError(f"{claim.name} ({claim.says}) {verdict.word}: measured {verdict.measured:.6g} "
                                 f"{verdict.direction} {verdict.bound:.6g}, {verdict.samples} samples")  # fmt: skip

    return test
