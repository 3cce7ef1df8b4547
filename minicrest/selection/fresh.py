"""Fresh: a mini-batch coreset of random candidates at the weights of this very step.

CREST keeps its coresets while a quadratic model of the loss holds, since choosing them is dear. Here the forward pass
that chooses is the training step's own, so that a fresh coreset costs r forward passes and m backward passes, and no
model is needed to say when it is stale:

    1  V: the next r examples of a shuffled pass over the data
    2  a forward pass over V gives a_i = p_i - y_i                                                price r
    3  S = the m medoids of the a_i by greedy facility location, gamma_j = size of j's cluster    free (seconds)
    4  step on (1/r) sum over S of gamma_j g_j: the forward pass is that of step 2               price 2 m

The step is the gradient of V but for the distance of each example from its medoid: biased, with V's small variance
(CREST, Yang, Kang, Mirzasoleiman, ICML 2023, equations 4 and 11). Batch-norm is in training mode, images are augmented.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from minicrest.arguments import whole
from minicrest.batch import uniform
from minicrest.selection.base import Counter, epoch_slice
from minicrest.selection.method import Method
from minicrest.submodular import facility_location


@dataclass(frozen=True)
class Fresh(Method):
    """m medoids of r candidates, chosen inside the step.  m: coreset size.  r: candidates; None: 4 m."""

    m: int = 32
    r: int | None = None
    paper = "minicrest's own, of the coresets of Yang, Kang, Mirzasoleiman, ICML 2023, arXiv 2306.01244"
    price = "a step r + 2 m (3 r through batch-norm)"

    def __post_init__(self):
        whole("m", self.m, 1)
        if self.r is not None:
            whole("r", self.r, self.m)

    def init(self, oracle) -> Counter:
        return Counter()

    def propose(self, state, oracle):
        r = 4 * self.m if self.r is None else self.r
        V = epoch_slice(oracle, len(oracle), r, state.step, "fresh")  # 1
        return uniform(V), replace(state, step=state.step + 1)

    def choose(self, state, feedback) -> np.ndarray:
        """(r,) gamma_j for the medoids, 0 for the others."""
        medoids = facility_location(feedback.logit_gradients, self.m)  # 2, 3
        weights = np.zeros(len(feedback.indices))
        weights[medoids.indices] = medoids.weights  # 4
        return weights
