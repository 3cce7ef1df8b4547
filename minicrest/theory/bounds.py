"""The bounds of the theory behind CREST, each as a function: assumptions in, number out.

claims/ measures what these functions promise, on the package's own code. Letters are the paper's (Yang, Kang,
Mirzasoleiman, ICML 2023, arXiv 2306.01244), "CREST" below; what is called "derived" is proved in its docstring.
Arrays are NumPy, on the host, float64; norms are Euclidean. H (d, d) is a symmetric Hessian, G (n, d) the gradients
of n examples, n the examples, r those of a random subset, m those of a mini-batch or of its coreset.
Every function raises ValueError or TypeError, naming the argument, for what it cannot be (inputs.py).
"""

from __future__ import annotations

import math

import numpy as np

from minicrest.theory.inputs import at_most, check_step, checked, curvature_sum, places, same_length

# ---- curvature


@checked
def off_diagonal(H) -> float:
    """sum_{i != j} H_ij^2, H (d, d): all the noise that sign probes see."""
    return float((H * H).sum() - (np.diag(H) ** 2).sum())


@checked
def trace_variance(H, probes: int = 1, normal: bool = False) -> float:
    """Variance of Hutchinson's trace of H (d, d): 2 sum_{i != j} H_ij^2 / K for signs, 2 |H|_F^2 / K for normal probes.

    Assumes K independent probes (Hutchinson 1990). z'Hz - tr H = 2 sum_{i < j} H_ij z_i z_j for signs, whose terms are
    uncorrelated with mean square 1; normal probes add (z_i^2 - 1) H_ii, of variance 2 H_ii^2.
    """
    return 2 * (float((H * H).sum()) if normal else off_diagonal(H)) / probes


@checked
def diagonal_covariance(H, probes: int = 1):
    """(d, d) covariance of Hutchinson's diagonal from K sign probes: sum_{j != i} H_ij^2 / K on it, H_ij^2 / K off it.

    Assumes independent signs (Bekas et al. 2007; derived). D_i = H_ii + sum_{j != i} H_ij z_i z_j, and z_i z_j is
    uncorrelated with every other product: entries i and j share one term, H_ij z_i z_j. Zero where H is diagonal.
    """
    square = H * H - np.diag(np.diag(H) ** 2)
    return (square + np.diag(square.sum(1))) / probes


@checked
def smoothed_curvature(H, probes: int = 1):
    """(d,) what CREST's smoothed curvature (eq. 9) tends to for a constant H: sqrt(H_ii^2 + sum_{j != i} H_ij^2 / K).

    With one probe a step it is the norm of row i and not |H_ii|: the variance of the estimate is squared along with
    its mean. K: probes averaged before squaring. Derived: E D_i^2 = (E D_i)^2 + Var D_i.
    """
    return np.sqrt(np.diag(H) ** 2 + np.diag(diagonal_covariance(H, probes)))


@checked
def probes_needed(H, error: float) -> int:
    """Least K with sqrt(E |D - diag H|^2) <= error * |diag H|, H (d, d), D the mean of K probes. From the variance.

    Raises ValueError for a diagonal of zeros beside other entries: no number of probes is enough.
    """
    noise, diagonal = off_diagonal(H), float((np.diag(H) ** 2).sum())
    if noise and not diagonal:
        raise ValueError("H has only zeros on its diagonal: no number of probes makes a relative error small")
    return max(1, math.ceil(noise / (error**2 * diagonal))) if noise else 1


@checked
def model_error(H, curvature=0.0) -> float:
    """Mean square over all sign directions d of (1/2) d'Hd - (1/2) sum_i h_i d_i^2: what a diagonal model misses.

    = ((tr H - sum h)^2 + 2 sum_{i != j} H_ij^2) / 4. curvature h: (d,), or 0 for the linear model. Assumes an exact
    gradient and a loss that is quadratic over |d| = sqrt(d). Derived: the mean of d'Hd is tr H, its variance that of
    Hutchinson's trace, and sum h_i d_i^2 = sum h for signs.
    """
    return ((np.trace(H) - curvature_sum(curvature, H)) ** 2 + trace_variance(H)) / 4


@checked
def smoothing_helps(H, curvature) -> bool:
    """True if the quadratic model with diagonal `curvature` (d,) beats the linear one over sign directions.

    Exactly where 0 < sum h < 2 tr H (or the same with both signs turned): see model_error. diag H always does unless
    tr H = 0. A smoothed curvature is never negative: where tr H <= 0 it never helps.
    """
    return bool(abs(np.trace(H) - curvature_sum(curvature, H)) < abs(np.trace(H)))


