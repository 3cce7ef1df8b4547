"""Exercises of tutorial 13: timing a queue, drawing a batch on the host, and reading the device once."""

import numpy as np

from minicrest.random import stream
from minicrest.teaching.exercise import Exercise
from minicrest.teaching.solutions.ch13 import (
    Reader,
    X,
    added,
    batch,
    columns,
    machine,
    mean,
    mean_of_means,
    mean_with_warm_up,
    numbers,
    permuted,
    timed,
    turned,
    weighted,
    work_alone,
)

EXERCISES = [
    Exercise(
        "13.timed",
        "my_timed",
        [machine(0.25, 3.0, 50.0, 0.0), machine(0.5, 7.0, 20.0, 64.0)],
        timed(),
        [
            ("the clock is read while the device is at work: who waits for the end?", timed(after=False)),
            ("the first call, with the compiler in it, is the one that is timed.", timed(warm=False)),
            ("earlier work is still in the queue when the clock is started.", timed(before=False)),
            ("the first call is timed, and nothing waits for its end.", timed(warm=False, after=False)),
            (
                "the first call is timed, together with what was in the queue before.",
                timed(warm=False, before=False),
            ),
            ("two calls are timed; how long does one take?", timed(calls=2)),
            ("the first call is among those averaged.", mean_with_warm_up),
            ("the clock is started after the call: putting it into the queue takes time too.", work_alone),
            ("the earlier time is subtracted from the later one, or the other way round?", turned),
            (
                "a time is returned that is no difference: when the call had ended.",
                lambda call, wait, clock: (call(), wait(), call(), wait(), clock())[-1],
            ),
            (
                "the clock is read twice with nothing between: the call comes after.",
                lambda call, wait, clock: (call(), wait(), clock() - clock())[-1],
            ),
            (
                "the call is halved: one call is timed, and its time divided by two.",
                lambda call, wait, clock: timed()(call, wait, clock) / 2,
            ),
            ("the two times are added; the later one minus the earlier is asked for.", added),
        ],
    ),
    Exercise(
        "13.batch",
        "my_batch",
        [(X, 0, 3, 4), (X, 5, 0, 6), (X, 2, 9, 6)],
        batch(),
        [
            ("examples can be drawn twice: they should be different.", batch(replace=True)),
            (
                "the generator does not know the step: every step draws the same.",
                batch(lambda seed, step: stream(seed, "batch")),
            ),
            ("the generator does not know the seed.", batch(lambda seed, step: stream(0, "batch", step))),
            (
                "the purpose is missing: the generator is that of (seed, step).",
                batch(lambda seed, step: stream(seed, step)),
            ),
            ("seed and step have changed places.", batch(lambda seed, step: stream(step, "batch", seed))),
            (
                'it is another generator than stream(seed, "batch", step).',
                batch(lambda seed, step: np.random.default_rng(seed)),
            ),
            ("the indices have been sorted; the order belongs to the draw.", batch(order=np.sort)),
            ("it is the first m of a permutation: right in spirit, but choice draws others.", permuted),
            ("columns are drawn; which axis are the examples?", columns),
            ("they are the first m rows: nothing is drawn.", lambda x, seed, step, m: x[:m]),
            (
                "it is the last m of a permutation: right in spirit, but choice draws others.",
                lambda x, seed, step, m: x[stream(seed, "batch", step).permutation(len(x))[-m:]],
            ),
            (
                "these are the indices; their rows are asked for.",
                lambda x, seed, step, m: stream(seed, "batch", step).choice(len(x), m, replace=False),
            ),
            ("the step is one too large.", lambda x, seed, step, m: batch()(x, seed, step + 1, m)),
        ],
    ),
    Exercise(
        "13.mean",
        "my_mean",
        [(numbers(8.0, 6.5, 1.25), [4, 4, 3], Reader()), (numbers(3.0, 9.0), [5, 1], Reader())],
        mean(),
        [
            ("it is the mean of the batches' means; the last batch is smaller.", mean_of_means),
            ("it is divided by the number of batches; over what is the mean?", mean(divide=lambda v, c: v / len(c))),
            ("nothing is divided: it is the sum over all examples.", mean(divide=lambda v, c: v)),
            ("only the first batch is in it.", mean(total=lambda s: s[0])),
            ("only the last batch is in it.", mean(total=lambda s: s[-1])),
            ("the last batch is left out of the sum.", mean(total=lambda s: sum(s[:-1]))),
            ("the first batch is left out of the sum.", mean(total=lambda s: sum(s[1:]))),
            ("the first batch is in it twice.", mean(total=lambda s: sum(s, s[0]))),
            ("every batch is taken to be as large as the first.", mean(divide=lambda v, c: v / (c[0] * len(c)))),
            ("the sums have been multiplied by the sizes: they are sums already.", weighted),
            ("the number of examples is taken from the first batch alone.", mean(divide=lambda v, c: v / c[0])),
            ("the number of examples lacks the last batch.", mean(divide=lambda v, c: v / sum(c[:-1]))),
            ("it is upside down: the number of examples is divided by the sum.", mean(divide=lambda v, c: sum(c) / v)),
        ],
    ),
]
