"""Exercises of tutorial 03: correlation, its kernel's gradient, max-pooling, batch-norm, and the way to the pixels."""

import numpy as np

from minicrest.teaching.exercise import Exercise
from minicrest.teaching.solutions.ch03 import (
    BATCH,
    DBN,
    DPOOL,
    DY,
    GAMMA,
    GROWING,
    IMAGE,
    K2,
    K3,
    POOL,
    XH,
    S,
    batchnorm,
    changed,
    correlate,
    correlate_with,
    kernel_gradient,
    maxpool,
    misplaced,
    of_windows,
    pixels,
    stride_lost,
    strided,
    turned,
    winner,
)

EXERCISES = [
    Exercise(
        "03.correlate",
        "my_correlate",
        [(IMAGE, K2, 1), (IMAGE, K3, 2), (IMAGE, K2, 2)],
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
            (
                "the stride is in the number of places only: the window has to move by s as well.",
                strided(lambda s: 1, lambda s: 1),
            ),
            (
                "the window moves by s from row to row, and by 1 from column to column.",
                strided(lambda s: s, lambda s: 1),
            ),
            (
                "the window moves by s from column to column, and by 1 from row to row.",
                strided(lambda s: 1, lambda s: s),
            ),
            (
                "the kernel's rows are turned round; here it is not turned at all.",
                lambda x, W, s: correlate(x, W[::-1], s),
            ),
            (
                "the kernel's columns are turned round; here it is not turned at all.",
                lambda x, W, s: correlate(x, W[:, ::-1], s),
            ),
            (
                "it is the largest product of a window, not their sum.",
                of_windows(lambda view, W: (view * W).max((2, 3))),
            ),
            ("image and kernel are added, not multiplied.", of_windows(lambda view, W: (view + W).sum((2, 3)))),
            (
                "the kernel's weights are ignored: it is the sum of each window.",
                of_windows(lambda view, W: view.sum((2, 3))),
            ),
            (
                "that is a matrix product of window and kernel; entry times entry is asked for.",
                of_windows(lambda view, W: (view @ W).sum((2, 3))),
            ),
            (
                "x is missing: it is the kernel's sum at every place.",
                of_windows(lambda view, W: (0 * view + W).sum((2, 3))),
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
            ("only the last example counts: all share the kernel.", lambda x, dy: correlate_with(x[-1], dy[-1])),
            ("dy is not in it: these are sums of pixels.", lambda x, dy: kernel_gradient(x, np.ones_like(dy))),
            (
                "the examples are added up before they are multiplied; each has its own dy.",
                lambda x, dy: correlate_with(x.sum(0), dy.sum(0)),
            ),
            ("dy is turned by half a circle.", lambda x, dy: kernel_gradient(x, dy[:, ::-1, ::-1])),
            (
                "dW is moved by one place: W[0, 0] meets the window's first pixel.",
                lambda x, dy: np.roll(kernel_gradient(x, dy), 1, (0, 1)),
            ),
            ("x is missing: it is a sum of dy.", lambda x, dy: kernel_gradient(np.ones_like(x), dy)),
        ],
    ),
    Exercise(
        "03.maxpool",
        "my_maxpool_backward",
        [(POOL, DPOOL), (GROWING, DPOOL[:, :2])],
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
            ("the winner gets 1; it should get dy.", lambda x, dy: maxpool(winner)(x, np.ones_like(dy))),
            ("the winner gets its own value times dy; it should get dy.", lambda x, dy: x * maxpool(winner)(x, dy)),
            (
                "the winner gets its own value; it should get dy.",
                lambda x, dy: x * maxpool(winner)(x, np.ones_like(dy)),
            ),
            ("each block's first pixel gets it, whoever won.", maxpool(lambda block: np.arange(4) == 0)),
            ("each block's last pixel gets it, whoever won.", maxpool(lambda block: np.arange(4) == 3)),
            ("only equals of the largest get nothing: it is turned round.", maxpool(lambda block: ~winner(block))),
            (
                "dy is spread by the pixels' share in the block's sum; the winner takes it all.",
                maxpool(lambda block: np.exp(block) / np.exp(block).sum()),
            ),
            (
                "the winner's row, or the block's, is forgotten in the place that gets dy.",
                misplaced(lambda i, j, a, b: (a, 2 * j + b)),
            ),
            (
                "the winner's column is forgotten in the place that gets dy.",
                misplaced(lambda i, j, a, b: (2 * i + a, 2 * j)),
            ),
            (
                "the winner's row is forgotten in the place that gets dy.",
                misplaced(lambda i, j, a, b: (2 * i, 2 * j + b)),
            ),
            (
                "the block's column is forgotten in the place that gets dy.",
                misplaced(lambda i, j, a, b: (2 * i + a, b)),
            ),
            (
                "the block's column is not doubled in the place that gets dy.",
                misplaced(lambda i, j, a, b: (2 * i + a, j + b)),
            ),
            (
                "the block's row is not doubled in the place that gets dy.",
                misplaced(lambda i, j, a, b: (i + a, 2 * j + b)),
            ),
            ("row and column of the winner have changed places.", misplaced(lambda i, j, a, b: (2 * i + b, 2 * j + a))),
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
            ("in training mode sums stand where means over the rows belong.", batchnorm(average=lambda a: a.sum(0))),
            (
                "in training mode the means run over the channels; which axis are the rows?",
                batchnorm(average=lambda a: a.mean(1, keepdims=True)),
            ),
            (
                "in training mode one mean is taken over rows and channels together.",
                batchnorm(average=lambda a: a.mean()),
            ),
            ("dgamma and dbeta have changed places.", changed(lambda dx, dgamma, dbeta: (dx, dbeta, dgamma))),
            ("x-hat is missing in front of the mean of dy times x-hat.", batchnorm(back=lambda xh: 1)),
            ("the two means are added to dy; they are taken off.", batchnorm(mean=-1.0, spread=-1.0)),
            ("the mean of dy is added; it is taken off.", batchnorm(mean=-1.0)),
            ("the mean of dy times x-hat is added; it is taken off.", batchnorm(spread=-1.0)),
            ("dx is divided by s; s is 1 over the deviation already.", batchnorm(scale=lambda gamma, s: gamma / s)),
            ("dgamma lacks x-hat: y is gamma times x-hat.", changed(lambda dx, dgamma, dbeta: (dx, dbeta, dbeta))),
            (
                "the variance's term lacks the mean of dy times x-hat: x-hat squared stands there.",
                lambda g, xh, s, dy, training: (
                    g * s * (dy - training * (dy.mean(0) + xh**2 * dy.mean(0))),
                    (dy * xh).sum(0),
                    dy.sum(0),
                ),
            ),
            ("dx lacks gamma and s.", batchnorm(scale=lambda gamma, s: 1)),
            (
                "dgamma lacks dy.",
                lambda g, xh, s, dy, training: (batchnorm()(g, xh, s, dy, training)[0], xh.sum(0), dy.sum(0)),
            ),
            (
                "in training mode x-hat stands alone: it is multiplied by a mean.",
                lambda g, xh, s, dy, training: (
                    g * s * (dy - training * (dy.mean(0) + xh)),
                    (dy * xh).sum(0),
                    dy.sum(0),
                ),
            ),
            ("in training mode the sum of dy stands where its mean belongs.", batchnorm(mean=len(XH))),
            ("in training mode the sum of dy times x-hat stands where its mean belongs.", batchnorm(spread=len(XH))),
            (
                "x-hat is missing under the second mean.",
                lambda g, xh, s, dy, training: (
                    g * s * (dy - training * (dy.mean(0) + xh * dy.mean(0))),
                    (dy * xh).sum(0),
                    dy.sum(0),
                ),
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
            ("dy is turned by half a circle.", lambda W, dy, h, w, s: pixels()(W, dy[::-1, ::-1], h, w, s)),
            (
                "dy does nothing: every window gives the kernel once.",
                lambda W, dy, h, w, s: pixels()(W, np.ones_like(dy), h, w, s),
            ),
            ("the kernel's rows are turned round.", pixels(lambda W: W[::-1])),
            ("the kernel's columns are turned round.", pixels(lambda W: W[:, ::-1])),
            (
                "only the window's first pixel gets a share: all that the kernel saw get theirs.",
                pixels(lambda W: W * (np.arange(W.size).reshape(W.shape) == 0)),
            ),
            ("the kernel's weights are squared: dy is multiplied by W once.", pixels(np.square)),
        ],
    ),
]
