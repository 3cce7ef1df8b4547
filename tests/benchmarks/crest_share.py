"""CREST's own overhead: seconds of select, model and check as a share of the seconds of its training steps.

ResNet-20 on images of CIFAR-10's shape (random ones: time does not depend on what they show), T1 = 10 and one
region: P coresets, T1 steps, one check, and then the arithmetic of longer regions from the same four prices.
"""

from __future__ import annotations

import numpy as np

from minicrest.datasets.dataset import Dataset
from minicrest.learner import Learner
from minicrest.nn import resnet20
from minicrest.optim import SGD
from minicrest.oracle import Oracle
from minicrest.random import stream
from minicrest.selection import Crest

TARGET, T1, N = 0.3, 10, 50_000


def prices(coresets: int = 2) -> dict[str, float]:
    """Seconds of one coreset (select and model), of one check and of one training step."""
    rng = stream(0, "benchmark", "crest")
    data = Dataset(rng.integers(0, 256, (N, 3, 32, 32)).astype("uint8"), rng.integers(0, 10, N), augment=4,
                   scale=np.full(3, 1 / 64, "float32"), shift=np.full(3, -2, "float32"))  # fmt: skip
    net, optimizer = resnet20(), SGD()
    theta = net.initialize(0)
    oracle = Oracle(net, data, theta)
    method, velocity = Crest(h=T1, b=coresets / T1, tau=np.inf, lazy=False), optimizer.init(theta)
    state = method.init(oracle)
    for t in range(T1 + 1):  # the last one pays for the check
        with oracle.phase("select"):
            batch, state = method.propose(state, oracle)
        with oracle.phase("train"):
            gradient, _, seen = Learner(oracle).step(batch)
            optimizer.update(theta, gradient, velocity)
            Learner(oracle).move(theta, Learner(oracle).following(seen), t + 1)
    seconds = {name: bill.seconds for name, bill in oracle.ledger.phases.items()}
    check = seconds["check"]  # also what the region's constant cost, once
    coreset = (seconds["select"] + seconds["model"] - check) / coresets
    return {"coreset": coreset, "check": check, "step": seconds["train"] / (T1 + 1)}


def share(price: dict[str, float], P: int, length: int) -> float:
    """Overhead / training of a region of P coresets that lasts `length` steps, checked every T1 of them."""
    own = P * price["coreset"] + price["check"] * (1 + length / T1)
    return own / (length * price["step"])


def line() -> str:
    price = prices()
    found = "; ".join(f"P = {P}, {length} steps: {share(price, P, length):.2g}"
                      for P, length in [(1, 10), (1, 50), (5, 100), (50, 10), (50, 390)])  # fmt: skip
    checks = share(price, 0, 10**9)
    longest = price["coreset"] / price["step"] / (TARGET - checks) if checks < TARGET else np.inf
    coreset, check = price["coreset"] / price["step"], price["check"] / price["step"]
    reach = f"to reach it, regions of {longest:.0f} steps per coreset" if longest < np.inf else "checks alone exceed it"
    return (f"CREST's own seconds / its training seconds (ResNet-20, m = 128, r = 512, T1 = {T1}; at most {TARGET} is "
            f"wanted), by coresets P and length of a region: {found}. A coreset costs {coreset:.1f} steps (r forward "
            f"passes, a gradient and a Hessian product), a check {check:.1f} (r forward passes): {reach}.")  # fmt: skip