# ---- regions


@checked
def periods(h: float, b: float, H0: float, H: float) -> tuple[int, int]:
    """T1 = max(1, ceil(h |H_0| / |H_l|)) steps between checks, P = ceil(b T1) subsets (CREST section 4, rounded up)."""
    T1 = max(1, math.ceil(h * H0 / H))
    return T1, max(1, math.ceil(b * T1))


@checked
def printed_tau(start_error: float, slope: float, distance: float, loss: float) -> float:
    """The tau that CREST's Theorem 4.1 asks for in case 1: (|grad L(w_l + delta)| - 3 |xi|) |delta| / (2 L).

    start_error: |xi| = eps |grad L(w_l)| at w_l.  slope: |grad L| at w_l + delta.  loss: L there.
    It is meant to give an error below `slope` all through the region, and does only if L is quadratic along delta:
    see endpoint_error.
    """
    return (slope - 3 * start_error) * distance / (2 * loss)


@checked
def endpoint_error(rho: float, loss: float, distance: float, start_error: float, third: float = 0.0) -> float:
    """Largest error of the model's slope along delta at w_l + delta: 2 rho L / |delta| + |xi| + M |delta|^2 / 6.

    rho, loss: the relative error and L at w_l + delta.  start_error: |xi|, error of the model's gradient at w_l.
    third: M, a bound on the third derivative of L along the ray. Assumes F(0) = L(w_l). Derived: for
    f(s) = F(s delta) - L(w_l + s delta) the trapezoid rule is f(1) = (f'(0) + f'(1)) / 2 - f'''(c) / 12, so
    |f'(1)| <= 2 |f(1)| + |f'(0)| + |f'''(c)| / 6; divide by |delta|. Errors orthogonal to delta stay unseen.
    """
    return 2 * rho * loss / distance + start_error + third * distance**2 / 6


LOGISTIC_THIRD = 1 / (6 * math.sqrt(3))  # largest |third derivative| of log(1 + e^z)


@checked
def logistic_third(margins) -> float:
    """M of endpoint_error for the mean logistic loss: mean |a_i . u|^3 / (6 sqrt 3), margins a_i . u (n,), |u| = 1."""
    return float((np.abs(margins) ** 3).mean()) * LOGISTIC_THIRD


# ---- mini-batches


@checked
def spread(G) -> float:
    """sigma^2 = (1/n) sum_i |g_i - mean g|^2, G (n, d) with the rows g_i."""
    return float(((G - G.mean(0)) ** 2).sum(1).mean())


@checked
def random_batch_error(G, m: int) -> float:
    """E |mean of m - mean of all|^2 = sigma^2 / m (n - m) / (n - 1), exactly: m of n rows of G (n, d), no row twice."""
    n = len(G)
    at_most("m", m, "the number of gradients", n)
    return spread(G) / m * (n - m) / (n - 1) if n > 1 else 0.0


@checked
def coreset_bias(residuals, r: int) -> float:
    """|E xi| <= E L(S) / r, L(S) = sum_{i in V} min_{j in S} |g_i - g_j| over all random subsets V of r (CREST eq. 4).

    residuals (t,): L(S) of each V, equally likely, in the gradient space where the error is measured. V's coreset has
    the gradient sum_j gamma_j g_j / r, and by the triangle inequality it is within L(S) / r of V's mean.
    """
    return float(np.mean(residuals)) / r


@checked
def coreset_error(G, residuals, r: int) -> float:
    """E |coreset gradient - mean g|^2 <= (sqrt(E |zeta|^2) + sqrt(E L(S)^2) / r)^2, zeta the error of V's own mean.

    G (n, d) has the rows g_i, residuals (t,) the L(S) of equally likely V.

    Derived, by Minkowski: nothing is said about the dependence of xi (coreset to V) and zeta (V to all), which the
    printed proof takes for independent; they are functions of the same V.
    """
    return (math.sqrt(random_batch_error(G, r)) + math.sqrt(float(np.mean(np.square(residuals)))) / r) ** 2


@checked
def single_coreset_error(G, indices, weights, m: int) -> float:
    """E |(1/m) sum_{B} w_j g_j - mean g|^2 for mini-batches B, m of k without replacement, of ONE weighted coreset.

    = |bias|^2 + (1/m) (k - m) / (k - 1) (1/k) sum_j |w_j g_j - their mean|^2, weights (k,) of mean 1. Derived: the
    batch is a random one of the k vectors w_j g_j. Their spread holds the weights' as well as the gradients', even
    where all g_j are equal: that is why one weighted coreset does not suit SGD.
    """
    same_length("weights", weights, "indices", len(indices := places("indices", indices, len(G))))
    weighted = weights[:, None] * G[indices]
    bias = float(((weighted.mean(0) - G.mean(0)) ** 2).sum())
    return bias + (random_batch_error(weighted, m) if m < len(weighted) else 0.0)


