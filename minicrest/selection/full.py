"""Full: every example, once an epoch. What all the others are measured against.

    1  at the start of an epoch, shuffle all n examples
    2  train on them, m at a time, with weight 1
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from minicrest.arguments import whole
from minicrest.batch import uniform
from minicrest.selection.base import Counter, epoch_slice
from minicrest.selection.method import Method


@dataclass(frozen=True)
class Full(Method):
    """Mini-batch SGD over all the data (Robbins, Monro 1951; sampling without replacement). m: batch size."""

    m: int = 128
    paper = "all the data, shuffled every epoch"
    price = "a step 3 m"

    def __post_init__(self):
        whole("m", self.m, 1)

    def init(self, oracle) -> Counter:
        return Counter()

    def propose(self, state, oracle):
        batch = uniform(epoch_slice(oracle, len(oracle), self.m, state.step, "full"))  # 1, 2
        return batch, replace(state, step=state.step + 1)
