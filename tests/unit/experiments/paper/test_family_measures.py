"""The mathematics of what is measured of CRAIG, AdaCore, MILO and dynamic pruning."""

import numpy as np
import pytest
from scipy.stats import kendalltau

from minicrest.datasets import Dataset, load
from minicrest.experiments.paper import adacore_imbalanced, dynamic_pruning, milo_training, milo_tuning, speed
from minicrest.experiments.paper.craig_speed import logistic
from minicrest.experiments.paper.engine import FAILS, HOLDS, UNTOLD
from minicrest.experiments.paper.walks import trained

# ---- times faster


def curve(bill, quality):
    return {"bill": bill, "seconds": [2 * spent for spent in bill], "quality": quality}


RUN = {
    "coreset": {"0.1": curve([0, 10, 20], [0, 0.85, 0.8]), "1": curve([0, 10, 20], [0, 0.9, 0.7])},
    "full": {"0.1": curve([0, 30, 60, 90], [0, 0.2, 0.9, 0.8]), "1": curve([0, 30, 60, 90], [0, 0.5, 0.6, 0.8])},
    "slow": {"0.1": curve([0, 50, 90], [0, 0.1, 0.7]), "1": curve([0, 50, 90], [0, 0.1, 0.2])},
}


def test_a_factor_is_what_the_other_spends_to_the_level_over_what_the_method_spent():
    assert np.allclose(speed.levels_of([RUN], "coreset"), 0.98 * 0.8)  # from 0 to where the better rate ends
    assert speed.soonest([RUN], "full", [0.8]) == "0.1" and speed.soonest([RUN], "slow", [0.1]) == "0.1"
    found = speed.speedups([RUN], "coreset", "full")
    assert found["bill"] == [6] and found["seconds"] == [6] and found["reached"] == 1 and found["rate"] == "0.1"


def test_a_method_that_never_gets_there_gives_a_factor_that_is_too_small():
    found = speed.speedups([RUN], "coreset", "slow")
    assert found["bill"] == [9] and found["reached"] == 0


@pytest.mark.parametrize("other, claimed, verdict", [
    ("full", 5, HOLDS), ("full", 12, FAILS), ("slow", 8, HOLDS), ("slow", 12, UNTOLD),
])  # fmt: skip
def test_a_claim_is_judged_by_bill_and_seconds_but_never_by_a_bound(other, claimed, verdict):
    def later(one, k):
        return {**one, "seconds": [s * (1 + k / 100) for s in one["seconds"]]}

    runs = [{name: {rate: later(one, k) for rate, one in rates.items()} for name, rates in RUN.items()}
            for k in range(3)]  # fmt: skip
    found = speed.conclude({"problems": {"toy": {}}}, {"toy": runs}, "coreset", {other: lambda problem: claimed})
    assert found.verdict == verdict


@pytest.mark.parametrize("verdicts, verdict", [
    ([FAILS, HOLDS], HOLDS), ([FAILS, FAILS], FAILS), ([FAILS, UNTOLD], UNTOLD),
])  # fmt: skip
def test_up_to_is_reached_where_it_is_once(verdicts, verdict):
    assert speed.up_to(verdicts) == verdict


def test_a_logistic_problem_is_odd_against_even_and_tested_on_its_training_examples():
    problem = logistic({"data": "digits", "examples": 50}, 0.1, 1, [0.1])
    data, digits = speed.problem_data(problem, None, 0), load("digits")
    assert np.array_equal(data.y, digits.y[:50] % 2) and np.array_equal(data.test.x, digits.x[:50])
    assert data.classes == ("0", "1") and speed.problem_network(problem, data).size == 65


# ---- AdaCore


