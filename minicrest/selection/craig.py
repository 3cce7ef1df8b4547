"""CRAIG: coresets of the data by their gradients (Mirzasoleiman, Bilmes, Leskovec, ICML 2020, arXiv 1906.01827).

If every example lies close to a chosen one in gradient space, the chosen, each weighted by the number it represents,
have nearly the full gradient: |sum_i g_i - sum_j gamma_j g_j| <= L(S) = sum_i min_{j in S} |g_i - g_j|. Minimizing L is
facility location, which greedy solves well. The letters are the paper's:

    1  every R passes over the subset: one forward pass over ALL n examples gives a_i = p_i - y_i
    2  in each class, its share of the k places: S = the medoids of the a_i by greedy facility location
    3  gamma_j = size of j's cluster, scaled to mean 1 over S
    4  train on S in mini-batches of m, shuffled anew for every pass; an example keeps its weight

The convex form, features="raw", does 2 and 3 once, on the inputs: for a linear model and two examples of ONE class,
|g_i - g_j| is at most a constant times |x_i - x_j|. Decisions pinned in tests/unit/selection/test_craig.py:
    - k is given; classes share it by largest remainder. A class without a place is not trained on, and L(S), which
      `report` gives, counts it (test_a_class_without_a_place_is_in_the_certificate).
    - gamma has mean 1, as in the authors' code; the paper's gamma of sum n is a step size n/k times larger
      (test_weights_have_mean_one_and_are_inherited).
    - a medoid of weight 0 (a duplicate of an earlier one) is left out (test_duplicates_are_left_out).
    - an "epoch" is a pass over the subset, ceil(k/m) steps (test_it_selects_anew_after_R_passes).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from minicrest.selection.base import FACTS, Subset, finite, medoid_subset, subset_size
from minicrest.selection.method import Method

SELECTION = ("select_step", *FACTS)  # the columns of a selection's row


@dataclass(frozen=True)
class CraigState:
    """The steps so far, the subset in use, and a row for each selection."""

    step: int = 0
    subset: Subset | None = None
    selected: np.ndarray = field(default_factory=lambda: np.zeros((0, len(SELECTION))))  # (s, 4)


@dataclass(frozen=True)
class Craig(Method):
    """Medoids of the gradients p - y, class by class, weighted by the sizes of their clusters.

    m: batch size.  fraction: k/n.  R: passes over the subset between selections.  features: "logits" or "raw".
    """

    m: int = 128
    fraction: float = 0.1
    R: int = 1
    features: str = "logits"
    paper = "Mirzasoleiman, Bilmes, Leskovec, ICML 2020, arXiv 1906.01827"
    price = "a step 3 m; a selection n, every R passes over the subset (3 R k); features='raw': steps only"
    limits = {"m": 1, "fraction": "(0, 1]", "R": 1, "features": ("logits", "raw")}

    def init(self, oracle) -> CraigState:
        if self.features == "logits":
            return CraigState()
        return self._select(CraigState(), oracle, oracle.raw(np.arange(len(oracle))).reshape(len(oracle), -1))

    def propose(self, state, oracle):
        if state.subset is None or (self.features == "logits" and state.subset.passes(self.m) >= self.R):
            a = oracle.logit_gradients(np.arange(len(oracle)))  # 1
            state = self._select(state, oracle, finite("gradients", a))
        batch, subset = state.subset.next_batch(oracle, self.m, "craig")  # 4
        return batch, replace(state, subset=subset, step=state.step + 1)

    def report(self, state) -> dict:
        """For every selection: its step, L(S), the largest gamma, and how many equal weights gamma is worth."""
        return dict(zip(SELECTION, state.selected.T))

    def _select(self, state, oracle, features) -> CraigState:
        k, number = subset_size(self.fraction, len(oracle)), len(state.selected)
        subset, facts = medoid_subset(oracle, features, k, number)  # 2, 3
        return replace(state, subset=subset, selected=np.vstack([state.selected, [state.step, *facts]]))