@checked
def excluded_gradient(alpha: float) -> float:
    """|p - y| < sqrt(2) (1 - e^-alpha) for an example of cross-entropy loss below alpha. Attained by two classes.

    Derived: -log p_y < alpha says 1 - p_y < 1 - e^-alpha =: q. p - y is -(1 - p_y) at y, and elsewhere not negative
    with sum 1 - p_y: its square norm is at most (1 - p_y)^2 (1 + 1). Of the last layer: times sqrt(|h|^2 + 1).
    """
    return math.sqrt(2) * -math.expm1(-alpha)


@checked
def dropped_shift(largest: float, s: int, n: int) -> float:
    """|mean g - (n - s)/n mean of the kept g| <= (s/n) max |g_i| over the s dropped. Triangle inequality.

    So examples without gradient, once dropped, multiply the mean by n / (n - s) and do not turn it (CREST section 4.3).
    """
    at_most("s", s, "n", n)
    return s / n * largest


# ---- convergence


@checked
def mean_square_gradient(D0: float, N: int, eta: float, L_s: float, v: float, eps: float = 0.0, bias: float = 0.0):
    """(1/N) sum_t E |grad L(w_t)|^2 <= (2 D0 / (N eta) + bias^2 + L_s eta v) / (1 - eps^2): Theorem 4.1, made safe.

    Assumes: L is L_s-smooth and bounded below, D0 >= L(w_0) - inf L; steps w <- w - eta u with 0 < eta <= 1/L_s;
    b = E[u | w] - grad L obeys |b|^2 <= eps^2 |grad L|^2 + bias^2 and E |u - E u|^2 <= v at every w_t; eps < 1.
    Derivation. With g = grad L(w), smoothness and the mean over u give
        E L(w - eta u) <= L - eta g.(g + b) + (L_s eta^2 / 2) (|g + b|^2 + v),
    and L_s eta <= 1 with  -g.(g + b) + |g + b|^2 / 2 = (|b|^2 - |g|^2) / 2  leaves
        E L(w - eta u) <= L - (eta/2) |g|^2 + (eta/2) |b|^2 + L_s eta^2 v / 2.
    Put in the bound on |b|^2, sum over t = 0..N-1 (L telescopes to at most D0), divide by N eta (1 - eps^2) / 2.
    No independence is needed, and case 1 (eps) and case 2 (bias) of the paper are one formula. As the sum shows, v and
    bias^2 may be the means of what they bound over the steps.

    What does not hold in the proof as printed:
      - midway it asks 1/L_s <= eta < 2/L_s, and ends with eta <= 1/L_s: only eta = 1/L_s meets both;
      - it takes xi (coreset against its V) for independent of zeta (V against all), but S is a function of V: the
        cross term 2 E xi.zeta is not 0 (claims/minibatches.py has its exact value on a pool);
      - it mixes |xi| with |xi|^2: a bias eps leaves eps^2 on the right, so nothing is promised where eps >= nu, in
        place of eps >= nu^2 (printed_iterations); for nu > 1 the printed form promises what is false;
      - in case 1 rho <= tau bounds only the error along delta, and only where L is quadratic there (endpoint_error).
    """
    check_step(eta, L_s, eps)
    return (2 * D0 / (N * eta) + bias**2 + L_s * eta * v) / (1 - eps**2)


@checked
def mean_square_gradient_by_norms(D0: float, N: int, eta: float, L_s: float, v: float, eps: float) -> float:
    """The same by |b| <= eps |g| inside every product: 2 D0 / (N eta (1 - eps)) + L_s eta v / (1 - eps). Never smaller.

    Assumes eta <= (1 - eps) / (L_s (1 + eps)^2). Derived: g.(g + b) >= (1 - eps) |g|^2, |g + b| <= (1 + eps) |g|.
    """
    if not 0 < eta * L_s * (1 + eps) ** 2 <= (1 - eps) * (1 + 1e-12):
        raise ValueError(f"needs 0 < eta <= (1 - eps) / (L_s (1 + eps)^2), got eta = {eta}, L_s = {L_s}, eps = {eps}")
    return 2 * D0 / (N * eta * (1 - eps)) + L_s * eta * v / (1 - eps)


