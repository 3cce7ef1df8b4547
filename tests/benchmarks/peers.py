"""PyTorch's side of the networks: the same architectures, with the same weights."""

from __future__ import annotations

import numpy as np

BATCH = 128


def _torch_networks():
    """The twins that the parity tests use; ImportError where PyTorch is not installed."""
    import torch  # noqa: F401  (test_torch_parity would skip, which is for pytest alone)

    from tests.unit.nn import test_torch_parity

    return test_torch_parity


def torch_mlp(sizes):
    from torch import nn

    layers = [nn.Flatten()]
    for i, o in zip(sizes, sizes[1:]):
        layers += [nn.Linear(i, o), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def networks(name: str):
    """(our network, PyTorch's, shape of x) of "mlp", "wide mlp", "lenet" or "resnet20"."""
    from minicrest.nn import lenet, mlp, resnet20

    twins = _torch_networks()
    if name == "lenet":
        return lenet((1, 28, 28)), twins.torch_lenet(1, 5, 2), (1, 28, 28)
    if name == "resnet20":
        return resnet20(), twins.torch_resnet20(3), (3, 32, 32)
    sizes = {"mlp": (784, 512, 256, 10), "wide mlp": (3072, 1024, 512, 10)}[name]
    return mlp(sizes), torch_mlp(sizes), sizes[:1]


class Twins:
    """One of our networks and PyTorch's with the same float32 weights, and a batch for both."""

    def __init__(self, name: str, batch: int = BATCH):
        import torch

        from minicrest.random import stream

        self.net, self.other, shape = networks(name)
        self.theta, rng = self.net.initialize(0), stream(0, "benchmark", name)
        self.x = rng.standard_normal((batch, *shape)).astype("float32")
        self.y = rng.integers(0, 10, batch)
        self.tx, self.ty = torch.from_numpy(self.x), torch.from_numpy(self.y)
        self.parameters = list(self.other.parameters())
        self.write(self.theta)

    def write(self, theta) -> None:
        import torch

        with torch.no_grad():
            for p, value in zip(self.parameters, self.theirs(theta)):
                p.copy_(value)

    def theirs(self, theta):
        """Our flat vector as PyTorch's tensors."""
        return _torch_networks().theirs(theta, self.parameters)

    def ours(self, tensors) -> np.ndarray:
        """PyTorch's tensors as our flat vector."""
        return _torch_networks().flat(tensors)

    def loss(self):
        from torch.nn import functional as F

        return F.cross_entropy(self.other(self.tx), self.ty)
