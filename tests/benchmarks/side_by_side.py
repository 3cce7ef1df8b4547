"""Two sides of one piece of work, timed in turns in one process: what the benchmarks are made of.

A pair is one measurement of ours and one of the peer's, one after the other, so that a slow spell of the machine
slows both. Before each the threads of the other side get time to fall asleep: BLAS and OpenMP threads spin for a
while after their last task, and would take a core from whoever comes next.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

PAIRS, REST, SHORTEST = 20, 0.03, 0.005  # pairs; seconds of rest before, and shortest length of, one measurement


class Sides(NamedTuple):
    """ours() and theirs() do the work once; check() raises AssertionError unless both find the same."""

    ours: Callable
    theirs: Callable
    check: Callable


@dataclass(frozen=True)
class Row:
    """A row of the table: make() builds the two sides, and raises ImportError where the peer is not installed.

    target: the ratio to reach.  why: the reason, where the target is known not to be reached.
    """

    work: str
    peer: str
    target: float
    make: Callable[[], Sides]
    why: str = ""


class Measured(NamedTuple):
    ratio: float  # median of ours / theirs over the pairs
    ours: float  # seconds, median
    theirs: float
    pairs: int


def threads(count: int) -> None:
    """Both sides get `count` threads, from now on: NumPy's BLAS, OpenMP and PyTorch."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(count)
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(count)


def measure(sides: Sides, pairs: int = PAIRS, budget: float = 1e9) -> Measured:
    """Check that the sides agree, then time them in turns: `pairs` pairs, or at least 3 within `budget` seconds."""
    sides.check()
    repeats = [_repeats(side) for side in (sides.ours, sides.theirs)]
    end, times = time.perf_counter() + budget, []
    while len(times) < pairs and (len(times) < 3 or time.perf_counter() < end):
        times.append([_seconds(side, n) for side, n in zip((sides.ours, sides.theirs), repeats)])
    ours, theirs = np.array(times).T
    return Measured(float(np.median(ours / theirs)), float(np.median(ours)), float(np.median(theirs)), len(times))


def _repeats(side) -> int:
    """How often to call `side` in one measurement, for a clock that is not to be the noise."""
    for _ in range(2):  # the first call warms up, unless it is so long that warmth does not matter
        start = time.perf_counter()
        side()
        seconds = time.perf_counter() - start
        if seconds > 100 * SHORTEST:
            break
    return max(1, int(SHORTEST / seconds))


def _seconds(side, repeats: int) -> float:
    """Seconds of one call, the mean of `repeats`, after a rest and, for short work, one call that is not timed."""
    time.sleep(REST)
    if repeats > 1:
        side()
    start = time.perf_counter()
    for _ in range(repeats):
        side()
    return (time.perf_counter() - start) / repeats


def same(found, expected, relative: float) -> None:
    """|found - expected| <= relative |expected|, as whole arrays."""
    found, expected = np.asarray(found, dtype="float64"), np.asarray(expected, dtype="float64")
    gap, size = np.linalg.norm((found - expected).ravel()), np.linalg.norm(expected.ravel())
    assert gap <= relative * size, f"the sides differ by {gap / size:.1e}, more than {relative:.0e}"
