"""What every method in METHODS promises, whatever it does: one test a promise, all methods through each."""

import inspect
import itertools
import json
import re
import sys
from collections import Counter
from dataclasses import FrozenInstanceError, fields, is_dataclass
from functools import partial

import numpy as np
import pytest

from minicrest import checkpoint
from minicrest import ledger as ledger_module
from minicrest.backend import gpu_available, to_numpy
from minicrest.datasets import Dataset
from minicrest.learner import Learner
from minicrest.nn import BatchNorm2d, Conv2d, Flatten, Linear, MaxPool2d, ReLU
from minicrest.optim import SGD, AdamW
from minicrest.oracle import Batch, Oracle
from minicrest.random import stream
from minicrest.selection import METHODS, check_method
from minicrest.selection.check import PROMISES
from minicrest.train import train
from tests.unit.test_checkpoint import assert_same
from tests.unit.test_oracle import Spy, spied

# Sizes for 48 examples and 30 steps, by the hyper-parameter's name in whatever method has it; then by method.
TINY = {"m": 6, "fraction": 0.5, "R": 2, "runs": 1, "t": 1, "T": 2, "T_p": 1, "n_subsets": 4, "b_H": 16}
# InfoBatch: a last batch of one example, which m = 6 leaves here, cannot pass through batch-norm.
KEYWORDS = {"crest": {"r": 18, "T2": 5}, "infobatch": {"m": 8}}
ONE_BATCH_ONE_SET = ("full", "random", "crest")  # each batch is a selected set, so its own weights average 1
STEPS = 30

every_method = pytest.mark.parametrize("name", METHODS)


def make_method(name):
    """The method for the toy problem, of the sizes in TINY and KEYWORDS."""
    known = {f.name for f in fields(METHODS[name])}
    return METHODS[name](**{key: value for key, value in TINY.items() if key in known} | KEYWORDS.get(name, {}))


