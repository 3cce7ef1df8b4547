"""A network: a chain of layers, a loss, and every derivative that this package needs, with no autodiff.

All parameters are ONE flat vector theta (d,). In training mode, stats=None, batch-norm uses mean and variance of the
batch; in evaluation mode the running statistics `stats` (net.statistics,). The loss of example n is
    l_n(theta) = loss(z_n, y_n) + (l2/2) |theta|^2        and every sum is   (1/n) sum_n weights_n l_n(theta).
"""

from typing import Any, NamedTuple

import numpy as np

from minicrest.arguments import dense, one_of, shown, whole
from minicrest.backend import array_module, device_of, matmul, to_device
from minicrest.nn.chain import Sequential
from minicrest.nn.conv import Conv2d
from minicrest.nn.layers import Flatten, Linear
from minicrest.nn.losses import Loss
from minicrest.nn.pool import AvgPool2d
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
    """Answers, the batch's statistics as in Step, and the caches of every layer: what `finish` goes back through."""

    losses: Any
    logit_gradients: Any
    logits: Any
    statistics: Any
    caches: Any


class Network:
    """Layers and a loss (see the module's first lines for theta, stats and weights).

    Arrays: theta (d,), x (n, ...), y (n,), weights (n,) and stats (statistics,), all on one device (weights may stay on
    the host). All but theta may be lists, and all but y are cast to theta's type. Labels and weights on a device are
    not inspected, because the host would have to wait for them.
    Errors: TypeError for values that are not arrays of numbers (theta: of floats), ValueError for what does not fit.
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
        """What makes this network again, for a checkpoint."""
        return self.chain.layers, self.loss

    @property
    def outputs(self) -> int:
        """C, by the last layer that states it.  ValueError if none does, or if Flatten makes pixels logits after it."""
        pixels = False
        for layer in reversed(self.chain.simple):
            if hasattr(layer, "outputs") and not (pixels and isinstance(layer, Conv2d)):
                return layer.outputs
            pixels = (pixels or isinstance(layer, Flatten)) and layer != AvgPool2d()
        raise ValueError("no layer here states its number of outputs (`outputs`), or Flatten changes it: end in Linear")

    @property
    def coupled(self) -> bool:
        """Whether the examples of a batch influence each other's losses in training mode, as through batch-norm."""
        return self.statistics > 0

    def initialize(self, seed: int = 0, dtype="float32", device: str = "cpu"):
        """theta (d,): He initialisation, drawn on the host from `stream(seed, "initialize")`; float32 or float64."""
        one_of("dtype", getattr(dtype, "name", getattr(dtype, "__name__", dtype)), ("float32", "float64"))
        return to_device(self.chain.initialize(stream(whole("seed", seed), "initialize")).astype(dtype), device)

    def initial_statistics(self, theta):
        """Running statistics (statistics,) before training: mean 0 and variance 1 in every batch-norm layer."""
        self._check(theta)
        return array_module(theta).asarray(self.chain.initial_statistics().astype(theta.dtype))

    def forward(self, theta, x, stats=None):
        """Logits (n, C) and the caches of every layer."""
        self._check(theta)
        x, stats = _like(theta, "x", x), None if stats is None else _like(theta, "stats", stats)
        if stats is not None and stats.shape != (self.statistics,):
            raise ValueError(f"stats has shape {stats.shape}, but this network keeps {self.statistics} statistics")
        if x.ndim == 0 or len(x) == 0:
            raise ValueError(f"x must have the shape (n, ...) with at least one example, got {x.shape}")
        return self.chain.forward(theta, x, stats)

    def logits(self, theta, x, stats=None):
        """(n, C)."""
        return self.forward(theta, x, stats)[0]

    def answers(self, theta, x, y, stats=None) -> Answers:
        """Losses (n,), logit gradients (n, C) and logits (n, C) from one forward pass."""
        return Answers(*self.begin(theta, x, y, stats)[:3])

    def predict(self, theta, x, stats=None):
        """(n,) predicted classes (or values, for SquaredError with one output)."""
        return self.loss.predict(self.logits(theta, x, stats))

    def losses(self, theta, x, y, stats=None):
        """(n,) l_n, each with its l2 term."""
        return self.begin(theta, x, y, stats).losses

    def logit_gradients(self, theta, x, y, stats=None):
        """(n, C) dl_n/dz_n: p - y for the cross-entropies. A forward pass, no backward."""
        return self.begin(theta, x, y, stats).logit_gradients

    def last_layer(self, theta, x, y, stats=None):
        """(a, h), (n, C) and (n, i): the gradient in the last Linear layer is W: h_n a_n' and b: a_n."""
        if not isinstance(self.chain.layers[-1], Linear):
            raise ValueError(f"last_layer needs a network that ends in Linear, got {self.chain.layers[-1]!r}")
        begun = self.begin(theta, x, y, stats)
        return begun.logit_gradients, begun.caches[-1]

    def step(self, theta, x, y, weights=None, stats=None) -> Step:
        """Gradient, losses, logits and batch statistics from one pass forward and one back."""
        begun = self.begin(theta, x, y, stats)
        return Step(self.finish(theta, begun, weights), begun.losses, begun.logits, begun.statistics)

    def begin(self, theta, x, y, stats=None) -> Pass:
        """The forward half of `step`. Its losses and logit gradients may decide the weights of `finish`."""
        x, y = dense("x", x), _near(theta, "y", dense("y", y))
        examples, targets = (array.shape[0] if array.ndim else "no" for array in (x, y))
        if examples != targets or examples in (0, "no"):
            raise ValueError(f"x has {examples} examples and y has {targets}; they must agree and not be empty")
        z, caches = self.forward(theta, x, stats)
        losses, dz = self.loss.both(z, y)
        if self.loss.l2:
            losses = losses + 0.5 * self.loss.l2 * matmul(theta, theta)
        statistics = self.chain.batch_statistics(caches) if stats is None and self.statistics else None
        return Pass(losses, dz, z, statistics, caches)

    def finish(self, theta, begun: Pass, weights=None):
        """(d,) gradient of (1/n) sum_n weights_n l_n, over all n of `begun`, which must be of the same theta.
        Where weights (n,) are on the host, only examples of non-zero weight go backward, unless they are coupled.
        """
        xp, c = array_module(theta), self._coefficients(begun.logits, weights)
        dz, caches, rows = c * begun.logit_gradients, begun.caches, np.arange(len(c))
        if weights is not None and array_module(weights) is np and begun.statistics is None:
            rows = np.flatnonzero(weights)
        if 0 < len(rows) < len(c):
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
        xp, (signals, along) = array_module(theta), self._signals(theta, x, y, stats)
        square = sum(layer.square_norms(cache, dy) for layer, _, cache, dy in signals)
        if self.loss.l2:  # |g + l2 theta|^2
            square += 2 * along() + self.loss.l2**2 * matmul(theta, theta)
        return xp.sqrt(xp.maximum(square, 0))

    def gradient_gram(self, theta, x, y, stats=None):
        """(n, n) inner products of the gradients of l_n and l_m, layer by layer: (A A')(D D') for Linear."""
        signals, along = self._signals(theta, x, y, stats)
        gram = sum(layer.gram(cache, dy) for layer, _, cache, dy in signals)
        if self.loss.l2:
            gram += along()[:, None] + along()[None, :] + self.loss.l2**2 * matmul(theta, theta)
        return gram

    def hvp(self, theta, x, y, v, weights=None, stats=None):
        """H v, shaped as v (d,) or (k, d), by Pearlmutter's R-operator; H is the Hessian of what `gradient` is of."""
        begun, v = self.begin(theta, x, y, stats), _like(theta, "v", v)
        if v.shape[-1:] != theta.shape or v.ndim > 2:
            raise ValueError(f"v must be (d,) or (k, d) with d = {self.size}, got {v.shape}")
        c, caches, kept = self._coefficients(begun.logits, weights), begun.caches, []
        self.chain.backward(theta, caches, c * begun.logit_gradients, None, need_dx=False, kept=kept)
        HV = array_module(theta).empty_like(V := v.reshape(-1, self.size))
        for k in range(len(V)):
            Rz, Rcaches = self.chain.tangent(theta, caches, V[k], None)
            Rdz = c * self.loss.hessian(begun.logits, y, Rz)
            self.chain.backward_tangent(theta, caches, kept, V[k], Rcaches, Rdz, HV[k], need_dx=False)
        if self.loss.l2:
            HV += self.loss.l2 * c.sum() * V
        return HV.reshape(v.shape)

    def hessian_diagonal(self, theta, x, y, weights=None, stats=None):
        """(d,) exact diagonal of H, for about one gradient per class. Layers must be piecewise linear, batch-norm in
        evaluation mode, weights finite and not negative, and the loss must have a curvature root (ValueError).

        The output is linear in the parameters of any one layer, so the diagonal of H is that of sum_n c_n J' S S' J
        (c_n = weights_n/n >= 0): each column of S, S S' = d2l/dz2, goes back through the network, is squared and added.
        """
        begun, xp = self.begin(theta, x, y, stats), array_module(theta)
        c = self._coefficients(begun.logits, weights)
        if xp is np and not (np.isfinite(c) & (c >= 0)).all():
            raise ValueError("hessian_diagonal needs weights that are finite and not negative")
        S = self.loss.curvature_root(begun.logits, y) * xp.sqrt(c)[:, :, None]  # (n, C, columns)
        signals, squares, diagonal = [], [], xp.empty_like(theta)
        for column in range(S.shape[2]):
            signals = self._kept(theta, begun.caches, S[:, :, column])
            for layer in (layer for layer, *_ in signals if not layer.piecewise_linear):
                raise ValueError(f"hessian_diagonal is exact for piecewise-linear layers only, and {layer} does not "
                                 "declare piecewise_linear = True; use hutchinson_diagonal")  # fmt: skip
            found = [layer.squares(cache, dy) if layer.size else 0 for layer, _, cache, dy in signals]
            squares = [before + more for before, more in zip(squares, found)] if squares else found
        for (layer, part, cache, _), square in zip(signals, squares):
            diagonal[part] = layer.square_sum(cache, square)
        return diagonal + self.loss.l2 * c.sum() if self.loss.l2 else diagonal

    def _check(self, theta) -> None:
        if not isinstance(theta, array_module(theta).ndarray) or theta.dtype.kind != "f":
            came = f"{shown(theta)} of {getattr(theta, 'dtype', 'no type')}"
            raise TypeError(f"theta must be an array of floats, as `initialize` gives it, got {came}")
        if theta.shape != (self.size,):
            raise ValueError(f"theta has shape {theta.shape}, but this network has {self.size} parameters")

    def _coefficients(self, z, weights):
        """(n, 1) weights_n / n, on the device of z."""
        n, xp = len(z), array_module(z)
        if weights is None:
            return xp.full((n, 1), 1 / n, dtype=z.dtype)
        if (weights := dense("weights", weights)).shape != (n,):
            raise ValueError(f"weights must have shape ({n},), one an example, got {weights.shape}")
        return xp.asarray(weights).astype(z.dtype)[:, None] / n

    def _kept(self, theta, caches, dz):
        """(layer, slice of theta, cache, dy) of each layer that dz (n, C) reaches on its way back."""
        self.chain.backward(theta, caches, dz, None, need_dx=False, kept=(kept := []))
        return list(self.chain.leaves(caches, kept))

    def _signals(self, theta, x, y, stats):
        """`_kept` of each layer with parameters; l2 times (n,) the data gradients' products with theta, when called."""
        _, dz, _, _, caches = self.begin(theta, x, y, stats)
        signals = [signal for signal in self._kept(theta, caches, dz) if signal[0].size]
        return signals, lambda: self.loss.l2 * (dz * self.chain.tangent(theta, caches, theta, None)[0]).sum(1)


def _like(theta, name: str, value):
    """`value` as an array of theta's type; ValueError if it is on another device."""
    return _near(theta, name, dense(name, value)).astype(theta.dtype, copy=False)


def _near(theta, name: str, array):
    """The array, if it is on theta's device."""
    if device_of(array) != device_of(theta):
        raise ValueError(f"{name} is on {device_of(array)} but theta on {device_of(theta)}; move one with to_device")
    return array
