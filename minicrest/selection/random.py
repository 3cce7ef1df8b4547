"""Full and Random: the two baselines, between which every method must be shown.

    1  full: the next m of all n examples, shuffled anew for every epoch
       random: any m of the n examples, uniformly, without replacement within the batch
    2  train on them with weight 1
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from minicrest.batch import uniform
from minicrest.random import stream
from minicrest.selection.base import Passes


@dataclass(frozen=True)
class Full(Passes):  # 1
    """Mini-batch SGD over all the data (Robbins, Monro 1951; sampling without replacement). m: batch size."""

    m: int = 128
    name = "full"
    paper = "all the data, shuffled every epoch"
    price = "a step 3 m"
    limits = {"m": 1}


@dataclass(frozen=True)
class Random(Full):
    """Independent random mini-batches: unbiased, with variance sigma^2/m (n-m)/(n-1). m: batch size."""

    paper = "random mini-batches, the baseline"

    def propose(self, state, oracle):
        rng = stream(oracle.seed, "random", state.step)
        i = rng.choice(len(oracle), min(self.m, len(oracle)), replace=False)  # 1
        return uniform(i), replace(state, step=state.step + 1)  # 2
