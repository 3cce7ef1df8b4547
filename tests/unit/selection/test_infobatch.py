"""InfoBatch: the sum over an epoch is unbiased, by enumeration and by lot; and training ends on all the data."""

from dataclasses import replace
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest

from minicrest.backend import to_numpy
from minicrest.datasets import Dataset
from minicrest.learner import Learner
from minicrest.nn import Linear, Tanh
from minicrest.optim import SGD
from minicrest.oracle import Feedback, Oracle
from minicrest.random import stream
from minicrest.selection import infobatch
from minicrest.selection.infobatch import InfoBatch, pruned
from minicrest.train import train
from tests.unit.test_oracle import Spy, spied

LOSS = np.array([0.1, 2.0, 0.3, 5.0, 0.2, 0.05])  # mean 1.275: four are easy; the median would make it three
G = stream(0, "infobatch gradients").standard_normal((6, 3))


def real(device="cpu", n=20):
    rng = stream(0, "test infobatch")
    part = [Dataset(rng.standard_normal((k, 3)), np.arange(k) % 4, "toy") for k in (n, 4)]
    data = Dataset(part[0].x, part[0].y, "toy", test=part[1]).to(device)
    spy = Spy([Linear(3, 5), Tanh(), Linear(5, 4)])
    return Oracle(spy, data, spy.initialize(1, "float64", device), seed=3), spy


def watched(method):
    """Record what `method` proposes: its batches, the progress at which it did, and the states after."""
    seen, propose = SimpleNamespace(method=method, batches=[], progress=[], states=[]), method.propose

    def record(state, oracle):
        batch, state = propose(state, oracle)
        for list_, new in ((seen.batches, batch), (seen.progress, oracle.progress), (seen.states, state)):
            list_.append(new)
        return batch, state

    object.__setattr__(method, "propose", record)
    return seen


class Sized:
    """As much of an oracle as InfoBatch needs: it asks nothing."""

    def __init__(self, seed=0, progress=0.0, n=6):
        self.seed, self.progress, self.n = seed, progress, n

    def __len__(self):
        return self.n


# ---- one epoch


@pytest.mark.parametrize("q", [0.5, 0.3, 0.0])
def test_the_epoch_sum_is_unbiased(q):
    """Exactly: over all 2^6 patterns of dropping, each with its probability, the mean of sum w_i g_i is sum g_i."""
    mean, most = 0, 0
    for drop in product([False, True], repeat=6):
        draws = np.where(drop, q / 2, (1 + q) / 2) if q else np.where(drop, 0.2, 0.7)
        probability = np.prod(np.where(drop, q, 1 - q)) if q else 0.5**6
        kept, weights = pruned(LOSS, q, draws)
        mean, most = mean + probability * weights @ G[kept], max(most, 6 - len(kept))
    np.testing.assert_allclose(mean, G.sum(axis=0), rtol=1e-12, atol=1e-13)
    assert most == (4 if q else 0)


def test_the_method_is_unbiased_over_seeds():
    """As proposed, batches and all: 4000 seeds, |z| < 5 in each of 3 coordinates; false alarm 2e-6."""
    method, sums = InfoBatch(m=4), []
    for seed in range(4000):
        oracle = Sized(seed)
        state, total = method.observe(method.init(oracle), Feedback(np.arange(6), LOSS, None)), 0
        while state.subset is None or state.subset.passes(4) < 1:
            batch, state = method.propose(state, oracle)
            total = total + batch.weights @ G[batch.indices]
        sums.append(total)
    sums = np.array(sums)
    z = (sums.mean(axis=0) - G.sum(axis=0)) / (sums.std(axis=0) / np.sqrt(len(sums)))
    assert abs(z).max() < 5 and sums.std(axis=0).min() > 0.1


def test_easy_is_below_the_mean_and_the_rest_stays_with_weight_one():
    """All draws below q: the easy go. None below: they stay, with weight 1/(1 - q), each beside its own index."""
    kept, weights = pruned(LOSS, 0.5, np.full(6, 0.1))
    np.testing.assert_array_equal(kept, [1, 3])
    np.testing.assert_array_equal(weights, [1, 1])
    kept, weights = pruned(LOSS, 0.75, np.full(6, 0.9))
    np.testing.assert_array_equal(kept, np.arange(6))
    np.testing.assert_array_equal(weights, [4, 1, 4, 1, 4, 4])


