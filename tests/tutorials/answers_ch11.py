"""Answers to tutorial 11: SECOND, right ones written another way, and WRONG ones with words of their hints."""

import numpy as np

from minicrest.experiments.tables import estimate
from minicrest.selection.adacore import precondition
from minicrest.selection.dynamic import remember
from minicrest.selection.gradmatch import omp
from minicrest.teaching.exercises.ch11 import EXERCISES

BY_NAME = {exercise.name: exercise for exercise in EXERCISES}


def scaled(g, estimates, damping):
    out = np.empty(g.shape)
    for k in range(g.shape[1]):
        out[:, k] = g[:, k] / (damping + np.linalg.norm(estimates[:, k]) / len(estimates) ** 0.5)
    return out


def bounds(mean, variance, u, a, c):
    step = u - mean
    mean, variance = mean + a * step, variance + a * (step * step - variance)
    return [mean, variance, mean + c * variance]


def match(G, chosen, w, target):
    r = np.array(target)
    for j, weight in zip(chosen, w):
        r = r - weight * G[j]
    return max((float(row @ r), -e, e) for e, row in enumerate(G) if e not in chosen)[-1]


def gains(g, S, w, eta, gradient):
    for j in S:
        w = w - eta * g[j]
    return np.array([eta * sum(row * gradient(w)) for row in g])


def interval(accuracy, random, t):
    n = len(accuracy)
    gain = sum(accuracy - random) / n
    return [accuracy - random, gain, t * np.sqrt(sum((accuracy - random - gain) ** 2) / (n - 1) / n)]


SECOND = {
    "11.precondition": scaled,
    "11.ucb": bounds,
    "11.next": match,
    "11.gains": gains,
    "11.paired": interval,
}


def new_mean(mean, variance, u, a, c):
    mean = mean + a * (u - mean)
    variance = variance + a * ((u - mean) ** 2 - variance)
    return mean, variance, mean + c * variance


def rooted(*q):
    mean, variance, _ = bounds(*q)
    return mean, variance, mean + q[-1] * np.sqrt(variance)


def again(G, chosen, w, target):
    return int(np.argmax((target - w @ G[chosen]) @ G.T))


def whole_target(G, chosen, w, target):
    return match(G, chosen, 0 * w, target)


def either_sign(G, chosen, w, target):
    r = target - w @ G[chosen]
    return max((abs(float(row @ r)), e) for e, row in enumerate(G) if e not in chosen)[1]


def cosine(G, chosen, w, target):
    r = target - w @ G[chosen]
    return max((float(row @ r) / np.linalg.norm(row), e) for e, row in enumerate(G) if e not in chosen)[1]


WRONG = [
    ("11.next", lambda G, chosen, w, target: int(np.argmax([-np.inf if e in chosen else G[e] @ (
        target - w.mean() * G[chosen].mean(0)) for e in range(len(G))])), "come out right"),
    ("11.precondition", lambda g, h, d: g / (h.mean(0) + d), "signs that cancel"),
    ("11.precondition", lambda g, h, d: g / (np.mean(h * h, axis=0) + d), "root is missing"),
    ("11.precondition", lambda g, h, d: g / np.sqrt(np.mean(h * h, axis=0)), "damping is not used"),
    ("11.precondition", lambda g, h, d: g / (np.linalg.norm(h, axis=0) + d), "summed"),
    ("11.precondition", lambda g, h, d: g * (np.linalg.norm(h, axis=0) / 2 + d), "multiplies"),
    ("11.ucb", new_mean, "the old one"),
    ("11.ucb", rooted, "standard deviation"),
    ("11.ucb", lambda s, v, u, a, c: bounds(s, v, u, 1 - a, c), "exchanged"),
    ("11.ucb", lambda s, v, u, a, c: (*bounds(s, v, u, a, c)[:2], s + c * v), "old mean and variance"),
    ("11.next", again, "chosen again"),
    ("11.next", whole_target, "matched already"),
    ("11.next", either_sign, "negative weight"),
    ("11.next", cosine, "length 1"),
    ("11.gains", lambda g, S, w, eta, f: eta * g @ f(w), "does not look ahead"),
    ("11.gains", lambda g, S, w, eta, f: gains(g, S, w, -eta, f) * -1, "uphill"),
    ("11.gains", lambda g, S, w, eta, f: gains(g, S, w, eta, f) / eta, "missing in the gains"),
    ("11.gains", lambda g, S, w, eta, f: eta * g @ f(w - eta * g[S].mean(0)), "averaged"),
    (
        "11.paired",
        lambda a, r, t: (a - r, a.mean() - r.mean(), t * np.hypot(a.std(ddof=1), r.std(ddof=1)) / 5**0.5),
        "not shared",
    ),
    ("11.paired", lambda a, r, t: (a - r, (a - r).mean(), t * (a - r).std() / 5**0.5), "n - 1"),
    ("11.paired", lambda a, r, t: (a - r, (a - r).mean(), t * (a - r).std(ddof=1)), "one seed"),
    ("11.paired", lambda a, r, t: interval(r, a, t), "above random should be positive"),
]


def test_the_solutions_are_what_the_package_does():
    ((g, h, damping),) = BY_NAME["11.precondition"].cases
    D = np.sqrt((h**2).mean(axis=0))
    assert np.array_equal(BY_NAME["11.precondition"].solution(g, h, damping), precondition(g, D, 1.0, damping))
    ((mean, variance, u, a, c),) = BY_NAME["11.ucb"].cases
    assert all(map(np.array_equal, BY_NAME["11.ucb"].solution(mean, variance, u, a, c), remember(mean, variance, u, a)))
    G = np.random.default_rng(0).standard_normal((30, 8))
    first, two = omp(G, G.sum(axis=0), 1, 0.0), omp(G, G.sum(axis=0), 2, 0.0)
    assert BY_NAME["11.next"].solution(G, first.indices, first.weights, G.sum(axis=0)) == two.indices[1]
    ((accuracy, random, t),) = BY_NAME["11.paired"].cases
    theirs = estimate(accuracy - random)
    assert np.allclose(BY_NAME["11.paired"].solution(accuracy, random, t)[1:], (theirs.mean, theirs.half), rtol=1e-3)
