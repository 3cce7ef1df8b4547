"""A data set: inputs and targets on one device, and how they are scaled, augmented and split."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

import numpy as np

from minicrest.arguments import dense, number, one_of, shown, text, whole
from minicrest.backend import array_module, device_of, to_device, to_numpy
from minicrest.random import stream

GREY = "give grey images (n, h, w) as x[:, None]"


@dataclass(frozen=True, eq=False)
class Dataset:
    """n examples on one device, and perhaps a test and a validation part; checked when made (ValueError, TypeError).

    x          (n, ...) inputs: float32 or float64, or uint8 images (n, c, h, w); lists and DataFrames are converted
    y          (n,) integer or bool classes 0..C-1 (kept as int64), or (n, ...) float targets
    classes    a tuple of the C names; "0".."C-1" if none are given; () for float targets
    test, validation   parts with the same shape, kind of numbers, scale and shift, and no further classes
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
        text("the name of a data set", self.name)
        if not isinstance(self.classes, (tuple, list)) or not all(isinstance(name, str) for name in self.classes):
            raise TypeError(f"{self.name}: classes must be a tuple of names, got {shown(self.classes)}")
        if getattr(self.y, "dtype", np.dtype(float)).kind in "OSU":
            raise TypeError(f"{self.name}: y is text; give classes 0..C-1, as np.unique(y, return_inverse=True) does")
        arrays = ["x", "y", *(name for name in ("scale", "shift") if getattr(self, name) is not None)]
        fixed = {name: dense(f"{self.name}: {name}", getattr(self, name)) for name in arrays}
        fixed["augment"] = whole(f"{self.name}: augment", self.augment, 0)
        _check_arrays(fixed["x"], y := fixed["y"], self.name)
        if y.dtype.kind in "iub":
            fixed["y"] = y.astype("int64", copy=False)
            given = self.classes or (("0", "1") if y.dtype.kind == "b" else ())
            fixed["classes"] = _check_classes(fixed["y"], given, self.name)
        for name, value in fixed.items():
            object.__setattr__(self, name, value)
        _check_images(self)
        for part in [part for part in (self.test, self.validation) if part is not None]:
            _check_part(self, part)

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
        """The inputs (b, ...) of examples `i` (host indices; None: all), on the data's device; to be read only."""
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
        """The same data set on `device` with its parts; `optimum` stays on the host, where theory reads it."""
        held = {name: value for name, value in vars(self).items() if value is not None}
        moved = {a: to_device(held[a], device) for a in ("x", "y", "scale", "shift") if a in held}
        return replace(self, **moved, **{p: held[p].to(device) for p in ("test", "validation") if p in held})

    def split(self, fraction: float, seed: int) -> Dataset:
        """The data set with `fraction` of its examples, stratified, held out as `.validation`; no `optimum`."""
        return self._hold_out("validation", fraction, stream(whole("seed", seed), "validation"))

    def hold_out_test(self, fraction: float) -> Dataset:
        """The same for `.test`, and whatever the seed: so the scores of all seeds compare."""
        return self._hold_out("test", fraction, stream(0, "test part"))

    def take(self, i) -> Dataset:
        """The data set of the examples `i` (host indices, repeats allowed) and the same parts; no `optimum`."""
        return replace(self, x=self._rows(self.x, i), y=self._rows(self.y, i), optimum=None)

    def fingerprint(self) -> str:
        """A hash, 16 hex digits, of all that decides a result (the name does not); the same on every device."""
        digest = hashlib.blake2b(f"{self.augment} {self.classes}".encode(), digest_size=8)
        for array in (self.x, self.y, self.scale, self.shift):
            if array is not None:
                array = np.ascontiguousarray(to_numpy(array))
                digest.update(f"{array.shape} {array.dtype}".encode())
                digest.update(array.data)
            digest.update(b";")
        for part in (self.test, self.validation):
            digest.update(b"none;" if part is None else f"{part.fingerprint()};".encode())
        return digest.hexdigest()

    def _hold_out(self, part, fraction, rng):
        fraction, there = number("fraction", fraction, "[0, 1]"), getattr(self, part)
        if there is not None:
            raise ValueError(f"{self.name} has a {part} part of {len(there)} already; leave out {part}={fraction}")
        kept, held = stratified(to_numpy(self.y), fraction, rng)
        return replace(self.take(kept), **{part: replace(self.take(held), augment=0, test=None, validation=None)})

    def _rows(self, array, i):
        if i is None:
            return array
        i = dense("i, indices of examples,", i)
        if i.ndim != 1 or i.dtype.kind not in "iu" or (i.size and not 0 <= i.min() <= i.max() < len(array)):
            raise ValueError(f"i must be (b,) indices in 0..{len(array) - 1}, got {shown(i.tolist())} as {i.dtype}")
        return array[to_device(i, device_of(array))]

    def _float(self, x, dtype):
        one_of("dtype", str(dtype), ("float32", "float64"))
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


