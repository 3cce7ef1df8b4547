"""Exercises of tutorial 10: forgetting, the difficulty of picks, what a small loss bounds, and dropping the learned."""

import numpy as np

from minicrest.teaching.exercise import Exercise
from minicrest.teaching.solutions.ch10 import (
    ACTIVE,
    ALPHA,
    MANY,
    ONCE,
    PICKS,
    RIGHT,
    ROOM,
    SEEN,
    TURNS,
    WHOLE,
    D,
    bound,
    difficulty,
    drop,
    excluding,
    forgetting,
    lower_stays,
    lowest_stay,
    over_windows,
    picked,
    refused,
    smallest_stay,
    to_everyone,
    without_r,
    worst,
)

EXERCISES = [
    Exercise(
        "10.forgetting",
        "my_forgetting",
        [(RIGHT,), (RIGHT[1:5, :4],)],
        forgetting,
        [
            ("an example that was never forgotten gets T; only one that was never right does.",
             lambda c: (lambda n: np.where(n > 0, n, len(c)))((c[:-1] & ~c[1:]).sum(0))),
            ("the first look alone decides who was never right; all looks do.",
             lambda c: np.where(c[0], (c[:-1] & ~c[1:]).sum(0), len(c))),
            ("the last look alone decides who was never right; all looks do.",
             lambda c: np.where(c[-1], (c[:-1] & ~c[1:]).sum(0), len(c))),
            ("every wrong look after a right one counts; an event is the step from right to wrong.",
             lambda c: np.where(c.any(0), (np.maximum.accumulate(c, 0) & ~c).sum(0), len(c))),
            (
                "examples that were never right get 0, as if they were the easiest.",
                lambda c: (c[:-1] & ~c[1:]).sum(axis=0),
            ),
            (
                "it counts how often an example is learned, from wrong to right: which way is forgetting?",
                lambda c: np.where(c.any(axis=0), (~c[:-1] & c[1:]).sum(axis=0), len(c)),
            ),
            (
                "it counts every change, learning included.",
                lambda c: np.where(c.any(axis=0), (c[:-1] ^ c[1:]).sum(axis=0), len(c)),
            ),
            ("it counts how often an example was wrong, whatever came before.", lambda c: (~c).sum(axis=0)),
            (
                "an example that was never right gets T - 1; count the rows, not the steps between them.",
                lambda c: np.where(c.any(axis=0), (c[:-1] & ~c[1:]).sum(axis=0), len(c) - 1),
            ),
            (
                "it is one number a look, not one an example: along which axis does time run?",
                lambda c: (c[:-1] & ~c[1:]).sum(axis=1),
            ),
            (
                "examples that were never right get infinity; T is asked for.",
                lambda c: np.where(c.any(axis=0), forgetting(c), np.inf),
            ),
            (
                "examples that were never right get -1; T is asked for.",
                lambda c: np.where(c.any(axis=0), forgetting(c), -1),
            ),
            (
                "examples that were never right get n; T is asked for.",
                lambda c: np.where(c.any(axis=0), forgetting(c), c.shape[1]),
            ),
            (
                "it says whether an example was forgotten, not how often.",
                lambda c: np.where(c.any(axis=0), (c[:-1] & ~c[1:]).any(axis=0), len(c)),
            ),
            ("it is a share of the looks; the number is asked for.", lambda c: forgetting(c) / len(c)),
            (
                "an example that is wrong at first counts as forgotten.",
                lambda c: np.where(c.any(axis=0), (c[:-1] & ~c[1:]).sum(axis=0) + ~c[0], len(c)),
            ),
            (
                "an example that is right at the end counts once more.",
                lambda c: np.where(c.any(axis=0), (c[:-1] & ~c[1:]).sum(axis=0) + c[-1], len(c)),
            ),
            ("it counts how often an example was right.", lambda c: c.sum(axis=0)),
            (
                "looks are compared two apart; forgetting is from one look to the next.",
                lambda c: np.where(c.any(axis=0), (c[:-2] & ~c[2:]).sum(axis=0), len(c)),
            ),
            (
                "it is a mean over the looks; the number is asked for.",
                lambda c: np.where(c.any(axis=0), (c[:-1] & ~c[1:]).mean(axis=0), len(c)),
            ),
            (
                "all but the always right count as never right: any, not all, looks make an example right once.",
                lambda c: np.where(c.all(axis=0), (c[:-1] & ~c[1:]).sum(axis=0), len(c)),
            ),
            (
                "it counts where an example stays right.",
                lambda c: np.where(c.any(axis=0), (c[:-1] & c[1:]).sum(axis=0), len(c)),
            ),
        ],
    ),
    Exercise(
        "10.difficulty",
        "my_difficulty",
        [(PICKS, D)],
        difficulty,
        [
            ("it is not compared with the mean over all examples.", lambda p, d: p @ d / p.sum(axis=1)),
            (
                "each example counts once, however often it was picked.",
                lambda p, d: (p > 0) @ d / (p > 0).sum(axis=1) / d.mean(),
            ),
            ("it is divided by n; how many picks has a period?", lambda p, d: p @ d / len(d) / d.mean()),
            ("the picks' sum is compared with the mean: divide by their number.", lambda p, d: p @ d / d.mean()),
            ("the ratio is upside down: harder than average should be above 1.", lambda p, d: 1 / difficulty(p, d)),
            (
                "all periods are divided by the picks of all of them together.",
                lambda p, d: p @ d / p.sum() / d.mean(),
            ),
            ("it is divided by the sum over all examples, not by their mean.", lambda p, d: p @ d / p.sum(1) / d.sum()),
            (
                "it is compared with the mean over the picked examples; the mean is over all n.",
                lambda p, d: p @ d / p.sum(axis=1) / d[p.any(axis=0)].mean(),
            ),
            (
                "it is compared with the mean over each period's picks' examples; the mean is over all n.",
                lambda p, d: p @ d / p.sum(axis=1) / np.array([d[row > 0].mean() for row in p]),
            ),
            (
                "the mean over all examples is subtracted; the ratio is asked for.",
                lambda p, d: p @ d / p.sum(axis=1) - d.mean(),
            ),
            ("it is compared with the median.", lambda p, d: p @ d / p.sum(axis=1) / np.median(d)),
            ("counts are divided by the largest count.", lambda p, d: p @ d / p.max(axis=1) / d.mean()),
            ("it is one number for all periods together.", lambda p, d: (p.sum(0) @ d) / p.sum() / d.mean()),
            ("the counts are squared.", lambda p, d: p**2 @ d / (p**2).sum(1) / d.mean()),
        ],
    ),
    Exercise(
        "10.bound",
        "my_bound",
        [(0.1,), (np.array([0.01, 0.5, 2.0]),)],
        bound,
        [
            ("that bounds 1 - p_y; the vector p - y has other entries too.", lambda a: 1 - np.exp(-a)),
            ("that is the square of the length.", lambda a: bound(a) ** 2),
            (
                "that bounds the sum of the entries' sizes, not the length.",
                lambda a: 2 * (1 - np.exp(-a)),
            ),
            ("true, but larger than it needs to be: 1 - exp(-alpha) is less than alpha.", lambda a: np.sqrt(2) * a),
            ("exp(-alpha) bounds p_y, which is near 1; how far is p_y from it?", lambda a: np.sqrt(2) * np.exp(-a)),
            ("the exponent has the wrong sign: p_y = exp(-loss).", lambda a: np.sqrt(2) * (1 - np.exp(a))),
            ("the root of 2 is missing, and the exponential alone is left.", lambda a: np.exp(-a)),
            ("the root of 2 stands inside: it multiplies the whole.", lambda a: 1 - np.exp(-np.sqrt(2) * a)),
            (
                "that is the root of the sum of sizes: each of two entries is squared first.",
                lambda a: np.sqrt(2 * (1 - np.exp(-a))),
            ),
            ("it is divided by the root of 2.", lambda a: (1 - np.exp(-a)) / np.sqrt(2)),
            (
                "the logarithm stands where the exponential belongs: p_y = exp(-loss).",
                lambda a: -np.sqrt(2) * np.log(a),
            ),
            (
                "it is a root of 2 (1 - exp(-alpha)^2): what is the square of 1 - p_y?",
                lambda a: np.sqrt(2 * (1 - np.exp(-2 * a))),
            ),
            ("the loss is halved in the exponent.", lambda a: np.sqrt(2) * (1 - np.exp(-a / 2))),
            ("exp(-alpha) is added to 1; how far is p_y from 1?", lambda a: np.sqrt(2) * (1 + np.exp(-a))),
        ],
    ),
    Exercise(
        "10.drop",
        "my_drop",
        [(SEEN, ACTIVE, ALPHA), ONCE],
        drop,
        [
            (
                "an example has to have been seen twice; one recorded loss is enough.",
                lambda l, a, alpha: drop(l, a, alpha) | (a & ((~np.isnan(l)).sum(0) == 1)),
            ),
            (
                "an easy example that was not active comes back.",
                lambda l, a, alpha: drop(l, a, alpha) | (~a & ~drop(l, ~a, alpha)),
            ),
            (
                "examples that were not seen in the window are dropped too: nothing is known about them.",
                lambda x, a, alpha: a & ~(worst(x) < alpha),
            ),
            (
                "one small loss is enough to be dropped; every recorded one should be small.",
                lambda x, a, alpha: a & ~(np.where(np.isnan(x), np.inf, x).min(axis=0) < alpha),
            ),
            (
                "a loss of exactly alpha counts as small; it has to be below.",
                lambda x, a, alpha: a & ~((worst(x) > -np.inf) & (worst(x) <= alpha)),
            ),
            (
                "an example that had been dropped before comes back.",
                lambda x, a, alpha: drop(x, np.ones_like(a), alpha),
            ),
            ("it keeps the learned and drops the others.", lambda x, a, alpha: a & ~drop(x, a, alpha)),
            (
                "it asks whether the mean of the recorded losses is small.",
                lambda x, a, alpha: (
                    a & ~(np.nansum(x, 0) / np.maximum((~np.isnan(x)).sum(0), 1e-9) < alpha) | a & np.isnan(x).all(0)
                ),
            ),
            (
                "only examples that were seen at every step of the window can be dropped; once is enough.",
                lambda x, a, alpha: a & ~(x < alpha).all(axis=0),
            ),
            ("only the last recorded loss counts; every one in the window does.", picked(lambda x: x[-1])),
            ("only the first recorded loss counts; every one in the window does.", picked(lambda x: x[0])),
            ("the median of the recorded losses counts; every one does.", picked(np.median)),
            (
                "only examples that were not seen are dropped; what is known about them?",
                lambda x, a, alpha: a & ~np.isnan(x).all(0),
            ),
            ("the sum of the recorded losses counts; each of them is compared with alpha.", picked(np.sum)),
        ],
    ),
    Exercise(
        "10.exclude",
        "my_exclude",
        [
            (WHOLE, ALPHA, 2, 2),
            (np.full((2, 4), 0.05), ALPHA, 2, 2),
            (ROOM, ALPHA, 2, 1),
            (np.where(WHOLE == 0.3, ALPHA, WHOLE), ALPHA, 2, 2),
            (WHOLE, ALPHA, 2, 4),
            (WHOLE, ALPHA, 2, 5),
            (WHOLE, ALPHA, 3, 1),
            (TURNS, ALPHA, 1, 3),
            (MANY, ALPHA, 2, 6),
            (MANY, ALPHA, 2, 4),
        ],
        excluding(),
        [
            ("the number of examples to keep, r, is not used.", excluding(keep=without_r)),
            ("where fewer than r would stay, nobody is dropped; as many should go as leave r.",
             excluding(keep=refused)),
            ("where not all learned ones may go, the largest losses go; they should stay.",
             excluding(keep=smallest_stay)),
            ("where not all learned ones may go, the lowest numbers stay; the largest losses should.",
             excluding(keep=lowest_stay)),
            ("of equal losses the lowest number stays; the highest does.", excluding(keep=lower_stays)),
            ("r + 1 stay where r are enough.", excluding(off=1)),
            ("one example too many goes: r have to stay.", excluding(off=-1)),
            ("an example that had been dropped comes back when it is no longer learned.", excluding(comes_back=True)),
            ("a window that is not over yet has been used.", excluding(rest=True)),
            ("windows begin at step 0 each time; each should begin where the last one ended.",
             over_windows(lambda T, T2: [(0, end) for end in range(T2, T + 1, T2)])),
            (
                "the row before the first window is missing: at the start all are active.",
                lambda *q: excluding()(*q)[1:],
            ),
            (
                "examples that were not seen in a window are dropped too.",
                excluding(lambda x, a, t: a & ~(worst(x) < t)),
            ),
            (
                "one small loss is enough to be dropped; every recorded one should be small.",
                excluding(lambda x, a, t: a & ~(np.where(np.isnan(x), np.inf, x).min(axis=0) < t)),
            ),
            ("active and dropped are mixed up: True should say that an example stays.", lambda *q: ~excluding()(*q)),
            ("windows overlap: one begins at every step.",
             over_windows(lambda T, T2: [(end - T2, end) for end in range(T2, T + 1)])),
            ("where fewer than r would stay, everybody comes back; as many should go as leave r.",
             excluding(keep=to_everyone)),
            ("the last window is missing.", lambda *q: excluding()(*q)[:-1]),
            (
                "it is the last row only: a row for the start and one for each window is asked for.",
                lambda *q: excluding()(*q)[-1],
            ),
            (
                "a loss of exactly alpha counts as small; it has to be below.",
                excluding(lambda x, a, t: a & ~((worst(x) > -np.inf) & (worst(x) <= t))),
            ),
            ("only the last recorded loss of a window counts; every one does.", excluding(picked(lambda x: x[-1]))),
        ],
    ),
]
