"""CoresetClassifier: scikit-learn's own checks, what weights mean, and that it trains as minicrest.train does."""

import io
import warnings

import joblib
import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits, load_wine
from sklearn.exceptions import NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from minicrest.datasets import Dataset
from minicrest.estimators import CoresetClassifier
from minicrest.estimators.rows import merged
from minicrest.nn import (
    BatchNorm2d,
    Conv2d,
    Flatten,
    GeneralizedCrossEntropy,
    Linear,
    LogisticLoss,
    Network,
    ReLU,
    SoftmaxCrossEntropy,
    SquaredError,
    mlp,
)
from minicrest.optim import SCHEDULES, AdamW
from minicrest.oracle import Oracle
from minicrest.selection import METHODS, Thinning
from minicrest.train import train

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
Y = (X[:, 0] > 0) + (X[:, 1] > 0.3).astype(int)  # three classes
WEIGHTS = RNG.integers(0, 4, 60)


def small(method="thinning", **settings):
    return CoresetClassifier(method, **{"hidden": (5,), "m": 16, "epochs": 3, "random_state": 0, **settings})


def start(seed=0):
    """Where the network of `small` starts: as ever, but that its last layer, 5 x 3 and 3 numbers, is zero."""
    initial = mlp((4, 5, 3)).initialize(seed, "float64")
    initial[-18:] = 0
    return initial


def theta(estimator, *data, **more):
    return estimator.fit(*data, **more).theta_


@pytest.fixture(scope="module")
def wine():
    data = load_wine()
    return StandardScaler().fit_transform(data.data), np.array(["dry", "medium", "sweet"])[data.target]


@parametrize_with_checks([CoresetClassifier()])
def test_scikit_learns_checks(estimator, check):
    """All of them, without an exception; those of sample weights compare weighted with repeated rows."""
    check(estimator)


# ---- it is minicrest.train


@pytest.mark.parametrize("method", ["thinning", "crest"])
def test_it_trains_as_train_does(method):
    """On the rows in their order by content, with the same seed."""
    places, weights = merged(X, Y, np.ones(60))
    assert sorted(places) == list(range(60)) and (weights == 1).all()
    network = mlp((4, 5, 3))
    oracle = Oracle(network, Dataset(X[places], Y[places]), start(7), seed=7)
    run = train(METHODS[method](m=16), oracle, AdamW(1e-3, weight_decay=1e-4), 12, evaluate_every=4, progress=False)
    ours = small(method, random_state=7).fit(X, Y)
    assert np.array_equal(ours.theta_, run.theta) and ours.bill_ == run.ledger.cost
    assert ours.loss_curve_ == run.curve.train_loss[1:].tolist() and ours.loss_ == ours.loss_curve_[2]
    assert ours.n_iter_ == 3 and ours.n_steps_ == 12 and ours.run_.report.keys() == run.report.keys()
    assert np.array_equal(ours.predict(X), network.predict(run.theta, X))


def test_a_network_of_ones_own_starts_as_it_always_does():
    """And the "mlp" with every class equally likely."""
    still = dict(optimizer="sgd", lr=1e-300, epochs=1)
    given = small(network=mlp((4, 5, 3)), **still).fit(X, Y)
    assert np.allclose(given.theta_, mlp((4, 5, 3)).initialize(0, "float64"), atol=1e-15)
    assert np.allclose(small(**still).fit(X, Y).predict_proba(X), 1 / 3)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_trains(method):
    fitted = small(method, m=8, epochs=8, lr=0.01).fit(X, Y)
    assert np.isfinite(fitted.theta_).all() and fitted.n_steps_ > 0
    held_out = 6 if method == "glister" else 0
    assert len(fitted.run_.uses) == 60 - held_out and fitted.predict_proba(X).shape == (60, 3)


def test_a_method_object_keeps_its_settings():
    kept = small(Thinning(m=16, low=1.0)).fit(X, Y)
    assert kept.run_.settings["hyperparameters"] == {"m": 16, "low": 1.0} and kept.bill_ == 3 * 3 * 60
    assert clone(kept).fit(X, Y).bill_ == kept.bill_


