"""A training as a sequence of steps that theory can look at: where it is, and the bias and variance of what it does.

The bias and the variance are CONDITIONAL: of the gradient that the method proposes next, given all it knows. They are
exact where what it may propose is listed, as (probability, batch) pairs: by the method's `draws(state, oracle)`, or by
a function of yours, as `region_draws` is for CREST. Otherwise the method is asked again with other seeds: estimates.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from minicrest.arguments import whole
from minicrest.batch import Batch, uniform, weighted
from minicrest.learner import Learner
from minicrest.random import stream
from minicrest.selection.method import Method
from minicrest.submodular import facility_location
from minicrest.theory.problems import Problem


class Step(NamedTuple):
    """The place before a step, and the step. Norms are Euclidean; g is the gradient of L at theta."""

    theta: np.ndarray  # (d,)
    batch: Batch
    loss: float  # L(theta), over all examples
    gradient: np.ndarray  # (d,) g
    estimate: np.ndarray  # (d,) u, the batch's gradient
    bias_square: float  # |E u - g|^2 given the state; NaN if not asked for; an unbiased estimate may be negative
    variance: float  # E |u - E u|^2 given the state; NaN if not asked for
    exact: bool  # whether these two are exact


def trajectory(
    method, problem: Problem, optimizer, steps: int, seed: int = 0, draws: int | Callable | None = None
) -> Iterator[Step]:
    """Train as `train` does, and yield a Step before each of the `steps` updates; nothing is evaluated or saved.

    Ask for one step more to see where the last one led. draws: None for the method's own `draws`, if it has them; a
    function of the state after its proposal that lists what it might have proposed; or how often to ask it again at
    every step, with other seeds in the same state: 2 or more, or 0 for no bias and variance at all.
    """
    steps = whole("steps", steps, 1)
    if draws is not None and not callable(draws):
        draws = whole("draws", draws, 0)
    oracle = problem.oracle(seed)
    learner, theta, state = Learner(oracle), problem.start.copy(), method.init(oracle)
    learner.move(theta, oracle.statistics)
    memory = optimizer.init(theta)
    for t in range(steps):
        batch, proposed = method.propose(state, oracle)
        G = problem.gradients(theta)
        g = G.mean(0)
        if callable(draws) or (draws is None and hasattr(method, "draws")):
            about = *moments(draws(proposed) if callable(draws) else method.draws(state, oracle), g, G), True
        else:
            about = _estimated(method, state, problem, oracle, g, G, draws or 0)
        u, feedback, batch_statistics = learner.step(batch)
        yield Step(theta.copy(), batch, problem.loss(theta), g, u, *about)
        memory = optimizer.update(theta, u, memory)
        state = method.observe(proposed, feedback)
        learner.move(theta, learner.following(batch_statistics), t + 1, (t + 1) / steps)


def _estimated(method, state, problem, oracle, g, G, draws: int) -> tuple[float, float, bool]:
    """(|bias|^2, variance, False) of the next proposal, given the state; both unbiased."""
    if draws < 2:
        return np.nan, np.nan, False
    proposals = [(1 / draws, method.propose(state, _reseeded(problem, oracle, k))[0]) for k in range(draws)]
    bias_square, variance = moments(proposals, g, G)
    variance *= draws / (draws - 1)
    return bias_square - variance / draws, variance, False


def _reseeded(problem, oracle, k: int):
    """The same oracle, at the same place of the training, with another seed and a bill apart."""
    other = problem.oracle(int(stream(oracle.seed, "trajectory", oracle.time, k).integers(2**62)), oracle.theta)
    Learner(other).move(other.theta, oracle.statistics, oracle.time, oracle.progress)
    return other


def moments(draws: Iterable[tuple[float, Batch]], g, G) -> tuple[float, float]:
    """(|E u - g|^2, E |u - E u|^2) of the gradient u of a random batch.

    draws: (probability, batch) pairs.  g (d,): grad L.  G (n, d): every example's gradient.
    Raises ValueError for probabilities that do not sum to 1.
    """
    pairs = list(draws)
    p = np.array([probability for probability, _ in pairs])
    if abs(p.sum() - 1) > 1e-9 or p.min() < 0:
        raise ValueError(f"the probabilities of the draws must be positive and sum to 1, they sum to {p.sum()}")
    u = np.array([batch.weights @ G[batch.indices] / len(batch.indices) for _, batch in pairs])  # (draws, d)
    mean = p @ u
    return float(((mean - g) ** 2).sum()), float(p @ ((u - mean) ** 2).sum(1))


# ---- what can be listed


def region_draws(state) -> list[tuple[float, Batch]]:
    """What CREST trains on while its region lasts: each of its coresets, equally likely, given that they are chosen.

    Raises ValueError where some are not chosen yet: take Crest(lazy=False).
    """
    region = state.region
    if not region.built.all():
        raise ValueError("not all coresets of the region are built, so their draws cannot be listed; use lazy=False")
    return [(1 / len(region.indices), weighted(S, w)) for S, w in zip(region.indices, region.gamma)]


@dataclass(frozen=True)
class RandomBatch(Method):
    """m examples without replacement, drawn anew at every step: unbiased, and all draws can be listed."""

    m: int = 1
    paper = "the baseline of the theory"
    price = "a step 3 m"

    def init(self, oracle) -> int:
        whole("m", self.m, 1, len(oracle))
        return 0

    def propose(self, state: int, oracle):
        rng = stream(oracle.seed, "random batch", state)
        return uniform(rng.choice(len(oracle), self.m, replace=False)), state + 1

    def draws(self, state: int, oracle):
        """Every batch, equally likely."""
        batches = list(itertools.combinations(range(len(oracle)), self.m))
        return [(1 / len(batches), uniform(np.array(batch))) for batch in batches]


@dataclass(frozen=True)
class SubsetCoreset(Method):
    """The coreset of m out of a fresh random subset of r, at every step: the step that CREST's Theorem 4.1 is about.

    All draws can be listed, for small n: subsets of r in both orders, the second for ties between two medoids.
    """

    m: int = 2
    r: int = 4
    paper = "Yang, Kang, Mirzasoleiman, ICML 2023, arXiv 2306.01244, Theorem 4.1"
    price = "a step r + 3 m"

    def init(self, oracle) -> int:
        whole("m", self.m, 1, whole("r", self.r, 1, len(oracle)))
        return 0

    def propose(self, state: int, oracle):
        rng = stream(oracle.seed, "subset coreset", state)
        V = np.sort(rng.choice(len(oracle), self.r, replace=False))[:: rng.choice([1, -1])]
        return self._coresets(oracle.logit_gradients(V)[None], V[None])[0], state + 1

    def draws(self, state: int, oracle):
        """The coreset of every subset of r, in both orders, equally likely."""
        V = np.array(list(itertools.combinations(range(len(oracle)), self.r)))
        V = np.concatenate([V, V[:, ::-1]])
        return [(1 / len(V), batch) for batch in self._coresets(oracle.logit_gradients(np.arange(len(oracle)))[V], V)]

    def _coresets(self, features, V):
        """A batch for each row of V (k, r), by features (k, r, C)."""
        medoids = facility_location(features, self.m)
        return [weighted(S, w) for S, w in zip(np.take_along_axis(V, medoids.indices, axis=1), medoids.weights)]
