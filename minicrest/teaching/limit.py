"""A time limit for a reader's function, in a notebook as in a terminal, on Linux, macOS and Windows.

A second thread waits, and makes the first one raise TooLong when the time is up; no process, signal or trace is in it.
What it cannot end is a single call into compiled code, and a loop that catches everything (`except:`) in all its lines.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from typing import Any

SECONDS = 10.0  # right answers take milliseconds; a machine may be slow, and the first call may import a package
AGAIN = 0.05  # seconds until TooLong is raised once more where the function caught it


class TooLong(BaseException):
    """A function did not return in time. It is no Exception, so that a loop with `except Exception` ends as well."""

    def __str__(self) -> str:
        return "it did not end in time"


def limited(function: Callable, arguments: tuple, seconds: float = SECONDS) -> Any:
    """What function(*arguments) returns. Raises TooLong, inside the function, once it has run for `seconds`."""
    over = threading.Lock()
    over.acquire()
    watcher = threading.Thread(target=_watch, args=(over, threading.get_ident(), seconds), daemon=True)
    try:
        watcher.start()
        return function(*arguments)
    finally:
        over.release()  # from here on TooLong comes at most once more, and while this waits
        watcher.join()


def _watch(over, thread: int, seconds: float) -> None:
    """Make `thread` raise TooLong after `seconds`, and again as long as `over` is locked."""
    while not over.acquire(timeout=seconds):
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(TooLong))
        seconds = AGAIN
