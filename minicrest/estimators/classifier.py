"""CoresetClassifier: any method of minicrest behind scikit-learn's fit and predict."""

from __future__ import annotations

import copy
import math
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from minicrest.arguments import flag, number, one_of, shown, whole
from minicrest.backend import DEVICES, to_device, to_numpy
from minicrest.estimators import settings
from minicrest.estimators.rows import Rows, dense_rows, merged, validated, weighted_network
from minicrest.estimators.settings import Remembering, Start, moved
from minicrest.experiments.graphs import plain, replayed
from minicrest.learner import parts
from minicrest.nn import Network
from minicrest.optim import SCHEDULES
from minicrest.oracle import Oracle
from minicrest.random import stream
from minicrest.selection import Glister
from minicrest.train import train


class CoresetClassifier(ClassifierMixin, BaseEstimator):
    """A neural network trained on what matters: by default with thinning, which goes back through few rows of a batch.

    Parameters
    ----------
    method : a name of `minicrest.selection.METHODS`, or a method object with settings of its own (`m` is then its own).
    network : "mlp", whose output layer starts at zero: all classes equally likely, nothing to unlearn; or a `Network`,
        which starts as it always does, with as many outputs as classes (or one, with LogisticLoss); or a function of
        (shape of an example, number of classes) that returns one, as `minicrest.lenet` is. Its loss is
        SoftmaxCrossEntropy, GeneralizedCrossEntropy or LogisticLoss, also with l2.
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

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from minicrest.estimators import CoresetClassifier
    >>> X, y = load_wine(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), CoresetClassifier("thinning", random_state=0))
    >>> bool(model.fit(X, y).score(X, y) > 0.95)
    True
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
        optimizer, schedule = Remembering(self._optimizer()), SCHEDULES[self.schedule]()
        with self._unless_it_fails():
            return self._learn(X, y, sample_weight, None, going_on, optimizer, schedule, epochs)

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """One pass over X (n, d), going on from where the last call ended, the optimizer's memory included.

        classes: all labels that may ever occur; needed in the first call. The schedule does not apply. Returns self.
        """
        going_on = hasattr(self, "theta_")
        if not going_on and classes is None:
            raise ValueError("classes must be given in the first call of partial_fit: all labels that may ever occur")
        state = moved(copy.deepcopy(self._optimizer_state), self.device) if going_on else None  # updated in place
        optimizer = Remembering(self._optimizer(), state)
        with self._unless_it_fails():
            return self._learn(X, y, sample_weight, classes, going_on, optimizer, SCHEDULES["constant"](), epochs=1)

    def decision_function(self, X):
        """The logits: (n, C), or for two classes (n,) how far the second one's is above the first one's."""
        z = self._logits(X)
        return z[:, 1] - z[:, 0] if z.shape[1] == 2 else z

    def predict(self, X):
        """(n,) the label of the largest logit of each row of X (n, d)."""
        z = self._logits(X)
        return self.classes_[z.argmax(1)]

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
        one_of("device", self.device, DEVICES)
        validation = number("validation", self.validation, "(0, 1)")
        method, seed = self._method(), settings.seed(self.random_state)
        X, y = validated(self, X, y, reset=not going_on)
        check_classification_targets(y)
        weights = settings.row_weights(sample_weight, X)
        self.classes_ = self._classes(y[weights > 0], classes, going_on)
        labels = np.searchsorted(self.classes_, y).clip(max=len(self.classes_) - 1)  # of rows without weight, any
        rows, network = self._rows(X, labels, weights, method), self._network()
        if getattr(method, "needs_validation", False):
            rows = rows.hold_out(validation, seed)
        if not going_on:
            theta = settings.initial(self.network, network, seed, str(X.dtype))
            start = Start(theta, network.initial_statistics(theta))
        elif network.size == self.theta_.size:
            start = Start(self.theta_, self.statistics_, self.n_iter_, self.n_steps_, self.loss_curve_)
        else:
            raise ValueError(f"network has {network.size} parameters by these settings, but training would go on with "
                             f"{self.theta_.size}; set warm_start=False and call fit")  # fmt: skip
        self._train(method, network, rows, start, optimizer, schedule, epochs, seed)
        return self

    @contextmanager
    def _unless_it_fails(self):
        """What fails inside leaves the model as it was: the last one that was trained, or none."""
        before = vars(self).copy()
        try:
            yield
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    def _train(self, method, network, rows, start, optimizer, schedule, epochs, seed):
        """Train the network on the rows from `start`, and keep what has been learned."""
        seed = int(stream(seed, "go on", start.steps).integers(2**31)) if start.steps else seed
        trained = replayed(network if rows.weights is None else weighted_network(network), self.device)
        theta, statistics = to_device(start.theta, self.device), to_device(start.statistics, self.device)
        steps_a_pass = math.ceil(len(rows) / getattr(method, "size", getattr(method, "m", self.m)))
        bill = None if self.budget is None else 3 * len(rows) * epochs * number("budget", self.budget, "(0, 1]")
        run = train(method, Oracle(trained, rows, theta, statistics, seed), optimizer, epochs * steps_a_pass,
                    schedule=schedule, max_bill=bill, evaluate_every=steps_a_pass,
                    progress=flag("verbose", self.verbose))  # fmt: skip
        if run.diverged is not None:
            raise ValueError(f"training diverged at step {run.diverged}: scale the features of X, as StandardScaler "
                             f"does, or lower lr={self.lr}")  # fmt: skip
        if run.steps == 0:
            raise ValueError(f"budget={self.budget} of {epochs} epochs over {len(rows)} rows does not pay for one step "
                             f"of {method}; raise budget or epochs, or lower m")  # fmt: skip
        self.network_, self.theta_, self.statistics_ = network, to_numpy(run.theta), to_numpy(run.statistics)
        self.n_iter_ = start.passes + math.ceil(run.steps / steps_a_pass)
        self.n_steps_ = start.steps + run.steps
        self.loss_curve_ = [*start.losses, *run.curve.train_loss[1:].tolist()]
        self.loss_, self.bill_ = self.loss_curve_[-1], run.ledger.cost
        self.run_ = replace(run, theta=self.theta_, statistics=self.statistics_, network=plain(run.network))
        self._example, self._optimizer_state = rows.shape, moved(optimizer.state, "cpu")

    def _rows(self, X, labels, weights, method) -> Rows:
        """The rows that have weight, merged; their weights scaled to mean 1, or None where all are equal."""
        weights = weights * settings.class_weights(self.class_weight, self.classes_, labels, weights)[labels]
        places, weighs = np.flatnonzero(weights), not isinstance(method, Glister)
        if not len(places):
            raise ValueError("class_weight leaves no row a weight above zero")
        if weighs:
            first, sums = merged(X[places], labels[places], weights[places])
            places = places[first]
            weights = np.bincount(places, sums, len(labels))
        even = np.ptp(weights[places]) == 0
        if not even and not weighs:
            raise ValueError("method glister recovers probabilities from gradients, which weights would change; leave "
                             "sample_weight and class_weight out, or use another method")  # fmt: skip
        weights = None if even else weights / weights[places].mean()
        return Rows(X, labels, weights, places, self._example_shape(), len(self.classes_), self.device)

    def _classes(self, y, classes, going_on) -> np.ndarray:
        """The labels in order: those known, those given, or those of y (rows of weight 0 left out)."""
        known = self.classes_ if going_on else np.unique(y if classes is None else classes)
        if going_on and classes is not None and not np.array_equal(known, np.unique(classes)):
            raise ValueError(f"classes are {shown(list(known))} since the first call, got {shown(list(classes))}")
        if not np.isin(y, known).all():
            other = shown(list(np.setdiff1d(y, known)))
            raise ValueError(f"y holds labels that are not among the classes {shown(list(known))}: {other}")
        if len(known) < 2:
            raise ValueError(f"y has one class among the rows with weight, {known[0]!r}; give at least two")
        return known

    def _example_shape(self) -> tuple[int, ...]:
        return settings.example_shape(self.shape, self.n_features_in_)

    def _network(self) -> Network:
        return settings.network(self.network, self.hidden, self._example_shape(), len(self.classes_))

    def _method(self):
        return settings.method(self.method, self.m)

    def _optimizer(self):
        return settings.optimizer(self.optimizer, self.lr, self.momentum, self.weight_decay)

    def _logits(self, X) -> np.ndarray:
        """(n, C) float64 on the host; a single output z becomes the logits 0 and z."""
        check_is_fitted(self)
        X, network, device = validated(self, X, reset=False), self.network_, self.device
        theta, statistics = to_device(self.theta_, device), to_device(self.statistics_, device)
        examples = (dense_rows(X, i).reshape(len(i), *self._example) for i in parts(np.arange(X.shape[0])))
        pieces = [to_numpy(network.logits(theta, to_device(x, device), statistics)) for x in examples]
        z = np.concatenate(pieces).astype(np.float64)
        return z if z.shape[1] > 1 else np.hstack([np.zeros_like(z), z])
