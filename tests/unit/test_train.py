"""The training loop, with methods made here that are as simple as can be; Run and what it writes."""

import json
import re
from dataclasses import dataclass, replace

import numpy as np
import pytest

from minicrest import checkpoint
from minicrest.backend import device_of, to_numpy
from minicrest.datasets import Dataset
from minicrest.nn import BatchNorm2d, Flatten, Linear, Network, ReLU, SoftmaxCrossEntropy, SquaredError
from minicrest.optim import SGD, AdamW, Cosine, StepDecay
from minicrest.oracle import Batch, Oracle
from minicrest.random import stream
from minicrest.selection import Random
from minicrest.train import Curve, train


@dataclass(frozen=True)
class Sweep:
    """A method for these tests: examples 3t, 3t + 1, ... with weights 1, 2, 0.5; asks `asks` forward passes first."""

    m: int = 3
    asks: int = 0
    paper = "none"

    def init(self, oracle):
        if self.asks:
            oracle.losses(np.arange(self.asks))
        return Seen()

    def propose(self, state, oracle):
        if self.asks:
            oracle.losses(np.arange(self.asks))
        i = (state.step * self.m + np.arange(self.m)) % len(oracle)
        weights = np.resize([1.0, 2.0, 0.5], self.m)
        return Batch(i, weights), replace(state, step=state.step + 1, time=oracle.time, progress=oracle.progress)

    def observe(self, state, feedback):
        losses = to_numpy(feedback.losses)
        return replace(state, losses=(*state.losses, float(losses.mean())), indices=feedback.indices)

    def report(self, state):
        return {"losses": np.array(state.losses), "odd": np.array([np.nan, np.inf, 1.5])}


@dataclass(frozen=True)
class Seen:
    step: int = 0
    losses: tuple = ()
    indices: object = None
    time: int = -1
    progress: float = -1.0


def make(device="cpu", norm=False, test=True, seed=0, dtype="float64"):
    """(oracle, network, data): 20 examples of 4 numbers, 3 classes."""
    rng = stream(0, "test train")
    parts = [Dataset(rng.standard_normal((n, 4)), np.arange(n) % 3, "toy") for n in (20, 7)]
    data = replace(parts[0], test=parts[1] if test else None).to(device)
    hidden = [Linear(4, 5), BatchNorm2d(5), ReLU()] if norm else [Linear(4, 5), ReLU()]
    network = Network([Flatten(), *hidden, Linear(5, 3)], SoftmaxCrossEntropy())
    return Oracle(network, data, network.initialize(seed, dtype, device), seed=seed), network, data




def by_hand(optimizer, steps, factors, norm):
    """theta and statistics after `steps`, from the network's gradient and the formulas of the module's docstrings."""
    oracle, network, data = make(norm=norm)
    theta, stats = oracle.theta.copy(), oracle.statistics.copy()
    state = optimizer.init(theta)
    for t in range(steps):
        i = (3 * t + np.arange(3)) % 20
        done = network.step(theta, data.x[i], data.y[i], np.array([1.0, 2.0, 0.5]))
        state = optimizer.update(theta, done.gradient, state, factors[t])
        if norm:
            stats = 0.9 * stats + 0.1 * done.statistics
    return theta, stats


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("optimizer", [SGD(0.1, 0.9, 1e-3), AdamW(0.01)], ids=repr)
def test_the_loop(optimizer, norm, device):
    """Training is the network's gradient on each batch, once, through the optimiser with the schedule's factor."""
    oracle, *_ = make(device, norm)
    run = train(Sweep(), oracle, optimizer, 10, schedule=StepDecay(0.25, (0.6,), 0.5), progress=False)
    factors = [0.4, 0.8, 1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5]
    theta, stats = by_hand(optimizer, 10, factors, norm)
    np.testing.assert_allclose(to_numpy(run.theta), theta, rtol=1e-12, atol=1e-15)  # the factors round
    np.testing.assert_allclose(to_numpy(run.statistics), stats, rtol=1e-12)
    assert device_of(run.theta) == device_of(run.statistics) == device
    assert run.complete and run.steps == 10
    assert (run.uses == np.bincount(np.arange(30) % 20, minlength=20)).all()


def test_the_callers_theta_is_not_trained():
    """The oracle moves to a copy of what it was given."""
    _, network, data = make(norm=True)
    theta = network.initialize(0, "float64")
    stats = network.initial_statistics(theta)
    before = theta.copy(), stats.copy()
    oracle = Oracle(network, data, theta, stats)
    run = train(Sweep(), oracle, SGD(), 3, progress=False)
    assert (theta == before[0]).all() and (stats == before[1]).all()
    assert (oracle.theta == run.theta).all() and (run.theta != theta).any()


