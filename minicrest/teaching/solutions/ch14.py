"""Tutorial 14: the inputs of its exercises, its solutions, and what wrong answers are made of."""

import numpy as np

rng = np.random.default_rng(14)
COINS = [(np.array([1.0, 0.25, 0.6, 0.1, 0.9, 0.4, 0.3]), np.array([0.99, 0.2, 0.7, 0.05, 0.3, 0.41, 0.1])),
         (rng.random(5) + 1e-3, rng.random(5)),
         (np.array([0.5, 0.25, 0.75]), np.array([0.5, 0.1, 0.75]))]  # two draws are exactly pi  # fmt: skip
ROWS = [(rng.standard_normal((6, 3)), rng.random(6) * 0.9 + 0.1), (rng.standard_normal((4, 2)) + 1, rng.random(4))]
SCORES = [rng.random(9) ** 4, rng.random(6) ** 3 + 0.01, np.array([0.2, 0.1, 1.1, 0.9, 0.05, 0.4, 0.02, 0.01])]
PRICED = [(SCORES[0], 1.0, 2.0), (SCORES[1], 1.0, 4.0), (SCORES[2], 0.5, 2.0)]
PRICED.append((np.append(SCORES[0], np.zeros(4)), 1.0, 2.0))  # m counts those with a score of 0 too
PRICED += [(np.array([0.3, 1.0, 0.9, 1.1]), 1.0, 2.0)]  # the first ratio is the least, the third the largest
FLOORED = [(SCORES[0], 0.1), (SCORES[2], 0.15), (np.append(SCORES[1], 0), 0.2), (np.zeros(4), 0.3), (SCORES[2], 0.0)]
W, X = 2 * rng.standard_normal((4, 3)), rng.standard_normal((10, 4))
FIT = (3 * X @ W + rng.standard_normal((10, 3))).argmax(axis=1)  # most are learned, some are not
STEPS = [(W, X, FIT, rng.random(10) / 2, 0.4, 0.5), (W, X[:7], FIT[:7], rng.random(7) / 2, 0.3, 2.0)]


def weights(pi, draws):
    return np.where(draws < pi, 1 / pi, 0)


def variance(G, pi):
    return ((G**2).sum(axis=1) * (1 / pi - 1)).sum() / len(G) ** 2


def spread(factor, squares=lambda G: (G**2).sum(axis=1), power=2):
    """The mistake: another factor than 1 / pi - 1, other squares, or another power of m."""
    return lambda G, pi: (squares(G) * factor(pi)).sum() / len(G) ** power


def odds(pi):
    return 1 / pi - 1


def threshold(s, f, b):
    return np.sqrt(ratios(s, f, b).max())


def ratios(s, f, b, order=lambda s: np.sort(s)[::-1], power=2, first=1):
    """(m,) b Q_k / (f m + b k) for k = 1 .. m; the arguments after b are mistakes that can be made."""
    k = np.arange(first, first + len(s))
    return b * np.cumsum(order(s) ** power) / (f * len(s) + b * k)


def chances(s, low):
    if not s.any():
        return np.ones(len(s))
    return np.maximum(low, np.minimum(1, s / threshold(s, 1, 2)))


def kept(change):
    """The mistake: other chances than max(low, min(1, s / tau)), where a score is not 0."""
    return lambda s, low: change(s, threshold(s, 1, 2), low) if s.any() else np.ones(len(s))


def gradients(W, x, y):
    """(p, p - y), each (m, C)."""
    e = np.exp(x @ W - (x @ W).max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return p, p - np.eye(W.shape[1])[y]


def norm(p, a, y):
    return np.sqrt((a**2).sum(axis=1))


def own(p, y):
    """(m,) the probability of each example's label."""
    return p[np.arange(len(y)), y]


def stepper(score=norm, weigh=weights, share=lambda w: len(w), price=lambda m, kept, pi: m + 2 * kept, sign=-1):
    """The step of thinning for softmax regression; the arguments are mistakes that can be made."""

    def step(W, x, y, draws, low, eta):
        p, a = gradients(W, x, y)
        pi = chances(score(p, a, y), low)
        w = weigh(pi, draws)
        return W + sign * eta * x.T @ (w[:, None] * a) / share(w), price(len(x), np.count_nonzero(w), pi)

    return step


step = stepper()
