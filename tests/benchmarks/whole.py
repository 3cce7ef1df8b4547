"""The rows about a whole training with CREST: LeNet on CIFAR-10, a tenth of the steps of 30 epochs.

Ours is beside random batches, and beside the path of the authors' release, rebuilt from its parts: PyTorch's steps,
gradients and Hessian products, submodlib class by class, and a forward pass over all n for each check. A whole training
of that kind would take an hour; so each part is timed alone, and the times are added up for the regions, checks and
steps of our training. CIFAR-10 must lie in the folder MINICREST_DATA; nothing is downloaded.
"""

from __future__ import annotations

import functools
import math
import os
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

import numpy as np

from minicrest.datasets import load
from minicrest.nn import lenet
from minicrest.optim import SGD, StepDecay
from minicrest.oracle import Oracle
from minicrest.selection import Crest, Random
from minicrest.train import train
from tests.benchmarks.selection import PEER
from tests.benchmarks.side_by_side import Measured, Row

EPOCHS, PART, M, R = 30, 0.1, 128, 512
REPEATS = 5
STEPS = "A third of ours are the steps themselves, which PyTorch with oneDNN makes faster on this processor."
SHAPE, N = (3, 32, 32), 50_000


class Trained(NamedTuple):
    """One training: seconds, without evaluations; bill; steps; for CREST P of each region, and the number of checks."""

    seconds: float
    bill: float
    steps: int
    coresets: tuple = ()
    checks: int = 0


@functools.cache
def trained(method, steps: int | None = None) -> Trained:
    """A training with this method on CIFAR-10."""
    if "MINICREST_DATA" not in os.environ:
        raise FileNotFoundError("set MINICREST_DATA to the folder that holds CIFAR-10")
    data = load("cifar10", os.environ["MINICREST_DATA"])
    steps = steps or round(PART * EPOCHS * math.ceil(len(data) / M))
    net = lenet(SHAPE)
    run = train(method, Oracle(net, data, net.initialize(0)), SGD(0.05, 0.9, 5e-4), steps, schedule=StepDecay(),
                evaluate_every=steps, progress=False)  # fmt: skip
    regions, checks = run.report.get("P", ()), run.report.get("check_rho", ())
    return Trained(run.ledger.seconds, run.ledger.cost, run.steps, tuple(regions), len(checks))


def crest_beside_random(steps: int | None = None) -> Measured:
    ours, theirs = trained(Crest(m=M, r=R), steps), trained(Random(m=M), steps)
    return Measured(ours.seconds / theirs.seconds, ours.seconds, theirs.seconds, 1)


def crest_beside_release(steps: int | None = None) -> Measured:
    """Theirs: at most n/(10 m) coresets a region, all of them built and in its model, and checks on all n."""
    ours, price = trained(Crest(m=M, r=R), steps), prices()
    built = sum(min(P, 0.1 * N / M) for P in ours.coresets)
    seconds = ours.steps * price["step"] + built * (price["coreset"] + price["model"]) + ours.checks * price["check"]
    return Measured(ours.seconds / seconds, ours.seconds, seconds, 1)


def prices() -> dict[str, float]:
    """Seconds of the parts: a step, a coreset, its gradient and Hessian product, and a pass over all n."""
    import torch
    from submodlib import FacilityLocationFunction
    from torch.nn import functional as F

    from tests.unit.nn.test_torch_parity import torch_lenet

    net = torch_lenet(SHAPE[0], 5, 0)
    rng, parameters = np.random.default_rng(0), list(net.parameters())
    x = torch.from_numpy(rng.standard_normal((R, *SHAPE)).astype("float32"))
    y = torch.from_numpy(rng.integers(0, 10, R))
    optimizer = torch.optim.SGD(parameters, 0.05, 0.9, weight_decay=5e-4)

    def step():
        optimizer.zero_grad()
        F.cross_entropy(net(x[:M]), y[:M]).backward()
        optimizer.step()

    def coreset():
        with torch.no_grad():
            features = (net(x).softmax(1) - F.one_hot(y, 10)).numpy()
        for label in range(10):
            mine = features[y.numpy() == label]
            f = FacilityLocationFunction(n=len(mine), mode="dense", separate_rep=False, data=mine, metric="euclidean")
            f.maximize(budget=min(len(mine) - 1, M // 10), **PEER)

    def model():
        gradient = torch.autograd.grad(F.cross_entropy(net(x[:M]), y[:M]), parameters, create_graph=True)
        torch.autograd.grad(gradient, parameters, [torch.ones_like(p) for p in parameters])

    def check():  # R of n examples
        with torch.no_grad():
            F.cross_entropy(net(x), y)

    found = {work.__name__: seconds(work) for work in (step, coreset, model, check)}
    return {**found, "check": found["check"] * N / R}


def seconds(call) -> float:
    """Median of REPEATS calls after one that is not timed."""
    call()
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def rows() -> list[Row]:
    work = "CREST, LeNet on CIFAR-10, a tenth of 30 epochs' steps"
    return [
        Row(work, "the same steps on random batches", 3.0, crest_beside_random),
        Row(work, "the authors' path, its parts timed and added up", 0.1, crest_beside_release, STEPS),
    ]


def commands() -> str:
    """A line about whole processes, from start to end: the median of three each."""
    with tempfile.TemporaryDirectory() as folder:
        compare = "-m minicrest compare --data digits --methods full random crest --seeds 5".split()
        each = [process([*compare, "--out", f"{folder}/{k}"]) for k in range(3)]
    small = (["-c", "import minicrest"], ["-m", "minicrest", "--help"])
    importing, helping = ([process(words) for _ in range(3)] for words in small)
    return (f"whole processes, each from start to end: `minicrest compare` on digits with five seeds and three methods "
            f"{np.median(each):.1f} s (at most 6 are wanted), `import minicrest` {np.median(importing):.2f} s (0.15), "
            f"`minicrest --help` {np.median(helping):.2f} s (0.3)")  # fmt: skip


def process(words: list[str]) -> float:
    """Seconds of Python with these words."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, capture_output=True)
    return time.perf_counter() - start
