"""Pooling: the maximum or mean of each window, from k*k views of the images, one for each place in a window."""

from dataclasses import dataclass

from minicrest.arguments import whole
from minicrest.backend import array_module
from minicrest.nn.layer import Layer, LinearMap
from minicrest.nn.rows import blank, places, take
from minicrest.threads import by_pieces, channels_last, pieces


@dataclass(frozen=True)
class MaxPool2d(Layer):
    """y = the largest x in each window, among equals the first in reading order: given these winners, it is linear."""

    kernel: int = 2
    stride: int | None = None  # None: the kernel, so that windows do not overlap
    piecewise_linear = True

    def __post_init__(self):
        whole("kernel of MaxPool2d", self.kernel, 1, 16)  # 16 x 16 places: the winner's is stored in a byte
        if self.stride is not None:
            self._positive("stride")

    def forward(self, w, x, stats=None):
        xp = array_module(x)
        views = _shifts(x, self.kernel, self.stride)
        y, winner = xp.empty_like(views[0]), xp.zeros_like(views[0], dtype="uint8")

        def work(y, winner, first, *others):
            y[...] = first
            for place, view in enumerate(others, 1):
                view = view.copy(order="K")  # side by side in memory, as it is read twice
                xp.maximum(winner, (view > y).view("uint8") * place, out=winner)  # places grow: the last rise wins
                xp.maximum(y, view, out=y)  # unlike `where`, it lets a NaN through

        by_pieces(work, *map(channels_last, (y, winner, *views)), slices=pieces(x))
        return y, (winner, x.shape)

    def backward(self, w, cache, dy, dw=None, need_dx=True):
        winner, shape = cache
        dx = blank(dy, shape)

        def work(dy, winner, *views):
            for place, view in enumerate(views):
                if (self.stride or self.kernel) < self.kernel:
                    view += dy * (winner == place)
                else:  # windows do not meet: written once, without a sum
                    array_module(dy).multiply(dy, winner == place, out=view)

        views = _shifts(dx, self.kernel, self.stride)
        by_pieces(work, *map(channels_last, (dy, winner, *views)), slices=pieces(dx))
        return dx

    def tangent(self, w, cache, Rw, Rx):
        views = _shifts(Rx, self.kernel, self.stride)
        return sum(view * (cache[0] == place) for place, view in enumerate(views)), None

    def cut(self, cache, rows):
        winner, shape = cache
        return take(winner, rows), (len(rows), *shape[1:])


@dataclass(frozen=True)
class AvgPool2d(LinearMap):
    """y = the mean of x over each window; kernel None takes the whole image (global pooling). Linear."""

    kernel: int | None = None
    stride: int | None = None  # None: the kernel

    def __post_init__(self):
        self._positive(*(name for name in ("kernel", "stride") if getattr(self, name) is not None))

    def forward(self, w, x, stats=None):
        if self.kernel is None:
            _check_images(x, 1)
            return x.mean((2, 3), keepdims=True), x.shape
        return sum(_shifts(x, self.kernel, self.stride)) / self.kernel**2, x.shape

    def backward(self, w, shape, dy, dw=None, need_dx=True):
        dx = blank(dy, shape)
        for view in [dx] if self.kernel is None else _shifts(dx, self.kernel, self.stride):
            view += dy / (self.kernel**2 if self.kernel else shape[2] * shape[3])
        return dx


def _check_images(x, k: int) -> None:
    if x.ndim != 4:
        raise ValueError(f"pooling needs images x of shape (n, c, h, w), got {x.shape}")
    if min(x.shape[2:]) < k:
        raise ValueError(f"a pooling window of {k} x {k} does not fit an image of {x.shape[2]} x {x.shape[3]}")


def _shifts(x, k: int, stride: int | None):
    """The k*k views of x (n, c, h, w) that hold the first, second, ... pixel of every window, (n, c, ho, wo) each."""
    _check_images(x, k)
    stride = stride or k
    last_h, last_w = ((places(side, k, stride) - 1) * stride + 1 for side in x.shape[2:])
    return [x[:, :, a : a + last_h : stride, b : b + last_w : stride] for a in range(k) for b in range(k)]
