"""From the files that data sets are published in to arrays: headers, lengths and labels checked, nothing executed.

A reader returns plain NumPy arrays, and every complaint names the file. The formats of CIFAR-10, MNIST and of lines of
text hold no checksum, so that a changed pixel or letter goes unnoticed; a changed header or length does not.
"""

from __future__ import annotations

import gzip
import math
import re
import zlib
from pathlib import Path

import numpy as np

CIFAR_RECORDS = 10_000  # images in each of the six files
TEXT_FEATURES = 2048
LARGEST = 1 << 26  # bytes of a published file, unpacked; MNIST's training images, the largest, take 47 MB
MOST_LINES = 200_000  # their features take 1.6 GB


def cifar(path) -> tuple[np.ndarray, np.ndarray]:
    """One CIFAR-10 file of either layout: images (10000, 3, 32, 32) uint8 and classes (10000,) int64."""
    x, y = (_cifar_records if ".bin" in Path(path).name.lower() else _cifar_pickle)(path, read_bytes(path))
    return x.reshape(-1, 3, 32, 32), _labels_below(10, y, path)


def _cifar_records(path, raw):
    """The binary layout: a record is 1 byte of label, then 3072 of image, channel by channel."""
    if len(raw) != CIFAR_RECORDS * 3073:
        raise damaged(path, f"{CIFAR_RECORDS * 3073} bytes", f"{len(raw)}")
    records = np.frombuffer(raw, np.uint8).reshape(-1, 3073)
    return records[:, 1:], records[:, 0]


def _cifar_pickle(path, raw):
    """The python layout: a pickled dict with b"data" (10000, 3072) uint8 and b"labels", read without unpickling."""
    from minicrest.experiments.pickles import read_inert_pickle

    try:
        batch = read_inert_pickle(raw)
        x, y = batch["data"], batch["labels"]
        whole = isinstance(x, np.ndarray) and x.shape == (CIFAR_RECORDS, 3072)
        if not whole or type(y) is not list or len(y) != CIFAR_RECORDS or any(type(label) is not int for label in y):
            raise ValueError("other data or labels")
        return x, np.array(y, np.int64)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError) as error:
        wanted = f"a pickled dict of 'data' ({CIFAR_RECORDS}, 3072) uint8 and 'labels' ({CIFAR_RECORDS},), nothing else"
        raise damaged(path, wanted, f"{str(error)[:200]} (nothing of it was executed)") from error


def idx(path) -> np.ndarray:
    """One idx file of bytes: 2051 begins images (n, h, w), 2049 labels (n,); then each axis's length, big-endian."""
    raw = read_bytes(path)
    axes = 3 if "idx3" in Path(path).name.lower() else 1
    header = np.frombuffer(raw[: 4 + 4 * axes], ">u4") if len(raw) >= 4 + 4 * axes else np.zeros(1, int)
    magic, shape = int(header[0]), tuple(int(length) for length in header[1:])
    if magic != 2048 + axes:
        raise damaged(path, f"an idx file that begins with the magic number {2048 + axes}", magic)
    size = math.prod(shape)
    if len(raw) != 4 + 4 * axes + size:
        raise damaged(path, f"{size} bytes for the shape {shape} of its header", len(raw) - 4 - 4 * axes)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * axes).reshape(shape)


def mnist(images, labels) -> tuple[np.ndarray, np.ndarray]:
    """A pair of idx files: images (n, 1, 28, 28) uint8 and digits (n,) int64."""
    x, y = idx(images), _labels_below(10, idx(labels), labels)
    if x.shape[1:] != (28, 28):
        raise damaged(images, "images of 28 by 28", x.shape[1:])
    if len(x) != len(y):
        raise damaged(labels, f"{len(x)} labels, one for each image", len(y))
    return x[:, None], y


def text(path, content: bytes, classes: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Lines "LABEL sentence" as hashed bags of words, (n, 2048) float32 of length 1, and labels (n,) as text."""
    lines = [line.strip(" \t\r") for line in decoded(content).rstrip(" \t\r\n").split("\n")]  # not splitlines: some
    pairs = [(re.split("[ \t]+", line, maxsplit=1) + [""])[:2] for line in lines]  # reviews contain the byte 0x85
    known = classes and {str(k) for k in range(classes)}
    for number, (label, sentence) in enumerate(pairs, start=1):
        if not label or not sentence or (known and label not in known):
            wanted = f"'LABEL sentence'{f' with a label in 0..{classes - 1}' if classes else ''} in line {number}"
            raise damaged(path, wanted, repr(f"{label} {sentence}"[:60]))
    if len(pairs) > MOST_LINES:
        raise damaged(path, f"at most {MOST_LINES} lines, whose features fit", len(pairs))
    return hashed([sentence for _, sentence in pairs]), np.array([label for label, _ in pairs], str)


def hashed(sentences: list[str], features: int = TEXT_FEATURES) -> np.ndarray:
    """Sentences as counts of hashed words, scaled to length 1: (n, features) float32."""
    from sklearn.feature_extraction.text import HashingVectorizer

    hashing = HashingVectorizer(n_features=features, alternate_sign=False, norm="l2", dtype=np.float32)
    return hashing.transform(sentences).toarray()


def decoded(raw: bytes) -> str:
    """UTF-8, with or without its mark at the start, else Latin-1, which decodes any byte."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def read_bytes(path, largest: int | None = None) -> bytes:
    """The content of `path`, unpacked if its name ends in .gz; ValueError if damaged or above `largest` (LARGEST)."""
    try:
        with (gzip.open if Path(path).suffix.lower() == ".gz" else open)(path, "rb") as file:
            raw = file.read((largest or LARGEST) + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:  # truncated, not a gzip file, corrupt
        raise damaged(path, "a whole gzip file", error) from error
    if len(raw) > (largest or LARGEST):
        raise damaged(path, f"at most {largest or LARGEST} bytes", "more")
    return raw


def _labels_below(classes, y, path):
    if len(y) and not 0 <= int(y.min()) <= int(y.max()) < classes:
        raise damaged(path, f"labels in 0..{classes - 1}", f"{y.min()}..{y.max()}")
    return y.astype(np.int64)


def damaged(path, expected, actual) -> ValueError:
    """The error for a file that holds something else."""
    return ValueError(f"{path} is damaged or is another file: expected {expected}, found {actual}")
