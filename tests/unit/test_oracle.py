"""The oracle's answers against the network's own, and its bill against a spy inside the network."""

from types import SimpleNamespace

import numpy as np
import pytest

from minicrest import learner as learner_module
from minicrest import ledger as ledger_module
from minicrest.backend import device_of, to_device, to_numpy
from minicrest.batch import Feedback, uniform
from minicrest.datasets import Dataset
from minicrest.learner import Learner, evaluate
from minicrest.ledger import Bill, BillSpent, Ledger, Stopped
from minicrest.nn import BatchNorm2d, Conv2d, Flatten, Linear, Network, ReLU, SoftmaxCrossEntropy, SquaredError
from minicrest.nn.chain import Sequential
from minicrest.oracle import Batch, Oracle
from minicrest.random import stream

C = 3


class Spy(Network):
    """A network that counts for itself the examples that pass forward, back, and through a Hessian product."""

    def __init__(self, layers, loss=SoftmaxCrossEntropy()):
        super().__init__(layers, loss)
        self.chain = SpyChain(layers, self)
        self.counts, self.largest, self.product = {"forward": 0, "backward": 0, "hessian": 0}, 0, 0

    def add(self, kind, n):
        """Within a Hessian product the passes are part of its price."""
        self.counts[kind] += n if bool(self.product) == (kind == "hessian") else 0
        self.largest = max(self.largest, n)

    def hvp(self, theta, x, *rest, **named):
        self.product = len(x)
        try:
            return super().hvp(theta, x, *rest, **named)
        finally:
            self.product = 0


class SpyChain(Sequential):
    def __init__(self, layers, spy):
        super().__init__(layers)
        self.spy = spy

    def forward(self, w, x, stats=None):
        self.spy.add("forward", len(x))
        return super().forward(w, x, stats)

    def backward(self, w, caches, dy, *rest, **named):
        self.spy.add("backward", len(dy))
        return super().backward(w, caches, dy, *rest, **named)

    def tangent(self, w, caches, Rw, Rx):
        self.spy.add("hessian", self.spy.product)
        return super().tangent(w, caches, Rw, Rx)


def spied(ledger):
    """What the ledger says, in the spy's words."""
    return {kind: sum(getattr(b, kind) for b in ledger.phases.values()) for kind in ("forward", "backward", "hessian")}


def images(n=20, augment=0):
    """n images of 4 x 4 with a test part of 8 and a validation part of 6, float64."""
    rng = stream(0, "test oracle")
    part = [Dataset(rng.standard_normal((k, 1, 4, 4)), np.arange(k) % C, "toy") for k in (n, 8, 6)]
    return Dataset(part[0].x, part[0].y, "toy", test=part[1], validation=part[2], augment=augment)


def make(device="cpu", augment=0, loss=SoftmaxCrossEntropy()):
    """(oracle, spy, data, theta, stats) of a small net with batch-norm, not at its first statistics."""
    spy = Spy([Conv2d(1, 2, padding=1), BatchNorm2d(2), ReLU(), Flatten(), Linear(32, C)], loss)
    data, theta = images(augment=augment).to(device), spy.initialize(1, "float64", device)
    stats = to_device(np.array([0.3, -0.2, 0.5, 2.0]), device)
    return Oracle(spy, data, theta, stats, seed=5), spy, data, theta, stats


I = np.array([3, 0, 7, 7, 19])
BATCH = Batch(I, np.array([1.0, 2.0, 0.5, 0.5, 1.0]))
QUESTIONS = {  # name: (the question, the same of the network, the bill)
    "answers": (lambda o, v: o.answers(I), lambda net, a, w, v: net.answers(*a), (5, 0, 0)),
    "losses": (lambda o, v: o.losses(I), lambda net, a, w, v: net.losses(*a), (5, 0, 0)),
    "logit_gradients": (lambda o, v: o.logit_gradients(I), lambda net, a, w, v: net.logit_gradients(*a), (5, 0, 0)),
    "last_layer": (lambda o, v: o.last_layer(I), lambda net, a, w, v: net.last_layer(*a), (5, 0, 0)),
    "gradient_norms": (lambda o, v: o.gradient_norms(I), lambda net, a, w, v: net.gradient_norms(*a), (5, 5, 0)),
    "gradient": (lambda o, v: o.gradient(BATCH), lambda net, a, w, v: net.gradient(*a[:3], w, a[3]), (5, 5, 0)),
    "hvp": (lambda o, v: o.hvp(BATCH, v), lambda net, a, w, v: net.hvp(*a[:3], v, w, a[3]), (0, 0, 10)),
    "hvp of one": (lambda o, v: o.hvp(BATCH, v[0]), lambda net, a, w, v: net.hvp(*a[:3], v[0], w, a[3]), (0, 0, 5)),
    "hessian_diagonal": (
        lambda o, v: o.hessian_diagonal(BATCH), lambda net, a, w, v: net.hessian_diagonal(*a[:3], w, a[3]),
        (5, 5 * C, 0),
    ),
}  # fmt: skip