def test_the_first_step_moves_the_weights():
    oracle, *_ = make()
    before = oracle.theta.copy()
    run = train(Sweep(), oracle, SGD(), 100, schedule=StepDecay(), stop=lambda: oracle.time == 1, progress=False)
    assert run.steps == 1 and not run.complete and abs(run.theta - before).max() > 1e-6


def test_a_method_sees_the_step_it_prepares_and_what_came_of_it():
    oracle, network, data = make()
    seen, propose = [], Sweep.propose

    class Noted(Sweep):
        def propose(self, state, oracle):
            batch, after = propose(self, state, oracle)
            losses = network.losses(oracle.theta, data.x, data.y)
            seen.append((after.time, after.progress, losses[batch.indices].mean()))
            return batch, after

    run = train(Noted(), oracle, SGD(), 6, progress=False)
    assert [s[:2] for s in seen] == [(t, t / 6) for t in range(6)]
    np.testing.assert_allclose(run.report["losses"], [s[2] for s in seen], rtol=1e-12)  # losses BEFORE the step


def test_the_bill_by_phase():
    """init is `prepare`, propose is `select`, the step is `train`; evaluations cost nothing."""
    oracle, *_ = make()
    run = train(Sweep(asks=7), oracle, SGD(), 5, evaluate_every=1, progress=False)
    bill = {name: (b.forward, b.backward, b.hessian) for name, b in run.ledger.phases.items()}
    assert bill == {"prepare": (7, 0, 0), "select": (35, 0, 0), "train": (15, 15, 0)}
    assert run.ledger is oracle.ledger and run.ledger.cost == 42 + 45
    assert all(b.seconds > 0 for b in run.ledger.phases.values())


def test_the_curve():
    """A row before the first step, every `evaluate_every`, and at the end; each at the weights it says."""
    thetas = {}
    oracle, network, data = make()

    class Noted(Sweep):
        def propose(self, state, oracle):
            thetas[oracle.time] = oracle.theta.copy()
            return super().propose(state, oracle)

    run = train(Noted(asks=2), oracle, SGD(), 10, evaluate_every=4, progress=False)
    thetas[10] = run.theta
    curve = run.curve
    assert curve.step.tolist() == [0, 4, 8, 10] and curve.step.dtype == np.int64
    assert curve.cost.tolist() == [2 + 11 * t for t in (0, 4, 8, 10)]
    assert (np.diff(curve.seconds) > 0).all()
    for row, step in enumerate(curve.step):
        losses = network.losses(thetas[step], data.test.x, data.test.y)
        assert curve.loss[row] == pytest.approx(losses.mean(), rel=1e-12)
        assert curve.accuracy[row] == np.mean(network.predict(thetas[step], data.test.x) == data.test.y)
    assert run.accuracy == curve.accuracy[-1]
    means = run.report["losses"]
    assert np.isnan(curve.train_loss[0])
    expected = [means[:4].mean(), means[4:8].mean(), means[8:].mean()]
    np.testing.assert_allclose(curve.train_loss[1:], expected, rtol=1e-12)


@pytest.mark.parametrize(("steps", "rows"), [(40, 21), (100, 21), (7, 8)])
def test_twenty_evaluations_by_default(steps, rows):
    assert len(train(Sweep(), make()[0], SGD(), steps, progress=False).curve.step) == rows


def test_a_budget_ends_the_training_and_leads_the_schedule():
    """Each step costs 4 + 9; a bill of 100 is reached by the eighth. The factor is that of the bill."""
    factors = []

    def schedule(progress):
        factors.append(progress)
        return 1.0

    run = train(Sweep(asks=4), make()[0], SGD(), 1000, schedule=schedule, max_bill=100, progress=False)
    assert run.steps == 8 and run.complete and run.ledger.cost == 4 + 8 * 13
    np.testing.assert_allclose(factors, [min(1, (4 + 13 * t) / 100) for t in range(1, 9)], rtol=1e-15)
    assert run.curve.step[-1] == 8
    short = train(Sweep(asks=4), make()[0], SGD(), 5, max_bill=1000, progress=False)
    assert short.steps == 5 and short.complete


def test_stop():
    oracle, *_ = make()
    run = train(Sweep(), oracle, SGD(), 10, stop=lambda: oracle.time >= 3, progress=False)
    assert run.steps == 3 and not run.complete and len(run.report["losses"]) == 3


