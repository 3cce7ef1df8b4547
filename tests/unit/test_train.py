"""The training loop, with methods made here that are as simple as can be; Run and what it writes."""

import json
import math
import os
import re
import subprocess
import sys
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import minicrest
from minicrest import checkpoint
from minicrest.backend import device_of, to_numpy
from minicrest.datasets import Dataset
from minicrest.nn import BatchNorm2d, Flatten, Layer, Linear, Network, ReLU, SoftmaxCrossEntropy, SquaredError
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
    note: float | None = None
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


# a larger eps: the gradient of a bias before batch-norm is 0 but for rounding, which AdamW multiplies by up to 1/eps
@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("optimizer", [SGD(0.1, 0.9, 1e-3), AdamW(0.01, eps=1e-2)], ids=repr)
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
    assert run.ledger == oracle.ledger and run.ledger.cost == 42 + 45
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


def test_a_bill_ends_the_training_and_leads_the_schedule():
    """Each step costs 4 + 9: seven of them fit into 100, and an eighth would exceed it. The factor is the bill's."""
    factors = []

    def schedule(progress):
        factors.append(progress)
        return 1.0

    run = train(Sweep(asks=4), make()[0], SGD(), 1000, schedule=schedule, max_bill=100, progress=False)
    assert run.steps == 7 and run.complete and run.ledger.cost == 4 + 7 * 13 + 4  # the eighth's question was asked
    np.testing.assert_allclose(factors, [(4 + 13 * t) / 100 for t in range(1, 8)], rtol=1e-15)
    assert run.curve.step[-1] == 7 and run.curve.cost[-1] == 99
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


@pytest.mark.parametrize("bill", [4, 16, 17, 30, 99, 100.5])
def test_no_bill_is_overshot(bill):
    """What does not fit is not begun: not the preparation, no question and no step."""
    run = train(Sweep(asks=4), make()[0], SGD(), 50, max_bill=bill, progress=False)
    assert run.complete and run.ledger.cost <= bill and run.steps == max(0, int((bill - 4) // 13))
    nothing = train(Sweep(asks=4), make()[0], SGD(), 50, max_bill=3, progress=False)
    assert nothing.complete and nothing.steps == nothing.ledger.cost == 0 and nothing.report == {}


def test_a_run_that_spent_its_bill_is_not_trained_again(tmp_path):
    def go():
        return train(Sweep(asks=4), make()[0], SGD(), 50, max_bill=100, checkpoint=tmp_path / "a", progress=False)

    first, again = go(), go()
    assert again.complete and again.steps == first.steps == 7 and again.ledger == first.ledger


def test_no_step_has_two_rows():
    """The bill ends a training at a question, after which no step was made since the last evaluation."""
    curve = train(Sweep(asks=4), make()[0], SGD(), 50, max_bill=100, evaluate_every=1, progress=False).curve
    assert curve.step.tolist() == list(range(8)) and np.isfinite(curve.train_loss[1:]).all()


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"steps": 0}, ValueError, "steps must be at least 1, got 0"), ({"steps": 2.5}, TypeError, "steps must be"),
        ({"steps": float("nan")}, TypeError, "steps must be a whole number, got nan"),
        ({"max_bill": 0}, ValueError, "max_bill"), ({"max_bill": -1}, ValueError, "max_bill"),
        ({"max_bill": float("nan")}, ValueError, "max_bill"), ({"evaluate_every": 0}, ValueError, "evaluate_every"),
        ({"checkpoint_every": -1}, ValueError, "checkpoint_every must be at least 1, got -1"),
        ({"method": "crest"}, TypeError, r"such as those in minicrest\.selection, got 'crest'"),
        ({"method": Random}, TypeError, r"such as those in .* got a type"),
    ],
)  # fmt: skip
def test_wrong_arguments(wrong, error, message):
    given = {"method": Sweep(), "oracle": make()[0], "optimizer": SGD(), "steps": 5, "progress": False, **wrong}
    with pytest.raises(error, match=message):
        train(**given)


