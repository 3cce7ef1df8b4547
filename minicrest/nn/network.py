"""A network: a chain of layers, a loss, and every derivative that this package needs, with no autodiff.

All parameters are ONE flat vector theta (d,). Two modes, chosen by one argument:
    stats=None      training mode: batch-norm uses the mean and variance of the batch at hand
    stats=vector    evaluation mode: batch-norm uses these running statistics, (net.statistics,)
Networks without batch-norm have no statistics, and the modes coincide. The loss of example n is
    l_n(theta) = loss(z_n, y_n) + (l2/2) |theta|^2        and every sum is   (1/n) sum_n weights_n l_n(theta).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from minicrest.backend import array_module, to_device
from minicrest.nn.chain import Residual, Sequential
from minicrest.nn.layers import Linear, Tanh
from minicrest.random import stream


class Step(NamedTuple):
    """What one pass forward and back over a batch gives."""

    gradient: Any  # (d,) of (1/n) sum_n weights_n l_n
    losses: Any  # (n,) without the weights
    logits: Any  # (n, C)
    statistics: Any  # (statistics,) of the batch in training mode, else None


class Answers(NamedTuple):
    """What one forward pass over labelled examples gives."""

    losses: Any  # (n,)
    logit_gradients: Any  # (n, C) dl_n/dz_n
    logits: Any  # (n, C)


class Network:
    """Layers and a loss (see the module's first lines for theta, stats and weights).

    Arrays: theta (d,), x (n, ...), y (n,), weights (n,), all on one device; x is cast to theta's type.
    Errors: ValueError names what came where a shape does not fit; array_module decides the device.
    """

    def __init__(self, layers, loss):
        self.chain, self.loss = Sequential(layers), loss
        self.size, self.statistics = self.chain.size, self.chain.statistics
        if self.size == 0:
            raise ValueError("a network needs at least one layer with parameters")

    def __repr__(self):
        return f"Network([{', '.join(map(repr, self.chain.layers))}], {self.loss!r})"

    def arguments_again(self) -> tuple:
        """What makes this network again, for a checkpoint: its layers and its loss."""
        return self.chain.layers, self.loss

    @property
    def outputs(self) -> int:
        """C: how many logits the last Linear layer gives."""
        return next(layer.outputs for layer in reversed(self.chain.layers) if isinstance(layer, Linear))

    # ---- parameters

    def initialize(self, seed: int = 0, dtype="float32", device: str = "cpu"):
        """theta (d,): He initialisation, drawn on the host from `stream(seed, "initialize")`."""
        theta = self.chain.initialize(stream(seed, "initialize")).astype(dtype)
        return to_device(theta, device)

    def initial_statistics(self, theta):
        """Running statistics (statistics,) before training: mean 0 and variance 1 in every batch-norm layer."""
        xp = array_module(theta)
        halves = [np.repeat([0.0, 1.0], layer.statistics // 2) for layer in _norms(self.chain)]
        return xp.asarray(np.concatenate([np.zeros(0)] + halves).astype(theta.dtype))

    # ---- forward

    def forward(self, theta, x, stats=None):
        """Logits (n, C) and the caches of every layer."""
        if theta.shape != (self.size,):
            raise ValueError(f"theta has shape {theta.shape}, but this network has {self.size} parameters")
        if stats is not None and stats.shape != (self.statistics,):
            raise ValueError(f"stats has shape {stats.shape}, but this network keeps {self.statistics} statistics")
        stats = None if stats is None else stats.astype(theta.dtype, copy=False)
        return self.chain.forward(theta, x.astype(theta.dtype, copy=False), stats)

    def logits(self, theta, x, stats=None):
        """(n, C)."""
        return self.forward(theta, x, stats)[0]

    def answers(self, theta, x, y, stats=None) -> Answers:
        """Losses (n,), logit gradients (n, C) and logits (n, C) from one forward pass."""
        z, _ = self._evaluate(theta, x, y, stats)
        return Answers(self._losses(theta, z, y), self.loss.gradient(z, y), z)

    def predict(self, theta, x, stats=None):
        """(n,) predicted classes (or values, for SquaredError with one output)."""
        return self.loss.predict(self.logits(theta, x, stats))

    def losses(self, theta, x, y, stats=None):
        """(n,) l_n, each with its l2 term."""
        return self.answers(theta, x, y, stats).losses

    def logit_gradients(self, theta, x, y, stats=None):
        """(n, C) dl_n/dz_n: p - y for the logistic losses. A forward pass, no backward."""
        return self.answers(theta, x, y, stats).logit_gradients

    def last_layer(self, theta, x, y, stats=None):
        """(a, h), (n, C) and (n, i): the gradient in the last Linear layer is W: h_n a_n' and b: a_n."""
        if not isinstance(self.chain.layers[-1], Linear):
            raise ValueError(f"last_layer needs a network that ends in Linear, got {self.chain.layers[-1]!r}")
        z, caches = self._evaluate(theta, x, y, stats)
        return self.loss.gradient(z, y), caches[-1]

    # ---- first order

    def step(self, theta, x, y, weights=None, stats=None) -> Step:
        """Gradient, losses, logits and batch statistics from one pass forward and one back."""
        z, caches = self._evaluate(theta, x, y, stats)
        c = self._coefficients(z, weights)
        gradient = array_module(theta).empty_like(theta)
        self.chain.backward(theta, caches, c * self.loss.gradient(z, y), gradient, need_dx=False)
        if self.loss.l2:
            gradient += self.loss.l2 * c.sum() * theta
        seen = self.chain.batch_statistics(caches) if stats is None and self.statistics else None
        return Step(gradient, self._losses(theta, z, y), z, seen)

    def gradient(self, theta, x, y, weights=None, stats=None):
        """(d,) gradient of (1/n) sum_n weights_n l_n."""
        return self.step(theta, x, y, weights, stats).gradient

    def per_example_gradients(self, theta, x, y, stats=None):
        """(n, d) gradient of each l_n. Raises ValueError through batch-norm in training mode."""
        signals, _ = self._signals(theta, x, y, stats)
        G = array_module(theta).empty((len(x), self.size), dtype=theta.dtype)
        for layer, part, cache, dy in signals:
            G[:, part] = layer.per_example(cache, dy)
        return G + self.loss.l2 * theta if self.loss.l2 else G

    def gradient_norms(self, theta, x, y, stats=None):
        """(n,) |gradient of l_n|, layer by layer: (|a|^2 + 1)|dy|^2 for Linear, never n x d."""
        xp = array_module(theta)
        signals, slope = self._signals(theta, x, y, stats)
        square = xp.zeros(len(x), dtype=theta.dtype)
        for layer, _, cache, dy in signals:
            square += layer.square_norms(cache, dy) if isinstance(layer, Linear) else _rowwise(layer, cache, dy)
        if self.loss.l2:  # |g + l2 theta|^2
            square += 2 * self.loss.l2 * slope() + self.loss.l2**2 * (theta @ theta)
        return xp.sqrt(xp.maximum(square, 0))

    def gradient_gram(self, theta, x, y, stats=None):
        """(n, n) inner products of the gradients of l_n and l_m, layer by layer: (A A')(D D') for Linear."""
        signals, slope = self._signals(theta, x, y, stats)
        gram = array_module(theta).zeros((len(x), len(x)), dtype=theta.dtype)
        for layer, _, cache, dy in signals:
            if isinstance(layer, Linear):
                gram += layer.gram(cache, dy)
            else:
                G = layer.per_example(cache, dy)
                gram += G @ G.T
        if self.loss.l2:
            along = self.loss.l2 * slope()
            gram += along[:, None] + along[None, :] + self.loss.l2**2 * (theta @ theta)
        return gram

    # ---- second order

    def hvp(self, theta, x, y, v, weights=None, stats=None):
        """H v (d,) for v (d,), or (k, d) for k directions v (k, d): exact, by Pearlmutter's R-operator.

        H is the Hessian of (1/n) sum_n weights_n l_n. The passes forward and back are made once for all directions;
        each direction then costs a tangent pass forward and one back.
        """
        if v.shape[-1:] != theta.shape or v.ndim > 2:
            raise ValueError(f"v must be (d,) or (k, d) with d = {self.size}, got {v.shape}")
        z, caches = self._evaluate(theta, x, y, stats)
        c, kept = self._coefficients(z, weights), []
        self.chain.backward(theta, caches, c * self.loss.gradient(z, y), None, need_dx=False, kept=kept)
        V = v.reshape(-1, self.size).astype(theta.dtype, copy=False)
        HV = array_module(theta).empty_like(V)
        for Rw, out in zip(_rows_of(V), _rows_of(HV)):
            Rz, Rcaches = self.chain.tangent(theta, caches, Rw, None)
            Rdz = c * self.loss.hessian(z, y, Rz)
            self.chain.backward_tangent(theta, caches, iter(kept), Rw, Rcaches, Rdz, out, need_dx=False)
        if self.loss.l2:
            HV += self.loss.l2 * c.sum() * V
        return HV.reshape(v.shape)

    def hessian_diagonal(self, theta, x, y, weights=None, stats=None):
        """(d,) exact diagonal of H for piecewise-linear layers: no probes, no noise; about one gradient per class.

        The output is then linear in the parameters of any one layer, so the diagonal of H is that of
        sum_n c_n J' S S' J (c_n = weights_n/n >= 0): send each column of S, S S' = d2l/dz2, back through the network,
        square, and add up.
        Raises ValueError for Tanh (its second derivative adds a term) and for batch-norm in training mode.
        """
        z, caches = self._evaluate(theta, x, y, stats)
        if any(isinstance(leaf[0], Tanh) for leaf in self.chain.leaves(caches)):
            raise ValueError("hessian_diagonal is exact for piecewise-linear layers only; use hutchinson_diagonal")
        xp, c = array_module(theta), self._coefficients(z, weights)
        S = self.loss.curvature_root(z, y) * xp.sqrt(c)[:, :, None]  # (n, C, columns)
        leaves = list(self.chain.leaves(caches))
        sums = [0] * len(leaves)  # over the columns
        for column in range(S.shape[2]):
            kept = []
            self.chain.backward(theta, caches, S[:, :, column], None, need_dx=False, kept=kept)
            sums = [total + _squares(*leaf, dy) for total, leaf, dy in zip(sums, leaves, kept)]
        diagonal = xp.empty_like(theta)
        for (layer, part, cache), total in zip(leaves, sums):
            diagonal[part] = layer.square_sum(cache, total) if isinstance(layer, Linear) else total
        return diagonal + self.loss.l2 * c.sum() if self.loss.l2 else diagonal

    # ---- shared steps

    def _losses(self, theta, z, y):
        losses = self.loss.losses(z, y)
        return losses + 0.5 * self.loss.l2 * (theta @ theta) if self.loss.l2 else losses

    def _evaluate(self, theta, x, y, stats):
        """`forward`, for x with a target each."""
        if len(y) != len(x) or len(x) == 0:
            raise ValueError(f"x has {len(x)} examples and y has {len(y)}; they must agree and not be empty")
        return self.forward(theta, x, stats)

    def _coefficients(self, z, weights):
        """(n, 1) weights_n / n."""
        n = len(z)
        if weights is None:
            return array_module(z).full((n, 1), 1 / n, dtype=z.dtype)
        if weights.shape != (n,):
            raise ValueError(f"weights must have shape ({n},), one an example, got {weights.shape}")
        return weights.astype(z.dtype)[:, None] / n

    def _signals(self, theta, x, y, stats):
        """What per-example gradients are made of: (layer, slice, cache, dy) for each layer with parameters.

        Also a function that gives (n,) the data gradients' inner products with theta, by one tangent pass.
        """
        z, caches = self._evaluate(theta, x, y, stats)
        kept, dz = [], self.loss.gradient(z, y)
        self.chain.backward(theta, caches, dz, None, need_dx=False, kept=kept)
        signals = [(*leaf, dy) for leaf, dy in zip(self.chain.leaves(caches), kept) if leaf[0].size]
        return signals, lambda: (dz * self.chain.tangent(theta, caches, theta, None)[0]).sum(1)


def _rowwise(layer, cache, dy):
    """(n,) squared norms of a layer's per-example gradients."""
    return (layer.per_example(cache, dy) ** 2).sum(1)


def _squares(layer, part, cache, dy):
    """What one column adds to the exact diagonal; for Linear dy^2, so that all columns need one product in the end."""
    if isinstance(layer, Linear):
        return dy * dy
    return (layer.per_example(cache, dy) ** 2).sum(0) if layer.size else 0


def _rows_of(matrix):
    """The rows of a matrix as views (iterating over a device array would copy it to the host, entry by entry)."""
    return [matrix[k] for k in range(len(matrix))]


def _norms(chain):
    """The batch-norm layers of a chain, in the order of their statistics."""
    for layer in chain.layers:
        if isinstance(layer, Residual):
            yield from _norms(layer.body)
            yield from _norms(layer.shortcut)
        elif isinstance(layer, Sequential):
            yield from _norms(layer)
        elif layer.statistics:
            yield layer
