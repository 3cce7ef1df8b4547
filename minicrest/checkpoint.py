"""Checkpoints: trees of dataclasses, arrays and scalars <-> one .npz, written atomically, with no pickle.

An array becomes an entry of the .npz; everything else one entry of JSON text. A dataclass is stored as its module, its
name and its fields; an object with a method `arguments_again`, such as a network, as what makes it again.
"""

import errno
import glob
import importlib
import json
import os
import sys
import threading
import types
import typing
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from minicrest import arguments, npz
from minicrest.backend import array_module, check_device, device_of, to_device, to_numpy

FORMAT = 2


def save(path, tree) -> None:
    """Write a tree of dicts, lists, tuples, dataclasses, networks, arrays, scalars and text; TypeError for all else."""
    arrays: dict[str, Any] = {}
    text = json.dumps({"format": FORMAT, "tree": _flatten(tree, arrays)})
    write_atomically(path, lambda file: np.savez(file, tree=np.array(text), **arrays))


def load(path, device: str = "cpu", modules: str | list | tuple = ()) -> Any:
    """The tree that `save` wrote; arrays that were on a device come back on `device`.

    A file can name a class, it cannot bring code: the classes of this package are imported; those of other modules
    only if they are in `modules` (names, submodules included) or have been imported already.
    Raises FileNotFoundError where there is no file, ValueError where it is not a whole checkpoint of this format.
    """
    path, names = arguments.path("path", path), [modules] if isinstance(modules, str) else modules
    trusted = ["minicrest", *(arguments.text("each of modules", name) for name in arguments.listed("modules", names))]
    check_device(device)
    if not path.exists():
        raise FileNotFoundError(f"no checkpoint at {path}")
    try:
        arrays = npz.read(path, largest=path.stat().st_size)  # nothing in it is compressed
        header = json.loads(str(arrays.pop("tree")))
        version = header["format"]
        if version == FORMAT:
            return _Builder(arrays, device, trusted).build(header["tree"])
    except PermissionError:
        raise
    except Exception as error:  # whatever JSON, or a tree that does not hang together, may raise
        reason = str(error).removeprefix(f"{path} is ") or type(error).__name__
        raise ValueError(f"{path} is not a whole minicrest checkpoint ({reason}); use another file") from error
    raise ValueError(f"{path} has checkpoint format {version}, this version reads {FORMAT}; train again")


def write_atomically(path, write: Callable[[Any], Any]) -> None:
    """Call `write(file)` on a temporary binary file beside `path`, flush it to disk, then rename it to `path`."""
    target = Path(os.path.realpath(arguments.path("path", path)))
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(target)
    temporary = target.with_name(f"{target.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        with open(temporary, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:
            raise OSError(error.errno or errno.EIO, error.strerror or str(error), str(path)) from error
        raise


def _remove_abandoned(target: Path) -> None:
    """Remove temporary files of processes that were killed while they wrote to `target`."""
    for part in target.parent.glob(f"{glob.escape(target.name)}.*.part") if os.name == "posix" else ():
        try:
            os.kill(int(part.suffixes[-2][1:].partition("-")[0]), 0)
        except ProcessLookupError:
            part.unlink(missing_ok=True)
        except (ValueError, OverflowError, PermissionError):  # not one of ours, or somebody else's process
            pass


def _flatten(node, arrays):
    """JSON for `node`; its arrays go into `arrays`."""
    node = node.item() if isinstance(node, np.generic) else node
    if node is None or isinstance(node, (bool, int, float, str)):
        return {"value": node}
    if isinstance(node, np.ndarray) or array_module(node) is not np:
        name = f"array{len(arrays)}"
        arrays[name] = to_numpy(node)
        if arrays[name].dtype.kind not in "biufU":
            raise TypeError(f"a checkpoint holds arrays of numbers and text, not of {arrays[name].dtype}")
        return {"array": name, "device": device_of(node)}
    home = [type(node).__module__, type(node).__qualname__]
    if is_dataclass(node) and not isinstance(node, type):
        names = [f.name for f in fields(node) if f.init]
        return {"class": home, "fields": {name: _flatten(getattr(node, name), arrays) for name in names}}
    if hasattr(type(node), "arguments_again"):
        return {"object": home, "arguments": [_flatten(item, arrays) for item in node.arguments_again()]}
    if isinstance(node, (list, tuple)) and not hasattr(node, "_fields"):
        return {type(node).__name__: [_flatten(item, arrays) for item in node]}
    if isinstance(node, dict) and all(isinstance(key, str) for key in node):
        return {"dict": {key: _flatten(item, arrays) for key, item in node.items()}}
    raise TypeError(f"a checkpoint cannot hold a {type(node).__name__}; use dataclasses of arrays and scalars")


class _Builder(NamedTuple):
    """Makes trees again from their JSON."""

    arrays: dict[str, np.ndarray]
    device: str
    trusted: list[str]  # modules that may be imported

    def build(self, node):
        (kind, inside), *_ = node.items()
        if kind == "value":
            return inside
        if kind == "array":
            array = self.arrays[inside]
            return array.copy() if node["device"] == "cpu" else to_device(array, self.device)
        if kind == "class":
            values = {name: self.build(item) for name, item in node["fields"].items()}
            return _made(self.find(*inside, is_dataclass, "dataclass"), values)
        if kind == "object":
            made = self.find(*inside, lambda cls: hasattr(cls, "arguments_again"), "class to store")
            return made(*map(self.build, node["arguments"]))
        if kind == "dict":
            return {key: self.build(item) for key, item in inside.items()}
        return {"list": list, "tuple": tuple}[kind](self.build(item) for item in inside)

    def find(self, module: str, name: str, fits, wanted: str) -> type:
        trusted = any(f"{module}.".startswith(f"{root}.") for root in self.trusted)
        if trusted and not module.endswith("__main__"):
            try:
                importlib.import_module(module)
            except ImportError as error:
                raise ValueError(f"the checkpoint needs the module {module}: {error}") from error
        cls: Any = sys.modules.get(module)
        for part in name.split("."):
            cls = getattr(cls, part, None)
        if not (isinstance(cls, type) and fits(cls)):
            raise ValueError(f"the checkpoint holds a {module}.{name}, not a known {wanted}; import its module first, "
                             f"or name it: load(..., modules=[{module!r}])")  # fmt: skip
        return cls


def _made(cls: type, values: dict[str, Any]):
    """cls(**values); for a class of this package, once each value has the type that its field says."""
    hints = typing.get_type_hints(cls) if cls.__module__.startswith("minicrest.") else {}
    for name, value in values.items():
        if not _fits(value, hints.get(name, Any)):
            raise ValueError(f"{cls.__name__}.{name} is a {type(value).__name__}")
    return cls(**values)


def _fits(value, hint) -> bool:
    """True if `value` may be of the type `hint`, as far as its outermost class says."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        return any(_fits(value, option) for option in typing.get_args(hint))
    kind = typing.get_origin(hint) or hint
    if kind is np.ndarray or kind is Any or not isinstance(kind, type):
        return kind is not np.ndarray or hasattr(value, "dtype")  # an array on any device
    return isinstance(value, (int, float) if kind is float else kind) and (kind is bool or not isinstance(value, bool))
