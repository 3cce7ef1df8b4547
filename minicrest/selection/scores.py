"""Methods that score every example once, before training, and train on the highest scores (EL2N, GraNd, forgetting)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from minicrest.batch import Feedback, uniform
from minicrest.learner import Learner
from minicrest.oracle import Fork, Oracle
from minicrest.random import stream
from minicrest.selection.base import Subset, epoch_slice, subset_size
from minicrest.selection.method import Method


@dataclass(frozen=True)
class Scored:
    """The state of a method that scores every example once: the scores, and the subset that was kept."""

    score: np.ndarray  # (n,) the sum over the runs done so far
    subset: Any = None  # a Subset, or None while it is being prepared:
    run: int = 0  # runs done
    step: int = 0  # steps of the next one, which led to
    theta: Any = None  # (d,)
    statistics: Any = None
    notes: Any = None  # what the method took down


class Scoring(Method):
    """What the scoring methods share: they keep the k highest scores and train on these with weight 1."""

    name: ClassVar[str]  # of its random streams
    m: int
    fraction: float
    runs: int
    lr: float
    offset: float
    epochs: property  # of a run
    limits = {"m": 1, "fraction": "(0, 1]", "runs": 1, "lr": "(0, inf)", "offset": "[0, 1)"}

    def note(self, state: Scored, feedback: Feedback, oracle: Oracle) -> Any:
        """What to take down of a step of a run, beside what the state has of those before; by default nothing."""

    def score(self, fork: Fork, state: Scored) -> np.ndarray:
        """(n,) what a run adds to the scores of all examples."""
        raise NotImplementedError

    def init(self, oracle) -> Scored:
        *_, state = self.preparation(oracle, None)
        return state

    def preparation(self, oracle, state) -> Iterator[Scored]:
        """The states after each step of each run, from `state` on; the last one is prepared."""
        n = len(oracle)
        state = state or Scored(np.zeros(n))
        while state.run < self.runs:
            fork = fork_of_run(oracle, self.name, state.run)
            if state.step:
                Learner(fork).move(state.theta, state.statistics, state.step)
            for step in range(state.step, self.epochs * -(-n // self.m)):  # 1
                feedback = fork.descend(uniform(epoch_slice(fork, n, self.m, step, "fork")), self.lr)
                notes = self.note(state, feedback, oracle)
                state = replace(state, step=step + 1, theta=fork.theta, statistics=fork.statistics, notes=notes)
                yield state
            state = Scored(state.score + self.score(fork, state), run=state.run + 1)  # 2
            yield state
        yield replace(state, subset=keep_highest(oracle, self.name, state.score, self.fraction, self.offset))  # 3

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


def ranking(score: np.ndarray, rng) -> np.ndarray:
    """(n,) examples from the highest score to the lowest; equal ones in random order, for data may be sorted."""
    return np.lexsort((rng.random(len(score)), -score))


def keep_highest(oracle: Oracle, name: str, score: np.ndarray, fraction: float, offset: float) -> Subset:
    """The k = fraction n highest of the scores (n,) after the `offset` n highest of all, each with weight 1."""
    k, order = subset_size(fraction, len(score)), ranking(score, stream(oracle.seed, name, "ties"))
    skip = min(round(offset * len(score)), len(score) - k)
    return Subset(np.sort(order[skip : skip + k]), np.ones(k))


def fork_of_run(oracle: Oracle, name: str, run: int) -> Fork:
    """A fork with initial weights and shuffles that belong to this run and seed."""
    return oracle.fork(int(stream(oracle.seed, name, "run", run).integers(2**31)))
