"""Bad calls made from the signatures: each public callable of minicrest, one argument at a time of the wrong kind.

    python -m tests.adversarial.bad_calls            counts, then every call that is not refused clearly
    python -m tests.adversarial.bad_calls crest nn   those whose name holds one of these words

`walk` finds the callables, arguments.py says what their parameters mean and gives legal values, BAD has the bad values
of each meaning. A call must end in a ValueError, TypeError or FileNotFoundError that minicrest raises itself, in one
line that names the argument. Any other error is unclear; a call that returns is silent, unless LEGAL gives a reason.
"""

from __future__ import annotations

import ast
import fnmatch
import functools
import importlib
import inspect
import pkgutil
import re
import signal
import sys
import threading
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

import minicrest
from tests.adversarial.arguments import LEGAL, OUTSIDE, RECEIVERS, WORDS, fitted, legal_arguments, meaning, receiver

PACKAGE = Path(minicrest.__file__).parent
NAN, INF = float("nan"), float("inf")
SECONDS = 5  # for one call
CLEAR_TYPES = (ValueError, TypeError, FileNotFoundError)


class BadCall(NamedTuple):
    """`callable` (its dotted name without "minicrest.") with one bad argument."""

    callable: str
    parameter: str
    label: str  # the bad value, in words

    def __str__(self):
        return f"{self.callable}({self.parameter}={self.label})"


class Outcome(NamedTuple):
    """"clear", "unclear", "silent" or "legal", and what was raised or returned."""

    kind: str
    what: str


# ---- what is called

ROOMS = ("nn", "datasets", "submodular", "selection", "experiments", "estimators", "theory.bounds",
         "theory.family_bounds", "theory.chance_bounds")


@functools.cache
def walk() -> dict[str, Any]:
    """What is public: what the rooms hand on and the modules beside them define, but OUTSIDE: dotted name -> it."""
    names = dict(_everything())
    kinds = {name: member for name, member in names.items() if inspect.isclass(member)}
    names |= {f"{name}.{method}": getattr(kind, method) for name, kind in kinds.items() for method in methods(name)}
    names = {name: member for name, member in names.items() if not any(fnmatch.fnmatch(name, p) for p in OUTSIDE)}
    return {name: fitted(member) if hasattr(member, "get_params") else member for name, member in names.items()}


def methods(kind: str) -> list[str]:
    """The public methods of a class of RECEIVERS; of other classes only minicrest calls them."""
    members = vars(_class(kind)) if kind in RECEIVERS else {}
    return [name for name, member in members.items() if not name.startswith("_") and _callable(member)]


def _callable(member) -> bool:
    return inspect.isfunction(member) or isinstance(member, (staticmethod, classmethod))


def _class(dotted):
    module, _, name = dotted.rpartition(".")
    return getattr(importlib.import_module(f"minicrest.{module}"), name)


def _everything() -> Iterator[tuple[str, Any]]:
    for module in [m.name for m in pkgutil.iter_modules([str(PACKAGE)]) if not m.name.startswith("_")]:
        if module not in {room.partition(".")[0] for room in ROOMS}:
            yield from _public(module, lambda member, home=f"minicrest.{module}": member.__module__ == home)
    for room in ROOMS:
        names = getattr(importlib.import_module(f"minicrest.{room}"), "__all__", None)
        yield from _public(room, lambda member, names=names: names is None or member.__name__ in names)


def _public(module, wanted) -> Iterator[tuple[str, Any]]:
    """Functions and classes; named tuples and exceptions are results."""
    for name, member in vars(importlib.import_module(f"minicrest.{module}")).items():
        ours = (inspect.isfunction(member) or inspect.isclass(member)) and member.__module__.startswith("minicrest")
        result = inspect.isclass(member) and issubclass(member, (tuple, BaseException))
        if ours and not result and not name.startswith("_") and wanted(member):
            yield f"{module}.{name}", member


def parameters(name: str) -> dict[str, inspect.Parameter]:
    """The parameters of a callable of `walk`, without self."""
    found = dict(inspect.signature(walk()[name]).parameters)
    found.pop("self", None)
    return {key: p for key, p in found.items() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}


