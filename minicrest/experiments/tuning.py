"""What tuning found: how good every point of a grid was for every method, and which point each method takes."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from minicrest.arguments import number, one_of, shown, whole
from minicrest.experiments.documents import plain
from minicrest.experiments.files import write_anywhere
from minicrest.experiments.parts import Parts, described
from minicrest.experiments.setup import Setup
from minicrest.experiments.tables import columns, what
from minicrest.run import Run

TUNABLE = ("lr", "m", "momentum", "weight_decay", "q")
_ENDS = {"m": (1,), "momentum": (0,), "weight_decay": (0,), "q": (0, 1)}  # beyond these there is nothing
_FREE = ("method", "hyper", "seed", "validation", "tuning", "tuned", "evaluations", "device")  # may differ in `compare`


@dataclass(frozen=True)
class Point:
    """A point of the grid for one method: its settings, and what each tuning seed reached there."""

    settings: dict[str, Any]
    accuracy: tuple[float, ...]  # on the examples held out, in [0, 1]; 0 where the run diverged
    loss: tuple[float, ...]  # infinite where it diverged
    bill: int  # forward-pass equivalents, of all seeds

    @property
    def rank(self) -> tuple[float, float]:
        """More is better: by mean accuracy, and among equals by mean loss."""
        return float(np.mean(self.accuracy)), -float(np.mean(self.loss))


@dataclass(frozen=True)
class Tuning:
    """The points of each method, by its label, in the order of the grid.

    setup: what all runs had in common.  grid: name of a setting -> its values.  hyper: each method's own settings.
    """

    setup: Setup
    grid: dict[str, tuple[float, ...]]
    seeds: list[int]
    hyper: dict[str, tuple]
    points: dict[str, list[Point]]

    @property
    def complete(self) -> bool:
        """Whether every point of every method has been tried with every seed."""
        size = math.prod(map(len, self.grid.values()))
        return all(len(points) == size for points in self.points.values())

    @property
    def bill(self) -> int:
        """What all the runs cost, in forward-pass equivalents."""
        return sum(point.bill for points in self.points.values() for point in points)

    def choice(self, label: str) -> dict[str, Any]:
        """The settings of the method's best point; the first of equals.

        Raises ValueError where there is no method, and before all points of all methods have been tried.
        """
        if label not in self.points:
            raise ValueError(f"nothing was tuned for {label}, only for {', '.join(self.points)}; tune it too")
        if not self.complete:
            raise ValueError(self._unfinished())
        return max(self.points[label], key=lambda point: point.rank).settings

    def applied(self, label: str, setup: Setup, parts: Parts) -> tuple[Setup, Parts]:
        """The setup and the parts with the method's choice. Raises ValueError for settings other than were tuned."""
        self._check(label, setup)
        setup, parts = at(setup, parts, self.choice(label))
        return replace(setup, tuned=tuple(self.grid)), parts

    def _check(self, label: str, setup: Setup) -> None:
        there, here = self.setup.identity(), setup.identity()
        names = [name for name in there if name not in _FREE and name not in self.grid]
        other = [f"{name}: {there[name]} there, {here[name]} here" for name in names if there[name] != here[name]]
        if label in self.hyper and self.hyper[label] != setup.hyper:
            other.append(f"{label}: {dict(self.hyper[label])} there, {dict(setup.hyper)} here")
        if other:
            raise ValueError(f"this was tuned for other settings ({'; '.join(other)}); tune again")

    def _unfinished(self) -> str:
        """What to say instead of a choice."""
        tried, most = sum(map(len, self.points.values())), len(self.points) * math.prod(map(len, self.grid.values()))
        return (f"This tuning is not finished: it was stopped with {tried} of {most} points tried. The same call goes "
                "on with it, from the start where out is None.")  # fmt: skip

    def note(self) -> str:
        """What was chosen and what it cost, in a sentence."""
        if not self.complete:
            return self._unfinished()
        chosen = ", ".join(f"{label} {_words(self.choice(label))}" for label in self.points)
        return (f"Chosen on {self.setup.tuning:.0%} of the training examples, held out, at a bill of "
                f"{self.bill / 1000:,.0f} in all: {chosen}.")  # fmt: skip

    def text(self) -> str:
        """The choices as a table, with what they reached and cost, and where a wider grid may find better ones."""
        if not self.complete:
            return self._unfinished()
        head = ["method", *self.grid, "accuracy %", "runs", "diverged", "bill"]
        lines = [self._line(label, points) for label, points in self.points.items()]
        share = f"{100 * self.setup.budget:g}% of full training's {self.setup.equal}"
        heading = f"{what(self.setup)}: {' and '.join(self.grid)} of each method with {share}"
        legend = (f"Accuracy: on {self.setup.tuning:.0%} of the training examples, held out; the mean over "
                  f"{len(self.seeds)} seeds. The test part was not used.\n"
                  f"Bills are of all runs, in thousands of forward passes; {self.bill / 1000:,.1f} in all.")
        edges = [edge for label in self.points for edge in self._edges(label)]
        return "\n".join([heading, "", columns([head, *lines]), "", legend, *edges])

    def _line(self, label: str, points: list[Point]) -> list[str]:
        best = max(points, key=lambda point: point.rank)
        accuracies = [accuracy for point in points for accuracy in point.accuracy]
        diverged = sum(math.isinf(loss) for point in points for loss in point.loss)
        return [label, *(f"{value:g}" for value in best.settings.values()), f"{100 * best.rank[0]:.2f}",
                str(len(accuracies)), str(diverged), f"{sum(point.bill for point in points) / 1000:,.1f}"]  # fmt: skip

    def _edges(self, label: str) -> list[str]:
        """A sentence for each setting whose choice is the smallest or largest of the grid."""
        return [f"{label}: {name} {value:g} is the {end} of the grid; a wider one may have a better."
                for name, value in self.choice(label).items() if len(self.grid[name]) > 1
                for end, limit in (("smallest", min(self.grid[name])), ("largest", max(self.grid[name])))
                if value == limit and value not in _ENDS.get(name, ())]  # fmt: skip

    def document(self) -> dict[str, Any]:
        """Everything as plain values, for JSON."""
        methods = {label: dict(hyper=self.hyper[label], choice=self.choice(label), points=list(map(asdict, points)))
                   for label, points in self.points.items()}  # fmt: skip
        return plain({"setup": asdict(self.setup), "grid": self.grid, "seeds": self.seeds, "bill": self.bill,
                      "methods": methods})  # fmt: skip

    def save(self, path) -> None:
        """Write the document to `path`, for `compare` to read."""
        text = json.dumps(self.document(), indent=1, allow_nan=False) + "\n"
        write_anywhere(path, lambda file: file.write(text.encode()))

    @staticmethod
    def load(path) -> Tuning:
        """The Tuning that `save` wrote. Raises FileNotFoundError, and ValueError for any other file."""
        if not Path(path).exists():
            raise FileNotFoundError(f"tuned: there is no file {path}; minicrest tune writes one")
        try:
            tree = json.loads(Path(path).read_text(encoding="utf-8"))
            setup, methods = Setup.from_json(json.dumps(tree["setup"])), tree["methods"]
            hyper = {label: tuple(map(tuple, method["hyper"])) for label, method in methods.items()}
            points = {label: [_point(point) for point in method["points"]] for label, method in methods.items()}
            return Tuning(setup, {name: tuple(v) for name, v in tree["grid"].items()}, tree["seeds"], hyper, points)
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise ValueError(f"{path} is not what minicrest tune writes ({error}); tune again") from error

    @staticmethod
    def given(tuned) -> Tuning:
        """`tuned` itself, or what is in the file of that name."""
        if isinstance(tuned, Tuning):
            return tuned
        if not isinstance(tuned, (str, os.PathLike)):
            raise TypeError(f"tuned must be what tune returned or the path of its file, got {shown(tuned)}")
        return Tuning.load(tuned)


