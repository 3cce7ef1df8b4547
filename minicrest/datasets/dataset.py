"""A data set: inputs, targets and what to do with them, on one device."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

import numpy as np

from minicrest.backend import array_module, device_of, to_device, to_numpy
from minicrest.random import stream


@dataclass(frozen=True, eq=False)
class Dataset:
    """n examples on one device, and perhaps a test and a validation part; checked when made (ValueError, TypeError).

    x          (n, ...) inputs: float32 or float64, or uint8 images (n, c, h, w)
    y          (n,) integer classes 0..C-1 (kept as int64), or (n, ...) float targets
    classes    the C names; "0".."C-1" if none are given; () for float targets
    scale, shift   (c,) or None: the float input is x * scale + shift, channel by channel
    augment    pixels of random shift for `augmented`, which also flips; 0 for never
    optimum    the flat theta that minimises the mean loss, where it is known (see `blobs`)
    """

    x: np.ndarray = field(repr=False)
    y: np.ndarray = field(repr=False)
    name: str = "custom"
    classes: tuple[str, ...] = field(default=(), repr=False)
    test: Dataset | None = None
    validation: Dataset | None = None
    scale: np.ndarray | None = field(default=None, repr=False)
    shift: np.ndarray | None = field(default=None, repr=False)
    augment: int = 0
    optimum: np.ndarray | None = field(default=None, repr=False)

    def __post_init__(self):
        _check_arrays(self.x, self.y, self.name)
        if self.y.dtype.kind in "iub":
            object.__setattr__(self, "y", self.y.astype("int64", copy=False))
            object.__setattr__(self, "classes", _check_classes(self.y, self.classes, self.name))
        _check_images(self)
        for part in (self.test, self.validation):
            if part is not None and (part.shape != self.shape or part.n_classes > self.n_classes):
                raise ValueError(
                    f"{self.name}: a test or validation part has examples of shape {part.shape} and {part.n_classes} "
                    f"classes, the data set itself {self.shape} and {self.n_classes}; they must agree"
                )

    def __len__(self) -> int:
        return len(self.x)

    @property
    def n_classes(self) -> int:
        """C, or 0 for float targets."""
        return len(self.classes)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        return tuple(self.x.shape[1:])

    def inputs(self, i=None, dtype="float32"):
        """The inputs of examples `i` (host int64 indices; None: all) as `dtype`, on the data set's device: (b, ...).

        Where nothing needs converting, inputs(None) is the stored array itself: read it, do not write to it.
        """
        return self._float(self._rows(self.x, i), dtype)

    def augmented(self, i, rng: np.random.Generator, dtype="float32"):
        """`inputs(i)`, each image shifted at random by up to `augment` pixels over black and flipped with p = 1/2.

        The draws are made by `rng` on the host (so every device sees the same images); none if `augment` is 0.
        """
        x = self._rows(self.x, i)
        return self._float(_crop_and_flip(x, self.augment, rng) if self.augment else x, dtype)

    def targets(self, i=None):
        """The targets of examples `i` (None: all), on the data set's device: (b,)."""
        return self._rows(self.y, i)

    def to(self, device: str) -> Dataset:
        """The same data set on `device`, its parts too; `optimum` stays on the host, where theory reads it."""
        moved = {a: to_device(getattr(self, a), device) for a in ("x", "y")}
        moved |= {a: to_device(getattr(self, a), device) for a in ("scale", "shift") if getattr(self, a) is not None}
        moved |= {p: getattr(self, p).to(device) for p in ("test", "validation") if getattr(self, p) is not None}
        return replace(self, **moved)

    def split(self, fraction: float, seed: int) -> Dataset:
        """The data set with `fraction` of its examples, stratified by class, held out as `.validation`.

        `optimum` is dropped: fewer examples have another minimiser. Raises ValueError if a part would be empty, or if
        there is a validation part already.
        """
        if self.validation is not None:
            raise ValueError(f"{self.name} has a validation part of {len(self.validation)} already; use that one")
        kept, held = stratified(to_numpy(self.y), fraction, stream(seed, "validation"))
        held_out = replace(self._part(held), augment=0, test=None)
        return replace(self._part(kept), validation=held_out)

    def fingerprint(self) -> str:
        """16 hex digits of the name, shapes, dtypes and bytes of x and y: the same on every device."""
        digest = hashlib.blake2b(self.name.encode(), digest_size=8)
        for array in (to_numpy(self.x), to_numpy(self.y)):
            digest.update(f"{array.shape} {array.dtype}".encode())
            digest.update(np.ascontiguousarray(array))
        return digest.hexdigest()

    def _part(self, i):
        return replace(self, x=self._rows(self.x, i), y=self._rows(self.y, i), optimum=None)

    def _rows(self, array, i):
        return array if i is None else array[to_device(i, device_of(array))]

    def _float(self, x, dtype):
        if self.scale is None:
            return x.astype(dtype, copy=False)
        per_channel = (-1,) + (1,) * (x.ndim - 2)  # (c, 1, 1)
        x = array_module(x).multiply(x, self.scale.astype(dtype).reshape(per_channel), dtype=dtype)
        x += self.shift.astype(dtype).reshape(per_channel)
        return x


