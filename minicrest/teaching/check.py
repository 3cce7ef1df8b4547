"""check("01.softmax", my_softmax): grade an answer at once, and say which usual mistake a wrong one suggests.

An answer is right if it returns what the solution returns for every input, however it is written. The grader knows the
usual mistakes as functions, and a wrong answer suggests the one that it agrees with for every input; where there is
none, it says how the numbers differ (difference.py). The exercises of tutorial 01 are in exercises/ch01.py, and so on;
those files give the solutions away.
"""

from __future__ import annotations

import copy
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from minicrest.teaching import behaviour, difference, entries, trial, words
from minicrest.teaching.exercise import Asked, Exercise
from minicrest.teaching.limit import SECONDS, TooLong, limited

TUTORIALS = tuple(f"{k:02d}" for k in range(1, 17))
TRIAL = 1.0  # seconds for an input that is only tried, to find a hint


@dataclass(frozen=True)
class Verdict:
    """What is wrong with an answer.

    hint: a sentence or two.  generic: True if it only says where the numbers differ.  shown: lines with the input that
    went wrong and both results.
    """

    hint: str
    generic: bool = False
    shown: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join([self.hint, *(f"    {line}" for line in self.shown)])


@dataclass(frozen=True)
class Outcome:
    """What a function returned for one input, and what it asked the functions among its arguments (Asked).

    arguments: the copies that it was given, as they are afterwards.
    """

    value: Any
    questions: tuple[tuple[str, np.ndarray], ...]
    arguments: tuple


def check(name: str, answer: Callable, seconds: float = SECONDS) -> bool:
    """Grade `answer` to the exercise `name`, print the verdict, and return whether it is right.

    seconds: how long it may run on one input; then it is stopped.  Raises ValueError where there is no such exercise.
    """
    verdict = grade(find(name), answer, seconds)
    print(f"{name}: correct." if verdict is None else f"{name}: not yet. {verdict}")
    return verdict is None


def either(name: str, answer: Callable) -> Callable:
    """`answer` if it is right, otherwise the solution, with a line that says so: for cells that need one that works."""
    exercise = find(name)
    if grade(exercise, answer) is None:
        print(f"{name}: with your function.")
        return answer
    print(f"{name}: with the solution, as yours does not pass yet.")
    return exercise.solution


def standing(tutorial: str, names: dict[str, Any]) -> None:
    """Print which exercises of a tutorial, as "01", the functions in `names`, as globals(), solve.

    A function belongs to the exercise that asks for it in the notebook, my_softmax to 01.softmax.
    """
    exercises = of_tutorial(tutorial)
    states = []
    for exercise in exercises:
        answer = names.get(exercise.function)
        right = answer is not None and grade(exercise, answer) is None
        states.append("correct" if right else "not yet")
        print(f"{exercise.name:18}{states[-1]}")
    print(f"{states.count('correct')} of {len(states)} exercises of tutorial {tutorial} are solved.")


def grade(exercise: Exercise, answer: Callable, seconds: float = SECONDS) -> Verdict | None:
    """None if `answer` is right, else what is wrong with it. Its call is stopped after `seconds` on one input."""
    if not callable(answer):
        return Verdict(f"check needs the function itself, without calling it; it got a {type(answer).__name__}.")
    expected = [run(exercise.solution, case) for case in exercise.cases]
    given: list[Outcome] = []
    for case in [*exercise.cases, exercise.cases[0]]:  # the first one again, for what is kept from call to call
        try:
            given.append(limited(run, (answer, case), seconds))
        except TooLong as error:
            text = _endless(exercise, seconds, words.line_of(error, answer))
            return Verdict(text, shown=words.input_of(answer, case))
        except Exception as error:  # whatever the reader's code raises is a wrong answer, not a crash of the grader
            text = f"It raises {type(error).__name__}: {error}{words.line_of(error, answer)}"
            return Verdict(text, shown=words.input_of(answer, case))
    changed = trial.overwritten(exercise.cases, given) if exercise.intact else None
    if changed is not None:
        name = words.named(answer, exercise.cases[0])[changed][0]
        return Verdict(f"It changes {name} itself, the array that it was given: change a copy, and return that.")
    if any(outcome.value is None for outcome in given):
        return Verdict("It returns None: is there a return at its end?")
    try:
        results = [difference.parts(g.value, e.value) for g, e in zip(given, [*expected, expected[0]])]
    except Exception as error:  # an object that refuses to be an array, as a device array that was not read
        text = f"Its result, a {type(given[0].value).__name__}, cannot be read as numbers: {error}"
        return Verdict(text, shown=words.input_of(answer, exercise.cases[0]))
    if not difference.same(results[0], results.pop()):
        return _unsteady(answer, exercise.cases[0], given[0].value, given.pop().value)
    return _Grading(exercise, answer, given[:-1], expected, results).verdict()


