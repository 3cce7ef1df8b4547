"""A Setup says in plain values what to train and how.

Full training makes `epochs` passes over all n examples, which costs 3 n epochs forward passes (a forward pass counts 1,
its backward pass 2). Every other method gets a part of that, `budget`: of the BILL ("bill": whatever it asks for,
selection and checks included, comes out of it) or of the STEPS ("steps": its own asking comes on top, and is shown).
"""

from __future__ import annotations

import hashlib
import json
import math
import types
import typing
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np

from minicrest import checkpoint as checkpoints
from minicrest.backend import DEVICES, to_device
from minicrest.datasets import load
from minicrest.nn import Flatten, Linear, LogisticLoss, Network, lenet, mlp, resnet20
from minicrest.optim import OPTIMIZERS, SCHEDULES, SGD, AdamW
from minicrest.oracle import Oracle
from minicrest.run import Run
from minicrest.selection import METHODS
from minicrest.train import train

MODELS = ("mlp", "logistic", "lenet", "resnet20")
_IMAGES = dict(model="lenet", lr=0.05, weight_decay=5e-4)
_TEXT = dict(hidden=(64,), m=64, epochs=20, lr=0.5)
PRESETS = {  # where a data set wants something other than Setup's own defaults
    "digits": dict(m=32),
    "digits-images": dict(m=32),
    "blobs": dict(model="logistic", m=32, epochs=20),
    "spirals": dict(hidden=(64, 64), m=32, epochs=60),
    "cifar10": dict(**_IMAGES),
    "mnist": dict(**_IMAGES, epochs=10),
    "mnist10k": dict(**_IMAGES),
    "trec": _TEXT,
    "subj": _TEXT,
    "rt-polarity": _TEXT,
}


