"""Forgetting: keep the examples that training learns and loses again (Toneva et al., 2019).

    1  `runs` times: train a freshly initialized network on all the data for T epochs; whenever an example is presented,
       note whether the network classifies it correctly (augmented, in its mini-batch, before the update)
    2  score: how often a correct prediction was followed by a wrong one at the next presentation; T, more than any
       other, for one that was never classified correctly; the sum over runs
    3  keep the k highest, after setting aside the `offset` n highest; the unforgettable are dropped first
    4  train on them, with weight 1

The preparation is billed: 600 n at the defaults, a full training. T = 200 is from memory; the rule for what is never
learned is that of the authors' code. Departures, pinned in tests/unit/selection/test_scores.py: the runs are plain SGD
(test_a_run_is_plain_SGD_on_all_the_data), and equal scores, of which there are many, are ranked at random
(test_equal_scores_are_ranked_at_random).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minicrest.backend import to_numpy
from minicrest.selection.base import need_classes
from minicrest.selection.scores import Scoring


def forgetting_events(correct) -> np.ndarray:
    """(n,) falls from right to wrong in `correct` (T, n), a row for each presentation; T where never right."""
    correct = np.asarray(correct, dtype=bool)
    return np.where(correct.any(axis=0), (correct[:-1] & ~correct[1:]).sum(axis=0), len(correct))


@dataclass(frozen=True)
class Forgetting(Scoring):
    """The most frequently forgotten examples. T: epochs of a run.  m, fraction, runs, lr, offset: as for EL2N."""

    m: int = 128
    fraction: float = 0.1
    T: int = 200
    runs: int = 1
    lr: float = 0.1
    offset: float = 0.0
    name = "forgetting"
    paper = "Toneva, Sordoni, Tachet des Combes, Trischler, Bengio, Gordon, ICLR 2019, arXiv 1812.05159"
    price = "a step 3 m; 3 runs T n before the first, and no selection after it"
    limits = {**Scoring.limits, "T": 2}  # an example can be forgotten from its second presentation on

    epochs = property(lambda self: self.T, doc="Epochs of a run.")

    def note(self, state, feedback, oracle) -> np.ndarray:
        """(T, n) whether the network was right about each example when epoch t presented it, once an epoch."""
        n, i = len(oracle), feedback.indices
        correct = np.zeros((self.T, n), dtype=bool) if state.notes is None else state.notes
        right = to_numpy(oracle.predictions(feedback.logits)) == oracle.labels[i]
        correct[state.step // -(-n // self.m), i] = right  # 1: in place, as a step that is repeated finds the same
        return correct

    def score(self, fork, state) -> np.ndarray:
        return forgetting_events(state.notes)  # 2

    def preparation(self, oracle, state):
        need_classes("forgetting", oracle.labels)
        yield from super().preparation(oracle, state)
