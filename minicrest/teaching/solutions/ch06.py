"""Tutorial 06: the inputs of its exercises, its solutions, and what wrong answers are made of."""

import numpy as np

rng = np.random.default_rng(6)
U, TARGET = rng.standard_normal((7, 3)) + [1.0, -2.0, 0.5], np.array([0.3, 0.1, -1.0])
G = rng.standard_normal((11, 4))
S, GAMMA = np.array([8, 2, 10, 5, 0]), np.array([1.0, 5.0, 2.0, 1.0, 2.0])  # gamma sums to n
B, LONG = np.array([1, 3]), np.array([4, 0, 2])


def split(u, target):
    mean = u.mean(axis=0)
    return ((mean - target) ** 2).sum(), ((u - mean) ** 2).sum(axis=1).mean()


def spread(g, ddof=0):
    return g.var(axis=0, ddof=ddof).sum()


def random_error(g, m):
    n = len(g)
    return spread(g) / m * (n - m) / (n - 1)


def batch(weigh=lambda gamma, b: gamma[b] / gamma.mean(), rows=lambda s, b: s[b], total=np.mean):
    """The gradient of mini-batch b, its weights by weigh(gamma, b), its rows of g by rows(s, b)."""
    return lambda g, s, gamma, b: total(weigh(gamma, b)[:, None] * g[rows(s, b)], axis=0)


def single(w=lambda gamma: gamma / gamma.mean(), error=random_error, target=lambda g, s: g.mean(axis=0)):
    """(bias^2, variance) of one coreset with the weights w(gamma), its variance by error(v, m)."""

    def answer(g, s, gamma, m):
        v = w(gamma)[:, None] * g[s]
        return ((v.mean(axis=0) - target(g, s)) ** 2).sum(), error(v, m)

    return answer


def unweighted_spread(g, s, gamma, m):
    return single()(g, s, gamma, m)[0], random_error(g[s], m)


def size_of_data(g, s, gamma, m):
    """The mistake: n where k belongs."""
    bias2, variance = single(error=lambda v, m: spread(v) / m)(g, s, gamma, m)
    return bias2, variance * (len(g) - m) / (len(g) - 1)
