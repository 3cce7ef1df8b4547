"""Data sets of your own: an .npz of arrays, a .csv of numbers, a .txt of sentences."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np

from minicrest import npz
from minicrest.datasets.dataset import Dataset
from minicrest.datasets.readers import MOST_LINES, decoded, hashed, labelled_lines

FORMATS = {  # ending -> what such a file holds
    ".npz": "arrays x (n, ...), y (n,) and perhaps x_test, y_test, x_val, y_val, saved with np.savez",
    ".csv": "a line an example: its label first, or in a column named label, y, class or target, and numbers",
    ".txt": "lines 'LABEL sentence' with a number or a word as label",
}
LABEL_NAMES = ("label", "y", "class", "target")
MISSING = ("", "na", "n/a", "nan", "null", "none", "?")


def read_own(path) -> Dataset:
    """The data set in the file `path`, by its ending (see FORMATS), on the host; `load` describes each format.

    Raises FileNotFoundError for a missing file, ValueError, naming file and line, for a damaged one.
    """
    path = Path(path)
    if path.is_dir() or not path.exists():
        raise FileNotFoundError(f"{path}: no such {path.suffix} file; it should hold {FORMATS[path.suffix.lower()]}")
    return {".npz": _from_npz, ".csv": _from_csv, ".txt": _from_txt}[path.suffix.lower()](path)


def _from_npz(path):
    arrays = npz.read(path, largest=max(1 << 30, 100 * path.stat().st_size))
    known = {"x", "y", "x_test", "y_test", "x_val", "y_val"}
    paired = all(("x" + end in arrays) == ("y" + end in arrays) for end in ("", "_test", "_val"))
    if "x" not in arrays or not paired or set(arrays) - known:
        raise ValueError(f"{path}: expected x, y and pairs of {sorted(known - {'x', 'y'})}, got {sorted(arrays)}")
    x, scale, shift = arrays["x"], None, None
    if x.dtype == np.uint8 and x.ndim == 4:
        scale, shift = np.full(x.shape[1], 1 / 255), np.zeros(x.shape[1])
    for name, y in arrays.items():
        if name.startswith("y") and y.ndim == 1 and y.dtype.kind == "f" and (y == np.rint(y)).all():
            raise ValueError(f"{path}: {name} is {y.dtype} of whole numbers; give classes, as y.astype(int) does")
    try:
        data = Dataset(x, arrays["y"], path.stem, scale=scale, shift=shift)
        parts = {part: end for part, end in (("test", "_test"), ("validation", "_val")) if "x" + end in arrays}
        return replace(data, **{p: replace(data, x=arrays["x" + e], y=arrays["y" + e]) for p, e in parts.items()})
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from error


def _from_csv(path):
    content = decoded(path.read_bytes())
    delimiter = max(",;\t", key=content.lstrip().partition("\n")[0].count)
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True)
    try:
        return _from_rows(path, ((reader.line_num, row) for row in reader if any(cell.strip() for cell in row)))
    except csv.Error as error:
        raise ValueError(f"{path}, line {reader.line_num}: {error}; expected {FORMATS['.csv']}") from error


def _from_rows(path, rows):
    """A Dataset from pairs (line, cells): the header recognised, labels apart from numbers."""
    line, first = next(rows, (0, []))
    if len(first) < 2:
        raise ValueError(f"{path}: expected {FORMATS['.csv']}; got {len(first)} columns")
    column, header = _header(path, first)
    names = [f"{name.strip()!r}" if header else str(j + 1) for j, name in enumerate(first)]
    labels, x = [], []

    def append(line, cells):
        if len(cells) != len(names):
            raise ValueError(f"{path}, line {line}: {len(cells)} columns, where the first line has {len(names)}")
        values = _numbers(cells[:column] + cells[column + 1 :])
        if values is None or cells[column].strip().lower() in MISSING:
            raise ValueError(f"{path}, line {line}, {_culprit(cells, column, names)}")
        labels.append(cells[column].strip())
        x.append(values)

    for row in rows:
        append(*row)
    if (header is None and first[0].strip() in labels) or header is False:  # the first line is an example, too
        append(line, first)
        labels, x = labels[-1:] + labels[:-1], x[-1:] + x[:-1]
    if not x:
        raise ValueError(f"{path}: a header and no examples; expected {FORMATS['.csv']}")
    y, classes = _classes(path, labels)
    return Dataset(np.array(x), y, path.stem, classes)


def _header(path, first):
    """The label's column, and whether `first` is a header; None if that depends on the labels ("y,1,2")."""
    words = [cell.strip().lower() for cell in first]
    named = [j for j, word in enumerate(words) if word in LABEL_NAMES]
    column, rest = (named or [0])[0], [j for j in range(len(words)) if j not in named]
    if not named and any(word in MISSING or _numbers([word]) is not None for word in words):
        return column, False
    if len(named) > 1:
        raise ValueError(f"{path}: the columns {[first[j] for j in named]} could all be the label; rename all but one")
    if named == [0] and all(_numbers([words[j]]) is not None for j in rest):
        return column, None
    if "" in words:
        raise ValueError(f"{path}: column {words.index('') + 1} has no name; row numbers, as pandas writes them, are "
                         "no feature: save with to_csv(index=False)")  # fmt: skip
    return column, True


def _numbers(cells):
    """Cells as float32 numbers, or None unless all of them are finite ones."""
    try:
        with np.errstate(over="ignore"):
            values = np.array(cells, np.float64).astype(np.float32)
    except ValueError:
        return None
    return values if np.isfinite(values).all() and not any("_" in cell for cell in cells) else None


def _culprit(cells, column, names):
    """What is wrong with the first cell that is no number, or no label."""
    for j, cell in enumerate(cells):
        if cell.strip().lower() in MISSING:
            return f"column {names[j]}: a missing value ({cell.strip()!r}); fill it in or leave the line out"
        if j != column and _numbers([cell]) is None:
            return f"column {names[j]}: {cell.strip()[:40]!r} is no finite number; expected {FORMATS['.csv']}"


def _classes(path, labels):
    """Labels as (n,) classes and the classes' names: whole numbers in their order, words in alphabetical order."""
    numbers = [_numbers([label]) for label in labels]
    if all(value is not None for value in numbers):
        fraction = next((label for label in labels if not float(label).is_integer()), None)
        if fraction is not None:
            raise ValueError(f"{path}: the label {fraction!r} is no class; give whole numbers or words")
        labels = [int(float(label)) for label in labels]
    classes, y = np.unique(labels, return_inverse=True)
    if len(classes) == len(labels) > 2:
        raise ValueError(f"{path}: no label occurs twice; put the label first, or name its column {LABEL_NAMES[0]}")
    return y.astype(np.int64), tuple(map(str, classes.tolist()))


def _from_txt(path):
    pairs = labelled_lines(decoded(path.read_bytes()))
    for line, (label, sentence) in enumerate(pairs, start=1):
        if not label or not sentence:
            raise ValueError(f"{path}, line {line}: expected 'LABEL sentence', got {f'{label} {sentence}'[:60]!r}")
    if len(pairs) > MOST_LINES:
        raise ValueError(f"{path}: {len(pairs)} lines, more than the {MOST_LINES} whose features fit; take a sample")
    y, classes = _classes(path, [label for label, _ in pairs])
    return Dataset(hashed([sentence for _, sentence in pairs]), y, path.stem, classes)
