"""The report of claims, `minicrest theory`, and claims from a file."""

import errno
import json
import math
import os

import pytest

from minicrest.cli import main
from minicrest.theory import Claim, Verdict, bounds, check_bound, pytest_claims, tightest
from minicrest.theory.claims import CLAIMS, report
from minicrest.theory.claims.own import claims_of

pytestmark = pytest.mark.theory

FILE = '''
from minicrest.theory import Claim, Verdict, check_bound

def fair(salt=0):
    return check_bound(lambda seed: (seed * 7919 % 101) / 101, 0.9, salt=salt)

def broken(salt=0):
    raise ArithmeticError("no such number")

CLAIMS = [Claim("mine.fair", "a mean is below 0.9", "me", "nothing", fair, lambda salt=0: Verdict(1.0, 2.0, False)),
          Claim("mine.broken", "it raises", "me", "nothing", broken, broken)]
'''


@pytest.fixture
def mine(tmp_path):
    """A file with two claims, one of which raises."""
    path = tmp_path / "my_claims.py"
    path.write_text(FILE)
    return str(path)


def made_up(holds, **changed) -> report.Row:
    def verdict(salt=0):
        return Verdict(1.0, 123.456789, holds, **changed)

    words = "many words " * 12
    return report.Row(Claim("some.claim", words, words, words, verdict, verdict), verdict(), 0.25)


@pytest.mark.parametrize("says", [False, True])
def test_the_table_fits_and_says_what_does_not_hold(says):
    text = report.table([made_up(True), made_up(False), made_up(None)], says)
    assert max(map(len, text.splitlines())) <= 120
    assert "1 of 3 claims hold; VIOLATED: some.claim; UNDECIDED: some.claim" in text
    assert text.count("123.5") == 3 and text.count("holds") == 1 and " undecided " in text


def test_the_table_of_all_claims_fits():
    rows = [report.Row(claim, Verdict(-1.23456e-10, -9.8765e-10, False, ">="), 99.9) for claim in CLAIMS]
    lines = report.table(rows, says=True).splitlines()
    assert max(map(len, lines[:-1])) <= 120  # the last line names the failures, all of them here
    assert all(claim.name in "\n".join(lines) for claim in CLAIMS)


def test_the_table_shows_the_direction_and_the_tightness():
    row = made_up(True, direction=">=")
    assert ["123.5", ">=", "1", "0.0081", "holds"] == report._numbers(row)
    assert "the tightest bound: some.claim, 0.0081" in report.table([row])
    equal = made_up(True, direction="=")
    assert "tightest" not in report.table([equal]) and report._numbers(equal)[1] == "="
    claim = Claim("a.b", "s", "s", "a", print, print, direction=">=")
    assert report.direction(report.Row(claim, Verdict(1, 2, True), 0.0)) == ">="


def test_closeness_and_the_tightest_of_several():
    assert Verdict(4.0, 1.0, True).closeness == 0.25 and Verdict(4.0, 8.0, True, ">=").closeness == 0.5
    assert Verdict(4.0, 1.0, True, tightness=0.9).closeness == 0.9
    assert math.isnan(Verdict(0.0, 1.0, False).closeness) and math.isnan(Verdict(math.inf, 1.0, True).closeness)
    loose, tight, unsure = Verdict(4.0, 1.0, True), Verdict(4.0, 3.0, True), Verdict(4.0, 2.0, None)
    wrong, zero = Verdict(4.0, 5.0, False), Verdict(0.0, 0.0, True)
    assert tightest([loose, tight, zero]) is tight and tightest([tight, unsure]) is unsure
    assert tightest([tight, wrong, unsure]) is wrong


def test_claims_are_chosen_by_name_or_topic():
    assert [row.claim.name for row in report.run(["smoothing.correction"])] == ["smoothing.correction"]
    assert [claim.name for claim in report.chosen(["rho.start", "rho"])][:2] == ["rho.start", "rho.quadratic"]
    assert report.chosen() == list(CLAIMS)
    with pytest.raises(ValueError, match="no claim is called 'rh'"):
        report.run(["rh"])


def test_figures_are_pictures(tmp_path):
    (path,) = report.figures(tmp_path / "new", ["taylor.orders"])
    assert path == tmp_path / "new" / "taylor.orders.png" and path.read_bytes().startswith(b"\x89PNG")


# ---- the command


def test_a_claim_that_raises_is_a_row_and_not_the_end(mine, capsys):
    assert main(["theory", "mine", "hutchinson.trace", "--claims", mine]) == 1
    out = capsys.readouterr().out
    assert "    error: ArithmeticError: no such number\n" in out and "hutchinson.trace" in out
    assert "2 of 3 claims hold; ERROR: mine.broken" in out


def test_claims_of_a_file_come_first_beside_ours(mine):
    names = [claim.name for claim in report.chosen(own=claims_of(mine))]
    assert names[:2] == ["mine.fair", "mine.broken"] and len(names) == 2 + len(CLAIMS)


def test_planted_violations_are_expected(mine, capsys):
    assert main(["theory", "mine.fair", "--planted", "--claims", mine]) == 0
    assert "VIOLATED: mine.fair" in capsys.readouterr().out


