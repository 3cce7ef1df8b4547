"""Chains: a sequence of layers is a layer, and so is a residual block; the same four formulas, by the chain rule.

A chain's `w` is one flat vector, and every layer sees its own part of it. `backward` can keep the dy that reached each
layer (in a list, last layer first): that is all that `backward_tangent` and the per-example formulas need besides the
caches.
"""

from __future__ import annotations

import functools
from contextlib import nullcontext

import numpy as np

from minicrest.backend import array_module
from minicrest.nn.conv import Conv2d
from minicrest.threads import one_blas_thread


def _with_threads(formula):
    """A chain that convolves takes BLAS's threads for itself (see threads.py); any other leaves them where they are."""

    @functools.wraps(formula)
    def _decorated(self, w, *arguments, **options):
        with one_blas_thread() if self.convolves and array_module(w) is np else nullcontext():
            return formula(self, w, *arguments, **options)

    return _decorated


class Sequential:
    """layers[0], then layers[1], ...: y = f_L(... f_1(x; w_1) ...; w_L), w = (w_1, ..., w_L)."""

    def __init__(self, layers):
        self.layers = tuple(layers)
        ends = np.cumsum([0] + [layer.size for layer in self.layers])
        marks = np.cumsum([0] + [layer.statistics for layer in self.layers])
        self.parts = [slice(int(a), int(b)) for a, b in zip(ends, ends[1:])]
        self.marks = [slice(int(a), int(b)) for a, b in zip(marks, marks[1:])]
        self.size, self.statistics = int(ends[-1]), int(marks[-1])
        self.convolves = any(getattr(layer, "convolves", isinstance(layer, Conv2d)) for layer in self.layers)
        self.start = next((k for k, layer in enumerate(self.layers) if layer.size), len(self.layers))

    def __repr__(self):
        return f"Sequential({', '.join(map(repr, self.layers))})"

    def arguments_again(self) -> tuple:
        """What makes this chain again, for a checkpoint."""
        return (self.layers,)

    def initialize(self, rng) -> np.ndarray:
        return np.concatenate([np.zeros(0)] + [layer.initialize(rng) for layer in self.layers if layer.size])

    @_with_threads
    def forward(self, w, x, stats=None):
        caches = []
        for layer, part, mark in zip(self.layers, self.parts, self.marks):
            x, cache = layer.forward(w[part], x, None if stats is None else stats[mark])
            caches.append(cache)
        return x, caches

    @_with_threads
    def backward(self, w, caches, dy, dw=None, need_dx=True, kept=None):
        """`kept`, a list, gets the dy of every leaf layer, last first."""
        for k in range(len(self.layers) - 1, -1, -1):
            if k < self.start and not need_dx:  # nothing below has parameters
                break
            layer, part = self.layers[k], self.parts[k]
            below = need_dx or k > self.start
            rest = {"kept": kept} if is_chain(layer) else {}
            if kept is not None and not is_chain(layer):
                kept.append(dy)
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
        """`kept` is an iterator over what `backward` kept: the dy of each leaf, last first."""
        for k in range(len(self.layers) - 1, -1, -1):
            if k < self.start and not need_dx:
                break
            layer, part = self.layers[k], self.parts[k]
            dy = kept if is_chain(layer) else next(kept)
            below = need_dx or k > self.start
            Rdy = layer.backward_tangent(w[part], caches[k], dy, Rw[part], Rcaches[k], Rdy, Rdw[part], below)
        return Rdy

    def leaves(self, caches, offset: int = 0, need_dx: bool = False):
        """(layer, slice of w, cache) of every leaf that `backward` visits, in the order of `kept`."""
        for k in range(len(self.layers) - 1, -1 if need_dx else self.start - 1, -1):
            layer, part = self.layers[k], self.parts[k]
            if is_chain(layer):
                yield from layer.leaves(caches[k], offset + part.start, need_dx or k > self.start)
            else:
                yield layer, slice(offset + part.start, offset + part.stop), caches[k]

    def batch_statistics(self, caches):
        """(statistics,) what every batch-norm layer saw in training mode, in the order of the running statistics."""
        found = [
            layer.batch_statistics(cache) for layer, cache in zip(self.layers, caches) if layer.statistics
        ]
        return array_module(*found).concatenate(found)


class Residual:
    """y = body(x) + shortcut(x) (He et al. 2016); an empty shortcut is the identity."""

    def __init__(self, body, shortcut=()):
        self.body, self.shortcut = Sequential(body), Sequential(shortcut)
        self.size = self.body.size + self.shortcut.size
        self.statistics = self.body.statistics + self.shortcut.statistics
        self.convolves = self.body.convolves or self.shortcut.convolves

    def __repr__(self):
        return f"Residual({self.body!r}, {self.shortcut!r})"

    def arguments_again(self) -> tuple:
        """What makes this block again, for a checkpoint."""
        return self.body.layers, self.shortcut.layers

    def _halves(self, w):
        return (None, None) if w is None else (w[: self.body.size], w[self.body.size :])

    def initialize(self, rng) -> np.ndarray:
        return np.concatenate([self.body.initialize(rng), self.shortcut.initialize(rng)])

    def forward(self, w, x, stats=None):
        body, shortcut = self._halves(w)
        middle = self.body.statistics
        y, cache = self.body.forward(body, x, None if stats is None else stats[:middle])
        z, skip = self.shortcut.forward(shortcut, x, None if stats is None else stats[middle:])
        return y + z, (cache, skip)

    def backward(self, w, caches, dy, dw=None, need_dx=True, kept=None):
        (body, shortcut), (dbody, dshortcut) = self._halves(w), self._halves(dw)
        dx = self.body.backward(body, caches[0], dy, dbody, need_dx, kept)
        dz = self.shortcut.backward(shortcut, caches[1], dy, dshortcut, need_dx, kept)
        return dx + dz if need_dx else None

    def tangent(self, w, caches, Rw, Rx):
        (body, shortcut), (Rbody, Rshortcut) = self._halves(w), self._halves(Rw)
        Ry, Rcache = self.body.tangent(body, caches[0], Rbody, Rx)
        Rz, Rskip = self.shortcut.tangent(shortcut, caches[1], Rshortcut, Rx)
        return Ry if Rz is None else Rz if Ry is None else Ry + Rz, (Rcache, Rskip)

    def backward_tangent(self, w, caches, kept, Rw, Rcaches, Rdy, Rdw, need_dx=True):
        (body, shortcut), (Rbody, Rshortcut), (dbody, dshortcut) = map(self._halves, (w, Rw, Rdw))
        Rdx = self.body.backward_tangent(body, caches[0], kept, Rbody, Rcaches[0], Rdy, dbody, need_dx)
        Rdz = self.shortcut.backward_tangent(shortcut, caches[1], kept, Rshortcut, Rcaches[1], Rdy, dshortcut, need_dx)
        return Rdx + Rdz if need_dx else None

    def leaves(self, caches, offset: int = 0, need_dx: bool = False):
        yield from self.body.leaves(caches[0], offset, need_dx)
        yield from self.shortcut.leaves(caches[1], offset + self.body.size, need_dx)

    def batch_statistics(self, caches):
        parts = [(self.body, caches[0]), (self.shortcut, caches[1])]
        found = [chain.batch_statistics(cache) for chain, cache in parts if chain.statistics]
        return array_module(*found).concatenate(found)


def is_chain(layer) -> bool:
    return isinstance(layer, (Sequential, Residual))
