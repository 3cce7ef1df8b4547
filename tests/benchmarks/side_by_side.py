"""Two sides of one piece of work, timed in turns in one process: what the benchmarks are made of.

A pair is one burst of ours and one of the peer's, one after the other, so that a slow spell of the machine slows both.
BLAS's and OpenMP's threads go on waiting for work for a tenth of a second after their last, on a core that they take
from whoever comes next. So a burst begins with calls that are not timed, until the other side's threads have gone to
sleep and its own are awake: what is timed is how each side runs in a training of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

MKL = "On Intel's processors a product takes a sixth longer, or more, with OpenBLAS than with PyTorch's MKL."
PAIRS, WARM, TIMED = 20, 0.2, 0.1  # pairs; seconds of calls before the clock starts, and the least on it


class Sides(NamedTuple):
    """ours() and theirs() do the work once; check() raises AssertionError unless both find the same."""

    ours: Callable
    theirs: Callable
    check: Callable


class Measured(NamedTuple):
    ratio: float  # median of ours / theirs over the pairs
    ours: float  # seconds, median
    theirs: float
    pairs: int


@dataclass(frozen=True)
class Row:
    """A row of the table: make() builds the two sides, and raises ImportError where the peer is not installed.

    target: the ratio to reach.  why: the reason, where the target is known not to be reached.
    parts: theirs() does one of so many equal parts of the work, and its time is multiplied.
    What takes minutes measures itself: make() then gives Measured.
    """

    work: str
    peer: str
    target: float
    make: Callable[[], Sides | Measured]
    why: str = ""
    parts: int = 1


def threads(count: int) -> None:
    """Both sides get `count` threads, from now on: NumPy's BLAS, OpenMP and PyTorch."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(count)
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(count)


def measure(sides: Sides | Measured, pairs: int = PAIRS, budget: float = 1e9, parts: int = 1) -> Measured:
    """Check that the sides agree, then time them in turns: `pairs` pairs, or at least 3 within `budget` seconds."""
    if isinstance(sides, Measured):
        return sides
    sides.check()
    end, times = time.perf_counter() + budget, []
    while len(times) < pairs and (len(times) < 3 or time.perf_counter() < end):
        times.append((burst(sides.ours), parts * burst(sides.theirs)))
    ours, theirs = np.array(times).T
    return Measured(float(np.median(ours / theirs)), float(np.median(ours)), float(np.median(theirs)), len(times))


def burst(side) -> float:
    """Seconds of one call: the mean over TIMED seconds, after WARM seconds of calls that do not count."""
    start = time.perf_counter()
    side()
    first = time.perf_counter() - start
    if first > WARM + TIMED:  # other threads fell asleep early in it
        return first
    while time.perf_counter() - start < WARM:
        side()
    start, calls = time.perf_counter(), 0
    while (spent := time.perf_counter() - start) < TIMED:
        side()
        calls += 1
    return spent / calls


def same(found, expected, relative: float) -> None:
    """|found - expected| <= relative |expected|, as whole arrays."""
    found, expected = np.asarray(found, dtype="float64"), np.asarray(expected, dtype="float64")
    gap, size = np.linalg.norm((found - expected).ravel()), np.linalg.norm(expected.ravel())
    assert gap <= relative * size, f"the sides differ by {gap / size:.1e}, more than {relative:.0e}"
