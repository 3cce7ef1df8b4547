"""CREST's eighth figure: a coreset of m examples beside random batches of m, and of the r that it stands for."""

from __future__ import annotations

from minicrest.experiments.paper import trainings
from minicrest.experiments.paper.crest_table_1 import METHODS, settings
from minicrest.experiments.paper.drawing import dots
from minicrest.experiments.paper.engine import Experiment, Verdict, judged, text_of, together

COLUMNS = {"problem": "", "method": "", "rel. error %": ".2f", "behind crest": "+.2f", "bill": ".1f"}


def methods(r: int) -> dict:
    """CREST, and random batches of the problem's m and of r = 4 m."""
    some = {name: METHODS[name] for name in ("full", "random", "crest")}
    return {**some, "random, r": trainings.method("random", dict(m=r))}


def conclude(settings: dict, results: dict[str, list[dict]]) -> Verdict:
    """The claim is that, on average over the problems, CREST's relative error lies between those of m and of r."""
    scores = trainings.errors(settings, results)
    rows = trainings.compared(scores, "crest", "rel. error %", "behind crest")
    trainings.pay(rows, results)
    mean = trainings.mean_over(scores)
    verdict = together([judged(mean["random"] - mean["crest"]), judged(mean["crest"] - mean["random, r"])])
    small, large = (text_of(trainings.row_of(rows, name)["behind crest"], "+.2f") for name in ("random", "random, r"))
    crest, r = (trainings.bills(rows, name) for name in ("crest", "random, r"))
    finding = (f"Relative error beside CREST's, in points, {trainings.where(scores)}: random batches of m {small}, of "
               f"r {large}; CREST's bill is {crest} times that of batches of m, and that of batches of r {r} times.")
    return Verdict(rows, COLUMNS, verdict, finding)


def draw(document: dict, figure) -> None:
    """The relative errors, a panel a problem."""
    dots(figure, document["rows"], "problem", "method", "rel. error %", "relative error, %")


EXPERIMENT = Experiment(
    name="crest-batch-sizes",
    claim="CREST's coresets of m = 128 are better than random batches of 128 and, of the r = 512 that they stand for, "
          "nearly as good: relative error 5.2%, 7.1% and 4.0%",
    place="CREST, Figure 8",
    minutes=1,
    scales={
        "quick": settings(3, {"digits": trainings.DIGITS | dict(epochs=4)}, methods=methods(128)),
        "laptop": settings(5, {"mnist10k": trainings.MNIST, "trec": trainings.TREC, "subj": trainings.SUBJ},
                           methods=methods(256)),
        "paper": settings(3, {"cifar10, resnet20": trainings.RESNET20}, methods=methods(512)),
    },
    parts=trainings.parts, measure=trainings.measure, conclude=conclude, draw=draw, same=trainings.same,
)  # fmt: skip
