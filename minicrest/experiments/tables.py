"""Runs side by side in words and numbers: the table of a comparison, its verdict, and plain values for files."""

from __future__ import annotations

import csv as comma_separated
import io
import math
import shutil
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

import minicrest
from minicrest.experiments.statistics import FEWEST_SEEDS, NAN, Estimate, Row, estimate, pair, rows
from minicrest.ledger import PRICE
from minicrest.run import Run

__all__ = ["RATE", "Estimate", "Row", "columns", "csv", "document", "estimate", "frame", "heading", "legend",
           "read_document", "rows", "summary", "table", "title", "verdict", "width"]  # fmt: skip

RATE = "forward passes: forward 1, backward 2, Hessian product 4 per example"
LEVEL = 0.05  # of the verdict: the chance that any method equal to random is told apart from it


# ---- tables as text


def width() -> int:
    """The columns of the terminal; 120 where the output is none."""
    return shutil.get_terminal_size((120, 24)).columns


def table(rows: Sequence[Row], most: int | None = None) -> str:
    """Two tables as text: how good each method is, and what its bill was spent on.

    Neither is wider than `most` (None: the terminal): what does not fit follows in a table of its own.
    """
    return "\n\n".join(_folded(_cells(rows, heads), most or width()) for heads in (_quality(rows), _bills(rows)))


def columns(lines: Sequence[Sequence[str]], right: bool = True) -> str:
    """Lines of cells as aligned text: the first column to the left, the others to the right (or also to the left)."""
    widths = [max(map(len, column)) for column in zip(*lines)]
    sides = "<" + (">" if right else "<") * (len(widths) - 1)
    return "\n".join("  ".join(map("{:{}{}}".format, line, sides, widths)).rstrip() for line in lines)


def _quality(rows) -> dict[str, Callable[[Row], str]]:
    """Head -> a Row's cell in the first table. Without classes, test loss takes the place of accuracy."""
    score = {"accuracy %": lambda r: _score(r, r.accuracy, ".2f"), "vs. random": lambda r: _shown(r.gain, "+.2f"),
             "rel. error %": lambda r: _shown(r.relative_error, ".2f"),
             "test loss": lambda r: _shown_mean(r.test_loss)}  # fmt: skip
    if all(r.accuracy is None for r in rows):
        score = {"test loss": lambda r: _score(r, r.test_loss, ".4g"), "vs. random": lambda r: _shown(r.gain, "+.4g")}
    return {"method": _label, **score, "train loss": lambda r: _shown_mean(r.train_loss),
            "steps": lambda r: f"{r.steps:.0f}", "bill": lambda r: _thousands(r.cost),
            "seconds": lambda r: f"{r.seconds:.2f}"}  # fmt: skip


def _bills(rows) -> dict[str, Callable[[Row], str]]:
    """Head -> a Row's cell in the second table."""
    phases = dict.fromkeys(phase for r in rows for phase in r.phases)
    parts = {phase: lambda r, phase=phase: _thousands(r.phases[phase]) if phase in r.phases else "-"
             for phase in phases}  # fmt: skip
    over = {"over limit": lambda r: f"{r.overshoot / 1000:,.3f}" if r.overshoot else "-"}
    return {"bill of": _label, **parts, "in all": lambda r: _thousands(r.cost),
            **(over if any(r.overshoot for r in rows) else {}),
            "examples used": lambda r: f"{r.examples:.0f}"}  # fmt: skip


def _cells(rows, heads) -> list[list[str]]:
    return [list(heads), *([cell(row) for cell in heads.values()] for row in rows)]


def _folded(lines, most: int) -> str:
    """The lines as one table or, where that is wider than `most`, as several that all begin with the first column."""
    widths = [2 + max(map(len, column)) for column in zip(*lines)]
    parts, room = [[0]], most + 2 - widths[0]
    for k in range(1, len(widths)):
        if widths[k] > room and len(parts[-1]) > 1:
            parts.append([0])
            room = most + 2 - widths[0]
        parts[-1].append(k)
        room -= widths[k]
    return "\n\n".join(columns([[line[k] for k in part] for line in lines]) for part in parts)


def _label(row: Row) -> str:
    """The method's name; of a long one the end, where module:Class has its class."""
    return row.method if len(row.method) <= 32 else "..." + row.method[-29:]


def _score(row: Row, score: Estimate | None, spec: str) -> str:
    return f"diverged at step {min(row.diverged.values())}" if row.diverged else _shown(score, spec)


def _shown(value: Estimate | None, spec: str) -> str:
    return f"{value:{spec}}" if value is not None and math.isfinite(value.mean) else "-"


def _shown_mean(value: Estimate) -> str:
    return f"{value.mean:.4f}" if math.isfinite(value.mean) else "-"


def _thousands(cost: float) -> str:
    return f"{cost / 1000:,.{1 if cost < 1e6 else 0}f}"


