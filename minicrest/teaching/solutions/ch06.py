"""Tutorial 06: the inputs of its exercises, its solutions, and what wrong answers are made of."""

import numpy as np

rng = np.random.default_rng(6)
U, TARGET = rng.standard_normal((7, 3)) + [1.0, -2.0, 0.5], np.array([0.3, 0.1, -1.0])
G = rng.standard_normal((11, 4))
S, GAMMA = np.array([8, 2, 10, 5, 0]), np.array([1.0, 5.0, 2.0, 1.0, 2.0])  # gamma sums to n
B, LONG = np.array([1, 3]), np.array([4, 0, 2])
Q = rng.dirichlet(np.ones(7))  # chances
POOL = rng.standard_normal((160, 3)) * [1.0, 2.0, 0.5] + [2.0, 0.0, -1.0]
LINE = np.array([[-1.0, 0.0], [1.0, 0.0]])  # its error is exactly 1 for m = 1
ALLOWED = (3.0, 0.4, 0.05, 0.004, 0.0)
ANCHOR = np.array([0.7, -0.4, 1.1, 0.2])


def split(u, q, target):
    mean = q @ u
    return ((mean - target) ** 2).sum(), q @ ((u - mean) ** 2).sum(axis=1)


def parted(bias=lambda u, q, t: split(u, q, t)[0], variance=lambda u, q, t: split(u, q, t)[1]):
    """The pair, with one of the two computed otherwise."""
    return lambda u, q, t: (bias(u, q, t), variance(u, q, t))


def plainly(q):
    """Equal chances in the place of q."""
    return np.full(len(q), 1 / len(q))


def spread(g, ddof=0):
    return g.var(axis=0, ddof=ddof).sum()


def random_error(g, m):
    n = len(g)
    return spread(g) / m * (n - m) / (n - 1)


def size(error=random_error):
    """The smallest batch size whose error(g, m) is allowed; None where there is none."""

    def answer(g, allowed):
        with np.errstate(all="ignore"):
            return next((m for m in range(1, len(g) + 1) if error(g, m) <= allowed), None)

    return answer


def centred(g):
    return ((g - g.mean(axis=0)) ** 2).sum(axis=1)


def batch(weigh=lambda gamma, b: gamma[b] / gamma.mean(), rows=lambda s, b: s[b], total=np.mean):
    """The gradient of mini-batch b, its weights by weigh(gamma, b), its rows of g by rows(s, b)."""
    return lambda g, s, gamma, b: total(weigh(gamma, b)[:, None] * g[rows(s, b)], axis=0)


def single(w=lambda gamma: gamma / gamma.mean(), error=random_error, target=lambda g, s: g.mean(axis=0),
           rows=lambda w, g, c: c + w[:, None] * (g - c)):  # fmt: skip
    """(bias^2, variance) of one coreset with an anchor c: weights w(gamma), vectors rows(w, g, c), error(v, m)."""

    def answer(g, s, gamma, c, m):
        v = rows(w(gamma), g[s], c)
        return ((v.mean(axis=0) - target(g, s)) ** 2).sum(), error(v, m)

    return answer


def size_of_data(g, s, gamma, c, m):
    """The mistake: n where k belongs."""
    bias2, variance = single(error=lambda v, m: spread(v) / m)(g, s, gamma, c, m)
    return bias2, variance * (len(g) - m) / (len(g) - 1)