def test_the_budget_is_a_part_of_the_bill_of_full_training():
    part, whole = small(epochs=20, lr=0.05, budget=0.5).fit(X, Y), small("full", epochs=20).fit(X, Y)
    assert whole.bill_ == 3 * 60 * 20 and 0.45 * whole.bill_ < part.bill_ <= 0.5 * whole.bill_
    assert part.n_steps_ > 0.5 * whole.n_steps_  # a step costs less than full's
    with pytest.raises(ValueError, match=r"budget=0.01 .* does not pay for one step"):
        small(epochs=1, budget=0.01).fit(X, Y)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_settings_of_the_optimizer(schedule):
    fitted = small(optimizer="sgd", lr=0.1, momentum=0.5, weight_decay=0.01, schedule=schedule).fit(X, Y)
    assert fitted.run_.settings["optimizer"] == "SGD(lr=0.1, momentum=0.5, weight_decay=0.01)"
    assert fitted.run_.settings["schedule"] == repr(SCHEDULES[schedule]())


def test_on_a_device(device):
    fitted = small(device=device).fit(X, Y)
    assert type(fitted.theta_) is np.ndarray and np.allclose(fitted.theta_, small().fit(X, Y).theta_, atol=1e-12)
    fitted.partial_fit(X, Y)
    assert type(fitted.predict_proba(sparse.csr_array(X))) is np.ndarray
    assert np.array_equal(fitted.predict(sparse.csr_array(X)), fitted.predict(X))


# ---- weights


def test_a_weight_is_a_number_of_copies_exactly():
    weighted = theta(small(), X, Y, sample_weight=WEIGHTS)
    copies = np.repeat(np.arange(60), WEIGHTS)
    assert np.array_equal(weighted, theta(small(), X[copies], Y[copies]))
    there, shuffled = np.flatnonzero(WEIGHTS), np.random.default_rng(1).permutation(60)
    assert np.array_equal(weighted, theta(small(), X[there], Y[there], sample_weight=WEIGHTS[there]))
    assert np.array_equal(weighted, theta(small(), X[shuffled], Y[shuffled], sample_weight=WEIGHTS[shuffled]))
    assert not np.array_equal(weighted, theta(small(), X, Y))


def test_only_relative_weights_matter():
    assert np.array_equal(theta(small(), X, Y), theta(small(), X, Y, sample_weight=np.full(60, 8.0)))
    one, four = (theta(small(), X, Y, sample_weight=c * WEIGHTS) for c in (1, 4))
    assert np.array_equal(one, four)


def test_a_step_by_hand():
    """theta - lr (1/n) sum s_i g_i, n the rows that have weight and s their weights of mean 1."""
    network, before = mlp((4, 5, 3)), start()
    there = np.flatnonzero(WEIGHTS)
    s = WEIGHTS[there] / WEIGHTS[there].mean()
    G = network.per_example_gradients(before, X[there], Y[there])
    one = small("full", m=99, epochs=1, optimizer="sgd", lr=0.1, momentum=0, weight_decay=0)
    after = one.fit(X, Y, sample_weight=WEIGHTS).theta_
    assert np.allclose(after, before - 0.1 * (s @ G) / len(there), atol=1e-14)
    assert one.loss_ == pytest.approx(s @ network.losses(before, X[there], Y[there]) / len(there))


def test_class_weights_are_sample_weights():
    by_class = {0: 0.5, 1: 2.0, 2: 0.0}
    classes = small(class_weight=by_class).fit(X, Y, sample_weight=WEIGHTS)
    assert list(classes.classes_) == [0, 1, 2]  # a class without weight is still a class
    two = Y < 2
    given = theta(small(class_weight={0: 1.0, 1: 4.0}), X[two], Y[two], sample_weight=WEIGHTS[two])
    assert np.array_equal(given, theta(small(), X[two], Y[two], sample_weight=WEIGHTS[two] * np.array([1, 4])[Y[two]]))


def test_balanced_classes_weigh_the_same():
    totals = np.bincount(Y, WEIGHTS)
    by_hand = WEIGHTS / totals[Y]
    balanced = theta(small(class_weight="balanced"), X, Y, sample_weight=WEIGHTS)
    assert np.allclose(balanced, theta(small(), X, Y, sample_weight=by_hand), atol=1e-12)
    assert not np.allclose(balanced, theta(small(), X, Y, sample_weight=WEIGHTS), atol=1e-4)


def test_glister_takes_no_weights_but_duplicates():
    twice = np.repeat(np.arange(60), 2)
    assert len(small("glister", validation=0.25).fit(X[twice], Y[twice]).run_.uses) == 90
    with pytest.raises(ValueError, match=r"glister .* leave sample_weight and class_weight out"):
        small("glister").fit(X, Y, sample_weight=WEIGHTS)


# ---- what comes in and goes out


