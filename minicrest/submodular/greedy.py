"""Greedy maximisers of set functions, exact and reproducible: equal gains go to the lowest element."""

from __future__ import annotations

import heapq
import math
from typing import NamedTuple

import numpy as np

from minicrest.arguments import number, one_of, shown, whole
from minicrest.random import stream

BACKENDS = ("loky", "threading", "multiprocessing", "dask")


class Selection(NamedTuple):
    """What a maximiser chose, in the order of its choices."""

    indices: np.ndarray  # (k,) int64
    gains: np.ndarray  # (k,) float64, f(S + e) - f(S) at the moment of the choice


def greedy(f, k) -> Selection:
    """The element of largest gain, k times: at least (1 - 1/e) OPT if f is monotone and submodular (Nemhauser 1978).

    k >= n gives all elements in order. Raises ValueError for gains that are not finite.

    >>> from minicrest.submodular import FacilityLocation
    >>> greedy(FacilityLocation(np.array([[1.0, 0.9, 0.1], [0.9, 1.0, 0.1], [0.1, 0.1, 1.0]])), 2).indices
    array([0, 2])
    """
    return _greedy(f, _size(f, k), np.arange(f.n))


def _greedy(f, size, elements):
    """`greedy` that may choose only from `elements`, ascending."""
    state, taken, chosen, won = f.start(), np.zeros(len(elements), bool), [], []
    gains = f.gains(state, elements)
    for _ in range(min(size, len(elements))):
        best = int(np.where(taken, -np.inf, gains).argmax())  # the lowest index among equals
        chosen.append(elements[best].item())
        won.append(gains[best])
        taken[best] = True
        before, state = state, f.add(state, chosen[-1])
        gains = f.refresh(gains, before, state, elements)
    return _selection(chosen, won)


def lazy_greedy(f, k) -> Selection:
    """The list of `greedy` for a submodular f, from fewer evaluations: earlier gains bound later ones (Minoux 1978)."""
    size = _size(f, k)
    if not f.submodular:
        raise ValueError(f"{type(f).__name__} is not submodular, so old gains bound nothing: use greedy")
    state, chosen, won = f.start(), [], []
    heap = [(-gain, e, 0) for e, gain in enumerate(f.gains(state, np.arange(f.n)).tolist())]  # and the bound's round
    heapq.heapify(heap)
    for t in range(size):
        while heap[0][2] < t:
            e = heap[0][1]
            heapq.heapreplace(heap, (-float(f.gains(state, np.array([e]))[0]), e, t))
        gain, e, _ = heapq.heappop(heap)
        state = f.add(state, e)
        chosen.append(e)
        won.append(-gain)
    return _selection(chosen, won)


def stochastic_greedy(f, k, eps=0.1, seed=0) -> Selection:
    """Each time the best of ceil((n/k) ln(1/eps)) random elements: n ln(1/eps) evaluations in all, whatever k.

    In expectation at least (1 - 1/e - eps) OPT for a monotone submodular f (Mirzasoleiman et al. 2015, Theorem 1).
    """
    size, eps, seed = _size(f, k), number("eps", eps, "(0, 1)"), whole("seed", seed)
    state, chosen, won = f.start(), [], []
    sample, rest = math.ceil(-f.n / size * math.log(eps)), np.arange(f.n)
    for step in range(size):
        rng = stream(seed, "stochastic greedy", step)
        elements = np.sort(rng.choice(rest, min(sample, len(rest)), replace=False))
        gains = f.gains(state, elements)
        best = gains.argmax()
        chosen.append(int(elements[best]))
        won.append(gains[best])
        state, rest = f.add(state, chosen[-1]), rest[rest != chosen[-1]]
    return _selection(chosen, won)


def greedi(f, k, parts, seed=0, backend=None) -> Selection:
    """Greedy on each of `parts` random parts, then on the union of their choices (GreeDi, Mirzasoleiman et al. 2016).

    Returns the better of the union's solution and the best part's, valued by the full f: a part limits what may be
    chosen, not what counts. So for a monotone submodular f it is at least (1 - 1/e) OPT / min(parts, k).
    backend: where parts run: None (here, in turn) or one of joblib's BACKENDS, "dask" with a client.
    """
    size, parts, seed = _size(f, k), whole("parts", parts, 1, f.n), whole("seed", seed)
    cut = [np.sort(part) for part in np.array_split(stream(seed, "greedi").permutation(f.n), parts)]
    if backend is None:
        local = [_greedy(f, size, part) for part in cut]
    else:
        from joblib import Parallel, delayed, parallel_config

        one_of("backend", backend, BACKENDS)
        with parallel_config(backend, n_jobs=parts):  # which, unlike Parallel(backend=...), knows dask
            local = Parallel()(delayed(_greedy)(f, size, part) for part in cut)
    merged = _greedy(f, size, np.sort(np.concatenate([one.indices for one in local])))
    return max([merged, *local], key=lambda one: f.value(one.indices))


def _size(f, k):
    if not hasattr(f, "gains"):
        raise TypeError(f"f must be a set function, as FacilityLocation(similarity) is one, got {shown(f)}")
    return min(whole("k", k, 1), f.n)


def _selection(chosen, won):
    if not np.isfinite(won).all():
        raise ValueError(f"a gain is {won[np.flatnonzero(~np.isfinite(won))[0]]}: scale the similarities or lam down")
    return Selection(np.array(chosen, np.int64), np.array(won, np.float64))
