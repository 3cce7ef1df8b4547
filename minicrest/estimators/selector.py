"""CoresetSelector and CoresetSampler: a few weighted rows that represent a table, behind scikit-learn's fit."""

from __future__ import annotations

import numpy as np
from scipy.sparse import issparse
from scipy.spatial.distance import cdist
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import _safe_indexing
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from minicrest.arguments import flag, number, one_of, whole
from minicrest.backend import DEVICES, to_device
from minicrest.estimators.rows import validated
from minicrest.submodular import (
    DisparityMin,
    DisparitySum,
    GraphCut,
    LogDeterminant,
    facility_location,
    greedy,
    quotas,
)

FUNCTIONS = ("facility-location", "graph-cut", "disparity-min", "disparity-sum", "log-determinant")


class Chooser(BaseEstimator):
    """What CoresetSelector and CoresetSampler share: the settings, and `fit`, which chooses the rows."""

    def __init__(self, k=10, *, function="facility-location", per_class=False, lam=None, gamma=None, device="cpu"):
        self.k = k
        self.function = function
        self.per_class = per_class
        self.lam = lam
        self.gamma = gamma
        self.device = device

    def fit(self, X, y=None):
        """Choose from the rows of X (n, d); y (n,) labels of any kind, used if per_class. Returns self."""
        one_of("device", self.device, DEVICES)
        for name, interval in (("lam", "[0, inf)"), ("gamma", "(0, inf)")):
            if getattr(self, name) is not None:
                number(name, getattr(self, name), interval)
        X = validated(self, X, reset=True)
        X = X.toarray() if issparse(X) else X
        groups = [np.arange(len(X))]
        if flag("per_class", self.per_class):
            groups = self._groups(X, y)
        sizes = np.array([len(members) for members in groups])
        chosen = [(members, *self._choose(X[members], places))
                  for members, places in zip(groups, quotas(sizes, self._k(len(X)))) if places]  # fmt: skip
        self.indices_ = np.concatenate([members[indices] for members, indices, *_ in chosen])
        self.weights_ = np.concatenate([weights for *_, weights, _ in chosen])
        self.gains_ = np.concatenate([gains for *_, gains in chosen])
        self.rows_ = X[self.indices_]
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.required = self.per_class is True
        return tags

    def _k(self, n: int) -> int:
        if isinstance(self.k, float):
            return max(1, round(n * number("k, as a part of the rows,", self.k, "(0, 1)")))
        return min(n, whole("k", self.k, 1))

    def _groups(self, X, y) -> list[np.ndarray]:
        """The places of each class's rows."""
        if y is None:
            raise ValueError("per_class=True requires y to be passed, but the target y is None; give a label a row")
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        if len(y) != len(X):
            raise ValueError(f"y has {len(y)} labels, but X has {len(X)} rows")
        _, groups = np.unique(y, return_inverse=True)
        return [np.flatnonzero(groups == group) for group in range(groups.max() + 1)]

    def _choose(self, X, k: int):
        """(indices, weights, gains) of k rows of X (n, d)."""
        if isinstance(self.function, str) and self.function == FUNCTIONS[0]:
            medoids = facility_location(to_device(X, self.device), k)
            return medoids.indices, medoids.weights, medoids.gains
        selection = greedy(self._set_function(X), k)
        nearest = cdist(X, X[selection.indices]).argmin(axis=1)  # the first chosen among equals
        return selection.indices, np.bincount(nearest, minlength=k).astype(np.float64), selection.gains

    def _set_function(self, X):
        """The set function of the rows of X (n, d)."""
        if callable(self.function):
            return self.function(X)
        one_of("function, unless it is a function of X that returns a set function,", self.function, FUNCTIONS)
        lam = {} if self.lam is None else {"lam": self.lam}
        if self.function == "log-determinant":
            gamma = 1 / (X.shape[1] * (X.var() or 1)) if self.gamma is None else self.gamma
            return LogDeterminant(np.exp(-gamma * cdist(X, X, "sqeuclidean")), **lam)
        distances = cdist(X, X)
        if self.function == "graph-cut":
            return GraphCut(distances.max() - distances, **lam)
        return {"disparity-min": DisparityMin, "disparity-sum": DisparitySum}[self.function](distances)


