"""Methods that score every example once, before training, and train on the highest scores (EL2N, GraNd, forgetting)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from minicrest.backend import to_numpy
from minicrest.batch import Feedback, uniform
from minicrest.oracle import Fork, Oracle
from minicrest.random import stream
from minicrest.selection.base import Subset, epoch_slice, finite, subset_size
from minicrest.selection.method import Method


@dataclass(frozen=True)
class Scored:
    """The state of a method that scores every example once: the scores, and the subset that was kept."""

    score: np.ndarray  # (n,)
    subset: Subset


class Scoring(Method):
    """What the scoring methods share: they keep the k highest scores and train on these with weight 1."""

    name: ClassVar[str]  # of its random streams
    m: int
    fraction: float
    runs: int
    lr: float
    offset: float
    limits = {"m": 1, "fraction": "(0, 1]", "runs": 1, "lr": "(0, inf)", "offset": "[0, 1)"}

    def propose(self, state, oracle):
        batch, subset = state.subset.next_batch(oracle, self.m, self.name)  # 4
        return batch, replace(state, subset=subset)

    def report(self, state) -> dict:
        """score (n,) of every example; selected (k,): the ones kept."""
        return {"score": state.score, "selected": state.subset.indices}

    def __post_init__(self):
        super().__post_init__()
        if self.offset > 1 - self.fraction:
            raise ValueError(f"offset must be at most 1 - fraction = {1 - self.fraction:g}, got {self.offset}")


def mean_over_runs(method, oracle: Oracle, score) -> np.ndarray:
    """(n,) the mean of score(fork, all n examples) over `runs` networks, each trained afresh for t epochs."""
    everyone, total = np.arange(len(oracle)), np.zeros(len(oracle))
    for run in range(method.runs):
        fork = fork_of_run(oracle, method.name, run)
        for _ in fork_epochs(fork, method.m, method.lr, method.t):  # 1
            pass
        with oracle.phase("score"):
            total += to_numpy(finite("scores", score(fork, everyone)))  # 2
    return total / method.runs


def ranking(score: np.ndarray, rng) -> np.ndarray:
    """(n,) examples from the highest score to the lowest; equal ones in random order, for data may be sorted."""
    return np.lexsort((rng.random(len(score)), -score))


def keep_highest(oracle: Oracle, name: str, score: np.ndarray, fraction: float, offset: float) -> Scored:
    """Keep, with weight 1, the k = fraction n highest of the scores (n,) after the `offset` n highest of all."""
    k, order = subset_size(fraction, len(score)), ranking(score, stream(oracle.seed, name, "ties"))
    skip = min(round(offset * len(score)), len(score) - k)
    return Scored(score, Subset(np.sort(order[skip : skip + k]), np.ones(k)))


def fork_of_run(oracle: Oracle, name: str, run: int) -> Fork:
    """A fork with initial weights and shuffles that belong to this run and seed."""
    return oracle.fork(int(stream(oracle.seed, name, "run", run).integers(2**31)))


def fork_epochs(fork: Fork, m: int, lr: float, epochs: int) -> Iterator[Feedback]:
    """Train a fork by plain SGD for so many passes over all n examples, m at a time. Yields each step's feedback."""
    n = len(fork)
    for step in range(epochs * -(-n // m)):
        yield fork.descend(uniform(epoch_slice(fork, n, m, step, "fork")), lr)
