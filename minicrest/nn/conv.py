"""Convolution and pooling: the layers that look at a neighbourhood.

Images are (n, c, h, w) to the eye, but these layers leave the channels last in memory: y is computed as (n, h, w, o)
and handed on as a transposed view, as PyTorch's channels_last does. Then a window's pixels lie together, and
convolution is one matrix product: `columns @ W`, a row of `columns` for every window (im2col).

Columns are k^2 times larger than the image, so they are made for a few images at a time: small enough to stay in the
processor's cache (NumPy), and all at once where launching is what costs (CuPy).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from minicrest.backend import array_module

CACHE_BYTES = 2_000_000  # of columns at a time on the host
DEVICE_BYTES = 1_000_000_000  # on a GPU


@dataclass(frozen=True)
class Conv2d:
    """y[n, o, p] = sum over the window at p of x * W[..., o], plus b[o].   W is (kernel, kernel, c, o), then b (o,).

    With X the matrix of windows ("columns"), one row for each n and place: Y = X W + b, so dW = X' dY, db = sum dY.
    dx is a correlation as well: of dy, spread out by the stride and padded, with W turned by half a circle.
    The tangents follow from the product rule, as for Linear.
    """

    inputs: int
    outputs: int
    kernel: int = 3
    stride: int = 1
    padding: int = 0
    bias: bool = True
    statistics = 0

    def __post_init__(self):
        if min(self.inputs, self.outputs, self.kernel, self.stride) < 1:
            raise ValueError(f"channels, kernel and stride must be at least 1, got {self}")
        if not 0 <= self.padding < self.kernel:
            raise ValueError(f"padding must be at least 0 and less than the kernel, got {self}")

    @property
    def size(self) -> int:
        return self.kernel**2 * self.inputs * self.outputs + self.bias * self.outputs

    def initialize(self, rng) -> np.ndarray:
        """He et al. (2015): W of variance 2/(kernel^2 c); b = 0."""
        fan_in = self.kernel**2 * self.inputs
        W = rng.standard_normal(fan_in * self.outputs) * np.sqrt(2 / fan_in)
        return np.concatenate([W, np.zeros(self.bias * self.outputs)])

    def split(self, w):
        """The flat view `w` as W (kernel^2 c, o) and b (o,) or None."""
        end = self.kernel**2 * self.inputs * self.outputs
        return w[:end].reshape(-1, self.outputs), w[end:] if self.bias else None

    def forward(self, w, x, stats=None):
        least = max(1, self.kernel - 2 * self.padding)
        if x.ndim != 4 or x.shape[1] != self.inputs or min(x.shape[2:]) < least:
            raise ValueError(f"{self} needs x of shape (n, {self.inputs}, h, w), sides at least {least}, got {x.shape}")
        W, b = self.split(w)
        x = _pad(x.transpose(0, 2, 3, 1), self.padding, self.padding)  # channels last
        y = _correlate(x, W, self.kernel, self.stride)
        if self.bias:
            y += b
        return y.transpose(0, 3, 1, 2), x

    def backward(self, w, x, dy, dw=None, need_dx=True):
        dy = dy.transpose(0, 2, 3, 1)
        if dw is not None:
            dW, db = self.split(dw)
            _window_products(x, dy, self.kernel, self.stride, dW)
            if self.bias:
                db[...] = dy.sum((0, 1, 2))
        return self._transposed(self.split(w)[0], x, dy) if need_dx else None

    def tangent(self, w, x, Rw, Rx):
        RW, Rb = self.split(Rw)
        Ry = _correlate(x, RW, self.kernel, self.stride)
        if self.bias:
            Ry += Rb
        if Rx is not None:
            Rx = _pad(Rx.transpose(0, 2, 3, 1), self.padding, self.padding)
            Ry += _correlate(Rx, self.split(w)[0], self.kernel, self.stride)
        return Ry.transpose(0, 3, 1, 2), Rx

    def backward_tangent(self, w, x, dy, Rw, Rx, Rdy, Rdw, need_dx=True):
        dy, Rdy = dy.transpose(0, 2, 3, 1), Rdy.transpose(0, 2, 3, 1)
        RdW, Rdb = self.split(Rdw)
        _window_products(x, Rdy, self.kernel, self.stride, RdW)
        if Rx is not None:
            more = array_module(x).empty_like(RdW)
            _window_products(Rx, dy, self.kernel, self.stride, more)
            RdW += more
        if self.bias:
            Rdb[...] = Rdy.sum((0, 1, 2))
        if not need_dx:
            return None
        return self._transposed(self.split(w)[0], x, Rdy) + self._transposed(self.split(Rw)[0], x, dy)

    def per_example(self, x, dy):
        """(n, size): X_n' dY_n and the sum of dY_n over the places."""
        xp, n, k, o = array_module(x), len(x), self.kernel, self.outputs
        dy = dy.transpose(0, 2, 3, 1).reshape(n, -1, o)
        X = _windows(x, k, self.stride).reshape(n, dy.shape[1], -1)
        G = xp.matmul(X.transpose(0, 2, 1), dy).reshape(n, -1)
        return xp.concatenate([G, dy.sum(1)], axis=1) if self.bias else G

    def _transposed(self, W, x, dy):
        """dx (n, c, h, w) of the correlation of x (padded, channels last) with W, from dy (n, h, w, o)."""
        xp, k, s = array_module(x), self.kernel, self.stride
        (n, ho, wo, o), p = dy.shape, self.padding
        h, w = x.shape[1] - 2 * p, x.shape[2] - 2 * p
        left = k - 1 - p  # one output of the full correlation for every unpadded pixel
        spread = xp.zeros((n, h + k - 1, w + k - 1, o), dtype=dy.dtype)
        rows = (h + k - 1 - left + s - 1) // s, (w + k - 1 - left + s - 1) // s
        a, b = min(ho, rows[0]), min(wo, rows[1])
        spread[:, left : left + a * s : s, left : left + b * s : s] = dy[:, :a, :b]
        turned = W.reshape(k, k, self.inputs, o)[::-1, ::-1].transpose(0, 1, 3, 2).reshape(-1, self.inputs)
        return _correlate(spread, turned, k, 1).transpose(0, 3, 1, 2)


