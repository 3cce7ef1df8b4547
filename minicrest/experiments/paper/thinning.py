"""Thinning's claim: of an equal bill, selection included, it makes more than random batches and shuffled data do.

Every method has the learning rate and the batch size that suit it best (see tuned.py): the rate that is best for one
method is not that for another. What choosing them costs is not in the bill.
"""

from __future__ import annotations

from minicrest.experiments.paper import trainings
from minicrest.experiments.paper.drawing import dots
from minicrest.experiments.paper.engine import Experiment, Verdict, judged, text_of, together
from minicrest.experiments.paper.tuned import CHOICE, tuning, words

COLUMNS = {"problem": "", "method": "", "lr": "g", "m": "", "accuracy %": ".2f", "beside thinning": "+.2f"}
METHODS = {name: trainings.method(name) for name in ("random", "shuffle", "infobatch", "crest", "fresh", "thinning")}
BASELINES = ("random", "shuffle")
GRIDS: dict[str, dict[str, list]] = {
    "digits": {"lr": [0.01, 0.03, 0.1, 0.3, 1.0], "m": [8, 16, 32, 64]},
    "mnist10k": {"lr": [0.003, 0.01, 0.03, 0.1], "m": [8, 16, 32, 64]},
    "trec": {"lr": [0.03, 0.1, 0.3, 1.0], "m": [8, 16, 32, 64]},
}


def settings(seeds: int, problems: dict, tuned: dict) -> dict:
    """A tenth of full training's bill for every method."""
    return {"seeds": seeds, "setup": {"equal": "bill", "budget": 0.1}, "problems": problems, "methods": METHODS,
            "tuning": tuned}  # fmt: skip


def conclude(settings: dict, results: dict[str, list[dict]]) -> Verdict:
    """The claim is that on average over the problems thinning is more accurate than either baseline."""
    scores = trainings.accuracies(settings, results)
    rows = trainings.compared(scores, "thinning", "accuracy %", "beside thinning")
    for row in rows:
        row |= settings["chosen"].get(f"{row['problem']}/{row['method']}", {})
    mean = trainings.mean_over(scores)
    verdict = together(judged(mean["thinning"] - mean[name]) for name in BASELINES)
    return Verdict(rows, COLUMNS, verdict, _finding(rows, scores, settings["chosen"]))


def _finding(rows: list[dict], scores: trainings.Scores, chosen: dict[str, dict]) -> str:
    behind = ", ".join(_beside(rows, scores, name) for name in METHODS if name != "thinning")
    each = {problem: ", ".join(f"{name} {words(chosen[f'{problem}/{name}'])}" for name in METHODS)
            for problem in scores}  # fmt: skip
    listed = "; ".join(f"on {problem} {points}" for problem, points in each.items())
    return (f"Accuracy beside thinning's, in points, {trainings.where(scores)}, at an equal bill, with the learning "
            f"rate and the batch size of each method chosen on held-out training examples: {behind}; chosen were "
            f"{listed}.")  # fmt: skip


def _beside(rows: list[dict], scores: trainings.Scores, name: str) -> str:
    """A method's difference in words; a baseline's also on each of several problems."""
    text = f"{name} {text_of(trainings.row_of(rows, name)['beside thinning'], '+.2f')}"
    if name not in BASELINES or len(scores) == 1:
        return text
    alone = ", ".join(f"{trainings.row_of(rows, name, problem)['beside thinning']['mean']:+.2f} on {problem}"
                      for problem in scores)  # fmt: skip
    return f"{text} ({alone})"


def draw(document: dict, figure) -> None:
    """The accuracies, a panel a problem."""
    dots(figure, document["rows"], "problem", "method", "accuracy %", "accuracy, %")


EXPERIMENT = Experiment(
    name="thinning",
    claim="At an equal bill, in which selection is paid for, and with the learning rate and the batch size that suit "
          "each method best, thinning is ahead of random batches and of shuffled data",
    place="Thinning, minicrest's own",
    minutes=6,
    scales={
        "quick": settings(3, {"digits": trainings.DIGITS | dict(epochs=4)},
                          tuning(1, {"digits": {"lr": [0.03, 0.1], "m": [32]}})),
        "laptop": settings(10, {"digits": trainings.DIGITS, "mnist10k": trainings.MNIST, "trec": trainings.TREC},
                           tuning(2, GRIDS)),
        "paper": settings(3, {"cifar10, resnet20": trainings.RESNET20},
                          tuning(1, {"cifar10, resnet20": {"lr": [0.05, 0.1, 0.2], "m": [64, 128]}})),
    },
    parts=trainings.parts, measure=trainings.measure, conclude=conclude, draw=draw, same=trainings.same,
    choice=CHOICE,
)  # fmt: skip
