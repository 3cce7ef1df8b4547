"""Kills: SIGKILL at random moments of a training, its preparation included; the same command then ends in the same run.

    pytest tests/adversarial/test_kills.py                    one kill in each of 3 methods
    pytest -m slow tests/adversarial/test_kills.py -s         KILLS in each method of METHODS

The processes are those of the command line. After a kill the folder may hold a file half written; after the second run
it holds the files of an undisturbed run, whose weights are the same to the last bit, and nothing else.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from minicrest import checkpoint
from minicrest.random import stream
from minicrest.run import Run
from minicrest.selection import METHODS
from tests.unit.test_checkpoint import assert_same

ROOT = Path(__file__).resolve().parents[2]
KILLS = int(os.environ.get("MINICREST_KILLS", 5))  # in each method: 75 in all
SMALL = {"fraction": 0.3, "runs": 2, "t": 2, "T": 3, "T_p": 1, "R": 2, "n_subsets": 5, "T2": 5}
BY_DEFAULT = ("crest", "el2n", "milo")


def command(name: str, out) -> list[str]:
    """A training of a second or two that writes a checkpoint at every other step."""
    known = {f.name for f in fields(METHODS[name])}
    small = [f"{key}={value}" for key, value in SMALL.items() if key in known]
    held_out = ["--validation", "0.1"] if getattr(METHODS[name], "needs_validation", False) else []
    return [sys.executable, "-m", "minicrest", "train", "--method", name, "--steps", "60", "--checkpoint-every", "2",
            "--m", "32", *held_out, *(["--set", *small] if small else []), "--out", str(out)]  # fmt: skip


def start(line) -> subprocess.Popen:
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(line, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            start_new_session=True)  # fmt: skip


def finish(process) -> None:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, out + err


def begun(folder: Path, process) -> float:
    """Wait until the training has made its folder; the moment. Kills before that would test the imports."""
    while process.poll() is None and not folder.exists():
        time.sleep(0.002)
    return time.perf_counter()


def undisturbed(name: str, folder: Path) -> tuple[dict, float]:
    """(what is compared of a whole run, the seconds from its first file to its end)."""
    process = start(command(name, folder))
    since = begun(folder, process)
    finish(process)
    return facts(folder), time.perf_counter() - since


def facts(folder: Path) -> dict:
    run: Run = checkpoint.load(folder / "run.npz")
    return {"theta": run.theta, "statistics": run.statistics, "uses": run.uses, "steps": run.steps,
            "accuracy": run.curve.accuracy, "files": sorted(path.name for path in folder.iterdir())}  # fmt: skip


def killed(name: str, folder: Path, delay: float) -> bool:
    """Start the command and kill it `delay` seconds after its first file; whether it was still at work."""
    process = start(command(name, folder))
    begun(folder, process)
    time.sleep(delay)
    hit = process.poll() is None
    if hit:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    return hit


def check_kills(name: str, kills: int, tmp_path: Path) -> None:
    """Kill the training `kills` times, each time in a folder of its own, and carry each on."""
    whole, seconds = undisturbed(name, tmp_path / "whole")
    assert np.isfinite(whole["theta"]).all() and not any(file.endswith(".part") for file in whole["files"])
    for k, part in enumerate(stream(0, "kills", name).random(kills)):
        folder, delay = tmp_path / f"killed-{k}", 0.9 * part * seconds
        while not killed(name, folder, delay):  # it was over: the machine is less busy now
            shutil.rmtree(folder)
            delay /= 2
        finish(start(command(name, folder)))
        assert_same(facts(folder), whole)
    print(f"{name}: {kills} kills hit a run of {seconds:.2f} s; the same weights after each")


@pytest.mark.parametrize("name", BY_DEFAULT)
def test_a_kill_loses_nothing(name, tmp_path):
    check_kills(name, 1, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_kills_lose_nothing(name, tmp_path):
    check_kills(name, KILLS, tmp_path)


def test_there_are_at_least_60_kills():
    print(f"{KILLS * len(METHODS)} kills")
    assert KILLS * len(METHODS) >= 60
