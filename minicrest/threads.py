"""Work in pieces: small enough for a core's cache, and shared among a few threads.

Five passes over many megabytes wait for memory; five over each piece of them do not. NumPy's passes run in one thread,
and BLAS's threads gain little from small products. So pieces are shared among threads, while BLAS keeps to one, because
its idle threads would spin on cores that the pieces need. How they are cut depends on shapes alone, and each writes to
its own place: no bit depends on how many threads there are.
"""

import functools
import math
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context

import numpy as np
from threadpoolctl import ThreadpoolController

from minicrest.backend import array_module, matmul

PIECE = 1 << 18  # numbers in a piece: a megabyte of float32, which a core's cache holds
PRODUCT = 6_000_000  # multiplications in a piece of a product, which take longer than waking a thread
CUTS = 4  # pieces of a product at most: every piece reads one of its factors completely
_blas_lock = threading.Lock()  # BLAS has one setting for the whole process: one thread at a time may change it
_this_thread = threading.local()  # .count: how many threads this thread may use for `share`


@contextmanager
def one_blas_thread():
    """Inside, BLAS keeps to one thread, and `share` uses as many as BLAS did (OMP_NUM_THREADS, threadpoolctl): one, if
    BLAS is unknown or another thread is inside already. May be nested."""
    if getattr(_this_thread, "count", 0) or not _blas_lock.acquire(blocking=False):
        yield
        return
    try:
        blas = _blas("scipy.linalg" in sys.modules)
        _this_thread.count = max((library["num_threads"] for library in blas.info()), default=1)
        with blas.limit(limits=1):
            yield
    finally:
        _this_thread.count = 0
        _blas_lock.release()


def pieces(array, host_entries: int = PIECE, device_entries: int | None = None) -> list:
    """As few slices of an array (n, ...) along n as possible, all equally long but the last, each of one row or of at
    most `host_entries` entries; on a device, where every pass is a launch, of `device_entries`, or one slice (None)."""
    entries = host_entries if array_module(array) is np else device_entries or array.size
    rows = max(1, entries // max(1, array[:1].size))
    return _slices(len(array), max(1, math.ceil(len(array) / rows)))


def _slices(length: int, count: int) -> list:
    step = math.ceil(length / count)
    return [slice(a, min(a + step, length)) for a in range(0, length, step or 1)]


def by_pieces(work, *arrays, slices: list | None = None) -> None:
    """Call work(*parts) for matching pieces (or `slices`) of arrays (n, ...); it writes into some of them."""

    def some(todo):
        for piece in todo:
            work(*(array[piece] for array in arrays))

    share(some, slices or pieces(arrays[0]), arrays[0])


def entrywise(function, first, *others):
    """function(first, *others), a ufunc of arrays (n, ...), as a new array like the first, in pieces."""
    out = array_module(first).empty_like(first)
    by_pieces(lambda out, *parts: function(*parts, out=out), *map(channels_last, (out, first, *others)))
    return out


def channels_last(x):
    """A view of images x (n, c, h, w) in the order of their memory, (n, h, w, c), along which a GPU is fast; else x."""
    return x.transpose(0, 2, 3, 1) if x.ndim == 4 else x


@one_blas_thread()
def product(a, b, out=None):
    """a (n, k) @ b (k, m), into `out` if it is given: a large one in pieces along the longer side of the result, and a
    small one in one thread, which on a busy machine need not wait for others."""
    count = min(CUTS, a.size * b.shape[1] // PRODUCT)
    if count < 2 or array_module(a) is not np:
        return matmul(a, b, out=out)
    out = np.empty((len(a), b.shape[1]), np.result_type(a, b)) if out is None else out
    left, right, into = (a, b, out) if len(a) >= b.shape[1] else (b.T, a.T, out.T)
    by_pieces(lambda left, into: np.matmul(left, right, out=into), left, into, slices=_slices(len(into), count))
    return out


@one_blas_thread()
def share(work, parts: list, array=None) -> None:
    """Call work(todo) in several threads at once; `todo` iterates over `parts`, and each part goes to one thread. Where
    `array` (n, ...) is on a device, whose streams belong to a thread, the calling thread works alone. np.errstate holds
    in all threads, and an error in one is raised here once all have ended."""
    todo, count = iter(parts), getattr(_this_thread, "count", 0) if array_module(array) is np else 0
    others = [_pool(count).submit(copy_context().run, work, todo) for _ in range(min(count, len(parts)) - 1)]
    try:
        work(todo)
    finally:
        errors = [other.exception() for other in others]  # waits for them
    for error in filter(None, errors):
        raise error


def sum_of_shares(add: Callable[..., None], parts: list, shape: int | tuple[int, ...]) -> np.ndarray:
    """What add(total, some of the parts) adds to int64 totals of this shape, a total for each of several threads."""
    totals = []

    def work(some):
        totals.append(total := np.zeros(shape, np.int64))
        add(total, some)

    share(work, parts)
    return sum(totals)


_blas = functools.cache(lambda scipy: ThreadpoolController().select(user_api="blas"))  # SciPy may bring a second one
_pool = functools.cache(lambda count: ThreadPoolExecutor(count, "minicrest"))
if hasattr(os, "register_at_fork"):  # threads do not survive a fork
    os.register_at_fork(after_in_child=_pool.cache_clear)

# glibc takes large blocks from the system and returns them, page by page: a training step would pay for every page each
# time. What counts as large follows from the largest block that was freed, up to 32 MB: here is one of this size.
np.empty(32_000_000, "uint8")
