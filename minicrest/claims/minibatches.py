"""Mini-batches: bias and variance of random ones, of one weighted coreset's and of CREST's, by complete enumeration.

On 12 examples every mini-batch, every random subset and its coreset can be listed, so the numbers are exact.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from minicrest import theory
from minicrest.claims.base import Claim, Verdict
from minicrest.datasets import Dataset
from minicrest.nn import Tanh, mlp
from minicrest.oracle import Batch, Oracle
from minicrest.random import stream
from minicrest.selection.base import uniform, weighted
from minicrest.selection.craig import Craig
from minicrest.selection.crest import Crest
from minicrest.selection.random import Random
from minicrest.submodular import facility_location
from minicrest.synthetic import spirals

N, R, M = 12, 6, 2  # n, r, m of the toy pool
TOL = 1e-9  # relative: float64 sums of at most 924^2 terms
FALSE_ALARM = 6e-7  # of one |z| > 5, two-sided


def pool(seed: int = 0) -> Oracle:
    """12 examples of 3 classes, half of them near one another, and a softmax regression of 9 parameters."""
    rng, net = stream(seed, "claims", "pool"), mlp((2, 3))
    y = np.arange(N) % 3
    x = np.stack([np.cos(2 * y), np.sin(2 * y)], 1) + rng.standard_normal((N, 2)) * np.where(np.arange(N) < 6, 0.2, 1)[:, None]
    return Oracle(net, Dataset(x, y, "pool"), 0.5 * rng.standard_normal(net.size), seed=seed)


def gradients(oracle, proxies: bool = False):
    """(n, d) gradients g_i, or (n, C) proxies p_i - y_i: one question an example."""
    if proxies:
        return oracle.logit_gradients(np.arange(len(oracle)))
    return np.array([oracle.gradient(uniform([i])) for i in range(len(oracle))])


def subsets(n: int, k: int):
    """(count, k) every subset."""
    return np.array(list(itertools.combinations(range(n), k)))


def coresets(oracle, r: int = R, m: int = M):
    """V (count, r) every random subset; S (count, m) its coreset's examples and gamma (count, m)."""
    V = subsets(len(oracle), r)
    medoids = facility_location(oracle.logit_gradients(V), m)
    return V, np.take_along_axis(V, medoids.indices, axis=1), medoids.weights


def residuals(A, V, S):
    """(count,) L(S) = sum_{i in V} min_{j in S} |a_i - a_j|."""
    return np.linalg.norm(A[V][:, :, None] - A[S][:, None], axis=3).min(2).sum(1)


def errors(G, indices, weights=None):
    """(count, d) estimates (1/m) sum w_j g_j less the mean of all; weights (count, m) of mean 1, or None for 1."""
    picked = G[indices] if weights is None else weights[:, :, None] * G[indices]
    return picked.mean(1) - G.mean(0)


def square(error) -> float:
    """Mean of |error|^2."""
    return float((error**2).sum(1).mean())


def parts(error) -> tuple[float, float]:
    """(|bias|^2, variance), whose sum is the mean square."""
    bias = float((error.mean(0) ** 2).sum())
    return bias, square(error) - bias


# ---- random mini-batches


def random_batches(replacement: bool = False) -> Verdict:
    """Bias and mean square of every batch of m, and of 4000 that `Random` proposes, against the formula."""
    oracle = pool()
    G, exact = gradients(oracle), theory.random_batch_error(gradients(oracle), M)
    every = np.array(list(itertools.product(range(N), repeat=M))) if replacement else subsets(N, M)
    bias, variance = parts(errors(G, every))
    method = Random(m=M)
    state, drawn = method.init(oracle), []
    for _ in range(4000):
        batch, state = method.propose(state, oracle)
        drawn.append(batch.indices)
    found = (errors(G, np.array(drawn)) ** 2).sum(1)
    z = (found.mean() - exact) / (found.std(ddof=1) / math.sqrt(len(found)))
    holds = bias < TOL and math.isclose(variance, exact, rel_tol=TOL) and abs(z) < 5
    return Verdict(exact, variance, bool(holds))


