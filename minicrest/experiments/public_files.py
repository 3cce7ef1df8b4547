"""Larger published data sets, read from their files: CIFAR-100, Tiny ImageNet and SNLI. `load` opens them by name.

As in readers.py, lengths, labels and names are checked, nothing is executed, and every complaint names its file.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from minicrest.arguments import shown
from minicrest.datasets.readers import damaged, decoded, hashed, read_bytes
from minicrest.experiments.pickles import read_inert_pickle
from minicrest.experiments.sources import SOURCES, Source

CIFAR100 = {"train": 50_000, "test": 10_000}  # images in each file
RECORD = 2 + 3072  # bytes: the coarse label, the fine one, the image channel by channel
TINY, SIDE = "tinyimagenet", 64  # pixels
SNLI_CLASSES = ("entailment", "neutral", "contradiction")
SNLI_WORDS = 512  # hashed words of each of the two sentences: 550,000 pairs take 2.3 GB
LONGEST_LINE, MOST_LINES = 1 << 16, 600_000  # characters; the training part has 550,152 lines
PART = 20_000  # pairs whose words are hashed at once
FINE = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish
forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle
mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle wardrobe whale
willow_tree wolf woman worm
""".split()


def sources(name: str | None = None, data_dir=None) -> dict[str, Source]:
    """Every published data set by its name; where `name` is Tiny ImageNet's, with the classes that its files name."""
    every = SOURCES | {source.name: source for source in (
        Source("cifar100", "https://www.cs.toronto.edu/~kriz/cifar.html (the binary or the python version, unpacked)",
               ((("cifar-100-binary",), ("train.bin", "test.bin")), (("cifar-100-python",), ("train", "test"))),
               _cifar100, tuple(FINE), (0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762), augment=4),
        Source(TINY, "http://cs231n.stanford.edu/tiny-imagenet-200.zip (unpacked: 1.2 GB of memory once it is read)",
               ((("tiny-imagenet-200",), ("wnids.txt",)),), _tiny_imagenet, (),
               (0.4802, 0.4481, 0.3975), (0.2770, 0.2691, 0.2821), augment=4),
        Source("snli", "https://nlp.stanford.edu/projects/snli/ (snli_1.0.zip, unpacked; its sentences become hashed "
                       "words. Features of your own come as an .npz: --data FILE.npz, with x, y, x_test, y_test)",
               ((("snli_1.0", "."), ("snli_1.0_train.jsonl", "snli_1.0_test.jsonl")),), _snli, SNLI_CLASSES),
    )}  # fmt: skip
    if name == TINY:
        every[TINY] = replace(every[TINY], classes=_names_of_tiny(every[TINY], data_dir))
    return every


# ---- CIFAR-100


def _cifar100(paths, source) -> list[tuple[np.ndarray, np.ndarray]]:
    return [cifar100(path, count) for path, count in zip(paths, CIFAR100.values(), strict=True)]


def cifar100(path, count: int) -> tuple[np.ndarray, np.ndarray]:
    """One CIFAR-100 file of either layout: `count` images (n, 3, 32, 32) uint8 and fine classes (n,) int64.

    Raises ValueError for a file that is damaged or of another kind.
    """
    raw = read_bytes(path, 2 * count * RECORD)
    x, y = (_records if ".bin" in Path(path).name.lower() else _pickled)(path, raw, count)
    if not 0 <= y.min() <= y.max() < len(FINE):
        raise damaged(path, f"labels in 0..{len(FINE) - 1}", f"{y.min()}..{y.max()}")
    return x.reshape(-1, 3, 32, 32), y.astype(np.int64)


def _records(path, raw: bytes, count: int):
    if len(raw) != count * RECORD:
        raise damaged(path, f"{count * RECORD} bytes", len(raw))
    records = np.frombuffer(raw, np.uint8).reshape(-1, RECORD)
    return records[:, 2:], records[:, 1]


def _pickled(path, raw: bytes, count: int):
    try:
        batch = read_inert_pickle(raw)
        x, y = batch["data"], batch["fine_labels"]
        whole = isinstance(x, np.ndarray) and x.shape == (count, 3072)
        if not whole or type(y) is not list or len(y) != count or any(type(label) is not int for label in y):
            raise ValueError("other data or labels")
        return x, np.array(y, np.int64)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError) as error:
        wanted = f"a pickled dict of 'data' ({count}, 3072) uint8 and 'fine_labels' ({count},)"
        raise damaged(path, wanted, f"{str(error)[:200]} (nothing of it was executed)") from error


# ---- Tiny ImageNet


def _names_of_tiny(source, data_dir) -> tuple[str, ...]:
    try:
        return _wnids(source.locate(data_dir)[0])
    except FileNotFoundError:
        return ()  # `load` says what is missing


