"""Layers on rows of numbers: Linear, the activations ReLU and Tanh, and Flatten. layer.py explains the formulas."""

from dataclasses import dataclass

from minicrest.backend import array_module
from minicrest.nn.layer import Affine, Layer, LinearMap
from minicrest.threads import by_pieces, channels_last, entrywise, product


@dataclass(frozen=True)
class Linear(Affine):
    """y = x W + b with x (n, i), W (i, o), b (o,).   dW = x' dy, db = sum_n dy, dx = dy W'; Ry = Rx W + x RW + Rb;
    RdW = Rx' dy + x' Rdy, Rdb = sum_n Rdy, Rdx = Rdy W' + dy RW'."""

    inputs: int
    outputs: int

    def __post_init__(self):
        self._positive("inputs", "outputs")

    def prepared(self, x):
        if x.ndim != 2 or x.shape[1] != self.inputs:
            raise ValueError(f"{self} needs x of shape (n, {self.inputs}), got {x.shape}")
        return x

    def times(self, x, W):
        return product(x, W)

    def weights(self, x, dy, out=None):
        return product(x.T, dy, out)

    def transposed(self, x, dy, W):
        return product(dy, W.T)

    def per_example(self, x, dy):
        """(n, size): the gradient of example n is x_n dy_n' and dy_n."""
        return array_module(x).concatenate([(x[:, :, None] * dy[:, None, :]).reshape(len(x), -1), dy], axis=1)

    def gram(self, x, dy):
        """(n, n) inner products of per-example gradients: <x_n dy_n', x_m dy_m'> = (x_n . x_m)(dy_n . dy_m)."""
        return (x @ x.T + 1) * (dy @ dy.T)

    def square_norms(self, x, dy):
        """(n,) squared norms of per-example gradients: (|x|^2 + 1) |dy|^2."""
        return ((x * x).sum(1) + 1) * (dy * dy).sum(1)

    def squares(self, x, dy):
        """(n, o) dy^2: `square_sum` is linear in it, so that several dy need one product in the end."""
        return dy * dy

    def square_sum(self, x, squares):
        return array_module(x).concatenate([product((x * x).T, squares).ravel(), squares.sum(0)])


@dataclass(frozen=True)
class ReLU(Layer):
    """y = max(x, 0).   dx = [x > 0] dy, Ry = [x > 0] Rx, Rdx = [x > 0] Rdy: piecewise linear, no second derivative."""

    piecewise_linear = True

    def forward(self, w, x, stats=None):
        xp = array_module(x)
        y, on = xp.empty_like(x), xp.empty_like(x, dtype=bool)
        by_pieces(lambda x, y, on: (xp.maximum(x, 0, out=y), xp.greater(x, 0, out=on)), *map(channels_last, (x, y, on)))
        return y, on

    def backward(self, w, on, dy, dw=None, need_dx=True):
        return entrywise(array_module(dy).multiply, dy, on)

    def tangent(self, w, on, Rw, Rx):
        return Rx * on, None


@dataclass(frozen=True)
class Tanh(Layer):
    """y = tanh x, y' = 1 - y^2.   dx = y' dy, Ry = y' Rx, Rdx = y' Rdy - 2 y Ry dy."""

    def forward(self, w, x, stats=None):
        return (y := array_module(x).tanh(x)), y

    def backward(self, w, y, dy, dw=None, need_dx=True):
        return dy * (1 - y * y)

    def tangent(self, w, y, Rw, Rx):
        Ry = (1 - y * y) * Rx
        return Ry, Ry

    def backward_tangent(self, w, y, dy, Rw, Ry, Rdy, Rdw, need_dx=True):
        return (1 - y * y) * Rdy - 2 * y * Ry * dy


@dataclass(frozen=True)
class Flatten(LinearMap):
    """(n, ...) -> (n, i), a reshape. Images come back with their channels last in memory: mixed orders are slow."""

    def forward(self, w, x, stats=None):
        return x.reshape(len(x), -1), x.shape

    def backward(self, w, shape, dy, dw=None, need_dx=True):
        xp, dx = array_module(dy), dy.reshape(shape)
        return xp.ascontiguousarray(dx.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2) if dx.ndim == 4 else dx
