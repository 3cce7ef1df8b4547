"""What makes training data hard or redundant, by name: wrong labels, rare classes, repeated examples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from minicrest.arguments import number, whole
from minicrest.backend import device_of, to_device, to_numpy
from minicrest.datasets.dataset import Dataset
from minicrest.random import stream


def label_noise(data: Dataset, fraction: float, seed: int) -> Dataset:
    """`data` with round(fraction n) training labels wrong, each one of the other classes with the same probability."""
    rng = stream(whole("seed", seed), "label noise")
    y = wrong_labels(_labels(data), number("fraction", fraction, "[0, 1]"), data.n_classes, rng)
    return replace(data, y=to_device(y, device_of(data.y)), optimum=None)


def imbalance(data: Dataset, ratio: float, seed: int) -> Dataset:
    """`data` with ever rarer classes: of class c of C, ratio^(c / (C - 1)) of its training examples, at least one.

    The examples that stay are drawn at random and keep their order. 0 < ratio <= 1 (Cui et al. 2019, Section 4).
    """
    ratio, rng, y = number("ratio", ratio, "(0, 1]"), stream(whole("seed", seed), "imbalance"), _labels(data)
    kept = []
    for c in range(data.n_classes):
        members = rng.permutation(np.flatnonzero(y == c))
        kept.append(members[: max(1, round(len(members) * ratio ** (c / max(1, data.n_classes - 1))))])
    return data.take(np.sort(np.concatenate(kept)))


def copies(data: Dataset, times: int, seed: int) -> Dataset:
    """`data` with every training example `times` times, in random order."""
    i = np.tile(np.arange(len(data)), whole("times", times, 1))
    return data.take(stream(whole("seed", seed), "copies").permutation(i))


def wrong_labels(y: np.ndarray, fraction: float, classes: int, rng: np.random.Generator) -> np.ndarray:
    """Labels (n,) of which round(fraction n), drawn at random, are another one of the classes 0..classes-1."""
    wrong, y = rng.permutation(len(y))[: round(fraction * len(y))], y.copy()
    y[wrong] = (y[wrong] + rng.integers(1, classes, size=len(wrong))) % classes
    return y


def _labels(data):
    if data.n_classes < 2:
        raise ValueError(f"{data.name} has {data.n_classes} classes; this needs at least 2")
    return to_numpy(data.y)


TRANSFORMS = {function.__name__: function for function in (label_noise, imbalance, copies)}
