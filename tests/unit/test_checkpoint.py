"""Checkpoints: what goes in comes out, a file is whole or not there, and no file brings code or an obscure error."""

import errno
import io
import json
import os
import stat
import subprocess
import sys
import types
import zipfile
from collections import namedtuple
from dataclasses import dataclass, field, make_dataclass
from typing import Any

import numpy as np
import pytest

from minicrest import checkpoint, npz
from minicrest.backend import device_of, to_device, to_numpy
from minicrest.checkpoint import load, save
from minicrest.taylor import MovingAverage


@dataclass(frozen=True)
class Leaf:
    array: Any
    number: float = 0.0


@dataclass
class Tree:
    left: Any
    right: Any
    names: dict = field(default_factory=dict)
    hidden: int = field(default=3, init=False)

    @dataclass(frozen=True)
    class Inner:
        x: int = 0


def example():
    return Tree(
        Leaf(np.arange(6, dtype="float32").reshape(2, 3), 0.1),
        [Tree.Inner(7), (1, 2.5, None, True, "text", [])],
        {"empty": np.zeros((0, 5)), "0d": np.array(3.0), "bool": np.array([True, False]), "big": 2**70,
         "odd": [float("inf"), float("-inf"), -0.0, 1e-320], "int": np.array([2**62]), "text": np.array(["a", "bc"])},
    )  # fmt: skip


def assert_same(a, b):
    """Equal to the last bit, types, dtypes, shapes and devices included."""
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert list(a) == list(b)
        a, b = list(a.values()), list(b.values())
    if isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b):
            assert_same(x, y)
    elif hasattr(a, "__dataclass_fields__"):
        assert_same(vars(a), vars(b))
    elif hasattr(a, "dtype"):
        x, y = to_numpy(a), to_numpy(b)
        assert device_of(a) == device_of(b) and x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes()
    else:
        assert a == b or (a != a and b != b)


def test_round_trip(tmp_path):
    save(tmp_path / "deep" / "er" / "a.npz", example())  # folders are made
    assert_same(load(tmp_path / "deep" / "er" / "a.npz"), example())
    save(tmp_path / "nan", float("nan"))
    assert np.isnan(load(tmp_path / "nan"))
    assert (tmp_path / "nan").exists()  # and no .npz is added to the name


def test_numpy_scalars_become_plain(tmp_path):
    save(tmp_path / "a", [np.float32(0.1), np.int64(3), np.bool_(True)])
    assert_same(load(tmp_path / "a"), [float(np.float32(0.1)), 3, True])


def test_loaded_arrays_are_writable_and_their_own(tmp_path):
    x = np.ones(3)
    x.flags.writeable = False
    save(tmp_path / "a", [x, x])
    first, second = load(tmp_path / "a")
    first += 1
    assert (second == 1).all()


def test_device_arrays_return_to_the_device(tmp_path, device):
    tree = [to_device(np.arange(3.0), device), np.arange(3)]
    save(tmp_path / "a", tree)
    assert_same(load(tmp_path / "a", device), tree)
    assert [device_of(a) for a in load(tmp_path / "a", "cpu")] == ["cpu", "cpu"]


def test_nothing_in_the_file_is_pickled(tmp_path):
    save(tmp_path / "a", example())
    with np.load(tmp_path / "a", allow_pickle=False) as entries:
        assert all(not entries[name].dtype.hasobject for name in entries.files)
        json.loads(str(entries["tree"]))


Pair = namedtuple("Pair", "a b")


@pytest.mark.parametrize(
    "node", [{1, 2}, Pair(1, 2), {1: 2}, 1j, b"bytes", object(), Leaf, len, np.random.default_rng(0)],
    ids=lambda n: type(n).__name__,
)  # fmt: skip
def test_what_cannot_be_held(node, tmp_path):
    save(tmp_path / "a", "before")
    with pytest.raises(TypeError, match=f"a checkpoint cannot hold a {type(node).__name__}; use dataclasses"):
        save(tmp_path / "a", {"x": [node]})
    with pytest.raises(TypeError, match="not of object"):
        save(tmp_path / "a", np.array([None]))
    assert load(tmp_path / "a") == "before" and os.listdir(tmp_path) == ["a"]


