"""Answers to tutorial 14: SECOND, right ones written another way, and WRONG ones with words of their hints."""

import math

import numpy as np


def weights(pi, draws):
    return [1 / p if u < p else 0 for p, u in zip(pi, draws)]


def variance(G, pi):
    """Over the two outcomes of each coin, one example after the other."""
    total = 0.0
    for g, p in zip(G, pi):
        for chance, estimate in ((p, g / p), (1 - p, 0 * g)):
            total += chance * float(np.dot(estimate - g, estimate - g))
    return total / len(G) ** 2


def threshold(s, f, b):
    """Take scores, the largest first, as long as the next is above the tau of those before it."""
    squares, price, tau = 0.0, f * len(s), 0.0
    for score in sorted(s, reverse=True):
        if score <= tau:
            break
        squares, price = squares + b * score**2, price + b
        tau = math.sqrt(squares / price)
    return tau


def chances(s, low):
    return np.ones(len(s)) if max(s) == 0 else np.clip(s / threshold(s, 1, 2), low, 1)


def softmax(z):
    return np.exp(z) / np.exp(z).sum(axis=1)[:, None]


def step(W, x, y, draws, low, eta):
    """One kept example after the other."""
    p, new, price = softmax(x @ W), W.copy(), len(x)
    p[np.arange(len(y)), y] -= 1
    for a, row, pi, u in zip(p, x, chances(np.linalg.norm(p, axis=1), low), draws):
        if u < pi:
            new -= eta / len(x) / pi * np.outer(row, a)
            price += 2
    return new, price


SECOND = {"14.weights": weights, "14.variance": variance, "14.threshold": threshold, "14.chances": chances,
          "14.step": step}  # fmt: skip


def wrong_weights(change):
    """(m,) change(pi, kept) of each example."""
    return lambda pi, u: np.array([change(p, v < p) for p, v in zip(pi, u)])


def by_norms(change):
    """sum of change(|g|, pi, m)."""
    return lambda G, pi: sum(change(np.linalg.norm(g), p, len(G)) for g, p in zip(G, pi))


def best(ratio, of=max, downwards=True):
    """The root of the best ratio(sum of squares, k, m, f, b)."""

    def answer(s, f, b):
        s = sorted(s, reverse=True) if downwards else s
        return math.sqrt(of(ratio(sum(v * v for v in s[:k]), k, len(s), f, b) for k in range(1, len(s) + 1)))

    return answer


def usual(Q, k, m, f, b):
    return b * Q / (f * m + b * k)


def each(change):
    """change(s_i / tau, low) of each example, and 1 where every score is 0."""
    return lambda s, low: (np.array([change(v / threshold(s, 1, 2), low) for v in s]) if any(s) else np.ones(len(s)))


def billed(price):
    """The right W, and price(m, kept, pi)."""

    def answer(W, x, y, u, low, eta):
        a = softmax(x @ W) - np.eye(W.shape[1])[y]
        pi = chances(np.linalg.norm(a, axis=1), low)
        return step(W, x, y, u, low, eta)[0], price(len(x), int((u < pi).sum()), pi)

    return answer


def stepped(move, score=lambda a, p, y: np.linalg.norm(a, axis=1)):
    """W minus eta times move(x, a, pi, kept), at the right price for these scores."""

    def answer(W, x, y, u, low, eta):
        p = softmax(x @ W)
        a = p - np.eye(W.shape[1])[y]
        pi = chances(score(a, p, y), low)
        return W - eta * move(x, a, pi, u < pi), len(x) + 2 * int((u < pi).sum())

    return answer


def mean(x, a, pi, kept):
    return x[kept].T @ (a[kept] / pi[kept, None]) / len(x)


