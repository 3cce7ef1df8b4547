"""Load a data set by name: built in, synthetic, read from the files of the public ones, or an .npz of your own."""

from __future__ import annotations

import difflib
from dataclasses import replace
from pathlib import Path

import numpy as np

from minicrest.datasets.dataset import Dataset, stratified
from minicrest.datasets.readers import LAYOUTS, npz, read, whereabouts
from minicrest.datasets.synthetic import blobs, spirals
from minicrest.random import stream

_BUILT_IN = {
    "digits": lambda seed: digits(),
    "digits-images": lambda seed: digits(images=True),
    "blobs": lambda seed: blobs(seed=seed),
    "spirals": lambda seed: spirals(seed=seed),
}
_CLASSES = {
    "cifar10": ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    "trec": ("description", "entity", "abbreviation", "human", "location", "number"),
    "subj": ("subjective", "objective"),
    "rt-polarity": ("negative", "positive"),
}
_MEAN_STD = {  # of each channel over the training images, in [0, 1]
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "mnist": ((0.1307,), (0.3081,)),
    "mnist10k": ((0.1307,), (0.3081,)),
}


def load(name: str, data_dir=None, seed: int = 0, validation: float = 0.0) -> Dataset:
    """The data set `name` (see `available`), or the path of an .npz, on the host; float32 or uint8, synthetic float64.

    `data_dir` is where files are looked for, by default the environment variable MINICREST_DATA. `seed` draws synthetic
    data and the fraction `validation` held out of the training part. It never touches the test part of real data: that
    is the published one, or a fixed stratified fifth where none is published, so that scores of all seeds compare.
    An .npz holds x, y and perhaps x_test, y_test, x_val, y_val; its uint8 images are scaled to [0, 1].
    Raises ValueError for an unknown name or a damaged file, FileNotFoundError for a missing one.
    """
    if str(name).endswith(".npz"):
        data = _from_npz(Path(name))
    elif name in _BUILT_IN:
        data = _BUILT_IN[name](seed)
    elif name in LAYOUTS:
        data = _with_test(name, *read(name, data_dir))
    else:
        near = difflib.get_close_matches(str(name), [*_BUILT_IN, *LAYOUTS], n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        names = ", ".join([*_BUILT_IN, *LAYOUTS])
        raise ValueError(f"no data set is called {name!r}{hint}; there are {names}, and paths that end in .npz")
    return data.split(validation, seed) if validation else data


def available(data_dir=None) -> list[tuple[str, bool, str, str]]:
    """A row (name, present, where, how to get it) for every name that `load` knows."""
    built_in = [(name, True, "built in", "Nothing to get.") for name in _BUILT_IN]
    return built_in + [(name, *whereabouts(name, data_dir)) for name in LAYOUTS]


def digits(images: bool = False) -> Dataset:
    """Scikit-learn's 1,797 handwritten digits: x (n, 64) or (n, 1, 8, 8), float32 in [0, 1]; a fixed fifth to test.

    Not standardised pixel by pixel: the pixels at the border are nearly always 0, so their few values would become
    outliers (up to 42 deviations), on which SGD with a large step does badly.
    """
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype(np.float32)
    return _with_test("digits-images" if images else "digits", (x.reshape(-1, 1, 8, 8) if images else x, y))


def _with_test(name, train, test=None):
    """(x, y) and its test part (None: a fixed stratified fifth of it) as a Dataset, with all that `name` implies."""
    x, y = train
    if test is None:
        kept, held = stratified(y, 0.2, stream(0, "test part"))
        x, y, test = x[kept], y[kept], (x[held], y[held])
    scale, shift = _scale_and_shift(name)
    classes = _CLASSES.get(name, tuple("0123456789"))
    test = Dataset(*test, name, classes, scale=scale, shift=shift)
    return replace(test, x=x, y=y, test=test, augment=4 if name == "cifar10" else 0)


def _scale_and_shift(name):
    """From bytes to standardised channels: x / (255 std) - mean / std."""
    if name not in _MEAN_STD:
        return None, None
    mean, std = np.array(_MEAN_STD[name])
    return 1 / (255 * std), -mean / std


def _from_npz(path):
    arrays = npz(path)
    x, scale, shift = arrays["x"], None, None
    if x.dtype == np.uint8 and x.ndim == 4:
        scale, shift = np.full(x.shape[1], 1 / 255), np.zeros(x.shape[1])
    data = Dataset(x, arrays["y"], path.stem, scale=scale, shift=shift)
    kinds = {name: str(array.dtype) for name, array in arrays.items() if name.startswith("x")}
    if "uint8" in kinds.values() and len(set(kinds.values())) > 1:  # one would be scaled and the other not
        raise ValueError(f"{path}: all x must be uint8 images or none, got {kinds}")
    parts = {part: end for part, end in (("test", "_test"), ("validation", "_val")) if "x" + end in arrays}
    return replace(data, **{part: replace(data, x=arrays["x" + e], y=arrays["y" + e]) for part, e in parts.items()})