def test_no_test_part():
    """The curve is there, without values that need one."""
    run = train(Sweep(), make(test=False)[0], SGD(), 2, progress=False)
    assert np.isnan(run.curve.loss).all() and np.isnan(run.accuracy) and run.curve.step.tolist() == [0, 1, 2]
    assert np.isfinite(run.curve.train_loss[1:]).all()


# ---- divergence is a result


@pytest.mark.parametrize("device", ["cpu", "cuda"], indirect=True)
def test_a_diverged_training_ends_and_says_where(device, tmp_path):
    """With lr 1e300 the first step gives parameters of 1e299 or so, and the second losses that are not finite.

    The host looks after every step, a device only where the curve has a row.
    """
    run = train(Sweep(), make(device)[0], SGD(1e300), 40, evaluate_every=5, progress=False)
    assert run.diverged == 2 and run.complete and run.steps == (2 if device == "cpu" else 5)
    run.save(tmp_path / "run")
    found = json.loads((tmp_path / "run.json").read_text(), parse_constant=no_constants)
    assert found["diverged"] == 2 and checkpoint.load(tmp_path / "run.npz", device).diverged == 2
    assert train(Sweep(), make(device)[0], SGD(), 4, progress=False).diverged is None


def test_a_loss_that_is_not_finite_ends_it():
    """Errors of 1e160 have finite gradients and infinite squares: the losses alone tell."""
    data = Dataset(np.ones((20, 4)), np.ones((20, 1)), "toy")
    network = Network([Linear(4, 1)], SquaredError())
    run = train(Sweep(), Oracle(network, data, np.full(5, 1e160)), SGD(1e-300), 10, progress=False)
    assert run.diverged == run.steps == 1 and np.isfinite(run.theta).all()


class Refuses(Sweep):
    """Refuses features that are not finite, as facility location does; `broken`: also those that are."""

    broken, refused = False, 0

    def propose(self, state, oracle):
        if self.broken or not np.isfinite(to_numpy(oracle.logit_gradients(np.arange(20)))).all():
            self.refused += 1
            raise ValueError("features must be finite")
        return super().propose(state, oracle)


@pytest.mark.parametrize("device", ["cpu", "cuda"], indirect=True)
def test_a_method_that_meets_features_that_are_not_finite_has_diverged(device):
    """At once, on a device too: its first error ends the training."""
    method = Refuses()
    run = train(method, make(device)[0], SGD(1e160), 40, evaluate_every=40, progress=False)
    assert run.diverged == run.steps < 40 and run.complete and method.refused == 1


def test_an_error_of_the_method_itself_is_no_divergence():
    class Broken(Refuses):
        broken = True

    with pytest.raises(ValueError, match="features must be finite"):
        train(Broken(), make()[0], SGD(), 4, progress=False)


# ---- preparation


@dataclass(frozen=True)
class Slow(Sweep):
    """Asks ten questions before training."""

    def init(self, oracle):
        for _ in range(10):
            oracle.losses(np.arange(5))
        return Seen()


def test_stop_ends_a_preparation_at_the_next_question(tmp_path):
    oracle, *_ = make()
    path = tmp_path / "a"
    run = train(Slow(), oracle, SGD(), 5, stop=lambda: oracle.ledger.cost >= 15, checkpoint=path, progress=False)
    assert run.steps == 0 and not run.complete and oracle.ledger.cost == 15 and np.isnan(run.accuracy)
    whole = train(Slow(), make()[0], SGD(), 5, checkpoint=path, progress=False)  # begins anew, to the same end
    assert whole.ledger.phases["prepare"].forward == 50
    assert whole.theta.tobytes() == train(Slow(), make()[0], SGD(), 5, progress=False).theta.tobytes()


# ---- what a training is called


def falling(progress):
    return 1 - 0.5 * progress