WRONG = [
    ("14.threshold", lambda s, f, b: np.sqrt((b * np.cumsum(np.sort(s)[::-1] ** 2) / (
        f * (s > 0).sum() + b * np.arange(1, len(s) + 1))).max()), "above 0 are counted"),
    ("14.weights", wrong_weights(lambda p, kept: 0 if kept else 1 / p), "should drop"),
    ("14.weights", wrong_weights(lambda p, kept: int(kept)), "weigh 1"),
    ("14.weights", wrong_weights(lambda p, kept: p * kept), "weigh pi"),
    ("14.weights", wrong_weights(lambda p, kept: p**-1), "do not go back"),
    ("14.weights", lambda pi, u: weights(pi, u) / np.mean(weights(pi, u)), "mean 1"),
    ("14.weights", lambda pi, u: (u < pi) / np.mean(u < pi), "weigh the same"),
    ("14.weights", wrong_weights(lambda p, kept: 1 / p if p > 0.5 else 0), "left to chance"),
    ("14.weights", wrong_weights(lambda p, kept: kept * p**-0.5), "root too much"),
    ("14.weights", wrong_weights(lambda p, kept: kept / p / p), "square too much"),
    ("14.weights", lambda pi, u: np.array(weights(pi, u)) / len(u), "divided by m"),
    ("14.weights", lambda pi, u: np.array([1 / p if v < 1 - p else 0 for p, v in zip(pi, u)]), "1 - pi"),
    ("14.weights", lambda pi, u: np.array([1 / v if v < p else 0 for p, v in zip(pi, u)]), "draws stand"),
    ("14.weights", lambda pi, u: np.array([1 / p if v <= p else 0 for p, v in zip(pi, u)]), "exactly pi"),
    ("14.weights", lambda pi, u: pi, "those are the chances"),
    ("14.weights", lambda pi, u: 1 / pi[u < pi], "shape"),
    ("14.variance", by_norms(lambda g, p, m: g * g * (1 / p - 1) / m), "once"),
    ("14.variance", by_norms(lambda g, p, m: g * g * (1 - p) / p), "not divided"),
    ("14.variance", by_norms(lambda g, p, m: g * g / p / m**2), "mean square"),
    ("14.variance", by_norms(lambda g, p, m: g * g * (1 - p) / m**2), "appears once"),
    ("14.variance", by_norms(lambda g, p, m: g * g * p * (1 - p) / m**2), "coin's own"),
    ("14.variance", by_norms(lambda g, p, m: g * (1 / p - 1) / m**2), "not squared"),
    ("14.variance", lambda G, pi: variance(G.sum(axis=1)[:, None], pi), "before they are squared"),
    ("14.variance", lambda G, pi: variance(G, pi) / G.shape[1], "averaged"),
    ("14.variance", lambda G, pi: variance(G - G.mean(0), pi), "taken away"),
    ("14.variance", lambda G, pi: np.array([variance(G[:, [j]], pi) for j in range(G.shape[1])]), "each parameter"),
    ("14.variance", lambda G, pi: variance(G, pi) ** 0.5, "standard deviation"),
    ("14.variance", by_norms(lambda g, p, m: g * g * (p**-2 - 1) / m**2), "being kept is missing"),
    ("14.variance", lambda G, pi: -variance(G, pi), "not negative"),
    ("14.variance", by_norms(lambda g, p, m: g * g * (1 / p - 1) / m / (m - 1)), "m - 1"),
    ("14.threshold", lambda s, f, b: threshold(s, f, b) ** 2, "tau squared"),
    ("14.threshold", best(usual, of=min), "least over k"),
    ("14.threshold", lambda s, f, b: best(usual, downwards=False)(sorted(s), f, b), "upwards"),
    ("14.threshold", best(usual, downwards=False), "not sorted"),
    ("14.threshold", lambda s, f, b: best(usual)(np.sqrt(s), f, b), "not squared"),
    ("14.threshold", lambda s, f, b: threshold(s, b, f), "changed places"),
    ("14.threshold", lambda s, f, b: threshold(s, 2, 4), "fixed"),
    ("14.threshold", best(lambda Q, k, m, f, b: usual(Q, k - 1, m, f, b)), "from 0"),
    ("14.threshold", best(lambda Q, k, m, f, b: Q / (f * m + b * k)), "in the numerator"),
    ("14.threshold", best(lambda Q, k, m, f, b: b * Q / (f + b * k)), "all m go"),
    ("14.threshold", best(lambda Q, k, m, f, b: b * Q / (f * m + b)), "for certain"),
    ("14.threshold", lambda s, f, b: math.sqrt(usual(sum(s**2), len(s), len(s), f, b)), "ratio of all m"),
    ("14.threshold", lambda s, f, b: math.sqrt(usual(max(s) ** 2, 1, len(s), f, b)), "alone"),
    ("14.threshold", lambda s, f, b: sum(s > threshold(s, f, b)), "tau is a score"),
    ("14.threshold", lambda s, f, b: max(s), "not paid for"),
    ("14.chances", each(lambda q, low: max(low, q)), "above 1"),
    ("14.chances", lambda s, low: chances(s, 0), "low is not used"),
    ("14.chances", each(lambda q, low: low + (1 - low) * min(q, 1)), "added"),
    ("14.chances", each(lambda q, low: min(1, max(q, low)) * (q > 0)), "as well"),
    ("14.chances", each(lambda q, low: min(1, q) if q >= low else 0), "raised to low"),
    ("14.chances", lambda s, low: np.maximum(low, s / sum(s)) if any(s) else s + 1, "their sum"),
    ("14.chances", lambda s, low: np.maximum(low, s / max(s)) if any(s) else s + 1, "the largest"),
    ("14.chances", lambda s, low: np.clip(s / np.mean(s), low, 1) if any(s) else s + 1, "their mean"),
    ("14.chances", each(lambda q, low: min(1, max(low, 1 / q)) if q else 1.0), "turned round"),
    ("14.chances", each(lambda q, low: min(1, max(low, q * q))), "squared"),
    ("14.chances", lambda s, low: np.clip(s / threshold(s, 1, 2) ** 2, low, 1) if any(s) else s + 1, "its root"),
    ("14.chances", lambda s, low: chances(s, low) if any(s) else s + low, "every score is 0"),
    ("14.chances", each(lambda q, low: 1 - min(1, max(low, q))), "dropped"),
    ("14.chances", each(lambda q, low: 1.0 if q >= 1 else low), "in between"),
    ("14.chances", each(lambda q, low: min(q, low)), "should be the least"),
    ("14.step", stepped(lambda x, a, pi, k: mean(x, a, pi, k) * len(x) / k.sum()), "number of kept"),
    ("14.step", stepped(lambda x, a, pi, k: mean(x, a, pi, k) * len(x)), "not divided"),
    ("14.step", stepped(lambda x, a, pi, k: mean(x, a, pi, k) * len(x) / sum(1 / pi[k])), "sum of the weights"),
    ("14.step", stepped(lambda x, a, pi, k: mean(x, a, pi**0, k)), "not 1 / pi"),
    ("14.step", stepped(lambda x, a, pi, k: -mean(x, a, pi, k)), "uphill"),
    ("14.step", billed(lambda m, kept, pi: 3 * m), "step on all m"),
    ("14.step", billed(lambda m, kept, pi: m + kept), "costs 2"),
    ("14.step", billed(lambda m, kept, pi: 3 * kept), "all m go forward"),
    ("14.step", billed(lambda m, kept, pi: 2 * kept), "missing from the bill"),
    ("14.step", billed(lambda m, kept, pi: m + 3 * kept), "second forward"),
    ("14.step", billed(lambda m, kept, pi: m + 2 * sum(pi)), "expected one"),
    ("14.step", stepped(mean, lambda a, p, y: -np.log([q[k] for q, k in zip(p, y)])), "are losses"),
    ("14.step", stepped(mean, lambda a, p, y: np.linalg.norm(a, 1, axis=1)), "absolute values"),
    ("14.step", stepped(mean, lambda a, p, y: np.linalg.norm(a, axis=1) ** 2), "squared norms"),
    ("14.step", stepped(mean, lambda a, p, y: np.linalg.norm(p, axis=1)), "norms of p;"),
    ("14.step", lambda W, x, y, u, low, eta: step(W, x, y, u, 0, eta), "low is not used"),
    ("14.step", lambda W, x, y, u, low, eta: step(W, x, y, u, low, 1), "eta is not used"),
]  # fmt: skip
