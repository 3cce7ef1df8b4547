"""Exercises of tutorial 01: softmax, the loss, its gradient, a check of it, and a weighted step."""

import numpy as np

from minicrest.teaching.exercise import Exercise
from minicrest.teaching.solutions.ch01 import (
    FAR,
    HEAVY,
    LARGE,
    THETA,
    WIDE,
    B,
    W,
    X,
    Y,
    Z,
    bowl,
    columns,
    descent,
    gradient,
    log_softmax,
    logits_weighted,
    losses,
    moved,
    only,
    p_weighted,
    signals,
    slope,
    softmax,
    without_y,
)

EXERCISES = [
    Exercise(
        "01.softmax",
        "my_softmax",
        [(Z,), (LARGE,), (FAR,)],
        softmax,
        [
            ("it normalises along the wrong axis: which axis runs over the classes?", columns),
            (
                "all numbers together add up to 1; each row should.",
                lambda z: np.exp(z - z.max()) / np.exp(z - z.max()).sum(),
            ),
            (
                "nothing is divided by the sum, so the rows do not add up to 1.",
                lambda z: np.exp(z - z.max(1, keepdims=True)),
            ),
            ("these are logarithms of probabilities, not probabilities.", log_softmax),
            (
                "each row lost its largest logit, and then all numbers together add up to 1; each row should.",
                lambda z: np.exp(z - z.max(1, keepdims=True)) / np.exp(z - z.max(1, keepdims=True)).sum(),
            ),
            (
                "the rows have length 1; they should add up to 1.",
                lambda z: (lambda e: e / np.linalg.norm(e, axis=1, keepdims=True))(np.exp(z - z.max(1, keepdims=True))),
            ),
            (
                "large logits are cut off, which changes the probabilities: take the row's largest off instead.",
                lambda z: softmax(np.clip(z, -700, 700)),
            ),
            (
                "numbers are divided by their sum without having been exponentiated.",
                lambda z: z / z.sum(1, keepdims=True),
            ),
            (
                "the exponential has the sign of z turned round: the largest logit should be the most likely class.",
                lambda z: softmax(-z),
            ),
            ("the exponentials are squared: divide e^z by the sum of e^z.", lambda z: softmax(2 * z)),
            (
                "the sum runs over each column: which axis runs over the classes?",
                lambda z: (lambda e: e / e.sum(0))(np.exp(z - z.max(1, keepdims=True))),
            ),
        ],
    ),
    Exercise(
        "01.loss",
        "my_loss",
        [(Z, Y), (LARGE, np.array([2, 1]))],
        lambda z, y: losses(z, y).mean(),
        [
            ("it is the sum over the examples, not their mean.", lambda z, y: losses(z, y).sum()),
            ("the sign is turned round: a loss is never negative.", lambda z, y: -losses(z, y).mean()),
            ("it is one number an example; their mean is asked for.", losses),
            ("it is divided by the number of classes, not by n.", lambda z, y: losses(z, y).sum() / z.shape[1]),
            (
                "small probabilities are cut off before the logarithm, so large losses are too small.",
                lambda z, y: np.minimum(losses(z, y), -np.log(1e-12)).mean(),
            ),
            ("the largest loss is taken, not the mean.", lambda z, y: losses(z, y).max()),
            ("the median is taken, not the mean.", lambda z, y: np.median(losses(z, y))),
            ("the probability itself is averaged; where is the logarithm?", lambda z, y: np.exp(-losses(z, y)).mean()),
            ("it is divided by n times C; only n terms are added.", lambda z, y: losses(z, y).sum() / z.size),
            (
                "every row is asked for the classes of all rows; each has one class of its own.",
                lambda z, y: -(log_softmax(z)[:, y]).mean(),
            ),
            ("it averages over all classes, not only the true one.", lambda z, y: -log_softmax(z).mean()),
            (
                "the sums run over the wrong axis: which axis runs over the classes?",
                lambda z, y: -np.log(columns(z) + 1e-300)[np.arange(len(y)), y].mean(),
            ),
            (
                "the logarithm is of base 2; the derivation needs the natural one.",
                lambda z, y: losses(z, y).mean() / np.log(2),
            ),
            (
                "the logit of the true class is not subtracted.",
                lambda z, y: (losses(z, y) + z[np.arange(len(y)), y]).mean(),
            ),
            (
                "the largest logit is taken off inside the logarithm and not added again.",
                lambda z, y: (losses(z, y) - z.max(axis=1)).mean(),
            ),
            (
                "the mean of the probabilities is taken before the logarithm; take it last.",
                lambda z, y: -np.log(np.exp(-losses(z, y)).mean()),
            ),
            (
                "the logit of the true class is added, not subtracted.",
                lambda z, y: (losses(z, y) + 2 * z[np.arange(len(y)), y]).mean(),
            ),
            (
                "the logarithm of the sum is missing.",
                lambda z, y: (
                    np.exp(z - z.max(1, keepdims=True)).sum(1) - (z - z.max(1, keepdims=True))[np.arange(len(y)), y]
                ).mean(),
            ),
            (
                "the logit of the true class is not subtracted, or not from the same row's sum.",
                lambda z, y: np.log(np.exp(z - z.max(1, keepdims=True)).sum(1)).mean(),
            ),
            (
                "the logit of the true class is added, not subtracted.",
                lambda z, y: (lambda s: (np.log(np.exp(s).sum(1)) + s[np.arange(len(y)), y]).mean())(
                    z - z.max(1, keepdims=True)
                ),
            ),
        ],
    ),
    Exercise(
        "01.gradient",
        "my_gradient -> dW, db",
        [(W, B, X, Y)],
        gradient,
        [
            (
                "it is the sum over the examples; the gradient of the mean loss is asked for.",
                lambda *q: tuple(len(Y) * g for g in gradient(*q)),
            ),
            ("dW is a mean over the examples, and db a sum.", lambda *q: (gradient(*q)[0], len(Y) * gradient(*q)[1])),
            ("dW is a sum over the examples, and db a mean.", lambda *q: (len(Y) * gradient(*q)[0], gradient(*q)[1])),
            ("the sign is turned round: y - p.", lambda *q: tuple(-g for g in gradient(*q))),
            ("it uses p alone: y has not been subtracted.", without_y),
            ("y is added to p; it is subtracted.", lambda W, b, x, y: tuple(
                2 * p - g for p, g in zip(without_y(W, b, x, y), gradient(W, b, x, y)))),
            ("b stands still: db is 0.", lambda *q: (gradient(*q)[0], 0 * gradient(*q)[1])),
            ("the logits lack b.", lambda W, b, x, y: gradient(W, 0 * b, x, y)),
            (
                "db is the gradient of dW's shape summed up: b's gradient does not contain x.",
                lambda *q: (gradient(*q)[0], gradient(*q)[0].sum(0)),
            ),
            ("dW is transposed: it should have the shape of W.", lambda *q: (gradient(*q)[0].T, gradient(*q)[1])),
            (
                "1 is subtracted from every class; y has a 1 in one of them.",
                lambda W, b, x, y: (x.T @ (softmax(x @ W + b) - 1) / len(x), (softmax(x @ W + b) - 1).mean(axis=0)),
            ),
            (
                "it is a product of two means; the mean of the products is asked for.",
                lambda W, b, x, y: (np.outer(x.mean(0), signals(W, b, x, y).mean(0)), signals(W, b, x, y).mean(0)),
            ),
            ("the class numbers are off by one.", lambda W, b, x, y: gradient(W, b, x, (y + 1) % len(b))),
            (
                "it is divided by the number of classes, not by n.",
                lambda W, b, x, y: tuple(len(x) * g / len(b) for g in gradient(W, b, x, y)),
            ),
            (
                "p (1 - p) stands where p - y belongs.",
                lambda W, b, x, y: (lambda p: (x.T @ (p * (1 - p)) / len(x), (p * (1 - p)).mean(0)))(
                    softmax(x @ W + b)
                ),
            ),
            ("b is subtracted from the logits.", lambda W, b, x, y: gradient(W, -b, x, y)),
        ],
    ),
    Exercise(
        "01.slope",
        "my_slope",
        [(bowl, X[0], X[1], 1e-2), (bowl, X[2], X[3], 1e-1)],
        slope,
        [
            ("it is one-sided: one of the two points is theta itself.", lambda f, t, v, h: (f(t + h * v) - f(t)) / h),
            (
                "the two points are 2 h apart, and the difference is divided by h.",
                lambda f, t, v, h: 2 * slope(f, t, v, h),
            ),
            (
                "the difference is not divided by the distance of the two points.",
                lambda f, t, v, h: 2 * h * slope(f, t, v, h),
            ),
            ("the sign is turned round: forward minus backward.", lambda f, t, v, h: -slope(f, t, v, h)),
            (
                "v has been scaled to length 1: use it as it is.",
                lambda f, t, v, h: slope(f, t, v / np.linalg.norm(v), h),
            ),
            (
                "h has been added to every entry: the step is along v.",
                lambda f, t, v, h: slope(f, t, np.ones_like(t), h),
            ),
            (
                "that is a second difference: curvature, which is for tutorial 04.",
                lambda f, t, v, h: (f(t + h * v) - 2 * f(t) + f(t - h * v)) / h**2,
            ),
            (
                "it is one-sided, backwards: one of the two points is theta itself.",
                lambda f, t, v, h: (f(t) - f(t - h * v)) / h,
            ),
            (
                "the points are only h apart, and the difference is divided by 2 h.",
                lambda f, t, v, h: (f(t + h / 2 * v) - f(t - h / 2 * v)) / (2 * h),
            ),
            (
                "it is divided by the length of v: the slope along v as it is belongs here.",
                lambda f, t, v, h: slope(f, t, v, h) / np.linalg.norm(v),
            ),
            (
                "2 h has to stand in brackets: / 2 * h divides by 2 and multiplies by h.",
                lambda f, t, v, h: h**2 * slope(f, t, v, h),
            ),
            ("it is divided by h squared.", lambda f, t, v, h: slope(f, t, v, h) / h),
            (
                "the two values are added; their difference says how f changes.",
                lambda f, t, v, h: (f(t + h * v) + f(t - h * v)) / (2 * h),
            ),
            (
                "one of the two points is theta, and the difference is divided by 2 h.",
                lambda f, t, v, h: (f(t + h * v) - f(t)) / (2 * h),
            ),
            (
                "one of the two points is theta, and the difference is divided by 2 h.",
                lambda f, t, v, h: (f(t) - f(t - h * v)) / (2 * h),
            ),
            (
                "one of the two points is moved by h in every entry: both steps are along v.",
                lambda f, t, v, h: (f(t + h) - f(t - h * v)) / (2 * h),
            ),
            (
                "one of the two points is moved by h in every entry: both steps are along v.",
                lambda f, t, v, h: (f(t + h * v) - f(t - h)) / (2 * h),
            ),
            (
                "one of the two points is moved by all of v, without h.",
                lambda f, t, v, h: (f(t + v) - f(t - h * v)) / (2 * h),
            ),
            (
                "one of the two points is moved by all of v, without h.",
                lambda f, t, v, h: (f(t + h * v) - f(t - v)) / (2 * h),
            ),
            ("only one value of f is used; a slope needs two.", lambda f, t, v, h: f(t + h * v) / (2 * h)),
            (
                "one of the two points is h v itself, without theta.",
                lambda f, t, v, h: (f(h * v) - f(t - h * v)) / (2 * h),
            ),
        ],
        tolerance=1e-6,  # differences of numbers of size 10 over h = 0.01: 1e-13 of rounding, with room
    ),
    Exercise(
        "01.weighted",
        "my_weighted_step",
        [(THETA, X, Y, HEAVY, 0.5), (WIDE, X[:, :2], np.array([4, 0, 3, 1, 2]), HEAVY, 0.2)],
        descent(lambda w: w / len(w)),
        [
            ("the weights are divided by their sum; what does the formula divide by?", descent(lambda w: w / w.sum())),
            ("the sum over the examples is not divided by n.", descent(lambda w: w)),
            ("the weights do nothing.", descent(lambda w: np.full(len(w), 1 / len(w)))),
            ("it goes uphill: the step is theta minus eta g.", descent(lambda w: w / len(w), sign=1.0)),
            (
                "it is the gradient g itself; the new theta is asked for.",
                lambda t, x, y, w, eta: (t - descent(lambda w: w / len(w))(t, x, y, w, eta)) / eta,
            ),
            (
                "the learning rate eta is not used.",
                lambda t, x, y, w, eta: descent(lambda w: w / len(w))(t, x, y, w, 1.0),
            ),
            ("the weights are squared: perhaps they multiply both x and p - y.", descent(lambda w: w**2 / len(w))),
            (
                "b stands still: it has a gradient too.",
                only(lambda theta, new, k: np.concatenate([new[:k], theta[k:]])),
            ),
            (
                "W stands still: it has a gradient too.",
                only(lambda theta, new, k: np.concatenate([theta[:k], new[k:]])),
            ),
            (
                "b comes first in the result; it comes after W.",
                only(lambda theta, new, k: np.concatenate([new[k:], new[:k]])),
            ),
            (
                "W comes column by column; it is laid out row by row.",
                only(lambda theta, new, k: np.concatenate([new[:k].reshape(-1, len(new) - k).T.ravel(), new[k:]])),
            ),
            ("the weights are rooted.", descent(lambda w: np.sqrt(w) / len(w))),
            ("the logits lack b.", moved(lambda W, b: (W, 0 * b))),
            ("W is read column by column; it is laid out row by row.",
             moved(lambda W, b: (W.reshape(W.shape[::-1]).T, b))),
            ("the weights multiply the logits; they multiply each example's p - y.", logits_weighted),
            ("the weights multiply p alone; they multiply p - y.", p_weighted),
            ("b is subtracted from the logits.", moved(lambda W, b: (W, -b))),
            ("theta has not moved.", lambda theta, x, y, w, eta: theta),
            ("the gradient is missing: eta is subtracted.", lambda theta, x, y, w, eta: theta - eta),
            (
                "b's gradient is divided by n twice, or is a mean of what has been divided.",
                only(lambda theta, new, k: np.concatenate([new[:k], theta[k:] + (new[k:] - theta[k:]) / 5])),
            ),
        ],
    ),
]
