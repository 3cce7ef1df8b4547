"""Each method at its own learning rate and batch size: what is tried, what is chosen, and what is said of it."""

import pytest

from minicrest.experiments.paper import EXPERIMENTS, trainings
from minicrest.experiments.paper.engine import HOLDS
from minicrest.experiments.paper.tuned import chosen, trials, tuning
from minicrest.experiments.tune import FIRST_SEED, PART

GRID = {"lr": [0.1, 0.2], "m": [8, 16]}
SETTINGS = {"seeds": 3, "setup": {"equal": "bill", "budget": 0.1}, "problems": {"p": {"data": "digits", "lr": 9}},
            "methods": {"a": {"method": "random"}, "b": {"method": "thinning"}}, "data_dir": None, "device": "cpu",
            "tuning": tuning(2, {"p": GRID})}  # fmt: skip


def test_every_method_is_tried_at_every_point_on_held_out_examples_at_seeds_that_do_not_judge():
    tried = trials(SETTINGS)
    every = trainings.parts(tried)
    assert len(every) == 2 * 4 and every[0] == "p, lr 0.1 m 8/a"
    setups = [trainings.setup_of(tried, part, seed) for part in every for seed in range(tried["seeds"])]
    assert {(setup.lr, setup.m) for setup in setups} == {(0.1, 8), (0.1, 16), (0.2, 8), (0.2, 16)}
    assert {setup.seed for setup in setups} == {FIRST_SEED, FIRST_SEED + 1} and FIRST_SEED >= 1000
    assert {(setup.tuning, setup.budget, setup.equal) for setup in setups} == {(PART, 0.1, "bill")}
    judged = trainings.setup_of(SETTINGS, "p/a", 0)
    assert (judged.tuning, judged.seed, judged.lr) == (0, 0, 9)


def results(points):
    """{(lr, m): (accuracies, losses)} of both methods; b's are a's the other way round."""
    other = dict(zip(points, list(points.values())[::-1]))
    return {f"p, lr {lr} m {m}/{name}": [{"accuracy": a, "loss": loss, "bill": 5} for a, loss in zip(*found[lr, m])]
            for name, found in (("a", points), ("b", other)) for lr, m in points}  # fmt: skip


@pytest.mark.parametrize(
    "last, of_a, of_b",
    [
        (([90, 90], [1, 1]), (0.2, 16), (0.1, 8)),  # the highest mean, though another is once 100
        (([70, 100], [1, 1]), (0.1, 16), (0.1, 16)),  # 85, behind 87.5
        (([87.5, 87.5], [1, 0.9]), (0.2, 16), (0.1, 8)),  # of equals the lower loss
        (([87.5, 87.5], [1, 1]), (0.1, 16), (0.1, 8)),  # and then the first
        (([87.5, 87.5], [1, None]), (0.1, 16), (0.1, 16)),  # a loss that is not finite
    ],
)
def test_the_best_mean_accuracy_is_chosen_and_of_equals_the_lower_loss(last, of_a, of_b):
    low, good = ([50, 50], [2, 2]), ([75, 100], [1, 1])
    found = chosen(SETTINGS, results({(0.1, 8): low, (0.1, 16): good, (0.2, 8): good, (0.2, 16): last}))
    assert {**found, "chosen": None} == {**SETTINGS, "chosen": None}
    assert found["chosen"] == {f"p/{name}": dict(zip(("lr", "m"), of)) for name, of in (("a", of_a), ("b", of_b))}
    assert (trainings.setup_of(found, "p/b", 0).lr, trainings.setup_of(found, "p/b", 0).m) == of_b


def test_thinning_names_what_was_chosen():
    thinning = EXPERIMENTS["thinning"]
    settings = thinning.scales["laptop"]
    assert set(settings["tuning"]["grids"]) == set(settings["problems"])
    points = {part: {"lr": 0.01 * (1 + k), "m": 8} for k, part in enumerate(trainings.parts(settings))}
    runs = {part: [{"accuracy": 90.0 + part.endswith("thinning")}] * 3 for part in points}
    found = thinning.conclude({**settings, "chosen": points}, runs)
    assert found.verdict == HOLDS and "on digits random lr 0.01 m 8, shuffle lr 0.02 m 8" in found.finding
    assert all((row["lr"], row["m"]) == tuple(points[f"{row['problem']}/{row['method']}"].values())
               for row in found.rows if row["problem"] != "mean")  # fmt: skip
    first = found.finding.partition(";")[0]  # which README shows
    assert "random -1.00 +- 0.00 (-1.00 on digits, -1.00 on mnist10k, -1.00 on trec), shuffle" in first
    assert "infobatch -1.00 +- 0.00, crest" in first and "lr" in found.columns


def test_a_training_says_its_loss():
    problems = {"p": {"data": "digits", "size": [50, 20], "m": 10}}
    settings = {**SETTINGS, "setup": {"epochs": 1, "budget": 1.0}, "problems": problems}
    low, high = (trainings.measure(settings | {"chosen": {"p/a": {"lr": lr}}}, "p/a", 0) for lr in (0.01, 1e30))
    assert 0 < low["loss"] < 10 and high["loss"] is None and high["accuracy"] == 0
