"""Losses: from logits z and targets y to a number per example, its gradient and its Hessian in z."""

from dataclasses import dataclass

import numpy as np

from minicrest.arguments import dense, number, shown
from minicrest.backend import array_module
from minicrest.nn.layer import missing


class Loss:
    """The contract of a loss: inherit this and write the methods, each for logits z (n, C) and targets y (n, ...).
    The network adds (l2/2) |theta|^2, `l2` >= 0, to the loss of EVERY example.
    """

    l2: float = 0.0
    weighs = False  # True: the gradient is p - y times a weight of the example's own

    def __init_subclass__(cls):  # where losses or gradient are written anew, `both` asks them
        if not {"losses", "gradient"}.isdisjoint(vars(cls)) and "both" not in vars(cls):
            cls.both = Loss.both  # type: ignore[method-assign]

    def __post_init__(self):
        number(f"l2 of {type(self).__name__}", self.l2, "[0, inf)")

    def losses(self, z, y):
        """(n,) l_n.  Raises ValueError or TypeError where y or the shape of z does not fit, as `gradient` does."""
        raise missing(self, "losses(z, y)")

    def gradient(self, z, y):
        """(n, C) dl/dz."""
        raise missing(self, "gradient(z, y)")

    def both(self, z, y):
        """(n,) and (n, C): `losses` and `gradient`, which a loss may compute together."""
        return self.losses(z, y), self.gradient(z, y)

    def hessian(self, z, y, u):
        """(n, C) the product (d2l/dz2) u for directions u (n, C)."""
        raise missing(self, "hessian(z, y, u)")

    def curvature_root(self, z, y):
        """(n, C, columns) S with S S' = d2l/dz2.  ValueError, as here, if it may be indefinite: then S is not real."""
        text = "has no curvature_root (an indefinite Hessian has none); use hutchinson_diagonal"
        raise ValueError(f"{type(self).__name__} {text}")

    def reported(self, losses, z, y):
        """(n,) what evaluations show for z and y, given their `losses` (n,) with the l2 term: here `losses` itself."""
        return losses

    def predict(self, z):
        """(n,) the prediction: here the class of the largest logit."""
        return _logits(z).argmax(1)


@dataclass(frozen=True)
class SoftmaxCrossEntropy(Loss):
    """l = log sum_k e^{z_k} - z_y, y (n,) classes 0..C-1.   Gradient p - y; Hessian diag p - p p' (p = softmax z)."""

    l2: float = 0.0

    def losses(self, z, y):
        return SoftmaxCrossEntropy.both(self, z, y)[0]

    def gradient(self, z, y):
        return SoftmaxCrossEntropy.both(self, z, y)[1]

    def both(self, z, y):
        xp, y = array_module(z), _classes(z, y)
        places, z = (xp.arange(len(z)), y), z - z.max(1, keepdims=True)  # no exponential overflows
        p = xp.exp(z)
        total = p.sum(1, keepdims=True)
        p /= total
        p[places] -= 1
        return xp.log(total[:, 0]) - z[places], p

    def hessian(self, z, y, u):
        p = _softmax(z)
        return p * (u - (p * u).sum(1, keepdims=True))

    def curvature_root(self, z, y):
        """Column c is sqrt(p_c) (e_c - p)."""
        xp, p = array_module(z), _softmax(z)
        return (xp.eye(z.shape[1], dtype=z.dtype) - p[:, :, None]) * xp.sqrt(p)[:, None, :]


@dataclass(frozen=True)
class GeneralizedCrossEntropy(Loss):
    """l = (1 - p_y^q) / q, y (n,) classes, p = softmax z, 0 < q <= 1: cross-entropy as q -> 0, and 1 - p_y at q = 1.

    Gradient w (p - y), w = p_y^q: a label that the network gives little probability may be wrong, and pulls little. The
    Hessian, w (diag p - p p') - q w (p - y) (p - y)', may be indefinite. Evaluations report the cross-entropy.
    Source: Zhang, Sabuncu, NeurIPS 2018, arXiv 1805.07836; from memory, equation 6 with q = 0.7 in its experiments.
    """

    q: float = 0.7
    l2: float = 0.0
    weighs = True

    def __post_init__(self):
        super().__post_init__()
        number("q of GeneralizedCrossEntropy", self.q, "(0, 1]")

    def losses(self, z, y):
        return self.both(z, y)[0]

    def gradient(self, z, y):
        return self.both(z, y)[1]

    def both(self, z, y):
        xp, (logs, a) = array_module(z), SoftmaxCrossEntropy().both(z, y)
        return -xp.expm1(-self.q * logs) / self.q, xp.exp(-self.q * logs)[:, None] * a

    def hessian(self, z, y, u):
        logs, a = SoftmaxCrossEntropy().both(z, y)
        w = array_module(z).exp(-self.q * logs)[:, None]
        return w * (SoftmaxCrossEntropy().hessian(z, y, u) - self.q * a * (a * u).sum(1, keepdims=True))

    def reported(self, losses, z, y):
        return losses - self.losses(z, y) + SoftmaxCrossEntropy().losses(z, y)


