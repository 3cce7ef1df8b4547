"""Losses: values, gradients and curvature against loops and differences, and numbers that must not overflow."""

import math

import numpy as np
import pytest

from minicrest.backend import device_of, to_device, to_numpy
from minicrest.nn import GeneralizedCrossEntropy, LogisticLoss, Loss, SoftmaxCrossEntropy, SquaredError
from minicrest.random import stream
from tests.unit.nn.naive_layers import derivative, relative_error

ROUNDING = 1e-13  # a few operations on a few classes, float64
DIFFERENCES = 1e-9  # five-point differences in float64
N, C = 6, 4


def softmax_loop(z, y):
    return [math.log(sum(math.exp(v) for v in row)) - row[label] for row, label in zip(z, y)]


def logistic_loop(z, y):
    return [math.log(1 + math.exp(row[0])) - label * row[0] for row, label in zip(z, y)]


def generalized_loop(q):
    return lambda z, y: [(1 - math.exp(-q * loss)) / q for loss in softmax_loop(z, y)]


def squared_loop(z, y):
    return [sum((v - (k == label)) ** 2 for k, v in enumerate(row)) / 2 for row, label in zip(z, y)]


def real_loop(z, y):
    return [sum((v - t) ** 2 for v, t in zip(row, target)) / 2 for row, target in zip(z, y.reshape(len(z), -1))]


def labels(rng, shape, classes):
    return rng.integers(0, classes, shape)


CASES = {  # name: loss, outputs, targets, loop
    "softmax": (SoftmaxCrossEntropy(), C, lambda rng: labels(rng, N, C), softmax_loop),
    "generalized": (GeneralizedCrossEntropy(), C, lambda rng: labels(rng, N, C), generalized_loop(0.7)),
    "generalized, q = 1": (GeneralizedCrossEntropy(1), C, lambda rng: labels(rng, N, C), generalized_loop(1)),
    "logistic": (LogisticLoss(), 1, lambda rng: labels(rng, N, 2), logistic_loop),
    "squared, classes": (SquaredError(), C, lambda rng: labels(rng, N, C), squared_loop),
    "squared, real rows": (SquaredError(), C, lambda rng: rng.standard_normal((N, C)), real_loop),
    "squared, real numbers": (SquaredError(), 1, lambda rng: rng.standard_normal(N), real_loop),
    "squared, one column": (SquaredError(), 1, lambda rng: rng.standard_normal((N, 1)), real_loop),
}


@pytest.fixture(params=CASES)
def case(request, device):
    """loss, z, y, u (a random direction) on the host, `put` to bring an array to the device, and the loop."""
    loss, outputs, targets, loop = CASES[request.param]
    rng = stream(3, "loss", request.param)
    z, u = rng.standard_normal((2, N, outputs)) * 2
    return loss, z, targets(rng), u, lambda array: to_device(array, device), loop


def test_losses_equal_the_loops(case):
    loss, z, y, _, put, loop = case
    assert relative_error(to_numpy(loss.losses(put(z), put(y))), np.array(loop(z, y))) < ROUNDING


def test_both_are_the_losses_and_the_gradient(case):
    loss, z, y, _, put, _ = case
    losses, gradient = loss.both(put(z), put(y))
    assert (to_numpy(losses) == to_numpy(loss.losses(put(z), put(y)))).all()
    assert (to_numpy(gradient) == to_numpy(loss.gradient(put(z), put(y)))).all()


class Doubled(SoftmaxCrossEntropy):
    """Twice the loss, but the gradient of the loss itself."""

    def losses(self, z, y):
        return 2 * super().losses(z, y)


class Negative(Doubled):
    """Minus the gradient, and still twice the loss."""

    def gradient(self, z, y):
        return -super().gradient(z, y)


