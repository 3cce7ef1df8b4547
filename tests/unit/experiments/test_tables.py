"""Tables, sentences and files of runs whose numbers are known."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from minicrest.experiments import Setup, tables
from minicrest.ledger import Bill, Ledger
from tests.unit.experiments.made_up import (
    RUNS,
    changed,
    diverged,
    made_up,
    of_preparation_alone,
    several,
    with_settings,
    without_classes,
)

FLOATS = {
    "random": [without_classes(run, loss) for run, loss in zip(several(0, 0, 0), (0.5, 0.6, 0.7))],
    "other": [without_classes(run, loss) for run, loss in zip(several(0, 0, 0), (0.4, 0.45, 0.49))],
}


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)


def cells(text):
    """Lines of a table as lists of cells."""
    lines = [line.replace("test loss", "test_loss").split("  ") for line in text.splitlines()]
    return [[cell.strip() for cell in line if cell.strip()] for line in lines]


# ---- the table


def test_the_table_shows_a_loser_losing():
    text = tables.table(tables.rows(RUNS), 120)
    head, random, full, crest = cells(text)[:4]
    assert head == ["method", "accuracy %", "vs. random", "rel. error %", "test_loss", "steps", "bill", "seconds"]
    assert (random[0], full[0], crest[0]) == ("random", "full", "crest")
    assert crest[1:3] == ["72.00 +- 6.57", "-10.00 +- 2.48"] and random[2] == "-" and full[3] == "-"
    head, *_, crest = cells(text)[5:]
    assert head == ["bill of", "train", "check", "in all", "examples used"] and crest[1:] == ["2.4", "0.6", "3.0", "3"]


@pytest.mark.parametrize("width", [120, 80, 40])
def test_the_table_fits_and_loses_nothing(width):
    phases = {k: Bill(forward=99_999_900) for k in ("prepare", "select", "model", "train", "check", "score", "other")}
    wide = [replace(made_up(a), steps=123456, ledger=Ledger(phases)) for a in (0.01, 0.99)]
    rows = tables.rows({"random": wide, "full": wide[::-1], "epsilon-greedy": wide[::-1]})
    text = tables.table(rows, width)
    parts = [cells(part) for part in text.split("\n\n")]
    assert max(map(len, text.splitlines())) <= width
    assert all([line[0] for line in part[1:]] == ["random", "full", "epsilon-greedy"] for part in parts)
    heads = [head for part in parts for head in part[0][1:]]
    assert heads == [head for part in tables.table(rows, 999).split("\n\n") for head in cells(part)[0][1:]]
    assert (len(parts) == 2) == (width == 120)


def test_the_terminal_decides_how_wide_a_table_is(monkeypatch):
    rows = tables.rows(RUNS)
    assert tables.width() == 120 and tables.table(rows) == tables.table(rows, 120)
    monkeypatch.setenv("COLUMNS", "80")
    assert tables.table(rows) == tables.table(rows, 80) != tables.table(rows, 120)
    assert max(map(len, tables.legend(Setup(), range(3), rows))) <= 80
    run = made_up(0.8, **{"check_rho": np.zeros(3), "start": np.zeros(2)})
    summary = tables.summary(Setup(), run)
    assert max(map(len, summary.splitlines())) <= 80 and "regions 2, checks 3, mean length 5.0 steps" in summary


def test_a_long_name_keeps_its_end():
    name = "a_package_with_a_long_name.methods:MyMethod"
    text = tables.table(tables.rows({"random": RUNS["random"], name: RUNS["crest"]}), 80)
    assert "..." + name[-29:] in text and max(map(len, text.splitlines())) <= 80


def test_without_full_there_is_no_relative_error():
    row = tables.rows({"random": RUNS["random"]})[0]
    assert row.relative_error is None and "rel. error" not in tables.table([row])


def test_a_burst_of_losses_keeps_the_table_narrow():
    run = changed(made_up(0.1), {"loss": np.array([2.0, 1.0, 1.2054908e15])})
    assert cells(tables.table(tables.rows({"random": [run]})))[1][3] == "1.21e+15"
    assert "test loss 1.21e+15," in tables.summary(Setup(), run)


def test_columns():
    assert tables.columns([["a", "bb"], ["ccc", "d"]]) == "a    bb\nccc   d"
    assert tables.columns([["a", "bb"], ["ccc", "d"]], right=False) == "a    bb\nccc  d"


def test_a_diverged_method_is_marked():
    runs = {"random": several(0.8, 0.84, 0.82), "bad": several(0.7, 0.7, 0.8)}
    runs["bad"][1:] = [diverged(runs["bad"][1], 7), diverged(runs["bad"][2], 5)]
    rows = tables.rows(runs)
    assert cells(tables.table(rows))[2][:4] == ["bad", "diverged at step 5", "-", "-"]
    assert tables.verdict(rows).endswith("for 0 comparisons, level 5%): diverged: bad")
    assert "bad diverged (seed 1 at step 7, seed 2 at step 5)" in " ".join(tables.legend(Setup(), range(3), rows))
    assert "DIVERGED at step 7" in tables.summary(Setup(), runs["bad"][1])


def test_without_classes_the_table_is_of_losses():
    rows = tables.rows(FLOATS)
    head, _, other = cells(tables.table(rows))[:3]
    assert head == ["method", "test_loss", "vs. random", "steps", "bill", "seconds"]
    assert other[1].startswith("0.4467 +- ") and other[2].startswith("+0.1533 +- ")
    legend = " ".join(tables.legend(Setup(), range(3), rows))
    assert "ccuracy" not in legend and "t-tests of the test loss" in legend
    assert "accuracy" not in tables.summary(Setup(), FLOATS["other"][0])


def test_an_overshoot_is_in_the_table():
    runs = {"random": [with_settings(made_up(0.5), max_bill=3000)],
            "adacore": [with_settings(made_up(0.5), max_bill=2600)]}  # fmt: skip
    rows = tables.rows(runs)
    head, random, adacore = cells(tables.table(rows))[4:]
    assert head == ["bill of", "train", "in all", "over limit", "examples used"]
    assert (random[3], adacore[3]) == ("-", "0.400")
    assert "bills exceeded their limit, by up to what the column over limit shows: adacore." in " ".join(
        tables.legend(Setup(), range(1), rows)
    )
    assert "over limit" not in tables.table(rows[:1])


def test_a_method_without_a_step_says_why():
    rows = tables.rows({"random": [made_up(0.8)], "el2n": [of_preparation_alone(776_400)]})
    legend = " ".join(tables.legend(Setup(), range(1), rows))
    assert "el2n made no step: its preparation (prepare 776.4) left too little of its bill for one." in legend
    assert cells(tables.table(rows))[2][4:6] == ["0", "776.4"]


# ---- the verdict


def test_the_verdict_is_of_corrected_p_values():
    rows = tables.rows({name: RUNS[name] for name in ("random", "full", "crest")})
    start = "Compared with random (paired t-tests of the accuracy over 3 seeds, corrected by Holm's method for 2 "
    assert tables.verdict(rows) == start + "comparisons, level 5%): better: full; worse: crest"


def test_a_single_p_of_3_percent_among_four_is_no_verdict():
    """Differences -2, -3, -4 give t = 3 sqrt(3) = 5.2 and p = 0.035: enough for one method, not for four."""
    worse = several(0.78, 0.81, 0.78)
    assert tables.verdict(tables.rows({"random": RUNS["random"], "a": worse})).endswith("worse: a")
    four = tables.rows({"random": RUNS["random"], **{name: worse for name in "abcd"}})
    assert four[1].p == pytest.approx(4 * 0.0351, rel=0.01)
    assert tables.verdict(four).endswith("4 comparisons, level 5%): not told apart: a, b, c, d")


def test_within_the_interval_nobody_wins():
    rows = tables.rows({"random": RUNS["random"], "other": [made_up(0.81), made_up(0.83), made_up(0.82)]})
    assert tables.verdict(rows).endswith("not told apart: other")


@pytest.mark.parametrize("seeds", [1, 2])
def test_below_three_seeds_there_is_no_verdict(seeds):
    """Two equal differences, -10 each, have no spread at all."""
    runs = {"random": several(0.8, 0.84)[:seeds], "other": several(0.7, 0.74)[:seeds]}
    assert tables.verdict(tables.rows(runs)) == "Compared with random: no verdict, which takes at least 3 seeds"


def test_verdicts_that_nothing_can_be_said_in():
    assert tables.verdict(tables.rows({"crest": RUNS["crest"]})).endswith("nothing to compare")
    assert tables.verdict(tables.rows({"random": RUNS["random"]})).endswith("nothing to compare")
    runs = {"random": several(0.8, 0.84, 0.82), "other": several(0.7, 0.75, 0.71)}
    untested = {name: [without_classes(run, math.nan) for run in group] for name, group in runs.items()}
    assert tables.verdict(tables.rows(untested)).endswith("no finite result on a test part")
    runs["random"][0] = diverged(runs["random"][0], 7)
    assert tables.verdict(tables.rows(runs)).endswith("no verdict, for random itself diverged")


# ---- files


def test_the_document_is_strict_json():
    runs = {"random": [changed(made_up(0.8), {"loss": np.array([2.0, 1.0, np.inf])})]}
    runs["random"][0].settings["of a method of one's own"] = {"array": np.float32([1, np.nan]), "function": len}
    document = json.loads(json.dumps(tables.document(Setup(), [0], runs), allow_nan=False))
    assert document["rows"][0]["accuracy"] == {"mean": 80.0, "half": None}  # one seed
    assert document["runs"][0]["curve"]["loss"] == [2.0, 1.0, None] and document["runs"][0]["seed"] == 0
    assert document["runs"][0]["settings"]["of a method of one's own"] == {"array": [1.0, None], "function": repr(len)}
    assert document["price_per_example"] == {"forward": 1, "backward": 2, "hessian": 4}
    assert document["setup"]["budget"] == 0.1 and "method" not in document["setup"]


def test_the_document_says_who_diverged():
    runs = {"random": several(0.8, 0.84, 0.82), "bad": several(0.7, 0.7, 0.8)}
    runs["bad"][1] = diverged(runs["bad"][1], 7)
    document = json.loads(json.dumps(tables.document(Setup(), range(3), runs), allow_nan=False))
    assert document["rows"][1]["diverged"] == {"1": 7} and document["rows"][0]["diverged"] == {}
    assert document["rows"][1]["accuracy"] == {"mean": None, "half": None} and document["rows"][1]["gain"] is None
    assert [run["diverged"] for run in document["runs"]] == [None, None, None, None, 7, None]


@pytest.mark.parametrize("kind", ["classes", "floats", "diverged"])
def test_a_document_gives_its_rows_back(kind):
    bad = [made_up(0.8), diverged(made_up(0.7), 7), made_up(0.7)]
    runs = {"classes": RUNS, "floats": FLOATS, "diverged": {**RUNS, "bad": bad}}[kind]
    text = json.dumps(tables.document(Setup(), range(3), runs))
    rows = tables.read_document(json.loads(text))
    assert repr(rows) == repr(tables.rows(runs)) and tables.table(rows) == tables.table(tables.rows(runs))


@pytest.mark.parametrize("tree", [{}, [], {"rows": [{}]}, {"rows": [{"diverged": {}}]}, {"rows": 3}])
def test_what_is_no_document_is_refused(tree):
    with pytest.raises(ValueError, match="not a comparison as this version writes it"):
        tables.read_document(tree)


def test_rows_as_comma_separated_text():
    head, random, full, crest = (line.split(",") for line in tables.csv(tables.rows(RUNS)).splitlines())
    named = dict(zip(head, crest))
    assert named["method"] == "crest" and float(named["gain"]) == pytest.approx(-10)
    assert float(named["bill_check"]) == 600 and (named["diverged"], dict(zip(head, random))["gain"]) == ("", "")
    assert len(head) == len(random) == len(full) == len(crest) == len(set(head))
    assert tables.csv(tables.rows({'a,"b"': RUNS["crest"]})).splitlines()[1].startswith('"a,""b"""')


def test_rows_as_a_frame():
    pytest.importorskip("pandas", reason="needs pandas, which the dev extra brings")
    rows = tables.rows(RUNS)
    frame = tables.frame(rows)
    assert list(frame.columns) == tables.csv(rows).splitlines()[0].split(",")
    assert frame.set_index("method").loc["crest", "accuracy"] == pytest.approx(72)