@pytest.mark.parametrize("method", ["thinning", "milo"])
def test_sparse_rows_are_the_same_rows(method):
    x = np.where(abs(X) > 0.5, X, 0)
    x[0, 0] = -0.0
    dense = small(method).fit(x, Y)
    for form in (sparse.csr_matrix, sparse.csc_array, sparse.coo_array):
        ours = small(method).fit(form(x), Y)
        assert np.array_equal(ours.theta_, dense.theta_)
        assert np.array_equal(ours.decision_function(form(x)), dense.decision_function(x))


def test_numbers_are_as_those_of_x():
    assert small().fit(X.astype("float32"), Y).theta_.dtype == "float32"
    assert small().fit(X.tolist(), Y.tolist()).theta_.dtype == small().fit((9 * X).astype(int), Y).theta_.dtype == float


def test_data_frames_have_names():
    pandas = pytest.importorskip("pandas", reason="pandas comes with the dev extra")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    fitted = small().fit(frame, pandas.Series(Y))
    assert list(fitted.feature_names_in_) == list("abcd") and np.array_equal(fitted.theta_, theta(small(), X, Y))
    with pytest.raises(ValueError, match="feature names"):
        fitted.predict(frame[["b", "a", "c", "d"]])


def test_string_labels(wine):
    fitted = small(epochs=20, lr=0.01).fit(*wine)
    assert list(fitted.classes_) == ["dry", "medium", "sweet"] and fitted.score(*wine) > 0.95
    assert set(fitted.predict(wine[0])) == {"dry", "medium", "sweet"}


def test_probabilities(wine):
    """Of two and of three classes: they sum to 1, and are those of the logits."""
    x, y = wine
    for rows in (slice(None), y != "sweet"):
        fitted = small(epochs=20).fit(x[rows], y[rows])
        p, z = fitted.predict_proba(x), fitted.decision_function(x)
        assert np.allclose(p.sum(1), 1, atol=1e-15) and np.allclose(np.exp(fitted.predict_log_proba(x)), p)
        likeliest = (z > 0).astype(int) if z.ndim == 1 else z.argmax(1)
        assert np.array_equal(fitted.classes_[likeliest], fitted.predict(x))
        assert np.allclose(z if z.ndim == 1 else z[:, 1] - z[:, 0], np.log(p[:, 1] / p[:, 0]))


def test_networks_of_ones_own(device):
    images = np.random.default_rng(0).normal(size=(40, 32))
    y = (images[:, 0] > 0).astype(int)

    def convolutions(shape, classes):
        return Network([Conv2d(shape[0], 3, padding=1, bias=False), BatchNorm2d(3), ReLU(), Flatten(),
                        Linear(3 * 16, classes)], SoftmaxCrossEntropy(l2=1e-3))  # fmt: skip

    fitted = small(network=convolutions, shape=(2, 4, 4), device=device).fit(images, y)
    assert fitted.statistics_.any() and fitted.predict(images).shape == (40,)
    with pytest.raises(ValueError, match=r"shape \(2, 4\) holds 8 numbers an example, but X has 32 features"):
        small(network=convolutions, shape=(2, 4)).fit(images, y)
    logistic = Network([Linear(32, 1)], LogisticLoss())
    one = small(network=logistic, epochs=30, device=device).fit(images, y, sample_weight=1 + y)
    z, p = one.decision_function(images), one.predict_proba(images)
    assert np.allclose(p[:, 1], 1 / (1 + np.exp(-z))) and np.array_equal(one.predict(images), z > 0)
    assert np.allclose(z, logistic.logits(one.theta_, images)[:, 0])
    doubting = mlp((32, 2), loss=GeneralizedCrossEntropy(0.3))
    robust = small(network=doubting, epochs=30, lr=0.03, device=device).fit(images, y)
    z, p = robust.decision_function(images), robust.predict_proba(images)
    assert np.allclose(p.sum(1), 1) and np.allclose(p[:, 1], 1 / (1 + np.exp(-z))) and robust.score(images, y) > 0.8


# ---- going on


def test_partial_fit_is_a_pass_that_remembers():
    """With whole batches, two calls of partial_fit are two steps of one training, momentum included."""
    whole = dict(m=99, optimizer="sgd", lr=0.3)
    twice = small("full", **whole).partial_fit(X, Y, classes=[0, 1, 2])
    first = twice.theta_
    twice.partial_fit(X, Y)
    assert np.allclose(twice.theta_, theta(small("full", epochs=2, **whole), X, Y), atol=1e-13)
    assert not np.allclose(twice.theta_ - first, first - start())
    assert twice.n_iter_ == twice.n_steps_ == len(twice.loss_curve_) == 2


