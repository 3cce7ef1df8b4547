"""Mini-batches: bias and variance of random ones, of one weighted coreset's and of CREST's, by complete enumeration.

On 12 examples every mini-batch, every random subset and its coreset can be listed, so the numbers are exact.
"""

from __future__ import annotations

import itertools
import math
from functools import partial

import numpy as np

from minicrest.batch import uniform, weighted
from minicrest.datasets import Dataset
from minicrest.datasets.synthetic import spirals
from minicrest.learner import Learner
from minicrest.nn import Tanh, mlp
from minicrest.oracle import Batch, Oracle
from minicrest.random import stream
from minicrest.selection.craig import Craig
from minicrest.selection.crest import Crest
from minicrest.selection.random import Random
from minicrest.submodular import facility_location
from minicrest.theory import bounds as theory
from minicrest.theory.claims.base import Claim, Verdict, check_bound
from minicrest.theory.claims.pools import M, N, R, coresets, errors, gradients, parts, pool, residuals, square, subsets
from minicrest.theory.claims.verdicts import exact, provided, seeds

TOL = 1e-9  # relative: float64 sums of at most 1848^2 terms
FALSE_ALARM = 6e-7  # of one |z| > 5, two-sided


# ---- random mini-batches


def random_batches(replacement: bool = False, salt: int = 0) -> Verdict:
    """Bias and mean square of every batch of m, and of 4000 that `Random` proposes, against the formula."""
    oracle = pool(salt)
    G, formula = gradients(oracle), theory.random_batch_error(gradients(oracle), M)
    every = np.array(list(itertools.product(range(N), repeat=M))) if replacement else subsets(N, M)
    bias, variance = parts(errors(G, every))
    method = Random(m=M)
    state, drawn = method.init(oracle), []
    for _ in range(4000):
        batch, state = method.propose(state, oracle)
        drawn.append(batch.indices)
    found = (errors(G, np.array(drawn)) ** 2).sum(1)
    z = (found.mean() - formula) / (found.std(ddof=1) / math.sqrt(len(found)))
    return provided(bias < TOL and abs(z) < 5, exact(formula, variance, "="))


def balanced(stratified: bool = True, salt: int = 0) -> Verdict:
    """Mean over ALL class-balanced subsets of 2 + 2 from classes of 18 and 2: the weighted mean is right.

    The plain one (stratified=False) is off by 0.4 (mu_1 - mu_0). measured: |bias| / |mu_1 - mu_0|.
    """
    rng, net, y = stream(salt, "claims", "balanced"), mlp((2, 2)), np.repeat([0, 1], [18, 2])
    oracle = Oracle(net, Dataset(rng.standard_normal((20, 2)) + y[:, None], y, "9 to 1"), rng.standard_normal(net.size))
    V = np.array([(*pair, 18, 19) for pair in subsets(18, 2)])
    weights = np.array([1.8, 1.8, 0.2, 0.2]) if stratified else np.ones(4)  # (n_c / n) (r / r_c)
    found = np.mean([oracle.gradient(Batch(i, weights)) for i in V], axis=0)
    G = gradients(oracle)
    gap = np.linalg.norm(G[18:].mean(0) - G[:18].mean(0))
    bias = float(np.linalg.norm(found - G.mean(0)) / gap)
    return Verdict(TOL, bias, bias < TOL)


# ---- coresets of random subsets


def error_bound(needs_residual: bool = True, salt: int = 0) -> Verdict:
    """Largest E |error|^2 / bound over 20 pools, in the space of p - y; without L(S): as good as V itself."""
    worst = 0.0
    for seed in seeds(20, salt):
        oracle = pool(seed)
        A, (V, S, gamma) = gradients(oracle, proxies=True), coresets(oracle)
        L = residuals(A, V, S) if needs_residual else np.zeros(len(V))
        worst = max(worst, square(errors(A, S, gamma * M / R)) / theory.coreset_error(A, L, R))
    return exact(1.0, worst)


def bias_bound(unbiased: bool = False, salt: int = 0) -> Verdict:
    """Largest |E xi| / (E L(S) / r) over 20 pools, in the space of p - y; unbiased: claims that it is 0."""
    worst = 0.0
    for seed in seeds(20, salt):
        oracle = pool(seed)
        A, (V, S, gamma) = gradients(oracle, proxies=True), coresets(oracle)
        bias = math.sqrt(parts(errors(A, S, gamma * M / R))[0])
        worst = max(worst, bias / theory.coreset_bias(residuals(A, V, S), R))
    return exact(TOL if unbiased else 1.0, worst)


