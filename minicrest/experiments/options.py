"""Hyper-parameters as text: what `--set name=value` and `--set method.name=value` mean for each method."""

from __future__ import annotations

import types
import typing
from dataclasses import fields, is_dataclass
from typing import Any

from minicrest.experiments.parts import method_class


def hyperparameters(assignments, methods) -> dict[str, tuple]:
    """Each method's (name, value) pairs from "name=value" (for every method that has it) and "method.name=value".

    Values are read as the type of the method's field; what names a method goes before what does not. Raises ValueError
    for anything else, with what there is, and for one target that is set twice.

    >>> hyperparameters(["tau=0.1", "craig.m=16"], ["crest", "craig"])
    {'crest': (('tau', 0.1),), 'craig': (('m', 16),)}
    """
    kinds = {method: field_types(method_class(method)) for method in methods}
    pairs: dict[str, dict] = {method: {} for method in methods}
    targets: set[str] = set()
    for assignment in sorted(assignments, key=lambda text: _parsed(text, kinds)[0] is not None):
        method, name, text = _parsed(assignment, kinds)
        target = assignment.partition("=")[0]
        if target in targets:
            raise ValueError(f"--set gives {target} twice; give it once")
        targets.add(target)
        asked = list(kinds) if method is None else [method]
        having = [k for k in asked if name in kinds[k]]
        if not having:
            exist = "; ".join(f"{k}: {', '.join(kinds[k]) or 'none'}" for k in asked)
            raise ValueError(f"no hyper-parameter {name!r}; there are {exist}")
        for k in having:
            pairs[k][name] = _value(text, kinds[k][name], f"{k}.{name}")
    return {method: tuple(values.items()) for method, values in pairs.items()}


def _parsed(assignment: str, methods) -> tuple[str | None, str, str]:
    """(method or None, name, value) of "name=value" or "method.name=value"."""
    target, equals, text = assignment.partition("=")
    method, dot, name = target.rpartition(".")
    if not equals or (dot and method not in methods):
        wanted = f"name=value or method.name=value, method one of {', '.join(methods)}"
        raise ValueError(f"--set takes {wanted}; got {assignment!r}")
    return (method if dot else None), name, text


def field_types(method: type) -> dict[str, type]:
    """The type of each hyper-parameter: a dataclass's fields; none of a class of another kind.

    Where a hint cannot be resolved, the type of the field's default.
    """
    if not is_dataclass(method):
        return {}
    try:
        hints = typing.get_type_hints(method)
    except (NameError, TypeError, AttributeError):
        hints = {}
    return {f.name: hints.get(f.name, type(f.default)) for f in fields(method) if f.init}


def defaults(method: type) -> dict[str, Any]:
    """The default of each hyper-parameter of a method that is a dataclass; {} for another."""
    return {f.name: f.default for f in fields(method) if f.init} if is_dataclass(method) else {}


def _value(text: str, kind, name: str):
    """`text` as an int, a float, a str, a bool ("true", "false") or, where the type allows it, None ("none")."""
    union = typing.get_origin(kind) in (typing.Union, types.UnionType)
    options = typing.get_args(kind) if union else (kind,)
    if types.NoneType in options and text.lower() == "none":
        return None
    kind = next(option for option in options if option is not types.NoneType)
    try:
        return {"true": True, "false": False}[text.lower()] if kind is bool else kind(text)
    except (KeyError, ValueError, TypeError) as error:
        names = ["none" if option is types.NoneType else getattr(option, "__name__", str(option)) for option in options]
        wanted = "true or false" if kind is bool else " or ".join(names)
        raise ValueError(f"{name} takes {wanted}, got {text!r}") from error


def grid_of(assignments) -> dict[str, tuple[float, ...]] | None:
    """Name -> values, from texts "name=value,value"; None for none. Raises ValueError for any other text.

    >>> grid_of(["lr=0.03,0.1", "m=16,32"])
    {'lr': (0.03, 0.1), 'm': (16, 32)}
    """
    if assignments is None:
        return None
    grid = {}
    for assignment in assignments:
        name, _, text = assignment.partition("=")
        try:
            grid[name] = tuple((int if name == "m" else float)(value) for value in text.split(","))
        except ValueError as error:
            raise ValueError(f"--grid takes name=number,number, as lr=0.03,0.1; got {assignment!r}") from error
    return grid
