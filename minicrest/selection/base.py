"""The steps that methods share: a subset trained on for a while, scores, and medoids."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from minicrest.backend import array_module
from minicrest.batch import Batch, Feedback, uniform, weighted
from minicrest.oracle import Fork, Oracle
from minicrest.random import stream
from minicrest.submodular import Medoids, facility_location


@dataclass(frozen=True)
class Counter:
    """The state of a method that remembers only how many batches it has proposed."""

    step: int = 0


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
    if not isinstance(m, (int, np.integer)):
        raise TypeError(f"the batch size m must be an integer, got {m!r}")
    if m < 1:
        raise ValueError(f"the batch size m must be at least 1, got {m}")


# ---- scores: keep the highest


def ranking(score: np.ndarray, rng) -> np.ndarray:
    """(n,) examples from the highest score to the lowest; equal ones in random order, for data may be sorted."""
    return np.lexsort((rng.random(len(score)), -score))


@dataclass(frozen=True)
class Scored:
    """The state of a method that scores every example once, before training, and trains on those it keeps."""

    score: np.ndarray  # (n,)
    subset: Subset


def keep_highest(oracle: Oracle, name: str, score: np.ndarray, fraction: float, offset: float) -> Scored:
    """Keep, with weight 1, the k = fraction n highest scores after the `offset` n highest of all."""
    k = subset_size(fraction, len(score))
    skip = min(round(offset * len(score)), len(score) - k)
    order = ranking(score, stream(oracle.seed, name, "ties"))
    return Scored(score, Subset(np.sort(order[skip : skip + k]), np.ones(k)))


def fork_of_run(oracle: Oracle, name: str, run: int) -> Fork:
    """A fork with the initialisation and shuffles of its own run; another `oracle.seed` has other runs."""
    return oracle.fork(int(stream(oracle.seed, name, "run", run).integers(2**31)))


def fork_epochs(fork: Fork, m: int, lr: float, epochs: int) -> Iterator[Feedback]:
    """Train a fork by plain SGD: so many passes over all n examples, shuffled anew, m at a time. Yields each step's."""
    n = len(fork)
    for step in range(epochs * -(-n // m)):
        yield fork.descend(uniform(epoch_slice(fork, n, m, step, "fork")), lr)


def checked_score(method) -> None:
    """Raise ValueError unless m, fraction, offset, runs and lr of a scoring method make sense."""
    checked_batch_size(method.m)
    checked_fraction(method.fraction)
    if not 0 <= method.offset <= 1 - method.fraction:
        raise ValueError(
            f"offset is the part of the data dropped from the top, in [0, 1 - fraction]; got {method.offset} with "
            f"fraction {method.fraction}"
        )
    if method.runs < 1 or not 0 < method.lr < math.inf:
        raise ValueError(f"runs must be at least 1 and lr positive and finite, got {method.runs} and {method.lr}")


# ---- medoids


def medoid_subset(oracle: Oracle, features, k: int, number: int) -> tuple[Subset, list[float]]:
    """The k medoids of features (n, d) by facility location in each class, weighted by their clusters' sizes gamma.

    Also what to report: L(S), the largest gamma, and (sum gamma)^2 / sum gamma^2, how many equal weights they are
    worth. Float targets are one class.
    """
    labels = oracle.labels if oracle.labels.dtype.kind == "i" else np.zeros(len(oracle), dtype=np.int64)
    medoids = facility_location(features, k, labels)
    gamma = medoids.weights
    facts = [certificate(features, medoids, labels), float(gamma.max()), float(gamma.sum() ** 2 / (gamma @ gamma))]
    return Subset(*weighted(medoids.indices, gamma), number), facts


def certificate(features, medoids: Medoids, labels) -> float:
    """L(S) = sum_i min_j |a_i - a_j|, j the medoids of i's class: no less than |sum_i a_i - sum_j gamma_j a_j|.

    A greedy gain is what L fell by, so the distances to each class's first medoid are all that is needed. A class
    without a medoid is left out of the weights; it counts as if 0 stood for it, with its norms |a_i|.
    """
    xp, total = array_module(features), 0.0
    for label in np.unique(labels):
        members, places = np.flatnonzero(labels == label), np.flatnonzero(labels[medoids.indices] == label)
        first = features[int(medoids.indices[places[0]])] if len(places) else 0
        away = xp.linalg.norm(features[xp.asarray(members)] - first, axis=1)
        total += float(away.sum(dtype="float64")) - medoids.gains[places[1:]].sum()
    return max(float(total), 0.0)
