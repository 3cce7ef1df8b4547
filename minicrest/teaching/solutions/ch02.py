"""Tutorial 02: the inputs of its exercises, its solutions, and what wrong answers are made of."""

import numpy as np

rng = np.random.default_rng(382)
W, B, X, DY = (rng.standard_normal(shape) for shape in ((3, 3), 3, (6, 3), (6, 3)))
RW, RB, RX = (rng.standard_normal(shape) for shape in ((3, 3), 3, (6, 3)))
T, DT, RT, RDT = rng.standard_normal((4, 5, 2))
INPUTS = [rng.standard_normal((4, i)) for i in (3, 5)]
SIGNALS = [rng.standard_normal((4, o)) for o in (5, 2)]
SIZES, Y = (3, 5, 4, 2), np.array([1, 0, 1, 1, 0, 1])
THETA = rng.standard_normal(sum((i + 1) * o for i, o in zip(SIZES, SIZES[1:])))


def positive(s, x, dy):
    """Where ReLU lets through."""
    return s > 0


def backward(mask=positive, past=1.0, turned=lambda W: W.T, shift=1.0):
    """The residual block's way back; mask(s, x, dy) for what ReLU blocks, `shift` b once or not at all."""

    def formula(W, b, x, dy):
        ds = dy * mask(x @ W + shift * b, x, dy)
        return past * dy + ds @ turned(W), x.T @ ds, ds.sum(axis=0)

    return formula


def of_backward(change):
    """The right dx, dW, db, changed by change(dx, dW, db, x, dy)."""
    return lambda W, b, x, dy: change(*backward()(W, b, x, dy), x, dy)


def tangent(of=(1, 1, 1), past=1.0, mask=lambda s, x, Rs: s > 0, shift=1.0):
    """The residual block's tangent; `of`: factors of the speeds of x, W and b in its branch."""

    def formula(W, b, x, RW, Rb, Rx):
        Rs = of[0] * Rx @ W + of[1] * x @ RW + of[2] * Rb
        return past * Rx + mask(x @ W + shift * b, x, Rs) * Rs

    return formula


def tanh(first=1.0, second=-2.0, moves=True):
    """Rdx = first (1 - y^2) Rdy + second y Ry dy, Ry = (1 - y^2) Rx; `moves` False: Rx in its place."""

    def formula(x, dy, Rx, Rdy):
        y = np.tanh(x)
        Ry = (1 - y**2) * Rx if moves else Rx
        return first * (1 - y**2) * Rdy + second * y * Ry * dy

    return formula


def norms(bias=1.0, join=lambda squares: np.sqrt(sum(squares))):
    """The length of each example's gradient; bias 0 leaves b out, `join` makes one number of a layer each."""

    def formula(inputs, signals):
        return join([((x**2).sum(1) + bias) * (dy**2).sum(1) for x, dy in zip(inputs, signals)])

    return formula


def split(theta, sizes):
    weights, start = [], 0
    for i, o in zip(sizes, sizes[1:]):
        weights.append((theta[start : start + i * o].reshape(i, o), theta[start + i * o : start + (i + 1) * o]))
        start += (i + 1) * o
    return weights


def relu(x):
    return np.maximum(x, 0)


def mlp(act=relu, mask=lambda x, dx: dx * (x > 0), last=lambda z: z, mean=True, target=True, bias_first=False):
    """The gradient of an MLP, each keyword one thing that can be got wrong."""

    def formula(theta, sizes, x, y):
        weights, inputs, parts = split(theta, sizes), [x], []
        for W, b in weights[:-1]:
            inputs.append(act(inputs[-1] @ W + b))
        z = last(inputs[-1] @ weights[-1][0] + weights[-1][1])
        p = np.exp(z - z.max(axis=1, keepdims=True))
        dy = p / p.sum(axis=1, keepdims=True) - target * np.eye(sizes[-1])[y]
        dy = dy / len(x) if mean else dy
        for (W, _), x in zip(weights[::-1], inputs[::-1]):
            own = [(x.T @ dy).ravel(), dy.sum(axis=0)]
            parts = (own[::-1] if bias_first else own) + parts
            dy = mask(x, dy @ W.T)
        return np.concatenate(parts)

    return formula


def relaid(before, after):
    """The right gradient of parameters that are read, and written, in another layout of each W (i, o)."""

    def laid(change, theta, sizes):
        shapes = list(zip(sizes, sizes[1:]))
        return np.concatenate([np.r_[change(W, *shape), b] for (W, b), shape in zip(split(theta, sizes), shapes)])

    def formula(theta, sizes, x, y):
        return laid(after, mlp()(laid(before, theta, sizes), sizes, x, y), sizes)

    return formula


def as_it_is(W, i, o):
    return W.ravel()


def read_transposed(W, i, o):
    """W of numbers that lie there as (o, i)."""
    return W.reshape(o, i).T.ravel()


def without_b(theta, sizes, x, y):
    """The mistake: forward has no biases."""
    bare = np.concatenate([np.r_[W.ravel(), 0 * b] for W, b in split(theta, sizes)])
    return mlp()(bare, sizes, x, y)


def db_mean(theta, sizes, x, y):
    """The mistake: db is divided by n once more."""
    parts = split(mlp()(theta, sizes, x, y), sizes)
    return np.concatenate([np.r_[dW.ravel(), db / len(x)] for dW, db in parts])


def last_bias(factor):
    return lambda theta, sizes, x, y: mlp()(np.r_[theta[: -sizes[-1]], factor * theta[-sizes[-1] :]], sizes, x, y)


def hidden_bias(factor):
    """The mistake: another factor than 1 before the hidden layers' biases."""

    def formula(theta, sizes, x, y):
        layers = split(theta, sizes)
        scaled = [np.r_[W.ravel(), factor * b] for W, b in layers[:-1]]
        return mlp()(np.concatenate([*scaled, np.r_[layers[-1][0].ravel(), layers[-1][1]]]), sizes, x, y)

    return formula


def divided_again(theta, sizes, x, y):
    """The mistake: the mean is taken in dW and db although dy holds it already."""
    return mlp()(theta, sizes, x, y) / len(x)


def layers_reversed(theta, sizes, x, y):
    """The mistake: the last layer's gradient comes first."""
    parts = split(mlp()(theta, sizes, x, y), sizes)
    return np.concatenate([np.r_[dW.ravel(), db] for dW, db in parts[::-1]])
