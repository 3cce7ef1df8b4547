"""A reader's loop that never ends: it is stopped, and nothing of the time limit stays behind."""

import json
import signal
import sys
import threading
import time

import pytest

from minicrest.teaching import check, either
from minicrest.teaching.answers import answers
from minicrest.teaching.check import find, grade
from minicrest.teaching.limit import TooLong, limited

RIGHT = find("01.loss").solution


def endless(z, y):
    while True:
        pass


def endless_and_catching(z, y):
    while True:
        try:
            y[len(y)]
        except Exception:
            pass


def endless_in_the_second_input(z, y):
    while len(z) == 2:
        pass
    return RIGHT(z, y)


@pytest.fixture(autouse=True)
def nothing_stays_behind():
    """No thread, no timer, no handler, no trace; and no TooLong that comes later."""
    before = _settings()
    yield
    time.sleep(0.2)
    assert _settings() == before


def _settings():
    timer = signal.getitimer(signal.ITIMER_REAL) if hasattr(signal, "getitimer") else None
    handler = signal.getsignal(signal.SIGALRM) if hasattr(signal, "SIGALRM") else None
    return threading.active_count(), timer, handler, signal.getsignal(signal.SIGINT), sys.gettrace()


@pytest.mark.parametrize("answer", [endless, endless_and_catching, endless_in_the_second_input])
def test_an_endless_loop_is_stopped_with_a_hint(answer, capsys):
    start = time.perf_counter()
    assert not check("01.loss", answer, seconds=0.3)
    assert 0.3 <= time.perf_counter() - start < 8
    text = capsys.readouterr().out
    assert text.startswith("01.loss: not yet. It ran for more than 0.3 seconds on this input, where the answer is")
    assert "expected at once, in line " in text and 'check("01.loss", my_loss, seconds=1.8).' in text
    assert ("of shape (5, 3)" in text) == (answer is not endless_in_the_second_input)


def test_the_line_of_the_loop_is_shown():
    line = endless.__code__.co_firstlineno + 1
    hint = grade(find("01.loss"), endless, seconds=0.3).hint
    assert f"in line {line}: `while True:`" in hint or f"in line {line + 1}: `pass`" in hint


def test_it_works_in_a_thread_other_than_the_main_one():
    """Where no signal would come."""
    verdicts = []
    thread = threading.Thread(target=lambda: verdicts.append(grade(find("01.loss"), endless, seconds=0.3)))
    thread.start()
    thread.join(timeout=20)
    assert verdicts and "more than 0.3 seconds" in verdicts[0].hint


def test_what_is_right_and_slow_passes():
    def slow(z, y):
        time.sleep(0.2)
        return RIGHT(z, y)

    assert grade(find("01.loss"), slow) is None
    assert grade(find("01.loss"), slow, seconds=5) is None


def test_either_takes_the_solution_in_the_place_of_an_endless_answer(capsys, monkeypatch):
    monkeypatch.setattr(grade, "__defaults__", (0.3,))
    assert either("01.loss", endless) is RIGHT


def test_status_stops_what_a_notebook_computes(tmp_path, monkeypatch):
    """A name that the answer needs, and whose value is never there."""
    monkeypatch.setattr(limited, "__defaults__", (0.3,))
    text = "def f():\n    while True:\n        pass\n\nx = f()\n\ndef my_loss(z, y):\n    return x\n"
    cell = {"cell_type": "code", "source": text, "outputs": [], "metadata": {}}
    (tmp_path / "01_mine.ipynb").write_text(json.dumps({"cells": [cell]}), "utf-8")
    problems = {answer.exercise.name: answer.problem for answer in answers(tmp_path)}
    assert problems["01.loss"] == "cannot be read alone: TooLong: it did not end in time"


def test_a_result_or_an_exception_comes_through():
    assert limited(divmod, (7, 2), 5) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        limited(divmod, (7, 0), 5)


def test_the_answer_cannot_take_it_for_an_error_of_its_own():
    def mine():
        try:
            while True:
                pass
        except Exception:
            return "caught"

    with pytest.raises(TooLong):
        limited(mine, (), 0.3)


def test_at_the_very_limit_it_is_either_one_and_never_later():
    """Functions that take about as long as they may: each returns or is stopped, and nothing is raised afterwards."""
    outcomes = set()
    for k in range(40):
        try:
            outcomes.add(limited(_busy, (0.01 + 0.001 * k,), 0.02))
        except TooLong:
            outcomes.add("stopped")
    assert outcomes <= {"returned", "stopped"} and "stopped" in outcomes


def _busy(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass
    return "returned"
