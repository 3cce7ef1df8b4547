"""What a command owes its terminal: Ctrl-C that saves, text that always prints, and quiet when the reader leaves."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import contextmanager

from minicrest.threads import one_blas_thread


class Interrupt:
    """Whether Ctrl-C was pressed. During a run's steps the first one asks for a stop and a second one ends at once.

    Before a run's first step there is nothing to save: there the first Ctrl-C ends at once, by KeyboardInterrupt.
    """

    def __init__(self):
        self.pressed = self.stepping = False

    def begin(self) -> None:
        """A run begins, and prepares."""
        self.stepping = False

    def stop(self) -> bool:
        """Whether to stop; training asks before every step."""
        self.stepping = True
        return self.pressed

    def note(self, signum, frame) -> None:
        """The handler of SIGINT."""
        signal.signal(signal.SIGINT, signal.SIG_DFL if self.stepping else signal.default_int_handler)
        if not self.stepping:
            raise KeyboardInterrupt
        self.pressed = True
        os.write(2, b"\nfinishing this step and saving; Ctrl-C again ends at once\n")  # print is not safe in a handler


@contextmanager
def interruptible():
    """An Interrupt that listens to Ctrl-C; in another thread than the main one, where nothing can, one that is deaf."""
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return
    with one_blas_thread():  # looks for BLAS once; a KeyboardInterrupt inside ctypes' callbacks would be lost
        pass
    before = signal.signal(signal.SIGINT, interrupt.note)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def printable():
    """Inside, a character that stdout or stderr cannot print is written as an escape: no result is lost for it."""
    streams = [stream for stream in (sys.stdout, sys.stderr) if hasattr(stream, "reconfigure")]
    before = [stream.errors for stream in streams]
    for stream in streams:
        stream.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        for stream, errors in zip(streams, before):
            if not stream.closed:
                stream.reconfigure(errors=errors)


def escaped(text: str) -> str:
    """`text`, with the bytes of a file name that are no characters written as escapes: a picture can hold it."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
