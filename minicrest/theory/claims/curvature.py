"""Curvature: what Hutchinson's probes know, what their moving average makes of it, and when a quadratic model pays.

Most claims are exact: on a network of 7 parameters all 2^7 sign probes can be tried, one by one.
"""

from __future__ import annotations

import itertools
import math
from functools import partial

import numpy as np

from minicrest.nn import Conv2d, Flatten, Linear, LogisticLoss, Network, SoftmaxCrossEntropy, Tanh, mlp
from minicrest.random import stream
from minicrest.taylor import (
    MovingAverage,
    Quadratic,
    hutchinson_diagonal,
    hutchinson_trace,
    rademacher,
    root_mean_square,
)
from minicrest.theory import bounds as theory
from minicrest.theory.claims.base import Claim, Verdict, check_bound, salted
from minicrest.theory.claims.verdicts import exact, provided, tightest

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
    return Verdict(TOL, worst, worst <= TOL)


def probes(error: float = 0.5, K: int | None = None, salt: int = 0) -> Verdict:
    """RMS error of the diagonal with the K that theory asks for, over 300 repetitions, against the exact diagonal."""
    rng, net = stream(salt, "claims", "probes"), mlp((8, 6, 3))
    theta, x, y = net.initialize(0, "float64"), rng.standard_normal((60, 8)), rng.integers(0, 3, 60)
    H, exact = hessian(net, theta, x, y), net.hessian_diagonal(theta, x, y)
    K = K or theory.probes_needed(H, error)
    z = rademacher(rng, (300, K, net.size))
    square = np.array([((hutchinson_diagonal(lambda v: v @ H, batch) - exact) ** 2).sum() for batch in z])
    bound = error**2 * (exact**2).sum()
    tight = theory.off_diagonal(H) / K
    beyond = (square.mean() - tight) / (square.std(ddof=1) / math.sqrt(len(square)))
    holds = apart(exact, np.diag(H)) < TOL and tight <= bound and abs(beyond) < 5
    return Verdict(error, float(np.sqrt(square.mean() / (exact**2).sum())), bool(holds))


def probes_picture(figure) -> None:
    rng, net = stream(0, "claims", "probes"), mlp((8, 6, 3))
    theta, x, y = net.initialize(0, "float64"), rng.standard_normal((60, 8)), rng.integers(0, 3, 60)
    H, exact = hessian(net, theta, x, y), net.hessian_diagonal(theta, x, y)
    K = 2 ** np.arange(9)
    z = rademacher(rng, (200, int(K[-1]), net.size))
    each = z * (z @ H)
    found = [np.sqrt(((each[:, :k].mean(1) - exact) ** 2).sum(1).mean() / (exact**2).sum()) for k in K]
    axes = figure.add_subplot()
    axes.loglog(4 * K, np.sqrt(theory.off_diagonal(H) / K / (exact**2).sum()), "k-", label="theory, $1/\\sqrt{K}$")
    axes.loglog(4 * K, found, "o", color="#0072B2", label="measured, 200 repetitions")
    axes.axvline(1 + 2 * 3, color="#D55E00", ls="--", label="price of the exact diagonal, 3 classes")
    axes.set(xlabel="bill, forward passes per example (4 a probe)", ylabel="RMS error / norm of the diagonal")
    axes.legend(frameon=False)


# ---- moving averages


def smoothing_limit(square_first: bool = True, T: int = 20_000, beta: float = 0.999, salt: int = 0) -> Verdict:
    """The smoothed curvature of a constant H after T one-probe steps: |z| of every entry against the row norm.

    The standard deviation is exact: that of D_i^2 over all sign probes times that of the average's weights.
    """
    net, theta, x, y = small()
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
    return Verdict(TOL, float(worst), bool(worst <= TOL))


# ---- products and models


def product(diagonal_only: bool = False, salt: int = 0) -> Verdict:
    """Hv against the central difference of the gradient, and u'Hv = v'Hu; dense and convolutional, tanh."""
    rng = stream(salt, "claims", "product")
    image = Network([Conv2d(1, 2, kernel=3), Tanh(), Flatten(), Linear(2 * 2 * 2, 3)], SoftmaxCrossEntropy())
    worst = 0.0
    for net, x in ((mlp((4, 5, 3), Tanh), rng.standard_normal((9, 4))), (image, rng.standard_normal((9, 1, 4, 4)))):
        theta, y = net.initialize(1, "float64"), rng.integers(0, 3, 9)
        u, v = rng.standard_normal((2, net.size))
        H = hessian(net, theta, x, y)
        hvp = (lambda w, h=np.diag(H): h * w) if diagonal_only else (lambda w: net.hvp(theta, x, y, w))  # noqa: B023
        e = 1e-5  # error of the difference e^2, rounding 1e-16 / e: both below 1e-9
        difference = (net.gradient(theta + e * v, x, y) - net.gradient(theta - e * v, x, y)) / (2 * e)
        symmetric = math.isclose(u @ hvp(v), v @ hvp(u), rel_tol=TOL)
        worst = max(worst, apart(hvp(v), difference), 0.0 if symmetric else math.inf)
    return Verdict(1e-6, worst, worst < 1e-6)


def misses(net, theta, x, y, u, sizes):
    """{model: |L(w + s u) - model| for every s} of the linear, the diagonal and the full quadratic model."""
    g, H, start = net.gradient(theta, x, y), hessian(net, theta, x, y), net.losses(theta, x, y).mean()
    models = {"linear": Quadratic(start, g), "diagonal": Quadratic(start, g, np.diag(H))}
    rest = (u @ H @ u - np.diag(H) @ u**2) / 2  # what the diagonal leaves out
    loss = np.array([net.losses(theta + s * u, x, y).mean() for s in sizes])
    values = {name: np.array([model.value(s * u) for s in sizes]) for name, model in models.items()}
    values["full"] = values["diagonal"] + rest * sizes**2
    return {name: np.abs(loss - value) for name, value in values.items()}


