"""Load a data set by name, built in, synthetic or published, or from a file of your own."""

from __future__ import annotations

import difflib
import os
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from minicrest.arguments import flag, number, shown, whole
from minicrest.datasets.dataset import Dataset
from minicrest.datasets.synthetic import blobs, spirals

BUILT_IN = {"digits": lambda seed: digits(), "digits-images": lambda seed: digits(images=True),
            "blobs": lambda seed: blobs(seed=seed), "spirals": lambda seed: spirals(seed=seed)}  # fmt: skip
FORMATS = {  # ending -> what such a file holds
    ".npz": "arrays x (n, ...), y (n,) and perhaps x_test, y_test, x_val, y_val, saved with np.savez",
    ".csv": "a line an example: its label first, or in a column called label, y, class or target, and numbers",
    ".txt": "lines 'LABEL sentence' with a number or a word as label",
}


def load(name, data_dir=None, seed: int = 0, validation: float = 0.0, test: float = 0.0) -> Dataset:
    """The data set `name` (see `available`) or the file at a path, on the host; float32 or uint8, synthetic float64.

    `data_dir` is where published files are looked for, by default the environment variable MINICREST_DATA. `seed`
    draws synthetic data and the fraction `validation` held out of the training part, never the test part of real data:
    the published one, a fixed stratified fifth, or of your own data the fraction `test`, where a file brings none.

    .npz: x, y and perhaps x_test, y_test, x_val, y_val; uint8 images (n, c, h, w) are scaled to [0, 1]. Integers
    y (n,) are classes 0..C-1, floats are targets; whole numbers that are stored as floats are refused.
    .csv: a line an example, with commas; the label is in the column that a header calls label, y, class or target,
    else in the first; all else is finite numbers. Labels, whole numbers or words, are sorted.
    .txt: lines "LABEL sentence"; labels as in a .csv, sentences as hashed bags of words, (n, 2048).

    Raises ValueError (an unknown name, a damaged file, an argument out of range), TypeError, FileNotFoundError.
    >>> load("digits").shape
    (64,)
    """
    if not isinstance(name, (str, os.PathLike)):
        raise TypeError(f"name must be that of a data set or a path, got {shown(name)}")
    validation, test = number("validation", validation, "[0, 1)"), number("test", test, "[0, 1)")
    seed = whole("seed", seed)
    if Path(name).suffix.lower() in FORMATS:
        data = _own(Path(name))
    elif name in BUILT_IN:
        data = BUILT_IN[name](seed)
    elif name in _sources():
        data = _published(_sources(name, data_dir)[name], data_dir)
    else:
        names = [*BUILT_IN, *_sources()]
        hint = "".join(f" (did you mean {near!r}?)" for near in difflib.get_close_matches(str(name), names, n=1))
        raise ValueError(f"no data set is called {name!r}{hint}; there are {', '.join(names)}, and paths of files")
    data = data.hold_out_test(test) if test else data
    return data.split(validation, seed) if validation else data


def available(data_dir=None) -> list[tuple[str, bool, str, str]]:
    """A row (name, present, where, how to get it) for every name that `load` knows, and for each format of a path."""
    built_in = [(name, True, "built in", "Nothing to get.") for name in BUILT_IN]
    published = [(name, *source.whereabouts(data_dir)) for name, source in _sources().items()]
    own = [(f"FILE{end}", False, "a file of your own, by its path", f"{holds}.") for end, holds in FORMATS.items()]
    return built_in + published + own


def _sources(name=None, data_dir=None):
    from minicrest.experiments import public_files

    return public_files.sources(name, data_dir)


def digits(images: bool = False) -> Dataset:
    """Scikit-learn's 1,797 handwritten digits: x (n, 64) or (n, 1, 8, 8), float32 in [0, 1]; a fixed fifth to test."""
    file = Path(getattr(find_spec("sklearn"), "origin", ""), "../datasets/data/digits.csv.gz").resolve()
    if file.exists():  # what load_digits reads, without the second that importing scikit-learn takes
        x, y = np.hsplit(np.loadtxt(file, delimiter=","), [64])
    else:
        from sklearn.datasets import load_digits

        x, y = load_digits(return_X_y=True)
    pixels = (x / 16).astype(np.float32).reshape((-1, 1, 8, 8) if flag("images", images) else (-1, 64))
    name = "digits-images" if images else "digits"
    return Dataset(pixels, y.ravel().astype(int), name, tuple("0123456789")).hold_out_test(0.2)


def _published(source, data_dir):
    """A published data set: bytes become standardised channels, x / (255 std) - mean / std."""
    mean, std = np.array([source.mean, source.std])
    scale, shift = (1 / (255 * std), -mean / std) if source.mean else (None, None)
    paths = source.locate(data_dir)
    try:
        train, *test = (Dataset(*arrays, source.name, source.classes, scale=scale, shift=shift)
                        for arrays in source.read(paths, source))  # fmt: skip
    except ValueError as error:
        raise ValueError(f"{error}. Get it from {source.home}") from error
    data = replace(train, augment=source.augment)
    return replace(data, test=test[0]) if test else data.hold_out_test(0.2)


def _own(path):
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such {path.suffix} file; it should hold {FORMATS[path.suffix.lower()]}")
    from minicrest.experiments import own_files

    readers = {".npz": own_files.from_npz, ".csv": own_files.from_csv, ".txt": own_files.from_txt}
    return readers[path.suffix.lower()](path)
