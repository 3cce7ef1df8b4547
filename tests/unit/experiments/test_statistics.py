"""Means, p-values and their correction on numbers known by hand; the rate of false alarms by simulation."""

import math

import numpy as np
import pytest
from scipy import stats

from minicrest.experiments import statistics
from minicrest.experiments.statistics import Estimate, estimate, holm, p_value, relative_error
from tests.unit.experiments.made_up import RUNS, changed, diverged, made_up, several, with_settings, without_classes

# ---- one number from several


def test_estimate_is_the_t_interval():
    values = [1.0, 4.0, 2.5, 3.0]
    mean, half = np.mean(values), estimate(values).half
    low, high = stats.t.interval(0.95, 3, loc=mean, scale=stats.sem(values))
    assert (mean - half, mean + half) == pytest.approx((low, high), rel=1e-12)
    assert math.isnan(estimate([1.0]).half) and f"{estimate([1.0]):.2f}" == "1.00"


@pytest.mark.parametrize("values", [[1.0, np.nan], [np.inf, 1.0], [np.inf, -np.inf, 0.0]])
def test_a_mean_of_what_is_not_finite_does_not_exist(values):
    found = estimate(values)
    assert math.isnan(found.mean) and math.isnan(found.half)


def test_the_p_value_is_exact():
    """With two pairs t has one degree of freedom: a Cauchy variable, for which p = 1 - 2 arctan(t) / pi."""
    t = (1 + 3) / 2 / (math.sqrt(2) / math.sqrt(2))
    assert p_value([1.0, 3.0], [0.0, 0.0]) == pytest.approx(1 - 2 * math.atan(t) / math.pi, rel=1e-12)
    scores, others = [70.0, 75.0, 71.0], [80.0, 84.0, 82.0]
    assert p_value(scores, others) == pytest.approx(stats.ttest_rel(scores, others).pvalue, rel=1e-12)
    assert p_value(others, scores) == p_value(scores, others)


def test_equal_differences_are_no_certainty():
    """0.9 - 0.8 and 0.7 - 0.6 differ in their last bit; the spread of rounding is none."""
    assert p_value([0.9, 0.7, 0.4], [0.8, 0.6, 0.3]) == 0.25  # the sign test: 2 / 2^3
    assert p_value([1.0, 1.0], [0.0, 0.0]) == 0.5
    assert p_value([0.9, 0.7, 0.4], [0.9, 0.7, 0.4]) == 1.0
    assert math.isnan(p_value([1.0], [0.0]))


def test_holm_by_hand():
    corrected = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.5})
    assert list(corrected) == ["a", "b", "c", "d"]  # a: 4 * 0.01, c: 3 * 0.03, b: 2 * 0.04 < 0.09, d: 0.5
    assert list(corrected.values()) == pytest.approx([0.04, 0.09, 0.09, 0.5])
    assert holm({"a": 0.6, "b": 0.7}) == {"a": 1.0, "b": 1.0} and holm({}) == {}


def test_relative_errors_of_nothing():
    found = relative_error([50.0, 0.0, 30.0], [80.0, 0.0, 0.0])
    assert found[:2].tolist() == [37.5, 0.0] and math.isnan(found[2])


# ---- fourteen methods equal to random

METHODS, SIMULATIONS = 14, 1000


def equal_to_random(k, seeds=3):
    """Scores of random and 14 methods that are no better: a seed's own luck, shared, and that of each run."""
    rng = np.random.default_rng([7, k])
    luck = rng.normal(size=seeds)
    return {name: 90 + luck + rng.normal(size=seeds) for name in ("random", *map(str, range(METHODS)))}


def most_false_alarms(rate):
    """So many at most of the simulations raise one, if they do at `rate`, but for one suite in a million."""
    return stats.binom.isf(1e-6, SIMULATIONS, rate)


