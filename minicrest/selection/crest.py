"""CREST: coresets for stochastic gradient descent (Yang, Kang, Mirzasoleiman, ICML 2023, arXiv 2306.01244).

A mini-batch stands for all the data if it is a coreset of a random subset: nearly unbiased, as the subset is, and
with the subset's small variance at a mini-batch's price. Coresets go stale as the weights move; a quadratic model of
the loss says when. The letters are the paper's (Algorithm 1):

    1  every T2 steps: of the active examples drop those whose every loss recorded since the last time is below alpha
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
    - T2 counts steps, as Algorithm 1 reads; the paper does not state its unit (test_windows_count_steps).
    - with the first-order model nothing is known about curvature and T1 stays h (test_first_order_keeps_its_period).

Proxies, model and checks see the examples as they are (not augmented) and batch-norm in evaluation mode.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from minicrest.backend import array_module, to_numpy
from minicrest.batch import uniform, weighted
from minicrest.random import stream
from minicrest.selection.base import checked_batch_size
from minicrest.submodular import facility_location
from minicrest.taylor import MovingAverage, Quadratic, hutchinson_diagonal, rademacher, root_mean_square


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
    opened: np.ndarray  # (l, 5) a row a region: start, T1, P, active examples, |H|
    checks: np.ndarray  # (c, 3) a row a check: step, region, rho


@dataclass(frozen=True)
class Crest:
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
    cost = "a step 3 m; a region P (r + 7 m) + r; a check r, every T1 steps"

    def __post_init__(self):
        checked_batch_size(self.m)
        if self.r is not None and self.r < self.m:
            raise ValueError(f"the random subset must hold at least a mini-batch: r = {self.r} < m = {self.m}")
        if not (0 < self.h < math.inf and 0 < self.b < math.inf and self.tau >= 0) or math.isnan(self.alpha):
            raise ValueError(f"h and b must be positive and finite, tau not negative, alpha a number; got {self}")
        if self.T2 < 1 or self.warmup < 0:
            raise ValueError(f"T2 must be at least 1 and warmup not negative, got {self.T2} and {self.warmup}")
        if self.longest is not None and self.longest < 1:
            raise ValueError(f"longest must be at least 1, got {self.longest}")
        for beta in (self.beta1, self.beta2):
            MovingAverage(beta)  # raises what is to be said
        if self.curvature not in ("hutchinson", "exact") or self.order not in (1, 2):
            raise ValueError(f"curvature is 'hutchinson' or 'exact', order 1 or 2; got {self.curvature!r} {self.order}")

    def init(self, oracle) -> CrestState:
        n = len(oracle)
        T1 = self._bounded(self.h, n)
        return CrestState(
            step=0, region=None, T1=T1, P=self._coresets(T1, n), H0=0.0,
            gradient=MovingAverage(self.beta1), squares=MovingAverage(self.beta2),
            active=np.ones(n, dtype=bool), worst=np.full(n, -np.inf),
            opened=np.zeros((0, 5)), checks=np.zeros((0, 3)),
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

    def observe(self, state, feedback) -> CrestState:
        return state

    def report(self, state) -> dict:
        """Regions (start, length, T1, P, active examples, |H|, rho at the last check) and every check's rho."""
        start, T1, P, active, curvature = state.opened.T
        rho = np.full(len(start), np.nan)  # of regions never checked
        rho[state.checks[:, 1].astype(int)] = state.checks[:, 2]
        length = np.diff(np.append(start, state.step))
        regions = dict(start=start, length=length, T1=T1, P=P, active=active, curvature=curvature, rho=rho)
        checks = dict(zip(("check_step", "check_region", "check_rho"), state.checks.T))
        return {**regions, **checks}

    # ---- 1: learned examples

    def _drop_learned(self, state, oracle) -> CrestState:
        """Drop what was seen in the window and never had a loss of alpha or more; begin the next window."""
        learned = state.active & (state.worst > -np.inf) & (state.worst < self.alpha)
        left = state.active & ~learned
        enough = left.sum() >= self._subset_size(len(oracle))
        return replace(state, active=left if enough else state.active, worst=np.full(len(oracle), -np.inf))

    # ---- 2: is the model still right?

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
        n, curvature = len(oracle), state.opened[-1, 4]
        ratio = state.H0 / curvature if curvature > 0 else math.inf if state.H0 > 0 else 1.0  # order 1: no H, no ratio
        T1 = self._bounded(self.h * ratio, n)
        return replace(state, region=None, T1=T1, P=self._coresets(T1, n))

    # ---- 3: a new region

    def _open(self, state, oracle) -> CrestState:
        l, active = len(state.opened), np.flatnonzero(state.active)
        r = min(self._subset_size(len(oracle)), len(active))
        V = np.stack([stream(oracle.seed, "crest", "subset", l, p).choice(active, r, replace=False)
                      for p in range(state.P)])  # (P, r)  # fmt: skip
        with oracle.phase("select"):
            answers = oracle.answers(V)  # a
            medoids = facility_location(answers.logit_gradients, min(self.m, r))  # b
        indices = np.take_along_axis(V, medoids.indices, axis=1)
        worst = state.worst.copy()
        np.maximum.at(worst, V.ravel(), to_numpy(answers.losses).ravel())
        with oracle.phase("model"):
            g, H, gradient, squares = self._smoothed(state, oracle, indices, medoids.weights, l)  # c
            check = stream(oracle.seed, "crest", "check", l).choice(active, r, replace=False)
            constant = float(oracle.losses(check).mean(dtype="float64"))
            model = Quadratic(constant, g, H)  # d
        size = 0.0 if H is None else float(array_module(H).linalg.norm(H))
        row = [state.step, state.T1, state.P, len(active), size]
        region = Region(state.step, state.T1, oracle.theta.copy(), model, check, indices, medoids.weights)
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
