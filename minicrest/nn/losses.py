"""Losses: from logits z and targets y to a number per example, its gradient and its Hessian in z.

Each offers, for z (n, C):
    losses(z, y)            (n,)       l_n
    gradient(z, y)          (n, C)     dl/dz; p - y for both logistic losses
    hessian(z, y, u)        (n, C)     (d2l/dz2) u
    curvature_root(z, y)    (n, C, C') S with S S' = d2l/dz2, column by column
    predict(z)              (n,)       the prediction
`l2` adds (l2/2) |theta|^2 to the loss of EVERY example; the network takes care of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from minicrest.backend import array_module


@dataclass(frozen=True)
class SoftmaxCrossEntropy:
    """l = log sum_k e^{z_k} - z_y, y (n,) classes 0..C-1.   Gradient p - y; Hessian diag p - p p' (p = softmax z)."""

    l2: float = 0.0

    def losses(self, z, y):
        xp = array_module(z)
        z = z - z.max(1, keepdims=True)  # the loss does not change, and no exponential overflows
        return xp.log(xp.exp(z).sum(1)) - xp.take_along_axis(z, y[:, None], axis=1)[:, 0]

    def gradient(self, z, y):
        a = _softmax(z)
        a[array_module(z).arange(len(z)), y] -= 1
        return a

    def hessian(self, z, y, u):
        p = _softmax(z)
        return p * (u - (p * u).sum(1, keepdims=True))

    def curvature_root(self, z, y):
        """Column c is sqrt(p_c) (e_c - p)."""
        xp, p = array_module(z), _softmax(z)
        eye = xp.eye(z.shape[1], dtype=z.dtype)
        return (eye[None] - p[:, :, None]) * xp.sqrt(p)[:, None, :]

    def predict(self, z):
        return z.argmax(1)


@dataclass(frozen=True)
class LogisticLoss:
    """l = log(1 + e^z) - y z, z (n, 1), y (n,) in {0, 1}.   Gradient p - y; Hessian p (1 - p) (p = 1/(1 + e^-z))."""

    l2: float = 0.0

    def losses(self, z, y):
        xp = array_module(z)
        return xp.logaddexp(0, z[:, 0]) - y.astype(z.dtype) * z[:, 0]

    def gradient(self, z, y):
        return _sigmoid(z) - y[:, None].astype(z.dtype)

    def hessian(self, z, y, u):
        p = _sigmoid(z)
        return p * (1 - p) * u

    def curvature_root(self, z, y):
        p = _sigmoid(z)
        return array_module(z).sqrt(p * (1 - p))[:, :, None]

    def predict(self, z):
        return (z[:, 0] > 0).astype("int64")


@dataclass(frozen=True)
class SquaredError:
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
        eye = xp.eye(z.shape[1], dtype=z.dtype)
        return xp.repeat(eye[None], len(z), axis=0)

    def predict(self, z):
        return z.argmax(1) if z.shape[1] > 1 else z[:, 0]

    def _target(self, z, y):
        if y.ndim == 1 and z.shape[1] > 1:
            return (y[:, None] == array_module(z).arange(z.shape[1])).astype(z.dtype)
        return y.reshape(z.shape).astype(z.dtype)


def _softmax(z):
    e = array_module(z).exp(z - z.max(1, keepdims=True))
    e /= e.sum(1, keepdims=True)
    return e


def _sigmoid(z):
    """1/(1 + e^-z) without overflow: (1 + tanh(z/2)) / 2."""
    return (1 + array_module(z).tanh(z / 2)) / 2
