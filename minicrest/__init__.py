"""minicrest: data-efficient training from first principles, on NumPy or, unchanged, on CuPy.

The names that a user needs first can be had from here; each is imported when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minicrest.backend import to_device as to_device
    from minicrest.datasets import Dataset as Dataset
    from minicrest.datasets import load as load
    from minicrest.experiments import Setup as Setup
    from minicrest.experiments import compare as compare
    from minicrest.nn import Network as Network
    from minicrest.nn import lenet as lenet
    from minicrest.nn import mlp as mlp
    from minicrest.nn import resnet20 as resnet20
    from minicrest.optim import SGD as SGD
    from minicrest.optim import AdamW as AdamW
    from minicrest.oracle import Oracle as Oracle
    from minicrest.run import Run as Run
    from minicrest.selection import METHODS as METHODS
    from minicrest.selection import check_method as check_method
    from minicrest.submodular import facility_location as facility_location
    from minicrest.submodular import greedy as greedy
    from minicrest.train import train as train

__version__ = "0.1.0"

_NAMES = {  # module: what is handed on from it
    "backend": "to_device", "datasets": "Dataset load", "experiments": "Setup compare",
    "nn": "Network lenet mlp resnet20", "optim": "AdamW SGD", "oracle": "Oracle", "run": "Run",
    "selection": "METHODS check_method", "submodular": "facility_location greedy",
}  # fmt: skip
_MODULES = {name: module for module, names in _NAMES.items() for name in names.split()}


def __getattr__(name: str):
    if name == "train":  # the module, which can be called
        return import_module("minicrest.train")
    if name not in _MODULES:
        raise AttributeError(f"module 'minicrest' has no attribute {name!r}")
    return getattr(import_module(f"minicrest.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULES, "train"])
