"""A step's input and its free by-products: a weighted mini-batch; losses and logits."""

from typing import Any, NamedTuple

import numpy as np

from minicrest import arguments


class Batch(NamedTuple):
    """A step uses (1/|batch|) sum_i weights_i g_i. Weights average 1 over the SELECTED SET, not over each batch."""

    indices: np.ndarray  # (m,) int64, on the host
    weights: np.ndarray  # (m,) float64, on the host


class Feedback(NamedTuple):
    """The by-products of a training step, which cost nothing: of the augmented batch, in training mode."""

    indices: np.ndarray  # (m,) on the host
    losses: Any  # (m,) on the device
    logits: Any  # (m, C) on the device
    labels: Any = None  # (m,) classes or (m, ...) float targets, on the host
    seed: int = 0  # of the training
    logit_gradients: Any = None  # (m, C) on the device; p - y for the cross-entropies
    weights: Any = None  # (m,) on the host: the batch's own or, once `choose` has been asked, those it chose


class Diverged(ValueError):
    """Losses, gradients or scores are no longer finite: the run is over, and that is its result."""


def uniform(indices) -> Batch:
    """A batch of `indices` (m,), each of weight 1. Raises TypeError and ValueError for what are no indices."""
    return Batch(_indices(indices), np.ones(len(indices)))


def weighted(indices, gamma) -> Batch:
    """A coreset as one batch: cluster sizes gamma (k,) >= 0 scaled to mean 1; examples of weight 0 are left out.

    >>> weighted([4, 7, 9], [3, 1, 0])
    Batch(indices=array([4, 7]), weights=array([1.5, 0.5]))
    """
    indices = _indices(indices)
    gamma = arguments.shaped("gamma", gamma, len(indices)).astype(np.float64)
    if not (np.isfinite(gamma) & (gamma >= 0)).all():
        raise ValueError(f"gamma must be finite and not negative, got {gamma[:9]}")
    indices, gamma = indices[gamma > 0], gamma[gamma > 0]
    return Batch(indices, gamma * (len(gamma) / gamma.sum()) if len(gamma) else gamma)


def _indices(indices) -> np.ndarray:
    indices = arguments.shaped("indices", indices, None)
    if len(indices) and (indices.dtype.kind not in "iu" or indices.min() < 0):
        raise ValueError(f"indices of examples must be whole numbers >= 0, got {indices[:9]}")
    return indices.astype(np.int64)
