"""What makes training data hard or redundant, by name: wrong labels, rare classes, near copies of easy examples.

Only the examples that are trained on change: the test and the validation part stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from minicrest.arguments import number, one_of, shown, whole
from minicrest.backend import device_of, to_device, to_numpy
from minicrest.datasets import Dataset
from minicrest.datasets.synthetic import wrong_labels
from minicrest.random import stream

EASY = 0.1  # the part of each class that `copies` copies
NEAR = 0.05  # the noise of a copy, in standard deviations of the inputs


def label_noise(data: Dataset, fraction: float, seed: int) -> Dataset:
    """`data` with round(fraction n) training labels wrong, each one of the other classes with the same probability."""
    rng = stream(whole("seed", seed), "label noise")
    y = wrong_labels(_labels(data), _fraction(fraction), data.n_classes, rng)
    return replace(data, y=to_device(y, device_of(data.y)), optimum=None)


def imbalance(data: Dataset, ratio: float, seed: int) -> Dataset:
    """`data` with ever rarer classes: of class c of C, the part ratio^(-c / (C - 1)), and at least one example.

    The examples that stay are drawn at random and keep their order. ratio >= 1 is how many times as many examples the
    first class keeps as the last, where they began with the same number (Cui et al. 2019, Section 4).
    """
    ratio, rng, y = _ratio(ratio), stream(whole("seed", seed), "imbalance"), _labels(data)
    kept = []
    for c in range(data.n_classes):
        members = rng.permutation(np.flatnonzero(y == c))
        kept.append(members[: max(1, round(len(members) * ratio ** (-c / max(1, data.n_classes - 1))))])
    return data.take(np.sort(np.concatenate(kept)))


def copies(data: Dataset, times: int, seed: int) -> Dataset:
    """`data` followed by `times` near copies of each easy example, with its label.

    Easy is the tenth of each class (at least one example) that `easiness` puts first. A copy adds Gaussian noise to
    every input, with 1/20 of the standard deviation of all inputs about their means; uint8 images are rounded to whole
    grey levels. Two examples of the data are typically 28 times as far apart as an example and its copy.
    """
    times, rng, y = _times(times), stream(whole("seed", seed), "copies"), _labels(data)
    margin, classes = easiness(data), [np.flatnonzero(y == c) for c in np.unique(y)]
    firsts = [c[np.argsort(-margin[c], kind="stable")[: max(1, round(EASY * len(c)))]] for c in classes]
    easy, x = np.sort(np.concatenate(firsts)), to_numpy(data.x)
    deviation = NEAR * np.sqrt(x.var(axis=0, dtype=np.float64).mean())
    grown = data.take(np.append(np.arange(len(data)), np.tile(easy, times)))  # with arrays of its own
    for start in range(len(data), len(grown), len(easy)):
        near = x[easy] + deviation * rng.standard_normal((len(easy), *data.shape))
        near = np.rint(near).clip(0, 255) if x.dtype == np.uint8 else near
        grown.x[start : start + len(easy)] = to_device(near.astype(x.dtype), device_of(data.x))
    return grown


def easiness(data: Dataset) -> np.ndarray:
    """(n,) how much nearer each example is to the mean of its own class than to the nearest mean of another one.

    The difference of the squared distances of the inputs, in float64; of a single class, minus the distance to its
    mean.
    """
    x, y = to_numpy(data.x).reshape(len(data), -1).astype(np.float64), _labels(data)
    present, own = np.unique(y, return_inverse=True)
    means = np.array([x[own == c].mean(axis=0) for c in range(len(present))])
    distance = (means * means).sum(axis=1) - 2 * x @ means.T  # (n, C), without |x|^2, which cancels
    rows = np.arange(len(x))
    mine = distance[rows, own].copy()
    distance[rows, own] = np.inf if len(present) > 1 else 0
    return distance.min(axis=1) - mine


def pairs(transforms) -> tuple[tuple[str, float | int], ...]:
    """A dict of transforms, or (name, value) pairs, as pairs in their order.

    Raises ValueError for an unknown name, one that comes twice and a value out of range, TypeError for other types.
    """
    given = list(transforms.items()) if isinstance(transforms, Mapping) else transforms
    if not isinstance(given, (list, tuple)) or not all(isinstance(p, (list, tuple)) and len(p) == 2 for p in given):
        raise TypeError(f"transform must be a dict or (name, value) pairs, got {shown(transforms)}")
    names = [name for name, _ in given]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(f"transform names {twice[0]} twice; give it once")
    for name in names:
        one_of("transform", name, TRANSFORMS)
    return tuple((name, _CHECKS[name](value)) for name, value in given)


def from_text(assignments: Iterable[str]) -> tuple[tuple[str, float | int], ...]:
    """The pairs of texts "name=value", as on the command line. Raises ValueError for any other text.

    >>> from_text(["label-noise=0.2"])
    (('label-noise', 0.2),)
    """
    found = []
    for text in assignments:
        name, _, value = text.partition("=")
        try:
            found.append((name, int(value) if value.isdigit() else float(value)))
        except ValueError as error:
            raise ValueError(f"--transform takes name=number, as label-noise=0.2; got {text!r}") from error
    return pairs(found)


def transformed(data: Dataset, transforms, seed: int) -> Dataset:
    """`data` with each of the (name, value) pairs applied to its training part, in their order."""
    for name, value in transforms:
        data = TRANSFORMS[name](data, value, seed)
    return data


def _labels(data) -> np.ndarray:
    if not isinstance(data, Dataset):
        raise TypeError(f"data must be a minicrest.Dataset, got {shown(data)}")
    if data.n_classes < 2:
        raise ValueError(f"{data.name} has {data.n_classes} classes; this needs at least 2")
    return to_numpy(data.y)


def _fraction(value) -> float:
    return number("label-noise", value, "[0, 1]")


def _ratio(value) -> float:
    return number("imbalance", value, "[1, inf)")


def _times(value) -> int:
    return whole("copies", value, 1)


TRANSFORMS: dict[str, Callable[[Dataset, Any, int], Dataset]]
TRANSFORMS = {"label-noise": label_noise, "imbalance": imbalance, "copies": copies}
_CHECKS = {"label-noise": _fraction, "imbalance": _ratio, "copies": _times}
