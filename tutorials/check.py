"""check("01.softmax", my_softmax): grade an answer at once, and say which usual mistake a wrong one suggests.

An answer is right if it returns what the solution returns on every case, however it is written. The grader knows the
usual mistakes as functions, and a wrong answer suggests the one that it agrees with on every case. The exercises of
tutorial 01 are in exercises/ch01.py, and so on; those files give the solutions away.
"""

from __future__ import annotations

import copy
import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minicrest.backend import to_numpy


@dataclass(frozen=True)
class Exercise:
    """name: "01.softmax".  cases: argument tuples (host arrays, numbers, functions).  solution: the reference.

    mistakes: pairs (hint, function); the hint names the mistake without giving the answer.
    tolerance: largest difference allowed, relative to the largest entry expected; its default is float64 rounding.
    """

    name: str
    cases: Sequence[tuple]
    solution: Callable
    mistakes: Sequence[tuple[str, Callable]] = field(default_factory=tuple)
    tolerance: float = 1e-7


def check(name: str, answer: Callable) -> bool:
    """Grade `answer`, print the verdict, and return whether it is right."""
    verdict = grade(find(name), answer)
    print(f"{name}: correct." if verdict is None else f"{name}: not yet. {verdict}")
    return verdict is None


def grade(exercise: Exercise, answer: Callable) -> str | None:
    """None if `answer` is right, else what is wrong with it."""
    if not callable(answer):
        return f"check needs the function itself, without calling it; it got a {type(answer).__name__}."
    expected = [_call(exercise.solution, case) for case in exercise.cases]
    try:
        given = [_call(answer, case) for case in exercise.cases]
    except Exception as error:  # whatever the reader's code raises is a wrong answer, not a crash of the grader
        return f"It raises {type(error).__name__}: {error}"
    if all(_equal(g, e, exercise.tolerance) for g, e in zip(given, expected)):
        return None
    for hint, mistake in exercise.mistakes:
        if all(_equal(g, _call(mistake, case), exercise.tolerance) for g, case in zip(given, exercise.cases)):
            return f"It looks like this: {hint}"
    return next(_difference(g, e) for g, e in zip(given, expected) if not _equal(g, e, exercise.tolerance))


def find(name: str) -> Exercise:
    """The exercise called `name`. Raises ValueError with the names there are."""
    chapter = name.partition(".")[0]
    try:
        exercises = importlib.import_module(f"exercises.ch{chapter}").EXERCISES
    except ModuleNotFoundError as error:
        raise ValueError(f"no exercise {name!r}: names begin with a tutorial's number, as 01.softmax") from error
    found = {exercise.name: exercise for exercise in exercises}
    if name not in found:
        raise ValueError(f"there is no exercise {name!r}; tutorial {chapter} has {', '.join(found)}")
    return found[name]


def _call(function, case):
    """What `function` returns for a copy of the arguments, which it may overwrite."""
    return function(*copy.deepcopy(case))


def _parts(value, expected) -> list:
    """`value` as host arrays: several where a tuple (or a list of arrays) is expected and given, otherwise one."""
    several = isinstance(expected, tuple) or (isinstance(expected, list) and any(np.ndim(e) for e in expected))
    values = value if several and isinstance(value, (tuple, list)) else [value]
    return [_host(v) for v in values]


def _host(value) -> np.ndarray:
    try:
        return to_numpy(value)
    except ValueError:  # rows of different lengths make no array
        return np.asarray(None)


def _equal(given: Any, expected: Any, tolerance: float) -> bool:
    given, expected = _parts(given, expected), _parts(expected, expected)
    if len(given) != len(expected) or any(g.shape != e.shape for g, e in zip(given, expected)):
        return False
    if any(g.dtype.kind not in "biuf" for g in given):
        return False
    return all(np.all(np.abs(g - 1.0 * e) <= tolerance * max(1e-12, np.abs(e).max(initial=0.0)))
               for g, e in zip(given, expected))  # fmt: skip


def _difference(given: Any, expected: Any) -> str:
    """How a wrong answer that suggests no known mistake differs from the expected one."""
    if given is None:
        return "It returns None: is there a return at its end?"
    given, expected = _parts(given, expected), _parts(expected, expected)
    if len(given) != len(expected):
        return f"It returns {len(given)} things where {len(expected)} are expected."
    for g, e in zip(given, expected):
        if g.shape != e.shape:
            return f"Its result has shape {g.shape}; {e.shape} is expected."
        if g.dtype.kind not in "biuf":
            return f"Its result is made of {g.dtype}, not of numbers."
        if not np.all(np.isfinite(g)):
            return "Its result holds nan or inf: look for a division by zero, a log of 0 or an exp of a large number."
    for g, e in zip(given, expected):
        if np.abs(e).max(initial=0) > 0 and np.allclose(g, -e):
            return "It has the opposite sign."
        ratio = float((g * e).sum() / max((e * 1.0 * e).sum(), 1e-300))
        if e.size > 1 and ratio != 0 and not np.allclose(g, e) and np.allclose(g, ratio * e):
            return f"It is {ratio:.4g} times what is expected: a mean, a sum or a constant is off."
    worst = max(float(np.abs(g - 1.0 * e).max(initial=0)) for g, e in zip(given, expected))
    return f"The shape is right and the numbers are not: the largest difference is {worst:.3g}."
