"""GradMatch, GLISTER, InfoBatch: what is matched, what is looked ahead to, and what stays unbiased."""

from __future__ import annotations

import itertools
import math
from functools import partial

import numpy as np

from minicrest.datasets import Dataset
from minicrest.learner import Learner
from minicrest.nn import mlp
from minicrest.oracle import Oracle
from minicrest.random import stream
from minicrest.selection.glister import LookAhead, glister
from minicrest.selection.glister import last_layer as rows
from minicrest.selection.gradmatch import omp
from minicrest.selection.infobatch import InfoBatch, pruned
from minicrest.submodular import facility_location
from minicrest.theory import family_bounds as theory
from minicrest.theory.claims.base import Claim, Verdict
from minicrest.theory.claims.pools import gradients, pool
from minicrest.theory.claims.verdicts import exact, seeds

TOL = 1e-9  # relative: float64, Gram matrices of up to 12 gradients

# ---- GradMatch


def chain(swapped: bool = False, salt: int = 0) -> Verdict:
    """Largest of |G - sum w g| / |G - sum gamma g| and |G - sum gamma g| / L(S), for the coreset S of 20 pools.

    w from GradMatch's matching on S alone; swapped: the first one upside down.
    """
    worst = 0.0
    for seed in seeds(20, salt):
        G = gradients(pool(seed))
        S, gamma, _ = facility_location(G, 4)
        matched = math.sqrt(omp(G[S], G.sum(0), 4, 0.0).error)
        clustered = float(np.linalg.norm(G.sum(0) - gamma @ G[S]))
        ratio = clustered / max(matched, 1e-12) if swapped else matched / clustered
        worst = max(worst, ratio, clustered / theory.cover(G, S))
    return exact(1.0, worst)


def pursuit(refit: bool = True, salt: int = 0) -> Verdict:
    """Largest of E(k + 1) - E(k) and |g_i . r - lam w_i| for the chosen i, over |G|^2; 20 pools, lam 0 and 0.5.

    refit=False: weights keep the value that they had alone.
    """
    worst = -math.inf
    for seed, lam in itertools.product(seeds(20, salt), (0.0, 0.5)):
        G = gradients(pool(seed))
        target, errors = G.sum(0), []
        for k in range(1, 9):
            X, w, E = omp(G, target, k, lam)
            if not refit:
                w = G[X] @ target / ((G[X] ** 2).sum(1) + lam)
                E = ((target - w @ G[X]) ** 2).sum() + lam * (w @ w)
            errors.append(E)
            off = np.abs(G[X] @ (target - w @ G[X]) - lam * w).max()
            worst = max(worst, float(off) / float(target @ target))
        worst = max(worst, float(np.diff(errors).max()) / float(target @ target))
    return exact(TOL, worst)


def weak(submodular: bool = False, salt: int = 0) -> Verdict:
    """Least submodularity ratio of -E_lam over its bound, for all S and A of 6 gradients; or over 1, if submodular."""
    worst, n = math.inf, 6
    for seed, lam in itertools.product(seeds(3, salt), (0.1, 1.0)):
        G = gradients(pool(seed))[:n]
        target, longest = G.sum(0), float(np.linalg.norm(G, axis=1).max())
        E = {}
        for some in itertools.chain.from_iterable(itertools.combinations(range(n), k) for k in range(n + 1)):
            E[frozenset(some)] = theory.match_error(G[list(some)], target, lam)
        for labels in itertools.product(range(3), repeat=n):
            S, A = (frozenset(i for i in range(n) if labels[i] == part) for part in (0, 1))
            together = E[S] - E[S | A]
            if together > TOL:
                alone = sum(E[S] - E[S | {e}] for e in A)
                bound = 1.0 if submodular else theory.weak_ratio(lam, len(S | A), longest)
                worst = min(worst, alone / together / bound)
    return exact(1.0, worst, ">=")


# ---- GLISTER


def regression(seed: int = 0):
    """(oracle, network, w, data): softmax regression, so that the last layer is all there is; 30 and 20 examples."""
    rng, net = stream(seed, "claims", "glister"), mlp((4, 3))
    x, y = rng.standard_normal((50, 4)), rng.integers(0, 3, 50)
    x[np.arange(50), y] += 1
    data = Dataset(x[:30], y[:30], "glister", validation=Dataset(x[30:], y[30:], "held out"))
    w = net.initialize(seed, "float64")
    return Oracle(net, data, w, seed=seed), net, w, data


def flat(shift):
    """(d,) theta's order, W (h, C) then b, of a matrix (h + 1, C) whose last row is the bias."""
    return shift.ravel()


def first_order(held_out: bool = True, salt: int = 0) -> Verdict:
    """|slope - 2| of |L_V(w - eta g) - L_V(w) + eta g . grad L_V| against eta, the worst of 10 examples.

    Also L_V itself must be the network's. held_out=False: the gradient of the training loss in place of L_V's.
    """
    oracle, net, w, data = regression(salt)
    a, h = rows(oracle)
    held_a, held_h = rows(oracle.validation)
    ahead = LookAhead(held_a, held_h, oracle.validation.labels)
    slopes, sizes = [], np.logspace(-3, -2, 5)
    M = ahead.gradient(0 * (h.T @ a)) if held_out else h.T @ a / len(a)
    for e in range(10):
        g = np.outer(h[e], a[e])
        losses = np.array([ahead.loss(eta * g) for eta in sizes])
        true = [net.losses(w - eta * flat(g), data.validation.x, data.validation.y).mean() for eta in sizes]
        if np.abs(losses - true).max() > 1e-12:  # of order 1: rounding
            return Verdict(0.05, math.inf, False)
        miss = np.abs(losses - ahead.loss(0 * g) + sizes * (g * M).sum())
        slopes.append(float(np.polyfit(np.log(sizes), np.log(miss), 1)[0]))
    worst = max(abs(slope - 2) for slope in slopes)
    return Verdict(0.05, worst, worst <= 0.05)


