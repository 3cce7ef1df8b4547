"""A Setup says in plain values what to train and how.

Full training makes `epochs` passes over all n examples, which costs 3 n epochs forward passes (a forward pass counts 1,
its backward pass 2). Every other method gets a part of that, `budget`: of the BILL ("bill": whatever it asks for,
selection and checks included, comes out of it) or of the STEPS ("steps": what it asks for is billed on top).
"""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import nullcontext
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from minicrest.arguments import flag, number, one_of, shown, whole
from minicrest.backend import DEVICES, to_device
from minicrest.datasets import Dataset, load
from minicrest.datasets.load import FORMATS
from minicrest.experiments import transforms
from minicrest.experiments.files import claimed
from minicrest.experiments.graphs import plain, replayed
from minicrest.experiments.networks import check_memory, doubting, named
from minicrest.experiments.parts import (
    NAMED,
    Parts,
    function,
    is_content,
    known_or_foreign,
    made,
    method_class,
    parts_of,
    path_text,
    tested_on,
)
from minicrest.experiments.presets import MODELS, PRESETS
from minicrest.experiments.progress import announced
from minicrest.optim import OPTIMIZERS, SCHEDULES, SGD, AdamW
from minicrest.oracle import Oracle
from minicrest.random import stream
from minicrest.run import Run
from minicrest.train import train

STEP = 3  # forward passes: what an example costs in a step of full training
_UNSAFE = re.compile(r"[^\w.-]+")  # what a folder's name had better not hold


