"""Exercises of tutorial 05: the two sides of CRAIG's bound, gains, a greedy cover, a certificate, and CRAIG itself."""

import numpy as np

from minicrest.teaching.exercise import Exercise
from minicrest.teaching.solutions.ch05 import (
    CRAIG_MISTAKES,
    D2,
    LINE,
    PAIR,
    THETA,
    TWINS,
    Y2,
    D,
    G,
    S,
    X,
    Y,
    bound,
    certificate,
    constant_first,
    covered,
    craig,
    distances,
    equal_weights,
    gains,
    listed,
    logistic,
    near_to,
    one_more,
    rescaled,
    strictly,
    unclosed,
    unweighted,
    with_p,
)

EXERCISES = [
    Exercise(
        "05.bound",
        "my_bound -> error, bound",
        [(G, S), (TWINS, PAIR)],
        bound(),
        [
            ("each medoid's cluster is divided by k: sums are compared, not means.",
             lambda G, S: (np.linalg.norm(G.sum(0) - np.bincount(distances(G)[:, S].argmin(1), minlength=len(S)) @ G[S]
                                          / len(S)), bound()(G, S)[1])),
            ("the mean distance to the medoids is added up; each example has a nearest one.",
             bound(away=lambda d: d.mean(axis=1).sum())),
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
            (
                "the error adds up the lengths of the differences; the length of their sum is asked for.",
                lambda g, s: (np.linalg.norm(g - g[s][distances(g)[:, s].argmin(1)], axis=1).sum(), bound()(g, s)[1]),
            ),
            (
                "the weights are one too small: a cluster holds its medoid.",
                lambda g, s: (
                    np.linalg.norm(g.sum(0) - (np.bincount(distances(g)[:, s].argmin(1), minlength=len(s)) - 1) @ g[s]),
                    bound()(g, s)[1],
                ),
            ),
            (
                "the medoids' gradients are added, not subtracted.",
                lambda g, s: (
                    np.linalg.norm(g.sum(0) + np.bincount(distances(g)[:, s].argmin(1), minlength=len(s)) @ g[s]),
                    bound()(g, s)[1],
                ),
            ),
            ("the medoids are missing in the error.", lambda g, s: (np.linalg.norm(g.sum(0)), bound()(g, s)[1])),
            (
                "the mean of all gradients stands where their sum belongs.",
                lambda g, s: (
                    np.linalg.norm(g.mean(0) - np.bincount(distances(g)[:, s].argmin(1), minlength=len(s)) @ g[s]),
                    bound()(g, s)[1],
                ),
            ),
            (
                "the smallest distance is taken along the wrong axis: every example has its nearest medoid.",
                bound(away=lambda d: d.min(axis=0).sum()),
            ),
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
                "near and the sum run along different axes: near belongs to the examples, and the sum runs over them.",
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
            (
                "the chosen have a gain of minus infinity; as they are in S, nobody comes nearer: a number, too.",
                lambda d, s: unclosed(d, s, -np.inf),
            ),
            ("the chosen have a gain of -1; as they are in S, nobody comes nearer.", lambda d, s: unclosed(d, s, -1.0)),
            (
                "before the first medoid near is infinite; it is c.",
                lambda d, s: np.maximum((d[:, s].min(axis=1, initial=np.inf))[:, None] - d, 0).sum(axis=0),
            ),
            (
                "before the first medoid near is 0; it is c.",
                lambda d, s: gains(d, s, lambda d, s: d[:, s].min(axis=1) if s else np.zeros(len(d))),
            ),
            (
                "the gain is the largest that one example comes nearer; it adds up all of them.",
                lambda d, s: np.maximum(near_to(d, s)[:, None] - d, 0).max(axis=0),
            ),
            (
                "near is the mean distance to the medoids, not the distance to the nearest.",
                lambda d, s: gains(d, s, lambda d, s: d[:, s].mean(axis=1) if s else np.full(len(d), d.max())),
            ),
            (
                "it is the smaller of 0 and the change: losses are kept and gains left out.",
                lambda d, s: np.minimum(near_to(d, s)[:, None] - d, 0).sum(axis=0),
            ),
            (
                "near and distance are added; by how much nearer does an example get?",
                lambda d, s: (near_to(d, s)[:, None] + d).sum(axis=0),
            ),
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
            (
                "the gains are added up along the wrong axis: which axis runs over the examples that gain?",
                listed(lambda d, s: np.maximum(near_to(d, s)[:, None] - d, 0).sum(axis=1), covered),
            ),
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
            (
                "p - y or lambda theta has the wrong sign: the loss has p - y, and both are added.",
                lambda t, x, y, l2: np.linalg.norm(logistic(t, x, y, -l2)) / l2,
            ),
            (
                "the entry for the constant input is left out of the gradient.",
                lambda t, x, y, l2: np.linalg.norm(logistic(t, x, y, l2)[:-1]) / l2,
            ),
            (
                "lambda is halved in the gradient: what is the derivative of lambda/2 |theta|^2?",
                lambda t, x, y, l2: np.linalg.norm(logistic(t, x, y, l2 / 2)) / l2,
            ),
            (
                "lambda is doubled in the gradient: what is the derivative of lambda/2 |theta|^2?",
                lambda t, x, y, l2: np.linalg.norm(logistic(t, x, y, 2 * l2)) / l2,
            ),
            (
                "the constant is theta's first entry here; it is the last.",
                lambda t, x, y, l2: np.linalg.norm(constant_first(t, x, y, l2)) / l2,
            ),
            ("it is divided by the root of lambda.", lambda t, x, y, l2: certificate(t, x, y, l2) * np.sqrt(l2)),
            ("the length is a sum of absolute entries.", lambda t, x, y, l2: abs(logistic(t, x, y, l2)).sum() / l2),
            ("the length is the largest entry.", lambda t, x, y, l2: abs(logistic(t, x, y, l2)).max() / l2),
            (
                "lambda theta is divided by n: it is outside the mean.",
                lambda t, x, y, l2: np.linalg.norm(logistic(t, x, y, l2 / len(y))) / l2,
            ),
            (
                "y is not subtracted: p stands alone.",
                lambda t, x, y, l2: np.linalg.norm(logistic(t, x, 0 * y, l2)) / l2,
            ),
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
        [(X, Y, 2), (X, Y, 3), (0.1 * X, Y, 2), (100.0 * X, Y, 2)],
        craig,
        CRAIG_MISTAKES,
    ),
]
