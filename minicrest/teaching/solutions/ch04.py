"""Tutorial 04: the inputs of its exercises, its solutions, and what wrong answers are made of."""

import numpy as np

rng = np.random.default_rng(4)
Z, RZ = 2 * rng.standard_normal((2, 5, 3))
X = rng.standard_normal((6, 4))  # six examples, four inputs, three outputs
W, RW = rng.standard_normal((2, 4, 3))
HEAVY = np.array([5.0, 1.0, 0.5, 2.0, 1.0, 3.0])  # sums to 12.5, not to n
ROOTS = rng.standard_normal((3, 5, 5))
HESSIANS = ROOTS + ROOTS.transpose(0, 2, 1)  # symmetric, with entries of both signs on the diagonal
PROBES = 2.0 * rng.integers(0, 2, (3, 5)) - 1


def times(H):
    """The function v -> Hv, for one direction (d,)."""

    def product(v):
        if np.shape(v) != (len(H),):
            raise ValueError(f"hvp takes one direction of shape ({len(H)},), got {np.shape(v)}")
        return H @ v

    return product


PRODUCTS = [times(H) for H in HESSIANS]


def softmax(z, axis=1):
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def signal(z, Rz):
    p = softmax(z)
    return p * (Rz - (p * Rz).sum(axis=1, keepdims=True))


def wrong_axis(z, Rz):
    """The mistake: softmax and sum over the examples."""
    p = softmax(z, axis=0)
    return p * (Rz - (p * Rz).sum(axis=0))


def product(W, V, x):
    """(i, C) the Hessian of softmax regression times V."""
    return x.T @ signal(x @ W, x @ V) / len(x)


def diagonal(hvp, probes):
    return np.mean([z * hvp(z) for z in probes], axis=0)


def exact(x, w, c):
    p = _sigmoid(x @ w)
    return (c * p * (1 - p)) @ x**2 / len(x)


def _sigmoid(z):
    return 1 / (1 + np.exp(-z))


def bend(x, w):
    """(n,) p (1 - p)."""
    return _sigmoid(x @ w) * (1 - _sigmoid(x @ w))


def averaged(estimates, beta):
    """The moving average without its correction."""
    total = np.zeros_like(estimates[0])
    for q in estimates:
        total = beta * total + (1 - beta) * q
    return total


def corrected_in_the_loop(q, beta):
    """The mistake: every step goes on from the corrected average."""
    total = np.zeros_like(q[0])
    for k in range(len(q)):
        total = (beta * total + (1 - beta) * q[k]) / (1 - beta ** (k + 1))
    return total


def estimates(products, probes):
    return np.array([z * product(z) for product, z in zip(products, probes)])


def curvature(products, probes, beta):
    D = estimates(products, probes)
    return np.sqrt(averaged(D**2, beta) / (1 - beta ** len(D)))


CURVATURE_MISTAKES = [
    (
        "there is no bias correction: the average begins at 0 and is too small.",
        lambda h, z, beta: np.sqrt(averaged(estimates(h, z) ** 2, beta)),
    ),
    ("the root is missing: these are squares.", lambda h, z, beta: curvature(h, z, beta) ** 2),
    (
        "the estimates are averaged first and squared then: that loses what their spread adds.",
        lambda h, z, beta: abs(averaged(estimates(h, z), beta) / (1 - beta ** len(z))),
    ),
    (
        "the estimates are averaged without being squared at all.",
        lambda h, z, beta: averaged(estimates(h, z), beta) / (1 - beta ** len(z)),
    ),
    (
        "it is a plain mean of the squares: the newest should weigh most.",
        lambda h, z, beta: np.sqrt((estimates(h, z) ** 2).mean(0)),
    ),
    (
        "the oldest weighs most: the sequence runs backwards.",
        lambda h, z, beta: np.sqrt(averaged(estimates(h, z)[::-1] ** 2, beta) / (1 - beta ** len(z))),
    ),
    (
        "the correction is that of the first step for every step.",
        lambda h, z, beta: np.sqrt(averaged(estimates(h, z) ** 2, beta) / (1 - beta)),
    ),
    (
        "the correction is off by one: how many values have come in?",
        lambda h, z, beta: np.sqrt(averaged(estimates(h, z) ** 2, beta) / (1 - beta ** (len(z) + 1))),
    ),
    (
        "beta and 1 - beta have changed places.",
        lambda h, z, beta: np.sqrt(averaged(estimates(h, z) ** 2, 1 - beta) / (1 - beta ** len(z))),
    ),
    (
        "only the first coreset's Hessian is used: each has its own.",
        lambda h, z, beta: curvature([h[0]] * len(z), z, beta),
    ),
    (
        "beta and 1 - beta have changed places, in the correction too.",
        lambda h, z, beta: curvature(h, z, 1 - beta),
    ),
    (
        "each step divides the average by its correction and goes on with that: correct once, at the end.",
        lambda h, z, beta: np.sqrt(corrected_in_the_loop(estimates(h, z) ** 2, beta)),
    ),
    (
        "the average is corrected after the root; before it belongs.",
        lambda h, z, beta: np.sqrt(averaged(estimates(h, z) ** 2, beta)) / (1 - beta ** len(z)),
    ),
    (
        "the products are averaged, neither multiplied by their signs nor squared.",
        lambda h, z, beta: abs(averaged(np.array([f(v) for f, v in zip(h, z)]), beta) / (1 - beta ** len(z))),
    ),
    (
        "the average is multiplied by its correction; it is too small and should grow.",
        lambda h, z, beta: np.sqrt(averaged(estimates(h, z) ** 2, beta) * (1 - beta ** len(z))),
    ),
    ("it is the newest estimate alone.", lambda h, z, beta: abs(estimates(h, z)[-1])),
    (
        "1 - beta is missing in the average.",
        lambda h, z, beta: np.sqrt(averaged(estimates(h, z) ** 2, beta) / (1 - beta) / (1 - beta ** len(z))),
    ),
    (
        "sizes are averaged, not squares.",
        lambda h, z, beta: averaged(abs(estimates(h, z)), beta) / (1 - beta ** len(z)),
    ),
    (
        "the first probe is used for every coreset.",
        lambda h, z, beta: curvature(h, np.tile(z[0], (len(z), 1)), beta),
    ),
    (
        "the old average is lost: it is the newest square alone.",
        lambda h, z, beta: np.sqrt((1 - beta) * estimates(h, z)[-1] ** 2 / (1 - beta ** len(z))),
    ),
    (
        "the old average does not fade: it lacks beta.",
        lambda h, z, beta: np.sqrt((1 - beta) * (estimates(h, z) ** 2).sum(0) / (1 - beta ** len(z))),
    ),
]
