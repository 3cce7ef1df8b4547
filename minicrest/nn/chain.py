"""Chains: a sequence of layers is a layer, and so is a residual block; the same four formulas, by the chain rule.

A chain's `w` is one flat vector, and every layer gets its own part of it. `backward` can keep the dy that reached each
layer, in a tree shaped like the caches: that is all that `backward_tangent` and the per-example formulas need besides
the caches.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from contextlib import nullcontext

import numpy as np

from minicrest.arguments import shown
from minicrest.backend import array_module
from minicrest.nn.layer import Layer
from minicrest.threads import one_blas_thread


def _with_threads(formula):
    """A chain that convolves takes BLAS's threads for itself (see threads.py); any other leaves them to BLAS."""

    @functools.wraps(formula)
    def _decorated(self, w, *arguments, **options):
        with one_blas_thread() if self.convolves and array_module(w) is np else nullcontext():
            return formula(self, w, *arguments, **options)

    return _decorated


class Composite(Layer):
    """A layer made of `layers`; w, the statistics, caches and kept dy are theirs in a row, each a list with one entry a
    layer (of a composite layer: its own list).  Raises TypeError for what is no Layer.
    """

    composite = True

    def __init__(self, layers):
        self.layers = tuple(layers) if isinstance(layers, Iterable) else (layers,)
        for layer in self.layers:
            if not isinstance(layer, Layer) or layer is layers:
                raise TypeError(f"layers must be a list of Layer objects, as ReLU() is, got {shown(layers)}")
        ends = np.cumsum([0] + [layer.size for layer in self.layers])
        marks = np.cumsum([0] + [layer.statistics for layer in self.layers])
        self.parts = [slice(int(a), int(b)) for a, b in zip(ends, ends[1:])]
        self.marks = [slice(int(a), int(b)) for a, b in zip(marks, marks[1:])]
        self.size, self.statistics = int(ends[-1]), int(marks[-1])
        self.convolves = any(layer.convolves for layer in self.layers)

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(map(repr, self.layers))})"

    @property
    def outputs(self) -> int | None:
        """The `outputs` of the last layer that states them: C, if the chain gives logits; None if no layer does."""
        stated = [getattr(layer, "outputs", None) for layer in self.layers]
        return next((outputs for outputs in reversed(stated) if outputs is not None), None)

    def arguments_again(self) -> tuple:
        """What makes this chain again, for a checkpoint."""
        return (self.layers,)

    def initialize(self, rng) -> np.ndarray:
        return np.concatenate([np.zeros(0)] + [layer.initialize(rng) for layer in self.layers])

    def initial_statistics(self) -> np.ndarray:
        return np.concatenate([np.zeros(0)] + [layer.initial_statistics() for layer in self.layers])

    def batch_statistics(self, caches):
        parts = [layer.batch_statistics(cache) for layer, cache in zip(self.layers, caches) if layer.statistics]
        return array_module(*parts).concatenate(parts)

    def cut(self, caches, rows):
        return [layer.cut(cache, rows) for layer, cache in zip(self.layers, caches)]

    def leaves(self, caches, kept, offset: int = 0):
        """(layer, slice of w, cache, dy) of every layer that `backward` reached and that is not composite itself."""
        for layer, part, cache, dy in zip(self.layers, self.parts, caches, kept):
            if layer.composite:
                yield from layer.leaves(cache, dy, offset + part.start)
            elif dy is not None:
                yield layer, slice(offset + part.start, offset + part.stop), cache, dy


