"""The contract of a method, and the steps that methods share.

A method is an explicit state machine. It is a frozen dataclass of hyper-parameters in the paper's letters; what it
knows is a frozen dataclass of arrays and scalars; and its three transitions are pure: the same state proposes the same
batch, always. So every method resumes bit for bit from a checkpoint, can be looked at mid-run, and can be tested one
transition at a time; and the training loop is the same five lines for all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

import numpy as np

from minicrest.oracle import Batch, Feedback, Oracle
from minicrest.random import stream

State = TypeVar("State")


class Method(Protocol[State]):
    """What the trainer asks of a method. Each class also has `paper`, where it comes from, in a line."""

    def init(self, oracle: Oracle) -> State:
        """The state before the first step. May ask, and pays."""

    def propose(self, state: State, oracle: Oracle) -> tuple[Batch, State]:
        """The batch of the next step, and the state that remembers it. May ask, and pays."""

    def observe(self, state: State, feedback: Feedback) -> State:
        """The state after the step: losses and logits of the batch, which the step computed anyway, are free."""

    def report(self, state: State) -> dict[str, Any]:
        """What a Run should keep of the state: names to arrays. {} where there is nothing."""


@dataclass(frozen=True)
class Counter:
    """The state of a method that remembers only how many batches it has proposed."""

    step: int = 0


def uniform(indices) -> Batch:
    """A batch in which every example weighs 1."""
    indices = np.asarray(indices, dtype=np.int64)
    return Batch(indices, np.ones(len(indices)))


def weighted(indices, gamma) -> Batch:
    """A coreset as one batch: cluster sizes gamma (k,) scaled to mean 1; examples of weight 0 are left out."""
    keep = gamma > 0
    indices, gamma = np.asarray(indices, dtype=np.int64)[keep], np.asarray(gamma, dtype=np.float64)[keep]
    return Batch(indices, gamma * (len(gamma) / gamma.sum()))


def epoch_slice(oracle: Oracle, n: int, m: int, step: int, purpose: str) -> np.ndarray:
    """(<= m,) positions in 0..n-1 of mini-batch `step` when n examples are shuffled anew for every pass over them.

    The last batch of a pass is smaller where m does not divide n.
    """
    per_epoch = -(-n // m)
    epoch, place = divmod(step, per_epoch)
    return stream(oracle.seed, purpose, epoch).permutation(n)[place * m : (place + 1) * m]


@dataclass(frozen=True)
class Subset:
    """A weighted subset that is trained on for a while, and how many of its batches have been used."""

    indices: np.ndarray  # (k,) int64
    weights: np.ndarray  # (k,) float64, mean 1
    number: int = 0  # how many subsets came before
    used: int = 0  # batches proposed so far

    def passes(self, m: int) -> int:
        """Whole passes over the subset so far, in batches of m."""
        return self.used // -(-len(self.indices) // m)

    def next_batch(self, oracle: Oracle, m: int, purpose: str) -> tuple[Batch, Subset]:
        """The next m of the subset, shuffled anew for every pass; weights are inherited, never renormalised."""
        place = epoch_slice(oracle, len(self.indices), m, self.used, f"{purpose} subset {self.number}")
        return Batch(self.indices[place], self.weights[place]), replace(self, used=self.used + 1)


def subset_size(fraction: float, n: int) -> int:
    """k = fraction n, rounded, at least 1."""
    return max(1, round(fraction * n))


def checked_fraction(fraction: float) -> None:
    if not 0 < fraction <= 1:
        raise ValueError(f"the fraction of the data to keep must lie in (0, 1], got {fraction}")


def checked_batch_size(m: int) -> None:
    if m < 1:
        raise ValueError(f"the batch size m must be at least 1, got {m}")
