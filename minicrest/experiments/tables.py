"""Runs side by side in words and numbers: the table of a comparison, its verdict."""

from __future__ import annotations

import math
import shutil
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

from minicrest.experiments.documents import csv, document, frame, read_document
from minicrest.experiments.statistics import (
    BASELINES,
    FEWEST_SEEDS,
    Estimate,
    Row,
    estimate,
    last_train_loss,
    rows,
    with_q,
)
from minicrest.run import Run

__all__ = ["RATE", "Estimate", "Row", "both", "cells", "columns", "csv", "document", "estimate", "frame", "heading",
           "legend", "meanings", "read_document", "rows", "summary", "table", "title", "verdict", "what", "width",
           "wrapped"]  # fmt: skip

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
    return "\n\n".join(_folded(lines, most or width()) for lines in cells(rows))


def cells(rows: Sequence[Row]) -> tuple[list[list[str]], list[list[str]]]:
    """The two tables of `table`, each as its head and a line a method."""
    quality, bills = (_cells(rows, heads) for heads in (_quality(rows), _bills(rows)))
    return quality, bills


def both(steps: Sequence[Row], bill: Sequence[Row], most: int | None = None) -> str:
    """One table of two comparisons: each method at equal steps, with the bill it paid, and at equal bill.

    Where it is wider than `most` (None: the terminal), the two parts follow each other.
    """
    left, right = ("vs. random", "bill"), ("vs. random", "vs. shuffle", "steps", "seconds")
    parts = {"equal steps": _cells(steps, _only(_quality(steps), left)),
             "equal bill": _cells(bill, _only(_quality(bill), right))}  # fmt: skip
    joined = [[*left, *right[1:]] for left, right in zip(*parts.values())]
    widths = [max(map(len, column)) + 2 for column in zip(*joined)]
    first, second = widths[0], sum(widths[: len(parts["equal steps"][0])])
    if sum(widths) - 2 > (most or width()):
        return "\n\n".join(f"{name}\n{columns(lines)}" for name, lines in parts.items())
    return f"{' ' * first}{'equal steps':{second - first}}equal bill\n{columns(joined)}"


def _only(heads, names) -> dict[str, Callable[[Row], str]]:
    """The method, the score (accuracy or, without classes, test loss), and the heads among `names`."""
    return {head: cell for k, (head, cell) in enumerate(heads.items()) if k < 2 or head in names}


def columns(lines: Sequence[Sequence[str]], right: bool = True) -> str:
    """Lines of cells as aligned text: the first column to the left, the others to the right (or also to the left).

    >>> print(columns([["method", "steps"], ["crest", "47"]]))
    method  steps
    crest      47
    """
    widths = [max(map(len, column)) for column in zip(*lines)]
    sides = "<" + (">" if right else "<") * (len(widths) - 1)
    return "\n".join("  ".join(map("{:{}{}}".format, line, sides, widths)).rstrip() for line in lines)


