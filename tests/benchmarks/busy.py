"""A row for a machine that has other things to do: a small layer, while two processes keep the cores busy."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager

from minicrest.nn import Linear
from minicrest.random import stream
from tests.benchmarks.side_by_side import Measured, Row, Sides, measure, same

BATCH, INPUTS, OUTPUTS = 32, 784, 100
PAIRS = 10


@contextmanager
def busy(count: int = 2):
    """Inside, `count` processes compute without a pause."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def linear() -> Measured:
    """A forward pass of one Linear layer, called as it is, and the same product by NumPy's BLAS with its threads."""
    layer, rng = Linear(INPUTS, OUTPUTS), stream(0, "benchmark", "busy")
    w = layer.initialize(rng).astype("float32")
    x = rng.standard_normal((BATCH, INPUTS)).astype("float32")
    W, b = layer.split(w)
    sides = Sides(lambda: layer.forward(w, x)[0], lambda: x @ W + b,
                  lambda: same(layer.forward(w, x)[0], x @ W + b, 1e-5))  # fmt: skip
    with busy():
        return measure(sides, PAIRS)


def rows() -> list[Row]:
    return [Row(f"Linear({INPUTS}, {OUTPUTS}) forward, batch {BATCH}, beside two busy processes",
                "NumPy's x @ W + b with BLAS's threads", 1.0, linear)]  # fmt: skip
