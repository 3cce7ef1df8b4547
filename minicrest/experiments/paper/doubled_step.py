"""What a doubled step makes of a comparison: CREST and random at one learning rate, and at twice that."""

from __future__ import annotations

from typing import Any

import numpy as np

from minicrest.experiments.paper import trainings
from minicrest.experiments.paper.crest_table_1 import settings
from minicrest.experiments.paper.drawing import dots
from minicrest.experiments.paper.engine import Experiment, Verdict, interval, judged, text_of

RELEASE: dict[str, Any] = dict(tau=0.1, exclude=False, lazy=False, balanced=True, per_class=True)
MNIST = trainings.MNIST | dict(momentum=0.0, weight_decay=1e-4, epochs=40)
COLUMNS = {"problem": "", "what": "", "accuracy %": ".2f", "points": "+.2f"}
NAMES = ("random, lr", "random, 2 lr", "crest, lr", "crest, 2 lr")


def methods(lr: float, period: int | None = None) -> dict:
    """Both methods at both rates. period: CREST's first steps on random batches, and the bound on T1 and P."""
    hyper = RELEASE | ({} if period is None else dict(longest=period, warmup=period))
    both = {"random": trainings.method("random"), "crest": trainings.method("crest", hyper)}
    return {f"{name}, {word}": fields | dict(lr=rate) for name, fields in both.items()
            for word, rate in (("lr", lr), ("2 lr", 2 * lr))}  # fmt: skip


def conclude(settings: dict, results: dict[str, list[dict]]) -> Verdict:
    """The claim is that at the same rate, on average over both rates, CREST is ahead."""
    rows, ahead = [], []
    for problem, found in trainings.accuracies(settings, results).items():
        random, twice, crest, doubled = (found[name] for name in NAMES)
        ahead += [((crest - random) + (doubled - twice)) / 2]
        differences = {
            "crest, 2 lr - random, lr": doubled - random, "random, 2 lr - random, lr": twice - random,
            "crest, lr - random, lr": crest - random, "crest, 2 lr - random, 2 lr": doubled - twice,
        }  # fmt: skip
        rows += [{"problem": problem, "what": name, "accuracy %": interval(found[name])} for name in NAMES]
        rows += [{"problem": problem, "what": name, "points": interval(d)} for name, d in differences.items()]
    shown = [text_of(row["points"], "+.2f") for row in rows if "points" in row]
    finding = (f"CREST that steps on 2 g seems {shown[0]} points ahead of random that steps on g, and random gains "
               f"{shown[1]} by the doubled step alone; at the same step the difference between CREST and random is "
               f"{shown[2]} (g) and {shown[3]} (2 g).")  # fmt: skip
    return Verdict(rows, COLUMNS, judged(np.mean(ahead, axis=0)), finding)


def draw(document: dict, figure) -> None:
    """The four differences."""
    rows = [row for row in document["rows"] if "points" in row]
    dots(figure, rows, "problem", "what", "points", "difference in accuracy, points", zero=True)
    figure.set_size_inches(8, 3.2)


EXPERIMENT = Experiment(
    name="doubled-step",
    claim="With the same steps and the same learning rate CREST is ahead of random batches (in the released code the "
          "gradient of CREST is added up twice before a step, and that of random once)",
    place="CREST, Table 1 and released code",
    minutes=1.5,
    scales={
        "quick": settings(3, {"digits": trainings.DIGITS | dict(momentum=0.0, epochs=4)}, methods=methods(0.1)),
        "laptop": settings(8, {"mnist10k": MNIST}, methods=methods(0.1, 13)),
        "paper": settings(3, {"cifar10, resnet20": trainings.RESNET20 | dict(momentum=0.0)},
                          methods=methods(0.1, 40)),
    },
    parts=trainings.parts, measure=trainings.measure, conclude=conclude, draw=draw, same=trainings.same,
)  # fmt: skip
