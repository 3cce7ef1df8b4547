"""Tutorial 03: the inputs of its exercises, its solutions, and what wrong answers are made of."""

import numpy as np

rng = np.random.default_rng(3)
IMAGE, K2, K3 = rng.standard_normal((6, 8)), rng.standard_normal((2, 2)), rng.standard_normal((3, 3))
BATCH, DY = rng.standard_normal((4, 6, 7)), rng.standard_normal((4, 4, 5))
POOL = rng.standard_normal((4, 6)) - 1.0  # mostly negative, so that the largest is not the largest in size
POOL[0, 1] = POOL[1, 0] = POOL[0, 3] = POOL[1, 3] = 2.0  # two equals in each of the first two blocks
GROWING = np.add.outer(np.arange(4.0) ** 2, np.arange(4.0))  # the next block is larger than this one
DPOOL = rng.standard_normal((2, 3))
GAMMA, S = rng.standard_normal(2), 0.5 + rng.random(2)
XH, DBN = (lambda x: (x - x.mean(0)) / x.std(0))(rng.standard_normal((5, 2))), rng.standard_normal((5, 2))


def correlate(x, W, s=1):
    k = len(W)
    view = np.lib.stride_tricks.sliding_window_view(x, (k, k))[::s, ::s]
    return (view * W).sum((2, 3))


def strided(rows, columns):
    """The mistake: the places are counted with the stride, and the window moves by rows(s), columns(s)."""

    def answer(x, W, s):
        k, (h, w) = len(W), x.shape
        y = np.zeros(((h - k) // s + 1, (w - k) // s + 1))
        for i, j in np.ndindex(y.shape):
            y[i, j] = (x[rows(s) * i :, columns(s) * j :][:k, :k] * W).sum()
        return y

    return answer


def of_windows(combine):
    """The mistake: another combination of a window and the kernel than the sum of their products."""

    def answer(x, W, s):
        return combine(np.lib.stride_tricks.sliding_window_view(x, W.shape)[::s, ::s], W)

    return answer


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


def misplaced(place):
    """The mistake: dy of block (i, j), won by its pixel (a, b), goes to place(i, j, a, b)."""

    def backward(x, dy):
        dx = np.zeros(x.shape)
        for i, j in np.ndindex(dy.shape):
            dx[place(i, j, *divmod(x[2 * i : 2 * i + 2, 2 * j : 2 * j + 2].argmax(), 2))] = dy[i, j]
        return dx

    return backward


def winner(block):
    return np.arange(4) == block.argmax()


def batchnorm(
    mean=1.0,
    spread=1.0,
    always=False,
    scale=lambda gamma, s: gamma * s,
    share=lambda xh: 1,
    average=lambda a: a.mean(0),
    back=lambda xh: xh,
):
    """Both modes; mean and spread 0 drop a term, `share` divides dgamma and dbeta, `average` is that over the rows."""

    def backward(gamma, xh, s, dy, training):
        u = dy - (training or always) * (mean * average(dy) + spread * back(xh) * average(dy * xh))
        return scale(gamma, s) * u, (dy * xh).sum(0) / share(xh), dy.sum(0) / share(xh)

    return backward


def changed(change):
    """Batch-norm's backward, its three results changed."""
    return lambda *arguments: change(*batchnorm()(*arguments))


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
