"""CREST piece by piece: on an oracle that answers as told, where every number is known, and on small real networks.

The names of the tests that pin the departures from the paper are those that minicrest/selection/crest.py cites.
"""

import math
from contextlib import nullcontext
from copy import copy
from dataclasses import dataclass, replace

import numpy as np
import pytest

from minicrest.backend import to_numpy
from minicrest.batch import weighted
from minicrest.datasets import Dataset
from minicrest.learner import Learner
from minicrest.nn import Answers, Flatten, Linear, ReLU, SoftmaxCrossEntropy, SquaredError
from minicrest.optim import SGD, AdamW
from minicrest.oracle import Oracle
from minicrest.random import stream
from minicrest.selection import Crest
from minicrest.submodular import facility_location
from minicrest.taylor import Quadratic
from minicrest.train import train
from tests.contract.test_contract import make_oracle
from tests.unit.test_oracle import Spy, spied

# ---- an oracle that answers as told


class Scripted:
    """n = 40 examples, d = 3 parameters; `now` is the loss that L_r measures, `loss` the losses met when selecting."""

    seed, device, dtype, size = 0, "cpu", np.dtype("float64"), 3

    def __init__(self, n=40):
        self.theta, self.loss, self.now, self.statistics = np.zeros(3), np.ones(n), 1.0, np.zeros(0)
        self.labels = np.arange(n) % 2
        self.features = stream(n, "scripted").standard_normal((n, 2))
        self.g, self.H = np.zeros(3), np.ones(3)
        self.subsets, self.checks, self.batches, self.probes, self.diagonals = [], [], [], [], 0

    def __len__(self):
        return len(self.loss)

    def phase(self, name):
        return nullcontext()

    def at(self, theta, statistics):
        there = copy(self)  # it notes what it is asked in the same lists
        there.theta, there.statistics = theta, statistics
        return there

    def answers(self, i):
        self.subsets.append(i)
        return Answers(self.loss[i], self.features[i], None)

    def losses(self, i):
        self.checks.append(i)
        return np.full(i.shape, self.now)

    def gradient(self, batch):
        self.batches.append(batch)
        return self.g.copy()

    def hvp(self, batch, v):
        assert batch is self.batches[-1]  # the coreset whose gradient came before
        self.probes.append(v)
        return self.H * v

    def hessian_diagonal(self, batch):
        self.diagonals += 1
        return self.H.copy()


def printed(**named):
    """CREST as printed: all P coresets when a region opens, all in the model; windows of 20 steps, and no floor."""
    return Crest(**{"lazy": False, "T2": 20, "floor": 0.0, **named})


def go(method, oracle, steps, state=None, each=lambda t: None):
    """(batches, states before and after each step); `each(t)` sets the scene for step t."""
    states, batches = [state or method.init(oracle)], []
    for _ in range(steps):
        each(states[-1].step)
        batch, state = method.propose(states[-1], oracle)
        states.append(method.observe(state, None))
        batches.append(batch)
    return batches, states


def renewing(oracle):
    """A scene in which L_r doubles between steps: every check fails, every region lasts one period."""

    def each(t):
        oracle.now *= 2

    return each


ONE = printed(m=4, r=12, many=False, smooth=False, T2=100)  # one coreset a region, T1 = 1, exact arithmetic


# ---- 3a, 3b: subsets and coresets


def test_a_coreset_is_the_medoids_of_its_whole_subset_mapped_back():
    """Exactly m of each V_p, by facility location on its rows of p - y; indices are the data set's."""
    oracle = Scripted()
    _, states = go(printed(m=4, r=12), oracle, 1)
    region = states[1].region
    assert region.indices.shape == region.gamma.shape == (5, 4)
    for V, S, gamma in zip(oracle.subsets, region.indices, region.gamma):
        expected = facility_location(oracle.features[V], 4)
        assert (V[expected.indices] == S).all() and (expected.weights == gamma).all()
        nearest = S[np.linalg.norm(oracle.features[V][:, None] - oracle.features[S], axis=2).argmin(1)]
        assert ((nearest[:, None] == S).sum(0) == gamma).all() and gamma.sum() == 12
    assert not np.array_equal(np.sort(region.indices[0]), np.sort(region.indices[1]))


def test_distances_are_not_squared():
    """The 1-medoid of 0, .1, .2, 4, 10 is the median, .2; with squared distances it would be 4."""
    oracle = Scripted(5)
    oracle.features = np.array([[4.0], [0.0], [10.0], [0.2], [0.1]])
    batches, _ = go(printed(m=1, r=5), oracle, 1)
    assert batches[0].indices.tolist() == [3]


@pytest.mark.parametrize(("m", "r", "n", "size"), [(4, 12, 40, 4), (12, 12, 40, 12), (8, 40, 40, 8), (30, 50, 20, 20)])
def test_a_coreset_has_as_many_as_fit(m, r, n, size):
    batches, states = go(printed(m=m, r=r), Scripted(n), 3)
    assert all(len(b.indices) == len(set(b.indices)) == size for b in batches)
    assert states[1].region.indices.shape[1] == size


def test_the_subset_size_by_default():
    """1% of the data, and at least four mini-batches; never more than there are."""
    for n, m, r in [(5000, 8, 50), (5001, 8, 51), (1000, 8, 32), (20, 8, 20)]:
        oracle = Scripted(n)
        go(printed(m=m, many=False), oracle, 1)
        assert len(oracle.subsets[0]) == len(oracle.checks[0]) == r