# ---- the bad values

_NO_NUMBER = {"None": None, "'0.1'": "0.1", "nan": NAN, "inf": INF, "list": [0.1], "array": np.array([0.1, 0.2])}
_NO_WHOLE = {**_NO_NUMBER, "1.5": 1.5, "True": True}
_NO_OBJECT = {"None": None, "3": 3, "'text'": "text", "list": []}
BAD = {
    "whole": _NO_WHOLE,
    "natural": {**_NO_WHOLE, "-1": -1},
    "count": {**_NO_WHOLE, "-1": -1, "0": 0},
    "number": {**_NO_NUMBER, "-inf": -INF},
    "not negative": {**_NO_NUMBER, "-1": -1},
    "positive": {**_NO_NUMBER, "-1": -1, "0": 0},
    "part": {**_NO_NUMBER, "-0.5": -0.5, "1.5": 1.5},
    "flag": {"None": None, "'yes'": "yes", "2": 2, "nan": NAN, "array": np.array([True, False])},
    "option": {"None": None, "'no such'": "no such", "3": 3, "''": "", "list": ["cpu"]},
    "text": {"None": None, "3": 3, "list": []},
    "path": {"None": None, "3": 3, "1.5": 1.5, "list": []},
    "file": {"None": None, "3": 3, "1.5": 1.5, "missing": "no/such/file.npz", "a folder": "."},
    "object": _NO_OBJECT,
    "function": _NO_OBJECT,
    "sequence": {"None": None, "3": 3, "of None": [None], "'text'": "text"},
}


def bad_values(kind: str, good) -> dict[str, Any]:
    """Label -> a value of the wrong kind for an argument that means `kind` and for which `good` is legal."""
    if kind in BAD:
        return BAD[kind]
    return ARRAYS[kind](np.asarray(good))


def _no_arrays(good):
    """What is no table of numbers at all."""
    return {"None": None, "'text'": "text", "strings": good.astype(str), "objects": good.astype(object),
            "complex": good.astype(complex), "ragged": [[1.0], [1.0, 2.0]], "one axis more": good[None],
            "sparse": sparse.csr_matrix(np.atleast_2d(good))}  # fmt: skip


def _bad_features(good):
    """Also what has values that no number can be made of, or no rows."""
    spoilt = {"NaN inside": _with(good, NAN), "inf inside": _with(good, INF)} if good.dtype.kind == "f" else {}
    return {**_no_arrays(good), **spoilt, "no rows": good[:0], "3": 3}


def _bad_labels(good):
    return {**_no_arrays(good), "too short": good[:-1], "halves": good + 0.5, "-1 inside": _with(good, -1),
            "10**9 inside": _with(good, 10**9), "3": 3}  # fmt: skip


def _bad_indices(good):
    return {"'text'": "text", "halves": good + 0.5, "10**9 inside": _with(good, 10**9), "-1 inside": _with(good, -1),
            "one axis more": good[None], "objects": good.astype(object)}  # fmt: skip


def _bad_parameters(good):
    """theta and what has its shape."""
    return {"None": None, "'text'": "text", "3": 3, "too short": good[:-1], "objects": good.astype(object)}


def _bad_weights(good):
    return {"'text'": "text", "too short": good[:-1], "NaN inside": _with(good, NAN), "one axis more": good[None],
            "objects": good.astype(object)}  # fmt: skip


def _with(good, value):
    changed = good.astype(type(value)) if isinstance(value, float) else good.copy()
    changed[(0,) * good.ndim] = value
    return changed


def _bad_flags(good):
    return {"None": None, "'text'": "text", "halves": good * 0.5, "too short": good[:-1],
            "objects": good.astype(object)}  # fmt: skip


ARRAYS = {"flags": _bad_flags, "features": _bad_features, "labels": _bad_labels, "indices": _bad_indices,
          "parameters": _bad_parameters, "weights": _bad_weights}  # fmt: skip


@functools.cache
def bad_calls() -> list[BadCall]:
    """All of them."""
    return [BadCall(name, key, label) for name in walk() for key in parameters(name) for label in _labels(name, key)]


