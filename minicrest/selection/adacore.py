"""AdaCore: coresets by preconditioned gradients (Pooladzandi, Davini, Mirzasoleiman, ICML 2022, arXiv 2207.13887).

Examples that differ along a flat direction have nearly the same gradient, but very different steps of Newton's method.
So AdaCore runs CRAIG on q_i = H^-1 g_i, H diagonal, both smoothed. The letters are the paper's:

    1  every R passes over the subset: one forward pass over ALL n examples gives g_i, the logits' gradient p_i - y_i
    2  diag(H) = z * (H z) with random signs z (Hutchinson), on b_H random examples
    3  g_i = moving average (beta1) of example i's gradients; D = root of the moving average (beta2) of diag(H)^2
    4  q_i = g_i / (D + damping)^power
    5  in each class, its share of the k places: S = the medoids of the q_i by greedy facility location
    6  train on S in mini-batches of m, weighted by gamma_j = size of j's cluster, scaled to mean 1 over S

Departures, and decisions where the paper is silent, in tests/unit/selection/test_adacore.py; the rest is as in `craig`:
    - p_i - y_i is the gradient in the last layer's bias, so H is the Hessian's block of that bias, (C, C), of diagonal
      mean of p_k (1 - p_k) (test_the_block_is_that_of_the_last_bias). features="last-layer" adds that layer's weights,
      in memory n x C (i + 1) (test_last_layer_features_are_the_whole_gradient_of_logistic_regression).
    - all examples share one H, an expectation over the data, where the paper writes H_{t,j}. A selection makes
      `estimates` of it, each from other examples and signs, 0 outside of the block (test_estimates_are_unbiased).
    - gradients are averaged with beta1, where the paper prints beta2; averages are never reset (test_averages).
    - damping stands inside the power: then power=0, beta1=0 is CRAIG to the last bit (test_power_zero_is_craig); but q
      is invariant to the scale of the loss only where D is much larger (test_scale_of_the_loss).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from minicrest.backend import array_module
from minicrest.batch import uniform
from minicrest.random import stream
from minicrest.selection.base import FACTS, Subset, finite, medoid_subset, subset_size
from minicrest.selection.method import Method
from minicrest.taylor import MovingAverage, hutchinson_diagonal, rademacher, root_mean_square

SELECTION = ("select_step", *FACTS, "smallest_D", "largest_D")  # the columns of a selection's row


def precondition(g, D, power: float = 1.0, damping: float = 0.0):
    """q_i = g_i / (D + damping)^power for gradients g (n, C) and a curvature D (C,), D >= 0; for power 0, g."""
    return g / (D + damping) ** power


@dataclass(frozen=True)
class AdaCoreState:
    """The subset in use, the steps so far, the two averages, and a row for each selection."""

    gradients: MovingAverage  # of (n, C)
    squares: MovingAverage  # of (C,)
    step: int = 0
    subset: Subset | None = None
    selected: np.ndarray = field(default_factory=lambda: np.zeros((0, len(SELECTION))))  # (s, 6), L(S) of the q_i


@dataclass(frozen=True)
class AdaCore(Method):
    """Medoids of the preconditioned gradients, class by class.

    m: batch size.  fraction: k/n.  R: passes over the subset between selections.  b_H: examples of an estimate of H.
    estimates: of H, in a selection.  beta1, beta2: moving averages of gradients and diag(H)^2.  power: of H.  damping:
    in units of H.  curvature: "hutchinson", "exact" (nets with an exact diagonal).  features: "logits", "last-layer".
    """

    m: int = 128
    fraction: float = 0.1
    R: int = 1
    b_H: int = 64
    estimates: int = 1
    beta1: float = 0.9
    beta2: float = 0.999
    power: float = 1.0
    damping: float = 1e-4
    curvature: str = "hutchinson"
    features: str = "logits"
    paper = "Pooladzandi, Davini, Mirzasoleiman, ICML 2022, arXiv 2207.13887"
    price = "a step 3 m; a selection n + 4 b_H estimates (exact: n + (1 + 2 C) b_H estimates), every R passes (3 R k)"
    limits = {"m": 1, "fraction": "(0, 1]", "R": 1, "b_H": 1, "estimates": 1, "beta1": "[0, 1)", "beta2": "[0, 1)",
              "power": "[0, 1]", "damping": "(0, inf)", "curvature": ("hutchinson", "exact"),
              "features": ("logits", "last-layer")}  # fmt: skip

    def init(self, oracle) -> AdaCoreState:
        return AdaCoreState(MovingAverage(self.beta1), MovingAverage(self.beta2))

    def propose(self, state, oracle):
        if state.subset is None or state.subset.passes(self.m) >= self.R:
            state = self._select(state, oracle)
        batch, subset = state.subset.next_batch(oracle, self.m, "adacore")  # 6
        return batch, replace(state, subset=subset, step=state.step + 1)

    def report(self, state) -> dict:
        """For every selection: its step, L(S), largest gamma, the equal weights it is worth, and the range of D."""
        return dict(zip(SELECTION, state.selected.T))

    def _select(self, state, oracle) -> AdaCoreState:
        number = len(state.selected)
        gradients = state.gradients.update(finite("gradients", self._gradients(oracle)))  # 1, 3
        with oracle.phase("model"):
            squares = self._squares(state.squares, oracle, number, gradients.total.shape[1])  # 2, 3
        D, k = root_mean_square(squares), subset_size(self.fraction, len(oracle))
        q = precondition(gradients.mean, D, self.power, self.damping)  # 4
        subset, facts = medoid_subset(oracle, q, k, number)  # 5
        selected = np.vstack([state.selected, [state.step, *facts, float(D.min()), float(D.max())]])
        return replace(state, subset=subset, gradients=gradients, squares=squares, selected=selected)

    def _gradients(self, oracle):
        """(n, size) gradients of all examples in the LAST `size` entries of theta: b, or W and b, of the last layer."""
        a, h = oracle.last_layer(np.arange(len(oracle)))
        if self.features == "logits":
            return a
        return array_module(a).concatenate([(h[:, :, None] * a[:, None, :]).reshape(len(a), -1), a], axis=1)

    def _squares(self, squares, oracle, number: int, size: int):
        """The average after this selection's estimates of diag(H) in the last `size` entries of theta."""
        for e in range(self.estimates):
            draw = stream(oracle.seed, "adacore", "examples", number, e)
            batch = uniform(draw.choice(len(oracle), min(self.b_H, len(oracle)), replace=False))
            H = self._diagonal(oracle, batch, size, stream(oracle.seed, "adacore", "probe", number, e))
            squares = squares.update(H * H)
        return squares

    def _diagonal(self, oracle, batch, size: int, rng):
        """(size,) exact, or from one probe, whose zeros keep out the noise of the rest of H."""
        if self.curvature == "exact":
            return oracle.hessian_diagonal(batch)[-size:]
        signs = rademacher(rng, (1, size), oracle.dtype, oracle.device)
        xp = array_module(signs)
        probe = xp.concatenate([xp.zeros((1, oracle.size - size), signs.dtype), signs], axis=1)
        return hutchinson_diagonal(lambda z: oracle.hvp(batch, z), probe)[-size:]
