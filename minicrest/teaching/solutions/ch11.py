"""Tutorial 11: the inputs of its exercises, its solutions, and what wrong answers are made of."""

import numpy as np

rng = np.random.default_rng(11)
G, H = rng.standard_normal((5, 3)), 1.5 * rng.standard_normal((4, 3)) + 0.3
S0, V0, U = rng.random(6) + 0.2, 0.3 * rng.random(6) + 0.05, 3 * rng.random(6)
CHOSEN = np.array([3, 7])
AWAY = [(np.abs(rng.standard_normal((8, 4))) + 0.1, rng.random(2)) for _ in range(2)]
MATCHES = [(rng.standard_normal((12, 4)), CHOSEN, rng.random(2), rng.standard_normal(4)) for _ in range(9)]
MATCHES.append((MATCHES[0][0], CHOSEN, np.array([4.0, 0.1]), MATCHES[0][3]))  # weights that differ much
MATCHES += [(M, CHOSEN, np.array([0.1, 0.2]), 2 * M[3] + M[7]) for M, *_ in MATCHES[:2]]  # much of them is left over
MATCHES += [(M, CHOSEN, w, w @ M[CHOSEN] - 3 * M.mean(axis=0)) for M, w in AWAY]  # no product of the others is positive
STEPS, W0 = rng.standard_normal((6, 3)), rng.standard_normal(3)
ACC, BASE = np.array([0.91, 0.93, 0.90, 0.95, 0.95]), np.array([0.92, 0.95, 0.92, 0.955, 0.915])
T_4 = 2.776  # of 4 degrees of freedom, at 97.5%


def precondition(g, estimates, damping):
    return g / (np.sqrt((estimates**2).mean(axis=0)) + damping)


def ucb(mean, variance, u, a, c):
    new = (1 - a) * mean + a * u
    spread = (1 - a) * variance + a * (u - mean) ** 2
    return new, spread, new + c * spread


def ucb_bound(change):
    """The mistake: the right mean and variance, and another bound."""
    return lambda s, v, u, a, c: (*ucb(s, v, u, a, c)[:2], change(*ucb(s, v, u, a, c)[:2], s, v, c))


def ucb_mean(change):
    """The mistake: another new mean, and the bound that follows from it."""

    def answer(s, v, u, a, c):
        new, spread = change(s, u, a), ucb(s, v, u, a, c)[1]
        return new, spread, new + c * spread

    return answer


def ucb_variance(change):
    """The mistake: another new variance, and the bound that follows from it."""

    def answer(s, v, u, a, c):
        new, spread = ucb(s, v, u, a, c)[0], change(s, v, u, a)
        return new, spread, new + c * spread

    return answer


def following(score=lambda G, r, target: G @ r, skip=True, residual=True, mark=-np.inf, value=False):
    """argmax of `score` over the rows not chosen; the arguments are mistakes that can be made."""

    def pick(G, chosen, w, target):
        r = target - w @ G[chosen] if residual else target
        gain = np.array(score(G, r, target), dtype=float)
        if skip:
            gain[chosen] = mark
        return gain.max() if value else int(gain.argmax())

    return pick


def tilted(w):
    """The gradient of a function that is no quadratic."""
    return np.array([np.exp(w[0]), w[1] ** 3 + w[0], 2 * w[2] - w[1]])


def looked_ahead(place, scale=lambda eta: eta):
    return lambda g, S, w, eta, gradient: scale(eta) * g @ gradient(place(g, S, w, eta))


def ahead(g, S, w, eta):
    return w - eta * g[S].sum(axis=0)


def paired(accuracy, random, t):
    gain = accuracy - random
    return gain, gain.mean(), t * gain.std(ddof=1) / np.sqrt(len(gain))


def half(change):
    """The mistake: another half-width."""
    return lambda a, r, t: (*paired(a, r, t)[:2], change(a, r, t))