def measured(settings: dict[str, Any], runs: Sequence[Run]) -> Point:
    """The Point of finished runs, one a seed."""
    diverged = [run.diverged is not None for run in runs]
    accuracy = tuple(0.0 if bad else float(run.accuracy) for run, bad in zip(runs, diverged))
    losses = tuple(math.inf if bad else float(run.curve.loss[-1]) for run, bad in zip(runs, diverged))
    return Point(settings, accuracy, losses, int(sum(run.ledger.cost for run in runs)))


def at(setup: Setup, parts: Parts, settings: Mapping[str, Any]) -> tuple[Setup, Parts]:
    """The setup and the parts with these settings. Raises ValueError for a method with a batch size of its own."""
    method = parts.method
    if "m" in settings and method is not None:
        if not is_dataclass(method) or "m" not in {f.name for f in fields(method)}:
            raise ValueError(f"method {setup.method} has no batch size m to choose; leave m out of the grid")
        method = replace(method, m=settings["m"])  # type: ignore[type-var]
        setup = replace(setup, hyper=described(method)[1])
    elif "m" in settings and "m" in dict(setup.hyper):
        raise ValueError(f"m is in the grid and set for {setup.method} as well; leave one out")
    return replace(setup, **settings), replace(parts, method=method)


def checked_grid(grid, setup: Setup) -> dict[str, tuple[float, ...]]:
    """Name -> values; None: a third, once and three times the setup's lr, and half, once and twice its m.

    Raises ValueError and TypeError for names and values that cannot be tuned.
    """
    if grid is None:
        grid = {"lr": (setup.lr / 3, setup.lr, 3 * setup.lr), "m": (max(1, setup.m // 2), setup.m, 2 * setup.m)}
    if not isinstance(grid, Mapping) or not grid:
        raise TypeError(f"grid must be a dict of values, as dict(lr=(0.03, 0.1), m=(16, 32)), got {shown(grid)}")
    for name, values in grid.items():
        one_of("a name in the grid", name, TUNABLE)
        if not isinstance(values, (tuple, list, np.ndarray)) or not len(values):
            raise TypeError(f"grid: {name} must have a list of values, got {shown(values)}")
    check = {name: (lambda value: whole("m", value, 1)) if name == "m" else lambda value, name=name: number(name, value)
             for name in grid}  # fmt: skip
    found = {name: tuple(dict.fromkeys(check[name](value) for value in values)) for name, values in grid.items()}
    for setting in ({name: value} for name, values in found.items() for value in values):
        at(setup, Parts(), setting)  # which checks its range
    return found


def _point(tree) -> Point:
    loss = tuple(math.inf if value is None else value for value in tree["loss"])
    return Point(dict(tree["settings"]), tuple(tree["accuracy"]), loss, tree["bill"])


def _words(settings: Mapping[str, Any]) -> str:
    return " ".join(f"{name} {value:g}" for name, value in settings.items())
