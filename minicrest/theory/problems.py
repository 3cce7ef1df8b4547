"""Problems with known constants, on which every method trains: convex, not convex, and functions of one's own.

Each Problem knows L_s (smoothness), mu (strong convexity), pl (the Polyak-Lojasiewicz constant: |grad L|^2 >= 2 pl
(L - L*)), the minimiser w* and the minimum L*, where they exist, and the variance sigma^2 at any w. The loss L is the
mean over n examples. All is float64, on the host.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np

from minicrest.arguments import dense, number, whole
from minicrest.datasets import Dataset
from minicrest.nn import Linear, LogisticLoss, Network, SquaredError
from minicrest.oracle import Oracle
from minicrest.random import stream
from minicrest.theory.functions import Functions, Parameters, check_derivatives, checked_start

__all__ = ["Problem", "double_well", "functions", "logistic", "matrix_factorisation", "pl_sine", "quadratic", "ridge",
           "rosenbrock"]  # fmt: skip


@dataclass(frozen=True, eq=False)
class Problem:
    """A loss over n examples with what is known of it; None: it does not exist, or nobody knows it.

    start: w_0 (d,).  L_s: |grad L(v) - grad L(w)| <= L_s |v - w|.  mu: of strong convexity.  pl: |grad L|^2 >= 2 pl
    (L - L*).  lowest: L*.  minimiser: a w* (d,).  radius: the constants hold where |w| is at most this.
    """

    name: str
    network: Network = field(repr=False)
    data: Dataset = field(repr=False)
    start: np.ndarray = field(repr=False)
    L_s: float | None = None
    mu: float | None = None
    pl: float | None = None
    lowest: float | None = None
    minimiser: np.ndarray | None = field(default=None, repr=False)
    radius: float = np.inf

    def __len__(self) -> int:
        return len(self.data)

    def oracle(self, seed: int = 0, w=None) -> Oracle:
        """An Oracle over all examples at w (d,), or at the start: what `train` and every method take."""
        return Oracle(self.network, self.data, (self.start if w is None else self._place(w)).copy(), seed=seed)

    def loss(self, w) -> float:
        """L(w)."""
        return float(self.network.losses(self._place(w), self.data.x, self.data.y).mean())

    def gradient(self, w) -> np.ndarray:
        """(d,) grad L(w)."""
        return self.network.gradient(self._place(w), self.data.x, self.data.y)

    def gradients(self, w) -> np.ndarray:
        """(n, d) the gradient of every example's loss."""
        return self.network.per_example_gradients(self._place(w), self.data.x, self.data.y)

    def hessian(self, w) -> np.ndarray:
        """(d, d) the Hessian of L, by d products."""
        return self.network.hvp(self._place(w), self.data.x, self.data.y, np.eye(len(self.start)))

    def spread(self, w) -> float:
        """sigma^2(w) = (1/n) sum_i |g_i - grad L|^2: the variance of one random example's gradient."""
        G = self.gradients(w)
        return float(((G - G.mean(0)) ** 2).sum(1).mean())

    def gap(self, w) -> float:
        """L(w) - L*.  Raises ValueError where L* is not known."""
        if self.lowest is None:
            raise ValueError(f"the lowest value of {self.name} is not known, so L(w) - L* is not either")
        return self.loss(w) - self.lowest

    def _place(self, w) -> np.ndarray:
        w = dense("w", w).astype(np.float64)
        if w.shape != self.start.shape or not np.isfinite(w).all():
            raise ValueError(f"w must be finite and of shape {self.start.shape}, got shape {w.shape}")
        return w


def functions(f, gradient, hvp, start, n: int, *, name: str = "functions", L_s=None, mu=None, pl=None, lowest=None,
              minimiser=None, radius: float = np.inf) -> Problem:  # fmt: skip
    """The mean over i = 0..n-1 of a function f(w, i) of your own, w (d,): a Problem that every method trains on.

    gradient(w, i) -> (d,), hvp(w, i, v) -> (d,) the Hessian of f times v; start: w_0 (d,), which sets d. The rest is
    what you know of the mean (see Problem).
    Raises ValueError, naming what disagrees, unless differences of f give gradient and those of gradient give hvp.
    """
    start, n = checked_start(start, n)
    check_derivatives(f, gradient, hvp, n, start)
    for label, value in (("L_s", L_s), ("mu", mu), ("pl", pl), ("radius", None if radius == np.inf else radius)):
        if value is not None:
            number(label, value, "(0, inf)")
    if lowest is not None:
        number("lowest", lowest)
    network = Network([Parameters(start)], Functions(f, gradient, hvp, name))
    data = Dataset(np.zeros((n, 1)), np.arange(float(n)), name)
    pl = mu if pl is None else pl
    minimiser = None if minimiser is None else np.asarray(minimiser, dtype=np.float64)
    return Problem(name, network, data, start, L_s, mu, pl, lowest, minimiser, radius)


