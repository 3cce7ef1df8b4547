"""Selective-Backprop: ranks among the remembered losses, what is kept, the mean over the kept, the memory."""

from itertools import product

import numpy as np
import pytest

from minicrest.backend import to_device, to_numpy
from minicrest.batch import Feedback, uniform
from minicrest.learner import Learner
from minicrest.optim import SGD
from minicrest.selection import selective_backprop
from minicrest.selection.selective_backprop import History, SelectiveBackprop
from minicrest.train import train
from tests.unit.selection.test_thinning import fixed, real


def chosen(method, state, losses, draws, monkeypatch, device="cpu"):
    """The weights that it chooses for these losses and draws."""
    monkeypatch.setattr(selective_backprop, "stream", fixed(draws))
    return method.choose(state, Feedback(np.arange(len(losses)), to_device(np.array(losses), device), None))


def test_the_step_is_the_mean_over_the_kept(device, monkeypatch):
    """Unweighted, over each of the 2^5 subsets that may be kept; nothing where nothing is kept."""
    oracle, spy = real(device)
    method, V = SelectiveBackprop(m=5), np.array([1, 7, 20, 3, 11])
    x, y = oracle._data.inputs(V, "float64"), oracle._data.targets(V)
    G = to_numpy(spy.per_example_gradients(oracle.theta, x, y))
    largest = int(to_numpy(spy.losses(oracle.theta, x, y)).argmax())
    for kept in map(np.array, product([True, False], repeat=5)):
        monkeypatch.setattr(selective_backprop, "stream", fixed(np.where(kept, 0.0, 1 - 2.0**-53)))
        gradient, feedback, _ = Learner(oracle).step(uniform(V), lambda f: method.choose(method.init(oracle), f))
        kept[largest] = True  # of rank 1: kept whatever is drawn
        assert ((feedback.weights > 0) == kept).all()
        np.testing.assert_allclose(to_numpy(gradient), G[kept].mean(0), rtol=1e-12, atol=1e-15)


def test_nothing_kept_moves_nothing(monkeypatch):
    method, state = SelectiveBackprop(m=2), History(1, np.array([5.0, 6.0, 7.0]))
    weights = chosen(method, state, [1.0, 2.0], [0.999, 0.999], monkeypatch)
    assert weights.tolist() == [0, 0]


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0, 2.0, 3.0])
def test_chances_are_the_power_of_the_rank(beta, device, monkeypatch):
    """Memory 1, 2, 3, 4 and losses 2.5, 9, 0, 2: of these eight 5, 8, 1 and 4 are at most as large."""
    state, rank = History(1, np.array([4.0, 2.0, 1.0, 3.0])), np.array([5, 8, 1, 4]) / 8
    method = SelectiveBackprop(m=4, beta=beta)
    for shift, expected in [(-1e-12, [True] * 4), (1e-12, [False] * 4)]:
        draws = np.clip(rank**beta + shift, 0, 1)
        weights = chosen(method, state, [2.5, 9.0, 0.0, 2.0], draws, monkeypatch, device)
        assert ((weights > 0) == expected).all()
        assert weights.sum() in (0, 4) and type(weights) is np.ndarray


def test_ranks_are_among_the_last_R(monkeypatch):
    """With R = 4 and a batch of 2, the last 2 remembered and the batch itself count."""
    method, state = SelectiveBackprop(m=2, R=4, beta=1.0), History(3, np.array([9.0, 9.0, 9.0, 1.0]))
    weights = chosen(method, state, [2.0, 0.0], [0.49, 0.24], monkeypatch)  # among 9, 1, 2, 0: 3/4 and 1/4
    assert (weights > 0).tolist() == [True, True]
    weights = chosen(method, state, [2.0, 0.0], [0.74, 0.26], monkeypatch)
    assert (weights > 0).tolist() == [True, False] and weights[0] == 2
    weights = chosen(method, state, [2.0, 0.0], [0.76, 0.24], monkeypatch)
    assert (weights > 0).tolist() == [False, True]


def test_more_candidates_than_memory(monkeypatch):
    """With R below m the ranks are among the last R of the batch."""
    weights = chosen(SelectiveBackprop(m=3, R=2, beta=1.0), History(0, np.zeros(0)), [5.0, 1.0, 2.0],
                     [0.99, 0.49, 0.51], monkeypatch)  # fmt: skip
    assert (weights > 0).tolist() == [True, True, True]


def test_equal_losses_have_equal_ranks(monkeypatch):
    weights = chosen(SelectiveBackprop(m=3), History(0, np.zeros(0)), [1.0, 1.0, 1.0], [0.99] * 3, monkeypatch)
    assert weights.tolist() == [1, 1, 1]


def test_it_remembers_the_last_R_losses(device):
    """Those of the training step, in the order of the batches, whether kept or not."""
    oracle, _ = real(device)
    method, past = SelectiveBackprop(m=10, R=25), []
    state = method.init(oracle)
    assert state.step == 0 and state.losses.shape == (0,)
    for _ in range(5):
        batch, state = method.propose(state, oracle)
        _, feedback, _ = Learner(oracle).step(batch, lambda f, s=state: method.choose(s, f))
        state = method.observe(state, feedback)
        past += to_numpy(feedback.losses).tolist()
        assert state.losses.tolist() == past[-25:] and state.losses.dtype == np.float64


def test_beta_of_0_keeps_all():
    oracle, _ = real()
    run = train(SelectiveBackprop(m=8, beta=0.0), oracle, SGD(0.1), 6, progress=False)
    assert run.uses.sum() == 48 and run.ledger.cost == 3 * 48


def test_a_third_is_kept_by_default():
    """The mean of F^2 for F uniform; the losses of weights that stand still are exchangeable: 5 standard deviations."""
    oracle, method, kept = real()[0], SelectiveBackprop(m=8), 0
    state = method.init(oracle)
    for step in range(600):
        batch, state = method.propose(state, oracle)
        _, feedback, _ = Learner(oracle).step(batch, lambda f, s=state: method.choose(s, f))
        state = method.observe(state, feedback)
        kept += np.count_nonzero(feedback.weights) if step >= 150 else 0
    expected = np.mean((np.arange(1, 25) / 24) ** 2) * 450 * 8  # 24 losses, each once a pass
    assert abs(kept - expected) < 5 * np.sqrt(450 * 8 * 0.24)
