"""Run and its Curve: the record of a training, which tables and pictures read without a trainer."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from minicrest import checkpoint as checkpoints
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

    def append(self, *row) -> Curve:
        return Curve(*(np.append(old, np.asarray(new, old.dtype)) for old, new in zip(vars(self).values(), row)))


@dataclass(frozen=True)
class Run:
    """What a training did. `complete` is False where it was stopped before its last step."""

    settings: dict[str, Any]  # method, network, data, optimiser, schedule, seed, steps, budget, versions
    steps: int
    complete: bool
    curve: Curve
    ledger: Ledger
    uses: np.ndarray  # (n,) how often each example was trained on
    report: dict[str, Any]  # what the method had to say: for CREST the regions and the checks
    theta: Any
    statistics: Any
    diverged: int | None = None  # the step at which losses or parameters stopped being finite

    @property
    def accuracy(self) -> float:
        """Test accuracy at the last evaluation."""
        return float(self.curve.accuracy[-1])

    def save(self, path) -> None:
        """Write `path`.npz (everything; `checkpoint.load` reads it) and `path`.json (all but the arrays, to read)."""
        path = Path(path)
        checkpoints.save(path.with_suffix(".npz"), self)
        text = json.dumps(self.summary(), indent=1) + "\n"
        checkpoints.write_atomically(path.with_suffix(".json"), lambda file: file.write(text.encode()))

    def summary(self) -> dict[str, Any]:
        """Settings, curve, bill and report as lists and numbers; NaN and infinity become None (JSON has neither)."""
        lists = {name: _plain(values) for name, values in vars(self.curve).items()}
        bill = {name: asdict(bill) | {"cost": bill.cost} for name, bill in self.ledger.phases.items()}
        report = {name: _plain(values) for name, values in self.report.items()}
        used = int((self.uses > 0).sum())
        return {
            "settings": self.settings, "steps": self.steps, "complete": self.complete, "cost": self.ledger.cost,
            "seconds": self.ledger.seconds, "bill": bill, "distinct_examples": used, "curve": lists, "report": report,
        }  # fmt: skip


def _plain(values) -> list:
    return [v if not isinstance(v, float) or math.isfinite(v) else None for v in np.asarray(values).tolist()]
