"""Exercises of tutorial 04: a tangent, a Hessian product, Hutchinson's diagonal, an exact one, smoothed curvature."""

import numpy as np

from minicrest.teaching.exercise import Exercise
from minicrest.teaching.solutions.ch04 import (
    CURVATURE_MISTAKES,
    HEAVY,
    PROBES,
    PRODUCTS,
    RW,
    RZ,
    W,
    X,
    Z,
    _sigmoid,
    bend,
    curvature,
    diagonal,
    exact,
    product,
    signal,
    softmax,
    wrong_axis,
)

EXERCISES = [
    Exercise(
        "04.signal",
        "my_signal_tangent",
        [(Z, RZ), (Z[:2], 3 * RZ[2:4])],
        signal,
        [
            ("the sum runs over all examples; each row has a sum of its own.",
             lambda z, Rz: (lambda p: p * (Rz - (p * Rz).sum()))(softmax(z))),
            ("p stands in front of Rz alone: the sum is multiplied by it too.",
             lambda z, Rz: (lambda p: p * Rz - (p * Rz).sum(1, keepdims=True))(softmax(z))),
            ("it is a difference of two softmaxes; the derivative is asked for, at z.",
             lambda z, Rz: softmax(z + Rz) - softmax(z)),
            ("it is the softmax of Rz; Rz is a speed, not a logit.", lambda z, Rz: softmax(Rz)),
            ("p is that of Rz; p is the softmax of z.",
             lambda z, Rz: (lambda p: p * (Rz - (p * Rz).sum(1, keepdims=True)))(softmax(Rz))),
            ("p is that of z + Rz; the derivative is taken at z.",
             lambda z, Rz: (lambda p: p * (Rz - (p * Rz).sum(1, keepdims=True)))(softmax(z + Rz))),
            ("the softmax and its sum run over the examples: which axis runs over the classes?", wrong_axis),
            (
                "each logit moves its own probability only; what does it do to the other classes'?",
                lambda z, Rz: softmax(z) * (1 - softmax(z)) * Rz,
            ),
            (
                "the mean movement of the logits has not been taken off: the results of a row should add up to 0.",
                lambda z, Rz: softmax(z) * Rz,
            ),
            (
                "the sum over the classes lacks its weights.",
                lambda z, Rz: softmax(z) * (Rz - Rz.sum(axis=1, keepdims=True)),
            ),
            (
                "a plain mean over the classes is taken off: some classes are more likely than others.",
                lambda z, Rz: softmax(z) * (Rz - Rz.mean(axis=1, keepdims=True)),
            ),
            (
                "the factor in front is missing: this is what is in the brackets.",
                lambda z, Rz: Rz - (softmax(z) * Rz).sum(axis=1, keepdims=True),
            ),
            ("it is divided by n; the signal of each example is asked for.", lambda z, Rz: signal(z, Rz) / len(z)),
            ("the two terms have changed places: the sign is turned round.", lambda z, Rz: -signal(z, Rz)),
            ("these are probabilities: p, not how p changes.", lambda z, Rz: softmax(z)),
            (
                "the mean movement of the logits is added; it is taken off.",
                lambda z, Rz: softmax(z) * (Rz + (softmax(z) * Rz).sum(axis=1, keepdims=True)),
            ),
            (
                "the sum runs over the examples; which axis runs over the classes?",
                lambda z, Rz: softmax(z) * (Rz - (softmax(z) * Rz).sum(axis=0)),
            ),
            (
                "p is squared: one p stands before the brackets, and one in the sum.",
                lambda z, Rz: softmax(z) * (Rz * softmax(z) - (softmax(z) * Rz).sum(axis=1, keepdims=True)),
            ),
            (
                "the sum is a mean over the classes: p are weights that add up to 1 already.",
                lambda z, Rz: softmax(z) * (Rz - (softmax(z) * Rz).mean(axis=1, keepdims=True)),
            ),
            ("z stands where its derivative Rz belongs.", lambda z, Rz: signal(z, z)),
            ("z and Rz have changed places.", lambda z, Rz: signal(Rz, z)),
            ("Rz is missing under the sum.", lambda z, Rz: softmax(z) * (Rz - softmax(z).sum(axis=1, keepdims=True))),
            (
                "the softmax runs over the examples; which axis runs over the classes?",
                lambda z, Rz: (
                    signal(z, Rz) * 0 + softmax(z, axis=0) * (Rz - (softmax(z, axis=0) * Rz).sum(1, keepdims=True))
                ),
            ),
            (
                "p does not add up to 1 over the classes: it is divided by a mean, not by a sum.",
                lambda z, Rz: (lambda p: p * (Rz - (p * Rz).sum(1, keepdims=True)))(softmax(z) * z.shape[1]),
            ),
        ],
    ),
    Exercise(
        "04.hvp",
        "my_hvp",
        [(W, RW, X), (RW, -W, X[:3])],
        product,
        [
            ("it is the sum over the examples; the loss is their mean.", lambda W, V, x: len(x) * product(W, V, x)),
            (
                "W and V have changed places: which of them moves, and which says where?",
                lambda W, V, x: product(V, W, x),
            ),
            ("the logits move by what they are: R{z} is the product of x with what?", lambda W, V, x: product(W, W, x)),
            (
                "it is a gradient at V: what should be linear in V is not.",
                lambda W, V, x: x.T @ softmax(x @ V) / len(x),
            ),
            (
                "each logit moves its own probability only; what does it do to the other classes'?",
                lambda W, V, x: x.T @ (softmax(x @ W) * (1 - softmax(x @ W)) * (x @ V)) / len(x),
            ),
            (
                "the mean movement of the logits has not been taken off.",
                lambda W, V, x: x.T @ (softmax(x @ W) * (x @ V)) / len(x),
            ),
            (
                "the signal itself is multiplied by how the logits move: it is p that moves.",
                lambda W, V, x: x.T @ (x @ V) / len(x),
            ),
            ("the sign is turned round.", lambda W, V, x: -product(W, V, x)),
            ("it is transposed: it should have the shape of W.", lambda W, V, x: product(W, V, x).T),
            (
                "it is one number, V . HV, the curvature along V; the product HV is asked for.",
                lambda W, V, x: (V * product(W, V, x)).sum(),
            ),
            (
                "it is not divided by n but by the number of classes.",
                lambda W, V, x: product(W, V, x) * len(x) / W.shape[1],
            ),
            (
                "the mean movement of the logits is added; it is taken off.",
                lambda W, V, x: (
                    x.T @ (lambda p, r: p * (r + (p * r).sum(1, keepdims=True)))(softmax(x @ W), x @ V) / len(x)
                ),
            ),
            (
                "it is the gradient's first part at W: nothing in it moves.",
                lambda W, V, x: x.T @ softmax(x @ W) / len(x),
            ),
            (
                "softmax runs over the examples; which axis runs over the classes?",
                lambda W, V, x: x.T @ wrong_axis(x @ W, x @ V) / len(x),
            ),
        ],
    ),
    Exercise(
        "04.diagonal",
        "my_diagonal",
        [(PRODUCTS[0], PROBES), (PRODUCTS[1], PROBES[:1])],
        diagonal,
        [
            ("it is the sum over the probes, not their mean.", lambda hvp, z: len(z) * diagonal(hvp, z)),
            ("the products are not multiplied by the signs again.", lambda hvp, z: np.mean([hvp(v) for v in z], 0)),
            ("it is one number: an estimate of the trace.", lambda hvp, z: diagonal(hvp, z).sum()),
            (
                "it is one number a probe: the mean runs over the wrong axis.",
                lambda hvp, z: np.mean([v * hvp(v) for v in z], 1),
            ),
            ("it is a row a probe: their mean is asked for.", lambda hvp, z: np.array([v * hvp(v) for v in z])),
            (
                "the probes are averaged before they are used; then their signs cancel too early.",
                lambda hvp, z: z.mean(0) * hvp(z.mean(0)),
            ),
            (
                "it is never negative: absolute values or squares have crept in, and the mean is spoilt.",
                lambda hvp, z: np.mean([abs(v * hvp(v)) for v in z], 0),
            ),
            (
                "the mean of the products is multiplied by the mean of the signs: multiply probe by probe.",
                lambda hvp, z: z.mean(0) * np.mean([hvp(v) for v in z], 0) if len(z) > 1 else np.zeros(z.shape[1]),
            ),
            ("only the first probe is used.", lambda hvp, z: z[0] * hvp(z[0])),
            ("only the last probe is used.", lambda hvp, z: z[-1] * hvp(z[-1])),
            (
                "it is the mean of squares: a diagonal may be negative.",
                lambda hvp, z: np.mean([(v * hvp(v)) ** 2 for v in z], 0),
            ),
            ("H's row sums come out: each probe has to keep its own signs.", lambda hvp, z: hvp(np.ones(z.shape[1]))),
            ("it is divided by d, not by the number of probes.", lambda hvp, z: diagonal(hvp, z) * len(z) / z.shape[1]),
            ("the products are missing: it is the mean of the signs.", lambda hvp, z: z.mean(0)),
        ],
    ),
    Exercise(
        "04.exact",
        "my_exact",
        [(X, W[:, 0], HEAVY)],
        exact,
        [
            (
                "the weights are divided by their sum; what does the formula divide by?",
                lambda x, w, c: exact(x, w, c / c.sum()) * len(x),
            ),
            ("it is not divided by n.", lambda x, w, c: len(x) * exact(x, w, c)),
            ("the weights do nothing.", lambda x, w, c: exact(x, w, np.ones(len(x)))),
            (
                "the inputs are not squared: each of the two derivatives brings one.",
                lambda x, w, c: (c * bend(x, w)) @ x / len(x),
            ),
            ("the sum is squared, not its terms.", lambda x, w, c: ((c * bend(x, w)) @ x) ** 2 / len(x)),
            (
                "the weights are squared: they belong to the loss, which is differentiated, not squared.",
                lambda x, w, c: exact(x, w, c * c),
            ),
            (
                "p (1 - p) is squared: it is the curvature already, not its root.",
                lambda x, w, c: (c * bend(x, w) ** 2) @ x**2 / len(x),
            ),
            (
                "the curvature in z is p here, and should fall to 0 where the model is sure either way.",
                lambda x, w, c: (c * _sigmoid(x @ w)) @ x**2 / len(x),
            ),
            (
                "it is the whole Hessian: its diagonal is asked for.",
                lambda x, w, c: (x.T * (c * bend(x, w))) @ x / len(x),
            ),
            ("it is the sum of the diagonal, one number.", lambda x, w, c: exact(x, w, c).sum()),
            ("it is divided by n twice.", lambda x, w, c: exact(x, w, c) / len(x)),
            (
                "p (1 + p) stands where p (1 - p) belongs.",
                lambda x, w, c: (c * _sigmoid(x @ w) * (1 + _sigmoid(x @ w))) @ x**2 / len(x),
            ),
            (
                "1 - p alone is no curvature: it should fall to 0 on both sides.",
                lambda x, w, c: (c * (1 - _sigmoid(x @ w))) @ x**2 / len(x),
            ),
            ("p (1 - p) is missing: how curved is the loss in z?", lambda x, w, c: c @ x**2 / len(x)),
            (
                "the weights multiply x, and are squared with it: they belong to the loss.",
                lambda x, w, c: exact(x * c[:, None], w, np.ones(len(x))),
            ),
            ("p is that of z squared or rescaled: z = x . w.", lambda x, w, c: exact(x, 2 * w, c)),
            (
                "p is exp(z): where is the sigmoid?",
                lambda x, w, c: (c * np.exp(x @ w) * (1 - np.exp(x @ w))) @ x**2 / len(x),
            ),
            (
                "in p, 1 - exp(-z) stands where 1 + exp(-z) belongs.",
                lambda x, w, c: (lambda p: (c * p * (1 - p)) @ x**2 / len(x))(1 / (1 - np.exp(-(x @ w)))),
            ),
            ("p is missing, and the weights: it is 1 - p.", lambda x, w, c: (1 - _sigmoid(x @ w)) @ x**2 / len(x)),
        ],
    ),
    Exercise(
        "04.curvature",
        "my_curvature",
        [(PRODUCTS, PROBES, 0.9), (PRODUCTS[:2], PROBES[1:], 0.5)],
        curvature,
        CURVATURE_MISTAKES,
    ),
]
