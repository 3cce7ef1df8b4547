"""From features to a weighted coreset: facility location on distances, maximised greedily and exactly.

With s_ij = c - d_ij, where d_ij = ||a_i - a_j|| and c is the largest distance of the problem, a set S has the value
F(S) = sum_i max_{j in S} s_ij = sum_i (c - near_i): near_i is the distance from i to its nearest chosen element, and c
while nothing is chosen. The gain of e is sum_i max(0, near_i - d_ie), so distances are all that is needed.

Ties are common (duplicates, symmetric data, gains of 0), and where sums are rounded their order decides them. So only
the input is rounded here: features become integers small enough for a matrix product of them to be exact, distances
become integers, and sums of integers have no order. Incremental, matrix-free and on the device, with any BLAS and in
blocks of any size, the list is the same.
"""

from __future__ import annotations

import operator
from typing import NamedTuple

import numpy as np

from minicrest.backend import array_module, to_numpy
from minicrest.threads import one_blas_thread, share

BLOCK = 1 << 18  # entries of a temporary on the host: 2 MB of float64, which stay in cache
DEVICE_BLOCK = 1 << 26  # and on the device, where a launch costs more than memory


class Medoids(NamedTuple):
    """A weighted coreset on the host, in the order chosen: arrays (k,), or (P, k) for P problems."""

    indices: np.ndarray  # int64
    weights: np.ndarray  # float64, sizes of the clusters: how many points have this medoid as their nearest
    gains: np.ndarray  # float64, what each choice added to F


def facility_location(features, k, labels=None, memory=1 << 30) -> Medoids:
    """The k medoids that greedy facility location chooses, and the sizes gamma_j of their clusters (CRAIG, Alg. 1).

    features: (q, d), or (P, q, d) for P problems at once; NumPy or CuPy, float32 or (everything else) float64.
    Distances are exact to 2^-22 of the largest in float32, 2^-43 in float64. Equal gains go to the lowest index, a
    point equally far from two medoids to the earlier one; so a duplicate of a chosen point can have weight 0.
    With k >= q every point comes back, in greedy order, with weight 1. Otherwise weights sum to q.
    labels: (q,) classes: one problem per class, one class after the other in the result. The k places are shared in
    proportion to class sizes by largest remainder; a class that gets none is not represented in the weights.
    memory: bytes that distances may take at a time. A problem whose q x q do not fit is solved without them: the
    same result, in memory O(q d) and in more time: 1,000 of 100,000 x 64 in float32 take 4 minutes of one core and
    0.3 GiB, NumPy included (tests/slow/test_beyond_memory.py).
    Raises ValueError for a wrong shape, k < 1 or features that are not finite; TypeError if k is not an integer.
    """
    k = operator.index(k)
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    if getattr(features, "ndim", None) not in (2, 3) or 0 in features.shape:
        raise ValueError(f"features must be a non-empty array (q, d) or (P, q, d), got shape {np.shape(features)}")
    if labels is not None:
        return _per_class(features, k, to_numpy(labels), memory)
    problems = features.reshape(-1, *features.shape[-2:])  # (P, q, d)
    count, q, _ = problems.shape
    fit = memory // (q * q * (4 if features.dtype == np.float32 else 8))  # how many problems at a time
    solve = _matrix_free if not fit else _incremental if array_module(features) is np else _on_device
    groups = range(0, count, max(1, fit))
    solved = [solve(Points(problems[p : p + max(1, fit)]), min(k, q)) for p in groups]
    order, gains, owner = (np.concatenate(parts) for parts in zip(*solved))
    weights = np.stack([np.bincount(row, minlength=order.shape[1]) for row in owner]).astype(np.float64)
    result = order, weights if k < q else np.ones_like(weights), gains
    return Medoids(*(a if features.ndim == 3 else a[0] for a in result))


