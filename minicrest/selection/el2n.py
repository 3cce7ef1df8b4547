"""EL2N: keep the examples that a briefly trained network still gets wrong (Paul, Ganguli, Dziugaite, 2021).

    1  `runs` times: train a freshly initialized network on all the data for t epochs
    2  score: |p_i - y_i|, the distance of its prediction from the one-hot label; the mean over runs
    3  keep the k highest, after setting aside the `offset` n highest (wrong labels score highest of all)
    4  train on them, with weight 1

0 <= EL2N <= sqrt 2. The gradient of an example in the last layer has the norm |a| sqrt(|h|^2 + 1), of which EL2N is
the factor |a|.

The preparation is billed: (3 t + 1) n for each run, 610 n at the defaults, as much as 200 epochs of full training. In a
comparison at an equal bill it exhausts the budget; choose smaller `runs` and t, or compare at equal steps.

runs = 10 and epoch 20 of 200 are from memory, not checked against the paper; the recipe (batch 128, lr 0.1) is that of
the authors' code. Departures, pinned in tests/unit/selection/test_scores.py:
    - the networks are trained by plain SGD; the authors use Nesterov momentum 0.9, weight decay 5e-4 and a schedule
      (test_a_run_is_plain_SGD_on_all_the_data)
    - equal scores are ranked at random (test_equal_scores_are_ranked_at_random)
"""

from __future__ import annotations

from dataclasses import dataclass

from minicrest.arguments import whole
from minicrest.backend import array_module
from minicrest.selection.scores import Scored, Scoring, mean_over_runs


def el2n(a):
    """(n,) |p_i - y_i| from the logit gradients a = p - y (n, C)."""
    return array_module(a).sqrt((a * a).sum(axis=-1))


@dataclass(frozen=True)
class EL2N(Scoring):
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
    name = "el2n"
    paper = "Paul, Ganguli, Dziugaite, NeurIPS 2021, arXiv 2107.07075"
    price = "a step 3 m; runs (3 t + 1) n before the first, and no selection after it"

    def __post_init__(self):
        self._check_arguments()
        whole("t", self.t, 0)

    def init(self, oracle) -> Scored:
        score = mean_over_runs(self, oracle, lambda fork, i: el2n(fork.logit_gradients(i)))  # 1, 2
        return self._keep(oracle, score)  # 3
