"""NumPy, CuPy and PyTorch beside each other on a machine with a GPU: `python -m tests.benchmarks.gpu [--out gpu.md]`.

One table, with the GPU's name and the date, within four minutes: milliseconds (medians after warm-up, synchronised) at
batch 128 and 1,024; CuPy with passes replayed as CUDA graphs (experiments/graphs.py); how far CuPy's float32 results
are from NumPy's; how often the host waits for the device in one call; and how long all of a training's step takes.
Float32 results may differ by 1e-3 where rounding takes the input of a ReLU across 0.
Every TF32 switch is off, so all three do the same float32 arithmetic. `--rehearse` runs all of it but the graphs and
PyTorch's GPU on the stand-in for CuPy, with small sizes: a test of this script, whose times mean nothing.
The tests themselves use the GPU without being told: `pytest` gives every test of a device the real CuPy.
"""

from __future__ import annotations

import argparse
import datetime
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from minicrest.backend import gpu_available, synchronize, to_device, to_numpy
from minicrest.experiments.graphs import replayed
from minicrest.experiments.setup import Setup
from minicrest.nn import lenet, mlp, resnet20
from minicrest.optim import SGD, SGDState
from minicrest.random import stream
from minicrest.taylor import hutchinson_diagonal, rademacher

SAME = 1e-5  # relative, float32; through twenty batch-norm layers in training mode rounding grows to some 1e-3
SECONDS, REPEATS, WARM = 2.0, 40, 4  # per measurement at most, calls at most, and calls before the clock starts
LR, MOMENTUM, DECAY = 0.01, 0.9, 5e-4
NETS = {
    "MLP 784-512-256-10": ("mlp", lambda: mlp((784, 512, 256, 10)), (784,)),
    "MLP 3072-1024-512-10": ("wide mlp", lambda: mlp((3072, 1024, 512, 10)), (3072,)),
    "LeNet": ("lenet", lambda: lenet((1, 28, 28)), (1, 28, 28)),
    "ResNet-20": ("resnet20", resnet20, (3, 32, 32)),
}
HEAD = [
    "| work | batch | NumPy, ms | CuPy, ms | CuPy, replayed, ms | PyTorch, ms | difference | host waits |",
    "|---|---|---|---|---|---|---|---|",
]


@dataclass(frozen=True)
class Work:
    """One line of the table: call(device's arrays) does it; torch() and replayed() build the others, or are None."""

    name: str
    batch: int
    arrays: tuple  # on the host
    call: Callable[..., Any]
    torch: Callable[[], Callable] | None = None
    replayed: Callable[[], Callable] | None = None

    @property
    def kind(self) -> str:
        """The name without sizes in brackets or after a comma: what it has in common with the same work elsewhere."""
        return self.name.partition(" (")[0].partition(",")[0]


# ---- what is measured


def works(batches, probes: int) -> list[Work]:
    found = []
    for title, (name, make, shape) in NETS.items():
        net = make()
        for batch in batches:
            rng, theta = stream(0, "gpu", title, batch), net.initialize(0)
            x, y = rng.standard_normal((batch, *shape)).astype("float32"), rng.integers(0, 10, batch)
            found += _of_network(title, name, net, (theta, x, y), probes)
    return found


def _of_network(title, name, net, arrays, probes) -> list[Work]:
    """Of each call, one with `net` and one with what takes its place: the same network, replayed."""
    batch, theta = len(arrays[1]), arrays[0]

    def work(what, given, call, torch=None):
        return Work(f"{title} {what}", batch, given, call(net), torch, lambda: call(replayed(net, "cuda")))

    moving = (*arrays, np.zeros_like(theta))
    found = [work("training step", moving, step, lambda: torch_step(name, batch)),
             work("thinning's step", moving, lambda net: thinned(net, batch))]  # fmt: skip
    if name == "resnet20":
        return found
    v = stream(0, "direction").standard_normal(theta.shape).astype("float32")
    found.append(work("exact Hv", (*arrays, v), lambda net: net.hvp, lambda: torch_hvp(name, batch)))
    if name == "mlp":
        z = rademacher(stream(0, "probes"), (probes, net.size), "float32")
        found += [
            work(f"Hutchinson diagonal, {probes} probes", (*arrays, z),
                 lambda net: lambda t, x, y, z: hutchinson_diagonal(lambda z: net.hvp(t, x, y, z), z)),
            work("exact diagonal", arrays, lambda net: net.hessian_diagonal),
            work("gradient norms", arrays, lambda net: net.gradient_norms),
            work("Gram matrix", arrays, lambda net: net.gradient_gram),
        ]  # fmt: skip
    return found


def step(net, weights=None) -> Callable:
    """Forward, backward, SGD; returns the gradient. theta and velocity change in place: a call is not repeatable."""
    optimizer = SGD(LR, MOMENTUM, DECAY)

    def call(theta, x, y, velocity):
        gradient = net.step(theta, x, y, weights).gradient
        optimizer.update(theta, gradient, SGDState(velocity))
        return gradient

    return call