def test_subsets_are_uniform_over_the_active_examples_and_not_stratified():
    """600 subsets of 12 of the 30 active; no class, no index is favoured: five standard deviations."""
    oracle, each = Scripted(), None
    each = renewing(oracle)
    state = ONE.init(oracle)
    active = np.arange(40) >= 10
    go(ONE, oracle, 600, replace(state, active=active), each)
    for drawn in (oracle.subsets, oracle.checks[::1]):
        counts = np.bincount(np.concatenate(drawn), minlength=40)
        assert (counts[:10] == 0).all()
        sets, p = len(drawn), 12 / 30
        assert abs(counts[10:] - sets * p).max() < 5 * np.sqrt(sets * p * (1 - p))
        assert all(len(set(V)) == 12 for V in drawn)
    rare = np.array([(V < 13).sum() for V in oracle.subsets])  # 3 of the 30: hypergeometric
    variance = 12 * 0.1 * 0.9 * (30 - 12) / 29
    assert abs(rare.mean() - 1.2) < 5 * np.sqrt(variance / 600)
    assert abs(rare.var() / variance - 1) < 0.3  # a stratified draw has variance 0; 5 sd of a variance over 600


def test_index_0_is_not_over_selected():
    """With features drawn anew every region all 40 examples are alike: each enters 1 in 10 of the 1000 coresets."""
    oracle = Scripted()
    rng = stream(3, "features")

    def each(t):
        oracle.now *= 2 if t % 2 else 0.5
        oracle.features = rng.standard_normal((40, 2))

    batches, _ = go(ONE, oracle, 1000, each=each)
    counts = np.bincount(np.concatenate([b.indices for b in batches]), minlength=40)
    assert counts.sum() == 4000 and abs(counts[0] - 100) < 5 * np.sqrt(90)
    assert abs(counts - 100).max() < 5 * np.sqrt(90)


def test_balanced_subsets_and_coresets_per_class():
    """V_p has r/C of each class, or all that are active; S_p is facility location class by class."""
    oracle = Scripted()
    oracle.labels = np.repeat([0, 1, 2], [28, 8, 4])
    active = np.arange(40) != 39
    for r, sizes in [(12, (4, 4, 3)), (13, (5, 5, 3)), (9, (3, 3, 3)), (40, (14, 8, 3))]:
        method, oracle.subsets = printed(m=5, r=r, balanced=True, T2=100), []
        _, states = go(method, oracle, 60, replace(method.init(oracle), active=active), renewing(oracle))
        assert {tuple(np.bincount(oracle.labels[V])) for V in oracle.subsets} == {sizes}
        assert all(active[V].all() and len(set(V)) == len(V) for V in oracle.subsets)
        sets, counts = len(oracle.subsets), np.bincount(np.concatenate(oracle.subsets), minlength=40)
        for label, size in enumerate(sizes):
            p = size / (active & (oracle.labels == label)).sum()
            spread = np.abs(counts[active & (oracle.labels == label)] - sets * p).max()
            assert spread <= 5 * np.sqrt(sets * p * (1 - p))
    for balanced in (False, True):
        oracle.subsets = []
        _, states = go(printed(m=6, r=12, balanced=balanced, per_class=True), oracle, 1)
        for V, S, gamma in zip(oracle.subsets, states[1].region.indices, states[1].region.gamma, strict=True):
            expected = facility_location(oracle.features[V], 6, oracle.labels[V])
            assert (V[expected.indices] == S).all() and (expected.weights == gamma).all()
            for label in range(3):
                assert gamma[oracle.labels[S] == label].sum() in (0, (oracle.labels[V] == label).sum())


@pytest.mark.parametrize("option", ["balanced", "per_class"])
def test_options_by_class_need_classes(option):
    oracle = Scripted()
    oracle.labels = oracle.features
    with pytest.raises(ValueError, match=f"{option}=True needs integer classes; float64 targets are not classes"):
        Crest(m=4, **{option: True}).init(oracle)
    assert Crest(m=4).init(oracle).step == 0


# ---- 5: lazy coresets


LAZY = Crest(m=5, r=20, c=10, K=2, h=3.0, tau=0.2, exclude=False)


def noting(method):
    """`method`, and the list in which it notes what it proposes and each state after."""
    seen, propose = [], method.propose

    def noted(state, oracle):
        batch, after = propose(state, oracle)
        seen.append((batch, after))
        return batch, after

    method = replace(method)
    object.__setattr__(method, "propose", noted)
    return method, seen


@pytest.mark.parametrize("optimizer", [SGD(0.1, 0.9), AdamW(0.02)], ids=repr)
@pytest.mark.parametrize(
    "changes", [{}, {"K": 1}, {"K": 100}, {"order": 1}, {"smooth": False}, {"per_class": True}], ids=str
)
def test_lazy_coresets_change_no_step(changes, optimizer, device):
    """With the same model every batch and every weight is that of lazy=False, bit for bit; the bill is smaller."""
    lazy, eager = (replace(LAZY, lazy=kind, **changes) for kind in (True, False))
    (lazy, seen), (eager, same) = noting(lazy), noting(eager)
    here = train(lazy, make_oracle(device, norm=True), optimizer, 40, progress=False)
    there = train(eager, make_oracle(device, norm=True), optimizer, 40, progress=False)
    assert len(here.report["start"]) > 2
    for (a, _), (b, _) in zip(seen, same, strict=True):
        assert a.indices.tobytes() == b.indices.tobytes() and a.weights.tobytes() == b.weights.tobytes()
    assert to_numpy(here.theta).tobytes() == to_numpy(there.theta).tobytes()
    assert to_numpy(here.statistics).tobytes() == to_numpy(there.statistics).tobytes()
    for name in set(here.report) - {"coresets"}:
        np.testing.assert_array_equal(here.report[name], there.report[name])
    every = there.report["P"].sum()
    assert there.report["coresets"] == every
    saved = 20 * (every - here.report["coresets"])
    assert saved > 0 or changes.get("K") == 100
    assert here.ledger.cost == there.ledger.cost - saved


