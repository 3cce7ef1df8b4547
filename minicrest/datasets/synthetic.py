"""Two synthetic families: blobs, convex with its exact minimiser known, and spirals, which need hidden layers."""

from __future__ import annotations

import numpy as np

from minicrest.arguments import number, whole
from minicrest.backend import to_numpy
from minicrest.datasets.dataset import Dataset
from minicrest.random import stream


def blobs(n: int = 1000, d: int = 2, l2: float = 1e-2, separation: float = 2.0, seed: int = 0) -> Dataset:
    """Two unit Gaussians whose means are `separation` apart: convex, with its exact minimiser as `.optimum`.

    x (n, d) float64, y (n,) in {0, 1}, half each; a test part of n // 4. See `logistic_optimum`.
    """
    n, d, seed = whole("n", n, 2), whole("d", d, 1), whole("seed", seed)
    separation = number("separation", separation, "[0, inf)")

    def draw(count, part):
        y = np.arange(count) % 2
        centre = (y[:, None] - 0.5) * separation / np.sqrt(d)  # along the diagonal
        return centre + stream(seed, "blobs", part).standard_normal((count, d)), y

    (x, y), (x_test, y_test) = draw(n, "train"), draw(max(n // 4, 1), "test")
    test = Dataset(x_test, y_test, "blobs", ("0", "1"))
    return Dataset(x, y, "blobs", test.classes, test, optimum=logistic_optimum(x, y, l2))


def logistic_optimum(x, y, l2: float) -> np.ndarray:
    """theta = [W (d,), b (1,)] minimising mean_n [log(1 + e^z) - y z] + (l2 / 2) |theta|^2, z = x W + b; bias included.

    That is Network([Linear(d, 1)], LogisticLoss(l2)). Newton's method with step halving, in float64, to a gradient norm
    below 1e-12. Raises ValueError if l2 is not positive or if rounding keeps it from 1e-12.
    """
    data, l2 = Dataset(x, y), number("l2", l2, "(0, inf)")  # which says what is wrong with x or y
    if data.x.ndim != 2 or data.y.ndim != 1 or data.n_classes > 2:
        raise ValueError(f"x must be (n, d), y (n,) 0 or 1; got {data.x.shape} and {data.y.shape}")
    a, y = np.column_stack([to_numpy(data.x), np.ones(len(data))]).astype(np.float64), to_numpy(data.y)  # a (n, d + 1)

    def loss(theta):
        return np.mean(np.logaddexp(0, a @ theta) - y * (a @ theta)) + l2 / 2 * theta @ theta

    theta = np.zeros(a.shape[1])
    for _ in range(100):
        p = 0.5 * (1 + np.tanh(a @ theta / 2))  # the sigmoid, without overflow
        gradient = a.T @ (p - y) / len(y) + l2 * theta
        if np.linalg.norm(gradient) < 1e-12:
            return theta
        hessian = (a.T * (p * (1 - p))) @ a / len(y) + l2 * np.eye(len(theta))
        step = np.linalg.solve(hessian, gradient)
        while loss(theta - step) > loss(theta) + 1e-12:  # the slack is rounding
            step /= 2
        theta = theta - step
    raise ValueError(f"Newton stopped at gradient norm {np.linalg.norm(gradient):.1e}; scale x to about unit size")


def spirals(n: int = 1500, classes: int = 3, noise: float = 0.2, label_noise: float = 0.0, seed: int = 0) -> Dataset:
    """Interleaved spirals of one turn: x (n, 2) float64 of unit variance, y (n,) in 0..classes-1; for hidden layers.

    `noise` is the standard deviation of the angle in radians. A fraction `label_noise` of the training labels is
    wrong; label_noise=0 with the same seed tells which. The test part (n // 4) is clean.
    """
    classes = whole("classes", classes, 2)
    n, noise, seed = whole("n", n, classes), number("noise", noise, "[0, inf)"), whole("seed", seed)
    label_noise = number("label_noise", label_noise, "[0, 1]")

    def draw(count, part):
        rng, y = stream(seed, "spirals", part), np.arange(count) % classes
        r = rng.random(count)
        angle = 2 * np.pi * (y / classes + r) + noise * rng.standard_normal(count)
        x = np.stack([r * np.cos(angle), r * np.sin(angle)], axis=1)
        return np.sqrt(6) * x, y  # E r^2 = 1/3, half of it a coordinate: variance 1

    (x, y), (x_test, y_test) = draw(n, "train"), draw(max(n // 4, 1), "test")
    y = wrong_labels(y, label_noise, classes, stream(seed, "spirals", "label noise"))
    names = tuple(map(str, range(classes)))
    return Dataset(x, y, "spirals", names, Dataset(x_test, y_test, "spirals", names))


def wrong_labels(y: np.ndarray, fraction: float, classes: int, rng: np.random.Generator) -> np.ndarray:
    """Labels (n,) of which round(fraction n), drawn at random, are another one of the classes 0..classes-1."""
    wrong, y = rng.permutation(len(y))[: round(fraction * len(y))], y.copy()
    y[wrong] = (y[wrong] + rng.integers(1, classes, size=len(wrong))) % classes
    return y