class Plain:
    """A method that is no dataclass."""

    def __init__(self, m):
        self.m = m

    def init(self, oracle):
        return Sweep(self.m).init(oracle)

    def propose(self, state, oracle):
        return Sweep(self.m).propose(state, oracle)

    def observe(self, state, feedback):
        return state

    def report(self, state):
        return {}


def test_functions_and_plain_objects_are_known_by_module_name_and_values(tmp_path):
    def go(m, path):
        stop = (lambda: oracle.time == 3) if not path.exists() else (lambda: False)
        oracle, *_ = make()
        return train(Plain(m), oracle, SGD(), 6, schedule=falling, checkpoint=path, stop=stop, progress=False)

    go(3, tmp_path / "a")
    run = go(3, tmp_path / "a")
    assert run.complete and run.settings["schedule"] == f"{__name__}.falling"
    assert run.settings["hyperparameters"] == {"m": 3}
    with pytest.raises(ValueError, match=r"another training \(hyperparameters: {'m': 3} there, {'m': 4} here"):
        go(4, tmp_path / "a")


def test_what_has_no_lasting_description_is_refused_if_a_checkpoint_is_wanted(tmp_path):
    for schedule in (lambda progress: 1.0, partial(falling)):
        assert train(Sweep(), make()[0], SGD(), 2, schedule=schedule, progress=False).complete
        with pytest.raises(TypeError, match=r"needs a description that lasts, not .*give a function of a module"):
            train(Sweep(), make()[0], SGD(), 2, schedule=schedule, checkpoint=tmp_path / "a", progress=False)
    assert not any(tmp_path.iterdir())


class Nameless(ReLU):
    """A layer whose repr is its address."""

    __repr__ = object.__repr__


@dataclass(frozen=True)
class Table:
    """A schedule that is looked up."""

    values: np.ndarray

    def __call__(self, progress):
        return float(self.values[int(progress * (len(self.values) - 1))])


def test_a_network_without_a_lasting_description_is_refused_too(tmp_path):
    net = Network([Linear(2, 4), Nameless(), Linear(4, 3)], SoftmaxCrossEntropy())
    data = Dataset(np.ones((6, 2)), np.arange(6) % 3)
    with pytest.raises(TypeError, match=r"needs a description that lasts, not .*Nameless object at"):
        train(Sweep(), Oracle(net, data, net.initialize(0)), SGD(), 2, checkpoint=tmp_path / "a", progress=False)


@pytest.mark.parametrize("at, move", [(1000, 1.0), (0, 1e-12)])
def test_long_arrays_and_last_digits_are_described(at, move, tmp_path):
    values = np.ones(2001)
    train(Sweep(), make()[0], SGD(), 2, schedule=Table(values), checkpoint=tmp_path / "a", progress=False)
    other = values.copy()
    other[at] += move
    with pytest.raises(ValueError, match="belongs to another training"):
        train(Sweep(), make()[0], SGD(), 2, schedule=Table(other), checkpoint=tmp_path / "a", progress=False)


def test_a_run_keeps_its_bill():
    """Whatever the oracle is asked later."""
    oracle = make()[0]
    run = train(Sweep(), oracle, SGD(), 3, progress=False)
    bill = run.ledger.cost
    oracle.losses(np.arange(2))
    assert run.ledger.cost == bill == oracle.ledger.cost - 2


def test_the_number_of_blas_threads_changes_no_bit(tmp_path):
    """In two processes. The products are so long that BLAS sums them in another order when it shares them."""
    code = (
        "import sys, numpy as np, minicrest; r = np.random.default_rng(0); net = minicrest.mlp((1797, 64, 10));"
        "data = minicrest.Dataset(r.standard_normal((300, 1797)).astype('float32'), np.arange(300) % 10);"
        "run = minicrest.train(minicrest.METHODS['full'](m=300), minicrest.Oracle(net, data, net.initialize(0)),"
        " minicrest.SGD(), 4, progress=False); sys.stdout.write(run.theta.tobytes().hex())"
    )
    found = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True,
                       env={**os.environ, "OMP_NUM_THREADS": n, "OPENBLAS_NUM_THREADS": n}).stdout for n in ("1", "2")
    ]  # fmt: skip
    assert found[0] == found[1] and len(found[0]) > 1000


