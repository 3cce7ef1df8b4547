"""Answers to tutorial 01: SECOND, right ones written another way, and WRONG ones with words of their hints."""

import numpy as np


def logs(z):
    """log softmax, by logaddexp instead of a maximum."""
    return np.array([[v - np.logaddexp.reduce(row) for v in row] for row in z])


def loop_gradient(W, b, x, y):
    dW, db = np.zeros(W.shape), np.zeros(b.shape)
    for x_n, y_n in zip(x, y):
        a = np.exp(logs((x_n @ W + b)[None])[0])
        a[y_n] -= 1
        dW += np.outer(x_n, a) / len(x)
        db += a / len(x)
    return [dW, db]


def weighted(theta, x, y, w, eta):
    x = np.column_stack([x, np.ones(len(x))])  # b as one more row of W
    W = theta.reshape(x.shape[1], -1)
    a = np.exp(logs(x @ W)) - np.eye(W.shape[1])[y]
    return (W - eta * np.einsum("n,ni,nk->ik", w, x, a) / len(w)).ravel()


def one_by_one(f, theta, v, h):
    points = [theta + sign * h * v for sign in (1, -1)]
    return np.diff([f(p) for p in points[::-1]])[0] / h / 2


SECOND = {
    "01.softmax": lambda z: np.exp(logs(z)),
    "01.loss": lambda z, y: float(np.mean([-row[k] for row, k in zip(logs(z), y)])),
    "01.gradient": loop_gradient,
    "01.slope": one_by_one,
    "01.weighted": weighted,
}


def naive(z):
    return np.exp(z) / np.exp(z).sum(1, keepdims=True)


def half(W, b, x, y):
    dW, db = loop_gradient(W, b, x, y)
    return dW, db * len(x)


WRONG = [
    ("01.softmax", lambda z: (lambda e: e / e.sum(1)[:, None])(np.exp(z - z.mean(1)[:, None])), "inf"),
    ("01.slope", lambda f, t, v, h: (f(t + h * v) - f(t - h * v)) / 2 * h, "brackets"),
    ("01.softmax", lambda z: (lambda e: e / e.sum(0))(np.exp(z - z.max(0))), "wrong axis"),
    ("01.softmax", lambda z: np.exp(z - z.max(1)[:, None]), "divided by the sum"),
    ("01.softmax", logs, "logarithms"),
    ("01.softmax", lambda z: z / z.sum(1)[:, None], "exponentiated"),
    ("01.softmax", naive, "exp of a large number"),
    ("01.loss", lambda z, y: -logs(z)[np.arange(len(z)), y].sum(), "not their mean"),
    ("01.loss", lambda z, y: logs(z)[np.arange(len(z)), y].mean(), "sign"),
    ("01.loss", lambda z, y: -logs(z)[range(len(z)), y], "one number an example"),
    ("01.loss", lambda z, y: -logs(z).mean(), "all classes"),
    ("01.loss", lambda z, y: -np.mean([logs(z)[:, k] for k in y]), "classes of all rows"),
    ("01.loss", lambda z, y: -logs(z)[np.arange(len(z)), y].sum() / z.size, "n times C"),
    ("01.loss", lambda z, y: -logs(z)[:, 0].mean(), "is y used?"),
    ("01.gradient", lambda *q: tuple(g * len(q[2]) for g in loop_gradient(*q)), "sum over the examples"),
    ("01.gradient", half, "db a sum"),
    ("01.gradient", lambda *q: tuple(-g for g in loop_gradient(*q)), "sign"),
    ("01.gradient", lambda W, b, x, y: loop_gradient(W, 0 * b, x, y), "lack b"),
    ("01.gradient", lambda W, b, x, y: (loop_gradient(W, b, x, y)[0].T, loop_gradient(W, b, x, y)[1]), "transposed"),
    ("01.slope", lambda f, t, v, h: (f(t + h * v) - f(t)) / h, "one-sided"),
    ("01.slope", lambda f, t, v, h: (f(t + h * v) - f(t - h * v)) / h, "2 h apart"),
    ("01.slope", lambda f, t, v, h: (f(t - h * v) - f(t + h * v)) / (2 * h), "sign"),
    ("01.slope", lambda f, t, v, h: (f(t + h) - f(t - h)) / (2 * h), "every entry"),
    ("01.weighted", lambda t, x, y, w, eta: weighted(t, x, y, w / w.mean(), eta), "divided by their sum"),
    ("01.weighted", lambda t, x, y, w, eta: weighted(t, x, y, w * len(w), eta), "divided by n"),
    ("01.weighted", lambda t, x, y, w, eta: weighted(t, x, y, 0 * w + 1, eta), "weights do nothing"),
    ("01.weighted", lambda t, x, y, w, eta: weighted(t, x, y, w, -eta), "uphill"),
    ("01.weighted", lambda t, x, y, w, eta: weighted(t, x, y, w, 1.0), "eta is not used"),
]