def test_partial_fit_remembers_the_count_of_adamw():
    whole = dict(m=99, lr=0.01, weight_decay=0.1)
    twice = small("full", **whole).partial_fit(X, Y, classes=[0, 1, 2]).partial_fit(X, Y)
    assert np.allclose(twice.theta_, theta(small("full", epochs=2, **whole), X, Y), atol=1e-12)


@pytest.mark.parametrize("settings", [dict(optimizer="sgd", lr=0.3), dict(lr=0.01)])
def test_a_call_that_fails_leaves_the_model_as_it_was(settings, monkeypatch):
    """So the next call ends where it would have ended without: the optimizer's memory is as it was, too."""
    model, twin = (small("full", **settings).partial_fit(X, Y, classes=[0, 1, 2]) for _ in range(2))
    before = dict(vars(model))

    def interrupted(*arguments, **named):
        train(*arguments, **named)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("minicrest.estimators.classifier.train", interrupted)
        for call in (lambda: model.partial_fit(2 * X, Y), lambda: model.fit(X, Y + 5)):
            with pytest.raises(KeyboardInterrupt):
                call()
    assert vars(model).keys() == before.keys() and all(value is before[name] for name, value in vars(model).items())
    assert np.array_equal(model.partial_fit(X, Y).theta_, twin.partial_fit(X, Y).theta_)


def test_partial_fit_learns_from_chunks(wine):
    x, y = wine
    order = np.random.default_rng(0).permutation(len(y))
    model = small(lr=0.01)
    for _ in range(15):
        for chunk in np.array_split(order, 6):
            model.partial_fit(x[chunk], y[chunk], classes=["dry", "medium", "sweet"])
    assert model.score(x, y) > 0.95 and model.n_iter_ == 90


def test_partial_fit_needs_all_labels():
    with pytest.raises(ValueError, match="classes must be given in the first call"):
        small().partial_fit(X, Y)
    model = small().partial_fit(X[Y < 2], Y[Y < 2], classes=[2, 1, 0])
    assert model.predict_proba(X).shape == (60, 3)
    with pytest.raises(ValueError, match=r"not among the classes .*: .*7"):
        model.partial_fit(X, Y + 5)
    with pytest.raises(ValueError, match=r"classes are .* since the first call"):
        model.partial_fit(X, Y, classes=[0, 1])


def test_calls_draw_anew():
    """A second pass does not repeat the shuffle of the first; the same calls give the same."""
    model, again = (small("random", m=4).partial_fit(X, Y, classes=[0, 1, 2]) for _ in range(2))
    first = model.run_.uses
    model.partial_fit(X, Y)
    assert not np.array_equal(model.run_.uses, first)
    assert np.array_equal(model.theta_, again.partial_fit(X, Y).theta_)


def test_warm_start_goes_on():
    warm = small(warm_start=True).fit(X, Y)
    first = warm.theta_
    warm.fit(X, Y)
    assert warm.n_iter_ == 6 and len(warm.loss_curve_) == 6 and np.mean(warm.loss_curve_[3:]) < warm.loss_curve_[0]
    assert not np.array_equal(first, warm.theta_)
    with pytest.raises(ValueError, match="set warm_start=False"):
        warm.set_params(hidden=(7,)).fit(X, Y)
    cold = warm.set_params(warm_start=False).fit(X, Y)
    assert cold.n_iter_ == 3


# ---- in scikit-learn's hands


def test_in_a_pipeline_and_a_grid_on_two_processes(wine):
    model = make_pipeline(StandardScaler(), small(epochs=10, lr=0.01))
    grid = {"coresetclassifier__method": ["thinning", "random", Thinning(m=16, low=0.5)],
            "coresetclassifier__hidden": [(8,), (16, 8)]}  # fmt: skip
    search, alone = (GridSearchCV(model, grid, cv=3, n_jobs=jobs).fit(*wine) for jobs in (2, 1))
    assert search.score(*wine) > 0.95
    assert np.array_equal(search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])
    scores = cross_val_score(model, *wine, cv=4, n_jobs=2)
    assert scores.shape == (4,) and scores.mean() > 0.9


@pytest.mark.parametrize("resource", [dict(resource="epochs", max_resources=27), {}], ids=["epochs", "rows"])
def test_in_a_halving_search(wine, resource):
    search = HalvingGridSearchCV(small(), {"lr": [1e-4, 1e-3, 1e-2]}, cv=3, random_state=0, **resource)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of few rows in the first rounds
        search.fit(*wine)
    assert search.best_params_["lr"] == 1e-2 and search.n_iterations_ > 1


