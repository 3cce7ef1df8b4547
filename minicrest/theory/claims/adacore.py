"""AdaCore: preconditioned coresets on quadratics of condition 1 to 1e6, and Newton's method on them."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np

from minicrest.batch import weighted
from minicrest.datasets import Dataset
from minicrest.learner import Learner
from minicrest.nn import Linear, LogisticLoss, Loss, Network
from minicrest.oracle import Batch, Oracle
from minicrest.random import stream
from minicrest.selection.adacore import AdaCore
from minicrest.selection.craig import Craig
from minicrest.submodular import facility_location
from minicrest.theory import family_bounds as theory
from minicrest.theory.claims.base import Claim, Verdict
from minicrest.theory.claims.verdicts import exact, paired, seeds

N, D, K = 100, 6, 10  # examples, parameters, size of the coreset
CONDITIONS = (1.0, 1e2, 1e4, 1e6)
TOL = 1e-9  # relative: float64, condition 1e6


@dataclass(frozen=True)
class Bowl(Loss):
    """The loss (z - t)'A(z - t) / 2: gradient A (z - t), Hessian A, the same for every example."""

    A: np.ndarray = field(repr=False)
    l2: float = 0.0

    def losses(self, z, y):
        return (((z - y) @ self.A) * (z - y)).sum(1) / 2

    def gradient(self, z, y):
        return (z - y) @ self.A

    def hessian(self, z, y, u):
        return u @ self.A

    def curvature_root(self, z, y):
        return np.repeat(np.linalg.cholesky(self.A)[None], len(z), axis=0)


def rotation(d: int = D):
    """(d, d) a random orthogonal matrix."""
    return np.linalg.qr(stream(0, "claims", "rotation").standard_normal((d, d)))[0]


class Bowls(NamedTuple):
    """Quadratics (w - c_i)'A(w - c_i) / 2, and what their preconditioned gradients are: q_i = w - c_i (n, d)."""

    oracle: Oracle
    A: np.ndarray
    q: np.ndarray


def bowls(condition: float, rotated: bool = False, unit: float = 1.0, seed: int = 0, stretch: float = 1.0) -> Bowls:
    """N quadratics around centres c_i, with one A of that condition, diagonal or rotated; w is the bias, at random.

    unit: times A.  stretch: the first parameter is measured in units so much larger, w_1 = stretch v_1.
    """
    rng = stream(seed, "claims", "bowls")
    centres, w = rng.standard_normal((N, D)), 3 * rng.standard_normal(D)
    U, scale = rotation() if rotated else np.eye(D), np.array([stretch] + [1.0] * (D - 1))
    A = unit * (U * np.geomspace(1, condition, D)) @ U.T * np.outer(scale, scale)
    net, centres, w = Network([Linear(1, D)], Bowl((A + A.T) / 2)), centres / scale, w / scale
    theta = np.concatenate([np.zeros(D), w])
    return Bowls(Oracle(net, Dataset(np.zeros((N, 1)), centres, "bowls"), theta, seed=seed), A, w - centres)


def selection(problem, method=None):
    """(S, gamma / n, L(S) / n) of a method's first selection; damping is far below every curvature."""
    oracle, method = problem.oracle, method or AdaCore(fraction=K / N, damping=1e-12, b_H=N)
    state = method.propose(method.init(oracle), oracle)[1]
    S, weights = state.subset.indices, state.subset.weights
    return S, weights / len(S), float(method.report(state)["certificate"][0]) / N


# ---- which examples


def differences(first, second) -> int:
    """In how many places two selections differ, in order or in weight."""
    return int((first[0] != second[0]).sum() + (first[1] != second[1]).sum())


def condition(rotated: bool = False, salt: int = 0) -> Verdict:
    """Places in which the coreset for condition 1e2 to 1e6 differs from that for 1, over 5 seeds; CRAIG's must."""
    worst, craig = 0, math.inf
    for seed in seeds(5, salt):
        start, plain = (selection(bowls(1.0, rotated, seed=seed), m) for m in (None, Craig(fraction=K / N)))
        for c in CONDITIONS[1:]:
            problem = bowls(c, rotated, seed=seed)
            worst = max(worst, differences(start, selection(problem)))
            craig = min(craig, differences(plain, selection(problem, Craig(fraction=K / N))))
    return Verdict(0, worst, bool(worst == 0 and craig > 0))


