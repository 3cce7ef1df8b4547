"""CREST's speed-up: what full training pays for the accuracy that CREST ends with, over what CREST paid."""

from __future__ import annotations

import math

import numpy as np

from minicrest.experiments.figures import COLOURS, dress
from minicrest.experiments.paper import trainings
from minicrest.experiments.paper.crest_table_1 import METHODS, settings
from minicrest.experiments.paper.drawing import name_rows
from minicrest.experiments.paper.engine import Experiment, Verdict, interval, judged, together
from minicrest.experiments.statistics import estimate

LEAST = 1.7  # times, as printed
COLUMNS = {"problem": "", "method": "", "accuracy %": ".2f", "speed-up (bill)": "", "speed-up (seconds)": ""}


def conclude(settings: dict, results: dict[str, list[dict]]) -> Verdict:
    """The claim is that the bill of full training is, on every problem, at least LEAST times CREST's.

    Ratios are averaged, and their intervals taken, as logarithms.
    """
    rows, verdicts = [], []
    for problem in settings["problems"]:
        full = results[f"{problem}/full"]
        for name in ("crest", "random"):
            runs = results[f"{problem}/{name}"]
            logs = {unit: np.log([ratio(all_data, run, unit) for all_data, run in zip(full, runs)])
                    for unit in ("bill", "seconds")}  # fmt: skip
            row = {"problem": problem, "method": name, "accuracy %": interval([run["accuracy"] for run in runs])}
            rows.append(row | {unit: interval(values) for unit, values in logs.items()}
                        | {f"speed-up ({unit})": _times(values) for unit, values in logs.items()})  # fmt: skip
            verdicts += [judged(logs["bill"], math.log(LEAST))] if name == "crest" else []
    return Verdict(rows, COLUMNS, together(verdicts), _finding(rows))


def ratio(full: dict, run: dict, unit: str) -> float:
    """The bill or the seconds of full training up to the first evaluation that reaches the run's accuracy (all of them
    where none does), over the run's. Its 20 evaluations are 5% of it apart, so the ratio errs in the run's favour.
    """
    curve = full["curve"]
    reached = [paid for paid, accuracy in zip(curve[unit], curve["accuracy"]) if paid and accuracy >= run["accuracy"]]
    return (reached[0] if reached else full[unit]) / run[unit]


def _times(logs) -> str:
    """The geometric mean of the ratios and the ends of its interval, as text."""
    found = estimate(logs)
    low, middle, high = (math.exp(found.mean + sign * found.half) for sign in (-1, 0, 1))
    return f"{middle:.2f} ({low:.2f} to {high:.2f})" if math.isfinite(found.half) else f"{np.exp(found.mean):.2f}"


def _finding(rows: list[dict]) -> str:
    found = {name: ", ".join(f"{math.exp(row['bill']['mean']):.2f} ({row['problem']})" for row in rows
                             if row["method"] == name) for name in ("crest", "random")}  # fmt: skip
    return (f"For the accuracy that CREST ends with full training pays {found['crest']} times CREST's bill; for that "
            f"of random batches, {found['random']} times theirs.")  # fmt: skip


def draw(document: dict, figure) -> None:
    """The ratios of the bills, on a logarithmic axis, with the range that is printed."""
    axes, rows = figure.subplots(), document["rows"]
    figure.set_size_inches(8, 1.8 + 0.35 * len(rows))
    dress(axes)
    axes.axvspan(LEAST, 2.5, color="0.9", label="as printed: 1.7 to 2.5")
    for k, row in enumerate(rows):
        middle, half = row["bill"]["mean"], row["bill"]["half"] or 0
        low, mean, high = (math.exp(middle + sign * half) for sign in (-1, 0, 1))
        colour = COLOURS[0] if row["method"] == "crest" else "black"
        axes.errorbar(mean, k, xerr=[[mean - low], [high - mean]], fmt="o", color=colour, capsize=3)
    labels = [f"{row['problem']}: {row['method']}" for row in rows]
    axes.set(xscale="log", xlabel="full training's bill, times the method's")
    name_rows(axes, labels)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "25" else "")
    axes.axvline(1, color="0.3", lw=1)
    axes.legend(loc="best", frameon=False)


SOME = {name: METHODS[name] for name in ("full", "random", "crest")}
EXPERIMENT = Experiment(
    name="crest-speed-up",
    claim="CREST reaches its accuracy 1.7 to 2.5 times faster than full training does",
    place="CREST, abstract",
    minutes=14,
    scales={
        "quick": settings(3, {"digits": trainings.DIGITS | dict(epochs=4)}, methods=SOME),
        "laptop": settings(5, {"mnist10k": trainings.MNIST, "trec": trainings.TREC, "subj": trainings.SUBJ,
                               "cifar10, lenet": trainings.LENET, "cifar10, resnet8": trainings.RESNET8}, methods=SOME),
        "paper": settings(3, {"cifar10, resnet20": trainings.RESNET20}, methods=SOME),
    },
    parts=trainings.parts, measure=trainings.measure, conclude=conclude, draw=draw, same=trainings.same,
)  # fmt: skip
