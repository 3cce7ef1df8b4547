"""Features as integers: rounded once, so that distances between them are exact and the same on every machine."""

from __future__ import annotations

import numpy as np

SINGLE, DOUBLE = (0, -2), (26, 20)  # binary digits beyond the integers h: of features (for d = 1), and of distances


class Points:
    """P problems of q points as integers whose products are exact, and their distances as integers.

    unit: (P,) float64, the length of a distance of 1; dtype: an integer that holds a sum of 64 distances.
    Measured from the first point (so a common offset costs no digits), coordinates become integers h with ||h|| < 2^25.
    Then no partial sum of |h_i|^2 + |h_j|^2 - 2 h_i.h_j reaches 2^53: float64 holds it exactly, whatever the order.
    float64 features keep further bits, a = h + l/2^b with ||l|| <= 2^25, and the square is that of h, plus
    2 (h_i - h_j).(l_i - l_j)/2^b, plus that of l/2^b: three products, each exact.
    """

    def __init__(self, features):
        single, self.shape = features.dtype == np.float32, features.shape[:2]
        self.dtype = np.int32 if single else np.int64
        with np.errstate(over="ignore", invalid="ignore"):  # overflow is handled, and reported, in _near_one
            offset = features.astype(np.float64) - features[:, :1].astype(np.float64)
            square, exponent = _largest_square(offset), 0
            if not ((square > 2.0**-900) & (square < np.inf)).all():
                offset, exponent = _near_one(offset)
                square = _largest_square(offset)
        step = (np.frexp(square)[1] + 1) // 2 - 25  # ||offset|| / 2^step < 2^25
        offset *= np.ldexp(1.0, -step)[:, None, None]
        products, kept = _products(offset, *(SINGLE if single else DOUBLE))
        self.unit = np.ldexp(1.0, step + exponent - kept)
        self.coordinates = (products[0][0] if single else offset) * np.ldexp(1.0, kept)  # in units
        self.factors = [_factors(a, b, scale * 4.0**kept) for a, b, scale in products]

    def distances(self, p, rows, columns):
        """Distances of problem p (of all P if it is slice(None)) from points `rows` to `columns`, as whole floats."""
        squares = [left[p, rows] @ right[p, columns].swapaxes(-1, -2) for left, right in self.factors]
        total = squares[0].astype(np.float32) if self.dtype is np.int32 else squares[0] + squares[1] + squares[2]
        np.sqrt(total, out=total)
        return np.rint(total, out=total)


def _largest_square(offset):
    """(P,) the largest square of a distance from the first point."""
    return (offset * offset).sum(axis=-1).max(axis=-1)


def _near_one(offset):
    """`offset` with its largest entry scaled to [1/2, 1), and the exponent (P,) of each problem's scale."""
    largest = abs(offset).max(axis=(1, 2))
    if not np.isfinite(largest).all():
        cause = "found NaN, infinity or an overflow; if they are gradients, training has diverged: lower lr"
        raise ValueError(f"features must be finite, and their differences too: {cause}")
    exponent = np.frexp(largest)[1]
    half = exponent // 2
    for part in (half, exponent - half):  # in two parts, as 2^-exponent alone may overflow
        offset = offset * np.ldexp(1.0, -part)[:, None, None]
    return offset, exponent


def _products(scaled, fraction, distance):
    """Triples (a, b, factor) whose products add up to squares, and the digits of distances: q sum to below 2^63."""
    (_, q, d), high = scaled.shape, np.rint(scaled)
    if not fraction:
        return [(high, high, 1.0)], distance
    more = fraction - (int(d - 1).bit_length() + 1) // 2
    low = np.rint((scaled - high) * 2.0**more)
    products = [(high, high, 1.0), (high, low, 2.0 ** (1 - more)), (low, low, 4.0**-more)]
    return products, min(distance, 36 - int(q - 1).bit_length())


def _factors(a, b, scale):
    """Two matrices whose product has the entries scale * (a_i - a_j).(b_i - b_j); exact, as scale is a power of 2."""
    dot = (a * b).sum(axis=-1, keepdims=True)
    one = np.ones_like(dot)
    left, right = ([a], [-2 * a]) if a is b else ([a, b], [-b, -a])
    return np.concatenate([*left, dot, one], axis=-1), scale * np.concatenate([*right, one, dot], axis=-1)