def flat(answer):
    return [to_numpy(a) for a in (answer if isinstance(answer, tuple) else (answer,))]


@pytest.mark.parametrize("chunk", [2, 512])
@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_is_the_networks_in_evaluation_mode_and_billed(name, chunk, device, monkeypatch):
    """Also in parts: a chunk of 2 splits the 5 examples, the answer and the bill stay."""
    monkeypatch.setattr(learner_module, "CHUNK", chunk)
    ask, same, bill = QUESTIONS[name]
    oracle, spy, data, theta, stats = make(device, augment=1)
    v = to_device(stream(2, "v").standard_normal((2, spy.size)), device)
    found = ask(oracle, v)
    assert spied(oracle.ledger) == spy.counts == dict(zip(("forward", "backward", "hessian"), bill))
    assert spy.largest <= chunk
    assert list(oracle.ledger.phases) == ["other"]  # no phase was open
    examples, weights = (theta, data.inputs(I, "float64"), data.targets(I)), to_device(BATCH.weights, device)
    expected = same(spy, (*examples, stats), weights, v)
    assert len(flat(found)) == len(flat(expected))
    for a, b in zip(flat(found), flat(expected)):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)  # parts are summed in another order
    if name not in ("gradient_norms", "hessian_diagonal"):  # they refuse training mode; the others would differ
        training = same(spy, (*examples, None), weights, v)
        assert any(abs(a - b).max() > 1e-3 for a, b in zip(flat(found), flat(training)))


def test_answers_keep_the_shape_of_the_question(device, monkeypatch):
    monkeypatch.setattr(learner_module, "CHUNK", 4)
    oracle, _, *_ = make(device)
    V = np.arange(18).reshape(3, 6)
    answers, rows = oracle.answers(V), [oracle.answers(V[p]) for p in range(3)]
    assert answers.losses.shape == (3, 6) and answers.logit_gradients.shape == answers.logits.shape == (3, 6, C)
    for p in range(3):
        for whole, row in zip(flat(answers), rows[p]):
            np.testing.assert_allclose(whole[p], to_numpy(row), rtol=1e-12)
    assert spied(oracle.ledger)["forward"] == 36


def test_float_targets_do_not_make_a_free_diagonal():
    rng = stream(0, "float targets")
    data = Dataset(rng.standard_normal((6, 2)), rng.standard_normal((6, 2)))
    spy = Spy([Linear(2, 2)], SquaredError())
    oracle = Oracle(spy, data, spy.initialize(0, "float64"))
    oracle.hessian_diagonal(Batch(np.arange(6), np.ones(6)))
    assert spied(oracle.ledger) == spy.counts == {"forward": 6, "backward": 12, "hessian": 0}


def test_a_training_step_is_augmented_and_in_training_mode(device):
    oracle, spy, data, theta, stats = make(device, augment=1)
    Learner(oracle).move(theta, stats, 7)
    gradient, feedback, seen = Learner(oracle).step(BATCH)
    assert spied(oracle.ledger) == spy.counts == {"forward": 5, "backward": 5, "hessian": 0}
    x = data.augmented(I, stream(5, "augment", 7), "float64")
    assert not np.array_equal(to_numpy(x), to_numpy(data.inputs(I, "float64")))
    expected = spy.step(theta, x, data.targets(I), to_device(BATCH.weights, device))
    assert (to_numpy(gradient) == to_numpy(expected.gradient)).all()
    assert (to_numpy(seen) == to_numpy(expected.statistics)).all()
    assert (to_numpy(feedback.losses) == to_numpy(expected.losses)).all()
    assert (to_numpy(feedback.logits) == to_numpy(expected.logits)).all()
    assert type(feedback.indices) is np.ndarray and (feedback.indices == I).all()
    Learner(oracle).move(theta, stats, 8)
    assert (to_numpy(Learner(oracle).step(BATCH)[0]) != to_numpy(gradient)).any()  # other crops at another time


