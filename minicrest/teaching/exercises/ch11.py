"""Exercises of tutorial 11: scaling by curvature, an upper bound, the next match, gains ahead, an interval."""

import numpy as np
from minicrest.teaching.exercise import Exercise

rng = np.random.default_rng(11)
G, H = rng.standard_normal((5, 3)), 1.5 * rng.standard_normal((4, 3)) + 0.3
S0, V0, U = rng.random(6) + 0.2, 0.3 * rng.random(6) + 0.05, 3 * rng.random(6)
CHOSEN = np.array([3, 7])
MATCHES = [(rng.standard_normal((12, 4)), CHOSEN, rng.random(2), rng.standard_normal(4)) for _ in range(9)]
MATCHES += [(M, CHOSEN, np.array([0.1, 0.2]), 2 * M[3] + M[7]) for M, *_ in MATCHES[:2]]  # much of them is left over
STEPS, W0 = rng.standard_normal((6, 3)), rng.standard_normal(3)
ACC, BASE = np.array([0.91, 0.93, 0.90, 0.95, 0.92]), np.array([0.92, 0.95, 0.92, 0.955, 0.915])
T_4 = 2.776  # of 4 degrees of freedom, at 97.5%


def precondition(g, estimates, damping):
    return g / (np.sqrt((estimates**2).mean(axis=0)) + damping)


def ucb(mean, variance, u, a, c):
    new = (1 - a) * mean + a * u
    spread = (1 - a) * variance + a * (u - mean) ** 2
    return new, spread, new + c * spread


def following(score=lambda G, r, target: G @ r, skip=True, residual=True):
    """argmax of `score` over the rows not chosen; the arguments are mistakes that can be made."""

    def pick(G, chosen, w, target):
        r = target - w @ G[chosen] if residual else target
        gain = np.array(score(G, r, target), dtype=float)
        if skip:
            gain[chosen] = -np.inf
        return int(gain.argmax())

    return pick


def tilted(w):
    """The gradient of a function that is no quadratic."""
    return np.array([np.exp(w[0]), w[1] ** 3 + w[0], 2 * w[2] - w[1]])


def looked_ahead(place, scale=lambda eta: eta):
    return lambda g, S, w, eta, gradient: scale(eta) * g @ gradient(place(g, S, w, eta))


def ahead(g, S, w, eta):
    return w - eta * g[S].sum(axis=0)


def paired(accuracy, random, t):
    gain = accuracy - random
    return gain, gain.mean(), t * gain.std(ddof=1) / np.sqrt(len(gain))


def half(change):
    """The mistake: another half-width."""
    return lambda a, r, t: (*paired(a, r, t)[:2], change(a, r, t))


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
        ],
    ),
]
