"""Curvature: what Hutchinson's probes know, what their moving average makes of it, and when a quadratic model pays.

Most claims are exact: on a network of 7 parameters all 2^7 sign probes can be tried, one by one.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from functools import cache, partial

import numpy as np

from minicrest.datasets.synthetic import spirals
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
from minicrest.theory.check import tightest
from minicrest.theory.claims.base import Claim, Verdict, check_bound
from minicrest.theory.claims.verdicts import exact, paired, provided

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
    H, diagonal = wide()
    K = 2 ** np.arange(9)
    z = rademacher(stream(0, "claims", "probes picture"), (200, int(K[-1]), len(H)))
    each = z * (z @ H)
    found = [np.sqrt(((each[:, :k].mean(1) - diagonal) ** 2).sum(1).mean()) for k in K] / np.linalg.norm(diagonal)
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


def directions(d: int, count: int = 64, seed: int = 0):
    """(count, d) unit vectors, uniform on the sphere."""
    u = stream(seed, "claims", "directions").standard_normal((count, d))
    return u / np.linalg.norm(u, axis=1, keepdims=True)


def orders(axis_only: bool = True, salt: int = 0) -> Verdict:
    """Orders of the models' RMS errors: 2 linear, 2 diagonal, 3 full; the diagonal has 3 along the axes.

    The RMS is over 64 directions, or all axes, so that no direction without curvature hides an order; from a distance
    of 2e-4 to one of 4e-4. Their squares' sizes must be what model_error's derivation says: h and u'Hu as measured.
    axis_only=False asks for 3 along any direction, which the diagonal cannot give.
    """
    net, theta, x, y = small(salt)
    sizes, everywhere = np.array([2e-4, 4e-4]), directions(net.size, seed=salt)

    def rms(u):
        found = [misses(net, theta, x, y, one, sizes) for one in u]
        return {name: np.sqrt(np.mean([one[name] ** 2 for one in found], axis=0)) for name in found[0]}

    error, H = rms(everywhere), hessian(net, theta, x, y)
    error["axis"] = rms(np.eye(net.size) if axis_only else everywhere)["diagonal"]
    expected = {"linear": 2, "diagonal": 2, "full": 3, "axis": 3}
    worst = max(abs(math.log2(error[name][1] / error[name][0]) - order) for name, order in expected.items())
    missed = np.einsum("ki,ij,kj->k", everywhere, H, everywhere) - everywhere**2 @ np.diag(H)
    coefficient = error["diagonal"][0] / sizes[0] ** 2 / (math.sqrt((missed**2).mean()) / 2)
    return provided(abs(coefficient - 1) < 0.01, exact(0.05, worst))


def travelled(seed: int, steps: int = 4, before: int = 50):
    """(4,) errors of four models after `steps` of SGD with momentum: linear, diagonal, row norms, full Hessian.

    The models are of the loss of all 300 examples, and are made where `before` steps have led.
    """
    data, net, rng = spirals(300, seed=seed), mlp((2, 16, 3), Tanh), stream(seed, "claims", "travelled")
    w, velocity, path = net.initialize(seed, "float64"), np.zeros(net.size), []
    for _ in range(before + steps):
        path.append(w)
        i = rng.choice(300, 40, replace=False)
        velocity = 0.9 * velocity + net.gradient(w, data.x[i], data.y[i])
        w = w - 0.1 * velocity
    start = path[before]
    H, delta = hessian(net, start, data.x, data.y), w - start
    change = net.losses(w, data.x, data.y).mean() - net.losses(start, data.x, data.y).mean()
    missed = change - net.gradient(start, data.x, data.y) @ delta
    models = 0.0, np.diag(H) @ delta**2, theory.smoothed_curvature(H) @ delta**2, delta @ H @ delta
    return np.abs([missed - model / 2 for model in models])


def path(model: int = 1, salt: int = 0) -> Verdict:
    """Mean error of the diagonal model against 0.6 of the linear one's: above; row norms: below 0.8, full: below 0.2.

    model: the one that is said to be little better than the linear one; 3 is the full one, which is far better.
    """
    found = cache(travelled)

    def part(k, times, direction="<="):
        return paired(lambda seed: (found(seed)[k], times * found(seed)[0]), direction=direction, salt=salt)

    diagonal, others = part(model, 0.6, ">="), [part(2, 0.8), part(3, 0.2)]
    return tightest([diagonal, *others]) if not all(other.holds for other in others) else diagonal


def path_picture(figure) -> None:
    steps = np.arange(1, 17)
    found = np.array([[travelled(seed, step) for seed in range(10)] for step in steps]).mean(1)  # (steps, models)
    axes = figure.add_subplot()
    names = ("linear", "k"), ("exact diagonal", "#D55E00"), ("row norms", "#009E73"), ("full", "#0072B2")
    for k, (name, colour) in enumerate(names):
        axes.semilogy(steps, found[:, k], "o-", color=colour, label=f"{name} model")
    axes.set(xlabel="steps of SGD since the model was made", ylabel="mean of |model - loss| (nats)")
    axes.legend(frameon=False)


def orders_picture(figure) -> None:
    net, theta, x, y = small()
    sizes, u = np.logspace(-3, 0, 25), directions(net.size, 1)[0]
    axes = figure.add_subplot()
    found = misses(net, theta, x, y, u, sizes)
    for (name, miss), colour in zip(found.items(), ("k", "#D55E00", "#0072B2")):
        axes.loglog(sizes, miss, color=colour, label=f"{name} model")
    axes.set(xlabel="distance from $w_l$", ylabel="|model - loss| (nats)")
    axes.legend(frameon=False)


def gain(always: bool = False, salt: int = 0) -> Verdict:
    """Mean square of the models' errors over all sign directions, at 40 places: theory against enumeration.

    The smoothed model beats the linear one exactly where 0 < sum of row norms < 2 tr H, which must happen and not
    happen; always=True claims that it always does. bound: places where it should win; measured: where it does.
    """
    net, _, x, y = small(salt)
    worst, predicted, won = 0.0, 0, 0
    for k in range(40):
        H = hessian(net, 2 * stream(salt, "claims", "place", k).standard_normal(net.size), x, y)
        curves = np.einsum("ki,ij,kj->k", signs(net.size), H, signs(net.size))  # d'Hd
        error = {}
        for name, h in (("linear", 0 * np.diag(H)), ("exact", np.diag(H)), ("smooth", theory.smoothed_curvature(H))):
            model = Quadratic(0.0, 0 * h, h)
            error[name] = np.mean([(model.value(d) - c / 2) ** 2 for d, c in zip(signs(net.size), curves)])
            worst = max(worst, abs(error[name] / theory.model_error(H, h) - 1))
        predicted += always or theory.smoothing_helps(H, theory.smoothed_curvature(H))
        won += error["smooth"] < error["linear"]
        worst = max(worst, 0.0 if error["exact"] <= error["linear"] else math.inf)
    return provided(worst <= TOL and 0 < won < 40, exact(predicted, int(won), "="))


CLAIMS = (
    Claim("hutchinson.trace", "mean tr H, variance 2 sum_{i!=j} H_ij^2 over all sign probes", "Hutchinson 1990",
          "signs, H symmetric", trace, partial(trace, "normal"), direction="="),
    Claim("hutchinson.normal", "normal probes have variance 2 |H|_F^2: more, by the diagonal", "Hutchinson 1990",
          "normal probes", partial(trace, "normal", "normal"), partial(trace, "signs", "normal"), direction="="),
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
    Claim("taylor.orders", "model errors are of order s^2, s^2, s^3: linear, diagonal, full; a diagonal buys "
          "an order along an axis only", "CREST eq. 7; Taylor",
          "smooth loss", orders, partial(orders, axis_only=False), picture=orders_picture),
    Claim("taylor.path", "along SGD the exact diagonal leaves over 0.6 of the linear model's error, row norms under "
          "0.8, the full Hessian under 0.2", "empirical",
          "spirals, tanh, 4 steps with momentum", path, partial(path, model=3), 3e-6, path_picture, ">="),
    Claim("taylor.gain", "smoothed model beats linear iff 0 < sum of row norms < 2 tr H", "derived",
          "sign directions, exact gradient", gain, partial(gain, always=True), direction="="),
)  # fmt: skip