def _noise(n: int, d: int, size: float, seed: int) -> np.ndarray:
    """(n, d) vectors e_i of sum 0 and mean square size^2: f_i + e_i . w has sigma^2 = size^2 everywhere."""
    e = stream(whole("seed", seed), "problems", "noise").standard_normal((whole("n", n, 1), d))
    e -= e.mean(0)
    if n == 1 or number("noise", size, "[0, inf)") == 0:
        return np.zeros((n, d))
    return e * (size / np.sqrt((e**2).sum(1).mean()))


# ---- convex


def quadratic(spectrum, n: int = 16, noise: float = 1.0, *, lowest: float = 1.0, rotated: bool = True,
              distance: float = 3.0, seed: int = 0) -> Problem:  # fmt: skip
    """f_i = lowest + w'Hw/2 + e_i . w, H of eigenvalues `spectrum` (d,), sum e_i = 0: sigma^2 = noise^2 everywhere.

    The spectrum may hold zeros (then pl is the least positive one, and there is no mu) and negative numbers (then there
    is no minimum). rotated: the eigenvectors are random, else the axes.  distance: |w_0|.
    """
    spectrum = np.atleast_1d(dense("spectrum", spectrum)).astype(np.float64)
    if spectrum.ndim != 1 or not spectrum.size or not np.isfinite(spectrum).all() or not spectrum.any():
        raise ValueError(f"spectrum must be finite eigenvalues, not all 0, got {spectrum}")
    d, rng = len(spectrum), stream(whole("seed", seed), "problems", "quadratic")
    Q = np.linalg.qr(rng.standard_normal((d, d)))[0] if rotated else np.eye(d)
    H, e, start = (Q * spectrum) @ Q.T, _noise(n, d, noise, seed), rng.standard_normal(d)
    least, convex = spectrum.min(), spectrum.min() >= 0
    return functions(
        lambda w, i: lowest + w @ H @ w / 2 + e[i] @ w, lambda w, i: H @ w + e[i], lambda w, i, v: H @ v,
        number("distance", distance, "(0, inf)") * start / np.linalg.norm(start), n, name="quadratic",
        L_s=float(np.abs(spectrum).max()), mu=float(least) if least > 0 else None,
        pl=float(spectrum[spectrum > 0].min()) if convex else None, lowest=lowest if convex else None,
        minimiser=np.zeros(d) if convex else None,
    )  # fmt: skip


def ridge(n: int = 16, d: int = 2, l2: float = 0.1, *, noise: float = 0.5, distance: float = 3.0,
          seed: int = 0) -> Problem:  # fmt: skip
    """Least squares with (l2/2) |w|^2: (a_i . w - y_i)^2/2, a_i = (x_i, 1) with x_i (d,) normal; a network, w (d + 1,).

    y = (x, 1) . u + noise with u random; all constants are exact, by linear algebra. distance: |w_0 - w*|.
    """
    A, y, rng = _regression(n, d, noise, seed)
    H = A.T @ A / n + number("l2", l2, "[0, inf)") * np.eye(d + 1)
    best = np.linalg.lstsq(H, A.T @ y / n, rcond=None)[0]
    lowest = float(((A @ best - y) ** 2).mean() / 2 + l2 / 2 * best @ best)
    network = Network([Linear(d, 1)], SquaredError(l2))
    return _linear_model("ridge", network, A, y, np.linalg.eigvalsh(H)[[0, -1]], best, lowest, distance, rng)


