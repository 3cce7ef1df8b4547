"""Tutorial 01: the inputs of its exercises, its solutions, and what wrong answers are made of."""

import numpy as np

rng = np.random.default_rng(1)
Z, Y = 2 * rng.standard_normal((5, 3)), np.array([1, 0, 2, 1, 2])
LARGE = np.array([[1000.0, 999.0, 0.0], [-1000.0, -1001.0, -1000.5]])
FAR = np.array([[1000.0, -1000.0, -1000.0, -999.0]])  # the row's mean is far from its largest
W, B, X = rng.standard_normal((4, 3)), rng.standard_normal(3), rng.standard_normal((5, 4))
THETA = np.concatenate([W.ravel(), B])
WIDE = rng.standard_normal(15)  # two inputs, five classes
HEAVY = np.array([5.0, 1.0, 0.5, 2.0, 1.0])  # sums to 9.5, not to n


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def log_softmax(z):
    z = z - z.max(axis=1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


def columns(z):
    """The mistake: a softmax of each column."""
    e = np.exp(z - z.max(axis=0))
    return e / e.sum(axis=0)


def losses(z, y):
    return -log_softmax(z)[np.arange(len(y)), y]


def signals(W, b, x, y):
    """(n, C), p - y."""
    return softmax(x @ W + b) - np.eye(len(b))[y]


def gradient(W, b, x, y):
    a = signals(W, b, x, y)
    return x.T @ a / len(x), a.mean(axis=0)


def without_y(W, b, x, y):
    """The mistake: p in place of p - y."""
    p = softmax(x @ W + b)
    return x.T @ p / len(x), p.mean(axis=0)


def descent(weigh, sign=-1.0):
    """A step of gradient descent whose row n of p - y is multiplied by weigh(w)[n]."""

    def step(theta, x, y, w, eta):
        i = x.shape[1]
        W, b = theta[: -(len(theta) // (i + 1))].reshape(i, -1), theta[-(len(theta) // (i + 1)) :]
        a = signals(W, b, x, y) * weigh(w)[:, None]
        return theta + sign * eta * np.concatenate([(x.T @ a).ravel(), a.sum(axis=0)])

    return step


def moved(change):
    """The mistake: p is computed with other parameters change(W, b)."""

    def step(theta, x, y, w, eta):
        i, C = x.shape[1], len(theta) // (x.shape[1] + 1)
        W, b = change(theta[: i * C].reshape(i, C), theta[i * C :])
        a = signals(W, b, x, y) * (w / len(w))[:, None]
        return theta - eta * np.concatenate([(x.T @ a).ravel(), a.sum(axis=0)])

    return step


def weighted_otherwise(signal):
    """The mistake: signal(logits, y, w), (n, C), takes the place of the weighted p - y."""

    def step(theta, x, y, w, eta):
        i, C = x.shape[1], len(theta) // (x.shape[1] + 1)
        a = signal(x @ theta[: i * C].reshape(i, C) + theta[i * C :], np.eye(C)[y], w[:, None]) / len(x)
        return theta - eta * np.concatenate([(x.T @ a).ravel(), a.sum(axis=0)])

    return step


logits_weighted = weighted_otherwise(lambda z, one, w: softmax(w * z) - one)
p_weighted = weighted_otherwise(lambda z, one, w: w * softmax(z) - one)


def only(join):
    """A right step, of which join(theta, new, entries of W) makes the result."""

    def step(theta, x, y, w, eta):
        return join(
            theta, descent(lambda w: w / len(w))(theta, x, y, w, eta), x.shape[1] * len(theta) // (x.shape[1] + 1)
        )

    return step


def slope(f, theta, v, h):
    return (f(theta + h * v) - f(theta - h * v)) / (2 * h)


def bowl(theta):
    """A function with all derivatives, none of them 0."""
    return float(np.exp(theta[0]) + (theta**3).sum() + theta[0] * theta[-1])