class Points:
    """P problems of q points as integers whose products are exact, and their distances as integers.

    unit: (P,) host float64, the length of a distance of 1; dtype: an integer that holds a sum of 64 distances.

    Seen from the first point (so a common offset costs no digits), coordinates become integers h with ||h|| < 2^25.
    Then no partial sum of |h_i|^2 + |h_j|^2 - 2 h_i.h_j reaches 2^53: float64 holds it exactly, whatever the order.
    float64 features keep further bits, a = h + l/2^b with ||l|| <= 2^25, and the square is that of h, plus
    2 (h_i - h_j).(l_i - l_j)/2^b, plus that of l/2^b: three products, each exact.
    """

    def __init__(self, features):
        xp = self.xp = array_module(features)
        count, q, d = features.shape
        with np.errstate(over="ignore", invalid="ignore"):  # an error says it below
            seen = features.astype(np.float64) - features[:, :1].astype(np.float64)
            square = to_numpy((seen * seen).sum(axis=-1).max(axis=-1))  # (P,)
        if not np.isfinite(square).all():
            found = "found NaN, infinity or an overflow; if they are gradients, training has diverged: lower lr"
            raise ValueError(f"features must be finite, and their squares too: {found}")
        step = np.ldexp(1.0, (np.frexp(square)[1] + 1) // 2 - 25)  # a power of 2 with ||seen|| / step < 2^25
        seen /= xp.asarray(step)[:, None, None]
        high = xp.rint(seen)
        products = [(high, high, 1.0)]
        if features.dtype == np.float32:
            self.dtype, bits = np.int32, -2  # distances, below 2^26 steps, are kept to 24 bits
        else:
            more = 26 - (int(d - 1).bit_length() + 1) // 2
            low = xp.rint((seen - high) * 2.0**more)
            products += [(high, low, 2.0 ** (1 - more)), (low, low, 4.0**-more)]
            self.dtype, bits = np.int64, min(20, 36 - int(q - 1).bit_length())  # q of them are below 2^63
        self.shape, self.unit = (count, q), step / 2.0**bits
        self.factors = [_factors(a, b, scale * 4.0**bits) for a, b, scale in products]

    def distances(self, p, rows, columns):
        """Distances of problem p (of all P if it is slice(None)) from points `rows` to `columns`, as whole floats."""
        squares = [left[p, rows] @ right[p, columns].swapaxes(-1, -2) for left, right in self.factors]
        total = squares[0].astype(np.float32) if self.dtype is np.int32 else squares[0] + squares[1] + squares[2]
        self.xp.sqrt(total, out=total)
        return self.xp.rint(total, out=total)


def _factors(a, b, scale):
    """Two matrices whose product has the entries scale * (a_i - a_j).(b_i - b_j); exact, as scale is a power of 2."""
    xp = array_module(a)
    dot = (a * b).sum(axis=-1, keepdims=True)
    one = xp.ones_like(dot)
    left, right = ([a], [-2 * a]) if a is b else ([a, b], [-b, -a])
    return xp.concatenate([*left, dot, one], axis=-1), scale * xp.concatenate([*right, one, dot], axis=-1)


def _matrix(points):
    """All distances (P, q, q) on the host, and their sums over each row, (P, q).

    Made a few rows at a time, and summed while these are in the cache: down the columns, which comes to the same, for
    distances are exact and therefore symmetric to the last bit.
    """
    count, q = points.shape
    d, totals = np.empty((count, q, q), points.dtype), []

    def work(todo):
        mine = np.zeros((count, q), np.int64)
        for p, rows in todo:
            d[p, rows] = points.distances(p, rows, slice(None))
            mine[p] += d[p, rows].sum(axis=0, dtype=points.dtype)
        totals.append(mine)

    share(work, [(p, slice(a, a + _height(q))) for p in range(count) for a in range(0, q, _height(q))])
    return d, sum(totals)


def _height(q):
    """How many rows of q distances stay in cache together; 64 times 2^24 fit in an int32."""
    return max(1, min(64, BLOCK // q))


@one_blas_thread()
def _incremental(points, size):
    """Greedy with the gain of every candidate kept up to date, P problems in step: order, gains and owners.

    When e enters, near_i falls only in the rows with d_ie < near_i, and only there do gains. Over a run 3q to 5q
    rows change, not q in each round.
    """
    d, sums = _matrix(points)  # (P, q, q), (P, q)
    count, q = points.shape
    rows, start, every = d.reshape(-1, q), np.arange(count + 1) * q, np.arange(count)  # row p q + i: i of problem p
    c = d.max(axis=(1, 2))
    near = np.repeat(c, q)  # (P q,) nothing is chosen
    gains = q * c.astype(np.int64)[:, None] - sums  # sum_i (c - d_ie)
    order, won = np.empty((2, count, size), np.int64)
    owner = np.zeros(count * q, np.int64)
    for t in range(size):
        e = gains.argmax(axis=1)  # the lowest index among equals
        order[:, t], won[:, t] = e, gains[every, e]
        row = rows[start[:-1] + e].ravel()  # d is symmetric to the last bit
        changed = np.flatnonzero(row < near)
        _fall(gains, rows, changed, near[changed], row[changed], start)
        near[changed], owner[changed] = row[changed], t
        gains[every, e] = -1  # chosen: below every gain, and nothing changes it from now on
    return order, won * points.unit[:, None], owner.reshape(count, q)


def _fall(gains, rows, changed, old, new, start):
    """Take from `gains` (P, q) what they lose where near falls: the part of max(0, near_i - d_ie) above `new`."""
    height, totals = _height(rows.shape[1]), []
    highs = np.append(0, old.cumsum(dtype=np.int64))  # a gain falls by old - clip(d, new, old), over all rows

    def take(total, todo):
        for a in todo:
            i, high, low = changed[a : a + height], old[a : a + height, None], new[a : a + height, None]
            block = _clip(rows.take(i, axis=0), low, high)
            cuts = np.searchsorted(i, start).tolist()  # the rows of one problem lie together
            for p, (b, e) in enumerate(zip(cuts, cuts[1:])):
                if b < e:
                    total[p] += block[b:e].sum(axis=0, dtype=block.dtype) - (highs[a + e] - highs[a + b])

    def work(todo):
        mine = np.zeros_like(gains)
        take(mine, todo)
        totals.append(mine)

    parts = range(0, len(changed), height)
    if len(changed) * rows.shape[1] < 4 * BLOCK:  # over before another thread has woken up
        return take(gains, parts)
    share(work, list(parts))
    gains += sum(totals)


def _clip(block, low, high):
    """Clip rows in place: one pass is faster where they are long, two where they are short."""
    if block.shape[1] > 2048:
        return np.clip(block, low, high, out=block)
    return np.minimum(np.maximum(block, low, out=block), high, out=block)


def _on_device(points, size):
    """Greedy with every gain anew in each round: one pass over all distances, and no waiting until the end."""
    xp, (count, q), whole = points.xp, points.shape, slice(None)
    d = points.distances(whole, whole, whole).astype(points.dtype)  # (P, q, q)
    every = xp.arange(count)
    near = xp.repeat(d.max(axis=(1, 2))[:, None], q, axis=1)  # (P, q) c: nothing is chosen
    owner, chosen = xp.zeros((count, q), np.int64), xp.zeros((count, q), bool)
    order, won = xp.empty((count, size), np.int64), xp.empty((count, size), np.int64)
    for t in range(size):
        left = xp.minimum(d, near[:, :, None]).sum(axis=1, dtype=np.int64)  # (P, q) sum_i near_i, were e to enter
        gains = xp.where(chosen, -1, near.sum(axis=1, keepdims=True, dtype=np.int64) - left)
        e = gains.argmax(axis=1)
        order[:, t], won[:, t] = e, gains[every, e]
        chosen[every, e] = True
        row = d[every, e]  # (P, q)
        owner = xp.where(row < near, t, owner)
        near = xp.minimum(near, row)
    found = to_numpy(xp.concatenate([order, won, owner], axis=1))
    return found[:, :size], found[:, size : 2 * size] * points.unit[:, None], found[:, 2 * size :]


def _matrix_free(points, size):
    """Lazy greedy on one problem: stale gains bound the true ones, and the highest are refreshed by products.

    The choice is exact: it is made when the highest bound, at the lowest index among equals, is a fresh one.
    """
    xp, q = points.xp, points.shape[1]
    near, bound = _first_gains(points)  # (q,) on the device, (q,) on the host
    order, won = np.empty((2, 1, size), np.int64)
    owner = xp.zeros(q, np.int64)
    for t in range(size):
        fresh, batch = np.full(q, t == 0), 16
        while not fresh[e := int(bound.argmax())]:
            stale = np.argpartition(np.where(fresh, -1, bound), -min(batch, q))[-min(batch, q) :]
            stale = stale[bound[stale] >= 0]  # never the chosen
            bound[stale], fresh[stale] = _gains(points, near, stale), True
            batch = min(2 * batch, 1024)
        order[0, t], won[0, t], bound[e] = e, bound[e], -1
        row = points.distances(0, slice(e, e + 1), slice(None))[0].astype(points.dtype)
        owner = xp.where(row < near, t, owner)
        near = xp.minimum(near, row)
    return order, won * points.unit[:, None], to_numpy(owner)[None]


def _first_gains(points):
    """near_i = c, and the gains sum_i (c - d_ie), from blocks of distances, each computed once for both its sides."""
    xp, q = points.xp, points.shape[1]
    side = int((BLOCK if xp is np else DEVICE_BLOCK) ** 0.5)
    sums, c = xp.zeros(q, np.int64), xp.zeros((), points.dtype)
    for a in range(0, q, side):
        for b in range(a, q, side):
            block = points.distances(0, slice(a, a + side), slice(b, b + side)).astype(points.dtype)
            sums[a : a + side] += block.sum(axis=1, dtype=np.int64)
            if b > a:
                sums[b : b + side] += block.sum(axis=0, dtype=np.int64)
            c = xp.maximum(c, block.max())
    return xp.zeros_like(sums, points.dtype) + c, to_numpy(q * c.astype(np.int64) - sums)


def _gains(points, near, candidates):
    """sum_i max(0, near_i - d_ie) for some candidates e, (len(candidates),) on the host, in blocks of points."""
    xp, q = points.xp, points.shape[1]
    e = xp.asarray(candidates)
    width = max(1, (BLOCK if xp is np else DEVICE_BLOCK) // len(candidates))
    total = xp.zeros(len(candidates), np.int64)
    for a in range(0, q, width):
        part = slice(a, a + width)
        block = points.distances(0, e, part).astype(points.dtype)
        left = xp.minimum(block, near[part]).sum(axis=1, dtype=np.int64)
        total += near[part].sum(dtype=np.int64) - left
    return to_numpy(total)


def _per_class(features, k, labels, memory):
    """One problem per class, the results one after the other, with indices into `features`."""
    if features.ndim != 2 or labels.shape != features.shape[:1]:
        raise ValueError(f"labels (q,) need features (q, d): got {labels.shape} and {features.shape}")
    xp, k = array_module(features), min(k, len(labels))
    classes, sizes = np.unique(labels, return_counts=True)
    results = []
    for label, places in zip(classes, quotas(sizes, k)):
        if places:
            members = np.flatnonzero(labels == label)
            found = facility_location(features[xp.asarray(members)], places, memory=memory)
            results.append(found._replace(indices=members[found.indices]))
    return Medoids(*(np.concatenate(parts) for parts in zip(*results)))


def quotas(sizes, k: int) -> np.ndarray:
    """(C,) k places shared in proportion to `sizes` by largest remainder, ties to the lowest: at most the sizes."""
    whole, remainders = np.divmod(k * np.asarray(sizes), np.sum(sizes))
    whole[np.argsort(-remainders, kind="stable")[: k - whole.sum()]] += 1
    return whole
