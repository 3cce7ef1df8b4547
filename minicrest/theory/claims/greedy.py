"""Greedy maximisers: their guarantees, by brute force."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from minicrest.random import stream
from minicrest.submodular import (
    DisparityMin,
    DisparitySum,
    FacilityLocation,
    GraphCut,
    LogDeterminant,
    facility_location,
    greedi,
    greedy,
    lazy_greedy,
    stochastic_greedy,
)
from minicrest.theory import family_bounds as theory
from minicrest.theory.check import tightest
from minicrest.theory.claims.base import Claim, Verdict, check_bound
from minicrest.theory.claims.chance import LEAST, least_p
from minicrest.theory.claims.pools import subsets
from minicrest.theory.claims.verdicts import exact, provided, seeds

TOL = 1e-9  # relative: float64 sums of some hundred terms
N, K = 10, 3


def points(seed: int, n: int = N):
    """(n, 3) normal points, and their distances (n, n)."""
    x = stream(seed, "claims", "greedy").standard_normal((n, 3))
    return x, np.linalg.norm(x[:, None] - x, axis=2)


def monotone(seed: int, n: int = N):
    """A facility location, a graph cut and a log-determinant, all monotone, on the same points."""
    d = points(seed, n)[1]
    s = np.exp(-d)  # positive definite
    return FacilityLocation(d.max() - d), GraphCut(s, 0.5), LogDeterminant(s, 1.0)


def optimum(f, k: int = K) -> float:
    """The largest value of any k elements."""
    return max(f.value(S) for S in subsets(f.n, k))


def ratio(f, found, k: int = K) -> float:
    """The part of the optimum that a list of elements reaches."""
    return f.value(found.indices) / optimum(f, k)


# ---- maximisers


def coverage(k: int) -> FacilityLocation:
    """Weighted coverage on which greedy does its worst: k sets that share all out, and k that greedy takes first.

    k^2 cells (i, j) of weight (k - 1)^(j - 1) k^(k - j), and k cells (i, rest) of weight (k - 1)^k: the last k sets are
    the rows i, of weight k^k each; the first are the columns j. Column j is worth as much as what the columns before it
    leave of any row, and ties go to the lower index: k columns cover 1 - (1 - 1/k)^k of all.
    """
    columns = np.array([(k - 1.0) ** (j - 1) * k ** (k - j) for j in range(1, k + 1)])
    weight = np.tile(np.append(columns, (k - 1.0) ** k), (k, 1))  # (rows, cells)
    sets = [np.zeros((k, k + 1)) for _ in range(2 * k)]
    for i in range(k):
        sets[i][:, i], sets[k + i][i] = weight[:, i], weight[i]
    none = [np.zeros((k, k + 1))] * (k * (k + 1) - len(sets))  # as many elements as cells
    return FacilityLocation(np.array([one.ravel() for one in sets + none]).T)


def ranked(f, k: int, place: int = 0) -> list[int]:
    """k elements, each of the gain in that place: 0 is greedy itself, 1 takes the second best."""
    state, chosen = f.start(), list[int]()
    for _ in range(k):
        gains = f.gains(state, np.arange(f.n))
        gains[chosen] = -np.inf
        chosen.append(int(np.argsort(-gains, kind="stable")[place]))
        state = f.add(state, chosen[-1])
    return chosen


def guarantee(place: int = 0, salt: int = 0) -> Verdict:
    """The least of (part of OPT reached) / (1 - (1 - 1/k)^k): 1 is reached by the coverage problems, and by k = 1.

    place: 1 takes the second best element each time.
    """
    problems = [(f, k) for seed in seeds(10, salt) for f in monotone(seed) for k in (1, 2, 3, 4)]
    problems += [(coverage(k), k) for k in (2, 3, 4)]
    worst = math.inf
    for f, k in problems:
        chosen = list(greedy(f, k).indices) if place == 0 else ranked(f, k, place)
        worst = min(worst, f.value(chosen) / optimum(f, k) / (1 - (1 - 1 / k) ** k))
    return exact(1.0, worst, ">=")


class Forged(DisparityMin):
    """Disparity-min that says of itself what it is not."""

    submodular = True


def lazy(forged: bool = False, salt: int = 0) -> Verdict:
    """Lists of lazy greedy that differ from greedy's, of 60."""
    problems = [f for seed in seeds(20, salt) for f in monotone(seed, 30)]
    if forged:
        problems = [Forged(points(seed, 30)[1]) for seed in seeds(60, salt)]
    differ = sum(not np.array_equal(greedy(f, 10).indices, lazy_greedy(f, 10).indices) for f in problems)
    return exact(0, differ)


