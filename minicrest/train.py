"""Training: the loop, which knows no method. `minicrest.train(...)`, the module, may be called like the function."""

from __future__ import annotations

import hashlib
import inspect
import re
import sys
import types
import typing
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field, is_dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

import minicrest
from minicrest import arguments
from minicrest import checkpoint as checkpoints
from minicrest.backend import array_module
from minicrest.batch import Batch
from minicrest.learner import Learner, evaluate
from minicrest.ledger import BillSpent, Ledger, Stopped
from minicrest.optim import Constant
from minicrest.oracle import Oracle
from minicrest.run import Curve, Run
from minicrest.threads import one_blas_thread

__all__ = ["Curve", "Limits", "Run", "train"]

BAR = "{desc} {percentage:3.0f}%|{bar}| {elapsed} of about {remaining} more"
RECORDED = ("data_name", "notes", "minicrest", "numpy")  # settings that decide no result


@dataclass(frozen=True)
class Limits:
    """How far a training goes: at most so many steps and, unless it is None, at most such a bill."""

    steps: int
    bill: float | None = None

    def progress(self, step: int, cost: float) -> float:
        """The part of the training done, in [0, 1]: by steps or, with a limited bill, by the bill if that is more."""
        return min(1.0, max(step / self.steps, cost / self.bill if self.bill is not None else 0.0))


@dataclass
class _Progress:
    """All that must survive a stop: with the settings, a checkpoint."""

    theta: Any
    statistics: Any
    optimizer_state: Any
    method_state: Any
    ledger: Ledger
    uses: np.ndarray
    alarm: Any  # () on the device: the first step at which something was not finite, -1 for none
    step: int = 0
    complete: bool = False
    curve: Curve = field(default_factory=Curve)
    recent: list = field(default_factory=lambda: [0.0, 0])  # sum and number of batch losses since the last evaluation


