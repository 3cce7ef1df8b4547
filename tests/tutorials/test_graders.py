"""Every grader accepts right answers however written, names what is wrong with the others, and crashes on none.

answers_chNN.py holds a tutorial's answers. SECOND: exercise -> its solution, written another way. WRONG: (exercise,
a wrong answer, words that its hint must hold). slips.py makes hundreds more of the solutions in the notebooks.
"""

import ast
import json
import math
import re
from importlib import import_module

import numpy as np
import pytest

from minicrest.backend import device_of, to_device
from minicrest.random import stream
from minicrest.teaching import check, difference, either, standing
from minicrest.teaching.check import TUTORIALS, find, grade, of_tutorial, run
from minicrest.teaching.notebooks import folder, holds_solutions, source
from tests.tutorials.answers_ch10 import (
    test_the_solutions_are_what_the_package_does as test_10_is_the_package,  # noqa: F401
)
from tests.tutorials.answers_ch11 import (
    test_the_solutions_are_what_the_package_does as test_11_is_the_package,  # noqa: F401
)
from tests.tutorials.slips import slips

ANSWERS = {k: import_module(f"tests.tutorials.answers_ch{k}") for k in TUTORIALS}
EXERCISES = {e.name: e for k in TUTORIALS for e in of_tutorial(k)}
SECOND = {name: second for answers in ANSWERS.values() for name, second in answers.SECOND.items()}
WRONG = [wrong for answers in ANSWERS.values() for wrong in answers.WRONG]
SAME = {  # slips that change nothing: right answers
    "02.backward": ["ds = dy * (x @ W + b >= 0)"],  # nothing is exactly 0
    "02.tangent": ["return Rx + (x @ W + b >= 0) * (Rx @ W + x @ RW + Rb)"],
    "02.mlp": ["p = np.exp(z)", "p = np.exp(z + z.max(axis=1, keepdims=True))"],
    "04.signal": ["p = np.exp(z)", "p = np.exp(z + z.max(axis=1, keepdims=True))"],
    "04.exact": ["p = 1 / (1 + np.exp(x @ w))"],  # p (1 - p) is the same for both signs
    "04.curvature": ["average = beta * average + (1 - beta) * product(z) ** 2"],  # signs squared are 1
    "05.bound": ["d = np.linalg.norm(G[:, None] - G[None, S], axis=-1)"],
    "05.cover": ["chosen.append(int(np.maximum(near[:, None] - D, 0).mean(axis=0).argmax()))"],
    "05.craig": ["D = np.linalg.norm(x[members, None] - x[None, members], axis=-1)",
                 "S.append(int(np.maximum(near[:, None] - D, 0).mean(axis=0).argmax()))"],
    "06.random": ["for m in range(1, n + 1 + 1):", "for m in range(1 + -1, n + 1):"],  # NumPy's 1 / 0 is inf
    "08.batch": ["d = np.sqrt(((rows[:, None] - rows[None]) ** 2).mean(axis=2))",
                 "d = np.sqrt(((rows[:, None] - rows[None]) ** 2).sum(axis=-1))",
                 "gains = np.maximum(near[:, None] - d, 0).mean(axis=0)"],
    "14.step": ["a = np.exp(z)", "a = np.exp(z + z.max(axis=1, keepdims=True))",
                "w = my_weights(my_chances(np.sqrt((a ** 2).mean(axis=1)), low), draws)"],  # only ratios count
    "15.verdict": ["if mean - half >= least:", "return -1 if mean + half <= least else 0"],  # never equal
}  # fmt: skip

overflows = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # a wrong exp or root is among the mistakes
every_exercise = pytest.mark.parametrize("exercise", EXERCISES.values(), ids=EXERCISES)
every_tutorial = pytest.mark.parametrize("number", TUTORIALS)


def solutions(number):
    """{function: its source} of the folded cell of a notebook."""
    (path,) = folder().glob(f"{number}_*.ipynb")
    (text,) = [source(cell) for cell in json.loads(path.read_text("utf-8"))["cells"] if holds_solutions(cell)]
    body = ast.parse(re.search(r"```python\n(.*?)```", text, re.S)[1]).body
    return {node.name: ast.unparse(node) for node in body}


