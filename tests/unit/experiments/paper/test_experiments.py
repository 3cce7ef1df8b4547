"""Every experiment at quick scale, and what each concludes from planted measurements."""

import json
import math

import numpy as np
import pytest

from minicrest import cli
from minicrest.datasets import Dataset
from minicrest.experiments.paper import EXPERIMENTS, NAMES
from minicrest.experiments.paper.crest_speed_up import ratio
from minicrest.experiments.paper.crest_table_1 import cut_short
from minicrest.experiments.paper.drawing import dots
from minicrest.experiments.paper.engine import FAILS, HOLDS, SCALES, UNTOLD, interval, picture, run, text
from minicrest.experiments.paper.table import claims_table
from minicrest.experiments.paper.trainings import _part, bills, measure, parts, same, setup_of, where


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("claims")


@pytest.mark.parametrize("name", NAMES)
def test_every_experiment_runs_at_quick_scale_and_again_from_what_it_kept(name, folder):
    experiment = EXPERIMENTS[name]
    assert experiment.name == name and set(experiment.scales) == set(SCALES) and experiment.minutes > 0
    document = run(experiment, "quick", folder)
    assert document["verdict"] in (HOLDS, UNTOLD, FAILS) and document["rows"] and document["columns"]
    assert all(any(head in row for row in document["rows"]) for head in document["columns"])
    assert document["finding"].endswith(".") and document["finding"] in text(document).replace("\n", " ")
    assert (folder / f"{name}-quick.png").read_bytes().startswith(b"\x89PNG")
    assert run(experiment, "quick", folder) == document
    axes = [axes for axes in picture(experiment, document).axes if axes.has_data()]
    assert axes and all(each.get_xlabel() or each.get_ylabel() or each.get_title() for each in axes)


# ---- what planted measurements show


def measurements(settings, accuracy, bill=lambda name: 10.0):
    """The results of all parts; accuracy(problem, method, seed) is what a training rises to, in eleven even steps."""
    found = {}
    for problem in settings["problems"]:
        for name in settings["methods"]:
            runs = [(accuracy(problem, name, seed), bill(name)) for seed in range(settings["seeds"])]
            found[f"{problem}/{name}"] = [
                {"accuracy": a, "steps": 100, "bill": b, "seconds": b / 10, "regions": 5, "curve": {
                    "steps": list(range(0, 101, 10)), "bill": [b * k / 10 for k in range(11)],
                    "seconds": [b * k / 100 for k in range(11)], "accuracy": [a * k / 10 for k in range(11)]}}
                for a, b in runs
            ]  # fmt: skip
    return found


def with_choices(settings):
    """The settings with the same point for every method, where an experiment tunes."""
    if "tuning" not in settings:
        return settings
    return settings | {"chosen": {part: {"lr": 0.03, "m": 16} for part in parts(settings)}}


def scores(ahead):
    """Accuracy 80 + seed/10, full training's 90 + seed/10, plus what is planted for a method."""
    return lambda problem, name, seed: (90 if name == "full" else 80) + 0.1 * seed + ahead.get(name, 0)


@pytest.mark.parametrize(
    "name, ahead, verdict",
    [
        ("crest-table-1", {"crest": 3}, HOLDS), ("crest-table-1", {"crest": 3, "craig": 4}, FAILS),
        ("crest-table-1", {}, UNTOLD), ("crest-table-5", {"crest": 1}, HOLDS),
        ("crest-table-5", {"random": 1}, FAILS), ("crest-table-5", {}, UNTOLD),
        ("crest-ablations", {"crest": 1}, HOLDS), ("crest-ablations", {"crest": 1, "first order": 2}, FAILS),
        ("crest-ablations", {"crest": 1, "first order": 1}, UNTOLD),
        ("crest-batch-sizes", {"crest": 1, "random, r": 2}, HOLDS), ("crest-batch-sizes", {"crest": 1}, FAILS),
        ("crest-batch-sizes", {"crest": 1, "random, r": 1}, UNTOLD),
        ("infobatch", {"infobatch": 9.9}, HOLDS), ("infobatch", {"infobatch": 9.7}, FAILS),
        ("infobatch", {"infobatch": 9.75}, UNTOLD),
        ("doubled-step", {"crest, lr": 1, "crest, 2 lr": 1}, HOLDS), ("doubled-step", {"random, 2 lr": 1}, FAILS),
        ("doubled-step", {"crest, 2 lr": 1, "random, 2 lr": 1}, UNTOLD),
        ("thinning", {"thinning": 1}, HOLDS), ("thinning", {"shuffle": 1}, FAILS), ("thinning", {}, UNTOLD),
    ],
)  # fmt: skip
def test_what_is_planted_is_concluded(name, ahead, verdict):
    settings = with_choices(EXPERIMENTS[name].scales["laptop"])
    assert EXPERIMENTS[name].conclude(settings, measurements(settings, scores(ahead))).verdict == verdict


