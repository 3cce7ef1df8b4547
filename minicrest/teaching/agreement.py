"""Two trainings step by step: where they part first, and in what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from minicrest.backend import to_numpy
from minicrest.batch import Batch, Feedback


class Recorded:
    """A method that also reports the batches of every step: `batch` and `weights`, a list of arrays each."""

    def __init__(self, method: Any):
        self.method = method
        self.batches: list[Batch] = []

    def init(self, oracle) -> Any:
        """The method's own first state."""
        self.batches.clear()
        return self.method.init(oracle)

    def propose(self, state, oracle) -> tuple[Batch, Any]:
        """What the method proposes; the batch is kept."""
        batch, state = self.method.propose(state, oracle)
        self.batches.append(batch)
        return batch, state

    def observe(self, state, feedback: Feedback) -> Any:
        """The method's own state after the step."""
        return self.method.observe(state, feedback)

    def report(self, state) -> dict[str, Any]:
        """The method's report, with the batches."""
        indices, weights = [b.indices for b in self.batches], [b.weights for b in self.batches]
        return {**self.method.report(state), "batch": indices, "weights": weights}


Events = Mapping[str, Iterable[tuple[int, Any]]]  # what happened: (step, value), step by step


def must_agree(mine: Events, theirs: Events, rtol: float = 1e-12) -> None:
    """Raise AssertionError at the first step at which two trainings differ, saying in what.

    mine, theirs: kinds of events, as {"region": ..., "batch": ...}, in the order in which they happen within a step;
    values are numbers or arrays, whole numbers compared exactly and others to `rtol`.
    """
    parted = []
    for order, kind in enumerate(theirs):
        ours, others = _by_step(mine[kind]), _by_step(theirs[kind])
        apart = [step for step in {*ours, *others} if not _same(ours.get(step), others.get(step), rtol)]
        if apart:
            parted.append((min(apart), order, kind, ours.get(min(apart)), others.get(min(apart))))
    if parted:
        step, _, kind, one, other = min(parted, key=lambda found: found[:2])
        raise AssertionError(f"step {step} is the first that differs, in its {kind}: yours {_shown(one)}, the "
                             f"package's {_shown(other)}")  # fmt: skip


def _by_step(events) -> dict[int, np.ndarray]:
    return {int(step): np.asarray(to_numpy(value)) for step, value in events}


def _same(ours, others, rtol) -> bool:
    if ours is None or others is None or ours.shape != others.shape:
        return False
    return bool(np.allclose(ours, others, rtol=rtol, atol=0))


def _shown(value) -> str:
    return "has none" if value is None else np.array2string(value, threshold=6, edgeitems=3, separator=", ")