@pytest.mark.parametrize("K, built", [(1, 1), (2, 2), (7, 7), (99, 10), (None, 1)])
def test_the_model_is_of_the_first_coresets_drawn(K, built):
    """g and H are asked of the K coresets that the following steps draw first, no others are built yet."""
    oracle = Scripted()
    method = Crest(m=4, r=12, K=K, h=4.0, tau=np.inf, exclude=False, smooth=False)
    batches, states = go(method, oracle, 200)
    asked = [batch.indices.tolist() for batch in oracle.batches]
    drawn = list(dict.fromkeys(tuple(batch.indices) for batch in batches))
    assert states[1].opened[0, 2] == 10 and len(asked) == built == states[1].region.built.sum()
    assert sorted(map(list, drawn[:built])) == sorted(asked)
    order = [states[1].region.indices.tolist().index(S) for S in asked]
    assert order == sorted(order)  # the averages take them in this order, whatever is drawn first
    assert len(drawn) == states[-1].coresets == len(oracle.subsets) == 10


def test_what_is_asked_by_default_and_as_printed():
    for lazy, K, c in [(True, 1, 4), (False, 5, 12)]:
        oracle = Scripted()
        go(Crest(m=4, r=12, lazy=lazy), oracle, 1)
        assert len(oracle.subsets) == len(oracle.batches) == K and len(oracle.checks[0]) == c
    oracle = Scripted()
    go(Crest(m=4, r=12, c=9, lazy=False), oracle, 1)
    assert len(oracle.checks[0]) == 9


def test_coresets_are_built_where_the_region_opened():
    """At w_l with the running statistics of that step, from the examples active then; and no two of them are alike."""
    oracle = make_oracle(norm=True)
    network, x, y, elsewhere = oracle._network, oracle._data.x, oracle._data.y, 0
    method, seen = noting(replace(LAZY, K=1, exclude=True, T2=4, alpha=1.0))
    train(method, oracle, SGD(0.1, 0.9), 40, progress=False)
    places = {}
    for step, (_, state) in enumerate(seen):
        region = state.region
        places.setdefault(region.number, (step, region.origin, region.statistics))
        assert places[region.number][0] == region.start
        V = [stream(0, "crest", "subset", region.number, p).choice(region.active, 20, replace=False)
             for p in np.flatnonzero(region.built)]  # fmt: skip
        for i, S, gamma in zip(V, region.indices[region.built], region.gamma[region.built]):
            expected = facility_location(network.logit_gradients(region.origin, x[i], y[i], region.statistics), 5)
            assert (i[expected.indices] == S).all() and (expected.weights == gamma).all()
        assert (region.indices[~region.built] == 0).all() and (region.gamma[~region.built] == 0).all()
        elsewhere += region.built.sum() > 1 and step > region.start
    assert len(places) > 1 and elsewhere > 5
    assert len({place[2].tobytes() for place in places.values()}) == len(places)


def test_a_late_coreset_records_losses_when_it_is_built():
    """Losses at w_l enter the window of the step that builds the coreset, not that in which its region opened."""

    class Moving(Scripted):
        def at(self, theta, statistics):
            there = super().at(theta, statistics)
            there.loss = np.full(40, 0.5 + theta[0])
            return there

        def move(self, step):
            self.theta = np.full(3, 0.01 * step)

    oracle = Moving()
    _, states = go(Crest(m=4, r=12, h=8.0, tau=np.inf, T2=4, alpha=-1.0), oracle, 30, each=oracle.move)
    late = 0
    for first in range(4, 28, 4):  # the first step of each later window, in the one region
        built = states[first + 1].coresets - states[first].coresets
        recorded = states[first + 1].worst > -np.inf
        assert recorded.sum() == 12 * built and (states[first + 1].worst[recorded] == 0.5).all()
        late += built
    assert late > 0 and len(states[-1].opened) == 1


def test_the_bill_of_lazy_regions():
    """r a coreset built; 7 K m + c a region; c a check; 3 m a step; nothing else. And coresets are few."""
    oracle, spy = real()
    method = replace(LAZY, K=1, c=None)
    run = train(method, oracle, SGD(0.2), 60, evaluate_every=60, progress=False)
    regions, checks, built = len(run.report["start"]), len(run.report["check_rho"]), int(run.report["coresets"])
    bills = {name: (b.forward, b.backward, b.hessian) for name, b in run.ledger.phases.items()}
    assert bills.pop("prepare") == (0, 0, 0)
    assert bills == {
        "select": (20 * built, 0, 0), "model": (5 * regions + 5 * regions, 5 * regions, 5 * regions),
        "check": (5 * checks, 0, 0), "train": (300, 300, 0),
    }  # fmt: skip
    assert spied(run.ledger) == {**spy.counts, "forward": spy.counts["forward"] - 2 * 9}  # less the evaluations
    assert regions > 2 and built < run.report["P"].sum()


def test_a_region_half_built_survives_a_checkpoint(tmp_path):
    """Wherever it stops, also between the first draws of two coresets of a region."""
    whole, seen = noting(LAZY)
    theta = train(whole, real()[0], SGD(0.1, 0.9), 25, progress=False).theta
    half = [t + 1 for t, (_, state) in enumerate(seen) if 2 < state.region.built.sum() < len(state.region.built)]
    assert len(half) > 3
    for stop_at in half:
        oracle, named = real()[0], {"checkpoint": tmp_path / f"{stop_at}", "progress": False}
        train(LAZY, oracle, SGD(0.1, 0.9), 25, stop=lambda o=oracle, t=stop_at: o.time >= t, **named)
        again = train(LAZY, real()[0], SGD(0.1, 0.9), 25, **named)
        assert again.theta.tobytes() == theta.tobytes()


# ---- 4: batches


def test_a_batch_is_one_coreset_and_each_is_drawn_alike():
    """3000 steps in one region of P = 5: 600 each, standard deviation 21.9. The weights are gamma, of mean 1."""
    oracle = Scripted()
    batches, states = go(printed(m=4, r=12, T2=10**6), oracle, 3000)
    region = states[-1].region
    assert len(states[-1].opened) == 1
    counts, coresets = np.zeros(5), region.indices.tolist()
    for batch in batches:
        p = coresets.index(batch.indices.tolist())
        counts[p] += 1
        np.testing.assert_allclose(batch.weights, region.gamma[p] * 4 / 12, rtol=1e-15)
        assert batch.weights.mean() == pytest.approx(1, rel=1e-15)
    assert abs(counts - 600).max() < 5 * 21.9


