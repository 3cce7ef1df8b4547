"""AdaCore against all the data and against random subsets: how many times sooner it gets to where it ends.

Logistic regression chooses once, before training, by whole gradients and the exact diagonal of the Hessian; a network
anew after five passes over the subset, by p - y and a Hutchinson estimate. The random subset is as large, and as often
drawn anew.
"""

from __future__ import annotations

from minicrest.experiments.paper import speed
from minicrest.experiments.paper.craig_speed import ONCE
from minicrest.experiments.paper.engine import Experiment

R = 5  # passes over a network's subset between two choices


def logistic(data: dict, fraction: float, passes: int, lrs: list[float]) -> dict:
    """Logistic regression on a subset that is chosen once."""
    methods = {"adacore": {"method": "adacore", "fraction": fraction, "R": ONCE, "features": "last-layer",
                           "curvature": "exact"}, "all data": {"method": "full"},
               "random subset": {"method": "random-dynamic", "fraction": fraction, "T_p": ONCE},
               "craig": {"method": "craig", "fraction": fraction, "features": "raw"}}  # fmt: skip
    return {"model": "logistic", "l2": 1e-5, "m": 10, "passes": passes, "lrs": lrs, "methods": methods, **data}


def network(data: dict, fraction: float, passes: int, lrs: list[float], m: int = 10, model: str = "hidden") -> dict:
    """A network on subsets that are chosen anew after every R passes over them."""
    methods = {"adacore": {"method": "adacore", "fraction": fraction, "R": R}, "all data": {"method": "full"},
               "random subset": {"method": "random-dynamic", "fraction": fraction, "T_p": R},
               "craig": {"method": "craig", "fraction": fraction, "R": R}}  # fmt: skip
    return {"model": model, "hidden": 100, "l2": 1e-4, "m": m, "passes": passes, "lrs": lrs, "methods": methods, **data}


_RATES = [0.01, 0.03, 0.1, 0.3]
_CONCLUDE, _DRAW = speed.bound("adacore", {"all data": lambda problem: 2.9, "random subset": lambda problem: 4.5})
EXPERIMENT = Experiment(
    name="adacore-speed",
    claim="Training on AdaCore's subsets is up to 2.9 times faster than on all the data and 4.5 times faster than on "
          "random subsets, in logistic regression and in neural networks.",
    place="AdaCore, abstract",
    minutes=2,
    scales={
        "quick": {"seeds": 3, "problems": {
            "blobs": logistic({"data": "blobs", "examples": 300, "dimensions": 10}, 0.1, 2, [0.03]),
            "digits, network": network({"data": "digits", "examples": 300, "hidden": 16}, 0.3, 2, [0.1])}},
        "laptop": {"seeds": 5, "problems": {
            "blobs": logistic({"data": "blobs", "examples": 2000, "dimensions": 20}, 0.1, 5, _RATES),
            "digits, odd or even": logistic({"data": "digits"}, 0.1, 10, _RATES[1:]),
            "mnist10k, network": network({"data": "mnist10k", "examples": 2000}, 0.1, 8, _RATES[1:])}},
        "paper": {"seeds": 5, "problems": {
            "mnist, odd or even": logistic({"data": "mnist"}, 0.1, 20, _RATES),
            "cifar10, resnet20": network({"data": "cifar10"}, 0.1, 200, [0.1], 256, "resnet20")}},
    },
    parts=speed.parts, measure=speed.measure, conclude=_CONCLUDE, draw=_DRAW,
)  # fmt: skip
