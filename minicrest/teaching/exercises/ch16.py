"""Exercises of tutorial 16: chances from remembered losses, weights, the record, a pass that resumes, and seeds."""

import math

import numpy as np

from minicrest.random import stream
from minicrest.teaching.exercise import Exercise
from minicrest.teaching.solutions.ch16 import (
    DRAWN,
    LAST,
    NAN,
    PILOT,
    SEEN,
    P,
    batches,
    filled,
    first_counts,
    odds,
    record,
    seeds,
    together,
    turn,
    weights,
)

TWICE = np.array([2, 5, 2, 0, 2, 2])
LOSSES = np.array([0.5, 0.7, 0.9, 0.6, 0.1, 0.3])


def added(last, indices, losses):
    return record(last, indices, last[indices] + losses)


def averaged(last, indices, losses):
    return record(last, indices, (last[indices] + losses) / 2)


def largest(last, indices, losses):
    after = last.copy()
    np.maximum.at(after, indices, losses)
    return after


EXERCISES = [
    Exercise(
        "16.odds",
        "my_odds",
        [(last, low) for last in LAST for low in (0.5, 0.2)],
        odds,
        [
            (
                "an example that was never seen gets a loss of 0: it would hardly ever be drawn.",
                lambda last, low: odds(last, low, lambda x: np.nan_to_num(x)),
            ),
            (
                "an example that was never seen counts 1; it counts as much as the largest loss on record.",
                lambda last, low: odds(last, low, lambda x: np.nan_to_num(x, nan=1.0)),
            ),
            (
                "an example that was never seen counts as much as the mean loss; the largest is asked for.",
                lambda last, low: odds(last, low, lambda x: filled(x, np.mean)),
            ),
            (
                "an example that was never seen counts as much as the smallest loss; the largest is asked for.",
                lambda last, low: odds(last, low, lambda x: filled(x, np.min)),
            ),
            (
                "an example that was never seen counts as much as all losses on record; the largest is asked for.",
                lambda last, low: odds(last, low, lambda x: filled(x, np.sum)),
            ),
            ("the losses are exponentiated first: the chances follow the losses themselves.",
             lambda last, low: odds(last, low, lambda x: np.exp(filled(x)))),
            ("`low` does nothing.", lambda last, low: odds(last, 0.0)),
            ("`low` and 1 - `low` have changed places.", lambda last, low: odds(last, 1 - low)),
            (
                "the uniform part is `low` for each example; all examples share it.",
                lambda last, low: odds(last, low) + low - low / len(last),
            ),
            (
                "the uniform part is missing: the chances do not add up to 1.",
                lambda last, low: odds(last, low) - low / len(last),
            ),
            ("the uniform part is subtracted.", lambda last, low: odds(last, low) - 2 * low / len(last)),
            (
                "the part that follows the losses is not scaled down to 1 - low.",
                lambda last, low: odds(last, 0.0) + low / len(last),
            ),
            ("the chances follow the losses' squares.", lambda last, low: odds(last, low, lambda x: filled(x) ** 2)),
            ("the chances follow the losses' roots.", lambda last, low: odds(last, low, lambda x: np.sqrt(filled(x)))),
            (
                "the smaller a loss, the larger its chance: the other way round.",
                lambda last, low: odds(last, low, lambda x: filled(x).max() - filled(x)),
            ),
            ("all chances are equal: what are the losses for?", lambda last, low: np.full(len(last), 1 / len(last))),
            ("the losses are not divided by their sum.", lambda last, low: (1 - low) * filled(last) + low / len(last)),
            (
                "the losses are divided by their mean; chances add up to 1.",
                lambda last, low: (odds(last, low) - low / len(last)) * len(last) + low / len(last),
            ),
            (
                "a floor is put under the chances in place of a uniform part.",
                lambda last, low: np.maximum(odds(last, 0.0), low / len(last)),
            ),
        ],
    ),
    Exercise(
        "16.weights",
        "my_draw_weights",
        [(P, DRAWN), (P[:4] / P[:4].sum(), np.array([1, 1, 2]))],
        weights,
        [
            ("those that were drawn twice share their weight; each draw has a weight of its own.",
             lambda p, d: 1 / (len(p) * p[d]) / np.bincount(d)[d]),
            ("it is 1 less the chance; 1 is divided by n times the chance.", lambda p, d: 1 - p[d]),
            (
                "the number of examples n is missing: with equal chances every weight should be 1.",
                lambda p, drawn: 1 / p[drawn],
            ),
            (
                "m stands where n belongs: the mean over the batch divides by m already.",
                lambda p, drawn: 1 / (len(drawn) * p[drawn]),
            ),
            ("the chances are the weights: whoever is drawn often has to count less.", lambda p, drawn: p[drawn]),
            ("the chances times n are the weights: they are upside down.", lambda p, drawn: len(p) * p[drawn]),
            ("all weigh 1: then whoever is drawn often counts too much.", lambda p, drawn: np.ones(len(drawn))),
            (
                "they are rescaled to mean 1 in the batch: the divisor is random, which brings a bias.",
                lambda p, drawn: weights(p, drawn) / weights(p, drawn).mean(),
            ),
            ("they are rescaled to sum 1 in the batch.", lambda p, drawn: weights(p, drawn) / weights(p, drawn).sum()),
            (
                "there is a weight for every example; those that were drawn are asked for.",
                lambda p, drawn: 1 / (len(p) * p),
            ),
            (
                "they are the chances of the first m examples; who was drawn?",
                lambda p, drawn: 1 / (len(p) * p[: len(drawn)]),
            ),
            ("there is a root too much.", lambda p, drawn: np.sqrt(weights(p, drawn))),
            (
                "an example that is drawn twice counts only once: each draw counts.",
                lambda p, drawn: weights(p, np.unique(drawn)),
            ),
        ],
    ),
    Exercise(
        "16.record",
        "my_record",
        [
            (SEEN, np.array([0, 4]), np.array([0.3, 0.8])),
            (SEEN, TWICE, LOSSES),
            (np.full(3, NAN), np.array([1]), np.array([2.0])),
        ],
        record,
        [
            ("the new losses are added to the old ones; they replace them.", added),
            ("the mean of the old and the new loss is kept; the new one is.", averaged),
            ("the larger loss of the old and the new is kept; the new one is.", largest),
            ("all of the batch get its mean loss; each has its own.",
             lambda o, i, l: record(o, i, np.full(len(l), l.mean()))),
            ("the losses come in the opposite order.", lambda o, i, l: record(o, i, l[::-1])),
            ("what is known of the others is lost: they become 0.", lambda o, i, l: record(0 * np.nan_to_num(o), i, l)),
            ("only examples without a loss on record get one.",
             lambda o, i, l: np.where(np.isnan(o), record(o, i, l), o)),
            ("of an example that comes twice the first loss is kept; the last one counts.", first_counts),
            ("of an example that comes twice the larger loss is kept; the last one counts.", together(np.max)),
            (
                "of an example that comes twice the smaller loss is kept; the last one counts.",
                together(np.min),
            ),
            ("of an example that comes twice the mean loss is kept; the last one counts.", together(np.mean)),
            ("of an example that comes twice the sum of the losses is kept; the last one counts.", together(np.sum)),
            ("nothing is recorded.", lambda last, i, losses: last),
            (
                "what was known of the others is forgotten.",
                lambda last, i, losses: record(np.full(len(last), NAN), i, losses),
            ),
            (
                "the others become 0; what was not seen stays unknown.",
                lambda last, i, losses: record(np.nan_to_num(last), i, losses),
            ),
            (
                "the losses are written to the first places; `indices` says where they belong.",
                lambda last, i, losses: record(last, np.arange(len(i)), losses),
            ),
            (
                "the losses are added to what was known; they replace it.",
                lambda last, i, losses: record(last, i, losses + np.nan_to_num(last)[i]),
            ),
            (
                "the old loss is averaged with the new one; the new one replaces it.",
                lambda last, i, losses: record(last, i, np.nanmean([losses, last[i]], axis=0)),
            ),
            (
                "it returns the losses of the batch; those of all examples are asked for.",
                lambda last, i, losses: record(last, i, losses)[i],
            ),
        ],
        intact=True,
    ),
    Exercise(
        "16.pass",
        "my_pass",
        [(step, 10, 4, 0) for step in (0, 1, 2, 3, 5, 7)] + [(4, 6, 3, 1), (9, 7, 7, 2), (3, 5, 8, 0)],
        turn,
        [
            (
                "the last, smaller batch of each pass is left out: a pass has n / m batches, rounded up.",
                lambda *q: turn(*q, length=lambda n, m: max(1, n // m)),
            ),
            (
                "the order is shuffled anew for every batch, so a pass does not see everybody.",
                lambda *q: turn(*q, key=lambda seed, epoch, step: (seed, "mine", step)),
            ),
            (
                "every pass has the same order: the number of the pass belongs into the stream.",
                lambda *q: turn(*q, key=lambda seed, epoch, step: (seed, "mine")),
            ),
            (
                "every pass has the order of the first one.",
                lambda *q: turn(*q, key=lambda seed, epoch, step: (seed, "mine", 0)),
            ),
            (
                "the seed is not used.",
                lambda *q: turn(*q, key=lambda seed, epoch, step: (0, "mine", epoch)) + (q[3] > 0),
            ),
            (
                "passes are counted from 1; the first has number 0.",
                lambda *q: turn(*q, key=lambda seed, epoch, step: (seed, "mine", epoch + 1)),
            ),
            ("nothing is shuffled.", lambda step, n, m, seed: np.arange(n)[step % batches(n, m) * m :][:m]),
            ("the batch is always the first of its pass.", lambda *q: turn(*q, place=lambda k: 0)),
            (
                "the batches of a pass are counted from 1: the first m are left out.",
                lambda *q: turn(*q, place=lambda k: k + 1),
            ),
            (
                "it is the whole pass: which m of it does this step use?",
                lambda step, n, m, seed: stream(seed, "mine", step // batches(n, m)).permutation(n),
            ),
            (
                "the step is used as the place in the pass, although passes begin anew.",
                lambda step, n, m, seed: stream(seed, "mine", step // batches(n, m)).permutation(n)[
                    step * m : (step + 1) * m
                ],
            ),
            (
                "m examples are drawn; a pass cuts one order into pieces.",
                lambda step, n, m, seed: stream(seed, "mine", step).choice(n, min(n, m), replace=False),
            ),
        ],
    ),
    Exercise(
        "16.seeds",
        "my_seeds",
        [(PILOT[0], 0.5), (PILOT[0], 0.1), (PILOT[1], 0.3), (PILOT[2], 1.0), (PILOT[2], 0.37),
         (PILOT[0], 20.5), (np.array([-1.25, 0.0, 1.25]), 0.5)],
        seeds,
        [
            (
                "it is not squared: half as wide an interval needs four times the seeds.",
                lambda d, g: max(3, math.ceil(2 * np.std(d, ddof=1) / g)),
            ),
            (
                "the 2 is missing: the interval is two standard errors wide on each side.",
                lambda d, g: seeds(d, g, z=1.0),
            ),
            ("the 2 is not squared with the rest.", lambda d, g: seeds(d, g, z=math.sqrt(2))),
            ("the interval is 1.96 standard errors wide; 2 is asked for.", lambda d, g: seeds(d, g, z=1.96)),
            (
                "the standard deviation divides by n; of a few seeds it divides by n - 1.",
                lambda d, g: seeds(d, g, ddof=0),
            ),
            (
                "that is the variance where the standard deviation belongs.",
                lambda d, g: max(3, math.ceil((2 * np.var(d, ddof=1) / g) ** 2)),
            ),
            (
                "the differences' mean is used; what makes the interval wide is how much they differ.",
                lambda d, g: max(3, math.ceil((2 * abs(d.mean()) / g) ** 2)),
            ),
            ("it is rounded down: the interval is then too wide.", lambda d, g: seeds(d, g, upwards=math.floor)),
            (
                "it is rounded to the nearest number: the interval may be too wide.",
                lambda d, g: seeds(d, g, upwards=round),
            ),
            ("it is not rounded: seeds come whole.", lambda d, g: seeds(d, g, upwards=float)),
            (
                "fewer than three seeds make no interval worth having: three are the least.",
                lambda d, g: seeds(d, g, least=1),
            ),
            (
                "those of the pilot are counted in: the number of seeds in all is asked for.",
                lambda d, g: seeds(d, g) - len(d),
            ),
            ("the gain is not used.", lambda d, g: seeds(d, 1.0)),
            (
                "the gain is multiplied; the smaller the gain, the more seeds it takes.",
                lambda d, g: max(3, math.ceil((2 * np.std(d, ddof=1) * g) ** 2)),
            ),
            ("always three.", lambda d, g: 3),
            (
                "where the inequality holds exactly, one more is taken than it needs.",
                lambda d, g: seeds(d, g, upwards=lambda x: int(x) + 1),
            ),
            ("there are never fewer than in the pilot; three are the least.", lambda d, g: max(len(d), seeds(d, g))),
        ],
    ),
]
