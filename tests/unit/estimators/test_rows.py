"""The rows that an oracle asks for, how equal rows become one, and the weighted loss with its derivatives."""

import numpy as np
import pytest
from scipy import sparse

from minicrest.estimators.rows import Rows, Weighted, merged, weighted_network
from minicrest.nn import GeneralizedCrossEntropy, LogisticLoss, SoftmaxCrossEntropy, SquaredError, mlp

RNG = np.random.default_rng(0)
X = RNG.normal(size=(7, 3))
LABELS = np.array([0, 1, 2, 0, 1, 2, 0])
WEIGHTS = np.array([1.0, 2, 0.5, 3, 1, 1, 4])


def test_equal_rows_with_equal_labels_become_one():
    x = X[[0, 1, 0, 2, 0]]
    places, weights = merged(x, np.array([0, 1, 0, 2, 1]), np.array([1.0, 2, 4, 8, 16]))
    assert sorted(zip(places, weights)) == [(0, 5), (1, 2), (3, 8), (4, 16)]  # row 4 has another label than 0 and 2


def test_the_order_is_of_the_content():
    order = RNG.permutation(7)
    one, other = merged(X, LABELS, WEIGHTS), merged(X[order], LABELS[order], WEIGHTS[order])
    assert np.array_equal(one[0], order[other[0]]) and np.array_equal(one[1], other[1])
    assert not np.array_equal(one[0], np.arange(7))


def test_minus_zero_is_zero_and_sparse_is_dense():
    x = np.array([[0.0, 1], [-0.0, 1], [1, 0]])
    places, weights = merged(x, np.zeros(3, int), np.ones(3))
    assert sorted(weights) == [1, 2] and set(places) == {0, 2}
    assert all(np.array_equal(a, b) for a, b in zip(merged(sparse.csr_array(x), np.zeros(3, int), np.ones(3)),
                                                    (places, weights)))  # fmt: skip


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
def test_inputs_and_targets(form, device):
    rows = Rows(form(X), LABELS, WEIGHTS, np.array([6, 0, 3]), (3, 1), 3, device)
    from minicrest.backend import device_of, to_numpy

    assert len(rows) == 3 and device_of(rows.x) == device_of(rows.inputs()) == device_of(rows.targets()) == device
    got = rows.inputs(np.array([2, 0]), "float32")
    assert got.dtype == "float32" and np.array_equal(to_numpy(got)[:, :, 0], X[[3, 6]].astype("float32"))
    assert np.array_equal(to_numpy(rows.augmented(None, None, "float64"))[:, :, 0], X[[6, 0, 3]])
    assert np.array_equal(to_numpy(rows.targets(np.array([1, 2]))), [[0, 1], [0, 3]])
    plain = Rows(form(X), LABELS, None, np.array([6, 1]), (3,), 3, device)
    assert np.array_equal(to_numpy(plain.targets()), [0, 1]) and np.array_equal(to_numpy(plain.y), [0, 1])


def test_a_validation_part_is_held_out_with_its_weights():
    x, labels, weights = np.repeat(X, 10, axis=0), np.repeat(LABELS, 10), np.arange(70.0)
    rows = Rows(x, labels, weights, np.arange(1, 70), (3,), 3).hold_out(0.2, seed=0)
    held = rows.validation
    assert len(rows) == 55 and len(held) == 14 and not set(rows.places) & set(held.places) and set(held.y) == {0, 1, 2}
    assert np.array_equal(held.targets()[:, 1], held.places)


@pytest.mark.parametrize("loss, classes", [(SoftmaxCrossEntropy(), 3), (LogisticLoss(), 1), (SquaredError(), 2),
                                           (GeneralizedCrossEntropy(), 3)])  # fmt: skip
def test_the_weighted_loss_is_the_loss_times_the_weight(loss, classes):
    """Losses, both derivatives and the root of the second; a weight of 0 leaves nothing."""
    z, u, y = RNG.normal(size=(7, classes)), RNG.normal(size=(7, classes)), LABELS % max(2, classes)
    s = np.where(np.arange(7) == 2, 0, WEIGHTS)
    weighted, targets = Weighted(loss), np.stack([y, s], axis=1)
    assert np.allclose(weighted.losses(z, targets), s * loss.losses(z, y), rtol=1e-15)
    assert np.allclose(weighted.gradient(z, targets), s[:, None] * loss.gradient(z, y), rtol=1e-15)
    assert np.allclose(weighted.hessian(z, targets, u), s[:, None] * loss.hessian(z, y, u), rtol=1e-15)
    reported = s * loss.reported(loss.losses(z, y), z, y)
    assert np.allclose(weighted.reported(weighted.losses(z, targets) + 5, z, targets), reported + 5, rtol=1e-14)
    if isinstance(loss, GeneralizedCrossEntropy):
        return  # its Hessian has no root
    root = weighted.curvature_root(z, targets)
    product = (root @ (root.transpose(0, 2, 1) @ u[:, :, None]))[:, :, 0]
    assert np.allclose(product, weighted.hessian(z, targets, u), atol=1e-14)
    assert np.array_equal(weighted.predict(z), loss.predict(z))


def test_the_penalty_is_not_weighted():
    network = mlp((3, 4, 3), loss=SoftmaxCrossEntropy(l2=0.1))
    weighted, theta = weighted_network(network), network.initialize(0, "float64")
    targets = np.stack([LABELS, WEIGHTS], axis=1)
    penalty = 0.05 * theta @ theta
    plain = network.losses(theta, X, LABELS) - penalty
    assert np.allclose(weighted.losses(theta, X, targets), WEIGHTS * plain + penalty)
    gradient = network.gradient(theta, X, LABELS, WEIGHTS) - 0.1 * WEIGHTS.mean() * theta
    assert np.allclose(weighted.gradient(theta, X, targets), gradient + 0.1 * theta)
