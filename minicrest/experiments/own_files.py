"""Data of your own: arrays in an .npz, a .csv of numbers and labels, a .txt of labelled lines. `load` opens them."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np

from minicrest import npz
from minicrest.datasets.dataset import Dataset
from minicrest.datasets.load import FORMATS
from minicrest.datasets.readers import decoded, text

LABEL_NAMES = ("label", "y", "class", "target")
MISSING = ("", "na", "n/a", "nan", "null", "none", "?")


def from_npz(path) -> Dataset:
    """The arrays x, y and perhaps x_test, y_test, x_val, y_val in the file `path`; ValueError says what is wrong."""
    arrays = npz.read(path, largest=max(1 << 30, 100 * path.stat().st_size))
    parts = {"": "training", "_test": "test", "_val": "validation"}
    known = {letter + end for end in parts for letter in "xy"}
    if "x" not in arrays or set(arrays) - known or any(("x" + e in arrays) != ("y" + e in arrays) for e in parts):
        raise ValueError(f"{path}: expected x, y and pairs of {sorted(known - {*'xy'})}, got {sorted(arrays)}")
    for name, y in arrays.items():
        if name.startswith("y") and y.ndim == 1 and y.dtype.kind == "f" and (y == np.rint(y)).all():
            raise ValueError(f"{path}: {name} is {y.dtype} of whole numbers; give classes, as y.astype(int) does")
    x, scale, shift = arrays["x"], None, None
    if x.dtype == np.uint8 and x.ndim == 4:
        scale, shift = np.full(x.shape[1], 1 / 255), np.zeros(x.shape[1])
    try:
        data = Dataset(x, arrays["y"], path.stem, scale=scale, shift=shift)
        for end in ("_test", "_val"):
            if "x" + end in arrays:
                part: dict[str, Any] = {parts[end]: replace(data, x=arrays["x" + end], y=arrays["y" + end])}
                data = replace(data, **part)
        return data
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from error


def from_csv(path) -> Dataset:
    """The table in the file `path`, separated by commas; ValueError names the line and the column that is wrong."""
    content = _content(path)
    _, first = next(_rows(path, content), (0, []))
    if len(first) < 2:
        raise ValueError(f"{path}: expected {FORMATS['.csv']}; got {len(first)} columns with commas between")
    column, header = _header(path, first, content)
    names = [repr(name) if header else str(j + 1) for j, name in enumerate(first)]
    labels, x = [], []
    for line, cells in islice(_rows(path, content), header, None):
        if len(cells) != len(names):
            raise ValueError(f"{path}, line {line}: {len(cells)} columns, where the first line has {len(names)}")
        values = _numbers(cells[:column] + cells[column + 1 :])
        if values is None or _is_missing(cells[column]):
            raise ValueError(f"{path}, line {line}, column {_culprit(cells, column, names)}")
        labels.append(cells[column])
        x.append(values)
    if not x:
        raise ValueError(f"{path}: a header and no examples; expected {FORMATS['.csv']}")
    y, classes = _classes(path, labels)
    return Dataset(np.array(x), y, path.stem, classes)


def _content(path):
    content = decoded(path.read_bytes())
    if "\0" in content:
        raise ValueError(f"{path} is no UTF-8 text; save it as UTF-8")
    return content


def _rows(path, content):
    """Pairs (line, cells) of what is not blank."""
    reader = csv.reader(io.StringIO(content, newline=""), strict=True)
    try:
        yield from ((reader.line_num, [cell.strip() for cell in row]) for row in reader if "".join(row).strip())
    except csv.Error as error:
        raise ValueError(f"{path}, line {reader.line_num}: {error}; expected {FORMATS['.csv']}") from error


def _header(path, first, content):
    """The label's column, and whether the row `first` is a header: "y,1,2" is one unless a label is y."""
    words = [cell.lower() for cell in first]
    named = [j for j, word in enumerate(words) if word in LABEL_NAMES]
    if not named and any(_is_missing(word) or _numbers([word]) is not None for word in words):
        return 0, False
    if len(named) > 1:
        raise ValueError(f"{path}: the columns {[first[j] for j in named]} could all be the label; rename all but one")
    if named == [0] and _numbers(words[1:]) is not None:
        return 0, first[0] not in (cells[0] for _, cells in islice(_rows(path, content), 1, None))
    if "" in words:
        raise ValueError(f"{path}: column {words.index('') + 1} has no name; row numbers, as pandas writes them, are "
                         "no feature: save with to_csv(index=False)")  # fmt: skip
    return (named or [0])[0], True


def _numbers(cells):
    """Cells as float32 numbers, or None unless all of them are finite ones."""
    try:
        with np.errstate(over="ignore"):
            values = np.array(cells, np.float64).astype(np.float32)
    except ValueError:
        return None
    return values if np.isfinite(values).all() and "_" not in "".join(cells) else None


def _is_missing(cell):
    return cell.lower() in MISSING


def _culprit(cells, column, names):
    """What is wrong with the first cell that is no number, or no label."""
    wrong = (j for j, cell in enumerate(cells) if _is_missing(cell) or (j != column and _numbers([cell]) is None))
    name, cell = names[j := next(wrong)], cells[j]
    if _is_missing(cell):
        return f"{name}: a missing value ({cell!r}); fill it in or leave the line out"
    return f"{name}: {cell[:40]!r} is no finite number; expected {FORMATS['.csv']}"


def _classes(path, labels):
    """Labels as (n,) classes and the classes' names: whole numbers in their order, words in alphabetical order."""
    if all(_numbers([label]) is not None for label in labels):
        fraction = next((label for label in labels if not float(label).is_integer()), None)
        if fraction is not None:
            raise ValueError(f"{path}: the label {fraction!r} is no class; give whole numbers or words")
        labels = [int(float(label)) for label in labels]
    classes, y = np.unique(labels, return_inverse=True)
    if len(classes) == len(labels) > 2:
        raise ValueError(f"{path}: no label occurs twice; put the label first, or name its column {LABEL_NAMES[0]}")
    return y.astype(np.int64), tuple(map(str, classes.tolist()))


def from_txt(path) -> Dataset:
    """The lines 'LABEL sentence' of the file `path`, as hashed bags of words; ValueError names the line."""
    x, labels = text(path, _content(path).encode())
    y, classes = _classes(path, labels.tolist())
    return Dataset(x, y, path.stem, classes)
