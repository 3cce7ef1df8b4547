"""The oracle: every question a method may ask of model and data. Each is billed first: nothing here works for free."""

import copy
import hashlib
from types import SimpleNamespace
from typing import Any

import numpy as np

from minicrest import arguments
from minicrest.backend import array_module, device_of, to_device, to_numpy
from minicrest.batch import Batch, Feedback
from minicrest.learner import Learner, parts, read_only
from minicrest.ledger import Ledger
from minicrest.nn import Answers


class Oracle:
    """The only door to the network, and read-only: the parameters are moved by a Learner (learner.py).

    network: a Network.  data: a Dataset, on the device of theta.  theta (d,), stats (statistics,).
    Questions take host indices and answer for the training set as it is: not augmented, batch-norm in EVALUATION mode
    (running statistics). Each raises TypeError or ValueError for indices that are not in 0..n-1, and BillSpent, before
    any work is done, where it would cost more than the ledger's limit leaves.
    """

    def __init__(self, network, data, theta, stats=None, seed: int = 0, ledger: Ledger | None = None):
        arguments.like("network", network, "a Network", "outputs", "size", "initial_statistics")
        arguments.like("data", data, "a Dataset", "inputs", "targets", "fingerprint")
        theta = arguments.shaped("theta", theta, network.size)
        if device_of(theta) != device_of(data.x):
            raise ValueError(f"theta is on {device_of(theta)} and the data on {device_of(data.x)}; use data.to(device)")
        if data.n_classes > max(network.outputs, 2):
            fit = f"too many for a network with {network.outputs} outputs"
            raise ValueError(f"{data.name} has {data.n_classes} classes, {fit}; give its last layer {data.n_classes}")
        self._network, self._data, self.seed = network, data, arguments.whole("seed", seed)
        self.device, self.dtype = device_of(theta), theta.dtype
        ledger = Ledger(device=self.device) if ledger is None else ledger
        self.ledger = arguments.like("ledger", ledger, "a Ledger", "charge", "phase")
        self.labels = read_only(to_numpy(data.y))  # (n,) classes or (n, ...) float targets, on the host
        self._place = SimpleNamespace()  # theta, statistics, time and progress, shared with the validation oracle
        Learner(self).move(theta, network.initial_statistics(theta) if stats is None else stats)
        self._start = hashlib.blake2b(to_numpy(theta).tobytes() + to_numpy(self.statistics).tobytes()).hexdigest()[:16]

    def __len__(self) -> int:
        return len(self._data)

    size = property(lambda self: self._network.size, doc="Number of parameters d.")
    theta = property(lambda self: self._place.theta, doc="(d,) the parameters, changed in place: copy what must last.")
    statistics = property(lambda self: self._place.statistics, doc="(statistics,) the current ones of batch-norm.")
    loss = property(lambda self: self._network.loss, doc="The Loss of its network.")
    time = property(lambda self: self._place.time, doc="How many steps of the training are done.")
    progress = property(lambda self: self._place.progress, doc="The part of the training done, in [0, 1]; see train.")

    @property
    def validation(self) -> "Oracle":
        """An oracle over the held-out examples, at the same point of the training and on the same bill."""
        if self._data.validation is None:
            raise ValueError("no validation examples: hold some out with load(name, validation=0.1) or data.split")
        held_out = copy.copy(self)
        held_out._data, held_out.labels = self._data.validation, read_only(to_numpy(self._data.validation.y))
        return held_out

    def at(self, theta, statistics) -> "Oracle":
        """An oracle that answers at other parameters (d,) and statistics, on the same bill and at the same time."""
        other = copy.copy(self)
        other._place = SimpleNamespace()
        Learner(other).move(theta, statistics, self.time, self.progress)
        return other

    def phase(self, name: str):
        """Bill what happens inside the `with` block to the phase `name`."""
        return self.ledger.phase(name)

    def raw(self, i):
        """(n, ...) the inputs as they are, of all examples where i is None, for model-free features; costs nothing."""
        self.ledger.poll()
        return self._data.inputs(i if i is None else self._checked(i), self.dtype)

    def answers(self, i) -> Answers:
        """Losses (...,), logit gradients (..., C) and logits (..., C) of examples i (...,), one forward pass each."""
        i = self._checked(i)
        self.ledger.charge(forward=i.size)
        columns = self._each(i.ravel(), self._network.answers)
        return Answers(*(column.reshape(*i.shape, *column.shape[1:]) for column in columns))

    def losses(self, i):
        """(n,) the loss of each example; a forward pass each."""
        return self.answers(i).losses

    def logit_gradients(self, i):
        """(n, C) the gradient of each loss in its logits, p - y for the cross-entropies; a forward pass each."""
        return self.answers(i).logit_gradients

    def last_layer(self, i):
        """(a, h), (n, C) and (n, i): the last layer's gradient of each example is h a'. Evaluation mode; forward."""
        i = self._checked(i, flat=True)
        self.ledger.charge(forward=i.size)
        return self._each(i, self._network.last_layer)

    def predictions(self, logits):
        """(m,) what logits (m, C) predict: the classes, of a classification. Costs nothing."""
        return self._network.loss.predict(arguments.shaped("logits", logits, None, self._network.outputs))

    def gradient_norms(self, i):
        """(n,) |gradient of l_i| over all parameters. Evaluation mode; forward and backward."""
        i = self._checked(i, flat=True)
        self.ledger.charge(forward=i.size, backward=i.size)
        return self._each(i, lambda *asked: (self._network.gradient_norms(*asked),))[0]

    def gradient(self, batch: Batch):
        """(d,) of (1/|batch|) sum w_i l_i. Evaluation mode; forward and backward."""
        i, weights = self._examples(batch)
        return self._weighted_mean(i, weights, self._network.gradient, forward=i.size, backward=i.size)

    def hvp(self, batch: Batch, v):
        """H v (k, d) for v (k, d), H the Hessian of (1/|batch|) sum w_i l_i. Evaluation mode; k Hessian products."""
        (i, weights), v, hvp = self._examples(batch), arguments.dense("v", v), self._network.hvp
        if v.ndim not in (1, 2) or v.shape[-1] != self.size:
            raise ValueError(f"v must be (d,) or (k, d) with d = {self.size}, got {v.shape}")
        products = i.size * (1 if v.ndim == 1 else len(v))
        return self._weighted_mean(i, weights, lambda theta, x, y, *rest: hvp(theta, x, y, v, *rest), hessian=products)

    def hessian_diagonal(self, batch: Batch):
        """(d,) the exact diagonal of that Hessian. Evaluation mode; one forward, a backward an output."""
        (i, weights), diagonal = self._examples(batch), self._network.hessian_diagonal
        return self._weighted_mean(i, weights, diagonal, forward=i.size, backward=i.size * self._network.outputs)

    def fork(self, seed: int) -> "Fork":
        """An oracle with freshly initialised parameters on the same data and the same bill, which can `descend`."""
        theta = self._network.initialize(arguments.whole("seed", seed), self.dtype, self.device)
        return Fork(self._network, self._data, theta, None, seed, self.ledger)

    def identity(self) -> dict[str, Any]:
        """What is being trained, from where, as plain values; but for the data's name all of it decides the result."""
        return dict(network=repr(self._network), data_name=self._data.name, data=self._data.fingerprint(),
                    theta=self._start, seed=self.seed, device=self.device, dtype=str(self.dtype))  # fmt: skip

    def _checked(self, i, flat: bool = False) -> np.ndarray:
        i = np.asarray(i)
        if i.dtype.kind not in "iu":
            raise TypeError(f"indices of examples must be integers on the host, got dtype {i.dtype}")
        if i.ndim == 0:
            raise ValueError(f"indices must be an array, got the number {i}; use np.array([{i}])")
        if i.size == 0 or i.min() < 0 or i.max() >= len(self):
            given = f"{i.min()}..{i.max()}" if i.size else "none"
            raise ValueError(f"indices must be in 0..{len(self) - 1} and not empty, got {given}")
        return arguments.shaped("indices", i, None) if flat else i

    def _examples(self, batch: Batch):
        """(indices, float64 weights) of a legal batch, on the host."""
        arguments.like("batch", batch, "a Batch of indices and weights", "indices", "weights")
        i, w = self._checked(batch.indices), np.asarray(batch.weights)
        if i.ndim != 1 or w.shape != i.shape or not np.isfinite(w).all():
            raise ValueError(f"a batch of {i.size} examples needs {i.size} finite weights, got {w.ravel()[:9]}")
        return i, w.astype(np.float64)

    def _ask(self, i, question, *weights):
        return question(self.theta, self._data.inputs(i, self.dtype), self._data.targets(i), *weights, self.statistics)

    def _each(self, i, question) -> tuple:
        """The columns that `question` answers for each example, asked part by part."""
        columns = zip(*(self._ask(part, question) for part in parts(i)))
        return tuple(array_module(*column).concatenate(column) for column in columns)

    def _weighted_mean(self, i, weights, question, **examples):
        """The mean of `question` over the batch, part by part, once `examples` are billed."""
        self.ledger.charge(**examples)
        total, weights = 0, to_device(weights.astype(self.dtype), self.device)
        for part, mine in zip(parts(i), parts(weights)):
            total = total + (len(part) / len(i)) * self._ask(part, question, mine)
        return total


class Fork(Oracle):
    """An oracle with separate parameters, which it may train."""

    def descend(self, batch: Batch, lr: float) -> Feedback:
        """One plain SGD step on `batch`, in training mode; billed like any other."""
        learner = Learner(self)
        gradient, feedback, batch_statistics = learner.step(batch)
        learner.move(self.theta - lr * gradient, learner.following(batch_statistics), self.time + 1)
        return feedback
