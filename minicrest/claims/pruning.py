"""Scores and dynamic pruning: what EL2N, GraNd and forgetting are, and which examples UCB and epsilon-greedy keep."""

from __future__ import annotations

import math

import numpy as np

from minicrest import theory_family as theory
from minicrest.claims.base import Claim, Verdict
from minicrest.datasets import Dataset
from minicrest.nn import Linear, Network, SoftmaxCrossEntropy, SquaredError, Tanh, mlp
from minicrest.oracle import Oracle
from minicrest.random import stream
from minicrest.selection.dynamic import UCB, EpsilonGreedy, RandomDynamic, census, remember
from minicrest.selection.el2n import EL2N, el2n
from minicrest.selection.forgetting import Forgetting, forgetting_events

TOL = 1e-9  # relative: a few operations in float64
FALSE_ALARM = 6e-7  # of one |z| > 5, two-sided

# ---- scores


def el2n_range(wide: bool = True) -> Verdict:
    """Largest EL2N / upper end and lower end / EL2N, in 2 to 10 classes; EL2N is the same with classes renamed.

    wide=False: an upper end of 1 - p_y, without sqrt 2.
    """
    worst = 0.0
    for C in range(2, 11):
        rng, net = stream(C, "claims", "el2n"), mlp((C, C))
        x, y, rename = 3 * rng.standard_normal((3000, C)), rng.integers(0, C, 3000), rng.permutation(C)
        a = net.logit_gradients(np.concatenate([np.eye(C).ravel(), np.zeros(C)]), x, y)  # logits are inputs
        score, p = el2n(a), 1 + a[np.arange(3000), y]
        low, high = theory.el2n_range(p, C)
        high = high if wide else high / math.sqrt(2)
        seen = p < 1 - 1e-6  # nearer to 1, 1 - p has lost digits
        worst = max(worst, (score / high)[seen].max(), (low / score)[seen].max(), score.max() / math.sqrt(2))
        renamed = SoftmaxCrossEntropy().gradient(x[:, np.argsort(rename)], rename[y])
        worst = max(worst, 1 + float(np.abs(el2n(renamed) - score).max()))
    return Verdict(1.0, float(worst), bool(worst <= 1 + TOL))


def layer_oracle(n: int = 530) -> Oracle:
    """Softmax regression on n examples of 6 numbers: all of its parameters are the last layer's."""
    rng, net = stream(0, "claims", "layer"), mlp((6, 4))
    data = Dataset(rng.standard_normal((n, 6)), rng.integers(0, 4, n), "layer")
    return Oracle(net, data, net.initialize(0, "float64"))


def last_layer(reduced: bool = False) -> Verdict:
    """Largest |GraNd / (EL2N sqrt(|h|^2 + 1)) - 1|, asked for all at once, in parts, backwards and one by one.

    reduced: divided by the size of the question, as by a library whose loss is a mean.
    """
    oracle, every = layer_oracle(), np.arange(530)
    a, h = oracle.last_layer(every)
    expected, worst = el2n(a) * np.sqrt((h * h).sum(1) + 1), 0.0
    for parts in (1, 7, 530):
        for i in np.array_split(every[::-1], parts):
            found = oracle.gradient_norms(i) / (len(i) if reduced else 1)
            worst = max(worst, float(np.abs(found / expected[i] - 1).max()))
    return Verdict(TOL, worst, worst <= TOL)


def forgotten(presented_before: bool = False) -> Verdict:
    """Wrong counts on scripted rows of an example's presentations; presented_before: as if all began with a right one."""
    rows = np.array([[0, 1, 0, 1, 1, 0], [0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1], [0, 1, 1, 1, 1, 1], [1, 0, 1, 0, 1, 0]])
    expected = [2, 6, 0, 0, 3]
    if presented_before:
        rows = np.column_stack([np.ones(len(rows)), rows])
    wrong = int((forgetting_events(rows.T) != expected).sum())
    return Verdict(0, wrong, wrong == 0)


def noisy(seed: int):
    """(oracle, flags) of 400 examples in 5 classes, a tenth of their labels wrong."""
    rng, y = stream(seed, "claims", "noisy"), np.arange(400) % 5
    x = 3 * np.eye(5, 10)[y] + rng.standard_normal((400, 10))
    wrong = rng.permutation(400) < 40
    labels = np.where(wrong, (y + rng.integers(1, 5, 400)) % 5, y)
    net = mlp((10, 32, 5), Tanh)
    return Oracle(net, Dataset(x, labels, "noisy"), net.initialize(seed, "float64"), seed=seed), wrong


def area(score, flags) -> float:
    """The chance that a flagged example scores above another one; ties count half."""
    above = score[flags][:, None] - score[~flags]
    return float((above > 0).mean() + (above == 0).mean() / 2)


def wrong_labels(method, bound: float, shuffled: bool = False) -> Verdict:
    """The worst of 5 seeds; shuffled: the wrong labels are said to be others."""
    worst = 1.0
    for seed in range(5):
        oracle, flags = noisy(seed)
        flags = stream(seed, "claims", "shuffled").permutation(flags) if shuffled else flags
        worst = min(worst, area(method.init(oracle).score, flags))
    return Verdict(bound, worst, worst >= bound)


# ---- dynamic pruning


A = 0.8  # the weight of the newest score


