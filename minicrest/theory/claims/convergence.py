"""Convergence: CREST's Theorem 4.1 in its safe form where all constants are known, and where it promises nothing.

The problems are linear models of 6 examples, so that at every visited w the bias and the variance of a coreset's
gradient are exact: all random subsets of 4 are listed, and their coresets of 2.
"""

from __future__ import annotations

import math
from functools import cache, partial
from typing import NamedTuple

import numpy as np

from minicrest.batch import uniform, weighted
from minicrest.datasets import Dataset
from minicrest.learner import Learner
from minicrest.nn import Linear, LogisticLoss, Network, SquaredError, Tanh
from minicrest.optim import SGD
from minicrest.oracle import Oracle
from minicrest.random import stream
from minicrest.submodular import facility_location
from minicrest.theory import bounds as theory
from minicrest.theory.claims.base import Claim, Verdict
from minicrest.theory.claims.pools import subsets

N, R, M = 6, 4, 2  # n, r, m of the pool
SEEDS, STEPS, START = 24, 60, 3.0
FALSE_ALARM = 6e-7  # of one mean that is 5 standard errors off, two-sided


class Problem(NamedTuple):
    """A loss with its constants: L_s-smooth, mu-strongly convex (0: not), L* at least `lowest`."""

    net: Network
    x: np.ndarray
    y: np.ndarray
    L_s: float
    mu: float
    lowest: float


def problem(kind: str) -> Problem:
    """Least squares, logistic regression, or least squares of a tanh (not convex); 6 examples, 3 parameters.

    With A = [x, 1] and K the curvature of the loss in z, H <= K A'A / n: K is 1 for squares, 1/4 for the logistic, and
    1 + 2 max |tanh''| = 1 + 8 / (3 sqrt 3) for (tanh z - t)^2 / 2 with |t| <= 1.
    """
    rng = stream(0, "claims", "convergence", kind)
    x = rng.standard_normal((N, 2))
    A = np.column_stack([x, np.ones(N)])
    curvature = np.linalg.eigvalsh(A.T @ A / N)
    score = x @ [1.0, -0.5] + 0.7 * rng.standard_normal(N)
    if kind == "strongly convex":
        lowest = 0.5 * np.mean((score - A @ np.linalg.lstsq(A, score, rcond=None)[0]) ** 2)
        return Problem(Network([Linear(2, 1)], SquaredError()), x, score, curvature[-1], curvature[0], lowest)
    if kind == "convex":
        return Problem(Network([Linear(2, 1)], LogisticLoss()), x, (score > 0) * 1, curvature[-1] / 4, 0.0, 0.0)
    K = 1 + 8 / (3 * math.sqrt(3))
    net = Network([Linear(2, 1), Tanh()], SquaredError())
    return Problem(net, x, np.where(score > 0, 0.9, -0.9), K * curvature[-1], 0.0, 0.0)


class Run(NamedTuple):
    """SGD on coresets from one w_0 with `SEEDS` seeds."""

    D0: float
    eta: float
    squares: np.ndarray  # (steps, seeds) |grad L(w_t)|^2
    bias: np.ndarray  # (steps, seeds) |E u - grad L|^2 at w_t
    v: np.ndarray  # (steps, seeds) E |u - E u|^2 at w_t
    gap: np.ndarray  # (seeds,) L(w_N) less its lower bound


@cache
def descend(kind: str, step: float = 1.0, start: float = START) -> Run:
    """STEPS steps of eta = step / L_s on the coreset of a subset drawn at random, from |w_0| = start."""
    net, x, y, L_s, _, lowest = problem(kind)
    V, rng = np.concatenate([subsets(N, R), subsets(N, R)[:, ::-1]]), stream(0, "claims", "descend", kind)
    w = np.tile(start * np.ones(net.size) / math.sqrt(net.size), (SEEDS, 1))
    D0, rows = float(net.losses(w[0], x, y).mean()) - lowest, []
    for _ in range(STEPS):
        A = np.stack([net.logit_gradients(theta, x, y) for theta in w])  # (seeds, n, 1)
        G = np.stack([net.per_example_gradients(theta, x, y) for theta in w])  # (seeds, n, d)
        medoids = facility_location(A[:, V].reshape(-1, R, 1), M)
        S = np.take_along_axis(np.tile(V, (SEEDS, 1)), medoids.indices, axis=1).reshape(SEEDS, len(V), M)
        gamma = medoids.weights.reshape(SEEDS, len(V), M, 1)
        u = (gamma * np.stack([G[s][S[s]] for s in range(SEEDS)])).sum(2) / R  # (seeds, subsets, d)
        g, mean = G.mean(1), u.mean(1)
        square, off = (g**2).sum(1), ((mean - g) ** 2).sum(1)
        rows.append((square, off, ((u - mean[:, None]) ** 2).sum(2).mean(1)))
        w = w - step / L_s * u[np.arange(SEEDS), rng.integers(len(V), size=SEEDS)]
    squares, bias, v = (np.array(row) for row in zip(*rows))
    gap = np.array([net.losses(theta, x, y).mean() for theta in w]) - lowest
    return Run(D0, step / L_s, squares, bias, v, gap)


