"""The contract of a layer: four formulas, from which a network gets its gradient and its exact Hessian-vector product.

    forward            y        = f(x; w)                     and a cache: what the other three need
    backward           dx, dw   from dy = dL/dy               (reverse mode)
    tangent            Ry       = derivative of f along (Rx, Rw)                  (forward mode)
    backward_tangent   Rdx, Rdw = derivative of backward along (Rx, Rw, Rdy)      (forward over reverse)

R{.} is Pearlmutter's operator (Fast exact multiplication by the Hessian, 1994): Rq = d/de q(w + e v) at e = 0. A layer
is stateless: `w` is a flat view of the network's theta, and dw is written into `dw`, one of the network's gradient.

Index letters, here and everywhere: n example, c channel, h w place, i in, o out, k class, d parameter.
"""

import numpy as np

from minicrest.arguments import whole
from minicrest.nn.rows import as_rows, channel_sums, take, wide


class Layer:
    """Inherit this, state what differs from the defaults, and write the four formulas: they suffice for every network.

    size             number of parameters
    statistics       number of running statistics; a layer whose examples influence each other in training mode has some
    piecewise_linear True promises that y is piecewise linear in x for a fixed w, and affine in w for a fixed x: the
                     second derivatives are then zero, as `Network.hessian_diagonal` requires
    composite        True for a layer made of layers, whose `backward` takes `kept` (see chain.py)
    outputs          if the layer fixes it: the number of columns or channels of y
    """

    size = statistics = 0
    piecewise_linear = composite = False

    def initialize(self, rng: np.random.Generator) -> np.ndarray:
        """(size,) initial parameters, float64 on the host. A layer that has parameters must state its own."""
        if self.size:
            raise missing(self, "initialize(rng)")
        return np.zeros(0)

    def initial_statistics(self) -> np.ndarray:
        """(statistics,) running statistics before training: means of 0, then variances of 1."""
        return np.repeat([0.0, 1.0], self.statistics // 2)

    def forward(self, w, x, stats=None):
        """(y, cache) of w (size,), x (n, ...) and stats (statistics,) or None: training. ValueError if x is wrong."""
        raise missing(self, "forward(w, x, stats)")

    def backward(self, w, cache, dy, dw=None, need_dx=True):
        """dx (n, ...) from dy, as y (anything if not need_dx); the gradient of w goes into dw (size,), if not None."""
        raise missing(self, "backward(w, cache, dy, dw, need_dx)")

    def tangent(self, w, cache, Rw, Rx):
        """(Ry, Rcache) along Rw (size,) and Rx, shaped as x; Rx is None where the input does not move."""
        raise missing(self, "tangent(w, cache, Rw, Rx)")

    def backward_tangent(self, w, cache, dy, Rw, Rcache, Rdy, Rdw, need_dx=True):
        """Rdx (n, ...), shaped as x, and Rdw (size,). The default serves piecewise-linear layers without parameters."""
        if self.size or not self.piecewise_linear:
            raise missing(self, "backward_tangent(w, cache, dy, Rw, Rcache, Rdy, Rdw, need_dx)")
        return self.backward(w, cache, Rdy)

    def per_example(self, cache, dy):
        """(n, size) the gradient of every single example, where dy holds the dy of each."""
        raise missing(self, "per_example(cache, dy)")

    def gram(self, cache, dy):
        """(n, n) inner products of the per-example gradients."""
        return (G := self.per_example(cache, dy)) @ G.T

    def square_norms(self, cache, dy):
        """(n,) squared norms of the per-example gradients."""
        return (self.per_example(cache, dy) ** 2).sum(1)

    def squares(self, cache, dy):
        """What one dy (n, ...) contributes to `square_sum`; it is added up over several dy first."""
        return (self.per_example(cache, dy) ** 2).sum(0)

    def square_sum(self, cache, squares):
        """(size,) gradients of examples (n, size) squared and summed, and summed over every dy that is in `squares`."""
        return squares

    def batch_statistics(self, cache):
        """(statistics,) what the layer measured in training mode, for the running average."""
        raise missing(self, "batch_statistics(cache)")

    def cut(self, cache, rows):
        """The cache of the examples `rows` (r,), int64, alone.  TypeError unless a cache for which `cut` is not written
        anew is an array with one entry an example, or None, or a tuple or list of these.
        """
        if isinstance(cache, (tuple, list)):
            return type(cache)(Layer.cut(self, part, rows) for part in cache)
        if cache is not None and not hasattr(cache, "ndim"):
            raise missing(self, "cut(cache, rows)")
        return None if cache is None else take(cache, rows)

    def _positive(self, *names: str) -> None:
        for name in names:
            whole(f"{name} of {type(self).__name__}", getattr(self, name), 1)


class Affine(Layer):
    """y = A(x) W + b with w = (W, b), W (kernel^2 inputs, outputs), b (outputs,) if `bias`: Linear and Conv2d.

    By the product rule, all formulas follow from `prepared`, `times`, `weights` and `transposed`.
    """

    inputs: int
    outputs: int
    kernel = 1
    bias = piecewise_linear = True

    def prepared(self, x):
        """The cache: x as the others take it. Raises ValueError where it does not fit."""
        raise missing(self, "prepared(x)")

    def times(self, x, W):
        """A(x) W."""
        raise missing(self, "times(x, W)")

    def weights(self, x, dy, out=None):
        """dW = A(x)' dy, shaped as W, perhaps into `out`."""
        raise missing(self, "weights(x, dy, out)")

    def transposed(self, x, dy, W):
        """dx, shaped as x was before it was prepared."""
        raise missing(self, "transposed(x, dy, W)")

    @property
    def fan_in(self) -> int:
        """How many numbers each column of W has."""
        return self.kernel**2 * self.inputs

    @property
    def size(self) -> int:  # type: ignore[override]
        """Of W and b."""
        return (self.fan_in + self.bias) * self.outputs

    def initialize(self, rng) -> np.ndarray:
        """He et al. (2015): W of variance 2/fan_in keeps the scale of ReLU activations; b = 0."""
        W = rng.standard_normal(self.fan_in * self.outputs) * np.sqrt(2 / self.fan_in)
        return np.concatenate([W, np.zeros(self.bias * self.outputs)])

    def split(self, w):
        """The flat view `w` as W (fan_in, o) and b (o,), or None without one."""
        end = self.fan_in * self.outputs
        return w[:end].reshape(-1, self.outputs), w[end:] if self.bias else None

    def forward(self, w, x, stats=None):
        x = self.prepared(x)
        return self._map(w, x), x

    def _map(self, w, x):
        W, b = self.split(w)
        y = self.times(x, W)
        if self.bias:
            rows = as_rows(y)
            rows += wide(b, rows)
        return y

    def backward(self, w, x, dy, dw=None, need_dx=True):
        if dw is not None:
            dW, db = self.split(dw)
            self.weights(x, dy, dW)
            if self.bias:
                db[...] = dy.sum(0) if dy.ndim == 2 else channel_sums(as_rows(dy), self.outputs)
        return self.transposed(x, dy, self.split(w)[0]) if need_dx else None

    def tangent(self, w, x, Rw, Rx):
        Ry = self._map(Rw, x)
        if Rx is not None:
            Rx = self.prepared(Rx)
            Ry += self.times(Rx, self.split(w)[0])
        return Ry, Rx

    def backward_tangent(self, w, x, dy, Rw, Rx, Rdy, Rdw, need_dx=True):
        Rdx, (RdW, _), (RW, _) = self.backward(w, x, Rdy, Rdw, need_dx), self.split(Rdw), self.split(Rw)
        if Rx is not None:
            RdW += self.weights(Rx, dy)
        return Rdx + self.transposed(x, dy, RW) if need_dx else None


class LinearMap(Layer):
    """A linear layer without parameters, whose cache is the shape of x: its tangent is its forward."""

    piecewise_linear = True

    def tangent(self, w, cache, Rw, Rx):
        return self.forward(w, Rx)[0], None

    def cut(self, cache, rows):
        return (len(rows), *cache[1:])


def missing(thing, method: str) -> TypeError:
    """The error of a class that lacks a method of its contract."""
    return TypeError(f"{type(thing).__name__} does not state {method}, which is needed here")
