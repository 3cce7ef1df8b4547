"""Processes that do not outlive the one that began them."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time


def end_with_parent() -> None:
    """From now on this process ends as soon as its parent has: one that was killed tells nobody to stop."""
    threading.Thread(target=_watch, args=(multiprocessing.parent_process(),), daemon=True).start()


def _watch(parent) -> None:
    try:
        parent.join()
    except ValueError:  # loky gives it nothing to wait for on POSIX; there, orphans have another parent
        while os.getppid() == parent.pid:
            time.sleep(0.5)
    os._exit(1)
