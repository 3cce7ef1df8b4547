"""The rows about choosing a coreset: submodlib and apricot on the other side."""

from __future__ import annotations

import time
import tracemalloc

import numpy as np

from minicrest.random import stream
from minicrest.submodular import SetFunction, facility_location, stochastic_greedy
from tests.benchmarks.side_by_side import Measured, Row, Sides

SIZES = [(500, 128, 5, 0.4, 0.12), (1000, 128, 1, 0.3, 0.1), (5000, 500, 1, 0.1, 0.05), (10000, 1000, 1, 0.08, 0.05)]
CALLS = "Rounds on few points are some twenty calls of NumPy each, and these take longer than the arithmetic."
PAGES = "400 MB of distances come from the system page by page; the peer's are there before its clock starts."
ROUNDS = "Two fifths of the time go into distances, the rest into 500 rounds of some twenty calls of NumPy each."
WHY = {500: CALLS, 1000: CALLS, 10000: PAGES}  # what is known about targets that are not always reached
BLOCK = 1 << 18  # distances at a time
PEER = dict(optimizer="LazyGreedy", stopIfZeroGain=False, stopIfNegativeGain=False, show_progress=False)


def features(n: int, problems: int = 1, d: int = 10):
    return stream(0, "benchmark", n).standard_normal((problems, n, d)).astype("float32")


def distances(x):
    """(n, n) float32."""
    x = x.astype("float64")
    square = (x * x).sum(1)
    return np.sqrt(np.maximum(square[:, None] + square - 2 * x @ x.T, 0)).astype("float32")


def value(x, chosen) -> float:
    """F = sum_i (c - min_j d_ij), c the largest distance."""
    d = distances(x)
    return float((d.max() - d[:, chosen].min(1)).sum(dtype="float64"))


def equal(x, found, expected, slack: float) -> None:
    """Greedy may part at ties and rounding, and then go on differently: values of F agree, not lists."""
    ours, theirs = (sum(value(part, one) for part, one in zip(x, lists)) for lists in (found, expected))
    assert ours >= theirs * (1 - slack), f"F of ours {ours}, of the peer's {theirs}"


def given_similarity(n: int, k: int, problems: int) -> Sides:
    """submodlib starts from s = max d - d, made before the clock starts; ours from the features."""
    from submodlib import FacilityLocationFunction

    x = features(n, problems)
    similarity = [(d.max() - d) for d in map(distances, x)]

    def theirs():
        functions = [FacilityLocationFunction(n=n, mode="dense", separate_rep=False, sijs=s) for s in similarity]
        return [[e for e, _ in f.maximize(budget=k, **PEER)] for f in functions]

    def check():
        equal(x, facility_location(x, k).indices, theirs(), 1e-6)  # rounding of float32

    return Sides(lambda: facility_location(x, k), theirs, check)


def given_features(n: int, k: int, problems: int) -> Sides:
    """submodlib starts from the features too; its kernel is 1/(1 + d) there, so its objective is another one."""
    from submodlib import FacilityLocationFunction

    x = features(n, problems)

    def one(part):
        f = FacilityLocationFunction(n=n, mode="dense", separate_rep=False, data=part, metric="euclidean")
        return [e for e, _ in f.maximize(budget=k, **PEER)]

    def check():
        equal(x, facility_location(x, k).indices, [one(part) for part in x], 1e-3)  # it maximises something else

    return Sides(lambda: facility_location(x, k), lambda: [one(part) for part in x], check)


