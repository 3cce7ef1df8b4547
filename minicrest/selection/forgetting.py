"""Forgetting: keep the examples that training learns and loses again (Toneva et al., 2019).

    1  `runs` times: train a freshly initialised network on all the data for T epochs; whenever an example is presented,
       note whether the network is right about it (in the mini-batch, as augmented, before the update)
    2  score: how often right was followed by wrong at the next presentation; T for an example that never was right,
       more than any other can have; the sum over runs
    3  keep the k highest, after setting aside the `offset` n highest; so the unforgettable go first
    4  train on them, with weight 1

The preparation is billed: 3 T n for each run, 600 n at the defaults: a whole training. A comparison at an equal bill
leaves nothing to train with; choose a smaller T, or compare at equal steps.

The paper's text could not be read: T = 200 is recalled, the rule for the never learned is that of the authors' code
(others use infinity, or forget the case and remove these examples first). Departures, pinned in
tests/unit/selection/test_scores.py:
    - the networks are trained by plain SGD, without momentum, weight decay and schedule
      (test_a_run_is_plain_SGD_on_all_the_data)
    - equal scores, of which there are many, are ranked at random (test_equal_scores_are_ranked_at_random)
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from minicrest.backend import to_numpy
from minicrest.selection.base import Scored, checked_score, fork_epochs, fork_of_run, keep_highest


def forgetting_events(correct) -> np.ndarray:
    """(n,) falls from right to wrong in the rows of `correct` (T, n), one a presentation; T where never right."""
    correct = np.asarray(correct, dtype=bool)
    events = (correct[:-1] & ~correct[1:]).sum(axis=0)
    return np.where(correct.any(axis=0), events, len(correct))


@dataclass(frozen=True)
class Forgetting:
    """The most often forgotten examples.

    m: batch size, of the runs too.  fraction: k/n.  T: epochs of a run.  runs: networks to sum over.  lr: step size of
    the runs.  offset: part of the data dropped from the top, against label noise.
    """

    m: int = 128
    fraction: float = 0.1
    T: int = 200
    runs: int = 1
    lr: float = 0.1
    offset: float = 0.0
    paper = "Toneva, Sordoni, Tachet des Combes, Trischler, Bengio, Gordon, ICLR 2019, arXiv 1812.05159"
    cost = "a step 3 m; 3 runs T n before the first, and no selection after it"

    def __post_init__(self):
        checked_score(self)
        if self.T < 2:
            raise ValueError(f"an example can be forgotten from its second presentation on: T >= 2, got {self.T}")

    def init(self, oracle) -> Scored:
        if oracle.labels.dtype.kind != "i":
            raise ValueError("forgetting asks whether a prediction is right, and these targets are no classes")
        score = sum(forgetting_events(self._correct(oracle, run)) for run in range(self.runs))  # 2
        return keep_highest(oracle, "forgetting", score.astype(np.float64), self.fraction, self.offset)  # 3

    def _correct(self, oracle, run: int) -> np.ndarray:
        """(T, n): was each example right when it was presented in epoch t? Every epoch presents it once."""
        n, fork = len(oracle), fork_of_run(oracle, "forgetting", run)
        correct = np.zeros((self.T, n), dtype=bool)
        for step, seen in enumerate(fork_epochs(fork, self.m, self.lr, self.T)):  # 1
            epoch = step // -(-n // self.m)
            correct[epoch, seen.indices] = to_numpy(oracle.predictions(seen.logits)) == oracle.labels[seen.indices]
        return correct

    def propose(self, state, oracle):
        batch, subset = state.subset.next_batch(oracle, self.m, "forgetting")  # 4
        return batch, replace(state, subset=subset)

    def observe(self, state, feedback) -> Scored:
        return state

    def report(self, state) -> dict:
        """score (n,) of every example; selected (k,): the ones kept."""
        return {"score": state.score, "selected": state.subset.indices}
