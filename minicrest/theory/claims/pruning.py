"""Scores and dynamic pruning: what EL2N, GraNd and forgetting are, and which examples UCB and epsilon-greedy keep."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from minicrest.datasets import Dataset
from minicrest.experiments.census import census
from minicrest.learner import Learner
from minicrest.nn import Linear, Network, SoftmaxCrossEntropy, SquaredError, Tanh, mlp
from minicrest.oracle import Oracle
from minicrest.random import stream
from minicrest.selection.dynamic import UCB, EpsilonGreedy, RandomDynamic, remember
from minicrest.selection.el2n import EL2N, el2n
from minicrest.selection.forgetting import Forgetting, forgetting_events
from minicrest.theory import family_bounds as theory
from minicrest.theory.claims.base import Claim, Verdict, check_bound
from minicrest.theory.claims.chance import LEAST, least_p
from minicrest.theory.claims.verdicts import exact

TOL = 1e-9  # relative: a few operations in float64
FALSE_ALARM = 6e-7  # of one |z| > 5, two-sided

# ---- scores


def el2n_range(wide: bool = True, salt: int = 0) -> Verdict:
    """Largest EL2N / upper end and lower end / EL2N, in 2 to 10 classes; EL2N is the same with classes renamed.

    wide=False: an upper end of 1 - p_y, without sqrt 2.
    """
    worst = 0.0
    for C in range(2, 11):
        rng, net = stream(salt, "claims", "el2n", C), mlp((C, C))
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


def layer_oracle(seed: int = 0, n: int = 530) -> Oracle:
    """Softmax regression on n examples of 6 numbers: all of its parameters are the last layer's."""
    rng, net = stream(seed, "claims", "layer"), mlp((6, 4))
    data = Dataset(rng.standard_normal((n, 6)), rng.integers(0, 4, n), "layer")
    return Oracle(net, data, net.initialize(0, "float64"))


def last_layer(reduced: bool = False, salt: int = 0) -> Verdict:
    """Largest |GraNd / (EL2N sqrt(|h|^2 + 1)) - 1|, asked for all at once, in parts, backwards and one by one.

    reduced: divided by the size of the question, as by a library whose loss is a mean.
    """
    oracle, every = layer_oracle(salt), np.arange(530)
    a, h = oracle.last_layer(every)
    expected, worst = el2n(a) * np.sqrt((h * h).sum(1) + 1), 0.0
    for parts in (1, 7, 530):
        for i in np.array_split(every[::-1], parts):
            found = oracle.gradient_norms(i) / (len(i) if reduced else 1)
            worst = max(worst, float(np.abs(found / expected[i] - 1).max()))
    return exact(TOL, worst)


def forgotten(presented_before: bool = False, salt: int = 0) -> Verdict:
    """Wrong counts on scripted rows of an example's presentations; presented_before: all begin with a right one."""
    scripts = ["010110", "000000", "111111", "011111", "101010"]
    rows, expected = np.array([[int(c) for c in script] for script in scripts]), [2, 6, 0, 0, 3]
    if presented_before:
        rows = np.column_stack([np.ones(len(rows)), rows])
    wrong = int((forgetting_events(rows.T) != expected).sum())
    return exact(0, wrong)


def noisy(seed: int):
    """(oracle, flags) of 200 examples in 5 classes, a tenth of their labels wrong."""
    rng, y = stream(seed, "claims", "noisy"), np.arange(200) % 5
    x = 3 * np.eye(5, 10)[y] + rng.standard_normal((200, 10))
    wrong = rng.permutation(200) < 20
    labels = np.where(wrong, (y + rng.integers(1, 5, 200)) % 5, y)
    net = mlp((10, 32, 5), Tanh)
    return Oracle(net, Dataset(x, labels, "noisy"), net.initialize(seed, "float64"), seed=seed), wrong


def area(score, flags) -> float:
    """The chance that a flagged example scores above another one; ties count half."""
    above = score[flags][:, None] - score[~flags]
    return float((above > 0).mean() + (above == 0).mean() / 2)


def wrong_labels(method, bound: float, shuffled: bool = False, salt: int = 0) -> Verdict:
    """The mean over seeds; shuffled: the wrong labels are said to be others."""

    def measure(seed):
        oracle, flags = noisy(seed)
        flags = stream(seed, "claims", "shuffled").permutation(flags) if shuffled else flags
        return area(method.init(oracle).score, flags)

    return check_bound(measure, bound, direction=">=", salt=salt)


# ---- dynamic pruning


A = 0.8  # the weight of the newest score