def test_blas_keeps_to_one_thread_in_a_training():
    """Whatever a method multiplies, and on processors whose BLAS gives the same bits for the products above."""
    seen = []

    class Looks(Sweep):
        def propose(self, state, oracle):
            seen.extend(library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas")
            return super().propose(state, oracle)

    with threadpool_limits(2):
        train(Looks(), make()[0], SGD(), 3, progress=False)
    assert set(seen) == {1}


def test_the_module_can_be_called():
    import minicrest.train as module

    assert minicrest.train is module and module.train is train and callable(module)
    assert module(Sweep(), make()[0], SGD(), 2, progress=False).steps == 2


@pytest.mark.parametrize("name", sorted(set(minicrest.__all__)))
def test_the_package_hands_on(name):
    assert name in dir(minicrest) and getattr(minicrest, name) is not None


def test_the_package_hands_on_nothing_else():
    with pytest.raises(AttributeError, match="no attribute 'surprise'"):
        _ = minicrest.surprise


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
    assert found["settings"]["method"] == "sweep"
    assert found["settings"]["hyperparameters"] == {"m": 3, "asks": 2, "note": None}
    assert found["settings"]["optimizer"] == repr(SGD(0.1)) and found["settings"]["seed"] == 0
    assert re.match(r"[0-9a-f]{16}$", found["settings"]["data"]) and found["settings"]["data_name"] == "toy"


def test_infinite_hyper_parameters_are_null_in_the_json(tmp_path):
    run = train(Sweep(note=math.inf), make()[0], SGD(), 2, progress=False)
    run.save(tmp_path / "run")
    found = json.loads((tmp_path / "run.json").read_text(), parse_constant=no_constants)
    assert found["settings"]["hyperparameters"] == {"m": 3, "asks": 0, "note": None}


def test_a_loaded_run_predicts_in_a_new_process(tmp_path):
    """Networks are stored with their layers; no import but the checkpoint's is needed."""
    run = train(Random(4), make(norm=True)[0], SGD(), 6, progress=False)
    run.save(tmp_path / "my.run")
    x = stream(0, "new").standard_normal((300, 4))
    np.save(tmp_path / "x.npy", x)
    code = ("from minicrest import checkpoint; import numpy as np; run = checkpoint.load('my.run.npz');"
            "print(*run.predict(np.load('x.npy', allow_pickle=False)))")  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    expected = run.network.predict(run.theta, x, run.statistics)
    assert (run.predict(x) == expected).all() and [int(k) for k in done.stdout.split()] == expected.tolist()
    assert repr(checkpoint.load(tmp_path / "my.run.npz").network) == repr(run.network)


def test_predict_scales_raw_images_as_in_training():
    x = stream(0, "images").integers(0, 256, (8, 1, 2, 2)).astype("uint8")
    data = Dataset(x, np.arange(8) % 2, scale=np.array([1 / 255]), shift=np.array([-0.5]))
    network = Network([Flatten(), Linear(4, 2)], SoftmaxCrossEntropy())
    run = train(Random(4), Oracle(network, data, network.initialize(0)), SGD(), 3, progress=False)
    assert (run.predict(x) == network.predict(run.theta, data.inputs(None), run.statistics)).all()
    assert (run.predict(x.tolist()) == run.predict(x)).all()


def test_a_network_that_cannot_be_stored_is_left_out(tmp_path):
    class Mystery(Layer):
        """A layer that is no dataclass."""

    network = Network([Flatten(), Linear(4, 3), Mystery()], SoftmaxCrossEntropy())
    run = replace(train(Sweep(), make()[0], SGD(), 2, progress=False), network=network)
    run.save(tmp_path / "run")
    with pytest.raises(ValueError, match="this Run has no network"):
        checkpoint.load(tmp_path / "run.npz").predict(np.zeros((2, 4)))


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
