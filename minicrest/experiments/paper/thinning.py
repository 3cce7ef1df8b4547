"""Thinning's claim: of an equal bill, selection included, it makes more than random batches and shuffled data do."""

from __future__ import annotations

from minicrest.experiments.paper import trainings
from minicrest.experiments.paper.drawing import dots
from minicrest.experiments.paper.engine import Experiment, Verdict, judged, text_of, together

COLUMNS = {"problem": "", "method": "", "accuracy %": ".2f", "beside thinning": "+.2f"}
METHODS = {name: trainings.method(name) for name in ("random", "shuffle", "infobatch", "crest", "fresh", "thinning")}
BASELINES = ("random", "shuffle")


def settings(seeds: int, problems: dict) -> dict:
    """A tenth of full training's bill for every method."""
    return {"seeds": seeds, "setup": {"equal": "bill", "budget": 0.1}, "problems": problems, "methods": METHODS}


def conclude(settings: dict, results: dict[str, list[dict]]) -> Verdict:
    """The claim is that on average over the problems thinning is more accurate than either baseline."""
    scores = trainings.accuracies(settings, results)
    rows = trainings.compared(scores, "thinning", "accuracy %", "beside thinning")
    mean = trainings.mean_over(scores)
    verdict = together(judged(mean["thinning"] - mean[name]) for name in BASELINES)
    behind = {name: text_of(trainings.row_of(rows, name)["beside thinning"], "+.2f") for name in METHODS
              if name != "thinning"}  # fmt: skip
    listed = ", ".join(f"{name} {difference}" for name, difference in behind.items())
    finding = (f"Accuracy beside thinning's, in points, {trainings.where(scores)}, at the same learning rate and an "
               f"equal bill: {listed}.")  # fmt: skip
    return Verdict(rows, COLUMNS, verdict, finding)


def draw(document: dict, figure) -> None:
    """The accuracies, a panel a problem."""
    dots(figure, document["rows"], "problem", "method", "accuracy %", "accuracy, %")


EXPERIMENT = Experiment(
    name="thinning",
    claim="At an equal bill, in which selection is paid for, thinning is ahead of random batches and of shuffled data",
    place="Thinning, minicrest's own",
    minutes=1,
    scales={
        "quick": settings(3, {"digits": trainings.DIGITS | dict(epochs=4)}),
        "laptop": settings(10, {"digits": trainings.DIGITS, "mnist10k": trainings.MNIST, "trec": trainings.TREC}),
        "paper": settings(3, {"cifar10, resnet20": trainings.RESNET20}),
    },
    parts=trainings.parts, measure=trainings.measure, conclude=conclude, draw=draw, same=trainings.same,
)  # fmt: skip