def test_raw_inputs_cost_nothing():
    oracle, spy, data, *_ = make(augment=1)
    assert (oracle.raw(I) == data.x[I]).all()
    assert oracle.ledger.cost == 0 and spy.largest == 0


def test_theta_is_read_only_and_the_trainers_changes_show():
    oracle, _, data, theta, stats = make()
    for array in (oracle.theta, oracle.statistics, oracle.labels):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    theta += 1  # the trainer's own array, and the caller's data, stay writable
    stats += 1
    data.y[0] = data.y[0]
    assert (oracle.theta == theta).all() and (oracle.statistics == stats).all()


@pytest.mark.parametrize("device", ["cuda"], indirect=True)
def test_theta_and_data_must_be_on_one_device(device):
    spy = Spy([Flatten(), Linear(16, C)])
    with pytest.raises(ValueError, match=r"theta is on cuda and the data on cpu; use data\.to\(device\)"):
        Oracle(spy, images(), spy.initialize(0, "float64", device))


@pytest.mark.parametrize(
    ("i", "error", "message"),
    [
        (np.array([0, 20]), ValueError, r"0\.\.19 and not empty, got 0\.\.20"),
        (np.array([-1]), ValueError, r"0\.\.19 and not empty, got -1"),
        (np.array(3), ValueError, r"indices must be an array, got the number 3; use np.array\(\[3\]\)"),
        (np.array([0.0]), TypeError, "must be integers on the host, got dtype float64"),
        (np.ones(20, dtype=bool), TypeError, "dtype bool"),
    ],
)
@pytest.mark.parametrize("name", ["answers", "losses", "gradient_norms", "last_layer", "gradient", "step"])
def test_wrong_indices(name, i, error, message):
    oracle, spy, *_ = make()
    with pytest.raises(error, match=message):
        ask = Learner(oracle).step if name == "step" else getattr(oracle, name)
        ask(Batch(i, np.ones(i.shape)) if name in ("gradient", "step") else i)
    assert oracle.ledger.cost == 0 and spy.largest == 0


def test_validation_is_on_the_same_bill():
    oracle, spy, data, theta, stats = make(augment=1)
    held = oracle.validation
    assert len(held) == 6 and held.seed == 5 and len(oracle) == 20
    with oracle.phase("score"):
        losses = held.losses(np.arange(6))
    np.testing.assert_array_equal(losses, spy.losses(theta, data.validation.x, data.validation.y, stats))
    assert oracle.ledger.phases["score"].forward == 6
    with pytest.raises(ValueError, match="no validation examples: hold some out"):
        _ = held.validation


def test_validation_is_at_the_same_point_of_the_training():
    """Also where the training moves on afterwards; a method with a curriculum goes by its progress."""
    oracle, _, _, theta, stats = make()
    Learner(oracle).move(theta, stats, 7, 0.5)
    held = oracle.validation
    assert (held.time, held.progress) == (7, 0.5)
    Learner(oracle).move(theta + 1, stats, 8, 0.6)
    assert (held.time, held.progress) == (8, 0.6) and (held.theta == theta + 1).all()


def test_an_oracle_elsewhere_answers_there_on_the_same_bill(device):
    """At other parameters and statistics; at the same time; and the first stays where it is."""
    oracle, spy, data, theta, stats = make(device)
    Learner(oracle).move(theta, stats, 7, 0.5)
    there = oracle.at(2 * theta, stats + 1)
    x, y = data.inputs(I, "float64"), data.targets(I)
    assert (to_numpy(there.losses(I)) == to_numpy(spy.losses(2 * theta, x, y, stats + 1))).all()
    assert (to_numpy(oracle.losses(I)) == to_numpy(spy.losses(theta, x, y, stats))).all()
    assert there.ledger is oracle.ledger and oracle.ledger.cost == 10
    assert (there.time, there.progress, there.seed) == (7, 0.5, oracle.seed) and len(there) == len(oracle)
    Learner(oracle).move(3 * theta, stats, 8, 0.6)
    assert (to_numpy(there.theta) == to_numpy(2 * theta)).all() and there.time == 7


# ---- the learner


