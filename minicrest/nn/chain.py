"""Chains: a sequence of layers is a layer, and so is a residual block; the same four formulas, by the chain rule.

`backward` can keep the dy that reached each layer, in a tree like the caches, for `backward_tangent` and `per_example`.
"""

from collections.abc import Iterable

import numpy as np

from minicrest.arguments import shown
from minicrest.backend import array_module
from minicrest.nn.layer import Layer
from minicrest.threads import entrywise, one_blas_thread


class Composite(Layer):
    """A layer made of `layers`: w, statistics, caches and kept dy are theirs in a row. `simple`: all not composite."""

    composite = True

    def __init__(self, layers):
        self.layers = tuple(layers) if isinstance(layers, Iterable) else (layers,)
        for layer in self.layers:
            if not isinstance(layer, Layer) or layer is layers:
                raise TypeError(f"layers must be a list of Layer objects, as ReLU() is, got {shown(layers)}")
        self.parts = _slices([layer.size for layer in self.layers])
        self.marks = _slices([layer.statistics for layer in self.layers])
        self.size, self.statistics = (slices[-1].stop if slices else 0 for slices in (self.parts, self.marks))
        self.simple = [one for layer in self.layers for one in (layer.simple if layer.composite else [layer])]

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(map(repr, self.layers))})"

    def arguments_again(self) -> tuple:
        """What makes this chain again, for a checkpoint."""
        return (self.layers,)

    def initialize(self, rng) -> np.ndarray:
        return np.concatenate([np.zeros(0)] + [layer.initialize(rng) for layer in self.layers])

    def initial_statistics(self) -> np.ndarray:
        return np.concatenate([np.zeros(0)] + [layer.initial_statistics() for layer in self.layers])

    def batch_statistics(self, caches):
        parts = [(mark, layer.batch_statistics(cache)) for layer, mark, cache in zip(self.layers, self.marks, caches)
                 if layer.statistics]  # fmt: skip
        found = array_module(parts[0][1]).empty(self.statistics, dtype=parts[0][1].dtype)
        for mark, part in parts:
            found[mark] = part
        return found

    def cut(self, caches, rows):
        return [layer.cut(cache, rows) for layer, cache in zip(self.layers, caches)]

    def leaves(self, caches, kept, offset: int = 0):
        """(layer, slice of w, cache, dy (n, ...)) of each layer that `backward` reached and that is not composite."""
        for layer, part, cache, dy in zip(self.layers, self.parts, caches, kept):
            if layer.composite:
                yield from layer.leaves(cache, dy, offset + part.start)
            elif dy is not None:
                yield layer, slice(offset + part.start, offset + part.stop), cache, dy


def _slices(sizes) -> list:
    """Slices of these sizes in a row."""
    ends = np.cumsum([0, *sizes]).tolist()
    return [slice(a, b) for a, b in zip(ends, ends[1:])]


class Sequential(Composite):
    """layers[0], then layers[1], ...: y = f_L(... f_1(x; w_1) ...; w_L), w = (w_1, ..., w_L)."""

    def __init__(self, layers):
        super().__init__(layers)
        # the first layer that has parameters: without need_dx the way back ends there
        self.start = next((k for k, layer in enumerate(self.layers) if layer.size), len(self.layers))

    @one_blas_thread()
    def forward(self, w, x, stats=None):
        caches = []
        for layer, part, mark in zip(self.layers, self.parts, self.marks):
            x, cache = layer.forward(w[part], x, None if stats is None else stats[mark])
            caches.append(cache)
        return x, caches

    @one_blas_thread()
    def backward(self, w, caches, dy, dw=None, need_dx=True, kept=None):
        """dx (n, ...). `kept`, an empty list, receives the dy of each layer; of a composite one, its own such list."""
        if kept is not None:
            kept += [[] if layer.composite else None for layer in self.layers]
        for k in range(len(self.layers) - 1, -1 if need_dx else self.start - 1, -1):
            layer, part, below = self.layers[k], self.parts[k], need_dx or k > self.start
            rest = {"kept": kept[k]} if kept and layer.composite else {}
            if kept and not layer.composite:
                kept[k] = dy
            dy = layer.backward(w[part], caches[k], dy, None if dw is None else dw[part], below, **rest)
        return dy

    @one_blas_thread()
    def tangent(self, w, caches, Rw, Rx):
        Rcaches = []
        for layer, part, cache in zip(self.layers, self.parts, caches):
            still = Rx is None and layer.size == 0
            Rx, Rcache = (None, None) if still else layer.tangent(w[part], cache, Rw[part], Rx)
            Rcaches.append(Rcache)
        return Rx, Rcaches

    @one_blas_thread()
    def backward_tangent(self, w, caches, kept, Rw, Rcaches, Rdy, Rdw, need_dx=True):
        """Rdx (n, ...), and Rdw (size,); `kept` is the list that `backward` filled, in the place of dy."""
        for k in range(len(self.layers) - 1, -1 if need_dx else self.start - 1, -1):
            part, below = self.parts[k], need_dx or k > self.start
            rest = caches[k], kept[k], Rw[part], Rcaches[k], Rdy, Rdw[part], below
            Rdy = self.layers[k].backward_tangent(w[part], *rest)
        return Rdy


class Residual(Composite):
    """y = body(x) + shortcut(x) (He et al. 2016); an empty shortcut is the identity."""

    def __init__(self, body, shortcut=()):
        super().__init__([Sequential(body), Sequential(shortcut)])
        self.body, self.shortcut = self.layers

    def arguments_again(self) -> tuple:
        return self.body.layers, self.shortcut.layers

    def _halves(self, w):
        return (None, None) if w is None else [w[part] for part in self.parts]

    def forward(self, w, x, stats=None):
        halves = zip(self.layers, self._halves(w), [None if stats is None else stats[mark] for mark in self.marks])
        (y, cache), (z, skip) = (f.forward(part, x, mark) for f, part, mark in halves)
        return entrywise(array_module(y).add, y, z), [cache, skip]

    def backward(self, w, caches, dy, dw=None, need_dx=True, kept=None):
        if kept is not None:
            kept += [[], []]
        halves = zip(self.layers, self._halves(w), caches, self._halves(dw), kept or (None, None))
        dx, dz = (f.backward(part, cache, dy, dpart, need_dx, keep) for f, part, cache, dpart, keep in halves)
        return entrywise(array_module(dx).add, dx, dz) if need_dx else None

    def tangent(self, w, caches, Rw, Rx):
        halves = zip(self.layers, self._halves(w), caches, self._halves(Rw))
        (Ry, Rcache), (Rz, Rskip) = (f.tangent(part, cache, Rpart, Rx) for f, part, cache, Rpart in halves)
        return Ry if Rz is None else Rz if Ry is None else Ry + Rz, [Rcache, Rskip]

    def backward_tangent(self, w, caches, kept, Rw, Rcaches, Rdy, Rdw, need_dx=True):
        halves = zip(self.layers, self._halves(w), caches, kept, self._halves(Rw), Rcaches, self._halves(Rdw))
        Rdx, Rdz = (f.backward_tangent(*rest, Rdy, dpart, need_dx) for f, *rest, dpart in halves)
        return Rdx + Rdz if need_dx else None
