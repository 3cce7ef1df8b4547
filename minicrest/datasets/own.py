"""Data sets of your own: an .npz of arrays, a .csv of numbers, a .txt of sentences."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from minicrest import npz
from minicrest.datasets.dataset import Dataset

FORMATS = {  # ending -> what such a file holds
    ".npz": "arrays x (n, ...), y (n,) and perhaps x_test, y_test, x_val, y_val, saved with np.savez",
    ".csv": "a line an example: its label first, or in a column called label, y, class or target, and numbers",
    ".txt": "lines 'LABEL sentence' with a number or a word as label",
}


def read_own(path) -> Dataset:
    """The data set in the file `path`, by its ending; `load` describes each format. Raises FileNotFoundError too."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such {path.suffix} file; it should hold {FORMATS[path.suffix.lower()]}")
    if path.suffix.lower() == ".npz":
        return _from_npz(path)
    from minicrest.experiments import own_files

    return {".csv": own_files.from_csv, ".txt": own_files.from_txt}[path.suffix.lower()](path)


def _from_npz(path):
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
        brought = [end for end in ("_test", "_val") if "x" + end in arrays]
        return replace(data, **{parts[e]: replace(data, x=arrays["x" + e], y=arrays["y" + e]) for e in brought})
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from error
