"""One forward pass, chosen from: thinning, fresh and lazy coresets; and labels that are wrong."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np

from minicrest.batch import Feedback, uniform
from minicrest.datasets import Dataset
from minicrest.learner import Learner
from minicrest.nn import BatchNorm2d, GeneralizedCrossEntropy, Linear, Network, ReLU, SoftmaxCrossEntropy
from minicrest.optim import SGD
from minicrest.oracle import Oracle
from minicrest.random import stream
from minicrest.selection.crest import Crest
from minicrest.selection.fresh import Fresh
from minicrest.selection.thinning import chances, threshold
from minicrest.submodular import facility_location
from minicrest.theory import thinning_bounds as theory
from minicrest.theory.claims.base import Claim, Verdict
from minicrest.theory.claims.pools import gradients, pool
from minicrest.theory.claims.regions import follow, spiral_oracle

TOL = 1e-9  # relative: float64, sums of up to 64 gradients


def norms(rows) -> np.ndarray:
    """(m,) Euclidean norms of rows (m, d)."""
    return np.linalg.norm(rows, axis=1)


def always(weights):
    """A choice that is these weights, whatever the forward pass says."""
    return lambda feedback: weights


def scores() -> list[np.ndarray]:
    """60 vectors of scores (m,), from nearly equal to one among many."""
    shapes = itertools.product((2, 8, 64), (0.1, 1.0, 4.0, 20.0), range(5))
    return [stream(k, "claims", "scores", m).random(m) ** power + 1e-12 for m, power, k in shapes]


# ---- thinning


def unbiased(renormalised: bool = False, salt: int = 0) -> Verdict:
    """|E ghat - gbar| / |gbar|, and the error of the variance, over all 64 subsets of 6 examples; 5 pools, 2 floors."""
    worst, V = 0.0, np.arange(6)
    for seed, low in itertools.product(range(5), (0.0, 0.3)):
        oracle = pool(seed)
        pi, G = chances(norms(gradients(oracle, proxies=True)[V]), low), gradients(oracle)[V]
        mean, square = np.zeros(G.shape[1]), 0.0
        for kept in itertools.product((True, False), repeat=6):
            weights = np.where(kept, 1 / pi, 0.0)
            if renormalised and any(kept):
                weights *= 6 / weights.sum()
            ghat = Learner(oracle).step(uniform(V), always(weights))[0]
            chance = np.prod(np.where(kept, pi, 1 - pi))
            mean, square = mean + chance * ghat, square + chance * ((ghat - G.mean(0)) ** 2).sum()
        off = float(np.linalg.norm(mean - G.mean(0)) / np.linalg.norm(G.mean(0)))
        worst = max(worst, off, abs(square - theory.thinned_variance(G, pi)) / float((G**2).sum()))
    return Verdict(TOL, worst, worst <= TOL)


def variance(part: float = 1.0, salt: int = 0) -> Verdict:
    """Least bound over the exact variance, with the least L for which |g_i| <= L s_i, 20 pools; part: of tau."""
    least = np.inf
    for seed in range(20):
        s, G = norms(gradients(pool(seed), proxies=True)), gradients(pool(seed))
        exact, L = theory.thinned_variance(G, chances(s)), float((norms(G) / s).max())
        if exact > 0:  # some are left to chance
            least = min(least, theory.thinned_variance_bound(s, part * threshold(s), L) / exact)
    return Verdict(1.0, least, 1 - TOL <= least < np.inf)


def best(factor: float = 1.0, salt: int = 0) -> Verdict:
    """Largest price x square at factor tau, over that at 400 other tau and 400 random pi each; 60 vectors of scores."""
    worst = 0.0
    for k, s in enumerate(scores()):
        mine = theory.price_times_square(s, np.minimum(1, s / (factor * threshold(s))))
        others = [np.minimum(1, s / tau) for tau in np.geomspace(s.min() + 1e-9, 2 * s.max(), 400)]
        rng = stream(k, "claims", "chances")
        near, far = rng.uniform(0.5, 2, (200, len(s))), rng.uniform(1e-3, 1, (200, len(s)))
        others += [np.minimum(1, chances(s) * scale) for scale in near] + list(far)
        least = min(theory.price_times_square(s, pi) for pi in others)
        worst = max(worst, mine / least, mine / theory.best_price_times_square(s))
    return Verdict(1.0, worst, worst <= 1 + TOL)


def ratio(upside_down: bool = False, salt: int = 0) -> Verdict:
    """How far price x square lies outside [1/3, 1], 60 vectors; upside_down: the least score has the largest chance."""
    values = []
    for s in scores():
        pi, order = chances(s), np.argsort(s)
        if upside_down:
            pi[order] = pi[order[::-1]]
        values.append(theory.price_times_square(s, pi))
    outside = max(max(values) - 1, 1 / 3 - min(values), 0.0)
    return Verdict(0.0, outside, outside <= TOL)


def floor(kept: float = 0.1, salt: int = 0) -> Verdict:
    """Largest exact variance over the bound for low = 0.1, with scores of other examples; kept: the floor in use."""
    worst = 0.0
    for seed in range(20):
        G, s = gradients(pool(seed)), norms(gradients(pool(seed), proxies=True))
        for strangers in (np.sort(s)[np.argsort(np.argsort(-norms(G)))], s[::-1] ** 8):
            exact = theory.thinned_variance(G, np.maximum(chances(strangers, kept), 1e-12))
            worst = max(worst, exact / theory.floor_variance_bound(G, 0.1))
    return Verdict(1.0, worst, 0 < worst <= 1 + TOL)


# ---- lazy coresets


@dataclass(frozen=True)
class Moving(Crest):
    """The planted violation: a coreset is built at the weights where it is first drawn."""

    def _build(self, state, oracle, numbers):
        region = replace(state.region, origin=oracle.theta.copy(), statistics=oracle.statistics)
        after = super()._build(replace(state, region=region), oracle, numbers)
        return replace(after, region=replace(after.region, origin=state.region.origin))


class _Told:
    """P = 2, with V_p and the coreset drawn at each step as they are told, so that all can be listed."""

    told: tuple

    def _subset(self, oracle, active, size, purpose, l, p=0):
        return np.array(self.told[0][p]) if purpose == "subset" else active[:size]

    def _drawn(self, oracle, step, P):
        return self.told[1][step]


@dataclass(frozen=True)
class ToldCrest(_Told, Crest):
    """Lazy coresets, told."""

    told: tuple = ()


@dataclass(frozen=True)
class ToldMoving(_Told, Moving):
    """Built at the current weights, told."""

    told: tuple = ()


def expectation(kind=ToldCrest, salt: int = 0) -> Verdict:
    """|E ghat - E of the eager one| / |gbar| at the second step of a region, over all pairs of V and all draws.

    V_1, V_2: 3 of 5 examples; between the steps the weights move a long way.
    """
    oracle, subsets = pool(), list(itertools.combinations(range(5), 3))
    w, after = oracle.theta.copy(), stream(0, "claims", "moved").standard_normal(oracle.size)
    medoids = [facility_location(oracle.logit_gradients(np.array(V)), 1) for V in subsets]
    Learner(oracle).move(after, oracle.statistics)
    G = gradients(oracle)
    eager = np.mean([G[V[S.indices[0]]] for V, S in zip(subsets, medoids)], axis=0)
    lazy = []
    for pair, draws in itertools.product(itertools.product(subsets, repeat=2), itertools.product((0, 1), repeat=2)):
        method = kind(m=1, r=3, b=2.0, longest=2, tau=np.inf, order=1, exclude=False, told=(pair, draws))
        Learner(oracle).move(w, oracle.statistics)
        _, state = method.propose(method.init(oracle), oracle)
        Learner(oracle).move(after, oracle.statistics, 1)
        lazy.append(G[method.propose(state, oracle)[0].indices[0]])
    off = float(np.linalg.norm(np.mean(lazy, axis=0) - eager) / np.linalg.norm(G.mean(0)))
    return Verdict(TOL, off, off <= TOL)


def same(kind=Crest, salt: int = 0) -> Verdict:
    """Batches and weights that differ from lazy=False with the same model, of 40 steps on 3 seeds; bills must too."""
    different = 0
    eager = Crest(m=8, r=40, K=1, c=8, tau=0.05, h=2.0, longest=8, exclude=False, lazy=False)
    lazy = replace(kind(**vars(eager)), lazy=True)
    for seed in range(3):
        here, there = spiral_oracle(seed), spiral_oracle(seed)
        pairs = zip(follow(lazy, here, SGD(0.2, 0.9), 40), follow(eager, there, SGD(0.2, 0.9), 40))
        for (_, _, a, w), (_, _, b, v) in pairs:
            alike = a.indices.tobytes() == b.indices.tobytes() and a.weights.tobytes() == b.weights.tobytes()
            different += not (alike and w.tobytes() == v.tobytes())
        different += here.ledger.cost >= there.ledger.cost
    return Verdict(0, different, different == 0)


# ---- fresh, and the shared forward pass


def bias(clusters: bool = True, salt: int = 0) -> Verdict:
    """Largest |(1/r) sum gamma_j a_j - mean a| r / L(S) in a = p - y, 20 pools, m = 1 to 6; clusters: weights gamma."""
    worst = 0.0
    for seed, m in itertools.product(range(20), range(1, 7)):
        a = gradients(pool(seed), proxies=True)
        weights = Fresh(m=m, r=12).choose(None, Feedback(np.arange(12), None, None, logit_gradients=a))
        S = np.flatnonzero(weights)
        if not clusters:
            weights = np.where(weights > 0, 12 / len(S), 0.0)
        L = np.linalg.norm(a[:, None] - a[S], axis=2).min(1).sum()
        worst = max(worst, float(np.linalg.norm(weights @ a / 12 - a.mean(0)) * 12 / L))
    return Verdict(1.0, worst, 0 < worst <= 1 + TOL)


def saving(norm: bool = False, salt: int = 0) -> Verdict:
    """Largest |saving on the ledgers - shared_forward_saving|, 2 to 8 of 8 examples kept; norm: through batch-norm."""
    layers = [Linear(2, 4), *([BatchNorm2d(4)] if norm else []), ReLU(), Linear(4, 3)]
    net, V, worst = Network(layers, SoftmaxCrossEntropy()), np.arange(8), 0.0
    data = Dataset(stream(0, "claims", "saving").standard_normal((8, 2)), V % 3, "saving")
    for kept in range(2, 9):
        shared, apart = (Oracle(net, data, net.initialize(0, "float64")) for _ in range(2))
        Learner(shared).step(uniform(V), always((V < kept) * 1.0))
        apart.logit_gradients(V)
        Learner(apart).step(uniform(V[:kept]))
        found = 1 - shared.ledger.cost / apart.ledger.cost
        worst = max(worst, abs(found - theory.shared_forward_saving(kept / 8)))
    return Verdict(TOL, worst, worst <= TOL)


# ---- wrong labels


def noise(loss=GeneralizedCrossEntropy, salt: int = 0) -> Verdict:
    """How far the mean loss under noisy labels, exactly, lies outside its bounds; 240 sets of logits."""
    outside = 0.0
    for k, (classes, q, wrong) in enumerate(itertools.product((2, 3, 10), (0.1, 0.5, 0.7, 1.0), (0.1, 0.4))):
        for scale in np.geomspace(0.1, 30, 10):
            rng = stream(k, "claims", "noise", int(100 * scale))
            z, y = scale * rng.standard_normal((20, classes)), rng.integers(0, classes, 20)
            every = np.stack([loss(q).losses(z, np.full(20, label)) for label in range(classes)], axis=1)
            chance = np.where(np.arange(classes) == y[:, None], 1 - wrong, wrong / (classes - 1))
            risk, noisy = float(every[np.arange(20), y].mean()), float((chance * every).sum(1).mean())
            least, most = theory.noisy_risk_bounds(risk, classes, q, wrong)
            outside = max(outside, least - noisy, noisy - most)
    return Verdict(0.0, outside, outside <= TOL)


CLAIMS = (
    Claim("thinning.unbiased", "E ghat = gbar of V for any pi > 0; variance as derived: error", "derived",
          "kept independently", unbiased, lambda salt=0: unbiased(renormalised=True)),
    Claim("thinning.variance", "(L^2/m^2) sum s (tau - s)_+ >= variance: ratio", "derived; Katharopoulos, Fleuret",
          "|g_i| <= L s_i", variance, lambda salt=0: variance(part=0.5)),
    Claim("thinning.best", "tau minimises price x E s^2/pi over all pi: ratio to others", "derived",
          "price 1 forward, 2 back", best, lambda salt=0: best(factor=2.0)),
    Claim("thinning.ratio", "1/3 <= price x E s^2/pi, over that of pi = 1, <= 1: outside by", "derived",
          "pi = min(1, s/tau)", ratio, lambda salt=0: ratio(upside_down=True)),
    Claim("thinning.floor", "pi >= low: variance <= (1/low - 1)/m mean |g|^2: ratio", "derived",
          "any scores", floor, lambda salt=0: floor(kept=0.01)),
    Claim("lazy.expectation", "a lazy coreset's gradient has the eager one's mean: error", "derived",
          "built at w_l; all V and draws listed", expectation, lambda salt=0: expectation(ToldMoving)),
    Claim("lazy.same", "lazy CREST goes where the eager one goes: steps that differ", "derived",
          "the same K, c; no exclusion", same, lambda salt=0: same(Moving)),
    Claim("fresh.bias", "error in p - y of m medoids of r <= L(S)/r: ratio", "CREST eq. 4",
          "weights are cluster sizes", bias, lambda salt=0: bias(clusters=False)),
    Claim("shared.saving", "one forward pass for both saves f k/(f + (f + b) k): error", "derived",
          "examples independent", saving, lambda salt=0: saving(norm=True)),
    Claim("noise.risk", "mean (1 - p_y^q)/q under noisy labels: between two lines in the true mean, or outside by",
          "Zhang, Sabuncu, Lemma 1", "wrong labels uniform", noise,
          lambda salt=0: noise(lambda q: SoftmaxCrossEntropy())),
)  # fmt: skip
