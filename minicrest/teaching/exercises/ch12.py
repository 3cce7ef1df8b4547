"""Exercises of tutorial 12: the descent inequality, the bound, the exponent of a rate, and the steps it asks for."""

import numpy as np
from minicrest.teaching.exercise import Exercise

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


EXERCISES = [
    Exercise(
        "12.descent",
        "my_descent",
        [(3.0, G, U, 0.3, 2.0), (5.0, G, U, 0.1, 4.0)],
        descent(),
        [
            ("bias is credited; does it help or cost?", descent(bias=-1)),
            ("the gradient's gain is added to the loss.", descent(gain=-1)),
            ("the bias is left out.", descent(bias=0)),
            ("the variance is left out.", descent(noise=0)),
            ("the halves are missing.", descent(2, 2, 2)),
            (
                "the variance is taken about the gradient; about what does u vary?",
                descent(variance=lambda u, g: ((u - g) ** 2).sum(axis=1).mean()),
            ),
            ("the variance is a mean over the entries too; a squared norm is their sum.", descent(noise=1 / 3)),
            (
                "the variance is divided by K - 1; all K estimates are known, so it is a plain mean.",
                descent(variance=lambda u, g: spread(u, g, ddof=1)),
            ),
            (
                "eta is not squared in the variance's term.",
                lambda loss, g, u, eta, L_s: descent(noise=1 / eta)(loss, g, u, eta, L_s),
            ),
            (
                "it uses the mean estimate where the bias belongs.",
                lambda loss, g, u, eta, L_s: (
                    loss - eta / 2 * g @ g + eta / 2 * u.mean(axis=0) @ u.mean(axis=0) + L_s * eta**2 / 2 * spread(u, g)
                ),
            ),
            ("L_s is missing from the variance's term.", lambda loss, g, u, eta, L_s: descent(noise=1 / L_s)(loss, g, u, eta, L_s)),
            ("the variance's term lacks its half.", descent(noise=2)),
            ("the bias's term lacks its half.", descent(bias=2)),
            ("the gradient's term lacks its half.", descent(gain=2)),
            ("that is the line before the step size is used: E L <= L - eta g . E u + L_s eta^2 / 2 E |u|^2.", lambda loss, g, u, eta, L_s: loss - eta * g @ u.mean(0) + L_s * eta**2 / 2 * (u**2).sum(1).mean()),
            ("the whole square of u stands where its variance belongs.", descent(variance=lambda u, g: (u**2).sum(axis=1).mean())),
            ("the loss is missing: what is left is by how much it falls.", lambda loss, g, u, eta, L_s: descent()(0.0, g, u, eta, L_s)),
            ("the variance is credited; does it help or cost?", descent(noise=-1)),
            ("the gradient is added in the bias; it is subtracted.", descent(estimate=lambda u: u.mean(0) + 2 * G)),
            ("the estimates are added up in the bias; their mean is asked for.", descent(estimate=lambda u: u.sum(0))),
            ("the estimates' sum stands where their mean belongs, in bias and variance.", descent(estimate=lambda u: u.sum(0), variance=lambda u, g: ((u - u.sum(0)) ** 2).sum(1).mean())),
            ("the variance is a sum over the estimates; their mean is asked for.", descent(variance=lambda u, g: len(u) * spread(u, g))),
            ("the variance's sum runs over the estimates and its mean over the entries; the other way round.", descent(variance=lambda u, g: len(u) * spread(u, g) / u.shape[1])),
            ("the gradient's term is left out.", descent(gain=0)),
            ("loss and gradient's term are left out.", lambda loss, *q: descent(gain=0)(0.0, *q)),
            ("the variance is missing behind L_s eta^2 / 2.", descent(variance=lambda u, g: 1.0)),
            ("the variance lacks its factor L_s eta^2 / 2.", lambda loss, g, u, eta, L_s: descent(noise=2 / L_s / eta**2)(loss, g, u, eta, L_s)),
            ("the bias lacks its factor eta / 2.", lambda loss, g, u, eta, L_s: descent(bias=2 / eta)(loss, g, u, eta, L_s)),
            ("the gradient's term lacks its factor eta / 2.", lambda loss, g, u, eta, L_s: descent(gain=2 / eta)(loss, g, u, eta, L_s)),
            ("the variance's term lacks eta^2.", lambda loss, g, u, eta, L_s: descent(noise=1 / eta**2)(loss, g, u, eta, L_s)),
            ("the mean is added to the estimates in the variance; it is subtracted.", descent(variance=lambda u, g: ((u + u.mean(0)) ** 2).sum(1).mean())),
            ("all but the variance's term is missing.", lambda loss, g, u, eta, L_s: descent(gain=0, bias=0)(0.0, g, u, eta, L_s)),
        ],
    ),
    Exercise(
        "12.bound",
        "my_bound",
        [(3.0, 0.2, 2.5, BIAS2, V), (0.7, 0.05, 8.0, BIAS2[:4], V[:4])],
        bound(),
        [
            ("the means are over all N steps; for k steps they should be over the first k.", with_all_steps),
            ("bias and variance are those of the last step; the bound has their means.", with_this_step),
            ("bias is left out.", bound(bias=0)),
            ("the bias is subtracted; does it help or cost?", bound(bias=-1)),
            ("the 2 before D0 is missing.", bound(start=1.0)),
            ("the variance's term has no eta.", bound(noise=lambda eta, L_s: L_s)),
            (
                "the variance's term has eta squared; it was divided by N eta once.",
                bound(noise=lambda eta, L_s: L_s * eta**2),
            ),
            ("the variance's term has no L_s.", bound(noise=lambda eta, L_s: eta)),
            ("the variance's term is halved, as it was for one step.", bound(noise=lambda eta, L_s: L_s * eta / 2)),
            ("it is off by one: the first entry is for one step, not for none.", off_by_one),
            (
                "it is the sum over the steps; their mean is asked for.",
                lambda *q: bound()(*q) * np.arange(1, len(q[-1]) + 1),
            ),
            ("the sums are not divided by N; the first term is.", lambda D0, eta, L_s, b, v: 2 * D0 / eta / np.arange(1, len(v) + 1) + np.cumsum((b + L_s * eta * v).mean(axis=1))),
            ("the first term is not divided by N.", lambda D0, eta, L_s, b, v: 2 * D0 / eta + np.cumsum((b + L_s * eta * v).mean(axis=1)) / np.arange(1, len(v) + 1)),
            ("the variance is left out.", bound(noise=lambda eta, L_s: 0.0)),
            ("it is the last number only: the bound for 1, 2, ..., N steps is asked for.", lambda *q: bound()(*q)[-1]),
            ("the first term is multiplied by eta; it is divided by it.", lambda D0, eta, L_s, b, v: bound()(D0 * eta**2, eta, L_s, b, v)),
            ("the seeds are added up; their mean is asked for.", lambda D0, eta, L_s, b, v: bound()(D0, eta, L_s, b * b.shape[1], v * v.shape[1])),
            ("bias and variance are left out.", bound(bias=0, noise=lambda eta, L_s: 0.0)),
            ("the first term is left out.", bound(start=0.0)),
            ("bias and variance are subtracted; do they help or cost?", bound(bias=-1, noise=lambda eta, L_s: -L_s * eta)),
            ("the variance is subtracted; does it help or cost?", bound(noise=lambda eta, L_s: -L_s * eta)),
            ("the first term is not divided by eta.", lambda D0, eta, L_s, b, v: bound()(D0 * eta, eta, L_s, b, v)),
            ("D0 is missing from the first term.", lambda D0, *q: bound()(1.0, *q)),
            ("v is missing from the variance's term.", lambda D0, eta, L_s, b, v: bound()(D0, eta, L_s, b, np.ones_like(v))),
            ("the variance's term has neither L_s nor eta.", bound(noise=lambda eta, L_s: 1.0)),
        ],
    ),
    Exercise(
        "12.slope",
        "my_slope -> exponent, error",
        [(SIZES, VALUES), (SIZES[:3], VALUES[1:])],
        slope(),
        [
            ("it is fitted without logarithms.", slope(lambda s, v: exponents(np.exp(s), np.exp(v)))),
            ("the values have no logarithm.", slope(lambda s, v: exponents(s, np.exp(v)))),
            ("the sizes have no logarithm.", slope(lambda s, v: exponents(np.exp(s), v))),
            ("the line goes through the origin: where is the constant c?", slope(through_origin)),
            (
                "the constant c is given, not the exponent.",
                slope(lambda s, v: np.log(v).mean(axis=0) - exponents(s, v) * np.log(s).mean()),
            ),
            ("log r is fitted by the values; it should be the other way round.", slope(turned)),
            ("the sign is turned: does the value fall or rise?", slope(lambda s, v: -exponents(s, v))),
            ("the second is the standard deviation; that of a mean is smaller.", slope(error=lambda s: s.std(ddof=1))),
            ("the standard deviation has ddof 0.", slope(error=lambda s: s.std() / np.sqrt(len(s)))),
            (
                "the standard deviation is divided by the number of seeds itself.",
                slope(error=lambda s: s.std(ddof=1) / len(s)),
            ),
            (
                "the second is two standard errors; one is asked for.",
                slope(error=lambda s: 2 * s.std(ddof=1) / np.sqrt(len(s))),
            ),
            ("the values are averaged over the seeds before the fit; each seed has its own slope.", lambda s, v: (exponents(s, v.mean(axis=1)), slope()(s, v)[1])),
            ("the values are averaged over the seeds before the fit, so that no error is left.", lambda s, v: (exponents(s, v.mean(axis=1)), 0.0)),
            ("the median of the seeds' slopes is given; their mean is asked for.", lambda s, v: (np.median(exponents(s, v)), slope()(s, v)[1])),
            ("each seed's slope is given; their mean and its error are asked for.", lambda s, v: (exponents(s, v), slope()(s, v)[1])),
            ("the line goes through the first and last sizes only.", slope(lambda s, v: np.log(v[-1] / v[0]) / np.log(s[-1] / s[0]))),
            ("the second is a variance: its root is missing.", slope(error=lambda s: s.var(ddof=1) / np.sqrt(len(s)))),
        ],
    ),
    Exercise(
        "12.steps",
        "my_steps",
        [(0.5, 3.0, 2.0, 1.5, 8, 0.0, 0.0), (0.5, 3.0, 2.0, 1.5, 8, 0.6, 0.3), (0.5, 3.0, 2.0, 1.5, 8, 0.0, 0.6), (0.5, 3.0, 2.0, 1.5, 8, 0.0, 0.5)],
        steps(),
        [
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
            ("where the goal cannot be met, 0.0 is asked for; you return infinity, as the package does.", steps(impossible=np.inf)),
            ("where the goal cannot be met, 0.0 is asked for; you return -1.", steps(impossible=-1.0)),
            ("it is rounded up; the real number is asked for.", lambda *q: np.ceil(steps()(*q))),
            ("the root of N is cubed; N is its square.", steps(power=3)),
            ("nu is missing from the goal.", steps(lambda nu, eps, beta: 1 - eps**2 - beta**2)),
            ("1 + eps^2 stands where 1 - eps^2 belongs.", steps(lambda nu, eps, beta: (1 + eps**2) * nu**2 - beta**2)),
            ("D0 is missing from the first term of B_N.", steps(first=lambda L_s, D0: 2 * L_s)),
            ("a factor, L_s or the 2, is missing from the first term of B_N.", steps(first=lambda L_s, D0: 2 * D0)),
            ("2 L_s is missing from the first term of B_N, or the 4 where you solve for the root of N.", steps(first=lambda L_s, D0: D0)),
            ("the root is missing from the second term of B_N.", steps(second=lambda L_s, D0, sigma, r: 2 * sigma)),
            ("2 sigma is missing from the second term of B_N.", steps(second=lambda L_s, D0, sigma, r: np.sqrt(2 * L_s * D0 / r))),
            ("sigma is missing from the second term of B_N.", steps(second=lambda L_s, D0, sigma, r: 2 * np.sqrt(2 * L_s * D0 / r))),
            ("a factor 2 is missing from the second term of B_N: one stands before sigma, one under the root.", steps(second=lambda L_s, D0, sigma, r: sigma * np.sqrt(2 * L_s * D0 / r))),
            ("the root has not been taken in the second term of B_N.", steps(second=lambda L_s, D0, sigma, r: 2 * sigma * (2 * L_s * D0 / r))),
            ("D0 is missing under the root of the second term.", steps(second=lambda L_s, D0, sigma, r: 2 * sigma * np.sqrt(2 * L_s / r))),
            ("a factor, L_s or the 2, is missing under the root of the second term of B_N.", steps(second=lambda L_s, D0, sigma, r: 2 * sigma * np.sqrt(2 * D0 / r))),
            ("solving for the root of N, q alone is divided: the root is missing.", steps(solve=lambda q, left, p, sign: q / (2 * left))),
            ("solving for the root of N, q is missing outside the root.", steps(solve=lambda q, left, p, sign: np.sqrt(q**2 + 4 * left * p) / (2 * left))),
            ("solving for the root of N, it is divided by 2 and not by twice the goal.", steps(solve=lambda q, left, p, sign: (q + np.sqrt(q**2 + 4 * left * p)) / 2)),
            ("solving for the root of N, nothing is divided by twice the goal.", steps(solve=lambda q, left, p, sign: q + np.sqrt(q**2 + 4 * left * p))),
            ("solving for the root of N, the root of the discriminant has not been taken.", steps(solve=lambda q, left, p, sign: (q + (q**2 + 4 * left * p)) / (2 * left))),
            ("solving for the root of N, the discriminant lacks its second term.", steps(solve=lambda q, left, p, sign: (q + np.sqrt(q**2)) / (2 * left))),
            ("solving for the root of N, the discriminant lacks q^2.", steps(solve=lambda q, left, p, sign: (q + np.sqrt(4 * left * p)) / (2 * left))),
            ("solving for the root of N, the discriminant has the wrong sign.", steps(solve=lambda q, left, p, sign: (q + np.sqrt(abs(q**2 - 4 * left * p))) / (2 * left))),
            ("solving for the root of N, q is not squared.", steps(solve=lambda q, left, p, sign: (q + np.sqrt(q + 4 * left * p)) / (2 * left))),
            ("solving for the root of N, p is missing from the discriminant.", steps(solve=lambda q, left, p, sign: (q + np.sqrt(q**2 + 4 * left)) / (2 * left))),
            ("solving for the root of N, 4 times the goal is missing from the discriminant.", steps(solve=lambda q, left, p, sign: (q + np.sqrt(q**2 + p)) / (2 * left))),
            ("solving for the root of N, the goal is missing from the discriminant.", steps(solve=lambda q, left, p, sign: (q + np.sqrt(q**2 + 4 * p)) / (2 * left))),
        ],
    ),
]
