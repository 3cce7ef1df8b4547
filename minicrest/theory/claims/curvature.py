"""Curvature: what Hutchinson's probes know, and what their moving average makes of it.

Most claims are exact: on a network of 7 parameters all 2^7 sign probes can be tried, one by one.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from functools import partial

import numpy as np

from minicrest.nn import Conv2d, Flatten, Linear, LogisticLoss, Network, SoftmaxCrossEntropy, Tanh, mlp
from minicrest.random import stream
from minicrest.taylor import (
    MovingAverage,
    hutchinson_diagonal,
    hutchinson_trace,
    rademacher,
    root_mean_square,
)
from minicrest.theory import bounds as theory
from minicrest.theory.claims.base import Claim, Verdict, check_bound
from minicrest.theory.claims.verdicts import exact, provided

TOL = 1e-9  # relative: float64 sums of at most 3^7 terms, far from cancelling
FALSE_ALARM = 6e-7  # of one |z| > 5, two-sided


def small(seed: int = 0):
    """(net, theta, x, y): tanh, 7 parameters, 20 examples of two classes; smooth, and its Hessian is not diagonal."""
    rng, net = stream(seed, "claims", "small"), mlp((1, 2, 1), Tanh, LogisticLoss())
    x = rng.standard_normal((20, 1))
    return net, rng.standard_normal(net.size), x, (x[:, 0] + rng.standard_normal(20) > 0).astype("int64")


def hessian(net, theta, x, y):
    """(d, d), a product with each axis."""
    return net.hvp(theta, x, y, np.eye(net.size))


def signs(d: int):
    """(2^d, d) every sign probe."""
    return np.array(list(itertools.product((-1.0, 1.0), repeat=d)))


def normal_probes(d: int):
    """(3^d, d) probes and (3^d,) weights whose moments up to the fifth are a standard normal's: Gauss-Hermite."""
    z = np.array(list(itertools.product((-math.sqrt(3), 0.0, math.sqrt(3)), repeat=d)))
    return z, np.where(z == 0, 2 / 3, 1 / 6).prod(1)


def apart(found, expected) -> float:
    """Largest difference, relative to the largest value expected."""
    return float(np.abs(np.asarray(found) - expected).max() / np.abs(expected).max())


# ---- Hutchinson's estimates


def trace(probes: str = "signs", formula: str = "signs", salt: int = 0) -> Verdict:
    """Mean and variance of the trace over all probes of one kind, against the formula of one kind."""
    net, theta, x, y = small(salt)
    H, d = hessian(net, theta, x, y), net.size
    z, p = (signs(d), np.full(2**d, 2.0**-d)) if probes == "signs" else normal_probes(d)
    found = np.array([hutchinson_trace(lambda v: v @ H, probe[None]) for probe in z])
    direct = hutchinson_trace(lambda v: net.hvp(theta, x, y, v), z[:1])
    mean, bound = p @ found, theory.trace_variance(H, normal=formula == "normal")
    variance = p @ (found - mean) ** 2
    right = math.isclose(mean, np.trace(H), rel_tol=TOL) and math.isclose(direct, found[0], rel_tol=TOL)
    return provided(right, exact(bound, variance, "="))


def diagonal(shared: bool = False, salt: int = 0) -> Verdict:
    """Mean and covariance of the diagonal over all sign probes; shared: one sign for two of the coordinates."""
    net, theta, x, y = small(salt)
    H, z = hessian(net, theta, x, y), signs(net.size)
    if shared:
        z[:, 1] = z[:, 0]
    found = np.array([hutchinson_diagonal(lambda v: net.hvp(theta, x, y, v), probe[None]) for probe in z])  # (2^d, d)
    expected = theory.diagonal_covariance(H)
    covariance = np.cov(found.T, bias=True)
    worst = max(apart(found.mean(0), np.diag(H)), apart(covariance, expected))
    return exact(TOL, worst)


