"""Experiments: what to train and how (setup), many side by side (compare), and what they show (tables, plots)."""

from minicrest.experiments.compare import compare
from minicrest.experiments.comparison import Comparison
from minicrest.experiments.setup import MODELS, PRESETS, Setup

__all__ = ["MODELS", "PRESETS", "Comparison", "Setup", "compare"]