def bounds(run: Run, L_s: float, steps: int) -> float:
    """The safe bound for so many steps: the better of case 1 (eps, where it is below 1) and case 2 (bias)."""
    v, eps = float(run.v[:steps].mean()), math.sqrt((run.bias / run.squares)[:steps].max())
    bias = math.sqrt(run.bias[:steps].mean())
    found = [theory.mean_square_gradient(run.D0, steps, run.eta, L_s, v, bias=bias)]
    if eps < 1:
        found.append(theory.mean_square_gradient(run.D0, steps, run.eta, L_s, v, eps=eps))
    return min(found)


def theorem(kind: str, salt: int = 0) -> Verdict:
    """Mean of |grad L|^2 over steps and seeds, 5 standard errors up, against the bound after 20, 40 and all steps.

    eps is the largest of the steps taken; bias and v are means over them and the seeds.
    """
    L_s, holds = problem(kind).L_s, True
    for step in (1.0, 0.25):
        run = descend(kind, step)
        for steps in (20, 40, STEPS):
            each = run.squares[:steps].mean(0)
            measured, bound = float(each.mean()), bounds(run, L_s, steps)
            holds &= measured + 5 * each.std(ddof=1) / math.sqrt(SEEDS) <= bound
    return Verdict(bound, measured, bool(holds))


def one_coreset(kind: str, steps: int = 3000, salt: int = 0) -> Verdict:
    """A planted violation: one coreset, chosen at w_0, for the whole training, held to the bound of an unbiased one."""
    net, x, y, L_s, _, lowest = problem(kind)
    w = START * np.ones(net.size) / math.sqrt(net.size)
    D0, squares = float(net.losses(w, x, y).mean()) - lowest, []
    medoids = facility_location(net.logit_gradients(w, x, y)[:R], M)
    batch = weighted(medoids.indices, medoids.weights)
    for _ in range(steps):
        squares.append(float((net.gradient(w, x, y) ** 2).sum()))
        w = w - net.gradient(w, x[batch.indices], y[batch.indices], batch.weights) / L_s
    bound = theory.mean_square_gradient(D0, steps, 1 / L_s, L_s, 0.0)
    return Verdict(bound, float(np.mean(squares)), bool(np.mean(squares) <= bound))


def theorem_picture(kind: str):
    """A picture of both sides for one kind of problem."""

    def picture(figure) -> None:
        run, steps = descend(kind), np.arange(1, STEPS + 1)
        axes = figure.add_subplot()
        axes.loglog(steps, [bounds(run, problem(kind).L_s, t) for t in steps], "k-", label="bound, safe form")
        axes.loglog(steps, np.cumsum(run.squares, axis=0) / steps[:, None], color="#0072B2", lw=0.6, alpha=0.5)
        axes.loglog(steps, np.cumsum(run.squares.mean(1)) / steps, color="#0072B2", label="24 seeds and their mean")
        axes.set(xlabel="steps N", ylabel=r"mean of $|\nabla L(w_t)|^2$ over t < N", title=kind)
        axes.legend(frameon=False)

    return picture


def linear_rate(noise: bool = True, salt: int = 0) -> Verdict:
    """L(w_N) - L* over seeds, 5 standard errors up, against the bound for strongly convex losses."""
    own, run = problem("strongly convex"), descend("strongly convex")
    v, bias = (float(run.v.max()), math.sqrt(run.bias.max())) if noise else (0.0, 0.0)
    bound = theory.strongly_convex_gap(run.D0, STEPS, run.eta, own.L_s, own.mu, v, bias)
    error = 5 * run.gap.std(ddof=1) / math.sqrt(SEEDS)
    return Verdict(bound, float(run.gap.mean()), bool(run.gap.mean() + error <= bound))