def wide(seed: int = 0):
    """(H, its diagonal by the network's own recursion) of a ReLU network of 75 parameters on 60 examples."""
    rng, net = stream(seed, "claims", "probes"), mlp((8, 6, 3))
    theta, x, y = net.initialize(seed, "float64"), rng.standard_normal((60, 8)), rng.integers(0, 3, 60)
    return hessian(net, theta, x, y), net.hessian_diagonal(theta, x, y)


def probes(error: float = 0.5, K: int | None = None, salt: int = 0) -> Verdict:
    """Mean square error of the diagonal, relative, with the K that theory asks for: as derived, so below error^2.

    It may be off by a twentieth from its exact value, which for K probes is the sum of the variances.
    """
    H, diagonal = wide(salt)
    K, size = K or theory.probes_needed(H, error), float((diagonal**2).sum())
    variance = theory.off_diagonal(H) / K / size

    def square(seed):
        z = rademacher(stream(seed, "claims", "probe"), (K, len(H)))
        return float(((hutchinson_diagonal(lambda v: v @ H, z) - diagonal) ** 2).sum()) / size

    as_derived = check_bound(square, variance, direction="=", tolerance=0.05 * variance, limit=8192, salt=salt)
    right = apart(diagonal, np.diag(H)) < TOL and as_derived.holds is not False
    verdict = exact(error**2, variance)
    return replace(provided(right, verdict), measured=as_derived.measured, samples=as_derived.samples)


def probes_picture(figure) -> None:
    """The error of the diagonal against the bill of its probes."""
    H, diagonal = wide()
    K = 2 ** np.arange(9)
    z = rademacher(stream(0, "claims", "probes picture"), (200, int(K[-1]), len(H)))
    each = z * (z @ H)
    size = np.linalg.norm(diagonal)
    found = [np.sqrt(((each[:, :k].mean(1) - diagonal) ** 2).sum(1).mean()) / size for k in K]
    axes = figure.add_subplot()
    axes.loglog(4 * K, np.sqrt(theory.off_diagonal(H) / K / (diagonal**2).sum()), "k-", label="theory, $1/\\sqrt{K}$")
    axes.loglog(4 * K, found, "o", color="#0072B2", label="measured, 200 repetitions")
    axes.axvline(1 + 2 * 3, color="#D55E00", ls="--", label="price of the exact diagonal, 3 classes")
    axes.set(xlabel="bill, forward passes per example (4 a probe)", ylabel="RMS error / norm of the diagonal")
    axes.legend(frameon=False)


# ---- moving averages


def smoothing_limit(square_first: bool = True, T: int = 20_000, beta: float = 0.999, salt: int = 0) -> Verdict:
    """The smoothed curvature of a constant H after T one-probe steps: |z| of every entry against the row norm.

    The standard deviation is exact: that of D_i^2 over all sign probes times that of the average's weights.
    """
    net, theta, x, y = small(salt)
    H = hessian(net, theta, x, y)
    D = lambda z: z * (z @ H)  # noqa: E731
    average = MovingAverage(beta)
    for row in D(rademacher(stream(salt, "claims", "smoothing"), (T, net.size))):
        average = average.update(row * row if square_first else row)
    found = root_mean_square(average) if square_first else np.abs(average.mean)
    weights = math.sqrt((1 - beta) / (1 + beta) * (1 + beta**T) / (1 - beta**T))
    z = (found**2 - theory.smoothed_curvature(H) ** 2) / ((D(signs(net.size)) ** 2).std(0) * weights)
    return Verdict(5.0, float(np.abs(z).max()), bool(np.abs(z).max() < 5 and (found > np.abs(np.diag(H))).all()))


def smoothing_picture(figure) -> None:
    """Three smoothed curvatures, step by step, with the row norms that they tend to."""
    net, theta, x, y = small()
    H, average, seen = hessian(net, theta, x, y), MovingAverage(0.999), []
    for z in rademacher(stream(0, "claims", "smoothing"), (5000, net.size)):
        average = average.update((z * (z @ H)) ** 2)
        seen.append(root_mean_square(average))
    axes = figure.add_subplot()
    for i, colour in zip((0, 1, 6), ("#0072B2", "#D55E00", "#009E73")):
        axes.plot(np.array(seen)[:, i], color=colour, label=f"smoothed $H_{{{i}{i}}}$")
        axes.axhline(theory.smoothed_curvature(H)[i], color=colour, ls="--")
        axes.axhline(abs(H[i, i]), color=colour, ls=":")
    axes.set(xlabel="steps, one probe each", ylabel="curvature (dashed: row norm; dotted: $|H_{ii}|$)", ylim=(0, None))
    axes.legend(frameon=False)


