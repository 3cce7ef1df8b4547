"""What runs look like: a comparison as a picture, a single run as a picture, who was kept how often.

Colours are Okabe and Ito's, which colour-blind readers can tell apart; random is always the thick black line.
"""

from __future__ import annotations

import numpy as np

from minicrest.experiments.tables import estimate
from minicrest.figures import blank
from minicrest.selection.dynamic import census

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
DASHES = ("-", "--", "-.", ":")  # another one each time the colours are used up
BILL = "bill, {} forward passes\n(forward 1, backward 2, Hessian product 4 per example)"


def comparison(runs, title: str = ""):
    """A Figure of `runs`, method -> a Run a seed: test accuracy and test loss against the bill.

    Lines are means over seeds and bands their 95% t-intervals. Full training is a horizontal line where it ended; the
    axis of the bill ends where the others do.
    """
    figure = blank(11, 4.8)
    accuracy, loss = figure.subplots(1, 2)
    others = {name: own for name, own in runs.items() if name != "full"}
    scale, unit = _unit(max(run.ledger.cost for own in (others or runs).values() for run in own))
    for (name, own), style in zip(others.items(), _styles(others)):
        for axes, field, factor in ((accuracy, "accuracy", 100), (loss, "loss", 1)):
            bill, mean, half = _mean_curve(own, field, factor)
            axes.plot(bill / scale, mean, label=name, **style)
            axes.fill_between(bill / scale, mean - half, mean + half, color=style["color"], alpha=0.15, lw=0)
    if "full" in runs:
        _level(accuracy, [100 * run.accuracy for run in runs["full"]], runs["full"], scale, unit)
        _level(loss, [run.curve.loss[-1] for run in runs["full"]], runs["full"], scale, unit)
    for axes in (accuracy, loss):
        axes.set(xlabel=BILL.format(unit), xlim=(0, None))
        _dress(axes)
    accuracy.set(ylabel="test accuracy, %")
    loss.set(ylabel="test loss, nats (logarithmic)")
    _logarithmic(loss)
    figure.suptitle(title)
    handles, labels = accuracy.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(6, len(labels)), frameon=False)
    return figure


def run_picture(run, title: str = ""):
    """A Figure of one Run: accuracy and losses against the bill; where it kept them, CREST's checks and regions."""
    crest = "check_rho" in run.report
    figure = blank(11, 9 if crest else 4.2)
    axes = figure.subplots(3 if crest else 1, 2, squeeze=False)
    for each in axes.flat:
        _dress(each)
    _curve(*axes[0], run)
    if crest:
        _checks(axes[1, 0], run)
        _bill(axes[1, 1], run)
        _regions(*axes[2], run)
    figure.suptitle(title)
    return figure


def census_picture(kept, checkpoints: int, always: float = 0.95, never: float = 0.05, title: str = ""):
    """A Figure of how often each example was kept: the shares kept / checkpoints, and who is always, sometimes, never.

    kept (n,): counts, as dynamic pruning reports them; checkpoints: how many there were.
    """
    figure = blank(7, 4.2)
    axes = figure.subplots()
    bars = min(checkpoints, 50)
    bins = (np.arange(bars + 2) - 0.5) / bars  # centred on 0, 1/bars .. 1
    axes.hist(np.asarray(kept) / checkpoints, bins=bins, color=COLOURS[0])
    for cut in (never, always):
        axes.axvline(cut, color="black", ls=":")
    parts = census(kept, checkpoints, always, never)
    names = ", ".join(f"{len(part)} {name}" for name, part in zip(parts._fields, parts))
    label = f"share of the {checkpoints} checkpoints at which an example was kept"
    axes.set(xlabel=label, ylabel="examples", title=title or names)
    _dress(axes)
    return figure


# ---- a comparison


