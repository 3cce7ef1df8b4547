"""Every claim holds, and every claim's planted violation is found."""

import pytest

from minicrest.theory.claims import CLAIMS

pytestmark = pytest.mark.theory
every_claim = pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)


@every_claim
def test_it_holds(claim):
    verdict = claim.check()
    assert verdict.word == "holds", f"{claim.says}: bound {verdict.bound}, measured {verdict.measured}"


@every_claim
def test_its_planted_violation_is_found(claim):
    verdict = claim.planted()
    assert verdict.word == "violated", f"{claim.says}: the planted violation passes; {verdict}"


def test_names_are_unique_and_words_are_there():
    names = [claim.name for claim in CLAIMS]
    assert len(set(names)) == len(names)
    for claim in CLAIMS:
        assert "." in claim.name and claim.says and claim.source and claim.assumes


def test_chance_alone_fails_less_than_one_run_in_10_000():
    assert all(claim.false_alarm >= 0 for claim in CLAIMS)
    assert sum(claim.false_alarm for claim in CLAIMS) < 1e-4