def orders(axis_only: bool = True, salt: int = 0) -> Verdict:
    """Slopes of the models' errors in log-log: 2 linear, 2 diagonal, 3 full; the diagonal has 3 along an axis.

    axis_only=False asks for 3 along any direction, which the diagonal cannot give.
    """
    net, theta, x, y = small()
    sizes, u = np.logspace(-3, -2, 9), stream(salt, "claims", "direction").standard_normal(net.size)
    u /= np.linalg.norm(u)
    slope = lambda miss: float(np.polyfit(np.log(sizes), np.log(miss), 1)[0])  # noqa: E731
    found = {name: slope(miss) for name, miss in misses(net, theta, x, y, u, sizes).items()}
    axis = np.eye(net.size)[0] if axis_only else u
    found["axis"] = slope(misses(net, theta, x, y, axis, sizes)["diagonal"])
    H, miss = hessian(net, theta, x, y), misses(net, theta, x, y, u, np.array([1e-4]))["diagonal"][0]
    coefficient = miss / 1e-8 / abs(u @ H @ u - np.diag(H) @ u**2) * 2
    expected = {"linear": 2, "diagonal": 2, "full": 3, "axis": 3}
    worst = max(abs(found[name] - order) for name, order in expected.items())
    return Verdict(0.05, worst, bool(worst <= 0.05 and abs(coefficient - 1) < 0.01))


def orders_picture(figure) -> None:
    net, theta, x, y = small()
    sizes, u = np.logspace(-3, 0, 25), stream(0, "claims", "direction").standard_normal(net.size)
    axes = figure.add_subplot()
    found = misses(net, theta, x, y, u / np.linalg.norm(u), sizes)
    for (name, miss), colour in zip(found.items(), ("k", "#D55E00", "#0072B2")):
        axes.loglog(sizes, miss, color=colour, label=f"{name} model")
    axes.set(xlabel="distance from $w_l$", ylabel="|model - loss| (nats)")
    axes.legend(frameon=False)


def gain(always: bool = False, salt: int = 0) -> Verdict:
    """Mean square of the models' errors over all sign directions, at 40 places: theory against enumeration.

    The smoothed model beats the linear one exactly where 0 < sum of row norms < 2 tr H, which must happen and not
    happen; always=True claims that it always does. bound: places where it should win; measured: where it does.
    """
    net, _, x, y = small()
    worst, predicted, won = 0.0, 0, 0
    for k in range(40):
        H = hessian(net, 2 * stream(k, "claims", "place").standard_normal(net.size), x, y)
        curves = np.einsum("ki,ij,kj->k", signs(net.size), H, signs(net.size))  # d'Hd
        error = {}
        for name, h in (("linear", 0 * np.diag(H)), ("exact", np.diag(H)), ("smooth", theory.smoothed_curvature(H))):
            model = Quadratic(0.0, 0 * h, h)
            error[name] = np.mean([(model.value(d) - c / 2) ** 2 for d, c in zip(signs(net.size), curves)])
            worst = max(worst, abs(error[name] / theory.model_error(H, h) - 1))
        predicted += always or theory.smoothing_helps(H, theory.smoothed_curvature(H))
        won += error["smooth"] < error["linear"]
        worst = max(worst, 0.0 if error["exact"] <= error["linear"] else math.inf)
    return Verdict(predicted, int(won), bool(worst <= TOL and predicted == won and 0 < won < 40))


CLAIMS = (
    Claim("hutchinson.trace", "mean tr H, variance 2 sum_{i!=j} H_ij^2 over all sign probes", "Hutchinson 1990",
          "signs, H symmetric", trace, partial(trace, "normal")),
    Claim("hutchinson.normal", "normal probes have variance 2 |H|_F^2: more, by the diagonal", "Hutchinson 1990",
          "normal probes", partial(trace, "normal", "normal"), partial(trace, "signs", "normal")),
    Claim("hutchinson.diagonal", "mean diag H; covariance H_ij^2, variance sum_{j!=i} H_ij^2", "Bekas 2007; derived",
          "independent signs", diagonal, partial(diagonal, shared=True)),
    Claim("hutchinson.probes", "K = off(H) / (error |diag H|)^2 probes give that relative error", "derived",
          "independent signs", probes, partial(probes, K=1), FALSE_ALARM, probes_picture),
    Claim("smoothing.limit", "smoothed curvature tends to row norms of H, above |H_ii|", "CREST eq. 9; derived",
          "constant H, one probe a step", smoothing_limit, partial(smoothing_limit, square_first=False),
          7 * FALSE_ALARM, smoothing_picture),
    Claim("smoothing.correction", "a constant comes out of both averages unchanged, from step 1", "CREST eq. 8-9",
          "bias correction", correction, partial(correction, corrected=False)),
    Claim("hessian.product", "Hv is the derivative of the gradient along v, and symmetric", "Pearlmutter 1994",
          "smooth layers", product, partial(product, diagonal_only=True)),
    Claim("taylor.orders", "model errors fall as s^2, s^2, s^3: linear, diagonal, full", "CREST eq. 7; Taylor",
          "smooth loss", orders, partial(orders, axis_only=False), picture=orders_picture),
    Claim("taylor.gain", "smoothed model beats linear iff 0 < sum of row norms < 2 tr H", "derived",
          "sign directions, exact gradient", gain, partial(gain, always=True)),
)  # fmt: skip
