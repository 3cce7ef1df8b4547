"""Selective-Backprop: go back only through examples of high loss (Jiang et al., 2019, arXiv 1910.00762).

    1  V: the next m examples of a shuffled pass over the data; a forward pass gives their losses     price m
    2  F_i = the share of the last R losses, those of V included, that are at most example i's
    3  keep example i with probability F_i^beta, independently
    4  step on the mean gradient of the kept, without weights: biased towards what is hard             price 2 |kept|
    5  remember the losses of V in place of the oldest of the R

The paper waits until a whole batch is kept, and its users report no time saved at equal accuracy; here a step follows
each forward pass (test_the_step_is_the_mean_over_the_kept). R = 1024 and beta = 2, which keeps a third: from memory.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from minicrest.backend import to_numpy
from minicrest.random import stream
from minicrest.selection.base import Passes


@dataclass(frozen=True)
class History:
    """How many batches have been proposed, and the last losses, oldest first."""

    step: int
    losses: np.ndarray  # (<= R,) float64


@dataclass(frozen=True)
class SelectiveBackprop(Passes):  # 1
    """Keep by the rank of the loss. m: examples that pass forward.  beta: power; 0 keeps all.  R: losses remembered."""

    m: int = 128
    beta: float = 2.0
    R: int = 1024
    name = "selective-backprop"
    paper = "Jiang et al., 2019, arXiv 1910.00762"
    price = "a step m + 2 kept (3 m through batch-norm); a selection is free"
    limits = {"m": 1, "beta": "[0, inf)", "R": 1}

    def init(self, oracle) -> History:
        return History(0, np.zeros(0))

    def choose(self, state, feedback) -> np.ndarray:
        """(m,) m / |kept| for the kept, 0 for the others."""
        losses = to_numpy(feedback.losses).astype(np.float64)
        known = np.sort(np.append(state.losses, losses)[-self.R :])
        rank = np.searchsorted(known, losses, side="right") / len(known)  # 2
        draws = stream(feedback.seed, "selective-backprop", "keep", state.step).random(len(losses))
        kept = draws < rank**self.beta  # 3
        return kept * (len(kept) / max(1, int(kept.sum())))  # 4

    def observe(self, state, feedback) -> History:
        losses = np.append(state.losses, to_numpy(feedback.losses).astype(np.float64))
        return replace(state, losses=losses[-self.R :])  # 5
