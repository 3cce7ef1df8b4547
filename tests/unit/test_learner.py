"""A training step that chooses between its passes: gradient, bill, statistics, what is refused; and in a training."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pytest

from minicrest.backend import device_of, to_device, to_numpy
from minicrest.batch import Batch, Feedback, uniform
from minicrest.datasets import Dataset
from minicrest.learner import Learner
from minicrest.ledger import BillSpent
from minicrest.nn import SoftmaxCrossEntropy
from minicrest.optim import SGD, AdamW
from minicrest.random import stream
from minicrest.selection import METHODS, Method
from minicrest.selection.base import Counter
from minicrest.train import train
from tests.contract.test_contract import choices, make_method, make_oracle
from tests.unit.test_oracle import BATCH, I, make, spied

CHOOSING = [name for name, method in METHODS.items() if method.choose]
W = np.array([0.0, 2.0, 0.0, 0.5, 0.0])


def choose(weights, seen=None):
    """Chooses these weights, and notes the feedback that it gets."""

    def chosen(feedback):
        if seen is not None:
            seen.append(feedback)
        return weights

    return chosen


# ---- the step


@pytest.mark.parametrize("l2", [0.0, 0.1])
@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("weights", [W, np.ones(5), W[::-1]], ids=["two", "all", "others"])
def test_a_chosen_step_is_the_step_of_the_chosen_weights(weights, norm, l2, device):
    """The gradient, losses and logits of a batch that had these weights at once, on the same augmented images."""
    oracle, spy, data, theta, _ = make(device, augment=1, loss=SoftmaxCrossEntropy(l2=l2))
    if not norm:
        oracle = make_oracle(device)
        spy, data, theta = oracle._network, oracle._data, oracle.theta
    Learner(oracle).move(theta, oracle.statistics, 7)
    seen = []
    gradient, feedback, statistics = Learner(oracle).step(uniform(I), choose(weights, seen))
    x = data.augmented(I, stream(oracle.seed, "augment", 7), np.dtype("float64"))
    expected = spy.step(theta, x, data.targets(I), weights)
    np.testing.assert_allclose(to_numpy(gradient), to_numpy(expected.gradient), rtol=1e-12, atol=1e-15)
    for name in ("losses", "logits"):
        assert (to_numpy(getattr(feedback, name)) == to_numpy(getattr(expected, name))).all()
    assert (feedback.weights == weights).all() and feedback.weights.dtype == np.float64
    assert (statistics is None) == (not norm)
    if norm:
        assert (to_numpy(statistics) == to_numpy(expected.statistics)).all()
    (given,) = seen
    assert type(given) is Feedback and (given.weights == 1).all() and (given.indices == I).all()
    p_minus_y = spy.logit_gradients(theta, x, data.targets(I))
    assert (to_numpy(given.logit_gradients) == to_numpy(p_minus_y)).all()
    assert device_of(given.logit_gradients) == device_of(given.losses) == device and given.seed == oracle.seed


def test_without_a_choice_the_batchs_own_weights_count(device):
    oracle, *_ = make(device)
    _, feedback, _ = Learner(oracle).step(BATCH)
    assert (feedback.weights == BATCH.weights).all() and type(feedback.weights) is np.ndarray
    empty = Batch(np.zeros(0, np.int64), np.zeros(0))
    _, feedback, _ = Learner(oracle).step(empty, choose(None))  # nobody is asked
    assert feedback.weights.shape == (0,) and feedback.logit_gradients.shape == (0, 3)


def test_the_images_are_augmented_once(device, monkeypatch):
    oracle, *_ = make(device, augment=1)
    drawn, augmented = [], Dataset.augmented
    monkeypatch.setattr(Dataset, "augmented", lambda self, *given: (drawn.append(0), augmented(self, *given))[1])
    Learner(oracle).step(uniform(I), choose(W))
    assert len(drawn) == 1


# ---- the bill


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("weights, kept", [(W, 2), (np.ones(5), 5), (np.zeros(5), 0)])
def test_forward_all_and_backward_the_kept(weights, kept, norm, device):
    """Batch-norm couples the rows: all go back, unless none has weight."""
    oracle = make_oracle(device, norm=norm)
    Learner(oracle).step(uniform(I), choose(weights))
    back = 5 if norm and kept else kept
    assert spied(oracle.ledger) == oracle._network.counts == {"forward": 5, "backward": back, "hessian": 0}
    assert type(oracle.ledger.cost) is int


@pytest.mark.parametrize("norm", [False, True])
def test_a_batch_with_weights_of_zero_pays_for_the_others_only(norm, device):
    oracle = make_oracle(device, norm=norm)
    Learner(oracle).step(Batch(I, W))
    assert oracle._network.counts["backward"] == spied(oracle.ledger)["backward"] == (5 if norm else 2)


def test_nothing_chosen_moves_nothing_but_momentum(device):
    oracle, *_ = make(device, loss=SoftmaxCrossEntropy(l2=0.1))
    gradient, feedback, statistics = Learner(oracle).step(uniform(I), choose(np.zeros(5)))
    assert (to_numpy(gradient) == 0).all() and statistics is None and feedback.losses.shape == (5,)
    assert oracle.ledger.cost == 5
    optimizer, theta = SGD(0.1, 0.9), oracle.theta.copy()
    state = optimizer.init(theta)
    state = optimizer.update(theta, theta.copy(), state, 1.0)
    before, velocity = to_numpy(theta).copy(), to_numpy(oracle.theta)
    optimizer.update(theta, gradient, state, 1.0)
    np.testing.assert_allclose(to_numpy(theta), before - 0.1 * 0.9 * velocity, rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("limit, spent", [(4, 0), (5, 5), (8, 5), (9, 9)])
def test_a_pass_that_does_not_fit_is_not_begun(limit, spent):
    """5 forward, then twice 2 back: the first does not fit in 4, the second not in 8."""
    oracle = make_oracle()
    oracle.ledger.limit = limit
    if spent == 9:
        Learner(oracle).step(uniform(I), choose(W))
    else:
        with pytest.raises(BillSpent):
            Learner(oracle).step(uniform(I), choose(W))
    assert oracle.ledger.cost == spent == oracle._network.counts["forward"] + 2 * oracle._network.counts["backward"]


# ---- what is refused


@pytest.mark.parametrize(
    "wrong, error, words",
    [
        (np.ones(4), ValueError, r"`choose` must return 5 finite weights >= 0.* shape \(4,\)"),
        (np.ones((5, 1)), ValueError, r"`choose` must return 5 .* shape \(5, 1\)"),
        (np.array([1, 1, np.nan, 1, 1]), ValueError, "`choose` must return 5 finite.*nan"),
        (np.array([1, 1, np.inf, 1, 1]), ValueError, "`choose` must return 5 finite.*inf"),
        (np.array([1, 1, -1e-9, 1, 1]), ValueError, "`choose` must return 5 finite weights >= 0.*-1"),
        (1.0, ValueError, r"`choose` must return 5 .* shape \(\)"),
        (None, TypeError, "what `choose` returns must be an array of numbers, got None"),
        (["a"] * 5, TypeError, "what `choose` returns must be an array of numbers"),
    ],
)
def test_what_is_no_choice_is_refused_by_name(wrong, error, words):
    oracle = make_oracle()
    with pytest.raises(error, match=words):
        Learner(oracle).step(uniform(I), choose(wrong))
    assert spied(oracle.ledger)["backward"] == 0


@pytest.mark.parametrize("weights", [[0, 2, 0, 1, 0], np.array([0, 2, 0, 1, 0]), np.array([0, 2, 0, 1, 0], "float32")])
def test_any_array_of_numbers_is_a_choice(weights, device):
    oracle = make_oracle(device)
    _, feedback, _ = Learner(oracle).step(uniform(I), choose(weights))
    assert feedback.weights.tolist() == [0, 2, 0, 1, 0] and feedback.weights.dtype == np.float64
    there = to_device(np.array([0.0, 2, 0, 1, 0]), device)
    assert Learner(oracle).step(uniform(I), choose(there))[1].weights.tolist() == [0, 2, 0, 1, 0]


# ---- in a training


@dataclass(frozen=True)
class First(Method):
    """Proposes `r` examples and trains on the `k` of the largest losses, each with weight r / k."""

    r: int = 8
    k: int = 2

    def init(self, oracle):
        return Counter()

    def propose(self, state, oracle):
        i = (state.step * self.r + np.arange(self.r)) % len(oracle)
        return uniform(i), replace(state, step=state.step + 1)

    def choose(self, state, feedback):
        weights = np.zeros(self.r)
        weights[np.argsort(-to_numpy(feedback.losses), kind="stable")[: self.k]] = self.r / max(1, self.k)
        return weights


# a larger eps: the gradient of a bias before batch-norm is 0 but for rounding, which AdamW multiplies by up to 1/eps
@pytest.mark.parametrize("optimizer", [SGD(0.1, 0.9), AdamW(0.02, eps=1e-2)], ids=repr)
@pytest.mark.parametrize("norm", [False, True])
def test_a_training_by_hand(norm, optimizer, device):
    """Ten steps from the network's own gradient: choices, weights, statistics and uses."""
    oracle, here = make_oracle(device, norm=norm), make_oracle(norm=norm)
    network, data, uses = here._network, here._data, np.zeros(48, int)
    theta, statistics = here.theta.copy(), here.statistics.copy()
    state = optimizer.init(theta)
    for step in range(10):
        i = (8 * step + np.arange(8)) % 48
        losses = network.step(theta, data.x[i], data.y[i]).losses
        weights = np.where(np.isin(np.arange(8), np.argsort(-losses)[:2]), 4.0, 0.0)
        done = network.step(theta, data.x[i], data.y[i], weights)
        state = optimizer.update(theta, done.gradient, state, 1.0)
        statistics = 0.9 * statistics + 0.1 * done.statistics if norm else statistics
        uses[i[weights > 0]] += 1
    run = train(First(), oracle, optimizer, 10, progress=False)
    np.testing.assert_allclose(to_numpy(run.theta), theta, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(to_numpy(run.statistics), statistics, rtol=1e-12)
    assert run.uses.tolist() == uses.tolist() and uses.sum() == 20
    assert (run.ledger.phases["train"].forward, run.ledger.phases["train"].backward) == (80, 80 if norm else 20)


def test_choose_sees_the_state_that_propose_returned():
    @dataclass(frozen=True)
    class Noting(First):
        steps: tuple = ()

        def choose(self, state, feedback):
            seen.append(state.step)
            return super().choose(state, feedback)

    seen = []
    train(Noting(), make_oracle(), SGD(0.1), 4, progress=False)
    assert seen == [1, 2, 3, 4]


def test_observe_sees_what_was_chosen():
    @dataclass(frozen=True)
    class Noting(First):
        def observe(self, state, feedback):
            seen.append(feedback.weights.copy())
            return state

    seen = []
    train(Noting(), make_oracle(), SGD(0.1), 4, progress=False)
    assert all(sorted(weights) == [0] * 6 + [4, 4] for weights in seen) and len(seen) == 4


@pytest.mark.parametrize("bill, steps, cost", [(12, 1, 12), (19, 1, 12), (20, 1, 20), (23, 1, 20), (24, 2, 24)])
def test_a_bill_spent_between_the_passes_ends_the_run(bill, steps, cost):
    """A step is 8 forward and 2 back, 12: a second needs 24, and its forward pass alone 20."""
    run = train(First(), make_oracle(), SGD(0.1), 50, max_bill=bill, progress=False)
    assert run.complete and run.steps == steps and run.ledger.cost == cost <= bill
    assert run.uses.sum() == 2 * steps and run.diverged is None
    one = train(First(), make_oracle(), SGD(0.1), steps, progress=False)
    assert run.theta.tobytes() == one.theta.tobytes()


def test_a_method_that_chooses_wrongly_is_an_error_and_no_divergence():
    @dataclass(frozen=True)
    class Wrong(First):
        def choose(self, state, feedback):
            return -super().choose(state, feedback)

    with pytest.raises(ValueError, match="`choose` must return 8 finite weights >= 0"):
        train(Wrong(), make_oracle(), SGD(0.1), 4, progress=False)


def test_nothing_chosen_for_ever_is_a_training_that_stands_still():
    oracle = make_oracle(norm=True)
    before, statistics = oracle.theta.copy(), oracle.statistics.copy()
    run = train(First(k=0), oracle, SGD(0.1, 0.9), 5, progress=False)
    assert (run.theta == before).all() and (run.statistics == statistics).all()
    assert run.ledger.cost == 40 and run.uses.sum() == 0 and run.complete


# ---- the methods that choose


def test_three_methods_choose():
    assert CHOOSING == ["selective-backprop", "fresh", "thinning"]


def chosen(name, device, steps=30):
    """The weights of a training's steps."""
    method, found = make_method(name), []
    original = method.choose
    object.__setattr__(method, "choose", lambda state, feedback: found.append(original(state, feedback)) or found[-1])
    train(method, make_oracle(device), SGD(0.1), steps, progress=False)
    return found


@pytest.mark.parametrize("device", ["cuda"], indirect=True)
@pytest.mark.parametrize("name", CHOOSING)
def test_the_device_chooses_the_same(name, device):
    """The same examples; the weights to rounding."""
    for there, here in zip(chosen(name, device), chosen(name, "cpu"), strict=True):
        assert ((there > 0) == (here > 0)).all() and type(there) is np.ndarray
        np.testing.assert_allclose(there, here, rtol=1e-9)
    assert any((w == 0).any() for w in chosen(name, "cpu"))
    assert len(choices(name, device)) == 30


@pytest.mark.parametrize("name", CHOOSING)
@pytest.mark.parametrize("norm", [False, True])
def test_they_resume_at_every_step(name, norm, tmp_path):
    """Bit for bit: theta, statistics, uses, bill."""

    def go(**named):
        return train(make_method(name), make_oracle(norm=norm), SGD(0.1, 0.9), 12, progress=False, **named)

    whole = go()
    for stop_at in range(12):
        oracle, path = make_oracle(norm=norm), tmp_path / f"{stop_at}"
        stop = partial(lambda o, t: o.time >= t, oracle, stop_at)
        train(make_method(name), oracle, SGD(0.1, 0.9), 12, progress=False, checkpoint=path, stop=stop)
        again = go(checkpoint=path)
        assert again.theta.tobytes() == whole.theta.tobytes()
        assert again.statistics.tobytes() == whole.statistics.tobytes()
        assert (again.uses == whole.uses).all() and again.ledger.cost == whole.ledger.cost