# ---- the rate


GRID = [(r, N) for r in (4, 16, 64) for N in (1024, 4096, 16384)]
D0, SIGMA = 0.5, 2.0


@cache
def rate_table(shrinks: bool = True):
    """(cells, seeds) mean of w^2 along SGD on L = w^2/2 = mean (w - t_i)^2/2 + const from w = 1, and (cells,) exactly.

    A step sees the mean of r targets of variance sigma^2; shrinks=False: always of 4.
    """
    rng, seeds = stream(0, "claims", "rate"), 24
    found, exact = [], []
    for r, N in GRID:
        eta, batch = theory.step_size(D0, N, 1.0, SIGMA, r), r if shrinks else 4
        w, total = np.ones(seeds), np.zeros(seeds)
        for noise in SIGMA / math.sqrt(batch) * rng.standard_normal((N, seeds)):
            total += w * w
            w = w - eta * (w - noise)
        found.append(total / N)
        exact.append(theory.quadratic_mean_square(np.ones(1), np.ones(1), eta, SIGMA**2 / batch, N))
    return np.array(found), np.array(exact)


def exponents(values):
    """Least-squares exponents of r and of N in values (cells, ...)."""
    axes = np.column_stack([np.log(np.array(GRID, float)), np.ones(len(GRID))])
    return np.linalg.lstsq(axes, np.log(values), rcond=None)[0][:2]


def exponent(shrinks: bool = True, salt: int = 0) -> Verdict:
    """The exponent of r N, -1/2, fitted to r and to N each, with the 5-sigma interval of the seeds' mean.

    It must be narrower than 0.05 to each side and lie within 0.1 of -1/2; the 9 means must obey B_N, and be within 5
    standard errors of their exact values. measured: the exponent that is further off.
    """
    found, exact = rate_table(shrinks)
    slopes = exponents(found)  # (2, seeds)
    half = 5 * slopes.std(axis=1, ddof=1) / math.sqrt(found.shape[1])
    z = (found.mean(1) - exact) / (found.std(axis=1, ddof=1) / math.sqrt(found.shape[1]))
    below = all(value <= theory.rate(D0, N, 1.0, SIGMA, r) for value, (r, N) in zip(found.mean(1), GRID))
    worst = slopes.mean(1)[np.abs(slopes.mean(1) + 0.5).argmax()]
    good = (np.abs(slopes.mean(1) + 0.5) + half < 0.1).all() and (half < 0.05).all()
    return Verdict(-0.5, float(worst), bool(good and below and (np.abs(z) < 5).all()))


def rate_picture(figure) -> None:
    found, _ = rate_table()
    axes = figure.add_subplot()
    product = np.array([r * N for r, N in GRID], float)
    for r, colour in zip((4, 16, 64), ("#0072B2", "#D55E00", "#009E73")):
        own = [k for k, cell in enumerate(GRID) if cell[0] == r]
        axes.loglog(product[own], found[own], ".", color=colour, alpha=0.3)
        axes.loglog(product[own], found[own].mean(1), "o", color=colour, label=f"r = {r}")
    line = np.sort(product)
    bound = 2 * SIGMA * math.sqrt(2 * D0) / np.sqrt(line)
    axes.loglog(line, bound, "k-", label=r"the bound's part in $1/\sqrt{rN}$")
    axes.set(xlabel="examples in subsets, r N", ylabel=r"mean of $|\nabla L(w_t)|^2$")
    axes.legend(frameon=False)


