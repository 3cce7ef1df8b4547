"""Tutorial 16: the inputs of its exercises, its solutions, and what wrong answers are made of."""

import math

import numpy as np

from minicrest.random import stream

rng = np.random.default_rng(16)
NAN = np.nan
LAST = [
    np.array([0.2, NAN, 0.4, 0.05]),
    np.array([2.0, 0.5, NAN, 0.25, NAN, 1.75]),
    np.array([NAN, NAN, NAN]),
    np.zeros(4),
    np.array([0.0, 3.0, 1.0, 0.0]),
]
P, DRAWN = rng.dirichlet(np.ones(9)), np.array([3, 0, 3, 8, 5])
SEEN = np.array([NAN, 0.7, 0.2, NAN, 1.1, 0.4])
PILOT = [np.array([0.5, 1.1, -0.4, 0.9, 0.2]), np.array([2.0, 2.1, 1.9]), np.array([-3.0, 5.0, 1.0, 0.5])]


def filled(last, instead=lambda seen: seen.max(), none=1.0):
    """The losses, with instead(those seen) for the examples that were never seen."""
    seen = ~np.isnan(last)
    return np.where(seen, last, instead(last[seen]) if seen.any() else none)


def odds(last, low, value=filled):
    loss, n = value(last), len(last)
    share = loss / loss.sum() if loss.sum() > 0 else np.full(n, 1 / n)
    return (1 - low) * share + low / n


def weights(p, drawn):
    return 1 / (len(p) * p[drawn])


def record(last, indices, losses):
    after = last.copy()
    after[indices] = losses
    return after


def first_counts(last, indices, losses):
    """The mistake: of an example that comes twice the first loss is kept."""
    after = last.copy()
    after[indices[::-1]] = losses[::-1]
    return after


def together(join):
    """The mistake: of an example that comes twice, join(its losses) is kept."""

    def answer(last, indices, losses):
        after = last.copy()
        for i in np.unique(indices):
            after[i] = join(losses[indices == i])
        return after

    return answer


def batches(n, m):
    return -(-n // m)


def turn(step, n, m, seed, length=batches, place=lambda k: k, key=lambda seed, epoch, step: (seed, "mine", epoch)):
    """Batch `step` of a shuffled pass; the arguments are mistakes that can be made."""
    epoch, k = divmod(step, length(n, m))
    order = stream(*key(seed, epoch, step)).permutation(n)
    return order[place(k) * m : (place(k) + 1) * m]


def seeds(differences, gain, ddof=1, z=2.0, least=3, upwards=math.ceil):
    s = np.std(differences, ddof=ddof)
    return max(least, upwards((z * s / gain) ** 2))
