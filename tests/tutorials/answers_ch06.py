"""Answers to tutorial 06: SECOND, right ones written another way, and WRONG ones with words of their hints."""

from itertools import combinations

import numpy as np


def split(U, q, target):
    """The variance as the mean square less the square of the mean."""
    mean = sum(chance * u for chance, u in zip(q, U))
    gap = mean - target
    return np.dot(gap, gap), np.einsum("n,nd,nd->", q, U, U) - mean @ mean


def size(G, allowed):
    """The inequality solved for m."""
    n, sigma2 = len(G), np.trace(np.cov(G.T, bias=True))
    return int(np.ceil(n * sigma2 / (sigma2 + allowed * (n - 1)) - 1e-12))


def searched(error):
    """The first m whose error is small enough, and n where there is none."""
    return lambda G, allowed: next((m for m in range(1, len(G) + 1) if error(G, m) <= allowed), len(G))


def counted(G, m):
    """All batches there are, in place of the formula."""
    batches = [np.mean([G[i] for i in B], axis=0) - G.mean(0) for B in combinations(range(len(G)), m)]
    return np.mean([u @ u for u in batches])


def without(G, m):
    """The error of batches drawn WITH replacement."""
    return np.trace(np.cov(G.T, bias=True)) / m


def batch(G, S, gamma, B):
    return sum(gamma[b] * len(S) / sum(gamma) * G[S[b]] for b in B) / len(B)


def single(G, S, gamma, c, m):
    estimates = [c + batch(G - c, S, gamma, B) for B in combinations(range(len(S)), m)]
    return split(np.array(estimates), np.full(len(estimates), 1 / len(estimates)), G.mean(0))


SECOND = {"06.split": split, "06.random": size, "06.batch": batch, "06.single": single}

WRONG = [
    ("06.random", searched(lambda G, m: np.trace(np.cov(G.T)) / m * (len(G) - m) / (len(G) - 1)), "off by 1"),
    ("06.split", lambda U, q, t: split(U, q * 0 + 1 / len(q), t), "the chances do nothing"),
    ("06.split", lambda U, q, t: (split(U, q, t)[0], U.var(0).sum()), "without chances"),
    ("06.split", lambda U, q, t: (split(U, q, t)[0], ((U - q @ U) ** 2).sum(1).mean()), "weighted by the chances"),
    ("06.split", lambda U, q, t: (split(U, q, t)[0], q @ ((U - U.mean(0)) ** 2).sum(1)), "estimates' mean is taken"),
    ("06.split", lambda U, q, t: (np.linalg.norm(q @ U - t), split(U, q, t)[1]), "not its square"),
    ("06.split", lambda U, q, t: (split(U, q, t)[0], sum(q * [(u - t) @ (u - t) for u in U])), "about the target"),
    ("06.split", lambda U, q, t: (((q @ U - t) ** 2).mean(), split(U, q, t)[1] / 3), "both are means"),
    ("06.split", lambda U, q, t: (split(U, q, t)[0], split(U, q, t)[1] / len(U)), "divided by N"),
    ("06.split", lambda U, q, t: (split(U, q, t)[0], ((q[:, None] * (U - q @ U)) ** 2).sum()), "squared with"),
    ("06.split", lambda U, q, t: (sum(split(U, q, t)), split(U, q, t)[1]), "bias and variance together"),
    ("06.split", lambda U, q, t: (split(U, q, t)[0], q @ np.linalg.norm(U - q @ U, axis=1)), "not their squares"),
    ("06.split", lambda U, q, t: (split(U, q, t)[0], q @ (U**2).sum(1)), "not been subtracted"),
    ("06.random", searched(without), "without replacement is missing"),
    ("06.random", searched(lambda G, m: without(G, m) * (1 - m / len(G))), "denominator is n"),
    ("06.random", searched(lambda G, m: m * without(G, m) * (len(G) - m) / (len(G) - 1)), "not divided by m"),
    ("06.random", searched(lambda G, m: np.sqrt(without(G, m) * (len(G) - m) / (len(G) - 1))), "root"),
    ("06.random", searched(lambda G, m: without(G, m) * (len(G) - m) / (len(G) - 1) / G.shape[1]), "over the entries"),
    ("06.random", searched(lambda G, m: without(G, m) * len(G) * (len(G) - m) / (len(G) - 1)), "sum over the examples"),
    ("06.random", lambda G, allowed: size(G, allowed) - 1, "NOT small enough"),
    ("06.random", lambda G, allowed: min(size(G, allowed) + 1, len(G)), "one too many"),
    ("06.random", lambda G, allowed: size(G, allowed - 1e-9) if allowed else len(G), "exactly `allowed`"),
    ("06.random", lambda G, allowed: len(G), "always all"),
    ("06.random", lambda G, allowed: 1, "always 1"),
    ("06.random", lambda G, allowed: without(G, 1), "not a batch size"),
    ("06.random", lambda G, allowed: len(G) * without(G, 1) / (without(G, 1) + allowed * (len(G) - 1)), "whole number"),
    ("06.batch", lambda G, S, gamma, B: gamma[B] @ G[S[B]] / gamma[B].sum(), "sum in the batch"),
    ("06.batch", lambda G, S, gamma, B: G[S[B]].mean(0), "do nothing"),
    ("06.batch", lambda G, S, gamma, B: gamma[B] @ G[S[B]] / len(B), "gamma is used as it is"),
    ("06.batch", lambda G, S, gamma, B: gamma[B] / gamma.mean() @ G[B] / len(B), "row numbers"),
    ("06.batch", lambda G, S, gamma, B: batch(G, S, gamma, B) * len(B), "not divided by m"),
    ("06.batch", lambda G, S, gamma, B: gamma[B] @ G[S[B]] / gamma.sum(), "the size of the coreset"),
    ("06.single", lambda G, S, gamma, c, m: single(G, S, gamma, 0 * c, m), "anchor does nothing"),
    ("06.single", lambda G, S, gamma, c, m: (((batch(G - c, S, gamma, range(5)) - G.mean(0)) ** 2).sum(),
                                             single(G, S, gamma, c, m)[1]), "not added back"),
    ("06.single", lambda G, S, gamma, c, m: single(G, S, gamma**0, c, m), "weights do nothing"),
    ("06.single", lambda G, S, gamma, c, m: sum(single(G, S, gamma, c, m)), "added up"),
    ("06.single", lambda G, S, gamma, c, m: single(G, S, gamma, c, m)[::-1], "other way round"),
    ("06.single", lambda *q: (single(*q)[0] ** 0.5, single(*q)[1]), "not its square"),
    ("06.single", lambda *q: (single(*q)[0], sum(single(*q))), "the bias is in it too"),
    ("06.single", lambda *q: (single(*q)[0], single(*q[:4], 1)[1] / q[4]), "is missing"),
    ("06.single", lambda *q: (single(*q)[0], q[-1] * single(*q)[1]), "not divided by m"),
    ("06.single", lambda *q: (single(*q)[0], single(*q)[1] / 4), "mean over the entries"),
    ("06.single", lambda *q: (single(*q)[0], 5 * single(*q)[1]), "sum stands where"),
    ("06.single", lambda *q: (single(*q)[0], single(*q)[1] * 4 / 5), "denominator is k"),
    ("06.single", lambda *q: (single(*q)[0], single(*q)[1] * 5 / 4), "k - 1 as well"),
]