def balanced(stratified: bool = True) -> Verdict:
    """Mean over ALL class-balanced subsets of 2 + 2 from classes of 18 and 2: the weighted mean is right.

    The plain one (stratified=False) is off by 0.4 (mu_1 - mu_0). measured: |bias| / |mu_1 - mu_0|.
    """
    rng, net, y = stream(0, "claims", "balanced"), mlp((2, 2)), np.repeat([0, 1], [18, 2])
    oracle = Oracle(net, Dataset(rng.standard_normal((20, 2)) + y[:, None], y, "9 to 1"), rng.standard_normal(net.size))
    V = np.array([(*pair, 18, 19) for pair in subsets(18, 2)])
    weights = np.array([1.8, 1.8, 0.2, 0.2]) if stratified else np.ones(4)  # (n_c / n) (r / r_c)
    found = np.mean([oracle.gradient(Batch(i, weights)) for i in V], axis=0)
    G = gradients(oracle)
    gap = np.linalg.norm(G[18:].mean(0) - G[:18].mean(0))
    bias = float(np.linalg.norm(found - G.mean(0)) / gap)
    return Verdict(TOL, bias, bias < TOL)


# ---- coresets of random subsets


def error_bound(needs_residual: bool = True) -> Verdict:
    """Largest E |error|^2 / bound over 20 pools, in the space of p - y; without L(S): as good as V itself."""
    worst = 0.0
    for seed in range(20):
        oracle = pool(seed)
        A, (V, S, gamma) = gradients(oracle, proxies=True), coresets(oracle)
        L = residuals(A, V, S) if needs_residual else np.zeros(len(V))
        worst = max(worst, square(errors(A, S, gamma * M / R)) / theory.coreset_error(A, L, R))
    return Verdict(1.0, worst, worst <= 1 + TOL)


def bias_bound(unbiased: bool = False) -> Verdict:
    """Largest |E xi| / (E L(S) / r) over 20 pools, in the space of p - y; unbiased: claims that it is 0."""
    worst = 0.0
    for seed in range(20):
        oracle = pool(seed)
        A, (V, S, gamma) = gradients(oracle, proxies=True), coresets(oracle)
        bias = math.sqrt(parts(errors(A, S, gamma * M / R))[0])
        worst = max(worst, bias / theory.coreset_bias(residuals(A, V, S), R))
    bound = TOL if unbiased else 1.0
    return Verdict(bound, worst, worst <= bound)


def dependence(paired: bool = True) -> Verdict:
    """2 E xi.zeta as a part of E |xi + zeta|^2, exactly; paired=False takes xi and zeta from independent subsets."""
    oracle = pool()
    G, (V, S, gamma) = gradients(oracle), coresets(oracle)
    zeta = errors(G, V)
    xi = errors(G, S, gamma * M / R) - zeta
    cross = (xi * zeta).sum(1).mean() if paired else xi.mean(0) @ zeta.mean(0)
    part = float(2 * cross / square(xi + zeta))
    return Verdict(0.01, abs(part), abs(part) > 0.01)


def draws(r: int = R) -> Verdict:
    """|z| of the mean square error of 3000 coresets that `Crest` chose, against all 924; each must be one of them."""
    oracle, crest = pool(), Crest(m=M, r=r, b=3000, longest=3000, h=1e-9, order=1)
    region = crest.propose(crest.init(oracle), oracle)[1].region
    G, (_, S, gamma) = gradients(oracle), coresets(oracle)
    exact = square(errors(G, S, gamma * M / R))
    found = (errors(G, region.indices, region.gamma * M / r) ** 2).sum(1)
    z = abs(found.mean() - exact) / (found.std(ddof=1) / math.sqrt(len(found)))
    known = {(*i, *w) for i, w in zip(S.tolist(), gamma.tolist())}
    listed = all((*i, *w) in known for i, w in zip(region.indices.tolist(), region.gamma.tolist()))
    return Verdict(5.0, float(z), bool(z < 5 and listed))


def ratios(seed: int, equal: bool = False, m: int = 20, r: int = 100) -> tuple[float, float]:
    """(E of a coreset, E of m at random), both over E of r at random: softmax regression, 5000 points, 300 subsets."""
    rng, net = stream(seed, "claims", "gain"), mlp((10, 5))
    x, y = rng.standard_normal((5000, 10)), rng.integers(0, 5, 5000)
    x[np.arange(5000), y] += 1.5
    theta = net.initialize(seed, "float64")
    G = net.per_example_gradients(theta, x, y)
    V = np.stack([rng.choice(5000, r, replace=False) for _ in range(300)])
    medoids = facility_location(net.logit_gradients(theta, x, y)[V], m)
    S = np.take_along_axis(V, medoids.indices, axis=1)
    found = square(errors(G, V[:, :m]) if equal else errors(G, S, medoids.weights * m / r))
    of_r = theory.random_batch_error(G, r)
    return found / of_r, theory.random_batch_error(G, m) / of_r