def executed(number, text=""):
    """The names that the folded solutions define, and then `text`, with the imports of the notebooks."""
    names = {"np": np, "math": math, "stream": stream, "to_device": to_device, "device_of": device_of}
    exec("\n".join([*solutions(number).values(), text]), names)
    return names


def patterns(exercise):
    """Wrong answers made of a right one: doubled, halved, squared, off by one, negative, parts exchanged."""
    second, several = SECOND[exercise.name], len(exercise.parts) > 1

    def changed(change, k=None):
        def answer(*q):
            parts = list(second(*q)) if several else [second(*q)]
            parts = [change(np.asarray(p) * 1.0) if k in (None, j) else p for j, p in enumerate(parts)]
            return tuple(parts) if several else parts[0]

        return answer

    for change in (lambda p: 2 * p, lambda p: p + 1, np.negative, lambda p: p / 2, np.square):
        values = [difference.host(p) for case in exercise.cases for p in _parts(run(second, case).value, several)]
        if any(np.any(change(value * 1.0) != value) for value in values):
            yield changed(change)
    if several:
        yield lambda *q: tuple(second(*q))[::-1]
        yield lambda *q: tuple(second(*q))[:-1]
        yield from (changed(lambda p: 3 * p, k) for k in range(len(exercise.parts)))


def _parts(value, several):
    return list(value) if several else [value]


# ---- right answers


@every_exercise
def test_accepts_the_solution_and_another_way_of_writing_it(exercise):
    assert grade(exercise, exercise.solution) is None
    assert grade(exercise, SECOND[exercise.name]) is None


@every_tutorial
def test_the_folded_solutions_are_right(number):
    names = executed(number)
    for exercise in of_tutorial(number):
        assert grade(exercise, names[exercise.function]) is None


def test_a_right_answer_may_have_any_shape_that_means_the_same():
    def solved(name, change):
        return grade(find(name), lambda *q: change(find(name).solution(*q)))

    assert solved("05.bound", np.array) is None and solved("05.bound", list) is None
    assert solved("01.gradient", list) is None and solved("01.loss", lambda loss: np.array([loss])) is None
    assert solved("09.drop", lambda left: left.astype(int).tolist()) is None
    assert solved("10.forgetting", lambda events: events.astype(float)) is None
    assert solved("07.periods", lambda pair: np.array(pair, dtype=float)) is None
    assert solved("09.loop", lambda w: (float(w[0]), tuple(w[1]), np.array(w[2]))) is None
    assert solved("01.softmax", lambda p: p[:, :, None]) is not None


# ---- wrong answers


@overflows
@pytest.mark.parametrize(("name", "answer", "words"), WRONG)
def test_rejects_a_wrong_answer_and_says_why(name, answer, words):
    verdict = grade(EXERCISES[name], answer)
    assert verdict is not None and words in str(verdict), verdict


@overflows
@every_exercise
def test_tells_the_known_mistakes_apart(exercise):
    """Each known mistake gets its own hint."""
    assert len(exercise.mistakes) >= 8
    for hint, mistake in exercise.mistakes:
        assert grade(exercise, mistake).hint == f"It looks like this: {hint}"


COUNTED: dict[str, list[bool]] = {}  # exercise: whether the hints of its wrong answers were generic


@overflows
@every_tutorial
def test_one_slip_in_a_solution_is_rejected_and_named(number):
    """Whatever slip it is: no grader crashes, and none accepts it, but for those that change nothing."""
    texts = solutions(number)
    for exercise in of_tutorial(number):
        planted = [answer for name, answer, _ in WRONG if name == exercise.name]
        verdicts = [grade(exercise, answer) for answer in [*planted, *patterns(exercise)]]
        counted = [verdict.generic for verdict in verdicts]
        for text in slips(texts[exercise.function]):
            if not any(same in map(str.strip, text.split("\n")) for same in SAME.get(exercise.name, ())):
                verdict = grade(exercise, executed(number, text)[exercise.function], seconds=2.0)
                assert verdict is not None, f"{exercise.name} accepts\n{text}"
                counted.append(verdict.generic)
        assert len(counted) >= 12, f"{exercise.name} has only {len(counted)} wrong answers"
        COUNTED[exercise.name] = counted