def looked_ahead(rounds: int | None = None, salt: int = 0) -> Verdict:
    """Largest difference of 8 gains to eta g_e . grad L_V(w_S) of the network moved to w_S; rounds: look-aheads."""
    oracle, net, w, data = regression(salt)
    a, h = rows(oracle)
    held_a, held_h = rows(oracle.validation)
    ahead, eta, S = LookAhead(held_a, held_h, oracle.validation.labels), 0.3, list[int]()
    choice, worst = glister(a, h, ahead, 8, eta, rounds), 0.0
    each = net.per_example_gradients(w, data.x, data.y)
    for e, gain in zip(choice.indices, choice.gains):
        moved = w - eta * each[S].sum(0)
        gains = eta * each @ net.gradient(moved, data.validation.x, data.validation.y)
        best = np.delete(np.arange(30), S)[np.delete(gains, S).argmax()]
        worst = max(worst, abs(gain - gains[e]), 0.0 if best == e else math.inf)
        S.append(int(e))
    return exact(TOL, worst)


# ---- InfoBatch


def unbiased(rescaled: bool = True, salt: int = 0) -> Verdict:
    """|E sum w_i g_i - sum g_i| and the error of the variance, relative, over every pattern of drops of 12 examples."""
    oracle, worst = pool(salt), 0.0
    G, loss = gradients(oracle), oracle.losses(np.arange(12))
    easy = np.flatnonzero(loss < loss.mean())
    for q in (0.3, 0.5):
        mean, square = 0.0, 0.0
        for pattern in itertools.product((0.0, 1.0), repeat=len(easy)):
            draws = np.full(12, 0.5)
            draws[easy] = np.where(pattern, 0.99, 0.01)  # kept, dropped
            kept, weights = pruned(loss, q, draws)
            total = (weights if rescaled else np.ones(len(kept))) @ G[kept]
            chance = q ** pattern.count(0.0) * (1 - q) ** pattern.count(1.0)
            mean, square = mean + chance * total, square + chance * ((total - G.sum(0)) ** 2).sum()
        off = float(np.linalg.norm(mean - G.sum(0)) / np.linalg.norm(G.sum(0)))
        worst = max(worst, off, abs(square / theory.infobatch_variance(G, easy, q) - 1))
    return exact(TOL, worst)


def annealed(delta: float = 0.61, salt: int = 0) -> Verdict:
    """Examples missing from, or weighing other than 1 in, the passes of the last 0.39 of training: 10 passes of 12.

    0.61 of them is no whole number. Before that some weigh 2.
    """
    oracle, method = pool(salt), InfoBatch(m=4, delta=delta)
    state, steps, heavy, late = method.init(oracle), 30, 0, []
    for step in range(steps):
        Learner(oracle).move(oracle.theta, oracle.statistics, step, step / steps)
        batch, state = method.propose(state, oracle)
        state = method.observe(state, Learner(oracle).step(batch)[1])
        if step / steps < 0.61:
            heavy += int((batch.weights == 2).sum())
        else:
            late.append(batch)  # three to a pass
    wrong = sum(int((batch.weights != 1).sum()) for batch in late)
    whole = np.concatenate([batch.indices for batch in late[: len(late) // 3 * 3]])
    wrong += int(np.abs(np.bincount(whole, minlength=12) - len(late) // 3).sum()) + (heavy == 0)
    return exact(0, wrong)


CLAIMS = (
    Claim("gradmatch.chain", "min |G - sum w g| <= |G - sum gamma g| <= L(S), same S: ratio", "GradMatch; CRAIG eq. 8",
          "w >= 0, lam = 0", chain, partial(chain, swapped=True)),
    Claim("gradmatch.pursuit", "E falls as X grows; g_i . r = lam w_i for the chosen", "GradMatch algorithm 2",
          "weights refitted at each step", pursuit, partial(pursuit, refit=False)),
    Claim("gradmatch.weak", "-E_lam: submodularity ratio >= lam/(lam + k max |g|^2): ratio", "Das, Kempe 2011",
          "w of any sign", weak, partial(weak, submodular=True), direction=">="),
    Claim("glister.order", "gain eta g . grad L_V misses by O(eta^2): |slope - 2|", "GLISTER; Taylor",
          "last layer, smooth loss", first_order, partial(first_order, held_out=False)),
    Claim("glister.ahead", "gains and picks are those at w_S, recomputed: difference", "GLISTER algorithm 2",
          "a look-ahead for every pick", looked_ahead, partial(looked_ahead, rounds=1)),
    Claim("infobatch.unbiased", "E sum w g = sum g; variance q/(1 - q) sum_easy |g|^2", "InfoBatch; derived",
          "drops independent", unbiased, partial(unbiased, rescaled=False)),
    Claim("infobatch.annealing", "after delta all data, weight 1: examples not so", "InfoBatch, public code",
          "delta T no whole epoch", annealed, partial(annealed, delta=1.0)),
)  # fmt: skip
