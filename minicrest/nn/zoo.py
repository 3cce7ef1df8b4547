"""Three networks: a multi-layer perceptron, LeNet-5 and the ResNets of the CIFAR papers, among them ResNet-20."""

from dataclasses import dataclass

from minicrest.arguments import shown, whole
from minicrest.nn.chain import Residual
from minicrest.nn.conv import Conv2d
from minicrest.nn.layer import Layer, LinearMap
from minicrest.nn.layers import Flatten, Linear, ReLU
from minicrest.nn.losses import SoftmaxCrossEntropy
from minicrest.nn.network import Network
from minicrest.nn.norm import BatchNorm2d
from minicrest.nn.pool import AvgPool2d, MaxPool2d
from minicrest.nn.rows import blank


def mlp(sizes, activation=ReLU, loss=SoftmaxCrossEntropy()) -> Network:
    """Flatten, then Linear layers of the sizes (inputs, hidden..., C), `activation` between: (n, ...) to (n, C).

    >>> mlp((64, 32, 10)).size  # 64 * 32 + 32 + 32 * 10 + 10 parameters
    2410
    """
    sizes = _whole_numbers("sizes (inputs, hidden..., outputs)", sizes)
    if not callable(activation):
        raise TypeError(f"activation must be a class of layers, as ReLU is, got {shown(activation)}")
    layers: list[Layer] = [Flatten()]
    for i, o in zip(sizes, sizes[1:]):
        layers += [Linear(i, o), activation()]
    return Network(layers[:-1], loss)


def lenet(shape=(1, 28, 28), classes: int = 10, loss=SoftmaxCrossEntropy()) -> Network:
    """LeNet-5 (LeCun et al. 1998) in its modern form: 5 x 5 windows, max pooling, then ReLU (they commute, and pooled
    images are a quarter as large); shape is (c, h, w).

    Images below 32 x 32 (and from 12 x 12 on) are padded by 2: MNIST's 28 x 28 become the original's 32 x 32.
    """
    c, h, w = _whole_numbers("shape (c, h, w)", shape, 3)
    padding = 2 if min(h, w) < 32 else 0
    side = [((s + 2 * padding - 4) // 2 - 4) // 2 for s in (h, w)]
    if min(side) < 1:
        raise ValueError(f"lenet needs images of at least 12 x 12 pixels, got shape {(c, h, w)}")
    return Network([
        Conv2d(c, 6, 5, padding=padding), MaxPool2d(2), ReLU(), Conv2d(6, 16, 5), MaxPool2d(2), ReLU(), Flatten(),
        Linear(16 * side[0] * side[1], 120), ReLU(), Linear(120, 84), ReLU(), Linear(84, whole("classes", classes, 1)),
    ], loss)  # fmt: skip


def resnet20(shape=(3, 32, 32), classes: int = 10, loss=SoftmaxCrossEntropy()) -> Network:
    """`resnet` of depth 20: 0.27M parameters."""
    return resnet(20, shape, classes, loss)


def resnet(depth: int, shape=(3, 32, 32), classes: int = 10, loss=SoftmaxCrossEntropy()) -> Network:
    """The ResNet of depth 6 k + 2 for CIFAR (He et al. 2016, section 4.2): 3 stages of k blocks, 16, 32, 64 channels.

    Where a stage doubles the channels the shortcut is every second pixel, and zeros for the new ones ("option A").
    """
    if whole("depth", depth, 8) % 6 != 2:
        raise ValueError(f"depth must be 8, 14, 20 or another 6 k + 2, got {depth}")
    c, _, _ = _whole_numbers("shape (c, h, w)", shape, 3)
    layers: list[Layer] = [Conv2d(c, 16, padding=1, bias=False), BatchNorm2d(16), ReLU()]
    widths = [16, *[width for width in (16, 32, 64) for _ in range(depth // 6)]]
    for c, o in zip(widths, widths[1:]):
        body = [Conv2d(c, o, stride=o // c, padding=1, bias=False), BatchNorm2d(o), ReLU(),
                Conv2d(o, o, padding=1, bias=False), BatchNorm2d(o)]  # fmt: skip
        layers += [Residual(body, [] if c == o else [Subsample(o // c, o - c)]), ReLU()]
    return Network([*layers, AvgPool2d(), Flatten(), Linear(64, whole("classes", classes, 1))], loss)


def _whole_numbers(name: str, values, count: int | None = None) -> tuple[int, ...]:
    values = tuple(values) if hasattr(values, "__iter__") and not isinstance(values, str) else (values,)
    if len(values) != count and (count or len(values) < 2):
        raise ValueError(f"{name} must be {count or 'two or more'} whole numbers, got {shown(values)}")
    return tuple(whole(f"each number in {name}", value, 1) for value in values)


@dataclass(frozen=True)
class Subsample(LinearMap):
    """y = every `stride`-th pixel of x, followed by `extra` channels of zeros. Linear, no parameters."""

    stride: int
    extra: int

    def __post_init__(self):
        self._positive("stride")
        whole("extra of Subsample", self.extra, 0)

    def forward(self, w, x, stats=None):
        every = x[:, :, :: self.stride, :: self.stride]
        y = blank(x, (len(x), x.shape[1] + self.extra, *every.shape[2:]))
        y[:, : x.shape[1]] = every
        return y, x.shape

    def backward(self, w, shape, dy, dw=None, need_dx=True):
        dx = blank(dy, shape)
        dx[:, :, :: self.stride, :: self.stride] = dy[:, : shape[1]]
        return dx