def _crop_and_flip(x, pad, rng):
    """(n, c, h, w), zero-padded by `pad`, cut back to h by w at a random place, and mirrored with p = 1/2."""
    xp, (n, c, h, w) = array_module(x), x.shape
    top, left = (to_device(places, device_of(x)) for places in rng.integers(0, 2 * pad + 1, size=(2, n)))
    mirrored = to_device(np.flatnonzero(rng.random(n) < 0.5), device_of(x))
    padded = xp.zeros((n, c, h + 2 * pad, w + 2 * pad), dtype=x.dtype)
    padded[:, :, pad : pad + h, pad : pad + w] = x
    shape, (sn, sc, sh, sw) = (n, c, 2 * pad + 1, 2 * pad + 1, h, w), padded.strides
    windows = xp.lib.stride_tricks.as_strided(padded, shape, (sn, sc, sh, sw, sh, sw))  # at every top and left
    image = windows[xp.arange(n), :, top, left]
    image[mirrored] = image[mirrored][..., ::-1]
    return image


def stratified(y, fraction: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Indices (kept, held), each ascending: round(fraction n) are held, every class within one of its share.

    Examples are laid out class by class, shuffled within each, and held at equal steps. Float targets are one class.
    """
    n, held = len(y), round(fraction * len(y))
    if not 0 < held < n:
        raise ValueError(f"fraction {fraction} of {n} examples leaves a part empty; choose one inside (0, 1)")
    label = y if y.dtype.kind == "i" else np.zeros(n)
    order = np.lexsort((rng.random(n), label))  # by label, at random within it
    chosen = np.zeros(n, bool)
    chosen[order] = np.diff(np.arange(n + 1) * held // n) == 1
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def _check_arrays(x, y, name):
    for array, what in ((x, "x"), (y, "y")):
        if not hasattr(array, "dtype"):
            raise TypeError(f"{name}: {what} must be an array, got {type(array).__name__}; use np.asarray")
        if array.ndim == 0:
            raise ValueError(f"{name}: {what} is a single number; give an array with a row for each example")
    if len(x) != len(y) or len(x) == 0:
        raise ValueError(f"{name}: {len(x)} inputs and {len(y)} targets; give one target an input, and at least one")
    if device_of(x) != device_of(y):
        raise ValueError(f"{name}: x is on {device_of(x)} and y on {device_of(y)}; move both with to_device")
    if str(x.dtype) not in ("float32", "float64", "uint8"):
        raise ValueError(f"{name}: x is {x.dtype}; give float32, float64 or uint8 images, as with x.astype('float32')")
    if x.dtype.kind == "u" and x.ndim != 4:
        raise ValueError(f"{name}: uint8 x of shape {x.shape}; reshape images to (n, c, h, w), or convert to float32")
    if y.dtype.kind not in "iubf" or (y.dtype.kind != "f" and y.ndim != 1):
        raise ValueError(f"{name}: y is {y.dtype} of shape {y.shape}; give (n,) integer classes or float targets")
    for array, what in ((x, "x"), (y, "y")):
        if array.dtype.kind == "f" and not bool(array_module(array).isfinite(array).all()):
            raise ValueError(f"{name}: {what} holds NaN or infinity; remove or replace those examples")


def _check_classes(y, classes, name):
    """The class names, derived from y where there are none; labels are 0..C-1."""
    low, high = int(y.min()), int(y.max())
    if low < 0 or (low > 0 and not classes):
        raise ValueError(f"{name}: the labels are {low}..{high}; start them at 0 (np.unique, return_inverse)")
    if classes and high >= len(classes):
        raise ValueError(f"{name}: the labels are {low}..{high}, but there are only {len(classes)} class names")
    return tuple(classes) or tuple(str(k) for k in range(high + 1))


def _check_images(data):
    if (data.scale is None) != (data.shift is None):
        raise ValueError(f"{data.name}: give both scale and shift, or neither")
    c = data.shape[0] if data.shape else 0
    if data.scale is not None and (data.scale.shape != (c,) or data.shift.shape != (c,)):
        raise ValueError(f"{data.name}: scale {data.scale.shape} and shift {data.shift.shape} must both be ({c},)")
    if data.augment < 0 or (data.augment and data.x.ndim != 4):
        raise ValueError(f"{data.name}: augment={data.augment} for x {data.x.shape}; it takes images and pixels >= 0")
