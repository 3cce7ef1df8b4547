"""Thinning: go forward through m examples and back through few of them, each weighted by one over its chance.

Most of a backward pass, which costs two forward passes, is spent on examples whose gradient is nearly zero. The
logits' gradient p - y, which the forward pass gives for free, tells which. The method is minicrest's own:

    1  V: the next m examples of a shuffled pass over the data
    2  a forward pass over V gives a_i = p_i - y_i; s_i = |a_i|                                    price m
    3  tau^2 = max_k 2 (s_(1)^2 + ... + s_(k)^2) / (m + 2 k), where s_(1) >= s_(2) >= ...          free
    4  keep example i with probability pi_i = max(low, min(1, s_i / tau)), independently           free
    5  step on (1/m) sum over the kept of g_i / pi_i: the forward pass is that of step 2          price 2 |kept|

The step is unbiased for the mean gradient of V, whatever pi > 0. If |g_i| <= L s_i, its variance given V is at most
(L^2/m^2) sum_i s_i (tau - s_i)_+, and for random V its mean square error about the full gradient is below
(L^2/m) E[s^2/pi]. With low = 0 this pi minimises the price times that bound (theory/thinning_bounds.py derives all of
this). Where the bound on |g_i| is poor, `low` keeps the variance given V below (1/low - 1)/m times the mean of |g_i|^2.

Kin: importance sampling by a bound from the last layer (arXiv 1803.00942); minimal variance sampling (Ibragimov, Gusev,
NeurIPS 2019) has this form of pi, for the number kept as price. Through batch-norm a step goes back through all of V.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minicrest.backend import to_numpy
from minicrest.ledger import PRICE
from minicrest.random import stream
from minicrest.selection.base import Passes


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
class Thinning(Passes):  # 1
    """Back through what matters. m: examples that pass forward.  low: least probability to be kept; 1 keeps all."""

    m: int = 128
    low: float = 0.1
    name = "thinning"
    paper = "minicrest's own; kin of Katharopoulos, Fleuret, ICML 2018, arXiv 1803.00942"
    price = "a step m + 2 kept (3 m through batch-norm); a selection is free"
    limits = {"m": 1, "low": "[0, 1]"}

    def choose(self, state, feedback) -> np.ndarray:
        """(m,) 1/pi_i for the kept, 0 for the others."""
        a = to_numpy(feedback.logit_gradients).astype(np.float64)
        pi = chances(np.sqrt((a * a).sum(1)), self.low)  # 2, 3
        draws = stream(feedback.seed, "thinning", "keep", state.step).random(len(pi))
        return np.where(draws < pi, 1 / np.maximum(pi, np.finfo(np.float64).tiny), 0.0)  # 4, 5
