"""CRAIG against a greedy written from the definition, its certificate against the theorem, and its bill.

In a planted pool the network is the identity and the loss is squared: within a class the gradients z - t differ as the
inputs do, so points placed by hand are gradients placed by hand. Classes alternate, so rows and indices can be told
apart.
"""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from minicrest import checkpoint
from minicrest.backend import to_device, to_numpy
from minicrest.datasets import Dataset
from minicrest.learner import Learner
from minicrest.nn import Linear, LogisticLoss, Network, SquaredError, mlp
from minicrest.optim import SGD
from minicrest.oracle import Oracle
from minicrest.random import stream
from minicrest.selection.craig import Craig
from minicrest.train import train

GRID = 1e-11  # of the certificate: distances are exact to 2^-44 of the largest, sums have at most 200 terms


def planted(x, y, device="cpu", names=("a", "b", "c")):
    """An oracle whose logit gradients are x (n, 3) less the one-hot rows of y (n,)."""
    net = Network([Linear(3, 3)], SquaredError())
    data = Dataset(np.asarray(x, dtype=float), np.asarray(y), "planted", names).to(device)
    theta = np.concatenate([np.eye(3).ravel(), np.zeros(3)])
    return Oracle(net, data, to_device(theta, device), seed=3)


def line(*positions):
    """(n, 3) points on the first axis."""
    return np.column_stack([positions, np.zeros((len(positions), 2))])


def pool(seed, n=40, device="cpu", dtype="float64", loss=None, sizes=(5, 8, 3)):
    """An oracle of a small net on random data in 3 classes of unequal size, in random order; its network and data."""
    rng = stream(seed, "test craig")
    data = Dataset(rng.standard_normal((n, sizes[0])), rng.choice(3, n, p=[0.5, 0.3, 0.2]), "pool", ("a", "b", "c"))
    data = replace(data, test=data).to(device)
    net = mlp(sizes) if loss is None else mlp(sizes, loss=loss)
    return Oracle(net, data, net.initialize(seed, dtype, device), seed=seed), net, data


def largest_remainder(k, sizes):
    """The k places, one by one: to each class its whole share first, then to the largest fraction left."""
    shares = [k * size / sum(sizes) for size in sizes]
    quotas = [int(share) for share in shares]
    while sum(quotas) < k:
        i = max(range(len(sizes)), key=lambda c: (shares[c] - quotas[c], -c))
        quotas[i] += 1
    return quotas


def naive_craig(a, y, k):
    """(indices, gamma) from the definition: in each class, the choice that leaves the smallest L, so many times.

    Ties happen (of two points nearest to each other either may stand for both); rounding to 9 digits shows them, and
    then the lowest index wins.
    """
    classes = sorted(set(y.tolist()))
    indices, gamma = [], []
    for c, quota in zip(classes, largest_remainder(k, [(y == c).sum() for c in classes])):
        members = np.flatnonzero(y == c)
        d, chosen = cdist(a[members], a[members]), []
        for _ in range(quota):
            left = [np.inf if e in chosen else d[:, chosen + [e]].min(1).sum() for e in range(len(members))]
            chosen.append(int(np.argmin(np.round(left, 9))))
        if quota:
            indices += members[chosen].tolist()
            gamma += np.bincount(d[:, chosen].argmin(1), minlength=quota).tolist()
    return np.array(indices), np.array(gamma)


def sorted_subset(subset):
    order = np.argsort(subset.indices)
    return subset.indices[order], subset.weights[order]


def select(method, oracle):
    """The state after the first proposal."""
    return method.propose(method.init(oracle), oracle)[1]


# ---- what is chosen


