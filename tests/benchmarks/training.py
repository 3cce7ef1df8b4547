"""The rows about a training step and its data: PyTorch eager, and transforms image by image, on the other side."""

from __future__ import annotations

import numpy as np

from minicrest.datasets.dataset import Dataset
from minicrest.optim import SGD
from minicrest.random import stream
from tests.benchmarks.peers import BATCH, Twins
from tests.benchmarks.side_by_side import MKL, Row, Sides, same

LR, MOMENTUM, DECAY = 0.01, 0.9, 5e-4
WHY = {  # what is known about targets that are not reached
    "mlp": MKL,
    "wide mlp": MKL,
    "lenet": "Products with 6 output channels leave most of BLAS's registers empty.",
    "resnet20": "Windows are copied before they are multiplied, where oneDNN convolves in place.",
}
THIN = {
    "mlp": "The forward pass and the optimiser are whole, and take more than half of a step; products with 32 rows run "
    "at three quarters of the speed of those with 128.",
    "lenet": "The forward pass is whole.",
    "resnet20": "Batch-norm couples the examples, so all of them go back, and all are billed.",
}
CROP = "What is left is to copy each image once and to normalise the batch."
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)  # of CIFAR-10's channels


def step(name: str, relative: float) -> Sides:
    """Forward, backward and SGD with momentum and decay; after one step from the same weights both moved alike."""
    import torch

    t = Twins(name)
    optimizer = SGD(LR, MOMENTUM, DECAY)
    state = optimizer.init(t.theta)
    other = torch.optim.SGD(t.parameters, LR, MOMENTUM, weight_decay=DECAY)

    def ours():
        optimizer.update(t.theta, t.net.step(t.theta, t.x, t.y).gradient, state)

    def theirs():
        other.zero_grad()
        t.loss().backward()
        other.step()

    def check():
        before = t.theta.copy()
        ours()
        theirs()
        same(t.theta - before, t.ours(t.parameters) - before, relative)

    return Sides(ours, theirs, check)


def thinned(name: str) -> Sides:
    """A step that goes back through a quarter of the batch, as thinning's does, and our own step on all of it."""
    t = Twins(name)
    optimizer = SGD(LR, MOMENTUM, DECAY)
    state, kept = optimizer.init(t.theta), np.zeros(BATCH)
    kept[stream(0, "benchmark", "kept").choice(BATCH, BATCH // 4, replace=False)] = 4

    def step(weights=None):
        optimizer.update(t.theta, t.net.step(t.theta, t.x, t.y, weights).gradient, state)

    def check():  # gradients are linear in the weights
        parts = [t.net.gradient(t.theta, t.x, t.y, weights) for weights in (kept, 4 - kept)]
        same(sum(parts), 4 * t.net.gradient(t.theta, t.x, t.y), 1e-4)

    return Sides(lambda: step(kept), step, check)


def transforms(images, draws):
    """RandomCrop(32, 4), RandomHorizontalFlip, ConvertImageDtype, Normalize as torchvision does them: image by image.

    The tensor operations of those transforms and no more, neither their checks nor their calls of each other.
    images (n, c, h, w) uint8; draws gives (top, left, flip) for an image.
    """
    import torch
    from torch.nn import functional as F

    done = []
    for image in images:
        top, left, flip = draws()
        image = F.pad(image, (4, 4, 4, 4))[:, top : top + 32, left : left + 32]
        image = image.flip(-1) if flip else image
        image = image.to(torch.float32).div(255).clone()  # Normalize leaves what it was given as it was
        mean, std = (torch.as_tensor(a, dtype=torch.float32)[:, None, None] for a in (MEAN, STD))
        done.append(image.sub_(mean).div_(std))
    return torch.stack(done)


def augmentation() -> Sides:
    import torch

    rng = stream(0, "benchmark", "images")
    x, y = rng.integers(0, 256, (1000, 3, 32, 32)).astype("uint8"), np.zeros(1000, int)
    mean, std = np.array(MEAN), np.array(STD)
    scale, shift = (1 / 255 / std).astype("float32"), (-mean / std).astype("float32")
    data, i = Dataset(x, y, scale=scale, shift=shift, augment=4), np.arange(BATCH)
    images = torch.from_numpy(x[:BATCH])

    def random():
        top, left = (torch.randint(0, 9, size=(1,)).item() for _ in range(2))
        return top, left, torch.rand(1) < 0.5

    def check():
        again = stream(1, "benchmark")
        top, left = again.integers(0, 9, size=(2, BATCH))
        flip = again.random(BATCH) < 0.5
        draws = iter(zip(top.tolist(), left.tolist(), flip.tolist()))
        same(data.augmented(i, stream(1, "benchmark")), transforms(images, lambda: next(draws)), 1e-6)

    return Sides(lambda: data.augmented(i, rng), lambda: transforms(images, random), check)


def rows() -> list[Row]:
    """Float32 sums in another order: 1e-4 of a step; twenty layers with batch-norm amplify that to some 1e-3."""
    steps = [("MLP 784-512-256-10", "mlp", 1.0, 1e-4), ("MLP 3072-1024-512-10", "wide mlp", 1.05, 1e-4),
             ("LeNet", "lenet", 0.95, 1e-4), ("ResNet-20", "resnet20", 1.1, 1e-2)]  # fmt: skip
    found = [Row(f"{title} training step", "PyTorch eager", target, lambda a=name, e=e: step(a, e), WHY.get(name, ""))
             for title, name, target, e in steps]  # fmt: skip
    for title, name, target in (("MLP", "mlp", 0.6), ("LeNet", "lenet", 0.55), ("ResNet-20", "resnet20", 1.0)):
        work, peer = f"thinning's step, {title}, r = {BATCH}, a quarter kept", f"our own step of {BATCH}"
        found.append(Row(work, peer, target, lambda a=name: thinned(a), THIN[name]))
    peer = "torchvision-style transforms, image by image"
    return found + [Row("crop, flip and normalise a batch of 128", peer, 0.1, augmentation, CROP)]


