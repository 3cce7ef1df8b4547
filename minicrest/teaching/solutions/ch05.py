"""Tutorial 05: the inputs of its exercises, its solutions, and what wrong answers are made of."""

import numpy as np

rng = np.random.default_rng(5)
G = rng.standard_normal((9, 4))
TWINS = np.vstack([rng.standard_normal((5, 2)), np.zeros((2, 2))])  # the last two are equal
S, PAIR = [6, 1, 4], [5, 0, 6]  # of PAIR the last is equal to the first: it stands for nothing
X, Y = rng.standard_normal((17, 2)), np.array([1, 0, 0, 2, 1, 2, 0, 0, 2, 1, 1, 1, 2, 0, 1, 1, 0])
Y2, THETA = (Y > 0).astype(int), np.array([0.5, -1.5, 0.8])


def distances(g):
    return np.linalg.norm(g[:, None] - g[None], axis=2)


D, D2 = distances(rng.standard_normal((9, 3))), distances(TWINS)
LINE = np.abs(np.subtract.outer(np.array([0.0, 1, 3, 7, 12]), [0.0, 1, 3, 7, 12]))  # whole numbers: L(S) can be epsilon


# ---- the bound


def bound(gamma=lambda d: d.argmin(axis=1), away=lambda d: d.min(axis=1).sum()):
    """(error, bound), the clusters by gamma(distances to S), the right side by away(the same)."""

    def answer(g, s):
        d = distances(g)[:, s]  # (n, k)
        sizes = np.bincount(gamma(d), minlength=len(s))
        return np.linalg.norm(g.sum(axis=0) - sizes @ g[s]), away(d)

    return answer


def rescaled(left, right=1.0):
    """Both sides of the bound, times left(n, k) and right."""

    def answer(g, s):
        error, limit = bound()(g, s)
        return left(len(g), len(s)) * error, right * limit

    return answer


def unweighted(g, s):
    return np.linalg.norm(g.sum(axis=0) - g[s].sum(axis=0)), bound()(g, s)[1]


def equal_weights(g, s):
    return np.linalg.norm(g.sum(axis=0) - g[s].sum(axis=0) * len(g) / len(s)), bound()(g, s)[1]


# ---- greedy


def near_to(d, s):
    """(n,) distances to the nearest medoid, the largest of all where there is none."""
    return np.minimum(d.max(), d[:, s].min(axis=1, initial=np.inf))


def gains(d, s, start=None, axis=0):
    near = near_to(d, s) if start is None else start(d, s)
    return np.maximum(near[:, None] - d, 0).sum(axis=axis)


def listed(score, stop, first=None):
    """A list that grows by the largest score(d, chosen) until stop(d, chosen, epsilon)."""

    def answer(d, epsilon):
        chosen = [] if first is None else [first]
        while not stop(d, chosen, epsilon) and len(chosen) < len(d):
            score_now = np.where(np.isin(np.arange(len(d)), chosen), -np.inf, score(d, chosen))
            chosen.append(int(score_now.argmax()))
        return np.array(chosen)

    return answer


def covered(d, s, epsilon):
    return near_to(d, s).sum() <= epsilon


def strictly(d, s, epsilon):
    return near_to(d, s).sum() < epsilon


def unclosed(d, s, mark):
    """The mistake: the gain of those in S is a mark, not the number that it is."""
    g = gains(d, s)
    g[s] = mark
    return g


def one_more(d, epsilon):
    return listed(gains, lambda d, s, epsilon: covered(d, s[:-1], epsilon) and len(s) > 0)(d, epsilon)


# ---- the certificate


def logistic(theta, x, y, l2, l2_vector=None, sign=1.0):
    """(d + 1,) gradient of the mean loss."""
    x = np.column_stack([x, np.ones(len(x))])
    p = 1 / (1 + np.exp(-sign * (x @ theta)))
    return x.T @ (p - y) / len(y) + (l2 * theta if l2_vector is None else l2_vector)


def constant_first(theta, x, y, l2):
    """The mistake: theta's first entry is for the constant input."""
    x = np.column_stack([np.ones(len(x)), x])
    return x.T @ (1 / (1 + np.exp(-(x @ theta))) - y) / len(y) + l2 * theta


def with_p(p):
    """The mistake: another probability p(z)."""

    def answer(theta, x, y, l2):
        x = np.column_stack([x, np.ones(len(x))])
        return np.linalg.norm(x.T @ (p(x @ theta) - y) / len(y) + l2 * theta) / l2

    return answer


def certificate(theta, x, y, l2):
    return np.linalg.norm(logistic(theta, x, y, l2)) / l2


# ---- CRAIG


def craig(x, y, k, scale=lambda sizes, y: sizes / np.mean(np.concatenate(sizes)), metric=distances, local=False):
    """scale: from cluster sizes (classes, k) to weights; metric: the distances; local: number rows in their class."""
    indices, sizes = [], []
    for label in np.unique(y):
        members = np.flatnonzero(y == label)
        d = metric(x[members])
        s = listed(gains, lambda d, s, size: len(s) >= size)(d, k)
        indices.append(s if local else members[s])
        sizes.append(np.bincount(d[:, s].argmin(axis=1), minlength=k))
    return np.concatenate(indices), np.ravel(scale(np.array(sizes, float), y))