def covers(c: float, seed: int) -> tuple[float, float]:
    """L(S) / n in w - c_i of AdaCore's and of CRAIG's coreset."""
    problem = bowls(c, seed=seed)
    adacore, craig = (selection(problem, method)[0] for method in (None, Craig(fraction=K / N)))
    return theory.cover(problem.q, adacore) / N, theory.cover(problem.q, craig) / N


def cover(swapped: bool = False, salt: int = 0) -> Verdict:
    """AdaCore's L(S) against 0.95 of CRAIG's, at condition 1e4, in preconditioned gradients: the mean over seeds."""

    def measure(seed):
        a, b = covers(1e4, seed)
        return (b, 0.95 * a) if swapped else (a, 0.95 * b)

    return paired(measure, salt=salt)


def cover_picture(figure) -> None:
    """L(S) of AdaCore's and CRAIG's coresets against the condition of the Hessian."""
    conditions = np.geomspace(1, 1e6, 7)
    found = np.array([[covers(c, seed) for seed in range(5)] for c in conditions])  # (conditions, seeds, 2)
    rng, random = stream(0, "claims", "bowls random"), []
    for seed in range(5):
        random.append(theory.cover(bowls(1.0, seed=seed).q, rng.choice(N, K, replace=False)) / N)
    axes = figure.add_subplot()
    for k, (name, colour) in enumerate((("AdaCore", "#0072B2"), ("CRAIG", "#D55E00"))):
        axes.semilogx(conditions, found[:, :, k].mean(1), "o-", color=colour, label=name)
    axes.axhline(np.mean(random), color="k", label="random subset")
    axes.set(xlabel="condition of the Hessian", ylabel="bound on the error of Newton's step,\nL(S)/n in parameters")
    axes.set_ylim(1, 2)
    axes.legend(frameon=False)


def units(stretch: float = 1.0, salt: int = 0) -> Verdict:
    """Places that change when the loss is multiplied by 2^-10 to 2^10; none. With one parameter in another unit: some.

    stretch: that unit in the first comparison too.
    """
    start = selection(bowls(1e2, seed=salt))
    others = (bowls(1e2, unit=u, stretch=stretch, seed=salt) for u in (2.0**-10, 0.125, 2.0**10))
    scaled = [differences(start, selection(other)) for other in others]
    moved = differences(start, selection(bowls(1e2, stretch=16.0, seed=salt)))
    return Verdict(0, max(scaled), bool(max(scaled) == 0 and moved > 0))


def probe(rotated: bool = False, salt: int = 0) -> Verdict:
    """Places in which one random probe chooses other than the exact diagonal, over conditions and seeds."""
    whole = AdaCore(fraction=K / N, damping=1e-12, b_H=N, curvature="exact")
    pairs = [bowls(c, rotated, seed=seed) for c in CONDITIONS for seed in seeds(3, salt)]
    worst = max(differences(selection(problem), selection(problem, whole)) for problem in pairs)
    return exact(0, worst)


# ---- Newton's method


def decrease(part: float = 1.0, salt: int = 0) -> Verdict:
    """Largest bound / decrease of a Newton step of alpha/beta on quadratics, with AdaCore's error and |e| = eps.

    Those errors: 200 random ones, and -eps g/|g|. part: of eps, that the bound is told.
    """
    worst, rng = 0.0, stream(salt, "claims", "decrease")
    for c in CONDITIONS:
        problem = bowls(c, seed=salt)
        (_, A, q), (S, gamma, eps) = problem, selection(problem)
        p, eta = q.mean(0), 1 / c
        g = A @ p
        eps = min(eps, 0.9 * np.linalg.norm(g) / c)  # s <= 0.9
        errors = rng.standard_normal((200, D))
        errors = np.vstack([eps * errors / np.linalg.norm(errors, axis=1, keepdims=True), -eps * g / np.linalg.norm(g)])
        coreset = gamma @ q[S] - p
        errors = np.vstack([errors, coreset]) if np.linalg.norm(coreset) <= eps else errors
        for e in errors:
            move = p - eta * (p + e)
            fall = (p @ A @ p - move @ A @ move) / 2
            slope = float(np.linalg.norm(g))
            bound = theory.newton_decrease(slope, part * eps, 1.0, c)
            printed = theory.printed_newton_decrease(slope, part * eps, 1.0, c)
            worst = max(worst, bound / fall if fall > 0 else math.inf, printed / bound)
    return exact(1.0, worst)


