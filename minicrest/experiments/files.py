"""Files that several processes share: one training owns a path; pipes and devices stay what they are."""

from __future__ import annotations

import errno
import io
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from minicrest import checkpoint as checkpoints

try:
    import fcntl
except ImportError:  # not POSIX
    fcntl = None  # type: ignore[assignment]


@contextmanager
def claimed(path) -> Iterator[None]:
    """Inside, no other training may write to `path`: the lock on a file beside it ends with its process.

    Raises ValueError where another has it. Where the system has no such locks (Windows), nothing is claimed.
    """
    if fcntl is None:
        yield
        return
    lock = Path(f"{os.path.realpath(path)}.lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    with _locked(lock) as file:
        if file is None:
            raise ValueError(f"{path} is being written by another training; wait for it or choose another file")
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


def _locked(lock: Path):
    """The open file `lock` once this process has its lock; a context of None where another process has it.

    Its last owner may remove the file between our opening and our locking it: then it is another file that counts.
    """
    while True:
        file = open(lock, "wb")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return nullcontext()
        if _lies_at(file, lock):
            return file
        file.close()


def _lies_at(file, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False


def write_anywhere(path, write: Callable[[Any], Any], patience: float = 2.0) -> None:
    """Call `write(file)` on a binary file that becomes `path`, whole or not at all; a pipe or a device stays one.

    Raises OSError, naming the file, where that cannot be done, or where for `patience` seconds nobody reads the pipe.
    """
    path = Path(path)
    if not (str(path).startswith(("/dev/", "/proc/")) or path.is_fifo()):
        checkpoints.write_atomically(path, write)
        return
    write(buffer := io.BytesIO())  # a pipe cannot seek
    with os.fdopen(_opened(path, time.monotonic() + patience), "wb") as file:
        file.write(buffer.getvalue())


def _opened(path: Path, end: float) -> int:
    """The number of `path` opened for writing, once somebody reads it. Raises OSError when the clock shows `end`."""
    while True:
        try:
            handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK)
            break
        except OSError as error:
            if error.errno != errno.ENXIO or time.monotonic() > end:
                raise
            time.sleep(0.01)
    os.set_blocking(handle, True)
    return handle