def test_checkpoints_are_written_as_often_as_asked(tmp_path, monkeypatch):
    saved, save = [], checkpoint.save
    monkeypatch.setattr(checkpoint, "save", lambda path, tree: (saved.append(tree["progress"].step), save(path, tree)))
    train(Sweep(), make()[0], SGD(), 10, checkpoint=tmp_path / "a", checkpoint_every=4, progress=False)
    assert saved == [4, 8, 10]


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"steps": 5, "budget": 0}, {"steps": 5, "budget": -1}])
def test_wrong_arguments(wrong):
    with pytest.raises(ValueError, match="steps must be at least 1 and budget positive, got"):
        train(Sweep(), make()[0], SGD(), progress=False, **wrong)


def test_no_test_part():
    with pytest.raises(ValueError, match="'toy' has no test part to evaluate on"):
        train(Sweep(), make(test=False)[0], SGD(), 2, progress=False)


def test_equal_seeds_equal_bits():
    """Twice in a row, float32, batch-norm; and another seed gives other weights."""
    oracles = [make(norm=True, seed=seed, dtype="float32")[0] for seed in (3, 3, 4)]
    runs = [train(Random(4), oracle, AdamW(), 20, schedule=Cosine(), progress=False) for oracle in oracles]
    assert runs[0].theta.dtype == np.float32
    assert runs[0].theta.tobytes() == runs[1].theta.tobytes() != runs[2].theta.tobytes()
    assert runs[0].statistics.tobytes() == runs[1].statistics.tobytes()
    assert (runs[0].uses == runs[1].uses).all() and (runs[0].curve.loss == runs[1].curve.loss).all()


# ---- Run on disk


def test_save_and_load(tmp_path, device):
    run = train(Sweep(asks=2), make(device)[0], SGD(), 6, notes={"lr": 0.1, "why": "test"}, progress=False)
    run.save(tmp_path / "out" / "run")
    again = checkpoint.load(tmp_path / "out" / "run.npz", device)
    assert type(again) is type(run) and again.settings == run.settings and again.steps == 6 and again.complete
    assert (to_numpy(again.theta) == to_numpy(run.theta)).all() and again.ledger.phases == run.ledger.phases
    for name, column in vars(run.curve).items():
        np.testing.assert_array_equal(vars(again.curve)[name], column)
    assert again.settings["notes"] == {"lr": 0.1, "why": "test"}


def no_constants(name):
    raise AssertionError(f"{name} is not JSON")


def test_the_json_is_json(tmp_path):
    """Strictly: no NaN, no Infinity; and it says all but the arrays."""
    run = train(Sweep(asks=2), make()[0], SGD(0.1), 6, evaluate_every=3, progress=False)
    run.save(tmp_path / "run")
    found = json.loads((tmp_path / "run.json").read_text(), parse_constant=no_constants)
    assert found["curve"]["step"] == [0, 3, 6] and found["curve"]["train_loss"][0] is None
    assert found["report"]["odd"] == [None, None, 1.5]
    assert found["bill"]["train"]["forward"] == 18 and found["bill"]["train"]["cost"] == 54
    assert found["cost"] == run.ledger.cost == sum(b["cost"] for b in found["bill"].values())
    assert found["distinct_examples"] == 18 and found["steps"] == 6 and found["complete"] is True
    assert found["settings"]["method"] == "sweep" and found["settings"]["hyperparameters"] == {"m": 3, "asks": 2}
    assert found["settings"]["optimizer"] == repr(SGD(0.1)) and found["settings"]["seed"] == 0
    assert re.match(r"toy [0-9a-f]{16}$", found["settings"]["data"])


def test_a_diverged_training_is_written_too(tmp_path):
    """A learning rate of 1e300 ends in NaN; the files are still JSON and .npz."""
    with np.errstate(all="ignore"):
        run = train(Sweep(), make()[0], SGD(1e300), 4, progress=False)
    assert not np.isfinite(run.theta).all()
    run.save(tmp_path / "run")
    json.loads((tmp_path / "run.json").read_text(), parse_constant=no_constants)


def test_a_curve_appends_without_changing():
    curve = Curve()
    longer = curve.append(1, 2, 3, 4, 5, 6)
    assert len(curve.step) == 0 and [c.tolist() for c in vars(longer).values()] == [[1], [2], [3], [4], [5], [6]]
    assert longer.step.dtype == np.int64 and longer.cost.dtype == np.float64


def test_float_targets_have_no_accuracy():
    rng = stream(0, "regression")
    part = Dataset(rng.standard_normal((12, 4)), rng.standard_normal((12, 2)), "regression")
    network = Network([Linear(4, 2)], SquaredError())
    oracle = Oracle(network, replace(part, test=part), network.initialize(0, "float64"))
    run = train(Sweep(), oracle, SGD(0.05), 4, progress=False)
    assert np.isnan(run.accuracy) and run.curve.loss[-1] < run.curve.loss[0]