# ---- whole or not there


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt(), MemoryError()], ids=repr)
@pytest.mark.parametrize("where", ["savez", "fsync", "replace"])
def test_a_crash_while_writing_leaves_the_old_file(where, error, tmp_path, monkeypatch):
    save(tmp_path / "a", "old")
    before = (tmp_path / "a").read_bytes()

    def crash(*args, **named):
        if where == "savez":
            args[0].write(b"half of it")
        raise error

    monkeypatch.setattr(*{"savez": (np, "savez"), "fsync": (os, "fsync"), "replace": (os, "replace")}[where], crash)
    with pytest.raises(type(error)):
        save(tmp_path / "a", "new")
    assert (tmp_path / "a").read_bytes() == before and os.listdir(tmp_path) == ["a"]
    with pytest.raises(type(error)):
        save(tmp_path / "b", "new")
    assert os.listdir(tmp_path) == ["a"]


def test_the_file_is_on_disk_before_it_is_renamed(tmp_path, monkeypatch):
    """And the old file is never open for writing: a rename is all that touches it."""
    events, sizes, fsync, replace = [], [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (events.append("fsync"), sizes.append(os.fstat(fd).st_size), fsync(fd)))

    def renamed(a, b):
        events.append("replace")
        assert load(a) == "new" and load(b) == "old"
        replace(a, b)

    save(tmp_path / "a", "old")
    monkeypatch.setattr(os, "replace", renamed)
    save(tmp_path / "a", "new")
    assert events == ["fsync", "fsync", "replace"] and load(tmp_path / "a") == "new"
    assert sizes[-1] == (tmp_path / "a").stat().st_size  # nothing is still in the file object's buffer


def test_an_unknown_device_is_refused(tmp_path):
    save(tmp_path / "a", {"x": np.ones(2)})
    with pytest.raises(ValueError, match="tpu"):
        load(tmp_path / "a", device="tpu")


def test_a_compressed_file_is_refused_unread(tmp_path):
    """A checkpoint is as large as its arrays: what expands to more than the file was not written by `save`."""
    np.savez_compressed(tmp_path / "a.npz", tree=np.array("x" * 100_000))
    with pytest.raises(ValueError, match="it expands to 400128 bytes"):
        load(tmp_path / "a.npz")


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX")
def test_the_file_has_the_usual_permissions(tmp_path):
    old = os.umask(0o027)
    try:
        save(tmp_path / "a", 1)
        assert os.umask(0o027) == 0o027  # and the mask is as it was
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_what_a_killed_process_left_is_removed(tmp_path):
    """Half-written files of dead processes go when the same path is written again; those of living ones stay."""
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    gone, other = tmp_path / f"a.{int(dead.stdout)}-1.part", tmp_path / f"b.{int(dead.stdout)}-1.part"
    living = tmp_path / f"a.{os.getppid()}-1.part"
    for path in (gone, other, living):
        path.write_text("half")
    save(tmp_path / "a", "new")
    assert sorted(os.listdir(tmp_path)) == sorted(["a", living.name, other.name])


@pytest.mark.skipif(os.name != "posix", reason="links are POSIX")
def test_links_are_followed(tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "link").symlink_to("store/a")
    for tree in ("first", "second"):  # the target is made, and replaced
        save(tmp_path / "link", tree)
        assert (tmp_path / "link").is_symlink() and load(tmp_path / "store" / "a") == tree


def test_errors_of_the_disk_name_the_file(tmp_path, monkeypatch):
    def full(fd):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*/a\.npz'") as error:
        save(tmp_path / "a.npz", 1)
    assert error.value.errno == errno.ENOSPC


# ---- damaged and hostile files


def whole(tmp_path):
    save(tmp_path / "a", example())
    return (tmp_path / "a").read_bytes()


NOT_WHOLE = "damaged.npz is not a whole minicrest checkpoint"


def refusal(tmp_path, data) -> str:
    """What `load` says of a file with these bytes."""
    path = tmp_path / "damaged.npz"
    path.write_bytes(data)
    with pytest.raises(ValueError) as error:
        load(path)
    return str(error.value)


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no checkpoint at .*nothing"):
        load(tmp_path / "nothing")


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_no_pickle_is_read(tmp_path):
    """Refused, and before it could do anything."""
    np.savez(tmp_path / "a.npz", tree=np.array([Bomb(str(tmp_path / "boom"))], dtype=object))
    with pytest.raises(ValueError, match=r"a\.npz is not a whole minicrest checkpoint"):
        load(tmp_path / "a.npz")
    assert os.listdir(tmp_path) == ["a.npz"]


