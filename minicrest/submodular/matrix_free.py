"""Facility location where distances do not fit into memory: the same list, from bounds on gains in float32.

`_incremental` in facility.py lowers every gain exactly, by rows of distances that add up to 4 to 5 times all of them.
Here these rows are computed anew, in float32 and rounded up, in half the time that exact ones take: gains fall a little
less than they should and remain upper bounds. The largest few are then computed exactly, until one of these is the
largest; 16 are nearly always enough.
"""

import numpy as np

from minicrest.threads import one_blas_thread, sum_of_shares

HEIGHT, WIDTH, SIDE = 128, 1 << 13, 512  # of blocks of distances: few calls, and products with enough rows
ROUNDING = 2.0**-24  # of float32, relative; a sum of HEIGHT numbers loses at most HEIGHT times as much
FEW = 16  # gains that are computed at a time


@one_blas_thread()
def matrix_free(points, size):
    """Order and gains (1, size) and owners (1, q) of one problem, as _incremental finds them, in memory O(q d)."""
    q, square = points.shape[1], LongSquares(points)
    above, c = _first_gains(points)  # (q,) no gain is larger
    near, owner = np.full(q, c), np.zeros(q, np.int64)
    order, won = np.empty((2, 1, size), np.int64)
    for t in range(size):
        e = _best(above, near, points)
        order[0, t], won[0, t], above[e] = e, above[e], -1
        to_e = points.distances(0, slice(e, e + 1), slice(None))[0].astype(points.dtype)
        changed = np.flatnonzero(to_e < near)
        above -= _falls(square, changed, near[changed], to_e[changed])
        near[changed], owner[changed] = to_e[changed], t
    return order, won * points.unit[:, None], owner[None]


def _first_gains(points):
    """sum_i (c - d_ie) for all e, (q,) int64, and c, the largest distance. Each pair of blocks is computed once."""
    q, largest = points.shape[1], []

    def add(sums, starts):
        for a, b in starts:
            d = points.distances(0, slice(a, a + SIDE), slice(b, b + SIDE)).astype(points.dtype)
            largest.append(d.max())
            sums[b : b + SIDE] += d.sum(axis=0, dtype=np.int64)
            if a < b:
                sums[a : a + SIDE] += d.sum(axis=1, dtype=np.int64)

    sums = sum_of_shares(add, [(a, b) for a in range(0, q, SIDE) for b in range(a, q, SIDE)], q)
    return q * int(max(largest)) - sums, max(largest)


def _best(above, near, points):
    """The element of the largest gain, the lowest of equals; turns the largest bounds into gains until it has it."""
    exact, few = np.zeros(len(above), bool), FEW
    while not exact[e := above.argmax()]:
        rest = np.where(exact, -1, above)
        some = np.argpartition(-rest, min(few, len(rest) - 1))[:few]
        some = some[rest[some] >= 0]
        above[some], exact[some], few = _gains(some, near, points), True, 2 * few
    return e


def _gains(elements, near, points):
    """sum_i max(0, near_i - d_ie) of each e of `elements` (m,): (m,) int64."""

    def add(total, starts):
        for b in starts:
            d = points.distances(0, elements, slice(b, b + WIDTH)).astype(points.dtype)
            total += np.maximum(np.subtract(near[b : b + WIDTH], d, out=d), 0, out=d).sum(axis=1, dtype=np.int64)

    return sum_of_shares(add, list(range(0, len(near), WIDTH)), len(elements))


def _falls(square, changed, old, new):
    """At most how far each gain falls, (q,) int64, when near_i falls from old_i to new_i for each i of `changed`."""
    low, high = (np.square(a, dtype=np.float32)[:, None] * np.float32(1 + 8 * ROUNDING) for a in (new, old))

    def add(total, starts):
        for a, b in starts:
            here, columns = slice(a, a + HEIGHT), slice(b, b + WIDTH)
            d = square(changed[here], columns)
            np.sqrt(np.clip(d, low[here], high[here], out=d), out=d)
            longest = d.sum(axis=0).astype(np.float64) * (1 + 2 * HEIGHT * ROUNDING) + len(d) * square.units
            total[columns] += np.maximum(old[here].sum(dtype=np.int64) - np.ceil(longest), 0).astype(np.int64)

    starts = [(a, b) for b in range(0, square.q, WIDTH) for a in range(0, len(changed), HEIGHT)]
    return sum_of_shares(add, starts, square.q)


class LongSquares:
    """Called with points and a slice of others: squared distances (rows, columns) in float32, none of them too short.

    Rounded coordinates and norms and a product of d + 2 terms lose at most (d + 8) 2^-24 (|x_i| + |x_j|)^2, and
    lengthening norms by 3 (d + 8) 2^-24 adds more. A whole distance exceeds its root by at most `units`.
    """

    def __init__(self, points):
        x = points.coordinates[0]
        (self.q, d), self.units = x.shape, 8 if points.dtype == np.int32 else 8 + x.shape[1]
        x = (x - np.median(x, axis=0)).astype(np.float32)  # from the middle, however far away a few points are
        norm = (x.astype(np.float64) ** 2).sum(axis=1, keepdims=True) * (1 + 3 * (d + 8) * ROUNDING)
        norm, one = norm.astype(np.float32), np.ones((self.q, 1), np.float32)
        self.left, self.right = np.hstack([-2 * x, norm, one]), np.hstack([x, one, norm]).T.copy()

    def __call__(self, rows, columns):
        return self.left[rows] @ self.right[:, columns]
