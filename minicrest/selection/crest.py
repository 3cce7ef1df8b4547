"""CREST: coresets for stochastic gradient descent (Yang, Kang, Mirzasoleiman, ICML 2023, arXiv 2306.01244).

A coreset of a random subset is a mini-batch that is nearly unbiased, as the subset is, and has its small variance.
Coresets go stale as the weights move; a quadratic model of the loss tells when. The letters are those of Algorithm 1:

    1  every T2 steps: drop the active examples whose losses, as recorded since the last time, were all below alpha
    2  in a region, every T1 steps: rho = |F(w - w_l) - L_c(w)| / L_c(w), L_c the mean loss on the check set of c;
       where rho > tau the region is over: T1 = h |H_0| / |H_l|, P = b T1
    3  where there is no region, open one at w_l = w:
       a  g, H = gradient and Hessian diagonal of K coresets (see 5), smoothed by moving averages beta1, beta2
       b  F(delta) = L_c(w_l) + g . delta + (1/2) delta . (H * delta), for a fresh random check set
    4  draw one of S_1 .. S_P at random and train on it, weighted by gamma
    5  S_p, the first time it is needed (lazy=False: S_1 .. S_P when the region opens): draw a random subset V_p of r
       active examples; one forward pass at w_l gives p - y and the losses; S_p = the m medoids of
       {p_i - y_i : i in V_p} by greedy facility location; gamma_j = size of j's cluster

Departures from the paper, pinned in tests/unit/selection/test_crest.py:
    - coresets are lazy: most of the P = 5 T1 are never drawn, or built. For the same model and no exclusion the steps
      are those of lazy=False, bit for bit (test_lazy_coresets_change_no_step). A coreset built late still records its
      losses at w_l, in the window of step 1 in which it is built (test_a_late_coreset_records_losses_when_it_is_built).
    - the model is of the K = 1 coresets drawn first, the check set of c = m examples; with lazy=False K = P and c = r
      (test_the_model_is_of_the_first_coresets_drawn).
    - the check set is drawn when the region opens and kept, and the model's constant is measured on it: a fresh subset
      would spend part of tau on an offset (test_rho_is_zero_where_a_region_opens).
    - delta is w - w_l, where Algorithm 1 prints the move since the last check
      (test_delta_is_the_distance_from_the_start_of_the_region).
    - the averages take one value per coreset of the model, without reset (test_averages_take_one_value_per_coreset).
    - T1 and P are rounded up and bounded by `longest`, as |H_l| tends to 0 with the losses (test_periods_are_bounded).
    - T2 is 2 n/m steps: 20 epochs of the paper's, each a pass over 10% of the data. Read as 20 STEPS, which Algorithm 1
      also allows (T2=20, floor=0), it drops nearly all examples of easy data, for good (test_windows_count_steps).
    - at least `floor` n examples stay active, and at least r: of the learned, those with the largest losses stay
      (test_exclusion_leaves_a_floor).
    - the first-order model knows no curvature and T1 stays h (test_first_order_keeps_its_period). It opens up to twice
      as many regions; it ends 0.3 points lower on digits, 0.1 +- 0.1 on MNIST (tutorials/paper, crest-ablations).
    - balanced=True draws V_p, per_class=True chooses S_p class by class (test_balanced_subsets_and_coresets_per_class).

The authors' release does both. It also draws batches from the shuffled union of the P coresets, P at most 0.1 n/m;
takes T1, unbounded, from the region just opened; adds 1e-4 to g and H; and has exclusion switched off.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from minicrest.arguments import number, whole
from minicrest.backend import array_module, to_numpy
from minicrest.batch import uniform, weighted
from minicrest.random import stream
from minicrest.selection.base import finite, need_classes
from minicrest.selection.method import Method
from minicrest.submodular import facility_location
from minicrest.taylor import MovingAverage, Quadratic, hutchinson_diagonal, rademacher, root_mean_square

REGION = ("start", "T1", "P", "active", "curvature")  # the columns of `opened`; curvature is |H_l|
CHECK = ("check_step", "check_region", "check_rho")  # and of `checks`


@dataclass(frozen=True)
class Region:
    """Where the quadratic model holds: the coresets chosen at w_l, and what says when they are stale."""

    number: int  # l
    start: int  # the step t_l at which it opened
    T1: int
    origin: Any  # (d,) w_l
    model: Any  # F, a Quadratic
    check: np.ndarray  # (c,) the check set
    statistics: Any  # batch-norm's running statistics at w_l
    active: np.ndarray  # the examples that V_p are drawn from
    built: np.ndarray  # (P,) bool: which coresets exist
    indices: np.ndarray  # (P, m) the coresets S_p
    gamma: np.ndarray  # (P, m) their cluster sizes
    curvature: float  # |H_l|; 0 for the first-order model


@dataclass(frozen=True)
class CrestState:
    """What CREST knows between two steps."""

    T1: int
    P: int
    gradient: MovingAverage
    squares: MovingAverage  # of the Hessian diagonal's squares
    active: np.ndarray  # (n,) bool
    worst: np.ndarray  # (n,) largest loss recorded in this window of T2 steps, -inf for none
    step: int = 0
    region: Region | None = None
    H0: float = 0.0  # |H_0|; 0 before the first region
    coresets: int = 0  # built so far
    opened: np.ndarray = field(default_factory=lambda: np.zeros((0, len(REGION))))  # a row a region
    checks: np.ndarray = field(default_factory=lambda: np.zeros((0, len(CHECK))))  # a row a check


@dataclass(frozen=True)
class Crest(Method):
    """Mini-batch coresets, refreshed when a quadratic model of the loss fails.

    m: batch and coreset size.  r: random-subset size; None: max(n/100, 4 m).  tau: largest rho.  h, b: of T1 and P.
    alpha, T2: "learned" loss, and its window in steps; None: 2 n/m.  floor: part of n that stays active.
    beta1, beta2: moving averages of g and H^2.  warmup: first steps, on random batches.  longest: bound on T1 and P;
    None: n/m.  lazy: build coresets when drawn.  K, c: coresets in the model, size of the check set; None: 1 and m, or
    P and r if not lazy.  curvature: "hutchinson" (one probe a coreset) or "exact" (nets with an exact diagonal).
    balanced, per_class: V_p and S_p by class.  Ablations: order=1, smooth=False, exclude=False, many=False (P = 1).
    """

    m: int = 128
    r: int | None = None
    tau: float = 0.05
    h: float = 1.0
    b: float = 5.0
    alpha: float = 0.1
    T2: int | None = None
    floor: float = 0.5
    beta1: float = 0.9
    beta2: float = 0.999
    warmup: int = 0
    longest: int | None = None
    lazy: bool = True
    K: int | None = None
    c: int | None = None
    curvature: str = "hutchinson"
    balanced: bool = False
    per_class: bool = False
    order: int = 2
    smooth: bool = True
    exclude: bool = True
    many: bool = True
    paper = "Yang, Kang, Mirzasoleiman, ICML 2023, arXiv 2306.01244"
    price = "a step 3 m; a coreset, when first drawn, r; a region 7 K m + c; a check c, every T1 steps"
    limits = {"m": 1, "r": 1, "h": "(0, inf)", "b": "(0, inf)", "T2": 1, "floor": "[0, 1]", "beta1": "[0, 1)",
              "beta2": "[0, 1)", "warmup": 0, "longest": 1, "K": 1, "c": 1, "curvature": ("hutchinson", "exact"),
              **dict.fromkeys(("lazy", "balanced", "per_class", "smooth", "exclude", "many"), bool)}  # fmt: skip

    def __post_init__(self):
        super().__post_init__()
        whole("order", self.order, 1, 2)
        if self.r is not None and self.r < self.m:
            raise ValueError(f"the random subset must hold at least a mini-batch: r = {self.r} < m = {self.m}")
        for name, interval in (("tau", "[0, inf)"), ("alpha", "(-inf, inf)")):
            value = getattr(self, name)
            if not (isinstance(value, float) and value == math.inf):  # no region ends; every example is learned
                number(name, value, interval)

    def init(self, oracle) -> CrestState:
        if self.balanced or self.per_class:
            need_classes("balanced=True" if self.balanced else "per_class=True", oracle.labels, "leave it out")
        n, T1 = len(oracle), self._bounded(self.h, len(oracle))
        averages = MovingAverage(self.beta1), MovingAverage(self.beta2)
        return CrestState(T1, self._coresets(T1, n), *averages, np.ones(n, dtype=bool), np.full(n, -np.inf))

    def propose(self, state, oracle):
        if state.step < self.warmup:
            rng = stream(oracle.seed, "crest", "warm-up", state.step)
            i = rng.choice(len(oracle), min(self.m, len(oracle)), replace=False)
            return uniform(i), replace(state, step=state.step + 1)
        T2 = self.T2 or 2 * -(-len(oracle) // self.m)
        if self.exclude and state.step and state.step % T2 == 0:
            state = self._drop_learned(state, oracle)  # 1
        if state.region is not None and (state.step - state.region.start) % state.region.T1 == 0:
            state = self._check(state, oracle)  # 2
        if state.region is None:
            state = self._open(state, oracle)  # 3
        p = self._drawn(oracle, state.step, len(state.region.built))  # 4
        if not state.region.built[p]:
            state = self._build(state, oracle, [p])  # 5
        return weighted(state.region.indices[p], state.region.gamma[p]), replace(state, step=state.step + 1)

    def _drawn(self, oracle, step: int, P: int) -> int:
        """Which of P coresets step `step` trains on."""
        return int(stream(oracle.seed, "crest", "batch", step).integers(P))

    def report(self, state) -> dict:
        """Regions (start, length, T1, P, active, curvature, last rho), every check's rho, the number of coresets."""
        regions, checks = dict(zip(REGION, state.opened.T)), dict(zip(CHECK, state.checks.T))
        rho = np.full(len(state.opened), np.nan)  # of regions never checked
        rho[checks["check_region"].astype(int)] = checks["check_rho"]
        return {**regions, "length": np.diff(np.append(regions["start"], state.step)), "rho": rho, **checks,
                "coresets": np.array(state.coresets)}  # fmt: skip

    def _drop_learned(self, state, oracle) -> CrestState:
        """Drop the examples whose losses recorded in this window were all below alpha; begin the next window."""
        n, active = len(oracle), state.active.copy()
        spare = int(active.sum()) - max(self._subset_size(n), math.ceil(self.floor * n))
        learned = np.flatnonzero(active & (state.worst > -np.inf) & (state.worst < self.alpha))
        active[learned[np.argsort(state.worst[learned], kind="stable")[: max(0, spare)]]] = False
        return replace(state, active=active, worst=np.full(n, -np.inf))

    def _check(self, state, oracle) -> CrestState:
        """Where the model no longer holds, the region is over."""
        region = state.region
        with oracle.phase("check"):
            measured = float(oracle.losses(region.check).mean(dtype="float64"))  # L_c(w): c forward passes, not n
            rho = region.model.relative_error(oracle.theta - region.origin, measured)
        state = replace(state, checks=np.vstack([state.checks, [state.step, region.number, rho]]))
        if rho <= self.tau:
            return state
        H0, H = state.H0, region.curvature
        ratio = H0 / H if H > 0 else math.inf if H0 > 0 else 1.0  # 1: no curvature at all, as in the first-order model
        T1 = self._bounded(self.h * ratio, len(oracle))
        return replace(state, region=None, T1=T1, P=self._coresets(T1, len(oracle)))

    def _open(self, state, oracle) -> CrestState:
        """A new region, with its model."""
        l, n, P, active = len(state.opened), len(oracle), state.P, np.flatnonzero(state.active)
        c = min(n, self.c or (self.m if self.lazy else self._subset_size(n)))
        check = self._subset(oracle, active, c, "check", l)
        size = min(self.m, len(self._subset(oracle, active, self._subset_size(n), "subset", l, 0)))
        region = Region(
            l, state.step, state.T1, oracle.theta.copy(), None, check, oracle.statistics.copy(), active,
            np.zeros(P, bool), np.zeros((P, size), np.int64), np.zeros((P, size)), 0.0,
        )  # fmt: skip
        first = self._first_drawn(oracle, state.step, P)
        state = self._build(replace(state, region=region), oracle, first if self.lazy else range(P))
        with oracle.phase("model"):
            g, H, gradient, squares = self._smoothed(state, oracle, first, l)  # a
            model = Quadratic(float(oracle.losses(check).mean(dtype="float64")), g, H)  # b
        norm = 0.0 if H is None else float(finite("curvatures", array_module(H).linalg.norm(H)))
        return replace(
            state, region=replace(state.region, model=model, curvature=norm), H0=state.H0 or norm, gradient=gradient,
            squares=squares, opened=np.vstack([state.opened, [state.step, state.T1, P, len(active), norm]]),
        )  # fmt: skip

    def _first_drawn(self, oracle, step: int, P: int) -> list[int]:
        """The K coresets that are drawn first from `step` on, in ascending order."""
        K = min(P, self.K or (1 if self.lazy else P))
        first: set[int] = set(range(P)) if K == P else set()
        while len(first) < K:
            first.add(self._drawn(oracle, step, P))
            step += 1
        return sorted(first)

    def _build(self, state, oracle, numbers) -> CrestState:
        """Build the coresets of these numbers, at the weights where the region opened."""
        region, worst = state.region, state.worst.copy()
        built, indices, gamma = region.built.copy(), region.indices.copy(), region.gamma.copy()
        there = oracle.at(region.origin, region.statistics)
        for p in numbers:
            V = self._subset(oracle, region.active, self._subset_size(len(oracle)), "subset", region.number, p)
            with oracle.phase("select"):
                answers = there.answers(V)
                features, classes = finite("gradients", answers.logit_gradients), oracle.labels[V]
                medoids = facility_location(features, indices.shape[1], classes if self.per_class else None)
            np.maximum.at(worst, V, to_numpy(answers.losses))
            built[p], indices[p], gamma[p] = True, V[medoids.indices], medoids.weights
        region = replace(region, built=built, indices=indices, gamma=gamma)
        return replace(state, region=region, worst=worst, coresets=state.coresets + len(numbers))

    def _subset(self, oracle, active, size: int, *purpose) -> np.ndarray:
        """`size` random active examples, or all; balanced: as many of each class, as far as there are so many."""
        rng = stream(oracle.seed, "crest", *purpose)
        if not self.balanced:
            return rng.choice(active, min(size, len(active)), replace=False)
        members = [active[oracle.labels[active] == label] for label in np.unique(oracle.labels[active])]
        share = -(-size // len(members))
        return np.concatenate([rng.choice(i, min(share, len(i)), replace=False) for i in members])

    def _smoothed(self, state, oracle, numbers, l: int):
        """g and H (d,) of these coresets (H None for order 1), and the moving averages after them."""
        gradient, squares = state.gradient, state.squares
        mean_g, mean_H = 0, 0 if self.order == 2 else None
        for p in numbers:
            batch = weighted(state.region.indices[p], state.region.gamma[p])
            g = oracle.gradient(batch)
            gradient, mean_g = gradient.update(g), mean_g + g / len(numbers)
            if self.order == 2:
                H = self._diagonal(oracle, batch, l, p)
                squares, mean_H = squares.update(H * H), mean_H + H / len(numbers)
        if self.smooth:
            mean_g, mean_H = gradient.mean, root_mean_square(squares) if self.order == 2 else None
        return mean_g, mean_H, gradient, squares

    def _diagonal(self, oracle, batch, l: int, p: int):
        """(d,) the Hessian diagonal of one coreset, exact or estimated from one probe."""
        if self.curvature == "exact":
            return oracle.hessian_diagonal(batch)
        probe = rademacher(stream(oracle.seed, "crest", "probe", l, p), (1, oracle.size), oracle.dtype, oracle.device)
        return hutchinson_diagonal(lambda z: oracle.hvp(batch, z), probe)

    def _subset_size(self, n: int) -> int:
        return min(n, max(math.ceil(n / 100), 4 * self.m) if self.r is None else self.r)

    def _bounded(self, period: float, n: int) -> int:
        """A period rounded up, between 1 and `longest`."""
        return max(1, math.ceil(min(period, self.longest or -(-n // self.m))))

    def _coresets(self, T1: int, n: int) -> int:
        return self._bounded(self.b * T1, n) if self.many else 1
