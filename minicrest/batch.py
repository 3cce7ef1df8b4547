"""What a step trains on, and what it tells: a weighted mini-batch, and the losses and logits that come for free."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Batch(NamedTuple):
    """A weighted mini-batch: a step uses (1/|batch|) sum_i weights_i g_i.

    Weights average 1 over the SELECTED SET (a coreset, an epoch's subset); a mini-batch of it inherits them and never
    renormalises: for weights 5, 1, 1, 1 and batches of two, dividing by the batch's own sum would give the heavy
    example a mean coefficient of 0.42 in place of 0.63.
    """

    indices: np.ndarray  # (m,) int64, on the host
    weights: np.ndarray  # (m,) float64, on the host


class Feedback(NamedTuple):
    """What the step just made computed anyway: free. Of the training batch, so augmented and in training mode."""

    indices: np.ndarray  # (m,) on the host
    losses: Any  # (m,) on the device
    logits: Any  # (m, C)


class Diverged(ValueError):
    """Losses, gradients or scores are no longer finite: the run is over, and that is its result."""


def uniform(indices) -> Batch:
    """A batch in which every example weighs 1."""
    indices = np.asarray(indices, dtype=np.int64)
    return Batch(indices, np.ones(len(indices)))


def weighted(indices, gamma) -> Batch:
    """A coreset as one batch: cluster sizes gamma (k,) scaled to mean 1; examples of weight 0 are left out."""
    keep = gamma > 0
    indices, gamma = np.asarray(indices, dtype=np.int64)[keep], np.asarray(gamma, dtype=np.float64)[keep]
    return Batch(indices, gamma * (len(gamma) / gamma.sum()))
