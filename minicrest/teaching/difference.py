"""How a wrong answer differs from the right one, put into words: what has another shape, sign, factor or order.

Every describer takes the results of the inputs that went wrong, yours and the expected ones, and returns a sentence
about "it", or None where it sees nothing. A sentence is given only if it is true of all these inputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import numpy as np

from minicrest.backend import to_numpy

Pairs = Sequence[tuple[np.ndarray, np.ndarray]]  # (given, expected), an entry for each input that went wrong
TINY = 1e-12


def parts(value: Any, expected: Any) -> list[np.ndarray]:
    """`value` as host arrays: as many as there are in `expected` where that is a tuple or a list of arrays.

    An array with as many rows as the tuple has entries is one way to return them. Raises TypeError for what refuses to
    be read as an array.
    """
    several = isinstance(expected, tuple) or (isinstance(expected, list) and any(np.ndim(e) for e in expected))
    if several and isinstance(value, (tuple, list)):
        return [host(v) for v in value]
    array = host(value)
    if several and array.ndim and len(array) == len(expected):
        return list(array)
    return [array]


def host(value: Any) -> np.ndarray:
    """`value` as an array on the host, of dtype object where rows of different lengths make none."""
    try:
        return np.asarray(to_numpy(value))
    except ValueError:
        return np.asarray(None)


def close(given: np.ndarray, expected: np.ndarray, tolerance: float = 1e-7) -> bool:
    """Are these the same numbers, up to `tolerance` of the largest expected? Infinities and NaN have to be the same.

    A number may be an array of one entry; True and False may be 1 and 0.
    """
    if given.dtype.kind not in "biuf" or ((given.size, expected.size) != (1, 1) and given.shape != expected.shape):
        return False
    if expected.ndim == 0 and given.ndim > 1:
        return False
    g, e = given.astype(float).reshape(expected.shape), expected.astype(float)
    scale = np.abs(e[np.isfinite(e)]).max(initial=TINY)
    with np.errstate(invalid="ignore"):
        return bool(np.all((g == e) | (np.isnan(g) & np.isnan(e)) | (np.abs(g - e) <= tolerance * scale)))


def same(one: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> bool:
    """Are these two results of one function the same, in what there is of numbers?"""
    return len(one) == len(other) and all(
        a.dtype.kind not in "biuf" or np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in zip(one, other)
    )


def like(given: np.ndarray, expected: np.ndarray) -> bool:
    """`close`, with room for what a describer does to the numbers, and only of the same shape."""
    return given.shape == expected.shape and close(given, expected, 1e-6)


# ---- the shape


def of_shape(g: np.ndarray, e: np.ndarray) -> str | None:
    """What is wrong with the shape or the dtype of one result; None if nothing is."""
    if g.dtype.kind not in "biuf":
        return f"Its result is made of {g.dtype}, not of numbers."
    if g.shape == e.shape or (g.size == e.size == 1 and e.ndim == 0 and g.ndim <= 1):
        return None
    shapes = f"its shape is {g.shape}, and {e.shape} is expected"
    for word in (_summed(g, e), _collapsed(g, e), _turned(g, e), _longer(g, e)):
        if word:
            return f"{word}: {shapes}."
    return f"{shapes[0].upper()}{shapes[1:]}."


def _summed(g, e):
    """An axis too many."""
    for axis in range(g.ndim if g.size else 0):
        if like(g.sum(axis), e):
            return f"It still has to be added up over axis {axis}"
        if like(g.mean(axis), e):
            return f"Its mean over axis {axis} is what is asked for"
    return None


def _collapsed(g, e):
    """One number in place of an array."""
    if g.ndim or not e.size:
        return None
    for name, value in (("sum", e.sum()), ("mean", e.mean()), ("length", np.linalg.norm(e)), ("largest", e.max())):
        if like(g, np.asarray(value)):
            return f"It is the {name} of what is expected, a single number"
    return "It is a single number"


def _turned(g, e):
    if g.ndim == 2 and like(g.T, e):
        return "It is transposed"
    if g.ndim == e.ndim + 1 and like(g.reshape(-1), e.reshape(-1)):
        return "It has an axis of length 1 too many (keepdims, or an index that keeps an axis)"
    return None


def _longer(g, e):
    """Entries missing or too many along the first axis; None unless all other axes agree."""
    if g.ndim != e.ndim or not g.ndim or g.shape[1:] != e.shape[1:]:
        return None
    for short, long, word in ((g, e, "missing"), (e, g, "too many")):
        count = len(long) - len(short)
        if count > 0:
            some = f"{count} entr{'y' if count == 1 else 'ies'}"
            if like(long[: len(short)], short):
                return f"It has {some} {word} at its end"
            if like(long[count:], short):
                return f"It has {some} {word} at its beginning"
    return None


# ---- the numbers


def of_numbers(pairs: Pairs, lengths: Sequence[dict[int, str]], arguments: Sequence[dict[str, Any]]) -> str | None:
    """What is wrong with the numbers of one result, in a sentence; None if nothing simple is.

    lengths: for each input, what its sizes are called, as {5: "the length of x"}.  arguments: its arguments by name.
    """
    if any(not np.isfinite(g).all() and np.isfinite(e).all() for g, e in pairs):
        return _not_finite(next((g, e) for g, e in pairs if not np.isfinite(g).all() and np.isfinite(e).all()))
    pairs = [(g.astype(float).reshape(e.shape), e.astype(float)) for g, e in pairs]
    if any(not np.isfinite(e).all() for _, e in pairs):
        return None
    known = [_quantities(a, pairs[0][1].size > 1) for a in arguments]
    return (_simple(pairs) or _verdict(pairs) or _factor(pairs, lengths) or _by_argument(pairs, known) or _offset(pairs)
            or _reordered(pairs) or _edge(pairs))  # fmt: skip


def _binary(pairs) -> bool:
    return all(set(np.unique(e)) <= {0, 1} for _, e in pairs)


def _not_finite(pair):
    g, _ = pair
    word = "nan" if np.isnan(g).any() else "inf"
    places = np.argwhere(~np.isfinite(g))
    where = "" if not g.ndim else f" at {_places(places)}"
    why = {"nan": "0 / 0 gives that, inf / inf after an exp of a large number, and the root of a negative number",
           "inf": "an exp of a large number, a log of 0 and a division by 0 give that, and so does a mark for `none`"}
    return f"It holds {word}{where}, where a finite number is expected: {why[word]}."


def _simple(pairs):
    informative = any(np.abs(e).max(initial=0) > 0 for _, e in pairs) and any(g.any() for g, _ in pairs)
    changes = [
        ("It has the opposite sign.", lambda e: -e),
        ("Its entries are positive where they should keep their signs.", np.abs),
        ("It is the square of what is expected.", lambda e: e**2),
        ("It is the root of what is expected: square it, or leave the root out.", lambda e: np.sqrt(np.abs(e))),
        ("It is the logarithm of what is expected.", lambda e: np.log(np.where(e > 0, e, 1))),
        ("It is the exponential of what is expected.", np.exp),
        ("It is upside down: 1 divided by what is expected.", lambda e: 1 / np.where(e == 0, np.inf, e)),
        ("It is cut off to whole numbers: is an array of integers in it, or a //?", np.trunc),
        ("It is rounded down to whole numbers: is a // in it?", np.floor),
        ("True and False have changed places.", lambda e: 1 - e),
    ]
    for word, change in changes[: None if _binary(pairs) else -1]:
        with np.errstate(over="ignore"):
            if informative and all(like(g, change(e)) for g, e in pairs):
                return word
    if all(g.ndim == 2 and g.shape[0] == g.shape[1] and like(g.T, e) for g, e in pairs):
        return "It is transposed."
    return None


def _factor(pairs, lengths):
    if len(pairs) == 1 and pairs[0][1].ndim == 0 and abs(pairs[0][0] - pairs[0][1]) == 1:  # 3 is no multiple of 2
        return None
    ratios = []
    for g, e in pairs:
        ratio = float((g * e).sum() / max((e * e).sum(), 1e-300))
        if ratio == 0 or not like(g, ratio * e):
            return None
        ratios.append(ratio)
    for k, name in lengths[0].items():
        of_all = [next((size for size, what in sizes.items() if what == name), None) for sizes in lengths]
        if k > 1 and None not in of_all:
            if np.allclose(ratios, of_all, rtol=1e-6):
                return f"It is {k} times what is expected, and {k} is {name}: a sum where a mean belongs?"
            if np.allclose(ratios, [1 / size for size in of_all], rtol=1e-6):
                return f"It is what is expected divided by {k}, which is {name}: a mean too much?"
    plain = any(np.isclose(2 * r, np.round(2 * r)) and abs(r) < 9 for r in ratios)
    sure = plain or len(pairs) > 1 or pairs[0][1].size > 1
    if sure and np.allclose(ratios, ratios[0], rtol=1e-6):
        return f"It is {ratios[0]:.4g} times what is expected: a factor is missing, or is there twice."
    if all(e.size > 1 for _, e in pairs):
        return f"It is {ratios[0]:.4g} times what is expected: a mean, a sum or a factor is off."
    return None


def _quantities(arguments, several: bool) -> dict[str, np.ndarray]:
    """The numbers and arrays among the arguments by name, and the means and sums over the rows of the arrays.

    several: more than one number is compared, so that a length does not fit by chance.
    """
    known = {}
    for name, value in arguments.items():
        if isinstance(value, (int, float, np.number)) and not isinstance(value, bool) and value:
            known[name] = np.asarray(float(value))
        elif isinstance(value, np.ndarray) and value.dtype.kind in "iuf":
            known[name] = value.astype(float)
            if several:
                known[f"{len(value) - 1}, which is len({name}) - 1,"] = np.asarray(len(value) - 1.0)
            if value.ndim == 2:
                known |= {f"the mean of {name}": value.mean(0), f"the sum of {name}": value.sum(0)}
    return known


def _by_argument(pairs, known):
    """An argument is a factor, or is added, once too often or not at all."""
    if all(e.ndim == 0 and abs(e) in (0, 1) for _, e in pairs):  # a verdict: any number fits by chance
        return None
    for name in known[0]:
        values = [k.get(name) for k in known]
        if any(v is None or v.shape not in ((), e.shape) or not v.any() for v, (_, e) in zip(values, pairs)):
            continue
        with np.errstate(all="ignore"):
            for power, word in ((1, "too much: it is multiplied by"), (-1, "missing, or it is divided by")):
                if all(np.abs(e).max() > TINY and like(g, e * v**power) for (g, e), v in zip(pairs, values)):
                    return f"A factor is {word} {name} once too often."
        for k in (1, -1, 2, -2, 0.5, -0.5):
            if all(e.ndim == v.ndim and like(g - e, k * v) for (g, e), v in zip(pairs, values)):
                times = "" if abs(k) == 1 else f"{abs(k):g} times "
                side = "large" if k > 0 else "small"
                return f"It is too {side} by {times}{name}: is it added, or taken off, as it should be?"
    return None


def _edge(pairs):
    """All is right but the first or the last row or column."""
    if _binary(pairs):  # there it would be chance
        return None
    for axis, word in ((0, "row"), (1, "column")):
        if any(e.ndim <= axis or e.shape[axis] < 3 or (e.ndim == 1 and len(e) < 4) for _, e in pairs):
            continue
        word = "entry" if pairs[0][1].ndim == 1 else word
        for cut, place in ((slice(None, -1), "last"), (slice(1, None), "first")):
            inside = (slice(None),) * axis + (cut,)
            if all(like(g[inside], e[inside]) for g, e in pairs):
                return f"Only the {place} {word} is wrong: does the loop begin and end where it should?"
    return None


def _verdict(pairs):
    """One of the numbers -1, 0 and 1 in the place of another."""
    if any(e.ndim or abs(e) not in (0, 1) or abs(g) not in (0, 1) for g, e in pairs):
        return None
    kinds = sorted({(float(e), float(g)) for g, e in pairs}, reverse=True)
    return f"It returns {', and '.join(f'{g:g} where {e:g}' for e, g in kinds)} is expected."


def _offset(pairs):
    offsets = [(g - e).ravel()[0] for g, e in pairs if e.size]
    if not offsets or not all(like(g, e + o) for (g, e), o in zip(pairs, offsets)):
        return None
    same = np.allclose(offsets, offsets[0], rtol=1e-6)
    if (same and (len(pairs) > 1 or pairs[0][1].size > 1)) or np.isclose(abs(offsets[0]), 1):
        return f"It is off by {offsets[0]:.4g}{' in every entry' if pairs[0][1].ndim else ''}."
    return "It is off by the same number in every entry." if all(e.size > 2 for _, e in pairs) else None


def _reordered(pairs):
    if any(g.ndim == 0 or len(g) < 2 for g, _ in pairs):
        return None
    if _binary(pairs):
        return "As many are true as should be, but others." if all(g.sum() == e.sum() for g, e in pairs) else None
    if all(like(g, e[::-1]) for g, e in pairs):
        return "It is in the opposite order."
    if all(like(g, np.sort(e, axis=0)) for g, e in pairs):
        return "It is sorted; another order is asked for."
    if all(like(np.sort(g, axis=0), np.sort(e, axis=0)) for g, e in pairs):
        return "The entries are right, and their order is not."
    for step, word in ((1, "late"), (-1, "early")):
        if all(len(g) > 2 and like(np.roll(g, -step, 0)[1:-1], e[1:-1]) for g, e in pairs):
            return f"Its entries come one place too {word}."
    return None


def in_places(g: np.ndarray, e: np.ndarray) -> str:
    """Which entries are wrong, where nothing better can be said."""
    if not e.ndim:
        return f"The number is too {'small' if g < e else 'large'}."
    g, e = g.astype(float), e.astype(float)
    wrong = np.argwhere(~np.isclose(g, e, rtol=1e-6, atol=1e-9 * np.abs(e[np.isfinite(e)]).max(initial=TINY)))
    if len(wrong) == e.size:
        return "The shape is right and the numbers are not."
    return f"{len(wrong)} of {e.size} entries are wrong, at {_places(wrong)}; the others are right."


def _places(indices) -> str:
    shown = [str(list(map(int, index)) if len(index) > 1 else int(index[0])) for index in indices[:4]]
    return ", ".join(shown) + (", ..." if len(indices) > 4 else "")


def exchanged(given: list, expected: list, names: Sequence[str]) -> bool:
    """Are these, in all inputs, the right parts in one and the same wrong order?"""
    for order in permutations(range(len(names))):
        if all(len(g) == len(order) and all(like(g[k], e[j]) for k, j in enumerate(order))
               for g, e in zip(given, expected)):  # fmt: skip
            return True
    return False
