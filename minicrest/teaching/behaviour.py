"""How an answer responds when its arguments change, beside how it should: what it ignores, and how it grows.

Every argument in turn is doubled, shifted, reversed, made very large or small. That an answer does not change with v,
or grows like its square, is true whatever the mistake may be, and says where to look.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minicrest.teaching.difference import close
from minicrest.teaching.words import listed

Ask = Callable[[tuple], "tuple[np.ndarray, np.ndarray] | None"]  # a case -> (given, expected), None if it has no answer
FAR = 1024.0  # a factor that is very large


def of_behaviour(names: Sequence[str], cases: Sequence[tuple], ask: Ask, tolerance: float) -> str | None:
    """A sentence on how the answer responds to other arguments, true of all `cases`; None if there is none.

    names: of the arguments.  ask: what the answer returns for a case, and what is expected of it.
    """
    for describe in (_unused, _power, _unmoved, _right_elsewhere, _right_alone):
        for at in range(len(names)):
            word = describe(names, at, cases, ask, tolerance)
            if word:
                return word
    return None


def _changed(case: tuple, at: int, change: Callable) -> tuple | None:
    """The case with another argument number `at`; None where the change does not apply to it, or does nothing."""
    value = case[at]
    try:
        new = change(value)
    except TypeError:
        return None
    if new is None or (isinstance(value, np.ndarray) and np.array_equal(new, value)):
        return None
    return (*case[:at], new, *case[at + 1 :])


def _scaled(factor: float) -> Callable:
    def change(value):
        if isinstance(value, float):
            return factor * value
        return factor * value if isinstance(value, np.ndarray) and value.dtype.kind == "f" else None

    return change


def _shifted(value: Any):
    if isinstance(value, float):
        return value + 1.0
    return value + 1.0 if isinstance(value, np.ndarray) and value.dtype.kind == "f" else None


def _reversed(value: Any):
    return value[::-1] if isinstance(value, (np.ndarray, list)) and np.shape(value[:1]) else None


def _alike(value: Any):
    """All whole numbers replaced by the first of them: what may be an index stays one."""
    array = np.asarray(value if isinstance(value, (np.ndarray, list)) and len(np.shape(value[:1])) == 1 else 0.0)
    same = np.full_like(array, array[0]) if array.dtype.kind in "biu" and array.size else None
    return same if same is None or isinstance(value, np.ndarray) else same.tolist()


CHANGES = (("when {} is doubled", _scaled(2.0)), ("when 1 is added to all of {}", _shifted),
           ("with the order of {}", _reversed), ("when all entries of {} are the same", _alike))  # fmt: skip


def _unused(names, at, cases, ask, tolerance):
    """The answer does not change with an argument at all, and should; or the other way round."""
    moves = list(_responses(at, cases, ask, tolerance).values())
    if len(moves) > 1 and any(expected for _, expected in moves) and not any(given for given, _ in moves):
        return f"It does not change with {names[at]}, and should: is {names[at]} used?"
    if len(moves) > 1 and all(given for given, _ in moves) and not any(expected for _, expected in moves):
        return f"It changes with {names[at]}, and should not."
    return None


def _unmoved(names, at, cases, ask, tolerance):
    """It does not change where an argument is changed in one respect, and should; or the other way round."""
    for word, (given, expected) in _responses(at, cases, ask, tolerance).items():
        if expected and not given:
            return f"It does not change {word.format(names[at])}, and should."
        if given and not expected:
            return f"It changes {word.format(names[at])}, and should not."
    return None


def _responses(at, cases, ask, tolerance) -> dict[str, tuple[bool, bool]]:
    """For each change that can be tried on an argument: do the given and the expected result change?"""
    moves = {word: _moves(at, cases, ask, change, tolerance) for word, change in CHANGES}
    return {word: both for word, both in moves.items() if both is not None}


def _moves(at, cases, ask, change, tolerance) -> tuple[bool, bool] | None:
    """Do the given and the expected result change, in some of the cases? None where it cannot be told."""
    moved = np.zeros(2, dtype=bool)
    for case in cases:
        other = _changed(case, at, change)
        before, after = ask(case), None if other is None else ask(other)
        if before is None or after is None or any(not np.isfinite(v).all() for v in (*before, *after)):
            return None
        moved |= [b.shape != a.shape or not close(a, b, tolerance) for b, a in zip(before, after)]
    return bool(moved[0]), bool(moved[1])


def _power(names, at, cases, ask, tolerance):
    """It grows like another power of an argument than it should."""
    for factor in (FAR, 1 / FAR):
        powers = [_powers(case, at, ask, factor) for case in cases]
        if None not in powers and len(set(powers)) == 1 and powers[0][0] != powers[0][1]:
            given, expected = powers[0]
            size = "large" if factor > 1 else "small"
            return (f"Where {names[at]} is very {size}, it is in proportion to {_named(names[at], given)}, and should "
                    f"be to {_named(names[at], expected)}.")  # fmt: skip
    return None


def _named(name: str, power: float) -> str:
    known = {0: "a constant", 1: name, 2: f"the square of {name}", 0.5: f"the root of {name}", -1: f"1 / {name}"}
    return known.get(power, f"{name} to the power of {power:g}")


def _powers(case, at, ask, factor) -> tuple[float, float] | None:
    other = _changed(case, at, _scaled(factor))
    further = None if other is None else _changed(other, at, _scaled(factor))
    if other is None or further is None or ask(other) is None or ask(further) is None:
        return None
    found = []
    for before, after in zip(ask(other), ask(further)):
        sizes = float(np.abs(before).sum()), float(np.abs(after).sum())
        if before.shape != after.shape or not all(np.isfinite(s) and s > 1e-200 for s in sizes):
            return None
        power = np.log(sizes[1] / sizes[0]) / np.log(factor)
        if abs(2 * power - round(2 * power)) > 0.1:
            return None
        found.append(round(2 * power) / 2)
    return found[0], found[1]


def _right_elsewhere(names, at, cases, ask, tolerance):
    """It is right where an argument is very large or small, has no negative entry, or no two equal ones."""
    for change, where in ((_positive, "no entry of {} is negative"), (_scaled(FAR), "{} is very large"),
                          (_scaled(1 / FAR), "{} is very small"), (_apart, "no two entries of {} are equal")):
        others = [_changed(case, at, change) for case in cases]
        if all(_right(other, ask, tolerance) for other in others) and (
            change in (_positive, _apart) or _moves(at, others, ask, change, tolerance) == (True, True)
        ):
            return f"It comes out right where {where.format(names[at])}: look at how {names[at]} enters."
    return None


def _positive(value: Any):
    return np.abs(value) if isinstance(value, np.ndarray) and value.dtype.kind == "f" else None


def _apart(value):
    """Equal entries made unequal by a little."""
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f" or len(np.unique(value)) == value.size:
        return None
    ramp = 1e-4 * np.arange(1, value.size + 1).reshape(value.shape)
    return value + (ramp if value.ndim == 1 or value.shape[0] != value.shape[-1] else ramp + ramp.T)


def _right_alone(names, at, cases, ask, tolerance):
    """It is right where the arguments that are as long as this one have length 1."""
    n = _length(cases[0][at])
    together = [k for k in range(len(names)) if _length(cases[0][k]) == n]
    if n < 2 or together[0] != at or any(_length(case[k]) != _length(case[at]) for case in cases for k in together):
        return None
    alone = [tuple(value[:1] if k in together else value for k, value in enumerate(case)) for case in cases]
    if all(_right(case, ask, tolerance) for case in alone):
        called = [names[k] for k in together]
        have = "have" if len(called) > 1 else "has"
        return f"It comes out right where {listed(called)} {have} length 1: look at what is done across the entries."
    return None


def _length(value: Any) -> int:
    return len(value) if isinstance(value, list) or (isinstance(value, np.ndarray) and value.ndim) else 0


def _right(case, ask, tolerance) -> bool:
    """Is the answer right for this case, where more than zeros are expected?"""
    both = None if case is None else ask(case)
    if both is None or not np.isfinite(both[1]).all() or not both[1].any():
        return False
    return close(both[0], both[1], tolerance)
