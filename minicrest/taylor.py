"""Curvature and the quadratic model: Hutchinson's estimates, their moving averages, and how far the model holds.

This file knows arrays and callables, never networks: `hvp` is any function from (k, d) directions to (k, d) products.
"""

from dataclasses import dataclass
from typing import Any

from minicrest import arguments
from minicrest.backend import array_module, to_device


def rademacher(rng, shape, dtype="float64", device: str = "cpu"):
    """Probes: independent signs, +1 or -1 with probability 1/2 each, drawn on the host."""
    arguments.like("rng", rng, "a NumPy generator", "integers")
    sizes = [arguments.whole("each entry of the shape", size, 0) for size in arguments.listed("shape", shape)]
    arguments.one_of("dtype", str(dtype), ("float32", "float64"))
    return to_device((2 * rng.integers(0, 2, sizes) - 1).astype(dtype), device)


def hutchinson_trace(hvp, probes):
    """() mean over k probes z (k, d) of z . Hz: for signs unbiased for tr H, of variance 2 sum_{i != j} H_ij^2 / k."""
    return (probes * _products(hvp, probes)).sum(1).mean()


def hutchinson_diagonal(hvp, probes):
    """(d,) mean of z * Hz: for signs unbiased for diag H, of variance sum_{j != i} H_ij^2 / k at i (CREST eq. 6).

    >>> import numpy as np
    >>> hutchinson_diagonal(lambda z: z * [1.0, 3.0], np.array([[1.0, -1.0], [1.0, 1.0]]))
    array([1., 3.])
    """
    return array_module(probes).einsum("kd,kd->d", probes, _products(hvp, probes)) / len(probes)


def _products(hvp, probes):
    arguments.like("hvp", hvp, "a function from probes to products", "__call__")
    if not len(probes := arguments.shaped("probes", probes, None, None)):
        raise ValueError("there must be at least one of the probes, got none")
    return arguments.shaped("products of hvp with the probes", hvp(probes), *probes.shape)


@dataclass(frozen=True)
class MovingAverage:
    """Bias-corrected moving average: (1 - beta) sum_{s <= t} beta^(t-s) x_s / (1 - beta^t) (CREST eq. 8 and 9)."""

    beta: float
    total: Any = None  # (1 - beta) sum beta^(t-s) x_s
    count: int = 0  # t

    def __post_init__(self):
        arguments.number("beta", self.beta, "[0, 1)")
        arguments.whole("count", self.count, least=0)

    def update(self, x) -> "MovingAverage":
        """The average with x, of any shape that those before had; this one stays as it was."""
        x = arguments.dense("x", x) if self.total is None else arguments.shaped("x", x, *self.total.shape)
        total = (1 - self.beta) * x if self.total is None else self.beta * self.total + (1 - self.beta) * x
        return MovingAverage(self.beta, total, self.count + 1)

    @property
    def mean(self):
        """The corrected average. Raises ValueError before the first update."""
        if self.count == 0:
            raise ValueError("a moving average has no mean before its first update")
        return self.total / (1 - self.beta**self.count)


def root_mean_square(squares: MovingAverage):
    """sqrt of the average of squares (CREST eq. 9).

    Of one-probe Hutchinson estimates of a constant H it tends to the norm of row i, sqrt(sum_j H_ij^2), not to |H_ii|.
    """
    mean = arguments.like("squares", squares, "a MovingAverage", "mean", "beta").mean
    return array_module(mean).sqrt(mean)


@dataclass(frozen=True)
class Quadratic:
    """F(delta) = constant + gradient . delta + (1/2) delta . (curvature * delta), delta = w - w_l (CREST eq. 7).

    A diagonal curvature buys no order: except along an axis, the error is of order |delta|^2, as the linear model's is.
    Along paths of SGD it is somewhat smaller (the claims taylor.orders and taylor.path have the numbers).
    """

    constant: float
    gradient: Any  # (d,)
    curvature: Any = None  # (d,) a diagonal, or None for the first-order model

    def __post_init__(self):
        arguments.number("constant", self.constant)
        size = arguments.shaped("gradient", self.gradient, None).shape
        if self.curvature is not None:
            arguments.shaped("curvature", self.curvature, *size)

    def value(self, delta) -> float:
        """F at the displacement delta (d,)."""
        delta = arguments.shaped("delta", delta, *self.gradient.shape)
        slope = self.gradient if self.curvature is None else self.gradient + 0.5 * self.curvature * delta
        return self.constant + float((slope * delta).sum(dtype="float64"))

    def relative_error(self, delta, loss: float) -> float:
        """rho = |F(delta) - loss| / loss, delta (d,), loss measured at w_l + delta (CREST eq. 10); 0 / 0 is 0."""
        miss = abs(self.value(delta) - arguments.number("loss", loss))
        return miss / loss if loss > 0 else (0.0 if miss == 0 else float("inf"))
