"""The same networks in PyTorch, with the same weights: its automatic derivatives are the second opinion on ours."""

import numpy as np
import pytest

from minicrest.backend import to_device, to_numpy
from minicrest.nn import (
    GeneralizedCrossEntropy,
    LogisticLoss,
    SoftmaxCrossEntropy,
    SquaredError,
    Tanh,
    lenet,
    mlp,
    resnet,
    resnet20,
)
from minicrest.random import stream
from tests.unit.nn.naive_layers import relative_error

torch = pytest.importorskip("torch", reason="the second opinion is PyTorch's, which the dev extra brings")
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

SAME = 1e-9  # both are float64 and exact; twenty layers with batch-norm amplify rounding by some 1e4
CLASSES, N = 10, 4


class Block(nn.Module):
    """Two convolutions and the parameter-free shortcut: every second pixel, zeros for the new channels."""

    def __init__(self, c, o):
        super().__init__()
        self.extra, self.stride = o - c, o // c
        self.conv1, self.bn1 = nn.Conv2d(c, o, 3, self.stride, 1, bias=False), nn.BatchNorm2d(o)
        self.conv2, self.bn2 = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.extra)))


def torch_resnet20(c, blocks=3):
    widths = [16] * (1 + blocks) + [32] * blocks + [64] * blocks
    blocks = [Block(a, b) for a, b in zip(widths, widths[1:])]
    first = [nn.Conv2d(c, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    return nn.Sequential(*first, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, CLASSES))


def torch_lenet(c, side, padding):
    return nn.Sequential(
        nn.Conv2d(c, 6, 5, 1, padding), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(16 * side * side, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(),
        nn.Linear(84, CLASSES),
    )  # fmt: skip


def torch_mlp(outputs, activation):
    return nn.Sequential(
        nn.Flatten(), nn.Linear(12, 8), activation(), nn.Linear(8, 7), activation(), nn.Linear(7, outputs)
    )


def softmax(z, y):
    return F.cross_entropy(z, y, reduction="none")


def generalized(z, y):
    return (1 - z.softmax(1)[torch.arange(len(y)), y] ** 0.7) / 0.7


def logistic(z, y):
    return F.binary_cross_entropy_with_logits(z[:, 0], y.to(z.dtype), reduction="none")


def squared(z, y):
    return ((z - F.one_hot(y, CLASSES)) ** 2).sum(1) / 2


NETS = {  # ours, PyTorch's, the loss there, the shape of x, number of labels
    "lenet 28": lambda: (lenet(loss=SoftmaxCrossEntropy(0.01)), torch_lenet(1, 5, 2), softmax, (1, 28, 28), CLASSES),
    "lenet 32": lambda: (lenet((3, 32, 32)), torch_lenet(3, 5, 0), softmax, (3, 32, 32), CLASSES),
    "resnet20": lambda: (
        resnet20((3, 16, 16), loss=SoftmaxCrossEntropy(0.01)), torch_resnet20(3), softmax, (3, 16, 16), CLASSES,
    ),
    "resnet8": lambda: (resnet(8, (3, 8, 8)), torch_resnet20(3, 1), softmax, (3, 8, 8), CLASSES),
    "resnet20 odd": lambda: (resnet20((1, 13, 11)), torch_resnet20(1), softmax, (1, 13, 11), CLASSES),
    "mlp": lambda: (mlp((12, 8, 7, CLASSES)), torch_mlp(CLASSES, nn.ReLU), softmax, (3, 2, 2), CLASSES),
    "mlp, generalized": lambda: (
        mlp((12, 8, CLASSES), Tanh, GeneralizedCrossEntropy(0.7, 0.1)),
        nn.Sequential(nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, CLASSES)), generalized, (12,), CLASSES,
    ),
    "mlp tanh, squared": lambda: (
        mlp((12, 8, 7, CLASSES), Tanh, SquaredError(0.1)), torch_mlp(CLASSES, nn.Tanh), squared, (12,), CLASSES,
    ),
    "mlp, logistic": lambda: (mlp((12, 8, 7, 1), loss=LogisticLoss(0.1)), torch_mlp(1, nn.ReLU), logistic, (12,), 2),
}  # fmt: skip


def ours(tensor):
    """A parameter in our layout, flat: W (i, o) for Linear, (kh, kw, c, o) for Conv2d."""
    order = {4: (2, 3, 1, 0), 2: (1, 0), 1: (0,)}[tensor.dim()]
    return tensor.detach().permute(order).reshape(-1).numpy()


def theirs(theta, like):
    """The flat `theta` as tensors shaped and ordered like PyTorch's parameters."""
    found, start = [], 0
    for p in like:
        order, back = {4: ((2, 3, 1, 0), (3, 2, 0, 1)), 2: ((1, 0), (1, 0)), 1: ((0,), (0,))}[p.dim()]
        part = theta[start : start + p.numel()].reshape([p.shape[k] for k in order])
        found.append(torch.from_numpy(np.ascontiguousarray(part.transpose(back))))
        start += p.numel()
    assert start == theta.size
    return found


def flat(tensors):
    return np.concatenate([ours(t) for t in tensors])


def set_running(other, stats):
    """`stats` into PyTorch's batch-norm layers; they share our order: mean, then variance, layer by layer."""
    start = 0
    for layer in other.modules():
        if isinstance(layer, nn.BatchNorm2d):
            c = layer.num_features
            layer.running_mean.copy_(torch.from_numpy(stats[start : start + c]))
            layer.running_var.copy_(torch.from_numpy(stats[start + c : start + 2 * c]))
            start += 2 * c


def get_running(other):
    layers = [layer for layer in other.modules() if isinstance(layer, nn.BatchNorm2d)]
    found = [a.numpy() for layer in layers for a in (layer.running_mean, layer.running_var)]
    return np.concatenate([np.zeros(0), *found])


def derivatives(net, other, loss, host):
    """Logits, losses, gradient and Hessian-vector product by PyTorch, the latter by differentiating twice."""
    _, x, y, weights, v, _ = host
    parameters = list(other.parameters())
    z = other(torch.from_numpy(x))
    square = sum((p**2).sum() for p in parameters)
    losses = loss(z, torch.from_numpy(y)) + net.loss.l2 / 2 * square
    gradient = torch.autograd.grad((torch.from_numpy(weights) * losses).mean(), parameters, create_graph=True)
    along = sum((g * d).sum() for g, d in zip(gradient, theirs(v, parameters)))
    return z.detach().numpy(), losses.detach().numpy(), flat(gradient), flat(torch.autograd.grad(along, parameters))


@pytest.fixture(params=[(name, mode) for name in NETS for mode in ("train", "eval")], ids=" ".join, scope="module")
def pair(request):
    """Ours, PyTorch's with the same weights, (theta, x, y, weights, v, stats), the mode, and PyTorch's results."""
    name, mode = request.param
    net, other, loss, shape, labels = NETS[name]()
    rng, other = stream(5, "torch", name), other.double().train(mode == "train")
    theta = net.initialize(2, "float64")
    theta = theta + 0.05 * rng.standard_normal(theta.shape)  # biases and batch-norm parameters off 0 and 1
    x, y = rng.standard_normal((N, *shape)), rng.integers(0, labels, N)
    weights, v, stats = rng.uniform(0.5, 2, N), rng.standard_normal(theta.shape), rng.uniform(0.5, 2, net.statistics)
    with torch.no_grad():
        set_running(other, stats)
        for p, value in zip(other.parameters(), theirs(theta, list(other.parameters()))):
            p.copy_(value)
    host = theta, x, y, weights, v, stats
    return net, other, host, mode, derivatives(net, other, loss, host)


def test_outputs_losses_gradient_and_hvp(pair, device):
    net, _, host, mode, (z, losses, gradient, product) = pair
    theta, x, y, weights, v, stats = (to_device(a, device) for a in host)
    stats = None if mode == "train" else stats
    step = net.step(theta, x, y, weights, stats)
    assert relative_error(to_numpy(step.logits), z) < SAME
    assert relative_error(to_numpy(step.losses), losses) < SAME
    assert relative_error(to_numpy(step.gradient), gradient) < SAME
    assert relative_error(to_numpy(net.hvp(theta, x, y, v, weights, stats)), product) < SAME


def test_sizes_and_running_statistics(pair):
    """PyTorch: running <- 0.9 running + 0.1 (mean, unbiased variance) of the batch, in training mode alone."""
    net, other, (theta, x, y, _, _, stats), mode, _ = pair
    assert net.size == sum(p.numel() for p in other.parameters())
    assert net.statistics == stats.size
    seen = net.step(theta, x, y).statistics if net.statistics and mode == "train" else stats
    assert relative_error(get_running(other), 0.9 * stats + 0.1 * seen) < SAME
