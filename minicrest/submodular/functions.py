"""Set functions, on the host: what a chosen set is worth, and what one more element would add."""

from __future__ import annotations

import math

import numpy as np

from minicrest.arguments import dense, number, shown, whole
from minicrest.backend import to_numpy


class SetFunction:
    """A function f of the subsets S of n elements, numbered 0 to n - 1, with what a greedy maximiser asks of it."""

    n: int  # elements
    submodular: bool  # whether gains never grow as the set does

    def value(self, S) -> float:
        """f(S) from its definition, for a set S (k,) of different elements: a sequence of whole numbers."""
        raise NotImplementedError(f"{type(self).__name__} must define value(S)")

    def start(self):
        """The state of the empty set: what is kept while elements enter."""
        raise NotImplementedError(f"{type(self).__name__} must define start()")

    def add(self, state, e: int):
        """The state once e has entered; `state` itself is unchanged."""
        raise NotImplementedError(f"{type(self).__name__} must define add(state, e)")

    def gains(self, state, elements) -> np.ndarray:
        """f(S + e) - f(S) for each e of `elements`, an integer array (m,): (m,) float64."""
        raise NotImplementedError(f"{type(self).__name__} must define gains(state, elements)")

    def refresh(self, gains, before, after, elements) -> np.ndarray:
        """The gains (m,) of `elements` after one `add`, from those before it and both states."""
        return self.gains(after, elements)


class FacilityLocation(SetFunction):
    """f(S) = sum_i max_{j in S} s_ij, f({}) = 0: how well S represents everything. Monotone, submodular.

    similarity: (n, n), s_ij >= 0 of point i to candidate j, rounded to a grid on which sums, and so ties, are exact: 24
    bits below the largest in float32, 52 - log2 n in float64. The state is (n,), each point's largest similarity to S.
    """

    submodular = True

    def __init__(self, similarity):
        self.rows = _on_grid(_square("similarity", similarity, sign=True))  # (points, candidates)
        same = np.array_equal(self.rows, self.rows.T)
        self.columns = self.rows if same else np.ascontiguousarray(self.rows.T)  # (candidates, points)
        self.n = len(self.rows)

    def value(self, S):
        return float(self.rows[:, _elements(S, self.n)].max(axis=1, initial=0).sum(dtype=np.float64))

    def start(self):
        return np.zeros(len(self.rows), self.rows.dtype)

    def add(self, state, e):
        return np.maximum(state, self.columns[e])

    def gains(self, state, elements):
        blocks = (self.columns[part] for part in _blocks(elements, len(state)))
        return np.concatenate([np.maximum(b - state, 0).sum(axis=1, dtype=np.float64) for b in blocks])

    def refresh(self, gains, before, after, elements):
        """Only points whose maximum rose matter, and there the part of s_ie between the two: a few rows, not n."""
        for i in _blocks(np.flatnonzero(after > before), len(elements)):
            block = np.clip(self.rows[np.ix_(i, elements)], before[i, None], after[i, None]) - before[i, None]
            gains = gains - block.sum(axis=0, dtype=np.float64)
        return gains


class _Sums(SetFunction):
    """What needs of S only each element's sum of s_ij to it: that is the state, (n,)."""

    s: np.ndarray

    def start(self):
        return np.zeros(self.n)

    def add(self, state, e):
        return state + self.s[e]


class GraphCut(_Sums):
    """f(S) = sum_{i in V, j in S} s_ij - lam sum_{i, j in S} s_ij: representative, but not redundant. Submodular.

    similarity: (n, n) symmetric, s_ij >= 0. lam >= 0; monotone for lam <= 1/2. (Apricot's alpha is 1 / lam.)
    """

    submodular = True

    def __init__(self, similarity, lam=0.5):
        self.s = _on_grid(_square("similarity", similarity, sign=True, symmetric=True))
        self.n, self.lam, self.total = len(self.s), number("lam", lam, "[0, inf)"), self.s.sum(axis=0, dtype=np.float64)

    def value(self, S):
        S = _elements(S, self.n)
        return float(self.total[S].sum() - self.lam * self.s[np.ix_(S, S)].sum(dtype=np.float64))

    def gains(self, state, elements):
        return self.total[elements] - self.lam * (2 * state[elements] + self.s[elements, elements])


