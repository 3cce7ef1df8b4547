"""A training walked through is the training; what a run spent to get where."""

import numpy as np
import pytest

from minicrest.experiments.paper.walks import across, parts_of_set, setup_of, short, spent_to, thinned, trained, walk

SETTINGS = {"sets": {"few": {"data": "digits", "examples": 200, "hidden": [8], "m": 16, "epochs": 2}},
            "data_dir": None, "device": "cpu"}  # fmt: skip


@pytest.mark.parametrize("method", ["random", "crest", "infobatch"])
def test_a_walk_ends_where_the_training_ends_bit_for_bit(method):
    changes = {"method": method, "steps": 20}
    run = trained(SETTINGS, "few", 3, changes)
    moments = list(walk(setup_of(SETTINGS, "few", 3, changes), parts_of_set(SETTINGS, "few")))
    assert [moment.step for moment in moments] == list(range(21))
    assert np.array_equal(moments[-1].oracle.theta, run.theta)
    assert moments[-1].oracle.ledger.cost == run.ledger.cost
    uses = np.zeros(200, dtype=int)
    for moment in moments[1:]:
        np.add.at(uses, moment.batch.indices[moment.feedback.weights != 0], 1)
    assert np.array_equal(uses, run.uses)


def test_a_set_has_its_first_examples():
    data, everything = parts_of_set(SETTINGS, "few").data, setup_of(SETTINGS, "few", 0, {}).build()[1]
    assert len(data) == len(data.test) == 200
    assert np.array_equal(data.y, everything.labels[:200])


def test_hyper_parameters_may_be_a_dict():
    setup = setup_of(SETTINGS, "few", 0, {"method": "craig", "hyper": {"fraction": 0.5}})
    assert setup.hyper == (("fraction", 0.5),) and setup.seed == 0 and setup.m == 16


def test_what_was_spent_until_a_quality_was_there():
    curve = {"bill": [0, 10, 20, 30], "quality": [None, 0.5, 0.7, 0.6]}
    assert spent_to(curve, 0.5, "bill") == (10, True)
    assert spent_to(curve, 0.6, "bill") == (20, True)
    assert spent_to(curve, 0.8, "bill") == (30, False)


def test_numbers_are_short():
    assert short(1 / 3) == 0.3333 and short(123456) == 123500 and short(np.nan) is None and short(np.inf) is None


def test_thinned_lists_keep_both_ends():
    assert thinned(list(range(100)), 5) == [0, 25, 50, 74, 99] and thinned([1, 2], 5) == [1, 2]


def test_means_are_named_with_their_places():
    rows = [{"data": "a", "x": {"mean": 1.25, "half": 1}}, {"data": "b", "x": {"mean": None, "half": None}},
            {"data": "c", "x": 3}]  # fmt: skip
    assert across(rows, "x", ".2f") == "1.25 on a, none on b and 3.00 on c"
    assert across(rows[:1], "x", unit="%") == "1.2% on a"