def logistic(damped: bool = True, salt: int = 0) -> Verdict:
    """The same for logistic regression, no quadratic: medoids of H^-1 g_i, H whole; of w where s <= 1.

    damped=False takes Newton's whole step in place of alpha/beta of it.
    """
    worst, l2 = 0.0, 0.05
    for seed in seeds(20, salt):
        rng = stream(seed, "claims", "logistic")
        x = rng.standard_normal((N, 3)) * [1.0, 2.0, 0.5]
        y = (x @ [1.0, 0.5, -1.0] + rng.standard_normal(N) > 0).astype("int64")
        net, w = Network([Linear(3, 1)], LogisticLoss(l2)), 3 * rng.standard_normal(4)
        X = np.column_stack([x, np.ones(N)])
        beta = float(np.linalg.eigvalsh(X.T @ X / N)[-1]) / 4 + l2
        H = net.hvp(w, x, y, np.eye(4))
        alpha = float(np.linalg.eigvalsh(H)[0])
        q = np.linalg.solve(H, net.per_example_gradients(w, x, y).T).T
        S, gamma, _ = facility_location(q, 50)
        g, eps = float(np.linalg.norm(net.gradient(w, x, y))), theory.cover(q, S) / N
        batch = weighted(S, gamma)
        step = np.linalg.solve(H, net.gradient(w, x[batch.indices], y[batch.indices], batch.weights))
        eta = alpha / beta if damped else 1.0
        fall = net.losses(w, x, y).mean() - net.losses(w - eta * step, x, y).mean()
        if beta * eps < g:
            worst = max(worst, theory.newton_decrease(g, eps, alpha, beta) / fall if fall > 0 else math.inf)
    return exact(1.0, worst)


def ends(weights: bool = True, salt: int = 0) -> Verdict:
    """Distance to w* after 20 / eta Newton steps on a coreset over its bound, and eps over L(S) / n; condition 1, 100.

    eps: the error of the coreset's step, constant on quadratics. weights=False leaves gamma out of the steps.
    """
    worst = 0.0
    for c, seed in itertools.product(CONDITIONS[:2], seeds(4, salt)):
        problem, eta = bowls(c, seed=seed), 1 / c
        (oracle, A, q), (S, gamma, certified) = problem, selection(problem)
        start, eps = float(np.linalg.norm(q.mean(0))), float(np.linalg.norm(gamma @ q[S] - q.mean(0)))
        batch = Batch(S, gamma * K if weights else np.ones(K))
        w = first = oracle.theta.copy()
        for _ in range(steps := round(20 * c)):
            Learner(oracle).move(w, oracle.statistics)
            w = w - eta * np.append(np.zeros(D), np.linalg.solve(A, oracle.gradient(batch)[D:]))
        away = np.linalg.norm(q.mean(0) + (w - first)[D:])
        worst = max(worst, away / theory.newton_distance(start, steps, eta, eps), eps / certified)
    return exact(1.0, worst)


CLAIMS = (
    Claim("adacore.condition", "the same coreset for condition 1 to 1e6 (CRAIG's changes): places", "derived",
          "quadratics, one diagonal A", condition, partial(condition, rotated=True)),
    Claim("adacore.cover", "L(S) of Newton's step, AdaCore to CRAIG, condition 1e4", "empirical; AdaCore section 3",
          "diagonal A", cover, partial(cover, swapped=True), 1e-6, cover_picture),
    Claim("adacore.units", "loss in other units: the same coreset. A parameter in others: not", "derived",
          "damping far below H", units, partial(units, stretch=16.0)),
    Claim("adacore.probe", "one probe is the exact diagonal, so the coreset is the same: places", "derived",
          "diagonal A", probe, partial(probe, rotated=True)),
    Claim("adacore.newton", "L falls by |g|^2/(2 beta) (1 - (1 - (1 - s) alpha/beta)^2): ratio",
          "AdaCore theorem 4.1, sharper", "s = beta eps/|g| <= 1, quadratic", decrease, partial(decrease, part=0.5)),
    Claim("adacore.logistic", "the same for any beta-smooth L: ratio", "AdaCore theorem 4.1, sharper",
          "alpha <= H(w) <= beta", logistic, partial(logistic, damped=False)),
    Claim("adacore.ends", "Newton on coresets ends within eps of w*: ratio", "AdaCore theorem 4.1; derived",
          "quadratic", ends, partial(ends, weights=False)),
)  # fmt: skip