class DisparityMin(SetFunction):
    """f(S) = min_{i != j in S} d_ij, and 0 for fewer than two elements: spread. Neither monotone nor submodular.

    distances: (n, n) symmetric, d_ij >= 0. Greedy takes element 0 and then the farthest from S: at least OPT/2 if d is
    a metric. The state is the size of S, its value, and (n,) each element's distance to S.
    """

    submodular = False

    def __init__(self, distances):
        self.d = _square("distances", distances, sign=True, symmetric=True)
        self.n = len(self.d)

    def value(self, S):
        S = _elements(S, self.n)
        return float(self.d[np.ix_(S, S)][np.triu_indices(len(S), 1)].min()) if len(S) > 1 else 0.0

    def start(self):
        return 0, 0.0, np.full(self.n, np.inf)

    def add(self, state, e):
        size, value, nearest = state
        value = value if size == 0 else nearest[e] if size == 1 else min(value, nearest[e])
        return size + 1, value, np.minimum(nearest, self.d[e])

    def gains(self, state, elements):
        size, value, nearest = state
        if size == 0:
            return np.zeros(len(elements))
        return nearest[elements] if size == 1 else np.minimum(nearest[elements], value) - value


class DisparitySum(_Sums):
    """f(S) = sum_{i < j in S} d_ij: spread on the whole. Monotone and SUPERmodular; greedy >= OPT/2 for a metric.

    distances: (n, n) symmetric, d_ij >= 0.
    """

    submodular = False

    def __init__(self, distances):
        self.s = _on_grid(_square("distances", distances, sign=True, symmetric=True))
        self.n = len(self.s)

    def value(self, S):
        S = _elements(S, self.n)
        return float(self.s[np.ix_(S, S)][np.triu_indices(len(S), 1)].sum(dtype=np.float64))

    def gains(self, state, elements):
        return state[elements]


class LogDeterminant(SetFunction):
    """f(S) = log det(s_SS + lam I): diversity, the volume that S spans. Submodular, and monotone for lam >= 1.

    similarity: (n, n) symmetric positive semi-definite, lam > 0. The gain of e is the log of what remains of
    s_ee + lam after projecting on S. The state is the rows (|S|, n) of a Cholesky factor that grows with S, and what
    remains (n,).
    """

    submodular = True

    def __init__(self, similarity, lam=1.0):
        self.s = _square("similarity", similarity, symmetric=True).astype(np.float64)
        self.n, self.lam = len(self.s), number("lam", lam, "(0, inf)")

    def value(self, S):
        S = _elements(S, self.n)
        return float(np.linalg.slogdet(self.s[np.ix_(S, S)] + self.lam * np.eye(len(S)))[1])

    def start(self):
        return np.empty((0, self.n)), self.s.diagonal() + self.lam

    def add(self, state, e):
        rows, remainder = state
        row = (self.s[e] - rows[:, e] @ rows) / math.sqrt(remainder[e])
        return np.vstack([rows, row]), remainder - row * row

    def gains(self, state, elements):
        remainder = state[1][elements]
        if remainder.min() <= 0:
            raise ValueError("similarity must be positive semi-definite: log det(s + lam I) is not defined here")
        return np.log(remainder)


def _elements(S, n):
    """S as int64 indices; TypeError or ValueError unless it is a set of elements 0..n-1, each at most once."""
    elements = [whole("an element of S", e, 0, n - 1) for e in S]
    if len(set(elements)) < len(elements):
        raise ValueError(f"S must hold each element at most once, got {shown(elements)}")
    return np.array(elements, np.int64)


def _blocks(elements, width):
    """`elements` in pieces whose rows of `width` numbers stay in cache."""
    height = max(1, (1 << 17) // width)
    return [elements[a : a + height] for a in range(0, len(elements), height)]


def _square(name, matrix, sign=False, symmetric=False):
    """`matrix` on the host as float32 or float64, or an error that says what is wrong with it."""
    matrix = to_numpy(dense(name, matrix))
    matrix = matrix if matrix.dtype == np.float32 else matrix.astype(np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
        raise ValueError(f"{name} must be a square (n, n) matrix, got shape {matrix.shape}")
    if not np.isfinite(matrix).all():
        raise ValueError(f"{name} must be finite, found NaN or infinity")
    if sign and matrix.min() < 0:
        raise ValueError(f"{name} must be at least 0, found {matrix.min()}: shift or clip it first")
    if symmetric and abs(matrix - matrix.T).max() > 1e-5 * abs(matrix).max():  # above what float32 products leave
        raise ValueError(f"{name} must be symmetric: take ({name} + {name}.T) / 2 if that is what is meant")
    return (matrix + matrix.T) / 2 if symmetric else matrix


def _on_grid(matrix):
    """`matrix` rounded to multiples of a power of 2 so large that sums of n entries are exact in float64."""
    bits = 24 if matrix.dtype == np.float32 else 52 - int(len(matrix) - 1).bit_length()
    unit = np.ldexp(matrix.dtype.type(1), int(np.frexp(matrix.max())[1]) - bits)
    unit = max(unit, np.finfo(matrix.dtype).smallest_subnormal)  # where that underflows all values are multiples of it
    return np.rint(matrix / unit) * unit
