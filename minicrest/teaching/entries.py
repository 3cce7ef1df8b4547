"""What the wrong entries of an answer have in common: they are 0, come after the first, have one sign, do not add up.

These describers come after those of difference.py, and work as they do: a sentence, true of all inputs, or None.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minicrest.teaching.difference import Pairs, like


def of_entries(pairs: Pairs, arguments: Sequence[dict[str, Any]]) -> str | None:
    """What is common to the wrong entries of one result; None if nothing is.

    arguments: for each input, its arguments by name.
    """
    pairs = [(g.astype(float).reshape(e.shape), e.astype(float)) for g, e in pairs]
    if any(not np.isfinite(e).all() for _, e in pairs):
        return _a_number(pairs)
    describers: tuple[Callable, ...] = (_zero, _along, _one_sign, _sums, _from_somewhere_on, _a_little_off, _spread)
    return _too_far(pairs, arguments) or next(filter(None, (describe(pairs) for describe in describers)), None)


def _wrong(g, e) -> np.ndarray:
    """Which entries are not right."""
    return np.abs(g - e) > 1e-6 * np.abs(e).max(initial=1e-12)


def _a_number(pairs):
    """A number stands where infinity or nan is expected."""
    for word, there in (("nan", np.isnan), ("infinity", np.isinf)):
        if all((there(e) & np.isfinite(g)).any() for g, e in pairs):
            return f"It holds a number where {word} is expected: keep the entries that are {word}."
    return None


def _zero(pairs):
    """All wrong entries are 0, or all of them should be."""
    some = [(g, e, _wrong(g, e)) for g, e in pairs if e.ndim]
    if len(some) < len(pairs) or any(not g.any() or not e.any() or set(np.unique(e)) <= {0, 1} for g, e, _ in some):
        return None
    if all((g[wrong] == 0).all() for g, _, wrong in some):
        return "The wrong entries are 0 and should not be: is something never written there, or masked away?"
    if all((e[wrong] == 0).all() for _, e, wrong in some):
        return "The wrong entries should be 0: something reaches them that should not."
    return None


def _along(pairs):
    """Each row, or each column, is right up to a factor, or a number that is added."""
    for axis, word in ((1, "row"), (0, "column")):
        if any(e.ndim != 2 or e.shape[axis] < 2 or not e.any() for _, e in pairs):
            continue
        if all(like(g, e * (g * e).sum(axis, keepdims=True) / _not_zero((e * e).sum(axis, keepdims=True)))
               for g, e in pairs):  # fmt: skip
            return f"Each {word} is right up to a factor of its own: look at what a {word} is multiplied or divided by."
        if all(e.shape[axis] > 2 and like(g, e + (g - e).mean(axis, keepdims=True)) for g, e in pairs):
            return f"Each {word} is off by one number of its own: look at what is added to a {word}, or taken off it."
    return None


def _not_zero(values):
    return np.where(values == 0, 1, values)


def _one_sign(pairs):
    """There is one sign, or one value, where there should be several."""
    if all(e.size > 1 and np.ptp(e) > 0 and np.ptp(g) <= 1e-9 * np.abs(g).max() for g, e in pairs):
        return "All its entries are the same number, and should not be."
    if any((e < 0).any() for _, e in pairs) and all((g >= 0).all() for g, _ in pairs):
        return "It is never negative, where negative numbers are expected: is there a square or a size in it?"
    below = all((g <= 0).all() for g, _ in pairs) and any(g.any() for g, _ in pairs)
    if below and any((e > 0).any() for _, e in pairs):
        return "It is never positive, where positive numbers are expected: is something taken off that should not be?"
    return None


def _sums(pairs):
    """What is expected adds up to 0 or 1, or has the mean 1, and the answer does not."""
    for axis, word in ((-1, "Each row"), (0, "Each column")):
        if any(e.ndim == 0 or e.shape[axis] < 2 or not e.any() for _, e in pairs):
            continue
        word = word if pairs[0][1].ndim > 1 else "It"
        for rule, value, total in (("add up to 0", 0, np.sum), ("add up to 1", 1, np.sum), ("have mean 1", 1, np.mean)):
            if all(np.allclose(total(e, axis=axis), value, rtol=0, atol=1e-9 * np.abs(e).max()) for _, e in pairs):
                if all(np.abs(total(g, axis=axis) - value).max() > 1e-6 * np.abs(e).max() for g, e in pairs):
                    return f"{word} should {rule}, and does not."
    return None


def _from_somewhere_on(pairs):
    """Right up to some place and wrong after it, or the other way round."""
    wrong = [_wrong(g, e).reshape(len(e), -1).any(axis=1) for g, e in pairs if e.ndim in (1, 2) and len(e) > 2]
    if len(wrong) < len(pairs) or any(set(np.unique(e)) <= {0, 1} for _, e in pairs):
        return None
    what = "entries" if pairs[0][1].ndim == 1 else "rows"
    for order, text in ((1, "first {} are right, and those after"), (-1, "last {} are right, and those before")):
        right = [int(w[::order].argmax()) for w in wrong]
        if all(0 < k < len(w) - 1 and w[::order][k:].mean() > 0.5 for k, w in zip(right, wrong)):
            return f"Its {text.format(f'{right[0]} of {len(wrong[0])} {what}')} them are not: what is different there?"
    return None


def _a_little_off(pairs):
    """One whole number, too small or too large by a few."""
    if any(e.ndim or g != np.round(g) or e != np.round(e) for g, e in pairs) or len(pairs) < 2:
        return None
    offs = [float(g - e) for g, e in pairs]
    if max(map(abs, offs)) > 3 or min(offs) * max(offs) <= 0 or max(abs(e) for _, e in pairs) < 4:
        return None
    low, high = sorted((min(map(abs, offs)), max(map(abs, offs))))
    side = "small" if offs[0] < 0 else "large"
    return f"It is too {side} by {low:g}{f' to {high:g}' if high > low else ''} where it is wrong: what is counted?"


def _too_far(pairs, arguments):
    """A step from one of the arguments in the right direction, with another length."""
    for name, start in arguments[0].items():
        starts = [a.get(name) for a in arguments]
        if not isinstance(start, np.ndarray) or any(np.shape(s) != e.shape or e.size < 2
                                                    for s, (_, e) in zip(starts, pairs)):  # fmt: skip
            continue
        steps = [(g - s, e - s) for s, (g, e) in zip(starts, pairs)]
        factors = [float((g * e).sum() / max((e * e).sum(), 1e-300)) for g, e in steps]
        if all(e.any() and like(g, k * e) and k for k, (g, e) in zip(factors, steps)):
            return f"It goes from {name} in the right direction, {factors[0]:.4g} times as far as it should."
    return None


def _spread(pairs):
    """The entries have the right order, and lie too close together or too far apart."""
    if any(e.ndim == 0 or e.shape[-1] < 3 or (np.argsort(g, -1) != np.argsort(e, -1)).any() for g, e in pairs):
        return None
    for word, order in (("close together: is a part of it too small, or is there a root?", 1),
                        ("far apart: is a part of it too large, or is there a square?", -1)):  # fmt: skip
        if all((order * np.ptp(g, -1) < order * np.ptp(e, -1) * (1 - order * 1e-6)).all() for g, e in pairs):
            return f"The entries have the right order of size and lie too {word}"
    return None


# ---- what was asked of a function


def of_calls(g: np.ndarray, e: np.ndarray) -> str:
    """What is wrong with the calls of a function: those too many, and those that are missing."""
    mine, theirs = _calls(g), _calls(e)
    extra, missing = sorted(mine - theirs), sorted(theirs - mine)
    pieces = [f"{_listed(calls)} {word}" for calls, word in ((extra, "too many"), (missing, "missing")) if calls]
    return f"{'; '.join(pieces)[:1].upper()}{'; '.join(pieces)[1:]}."


def _calls(asked: np.ndarray) -> set[tuple]:
    return {tuple(map(float, call)) for call in asked} if asked.size else set()


def _listed(calls: list[tuple]) -> str:
    shown = [f"({', '.join(f'{argument:g}' for argument in call)})" for call in calls[:3]]
    return ", ".join(shown) + (", ..." if len(calls) > 3 else "") + (" are" if len(calls) > 1 else " is")
