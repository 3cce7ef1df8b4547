"""Values, names, arguments and lines of code in a sentence."""

from __future__ import annotations

import inspect
import linecache
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

_show = partial(np.array2string, precision=4, threshold=8, edgeitems=2, separator=", ", max_line_width=10**6)


def shown(value: Any) -> str:
    """A value on one line, shortened."""
    if isinstance(value, (list, tuple)):
        pieces = [shown(v) for v in value[:4]] + ["..."] * (len(value) > 4)
        return f"[{', '.join(pieces)}]"
    if isinstance(value, (np.ndarray, float, np.generic)):
        array = np.asarray(value)
        if array.ndim == 0:
            return f"{array.item():.6g}" if array.dtype.kind == "f" else str(array.item())
        text = " ".join(_show(array).split())
        return f"{text} of shape {array.shape}" if array.size > 8 else text
    return str(value) if isinstance(value, (int, str, bool)) else type(value).__name__


def listed(names: Sequence[str]) -> str:
    """The names in a row, as "dx, dW and db"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def line_of(error: BaseException, answer: Callable) -> str:
    """The place, as ", in line 3: `x = 1 / 0`", in the reader's code where the exception came from it; else empty."""
    code = getattr(inspect.unwrap(answer), "__code__", None)
    frames = [f for f in traceback.extract_tb(error.__traceback__) if code and f.filename == code.co_filename]
    if not frames:
        return ""
    text = (linecache.getline(frames[-1].filename, frames[-1].lineno or 0) or "").strip()
    return f", in line {frames[-1].lineno}" + (f": `{text}`" if text else "")


def named(answer: Callable, case: tuple) -> list[tuple[str, Any]]:
    """The arguments, with the names that the reader gave them."""
    try:
        names = list(inspect.signature(answer).parameters)
    except (TypeError, ValueError):
        names = []
    names = names if len(names) == len(case) else [f"argument {k + 1}" for k in range(len(case))]
    return list(zip(names, case))


def input_of(answer: Callable, case: tuple) -> tuple[str, ...]:
    """A line with the arguments and their values; none where all are functions."""
    pieces = [f"{name} = {shown(value)}" for name, value in named(answer, case) if not callable(value)]
    return (f"for {', '.join(pieces)}",) if pieces else ()


def lengths(answer: Callable, case: tuple) -> dict[int, str]:
    """{size: what it is the size of} of the arrays and whole numbers among the arguments, the first ones first."""
    sizes: dict[int, str] = {}
    for name, value in named(answer, case):
        if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
            sizes.setdefault(int(value), name)
        shape = (len(value),) if isinstance(value, (list, tuple)) else getattr(value, "shape", ())
        for axis, size in enumerate(shape):
            sizes.setdefault(size, f"the length of {name}" if axis == 0 else f"{name}.shape[{axis}]")
    return sizes
