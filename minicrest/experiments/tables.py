"""Runs side by side in words and numbers: the table of a comparison, its verdict, and plain values for JSON."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

import minicrest
from minicrest.ledger import PRICE
from minicrest.train import Run

RATE = "forward passes: forward 1, backward 2, Hessian product 4 per example"


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds and the half-width of its 95% t-interval (NaN for one seed)."""

    mean: float
    half: float

    def __format__(self, spec: str) -> str:
        return f"{self.mean:{spec}}" + (f" +- {self.half:{spec.lstrip('+')}}" if math.isfinite(self.half) else "")


def estimate(values) -> Estimate:
    """Mean of `values` and t_{0.975, n-1} s / sqrt(n)."""
    from scipy.special import stdtrit

    values = np.asarray(values, dtype=float)
    n = len(values)
    half = stdtrit(n - 1, 0.975) * values.std(ddof=1) / math.sqrt(n) if n > 1 else math.nan
    return Estimate(float(values.mean()), float(half))


@dataclass(frozen=True)
class Row:
    """What one method did, over seeds; gain and relative error are paired by seed, None where there is no partner."""

    method: str
    accuracy: Estimate  # percent
    gain: Estimate | None  # percentage points above random
    relative_error: Estimate | None  # 100 (acc_full - acc) / acc_full
    test_loss: Estimate
    train_loss: Estimate
    steps: float
    cost: float  # forward-pass equivalents
    phases: dict[str, float]  # the same by phase
    seconds: float
    examples: float  # distinct ones trained on


def rows(runs: dict[str, list[Run]]) -> list[Row]:
    """A Row for each method of `runs`, method -> a Run a seed, in one order of seeds."""
    accuracy = {name: 100 * np.array([run.accuracy for run in own]) for name, own in runs.items()}
    random, full = accuracy.get("random"), accuracy.get("full")
    return [_row(name, own, accuracy[name], None if name == "random" else random, None if name == "full" else full)
            for name, own in runs.items()]  # fmt: skip


def _row(name, runs, accuracy, random, full) -> Row:
    def mean(number):
        return sum(map(number, runs)) / len(runs)

    phases: dict[str, float] = {}
    for phase, bill in (item for run in runs for item in run.ledger.phases.items()):
        if bill.cost:
            phases[phase] = phases.get(phase, 0) + bill.cost / len(runs)
    return Row(
        name, estimate(accuracy),
        None if random is None else estimate(accuracy - random),
        None if full is None else estimate(100 * (full - accuracy) / full),
        estimate([run.curve.loss[-1] for run in runs]), estimate([run.curve.train_loss[-1] for run in runs]),
        mean(lambda run: run.steps), mean(lambda run: run.ledger.cost), phases,
        mean(lambda run: run.ledger.seconds), mean(lambda run: (run.uses > 0).sum()),
    )  # fmt: skip


def table(rows: list[Row]) -> str:
    """Two tables as text, at most 120 columns wide: how good, and at what bill."""
    head = ["method", "accuracy %", "to random", "rel. error %", "test loss", "train loss", "steps", "bill", "seconds"]
    first = [[r.method, f"{r.accuracy:.2f}", f"{r.gain:+.2f}" if r.gain else "-",
              f"{r.relative_error:.2f}" if r.relative_error else "-", f"{r.test_loss.mean:.4f}",
              f"{r.train_loss.mean:.4f}", f"{r.steps:.0f}", _thousands(r.cost), f"{r.seconds:.2f}"]
             for r in rows]  # fmt: skip
    phases = list(dict.fromkeys(phase for r in rows for phase in r.phases))
    second = [[r.method, *(_thousands(r.phases[p]) if p in r.phases else "-" for p in phases), _thousands(r.cost),
               f"{r.examples:.0f}"] for r in rows]  # fmt: skip
    return columns([head, *first]) + "\n\n" + columns([["bill of", *phases, "in all", "examples used"], *second])


def columns(lines: list[list[str]], right: bool = True) -> str:
    """Lines of cells as aligned text: the first column to the left, the others to the right (or also to the left)."""
    widths = [max(map(len, column)) for column in zip(*lines)]
    sides = "<" + (">" if right else "<") * (len(widths) - 1)
    return "\n".join("  ".join(map("{:{}{}}".format, line, sides, widths)).rstrip() for line in lines)


