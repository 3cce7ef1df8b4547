"""The bounds of the methods that CREST is compared with, each as a function: assumptions in, number out.

bounds.py has CREST's own, and the conventions: NumPy on the host, float64, Euclidean norms. G (n, d) are the gradients
of n examples, S (k,) the indices of the chosen and gamma (k,) their weights. What is called "derived" is proved in its
docstring; claims/ measures all of it on the package's own code. What an argument cannot be raises ValueError or
TypeError that names it (inputs.py).
"""

from __future__ import annotations

import math

import numpy as np

from minicrest.theory.inputs import at_most, checked, places, same_length

# ---- CRAIG


@checked
def cover(G, S) -> float:
    """L(S) = sum_i min_{j in S} |g_i - g_j| >= |sum_i g_i - sum_j gamma_j g_j|, gamma the sizes of the clusters.

    G (n, d) has the rows g_i, S (k,) some of their numbers.

    CRAIG eq. 8-9 (Mirzasoleiman, Bilmes, Leskovec, ICML 2020); the triangle inequality, for any S, each i counted by
    its nearest j. Distances, not their squares: those bound nothing (shrink all gradients to see it).

    >>> cover([[0.0], [1.0], [5.0]], [0, 2])  # the middle one is 1 away from the first
    1.0
    """
    S = places("S", S, len(G))
    if not len(G[S]):
        raise ValueError("the indices S must hold at least one, got none")
    return float(np.linalg.norm(G[:, None] - G[S], axis=2).min(1).sum())


@checked
def incremental_step(square: float, alpha: float, mu: float, eps: float, total: float, C: float) -> float:
    """|w+ - w*|^2 after a pass of steps alpha gamma_j over S, from `square` before it: CRAIG's Theorem 2, made safe.

    = (1 - alpha mu) D^2 + 2 alpha eps D + alpha^2 total^2 C^2, D^2 = square. Assumes: f = sum_i f_i is mu-strongly
    convex with minimum at w*, every f_j convex, |grad f_j| <= C where the pass goes, total = sum gamma, alpha mu <= 1,
    and |grad f - sum_j gamma_j grad f_j| <= eps on the segment from w* to w.
    Derivation. A step from z, with a = alpha gamma_j, gives
        |z+ - w*|^2 <= |z - w*|^2 - 2 a (f_j(z) - f_j(w*)) + (a C)^2,
    and f_j(z) >= f_j(w) - C |z - w|, |z - w| <= alpha C times the gammas before j. Over the pass all squares make
    (alpha C total)^2 and the rest is -2 alpha (f_S(w) - f_S(w*)), f_S = sum gamma_j f_j. Integrated along the segment
    f_S(w) - f_S(w*) >= f(w) - f(w*) - eps D >= mu D^2 / 2 - eps D.
    """
    return (1 - alpha * mu) * square + 2 * alpha * eps * math.sqrt(square) + (alpha * total * C) ** 2


@checked
def neighbourhood(alpha: float, mu: float, eps: float, total: float, C: float) -> float:
    """|w - w*| at which incremental_step stands: (eps + sqrt(eps^2 + alpha mu total^2 C^2)) / mu.

    2 eps / mu for small alpha. The root of mu D^2 = 2 eps D + alpha total^2 C^2. CRAIG's Theorem 2 (tau = 0) is
    printed with 2 eps R / mu^2 in place of 2 eps R / mu, R a bound on D: see printed_neighbourhood.
    """
    return (eps + math.sqrt(eps**2 + alpha * mu * (total * C) ** 2)) / mu


@checked
def printed_neighbourhood(alpha: float, mu: float, eps: float, total: float, C: float, R: float) -> float:
    """|w - w*| as CRAIG's Theorem 2 is printed: the root of 2 eps R / mu^2 + alpha total^2 C^2 / mu.

    Its first term has not the unit of a squared length: f -> c f, alpha -> alpha / c changes no step, and eps and mu
    grow by c, so it falls by c; for c large it promises what is false. Nor is the printed R = min(|w_0 - w*|, ...) a
    bound on D: from near w* training moves away, to where the coreset's own minimum is. R is given here.
    """
    return math.sqrt(2 * eps * R / mu**2 + alpha * (total * C) ** 2 / mu)


