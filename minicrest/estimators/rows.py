"""The rows of a table as an Oracle asks for them: sparse rows are made dense a batch at a time, and rows have weights.

The objective is (1/n) sum_i s_i l_i with weights s_i >= 0 of mean 1, where equal rows with the same label count as one
row whose weight is the sum of theirs, and rows are put into an order that depends on their content alone. So what is
learned depends on the weighted set of rows and on nothing else: a weight of 0 is the same as absence, a weight of 3 the
same as three copies, and the order of the rows does not matter, exactly and for every seed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator

from minicrest.backend import array_module, to_device
from minicrest.datasets.dataset import stratified
from minicrest.learner import parts
from minicrest.nn import Network
from minicrest.nn.losses import Loss
from minicrest.random import stream

try:
    from sklearn.utils.validation import validate_data
except ImportError:  # before scikit-learn 1.6 it was a method
    validate_data = BaseEstimator._validate_data


def validated(estimator, *data, reset: bool):
    """X (n, d), or X and y (n,), as scikit-learn checks them: finite, sparse only as CSR, as many features as before.

    reset: whether to take the number and the names of the features from X. Raises what scikit-learn raises.
    """
    return validate_data(estimator, *data, reset=reset, accept_sparse="csr", dtype=(np.float64, np.float32))


def dense_rows(x, i) -> np.ndarray:
    """(b, d) rows i of x, dense, on the device of x."""
    return x[i].toarray() if issparse(x) else x[i]


def merged(x, labels, weights) -> tuple[np.ndarray, np.ndarray]:
    """(places, weights), (k,) each: of equal rows of x (n, d) with equal labels one place, and their weights' sum."""
    digests: list[bytes] = []
    for part in parts(np.arange(len(labels))):
        rows = dense_rows(x, part) + 0.0  # -0.0 equals 0.0
        pairs = zip(rows, labels[part])
        digests += (hashlib.blake2b(row.tobytes() + label.tobytes(), digest_size=16).digest() for row, label in pairs)
    _, places, group = np.unique(np.array(digests, "S16"), return_index=True, return_inverse=True)
    return places, np.bincount(group, weights)


class Rows:
    """Part of a table, in the place of a Dataset: x (n, d) dense or CSR, labels (n,) int64 and weights (n,) or None.

    All on the host.  places: (k,) the rows that belong to this part.  shape: of an example, whose product is d.
    """

    name, augment, test, scale, shift = "rows", 0, None, None, None

    def __init__(self, x, labels, weights, places, shape, n_classes: int, device: str = "cpu"):
        self.table = x if issparse(x) else to_device(x, device)
        self.labels, self.weights, self.places, self.device = labels, weights, places, device
        self.shape, self.n_classes = shape, n_classes
        self.y = to_device(labels[places], device)  # (k,)
        self.validation: Rows | None = None

    @property
    def x(self):
        """An array on the device, by which an Oracle finds out where the rows are asked for."""
        return self.y

    def __len__(self) -> int:
        return len(self.places)

    def inputs(self, i=None, dtype="float32"):
        """(b, *shape) the examples `i` (host indices; None: all) on the device."""
        places = self.places if i is None else self.places[i]
        places = places if issparse(self.table) else to_device(places, self.device)
        rows = to_device(dense_rows(self.table, places), self.device).astype(dtype, copy=False)
        return rows.reshape(len(rows), *self.shape)

    def augmented(self, i, rng, dtype="float32"):
        """The same: rows of a table are not augmented."""
        return self.inputs(i, dtype)

    def targets(self, i=None):
        """(b,) labels or, where rows have weights, (b, 2) labels and weights, as `Weighted` takes them."""
        places = self.places if i is None else self.places[i]
        if self.weights is None:
            return to_device(self.labels[places], self.device)
        return to_device(np.stack([self.labels[places], self.weights[places]], axis=1), self.device)

    def fingerprint(self) -> str:
        """Nothing: an estimator's training is not resumed."""
        return ""

    def hold_out(self, fraction: float, seed: int) -> Rows:
        """The rows without a stratified `fraction` of them, which becomes `.validation`."""
        kept, held = stratified(self.labels[self.places], fraction, stream(seed, "validation"))
        rest, part = (self._part(self.places[chosen]) for chosen in (kept, held))
        rest.validation = part
        return rest

    def _part(self, places) -> Rows:
        return Rows(self.table, self.labels, self.weights, places, self.shape, self.n_classes, self.device)


@dataclass(frozen=True)
class Weighted(Loss):
    """s l(z, y) for targets (n, 2) of labels y and weights s >= 0; the l2 term stays as it is.

    So whatever a method asks for is that of the weighted loss: thinning, for one, keeps rows by s |p - y|.
    """

    loss: Loss
    weighs = True

    @property
    def l2(self) -> float:  # type: ignore[override]
        """That of the loss inside."""
        return self.loss.l2

    def losses(self, z, y):
        return self.both(z, y)[0]

    def gradient(self, z, y):
        return self.both(z, y)[1]

    def both(self, z, y):
        losses, gradient = self.loss.both(z, _labels(y))
        s = _weights(z, y)
        return s * losses, s[:, None] * gradient

    def hessian(self, z, y, u):
        return _weights(z, y)[:, None] * self.loss.hessian(z, _labels(y), u)

    def curvature_root(self, z, y):
        root = array_module(z).sqrt(_weights(z, y))
        return root[:, None, None] * self.loss.curvature_root(z, _labels(y))

    def reported(self, losses, z, y):
        inner = self.loss.losses(z, _labels(y))
        return losses + _weights(z, y) * (self.loss.reported(inner, z, _labels(y)) - inner)

    def predict(self, z):
        return self.loss.predict(z)


def weighted_network(network: Network) -> Network:
    """The network with `Weighted` around its loss; the same parameters."""
    layers, loss = network.arguments_again()
    return Network(layers, Weighted(loss))


def _labels(y):
    return y[:, 0].astype("int64")


def _weights(z, y):
    return y[:, 1].astype(z.dtype)