def _thousands(cost: float) -> str:
    return f"{cost / 1000:,.{1 if cost < 1e6 else 0}f}"


def verdict(rows: list[Row]) -> str:
    """Who is above and who below random, where the paired 95% interval leaves out 0, and for whom it does not."""
    groups: dict[str, list[str]] = {"above": [], "below": [], "not told apart": []}
    for r in rows:
        if r.gain is not None:
            apart = abs(r.gain.mean) > r.gain.half
            groups[("above" if r.gain.mean > 0 else "below") if apart else "not told apart"].append(r.method)
    told = "; ".join(f"{group}: {', '.join(names)}" for group, names in groups.items() if names)
    return f"Beside random, by the paired 95% interval of the accuracy: {told or 'nothing to tell'}"


def document(setup, seeds, runs: dict[str, list[Run]]) -> dict:
    """A comparison for machines: rows, and every run with its curve; what is not finite is None."""
    shared = {name: value for name, value in asdict(setup).items() if name not in ("method", "hyper", "seed")}
    every = [{"method": name, "seed": seed, **run.summary()}
             for name, own in runs.items() for seed, run in zip(seeds, own)]  # fmt: skip
    return _finite({
        "minicrest": minicrest.__version__, "price_per_example": PRICE, "setup": shared, "seeds": list(seeds),
        "rows": [asdict(row) for row in rows(runs)], "runs": every,
    })  # fmt: skip


def _finite(tree):
    if isinstance(tree, dict):
        return {name: _finite(value) for name, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [_finite(value) for value in tree]
    return None if isinstance(tree, float) and not math.isfinite(tree) else tree


def title(setup) -> str:
    """What a run is, in a line."""
    return f"{setup.method} on {Path(setup.data).stem}, {setup.model}, seed {setup.seed}"


def heading(setup, seeds) -> str:
    """What a comparison is, in a line."""
    share = f"{100 * setup.budget:g}% of full training's {setup.equal}"
    return f"{Path(setup.data).stem}, {setup.model}: each method with {share}; {_range(seeds)}"


def _range(seeds) -> str:
    return f"seeds {seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"seed {seeds[0]}"


def summary(setup, run) -> str:
    """A run in a few lines."""
    curve, cost = run.curve, run.ledger.cost
    phases = ", ".join(f"{k} {bill.cost:,}" for k, bill in run.ledger.phases.items() if bill.cost)
    lines = [
        f"{title(setup)}: {run.steps} steps in {run.ledger.seconds:.1f} s",
        f"test accuracy {100 * run.accuracy:.2f}%, test loss {curve.loss[-1]:.4f}, "
        f"train loss {curve.train_loss[-1]:.4f} (of the last batches)",
        f"bill {cost:,}: {phases}",
        f"  in {RATE}",
        f"trained on {(run.uses > 0).sum():,} of {len(run.uses):,} examples",
    ]
    if "check_rho" in run.report:
        regions, checks = len(run.report["start"]), len(run.report["check_rho"])
        lines.append(f"regions {regions}, checks {checks}, mean length {run.steps / max(1, regions):.1f} steps")
    return "\n".join(lines)


def legend(setup, seeds, rows) -> list[str]:
    """What the columns of the table mean, and who beat random."""
    interval = f"mean +- 95% t-interval over {len(seeds)} seeds" if len(seeds) > 1 else "one seed, so no interval"
    equal = {"bill": "selection and checks come out of it", "steps": "selection and checks come on top"}[setup.equal]
    return [
        f"{verdict(rows)}.",
        f"Bills are in thousands of {RATE}.",
        f"Full training makes {setup.epochs} epochs and pays its own bill; the others get "
        f"{100 * setup.budget:g}% of its {setup.equal}: {equal}.",
        f"Accuracy: test set, {interval}. To random (percentage points) and rel. error",
        "(100 (full - method) / full) are paired by seed: same data, same initial weights.",
        "Train loss: of the batches trained on since the last evaluation, which each method chooses for itself.",
        *(f"{r.method} made no step: its preparation alone cost more than its bill." for r in rows if r.steps == 0),
    ]  # fmt: skip