@dataclass(frozen=True)
class MaxPool2d:
    """y = the largest x in each window, first in reading order among equals.

    Given which pixel won, pooling is a choice of pixels: linear, so backward and both tangents use the same winners.
    """

    kernel: int = 2
    stride: int | None = None  # None: the kernel, so that windows do not overlap
    size = statistics = 0

    def forward(self, w, x, stats=None):
        xp = array_module(x)
        views = _shifts(x, self.kernel, self.stride or self.kernel)
        y, winner = views[0], xp.zeros_like(views[0], dtype="int16")
        for place, view in enumerate(views[1:], 1):
            winner = xp.maximum(winner, (view > y).astype("int16") * place)  # places grow: the last rise wins
            y = xp.maximum(y, view)  # unlike `where`, it lets a NaN through
        return y, (winner, x.shape)

    def backward(self, w, cache, dy, dw=None, need_dx=True):
        winner, shape = cache
        dx, stride = _image_like(dy, shape), self.stride or self.kernel
        for place, view in enumerate(_shifts(dx, self.kernel, stride)):
            if stride < self.kernel:
                view += dy * (winner == place)
            else:  # windows do not meet: written once, without a sum
                array_module(dy).multiply(dy, winner == place, out=view)
        return dx

    def tangent(self, w, cache, Rw, Rx):
        winner, _ = cache
        views = _shifts(Rx, self.kernel, self.stride or self.kernel)
        return sum(view * (winner == place) for place, view in enumerate(views)), None

    def backward_tangent(self, w, cache, dy, Rw, Rcache, Rdy, Rdw, need_dx=True):
        return self.backward(w, cache, Rdy)


@dataclass(frozen=True)
class AvgPool2d:
    """y = the mean of x over each window; kernel None takes the whole image (global pooling). Linear."""

    kernel: int | None = None
    stride: int | None = None
    size = statistics = 0

    def forward(self, w, x, stats=None):
        if self.kernel is None:
            return x.mean((2, 3), keepdims=True), x.shape
        views = _shifts(x, self.kernel, self.stride or self.kernel)
        return sum(views) / self.kernel**2, x.shape

    def backward(self, w, shape, dy, dw=None, need_dx=True):
        dx = _image_like(dy, shape)
        if self.kernel is None:
            dx += dy / (shape[2] * shape[3])
            return dx
        for view in _shifts(dx, self.kernel, self.stride or self.kernel):
            view += dy / self.kernel**2
        return dx

    def tangent(self, w, shape, Rw, Rx):
        return self.forward(w, Rx)[0], None

    def backward_tangent(self, w, shape, dy, Rw, Rcache, Rdy, Rdw, need_dx=True):
        return self.backward(w, shape, Rdy)


