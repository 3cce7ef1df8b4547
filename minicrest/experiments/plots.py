"""What runs look like: a comparison as a picture, and a single run as a picture.

In a comparison random is always the thick black line. Pictures of one method are in method_plots.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence

import numpy as np

from minicrest.experiments.figures import COLOURS, blank, dress, logarithmic
from minicrest.experiments.method_plots import bill_panel, census_picture, panels, pictures, unit_of
from minicrest.experiments.statistics import estimate, limit, pair, with_classes, with_q
from minicrest.run import Run

__all__ = ["both", "census_picture", "comparison", "pictures", "run_picture", "side_by_side"]

DASHES = ("-", "--", "-.", ":")  # another one each time the colours are used up
BILL = "bill, {} forward passes\n(forward 1, backward 2, Hessian product 4 per example)"
BANDS = 6  # so many bands at most can be told apart


def comparison(runs: Mapping[str, Sequence[Run]], title: str = ""):
    """A Figure of `runs`, method -> a Run a seed: test accuracy (where there is one) and test loss against the bill.

    Lines are means over seeds; for up to 6 methods, bands are their 95% t-intervals. Full training is a horizontal
    line where it ended; the axis of the bill ends where the others do, apart from those whose preparation alone exceeds
    the budget. An x marks where a run diverged. Raises ValueError where a method lacks a run of a seed.
    """
    runs = pair(runs)
    fields = _fields(runs)
    figure = blank(6 * len(fields) if len(fields) > 1 else 8, 4.8, title)
    _draw(figure, runs, dict(zip(fields, np.ravel(figure.subplots(1, len(fields))))), "outside right upper")
    return figure


def side_by_side(compared: Sequence[tuple[str, Mapping[str, Sequence[Run]]]]):
    """A Figure with a column for each (title, runs): what `comparison` draws, accuracy above loss."""
    figure = blank(6.4 * len(compared), 9.6)
    for part, (title, each) in zip(figure.subfigures(1, len(compared), squeeze=False)[0], compared):
        runs = pair(each)
        fields = _fields(runs)
        part.suptitle(textwrap.fill(title, 60), parse_math=False)
        _draw(part, runs, dict(zip(fields, np.ravel(part.subplots(len(fields), 1)))), "outside lower center")
    return figure


def both(steps: Mapping[str, Sequence[Run]], bill: Mapping[str, Sequence[Run]], title: str = ""):
    """A Figure of two comparisons of the same methods: accuracy at equal steps with each bill, and at equal bill.

    A dot is the mean over seeds, its line the 95% t-interval; without classes they are of the test loss. Beside each is
    what was not equal: its bill in multiples of random's, and its steps. Full training is a dashed line.
    """
    steps, bill = pair(steps), pair(bill)
    names = [name for name in bill if name != "full"]
    figure = blank(12, 1.9 + 0.42 * len(names), title)
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    random = _mean_bill(steps["random"]) if "random" in steps else math.nan
    paid = {name: f"\u00d7 {_mean_bill(steps[name]) / random:.1f}" for name in names}
    made = {name: f"{np.mean([run.steps for run in bill[name]]):,.0f}" for name in names}
    _dots(left, steps, names, paid, "bill")
    _dots(right, bill, names, made, "steps")
    left.set(title="equal steps, as papers compare", yticks=range(len(names)), yticklabels=names)
    right.set(title="equal bill: what can be had for the same work")
    left.set_ylim(len(names) - 0.5, -0.5)
    for label in left.get_yticklabels():
        label.set_parse_math(False)
    if "full" in bill:
        times = f" ({_mean_bill(bill['full']) / random:.0f} times random's bill)" if math.isfinite(random) else ""
        figure.legend(right.lines[-1:], [f"full training{times}"], loc="outside lower center", frameon=False)
    return figure


def run_picture(run: Run, title: str = ""):
    """A Figure of one Run: accuracy and losses against the bill, and below them what its method reports to be drawn.

    Without classes, the bill by phase takes the place of the accuracy.
    """
    rows = panels(run)
    figure = blank(11, 4.2 + 2.4 * len(rows), title)
    axes = figure.subplots(1 + len(rows), 2, squeeze=False)
    for each in axes.flat:
        dress(each)
    (_accuracy if with_classes({"": [run]}) else bill_panel)(axes[0, 0], run)
    _losses(axes[0, 1], run)
    for row, pair_of_axes in zip(rows, axes[1:]):
        row.draw(*pair_of_axes, run)
    return figure


# ---- a comparison


def _fields(runs) -> list[str]:
    return ["accuracy", "loss"] if with_classes(runs) else ["loss"]


def _draw(figure, runs, axes, place: str) -> None:
    """Fill `axes`, field -> Axes, with the curves of `runs`, and put the legend at `place` of the figure."""
    others = {name: group for name, group in runs.items() if name != "full"}
    right = _right_end(others or runs)
    scale, unit = unit_of(right)
    for field, each in axes.items():
        for (name, group), style in zip(others.items(), _styles(others)):
            _line(each, group, field, scale, style, len(others) <= BANDS, name + _remark(group, right))
        if "full" in runs:
            _level(each, runs["full"], field, scale, unit)
        each.set(xlabel=BILL.format(unit), xlim=(0, 1.02 * right / scale))
        dress(each)
        (_frame_accuracy if field == "accuracy" else _frame_loss)(each, runs, "accuracy" in axes)
    legend = figure.legend(*axes["loss"].get_legend_handles_labels(), loc=place, frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)


def _mean_bill(runs) -> float:
    return float(np.mean([run.ledger.cost for run in runs]))


def _dots(axes, runs, names, beside, head: str) -> None:
    """A dot with its interval for each of `names`, top down; at the right edge `beside`, under its `head`."""
    classes = with_classes(runs)
    field = "accuracy" if classes else "loss"
    for row, (name, style) in enumerate(zip(names, _styles(names))):
        at = estimate([_column(run, field)[-1] for run in runs[name]])
        failed = any(run.diverged is not None for run in runs[name])
        if failed:
            axes.annotate("diverged", (0.5, row), xycoords=("axes fraction", "data"), ha="center", va="center")
        elif math.isfinite(at.mean):
            axes.errorbar(at.mean, row, xerr=np.nan_to_num(at.half), fmt="o", ms=8, lw=2.4, color=style["color"])
        axes.annotate(beside[name], (1.03, row), xycoords=("axes fraction", "data"), va="center", annotation_clip=False)
    axes.annotate(head, (1.03, 1.02), xycoords="axes fraction", va="bottom", annotation_clip=False)
    axes.set(xlabel="test accuracy, %" if classes else "test loss")
    dress(axes)
    if "full" in runs:
        level = estimate([_column(run, field)[-1] for run in runs["full"]]).mean
        axes.axvline(level, color="0.45", ls=(0, (6, 3)), lw=1.4, zorder=1)


def _styles(names):
    """A line style a method: random's, then colours in turn."""
    k = 0
    for name in names:
        if name == "random":
            yield dict(color="black", lw=2.6, zorder=3)
        else:
            yield dict(color=COLOURS[k % len(COLOURS)], ls=DASHES[k // len(COLOURS) % len(DASHES)], lw=1.8)
            k += 1


def _right_end(runs) -> float:
    """Where the axis of the bill ends: at the largest bill, without methods whose preparation exceeds the budget.

    The budget is the limit of the bills; where there is none, the most that a run spent after its preparation.
    """
    every = [run for group in runs.values() for run in group]
    limits = [most for run in every if (most := limit(run)) is not None]
    budget = max(limits) if limits else max(run.curve.cost[-1] - run.curve.cost[0] for run in every)
    return max([run.curve.cost[-1] for run in every if run.curve.cost[0] <= budget] or [budget]) or 1.0


def _remark(runs, right) -> str:
    """What the legend adds to a method's name."""
    remarks = {"diverged at x": any(run.diverged is not None for run in runs),
               "no step": all(run.steps == 0 for run in runs),
               "beyond the axis": min(run.curve.cost[0] for run in runs) > right}  # fmt: skip
    holding = ", ".join(remark for remark, holds in remarks.items() if holds)
    return f" ({holding})" if holding else ""


def _column(run, field) -> np.ndarray:
    """A column of the curve to draw: accuracy in percent, loss; NaN where it is not finite."""
    values = np.asarray(getattr(run.curve, field), dtype=float) * (100 if field == "accuracy" else 1)
    return np.where(np.isfinite(values), values, np.nan)


def _line(axes, runs, field, scale, style, band, label) -> None:
    """The mean over seeds with its band; a dot where it is a single point, an x where a run diverged."""
    bill, mean, half = _mean_curve(runs, field)
    dot = dict(marker="o", ms=4) if bill[0] == bill[-1] else {}
    axes.plot(bill / scale, mean, label=label, **style, **dot)
    if band:
        low, high = mean - half, mean + half
        low, high = np.clip((low, high), 0, 100) if field == "accuracy" else (np.fmax(low, 1e-3 * mean), high)
        axes.fill_between(bill / scale, low, high, color=style["color"], alpha=0.15, lw=0)
    for run in runs:
        if run.diverged is not None:
            place = np.flatnonzero(np.isfinite(_column(run, field)))[-1:]
            axes.plot(run.curve.cost[place] / scale, _column(run, field)[place], "x", ms=9, mew=2.2, zorder=4,
                      color=style["color"])  # fmt: skip


def _mean_curve(runs, field):
    """(bill, mean, half-width) of a column of the curves, (200,) each, at bills that every run has paid."""
    first, last = max(run.curve.cost[0] for run in runs), min(run.curve.cost[-1] for run in runs)
    bill = np.linspace(first, max(first, last), 200)
    values = np.array([np.interp(bill, run.curve.cost, _column(run, field)) for run in runs])
    points = [estimate(column) for column in values.T]
    mean, half = np.array([p.mean for p in points]), np.array([p.half for p in points])
    return bill, mean, np.nan_to_num(half)  # one seed has no interval, and no band


def _level(axes, runs, field, scale, unit) -> None:
    """Full training's end as a horizontal line, its bill in the label."""
    bill = np.mean([run.ledger.cost for run in runs]) / scale
    label = f"full, where it ended\n({bill:,.3g} {unit} passes)" + _remark(runs, np.inf)
    level = estimate([_column(run, field)[-1] for run in runs]).mean
    axes.axhline(level, color="0.45", ls=(0, (6, 3)), lw=1.4, label=label, zorder=1)


def _frame_accuracy(axes, runs, classes) -> None:
    low, high = axes.get_ylim()
    axes.set(ylabel="test accuracy, %", title="test accuracy", ylim=(max(-1.5, low), min(101.5, high)))


def _frame_loss(axes, runs, classes) -> None:
    """A logarithmic axis of the lines, whatever the bands.

    It ends at most at 10 times an untrained network's loss, or the highest of the calmest line where that is more.
    """
    axes.set(ylabel="test loss, nats (logarithmic)" if classes else "test loss (logarithmic)", title="test loss")
    lines = [np.asarray(line.get_ydata(), dtype=float) for line in axes.lines]
    lines = [ys for ys in (ys[np.isfinite(ys) & (ys > 0)] for ys in lines) if len(ys)]
    if lines:
        highs = [ys.max() for ys in lines if len(ys) > 2] or [np.inf]  # the level of full training is no line
        untrained = np.nan_to_num(max(run.curve.loss[0] for group in runs.values() for run in group))
        high = min(1.3 * max(ys.max() for ys in lines), 10 * max(untrained, min(highs)))
        axes.set_ylim(min(ys.min() for ys in lines) / 1.3, high)
    logarithmic(axes)


# ---- a run


def _accuracy(axes, run) -> None:
    scale, unit = unit_of(run.ledger.cost)
    axes.plot(run.curve.cost / scale, _column(run, "accuracy"), color=COLOURS[0], marker=".")
    ended = f"accuracy: {100 * run.accuracy:.2f}%" if run.diverged is None else f"diverged at step {run.diverged}"
    axes.set(xlabel=BILL.format(unit), ylabel="test accuracy, %", title=ended)


def _losses(axes, run) -> None:
    scale, unit = unit_of(run.ledger.cost)
    trained_on = f"batches trained on{with_q(run)}"
    for field, label, dashes, colour in (("loss", "test set", "-", COLOURS[0]),
                                         ("train_loss", trained_on, "--", COLOURS[1])):  # fmt: skip
        if np.isfinite(_column(run, field)).any():
            axes.plot(run.curve.cost / scale, _column(run, field), color=colour, marker=".", ls=dashes, label=label)
    axes.set(xlabel=BILL.format(unit), ylabel="mean loss (logarithmic)", title="loss")
    logarithmic(axes)
    axes.legend(frameon=False)