def remembered(corrected: bool = False, salt: int = 0) -> Verdict:
    """Largest difference of `remember` to the closed forms, over 40 random scores, a constant and 1, 0, 1, ...

    corrected: expects the variance about the NEW mean.
    """
    rng, worst = stream(salt, "claims", "remember"), 0.0
    history = np.column_stack([rng.random((40, 5)), np.full(40, 0.3), np.arange(40) % 2 == 0])
    s, v = np.ones(7), np.zeros(7)
    for t, u in enumerate(history):
        s, v = remember(s, v, u, A)
        spread = theory.running_variance(history[: t + 1], A, 1.0) * ((1 - A) ** 2 if corrected else 1)
        found = np.abs(s - theory.running_mean(history[: t + 1], A, 1.0)), np.abs(v - spread)
        worst = max(worst, found[0].max(), found[1].max(), abs(abs(s[5] - 0.3) - 0.7 * (1 - A) ** (t + 1)))
    high, low, variance = theory.alternating(A)
    worst = max(worst, abs(s[6] - low), abs(v[6] - variance), abs((1 - A) * s[6] + A - high))
    return exact(TOL, worst)


HALF = math.sqrt(0.5)


def scripted(targets, seed: int = 0):
    """An oracle over targets (n, 2) whose losses are |(b, 0) - t_i|^2 / 2, and a function that gives b its turn.

    b is 0 and sqrt 2 in turn: t = 0 has the losses 0, 1, 0, ...; (sqrt 2, 0) has 1, 0, 1, ...; (HALF, HALF) has 1/2.
    """
    net = Network([Linear(1, 2)], SquaredError())
    oracle = Oracle(net, Dataset(np.zeros((len(targets), 1)), targets, "scripted"), np.zeros(4), seed=seed)

    def turn(t):
        Learner(oracle).move(np.array([0.0, 0.0, 2 * HALF * (t % 2), 0.0]), oracle.statistics, t)

    return oracle, turn


def kept(method, targets, checkpoints: int, seed: int = 0):
    """(checkpoints, n) which were kept, (checkpoints, n) the losses, and the report. A period is one step."""
    oracle, turn = scripted(targets, seed)
    state, seen, u = method.init(oracle), [], []
    for t in range(checkpoints):
        turn(t)
        batch, state = method.propose(state, oracle)
        seen.append(np.isin(np.arange(len(targets)), batch.indices))
        u.append(oracle.losses(np.arange(len(targets))))
    return np.array(seen), np.array(u), method.report(state)


def some_targets(n: int = 60, seed: int = 0):
    """(n, 2) targets whose losses vary in many ways."""
    return stream(seed, "claims", "targets").uniform(-1.5, 2.5, (n, 2))


def ucb(root: bool = False, salt: int = 0) -> Verdict:
    """Checkpoints of 20 at which UCB keeps other than the k highest s + c v in closed form; root: than s + c sqrt v."""
    seen, u, _ = kept(UCB(m=12, fraction=0.2, T_p=1, a=A), some_targets(seed=salt), 20)
    wrong = 0
    for t in range(20):
        v = theory.running_variance(u[: t + 1], A, 1.0)
        index = theory.running_mean(u[: t + 1], A, 1.0) + (np.sqrt(v) if root else v)
        wrong += set(np.argsort(-index)[:12]) != set(np.flatnonzero(seen[t]))
    return exact(0, wrong)


def epsilon(told: float = 0.25, salt: int = 0) -> Verdict:
    """Least p-value of how often epsilon-greedy (1/4) keeps an example not of the top (1 - told) k; those, always.

    0 where one of the top is missing, or the number kept is not k. Each of 400 checkpoints leaves n - top examples to
    chance, independently.
    """
    n, k, T = 20, 8, 400
    seen, u, _ = kept(EpsilonGreedy(m=k, fraction=k / n, T_p=1, eps=0.25, a=A), some_targets(n, salt), T, salt)
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
    least = 0.0 if missing else least_p(drawn[free > 0], free[free > 0], chance)
    return exact(LEAST, least, ">=")


def threshold(part: float = 1.02, salt: int = 0) -> Verdict:
    """Checkpoints, of 30 after 10, at which UCB keeps the 10 alternating examples and none of 10 constant at 1/2.

    c is a part of a (2 - a) / 2: above 1 all 30, below 1 only every other one.
    """
    targets = np.repeat([[0.0, 0.0], [HALF, HALF]], 10, axis=0)
    method = UCB(m=10, fraction=0.5, T_p=1, a=A, c=part * theory.least_c(A))
    seen = kept(method, targets, 40)[0]
    won = int((seen[10:, :10].all(1) & ~seen[10:, 10:].any(1)).sum())
    return exact(30, won, "=")


