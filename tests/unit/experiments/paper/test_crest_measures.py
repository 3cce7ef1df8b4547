"""The mathematics of what is measured of CREST: moments by enumeration, periods, dropped examples, seconds."""

from itertools import combinations, product

import numpy as np
import pytest

from minicrest.batch import Batch, uniform
from minicrest.datasets import Dataset
from minicrest.experiments.paper import crest_bias_and_variance as bias_and_variance
from minicrest.experiments.paper import crest_examples, crest_periods, crest_table_2
from minicrest.experiments.paper.crest_bias_and_variance import (
    coreset_moments,
    drawn_moments,
    mini_batch_coreset,
    one_coreset,
    random_moments,
)
from minicrest.experiments.paper.engine import FAILS, HOLDS, UNTOLD
from minicrest.nn import mlp
from minicrest.oracle import Oracle
from minicrest.random import stream


def oracle_of(n=8, classes=2):
    rng = np.random.default_rng(0)
    data = Dataset(rng.standard_normal((n, 3)), np.arange(n) % classes)
    network = mlp((3, 4, classes))
    return Oracle(network, data, network.initialize(1, "float64"))


def gradients_of(oracle):
    return np.stack([oracle.gradient(uniform([i])) for i in range(len(oracle))])


@pytest.mark.parametrize("size", [1, 2, 5, 7])
def test_moments_of_random_batches_by_enumeration(size):
    vectors = np.random.default_rng(size).standard_normal((7, 4))
    mean = vectors.mean(axis=0)
    batches = np.array([vectors[list(chosen)].mean(axis=0) for chosen in combinations(range(7), size)])
    bias, variance = random_moments(np.linalg.norm(vectors, axis=1), float(mean @ mean), size)
    assert bias == 0 and np.allclose(batches.mean(axis=0), mean)
    assert np.isclose(variance, ((batches - mean) ** 2).sum(axis=1).mean(), rtol=1e-12, atol=1e-14)


def test_moments_of_draws_are_unbiased_by_enumeration():
    population, g = np.random.default_rng(0).standard_normal((4, 3)), np.array([1.0, -0.5, 2.0])
    mean = population.mean(axis=0)
    found = np.array([drawn_moments(population[list(drawn)], g) for drawn in product(range(4), repeat=3)])
    assert np.allclose(found.mean(axis=0), [((mean - g) ** 2).sum(), ((population - mean) ** 2).sum(axis=1).mean()])


@pytest.mark.parametrize("m", [1, 2, 3])
def test_moments_of_one_coreset_by_enumeration(m):
    oracle = oracle_of(11)
    vectors, subset = gradients_of(oracle), one_coreset(oracle, 0.36)
    g = vectors.mean(axis=0)
    batches = np.array([oracle.gradient(Batch(subset.indices[list(chosen)], subset.weights[list(chosen)]))
                        for chosen in combinations(range(len(subset.indices)), m)])  # fmt: skip
    mean = batches.mean(axis=0)
    bias, variance = coreset_moments(oracle, subset, g, np.linalg.norm(vectors, axis=1), m)
    assert len(subset.indices) == 4 and np.ptp(subset.weights) > 0.1
    assert np.isclose(bias, ((mean - g) ** 2).sum(), rtol=1e-9)
    assert np.isclose(variance, ((batches - mean) ** 2).sum(axis=1).mean(), rtol=1e-9)


def test_a_mini_batch_coreset_of_everything_is_the_full_gradient():
    oracle = oracle_of()
    batch = mini_batch_coreset(oracle, 8, 8, stream(0, "draw"))
    assert sorted(batch.indices) == list(range(8))
    assert np.allclose(oracle.gradient(batch), gradients_of(oracle).mean(axis=0), atol=1e-12)


def test_a_mini_batch_coreset_weighs_its_clusters():
    batch = mini_batch_coreset(oracle_of(), 6, 2, stream(0, "draw"))
    assert len(batch.indices) == 2 and np.isclose(batch.weights.mean(), 1) and (batch.weights * 3 % 1 == 0).all()


# ---- periods


def test_a_period_holds_from_the_first_step_of_its_region_to_the_last():
    report = {"T1": [1, 3, 2], "length": [2, 1, 3]}
    assert crest_periods.over_time(report, 6, "T1").tolist() == [1, 1, 3, 2, 2, 2]


def test_a_period_is_the_ratio_of_curvatures_when_the_region_before_closed():
    settings = {"sets": {"digits": {"data": "digits", "hidden": [8]}}, "data_dir": None, "device": "cpu"}
    changes = {"method": "crest", "steps": 60, "hyper": {"longest": 60, "lazy": True}}
    report = crest_periods.trained(settings, "digits", 0, changes).report
    ratio = report["curvature"][0] / report["curvature"][:-1]
    assert len(ratio) > 5 and report["T1"][0] == 1
    assert np.array_equal(report["T1"][1:], np.ceil(np.minimum(ratio, 60)).clip(1))


def period(T1, curvature):
    return {"T1": [1, 2], "P": [5, 9], "curvature": [2, 1], "T1 grows": T1, "P grows": T1, "curvature grows": curvature,
            "regions": 4, "checks": 9, "accuracy": 0.9, "T1 at last": 2, "P at last": 9}  # fmt: skip