def test_at_most_a_tenth_of_the_hints_is_generic():
    counted = [generic for answers in COUNTED.values() for generic in answers]
    if len(COUNTED) < len(EXERCISES):
        pytest.skip("counts what the test above this one graded, all of it")
    print(f"{len(counted)} wrong answers, {sum(counted)} generic hints")
    assert sum(counted) <= 0.1 * len(counted)


@every_exercise
def test_has_a_word_for_garbage(exercise):
    """Nothing returned, wrong shapes, text, an exception and a function of no arguments are told from mistakes."""
    assert "return at its end" in str(grade(exercise, lambda *q: None))
    assert "shape" in str(grade(exercise, _like(exercise, lambda part: np.ones((7, 7, 7)))))
    assert "not of numbers" in str(grade(exercise, _like(exercise, lambda part: np.full(np.shape(part), "a"))))
    assert grade(exercise, _like(exercise, lambda part: [[1, 2], [3]]))
    assert grade(exercise, lambda *q: object()) and grade(exercise, lambda *q: {}) and grade(exercise, lambda *q: [])
    assert "raises ZeroDivisionError" in str(grade(exercise, lambda *q: 1 / 0))
    assert "raises TypeError" in str(grade(exercise, lambda: 0))
    assert "without calling it" in str(grade(exercise, 3.0))


def _like(exercise, change):
    """An answer with as many parts as the solution gives, each replaced by change(part)."""

    def answer(*case):
        parts = exercise.solution(*case)
        return [change(part) for part in parts] if isinstance(parts, (tuple, list)) else change(parts)

    return answer


# ---- what a verdict says


def test_of_several_things_the_wrong_one_is_named():
    def swapped_sign(W, b, x, dy):
        dx, dW, db = find("02.backward").solution(W, b, x, dy)
        return dx, 3.25 * dW, db

    verdict = grade(find("02.backward"), swapped_sign)
    assert verdict.hint.startswith("dx and db are right; dW is not: it is 3.25 times what is expected")
    verdict = grade(find("02.backward"), lambda *q: find("02.backward").solution(*q)[::-1])
    assert "another order: (dx, dW, db)" in verdict.hint


def test_the_input_and_both_values_are_shown():
    verdict = grade(find("11.next"), lambda G, chosen, w, target: 0)
    assert re.search(r"for G = .* of shape \(12, 4\), chosen = \[3, 7\], w = ", verdict.shown[0])
    assert verdict.shown[1:] == ("yours: 0", f"expected: {find('11.next').solution(*find('11.next').cases[0])}")


def test_an_exception_is_shown_with_its_line():
    def mine(z):
        rows = len(z)
        return z[rows + 1]

    line = mine.__code__.co_firstlineno + 2
    assert f"in line {line}: `return z[rows + 1]`" in grade(find("01.softmax"), mine).hint


def test_what_is_asked_of_a_function_counts(capsys):
    def asks_always(rho, period, tau, steps):
        for t in range(1, steps):
            rho(0, t)
        return find("07.regions").solution(rho, period, tau, steps)

    hint = grade(find("07.regions"), asks_always).hint
    assert "the calls of rho are not: (0, 1), (0, 2)," in hint and " are too many." in hint


def test_check_prints_and_returns_the_verdict(capsys):
    assert check("01.loss", find("01.loss").solution) and not check("01.loss", lambda z, y: 0.0)
    assert capsys.readouterr().out.startswith("01.loss: correct.\n01.loss: not yet. ")
    with pytest.raises(ValueError, match=r"no exercise '01.lost'; tutorial 01 has 01.softmax, 01.loss"):
        check("01.lost", len)
    with pytest.raises(ValueError, match="no tutorial '99'"):
        check("99.loss", len)


def test_unwritten_work_is_not_called_correct(capsys):
    def mine(z, y):
        return None

    assert either("01.loss", mine) is find("01.loss").solution
    standing("01", {"my_loss": mine, "my_softmax": find("01.softmax").solution})
    text = capsys.readouterr().out
    assert "with the solution, as yours does not pass yet" in text and "1 of 5 exercises of tutorial 01" in text
    assert re.search(r"01.softmax +correct\n01.loss +not yet\n", text)
    right = find("01.loss").solution
    assert either("01.loss", right) is right and "with your function" in capsys.readouterr().out