def least_steps(nu: float, r: int) -> int:
    """Least N with mean |grad L|^2 <= nu^2 on L = w^2/2 from w = 1, exactly, with the theorem's step for that N."""

    def enough(N):
        eta = theory.step_size(D0, N, 1.0, SIGMA, r)
        return theory.quadratic_mean_square(np.ones(1), np.ones(1), min(eta, 0.999), SIGMA**2 / r, N) <= nu**2

    low, high = 0, 1
    while not enough(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def speed_up(m: int = 16, r: int = 64, salt: int = 0) -> Verdict:
    """N(m)/N(r) at nu = 0.4, 0.2, 0.1, 0.05: above 1, growing to r/m as the bound's does; N below the bound's."""
    found, bound = [], []
    for nu in (0.4, 0.2, 0.1, 0.05):
        steps = [least_steps(nu, size) for size in (m, r)]
        limits = [theory.iterations(nu, D0, 1.0, SIGMA, size) for size in (m, r)]
        if any(N > math.ceil(limit) for N, limit in zip(steps, limits)):
            return Verdict(limits[0], steps[0], False)
        found.append(steps[0] / steps[1])
        bound.append(limits[0] / limits[1])
    grows = all(1 < a < b <= 1.25 * 4 for a, b in zip(found, found[1:]))
    return Verdict(bound[-1], found[-1], bool(grows and all(a < b <= 4 for a, b in zip(bound, bound[1:]))))


# ---- where nothing is promised


def smallest_slope(bias: float, start: float, steps: int) -> float:
    """Least |grad L| while training on ONE of two examples with targets -bias and bias: its gradient is off by bias."""
    net = Network([Linear(1, 1)], SquaredError())
    oracle = Oracle(net, Dataset(np.zeros((2, 1)), np.array([-bias, bias]), "two"), np.array([0.0, start]))
    theta, optimizer, least = oracle.theta.copy(), SGD(0.5, 0.0), math.inf
    memory = optimizer.init(theta)
    for _ in range(steps):
        Learner(oracle).move(theta, oracle.statistics)
        least = min(least, float(np.linalg.norm(oracle.gradient(uniform([0, 1])))))
        memory = optimizer.update(theta, oracle.gradient(uniform([1])), memory)
    return least


def no_guarantee(bias: float = 1.5, nu: float = 1.2, salt: int = 0) -> Verdict:
    """eps = 1.5 >= nu^2 = 1.44, and above nu: |grad L| stays above nu. bound: nu; measured: its least value."""
    least = smallest_slope(bias, 5.0, 2000)
    return Verdict(nu, least, math.isinf(theory.iterations(nu, 12.5, 1.0, 0.0, 1, bias=bias)) and least > nu)


def printed_promise(bias: float = 3.0, nu: float = 2.0, salt: int = 0) -> Verdict:
    """eps = 3 < nu^2 = 4: case 2 as printed is content with N steps; after 10 N, |grad L| has never been below nu."""
    N = theory.printed_iterations(nu, 12.5, 1.0, bias, 1, eps=bias)
    least = smallest_slope(bias, 5.0, math.ceil(10 * N))
    return Verdict(nu, least, math.isfinite(N) and least > nu)


CLAIMS = (
    *(
        Claim(f"theorem.{kind.replace(' ', '-')}", "mean |grad L|^2 <= (2 D0/(N eta) + bias^2 + L_s eta v)/(1 - eps^2)",
              "CREST Thm 4.1, safe form", f"{kind}; eps, bias, v exact", lambda kind=kind: theorem(kind),
              lambda kind=kind: one_coreset(kind), 6 * FALSE_ALARM, theorem_picture(kind))
        for kind in ("strongly convex", "convex", "not convex")
    ),
    Claim("theorem.linear", "L - L* <= (1 - eta mu)^N D0 + (bias^2 + L_s eta v)/(2 mu)", "derived",
          "strongly convex; bias, v exact", linear_rate, partial(linear_rate, noise=False), FALSE_ALARM),
    Claim("rate.exponent", "mean |grad L|^2 falls as (r N)^(-1/2), in r and in N", "CREST Thm 4.1",
          "quadratic, noise sigma^2/r", exponent, partial(exponent, shrinks=False), 20 * FALSE_ALARM, rate_picture),
    Claim("rate.speed-up", "N(m)/N(r) grows to r/m = 4 as nu -> 0: at nu = 0.05", "CREST Thm 4.1",
          "quadratic, exact moments", speed_up, partial(speed_up, r=16)),
    Claim("bias.no-guarantee", "eps >= nu^2, eps >= nu: |grad L| never gets to nu", "CREST Thm 4.1, case 2",
          "bias of constant size eps", no_guarantee, partial(no_guarantee, bias=0.3)),
    Claim("bias.printed", "printed: eps < nu^2 suffices. It does not where eps >= nu > 1", "counter-example",
          "case 2 of Theorem 4.1", printed_promise, partial(printed_promise, bias=1.0)),
)  # fmt: skip
