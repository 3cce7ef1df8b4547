"""Tutorial 12: the inputs of its exercises, its solutions, and what wrong answers are made of."""

import numpy as np

rng = np.random.default_rng(12)
G, U = np.array([1.0, -0.5, 2.0]), rng.standard_normal((5, 3)) + [1.2, -0.1, 1.5]
BIAS2, V = rng.uniform(0.1, 0.5, (7, 3)), rng.uniform(1.0, 3.0, (7, 3))
SIZES = np.array([3.0, 5.0, 12.0, 20.0])
VALUES = 2.0 * SIZES[:, None] ** -0.6 * np.exp(0.3 * rng.standard_normal((4, 6)))


def descent(gain=1.0, bias=1.0, noise=1.0, variance=None, estimate=None):
    """The promise, with its three terms multiplied, its variance and its estimate replaced."""

    def answer(loss, g, u, eta, L_s):
        mean = u.mean(axis=0)
        v = (variance or spread)(u, g)
        b = (estimate(u) if estimate else mean) - g
        return loss - gain * eta / 2 * g @ g + bias * eta / 2 * b @ b + noise * L_s * eta**2 / 2 * v

    return answer


def spread(u, g, ddof=0):
    return u.var(axis=0, ddof=ddof).sum()


def bound(bias=1.0, start=2.0, noise=lambda eta, L_s: L_s * eta):
    def answer(D0, eta, L_s, bias2, v):
        costs = np.cumsum((bias * bias2 + noise(eta, L_s) * v).mean(axis=1))
        return (start * D0 / eta + costs) / np.arange(1, len(v) + 1)

    return answer


def with_all_steps(D0, eta, L_s, bias2, v):
    """The mistake: the means over all N steps, for every number of steps."""
    return 2 * D0 / (np.arange(1, len(v) + 1) * eta) + bias2.mean() + L_s * eta * v.mean()


def with_this_step(D0, eta, L_s, bias2, v):
    """The mistake: bias and variance of the last step only."""
    return 2 * D0 / (np.arange(1, len(v) + 1) * eta) + (bias2 + L_s * eta * v).mean(axis=1)


def off_by_one(D0, eta, L_s, bias2, v):
    """The mistake: N from 0, mended to 1 where it would divide by zero."""
    N = np.arange(1, len(v) + 1)
    return bound()(D0, eta, L_s, bias2, v) * N / np.maximum(1, N - 1)


def exponents(sizes, values):
    X = np.column_stack([np.ones(len(sizes)), np.log(sizes)])
    return np.linalg.lstsq(X, np.log(values), rcond=None)[0][1]


def slope(fit=exponents, error=lambda s: s.std(ddof=1) / np.sqrt(len(s))):
    """The pair, from the exponents that fit(sizes, values) finds."""
    return lambda sizes, values: (fit(sizes, values).mean(), error(fit(sizes, values)))


def through_origin(sizes, values):
    x = np.log(sizes)
    return x @ np.log(values) / (x @ x)


def turned(sizes, values):
    """The mistake: log r fitted by log of the value, instead of the other way round."""
    x, y = np.log(sizes), np.log(values)
    x, y = x - x.mean(), y - y.mean(axis=0)
    return x @ y / (y**2).sum(axis=0)


def steps(goal=lambda nu, eps, beta: (1 - eps**2) * nu**2 - beta**2, sign=1, root=True, noise=lambda r: r,
          impossible=0.0, power=2, first=lambda L_s, D0: 2 * L_s * D0,
          second=lambda L_s, D0, sigma, r: 2 * sigma * np.sqrt(2 * L_s * D0 / r),
          solve=lambda q, left, p, sign: (q + sign * np.sqrt(q**2 + 4 * left * p)) / (2 * left)):  # fmt: skip
    """N for the goal(nu, eps, beta), by the root with this sign; root=False: sqrt(N) is taken for N."""

    def answer(nu, D0, L_s, sigma, r, eps, beta):
        left = goal(nu, eps, beta)
        if left <= 0:
            return impossible
        p, q = first(L_s, D0), second(L_s, D0, sigma, noise(r))
        s = solve(q, left, p, sign)
        return s**power if root else s

    return answer


def unguarded(nu, D0, L_s, sigma, r, eps, beta):
    """The mistake: no question whether the goal can be met."""
    left = (1 - eps**2) * nu**2 - beta**2
    p, q = 2 * L_s * D0, 2 * sigma * np.sqrt(2 * L_s * D0 / r)
    return ((q + np.sqrt(np.abs(q**2 + 4 * left * p))) / (2 * left)) ** 2


