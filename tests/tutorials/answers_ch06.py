"""Answers to tutorial 06: SECOND, right ones written another way, and WRONG ones with words of their hints."""

from itertools import combinations

import numpy as np


def split(U, target):
    """The variance as the mean square less the square of the mean."""
    mean = sum(U) / len(U)
    gap = mean - target
    return np.dot(gap, gap), np.einsum("nd,nd->", U, U) / len(U) - mean @ mean


def counted(G, m):
    """All batches there are, in place of the formula."""
    batches = [np.mean([G[i] for i in B], axis=0) - G.mean(0) for B in combinations(range(len(G)), m)]
    return np.mean([u @ u for u in batches])


def batch(G, S, gamma, B):
    return sum(gamma[b] * len(S) / sum(gamma) * G[S[b]] for b in B) / len(B)


def single(G, S, gamma, m):
    estimates = [batch(G, S, gamma, B) for B in combinations(range(len(S)), m)]
    return split(np.array(estimates), G.mean(0))


SECOND = {"06.split": split, "06.random": counted, "06.batch": batch, "06.single": single}

WRONG = [
    ("06.split", lambda U, t: (np.linalg.norm(U.mean(0) - t), split(U, t)[1]), "not its square"),
    ("06.split", lambda U, t: (split(U, t)[0], np.mean([(u - t) @ (u - t) for u in U])), "about the target"),
    ("06.split", lambda U, t: (split(U, t)[0], np.trace(np.cov(U.T))), "N - 1"),
    ("06.split", lambda U, t: (((U.mean(0) - t) ** 2).mean(), U.var(0).mean()), "both are means"),
    ("06.split", lambda U, t: (split(U, t)[0], U.var(0).mean()), "the second is a mean over the entries"),
    ("06.random", lambda G, m: counted(G, 1) / m, "factor for drawing without replacement"),
    ("06.random", lambda G, m: counted(G, 1) / m * (1 - m / len(G)), "denominator is n"),
    ("06.random", lambda G, m: counted(G, m) / G.shape[1], "mean over the entries"),
    ("06.random", lambda G, m: counted(G, m) ** 0.5, "root"),
    ("06.random", lambda G, m: np.trace(np.cov(G.T)) / m * (len(G) - m) / (len(G) - 1), "divided by n - 1"),
    ("06.batch", lambda G, S, gamma, B: gamma[B] @ G[S[B]] / gamma[B].sum(), "sum in the batch"),
    ("06.batch", lambda G, S, gamma, B: G[S[B]].mean(0), "do nothing"),
    ("06.batch", lambda G, S, gamma, B: gamma[B] @ G[S[B]] / len(B), "gamma is used as it is"),
    ("06.batch", lambda G, S, gamma, B: gamma[B] / gamma.mean() @ G[B] / len(B), "row numbers"),
    ("06.batch", lambda G, S, gamma, B: batch(G, S, gamma, B) * len(B), "not divided by m"),
    ("06.batch", lambda G, S, gamma, B: gamma[B] @ G[S[B]] / gamma.sum(), "the size of the coreset"),
    ("06.single", lambda G, S, gamma, m: single(G, S, gamma**0, m), "do nothing"),
    ("06.single", lambda G, S, gamma, m: (single(G, S, gamma, m)[0], counted(G[S], m)), "weights vary too"),
    ("06.single", lambda G, S, gamma, m: sum(single(G, S, gamma, m)), "added up"),
    ("06.single", lambda G, S, gamma, m: (single(G, S, gamma, m)[0], single(G, S, gamma, 1)[1] / m), "is missing"),
    ("06.single", lambda G, S, gamma, m: (single(G, S, gamma, m)[0], m * single(G, S, gamma, m)[1]), "divided by m"),
]
