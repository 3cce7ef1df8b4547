"""Exercises of tutorial 14: weights that keep a step unbiased, its variance, tau, the chances, and the step."""

import numpy as np
from check import Exercise

rng = np.random.default_rng(14)
COINS = [(np.array([1.0, 0.25, 0.6, 0.1, 0.9, 0.4, 0.3]), np.array([0.99, 0.2, 0.7, 0.05, 0.3, 0.41, 0.1])),
         (rng.random(5) + 1e-3, rng.random(5))]  # fmt: skip
ROWS = [(rng.standard_normal((6, 3)), rng.random(6) * 0.9 + 0.1), (rng.standard_normal((4, 2)) + 1, rng.random(4))]
SCORES = [rng.random(9) ** 4, rng.random(6) ** 3 + 0.01, np.array([0.2, 0.1, 1.1, 0.9, 0.05, 0.4, 0.02, 0.01])]
PRICED = [(SCORES[0], 1.0, 2.0), (SCORES[1], 1.0, 4.0), (SCORES[2], 0.5, 2.0)]
PRICED += [(np.array([0.3, 1.0, 0.9, 1.1]), 1.0, 2.0)]  # the first ratio is the least, the third the largest
FLOORED = [(SCORES[0], 0.1), (SCORES[2], 0.15), (np.append(SCORES[1], 0), 0.2), (np.zeros(4), 0.3), (SCORES[2], 0.0)]
W, X = 2 * rng.standard_normal((4, 3)), rng.standard_normal((10, 4))
FIT = (3 * X @ W + rng.standard_normal((10, 3))).argmax(axis=1)  # most are learned, some are not
STEPS = [(W, X, FIT, rng.random(10) / 2, 0.4, 0.5), (W, X[:7], FIT[:7], rng.random(7) / 2, 0.3, 2.0)]


def weights(pi, draws):
    return np.where(draws < pi, 1 / pi, 0)


def variance(G, pi):
    return ((G**2).sum(axis=1) * (1 / pi - 1)).sum() / len(G) ** 2


def spread(factor, squares=lambda G: (G**2).sum(axis=1), power=2):
    """The mistake: another factor than 1 / pi - 1, other squares, or another power of m."""
    return lambda G, pi: (squares(G) * factor(pi)).sum() / len(G) ** power


def odds(pi):
    return 1 / pi - 1


def threshold(s, f, b):
    return np.sqrt(ratios(s, f, b).max())


def ratios(s, f, b, order=lambda s: np.sort(s)[::-1], power=2, first=1):
    """(m,) b Q_k / (f m + b k) for k = 1 .. m; the arguments after b are mistakes that can be made."""
    k = np.arange(first, first + len(s))
    return b * np.cumsum(order(s) ** power) / (f * len(s) + b * k)


def chances(s, low):
    if not s.any():
        return np.ones(len(s))
    return np.maximum(low, np.minimum(1, s / threshold(s, 1, 2)))


def kept(change):
    """The mistake: other chances than max(low, min(1, s / tau)), where a score is not 0."""
    return lambda s, low: change(s, threshold(s, 1, 2), low) if s.any() else np.ones(len(s))


