"""Answers to tutorial 03: SECOND, right ones written another way, and WRONG ones with words of their hints."""

import numpy as np

from minicrest.nn import BatchNorm2d, MaxPool2d


def matrix(W, h, w, s):
    """(places, pixels) M with correlate(x) = M @ x.ravel(): every formula of the tutorial is M or its transpose."""
    k, rows = len(W), []
    for i in range(0, h - k + 1, s):
        for j in range(0, w - k + 1, s):
            image = np.zeros((h, w))
            image[i : i + k, j : j + k] = W
            rows.append(image.ravel())
    return np.array(rows)


def correlate(x, W, s):
    h, w = x.shape
    return (matrix(W, h, w, s) @ x.ravel()).reshape((h - len(W)) // s + 1, -1)


def kernel_gradient(x, dy):
    k = x.shape[1] - dy.shape[1] + 1
    units = np.eye(k * k).reshape(k * k, k, k)
    y = [[correlate(image, unit, 1) for image in x] for unit in units]
    return np.einsum("unij,nij->u", y, dy).reshape(k, k)


def maxpool(x, dy):
    layer = MaxPool2d(2)
    _, cache = layer.forward(None, x[None, None])
    return layer.backward(None, cache, dy[None, None])[0, 0]


def batchnorm(gamma, xh, s, dy, training):
    layer, dw = BatchNorm2d(len(gamma)), np.zeros(2 * len(gamma))
    dx = layer.backward(np.r_[gamma, 0 * gamma], (xh, s, "batch" if training else None), dy, dw)
    return [dx, *np.split(dw, 2)]


def pixels(W, dy, h, w, s):
    return (matrix(W, h, w, s).T @ dy.ravel()).reshape(h, w)


SECOND = {
    "03.correlate": correlate,
    "03.kernel": kernel_gradient,
    "03.maxpool": maxpool,
    "03.batchnorm": batchnorm,
    "03.pixels": pixels,
}


def overwritten(W, dy, h, w, s):
    dx, k = np.zeros((h, w)), len(W)
    for i in range(dy.shape[0]):
        for j in range(dy.shape[1]):
            dx[s * i : s * i + k, s * j : s * j + k] = dy[i, j] * W
    return dx


def every_equal(x, dy):
    spread = dy.repeat(2, 0).repeat(2, 1)
    largest = x.reshape(len(x) // 2, 2, -1, 2).max((1, 3)).repeat(2, 0).repeat(2, 1)
    return spread * (x == largest)


WRONG = [
    ("03.correlate", lambda x, W, s: correlate(x, W, s)[: (len(x) - len(W) + 1) // s, : (x.shape[1] - len(W) + 1) // s],
     "(3, 4) is expected"),
    ("03.correlate", lambda x, W, s: correlate(x, W[::-1, ::-1], s), "half a circle"),
    ("03.correlate", lambda x, W, s: correlate(x, W.T, s), "changed places"),
    ("03.correlate", lambda x, W, s: correlate(x, W, 1), "stride is not used"),
    ("03.correlate", lambda x, W, s: correlate(x, W, s)[:-1, :-1], "missing"),
    ("03.correlate", lambda x, W, s: correlate(x, W, s) / len(W) ** 2, "mean of the products"),
    ("03.kernel", lambda x, dy: kernel_gradient(x, dy) / len(dy), "mean over the examples"),
    ("03.kernel", lambda x, dy: kernel_gradient(x, dy).T, "changed places"),
    ("03.kernel", lambda x, dy: kernel_gradient(x, dy)[::-1, ::-1], "half a circle"),
    ("03.kernel", lambda x, dy: kernel_gradient(x[:1], dy[:1]), "only the first example"),
    ("03.maxpool", lambda x, dy: dy.repeat(2, 0).repeat(2, 1) / 4, "average pooling"),
    ("03.maxpool", lambda x, dy: dy.repeat(2, 0).repeat(2, 1), "who won"),
    ("03.maxpool", every_equal, "equals all get it"),
    ("03.maxpool", lambda x, dy: maxpool(x[::-1, ::-1], dy[::-1, ::-1])[::-1, ::-1], "last one"),
    ("03.maxpool", lambda x, dy: maxpool(abs(x), dy), "in size"),
    ("03.batchnorm", lambda g, xh, s, dy, training: batchnorm(g, xh, s, dy, False), "training mode too"),
    ("03.batchnorm", lambda g, xh, s, dy, training: batchnorm(g, xh, s, dy, True), "in evaluation mode"),
    (
        "03.batchnorm",
        lambda g, xh, s, dy, t: [batchnorm(g**0, xh, s, dy, t)[0], *batchnorm(g, xh, s, dy, t)[1:]],
        "lacks gamma",
    ),
    (
        "03.batchnorm",
        lambda g, xh, s, dy, t: [batchnorm(g, xh, s, dy, t)[0], (dy * xh).mean(0), dy.mean(0)],
        "means over",
    ),
    ("03.pixels", overwritten, "overwrite"),
    ("03.pixels", lambda W, dy, h, w, s: pixels(W[::-1, ::-1], dy, h, w, s), "half a circle"),
    ("03.pixels", lambda W, dy, h, w, s: pixels(W.T, dy, h, w, s), "changed places"),
    ("03.pixels", lambda W, dy, h, w, s: pixels(np.ones_like(W), dy, h, w, s), "ignored"),
]