@pytest.mark.parametrize("times, verdict", [(2.0, HOLDS), (1.7, UNTOLD), (1.5, FAILS)])
def test_a_planted_speed_up_is_concluded(times, verdict):
    """CREST ends with 8/10 of full training's accuracy, which full training has after 8/10 of its bill of 10."""
    experiment = EXPERIMENTS["crest-speed-up"]
    settings = experiment.scales["laptop"]
    planted = measurements(settings, lambda p, name, seed: 90 if name == "full" else 72,
                           lambda name: 8 / times if name == "crest" else 10.0)  # fmt: skip
    verdict_found = experiment.conclude(settings, planted)
    assert verdict_found.verdict == verdict
    assert math.exp(verdict_found.rows[0]["bill"]["mean"]) == pytest.approx(times)
    assert verdict_found.finding.count(f"{times:.2f}") >= 5  # problems


def test_the_numbers_of_a_finding_are_those_of_the_rows():
    settings = EXPERIMENTS["crest-table-1"].scales["laptop"]
    found = EXPERIMENTS["crest-table-1"].conclude(settings, measurements(settings, scores({"crest": 3})))
    mean = {row["method"]: row for row in found.rows if row["problem"] == "mean"}
    assert f"{mean['crest']['rel. error %']['mean']:.1f}%" in found.finding
    assert f"{mean['random']['behind crest']['mean']:+.1f} +- " in found.finding
    assert "behind CREST: sgd, random, craig, gradmatch, glister" in found.finding and "1.0 times" in found.finding


def test_a_finding_names_cifar10_beside_the_mean():
    def found(name):
        settings = EXPERIMENTS[name].scales["laptop"]
        lead = lambda problem, name, seed: 100 if name == "full" else 75 if "cifar10" in problem else 85  # noqa: E731
        return EXPERIMENTS[name].conclude(settings, measurements(settings, lead)).finding

    beside = "17.5% on average over 4 problems (+0.0 +- 0.0 points), 25.0% and 25.0% on cifar10 with lenet, at"
    assert beside in found("crest-table-5")
    assert "and random's 15.0% on average over 3 problems (+0.0 +- 0.0 points), at 1.0 times" in found("crest-table-1")


# ---- the pieces


@pytest.mark.parametrize("scale", SCALES)
def test_every_training_of_every_scale_has_legal_settings(scale):
    trained = [each for each in EXPERIMENTS.values() if each.measure is measure]
    assert len(trained) >= 9
    for experiment in trained:
        settings = {**experiment.scales[scale], "data_dir": None, "device": "cpu"}
        setups = [setup_of(settings, part, 0) for part in experiment.parts(settings)]
        assert len({json.dumps(setup.identity()) for setup in setups}) > 1
        assert not any(setup.needs_validation() for setup in setups)  # all methods have the same training examples
        if scale == "paper":
            assert {(setup.model, setup.epochs, setup.m, setup.lr) for setup in setups} <= {
                ("resnet20", 200, 128, 0.1), ("resnet20", 200, 128, 0.2)}  # fmt: skip


