"""Tutorial 08: the inputs of its exercises, its solutions, and what wrong answers are made of."""

import numpy as np

rng = np.random.default_rng(8)
G = rng.standard_normal((7, 3)) + 1
V = np.array([6, 0, 3, 5, 2])
S, GAMMA = np.array([3, 6]), np.array([4.0, 1.0])
ESTIMATES, TRUTH = rng.standard_normal((5, 3)) + np.array([0.5, -1.0, 2.0]), np.array([1.0, 0.0, 0.5])
ROWS = 2 + np.random.default_rng(20).standard_normal((19, 4)) * np.array([3, 1, 1, 0.5])  # no two gains are equal
SUBSETS = [np.array([17, 2, 9, 14, 0, 6, 11, 4, 8]), np.array([3, 16, 7, 12, 1, 10, 5, 18, 13, 15])]
THREE = np.repeat(np.array([[0.0, 0.0], [3.0, 4.0], [9.0, 1.0]]), [4, 3, 2], axis=0)
TWICE = THREE, np.array([5, 0, 8, 4, 1, 7, 2]), 4  # a fourth medoid of three places: one that is taken twice

# ---- errors of estimates


def spread(G):
    """sigma^2."""
    return ((G - G.mean(axis=0)) ** 2).sum(axis=1).mean()


def sampling(G, r):
    return spread(G) / r * (len(G) - r) / (len(G) - 1)


def errors(G, V, S, gamma):
    subset = G[V].mean(axis=0)
    return subset - G.mean(axis=0), gamma @ G[S] / len(V) - subset


def parts(estimates, truth):
    mean = estimates.mean(axis=0)
    return mean - truth, ((estimates - mean) ** 2).sum(axis=1).mean()


# ---- the mini-batch


def distances(rows):
    return np.sqrt(((rows[:, None] - rows[None]) ** 2).sum(axis=2))


def greedy(d, m, near=None, sign=1):
    """Places of m medoids by greedy facility location on distances d, from `near` (the largest distance if None)."""
    near, places = np.full(len(d), d.max()) if near is None else near, []
    for _ in range(m):
        gains = sign * np.maximum(near[:, None] - d, 0).sum(axis=0)
        gains[places] = -np.inf
        places.append(int(gains.argmax()))
        near = np.minimum(near, d[:, places[-1]])
    return places


def clusters(d, places):
    return np.bincount(d[:, places].argmin(axis=1), minlength=len(places)).astype(float)


def batch(a, V, m):
    d = distances(a[V])
    places = greedy(d, m)
    gamma = clusters(d, places)
    return V[places], gamma / gamma.mean()


def batch_by(choose, weigh=lambda gamma, r: gamma / gamma.mean()):
    """The mini-batch whose places are choose(rows, d, m), and its weights weigh(gamma, r)."""

    def mistaken(a, V, m):
        d = distances(a[V])
        places = choose(a[V], d, m)
        return V[places], weigh(clusters(d, places), len(V))

    return mistaken


def stepwise(score=lambda near, d: np.maximum(near[:, None] - d, 0).sum(axis=0), closer=np.minimum,
             count=lambda d: d.argmin(axis=1), metric=distances):  # fmt: skip
    """The mini-batch by the loop of the tutorial, each keyword one step of it."""

    def mistaken(a, V, m):
        d = metric(a[V])
        near, places = np.full(len(V), d.max()), []
        for _ in range(m):
            gains = np.array(score(near, d), dtype=float)
            gains[places] = -np.inf
            places.append(int(gains.argmax()))
            near = closer(near, d[:, places[-1]])
        gamma = np.bincount(count(d[:, places]), minlength=m)
        return V[places], gamma / gamma.mean()

    return mistaken


def again(a, V, m):
    """The mistake: a point may be chosen again, once all gains are 0."""
    d = distances(a[V])
    near, places = np.full(len(V), d.max()), []
    for _ in range(m):
        places.append(int(np.maximum(near[:, None] - d, 0).sum(axis=0).argmax()))
        near = np.minimum(near, d[:, places[-1]])
    gamma = clusters(d, places)
    return V[places], gamma / gamma.mean()


def of_everything(a, V, m):
    """The mistake: V is not used."""
    return batch(a, np.arange(len(a)), m)


def places_only(a, V, m):
    """The mistake: places in V, not indices of the data."""
    return np.array(greedy(distances(a[V]), m)), batch(a, V, m)[1]


def wide(a, V, m):
    """The mistake: clusters of all the data."""
    i = batch(a, V, m)[0]
    gamma = np.bincount(np.linalg.norm(a[:, None] - a[i][None], axis=2).argmin(axis=1), minlength=m)
    return i, gamma / gamma.mean()


def best_alone(rows, d, m):
    return np.argsort(d.sum(axis=0), kind="stable")[:m].tolist()
