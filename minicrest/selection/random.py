"""Full and Random: the two baselines, between which every method must be shown.

    full:    at the start of an epoch, shuffle all n examples; train on them, m at a time, with weight 1
    random:  draw m of the n examples, uniformly, without replacement within the batch; train on them with weight 1
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from minicrest.arguments import whole
from minicrest.batch import uniform
from minicrest.random import stream
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
        i = epoch_slice(oracle, len(oracle), self.m, state.step, "full")
        return uniform(i), replace(state, step=state.step + 1)


@dataclass(frozen=True)
class Random(Full):
    """Independent random mini-batches: unbiased, with variance sigma^2/m (n-m)/(n-1). m: batch size."""

    paper = "random mini-batches, the baseline"

    def propose(self, state, oracle):
        rng = stream(oracle.seed, "random", state.step)
        i = rng.choice(len(oracle), min(self.m, len(oracle)), replace=False)
        return uniform(i), replace(state, step=state.step + 1)
