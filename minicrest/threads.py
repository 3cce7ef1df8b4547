"""Work in pieces: small enough for a core's cache, and shared by a few threads.

Five passes over an array of many megabytes wait for memory; five over each piece of it do not. And NumPy's passes have
one thread, while BLAS's threads make nothing of a product with 16 columns. Convolution consists of both. So its pieces
are shared: NumPy lets other threads run while it copies or multiplies. BLAS keeps to one thread meanwhile, for its own
would go on waiting for work, on a core that the pieces need. How pieces are cut depends on shapes alone, and each
writes to its own place: no bit of the result depends on how many threads share them.
"""

from __future__ import annotations

import functools
import math
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context

import numpy as np
from threadpoolctl import ThreadpoolController

from minicrest.backend import array_module

CACHE = 1 << 19  # numbers in a piece: 2 MB of float32
_free = threading.Lock()  # BLAS's setting is one for the process: one thread at a time may change it
_mine = threading.local()  # .count: how many threads this thread may use for `share`


@contextmanager
def one_blas_thread():
    """Inside, BLAS keeps to one thread, and `share` uses as many as BLAS did (OMP_NUM_THREADS, threadpoolctl).

    May be nested. Where another thread of the process is inside, nothing is set, and `share` works alone; so it does
    with a BLAS that threadpoolctl does not know.
    """
    if getattr(_mine, "count", 0) or not _free.acquire(blocking=False):
        yield
        return
    try:
        _mine.count = max((found["num_threads"] for found in _blas().info()), default=1)
        with _blas().limit(limits=1):
            yield
    finally:
        _mine.count = 0
        _free.release()


def pieces(array, host: int = CACHE, device: int | None = None) -> list:
    """Slices of the first axis, of at most `host` entries each, or one row: as few as can be.

    All have one length but the last, which may be shorter. On a device, where every pass is a launch, `device` takes
    the place of `host`; None: all in one.
    """
    entries = host if array_module(array) is np else device or array.size
    rows = max(1, entries // max(1, array[:1].size))
    step = math.ceil(len(array) / max(1, math.ceil(len(array) / rows)))
    return [slice(a, min(a + step, len(array))) for a in range(0, len(array), step or 1)]


def by_pieces(work, *arrays) -> None:
    """work(*parts) for pieces of arrays of one length: what it computes goes into some of them."""

    def some(todo):
        for piece in todo:
            work(*(array[piece] for array in arrays))

    share(some, pieces(arrays[0]))


def share(work, parts: list) -> None:
    """Call work(todo) in several threads at once; `todo` iterates over `parts`, and each goes to one of them.

    So a thread may keep its buffers from part to part. np.errstate holds in all of them, and what one of them raises
    is raised when all have ended.
    """
    todo, count = iter(parts), getattr(_mine, "count", 0) or 1
    others = [_pool(count).submit(copy_context().run, work, todo) for _ in range(min(count, len(parts)) - 1)]
    try:
        work(todo)
    finally:
        errors = [other.exception() for other in others]  # waits for them
    for error in filter(None, errors):
        raise error


@functools.cache
def _blas():
    return ThreadpoolController().select(user_api="blas")


@functools.cache
def _pool(count):
    return ThreadPoolExecutor(count, "minicrest")


if hasattr(os, "register_at_fork"):  # threads do not survive a fork
    os.register_at_fork(after_in_child=_pool.cache_clear)

# glibc takes large blocks from the system and returns them, page by page, and so it does with what lies free at the end
# of its heap. What counts as large, and how much may lie there, follows from the largest block that it has seen freed,
# up to 32 MB. A training step would pay for every page each time. So it sees such a block here, and keeps up to 64 MB.
np.empty(32_000_000, "uint8")
