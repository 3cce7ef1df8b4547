"""What Layer and Loss promise to layers and losses of a user's own, and how arguments that do not fit are refused."""

import inspect

import numpy as np
import pytest

from minicrest.backend import to_device, to_numpy
from minicrest.nn import (
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    Flatten,
    Layer,
    Linear,
    LogisticLoss,
    Loss,
    MaxPool2d,
    Network,
    ReLU,
    Residual,
    Sequential,
    SoftmaxCrossEntropy,
    SquaredError,
    Tanh,
    lenet,
    mlp,
    resnet,
    resnet20,
)  # fmt: skip
from minicrest.nn.zoo import Subsample
from minicrest.random import stream
from tests.unit.nn.naive_layers import derivative, relative_error

ROUNDING = 1e-12  # float64 through three layers
DIFFERENCES = 1e-8  # five-point differences in float64
N = 6


class Softplus(Layer):
    """y = log(1 + e^x), y' = s = 1/(1 + e^-x), y'' = s (1 - s)."""

    def forward(self, w, x, stats=None):
        return np.logaddexp(0, x), 1 / (1 + np.exp(-x))

    def backward(self, w, s, dy, dw=None, need_dx=True):
        return dy * s

    def tangent(self, w, s, Rw, Rx):
        return s * Rx, s * (1 - s) * Rx

    def backward_tangent(self, w, s, dy, Rw, Rs, Rdy, Rdw, need_dx=True):
        return s * Rdy + Rs * dy


class Cauchy(Loss):
    """l = log(1 + (z - y)^2), z (n, 1): its second derivative is negative beyond |z - y| = 1."""

    l2 = 0.1

    def losses(self, z, y):
        return np.log1p((z[:, 0] - y) ** 2)

    def gradient(self, z, y):
        e = z - y[:, None]
        return 2 * e / (1 + e * e)

    def hessian(self, z, y, u):
        e = z - y[:, None]
        return u * 2 * (1 - e * e) / (1 + e * e) ** 2


def problem(net):
    rng = stream(21, "contract")
    return net.initialize(1, "float64"), rng.standard_normal((N, 4)), rng.integers(0, 2, N), rng.uniform(0.5, 2, N)


SOFTPLUS = Network([Linear(4, 5), Softplus(), Linear(5, 2)], SoftmaxCrossEntropy(0.1))
CAUCHY = Network([Linear(4, 3), Tanh(), Linear(3, 1)], Cauchy())


@pytest.mark.parametrize("net", [SOFTPLUS, CAUCHY], ids=["Softplus", "Cauchy"])
def test_a_layer_or_loss_of_ones_own_has_every_derivative(net):
    theta, x, y, weights = problem(net)
    V = stream(21, "directions").standard_normal((3, net.size)) / np.sqrt(net.size)
    expected = [derivative(lambda e, v=v: weights @ net.losses(theta + e * v, x, y) / N) for v in V]
    assert relative_error(V @ net.gradient(theta, x, y, weights), np.array(expected)) < DIFFERENCES
    expected = [derivative(lambda e, v=v: net.gradient(theta + e * v, x, y, weights)) for v in V]
    assert relative_error(net.hvp(theta, x, y, V, weights), np.array(expected)) < DIFFERENCES
    G = net.per_example_gradients(theta, x, y)
    assert relative_error(net.gradient_gram(theta, x, y), G @ G.T) < ROUNDING
    few = np.where(np.arange(N) % 3 == 0, weights, 0)
    assert relative_error(net.finish(theta, net.begin(theta, x, y), few), few @ G / N) < ROUNDING


@pytest.mark.parametrize(("net", "text"), [
    (SOFTPLUS, r"Softplus.* does not declare piecewise_linear = True; use hutchinson_diagonal"),
    (CAUCHY, r"Cauchy has no curvature_root \(an indefinite Hessian has none\); use hutchinson_diagonal"),
])  # fmt: skip
def test_the_exact_diagonal_is_refused_where_it_would_be_wrong(net, text):
    with pytest.raises(ValueError, match=text):
        net.hessian_diagonal(*problem(net))