STEPS_MISTAKES = [
    (
        "bias is compared with nu^2 unsquared: a length with a square.",
        steps(lambda nu, eps, beta: (1 - eps**2) * nu**2 - beta),
    ),
    ("the goal is nu, not nu^2.", steps(lambda nu, eps, beta: (1 - eps**2) * nu - beta**2)),
    ("eps is not squared.", steps(lambda nu, eps, beta: (1 - eps) * nu**2 - beta**2)),
    ("eps does nothing.", steps(lambda nu, eps, beta: nu**2 - beta**2)),
    ("beta does nothing.", steps(lambda nu, eps, beta: (1 - eps**2) * nu**2)),
    (
        "beta makes the goal easier; its sign is turned.",
        steps(lambda nu, eps, beta: (1 - eps**2) * nu**2 + beta**2),
    ),
    ("where the goal cannot be met, it gives a number all the same.", unguarded),
    ("it is the square root of N.", steps(root=False)),
    ("it is the other root of the equation: sqrt(N) is negative there.", steps(sign=-1)),
    ("r is missing: the noise is that of single examples.", steps(noise=lambda r: 1)),
    ("the noise has r where its root belongs.", steps(noise=lambda r: r**2)),
    (
        "where the goal cannot be met, 0.0 is asked for; you return infinity, as the package does.",
        steps(impossible=np.inf),
    ),
    ("where the goal cannot be met, 0.0 is asked for; you return -1.", steps(impossible=-1.0)),
    ("it is rounded up; the real number is asked for.", lambda *q: np.ceil(steps()(*q))),
    ("the root of N is cubed; N is its square.", steps(power=3)),
    ("nu is missing from the goal.", steps(lambda nu, eps, beta: 1 - eps**2 - beta**2)),
    ("1 + eps^2 stands where 1 - eps^2 belongs.", steps(lambda nu, eps, beta: (1 + eps**2) * nu**2 - beta**2)),
    ("D0 is missing from the first term of B_N.", steps(first=lambda L_s, D0: 2 * L_s)),
    ("a factor, L_s or the 2, is missing from the first term of B_N.", steps(first=lambda L_s, D0: 2 * D0)),
    (
        "2 L_s is missing from the first term of B_N, or the 4 where you solve for the root of N.",
        steps(first=lambda L_s, D0: D0),
    ),
    ("the root is missing from the second term of B_N.", steps(second=lambda L_s, D0, sigma, r: 2 * sigma)),
    (
        "2 sigma is missing from the second term of B_N.",
        steps(second=lambda L_s, D0, sigma, r: np.sqrt(2 * L_s * D0 / r)),
    ),
    (
        "sigma is missing from the second term of B_N.",
        steps(second=lambda L_s, D0, sigma, r: 2 * np.sqrt(2 * L_s * D0 / r)),
    ),
    (
        "a factor 2 is missing from the second term of B_N: one stands before sigma, one under the root.",
        steps(second=lambda L_s, D0, sigma, r: sigma * np.sqrt(2 * L_s * D0 / r)),
    ),
    (
        "the root has not been taken in the second term of B_N.",
        steps(second=lambda L_s, D0, sigma, r: 2 * sigma * (2 * L_s * D0 / r)),
    ),
    (
        "D0 is missing under the root of the second term.",
        steps(second=lambda L_s, D0, sigma, r: 2 * sigma * np.sqrt(2 * L_s / r)),
    ),
    (
        "a factor, L_s or the 2, is missing under the root of the second term of B_N.",
        steps(second=lambda L_s, D0, sigma, r: 2 * sigma * np.sqrt(2 * D0 / r)),
    ),
    (
        "solving for the root of N, q alone is divided: the root is missing.",
        steps(solve=lambda q, left, p, sign: q / (2 * left)),
    ),
    (
        "solving for the root of N, q is missing outside the root.",
        steps(solve=lambda q, left, p, sign: np.sqrt(q**2 + 4 * left * p) / (2 * left)),
    ),
    (
        "solving for the root of N, it is divided by 2 and not by twice the goal.",
        steps(solve=lambda q, left, p, sign: (q + np.sqrt(q**2 + 4 * left * p)) / 2),
    ),
    (
        "solving for the root of N, nothing is divided by twice the goal.",
        steps(solve=lambda q, left, p, sign: q + np.sqrt(q**2 + 4 * left * p)),
    ),
    (
        "solving for the root of N, the root of the discriminant has not been taken.",
        steps(solve=lambda q, left, p, sign: (q + (q**2 + 4 * left * p)) / (2 * left)),
    ),
    (
        "solving for the root of N, the discriminant lacks its second term.",
        steps(solve=lambda q, left, p, sign: (q + np.sqrt(q**2)) / (2 * left)),
    ),
    (
        "solving for the root of N, the discriminant lacks q^2.",
        steps(solve=lambda q, left, p, sign: (q + np.sqrt(4 * left * p)) / (2 * left)),
    ),
    (
        "solving for the root of N, the discriminant has the wrong sign.",
        steps(solve=lambda q, left, p, sign: (q + np.sqrt(abs(q**2 - 4 * left * p))) / (2 * left)),
    ),
    (
        "solving for the root of N, q is not squared.",
        steps(solve=lambda q, left, p, sign: (q + np.sqrt(q + 4 * left * p)) / (2 * left)),
    ),
    (
        "solving for the root of N, p is missing from the discriminant.",
        steps(solve=lambda q, left, p, sign: (q + np.sqrt(q**2 + 4 * left)) / (2 * left)),
    ),
    (
        "solving for the root of N, 4 times the goal is missing from the discriminant.",
        steps(solve=lambda q, left, p, sign: (q + np.sqrt(q**2 + p)) / (2 * left)),
    ),
    (
        "solving for the root of N, the goal is missing from the discriminant.",
        steps(solve=lambda q, left, p, sign: (q + np.sqrt(q**2 + 4 * p)) / (2 * left)),
    ),
]