class CoresetSelector(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Chooser):
    """The k rows that a set function, maximised greedily, chooses from a table, and how many rows each represents.

    Parameters
    ----------
    k : how many rows, or which part of all as a float in (0, 1). With k >= n every row is kept.
    function : "facility-location" (the medoids of the rows under Euclidean distance: for weighted coresets),
        "graph-cut" (representative, not redundant), "disparity-min", "disparity-sum" or "log-determinant" (spread), or
        a function of X (n, d) that returns a set function of minicrest.submodular. All but the first need (n, n)
        numbers of memory.
    per_class : whether each class of y gets its share of k, in proportion to its rows, and is represented by itself.
    lam : None for the default, or the parameter of "graph-cut" (how much redundancy counts) or "log-determinant".
    gamma : None for 1 / (d Var X), or that of the kernel exp(-gamma |x - x'|^2) of "log-determinant".
    device : "cpu", or "cuda" with CuPy, for "facility-location".

    A scikit-learn transformer must return a row for every row, and its Pipeline cannot drop rows of y. So `transform`
    does not select: it gives each row's distances to the rows kept, as KMeans does for its centers, which are features
    for a model in a Pipeline. To train on the rows kept, use `fit(X[indices_], y[indices_], sample_weight=weights_)`,
    or a CoresetSampler in a Pipeline of imbalanced-learn.

    Choosing is deterministic, equal gains go to the first row, and the first j of k rows are what k = j would choose
    (with per_class: of each class). A sparse X is made dense, in memory of (n, d) numbers.

    Attributes
    ----------
    indices_ : (k,) places of the rows kept, in the order chosen (with per_class: class by class).
    weights_ : (k,) gamma, for how many rows each is the nearest of those kept (of its class); they sum to n.
    gains_ : (k,) what each choice added to the function.
    rows_ : (k, d) the rows kept, dense.
    n_features_in_, feature_names_in_ : as in scikit-learn.

    `fit` raises ValueError and TypeError for settings and data that make no sense.

    Examples
    --------
    >>> from minicrest.estimators import CoresetSelector
    >>> kept = CoresetSelector(k=2).fit([[0.0], [1.0], [2.0], [9.0]])
    >>> kept.indices_, kept.weights_
    (array([1, 3]), array([3., 1.]))
    """

    def transform(self, X):
        """(n, k) Euclidean distances of the rows of X (n, d) to the rows kept."""
        check_is_fitted(self)
        X = validated(self, X, reset=False)
        return cdist(X.toarray() if issparse(X) else X, self.rows_).astype(X.dtype, copy=False)

    @property
    def _n_features_out(self) -> int:
        return len(self.indices_)


class CoresetSampler(Chooser):
    """CoresetSelector's choice as a step of imbalanced-learn's Pipeline: what follows trains on the rows kept alone.

    Such a Pipeline calls `fit_resample` when it is fitted, and leaves the step out when it predicts. It refuses steps
    that resample and also transform, so this is a class beside CoresetSelector, with the same parameters and
    attributes. No weights pass through a Pipeline: a model that needs them takes `weights_` from a CoresetSelector.

    Examples
    --------
    >>> from minicrest.estimators import CoresetSampler
    >>> CoresetSampler(k=2).fit_resample([[0.0], [1.0], [2.0], [9.0]], ["a", "b", "c", "d"])
    ([[1.0], [9.0]], ['b', 'd'])
    """

    def fit_resample(self, X, y):
        """(X, y) of the rows kept, of the types given: what imbalanced-learn asks of a sampler. Weights: `weights_`."""
        self.fit(X, y)
        X = X.tocsr() if issparse(X) else X
        return _safe_indexing(X, self.indices_), _safe_indexing(y, self.indices_)