def test_an_example_in_two_coresets_has_the_weight_of_each():
    """The release writes the weights of all coresets into one array, where the last one wins."""
    batches, states = go(printed(m=4, r=12), Scripted(), 200)
    region = states[1].region
    shared = 0
    for i in np.unique(region.indices):
        in_coresets = set(region.gamma[region.indices == i])
        used = {round(3 * float(w), 12) for b in batches for w in b.weights[b.indices == i]}
        assert used == in_coresets
        shared += len(in_coresets) > 1
    assert shared > 0


def test_examples_of_weight_0_are_left_out():
    """Of duplicates only one stands for its cluster: a medoid of an empty cluster would train with weight 0."""
    oracle = Scripted(6)
    oracle.features = np.array([[0.0], [0.0], [0.0], [1.0], [1.0], [1.0]])
    batches, _ = go(printed(m=4, r=6), oracle, 3)
    for batch in batches:
        assert (batch.weights == 1).all() and sorted(oracle.features[batch.indices, 0]) == [0, 1]


# ---- 3c, 3d: the model


def test_averages_take_one_value_per_coreset():
    """Of g and of H's squares, over all regions since the start, newest heaviest; and they are the model."""
    oracle, rng, g, H = Scripted(), stream(0, "values"), [], []

    def gradient(batch):
        g.append(rng.standard_normal(3))
        return g[-1]

    def diagonal(batch):
        H.append(rng.standard_normal(3))
        return H[-1]

    oracle.gradient, oracle.hessian_diagonal = gradient, diagonal
    method = printed(m=4, r=12, curvature="exact", beta1=0.7, beta2=0.9, T2=100, longest=4)
    _, states = go(method, oracle, 6, each=renewing(oracle))
    opened = states[-1].opened
    assert len(opened) > 2
    seen = int(opened[:, 2].sum())
    assert states[-1].gradient.count == states[-1].squares.count == len(g) == len(H) == seen

    def average(values, beta):
        weights = (1 - beta) * beta ** np.arange(seen - 1, -1, -1.0) / (1 - beta**seen)
        return weights @ np.array(values)

    model = states[-1].region.model
    np.testing.assert_allclose(model.gradient, average(g, 0.7), rtol=1e-12)
    np.testing.assert_allclose(model.curvature, np.sqrt(average(np.square(H), 0.9)), rtol=1e-12)
    assert opened[-1, 4] == np.linalg.norm(model.curvature)


def test_without_smoothing_the_model_is_the_plain_mean_over_the_coresets():
    """Of this region's alone, and H keeps its sign."""
    oracle, rng, g, H = Scripted(), stream(0, "values"), [], []
    oracle.gradient = lambda batch: (g.append(rng.standard_normal(3)), g[-1])[1]
    oracle.hessian_diagonal = lambda batch: (H.append(rng.standard_normal(3)), H[-1])[1]
    method = printed(m=4, r=12, curvature="exact", smooth=False, T2=100, longest=4)
    _, states = go(method, oracle, 6, each=renewing(oracle))
    last = int(states[-1].opened[-1, 2])
    assert len(g) > last
    np.testing.assert_allclose(states[-1].region.model.gradient, np.mean(g[-last:], 0), rtol=1e-13)
    np.testing.assert_allclose(states[-1].region.model.curvature, np.mean(H[-last:], 0), rtol=1e-13)
    assert (states[-1].region.model.curvature < 0).any()
    assert states[-1].opened[-1, 4] == np.linalg.norm(states[-1].region.model.curvature)


def test_the_model_is_asked_of_the_weighted_coresets_with_a_fresh_probe_each():
    oracle = Scripted()
    _, states = go(printed(m=4, r=12), oracle, 3, each=renewing(oracle))
    P = len(states[1].region.indices)
    for p in range(P):
        expected = weighted(states[1].region.indices[p], states[1].region.gamma[p])
        assert (oracle.batches[p].indices == expected.indices).all()
        assert (oracle.batches[p].weights == expected.weights).all()
    probes = np.concatenate(oracle.probes)
    assert probes.shape == (len(oracle.batches), 3) and (abs(probes) == 1).all()
    assert len({tuple(z) for z in probes}) > 4  # of 8 possible
    assert oracle.diagonals == 0


def test_the_constant_is_the_mean_loss_of_the_check_set_and_the_model_is_full():
    oracle = Scripted()
    oracle.now, oracle.g, oracle.H = 3.0, np.array([1.0, 0.0, 2.0]), np.array([4.0, 0.0, -2.0])
    _, states = go(replace(ONE, smooth=False), oracle, 1)
    model = states[1].region.model
    assert model.constant == 3.0
    assert model.value(np.array([1.0, 1.0, 1.0])) == 3.0 + 3.0 + 0.5 * 2.0


def test_the_check_set_is_not_one_it_selected_from():
    """The release checks on the subsets it selected from; V_r is another draw in each of 20 regions."""
    oracle = Scripted()
    go(ONE, oracle, 20, each=renewing(oracle))
    opened = oracle.checks[::2]  # when a region opens, and again when it is checked
    assert len(oracle.subsets) == len(opened) == 20
    assert all(set(V) != set(check) for V, check in zip(oracle.subsets, opened))


def test_the_weights_where_a_region_opens_are_a_copy():
    oracle = Scripted()
    _, states = go(ONE, oracle, 1)
    oracle.theta += 1
    assert (states[1].region.origin == 0).all()


# ---- 2: checks, T1 and P


