"""Exercises of tutorial 08: sampling error, a coreset's two errors, bias and variance, and the mini-batch itself."""

import numpy as np

from minicrest.teaching.exercise import Exercise
from minicrest.teaching.solutions.ch08 import (
    ESTIMATES,
    GAMMA,
    ROWS,
    SUBSETS,
    TRUTH,
    TWICE,
    G,
    S,
    V,
    again,
    batch,
    batch_by,
    best_alone,
    clusters,
    errors,
    greedy,
    of_everything,
    parts,
    places_only,
    sampling,
    spread,
    stepwise,
    wide,
)

EXERCISES = [
    Exercise(
        "08.sampling",
        "my_sampling_error",
        [(G, 4), (G, 2)],
        sampling,
        [
            (
                "the factor for drawing without replacement is missing: what if r = n?",
                lambda G, r: spread(G) / r,
            ),
            (
                "the factor is (n - r) / n; with r = 1 it should be 1.",
                lambda G, r: spread(G) / r * (len(G) - r) / len(G),
            ),
            ("it is not divided by r.", lambda G, r: r * sampling(G, r)),
            (
                "squares are averaged over the d entries; a squared length adds them.",
                lambda G, r: sampling(G, r) / G.shape[1],
            ),
            (
                "the gradients' mean has not been subtracted: that is a mean square, not a spread.",
                lambda G, r: (G**2).sum(axis=1).mean() / r * (len(G) - r) / (len(G) - 1),
            ),
            ("a root has been taken: the mean square is asked for.", lambda G, r: np.sqrt(sampling(G, r))),
            (
                "sigma^2 is a sum over the examples, not their mean.",
                lambda G, r: len(G) * sampling(G, r),
            ),
            (
                "one entry of the gradient comes out at a time; the squares of all d are to be added.",
                lambda G, r: G.var(axis=0) / r * (len(G) - r) / (len(G) - 1),
            ),
            (
                "sigma^2 is divided by n - 1 as well; it is a mean over all n.",
                lambda G, r: sampling(G, r) * len(G) / (len(G) - 1),
            ),
            (
                "the factor is upside down: with r = n the error should be 0.",
                lambda G, r: spread(G) / r * (len(G) - 1) / (len(G) - r),
            ),
            ("it is divided by r twice.", lambda G, r: sampling(G, r) / r),
            (
                "sigma^2 is that of all numbers together, about one mean; each entry has its own.",
                lambda G, r: sampling(G, r) * G.var() / spread(G),
            ),
            (
                "the factor has r - 1 in it: with r = 1 it should be 1.",
                lambda G, r: spread(G) / r * (len(G) - r) / (r - 1),
            ),
            ("the factor lacks n - r.", lambda G, r: spread(G) / r / (len(G) - 1)),
            ("sigma^2 is missing.", lambda G, r: (len(G) - r) / (len(G) - 1)),
        ],
    ),
    Exercise(
        "08.errors",
        "my_errors -> zeta, xi",
        [(G, V, S, GAMMA)],
        errors,
        [
            (
                "xi is measured against the mean of all; that is zeta and xi together.",
                lambda G, V, S, w: (errors(G, V, S, w)[0], sum(errors(G, V, S, w))),
            ),
            (
                "the coreset's mean is not weighted: what is gamma for?",
                lambda G, V, S, w: (errors(G, V, S, w)[0], G[S].mean(axis=0) - G[V].mean(axis=0)),
            ),
            (
                "the weighted sum is divided by m; how many examples does it stand for?",
                lambda G, V, S, w: (errors(G, V, S, w)[0], w @ G[S] / len(S) - G[V].mean(axis=0)),
            ),
            (
                "the weighted sum is not divided by anything.",
                lambda G, V, S, w: (errors(G, V, S, w)[0], w @ G[S] - G[V].mean(axis=0)),
            ),
            ("both have the opposite sign.", lambda G, V, S, w: tuple(-e for e in errors(G, V, S, w))),
            ("zeta and xi have changed places.", lambda G, V, S, w: errors(G, V, S, w)[::-1]),
            (
                "S is used as places in V; they are indices into G.",
                lambda G, V, S, w: errors(G, V, V[S % len(V)], w),
            ),
            (
                "these are lengths; the errors themselves are asked for.",
                lambda G, V, S, w: tuple(np.linalg.norm(e) for e in errors(G, V, S, w)),
            ),
            (
                "zeta is measured from the whole set to the subset: the sign is turned round.",
                lambda G, V, S, w: (-errors(G, V, S, w)[0], errors(G, V, S, w)[1]),
            ),
            (
                "xi is measured from the coreset to the subset: the sign is turned round.",
                lambda G, V, S, w: (errors(G, V, S, w)[0], -errors(G, V, S, w)[1]),
            ),
            (
                "zeta is a sum over V; the subset's mean is asked for.",
                lambda G, V, S, w: (G[V].sum(0) - G.mean(0), errors(G, V, S, w)[1]),
            ),
            (
                "zeta uses the first r rows; V says which ones.",
                lambda G, V, S, w: (G[: len(V)].mean(0) - G.mean(0), errors(G, V, S, w)[1]),
            ),
            (
                "the weighted sum is divided by n; how many examples does it stand for?",
                lambda G, V, S, w: (errors(G, V, S, w)[0], w @ G[S] / len(G) - G[V].mean(0)),
            ),
            (
                "zeta is the subset's mean: that of all has not been subtracted.",
                lambda G, V, S, w: (G[V].mean(0), errors(G, V, S, w)[1]),
            ),
            (
                "the mean of all is added in zeta; it is subtracted.",
                lambda G, V, S, w: (G[V].mean(0) + G.mean(0), errors(G, V, S, w)[1]),
            ),
            (
                "xi is the coreset's mean: the subset's has not been subtracted.",
                lambda G, V, S, w: (errors(G, V, S, w)[0], w @ G[S] / len(V)),
            ),
            (
                "the subset's mean is added in xi; it is subtracted.",
                lambda G, V, S, w: (errors(G, V, S, w)[0], w @ G[S] / len(V) + G[V].mean(0)),
            ),
            (
                "in zeta the sum over all stands where their mean belongs.",
                lambda G, V, S, w: (G[V].mean(0) - G.sum(0), errors(G, V, S, w)[1]),
            ),
        ],
    ),
    Exercise(
        "08.parts",
        "my_parts -> bias, variance",
        [(ESTIMATES, TRUTH)],
        parts,
        [
            (
                "the variance is measured from the truth; it is measured from the estimates' own mean.",
                lambda e, t: (parts(e, t)[0], ((e - t) ** 2).sum(axis=1).mean()),
            ),
            ("the bias has the opposite sign: estimate minus truth.", lambda e, t: (-parts(e, t)[0], parts(e, t)[1])),
            (
                "the first is the estimates' mean; the truth has not been subtracted.",
                lambda e, t: (e.mean(axis=0), parts(e, t)[1]),
            ),
            (
                "the bias has been squared; the vector itself is asked for.",
                lambda e, t: (parts(e, t)[0] ** 2, parts(e, t)[1]),
            ),
            (
                "the variance is divided by K - 1; here it is a plain mean, so that the parts add up to the error.",
                lambda e, t: (parts(e, t)[0], parts(e, t)[1] * len(e) / (len(e) - 1)),
            ),
            (
                "the variance averages over the d entries; a squared distance adds them.",
                lambda e, t: (parts(e, t)[0], parts(e, t)[1] / len(t)),
            ),
            (
                "the variance is a sum over the K estimates, not their mean.",
                lambda e, t: (parts(e, t)[0], parts(e, t)[1] * len(e)),
            ),
            (
                "the variance is one number for each entry; add them.",
                lambda e, t: (parts(e, t)[0], e.var(axis=0)),
            ),
            ("the variance has a root: that is a deviation.", lambda e, t: (parts(e, t)[0], np.sqrt(parts(e, t)[1]))),
            (
                "the bias is its length; the vector itself is asked for.",
                lambda e, t: (np.linalg.norm(parts(e, t)[0]), parts(e, t)[1]),
            ),
            (
                "the bias is its squared length; the vector itself is asked for.",
                lambda e, t: ((parts(e, t)[0] ** 2).sum(), parts(e, t)[1]),
            ),
            (
                "distances are averaged, not their squares.",
                lambda e, t: (parts(e, t)[0], np.linalg.norm(e - e.mean(0), axis=1).mean()),
            ),
            ("the variance is that of all numbers together, about one mean.", lambda e, t: (parts(e, t)[0], e.var())),
            ("the bias is a sum over the estimates, not their mean.", lambda e, t: ((e - t).sum(0), parts(e, t)[1])),
            ("the mean estimate is a sum.", lambda e, t: (e.sum(0) - t, ((e - e.sum(0)) ** 2).sum(1).mean())),
            ("the truth is added; it is subtracted.", lambda e, t: (e.mean(0) + t, parts(e, t)[1])),
            (
                "the sum runs over the estimates and the mean over the entries; the other way round.",
                lambda e, t: (parts(e, t)[0], ((e - e.mean(0)) ** 2).sum(0).mean()),
            ),
            (
                "the deviations are not squared: they add up to 0.",
                lambda e, t: (parts(e, t)[0], (e - e.mean(0)).sum(1).mean()),
            ),
            (
                "the mean has not been subtracted: that is a mean square.",
                lambda e, t: (parts(e, t)[0], (e**2).sum(1).mean()),
            ),
            (
                "the mean is added to the estimates; it is subtracted.",
                lambda e, t: (parts(e, t)[0], ((e + e.mean(0)) ** 2).sum(1).mean()),
            ),
        ],
    ),
    Exercise(
        "08.batch",
        "my_batch -> indices, weights",
        [(ROWS, SUBSETS[0], 3), (ROWS, SUBSETS[1], 4), (0.01 * ROWS, SUBSETS[1], 5), TWICE],
        batch,
        [
            ("the indices are places in V; which examples of all the data are they?", places_only),
            ("a point that is chosen already is chosen again, where all gains are 0.", again),
            (
                "the weights are the cluster sizes themselves: their mean is not 1.",
                batch_by(lambda rows, d, m: greedy(d, m), lambda gamma, r: gamma),
            ),
            (
                "the weights add up to 1; they should average 1.",
                batch_by(lambda rows, d, m: greedy(d, m), lambda gamma, r: gamma / r),
            ),
            (
                "all weights are 1: each medoid should weigh what its cluster does.",
                batch_by(lambda rows, d, m: greedy(d, m), lambda gamma, r: np.ones(len(gamma))),
            ),
            ("the distances are squared, or their root was forgotten.", batch_by(lambda rows, d, m: greedy(d**2, m))),
            ("the medoids are chosen from all the data; V is the subset to choose from.", of_everything),
            ("the clusters are counted over all the data; gamma counts within V.", wide),
            (
                "these are the m best single points: after each choice the gains have to be computed anew.",
                batch_by(best_alone),
            ),
            (
                "the smallest gain is taken in place of the largest.",
                batch_by(lambda rows, d, m: greedy(d, m, sign=-1)),
            ),
            (
                "these are the m largest rows; facility location looks at distances between rows.",
                batch_by(lambda rows, d, m: np.argsort(-np.linalg.norm(rows, axis=1), kind="stable")[:m].tolist()),
            ),
            (
                "distances are sums of absolute differences, not Euclidean.",
                lambda a, V, m: (lambda d: (lambda p: (V[p], clusters(d, p) / clusters(d, p).mean()))(greedy(d, m)))(
                    abs(a[V][:, None] - a[V][None]).sum(axis=2)
                ),
            ),
            (
                "near starts at 0, so that nothing has a gain: at first it is the largest distance in V for all.",
                batch_by(lambda rows, d, m: greedy(d, m, near=np.zeros(len(d)))),
            ),
            (
                "the indices are sorted; the order chosen is asked for.",
                lambda a, V, m: (lambda i, w: (i[np.argsort(i)], w[np.argsort(i)]))(*batch(a, V, m)),
            ),
            (
                "the weights are upside down: a large cluster should weigh more.",
                batch_by(lambda rows, d, m: greedy(d, m), lambda gamma, r: (1 / gamma) / (1 / gamma).mean()),
            ),
            (
                "a cluster is counted without its medoid, which belongs to it.",
                batch_by(lambda rows, d, m: greedy(d, m), lambda gamma, r: (gamma - 1) / (gamma - 1).mean()),
            ),
            ("an example is counted for its farthest medoid.", stepwise(count=lambda d: d.argmax(axis=1))),
            (
                "the gains are added up along the wrong axis: which axis runs over the examples that gain?",
                stepwise(score=lambda near, d: np.maximum(near[:, None] - d, 0).sum(axis=1)),
            ),
            (
                "an example far from all is taken: the gain is how much nearer the others get.",
                stepwise(score=lambda near, d: (near[:, None] + d).sum(axis=0)),
            ),
            (
                "losses are kept and gains left out: the larger of 0 and the change is asked for.",
                stepwise(score=lambda near, d: np.minimum(near[:, None] - d, 0).sum(axis=0)),
            ),
            (
                "the differences are not squared before they are added.",
                stepwise(metric=lambda a: np.sqrt(np.abs((a[:, None] - a[None]).sum(axis=2)))),
            ),
            (
                "the differences are not squared before they are added, and roots of negative numbers are nan.",
                stepwise(metric=lambda a: np.sqrt((a[:, None] - a[None]).sum(axis=2))),
            ),
            (
                "rows are added where their difference, the distance, belongs.",
                stepwise(metric=lambda a: np.linalg.norm(a[:, None] + a[None], axis=2)),
            ),
            (
                "the distances are lengths of single rows, not of differences.",
                stepwise(metric=lambda a: np.linalg.norm(a[:, None] + 0 * a[None], axis=2)),
            ),
        ],
    ),
]
