"""Regions: what rho sees and what it cannot, what tau controls, and how often CREST opens a region."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import numpy as np

from minicrest.batch import uniform, weighted
from minicrest.datasets import Dataset
from minicrest.datasets.synthetic import spirals
from minicrest.learner import Learner
from minicrest.nn import Linear, LogisticLoss, Loss, Network, SoftmaxCrossEntropy, SquaredError, Tanh, mlp
from minicrest.optim import SGD, AdamW
from minicrest.oracle import Oracle
from minicrest.random import stream
from minicrest.selection.crest import Crest
from minicrest.submodular import facility_location
from minicrest.taylor import Quadratic
from minicrest.theory import bounds as theory
from minicrest.theory.claims.base import Claim, Verdict
from minicrest.theory.claims.verdicts import exact, paired, provided, seeds

PLAIN = Crest(m=8, r=40, tau=0.02, exclude=False, longest=8, lazy=False)
FEW = Crest(m=8, r=40, tau=0.03, b=2.0, exclude=False, longest=8, lazy=False)


def oracle_of(net, x, y, theta, seed: int = 0) -> Oracle:
    """An oracle of these arrays, at theta."""
    return Oracle(net, Dataset(np.asarray(x, float), np.asarray(y), "claim"), np.array(theta, float), seed=seed)


def spiral_oracle(seed: int, loss=SoftmaxCrossEntropy()) -> Oracle:
    """300 points in three spirals and a tanh network with one hidden layer, in float64."""
    net = mlp((2, 16, 3), Tanh, loss)
    return Oracle(net, spirals(300, seed=seed), net.initialize(seed, "float64"), seed=seed)


def follow(method, oracle, optimizer, steps: int):
    """Train as train.py does; yield (state before, state after, batch, theta) of every proposal."""
    theta, state = oracle.theta.copy(), method.init(oracle)
    memory = optimizer.init(theta)
    Learner(oracle).move(theta, oracle.statistics)
    for t in range(steps):
        batch, after = method.propose(state, oracle)
        yield state, after, batch, theta.copy()
        gradient, feedback, _ = Learner(oracle).step(batch)
        memory = optimizer.update(theta, gradient, memory)
        Learner(oracle).move(theta, oracle.statistics, t + 1)
        state = method.observe(after, feedback)


# ---- what rho is


def start(fresh: bool = False, salt: int = 0) -> Verdict:
    """rho at delta = 0, in the region as it opens; fresh: against another random subset than the constant's."""
    found = []
    for seed in seeds(5, salt):
        oracle = spiral_oracle(seed)
        region = PLAIN.propose(PLAIN.init(oracle), oracle)[1].region
        i = stream(seed, "claims", "fresh").choice(300, 40, replace=False) if fresh else region.check
        found.append(region.model.relative_error(0 * oracle.theta, float(oracle.losses(i).mean())))
    return Verdict(0.0, max(found), max(found) == 0)


def exact_on_quadratics(orthogonal: bool = True, salt: int = 0) -> Verdict:
    """Largest rho of least squares at 100 displacements, all of whose Hessian is on its diagonal (or is not)."""
    x = np.array(list(itertools.product((-1.0, 1.0), repeat=3)))  # orthogonal columns, of mean 0
    x = x if orthogonal else x + 0.5 * x[:, [1, 2, 0]]
    rng = stream(salt, "claims", "quadratic")
    net, every = Network([Linear(3, 1)], SquaredError()), uniform(range(8))
    oracle = oracle_of(net, x, rng.standard_normal(8), rng.standard_normal(4))
    w = oracle.theta.copy()
    constant, worst = float(oracle.losses(every.indices).mean()), 0.0
    model = Quadratic(constant, oracle.gradient(every), oracle.hessian_diagonal(every))
    for size in np.logspace(-2, 2, 100):
        delta = size * rng.standard_normal(4)
        Learner(oracle).move(w + delta, oracle.statistics)
        worst = max(worst, model.relative_error(delta, float(oracle.losses(every.indices).mean())))
    return Verdict(1e-12, worst, worst <= 1e-12)


def ray(begin: float = 0.0, salt: int = 0) -> Verdict:
    """Least increase of |F - L| along a ray from z = begin on, for log(1 + e^-z): L''' < 0 only where z > 0."""
    net, x, y = Network([Linear(1, 1)], LogisticLoss()), np.ones((1, 1)), np.ones(1, "int64")
    w = np.array([begin, 0.0])
    at = net.answers(w, x, y).losses[0], net.gradient(w, x, y), net.hessian_diagonal(w, x, y)
    model, steps = Quadratic(*at), np.linspace(0, 16, 301)[:, None] * [1.0, 0.0]  # along the weight: one curvature
    miss = np.array([abs(model.value(s) - net.losses(w + s, x, y)[0]) for s in steps])
    least = float(np.diff(miss).min())
    return exact(-1e-12, least, ">=")


