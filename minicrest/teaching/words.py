"""Values and names in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
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