def medoids(chosen: bool = True, salt: int = 0) -> Verdict:
    """The largest L(S) / (L_0/e + (1 - 1/e) L*), k = 2; half of the problems: 11 points together and one far away.

    chosen=False: S is the far one alone.
    """
    worst = 0.0
    for seed in seeds(40, salt):
        x, d = points(seed, 12)
        if seed % 2:
            x[1:] /= 100
            d = np.linalg.norm(x[:, None] - x, axis=2)
        best = min(theory.cover(x, S) for S in subsets(12, 2))
        S = facility_location(x, 2).indices if chosen else np.zeros(1, int)
        worst = max(worst, theory.cover(x, S) / theory.medoid_cover(12 * d.max(), best))
    return exact(1.0, worst)


def cover(whole: bool = True, salt: int = 0) -> Verdict:
    """Largest |S| / bound over every goal F of whole values can have; else those, divided by the largest."""
    worst = 0.0
    for seed in seeds(10, salt):
        s = stream(seed, "claims", "cover").integers(0, 6, (9, 9)).astype(float)
        f = FacilityLocation(s if whole else s / s.sum(0).max())
        reached = np.cumsum(greedy(f, 9).gains)
        best = [optimum(f, k) for k in range(1, 10)]
        for goal in np.unique(best):
            size = int((reached < goal * (1 - TOL)).sum()) + 1
            least = int((np.array(best) < goal * (1 - TOL)).sum()) + 1
            bound = theory.cover_size(max(1.0, float(best[0])), least)
            worst = max(worst, size / bound if bound > 0 else math.inf)
    return exact(1.0, worst)


def first(released: bool = False, salt: int = 0) -> Verdict:
    """Least p-value of how often each index is among the medoids of 800 random problems of 12 points; expected k/n.

    released: takes index 0 for "no element", as CRAIG's public code does, so that it always comes in.
    """
    n, k, times, rng = 12, 3, 800, stream(salt, "claims", "first")
    found = facility_location(rng.standard_normal((times, n, 2)), k).indices
    if released:
        found[:, 0] = np.where((found == 0).any(1), found[:, 0], 0)
    least = least_p(np.bincount(found.ravel(), minlength=n), times, k / n)
    return exact(LEAST, least, ">=")


class Counting(FacilityLocation):
    """Facility location that counts how many gains it was asked for."""

    asked = 0

    def gains(self, state, elements):
        self.asked += len(elements)
        return super().gains(state, elements)


def hub(n: int = 40):
    """A problem with one element, the last, that stands for all; every other one stands for itself."""
    s = np.eye(n)
    s[:, -1] = 1
    return Counting(s)


def stochastic(eps: float = 0.2, used: float = 0.2, salt: int = 0) -> Verdict:
    """The least mean part of OPT over seeds, on the hub and on 3 others; and how many gains were asked for.

    On the hub the chance of missing it is known exactly. used: the eps that the maximiser has.
    """
    n, k, bound, found = 40, 4, theory.GREEDY - eps, []
    cap, missed = k * math.ceil(n / k * math.log(1 / eps)), theory.stochastic_missed(n, k, eps)
    for f, best in [(hub(), float(n))] + [(f, optimum(f, k)) for f in monotone(salt, 14)]:
        parts: list[float] = []

        def part(seed, f=f, best=best, parts=parts):
            parts.append(min(1.0, f.value(stochastic_greedy(f, k, used, seed).indices) / best))  # 1 up to rounding
            return parts[-1]

        found.append(check_bound(part, bound, direction=">=", within=(0.0, 1.0), salt=salt))
        if isinstance(f, Counting):
            fair = least_p((np.array(parts) < 1).sum(), len(parts), missed) >= LEAST
            few = f.asked <= len(parts) * cap
    return provided(fair and few and missed <= eps, tightest(found))


def stochastic_picture(figure) -> None:
    """How often stochastic greedy finds the hub, against its eps."""
    axes, eps = figure.add_subplot(), np.array([0.9, 0.7, 0.5, 0.3, 0.2, 0.1, 0.05, 0.02])
    found = []
    for e in eps:
        f = hub()
        found.append(np.mean([f.value(stochastic_greedy(f, 4, e, seed).indices) == 40 for seed in range(200)]))
    axes.plot(eps, [1 - theory.stochastic_missed(40, 4, e) for e in eps], "k-", label="theory")
    axes.plot(eps, found, "o", color="#0072B2", label="measured, 200 seeds")
    axes.plot(eps, 1 - eps, "k:", label=r"$1 - \epsilon$, the guarantee's premise")
    axes.set(xlabel=r"$\epsilon$ (some libraries use 0.9)", ylabel="part of runs that find the\none best of 40, k = 4")
    axes.legend(frameon=False)


