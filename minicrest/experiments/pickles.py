"""Reading the pickles of the CIFAR-10 files without running them.

A pickle is a program for a stack machine. The one here runs only the opcodes that numbers, strings, lists, dicts and
one uint8 array need, and knows no globals but a table of inert stand-ins.
"""

from __future__ import annotations

import pickletools
from typing import Any

import numpy as np

_UNBUILT = object()  # an array whose shape and bytes have not come yet
_STAND_INS = {
    "numpy.core.multiarray _reconstruct": lambda *_: _UNBUILT,
    "numpy._core.multiarray _reconstruct": lambda *_: _UNBUILT,
    "numpy ndarray": None,
    "numpy dtype": lambda code, *_: ("dtype", code),
    "_codecs encode": lambda string, _: string,  # how Python 3 writes bytes in protocol 2
}
_NEW: dict[str, Any] = {"NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False, "EMPTY_LIST": list,
                        "EMPTY_DICT": dict}  # fmt: skip
_VALUES = {"BININT", "BININT1", "BININT2", "SHORT_BINSTRING", "BINSTRING", "BINUNICODE", "SHORT_BINBYTES", "BINBYTES"}
# How many items each takes from the stack; None: those above the mark
_TAKES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3, "TUPLE": None, "APPEND": 1, "APPENDS": None,
          "SETITEM": 2, "SETITEMS": None, "REDUCE": 2, "BUILD": 2}  # fmt: skip


def read_inert_pickle(raw: bytes):
    """The strings, ints, lists, dicts and uint8 arrays of a pickle, which is not executed; bytes come as str.

    One list may lie in it many times over: check lengths before counting what lies inside. Raises ValueError for any
    other opcode or global, and ValueError, TypeError, KeyError or IndexError for a malformed stream.
    """
    stack: list[Any] = []
    marks, memo = [], {}
    for opcode, argument, _ in pickletools.genops(raw):
        name = opcode.name
        if name in _NEW:
            stack.append(_NEW[name]())
        elif name in _VALUES:
            stack.append(argument.decode("latin-1") if isinstance(argument, bytes) else argument)
        elif name == "MARK":
            marks.append(len(stack))
        elif name in _TAKES:
            count = _TAKES[name]
            start = marks.pop() if count is None else len(stack) - count
            if not 0 <= start <= len(stack):
                raise IndexError("the pickle takes more from the stack than there is")
            items, stack[start:] = stack[start:], []
            _act(name, stack, items)
        elif name in ("BINPUT", "LONG_BINPUT"):
            memo[argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif name == "GLOBAL" and argument in _STAND_INS:
            stack.append(_STAND_INS[argument])
        elif name not in ("PROTO", "STOP"):
            detail = argument[:60] if isinstance(argument, str) else ""
            raise ValueError(f"refused: pickle opcode {name} {detail}")
    return stack.pop()


def _act(name, stack, items):
    """The items become one thing on the stack, or go into the list or dict that is its last."""
    if "TUPLE" in name:
        stack.append(tuple(items))
    elif name in ("REDUCE", "BUILD"):
        stack.append((_reduce if name == "REDUCE" else _build)(*items))
    elif name.startswith("APPEND"):
        stack[-1].extend(items)
    elif all(isinstance(key, str) for key in items[::2]):  # the hash of nested tuples may take for ever
        stack[-1].update(zip(items[::2], items[1::2], strict=True))
    else:
        raise ValueError("refused: a dict with keys that are no strings")


def _reduce(target, arguments):
    if not callable(target):  # nothing on the stack can be called but the stand-ins
        raise ValueError(f"refused: a call of something of type {type(target).__name__}")
    return target(*arguments)


def _build(target, state):
    if target == ("dtype", "u1"):
        return target  # its state is the byte order, which single bytes have not
    if target is not _UNBUILT or state[2] != ("dtype", "u1") or state[3]:
        raise ValueError("refused: state for something other than a uint8 array in row-major order")
    _, shape, _, _, content = state
    return np.frombuffer(content.encode("latin-1"), np.uint8).reshape(shape)
