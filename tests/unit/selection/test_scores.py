"""The scores that are computed once: identities, scripted cases, the runs behind them, and planted wrong labels."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from minicrest import checkpoint
from minicrest.backend import to_device, to_numpy
from minicrest.batch import Diverged
from minicrest.datasets import Dataset, load
from minicrest.nn import Linear, LogisticLoss, SoftmaxCrossEntropy, Tanh, mlp
from minicrest.oracle import Fork, Oracle
from minicrest.random import stream
from minicrest.selection.base import finite
from minicrest.selection.el2n import EL2N, GraNd, el2n
from minicrest.selection.forgetting import Forgetting, forgetting_events
from minicrest.selection.scores import keep_highest
from tests.unit.test_oracle import Spy, spied

C = 4
METHODS = [EL2N(m=6, t=2, runs=2), GraNd(m=6, t=2, runs=2), Forgetting(m=6, T=4, runs=2)]


def points(n=23, order=None):
    rng = stream(0, "test scores")
    x, y = rng.standard_normal((n, 3)), np.arange(n) % C
    return Dataset(x, y) if order is None else Dataset(x[order], y[order])


def make(data=None, seed=3, device="cpu", loss=None, outputs=C):
    """(oracle, spy): a small net in float64."""
    spy = Spy([Linear(3, 5), Tanh(), Linear(5, outputs)], loss or SoftmaxCrossEntropy())
    return Oracle(spy, (data or points()).to(device), spy.initialize(1, "float64", device), seed=seed), spy


class Recorded:
    """Every `descend` from now on: theta before, the batch, lr, theta after."""

    def __init__(self, monkeypatch):
        self.rows, plain = [], Fork.descend

        def descend(fork, batch, lr):
            before = fork.theta.copy()
            feedback = plain(fork, batch, lr)
            self.rows.append((before, batch, lr, fork.theta.copy()))
            return feedback

        monkeypatch.setattr(Fork, "descend", descend)


def random_errors(n=200, classes=C):
    """(p - y (n, C), y, p): softmax rows of widely different confidence."""
    rng = stream(1, "errors")
    z, y = 4 * rng.standard_normal((n, classes)), rng.integers(classes, size=n)
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return p - np.eye(classes)[y], y, p


# ---- identities


def test_el2n_lies_between_its_bounds():
    """(1 - p_y) sqrt(C/(C-1)) <= EL2N <= sqrt 2 (1 - p_y); equal for p even, or on one wrong class."""
    a, y, p = random_errors()
    score, wrong = el2n(a), 1 - p[np.arange(200), y]
    slack = 1e-12  # of rounding
    assert (np.sqrt(C / (C - 1)) * wrong <= score + slack).all() and (score <= np.sqrt(2) * wrong + slack).all()
    np.testing.assert_allclose(el2n(np.array([[-0.75, 0.25, 0.25, 0.25]])), 0.75 * np.sqrt(4 / 3), rtol=1e-12)
    np.testing.assert_allclose(el2n(np.array([[-1.0, 1.0, 0.0, 0.0]])), np.sqrt(2), rtol=1e-12)


def test_el2n_does_not_depend_on_the_order_of_the_classes(device):
    a, *_ = random_errors()
    for seed in range(5):
        permuted = to_device(a[:, stream(seed, "classes").permutation(C)], device)
        np.testing.assert_allclose(to_numpy(el2n(permuted)), el2n(a), rtol=1e-12)


def test_the_last_layers_gradient_is_el2n_times_the_input():
    """|a h'| with bias = EL2N sqrt(|h|^2 + 1): against the last layer's part of the per-example gradients."""
    oracle, spy = make()
    a, h = oracle.last_layer(np.arange(23))
    G = spy.per_example_gradients(oracle.theta, oracle.raw(np.arange(23)), oracle.labels, oracle.statistics)
    last = np.linalg.norm(G[:, -(5 + 1) * C :], axis=1)
    np.testing.assert_allclose(last, el2n(a) * np.sqrt((h * h).sum(axis=1) + 1), rtol=1e-9)


# ---- GraNd


def test_grand_is_the_norm_of_the_whole_gradient(monkeypatch):
    """The mean over the runs' initial weights of the norms of explicit gradient rows."""
    oracle, spy = make()
    seeds, fork = [], Oracle.fork
    monkeypatch.setattr(Oracle, "fork", lambda self, seed: seeds.append(seed) or fork(self, seed))
    score = GraNd(runs=3).init(oracle).score
    thetas = [spy.initialize(seed, "float64") for seed in seeds]
    x, y = oracle.raw(np.arange(23)), oracle.labels
    expected = np.mean([np.linalg.norm(spy.per_example_gradients(w, x, y), axis=1) for w in thetas], axis=0)
    np.testing.assert_allclose(score, expected, rtol=1e-9)
    assert len(thetas) == 3 and not any(np.allclose(thetas[0], other) for other in [*thetas[1:], oracle.theta])


