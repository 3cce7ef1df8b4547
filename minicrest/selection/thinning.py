"""Thinning: go forward through m examples and back through few of them, each weighted by one over its chance.

A backward pass costs twice a forward pass, and most of it is spent on examples whose gradient is nearly zero. The
logits' gradient p - y, which the forward pass gives for free, tells which. The method is minicrest's own:

    1  V: the next m examples of a shuffled pass over the data
    2  a forward pass over V gives a_i = p_i - y_i; s_i = |a_i|                                    price m
    3  tau^2 = max_k 2 (s_(1)^2 + ... + s_(k)^2) / (m + 2 k), where s_(1) >= s_(2) >= ...          free
    4  keep example i with probability pi_i = max(low, min(1, s_i / tau)), independently           free
    5  step on (1/m) sum over the kept of g_i / pi_i: the forward pass is that of step 2          price 2 |kept|

The step is unbiased for the mean gradient of V, whatever pi > 0. If |g_i| <= L s_i, its variance given V is at most
(L^2/m^2) sum_i s_i (tau - s_i)_+. For random V its mean square error about the gradient of all examples is below
(L^2/m) E[s^2/pi]; of all choices of pi, this one minimises the price times that bound, which is never above what going
back through all of V has, and as low as a third of it (theory/thinning_bounds.py derives all of this). `low` keeps
weights below 1/low where the bound on |g_i| is a poor one: the variance given V is then at most (1/low - 1)/m times
the mean of |g_i|^2.

Kin: importance sampling by a bound from the last layer (Katharopoulos, Fleuret, ICML 2018, arXiv 1803.00942) draws with
replacement from a larger batch; minimal variance sampling (Ibragimov, Gusev, NeurIPS 2019) has the same form of pi for
boosted trees, where the price is the number kept. Neither text could be read here; the kinship is by theory.

The forward pass is the training step's own: augmented, batch-norm in training mode. Through batch-norm every example
reaches every other's gradient: then the step goes back through all of V, and thinning saves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from minicrest.arguments import number, whole
from minicrest.backend import to_numpy
from minicrest.batch import uniform
from minicrest.ledger import PRICE
from minicrest.random import stream
from minicrest.selection.base import Counter, epoch_slice
from minicrest.selection.method import Method


def threshold(s, forward: float = PRICE["forward"], backward: float = PRICE["backward"]) -> float:
    """tau of scores s (m,): it minimises (forward m + backward sum pi) sum s^2 / pi over tau, pi = min(1, s / tau)."""
    squares = np.cumsum(np.sort(s)[::-1] ** 2)
    k = np.arange(1, len(s) + 1)
    return float(np.sqrt((backward * squares / (forward * len(s) + backward * k)).max()))


def chances(s, low: float = 0.0) -> np.ndarray:
    """(m,) pi_i = max(low, min(1, s_i / tau)) for scores s (m,) >= 0; 1 for all where every score is 0."""
    largest = s.max()
    if largest == 0:
        return np.ones(len(s))
    s = s / largest  # squares of very small scores would underflow
    return np.maximum(low, np.minimum(1, s / threshold(s)))


@dataclass(frozen=True)
class Thinning(Method):
    """One forward pass over m examples, one backward pass over those that matter.

    m: examples of the forward pass.  low: least probability to be kept, in [0, 1]; 1 keeps all.
    """

    m: int = 128
    low: float = 0.1
    paper = "minicrest's own; kin of Katharopoulos, Fleuret, ICML 2018, arXiv 1803.00942"
    price = "a step m + 2 kept (3 m through batch-norm); a selection is free"

    def __post_init__(self):
        whole("m", self.m, 1)
        number("low", self.low, "[0, 1]")

    def init(self, oracle) -> Counter:
        return Counter()

    def propose(self, state, oracle):
        V = epoch_slice(oracle, len(oracle), self.m, state.step, "thinning")  # 1
        return uniform(V), replace(state, step=state.step + 1)

    def choose(self, state, feedback) -> np.ndarray:
        """(m,) 1/pi_i for the kept, 0 for the others."""
        a = to_numpy(feedback.logit_gradients).astype(np.float64)
        pi = chances(np.sqrt((a * a).sum(1)), self.low)  # 2, 3
        draws = stream(feedback.seed, "thinning", "keep", state.step).random(len(pi))
        return np.where(draws < pi, 1 / np.maximum(pi, np.finfo(np.float64).tiny), 0.0)  # 4, 5