def threshold_picture(figure) -> None:
    """UCB's index of an alternating and of a constant loss, against c."""
    high, low, v = theory.alternating(A)
    c = np.linspace(0, 1.2, 2)
    axes = figure.add_subplot()
    axes.plot(c, high + c * v, color="#0072B2", label="loss 1, 0, 1, ...: after a 1")
    axes.plot(c, low + c * v, color="#D55E00", label="after a 0")
    axes.axhline(0.5, color="k", label="loss always 1/2")
    axes.axvline(theory.least_c(A), color="k", ls=":", label="$a (2 - a) / 2$")
    axes.set(xlabel="c, the worth of variance", ylabel="UCB's index s + c v (nats; v: nats squared)")
    axes.legend(frameon=False)


def labels(c: float = 0.3, salt: int = 0) -> Verdict:
    """Examples of 40 that `census` calls other than planned: 10 high always, 10 low never, the others sometimes.

    The others alternate, or are constant at 1/2: for c below a (2 - a) / 2 they take turns.
    """
    targets = np.repeat([[9.0, 0.0], [0.0, 0.0], [HALF, HALF], [HALF, 0.0]], 10, axis=0)
    method = UCB(m=20, fraction=0.5, T_p=1, a=A, c=c)
    found = census(kept(method, targets, 40)[2]["kept"], 40)
    planned = np.arange(10), np.arange(10, 30), np.arange(30, 40)
    wrong = sum(len(np.setxor1d(a, b)) for a, b in zip(found, planned))
    return exact(0, wrong)


def random_dynamic(T_p: int = 1, salt: int = 0) -> Verdict:
    """|z| of how many of 2000 are in none of 10 subsets of 200, against the exact law; T_p > 1: old subsets stay."""
    n, k, q = 2000, 200, 10
    oracle = scripted(np.zeros((n, 2)), salt)[0]
    method = RandomDynamic(m=k, fraction=k / n, T_p=T_p)
    state, seen = method.init(oracle), np.zeros(n, dtype=int)
    for _ in range(q):
        batch, state = method.propose(state, oracle)
        seen[batch.indices] += 1
    mean, variance = theory.never_seen(n, k, q)
    z = abs((seen == 0).sum() - mean) / math.sqrt(variance)
    return Verdict(5.0, float(z), bool(z < 5 and seen.sum() == k * q))


CLAIMS = (
    Claim("scores.range", "(1 - p) sqrt(C/(C - 1)) <= EL2N <= sqrt(2)(1 - p): ratio", "derived; Paul et al. 2021",
          "softmax, 2 to 10 classes", el2n_range, partial(el2n_range, wide=False)),
    Claim("scores.grand", "last layer: GraNd = EL2N sqrt(|h|^2 + 1), asked in any way", "derived; Paul et al. 2021",
          "one layer", last_layer, partial(last_layer, reduced=True)),
    Claim("scores.forgetting", "right then wrong counts, a wrong start does not: mistakes", "Toneva et al. 2019",
          "scripted presentations", forgotten, partial(forgotten, presented_before=True)),
    Claim("scores.early", "EL2N after 5 epochs finds wrong labels: area under the curve", "empirical; Paul et al. 2021",
          "a tenth is wrong", partial(wrong_labels, EL2N(m=20, runs=1, t=5), 0.9),
          partial(wrong_labels, EL2N(m=20, runs=1, t=5), 0.9, shuffled=True), 1e-6, direction=">="),
    Claim("scores.noise", "forgetting finds wrong labels: area under the curve", "empirical; Toneva et al. 2019",
          "a tenth is wrong", partial(wrong_labels, Forgetting(m=20, T=40), 0.85),
          partial(wrong_labels, Forgetting(m=20, T=40), 0.85, shuffled=True), 1e-6, direction=">="),
    Claim("dynamic.memory", "s and v in closed form; constant u: error (1 - a)^t", "derived; Raju et al. 2021",
          "variance about the old mean", remembered, partial(remembered, corrected=True)),
    Claim("dynamic.ucb", "UCB keeps the k highest s + c v of the closed form: times it does not", "Raju et al. 2021",
          "scripted losses", ucb, partial(ucb, root=True)),
    Claim("dynamic.epsilon", "epsilon-greedy: the top always, the others alike: p-value", "Raju et al. 2021",
          "scripted losses", epsilon, partial(epsilon, told=0.1), 20 * LEAST, direction=">="),
    Claim("dynamic.threshold", "1, 0, 1, ... beats 1/2 at every checkpoint iff c > a(2 - a)/2", "derived",
          "UCB, s + c v", threshold, partial(threshold, part=0.98), 0.0, threshold_picture, "="),
    Claim("dynamic.census", "high: always, varying: sometimes, low: never: mistakes", "Raju et al. 2021",
          "c below a (2 - a)/2", labels, partial(labels, c=2.0)),
    Claim("dynamic.random", "n (1 - k/n)^q are never seen: |z|", "derived; Raju et al. 2021",
          "uniform, independent", random_dynamic, partial(random_dynamic, T_p=2), FALSE_ALARM),
)  # fmt: skip