def _styles(names):
    """A line style a method: random's, then colours in turn."""
    k = 0
    for name in names:
        if name == "random":
            yield dict(color="black", lw=2.6, zorder=3)
        else:
            yield dict(color=COLOURS[k % len(COLOURS)], ls=DASHES[k // len(COLOURS) % len(DASHES)], lw=1.8)
            k += 1


def _mean_curve(runs, field, factor):
    """(bill, mean, half-width) of `factor` times a column of the curves, at bills that every run has paid."""
    first, last = max(run.curve.cost[0] for run in runs), min(run.curve.cost[-1] for run in runs)
    bill = np.linspace(first, last, 200)
    values = np.array([np.interp(bill, run.curve.cost, factor * getattr(run.curve, field)) for run in runs])
    points = [estimate(column) for column in values.T]
    mean, half = np.array([p.mean for p in points]), np.array([p.half for p in points])
    return bill, mean, np.nan_to_num(half)  # one seed has no interval, and no band


def _level(axes, values, runs, scale, unit):
    """Full training's end as a horizontal line, its bill in the label."""
    bill = np.mean([run.ledger.cost for run in runs]) / scale
    label = f"full, where it ended ({bill:,.3g} {unit} passes)"
    axes.axhline(np.mean(values), color="0.45", ls=(0, (6, 3)), lw=1.4, label=label, zorder=1)


# ---- a run


def _curve(left, right, run):
    curve, (scale, unit) = run.curve, _unit(run.ledger.cost)
    left.plot(curve.cost / scale, 100 * curve.accuracy, color=COLOURS[0], marker=".")
    left.set(xlabel=BILL.format(unit), ylabel="test accuracy, %", title=f"accuracy: {100 * run.accuracy:.2f}%")
    right.plot(curve.cost / scale, curve.loss, color=COLOURS[0], marker=".", label="test set")
    right.plot(curve.cost / scale, curve.train_loss, color=COLOURS[1], marker=".", ls="--", label="batches trained on")
    right.set(xlabel=BILL.format(unit), ylabel="mean loss, nats (logarithmic)", title="loss")
    _logarithmic(right)
    right.legend(frameon=False)


def _checks(axes, run):
    """rho at every check, and the threshold tau above which a region ends."""
    step, rho = run.report["check_step"], run.report["check_rho"]
    tau = run.settings["hyperparameters"]["tau"]
    held = rho <= tau
    axes.plot(step[held], rho[held], "o", ms=4, color=COLOURS[0], label="the model holds")
    axes.plot(step[~held], rho[~held], "x", ms=6, color=COLOURS[1], label="the region ends")
    axes.axhline(tau, color="0.3", ls="--", lw=1.2, label=f"tau = {tau:g}")
    axes.set(xlabel="step", ylabel="rho (logarithmic)", xlim=(0, run.steps), title=f"checks of the model: {len(rho)}")
    _logarithmic(axes)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=3, frameon=False)


def _bill(axes, run):
    """The bill by phase, a bar each."""
    phases = {name: bill.cost for name, bill in run.ledger.phases.items() if bill.cost}
    scale, unit = _unit(max(phases.values(), default=1))
    bars = axes.barh(list(phases), [cost / scale for cost in phases.values()], color=COLOURS[0])
    axes.bar_label(bars, [f"{100 * cost / run.ledger.cost:.0f}%" for cost in phases.values()], padding=3)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set(xlabel=f"{unit} forward passes", title="where the bill went")
    axes.grid(False, axis="y")


def _regions(left, right, run):
    """Each region's length and T1, from its first step to its last; and how many examples were active."""
    start, length, T1 = (np.asarray(run.report[name], dtype=float) for name in ("start", "length", "T1"))
    edges = np.append(start, run.steps)
    left.stairs(length, edges, color=COLOURS[0], lw=1.8, baseline=None, label="length")
    left.stairs(T1, edges, color=COLOURS[1], lw=1.8, ls="--", baseline=None, label="T1, steps between checks")
    left.set(xlabel="step", ylabel="steps (logarithmic)", xlim=(0, run.steps), title=f"regions: {len(start)}")
    _logarithmic(left)
    left.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2, frameon=False)
    n = len(run.uses)
    right.stairs(100 * np.asarray(run.report["active"]) / n, edges, color=COLOURS[2], lw=1.8, baseline=None)
    right.set(xlabel="step", ylabel=f"% of {n:,} examples", xlim=(0, run.steps), ylim=(0, 105),
              title="active examples, when a region opens")  # fmt: skip


# ---- both


def _dress(axes) -> None:
    """A light grid and no box."""
    axes.grid(True, color="0.9", lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _logarithmic(axes) -> None:
    """A logarithmic y axis whose ticks read 0.1, 1, 10, and also 0.2 and 0.5 where there are few decades to label."""

    def between(value, _) -> str:
        low, high = axes.get_ylim()
        return f"{value:g}" if high < 300 * low and f"{value:e}"[0] in "25" else ""

    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_minor_formatter(between)


def _unit(cost: float) -> tuple[float, str]:
    """What to divide a bill of this size by, and its name."""
    return (1e6, "million") if cost >= 1e6 else (1e3, "thousand")
