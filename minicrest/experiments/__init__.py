"""Experiments: what to train and how (setup), many side by side (compare), and what they show (tables, plots)."""

from minicrest.experiments.compare import compare
from minicrest.experiments.comparison import Comparison
from minicrest.experiments.prepared import Preparations
from minicrest.experiments.setup import MODELS, PRESETS, Setup
from minicrest.experiments.transforms import TRANSFORMS, copies, imbalance, label_noise
from minicrest.experiments.tune import tune
from minicrest.experiments.tuning import Tuning

__all__ = [
    "MODELS", "PRESETS", "TRANSFORMS", "Comparison", "Preparations", "Setup", "Tuning", "compare", "copies",
    "imbalance", "label_noise", "tune",
]  # fmt: skip