def toy(n=48):
    """Three Gaussian classes in the plane with a test and a validation part, float64."""
    centres = 2.0 * np.array([[0.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])

    def part(purpose, size):
        y = np.arange(size) % 3
        return Dataset(centres[y] + stream(0, "toy", purpose).standard_normal((size, 2)), y, "toy")

    train_part = part("train", n)
    return Dataset(train_part.x, train_part.y, "toy", test=part("test", 30), validation=part("validation", 18))


def toy_network(norm=False):
    """A spy with one hidden layer, with or without batch-norm."""
    return Spy([Flatten(), Linear(2, 8), *([BatchNorm2d(8)] if norm else []), ReLU(), Linear(8, 3)])


def make_oracle(device="cpu", seed=0, norm=False, data=None, network=None):
    network = network or toy_network(norm)
    theta = network.initialize(seed, "float64", device)
    return Oracle(network, (data or toy()).to(device), theta, seed=seed)


def walk(method, oracle, steps=STEPS):
    """Plain training, a tuple (state, batch, state after propose, feedback, state after observe) a step."""
    theta = oracle.theta.copy()
    Learner(oracle).move(theta, oracle.statistics, 0)
    state = method.init(oracle)
    for t in range(steps):
        batch, proposed = method.propose(state, oracle)
        choose = method.choose and partial(method.choose, proposed)
        gradient, feedback, seen = Learner(oracle).step(batch, choose)
        observed = method.observe(proposed, feedback)
        yield state, batch, proposed, feedback, observed
        theta -= 0.1 * gradient
        Learner(oracle).move(theta, Learner(oracle).following(seen), t + 1, (t + 1) / steps)
        state = observed


def choices(name, device="cpu", seed=0):
    return [batch for _, batch, *_ in walk(make_method(name), make_oracle(device, seed))]


# ---- what check_method checks


@every_method
def test_every_method_keeps_the_contract(name):
    """Pure transitions, legal batches, the seed, global generators, checkpoints, the bill, small data."""
    assert len(check_method(make_method(name))) == len(PROMISES)
    assert check_method(METHODS[name](), steps=3)  # with defaults: larger batches than there are examples


# ---- batches


@every_method
def test_batches_are_legal(name, device):
    for batch in choices(name, device):
        assert type(batch) is Batch and type(batch.indices) is np.ndarray and type(batch.weights) is np.ndarray
        assert batch.indices.dtype == np.int64 and batch.weights.dtype == np.float64
        assert batch.indices.ndim == 1 and batch.indices.shape == batch.weights.shape and len(batch.indices) > 0
        assert 0 <= batch.indices.min() and batch.indices.max() < 48
        assert np.isfinite(batch.weights).all() and (batch.weights > 0).all()


@pytest.mark.parametrize("name", ONE_BATCH_ONE_SET)
def test_weights_average_1(name):
    for batch in choices(name):
        assert batch.weights.mean() == pytest.approx(1, rel=1e-14)


@pytest.mark.parametrize("device", ["cuda"], indirect=True)
@every_method
def test_the_device_chooses_the_same_examples(name, device):
    for there, here in zip(choices(name, device), choices(name), strict=True):
        assert (there.indices == here.indices).all()
        np.testing.assert_allclose(there.weights, here.weights, rtol=1e-9)  # rounding of 30 steps in float64


def batch_mean(oracle, batches):
    """Mean over batches of the gradient that a step on each uses."""
    return np.mean([oracle.gradient(batch) for batch in batches], axis=0)


def test_an_epoch_of_full_is_the_mean_gradient():
    oracle, method = make_oracle(), METHODS["full"](m=6)
    state, batches = method.init(oracle), []
    for _ in range(8):
        batch, state = method.propose(state, oracle)
        batches.append(batch)
    expected = oracle.gradient(Batch(np.arange(48), np.ones(48)))
    np.testing.assert_allclose(batch_mean(oracle, batches), expected, rtol=1e-12, atol=1e-15)


def test_random_over_all_its_batches_is_the_mean_gradient():
    """Every pair of 6 comes up, alike as often as the other test says; their mean is the mean over the data."""
    data = toy(6)
    oracle, method = make_oracle(data=data), METHODS["random"](m=2)
    state, seen = method.init(oracle), Counter()
    for _ in range(300):
        batch, state = method.propose(state, oracle)
        seen[tuple(sorted(batch.indices))] += 1
        assert (batch.weights == 1).all()
    assert set(seen) == set(itertools.combinations(range(6), 2))
    found = batch_mean(oracle, [Batch(np.array(pair), np.ones(2)) for pair in seen])
    expected = oracle.gradient(Batch(np.arange(6), np.ones(6)))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


# ---- the bill


@pytest.mark.parametrize("norm", [False, True])
@every_method
def test_the_bill_is_what_a_spy_in_the_network_counts(name, norm):
    """All but the evaluations on the test set."""
    oracle = make_oracle(norm=norm)
    spy = oracle._network
    run = train(make_method(name), oracle, SGD(0.1), STEPS, evaluate_every=10, progress=False)
    counted = {**spy.counts, "forward": spy.counts["forward"] - 30 * len(run.curve.step)}
    assert spied(run.ledger) == counted
    assert set(run.ledger.phases) <= {"prepare", "select", "model", "check", "score", "train"}
    trained = int(run.uses.sum())
    steps = run.ledger.phases["train"]
    if METHODS[name].choose is None:
        assert (steps.forward, steps.backward, steps.hessian) == (trained, trained, 0)
    else:  # through batch-norm all go back
        assert (steps.backward, steps.hessian) == (steps.forward if norm else trained, 0) and trained < steps.forward


# ---- dataclasses


def frozen(node):
    """Every dataclass in the tree is frozen."""
    if is_dataclass(node):
        return type(node).__dataclass_params__.frozen and all(frozen(getattr(node, f.name)) for f in fields(node))
    return all(map(frozen, node)) if isinstance(node, (tuple, list)) else True


@every_method
def test_hyper_parameters_are_frozen_and_checked(name):
    method = make_method(name)
    assert is_dataclass(method) and frozen(method)
    for f in fields(method):
        with pytest.raises(FrozenInstanceError):
            setattr(method, f.name, None)
        assert isinstance(getattr(method, f.name), (int, float, str, bool, tuple, type(None)))
    METHODS[name]()  # every hyper-parameter has a default
    if "m" in {f.name for f in fields(method)}:
        with pytest.raises(ValueError, match="m must be at least 1"):
            METHODS[name](m=0)
        with pytest.raises(TypeError, match=r"m must be a whole number, got 2\.5"):
            METHODS[name](m=2.5)
    with pytest.raises(TypeError):
        METHODS[name](no_such_hyper_parameter=1)


@every_method
def test_states_are_frozen_and_survive_a_checkpoint(name, tmp_path, device):
    for k, (state, *_, observed) in enumerate(walk(make_method(name), make_oracle(device), 12)):
        for s in (state, observed):
            assert is_dataclass(s) and frozen(s)
            checkpoint.save(tmp_path / f"{k}", s)
            assert_same(checkpoint.load(tmp_path / f"{k}", device), s)


@every_method
def test_what_is_reported_can_be_written(name, tmp_path, device):
    run = train(make_method(name), make_oracle(device), SGD(0.1), 12, progress=False)
    run.save(tmp_path / "run")
    text = (tmp_path / "run.json").read_text()
    assert set(json.loads(text)["report"]) == set(run.report)
    assert "NaN" not in text and "Infinity" not in text
    assert_same(checkpoint.load(tmp_path / "run.npz", device).report, run.report)
    assert all(isinstance(column, np.ndarray) for column in run.report.values())
    make = make_method(name)
    make.report(make.init(make_oracle(device)))  # and before the first step


@every_method
def test_the_paper_and_the_algorithm_are_named(name):
    method = METHODS[name]
    assert isinstance(method.paper, str) and len(method.paper) > 10
    box = sys.modules[method.__module__].__doc__
    numbers = [int(k) for k in re.findall(r"^ +(\d+)  \S", box, re.M)]
    assert len(numbers) >= 2 and numbers == list(range(1, len(numbers) + 1))
    assert inspect.getdoc(method)
    for transition in ("init", "propose", "observe", "report"):
        assert callable(getattr(method, transition))
    assert method.choose is None or callable(method.choose)


# ---- it trains


@every_method
def test_it_learns(name):
    """60 steps on three classes two deviations apart: chance is 1/3, the test demands 60%."""
    run = train(make_method(name), make_oracle(), SGD(0.1), 60, progress=False)
    assert run.accuracy > 0.6 and run.uses.sum() > 0 and np.isfinite(run.theta).all()


# ---- a whole CREST training on the device


def image_oracle(device, kind):
    """60 images of 8 x 8 in 3 classes, for a small LeNet with batch-norm or a multi-layer perceptron."""
    rng, y = stream(0, "images"), np.arange(60) % 3
    x = 0.5 * rng.standard_normal((60, 1, 8, 8))
    x[np.arange(60), 0, 2 * y, :] += 1
    data = Dataset(x, y, "stripes", test=Dataset(x[:12], y[:12], "stripes"), augment=1)
    convolutions = [Conv2d(1, 4, padding=1), BatchNorm2d(4), ReLU(), MaxPool2d(2), Flatten(), Linear(64, 3)]
    network = Spy(convolutions if kind == "lenet" else [Flatten(), Linear(64, 12), ReLU(), Linear(12, 3)])
    return make_oracle(device, data=data, network=network)


class Clocked:
    """CREST that notes, at every proposal, its state, what it chose, and how often the host had waited before."""

    def __init__(self, crest, waits):
        self.crest, self.waits, self.seen, self.counts = crest, waits, [], []

    def __getattr__(self, name):
        return getattr(self.crest, name)

    def propose(self, state, oracle):
        self.counts.append(self.waits())
        batch, after = self.crest.propose(state, oracle)
        self.seen.append((state, after, batch))
        return batch, after

    def plain_steps(self):
        """Waits during each step in which no region was opened or checked and no coreset built."""
        quiet = [a.opened is b.opened and a.checks is b.checks and a.coresets == b.coresets for a, b, _ in self.seen]
        return {b - a for a, b, q in zip(self.counts, self.counts[1:], quiet) if q}


@pytest.fixture
def whole_run(monkeypatch):
    def run(device, kind, optimizer, waits=lambda: 0):
        monkeypatch.setattr("minicrest.train.asdict", lambda method: {})
        crest = METHODS["crest"](m=6, r=18, T2=5, h=2.0, b=1.0, tau=0.02, alpha=0.5)
        method = Clocked(crest, waits)
        done = train(method, image_oracle(device, kind), optimizer, STEPS, evaluate_every=STEPS, progress=False)
        return done, method

    return run


@pytest.mark.parametrize("device", ["cuda"], indirect=True)
@pytest.mark.parametrize("optimizer", [SGD(0.05), AdamW(0.01)], ids=["sgd", "adamw"])
@pytest.mark.parametrize("kind", ["lenet", "mlp"])
def test_crest_on_the_device(kind, optimizer, device, whole_run):
    """The same regions, checks and examples as NumPy's, and the same weights to rounding."""
    (there, on_device), (here, on_host) = whole_run("cuda", kind, optimizer), whole_run("cpu", kind, optimizer)
    for (*_, a), (*_, b) in zip(on_device.seen, on_host.seen, strict=True):
        assert (a.indices == b.indices).all() and (a.weights == b.weights).all()
    for name in ("start", "T1", "P", "active", "check_step"):
        assert (there.report[name] == here.report[name]).all()
    assert len(here.report["start"]) > 1 and here.report["active"][-1] < 60  # regions came and examples went
    assert type(there.theta).__module__.startswith("cupy")
    # Float64 with sums in other orders. Where a gradient is rounding alone, some 1e-16, AdamW divides it by its eps and
    # moves lr 1e-16 / eps a step: 3e-9 in 30 steps.
    rounding = STEPS * optimizer.lr * 1e-16 / optimizer.eps if isinstance(optimizer, AdamW) else 1e-10
    np.testing.assert_allclose(to_numpy(there.theta), here.theta, rtol=1e-9, atol=rounding)
    pixels = 9 * rounding  # a statistic is made of sums over windows of 9 pixels
    np.testing.assert_allclose(to_numpy(there.statistics), here.statistics, rtol=1e-9, atol=pixels)
    np.testing.assert_allclose(there.curve.loss, here.curve.loss, rtol=1e-9)


WAITS = 6  # in a plain step: the ledger's clock, at both ends of propose, step and observe; the arithmetic needs none


@pytest.mark.skipif(gpu_available(), reason="the stand-in counts; a real GPU does not")
@pytest.mark.parametrize("device", ["cuda"], indirect=True)
@pytest.mark.parametrize("optimizer", [SGD(0.05), AdamW(0.01)], ids=["sgd", "adamw"])
@pytest.mark.parametrize("kind", ["lenet", "mlp"])
def test_the_host_waits_for_the_device_only_to_read_the_clock(kind, optimizer, device, whole_run, monkeypatch):
    from tests.standin import synchronisations

    _, method = whole_run("cuda", kind, optimizer, lambda: synchronisations.count)
    assert method.plain_steps() == {WAITS}
    monkeypatch.setattr(ledger_module, "synchronize", lambda device: None)
    _, method = whole_run("cuda", kind, optimizer, lambda: synchronisations.count)
    assert method.plain_steps() == {0}
