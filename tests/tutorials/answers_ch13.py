"""Answers to tutorial 13: SECOND, right ones written another way, and WRONG ones with words of their hints."""

import functools
import operator

import numpy as np

from minicrest.random import stream


def timed(call, wait, clock):
    """Two calls of warm-up, and the mean of three that each end with a wait."""
    for _ in range(2):
        call()
    wait()
    start = clock()
    for _ in range(3):
        call()
        wait()
    return (clock() - start) / 3


def batch(x, seed, step, m):
    return np.array([x[i] for i in stream(seed, "batch", step).choice(np.arange(len(x)), size=m, replace=False)])


def mean(sums, counts, read):
    """Divided on the device, and added up from the other end."""
    return read(functools.reduce(operator.add, sums[::-1]) / sum(counts))


SECOND = {"13.timed": timed, "13.batch": batch, "13.mean": mean}


def once(call, wait, clock, before=(), after=()):
    """The time of one call, with other things done before and after it."""
    for other in before:
        other()
    start = clock()
    for other in (call, *after):
        other()
    return clock() - start


WRONG = [
    ("13.timed", lambda call, wait, clock: once(call, wait, clock, [call, wait]), "who waits for the end"),
    ("13.timed", lambda call, wait, clock: once(call, wait, clock, [wait], [wait]), "compiler in it"),
    ("13.timed", lambda call, wait, clock: once(call, wait, clock, [call], [wait]), "still in the queue"),
    ("13.timed", lambda call, wait, clock: once(call, wait, clock), "nothing waits"),
    ("13.timed", lambda call, wait, clock: once(call, wait, clock, [call, wait], [call, wait]), "two calls"),
    ("13.timed", lambda call, wait, clock: once(wait, wait, clock, [call, wait, call]), "after the call"),
    ("13.batch", lambda x, seed, step, m: x[stream(seed, "batch", step).choice(len(x), m)], "drawn twice"),
    ("13.batch", lambda x, seed, step, m: batch(x, 0, step, m), "know the seed"),
    ("13.batch", lambda x, seed, step, m: batch(x, step, seed, m), "changed places"),
    ("13.batch", lambda x, seed, step, m: x[np.random.default_rng(seed).choice(len(x), m, replace=False)], "another"),
    ("13.batch", lambda x, seed, step, m: x[:m], "nothing is drawn"),
    ("13.batch", lambda x, seed, step, m: batch(x, seed, step + 1, m), "one too large"),
    ("13.batch", lambda x, seed, step, m: batch(x, seed, step, m)[::-1], "opposite order"),
    ("13.batch", lambda x, seed, step, m: batch(x, seed, step, m - 1), "shape is"),
    ("13.mean", lambda s, c, read: read(sum(a / k for a, k in zip(s, c)) / len(c)), "batches' means"),
    ("13.mean", lambda s, c, read: read(sum(s)) / len(c), "number of batches"),
    ("13.mean", lambda s, c, read: read(sum(s)), "nothing is divided"),
    ("13.mean", lambda s, c, read: read(sum(s[:-1])) / sum(c), "last batch is left out"),
    ("13.mean", lambda s, c, read: sum(read(a) for a in s) / sum(c), "second wait"),
    ("13.mean", lambda s, c, read: float(sum(s)) / sum(c), "use read"),
    ("13.mean", lambda s, c, read: np.sum(s) / sum(c), "read"),
    ("13.mean", lambda s, c, read: read(np.mean(s)), "read"),
]
