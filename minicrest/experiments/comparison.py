"""A Comparison: what several methods did over several seeds, as a table, a picture, a CSV file or a DataFrame."""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from typing import Any

from minicrest.experiments import plots, tables
from minicrest.experiments.files import write_anywhere
from minicrest.experiments.setup import Setup
from minicrest.experiments.terminal import escaped
from minicrest.run import Run


@dataclass(frozen=True, eq=False)
class Comparison:
    """The runs of a comparison: `runs` maps each method's label to a Run for each of `seeds`, in their order.

    setup: what all runs have in common (its method, hyper and seed are those of the first).
    notes: sentences that the table should come with.
    """

    setup: Setup
    seeds: list[int]
    runs: dict[str, list[Run]]
    notes: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether every run has reached its end."""
        every = [run for runs in self.runs.values() for run in runs]
        return len(every) == len(self.seeds) * len(self.runs) and all(run.complete for run in every)

    @property
    def rows(self) -> list[tables.Row]:
        """A row of the table for each method: means over seeds, with intervals."""
        return tables.rows(self.runs)

    @property
    def diverged(self) -> list[tuple[str, int, int]]:
        """(method, seed, step) of every run whose losses or parameters stopped being finite."""
        return [(label, seed, step) for label, runs in self.runs.items() for seed, run in zip(self.seeds, runs)
                if (step := run.diverged) is not None]  # fmt: skip

    def table(self) -> str:
        """The rows as aligned text: how good each method is, and at what bill."""
        return tables.table(self.rows)

    def verdict(self) -> str:
        """Which methods beat or trail random selection and shuffle, as far as the seeds can tell."""
        return tables.verdict(self.rows)

    def heading(self) -> str:
        """What is compared, in a line."""
        return tables.heading(self.setup, self.seeds)

    def text(self) -> str:
        """Heading, table and legend, as the command line prints them."""
        legend = tables.legend(self.setup, self.seeds, self.rows)
        heading, notes = tables.wrapped([self.heading()]), tables.wrapped(self.notes)
        return "\n".join([*heading, "", self.table(), "", *legend, *notes])

    def figure(self):
        """A Matplotlib Figure: test accuracy and test loss against the bill."""
        return plots.comparison(self.runs, escaped(self.heading()))

    def document(self) -> dict[str, Any]:
        """Everything as plain values, for JSON; what is not finite is None."""
        return tables.document(self.setup, self.seeds, self.runs)

    def to_csv(self, path) -> None:
        """Write the rows to `path`, under a line of names: means, half-widths of their intervals, bills by phase."""
        text = tables.csv(self.rows)
        write_anywhere(path, lambda file: file.write(text.encode("utf-8", "surrogateescape")))

    def to_frame(self):
        """The rows as a pandas DataFrame, with the columns of `to_csv`. Raises ImportError without pandas."""
        return tables.frame(self.rows)

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.text())}</pre>"
