"""CoresetClassifier: any method of minicrest behind scikit-learn's fit and predict."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from minicrest.arguments import flag, number, one_of, shown, whole
from minicrest.backend import DEVICES, to_device, to_numpy
from minicrest.estimators.rows import Rows, dense_rows, merged, validated, weighted_network
from minicrest.learner import parts
from minicrest.nn import LogisticLoss, Network, SoftmaxCrossEntropy, mlp
from minicrest.optim import OPTIMIZERS, SCHEDULES, SGD, AdamW
from minicrest.oracle import Oracle
from minicrest.random import stream
from minicrest.selection import METHODS, Glister
from minicrest.train import train


class CoresetClassifier(ClassifierMixin, BaseEstimator):
    """A neural network trained on what matters: by default with thinning, which goes back through few rows of a batch.

    Parameters
    ----------
    method : a name of `minicrest.selection.METHODS`, or a method object with settings of its own (`m` is then its own).
    network : "mlp"; a `Network` with as many outputs as classes (or one, with LogisticLoss); or a function of (shape of
        an example, number of classes) that returns one, as `minicrest.lenet` is. Its loss is softmax cross-entropy or
        logistic, also with l2.
    hidden : sizes of the hidden layers of the "mlp".
    m : batch size of a method that is given by name.
    epochs : passes over the rows: at most `epochs * ceil(n / m)` steps.
    budget : None, or the part in (0, 1] of the bill of full training for so many epochs at which training ends: per row
        a forward pass costs 1 and a backward pass 2, and whatever the method asks is billed too.
    optimizer, lr, momentum, weight_decay : "adamw" or "sgd", and its settings; momentum is SGD's.
    schedule : "constant", "steps" or "cosine", the learning rate over one call of `fit`.
    shape : None, or the shape of an example, such as (1, 8, 8): each row of X is reshaped to it.
    class_weight : None, "balanced" (all classes weigh the same in all) or a dict from label to weight.
    validation : the part of the rows held out from training, only for a method that selects by held-out rows.
    warm_start : whether `fit` goes on from the parameters that the last call left.
    device : "cpu", or "cuda" with CuPy. What is learned is kept on the host.
    random_state : int, RandomState or None, as in scikit-learn. An int gives the same parameters bit for bit.
    verbose : whether to show the progress on a terminal.

    `sample_weight` and `class_weight` multiply each row's loss (both count relative to their mean in each call), so
    that a method sees weighted losses and gradients: thinning keeps a row by its weight times its error. Rows are
    merged and ordered by content first, so a weight of 0 is absence and a weight of 3 is three copies, exactly; and
    duplicates share one forward pass. Numbers are float32 if X is, and float64 otherwise. A sparse X is made dense a
    batch at a time. Scale the features first, as for any neural network.

    Attributes
    ----------
    classes_, n_features_in_, feature_names_in_ : as in scikit-learn.
    network_, theta_, statistics_ : the Network, its parameters (d,) and its running statistics, as NumPy arrays.
    n_iter_, n_steps_ : passes over the rows (rounded up) and steps, over all calls.
    loss_curve_, loss_ : the mean loss of the batches of each pass, before their steps; the last of these.
    bill_ : what the last call cost, in forward passes of one row.
    run_ : the `minicrest.Run` of the last call: bill by phase, settings, what the method reports.

    `fit` raises ValueError and TypeError for settings and data that make no sense, for a single class, and where the
    training diverges. Numbers of steps and the bill are in rows after merging.
    """

    def __init__(
        self, method="thinning", network="mlp", *, hidden=(100,), m=64, epochs=100, budget=None, optimizer="adamw",
        lr=1e-3, momentum=0.9, weight_decay=1e-4, schedule="constant", shape=None, class_weight=None, validation=0.1,
        warm_start=False, device="cpu", random_state=None, verbose=False,
    ):  # fmt: skip
        self.method = method
        self.network = network
        self.hidden = hidden
        self.m = m
        self.epochs = epochs
        self.budget = budget
        self.optimizer = optimizer
        self.lr = lr
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.shape = shape
        self.class_weight = class_weight
        self.validation = validation
        self.warm_start = warm_start
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X, y, sample_weight=None):
        """Train on X (n, d), labels y (n,) of any kind, sample_weight (n,) >= 0. Returns self."""
        going_on = flag("warm_start", self.warm_start) and hasattr(self, "theta_")
        one_of("schedule", self.schedule, SCHEDULES)
        epochs = whole("epochs", self.epochs, 1)
        optimizer, schedule = _Remembering(self._optimizer()), SCHEDULES[self.schedule]()
        return self._learn(X, y, sample_weight, None, going_on, optimizer, schedule, epochs)

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """One pass over X (n, d), going on from where the last call ended, the optimizer's memory included.

        classes: all labels that may ever occur; needed in the first call. The schedule does not apply. Returns self.
        """
        going_on = hasattr(self, "theta_")
        if not going_on and classes is None:
            raise ValueError("classes must be given in the first call of partial_fit: all labels that may ever occur")
        state = _moved(self._optimizer_state, self.device) if going_on else None
        optimizer = _Remembering(self._optimizer(), state)
        return self._learn(X, y, sample_weight, classes, going_on, optimizer, SCHEDULES["constant"](), epochs=1)

    def decision_function(self, X):
        """The logits: (n, C), or for two classes (n,) how far the second one's is above the first one's."""
        z = self._logits(X)
        return z[:, 1] - z[:, 0] if z.shape[1] == 2 else z

    def predict(self, X):
        """(n,) the label of the largest logit of each row of X (n, d)."""
        return self.classes_[self._logits(X).argmax(1)]

    def predict_proba(self, X):
        """(n, C) float64 probabilities, in the order of `classes_`."""
        return softmax(self._logits(X), axis=1)

    def predict_log_proba(self, X):
        """(n, C) their logarithms."""
        return log_softmax(self._logits(X), axis=1)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    # ---- how it is done

    def _learn(self, X, y, sample_weight, classes, going_on, optimizer, schedule, epochs):
        method, seed = self._method(), self._seed()
        X, y = validated(self, X, y, reset=not going_on)
        check_classification_targets(y)
        weights = _row_weights(sample_weight, X)
        self.classes_ = self._classes(y[weights > 0], classes, going_on)
        rows = self._rows(X, np.searchsorted(self.classes_, y).clip(max=len(self.classes_) - 1), weights)
        network = self._network()
        if going_on and network.size != self.theta_.size:
            raise ValueError(f"the settings now make a network of {network.size} parameters, but training would go on "
                             f"with {self.theta_.size}; set warm_start=False and call fit")  # fmt: skip
        if not going_on:
            self.theta_ = network.initialize(seed, str(X.dtype))
            self.statistics_ = network.initial_statistics(self.theta_)
            self.n_iter_, self.n_steps_, self.loss_curve_ = 0, 0, []
        self.network_ = network
        self._train(method, rows, optimizer, schedule, epochs, seed)
        return self

    def _train(self, method, rows, optimizer, schedule, epochs, seed):
        """Go on from theta_ with these rows, and keep what has been learned."""
        seed = int(stream(seed, "go on", self.n_steps_).integers(2**31)) if self.n_steps_ else seed
        if getattr(method, "needs_validation", False):
            rows = rows.hold_out(number("validation", self.validation, "(0, 1)"), seed)
        network = self.network_ if rows.weights is None else weighted_network(self.network_)
        theta, statistics = to_device(self.theta_, self.device), to_device(self.statistics_, self.device)
        oracle = Oracle(network, rows, theta, statistics, seed)
        size = getattr(method, "size", getattr(method, "m", self.m))
        steps_a_pass = math.ceil(len(rows) / size)
        bill = None if self.budget is None else 3 * len(rows) * epochs * number("budget", self.budget, "(0, 1]")
        run = train(method, oracle, optimizer, epochs * steps_a_pass, schedule=schedule, max_bill=bill,
                    evaluate_every=steps_a_pass, notes={"shape": rows.shape}, progress=flag("verbose", self.verbose))  # fmt: skip
        if run.diverged is not None:
            raise ValueError(f"training diverged at step {run.diverged}: scale the features of X, as StandardScaler "
                             f"does, or lower lr={self.lr}")  # fmt: skip
        if run.steps == 0:
            raise ValueError(f"budget={self.budget} of {epochs} epochs over {len(rows)} rows does not pay for one step "
                             f"of {method}; raise budget or epochs, or lower m")  # fmt: skip
        self.theta_, self.statistics_ = to_numpy(run.theta), to_numpy(run.statistics)
        self.run_, self.bill_ = replace(run, theta=self.theta_, statistics=self.statistics_), run.ledger.cost
        self.n_iter_ += math.ceil(run.steps / steps_a_pass)
        self.n_steps_ += run.steps
        self.loss_curve_ = [*self.loss_curve_, *run.curve.train_loss[1:].tolist()]
        self.loss_ = self.loss_curve_[-1]
        self._optimizer_state = _moved(optimizer.state, "cpu")

    def _rows(self, X, labels, weights) -> Rows:
        """The rows that have weight, merged; their weights scaled to mean 1, or None where all are equal."""
        weights = weights * self._class_weights(labels, weights)[labels]
        places = np.flatnonzero(weights)
        if not len(places):
            raise ValueError("class_weight leaves no row a weight above zero")
        if not isinstance(self._method(), Glister):
            first, sums = merged(X[places], labels[places], weights[places])
            places, weights = places[first], np.bincount(places[first], sums, len(labels))
        mean, even = weights[places].mean(), np.ptp(weights[places]) == 0
        if not even and isinstance(self._method(), Glister):
            raise ValueError("method glister recovers probabilities from gradients, which weights would change; leave "
                             "sample_weight and class_weight out, or use another method")  # fmt: skip
        shape = (X.shape[1],) if self.shape is None else _shape(self.shape, X.shape[1])
        return Rows(X, labels, None if even else weights / mean, places, shape, len(self.classes_), self.device)

    def _class_weights(self, labels, weights) -> np.ndarray:
        """(C,) what the weights of each class's rows are multiplied by."""
        if self.class_weight is None:
            return np.ones(len(self.classes_))
        if isinstance(self.class_weight, dict):
            found = compute_class_weight(self.class_weight, classes=self.classes_, y=self.classes_)
        else:
            one_of("class_weight, unless it is None or a dict from label to weight,", self.class_weight, ("balanced",))
            totals = np.bincount(labels, weights, len(self.classes_))
            found = totals.sum() / (len(totals) * np.maximum(totals, np.finfo(float).tiny))
        if not (np.isfinite(found) & (found >= 0)).all():
            raise ValueError(f"class_weight must be finite and not negative, got {self.class_weight}")
        return found

    def _classes(self, y, classes, going_on) -> np.ndarray:
        """The labels in order: those known, those given, or those of y (rows of weight 0 left out)."""
        known = self.classes_ if going_on else np.unique(y if classes is None else classes)
        if going_on and classes is not None and not np.array_equal(known, np.unique(classes)):
            raise ValueError(f"classes are {shown(list(known))} since the first call, got {shown(list(classes))}")
        if not np.isin(y, known).all():
            raise ValueError(f"y holds the labels {shown(list(np.setdiff1d(y, known)))}, which are not among the classes "
                             f"{shown(list(known))}")  # fmt: skip
        if len(known) < 2:
            raise ValueError(f"y has one class, {known[0]!r}, among the rows that have weight; give at least two classes")
        return known

    def _network(self) -> Network:
        """The network for these features and classes."""
        classes = len(self.classes_)
        shape = (self.n_features_in_,) if self.shape is None else _shape(self.shape, self.n_features_in_)
        if isinstance(self.network, str):
            one_of("network, unless it is a Network or a function that returns one,", self.network, ("mlp",))
            return mlp((self.n_features_in_, *_sizes("hidden", self.hidden), classes))
        network = self.network(shape, classes) if callable(self.network) else self.network
        if not isinstance(network, Network):
            raise TypeError(f'network must be "mlp", a Network or a function that returns one, got {shown(network)}')
        if not isinstance(network.loss, (SoftmaxCrossEntropy, LogisticLoss)):
            raise ValueError("network must have SoftmaxCrossEntropy or LogisticLoss as its loss, which give "
                             f"probabilities, got {network.loss!r}")  # fmt: skip
        wanted = 1 if isinstance(network.loss, LogisticLoss) and classes == 2 else classes
        if network.outputs != wanted:
            raise ValueError(f"network has {network.outputs} outputs, but {classes} classes with {network.loss!r} need "
                             f"{wanted}")  # fmt: skip
        return network

    def _method(self):
        """The method object; one that is named gets the batch size m."""
        if not isinstance(self.method, str):
            return self.method
        one_of("method", self.method, METHODS)
        return METHODS[self.method](m=whole("m", self.m, 1))

    def _optimizer(self):
        one_of("optimizer", self.optimizer, OPTIMIZERS)
        lr, decay = number("lr", self.lr, "(0, inf)"), number("weight_decay", self.weight_decay, "[0, inf)")
        momentum = number("momentum", self.momentum, "[0, 1)")
        return SGD(lr, momentum, decay) if self.optimizer == "sgd" else AdamW(lr, weight_decay=decay)

    def _seed(self) -> int:
        if self.random_state is None or hasattr(self.random_state, "randint"):
            return int(check_random_state(self.random_state).randint(2**31 - 1))
        return whole("random_state, unless it is None or a RandomState,", self.random_state, 0)

    def _logits(self, X) -> np.ndarray:
        """(n, C) float64 on the host; a single output z becomes the logits 0 and z."""
        check_is_fitted(self)
        X, network, device = validated(self, X, reset=False), self.network_, self.device
        theta, statistics = to_device(self.theta_, device), to_device(self.statistics_, device)
        shape = self.run_.settings["notes"]["shape"]
        pieces = (to_device(dense_rows(X, i), device).reshape(len(i), *shape) for i in parts(np.arange(X.shape[0])))
        z = np.concatenate([to_numpy(network.logits(theta, x, statistics)) for x in pieces]).astype(np.float64)
        return z if z.shape[1] > 1 else np.hstack([np.zeros_like(z), z])


