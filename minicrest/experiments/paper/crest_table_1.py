"""CREST's first table: how far behind full training each method is after a tenth of its steps."""

from __future__ import annotations

import numpy as np

from minicrest.experiments.paper import trainings
from minicrest.experiments.paper.drawing import dots
from minicrest.experiments.paper.engine import (
    FAILS,
    HOLDS,
    UNTOLD,
    Experiment,
    Verdict,
    interval,
    judged,
    text_of,
    together,
)
from minicrest.experiments.paper.trainings import column, errors

METHODS = {
    "full": trainings.FULL,
    "random": trainings.method("random"),
    "craig": trainings.method("craig", fraction=0.1, R=1),
    "gradmatch": trainings.method("gradmatch", fraction=0.1, R=1),
    "glister": trainings.method("glister", fraction=0.1, R=1, target="train", rounds=20),
    "crest": trainings.method("crest"),
    "crest, eager": trainings.method("crest", **trainings.AS_PRINTED),
}
RIVALS = ("sgd", "random", "craig", "gradmatch", "glister")
COLUMNS = {"problem": "", "method": "", "accuracy %": ".2f", "rel. error %": ".2f", "behind crest": "+.2f",
           "bill": ".1f"}  # fmt: skip
WORDS = {HOLDS: "behind CREST", UNTOLD: "not told apart from it", FAILS: "ahead of it"}


def settings(seeds: int, problems: dict, budget: float = 0.1, methods=METHODS) -> dict:
    """A part of the steps of full training for every method on every problem."""
    return {"seeds": seeds, "setup": {"equal": "steps", "budget": budget}, "problems": problems, "methods": methods}


def conclude(settings: dict, results: dict[str, list[dict]]) -> Verdict:
    """The claim is that of every rival the relative error, on average over the problems, is larger than CREST's."""
    behind, rows = errors_of(settings, results), []
    for problem, found in behind.items():
        for name, error in found.items():
            row = {"problem": problem, "method": name, "rel. error %": interval(error)}
            row["behind crest"] = None if name == "crest" else interval(error - found["crest"])
            rows.append(row | _paid(settings, results, problem, name))
    mean = {name: np.mean([found[name] for found in behind.values()], axis=0) for name in next(iter(behind.values()))}
    rows += [{"problem": "mean", "method": name, "rel. error %": interval(error),
              "behind crest": None if name == "crest" else interval(error - mean["crest"])}
             for name, error in mean.items()]  # fmt: skip
    verdicts = {name: judged(mean[name] - mean["crest"]) for name in RIVALS if name in mean}
    return Verdict(rows, COLUMNS, together(verdicts.values()), _finding(rows, verdicts))


def errors_of(settings: dict, results) -> dict[str, dict[str, np.ndarray]]:
    """Problem -> method -> relative errors (n,); "sgd" is full training where it is after the budget's part of it."""
    found = {}
    for problem in settings["problems"]:
        full = column(results, f"{problem}/full", "accuracy")
        cut = [cut_short(run, settings["setup"]["budget"]) for run in results[f"{problem}/full"]]
        found[problem] = {"sgd": trainings.relative_error(cut, full)}
        found[problem] |= {name: errors(results, problem, name) for name in settings["methods"] if name != "full"}
    return found


def cut_short(run: dict, part: float) -> float:
    """The accuracy of a training, in percent, at the first evaluation after `part` of its steps."""
    curve = run["curve"]
    return next(a for step, a in zip(curve["steps"], curve["accuracy"]) if step >= part * run["steps"] - 1)


def _paid(settings: dict, results, problem: str, name: str) -> dict:
    """A method's accuracy, and its bill in multiples of random's."""
    if name == "sgd":
        cut = [cut_short(run, settings["setup"]["budget"]) for run in results[f"{problem}/full"]]
        return {"accuracy %": interval(cut), "bill": 1.0}
    accuracy = interval(column(results, f"{problem}/{name}", "accuracy"))
    return {"accuracy %": accuracy, "bill": trainings.times(results, problem, name)}


def _finding(rows: list[dict], verdicts: dict[str, str]) -> str:
    mean = {row["method"]: row for row in rows if row["problem"] == "mean"}
    crest, random = (mean[name]["rel. error %"]["mean"] for name in ("crest", "random"))
    ahead = text_of(mean["random"]["behind crest"], "+.1f")
    bills = [row["bill"] for row in rows if row["method"] == "crest" and "bill" in row]
    groups = [f"{word}: {', '.join(names)}" for verdict, word in WORDS.items()
              if (names := [name for name, each in verdicts.items() if each == verdict])]  # fmt: skip
    return (f"On average over {len(bills)} problems CREST's relative error is {crest:.1f}% and random's {random:.1f}% "
            f"({ahead} points), at {min(bills):.1f} to {max(bills):.1f} times random's bill; {'; '.join(groups)}.")


def draw(document: dict, figure) -> None:
    """The relative errors, a panel a problem."""
    dots(figure, document["rows"], "problem", "method", "rel. error %", "relative error, %")


QUICK = settings(3, {"digits": trainings.DIGITS | dict(epochs=4)})
EXPERIMENT = Experiment(
    name="crest-table-1",
    claim="With 10% of the backpropagations CREST's relative error is the smallest: on CIFAR-10 5.5%, where random has "
          "7.2%, CRAIG 13.0%, GradMatch 6.0%, GLISTER 7.0%, and SGD whose schedule is cut short 21.3%",
    place="CREST, Table 1",
    minutes=8,
    scales={
        "quick": QUICK,
        "laptop": settings(5, {"mnist10k": trainings.MNIST, "trec": trainings.TREC, "subj": trainings.SUBJ}),
        "paper": settings(3, {"cifar10, resnet20": trainings.RESNET20}),
    },
    parts=trainings.parts, measure=trainings.measure, conclude=conclude, draw=draw, same=trainings.same,
)  # fmt: skip
