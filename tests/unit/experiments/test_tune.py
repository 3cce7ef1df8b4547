"""Tuning: every point of the grid for every method, the choice, and the comparison that uses it."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from minicrest import checkpoint, cli
from minicrest.experiments import Setup, Tuning, compare, tune
from minicrest.experiments.parts import Parts
from minicrest.experiments.show import comparisons
from minicrest.experiments.tuning import Point, at, checked_grid, measured
from minicrest.selection import Crest, Random
from tests.unit.experiments.made_up import diverged, made_up

SETTINGS = dict(hidden=(8,), epochs=2, evaluations=2)
QUICK = ["--data", "digits", "--hidden", "8", "--epochs", "2", "--evaluations", "2"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Default output folders are relative: every test has a folder of its own."""
    monkeypatch.chdir(tmp_path)


def point(accuracy, loss=1.0, **settings):
    return Point(settings, (accuracy,), (loss,), 100)


def made(points, grid, **more):
    labels = {label: () for label in points}
    return Tuning(Setup(method="random", tuning=0.2, **more), grid, [1000], labels, points)


# ---- the choice


def test_the_highest_mean_accuracy_is_chosen_and_of_equals_the_lower_loss():
    points = [point(0.8, 1.0, lr=0.1), point(0.9, 2.0, lr=0.2), point(0.9, 1.5, lr=0.3), point(0.9, 1.5, lr=0.4)]
    tuning = made({"random": points}, {"lr": (0.1, 0.2, 0.3, 0.4)})
    assert tuning.choice("random") == {"lr": 0.3}  # the first of what is equal in both
    spread = replace(points[0], accuracy=(1.0, 0.85), loss=(1.0, 1.0))
    assert made({"random": [spread, points[1]]}, {"lr": (0.1, 0.2)}).choice("random") == {"lr": 0.1}  # 0.925 in mean
    with pytest.raises(ValueError, match="nothing was tuned for crest, only for random; tune it too"):
        tuning.choice("crest")


def test_a_run_that_diverges_has_accuracy_0():
    bad = measured({"lr": 9.0}, [made_up(0.9), diverged(made_up(0.9), 7)])
    assert bad.accuracy == (0.9, 0.0) and bad.loss == (0.5, math.inf) and bad.bill == 6000
    good = measured({"lr": 0.1}, [made_up(0.5), made_up(0.5)])
    assert made({"random": [bad, good]}, {"lr": (9.0, 0.1)}).choice("random") == {"lr": 0.1}


def test_choices_at_the_edge_of_the_grid_are_named():
    tuning = made({"random": [point(0.8, lr=0.1, m=8), point(0.9, lr=0.2, m=8)]}, {"lr": (0.1, 0.2), "m": (8,)})
    text = tuning.text()
    assert "random: lr 0.2 is the largest of the grid; a wider one may have a better." in text
    assert "m 8 is" not in text and "The test part was not used." in text and "0.2 in all" in text
    others = [point(0.8, q=q, momentum=momentum) for q, momentum in [(0.0, 0.9), (0.3, 0.0), (0.3, 0.9)]]
    ends = made({"random": [point(0.9, q=0.0, momentum=0.0), *others]}, {"q": (0.0, 0.3), "momentum": (0.0, 0.9)})
    assert "momentum" in ends.text() and "a wider one" not in ends.text()  # there is none


def test_a_tuning_survives_its_file():
    tuning = made({"random": [point(0.9, math.inf, lr=0.1)]}, {"lr": (0.1,)}, transform={"copies": 2})
    tuning.save("t.json")
    assert Tuning.load("t.json") == tuning == Tuning.given("t.json") and Tuning.given(tuning) is tuning
    tree = json.loads(Path("t.json").read_text())
    assert tree["grid"] == {"lr": [0.1]} and tree["methods"]["random"]["choice"] == {"lr": 0.1} and tree["bill"] == 100


@pytest.mark.parametrize("text", ["{", "{}", "[]", '{"setup": {}}'])
def test_a_file_that_is_none(text):
    Path("t.json").write_text(text)
    with pytest.raises(ValueError, match=r"t\.json is not what minicrest tune writes .*; tune again"):
        Tuning.load("t.json")


# ---- the grid