def distance(factor: float = 1.0, salt: int = 0) -> Verdict:
    """Largest |rho as recorded - rho at delta = w_t - w_l| for four optimisers; factor 1/2: the release's delta."""
    worst = 0.0
    for optimizer in (SGD(0.1, 0.0), SGD(0.05, 0.9), SGD(0.1, 0.5, weight_decay=1e-2), AdamW(1e-2)):
        oracle, seen, checks = spiral_oracle(salt), [], 0
        for before, after, _, theta in follow(PLAIN, oracle, optimizer, 40):
            seen.append(theta)
            if len(after.checks) > checks:
                checks, region = len(after.checks), before.region
                loss = float(oracle.losses(region.check).mean())
                delta = factor * (theta - seen[region.start])
                worst = max(worst, abs(region.model.relative_error(delta, loss) - after.checks[-1, 2]))
        assert checks >= 5, "the claim needs checks to look at"
    return Verdict(0.0, float(worst), bool(worst == 0))


# ---- how long a region lasts


def period(printed: bool = True, salt: int = 0) -> Verdict:
    """Largest difference of T1 and P from ceil(h |H_0| / |H_l|) and b T1; printed=False turns the ratio over."""
    crest, worst, regions = replace(PLAIN, h=2.0, b=1.5, longest=1000, tau=0.005), 0, 0
    for seed in seeds(5, salt):
        *_, (_, state, _, _) = follow(crest, spiral_oracle(seed), SGD(0.1, 0.9), 80)
        opened = state.opened  # (l, 5) start, T1, P, active, |H|
        regions += len(opened)
        for H, (_, T1, P, _, _) in zip(opened[:, 4], opened[1:]):
            ratio = (opened[0, 4], H) if printed else (H, opened[0, 4])
            expected = theory.periods(2.0, 1.5, *ratio)
            worst = max(worst, abs(T1 - expected[0]), abs(P - expected[1]))
    assert regions >= 20, "the claim needs regions to look at"
    return Verdict(0, float(worst), bool(worst == 0))


@dataclass(frozen=True)
class Scaled(Loss):
    """`factor` times another loss: what must not change anything but the step size."""

    loss: Any
    factor: float
    l2 = 0.0

    def losses(self, z, y):
        return self.factor * self.loss.losses(z, y)

    def gradient(self, z, y):
        return self.factor * self.loss.gradient(z, y)

    def hessian(self, z, y, u):
        return self.factor * self.loss.hessian(z, y, u)

    def predict(self, z):
        return self.loss.predict(z)


def scale(same_path: bool = True, salt: int = 0) -> Verdict:
    """Batches, T1, P and rho with the loss times 4 against those with the loss itself: how many rows differ.

    The step is a quarter, so that the weights are the same; 4 is a power of 2, so that rounding is. same_path=False
    keeps the step, and with it not the weights.
    """
    runs = []
    for factor in (1.0, 4.0):
        oracle = spiral_oracle(salt + 1, Scaled(SoftmaxCrossEntropy(), factor))
        lr = 0.1 / factor if same_path else 0.1
        runs.append(list(follow(PLAIN, oracle, SGD(lr, 0.9), 40)))
    different = sum(not np.array_equal(a[2].indices, b[2].indices) for a, b in zip(*runs))
    one, four = (run[-1][1] for run in runs)
    same = np.array_equal(one.opened[:, :4], four.opened[:, :4]) and np.array_equal(one.checks, four.checks)
    return Verdict(0, different, bool(different == 0 and same))


@cache
def updates(crest: Crest, seed: int, steps: int = 40) -> int:
    """Regions that `crest` opens."""
    *_, last = follow(crest, spiral_oracle(seed), SGD(0.1, 0.9), steps)
    return len(last[1].opened)


def fewer(crest: Crest, than: Crest, times: float, salt: int) -> Verdict:
    """Whether `crest` opens fewer regions than so many times another's, in the mean over the same seeds."""
    return paired(lambda seed: (updates(crest, seed), times * updates(than, seed)), salt=salt)