def thinned(net, batch: int) -> Callable:
    """The same step, back through a quarter of the batch alone: the weights are on the host, as thinning's are."""
    weights = np.zeros(batch)
    weights[stream(0, "benchmark", "kept").choice(batch, batch // 4, replace=False)] = 4
    return step(net, weights)


def _on_gpu(name: str, batch: int):
    """PyTorch's twin and its batch on the GPU, without TF32."""
    import torch

    from tests.benchmarks.peers import Twins

    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    t = Twins(name, batch)
    t.other.cuda()
    t.tx, t.ty, t.parameters = t.tx.cuda(), t.ty.cuda(), list(t.other.parameters())
    return torch, t


def torch_step(name: str, batch: int) -> Callable:
    torch, t = _on_gpu(name, batch)
    optimizer = torch.optim.SGD(t.parameters, LR, MOMENTUM, weight_decay=DECAY)

    def call():
        optimizer.zero_grad()
        t.loss().backward()
        optimizer.step()
        torch.cuda.synchronize()

    return call


def torch_hvp(name: str, batch: int) -> Callable:
    torch, t = _on_gpu(name, batch)
    direction = [torch.randn_like(p) for p in t.parameters]

    def call():
        gradient = torch.autograd.grad(t.loss(), t.parameters, create_graph=True)
        torch.autograd.grad(gradient, t.parameters, direction)
        torch.cuda.synchronize()

    return call


# ---- how


def milliseconds(call: Callable) -> float:
    """Median of up to REPEATS calls within SECONDS, each of which ends synchronised, after WARM calls (1 if slow)."""
    start = time.perf_counter()
    for _ in range(WARM):
        call()
        if time.perf_counter() - start > SECONDS / 3:
            break
    end, times = time.perf_counter() + SECONDS, []
    while len(times) < REPEATS and (not times or time.perf_counter() < end):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1e3 * float(np.median(times))


def synchronised(work: Callable, arrays) -> Callable:
    def call():
        result = work(*arrays)
        synchronize("cuda")
        return result

    return call


def _replayed(work: Work, real: bool) -> str:
    """Milliseconds of the call with its passes replayed; what they differ by, where that is more than rounding."""
    if work.replayed is None or not real:
        return "-"
    mine, plain = ([to_device(a.copy(), "cuda") for a in work.arrays] for _ in range(2))
    call = work.replayed()
    for _ in range(WARM):
        gap = difference(to_numpy(call(*mine)), to_numpy(work.call(*plain)))
    return f"{milliseconds(synchronised(call, mine)):.3g}" + (f" (differs by {gap:.0e})" if gap > SAME else "")


def difference(found, expected) -> float:
    """|found - expected| / |expected| of whole arrays."""
    found, expected = found.astype("float64"), expected.astype("float64")
    return float(np.linalg.norm((found - expected).ravel()) / max(np.linalg.norm(expected.ravel()), 1e-300))


def host_waits(work: Work) -> int:
    """How often one call waits for the device: counted on the stand-in, where every way to the host is."""
    from tests import standin

    real = sys.modules.get("cupy")
    sys.modules["cupy"] = standin.module
    try:
        arrays = [standin.module.asarray(a) for a in work.arrays]
        standin.synchronisations.reset()
        work.call(*arrays)
        return standin.synchronisations.count
    finally:
        sys.modules.pop("cupy") if real is None else sys.modules.update(cupy=real)


def line(work: Work, real: bool, small: Work) -> str:
    """Measure one piece of work everywhere; `small` is the same at a size at which waits are counted."""
    waits = host_waits(small)
    host, device = [a.copy() for a in work.arrays], [to_device(a.copy(), "cuda") for a in work.arrays]
    expected, found = work.call(*host), to_numpy(work.call(*device))
    gap = difference(found, expected)
    numpy = milliseconds(lambda: work.call(*host))
    cupy = milliseconds(synchronised(work.call, device))
    times = f"{numpy:.3g} | {cupy:.3g} | {_replayed(work, real)} | {_peer(work, real)}"
    return f"| {work.name} | {work.batch} | {times} | {gap:.0e} | {waits} |"


def training(method: str, steps: int) -> str:
    """All that a step of a training takes, on average: proposing, choosing, checking and the bill's clock too."""
    times = []
    for device in ("cpu", "cuda"):
        setup = Setup(data="digits-images", model="resnet8", method=method, m=128, steps=steps, device=device)
        setup.run(progress=False)
        times.append(1e3 * setup.run(progress=False).ledger.seconds / steps)
    host, replays = (f"{time:.3g}" for time in times)
    return f"| ResNet-8 on digits-images, {method}: all of a step | 128 | {host} | - | {replays} | - | - | - |"


def _peer(work: Work, real: bool) -> str:
    if work.torch is None or not real:
        return "-"
    try:
        import torch
    except ImportError:
        return "not installed"
    if not torch.cuda.is_available():
        return "no GPU for PyTorch"
    found = f"{milliseconds(work.torch()):.3g}"
    torch.cuda.empty_cache()
    return found


def heading(real: bool) -> str:
    today = datetime.date.today().isoformat()
    if not real:
        return f"REHEARSAL on the stand-in, {today}: no GPU, the times mean nothing"
    import cupy

    name = cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
    versions = [f"numpy {np.__version__}", f"cupy {cupy.__version__}"]
    versions += [f"torch {sys.modules['torch'].__version__}"] if "torch" in sys.modules else []
    return f"{name}; NumPy on {os.cpu_count()} cores; {today}; {', '.join(versions)}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.gpu", description=__doc__)
    parser.add_argument("--out", type=Path, help="also write the table here")
    parser.add_argument("--rehearse", action="store_true", help="without a GPU, on the stand-in")
    options = parser.parse_args()
    real = not options.rehearse
    if real and not gpu_available():
        sys.exit("this needs CuPy and a GPU; --rehearse runs the script on the stand-in")
    small = works([4], 2)
    if real:
        full = works([128, 1024], 8)
    else:
        from tests import standin

        sys.modules["cupy"], full = standin.module, small
    lines = [heading(real), "", *HEAD]
    print("\n".join(lines), flush=True)
    for work in full:
        lines.append(line(work, real, next(other for other in small if other.kind == work.kind)))
        print(lines[-1], flush=True)
    for method in ("random", "thinning", "crest"):
        lines.append(training(method, 60 if real else 3))
        print(lines[-1], flush=True)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
