"""Answers to tutorial 04: SECOND, right ones written another way, and WRONG ones with words of their hints."""

import numpy as np


def softmax(z):
    return np.exp(z) / np.exp(z).sum(1)[:, None]


def jacobian_signal(z, Rz):
    """Row by row with the matrix diag p - p p'."""
    return np.array([(np.diag(p) - np.outer(p, p)) @ r for p, r in zip(softmax(z), Rz)])


def nudged(W, V, x):
    """The difference of two gradients, whose y cancels, of fourth order: errors of rounding only."""

    def gradient(W):
        return x.T @ softmax(x @ W) / x.shape[0]

    h = 1e-5
    return (8 * (gradient(W + h * V) - gradient(W - h * V)) - gradient(W + 2 * h * V) + gradient(W - 2 * h * V)) / (
        12 * h
    )


def trace_like(hvp, probes):
    """Through the matrix of the products, one column a probe."""
    HZ = np.column_stack([hvp(z) for z in probes])
    return np.einsum("ki,ik->i", probes, HZ) / probes.shape[0]


def whole_hessian(x, w, c):
    z = x @ w
    return np.diag(np.einsum("n,ni,nj->ij", c / (2 + 2 * np.cosh(z)), x, x) / len(z))


def weighted_squares(products, probes, beta):
    P = len(products)
    weights = np.array([beta ** (P - 1 - s) for s in range(P)])
    D = np.array([z * h(z) for h, z in zip(products, probes)])
    return np.sqrt(weights @ D**2 / weights.sum())


SECOND = {
    "04.signal": jacobian_signal,
    "04.hvp": nudged,
    "04.diagonal": trace_like,
    "04.exact": whole_hessian,
    "04.curvature": weighted_squares,
}


def rms(squares, power=0.5):
    """Wrong curvatures: `squares` of the estimates and beta, to a power."""
    return lambda h, z, beta: squares(np.array([v * f(v) for f, v in zip(h, z)]), beta) ** power


def ema(q, beta):
    return sum((1 - beta) * beta ** (len(q) - 1 - s) * q[s] for s in range(len(q)))


WRONG = [
    ("04.signal", lambda z, Rz: jacobian_signal(z.T, Rz.T).T, "over the examples"),
    ("04.signal", lambda z, Rz: softmax(z) * Rz, "add up to 0"),
    ("04.signal", lambda z, Rz: (softmax(z) - softmax(z) ** 2) * Rz, "own probability only"),
    ("04.signal", lambda z, Rz: -jacobian_signal(z, Rz), "sign"),
    ("04.signal", lambda z, Rz: jacobian_signal(z, Rz) / len(z), "divided by n"),
    ("04.hvp", lambda W, V, x: nudged(W, V, x) * len(x), "sum over the examples"),
    ("04.hvp", lambda W, V, x: nudged(V, W, x), "changed places"),
    ("04.hvp", lambda W, V, x: nudged(W, W, x), "move by what they are"),
    ("04.hvp", lambda W, V, x: np.einsum("ni,nk,nk->ik", x, softmax(x @ W), x @ V) / len(x), "not been taken off"),
    ("04.hvp", lambda W, V, x: nudged(W, V, x).T, "transposed"),
    ("04.diagonal", lambda hvp, Z: sum(z * hvp(z) for z in Z), "not their mean"),
    ("04.diagonal", lambda hvp, Z: sum(hvp(z) for z in Z) / len(Z), "signs again"),
    ("04.diagonal", lambda hvp, Z: trace_like(hvp, Z).sum(), "trace"),
    ("04.diagonal", lambda hvp, Z: np.array([(z * hvp(z)).mean() for z in Z]), "wrong axis"),
    ("04.diagonal", lambda hvp, Z: Z * hvp(Z), "raises ValueError: hvp takes one direction"),
    ("04.exact", lambda x, w, c: whole_hessian(x, w, c / c.mean()), "divided by their sum"),
    ("04.exact", lambda x, w, c: whole_hessian(x, w, len(x) * c), "not divided by n"),
    ("04.exact", lambda x, w, c: whole_hessian(x, w, 0 * c + 1), "weights do nothing"),
    ("04.exact", lambda x, w, c: (c / (2 + 2 * np.cosh(x @ w)) / len(x)) @ x, "not squared"),
    ("04.exact", lambda x, w, c: whole_hessian(x, w, c**2), "weights are squared"),
    ("04.exact", lambda x, w, c: -whole_hessian(x, w, c), "opposite sign"),
    ("04.curvature", rms(lambda D, b: ema(D**2, b)), "no bias correction"),
    ("04.curvature", rms(lambda D, b: ema(D**2, b) / (1 - b ** len(D)), 1), "root is missing"),
    ("04.curvature", rms(lambda D, b: (ema(D, b) / (1 - b ** len(D))) ** 2), "averaged first"),
    ("04.curvature", rms(lambda D, b: np.mean(D**2, axis=0)), "newest"),
    ("04.curvature", rms(lambda D, b: ema(D[::-1] ** 2, b) / (1 - b ** len(D))), "backwards"),
]
