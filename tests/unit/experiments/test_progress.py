"""Bars: how much each run counts, where the bar stands within one, and when a preparation is announced."""

import io
import sys
from dataclasses import dataclass

import pytest

from minicrest.experiments import Setup, progress
from minicrest.experiments.compare import Plan
from minicrest.ledger import Ledger


@dataclass
class Clock:
    now: float = 0.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def a_terminal(monkeypatch):
    """A stderr that is one, and no delay. Not a fixture: pytest sets its own stderr between a fixture and the test."""
    stderr = io.StringIO()
    stderr.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setattr(progress, "DELAY", 0)
    return stderr


def plans(*methods):
    return [Plan(name, Setup(method=name, seed=0, budget=0.1)) for name in methods]


def test_a_run_counts_as_the_training_that_it_asks_for(tmp_path):
    random, full = plans("random", "full")
    assert progress.part(random, tmp_path) == 0.1 and progress.part(full, tmp_path) == 1.0
    folder = random.setup.folder(tmp_path)
    folder.mkdir(parents=True)
    (folder / "run.npz").touch()
    assert progress.part(random, tmp_path) == 0.0 and progress.part(random, None) == 0.1


def test_the_bar_moves_within_a_run_at_the_pace_of_those_before(clock):
    bar = progress.RunBar(plans("random", "full", "crest"), None, silent=True)
    bar.begin(0)
    assert bar.expected(100.0) == 0.0  # nothing is known yet
    clock.now = 2.0
    bar.end()
    assert (bar.done, bar.elapsed) == (0.1, 2.0)
    bar.begin(1)
    assert bar.expected(10.0) == pytest.approx(0.5) and bar.expected(100.0) == 0.95  # never all of it
    clock.now = 24.0
    bar.end()
    assert (bar.done, bar.elapsed) == (1.1, 24.0)


def test_what_the_bar_says(clock, monkeypatch):
    terminal = a_terminal(monkeypatch)
    with progress.RunBar(plans("random", "full"), None, silent=None) as bar:
        bar.begin(0)
        bar.step()
        clock.now = 2.0
        bar.end()
        bar.begin(1)
        bar.step()
        bar._bar.refresh()
        assert "run 2 of 2: full, seed 0, 1 steps   9%|" in terminal.getvalue()
    assert "so far, about" in terminal.getvalue() and "\x1b[3" not in terminal.getvalue()  # no colour


@pytest.mark.parametrize("bill", [100, None])
def test_a_preparation_is_announced_until_it_ends(monkeypatch, bill):
    terminal = a_terminal(monkeypatch)
    ledger, stops = Ledger(), []
    oracle = type("Oracle", (), {"ledger": ledger})
    stop = progress.announced(lambda: bool(stops), oracle, bill, True)
    ledger.stop = stop
    ledger.charge(forward=40)
    ledger.charge(forward=10)
    said = terminal.getvalue()
    assert "preparing" in said and ("at most" in said) == (bill is not None)
    stops.append(1)
    ledger.stop = None
    assert stop() is True
    assert terminal.getvalue().endswith("\r")  # the bar is gone


def test_no_preparation_is_announced_where_no_bar_is_wanted(monkeypatch):
    terminal = a_terminal(monkeypatch)
    ledger = Ledger()
    ledger.stop = progress.announced(lambda: False, type("Oracle", (), {"ledger": ledger}), 100, False)
    ledger.charge(forward=40)
    assert terminal.getvalue() == ""