def premise(steps: int = 200, salt: int = 0) -> Verdict:
    """log10 of |E xi| / |gbar|, the mean over 8 pools: below 0 at the start, above 0 after `steps` of gradient descent.

    A little weight decay gives each pool a minimum, where gbar is 0 and E xi is not.
    """

    def eps(oracle):
        G, (_, S, gamma) = gradients(oracle), coresets(oracle)
        return math.log10(math.sqrt(parts(errors(G, S, gamma * M / R))[0]) / np.linalg.norm(G.mean(0)))

    pools = [pool(seed, 0.05) for seed in seeds(8, salt)]
    first = np.mean([eps(oracle) for oracle in pools])
    for oracle in pools:
        for _ in range(steps):
            Learner(oracle).move(oracle.theta - oracle.gradient(uniform(range(N))), oracle.statistics)
    return provided(first < 0, exact(0.0, np.mean([eps(oracle) for oracle in pools]), ">="))


def dependence(paired: bool = True, salt: int = 0) -> Verdict:
    """|2 E xi.zeta| as a part of E |xi + zeta|^2, exact, mean of 8 pools; or xi, zeta of independent subsets."""

    def part(seed):
        oracle = pool(seed)
        G, (V, S, gamma) = gradients(oracle), coresets(oracle)
        zeta = errors(G, V)
        xi = errors(G, S, gamma * M / R) - zeta
        cross = (xi * zeta).sum(1).mean() if paired else xi.mean(0) @ zeta.mean(0)
        return abs(float(2 * cross / square(xi + zeta)))

    return exact(0.01, np.mean([part(seed) for seed in seeds(8, salt)]), ">=")


def draws(r: int = R, salt: int = 0) -> Verdict:
    """|z| of the mean square error of 3000 coresets that `Crest` chose, against all V's; each must be one."""
    oracle, crest = pool(salt), Crest(m=M, r=r, b=3000, longest=3000, h=1e-9, order=1, lazy=False, T2=20, floor=0.0)
    region = crest.propose(crest.init(oracle), oracle)[1].region
    G, (_, S, gamma) = gradients(oracle), coresets(oracle)
    expected = square(errors(G, S, gamma * M / R))
    found = (errors(G, region.indices, region.gamma * M / r) ** 2).sum(1)
    z = abs(found.mean() - expected) / (found.std(ddof=1) / math.sqrt(len(found)))
    known = {(*i, *w) for i, w in zip(S.tolist(), gamma.tolist())}
    listed = all((*i, *w) in known for i, w in zip(region.indices.tolist(), region.gamma.tolist()))
    return Verdict(5.0, float(z), bool(z < 5 and listed))


def ratios(seed: int, steps: int, equal: bool = False) -> np.ndarray:
    """(2,) E of a coreset's error over E of m at random: in p - y, and in the whole gradient.

    Softmax regression on 1000 points after `steps` of gradient descent; 40 coresets of m = 20 from r = 100, or
    (equal) as many of V's first m with equal weights.
    """
    rng, net = stream(seed, "claims", "gain"), mlp((10, 5))
    x, y = rng.standard_normal((1000, 10)), rng.integers(0, 5, 1000)
    x[np.arange(1000), y] += 1.5
    theta = net.initialize(seed, "float64")
    for _ in range(steps):
        theta -= 0.5 * net.gradient(theta, x, y)
    V = np.stack([rng.choice(1000, 100, replace=False) for _ in range(40)])
    spaces = net.logit_gradients(theta, x, y), net.per_example_gradients(theta, x, y)
    medoids = facility_location(spaces[0][V], 20)
    chosen = np.take_along_axis(V, medoids.indices, axis=1), medoids.weights * 20 / 100
    batch = (V[:, :20], None) if equal else chosen
    return np.array([square(errors(G, *batch)) / theory.random_batch_error(G, 20) for G in spaces])


def gain(space: int = 0, bound: float = 0.3, steps: int = 0, equal: bool = False, salt: int = 0) -> Verdict:
    """The mean over seeds in one of the spaces of `ratios`; r/m = 5 at best leaves 0.2."""
    return check_bound(lambda seed: ratios(seed, steps, equal)[space], bound, salt=salt)


