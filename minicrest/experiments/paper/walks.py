"""What experiments with measurements of their own share: a training walked through step by step, and plain numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from minicrest.batch import Batch, Feedback
from minicrest.datasets import load
from minicrest.experiments.parts import Parts
from minicrest.experiments.setup import Setup
from minicrest.learner import Learner
from minicrest.oracle import Oracle
from minicrest.run import Run


def setup_of(settings: dict, name: str, seed: int, changes: dict[str, Any]) -> Setup:
    """The Setup of the data set `name` of settings["sets"], whose values are Setup's fields, with `changes`."""
    given = {key: value for key, value in settings["sets"][name].items() if key != "examples"}
    if isinstance(hyper := changes.get("hyper"), dict):
        changes = {**changes, "hyper": tuple(hyper.items())}
    fixed = {"seed": seed, "data_dir": settings["data_dir"], "device": settings["device"]}
    return Setup.preset({**given, **fixed, **changes})


def parts_of_set(settings: dict, name: str) -> Parts:
    """The first "examples" of a data set, of its training and of its test part; all of it where that is not given."""
    chosen = settings["sets"][name]
    if "examples" not in chosen:
        return Parts()
    data, few = load(chosen["data"], settings["data_dir"]), chosen["examples"]
    test = data.test.take(np.arange(min(few, len(data.test)))) if data.test else None
    return Parts(data=replace(data.take(np.arange(few)), test=test))


def trained(settings: dict, name: str, seed: int, changes: dict[str, Any]) -> Run:
    """The Run of one training on the data set `name`."""
    return setup_of(settings, name, seed, changes).run(progress=False, parts=parts_of_set(settings, name))


class Moment(NamedTuple):
    """A training before its step `step`: the oracle, and what the method did just before (None at first)."""

    step: int
    oracle: Oracle
    state: Any
    batch: Batch | None
    feedback: Feedback | None


def walk(setup: Setup, parts: Parts = Parts()) -> Iterator[Moment]:
    """Train as `setup.run` does at equal steps, one step at a time, and stop at every moment to be looked at."""
    method, oracle, optimizer, schedule, steps, _ = setup.build(parts)
    learner, theta = Learner(oracle), oracle.theta.copy()
    learner.move(theta, oracle.statistics)
    remembered, state = optimizer.init(theta), method.init(oracle)
    yield Moment(0, oracle, state, None, None)
    for step in range(1, steps + 1):
        with oracle.phase("select"):
            batch, state = method.propose(state, oracle)
        with oracle.phase("train"):
            gradient, feedback, batch_statistics = learner.step(batch)
            remembered = optimizer.update(theta, gradient, remembered, schedule(step / steps))
            learner.move(theta, learner.following(batch_statistics), step, step / steps)
        state = method.observe(state, feedback)
        yield Moment(step, oracle, state, batch, feedback)


def curve_of(run: Run, quality: str = "accuracy") -> dict[str, list]:
    """The run's evaluations: bill, seconds, and the quality, "accuracy" or "loss" (then minus the loss), as lists."""
    found = run.curve.accuracy if quality == "accuracy" else -run.curve.loss
    return {"bill": run.curve.cost.tolist(), "seconds": [short(s) for s in run.curve.seconds],
            "quality": [short(q, 6) for q in found]}  # fmt: skip


def spent_to(curve: dict[str, list], level: float, unit: str) -> tuple[float, bool]:
    """What the run had spent, in "bill" or "seconds", when its quality first was `level`; all of it, False if never."""
    for spent, quality in zip(curve[unit], curve["quality"]):
        if quality is not None and quality >= level:
            return spent, True
    return curve[unit][-1], False


def short(value, digits: int = 4) -> float | None:
    """A number with so many digits, for JSON; None for what is not finite."""
    return float(f"{float(value):.{digits}g}") if math.isfinite(value) else None


def thinned(values, count: int = 40) -> list:
    """At most `count` of the values, evenly spaced, the first and the last among them."""
    chosen = np.unique(np.linspace(0, len(values) - 1, min(count, len(values))).round().astype(int))
    return [values[i] for i in chosen]


def across(rows: list[dict], key: str, spec: str = ".1f", unit: str = "", where: str = "data") -> str:
    """The mean of `key` of each row with its place, as "4.3% on digits and 4.0% on mnist10k"; "none" for None."""
    found = []
    for row in rows:
        mean = row[key]["mean"] if isinstance(row[key], dict) else row[key]
        found.append(f"{'none' if mean is None else format(mean, spec) + unit} on {row[where]}")
    return " and ".join([", ".join(found[:-1]), found[-1]] if len(found) > 1 else found)