def gradients(W, x, y):
    """(p, p - y), each (m, C)."""
    e = np.exp(x @ W - (x @ W).max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return p, p - np.eye(W.shape[1])[y]


def norm(p, a, y):
    return np.sqrt((a**2).sum(axis=1))


def own(p, y):
    """(m,) the probability of each example's label."""
    return p[np.arange(len(y)), y]


def stepper(score=norm, weigh=weights, share=lambda w: len(w), price=lambda m, kept, pi: m + 2 * kept, sign=-1):
    """The step of thinning for softmax regression; the arguments are mistakes that can be made."""

    def step(W, x, y, draws, low, eta):
        p, a = gradients(W, x, y)
        pi = chances(score(p, a, y), low)
        w = weigh(pi, draws)
        return W + sign * eta * x.T @ (w[:, None] * a) / share(w), price(len(x), np.count_nonzero(w), pi)

    return step


step = stepper()

EXERCISES = [
    Exercise(
        "14.weights",
        COINS,
        weights,
        [
            ("it keeps those it should drop: a draw falls below pi with probability pi.",
             lambda pi, u: np.where(u < pi, 0, 1 / pi)),
            ("the kept ones weigh 1, so whoever is rarely kept is counted too little.",
             lambda pi, u: np.where(u < pi, 1.0, 0)),
            ("the kept ones weigh pi: the rarer an example is kept, the more it has to count.",
             lambda pi, u: np.where(u < pi, pi, 0)),
            ("the dropped ones have a weight too; they do not go back.", lambda pi, u: 1 / pi),
            ("the weights are rescaled to mean 1; their mean is random, and dividing by it brings a bias.",
             lambda pi, u: weights(pi, u) / weights(pi, u).mean()),
            ("all kept ones weigh the same: that is right only for equal chances.",
             lambda pi, u: np.where(u < pi, len(pi) / (u < pi).sum(), 0)),
            ("nothing is left to chance: what are the draws for?", lambda pi, u: np.where(pi > 0.5, 1 / pi, 0)),
            ("there is a root too much.", lambda pi, u: np.sqrt(weights(pi, u))),
            ("there is a square too much.", lambda pi, u: weights(pi, u) ** 2),
            ("they are divided by m; the step does that.", lambda pi, u: weights(pi, u) / len(pi)),
            ("the draws are compared with 1 - pi.", lambda pi, u: np.where(u < 1 - pi, 1 / pi, 0)),
            ("the draws stand in the weight; only pi does.", lambda pi, u: np.where(u < pi, 1 / u, 0)),
            ("those are the chances; a weight is 1 / pi, or 0.", lambda pi, u: pi),
        ],
    ),
    Exercise(
        "14.variance",
        ROWS,
        variance,
        [
            ("it is divided by m once; a factor comes out of a square twice.", spread(odds, power=1)),
            ("it is not divided by m: the step is a mean.", spread(odds, power=0)),
            ("that is the mean square; the square of the mean has to go.", spread(lambda pi: 1 / pi)),
            ("the weight should appear squared, and appears once: 1 / pi^2 times pi (1 - pi).",
             spread(lambda pi: 1 - pi)),
            ("that is the coin's own variance; what is kept also has its weight, squared.",
             spread(lambda pi: pi * (1 - pi))),
            ("the norms are not squared.", spread(odds, lambda G: np.sqrt((G**2).sum(axis=1)))),
            ("the entries are added up before they are squared.", spread(odds, lambda G: G.sum(axis=1) ** 2)),
            ("the entries are averaged; a squared norm is their squares' sum.", spread(odds, lambda G: (G**2).mean(1))),
            ("the mean gradient is taken away first; what is kept or dropped is g itself.",
             spread(odds, lambda G: ((G - G.mean(axis=0)) ** 2).sum(axis=1))),
            ("that is the variance of each parameter; add them up.",
             lambda G, pi: (G**2 * odds(pi)[:, None]).sum(axis=0) / len(G) ** 2),
            ("that is a standard deviation.", lambda G, pi: np.sqrt(variance(G, pi))),
            ("the weight is squared, but the chance of being kept is missing.", spread(lambda pi: 1 / pi**2 - 1)),
            ("the sign is wrong: a variance is not negative.", spread(lambda pi: 1 - 1 / pi)),
            ("m - 1 belongs to a variance that is estimated from a sample; this one is exact.",
             lambda G, pi: variance(G, pi) * len(G) / (len(G) - 1)),
        ],
    ),
    Exercise(
        "14.threshold",
        PRICED,
        threshold,
        [
            ("that is tau squared.", lambda s, f, b: ratios(s, f, b).max()),
            ("that is the least over k.", lambda s, f, b: np.sqrt(ratios(s, f, b).min())),
            ("that is the ratio of all m scores, the largest only if they are sorted upwards: the k largest come first.",
             lambda s, f, b: np.sqrt(ratios(s, f, b, order=np.sort).max())),
            ("the scores are not sorted.", lambda s, f, b: np.sqrt(ratios(s, f, b, order=lambda s: s).max())),
            ("the scores are not squared.", lambda s, f, b: np.sqrt(ratios(s, f, b, power=1).max())),
            ("the two prices have changed places.", lambda s, f, b: threshold(s, b, f)),
            ("the prices are fixed at 1 and 2; they are arguments.", lambda s, f, b: threshold(s, 1, 2)),
            ("k counts from 0: the first sum has one score.",
             lambda s, f, b: np.sqrt(ratios(s, f, b, first=0).max())),
            ("the price b is missing above the line.", lambda s, f, b: np.sqrt(ratios(s, f, b).max() / b)),
            ("only one example is paid for going forward; all m go.", lambda s, f, b: threshold(s, f / len(s), b)),
            ("only one example is paid for going back; k of them go for certain.",
             lambda s, f, b: np.sqrt((b * np.cumsum(np.sort(s)[::-1] ** 2) / (f * len(s) + b)).max())),
            ("it takes the largest score alone; what is the largest over k?",
             lambda s, f, b: np.sqrt(ratios(s, f, b)[0])),
            ("that is k, the number of scores; tau is a score.", lambda s, f, b: ratios(s, f, b).argmax() + 1),
            ("the forward passes are not paid for.", lambda s, f, b: threshold(s, 0, b)),
        ],
    ),
    Exercise(
        "14.chances",
        FLOORED,
        chances,
        [
            ("some chances are above 1.", kept(lambda s, tau, low: np.maximum(low, s / tau))),
            ("low is not used.", kept(lambda s, tau, low: np.minimum(1, s / tau))),
            ("low is added; it is the least chance, and those above it stay as they are.",
             kept(lambda s, tau, low: low + (1 - low) * np.minimum(1, s / tau))),
            ("a score of 0 gets the chance 0; low holds for it as well.",
             kept(lambda s, tau, low: np.where(s > 0, np.maximum(low, np.minimum(1, s / tau)), 0))),
            ("chances below low are set to 0; they are raised to low.",
             kept(lambda s, tau, low: np.where(s / tau < low, 0, np.minimum(1, s / tau)))),
            ("the scores are divided by their sum: that is for drawing one of them.",
             kept(lambda s, tau, low: np.maximum(low, s / s.sum()))),
            ("the scores are divided by the largest; tau is smaller.",
             kept(lambda s, tau, low: np.maximum(low, s / s.max()))),
            ("the scores are divided by their mean.",
             kept(lambda s, tau, low: np.maximum(low, np.minimum(1, s / s.mean())))),
            ("it is turned round: a large score should be kept.",
             kept(lambda s, tau, low: np.maximum(low, np.minimum(1, tau / np.maximum(s, 1e-300))))),
            ("the scores are squared.", kept(lambda s, tau, low: np.maximum(low, np.minimum(1, (s / tau) ** 2)))),
            ("tau is used without its root.", kept(lambda s, tau, low: np.maximum(low, np.minimum(1, s / tau**2)))),
            ("where every score is 0 there is nothing to tell the examples apart: all are kept.",
             lambda s, low: chances(s, low) if s.any() else np.full(len(s), low)),
            ("that is the chance of being dropped.",
             kept(lambda s, tau, low: 1 - np.maximum(low, np.minimum(1, s / tau)))),
            ("only scores above tau have a chance above low: in between it grows with the score.",
             kept(lambda s, tau, low: np.maximum(low, 1.0 * (s >= tau)))),
            ("low is the largest chance; it should be the least.",
             kept(lambda s, tau, low: np.minimum(low, np.minimum(1, s / tau)))),
        ],
    ),
    Exercise(
        "14.step",
        STEPS,
        step,
        [
            ("the sum is divided by the number of kept; the mean is over all m.",
             stepper(share=lambda w: np.count_nonzero(w))),
            ("the sum is not divided by m.", stepper(share=lambda w: 1)),
            ("the sum is divided by the sum of the weights, which is random: that brings a bias.",
             stepper(share=lambda w: w.sum())),
            ("the kept ones weigh 1 and not 1 / pi.", stepper(weigh=lambda pi, u: (u < pi) * 1.0)),
            ("those who should be dropped are kept.", stepper(weigh=lambda pi, u: np.where(u < pi, 0, 1 / pi))),
            ("W is right for going back through all m; only the kept go back.", stepper(weigh=lambda pi, u: pi**0)),
            ("the step goes uphill.", stepper(sign=1)),
            ("W is right; the bill is that of a step on all m.", stepper(price=lambda m, k, pi: 3 * m)),
            ("W is right; a backward pass costs 2.", stepper(price=lambda m, k, pi: m + k)),
            ("W is right; all m go forward, not only the kept.", stepper(price=lambda m, k, pi: 3 * k)),
            ("W is right; the forward passes are missing from the bill.", stepper(price=lambda m, k, pi: 2 * k)),
            ("W is right; the kept need no second forward pass.", stepper(price=lambda m, k, pi: m + 3 * k)),
            ("W is right; the bill is the expected one, and this step has its own.",
             stepper(price=lambda m, k, pi: m + 2 * pi.sum())),
            ("the scores are losses; they are norms of p - y.", stepper(score=lambda p, a, y: -np.log(own(p, y)))),
            ("the scores are sums of absolute values: what is the Euclidean norm?",
             stepper(score=lambda p, a, y: abs(a).sum(axis=1))),
            ("the scores are squared norms.", stepper(score=lambda p, a, y: (a**2).sum(axis=1))),
            ("the scores are the norms of p; they are those of p - y.",
             stepper(score=lambda p, a, y: np.sqrt((p**2).sum(axis=1)))),
            ("low is not used.", lambda W, x, y, u, low, eta: step(W, x, y, u, 0.0, eta)),
            ("eta is not used.", lambda W, x, y, u, low, eta: step(W, x, y, u, low, 1.0)),
        ],
    ),
]  # fmt: skip