def test_class_c_keeps_its_part():
    data = Dataset(np.arange(200.0)[:, None], np.repeat(np.arange(4), 50))
    kept = adacore_imbalanced.imbalanced(data, 3)
    assert np.bincount(kept.y).tolist() == [12, 25, 38, 50] and (np.diff(kept.x[:, 0]) > 0).all()
    assert np.array_equal(kept.y, (kept.x[:, 0] // 50).astype(int))


# ---- MILO


def test_full_training_is_timed_to_where_milo_ends():
    run = {"full": curve([0, 10, 20, 30], [0, 0.5, 0.7, 0.9]), "milo 0.1": curve([0, 2, 5], [0, 0.4, 0.6])}
    assert milo_training._times(run, "milo 0.1", "bill") == 4 and milo_training._whole(run, "milo 0.1", "bill") == 6


TRIALS = [{"score": scores, "bill": [1, 3, 9], "seconds": [2, 6, 18]}
          for scores in ([1, 9, 5], [2, 1, 9], [9, 3, 2], [8, 4, 3], [7, 2, 4], [0, 0, 0])]  # fmt: skip


def test_halving_keeps_the_best_third_twice():
    chosen, spent = milo_tuning.search(TRIALS, "halving")  # 6 to rung 0, the best two (2 and 3) on, then number 3
    assert chosen == 3 and spent == {"bill": 6 * 1 + 2 * 2 + 1 * 6, "seconds": 2 * 16}


def test_random_search_trains_all_to_the_end():
    assert milo_tuning.search(TRIALS, "random") == (1, {"bill": 6 * 9, "seconds": 6 * 18})


def test_tau_is_kendalls():
    rng = np.random.default_rng(0)
    for _ in range(20):
        a, b = rng.integers(0, 5, (2, 8))
        assert np.isclose(milo_tuning.tau(a, b), kendalltau(a, b).statistic)
    assert milo_tuning.tau([1, 1], [1, 2]) == 0


def test_a_judgement_counts_the_preparation_once():
    cheap = [{"score": each["score"], "bill": [0.1, 0.3, 0.9], "seconds": [0.2, 0.6, 1.8]} for each in TRIALS]
    run = {"full": TRIALS, "milo 0.1": cheap, "random 0.1": cheap[1:] + cheap[:1], "prepared 0.1": 7.2}
    found = milo_tuning.judgement(run, "milo", 0.1, "random")
    assert np.isclose(found["bill"], 10) and np.isclose(found["seconds"], 108 / (10.8 + 7.2))
    assert found["regret"] == 0 and found["hit"] == 1 and np.isclose(found["tau"], 1)
    other = milo_tuning.judgement(run, "random", 0.1, "random")  # chooses number 0, which scores 5 on all the data
    assert other["regret"] == 4 and other["hit"] == 1 and np.isclose(other["seconds"], 10)


@pytest.mark.parametrize("way", ["full", "random"])
def test_the_early_part_of_a_trial_is_the_shorter_trial(way):
    def scores(epochs):
        settings = {"sets": {"digits": {"data": "digits", "epochs": epochs}}, "held out": 0.2, "data_dir": None,
                    "device": "cpu"}  # fmt: skip
        return milo_tuning.trial(settings, "digits", 0, way, 0.2 if way == "random" else 1.0, configuration, None)

    configuration = milo_tuning.configurations(1, 0)[0]
    long, short = scores(9), scores(3)
    assert milo_tuning.rungs(9) == [1, 3, 9]
    for key in ("score", "bill"):
        assert long[key][1] == short[key][2]


# ---- dynamic pruning


SETTINGS = {"sets": {"few": {"data": "digits", "examples": 200, "hidden": [8], "m": 20, "epochs": 6}}, "T_p": 2, "t": 1,
            "T": 2, "kept": [0.5], "data_dir": None, "device": "cpu"}  # fmt: skip


@pytest.mark.parametrize("method, checkpoints", [("static random", 1), ("random-dynamic", 3), ("ucb", 3)])
def test_static_chooses_once_and_dynamic_every_T_p_passes(method, checkpoints):
    run = trained(SETTINGS, "few", 0, dynamic_pruning.changes_of(SETTINGS, method, 0.5))
    assert len(run.report["checkpoint_step"]) == checkpoints and run.steps == 30  # six passes over 100 examples


def pruned(random, other, full):
    one = {"bill": 1, "seconds": 1, "census": [0.1, 0.8, 0.1]}
    names = (*dynamic_pruning.STATIC, *dynamic_pruning.DYNAMIC)
    found = {f"{method} 0.5": {**one, "accuracy": other} for method in names}
    found |= {f"{method} 0.5": {**one, "accuracy": 2 * random - other} for method in ("epsilon-greedy", "ucb")}
    return {**found, "random-dynamic 0.5": {**one, "accuracy": random}, "full": {**one, "accuracy": full}}


@pytest.mark.parametrize("random, other, full, verdict", [
    (0.8, 0.7, 0.801, HOLDS), (0.8, 0.9, 0.801, FAILS), (0.8, 0.7, 0.9, FAILS), (0.8, 0.8, 0.801, UNTOLD),
])  # fmt: skip
def test_random_dynamic_beats_the_scores_and_loses_nothing_to_all_data(random, other, full, verdict):
    runs = [pruned(random + k / 1e4, other + k / 2e4, full + k / 1e4) for k in (-1, 0, 1)]
    assert dynamic_pruning.conclude(SETTINGS, {"few": runs}).verdict == verdict


# ---- what planted measurements show


@pytest.mark.parametrize("adacore, random, verdict", [(0.6, 0.5, HOLDS), (0.5, 0.6, FAILS), (0.6, 0.6, UNTOLD)])
def test_adacore_is_judged_against_random_subsets_and_craig(adacore, random, verdict):
    def run(k):
        accuracy = {"adacore": adacore + k / 1e3, "random": random + k / 2e3, "craig": 0.1, "gradmatch": 0.9,
                    "glister": 0.9}  # fmt: skip
        return {method: {"accuracy": each, "bill": 1, "seconds": 1} for method, each in accuracy.items()}

    found = adacore_imbalanced.conclude({}, {"digits, R=5": [run(k) for k in (-1, 0, 1)]})
    assert found.verdict == verdict and f"{100 * (adacore - random):+.1f} points from random" in found.finding


@pytest.mark.parametrize("bill, verdict", [(2, HOLDS), (10, FAILS)])
def test_milo_is_judged_by_what_full_training_takes_to_be_as_accurate(bill, verdict):
    full = {"full": curve([0, 10, 20, 30], [0, 0.5, 0.7, 0.9])}
    spent = [bill * (1 + k / 100) for k in range(3)]
    names = [f"{method} 0.1" for method in milo_training.METHODS]
    runs = [{**full, **{name: curve([0, each], [0, 0.6]) for name in names}} for each in spent]
    assert milo_training.conclude({"fractions": [0.1]}, {"digits": runs}).verdict == verdict


@pytest.mark.parametrize("times, regret, verdict", [(30, 0, HOLDS), (10, 0, FAILS), (30, 4, FAILS)])
def test_tuning_is_judged_by_its_factor_and_its_regret(times, regret, verdict):
    full = [{"score": [0, 0, 9 - regret], "bill": [90] * 3, "seconds": [90] * 3},
            {"score": [1, 1, 9], "bill": [90] * 3, "seconds": [90] * 3}]  # fmt: skip
    few = [{"score": [9, 9, 9 - k], "bill": [90 / times] * 3, "seconds": [90 / times] * 3} for k in range(2)]
    run = {"full": full, "milo 0.1": few, "random 0.1": few, "prepared 0.1": 0.01}
    runs = [{**run, "prepared 0.1": 0.01 * k} for k in range(3)]
    assert milo_tuning.conclude({"fractions": [0.1]}, {"digits": runs}).verdict == verdict
