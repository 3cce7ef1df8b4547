"""Data sets: what one is, how files become one, two synthetic families, and all of them by name."""

from minicrest.datasets.dataset import Dataset
from minicrest.datasets.load import available, digits, load
from minicrest.datasets.synthetic import blobs, logistic_optimum, spirals

__all__ = ["Dataset", "available", "blobs", "digits", "load", "logistic_optimum", "spirals"]