def test_the_defaults_of_a_layer():
    layer = Softplus()
    assert layer.size == layer.statistics == 0 and layer.initialize(stream(0)).shape == (0,)
    assert not (layer.piecewise_linear or layer.composite)
    rows, pair = np.array([2, 0]), (np.arange(3.0), [np.arange(6).reshape(3, 2), None])
    first, (second, third) = layer.cut(pair, rows)
    assert first.tolist() == [2, 0] and second.tolist() == [[4, 5], [0, 1]] and third is None
    with pytest.raises(TypeError, match=r"Softplus does not state cut\(cache, rows\)"):
        layer.cut((3, 4), rows)
    with pytest.raises(TypeError, match=r"Layer does not state backward_tangent"):
        Layer().backward_tangent(None, None, 1, None, None, 1, None)
    for call in (lambda: Layer().forward(None, 1), lambda: layer.per_example(1, 2), lambda: Loss().losses(1, 2)):
        with pytest.raises(TypeError, match="does not state"):
            call()


@pytest.mark.parametrize("kind", [
    Layer, Linear, Conv2d, ReLU, Tanh, Flatten, MaxPool2d, AvgPool2d, BatchNorm2d, Subsample, Sequential, Residual,
])  # fmt: skip
def test_dx_is_given_unless_nobody_needs_it(kind):
    for formula in (kind.backward, kind.backward_tangent):
        assert inspect.signature(formula).parameters["need_dx"].default is True


def test_what_is_piecewise_linear_says_so():
    for layer in (Linear(2, 2), ReLU(), Conv2d(1, 1), MaxPool2d(), AvgPool2d(), Flatten(), BatchNorm2d(1)):
        assert layer.piecewise_linear
    assert Subsample(2, 0).piecewise_linear and not Tanh().piecewise_linear and not Layer().piecewise_linear


def test_defaults_are_the_customary_ones():
    """PyTorch's, but for the kernel of Conv2d and MaxPool2d, for which it has none."""
    assert Conv2d(2, 4) == Conv2d(2, 4, kernel=3, stride=1, padding=0, bias=True)
    assert MaxPool2d() == MaxPool2d(kernel=2, stride=None) and AvgPool2d() == AvgPool2d(kernel=None, stride=None)
    assert BatchNorm2d(3) == BatchNorm2d(3, eps=1e-5)
    assert SoftmaxCrossEntropy().l2 == LogisticLoss().l2 == SquaredError().l2 == 0
    assert repr(lenet()) == repr(lenet((1, 28, 28), 10, SoftmaxCrossEntropy()))
    assert repr(resnet20()) == repr(resnet20((3, 32, 32), 10, SoftmaxCrossEntropy()))
    assert repr(mlp((3, 2, 2))) == "Network([Flatten(), Linear(inputs=3, outputs=2), ReLU(), " + repr(
        mlp((2, 2)).chain.layers[1]
    ) + "], SoftmaxCrossEntropy(l2=0.0))"


def test_outputs_come_from_the_last_layer_that_states_them():
    body = Residual([Linear(3, 3), Sequential([Linear(3, 3), Tanh()])])
    assert Network([Linear(4, 3), body, ReLU()], SquaredError()).outputs == 3
    assert Network([Conv2d(1, 7), ReLU(), AvgPool2d(), Flatten()], SquaredError()).outputs == 7
    assert Network([Linear(4, 3), Flatten()], SquaredError()).outputs == 3
    assert Network([Conv2d(1, 7)], SquaredError()).outputs == 7
    assert Network([Conv2d(1, 7), Sequential([Flatten(), Linear(28, 5)]), Tanh()], SquaredError()).outputs == 5
    pixels = [Conv2d(1, 7), ReLU(), Flatten()], [Conv2d(1, 7), AvgPool2d(2), Sequential([MaxPool2d(), Flatten()])]
    for layers in ([BatchNorm2d(3)], *pixels):
        with pytest.raises(ValueError, match=r"no layer .* states its number of outputs .* or Flatten"):
            _ = Network(layers, SquaredError()).outputs


# ---- arguments