def first_part(f, parts: int) -> list[int]:
    """Greedy's choice among the first of so many equal parts of the elements."""
    part: list[int] = np.array_split(np.arange(f.n), parts)[0].tolist()
    chosen: list[int] = []
    while len(chosen) < min(K, len(part)):
        gains = {e: f.value([*chosen, e]) for e in part if e not in chosen}
        chosen.append(max(gains, key=lambda e: gains[e]))
    return chosen


def distributed(last: bool = True, salt: int = 0) -> Verdict:
    """The least GreeDi / bound over partitions in 2 to 5 parts, on the hub too; last=False: the first part's choice."""
    worst = math.inf
    for seed in seeds(20, salt):
        for f in (hub(12), *monotone(seed)):
            best = optimum(f)
            for parts in (2, 3, 5):
                if last:
                    found = greedi(f, K, parts, seed).indices.tolist()
                else:
                    found = first_part(f, parts)
                worst = min(worst, f.value(found) / best / theory.greedi_part(parts, K))
    return exact(1.0, worst, ">=")


def spread(metric: bool = True, salt: int = 0) -> Verdict:
    """The least part of OPT that greedy disparity-min and disparity-sum reached; or for squared distances on a line."""
    worst = 1.0
    for seed in seeds(30, salt):
        d = points(seed)[1]
        if not metric:
            line = stream(seed, "claims", "line").random(N)
            d = (line[:, None] - line) ** 2
        worst = min(worst, *(ratio(f, greedy(f, k), k) for f in (DisparityMin(d), DisparitySum(d)) for k in (2, 3, 4)))
    return exact(0.5, worst, ">=")


def copies(part: float = 1.0, salt: int = 0) -> Verdict:
    """Largest gain of a medoid e over (n - 1)|e - e'|, e' in S: random points, and points in a line, which attain it.

    part: of the bound, that is claimed.  Of 3 exact copies of each of N points the greedy must take N others first;
    else measured is infinite.
    """
    worst, line = 0.0, np.append(0.0, 5.0 + np.arange(N - 1.0))[:, None]  # e' = 0, e = 5, the others behind it
    for x in [line, *(points(seed)[0] for seed in seeds(10, salt))]:
        for S in [[0], [0, 1], [2, 5, 7]]:
            falls = [(e, theory.cover(x, S) - theory.cover(x, [*S, e])) for e in range(N) if e not in S]
            near = np.linalg.norm(x[:, None] - x[S], axis=2).min(1)
            worst = max(worst, *(fall / (part * theory.copy_gain(near[e], N)) for e, fall in falls))
        if len({i % N for i in facility_location(np.tile(x, (3, 1)), N).indices}) < N:
            worst = math.inf
    return exact(1.0, worst)


CLAIMS = (
    Claim("greedy.guarantee", "greedy >= (1 - (1 - 1/k)^k) OPT: ratio; coverage attains it", "Nemhauser et al. 1978",
          "monotone submodular, f({}) = 0", guarantee, partial(guarantee, place=1), direction=">="),
    Claim("greedy.lazy", "lazy greedy gives greedy's list: how many differ", "Minoux 1978",
          "submodular", lazy, partial(lazy, forged=True)),
    Claim("greedy.medoids", "L(S) <= L_0/e + (1 - 1/e) L*: ratio", "derived",
          "L_0 = n max d", medoids, partial(medoids, chosen=False)),
    Claim("greedy.cover", "|S| <= (1 + ln max F(e)) |S*| to reach a goal: ratio", "CRAIG section 3; Wolsey 1982",
          "F has whole values (CRAIG's: no)", cover, partial(cover, whole=False)),
    Claim("greedy.first", "no index is chosen more often than others: p-value", "symmetry",
          "points exchangeable", first, partial(first, released=True), 12 * LEAST, direction=">="),
    Claim("greedy.stochastic", "mean >= (1 - 1/e - eps) OPT, k (n/k) ln(1/eps) gains", "Mirzasoleiman 2015, thm 1",
          "monotone submodular, eps 0.2", stochastic, partial(stochastic, used=0.9), 5e-6,
          stochastic_picture, ">="),
    Claim("greedy.parts", "GreeDi >= (1 - 1/e)/min(parts, k) OPT: ratio", "Mirzasoleiman 2016, thm 4",
          "any partition", distributed, partial(distributed, last=False), direction=">="),
    Claim("greedy.spread", "disparity-min and -sum: greedy >= OPT/2", "Ravi 1994; Birnbaum 2009",
          "d is a metric", spread, partial(spread, metric=False), direction=">="),
    Claim("greedy.copies", "a medoid near another gains <= n - 1 times their distance: ratio", "derived",
          "distances, not squared", copies, partial(copies, part=0.8)),
)  # fmt: skip