@pytest.mark.parametrize(("loss", "factors"), [(Doubled(), (2, 1)), (Negative(), (2, -1))])
def test_a_loss_that_changes_one_of_the_two_does_not_inherit_both(loss, factors):
    rng = stream(3, "both")
    z, y = rng.standard_normal((N, C)), rng.integers(0, C, N)
    for found, factor, plain in zip(loss.both(z, y), factors, SoftmaxCrossEntropy().both(z, y)):
        assert (found == factor * plain).all()


def test_gradient_is_the_derivative(case):
    """One random direction for each example: a gradient of the wrong example would not pass."""
    loss, z, y, u, put, _ = case
    expected = derivative(lambda e: loss.losses(z + e * u, y))
    assert relative_error((to_numpy(loss.gradient(put(z), put(y))) * u).sum(1), expected) < DIFFERENCES


def test_hessian_is_the_derivative_of_the_gradient(case):
    loss, z, y, u, put, _ = case
    expected = derivative(lambda e: loss.gradient(z + e * u, y))
    assert relative_error(to_numpy(loss.hessian(put(z), put(y), put(u))), expected) < DIFFERENCES


def test_curvature_root_times_its_transpose_is_the_hessian(case):
    loss, z, y, _, put, _ = case
    if isinstance(loss, GeneralizedCrossEntropy):
        with pytest.raises(ValueError, match="GeneralizedCrossEntropy has no curvature_root"):
            loss.curvature_root(put(z), put(y))
        return
    S = to_numpy(loss.curvature_root(put(z), put(y)))
    columns = [to_numpy(loss.hessian(put(z), put(y), put(np.tile(e, (N, 1))))) for e in np.eye(z.shape[1])]
    assert relative_error(S @ S.transpose(0, 2, 1), np.stack(columns, axis=2)) < ROUNDING


def test_logistic_gradients_are_p_minus_y():
    z, y = np.array([[0.0, 0.0, math.log(2)]]), np.array([2])
    assert np.allclose(SoftmaxCrossEntropy().gradient(z, y), [[0.25, 0.25, -0.5]], rtol=0, atol=1e-15)
    z, y = np.array([[math.log(3)], [math.log(3)]]), np.array([1, 0])
    assert np.allclose(LogisticLoss().gradient(z, y), [[-0.25], [0.75]], rtol=0, atol=1e-15)


def test_two_class_softmax_is_the_logistic_loss():
    z, y = stream(3, "two").standard_normal((N, 1)), np.array([0, 1, 1, 0, 1, 0])
    both = np.concatenate([np.zeros((N, 1)), z], axis=1)
    assert relative_error(SoftmaxCrossEntropy().losses(both, y), LogisticLoss().losses(z, y)) < ROUNDING
    assert relative_error(SoftmaxCrossEntropy().gradient(both, y)[:, 1:], LogisticLoss().gradient(z, y)) < ROUNDING


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_logits_do_not_overflow(device, dtype):
    """At +-1000 the answers are exact: the loss is the distance to the largest logit, p is 0 or 1, the Hessian 0."""
    z, y = to_device(np.array([[1000.0, -1000], [1000, -1000]], dtype), device), to_device(np.array([0, 1]), device)
    loss = SoftmaxCrossEntropy()
    assert to_numpy(loss.losses(z, y)).tolist() == [0, 2000]
    assert to_numpy(loss.gradient(z, y)).tolist() == [[0, 0], [1, -1]]
    assert not to_numpy(loss.hessian(z, y, z)).any() and not to_numpy(loss.curvature_root(z, y)).any()
    loss = GeneralizedCrossEntropy(0.5)
    assert to_numpy(loss.losses(z, y)).tolist() == [0, 2]
    assert to_numpy(loss.reported(z[:, 0], z, y)).tolist() == [1000, 2998]
    assert not to_numpy(loss.gradient(z, y)).any() and not to_numpy(loss.hessian(z, y, z)).any()
    z, y = (
        to_device(np.array([[1000.0], [-1000], [1000], [-1000]], dtype), device),
        to_device(np.array([1, 0, 0, 1]), device),
    )
    loss = LogisticLoss()
    assert to_numpy(loss.losses(z, y)).tolist() == [0, 0, 1000, 1000]
    assert to_numpy(loss.gradient(z, y)).tolist() == [[0], [0], [1], [-1]]
    assert not to_numpy(loss.hessian(z, y, z)).any() and not to_numpy(loss.curvature_root(z, y)).any()


