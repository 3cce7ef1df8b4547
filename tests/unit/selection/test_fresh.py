"""Fresh: the step is on the medoids of this very step's p - y, by an independent loop; the bill; ties."""

import numpy as np
import pytest

from minicrest.backend import to_numpy
from minicrest.batch import Feedback, uniform
from minicrest.learner import Learner
from minicrest.optim import SGD
from minicrest.selection.base import epoch_slice
from minicrest.selection.fresh import Fresh
from minicrest.train import train
from tests.unit.selection.test_thinning import real


def medoids(a, m):
    """(chosen, sizes of their clusters), by the definition: the largest gain first, of equal gains the lowest index."""
    d = np.array([[np.linalg.norm(p - q) for q in a] for p in a])
    near, chosen = np.full(len(a), d.max()), []
    for _ in range(m):
        gains = [-1.0 if e in chosen else np.maximum(near - d[:, e], 0).sum() for e in range(len(a))]
        chosen.append(int(np.argmax(np.round(gains, 10))))
        near = np.minimum(near, d[:, chosen[-1]])
    owner = d[:, chosen].argmin(1)
    return chosen, np.bincount(owner, minlength=m)


@pytest.mark.parametrize("l2", [0.0, 0.1])
@pytest.mark.parametrize("m, r", [(1, 9), (3, 10), (4, None), (10, 10)])
def test_the_step_is_the_weighted_gradient_of_the_medoids(m, r, l2, device):
    """(1/r) sum gamma_j g_j, at the weights of this step, in training mode: 6 steps by hand."""
    oracle, _ = real(device, l2=l2)
    here, twin = real(l2=l2)
    method, data = Fresh(m=m, r=r), here._data
    state, theta = method.init(oracle), here.theta.copy()
    for step in range(6):
        batch, state = method.propose(state, oracle)
        V = epoch_slice(here, 24, r or 4 * m, step, "fresh")
        assert (batch.indices == V).all() and (batch.weights == 1).all()
        gradient, feedback, _ = Learner(oracle).step(batch, lambda f, s=state: method.choose(s, f))
        chosen, gamma = medoids(twin.logit_gradients(theta, data.x[V], data.y[V]), min(m, len(V)))
        G = twin.per_example_gradients(theta, data.x[V], data.y[V])
        expected = sum(size * G[j] for j, size in zip(chosen, gamma, strict=True)) / len(V)
        np.testing.assert_allclose(to_numpy(gradient), expected, rtol=1e-11, atol=1e-14)
        assert sorted(np.flatnonzero(feedback.weights)) == sorted(chosen) and feedback.weights.sum() == len(V)
        theta = theta - 0.3 * expected
        Learner(oracle).move(oracle.theta - 0.3 * gradient, oracle.statistics, step + 1)


def test_with_all_candidates_chosen_it_is_the_gradient_of_all():
    oracle, _ = real()
    method = Fresh(m=24, r=24)
    batch, state = method.propose(method.init(oracle), oracle)
    gradient, feedback, _ = Learner(oracle).step(batch, lambda f: method.choose(state, f))
    assert (feedback.weights == 1).all()
    np.testing.assert_allclose(gradient, oracle.gradient(uniform(np.arange(24))), rtol=1e-12, atol=1e-15)


def test_of_duplicates_one_goes_back():
    """The cluster of a second copy is empty: its weight is 0, and it is not billed."""
    oracle, _ = real()
    batch, method = uniform(np.array([5, 5, 5, 8, 8])), Fresh(m=4, r=5)
    _, feedback, _ = Learner(oracle).step(batch, lambda f: method.choose(method.init(oracle), f))
    assert sorted(feedback.weights) == [0, 0, 0, 2, 3] and oracle.ledger.cost == 5 + 2 * 2


@pytest.mark.parametrize("norm", [False, True])
def test_a_step_costs_r_and_twice_m(norm, device):
    oracle, spy = real(device, norm=norm)
    run = train(Fresh(m=3), oracle, SGD(0.1), 10, evaluate_every=10, progress=False)
    bill = run.ledger.phases["train"]
    assert (bill.forward, bill.backward) == (120, 120 if norm else 30) and run.uses.sum() == 30
    assert spy.counts["backward"] == bill.backward and run.ledger.cost == bill.cost


def test_fewer_candidates_than_medoids_at_the_end_of_a_pass():
    """24 examples in batches of 10: the last has 4 candidates for 6 places, and all of them weigh 1."""
    oracle, method = real()[0], Fresh(m=6, r=10)
    state = method.init(oracle)
    for size in (10, 10, 4):
        batch, state = method.propose(state, oracle)
        _, feedback, _ = Learner(oracle).step(batch, lambda f, s=state: method.choose(s, f))
        assert len(feedback.weights) == size == feedback.weights.sum()
        assert np.count_nonzero(feedback.weights) == min(6, size)


def test_features_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="features must be finite"):
        Fresh(m=1).choose(None, Feedback(np.arange(2), None, None, logit_gradients=np.array([[1.0], [np.nan]])))


def test_sizes():
    with pytest.raises(ValueError, match="r must be at least 4, got 3"):
        Fresh(m=4, r=3)
    with pytest.raises(ValueError, match="m must be at least 1, got 0"):
        Fresh(m=0)
    oracle = real()[0]
    assert len(Fresh(m=5).propose(Fresh(m=5).init(oracle), oracle)[0].indices) == 20
