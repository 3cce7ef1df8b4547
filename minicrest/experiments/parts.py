"""Parts of one's own: a method, a network or a data set that minicrest does not bring.

On the command line such a part is named "module:Class" or "module:function"; in Python it may also be an object.
A Setup then holds its name or, where an object has none, a digest of its content: the same content is the same run.
"""

from __future__ import annotations

import hashlib
import importlib
import numbers
import os
import re
import sys
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np

from minicrest.arguments import shown
from minicrest.backend import array_module, to_numpy
from minicrest.datasets import Dataset
from minicrest.datasets.dataset import stratified
from minicrest.nn import Network
from minicrest.selection import METHODS

NAMED = {**METHODS, "shuffle": METHODS["full"]}  # shuffle: all the data in turn, like full, but under the budget
CONTRACT = ("init", "propose", "observe", "report")
_FOREIGN = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d][\w.<>]*")  # module:name, both perhaps with dots
_CONTENT = re.compile(r".*#[0-9a-f]{16}", re.DOTALL)


@dataclass(frozen=True, eq=False)
class Parts:
    """Objects that take the place of what a Setup names; None: build what it names."""

    method: Any = None
    network: Network | None = None
    data: Dataset | None = None


def parts_of(parts) -> Parts:
    """`parts`; TypeError for anything else."""
    if not isinstance(parts, Parts):
        raise TypeError(f"parts must be Parts, got {shown(parts)}")
    return parts


def function(name: str, value):
    """`value`; TypeError where it cannot be called."""
    if not callable(value):
        raise TypeError(f"{name} must be a function, got {shown(value)}")
    return value


def path_text(name: str, value) -> str:
    """A path as text; TypeError for what is none."""
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"{name} must be text or a path, got {shown(value)}")
    return os.fsdecode(value)


def is_foreign(name: str) -> bool:
    """Whether `name` is of the form "module:Class" or "module:function"."""
    return _FOREIGN.fullmatch(name) is not None


def is_content(value) -> bool:
    """Whether `value` stands for an object that only Python can bring back (see `content`)."""
    return isinstance(value, str) and _CONTENT.fullmatch(value) is not None