def test_an_empty_batch_moves_nothing_and_costs_nothing(device):
    oracle, spy, *_ = make(device)
    gradient, feedback, seen = Learner(oracle).step(Batch(np.zeros(0, dtype=np.int64), np.zeros(0)))
    assert (to_numpy(gradient) == 0).all() and gradient.shape == oracle.theta.shape
    assert feedback.losses.shape == (0,) and feedback.logits.shape == (0, C) and feedback.labels.shape == (0,)
    assert Learner(oracle).following(seen) is oracle.statistics and oracle.ledger.cost == 0 and spy.largest == 0


def test_a_batch_without_weight_moves_nothing(device):
    """Its losses are there; only the pass forward is billed; its statistics are not taken. Also with an l2 term."""
    oracle, *_ = make(device, loss=SoftmaxCrossEntropy(l2=0.1))
    gradient, feedback, seen = Learner(oracle).step(Batch(I, np.zeros(5)))
    assert (to_numpy(gradient) == 0).all() and feedback.losses.shape == (5,)
    assert Learner(oracle).following(seen) is oracle.statistics and oracle.ledger.cost == 5


def test_feedback_has_what_observe_needs():
    oracle, _, data, *_ = make()
    feedback = Learner(oracle).step(BATCH)[1]
    assert (feedback.labels == data.y[I]).all() and feedback.seed == 5
    assert Feedback(I, None, None)[3:] == (None, 0, None, None)  # what a test of `observe` need not make up


@pytest.mark.parametrize("weights", [np.ones(4), np.ones((5, 1)), np.float64(1), np.array([1, 1, np.nan, 1, 1]),
                                     np.array([1, 1, np.inf, 1, 1])], ids=str)  # fmt: skip
def test_weights_that_do_not_fit(weights):
    oracle, spy, *_ = make()
    for ask in (oracle.gradient, oracle.hessian_diagonal, Learner(oracle).step):
        with pytest.raises(ValueError, match="a batch of 5 examples needs 5 finite weights, got"):
            ask(Batch(I, weights))
    assert oracle.ledger.cost == 0 and spy.largest == 0


def test_directions_that_do_not_fit():
    oracle, spy, *_ = make()
    for shape in ((spy.size + 1,), (2, 1), (1, 1, spy.size)):
        with pytest.raises(ValueError, match=r"v must be \(d,\) or \(k, d\)"):
            oracle.hvp(BATCH, np.ones(shape))
    assert oracle.ledger.cost == 0


@pytest.mark.parametrize(("outputs", "classes", "fits"), [(1, 2, True), (1, 3, False), (2, 3, False), (4, 3, True)])
def test_labels_fit_the_outputs(outputs, classes, fits):
    network = Network([Linear(2, outputs)], SquaredError())
    data = Dataset(np.zeros((6, 2)), np.arange(6) % classes, "mine")
    if fits:
        Oracle(network, data, network.initialize(0))
        return
    with pytest.raises(ValueError, match=f"mine has 3 classes, too many for a network with {outputs} outputs"):
        Oracle(network, data, network.initialize(0))


def test_a_seed_is_a_whole_number():
    _, spy, data, theta, _ = make()
    with pytest.raises(TypeError, match=r"seed must be a whole number, got 1\.7"):
        Oracle(spy, data, theta, seed=1.7)


# ---- the bill


def test_what_exceeds_the_limit_is_not_begun():
    """Not one example of it; what fits exactly is."""
    oracle, spy, *_ = make()
    oracle.ledger.limit = 20
    oracle.losses(I)
    for ask in (lambda: oracle.gradient_norms(np.arange(6)), lambda: oracle.hvp(BATCH, np.ones(spy.size)),
                lambda: oracle.validation.gradient(uniform(np.arange(6))), lambda: oracle.losses(np.arange(16)),
                lambda: oracle.fork(0).descend(uniform(np.arange(6)), 0.1)):  # fmt: skip
        with pytest.raises(BillSpent, match="would exceed the limit of 20"):
            ask()
    assert oracle.ledger.cost == 5 and spy.counts == {"forward": 5, "backward": 0, "hessian": 0}
    oracle.losses(np.arange(15))
    assert oracle.ledger.cost == 20


def test_a_stop_is_polled_before_each_question():
    oracle, spy, *_ = make()
    oracle.ledger.stop = lambda: True
    for ask in (lambda: oracle.losses(I), lambda: oracle.raw(I), lambda: Learner(oracle).step(BATCH)):
        with pytest.raises(Stopped):
            ask()
    assert oracle.ledger.cost == 0 and spy.largest == 0