# ---- sentences


def verdict(rows: Sequence[Row]) -> str:
    """Which methods are better and which worse than random, by corrected p-values; none below three seeds."""
    compared = [r for r in rows if r.method != "random"]
    baseline = [r for r in rows if r.method == "random"]
    if not compared or not baseline:
        return "Compared with random: nothing to compare"
    if baseline[0].diverged:
        return "Compared with random: no verdict, for random itself diverged"
    if rows[0].seeds < FEWEST_SEEDS:
        return f"Compared with random: no verdict, which takes at least {FEWEST_SEEDS} seeds"
    groups: dict[str, list[str]] = {}
    for r in compared:
        groups.setdefault(_group(r), []).append(r.method)
    order = [group for group in ("better", "worse", "not told apart", "diverged") if group in groups]
    tested = sum(r.p is not None for r in rows)
    score = "test loss" if all(r.accuracy is None for r in rows) else "accuracy"
    number = f"{tested} comparison{'' if tested == 1 else 's'}"
    test = f"paired t-tests of the {score} over {rows[0].seeds} seeds, corrected by Holm's method for {number}"
    outcome = "; ".join(f"{group}: {', '.join(groups[group])}" for group in order)
    return f"Compared with random ({test}, level {LEVEL:.0%}): {outcome}"


def _group(row: Row) -> str:
    if row.diverged:
        return "diverged"
    if row.p is None or row.gain is None or row.p > LEVEL:
        return "not told apart"
    return "better" if row.gain.mean > 0 else "worse"


def title(setup) -> str:
    """What a run is, in a line."""
    return f"{setup.method} on {Path(setup.data).stem}, {setup.model}, seed {setup.seed}"


def heading(setup, seeds: Sequence[int]) -> str:
    """What a comparison is, in a line."""
    share = f"{100 * setup.budget:g}% of full training's {setup.equal}"
    return f"{Path(setup.data).stem}, {setup.model}: each method with {share}; {_range(seeds)}"


def _range(seeds) -> str:
    return f"seeds {seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"seed {seeds[0]}"


def summary(setup, run: Run) -> str:
    """A run in a few lines, none wider than the terminal."""
    cost = run.ledger.cost
    phases = ", ".join(f"{name} {bill.cost:,}" for name, bill in run.ledger.phases.items() if bill.cost)
    lines = [
        f"{title(setup)}: {run.steps} steps in {run.ledger.seconds:.1f} s",
        *([] if run.diverged is None else [f"DIVERGED at step {run.diverged}: losses or weights are not finite"]),
        _last(run.curve),
        f"bill {cost:,}" + (f": {phases}" if phases else ""),
        f"  in {RATE}",
        f"trained on {(run.uses > 0).sum():,} of {len(run.uses):,} examples",
    ]
    if "check_rho" in run.report:
        regions, checks = len(run.report["start"]), len(run.report["check_rho"])
        lines.append(f"regions {regions}, checks {checks}, mean length {run.steps / max(1, regions):.1f} steps")
    return "\n".join(textwrap.fill(line, width(), subsequent_indent="  ") for line in lines)


def _last(curve) -> str:
    """The last row of a Curve in words; what it does not have is left out."""
    accuracy = f"test accuracy {100 * curve.accuracy[-1]:.2f}%, " if math.isfinite(curve.accuracy[-1]) else ""
    train = f", train loss {curve.train_loss[-1]:.4f} (of the last batches)"
    return f"{accuracy}test loss {curve.loss[-1]:.4f}" + (train if math.isfinite(curve.train_loss[-1]) else "")


def legend(setup, seeds: Sequence[int], rows: Sequence[Row]) -> list[str]:
    """What the columns of the table mean, and which methods are better than random: lines that fit the terminal."""
    interval = f"mean +- 95% t-interval over {len(seeds)} seeds" if len(seeds) > 1 else "one seed, so no interval"
    equal = {"bill": "selection and checks are paid from it", "steps": "selection and checks are billed on top"}
    classes, over = any(r.accuracy is not None for r in rows), [r.method for r in rows if r.overshoot]
    score, unit = ("Accuracy", "percentage points") if classes else ("Test loss", "how much lower the test loss is")
    relative = " and rel. error (100 (full - method) / full)" if classes else ""
    sentences = [
        f"{verdict(rows)}.",
        f"Bills are in thousands of {RATE}.",
        f"Full training runs for {setup.epochs} epochs and pays its own bill; the others have "
        f"{100 * setup.budget:g}% of its {setup.equal}: {equal[setup.equal]}.",
        f"{score}: on the test set, {interval}. The columns vs. random ({unit}){relative} are paired by seed: "
        "same data, same initial weights. Their intervals are each method's alone; only the verdict is corrected.",
        "Train loss: of the batches since the last evaluation, which each method chooses for itself.",
        *(line for r in rows for line in _remarks(r)),
        *([f"These bills exceeded their limit, by up to what the column over limit shows: {', '.join(over)}."]
          if over else []),
    ]  # fmt: skip
    return [line for sentence in sentences for line in textwrap.wrap(sentence, width(), break_on_hyphens=False)]