def _wnids(path) -> tuple[str, ...]:
    names = tuple(decoded(read_bytes(path)).split())
    plain = all(name.isalnum() for name in names)
    if not names or not plain or len(set(names)) < len(names):
        raise damaged(path, "different names of classes, as n01443537, one a line", f"{len(names)} names")
    return names


def _tiny_imagenet(paths, source) -> list[tuple[np.ndarray, np.ndarray]]:
    """train/NAME/images/*.JPEG; and the published validation part, which alone has labels, as the test part."""
    root, names = paths[0].parent, _wnids(paths[0])
    train = [(image, label) for label, name in enumerate(names)
             for image in sorted((root / "train" / name / "images").glob("*.JPEG"))]  # fmt: skip
    lacking = sorted({*range(len(names))} - {label for _, label in train})
    if lacking:
        raise FileNotFoundError(f"{root / 'train' / names[lacking[0]] / 'images'} holds no .JPEG; unpack {TINY} again")
    return [_pictures(train), _pictures(_annotated(root / "val", names))]


def _annotated(folder: Path, names) -> list[tuple[Path, int]]:
    """The lines "FILE<tab>NAME<tab>..." of val_annotations.txt."""
    path, numbers = folder / "val_annotations.txt", {name: k for k, name in enumerate(names)}
    found = []
    for line, text in enumerate(decoded(read_bytes(path)).splitlines(), start=1):
        file, _, rest = text.partition("\t")
        label = numbers.get(rest.partition("\t")[0])
        if label is None or Path(file).name != file:
            raise damaged(path, f"a file and the name of a class in line {line}", repr(text[:60]))
        found.append((folder / "images" / file, label))
    if not found:
        raise damaged(path, "a line for each image", "none")
    return found


def _pictures(labelled: list[tuple[Path, int]]) -> tuple[np.ndarray, np.ndarray]:
    """(n, 3, 64, 64) uint8 and (n,) int64; a grey picture becomes three equal channels."""
    from PIL import Image

    x = np.empty((len(labelled), 3, SIDE, SIDE), np.uint8)
    for k, (path, _) in enumerate(labelled):
        try:
            with Image.open(path, formats=["JPEG"]) as picture:
                if picture.size != (SIDE, SIDE):  # before it is decoded
                    raise ValueError(f"{picture.size[0]} by {picture.size[1]} pixels")
                x[k] = np.asarray(picture.convert("RGB")).transpose(2, 0, 1)
        except FileNotFoundError as error:
            raise FileNotFoundError(f"{path} is in val_annotations.txt and missing; unpack {TINY} again") from error
        except (OSError, ValueError, SyntaxError) as error:  # what Pillow raises for a damaged file
            raise damaged(path, f"a JPEG of {SIDE} by {SIDE} pixels", str(error)[:200]) from error
    return x, np.array([label for _, label in labelled], np.int64)


# ---- SNLI


def _snli(paths, source) -> list[tuple[np.ndarray, np.ndarray]]:
    return [snli(path) for path in paths]


def snli(path) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of sentences as hashed words, (n, 1024) float32: half for each sentence; and classes (n,) int64.

    A line is JSON with gold_label, sentence1 and sentence2; lines with the label "-", on which the annotators did not
    agree, are left out, as is usual. Raises ValueError, naming the line, for any other.
    """
    pairs = list(_pairs(path))
    if not pairs:
        raise damaged(path, "a line of JSON for each pair of sentences", "none with a label")
    x = np.empty((len(pairs), 2 * SNLI_WORDS), np.float32)
    for start in range(0, len(pairs), PART):
        part = slice(start, start + PART)
        x[part, :SNLI_WORDS] = hashed([first for first, _, _ in pairs[part]], SNLI_WORDS)
        x[part, SNLI_WORDS:] = hashed([second for _, second, _ in pairs[part]], SNLI_WORDS)
    return x, np.array([label for _, _, label in pairs], np.int64)


def _pairs(path) -> Iterator[tuple[str, str, int]]:
    wanted = f"gold_label ({', '.join(SNLI_CLASSES)} or -), sentence1 and sentence2"
    with (gzip.open if Path(path).suffix.lower() == ".gz" else open)(path, "rt", encoding="utf-8") as file:
        number = 0
        try:
            while line := file.readline(LONGEST_LINE):
                number += 1
                pair = json.loads(line)
                label, *sentences = (pair[name] for name in ("gold_label", "sentence1", "sentence2"))
                if not all(isinstance(sentence, str) for sentence in sentences):
                    raise ValueError("sentences that are no text")
                if number > MOST_LINES:
                    raise ValueError("more lines than SNLI has")
                if label not in (*SNLI_CLASSES, "-"):
                    raise ValueError(f"the label {shown(label)}")
                if label != "-":
                    yield (*sentences, SNLI_CLASSES.index(label))
        except (ValueError, TypeError, LookupError, RecursionError, EOFError, OSError, zlib.error) as error:
            raise damaged(path, f"{wanted} in line {number}", " ".join(str(error).split())[:200]) from error