def known_or_foreign(name: str, value, names, form: str) -> None:
    """Raise ValueError unless `value` is one of `names`, of the form "module:name", or stands for an object.

    TypeError for what is no text.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be text, got {shown(value)}; objects go to minicrest.compare or minicrest.train")
    if value not in names and not is_foreign(value) and not is_content(value):
        raise ValueError(f"{name} must be one of {', '.join(names)}, or {form}, got {shown(value)}")


def imported(name: str, what: str):
    """The object that `name`, "module:Class" or "module:function", names; `what` it is for stands in the errors.

    Importing runs the module's code: call this only with names that the user has given. Raises ValueError, in one
    sentence, where the module cannot be imported or holds no such name.
    """
    module, _, path = name.partition(":")
    if module == "__main__" or "<" in path:
        raise ValueError(f"{what} {name} was defined in a script, a notebook or a function, from where it cannot be "
                         "imported; go on from Python with the same objects, or move it to a file")  # fmt: skip
    try:
        holder: Any = importlib.import_module(module)
    except (Exception, SystemExit) as error:  # the module's own code may raise anything
        missing = isinstance(error, ModuleNotFoundError) and error.name == module
        why = f"there is no {module}.py in the current folder and no such package" if missing else _in_words(error)
        raise ValueError(f"{what} {name}: the module {module} cannot be imported: {why}") from error
    for part in path.split("."):
        if not hasattr(holder, part):
            place = getattr(holder, "__file__", None) or module
            raise ValueError(f"{what} {name}: {place} has no {part}")
        holder = getattr(holder, part)
    return holder


def method_class(name: str):
    """The class of the method `name`: one of NAMED, or "module:Class". Raises ValueError where it is no method."""
    if name in NAMED:
        return NAMED[name]
    known_or_foreign("method", name, NAMED, "module:Class")
    kind = imported(name, "method")
    if not isinstance(kind, type):
        raise ValueError(f"method {name} must be a class, got {shown(kind)}")
    check_contract(kind, f"method {name}")
    return kind


def check_contract(method, name: str) -> None:
    """Raise ValueError unless `method`, a class or an object, has what a method needs."""
    lacking = [part for part in CONTRACT if not callable(getattr(method, part, None))]
    if lacking:
        raise ValueError(f"{name} does not keep the contract: it lacks {', '.join(lacking)}; a method has "
                         "init, propose, observe and report (minicrest.selection.Method has the last two)")  # fmt: skip


def made(kind, name: str, arguments: dict[str, Any]):
    """`kind(**arguments)`. Raises ValueError, naming the method, for arguments that it does not take."""
    try:
        return kind(**arguments)
    except TypeError as error:
        raise ValueError(f"method {name} cannot be made with {arguments or 'no arguments'}: {error}") from error


def network_of(name: str, shape: tuple[int, ...], classes: int) -> Network:
    """What the function named by "module:function" returns for examples of `shape` and so many classes.

    Raises ValueError where it is not a function or does not return a Network.
    """
    function = imported(name, "model")
    if not callable(function):
        raise ValueError(f"model {name} must be a function of (shape, classes), got {shown(function)}")
    try:
        network = function(shape, classes)
    except TypeError as error:
        raise ValueError(f"model {name} must be a function of (shape, classes): {error}") from error
    if not isinstance(network, Network):
        raise ValueError(f"model {name} must return a minicrest.nn.Network, got {shown(network)}")
    return network


def tested_on(data: Dataset, fraction: float, rng: np.random.Generator) -> Dataset:
    """The data with a stratified `fraction` of its training part, drawn by `rng`, in place of its test part."""
    kept, held = stratified(to_numpy(data.y), fraction, rng)
    return replace(data.take(kept), test=replace(data.take(held), augment=0, test=None, validation=None))


def described(method) -> tuple[str, tuple[tuple[str, Any], ...]]:
    """(name, hyper-parameters) of a method object, as a Setup holds them: plain values, others by their content."""
    check_contract(method, f"method {type(method).__name__}")
    if isinstance(method, type):
        raise TypeError(f"give a method, not its class: {method.__name__}() for its defaults")
    kind = type(method)
    name = next((name for name, ours in METHODS.items() if ours is kind), f"{kind.__module__}:{kind.__qualname__}")
    return name, tuple((field, _plain(value)) for field, value in _settings(method).items())


def _settings(method) -> dict[str, Any]:
    if is_dataclass(method):
        return {f.name: getattr(method, f.name) for f in fields(method) if f.init}
    return dict(vars(method)) if hasattr(method, "__dict__") else {}


def _plain(value):
    if isinstance(value, np.generic):
        value = value.item()
    plain = value is None or isinstance(value, (bool, str, numbers.Real))
    return value if plain else f"{type(value).__name__}#{content(value)}"


def content(value) -> str:
    """16 hex digits of what `value` is: an array, a data set, or an object whose repr says all about it.

    Raises TypeError for an object whose repr shows nothing but its address: it would be another one each time.
    """
    if isinstance(value, Dataset):
        return value.fingerprint()
    if isinstance(value, np.ndarray) or array_module(value) is not np:
        array = np.ascontiguousarray(to_numpy(value))
        text = f"{array.shape} {array.dtype} {hashlib.blake2b(array.tobytes()).hexdigest()}"
    else:
        with np.printoptions(threshold=sys.maxsize, floatmode="unique"):  # of an array inside every number
            text = repr(value)
    if " at 0x" in text:
        raise TypeError(f"a {type(value).__name__} shows only its address; make it a dataclass, or give it a __repr__ "
                        "that says what it is, so that its runs can be told from others")  # fmt: skip
    return hashlib.blake2b(text.encode(errors="surrogateescape"), digest_size=8).hexdigest()


def _in_words(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


@contextmanager
def current_folder():
    """Inside, modules can be imported from the current folder, after those that are installed."""
    here = os.getcwd()
    if here in sys.path or "" in sys.path:
        yield
        return
    sys.path.append(here)
    try:
        yield
    finally:
        if here in sys.path:
            sys.path.remove(here)
