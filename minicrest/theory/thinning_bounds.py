"""The bounds of thinning, fresh and lazy coresets: what one forward pass, chosen from, is worth; and of wrong labels.

bounds.py has the conventions: NumPy on the host, float64, Euclidean norms. m examples go forward; example i has a score
s_i >= 0, known from the forward pass, and goes back with probability pi_i, weighted by 1/pi_i. What names no
source is derived here.
"""

from __future__ import annotations

import numpy as np


def thinned_variance(G, pi) -> float:
    """E |ghat - mean g|^2 = (1/m^2) sum_i |g_i|^2 (1/pi_i - 1), ghat = (1/m) sum over the kept of g_i / pi_i, exactly.

    G (m, d) the gradients of V, pi (m,) in (0, 1].  Derived: each is kept independently, so the terms are uncorrelated;
    one is g_i / pi_i with probability pi_i, else 0: mean g_i, mean square |g_i|^2 / pi_i. So ghat is unbiased.
    """
    squares = (np.asarray(G) ** 2).sum(1)
    return float((squares * (1 / pi - 1)).sum()) / len(squares) ** 2


def thinned_variance_bound(s, tau: float, L: float = 1.0) -> float:
    """(L^2/m^2) sum_i s_i (tau - s_i)_+ >= E |ghat - mean g|^2 for pi_i = min(1, s_i / tau), if |g_i| <= L s_i.

    Derived: below tau, s^2 (tau/s - 1) = s (tau - s); from tau on nothing is left to chance.
    """
    return float(L**2 * (s * np.maximum(tau - s, 0)).sum()) / len(s) ** 2


def floor_variance_bound(G, low: float) -> float:
    """(1/m^2) (1/low - 1) sum_i |g_i|^2 >= E |ghat - mean g|^2, G (m, d), for any pi >= low, whatever the scores."""
    return (1 / low - 1) * float((np.asarray(G) ** 2).sum()) / len(G) ** 2


def price_times_square(s, pi, forward: float = 1.0, backward: float = 2.0) -> float:
    """(forward + backward mean pi) mean s^2 / pi, s and pi (m,), over what it is for pi = 1: 1/3 to 1 at the best pi.

    The first factor is the price of an example. The second bounds the error: for V drawn independently, the mean square
    error about the gradient of all is at most (L^2/m) E s^2 / pi. Their product is what an error costs, as it falls
    with 1/m and the price of a step grows with m. Examples with s_i = 0 have no gradient and count as 0.
    """
    some = s > 0
    squares = float((s[some] ** 2 / pi[some]).sum()) / len(s)
    return (forward + backward * float(np.mean(pi))) * squares / ((forward + backward) * float((s * s).mean()))


def best_price_times_square(s, forward: float = 1.0, backward: float = 2.0) -> float:
    """The least value of `price_times_square` over ALL pi in (0, 1]^m: reached by pi = min(1, s/tau), tau^2 = 2 B / A.

    Derived. In u = log pi both A = forward + backward mean pi and B = mean s^2/pi are sums of exponentials, so
    log A + log B is convex, and pi <= 1 is a convex constraint: a stationary point is the minimum. There
    backward/A = s_i^2 / (pi_i^2 B) wherever pi_i < 1, so pi_i = s_i / tau with tau^2 = backward B / A. With k scores
    above tau and Q_k the sum of their squares this reads tau^2 = backward Q_k / (forward m + backward k), and the
    right-hand side is largest at the k that fits. pi = 1 is allowed: never above 1. A >= forward, B >= mean s^2: never
    below forward / (forward + backward).
    """
    s = np.sort(np.asarray(s, dtype=np.float64))[::-1]
    k = np.arange(1, len(s) + 1)
    tau = np.sqrt((backward * np.cumsum(s * s) / (forward * len(s) + backward * k)).max())
    return price_times_square(s, np.minimum(1, s / tau), forward, backward)


def shared_forward_saving(kept: float, forward: float = 1.0, backward: float = 2.0) -> float:
    """1 - (price of a step whose forward pass chooses) / (price where choosing has a forward pass of its own).

    kept: the share of the m examples that go back. m (f + b kept) against m (f + (f + b) kept): what is saved is the
    second forward pass of the kept, between 0 and f / (2 f + b).
    """
    return forward * kept / (forward + (forward + backward) * kept)


def noisy_risk_bounds(risk: float, classes: int, q: float, wrong: float) -> tuple[float, float]:
    """(least, most): the mean of l = (1 - p_y^q)/q over noisy labels, for any p, where it is `risk` over the true ones.

    wrong: the part of the labels that is wrong, each one of the C - 1 other classes with the same probability.
    Source: Zhang, Sabuncu, NeurIPS 2018, Lemma 1 and the proof of Theorem 1 (numbers from memory). With S the mean over
    the examples of the sum of l over all C labels, the noisy mean is (1 - wrong C/(C - 1)) risk + wrong/(C - 1) S. As
    the sum of p_j^q lies between 1 and C^(1-q), S lies between (C - C^(1-q))/q and (C - 1)/q. For q = 1 both are C - 1,
    so as long as wrong < 1 - 1/C what minimises the one mean minimises the other. The S of the cross-entropy has no
    upper bound.
    """
    slope, share = 1 - wrong * classes / (classes - 1), wrong / (classes - 1)
    return slope * risk + share * (classes - classes ** (1 - q)) / q, slope * risk + share * (classes - 1) / q
