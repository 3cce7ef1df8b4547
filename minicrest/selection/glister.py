"""GLISTER-ONLINE: the subset whose one gradient step most lowers the loss on held-out examples (Killamsetty,
Sivasubramanian, Ramakrishnan, Iyer, AAAI 2021, arXiv 2012.10630).

The letters are the paper's: S maximises -L_V(w - eta sum_{i in S} g_i), L_V the mean loss on the validation part V.
To first order the gain of e given S is eta g_e . grad L_V(w_S), w_S = w - eta sum_{i in S} g_i. Only the last layer
counts: w = (W, b) with logits z = h W + b and g_i = h~_i a_i', where a = p - y, and h~ is h with a 1 appended for b:

    1  every R epochs over the subset: a and h~ of all n examples and of V, from one forward pass over each
    2  M = grad L_V(w_S) = mean over V of h~ a'
    3  e = the example outside S with the largest gain eta h~_e' M a_e; S = S + e
    4  LOOK AHEAD: V's logits are z - eta h~ sum_{i in S} h~_i a_i'; recompute their softmax and a; back to 2 until k
    5  train on the k, m at a time, all with weight 1

Cheaper: `rounds` r < k takes k/r examples between two look-aheads (r-greedy), and `eps` chooses each from
(n/k) ln(1/eps) random ones (stochastic greedy; the authors' code has eps = 0.01). DeepCore never looks ahead: it takes
the k largest first gains (test_gains_are_those_at_w_S).

Departures from the paper, pinned in tests/unit/selection/test_glister.py; a loss's l2 term is left out:
    - target="train" puts all the training examples in V's place, at no additional pass (test_train_target).
    - the logits are recovered from a as log p, since softmax ignores constants. Probabilities below 1e-16 are raised to
      it, and those of an example's own class, p = 1 + a, are rounded to 6e-8 in float32 (test_tiny_probabilities).
    - k is always reached, though late gains may be negative, as steps overshoot (test_late_gains_may_be_negative).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from minicrest.backend import array_module, device_of, to_device, to_numpy
from minicrest.random import stream
from minicrest.selection.base import Subset, finite, first_copies, need_classes, subset_size
from minicrest.selection.method import Method

SMALLEST = 1e-16  # probability: its log, -37, is far from where softmax moves a float64


class Choice(NamedTuple):
    """What the greedy chose, in its order."""

    indices: np.ndarray  # (k,) int64
    gains: np.ndarray  # (k,) float64, at the last look-ahead before each choice
    shift: Any  # (h + 1, C) sum of h~_i a_i' over the chosen, on the device


@dataclass(frozen=True)
class GlisterState:
    """What GLISTER knows between two steps."""

    subset: Subset | None = None
    losses: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))  # a row a selection: L_V at w, and at w_S


@dataclass(frozen=True)
class Glister(Method):
    """The subset that most lowers the loss on held-out data, chosen anew every R epochs over it.

    m: batch size.  fraction: k/n.  R: epochs over the subset between selections.  eta: the look-ahead's step for each
    example.  target: "validation" or "train".  rounds: look-aheads in a selection (None: k).  eps (None: exact greedy).
    """

    m: int = 128
    fraction: float = 0.1
    R: int = 20
    eta: float = 0.05
    target: str = "validation"
    rounds: int | None = None
    eps: float | None = None
    paper = "Killamsetty, Sivasubramanian, Ramakrishnan, Iyer, AAAI 2021, arXiv 2012.10630"
    price = "a step 3 m; a selection n + |V| forward (look-aheads are arithmetic on the last layer: seconds, no passes)"
    limits = {"m": 1, "fraction": "(0, 1]", "R": 1, "eta": "(0, inf)", "target": ("validation", "train"), "rounds": 1,
              "eps": "(0, 1)"}  # fmt: skip

    @property
    def needs_validation(self) -> bool:
        """Whether the data must hold out examples for it."""
        return self.target == "validation"

    def init(self, oracle) -> GlisterState:
        return GlisterState()

    def propose(self, state, oracle):
        if state.subset is None or state.subset.passes(self.m) >= self.R:
            state = self._select(state, oracle)
        batch, subset = state.subset.next_batch(oracle, self.m, "glister")  # 5
        return batch, replace(state, subset=subset)

    def report(self, state) -> dict:
        """For every selection: the target's mean loss, now and after one step of eta on each of the k examples."""
        return dict(zip(("loss", "loss_ahead"), state.losses.T))

    def _select(self, state, oracle) -> GlisterState:
        if oracle.loss.weighs:
            raise ValueError("GLISTER looks ahead through the plain cross-entropy: leave out q and the weights of rows")
        k, number = subset_size(self.fraction, len(oracle)), len(state.losses)
        a, h = last_layer(oracle)  # 1
        held = oracle.validation if self.target == "validation" else oracle
        a_held, h_held = (a, h) if held is oracle else last_layer(held)
        ahead = LookAhead(a_held, h_held, held.labels)
        rng = stream(oracle.seed, "glister", "candidates", number)
        choice = glister(a, h, ahead, k, self.eta, self.rounds, self.eps, rng)  # 2 to 4
        subset = Subset(choice.indices, np.ones(k), number)
        losses = [ahead.loss(0 * choice.shift), ahead.loss(self.eta * choice.shift)]
        return replace(state, subset=subset, losses=np.vstack([state.losses, losses]))


