"""The other half of the oracle, for whoever owns the parameters: the training step, the move, and the evaluation."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from minicrest.arguments import dense, like, shaped
from minicrest.backend import array_module, to_numpy
from minicrest.batch import Batch, Feedback
from minicrest.random import stream

if TYPE_CHECKING:
    from minicrest.oracle import Oracle

STATISTICS_MOMENTUM = 0.1  # how far the running statistics of batch-norm move towards those of each batch
CHUNK = 256  # examples in a pass; larger questions are asked in parts


class Learner:
    """Trains the network behind `oracle`: it makes steps, and tells the oracle where the parameters are now."""

    def __init__(self, oracle: "Oracle"):
        self.oracle = like("oracle", oracle, "an Oracle", "phase", "identity")

    def step(self, batch: Batch, choose: Callable[[Feedback], Any] | None = None) -> tuple[Any, Feedback, Any]:
        """(gradient (d,), Feedback, batch statistics or None) of a TRAINING step: augmented, in training mode, billed.

        Between the passes forward and back `choose(feedback)`, where it is given, replaces the weights (m,). Only
        examples of non-zero weight go back and are billed for it, or all where batch-norm couples them and any weight
        is not zero. An empty batch has a gradient of zeros and costs nothing; one without weight has no statistics.
        """
        oracle = self.oracle
        if np.size(getattr(batch, "indices", 1)) == 0:
            none, i = oracle.theta[:0], np.zeros(0, dtype=np.int64)
            logits = none.reshape(0, oracle._network.outputs)
            return 0 * oracle.theta, Feedback(i, none, logits, oracle.labels[:0], oracle.seed, logits, i + 0.0), None
        i, weights = oracle._examples(batch)
        if choose is not None:
            like("choose", choose, "a function of Feedback", "__call__")
        oracle.ledger.charge(forward=i.size, backward=0 if choose else self._backward(weights))
        x = oracle._data.augmented(i, stream(oracle.seed, "augment", oracle.time), oracle.dtype)
        begun = oracle._network.begin(oracle.theta, x, oracle._data.targets(i))
        free = begun.losses, begun.logits, oracle.labels[i], oracle.seed, begun.logit_gradients
        feedback = Feedback(i, *free, weights)
        if choose is not None:
            weights = _chosen(choose(feedback), i.size)
            oracle.ledger.charge(backward=self._backward(weights))
        gradient = oracle._network.finish(oracle.theta, begun, weights) if weights.any() else 0 * oracle.theta
        return gradient, feedback._replace(weights=weights), begun.statistics if weights.any() else None

    def _backward(self, weights) -> int:
        count = int(np.count_nonzero(weights))
        return len(weights) if count and self.oracle._network.coupled else count

    def move(self, theta, statistics, time: int = 0, progress: float = 0.0) -> None:
        """From now on the oracle answers at theta (d,) and running statistics, at this time and progress."""
        theta = read_only(shaped("theta", theta, self.oracle.size))
        statistics = read_only(shaped("statistics", statistics, self.oracle._network.statistics))
        vars(self.oracle._place).update(theta=theta, statistics=statistics, time=time, progress=progress)

    def following(self, batch_statistics):
        """The running statistics (s,) after a batch: STATISTICS_MOMENTUM of the way to its own, unless it has none."""
        before = self.oracle.statistics
        if batch_statistics is None:
            return before
        return before + STATISTICS_MOMENTUM * (shaped("batch_statistics", batch_statistics, len(before)) - before)


def _chosen(weights, size: int) -> np.ndarray:
    weights = to_numpy(dense("what `choose` returns", weights))
    if weights.shape != (size,) or not (np.isfinite(weights) & (weights >= 0)).all():
        raise ValueError(f"`choose` must return {size} finite weights >= 0, one for each example of the batch, "
                         f"got an array of shape {weights.shape}: {weights.ravel()[:9]}")  # fmt: skip
    return weights.astype(np.float64)


def evaluate(oracle: "Oracle") -> tuple[float, float]:
    """(mean `reported` loss, accuracy) on the test part, evaluation mode, NOT billed; NaN where there is none."""
    oracle = like("oracle", oracle, "an Oracle", "phase", "identity")
    network, test, loss, right = oracle._network, oracle._data.test, 0.0, 0.0
    if test is None:
        return math.nan, math.nan
    for i in parts(np.arange(len(test))):
        y = test.targets(i)
        answers = network.answers(oracle.theta, test.inputs(i, oracle.dtype), y, oracle.statistics)
        loss = loss + network.loss.reported(answers.losses, answers.logits, y).sum(dtype="float64")
        right = right + ((network.loss.predict(answers.logits) == y).sum() if test.n_classes else math.nan)
    return float(loss) / len(test), float(right) / len(test)


def read_only(array):
    """A view of `array`, of any shape, that NumPy refuses to write to (CuPy has no such flag)."""
    view = array[...]
    if array_module(array) is np:
        view.flags.writeable = False
    return view


def parts(i) -> list:
    """The indices i (n,) in pieces of at most CHUNK, so that no pass needs much memory."""
    return [i[start : start + CHUNK] for start in range(0, len(i), CHUNK)]
