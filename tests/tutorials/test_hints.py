"""What a hint says of a wrong answer that is no known mistake: each kind of difference by itself, in few numbers."""

import numpy as np
import pytest

from minicrest.teaching.behaviour import of_behaviour
from minicrest.teaching.check import grade, run
from minicrest.teaching.entries import of_calls, of_entries
from minicrest.teaching.exercise import Exercise

E = np.array([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2]])
LONG = np.array([3.0, 1.0, 4.0, 1.5, 9.0, 2.6])


def entries(change, expected, **arguments):
    return of_entries([(np.asarray(change(expected.copy())), expected)], [arguments])


def from_place(k, value, order=1):
    def change(e):
        e[::order][k:] = value(e[::order][k:])
        return e

    return change


@pytest.mark.parametrize(("change", "expected", "words"), [
    (from_place(4, lambda e: 0 * e), LONG, "wrong entries are 0"),
    (lambda e: e + (e == 0) * 1.7, np.array([0.0, 2.0, 0.0, 5.0]), "The wrong entries should be 0"),
    (lambda e: e * [[2.0], [3.0]], E, "Each row is right up to a factor"),
    (lambda e: e * [[2.0, 3.0, 5.0]], E, "Each column is right up to a factor"),
    (lambda e: e + [[2.0], [3.0]], E, "Each row is off by one number"),
    (lambda e: np.full(e.shape, 2.2), LONG, "All its entries are the same number"),
    (lambda e: np.abs(e) + 0.1 * e**2, LONG - 2, "never negative"),
    (lambda e: -np.abs(e) - 0.1 * e**2, LONG, "never positive"),
    (lambda e: e + 0.1 * e**2, E, "Each row should add up to 1"),
    (lambda e: e + 0.1 * e**2, LONG / LONG.mean(), "It should have mean 1"),
    (from_place(2, lambda e: e**2 + 1), LONG, "Its first 2 of 6 entries are right, and those after them are not"),
    (from_place(2, lambda e: e**2 + 1, -1), LONG, "Its last 2 of 6 entries are right, and those before them are not"),
    (from_place(2, lambda e: e**2 + 1), np.outer(LONG, [1.0, 2.5]), "Its first 2 of 6 rows are right"),
    (lambda e: np.sqrt(e) + 1, LONG, "right order of size and lie too close together"),
    (lambda e: e + e**2, LONG, "right order of size and lie too far apart"),
    (lambda e: np.nan_to_num(e), np.array([1.0, np.nan]), "holds a number where nan is expected"),
])  # fmt: skip
def test_what_the_wrong_entries_share(change, expected, words):
    assert words in entries(change, expected)


def test_nothing_is_said_where_nothing_is_shared():
    assert "are 0" not in str(entries(lambda e: e + [0, 0.1, -0.3, 0.2], np.array([0.0, 2.0, 1.0, 5.0])))
    assert entries(lambda e: e[[1, 3, 0, 5, 2, 4]] + [0.1, -0.2, 0.3, 0, 0.1, -0.4], LONG - 2) is None


def test_a_step_in_the_right_direction_is_seen():
    start = LONG[::-1].copy()
    assert "from w in the right direction, 2 times as far" in entries(lambda e: start + 2 * (e - start), LONG, w=start)


def test_a_whole_number_that_is_a_little_off():
    pairs = [(np.array(e - by), np.array(e)) for e, by in ((7, 1), (9, 2))]
    assert "too small by 1 to 2 where it is wrong" in of_entries(pairs, [{}, {}])
    assert of_entries([(np.array(5), np.array(7)), (np.array(11), np.array(9))], [{}, {}]) is None


def test_calls_too_many_and_missing_are_named():
    asked, due = np.array([[0.0, 1.0], [0.0, 2.0]]), np.array([[0.0, 2.0], [2.0, 4.0]])
    assert of_calls(asked, due) == "(0, 1) is too many; (2, 4) is missing."
    assert of_calls(np.empty(0), due) == "(0, 2), (2, 4) are missing."


V, C = np.array([0.3, -1.2, 0.7]), 2.5
ORDER = np.array([2, 0, 1])


@pytest.mark.parametrize(("mine", "right", "words"), [
    (lambda v, c, k: v.sum(), lambda v, c, k: c * v.sum(), "It does not change with c, and should: is c used?"),
    (lambda v, c, k: v.max(), lambda v, c, k: v[k] @ [1, 2, 3], "does not change with k, and should: is k used?"),
    (lambda v, c, k: c + v @ [1, 2, 4], lambda v, c, k: c + 0.5, "It changes with v, and should not."),
    (lambda v, c, k: v.sum() ** 2 * c, lambda v, c, k: abs(v.sum()) * c, "in proportion to the square of v"),
    (lambda v, c, k: (v @ v) / c, lambda v, c, k: (v @ v) * c, "in proportion to 1 / c, and should be to c"),
    (lambda v, c, k: np.ptp(v), lambda v, c, k: np.ptp(v) + v.mean(), "when 1 is added to all of v, and should"),
    (lambda v, c, k: v.sum() * c, lambda v, c, k: v @ [1, 2, 4] * c, "with the order of v, and should."),
    (lambda v, c, k: np.abs(v).sum() + v[0], lambda v, c, k: v.sum() + v[0], "where no entry of v is negative"),
    (lambda v, c, k: v.mean() + c, lambda v, c, k: v.sum() + c, "It comes out right where v and k have length 1"),
])  # fmt: skip
def test_how_an_answer_responds_to_other_arguments(mine, right, words):
    def ask(case):
        return np.asarray(mine(*case)), np.asarray(right(*case))

    assert words in of_behaviour(["v", "c", "k"], [(V, C, ORDER)], ask, 1e-7)


def test_among_equals():
    def ask(case):
        return np.asarray(len(case[0]) - 1 - case[0][::-1].argmax()), np.asarray(case[0].argmax())

    case = (np.array([1.0, 3.0, 2.0, 3.0]),)
    assert "no two entries of v are equal" in of_behaviour(["v"], [case], ask, 1e-7)


def test_a_case_without_an_answer_says_nothing():
    assert of_behaviour(["v"], [(V,)], lambda case: None, 1e-7) is None


# ---- the answer is called more than once

TWICE = Exercise("00.twice", "my_twice", [(V,), (2 * V,)], lambda v: 2 * v)


def test_an_answer_that_is_right_for_the_first_call_only_is_not_right():
    calls = []

    def mine(v, kept=[]):  # noqa: B006
        kept.append(1)
        calls.append(v)
        return 2 * v if len(kept) < 3 else 3 * v

    verdict = grade(TWICE, mine)
    assert len(calls) == 3 and "something else when it is called again with the same input" in verdict.hint
    assert verdict.shown[1:] == ("the first time: [ 0.6, -2.4, 1.4]", "the second time: [ 0.9, -3.6, 2.1]")


def test_an_answer_that_draws_is_told_from_a_wrong_one():
    assert "draws numbers of its own" in grade(TWICE, lambda v: v * np.random.default_rng().random()).hint


def test_an_outcome_holds_the_arguments_as_they_are_afterwards():
    def mine(v):
        v *= 2
        return v

    assert (run(mine, (V,)).arguments[0] == 2 * V).all() and V[0] == 0.3
