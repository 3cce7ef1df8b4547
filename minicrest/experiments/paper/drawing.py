"""The pictures that several experiments share: dots with intervals, in a panel for each group of rows."""

from __future__ import annotations

from collections.abc import Sequence

from minicrest.experiments.figures import COLOURS, dress


def dots(figure, rows: Sequence[dict], group: str, label: str, value: str, unit: str, zero: bool = False) -> None:
    """A panel for each of the rows' groups: a dot for the mean of `value` of each label, a line for its 95% interval.

    Random is black.  zero: with a line at 0, for differences.
    """
    there = [row for row in rows if row.get(value) and row[value]["mean"] is not None]
    groups, labels = (list(dict.fromkeys(row[name] for row in there)) for name in (group, label))
    figure.set_size_inches(max(7, 1.8 + 2.5 * len(groups)), 1.7 + 0.3 * len(labels))
    panels = figure.subplots(1, len(groups), squeeze=False, sharey=True)[0]
    for each, axes in zip(groups, panels):
        dress(axes)
        for row in (row for row in there if row[group] == each):
            k = labels.index(row[label])
            colour = "black" if row[label] == "random" else COLOURS[k % len(COLOURS)]
            axes.errorbar(row[value]["mean"], k, xerr=row[value]["half"] or 0, fmt="o", color=colour, capsize=3)
        axes.set(title=each, xlabel=unit)
        if zero:
            axes.axvline(0, color="0.3", lw=1)
    name_rows(panels[0], labels)


def name_rows(axes, labels: Sequence[str]) -> None:
    """Name the rows 0, 1, ... of `axes`, from top to bottom."""
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
