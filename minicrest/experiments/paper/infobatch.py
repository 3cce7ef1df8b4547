"""InfoBatch's claim: two fifths of the cost saved, without loss."""

from __future__ import annotations

from minicrest.experiments.paper import trainings
from minicrest.experiments.paper.drawing import dots
from minicrest.experiments.paper.engine import Experiment, Verdict, judged, text_of, together

MARGIN = 0.25  # points of accuracy: a loss that is clearly smaller counts as none
COLUMNS = {"problem": "", "method": "", "accuracy %": ".2f", "beside full": "+.2f", "bill": ".2f"}
METHODS = {
    "full": trainings.FULL,
    "infobatch": trainings.method("infobatch"),
    "shuffle": trainings.method("shuffle"),
    "random": trainings.method("random"),
}


def settings(seeds: int, problems: dict) -> dict:
    """All but full training have 60% of its bill."""
    return {"seeds": seeds, "setup": {"equal": "bill", "budget": 0.6}, "problems": problems, "methods": METHODS}


def conclude(settings: dict, results: dict[str, list[dict]]) -> Verdict:
    """The claim is that on every problem, with 60% of the bill, InfoBatch is less than MARGIN behind."""
    scores = trainings.accuracies(settings, results)
    rows = trainings.compared(scores, "full", "accuracy %", "beside full")
    trainings.pay(rows, results, "full")
    verdict = together(judged(found["infobatch"] - found["full"], -MARGIN) for found in scores.values())
    beside = {name: ", ".join(f"{text_of(row['beside full'], '+.2f')} ({row['problem']})" for row in rows
                              if row["method"] == name and row["problem"] != "mean")
              for name in ("infobatch", "shuffle")}  # fmt: skip
    finding = (f"Accuracy beside full training's, in points, with 60% of its bill: InfoBatch {beside['infobatch']}; "
               f"shuffled data without any pruning {beside['shuffle']}; a loss that is clearly below {MARGIN} points "
               "counts as none.")  # fmt: skip
    return Verdict(rows, COLUMNS, verdict, finding)


def draw(document: dict, figure) -> None:
    """The differences from full training, a panel a problem."""
    dots(figure, document["rows"], "problem", "method", "beside full", "accuracy beside full's, points", zero=True)


EXPERIMENT = Experiment(
    name="infobatch",
    claim="InfoBatch saves 40% of the cost without loss",
    place="InfoBatch, abstract",
    minutes=2,
    scales={
        "quick": settings(3, {"digits": trainings.DIGITS | dict(epochs=4)}),
        "laptop": settings(10, {"digits": trainings.DIGITS, "mnist10k": trainings.MNIST,
                                "mnist10k, lr 0.02": trainings.MNIST | dict(lr=0.02)}),
        "paper": settings(3, {"cifar10, resnet20": trainings.RESNET20}),
    },
    parts=trainings.parts, measure=trainings.measure, conclude=conclude, draw=draw, same=trainings.same,
)  # fmt: skip
