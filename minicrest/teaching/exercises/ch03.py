"""Exercises of tutorial 03: correlation, its kernel's gradient, max-pooling, batch-norm, and the way to the pixels."""

import numpy as np
from minicrest.teaching.exercise import Exercise

rng = np.random.default_rng(3)
IMAGE, K2, K3 = rng.standard_normal((6, 8)), rng.standard_normal((2, 2)), rng.standard_normal((3, 3))
BATCH, DY = rng.standard_normal((4, 6, 7)), rng.standard_normal((4, 4, 5))
POOL = rng.standard_normal((4, 6)) - 1.0  # mostly negative, so that the largest is not the largest in size
POOL[0, 1] = POOL[1, 0] = POOL[0, 3] = POOL[1, 3] = 2.0  # two equals in each of the first two blocks
DPOOL = rng.standard_normal((2, 3))
GAMMA, S = rng.standard_normal(2), 0.5 + rng.random(2)
XH, DBN = (lambda x: (x - x.mean(0)) / x.std(0))(rng.standard_normal((5, 2))), rng.standard_normal((5, 2))


def correlate(x, W, s=1):
    k = len(W)
    view = np.lib.stride_tricks.sliding_window_view(x, (k, k))[::s, ::s]
    return (view * W).sum((2, 3))


def kernel_gradient(x, dy):
    return sum(correlate_with(image, d) for image, d in zip(x, dy))


def correlate_with(x, dy):
    """dW (k, k) of one image: what each of its places saw, weighted by dy."""
    return (np.lib.stride_tricks.sliding_window_view(x, dy.shape) * dy).sum((2, 3))