# ---- AdaCore


@checked
def newton_decrease(slope: float, eps: float, alpha: float, beta: float) -> float:
    """L(w) - L(w+) >= |g|^2 / (2 beta) (1 - (1 - (1 - s) alpha / beta)^2), s = beta eps / |g| <= 1; 0 for s > 1.

    AdaCore's Theorem 4.1 (Pooladzandi, Davini, Mirzasoleiman, ICML 2022), in a form that is proved and is larger.
    slope: |g|, g = grad L(w).  Assumes: L is beta-smooth, its Hessian H at w has eigenvalues in [alpha, beta], and
    w+ = w - (alpha / beta) (H^-1 g + e) with |e| <= eps: Newton on a subset.
    Derivation. Let p = H^-1 g and eta = alpha / beta; beta eta = alpha, so smoothness gives
        L(w) - L(w+) >= eta (g.p - (alpha/2) |p|^2 + (g - alpha p).e - (alpha/2) |e|^2).
    In H's eigenbasis, with y = alpha / h in [alpha/beta, 1] and r^2 = mean of (1 - y)^2 weighted by g^2 / |g|^2,
    alpha (g.p) - (alpha^2/2) |p|^2 = |g|^2 (1 - r^2) / 2 and |g - alpha p| = r |g|. So, alpha eps = s |g| alpha / beta,
        L(w) - L(w+) >= |g|^2 / (2 beta) (1 - (r + s alpha / beta)^2),  and r <= 1 - alpha / beta.
    The printed proof bounds the decrease of L by the SUBSET's gradient, which needs an argument that is not given; the
    result, printed_newton_decrease, is smaller than this one: 1 - (1 - x)^2 >= x^2 alpha / beta for x in [0, 1].
    """
    at_most("alpha", alpha, "beta", beta * (1 + 1e-9))
    rest = max(0.0, 1 - beta * eps / slope)
    return slope**2 / (2 * beta) * (1 - (1 - rest * alpha / beta) ** 2)


@checked
def printed_newton_decrease(slope: float, eps: float, alpha: float, beta: float) -> float:
    """alpha^3 / (2 beta^4) (|g| - beta eps)^2: AdaCore's Theorem 4.1 as printed. Only for beta eps <= |g|."""
    return alpha**3 / (2 * beta**4) * max(0.0, slope - beta * eps) ** 2


@checked
def newton_distance(start: float, steps: int, eta: float, eps: float) -> float:
    """|w_t - w*| <= (1 - eta)^t |w_0 - w*| + (1 - (1 - eta)^t) eps on a quadratic, whatever its condition.

    Steps w - eta (H^-1 g + e), |e| <= eps. Derived: H^-1 g = w - w*, so w+ - w* = (1 - eta) (w - w*) - eta e; attained
    by a constant e. AdaCore's Theorem 4.1 promises beta eps / alpha.
    """
    left = (1 - eta) ** steps
    return left * start + (1 - left) * eps


# ---- greedy


GREEDY = 1 - 1 / math.e  # of OPT: f monotone submodular, f({}) = 0, k elements (Nemhauser, Wolsey, Fisher 1978)


@checked
def medoid_cover(empty: float, best: float) -> float:
    """L(S) <= L_0 / e + (1 - 1/e) L*: what greedy's (1 - 1/e) says about the distances that facility location leaves.

    empty: L_0 = n c, c the largest distance.  best: L*, of the best k. F = L_0 - L is the monotone submodular function.
    """
    return empty / math.e + GREEDY * best


@checked
def copy_gain(distance: float, n: int) -> float:
    """L(S) - L(S and e) <= (n - 1)|e - e'| for any e' in S: what a medoid gains by its distance from another. Derived.

    L as in `cover`. No point is nearer to e than its distance from e' less |e - e'|, and e' itself gains nothing;
    attained by points in line behind e. So of near copies the greedy takes one as long as anything else gains more, and
    of exact copies a second only after all else. But it can only take what was drawn.
    """
    return (n - 1) * distance


