"""A comparison both ways: at equal steps and at equal bill."""

import json
from pathlib import Path

import pytest

from minicrest import cli
from minicrest.experiments import Setup, compare, plots, tables
from minicrest.experiments.both import BothWays
from minicrest.experiments.show import comparisons
from tests.unit.experiments.made_up import RUNS, changed, diverged, several

SETTINGS = dict(hidden=(8,), epochs=2, evaluations=2)
QUICK = ["--data", "digits", "--hidden", "8", "--epochs", "2", "--evaluations", "2"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Default output folders are relative: every test has a folder of its own."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def compared():
    return compare(["full", "crest"], seeds=2, budget=0.5, equal="both", settings=SETTINGS)


def test_both_ways_are_what_each_way_is(compared):
    for way in ("steps", "bill"):
        alone = compare(["full", "crest"], seeds=2, budget=0.5, equal=way, settings=SETTINGS)
        mine = getattr(compared, way)
        assert list(mine.runs) == list(alone.runs) == ["random", "shuffle", "full", "crest"]
        for label, runs in alone.runs.items():
            assert all((a.theta == b.theta).all() for a, b in zip(runs, mine.runs[label]))
    assert compared.complete and isinstance(compared, BothWays) and compared.diverged == []


def test_full_training_is_made_once(compared):
    assert all(a is b for a, b in zip(compared.steps.runs["full"], compared.bill.runs["full"]))
    full, random = Setup(method="full"), Setup(method="random")
    changes = [dict(budget=0.3), dict(equal="steps")]
    for change in changes:
        assert Setup(method="full", **change).folder("a") == full.folder("a")
        assert Setup(method="random", **change).folder("a") != random.folder("a")


def test_one_line_a_method_with_both_ways(compared):
    table = compared.table().splitlines()
    assert table[0].endswith(" equal bill") and "equal steps" in table[0]
    assert table[1].split("  ")[0] == "method" and len(table) == 6
    crest = table[5].split()
    steps, bill = (next(row for row in way.rows if row.method == "crest") for way in (compared.steps, compared.bill))
    assert crest[1] == f"{steps.accuracy.mean:.2f}" and f"{bill.accuracy.mean:.2f}" in crest[6:]
    assert f"{steps.cost / 1000:.1f}" in crest and crest[-2] == f"{bill.steps:.0f}"
    assert table[0].index("equal bill") > table[1].index("bill")
    assert max(map(len, compared.text().splitlines())) <= 120


def test_a_narrow_terminal_has_the_ways_one_above_the_other():
    rows = tables.rows(RUNS)
    narrow = tables.both(rows, rows, 80)
    assert narrow.startswith("equal steps\nmethod") and "\n\nequal bill\nmethod" in narrow
    assert max(map(len, narrow.splitlines())) <= 80 < max(map(len, tables.both(rows, rows, 120).splitlines()))


def test_the_text_says_what_each_way_is(compared):
    text = " ".join(compared.text().split())
    assert "50% of full training's steps and of its bill; seeds 0 to 1" in text
    assert "At equal steps: Compared with random: no verdict" in text and "At equal bill: Compared with" in text
    assert "<pre>" in compared._repr_html_() and str(compared) == compared.text()


def test_files_of_both_ways(compared):
    compared.to_csv("c.csv")
    names = [line.split(",equal")[0].strip('"') for line in Path("c.csv").read_text().splitlines()[1:]]
    assert [row.method for row in compared.rows][:2] == ["random, equal steps", "shuffle, equal steps"]
    assert len(names) == 8 and list(compared.runs) == [row.method for row in compared.rows]
    document = json.loads(json.dumps(compared.document()))
    assert document["steps"]["setup"]["equal"] == "steps" and document["bill"]["setup"]["equal"] == "bill"


def test_the_picture_has_a_dot_a_method_and_says_what_each_paid():
    bill = {**RUNS, "crest": several(0.5, 0.6, 0.7)}
    steps = {**RUNS, "crest": [changed(run, ledger=run.ledger) for run in RUNS["full"]]}
    left, right = plots.both(steps, bill, "a $title$").axes
    assert [label.get_text() for label in left.get_yticklabels()] == ["random", "crest"]
    dots = [[container.lines[0].get_xdata()[0] for container in axes.containers] for axes in (left, right)]
    assert dots[0] == pytest.approx([82, 91]) and dots[1] == pytest.approx([82, 60])
    written = [[text.get_text() for text in axes.texts] for axes in (left, right)]
    assert written == [["× 1.0", "× 10.0", "bill"], ["10", "10", "steps"]]
    assert right.containers[0].lines[0].get_color() == "black"


def test_the_picture_says_who_diverged():
    runs = {"random": several(0.8, 0.84), "bad": [diverged(run, 7) for run in several(0.7, 0.7)]}
    left, _ = plots.both(runs, runs).axes
    assert [text.get_text() for text in left.texts] == ["× 1.0", "diverged", "× 1.0", "bill"]
    assert len(left.containers) == 1


def test_the_command_line_both_ways_and_again(capsys):
    told = ["compare", *QUICK, "--methods", "crest", "--seeds", "2", "--budget", "0.5", "--equal", "both", "--out", "c"]
    assert cli.main(told) == 0
    text = capsys.readouterr().out.partition("random and shuffle were added")[0]
    assert len(list(Path("c").glob("*/run.npz"))) == 2 * (2 * 3 + 1)  # full once
    assert cli.main(["show", "c", "--plot", "p.png"]) == 0
    assert capsys.readouterr().out == text + "picture: p.png\n" and Path("p.png").exists()
    (shown,) = comparisons(["c"])
    assert isinstance(shown, BothWays) and json.loads(Path("c/compare.json").read_text()).keys() == {"steps", "bill"}
    assert cli.main(["train", *QUICK, "--equal", "both"]) == 2
    assert "invalid choice: 'both'" in capsys.readouterr().err


def test_full_training_joins_the_comparison_of_every_budget():
    for budget, seeds in ((0.5, 2), (0.2, 1)):
        compare(["full"], seeds=seeds, budget=budget, out="c", settings=SETTINGS)
    first, second = sorted(comparisons(["c"]), key=lambda each: each.setup.budget)
    assert list(first.runs) == list(second.runs) == ["random", "shuffle", "full"]
    assert (first.seeds, second.seeds) == ([0], [0, 1]) and first.notes == second.notes == []


def test_several_are_drawn_side_by_side():
    figure = plots.side_by_side([("one", RUNS), ("two", {"random": RUNS["random"]})])
    assert [part.get_suptitle() for part in figure.subfigs] == ["one", "two"]
    assert [len(part.axes) for part in figure.subfigs] == [2, 2]
    assert figure.subfigs[0].axes[0].get_ylabel() == "test accuracy, %"
