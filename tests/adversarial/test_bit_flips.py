"""Single flipped bits: a file reads as it was, bit for bit, or is refused in one line; never as other numbers.

    pytest tests/adversarial/test_bit_flips.py                        about 1,000 flips, seconds
    pytest -m slow tests/adversarial/test_bit_flips.py -s             20,000 flips over all formats; prints the outcomes

Formats without a checksum (text, CIFAR) cannot tell one pixel or letter from another: there a flip may change a pixel,
a word or where a line ends, but neither type nor shape. A subprocess with 512 MB more than it starts with does the
reading, and no file may take more than a second of its processor time.
"""

import gzip
import json
import os
import pickle
import re
import resource
import struct
import subprocess
import sys
import time
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from minicrest import checkpoint
from minicrest.datasets import load, readers
from minicrest.optim import SGD
from minicrest.oracle import Oracle
from minicrest.random import stream
from minicrest.selection import METHODS
from minicrest.train import train
from tests.contract.test_contract import toy, toy_network

ROOT = Path(__file__).resolve().parents[2]
MEMORY = 512 * 2**20  # bytes beyond what the process has when it begins
SECONDS = 1.0  # for one file
IN_HEADERS = 0.5  # the share of the flips that go to headers, which are a small part of a file


# ---- the files: name -> how it is written, how it is read, whether it has a checksum


def _checkpoint(path):
    network = toy_network()
    oracle = Oracle(network, toy(), network.initialize(0, "float64"))
    return train(METHODS["crest"](m=6, r=18), oracle, SGD(), 8, checkpoint=path, progress=False)


def _run(path):
    _checkpoint(path.with_name("of-a-run.npz")).save(path.with_suffix(""))


def _data(path, n):
    rng = stream(0, "flips")
    arrays = {f"x{end}": rng.standard_normal((n, 6)).astype("float32") for end in ("", "_test")}
    np.savez(path, **arrays, y=np.arange(n) % 3, y_test=np.arange(n) % 3)


def _small_data(path):
    _data(path, 30)


def _large_data(path):
    _data(path, 400)  # entries of more than 4 kB, which NumPy reads in pieces


def _idx_gz(path):
    pixels = stream(0, "pixels").integers(0, 256, (20, 28, 28), dtype=np.uint8)
    path.write_bytes(gzip.compress(struct.pack(">iiii", 2051, 20, 28, 28) + pixels.tobytes(), mtime=0))


def _cifar(path):
    pixels = stream(0, "pixels").integers(0, 256, (readers.CIFAR_RECORDS, 3072), dtype=np.uint8)
    path.write_bytes(pickle.dumps({"data": pixels, "labels": [i % 10 for i in range(len(pixels))]}, protocol=2))


def _text(path):
    path.write_text("".join(f"{i % 2} the film number {i} is good\n" for i in range(60)))


def _load(path):
    data = load(str(path))
    return {"x": data.x, "y": data.y, "test": [data.test.x, data.test.y], "classes": list(data.classes)}


FORMATS = {  # file name: (write, read, has a checksum, flips of 20,000)
    "checkpoint.npz": (_checkpoint, checkpoint.load, True, 7000),
    "run.npz": (_run, checkpoint.load, True, 6000),
    "small.npz": (_small_data, _load, True, 3000),
    "large.npz": (_large_data, _load, True, 3000),
    "some-idx3-ubyte.gz": (_idx_gz, readers.idx, True, 600),
    "subj.all": (_text, lambda path: readers.text(path, readers.read_bytes(path), 2), False, 380),
    "data_batch_1": (_cifar, readers.cifar, False, 20),
}


def headers(path: Path, raw: bytes) -> np.ndarray:
    """The bytes that say how to read the others: zip records and .npy headers, or the first and last kilobyte."""
    if not zipfile.is_zipfile(path):
        return np.r_[0 : min(1000, len(raw)), max(0, len(raw) - 1000) : len(raw)]
    with zipfile.ZipFile(path) as archive:
        parts = [np.arange(item.header_offset, item.header_offset + 30 + len(item.filename) + 160)
                 for item in archive.infolist()]  # fmt: skip
        parts.append(np.arange(archive.start_dir, len(raw)))
    return np.unique(np.concatenate(parts))


