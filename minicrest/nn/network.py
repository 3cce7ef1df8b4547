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

from minicrest.arguments import dense, shown, whole
from minicrest.backend import array_module, device_of, to_device
from minicrest.nn.chain import Sequential
from minicrest.nn.layers import Linear
from minicrest.nn.losses import Loss
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


class Pass(NamedTuple):
    """What a forward pass gives, and all that `Network.finish` needs to go back through it."""

    losses: Any  # (n,)
    logits: Any  # (n, C)
    logit_gradients: Any  # (n, C) dl_n/dz_n
    statistics: Any  # (statistics,) of the batch in training mode, else None
    caches: Any  # of every layer


class Network:
    """Layers and a loss (see the module's first lines for theta, stats and weights).

    Arrays: theta (d,), x (n, ...), y (n,), weights (n,) and stats (statistics,), all on one device (weights may stay on
    the host). All but theta may be lists, and all but y are cast to theta's type.
    Errors, in every method: TypeError for values that are not arrays of numbers (theta: of floats), ValueError for a
    shape, device or label that does not fit; each reports what came and what is expected. The values of labels and
    weights are checked on the host only, because the host would have to wait for a device.
    """

    def __init__(self, layers, loss):
        self.chain, self.loss = Sequential(layers), loss
        self.size, self.statistics = self.chain.size, self.chain.statistics
        if not isinstance(loss, Loss):
            raise TypeError(f"loss must be a Loss object, as SoftmaxCrossEntropy() is, got {shown(loss)}")
        if self.size == 0:
            raise ValueError("a network needs at least one layer with parameters")

    def __repr__(self):
        return f"Network([{', '.join(map(repr, self.chain.layers))}], {self.loss!r})"

    def arguments_again(self) -> tuple:
        """What makes this network again, for a checkpoint: its layers and its loss."""
        return self.chain.layers, self.loss

    @property
    def outputs(self) -> int:
        """C: how many logits the network gives, by the last layer that states its outputs.  ValueError if none does."""
        if self.chain.outputs is None:
            raise ValueError("no layer of this network states its number of outputs (an attribute `outputs`)")
        return self.chain.outputs

    @property
    def coupled(self) -> bool:
        """Whether the examples of a batch influence each other's losses in training mode, as through batch-norm."""
        return self.statistics > 0

    # ---- parameters

    def initialize(self, seed: int = 0, dtype="float32", device: str = "cpu"):
        """theta (d,): He initialisation, drawn on the host from `stream(seed, "initialize")`.

        Raises ValueError for a dtype other than float32 and float64, and for an unknown device.
        """
        if np.dtype(dtype) not in (np.float32, np.float64):
            raise ValueError(f"dtype must be float32 or float64, got {shown(dtype)}")
        theta = self.chain.initialize(stream(whole("seed", seed), "initialize")).astype(dtype)
        return to_device(theta, device)

    def initial_statistics(self, theta):
        """Running statistics (statistics,) before training: mean 0 and variance 1 in every batch-norm layer."""
        return array_module(theta).asarray(self.chain.initial_statistics().astype(theta.dtype))

    # ---- forward

    def forward(self, theta, x, stats=None):
        """Logits (n, C) and the caches of every layer."""
        if not isinstance(theta, array_module(theta).ndarray) or theta.dtype.kind != "f":
            came = f"{shown(theta)} of {getattr(theta, 'dtype', 'no type')}"
            raise TypeError(f"theta must be an array of floats, as `initialize` gives it, got {came}")
        if theta.shape != (self.size,):
            raise ValueError(f"theta has shape {theta.shape}, but this network has {self.size} parameters")
        stats = None if stats is None else _like(theta, "stats", stats)
        if stats is not None and stats.shape != (self.statistics,):
            raise ValueError(f"stats has shape {stats.shape}, but this network keeps {self.statistics} statistics")
        return self.chain.forward(theta, _like(theta, "x", x), stats)

    def logits(self, theta, x, stats=None):
        """(n, C)."""
        return self.forward(theta, x, stats)[0]

    def answers(self, theta, x, y, stats=None) -> Answers:
        """Losses (n,), logit gradients (n, C) and logits (n, C) from one forward pass."""
        forward_pass = self.begin(theta, x, y, stats)
        return Answers(forward_pass.losses, forward_pass.logit_gradients, forward_pass.logits)

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
        forward_pass = self.begin(theta, x, y, stats)
        gradient = self.finish(theta, forward_pass, weights)
        return Step(gradient, forward_pass.losses, forward_pass.logits, forward_pass.statistics)

    def begin(self, theta, x, y, stats=None) -> Pass:
        """The forward half of `step`. Its losses and logit gradients may decide the weights of `finish`."""
        z, caches = self._evaluate(theta, x, y, stats)
        losses, dz = self.loss.both(z, y)
        if self.loss.l2:
            losses = losses + 0.5 * self.loss.l2 * (theta @ theta)
        statistics = self.chain.batch_statistics(caches) if stats is None and self.statistics else None
        return Pass(losses, z, dz, statistics, caches)

    def finish(self, theta, forward_pass: Pass, weights=None):
        """(d,) gradient of (1/n) sum_n weights_n l_n, over all n of `forward_pass`, begun at the same theta.

        Where weights (n,) are on the host, only examples of non-zero weight go backward, unless batch-norm in training
        mode couples them. Weights on a device are not inspected, because the host would have to wait for them.
        """
        xp, caches, n = array_module(theta), forward_pass.caches, len(forward_pass.losses)
        c, rows = self._coefficients(forward_pass.logits, weights), np.arange(n)
        dz = c * forward_pass.logit_gradients
        if weights is not None and array_module(weights) is np and forward_pass.statistics is None:
            rows = np.flatnonzero(weights)
        if 0 < len(rows) < n:
            rows = xp.asarray(rows)
            dz, caches = dz[rows], self.chain.cut(caches, rows)
        gradient = xp.empty_like(theta) if len(rows) else xp.zeros_like(theta)
        if len(rows):
            self.chain.backward(theta, caches, dz, gradient, need_dx=False)
        if self.loss.l2:
            gradient += self.loss.l2 * c.sum() * theta
        return gradient

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
            square += layer.square_norms(cache, dy)
        if self.loss.l2:  # |g + l2 theta|^2
            square += 2 * self.loss.l2 * slope() + self.loss.l2**2 * (theta @ theta)
        return xp.sqrt(xp.maximum(square, 0))

    def gradient_gram(self, theta, x, y, stats=None):
        """(n, n) inner products of the gradients of l_n and l_m, layer by layer: (A A')(D D') for Linear."""
        signals, slope = self._signals(theta, x, y, stats)
        gram = array_module(theta).zeros((len(x), len(x)), dtype=theta.dtype)
        for layer, _, cache, dy in signals:
            gram += layer.gram(cache, dy)
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
        z, caches = self._evaluate(theta, x, y, stats)
        v = _like(theta, "v", v)
        if v.shape[-1:] != theta.shape or v.ndim > 2:
            raise ValueError(f"v must be (d,) or (k, d) with d = {self.size}, got {v.shape}")
        c, kept = self._coefficients(z, weights), []
        self.chain.backward(theta, caches, c * self.loss.gradient(z, y), None, need_dx=False, kept=kept)
        V = v.reshape(-1, self.size)
        HV = array_module(theta).empty_like(V)
        for Rw, out in zip(_rows_of(V), _rows_of(HV)):
            Rz, Rcaches = self.chain.tangent(theta, caches, Rw, None)
            Rdz = c * self.loss.hessian(z, y, Rz)
            self.chain.backward_tangent(theta, caches, kept, Rw, Rcaches, Rdz, out, need_dx=False)
        if self.loss.l2:
            HV += self.loss.l2 * c.sum() * V
        return HV.reshape(v.shape)

    def hessian_diagonal(self, theta, x, y, weights=None, stats=None):
        """(d,) exact diagonal of H for piecewise-linear layers: no probes, no noise; about one gradient per class.

        The output is then linear in the parameters of any one layer, so the diagonal of H is that of
        sum_n c_n J' S S' J (c_n = weights_n/n >= 0): send each column of S, S S' = d2l/dz2, back through the network,
        square, and add up.
        Raises ValueError for layers that do not declare themselves piecewise linear (their second derivative adds a
        term), for batch-norm in training mode, for weights (on the host) that are negative or not finite, and for a
        loss without a curvature root.
        """
        z, caches = self._evaluate(theta, x, y, stats)
        xp, c = array_module(theta), self._coefficients(z, weights)
        if xp is np and not (np.isfinite(c) & (c >= 0)).all():
            raise ValueError("hessian_diagonal needs weights that are finite and not negative")
        S = self.loss.curvature_root(z, y) * xp.sqrt(c)[:, :, None]  # (n, C, columns)
        signals, squares = [], {}  # squares: of each layer with parameters, summed over the columns
        for column in range(S.shape[2]):
            signals = self._kept(theta, caches, S[:, :, column])
            for k, (layer, _, cache, dy) in enumerate(signals):
                if not layer.piecewise_linear:
                    raise ValueError(
                        "hessian_diagonal is exact for piecewise-linear layers only, and "
                        f"{layer!r} does not declare piecewise_linear = True; use hutchinson_diagonal"
                    )
                squares[k] = squares.get(k, 0) + (layer.squares(cache, dy) if layer.size else 0)
        diagonal = xp.empty_like(theta)
        for k, (layer, part, cache, _) in enumerate(signals):
            diagonal[part] = layer.square_sum(cache, squares[k])
        return diagonal + self.loss.l2 * c.sum() if self.loss.l2 else diagonal

    # ---- shared steps

    def _evaluate(self, theta, x, y, stats):
        """`forward`, for x with a target each."""
        x, y = dense("x", x), dense("y", y)
        examples, targets = (array.shape[0] if array.ndim else "no" for array in (x, y))
        if examples != targets or examples in (0, "no"):
            raise ValueError(f"x has {examples} examples and y has {targets}; they must agree and not be empty")
        _check_device(theta, "y", y)
        return self.forward(theta, x, stats)

    def _coefficients(self, z, weights):
        """(n, 1) weights_n / n, on the device of z."""
        n, xp = len(z), array_module(z)
        if weights is None:
            return xp.full((n, 1), 1 / n, dtype=z.dtype)
        weights = dense("weights", weights)
        if weights.shape != (n,):
            raise ValueError(f"weights must have shape ({n},), one an example, got {weights.shape}")
        return xp.asarray(weights).astype(z.dtype)[:, None] / n

    def _kept(self, theta, caches, dz):
        """(layer, slice of theta, cache, dy) of each layer that dz (n, C) reaches on its way back."""
        kept = []
        self.chain.backward(theta, caches, dz, None, need_dx=False, kept=kept)
        return list(self.chain.leaves(caches, kept))

    def _signals(self, theta, x, y, stats):
        """What per-example gradients are made of: (layer, slice, cache, dy) for each layer with parameters.

        Also a function that gives (n,) the data gradients' inner products with theta, by one tangent pass.
        """
        z, caches = self._evaluate(theta, x, y, stats)
        dz = self.loss.gradient(z, y)
        signals = [signal for signal in self._kept(theta, caches, dz) if signal[0].size]
        return signals, lambda: (dz * self.chain.tangent(theta, caches, theta, None)[0]).sum(1)


def _like(theta, name: str, value):
    """`value` as an array of theta's type; ValueError if it is on another device."""
    value = dense(name, value)
    _check_device(theta, name, value)
    return value.astype(theta.dtype, copy=False)


def _check_device(theta, name: str, array) -> None:
    if device_of(array) != device_of(theta):
        raise ValueError(f"{name} is on {device_of(array)} but theta on {device_of(theta)}; move one with to_device")


def _rows_of(matrix):
    """The rows of a matrix as views (iterating over a device array would copy it to the host, entry by entry)."""
    return [matrix[k] for k in range(len(matrix))]
