"""The other half of the oracle, for whoever owns the parameters: the training step, the move, and the evaluation.

A method only asks questions. The trainer holds a Learner too, and so does a fork, whose parameters are its own.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from minicrest.backend import array_module
from minicrest.batch import Batch, Feedback
from minicrest.random import stream

if TYPE_CHECKING:
    from minicrest.oracle import Oracle

STATISTICS_MOMENTUM = 0.1  # how far the running statistics of batch-norm move towards those of each batch
CHUNK = 256  # examples in a pass; larger questions are asked in parts


class Learner:
    """Trains the network behind `oracle`: it makes steps, and tells the oracle where the parameters are now."""

    def __init__(self, oracle: Oracle):
        self.oracle = oracle

    def step(self, batch: Batch) -> tuple[Any, Feedback, Any]:
        """(gradient (d,), Feedback, batch statistics or None) of a TRAINING step: augmented, in training mode, billed.

        The random crops and flips are those of `stream(seed, "augment", time)`. An empty batch has a gradient of zeros
        and costs nothing; a batch whose weights are all zero leaves the running statistics alone.
        Raises TypeError and ValueError for a batch that is not legal, BillSpent where the step would exceed the limit.
        """
        oracle = self.oracle
        if np.size(batch.indices) == 0:
            theta, outputs, i = oracle.theta, oracle._network.outputs, np.zeros(0, dtype=np.int64)
            feedback = Feedback(i, theta[:0], theta[:0].reshape(0, outputs), oracle.labels[:0], oracle.seed)
            return 0 * theta, feedback, None
        i, weights = oracle._examples(batch)
        oracle.ledger.charge(forward=i.size, backward=i.size)
        x = oracle._data.augmented(i, stream(oracle.seed, "augment", oracle.time), oracle.dtype)
        done = oracle._network.step(oracle.theta, x, oracle._data.targets(i), weights)
        feedback = Feedback(i, done.losses, done.logits, oracle.labels[i], oracle.seed)
        return done.gradient, feedback, done.statistics if np.any(batch.weights) else None

    def move(self, theta, statistics, time: int = 0, progress: float = 0.0) -> None:
        """From now on the oracle answers at theta (d,) and running statistics, `time` steps into the training.

        progress: the part of the training done, in [0, 1], by steps or by bill, whichever is further.
        """
        place = self.oracle._place
        place.theta, place.statistics = read_only(theta), read_only(statistics)
        place.time, place.progress = time, progress

    def following(self, batch_statistics):
        """The running statistics (statistics,) after a training batch: STATISTICS_MOMENTUM of the way towards its own.

        None, from a batch without any, leaves them as they are.
        """
        before = self.oracle.statistics
        return before if batch_statistics is None else before + STATISTICS_MOMENTUM * (batch_statistics - before)


def evaluate(oracle: Oracle) -> tuple[float, float]:
    """(mean loss, accuracy) on the test part, in evaluation mode. NOT billed: it is for the reader of the curve.

    The accuracy of float targets is NaN; without a test part both are.
    """
    network, test = oracle._network, oracle._data.test
    if test is None:
        return math.nan, math.nan
    loss = right = 0.0
    for i in parts(np.arange(len(test))):
        y = test.targets(i)
        answers = network.answers(oracle.theta, test.inputs(i, oracle.dtype), y, oracle.statistics)
        loss = loss + answers.losses.sum(dtype="float64")
        right = right + ((network.loss.predict(answers.logits) == y).sum() if test.n_classes else math.nan)
    return float(loss) / len(test), float(right) / len(test)


def read_only(array):
    """A view of `array` that NumPy refuses to write to (CuPy has no such flag)."""
    view = array[...]
    if array_module(array) is np:
        view.flags.writeable = False
    return view


def parts(i) -> list:
    """The indices i (n,) in pieces of at most CHUNK, so that no pass needs much memory."""
    return [i[start : start + CHUNK] for start in range(0, len(i), CHUNK)]
