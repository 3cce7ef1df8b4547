"""Every claim holds, and every claim's planted violation is found."""

import pytest

from minicrest.theory.claims import CLAIMS, report
from minicrest.theory.claims.base import Claim, Verdict

pytestmark = pytest.mark.theory
every_claim = pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)


@every_claim
def test_it_holds(claim):
    verdict = claim.check()
    assert verdict.holds, f"{claim.says}: bound {verdict.bound}, measured {verdict.measured}"


@every_claim
def test_its_planted_violation_is_found(claim):
    verdict = claim.planted()
    assert not verdict.holds, f"{claim.says}: the planted violation passes; {verdict}"


def test_names_are_unique_and_words_are_there():
    names = [claim.name for claim in CLAIMS]
    assert len(set(names)) == len(names)
    for claim in CLAIMS:
        assert "." in claim.name and claim.says and claim.source and claim.assumes


def test_chance_alone_fails_less_than_one_run_in_10_000():
    assert all(claim.false_alarm >= 0 for claim in CLAIMS)
    assert sum(claim.false_alarm for claim in CLAIMS) < 1e-4


# ---- the report


def made_up(holds: bool) -> report.Row:
    def verdict():
        return Verdict(1.0, 123.456789, holds)

    words = "many words " * 12
    return report.Row(Claim("some.claim", words, words, words, verdict, verdict), verdict(), 0.25)


@pytest.mark.parametrize("says", [False, True])
def test_the_table_fits_and_says_what_does_not_hold(says):
    text = report.table([made_up(True), made_up(False)], says)
    assert max(map(len, text.splitlines())) <= 120
    assert "1 of 2 claims hold; NOT: some.claim" in text
    assert text.count("123.5") == 2 and " yes " in text and " NO " in text


def test_the_table_of_all_claims_fits():
    rows = [report.Row(claim, Verdict(-1.23456e-10, -9.8765e-10, False), 99.9) for claim in CLAIMS]
    lines = report.table(rows, says=True).splitlines()
    assert max(map(len, lines[:-1])) <= 120  # the last line names the failures, all of them here
    assert all(claim.name in "\n".join(lines) for claim in CLAIMS)


def test_claims_are_chosen_by_name_or_topic():
    assert [row.claim.name for row in report.run(["smoothing.correction"])] == ["smoothing.correction"]
    assert [claim.name for claim in report.chosen(["rho.start", "rho"])][:2] == ["rho.start", "rho.quadratic"]
    assert report.chosen() == list(CLAIMS)
    with pytest.raises(ValueError, match="no claim is called 'rh'"):
        report.run(["rh"])


def test_figures_are_pictures(tmp_path):
    (path,) = report.figures(tmp_path / "new", ["taylor.orders"])
    assert path == tmp_path / "new" / "taylor.orders.png" and path.read_bytes().startswith(b"\x89PNG")