def per_class(n: int, k: int, classes: int = 10) -> Sides:
    """apricot's lazy greedy on each class, from its own dense kernel of max d^2 - d^2."""
    from apricot import FacilityLocationSelection

    x, labels = features(n)[0], np.arange(n) % classes

    def theirs():
        parts = [np.flatnonzero(labels == c) for c in range(classes)]
        return np.concatenate([
            i[FacilityLocationSelection(k // classes, metric="euclidean", optimizer="lazy").fit(x[i]).ranking]
            for i in parts
        ])  # fmt: skip

    def check():
        chosen, peer = facility_location(x, k, labels).indices, theirs()
        assert len(set(chosen.tolist())) == len(set(peer.tolist())) == k
        for c in range(classes):  # squares are another objective: close, and not better than ours in ours
            one, other = ([i[labels[i] == c] // classes] for i in (chosen, peer))
            equal([x[labels == c]], one, other, 1e-3)

    return Sides(lambda: facility_location(x, k, labels), theirs, check)


def craig(peer: str, classes: int = 10, size: int = 5000, k: int = 500) -> Sides:
    """CRAIG's problem on CIFAR-10: ours solves every class, the peer the first."""
    x, labels = features(classes * size)[0], np.arange(classes * size) % classes
    first = x[labels == 0]

    def theirs():
        if peer == "apricot":
            from apricot import FacilityLocationSelection

            return FacilityLocationSelection(k, metric="euclidean", optimizer="lazy").fit(first).ranking
        from submodlib import FacilityLocationFunction

        f = FacilityLocationFunction(n=size, mode="dense", separate_rep=False, data=first, metric="euclidean")
        return [e for e, _ in f.maximize(budget=k, **PEER)]

    def ours():
        return facility_location(x, classes * k, labels).indices

    def check():
        chosen = ours()
        equal([first], [chosen[labels[chosen] == 0] // classes], [theirs()], 1e-3)  # they maximise something else

    return Sides(ours, theirs, check)


def craig_once(peer: str) -> Measured:
    """The same for a peer that takes minutes: each side once."""
    times = []
    for side in craig(peer)[:2]:
        start = time.perf_counter()
        side()
        times.append(time.perf_counter() - start)
    ours, theirs = times[0], 10 * times[1]
    return Measured(ours / theirs, ours, theirs, 1)


def rows() -> list[Row]:
    found = []
    for n, k, problems, first, second in SIZES:
        name = f"features to coreset ({n}, {k})" + (f" x {problems}" if problems > 1 else "")
        for given, target, make in (("similarity", first, given_similarity), ("features", second, given_features)):
            peer = f"submodlib LazyGreedy, given the {given}"
            found.append(Row(name, peer, target, lambda a=(n, k, problems), f=make: f(*a), WHY.get(n, "")))
    name = "the same per class, 10 classes (5000, 500)"
    found.append(Row(name, "apricot lazy", 0.05, lambda: per_class(5000, 500)))
    name, part = "per class (50000, 5000), 10 classes (CRAIG on CIFAR-10)", "one class, times ten"
    peer = f"submodlib LazyGreedy, given the features, {part}"
    found.append(Row(name, peer, 0.05, lambda: craig("submodlib"), parts=10))
    return [*found, Row(name, f"apricot lazy, {part}", 0.05, lambda: craig_once("apricot"), ROUNDS)]


def matrix_free(n: int = 100_000, k: int = 100) -> str:
    """A line about what no peer can run: n x n distances would not fit, so there is no ratio."""
    x = features(n)[0]
    exact, took = cost(lambda: facility_location(x, k))
    dense, F = 4 * n * n / 1e9, exact.gains.sum()
    c = (F + far(x, exact.indices)) / n  # the largest distance
    others = []
    for name, choose in (("stochastic greedy, eps = 0.1", stochastic), ("GreeDi on 10 parts", parts_first)):
        start = time.perf_counter()
        chosen = choose(x, k)
        seconds, rest = time.perf_counter() - start, far(x, chosen)
        others.append(f"{name}: {seconds:.0f} s, {1 - (n * c - rest) / F:.2%} less of the objective, "
                      f"points {rest / (n * c - F) - 1:.2%} further from their medoids")  # fmt: skip
    return (f"matrix-free ({n}, {k}): {took} beside the features; "
            f"apricot and submodlib cannot run it (their float32 kernel alone takes {dense:.0f} GB). Approximations "
            f"beside it: {'; '.join(others)}.")  # fmt: skip


def memory_per_class(n: int = 50_000, k: int = 5000, classes: int = 10) -> str:
    """A line about the memory of CRAIG's problem on CIFAR-10."""
    x, labels = features(n)[0], np.arange(n) % classes
    _, took = cost(lambda: facility_location(x, k, labels))
    return (f"per class ({n}, {k}), {classes} classes: {took} beside the features, one class at a time; all {n} x {n} "
            f"distances would take {4 * n * n / 1e9:.0f} GB")  # fmt: skip


def cost(call):
    """What `call` returns, and "seconds within memory", which a second call measures, because tracing it takes time."""
    start = time.perf_counter()
    result = call()
    seconds = time.perf_counter() - start
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return result, f"{seconds:.3g} s within {peak / 1e6:.0f} MB"


def blocks(x, chosen, size: int = 1024):
    """Distances (m, k) of the points x (n, d), some at a time, to x[chosen], and the slice of points they belong to."""
    one = (x * x).sum(1)
    for a in range(0, len(x), size):
        here = slice(a, a + size)
        square = one[here, None] + one[chosen] - 2 * (x[here] @ x[chosen].T)
        yield np.sqrt(np.maximum(square, 0, out=square), out=square), here


def far(x, chosen) -> float:
    """sum_i min_j d_ij, over the chosen j: what facility location makes small."""
    return float(sum(d.min(1).sum(dtype="float64") for d, _ in blocks(x, chosen)))


class FromPoints(SetFunction):
    """Facility location of points, in float32, without their distances: all that stochastic greedy asks for."""

    submodular = True

    def __init__(self, x):
        self.x, self.n = x - x.mean(0), len(x)

    def start(self):
        return np.full(self.n, 2 * np.sqrt((self.x * self.x).sum(1).max()))  # no distance is larger

    def add(self, state, e):
        return np.minimum(state, np.concatenate([d[:, 0] for d, _ in blocks(self.x, [e])]))

    def gains(self, state, elements):
        total = np.zeros(len(elements))
        for d, here in blocks(self.x, elements, max(1, BLOCK // len(elements))):
            np.minimum(d, state[here, None], out=d)
            total += state[here].sum(dtype="float64") - d.sum(0)
        return total


def stochastic(x, k: int):
    return stochastic_greedy(FromPoints(x), k).indices


def parts_first(x, k: int, parts: int = 10):
    """GreeDi with parts that know their own points only: greedy on each, then on the union for all points."""
    cut = np.array_split(stream(0, "benchmark", "greedi").permutation(len(x)), parts)
    union = np.concatenate([part[facility_location(x[part], k).indices] for part in cut])
    f, chosen = FromPoints(x), []
    state, gains = f.start(), np.full(len(union), np.inf)
    for t in range(k):  # lazy: gains of earlier rounds are bounds
        fresh = np.zeros(len(union), bool)
        while not fresh[best := int(gains.argmax())]:
            some = np.argsort(-gains)[: 16 if t else len(union)]
            some = some[~fresh[some]]
            gains[some], fresh[some] = f.gains(state, union[some]), True
        chosen.append(union[best])
        state, gains[best] = f.add(state, union[best]), -1
    return np.array(chosen)