@pytest.mark.parametrize("T1, curvature, verdict", [(3, 0.3, HOLDS), (0.5, 2, FAILS), (3, 2, FAILS)])
def test_the_longest_training_decides(T1, curvature, verdict):
    runs = [period(T1 * (1 + k / 50), curvature * (1 + k / 50)) for k in range(3)]
    other = [period(1, 1)] * 3
    found = crest_periods.conclude({"horizons": [10, 40]}, {"digits, 10 steps": other, "digits, 40 steps": runs})
    assert found.verdict == verdict and [row["steps"] for row in found.rows] == [10, 40]


# ---- examples


def test_dropped_examples_are_forgotten_once_wrong_while_dropped():
    looked = crest_examples.Dropped(4)
    looked.look(np.array([True, True, True, True]), np.array([False, True, True, True]))
    looked.look(np.array([True, False, False, True]), np.array([False, True, False, False]))
    looked.look(np.array([True, False, False, True]), np.array([False, True, True, False]))
    assert looked.share == [0, 0.5, 0.5] and looked.right == [None, 0.5, 1]
    assert looked.forgotten.tolist() == [False, False, True, False]


def test_early_is_where_any_are_dropped():
    assert crest_examples.early_and_late({"right": [None, 0.8, 0.7, 0.9]}) == (0.8, 0.9)
    assert np.isnan(crest_examples.early_and_late({"right": [None, None]})).all()


def test_random_batches_pick_average_difficulty():
    settings = {"sets": {"few": {"data": "digits", "examples": 300, "hidden": [8], "m": 300, "steps": 10}}, "T": 2,
                "ranks": 20, "data_dir": None, "device": "cpu"}  # fmt: skip
    found = crest_examples.measure(settings, "few", 0)  # batches of all examples: the mean is 1 by definition
    for score in ("el2n", "forgetting"):
        assert np.allclose(found["random"][score], 1, atol=1e-3)
    assert found["random"]["never"] == 0 and found["random"]["most"] == 0.1
    assert found["random"]["picks"] == [10] * 20


def test_how_often_examples_are_picked_by_rank():
    picked = crest_examples.Picked({"el2n": np.ones(6)}, steps=10, ranks=3)
    for step, indices in enumerate(([0, 1, 5], [5, 1], [5, 4, 3], *[[5]] * 7), start=1):  # 1, 2, 0, 1, 1, 10 times
        picked.note(step, indices)
    found = picked.summary()
    assert found["picks"] == [6, 1, 0.5] and found["never"] == pytest.approx(1 / 6, abs=1e-4)


# ---- seconds


def seconds(craig, model, check):
    one = {"a step": 1, "selecting": 1, "modelling": 1, "checking": 1, "selecting, as printed": 1,
           "modelling, as printed": model, "checking, as printed": check, "CRAIG, a selection": 5,
           "CRAIG, for a batch": craig}  # fmt: skip
    return {work: {"seconds": value, "bill": 1} for work, value in one.items()}


@pytest.mark.parametrize("craig, model, check, verdict", [
    (20, 3, 9, HOLDS), (10, 3, 9, FAILS), (20, 0.5, 9, FAILS), (20, 3, 1, FAILS),
])  # fmt: skip
def test_the_order_of_the_printed_seconds_and_craigs_factor(craig, model, check, verdict):
    runs = [seconds(craig + k / 10, model + k / 100, check + k / 100) for k in range(3)]
    found = crest_table_2.conclude({}, {"mlp": runs})
    assert found.verdict == verdict
    assert crest_table_2.conclude({}, {"mlp": runs[:2]}).verdict == UNTOLD


# ---- what planted measurements show


@pytest.mark.parametrize("variance, bias, verdict", [(1, 0.01, HOLDS), (9, 0.01, FAILS), (1, 0.5, FAILS)])
def test_a_mini_batch_coreset_must_undercut_a_random_batch_and_the_one_coreset(variance, bias, verdict):
    def run(k):
        mine = [[bias * (1 + k / 50), variance * (1 + k / 50)]]
        return {"step": [0], "random m": [[0, 4]], "random r": [[0, 1]], "all data": [[0.2, 1]], "old": [[0.4, 2]],
                "mini-batch": mine}  # fmt: skip

    assert bias_and_variance.conclude({}, {"digits": [run(k) for k in range(3)]}).verdict == verdict


@pytest.mark.parametrize("late, right, verdict", [(2, 0.995, HOLDS), (2, 0.95, FAILS), (0.5, 0.995, FAILS)])
def test_difficulty_must_rise_and_the_dropped_must_become_right(late, right, verdict):
    def run(k):
        scores = [1.0] * 5 + [late + k / 50] * 5
        one = {"never": 0.1, "most": 0.2, "picks": [3, 1], "forgetting": scores, "el2n": scores}
        return {"crest": one, "random": one, "dropped": [0, 0.1, 0.2], "right": [None, 0.9, right + k / 1e4],
                "forgotten": 0.1, "again": None}  # fmt: skip

    found = crest_examples.conclude({}, {"digits": [run(k) for k in range(3)]})
    assert found.verdict == verdict
    assert "of the dropped 90.0% on digits are right" in found.finding and "forgotten" not in found.finding