def _quality(rows) -> dict[str, Callable[[Row], str]]:
    """Head -> a Row's cell in the first table. Without classes, test loss takes the place of accuracy."""
    classes = any(r.accuracy is not None for r in rows)
    gain = "+.2f" if classes else "+.4g"
    score = {"accuracy %": lambda r: _score(r, r.accuracy, ".2f")} if classes else {
             "test loss": lambda r: _score(r, r.test_loss, ".4g")}  # fmt: skip
    score["vs. random"] = lambda r: _shown(r.gain, gain)
    if any(r.method == "shuffle" for r in rows):
        score["vs. shuffle"] = lambda r: _shown(r.gain_shuffle, gain)
    if classes and any(r.method == "full" for r in rows):
        score["rel. error %"] = lambda r: _shown(r.relative_error, ".2f")
    if classes:
        score["test loss"] = lambda r: _shown_mean(r.test_loss)
    return {"method": _label, **score, "steps": lambda r: f"{r.steps:.0f}", "bill": lambda r: _thousands(r.cost),
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
    return _loss(value.mean) if math.isfinite(value.mean) else "-"


def _loss(value: float) -> str:
    return f"{value:.4f}" if value < 1e5 else f"{value:.3g}"


def _thousands(cost: float) -> str:
    return f"{cost / 1000:,.{1 if cost < 1e6 else 0}f}"


# ---- sentences


def verdict(rows: Sequence[Row]) -> str:
    """Which methods are better and which worse than random and than shuffle, by corrected p-values."""
    there = [baseline for baseline in BASELINES if baseline == "random" or any(r.method == baseline for r in rows)]
    return ". ".join(_verdict(rows, baseline) for baseline in there)


def _verdict(rows, name: str) -> str:
    """The verdict against one baseline; none below three seeds."""
    compared = [r for r in rows if r.method != name]
    baseline = [r for r in rows if r.method == name]
    if not compared or not baseline:
        return f"Compared with {name}: nothing to compare"
    if baseline[0].diverged:
        return f"Compared with {name}: no verdict, for {name} itself diverged"
    if not math.isfinite((baseline[0].accuracy or baseline[0].test_loss).mean):
        return f"Compared with {name}: no verdict, for it has no finite result on a test part"
    if rows[0].seeds < FEWEST_SEEDS:
        return f"Compared with {name}: no verdict, which takes at least {FEWEST_SEEDS} seeds"
    groups: dict[str, list[str]] = {}
    for r in compared:
        groups.setdefault(_group(r, name), []).append(r.method)
    order = [group for group in ("better", "worse", "not told apart", "diverged") if group in groups]
    outcome = "; ".join(f"{group}: {', '.join(groups[group])}" for group in order)
    return f"Compared with {name} ({_test(rows, name)}): {outcome}"


def _test(rows, baseline: str) -> str:
    """How a verdict is reached, in words; after the first baseline, that it is the same way."""
    if baseline != BASELINES[0]:
        return "tested in the same way"
    tested = sum(r.p is not None for r in rows)
    score = "test loss" if all(r.accuracy is None for r in rows) else "accuracy"
    number = f"{tested} comparison{'' if tested == 1 else 's'}"
    return (f"paired t-tests of the {score} over {rows[0].seeds} seeds, corrected by Holm's method for {number}, "
            f"level {LEVEL:.0%}")  # fmt: skip


def _group(row: Row, baseline: str) -> str:
    p, gain = (row.p, row.gain) if baseline == "random" else (row.p_shuffle, row.gain_shuffle)
    if row.diverged:
        return "diverged"
    if p is None or gain is None or p > LEVEL:
        return "not told apart"
    return "better" if gain.mean > 0 else "worse"


def title(setup) -> str:
    """What a run is, in a line."""
    return f"{setup.method} on {what(setup)}, seed {setup.seed}"


def heading(setup, seeds: Sequence[int], equal: str = "") -> str:
    """What a comparison is, in a line; `equal` takes the place of what the setup holds equal."""
    share = f"{100 * setup.budget:g}% of full training's {equal or setup.equal}"
    chosen = f", {' and '.join(setup.tuned)} chosen for each" if setup.tuned else ""
    return f"{what(setup)}: each method with {share}{chosen}; {_range(seeds)}"


def what(setup) -> str:
    """Which network is trained on which data, in a few words."""
    made = " and ".join(f"{name} {value:g}" for name, value in setup.transform)
    loss = f" with q {setup.q:g}" if setup.q and "q" not in setup.tuned else ""
    return f"{Path(setup.data).stem}{' with ' * bool(made)}{made}, {setup.model}{loss}"


def _range(seeds) -> str:
    return f"seeds {seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"seed {seeds[0]}"


def summary(setup, run: Run) -> str:
    """A run in a few lines, none wider than the terminal."""
    cost = run.ledger.cost
    phases = ", ".join(f"{name} {bill.cost:,}" for name, bill in run.ledger.phases.items() if bill.cost)
    lines = [
        f"{title(setup)}: {run.steps} steps in {run.ledger.seconds:.1f} s",
        *([] if run.diverged is None else [f"DIVERGED at step {run.diverged}: losses or weights are not finite"]),
        _last(run),
        f"bill {cost:,}" + (f": {phases}" if phases else ""),
        f"  in {RATE}",
        f"trained on {(run.uses > 0).sum():,} of {len(run.uses):,} examples",
    ]
    if "check_rho" in run.report:
        regions, checks = len(run.report["start"]), len(run.report["check_rho"])
        lines.append(f"regions {regions}, checks {checks}, mean length {run.steps / max(1, regions):.1f} steps")
    return "\n".join(textwrap.fill(line, width(), subsequent_indent="  ") for line in lines)


def _last(run) -> str:
    """The last evaluation in words; what it does not have is left out."""
    accuracy = f"test accuracy {100 * run.accuracy:.2f}%, " if math.isfinite(run.accuracy) else ""
    train_loss = last_train_loss(run)
    train = f", train loss {_loss(train_loss)} (of the last batches{with_q(run)})" if math.isfinite(train_loss) else ""
    return f"{accuracy}test loss {_loss(run.curve.loss[-1])}{train}"


def legend(setup, seeds: Sequence[int], rows: Sequence[Row]) -> list[str]:
    """What the columns of the table mean, and which methods are better than random: lines that fit the terminal."""
    return wrapped([f"{verdict(rows)}.", *meanings(setup, seeds, rows)])


def meanings(setup, seeds: Sequence[int], rows: Sequence[Row]) -> list[str]:
    """What the columns of the table mean, in sentences."""
    equal = {"bill": "selection and checks are paid from it", "steps": "selection and checks are billed on top"}
    share = f"The others have {100 * setup.budget:g}% of its {setup.equal}: {equal[setup.equal]}."
    full, *rest = _meanings(setup, seeds, rows)
    return [full, share, *rest]


def _meanings(setup, seeds, rows) -> list[str]:
    """Sentences on what every table shows."""
    interval = f"mean +- 95% t-interval over {len(seeds)} seeds" if len(seeds) > 1 else "one seed, so no interval"
    classes, over = any(r.accuracy is not None for r in rows), [r.method for r in rows if r.overshoot]
    score, unit = ("Accuracy", "percentage points") if classes else ("Test loss", "how much lower the test loss is")
    return [
        f"Full training runs for {setup.epochs} epochs and pays its own bill; shuffle is full training that ends where "
        "the others do: every example in turn, in a new order each epoch.",
        f"Bills are in thousands of {RATE}.",
        f"{score}: on the test set, {interval}. What is compared (vs. random, vs. shuffle: {unit}"
        f"{'; rel. error: 100 (full - method) / full' if classes else ''}) is paired by seed: same data, same initial "
        "weights. The intervals are each method's alone; the verdict is corrected.",
        *(line for r in rows for line in _remarks(r)),
        *([f"These bills exceeded their limit, by up to what the column over limit shows: {', '.join(over)}."]
          if over else []),
    ]  # fmt: skip


def legend_of_both(setup, seeds: Sequence[int], steps: Sequence[Row], bill: Sequence[Row]) -> list[str]:
    """What the columns of the table of both ways mean, and the verdicts: lines that fit the terminal."""
    return wrapped([
        f"Equal steps, as papers compare: every method makes {100 * setup.budget:g}% of full training's steps, and the "
        "bill is what that cost it, selection and checks included. Equal bill: every method ends at "
        f"{100 * setup.budget:g}% of full training's bill, after as many steps as that pays for.",
        f"At equal steps: {verdict(steps)}.", f"At equal bill: {verdict(bill)}.",
        *dict.fromkeys([*_meanings(setup, seeds, bill), *(line for r in steps for line in _remarks(r))]),
    ])  # fmt: skip


def wrapped(sentences: Sequence[str]) -> list[str]:
    """The sentences as lines that fit the terminal, each on lines of its own."""
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