def gain_picture(figure) -> None:
    """What a coreset gains over random examples, against the steps of training before."""
    steps = [0, 5, 20, 50, 200]
    found = np.array([[ratios(seed, t) for seed in range(3)] for t in steps])  # (steps, seeds, 2)
    axes = figure.add_subplot()
    names = ("$p - y$, where it was chosen", "#0072B2"), ("the whole gradient", "#D55E00")
    for k, (name, colour) in enumerate(names):
        axes.plot(range(len(steps)), found[:, :, k].mean(1), "o-", color=colour, label=name)
    axes.axhline(1, color="k", label="m = 20 at random")
    axes.axhline(0.2, color="k", ls=":", label="r = 100 at random")
    axes.set_xticks(range(len(steps)), steps)
    axes.set(xlabel="steps of gradient descent before", ylabel="squared error of a coreset of 20,\nm at random = 1")
    axes.set_ylim(0, 1.4)
    axes.legend(frameon=False, ncols=2)


def union(one: bool = False, salt: int = 0) -> Verdict:
    """Largest |g - gbar|^2 / mean_p |g_p - gbar|^2 over 20 regions, g the model's gradient (or its first coreset's)."""
    worst, crest = 0.0, Crest(m=8, r=40, smooth=False, order=1, b=5, lazy=False, T2=20, floor=0.0)
    for seed in seeds(20, salt):
        net = mlp((2, 8, 3), Tanh)
        oracle = Oracle(net, spirals(200, seed=seed), net.initialize(seed, "float64"), seed=seed)
        region = crest.propose(crest.init(oracle), oracle)[1].region
        every = oracle.gradient(uniform(range(200)))
        own = np.array([oracle.gradient(weighted(S, gamma)) for S, gamma in zip(region.indices, region.gamma)])
        g = own[0] if one else region.model.gradient
        worst = max(worst, ((g - every) ** 2).sum() / square(own - every))
    return exact(1.0, worst)


def many(subsets_: int = 2, salt: int = 0) -> Verdict:
    """Mean square of the mean of two coresets, over all pairs, against |bias|^2 + variance / 2."""
    oracle = pool(salt)
    G, (_, S, gamma) = gradients(oracle), coresets(oracle)
    error = errors(G, S, gamma * M / R)
    bias, variance = parts(error)
    pairs = (2 * square(error) + 2 * float((error @ error.T).mean())) / 4  # |e + f|^2 = |e|^2 + |f|^2 + 2 e.f
    bound = (bias if subsets_ == 2 else 0.0) + variance / 2
    return exact(bound, pairs, "=")


# ---- one weighted coreset


def single(renormalised: bool = False, salt: int = 0) -> Verdict:
    """Mean square error of all mini-batches of CRAIG's coreset of 6, against the formula; variance above CREST's.

    bound: CREST's variance; measured: that of the single coreset's mini-batches.
    """
    oracle = pool(salt)
    subset = Craig(m=M, fraction=R / N).propose(Craig(m=M, fraction=R / N).init(oracle), oracle)[1].subset
    G, places = gradients(oracle), subsets(len(subset.indices), M)
    weights = subset.weights[places]
    if renormalised:
        weights = weights / weights.mean(1, keepdims=True)
    bias, variance = parts(errors(G, subset.indices[places], weights))
    predicted = theory.single_coreset_error(G, subset.indices, subset.weights, M)
    _, S, gamma = coresets(oracle)
    own = parts(errors(G, S, gamma * M / R))[1]
    return provided(math.isclose(bias + variance, predicted, rel_tol=TOL), exact(own, variance, ">="))


def single_picture(figure) -> None:
    """Bias and variance of four kinds of mini-batches."""
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


def excluded(factor: float = math.sqrt(2), salt: int = 0) -> Verdict:
    """Largest |p - y| of examples of loss below alpha = 0.1, in 2 to 10 classes; also |g_i| / sqrt(|h|^2 + 1)."""
    worst, bound = 0.0, theory.excluded_gradient(0.1) * factor / math.sqrt(2)
    for C in range(2, 11):
        rng, net = stream(salt, "claims", "excluded", C), mlp((C, C))
        x, y = 4 * rng.standard_normal((20_000, C)), rng.integers(0, C, 20_000)
        theta = np.concatenate([np.eye(C).ravel(), np.zeros(C)])  # logits are inputs
        found, norms = net.answers(theta, x, y), net.gradient_norms(theta, x, y)
        learned = found.losses < 0.1
        own = np.linalg.norm(found.logit_gradients, axis=1)
        layer = norms / np.sqrt((x**2).sum(1) + 1)
        worst = max(worst, own[learned].max(), layer[learned].max())
    return Verdict(bound, float(worst), bool(worst < bound))


