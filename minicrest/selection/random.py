"""Random: m examples a step, drawn at random. The baseline that every method must be shown beside.

    1  draw m of the n examples, uniformly, without replacement within the batch
    2  train on them with weight 1
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from minicrest.arguments import whole
from minicrest.batch import uniform
from minicrest.random import stream
from minicrest.selection.base import Counter
from minicrest.selection.method import Method


@dataclass(frozen=True)
class Random(Method):
    """Independent random mini-batches: unbiased, with variance sigma^2/m (n-m)/(n-1). m: batch size."""

    m: int = 128
    paper = "random mini-batches, the baseline"
    price = "a step 3 m"

    def __post_init__(self):
        whole("m", self.m, 1)

    def init(self, oracle) -> Counter:
        return Counter()

    def propose(self, state, oracle):
        rng = stream(oracle.seed, "random", state.step)
        batch = uniform(rng.choice(len(oracle), min(self.m, len(oracle)), replace=False))  # 1, 2
        return batch, replace(state, step=state.step + 1)
