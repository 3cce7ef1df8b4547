"""Run and its Curve: the record of a training, which tables and pictures read without a trainer."""

import json
import math
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from minicrest import arguments
from minicrest import checkpoint as checkpoints
from minicrest.backend import array_module, device_of, to_device
from minicrest.datasets import Dataset
from minicrest.learner import parts
from minicrest.ledger import Ledger


@dataclass(frozen=True)
class Curve:
    """Evaluations on the test set, a row each; not billed."""

    step: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    cost: np.ndarray = field(default_factory=lambda: np.zeros(0))  # bill so far, forward-pass equivalents
    seconds: np.ndarray = field(default_factory=lambda: np.zeros(0))
    loss: np.ndarray = field(default_factory=lambda: np.zeros(0))  # test loss
    accuracy: np.ndarray = field(default_factory=lambda: np.zeros(0))  # test accuracy, a fraction
    train_loss: np.ndarray = field(default_factory=lambda: np.zeros(0))  # mean over the batches since the last row

    def append(self, *row) -> "Curve":
        """The curve with one more row, its columns in the order of the fields; this one stays as it was."""
        return Curve(*(np.append(old, np.asarray(new, old.dtype)) for old, new in zip(vars(self).values(), row)))


@dataclass(frozen=True)
class Run:
    """What a training did. `complete` is False where it was stopped before its end."""

    settings: dict[str, Any]  # method, network, data, optimiser, schedule, seed, steps, max_bill, versions
    steps: int
    complete: bool
    curve: Curve
    ledger: Ledger
    uses: np.ndarray  # (n,) how often each example was trained on
    report: dict[str, Any]  # what the method reports: for CREST the regions and the checks
    theta: Any
    statistics: Any
    diverged: int | None = None  # the step at which losses, parameters or features stopped being finite: the end
    network: Any = None  # None after loading, if a layer of it is nothing that a checkpoint can hold
    scale: Any = None  # (c,) of the data set, with shift: how raw inputs become those of the network
    shift: Any = None

    @property
    def accuracy(self) -> float:
        """Test accuracy at the last evaluation; NaN without classes or without a test part."""
        return float(self.curve.accuracy[-1]) if len(self.curve.accuracy) else math.nan

    def predict(self, x):
        """(n,) predicted classes, or values, of inputs x (n, ...) as the data set holds them, on theta's device."""
        if self.network is None:
            raise ValueError("this Run has no network; use network.predict(run.theta, x, run.statistics)")
        x = to_device(arguments.dense("x", x), device_of(self.theta))
        if x.ndim == 0:
            raise ValueError("x must be an array of inputs, got a number")
        x = x if x.dtype.kind == "f" or (x.dtype == "uint8" and x.ndim == 4) else x.astype(self.theta.dtype)
        data = Dataset(x, array_module(x).zeros(len(x), "int64"), scale=self.scale, shift=self.shift)
        inputs = (data.inputs(i, self.theta.dtype) for i in parts(np.arange(len(x))))
        return array_module(x).concatenate([self.network.predict(self.theta, x, self.statistics) for x in inputs])

    def save(self, path) -> None:
        """Write `path`.npz (everything; `checkpoint.load` reads it) and `path`.json (all but the arrays, to read)."""
        path, text = arguments.path("path", path), json.dumps(self.summary(), indent=1, allow_nan=False) + "\n"
        try:
            checkpoints.save(f"{path}.npz", self)
        except TypeError:  # a layer of one's own that a checkpoint cannot hold
            checkpoints.save(f"{path}.npz", replace(self, network=None))
        checkpoints.write_atomically(f"{path}.json", lambda file: file.write(text.encode()))

    def summary(self) -> dict[str, Any]:
        """Settings, curve, bill and report as lists and numbers; NaN and infinity become None (JSON has neither)."""
        bill = {name: asdict(bill) | {"cost": bill.cost} for name, bill in self.ledger.phases.items()}
        tree = {
            "settings": self.settings, "steps": self.steps, "complete": self.complete, "diverged": self.diverged,
            "cost": self.ledger.cost, "seconds": self.ledger.seconds, "bill": bill,
            "distinct_examples": (self.uses > 0).sum(), "curve": vars(self.curve), "report": self.report,
        }  # fmt: skip
        return json.loads(json.dumps(tree, default=_plain), parse_constant=lambda name: None)


def _plain(value):
    """An array as a list; what JSON cannot hold, as what it is."""
    return value.tolist() if hasattr(value, "tolist") else repr(value)