def fewer_updates(taus=(0.03, 0.2), salt: int = 0) -> Verdict:
    """Regions opened under the second tau against those under the first, paired by seed."""
    smaller, larger = (replace(FEW, tau=tau) for tau in taus)
    return fewer(larger, smaller, 1.0, salt)


def ablation(swapped: bool = False, salt: int = 0) -> Verdict:
    """Regions opened with smoothing against those without it, one coreset a region; or swapped."""
    crest = Crest(m=16, r=80, tau=0.1, many=False, exclude=False, lazy=False)
    pair = crest, replace(crest, smooth=False)
    return fewer(*(pair[::-1] if swapped else pair), 1.0, salt)


def linear(tau: float = 0.03, salt: int = 0) -> Verdict:
    """Regions opened with the linear model at tau = 0.03 against twice CREST's, at `tau`."""
    return fewer(replace(FEW, order=1), replace(FEW, tau=tau), 2.0, salt)


def tau_picture(figure) -> None:
    """Regions opened, against tau."""
    taus = np.array([0.002, 0.005, 0.01, 0.02, 0.05, 0.1])
    counts = np.array([[updates(replace(FEW, tau=tau), seed) for seed in range(5)] for tau in taus])
    axes = figure.add_subplot()
    axes.semilogx(taus, counts, "o", color="0.7")
    axes.semilogx(taus, counts.mean(1), "k-o", label="mean of 5 seeds")
    axes.set(xlabel=r"threshold $\tau$ on the relative error", ylabel="regions opened in 40 steps", ylim=(0, None))
    axes.legend(frameon=False)


# ---- what tau controls


def ends(net, oracle, model, start_error: float, delta):
    """(error of the model's slope along delta, |error| in all, |grad L|, L, rho), all at w_l + delta."""
    every = uniform(range(len(oracle)))
    w = oracle.theta.copy()
    Learner(oracle).move(w + delta, oracle.statistics)
    loss, gradient = float(oracle.losses(every.indices).mean()), oracle.gradient(every)
    Learner(oracle).move(w, oracle.statistics)
    error = model.gradient + model.curvature * delta - gradient
    along = abs(error @ delta) / np.linalg.norm(delta)
    return along, np.linalg.norm(error), np.linalg.norm(gradient), loss, model.relative_error(delta, loss)


def slope_error(salt: int = 0) -> Verdict:
    """Largest ratio of the slope's error to its bound over 400 random logistic losses, coresets and displacements."""
    worst, net = 0.0, Network([Linear(3, 1)], LogisticLoss())
    for k in range(400):
        rng = stream(salt, "claims", "slope", k)
        x, y = rng.standard_normal((40, 3)), rng.integers(0, 2, 40)
        oracle, every = oracle_of(net, x, y, rng.standard_normal(4)), uniform(range(40))
        V = rng.choice(40, 20, replace=False)
        medoids = facility_location(oracle.logit_gradients(V), 6)
        batch = weighted(V[medoids.indices], medoids.weights)
        constant = float(oracle.losses(every.indices).mean())
        model = Quadratic(constant, oracle.gradient(batch), oracle.hessian_diagonal(batch))
        start_error = float(np.linalg.norm(model.gradient - oracle.gradient(every)))
        delta = 10 ** rng.uniform(-2, 1) * rng.standard_normal(4)
        along, _, _, loss, rho = ends(net, oracle, model, start_error, delta)
        size = float(np.linalg.norm(delta))
        third = theory.logistic_third(np.column_stack([x, np.ones(40)]) @ delta / size)
        worst = max(worst, along / theory.endpoint_error(rho, loss, size, start_error, third))
    return exact(1.0, worst)


def slope_error_without_third(salt: int = 0) -> Verdict:
    """The same for one example and the exact second-order model, with the third derivative left out of the bound."""
    net = Network([Linear(1, 1)], LogisticLoss())
    oracle, every = oracle_of(net, [[1.0]], [0], [-2.0, 0.0]), uniform([0])
    model = Quadratic(float(oracle.losses([0]).mean()), oracle.gradient(every), oracle.hessian_diagonal(every))
    along, _, _, loss, rho = ends(net, oracle, model, 0.0, np.array([0.5, 0.0]))
    ratio = along / theory.endpoint_error(rho, loss, 0.5, 0.0)
    return Verdict(1.0, float(ratio), bool(ratio <= 1))


