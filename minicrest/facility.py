"""From features to a weighted coreset: facility location on distances, maximised greedily and exactly.

With the similarity s_ij = c - d_ij, where d_ij = ||a_i - a_j|| and c is the largest distance of the problem, the value
of a set S is F(S) = sum_i max_{j in S} s_ij = sum_i (c - near_i), where near_i is the distance from i to its nearest
chosen element (c while nothing is chosen), so the gain of e is sum_i max(0, near_i - d_ie): only distances are needed.

Ties are common (duplicates, symmetric data, gains of 0) and a greedy that rounds is decided there by the order of its
sums. So nothing here rounds after the first step: features are rounded once to integers small enough that a matrix
product of them is exact, distances are rounded once to integers, and sums of integers have no order. The incremental,
the matrix-free and the device path below, on any BLAS, in blocks of any size, all make the same list.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minicrest.backend import array_module, to_device, to_numpy

BLOCK = 1 << 18  # entries of a temporary: 2 MB of float64, which stays in cache


class Medoids(NamedTuple):
    """A weighted coreset on the host, in the order chosen; (k,), or (P, k) for P problems."""

    indices: np.ndarray  # int64
    weights: np.ndarray  # float64: how many points have this one as their nearest chosen; they sum to q
    gains: np.ndarray  # float64: what each choice added to F


def facility_location(features, k: int, labels=None, memory: int = 1 << 30) -> Medoids:
    """The k medoids that greedy facility location chooses, and the sizes of their clusters (CRAIG, Algorithm 1).

    features: (q, d), or (P, q, d) for P problems at once, NumPy or CuPy, float32 or float64; distances are exact to
    about 2^-24 (float32) or 2^-46 (float64) of the largest. Equal gains go to the lowest index and a point equally far
    from two medoids to the earlier one; a duplicate of a chosen point may therefore be chosen with weight 0.
    With k >= q every point comes back, in greedy order, with weight 1.

    labels: (q,) integers: one problem per class, class after class in the result. The k places are shared in
    proportion to the classes (largest remainder); a class without a place is not represented in the weights either.
    memory: bytes that the q x q distances may take; a larger problem is solved without them, more slowly, in
    O(q (d + k)) memory, with the same result. Raises ValueError for a wrong shape, k < 1, or features not finite.
    """
    xp = array_module(features)
    if getattr(features, "ndim", None) not in (2, 3) or 0 in features.shape:
        raise ValueError(f"features must be a non-empty (q, d) or (P, q, d) array, got {np.shape(features)}")
    if isinstance(k, bool) or int(k) != k or k < 1:
        raise ValueError(f"k must be a whole number of medoids, at least 1, got {k!r}")
    if labels is not None:
        return _per_class(features, int(k), labels, memory)
    problems = features.reshape(-1, *features.shape[-2:])  # (P, q, d)
    count, q = problems.shape[:2]
    points = Points(problems)
    size = min(int(k), q)
    if xp is np:
        solve = _incremental if q * q * points.dtype.itemsize <= memory else _matrix_free
        solved = [solve(points, p, size) for p in range(count)]
        order, gains, owner = (np.stack(part) for part in zip(*solved))
    else:
        order, gains, owner = _on_device(points, size)
    weights = np.stack([np.bincount(row, minlength=size) for row in owner]).astype(np.float64)
    if k >= q:
        weights = np.ones_like(weights)
    result = order, weights, gains * points.unit[:, None]
    return Medoids(*(a if features.ndim == 3 else a[0] for a in result))


class Points:
    """P problems of q points as integers whose products are exact, and their distances as integers.

    unit: (P,) host float64, the length that a distance of 1 stands for. dtype: that of the integers on their way.

    Coordinates, from the first point (so a common offset costs no digits), become integers h with ||h|| < 2^25. Then
    no partial sum of |h_i|^2 + |h_j|^2 - 2 h_i.h_j reaches 2^53: float64 holds it exactly, whatever the order.
    float64 features keep further bits, a = h + l/2^b with ||l|| <= 2^24, and the square is that of h, plus
    2 (h_i - h_j).(l_i - l_j)/2^b, plus that of l/2^b: three products, each exact.
    """

    def __init__(self, features):
        xp = array_module(features)
        count, q, d = features.shape
        offset = features.astype(np.float64) - features[:, :1].astype(np.float64)
        square = to_numpy((offset * offset).sum(axis=-1).max(axis=-1))  # (P,)
        if not np.isfinite(square).all():
            raise ValueError("features must be finite, and their squares too: found NaN, infinity or an overflow")
        step = np.ldexp(1.0, (np.frexp(square)[1] + 1) // 2 - 25)  # a power of 2; ||offset|| / step < 2^25
        scaled = offset / xp.asarray(step)[:, None, None]
        high = xp.rint(scaled)
        products = [(high, high, 1.0)]
        if features.dtype == np.float32:
            self.dtype, bits = np.dtype(np.int32), -2  # distances below 2^26 are kept to 24 bits
        else:
            more = 25 - (int(d - 1).bit_length() + 1) // 2
            low = xp.rint((scaled - high) * 2.0**more)
            products += [(high, low, 2.0 ** (1 - more)), (low, low, 4.0**-more)]
            self.dtype, bits = np.dtype(np.int64), min(20, 36 - int(q - 1).bit_length())  # q of them fit in int64
        self.shape, self.unit = (count, q), step / 2.0**bits
        self.factors = [_factors(a, b, scale * 4.0**bits) for a, b, scale in products]

    def distances(self, p, rows, columns):
        """The distances of problem p (all P with slice(None)) between two sets of points, whole numbers in floats."""
        xp = array_module(self.factors[0][0])
        squares = [left[p, rows] @ right[p, columns].swapaxes(-1, -2) for left, right in self.factors]
        total = squares[0].astype(np.float32) if self.dtype == np.int32 else squares[0] + squares[1] + squares[2]
        xp.sqrt(total, out=total)
        return xp.rint(total, out=total)


def _factors(a, b, scale):
    """Two matrices whose product has the entries scale * (a_i - a_j).(b_i - b_j)."""
    xp = array_module(a)
    dot = (a * b).sum(axis=-1, keepdims=True)
    one = xp.ones_like(dot)
    left, right = ([a], [-2 * a]) if a is b else ([a, b], [-b, -a])
    return xp.concatenate([*left, dot, one], axis=-1), scale * xp.concatenate([*right, one, dot], axis=-1)


def _incremental(points, p, size):
    """Greedy with the gain of every candidate kept up to date: order, integer gains and owners of one problem.

    When e enters, only the rows i with d_ie < near_i change, and candidate j loses there the part of its gain that
    lies between the new and the old near_i. Over a run about 3q to 4q rows change, instead of q in each round.
    """
    d = _matrix(points, p)  # (q, q)
    q, height = len(d), _height(len(d))
    near = np.full(q, d.max())  # c - near_i = 0: nothing is chosen
    gains = q * int(near[0]) - sum(d[a : a + height].sum(axis=0, dtype=d.dtype) for a in range(0, q, height)).astype(np.int64)
    order, won, owner = np.empty(size, np.int64), np.empty(size, np.int64), np.zeros(q, np.int64)
    for t in range(size):
        e = int(gains.argmax())  # the lowest index among equals
        order[t], won[t] = e, gains[e]
        changed = np.flatnonzero(d[e] < near)  # d is symmetric to the last bit
        for a in range(0, len(changed), height):
            i = changed[a : a + height]
            block, new, old = d[i], d[e, i], near[i]
            np.clip(block, new[:, None], old[:, None], out=block)
            gains += block.sum(axis=0, dtype=d.dtype) - old.sum(dtype=d.dtype)
        near[changed], owner[changed] = d[e, changed], t
        gains[e] = -1  # chosen: below every gain, and nothing changes it any more
    return order, won, owner


def _height(q):
    """How many rows of q distances stay in cache together; 127 sums of 24-bit integers fit in an int32."""
    return max(1, min(127, BLOCK // q))


def _matrix(points, p):
    """All distances of problem p, (q, q), in blocks that stay in cache."""
    q = points.shape[1]
    d, height = np.empty((q, q), points.dtype), _height(q)
    for a in range(0, q, height):
        d[a : a + height] = points.distances(p, slice(a, a + height), slice(None))
    return d


def _on_device(points, size):
    """Greedy on all problems at once, every gain anew each round in one pass, without waiting for the device."""
    everything = slice(None)
    d = points.distances(everything, everything, everything)
    xp = array_module(d)
    d = d.astype(points.dtype)  # (P, q, q)
    count, q = points.shape
    near = xp.repeat(d.max(axis=(1, 2))[:, None], q, axis=1)  # (P, q)
    every, owner, chosen = xp.arange(count), xp.zeros((count, q), np.int64), xp.zeros((count, q), bool)
    order, won = xp.empty((count, size), np.int64), xp.empty((count, size), np.int64)
    for t in range(size):
        gains = (near[:, :, None] - xp.minimum(d, near[:, :, None])).sum(axis=1, dtype=np.int64)  # (P, q)
        gains = xp.where(chosen, -1, gains)
        e = gains.argmax(axis=1)
        order[:, t], won[:, t] = e, gains[every, e]
        chosen[every, e] = True
        row = d[every, e]  # (P, q)
        owner = xp.where(row < near, t, owner)
        near = xp.minimum(near, row)
    result = to_numpy(xp.concatenate([order, won, owner], axis=1))
    return result[:, :size], result[:, size : 2 * size], result[:, 2 * size :]


def _per_class(features, k, labels, memory):
    """One problem per class, the classes' results one after the other, indices into `features`."""
    xp, labels = array_module(features), to_numpy(labels)
    if features.ndim != 2 or labels.shape != features.shape[:1]:
        raise ValueError(f"labels need features (q, d) and shape (q,), got {features.shape} and {labels.shape}")
    classes, sizes = np.unique(labels, return_counts=True)
    k, q = min(k, len(labels)), len(labels)
    quotas = k * sizes // q
    quotas[np.argsort(-(k * sizes % q), kind="stable")[: k - quotas.sum()]] += 1  # never above the class's size
    results = []
    for label, quota in zip(classes[quotas > 0], quotas[quotas > 0]):
        members = np.flatnonzero(labels == label)
        one = facility_location(features[xp.asarray(members)], int(quota), memory=memory)
        results.append(one._replace(indices=members[one.indices]))
    return Medoids(*(np.concatenate(part) for part in zip(*results)))