@dataclass(frozen=True)
class Setup:
    """One training, in strings and numbers alone; checked when made (ValueError), the data when it is built.

    hyper: (name, value) pairs for the method.  steps: exactly so many, whatever epochs, budget and equal say.
    hidden: the mlp's hidden layers.  seed: of everything random, synthetic data and the validation part included.
    """

    data: str = "digits"
    model: str = "mlp"
    method: str = "crest"
    hyper: tuple = ()
    seed: int = 0
    epochs: int = 30
    steps: int | None = None
    budget: float = 0.1
    equal: str = "bill"
    m: int = 128
    hidden: tuple = (64,)
    optimizer: str = "sgd"
    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: str = "steps"
    validation: float = 0.0
    data_dir: str | None = None
    device: str = "cpu"
    dtype: str = "float32"
    evaluations: int = 20
    checkpoint_every: int = 50

    def __post_init__(self):
        known = dict(model=MODELS, method=METHODS, optimizer=OPTIMIZERS, schedule=SCHEDULES, equal=("bill", "steps"),
                     device=DEVICES, dtype=("float32", "float64"))  # fmt: skip
        for name, names in known.items():
            if getattr(self, name) not in names:
                raise ValueError(f"{name} must be one of {', '.join(names)}, got {getattr(self, name)!r}")
        for name in ("epochs", "m", "evaluations", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if (self.steps is not None and self.steps < 1) or any(size < 1 for size in self.hidden):
            raise ValueError(f"steps and hidden must be at least 1, got {self.steps} and {self.hidden}")
        if not 0 < self.budget <= 1:
            raise ValueError(f"budget is a part of full training's, in (0, 1], got {self.budget}")
        if not 0 <= self.validation < 1:
            raise ValueError(f"validation is a part of the training examples, in [0, 1), got {self.validation}")
        self._method(), self._optimizer()  # these check their own values

    @staticmethod
    def preset(given: dict) -> Setup:
        """The Setup of `given` fields, then those of its data set's preset, then the defaults."""
        own = dict(PRESETS.get(given.get("data", Setup.data), {}))
        if given.get("optimizer") == "adamw":  # the presets' rates are SGD's
            own |= dict(lr=AdamW.lr, weight_decay=AdamW.weight_decay)
        return Setup(**{**own, **given})

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Setup:
        """The Setup that `to_json` wrote. Raises ValueError for text that is damaged or of another version."""
        try:
            values = json.loads(text)
            return Setup(**values | dict(hyper=tuple(map(tuple, values["hyper"])), hidden=tuple(values["hidden"])))
        except (ValueError, TypeError, LookupError) as error:
            raise ValueError(f"not the settings of a training as this version writes them ({error})") from error

    def folder(self, out) -> Path:
        """Where this training belongs in `out`: a name that no other settings have."""
        digest = hashlib.blake2b(self.to_json().encode(), digest_size=4).hexdigest()
        return Path(out) / f"{self.method}-{self.seed}-{digest}"

    def allowance(self, n: int) -> tuple[int, float | None]:
        """(steps, budget) for n examples: at most so many steps, at most such a bill (None: no limit)."""
        own = getattr(self._method(), "m", self.m)  # --set can give a method a batch size of its own
        everything = self.epochs * -(-n // own)
        if self.steps is not None:
            return self.steps, None
        if self.method == "full":
            return everything, None
        if self.equal == "steps":
            return max(1, round(self.budget * self.epochs * -(-n // self.m))), None
        return everything, round(self.budget * 3 * n * self.epochs)

    def build(self):
        """(method, oracle, optimizer, schedule, steps, budget). Raises what `load` raises, ValueError for the rest."""
        try:
            to_device(np.zeros(1), self.device)
        except RuntimeError as error:  # no CuPy, or CuPy and no GPU
            raise ValueError(f"device {self.device!r} cannot be used here: {error}") from error
        data = load(self.data, self.data_dir, self.seed, self.validation).to(self.device)
        network = self._network(data)
        oracle = Oracle(network, data, network.initialize(self.seed, self.dtype, self.device), seed=self.seed)
        return self._method(), oracle, self._optimizer(), SCHEDULES[self.schedule](), *self.allowance(len(data))

    def run(self, checkpoint=None, stop=lambda: False, progress=True) -> Run:
        """Train; the Run's (and the checkpoint's) settings carry this Setup, so that `resume` needs nothing else."""
        method, oracle, optimizer, schedule, steps, budget = self.build()
        if checkpoint:
            _note(self, Path(checkpoint))
        longest = steps if budget is None else round(self.budget * steps)  # where every step costs what full's does
        return train(method, oracle, optimizer, steps, schedule=schedule, max_bill=budget,
                     evaluate_every=max(1, longest // self.evaluations), checkpoint=checkpoint,
                     checkpoint_every=self.checkpoint_every, notes={"setup": self.to_json()}, stop=stop,
                     progress=progress)  # fmt: skip

    def _method(self):
        method = METHODS[self.method]
        m = {"m": self.m} if "m" in _types(method) else {}
        return method(**m | dict(self.hyper))

    def _optimizer(self):
        if self.optimizer == "sgd":
            return SGD(self.lr, self.momentum, self.weight_decay)
        return AdamW(self.lr, weight_decay=self.weight_decay)

    def _network(self, data) -> Network:
        d, classes = math.prod(data.shape), data.n_classes
        if classes < 2:
            raise ValueError(f"{self.data} has {classes} classes; accuracies need at least 2")
        if self.model == "mlp":
            return mlp((d, *self.hidden, classes))
        if self.model == "logistic":
            if classes != 2:
                raise ValueError(f"model logistic is for 2 classes, {self.data} has {classes}; use mlp")
            return Network([Flatten(), Linear(d, 1)] if len(data.shape) > 1 else [Linear(d, 1)], LogisticLoss())
        if len(data.shape) != 3:
            raise ValueError(f"model {self.model} takes images (c, h, w), {self.data} has {data.shape}; use mlp")
        return {"lenet": lenet, "resnet20": resnet20}[self.model](data.shape, classes)


def with_validation(setups, part: float = 0.1) -> tuple[list[Setup], list[str]]:
    """The setups, all with `part` held out if the method of any needs it and none is yet; and what to say about it."""
    needy = [s.method for s in setups if s.validation == 0 and getattr(s._method(), "needs_validation", False)]
    if not needy:
        return list(setups), []
    said = f"{part:.0%} of the training examples are held out for all methods: {needy[0]} selects by them."
    return [replace(setup, validation=part) for setup in setups], [said]


def hyperparameters(assignments, methods) -> dict[str, tuple]:
    """Each method's (name, value) pairs from "name=value" (for every method that has it) and "method.name=value".

    Values are read as the type of the method's field. Raises ValueError, saying what exists, for anything else.
    """
    pairs = {method: {} for method in methods}
    for assignment in assignments:
        target, equals, text = assignment.partition("=")
        method, dot, name = target.rpartition(".")
        if not equals or (dot and method not in pairs):
            wanted = f"name=value or method.name=value, method one of {', '.join(pairs)}"
            raise ValueError(f"--set takes {wanted}; got {assignment!r}")
        having = [k for k in ([method] if dot else pairs) if name in _types(METHODS[k])]
        if not having:
            exist = "; ".join(f"{k}: {', '.join(_types(METHODS[k]))}" for k in ([method] if dot else pairs))
            raise ValueError(f"no hyper-parameter {name!r}; there are {exist}")
        for k in having:
            pairs[k][name] = _value(text, _types(METHODS[k])[name], f"{k}.{name}")
    return {method: tuple(own.items()) for method, own in pairs.items()}


def _types(method) -> dict[str, type]:
    hints = typing.get_type_hints(method)
    return {f.name: hints[f.name] for f in fields(method)}


def _value(text: str, kind, name: str):
    """`text` as an int, a float, a str, a bool ("true", "false") or, where the type allows it, None ("none")."""
    options = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    if types.NoneType in options and text.lower() == "none":
        return None
    kind = next(option for option in options if option is not types.NoneType)
    try:
        return {"true": True, "false": False}[text.lower()] if kind is bool else kind(text)
    except (KeyError, ValueError, TypeError) as error:
        wanted = " or ".join("none" if option is types.NoneType else option.__name__ for option in options)
        raise ValueError(f"{name} takes {'true or false' if kind is bool else wanted}, got {text!r}") from error


def _note(setup: Setup, checkpoint: Path) -> None:
    """Write setup.json beside the checkpoint: `resume` reads it where a kill came before the first checkpoint.

    Raises ValueError where the folder belongs to another setup.
    """
    note = checkpoint.with_name("setup.json")
    there = read_note(note) if note.exists() else setup
    other = [f"{k}: {v} there, {getattr(setup, k)} here" for k, v in asdict(there).items() if getattr(setup, k) != v]
    if other:
        raise ValueError(f"{note.parent} holds another training ({'; '.join(other)}); choose another or delete it")
    checkpoints.write_atomically(note, lambda file: file.write(setup.to_json().encode()))


def read_note(note: Path) -> Setup:
    """The Setup that setup.json says; ValueError, naming the file, where it does not."""
    try:
        return Setup.from_json(note.read_text())
    except ValueError as error:
        raise ValueError(f"{note}: {error}; delete {note.parent} and train again") from error
