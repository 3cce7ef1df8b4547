"""minicrest: data-efficient training from first principles, on NumPy or, unchanged, on CuPy.

The names that a user needs first can be had from here; each is imported when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minicrest.backend import to_device
    from minicrest.datasets import Dataset, load
    from minicrest.experiments import Setup
    from minicrest.experiments.compare import compare
    from minicrest.nn import Network, lenet, mlp, resnet20
    from minicrest.optim import SGD, AdamW
    from minicrest.oracle import Oracle
    from minicrest.run import Run
    from minicrest.selection import METHODS, check_method
    from minicrest.submodular import facility_location, greedy
    from minicrest.train import train

__version__ = "0.1.0"
__all__ = [
    "METHODS", "SGD", "AdamW", "Dataset", "Network", "Oracle", "Run", "Setup", "check_method", "compare",
    "facility_location", "greedy", "lenet", "load", "mlp", "resnet20", "to_device", "train",
]  # fmt: skip
_ROOMS = ("backend", "datasets", "nn", "optim", "oracle", "run", "selection", "submodular", "experiments")


def __getattr__(name: str):
    if name == "train":  # the module, which can be called
        return import_module("minicrest.train")
    rooms = (import_module(f"minicrest.{room}") for room in _ROOMS if name in __all__)
    for room in rooms:
        if hasattr(room, name):
            return getattr(room, name)
    raise AttributeError(f"module 'minicrest' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