@pytest.mark.parametrize("method", [GraNd(runs=2), EL2N(t=0, runs=2)])
def test_a_score_does_not_depend_on_batch_size_or_position(method, monkeypatch):
    """In public code a mean-reduced loss divides by the batch, and inflates the last, smaller one."""
    order = stream(2, "order").permutation(23)
    score = method.init(make()[0]).score
    np.testing.assert_allclose(method.init(make(points(order=order))[0]).score, score[order], rtol=1e-9)
    monkeypatch.setattr("minicrest.learner.CHUNK", 5)
    np.testing.assert_allclose(method.init(make()[0]).score, score, rtol=1e-9)


# ---- forgetting


@pytest.mark.parametrize("row, events", [
    ([0, 1, 0, 1, 1, 0], 2), ([0, 0, 0, 0, 0, 0], 6), ([1, 1, 1, 1, 1, 1], 0), ([0, 1, 1, 1, 1, 1], 0),
    ([1, 0, 0, 0, 0, 0], 1), ([1, 0, 1, 0, 1, 0], 3), ([0, 0, 0, 0, 0, 1], 0),
])  # fmt: skip
def test_forgetting_events_of_scripted_rows(row, events):
    """A first wrong answer is no event; never right counts T, more than the T/2 that can happen."""
    assert forgetting_events(np.array(row)[:, None]) == [events]


def test_forgetting_events_equal_the_loop():
    correct = stream(3, "rows").random((9, 300)) < np.linspace(0, 1, 300) ** 2
    for i, found in enumerate(forgetting_events(correct)):
        count, ever = 0, False
        for t in range(9):
            ever = ever or correct[t, i]
            count += bool(t > 0 and correct[t - 1, i] and not correct[t, i])
        assert found == (count if ever else 9)


