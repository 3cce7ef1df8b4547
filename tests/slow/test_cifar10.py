"""CREST on CIFAR-10 for 300 steps, killed on the way and resumed: pytest -m slow, with MINICREST_DATA set.

About 10 minutes each on two cores; ResNet-20 with small batches.
"""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from minicrest import checkpoint, cli
from minicrest.datasets import available

present = {name: there for name, there, *_ in available()}["cifar10"]
STEPS = 300
SMALLER = {"lenet": [], "resnet20": ["--m", "16", "--set", "r=32", "b=1"]}


def command(model, out):
    return [
        "train", "--data", "cifar10", "--model", model, "--method", "crest", "--steps", str(STEPS),
        "--evaluations", "1", "--checkpoint-every", "20", "--out", str(out),
        *SMALLER[model],
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.skipif(not present, reason="needs CIFAR-10 in MINICREST_DATA; see minicrest data")
@pytest.mark.parametrize("model", ["lenet", "resnet20"])
def test_killed_and_resumed_it_reaches_the_same_weights(model, tmp_path):
    words = [sys.executable, "-m", "minicrest", *command(model, tmp_path / "killed")]
    process = subprocess.Popen(words, env=os.environ)
    while not (tmp_path / "killed" / "checkpoint.npz").exists():
        assert process.poll() is None, "it ended before its first checkpoint"
        time.sleep(0.5)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert cli.main(["resume", str(tmp_path / "killed")]) == 0
    assert cli.main(command(model, tmp_path / "whole")) == 0
    killed, whole = (checkpoint.load(tmp_path / name / "run.npz") for name in ("killed", "whole"))
    assert killed.steps == whole.steps == STEPS
    assert np.array_equal(killed.theta, whole.theta) and np.array_equal(killed.statistics, whole.statistics)
