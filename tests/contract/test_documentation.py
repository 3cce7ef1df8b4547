"""The documentation that is read from docstrings: complete, with shapes, with examples that run, and built by pdoc."""

import doctest
import importlib
import inspect
import re

import pytest

from tests.contract.test_architecture import MODULES

# A public parameter without a type is an array, or a list of numbers, unless it is one of these.
NO_ARRAYS = {
    "activation", "backend", "cache", "caches", "checkpoint", "checkpoint_every", "data_dir", "eps", "evaluate_every",
    "f", "factor", "feedback", "fork", "fraction", "gamma", "h", "hvp", "k", "L_s", "lam", "like", "limit", "loss",
    "lowest", "max_bill", "memory", "method", "minimiser", "mu", "n", "n_subsets", "name", "notes", "optimizer",
    "options", "oracle", "parts", "path", "pl", "probes", "Rcache", "Rcaches", "rng", "row", "schedule", "score",
    "seed", "seeds", "shape", "start", "state", "stats", "steps", "stop", "thing", "tree", "value", "verdicts",
    "within", "work",
}  # fmt: skip
SYMBOL = r"(?:\w{1,2}|\d+|\.\.\.)"
SHAPE = re.compile(rf"\((?!x, y\)|\d, \d\)){SYMBOL}(?: [*+/-] \w{{1,2}})?,(?: ?[\w*+/ .-]{{1,12}},?)*\)|any shape")
WITHOUT = ("cli", "experiments", "teaching", "theory.claims", "__main__")  # they take no arrays
ROOMS_OF_ARRAYS = [module for module in MODULES if not module.startswith(tuple(f"minicrest.{w}" for w in WITHOUT))]


def public(module):
    """(label, docstrings that a reader of it has in front of them, function) of public functions and methods."""
    loaded = importlib.import_module(module.removesuffix(".__init__"))
    for name, value in vars(loaded).items():
        if name.startswith("_") or getattr(value, "__module__", None) != loaded.__name__:
            continue
        if inspect.isfunction(value):
            yield name, [inspect.getdoc(value)], value
        elif inspect.isclass(value):
            for label, method in vars(value).items():
                if inspect.isfunction(method) and not label.startswith("_"):
                    yield f"{name}.{label}", [inspect.getdoc(getattr(value, label)), inspect.getdoc(value)], method


def takes_an_array(function) -> bool:
    parameters = list(inspect.signature(function).parameters.values())
    untyped = [p.name for p in parameters if p.annotation is p.empty and not isinstance(p.default, (bool, str))]
    typed = [p.name for p in parameters if "ndarray" in str(p.annotation)]
    return bool(typed or set(untyped) - NO_ARRAYS - {"self"})


@pytest.mark.parametrize("module", ROOMS_OF_ARRAYS)
def test_who_takes_an_array_names_its_shape(module):
    silent = [
        label for label, texts, function in public(module)
        if takes_an_array(function) and not any(SHAPE.search(text or "") for text in texts)
    ]  # fmt: skip
    assert not silent, f"{module}: no shape is named by {', '.join(silent)}"
