"""Exercises of tutorial 12: the descent inequality, the bound, the exponent of a rate, and the steps it asks for."""

import numpy as np

from minicrest.teaching.exercise import Exercise
from minicrest.teaching.solutions.ch12 import (
    BIAS2,
    SIZES,
    STEPS_MISTAKES,
    VALUES,
    G,
    U,
    V,
    bound,
    descent,
    exponents,
    off_by_one,
    slope,
    spread,
    steps,
    through_origin,
    turned,
    with_all_steps,
    with_this_step,
)

EXERCISES = [
    Exercise(
        "12.descent",
        "my_descent",
        [(3.0, G, U, 0.3, 2.0), (5.0, G, U, 0.1, 4.0)],
        descent(),
        [
            ("bias is credited; does it help or cost?", descent(bias=-1)),
            ("the gradient's gain is added to the loss.", descent(gain=-1)),
            ("the bias is left out.", descent(bias=0)),
            ("the variance is left out.", descent(noise=0)),
            ("the halves are missing.", descent(2, 2, 2)),
            (
                "the variance is taken about the gradient; about what does u vary?",
                descent(variance=lambda u, g: ((u - g) ** 2).sum(axis=1).mean()),
            ),
            ("the variance is a mean over the entries too; a squared norm is their sum.", descent(noise=1 / 3)),
            (
                "the variance is divided by K - 1; all K estimates are known, so it is a plain mean.",
                descent(variance=lambda u, g: spread(u, g, ddof=1)),
            ),
            (
                "eta is not squared in the variance's term.",
                lambda loss, g, u, eta, L_s: descent(noise=1 / eta)(loss, g, u, eta, L_s),
            ),
            (
                "it uses the mean estimate where the bias belongs.",
                lambda loss, g, u, eta, L_s: (
                    loss - eta / 2 * g @ g + eta / 2 * u.mean(axis=0) @ u.mean(axis=0) + L_s * eta**2 / 2 * spread(u, g)
                ),
            ),
            (
                "L_s is missing from the variance's term.",
                lambda loss, g, u, eta, L_s: descent(noise=1 / L_s)(loss, g, u, eta, L_s),
            ),
            ("the variance's term lacks its half.", descent(noise=2)),
            ("the bias's term lacks its half.", descent(bias=2)),
            ("the gradient's term lacks its half.", descent(gain=2)),
            (
                "that is the line before the step size is used: E L <= L - eta g . E u + L_s eta^2 / 2 E |u|^2.",
                lambda loss, g, u, eta, L_s: loss - eta * g @ u.mean(0) + L_s * eta**2 / 2 * (u**2).sum(1).mean(),
            ),
            (
                "the whole square of u stands where its variance belongs.",
                descent(variance=lambda u, g: (u**2).sum(axis=1).mean()),
            ),
            (
                "the loss is missing: what is left is by how much it falls.",
                lambda loss, g, u, eta, L_s: descent()(0.0, g, u, eta, L_s),
            ),
            ("the variance is credited; does it help or cost?", descent(noise=-1)),
            ("the gradient is added in the bias; it is subtracted.", descent(estimate=lambda u: u.mean(0) + 2 * G)),
            ("the estimates are added up in the bias; their mean is asked for.", descent(estimate=lambda u: u.sum(0))),
            (
                "the estimates' sum stands where their mean belongs, in bias and variance.",
                descent(estimate=lambda u: u.sum(0), variance=lambda u, g: ((u - u.sum(0)) ** 2).sum(1).mean()),
            ),
            (
                "the variance is a sum over the estimates; their mean is asked for.",
                descent(variance=lambda u, g: len(u) * spread(u, g)),
            ),
            (
                "the variance's sum runs over the estimates and its mean over the entries; the other way round.",
                descent(variance=lambda u, g: len(u) * spread(u, g) / u.shape[1]),
            ),
            ("the gradient's term is left out.", descent(gain=0)),
            ("loss and gradient's term are left out.", lambda loss, *q: descent(gain=0)(0.0, *q)),
            ("the variance is missing behind L_s eta^2 / 2.", descent(variance=lambda u, g: 1.0)),
            (
                "the variance lacks its factor L_s eta^2 / 2.",
                lambda loss, g, u, eta, L_s: descent(noise=2 / L_s / eta**2)(loss, g, u, eta, L_s),
            ),
            (
                "the bias lacks its factor eta / 2.",
                lambda loss, g, u, eta, L_s: descent(bias=2 / eta)(loss, g, u, eta, L_s),
            ),
            (
                "the gradient's term lacks its factor eta / 2.",
                lambda loss, g, u, eta, L_s: descent(gain=2 / eta)(loss, g, u, eta, L_s),
            ),
            (
                "the variance's term lacks eta^2.",
                lambda loss, g, u, eta, L_s: descent(noise=1 / eta**2)(loss, g, u, eta, L_s),
            ),
            (
                "the mean is added to the estimates in the variance; it is subtracted.",
                descent(variance=lambda u, g: ((u + u.mean(0)) ** 2).sum(1).mean()),
            ),
            (
                "all but the variance's term is missing.",
                lambda loss, g, u, eta, L_s: descent(gain=0, bias=0)(0.0, g, u, eta, L_s),
            ),
        ],
    ),
    Exercise(
        "12.bound",
        "my_bound",
        [(3.0, 0.2, 2.5, BIAS2, V), (0.7, 0.05, 8.0, BIAS2[:4], V[:4])],
        bound(),
        [
            ("the means are over all N steps; for k steps they should be over the first k.", with_all_steps),
            ("bias and variance are those of the last step; the bound has their means.", with_this_step),
            ("bias is left out.", bound(bias=0)),
            ("the bias is subtracted; does it help or cost?", bound(bias=-1)),
            ("the 2 before D0 is missing.", bound(start=1.0)),
            ("the variance's term has no eta.", bound(noise=lambda eta, L_s: L_s)),
            (
                "the variance's term has eta squared; it was divided by N eta once.",
                bound(noise=lambda eta, L_s: L_s * eta**2),
            ),
            ("the variance's term has no L_s.", bound(noise=lambda eta, L_s: eta)),
            ("the variance's term is halved, as it was for one step.", bound(noise=lambda eta, L_s: L_s * eta / 2)),
            ("it is off by one: the first entry is for one step, not for none.", off_by_one),
            (
                "it is the sum over the steps; their mean is asked for.",
                lambda *q: bound()(*q) * np.arange(1, len(q[-1]) + 1),
            ),
            (
                "the sums are not divided by N; the first term is.",
                lambda D0, eta, L_s, b, v: (
                    2 * D0 / eta / np.arange(1, len(v) + 1) + np.cumsum((b + L_s * eta * v).mean(axis=1))
                ),
            ),
            (
                "the first term is not divided by N.",
                lambda D0, eta, L_s, b, v: (
                    2 * D0 / eta + np.cumsum((b + L_s * eta * v).mean(axis=1)) / np.arange(1, len(v) + 1)
                ),
            ),
            ("the variance is left out.", bound(noise=lambda eta, L_s: 0.0)),
            ("it is the last number only: the bound for 1, 2, ..., N steps is asked for.", lambda *q: bound()(*q)[-1]),
            (
                "the first term is multiplied by eta; it is divided by it.",
                lambda D0, eta, L_s, b, v: bound()(D0 * eta**2, eta, L_s, b, v),
            ),
            (
                "the seeds are added up; their mean is asked for.",
                lambda D0, eta, L_s, b, v: bound()(D0, eta, L_s, b * b.shape[1], v * v.shape[1]),
            ),
            ("bias and variance are left out.", bound(bias=0, noise=lambda eta, L_s: 0.0)),
            ("the first term is left out.", bound(start=0.0)),
            (
                "bias and variance are subtracted; do they help or cost?",
                bound(bias=-1, noise=lambda eta, L_s: -L_s * eta),
            ),
            ("the variance is subtracted; does it help or cost?", bound(noise=lambda eta, L_s: -L_s * eta)),
            ("the first term is not divided by eta.", lambda D0, eta, L_s, b, v: bound()(D0 * eta, eta, L_s, b, v)),
            ("D0 is missing from the first term.", lambda D0, *q: bound()(1.0, *q)),
            (
                "v is missing from the variance's term.",
                lambda D0, eta, L_s, b, v: bound()(D0, eta, L_s, b, np.ones_like(v)),
            ),
            ("the variance's term has neither L_s nor eta.", bound(noise=lambda eta, L_s: 1.0)),
        ],
    ),
    Exercise(
        "12.slope",
        "my_slope -> exponent, error",
        [(SIZES, VALUES), (SIZES[:3], VALUES[1:])],
        slope(),
        [
            ("the first and the last size alone are used, and not divided by their distance.",
             slope(lambda s, v: np.log(v[-1] / v[0]))),
            ("the root of the number of sizes is taken; that of the number of seeds is asked for.",
             lambda s, v: slope(error=lambda q: q.std(ddof=1) / np.sqrt(len(s)))(s, v)),
            ("the slope is upside down: log values over log sizes.", slope(lambda s, v: 1 / exponents(s, v))),
            ("the values come in the opposite order.", slope(lambda s, v: exponents(s, v[::-1]))),
            ("it is fitted without logarithms.", slope(lambda s, v: exponents(np.exp(s), np.exp(v)))),
            ("the values have no logarithm.", slope(lambda s, v: exponents(s, np.exp(v)))),
            ("the sizes have no logarithm.", slope(lambda s, v: exponents(np.exp(s), v))),
            ("the line goes through the origin: where is the constant c?", slope(through_origin)),
            (
                "the constant c is given, not the exponent.",
                slope(lambda s, v: np.log(v).mean(axis=0) - exponents(s, v) * np.log(s).mean()),
            ),
            ("log r is fitted by the values; it should be the other way round.", slope(turned)),
            ("the sign is turned: does the value fall or rise?", slope(lambda s, v: -exponents(s, v))),
            ("the second is the standard deviation; that of a mean is smaller.", slope(error=lambda s: s.std(ddof=1))),
            ("the standard deviation has ddof 0.", slope(error=lambda s: s.std() / np.sqrt(len(s)))),
            (
                "the standard deviation is divided by the number of seeds itself.",
                slope(error=lambda s: s.std(ddof=1) / len(s)),
            ),
            (
                "the second is two standard errors; one is asked for.",
                slope(error=lambda s: 2 * s.std(ddof=1) / np.sqrt(len(s))),
            ),
            (
                "the values are averaged over the seeds before the fit; each seed has its own slope.",
                lambda s, v: (exponents(s, v.mean(axis=1)), slope()(s, v)[1]),
            ),
            (
                "the values are averaged over the seeds before the fit, so that no error is left.",
                lambda s, v: (exponents(s, v.mean(axis=1)), 0.0),
            ),
            (
                "the median of the seeds' slopes is given; their mean is asked for.",
                lambda s, v: (np.median(exponents(s, v)), slope()(s, v)[1]),
            ),
            (
                "each seed's slope is given; their mean and its error are asked for.",
                lambda s, v: (exponents(s, v), slope()(s, v)[1]),
            ),
            (
                "the line goes through the first and last sizes only.",
                slope(lambda s, v: np.log(v[-1] / v[0]) / np.log(s[-1] / s[0])),
            ),
            ("the second is a variance: its root is missing.", slope(error=lambda s: s.var(ddof=1) / np.sqrt(len(s)))),
        ],
    ),
    Exercise(
        "12.steps",
        "my_steps",
        [
            (0.5, 3.0, 2.0, 1.5, 8, 0.0, 0.0),
            (0.5, 3.0, 2.0, 1.5, 8, 0.6, 0.3),
            (0.5, 3.0, 2.0, 1.5, 8, 0.0, 0.6),
            (0.5, 3.0, 2.0, 1.5, 8, 0.0, 0.5),
        ],
        steps(),
        STEPS_MISTAKES,
    ),
]