def gain(equal: bool = False) -> Verdict:
    """Worst of 5 seeds; the coreset's error is at least 0.8 that of r at random, at most 0.6 that of m."""
    found = [ratios(seed, equal) for seed in range(5)]
    worst = max(coreset / of_m for coreset, of_m in found)
    return Verdict(0.6, worst, worst <= 0.6 and min(coreset for coreset, _ in found) >= 0.8)


def union(one: bool = False) -> Verdict:
    """Largest |g - gbar|^2 / mean_p |g_p - gbar|^2 over 20 regions, g the model's gradient (or its first coreset's)."""
    worst, crest = 0.0, Crest(m=8, r=40, smooth=False, order=1, b=5)
    for seed in range(20):
        net = mlp((2, 8, 3), Tanh)
        oracle = Oracle(net, spirals(200, seed=seed), net.initialize(seed, "float64"), seed=seed)
        region = crest.propose(crest.init(oracle), oracle)[1].region
        every = oracle.gradient(uniform(range(200)))
        own = np.array([oracle.gradient(weighted(S, gamma)) for S, gamma in zip(region.indices, region.gamma)])
        g = own[0] if one else region.model.gradient
        worst = max(worst, ((g - every) ** 2).sum() / square(own - every))
    return Verdict(1.0, float(worst), bool(worst <= 1 + TOL))


def many(subsets_: int = 2) -> Verdict:
    """Mean square of the mean of two coresets, over all 924^2 pairs, against |bias|^2 + variance / 2."""
    oracle = pool()
    G, (_, S, gamma) = gradients(oracle), coresets(oracle)
    error = errors(G, S, gamma * M / R)
    bias, variance = parts(error)
    pairs = float((((error[:, None] + error[None]) / 2) ** 2).sum(2).mean())
    bound = (bias if subsets_ == 2 else 0.0) + variance / 2
    return Verdict(bound, pairs, math.isclose(pairs, bound, rel_tol=TOL))


# ---- one weighted coreset


def single(renormalised: bool = False) -> Verdict:
    """Mean square error of all mini-batches of CRAIG's coreset of 6, against the formula; variance above CREST's.

    bound: CREST's variance; measured: that of the single coreset's mini-batches.
    """
    oracle = pool()
    subset = Craig(m=M, fraction=R / N).propose(Craig(m=M, fraction=R / N).init(oracle), oracle)[1].subset
    G, places = gradients(oracle), subsets(len(subset.indices), M)
    weights = subset.weights[places]
    if renormalised:
        weights = weights / weights.mean(1, keepdims=True)
    bias, variance = parts(errors(G, subset.indices[places], weights))
    exact = theory.single_coreset_error(G, subset.indices, subset.weights, M)
    _, S, gamma = coresets(oracle)
    own = parts(errors(G, S, gamma * M / R))[1]
    return Verdict(own, variance, math.isclose(bias + variance, exact, rel_tol=TOL) and variance > own)


def single_picture(figure) -> None:
    oracle = pool()
    G, (V, S, gamma) = gradients(oracle), coresets(oracle)
    subset = Craig(m=M, fraction=R / N).propose(Craig(m=M, fraction=R / N).init(oracle), oracle)[1].subset
    places = subsets(len(subset.indices), M)
    found = {
        f"random, m = {M}": errors(G, subsets(N, M)), f"one coreset of {R},\nbatches of {M}":
        errors(G, subset.indices[places], subset.weights[places]), f"CREST, m = {M}\nof r = {R}":
        errors(G, S, gamma * M / R), f"random, r = {R}": errors(G, V),
    }  # fmt: skip
    axes, scale = figure.add_subplot(), float((G.mean(0) ** 2).sum())
    bias, variance = np.array([parts(error) for error in found.values()]).T / scale
    axes.bar(list(found), variance, color="#0072B2", label="variance")
    axes.bar(list(found), bias, bottom=variance, color="#D55E00", label="bias squared")
    axes.set(ylabel="error of a step's gradient,\nsquared, in $|\\bar g|^2$ (exact, every batch)")
    axes.legend(frameon=False)


