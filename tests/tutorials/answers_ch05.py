"""Answers to tutorial 05: SECOND, right ones written another way, and WRONG ones with words of their hints."""

import numpy as np


def assigned(D, S):
    """Of every example, by a loop: its nearest medoid's place in S, and the distance."""
    places = [min(range(len(S)), key=lambda t: row[S[t]]) for row in D]
    return places, [row[S[t]] for row, t in zip(D, places)]


def pairwise(G):
    return np.array([[np.sqrt(((a - b) ** 2).sum()) for b in G] for a in G])


def bound(G, S):
    places, away = assigned(pairwise(G), S)
    gap = sum(g - G[S[t]] for g, t in zip(G, places))
    return [np.sqrt(gap @ gap), sum(away)]


def value(D, S):
    """F from its definition."""
    return len(D) * D.max() - (sum(assigned(D, S)[1]) if len(S) else len(D) * D.max())


def gains(D, S):
    return np.array([value(D, [*S, e]) - value(D, S) for e in range(len(D))])


def cover(D, epsilon):
    S = []
    while not S or sum(assigned(D, S)[1]) > epsilon:
        S.append(int(np.argmax(np.round(gains(D, S), 9))))
    return np.array(S)


def certificate(theta, x, y, l2):
    total = l2 * len(y) * theta
    for row, target in zip(x, y):
        z = row @ theta[:-1] + theta[-1]
        total = total + (np.exp(-np.logaddexp(0, -z)) - target) * np.append(row, 1)
    return np.sqrt(total @ total) / (l2 * len(y))


def craig(x, y, k, own=True, scale=lambda sizes: np.ravel(sizes) / np.mean(sizes)):
    indices, sizes = [], []
    for label in sorted(set(y.tolist())):
        rows = np.array([n for n in range(len(y)) if y[n] == label])
        D = pairwise(x[rows])
        S = cover(D, 0.0)[:k]  # with all the medoids there are, the first k of them
        indices.append(rows[S] if own else S)
        sizes.append([assigned(D, S)[0].count(t) for t in range(k)])
    return np.concatenate(indices), scale(np.array(sizes, float))


def started_at(near, x, y, k):
    """At first every example is as far away as `near`, whatever the largest distance is."""
    indices = []
    for label in np.unique(y):
        rows, S = np.flatnonzero(y == label), []
        D = np.linalg.norm(x[rows, None] - x[None, rows], axis=2)
        for _ in range(k):
            far = np.minimum(near, D[:, S].min(axis=1, initial=np.inf))
            S.append(int(np.maximum(far[:, None] - D, 0).sum(axis=0).argmax()))
        indices += list(rows[S])
    return np.array(indices), craig(x, y, k)[1]


SECOND = {
    "05.bound": bound,
    "05.gains": gains,
    "05.cover": cover,
    "05.certificate": certificate,
    "05.craig": craig,
}


def farthest(D, epsilon):
    S = [int(D.sum(0).argmin())]
    while D[:, S].min(1).sum() > epsilon:
        S.append(int(D[:, S].min(1).argmax()))
    return np.array(S)


def ranked(D, epsilon):
    """The best of the first round's gains, as many as it takes."""
    order = np.argsort(D.sum(0), kind="stable")
    return next(order[:k] for k in range(1, len(D) + 1) if D[:, order[:k]].min(1).sum() <= epsilon)


def falsy(D, epsilon):
    """Example 0 taken for 'none yet'."""
    S = [0]
    while D[:, S].min(1).sum() > epsilon:
        S.append(int(np.argmax(gains(D, S))))
    return np.array(S)


def own_start(D, S):
    near = D[:, S].min(axis=1) if S else D.max(axis=1)
    return np.clip(near - D.T, 0, None).sum(axis=1)


WRONG = [
    ("05.bound", lambda G, S: (np.linalg.norm(G.sum(0) - G[S].sum(0)), bound(G, S)[1]), "without their weights"),
    ("05.bound", lambda G, S: (bound(G, S)[0], np.mean(assigned(pairwise(G), S)[1])), "the bound is a mean"),
    ("05.bound", lambda G, S: (bound(G, S)[0], sum(a**2 for a in assigned(pairwise(G), S)[1])), "squared"),
    ("05.bound", lambda G, S: (bound(G, S)[0], pairwise(G)[S].sum()), "all medoids"),
    ("05.bound", lambda G, S: (bound(G, S)[0] / len(G), bound(G, S)[1]), "the error is of the mean"),
    ("05.bound", lambda G, S: [side / len(G) for side in bound(G, S)], "both sides"),
    ("05.gains", lambda D, S: gains(D, S) + value(D, S), "what was it before"),
    ("05.gains", lambda D, S: gains(D, S) / len(D), "mean over the examples"),
    ("05.gains", lambda D, S: -gains(D, S), "sign"),
    ("05.gains", own_start, "own largest distance"),
    ("05.gains", lambda D, S: gains(D, []), "do nothing"),
    ("05.gains", lambda D, S: gains(D**2, S), "squared"),
    ("05.gains", lambda D, S: gains(D, S[-1:]), "added last"),
    ("05.cover", farthest, "farthest from the medoids"),
    ("05.cover", ranked, "computed anew"),
    ("05.cover", falsy, "begins with example 0"),
    ("05.cover", lambda D, epsilon: np.sort(cover(D, epsilon)), "sorted"),
    ("05.cover", lambda D, epsilon: cover(D, epsilon)[:-1], "one too early"),
    ("05.cover", lambda D, epsilon: cover(D, epsilon * len(D)), "mean distance"),
    ("05.certificate", lambda t, x, y, l2: l2 * certificate(t, x, y, l2), "not divided by lambda"),
    ("05.certificate", lambda t, x, y, l2: certificate(t, x, y, l2) / l2, "twice"),
    ("05.certificate", lambda t, x, y, l2: l2 * certificate(t, x, y, l2) ** 2, "the norm is squared"),
    ("05.certificate", lambda t, x, y, l2: certificate(t, x, y, 1e-30) * 1e-30 / l2, "lacks the lambda theta"),
    ("05.certificate", lambda t, x, y, l2: certificate(t, x, y, l2 / len(y)), "a sum over the examples"),
    ("05.craig", lambda x, y, k: craig(x, y, k, scale=np.ravel), "add up to n"),
    ("05.craig", lambda x, y, k: craig(x, y, k, scale=lambda s: np.ravel(s / s.sum())), "add up to 1"),
    ("05.craig", lambda x, y, k: started_at(10.0, x, y, k), "indices is not"),
    ("05.craig", lambda x, y, k: started_at(1.0, x, y, k), "indices is not"),
    ("05.craig", lambda x, y, k: craig(np.round(x), y, k), "indices is not"),
    ("05.craig", lambda x, y, k: craig(x[:, :1], y, k), "indices is not"),
    ("05.craig", lambda x, y, k: craig(x, -y, k), "order is not"),
    ("05.craig", lambda x, y, k: craig(x, y, k, own=False), "within the class"),
    ("05.craig", lambda x, y, k: craig(x, y, k, scale=lambda s: np.ravel(s / s.mean(1)[:, None])), "in each class"),
    ("05.craig", lambda x, y, k: craig(x, 0 * y, k * len(set(y))), "not kept apart"),
    ("05.craig", lambda x, y, k: craig(x, y, k, scale=lambda s: np.ravel(s**0)), "every weight is 1"),
]