@checked
def cover_size(largest: float, best: int) -> float:
    """|S| <= (1 + ln max_e F(e)) |S*|, of the greedy that adds elements until F reaches a goal (Wolsey 1982).

    CRAIG states it for its F; it needs F with WHOLE values: in another unit of length the logarithm is another.
    """
    return (1 + math.log(largest)) * best


@checked
def stochastic_missed(n: int, k: int, eps: float) -> float:
    """Probability that none of stochastic greedy's k samples, s = ceil((n/k) ln(1/eps)) of those left, holds a given e.

    At most eps, which is what its (1 - 1/e - eps) OPT rests on (Mirzasoleiman et al. 2015). A product: the t-th
    sample misses e with probability 1 - s / (n - t), if e has not been chosen.
    """
    at_most("k", k, "n", n)
    s = math.ceil(n / k * math.log(1 / eps))
    return math.prod(max(0.0, 1 - s / (n - t)) for t in range(k))


@checked
def greedi_part(parts: int, k: int) -> float:
    """GreeDi: at least (1 - 1/e) / min(parts, k) of OPT, for ANY partition (Mirzasoleiman et al. 2016, Theorem 4)."""
    return GREEDY / min(parts, k)


@checked
def last_cut_gain(similarity, e: int, lam: float) -> float:
    """f(V) - f(V - e) of the graph cut: (1 - 2 lam) sum_{j != e} s_je + (1 - lam) s_ee, its smallest gain. Derived.

    similarity (n, n). So it is monotone for lam <= 1/2, and for a larger lam not, once e is like enough of the others.
    """
    at_most("e", e, "the last column of similarity", similarity.shape[1] - 1)
    others = float(similarity[:, e].sum() - similarity[e, e])
    return (1 - 2 * lam) * others + (1 - lam) * float(similarity[e, e])


# ---- MILO


@checked
def taylor_probabilities(u):
    """(n,) in proportion to 1 + u + u^2/2 (Taylor-softmax of order 2; de Brebisson, Vincent 2016; MILO)."""
    w = 1 + u + u**2 / 2
    return w / w.sum()


@checked
def inclusion_of_two(p):
    """(n,) probability that i is one of 2 drawn without replacement: p_i (1 + sum_{j != i} p_j / (1 - p_j)), not 2 p_i.

    Derived: i first, or j first and then i out of the rest. Sums to 2.

    >>> inclusion_of_two([0.5, 0.25, 0.25]).round(3)
    array([0.833, 0.583, 0.583])
    """
    _check_probabilities(p)
    odds = p / (1 - p)
    return p * (1 + odds.sum() - odds)


@checked
def effective_part(p) -> float:
    """1 / (n sum p^2), p (n,): the part of n that equal probabilities would have to cover; 1 is uniform (Kish).

    >>> effective_part([0.25, 0.25, 0.25, 0.25]), effective_part([1.0, 0.0, 0.0, 0.0])
    (1.0, 0.25)
    """
    _check_probabilities(p)
    return float(1 / (len(p) * (p @ p)))


def _check_probabilities(p) -> None:
    """Raise ValueError unless p (n,) sums to 1."""
    if abs(p.sum() - 1) > 1e-6:
        raise ValueError(f"the probabilities p must sum to 1, they sum to {p.sum():g}")


# ---- scores and dynamic pruning


@checked
def el2n_range(p, C: int):
    """(least, largest) |p - y| of an example whose own class has probability p, of C classes.

    (1 - p) sqrt(C / (C - 1)), the rest spread evenly, and sqrt(2) (1 - p), the rest on one class. Derived: |p - y|^2
    is (1 - p)^2 + sum of squares of C - 1 numbers >= 0 whose sum is 1 - p. With the input h of the last layer, its
    gradient h~ (p - y)', h~ = (h, 1), is longer by sqrt(|h|^2 + 1).
    """
    return (1 - p) * math.sqrt(C / (C - 1)), math.sqrt(2) * (1 - p)


