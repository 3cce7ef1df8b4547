"""Dynamic data pruning: choose anew, every few epochs, which examples to train on (Raju, Daruwalla, Lipasti, 2021).

No example is dropped for good: many matter only some of the time, and at high pruning rates a fresh random choice is
already hard to beat. Three rules for the choice, at every checkpoint:

    1  score: u_i = the loss of each of the n examples at the current weights     (not for random-dynamic)
    2  remember: variance v <- (1 - a) v + a (u - s)^2 with the old mean s; then s <- (1 - a) s + a u
    3  keep k: random-dynamic  any k, uniformly
               epsilon-greedy  the k - round(eps k) highest s, and round(eps k) of the others, uniformly
               ucb             the k highest s + c v
    4  train on the kept ones, with weight 1, for T_p passes over them; then the next checkpoint

Confidence: only the paper's abstract was available. The loop, T_p = 10, a = 0.8, c = 1, eps = 0.1 and the loss as score
are from memory or from third-party code (which also starts s at 1 and ranks by v itself, not by its root), and may
differ from the paper's. Decisions made here, pinned in tests/unit/selection/test_dynamic.py:
    - the first checkpoint is before the first step, at the initial weights, and v starts at 0
      (test_the_first_checkpoint_is_before_the_first_step)
    - an epoch is a pass over the kept examples: ceil(k / m) steps (test_a_period_is_T_p_passes_over_the_kept)
    - equal scores are ranked at random: the first of them would be one class, where the data are sorted
      (test_equal_scores_are_ranked_at_random)
    - the cut-offs of `census` are parameters; the paper's are unknown

v has the unit of a squared loss, so the best c depends on the loss's scale. Kept examples weigh 1: the gradient is
biased, on purpose. A checkpoint costs n forward passes and the period after it 3 T_p k, so with k = n/10 and T_p = 10
scoring adds a third.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from minicrest.arguments import number, whole
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


class Dynamic(Method):
    """What the three rules share: when a checkpoint is due, the passes over the kept examples, and the report."""

    m: int
    fraction: float
    T_p: int

    def __post_init__(self):
        whole("m", self.m, 1)
        number("fraction", self.fraction, "(0, 1]")
        whole("T_p", self.T_p, 1)

    def init(self, oracle) -> Pruned:
        n = len(oracle)
        return Pruned(np.zeros(n, dtype=np.int64), mean=np.ones(n), variance=np.zeros(n))

    def _checkpoint_is_due(self, state) -> bool:
        return state.subset is None or state.subset.passes(self.m) >= self.T_p

    def _next_batch(self, state, oracle):
        batch, subset = state.subset.next_batch(oracle, self.m, "dynamic")
        return batch, replace(state, subset=subset)

    def _kept(self, state) -> dict:
        period = self.T_p * -(-subset_size(self.fraction, len(state.kept)) // self.m)
        return {"kept": state.kept, "checkpoint_step": np.arange(_checkpoints(state)) * period}


def _checkpoints(state) -> int:
    """How many there have been."""
    return 0 if state.subset is None else state.subset.number + 1


def _rng(oracle, name: str, state):
    return stream(oracle.seed, name, "checkpoint", _checkpoints(state))


def _score(state, oracle, a: float) -> Pruned:
    with oracle.phase("score"):
        u = finite("losses", to_numpy(oracle.losses(np.arange(len(oracle)))).astype(np.float64))
    mean, variance = remember(state.mean, state.variance, u, a)
    return replace(state, mean=mean, variance=variance)


def _keep(state, chosen) -> Pruned:
    kept = state.kept.copy()
    kept[chosen] += 1
    return replace(state, kept=kept, subset=Subset(np.sort(chosen), np.ones(len(chosen)), _checkpoints(state)))


@dataclass(frozen=True)
class RandomDynamic(Dynamic):
    """A new random subset every period. m: batch size.  fraction: k/n.  T_p: pruning period in passes over it."""

    m: int = 128
    fraction: float = 0.1
    T_p: int = 10
    paper = "Raju, Daruwalla, Lipasti, arXiv 2111.12621 (uniform random dynamic pruning)"
    price = "a step 3 m; a selection is free"

    def init(self, oracle) -> Pruned:
        return Pruned(np.zeros(len(oracle), dtype=np.int64))

    def propose(self, state, oracle):
        if self._checkpoint_is_due(state):
            k, rng = subset_size(self.fraction, len(oracle)), _rng(oracle, "random-dynamic", state)
            state = _keep(state, rng.choice(len(oracle), k, replace=False))  # 3
        return self._next_batch(state, oracle)  # 4

    def report(self, state) -> dict:
        """kept (n,): at how many checkpoints each example was kept; checkpoint_step (q,): when they were."""
        return self._kept(state)


@dataclass(frozen=True)
class EpsilonGreedy(Dynamic):
    """The highest running losses, and a few of the others at random.

    m, fraction, T_p: as for random-dynamic.  eps: the part of the kept ones drawn from the others.  a: weight of
    the newest score in the running one.
    """

    m: int = 128
    fraction: float = 0.1
    T_p: int = 10
    eps: float = 0.1
    a: float = 0.8
    paper = "Raju, Daruwalla, Lipasti, arXiv 2111.12621 (epsilon-greedy)"
    price = "a step 3 m; n a selection"

    def __post_init__(self):
        super().__post_init__()
        number("eps", self.eps, "[0, 1]")
        number("a", self.a, "(0, 1]")

    def propose(self, state, oracle):
        if self._checkpoint_is_due(state):
            k, rng = subset_size(self.fraction, len(oracle)), _rng(oracle, "epsilon-greedy", state)
            state = _score(state, oracle, self.a)  # 1, 2
            order, top = ranking(state.mean, rng), k - round(self.eps * k)
            others = rng.choice(order[top:], k - top, replace=False)
            state = _keep(state, np.concatenate([order[:top], others]))  # 3
        return self._next_batch(state, oracle)  # 4

    def report(self, state) -> dict:
        """kept, checkpoint_step: as for random-dynamic; mean (n,): the running score."""
        return {**self._kept(state), "mean": state.mean}


@dataclass(frozen=True)
class UCB(Dynamic):
    """The highest upper confidence bounds s + c v: high losses, and losses that vary.

    m, fraction, T_p: as for random-dynamic.  c: weight of the variance.  a: weight of the newest score.
    """

    m: int = 128
    fraction: float = 0.1
    T_p: int = 10
    c: float = 1.0
    a: float = 0.8
    paper = "Raju, Daruwalla, Lipasti, arXiv 2111.12621 (upper confidence bound)"
    price = "a step 3 m; n a selection"

    def __post_init__(self):
        super().__post_init__()
        number("c", self.c, "[0, inf)")
        number("a", self.a, "(0, 1]")

    def propose(self, state, oracle):
        if self._checkpoint_is_due(state):
            k, rng = subset_size(self.fraction, len(oracle)), _rng(oracle, "ucb", state)
            state = _score(state, oracle, self.a)  # 1, 2
            state = _keep(state, ranking(state.mean + self.c * state.variance, rng)[:k])  # 3
        return self._next_batch(state, oracle)  # 4

    def report(self, state) -> dict:
        """kept, checkpoint_step: as for random-dynamic; mean and variance (n,): what is remembered of the scores."""
        return {**self._kept(state), "mean": state.mean, "variance": state.variance}


class Census(NamedTuple):
    """Indices of the examples that a run kept always, sometimes and never."""

    always: np.ndarray
    sometimes: np.ndarray
    never: np.ndarray


def census(kept, checkpoints: int, always: float = 0.95, never: float = 0.05) -> Census:
    """Which examples were kept at a share f = kept / checkpoints: f >= always, f <= never, or between.

    kept (n,): counts, as a report has them.  Raises ValueError where there was no checkpoint or the cut-offs cross.
    """
    if checkpoints < 1 or not 0 <= never < always <= 1:
        raise ValueError(f"need a checkpoint and 0 <= never < always <= 1; got {checkpoints}, {never} and {always}")
    f = np.asarray(kept) / checkpoints
    return Census(*(np.flatnonzero(part) for part in (f >= always, (never < f) & (f < always), f <= never)))


def remember(mean, variance, u, a: float):
    """The running mean s and variance v (n,) after the score u; the variance is about the OLD mean."""
    return (1 - a) * mean + a * u, (1 - a) * variance + a * (u - mean) ** 2
