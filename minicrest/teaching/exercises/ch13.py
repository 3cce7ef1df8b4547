"""Exercises of tutorial 13: timing a queue, drawing a batch on the host, and reading the device once."""

import numpy as np
from minicrest.teaching.exercise import Exercise

from minicrest.random import stream

X = np.random.default_rng(13).standard_normal((9, 7))


class Machine:
    """A device with a queue: `launch` to ask, `work` to do, `build` for the first call; busy already until `free`."""

    def __init__(self, launch, work, build, free):
        self.now, self.launch, self.work, self.build, self.free = 0.0, launch, work, build, free

    def call(self):
        self.now += self.launch + self.build
        self.free, self.build = max(self.free, self.now) + self.work, 0.0

    def wait(self):
        self.now = max(self.now, self.free)

    def clock(self):
        return self.now


class Number:
    """A 0-d device array: sums, products and quotients, and no other way to the host than read."""

    __array_ufunc__ = None

    def __init__(self, value):
        self.value = value

    def __add__(self, other):
        return Number(self.value + near(other))

    def __mul__(self, other):
        return Number(self.value * near(other))

    def __truediv__(self, other):
        return Number(self.value / near(other))

    __radd__, __rmul__ = __add__, __mul__

    def __float__(self):
        raise TypeError("float() waits for the device unasked: use read, once")

    def __array__(self, *args, **kwargs):
        raise TypeError("NumPy got a device array: add up with +, then read once")


def near(other):
    return other.value if isinstance(other, Number) else other


class Reader:
    """The read of exercise 13.mean; the second call is an error."""

    def __init__(self):
        self.reads = 0

    def __call__(self, number):
        if not isinstance(number, Number):
            raise TypeError(f"read takes a device array, and this is on the host already: {type(number).__name__}")
        self.reads += 1
        if self.reads > 1:
            raise RuntimeError("that is a second wait for the device: add up there first, and read once")
        return number.value


def machine(*times):
    one = Machine(*times)
    return one.call, one.wait, one.clock


def numbers(*values):
    return [Number(value) for value in values]


def timed(warm=True, before=True, after=True, calls=1):
    """Time the calls; warm: one call goes before; before and after: wait before each look at the clock."""

    def answer(call, wait, clock):
        if warm:
            call()
        if before:
            wait()
        start = clock()
        for _ in range(calls):
            call()
        if after:
            wait()
        return clock() - start

    return answer


def mean_with_warm_up(call, wait, clock):
    """The mistake: the first call is one of those averaged."""
    return timed(warm=False, calls=2)(call, wait, clock) / 2


def turned(call, wait, clock):
    return -timed()(call, wait, clock)


def added(call, wait, clock):
    """The mistake: the earlier time is added."""
    call()
    wait()
    start = clock()
    call()
    wait()
    return clock() + start


def work_alone(call, wait, clock):
    """The mistake: the clock is started when the call has been put into the queue already."""
    call()
    wait()
    call()
    start = clock()
    wait()
    return clock() - start


def batch(generator=lambda seed, step: stream(seed, "batch", step), replace=False, order=lambda i: i):
    """Rows of x by m indices that generator(seed, step) draws, in the order(indices)."""
    return lambda x, seed, step, m: x[order(generator(seed, step).choice(len(x), m, replace=replace))]


def permuted(x, seed, step, m):
    return x[stream(seed, "batch", step).permutation(len(x))[:m]]


def columns(x, seed, step, m):
    """The mistake: columns where rows are meant, made to have the same shape."""
    indices = stream(seed, "batch", step).choice(x.shape[1], m, replace=False)
    return np.resize(x[:, indices].T, (m, x.shape[1]))


def mean(total=sum, divide=lambda value, counts: value / sum(counts)):
    """The total(sums), read, and divided by divide(value, counts)."""
    return lambda sums, counts, read: divide(read(total(sums)), counts)


def mean_of_means(sums, counts, read):
    return read(sum(total / count for total, count in zip(sums, counts))) / len(sums)


def weighted(sums, counts, read):
    return read(sum(total * count for total, count in zip(sums, counts))) / sum(counts)


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
            ("a time is returned that is no difference: when the call had ended.", lambda call, wait, clock: (call(), wait(), call(), wait(), clock())[-1]),
            ("the clock is read twice with nothing between: the call comes after.", lambda call, wait, clock: (call(), wait(), clock() - clock())[-1]),
            ("the call is halved: one call is timed, and its time divided by two.", lambda call, wait, clock: timed()(call, wait, clock) / 2),
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
            ("the generator does not know the step: every step draws the same.", batch(
                lambda seed, step: stream(seed, "batch"))),
            ("the generator does not know the seed.", batch(lambda seed, step: stream(0, "batch", step))),
            ("the purpose is missing: the generator is that of (seed, step).", batch(
                lambda seed, step: stream(seed, step))),
            ("seed and step have changed places.", batch(lambda seed, step: stream(step, "batch", seed))),
            ("it is another generator than stream(seed, \"batch\", step).", batch(
                lambda seed, step: np.random.default_rng(seed))),
            ("the indices have been sorted; the order belongs to the draw.", batch(order=np.sort)),
            ("it is the first m of a permutation: right in spirit, but choice draws others.", permuted),
            ("columns are drawn; which axis are the examples?", columns),
            ("they are the first m rows: nothing is drawn.", lambda x, seed, step, m: x[:m]),
            ("it is the last m of a permutation: right in spirit, but choice draws others.", lambda x, seed, step, m: x[stream(seed, "batch", step).permutation(len(x))[-m:]]),
            ("these are the indices; their rows are asked for.", lambda x, seed, step, m: stream(seed, "batch", step).choice(len(x), m, replace=False)),
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
]  # fmt: skip