@dataclass(frozen=True)
class Setup:
    """One training, in strings and numbers alone; checked when made (ValueError, TypeError), the data when it is built.

    data: a name that `load` knows, or the path of an .npz, .csv or .txt.  model: one of MODELS, or "module:function",
    called with (shape of an example, classes).  method: one of METHODS, "shuffle" or "module:Class".  hyper: (name,
    value) pairs for the method.  seed: of everything random, synthetic data and the parts held out included.
    budget: the part of full training's bill (or steps, see `equal`) that every other method gets, in (0, 1]; "shuffle"
    is full training that ends there.
    steps: exactly so many, whatever epochs, budget and equal say.  hidden: the mlp's hidden layers.
    q: 0 for the cross-entropy; in (0, 1], GeneralizedCrossEntropy(q) in its place, for labels that may be wrong.
    validation, test: parts of the examples to hold out; test only for data that comes without a test part.
    transform: (name, value) pairs, or a dict, of TRANSFORMS, applied to the examples that are trained on, in order.
    tuning: a part of the training examples that takes the place of the test part, for choosing settings by it.
    tuned: the names of the settings that were chosen so, each method's for itself.
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
    q: float = 0.0
    optimizer: str = "sgd"
    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: str = "steps"
    validation: float = 0.0
    test: float = 0.0
    transform: tuple = ()
    tuning: float = 0.0
    tuned: tuple = ()
    data_dir: str | None = None
    device: str = "cpu"
    dtype: str = "float32"
    evaluations: int = 20
    checkpoint_every: int = 50

    def __post_init__(self):
        for name, least in dict(seed=0, epochs=1, m=1, evaluations=1, checkpoint_every=1).items():
            self._keep(name, whole(name, getattr(self, name), least))
        intervals = dict(budget="(0, 1]", lr="(0, inf)", momentum="[0, 1)", weight_decay="[0, inf)",
                         q="[0, 1]", validation="[0, 1)", test="[0, 1)", tuning="[0, 1)")  # fmt: skip
        for name, interval in intervals.items():
            self._keep(name, number(name, getattr(self, name), interval))
        if self.steps is not None:
            self._keep("steps", whole("steps", self.steps, 1))
        self._keep("data", path_text("data", self.data))
        if self.data_dir is not None:
            self._keep("data_dir", path_text("data_dir", self.data_dir))
        self._keep("hidden", tuple(whole("each size in hidden", size, 1) for size in _sequence("hidden", self.hidden)))
        self._keep("transform", transforms.pairs(self.transform))
        self._keep("tuned", _sequence("tuned", self.tuned))
        self._keep("hyper", tuple(_pair(pair) for pair in _sequence("hyper", self.hyper)))
        known = dict(optimizer=OPTIMIZERS, schedule=SCHEDULES, equal=("bill", "steps"), device=DEVICES,
                     dtype=("float32", "float64"))  # fmt: skip
        for name, names in known.items():
            one_of(name, getattr(self, name), names)
        known_or_foreign("model", self.model, MODELS, "module:function")
        known_or_foreign("method", self.method, NAMED, "module:Class")
        if self.method in NAMED and not any(is_content(value) for _, value in self.hyper):
            self.build_method()  # which checks its own values

    def _keep(self, name: str, value) -> None:
        object.__setattr__(self, name, value)

    @staticmethod
    def preset(given: dict[str, Any]) -> Setup:
        """The Setup of `given` fields, then those of its data set's preset, then the defaults."""
        if not isinstance(given, dict):
            raise TypeError(f"given must be a dict of settings, got {shown(given)}")
        unknown = sorted(set(given) - {f.name for f in fields(Setup)})
        if unknown:
            names = ", ".join(f.name for f in fields(Setup))
            raise ValueError(f"no setting is called {', '.join(map(str, unknown))}; there are {names}")
        values: dict[str, Any] = dict(PRESETS.get(str(given.get("data", Setup.data)), {}))
        if given.get("optimizer") == "adamw":  # the presets' rates are SGD's
            values |= dict(lr=AdamW.lr, weight_decay=AdamW.weight_decay)
        return Setup(**{**values, **given})

    def to_json(self) -> str:
        """All settings as one line of JSON."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Setup:
        """The Setup that `to_json` wrote. Raises ValueError for text that is damaged or of another version."""
        if not isinstance(text, str):
            raise TypeError(f"text must be what to_json returned, got {shown(text)}")
        try:
            values = json.loads(text)
            lists = {name: _tuples(values[name]) for name in ("hyper", "hidden", "transform", "tuned")}
            return Setup(**values | lists)
        except (ValueError, TypeError, LookupError, RecursionError) as error:
            raise ValueError(f"not the settings of a training as this version writes them ({error})") from error

    def identity(self) -> dict[str, Any]:
        """The settings that decide the result: without folders, which may move, and how often to save.

        Full training has no budget, so it is the same training beside every budget.
        """
        values = asdict(self) | dict(data=self.data_name)
        if self.method == "full":
            values |= dict(budget=Setup.budget, equal=Setup.equal)
        return {name: value for name, value in values.items() if name not in ("data_dir", "checkpoint_every")}

    @property
    def data_name(self) -> str:
        """The data set's name, or its file's without the folder."""
        return Path(self.data).name if is_file(self.data) else self.data

    def folder(self, out) -> Path:
        """Where this training belongs in `out`: a name that no other settings have."""
        digest = hashlib.blake2b(json.dumps(self.identity()).encode(), digest_size=4).hexdigest()
        return Path(path_text("out", out)) / f"{_UNSAFE.sub('.', self.method)}-{self.seed}-{digest}"

    def allowance(self, n: int, parts: Parts = Parts()) -> tuple[int, int | None]:
        """(steps, bill) for n examples: at most so many steps, at most such a bill (None: no limit)."""
        n = whole("n", n, 1)
        m = getattr(self.build_method(parts), "m", self.m)  # --set can give a method a batch size of its own
        everything = self.epochs * -(-n // m)
        if self.steps is not None:
            return self.steps, None
        if self.method == "full":
            return everything, None
        if self.equal == "steps":
            return max(1, round(self.budget * self.epochs * -(-n // self.m))), None
        return STEP * everything, max(1, round(self.budget * STEP * n * self.epochs))  # a step may go forward only

    def build(self, parts: Parts = Parts()):
        """(method, oracle, optimizer, schedule, steps, bill), with the objects of `parts` in place of what has a name.

        Raises what `load` raises; ValueError for a part that does not fit the data or a device that is not there.
        """
        try:
            to_device(np.zeros(1), self.device)
        except RuntimeError as error:  # no CuPy, or CuPy and no GPU
            raise ValueError(f"device {self.device!r} cannot be used here: {error}") from error
        data = self._data(parts_of(parts))
        network = parts.network or named(self.model, data, self.hidden)
        network = replayed(doubting(network, self.q) if self.q else network, self.device)
        if self.device == "cpu":
            check_memory(network.size, self.dtype)
        data = data.to(self.device)
        oracle = Oracle(network, data, network.initialize(self.seed, self.dtype, self.device), seed=self.seed)
        steps, bill = self.allowance(len(data), parts)
        return self.build_method(parts), oracle, self._optimizer(), SCHEDULES[self.schedule](), steps, bill

    def run(self, checkpoint=None, stop=lambda: False, progress: bool = True, parts: Parts = Parts()) -> Run:
        """Train, going on from the file `checkpoint` where there is one, until done or `stop()` says True.

        The settings of the Run and of the checkpoint carry this Setup. Raises what `build` raises.
        """
        checkpoint = None if checkpoint is None else path_text("checkpoint", checkpoint)
        return self.train(self.build(parts), checkpoint, function("stop", stop), flag("progress", progress))

    def train(self, built, checkpoint=None, stop=lambda: False, progress: bool = True) -> Run:
        """`run` with what `build` made."""
        method, oracle, optimizer, schedule, steps, bill = built
        longest = steps if bill is None else round(self.budget * steps / STEP)  # if every step costs what full's does
        with claimed(checkpoint) if checkpoint else nullcontext():
            run = train(method, oracle, optimizer, steps, schedule=schedule, max_bill=bill,
                        evaluate_every=max(1, longest // self.evaluations), checkpoint=checkpoint,
                        checkpoint_every=self.checkpoint_every, notes={"setup": self._note()},
                        stop=announced(stop, oracle, bill, progress), progress=progress)  # fmt: skip
        return replace(run, network=plain(run.network))

    def needs_validation(self, parts: Parts = Parts()) -> bool:
        """Whether the method selects by held-out examples and none are held out yet."""
        there = self.validation > 0 or getattr(parts_of(parts).data, "validation", None) is not None
        return not there and bool(getattr(self.build_method(parts), "needs_validation", False))

    def _note(self) -> str:
        """This Setup as a Run keeps it: as it would be with the data in any folder."""
        return json.dumps(asdict(Setup()) | self.identity())

    def build_method(self, parts: Parts = Parts()):
        """The method: the object of `parts`, or one made with `hyper`. Raises ValueError where it cannot be made."""
        if parts_of(parts).method is not None:
            return parts.method
        if any(is_content(value) for _, value in self.hyper):
            raise ValueError(f"method {self.method} holds objects that text cannot; go on from Python, with the same "
                             "method and the same folder")  # fmt: skip
        kind = method_class(self.method)
        has_m = is_dataclass(kind) and "m" in {f.name for f in fields(kind)}
        arguments = ({"m": self.m} if has_m else {}) | dict(self.hyper)
        return kind(**arguments) if self.method in NAMED else made(kind, self.method, arguments)

    def _optimizer(self):
        if self.optimizer == "sgd":
            return SGD(self.lr, self.momentum, self.weight_decay)
        return AdamW(self.lr, weight_decay=self.weight_decay)

    def _data(self, parts: Parts) -> Dataset:
        """The data on the host, with its test part. Raises ValueError for what cannot be trained on here."""
        if parts.data is not None:
            data = parts.data.hold_out_test(self.test) if self.test else parts.data
        elif is_content(self.data) and not is_file(self.data):
            raise ValueError(f"the data {self.data} was made in Python; go on from there, with the same Dataset")
        else:
            data = load(self.data, self.data_dir, self.seed, test=self.test)
        if data.test is None:
            raise ValueError(f"{self.data} has no test part to evaluate on; hold one out with --test 0.2 (Python: "
                             "test=0.2), or give x_test and y_test in an .npz, Dataset(..., test=...)")  # fmt: skip
        if data.n_classes < 2:
            what = f"{data.n_classes} classes" if data.n_classes else "float targets, which is a regression"
            raise ValueError(f"{self.data} has {what}; accuracies need at least 2 classes. For a regression, call "
                             "minicrest.train from Python, with a Network whose loss is SquaredError()")  # fmt: skip
        data = tested_on(data, self.tuning, stream(self.seed, "tuning part")) if self.tuning else data
        data = data.split(self.validation, self.seed) if self.validation else data
        return transforms.transformed(data, self.transform, self.seed)


def is_file(data: str) -> bool:
    """Whether `data` is the path of a file of one's own, and not the name of a data set."""
    return Path(data).suffix.lower() in FORMATS


def _sequence(name: str, value) -> tuple:
    if not isinstance(value, (tuple, list)):
        raise TypeError(f"{name} must be a tuple, got {shown(value)}")
    return tuple(value)


def _tuples(value):  # JSON knows no tuple
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _pair(pair) -> tuple[str, Any]:
    if not isinstance(pair, (tuple, list)) or len(pair) != 2 or not isinstance(pair[0], str):
        raise TypeError(f"hyper must be (name, value) pairs, got {shown(pair)}")
    name, value = pair
    value = value.item() if isinstance(value, np.generic) else value
    if not isinstance(value, (str, int, float, type(None))):
        raise TypeError(f"hyper-parameter {name} must be text, a number, True, False or None, got {shown(value)}")
    return name, value