@checked
def strongly_convex_gap(
    D0: float, N: int, eta: float, L_s: float, mu: float, v: float, bias: float = 0.0, eps: float = 0.0
) -> float:
    """E L(w_N) - L* <= (1 - eta mu c)^N D0 + (bias^2 + L_s eta v) / (2 mu c), c = 1 - eps^2: a linear rate.

    Assumes what mean_square_gradient does, and the Polyak-Lojasiewicz inequality |grad L|^2 >= 2 mu (L - L*), convex
    or not: strong convexity implies it with the same mu (Karimi, Nutini, Schmidt 2016). D0 >= L(w_0) - L*.
    Derived: put it into mean_square_gradient's recursion, D <- D - (eta/2) (c |g|^2 - bias^2 - L_s eta v).
    """
    check_step(eta, L_s, eps)
    at_most("mu", mu, "L_s", L_s * (1 + 1e-12))
    c = 1 - eps**2
    return (1 - eta * mu * c) ** N * D0 + (bias**2 + L_s * eta * v) / (2 * mu * c)


@checked
def step_size(D0: float, N: int, L_s: float, sigma: float, r: int) -> float:
    """eta = min(1/L_s, D sqrt(r) / (sigma sqrt(N))), D = sqrt(2 D0 / L_s) (CREST Theorem 4.1; its D made explicit)."""
    return min(1 / L_s, math.sqrt(2 * D0 / L_s * r / N) / sigma) if sigma else 1 / L_s


@checked
def rate(D0: float, N: int, L_s: float, sigma: float, r: int) -> float:
    """B_N = 2 L_s D0 / N + 2 sigma sqrt(2 L_s D0) / sqrt(r N) (CREST Theorem 4.1, mean-square form).

    mean_square_gradient with eps = bias = 0, v = sigma^2 / r and step_size is never above it: 1/eta is at most the sum
    of the two reciprocals.
    """
    return 2 * L_s * D0 / N + 2 * sigma * math.sqrt(2 * L_s * D0) / math.sqrt(r * N)


@checked
def iterations(nu: float, D0: float, L_s: float, sigma: float, r: int, eps: float = 0.0, bias: float = 0.0) -> float:
    """Least N (real) with B_N + bias^2 <= (1 - eps^2) nu^2; infinite where bias^2 >= (1 - eps^2) nu^2.

    Cases 1 and 2 of CREST Theorem 4.1 in the safe form. a/N + c/sqrt(N) = goal is a quadratic equation in sqrt(N).
    Against mini-batches of m it is fewer by a factor that tends to r/m as nu -> 0.
    """
    goal = (1 - eps**2) * nu**2 - bias**2
    if goal <= 0:
        return math.inf
    a, c = 2 * L_s * D0, 2 * sigma * math.sqrt(2 * L_s * D0 / r)
    return ((c + math.sqrt(c * c + 4 * a * goal)) / (2 * goal)) ** 2


@checked
def printed_iterations(nu: float, D0: float, L_s: float, sigma: float, r: int, eps: float = 0.0) -> float:
    """N of CREST Theorem 4.1, case 2, without its constants and logarithms; eps = 0 is case 1; infinite at eps >= nu^2.

    L_s D0 / (nu^2 - eps) (1 + (sigma^2 + r eps^2) / (r (nu^2 - eps))). As printed: see mean_square_gradient's slips.
    """
    goal = nu**2 - eps
    return L_s * D0 / goal * (1 + (sigma**2 + r * eps**2) / (r * goal)) if goal > 0 else math.inf


@checked
def quadratic_mean_square(slopes, curvatures, eta: float, v, N: int) -> float:
    """(1/N) sum_{t < N} E |grad L(w_t)|^2 of SGD on a quadratic, exactly: no bound.

    slopes (d,): grad L(w_0) in H's eigenbasis; curvatures (d,): H's eigenvalues; v (d,) or number: variance of the
    additive noise in each direction. E s_{t+1}^2 = q E s_t^2 + (eta lambda)^2 v with q = (1 - eta lambda)^2, summed as
    a geometric series, or where q = 1 (lambda = 0 or 2 / eta) as an arithmetic one. Derived.
    """
    same_length("curvatures", curvatures, "slopes", len(slopes))
    if np.ndim(v):
        same_length("v", v, "slopes", len(slopes))
    part = eta * curvatures
    falls = part * (2 - part)  # 1 - q
    flat = falls == 0
    falls = np.where(flat, 1, falls)
    series = np.where(flat, N, (1 - (1 - part) ** (2 * N)) / falls)
    noise = np.where(flat, N * (N - 1) / 2, (N - series) / falls)
    return float((slopes**2 * series + part**2 * v * noise).sum() / N)