def test_equal_losses_are_never_all_dropped():
    """The rounded mean of equal numbers can exceed them."""
    n = next(n for n in range(2, 100) if np.full(n, 0.1).mean() > 0.1)
    assert len(pruned(np.full(n, 0.1), 0.5, np.zeros(n))[0]) == n


def test_a_step_is_n_over_kept_times_the_mean_gradient():
    """Half of the examples are easy, q = 1/2: 3/4 are kept, the weights average 4/3 = n/|kept|, not 1; their sum, what
    an epoch's steps of (1/m) sum w g make together, is that of full training."""
    n = 4000
    loss = np.arange(n) % 2 * 1.0
    kept, weights = pruned(loss, 0.5, stream(0, "draws").random(n))
    assert abs(len(kept) - 3000) < 5 * np.sqrt(2000 / 4)
    assert abs(weights.sum() - n) < 5 * np.sqrt(2000)  # sd of 2 Binomial(2000, 1/2)
    assert weights.mean() == pytest.approx(n / len(kept), rel=5 * np.sqrt(2000) / n)


# ---- a whole training


@pytest.mark.parametrize("first", [1.0, 3.0])
def test_the_first_epoch_has_all_the_data(first, monkeypatch):
    monkeypatch.setattr(infobatch, "INITIAL_LOSS", first)
    oracle, _ = real()
    seen = watched(InfoBatch(m=6))
    train(seen.method, oracle, SGD(0.1), 20, progress=False)
    np.testing.assert_array_equal(np.sort(np.concatenate([b.indices for b in seen.batches[:4]])), np.arange(20))
    assert all((b.weights == 1).all() for b in seen.batches[:4])
    sizes = seen.method.report(seen.states[-1])["epoch_size"]
    assert sizes[0] == 20 and (sizes[1:4] < 20).all()


@pytest.mark.parametrize("steps, budget, delta", [
    (61, None, 0.875), (40, None, 0.33), (500, 3000.0, 0.7), (30, None, 0.0),
])  # fmt: skip
def test_annealing_has_all_the_data_with_weight_one(steps, budget, delta):
    """From progress delta on, wherever in an epoch that falls (61 steps: 13.3 epochs of 4), by steps or by bill."""
    oracle, _ = real()
    seen = watched(InfoBatch(m=6, delta=delta))
    train(seen.method, oracle, SGD(0.1), steps, max_bill=budget, progress=False)
    late = [batch for batch, progress in zip(seen.batches, seen.progress) if progress >= delta]
    early = [batch for batch, progress in zip(seen.batches, seen.progress) if progress < delta]
    part = sum(3 * len(b.indices) for b in late) / budget if budget else len(late) / steps
    one_step = 3 * 6 / budget if budget else 1 / steps
    assert abs(part - (1 - delta)) <= one_step  # training passes delta, and the bill its budget, within a step
    assert len(late) >= 4 and all((batch.weights == 1).all() for batch in late)
    for start in range(0, len(late) - 3, 4):
        one_pass = np.concatenate([batch.indices for batch in late[start : start + 4]])
        np.testing.assert_array_equal(np.sort(one_pass), np.arange(20))
    assert delta == 0 or any((b.weights == 2).any() for b in early)


def test_a_full_epoch_under_way_at_delta_goes_on():
    """The first epoch drops nothing; delta inside it restarts nothing: the two halves are one pass."""
    method = InfoBatch(m=2, delta=0.5)
    state, seen = method.init(Sized()), []
    for progress in (0.4, 0.6, 0.8):
        batch, state = method.propose(state, Sized(progress=progress))
        seen.extend(batch.indices)
    assert sorted(seen) == list(range(6))


def test_a_pruned_epoch_that_dropped_nothing_ends_at_delta():
    """Four easy examples of six, and a chance of 1e-9 to drop each: all stay, those with weights just above 1."""
    method = InfoBatch(m=2, q=1e-9, delta=0.5)
    state = replace(method.init(Sized()), loss=np.array([5.0, 1, 1, 1, 1, 5]))
    _, state = method.propose(state, Sized(progress=0.4))
    assert len(state.subset.indices) == 6 and (state.subset.weights > 1).sum() == 4
    _, state = method.propose(state, Sized(progress=0.6))
    assert (state.subset.weights == 1).all() and state.sizes.tolist() == [6, 6]