def smallest(degree: int = 3, salt: int = 0) -> Verdict:
    """The smallest integer polynomial of that degree for which rho <= tau and the slope's error is above |L'|.

    L = c + g w + a w^2 + k w^3, F its second-order model at 0, without error there, delta = 1, tau as printed. Size
    is |g| + |a| + |k|; c drops out, as rho L and tau L do not hold it. measured: the least size found, -1 for none.
    """
    found = []
    for g, a, k in itertools.product(range(-4, 5), repeat=3):
        if degree < 3 and k:
            continue
        loss = 100 + g + a + k  # c = 100 keeps L positive
        model = Quadratic(100.0, np.array([float(g)]), np.array([2.0 * a]))
        rho, slope = model.relative_error(np.ones(1), loss), abs(g + 2 * a + 3 * k)
        allowed = rho <= theory.printed_tau(0.0, slope, 1.0, loss) + 1e-15
        if allowed and abs(3 * k) > slope:
            found.append((abs(g) + abs(a) + abs(k), (g, a, k)))
    least = min(found)[0] if found else -1
    return exact(2, least, "=")


def blind(correlation: float = 0.9, salt: int = 0) -> Verdict:
    """|grad F - grad L| against |grad L| at w_l + delta, for least squares with correlated inputs and delta an axis."""
    signs = np.array(list(itertools.product((-1.0, 1.0), repeat=2)))
    x = np.column_stack([signs[:, 0], correlation * signs[:, 0] + np.sqrt(1 - correlation**2) * signs[:, 1]])
    net, every = Network([Linear(2, 1)], SquaredError()), uniform(range(4))
    oracle = oracle_of(net, x, x @ [1.1, 0.0] + 1.0 * signs.prod(1), [0.0, 0.0, 0.0])
    derivatives = oracle.gradient(every), oracle.hessian_diagonal(every)
    model, delta = Quadratic(float(oracle.losses(every.indices).mean()), *derivatives), np.array([1.0, 0.0, 0.0])
    _, error, slope, loss, rho = ends(net, oracle, model, 0.0, delta)
    premise = rho <= theory.printed_tau(0.0, slope, 1.0, loss) and rho < 1e-12
    return provided(premise, exact(slope, error, ">="))


CLAIMS = (
    Claim("rho.start", "rho = 0 where a region opens", "CREST eq. 10; derived",
          "constant and L_r on one subset", start, partial(start, fresh=True)),
    Claim("rho.quadratic", "rho = 0 at every delta", "CREST eq. 7",
          "quadratic loss, diagonal H, exact g", exact_on_quadratics, partial(exact_on_quadratics, orthogonal=False)),
    Claim("rho.ray", "|F - L| never falls along a ray", "derived: Taylor's remainder",
          "exact curvature, L''' of one sign", ray, partial(ray, begin=-2.0), direction=">="),
    Claim("rho.distance", "the delta of rho is w_t - w_l, for SGD, momentum, decay, AdamW", "CREST section 4.2",
          "none", distance, partial(distance, factor=0.5)),
    Claim("region.period", "T1 = ceil(h |H_0|/|H_l|), P = ceil(b T1)", "CREST section 4.2",
          "T1, P below `longest`", period, partial(period, printed=False)),
    Claim("region.scale", "loss times c: same batches, T1, P and rho", "derived",
          "same weights: step divided by c", scale, partial(scale, same_path=False)),
    Claim("region.tau", "a larger tau opens fewer regions, in the mean", "empirical; CREST section 5",
          "spirals, tanh, paired seeds", fewer_updates, partial(fewer_updates, (0.2, 0.03)), 1e-6, tau_picture),
    Claim("region.ablation", "without smoothing more regions are opened, in the mean", "empirical; CREST table 3",
          "spirals, tau = 0.1, one coreset", ablation, partial(ablation, swapped=True), 1e-6),
    Claim("region.linear", "the linear model opens less than twice CREST's regions: the quadratic one buys no more",
          "empirical", "spirals, tanh, tau = 0.03", linear, partial(linear, tau=0.2), 1e-6),
    Claim("tau.slope", "error along delta <= 2 rho L/|delta| + |xi| + M |delta|^2/6", "derived; CREST Thm 4.1",
          "|L'''| <= M along delta", slope_error, slope_error_without_third),
    Claim("tau.cubic", "printed case 1 fails: L = c - w + w^3, delta = 1 is the smallest", "counter-example",
          "M dropped; none is quadratic", smallest, partial(smallest, degree=2), direction="="),
    Claim("tau.blind", "rho = 0, yet |grad F - grad L| > |grad L|: unseen across delta", "counter-example",
          "quadratic, correlated inputs", blind, partial(blind, correlation=0.0), direction=">="),
)  # fmt: skip