def test_a_check_comes_every_period_and_only_a_failure_opens_a_region():
    """tau = 0.05: a loss that grows by 4% between checks is still described, by 6% not. A failure opens at once."""
    oracle = Scripted()

    def each(t):
        oracle.now = {0: 1.0, 3: 1.04, 6: 1.04, 9: 1.06}.get(t, oracle.now)

    _, states = go(replace(ONE, h=3.0), oracle, 13, each=each)
    final = states[-1]
    assert final.checks[:, 0].tolist() == [3, 6, 9, 12] and final.checks[:, 1].tolist() == [0, 0, 0, 1]
    np.testing.assert_allclose(final.checks[:, 2], [0.04 / 1.04, 0.04 / 1.04, 0.06 / 1.06, 0.0], rtol=1e-13)
    assert final.opened[:, 0].tolist() == [0, 9]
    assert final.opened[:, 1].tolist() == [3, 3]
    first = states[1].region
    assert all(s.region is first for s in states[1:10]) and states[10].region is not first


def test_the_threshold_is_kept_not_passed():
    """rho = tau keeps the region."""
    for tau, regions in [(0.5, 1), (0.4999, 2)]:
        oracle = Scripted()
        _, states = go(replace(ONE, tau=tau), oracle, 2, each=lambda t: setattr(oracle, "now", 1.0 + t))  # noqa: B023
        assert states[-1].checks[:, 2].tolist() == [0.5]
        assert len(states[-1].opened) == regions


@pytest.mark.parametrize(
    ("h", "b", "norms", "T1", "P"),
    [
        (1.0, 2.0, [8, 4, 2, 1], [1, 1, 2, 4], [2, 2, 4, 8]),  # |H_0| / |H_l| of the region that closed
        (1.0, 2.0, [1, 2, 4, 8], [1, 1, 1, 1], [2, 2, 2, 2]),  # never below 1
        (2.5, 2.0, [8, 4, 3, 8], [3, 3, 5, 7], [6, 6, 10, 14]),  # rounded up: 2.5, 2.5, 5, 6.67
        (1.0, 0.5, [8, 2, 1, 1], [1, 1, 4, 8], [1, 1, 2, 4]),
        (1.0, 2.4, [8, 4, 2, 1], [1, 1, 2, 4], [3, 3, 5, 10]),  # 2.4, 2.4, 4.8, 9.6
    ],
)
def test_periods_are_the_ratio_of_curvatures(h, b, norms, T1, P):
    """T1 = ceil(h |H_0| / |H_l|), at least 1; P = ceil(b T1)."""
    oracle = Scripted()
    method = printed(m=1, r=4, h=h, b=b, smooth=False, curvature="exact", T2=10**6)
    starts = np.append(0, np.cumsum(T1))

    def each(t):
        if t in starts:
            oracle.now *= 2
            oracle.H = np.array([0.0, norms[min(list(starts).index(t), 3)], 0.0])

    _, states = go(method, oracle, int(starts[3]) + 1, each=each)
    opened = states[-1].opened
    assert opened[:, 0].tolist() == starts[:4].tolist()
    assert opened[:, 1].tolist() == T1 and opened[:, 2].tolist() == P
    np.testing.assert_allclose(opened[:, 4], norms, rtol=1e-14)
    assert len(states[-1].region.indices) == P[-1]


def test_periods_are_bounded():
    """By `longest`, or one epoch's steps n/m, rounded up: |H_l| tends to 0 as the data are learned."""
    for longest, bound in [(None, 14), (7, 7), (1, 1)]:
        oracle = Scripted()

        def each(t, oracle=oracle):
            oracle.now, oracle.H = 2.0**t, np.ones(3) * (1.0 if t == 0 else 1e-9)

        method = printed(m=3, r=12, smooth=False, curvature="exact", longest=longest, T2=10**6)
        _, states = go(method, oracle, 3, each=each)
        T1, P = states[-1].opened[:, 1:3].T
        assert T1.tolist()[:2] == [1, 1] and T1[2] == bound and P[2] == bound and P[0] == min(5, bound)
        assert type(states[-1].T1) is int and type(states[-1].P) is int
    _, states = go(printed(m=4, r=12, h=10**9, b=10**9), Scripted(), 1)
    assert (states[0].T1, states[0].P) == (10, 10)


def test_periods_where_the_curvature_vanishes():
    """|H_l| = 0 exactly: the longest period there is."""
    oracle = Scripted()

    def each(t):
        oracle.now, oracle.H = 2.0**t, np.ones(3) * (t == 0)

    _, states = go(replace(ONE, curvature="exact"), oracle, 3, each=each)
    assert states[-1].opened[:, 1].tolist() == [1, 1, 10]


def test_first_order_keeps_its_period():
    """Nothing is known of the curvature: T1 = h for ever; no Hessian is asked for, and the model is linear."""
    oracle = Scripted()
    oracle.hvp = oracle.hessian_diagonal = None
    _, states = go(printed(m=4, r=12, order=1, h=2.0, T2=100), oracle, 9, each=renewing(oracle))
    assert states[-1].opened[:, 1].tolist() == [2] * 5 and (states[-1].opened[:, 4] == 0).all()
    assert states[-1].region.model.curvature is None and states[-1].squares.count == 0
    assert states[-1].gradient.count == states[-1].opened[:, 2].sum()


@pytest.mark.parametrize("smooth", [True, False])
def test_the_first_order_gradient_is_smoothed_too(smooth):
    oracle, rng, g = Scripted(), stream(0, "values"), []
    oracle.gradient = lambda batch: (g.append(rng.standard_normal(3)), g[-1])[1]
    _, states = go(printed(m=4, r=12, order=1, smooth=smooth, T2=100), oracle, 3, each=renewing(oracle))
    weights = 0.1 * 0.9 ** np.arange(len(g) - 1, -1, -1.0) / (1 - 0.9 ** len(g))
    expected = weights @ np.array(g) if smooth else np.mean(g[-5:], 0)
    assert len(g) == 15
    np.testing.assert_allclose(states[-1].region.model.gradient, expected, rtol=1e-12)


