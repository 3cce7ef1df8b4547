"""The rows about choosing a coreset: submodlib and apricot on the other side."""

from __future__ import annotations

import numpy as np

from minicrest.random import stream
from minicrest.submodular import facility_location
from tests.benchmarks.side_by_side import Row, Sides

SIZES = [(500, 128, 5, 0.4, 0.12), (1000, 128, 1, 0.3, 0.1), (5000, 500, 1, 0.1, 0.05), (10000, 1000, 1, 0.08, 0.05)]
CALLS = "Rounds on few points are some twenty calls of NumPy each, and these take longer than the arithmetic."
PAGES = "400 MB of distances come from the system page by page; the peer's are there before its clock starts."
WHY = {500: CALLS, 1000: CALLS, 10000: PAGES}  # what is known about targets that are not always reached
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


def rows() -> list[Row]:
    found = []
    for n, k, problems, first, second in SIZES:
        name = f"features to coreset ({n}, {k})" + (f" x {problems}" if problems > 1 else "")
        for given, target, make in (("similarity", first, given_similarity), ("features", second, given_features)):
            peer = f"submodlib LazyGreedy, given the {given}"
            found.append(Row(name, peer, target, lambda a=(n, k, problems), f=make: f(*a), WHY.get(n, "")))
    name = "the same per class, 10 classes (5000, 500)"
    return [*found, Row(name, "apricot lazy", 0.05, lambda: per_class(5000, 500))]


def matrix_free(n: int = 100_000, k: int = 100) -> str:
    """A line about what no peer can run: n x n distances would not fit, so there is no ratio."""
    import time
    import tracemalloc

    x = features(n)[0]
    start = time.perf_counter()
    facility_location(x, k)
    seconds = time.perf_counter() - start
    tracemalloc.start()
    facility_location(x, 2)  # its memory does not depend on k, and tracing slows it down
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    dense = 4 * n * n / 1e9
    return (f"matrix-free ({n}, {k}): {seconds:.0f} s within {peak / 1e6:.0f} MB beside the features; apricot and "
            f"submodlib cannot run it (their float32 kernel alone takes {dense:.0f} GB)")  # fmt: skip