@checked
def running_mean(history, a: float, start: float):
    """(n,) s after the scores u = history (t, n), s <- (1 - a) s + a u: (1-a)^t start + a sum_j (1-a)^(t-j) u_j."""
    return _running_mean(history, a, start)


def _running_mean(history, a, start):
    t = len(history)
    return (1 - a) ** t * start + a * (1 - a) ** np.arange(t - 1, -1, -1.0) @ history


@checked
def running_variance(history, a: float, start: float):
    """(n,) v after them, v <- (1 - a) v + a (u - s)^2 from 0: a sum_j (1-a)^(t-j) (u_j - s_{j-1})^2, s BEFORE u."""
    t = len(history)
    before = np.array([_running_mean(history[:j], a, start) for j in range(t)])
    return a * (1 - a) ** np.arange(t - 1, -1, -1.0) @ (history - before) ** 2


@checked
def alternating(a: float) -> tuple[float, float, float]:
    """(s after a 1, s after a 0, v) that scores 1, 0, 1, ... tend to: 1 / (2 - a), (1 - a) / (2 - a), 1 / (2 - a)^2.

    Derived: s is a cycle of two, and either score is 1 / (2 - a) from the mean before it, so v is constant.
    """
    return 1 / (2 - a), (1 - a) / (2 - a), 1 / (2 - a) ** 2


@checked
def least_c(a: float) -> float:
    """c > a (2 - a) / 2 is when UCB (s + c v) puts a score 1, 0, 1, ... above a constant 1/2 at EVERY checkpoint.

    Derived from `alternating`: (1 - a) / (2 - a) + c / (2 - a)^2 > 1/2. For a smaller c only after each 1.
    """
    return a * (2 - a) / 2


@checked
def never_seen(n: int, k: int, q: int) -> tuple[float, float]:
    """Mean and variance of how many of n are in none of q random subsets of k: n (1 - k/n)^q, and its variance."""
    at_most("k", k, "n", n)
    one = (1 - k / n) ** q
    two = ((1 - k / n) * (n - k - 1) / (n - 1)) ** q
    return n * one, n * one + n * (n - 1) * two - (n * one) ** 2


# ---- GradMatch and InfoBatch


@checked
def match_error(G, target, lam: float) -> float:
    """E_lam = min_w |sum_i w_i g_i - target|^2 + lam |w|^2 over all w (p,), of any sign. G (p, d), p may be 0.

    GradMatch (Killamsetty et al., ICML 2021). Regularised least squares.
    """
    same_length("target", target, "the columns of G", G.shape[1])
    A, b = np.vstack([G.T, math.sqrt(lam) * np.eye(len(G))]), np.append(target, np.zeros(len(G)))
    w = np.linalg.lstsq(A, b, rcond=None)[0]
    return float(((A @ w - b) ** 2).sum())


@checked
def weak_ratio(lam: float, k: int, longest: float) -> float:
    """-E_lam is weakly submodular with ratio >= lam / (lam + k max |g|^2), for sets of k at most.

    The ratio: sum over e in A of what e alone adds to S, over what all of A adds. Known of sparse regression: the
    least eigenvalue of the regularised Gram matrix (lam) over the largest (Das, Kempe 2011; Elenberg et al. 2018).
    """
    return lam / (lam + k * longest**2)


@checked
def infobatch_variance(G, easy, q: float) -> float:
    """E |sum_{kept} w_i g_i - sum_i g_i|^2 = q / (1 - q) sum_{easy} |g_i|^2, and its mean is 0.

    G (n, d) has the rows g_i, easy (k,) some of their numbers, or is (n,) bool. InfoBatch (Qin et al., ICLR
    2024); derived: an easy example counts 1/(1 - q) with probability 1 - q, else 0.
    """
    return q / (1 - q) * float((G[places("easy", easy, len(G))] ** 2).sum())
