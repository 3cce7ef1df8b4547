"""What the settings of an estimator stand for, made and checked when it is fitted, as scikit-learn wants it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.validation import _check_sample_weight

from minicrest.arguments import number, one_of, shown, whole
from minicrest.backend import to_device
from minicrest.nn import GeneralizedCrossEntropy, LogisticLoss, Network, SoftmaxCrossEntropy, mlp
from minicrest.optim import OPTIMIZERS, SGD, AdamW
from minicrest.selection import METHODS


def method(setting: Any, m: int):
    """The method object; one that is named gets the batch size m. `train` checks an object."""
    if isinstance(setting, type):
        raise TypeError(f"method must be a name or an object; give {setting.__name__}() instead of the class")
    if not isinstance(setting, str):
        return setting
    one_of("method", setting, METHODS)
    return METHODS[setting](m=whole("m", m, 1))  # type: ignore[call-arg]


def network(setting: Any, hidden: Any, shape: tuple[int, ...], classes: int) -> Network:
    """The network for examples of `shape` and so many classes. ValueError, TypeError if it does not fit."""
    if isinstance(setting, str):
        one_of("network, unless it is a Network or a function that returns one,", setting, ("mlp",))
        return mlp((math.prod(shape), *_sizes("hidden", hidden), classes))
    candidate = setting(shape, classes) if callable(setting) else setting
    if not isinstance(candidate, Network):
        raise TypeError(f'network must be "mlp", a Network or a function that returns one, got {shown(candidate)}')
    if not isinstance(candidate.loss, (SoftmaxCrossEntropy, GeneralizedCrossEntropy, LogisticLoss)):
        raise ValueError("network must have SoftmaxCrossEntropy, GeneralizedCrossEntropy or LogisticLoss as its loss, "
                         f"which give probabilities, got {candidate.loss!r}")  # fmt: skip
    logistic = isinstance(candidate.loss, LogisticLoss)
    if candidate.outputs != (1 if logistic else classes) or (logistic and classes != 2):
        raise ValueError(f"network has {candidate.outputs} outputs and {candidate.loss!r}, which does not fit "
                         f"{classes} classes: LogisticLoss needs one output for two classes, the others one per class"
                         )  # fmt: skip
    return candidate


def initial(setting, network: Network, seed: int, dtype: str) -> np.ndarray:
    """theta (d,) before training, on the host; the output layer of the "mlp" is zero."""
    theta = network.initialize(seed, dtype)
    if isinstance(setting, str):
        theta[theta.size - network.chain.layers[-1].size :] = 0
    return theta


def optimizer(name: str, lr: float, momentum: float, weight_decay: float):
    """SGD or AdamW with these settings, all of which are checked."""
    one_of("optimizer", name, OPTIMIZERS)
    lr, decay = number("lr", lr, "(0, inf)"), number("weight_decay", weight_decay, "[0, inf)")
    momentum = number("momentum", momentum, "[0, 1)")
    return SGD(lr, momentum, decay) if name == "sgd" else AdamW(lr, weight_decay=decay)


def seed(random_state: Any) -> int:
    """An int as it is; a draw from a RandomState or, for None, from NumPy's global one, as in scikit-learn."""
    if random_state is None or hasattr(random_state, "randint"):
        return int(check_random_state(random_state).randint(2**31 - 1))
    return whole("random_state, unless it is None or a RandomState,", random_state, 0)


def example_shape(shape, features: int) -> tuple[int, ...]:
    """(features,) for None; else `shape`, which must hold as many numbers."""
    if shape is None:
        return (features,)
    sizes = _sizes("shape", shape)
    if math.prod(sizes) != features:
        raise ValueError(f"shape {sizes} holds {math.prod(sizes)} numbers an example, but X has {features} features")
    return sizes


def row_weights(sample_weight, X) -> np.ndarray:
    """(n,) float64 weights, not negative and not all zero."""
    if sample_weight is None:
        return np.ones(X.shape[0])
    weights = _check_sample_weight(sample_weight, X, dtype=np.float64)
    if (weights < 0).any():
        raise ValueError(f"sample_weight must not be negative, got {weights.min()}")
    if not weights.any():
        raise ValueError("sample_weight is zero for every row, so that there is nothing to learn from")
    return weights


def class_weights(setting, classes, labels, weights) -> np.ndarray:
    """(C,) what the weights (n,) of each class's rows are multiplied by; "balanced" makes their sums equal."""
    if setting is None:
        return np.ones(len(classes))
    if isinstance(setting, dict):
        factors = compute_class_weight(setting, classes=classes, y=classes)
    else:
        one_of("class_weight, unless it is None or a dict from label to weight,", setting, ("balanced",))
        totals = np.bincount(labels, weights, len(classes))
        factors = totals.sum() / (len(totals) * np.maximum(totals, np.finfo(float).tiny))
    if not (np.isfinite(factors) & (factors >= 0)).all():
        raise ValueError(f"class_weight must be finite and not negative, got {setting}")
    return factors


def _sizes(name: str, values) -> tuple[int, ...]:
    """`values` as whole numbers of at least 1."""
    if isinstance(values, str) or not hasattr(values, "__iter__"):
        raise TypeError(f"{name} must be a sequence of whole numbers, got {shown(values)}")
    return tuple(whole(f"each size in {name}", value, 1) for value in values)


# ---- going on from one training to the next


class Start(NamedTuple):
    """Where a training starts: parameters (d,) and statistics on the host, and what came before."""

    theta: np.ndarray
    statistics: np.ndarray
    passes: int = 0
    steps: int = 0
    losses: Sequence[float] = ()


class Remembering:
    """An optimizer whose training goes on from a state that an earlier one left."""

    def __init__(self, inner, state=None):
        self.inner, self.state = inner, state

    def __repr__(self):
        return repr(self.inner)

    def init(self, theta):
        """The state to go on from, or a new one for theta (d,)."""
        self.state = self.inner.init(theta) if self.state is None else self.state
        return self.state

    def update(self, theta, gradient, state, factor=1.0):
        """One step of theta (d,), in place."""
        self.state = self.inner.update(theta, gradient, state, factor)
        return self.state


def moved(state, device: str):
    """The state of an optimizer with its arrays on `device`."""
    arrays = {name: to_device(value, device) for name, value in vars(state).items() if hasattr(value, "shape")}
    return replace(state, **arrays)