def maxpool(shares):
    """dx when the block (4,), in reading order, gives its pixels these shares (4,) of dy."""

    def backward(x, dy):
        dx = np.zeros(x.shape)
        for i, j in np.ndindex(dy.shape):
            block = np.s_[2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
            dx[block] = dy[i, j] * np.reshape(1.0 * shares(x[block].ravel()), (2, 2))
        return dx

    return backward


def winner(block):
    return np.arange(4) == block.argmax()


def batchnorm(mean=1.0, spread=1.0, always=False, scale=lambda gamma, s: gamma * s, share=lambda xh: 1):
    """Both modes; mean and spread 0 drop a term, `share` divides dgamma and dbeta."""

    def backward(gamma, xh, s, dy, training):
        u = dy - (training or always) * (mean * dy.mean(0) + spread * xh * (dy * xh).mean(0))
        return scale(gamma, s) * u, (dy * xh).sum(0) / share(xh), dy.sum(0) / share(xh)

    return backward


def pixels(turn=lambda W: W, add=True):
    def backward(W, dy, h, w, s):
        k, dx = len(W), np.zeros((h, w))
        for i, j in np.ndindex(dy.shape):
            window = np.s_[s * i : s * i + k, s * j : s * j + k]
            dx[window] = add * dx[window] + dy[i, j] * turn(W)
        return dx

    return backward


def stride_lost(W, dy, h, w, s):
    return pixels()(W, dy, h, w, 1)


def turned(W):
    return W[::-1, ::-1]


EXERCISES = [
    Exercise(
        "03.correlate",
        "my_correlate",
        [(IMAGE, K2, 1), (IMAGE, K3, 2)],
        correlate,
        [
            (
                "the kernel is turned by half a circle, as mathematicians do; here it is not.",
                lambda x, W, s: correlate(x, turned(W), s),
            ),
            ("the kernel's rows and columns have changed places.", lambda x, W, s: correlate(x, W.T, s)),
            ("the stride is not used.", lambda x, W, s: correlate(x, W)),
            (
                "the last row and column of places are missing: count the places once more.",
                lambda x, W, s: correlate(x, W, s)[:-1, :-1],
            ),
            ("it is the mean of the products, not their sum.", lambda x, W, s: correlate(x, W, s) / W.size),
            ("the windows do not overlap: they move by k, not by s.", lambda x, W, s: correlate(x, W, len(W))),
            (
                "the image has been padded: the kernel should stay inside.",
                lambda x, W, s: correlate(np.pad(x, 1), W, s),
            ),
        ],
    ),
    Exercise(
        "03.kernel",
        "my_kernel_gradient",
        [(BATCH, DY)],
        kernel_gradient,
        [
            (
                "it is the mean over the examples: whose business is that?",
                lambda x, dy: kernel_gradient(x, dy) / len(x),
            ),
            (
                "it is the mean over the places: each of them moves the same kernel.",
                lambda x, dy: kernel_gradient(x, dy) / dy[0].size,
            ),
            ("rows and columns of the kernel have changed places.", lambda x, dy: kernel_gradient(x, dy).T),
            (
                "it is turned by half a circle: W[0, 0] meets the window's first pixel.",
                lambda x, dy: turned(kernel_gradient(x, dy)),
            ),
            ("only the first example counts: all share the kernel.", lambda x, dy: correlate_with(x[0], dy[0])),
            (
                "it has a kernel an example: all share one.",
                lambda x, dy: np.array([correlate_with(*pair) for pair in zip(x, dy)]),
            ),
            ("the sign is turned round.", lambda x, dy: -kernel_gradient(x, dy)),
        ],
    ),
    Exercise(
        "03.maxpool",
        "my_maxpool_backward",
        [(POOL, DPOOL)],
        maxpool(winner),
        [
            ("all four pixels get a share: that is average pooling.", maxpool(lambda block: np.full(4, 0.25))),
            ("all four pixels get all of dy: who won?", maxpool(lambda block: np.ones(4))),
            ("equals all get it: only the first should.", maxpool(lambda block: block == block.max())),
            ("among equals the last one gets it.", maxpool(lambda block: np.arange(4) == 3 - block[::-1].argmax())),
            (
                "equals share it: the first should get it all.",
                maxpool(lambda block: (block == block.max()) / (block == block.max()).sum()),
            ),
            ("the largest in size wins; signs count.", maxpool(lambda block: winner(abs(block)))),
            ("the smallest pixel gets it.", maxpool(lambda block: winner(-block))),
            (
                "among equals the first counts column by column; rows come first.",
                maxpool(lambda block: winner(block.reshape(2, 2).T.ravel()).reshape(2, 2).T.ravel()),
            ),
        ],
    ),
    Exercise(
        "03.batchnorm",
        "my_batchnorm_backward -> dx, dgamma, dbeta",
        [(GAMMA, XH, S, DBN, True), (GAMMA, XH, S, DBN, False)],
        batchnorm(),
        [
            ("mean and variance are held fixed in training mode too: x moves them.", batchnorm(mean=0.0, spread=0.0)),
            ("the variance is held fixed in training mode: x moves it.", batchnorm(spread=0.0)),
            ("the mean is held fixed in training mode: x moves it.", batchnorm(mean=0.0)),
            ("in evaluation mode mean and variance do not move with x.", batchnorm(always=True)),
            ("dx lacks gamma.", batchnorm(scale=lambda gamma, s: s)),
            ("dx lacks s.", batchnorm(scale=lambda gamma, s: gamma)),
            ("dgamma and dbeta are means over the rows; whose business is the mean?", batchnorm(share=len)),
            (
                "the two modes have changed places.",
                lambda g, xh, s, dy, training: batchnorm()(g, xh, s, dy, not training),
            ),
        ],
    ),
    Exercise(
        "03.pixels",
        "my_pixel_gradient",
        [(K2, DY[0], 5, 6, 1), (K3, DY[0, :2, :3], 6, 8, 2)],
        pixels(),
        [
            ("shares overwrite each other: a pixel collects from all windows it lies in.", pixels(add=False)),
            ("the kernel is turned by half a circle: who met W[0, 0] on the way forward?", pixels(turned)),
            ("the kernel's rows and columns have changed places.", pixels(np.transpose)),
            ("the stride is not used.", stride_lost),
            ("the kernel's weights are ignored.", pixels(np.ones_like)),
            ("the sign is turned round.", pixels(np.negative)),
        ],
    ),
]