@pytest.mark.parametrize("seed", range(4))
def test_the_subset_is_that_of_naive_greedy(seed, device):
    oracle, net, data = pool(seed, device=device)
    subset = select(Craig(m=4, fraction=0.3), oracle).subset
    a = to_numpy(net.logit_gradients(oracle.theta, data.x, data.y))
    indices, gamma = naive_craig(a, oracle.labels, 12)
    assert gamma.sum() == len(oracle) and gamma.min() >= 1
    order = np.argsort(indices)
    found, weights = sorted_subset(subset)
    assert found.tolist() == indices[order].tolist()
    np.testing.assert_allclose(weights * len(oracle) / 12, gamma[order], rtol=1e-14)  # one product, one quotient


def test_distances_are_not_squared():
    """The 1-medoid is the median, 2; the point nearest to the mean, which squares would choose, is 3."""
    x = line(100, 3, 0, 2, 1)
    state = select(Craig(m=1, fraction=0.2), planted(x, np.zeros(5, int)))
    assert state.subset.indices.tolist() == [3]
    np.testing.assert_allclose(state.selected[0], [0, 98 + 1 + 2 + 1, 5, 1], rtol=GRID)


def test_a_far_example_gets_its_own_place_at_its_own_index():
    x = line(0.0, 0.1, 0.2, 0.3, 50, 0.4, 0.5, 0.6)
    y = np.array([0, 1, 0, 1, 0, 1, 0, 1])
    found, weights = sorted_subset(select(Craig(m=2, fraction=0.5), planted(x, y)).subset)
    assert 4 in found and set(y[found]) == {0, 1}
    assert weights[found == 4] == 0.5  # a cluster of 1, where the mean one has 2


def test_index_0_is_nothing_special():
    """By symmetry index 0 is chosen with probability k/n; a false alarm has probability below 1e-6 (5 sigma)."""
    trials, n, k, rng, hits = 300, 20, 4, stream(0, "index 0"), 0
    for _ in range(trials):
        oracle = planted(rng.standard_normal((n, 3)), np.zeros(n, int))
        hits += 0 in select(Craig(m=4, fraction=k / n), oracle).subset.indices
    mean = trials * k / n
    assert abs(hits - mean) < 5 * np.sqrt(mean * (1 - k / n))


def test_duplicates_are_left_out():
    """Two places, one point: the second medoid would have no cluster, and does not train."""
    state = select(Craig(m=2, fraction=0.5), planted(np.ones((4, 3)), np.zeros(4, int)))
    assert state.subset.indices.tolist() == [0] and state.subset.weights.tolist() == [1.0]


def test_everything_is_its_own_medoid():
    oracle, _, _ = pool(1)
    state = select(Craig(m=8, fraction=1.0), oracle)
    assert sorted(state.subset.indices) == list(range(40)) and set(state.subset.weights) == {1.0}
    assert state.selected[0, 1] < 1e-9  # 0, to the sum of 40 roundings of distances of size 1


def test_small_and_empty_classes():
    """Class 1 has one example, class 2 none; nobody is asked for more than there are."""
    y = np.array([0, 0, 0, 1, 0, 0, 0, 0])
    x = stream(0, "small").standard_normal((8, 3))
    for fraction, k in ((1.0, 8), (0.5, 4), (0.9, 7)):
        subset = select(Craig(m=2, fraction=fraction), planted(x, y)).subset
        assert len(set(subset.indices)) == len(subset.indices) == k


def test_float_targets_are_one_class():
    x, y = stream(0, "float").standard_normal((2, 15, 2))
    net = Network([Linear(2, 2)], SquaredError())
    oracle = Oracle(net, Dataset(x, y, "regression"), net.initialize(0, "float64"), seed=0)
    indices, _ = naive_craig(net.logit_gradients(oracle.theta, x, y), np.zeros(15, int), 5)
    assert sorted(select(Craig(m=2, fraction=1 / 3), oracle).subset.indices) == sorted(indices)


# ---- the certificate


