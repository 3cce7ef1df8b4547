"""Checks of arguments: every error says what came, what is expected and what to do, in the same words everywhere."""

import math
import numbers
import os
from pathlib import Path

import numpy as np

from minicrest.backend import array_module


def whole(name: str, value, least: int | None = None, most: int | None = None) -> int:
    """`value` as an int. Raises TypeError for what is no Python or NumPy integer, ValueError outside least..most."""
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool):
        raise TypeError(f"{name} must be a whole number, got {shown(value)}")
    if (least is not None and value < least) or (most is not None and value > most):
        wanted = f"at least {least}" if most is None else f"at most {most}" if least is None else f"in {least}..{most}"
        raise ValueError(f"{name} must be {wanted}, got {value}")
    return int(value)


def number(name: str, value, interval: str = "(-inf, inf)") -> float:
    """`value` as a float. Raises TypeError for no real number, ValueError for one not finite or outside `interval`."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a number, got {shown(value)}")
    low, high = map(float, interval[1:-1].split(","))
    try:
        real = float(value)
    except OverflowError:  # an int too large for a float
        real = math.inf
    closed = (interval[0] == "[" and real == low) or (interval[-1] == "]" and real == high)
    if not (math.isfinite(real) and (low < real < high or closed)):
        wanted = "finite" if interval == "(-inf, inf)" else f"a number in {interval}"
        raise ValueError(f"{name} must be {wanted}, got {value}")
    return real


def one_of(name: str, value, options) -> None:
    """Raise ValueError, naming the options, unless `value` is one of them."""
    if not isinstance(value, str) or value not in options:
        raise ValueError(f"{name} must be one of {', '.join(map(str, options))}, got {shown(value)}")


def flag(name: str, value) -> bool:
    """`value` as a bool; TypeError for anything but True and False."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, got {shown(value)}")
    return bool(value)


def like(name: str, value, wanted: str, *attributes: str):
    """`value`, if it is an object, not a class, that has these attributes, as `wanted` has. Raises TypeError."""
    if isinstance(value, type) or not all(hasattr(value, attribute) for attribute in attributes):
        raise TypeError(f"{name} must be {wanted}, got {shown(value)}")
    return value


def text(name: str, value) -> str:
    """`value`, if it is text."""
    return _of(name, value, str, "text")


def listed(name: str, value) -> list:
    """The entries of a list or tuple."""
    return list(_of(name, value, (list, tuple), "a list or a tuple"))


def path(name: str, value) -> Path:
    """Text or a path as a Path."""
    return Path(os.fsdecode(_of(name, value, (str, os.PathLike), "text or a path")))


def _of(name, value, kinds, wanted):
    if not isinstance(value, kinds):
        raise TypeError(f"{name} must be {wanted}, got {shown(value)}")
    return value


def dense(name: str, value):
    """`value` as an array of numbers on its device: an array as it is; a list, a DataFrame or a tensor converted."""
    if type(value) is np.ndarray and value.dtype.kind in "biuf":  # what nearly every call brings, first
        return value
    if hasattr(value, "toarray") and hasattr(value, "nnz"):
        raise TypeError(f"{name} is a sparse {type(value).__name__}; give a dense array, as with {name}.toarray()")
    if array_module(value) is not np:
        return value
    try:
        array = np.asarray(value)
    except Exception as error:  # ragged lists, tensors on another device: each library raises a type of its own
        raise TypeError(f"{name} must be an array of numbers, got {shown(value)} ({error})") from error
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be an array of numbers, got {shown(value)} of {array.dtype}; convert it first")
    return array


def shaped(name: str, value, *shape: int | None):
    """`value` as `dense` has it, of this shape, in which None is any length. Raises ValueError for another shape."""
    array = dense(name, value)
    if len(array.shape) != len(shape) or any(n not in (None, m) for n, m in zip(shape, array.shape)):
        raise ValueError(f"{name} must have the shape {shape}".replace("None", "any") + f", got {array.shape}")
    return array


def shown(value) -> str:
    """`value` in an error message: short values as they are, others by their type."""
    text = repr(value) if isinstance(value, (str, bytes, int, float, bool, type(None), tuple, list)) else ""
    return text if 0 < len(text) <= 60 else f"a {type(value).__name__}"
