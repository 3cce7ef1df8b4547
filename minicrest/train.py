"""Training: the loop, which knows no method."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

import minicrest
from minicrest import checkpoint as checkpoints
from minicrest.ledger import Ledger
from minicrest.optim import Constant
from minicrest.run import Curve, Run

__all__ = ["Curve", "Run", "train"]

BAR = "{desc} {percentage:3.0f}%|{bar}| {elapsed} of about {remaining} more"


@dataclass
class _Training:
    """All that must survive a stop: with the settings, a checkpoint."""

    theta: Any
    statistics: Any
    optimizer: Any
    method: Any
    step: int
    ledger: Ledger
    curve: Curve
    uses: np.ndarray
    recent: list  # sum of batch losses and their number since the last evaluation


def train(method, oracle, optimizer, steps, *, schedule=Constant(), budget=None, evaluate_every=None,
          checkpoint=None, checkpoint_every=50, notes=None, stop=lambda: False, progress=True) -> Run:  # fmt: skip
    """Train oracle's network with `method` and return the Run.

    steps: how many at most.  budget: stop as soon as the bill reaches this many forward-pass equivalents; the schedule
    then follows the bill.  evaluate_every: steps between evaluations on the test set (None: 20 in all), not billed.
    checkpoint: a file, written every `checkpoint_every` steps, when `stop()` says True, and at the end; if it exists,
    training goes on from it, to the same theta bit for bit, and ValueError says so if it belongs to other settings.
    notes: strings and numbers to keep with the settings.  progress: a bar, if this is a terminal.
    """
    if steps < 1 or (budget is not None and budget <= 0):
        raise ValueError(f"steps must be at least 1 and budget positive, got {steps} and {budget}")
    settings = _settings(method, oracle, optimizer, schedule, steps, budget, notes)
    bar = tqdm(total=100, disable=None if progress else True, leave=None, desc=settings["method"], bar_format=BAR)
    now = _resume(checkpoint, settings, oracle, steps, budget) or _begin(method, oracle, optimizer)
    every = evaluate_every or max(1, steps // 20)
    while not (finished := _finished(now, steps, budget)) and not stop():
        _advance(method, oracle, optimizer, schedule, steps, budget, now)
        bar.update(100 * oracle.progress - bar.n)
        if now.step % every == 0 or _finished(now, steps, budget):
            _evaluate(oracle, now)
        if checkpoint and now.step % checkpoint_every == 0:
            checkpoints.save(checkpoint, {"settings": settings, "progress": now})
    bar.close()
    if checkpoint:
        checkpoints.save(checkpoint, {"settings": settings, "progress": now})
    return Run(settings, now.step, finished, now.curve, now.ledger, now.uses, method.report(now.method),
               now.theta, now.statistics)  # fmt: skip


def _advance(method, oracle, optimizer, schedule, steps, budget, now) -> None:
    """One step: propose, differentiate, update, observe."""
    with oracle.phase("select"):
        batch, now.method = method.propose(now.method, oracle)
    with oracle.phase("train"):
        gradient, feedback, seen = oracle.step(batch)
        progress = _progress(now.step + 1, now.ledger.cost, steps, budget)
        now.optimizer = optimizer.update(now.theta, gradient, now.optimizer, schedule(progress))
        now.statistics = oracle.following(seen)
        now.step += 1
        oracle.move(now.theta, now.statistics, now.step, progress)
        now.recent = [now.recent[0] + feedback.losses.sum(dtype="float64"), now.recent[1] + len(batch.indices)]
    with oracle.phase("select"):
        now.method = method.observe(now.method, feedback)
    np.add.at(now.uses, batch.indices, 1)


def _begin(method, oracle, optimizer) -> _Training:
    theta, statistics = oracle.theta.copy(), oracle.statistics.copy()
    oracle.move(theta, statistics, 0)
    with oracle.phase("prepare"):
        state = method.init(oracle)
    uses = np.zeros(len(oracle), dtype=np.int64)
    now = _Training(theta, statistics, optimizer.init(theta), state, 0, oracle.ledger, Curve(), uses, [0.0, 0])
    _evaluate(oracle, now)
    return now


def _resume(path, settings, oracle, steps, budget) -> _Training | None:
    """What the checkpoint at `path` holds, or None where there is none. Raises ValueError for another training's."""
    if path is None or not Path(path).exists():
        return None
    saved = checkpoints.load(path, oracle.device)
    then, now = (saved.get("settings"), saved.get("progress")) if isinstance(saved, dict) else (None, None)
    if not isinstance(then, dict) or not isinstance(now, _Training):
        raise ValueError(f"{path} is not the checkpoint of a training")
    other = [f"{k}: {then.get(k)!r} there, {v!r} here" for k, v in settings.items() if then.get(k) != v]
    if other:
        raise ValueError(f"{path} belongs to another training ({'; '.join(other)}); choose another file or delete it")
    oracle.ledger = now.ledger
    oracle.move(now.theta, now.statistics, now.step, _progress(now.step, now.ledger.cost, steps, budget))
    return now


def _progress(step, cost, steps, budget) -> float:
    """The part of the training done, in [0, 1]: by steps or, with a budget, by the bill if that is further."""
    return min(1.0, max(step / steps, cost / budget if budget is not None else 0.0))


def _finished(now, steps, budget) -> bool:
    return _progress(now.step, now.ledger.cost, steps, budget) >= 1


def _evaluate(oracle, now) -> None:
    """Add a row to the curve: test loss and accuracy in evaluation mode. Not billed."""
    loss, accuracy = oracle.test_loss_and_accuracy()
    train_loss = float(now.recent[0]) / now.recent[1] if now.recent[1] else float("nan")
    now.curve = now.curve.append(now.step, now.ledger.cost, now.ledger.seconds, loss, accuracy, train_loss)
    now.recent = [0.0, 0]


def _settings(method, oracle, optimizer, schedule, steps, budget, notes) -> dict[str, Any]:
    """What a training is made of, as plain values: a checkpoint of other settings is refused."""
    return {
        "method": type(method).__name__.lower(), "hyperparameters": asdict(method), **oracle.identity(),
        "optimizer": repr(optimizer), "schedule": repr(schedule), "steps": steps, "budget": budget,
        "notes": dict(notes or {}), "minicrest": minicrest.__version__, "numpy": np.__version__,
    }  # fmt: skip
