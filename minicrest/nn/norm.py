"""Batch normalisation in its two modes: the only layer in which the examples of a batch influence each other."""

from dataclasses import dataclass

import numpy as np

from minicrest.arguments import number
from minicrest.backend import array_module
from minicrest.nn.layer import Layer
from minicrest.nn.rows import as_rows, channel_sums, from_rows, take, wide
from minicrest.threads import by_pieces


@dataclass(frozen=True)
class BatchNorm2d(Layer):
    """y = gamma xh + beta, xh = s (x - mu), s = 1/sqrt(var + eps), one gamma and beta a channel (Ioffe, Szegedy 2015).

    Training mode (`stats` is None): mu and var are those of the batch, and depend on x. With <.> the mean over the
    batch, u = dy - <dy> - xh <dy xh> and Rxh = s (Rx - <Rx> - xh <xh Rx>):
        dgamma = sum dy xh     dbeta = sum dy     dx = gamma s u
        Ry  = Rgamma xh + gamma Rxh + Rbeta     Rs = -s^2 <xh Rx>
        Rdx = (Rgamma s + gamma Rs) u + gamma s (Rdy - <Rdy> - Rxh <dy xh> - xh <Rdy xh + dy Rxh>)
    Evaluation mode: mu and var come from `stats` = (running mean, running variance), flat, and are constants:
        dx = gamma s dy,  Rxh = s Rx,  Rdx = s (Rgamma dy + gamma Rdy).
    Inputs are (n, c) or (n, c, h, w), in training mode with two values a channel at least: of one, xh would be 0.
    The code works on their rows and repeats every vector along them (see rows.py).
    """

    channels: int
    eps: float = 1e-5
    piecewise_linear = True  # in evaluation mode; `per_example` refuses training mode

    def __post_init__(self):
        self._positive("channels")
        number("eps of BatchNorm2d", self.eps, "[0, inf)")

    @property
    def size(self) -> int:  # type: ignore[override]
        """Of gamma and beta."""
        return 2 * self.channels

    statistics = size  # running mean and running variance

    def initialize(self, rng) -> np.ndarray:
        return np.repeat([1.0, 0.0], self.channels)

    def split(self, w):
        """The flat view `w` as (gamma, beta), or statistics as (mean, variance), (c,) each."""
        return w[: self.channels], w[self.channels :]

    def _wide(self, w, rows):
        """`split`, each as long as a row."""
        return (wide(v, rows) for v in self.split(w))

    def _mean(self, rows, factor=None):
        """The mean of each channel of `rows`, or of rows * factor, as long as a row."""
        return wide(channel_sums(rows, self.channels, factor) / (rows.size // self.channels), rows)

    def forward(self, w, x, stats=None):
        if x.ndim not in (2, 4) or x.shape[1] != self.channels:
            raise ValueError(f"{self} needs x of shape (n, {self.channels}), perhaps with (h, w) more, got {x.shape}")
        if stats is None and x.size // self.channels < 2:
            raise ValueError(f"{self} in training mode needs at least two values a channel, got x of shape {x.shape}")
        xp, rows = array_module(x), as_rows(x)
        gamma, beta = self._wide(w, rows)
        xh, y = xp.empty_like(rows), xp.empty_like(rows)
        mu, var = (self._mean(rows), None) if stats is None else self._wide(stats, rows)
        by_pieces(lambda rows, xh: xp.subtract(rows, mu, out=xh), rows, xh)
        var = self._mean(xh, xh) if var is None else var
        s = 1 / xp.sqrt(var + self.eps)

        def scale(xh, y):
            xh *= s
            xp.multiply(gamma, xh, out=y)
            y += beta

        by_pieces(scale, xh, y)
        return from_rows(y, x.shape), (from_rows(xh, x.shape), s, None if stats is not None else (mu, var))

    def batch_statistics(self, cache):
        """(2 c,) mean and unbiased variance of the batch in training mode, for the running average."""
        (xh, _, (mu, var)), c = cache, self.channels
        m = xh.size // c
        found = array_module(mu).empty(2 * c, dtype=mu.dtype)
        found[:c], found[c:] = mu[:c], var[:c] * (m / (m - 1))
        return found

    def backward(self, w, cache, dy, dw=None, need_dx=True):
        (xh, s, batch), c = cache, self.channels
        xp, rows, xh = array_module(dy), as_rows(dy), as_rows(xh)
        gamma, _ = self._wide(w, rows)
        mean_dy, mean_dy_xh = self._mean(rows), self._mean(rows, xh)
        if dw is not None:
            dw[:c], dw[c:] = rows.size // c * mean_dy_xh[:c], rows.size // c * mean_dy[:c]
        if batch is None:
            return from_rows(gamma * s * rows, dy.shape)

        def slope(rows, xh, dx):  # gamma s (dy - (<dy> + xh <dy xh>))
            xp.multiply(xh, mean_dy_xh, out=dx)
            dx += mean_dy
            xp.subtract(rows, dx, out=dx)
            dx *= gamma * s

        by_pieces(slope, rows, xh, dx := xp.empty_like(rows))
        return from_rows(dx, dy.shape)

    def tangent(self, w, cache, Rw, Rx):
        if Rx is None:  # the input does not move, so neither do its statistics
            raise ValueError("BatchNorm2d cannot be the first layer: put a Conv2d or Linear layer before it")
        xh, s, batch = cache
        rows, xh = as_rows(Rx), as_rows(xh)
        (gamma, _), (Rgamma, Rbeta) = self._wide(w, rows), self._wide(Rw, rows)
        Rxh, Rs = s * rows, 0
        if batch is not None:
            q = self._mean(xh, rows)
            Rxh, Rs = s * (rows - self._mean(rows) - xh * q), -s * s * q
        return from_rows(Rgamma * xh + gamma * Rxh + Rbeta, Rx.shape), (Rxh, Rs)

    def backward_tangent(self, w, cache, dy, Rw, Rcache, Rdy, Rdw, need_dx=True):
        (xh, s, batch), (Rxh, Rs), c = cache, Rcache, self.channels
        rows, Rrows, xh = as_rows(dy), as_rows(Rdy), as_rows(xh)
        (gamma, _), (Rgamma, _) = self._wide(w, rows), self._wide(Rw, rows)
        mean_Rdy, mean_R_dy_xh = self._mean(Rrows), self._mean(Rrows, xh) + self._mean(rows, Rxh)
        Rdw[:c], Rdw[c:] = rows.size // c * mean_R_dy_xh[:c], rows.size // c * mean_Rdy[:c]
        if batch is None:
            return from_rows(s * (Rgamma * rows + gamma * Rrows), dy.shape)
        mean_dy_xh = self._mean(rows, xh)
        u = rows - self._mean(rows) - xh * mean_dy_xh
        Ru = Rrows - mean_Rdy - Rxh * mean_dy_xh - xh * mean_R_dy_xh
        return from_rows((Rgamma * s + gamma * Rs) * u + gamma * s * Ru, dy.shape)

    def per_example(self, cache, dy):
        """(n, 2 c), in evaluation mode: sums over the places of each image.  Raises ValueError in training mode."""
        xh, _, _ = self.cut(cache, slice(None))
        rows = as_rows(dy)
        sums = [a.reshape(len(dy), -1, self.channels).sum(1) for a in (rows * as_rows(xh), rows)]
        return array_module(xh).concatenate(sums, axis=1)

    def cut(self, cache, rows):
        xh, s, batch = cache
        if batch is not None:
            raise ValueError("per-example quantities have no meaning through batch-norm in training mode, where every "
                             "example moves the statistics of all; pass stats= (the running statistics) to use "
                             "evaluation mode")  # fmt: skip
        return take(xh, rows), s, None
