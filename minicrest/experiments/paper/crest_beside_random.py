"""CREST's first table without full training, which takes ten times as long as all the rest: CREST beside random."""

from __future__ import annotations

from minicrest.experiments.paper import trainings
from minicrest.experiments.paper.crest_table_1 import METHODS, settings
from minicrest.experiments.paper.drawing import dots
from minicrest.experiments.paper.engine import Experiment, Verdict, judged, text_of, together

COLUMNS = {"problem": "", "method": "", "accuracy %": ".2f", "beside random": "+.2f", "bill": ".1f", "regions": ".0f"}
BOTH = {name: METHODS[name] for name in ("random", "crest")}


def conclude(settings: dict, results: dict[str, list[dict]]) -> Verdict:
    """The claim is that on every problem CREST is more accurate than random, with as many steps."""
    scores, rows = trainings.accuracies(settings, results), []
    for problem, found in scores.items():
        rows += trainings.compared({problem: found}, "random", "accuracy %", "beside random")
        rows[-1]["regions"] = float(trainings.column(results, f"{problem}/crest", "regions").mean())
    trainings.pay(rows, results)
    crest = [row for row in rows if row["method"] == "crest"]
    ahead = ", ".join(f"{text_of(row['beside random'], '+.2f')} on {row['problem']}" for row in crest)
    random = ", ".join(text_of(row["accuracy %"], ".2f") for row in rows if row["method"] == "random")
    finding = (f"With as many steps CREST's accuracy beside random's is, in points, {ahead}, at "
               f"{trainings.bills(rows, 'crest')} times random's bill; random has {random}%.")
    verdict = together(judged(found["crest"] - found["random"]) for found in scores.values())
    return Verdict(rows, COLUMNS, verdict, finding)


def draw(document: dict, figure) -> None:
    """The accuracies, a panel a problem."""
    dots(figure, document["rows"], "problem", "method", "accuracy %", "accuracy, %")


EXPERIMENT = Experiment(
    name="crest-beside-random",
    claim="With 10% of the backpropagations CREST is more accurate than random batches: on CIFAR-10 its relative error "
          "is 5.5%, and random's 7.2%",
    place="CREST, Table 1 (without full training)",
    minutes=4,
    scales={
        "quick": settings(3, {"digits": trainings.DIGITS | dict(epochs=4)}, methods=BOTH),
        "laptop": settings(3, {"cifar10, lenet": trainings.LENET, "cifar10, resnet8": trainings.RESNET8}, methods=BOTH),
        "paper": settings(3, {"cifar10, resnet20": trainings.RESNET20}, methods=BOTH),
    },
    parts=trainings.parts, measure=trainings.measure, conclude=conclude, draw=draw, same=trainings.same,
)  # fmt: skip
