"""Answers to tutorial 12: SECOND, right ones written another way, and WRONG ones with words of their hints."""

import math

import numpy as np

from minicrest.theory import bounds as theory


def descent(loss, g, U, eta, L_s):
    """The variance as the mean square less the square of the mean; the terms one by one."""
    mean = sum(U) / len(U)
    variance = np.einsum("kd,kd->", U, U) / len(U) - mean @ mean
    return loss + eta * (np.linalg.norm(mean - g) ** 2 - np.linalg.norm(g) ** 2 + L_s * eta * variance) / 2


def bound(D0, eta, L_s, bias2, v):
    """The package's formula, for each number of steps."""
    return np.array([
        theory.mean_square_gradient(D0, N, eta, L_s, v[:N].mean(), bias=math.sqrt(bias2[:N].mean()))
        for N in range(1, len(v) + 1)
    ])  # fmt: skip


def fits(sizes, values):
    return np.array([np.polyfit(np.log(sizes), np.log(column), 1)[0] for column in values.T])


def slope(sizes, values):
    s = fits(sizes, values)
    return s.mean(), math.sqrt(((s - s.mean()) ** 2).sum() / (len(s) - 1) / len(s))


def steps(nu, D0, L_s, sigma, r, eps, beta):
    """B_N falls with N: bisection, without the formula."""
    goal = (1 - eps**2) * nu**2 - beta**2
    if goal <= 0:
        return 0.0
    low, high = 0.0, 1e12
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (low, middle) if theory.rate(D0, middle, L_s, sigma, r) <= goal else (middle, high)
    return high


SECOND = {"12.descent": descent, "12.bound": bound, "12.slope": slope, "12.steps": steps}

WRONG = [
    ("12.descent", lambda q, g, U, e, s: 2 * (q - e / 2 * g @ g) - descent(q, g, U, e, s) +
        s * e**2 * U.var(0).sum(), "does it help or cost"),
    ("12.descent", lambda q, g, U, e, s: descent(q, g, U, e, s) + e * g @ g, "added to the loss"),
    ("12.descent", lambda q, g, U, e, s: q - e / 2 * g @ g + s * e**2 / 2 * U.var(0).sum(), "bias is left out"),
    ("12.descent", lambda q, g, U, e, s: q + e / 2 * ((U.mean(0) - g) ** 2 - g**2).sum(), "variance is left out"),
    ("12.descent", lambda q, g, U, e, s: descent(q, g, U, e, s) + s * e**2 / 2 * ((U.mean(0) - g) ** 2).sum(),
        "about the gradient"),
    ("12.descent", lambda q, g, U, e, s: q + 2 * (descent(q, g, U, e, s) - q), "halves are missing"),
    ("12.descent", lambda q, g, U, e, s: descent(q, g, U, e, s / e), "not squared"),
    ("12.bound", lambda D0, e, s, b, v: 2 * D0 / e / np.arange(1, len(v) + 1) + (b + s * e * v).mean(), "all N steps"),
    ("12.bound", lambda D0, e, s, b, v: bound(D0, e, s, 0 * b, v), "bias is left out"),
    ("12.bound", lambda D0, e, s, b, v: bound(D0 / 2, e, s, b, v), "2 before D0"),
    ("12.bound", lambda D0, e, s, b, v: bound(D0, e, s, b, v / e), "has no eta"),
    ("12.bound", lambda D0, e, s, b, v: bound(D0, e, s, b, v / 2), "halved"),
    ("12.bound", lambda D0, e, s, b, v: bound(D0, e, s, b, v) * np.arange(1, len(v) + 1), "sum over the steps"),
    ("12.slope", lambda r, v: (slope(r, v)[0], fits(r, v).std(ddof=1)), "of a mean is smaller"),
    ("12.slope", lambda r, v: (slope(r, v)[0], fits(r, v).std() / math.sqrt(v.shape[1])), "ddof 0"),
    ("12.slope", lambda r, v: (-slope(r, v)[0], slope(r, v)[1]), "fall or rise"),
    ("12.slope", lambda r, v: slope(np.exp(r), np.exp(v)), "without logarithms"),
    ("12.slope", lambda r, v: slope(np.exp(r), v), "sizes have no logarithm"),
    ("12.steps", lambda nu, D0, s, sigma, r, eps, beta: steps(nu, D0, s, sigma, r, eps, math.sqrt(beta)), "unsquared"),
    ("12.steps", lambda nu, D0, s, sigma, r, eps, beta: steps(nu, D0, s, sigma, r, 0.0, beta), "eps does nothing"),
    ("12.steps", lambda nu, D0, s, sigma, r, eps, beta: steps(nu, D0, s, sigma, r, eps, 0.0), "beta does nothing"),
    ("12.steps", lambda *q: math.sqrt(steps(*q)), "square root of N"),
    ("12.steps", lambda nu, D0, s, sigma, r, eps, beta: steps(nu, D0, s, sigma, 1, eps, beta), "r is missing"),
    ("12.steps", lambda nu, D0, s, sigma, r, eps, beta: steps(nu, D0, s, sigma, r, math.sqrt(eps), beta),
        "eps is not squared"),
]  # fmt: skip
