"""The rows about second derivatives and single examples: PyTorch's autograd, PyHessian, BackPACK on the other side."""

from __future__ import annotations

import numpy as np

from minicrest.random import stream
from minicrest.taylor import hutchinson_diagonal, rademacher
from tests.benchmarks.peers import Twins
from tests.benchmarks.side_by_side import MKL, Row, Sides, same

PROBES = 8
COLUMNS = "The tangent passes copy the windows of images again, and multiply by 6 columns again."
PROBE = "Only the gradient's passes are shared; the six products of a probe and layer are made by both sides."


def double_backward(name: str) -> Sides:
    import torch

    t = Twins(name)
    v = stream(0, "direction").standard_normal(t.net.size).astype("float32")
    direction = t.theirs(v)

    def theirs():
        gradient = torch.autograd.grad(t.loss(), t.parameters, create_graph=True)
        return torch.autograd.grad(gradient, t.parameters, direction)

    def ours():
        return t.net.hvp(t.theta, t.x, t.y, v)

    return Sides(ours, theirs, lambda: same(ours(), t.ours(theirs()), 1e-4))


def forward_over_reverse(name: str) -> Sides:
    """torch.func: jvp of grad."""
    import torch
    from torch.nn import functional as F

    t = Twins(name)
    v = stream(0, "direction").standard_normal(t.net.size).astype("float32")
    names = [key for key, _ in t.other.named_parameters()]
    point, direction = (dict(zip(names, t.theirs(a))) for a in (t.theta, v))

    def loss(parameters):
        return F.cross_entropy(torch.func.functional_call(t.other, parameters, (t.tx,)), t.ty)

    def theirs():
        return torch.func.jvp(torch.func.grad(loss), (point,), (direction,))[1]

    def ours():
        return t.net.hvp(t.theta, t.x, t.y, v)

    return Sides(ours, theirs, lambda: same(ours(), t.ours([theirs()[key] for key in names]), 1e-4))


def hutchinson(name: str) -> Sides:
    """PyHessian's trace from 8 probes: it draws them itself, so the check draws the same again and takes our trace."""
    import torch
    from pyhessian import hessian

    t = Twins(name)
    probes = rademacher(stream(0, "probes"), (PROBES, t.net.size), "float32")

    def theirs():
        return hessian(t.other, torch.nn.functional.cross_entropy, data=(t.tx, t.ty), cuda=False).trace(PROBES, 0.0)

    def ours(z=probes):
        return hutchinson_diagonal(lambda z: t.net.hvp(t.theta, t.x, t.y, z), z)

    def check():
        torch.manual_seed(0)
        draws = [t.ours([2 * torch.randint_like(p, high=2) - 1 for p in t.parameters]) for _ in range(PROBES)]
        torch.manual_seed(0)
        same(ours(np.stack(draws)).sum(dtype="float64"), np.mean(theirs()), 1e-3)

    return Sides(ours, theirs, check)


def exact_diagonal() -> Sides:
    import torch
    from backpack import backpack, extend
    from backpack.extensions import DiagHessian

    t = Twins("mlp")
    other, loss = extend(t.other), extend(torch.nn.CrossEntropyLoss())

    def theirs():
        other.zero_grad()
        with backpack(DiagHessian()):
            loss(other(t.tx), t.ty).backward()
        return [p.diag_h for p in t.parameters]

    def ours():
        return t.net.hessian_diagonal(t.theta, t.x, t.y)

    return Sides(ours, theirs, lambda: same(ours(), t.ours(theirs()), 1e-4))


def per_example(gram: bool) -> Sides:
    """torch.func: vmap of grad gives (n, d); its norms, or its product with itself."""
    import torch
    from torch.nn import functional as F

    t = Twins("mlp")
    point = {key: p.detach() for key, p in t.other.named_parameters()}

    def loss(parameters, x, y):
        return F.cross_entropy(torch.func.functional_call(t.other, parameters, (x[None],)), y[None])

    gradients = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))

    def theirs():
        parts = [g.reshape(len(g), -1) for g in gradients(point, t.tx, t.ty).values()]
        return sum(g @ g.T for g in parts) if gram else torch.sqrt(sum((g * g).sum(1) for g in parts))

    ask = t.net.gradient_gram if gram else t.net.gradient_norms

    def ours():
        return ask(t.theta, t.x, t.y)

    return Sides(ours, theirs, lambda: same(ours(), theirs(), 1e-4))


def rows() -> list[Row]:
    return [
        Row("exact Hv, MLP", "PyTorch double backward", 1.05, lambda: double_backward("mlp"), MKL),
        Row("exact Hv, LeNet", "PyTorch double backward", 1.1, lambda: double_backward("lenet"), COLUMNS),
        Row("exact Hv, MLP", "torch.func jvp of grad", 0.6, lambda: forward_over_reverse("mlp"), MKL),
        Row("exact Hv, LeNet", "torch.func jvp of grad", 1.1, lambda: forward_over_reverse("lenet"), COLUMNS),
        Row("8-probe Hutchinson diagonal, MLP", "PyHessian trace, 8 probes", 0.35, lambda: hutchinson("mlp"), PROBE),
        Row("exact Hessian diagonal, MLP", "BackPACK DiagHessian", 0.7, exact_diagonal, MKL),
        Row("gradient norms of 128 examples, MLP", "torch.func vmap(grad)", 0.05, lambda: per_example(False)),
        Row("their Gram matrix", "torch.func vmap(grad)", 0.05, lambda: per_example(True)),
    ]
