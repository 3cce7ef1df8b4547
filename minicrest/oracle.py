"""The oracle: every question a method may ask of model and data, and the ledger that bills it.

A question is billed before it is answered, and methods are compared at equal bills, so nothing here may work for free.
"""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import numpy as np

from minicrest import arguments
from minicrest.backend import array_module, device_of, to_device, to_numpy
from minicrest.batch import Batch, Feedback
from minicrest.learner import Learner, parts, read_only
from minicrest.ledger import Ledger
from minicrest.nn import Answers

__all__ = ["Batch", "Feedback", "Fork", "Ledger", "Oracle"]


class Oracle:
    """The only door to the network, and read-only: the parameters are moved by a Learner (learner.py).

    Questions take host indices and answer for the training set as it is: not augmented, batch-norm in EVALUATION mode
    (running statistics). Each raises TypeError or ValueError for indices that are not in 0..n-1, and BillSpent, before
    any work is done, where it would cost more than the ledger's limit leaves.

    network: a Network.  data: a Dataset, on the device of theta.  theta (d,), stats (statistics,).
    Raises ValueError where network and data do not fit together.
    """

    def __init__(self, network, data, theta, stats=None, seed: int = 0, ledger: Ledger | None = None):
        if device_of(theta) != device_of(data.x):
            raise ValueError(f"theta is on {device_of(theta)} and the data on {device_of(data.x)}; use data.to(device)")
        _check_outputs(network, data)
        self._network, self._data, self.seed = network, data, arguments.whole("seed", seed)
        self.device, self.dtype = device_of(theta), theta.dtype
        self.ledger = Ledger(device=self.device) if ledger is None else ledger
        self.labels = read_only(to_numpy(data.y))  # (n,) classes or (n, ...) float targets, on the host
        self._place = SimpleNamespace()  # theta, statistics, time and progress, shared with the validation oracle
        Learner(self).move(theta, network.initial_statistics(theta) if stats is None else stats)

    def __len__(self) -> int:
        return len(self._data)

    @property
    def size(self) -> int:
        """Number of parameters d."""
        return self._network.size

    @property
    def theta(self):
        """(d,) the current parameters. The trainer changes them in place: copy what must last."""
        return self._place.theta

    @property
    def statistics(self):
        """(statistics,) the current running statistics of batch-norm."""
        return self._place.statistics

    @property
    def time(self) -> int:
        """How many steps of the training are done."""
        return self._place.time

    @property
    def progress(self) -> float:
        """The part of the training done, in [0, 1], by steps or, where a bill limits it, by bill: for curricula."""
        return self._place.progress

    @property
    def validation(self) -> Oracle:
        """An oracle over the held-out examples, at the same point of the training and on the same bill."""
        if self._data.validation is None:
            raise ValueError("no validation examples: hold some out with load(name, validation=0.1) or data.split")
        held_out = Oracle(self._network, self._data.validation, self.theta, self.statistics, self.seed, self.ledger)
        held_out._place = self._place
        return held_out

    def at(self, theta, statistics) -> Oracle:
        """An oracle that answers at other parameters (d,) and statistics, on the same bill and at the same time."""
        other = copy.copy(self)
        other._place = SimpleNamespace()
        Learner(other).move(theta, statistics, self.time, self.progress)
        return other

    def phase(self, name: str):
        """Bill what happens inside the `with` block to the phase `name`."""
        return self.ledger.phase(name)

    def raw(self, i):
        """(n, ...) the inputs as they are, for model-free features; costs nothing."""
        self.ledger.poll()
        return self._data.inputs(i, self.dtype)

    # ---- questions: forward passes

    def answers(self, i) -> Answers:
        """Losses (...,), logit gradients (..., C) and logits (..., C) of examples i (...,), one forward pass each."""
        i = self._checked(i)
        self.ledger.charge(forward=i.size)
        pieces = [self._network.answers(*self._ask(part), self.statistics) for part in parts(i.ravel())]
        return Answers(*(self._joined(column).reshape(*i.shape, *column[0].shape[1:]) for column in zip(*pieces)))

    def losses(self, i):
        """(n,) the loss of each example. Evaluation mode; a forward pass each."""
        return self.answers(i).losses

    def logit_gradients(self, i):
        """(n, C) p - y, the gradient at the input of the softmax. Evaluation mode; a forward pass each."""
        return self.answers(i).logit_gradients

    def last_layer(self, i):
        """(a, h), (n, C) and (n, i): the last layer's gradient of each example is h a'. Evaluation mode; forward."""
        i = self._checked(i)
        self.ledger.charge(forward=i.size)
        pieces = [self._network.last_layer(*self._ask(part), self.statistics) for part in parts(i)]
        return tuple(self._joined(column) for column in zip(*pieces))

    def predictions(self, logits):
        """(m,) what logits (m, C) predict: the classes, of a classification. Costs nothing."""
        return self._network.loss.predict(logits)

    # ---- questions: backward passes

    def gradient_norms(self, i):
        """(n,) |gradient of l_i| over all parameters. Evaluation mode; forward and backward."""
        i = self._checked(i)
        self.ledger.charge(forward=i.size, backward=i.size)
        return self._joined([self._network.gradient_norms(*self._ask(part), self.statistics) for part in parts(i)])

    def gradient(self, batch: Batch):
        """(d,) of (1/|batch|) sum w_i l_i. Evaluation mode; forward and backward."""
        n = np.size(batch.indices)
        return self._weighted_mean(batch, self._network.gradient, forward=n, backward=n)

    def hvp(self, batch: Batch, v):
        """H v (k, d) for v (k, d), H the Hessian of (1/|batch|) sum w_i l_i. Evaluation mode; k Hessian products."""
        if v.ndim not in (1, 2) or v.shape[-1] != self.size:
            raise ValueError(f"v must be (d,) or (k, d) with d = {self.size}, got {v.shape}")
        products = len(batch.indices) * (1 if v.ndim == 1 else len(v))
        hvp = self._network.hvp
        return self._weighted_mean(batch, lambda theta, x, y, *rest: hvp(theta, x, y, v, *rest), hessian=products)

    def hessian_diagonal(self, batch: Batch):
        """(d,) the exact diagonal of that Hessian. Evaluation mode; one forward, a backward an output."""
        n = len(batch.indices)
        return self._weighted_mean(batch, self._network.hessian_diagonal, forward=n, backward=n * self._network.outputs)

    # ---- separate networks, for scores that need separate training

    def fork(self, seed: int) -> Fork:
        """An oracle with freshly initialised parameters on the same data and the same bill, which can `descend`."""
        theta = self._network.initialize(seed, self.dtype, self.device)
        return Fork(self._network, self._data, theta, None, seed, self.ledger)

    def identity(self) -> dict[str, Any]:
        """What is being trained, as plain values: but for the data's name, all of it decides the result."""
        return dict(network=repr(self._network), data_name=self._data.name, data=self._data.fingerprint(),
                    seed=self.seed, device=self.device, dtype=str(self.dtype))  # fmt: skip

    # ---- shared steps

    def _checked(self, i) -> np.ndarray:
        i = np.asarray(i)
        if i.dtype.kind not in "iu":
            raise TypeError(f"indices of examples must be integers on the host, got dtype {i.dtype}")
        if i.ndim == 0:
            raise ValueError(f"indices must be an array, got the number {i}; use np.array([{i}])")
        if i.size == 0 or i.min() < 0 or i.max() >= len(self):
            raise ValueError(f"indices must be in 0..{len(self) - 1} and not empty, got {_range(i)}")
        return i

    def _examples(self, batch: Batch):
        """(indices, float64 weights) of a legal batch, on the host. Raises TypeError and ValueError for any other."""
        i, w = self._checked(batch.indices), np.asarray(batch.weights)
        if i.ndim != 1 or w.shape != i.shape or not np.isfinite(w).all():
            raise ValueError(f"a batch of {i.size} examples needs {i.size} finite weights, got {w.ravel()[:9]}")
        return i, w.astype(np.float64)

    def _ask(self, i):
        return self.theta, self._data.inputs(i, self.dtype), self._data.targets(i)

    def _weighted_mean(self, batch: Batch, question, **examples):
        """The mean of `question` over the batch, part by part, once `examples` are billed."""
        (i, weights), n = self._examples(batch), np.size(batch.indices)
        self.ledger.charge(**examples)
        total, start, weights = 0, 0, to_device(weights.astype(self.dtype), self.device)
        for part in parts(i):
            mine = weights[start : start + len(part)]
            total = total + (len(part) / n) * question(*self._ask(part), mine, self.statistics)
            start += len(part)
        return total

    def _joined(self, pieces):
        return pieces[0] if len(pieces) == 1 else array_module(*pieces).concatenate(pieces)


class Fork(Oracle):
    """An oracle with separate parameters, which it may train."""

    def descend(self, batch: Batch, lr: float) -> Feedback:
        """One plain SGD step on `batch`, in training mode; billed like any other."""
        learner = Learner(self)
        gradient, feedback, batch_statistics = learner.step(batch)
        learner.move(self.theta - lr * gradient, learner.following(batch_statistics), self.time + 1)
        return feedback


def _check_outputs(network, data) -> None:
    outputs, classes = network.outputs, data.n_classes
    if classes > max(outputs, 2):
        raise ValueError(f"{data.name} has {classes} classes, too many for a network with {outputs} outputs; "
                         f"give its last layer {classes}")  # fmt: skip


def _range(i) -> str:
    return f"{i.min()}..{i.max()}" if i.size else "none"

