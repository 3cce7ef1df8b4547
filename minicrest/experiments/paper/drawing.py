"""The pictures that several experiments share: dots with intervals, in a panel for each group of rows."""

from __future__ import annotations

from collections.abc import Sequence

from minicrest.experiments.figures import COLOURS, dress


def dots(figure, rows: Sequence[dict], group: str, label: str, value: str, unit: str, zero: bool = False) -> None:
    """A panel for each of the rows' groups: a dot for the mean of `value` of each label, a line for its 95% interval.

    zero: with a line at 0, for differences.
    """
    groups = list(dict.fromkeys(row[group] for row in rows))
    height = 1.8 + 0.32 * max(sum(row[group] == each for row in rows) for each in groups)
    figure.set_size_inches(max(7, 1.6 + 2.7 * len(groups)), height)
    panels = figure.subplots(1, len(groups), squeeze=False)[0]
    for each, axes in zip(groups, panels):
        mine = [row for row in rows if row[group] == each and row[value] and row[value]["mean"] is not None]
        dress(axes)
        for k, row in enumerate(mine):
            half = row[value]["half"] or 0
            axes.errorbar(row[value]["mean"], k, xerr=half, fmt="o", color=COLOURS[k % len(COLOURS)], capsize=3)
        axes.set(title=each, xlabel=unit, yticks=range(len(mine)), yticklabels=[row[label] for row in mine])
        axes.invert_yaxis()
        if zero:
            axes.axvline(0, color="0.3", lw=1)
