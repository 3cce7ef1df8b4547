"""Data sets: what one is, how files become one, two synthetic families, all of them by name, and transforms."""

from minicrest.datasets.dataset import Dataset
from minicrest.datasets.load import available, digits, load
from minicrest.datasets.synthetic import blobs, logistic_optimum, spirals
from minicrest.datasets.transforms import TRANSFORMS, copies, imbalance, label_noise

__all__ = [
    "TRANSFORMS", "Dataset", "available", "blobs", "copies", "digits", "imbalance", "label_noise", "load",
    "logistic_optimum", "spirals",
]  # fmt: skip