def stratified(y: np.ndarray, fraction: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Indices (kept, held) of y (n,), each ascending: round(fraction n) held, every class within one of its share.

    Float targets are one class. The only example of a class is always kept, and then n counts the others.
    """
    label = y if y.dtype.kind in "iub" else np.zeros(len(y))
    order = np.lexsort((rng.random(len(y)), label))  # by label, at random within it; held at equal steps
    _, inverse, sizes = np.unique(label, return_inverse=True, return_counts=True)
    order = order[(sizes[inverse] > 1)[order]]
    held = round(fraction * (n := len(order)))
    if not 0 < held < len(y):
        raise ValueError(f"fraction {fraction} of {n} examples leaves a part empty; choose one inside (0, 1)")
    chosen = np.sort(order[np.diff(np.arange(n + 1) * held // n) == 1])
    return np.setdiff1d(np.arange(len(y)), chosen), chosen


def _check_arrays(x, y, name):
    if 0 in (x.ndim, y.ndim):
        raise ValueError(f"{name}: {'y' if x.ndim else 'x'} is a single number; give arrays with a row an example")
    if len(x) != len(y) or len(x) == 0:
        raise ValueError(f"{name}: {len(x)} inputs and {len(y)} targets; give one target an input, and at least one")
    if x.ndim == 1 or 0 in x.shape:
        raise ValueError(f"{name}: x of shape {x.shape}; give each example at least one number, (n, 1) or more")
    if device_of(x) != device_of(y):
        raise ValueError(f"{name}: x is on {device_of(x)} and y on {device_of(y)}; move both with to_device")
    if str(x.dtype) not in ("float32", "float64", "uint8"):
        raise ValueError(f"{name}: x is {x.dtype}; give float32, float64 or uint8 images, as with x.astype('float32')")
    if x.dtype.kind == "u" and x.ndim != 4:
        raise ValueError(f"{name}: uint8 x of shape {x.shape}; reshape images to (n, c, h, w), or use float32; {GREY}")
    if x.ndim == 4 and x.shape[3] in (1, 3, 4) and min(x.shape[1:3]) > x.shape[3]:
        raise ValueError(f"{name}: x of shape {x.shape} has its channels last; give x.transpose(0, 3, 1, 2)")
    if y.ndim == 2 and y.shape[1] > 1 and bool(((y == 0) | (y == 1)).all()) and bool((y.sum(axis=1) == 1).all()):
        raise ValueError(f"{name}: y of shape {y.shape} is one-hot; give classes, as y.argmax(axis=1) does")
    if y.dtype.kind not in "iubf" or (y.dtype.kind != "f" and y.ndim != 1):
        raise ValueError(f"{name}: y is {y.dtype} of shape {y.shape}; give (n,) integer classes or float targets")
    for array, what in ((x, "x"), (y, "y")):
        if array.dtype.kind == "f" and not bool(array_module(array).isfinite(array).all()):
            raise ValueError(f"{name}: {what} holds NaN or infinity; remove or replace those examples")


def _check_classes(y, classes, name):
    """The class names, derived from y where there are none; labels are 0..C-1."""
    low, high = int(y.min()), int(y.max())
    remedy = "number them 0..C-1, as np.unique(y, return_inverse=True) does"
    if low < 0 or (low > 0 and not classes):
        raise ValueError(f"{name}: the labels are {low}..{high}; start them at 0: {remedy}")
    if high >= (len(classes) or len(y)):
        there = f"only {len(classes)} class names" if classes else f"only {len(y)} examples"
        raise ValueError(f"{name}: the labels are {low}..{high}, but there are {there}; {remedy}")
    return tuple(map(str, classes)) or tuple(str(k) for k in range(high + 1))


def _check_images(data):
    shapes = {name: getattr(getattr(data, name), "shape", None) for name in ("scale", "shift")}
    if set(shapes.values()) not in ({None}, {data.shape[:1]}):
        raise ValueError(f"{data.name}: give both scale and shift of shape {data.shape[:1]}, or neither; got {shapes}")
    if data.augment and data.x.ndim != 4:
        raise ValueError(f"{data.name}: augment={data.augment} takes images (n, c, h, w), x is {data.x.shape}; {GREY}")


def _check_part(data, part):
    if not isinstance(part, Dataset):
        raise TypeError(f"{data.name}: a test or validation part must be a Dataset, got {type(part).__name__}")
    both = part, data
    scales = [[a if a is None else to_numpy(a).tolist() for a in (d.scale, d.shift)] for d in both]
    if (part.y.dtype.kind == "f") != (data.y.dtype.kind == "f"):
        what, advice = [d.y.dtype for d in both], "give integer classes to both, as y.astype(int) does, or floats"
    elif part.shape != data.shape or part.n_classes > data.n_classes:
        what, advice = [f"examples of shape {d.shape} and {d.n_classes} classes" for d in both], "they must agree"
    elif part.x.dtype.kind != data.x.dtype.kind or scales[0] != scales[1]:
        what = [f"{d.x.dtype} x and scale and shift {s}" for d, s in zip(both, scales)]
        advice = "all x must be uint8 with one scale and shift, or all floats"
    else:
        return
    raise ValueError(f"{data.name}: a test or validation part has {what[0]}, the data set itself {what[1]}; {advice}")
