"""Pictures of one method: CREST's checks and regions, and the census of dynamic pruning.

Each reads what its method reports, so a method of one's own that reports the same has the same pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from minicrest.experiments.census import census
from minicrest.experiments.figures import COLOURS, blank, dress, logarithmic


class Panels(NamedTuple):
    """A row of two panels, (left, right, run) -> None, for runs whose report has all of `needs`."""

    needs: tuple[str, ...]
    draw: Callable[..., None]


def panels(run) -> list[Panels]:
    """The rows of panels that fit the report of `run`; [] for most methods."""
    return [row for rows in METHOD_PANELS.values() for row in rows if all(name in run.report for name in row.needs)]


def pictures(run, title: str = "") -> dict[str, object]:
    """The Figures that stand in files of their own, name -> Figure; {} for most methods."""
    checkpoints = len(run.report.get("checkpoint_step", ()))
    if "kept" not in run.report or not checkpoints:
        return {}
    return {"census": census_picture(run.report["kept"], checkpoints, title=title)}


def bill_panel(axes, run) -> None:
    """The bill by phase, a bar each, with its share of the whole."""
    phases = {name: bill.cost for name, bill in run.ledger.phases.items() if bill.cost}
    scale, unit = unit_of(max(phases.values(), default=1))
    places = range(len(phases))
    bars = axes.barh(places, [cost / scale for cost in phases.values()], color=COLOURS[0])
    axes.bar_label(bars, [f"{100 * cost / run.ledger.cost:.0f}%" for cost in phases.values()], padding=3)
    axes.set_yticks(places, list(phases), parse_math=False)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set(xlabel=f"{unit} forward passes", title="where the bill went")
    axes.grid(False, axis="y")


def unit_of(cost: float) -> tuple[float, str]:
    """What to divide a bill of this size by, and its name."""
    return (1e6, "million") if cost >= 1e6 else (1e3, "thousand")


# ---- CREST


def _checks_and_bill(left, right, run) -> None:
    """rho at every check and the threshold tau above which a region ends; the bill by phase."""
    step, rho = run.report["check_step"], run.report["check_rho"]
    tau = run.settings["hyperparameters"]["tau"]
    holds = rho <= tau
    left.plot(step[holds], rho[holds], "o", ms=4, color=COLOURS[0], label="the model holds")
    left.plot(step[~holds], rho[~holds], "x", ms=6, color=COLOURS[1], label="the region ends")
    left.axhline(tau, color="0.3", ls="--", lw=1.2, label=f"tau = {tau:g}")
    left.set(xlabel="step", ylabel="rho (logarithmic)", title=f"checks of the model: {len(rho)}", xlim=_steps(run))
    logarithmic(left)
    _legend_below(left, 3)
    bill_panel(right, run)


def _regions(left, right, run) -> None:
    """Each region's length and T1, from its first step to its last; and how many examples were active."""
    start, length, T1 = (np.asarray(run.report[name], dtype=float) for name in ("start", "length", "T1"))
    edges = np.append(start, run.steps)
    left.stairs(length, edges, color=COLOURS[0], lw=1.8, baseline=None, label="length")
    left.stairs(T1, edges, color=COLOURS[1], lw=1.8, ls="--", baseline=None, label="T1, steps between checks")
    left.set(xlabel="step", ylabel="steps (logarithmic)", title=f"regions: {len(start)}", xlim=_steps(run))
    logarithmic(left)
    _legend_below(left, 2)
    n = len(run.uses)
    right.stairs(100 * np.asarray(run.report["active"]) / n, edges, color=COLOURS[2], lw=1.8, baseline=None)
    right.set(xlabel="step", ylabel=f"% of {n:,} examples", xlim=_steps(run), ylim=(0, 105),
              title="active examples, when a region opens")  # fmt: skip


def _steps(run) -> tuple[int, int]:
    return 0, max(1, run.steps)


def _legend_below(axes, columns: int) -> None:
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=columns, frameon=False)


METHOD_PANELS = {
    "crest": (
        Panels(("check_step", "check_rho"), _checks_and_bill),
        Panels(("start", "length", "T1", "active"), _regions),
    ),
}


# ---- dynamic pruning


def census_picture(kept, checkpoints: int, always: float = 0.95, never: float = 0.05, title: str = ""):
    """A Figure of how often each example was kept: the shares kept / checkpoints, and who is always, sometimes, never.

    kept (n,): counts, as dynamic pruning reports them; checkpoints: how many there were. Raises what `census` raises.
    Each possible count 0 .. checkpoints has a bar of its own, and a part is a row of bars, so no limit crosses a bar.
    """
    sizes = [len(part) for part in reversed(census(kept, checkpoints, always, never))]
    counts = np.bincount(np.asarray(kept, dtype=np.int64), minlength=checkpoints + 1)
    edges = np.linspace(0, 1, checkpoints + 2)
    figure = blank(7, 4.2, title or "How often dynamic pruning kept each example")
    axes = figure.subplots()
    labels = (f"never (at most {never:.0%})", "sometimes", f"always (at least {always:.0%})")
    parts = reversed(census(range(checkpoints + 1), checkpoints, always, never))  # of the counts 0 .. checkpoints
    for part, size, label, colour in zip(parts, sizes, labels, (COLOURS[1], COLOURS[0], COLOURS[2])):
        if len(part):
            around = edges[part[0] : part[-1] + 2]
            axes.stairs(counts[part], around, fill=True, color=colour, label=f"{label}: {size:,}")
            if part[0] > 0:
                axes.axvline(around[0], color="0.3", ls=":", lw=1.2)
    ticks = np.arange(0, checkpoints + 1, -(-(checkpoints + 1) // 12))
    axes.set_xticks(edges[ticks] + edges[1] / 2, [f"{k}" for k in ticks])
    axes.set(xlabel=f"at how many of the {checkpoints} checkpoints an example was kept", ylabel="examples",
             xlim=(0, 1), ylim=(0, 1.05 * max(1, counts.max())))  # fmt: skip
    dress(axes)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize="small")
    return figure
