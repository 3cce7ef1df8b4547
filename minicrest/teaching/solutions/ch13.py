"""Tutorial 13: the inputs of its exercises, its solutions, and what wrong answers are made of."""

import numpy as np

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