def test_grids_are_checked():
    setup = Setup(lr=0.3, m=32)
    assert checked_grid(None, setup) == {"lr": (pytest.approx(0.1), 0.3, pytest.approx(0.9)), "m": (16, 32, 64)}
    assert checked_grid({"lr": [0.1, 0.1], "m": np.array([4, 8])}, setup) == {"lr": (0.1,), "m": (4, 8)}
    for grid, error, says in [({"tau": (1,)}, ValueError, "a name in the grid must be one of lr, m"),
                              ({}, TypeError, "grid must be a dict"), ([1], TypeError, "grid must be a dict"),
                              ({"lr": 0.1}, TypeError, "grid: lr must have a list"),
                              ({"lr": ()}, TypeError, "grid: lr must have a list"),
                              ({"m": (0.5,)}, TypeError, "m must be a whole number"),
                              ({"lr": (0.0,)}, ValueError, r"lr must be a number in \(0, inf\), got 0.0"),
                              ({"momentum": (1.0,)}, ValueError, "momentum must be")]:  # fmt: skip
        with pytest.raises(error, match=says):
            checked_grid(grid, setup)


def test_the_batch_size_reaches_every_kind_of_method():
    by_name, _ = at(Setup(method="crest"), Parts(), {"m": 8, "lr": 0.5})
    assert (by_name.build_method().m, by_name.lr) == (8, 0.5)
    setup, parts = at(Setup(method="crest", hyper=(("m", 32),)), Parts(method=Crest(m=32)), {"m": 8})
    assert parts.method.m == 8 and dict(setup.hyper)["m"] == 8 and setup.m == 8
    with pytest.raises(ValueError, match="m is in the grid and set for crest as well"):
        at(Setup(method="crest", hyper=(("m", 32),)), Parts(), {"m": 8})
    with pytest.raises(ValueError, match="has no batch size m to choose; leave m out of the grid"):
        at(Setup(method="mine:Mine"), Parts(method=object()), {"m": 8})


# ---- the runs


def test_tuning_uses_no_test_example_and_the_budget_of_the_rest():
    """What is held out is a fifth of the training part; the same fifth for every method, another for every seed."""
    setup = Setup(method="random", tuning=0.2, seed=1000)
    data, whole = setup._data(Parts()), Setup(method="random")._data(Parts())
    assert (len(data), len(data.test)) == (1438 - 288, 288)
    rows = {row.tobytes() for row in whole.x}
    assert {row.tobytes() for row in data.test.x} <= rows
    held = {row.tobytes() for row in data.test.x}
    assert not held & {row.tobytes() for row in data.x}  # the digits have no two alike
    other = replace(setup, seed=1001)._data(Parts())
    assert other.test.fingerprint() != data.test.fingerprint()
    assert setup.build()[5] == round(0.1 * 3 * 1150 * 30)


def test_every_method_is_tried_everywhere_and_takes_its_best():
    grid = dict(lr=(0.003, 0.3), m=(16, 64))
    tuning = tune([Crest(m=32, tau=0.2)], grid=grid, budget=0.5, out="t", settings=SETTINGS)
    assert list(tuning.points) == ["random", "shuffle", "crest"] and tuning.complete
    assert [p.settings for p in tuning.points["crest"]] == [dict(lr=lr, m=m) for lr in (0.003, 0.3) for m in (16, 64)]
    runs = [checkpoint.load(path) for path in Path("t").glob("random-100[01]-*/run.npz")]
    assert all(len(run.uses) == 1438 - 288 for run in runs)  # a fifth is held out
    assert len(runs) == 8 and tuning.bill == sum(
        checkpoint.load(path).ledger.cost for path in Path("t").glob("*/run.npz"))  # fmt: skip
    best = max(tuning.points["random"], key=lambda p: np.mean(p.accuracy))
    assert tuning.choice("random") == best.settings and best.settings["lr"] == 0.3
    again = tune([Crest(m=32, tau=0.2)], grid=tuning.grid, budget=0.5, out="t", settings=SETTINGS)
    assert again == tuning

    comparison = compare([Crest(m=32, tau=0.2)], seeds=1, budget=0.5, tuned=tuning, settings=SETTINGS)
    for label, (run,) in comparison.runs.items():
        choice = tuning.choice(label)
        assert run.settings["hyperparameters"]["m"] == choice["m"]
        assert run.settings["optimizer"].startswith(f"SGD(lr={choice['lr']}")
    assert "lr and m chosen for each" in comparison.heading() and tuning.note() in comparison.notes


