"""Answers to tutorial 16: SECOND, right ones written another way, and WRONG ones with words of their hints."""

import math
import statistics

import numpy as np

from minicrest.random import stream


def odds(last, low, unseen=max, mix=True):
    """Number by number."""
    known = [x for x in last if x == x]
    losses = [x if x == x else unseen(known) if known else 1.0 for x in last]
    total, n = sum(losses), len(losses)
    return np.array([(1 - low) * (x / total if total else 1 / n) + low / n * mix for x in losses])


def weights(p, drawn):
    return [1 / p[i] / len(p) for i in drawn]


def record(last, indices, losses):
    found = dict(zip(indices.tolist(), losses))
    return [found.get(i, old) for i, old in enumerate(last)]


def one_pass(step, n, m, seed, counted=lambda step, epoch: epoch):
    """Cut the order into batches and count."""
    pieces = [list(range(a, min(a + m, n))) for a in range(0, n, m)]
    epoch = 0
    while step - epoch * len(pieces) >= len(pieces):
        epoch += 1
    order = stream(seed, "mine", counted(step, epoch)).permutation(n)
    return order[pieces[step - epoch * len(pieces)]]


def seeds(differences, gain, wide=2, spread=statistics.stdev):
    k = 3
    while wide * spread(differences.tolist()) / math.sqrt(k) > gain:
        k += 1
    return k


def in_place(last, indices, losses):
    last[indices] = losses
    return last.copy()


SECOND = {"16.odds": odds, "16.weights": weights, "16.record": record, "16.pass": one_pass, "16.seeds": seeds}

WRONG = [
    ("16.odds", lambda last, low: odds(last, low) if np.isnan(last).all() else odds(
        np.where(np.isnan(last), max(1.0, np.nanmax(last)), last), low), "(8 of the 10 inputs come out right.)"),
    ("16.record", in_place, "It changes last itself"),
    ("16.seeds", lambda d, g: max(3, int((2 * statistics.stdev(d.tolist()) / g) ** 2) + 1), "one more is taken"),
    ("16.seeds", lambda d, g: max(len(d), seeds(d, g)), "than in the pilot"),
    ("16.odds", lambda last, low: odds(last, low, min), "smallest loss"),
    ("16.odds", lambda last, low: odds(last, low, statistics.mean), "mean loss"),
    ("16.odds", lambda last, low: odds(last, low, lambda known: 0.0), "loss of 0"),
    ("16.odds", lambda last, low: odds(last, low, lambda known: 1.0), "counts 1"),
    ("16.odds", lambda last, low: odds(last, 1 - low), "changed places"),
    ("16.odds", lambda last, low: odds(last, 0), "does nothing"),
    ("16.odds", lambda last, low: odds(last, 1), "all chances are equal"),
    ("16.odds", lambda last, low: odds(last, low, mix=False), "part is missing"),
    ("16.odds", lambda last, low: odds(last, low, mix=-1), "is subtracted"),
    ("16.odds", lambda last, low: odds(last, low, mix=len(last)), "all examples share it"),
    ("16.odds", lambda last, low: odds(last, 0) + low / len(last), "not scaled down"),
    ("16.odds", lambda last, low: np.maximum(odds(last, 0), low / len(last)), "floor"),
    ("16.weights", lambda p, drawn: 1 / p[drawn], "n is missing"),
    ("16.weights", lambda p, drawn: 1 / p[drawn] / len(drawn), "m stands where n"),
    ("16.weights", lambda p, drawn: p[drawn], "chances are the weights"),
    ("16.weights", lambda p, drawn: p[drawn] * len(p), "upside down"),
    ("16.weights", lambda p, drawn: 0 * drawn + 1, "all weigh 1"),
    ("16.weights", lambda p, drawn: np.array(weights(p, drawn)) / sum(weights(p, drawn)), "sum 1"),
    ("16.weights", lambda p, drawn: np.array(weights(p, drawn)) / np.mean(weights(p, drawn)), "mean 1"),
    ("16.weights", lambda p, drawn: weights(p, range(len(p))), "every example"),
    ("16.weights", lambda p, drawn: weights(p, range(len(drawn))), "first m"),
    ("16.weights", lambda p, drawn: np.sqrt(weights(p, drawn)), "root"),
    ("16.weights", lambda p, drawn: weights(p, sorted(set(drawn))), "counts only once"),
    ("16.weights", lambda p, drawn: weights(p, drawn)[::-1], "opposite order"),
    ("16.record", lambda last, i, x: record(last, i[::-1], x[::-1]), "first loss is kept"),
    ("16.record", lambda last, i, x: last, "nothing is recorded"),
    ("16.record", lambda last, i, x: record(last * np.nan, i, x), "is forgotten"),
    ("16.record", lambda last, i, x: record(np.where(last > 0, last, 0), i, x), "become 0"),
    ("16.record", lambda last, i, x: record(last, np.arange(len(x)), x), "first places"),
    ("16.record", lambda last, i, x: x, "shape is (2,)"),
    ("16.record", lambda last, i, x: record(last, i, [x[i == j].mean() for j in i]), "mean loss is kept"),
    ("16.record", lambda last, i, x: record(last, i, [x[i == j].max() for j in i]), "larger loss"),
    ("16.record", lambda last, i, x: record(last, i, [x[i == j].sum() for j in i]), "sum of the losses"),
    ("16.pass", lambda *q: one_pass(*q, counted=lambda step, epoch: step), "for every batch"),
    ("16.pass", lambda *q: one_pass(*q, counted=lambda step, epoch: 0), "order of the first one"),
    ("16.pass", lambda *q: one_pass(*q, counted=lambda step, epoch: epoch + 1), "counted from 1"),
    ("16.pass", lambda step, n, m, seed: np.arange(n)[step % -(-n // m) * m :][:m], "nothing is shuffled"),
    ("16.pass", lambda step, n, m, seed: one_pass(step // -(-n // m) * -(-n // m), n, m, seed), "always the first"),
    ("16.pass", lambda step, n, m, seed: one_pass(step, n, n, seed), ""),
    ("16.pass", lambda step, n, m, seed: np.sort(one_pass(step, n, m, seed)), "sorted"),
    ("16.seeds", lambda d, g: seeds(d, g, 1), "2 is missing"),
    ("16.seeds", lambda d, g: seeds(d, g, 1.96), "1.96"),
    ("16.seeds", lambda d, g: seeds(d, g, math.sqrt(2)), "not squared with the rest"),
    ("16.seeds", lambda d, g: seeds(d, g, spread=statistics.pstdev), "divides by n"),
    ("16.seeds", lambda d, g: seeds(d, g, spread=statistics.variance), "variance"),
    ("16.seeds", lambda d, g: seeds(d, 1), "gain is not used"),
    ("16.seeds", lambda d, g: seeds(d, g) - len(d), "pilot are counted"),
    ("16.seeds", lambda d, g: max(3, int((2 * statistics.stdev(d.tolist()) / g) ** 2)), "rounded down"),
    ("16.seeds", lambda d, g: seeds(d, 1 / g), "gain is multiplied"),
    ("16.seeds", lambda d, g: 3, "always three"),
    ("16.seeds", lambda d, g: seeds(d, g, spread=lambda x: abs(statistics.mean(x))), "mean is used"),
]