def test_few_false_alarms_among_many_methods():
    """Any of 14 methods is told apart in at most 5% of comparisons; without the correction, in far more."""
    alarms = sum(min(statistics.corrected_p(equal_to_random(k)).values()) <= 0.05 for k in range(SIMULATIONS))
    assert alarms <= most_false_alarms(0.05)
    uncorrected = 0
    for k in range(200):
        scores = equal_to_random(k)
        uncorrected += any(p_value(values, scores["random"]) <= 0.05 for values in scores.values())
    assert uncorrected / 200 > 0.15


def test_one_method_alone_has_a_false_alarm_in_twenty():
    """A test that never speaks would pass above: of one method, 5% are told apart, neither more nor far less."""
    alarms = 0
    for k in range(SIMULATIONS):
        scores = equal_to_random(k)
        alarms += p_value(scores["0"], scores["random"]) <= 0.05
    assert SIMULATIONS - stats.binom.isf(1e-6, SIMULATIONS, 0.95) <= alarms <= most_false_alarms(0.05)


# ---- rows


def test_rows_are_paired_by_seed():
    random, full, crest = statistics.rows(RUNS)
    assert (random.method, random.gain, random.p) == ("random", None, None) and full.relative_error is None
    assert crest.gain.mean == pytest.approx(-10)  # the mean of -10, -9, -11
    assert crest.gain.half == pytest.approx(stats.t.ppf(0.975, 2) / math.sqrt(3))  # s = 1
    assert crest.relative_error.mean == pytest.approx(100 * np.mean([20 / 90, 17 / 92, 20 / 91]))
    assert crest.phases == pytest.approx({"train": 2400, "check": 600}) and crest.cost == 3000
    assert (crest.steps, crest.examples, crest.seconds, crest.seeds) == (10, 3, 3.0, 3)
    assert (crest.test_loss.mean, crest.train_loss.mean) == (0.5, pytest.approx(0.7))
    of_full, of_crest = (stats.ttest_rel(them, [80, 84, 82]).pvalue for them in ([90, 92, 91], [70, 75, 71]))
    assert of_crest < of_full < 2 * of_crest  # so the correction of crest's, the smaller, is also full's
    assert (full.p, crest.p) == pytest.approx((2 * of_crest, 2 * of_crest))


def test_the_order_of_seeds_does_not_matter():
    runs = {"random": several(0.8, 0.84, 0.82), "other": several(0.7, 0.75, 0.71)}
    turned = {"random": runs["random"], "other": runs["other"][::-1]}
    assert statistics.rows(turned) == statistics.rows(runs)
    assert statistics.rows(turned)[1].gain.half == pytest.approx(stats.t.ppf(0.975, 2) / math.sqrt(3))


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (several(0.7), "random has the seeds 0, 1, 2, other has 0;"),
        (several(0.7, 0.7, 0.7)[1:], "other has 1, 2;"),
        ([with_settings(made_up(0.7), seed=k) for k in (0, 1, 3)], "other has 0, 1, 3;"),
        ([with_settings(made_up(0.7), seed=k) for k in (0, 1, 1)], "other has 0, 1, 1;"),
        ([made_up(0.7)], "other has 0;"),
        ([], "there is none of other"),
    ],
)
def test_runs_without_a_partner_are_refused(other, what):
    with pytest.raises(ValueError, match=what):
        statistics.rows({"random": several(0.8, 0.84, 0.82), "other": other})


def test_no_runs_are_refused():
    with pytest.raises(ValueError, match="none of no method at all"):
        statistics.rows({})


def test_a_full_training_of_accuracy_0():
    runs = {"random": several(0.0, 0.0, 0.0), "full": several(0.0, 0.0, 0.0), "other": several(0.0, 0.1, 0.0)}
    random, _, other = statistics.rows(runs)
    assert random.relative_error == Estimate(0.0, 0.0) and other.relative_error is None


@pytest.mark.parametrize("seeds", [1, 2])
def test_below_three_seeds_there_is_no_p(seeds):
    rows = statistics.rows({name: group[:seeds] for name, group in RUNS.items()})
    assert [row.p for row in rows] == [None, None, None]


