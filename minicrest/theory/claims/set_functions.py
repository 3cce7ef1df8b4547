"""Set functions: whether their gains fall or grow, by every chain of sets of six elements."""

from __future__ import annotations

import itertools
import math
from functools import partial

import numpy as np

from minicrest.submodular import DisparityMin, DisparitySum, GraphCut
from minicrest.theory import family_bounds as theory
from minicrest.theory.claims.base import Claim, Verdict
from minicrest.theory.claims.greedy import TOL, monotone, points
from minicrest.theory.claims.verdicts import exact, provided, seeds


def chains(n: int = 6):
    """Every (A, B, e) with A in B and e outside B."""
    for labels in itertools.product(range(3), repeat=n):  # in A and B, in B only, in neither
        A = [i for i, label in enumerate(labels) if label == 0]
        B = [i for i, label in enumerate(labels) if label < 2]
        yield from ((A, B, e) for e, label in enumerate(labels) if label == 2)


def growth(f) -> tuple[float, float]:
    """Smallest and largest of (f(B + e) - f(B)) - (f(A + e) - f(A)) over all chains: submodular if never positive."""
    values = {S: f.value(list(S)) for k in range(f.n + 1) for S in itertools.combinations(range(f.n), k)}

    def gain(S, e):
        return values[tuple(sorted([*S, e]))] - values[tuple(S)]

    changes = [gain(B, e) - gain(A, e) for A, B, e in chains(f.n)]
    return min(changes), max(changes)


def gains(stale: bool = False, salt: int = 0) -> Verdict:
    """Largest error of the gains kept step by step, for all sets of 6 and all five functions; stale: of a step ago."""
    worst = 0.0
    for f in (*monotone(salt, 6), *disparities(salt)):
        for S in itertools.chain.from_iterable(itertools.combinations(range(6), k) for k in range(6)):
            state, kept, rest = f.start(), f.gains(f.start(), np.arange(6)), np.delete(np.arange(6), S)
            for e in S[: len(S) - stale]:
                before, state = state, f.add(state, e)
                kept = f.refresh(kept, before, state, np.arange(6))
            true = np.array([f.value([*S, e]) - f.value(list(S)) for e in rest])
            worst = max(worst, *np.abs(f.gains(state, rest) - true), *np.abs(kept[rest] - true))
    return exact(TOL, worst)


def submodular(functions=None, salt: int = 0) -> Verdict:
    """The largest growth of a gain, over all chains of 6 elements and 5 problems."""
    functions = functions or cuts
    worst = max(growth(f)[1] for seed in seeds(5, salt) for f in functions(seed))
    return exact(TOL, worst)


def disparities(seed: int):
    """Disparity-sum and disparity-min of six points."""
    return DisparitySum(points(seed, 6)[1]), DisparityMin(points(seed, 6)[1])


def supermodular(functions=disparities, salt: int = 0) -> Verdict:
    """Disparity-sum's gains never fall; disparity-min's do both. measured: the largest fall of the first."""
    found = [[growth(f) for f in functions(seed)] for seed in seeds(5, salt)]
    worst = 0.0 - min(one[0][0] for one in found)
    both = all(one[1][0] < -TOL and one[1][1] > TOL for one in found)
    return Verdict(TOL, worst, bool(worst <= TOL and both))


def cuts(seed: int):
    """Functions that are submodular, monotone or not, of six points."""
    return (*monotone(seed, 6), GraphCut(np.exp(-points(seed, 6)[1]), 2.0))


def cut(lam: float = 0.5, salt: int = 0) -> Verdict:
    """The smallest gain of any element to any set, where all 6 are alike; the formula for the last one as well."""
    least, apart = math.inf, 0.0
    for seed in seeds(5, salt):
        s = np.exp(-points(seed, 6)[1] / 10)
        f = GraphCut(s, lam)
        for _, B, e in chains():
            gain = f.value([*B, e]) - f.value(B)
            least = min(least, gain)
            if len(B) == 5:
                apart = max(apart, abs(gain - theory.last_cut_gain(s, e, lam)))
    return provided(apart <= TOL, Verdict(0.0, least, bool(least >= -TOL), ">="))


CLAIMS = (
    Claim("set.gains", "gains kept step by step are f(S + e) - f(S): error", "definition; every set of 6",
          "none", gains, partial(gains, stale=True)),
    Claim("set.submodular", "facility location, graph cut, log-det: gains never grow", "definition; every chain of 6",
          "lam >= 0; log-det: s psd", submodular, partial(submodular, disparities)),
    Claim("set.supermodular", "disparity-sum: gains never fall; disparity-min: both", "definition; every chain of 6",
          "none", supermodular, partial(supermodular, lambda seed: monotone(seed, 6)[:2])),
    Claim("set.cut", "graph cut: no gain < 0 for lam <= 1/2", "derived",
          "s >= 0", cut, partial(cut, lam=0.6), direction=">="),
)  # fmt: skip