SIZES = [
    lambda: Linear(-1, 3), lambda: Linear(3, 0), lambda: Linear(2.5, 3), lambda: Linear("2", 3),
    lambda: Conv2d(1, 1.5), lambda: Conv2d(1, 1, kernel=2.0), lambda: Conv2d(1, 1, stride=None),
    lambda: Conv2d(1, 1, padding=0.5), lambda: Conv2d(1, 1, bias="no"),
    lambda: MaxPool2d(2, stride=0), lambda: MaxPool2d(2.0), lambda: MaxPool2d(2, 1.5), lambda: MaxPool2d(None),
    lambda: AvgPool2d(0), lambda: AvgPool2d(2, 0), lambda: AvgPool2d(2.5), lambda: AvgPool2d(2, -1),
    lambda: BatchNorm2d(0), lambda: BatchNorm2d(3, eps=-1), lambda: BatchNorm2d(3, eps=np.nan),
    lambda: BatchNorm2d(3, eps="1"), lambda: Subsample(0, 1), lambda: Subsample(1, -1),
    lambda: SoftmaxCrossEntropy(l2=np.nan), lambda: LogisticLoss(-1.0), lambda: SquaredError("0"),
    lambda: mlp(64), lambda: mlp((64, 0, 10)), lambda: mlp((64, 2.5)), lambda: mlp("64"), lambda: mlp((3,)),
    lambda: mlp((3, 2), activation="relu"), lambda: mlp((3, 2, 2), activation=dict), lambda: mlp((3, 2), loss="l"),
    lambda: mlp((3, 2), loss=SquaredError), lambda: Network([Linear(2, 2), ReLU], SquaredError()),
    lambda: Network(Linear(2, 2), SquaredError()), lambda: Sequential(3), lambda: Residual([1]),
    lambda: lenet(28), lambda: lenet((28, 28)), lambda: lenet((1, 28.0, 28)), lambda: lenet(classes=0),
    lambda: resnet(2), lambda: resnet(21), lambda: resnet("8"),
    lambda: lenet(classes=2.5), lambda: resnet20((3, 32)), lambda: resnet20((0, 8, 8)), lambda: resnet20(classes=-1),
]  # fmt: skip


@pytest.mark.parametrize("make", SIZES, ids=range(len(SIZES)))
def test_impossible_sizes_are_refused(make):
    with pytest.raises((TypeError, ValueError), match=r"must be|needs at least"):
        make()


MLP = mlp((6, 4, 3))
GOOD = dict(
    theta=MLP.initialize(0, "float64"), x=np.ones((5, 6)), y=np.arange(5) % 3, v=np.ones(43), weights=np.ones(5),
    stats=None,
)  # fmt: skip


@pytest.mark.parametrize(("change", "error", "text"), [
    (dict(theta=[0.0] * 43), TypeError, "theta must be an array of floats, .*, got a list"),
    (dict(theta=np.ones(43, int)), TypeError, "theta must be an array of floats, .*, got a ndarray of int64"),
    (dict(x=np.array([["a"] * 6] * 5)), TypeError, "x must be an array of numbers"),
    (dict(x=np.float64(3)), ValueError, "x has no examples and y has 5"),
    (dict(y=3), ValueError, "y has no"),
    (dict(x=np.ones((5, 0))), ValueError, r"needs x of shape \(n, 6\), got \(5, 0\)"),
    (dict(y=np.array([0, 1, 2, -1, 0])), ValueError, r"3 logits allow labels in 0..2, got labels from -1 to 2"),
    (dict(y=np.array([0, 1, 2, 3, 0])), ValueError, r"3 logits allow labels in 0..2, got labels from 0 to 3"),
    (dict(y=np.ones(5)), TypeError, r"class labels y must be whole numbers, got float64"),
    (dict(y=np.ones(5, bool)), TypeError, r"class labels y must be whole numbers, got bool"),
    (dict(y=np.ones((5, 1), int)), ValueError, r"class labels y must have shape \(5,\), got \(5, 1\)"),
    (dict(v=["a"] * 43), TypeError, "v must be an array of numbers"),
    (dict(weights="heavy"), TypeError, "weights must be an array of numbers"),
    (dict(weights=1.0), ValueError, r"weights must have shape \(5,\), one an example, got \(\)"),
    (dict(stats="s"), TypeError, "stats must be an array of numbers"),
])  # fmt: skip
def test_arguments_that_do_not_fit_are_refused(change, error, text):
    with pytest.raises(error, match=text):
        MLP.hvp(**{**GOOD, **change})


