"""Convolution. tests/unit/nn/naive_layers.py has its plain twin: the definition, in loops.

Images are (n, c, h, w), but their channels, unless they are few, come last in memory: a row of a window is adjacent
numbers, and convolution is k matrix products, one for each row of the window. Their left factors hold k times as many
numbers as the images, so they are built for a few images at a time, which stay in the cache, and shared among threads.
"""

from dataclasses import dataclass

import numpy as np

from minicrest.arguments import flag, whole
from minicrest.backend import array_module, matmul
from minicrest.nn.layer import Affine
from minicrest.nn.rows import places
from minicrest.threads import PIECE, by_pieces, pieces, share

DEVICE_COLUMNS = 1 << 28  # numbers in the columns of a piece on a GPU, where launches dominate the cost
SHORT = 16  # numbers in a row of a window, below which the image's rows, which are longer, are copied instead


@dataclass(frozen=True)
class Conv2d(Affine):
    """y[n, o, p] = sum over the window at p of x * W[..., o], plus b[o].   W is (kernel, kernel, c, o), then b (o,).

    With X the matrix of windows ("columns"), one row for each n and place: Y = X W + b, so dW = X' dY, db = sum dY.
    dx correlates dy, spread out by the stride and padded, with W turned by half a circle. The tangents: as for Linear.
    """

    inputs: int
    outputs: int
    kernel: int = 3
    stride: int = 1
    padding: int = 0
    bias: bool = True

    def __post_init__(self):
        self._positive("inputs", "outputs", "kernel", "stride")
        whole("padding of Conv2d (at least 0, less than the kernel)", self.padding, 0, self.kernel - 1)
        flag("bias of Conv2d", self.bias)

    def prepared(self, x):
        least = max(1, self.kernel - 2 * self.padding)
        if x.ndim != 4 or x.shape[1] != self.inputs or min(x.shape[2:]) < least:
            raise ValueError(f"{self} needs x of shape (n, {self.inputs}, h, w), sides at least {least}, got {x.shape}")
        p, x = self.padding, x.transpose(0, 2, 3, 1)  # channels last, with a border of zeros
        x = _spread(x, x.shape[1] + 2 * p, x.shape[2] + 2 * p, p, 1) if p else x
        return np.ascontiguousarray(x.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1) if _short(x, self.kernel) else x

    def times(self, x, W):
        return _correlate(x, W, self.kernel, self.stride).transpose(0, 3, 1, 2)

    def weights(self, x, dy, out=None):
        return _window_products(x, dy.transpose(0, 2, 3, 1), self.kernel, self.stride, out)

    def transposed(self, x, dy, W):
        k, p, o = self.kernel, self.padding, self.outputs
        h, w = x.shape[1] - 2 * p, x.shape[2] - 2 * p
        spread = _spread(dy.transpose(0, 2, 3, 1), h + k - 1, w + k - 1, k - 1 - p, self.stride)
        turned = W.reshape(k, k, self.inputs, o)[::-1, ::-1].transpose(0, 1, 3, 2).reshape(-1, self.inputs)
        return _correlate(spread, turned, k, 1).transpose(0, 3, 1, 2)

    def per_example(self, x, dy):
        """(n, size): X_n' dY_n and the sum of dY_n over the places."""
        xp, n, k, o = array_module(x), len(x), self.kernel, self.outputs
        dy = dy.transpose(0, 2, 3, 1).reshape(n, -1, o)
        X = _windows(x, k, k, self.stride, self.stride).reshape(n, dy.shape[1], -1)
        G = xp.matmul(X.transpose(0, 2, 1), dy).reshape(n, -1)
        return xp.concatenate([G, dy.sum(1)], axis=1) if self.bias else G

    def cut(self, x, rows):
        return x[array_module(x).asarray(rows)]  # of the same order in memory


def _short(x, k: int) -> bool:
    """Whether, on the host, windows of x (n, h, w, c) are copied by the rows of its channels."""
    return k * x.shape[3] < SHORT and array_module(x) is np


def _spread(x, height: int, width: int, first: int, step: int):
    """Zeros (n, height, width, c) with x (n, h, w, c) at every `step`-th place from `first` on."""
    out = array_module(x).empty((len(x), height, width, x.shape[3]), dtype=x.dtype)

    def fill(out, x):
        out[...] = 0
        out[:, first::step, first::step][:, : x.shape[1], : x.shape[2]] = x

    by_pieces(fill, out, x)
    return out