# ---- examples left out


def excluded(factor: float = math.sqrt(2)) -> Verdict:
    """Largest |p - y| of examples with loss below alpha = 0.1, by softmax regression on 2 to 10 classes, to the bound."""
    worst, bound = 0.0, theory.excluded_gradient(0.1) * factor / math.sqrt(2)
    for C in range(2, 11):
        rng, net = stream(C, "claims", "excluded"), mlp((C, C))
        x, y = 4 * rng.standard_normal((20_000, C)), rng.integers(0, C, 20_000)
        theta = np.concatenate([np.eye(C).ravel(), np.zeros(C)])  # logits are inputs
        found, norms = net.answers(theta, x, y), net.gradient_norms(theta, x, y)
        learned = found.losses < 0.1
        own = np.linalg.norm(found.logit_gradients, axis=1)
        layer = norms / np.sqrt((x**2).sum(1) + 1)
        worst = max(worst, own[learned].max(), layer[learned].max())
    return Verdict(bound, float(worst), bool(worst < bound))


def dropped(scaled: bool = True) -> Verdict:
    """Largest |gbar - (n - s)/n kept mean| over its bound, over every set of 4 dropped of 12; or without the factor."""
    G = gradients(pool())
    norms, worst = np.linalg.norm(G, axis=1), 0.0
    for D in subsets(N, 4):
        kept = np.delete(G, D, axis=0).mean(0) * ((N - 4) / N if scaled else 1)
        worst = max(worst, np.linalg.norm(G.mean(0) - kept) / theory.dropped_shift(norms[D].max(), 4, N))
    return Verdict(1.0, float(worst), bool(worst <= 1 + TOL))


CLAIMS = (
    Claim("batch.random", "no bias, variance sigma^2/m (n - m)/(n - 1)", "textbook; CREST section 4",
          "m of n without replacement", random_batches, lambda: random_batches(replacement=True), FALSE_ALARM),
    Claim("subset.balanced", "weights (n_c/n)(r/r_c) make a class-balanced subset unbiased", "derived",
          "classes 18 and 2, 2 + 2 drawn", balanced, lambda: balanced(stratified=False)),
    Claim("coreset.error", "E|error|^2 <= (sqrt(E|zeta|^2) + sqrt(E L(S)^2)/r)^2: ratio", "derived; CREST eq. 4",
          "error measured in p - y", error_bound, lambda: error_bound(needs_residual=False)),
    Claim("coreset.bias", "|E xi| <= E L(S)/r: ratio", "CREST eq. 4",
          "error measured in p - y", bias_bound, lambda: bias_bound(unbiased=True)),
    Claim("coreset.dependence", "printed: E xi.zeta = 0. It is not: its part of the error", "counter-example",
          "xi, zeta of the same V", dependence, lambda: dependence(paired=False)),
    Claim("coreset.draws", "CREST's coresets are those of uniform V: |z| of the error", "CREST alg. 1",
          "V drawn from all examples", draws, lambda: draws(r=5), FALSE_ALARM),
    Claim("coreset.gain", "error of m from r: above 0.8 of r's, below 0.6 of m's: ratio to m", "empirical; CREST fig. 2",
          "softmax regression, m 20, r 100", gain, lambda: gain(equal=True)),
    Claim("coreset.union", "|mean g_p - gbar|^2 <= mean |g_p - gbar|^2: ratio", "convexity",
          "P coresets of equal size", union, lambda: union(one=True)),
    Claim("coreset.many", "mean of P coresets: |bias|^2 + variance/P, not 0 as P grows", "derived",
          "independent subsets; P = 2", many, lambda: many(subsets_=0)),
    Claim("coreset.single", "one weighted coreset: variance of its mini-batches > CREST's", "CREST section 3",
          "exact, 12 examples, m 2", single, lambda: single(renormalised=True), picture=single_picture),
    Claim("exclusion.gradient", "loss < alpha: |p - y| < sqrt(2)(1 - e^-alpha)", "derived; CREST section 4.3",
          "cross-entropy, alpha = 0.1", excluded, lambda: excluded(factor=1.0)),
    Claim("exclusion.mean", "dropping s moves (n - s)/n of the mean by <= (s/n) max|g_i|: ratio", "CREST section 4.3",
          "none", dropped, lambda: dropped(scaled=False)),
)  # fmt: skip
