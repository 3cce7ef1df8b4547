"""Answers to tutorial 02: SECOND, right ones written another way, and WRONG ones with words of their hints."""

import numpy as np

from minicrest.nn import mlp

STEP = 1e-20  # of a complex step: its derivative has no cancellation, so it is exact to rounding


def moved(f, *pairs):
    """The speed of f's result when each argument q moves with its speed Rq, by a complex step."""
    return f(*(q + 1j * STEP * Rq for q, Rq in pairs)).imag / STEP


def block(W, b, x):
    s = x @ W + b
    return x + np.where(s.real > 0, s, 0)


def backward_by_nudging(W, b, x, dy):
    """Each derivative from a complex step in that entry alone."""

    def of(q, change):
        units = np.eye(q.size).reshape(q.size, *q.shape)
        return np.array([(dy * change(q + 1j * STEP * unit).imag).sum() / STEP for unit in units]).reshape(q.shape)

    return [of(x, lambda q: block(W, b, q)), of(W, lambda q: block(q, b, x)), of(b, lambda q: block(W, q, x))]


def tangent(W, b, x, RW, Rb, Rx):
    return moved(block, (W, RW), (b, Rb), (x, Rx))


def tanh(x, dy, Rx, Rdy):
    return moved(lambda x, dy: dy / np.cosh(x) ** 2, (x, Rx), (dy, Rdy))


def norms(inputs, signals):
    rows = [[np.outer(np.r_[x, 1], d).ravel() for x, d in zip(*layer)] for layer in zip(inputs, signals)]
    return np.linalg.norm(np.concatenate(rows, axis=1), axis=1)


def by_the_package(theta, sizes, x, y):
    return mlp(sizes).gradient(theta, x, y)


SECOND = {
    "02.backward": backward_by_nudging,
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


def on(W, b, x):
    return x @ W + b > 0


def linear_part(W, x, dy, ds):
    return dy + ds @ W.T, x.T @ ds, ds.sum(0)


def past(parts):
    """An answer from the signal behind ReLU alone."""
    return lambda W, b, x, dy: parts(W, x, dy * on(W, b, x))


WRONG = [
    ("02.backward", past(lambda W, x, ds: (ds @ W.T, x.T @ ds, ds.sum(0))), "by two ways"),
    ("02.backward", lambda W, b, x, dy: (dy + dy @ W.T, x.T @ dy, dy.sum(0)), "blocks nothing"),
    ("02.backward", lambda W, b, x, dy: linear_part(W, x, dy, dy * (block(W, b, x) > 0)), "where y is negative"),
    ("02.backward", lambda W, b, x, dy: linear_part(W, x, dy, dy * (x > 0)), "where x is negative"),
    ("02.backward", lambda W, b, x, dy: linear_part(W, x, dy, np.maximum(dy, 0)), "where dy is negative"),
    ("02.backward", lambda W, b, x, dy: linear_part(W, x, dy, dy * (x @ W > 0)), "b is missing where"),
    ("02.backward", lambda W, b, x, dy: linear_part(W.T, x, dy, dy * (x @ W + b > 0)), "not transposed"),
    ("02.backward", lambda W, b, x, dy: linear_part(W, x, *2 * [dy * (x @ W + b > 0)]), "past is blocked"),
    ("02.backward", past(lambda W, x, ds: (ds @ W.T + x, x.T @ ds, ds.sum(0))), "carries x"),
    ("02.backward", lambda W, b, x, dy: (linear_part(W, x, dy, dy * (x @ W + b > 0))[0], x.T @ dy, dy.sum(0)),
     "in dW and db nothing"),
    ("02.backward", lambda *q: [part / 6 for part in backward_by_nudging(*q)], "everything is divided by n"),
    ("02.backward", lambda *q: backward_by_nudging(*q)[:2] + [backward_by_nudging(*q)[2] / 6], "db is divided by n"),
    ("02.backward", lambda W, b, x, dy: backward_by_nudging(W, b, x, dy)[:2] + [dy * (x @ W + b > 0)], "one row an"),
    ("02.backward", lambda *q: (lambda dx, dW, db: (dx, dW.T, db))(*backward_by_nudging(*q)), "transposed"),
    ("02.backward", lambda *q: (lambda dx, dW, db: (dW, dx, db))(*backward_by_nudging(*q)), "dx comes first"),
    ("02.tangent", lambda W, b, x, RW, Rb, Rx: Rx + on(W, b, x) * (x @ RW + Rb), "moving input"),
    ("02.tangent", lambda W, b, x, RW, Rb, Rx: Rx + on(W, b, x) * (Rx @ W + Rb), "moving W"),
    ("02.tangent", lambda W, b, x, RW, Rb, Rx: Rx + on(W, b, x) * (Rx @ W + x @ RW), "moving b"),
    ("02.tangent", lambda W, b, x, RW, Rb, Rx: Rx + on(W, b, x) * (Rx @ RW + Rb), "one at a time"),
    ("02.tangent", lambda W, b, x, RW, Rb, Rx: on(W, b, x) * (Rx @ W + x @ RW + Rb), "way past the layer is missing"),
    ("02.tangent", lambda W, b, x, RW, Rb, Rx: Rx + Rx @ W + x @ RW + Rb, "blocks nothing"),
    ("02.tangent", lambda W, b, x, RW, Rb, Rx: Rx + np.maximum(Rx @ W + x @ RW + Rb, 0), "looks at the speed"),
    ("02.tangent", lambda W, b, x, RW, Rb, Rx: Rx + (x > 0) * (Rx @ W + x @ RW + Rb), "where x is negative"),
    ("02.tangent", lambda W, b, x, RW, Rb, Rx: on(W, b, x) * (Rx + Rx @ W + x @ RW + Rb), "past is blocked"),
    ("02.tangent", lambda W, b, x, RW, Rb, Rx: Rx + on(W, 0, x) * (Rx @ W + x @ RW + Rb), "b is missing where"),
    ("02.tangent", lambda W, b, x, RW, Rb, Rx: x + on(W, b, x) * (Rx @ W + x @ RW + Rb), "carries x"),
    ("02.tangent", lambda W, b, x, RW, Rb, Rx: Rx + on(W, b, x) * (Rx @ W + x @ RW + b), "speed Rb belongs"),
    ("02.tangent", lambda W, b, x, RW, Rb, Rx: block(W + RW, b + Rb, x + Rx), "after a whole step"),
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
    ("02.mlp", planted(share=-1 / 6), "sign"),
    ("02.mlp", planted(act=lambda z, _: z, blocked=lambda x, dx: dx), "no ReLU between"),
]
