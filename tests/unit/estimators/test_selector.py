"""CoresetSelector and CoresetSampler: scikit-learn's own checks, and that they keep what is chosen underneath."""

import io

import joblib
import numpy as np
import pytest
from scipy import sparse
from scipy.spatial.distance import cdist
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from minicrest.estimators import CoresetClassifier, CoresetSampler, CoresetSelector
from minicrest.estimators.selector import FUNCTIONS
from minicrest.submodular import (
    DisparityMin,
    DisparitySum,
    GraphCut,
    LogDeterminant,
    facility_location,
    greedy,
    stochastic_greedy,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
Y = np.array(["b", "a", "c", "a"] * 10)
D = cdist(X, X)


@parametrize_with_checks(
    [
        *(CoresetSelector(function=function) for function in FUNCTIONS),
        CoresetSelector(k=0.3),
        CoresetSelector(k=4, per_class=True),
        CoresetSampler(),
    ]
)
def test_scikit_learns_checks(estimator, check):
    """All of them, without an exception."""
    check(estimator)


def test_the_medoids_of_facility_location(device):
    kept, medoids = CoresetSelector(7, device=device).fit(X), facility_location(X, 7)
    assert np.array_equal(kept.indices_, medoids.indices) and np.array_equal(kept.rows_, X[medoids.indices])
    assert np.array_equal(kept.weights_, medoids.weights) and np.array_equal(kept.gains_, medoids.gains)


@pytest.mark.parametrize(
    "settings, function",
    [
        (dict(function="graph-cut"), lambda: GraphCut(D.max() - D)),
        (dict(function="graph-cut", lam=2), lambda: GraphCut(D.max() - D, 2)),
        (dict(function="disparity-min"), lambda: DisparityMin(D)),
        (dict(function="disparity-sum"), lambda: DisparitySum(D)),
        (dict(function="log-determinant"), lambda: LogDeterminant(np.exp(-(D**2) / (3 * X.var())))),
        (dict(function="log-determinant", gamma=2.0, lam=0.5), lambda: LogDeterminant(np.exp(-2 * D**2), 0.5)),
        (dict(function=lambda x: GraphCut(np.ones((40, 40)) + np.diag(x[:, 0] ** 2))),
         lambda: GraphCut(np.ones((40, 40)) + np.diag(X[:, 0] ** 2))),
    ],
)  # fmt: skip
def test_the_other_functions_are_maximised_greedily(settings, function):
    kept, selection = CoresetSelector(6, **settings).fit(X), greedy(function(), 6)
    assert np.array_equal(kept.indices_, selection.indices) and np.allclose(kept.gains_, selection.gains)
    nearest = D[:, selection.indices].argmin(axis=1)
    assert np.array_equal(kept.weights_, [(nearest == j).sum() for j in range(6)])


@pytest.mark.parametrize("function", FUNCTIONS)
def test_weights_count_all_rows(function):
    kept = CoresetSelector(5, function=function).fit(X)
    assert kept.weights_.sum() == 40 and len(set(kept.indices_)) == 5
    assert (kept.weights_ > 0).all()  # each kept row is its own nearest


@pytest.mark.parametrize("function", FUNCTIONS[:3])
def test_the_first_of_many_are_the_few(function):
    many, few = (CoresetSelector(k, function=function).fit(X) for k in (12, 5))
    assert np.array_equal(many.indices_[:5], few.indices_)


def test_k_may_be_a_part_and_more_than_all():
    assert len(CoresetSelector(0.25).fit(X).indices_) == 10 and len(CoresetSelector(0.001).fit(X).indices_) == 1
    everything = CoresetSelector(99).fit(X)
    assert sorted(everything.indices_) == list(range(40)) and (everything.weights_ == 1).all()


def test_class_by_class():
    """As facility_location has it: shares of k in proportion, each class represented by itself."""
    kept = CoresetSelector(8, per_class=True).fit(X, Y)
    medoids = facility_location(X, 8, np.unique(Y, return_inverse=True)[1])
    assert np.array_equal(kept.indices_, medoids.indices) and np.array_equal(kept.weights_, medoids.weights)
    assert [(Y[kept.indices_] == label).sum() for label in "abc"] == [4, 2, 2]
    cut = CoresetSelector(4, per_class=True, function="disparity-min").fit(X, Y)
    assert [cut.weights_[Y[cut.indices_] == label].sum() for label in "abc"] == [20, 10, 10]
    assert not np.array_equal(np.sort(CoresetSelector(8).fit(X, Y).indices_), np.sort(kept.indices_))


def test_sparse_rows_are_the_same_rows():
    x = np.where(abs(X) > 0.7, X, 0)
    dense, ours = CoresetSelector(5).fit(x), CoresetSelector(5).fit(sparse.coo_array(x))
    assert np.array_equal(dense.indices_, ours.indices_) and np.array_equal(dense.rows_, ours.rows_)
    assert np.array_equal(dense.transform(x), ours.transform(sparse.csr_array(x)))
    few, labels = CoresetSampler(5).fit_resample(sparse.coo_array(x), Y)
    assert sparse.issparse(few) and np.array_equal(few.toarray(), dense.rows_)
    assert np.array_equal(labels, Y[dense.indices_])


def test_resampling_keeps_types():
    pandas = pytest.importorskip("pandas", reason="pandas comes with the dev extra")
    frame, series = pandas.DataFrame(X, columns=["u", "v", "w"]), pandas.Series(Y, name="label")
    sampler, selector = CoresetSampler(6, per_class=True), CoresetSelector(6, per_class=True)
    few, labels = sampler.fit_resample(frame, series)
    assert few.equals(frame.iloc[sampler.indices_]) and labels.equals(series.iloc[sampler.indices_])
    assert list(sampler.feature_names_in_) == ["u", "v", "w"]
    named = selector.fit(frame, series).set_output(transform="pandas").transform(frame)
    assert np.array_equal(selector.indices_, sampler.indices_)
    assert list(named.columns) == [f"coresetselector{j}" for j in range(6)]


def test_transform_gives_distances():
    kept, new = CoresetSelector(4).fit(X), RNG.normal(size=(5, 3))
    assert np.allclose(kept.transform(new), np.linalg.norm(new[:, None] - X[kept.indices_], axis=2))
    assert kept.transform(X.astype("float32")).dtype == "float32"


def test_a_coreset_with_weights_stands_for_all_the_rows():
    """Of 15 rows a class: better with their weights' model than one row a class, and near that of all rows."""
    x, y = load_digits(return_X_y=True)
    x = x / 16
    kept = CoresetSelector(150, per_class=True).fit(x[:1200], y[:1200])
    model = CoresetClassifier(hidden=(), m=32, epochs=60, lr=0.01, random_state=0)
    i = kept.indices_
    few = model.fit(x[i], y[i], sample_weight=kept.weights_).score(x[1200:], y[1200:])
    fewest = model.fit(x[i[:15]], y[i[:15]]).score(x[1200:], y[1200:]) if len(set(y[i[:15]])) > 1 else 0
    assert few > 0.85 > fewest


def test_in_a_pipeline_and_a_grid():
    x, y = load_digits(n_class=4, return_X_y=True)
    model = make_pipeline(CoresetSelector(), LogisticRegression(max_iter=300))
    search = GridSearchCV(model, {"coresetselector__k": [2, 40]}, cv=3).fit(x / 16, y)
    assert search.best_params_ == {"coresetselector__k": 40} and search.best_score_ > 0.95


def test_in_a_pipeline_of_imbalanced_learn():
    """Its training sees the rows kept, its prediction all rows; a step that also transforms is refused there."""
    pipeline = pytest.importorskip("imblearn.pipeline", reason="imbalanced-learn comes with the dev extra")
    x, y = load_digits(n_class=4, return_X_y=True)
    kept = CoresetSelector(40, per_class=True).fit(x, y).indices_
    model = pipeline.make_pipeline(CoresetSampler(40, per_class=True), LogisticRegression(max_iter=300)).fit(x, y)
    alone = LogisticRegression(max_iter=300).fit(x[kept], y[kept])
    assert np.array_equal(model.predict_proba(x), alone.predict_proba(x)) and model.predict(x).shape == y.shape
    search = GridSearchCV(model, {"coresetsampler__k": [4, 40]}, cv=3).fit(x, y)
    assert search.best_params_ == {"coresetsampler__k": 40} and search.best_score_ > 0.9
    distances = pipeline.make_pipeline(CoresetSelector(40), LogisticRegression(max_iter=300))
    assert distances.fit(x / 16, y).score(x / 16, y) > 0.95


def test_pickled_by_joblib_and_cloned():
    fitted, file = CoresetSelector(5, function="graph-cut").fit(X), io.BytesIO()
    joblib.dump(fitted, file)
    file.seek(0)
    assert np.array_equal(joblib.load(file).transform(X), fitted.transform(X))
    assert clone(fitted).get_params() == fitted.get_params() and not hasattr(clone(fitted), "indices_")


@pytest.mark.parametrize(
    "settings, y, error, words",
    [
        (dict(k=0), None, ValueError, "k must be at least 1"),
        (dict(k=1.5), None, ValueError, r"k, as a part of the rows, must be a number in \(0, 1\)"),
        (dict(k="all"), None, TypeError, "k must be a whole number"),
        (dict(function="saturated"), None, ValueError, "function, .* must be one of facility-location, graph-cut"),
        (dict(function=lambda x: stochastic_greedy), None, TypeError, "f must be a set function"),
        (dict(per_class=True), None, ValueError, "per_class=True requires y"),
        (dict(per_class=True), Y[:-1], ValueError, "y has 39 labels, but X has 40 rows"),
        (dict(per_class=True), X[:, 0], ValueError, "[Uu]nknown label type"),
        (dict(per_class="yes"), Y, TypeError, "per_class"),
        (dict(lam=-1), None, ValueError, "lam must be"),
        (dict(gamma=0), None, ValueError, "gamma must be"),
        (dict(device="tpu"), None, ValueError, "device must be"),
    ],
)
def test_errors(settings, y, error, words):
    with pytest.raises(error, match=words):
        CoresetSelector(**settings).fit(X, y)
