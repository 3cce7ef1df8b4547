"""Bounds of moving averages, and bounds that hold with high probability and not only in the mean.

bounds.py has the conventions, and the letters of its convergence part. All is derived here.
"""

from __future__ import annotations

import math

import numpy as np

from minicrest.theory.inputs import checked

# ---- moving averages


@checked
def averaging(beta: float, t: float = math.inf) -> float:
    """(1 - beta)/(1 + beta) (1 + beta^t)/(1 - beta^t): variance of a bias-corrected moving average over that of a term.

    Of t independent terms of equal variance; t = inf is what it tends to: averaged Hutchinson has this part of the
    variance of one probe. Derived: the weights a_k = (1 - beta) beta^k / (1 - beta^t), k = 0..t-1, sum to 1, and
    sum a_k^2 = (1 - beta)^2 (1 - beta^2t) / ((1 - beta^2) (1 - beta^t)^2).
    """
    rest = beta**t
    return (1 - beta) / (1 + beta) * (1 + rest) / (1 - rest)


@checked
def averaged_lag(beta: float, t: float = math.inf) -> float:
    """sum_k k a_k = beta/(1 - beta) - t beta^t/(1 - beta^t): how many steps old the average's terms are, on average."""
    rest = beta**t
    return beta / (1 - beta) - (t * rest / (1 - rest) if math.isfinite(t) else 0.0)


@checked
def averaged_error(variance: float, beta: float, t: float = math.inf, drift: float = 0.0) -> float:
    """E |average of D_s - diag H_t|^2 <= (drift averaged_lag)^2 + variance averaging, for a Hessian that drifts.

    D_s (d,): an unbiased estimate of diag H_s from a probe of its own, as Hutchinson's.  variance >= E |D_s - diag
    H_s|^2 for every s <= t, for constant H the trace of diagonal_covariance.  drift >= |diag H_{s+1} - diag H_s|.
    Derived: the mean of the average is sum a_k diag H_{t-k}, at most sum a_k k drift from diag H_t, and the noises are
    independent, so their squares add with a_k^2. Exact at drift = 0 and equal variances; the two parts are least
    together at an inner beta.
    """
    return (drift * averaged_lag(beta, t)) ** 2 + variance * averaging(beta, t)


@checked
def diagonal_noise(H, probes: int = 1) -> float:
    """E |D - diag H|^2 = sum_{i != j} H_ij^2 / K of Hutchinson's diagonal of H (d, d) from K sign probes.

    The trace of bounds.diagonal_covariance, and what averaged_error takes for its variance.

    >>> diagonal_noise([[2.0, 1.0], [1.0, 3.0]], probes=4)
    0.5
    """
    return float((H * H).sum() - (np.diag(H) ** 2).sum()) / probes


# ---- with high probability


@checked
def likely_gradient(mean_square: float, failure: float, repeats: int = 1) -> float:
    """min_t |grad L(w_t)|^2 <= mean_square / failure^(1/repeats), except with probability `failure`.

    mean_square: a bound on (1/N) sum_t E |grad L(w_t)|^2 (mean_square_gradient).  repeats: independent trainings, of
    which the best is taken. Derived, by Markov's inequality: each fails to reach mean_square / p with probability at
    most p, and all of them with p^repeats.
    """
    return mean_square / failure ** (1 / repeats)


@checked
def likely_mean_square_gradient(
    D0: float, N: int, eta: float, L_s: float, M: float, failure: float, eps: float = 0.0, bias: float = 0.0
) -> float:
    """(1/N) sum_t |grad L(w_t)|^2 <= (4 D0/(N eta) + (2 + a) bias^2 + 2 a M^2 + 8 M^2 ln(1/failure)/N) / c, of ONE run.

    Except with probability `failure`; a = L_s eta, c = 1 + a - (2 + a) eps^2. Assumes what mean_square_gradient does
    (L smooth, eta <= 1/L_s, |b|^2 <= eps^2 |g|^2 + bias^2), and that the noise z = u - E[u | w] has |z| <= M always.
    Derivation. u = g + b + z in the smoothness inequality, with -g.(g + b) + |g + b|^2/2 = (|b|^2 - |g|^2)/2, gives
        L(w - eta u) <= L - (eta/2) |g|^2 + (eta/2) |b|^2 + L_s eta^2 |z|^2 / 2 + X,  X = -eta z.((1 - a) g - a b).
    X has mean 0, and X^2 <= x^2 = eta^2 M^2 ((1 - a) |g|^2 + a |b|^2) by convexity. By Hoeffding E e^(sX) <=
    e^(s^2 x^2 / 2), so e^(s sum X - s^2 sum x^2 / 2) is a supermartingale, and by Markov's inequality
        sum X <= (s/2) sum x^2 + ln(1/failure) / s,  except with probability `failure`; take s = 1 / (2 eta M^2).
    Then (s/2) sum x^2 is (eta/4) sum ((1 - a) |g|^2 + a |b|^2), which the other terms in |g|^2 pay for. Sum over t.
    """
    a = L_s * eta
    c = 1 + a - (2 + a) * eps**2
    if a > 1 + 1e-12 or c <= 0:
        raise ValueError(f"needs eta <= 1/L_s and eps^2 < (1 + a)/(2 + a), got a = eta L_s = {a} and eps = {eps}")
    return (4 * D0 / (N * eta) + (2 + a) * bias**2 + 2 * a * M**2 + 8 * M**2 * math.log(1 / failure) / N) / c