def _remarks(row: Row) -> list[str]:
    """What a reader of a method's row has to know: that it diverged, or why it made no step."""
    remarks = []
    if row.diverged:
        steps = ", ".join(f"seed {seed} at step {step}" for seed, step in row.diverged.items())
        remarks.append(f"{row.method} diverged ({steps}): losses or weights stopped being finite.")
    elif row.steps == 0:
        spent = " and ".join(f"{phase} {_thousands(cost)}" for phase, cost in row.phases.items()) or "nothing"
        remarks.append(f"{row.method} made no step: its preparation ({spent}) left too little of its bill for one.")
    return remarks


# ---- files


def document(setup, seeds: Sequence[int], runs: Mapping[str, Sequence[Run]]) -> dict[str, Any]:
    """A comparison for machines: rows, and every run with its curve. What is not finite is None.

    Raises what `rows` raises. `read_document` gives the rows back.
    """
    shared = {name: value for name, value in asdict(setup).items() if name not in ("method", "hyper", "seed")}
    every = [{"method": name, "seed": run.settings.get("seed", seed), "diverged": run.diverged, **run.summary()}
             for name, group in pair(runs).items() for seed, run in zip(seeds, group)]  # fmt: skip
    return _plain({
        "minicrest": minicrest.__version__, "price_per_example": PRICE, "setup": shared, "seeds": list(seeds),
        "rows": [asdict(row) for row in rows(runs)], "runs": every,
    })  # fmt: skip


def read_document(tree: Mapping[str, Any]) -> list[Row]:
    """The rows of what `document` made, also after a way through JSON. Raises ValueError for anything else."""
    try:
        return [_read_row(row) for row in tree["rows"]]
    except (TypeError, LookupError, AttributeError, ValueError) as error:
        raise ValueError(f"this is not a comparison as this version writes it ({error}); compare again") from error


def _read_row(row) -> Row:
    values: dict[str, Any]
    values = {name: Estimate(*(NAN if value[k] is None else value[k] for k in ("mean", "half")))
              if isinstance(value, dict) and value.keys() == {"mean", "half"} else value
              for name, value in row.items()}  # fmt: skip
    diverged = {int(seed): int(step) for seed, step in row["diverged"].items()}
    return Row(**{**values, "diverged": diverged})


def csv(rows: Sequence[Row]) -> str:
    """The rows as comma-separated text with a head; an empty cell stands for what does not exist."""
    lines = _flat(rows)
    text = io.StringIO()
    writer = comma_separated.DictWriter(text, list(lines[0]) if lines else ["method"], lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: "" if _missing(value) else value for name, value in line.items()} for line in lines)
    return text.getvalue()


def frame(rows: Sequence[Row]):
    """The rows as a pandas DataFrame with the columns of `csv`. Raises ImportError where there is no pandas."""
    try:
        import pandas
    except ImportError as error:
        raise ImportError("a DataFrame needs pandas: pip install pandas; to_csv needs nothing") from error
    return pandas.DataFrame(_flat(rows))


def _flat(rows) -> list[dict[str, Any]]:
    """A row as numbers: an Estimate as two columns (accuracy, accuracy_half), a phase of the bill as bill_<phase>."""
    phases = dict.fromkeys(phase for r in rows for phase in r.phases)
    lines = []
    for r in rows:
        line: dict[str, Any] = {}
        for name in (f.name for f in fields(Row) if f.name not in ("phases", "diverged")):
            value = getattr(r, name)
            both = name in ("accuracy", "gain", "relative_error", "test_loss", "train_loss")
            line |= {name: value.mean, f"{name}_half": value.half} if isinstance(value, Estimate) else {name: value}
            line |= {f"{name}_half": None} if both and value is None else {}
        line |= {f"bill_{phase}": r.phases.get(phase, 0.0) for phase in phases}
        lines.append({**line, "diverged": min(r.diverged.values(), default=None)})
    return lines


def _missing(value) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def _plain(tree):
    """The tree in JSON's own types: arrays as lists, what is not finite as None, anything unknown as its repr."""
    if isinstance(tree, Mapping):
        return {str(name): _plain(value) for name, value in tree.items()}
    if isinstance(tree, (list, tuple, set, frozenset, range)):
        return [_plain(value) for value in tree]
    if isinstance(tree, (np.ndarray, np.generic)):
        return _plain(tree.tolist())
    if tree is None or isinstance(tree, (str, int)):
        return tree
    return (tree if math.isfinite(tree) else None) if isinstance(tree, float) else repr(tree)
