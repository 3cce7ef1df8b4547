"""Rates: how fast SGD falls with r and N, what that saves, and where Theorem 4.1 promises nothing."""

from __future__ import annotations

import math
from functools import cache, partial

import numpy as np

from minicrest.batch import uniform
from minicrest.datasets import Dataset
from minicrest.learner import Learner
from minicrest.nn import Linear, Network, SquaredError
from minicrest.optim import SGD
from minicrest.oracle import Oracle
from minicrest.random import stream
from minicrest.theory import bounds as theory
from minicrest.theory.check import tightest
from minicrest.theory.claims.base import Claim, Verdict, check_bound
from minicrest.theory.claims.verdicts import exact, provided

# ---- the rate


GRID = [(r, N) for r in (4, 16, 64) for N in (1024, 4096, 16384)]
D0, SIGMA = 0.5, 2.0


@cache
def mean_squares(seeds: tuple[int, ...], shrinks: bool = True):
    """(cells, seeds) mean of w^2 along SGD on L = w^2/2 = mean (w - t_i)^2/2 + const from w = 1.

    A step sees the mean of r targets of variance sigma^2; shrinks=False: always of 4.
    """
    found = []
    for r, N in GRID:
        eta, batch = theory.step_size(D0, N, 1.0, SIGMA, r), r if shrinks else 4
        w, total = np.ones(len(seeds)), np.zeros(len(seeds))
        noise = np.array([stream(seed, "claims", "rate", r, N).standard_normal(N) for seed in seeds])
        for z in noise.T * (SIGMA / math.sqrt(batch)):
            total += w * w
            w = w - eta * (w - z)
        found.append(total / N)
    return np.array(found)


def expected(shrinks: bool = True) -> list[float]:
    """What `mean_squares` has as its mean, by the recursion of the moments."""
    one, cells = np.ones(1), [(theory.step_size(D0, N, 1.0, SIGMA, r), r if shrinks else 4, N) for r, N in GRID]
    return [theory.quadratic_mean_square(one, one, eta, SIGMA**2 / batch, N) for eta, batch, N in cells]


def exponents(values):
    """Least-squares exponents of r and of N in values (cells, ...)."""
    axes = np.column_stack([np.log(np.array(GRID, float)), np.ones(len(GRID))])
    return np.linalg.lstsq(axes, np.log(values), rcond=None)[0][:2]


def exponent(shrinks: bool = True, salt: int = 0) -> Verdict:
    """The exponents of r and of N, fitted, within 0.1 of -1/2; the one further off.

    Besides, the 9 means must be within a twentieth of their exact values, and those must obey B_N.
    """

    def fitted(axis):
        def measure(seeds):
            return exponents(mean_squares(tuple(seeds.tolist()), shrinks))[axis]

        return check_bound(measure, -0.5, direction="=", tolerance=0.1, batched=True, salt=salt)

    def cell(k, value):
        def measure(seeds):
            return mean_squares(tuple(seeds.tolist()), shrinks)[k]

        return check_bound(measure, value, direction="=", tolerance=0.05 * value, batched=True, salt=salt)

    below = all(value <= theory.rate(D0, N, 1.0, SIGMA, r) for value, (r, N) in zip(expected(), GRID))
    cells = [cell(k, value) for k, value in enumerate(expected(shrinks))]
    decided = tightest(sorted((fitted(0), fitted(1)), key=lambda verdict: -abs(verdict.measured + 0.5)))
    return provided(below, decided if all(one.holds for one in cells) else tightest([decided, *cells]))


def rate_picture(figure) -> None:
    """The mean square gradient against r N, for three r."""
    found = mean_squares(tuple(range(24)))
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
        for N, limit in zip(steps, limits):
            if N > math.ceil(limit):
                return exact(math.ceil(limit), N)
        found.append(steps[0] / steps[1])
        bound.append(limits[0] / limits[1])
    grows = all(1 < a < b <= 1.25 * 4 for a, b in zip(found, found[1:]))
    return provided(grows and all(a < b <= 4 for a, b in zip(bound, bound[1:])), exact(4.0, found[-1]))


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
    return provided(math.isinf(theory.iterations(nu, 12.5, 1.0, 0.0, 1, bias=bias)), exact(nu, least, ">="))


def printed_promise(bias: float = 3.0, nu: float = 2.0, salt: int = 0) -> Verdict:
    """eps = 3 < nu^2 = 4: case 2 as printed is content with N steps; after 10 N, |grad L| has never been below nu."""
    N = theory.printed_iterations(nu, 12.5, 1.0, bias, 1, eps=bias)
    least = smallest_slope(bias, 5.0, math.ceil(10 * N))
    return provided(math.isfinite(N), exact(nu, least, ">="))


CLAIMS = (
    Claim("rate.exponent", "mean |grad L|^2 falls as (r N)^(-1/2), in r and in N", "CREST Thm 4.1",
          "quadratic, noise sigma^2/r", exponent, partial(exponent, shrinks=False), 11e-6, rate_picture, "="),
    Claim("rate.speed-up", "N(m)/N(r) grows to r/m = 4 as nu -> 0: at nu = 0.05", "CREST Thm 4.1",
          "quadratic, exact moments", speed_up, partial(speed_up, r=16)),
    Claim("bias.no-guarantee", "eps >= nu^2, eps >= nu: |grad L| never gets to nu", "CREST Thm 4.1, case 2",
          "bias of constant size eps", no_guarantee, partial(no_guarantee, bias=0.3), direction=">="),
    Claim("bias.printed", "printed: eps < nu^2 suffices. It does not where eps >= nu > 1", "counter-example",
          "case 2 of Theorem 4.1", printed_promise, partial(printed_promise, bias=1.0), direction=">="),
)  # fmt: skip
