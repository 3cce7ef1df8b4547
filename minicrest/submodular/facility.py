"""From features to a weighted coreset: facility location on distances, maximised greedily and exactly.

With d_ij = ||a_i - a_j|| and c the largest of them, F(S) = sum_i max_{j in S} (c - d_ij) = sum_i (c - near_i): near_i
is the distance from i to its nearest chosen element, and c while nothing is chosen. The gain of e is
sum_i max(0, near_i - d_ie). Ties are common, and rounded sums would decide them by their order. So only the input is
rounded: distances become integers (see points.py), and every version here chooses the same list, with any BLAS.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np

from minicrest.arguments import dense, whole
from minicrest.backend import to_numpy
from minicrest.submodular.matrix_free import matrix_free
from minicrest.submodular.points import Points
from minicrest.threads import one_blas_thread, sum_of_shares

BLOCK = 1 << 18  # entries of a temporary: 2 MB of float64, which stay in cache
DIGITS = 14  # binary digits of the last gain below which a float32 problem is solved in float64
LOST = 2.0**-20  # a unit of distance below which lost digits matter to nobody: of gradients


class Medoids(NamedTuple):
    """A weighted coreset on the host, in the order chosen: arrays (k,), or (P, k) for P problems."""

    indices: np.ndarray  # int64
    weights: np.ndarray  # float64, sizes of the clusters: how many points have this medoid as their nearest
    gains: np.ndarray  # float64, what each choice added to F


def facility_location(features, k, labels=None, memory=1 << 30) -> Medoids:
    """The k medoids that greedy facility location chooses, and the sizes gamma_j of their clusters (CRAIG, Alg. 1).

    features: (q, d), or (P, q, d) for P problems at once, float32 or (everything else) float64. Those of CuPy are
    brought to the host: each choice is a few operations, which a GPU would spend longer on waiting than on counting.
    Distances are exact to 2^-22 of the largest in float32, 2^-43 in float64, in which float32 problems with far
    outliers are solved too; a RuntimeWarning says where even that cannot tell most points apart. Equal gains go to the
    lowest index, a point equally far from two medoids to the earlier one; so a duplicate can have weight 0.
    Weights sum to q; with k >= q every point comes back, with weight 1.
    labels: (q,) numbers of classes: one problem per class, one after the other in the result, k shared by `quotas`.
    memory: bytes that distances may take at a time. A problem whose q x q do not fit is solved without them: the same
    result in memory O(q d). That takes longer where very many gains are equal, or a point is extremely far away.

    >>> facility_location([[0.0], [1.0], [2.0], [9.0]], 2)[:2]  # indices and weights
    (array([1, 3]), array([3., 1.]))
    """
    k, memory, features = whole("k", k, 1), whole("memory", memory, 0), to_numpy(dense("features", features))
    if features.ndim not in (2, 3) or 0 in features.shape:
        raise ValueError(f"features must be a non-empty array (q, d) or (P, q, d), got shape {features.shape}")
    if labels is not None:
        return _per_class(features, k, to_numpy(dense("labels", labels)), memory)
    problems = features.reshape(-1, *features.shape[-2:])  # (P, q, d)
    order, gains, owner = _solve(problems, min(k, problems.shape[1]), memory)
    weights = np.stack([np.bincount(row, minlength=order.shape[1]) for row in owner]).astype(np.float64)
    result = order, weights if k < problems.shape[1] else np.ones_like(weights), gains
    return Medoids(*(a if features.ndim == 3 else a[0] for a in result))


def _solve(problems, size, memory):
    """Order and gains (P, size), and owners (P, q), of problems (P, q, d), as many at a time as fit into `memory`."""
    count, q, _ = problems.shape
    fit = memory // (q * q * (4 if problems.dtype == np.float32 else 8))  # how many problems at a time
    solved = []
    for p in range(0, count, max(1, fit)):
        group = problems[p : p + max(1, fit)]
        points = Points(group)
        results = _incremental(points, size) if fit else matrix_free(points, size)
        smallest = results[1][:, -1]  # the last gain
        if problems.dtype == np.float32 and (few := np.flatnonzero(smallest < points.unit * 2.0**DIGITS)).size:
            finer = _solve(group[few].astype(np.float64), size, memory)
            for result, better in zip(results, finer):
                result[few] = better
        elif (lost := np.flatnonzero((smallest == 0) & (points.unit > LOST))).size:
            _warn_of_outliers(group[lost], results[0][lost], results[2][lost])
        solved.append(results)
    return [np.concatenate(parts) for parts in zip(*solved)]


def _warn_of_outliers(problems, order, owner):
    """The last choice of each problem gained nothing: unless it repeats an earlier one, digits are lost."""
    every = np.arange(len(order))
    last, first = order[:, -1], order[every, owner[every, order[:, -1]]]
    if (problems[every, last] != problems[every, first]).any():
        text = "features have outliers so far away that most other points look equal; remove or clip them"
        warnings.warn(text, RuntimeWarning, stacklevel=4)


def _distances(points):
    """All distances (P q, q), row p q + i those of point i in problem p, their sums (P, q) and the largest (P,)."""
    count, q = points.shape
    height = _rows(q)
    d = np.empty((count * q, q), points.dtype)
    largest = np.zeros((count, -(-q // height)), points.dtype)

    def add(sums, starts):
        for p, a in starts:
            block = d[p * q + a : p * q + min(a + height, q)]
            block[:] = points.distances(p, slice(a, a + height), slice(None))
            sums[p] += block.sum(axis=0, dtype=points.dtype)  # down, as d is symmetric to the last bit
            largest[p, a // height] = block.max()

    sums = sum_of_shares(add, [(p, a) for p in range(count) for a in range(0, q, height)], (count, q))
    return d, sums, largest.max(axis=1)


def _rows(q):
    """How many rows of q distances stay in cache together; at most 64 sum to an int32."""
    return max(1, min(64, BLOCK // q))


@one_blas_thread()
def _incremental(points, size):
    """Greedy with the gain of every candidate kept up to date, P problems in step: order, gains and owners."""
    count, q = points.shape
    every = np.arange(count)
    d, sums, c = _distances(points)
    near = np.repeat(c, q)  # (P q,) of point i of problem p at p q + i; nothing is chosen
    gains = q * c.astype(np.int64)[:, None] - sums  # sum_i (c - d_ie)
    order, won = np.empty((2, count, size), np.int64)
    owner = np.zeros(count * q, np.int64)
    for t in range(size):
        e = gains.argmax(axis=1)  # the lowest index among equals
        order[:, t], won[:, t] = e, gains[every, e]
        to_e = d[every * q + e].ravel()  # (P q,)
        changed = np.flatnonzero(to_e < near)  # 3q to 5q rows over a run
        _lower(gains, d, changed, near[changed], to_e[changed])
        near[changed], owner[changed] = to_e[changed], t
        gains[every, e] = -1  # chosen: below every gain, and nothing changes it from now on
    return order, won * points.unit[:, None], owner.reshape(count, q)


def _lower(gains, d, changed, old, new):
    """Lower `gains` (P, q) by old_i - clip(d_ie, new_i, old_i) for each i of `changed`, where near falls to `new`."""
    q = gains.shape[1]
    problem, height = changed // q, _rows(q)

    def subtract(total, starts):
        for a in starts:
            here = slice(a, a + height)
            high, low, p, block = old[here], new[here], problem[here], d.take(changed[here], axis=0)
            if q > 2048:  # one pass is faster where rows are long, two where they are short
                np.clip(block, low[:, None], high[:, None], out=block)
            else:
                np.minimum(np.maximum(block, low[:, None], out=block), high[:, None], out=block)
            inner = np.flatnonzero(np.diff(p)) + 1 if p[0] < p[-1] else ()  # where another problem's rows begin
            for i, j in zip([0, *inner], [*inner, len(p)]):
                total[p[i]] -= high[i:j].sum(dtype=np.int64) - block[i:j].sum(axis=0, dtype=d.dtype)

    starts = list(range(0, len(changed), height))
    if len(changed) * q < 4 * BLOCK:  # over before another thread has woken up
        subtract(gains, starts)
    else:
        gains += sum_of_shares(subtract, starts, gains.shape)


def _per_class(features, k, labels, memory):
    if features.ndim != 2 or labels.shape != features.shape[:1]:
        raise ValueError(f"labels (q,) need features (q, d): got {labels.shape} and {features.shape}")
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise ValueError("labels must be finite, found NaN or infinity; leave those points out")
    classes, sizes = np.unique(labels, return_counts=True)
    results = []
    for label, places in zip(classes, quotas(sizes, min(k, len(labels)))):
        if places:
            members = np.flatnonzero(labels == label)
            medoids = facility_location(features[members], places, memory=memory)
            results.append(medoids._replace(indices=members[medoids.indices]))
    return Medoids(*(np.concatenate(parts) for parts in zip(*results)))


def quotas(sizes, k: int) -> np.ndarray:
    """(C,) k places, at most their sum, shared in proportion to `sizes` by largest remainder, ties to the lowest."""
    sizes = dense("sizes", sizes)
    if sizes.dtype.kind not in "iu" or sizes.ndim != 1 or not sizes.size:
        raise TypeError(f"sizes must be (C,) whole numbers, got {sizes.dtype} of shape {sizes.shape}")
    if sizes.min() < 0:
        raise ValueError(f"sizes must be at least 0, got {sizes.min()}")
    total = int(sizes.sum())
    shares, remainders = np.divmod(whole("k", k, 0, total) * sizes.astype(np.int64), max(total, 1))
    shares[np.argsort(-remainders, kind="stable")[: k - shares.sum()]] += 1
    return shares
