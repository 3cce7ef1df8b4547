"""A comparison both ways: at equal steps, as papers compare, and at equal bill, as a user pays."""

from __future__ import annotations

import html
from dataclasses import dataclass, field, replace
from typing import Any

from minicrest.experiments import plots, tables
from minicrest.experiments.comparison import Comparison
from minicrest.experiments.files import write_anywhere
from minicrest.experiments.terminal import escaped
from minicrest.run import Run

WAYS = ("steps", "bill")


@dataclass(frozen=True, eq=False)
class BothWays:
    """The same methods and seeds compared at equal steps and at equal bill; full training is part of both."""

    steps: Comparison
    bill: Comparison
    notes: list[str] = field(default_factory=list)

    @property
    def setup(self):
        """What all runs have in common; its `equal` is that of the first."""
        return self.steps.setup

    @property
    def complete(self) -> bool:
        """Whether every run has reached its end."""
        return self.steps.complete and self.bill.complete

    @property
    def runs(self) -> dict[str, list[Run]]:
        """A Run for each seed of every method and way, named as in `rows`."""
        return {f"{label}, equal {way}": runs for way in WAYS for label, runs in getattr(self, way).runs.items()}

    @property
    def rows(self) -> list[tables.Row]:
        """A row for each method and way, named "crest, equal steps"."""
        return [replace(row, method=f"{row.method}, equal {way}") for way in WAYS for row in getattr(self, way).rows]

    @property
    def diverged(self) -> list[tuple[str, int, int]]:
        """(method, seed, step) of every run that diverged."""
        return list(dict.fromkeys([*self.steps.diverged, *self.bill.diverged]))

    def table(self) -> str:
        """One line a method: how good it is at equal steps and the bill it paid, and how good at equal bill."""
        return tables.both(self.steps.rows, self.bill.rows)

    def verdict(self) -> str:
        """Which methods beat or trail the baselines, at equal steps and at equal bill."""
        return f"At equal steps: {self.steps.verdict()}. At equal bill: {self.bill.verdict()}"

    def heading(self) -> str:
        """What is compared, in a line."""
        return tables.heading(self.setup, self.steps.seeds, "steps and of its bill")

    def text(self) -> str:
        """Heading, table and legend, as the command line prints them."""
        legend = tables.legend_of_both(self.setup, self.steps.seeds, self.steps.rows, self.bill.rows)
        heading, notes = tables.wrapped([self.heading()]), tables.wrapped(self.notes)
        return "\n".join([*heading, "", self.table(), "", *legend, *notes])

    def figure(self):
        """A Matplotlib Figure of two panels: accuracy at equal steps with the bill paid, and accuracy at equal bill."""
        return plots.both(self.steps.runs, self.bill.runs, escaped(self.heading()))

    def document(self) -> dict[str, Any]:
        """Everything as plain values, for JSON: the documents of both comparisons."""
        return {"steps": self.steps.document(), "bill": self.bill.document()}

    def to_csv(self, path) -> None:
        """Write the rows to `path`, as Comparison does."""
        text = tables.csv(self.rows)
        write_anywhere(path, lambda file: file.write(text.encode("utf-8", "surrogateescape")))

    def to_frame(self):
        """The rows as a pandas DataFrame. Raises ImportError without pandas."""
        return tables.frame(self.rows)

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.text())}</pre>"
