"""Fresh: a mini-batch coreset of random candidates at the weights of this very step.

CREST keeps its coresets while a quadratic model of the loss holds, since choosing them is dear. Here the forward pass
that chooses is the training step's own, so no model is needed to say when a coreset is stale:

    1  V: the next r examples of a shuffled pass over the data
    2  a forward pass over V gives a_i = p_i - y_i                                                price r
    3  S = the m medoids of the a_i by greedy facility location, gamma_j = size of j's cluster    free (seconds)
    4  step on (1/r) sum over S of gamma_j g_j: the forward pass is that of step 2               price 2 m

The step is the gradient of V but for the distance of each example from its medoid: biased, with V's small variance
(CREST, equations 4 and 11). Batch-norm is in training mode, images are augmented.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minicrest.arguments import whole
from minicrest.selection.base import Passes
from minicrest.submodular import facility_location


@dataclass(frozen=True)
class Fresh(Passes):  # 1
    """m medoids of r candidates, chosen inside the step.  m: coreset size.  r: candidates; None: 4 m."""

    m: int = 32
    r: int | None = None
    name = "fresh"
    paper = "minicrest's own, of the coresets of Yang, Kang, Mirzasoleiman, ICML 2023, arXiv 2306.01244"
    price = "a step r + 2 m (3 r through batch-norm)"
    limits = {"m": 1}

    def __post_init__(self):
        super().__post_init__()
        if self.r is not None:
            whole("r", self.r, self.m)

    @property
    def size(self) -> int:
        """Examples that pass forward in a step: r."""
        return 4 * self.m if self.r is None else self.r

    def choose(self, state, feedback) -> np.ndarray:
        """(r,) gamma_j for the medoids, 0 for the others."""
        medoids = facility_location(feedback.logit_gradients, self.m)  # 2, 3
        weights = np.zeros(len(feedback.indices))
        weights[medoids.indices] = medoids.weights  # 4
        return weights