class Sequential(Composite):
    """layers[0], then layers[1], ...: y = f_L(... f_1(x; w_1) ...; w_L), w = (w_1, ..., w_L)."""

    def __init__(self, layers):
        super().__init__(layers)
        self.start = next((k for k, layer in enumerate(self.layers) if layer.size), len(self.layers))

    @_with_threads
    def forward(self, w, x, stats=None):
        caches = []
        for layer, part, mark in zip(self.layers, self.parts, self.marks):
            x, cache = layer.forward(w[part], x, None if stats is None else stats[mark])
            caches.append(cache)
        return x, caches

    @_with_threads
    def backward(self, w, caches, dy, dw=None, need_dx=True, kept=None):
        """`kept`, an empty list, receives the dy that reached each layer; for a composite layer, its own such list."""
        if kept is not None:
            kept += [[] if layer.composite else None for layer in self.layers]
        for k in range(len(self.layers) - 1, -1, -1):
            if k < self.start and not need_dx:  # nothing below has parameters
                break
            layer, part, rest = self.layers[k], self.parts[k], {}
            if kept is not None and layer.composite:
                rest = {"kept": kept[k]}
            elif kept is not None:
                kept[k] = dy
            below = need_dx or k > self.start
            dy = layer.backward(w[part], caches[k], dy, None if dw is None else dw[part], below, **rest)
        return dy

    @_with_threads
    def tangent(self, w, caches, Rw, Rx):
        Rcaches = []
        for layer, part, cache in zip(self.layers, self.parts, caches):
            if Rx is None and layer.size == 0:
                Rcaches.append(None)
                continue
            Rx, Rcache = layer.tangent(w[part], cache, Rw[part], Rx)
            Rcaches.append(Rcache)
        return Rx, Rcaches

    @_with_threads
    def backward_tangent(self, w, caches, kept, Rw, Rcaches, Rdy, Rdw, need_dx=True):
        """`kept` is the list that `backward` filled, in the place of dy."""
        for k in range(len(self.layers) - 1, -1, -1):
            if k < self.start and not need_dx:
                break
            layer, part = self.layers[k], self.parts[k]
            below = need_dx or k > self.start
            Rdy = layer.backward_tangent(w[part], caches[k], kept[k], Rw[part], Rcaches[k], Rdy, Rdw[part], below)
        return Rdy


class Residual(Composite):
    """y = body(x) + shortcut(x) (He et al. 2016); an empty shortcut is the identity."""

    def __init__(self, body, shortcut=()):
        super().__init__([Sequential(body), Sequential(shortcut)])
        self.body, self.shortcut = self.layers

    def arguments_again(self) -> tuple:
        """What makes this block again, for a checkpoint."""
        return self.body.layers, self.shortcut.layers

    def _halves(self, w):
        return (None, None) if w is None else [w[part] for part in self.parts]

    def forward(self, w, x, stats=None):
        body, shortcut = self._halves(w)
        halves = [None if stats is None else stats[mark] for mark in self.marks]
        y, cache = self.body.forward(body, x, halves[0])
        z, skip = self.shortcut.forward(shortcut, x, halves[1])
        return y + z, [cache, skip]

    def backward(self, w, caches, dy, dw=None, need_dx=True, kept=None):
        (body, shortcut), (dbody, dshortcut) = self._halves(w), self._halves(dw)
        if kept is not None:
            kept += [[], []]
        dx = self.body.backward(body, caches[0], dy, dbody, need_dx, kept and kept[0])
        dz = self.shortcut.backward(shortcut, caches[1], dy, dshortcut, need_dx, kept and kept[1])
        return dx + dz if need_dx else None

    def tangent(self, w, caches, Rw, Rx):
        (body, shortcut), (Rbody, Rshortcut) = self._halves(w), self._halves(Rw)
        Ry, Rcache = self.body.tangent(body, caches[0], Rbody, Rx)
        Rz, Rskip = self.shortcut.tangent(shortcut, caches[1], Rshortcut, Rx)
        return Ry if Rz is None else Rz if Ry is None else Ry + Rz, [Rcache, Rskip]

    def backward_tangent(self, w, caches, kept, Rw, Rcaches, Rdy, Rdw, need_dx=True):
        halves = zip(self.layers, self._halves(w), caches, kept, self._halves(Rw), Rcaches, self._halves(Rdw))
        Rdx, Rdz = (f.backward_tangent(*rest, Rdy, dpart, need_dx) for f, *rest, dpart in halves)
        return Rdx + Rdz if need_dx else None
