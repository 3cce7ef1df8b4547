"""Trainings as measurements: for each seed, every method of the settings on every problem of the settings.

Both are plain fields of a Setup, by name, and a part is called "problem/method". A problem may also have a "size": only
so many training and test examples, evenly spaced. Experiments that make the same training share it.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from minicrest.datasets import Dataset, load
from minicrest.experiments.paper.engine import interval
from minicrest.experiments.parts import Parts
from minicrest.experiments.setup import Setup
from minicrest.experiments.statistics import relative_error
from minicrest.run import Run

Scores = dict[str, dict[str, np.ndarray]]

# Learning rates that suit full training: on mnist10k the best of 0.02, 0.03, 0.05 and 0.1, on three other seeds, and
# for LeNet of 0.005, 0.01 and 0.02, on another seed.
DIGITS: dict[str, Any] = dict(data="digits", m=32)
MNIST: dict[str, Any] = dict(data="mnist10k", m=64, epochs=20, lr=0.05)
TREC: dict[str, Any] = dict(data="trec", m=64, epochs=20, lr=0.5)
SUBJ: dict[str, Any] = TREC | dict(data="subj", size=[4000, 2000])
CIFAR: dict[str, Any] = dict(data="cifar10", m=64, epochs=15, lr=0.05, weight_decay=5e-4)
LENET: dict[str, Any] = CIFAR | dict(model="lenet", m=32, lr=0.01, size=[10000, 2000])
RESNET8: dict[str, Any] = CIFAR | dict(model="resnet8", m=32, epochs=10, lr=0.1, size=[3000, 1000])
# the CREST paper's own: 200 epochs, of which the others have a tenth of the steps
RESNET20: dict[str, Any] = dict(data="cifar10", model="resnet20", epochs=200, weight_decay=1e-4)

FULL: dict[str, Any] = dict(method="full")
AS_PRINTED = dict(lazy=False, T2=20, floor=0.0)  # CREST's Algorithm 1: every coreset, and no bound on what is dropped


def method(name: str, hyper: dict[str, Any] | None = None) -> dict[str, Any]:
    """The fields of a method that is looked at when it has ended."""
    return dict(method=name, evaluations=1) | (dict(hyper=hyper) if hyper else {})


def parts(settings: dict) -> list[str]:
    """Every method on every problem."""
    return [f"{problem}/{name}" for problem in settings["problems"] for name in settings["methods"]]


def setup_of(settings: dict, part: str, seed: int) -> Setup:
    """The Setup of a part: the fields of "setup" in the settings, then the problem's, then the method's, then what was
    "chosen" for the part. Seeds are counted from the settings' "first seed", or from 0.
    """
    problem, name = part.split("/")
    fields = {**settings.get("setup", {}), **settings["problems"][problem], **settings["methods"][name]}
    fields |= settings.get("chosen", {}).get(part, {})
    fields.pop("size", None)
    hyper = tuple(fields.pop("hyper", {}).items())
    places = dict(data_dir=settings["data_dir"], device=settings["device"])
    return Setup(seed=settings.get("first seed", 0) + seed, hyper=hyper, **places, **fields)


def same(settings: dict, part: str, seed: int) -> dict:
    """All that decides the training of a part."""
    return {"size": _size(settings, part), "setup": setup_of(settings, part, seed).identity()}


def measure(settings: dict, part: str, seed: int) -> dict:
    """Train, and keep what the run shows in plain values."""
    setup, size = setup_of(settings, part, seed), _size(settings, part)
    own = Parts()
    if size:
        own = Parts(data=_part(load(setup.data, setup.data_dir, setup.seed), *size))
    return summary(setup.run(progress=False, parts=own))


def _part(data: Dataset, training: int, test: int) -> Dataset:
    """So many examples of either part of `data`, evenly spaced: it may be sorted by class."""
    sizes = ((data, training), (data.test, test))
    parts = [part.take(np.arange(size) * len(part) // size) for part, size in sizes if part is not None]
    return replace(parts[0], test=parts[1])


def _size(settings: dict, part: str) -> list[int] | None:
    return settings["problems"][part.split("/")[0]].get("size")


def summary(run: Run) -> dict:
    """Accuracy in percent at the end and over the training, the loss at the end (None where it is not finite), the bill
    by phase, seconds, and CREST's regions.
    """
    curve = {"steps": run.curve.step, "bill": run.curve.cost, "seconds": run.curve.seconds,
             "accuracy": 100 * run.curve.accuracy}  # fmt: skip
    return {
        "accuracy": 0.0 if run.diverged is not None or not math.isfinite(run.accuracy) else 100 * run.accuracy,
        "loss": float(run.curve.loss[-1]) if math.isfinite(run.curve.loss[-1]) else None,
        "diverged": run.diverged, "steps": run.steps, "bill": run.ledger.cost, "seconds": run.ledger.seconds,
        "phases": {name: bill.cost for name, bill in run.ledger.phases.items()},
        "regions": len(run.report["start"]) if "start" in run.report else None,
        "examples": int((run.uses > 0).sum()),
        "curve": {name: [round(float(value), 4) for value in values] for name, values in curve.items()},
    }  # fmt: skip


# ---- what several trainings show


def column(results: dict[str, list[dict]], part: str, name: str) -> np.ndarray:
    """One number of a part's measurements (n,), in the order of the seeds."""
    return np.array([measurement[name] for measurement in results[part]], dtype=float)