def find(name: str) -> Exercise:
    """The exercise called `name`, as "01.softmax". Raises ValueError with the names there are."""
    chapter = str(name).partition(".")[0]
    found = {exercise.name: exercise for exercise in of_tutorial(chapter)}
    if name not in found:
        raise ValueError(f"there is no exercise {name!r}; tutorial {chapter} has {', '.join(found)}")
    return found[name]


def of_tutorial(number: str) -> list[Exercise]:
    """The exercises of tutorial `number`, as "01". Raises ValueError where there is no such tutorial."""
    try:
        return importlib.import_module(f"minicrest.teaching.exercises.ch{number}").EXERCISES
    except ModuleNotFoundError as error:
        raise ValueError(f"there is no tutorial {number!r}: names begin with its number, as 01.softmax") from error


def run(function: Callable, case: tuple) -> Outcome:
    """What `function` returns for a copy of the arguments, which it may overwrite, and what it asked them."""
    arguments = copy.deepcopy(case)
    value = function(*arguments)
    asked = [argument for argument in arguments if isinstance(argument, Asked)]
    return Outcome(value, tuple((one.called, np.array(sorted(one.questions))) for one in asked), arguments)


class _Grading:
    """One answer beside the solution: results are lists of parts, the questions asked among them."""

    def __init__(self, exercise, answer, given, expected, results):
        self.exercise, self.answer = exercise, answer
        self.given = [[*r, *(q for _, q in o.questions)] for r, o in zip(results, given)]
        self.expected = [_all_parts(e, e) for e in expected]
        self.names = [*(exercise.parts or ["the result"]), *(name for name, _ in expected[0].questions)]
        self.outcomes = expected

    def verdict(self) -> Verdict | None:
        short = next((k for k, (g, e) in enumerate(zip(self.given, self.expected)) if len(g) != len(e)), None)
        if short is not None:
            hint = self._whole() or self._count(short)
            return Verdict(hint, shown=words.input_of(self.answer, self.exercise.cases[short]))
        right = np.array([[difference.close(g, e, self.exercise.tolerance) for g, e in zip(gs, es)]
                          for gs, es in zip(self.given, self.expected)])  # fmt: skip
        if right.all():
            return None
        first = int(np.argmin(right.all(axis=1)))
        hint, generic = self._hint(right)
        return Verdict(hint, generic, self._shown(first, right[first]))

    def _count(self, k: int) -> str:
        """Another number of things is returned than asked for."""
        g, e, names = self.given[k], self.expected[k], self.names
        text = f"It returns {len(g)} thing{'s' * (len(g) != 1)} where "
        text += f"{len(e)} are expected: ({', '.join(names)})." if len(e) > 1 else "one is expected."
        if len(g) == 1:
            same = [name for name, part in zip(names, e) if difference.like(g[0], part)]
            text += f" That is {same[0]} alone." if same else ""
        return text

    def _hint(self, right) -> tuple[str, bool]:
        whole = self._whole()
        if whole:
            return whole, False
        if len(self.names) == 1:
            return self._of_part(0, right)
        if difference.exchanged(self.given, self.expected, self.names):
            return f"The right things in another order: ({', '.join(self.names)}) is asked for.", False
        good = [name for name, column in zip(self.names, right.T) if column.all()]
        bad = [k for k, column in enumerate(right.T) if not column.all()]
        said = [(self.names[k], *self._of_part(k, right)) for k in bad]
        text = f"{words.listed(good)} {'are' if len(good) > 1 else 'is'} right; " if good else ""
        verbs = ["are not" if name.startswith("the calls") else "is not" for name, *_ in said]
        sentences = [f"{name} {verb}{'' if good else ' right'}: {hint[0].lower()}{hint[1:]}"
                     for verb, (name, hint, _) in zip(verbs, said)]  # fmt: skip
        return text + " ".join(sentences), all(generic for *_, generic in said)

    @cached_property
    def _known(self) -> list:
        """(hint, results) of the known mistakes; results None where a mistake raises an error."""
        return [(hint, self._of_mistake(function)) for hint, function in self.exercise.mistakes]

    def _whole(self) -> str | None:
        """The hint of the known mistake that the answer agrees with in all its parts."""
        for hint, results in self._known:
            if results is not None and all(self._agree(g, m) for g, m in zip(self.given, results)):
                return f"It looks like this: {hint}"
        return None

    def _of_mistake(self, function):
        """The parts that a known mistake returns for each input; None where it raises an error."""
        try:
            with np.errstate(all="ignore"):
                outcomes = [run(function, case) for case in self.exercise.cases]
        except (ArithmeticError, ValueError, LookupError, TypeError):
            return None
        return [_all_parts(m, e) for m, e in zip(outcomes, self.outcomes)]

    def _agree(self, given, mistake) -> bool:
        return len(given) == len(mistake) and all(
            difference.close(g, m, self.exercise.tolerance) for g, m in zip(given, mistake)
        )

    def _of_part(self, k: int, right) -> tuple[str, bool]:
        """What is wrong with part k, and whether that is generic."""
        for hint, results in self._known:  # a mistake in this part alone, beside which others may have been made
            if results is not None and all(len(m) == len(e) for m, e in zip(results, self.expected)):
                rest = [(m[:k] + m[k + 1 :], e[:k] + e[k + 1 :]) for m, e in zip(results, self.expected)]
                same = [([g[k]], [m[k]]) for g, m in zip(self.given, results)]
                if all(self._agree(mine, theirs) for mine, theirs in rest + same):
                    return f"It looks like this: {hint}", False
        wrong = [n for n in range(len(right)) if not right[n, k]]
        pairs = [(self.given[n][k], self.expected[n][k]) for n in wrong]
        if k >= len(self.exercise.parts or [0]):
            return entries.of_calls(*pairs[0]), False
        good = len(right) - len(wrong)
        some = f" ({good} of the {len(right)} inputs come out right.)" if good else ""
        form = next(filter(None, (difference.of_shape(g, e) for g, e in pairs)), None)
        if form:
            return form + some, False
        cases = [self.exercise.cases[n] for n in wrong]
        arguments = [dict(words.named(self.answer, case)) for case in cases]
        hint = difference.of_numbers(pairs, [words.lengths(self.answer, case) for case in cases], arguments)
        names = list(arguments[0])
        if hint is None:
            hint = trial.comes_right(self.exercise.name, names, cases, lambda case: self._right(k, case))
        hint = hint or self._within(k) or entries.of_entries(pairs, arguments)
        if hint is None:
            hint = behaviour.of_behaviour(names, cases, lambda case: self._asked(k, case), self.exercise.tolerance)
        return (hint or difference.in_places(*pairs[0])) + some, hint is None

    def _within(self, k: int) -> str | None:
        """The known mistake that gives this part k, among others that it gets wrong and the answer does not."""
        for hint, results in self._known:
            pairs = zip(self.given, results or ())
            if results and all(len(m) > k and self._agree([g[k]], [m[k]]) for g, m in pairs):
                return f"It is what this mistake gives: {hint}"
        return None

    def _right(self, k: int, case: tuple) -> bool:
        """Does the answer give part k for another `case`, where that is more than zeros?"""
        both = self._asked(k, case)
        if both is None or not np.isfinite(both[1]).all() or not both[1].any():
            return False
        return difference.close(*both, self.exercise.tolerance)

    def _asked(self, k: int, case: tuple) -> tuple[np.ndarray, np.ndarray] | None:
        """Part k of what the answer returns for another `case`, and of what is expected; None if either has none."""
        try:
            with np.errstate(all="ignore"):
                expected = limited(run, (self.exercise.solution, case), TRIAL)
                given = limited(run, (self.answer, case), TRIAL)
            both = _all_parts(given, expected)[k], _all_parts(expected, expected)[k]
            return both if all(part.dtype.kind in "biuf" for part in both) else None
        except (Exception, TooLong):  # a case that nobody thought of: it need not be one that either can take
            return None

    def _shown(self, k: int, right) -> tuple[str, ...]:
        lines = list(words.input_of(self.answer, self.exercise.cases[k]))
        for j in np.flatnonzero(~right):
            name = "" if len(self.names) == 1 else f"{self.names[j]}, "
            mine, theirs = words.shown(self.given[k][j]), words.shown(self.expected[k][j])
            lines += [f"{name}yours: {mine}", f"{name}expected: {theirs}"]
        return tuple(lines)


def _all_parts(outcome: Outcome, expected: Outcome) -> list[np.ndarray]:
    return [*difference.parts(outcome.value, expected.value), *(questions for _, questions in outcome.questions)]


# ---- words


def _endless(exercise: Exercise, seconds: float, line: str) -> str:
    return (f"It ran for more than {seconds:g} seconds on this input, where the answer is expected at once{line}. Does "
            "what its loop waits for ever come? If it is only slow, give it more time: "
            f'check("{exercise.name}", {exercise.function}, seconds={6 * seconds:g}).')  # fmt: skip


def _unsteady(answer: Callable, case: tuple, first: Any, second: Any) -> Verdict:
    """For one input it returns two different things."""
    hint = ("It returns something else when it is called again with the same input: it draws numbers of its own, or "
            "keeps something from one call to the next (a list as a default argument, a name outside it).")  # fmt: skip
    shown = (f"the first time: {words.shown(first)}", f"the second time: {words.shown(second)}")
    return Verdict(hint, shown=(*words.input_of(answer, case), *shown))
