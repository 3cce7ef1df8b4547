"""Answers to tutorial 02: SECOND, right ones written another way, and WRONG ones with words of their hints."""

import numpy as np

from minicrest.nn import mlp

STEP = 1e-20  # of a complex step: its derivative has no cancellation, so it is exact to rounding


def moved(f, *pairs):
    """The speed of f's result when each argument q moves with its speed Rq, by a complex step."""
    return f(*(q + 1j * STEP * Rq for q, Rq in pairs)).imag / STEP


def backward_by_loops(W, x, dy):
    dx, dW, db = np.zeros(x.shape), np.zeros(W.shape), np.zeros(W.shape[1])
    for n, row in enumerate(dy):
        dx[n], dW, db = W @ row, dW + np.outer(x[n], row), db + row
    return [dx, dW, db]


def tangent(W, b, x, RW, Rb, Rx):
    return moved(lambda W, b, x: x @ W + b, (W, RW), (b, Rb), (x, Rx))


def tanh(x, dy, Rx, Rdy):
    return moved(lambda x, dy: dy / np.cosh(x) ** 2, (x, Rx), (dy, Rdy))


def norms(inputs, signals):
    rows = [[np.outer(np.r_[x, 1], d).ravel() for x, d in zip(*layer)] for layer in zip(inputs, signals)]
    return np.linalg.norm(np.concatenate(rows, axis=1), axis=1)


def by_the_package(theta, sizes, x, y):
    return mlp(sizes).gradient(theta, x, y)


SECOND = {
    "02.backward": backward_by_loops,
    "02.tangent": tangent,
    "02.tanh": tanh,
    "02.norms": norms,
    "02.mlp": by_the_package,
}


def perceptron(theta, sizes, x, y, blocked=lambda x, dx: np.where(x > 0, dx, 0), share=None, act=np.maximum):
    """An MLP's gradient written by recursion; the keywords plant mistakes."""
    size = (sizes[0] + 1) * sizes[1]
    W, b = theta[: size - sizes[1]].reshape(sizes[:2]), theta[size - sizes[1] : size]
    z = x @ W + b
    if len(sizes) == 2:
        dz = np.exp(z) / np.exp(z).sum(1)[:, None] - np.eye(sizes[1])[y]
        dz, rest = dz * (1 / len(x) if share is None else share), []
    else:
        dh, rest = perceptron(theta[size:], sizes[1:], act(z, 0), y, blocked, share, act)
        dz = blocked(z, dh)
    return dz @ W.T, np.concatenate([(x.T @ dz).ravel(), dz.sum(0), rest])


def planted(**mistake):
    return lambda *q: perceptron(*q, **mistake)[1]


WRONG = [
    ("02.backward", lambda W, x, dy: (dy @ W.T, x.T @ dy, dy.mean(0)), "db is divided by n"),
    ("02.backward", lambda W, x, dy: (dy @ W.T, x.T @ dy / len(x), dy.mean(0)), "dW and db are divided"),
    ("02.backward", lambda W, x, dy: (dy @ W.T, x.T @ dy, dy), "one row an example"),
    ("02.backward", lambda W, x, dy: (dy @ W.T, (x.T @ dy).T, dy.sum(0)), "transposed"),
    ("02.backward", lambda W, x, dy: (x.T @ dy, dy @ W.T, dy.sum(0)), "dx comes first"),
    ("02.backward", lambda W, x, dy: (dy @ W.T, x.T @ dy, dy.sum(1)), "(4,), and (2,) is expected"),
    ("02.tangent", lambda W, b, x, RW, Rb, Rx: x @ RW + Rb, "moving input"),
    ("02.tangent", lambda W, b, x, RW, Rb, Rx: Rx @ W + Rb, "moving W"),
    ("02.tangent", lambda W, b, x, RW, Rb, Rx: Rx @ RW + Rb, "one at a time"),
    ("02.tangent", lambda W, b, x, RW, Rb, Rx: Rx @ W + x @ RW, "moving b"),
    ("02.tanh", lambda x, dy, Rx, Rdy: Rdy / np.cosh(x) ** 2, "only dy moves"),
    ("02.tanh", lambda x, dy, Rx, Rdy: 2 * Rdy / np.cosh(x) ** 2 - tanh(x, dy, Rx, Rdy), "wrong sign"),
    ("02.tanh", lambda x, dy, Rx, Rdy: (Rdy / np.cosh(x) ** 2 + tanh(x, dy, Rx, Rdy)) / 2, "a factor is missing"),
    ("02.tanh", lambda x, dy, Rx, Rdy: Rdy / np.cosh(x) ** 2 - 2 * np.tanh(x) * Rx * dy, "not Rx"),
    ("02.norms", lambda xs, ds: np.sqrt(sum((x**2).sum(1) * (d**2).sum(1) for x, d in zip(xs, ds))), "biases"),
    ("02.norms", lambda xs, ds: norms(xs, ds) ** 2, "square of the length"),
    ("02.norms", lambda xs, ds: norms(xs[:1], ds[:1]) + norms(xs[1:], ds[1:]), "do not add up"),
    ("02.norms", lambda xs, ds: norms(xs[-1:], ds[-1:]), "only the last layer"),
    ("02.mlp", planted(blocked=lambda x, dx: dx), "nothing is blocked"),
    ("02.mlp", planted(blocked=lambda x, dx: np.maximum(dx, 0)), "where dy is negative"),
    ("02.mlp", planted(share=1.0), "not the mean"),
    ("02.mlp", planted(share=-0.25), "sign"),
    ("02.mlp", planted(act=lambda z, _: z, blocked=lambda x, dx: dx), "no ReLU between"),
]
