"""CREST's fifth table: how far behind full training it is after a fifth of its steps."""

from __future__ import annotations

from dataclasses import replace

from minicrest.experiments.paper import crest_table_1, trainings
from minicrest.experiments.paper.crest_table_1 import METHODS, settings

SOME = {name: METHODS[name] for name in ("full", "random", "crest")}
EXPERIMENT = replace(
    crest_table_1.EXPERIMENT,
    name="crest-table-5",
    claim="With 20% of the backpropagations CREST's relative error is below random's and that of SGD whose schedule is "
          "cut short: on CIFAR-10 2.32%, 2.87% and 16.47%",
    place="CREST, Table 5",
    minutes=6,
    scales={
        "quick": settings(3, {"digits": trainings.DIGITS | dict(epochs=4)}, 0.2, SOME),
        "laptop": settings(5, {"mnist10k": trainings.MNIST, "trec": trainings.TREC, "subj": trainings.SUBJ,
                               "cifar10, lenet": trainings.LENET}, 0.2, SOME),
        "paper": settings(3, {"cifar10, resnet20": trainings.RESNET20}, 0.2, SOME),
    },
)  # fmt: skip
