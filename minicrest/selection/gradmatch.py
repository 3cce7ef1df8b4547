"""GradMatch: a weighted subset whose gradient matches that of all the data (Killamsetty, Sivasubramanian,
Ramakrishnan, De, Iyer, ICML 2021, arXiv 2103.00123).

The letters are the paper's: k examples of n, E_lam(X) = min_{w >= 0} |sum_{i in X} w_i g_i - G|^2 + lam |w|^2.

    1  warm start: while less than kappa of the training is done, plain epochs over all the data
    2  every R epochs of ceil(k/m) steps: g_i = i's gradient in the last layer, from one forward pass over all n
    3  per class: G = sum of the g_i of the class; orthogonal matching pursuit finds its share of the k:
       a  r = G, X = {}
       b  e = the element outside X with the largest g_e . r; stop where none is positive: no larger X lowers E_lam
       c  w = argmin over w >= 0 of |sum_{i in X + e} w_i g_i - G|^2 + lam |w|^2; X = those with w_i > 0
       d  r = G - sum_{i in X} w_i g_i; go on while |X| < the share
    4  if fewer than k were found, random examples of weight 1 fill the rest, as in the authors' code
    5  train on the k, m at a time, weighted by w scaled to mean 1

`elements` says what is matched: "class-gradient" (PerClassPerGradient, the authors' default: of the last layer only
the row of the example's class, h + 1 numbers), "class" (PerClass: all C (h + 1) numbers), or "batch" (PerBatch: k/B
random mini-batches' mean gradients; examples inherit their batch's weight). features="logits": g = p - y.

Departures from the paper and its code, pinned in tests/unit/selection/test_gradmatch.py:
    - b looks outside X only; the code may pick an element again and give up, for with lam > 0 it keeps g . r = lam w
      (test_a_chosen_element_is_never_picked_again).
    - an element whose weight falls to 0 leaves X and may come back (in the code it stays one of the k): this is Lawson
      and Hanson's non-negative least squares, ended at k (test_weights_are_positive_and_elements_may_leave).
    - shares of classes are by largest remainder, so that k is k (test_shares_add_up_to_k); the code rounds each up.
    - B = min(m, k), and what remains of k is filled too (test_budget_is_exact). The sum of a smaller, last batch is
      divided by B too (test_a_smaller_batch_counts_as_it_should).
    - the warm start is a part of the steps, or of a limited bill (test_warm_start_takes_its_part).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import scipy  # its parts load when they are first used

from minicrest.backend import to_numpy
from minicrest.batch import uniform, weighted
from minicrest.random import stream
from minicrest.selection.base import Subset, epoch_slice, finite, first_copies, need_classes, subset_size
from minicrest.selection.method import Method
from minicrest.submodular import quotas
from minicrest.threads import one_blas_thread

SMALLEST = 1e-10  # of |g| |G|: correlations below it are rounding; the paper's text stops at E <= 1e-10
WELL_CONDITIONED = 1e-6  # lam of the trace of the Gram matrix: the normal equations then keep 10 digits


class Match(NamedTuple):
    """What matching pursuit chose, in order."""

    indices: np.ndarray  # (p,) int64, p <= k
    weights: np.ndarray  # (p,) float64, positive
    error: float  # E_lam


@dataclass(frozen=True)
class GradMatchState:
    """What GradMatch knows between two steps."""

    warm: int = 0  # batches of the warm start proposed
    subset: Subset | None = None
    matches: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))  # a row a selection: matched, E / |G|^2


@dataclass(frozen=True)
class GradMatch(Method):
    """A weighted subset that matches the gradient, chosen anew every R epochs over it.

    m: batch size.  fraction: k/n.  R: epochs over the subset between selections.  lam (None: 0.5, or 0 per batch).
    kappa: part of the training that is warm start.  elements, features ("last-layer" or "logits"): see above.
    """

    m: int = 128
    fraction: float = 0.1
    R: int = 20
    lam: float | None = None
    kappa: float = 0.0
    elements: str = "class-gradient"
    features: str = "last-layer"
    paper = "Killamsetty, Sivasubramanian, Ramakrishnan, De, Iyer, ICML 2021, arXiv 2103.00123"
    price = "a step 3 m; a selection n, a forward pass over all the data (matching is arithmetic: seconds, no passes)"
    limits = {"m": 1, "fraction": "(0, 1]", "R": 1, "lam": "[0, inf)", "kappa": "[0, 1)",
              "elements": ("class-gradient", "class", "batch"), "features": ("last-layer", "logits")}  # fmt: skip

    def __post_init__(self):
        super().__post_init__()
        scipy.optimize.nnls  # noqa: B018 loads its BLAS here, before a training keeps all to one thread
        if (self.elements, self.features) == ("class-gradient", "logits"):
            raise ValueError("of the logits' gradient one class is a single number: use elements 'class' or 'batch'")

    def init(self, oracle) -> GradMatchState:
        if self.elements != "batch":
            need_classes(f"elements={self.elements!r}", oracle.labels, "use elements='batch'")
        return GradMatchState()

    def propose(self, state, oracle):
        if state.subset is None and oracle.progress < self.kappa:  # 1
            i = epoch_slice(oracle, len(oracle), self.m, state.warm, "gradmatch warm start")
            return uniform(i), replace(state, warm=state.warm + 1)
        if state.subset is None or state.subset.passes(self.m) >= self.R:
            state = self._select(state, oracle)
        batch, subset = state.subset.next_batch(oracle, self.m, "gradmatch")  # 5
        return batch, replace(state, subset=subset)

    def report(self, state) -> dict:
        """For every selection: how many examples were matched (the rest are filled in), and sum E_lam / sum |G|^2."""
        return dict(matched=state.matches[:, 0].astype(np.int64), error=state.matches[:, 1])

    def _select(self, state, oracle) -> GradMatchState:
        n, number = len(oracle), len(state.matches)
        k, gamma, error, size = subset_size(self.fraction, n), np.zeros(n), 0.0, 0.0
        lam = (0.0 if self.elements == "batch" else 0.5) if self.lam is None else self.lam
        for groups, G, share in self._problems(oracle, k, number):
            target = G.sum(0)
            match = omp(G, target, share, lam)  # 3
            for e, w in zip(match.indices, match.weights):
                gamma[groups[e]] = w
            error, size = error + match.error, size + target @ target
        matched = np.count_nonzero(gamma)
        rng = stream(oracle.seed, "gradmatch", "fill", number)
        gamma[rng.choice(np.flatnonzero(gamma == 0), k - matched, replace=False)] = 1  # 4
        matches = np.vstack([state.matches, [float(matched), error / size if size else 0.0]])
        return replace(state, subset=Subset(*weighted(np.arange(n), gamma), number), matches=matches)

    def _problems(self, oracle, k: int, number: int):
        """Each matching problem: the examples of each element, G (elements, d), and how many to choose."""
        a, h = self._gradients(oracle)
        if self.elements == "batch":
            B = min(self.m, k)
            order = stream(oracle.seed, "gradmatch", "batches", number).permutation(len(a))
            groups = [order[start : start + B] for start in range(0, len(a), B)]
            yield groups, np.stack([(a[i].T @ h[i]).ravel() / B for i in groups]), k // B
            return
        classes, sizes = np.unique(oracle.labels, return_counts=True)
        one = self.elements == "class-gradient" and a.shape[1] > 1
        for label, share in zip(classes, quotas(sizes, k)):
            i = np.flatnonzero(oracle.labels == label)
            rows = np.array([label]) if one else np.arange(a.shape[1])
            G = a[i][:, rows, None] * h[i][:, None, :]  # (members, C or 1, h + 1)
            yield i, G.reshape(len(i), -1), share

    def _gradients(self, oracle):
        """(a, h~), (n, C) and (n, h + 1) on the host: example i's gradient in the last layer is a_i h~_i'."""
        everyone, logits = np.arange(len(oracle)), self.features == "logits"
        arrays = [oracle.logit_gradients(everyone)] if logits else oracle.last_layer(everyone)  # 2
        a, *h = (finite("gradients", to_numpy(array).astype(np.float64)) for array in arrays)
        return a, np.column_stack([*h, np.ones(len(a))])  # the bias sees a 1


@one_blas_thread()
def omp(G, target, k: int, lam: float) -> Match:
    """Non-negative orthogonal matching pursuit: at most k rows of G (n, d) whose weighted sum is near target (d,).

    At the end g_i . r = lam w_i for the chosen, r = target - sum w_i g_i; where fewer than k are chosen, g_e . r <= 0
    for all others (to SMALLEST), so that E_lam is the smallest of any set. Equal rows of G go to the lowest index. In
    one thread: threads that wait for each other took 40 times as long. Raises Diverged where an input is not finite.
    """
    G, target = (finite("gradients", np.asarray(array, dtype=np.float64)) for array in (G, target))
    copies = first_copies(G)
    X, w, r, error = np.zeros(0, dtype=np.int64), np.zeros(0), target, target @ target  # a
    nothing = SMALLEST * np.sqrt((G * G).sum(1).max() * error)
    while len(X) < k:
        gain = (G @ r)[copies]  # (n,) -1/2 dE/dw_e where w_e = 0; equal rows, equal gains
        gain[X] = -np.inf
        e = gain.argmax()  # b
        if gain[e] <= nothing:
            break
        trial = np.append(X, e)
        v = _least_squares(G[trial], target, lam)  # c
        residual = target - v @ G[trial]  # d
        reached = residual @ residual + lam * (v @ v)
        if (reached, len(X)) >= (error, np.count_nonzero(v)):  # neither fell E nor grew X: only rounding is left
            break
        X, w, r, error = trial[v > 0], v[v > 0], residual, reached
    return Match(X, w, float(error))


def _least_squares(A, target, lam: float) -> np.ndarray:
    """(p,) argmin over w >= 0 of |A' w - target|^2 + lam |w|^2, for the rows of A (p, d)."""
    p, K = len(A), A @ A.T
    if lam > WELL_CONDITIONED * K.trace():
        w = scipy.linalg.solve(K + lam * np.eye(p), A @ target, assume_a="pos")
        if (w > 0).all():  # then it is also the solution with the constraint
            return w
    return scipy.optimize.nnls(np.vstack([A.T, math.sqrt(lam) * np.eye(p)]), np.append(target, np.zeros(p)))[0]