def test_what_was_tuned_for_something_else_is_refused():
    tuning = tune(["random"], seeds=1, grid=dict(lr=(0.1,)), settings=SETTINGS)
    for wrong, says in [(dict(budget=0.2), r"budget: 0.1 there, 0.2 here\); tune again"),
                        (dict(settings={**SETTINGS, "momentum": 0.5}), "momentum: 0.9 there, 0.5 here"),
                        (dict(methods=["crest"]), "nothing was tuned for crest"),
                        (dict(equal="both"), "nothing was tuned at equal steps; tune both ways"),
                        (dict(methods=[Random(m=8)]), "nothing was tuned for")]:  # fmt: skip
        with pytest.raises(ValueError, match=says):
            compare(**{"methods": ["random"], "seeds": 1, "tuned": tuning, "settings": SETTINGS, **wrong})
    own = tune([Crest(m=32, tau=0.2)], seeds=1, grid=dict(lr=(0.1,)), settings=SETTINGS)
    with pytest.raises(ValueError, match=r"crest: .*'tau': 0.2.* there, .*'tau': 0.3.* here"):
        compare([Crest(m=32, tau=0.3)], seeds=1, tuned=own, settings=SETTINGS)
    with pytest.raises(TypeError, match="tuned must be what tune returned or the path of its file, got 3"):
        compare(["random"], tuned=3, settings=SETTINGS)


def test_an_early_end_is_not_complete():
    polls = iter(range(10_000))
    tuning = tune(["random"], seeds=1, grid=dict(lr=(0.1, 0.2)), stop=lambda: next(polls) >= 12, settings=SETTINGS,
                  progress=False)  # fmt: skip
    assert not tuning.complete and [len(points) for points in tuning.points.values()] == [1, 0]
    says = "This tuning is not finished: it was stopped with 1 of 4 points tried. The same call goes on with it"
    assert says in tuning.text() and tuning.note() == tuning.text()
    for use in (lambda: tuning.save("t.json"), lambda: tuning.choice("random"),
                lambda: compare(["random"], seeds=1, tuned=tuning, settings=SETTINGS)):  # fmt: skip
        with pytest.raises(ValueError, match=says):
            use()
    assert not Path("t.json").exists()


# ---- the command line


def test_the_command_line_tunes_and_compares(capsys):
    told = [*QUICK, "--budget", "0.5", "--methods", "crest", "--no-full"]
    grid = ["--grid", "lr=0.003,0.3", "m=16", "--tune-seeds", "1"]
    assert cli.main(["tune", *told, *grid, "--out", "a"]) == 0
    out = capsys.readouterr().out
    assert "digits, mlp: lr and m of each method with 50% of full training's bill" in out
    assert "use what was chosen: minicrest compare ... --tuned a/tuned-bill.json" in out
    assert len(list(Path("a/tuning").glob("*/run.npz"))) == 6
    assert cli.main(["compare", *told, "--seeds", "1", "--tuned", "a/tuned-bill.json", "--out", "a"]) == 0
    first = capsys.readouterr().out.partition("Saved in")[0]
    assert "lr and m chosen for each" in first and "random lr 0.3 m 16" in " ".join(first.split())
    assert cli.main(["compare", *told, "--seeds", "1", *grid, "--out", "a", "--jobs", "2"]) == 0  # all of it is there
    assert "3 of 3 runs were in a already" in capsys.readouterr().out
    (shown,) = comparisons(["a"])
    assert list(shown.runs) == ["random", "shuffle", "crest"] and shown.setup.tuned == ("lr", "m")
    assert cli.main(["compare", *told, *grid, "--tuned", "a/tuned-bill.json"]) == 2
    assert "give one of them" in capsys.readouterr().err


def test_a_grid_that_is_none(capsys):
    for text in ("lr", "lr=", "lr=a", "m=0.5"):
        assert cli.main(["tune", "--grid", text]) == 2
        assert f"--grid takes name=number,number, as lr=0.03,0.1; got '{text}'" in capsys.readouterr().err


def test_both_ways_are_tuned_each_for_itself(capsys):
    told = [*QUICK, "--methods", "random", "--no-full", "--equal", "both", "--seeds", "1", "--out", "a"]
    assert cli.main(["compare", *told, "--grid", "lr=0.1,0.3", "--tune-seeds", "1"]) == 0
    assert {path.name for path in Path("a").glob("*.json")} == {"tuned-bill.json", "tuned-steps.json", "compare.json"}
    assert cli.main(["compare", *told, "--tuned", "a/tuned-steps.json", "a/tuned-bill.json"]) == 0
    assert "4 of 4 runs were in a already" in capsys.readouterr().out
