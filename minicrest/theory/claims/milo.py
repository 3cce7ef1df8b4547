"""MILO: its sampling law, its curriculum, and that no network is asked."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from minicrest.datasets import Dataset
from minicrest.learner import Learner
from minicrest.nn import Tanh, mlp
from minicrest.oracle import Oracle
from minicrest.random import stream
from minicrest.selection.craig import Craig
from minicrest.selection.el2n import EL2N
from minicrest.selection.milo import Milo, cosines, draw, prepare, quotas, representative
from minicrest.submodular import GraphCut
from minicrest.theory import family_bounds as theory
from minicrest.theory.claims.base import Claim, Verdict, check_bound
from minicrest.theory.claims.chance import LEAST, least_p
from minicrest.theory.claims.pools import subsets
from minicrest.theory.claims.verdicts import exact, paired, provided, seeds

TOL = 1e-9  # relative: a few operations in float64
TIMES = 20_000


def features(seed: int = 0, n: int = 12, d: int = 4):
    """(n, d) normal features."""
    return stream(seed, "claims", "milo").standard_normal((n, d))


def drawn(p, k: int, seed: int = 0):
    """(n,) how often each is among k that MILO draws with probabilities p, in TIMES draws."""
    rng, counts = stream(seed, "claims", "draws"), np.zeros(len(p))
    for _ in range(TIMES):
        counts[draw([(np.arange(len(p)), k)], p, rng)] += 1
    return counts


# ---- the sampling law


def single(exponential: bool = False, salt: int = 0) -> Verdict:
    """p against the formula, exactly, and single draws: least p-value; exponential: against the plain softmax."""
    prepared = prepare(features(salt))
    u = prepared.values - prepared.values.min()
    u = u / u.std()
    expected = np.exp(u) / np.exp(u).sum() if exponential else theory.taylor_probabilities(u)
    p = prepared.probabilities(normalize=True)
    off = float(np.abs(p / expected - 1).max())  # u >= 1e-10, the recipe's floor, moves p by 1e-10
    least = least_p(drawn(p, 1, salt), TIMES, expected)
    return provided(off < 1e-8, exact(LEAST, least, ">="))


def pairs(naive: bool = False, salt: int = 0) -> Verdict:
    """Least p-value of how often each of 8 is one of 2, in 3 data sets, against the formula; naive: against 2 p_i."""
    least = 1.0
    for seed in seeds(3, salt):
        p = prepare(features(seed, 8)).probabilities(normalize=True)
        expected = np.minimum(2 * p, 1 - TOL) if naive else theory.inclusion_of_two(p)
        least = min(least, least_p(drawn(p, 2, seed), TIMES, expected))
    return exact(LEAST, least, ">=")


def pairs_picture(figure) -> None:
    """How often each example is drawn, with the formula and k p_i."""
    p = prepare(features()).probabilities(normalize=True)
    order, found = np.argsort(-p), drawn(p, 2) / TIMES
    axes = figure.add_subplot()
    axes.plot(2 * p[order], "k:", label="$k\\,p_i$")
    axes.plot(theory.inclusion_of_two(p)[order], "k-", label="formula")
    axes.plot(found[order], "o", color="#0072B2", label=f"{TIMES} draws of 2")
    axes.set(xlabel="example, most likely first", ylabel="probability to be drawn", ylim=(0, None))
    axes.legend(frameon=False)


def attached(by_rank: bool = False, salt: int = 0) -> Verdict:
    """Largest change of an example's p when the examples are given in another order (the first stays: ties go to it).

    by_rank: p in the order of the ranking, indexed by example, as in the public code.
    """
    z, labels = features(salt, n=40), np.arange(40) % 2
    order = np.concatenate([[0, 1], 2 + stream(salt, "claims", "order").permutation(38)])
    p, again = (prepare(z[i], labels[i]).probabilities(normalize=True) for i in (np.arange(40), order))
    if by_rank:
        p, again = (np.sort(q)[::-1] for q in (p, again))
    worst = float(np.abs(again - p[order]).max())
    return exact(TOL, worst)


def planted_far(by_rank: bool = False, salt: int = 0) -> Verdict:
    """The place, by frequency in 2000 draws of 4 of 40, of one example that is opposite to all others. 1 is first.

    by_rank: as in `attached`.
    """
    z = features(salt, n=40, d=3) / 10 + [1.0, 0.0, 0.0]
    z[29] = [-1.0, 0.0, 0.0]
    p = prepare(z).probabilities(normalize=True)
    p = np.sort(p)[::-1] if by_rank else p
    rng, counts = stream(salt, "claims", "far"), np.zeros(40)
    for _ in range(2000):
        counts[draw([(np.arange(40), 4)], p, rng)] += 1
    place = int((counts >= counts[29]).sum())
    return Verdict(2, place, place <= 2)  # the first of the ranking ties with the farthest from it


def informative(normalize: bool = True, salt: int = 0) -> Verdict:
    """Effective part of n, worst of 5 seeds, of the normalised p; as published it must be above 0.98.

    measured: the former, or with normalize=False the latter, held to the same bound.
    """
    prepared = [prepare(features(seed, 400, 8)) for seed in seeds(5, salt)]
    plain, own = ([theory.effective_part(one.probabilities(flag)) for one in prepared] for flag in (False, normalize))
    return Verdict(0.9, max(own), bool(max(own) <= 0.9 and min(plain) > 0.98))


# ---- easy subsets


def easy(sign: float = 1.0, salt: int = 0) -> Verdict:
    """Mean part of OPT of the easy subsets, of 16 points together and 4 opposite to them, against 1 - 1/e - eps.

    They must differ from seed to seed. sign=-1 takes for alike what is opposite: the 4 are a sixth of OPT.
    """
    n, k, eps, lam = 20, 4, 0.1, 0.4
    z = features(salt, n=n) / 3 + np.where(np.arange(n) < 16, 1, -1)[:, None]
    cos, chosen = cosines(z), []
    f = GraphCut((1 + cos) / 2, lam)
    best = max(f.value(S) for S in subsets(n, k))

    def part(seeds):
        found = representative(sign * cos, k, lam, eps, seeds.tolist())
        chosen.extend(np.sort(found, axis=1).tolist())
        return np.minimum(1.0, np.array([f.value(S) for S in found]) / best)  # 1 up to rounding

    verdict = check_bound(part, theory.GREEDY - eps, direction=">=", within=(0.0, 1.0), batched=True, salt=salt)
    return provided(len({tuple(S) for S in chosen}) > 1, verdict)


def hard_points(seed: int):
    """An oracle of 300 examples in 3 classes, 60 of them hard, near another class; and EL2N after 5 epochs."""
    rng, y = stream(seed, "claims", "hard"), np.arange(300) % 3
    centres = 4 * np.eye(3)
    x = centres[y] + 0.7 * rng.standard_normal((300, 3))
    far = rng.choice(300, 60, replace=False)
    x[far] += 0.9 * (centres[(y[far] + 1) % 3] - centres[y[far]])
    net = mlp((3, 16, 3), Tanh)
    oracle = Oracle(net, Dataset(x, y, "hard"), net.initialize(seed, "float64"), seed=seed)
    return oracle, EL2N(m=30, t=5, runs=1, lr=0.2).init(oracle).score


def difficulty(swapped: bool = False, salt: int = 0) -> Verdict:
    """Mean EL2N of easy subsets against 0.7 of that of varied ones (normalised p), the mean over seeds; or swapped."""

    def measure(seed):
        oracle, score = hard_points(seed)
        prepared = prepare(oracle.raw(None), oracle.labels, 0.1, n_subsets=10, seed=seed)
        rng, p = stream(seed, "claims", "varied"), prepared.probabilities(normalize=True)
        varied = np.mean([score[draw(prepared.parts(), p, rng)].mean() for _ in range(50)])
        easiest = score[prepared.easy].mean()
        return (varied, 0.7 * easiest) if swapped else (easiest, 0.7 * varied)

    return paired(measure, salt=salt)


# ---- the curriculum


def small_oracle(width: int = 8, seed: int = 0, salt: int = 0) -> Oracle:
    """60 examples in classes of 30, 20 and 10, and a network of that width with weights of that seed."""
    rng, y = stream(salt, "claims", "curriculum"), np.repeat([0, 1, 2], [30, 20, 10])
    net = mlp((4, width, 3), Tanh)
    x = rng.standard_normal((60, 4)) + y[:, None]
    return Oracle(net, Dataset(x, y, "curriculum"), net.initialize(seed, "float64"), seed=salt)


def batches(method, oracle, epochs: int):
    """The batches of so many epochs of a method over its subset, and its last state; progress goes by steps."""
    per_epoch = -(-round(method.fraction * len(oracle)) // method.m)
    state, proposed = method.init(oracle), []
    for step in range(epochs * per_epoch):
        Learner(oracle).move(oracle.theta, oracle.statistics, step, step / (epochs * per_epoch))
        batch, state = method.propose(state, oracle)
        proposed.append(batch.indices)
    return proposed, state


def curriculum(kappa: float = 0.25, epochs: int = 10, R: int = 2, salt: int = 0) -> Verdict:
    """Epochs in which the subset is not of the kind, or not kept for as long, as the recipe says for kappa = 0.25.

    Also wrong: a subset whose classes are not the quotas.
    """
    method, oracle = Milo(m=5, fraction=0.3, kappa=kappa, R=R, n_subsets=4), small_oracle(salt=salt)
    proposed, state = batches(method, oracle, epochs)
    per_epoch, phase = 4, math.ceil(0.25 * epochs)  # 18 examples in batches of 5
    kinds = [epoch < phase for epoch in range(epochs)]
    starts = [e * per_epoch for e in range(epochs) if (e if e < phase else e - phase) % 2 == 0]
    report = method.report(state)
    ran = report["easy"][np.searchsorted(report["start"], np.arange(epochs) * per_epoch, "right") - 1]
    wrong = int((ran != kinds).sum()) + len(set(starts) ^ set(report["start"].tolist()))
    for e in range(epochs):
        seen = np.concatenate(proposed[e * per_epoch : (e + 1) * per_epoch])
        counts = np.bincount(oracle.labels[np.unique(seen)], minlength=3)
        wrong += int((counts != quotas([30, 20, 10], 18)).any())
    return exact(0, wrong)


def independent(method=None, salt: int = 0) -> Verdict:
    """Batches that differ between two networks, and what selecting costs: nothing."""
    method = method or Milo(m=6, fraction=0.3, n_subsets=4)
    oracles = small_oracle(8, 0, salt), small_oracle(16, 1, salt)
    first, second = (batches(method, oracle, 6)[0] for oracle in oracles)
    differ = sum(not np.array_equal(a, b) for a, b in zip(first, second))
    cost = sum(oracle.ledger.cost for oracle in oracles)
    return Verdict(0, differ + cost, differ + cost == 0)


CLAIMS = (
    Claim("milo.single", "p_i in proportion to 1 + u_i + u_i^2/2, and drawn so: p-value", "MILO, public code",
          "12 examples, 20,000 draws", single, partial(single, exponential=True), 12 * LEAST, direction=">="),
    Claim("milo.pairs", "one of 2 drawn with p_i (1 + sum p_j/(1 - p_j)), not 2 p_i: p-value", "derived",
          "without replacement", pairs, partial(pairs, naive=True), 24 * LEAST, pairs_picture, ">="),
    Claim("milo.attached", "p goes with its example whatever the order: change", "symmetry",
          "the first example stays", attached, partial(attached, by_rank=True)),
    Claim("milo.far", "the example opposite to all others is drawn most: its place", "MILO section 3",
          "normalised p", planted_far, partial(planted_far, by_rank=True), LEAST),
    Claim("milo.informative", "effective part of n: normalised < 0.9; as published > 0.98", "empirical",
          "5 seeds, 400 normal points", informative, partial(informative, normalize=False)),
    Claim("milo.easy", "easy subsets differ; mean >= (1 - 1/e - eps) OPT", "Mirzasoleiman 2015, thm 1",
          "lam = 0.4: graph cut is monotone", easy, partial(easy, -1.0), 1e-6, direction=">="),
    Claim("milo.difficulty", "mean EL2N of easy subsets to varied ones", "empirical; MILO section 3",
          "a fifth is hard", difficulty, partial(difficulty, swapped=True), 1e-6),
    Claim("milo.curriculum", "epochs < ceil(kappa T) easy, R each, quotas: how many wrong", "MILO, public code",
          "progress by steps", curriculum, partial(curriculum, kappa=0.5)),
    Claim("milo.independent", "the same batches for two networks, at no cost", "MILO abstract",
          "features of the data alone", independent, partial(independent, Craig(m=6, fraction=0.3))),
)  # fmt: skip