@pytest.mark.parametrize("seed", range(4))
def test_the_certificate_is_its_definition_and_bounds_the_error(seed, device):
    """|sum a_i - sum gamma_j a_j| <= L(S) = sum_i min_j |a_i - a_j|, in every class and so in all (paper, eq. 3-8)."""
    oracle, net, data = pool(seed, device=device)
    state = select(Craig(m=4, fraction=0.2), oracle)
    a = to_numpy(net.logit_gradients(oracle.theta, data.x, data.y))
    S, gamma = state.subset.indices, state.subset.weights * len(oracle) / len(state.subset.indices)
    L = 0.0
    for c in range(3):
        L += cdist(a[oracle.labels == c], a[S[oracle.labels[S] == c]]).min(1).sum()
    report = Craig().report(state)
    np.testing.assert_allclose(report["certificate"], [L], rtol=GRID)
    assert 0 < np.linalg.norm(a.sum(0) - gamma @ a[S]) <= L
    np.testing.assert_allclose(report["largest_gamma"], [gamma.max()], rtol=1e-14)
    np.testing.assert_allclose(report["effective_size"], [gamma.sum() ** 2 / (gamma**2).sum()], rtol=1e-14)
    assert report["select_step"].tolist() == [0]


def test_a_class_without_a_place_is_in_the_certificate():
    """k = 1 for classes of 5 and 1: class 1 has no place, and its whole gradient is missing from the weighted sum."""
    x, y = line(5, 2, 30, 3, 4, 1), np.array([0, 0, 1, 0, 0, 0])
    oracle = planted(x, y)
    state = select(Craig(m=1, fraction=1 / 6), oracle)
    assert state.subset.indices.tolist() == [3]
    a = oracle.logit_gradients(np.arange(6))
    missing = np.linalg.norm(a[2])
    np.testing.assert_allclose(state.selected[0, 1], 2 + 1 + 1 + 2 + missing, rtol=GRID)
    assert np.linalg.norm(a.sum(0) - 5 * a[3]) <= state.selected[0, 1]


def test_closer_to_the_gradient_than_random_subsets():
    """Empirical, on 5 fixed pools: CRAIG's relative error of the mean gradient of p - y is below random's mean."""
    for seed in range(5):
        oracle, net, data = pool(seed, n=200)
        a = net.logit_gradients(oracle.theta, data.x, data.y)
        subset = select(Craig(m=4, fraction=0.1), oracle).subset
        mine = np.linalg.norm((subset.weights @ a[subset.indices]) / 20 - a.mean(0))
        rng = stream(seed, "random subsets")
        random = [np.linalg.norm(a[rng.choice(200, 20, replace=False)].mean(0) - a.mean(0)) for _ in range(20)]
        assert mine < 0.8 * np.mean(random)


# ---- when, and in which batches


def test_weights_have_mean_one_and_are_inherited():
    """A pass visits the subset once each; no batch has its weights renormalised; the last batch is the rest."""
    oracle, _, _ = pool(2)
    method = Craig(m=5, fraction=0.3, R=2)
    state = method.init(oracle)
    for _ in range(2):
        batches = []
        for _ in range(3):
            batch, state = method.propose(state, oracle)
            batches.append(batch)
        assert [len(b.indices) for b in batches] == [5, 5, 2]
        indices = np.concatenate([b.indices for b in batches])
        weights = np.concatenate([b.weights for b in batches])
        order = np.argsort(indices)
        np.testing.assert_array_equal(indices[order], sorted_subset(state.subset)[0])
        np.testing.assert_array_equal(weights[order], sorted_subset(state.subset)[1])
        np.testing.assert_allclose(weights.mean(), 1, rtol=1e-14)
        assert max(abs(b.weights.mean() - 1) for b in batches) > 0.05