def _pad(x, before: int, after: int):
    """x (n, h, w, c) with a border of zeros."""
    if before == after == 0:
        return x
    n, h, w, c = x.shape
    out = array_module(x).zeros((n, h + before + after, w + before + after, c), dtype=x.dtype)
    out[:, before : before + h, before : before + w] = x
    return out


def _windows(x, k: int, stride: int):
    """x (n, h, w, c) -> a view (n, ho, wo, k, k, c) of every window."""
    view = array_module(x).lib.stride_tricks.sliding_window_view(x, (k, k), axis=(1, 2))  # (n, ., ., c, k, k)
    return view[:, ::stride, ::stride].transpose(0, 1, 2, 4, 5, 3)


def _columns(x, k: int, stride: int):
    """(rows of the output, columns) of x (n, h, w, c), a few images at a time, so that the columns fit the cache.

    columns (windows, k k c) is one buffer, written anew for every part: use it before you ask for the next.

    A copy is fast where it moves long runs. Within a window k c numbers lie together; with one channel (or three, and
    a small kernel) those are few. There the buffer is laid out the other way round, (k k c, windows): a row holds one
    place of the window, and a run is a whole row of the image. What is yielded is its transpose, which matrix products
    take as it is.
    """
    xp, windows = array_module(x), _windows(x, k, stride)
    n, ho, wo = windows.shape[:3]
    limit = CACHE_BYTES if xp is np else DEVICE_BYTES
    step = max(1, min(n, int(limit * n // max(1, windows.size * windows.dtype.itemsize))))
    place, across = windows.shape[3:], xp is np and 3 * k * x.shape[3] <= wo
    buffer = xp.empty(step * ho * wo * math.prod(place), dtype=x.dtype)
    for start in range(0, n, step):
        part = windows[start : start + step]
        used, rows = buffer[: part.size], len(part) * ho * wo
        if across:
            used.reshape(*place, *part.shape[:3]).transpose(3, 4, 5, 0, 1, 2)[...] = part
        else:
            used.reshape(part.shape)[...] = part
        columns = used.reshape(-1, rows).T if across else used.reshape(rows, -1)
        yield slice(start * ho * wo, start * ho * wo + rows), columns


def _correlate(x, W, k: int, stride: int):
    """columns(x) @ W: x (n, h, w, c) and W (k k c, o) give (n, ho, wo, o)."""
    xp, (n, h, w, _) = array_module(x), x.shape
    shape = (n, (h - k) // stride + 1, (w - k) // stride + 1, W.shape[1])
    y = xp.empty((n * shape[1] * shape[2], W.shape[1]), dtype=x.dtype)
    for rows, columns in _columns(x, k, stride):
        xp.matmul(columns, W, out=y[rows])
    return y.reshape(shape)


def _window_products(x, dy, k: int, stride: int, dW) -> None:
    """dW = columns(x)' @ dy, summed over all windows, for x (n, h, w, c), dy (n, ho, wo, o), dW (k k c, o)."""
    dW[...] = 0
    dy = dy.reshape(-1, dW.shape[1])
    for rows, columns in _columns(x, k, stride):
        dW += columns.T @ dy[rows]


def _shifts(x, k: int, stride: int):
    """The k*k views of x (n, c, h, w) that hold the first, second, ... pixel of every window, (n, c, ho, wo) each."""
    ho, wo = (x.shape[2] - k) // stride + 1, (x.shape[3] - k) // stride + 1
    if ho < 1 or wo < 1:
        raise ValueError(f"a pooling window of {k} x {k} does not fit an image of {x.shape[2]} x {x.shape[3]}")
    last_h, last_w = (ho - 1) * stride + 1, (wo - 1) * stride + 1
    return [x[:, :, a : a + last_h : stride, b : b + last_w : stride] for a in range(k) for b in range(k)]


def _image_like(y, shape):
    """Zeros of `shape` (n, c, h, w), channels last in memory, of y's type."""
    n, c, h, w = shape
    return array_module(y).zeros((n, h, w, c), dtype=y.dtype).transpose(0, 3, 1, 2)
