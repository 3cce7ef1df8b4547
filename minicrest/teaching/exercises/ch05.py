"""Exercises of tutorial 05: the two sides of CRAIG's bound, gains, a greedy cover, a certificate, and CRAIG itself."""

import numpy as np
from minicrest.teaching.exercise import Exercise

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


EXERCISES = [
    Exercise(
        "05.bound",
        "my_bound -> error, bound",
        [(G, S), (TWINS, PAIR)],
        bound(),
        [
            ("the medoids' gradients are added up without their weights.", unweighted),
            ("every medoid has the same weight, n / k; what is the size of its cluster?", equal_weights),
            ("the distances in the bound are squared.", bound(away=lambda d: (d**2).min(axis=1).sum())),
            (
                "the bound is a mean over the examples; the inequality is about sums.",
                bound(away=lambda d: d.min(1).mean()),
            ),
            ("the error is of the mean; the inequality is about sums.", rescaled(lambda n, k: 1 / n)),
            (
                "both sides are means over the examples; the inequality is about sums.",
                lambda g, s: tuple(side / len(g) for side in bound()(g, s)),
            ),
            ("the bound adds up the distances to all medoids, not to the nearest one.", bound(away=np.sum)),
            (
                "the bound is the largest distance to a medoid; it should add up all of them.",
                bound(away=lambda d: d.min(axis=1).max()),
            ),
            ("the bound takes the farthest medoid in place of the nearest.", bound(away=lambda d: d.max(axis=1).sum())),
            ("each example is counted for its farthest medoid.", bound(gamma=lambda d: d.argmax(axis=1))),
            ("the error is squared: take the root.", lambda g, s: (bound()(g, s)[0] ** 2, bound()(g, s)[1])),
            ("it is the other way round: first the error, then the bound.", lambda g, s: bound()(g, s)[::-1]),
            ("the error adds up the lengths of the differences; the length of their sum is asked for.", lambda g, s: (np.linalg.norm(g - g[s][distances(g)[:, s].argmin(1)], axis=1).sum(), bound()(g, s)[1])),
            ("the weights are one too small: a cluster holds its medoid.", lambda g, s: (np.linalg.norm(g.sum(0) - (np.bincount(distances(g)[:, s].argmin(1), minlength=len(s)) - 1) @ g[s]), bound()(g, s)[1])),
            ("the medoids' gradients are added, not subtracted.", lambda g, s: (np.linalg.norm(g.sum(0) + np.bincount(distances(g)[:, s].argmin(1), minlength=len(s)) @ g[s]), bound()(g, s)[1])),
            ("the medoids are missing in the error.", lambda g, s: (np.linalg.norm(g.sum(0)), bound()(g, s)[1])),
            ("the mean of all gradients stands where their sum belongs.", lambda g, s: (np.linalg.norm(g.mean(0) - np.bincount(distances(g)[:, s].argmin(1), minlength=len(s)) @ g[s]), bound()(g, s)[1])),
            ("the smallest distance is taken along the wrong axis: every example has its nearest medoid.", bound(away=lambda d: d.min(axis=0).sum())),
        ],
    ),
    Exercise(
        "05.gains",
        "my_gains",
        [(D, []), (D, S), (D2, [1])],
        gains,
        [
            (
                "losses are counted as well: an example that is farther from e stays where it is.",
                lambda d, s: (near_to(d, s)[:, None] - d).sum(axis=0),
            ),
            (
                "near and the sum run along different axes: near belongs to the examples, the rows, and the sum runs over them.",
                lambda d, s: gains(d, s, axis=1),
            ),
            (
                "before the first medoid each example is at its own largest distance; c is one number for all.",
                lambda d, s: np.maximum(np.minimum(d.max() if s else d.max(axis=1), near_to(d, s))[:, None] - d, 0).sum(
                    axis=0
                ),
            ),
            ("it is a mean over the examples; the gain is a sum.", lambda d, s: gains(d, s) / len(d)),
            ("the sign is turned round: near falls, and F rises.", lambda d, s: -gains(d, s)),
            (
                "it is F of the larger set; what was it before?",
                lambda d, s: len(d) * d.max() - np.minimum(near_to(d, s)[:, None], d).sum(axis=0),
            ),
            (
                "it is L of the larger set; a gain is a difference.",
                lambda d, s: np.minimum(near_to(d, s)[:, None], d).sum(0),
            ),
            ("the medoids in S do nothing: near is c for every example.", lambda d, s: gains(d, [])),
            ("the distances are squared.", lambda d, s: gains(d**2, s)),
            (
                "it counts the examples that move over; by how much nearer do they get?",
                lambda d, s: (near_to(d, s)[:, None] > d).sum(axis=0),
            ),
            (
                "near is the distance to the farthest medoid.",
                lambda d, s: gains(d, s, lambda d, s: d[:, s].max(axis=1) if s else np.full(len(d), d.max())),
            ),
            ("only the medoid added last is in near; what of the others?", lambda d, s: gains(d, s[-1:])),
            ("the chosen have a gain of minus infinity; as they are in S, nobody comes nearer: their gain is a number.", lambda d, s: unclosed(d, s, -np.inf)),
            ("the chosen have a gain of -1; as they are in S, nobody comes nearer.", lambda d, s: unclosed(d, s, -1.0)),
            ("before the first medoid near is infinite; it is c.", lambda d, s: np.maximum((d[:, s].min(axis=1, initial=np.inf))[:, None] - d, 0).sum(axis=0)),
            ("before the first medoid near is 0; it is c.", lambda d, s: gains(d, s, lambda d, s: d[:, s].min(axis=1) if s else np.zeros(len(d)))),
            ("the gain is the largest that one example comes nearer; it adds up all of them.", lambda d, s: np.maximum(near_to(d, s)[:, None] - d, 0).max(axis=0)),
            ("near is the mean distance to the medoids, not the distance to the nearest.", lambda d, s: gains(d, s, lambda d, s: d[:, s].mean(axis=1) if s else np.full(len(d), d.max()))),
            ("it is the smaller of 0 and the change: losses are kept and gains left out.", lambda d, s: np.minimum(near_to(d, s)[:, None] - d, 0).sum(axis=0)),
            ("near and distance are added; by how much nearer does an example get?", lambda d, s: (near_to(d, s)[:, None] + d).sum(axis=0)),
        ],
    ),
    Exercise(
        "05.cover",
        "my_cover",
        [(D, 4.0), (D, 12.0), (D2, 1.0), (D2, 0.0), (LINE, 7.0), (LINE, 19.0)],
        listed(gains, covered),
        [
            ("it goes on for one more: is L(S) <= epsilon looked at before an example is added?", one_more),
            ("it stops one too early: L(S) is still above epsilon.", lambda d, e: listed(gains, covered)(d, e)[:-1]),
            (
                "the mean distance is compared with epsilon; L(S) is the sum.",
                lambda d, e: listed(gains, lambda d, s, e: len(s) > 0 and covered(d, s, e * len(d)))(d, e),
            ),
            (
                "the largest distance is compared with epsilon; L(S) is the sum.",
                listed(gains, lambda d, s, e: near_to(d, s).max() <= e),
            ),
            ("gains are not computed anew after each choice.", listed(lambda d, s: gains(d, []), covered)),
            ("it adds the example farthest from the medoids; which one gains most?", listed(near_to, covered)),
            (
                "it adds the example farthest from the medoids; which one gains most?",
                listed(lambda d, s: near_to(d, s) if s else gains(d, s), covered),
            ),
            ("it begins with example 0 whatever its gain.", listed(gains, covered, first=0)),
            ("it adds the example that gains least.", listed(lambda d, s: -gains(d, s), covered)),
            (
                "the right examples, sorted; the order chosen is asked for.",
                lambda d, e: np.sort(listed(gains, covered)(d, e)),
            ),
            ("the distances are squared.", lambda d, e: listed(gains, covered)(d**2, e)),
            (
                "ties go to the highest number.",
                lambda d, e: len(d) - 1 - listed(gains, covered)(d[::-1, ::-1], e),
            ),
            ("it goes on although L(S) equals epsilon: at most epsilon is enough.", listed(gains, strictly)),
            ("the first medoid is missing.", lambda d, e: listed(gains, covered)(d, e)[1:]),
            ("it always takes two medoids at least.", listed(gains, lambda d, s, e: len(s) > 1 and covered(d, s, e))),
            ("it is in the opposite order.", lambda d, e: listed(gains, covered)(d, e)[::-1]),
            ("it is how many, not which.", lambda d, e: len(listed(gains, covered)(d, e))),
            ("the gains are added up along the wrong axis: which axis runs over the examples that gain?", listed(lambda d, s: np.maximum(near_to(d, s)[:, None] - d, 0).sum(axis=1), covered)),
        ],
    ),
    Exercise(
        "05.certificate",
        "my_certificate",
        [(THETA, X, Y2, 0.1), (2 * THETA, X, 1 - Y2, 0.03)],
        certificate,
        [
            ("it is not divided by lambda.", lambda t, x, y, l2: certificate(t, x, y, l2) * l2),
            ("it is divided by lambda twice, or by its square.", lambda t, x, y, l2: certificate(t, x, y, l2) / l2),
            ("the norm is squared: take the root.", lambda t, x, y, l2: certificate(t, x, y, l2) ** 2 * l2),
            (
                "the gradient lacks the lambda theta of the loss.",
                lambda t, x, y, l2: np.linalg.norm(logistic(t, x, y, 0.0)) / l2,
            ),
            (
                "lambda theta is missing for the last entry; here lambda acts on all of theta.",
                lambda t, x, y, l2: np.linalg.norm(logistic(t, x, y, l2, l2 * np.append(t[:-1], 0.0))) / l2,
            ),
            (
                "the gradient is a sum over the examples, not a mean.",
                lambda t, x, y, l2: np.linalg.norm(len(y) * logistic(t, x, y, 0.0) + l2 * t) / l2,
            ),
            (
                "the probability has the sign of its exponent turned round.",
                lambda t, x, y, l2: np.linalg.norm(logistic(t, x, y, l2, sign=-1.0)) / l2,
            ),
            ("p - y or lambda theta has the wrong sign: the loss has p - y, and both are added.", lambda t, x, y, l2: np.linalg.norm(logistic(t, x, y, -l2)) / l2),
            (
                "the entry for the constant input is left out of the gradient.",
                lambda t, x, y, l2: np.linalg.norm(logistic(t, x, y, l2)[:-1]) / l2,
            ),
            ("lambda is halved in the gradient: what is the derivative of lambda/2 |theta|^2?", lambda t, x, y, l2: np.linalg.norm(logistic(t, x, y, l2 / 2)) / l2),
            ("lambda is doubled in the gradient: what is the derivative of lambda/2 |theta|^2?", lambda t, x, y, l2: np.linalg.norm(logistic(t, x, y, 2 * l2)) / l2),
            ("the constant is theta's first entry here; it is the last.", lambda t, x, y, l2: np.linalg.norm(constant_first(t, x, y, l2)) / l2),
            ("it is divided by the root of lambda.", lambda t, x, y, l2: certificate(t, x, y, l2) * np.sqrt(l2)),
            ("the length is a sum of absolute entries.", lambda t, x, y, l2: abs(logistic(t, x, y, l2)).sum() / l2),
            ("the length is the largest entry.", lambda t, x, y, l2: abs(logistic(t, x, y, l2)).max() / l2),
            ("lambda theta is divided by n: it is outside the mean.", lambda t, x, y, l2: np.linalg.norm(logistic(t, x, y, l2 / len(y))) / l2),
            ("y is not subtracted: p stands alone.", lambda t, x, y, l2: np.linalg.norm(logistic(t, x, 0 * y, l2)) / l2),
            ("p is exp(z): where is the sigmoid?", lambda t, x, y, l2: with_p(lambda z: np.exp(z))(t, x, y, l2)),
            ("in p, 1 - exp(-z) stands where 1 + exp(-z) belongs.", with_p(lambda z: 1 / (1 - np.exp(-z)))),
            ("p is 1 for everybody.", with_p(lambda z: 1)),
            ("the data's part of the gradient is missing.", lambda t, x, y, l2: np.linalg.norm(l2 * t) / l2),
            ("theta is missing behind lambda.", lambda t, x, y, l2: np.linalg.norm(logistic(t, x, y, 0.0) + l2) / l2),
            ("lambda is missing before theta.", lambda t, x, y, l2: np.linalg.norm(logistic(t, x, y, 1.0)) / l2),
            ("y is added to p; it is subtracted.", lambda t, x, y, l2: np.linalg.norm(logistic(t, x, -y, l2)) / l2),
        ],
    ),
    Exercise(
        "05.craig",
        "my_craig -> indices, weights",
        [(X, Y, 2), (X, Y, 3)],
        craig,
        [
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
            ("a medoid weighs what its class has: what does its cluster have?", lambda x, y, k: craig(x, y, k, lambda sizes, y: np.repeat(sizes.sum(1, keepdims=True), k, 1) / sizes.mean() / k)),
            ("weights are upside down: a large cluster should weigh more.", lambda x, y, k: craig(x, y, k, lambda sizes, y: (1 / sizes) / (1 / sizes).mean())),
            ("weights are divided by the largest; they should have mean 1.", lambda x, y, k: craig(x, y, k, lambda sizes, y: sizes / sizes.max())),
            ("a cluster is counted without its medoid, which belongs to it.", lambda x, y, k: craig(x, y, k, lambda sizes, y: (sizes - 1) / (sizes - 1).mean())),
            ("an example is counted for its farthest medoid.", by_class(count=lambda d: d.argmax(axis=1))),
            ("near grows: after each choice it is the smaller of near and the new distance.", by_class(closer=np.maximum)),
            ("an example far from all is taken: the gain is how much nearer the others get.", by_class(score=lambda near, d: -np.maximum(near[:, None] - d, 0).sum(axis=0))),
            ("the gains are added up along the wrong axis: which axis runs over the examples that gain?", by_class(score=lambda near, d: np.maximum(near[:, None] - d, 0).sum(axis=1))),
            ("losses are kept and gains left out: the larger of 0 and the change is asked for.", by_class(score=lambda near, d: np.minimum(near[:, None] - d, 0).sum(axis=0))),
            ("rows are added where their difference, the distance, belongs.", by_class(metric=lambda a: np.linalg.norm(a[:, None] + a[None], axis=2))),
        ],
    ),
]