@pytest.mark.parametrize("R", [1, 3])
def test_it_selects_anew_after_R_passes(R):
    """12 examples in batches of 5: a pass is 3 steps. The second selection is of the parameters at its time."""
    oracle, net, data = pool(3)
    method = Craig(m=5, fraction=0.3, R=R)
    state, first = method.init(oracle), None
    for step in range(6 * R + 1):
        Learner(oracle).move(net.initialize(3 + step // (3 * R), "float64"), oracle.statistics, step)
        _, state = method.propose(state, oracle)
        first = first or state.subset
    assert method.report(state)["select_step"].tolist() == [0, 3 * R, 6 * R]
    a = net.logit_gradients(net.initialize(5, "float64"), data.x, data.y)
    assert sorted(state.subset.indices) == sorted(naive_craig(a, oracle.labels, 12)[0])
    assert set(state.subset.indices) != set(first.indices)


def test_bill():
    """Selections of n forward passes, nothing else but the steps themselves."""
    oracle, _, _ = pool(4)
    train(Craig(m=5, fraction=0.3, R=2), oracle, SGD(), 14, progress=False)  # selections at steps 0, 6 and 12
    phases = oracle.ledger.phases
    assert (phases["select"].forward, phases["select"].backward, phases["select"].hessian) == (3 * 40, 0, 0)
    assert phases["prepare"].cost == 0 and set(phases) == {"prepare", "select", "train"}
    assert phases["train"].forward == phases["train"].backward == 4 * 12 + 5 + 5  # 4 passes and 2 batches


@pytest.mark.parametrize("features", ["logits", "raw"])
def test_resumes_from_a_checkpoint(features, tmp_path):
    oracle, _, _ = pool(5)
    method = Craig(m=5, fraction=0.3, features=features)
    state = method.init(oracle)
    for _ in range(4):
        _, state = method.propose(state, oracle)
    checkpoint.save(tmp_path / "state.npz", state)
    again = checkpoint.load(tmp_path / "state.npz")
    for _ in range(5):
        one, state = method.propose(state, oracle)
        two, again = method.propose(again, oracle)
        assert one.indices.tolist() == two.indices.tolist() and one.weights.tolist() == two.weights.tolist()


# ---- the convex form


def test_raw_features_are_chosen_once_without_the_network(device):
    oracle, net, data = pool(6, device=device)
    method = Craig(m=5, fraction=0.3, features="raw")
    state = method.init(oracle)
    chosen = state.subset.indices.tolist()
    indices, _ = naive_craig(to_numpy(data.x), oracle.labels, 12)
    assert sorted(chosen) == sorted(indices)
    for step in range(10):
        Learner(oracle).move(net.initialize(step, "float64", device), oracle.statistics, step)
        _, state = method.propose(state, oracle)
    assert state.subset.indices.tolist() == chosen and len(state.selected) == 1
    assert oracle.ledger.cost == 0


def test_raw_features_bound_the_error_of_every_linear_model():
    """For x with a 1 for the bias, |x_i - x_j| bounds |g_i - g_j| to a factor 1 + |w| max|x| / 4, since in one class
    (s_i - y) x_i - (s_j - y) x_j = (s_i - y) (x_i - x_j) + (s_i - s_j) x_j and the sigmoid has slope at most 1/4."""
    rng = stream(0, "raw bound")
    y = np.arange(60) % 2
    x = rng.standard_normal((60, 4)) + y[:, None]
    net = Network([Linear(4, 1)], LogisticLoss())
    oracle = Oracle(net, Dataset(x, y, "linear"), net.initialize(0, "float64"), seed=0)
    state = Craig(m=4, fraction=0.2, features="raw").init(oracle)
    longest = np.sqrt((x**2).sum(1) + 1).max()
    for size in (0.0, 0.1, 1.0, 10.0):
        w = size * rng.standard_normal(5)
        g = net.per_example_gradients(w, x, y)
        error = np.linalg.norm(g.sum(0) - (60 / 12) * state.subset.weights @ g[state.subset.indices])
        assert 0 < error <= (1 + np.linalg.norm(w) * longest / 4) * state.selected[0, 1]


@pytest.mark.parametrize("wrong", [dict(m=0), dict(fraction=0), dict(fraction=1.1), dict(R=0), dict(features="pixels")])
def test_hyperparameters_are_checked(wrong):
    with pytest.raises(ValueError, match=str(next(iter(wrong.values())))):
        Craig(**wrong)
