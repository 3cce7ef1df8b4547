"""The oracle: every question a method may ask of model and data, and the ledger that bills it.

A forward pass costs 1, a backward pass 2 and a Hessian product 4 per example; seconds are measured with the device
synchronised. Methods are compared at equal bills, so nothing here may work for free.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minicrest.backend import array_module, device_of, to_device, to_numpy
from minicrest.batch import Batch, Feedback
from minicrest.ledger import Ledger
from minicrest.nn import Answers
from minicrest.random import stream

__all__ = ["Batch", "Feedback", "Ledger", "Oracle"]

STATISTICS_MOMENTUM = 0.1  # how far the running statistics of batch-norm move towards those of each batch
CHUNK = 256  # examples to a pass; larger questions are asked in parts


class Oracle:
    """The only door to the network. Methods read; only the trainer calls `step` and `move`.

    Questions take host indices and answer for the training set as it is: not augmented, batch-norm in EVALUATION mode
    (running statistics). A training step (`step`) is the one exception: augmented, in training mode.

    network: a Network.  data: a Dataset, on the device of theta.  theta (d,), stats (statistics,).
    progress: the part of the training done so far, in [0, 1], by steps or, if a budget limits it, by bill: what a
    method with a curriculum goes by.
    """

    def __init__(self, network, data, theta, stats=None, seed: int = 0, ledger=None):
        if device_of(theta) != device_of(data.x):
            raise ValueError(f"theta is on {device_of(theta)} and the data on {device_of(data.x)}; use data.to(device)")
        self._network, self._data, self.seed = network, data, seed
        self.device, self.dtype = device_of(theta), theta.dtype
        self.ledger = Ledger(device=self.device) if ledger is None else ledger
        self.labels = _read_only(to_numpy(data.y))
        self._own = None  # a fork's parameters, which it may change
        self.move(theta, network.initial_statistics(theta) if stats is None else stats)

    def __len__(self) -> int:
        return len(self._data)

    @property
    def size(self) -> int:
        """Number of parameters d."""
        return self._network.size

    @property
    def theta(self):
        """(d,) the parameters now. The trainer changes them in place: copy what must last."""
        return self._theta

    @property
    def statistics(self):
        """(statistics,) the running statistics of batch-norm now."""
        return self._stats

    @property
    def validation(self) -> Oracle:
        """An oracle over the held-out examples, at the same parameters and on the same bill."""
        if self._data.validation is None:
            raise ValueError("no validation examples: hold some out with load(name, validation=0.1) or data.split")
        return Oracle(self._network, self._data.validation, self._theta, self._stats, self.seed, self.ledger)

    def phase(self, name: str):
        """Bill what happens inside the `with` block to the phase `name`."""
        return self.ledger.phase(name)

    def raw(self, i):
        """(n, ...) the inputs as they are, for model-free features; costs nothing."""
        return self._data.inputs(i, self.dtype)

    # ---- questions: forward passes

    def answers(self, i):
        """Losses (...,), logit gradients (..., C) and logits (..., C) of examples i (...,), one forward pass each."""
        i = self._checked(i)
        found = [self._network.answers(*self._ask(part), self._stats) for part in _parts(i.ravel())]
        self.ledger.charge(forward=i.size)
        return Answers(*(self._joined(parts).reshape(*i.shape, *parts[0].shape[1:]) for parts in zip(*found)))

    def losses(self, i):
        """(n,) the loss of each example. Evaluation mode; a forward pass each."""
        return self.answers(i).losses

    def logit_gradients(self, i):
        """(n, C) p - y, the gradient at the input of the softmax. Evaluation mode; a forward pass each."""
        return self.answers(i).logit_gradients

    def last_layer(self, i):
        """(a, h), (n, C) and (n, i): the last layer's gradient of each example is h a'. Evaluation mode; forward."""
        i = self._checked(i)
        found = [self._network.last_layer(*self._ask(part), self._stats) for part in _parts(i)]
        self.ledger.charge(forward=i.size)
        return tuple(self._joined(parts) for parts in zip(*found))

    def predictions(self, logits):
        """(m,) what logits (m, C) predict: the classes, of a classification. Costs nothing."""
        return self._network.loss.predict(logits)

    # ---- questions: backward passes

    def gradient_norms(self, i):
        """(n,) |gradient of l_i| over all parameters. Evaluation mode; forward and backward."""
        i = self._checked(i)
        found = [self._network.gradient_norms(*self._ask(part), self._stats) for part in _parts(i)]
        self.ledger.charge(forward=i.size, backward=i.size)
        return self._joined(found)

    def gradient(self, batch: Batch):
        """(d,) of (1/|batch|) sum w_i l_i. Evaluation mode; forward and backward."""
        mean = self._weighted_mean(batch, self._network.gradient)
        self.ledger.charge(forward=len(batch.indices), backward=len(batch.indices))
        return mean

    def hvp(self, batch: Batch, v):
        """H v (k, d) for v (k, d), H the Hessian of (1/|batch|) sum w_i l_i. Evaluation mode; k Hessian products."""
        mean = self._weighted_mean(batch, lambda theta, x, y, *rest: self._network.hvp(theta, x, y, v, *rest))
        self.ledger.charge(hessian=len(batch.indices) * (1 if v.ndim == 1 else len(v)))
        return mean

    def hessian_diagonal(self, batch: Batch):
        """(d,) the exact diagonal of that Hessian. Evaluation mode; one forward, a backward an output."""
        mean = self._weighted_mean(batch, self._network.hessian_diagonal)
        self.ledger.charge(forward=len(batch.indices), backward=len(batch.indices) * self._network.outputs)
        return mean

    # ---- a network of one's own, for scores that need a training of their own

    def fork(self, seed: int) -> Oracle:
        """An oracle with freshly initialised parameters on the same data and the same bill; only forks `descend`."""
        theta = self._network.initialize(seed, self.dtype, self.device)
        fork = Oracle(self._network, self._data, theta, None, seed, self.ledger)
        fork._own = theta
        return fork

    def descend(self, batch: Batch, lr: float) -> Feedback:
        """One plain SGD step of a fork on `batch`, in training mode; billed like any other."""
        if self._own is None:
            raise ValueError("only a fork may descend: the trainer alone moves the parameters in training")
        gradient, feedback, seen = self.step(batch)
        self._own -= lr * gradient
        self.move(self._own, self.following(seen), self.time + 1)
        return feedback

    def following(self, seen):
        """The running statistics after a training batch showed `seen`: STATISTICS_MOMENTUM of the way towards it."""
        return self._stats if seen is None else self._stats + STATISTICS_MOMENTUM * (seen - self._stats)

    # ---- the trainer's side

    def step(self, batch: Batch):
        """(gradient, feedback, batch statistics) of a TRAINING step: augmented, batch-norm in training mode.

        The random crops and flips are those of `stream(seed, "augment", time)`.
        """
        i = self._checked(batch.indices)
        x = self._data.augmented(i, stream(self.seed, "augment", self.time), self.dtype)
        weights = to_device(batch.weights.astype(self.dtype), self.device)
        done = self._network.step(self._theta, x, self._data.targets(i), weights)
        self.ledger.charge(forward=i.size, backward=i.size)
        return done.gradient, Feedback(i, done.losses, done.logits), done.statistics

    def move(self, theta, stats, time: int = 0, progress: float = 0.0) -> None:
        """From now on answer at theta (d,) and running statistics stats, `time` steps into the training.

        progress: the part of the training done, in [0, 1], by steps or by bill, whichever limits it.
        """
        self._theta, self._stats, self.time, self.progress = _read_only(theta), _read_only(stats), time, progress

    def test_loss_and_accuracy(self) -> tuple[float, float]:
        """Mean loss and accuracy (NaN without classes) on the test set. NOT billed: it is for the curve's reader."""
        test = self._data.test
        if test is None:
            raise ValueError(f"the data set {self._data.name!r} has no test part to evaluate on")
        loss = right = 0.0
        for i in _parts(np.arange(len(test))):
            x, y = test.inputs(i, self.dtype), test.targets(i)
            answers = self._network.answers(self._theta, x, y, self._stats)
            loss = loss + answers.losses.sum(dtype="float64")
            right = right + ((self._network.loss.predict(answers.logits) == y).sum() if test.n_classes else math.nan)
        return float(loss) / len(test), float(right) / len(test)

    def identity(self) -> dict[str, Any]:
        """What is being trained, as plain values: a checkpoint of anything else does not fit."""
        data = f"{self._data.name} {self._data.fingerprint()}"
        return dict(network=repr(self._network), data=data, seed=self.seed, device=self.device, dtype=str(self.dtype))

    # ---- shared steps

    def _checked(self, i) -> np.ndarray:
        i = np.asarray(i)
        if i.dtype.kind not in "iu":
            raise TypeError(f"examples are asked for by integer indices on the host, got dtype {i.dtype}")
        if i.size == 0 or i.min() < 0 or i.max() >= len(self):
            raise ValueError(f"indices must be in 0..{len(self) - 1} and not empty, got {_range(i)}")
        return i

    def _ask(self, i):
        return self._theta, self._data.inputs(i, self.dtype), self._data.targets(i)

    def _weighted_mean(self, batch: Batch, question):
        i, n = self._checked(batch.indices), len(batch.indices)
        if len(batch.weights) != n:
            raise ValueError(f"a batch of {n} examples needs {n} weights, got {len(batch.weights)}")
        weights = to_device(batch.weights.astype(self.dtype), self.device)
        total, start = 0, 0
        for part in _parts(i):
            mine = weights[start : start + len(part)]
            total = total + (len(part) / n) * question(*self._ask(part), mine, self._stats)
            start += len(part)
        return total

    def _joined(self, parts):
        return parts[0] if len(parts) == 1 else array_module(*parts).concatenate(parts)


def _parts(i):
    return [i[start : start + CHUNK] for start in range(0, len(i), CHUNK)]


def _range(i) -> str:
    return f"{i.min()}..{i.max()}" if i.size else "none"


def _read_only(array):
    """A view that NumPy refuses to write to (CuPy has no such flag)."""
    view = array[...]
    if device_of(array) == "cpu":
        view.flags.writeable = False
    return view
