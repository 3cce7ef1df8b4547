"""A comparison for files: plain values for JSON and the way back, comma-separated text, a pandas DataFrame."""

from __future__ import annotations

import csv as comma_separated
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

import numpy as np

import minicrest
from minicrest.experiments.statistics import NAN, Estimate, Row, pair, rows
from minicrest.ledger import PRICE
from minicrest.run import Run


def document(setup, seeds: Sequence[int], runs: Mapping[str, Sequence[Run]]) -> dict[str, Any]:
    """A comparison for machines: rows, and every run with its curve. What is not finite is None.

    Raises what `rows` raises. `read_document` gives the rows back.
    """
    shared = {name: value for name, value in asdict(setup).items() if name not in ("method", "hyper", "seed")}
    every = [{"method": name, "seed": run.settings.get("seed", seed), **run.summary()}
             for name, group in pair(runs).items() for seed, run in zip(seeds, group)]  # fmt: skip
    return plain({
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
            both = name in ("accuracy", "gain", "gain_shuffle", "relative_error", "test_loss", "train_loss")
            line |= {name: value.mean, f"{name}_half": value.half} if isinstance(value, Estimate) else {name: value}
            line |= {f"{name}_half": None} if both and value is None else {}
        line |= {f"bill_{phase}": r.phases.get(phase, 0.0) for phase in phases}
        lines.append({**line, "diverged": min(r.diverged.values(), default=None)})
    return lines


def _missing(value) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def plain(tree):
    """The tree in JSON's own types: arrays as lists, what is not finite as None, anything unknown as its repr."""
    if isinstance(tree, Mapping):
        return {str(name): plain(value) for name, value in tree.items()}
    if isinstance(tree, (list, tuple, set, frozenset, range)):
        return [plain(value) for value in tree]
    if isinstance(tree, (np.ndarray, np.generic)):
        return plain(tree.tolist())
    if tree is None or isinstance(tree, (str, int)):
        return tree
    return (tree if math.isfinite(tree) else None) if isinstance(tree, float) else repr(tree)