class _Remembering:
    """An optimizer whose next training goes on from the state in which the last one left it."""

    def __init__(self, optimizer, state=None):
        self.optimizer, self.state = optimizer, state

    def __repr__(self):
        return repr(self.optimizer)

    def init(self, theta):
        self.state = self.optimizer.init(theta) if self.state is None else self.state
        return self.state

    def update(self, theta, gradient, state, factor=1.0):
        self.state = self.optimizer.update(theta, gradient, state, factor)
        return self.state


def _moved(state, device):
    """The optimizer's state with its arrays on `device`."""
    arrays = {name: to_device(value, device) for name, value in vars(state).items() if hasattr(value, "shape")}
    return replace(state, **arrays)


def _row_weights(sample_weight, X) -> np.ndarray:
    """(n,) float64 weights, not negative and not all zero."""
    if sample_weight is None:
        return np.ones(X.shape[0])
    weights = _check_sample_weight(sample_weight, X, dtype=np.float64)
    if (weights < 0).any():
        raise ValueError(f"sample_weight must not be negative, got {weights.min()}")
    if not weights.any():
        raise ValueError("sample_weight is zero for every row, so that there is nothing to learn from")
    return weights


def _sizes(name: str, values) -> tuple[int, ...]:
    """`values` as whole numbers of at least 1."""
    if isinstance(values, str) or not hasattr(values, "__iter__"):
        raise TypeError(f"{name} must be a sequence of whole numbers, got {shown(values)}")
    return tuple(whole(f"each size in {name}", value, 1) for value in values)


def _shape(shape, features: int) -> tuple[int, ...]:
    """The shape of an example, which must hold as many numbers as X has features."""
    sizes = _sizes("shape", shape)
    if math.prod(sizes) != features:
        raise ValueError(f"shape {sizes} holds {math.prod(sizes)} numbers an example, but X has {features} features")
    return sizes
