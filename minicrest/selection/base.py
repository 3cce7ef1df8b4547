"""What methods share: mini-batches of a shuffled pass, and weighted subsets that are trained on for a while."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from minicrest.backend import array_module, to_numpy
from minicrest.batch import Batch, Diverged, uniform, weighted
from minicrest.oracle import Oracle
from minicrest.random import stream
from minicrest.selection.method import Method
from minicrest.submodular import Medoids, facility_location

FACTS = ("certificate", "largest_gamma", "effective_size")  # L(S), and how many equal weights gamma is worth


@dataclass(frozen=True)
class Counter:
    """How many batches a method has proposed."""

    step: int = 0


def epoch_slice(oracle: Oracle, n: int, m: int, step: int, purpose: str) -> np.ndarray:
    """(<= m,) positions in 0..n-1 of mini-batch `step` when n examples are shuffled anew for every pass over them."""
    epoch, place = divmod(step, -(-n // m))
    return stream(oracle.seed, purpose, epoch).permutation(n)[place * m : (place + 1) * m]


class Passes(Method):
    """A method whose batches are the next `size` of all n examples, shuffled anew for every pass over them."""

    name: ClassVar[str]  # of its random streams
    m: int

    @property
    def size(self) -> int:
        """Examples in a batch."""
        return self.m

    def init(self, oracle) -> Any:
        return Counter()

    def propose(self, state, oracle):
        i = epoch_slice(oracle, len(oracle), self.size, state.step, self.name)
        return uniform(i), replace(state, step=state.step + 1)


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
        """The next m of the subset, shuffled anew for every pass; weights are inherited, never renormalized."""
        place = epoch_slice(oracle, len(self.indices), m, self.used, f"{purpose} subset {self.number}")
        return Batch(self.indices[place], self.weights[place]), replace(self, used=self.used + 1)


def medoid_subset(oracle: Oracle, features, k: int, number: int) -> tuple[Subset, list[float]]:
    """The k medoids of features (n, d), class by class, weighted by gamma; the FACTS. Float targets are one class."""
    labels = oracle.labels if oracle.labels.dtype.kind in "iu" else np.zeros(len(oracle), dtype=np.int64)
    medoids = facility_location(features, k, labels)
    gamma = medoids.weights
    facts = [certificate(features, medoids, labels), float(gamma.max()), float(gamma.sum() ** 2 / (gamma @ gamma))]
    return Subset(*weighted(medoids.indices, gamma), number), facts


def certificate(features, medoids: Medoids, labels) -> float:
    """L(S) = sum_i min_j |a_i - a_j|, a (n, d), j a medoid of i's class: at least |sum_i a_i - sum_j gamma_j a_j|.

    A greedy gain is what L fell by, so distances to each class's first medoid suffice; without one, the norms |a_i|.
    """
    xp, total = array_module(features), 0.0
    for label in np.unique(labels):
        members, places = np.flatnonzero(labels == label), np.flatnonzero(labels[medoids.indices] == label)
        first = features[int(medoids.indices[places[0]])] if len(places) else 0
        away = xp.linalg.norm(features[xp.asarray(members)] - first, axis=1)
        total += float(away.sum(dtype="float64")) - medoids.gains[places[1:]].sum()
    return max(float(total), 0.0)


def subset_size(fraction: float, n: int) -> int:
    """k = fraction n, rounded, at least 1."""
    return max(1, round(fraction * n))


def finite(name: str, values):
    """`values`, of any shape, on either device; raises Diverged where any of them is NaN or infinite."""
    if not bool(array_module(values).isfinite(values).all()):
        raise Diverged(f"the {name} are not finite: training has diverged; lower the learning rate")
    return values


def need_classes(who: str, labels: np.ndarray, advice: str = "use another method") -> None:
    """Raise ValueError unless the labels (n,) are integers."""
    if labels.dtype.kind not in "iu":
        raise ValueError(f"{who} needs integer classes; {labels.dtype} targets are not classes: {advice}")


def first_copies(*arrays) -> np.ndarray:
    """(n,) the lowest index with the same rows in all arrays (n, ...), for products may round equal rows unequally."""
    rows = zip(*((to_numpy(array) + 0.0).reshape(len(array), -1) for array in arrays))  # + 0.0: -0.0 equals 0.0
    first: dict[bytes, int] = {}
    return np.array([first.setdefault(b"".join(part.tobytes() for part in row), i) for i, row in enumerate(rows)])
