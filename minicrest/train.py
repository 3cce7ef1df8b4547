"""Training: the loop, which knows no method. `minicrest.train(...)`, the module, may be called like the function."""

import copy
import hashlib
import inspect
import re
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, is_dataclass
from functools import partial
from typing import Any

import numpy as np
from tqdm import tqdm

from minicrest import __version__, arguments
from minicrest import checkpoint as checkpoints
from minicrest.backend import array_module, to_numpy
from minicrest.batch import Batch, Diverged
from minicrest.learner import Learner, evaluate
from minicrest.ledger import BillSpent, Ledger, Stopped
from minicrest.optim import Constant
from minicrest.oracle import Oracle
from minicrest.run import Curve, Run
from minicrest.threads import one_blas_thread

BAR = "{desc} {percentage:3.0f}%|{bar}| {elapsed} so far, about {remaining} more"
RECORDED = ("data_name", "notes", "minicrest", "numpy")  # settings that decide no result


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
    prepared: bool = False
    curve: Curve = field(default_factory=Curve)
    recent: list = field(default_factory=lambda: [0.0, 0])  # sum and number of batch losses since the last evaluation


def train(method, oracle, optimizer, steps, *, schedule=Constant(), max_bill=None, evaluate_every=None,
          checkpoint=None, checkpoint_every=50, notes=None, stop=lambda: False, progress=True) -> Run:  # fmt: skip
    """Train oracle's network with `method` and return the Run.

    steps: how many at most.  max_bill: the largest bill, in forward-pass equivalents; the schedule then follows the
    bill.  evaluate_every: steps between evaluations on the test part, which are not billed (None: 20 in all).
    checkpoint: a file, written every `checkpoint_every` steps, also of a method's preparation where it has any, when
    `stop()` says True, and at the end. If it exists, training goes on from it, to the same theta bit for bit, however
    many threads there are.  notes: strings and numbers to keep with the settings.
    A training whose losses, parameters or features stop being finite ends there, and is a result: Run.diverged.
    Raises TypeError and ValueError for arguments that make no sense and for the checkpoint of another training.
    """
    trainer = _Trainer(method, oracle, optimizer, schedule, steps, max_bill)
    every = max(1, steps // 20) if evaluate_every is None else arguments.whole("evaluate_every", evaluate_every, 1)
    arguments.whole("checkpoint_every", checkpoint_every, least=1)
    path = None if checkpoint is None else arguments.path("checkpoint", checkpoint)
    arguments.like("stop", stop, "a function that returns True or False", "__call__")
    silent = None if arguments.flag("progress", progress) else True  # None: only where this is no terminal
    notes = {} if notes is None else dict(arguments.like("notes", notes, "a dict", "items"))
    settings = {**trainer.settings(strict=path is not None), "evaluate_every": every, "notes": notes}

    def save(number: int = 0) -> None:
        s = trainer.state
        if path and number % checkpoint_every == 0 and (s.prepared or s.complete or s.method_state is not None):
            checkpoints.save(path, {"settings": settings, "progress": s})

    with one_blas_thread(), np.errstate(all="ignore"):  # Run.diverged says what the warnings would
        if not (path and path.exists() and trainer.resume(path, settings)):
            trainer.begin()
        for number, _ in enumerate(trainer.prepare(stop), 1):
            save(number)
        with tqdm(total=100, initial=100 * oracle.progress, smoothing=0, disable=silent, leave=None,
                  desc=settings["method"], bar_format=BAR) as bar:  # fmt: skip
            while trainer.state.prepared and not trainer.state.complete and not stop():
                trainer.advance()
                bar.update(100 * oracle.progress - bar.n)
                if trainer.state.step % every == 0 or trainer.state.complete:
                    trainer.evaluate()
                save(trainer.state.step)
        save()
    return trainer.run(settings)


class _Trainer:
    """Moves one training from where it is to where it ends; `state` is all that changes."""

    state: _Progress

    def __init__(self, method, oracle, optimizer, schedule, steps, bill):
        wanted = "an object with init, propose, observe and report, such as those in minicrest.selection"
        self.method = arguments.like("method", method, wanted, "init", "propose", "observe", "report")
        self.oracle, self.learner = oracle, Learner(oracle)
        self.optimizer = arguments.like("optimizer", optimizer, "an optimizer such as SGD()", "init", "update")
        self.schedule = arguments.like("schedule", schedule, "a function from progress to a factor", "__call__")
        self.steps = arguments.whole("steps", steps, least=1)
        self.bill = None if bill is None else arguments.number("max_bill", bill, "(0, inf)")

    def begin(self) -> None:
        """Set the state before the preparation."""
        oracle = self.oracle
        theta, statistics = oracle.theta.copy(), oracle.statistics.copy()
        uses, alarm = np.zeros(len(oracle), dtype=np.int64), array_module(theta).zeros((), "int64") - 1
        optimizer_state, oracle.ledger.limit = self.optimizer.init(theta), self.bill
        self.state = _Progress(theta, statistics, optimizer_state, None, oracle.ledger, uses, alarm)
        self.learner.move(theta, statistics)

    def prepare(self, stop) -> Iterator[None]:
        """Prepare the method, piece by piece if it can, and evaluate once; ends before if `stop` says so."""
        oracle, state, end = self.oracle, self.state, object()
        pieces, oracle.ledger.stop = _pieces(self.method, oracle, state.method_state), stop
        try:
            while not (state.prepared or state.complete):
                with self.ending(), oracle.phase("prepare"):
                    piece = next(pieces, end)
                    state.prepared = piece is end
                    state.method_state = state.method_state if state.prepared else piece
                if state.prepared or state.complete:
                    self.evaluate()  # before the yield, after which a checkpoint may say that this is over
                yield
        except Stopped:
            return
        finally:
            oracle.ledger.stop = None

    def resume(self, path, settings) -> bool:
        """Go on from the checkpoint at `path`. Raises ValueError, naming the differences, for another training's."""
        saved = checkpoints.load(path, self.oracle.device, [type(self.method).__module__])
        old, state = (saved.get("settings"), saved.get("progress")) if isinstance(saved, dict) else (None, None)
        if not (isinstance(old, dict) and isinstance(state, _Progress)):
            raise ValueError(f"{path} is not the checkpoint of a training")
        differ = [k for k in settings if k not in RECORDED and repr(old.get(k)) != repr(settings[k])]
        if differ:
            other = "; ".join(f"{k}: {old.get(k)!r} there, {settings[k]!r} here" for k in differ)
            raise ValueError(f"{path} belongs to another training ({other}); choose another file or delete it")
        self.state, self.oracle.ledger, state.ledger.limit = state, state.ledger, self.bill
        self.learner.move(state.theta, state.statistics, state.step, self.progress())
        return True

    def progress(self) -> float:
        """The part of the training done, in [0, 1]: by steps or, with a limited bill, by the bill if that is more."""
        billed = 0.0 if self.bill is None else self.state.ledger.cost / self.bill
        return min(1.0, max(self.state.step / self.steps, billed))

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
            state.complete = state.complete or bool(state.alarm >= 0)

    def step(self, batch: Batch):
        """Move the parameters along the batch's gradient, and note whether anything is not finite."""
        state = self.state
        choose = getattr(self.method, "choose", None)
        chosen = partial(choose, state.method_state) if choose else None
        gradient, feedback, batch_statistics = self.learner.step(batch, chosen)
        state.step += 1
        progress = self.progress()
        factor = self.schedule(progress)
        state.optimizer_state = self.optimizer.update(state.theta, gradient, state.optimizer_state, factor)
        state.statistics = self.learner.following(batch_statistics)
        self.learner.move(state.theta, state.statistics, state.step, progress)
        xp, total = array_module(state.theta), feedback.losses.sum(dtype="float64")
        finite = xp.isfinite(total) & xp.isfinite(state.theta).all()
        state.alarm = xp.where(finite | (state.alarm >= 0), state.alarm, state.step)
        state.recent = [state.recent[0] + total, state.recent[1] + len(batch.indices)]
        return feedback

    def evaluate(self) -> None:
        """Add a row to the curve, unless it has one of this step: test loss and accuracy. Not billed."""
        state = self.state
        state.complete = state.complete or int(state.alarm) >= 0
        if state.step in state.curve.step[-1:]:
            return
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
        except (ValueError, ArithmeticError) as error:
            if not isinstance(error, Diverged) and self.finite():
                raise
            self.state.alarm += (1 + self.state.step) * (self.state.alarm < 0)
            self.state.complete = True

    def finite(self) -> bool:
        """True if the parameters and every example's loss, logits and gradient norm are finite. Not billed."""
        twin = Oracle(self.oracle._network, self.oracle._data, self.state.theta, self.state.statistics)
        arrays = twin.theta, *twin.answers(every := np.arange(len(twin))), twin.gradient_norms(every)
        return all(bool(array_module(a).isfinite(a).all()) for a in arrays)

    def run(self, settings) -> Run:
        state, oracle = self.state, self.oracle
        report = self.method.report(state.method_state) if state.prepared and state.method_state is not None else {}
        diverged = int(state.alarm) if int(state.alarm) >= 0 else None
        return Run(settings, state.step, state.complete, state.curve, copy.deepcopy(state.ledger), state.uses, report,
                   state.theta, state.statistics, diverged, oracle._network, oracle._data.scale, oracle._data.shift)

    def settings(self, strict: bool) -> dict[str, Any]:
        """What the training is made of, as plain values; `strict`: see `_described`."""
        method = self.method
        values = asdict(method) if is_dataclass(method) else getattr(method, "__dict__", {})  # type: ignore[arg-type]
        return {
            "method": type(method).__name__.lower(),
            "hyperparameters": {name: _described(value, strict) for name, value in values.items()},
            **self.oracle.identity(), "network": _described(self.oracle._network, strict),
            "optimizer": _described(self.optimizer, strict), "schedule": _described(self.schedule, strict),
            "steps": self.steps, "max_bill": self.bill,
            "minicrest": __version__, "numpy": np.__version__,
        }  # fmt: skip


def _pieces(method, oracle, state) -> Iterator[Any]:
    """The states of the method's preparation, one after another from `state` on; one state where it has no pieces."""
    if getattr(method, "preparation", None):
        yield from method.preparation(oracle, state)
    elif state is None:
        yield method.init(oracle)


def _described(thing, strict: bool):
    """`thing` in the settings: a plain value, or text; if `strict`, TypeError for text that would not last."""
    thing = thing.item() if isinstance(thing, np.generic) else thing
    if thing is None or isinstance(thing, (bool, int, float, str)):
        return thing
    if isinstance(thing, (list, tuple)):
        return [_described(item, strict) for item in thing]
    if isinstance(thing, np.ndarray) or array_module(thing) is not np:
        return f"array {thing.shape} {thing.dtype} {hashlib.blake2b(to_numpy(thing).tobytes()).hexdigest()[:16]}"
    named = inspect.isfunction(thing) or inspect.isbuiltin(thing)
    with np.printoptions(threshold=sys.maxsize if strict else 9, floatmode="unique"):  # every number of arrays inside
        text = f"{thing.__module__}.{thing.__qualname__}" if named else repr(thing)
    if strict and re.search(r"<lambda>|<locals>| at 0x[0-9a-fA-F]+", text):
        raise TypeError(f"a checkpoint needs a description that lasts, not {text}; give a function of a module")
    return text


# `minicrest.train(...)` trains, and `minicrest.train.train` is still there
sys.modules[__name__].__class__ = type("CallableModule", (types.ModuleType,), {"__call__": staticmethod(train)})