def logistic(n: int = 16, d: int = 2, l2: float = 0.1, *, noise: float = 0.5, distance: float = 3.0,
             seed: int = 0) -> Problem:  # fmt: skip
    """Logistic regression with (l2/2) |w|^2, l2 > 0: the model of `ridge`, labels the signs of its y; w* by Newton.

    L_s = (largest eigenvalue of A'A/n) / 4 + l2, mu = l2.
    """
    A, score, rng = _regression(n, d, noise, seed)
    y, w = (score > 0).astype(np.float64), np.zeros(d + 1)
    number("l2", l2, "(0, inf)")
    for _ in range(100):  # Newton on a strictly convex function of few parameters
        p = (1 + np.tanh(A @ w / 2)) / 2
        step = np.linalg.solve((A.T * (p * (1 - p))) @ A / n + l2 * np.eye(d + 1), A.T @ (p - y) / n + l2 * w)
        w = w - step
        if np.abs(step).max() < 1e-14:
            break
    lowest = float((np.logaddexp(0, A @ w) - y * (A @ w)).mean() + l2 / 2 * w @ w)
    constants = l2, np.linalg.eigvalsh(A.T @ A / n)[-1] / 4 + l2
    network = Network([Linear(d, 1)], LogisticLoss(l2))
    return _linear_model("logistic", network, A, y.astype(np.int64), constants, w, lowest, distance, rng, ("0", "1"))


def _regression(n: int, d: int, noise: float, seed: int):
    """A (n, d + 1) inputs with a last column of ones, y (n,) noisy values of a random linear function, and the rng."""
    n, d, rng = whole("n", n, 2), whole("d", d, 1), stream(whole("seed", seed), "problems", "regression")
    A = np.column_stack([rng.standard_normal((n, d)), np.ones(n)])
    return A, A @ rng.standard_normal(d + 1) + number("noise", noise, "[0, inf)") * rng.standard_normal(n), rng


def _linear_model(name, network, A, y, constants, best, lowest, distance, rng, classes=()) -> Problem:
    """The Problem of a linear network, started at `distance` from its minimiser in a random direction."""
    mu, L_s = map(float, constants)
    u = rng.standard_normal(len(best))
    start = best + number("distance", distance, "(0, inf)") * u / np.linalg.norm(u)
    mu_or_none = mu if mu > 1e-12 * L_s else None
    data = Dataset(A[:, :-1], y, name, classes)
    return Problem(name, network, data, start, L_s, mu_or_none, mu_or_none, lowest, best)


# ---- not convex


def pl_sine(n: int = 16, noise: float = 1.0, *, start: float = 3.0, seed: int = 0) -> Problem:
    """f_i = w^2 + 3 sin^2 w + e_i w in one dimension: not convex, and yet PL with constant 0.175; L_s = 8, L* = 0 at 0.

    The example of Karimi, Nutini, Schmidt (ECML 2016), who prove the constant 1/32. 0.1755 is the least of
    |L'|^2 / (2 L) over a fine grid of |w| <= 4; beyond, the ratio is at least (2 |w| - 3)^2 / (2 (w^2 + 3)) > 0.6.

    >>> round(pl_sine(noise=0.0).gap(np.array([1.0])), 3)  # 1 + 3 sin^2 1
    3.124
    """
    e = _noise(n, 1, noise, seed)
    return functions(
        lambda w, i: float(w[0] ** 2 + 3 * np.sin(w[0]) ** 2 + e[i] @ w),
        lambda w, i: 2 * w + 3 * np.sin(2 * w) + e[i], lambda w, i, v: (2 + 6 * np.cos(2 * w)) * v,
        [start], n, name="pl_sine", L_s=8.0, pl=0.175, lowest=0.0, minimiser=[0.0],
    )  # fmt: skip


def double_well(n: int = 16, noise: float = 0.1, *, start: float = 0.1, radius: float = 1.5, seed: int = 0) -> Problem:
    """f_i = (w^2 - 1)^2/4 + e_i w in one dimension: minima at -1 and 1, a maximum at 0 where the Hessian is -1.

    L_s = max(1, 3 radius^2 - 1) where |w| <= radius; L* = 0. No PL constant: the gradient is 0 at the maximum.
    """
    e, L_s = _noise(n, 1, noise, seed), max(1.0, 3 * number("radius", radius, "(0, inf)") ** 2 - 1)
    return functions(
        lambda w, i: float((w[0] ** 2 - 1) ** 2 / 4 + e[i] @ w), lambda w, i: w**3 - w + e[i],
        lambda w, i, v: (3 * w**2 - 1) * v, [start], n, name="double_well", L_s=L_s, lowest=0.0, minimiser=[1.0],
        radius=radius,
    )  # fmt: skip