def dropped(scaled: bool = True, salt: int = 0) -> Verdict:
    """Largest |gbar - (n - s)/n kept mean| over its bound, every set of 4 of 12 in 5 pools; or without the factor."""
    worst = 0.0
    for seed in seeds(5, salt):
        G = gradients(pool(seed))
        norms = np.linalg.norm(G, axis=1)
        for D in subsets(N, 4):
            kept = np.delete(G, D, axis=0).mean(0) * ((N - 4) / N if scaled else 1)
            worst = max(worst, np.linalg.norm(G.mean(0) - kept) / theory.dropped_shift(norms[D].max(), 4, N))
    return exact(1.0, worst)


CLAIMS = (
    Claim("batch.random", "no bias, variance sigma^2/m (n - m)/(n - 1)", "textbook; CREST section 4",
          "m of n without replacement", random_batches, partial(random_batches, replacement=True), FALSE_ALARM,
          direction="="),
    Claim("subset.balanced", "weights (n_c/n)(r/r_c) make a class-balanced subset unbiased", "derived",
          "classes 18 and 2, 2 + 2 drawn", balanced, partial(balanced, stratified=False)),
    Claim("coreset.error", "E|error|^2 <= (sqrt(E|zeta|^2) + sqrt(E L(S)^2)/r)^2: ratio", "derived; CREST eq. 4",
          "error measured in p - y", error_bound, partial(error_bound, needs_residual=False)),
    Claim("coreset.bias", "|E xi| <= E L(S)/r: ratio", "CREST eq. 4",
          "error measured in p - y", bias_bound, partial(bias_bound, unbiased=True)),
    Claim("coreset.dependence", "printed: E xi.zeta = 0. It is not: its part of the error", "counter-example",
          "xi, zeta of the same V", dependence, partial(dependence, paired=False), direction=">="),
    Claim("coreset.premise", "case 1 asks |E xi| < |gbar|: true at first, false near a minimum. log10 of the ratio",
          "counter-example", "12 examples, 200 steps of descent", premise, partial(premise, steps=0), direction=">="),
    Claim("coreset.draws", "CREST's coresets are those of uniform V: |z| of the error", "CREST alg. 1",
          "V drawn from all examples", draws, partial(draws, r=5), FALSE_ALARM),
    Claim("coreset.gain", "error of m medoids of r = 5 m, in p - y, to that of m at random",
          "empirical; CREST fig. 2", "softmax regression, initial", gain,
          partial(gain, equal=True), 1e-6, gain_picture),
    Claim("coreset.whole", "the same in the whole gradient: much less is gained", "empirical; CREST fig. 2",
          "after 50 steps; fails initially", partial(gain, 1, 0.6, 50), partial(gain, 1, 0.6, 0), 1e-6),
    Claim("coreset.union", "|mean g_p - gbar|^2 <= mean |g_p - gbar|^2: ratio", "convexity",
          "P coresets of equal size", union, partial(union, one=True)),
    Claim("coreset.many", "mean of P coresets: |bias|^2 + variance/P, not 0 as P grows", "derived",
          "independent subsets; P = 2", many, partial(many, subsets_=0), direction="="),
    Claim("coreset.single", "one weighted coreset: variance of its mini-batches > CREST's", "CREST section 3",
          "exact, 12 examples, m 2", single, partial(single, renormalised=True), 0.0, single_picture, ">="),
    Claim("exclusion.gradient", "loss < alpha: |p - y| < sqrt(2)(1 - e^-alpha)", "derived; CREST section 4.3",
          "cross-entropy, alpha = 0.1", excluded, partial(excluded, factor=1.0)),
    Claim("exclusion.mean", "|gbar - (n - s)/n kept mean| <= (s/n) max |g_i|: ratio", "CREST section 4.3",
          "none", dropped, partial(dropped, scaled=False)),
)  # fmt: skip