def test_a_file_of_another_kind_brings_no_advice_to_allow_pickles(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"text")
    with pytest.raises(ValueError, match=r"a\.npz is not a whole minicrest checkpoint \(.*not a zip archive"):
        load(tmp_path / "a.npz")


def test_truncated(tmp_path):
    data = whole(tmp_path)
    for length in [0, 1, 4, 100, len(data) // 2, len(data) - 23, len(data) - 1]:
        assert NOT_WHOLE in refusal(tmp_path, data[:length])


def test_random_bytes(tmp_path):
    rng = np.random.default_rng(0)
    for size in (1, 10, 1000):
        assert NOT_WHOLE in refusal(tmp_path, rng.bytes(size))
        assert NOT_WHOLE in refusal(tmp_path, b"PK\x03\x04" + rng.bytes(size))
        assert NOT_WHOLE in refusal(tmp_path, b"\x93NUMPY" + rng.bytes(size))


def test_other_files(tmp_path):
    for write in (lambda f: np.savez(f, x=np.ones(3)), lambda f: np.save(f, np.ones(3)), lambda f: np.savez(f)):
        file = io.BytesIO()
        write(file)
        assert NOT_WHOLE in refusal(tmp_path, file.getvalue())
    file = io.BytesIO()
    np.savez(file, tree=np.array([object()], dtype=object))
    assert NOT_WHOLE in refusal(tmp_path, file.getvalue())
    assert NOT_WHOLE in refusal(tmp_path, b"")
    assert NOT_WHOLE in refusal(tmp_path, b"some text\n")


@pytest.mark.parametrize("flips", [400, pytest.param(20_000, marks=pytest.mark.slow)])
def test_a_flipped_bit_changes_nothing_or_is_refused(flips, tmp_path):
    """Never another number, never another error, and never more memory than the file's size."""
    data, rng, seen = whole(tmp_path), np.random.default_rng(1), 0
    for place in rng.integers(0, 8 * len(data), flips):
        damaged = bytearray(data)
        damaged[place // 8] ^= 1 << int(place % 8)
        (tmp_path / "b").write_bytes(damaged)
        try:
            assert_same(load(tmp_path / "b"), example())
        except ValueError:
            seen += 1
    assert seen > flips / 2  # the rest are dates and paddings


def test_every_bit_of_an_arrays_header_is_believed_only_with_its_checksum(tmp_path):
    """NumPy's own reader takes the array from where a damaged header length says, and never reaches the checksum."""
    save(tmp_path / "a", np.arange(2000.0))
    data = (tmp_path / "a").read_bytes()
    start = data.index(b"\x93NUMPY", data.index(b"array0.npy"))
    for bit in range(8 * 128):
        damaged = bytearray(data)
        damaged[start + bit // 8] ^= 1 << bit % 8
        assert NOT_WHOLE in refusal(tmp_path, bytes(damaged))


def entry(header: dict, data: bytes = b"") -> bytes:
    """A .npy file with this header."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + data


HOSTILE = {
    "claims 400 TB": entry({"descr": "<f4", "fortran_order": False, "shape": (10**7, 10**7)}, bytes(64)),
    "more bytes than its shape": entry({"descr": "<f4", "fortran_order": False, "shape": (2,)}, bytes(64)),
    "a negative shape": entry({"descr": "<f4", "fortran_order": False, "shape": (-4, -4)}, bytes(64)),
    "objects": entry({"descr": "|O", "fortran_order": False, "shape": (2,)}, bytes(16)),
    "no header": b"", "only magic": b"\x93NUMPY\x01\x00", "version 9": b"\x93NUMPY\x09\x00" + bytes(100),
    "a header of brackets": b"\x93NUMPY\x01\x00" + (9000).to_bytes(2, "little") + b"(" * 9000,
    "a header of 60 kB": b"\x93NUMPY\x01\x00" + (60000).to_bytes(2, "little") + b" " * 60000,
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_arrays_are_refused_before_they_take_memory(kind, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
        file.writestr("x.npy", HOSTILE[kind])
    with pytest.raises(ValueError, match=r"a\.npz is not a whole \.npz of plain arrays"):
        npz.read(tmp_path / "a.npz")


def test_hostile_archives_are_refused(tmp_path):
    """Zeros that expand to more than is expected, entries of one name, entries that are no arrays, encryption."""
    path, one = tmp_path / "a.npz", entry({"descr": "|b1", "fortran_order": False, "shape": (1,)}, bytes(1))
    np.savez_compressed(path, x=np.zeros(1_000_000))
    with pytest.raises(ValueError, match=r"it expands to 8000128 bytes, at most 1000000 are expected"):
        npz.read(path, largest=1_000_000)
    assert (npz.read(path)["x"] == 0).all()
    with zipfile.ZipFile(path, "w") as file, pytest.warns(UserWarning, match="Duplicate name"):
        file.writestr("x.npy", one), file.writestr("x.npy", one)
    with pytest.raises(ValueError, match=r"not arrays with distinct names: x\.npy, x\.npy"):
        npz.read(path)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("x.txt", "text")
    with pytest.raises(ValueError, match=r"not arrays with distinct names: x\.txt"):
        npz.read(path)
    np.savez(path, x=np.zeros(3))
    data = bytearray(path.read_bytes())
    for name, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.find(name) + offset] |= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"a\.npz is not a whole .*encrypted"):
        npz.read(path)
    with pytest.raises(FileNotFoundError):
        npz.read(tmp_path / "nothing.npz")


@pytest.mark.parametrize("array", [np.zeros((0, 5)), np.array(3.0), np.arange(6).reshape(2, 3).T, np.array(["é", ""]),
                                   np.zeros((2, 0), "f4"), np.array([True]), np.arange(3, dtype=">i2")])  # fmt: skip
def test_npz_reads_what_numpy_wrote(array, tmp_path):
    np.savez(tmp_path / "a.npz", x=array)
    found = npz.read(tmp_path / "a.npz")["x"]
    assert found.dtype == array.dtype and found.flags.writeable and np.array_equal(found, array)


def test_deeply_nested_json_is_refused(tmp_path):
    path = tmp_path / "crafted.npz"
    with open(path, "wb") as file:
        np.savez(file, tree=np.array('{"format": 2, "tree": ' + '{"list": [' * 100_000))
    with pytest.raises(ValueError, match=r"crafted\.npz is not a whole minicrest checkpoint"):
        load(path)


def test_fields_have_the_types_that_their_class_says(tmp_path):
    """Of this package's classes; what a class of somebody else's holds is for that class to say."""
    header = named("minicrest.ledger", "Ledger", phases=None)
    with pytest.raises(ValueError, match=r"crafted\.npz is not a whole .*Ledger\.phases is a NoneType"):
        load(crafted(tmp_path, header))
    for name, value in {"steps": 2.5, "complete": 1, "curve": 3, "uses": [1]}.items():
        with pytest.raises(ValueError, match=rf"Run\.{name} is a {type(value).__name__}"):
            load(crafted(tmp_path, {"format": 2, "tree": {"class": ["minicrest.run", "Run"], "fields": {
                name: {"list": []} if name == "uses" else {"value": value}}}}))  # fmt: skip


def crafted(tmp_path, header, **arrays):
    path = tmp_path / "crafted.npz"
    with open(path, "wb") as file:
        np.savez(file, tree=np.array(json.dumps(header)), **arrays)
    return path


def named(module, name, **fields):
    return {"format": 2, "tree": {"class": [module, name], "fields": {k: {"value": v} for k, v in fields.items()}}}


@pytest.mark.parametrize(
    ("module", "name"),
    [("os", "system"), ("builtins", "eval"), ("subprocess", "Popen"), ("numpy", "ndarray"), ("nowhere", "Thing"),
     ("minicrest.oracle", "Oracle"), ("minicrest.checkpoint", "save"), (__name__, "Leaf.__init__"), ("", ""),
     (__name__, "Leaf.__class__"), ("minicrest.oracle", "np.random")],
)  # fmt: skip
def test_a_class_is_a_known_dataclass_or_refused(module, name, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "system", lambda *a: pytest.fail("a file ran a command"))
    with pytest.raises(ValueError, match="not a known dataclass; import its module first"):
        load(crafted(tmp_path, named(module, name, command="true")))
    assert "nowhere" not in sys.modules


def test_no_module_is_imported_for_a_file(tmp_path):
    """A dataclass of a module that is installed but not imported is refused all the same."""
    (tmp_path / "minicrest_evil.py").write_text("from dataclasses import dataclass\n@dataclass\nclass A:\n    pass\n")
    sys.path.insert(0, str(tmp_path))
    try:
        with pytest.raises(ValueError, match=r"minicrest_evil\.A, not a known dataclass"):
            load(crafted(tmp_path, named("minicrest_evil", "A")))
        assert "minicrest_evil" not in sys.modules
    finally:
        sys.path.remove(str(tmp_path))


@pytest.mark.parametrize(
    "header",
    [
        named(__name__, "Leaf", arra=1), named(__name__, "Leaf"), {"format": 2}, {"format": 2, "tree": {}}, [], "text",
        {"format": 2, "tree": {"array": "array7", "device": "cpu"}}, {"format": 2, "tree": {"array": "x"}},
        {"format": 2, "tree": {"surprise": 3}}, {"format": 2, "tree": 5}, {"format": 2, "tree": {"list": 5}},
        {"format": 2, "tree": {"class": ["only"], "fields": {}}}, {"tree": {"value": 1}}, None,
        {"format": 2, "tree": {"class": [5, 6], "fields": {}}},
    ],
    ids=lambda h: json.dumps(h)[:40],
)  # fmt: skip
def test_a_tree_that_does_not_hang_together(header, tmp_path):
    with pytest.raises(ValueError, match=r"crafted\.npz is not a whole minicrest checkpoint"):
        load(crafted(tmp_path, header, x=np.ones(2)))


def test_a_future_format(tmp_path):
    for future in (checkpoint.FORMAT + 1, "1", None):
        with pytest.raises(ValueError, match=rf"crafted\.npz has checkpoint format {future}, this version reads 2"):
            load(crafted(tmp_path, {"format": future, "tree": "whatever the future holds"}))


def test_a_dataclass_whose_constructor_refuses_says_which_file(tmp_path):
    """Hyper-parameters out of range in a file are an error of the file."""
    header = named(MovingAverage.__module__, "MovingAverage", beta=2.0)
    with pytest.raises(ValueError, match=r"crafted\.npz is not a whole .* \(beta must be a number in"):
        load(crafted(tmp_path, header))


def test_a_module_that_the_caller_names_is_imported(tmp_path, monkeypatch):
    (tmp_path / "minicrest_mine.py").write_text("from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    header = named("minicrest_mine", "A", x=3)
    for modules in ("minicrest_mine", ["minicrest_mine"]):
        assert load(crafted(tmp_path, header), modules=modules).x == 3
        del sys.modules["minicrest_mine"]
    with pytest.raises(ValueError, match=r"or name it: load\(..., modules=\['minicrest_mine'\]\)"):
        load(crafted(tmp_path, header), modules=["minicrest_min"])
    with pytest.raises(ValueError, match="needs the module minicrest_not"):
        load(crafted(tmp_path, named("minicrest_not", "A")), modules=["minicrest_not"])


def test_the_command_line_is_not_run_by_a_file(tmp_path):
    with pytest.raises(ValueError, match="not a known dataclass"):
        load(crafted(tmp_path, named("minicrest.__main__", "A")))


def test_a_class_made_at_run_time_is_found_by_its_module(tmp_path):
    module = types.ModuleType("minicrest_made")
    module.Made = make_dataclass("Made", ["x"])
    module.Made.__module__ = "minicrest_made"
    sys.modules["minicrest_made"] = module
    try:
        save(tmp_path / "a", module.Made(3))
        assert load(tmp_path / "a") == module.Made(3)
    finally:
        del sys.modules["minicrest_made"]
    with pytest.raises(ValueError, match="not a known dataclass"):
        load(tmp_path / "a")


def test_the_entries_are_those_of_a_zip_file(tmp_path):
    save(tmp_path / "a", [np.ones(2), np.zeros(3)])
    with zipfile.ZipFile(tmp_path / "a") as file:
        assert sorted(file.namelist()) == ["array0.npy", "array1.npy", "tree.npy"]