def reordered(order):
    """The mistake: indices and weights in another order."""

    def answer(x, y, k):
        s, weights = craig(x, y, k)
        places = order(s)
        return s[places], weights[places]

    return answer


def by_class(score=lambda near, d: np.maximum(near[:, None] - d, 0).sum(axis=0), closer=np.minimum,
             count=lambda d: d.argmin(axis=1), metric=distances):  # fmt: skip
    """CRAIG by the loop of the tutorial, each keyword one step of it."""

    def answer(x, y, k):
        indices, sizes = [], []
        for label in np.unique(y):
            members = np.flatnonzero(y == label)
            d = metric(x[members])
            near, s = np.full(len(d), d.max()), []
            for _ in range(k):
                s.append(int(score(near, d).argmax()))
                near = closer(near, d[:, s[-1]])
            indices += list(members[s])
            sizes += list(np.bincount(count(d[:, s]), minlength=k))
        return np.array(indices), np.array(sizes) / np.mean(sizes)

    return answer


def without_classes(x, y, k):
    return craig(x, np.zeros_like(y), k * len(np.unique(y)))


def clusters_of_all(x, y, k):
    """The mistake: medoids by class, but every example goes to the nearest of all medoids."""
    s, _ = craig(x, y, k)
    sizes = np.bincount(distances(x)[:, s].argmin(axis=1), minlength=len(s))
    return s, sizes / sizes.mean()


CRAIG_MISTAKES = [
    ("classes are not kept apart: it is one problem over all examples.", without_classes),
    ("an example goes to the nearest medoid of any class; it should be one of its own.", clusters_of_all),
    (
        "weights are scaled in each class, so a small class counts as much as a large one.",
        lambda x, y, k: craig(x, y, k, lambda sizes, y: sizes / sizes.mean(axis=1, keepdims=True)),
    ),
    (
        "weights are cluster sizes and add up to n; they should have mean 1.",
        lambda x, y, k: craig(x, y, k, lambda sizes, y: sizes),
    ),
    (
        "weights add up to 1; they should have mean 1.",
        lambda x, y, k: craig(x, y, k, lambda sizes, y: sizes / sizes.sum()),
    ),
    (
        "every weight is 1: what of the cluster sizes?",
        lambda x, y, k: craig(x, y, k, lambda sizes, y: np.ones_like(sizes)),
    ),
    (
        "the numbers count within the class; which rows of x are they?",
        lambda x, y, k: craig(x, y, k, local=True),
    ),
    ("the distances are squared.", lambda x, y, k: craig(x, y, k, metric=lambda g: distances(g) ** 2)),
    (
        "weights are one more than the cluster: it holds its medoid already.",
        lambda x, y, k: craig(x, y, k, lambda sizes, y: (sizes + 1) / (sizes + 1).mean()),
    ),
    ("the indices are sorted; class after class, the order chosen is asked for.", reordered(np.argsort)),
    ("each class is in the opposite order, or the classes are.", reordered(lambda s: np.arange(len(s))[::-1])),
    (
        "a medoid weighs what its class has: what does its cluster have?",
        lambda x, y, k: craig(
            x, y, k, lambda sizes, y: np.repeat(sizes.sum(1, keepdims=True), k, 1) / sizes.mean() / k
        ),
    ),
    (
        "weights are upside down: a large cluster should weigh more.",
        lambda x, y, k: craig(x, y, k, lambda sizes, y: (1 / sizes) / (1 / sizes).mean()),
    ),
    (
        "weights are divided by the largest; they should have mean 1.",
        lambda x, y, k: craig(x, y, k, lambda sizes, y: sizes / sizes.max()),
    ),
    (
        "a cluster is counted without its medoid, which belongs to it.",
        lambda x, y, k: craig(x, y, k, lambda sizes, y: (sizes - 1) / (sizes - 1).mean()),
    ),
    ("an example is counted for its farthest medoid.", by_class(count=lambda d: d.argmax(axis=1))),
    (
        "near grows: after each choice it is the smaller of near and the new distance.",
        by_class(closer=np.maximum),
    ),
    (
        "an example far from all is taken: the gain is how much nearer the others get.",
        by_class(score=lambda near, d: -np.maximum(near[:, None] - d, 0).sum(axis=0)),
    ),
    (
        "the gains are added up along the wrong axis: which axis runs over the examples that gain?",
        by_class(score=lambda near, d: np.maximum(near[:, None] - d, 0).sum(axis=1)),
    ),
    (
        "losses are kept and gains left out: the larger of 0 and the change is asked for.",
        by_class(score=lambda near, d: np.minimum(near[:, None] - d, 0).sum(axis=0)),
    ),
    (
        "rows are added where their difference, the distance, belongs.",
        by_class(metric=lambda a: np.linalg.norm(a[:, None] + a[None], axis=2)),
    ),
]
