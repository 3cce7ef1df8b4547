"""EL2N and GraNd: keep the examples that a briefly trained network gets wrong (Paul, Ganguli, Dziugaite, 2021).

    1  `runs` times: train a freshly initialized network on all the data for t epochs (t = 0: not at all)
    2  score, the mean over runs: EL2N |p_i - y_i|, the distance of its prediction from the one-hot label, in 0..sqrt 2;
       GraNd |gradient of l_i| over ALL parameters (in the last layer alone it is EL2N times sqrt(|h|^2 + 1))
    3  keep the k highest, after setting aside the `offset` n highest (wrong labels score highest of all)
    4  train on them, with weight 1

The preparation is billed: 610 n for EL2N, as much as 200 epochs of full training, and 30 n for GraNd at the defaults.
At an equal bill choose smaller `runs` and t. GraNd at initialization does not reproduce (Kirsch, arXiv 2303.14753): it
follows the norm of the input. For t > 0 it does.

runs = 10 and epoch 20 of 200 are from memory; batch 128 and lr 0.1 are those of the authors' code. Departures, in
tests/unit/selection/test_scores.py: the runs are plain SGD, where the authors use Nesterov momentum 0.9, weight decay
5e-4 and a schedule (test_a_run_is_plain_SGD_on_all_the_data); equal scores are ranked at random
(test_equal_scores_are_ranked_at_random).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minicrest.backend import array_module, to_numpy
from minicrest.selection.base import finite
from minicrest.selection.scores import Scoring


def el2n(a):
    """(n,) |p_i - y_i| from the logit gradients a = p - y (n, C)."""
    return array_module(a).sqrt((a * a).sum(axis=-1))


@dataclass(frozen=True)
class EL2N(Scoring):
    """The highest mean errors |p - y|.

    m: batch size, of the runs too.  fraction: k/n.  t: epochs before scoring.  runs: networks to average over.  lr: of
    the runs.  offset: part of the data dropped from the top, against label noise.
    """

    m: int = 128
    fraction: float = 0.1
    t: int = 20
    runs: int = 10
    lr: float = 0.1
    offset: float = 0.0
    name = "el2n"
    paper = "Paul, Ganguli, Dziugaite, NeurIPS 2021, arXiv 2107.07075"
    price = "a step 3 m; runs (3 t + 1) n before the first, and no selection after it"
    limits = {**Scoring.limits, "t": 0}

    epochs = property(lambda self: self.t, doc="Epochs of a run.")  # 1

    def score(self, fork, state) -> np.ndarray:
        with fork.phase("score"):
            return to_numpy(finite("scores", self.scores(fork, np.arange(len(fork))))) / self.runs  # 2

    def scores(self, fork, i):
        """(n,) the scores of examples i by a trained network."""
        return el2n(fork.logit_gradients(i))


@dataclass(frozen=True)
class GraNd(EL2N):
    """The highest mean gradient norms. m, fraction, t, runs, lr, offset: as for EL2N."""

    t: int = 0
    name = "grand"
    price = "a step 3 m; runs (3 t + 3) n before the first, and no selection after it"

    def scores(self, fork, i):
        return fork.gradient_norms(i)
