"""Dynamic data pruning: choose anew, every few epochs, which examples to train on (Raju, Daruwalla, Lipasti, 2021).

No example is dropped for good, for many matter only some of the time. Three rules for the choice, at every checkpoint:

    1  score: u_i = the loss of each of the n examples at the current weights     (not for random-dynamic)
    2  remember: variance v <- (1 - a) v + a (u - s)^2 with the old mean s; then s <- (1 - a) s + a u
    3  keep k: random-dynamic  any k, uniformly
               epsilon-greedy  the k - round(eps k) highest s, and round(eps k) of the others, uniformly
               ucb             the k highest s + c v
    4  train on the kept ones, with weight 1, for T_p passes over them; then the next checkpoint

Only the paper's abstract was available: the loop, T_p, a, c, eps, the loss as score, s starting at 1 and v in place of
its root are from memory or third-party code. Decisions made here, pinned in tests/unit/selection/test_dynamic.py: the
first checkpoint is before the first step (test_the_first_checkpoint_is_before_the_first_step), v starts at 0, an epoch
is a pass over the kept (test_a_period_is_T_p_passes_over_the_kept), and equal scores are ranked at random
(test_equal_scores_are_ranked_at_random). The best c depends on the loss's scale. The gradient is biased, on purpose.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from minicrest.backend import to_numpy
from minicrest.random import stream
from minicrest.selection.base import Subset, finite, subset_size
from minicrest.selection.method import Method
from minicrest.selection.scores import ranking


@dataclass(frozen=True)
class Pruned:
    """Which examples are kept, how often each has been, and the running mean and variance of its score."""

    kept: np.ndarray  # (n,) int64: at how many checkpoints
    subset: Subset | None = None  # None before the first checkpoint
    mean: np.ndarray | None = None  # (n,) s
    variance: np.ndarray | None = None  # (n,) v

    @property
    def checkpoints(self) -> int:
        """How many there have been."""
        return 0 if self.subset is None else self.subset.number + 1


@dataclass(frozen=True)
class RandomDynamic(Method):
    """A new random subset every period. m: batch size.  fraction: k/n.  T_p: pruning period in passes over it."""

    m: int = 128
    fraction: float = 0.1
    T_p: int = 10
    name: ClassVar[str] = "random-dynamic"
    paper = "Raju, Daruwalla, Lipasti, arXiv 2111.12621 (uniform random dynamic pruning)"
    price = "a step 3 m; a selection is free"
    limits = {"m": 1, "fraction": "(0, 1]", "T_p": 1}

    def init(self, oracle) -> Pruned:
        return Pruned(np.zeros(len(oracle), dtype=np.int64))

    def propose(self, state, oracle):
        if state.subset is None or state.subset.passes(self.m) >= self.T_p:
            state = self._checkpoint(state, oracle)
        batch, subset = state.subset.next_batch(oracle, self.m, "dynamic")  # 4
        return batch, replace(state, subset=subset)

    def _checkpoint(self, state, oracle) -> Pruned:
        k, state = subset_size(self.fraction, len(oracle)), self._scored(state, oracle)  # 1, 2
        rng = stream(oracle.seed, self.name, "checkpoint", state.checkpoints)
        chosen, kept = self._chosen(state, k, rng), state.kept.copy()  # 3
        kept[chosen] += 1
        return replace(state, kept=kept, subset=Subset(np.sort(chosen), np.ones(k), state.checkpoints))

    def _scored(self, state, oracle) -> Pruned:
        return state

    def _chosen(self, state, k: int, rng) -> np.ndarray:
        return rng.choice(len(state.kept), k, replace=False)

    def report(self, state) -> dict:
        """kept (n,): at how many checkpoints each example was kept; checkpoint_step (q,): when."""
        period = self.T_p * -(-subset_size(self.fraction, len(state.kept)) // self.m)
        return {"kept": state.kept, "checkpoint_step": np.arange(state.checkpoints) * period}


class Remembering(RandomDynamic):
    """What epsilon-greedy and ucb share: the running mean and variance of each example's loss."""

    a: float
    price = "a step 3 m; n a selection"

    def init(self, oracle) -> Pruned:
        n = len(oracle)
        return Pruned(np.zeros(n, dtype=np.int64), mean=np.ones(n), variance=np.zeros(n))

    def _scored(self, state, oracle) -> Pruned:
        with oracle.phase("score"):
            u = finite("losses", to_numpy(oracle.losses(np.arange(len(oracle)))).astype(np.float64))
        mean, variance = remember(state.mean, state.variance, u, self.a)
        return replace(state, mean=mean, variance=variance)

    def report(self, state) -> dict:
        """kept, checkpoint_step: as for random-dynamic; mean, variance (n,): what is remembered of the scores."""
        return {**super().report(state), "mean": state.mean, "variance": state.variance}


@dataclass(frozen=True)
class EpsilonGreedy(Remembering):
    """The highest running losses, and a part eps of the kept drawn from the others.  a: weight of the newest score."""

    eps: float = 0.1
    a: float = 0.8
    name = "epsilon-greedy"
    paper = "Raju, Daruwalla, Lipasti, arXiv 2111.12621 (epsilon-greedy)"
    limits = {**RandomDynamic.limits, "eps": "[0, 1]", "a": "(0, 1]"}

    def _chosen(self, state, k: int, rng) -> np.ndarray:
        order, top = ranking(state.mean, rng), k - round(self.eps * k)
        return np.concatenate([order[:top], rng.choice(order[top:], k - top, replace=False)])


@dataclass(frozen=True)
class UCB(Remembering):
    """The highest bounds s + c v: losses high or varying.  c: weight of the variance.  a: of the newest score."""

    c: float = 1.0
    a: float = 0.8
    name = "ucb"
    paper = "Raju, Daruwalla, Lipasti, arXiv 2111.12621 (upper confidence bound)"
    limits = {**RandomDynamic.limits, "c": "[0, inf)", "a": "(0, 1]"}

    def _chosen(self, state, k: int, rng) -> np.ndarray:
        return ranking(state.mean + self.c * state.variance, rng)[:k]


def remember(mean, variance, u, a: float):
    """The running mean s and variance v (n,) after the score u; the variance is about the OLD mean."""
    return (1 - a) * mean + a * u, (1 - a) * variance + a * (u - mean) ** 2
