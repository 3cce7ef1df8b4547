"""Each method of an experiment at its own learning rate and batch size, which are chosen as `minicrest tune` chooses.

The settings have a "tuning": {"grids": {problem: {"lr": values, "m": values}}, "seeds": how many, "first seed": the
first of them, "part": of the training examples, to hold out}. On every problem every method is trained at every point
of the problem's grid, with the same budget, without the held-out part. It takes the point with the highest mean
accuracy on that part; of equals, the one with the lower loss there. The test part is not used.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

from minicrest.experiments.paper.engine import Choice
from minicrest.experiments.tune import FIRST_SEED, PART
from minicrest.experiments.tuning import Point


def tuning(seeds: int, grids: dict[str, dict[str, list]]) -> dict:
    """The "tuning" of settings, with as many seeds, and the grid of each problem."""
    return {"grids": grids, "seeds": seeds, "first seed": FIRST_SEED, "part": PART}


def trials(settings: dict) -> dict:
    """The settings of the trials: a problem for each of a problem's points."""
    tuning = settings["tuning"]
    problems = {_trial(name, point): problem | point for name, problem in settings["problems"].items()
                for point in _points(tuning, name)}  # fmt: skip
    return {**settings, "problems": problems, "setup": {**settings["setup"], "tuning": tuning["part"]},
            "seeds": tuning["seeds"], "first seed": tuning["first seed"]}  # fmt: skip


def chosen(settings: dict, results: dict[str, list[dict]]) -> dict:
    """The settings with "chosen": part -> its best point."""
    best = {}
    for problem, method in itertools.product(settings["problems"], settings["methods"]):
        points = [_measured(point, results[f"{_trial(problem, point)}/{method}"])
                  for point in _points(settings["tuning"], problem)]  # fmt: skip
        best[f"{problem}/{method}"] = max(points, key=lambda point: point.rank).settings
    return {**settings, "chosen": best}


def words(point: dict) -> str:
    """A point as text: "lr 0.1 m 32"."""
    return " ".join(f"{name} {value:g}" for name, value in point.items())


def _trial(problem: str, point: dict) -> str:
    return f"{problem}, {words(point)}"


def _points(tuning: dict, problem: str) -> Iterator[dict]:
    grid = tuning["grids"][problem]
    return (dict(zip(grid, values)) for values in itertools.product(*grid.values()))


def _measured(point: dict, runs: list[dict]) -> Point:
    losses = tuple(math.inf if run["loss"] is None else run["loss"] for run in runs)
    return Point(point, tuple(run["accuracy"] / 100 for run in runs), losses, sum(run["bill"] for run in runs))


CHOICE = Choice(trials, chosen)