def _labels(name, key) -> list[str]:
    parameter = parameters(name)[key]
    optional = parameter.default is None  # then None is legal
    return [label for label in _values(name, key) if not (optional and label == "None")]


def _values(name, key):
    parameter = parameters(name)[key]
    return bad_values(meaning(name, parameter), legal_arguments(name, {key: parameter}).get(key, parameter.default))


# ---- the judgement


def call(name: str, /, **changed):
    """Call `name` with legal arguments, but for those `changed`."""
    target = walk()[name]
    required = {key: p for key, p in parameters(name).items() if p.default is inspect.Parameter.empty}
    arguments = {**legal_arguments(name, required), **changed}
    positional = [arguments.pop(key) for key, p in required.items() if p.kind is p.POSITIONAL_ONLY]
    holder = name.rpartition(".")[0]
    if holder in RECEIVERS and not isinstance(inspect.getattr_static(_class(holder), target.__name__), staticmethod):
        positional.insert(0, receiver(holder))
    result = target(*positional, **arguments)
    if hasattr(result, "__enter__") and not isinstance(result, Path):  # a context manager does its work inside
        with result:
            pass
    return result


def judge(bad: BadCall) -> Outcome:
    """Make the call and say how it ended."""
    value = _values(bad.callable, bad.parameter)[bad.label]
    try:
        with warnings.catch_warnings(), time_limit(SECONDS), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            result = call(bad.callable, **{bad.parameter: value})
    except Exception as error:
        return Outcome("clear" if is_clear(error, bad) else "unclear", f"{type(error).__name__}: {error}"[:160])
    legal = any(fnmatch.fnmatchcase(str(bad), pattern) for pattern in LEGAL)
    return Outcome("legal" if legal else "silent", re.sub(r"\s+", " ", repr(result))[:60])


def is_clear(error: Exception, bad: BadCall) -> bool:
    """Of the right type, raised by a `raise` of minicrest, in one line that names the argument or the object."""
    text = str(error)
    named = {bad.parameter, bad.callable.split(".")[-1], *WORDS.get(bad.parameter, ())}
    says = any(re.search(rf"(?i)(?<![a-z]){re.escape(word)}s?(?![a-z])", text) for word in named)
    return type(error) in CLEAR_TYPES and "\n" not in text and len(text.split()) >= 4 and raised_here(error) and says


def raised_here(error: Exception) -> bool:
    """Whether the innermost frame is a `raise` statement in the package, and not an operation that failed."""
    frame, line = list(traceback.walk_tb(error.__traceback__))[-1]
    path = Path(frame.f_code.co_filename)
    return PACKAGE in path.parents and any(first <= line <= last for first, last in _raises(path))


@functools.cache
def _raises(path: Path) -> list[tuple[int, int]]:
    nodes = ast.walk(ast.parse(path.read_text("utf-8")))
    return [(node.lineno, node.end_lineno) for node in nodes if isinstance(node, ast.Raise)]


class time_limit:
    """A block that takes longer than so many seconds ends in TimeoutError (on the main thread)."""

    def __init__(self, seconds: float):
        self.seconds = seconds if threading.current_thread() is threading.main_thread() else 0

    def __enter__(self):
        def ring(signum, frame):
            raise TimeoutError(f"no end after {self.seconds} s")

        self.before = signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, self.seconds)

    def __exit__(self, *_):
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self.before)


def main(words) -> int:
    """Print what went wrong, a line a call, then the counts; 1 if anything did."""
    counts = Counter()
    for bad in [bad for bad in bad_calls() if not words or any(word.lower() in str(bad).lower() for word in words)]:
        outcome = judge(bad)
        counts[outcome.kind] += 1
        if outcome.kind in ("unclear", "silent"):
            print(f"{outcome.kind:8} {bad!s:60} {' '.join(outcome.what.split())}", flush=True)
    print(f"{counts.total()} bad calls of {len(walk())} callables: {dict(counts)}")
    return 1 if counts["unclear"] + counts["silent"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
