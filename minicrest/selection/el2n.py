"""EL2N: keep the examples that a briefly trained network still gets wrong (Paul, Ganguli, Dziugaite, 2021).

    1  `runs` times: train a freshly initialised network on all the data for t epochs
    2  score: |p_i - y_i|, the distance of its prediction from the one-hot label; the mean over runs
    3  keep the k highest, after setting aside the `offset` n highest (wrong labels score highest of all)
    4  train on them, with weight 1

0 <= EL2N <= sqrt 2, and it is the norm of the last layer's gradient but for the input's: |a| sqrt(|h|^2 + 1).

The preparation is billed: (3 t + 1) n for each run, 610 n at the defaults, as much as 200 epochs of full training. A
comparison at an equal bill leaves nothing to train with; choose smaller `runs` and t, or compare at equal steps.

The paper's text could not be read: runs = 10 and epoch 20 of 200 are recalled, the recipe (batch 128, lr 0.1) seen in
the authors' code. Departures, pinned in tests/unit/selection/test_scores.py:
    - the networks are trained by plain SGD; the authors use Nesterov momentum 0.9, weight decay 5e-4 and a schedule
      (test_a_run_is_plain_SGD_on_all_the_data)
    - equal scores are ranked at random (test_equal_scores_are_ranked_at_random)
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from minicrest.backend import array_module, to_numpy
from minicrest.selection.base import Scored, checked_score, fork_epochs, fork_of_run, keep_highest


def el2n(a):
    """(n,) |p_i - y_i| from the logit gradients a = p - y (n, C)."""
    return array_module(a).sqrt((a * a).sum(axis=-1))


@dataclass(frozen=True)
class EL2N:
    """The highest mean errors |p - y|.

    m: batch size, of the runs too.  fraction: k/n.  t: epochs over all the data before scoring.  runs: networks to
    average over.  lr: step size of the runs.  offset: part of the data dropped from the top, against label noise.
    """

    m: int = 128
    fraction: float = 0.1
    t: int = 20
    runs: int = 10
    lr: float = 0.1
    offset: float = 0.0
    paper = "Paul, Ganguli, Dziugaite, NeurIPS 2021, arXiv 2107.07075"
    cost = "a step 3 m; runs (3 t + 1) n before the first, and no selection after it"

    def __post_init__(self):
        checked_score(self)
        if self.t < 0:
            raise ValueError(f"t counts epochs and is not negative, got {self.t}")

    def init(self, oracle) -> Scored:
        every, total = np.arange(len(oracle)), np.zeros(len(oracle))
        for run in range(self.runs):
            fork = fork_of_run(oracle, "el2n", run)
            for _ in fork_epochs(fork, self.m, self.lr, self.t):  # 1
                pass
            with oracle.phase("score"):
                total += to_numpy(el2n(fork.logit_gradients(every)))  # 2
        return keep_highest(oracle, "el2n", total / self.runs, self.fraction, self.offset)  # 3

    def propose(self, state, oracle):
        batch, subset = state.subset.next_batch(oracle, self.m, "el2n")  # 4
        return batch, replace(state, subset=subset)

    def observe(self, state, feedback) -> Scored:
        return state

    def report(self, state) -> dict:
        """score (n,) of every example; selected (k,): the ones kept."""
        return {"score": state.score, "selected": state.subset.indices}