def test_observed_losses_reach_their_own_examples(device):
    """The planted one, of a label that its input contradicts, is stored high, is never dropped, and weighs 1."""
    oracle, _ = real(device)
    method = InfoBatch(m=6)
    state = method.init(oracle)
    batch, proposed = method.propose(state, oracle)
    _, feedback, _ = Learner(oracle).step(batch)
    after = method.observe(proposed, feedback)
    expected = np.ones(20)
    expected[batch.indices] = to_numpy(oracle.losses(batch.indices))
    np.testing.assert_allclose(after.loss, expected, rtol=1e-12)
    assert (proposed.loss == 1).all()  # a new state, not the old one changed
    state = method.observe(state, Feedback(np.arange(20), np.where(np.arange(20) == 13, 99.0, 0.1), None))
    for _ in range(40):
        batch, state = method.propose(state, oracle)
        assert (batch.weights[batch.indices == 13] == 1).all() and (batch.weights[batch.indices != 13] == 2).all()
        state = method.observe(state, Feedback(np.array([0]), np.array([0.1]), None))
    assert all(13 in kept for kept in epochs(method, state, oracle, 10))


def test_every_epoch_drops_others():
    """Of 40 epochs with the same losses an easy example is in some and not in others; all alike: p < 4 * 2^-39."""
    method, oracle = InfoBatch(m=6), Sized()
    state = method.observe(method.init(oracle), Feedback(np.arange(6), LOSS, None))
    kept = epochs(method, state, oracle, 40)
    for i in range(6):
        assert 0 < sum(i in each for each in kept) < 40 or (i in (1, 3) and all(i in each for each in kept))


def epochs(method, state, oracle, count):
    """The index sets of the next `count` epochs that begin."""
    found = []
    while len(found) < count:
        before = len(state.sizes)
        _, state = method.propose(state, oracle)
        if len(state.sizes) > before:
            found.append(set(state.subset.indices))
    return found


def test_the_bill_is_the_spys_and_only_for_training():
    """InfoBatch asks nothing: no forward pass but those of the steps."""
    oracle, spy = real()
    run = train(InfoBatch(m=6), oracle, SGD(0.1), 30, progress=False)
    bill = spied(run.ledger)
    assert bill["forward"] == bill["backward"] == run.uses.sum() and bill["hessian"] == 0
    assert sum(run.ledger.phases[name].cost for name in ("prepare", "select")) == 0
    evaluations = len(run.curve.step) * 4  # the test part, not billed
    assert spy.counts == {**bill, "forward": bill["forward"] + evaluations}


@pytest.mark.parametrize("stop_at", [5, 23])
def test_resumes_bit_for_bit(stop_at, tmp_path):
    """Stopped inside a pruned epoch, and inside the annealing (delta = 0.7 of 30 steps is step 21)."""
    optimizer, path = SGD(0.1, momentum=0.9), tmp_path / "stopped.npz"
    whole = train(InfoBatch(m=6, delta=0.7), real()[0], optimizer, 30, progress=False)
    seen = watched(InfoBatch(m=6, delta=0.7))
    at = dict(progress=False, checkpoint=path)
    train(seen.method, real()[0], optimizer, 30, stop=lambda: len(seen.batches) == stop_at, **at)
    assert len(seen.batches) == stop_at and seen.states[-1].subset.passes(6) == 0
    resumed = train(InfoBatch(m=6, delta=0.7), real()[0], optimizer, 30, **at)
    np.testing.assert_array_equal(resumed.theta, whole.theta)
    np.testing.assert_array_equal(resumed.uses, whole.uses)


@pytest.mark.parametrize("wrong, words", [
    (dict(m=0), "m must be at least 1"), (dict(q=1.0), "q must be"), (dict(delta=1.1), "delta"),
])  # fmt: skip
def test_impossible_hyper_parameters_are_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        InfoBatch(**wrong)
