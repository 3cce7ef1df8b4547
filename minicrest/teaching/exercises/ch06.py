"""Exercises of tutorial 06: bias and variance, the error of random batches, and batches of one coreset."""

import numpy as np

from minicrest.teaching.exercise import Exercise
from minicrest.teaching.solutions.ch06 import (
    GAMMA,
    LONG,
    TARGET,
    B,
    G,
    S,
    U,
    batch,
    random_error,
    single,
    size_of_data,
    split,
    spread,
    unweighted_spread,
)

EXERCISES = [
    Exercise(
        "06.split",
        "my_split -> bias^2, variance",
        [(U, TARGET)],
        split,
        [
            ("the first is the bias, not its square.", lambda u, t: (split(u, t)[0] ** 0.5, split(u, t)[1])),
            (
                "the variance is taken about the target; about what does u vary?",
                lambda u, t: (split(u, t)[0], ((u - t) ** 2).sum(axis=1).mean()),
            ),
            (
                "the variance is divided by N - 1; all N batches are known, so it is a plain mean.",
                lambda u, t: (split(u, t)[0], spread(u, ddof=1)),
            ),
            (
                "the second is a mean over the entries too; a squared norm is their sum.",
                lambda u, t: (split(u, t)[0], spread(u) / u.shape[1]),
            ),
            (
                "both are means over the entries; a squared norm is their sum.",
                lambda u, t: tuple(part / u.shape[1] for part in split(u, t)),
            ),
            (
                "the variance is a sum over the estimates, not a mean.",
                lambda u, t: (split(u, t)[0], len(u) * split(u, t)[1]),
            ),
            (
                "the second is a standard deviation: it should be squared.",
                lambda u, t: (split(u, t)[0], split(u, t)[1] ** 0.5),
            ),
            ("it is the other way round: first the bias, then the variance.", lambda u, t: split(u, t)[::-1]),
            (
                "the means run along the wrong axis: which one runs over the estimates?",
                lambda u, t: (((u.mean() - t) ** 2).sum(), spread(u.T)),
            ),
            (
                "the variance is that of all numbers together, about one mean; each entry has its own.",
                lambda u, t: (split(u, t)[0], u.var()),
            ),
            (
                "the variance of all numbers together: each entry has its own mean, and the entries add up.",
                lambda u, t: (split(u, t)[0], u.var() * u.shape[1]),
            ),
            (
                "the variance is the mean square: the mean has not been subtracted.",
                lambda u, t: (split(u, t)[0], (u**2).sum(1).mean()),
            ),
            (
                "the bias is the mean squared error of single estimates: that is bias and variance together.",
                lambda u, t: (((u - t) ** 2).sum(1).mean(), split(u, t)[1]),
            ),
            ("the target is not subtracted in the bias.", lambda u, t: ((u.mean(0) ** 2).sum(), split(u, t)[1])),
            ("entries are added before they are squared.", lambda u, t: ((u.mean(0) - t).sum() ** 2, split(u, t)[1])),
            (
                "distances are averaged, not their squares.",
                lambda u, t: (split(u, t)[0], np.linalg.norm(u - u.mean(0), axis=1).mean()),
            ),
            (
                "the mean is a sum over the estimates.",
                lambda u, t: (((u.sum(0) - t) ** 2).sum(), ((u - u.sum(0)) ** 2).sum(1).mean()),
            ),
            (
                "the differences are not squared before they are added.",
                lambda u, t: ((u.mean(0) - t).sum(), split(u, t)[1]),
            ),
            ("the target is added; it is subtracted.", lambda u, t: split(u, -t)[:1] + split(u, t)[1:]),
            (
                "the sum runs over the estimates and the mean over the entries; the other way round.",
                lambda u, t: (split(u, t)[0], ((u - u.mean(0)) ** 2).sum(0).mean()),
            ),
            (
                "the mean is added to the estimates; it is subtracted.",
                lambda u, t: (split(u, t)[0], ((u + u.mean(0)) ** 2).sum(1).mean()),
            ),
        ],
    ),
    Exercise(
        "06.random",
        "my_random_error",
        [(G, 3), (U, 2)],
        random_error,
        [
            ("the factor for drawing without replacement is missing.", lambda g, m: spread(g) / m),
            (
                "the factor's denominator is n; look at the formula again.",
                lambda g, m: spread(g) / m * (len(g) - m) / len(g),
            ),
            (
                "sigma^2 is divided by n - 1 as well; here it is a mean over all n.",
                lambda g, m: spread(g, ddof=1) / m * (len(g) - m) / (len(g) - 1),
            ),
            ("it is not divided by m.", lambda g, m: m * random_error(g, m)),
            ("it is divided by m twice.", lambda g, m: random_error(g, m) / m),
            (
                "sigma^2 is a mean over the entries; a squared norm is their sum.",
                lambda g, m: random_error(g, m) / g.shape[1],
            ),
            ("sigma^2 is a sum over the examples, not a mean.", lambda g, m: len(g) * random_error(g, m)),
            ("the root has been taken: the error is squared.", lambda g, m: random_error(g, m) ** 0.5),
            (
                "the mean has not been subtracted: sigma^2 is about the mean gradient.",
                lambda g, m: (g**2).sum(axis=1).mean() / m * (len(g) - m) / (len(g) - 1),
            ),
            (
                "sigma^2 is that of all numbers together, about one mean; each entry has its own, and they add up.",
                lambda g, m: random_error(g, m) * g.var() / spread(g),
            ),
            (
                "sigma^2 is that of all numbers together, times their number in a row: each entry has its own mean.",
                lambda g, m: random_error(g, m) * g.var() * g.shape[1] / spread(g),
            ),
            (
                "the factor is upside down: with m = n the error should be 0.",
                lambda g, m: spread(g) / m * (len(g) - 1) / (len(g) - m),
            ),
            (
                "the factor has m - 1 in it: with m = 1 it should be 1.",
                lambda g, m: spread(g) / m * (len(g) - m) / (m - 1),
            ),
            (
                "the factor's numerator is n - 1 and its denominator n.",
                lambda g, m: spread(g) / m * (len(g) - 1) / len(g),
            ),
            ("the factor is m / n; it should be 0 with m = n.", lambda g, m: spread(g) / m * m / len(g)),
            ("the factor n - m has n + m in its place.", lambda g, m: spread(g) / m * (len(g) + m) / (len(g) - 1)),
            (
                "the factor is 1 less than it should be in n: n - m - 1.",
                lambda g, m: spread(g) / m * (len(g) - m - 1) / (len(g) - 1),
            ),
            (
                "deviations are averaged before they are squared, or lengths are.",
                lambda g, m: np.linalg.norm(g - g.mean(0), axis=1).mean() ** 2 / m * (len(g) - m) / (len(g) - 1),
            ),
            ("the factor lacks n - m.", lambda g, m: spread(g) / m / (len(g) - 1)),
            ("sigma^2 is missing.", lambda g, m: (len(g) - m) / (len(g) - 1)),
            (
                "the factor's denominator is n + 1; it is n - 1.",
                lambda g, m: spread(g) / m * (len(g) - m) / (len(g) + 1),
            ),
            ("m is missing from the factor's numerator.", lambda g, m: spread(g) / m * len(g) / (len(g) - 1)),
            (
                "the sum runs over the examples and the mean over the entries; the other way round.",
                lambda g, m: random_error(g, m) * len(g) / g.shape[1],
            ),
            (
                "the mean is added to the gradients; it is subtracted.",
                lambda g, m: ((g + g.mean(0)) ** 2).sum(1).mean() / m * (len(g) - m) / (len(g) - 1),
            ),
            (
                "the sum of the gradients is subtracted; their mean is.",
                lambda g, m: ((g - g.sum(0)) ** 2).sum(1).mean() / m * (len(g) - m) / (len(g) - 1),
            ),
        ],
    ),
    Exercise(
        "06.batch",
        "my_batch_gradient",
        [(G, S, GAMMA, B), (G, S, GAMMA, LONG)],
        batch(),
        [
            (
                "weights are divided by their sum in the batch; they should be inherited from the coreset.",
                batch(lambda gamma, b: gamma[b] / gamma[b].mean()),
            ),
            ("the weights do nothing.", batch(lambda gamma, b: np.ones(len(b)))),
            (
                "gamma is used as it is; the weights should have mean 1 over the coreset.",
                batch(lambda gamma, b: gamma[b]),
            ),
            (
                "the weights have sum 1 over the coreset; they should have mean 1.",
                batch(lambda gamma, b: gamma[b] / gamma.sum()),
            ),
            ("B is used as row numbers of G; it holds places in S.", batch(rows=lambda s, b: b)),
            (
                "the weights are those of the first m medoids; which does B name?",
                batch(lambda gamma, b: gamma[: len(b)] / gamma.mean()),
            ),
            ("it is the sum over the batch, not divided by m.", batch(total=np.sum)),
            (
                "it is divided by k, the size of the coreset, or gamma by n: the weights have mean 1, and m are added.",
                lambda g, s, gamma, b: batch(total=np.sum)(g, s, gamma, b) / len(s),
            ),
            ("the weights are divided by the largest.", batch(lambda gamma, b: gamma[b] / gamma.max())),
            ("the weights are upside down.", batch(lambda gamma, b: gamma.mean() / gamma[b])),
            ("the weights are squared.", batch(lambda gamma, b: (gamma[b] / gamma.mean()) ** 2)),
            (
                "it is the whole coreset; which of it is in the batch?",
                lambda g, s, gamma, b: batch()(g, s, gamma, np.arange(len(s))),
            ),
            (
                "S is used in the order of its numbers; B names places in S as it is.",
                batch(rows=lambda s, b: np.sort(s)[b]),
            ),
            (
                "the places are counted from 1; 0 is the first medoid.",
                batch(lambda gamma, b: gamma[b - 1] / gamma.mean(), rows=lambda s, b: s[b - 1]),
            ),
            (
                "weights are those of the batch's rows of gamma in S's own order: gamma is indexed by place.",
                lambda g, s, gamma, b: batch(lambda gamma, b: gamma[np.argsort(s)][b] / gamma.mean())(g, s, gamma, b),
            ),
        ],
    ),
    Exercise(
        "06.single",
        "my_single_coreset -> bias^2, variance",
        [(G, S, GAMMA, 2), (G, S, GAMMA, 3)],
        single(),
        [
            ("the weights do nothing.", single(np.ones_like)),
            ("gamma is used as it is; the weights should have mean 1.", single(lambda gamma: gamma)),
            ("the weights have sum 1; they should have mean 1.", single(lambda gamma: gamma / gamma.sum())),
            ("the variance is that of the gradients; their weights vary too.", unweighted_spread),
            ("the factor for drawing without replacement has n in it; from how many is the batch drawn?", size_of_data),
            ("the factor for drawing without replacement is missing.", single(error=lambda v, m: spread(v) / m)),
            (
                "the bias is measured from the coreset's own unweighted mean; it should be the mean over all n.",
                single(target=lambda g, s: g[s].mean(axis=0)),
            ),
            ("the two terms have been added up; the pair is asked for.", lambda *q: sum(single()(*q))),
            ("it is the other way round: first the bias, then the variance.", lambda *q: single()(*q)[::-1]),
            ("the first is the bias, not its square.", lambda *q: (single()(*q)[0] ** 0.5, single()(*q)[1])),
            (
                "the variance is not divided by m.",
                lambda g, s, gamma, m: single(error=lambda v, m: m * random_error(v, m))(g, s, gamma, m),
            ),
            (
                "the variance is taken about the mean gradient; it is about the mean of the v.",
                lambda g, s, gamma, m: (
                    single()(g, s, gamma, m)[0],
                    single(error=lambda v, m: ((v - g.mean(0)) ** 2).sum(1).mean() / m * (len(v) - m) / (len(v) - 1))(
                        g, s, gamma, m
                    )[1],
                ),
            ),
            ("the second is the total error: the bias is in it too.", lambda *q: (single()(*q)[0], sum(single()(*q)))),
            (
                "in the variance a sum stands where the mean over the k belongs.",
                single(error=lambda v, m: len(v) * random_error(v, m)),
            ),
            (
                "in the bias the sum of the v stands where their mean belongs.",
                lambda g, s, gamma, m: (
                    (((gamma / gamma.mean()) @ g[s] - g.mean(0)) ** 2).sum(),
                    single()(g, s, gamma, m)[1],
                ),
            ),
            (
                "the factor's denominator is k; it is k - 1.",
                single(error=lambda v, m: spread(v) / m * (len(v) - m) / len(v)),
            ),
            (
                "the spread is divided by k - 1 as well; here it is a mean over all k.",
                single(error=lambda v, m: spread(v, ddof=1) / m * (len(v) - m) / (len(v) - 1)),
            ),
            ("the mean gradient has not been subtracted in the bias.", single(target=lambda g, s: 0)),
            (
                "the variance is a mean over the entries; a squared norm is their sum.",
                single(error=lambda v, m: random_error(v, m) / v.shape[1]),
            ),
        ],
    ),
]
