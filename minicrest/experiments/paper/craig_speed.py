"""CRAIG against all the data: how many times sooner it gets to where it ends, in logistic regression and in a network.

Logistic regression chooses once, by the inputs, before training; a network anew after every pass over the subset.
"Random" is a random subset of the same size, as often drawn anew, with weight 1.
"""

from __future__ import annotations

from minicrest.experiments.paper import speed
from minicrest.experiments.paper.engine import Experiment

ONCE = 1_000_000_000  # passes over the subset between two choices: more than there are


def logistic(data: dict, fraction: float, passes: int, lrs: list[float]) -> dict:
    """Logistic regression on a subset that is chosen once."""
    methods = {"craig": {"method": "craig", "fraction": fraction, "features": "raw"}, "all data": {"method": "full"},
               "random subset": {"method": "random-dynamic", "fraction": fraction, "T_p": ONCE}}  # fmt: skip
    return {"model": "logistic", "l2": 1e-5, "m": 10, "passes": passes, "lrs": lrs, "methods": methods, **data}


def network(data: dict, fraction: float, passes: int, lrs: list[float], m: int = 10, model: str = "hidden") -> dict:
    """A network on subsets that are chosen anew after each pass over them."""
    methods = {"craig": {"method": "craig", "fraction": fraction}, "all data": {"method": "full"},
               "random subsets": {"method": "random-dynamic", "fraction": fraction, "T_p": 1}}  # fmt: skip
    return {"model": model, "hidden": 100, "l2": 1e-4, "m": m, "passes": passes, "lrs": lrs, "methods": methods, **data}


_RATES = [0.003, 0.01, 0.03, 0.1, 0.3]
_CONCLUDE, _DRAW = speed.bound("craig", {"all data": lambda problem: 6 if problem["model"] == "logistic" else 3})
EXPERIMENT = Experiment(
    name="craig-speed",
    claim="Training on CRAIG's subsets is up to 6 times faster than on all the data in logistic regression, and 3 "
          "times in a neural network.",
    place="CRAIG, abstract",
    minutes=2,
    scales={
        "quick": {"seeds": 3, "problems": {
            "blobs": logistic({"data": "blobs", "examples": 300, "dimensions": 10}, 0.1, 2, [0.03]),
            "digits, network": network({"data": "digits", "examples": 300, "hidden": 16}, 0.5, 2, [0.1])}},
        "laptop": {"seeds": 5, "problems": {
            "blobs": logistic({"data": "blobs", "examples": 2000, "dimensions": 20}, 0.1, 5, _RATES),
            "mnist10k, odd or even": logistic({"data": "mnist10k", "examples": 2000}, 0.3, 6, _RATES[:3]),
            "mnist10k, network": network({"data": "mnist10k", "examples": 2000}, 0.5, 8, _RATES[2:])}},
        "paper": {"seeds": 5, "problems": {
            "mnist, odd or even": logistic({"data": "mnist"}, 0.1, 20, _RATES),
            "mnist, network": network({"data": "mnist"}, 0.5, 15, _RATES),
            "cifar10, resnet20": network({"data": "cifar10"}, 0.1, 200, [0.1], 128, "resnet20")}},
    },
    parts=speed.parts, measure=speed.measure, conclude=_CONCLUDE, draw=_DRAW,
)  # fmt: skip