def test_a_training_cut_short_is_full_training_at_that_part_of_its_steps():
    run = {"steps": 100, "curve": {"steps": [0, 5, 10, 15, 20, 100], "accuracy": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]}}
    assert cut_short(run, 0.1) == 3.0 and cut_short(run, 0.2) == 5.0 and cut_short(run, 0.12) == 4.0


def test_the_ratio_is_of_the_first_evaluation_that_is_as_accurate():
    full = {"bill": 100, "seconds": 10, "curve": {"bill": [0, 40, 80, 100], "accuracy": [10, 70, 60, 90]}}
    assert ratio(full, {"accuracy": 65, "bill": 10}, "bill") == 4.0  # and not 100 / 10
    assert ratio(full, {"accuracy": 95, "bill": 10}, "bill") == 10.0  # never: all of it
    assert ratio(full, {"accuracy": 5, "bill": 10}, "bill") == 4.0  # before training: the first evaluation within it


def test_a_part_is_the_setup_of_its_problem_and_its_method():
    settings = {"setup": {"budget": 0.2}, "data_dir": None, "device": "cpu",
                "problems": {"p": {"data": "digits", "m": 16, "size": [50, 20]}},
                "methods": {"c": {"method": "crest", "hyper": {"tau": 0.3}}}}  # fmt: skip
    setup = setup_of(settings, "p/c", 4)
    assert (setup.data, setup.m, setup.budget, setup.seed, setup.hyper) == ("digits", 16, 0.2, 4, (("tau", 0.3),))


def test_a_method_overrules_its_problem():
    settings = {"setup": {"m": 8}, "data_dir": None, "device": "cpu",
                "problems": {"p": {"data": "digits", "m": 16, "lr": 1}},
                "methods": {"c": {"method": "random", "lr": 2}}}  # fmt: skip
    assert (setup_of(settings, "p/c", 0).m, setup_of(settings, "p/c", 0).lr) == (16, 2)


def test_a_choice_overrules_both_for_its_part_alone():
    settings = {"setup": {"m": 8}, "data_dir": None, "device": "cpu", "first seed": 1000,
                "problems": {"p": {"data": "digits", "lr": 1}, "q": {"data": "digits"}},
                "methods": {"c": {"method": "random", "lr": 2}}, "chosen": {"p/c": {"lr": 3, "m": 4}}}  # fmt: skip
    tuned, other = (setup_of(settings, part, 5) for part in ("p/c", "q/c"))
    assert (tuned.m, tuned.lr, other.m, other.lr) == (4, 3, 8, 2) and tuned.seed == other.seed == 1005


def test_cifar10_is_the_same_training_in_all_tables_but_for_the_budget():
    """So full training is measured once, and CREST's tenth of the steps serves the table and the speed-up."""
    at = {name: {**EXPERIMENTS[name].scales["laptop"], "data_dir": None, "device": "cpu"}
          for name in ("crest-table-1-cifar10", "crest-speed-up", "crest-table-5")}  # fmt: skip
    table, speed, fifth = at.values()
    for part in ("cifar10, lenet/full", "cifar10, resnet8/full", "cifar10, lenet/crest", "cifar10, resnet8/crest"):
        assert same(table, part, 0) == same(speed, part, 0)
    assert same(table, "cifar10, lenet/full", 0) == same(fifth, "cifar10, lenet/full", 0)
    assert same(table, "cifar10, lenet/crest", 0) != same(fifth, "cifar10, lenet/crest", 0)
    assert setup_of(fifth, "cifar10, lenet/crest", 0).budget == 0.2


def test_trainings_on_other_examples_are_not_the_same():
    settings = {"data_dir": "here", "device": "cpu", "methods": {"c": {"method": "random"}},
                "problems": {"all": {"data": "digits"}, "some": {"data": "digits", "size": [50, 20]}}}  # fmt: skip
    assert same(settings, "all/c", 0) == same(settings | {"data_dir": "there"}, "all/c", 0)
    assert same(settings, "all/c", 0) != same(settings, "some/c", 0) != same(settings, "some/c", 1)