def test_weights_through_a_search():
    search = GridSearchCV(small(), {"lr": [1e-3]}, cv=2, refit=True).fit(X, Y, sample_weight=WEIGHTS)
    assert np.array_equal(search.best_estimator_.theta_, theta(small(), X, Y, sample_weight=WEIGHTS))


def test_pickled_by_joblib_and_cloned():
    fitted, file = small(network=mlp((4, 5, 3))).fit(X, Y), io.BytesIO()
    joblib.dump(fitted, file)
    file.seek(0)
    again = joblib.load(file)
    assert np.array_equal(again.predict_proba(X), fitted.predict_proba(X))
    assert np.array_equal(again.partial_fit(X, Y).theta_, fitted.partial_fit(X, Y).theta_)
    with pytest.raises(NotFittedError):
        clone(fitted).predict(X)


def test_random_states():
    one, other = theta(small(), X, Y), theta(small(random_state=1), X, Y)
    assert np.array_equal(one, theta(small(), X, Y)) and not np.array_equal(one, other)
    states = [np.random.RandomState(3) for _ in range(2)]
    drawn = [theta(small(random_state=state), X, Y) for state in states]
    assert np.array_equal(*drawn)
    later = small(random_state=states[0])
    assert not np.array_equal(drawn[0], theta(later, X, Y)) and not np.array_equal(later.theta_, theta(later, X, Y))
    assert not np.array_equal(theta(small(random_state=None), X, Y), theta(small(random_state=None), X, Y))


# ---- errors


@pytest.mark.parametrize(
    "settings, data, error, words",
    [
        (dict(method="trimming"), {}, ValueError, "method must be one of full, random, .*thinning"),
        (dict(method=Thinning), {}, TypeError, r"give Thinning\(\)"),
        (dict(network="lenet"), {}, ValueError, "network, unless .* must be one of mlp"),
        (dict(network=mlp((4, 2))), {}, ValueError, "network has 2 outputs .* does not fit 3 classes"),
        (dict(network=Network([Linear(4, 1)], LogisticLoss())), {}, ValueError, "network has 1 outputs .* 3 classes"),
        (dict(network=Network([Linear(4, 3)], SquaredError())), {}, ValueError, "SquaredError"),
        (dict(network=lambda shape, classes: None), {}, TypeError, "network must be"),
        (dict(hidden=5), {}, TypeError, "hidden must be a sequence"),
        (dict(budget=2), {}, ValueError, r"budget must be a number in \(0, 1\]"),
        (dict(class_weight="even"), {}, ValueError, "class_weight, .* must be one of balanced"),
        (dict(class_weight={0: -1.0}), {}, ValueError, "class_weight must be finite and not negative"),
        (dict(class_weight={0: 0.0, 1: 0.0, 2: 0.0}), {}, ValueError, "class_weight leaves no row"),
        (dict(random_state=-1), {}, ValueError, "random_state"),
        (dict(random_state="0"), {}, TypeError, "random_state"),
        ({}, dict(sample_weight=-WEIGHTS), ValueError, "sample_weight must not be negative"),
        ({}, dict(sample_weight=0 * WEIGHTS), ValueError, "[Ww]eight.* zero|non-zero"),
        ({}, dict(sample_weight=Y == 1), ValueError, "y has one class"),
        ({}, dict(y=X[:, 0]), ValueError, "[Uu]nknown label type"),
        (dict(optimizer="sgd", lr=1e300), {}, ValueError, "diverged at step .* scale the features"),
    ],
)
def test_errors(settings, data, error, words):
    with pytest.raises(error, match=words):
        small(**settings).fit(**{"X": X, "y": Y, **data})


def test_a_fit_that_fails_leaves_the_last_one():
    fitted = small().fit(X, Y)
    before = fitted.predict(X)
    with pytest.raises(ValueError, match="diverged"):
        fitted.set_params(optimizer="sgd", lr=1e300).fit(X, Y)
    assert np.array_equal(fitted.predict(X), before)


def test_it_learns_digits():
    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype("float32")
    model = CoresetClassifier(epochs=15, budget=0.5, lr=3e-3, random_state=0).fit(x[:1200], y[:1200])
    assert model.score(x[1200:], y[1200:]) > 0.9 and model.bill_ < 0.5 * 3 * 1200 * 15
