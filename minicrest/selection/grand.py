"""GraNd: keep the examples whose gradients are long (Paul, Ganguli, Dziugaite, 2021).

    1  `runs` times: initialize a network afresh, and train it on all the data for t epochs (t = 0: not at all)
    2  score: |gradient of l_i|, over ALL parameters, of each example by itself; the mean over runs
    3  keep the k highest, after setting aside the `offset` n highest (wrong labels score highest of all)
    4  train on them, with weight 1

GraNd at initialization does not reproduce (Kirsch, arXiv 2303.14753): it follows the norm of the input, and the
paper's good result is suspected to come from a bug in loading checkpoints. After a few epochs (t > 0)
it does reproduce.

The preparation is billed: (3 t + 3) n for each run, 30 n at the defaults.

runs = 10 is from memory, not checked against the paper. Departures, pinned in tests/unit/selection/test_scores.py:
    - the networks are trained by plain SGD; the authors use Nesterov momentum 0.9, weight decay 5e-4 and a schedule
      (test_a_run_is_plain_SGD_on_all_the_data)
    - equal scores are ranked at random (test_equal_scores_are_ranked_at_random)
"""

from __future__ import annotations

from dataclasses import dataclass

from minicrest.arguments import whole
from minicrest.selection.scores import Scored, Scoring, mean_over_runs


@dataclass(frozen=True)
class GraNd(Scoring):
    """The highest mean gradient norms.

    m: batch size, of the runs too.  fraction: k/n.  t: epochs over all the data before scoring.  runs: networks to
    average over.  lr: step size of the runs.  offset: part of the data dropped from the top, against label noise.
    """

    m: int = 128
    fraction: float = 0.1
    t: int = 0
    runs: int = 10
    lr: float = 0.1
    offset: float = 0.0
    name = "grand"
    paper = "Paul, Ganguli, Dziugaite, NeurIPS 2021, arXiv 2107.07075"
    price = "a step 3 m; runs (3 t + 3) n before the first, and no selection after it"

    def __post_init__(self):
        self._check_arguments()
        whole("t", self.t, 0)

    def init(self, oracle) -> Scored:
        return self._keep(oracle, mean_over_runs(self, oracle, lambda fork, i: fork.gradient_norms(i)))  # 1 to 3
