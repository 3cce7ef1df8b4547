"""The census of dynamic pruning: which examples a run kept always, sometimes and never."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Census(NamedTuple):
    """Indices of the examples that a run kept always, sometimes and never."""

    always: np.ndarray
    sometimes: np.ndarray
    never: np.ndarray


def census(kept, checkpoints: int, always: float = 0.95, never: float = 0.05) -> Census:
    """Which examples were kept at a share f = kept / checkpoints: f >= always, f <= never, or between.

    kept (n,): counts, as a report has them. The paper's cut-offs are unknown.
    Raises ValueError where there was no checkpoint or the cut-offs cross.
    """
    if checkpoints < 1 or not 0 <= never < always <= 1:
        raise ValueError(f"need a checkpoint and 0 <= never < always <= 1; got {checkpoints}, {never} and {always}")
    f = np.asarray(kept) / checkpoints
    return Census(*(np.flatnonzero(part) for part in (f >= always, (never < f) & (f < always), f <= never)))