def _windows(x, height: int, width: int, down: int, across: int):
    """x (n, h, w, c) -> a view (n, ho, wo, height, width, c) of every window, `down` and `across` apart."""
    (n, h, w, c), (sn, sh, sw, sc) = x.shape, x.strides
    shape = n, places(h, height, down), places(w, width, across), height, width, c
    return array_module(x).lib.stride_tricks.as_strided(x, shape, (sn, down * sh, across * sw, sh, sw, sc))


def _pieces(x, k: int) -> list:
    """Slices of the images x (n, h, w, c), so small that what `_columns` makes of each stays in the cache."""
    return pieces(x, PIECE // (k * k if _short(x, k) else k), DEVICE_COLUMNS // k**2)


def _columns(x, k: int, stride: int, parts):
    """For each piece of x (n, h, w, c): the piece, and its windows as arrays of matrices that share the rows of W.

    On a device one large matrix (m ho wo, k k c), copied 16 bytes at a time where channels fill them, because CuPy
    computes a place for everything that it copies. On the host, for short rows of windows, one array (m, ho wo, k k c),
    copied as (m, k k c, ho, wo), by the longer rows of the image. For long ones k arrays (m, ho wo, k c), the a-th with
    the a-th row of every window: only windows along the width are copied, (m, h, wo, k c), k times less than by writing
    every window out (im2col), and with stride 1 the arrays are views. One buffer serves all pieces in turn.
    """
    device, short = array_module(x) is not np, _short(x, k)
    words = "complex128" if device and x.flags.c_contiguous and x.shape[3] * x.itemsize % 16 == 0 else x.dtype
    tall = device or short
    windows = _windows(x.view(words), k if tall else 1, k, stride if tall else 1, stride)
    windows = windows.transpose(0, 3, 4, 5, 1, 2) if short else windows
    buffer, last = None, (places(x.shape[1], k, stride) - 1) * stride + 1
    for piece in parts:
        part = windows[piece]
        buffer = array_module(x).empty(part.shape, words) if buffer is None else buffer
        columns, m = buffer[: len(part)], len(part)
        columns[...] = part
        if device:
            yield piece, [columns.view(x.dtype).reshape(-1, k * k * x.shape[3])]
        elif short:
            yield piece, [columns.reshape(m, k * k * x.shape[3], -1).transpose(0, 2, 1)]
        else:
            yield piece, [columns[:, a : a + last : stride].reshape(m, -1, k * x.shape[3]) for a in range(k)]


def _correlate(x, W, k: int, stride: int):
    """y (n, ho, wo, o) = sum_a X_a W_a: X_a from `_columns` of x (n, h, w, c), W_a from W (k k c, o)."""
    xp, (n, h, w, _), o = array_module(x), x.shape, W.shape[1]
    y = xp.empty((n, places(h, k, stride), places(w, k, stride), o), dtype=x.dtype)

    def work(todo):
        more = None
        for piece, columns in _columns(x, k, stride, todo):
            Wa, out = W.reshape(len(columns), -1, o), y[piece].reshape(*columns[0].shape[:-1], o)
            matmul(columns[0], Wa[0], out=out)
            more = xp.empty_like(out) if more is None else more[: len(out)]
            for a in range(1, len(columns)):
                out += matmul(columns[a], Wa[a], out=more)

    share(work, _pieces(x, k), x)
    return y


def _window_products(x, dy, k: int, stride: int, out=None):
    """dW (k k c, o): dW_a = X_a' dy, summed over all windows, from x (n, h, w, c) and dy (n, ho, wo, o)."""
    o, parts = dy.shape[3], _pieces(x, k)
    sums = array_module(x).empty((len(parts), k * k * x.shape[3], o), dtype=x.dtype)

    def work(todo):
        for piece, columns in _columns(x, k, stride, todo):
            into = sums[piece.start // parts[0].stop].reshape(len(columns), -1, o)
            right = dy[piece].reshape(*columns[0].shape[:-1], o)
            for a, X in enumerate(columns):
                into[a] = matmul(X.swapaxes(-1, -2), right).reshape(-1, *into.shape[1:]).sum(0)

    share(work, parts, x)
    return sums.sum(0, out=out)