@dataclass(frozen=True)
class LogisticLoss(Loss):
    """l = log(1 + e^z) - y z, z (n, 1), y (n,) in {0, 1}.   Gradient p - y; Hessian p (1 - p) (p = 1/(1 + e^-z))."""

    l2: float = 0.0

    def losses(self, z, y):
        return array_module(z).logaddexp(0, z[:, 0]) - self._labels(z, y) * z[:, 0]

    def gradient(self, z, y):
        return _sigmoid(z) - self._labels(z, y)[:, None]

    def hessian(self, z, y, u):
        return (p := _sigmoid(z)) * (1 - p) * u

    def curvature_root(self, z, y):
        return array_module(z).sqrt((p := _sigmoid(z)) * (1 - p))[:, :, None]

    def predict(self, z):
        return (_logits(z)[:, 0] > 0).astype("int64")

    def _labels(self, z, y):
        y = _targets(z, y)
        if z.shape[1] != 1 or y.ndim != 1:
            raise ValueError(f"LogisticLoss takes z (n, 1) and y (n,), got {z.shape} and {y.shape}")
        if array_module(y) is np and not ((y == 0) | (y == 1)).all():
            raise ValueError(f"labels for LogisticLoss must be 0 or 1, got values from {y.min()} to {y.max()}")
        return y.astype(z.dtype)


@dataclass(frozen=True)
class SquaredError(Loss):
    """l = |z - t|^2 / 2, with t = y (n, C) or (n,) real targets, or the one-hot rows of integer classes y (n,).

    Gradient z - t; Hessian the identity. predict gives classes where C > 1 and the value z where C = 1.
    """

    l2: float = 0.0

    def losses(self, z, y):
        return ((z - self._target(z, y)) ** 2).sum(1) / 2

    def gradient(self, z, y):
        return z - self._target(z, y)

    def hessian(self, z, y, u):
        return u

    def curvature_root(self, z, y):
        xp = array_module(z)
        return xp.repeat(xp.eye(z.shape[1], dtype=z.dtype)[None], len(z), axis=0)

    def predict(self, z):
        return _logits(z).argmax(1) if z.shape[1] > 1 else z[:, 0]

    def _target(self, z, y):
        """(n, C) t in the type of z."""
        y = _targets(z, y)
        if y.ndim == 1 and z.shape[1] > 1:
            return (_classes(z, y)[:, None] == array_module(z).arange(z.shape[1])).astype(z.dtype)
        if y.size != z.size:
            raise ValueError(f"targets y must have shape {z.shape}, as the logits have, got {y.shape}")
        return y.reshape(z.shape).astype(z.dtype)


def _logits(z):
    if getattr(z, "ndim", 0) != 2:
        raise ValueError(f"logits z must be an array of shape (n, C), got {getattr(z, 'shape', shown(z))}")
    return z


def _targets(z, y):
    """y as an array with one entry or row for each row of z."""
    y = dense("y", y)
    if y.shape[:1] != _logits(z).shape[:1]:
        raise ValueError(f"y must have a target for each of the {len(z)} rows of logits, got shape {y.shape}")
    return y


def _classes(z, y):
    """y (n,) as class labels. Values are checked on the host only: the host would have to wait for a device."""
    y, classes = _targets(z, y), z.shape[1]
    if y.dtype.kind not in "iu":
        raise TypeError(f"class labels y must be whole numbers, got {y.dtype}; for real targets take SquaredError()")
    if y.ndim != 1:
        raise ValueError(f"class labels y must have shape ({len(z)},), got {y.shape}")
    if array_module(y) is np and y.size and y.astype("uint64").max() >= classes:  # negative ones become huge
        raise ValueError(f"{classes} logits allow labels in 0..{classes - 1}, got labels from {y.min()} to {y.max()}")
    return y


def _softmax(z):
    e = array_module(z).exp(_logits(z) - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def _sigmoid(z):
    """1/(1 + e^-z) without overflow."""
    return (1 + array_module(z).tanh(_logits(z) / 2)) / 2
