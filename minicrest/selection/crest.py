"""CREST: coresets for stochastic gradient descent (Yang, Kang, Mirzasoleiman, ICML 2023, arXiv 2306.01244).

A mini-batch represents all the data if it is a coreset of a random subset: it is nearly unbiased, as the subset is, and
has the subset's small variance at a mini-batch's price. Coresets go stale as the weights move; a quadratic model of the
loss tells when. The letters are the paper's (Algorithm 1):

    1  every T2 steps: drop the active examples whose losses, as recorded since the last time, were all below alpha
    2  in a region, every T1 steps: rho = |F(w - w_l) - L_r(w)| / L_r(w), L_r the mean loss on the subset V_r;
       where rho > tau the region is over: T1 = h |H_0| / |H_l|, P = b T1
    3  where there is no region, open one at w_l = w:
       a  draw random subsets V_1 .. V_P of r active examples; one forward pass gives p - y and the losses
       b  S_p = the m medoids of {p_i - y_i : i in V_p} by greedy facility location; gamma_j = size of j's cluster
       c  g, H = gradient and Hessian diagonal of the coresets, smoothed by moving averages beta1, beta2
       d  F(delta) = L_r(w_l) + g . delta + (1/2) delta . (H * delta), for a fresh random subset V_r
    4  train on one of S_1 .. S_P, drawn at random, weighted by gamma

Departures from the paper, each with the test in tests/unit/selection/test_crest.py that pins it:
    - V_r is drawn when the region opens and kept for its checks, and the model's constant is measured on it: then
      rho(0) = 0; the paper's fresh subset spends part of tau on an offset (test_rho_is_zero_where_a_region_opens).
      Like V_p, it is drawn from the active examples, whose mean loss is what g and H describe.
    - delta is w - w_l, as the paper's text says; its Algorithm 1 prints the move since the last check
      (test_delta_is_the_distance_from_the_start_of_the_region).
    - the moving averages take one value per coreset (the paper does not say how often) and are never reset
      (test_averages_take_one_value_per_coreset).
    - T1 and P are rounded up, and neither exceeds `longest` (by default one epoch's steps, n/m): |H_l| tends to 0 as
      the data are learned (test_periods_are_bounded).
    - exclusion stops where fewer than r examples would stay active (test_exclusion_leaves_a_subset).
    - T2 counts steps, as Algorithm 1 reads; the paper does not state its unit (test_windows_count_steps). In 20 steps
      most examples are drawn once or not at all, and a single loss below alpha drops an example for good: on easy data
      little stays active. A larger T2 or exclude=False keeps more.
    - with the first-order model nothing is known about curvature and T1 stays h (test_first_order_keeps_its_period).

The authors' release differs from this file in more than that:
    - a mini-batch is drawn from the shuffled union of all P coresets, not one S_p (4).
    - T1 follows from the region that has just opened and has no bound; here it follows from the one that ended.
    - P is at most 0.1 n/m, a tenth of the bound here.
    - g and H in F are means over the coresets of the moving averages, plus 1e-4; here the latest averages.
    - V_p is balanced over the classes; here it is uniform.
    - proxies, g and H are of augmented examples, g and H in training mode; here examples are not augmented and
      batch-norm is in evaluation mode, for checks too.
    - training starts with one pass over a random subset at learning rate 0; here with the first region.
    - exclusion is off; switched on, it looks at five passes, decides every 20 and never goes below four fifths of n.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from minicrest.arguments import flag, number, one_of, whole
from minicrest.backend import array_module, to_numpy
from minicrest.batch import uniform, weighted
from minicrest.random import stream
from minicrest.selection.base import finite
from minicrest.selection.method import Method
from minicrest.submodular import facility_location
from minicrest.taylor import MovingAverage, Quadratic, hutchinson_diagonal, rademacher, root_mean_square

REGION = ("start", "T1", "P", "active", "curvature")  # the columns of `opened`; curvature is |H_l|
CHECK = ("check_step", "check_region", "check_rho")  # and of `checks`


@dataclass(frozen=True)
class Region:
    """Where the quadratic model holds: the coresets chosen at w_l, and what says when they are stale."""

    start: int  # the step t_l at which it opened
    T1: int
    origin: Any  # (d,) w_l
    model: Quadratic
    check: np.ndarray  # (r,) V_r
    indices: np.ndarray  # (P, m) the coresets S_p
    gamma: np.ndarray  # (P, m) their cluster sizes
    curvature: float  # |H_l|; 0 for the first-order model


@dataclass(frozen=True)
class CrestState:
    """All that CREST knows between two steps."""

    step: int
    region: Region | None
    T1: int
    P: int
    H0: float  # |H_0|; 0 before the first region
    gradient: MovingAverage
    squares: MovingAverage  # of the Hessian diagonal's squares
    active: np.ndarray  # (n,) bool
    worst: np.ndarray  # (n,) largest loss recorded in this window of T2 steps, -inf for none
    opened: np.ndarray  # (l, 5) a row a region: REGION
    checks: np.ndarray  # (c, 3) a row a check: CHECK


@dataclass(frozen=True)
class Crest(Method):
    """Mini-batch coresets, refreshed when a quadratic model of the loss fails.

    m: batch and coreset size.  r: random-subset size; None: max(n/100, 4 m), the paper's 1% and its ratio to m.
    tau: largest rho.  h, b: T1 = h |H_0|/|H_l|, P = b T1.  alpha, T2: "learned" loss, and its window in steps.
    beta1, beta2: moving averages of g and of H's squares.  warmup: first steps on plain random batches.
    longest: bound on T1 and P; None: n/m.  curvature: "hutchinson" (one probe a coreset) or "exact" (nets that have
    an exact diagonal).  Ablations of the paper: order=1 (first-order model), smooth=False, exclude=False, and
    many=False (one coreset in place of P).
    """

    m: int = 128
    r: int | None = None
    tau: float = 0.05
    h: float = 1.0
    b: float = 5.0
    alpha: float = 0.1
    T2: int = 20
    beta1: float = 0.9
    beta2: float = 0.999
    warmup: int = 0
    longest: int | None = None
    curvature: str = "hutchinson"
    order: int = 2
    smooth: bool = True
    exclude: bool = True
    many: bool = True
    paper = "Yang, Kang, Mirzasoleiman, ICML 2023, arXiv 2306.01244"
    price = "a step 3 m; a region P (r + 7 m) + r; a check r, every T1 steps"

    def __post_init__(self):
        whole("m", self.m, 1)
        if self.r is not None and whole("r", self.r) < self.m:
            raise ValueError(f"the random subset must hold at least a mini-batch: r = {self.r} < m = {self.m}")
        for name in ("tau", "alpha"):
            if getattr(self, name) != math.inf:  # tau = inf: a region never ends; alpha = inf: every example is learned
                number(name, getattr(self, name), "[0, inf)" if name == "tau" else "(-inf, inf)")
        for name, interval in (("h", "(0, inf)"), ("b", "(0, inf)"), ("beta1", "[0, 1)"), ("beta2", "[0, 1)")):
            number(name, getattr(self, name), interval)
        for name, least in (("T2", 1), ("warmup", 0), ("longest", 1)):
            if getattr(self, name) is not None or name != "longest":
                whole(name, getattr(self, name), least)
        one_of("curvature", self.curvature, ("hutchinson", "exact"))
        whole("order", self.order, 1, 2)
        for name in ("smooth", "exclude", "many"):
            flag(name, getattr(self, name))

    def init(self, oracle) -> CrestState:
        n = len(oracle)
        T1 = self._bounded(self.h, n)
        return CrestState(
            step=0, region=None, T1=T1, P=self._coresets(T1, n), H0=0.0,
            gradient=MovingAverage(self.beta1), squares=MovingAverage(self.beta2),
            active=np.ones(n, dtype=bool), worst=np.full(n, -np.inf),
            opened=np.zeros((0, len(REGION))), checks=np.zeros((0, len(CHECK))),
        )  # fmt: skip

    def propose(self, state, oracle):
        if state.step < self.warmup:
            rng = stream(oracle.seed, "crest", "warm-up", state.step)
            i = rng.choice(len(oracle), min(self.m, len(oracle)), replace=False)
            return uniform(i), replace(state, step=state.step + 1)
        if self.exclude and state.step and state.step % self.T2 == 0:
            state = self._drop_learned(state, oracle)  # 1
        if state.region is not None and self._check_is_due(state):
            state = self._check(state, oracle)  # 2
        if state.region is None:
            state = self._open(state, oracle)  # 3
        region = state.region
        p = stream(oracle.seed, "crest", "batch", state.step).integers(len(region.indices))  # 4
        return weighted(region.indices[p], region.gamma[p]), replace(state, step=state.step + 1)

    def report(self, state) -> dict:
        """Regions (start, length, T1, P, active examples, |H|, rho at the last check) and every check's rho."""
        regions, checks = dict(zip(REGION, state.opened.T)), dict(zip(CHECK, state.checks.T))
        rho = np.full(len(state.opened), np.nan)  # of regions never checked
        rho[checks["check_region"].astype(int)] = checks["check_rho"]
        return {**regions, "length": np.diff(np.append(regions["start"], state.step)), "rho": rho, **checks}

    # ---- 1: learned examples

    def _drop_learned(self, state, oracle) -> CrestState:
        """Drop the examples whose losses recorded in this window were all below alpha; begin the next window."""
        learned = state.active & (state.worst > -np.inf) & (state.worst < self.alpha)
        remaining = state.active & ~learned
        enough = remaining.sum() >= self._subset_size(len(oracle))
        return replace(state, active=remaining if enough else state.active, worst=np.full(len(oracle), -np.inf))

    # ---- 2: does the model still hold?

    def _check_is_due(self, state) -> bool:
        return (state.step - state.region.start) % state.region.T1 == 0  # at least one step after it opened

    def _check(self, state, oracle) -> CrestState:
        region = state.region
        with oracle.phase("check"):
            measured = float(oracle.losses(region.check).mean(dtype="float64"))  # L_r(w): r forward passes, not n
            rho = region.model.relative_error(oracle.theta - region.origin, measured)
        state = replace(state, checks=np.vstack([state.checks, [state.step, len(state.opened) - 1, rho]]))
        if rho <= self.tau:
            return state
        T1 = self._bounded(self.h * curvature_ratio(state.H0, region.curvature), len(oracle))
        return replace(state, region=None, T1=T1, P=self._coresets(T1, len(oracle)))

    # ---- 3: a new region

    def _open(self, state, oracle) -> CrestState:
        l, active = len(state.opened), np.flatnonzero(state.active)
        r = min(self._subset_size(len(oracle)), len(active))
        V = np.stack([stream(oracle.seed, "crest", "subset", l, p).choice(active, r, replace=False)
                      for p in range(state.P)])  # (P, r)  # fmt: skip
        with oracle.phase("select"):
            answers = oracle.answers(V)  # a
            medoids = facility_location(finite("gradients", answers.logit_gradients), min(self.m, r))  # b
        indices = np.take_along_axis(V, medoids.indices, axis=1)
        worst = state.worst.copy()
        np.maximum.at(worst, V.ravel(), to_numpy(answers.losses).ravel())
        with oracle.phase("model"):
            g, H, gradient, squares = self._smoothed(state, oracle, indices, medoids.weights, l)  # c
            check = stream(oracle.seed, "crest", "check", l).choice(active, r, replace=False)
            constant = float(oracle.losses(check).mean(dtype="float64"))
            model = Quadratic(constant, g, H)  # d
        size = 0.0 if H is None else float(finite("curvatures", array_module(H).linalg.norm(H)))
        row = [state.step, state.T1, state.P, len(active), size]
        region = Region(state.step, state.T1, oracle.theta.copy(), model, check, indices, medoids.weights, size)
        return replace(
            state, region=region, H0=state.H0 or size, gradient=gradient, squares=squares, worst=worst,
            opened=np.vstack([state.opened, row]),
        )  # fmt: skip

    def _smoothed(self, state, oracle, indices, gamma, l: int):
        """g and H (d,) of the coresets (H None for order 1), and the moving averages after them."""
        gradient, squares = state.gradient, state.squares
        mean_g = mean_H = 0
        for p, (S, weights) in enumerate(zip(indices, gamma)):
            batch = weighted(S, weights)
            g = oracle.gradient(batch)
            gradient, mean_g = gradient.update(g), mean_g + g / len(indices)
            if self.order == 2:
                H = self._diagonal(oracle, batch, l, p)
                squares, mean_H = squares.update(H * H), mean_H + H / len(indices)
        if self.order == 1:
            return (gradient.mean if self.smooth else mean_g), None, gradient, squares
        if self.smooth:
            return gradient.mean, root_mean_square(squares), gradient, squares
        return mean_g, mean_H, gradient, squares

    def _diagonal(self, oracle, batch, l: int, p: int):
        """(d,) the Hessian diagonal of one coreset: exact, or Hutchinson's estimate from one probe."""
        if self.curvature == "exact":
            return oracle.hessian_diagonal(batch)
        probe = rademacher(stream(oracle.seed, "crest", "probe", l, p), (1, oracle.size), oracle.dtype, oracle.device)
        return hutchinson_diagonal(lambda z: oracle.hvp(batch, z), probe)

    # ---- sizes

    def _subset_size(self, n: int) -> int:
        return min(n, max(math.ceil(n / 100), 4 * self.m) if self.r is None else self.r)

    def _bounded(self, period: float, n: int) -> int:
        """A period rounded up, between 1 and `longest`."""
        longest = -(-n // self.m) if self.longest is None else self.longest
        return int(min(max(1, math.ceil(min(period, longest))), longest))

    def _coresets(self, T1: int, n: int) -> int:
        return self._bounded(self.b * T1, n) if self.many else 1


def curvature_ratio(H0: float, H: float) -> float:
    """|H_0| / |H_l|, in units of which T1 is counted: 1 where there is no curvature at all (the first-order model)."""
    if H > 0:
        return H0 / H
    return math.inf if H0 > 0 else 1.0
