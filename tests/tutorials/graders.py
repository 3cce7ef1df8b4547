"""What every grader must do; the files beside this one say it of their tutorial's exercises.

SECOND maps an exercise to its solution written another way. WRONG holds (exercise, wrong answer, words of its hint).
"""

import numpy as np
from check import grade


def accepts(exercise, second):
    """The solution passes, and so does the second."""
    assert grade(exercise, exercise.solution) is None
    assert grade(exercise, second) is None


def rejects(exercise, answer, words):
    """`answer` is wrong, and the verdict says why: it holds `words`."""
    verdict = grade(exercise, answer)
    assert verdict is not None and words in verdict, verdict


def tells_mistakes_apart(exercise, wrong):
    """At least four known mistakes, four planted answers, and each known mistake gets its own hint."""
    assert len(exercise.mistakes) >= 4 and sum(name == exercise.name for name, _, _ in wrong) >= 4
    for hint, mistake in exercise.mistakes:
        assert grade(exercise, mistake) == f"It looks like this: {hint}"


def has_a_word_for_garbage(exercise):
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
