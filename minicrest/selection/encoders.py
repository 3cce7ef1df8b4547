"""Fixed encoders: features without a network, for selection before training. Others can be given to `milo.prepare`."""

from __future__ import annotations

from minicrest.backend import array_module, device_of, to_device
from minicrest.random import stream

PART = 256  # images at a time
ENCODERS = ("raw", "pca", "convolutions")


def encode(name: str, x, seed: int = 0):
    """(n, d) features of the inputs x (n, ...) by the encoder called `name`, on the device of x."""
    return convolutions(x, seed=seed) if name == "convolutions" else {"raw": raw, "pca": pca}[name](x)


def raw(x):
    """(n, d) the inputs themselves, flat."""
    return x.reshape(len(x), -1)


def pca(x, components: int = 64):
    """(n, <= components) coordinates along the principal axes of x (n, ...), whose mean becomes 0. Time O(n d^2)."""
    xp, flat = array_module(x), raw(x)
    centred = flat - flat.mean(axis=0)
    axes = xp.linalg.eigh(centred.T @ centred)[1]  # (d, d), by ascending variance
    return centred @ axes[:, ::-1][:, :components]


def convolutions(x, filters: int = 128, size: int = 5, seed: int = 0):
    """(n, 4 filters) of images x (n, c, h, w): Gaussian filters of mean 0, norm 1; ReLU; means over the quadrants."""
    if x.ndim != 4 or min(x.shape[2:]) <= size:
        raise ValueError(f"convolutions need images (n, c, h, w) with h, w > {size}, got {x.shape}; use raw or pca")
    w = stream(seed, "encoder", "filters").standard_normal((filters, x.shape[1], size, size))
    w -= w.mean(axis=(1, 2, 3), keepdims=True)
    w /= (w * w).sum(axis=(1, 2, 3), keepdims=True) ** 0.5
    xp, w = array_module(x), to_device(w.astype(x.dtype), device_of(x))
    return xp.concatenate([_quadrants(xp, x[a : a + PART], w) for a in range(0, len(x), PART)])


def _quadrants(xp, x, w):
    """(b, 4 filters) mean responses of each quadrant."""
    windows = xp.lib.stride_tricks.sliding_window_view(x, w.shape[2:], axis=(2, 3))  # (b, c, h', w', s, s)
    responses = xp.maximum(xp.tensordot(windows, w, axes=([1, 4, 5], [1, 2, 3])), 0)  # (b, h', w', filters)
    h, v = responses.shape[1] // 2, responses.shape[2] // 2
    halves = [(slice(h), slice(h, None)), (slice(v), slice(v, None))]
    corners = [responses[:, rows, columns] for rows in halves[0] for columns in halves[1]]
    return xp.concatenate([corner.mean(axis=(1, 2)) for corner in corners], axis=1)