def places(path: Path, count: int, seed: int) -> list[tuple[int, int]]:
    """(byte, bit) of `count` flips, headers having more than their share."""
    rng, raw = stream(seed, "places", path.name), path.read_bytes()
    head = rng.choice(headers(path, raw), round(IN_HEADERS * count))
    everywhere = rng.integers(len(raw), size=count - len(head))
    return [(int(byte), int(rng.integers(8))) for byte in np.concatenate([head, everywhere])]


# ---- one flip


def digest(tree, arrays=True):
    """What is compared: all of a tree; without `arrays` only types and the shape of an example."""
    if isinstance(tree, np.ndarray):
        return (tree.dtype.str, tree.shape, tree.tobytes()) if arrays else (tree.dtype.str, tree.shape[1:])
    if isinstance(tree, dict):
        return {key: digest(value, arrays) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [digest(value, arrays) for value in tree]
    return digest(vars(tree), arrays) if hasattr(tree, "__dataclass_fields__") else repr(tree)


def outcome(path: Path, read, expected, checksum: bool) -> str:
    """"same", "refused", or what went wrong."""
    start = time.process_time()
    try:
        got = digest(read(path), arrays=checksum)
        word = "same" if got == expected else "OTHER NUMBERS"
    except ValueError as error:
        word = "refused" if type(error) is ValueError and "\n" not in str(error) else f"UNCLEAR {error!r}"[:200]
    except Exception as error:
        word = f"RAISED {type(error).__name__}: {error}"[:200]
    return word if time.process_time() - start < SECONDS else f"SLOW {word}"


def flips(folder: Path, name: str, count: int, seed: int = 0) -> Counter:
    """The outcomes of `count` flips of one file."""
    write, read, checksum, _ = FORMATS[name]
    (folder / "whole").mkdir(parents=True, exist_ok=True)
    whole, flipped = folder / "whole" / name, folder / name
    write(whole)
    raw, expected = bytearray(whole.read_bytes()), digest(read(whole), arrays=checksum)
    counts: Counter = Counter()
    for byte, bit in places(whole, count, seed):
        raw[byte] ^= 1 << bit
        flipped.write_bytes(raw)
        raw[byte] ^= 1 << bit
        word = outcome(flipped, read, expected, checksum)
        counts[word if word in ("same", "refused") else f"{word} (bit {bit} of byte {byte})"] += 1
    return counts


def in_subprocess(folder, name: str, count: int) -> Counter:
    """`flips` in a process that cannot take more memory."""
    command = [sys.executable, "-m", "tests.adversarial.test_bit_flips", str(folder), name, str(count)]
    one_thread = os.environ | {"OPENBLAS_NUM_THREADS": "1"}  # each more takes memory for itself
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=3000, env=one_thread)
    assert done.returncode == 0, done.stderr[-2000:]
    return Counter(json.loads(done.stdout))


def limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY, resource.RLIM_INFINITY))


def check(counts: Counter, name: str, count: int) -> None:
    """Print the outcomes; no other than the two allowed."""
    kinds = Counter(re.split(r"[ (:]", word)[0] for word in counts.elements())
    print(f"{name}: {count} flips, {dict(kinds)}")
    wrong = [word for word in counts if word not in ("same", "refused")]
    assert not wrong, f"{len(wrong)} of {count} flips of {name}:\n" + "\n".join(wrong[:40])
    assert counts.total() == count and (counts["refused"] > 0 or not FORMATS[name][2])


@pytest.mark.parametrize("name", FORMATS)
def test_a_flipped_bit_changes_nothing_or_is_refused(name, tmp_path):
    count = max(4, FORMATS[name][-1] // 20)
    check(in_subprocess(tmp_path, name, count), name, count)


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_20000_flipped_bits(name, tmp_path):
    count = FORMATS[name][-1]
    check(in_subprocess(tmp_path, name, count), name, count)


def test_there_are_20000_flips_and_1000_by_default():
    assert sum(row[-1] for row in FORMATS.values()) == 20_000


if __name__ == "__main__":
    limit_memory()
    print(json.dumps(flips(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))))