def train(method, oracle, optimizer, steps, *, schedule=Constant(), max_bill=None, evaluate_every=None,
          checkpoint=None, checkpoint_every=50, notes=None, stop=lambda: False, progress=True) -> Run:  # fmt: skip
    """Train oracle's network with `method` and return the Run.

    steps: how many at most.  max_bill: no question and no step is begun that would make the bill exceed this many
    forward-pass equivalents; the schedule then follows the bill.  evaluate_every: steps between evaluations on the
    test part, if there is one (None: 20 in all), not billed.
    checkpoint: a file, written every `checkpoint_every` steps, when `stop()` says True, and at the end. If it exists,
    training goes on from it, to the same theta bit for bit; BLAS keeps to one thread (see threads.py), so that no bit
    depends on how many there are. `stop` is also polled in the method's preparation, which begins anew after that.
    notes: strings and numbers to keep with the settings.  progress: a bar, if this is a terminal.
    A training whose losses, parameters or features stop being finite ends there, and is a result: Run.diverged.
    Raises TypeError and ValueError for arguments that make no sense, ValueError for the checkpoint of another training
    or one that another process is writing, and whatever `method` raises.
    """
    limits = Limits(arguments.whole("steps", steps, least=1),
                    None if max_bill is None else arguments.number("max_bill", max_bill, "(0, inf)"))  # fmt: skip
    every = max(1, steps // 20) if evaluate_every is None else arguments.whole("evaluate_every", evaluate_every, 1)
    save_every = arguments.whole("checkpoint_every", checkpoint_every, least=1)
    if isinstance(method, type) or not all(hasattr(method, name) for name in ("init", "propose", "observe", "report")):
        raise TypeError(f"method must be an object with init, propose, observe and report, such as those in "
                        f"minicrest.selection, got {arguments.shown(method)}")  # fmt: skip
    settings = _settings(method, oracle, optimizer, schedule, limits, every, checkpoint is not None)
    settings["notes"] = dict(notes or {})
    trainer = _Trainer(method, oracle, optimizer, schedule, limits)
    with one_blas_thread(), checkpoints.claimed(checkpoint) if checkpoint else nullcontext():
        if not trainer.resume(checkpoint, settings) and not trainer.begin(stop):
            return trainer.run(settings)
        silent = None if progress else True  # None: only where this is no terminal
        with tqdm(total=100, initial=100 * oracle.progress, smoothing=0, disable=silent, leave=None,
                  desc=settings["method"], bar_format=BAR) as bar:  # fmt: skip
            while not trainer.state.complete and not stop():
                trainer.advance()
                bar.update(100 * oracle.progress - bar.n)
                if trainer.state.step % every == 0 or trainer.state.complete:
                    trainer.evaluate()
                if checkpoint and trainer.state.step % save_every == 0:
                    checkpoints.save(checkpoint, {"settings": settings, "progress": trainer.state})
        if checkpoint:
            checkpoints.save(checkpoint, {"settings": settings, "progress": trainer.state})
    return trainer.run(settings)


class _Trainer:
    """Moves one training from where it is to where it ends; `state` is all that changes."""

    state: _Progress

    def __init__(self, method, oracle, optimizer, schedule, limits: Limits):
        self.method, self.oracle, self.learner = method, oracle, Learner(oracle)
        self.optimizer, self.schedule, self.limits = optimizer, schedule, limits

    def begin(self, stop) -> bool:
        """Prepare the method and evaluate once; False if `stop` said so first."""
        oracle = self.oracle
        theta, statistics = oracle.theta.copy(), oracle.statistics.copy()
        oracle.ledger.limit = self.limits.bill
        uses, alarm = np.zeros(len(oracle), dtype=np.int64), array_module(theta).zeros((), "int64") - 1
        self.state = _Progress(theta, statistics, self.optimizer.init(theta), None, oracle.ledger, uses, alarm)
        self.learner.move(theta, statistics)
        oracle.ledger.stop = stop
        try:
            with self.ending(), oracle.phase("prepare"):
                self.state.method_state = self.method.init(oracle)
        except Stopped:
            return False
        finally:
            oracle.ledger.stop = None
        self.evaluate()
        return True

    def resume(self, path, settings) -> bool:
        """Go on from the checkpoint at `path`, if there is one. Raises ValueError for another training's."""
        if path is None or not Path(path).exists():
            return False
        saved = checkpoints.load(path, self.oracle.device, [type(self.method).__module__])
        old, state = (saved.get("settings"), saved.get("progress")) if isinstance(saved, dict) else (None, None)
        if not isinstance(old, dict) or not isinstance(state, _Progress):
            raise ValueError(f"{path} is not the checkpoint of a training")
        _check_same(path, old, settings)
        ours = type(self.method).__module__.startswith("minicrest.")
        kind = typing.get_type_hints(self.method.init).get("return") if ours else None
        if isinstance(kind, type) and not isinstance(state.method_state, (kind, type(None))):
            raise ValueError(f"{path} holds the state of another method; choose another file or delete it")
        self.state, self.oracle.ledger, state.ledger.limit = state, state.ledger, self.limits.bill
        progress = self.limits.progress(state.step, state.ledger.cost)
        self.learner.move(state.theta, state.statistics, state.step, progress)
        return True

    def advance(self) -> None:
        """One step: propose, differentiate, update, observe."""
        oracle, state = self.oracle, self.state
        with self.ending():
            with oracle.phase("select"):
                batch, state.method_state = self.method.propose(state.method_state, oracle)
            with oracle.phase("train"):
                feedback = self.step(batch)
            with oracle.phase("select"):
                state.method_state = self.method.observe(state.method_state, feedback)
            np.add.at(state.uses, batch.indices[feedback.weights != 0], 1)
        state.complete = state.complete or oracle.progress >= 1
        if oracle.device == "cpu":  # on a device the host would wait for the answer: there `evaluate` looks
            self.look()

    def step(self, batch: Batch):
        """Move the parameters along the batch's gradient, and note whether anything is not finite."""
        state = self.state
        choose = getattr(self.method, "choose", None)
        chosen = partial(choose, state.method_state) if choose else None
        gradient, feedback, batch_statistics = self.learner.step(batch, chosen)
        progress = self.limits.progress(state.step + 1, state.ledger.cost)
        state.optimizer_state = self.optimizer.update(state.theta, gradient, state.optimizer_state, self.schedule(progress))
        state.statistics = self.learner.following(batch_statistics)
        state.step += 1
        self.learner.move(state.theta, state.statistics, state.step, progress)
        xp, total = array_module(state.theta), feedback.losses.sum(dtype="float64")
        finite = xp.isfinite(total) & xp.isfinite(state.theta).all()
        state.alarm = xp.where(finite | (state.alarm >= 0), state.alarm, state.step)
        state.recent = [state.recent[0] + total, state.recent[1] + len(batch.indices)]
        return feedback

    def look(self) -> None:
        """End the training if something was not finite."""
        self.state.complete = self.state.complete or int(self.state.alarm) >= 0

    def evaluate(self) -> None:
        """Add a row to the curve: test loss and accuracy in evaluation mode. Not billed."""
        state = self.state
        self.look()
        train_loss = float(state.recent[0]) / state.recent[1] if state.recent[1] else float("nan")
        row = state.step, state.ledger.cost, state.ledger.seconds, *evaluate(self.oracle), train_loss
        state.curve, state.recent = state.curve.append(*row), [0.0, 0]

    @contextmanager
    def ending(self):
        """The training ends where what is done inside exceeds the bill, or fails because something is not finite."""
        try:
            yield
        except BillSpent:
            self.state.complete = True
        except (ValueError, ArithmeticError):
            if self.finite():
                raise
            if int(self.state.alarm) < 0:
                self.state.alarm = array_module(self.state.theta).zeros((), "int64") + self.state.step
            self.state.complete = True

    def finite(self) -> bool:
        """True if the parameters and every example's loss, logits and gradient norm are finite. Not billed."""
        twin = Oracle(self.oracle._network, self.oracle._data, self.state.theta, self.state.statistics)
        with np.errstate(all="ignore"):
            every = np.arange(len(twin))
            arrays = twin.theta, *twin.answers(every), twin.gradient_norms(every)
            return all(bool(array_module(a).isfinite(a).all()) for a in arrays)

    def run(self, settings) -> Run:
        """The Run so far."""
        state, oracle = self.state, self.oracle
        report = {} if state.method_state is None else self.method.report(state.method_state)
        diverged = int(state.alarm) if int(state.alarm) >= 0 else None
        return Run(settings, state.step, state.complete, state.curve, state.ledger, state.uses, report, state.theta,
                   state.statistics, diverged, oracle._network, oracle._data.scale, oracle._data.shift)  # fmt: skip


# ---- settings: what decides a result, and what is only recorded


def _settings(method, oracle, optimizer, schedule, limits, evaluate_every, strict: bool) -> dict[str, Any]:
    """What a training is made of, as plain values; the checkpoint of another is refused. `strict`: see `_described`."""
    values = asdict(method) if is_dataclass(method) else getattr(method, "__dict__", {})  # type: ignore[arg-type]
    hyperparameters = {name: _plain(value, strict) for name, value in values.items()}
    return {
        "method": type(method).__name__.lower(), "hyperparameters": hyperparameters, **oracle.identity(),
        "optimizer": _described(optimizer, strict), "schedule": _described(schedule, strict), "steps": limits.steps,
        "max_bill": limits.bill, "evaluate_every": evaluate_every, "minicrest": minicrest.__version__,
        "numpy": np.__version__,
    }  # fmt: skip


def _plain(value, strict):
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(item, strict) for item in value]
    return _plain(value.item(), strict) if isinstance(value, np.generic) else _described(value, strict)