def correction(corrected: bool = True, salt: int = 0) -> Verdict:
    """A constant c, averaged for 50 steps with both of the paper's factors: largest |mean / c - 1|."""
    c, worst = np.array([3.0, -0.25, 7.0]), 0.0
    for beta in (0.9, 0.999):
        first, second = MovingAverage(beta), MovingAverage(beta)
        for _ in range(50):
            first, second = first.update(c), second.update(c * c)
            means = (first.mean, root_mean_square(second)) if corrected else (first.total, np.sqrt(second.total))
            worst = max(worst, np.abs(means[0] / c - 1).max(), np.abs(means[1] / np.abs(c) - 1).max())
    return exact(TOL, worst)


# ---- products


def product(diagonal_only: bool = False, salt: int = 0) -> Verdict:
    """Hv against the central difference of the gradient, and u'Hv = v'Hu; dense and convolutional, tanh."""
    rng = stream(salt, "claims", "product")
    image = Network([Conv2d(1, 2, kernel=3), Tanh(), Flatten(), Linear(2 * 2 * 2, 3)], SoftmaxCrossEntropy())
    worst = 0.0
    for net, x in ((mlp((4, 5, 3), Tanh), rng.standard_normal((9, 4))), (image, rng.standard_normal((9, 1, 4, 4)))):
        theta, y = net.initialize(1, "float64"), rng.integers(0, 3, 9)
        u, v = rng.standard_normal((2, net.size))
        Hu, Hv = net.hvp(theta, x, y, np.stack([u, v]))
        if diagonal_only:
            Hu, Hv = np.diag(hessian(net, theta, x, y)) * (u, v)
        e = 1e-5  # error of the difference e^2, rounding 1e-16 / e: both below 1e-9
        difference = (net.gradient(theta + e * v, x, y) - net.gradient(theta - e * v, x, y)) / (2 * e)
        symmetric = math.isclose(u @ Hv, v @ Hu, rel_tol=TOL)
        worst = max(worst, apart(Hv, difference), 0.0 if symmetric else math.inf)
    return exact(1e-6, worst)


CLAIMS = (
    Claim("hutchinson.trace", "mean tr H, variance 2 sum_{i!=j} H_ij^2 over all sign probes", "Hutchinson 1990",
          "signs, H symmetric", trace, partial(trace, "normal"), direction="="),
    Claim("hutchinson.normal", "normal probes have variance 2 |H|_F^2: more, by the diagonal", "Hutchinson 1990",
          "normal probes", partial(trace, "normal", "normal"), partial(trace, "signs", "normal"), direction="="),
    Claim("hutchinson.diagonal", "mean diag H; covariance H_ij^2, variance sum_{j!=i} H_ij^2", "Bekas 2007; derived",
          "independent signs", diagonal, partial(diagonal, shared=True)),
    Claim("hutchinson.probes", "K = off(H) / (error |diag H|)^2 probes give that relative error", "derived",
          "independent signs", probes, partial(probes, K=1), 1e-6, probes_picture),
    Claim("smoothing.limit", "smoothed curvature tends to row norms of H, above |H_ii|", "CREST eq. 9; derived",
          "constant H, one probe a step", smoothing_limit, partial(smoothing_limit, square_first=False),
          7 * FALSE_ALARM, smoothing_picture),
    Claim("smoothing.correction", "a constant comes out of both averages unchanged, from step 1", "CREST eq. 8-9",
          "bias correction", correction, partial(correction, corrected=False)),
    Claim("hessian.product", "Hv is the derivative of the gradient along v, and symmetric", "Pearlmutter 1994",
          "smooth layers", product, partial(product, diagonal_only=True)),
)  # fmt: skip