def last_layer(oracle):
    """(a, h~), (n, C) and (n, h + 1): the gradients h~ a' of all its examples; float64, on the device."""
    a, h = (finite("gradients", part.astype("float64")) for part in oracle.last_layer(np.arange(len(oracle))))
    return a, array_module(h).pad(h, ((0, 0), (0, 1)), constant_values=1)


class LookAhead:
    """L_V(shift): the mean loss on V after the last layer's weights (W, b) have moved by -shift (h + 1, C).

    a: (v, C) p - y of the softmax, or (v, 1) of the logistic loss; h: (v, h + 1), both on the device.  labels: (v,).
    """

    def __init__(self, a, h, labels):
        need_classes("looking ahead", labels)
        xp, self.h, self.single = array_module(a), h, a.shape[1] == 1
        classes = np.arange(2 if self.single else a.shape[1])
        self.y = to_device((labels[:, None] == classes).astype(np.float64), device_of(a))  # (v, C) one-hot
        p = self.y + (xp.concatenate([-a, a], axis=1) if self.single else a)
        off = float(xp.maximum(xp.abs(p.sum(1) - 1).max(), -p.min()))
        if not off < 1e-4:  # float32 leaves 1e-6
            raise ValueError(f"a + y is not a probability (off by {off:.3g}): GLISTER looks ahead through a softmax, "
                             "so the loss must be SoftmaxCrossEntropy or LogisticLoss; use another method")  # fmt: skip
        self.z = xp.log(xp.maximum(p, SMALLEST))

    def loss(self, shift) -> float:
        """L_V there."""
        xp, z = array_module(shift), self._logits(shift)
        return float((xp.log(xp.exp(z).sum(1)) - (self.y * z).sum(1)).mean())

    def gradient(self, shift):
        """(h + 1, C) the gradient of L_V in the last layer's weights there: mean of h~ a'."""
        p = array_module(shift).exp(self._logits(shift))
        a = p / p.sum(1, keepdims=True) - self.y
        return self.h.T @ (a[:, 1:] if self.single else a) / len(a)

    def _logits(self, shift):
        """(v, C) up to a constant: the largest of each example is 0."""
        xp, move = array_module(shift), self.h @ shift
        z = self.z - (xp.concatenate([xp.zeros_like(move), move], axis=1) if self.single else move)
        return z - z.max(1, keepdims=True)


def glister(a, h, ahead, k: int, eta: float, rounds: int | None = None, eps: float | None = None, rng=None) -> Choice:
    """Greedy on the first-order gains at w_S of examples with gradients h a', for a (n, C) and h (n, h + 1).

    ahead: a LookAhead, refreshed `rounds` times (None: k).  eps: each round looks only at picks (n/k) ln(1/eps) of the
    others, drawn by rng.  Equal gains go to the lowest index.
    """
    n, taken, shift = len(a), np.zeros(len(a), dtype=bool), array_module(a).zeros((h.shape[1], a.shape[1]))
    copies, chosen, won = first_copies(a, h), np.zeros(0, dtype=np.int64), np.zeros(0)
    for picks in map(len, np.array_split(np.arange(k), min(rounds or k, k))):
        M = ahead.gradient(eta * shift)  # 2, at w_S
        pool, rows = np.arange(n), slice(None)
        if eps is not None:
            size = max(picks, math.ceil(picks * n / k * math.log(1 / eps)))
            pool = np.sort(rng.choice(np.flatnonzero(~taken), min(size, n - len(chosen)), replace=False))
            rows = to_device(pool, device_of(a))
        gains = eta * to_numpy(((h[rows] @ M) * a[rows]).sum(1))
        _, first, copy = np.unique(copies[pool], return_index=True, return_inverse=True)
        gains = gains[first][copy]  # equal rows, equal gains
        gains[taken[pool]] = -np.inf
        best = np.argsort(-gains, kind="stable")[:picks]  # 3
        e = to_device(pool[best], device_of(a))
        shift = shift + h[e].T @ a[e]  # 4
        taken[pool[best]] = True
        chosen, won = np.append(chosen, pool[best]), np.append(won, gains[best])
    return Choice(chosen, won, shift)