def _described(thing, strict: bool) -> str:
    """What `thing` is, the same in every process: a function by its module and name, anything else by its repr.

    Raises TypeError, if `strict`, where that shows an address or is a function that no module names.
    """
    if inspect.isfunction(thing) or inspect.isbuiltin(thing):
        text = f"{thing.__module__}.{thing.__qualname__}"
    elif isinstance(thing, np.ndarray):
        text = f"array {thing.shape} {thing.dtype} {hashlib.blake2b(thing.tobytes(), digest_size=8).hexdigest()}"
    else:
        text = repr(thing)
    if strict and re.search(r"<lambda>|<locals>| at 0x[0-9a-fA-F]+", text):
        raise TypeError(f"a checkpoint needs a description that lasts, not {text}; give a function of a module, or an "
                        "object of a dataclass")  # fmt: skip
    return text


def _check_same(path, old: dict, new: dict) -> None:
    """Raise ValueError, naming the differences, where the settings in a checkpoint are another training's."""
    names = [name for name in new if name not in RECORDED]
    other = [f"{k}: {old.get(k)!r} there, {new[k]!r} here" for k in names if repr(old.get(k)) != repr(new[k])]
    if other:
        raise ValueError(f"{path} belongs to another training ({'; '.join(other)}); choose another file or delete it")


class _CallableModule(types.ModuleType):
    """So that `minicrest.train(...)` trains, and `minicrest.train.train` is still there."""

    __call__ = staticmethod(train)


sys.modules[__name__].__class__ = _CallableModule
