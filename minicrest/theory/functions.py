"""A loss that is a plain function of the parameters: one function an example, with derivatives checked when made.

The mean over n examples of f(w, i) is trained like any network: the network's only layer hands w (d,) to every
example, and its loss is f. So the "logit gradients" of example i, the features that coresets are chosen by, are its
whole gradient. Hessians may be indefinite; what then has no meaning (an exact diagonal by roots) raises ValueError.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from minicrest.arguments import dense, whole
from minicrest.backend import array_module
from minicrest.nn.layer import Layer
from minicrest.nn.losses import Loss
from minicrest.random import stream

STEP, CLOSE = 1e-5, 1e-5  # of the differences; and by how much, relatively, derivatives may be off
ROUNDING = 1e-9  # an eigenvalue above minus this, relative to the largest, counts as 0


class Parameters(Layer):
    """The layer y_n = w: every example gets the d parameters themselves."""

    piecewise_linear = True

    def __init__(self, start):
        self.start = start
        self.size = self.outputs = len(start)

    def __repr__(self):
        return f"Parameters(d={self.size})"

    def initialize(self, rng):
        """(d,) the start, moved by standard normal numbers: for forks, which must differ."""
        return self.start + rng.standard_normal(self.size)

    def forward(self, w, x, stats=None):
        return array_module(w).broadcast_to(w, (len(x), self.size)), None

    def backward(self, w, cache, dy, dw=None, need_dx=True):
        if dw is not None:
            dw[...] = dy.sum(0)

    def tangent(self, w, cache, Rw, Rx):
        return array_module(w).broadcast_to(Rw, (1, self.size)), None

    def backward_tangent(self, w, cache, dy, Rw, Rcache, Rdy, Rdw, need_dx=True):
        Rdw[...] = Rdy.sum(0)

    def per_example(self, cache, dy):
        return dy


@dataclass(frozen=True)
class Functions(Loss):
    """l_n = f(z_n, i), z_n (d,) the parameters and i = y_n the number of the example; see `functions`."""

    f: Callable
    slope: Callable
    product: Callable
    name: str = "functions"
    l2: float = 0.0

    def __repr__(self):
        return f"Functions({self.name!r})"

    def losses(self, z, y):
        return self._each(self.f, z, y)

    def gradient(self, z, y):
        return self._each(self.slope, z, y)

    def hessian(self, z, y, u):
        return self._each(self.product, z, y, np.broadcast_to(u, z.shape))

    def _each(self, function, z, y, *rows):
        """`function` of every row; what overflows becomes infinite without a word, as in any training that diverges."""
        with np.errstate(over="ignore", invalid="ignore"):
            return np.array([function(w, int(i), *row) for w, i, *row in zip(z, y, *rows)], dtype=z.dtype)

    def curvature_root(self, z, y):
        """(n, d, d) symmetric roots.  Raises ValueError for a Hessian with a negative eigenvalue, which has none."""
        columns = [self.hessian(z, y, e) for e in np.eye(z.shape[1])]
        values, vectors = np.linalg.eigh(np.stack(columns, axis=2))  # (n, d), (n, d, d)
        if (values.min(1) < -ROUNDING * np.abs(values).max(1)).any():
            i = int(y[values.min(1).argmin()])
            raise ValueError(f"the Hessian of example {i} of {self.name} has the negative eigenvalue {values.min():g}, "
                             "so no root gives its diagonal; use Hutchinson's estimate instead")  # fmt: skip
        return vectors * np.sqrt(np.maximum(values, 0))[:, None, :]

    def predict(self, z):
        """Raises ValueError: a plain function predicts nothing, so there is no accuracy."""
        raise ValueError(f"{self.name} is a plain function of the parameters: it has no predictions and no accuracy")


def check_derivatives(f, gradient, hvp, n: int, start) -> None:
    """Raise ValueError unless gradient and hvp are the derivatives of f and of gradient, by differences in float64.

    f(w, i) -> number, gradient(w, i) -> (d,), hvp(w, i, v) -> (d,).  Each of at most 100 of the n examples is tried at
    the start (d,) and at a random place near it, along a random direction. The message names what disagrees, at which
    example and by how much. TypeError for what cannot be called.
    """
    for name, function in (("f", f), ("gradient", gradient), ("hvp", hvp)):
        if not callable(function):
            raise TypeError(f"{name} must be a function, got {function!r}")
    for i in np.linspace(0, n - 1, min(n, 100)).astype(int):
        rng = stream(int(i), "theory", "derivatives")
        for w in (start, start + rng.standard_normal(len(start))):
            v = rng.standard_normal(len(start)) / np.sqrt(len(start))
            _same("f", f(w, i), (), "a number", i)
            _same("gradient", gradient(w, i), w.shape, "as w", i)
            _same("hvp", hvp(w, i, v), w.shape, "as w", i)
            slope = (f(w + STEP * v, i) - f(w - STEP * v, i)) / (2 * STEP)
            _agree("gradient . v", gradient(w, i) @ v, "f", slope, i, abs(f(w, i)))
            turn = (np.asarray(gradient(w + STEP * v, i)) - gradient(w - STEP * v, i)) / (2 * STEP)
            worst, product = np.abs(hvp(w, i, v) - turn).argmax(), hvp(w, i, v)
            size = max(np.abs(gradient(w, i)).max(), np.abs(turn).max())
            _agree(f"hvp, entry {worst},", product[worst], "gradient", turn[worst], i, size)


def _same(name: str, value, shape, words: str, i: int) -> None:
    array = np.asarray(value)
    if array.shape != shape or array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        raise ValueError(f"{name} must give finite values of shape {shape} ({words}), got {value!r:.60} at example {i}")


def _agree(name: str, value, other: str, difference, i: int, size) -> None:
    if abs(value - difference) > CLOSE * (1 + abs(difference) + size):
        raise ValueError(f"{name} is {value:.6g} at example {i}, but differences of {other} give {difference:.6g}; "
                         f"{name.partition(' ')[0].strip(',')} and {other} disagree")  # fmt: skip


def checked_start(start, n) -> tuple[np.ndarray, int]:
    """(start (d,) as float64, n >= 1). Raises TypeError and ValueError."""
    w = dense("start", start).astype(np.float64)
    if w.ndim != 1 or not w.size or not np.isfinite(w).all():
        raise ValueError(f"start must be the parameters w_0, finite, of shape (d,), got shape {w.shape}")
    return w, whole("n", n, 1)