def test_one_coreset_in_place_of_many():
    oracle = Scripted()
    _, states = go(printed(m=4, r=12, many=False, b=7.0, T2=100), oracle, 6, each=renewing(oracle))
    assert (states[-1].opened[:, 2] == 1).all() and all(len(s.region.indices) == 1 for s in states[1:])


# ---- 1: learned examples


def test_learned_examples_are_dropped():
    """Those whose every loss recorded while selecting was below alpha, and no others."""
    oracle = Scripted()
    oracle.now, oracle.loss = 1e-3, np.where(np.arange(40) % 2, 0.0999, 0.1)  # checks measure small losses everywhere
    oracle.loss[5] = 3.0
    _, states = go(replace(ONE, T2=3), oracle, 4)
    seen = np.concatenate(oracle.subsets[:1])
    dropped = [i for i in seen if i % 2 and i != 5]
    assert states[3].active.all() and dropped
    assert np.flatnonzero(~states[4].active).tolist() == sorted(dropped)  # never seen: stay, checked or not


def test_windows_count_steps():
    """T2 is in steps: nothing is decided but at its multiples, whatever is opened in between."""
    oracle = Scripted()
    oracle.loss[:] = 0.0
    _, states = go(replace(ONE, T2=4, m=1, r=2), oracle, 9, each=renewing(oracle))
    left = [int(s.active.sum()) for s in states]
    assert len(set(left[:5])) == 1 and left[5] < left[4] and len(set(left[5:9])) == 1 and left[9] < left[8]
    assert left[5] == 40 - len(set(np.concatenate(oracle.subsets[:4])))


@pytest.mark.parametrize("order", [(0.05, 5.0), (5.0, 0.05)])
def test_one_large_loss_in_a_window_keeps_an_example(order):
    oracle = Scripted(12)

    def each(t):
        oracle.now, oracle.loss = 2.0**t, np.where(np.arange(12) < 4, order[t % 2], 0.05)

    _, states = go(printed(m=2, r=4, longest=30, b=30.0, T2=2), oracle, 3, each=each)
    assert all(np.isin(np.arange(12), V).all() for V in np.split(np.array(oracle.subsets[:60]), 2))  # P = 30 see all
    assert states[3].active.tolist() == [True] * 4 + [False] * 8


def test_windows_do_not_overlap():
    """A large loss counts in its own window alone; what was small before does not make up for not being seen."""
    oracle = Scripted(12)

    def each(t):
        oracle.now, oracle.loss = 2.0**t, np.where(np.arange(12) < 6, 5.0 if t < 2 else 0.05, 5.0)

    method = printed(m=2, r=6, longest=30, b=30.0, T2=2)
    _, states = go(method, oracle, 5, each=each)
    assert states[3].active.all()
    assert states[5].active.tolist() == [False] * 6 + [True] * 6
    oracle = Scripted(12)
    _, states = go(replace(method, many=False), oracle, 3, each=each)
    assert (states[3].worst > -np.inf).sum() == 6  # this window's one subset, and nothing older


def test_exclusion_leaves_a_subset():
    """At least r examples, whatever the floor."""
    oracle = Scripted()
    oracle.loss[:] = 0.0
    _, states = go(replace(ONE, T2=1, r=12), oracle, 12, each=renewing(oracle))
    left = np.array([s.active.sum() for s in states])
    assert left[2] == 28 and left[-1] == 12 and (np.diff(left) <= 0).all()
    assert all(len(V) == 12 for V in oracle.subsets)
    assert set(oracle.subsets[-1]) <= set(np.flatnonzero(states[-1].active))
    assert set(oracle.checks[-1]) <= set(np.flatnonzero(states[-1].active))


@pytest.mark.parametrize("n, floor, least", [(40, 0.5, 20), (41, 0.5, 21), (40, 0.0, 12), (40, 1.0, 40), (40, 0.3, 12)])
def test_exclusion_leaves_a_floor(n, floor, least):
    """Of the learned, those with the largest losses stay; where the floor is reached, all do."""
    oracle = Scripted(n)
    oracle.loss = stream(0, "order").permutation(n) * 1e-3  # all below alpha
    _, states = go(replace(ONE, T2=1, r=12, floor=floor), oracle, 12, each=renewing(oracle))
    left = [int(s.active.sum()) for s in states]
    assert left[-1] == least and (n == least or left[2] == max(n - 12, least))
    for V, before, after in zip(oracle.subsets, states[1:], states[2:]):
        ranked = V[np.argsort(oracle.loss[V])]
        gone = min(12, int(before.active.sum()) - least)
        assert np.flatnonzero(before.active & ~after.active).tolist() == sorted(ranked[:gone])


@pytest.mark.parametrize("n, m, T2", [(40, 4, 20), (41, 4, 22), (40, 12, 8)])
def test_the_window_by_default(n, m, T2):
    """2 n/m steps: 20 passes over a tenth of the data, rounded up to whole steps of an epoch."""
    oracle = Scripted(n)
    oracle.loss[:] = 0.0
    _, states = go(Crest(m=m, r=12), oracle, 2 * T2 + 1)
    left = [int(s.active.sum()) for s in states]
    assert left[:T2 + 1] == [n] * (T2 + 1) and left[T2 + 1] < n
    assert len(set(left[T2 + 1 : 2 * T2 + 1])) == 1


def test_without_exclusion_nothing_is_dropped():
    oracle = Scripted()
    oracle.loss[:] = 0.0
    _, states = go(replace(ONE, T2=1, exclude=False), oracle, 6, each=renewing(oracle))
    assert all(s.active.all() for s in states) and len(states[-1].opened) == 6


# ---- warm-up, report, validation of hyper-parameters


