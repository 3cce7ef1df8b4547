"""Files that the user names: one training owns a path; pipes and devices stay what they are, all else is whole."""

import os
import subprocess
import sys
import threading

import pytest

from minicrest.experiments.files import claimed, write_anywhere
from minicrest.experiments.setup import Setup


def write(path, data, patience=2.0):
    write_anywhere(path, lambda file: file.write(data), patience)


def test_a_file_is_written_atomically(tmp_path):
    write(tmp_path / "new" / "a", b"old")

    def half(file):
        file.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_anywhere(tmp_path / "new" / "a", half)
    assert (tmp_path / "new" / "a").read_bytes() == b"old" and os.listdir(tmp_path / "new") == ["a"]


@pytest.mark.skipif(os.name != "posix", reason="pipes are POSIX")
def test_a_pipe_stays_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    got = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "pipe").read_bytes()), daemon=True)
    reader.start()
    write(tmp_path / "pipe", b"through a pipe")
    reader.join(10)
    assert got == [b"through a pipe"] and (tmp_path / "pipe").is_fifo()
    with pytest.raises(OSError, match=r"No such device or address: '.*pipe'"):  # nobody reads, so nothing hangs
        write(tmp_path / "pipe", b"unread", patience=0.1)


@pytest.mark.skipif(os.name != "posix", reason="devices are POSIX")
def test_a_device_stays_a_device():
    code = "from minicrest.experiments.files import write_anywhere as w; w('/dev/stdout', lambda f: f.write(b'x' * 9))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"x" * 9


def test_a_claim_ends_with_its_process(tmp_path):
    """Held, it refuses; given back or killed, the next one gets it and nothing is left behind."""
    code = ("import sys; from minicrest.experiments.files import claimed\n"
            "with claimed('a'): print('held', flush=True); sys.stdin.read()")  # fmt: skip
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, **pipes)
    assert process.stdout.readline() == b"held\n"
    with pytest.raises(ValueError, match="is being written by another training"), claimed(tmp_path / "a"):
        pass
    process.kill()
    process.communicate()
    with claimed(tmp_path / "a"), pytest.raises(ValueError, match="another training"), claimed(tmp_path / "a"):
        pass
    with claimed(tmp_path / "a"):
        pass
    assert os.listdir(tmp_path) == []


def test_two_trainings_cannot_write_one_checkpoint(tmp_path):
    setup, refused = Setup(data="blobs", model="logistic", method="random", steps=4, m=8), []

    def meanwhile():
        if not refused:
            with pytest.raises(ValueError, match="is being written by another training; wait for it or choose"):
                setup.run(tmp_path / "a", progress=False)
            refused.append(True)
        return False

    run = setup.run(tmp_path / "a", meanwhile, progress=False)
    assert refused and run.complete and [path.name for path in tmp_path.iterdir()] == ["a"]
