"""What the tests of the networks trust: every layer as plain loops over its definition, and differences of high order.

`forward(layer, w, x, stats)` gives y; `backward(layer, w, x, dy, stats)` gives dx and dw. NumPy, float64, no vector
operation on more than one number's worth of meaning: the loops are the formula.
"""

import math

import numpy as np

from minicrest.nn import (
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    Flatten,
    Linear,
    MaxPool2d,
    ReLU,
    Residual,
    Sequential,
    Tanh,
)  # fmt: skip
from minicrest.nn.zoo import Subsample


def derivative(f, h=2e-4):
    """f'(0) by the five-point rule: error h^4 f^(5)/30 + eps/h, about 1e-12 in float64 for h = 2e-4."""
    return (8 * (f(h) - f(-h)) - (f(2 * h) - f(-2 * h))) / (12 * h)


def relative_error(found, expected) -> float:
    """|found - expected| / |expected| of whole arrays; shapes must agree, and 0/0 is 0."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape, f"shape {found.shape}, expected {expected.shape}"
    assert np.isfinite(found).all(), "found NaN or infinity"
    gap = np.linalg.norm((found - expected).ravel())
    return 0.0 if gap == 0 else float(gap / max(np.linalg.norm(expected.ravel()), 1e-300))


def forward(layer, w, x, stats=None):
    return FORWARD[type(layer)](layer, w, x, stats)


def backward(layer, w, x, dy, stats=None):
    return BACKWARD[type(layer)](layer, w, x, dy, stats)


def every(shape):
    return np.ndindex(*shape)


# ---- Linear


def linear_forward(layer, w, x, stats):
    i, o = layer.inputs, layer.outputs
    y = np.zeros((len(x), o))
    for n, b in every(y.shape):
        y[n, b] = w[i * o + b] + sum(x[n, a] * w[a * o + b] for a in range(i))
    return y


def linear_backward(layer, w, x, dy, stats):
    i, o = layer.inputs, layer.outputs
    dx, dw = np.zeros(x.shape), np.zeros(w.shape)
    for n, b in every(dy.shape):
        dw[i * o + b] += dy[n, b]
        for a in range(i):
            dx[n, a] += dy[n, b] * w[a * o + b]
            dw[a * o + b] += dy[n, b] * x[n, a]
    return dx, dw


# ---- layers that take each number by itself, or only move it


def pointwise(f, slope):
    def forward_(layer, w, x, stats):
        return np.array([f(value) for value in x.ravel()]).reshape(x.shape)

    def backward_(layer, w, x, dy, stats):
        return np.array([slope(v) * u for v, u in zip(x.ravel(), dy.ravel())]).reshape(x.shape), np.zeros(0)

    return forward_, backward_


def flatten_forward(layer, w, x, stats):
    return np.array([[image[c, r, q] for c, r, q in every(image.shape)] for image in x])


def flatten_backward(layer, w, x, dy, stats):
    dx = np.zeros(x.shape)
    for n in range(len(x)):
        for k, place in enumerate(every(x.shape[1:])):
            dx[(n, *place)] = dy[n, k]
    return dx, np.zeros(0)


def subsample_forward(layer, w, x, stats):
    n, c, h, wide = x.shape
    s = layer.stride
    y = np.zeros((n, c + layer.extra, math.ceil(h / s), math.ceil(wide / s)))
    for m, a, r, q in every((n, c, *y.shape[2:])):
        y[m, a, r, q] = x[m, a, r * s, q * s]
    return y


def subsample_backward(layer, w, x, dy, stats):
    dx = np.zeros(x.shape)
    for m, a, r, q in every((*x.shape[:2], *dy.shape[2:])):
        dx[m, a, r * layer.stride, q * layer.stride] = dy[m, a, r, q]
    return dx, np.zeros(0)


# ---- windows: convolution and pooling


def windows(shape, k, stride, padding=0):
    """(row, column) of each output, with (a, b, r, q): places in its window and the pixels there, inside the image."""
    h, w = shape[2:]
    for row in range((h + 2 * padding - k) // stride + 1):
        for column in range((w + 2 * padding - k) // stride + 1):
            r0, q0 = row * stride - padding, column * stride - padding
            inside = [(a, b, r0 + a, q0 + b) for a in range(k) for b in range(k)]
            yield row, column, [(a, b, r, q) for a, b, r, q in inside if 0 <= r < h and 0 <= q < w]


def output_shape(shape, k, stride, padding=0):
    return tuple((side + 2 * padding - k) // stride + 1 for side in shape[2:])


def conv_weights(layer, w):
    k, c, o = layer.kernel, layer.inputs, layer.outputs
    return w[: k * k * c * o].reshape(k, k, c, o), w[k * k * c * o :]


def conv_forward(layer, w, x, stats):
    W, bias = conv_weights(layer, w)
    k, s, p = layer.kernel, layer.stride, layer.padding
    y = np.zeros((len(x), layer.outputs, *output_shape(x.shape, k, s, p)))
    for row, column, pixels in windows(x.shape, k, s, p):
        for n, o in every(y.shape[:2]):
            y[n, o, row, column] = bias[o] if layer.bias else 0.0
            for a, b, r, q in pixels:
                for c in range(layer.inputs):
                    y[n, o, row, column] += x[n, c, r, q] * W[a, b, c, o]
    return y


def conv_backward(layer, w, x, dy, stats):
    W, _ = conv_weights(layer, w)
    dx, dw = np.zeros(x.shape), np.zeros(w.shape)
    dW, db = conv_weights(layer, dw)
    for row, column, pixels in windows(x.shape, layer.kernel, layer.stride, layer.padding):
        for n, o in every(dy.shape[:2]):
            u = dy[n, o, row, column]
            if layer.bias:
                db[o] += u
            for a, b, r, q in pixels:
                for c in range(layer.inputs):
                    dx[n, c, r, q] += u * W[a, b, c, o]
                    dW[a, b, c, o] += u * x[n, c, r, q]
    return dx, dw


def pool_sizes(layer, x):
    return layer.kernel, layer.stride or layer.kernel


def max_forward(layer, w, x, stats):
    k, s = pool_sizes(layer, x)
    y = np.zeros((*x.shape[:2], *output_shape(x.shape, k, s)))
    for row, column, pixels in windows(x.shape, k, s):
        for n, c in every(x.shape[:2]):
            y[n, c, row, column] = max(x[n, c, r, q] for _, _, r, q in pixels)
    return y


def max_backward(layer, w, x, dy, stats):
    dx = np.zeros(x.shape)
    for row, column, pixels in windows(x.shape, *pool_sizes(layer, x)):
        for n, c in every(x.shape[:2]):
            _, _, r, q = max(pixels, key=lambda pixel: x[n, c, pixel[2], pixel[3]])  # the first of equals
            dx[n, c, r, q] += dy[n, c, row, column]
    return dx, np.zeros(0)


def average_windows(layer, x):
    """`windows`, where a kernel of None is one window over the whole image, square or not."""
    if layer.kernel is None:
        return [(0, 0, [(r, q, r, q) for r, q in every(x.shape[2:])])]
    return list(windows(x.shape, *pool_sizes(layer, x)))


def average_forward(layer, w, x, stats):
    found = average_windows(layer, x)
    y = np.zeros((*x.shape[:2], found[-1][0] + 1, found[-1][1] + 1))
    for row, column, pixels in found:
        for n, c in every(x.shape[:2]):
            y[n, c, row, column] = sum(x[n, c, r, q] for _, _, r, q in pixels) / len(pixels)
    return y


def average_backward(layer, w, x, dy, stats):
    dx = np.zeros(x.shape)
    for row, column, pixels in average_windows(layer, x):
        for n, c in every(x.shape[:2]):
            for _, _, r, q in pixels:
                dx[n, c, r, q] += dy[n, c, row, column] / len(pixels)
    return dx, np.zeros(0)


# ---- batch-norm


def norm_moments(layer, x, c, stats):
    """The numbers of channel c with their places, and the mean and variance that normalise them."""
    places = [place for place in every(x.shape) if place[1] == c]
    if stats is not None:
        return places, stats[c], stats[layer.channels + c]
    mean = sum(x[place] for place in places) / len(places)
    return places, mean, sum((x[place] - mean) ** 2 for place in places) / len(places)


def norm_forward(layer, w, x, stats):
    y = np.zeros(x.shape)
    for c in range(layer.channels):
        places, mean, variance = norm_moments(layer, x, c, stats)
        for place in places:
            xh = (x[place] - mean) / math.sqrt(variance + layer.eps)
            y[place] = w[c] * xh + w[layer.channels + c]
    return y


def norm_backward(layer, w, x, dy, stats):
    """dx by the explicit Jacobian: d xh_p / d x_q = s (1[p = q] - 1/m) - s^3 (x_p - mean)(x_q - mean)/m."""
    dx, dw = np.zeros(x.shape), np.zeros(w.shape)
    for c in range(layer.channels):
        places, mean, variance = norm_moments(layer, x, c, stats)
        s, m = 1 / math.sqrt(variance + layer.eps), len(places)
        for p in places:
            dw[c] += dy[p] * s * (x[p] - mean)
            dw[layer.channels + c] += dy[p]
            for q in places:
                slope = s * (p == q)
                if stats is None:
                    slope -= s / m + s**3 * (x[p] - mean) * (x[q] - mean) / m
                dx[q] += dy[p] * w[c] * slope
    return dx, dw


# ---- chains: one layer after another, and a sum of two


def chain_parts(layers, w, stats):
    """(layer, its weights, its statistics) of each."""
    a = b = 0
    for layer in layers:
        mine = None if stats is None else stats[b : b + layer.statistics]
        yield layer, w[a : a + layer.size], mine
        a, b = a + layer.size, b + layer.statistics


def chain_forward(chain, w, x, stats):
    for layer, part, mine in chain_parts(chain.layers, w, stats):
        x = forward(layer, part, x, mine)
    return x


def chain_backward(chain, w, x, dy, stats):
    trail = []
    for layer, part, mine in chain_parts(chain.layers, w, stats):
        trail.append((layer, part, x, mine))
        x = forward(layer, part, x, mine)
    pieces = []
    for layer, part, seen, mine in reversed(trail):
        dy, dw = backward(layer, part, seen, dy, mine)
        pieces.append(dw)
    return dy, np.concatenate([np.zeros(0), *reversed(pieces)])


def residual_forward(block, w, x, stats):
    (body, u, s), (shortcut, v, t) = chain_parts((block.body, block.shortcut), w, stats)
    return forward(body, u, x, s) + forward(shortcut, v, x, t)


def residual_backward(block, w, x, dy, stats):
    (body, u, s), (shortcut, v, t) = chain_parts((block.body, block.shortcut), w, stats)
    (dx, du), (dz, dv) = backward(body, u, x, dy, s), backward(shortcut, v, x, dy, t)
    return dx + dz, np.concatenate([du, dv])


TWINS = {
    Linear: (linear_forward, linear_backward),
    ReLU: pointwise(lambda v: max(v, 0.0), lambda v: 1.0 if v > 0 else 0.0),
    Tanh: pointwise(math.tanh, lambda v: 1 / math.cosh(v) ** 2),
    Flatten: (flatten_forward, flatten_backward),
    Subsample: (subsample_forward, subsample_backward),
    Conv2d: (conv_forward, conv_backward),
    MaxPool2d: (max_forward, max_backward),
    AvgPool2d: (average_forward, average_backward),
    BatchNorm2d: (norm_forward, norm_backward),
    Sequential: (chain_forward, chain_backward),
    Residual: (residual_forward, residual_backward),
}
FORWARD = {layer: pair[0] for layer, pair in TWINS.items()}
BACKWARD = {layer: pair[1] for layer, pair in TWINS.items()}
