"""Networks: every derivative against differences of the losses, economical routes against the explicit matrix."""

import tracemalloc
from functools import lru_cache

import numpy as np
import pytest

from minicrest.backend import array_module, device_of, to_device, to_numpy
from minicrest.nn import (
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    Flatten,
    Linear,
    LogisticLoss,
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

ROUNDING = 1e-11  # float64 through a few layers with batch-norm, the same sums in another order
DIFFERENCES = 1e-8  # five-point differences with h = 2e-5: eps/h is 1e-11, times the size of the values
H = 2e-5  # so small that no ReLU or MaxPool2d of these streams is at a kink
N = 5

IMAGE = (1, 4, 4)
BODY = [Conv2d(1, 2, 3, padding=1), BatchNorm2d(2), ReLU(), Conv2d(2, 2, 3, padding=1)]
DOWN = [Conv2d(2, 3, 3, 2, 1, bias=False), Sequential([BatchNorm2d(3), ReLU()]), Conv2d(3, 2, 1)]
KINDS = {  # name: the shape of x, the layers, and what they hand to the last Linear layer
    "mlp relu": ((1, 2, 3), [Flatten(), Linear(6, 4), ReLU()], 4),
    "mlp tanh": ((6,), [Linear(6, 4), Tanh(), Linear(4, 3), Tanh()], 3),
    "conv": (
        (1, 6, 6),
        [Conv2d(1, 2, 3), ReLU(), MaxPool2d(2), Conv2d(2, 2, 2, padding=1), AvgPool2d(2, 1), Flatten()], 8,
    ),
    "batch-norm": (
        IMAGE,
        [Conv2d(1, 2, 3, bias=False), BatchNorm2d(2), ReLU(), Flatten(), Linear(8, 3), BatchNorm2d(3), ReLU()], 3,
    ),
    "residual": (
        IMAGE,
        [
            Residual(BODY, [Subsample(1, 1)]), ReLU(), Residual([Conv2d(2, 2, 1), ReLU()]),
            Residual(DOWN, [Conv2d(2, 2, 1, 2), BatchNorm2d(2)]), AvgPool2d(), Flatten(),
        ], 2,
    ),
}  # fmt: skip
LOSSES = {
    "softmax": (SoftmaxCrossEntropy(l2=0.1), 3),
    "logistic": (LogisticLoss(l2=0.2), 1),
    "squared": (SquaredError(l2=0.3), 3),
}
NORMED = ("batch-norm", "residual")
MODES = [(kind, mode) for kind in KINDS for mode in ("train", "eval") if mode == "eval" or kind in NORMED]
SETTINGS = [(kind, loss, mode) for kind, mode in MODES for loss in LOSSES]
FIXED = [setting for setting in SETTINGS if setting[2] == "eval"]  # where per-example quantities have a meaning
DIAGONAL = [setting for setting in FIXED if setting[0] != "mlp tanh"]


@lru_cache
def make(kind, loss, mode):
    """The network and its arguments on the host: theta, x, y, weights, stats."""
    shape, layers, width = KINDS[kind]
    criterion, outputs = LOSSES[loss]
    net, rng = Network([*layers, Linear(width, outputs)], criterion), stream(11, kind, loss)
    theta = net.initialize(1, "float64")
    theta = theta + 0.2 * rng.standard_normal(theta.shape)  # biases and betas off zero
    x, y = rng.standard_normal((N, *shape)), rng.integers(0, max(outputs, 2), N)
    weights = np.append(rng.uniform(0.2, 3, N - 1), 0.0)
    stats = rng.uniform(0.5, 2, net.statistics) if mode == "eval" else None
    return net, theta, x, y, weights, stats


def on(device, *arrays):
    return [None if a is None else to_device(a, device) for a in arrays]


@lru_cache
def explicit_hessian(*setting):
    """(d, d) by differences of the gradient, one coordinate at a time."""
    net, theta, x, y, weights, stats = make(*setting)
    rows = [derivative(lambda e, v=v: net.gradient(theta + e * v, x, y, weights, stats), H) for v in np.eye(net.size)]
    return np.array(rows)


@pytest.fixture(params=SETTINGS, ids=" ".join)
def setting(request):
    return request.param


# ---- first and second order


def test_gradient_is_the_derivative_of_the_weighted_losses(setting, device):
    net, theta, x, y, weights, stats = make(*setting)
    T, X, Y, W, S = on(device, theta, x, y, weights, stats)
    found = to_numpy(net.gradient(T, X, Y, W, S))
    V = stream(11, "directions").standard_normal((5, net.size)) / np.sqrt(net.size)  # of length 1: H is small
    expected = [derivative(lambda e, v=v: weights @ net.losses(theta + e * v, x, y, stats) / N, H) for v in V]
    assert relative_error(V @ found, np.array(expected)) < DIFFERENCES


def test_hvp_equals_the_explicit_hessian_and_is_symmetric(setting, device):
    net, theta, x, y, weights, stats = make(*setting)
    T, X, Y, W, S, eye = on(device, theta, x, y, weights, stats, np.eye(net.size))
    found = to_numpy(net.hvp(T, X, Y, eye, W, S))
    assert relative_error(found, explicit_hessian(*setting)) < DIFFERENCES
    assert relative_error(found, found.T) < ROUNDING


def test_hvp_of_several_directions_is_one_by_one(setting, device):
    net, theta, x, y, weights, stats = make(*setting)
    V = stream(11, "several").standard_normal((3, net.size))
    T, X, Y, W, S, V = on(device, theta, x, y, weights, stats, V)
    together = to_numpy(net.hvp(T, X, Y, V, W, S))
    for k in range(3):
        assert np.array_equal(to_numpy(net.hvp(T, X, Y, V[k], W, S)), together[k])


def test_weights_left_out_are_ones(setting):
    net, theta, x, y, _, stats = make(*setting)
    ones, v = np.ones(N), stream(11, "one").standard_normal(net.size)
    assert relative_error(net.gradient(theta, x, y, stats=stats), net.gradient(theta, x, y, ones, stats)) < ROUNDING
    assert relative_error(net.hvp(theta, x, y, v, stats=stats), net.hvp(theta, x, y, v, ones, stats)) < ROUNDING


def test_step_answers_and_the_single_calls_agree(setting, device):
    net, *host = make(*setting)
    T, X, Y, W, S = on(device, *host)
    step, answers, z = net.step(T, X, Y, W, S), net.answers(T, X, Y, S), to_numpy(net.logits(T, X, S))
    for found, expected in [
        (step.gradient, net.gradient(T, X, Y, W, S)), (step.losses, net.losses(T, X, Y, S)), (step.logits, z),
        (answers.losses, step.losses), (answers.logits, z), (answers.logit_gradients, net.logit_gradients(T, X, Y, S)),
        (answers.logit_gradients, net.last_layer(T, X, Y, S)[0]), (net.predict(T, X, S), net.loss.predict(z)),
    ]:  # fmt: skip
        assert np.array_equal(to_numpy(found), to_numpy(expected))
    assert (step.statistics is None) == (net.statistics == 0 or S is not None)


@pytest.mark.parametrize("x", [np.float64(3), np.zeros((0, 4))])
def test_a_forward_pass_needs_an_example(x):
    net = mlp((4, 3))
    with pytest.raises(ValueError, match="at least one example"):
        net.forward(net.initialize(0), x)


def test_last_layer_gives_the_gradient_of_the_last_weights(setting):
    net, theta, x, y, weights, stats = make(*setting)
    a, h = net.last_layer(theta, x, y, stats)
    dW, db = h.T @ (weights[:, None] * a) / N, weights @ a / N
    expected = np.append(dW.ravel(), db)
    found = net.gradient(theta, x, y, weights, stats) - net.loss.l2 * weights.mean() * theta
    assert relative_error(found[-expected.size :], expected) < ROUNDING


# ---- a forward pass, finished for some examples

FEW = np.array([0.5, 0, 2, 0, 0])


def test_finish_is_the_gradient_with_zero_weights(setting, device):
    """Against the whole batch sent back, zeros and all; on a device the weights stay on the host, as they may."""
    net, theta, x, y, _, stats = make(*setting)
    T, X, Y, S, C = on(device, theta, x, y, stats, FEW[:, None] / N)
    begun, expected = net.begin(T, X, Y, S), array_module(T).full_like(T, np.nan)
    net.chain.backward(T, begun.caches, C * begun.logit_gradients, expected, need_dx=False)
    expected = to_numpy(expected) + net.loss.l2 * FEW.mean() * theta
    assert relative_error(to_numpy(net.finish(T, begun, FEW)), expected) < ROUNDING
    assert relative_error(to_numpy(net.step(T, X, Y, FEW, S).gradient), expected) < ROUNDING
    assert relative_error(to_numpy(net.finish(T, begun)), to_numpy(net.gradient(T, X, Y, stats=S))) < ROUNDING


def test_only_rows_with_weight_go_back_unless_batch_norm_couples_them(setting, monkeypatch):
    net, theta, x, y, _, stats = make(*setting)
    lengths, whole = [], Linear.backward
    monkeypatch.setattr(Linear, "backward", lambda self, w, x, dy, *rest: lengths.append(len(dy)) or whole(
        self, w, x, dy, *rest
    ))  # fmt: skip
    net.finish(theta, net.begin(theta, x, y, stats), FEW)
    assert set(lengths) == {N if net.coupled and stats is None else 2}
    assert net.coupled == (setting[0] in NORMED)


def test_weights_that_are_all_zero_give_a_gradient_of_zeros(setting, device):
    net, theta, x, y, _, stats = make(*setting)
    T, X, Y, S = on(device, theta, x, y, stats)
    for W in (np.zeros(N), to_device(np.zeros(N), device)):
        assert not to_numpy(net.gradient(T, X, Y, W, S)).any()


@pytest.mark.parametrize("device", ["cuda"], indirect=True)
def test_weights_on_a_device_are_not_looked_at(device):
    """The host would wait for them. Only the stand-in counts waits."""
    from tests import standin

    net, *host = make("conv", "softmax", "eval")
    T, X, Y, W, S = on(device, *host)
    standin.synchronisations.reset()
    net.step(T, X, Y, W, S)
    assert standin.synchronisations.count == 0


# ---- one example at a time


@pytest.mark.parametrize("setting", FIXED, ids=" ".join)
def test_per_example_gradients_are_gradients_of_single_examples(setting, device):
    net, theta, x, y, _, stats = make(*setting)
    T, X, Y, S = on(device, theta, x, y, stats)
    singles = np.array([net.gradient(theta, x[[n]], y[[n]], stats=stats) for n in range(N)])
    assert relative_error(to_numpy(net.per_example_gradients(T, X, Y, S)), singles) < ROUNDING


@pytest.mark.parametrize("setting", FIXED, ids=" ".join)
def test_norms_and_gram_equal_the_explicit_matrix_without_it(setting, device, monkeypatch):
    net, theta, x, y, _, stats = make(*setting)
    T, X, Y, S = on(device, theta, x, y, stats)
    G = to_numpy(net.per_example_gradients(T, X, Y, S))
    monkeypatch.delattr(Network, "per_example_gradients")  # the economical routes must not take it
    assert relative_error(to_numpy(net.gradient_norms(T, X, Y, S)), np.linalg.norm(G, axis=1)) < ROUNDING
    assert relative_error(to_numpy(net.gradient_gram(T, X, Y, S)), G @ G.T) < ROUNDING


@pytest.mark.parametrize("name, l2", [("gradient_norms", 0.0), ("gradient_norms", 0.1), ("gradient_gram", 0.1)])
def test_norms_and_gram_of_an_mlp_need_little_memory(name, l2):
    """n x d would be 33 MB; the activations are 0.3 MB, the largest (n, n) matrices 0.3 MB each."""
    net, rng = mlp((100, 150, 10), loss=SoftmaxCrossEntropy(l2)), stream(11, "memory")
    theta, x, y = net.initialize(0, "float64"), rng.standard_normal((200, 100)), rng.integers(0, 10, 200)
    tracemalloc.start()
    getattr(net, name)(theta, x, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.1 * len(x) * net.size * 8


@pytest.mark.parametrize("setting", DIAGONAL, ids=" ".join)
def test_hessian_diagonal_is_that_of_the_explicit_hessian(setting, device):
    net, *host = make(*setting)
    found = to_numpy(net.hessian_diagonal(*on(device, *host)))
    assert relative_error(found, np.diag(explicit_hessian(*setting))) < DIFFERENCES
    theta, x, y, _, stats = host
    plain = np.diag(net.hvp(theta, x, y, np.eye(net.size), stats=stats))
    assert relative_error(net.hessian_diagonal(theta, x, y, stats=stats), plain) < ROUNDING


@pytest.mark.parametrize("kind", NORMED)
@pytest.mark.parametrize("method", ["per_example_gradients", "gradient_norms", "gradient_gram", "hessian_diagonal"])
def test_batch_norm_in_training_mode_is_refused_per_example(kind, method):
    net, theta, x, y, _, _ = make(kind, "softmax", "train")
    with pytest.raises(ValueError, match=r"batch-norm in training mode.*pass stats="):
        getattr(net, method)(theta, x, y)


@pytest.mark.parametrize(
    "layers", [[Tanh()], [Residual([Linear(3, 3), Tanh()])], [Residual([], [Sequential([Tanh()])])]]
)
def test_hessian_diagonal_refuses_tanh_wherever_it_is(layers):
    net = Network([Linear(4, 3), *layers, Linear(3, 2)], SoftmaxCrossEntropy())
    with pytest.raises(ValueError, match=r"piecewise-linear.*use hutchinson_diagonal"):
        net.hessian_diagonal(net.initialize(0), np.ones((2, 4)), np.array([0, 1]))


def test_hessian_diagonal_allows_a_tanh_that_no_parameter_precedes():
    net, rng = Network([Tanh(), Linear(4, 3)], SoftmaxCrossEntropy()), stream(11, "first")
    theta, x, y = rng.standard_normal(net.size), rng.standard_normal((N, 4)), rng.integers(0, 3, N)
    H = net.hvp(theta, x, y, np.eye(net.size))
    assert relative_error(net.hessian_diagonal(theta, x, y), np.diag(H)) < ROUNDING


@pytest.mark.parametrize("loss", LOSSES)
def test_l2_adds_the_same_term_everywhere(loss):
    """(l2/2) |theta|^2 to each loss, so l2 theta to each gradient, and l2 times the mean weight to the Hessian."""
    net, theta, x, y, weights, _ = make("mlp relu", loss, "eval")
    bare, l2, mean = Network(net.chain.layers, type(net.loss)()), net.loss.l2, weights.mean()
    v = stream(11, "l2").standard_normal(net.size)
    assert l2 > 0 and bare.loss.l2 == 0
    for found, without, term in [
        (net.losses(theta, x, y), bare.losses(theta, x, y), l2 / 2 * theta @ theta),
        (net.gradient(theta, x, y, weights), bare.gradient(theta, x, y, weights), l2 * mean * theta),
        (net.per_example_gradients(theta, x, y), bare.per_example_gradients(theta, x, y), l2 * theta),
        (net.hvp(theta, x, y, v, weights), bare.hvp(theta, x, y, v, weights), l2 * mean * v),
        (net.hessian_diagonal(theta, x, y, weights), bare.hessian_diagonal(theta, x, y, weights), l2 * mean),
    ]:
        assert relative_error(found, without + term) < ROUNDING


# ---- types, purity, parameters


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_theta_decides_the_type_of_everything(setting, device, dtype):
    """x, weights and stats come as float64, theta as dtype; x may also be bytes."""
    net, theta, *rest = make(*setting)
    T, X, Y, W, S, V = on(device, theta.astype(dtype), *rest, np.ones((2, net.size)))
    found = [*net.step(T, X, Y, W, S), *net.answers(T, X, Y, S), *net.last_layer(T, X, Y, S), net.hvp(T, X, Y, V, W, S)]
    found += [net.logits(T, X.astype("uint8"), S), net.initial_statistics(T)]
    if setting in FIXED:
        found += [f(T, X, Y, S) for f in (net.per_example_gradients, net.gradient_norms, net.gradient_gram)]
    if setting in DIAGONAL:
        found.append(net.hessian_diagonal(T, X, Y, W, S))
    found = [one for one in found if one is not None]
    assert {str(one.dtype) for one in found} == {dtype}
    assert {device_of(one) for one in found} == {device}


def test_no_argument_is_written_to(setting):
    net, *host = make(*setting)
    theta, x, y, weights, stats = host
    before = [None if a is None else a.copy() for a in host]
    first = net.step(theta, x, y, weights, stats)
    net.hvp(theta, x, y, np.ones((2, net.size)), weights, stats)
    if setting in FIXED:
        net.gradient_gram(theta, x, y, stats)
    assert all(np.array_equal(a, b) for a, b in zip(before, host) if a is not None)
    assert np.array_equal(first.gradient, net.gradient(theta, x, y, weights, stats))


def test_initial_parameters_follow_from_the_seed_alone(device):
    net = resnet20((3, 8, 8))
    theta = net.initialize(3, "float32", device)
    assert theta.dtype == np.float32 and theta.shape == (net.size,) and device_of(theta) == device
    assert np.array_equal(to_numpy(theta), net.initialize(3)) and not np.array_equal(to_numpy(theta), net.initialize(4))


def test_initial_statistics_are_mean_0_and_variance_1_in_the_order_of_the_layers(device):
    block = Residual([Sequential([BatchNorm2d(2)])], [BatchNorm2d(1)])
    net = Network([Linear(2, 1), BatchNorm2d(1), block, Sequential([BatchNorm2d(2)])], SoftmaxCrossEntropy())
    found = net.initial_statistics(net.initialize(0, device=device))
    assert to_numpy(found).tolist() == [0, 1, 0, 0, 1, 1, 0, 1, 0, 0, 1, 1]


def test_batch_statistics_come_in_the_order_of_the_running_ones(device):
    """What the first layers saw is known by hand: y = x and y = -3x, and batch-norm of those inside the block."""
    net = Network([Linear(1, 2), Residual([BatchNorm2d(2, eps=0)], [Sequential([BatchNorm2d(2)])])], SquaredError())
    theta = np.array([1.0, -3, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0])
    x = np.array([[0.0], [1], [2]])
    T, X, Y = on(device, theta, x, np.array([0, 1, 1]))
    assert np.allclose(to_numpy(net.step(T, X, Y).statistics), [1, -3, 1, 9, 1, -3, 1, 9], rtol=ROUNDING)


# ---- the networks of the zoo, and errors


def test_sizes_of_the_known_networks(device):
    for net, shape, size in [
        (mlp((784, 100, 10)), (784,), 79_510),
        (lenet(), (1, 28, 28), 61_706), (lenet((3, 32, 32)), (3, 32, 32), 62_006),
        (lenet((1, 12, 15), 3), (1, 12, 15), 15_031), (resnet20(), (3, 32, 32), 269_722),
        (resnet20((1, 9, 8), 4), (1, 9, 8), 269_044), (resnet(8), (3, 32, 32), 75_290),
    ]:  # fmt: skip
        theta = net.initialize(0, device=device)
        z = net.logits(theta, array_module(theta).ones((2, *shape)))
        assert net.size == theta.size == size and z.shape == (2, net.chain.layers[-1].outputs)


def test_impossible_networks_are_refused():
    with pytest.raises(ValueError, match=r"sizes .* must be two or more whole numbers, got \(3,\)"):
        mlp((3,))
    with pytest.raises(ValueError, match=r"at least 12 x 12 pixels, got shape \(1, 7, 28\)"):
        lenet((1, 7, 28))
    with pytest.raises(ValueError, match="at least one layer with parameters"):
        Network([ReLU()], SoftmaxCrossEntropy())
    with pytest.raises(ValueError, match="ends in Linear, got ReLU"):
        net = Network([Linear(2, 2), ReLU()], SoftmaxCrossEntropy())
        net.last_layer(net.initialize(0), np.ones((1, 2)), np.array([0]))


@pytest.mark.parametrize(
    "change, text",
    [
        (dict(theta=np.ones(31), v=np.ones(31)), r"theta has shape \(31,\), but this network has 43 parameters"),
        (dict(stats=np.ones(3)), r"stats has shape \(3,\), but this network keeps 0 statistics"),
        (dict(y=np.zeros(4, int)), "x has 5 examples and y has 4; they must agree"),
        (dict(x=np.ones((0, 6)), y=np.zeros(0, int)), "x has 0 examples.*not be empty"),
        (dict(x=np.ones((5, 7))), r"needs x of shape \(n, 6\), got \(5, 7\)"),
        (dict(weights=np.ones((5, 1))), r"weights must have shape \(5,\), one an example, got \(5, 1\)"),
        (dict(weights=np.ones(1)), r"weights must have shape \(5,\)"),
        (dict(v=np.ones(42)), r"v must be \(d,\) or \(k, d\) with d = 43, got \(42,\)"),
        (dict(v=np.ones((1, 1, 43))), r"v must be .* got \(1, 1, 43\)"),
    ],
)
def test_shapes_that_do_not_fit_are_named(change, text):
    net = mlp((6, 4, 3))
    good = dict(
        theta=net.initialize(0, "float64"), x=np.ones((5, 6)), y=np.zeros(5, int), weights=np.ones(5), stats=None
    )
    arguments = {**good, "v": np.ones(43), **change}
    with pytest.raises(ValueError, match=text):
        net.hvp(**arguments)
    if "y" in change:
        theta, x, y = (arguments[name] for name in ("theta", "x", "y"))
        for method in ("losses", "logit_gradients", "last_layer", "gradient", "per_example_gradients", "gradient_norms",
                       "gradient_gram", "hessian_diagonal"):  # fmt: skip
            with pytest.raises(ValueError, match=text):
                getattr(net, method)(theta, x, y)