@pytest.mark.filterwarnings("error")
def test_rows_of_very_different_size_do_not_disturb_each_other(device):
    """The largest logit is taken row by row: with one for the whole batch the small rows would be 0/0."""
    z, y = to_device(np.array([[0.0, 0.0], [1e4, 1e4], [-1e4, -1e4]]), device), to_device(np.array([0, 1, 1]), device)
    loss = SoftmaxCrossEntropy()
    assert np.allclose(to_numpy(loss.losses(z, y)), np.log(2), rtol=ROUNDING)
    assert to_numpy(loss.gradient(z, y)).tolist() == [[-0.5, 0.5], [0.5, -0.5], [0.5, -0.5]]
    u = to_device(np.array([[1.0, 0.0]] * 3), device)
    assert to_numpy(loss.hessian(z, y, u)).tolist() == [[0.25, -0.25]] * 3


BAD = [  # loss, z, y, what is said
    (SoftmaxCrossEntropy(), np.ones((2, 3)), np.array([0, 3]), r"3 logits allow labels in 0..2, .* from 0 to 3"),
    (SoftmaxCrossEntropy(), np.ones((2, 3)), np.array([-1, 0]), r"labels in 0..2, got labels from -1 to 0"),
    (SoftmaxCrossEntropy(), np.ones((2, 3)), np.array([0.0, 1.0]), r"whole numbers, got float64; .*take SquaredError"),
    (SoftmaxCrossEntropy(), np.ones((2, 3)), np.ones((2, 3)), r"whole numbers, got float64; .*take SquaredError"),
    (SoftmaxCrossEntropy(), np.ones((2, 3)), np.zeros((2, 1), int), r"must have shape \(2,\), got \(2, 1\)"),
    (SoftmaxCrossEntropy(), np.ones((2, 3)), np.zeros(3, int), "a target for each of the 2 rows"),
    (SoftmaxCrossEntropy(), np.ones(3), np.zeros(3, int), r"logits z must be an array of shape \(n, C\), got \(3,\)"),
    (SoftmaxCrossEntropy(), [[1.0, 2.0]], [0], r"logits z must be an array of shape \(n, C\), got \[\["),
    (LogisticLoss(), np.ones((2, 1)), np.array([0, 2]), "labels for LogisticLoss must be 0 or 1, got .* from 0 to 2"),
    (LogisticLoss(), np.ones((2, 1)), np.array([0.5, 1]), "must be 0 or 1"),
    (LogisticLoss(), np.ones((2, 3)), np.array([0, 1]), r"takes z \(n, 1\) and y \(n,\), got \(2, 3\) and \(2,\)"),
    (LogisticLoss(), np.ones((2, 1)), np.array([[0], [1]]), r"takes z \(n, 1\)"),
    (SquaredError(), np.ones((2, 3)), np.ones((2, 2)), r"targets y must have shape \(2, 3\), .* got \(2, 2\)"),
    (SquaredError(), np.ones((2, 3)), np.array([0, 3]), r"labels in 0..2"),
    (SquaredError(), np.ones((2, 3)), np.array([0.5, 1.5]), "must be whole numbers"),
    (SquaredError(), np.ones((2, 1)), np.ones(3), "a target for each of the 2 rows"),
]  # fmt: skip


@pytest.mark.parametrize(("loss", "z", "y", "text"), BAD, ids=range(len(BAD)))
def test_targets_that_do_not_fit_are_refused(loss, z, y, text):
    for method in (loss.losses, loss.gradient, loss.both):
        with pytest.raises((ValueError, TypeError), match=text):
            method(z, y)