def test_warm_up_draws_at_random_and_asks_nothing():
    oracle = Scripted()
    for name in ("answers", "losses", "gradient", "hvp"):
        setattr(oracle, name, None)
    batches, states = go(printed(m=4, r=12, warmup=2000, T2=3), oracle, 2000)
    assert all(len(set(b.indices)) == 4 and (b.weights == 1).all() for b in batches)
    counts = np.bincount(np.concatenate([b.indices for b in batches]), minlength=40)
    assert abs(counts - 200).max() < 5 * np.sqrt(180)  # each in a tenth of the batches
    assert states[-1].region is None and states[-1].active.all()
    _, states = go(printed(m=4, r=12, warmup=7), Scripted(), 9)
    assert states[7].region is None and states[8].opened[:, 0].tolist() == [7]


def test_report():
    oracle = Scripted()

    def each(t):
        oracle.now = {0: 1.0, 4: 1.02, 6: 2.0}.get(t, oracle.now)

    method = replace(ONE, h=2.0)
    before = method.report(method.init(oracle))
    assert before.pop("coresets") == 0 and all(len(column) == 0 for column in before.values())
    _, states = go(method, oracle, 7, each=each)
    report = {name: column.tolist() for name, column in method.report(states[-1]).items()}
    assert report["start"] == [0, 6] and report["length"] == [6, 1] and report["T1"] == [2, 2]
    assert report["P"] == [1, 1] and report["active"] == [40, 40]
    assert report["curvature"] == pytest.approx([math.sqrt(3)] * 2)
    assert report["rho"][0] == pytest.approx(0.5) and math.isnan(report["rho"][1])
    assert report["check_step"] == [2, 4, 6] and report["check_region"] == [0, 0, 0]
    assert report["check_rho"] == pytest.approx([0, 0.02 / 1.02, 0.5])
    assert report["coresets"] == 2  # built, one in each region


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"m": 0}, "m must be at least 1"), ({"m": 8, "r": 7}, "r = 7 < m = 8"), ({"tau": -1}, "tau"),
        ({"h": 0}, "h must be"), ({"b": -1}, "b must be"), ({"h": math.inf}, "h must be"), ({"tau": math.nan}, "tau"),
        ({"alpha": math.nan}, "alpha"), ({"T2": 0}, "T2 must be at least 1"), ({"warmup": -1}, "warmup"),
        ({"longest": 0}, "longest must be at least 1"), ({"curvature": "other"}, "got 'other'"),
        ({"order": 3}, "order must be in 1..2"), ({"beta1": 1.0}, "beta1 must be"), ({"beta2": -0.1}, "beta2 must be"),
    ],
)  # fmt: skip
def test_hyper_parameters(wrong, message):
    with pytest.raises(ValueError, match=message):
        Crest(**wrong)


# ---- on real networks


@dataclass(frozen=True)
class Scaled(SoftmaxCrossEntropy):
    """Cross-entropy times a constant."""

    factor: float = 1.0

    def losses(self, z, y):
        return self.factor * super().losses(z, y)

    def gradient(self, z, y):
        return self.factor * super().gradient(z, y)

    def hessian(self, z, y, u):
        return self.factor * super().hessian(z, y, u)


