"""Every grader accepts right answers however written, and recognises the usual wrong ones.

answers_chNN.py holds a tutorial's answers. SECOND: exercise -> its solution, written another way. WRONG: (exercise,
a wrong answer, words that its hint must hold).
"""

from importlib import import_module

import numpy as np
import pytest
from check import grade

from tests.tutorials.answers_ch10 import test_the_solutions_are_what_the_package_does as test_10_is_the_package  # noqa: F401
from tests.tutorials.answers_ch11 import test_the_solutions_are_what_the_package_does as test_11_is_the_package  # noqa: F401

CHAPTERS = [f"{k:02d}" for k in range(1, 15)]
ANSWERS = {k: import_module(f"tests.tutorials.answers_ch{k}") for k in CHAPTERS}
EXERCISES = {e.name: e for k in CHAPTERS for e in import_module(f"exercises.ch{k}").EXERCISES}
SECOND = {name: second for answers in ANSWERS.values() for name, second in answers.SECOND.items()}
WRONG = [wrong for answers in ANSWERS.values() for wrong in answers.WRONG]

overflows = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # a wrong exp or root is among the mistakes
every_exercise = pytest.mark.parametrize("exercise", EXERCISES.values(), ids=EXERCISES)


@every_exercise
def test_accepts_the_solution_and_another_way_of_writing_it(exercise):
    assert grade(exercise, exercise.solution) is None
    assert grade(exercise, SECOND[exercise.name]) is None


@overflows
@pytest.mark.parametrize(("name", "answer", "words"), WRONG)
def test_rejects_a_wrong_answer_and_says_why(name, answer, words):
    verdict = grade(EXERCISES[name], answer)
    assert verdict is not None and words in verdict, verdict


@every_exercise
def test_tells_the_known_mistakes_apart(exercise):
    """At least four known mistakes, four planted answers, and each known mistake gets its own hint."""
    assert len(exercise.mistakes) >= 4 and sum(name == exercise.name for name, _, _ in WRONG) >= 4
    for hint, mistake in exercise.mistakes:
        assert grade(exercise, mistake) == f"It looks like this: {hint}"


@every_exercise
def test_has_a_word_for_garbage(exercise):
    """Nothing returned, wrong shapes, text, an exception and a function of no arguments are told from mistakes."""
    assert "return at its end" in grade(exercise, lambda *q: None)
    assert "shape" in grade(exercise, _like(exercise, lambda part: np.ones((7, 7, 7))))
    assert "not of numbers" in grade(exercise, _like(exercise, lambda part: np.full(np.shape(part), "a")))
    assert grade(exercise, _like(exercise, lambda part: [[1, 2], [3]]))
    assert "raises ZeroDivisionError" in grade(exercise, lambda *q: 1 / 0)
    assert "raises TypeError" in grade(exercise, lambda: 0)
    assert "without calling it" in grade(exercise, 3.0)


def _like(exercise, change):
    """An answer with as many parts as the solution gives, each replaced by change(part)."""

    def answer(*case):
        parts = exercise.solution(*case)
        return [change(part) for part in parts] if isinstance(parts, (tuple, list)) else change(parts)

    return answer