def test_salts_count_what_becomes_of_check_and_plant(mine, capsys):
    assert main(["theory", "mine.fair", "--claims", mine, "--salts", "3"]) == 0
    out = capsys.readouterr().out
    assert "3 checks: 3 holds, 0 violated, 0 undecided, 0 error" in out and "3 violated" in out.splitlines()[-1]
    assert main(["theory", "mine", "--claims", mine, "--salts", "2"]) == 1  # one raises


def test_json_has_the_counts_of_salts(mine, capsys):
    main(["theory", "mine.fair", "--claims", mine, "--salts", "3", "--seed", "5", "--json", "-"])
    text, table = capsys.readouterr()
    document = json.loads(text)
    assert document["salts"] == [5, 6, 7] and "3 checks: 3 holds" in table
    assert document["claims"] == [{"name": "mine.fair", "check": {"holds": 3}, "planted": {"violated": 3}}]


def test_the_salts_are_the_seed_and_those_after_it():
    heard = []

    def check(salt=0):
        heard.append(salt)
        return Verdict(1.0, 0.0, True)

    claim = Claim("a.b", "s", "s", "a", check, lambda salt=0: Verdict(1.0, 2.0, salt == 6))
    (row,) = report.run_salts(range(5, 8), ["a"], [claim])
    assert heard == [5, 6, 7] and row.check == {"holds": 3} and row.planted == {"violated": 2, "holds": 1}
    report.run(["a"], [claim], salt=9)
    assert heard[-1] == 9


def test_json_has_every_row(mine, tmp_path, capsys):
    assert main(["theory", "mine", "--claims", mine, "--json", "-"]) == 1
    fair, broken = json.loads(capsys.readouterr().out)["claims"]
    assert fair["verdict"] == "holds" and fair["direction"] == "<=" and fair["samples"] == 56 and fair["bound"] == 0.9
    assert fair["tightness"] == pytest.approx(fair["measured"] / 0.9) and broken["error"].startswith("ArithmeticError")
    main(["theory", "mine.fair", "--claims", mine, "--json", str(tmp_path / "out.json")])
    assert json.loads((tmp_path / "out.json").read_text())["claims"][0]["name"] == "mine.fair"


def test_json_is_whole_or_as_it_was(mine, tmp_path, monkeypatch):
    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "out.json"
    path.write_text("before")
    monkeypatch.setattr(os, "fsync", full)
    assert main(["theory", "mine.fair", "--claims", mine, "--json", str(path)]) == 2
    assert path.read_text() == "before"


def test_list_checks_nothing(mine, capsys):
    assert main(["theory", "mine", "--claims", mine, "--list"]) == 0
    assert "mine.broken  (me; <=)\n    it raises" in capsys.readouterr().out


@pytest.mark.parametrize("text, error, words", [
    ("x = 1", ValueError, "must define CLAIMS"), ("1 / 0", ValueError, "cannot be loaded: ZeroDivisionError"),
    ("claims = (", ValueError, "cannot be loaded: SyntaxError"), ("CLAIMS = [3]", TypeError, "Claim objects, got 3"),
])  # fmt: skip
def test_files_without_claims_are_refused(tmp_path, text, error, words):
    path = tmp_path / "bad.py"
    path.write_text(text)
    with pytest.raises(error, match=words):
        claims_of(path)
    with pytest.raises(FileNotFoundError, match="no file of claims"):
        claims_of(tmp_path / "none.py")
    with pytest.raises(ValueError, match=r"must end in \.py"):
        claims_of(mine_as_text(tmp_path))


def mine_as_text(folder):
    (folder / "claims.txt").write_text(FILE)
    return folder / "claims.txt"


# ---- claims as tests


def test_claims_become_tests(mine):
    fair, _ = claims_of(mine)
    undecided = Claim("mine.maybe", "s", "s", "a", lambda: Verdict(1.0, 1.0, None), lambda: Verdict(1.0, 0.0, True))
    tests = pytest_claims([fair, undecided])()
    tests.test_mine_fair_holds()
    tests.test_mine_fair_can_fail()
    with pytest.raises(AssertionError, match=r"mine\.maybe .* undecided"):
        tests.test_mine_maybe_holds()
    with pytest.raises(AssertionError, match=r"mine\.maybe .* holds"):
        tests.test_mine_maybe_can_fail()


def test_the_room_hands_on_what_a_claim_needs():
    import minicrest.theory as room

    assert all(getattr(room, name) is not None for name in room.__all__) and set(room.__all__) <= set(dir(room))
    assert room.check_bound is check_bound and room.bounds is bounds
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        room.nothing  # noqa: B018


@pytest.mark.parametrize("planted", [False, True])
def test_a_salt_is_given_by_name_to_what_takes_one(planted):
    """An exact claim whose first argument is another thing is not changed by a salt."""
    wanted = "violated" if planted else "holds"
    for name in ("glister.ahead", "hessian.product", "infobatch.unbiased", "greedy.first"):
        (claim,) = report.chosen([name])
        assert report.examine(claim, 7, planted).word == wanted, name
    none = Claim("a.b", "s", "s", "a", lambda power=2: Verdict(1.0, 0.0, power == 2), lambda: Verdict(1.0, 2.0, False))
    assert report.examine(none, 7, planted).word == wanted