def test_forgetting_looks_before_each_update(monkeypatch):
    """Row t of the record is whether the weights BEFORE the step that presented the example got it right."""
    oracle, spy = make()
    steps = Recorded(monkeypatch)
    score = Forgetting(m=6, T=5, runs=2, lr=2.0).init(oracle).score
    correct = np.zeros((2, 5, 23), dtype=bool)
    for number, (before, batch, *_) in enumerate(steps.rows):
        run, step = divmod(number, 5 * 4)
        right = spy.predict(before, oracle.raw(batch.indices)) == oracle.labels[batch.indices]
        correct[run, step // 4, batch.indices] = right
    np.testing.assert_array_equal(score, forgetting_events(correct[0]) + forgetting_events(correct[1]))
    assert len(np.unique(score)) > 2


def test_forgetting_of_two_classes_with_one_logit():
    """A logistic net predicts z > 0, not the argmax of its one logit, which is always 0."""
    x = np.array([[-3.0, 0, 0], [3.0, 0, 0], [-2.0, 0, 0], [2.0, 0, 0]])
    oracle, _ = make(Dataset(x, np.array([0, 1, 0, 1])), loss=LogisticLoss(), outputs=1)
    assert (Forgetting(m=4, T=40, fraction=0.5, lr=1.0).init(oracle).score < 40).all()  # each is learned


def test_forgetting_needs_classes():
    rng = stream(4, "floats")
    oracle, _ = make(Dataset(rng.standard_normal((5, 3)), rng.standard_normal((5, C))))
    with pytest.raises(ValueError, match="forgetting needs integer classes; float64 targets are not"):
        Forgetting().init(oracle)


# ---- the runs


@pytest.mark.parametrize("method", METHODS)
def test_a_run_is_plain_SGD_on_all_the_data(method, monkeypatch):
    """Every epoch presents each example once, with weight 1, and w moves by -lr times the mean gradient."""
    oracle, spy = make()
    theta, steps = oracle.theta.copy(), Recorded(monkeypatch)
    method.init(oracle)
    epochs = getattr(method, "t", None) or method.T
    assert len(steps.rows) == 2 * epochs * 4
    orders = []
    for epoch in range(2 * epochs):
        rows = steps.rows[4 * epoch : 4 * epoch + 4]
        orders.append(np.concatenate([batch.indices for _, batch, *_ in rows]))
        np.testing.assert_array_equal(np.sort(orders[-1]), np.arange(23))
        for before, batch, lr, after in rows:
            assert lr == method.lr and (batch.weights == 1).all()
            gradient = spy.gradient(before, oracle.raw(batch.indices), oracle.labels[batch.indices])
            np.testing.assert_allclose(after - before, -lr * gradient, rtol=1e-9, atol=1e-14)
    assert len({tuple(order) for order in orders}) == 2 * epochs  # shuffled anew, in every run
    starts = [steps.rows[run * epochs * 4][0] for run in range(2)]
    assert not np.allclose(starts[0], starts[1]) and not np.allclose(starts[0], theta)
    np.testing.assert_array_equal(oracle.theta, theta)  # the training's own weights did not move


def test_el2n_is_measured_after_its_epochs(monkeypatch):
    """On the weights that each run ended with, and averaged."""
    oracle, spy = make()
    steps = Recorded(monkeypatch)
    score = EL2N(m=6, t=3, runs=2).init(oracle).score
    ends = [steps.rows[11][3], steps.rows[23][3]]
    each = [np.linalg.norm(spy.logit_gradients(w, oracle.raw(np.arange(23)), oracle.labels), axis=1) for w in ends]
    np.testing.assert_allclose(score, np.mean(each, axis=0), rtol=1e-9)


@pytest.mark.parametrize("method, train, score", [
    (METHODS[0], 2 * 2 * 23, (2 * 23, 0)), (METHODS[1], 2 * 2 * 23, (2 * 23, 2 * 23)), (METHODS[2], 2 * 4 * 23, None),
])  # fmt: skip
def test_the_bill_is_the_spys(method, train, score, device):
    """The runs in the phase that is open, "prepare"; the scoring in "score"; steps on the kept ones ask nothing."""
    oracle, spy = make(device=device)
    with oracle.phase("prepare"):
        state = method.init(oracle)
    for _ in range(5):
        _, state = method.propose(state, oracle)
    bills = {name: (bill.forward, bill.backward) for name, bill in oracle.ledger.phases.items()}
    assert bills == {"prepare": (train, train)} | ({"score": score} if score else {})
    assert spied(oracle.ledger) == spy.counts
    price = {EL2N: 2 * (3 * 2 + 1), GraNd: 2 * (3 * 2 + 3), Forgetting: 3 * 2 * 4}[type(method)]
    assert oracle.ledger.cost == price * 23  # as `price` says


# ---- what is kept


@pytest.mark.parametrize("method", METHODS)
def test_the_highest_scores_are_kept_and_trained_on(method):
    """fraction 0.3 of 23: 7, in batches of 6 and 1, each pass all of them, with weight 1."""
    method, (oracle, _) = type(method)(**{**vars(method), "fraction": 0.3}), make()
    state = method.init(oracle)
    report = method.report(state)
    kept = report["selected"]
    assert len(kept) == 7 and report["score"].shape == (23,)
    assert report["score"][kept].min() >= np.delete(report["score"], kept).max()
    for _ in range(3):
        batches = []
        for _ in range(2):
            batch, state = method.propose(state, oracle)
            batches.append(batch)
        np.testing.assert_array_equal(np.sort(np.concatenate([b.indices for b in batches])), kept)
        assert all((b.weights == 1).all() for b in batches)


def test_a_planted_label_scores_highest_at_its_own_index():
    """One example of a wrong class far inside another: EL2N and GraNd after training keep it; an offset drops it."""
    rng = stream(5, "planted")
    y = np.arange(60) % 2
    x = rng.standard_normal((60, 3)) * 0.3 + np.outer(2.0 * y - 1, [1, 1, 0])
    y[17] = 1 - y[17]
    oracle, _ = make(Dataset(x, y), outputs=2)
    for Method in (EL2N, GraNd):
        method = Method(m=10, fraction=0.1, t=10, runs=2, lr=0.5)
        score = method.init(oracle).score
        assert score.argmax() == 17 and 17 in method.init(oracle).subset.indices
        state = Method(m=10, fraction=0.1, t=10, runs=2, lr=0.5, offset=1 / 60).init(oracle)
        np.testing.assert_array_equal(state.subset.indices, np.sort(np.argsort(-score)[1:7]))


@pytest.mark.parametrize(
    "n, fraction, offset, kept", [(3, 0.5, 0.5, [0, 1]), (10, 0.9, 0.1, range(9)), (4, 1, 0, range(4))]
)
def test_an_offset_leaves_k_to_keep(n, fraction, offset, kept):
    """Of 3 examples half is 2, twice: offset and fraction round up together, and still 2 are kept, the lowest."""
    oracle, _ = make(Dataset(np.ones((n, 3)), np.zeros(n, dtype=int)))
    subset = keep_highest(oracle, "test", np.arange(float(n)), fraction, offset)
    assert subset.indices.tolist() == list(kept) and subset.weights.tolist() == [1.0] * len(kept)


def test_equal_scores_are_ranked_at_random():
    """Six examples that are one and the same: 600 seeds keep 2 of them, each in a third of the runs."""
    count = np.zeros(6)
    for seed in range(600):
        oracle, _ = make(Dataset(np.ones((6, 3)), np.zeros(6, dtype=int)), seed=seed)
        count[GraNd(fraction=1 / 3, runs=1).init(oracle).subset.indices] += 1
    assert abs(count - 200).max() < 5.5 * np.sqrt(600 * 2 / 9)  # 6 two-sided tests: false alarm 2.3e-7


@pytest.mark.parametrize("method", METHODS)
def test_repeats_and_resumes(method, tmp_path, device):
    """The same state for the same seed, another for another; a saved state goes on as the one it was saved from."""
    state, again = (method.init(make(device=device)[0]) for _ in range(2))
    np.testing.assert_array_equal(state.score, again.score)
    np.testing.assert_allclose(state.score, method.init(make()[0]).score, rtol=1e-9)
    assert (state.score != method.init(make(seed=4, device=device)[0]).score).any()
    oracle, _ = make()
    _, state = method.propose(state, oracle)
    checkpoint.save(tmp_path / "state", state)
    loaded = checkpoint.load(tmp_path / "state")
    for _ in range(4):
        (batch, state), (other, loaded) = method.propose(state, oracle), method.propose(loaded, oracle)
        np.testing.assert_array_equal(batch.indices, other.indices)


def test_only_a_fork_moves():
    oracle, _ = make()
    assert not hasattr(oracle, "descend") and hasattr(oracle.fork(0), "descend")


@pytest.mark.parametrize("make_it, words", [
    (lambda: EL2N(m=0), "m must be"), (lambda: GraNd(fraction=1.1), "fraction"), (lambda: EL2N(offset=0.95), "offset"),
    (lambda: Forgetting(runs=0), "runs"), (lambda: GraNd(lr=0.0), "lr"), (lambda: EL2N(t=-1), "t must be at least 0"),
    (lambda: GraNd(lr=float("nan")), "lr"), (lambda: GraNd(t=-1), "t must"), (lambda: Forgetting(T=1), "T must be at"),
])  # fmt: skip
def test_impossible_hyper_parameters_are_refused(make_it, words):
    with pytest.raises(ValueError, match=words):
        make_it()


# ---- planted wrong labels (empirical)


def noisy_digits():
    """(oracle, wrong): digits with 10% of the training labels replaced by another class."""
    data, rng = load("digits"), stream(6, "noise")
    y, wrong = to_numpy(data.y).copy(), np.zeros(len(data), dtype=bool)
    wrong[rng.permutation(len(data))[: len(data) // 10]] = True
    y[wrong] = (y[wrong] + rng.integers(1, 10, size=wrong.sum())) % 10
    net = mlp((64, 64, 10))
    return Oracle(net, Dataset(data.inputs(), y), net.initialize(0), seed=0), wrong


def test_wrong_labels_are_hard_and_forgotten():
    """Empirical: AUC of EL2N at epoch 5 at least 0.9, of forgetting in 60 epochs at least 0.85; here 0.998 and 0.984.

    Unforgettable are 86% of the right and 1% of the wrong ones."""
    oracle, wrong = noisy_digits()
    hard = EL2N(m=32, t=5, runs=1).init(oracle).score
    forgotten = Forgetting(m=32, T=60).init(oracle).score
    auc = [roc_auc_score(wrong, score) for score in (hard, forgotten)]
    assert auc[0] >= 0.9 and auc[1] >= 0.85
    assert (forgotten[~wrong] == 0).mean() > 0.5 > 0.2 > (forgotten[wrong] == 0).mean()


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_one_value_that_is_not_finite_is_a_divergence(device, wrong):
    values = to_device(np.array([[1.0, 2.0], [wrong, 3.0]]), device)
    with pytest.raises(Diverged, match="the scores are not finite"):
        finite("scores", values)
    assert finite("scores", values[:1]).shape == (1, 2)