def test_lists_are_as_good_as_arrays():
    theta, rest = GOOD["theta"], {k: None if a is None else a.tolist() for k, a in GOOD.items() if k != "theta"}
    assert np.array_equal(MLP.hvp(theta, **rest), MLP.hvp(**GOOD))
    x, y, weights = rest["x"], rest["y"], rest["weights"]
    assert np.array_equal(MLP.gradient(theta, x, y, weights), MLP.gradient(theta, GOOD["x"], GOOD["y"]))
    assert np.array_equal(MLP.per_example_gradients(theta, x, y), MLP.per_example_gradients(theta, GOOD["x"], y))


@pytest.mark.parametrize("weight", [np.nan, np.inf, -1.0])
def test_the_exact_diagonal_needs_weights_with_a_root(weight):
    with pytest.raises(ValueError, match="weights that are finite and not negative"):
        MLP.hessian_diagonal(GOOD["theta"], GOOD["x"], GOOD["y"], np.array([1, 1, weight, 0, 1]))


@pytest.mark.parametrize("dtype", ["int32", "float16", "bool", complex, None, 3, "", ["float32"]])
def test_parameters_are_float32_or_float64(dtype):
    with pytest.raises(ValueError, match="dtype must be one of float32, float64, got"):
        MLP.initialize(dtype=dtype)
    with pytest.raises(TypeError, match="seed must be a whole number"):
        MLP.initialize(1.5)
    for theta in (None, [0.0] * MLP.size, np.zeros(MLP.size, int)):
        with pytest.raises(TypeError, match="theta must be an array of floats"):
            MLP.initial_statistics(theta)
    for one in ("float32", np.float32, np.dtype("float32")):
        assert MLP.initialize(0, one).dtype == np.float32


@pytest.mark.parametrize("device", ["cuda"], indirect=True)
def test_arrays_on_two_devices_are_refused(device):
    theta, x, y = (to_device(GOOD[name], device) for name in ("theta", "x", "y"))
    for arguments in [(theta, GOOD["x"], y), (theta, x, GOOD["y"]), (GOOD["theta"], x, GOOD["y"])]:
        with pytest.raises(ValueError, match=r"is on c.* but theta on c.*; move one with to_device"):
            MLP.gradient(*arguments)
    assert np.isfinite(to_numpy(MLP.gradient(theta, x, y, GOOD["weights"]))).all()  # weights are moved


@pytest.mark.parametrize("shape", [(1, 3), (1, 3, 1, 1)])
def test_batch_norm_of_one_value_a_channel_is_refused_in_training_mode(shape):
    layer, w, x = BatchNorm2d(3), np.ones(6), np.ones(shape)
    with pytest.raises(ValueError, match=r"training mode needs at least two values a channel, got x of shape \(1, 3"):
        layer.forward(w, x)
    assert layer.forward(w, x, np.ones(6))[0].shape == shape


def test_the_smallest_image_of_a_convolution_is_its_window_less_the_padding_on_both_sides():
    w = np.ones(26)
    assert Conv2d(1, 1, 5, padding=2).forward(w, np.ones((1, 1, 1, 1)))[0].tolist() == [[[[2.0]]]]
    assert Conv2d(1, 1, 5, padding=1).forward(w, np.ones((1, 1, 3, 3)))[0].tolist() == [[[[10.0]]]]
    with pytest.raises(ValueError, match=r"sides at least 3, got \(1, 1, 3, 2\)"):
        Conv2d(1, 1, 5, padding=1).forward(w, np.ones((1, 1, 3, 2)))


@pytest.mark.parametrize("pool", [MaxPool2d(), AvgPool2d(2), AvgPool2d()])
def test_pooling_needs_images(pool):
    with pytest.raises(ValueError, match=r"pooling needs images x of shape \(n, c, h, w\), got \(5, 4\)"):
        pool.forward(None, np.ones((5, 4)))
    with pytest.raises(ValueError, match=r"window of . x . does not fit an image of 0 x 4"):
        pool.forward(None, np.ones((5, 4, 0, 4)))