def test_a_diverged_run_leaves_no_mean_but_says_when():
    runs = {"random": several(0.8, 0.84, 0.82), "bad": several(0.7, 0.7, 0.8), "good": several(0.9, 0.95, 0.92)}
    runs["bad"][1] = diverged(runs["bad"][1], 7)
    _, bad, good = statistics.rows(runs)
    assert bad.diverged == {1: 7} and (bad.gain, bad.p) == (None, None)
    assert math.isnan(bad.accuracy.mean) and math.isnan(bad.test_loss.mean) and bad.cost == 3000
    assert good.p == pytest.approx(stats.ttest_rel([90, 95, 92], [80, 84, 82]).pvalue)  # corrected for one, not two


def test_where_random_diverged_nothing_is_compared():
    runs = {"random": several(0.8, 0.84, 0.82), "good": several(0.9, 0.95, 0.92)}
    runs["random"][0] = diverged(runs["random"][0], 7)
    good = statistics.rows(runs)[1]
    assert (good.gain, good.p) == (None, None) and good.accuracy.mean == pytest.approx(100 * 2.77 / 3)


def test_without_classes_the_gain_is_in_test_loss():
    runs = {"random": [without_classes(run, loss) for run, loss in zip(several(0, 0, 0), (0.5, 0.6, 0.7))],
            "full": [without_classes(run, 0.1) for run in several(0, 0, 0)],
            "other": [without_classes(run, loss) for run, loss in zip(several(0, 0, 0), (0.4, 0.4, 0.4))]}  # fmt: skip
    random, full, other = statistics.rows(runs)
    assert other.gain.mean == pytest.approx(0.2) and other.test_loss.mean == pytest.approx(0.4)
    assert (other.accuracy, other.relative_error) == (None, None) and full.gain.mean == pytest.approx(0.5)
    assert other.p == pytest.approx(stats.ttest_rel([0.1, 0.2, 0.3], [0, 0, 0]).pvalue)
    assert random.gain is None


def test_the_last_train_loss_is_of_the_last_batches():
    """An evaluation right after another has no batch of its own to speak of."""
    run = changed(made_up(0.5), {"train_loss": np.array([np.nan, 1.5, np.nan])})
    assert statistics.rows({"random": [run]})[0].train_loss.mean == 1.5
    nothing = changed(run, {"train_loss": np.full(3, np.nan)})
    assert math.isnan(statistics.last_train_loss(nothing))


def test_the_overshoot_is_the_largest():
    runs = [with_settings(made_up(0.5, cost=cost), budget=2000, seed=k) for k, cost in enumerate((1500, 2700, 2100))]
    assert statistics.rows({"random": runs})[0].overshoot == 700
    assert statistics.rows({"random": [with_settings(runs[1], max_bill=2500)]})[0].overshoot == 200
    assert statistics.rows({"random": [made_up(0.5)]})[0].overshoot == 0


def test_both_baselines_are_compared_with():
    """Each has no gain over itself; p-values are corrected for the comparisons with the same baseline."""
    runs = {"random": several(0.8, 0.84, 0.82), "shuffle": several(0.83, 0.86, 0.86),
            "other": several(0.82, 0.87, 0.83)}  # fmt: skip
    random, shuffle, other = statistics.rows(runs)
    assert (random.gain, shuffle.gain_shuffle) == (None, None)
    assert other.gain.mean == pytest.approx(2) and other.gain_shuffle.mean == pytest.approx(-1)
    others = {"random": np.array([80, 84, 82.0]), "other": np.array([82, 87, 83.0])}
    expected = statistics.holm({name: p_value(scores, np.array([83, 86, 86.0])) for name, scores in others.items()})
    assert other.p_shuffle == pytest.approx(expected["other"]) and random.p_shuffle == pytest.approx(expected["random"])
    assert shuffle.p_shuffle is None and random.p is None and shuffle.p is not None
