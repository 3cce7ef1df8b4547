"""Exercises of tutorial 11: scaling by curvature, an upper bound, the next match, gains ahead, an interval."""

import numpy as np

from minicrest.teaching.exercise import Exercise
from minicrest.teaching.solutions.ch11 import (
    ACC,
    BASE,
    MATCHES,
    S0,
    STEPS,
    T_4,
    V0,
    W0,
    G,
    H,
    U,
    ahead,
    following,
    half,
    looked_ahead,
    paired,
    precondition,
    tilted,
    ucb,
    ucb_bound,
    ucb_mean,
    ucb_variance,
)

EXERCISES = [
    Exercise(
        "11.precondition",
        "my_precondition",
        [(G, H, 0.5)],
        precondition,
        [
            (
                "it multiplies by the curvature; flat directions should count more, not less.",
                lambda g, h, d: g * (np.sqrt((h**2).mean(0)) + d),
            ),
            (
                "the estimates are averaged as they are; they have signs that cancel. What is squared first?",
                lambda g, h, d: g / (h.mean(0) + d),
            ),
            ("the root is missing: that is the mean of the squares.", lambda g, h, d: g / ((h**2).mean(0) + d)),
            ("the squares are summed, not averaged.", lambda g, h, d: g / (np.sqrt((h**2).sum(0)) + d)),
            ("the damping is not used.", lambda g, h, d: g / np.sqrt((h**2).mean(0))),
            ("the damping stands under the root.", lambda g, h, d: g / np.sqrt((h**2).mean(0) + d)),
            (
                "that is the standard deviation of the estimates: their mean has been taken away.",
                lambda g, h, d: g / (h.std(0) + d),
            ),
            ("it averages sizes without squares.", lambda g, h, d: g / (np.abs(h).mean(0) + d)),
            ("the estimates are summed before they are squared.", lambda g, h, d: g / (abs(h.sum(0)) + d)),
            (
                "the mean runs over the parameters; which axis are the estimates?",
                lambda g, h, d: g / (np.sqrt((h**2).mean()) + d),
            ),
            ("the damping is subtracted.", lambda g, h, d: g / (np.sqrt((h**2).mean(0)) - d)),
            ("the damping is squared under the root.", lambda g, h, d: g / np.sqrt((h**2).mean(0) + d**2)),
            ("only the newest estimate is used.", lambda g, h, d: g / (abs(h[-1]) + d)),
            ("it divides by D twice: the power is 1.", lambda g, h, d: g / (np.sqrt((h**2).mean(0)) + d) ** 2),
            ("it divides by the root of D: the power is 1.", lambda g, h, d: g / (np.sqrt((h**2).mean(0)) + d) ** 0.5),
            ("only the damping is divided by.", lambda g, h, d: g / d),
            ("nothing is divided: these are the gradients as they were.", lambda g, h, d: g),
        ],
    ),
    Exercise(
        "11.ucb",
        "my_ucb -> mean, variance, bound",
        [(S0, V0, U, 0.8, 2.0)],
        ucb,
        [
            (
                "the variance is about the new mean; it should be about the old one.",
                lambda s, v, u, a, c: (
                    lambda n: (n, (1 - a) * v + a * (u - n) ** 2, n + c * ((1 - a) * v + a * (u - n) ** 2))
                )((1 - a) * s + a * u),
            ),
            (
                "a and 1 - a are exchanged: a is the weight of the newest score.",
                lambda s, v, u, a, c: ucb(s, v, u, 1 - a, c),
            ),
            (
                "the bound uses the standard deviation; the formula has the variance itself.",
                lambda s, v, u, a, c: (
                    *ucb(s, v, u, a, c)[:2],
                    ucb(s, v, u, a, c)[0] + c * ucb(s, v, u, a, c)[1] ** 0.5,
                ),
            ),
            (
                "the bound is made of the old mean and variance.",
                lambda s, v, u, a, c: (*ucb(s, v, u, a, c)[:2], s + c * v),
            ),
            (
                "the bound is a lower one: the variance is taken away.",
                lambda s, v, u, a, c: (*ucb(s, v, u, a, c)[:2], ucb(s, v, u, a, -c)[2]),
            ),
            ("c is not used in the bound.", lambda s, v, u, a, c: (*ucb(s, v, u, a, c)[:2], ucb(s, v, u, a, 1)[2])),
            (
                "the deviation is not squared.",
                lambda s, v, u, a, c: (lambda n, w: (n, w, n + c * w))(
                    (1 - a) * s + a * u, (1 - a) * v + a * np.abs(u - s)
                ),
            ),
            ("the bound uses the old variance.", ucb_bound(lambda new, spread, s, v, c: new + c * v)),
            ("the bound uses the old mean.", ucb_bound(lambda new, spread, s, v, c: s + c * spread)),
            (
                "the bound is c times mean and variance together.",
                ucb_bound(lambda new, spread, s, v, c: c * (new + spread)),
            ),
            (
                "the variance does not forget: its old value lacks the factor 1 - a.",
                ucb_variance(lambda s, v, u, a: v + a * (u - s) ** 2),
            ),
            (
                "the variance lacks the factor a of its newest part.",
                ucb_variance(lambda s, v, u, a: (1 - a) * v + (u - s) ** 2),
            ),
            (
                "the variance's newest part is the score itself, squared, without the mean.",
                ucb_variance(lambda s, v, u, a: (1 - a) * v + a * u**2),
            ),
            (
                "the mean is a plain mean of old and new.",
                lambda s, v, u, a, c: (lambda n, w: (n, w, n + c * w))((s + u) / 2, ucb(s, v, u, a, c)[1]),
            ),
            (
                "a and 1 - a are exchanged in the variance.",
                ucb_variance(lambda s, v, u, a: a * v + (1 - a) * (u - s) ** 2),
            ),
            ("the newest score does nothing to the variance.", ucb_variance(lambda s, v, u, a: (1 - a) * v)),
            ("the old variance is forgotten altogether.", ucb_variance(lambda s, v, u, a: a * (u - s) ** 2)),
            (
                "the variance's newest part is taken off; it is added.",
                ucb_variance(lambda s, v, u, a: (1 - a) * v - a * (u - s) ** 2),
            ),
            (
                "1 + a stands where 1 - a belongs, in the variance.",
                ucb_variance(lambda s, v, u, a: (1 + a) * v + a * (u - s) ** 2),
            ),
            (
                "the deviation in the variance is not squared.",
                ucb_variance(lambda s, v, u, a: (1 - a) * v + a * (u - s)),
            ),
            (
                "the old mean is added to the score in the deviation; it is subtracted.",
                ucb_variance(lambda s, v, u, a: (1 - a) * v + a * (u + s) ** 2),
            ),
            ("the old variance is missing behind 1 - a.", ucb_variance(lambda s, v, u, a: 1 - a + a * (u - s) ** 2)),
            ("the deviation is missing behind a, in the variance.", ucb_variance(lambda s, v, u, a: (1 - a) * v + a)),
            ("the newest score does nothing to the mean.", ucb_mean(lambda s, u, a: (1 - a) * s)),
            ("the old mean is forgotten altogether.", ucb_mean(lambda s, u, a: a * u)),
            ("the newest score is taken off the mean; it is added.", ucb_mean(lambda s, u, a: (1 - a) * s - a * u)),
            ("the old mean is missing behind 1 - a.", ucb_mean(lambda s, u, a: 1 - a + a * u)),
            ("the old mean lacks its factor 1 - a.", ucb_mean(lambda s, u, a: s + a * u)),
            ("the newest score is missing behind a, in the mean.", ucb_mean(lambda s, u, a: (1 - a) * s + a)),
            ("the newest score lacks its factor a, in the mean.", ucb_mean(lambda s, u, a: (1 - a) * s + u)),
            ("1 + a stands where 1 - a belongs, in the mean.", ucb_mean(lambda s, u, a: (1 + a) * s + a * u)),
            ("the bound is the mean alone.", ucb_bound(lambda new, spread, s, v, c: new)),
            ("the bound lacks the mean.", ucb_bound(lambda new, spread, s, v, c: c * spread)),
            ("the bound lacks the variance behind c.", ucb_bound(lambda new, spread, s, v, c: new + c)),
        ],
    ),
    Exercise(
        "11.next",
        "my_next",
        MATCHES,
        following(),
        [
            ("an element that was chosen before is chosen again.", following(skip=False)),
            ("it looks at the target; part of it is matched already.", following(residual=False)),
            (
                "it takes sizes of the products: a negative one would need a negative weight.",
                following(lambda G, r, target: np.abs(G @ r)),
            ),
            (
                "the rows are scaled to length 1; the products are taken with the rows as they are.",
                following(lambda G, r, target: G @ r / np.linalg.norm(G, axis=1)),
            ),
            ("it takes the smallest product.", following(lambda G, r, target: -(G @ r))),
            (
                "it takes the row nearest to what is left, by distance.",
                following(lambda G, r, target: -np.linalg.norm(G - r, axis=1)),
            ),
            (
                "the matched part is added to the target, not taken away.",
                following(lambda G, r, target: G @ (2 * target - r)),
            ),
            (
                "the chosen have the product 0, which may be the largest: they should not take part.",
                following(lambda G, r, target: G @ r, mark=0.0),
            ),
            (
                "it is the place among those that were not chosen; the index in G is asked for.",
                lambda G, chosen, w, target: int(np.delete(G @ (target - w @ G[chosen]), chosen).argmax()),
            ),
            (
                "the weights of the chosen are not used.",
                lambda G, chosen, w, target: following()(G, chosen, np.ones_like(w), target),
            ),
            (
                "it is the largest product itself; its index is asked for.",
                lambda G, chosen, w, target: following(value=True)(G, chosen, w, target),
            ),
            ("the chosen have infinite products: they should not take part.", following(mark=np.inf)),
        ],
    ),
    Exercise(
        "11.gains",
        "my_gains",
        [(STEPS, np.array([1, 4]), W0, 0.3, tilted), (STEPS, np.array([0, 2, 5]), W0, 0.2, tilted)],
        looked_ahead(ahead),
        [
            ("it does not look ahead: the gradient is at w.", looked_ahead(lambda g, S, w, eta: w)),
            ("the steps to w_S go uphill.", looked_ahead(lambda g, S, w, eta: w + eta * g[S].sum(0))),
            (
                "the chosen gradients are averaged; each of them is a step.",
                looked_ahead(lambda g, S, w, eta: w - eta * g[S].mean(0)),
            ),
            ("eta is missing on the way to w_S.", looked_ahead(lambda g, S, w, eta: w - g[S].sum(0))),
            ("eta is missing in the gains.", looked_ahead(ahead, lambda eta: 1.0)),
            ("the sign is turned round: a gain is what the loss falls by.", looked_ahead(ahead, lambda eta: -eta)),
            ("only the last chosen example is stepped on.", looked_ahead(lambda g, S, w, eta: w - eta * g[S[-1]])),
            (
                "all examples are stepped on, not only the chosen.",
                looked_ahead(lambda g, S, w, eta: w - eta * g.sum(0)),
            ),
            ("eta is squared on the way to w_S.", looked_ahead(lambda g, S, w, eta: w - eta**2 * g[S].sum(0))),
            ("only the first chosen example is stepped on.", looked_ahead(lambda g, S, w, eta: w - eta * g[S[0]])),
            (
                "the gains are squared lengths; a product with the gradient at w_S is asked for.",
                lambda g, S, w, eta, f: eta * (g**2).sum(1),
            ),
            (
                "gains of the chosen are 0; they are asked for too.",
                lambda g, S, w, eta, f: np.where(
                    np.isin(np.arange(len(g)), S), 0, looked_ahead(ahead)(g, S, w, eta, f)
                ),
            ),
            (
                "it is one number: a gain for each example is asked for.",
                lambda g, S, w, eta, f: looked_ahead(ahead)(g, S, w, eta, f).sum(),
            ),
            (
                "the chosen gradients are missing on the way to w_S: eta alone is subtracted.",
                looked_ahead(lambda g, S, w, eta: w - eta),
            ),
        ],
    ),
    Exercise(
        "11.paired",
        "my_paired -> differences, gain, half",
        [(ACC, BASE, T_4)],
        paired,
        [
            (
                "the spreads of both are added as if the seeds were not shared: take differences first.",
                half(lambda a, r, t: t * np.sqrt((a.var(ddof=1) + r.var(ddof=1)) / len(a))),
            ),
            (
                "the variance is divided by n; a sample's is divided by n - 1.",
                half(lambda a, r, t: t * (a - r).std() / np.sqrt(len(a))),
            ),
            ("the normal distribution's 1.96 stands where t belongs.",
             half(lambda a, r, t: 1.96 * (a - r).std(ddof=1) / np.sqrt(len(a)))),
            ("it is divided by the root of n - 1; that of n is asked for.",
             half(lambda a, r, t: t * (a - r).std(ddof=1) / np.sqrt(len(a) - 1))),
            ("that is for one seed; what is the spread of a mean of n?", half(lambda a, r, t: t * (a - r).std(ddof=1))),
            ("it is divided by n, not by its root.", half(lambda a, r, t: t * (a - r).std(ddof=1) / len(a))),
            ("t is not used.", half(lambda a, r, t: (a - r).std(ddof=1) / np.sqrt(len(a)))),
            (
                "the sign of the gain is turned round: above random should be positive.",
                lambda a, r, t: paired(r, a, t),
            ),
            (
                "that is the whole width of the interval; half of it is asked for.",
                half(lambda a, r, t: 2 * paired(a, r, t)[2]),
            ),
            (
                "that is the interval of the accuracy itself, without random.",
                half(lambda a, r, t: t * a.std(ddof=1) / np.sqrt(len(a))),
            ),
            (
                "the gain is the median; the mean is asked for.",
                lambda a, r, t: (a - r, np.median(a - r), paired(a, r, t)[2]),
            ),
            ("the gain is a sum; the mean is asked for.", lambda a, r, t: (a - r, (a - r).sum(), paired(a, r, t)[2])),
            (
                "the differences are relative to random; accuracy minus random is asked for.",
                lambda a, r, t: ((a - r) / r, *paired(a, r, t)[1:]),
            ),
            ("the differences are sizes: their signs count.", lambda a, r, t: (abs(a - r), *paired(a, r, t)[1:])),
            ("it is a variance: the root is missing.", half(lambda a, r, t: t * (a - r).var(ddof=1) / np.sqrt(len(a)))),
            ("it is the range of the differences.", half(lambda a, r, t: np.ptp(a - r) / 2)),
            ("random is added; it is subtracted.", lambda a, r, t: paired(a, -r, t)),
            ("the spread s is missing.", half(lambda a, r, t: t / np.sqrt(len(a)))),
        ],
    ),
]
