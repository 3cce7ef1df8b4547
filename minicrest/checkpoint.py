"""Checkpoints: trees of dataclasses, arrays and scalars <-> one .npz, written atomically, with no pickle.

An array becomes an entry of the .npz; everything else, and the shape of the tree, one entry of JSON text. A dataclass
is stored as its module, its name and its fields, and is rebuilt from them only if that module is already imported: a
file can name a class, it cannot bring code.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import zipfile
import zlib
from dataclasses import fields, is_dataclass
from pathlib import Path

import numpy as np

from minicrest.backend import array_module, device_of, to_device, to_numpy

FORMAT = 1
DAMAGE = (  # all that zipfile, NumPy, JSON and a tree that does not hang together raise for a damaged file
    OSError, EOFError, ValueError, TypeError, LookupError, AttributeError, RuntimeError, SyntaxError, OverflowError,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip


def save(path, tree) -> None:
    """Write `tree` (dicts with string keys, lists, tuples, dataclasses, arrays, numbers, strings, None) to `path`.

    The file is whole or not there: it is written beside `path`, flushed to disk, and renamed over it.
    Raises TypeError for anything else in the tree, and then leaves an existing file as it was.
    """
    arrays: dict[str, np.ndarray] = {}
    text = json.dumps({"format": FORMAT, "tree": _flatten(tree, arrays)})
    write_atomically(path, lambda file: np.savez(file, tree=np.array(text), **arrays))


def load(path, device: str = "cpu"):
    """The tree that `save` wrote; arrays that were on a device come back on `device`.

    Raises FileNotFoundError where there is no file, and ValueError, naming the file, where it is not a whole
    checkpoint of this format.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no checkpoint at {path}")
    try:
        if not zipfile.is_zipfile(path):  # NumPy would speak of pickles and how to allow them
            raise zipfile.BadZipFile("not a zip archive, or cut short")
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as entries:
            arrays = {name: entries[name] for name in entries.files}
        header = json.loads(str(arrays.pop("tree")))
        found = header["format"]
        if found == FORMAT:
            return _rebuild(header["tree"], arrays, device)
    except DAMAGE as error:
        raise ValueError(f"{path} is not a whole minicrest checkpoint ({error}); use another file") from error
    raise ValueError(f"{path} has checkpoint format {found}, this version reads {FORMAT}; train again")


def write_atomically(path, write) -> None:
    """Call `write(file)` on a temporary binary file beside `path`, then rename it to `path`."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp makes it private; a result is a file like any other
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _flatten(node, arrays):
    """JSON for `node`; its arrays go into `arrays`."""
    if node is None or isinstance(node, (bool, int, float, str)):
        return {"value": node}
    if isinstance(node, np.generic):
        return _flatten(node.item(), arrays)
    if isinstance(node, np.ndarray) or array_module(node) is not np:
        name = f"array{len(arrays)}"
        arrays[name] = to_numpy(node)
        if arrays[name].dtype.hasobject:
            raise TypeError("a checkpoint holds arrays of numbers and text, not of Python objects")
        return {"array": name, "device": device_of(node)}
    if is_dataclass(node) and not isinstance(node, type):
        values = {f.name: _flatten(getattr(node, f.name), arrays) for f in fields(node) if f.init}
        return {"class": [type(node).__module__, type(node).__qualname__], "fields": values}
    if isinstance(node, (list, tuple)) and not hasattr(node, "_fields"):
        return {type(node).__name__: [_flatten(item, arrays) for item in node]}
    if isinstance(node, dict) and all(isinstance(key, str) for key in node):
        return {"dict": {key: _flatten(item, arrays) for key, item in node.items()}}
    raise TypeError(f"a checkpoint cannot hold a {type(node).__name__}; use dataclasses of arrays and scalars")


def _rebuild(node, arrays, device):
    (kind, inside), *_ = node.items()
    if kind == "value":
        return inside
    if kind == "array":
        return arrays[inside] if node["device"] == "cpu" else to_device(arrays[inside], device)
    if kind == "class":
        return _class(*inside)(**{name: _rebuild(item, arrays, device) for name, item in node["fields"].items()})
    if kind == "dict":
        return {key: _rebuild(item, arrays, device) for key, item in inside.items()}
    return {"list": list, "tuple": tuple}[kind](_rebuild(item, arrays, device) for item in inside)


def _class(module: str, name: str):
    found = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    if not (isinstance(found, type) and is_dataclass(found)):
        raise ValueError(f"the checkpoint holds a {module}.{name}, not a known dataclass; import its module first")
    return found
