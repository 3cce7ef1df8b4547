"""A pool of 12 examples, small enough to list every mini-batch, every random subset and its coreset."""

from __future__ import annotations

import itertools

import numpy as np

from minicrest.batch import uniform
from minicrest.datasets import Dataset
from minicrest.nn import SoftmaxCrossEntropy, mlp
from minicrest.oracle import Oracle
from minicrest.random import stream
from minicrest.submodular import facility_location

N, R, M = 12, 6, 2  # n, r, m of the toy pool


def pool(seed: int = 0, l2: float = 0.0) -> Oracle:
    """12 examples of 3 classes, half of them near one another, and a softmax regression of 9 parameters."""
    rng, net = stream(seed, "claims", "pool"), mlp((2, 3), loss=SoftmaxCrossEntropy(l2))
    y = np.arange(N) % 3
    noise = rng.standard_normal((N, 2)) * np.where(np.arange(N) < 6, 0.2, 1)[:, None]
    x = np.stack([np.cos(2 * y), np.sin(2 * y)], 1) + noise
    return Oracle(net, Dataset(x, y, "pool"), 0.5 * rng.standard_normal(net.size), seed=seed)


def gradients(oracle, proxies: bool = False):
    """(n, d) gradients g_i, or (n, C) proxies p_i - y_i: one question an example."""
    if proxies:
        return oracle.logit_gradients(np.arange(len(oracle)))
    return np.array([oracle.gradient(uniform([i])) for i in range(len(oracle))])


def subsets(n: int, k: int):
    """(count, k) every subset."""
    return np.array(list(itertools.combinations(range(n), k)))


def coresets(oracle, r: int = R, m: int = M):
    """V (count, r) every random subset, forwards and backwards; S (count, m) its coreset, gamma (count, m).

    Two points that would each serve the other tie for the second place, and the first in V gets it: so the mean over
    the two orders is that over all orders, for m = 2.
    """
    V = np.concatenate([subsets(len(oracle), r), subsets(len(oracle), r)[:, ::-1]])
    medoids = facility_location(oracle.logit_gradients(V), m)
    return V, np.take_along_axis(V, medoids.indices, axis=1), medoids.weights


def residuals(A, V, S):
    """(count,) L(S) = sum_{i in V} min_{j in S} |a_i - a_j|."""
    return np.linalg.norm(A[V][:, :, None] - A[S][:, None], axis=3).min(2).sum(1)


def errors(G, indices, weights=None):
    """(count, d) estimates (1/m) sum w_j g_j less the mean of all; weights (count, m) of mean 1, or None for 1."""
    picked = G[indices] if weights is None else weights[:, :, None] * G[indices]
    return picked.mean(1) - G.mean(0)


def square(error) -> float:
    """Mean of |error|^2."""
    return float((error**2).sum(1).mean())


def parts(error) -> tuple[float, float]:
    """(|bias|^2, variance), whose sum is the mean square."""
    bias = float((error.mean(0) ** 2).sum())
    return bias, square(error) - bias