def test_only_some_examples_are_trained_on():
    settings = {"setup": {"epochs": 1, "budget": 1.0}, "data_dir": None, "device": "cpu",
                "problems": {"p": {"data": "digits", "m": 10, "size": [50, 20]}},
                "methods": {"full": {"method": "full"}}}  # fmt: skip
    found = measure(settings, "p/full", 0)
    assert found["steps"] == 5 and found["examples"] == 50 and found["bill"] == 150
    assert found["accuracy"] * 20 / 100 == round(found["accuracy"] * 20 / 100)  # of 20 test examples


def test_a_part_of_sorted_data_has_all_classes():
    y = np.repeat(np.arange(3), 20)
    x = np.arange(60.0)[:, None]
    some = _part(Dataset(x, y, test=Dataset(x[::2], y[::2], classes=("0", "1", "2"))), 6, 3)
    assert some.y.tolist() == [0, 0, 1, 1, 2, 2] and some.x.ravel().tolist() == [0, 10, 20, 30, 40, 50]
    assert some.test.y.tolist() == [0, 1, 2]


def test_words():
    assert where({"a": {}}) == "on a" and where({"a": {}, "b": {}}) == "on average over 2 problems"
    rows = [{"method": "crest", "bill": bill} for bill in (3.04, 2.71, 9.96)]
    assert bills(rows, "crest") == "2.7 to 10.0" and bills(rows[:1], "crest") == "3.0"


def test_dots_name_every_label_once_and_random_is_black():
    from minicrest.experiments.figures import blank

    figure = blank(5, 5)
    rows = [{"g": g, "m": m, "v": interval([1.0, 2.0])} for g in "ab" for m in ("crest", "random")]
    dots(figure, [*rows, {"g": "a", "m": "none", "v": None}], "g", "m", "v", "points")
    assert [axes.get_title() for axes in figure.axes] == ["a", "b"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["crest", "random"]
    assert figure.axes[1].lines[-1].get_color() == "black" and figure.axes[1].get_xlabel() == "points"


# ---- the command, and the table of all claims


def test_the_command_lists_and_measures(tmp_path, capsys):
    assert cli.main(["paper", "--list"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in NAMES) and "CREST, Table 1" in listed
    assert cli.main(["paper", "thinning", "--scale", "quick", "--out", str(tmp_path)]) == 0
    assert "thinning is ahead of random batches" in capsys.readouterr().out.replace("\n", " ")
    assert json.loads((tmp_path / "thinning-quick.json").read_text())["scale"] == "quick"
    assert cli.main(["paper", "crest-table-2x"]) == 2 and "no experiment is called" in capsys.readouterr().err


def test_the_table_of_claims_has_a_line_for_each_document(tmp_path):
    document = dict(place="A, Table 1", claim="x | y", finding="So.", verdict=HOLDS, command="minicrest paper",
                    seconds=130)  # fmt: skip
    for scale in ("laptop", "paper"):
        (tmp_path / f"{NAMES[1]}-{scale}.json").write_text(json.dumps(document | {"scale": scale}))
    (tmp_path / f"{NAMES[0]}-quick.json").write_text("{}")
    lines = claims_table(tmp_path).splitlines()
    assert len(lines) == 4 and lines[2] == "| A, Table 1 | x \\| y | So. | holds | `minicrest paper` | 2 |"
    assert lines[3] == "| A, Table 1, on a GPU | x \\| y | So. | holds | `minicrest paper` | 2 |"


def test_means_over_problems_are_taken_seed_by_seed():
    settings = EXPERIMENTS["crest-table-5"].scales["laptop"]
    leads = dict(zip(settings["problems"], (1.0, 2.0, 6.0, 3.0)))

    def accuracy(problem, name, seed):
        return {"full": 100.0, "random": 80.0}.get(name, 80 + leads[problem] * seed)

    found = EXPERIMENTS["crest-table-5"].conclude(settings, measurements(settings, accuracy))
    row = next(row for row in found.rows if (row["problem"], row["method"]) == ("mean", "random"))
    assert row["behind crest"] == interval(np.arange(settings["seeds"]) * 3.0)
