"""InfoBatch: skip a random half of the easy examples, and count the other half of them twice (Qin et al., 2024).

    1  before an epoch: an example is easy if its stored loss is below the mean of all stored losses
    2  drop each easy example with probability q; the easy ones that stay weigh 1/(1 - q), all others 1
    3  train on what is left, m at a time; store the loss of each example as the step computes it (free)
    4  from progress delta on, to the end of training: all the data, with weight 1

E[sum of w_i g_i over the kept] = sum of all g_i: unbiased for the SUM over an epoch. A step is on average n/|kept|
times the mean gradient, and an epoch has |kept|/n as many (test_a_step_is_n_over_kept_times_the_mean_gradient).

This follows the authors' code, not the paper's text. Pinned in tests/unit/selection/test_infobatch.py:
    - the first stored losses are all alike, so the first epoch has all the data (test_the_first_epoch_has_all_the_data)
    - easy examples are dropped independently; the code keeps a fixed number (test_the_epoch_sum_is_unbiased)
    - a pruned epoch ends at delta, a part of the steps or of a limited bill, unfinished; the code leaves weights of
      1/(1 - q) behind it (test_annealing_has_all_the_data_with_weight_one)
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from minicrest.backend import to_numpy
from minicrest.random import stream
from minicrest.selection.base import Subset
from minicrest.selection.method import Method

INITIAL_LOSS = 1.0


def pruned(loss, q: float, draws) -> tuple[np.ndarray, np.ndarray]:
    """Indices and weights (k,) of an epoch, from the stored losses and uniform draws in [0, 1), both (n,)."""
    easy = loss < min(loss.mean(), loss.max())  # 1; a rounded mean may exceed equal losses
    kept = np.flatnonzero(~easy | (draws >= q))  # 2
    return kept, np.where(easy[kept], 1 / (1 - q), 1.0)


def _is_whole(subset, n: int) -> bool:
    """Whether an epoch has all n examples with weight 1; where chance dropped none, the easy ones have another."""
    return len(subset.indices) == n and bool((subset.weights == 1).all())


@dataclass(frozen=True)
class Epochs:
    """The epoch under way, the latest loss of each example, and how many examples each epoch had."""

    loss: np.ndarray  # (n,) float64
    subset: Subset | None = None  # weights of mean n/k, not 1
    sizes: np.ndarray | None = None  # (e,) int64


@dataclass(frozen=True)
class InfoBatch(Method):
    """Unbiased pruning of small losses. m: batch size.  q: chance to drop one.  delta: part of training that prunes."""

    m: int = 128
    q: float = 0.5
    delta: float = 0.875
    paper = "Qin et al., ICLR 2024, arXiv 2303.04947"
    price = "a step 3 m; a selection is free"
    limits = {"m": 1, "q": "[0, 1)", "delta": "[0, 1]"}

    def init(self, oracle) -> Epochs:
        return Epochs(np.full(len(oracle), INITIAL_LOSS), sizes=np.zeros(0, dtype=np.int64))

    def propose(self, state, oracle):
        annealing = oracle.progress >= self.delta
        over = state.subset is None or state.subset.passes(self.m) == 1
        if over or (annealing and not _is_whole(state.subset, len(oracle))):
            state = self._open(state, oracle, 0.0 if annealing else self.q)  # 4
        batch, subset = state.subset.next_batch(oracle, self.m, "infobatch")  # 3
        return batch, replace(state, subset=subset)

    def _open(self, state, oracle, q: float) -> Epochs:
        epoch = len(state.sizes)
        indices, weights = pruned(state.loss, q, stream(oracle.seed, "infobatch", "drop", epoch).random(len(oracle)))
        return replace(state, subset=Subset(indices, weights, epoch), sizes=np.append(state.sizes, len(indices)))

    def observe(self, state, feedback) -> Epochs:
        loss = state.loss.copy()
        loss[feedback.indices] = to_numpy(feedback.losses)  # 3
        return replace(state, loss=loss)

    def report(self, state) -> dict:
        """loss (n,): the latest of each example; epoch_size (e,): how many examples each epoch had."""
        return {"loss": state.loss, "epoch_size": state.sizes}