def real(loss=SoftmaxCrossEntropy(), seed=0, n=60):
    """(oracle, spy): three Gaussian classes in the plane and a small hidden layer."""
    rng, y = stream(0, "test crest"), np.arange(n) % 3
    x = rng.standard_normal((n, 2)) + 1.5 * np.array([[0.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])[y]
    spy = Spy([Flatten(), Linear(2, 6), ReLU(), Linear(6, 3)], loss)
    data = Dataset(x, y, "toy", test=Dataset(x[:9], y[:9], "toy"))
    return Oracle(spy, data, spy.initialize(seed, "float64"), seed=seed), spy


SMALL = printed(m=5, r=20, T2=6)
OPTIMIZERS = [SGD(0.1, 0.0), SGD(0.05, 0.9), SGD(0.05, 0.9, 0.01), AdamW(0.01)]


def test_rho_is_zero_where_a_region_opens():
    """Exactly: the constant and L_r are measured on the same examples, weights and mode."""
    oracle, _ = real()
    _, states = go(SMALL, oracle, 12)  # theta does not move
    assert len(states[-1].opened) == 1
    assert states[-1].checks[:, 2].tolist() == [0.0] * 11


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_delta_is_the_distance_from_the_start_of_the_region(optimizer, monkeypatch):
    """To the last bit, whatever the optimiser adds to lr times the gradient, and over several periods of a region."""
    thetas, deltas, original = {}, [], Quadratic.relative_error

    def noted(model, delta, loss):
        deltas.append(np.array(delta))
        return original(model, delta, loss)

    monkeypatch.setattr(Quadratic, "relative_error", noted)
    oracle, _ = real()
    move = Learner.move

    def noted_move(learner, theta, stats, time=0, *rest):
        thetas[time] = theta.copy()
        move(learner, theta, stats, time, *rest)

    monkeypatch.setattr(Learner, "move", noted_move)
    report = train(replace(SMALL, tau=0.2), oracle, optimizer, 30, progress=False).report
    ages = []
    for delta, step, region in zip(deltas, report["check_step"], report["check_region"].astype(int), strict=True):
        start, T1 = report["start"][region], report["T1"][region]
        assert abs(delta - (thetas[step] - thetas[start])).max() == 0
        ages.append((step - start) / T1)
    assert max(ages) > 1 and len(report["start"]) > 1


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_the_step_is_on_one_gradient(optimizer):
    """The first steps by hand: once the weighted mean gradient of the batch, through the optimiser's own formula."""
    oracle, spy = real()
    batches, propose = [], SMALL.propose

    class Noted:
        def __getattr__(self, name):
            return getattr(SMALL, name)

        def propose(self, state, oracle):
            batch, state = propose(state, oracle)
            batches.append((batch, oracle.theta.copy()))
            return batch, state

    start = oracle.theta.copy()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("minicrest.train.asdict", lambda method: {})
        run = train(Noted(), oracle, optimizer, 4, progress=False)
    theta, v, second = start.copy(), 0.0, 0.0
    data = oracle._data
    for t, (batch, before) in enumerate(batches, 1):
        np.testing.assert_allclose(before, theta, rtol=1e-13, atol=1e-15)
        i, w = batch.indices, batch.weights
        g = (w[:, None] * spy.per_example_gradients(theta, data.x[i], data.y[i])).sum(0) / len(i)
        if isinstance(optimizer, SGD):
            v = optimizer.momentum * v + (g + optimizer.weight_decay * theta)
            theta = theta - optimizer.lr * v
        else:
            v, second = 0.9 * v + 0.1 * g, 0.999 * second + 0.001 * g * g
            step = v / (1 - 0.9**t) / (np.sqrt(second / (1 - 0.999**t)) + 1e-8)
            theta = theta - optimizer.lr * (step + optimizer.weight_decay * theta)
        assert (theta != before).any()  # the weights move from the first step on
    # Where g is 0 to rounding AdamW still divides it by its own size + 1e-8: noise of 1e-17 becomes 1e-9 lr.
    np.testing.assert_allclose(run.theta, theta, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("curvature", ["hutchinson", "exact"])
def test_the_bill_of_a_region(curvature):
    """P r + 7 P m + r with Hutchinson; a check costs r forward passes and not n."""
    oracle, spy = real()
    method = replace(SMALL, curvature=curvature)
    _, states = go(method, oracle, 1)
    P, m, r = 5, 5, 20
    select, model = oracle.ledger.phases["select"], oracle.ledger.phases["model"]
    assert states[1].opened[0, 2] == P and spied(oracle.ledger) == spy.counts
    assert (select.forward, select.backward, select.hessian) == (P * r, 0, 0)
    if curvature == "hutchinson":
        assert (model.forward, model.backward, model.hessian) == (P * m + r, P * m, P * m)
        assert oracle.ledger.cost == P * r + 7 * P * m + r
    else:
        assert (model.forward, model.backward, model.hessian) == (2 * P * m + r, P * m + 3 * P * m, 0)
    before = dict(spy.counts)
    go(method, oracle, 1, states[1])
    assert spy.counts == {**before, "forward": before["forward"] + r}
    check = oracle.ledger.phases["check"]
    assert (check.forward, check.backward, check.hessian) == (r, 0, 0) and len(oracle.ledger.phases) == 3


def test_the_bill_of_a_first_order_region():
    oracle, spy = real()
    go(replace(SMALL, order=1), oracle, 1)
    assert spied(oracle.ledger) == spy.counts == {"forward": 100 + 25 + 20, "backward": 25, "hessian": 0}


def test_exact_curvature_is_the_networks():
    oracle, spy = real()
    _, states = go(replace(SMALL, curvature="exact", smooth=False), oracle, 1)
    region, data = states[1].region, oracle._data
    expected = 0
    for S, gamma in zip(region.indices, region.gamma):
        H = np.array([spy.hvp(oracle.theta, data.x[S], data.y[S], e, gamma / gamma.mean()) for e in np.eye(spy.size)])
        expected = expected + np.diag(H) / len(region.indices)
    np.testing.assert_allclose(region.model.curvature, expected, rtol=1e-10, atol=1e-14)


def regions_and_indices(loss, lr):
    oracle, _ = real(loss)
    batches, method = [], replace(SMALL, exclude=False, tau=0.02)
    state = method.init(oracle)
    theta = oracle.theta.copy()
    for t in range(25):
        batch, state = method.propose(state, oracle)
        batches.append(batch.indices.tolist())
        theta -= lr * Learner(oracle).step(batch)[0]
        Learner(oracle).move(theta, oracle.statistics, t + 1)
    return state, batches


def test_scaling_the_loss_changes_nothing():
    """A factor of 4 is exact in floating point: T1, P, rho and the coresets are the same to the last bit."""
    plain, indices = regions_and_indices(Scaled(factor=1.0), 0.2)
    scaled, same = regions_and_indices(Scaled(factor=4.0), 0.05)
    assert indices == same and len(plain.opened) > 2
    assert (plain.opened[:, :4] == scaled.opened[:, :4]).all() and (4 * plain.opened[:, 4] == scaled.opened[:, 4]).all()
    assert (plain.checks == scaled.checks).all()


@pytest.mark.parametrize("curvature", ["hutchinson", "exact"])
@pytest.mark.parametrize("optimizer", [SGD(0.3, 0.9), AdamW(0.05)], ids=repr)
def test_a_quadratic_loss_is_one_region(optimizer, curvature):
    """Squared error on orthogonal centred inputs, all data a coreset: the model is the loss, so no check ever fails.

    The Hessian is diagonal, so Hutchinson's estimate has no variance and is as good as the exact diagonal.
    """
    corner = np.array([[1.0, 1], [1, -1]])
    x = np.kron(np.kron(corner, corner), corner)[:, [1, 2, 4]]  # (8, 3) orthogonal columns of +-1, of mean 0
    y = stream(0, "targets").standard_normal((8, 2))
    spy = Spy([Linear(3, 2)], SquaredError())
    data = Dataset(x, y, "quadratic", test=Dataset(x, y, "quadratic"))
    oracle = Oracle(spy, data, 3 + spy.initialize(0, "float64"))
    method = printed(m=8, r=8, tau=1e-10, smooth=False, curvature=curvature, longest=5, exclude=False)
    run = train(method, oracle, optimizer, 30, progress=False)
    assert len(run.report["start"]) == 1
    assert len(run.report["check_rho"]) == 29 and run.report["check_rho"].max() <= 1e-10
    assert run.curve.loss[-1] < 0.9 * run.curve.loss[0]  # and it went somewhere


def test_the_global_generator_has_no_say():
    found = []
    for seed in (1, 2):
        np.random.seed(seed)
        oracle, _ = real()
        found.append(train(SMALL, oracle, SGD(0.05), 15, progress=False).theta)
    assert (found[0] == found[1]).all()
