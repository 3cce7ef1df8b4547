"""Dynamic data pruning: choose anew, every few epochs, which examples to train on (Raju, Daruwalla, Lipasti, 2021).

No example is dropped for good: many matter only sometimes, and at high pruning rates a fresh random choice is already
hard to beat. Three rules for the choice, at every checkpoint:

    1  score: u_i = the loss of each of the n examples at the weights now     (not for random-dynamic)
    2  remember: variance v <- (1 - a) v + a (u - s)^2 with the old mean s; then s <- (1 - a) s + a u
    3  keep k: random-dynamic  any k, uniformly
               epsilon-greedy  the k - round(eps k) highest s, and round(eps k) of the others, uniformly
               ucb             the k highest s + c v
    4  train on the kept ones, with weight 1, for T_p passes over them; then the next checkpoint

HOW SURE THIS IS. Only the paper's abstract could be read. The loop, T_p = 10, a = 0.8, c = 1, eps = 0.1 and the loss
as score are recalled or seen in code that is not the authors' (which also starts s at 1 and ranks by v itself, not by
its root); they may not be the paper's. Our own choices, pinned in tests/unit/selection/test_dynamic.py:
    - the first checkpoint is before the first step, at the initial weights, and v starts at 0
      (test_the_first_checkpoint_is_before_the_first_step)
    - an epoch is a pass over the kept examples: ceil(k / m) steps (test_a_period_is_T_p_passes_over_the_kept)
    - equal scores are ranked at random: the first of them would be one class, where the data are sorted
      (test_equal_scores_are_ranked_at_random)
    - the cut-offs of `census` are parameters; the paper's were not found

v has the unit of a squared loss, so c is not free of scale. Kept examples weigh 1: the gradient is biased, on purpose.
A checkpoint costs n forward passes, a period T_p k training steps' worth: with k = n/10 and T_p = 10 a third on top.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from minicrest.backend import to_numpy
from minicrest.random import stream
from minicrest.selection.base import Subset, checked_batch_size, checked_fraction, ranking, subset_size


@dataclass(frozen=True)
class Pruned:
    """What is kept, how often each example was, and what is remembered of the scores."""

    kept: np.ndarray  # (n,) int64: at how many checkpoints
    subset: Subset | None = None  # None before the first checkpoint
    mean: np.ndarray | None = None  # (n,) s
    variance: np.ndarray | None = None  # (n,) v


@dataclass(frozen=True)
class RandomDynamic:
    """A new random subset every period. m: batch size.  fraction: k/n.  T_p: pruning period in passes over it."""

    m: int = 128
    fraction: float = 0.1
    T_p: int = 10
    paper = "Raju, Daruwalla, Lipasti, arXiv 2111.12621 (uniform random dynamic pruning)"
    cost = "a step 3 m; a selection is free"

    def __post_init__(self):
        _check(self)

    def init(self, oracle) -> Pruned:
        return Pruned(np.zeros(len(oracle), dtype=np.int64))

    def propose(self, state, oracle):
        if _checkpoint_is_due(self, state):
            k, rng = subset_size(self.fraction, len(oracle)), _rng(oracle, "random-dynamic", state)
            state = _keep(state, rng.choice(len(oracle), k, replace=False))  # 3
        return _next_batch(self, state, oracle)  # 4

    def observe(self, state, feedback) -> Pruned:
        return state

    def report(self, state) -> dict:
        """kept (n,): at how many checkpoints each example was kept; checkpoint_step (q,): when they were."""
        return _report(self, state)


@dataclass(frozen=True)
class EpsilonGreedy:
    """The highest running losses, and a few at random.

    m, fraction, T_p: as for random-dynamic.  epsilon: the part of the kept ones drawn from the others.  a: weight of
    the newest score in the running one.
    """

    m: int = 128
    fraction: float = 0.1
    T_p: int = 10
    epsilon: float = 0.1
    a: float = 0.8
    paper = "Raju, Daruwalla, Lipasti, arXiv 2111.12621 (epsilon-greedy)"
    cost = "a step 3 m; n a selection"

    def __post_init__(self):
        _check(self)
        _check_rate(self.a)
        if not 0 <= self.epsilon <= 1:
            raise ValueError(f"epsilon is the part kept at random, in [0, 1]; got {self.epsilon}")

    def init(self, oracle) -> Pruned:
        return _remembering(len(oracle))

    def propose(self, state, oracle):
        if _checkpoint_is_due(self, state):
            k, rng = subset_size(self.fraction, len(oracle)), _rng(oracle, "epsilon-greedy", state)
            state = _score(state, oracle, self.a)  # 1, 2
            order, top = ranking(state.mean, rng), k - round(self.epsilon * k)
            others = rng.choice(order[top:], k - top, replace=False)
            state = _keep(state, np.concatenate([order[:top], others]))  # 3
        return _next_batch(self, state, oracle)  # 4

    def observe(self, state, feedback) -> Pruned:
        return state

    def report(self, state) -> dict:
        """kept, checkpoint_step: as for random-dynamic; mean (n,): the running score."""
        return {**_report(self, state), "mean": state.mean}


@dataclass(frozen=True)
class UCB:
    """The highest upper confidence bounds s + c v: high losses, and losses that vary.

    m, fraction, T_p: as for random-dynamic.  c: worth of variance.  a: weight of the newest score.
    """

    m: int = 128
    fraction: float = 0.1
    T_p: int = 10
    c: float = 1.0
    a: float = 0.8
    paper = "Raju, Daruwalla, Lipasti, arXiv 2111.12621 (upper confidence bound)"
    cost = "a step 3 m; n a selection"

    def __post_init__(self):
        _check(self)
        _check_rate(self.a)
        if not 0 <= self.c < math.inf:
            raise ValueError(f"c is the worth of variance, finite and not negative, got {self.c}")

    def init(self, oracle) -> Pruned:
        return _remembering(len(oracle))

    def propose(self, state, oracle):
        if _checkpoint_is_due(self, state):
            k, rng = subset_size(self.fraction, len(oracle)), _rng(oracle, "ucb", state)
            state = _score(state, oracle, self.a)  # 1, 2
            state = _keep(state, ranking(state.mean + self.c * state.variance, rng)[:k])  # 3
        return _next_batch(self, state, oracle)  # 4

    def observe(self, state, feedback) -> Pruned:
        return state

    def report(self, state) -> dict:
        """kept, checkpoint_step: as for random-dynamic; mean and variance (n,): what is remembered of the scores."""
        return {**_report(self, state), "mean": state.mean, "variance": state.variance}


class Census(NamedTuple):
    """Indices of the examples that a run always, sometimes and never kept."""

    always: np.ndarray
    sometimes: np.ndarray
    never: np.ndarray


def census(kept, checkpoints: int, always: float = 0.95, never: float = 0.05) -> Census:
    """Who was kept at a share f = kept / checkpoints of the checkpoints: f >= always, f <= never, or between.

    kept (n,): counts, as a report has them.  Raises ValueError where there was no checkpoint or the cut-offs cross.
    """
    if checkpoints < 1 or not 0 <= never < always <= 1:
        raise ValueError(f"need a checkpoint and 0 <= never < always <= 1; got {checkpoints}, {never} and {always}")
    f = np.asarray(kept) / checkpoints
    return Census(*(np.flatnonzero(part) for part in (f >= always, (never < f) & (f < always), f <= never)))


def remember(mean, variance, u, a: float):
    """The running mean s and variance v (n,) after the score u; the variance is about the OLD mean."""
    return (1 - a) * mean + a * u, (1 - a) * variance + a * (u - mean) ** 2


# ---- shared steps


def _remembering(n: int) -> Pruned:
    return Pruned(np.zeros(n, dtype=np.int64), mean=np.ones(n), variance=np.zeros(n))


def _checkpoint_is_due(method, state) -> bool:
    return state.subset is None or state.subset.passes(method.m) >= method.T_p


def _rng(oracle, name: str, state):
    return stream(oracle.seed, name, "checkpoint", 0 if state.subset is None else state.subset.number + 1)


def _score(state, oracle, a: float) -> Pruned:
    with oracle.phase("score"):
        u = to_numpy(oracle.losses(np.arange(len(oracle)))).astype(np.float64)
    mean, variance = remember(state.mean, state.variance, u, a)
    return replace(state, mean=mean, variance=variance)


def _keep(state, chosen) -> Pruned:
    kept = state.kept.copy()
    kept[chosen] += 1
    number = 0 if state.subset is None else state.subset.number + 1
    return replace(state, kept=kept, subset=Subset(np.sort(chosen), np.ones(len(chosen)), number))


def _next_batch(method, state, oracle):
    batch, subset = state.subset.next_batch(oracle, method.m, "dynamic")
    return batch, replace(state, subset=subset)


def _report(method, state) -> dict:
    checkpoints = 0 if state.subset is None else state.subset.number + 1
    period = method.T_p * -(-subset_size(method.fraction, len(state.kept)) // method.m)
    return {"kept": state.kept, "checkpoint_step": np.arange(checkpoints) * period}


def _check(method) -> None:
    checked_batch_size(method.m)
    checked_fraction(method.fraction)
    if method.T_p < 1:
        raise ValueError(f"the pruning period T_p counts passes over the kept examples, at least 1; got {method.T_p}")


def _check_rate(a: float) -> None:
    if not 0 < a <= 1:
        raise ValueError(f"a is the weight of the newest score, in (0, 1]; got {a}")
