"""CREST's first table on a part of CIFAR-10 itself, with convolutional networks that a laptop can train."""

from __future__ import annotations

from dataclasses import replace

from minicrest.experiments.paper import crest_table_1, trainings
from minicrest.experiments.paper.crest_table_1 import settings

EXPERIMENT = replace(
    crest_table_1.EXPERIMENT,
    name="crest-table-1-cifar10",
    place="CREST, Table 1 (CIFAR-10)",
    minutes=20,
    scales=crest_table_1.EXPERIMENT.scales | {
        "laptop": settings(3, {"cifar10, lenet": trainings.LENET, "cifar10, resnet8": trainings.RESNET8}),
    },
)  # fmt: skip