def rosenbrock(b: float = 10.0, *, start=(-1.0, 1.0), radius: float = 2.0) -> Problem:
    """Rosenbrock's valley (1 - x)^2 + b (y - x^2)^2, the mean of two examples 2 (1 - x)^2 and 2 b (y - x^2)^2.

    L* = 0 at (1, 1); L_s, where |w| <= radius = R, is the larger row sum of |H|: at most 12 b R^2 + 8 b R + 2, or
    4 b R + 2 b.
    """
    b, R = number("b", b, "(0, inf)"), number("radius", radius, "(0, inf)")

    def f(w, i):
        return 2 * b * (w[1] - w[0] ** 2) ** 2 if i else 2 * (1 - w[0]) ** 2

    def gradient(w, i):
        away = w[1] - w[0] ** 2
        return 4 * b * away * np.array([-2 * w[0], 1.0]) if i else np.array([4 * (w[0] - 1), 0.0])

    def hvp(w, i, v):
        if not i:
            return np.array([4 * v[0], 0.0])
        across = -2 * w[0] * v[0] + v[1]
        return 4 * b * np.array([-2 * w[0] * across - 2 * (w[1] - w[0] ** 2) * v[0], across])

    L_s = max(12 * b * R**2 + 8 * b * R + 2, 4 * b * R + 2 * b)
    return functions(f, gradient, hvp, start, 2, name="rosenbrock", L_s=L_s, lowest=0.0, minimiser=[1.0, 1.0], radius=R)


def matrix_factorisation(rows: int = 4, columns: int = 3, rank: int = 1, *, radius: float = 4.0,
                         seed: int = 0) -> Problem:  # fmt: skip
    """f_ab = (u_a . v_b - M_ab)^2/2 over the entries of a random M (rows, columns); w = (U, V), of `rank` columns each.

    L* and w* by the singular values beyond `rank` (Eckart, Young 1936). L_s = 3 radius^2/2 + max |M| where |w| <=
    radius: |H_ab| <= |u_a|^2 + |v_b|^2 + |u_a . v_b - M_ab|. Not convex; saddles, but no other minima.
    """
    rows, columns = whole("rows", rows, 1), whole("columns", columns, 1)
    rank, rng = whole("rank", rank, 1, min(rows, columns)), stream(whole("seed", seed), "problems", "factors")
    M, entries = rng.standard_normal((rows, columns)), list(itertools.product(range(rows), range(columns)))
    left, values, right = np.linalg.svd(M, full_matrices=False)
    roots = np.sqrt(values[:rank])
    best = np.concatenate([(left[:, :rank] * roots).ravel(), (right[:rank].T * roots).ravel()])

    def places(w, i):  # the factors, as views on w, and the entry (a, b)
        return w[: rows * rank].reshape(rows, rank), w[rows * rank :].reshape(columns, rank), *entries[i]

    def f(w, i):
        U, V, a, b = places(w, i)
        return (U[a] @ V[b] - M[a, b]) ** 2 / 2

    def gradient(w, i):
        (U, V, a, b), g = places(w, i), np.zeros(len(w))
        gU, gV, *_ = places(g, i)
        gU[a], gV[b] = (U[a] @ V[b] - M[a, b]) * V[b], (U[a] @ V[b] - M[a, b]) * U[a]
        return g

    def hvp(w, i, v):
        (U, V, a, b), (RU, RV, *_), h = places(w, i), places(v, i), np.zeros(len(w))
        hU, hV, *_ = places(h, i)
        miss, turn = U[a] @ V[b] - M[a, b], RU[a] @ V[b] + U[a] @ RV[b]
        hU[a], hV[b] = turn * V[b] + miss * RV[b], turn * U[a] + miss * RU[a]
        return h

    return functions(
        f, gradient, hvp, 0.5 * rng.standard_normal(len(best)), rows * columns, name="matrix_factorisation",
        L_s=1.5 * number("radius", radius, "(0, inf)") ** 2 + float(np.abs(M).max()), radius=radius,
        lowest=float((values[rank:] ** 2).sum() / (2 * M.size)), minimiser=best,
    )  # fmt: skip
