"""How cost grows, as three figures: `python -m tests.benchmarks.growth --out FOLDER`.

growth_selection.png seconds of facility_location against n (k = n/10) and against k (n = 4000)
growth_step.png      seconds of an MLP training step against batch and against width
growth_memory.png    peak bytes of a selection against n, with all distances and without
Points are medians of five; beside them the power of n that the cost should follow, and above them, in words (which are
printed too), how it does grow over the last three.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import NullFormatter

from minicrest.nn import mlp
from minicrest.optim import SGD
from minicrest.random import stream
from minicrest.submodular import facility_location
from tests.benchmarks.selection import features
from tests.benchmarks.side_by_side import threads

REPEATS = 5


def seconds(call) -> float:
    """Median of REPEATS calls after one that is not timed."""
    call()
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def select(n: int, k: int):
    x = features(n)[0]
    return lambda: facility_location(x, k)


def step(width: int, batch: int):
    net, optimizer, rng = mlp((784, width, width, 10)), SGD(0.01, 0.9, 5e-4), stream(0, "growth")
    theta = net.initialize(0)
    x, y, state = rng.standard_normal((batch, 784)).astype("float32"), rng.integers(0, 10, batch), optimizer.init(theta)
    return lambda: optimizer.update(theta, net.step(theta, x, y).gradient, state)


def peak(n: int, memory: int) -> int:
    """Bytes that choosing 2 of n points takes at most, beside the features."""
    x = features(n)[0]
    tracemalloc.start()
    facility_location(x, 2, memory=memory)
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found


def curve(axes, xs, ys, power: float, xlabel: str, label: str) -> None:
    """Measured points, a line of the given power through the last one, and the slope of the last three in words."""
    xs, ys = np.array(xs, float), np.array(ys)
    (line,) = axes.loglog(xs, ys, "o-", label=label)
    axes.loglog(xs, ys[-1] * (xs / xs[-1]) ** power, ":", color=line.get_color(), label=f"power {power:g}")
    slope = np.polyfit(np.log(xs[-3:]), np.log(ys[-3:]), 1)[0]
    words = f"{label}: twice the {xlabel.split()[-1]}, {2**slope:.2g} times the cost (power {slope:.2f})"
    print(words, flush=True)
    axes.set_title("\n".join(filter(None, [axes.get_title(), words])), fontsize=9)
    axes.set_xlabel(xlabel)
    axes.xaxis.set_minor_formatter(NullFormatter())  # where labels would run into each other
    axes.legend()


def selection(axes) -> None:
    ns, ks = [500, 1000, 2000, 4000, 8000, 16000], [1, 10, 50, 100, 400, 1600]
    curve(axes[0], ns, [seconds(select(n, n // 10)) for n in ns], 2, "points", "k = n/10, d = 10")
    curve(axes[1], ks, [seconds(select(4000, k)) for k in ks], 0, "k", "n = 4000, d = 10")


def training(axes) -> None:
    batches, widths = [8, 32, 128, 512, 2048, 8192], [32, 64, 128, 256, 512, 1024, 2048]
    curve(axes[0], batches, [seconds(step(512, b)) for b in batches], 1, "batch", "MLP 784-512-512-10")
    curve(axes[1], widths, [seconds(step(w, 128)) for w in widths], 2, "width", "MLP 784-w-w-10, batch 128")


def memory(axes) -> None:
    dense, free = [500, 1000, 2000, 4000, 8000, 16000], [500, 1000, 2000, 4000, 8000, 16000, 32000]
    curve(axes[0], dense, [peak(n, 1 << 40) / 1e6 for n in dense], 2, "points", "all distances")
    curve(axes[0], free, [peak(n, 1) / 1e6 for n in free], 1, "points", "matrix-free")


FIGURES = {
    "selection": (2, "seconds", selection), "step": (2, "seconds a step", training), "memory": (1, "peak MB", memory),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.growth", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("."), help="the folder for the figures, created if need be")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    threads(options.threads)
    for name, (panels, ylabel, draw) in FIGURES.items():
        figure, axes = plt.subplots(1, panels, figsize=(7 * panels, 5), squeeze=False, layout="constrained")
        axes[0, 0].set_ylabel(ylabel)
        draw(axes[0])
        figure.savefig(options.out / f"growth_{name}.png", dpi=120)
        print(options.out / f"growth_{name}.png", flush=True)


if __name__ == "__main__":
    main()
