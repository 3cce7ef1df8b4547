"""The documentation that is read from docstrings: complete, with shapes, with examples that run, and built by pdoc."""

import doctest
import importlib
import inspect
import re
import subprocess
import sys

import pytest

from tests import api
from tests.contract.test_architecture import MODULES, ROOT

# A public parameter without a type is an array, or a list of numbers, unless it is one of these.
NO_ARRAYS = {
    "activation", "backend", "cache", "caches", "checkpoint", "checkpoint_every", "data_dir", "eps", "evaluate_every",
    "actual", "expected",
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


def test_what_counts_as_a_shape():
    assert all(SHAPE.search(f"x {shape} is") for shape in ("(n, d)", "(n,)", "(n, ...)", "(n - 1, d)", "(1, d)"))
    others = "(CREST eq. 9)", "(0, 1)", "(the paper, Theorem 4)", "f(x, y)", "(see below)"
    assert not any(SHAPE.search(text) for text in others)


# ---- the examples


EXAMPLES = [module for module in MODULES if re.search(r"^ *>>> ", MODULES[module].read_text(), re.MULTILINE)]


@pytest.mark.parametrize("module", EXAMPLES)
def test_the_examples_give_what_they_show(module):
    loaded = importlib.import_module(module.removesuffix(".__init__"))
    failed, attempted = doctest.testmod(loaded, optionflags=doctest.ELLIPSIS)
    assert attempted and not failed


def test_there_are_examples_of_what_is_used_first():
    shown = "\n".join(MODULES[module].read_text() for module in EXAMPLES)
    first = "load mlp weighted facility_location greedy hutchinson_diagonal check_bound compare"
    for name in first.split():
        assert re.search(rf">>> .*\b{name}\(", shown), f"no example of {name}"


# ---- the pages


def test_a_docstring_keeps_its_form_as_markdown():
    """Lists of fields and of items, lines that end early, code; a star is a star."""
    assert api.as_written("One.\n\nx     (n,) a * b\nlong  two\n      three\n\n    code *") == (
        "One.\n\n- x: (n,) a \\* b\n- long: two\n  three\n\n    code *")  # fmt: skip
    assert api.as_written("As follows:\n  - one\n    more\n  - two") == "As follows:\n\n- one\n  more\n- two"
    assert api.as_written("ends here\non purpose") == "ends here  \non purpose"
    assert api.as_written(f"ends\n{'w' * 110}\nhere") == f"ends\n{'w' * 110}\nhere"  # there was no room for more


def test_every_module_has_its_page(tmp_path):
    pytest.importorskip("pdoc", reason="pdoc comes with the docs extra")
    code = "import sys; from tests import api; print(len(api.write(sys.argv[1])))"
    command = [sys.executable, "-W", "error", "-c", code, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert "minicrest.theory.bounds" in api.modules() and not any("exercises" in name for name in api.modules())
    for name in api.modules():
        assert (tmp_path / f"{name.replace('.', '/')}.html").stat().st_size > 5_000, name
    page = (tmp_path / "minicrest/submodular.html").read_text()
    assert 'id="facility_location"' in page and "gt;&gt;&gt;" in page  # handed on from facility.py, with its example