def test_the_generalized_loss_lies_between_the_cross_entropy_and_1_minus_p():
    z, y = stream(3, "generalized").standard_normal((N, C)), np.arange(N) % C
    p = np.exp(-SoftmaxCrossEntropy().losses(z, y))
    assert np.allclose(GeneralizedCrossEntropy(1).losses(z, y), 1 - p, rtol=0, atol=1e-15)
    tiny = GeneralizedCrossEntropy(1e-12)
    for name in ("losses", "gradient"):
        assert relative_error(getattr(tiny, name)(z, y), getattr(SoftmaxCrossEntropy(), name)(z, y)) < 1e-10
    u = np.ones((N, C)) * np.arange(C)
    assert relative_error(tiny.hessian(z, y, u), SoftmaxCrossEntropy().hessian(z, y, u)) < 1e-10


def test_a_label_that_is_firmly_contradicted_hardly_pulls():
    """p_y = 1/4: half of the cross-entropy's pull at q = 1/2; p_y = 1e-8: none of it to four digits."""
    z, y = np.array([[math.log(3), 0.0], [8 * math.log(10), 0.0]]), np.array([1, 1])
    pulls = np.linalg.norm(GeneralizedCrossEntropy(0.5).gradient(z, y), axis=1)
    assert pulls == pytest.approx(np.linalg.norm(SoftmaxCrossEntropy().gradient(z, y), axis=1) * [1 / 2, 1e-4])


@pytest.mark.parametrize("q", [0, -0.1, 1.1, math.nan])
def test_q_is_above_0_and_at_most_1(q):
    with pytest.raises(ValueError, match=r"q of GeneralizedCrossEntropy must be a number in \(0, 1\], got"):
        GeneralizedCrossEntropy(q)


def test_what_evaluations_report_is_the_cross_entropy_with_the_ridge_of_the_loss(case):
    """A ridge of 5 for every example, as Network adds it."""
    loss, z, y, _, put, _ = case
    losses = loss.losses(put(z), put(y))
    expected = (SoftmaxCrossEntropy() if isinstance(loss, GeneralizedCrossEntropy) else loss).losses(put(z), put(y)) + 5
    assert relative_error(to_numpy(loss.reported(losses + 5, put(z), put(y))), to_numpy(expected)) < ROUNDING


@pytest.mark.parametrize("kind", [SoftmaxCrossEntropy, GeneralizedCrossEntropy, LogisticLoss, SquaredError])
def test_the_ridge_is_not_negative_and_0_by_default(kind):
    assert Loss.l2 == kind().l2 == 0 and kind(l2=0.5).l2 == 0.5
    with pytest.raises(ValueError, match=rf"l2 of {kind.__name__} must be a number in \[0, inf\), got -1"):
        kind(l2=-1)


def test_predictions(device):
    z = to_device(np.array([[0.1, 2.0, -1.0], [3.0, -4.0, 0.5]]), device)
    assert to_numpy(SoftmaxCrossEntropy().predict(z)).tolist() == [1, 0]
    assert to_numpy(SquaredError().predict(z)).tolist() == [1, 0]
    one = to_device(np.array([[0.3], [-0.2]]), device)
    found = LogisticLoss().predict(one)
    assert to_numpy(found).tolist() == [1, 0] and str(found.dtype) == "int64"
    assert to_numpy(SquaredError().predict(one)).tolist() == [0.3, -0.2]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_types_in_are_types_out_and_inputs_stay(case, dtype, device):
    loss, z, y, u, put, _ = case
    z, y, u = put(z.astype(dtype)), put(y), put(u.astype(dtype))
    before = [to_numpy(a).copy() for a in (z, y, u)]
    found = [loss.losses(z, y), loss.gradient(z, y), loss.hessian(z, y, u), loss.reported(loss.losses(z, y), z, y)]
    if not isinstance(loss, GeneralizedCrossEntropy):
        found.append(loss.curvature_root(z, y))
    assert {str(one.dtype) for one in found} == {dtype}
    assert {device_of(one) for one in found} == {device}
    assert all(np.array_equal(a, to_numpy(b)) for a, b in zip(before, (z, y, u)))