def accuracies(settings: dict, results: dict[str, list[dict]]) -> Scores:
    """Problem -> method -> accuracies (n,) in percent."""
    return {problem: {name: column(results, f"{problem}/{name}", "accuracy") for name in settings["methods"]}
            for problem in settings["problems"]}  # fmt: skip


def errors(settings: dict, results: dict[str, list[dict]]) -> Scores:
    """Problem -> method -> relative errors (n,) in percent of full training's accuracy, paired by seed."""
    return {problem: {name: relative_error(score, found["full"]) for name, score in found.items() if name != "full"}
            for problem, found in accuracies(settings, results).items()}  # fmt: skip


def mean_over(scores: Scores) -> dict[str, np.ndarray]:
    """Method -> the mean over the problems, for each seed."""
    names = next(iter(scores.values()))
    return {name: np.mean([found[name] for found in scores.values()], axis=0) for name in names}


def compared(scores: Scores, reference: str, value: str, difference: str) -> list[dict]:
    """A row for each problem and method, then for the mean over several problems: `value` is the interval of the score,
    `difference` that of the score minus the reference's.
    """
    every = {**scores, "mean": mean_over(scores)} if len(scores) > 1 else scores
    return [{"problem": problem, "method": name, value: interval(score),
             difference: None if name == reference else interval(score - found[reference])}
            for problem, found in every.items() for name, score in found.items()]  # fmt: skip


def pay(rows: list[dict], results: dict[str, list[dict]], other: str = "random") -> None:
    """Add to each row of a problem the method's bill in multiples of that of `other`."""
    for row in rows:
        parts = [f"{row['problem']}/{name}" for name in (row["method"], other)]
        if all(part in results for part in parts):
            bill, others = (column(results, part, "bill").mean() for part in parts)
            row["bill"] = float(bill / others)


def where(scores: Scores) -> str:
    """On what a finding's numbers were measured, in words."""
    return f"on average over {len(scores)} problems" if len(scores) > 1 else f"on {next(iter(scores))}"


def row_of(rows: list[dict], method: str, problem: str = "mean") -> dict:
    """The row of a method: that of the mean over the problems or, where there is only one problem, of that."""
    mine = [row for row in rows if row["method"] == method]
    return next((row for row in mine if row["problem"] == problem), mine[-1])


def bills(rows: list[dict], method: str) -> str:
    """The bills of a method over the problems, in words: "2.4 to 3.1"."""
    found = sorted({f"{row['bill']:.1f}" for row in rows if row["method"] == method and "bill" in row}, key=float)
    return " to ".join(dict.fromkeys([found[0], found[-1]]))
