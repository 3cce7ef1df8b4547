"""Damaged files of every format: the same data or a clear error, no other exception, and no memory to speak of."""

import gzip
import io
import pickle
import resource
import struct
import sys
import time

import numpy as np
import pytest

from minicrest.datasets import load, readers
from minicrest.experiments.sources import CIFAR
from minicrest.random import stream

FLIPS = 60  # per file and format


def idx(array):
    return struct.pack(f">{1 + array.ndim}i", 2048 + array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


def saved(save, **arrays):
    buffer = io.BytesIO()
    save(buffer, **arrays)
    return buffer.getvalue()


def files():
    """Format -> (name for `load`, {path: content}, whether a checksum covers the content)."""
    rng = stream(0, "damage")
    x, y = rng.standard_normal((20, 3)).astype(np.float32), np.arange(20) % 2
    arrays = {"x": x, "y": y, "x_test": x[:4], "y_test": y[:4]}
    images, digits = rng.integers(0, 256, (30, 28, 28)), np.arange(30) % 10
    pixels = [rng.integers(0, 256, (4, 3072), dtype=np.uint8) for _ in CIFAR]
    lines = "".join(f"{k % 2} word{k} again\n" for k in range(30)).encode()
    table = "label,a,b\n" + "".join(f"{k % 2},{k / 7},-{k}\n" for k in range(30))
    mnist = {"t10k-images-idx3-ubyte": idx(images), "t10k-labels-idx1-ubyte": idx(digits)}
    batch = [pickle.dumps({b"data": part, b"labels": [0, 1, 2, 3]}, protocol=2) for part in pixels]
    records = [b"".join(bytes([k]) + row.tobytes() for k, row in enumerate(part)) for part in pixels]
    return {
        "npz": ("a.npz", {"a.npz": saved(np.savez, **arrays)}, True),
        "npz compressed": ("a.npz", {"a.npz": saved(np.savez_compressed, **arrays)}, True),
        "csv": ("a.csv", {"a.csv": table.encode()}, False),
        "txt": ("a.txt", {"a.txt": lines}, False),
        "text": ("subj", {"subj.all": lines}, False),
        "idx": ("mnist10k", mnist, False),
        "idx.gz": ("mnist10k", {f"{name}.gz": gzip.compress(raw, mtime=0) for name, raw in mnist.items()}, True),
        "cifar bin": ("cifar10", {f"{name}.bin": raw for name, raw in zip(CIFAR, records)}, False),
        "cifar py": ("cifar10", dict(zip(CIFAR, batch)), False),
    }


def opened(name, folder):
    return load(folder / name) if "." in name else load(name, folder)


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB on Linux only")
@pytest.mark.parametrize("kind", files())
def test_flipped_bits(tmp_path, monkeypatch, kind):
    """Half of the flips fall among the first 200 and the last 200 bytes, where headers are."""
    monkeypatch.setattr(readers, "CIFAR_RECORDS", 4)
    name, contents, covered = files()[kind]
    for path, raw in contents.items():
        (tmp_path / path).write_bytes(raw)
    whole, refused = opened(name, tmp_path).fingerprint(), 0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for path, raw in list(contents.items())[:2]:
        rng = stream(0, "flips", kind, path)
        ends = np.r_[0 : min(200, len(raw)), max(0, len(raw) - 200) : len(raw)]
        for place in np.append(rng.choice(ends, FLIPS // 2), rng.integers(0, len(raw), FLIPS // 2)):
            bent = bytearray(raw)
            bent[place] ^= 1 << int(rng.integers(8))
            (tmp_path / path).write_bytes(bent)
            try:
                same = opened(name, tmp_path).fingerprint() == whole
            except ValueError as error:
                refused += 1
                assert path in str(error)
            else:
                assert same or not covered, f"byte {place}"
        (tmp_path / path).write_bytes(raw)
    assert (refused > 0 or not covered) and opened(name, tmp_path).fingerprint() == whole
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 << 10  # KiB


@pytest.mark.parametrize("kind", files())
def test_files_cut_short(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(readers, "CIFAR_RECORDS", 4)
    name, contents, covered = files()[kind]
    for path, raw in contents.items():
        (tmp_path / path).write_bytes(raw)
    path, raw = next(iter(contents.items()))
    for length in (0, 1, 3, len(raw) // 3, len(raw) - 1):
        (tmp_path / path).write_bytes(raw[:length])
        try:
            opened(name, tmp_path)
        except ValueError as error:
            assert path in str(error) or "leaves a part empty" in str(error)  # of a single line
        else:
            assert not covered and kind in ("csv", "txt", "text")  # a shorter table is a table


def test_an_archive_that_expands_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "LARGEST", 1 << 20)
    raw = bytearray(saved(np.savez_compressed, x=np.zeros(10)))
    place = raw.index(b"PK\1\2") + 24  # the directory's word for the size of the first entry
    raw[place : place + 4] = struct.pack("<I", 2**31)
    (tmp_path / "a.npz").write_bytes(raw)
    with pytest.raises(ValueError, match=r"a.npz .*expands to"):
        load(tmp_path / "a.npz")
    for name in ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
        with gzip.open(tmp_path / f"{name}.gz", "wb") as file:
            file.write(bytes(readers.LARGEST + 1))
    with pytest.raises(ValueError, match=f"t10k-images-idx3-ubyte.gz .*at most {readers.LARGEST} bytes"):
        load("mnist10k", tmp_path)


@pytest.mark.parametrize("shape", [(2**31 - 1, 2**31 - 1, 4), (-1, -28, 28), (2**16, 2**16, 2**16), (-30, 28, 28)])
def test_idx_headers_that_lie(tmp_path, shape):
    """Products that wrap around, or of two negative lengths, are no shape of 23,520 bytes."""
    lying = struct.pack(">4i", 2051, *(int(np.int64(length).astype(np.int32)) for length in shape)) + bytes(23_520)
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(lying)
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx(np.zeros(30)))
    with pytest.raises(ValueError, match="t10k-images-idx3-ubyte is damaged"):
        load("mnist10k", tmp_path)


def nested(depth, kind):
    """References to references: a few hundred bytes that stand for 10^depth numbers, or for 2^depth hashes."""
    level = kind([0] * 10)
    for _ in range(depth):
        level = kind([level] * 10)
    return level


@pytest.mark.parametrize("batch", [
    {"data": 1, "labels": nested(40, list)}, {"data": nested(40, list), "labels": [0] * 4},
    {"data": np.zeros((4, 3072), np.uint8), "labels": nested(40, list)}, {"data": nested(40, tuple), "labels": [0] * 4},
    {"data": np.zeros((4, 3072), np.uint8), "labels": [10**30] * 4}, nested(40, list),
    {"data": np.zeros((4, 3072), np.uint8), "labels": [True] * 4},
])  # fmt: skip
def test_pickles_that_multiply_out(tmp_path, monkeypatch, batch):
    monkeypatch.setattr(readers, "CIFAR_RECORDS", 4)
    (tmp_path / "data_batch_1").write_bytes(pickle.dumps(batch, protocol=2))
    start = time.perf_counter()
    with pytest.raises(ValueError, match="data_batch_1 is damaged") as refusal:
        readers.cifar(tmp_path / "data_batch_1")
    assert time.perf_counter() - start < 5 and len(str(refusal.value)) < 1000


def test_a_pickle_whose_key_takes_for_ever_to_hash(tmp_path):
    """d = {t: 0} with t = (t', t'), 24 times over: a dict would compute 2^24 hashes, and 2^40 with a few bytes more."""
    raw = b"\x80\x02}K\x00" + b"".join(b"q%ch%c\x86" % (k, k) for k in range(24)) + b"K\x00s."
    (tmp_path / "data_batch_1").write_bytes(raw)
    with pytest.raises(ValueError, match="a dict with keys that are no strings"):
        readers.cifar(tmp_path / "data_batch_1")
