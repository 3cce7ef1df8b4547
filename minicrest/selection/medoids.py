"""Weighted medoids of features, class by class: the coresets of CRAIG and AdaCore."""

from __future__ import annotations

import numpy as np

from minicrest.backend import array_module
from minicrest.batch import weighted
from minicrest.oracle import Oracle
from minicrest.selection.base import Subset
from minicrest.submodular import Medoids, facility_location

FACTS = ("certificate", "largest_gamma", "effective_size")  # what medoid_subset reports of a selection


def medoid_subset(oracle: Oracle, features, k: int, number: int) -> tuple[Subset, list[float]]:
    """The k medoids of features (n, d) by facility location in each class, weighted by their clusters' sizes gamma.

    Also the FACTS: L(S), the largest gamma, and how many equal weights gamma is worth. Float targets are one class.
    """
    labels = oracle.labels if oracle.labels.dtype.kind in "iu" else np.zeros(len(oracle), dtype=np.int64)
    medoids = facility_location(features, k, labels)
    gamma = medoids.weights
    facts = [certificate(features, medoids, labels), float(gamma.max()), float(gamma.sum() ** 2 / (gamma @ gamma))]
    return Subset(*weighted(medoids.indices, gamma), number), facts


def certificate(features, medoids: Medoids, labels) -> float:
    """L(S) = sum_i min_j |a_i - a_j|, j the medoids of i's class: no less than |sum_i a_i - sum_j gamma_j a_j|.

    A greedy gain is what L fell by, so the distances to each class's first medoid are all that is needed. For a class
    without a medoid 0 stands: it counts with its norms |a_i|.
    """
    xp, total = array_module(features), 0.0
    for label in np.unique(labels):
        members, places = np.flatnonzero(labels == label), np.flatnonzero(labels[medoids.indices] == label)
        first = features[int(medoids.indices[places[0]])] if len(places) else 0
        away = xp.linalg.norm(features[xp.asarray(members)] - first, axis=1)
        total += float(away.sum(dtype="float64")) - medoids.gains[places[1:]].sum()
    return max(float(total), 0.0)