def test_the_test_set_is_not_billed(monkeypatch):
    monkeypatch.setattr(learner_module, "CHUNK", 3)
    oracle, spy, data, theta, stats = make()
    loss, accuracy = evaluate(oracle)
    assert oracle.ledger.cost == 0 and spy.counts["forward"] == 8
    expected = spy.losses(theta, data.test.x, data.test.y, stats)
    assert loss == pytest.approx(expected.mean(), rel=1e-12)
    assert accuracy == np.mean(spy.predict(theta, data.test.x, stats) == data.test.y)
    assert np.isnan(evaluate(oracle.validation)).all()  # it has no test part


def test_prices():
    assert Bill(forward=1).cost == 1 and Bill(backward=1).cost == 2 and Bill(hessian=1).cost == 4
    ledger = Ledger()
    with ledger.phase("a"):
        ledger.charge(forward=10, backward=3)
        with ledger.phase("b"):
            ledger.charge(hessian=5)
        ledger.charge(forward=1)
    ledger.charge(backward=1)
    expected = {"a": (11, 3, 0), "b": (0, 0, 5), "other": (0, 1, 0)}
    assert {k: (b.forward, b.backward, b.hessian) for k, b in ledger.phases.items()} == expected
    assert ledger.cost == 11 + 6 + 20 + 2


def test_seconds_count_in_the_innermost_phase(monkeypatch):
    """Against a clock that we move by hand; a phase left by an error stops its clock too."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(ledger_module, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    ledger = Ledger()

    def wait(seconds):
        clock.now += seconds

    wait(1)
    with ledger.phase("outer"):
        wait(2)
        with ledger.phase("inner"):
            wait(4)
        wait(8)
        with pytest.raises(KeyError), ledger.phase("inner"):
            wait(16)
            raise KeyError
    wait(32)
    with ledger.phase("outer"):
        wait(64)
    assert {name: bill.seconds for name, bill in ledger.phases.items()} == {"outer": 74, "inner": 20}
    assert ledger.seconds == 94


def test_the_clock_waits_for_the_device(device, monkeypatch):
    waited = []
    monkeypatch.setattr(ledger_module, "synchronize", waited.append)
    with make(device)[0].phase("train"):
        pass
    assert waited == [device, device]


def test_identity_names_what_is_trained(device):
    oracle, spy, data, theta, stats = make(device)
    found = oracle.identity()
    assert found["network"] == repr(spy) and (found["data_name"], found["data"]) == ("toy", data.fingerprint())
    assert (found["seed"], found["device"], found["dtype"]) == (5, device, "float64")
    for move in ((0, 0), (1e-9, 0), (0, 1e-9)):  # where it starts, and its statistics
        other = Oracle(spy, data, theta + move[0], stats + move[1], seed=5).identity()
        assert (other == found) == (move == (0, 0))


def test_a_fork_trains_on_the_same_bill(device):
    """Fresh parameters, its own seed; the oracle itself does not move, and may not descend."""
    oracle, spy, data, theta, stats = make(device)
    before = to_numpy(theta).copy()
    fork = oracle.fork(9)
    start = spy.initialize(9, "float64", device)
    assert (to_numpy(fork.theta) == to_numpy(start)).all() and fork.seed == 9 and device_of(fork.theta) == device
    expected = spy.step(start, data.inputs(I, "float64"), data.targets(I), to_device(BATCH.weights, device))
    spy.counts = dict.fromkeys(spy.counts, 0)
    fork.descend(BATCH, 0.5)
    np.testing.assert_allclose(to_numpy(fork.theta), to_numpy(start - 0.5 * expected.gradient), rtol=1e-14)
    initial = np.array([0.0, 0.0, 1.0, 1.0])
    moved = initial + 0.1 * (to_numpy(expected.statistics) - initial)
    np.testing.assert_allclose(to_numpy(fork.statistics), moved, rtol=1e-14)
    assert fork.time == 1 and spied(oracle.ledger) == spy.counts == {"forward": 5, "backward": 5, "hessian": 0}
    assert (to_numpy(oracle.theta) == before).all() and (to_numpy(oracle.statistics) == to_numpy(stats)).all()
    assert not hasattr(oracle, "descend")  # the trainer alone moves the parameters in training