def remembered(corrected: bool = False) -> Verdict:
    """Largest difference of `remember` to the closed forms, over 40 random scores, a constant and 1, 0, 1, ...

    corrected: expects the variance about the NEW mean.
    """
    rng, worst = stream(0, "claims", "remember"), 0.0
    history = np.column_stack([rng.random((40, 5)), np.full(40, 0.3), np.arange(40) % 2 == 0])
    s, v = np.ones(7), np.zeros(7)
    for t, u in enumerate(history):
        s, v = remember(s, v, u, A)
        spread = theory.running_variance(history[: t + 1], A, 1.0) * ((1 - A) ** 2 if corrected else 1)
        found = np.abs(s - theory.running_mean(history[: t + 1], A, 1.0)), np.abs(v - spread)
        worst = max(worst, found[0].max(), found[1].max(), abs(abs(s[5] - 0.3) - 0.7 * (1 - A) ** (t + 1)))
    high, low, variance = theory.alternating(A)
    worst = max(worst, abs(s[6] - low), abs(v[6] - variance), abs((1 - A) * s[6] + A - high))
    return Verdict(TOL, float(worst), bool(worst <= TOL))


def scripted(targets):
    """An oracle whose losses are (b - t_i)^2 / 2 for b = 0 and sqrt 2 in turn, and a function that takes turns.

    t = 0 has the losses 0, 1, 0, ...; sqrt 2 has 1, 0, 1, ...; sqrt(1/2) always 1/4.
    """
    oracle = Oracle(Network([Linear(1, 1)], SquaredError()), Dataset(np.zeros((len(targets), 1)), targets), np.zeros(2))

    def turn(t):
        oracle.move(np.array([0.0, math.sqrt(2) * (t % 2)]), oracle.statistics, t)

    return oracle, turn


def kept(method, targets, checkpoints: int):
    """(checkpoints, n) which were kept, (checkpoints, n) the losses, and the report. A period is one step."""
    oracle, turn = scripted(targets)
    state, seen = method.init(oracle), []
    for t in range(checkpoints):
        turn(t)
        batch, state = method.propose(state, oracle)
        seen.append(np.isin(np.arange(len(targets)), batch.indices))
    b = math.sqrt(2) * (np.arange(checkpoints)[:, None] % 2)
    return np.array(seen), (b - targets) ** 2 / 2, method.report(state)


def some_targets(n: int = 60):
    return stream(0, "claims", "targets").uniform(-1.5, 2.5, n)


def ucb(root: bool = False) -> Verdict:
    """Checkpoints of 20 at which UCB keeps other than the k highest s + c v in closed form; root: than s + c sqrt v."""
    seen, u, _ = kept(UCB(m=12, fraction=0.2, T_p=1, a=A), some_targets(), 20)
    wrong = 0
    for t in range(20):
        v = theory.running_variance(u[: t + 1], A, 1.0)
        index = theory.running_mean(u[: t + 1], A, 1.0) + (np.sqrt(v) if root else v)
        wrong += set(np.argsort(-index)[:12]) != set(np.flatnonzero(seen[t]))
    return Verdict(0, wrong, wrong == 0)


def epsilon(told: float = 0.25) -> Verdict:
    """Largest |z| of how often epsilon-greedy (1/4) keeps an example it had not to; the top (1 - told) k, always.

    measured is inf where one of the top is missing, or the number kept is not k. The z are summed over 400
    checkpoints, of which each leaves another set to chance: mean r / (n - top), variance of independent draws.
    """
    n, k, T = 60, 12, 400
    seen, u, _ = kept(EpsilonGreedy(m=k, fraction=0.2, T_p=1, epsilon=0.25, a=A), some_targets(n), T)
    top = k - round(told * k)
    chance = (k - top) / (n - top)
    free, drawn, missing = np.zeros(n), np.zeros(n), int((seen.sum(1) != k).sum())
    for t in range(T):
        s = theory.running_mean(u[max(0, t - 30) : t + 1], A, 1.0)  # what is older weighs 0.2^30
        first = np.argsort(-s)[:top]
        missing += int((~seen[t, first]).sum())
        rest = np.setdiff1d(np.arange(n), first)
        free[rest] += 1
        drawn[rest] += seen[t, rest]
    some = free > 100
    z = np.abs(drawn - free * chance)[some] / np.sqrt(free[some] * chance * (1 - chance))
    worst = math.inf if missing else float(z.max())
    return Verdict(5.0, worst, worst < 5)


def threshold(above: bool = True) -> Verdict:
    """Checkpoints, of the 30 after 10, at which UCB keeps 10 alternating examples before 10 that are constant at 1/2.

    For c just above a (2 - a) / 2 all 30, for c just below not: bound, 30.
    """
    t = np.concatenate([np.full(10, math.sqrt(2)), np.full(10, math.sqrt(0.5) + 1)])
    alternating = np.tile([[1.0, 0.0]], (10, 1)).T  # (2, 10) by turns
    method = UCB(m=10, fraction=0.5, T_p=1, a=A, c=theory.least_c(A) * (1.02 if above else 0.98))
    assert len(t) == 20
    won, mean, variance = 0, np.ones(20), np.zeros(20)
    for turn in range(40):
        u = np.concatenate([alternating[turn % 2], np.full(10, 0.5)])
        mean, variance = remember(mean, variance, u, A)
        won += turn >= 10 and (mean + method.c * variance)[:10].min() > (mean + method.c * variance)[10:].max()
    return Verdict(30, won, won == 30)
