"""Answers to tutorial 08: SECOND, right ones written another way, and WRONG ones with words of their hints."""

from itertools import combinations

import numpy as np

from minicrest.submodular import facility_location


def enumerated(G, r):
    """Over all subsets there are."""
    return np.mean([((G[list(V)].mean(0) - G.mean(0)) ** 2).sum() for V in combinations(range(len(G)), r)])


def errors(G, V, S, gamma):
    subset, chosen = sum(G[i] for i in V) / len(V), sum(w * G[j] for j, w in zip(S, gamma)) / sum(gamma)
    return [subset - np.average(G, axis=0), chosen - subset]


def parts(estimates, truth):
    return [np.mean(estimates - truth, axis=0), float(np.var(estimates, axis=0).sum())]


def batch(a, V, m):
    found = facility_location(a[V], m)
    return [V[found.indices], found.weights * m / len(V)]


SECOND = {"08.sampling": enumerated, "08.errors": errors, "08.parts": parts, "08.batch": batch}


def twice(a, V, m):
    """Greedy that may choose a point again, once all gains are 0."""
    d, places = np.sqrt(((a[V][:, None] - a[V][None]) ** 2).sum(2)), []
    near = np.full(len(V), d.max())
    for _ in range(m):
        places.append(int(np.maximum(near[:, None] - d, 0).sum(0).argmax()))
        near = np.minimum(near, d[:, places[-1]])
    gamma = np.bincount(d[:, places].argmin(1), minlength=m)
    return V[places], gamma / gamma.mean()


def squared(a, V, m):
    d, places = ((a[V][:, None] - a[V][None]) ** 2).sum(2), []
    near = np.full(len(V), d.max())
    for _ in range(m):
        gains = [-1 if e in places else sum(max(0, near[i] - d[i, e]) for i in range(len(V))) for e in range(len(V))]
        places.append(int(np.argmax(gains)))
        near = np.minimum(near, d[:, places[-1]])
    gamma = np.bincount(d[:, places].argmin(1), minlength=m)
    return V[places], gamma / gamma.mean()


def reweighted(change):
    return lambda a, V, m: (batch(a, V, m)[0], change(batch(a, V, m)[1], len(V), m))


WRONG = [
    ("08.batch", twice, "chosen again"),
    ("08.sampling", lambda G, r: G.var(0).sum() / r, "without replacement"),
    ("08.sampling", lambda G, r: G.var(0).sum() / r * (1 - r / len(G)), "should be 1"),
    ("08.sampling", lambda G, r: G.var(0).sum() * (len(G) - r) / (len(G) - 1), "not divided by r"),
    ("08.sampling", lambda G, r: G.var(0).mean() / r * (len(G) - r) / (len(G) - 1), "a squared length adds"),
    ("08.sampling", lambda G, r: enumerated(G, r) ** 0.5, "root"),
    ("08.errors", lambda G, V, S, w: (errors(G, V, S, w)[0], w @ G[S] / w.sum() - G.mean(0)), "together"),
    ("08.errors", lambda G, V, S, w: (errors(G, V, S, w)[0], G[S].mean(0) - G[V].mean(0)), "what is gamma for"),
    ("08.errors", lambda G, V, S, w: (errors(G, V, S, w)[0], w @ G[S] / len(S) - G[V].mean(0)), "divided by m"),
    ("08.errors", lambda G, V, S, w: [-e for e in errors(G, V, S, w)], "opposite sign"),
    ("08.errors", lambda G, V, S, w: errors(G, V, S, w)[::-1], "changed places"),
    ("08.parts", lambda e, t: (parts(e, t)[0], ((e - t) ** 2).sum(1).mean()), "own mean"),
    ("08.parts", lambda e, t: (t - e.mean(0), e.var(0).sum()), "opposite sign"),
    ("08.parts", lambda e, t: (e.mean(0), e.var(0).sum()), "not been subtracted"),
    ("08.parts", lambda e, t: (parts(e, t)[0], e.var(0, ddof=1).sum()), "K - 1"),
    ("08.parts", lambda e, t: (parts(e, t)[0], e.var(0).mean()), "adds them"),
    ("08.parts", lambda e, t: (parts(e, t)[0], e.var(0)), "each entry"),
    ("08.batch", lambda a, V, m: (facility_location(a[V], m).indices, batch(a, V, m)[1]), "places in V"),
    ("08.batch", reweighted(lambda w, r, m: w * r / m), "cluster sizes themselves"),
    ("08.batch", reweighted(lambda w, r, m: w / w.sum()), "add up to 1"),
    ("08.batch", reweighted(lambda w, r, m: w * 0 + 1), "all weights are 1"),
    ("08.batch", squared, "squared"),
    ("08.batch", lambda a, V, m: batch(a, np.arange(len(a)), m), "from all the data"),
]
