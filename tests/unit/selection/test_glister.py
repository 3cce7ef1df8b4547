"""GLISTER: gains and look-aheads against a network whose weights are really moved; then the method around them."""

from itertools import combinations

import numpy as np
import pytest

from minicrest.backend import to_numpy
from minicrest.datasets import Dataset
from minicrest.nn import GeneralizedCrossEntropy, Linear, LogisticLoss, Network, SoftmaxCrossEntropy, SquaredError, mlp
from minicrest.oracle import Oracle
from minicrest.random import stream
from minicrest.selection.glister import Glister, GlisterState, LookAhead, glister, last_layer

N, V, FEATURES = 60, 25, 4


def data(C, seed=0, n=N, held=True):
    """n examples in C classes, and a validation part of 25 that is drawn alike."""
    rng = stream(seed, "test glister data", C)

    def part(size, validation=None):
        y = rng.permutation(np.arange(size) % C)
        x = rng.standard_normal((size, FEATURES)) + 1.5 * np.eye(C, FEATURES)[y]
        return Dataset(x, y, "toy", tuple(map(str, range(C))), validation=validation)

    return part(n, part(V) if held else None)


def make(loss="softmax", device="cpu", seed=0, hidden=(), n=N, held=True):
    """An oracle over a network of one layer (then the last layer is everything), or of more."""
    if loss == "softmax":
        network = Network(mlp((FEATURES, *hidden, 3)).chain.layers, SoftmaxCrossEntropy())
    else:
        network = Network(mlp((FEATURES, *hidden, 1)).chain.layers, LogisticLoss())
    C = 3 if loss == "softmax" else 2
    theta = network.initialize(seed, "float64", device)
    return Oracle(network, data(C, seed, n, held).to(device), theta, seed=7)


def surrogate(o, S, eta):
    """L_V at w - eta sum_{i in S} g_i, by the network itself (of one layer)."""
    network, train, held = o._network, o._data, o._data.validation
    S = np.asarray(S, dtype=np.int64)
    w = o.theta - eta * network.per_example_gradients(o.theta, train.x, train.y)[S].sum(0)
    return float(network.losses(w, held.x, held.y).mean())


def pick(o, k, eta, **named):
    """glister on the oracle's last layer and validation part."""
    held = o.validation
    return glister(*last_layer(o), LookAhead(*last_layer(held), held.labels), k, eta, **named)


BOTH = pytest.mark.parametrize("loss", ["softmax", "logistic"])


@BOTH
def test_gain_is_the_first_order_change(loss):
    """L_V(w - eta g_e) - L_V(w) + gain = O(eta^2): slope 2.0 +- 0.1 in logarithms, for the best and for any e."""
    o = make(loss)
    etas = np.array([0.1, 0.05, 0.02, 0.01, 0.005, 0.002])
    found = [pick(o, N, eta, rounds=1) for eta in etas]  # one round: all gains at w
    for place in (0, 20, N - 1):
        e = found[0].indices[place]
        assert all(f.indices[place] == e for f in found)
        rest = [abs(surrogate(o, [e], eta) - surrogate(o, [], eta) + f.gains[place]) for eta, f in zip(etas, found)]
        assert np.polyfit(np.log(etas), np.log(rest), 1)[0] == pytest.approx(2, abs=0.1)


@BOTH
@pytest.mark.parametrize("rounds", [None, 4])
def test_gains_are_those_at_w_S(loss, rounds):
    """From scratch: move the network by all picks so far, take its validation gradient, and choose by products.

    The first gains alone, never refreshed (the misspelt keyword), choose others.
    """
    o, k, eta = make(loss), 12, 0.2
    found = pick(o, k, eta, rounds=rounds)
    network, train, held = o._network, o._data, o._data.validation
    G = network.per_example_gradients(o.theta, train.x, train.y)
    size = k // (rounds or k)
    for t in range(0, k, size):
        before = found.indices[:t]
        gains = eta * G @ network.gradient(o.theta - eta * G[before].sum(0), held.x, held.y)
        np.testing.assert_allclose(found.gains[t : t + size], gains[found.indices[t : t + size]], rtol=1e-9, atol=1e-14)
        gains[before] = -np.inf
        assert found.indices[t : t + size].tolist() == np.argsort(-gains, kind="stable")[:size].tolist()
    never = pick(o, k, eta, rounds=1)
    assert set(never.indices.tolist()) != set(found.indices.tolist())


@BOTH
def test_report_is_the_loss_of_the_moved_network(loss, device):
    o = make(loss, device)
    _, state = Glister(m=6, eta=0.1).propose(Glister().init(o), o)
    host = make(loss)
    expected = [surrogate(host, [], 0.1), surrogate(host, state.subset.indices, 0.1)]
    np.testing.assert_allclose(state.losses, [expected], rtol=1e-12)
    report = Glister().report(state)
    assert report["loss"][0] > report["loss_ahead"][0]


@BOTH
@pytest.mark.parametrize("seed", range(10))
def test_brute_force(loss, seed):
    """f(S) = L_V(w) - L_V(w_S). For a small eta f is a sum, and greedy the optimum; for a larger, >= 1 - 1/e of it.

    The bound is for submodular f, which this is not quite, and for true gains: at eta = 0.5 first-order ones overshoot,
    and two of these 20 problems are below it.
    """
    o, k = make(loss, seed=seed, n=11), 3
    value = {eta: {S: surrogate(o, [], eta) - surrogate(o, S, eta) for S in combinations(range(11), k)}
             for eta in (1e-5, 0.05)}  # fmt: skip
    assert tuple(sorted(pick(o, k, 1e-5).indices)) == max(value[1e-5], key=value[1e-5].get)
    ours, best = value[0.05][tuple(sorted(pick(o, k, 0.05).indices))], max(value[0.05].values())
    assert ours >= (1 - 1 / np.e) * best > 0


@pytest.mark.parametrize("place", [0, 17, N - 1])
def test_the_one_useful_example_is_found_under_its_own_index(place, device):
    """V is all of class 2, and so is one training example only: it comes first. Index 0 is like any other."""
    rng = stream(place, "test glister planted")
    x, y = rng.standard_normal((N, FEATURES)), rng.integers(0, 2, N)
    y[place] = 2
    x[place] *= 5  # so that nothing of another class points against it as far
    held = Dataset(np.tile(x[place], (5, 1)), np.full(5, 2), "toy", tuple("012"))
    network = Network([Linear(FEATURES, 3)], SoftmaxCrossEntropy())
    o = Oracle(network, Dataset(x, y, "toy", tuple("012"), validation=held).to(device),
               0 * network.initialize(0, "float64", device))  # fmt: skip
    assert pick(o, 5, 0.1).indices[0] == place
    _, state = Glister(fraction=1 / N).propose(Glister().init(o), o)
    assert state.subset.indices.tolist() == [place]


def test_looking_ahead_turns_to_what_is_still_missing():
    """V has 6 of class 0 and 5 of class 1. Never refreshed, only class 0 is taken; looking ahead, both."""
    x = np.repeat(np.eye(2), 10, axis=0)
    y = np.repeat([0, 1], 10)
    held = Dataset(x[4:15], y[4:15], "toy", ("0", "1"))
    network = Network([Linear(2, 2)], SoftmaxCrossEntropy())
    o = Oracle(network, Dataset(x, y, "toy", ("0", "1"), validation=held), np.zeros(6))
    assert y[pick(o, 6, 0.5, rounds=1).indices].tolist() == [0] * 6
    assert sorted(y[pick(o, 6, 0.5).indices]) == [0, 0, 0, 1, 1, 1]


def test_rounds_from_one_to_k():
    o = make()
    exact = pick(o, 12, 0.2).indices.tolist()
    assert pick(o, 12, 0.2, rounds=12).indices.tolist() == pick(o, 12, 0.2, rounds=99).indices.tolist() == exact
    for rounds in (1, 5, 7, 11):  # where r does not divide k too
        assert len(set(pick(o, 12, 0.2, rounds=rounds).indices.tolist())) == 12


def test_stochastic_greedy_sees_a_sample():
    """ceil((60/12) ln(1/0.1)) = 12 candidates a pick, and the best of them is taken; the surest eps sees all."""
    o = make()
    exact, drawn = pick(o, 12, 0.2), []

    class Spy:
        def choice(self, left, size, replace):
            assert not replace and len(left) == N - len(drawn)
            drawn.append(stream(1, "spy", len(drawn)).choice(left, size, replace=False))
            return drawn[-1]

    found = pick(o, 12, 0.2, eps=0.1, rng=Spy())
    assert [len(d) for d in drawn] == [12] * 12 and len(set(found.indices.tolist())) == 12
    G = o._network.per_example_gradients(o.theta, o._data.x, o._data.y)
    for t, pool in enumerate(drawn):
        w = o.theta - 0.2 * G[found.indices[:t]].sum(0)
        gains = G[pool] @ o._network.gradient(w, o._data.validation.x, o._data.validation.y)
        assert found.indices[t] == pool[gains.argmax()]
    everything = pick(o, 12, 0.2, eps=1e-9, rng=stream(0, "all"))
    assert everything.indices.tolist() == exact.indices.tolist()


@pytest.mark.parametrize("k, rounds, eps, sizes", [
    (12, 4, 0.1, [35] * 4),  # 3 picks a round: ceil(3 (60/12) ln 10)
    (12, 5, 0.5, [11, 11, 7, 7, 7]),  # 12 = 3 + 3 + 2 + 2 + 2: ceil(15 ln 2), ceil(10 ln 2)
    (30, 1, 0.9, [30]),  # a round looks at no fewer than it picks, though 60 ln(1/0.9) = 6.3
    (60, 2, 0.01, [60, 30]),  # and at no more than there are: 30 ln 100 = 138
])  # fmt: skip
def test_a_round_looks_at_its_share(k, rounds, eps, sizes):
    """Stochastic greedy with several picks a round: picks (n/k) ln(1/eps) of those not chosen yet."""
    drawn = []

    class Spy:
        def choice(self, remaining, size, replace):
            drawn.append(size)
            return stream(2, "spy", len(drawn)).choice(remaining, size, replace=replace)

    choice = pick(make(), k, 0.2, rounds=rounds, eps=eps, rng=Spy())
    assert drawn == sizes and len(set(choice.indices.tolist())) == k


@pytest.mark.parametrize("trial", range(30))
def test_equal_examples_go_to_the_lowest_index(trial):
    """Rows equal to the last bit tie exactly, wherever they stand in the matrix product."""
    rng = stream(trial, "ties")
    n, d = int(rng.integers(5, 40)), int(rng.integers(2, 60))
    a, h, held = rng.standard_normal((n, 3)), rng.standard_normal((n, d)), rng.standard_normal((9, d))
    y = np.arange(9) % 3
    ahead = LookAhead(np.full((9, 3), 1 / 3) - np.eye(3)[y], held, y)
    chosen = glister(np.tile(a, (3, 1)), np.tile(h, (3, 1)), ahead, 3, 0.1, rounds=1).indices
    assert chosen.tolist() == [chosen[0], chosen[0] + n, chosen[0] + 2 * n] and chosen[0] < n


def test_stochastic_subsets_differ_between_selections():
    o, method = make(), Glister(m=6, R=1, eps=0.5)
    _, first = method.propose(method.init(o), o)
    _, second = method.propose(first, o)
    assert first.subset.indices.tolist() != second.subset.indices.tolist()


CASES = [dict(), dict(rounds=4), dict(eps=0.1), dict(eps=0.9, rounds=2), dict(target="train"), dict(eta=50.0)]


@pytest.mark.parametrize("named", CASES, ids=str)
@BOTH
def test_budget_is_exact(loss, named, device):
    """k distinct examples of weight 1, whatever the gains; a pass over all and one over V."""
    o, method = make(loss, device, hidden=(5,)), Glister(m=7, fraction=0.3, **named)
    batch, state = method.propose(method.init(o), o)
    subset = state.subset
    assert len(set(subset.indices.tolist())) == len(subset.indices) == 18
    assert subset.indices.dtype == np.int64 and (subset.weights == 1).all() and (batch.weights == 1).all()
    assert o.ledger.cost == o.ledger.phases["other"].forward == N + (0 if method.target == "train" else V)


def test_late_gains_may_be_negative():
    """The budget is met all the same, here with all examples."""
    gains = pick(make(), N, 0.2).gains
    assert len(gains) == N and gains[-1] < 0 < gains[0]


def test_train_target():
    """With the training part in V's place: what a validation part that is a copy of it would choose; needs none."""
    o = make(held=False)
    method = Glister(m=7, fraction=0.3, target="train")
    _, state = method.propose(method.init(o), o)
    copy = Dataset(o._data.x, o._data.y, "toy", tuple("012"), validation=o._data)
    twin = Oracle(o._network, copy, o.theta, seed=7)
    _, other = Glister(m=7, fraction=0.3).propose(Glister().init(twin), twin)
    assert state.subset.indices.tolist() == other.subset.indices.tolist()
    np.testing.assert_allclose(state.losses, other.losses, rtol=1e-12)
    with pytest.raises(ValueError, match="no validation examples"):
        Glister().propose(Glister().init(o), o)


@pytest.mark.parametrize("named", [dict(eta=0.7), dict(rounds=2), dict(rounds=5), dict(eps=0.3)], ids=str)
def test_every_setting_reaches_the_greedy(named):
    """In DeepCore the look-ahead gets lost in a misspelt keyword: here the greedy, called with each, says the same."""
    o = make()
    _, state = Glister(m=6, fraction=0.2, **named).propose(GlisterState(), o)
    settings = {"eta": 0.05, "rng": stream(o.seed, "glister", "candidates", 0), **named}
    assert state.subset.indices.tolist() == pick(o, 12, **settings).indices.tolist()


def test_reselection_every_R_epochs():
    """18 examples in batches of 7 are 3 steps an epoch: selections before steps 0 and 6."""
    o, method, bill = make(), Glister(m=7, fraction=0.3, R=2), []
    state = method.init(o)
    for _ in range(7):
        _, state = method.propose(state, o)
        bill.append(o.ledger.cost // (N + V))
    assert bill == [1] * 6 + [2] and state.subset.number == 1 and len(state.losses) == 2


@BOTH
def test_the_same_on_every_device_and_every_time(loss, device):
    o, method = make(loss, device, hidden=(5,)), Glister(m=7, fraction=0.3, eps=0.1)
    host = make(loss, hidden=(5,))
    state = method.propose(method.init(o), o)[1]
    for other in (method.propose(method.init(o), o)[1], method.propose(method.init(host), host)[1]):
        assert state.subset.indices.tolist() == other.subset.indices.tolist()
        np.testing.assert_allclose(state.losses, other.losses, rtol=1e-12)
    assert method.propose(state, o)[0].indices.tolist() == method.propose(state, o)[0].indices.tolist()


@BOTH
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_tiny_probabilities(loss, dtype):
    """Logits of +-2000, right and wrong ones: losses are capped at 37, and everything stays finite."""
    o = make(loss)
    o = Oracle(o._network, o._data, (2000 * o.theta).astype(dtype), seed=7)
    assert float(o.validation.losses(np.arange(V)).max()) > 100
    method = Glister(m=7)
    _, state = method.propose(method.init(o), o)
    assert np.isfinite(state.losses).all() and state.losses[0, 0] <= 37


def test_a_probability_of_0_counts_as_1e_16():
    ahead = LookAhead(np.array([[-1.0, 1.0]]), np.ones((1, 1)), np.array([0]))
    assert ahead.loss(np.zeros((1, 2))) == pytest.approx(16 * np.log(10), rel=1e-12)


@pytest.mark.parametrize("p", [1e-6, 1e-9, 1e-12, 1e-15])
def test_small_probabilities_keep_their_logits(p):
    """An outlier's logit of log p is followed exactly down to 1e-16: a shift of -log p makes the classes equal."""
    ahead = LookAhead(np.array([[p - 1, 1 - p]]), np.ones((1, 1)), np.array([0]))
    assert ahead.loss(np.zeros((1, 2))) == pytest.approx(-np.log(p), rel=1e-4)  # p = 1 + a is rounded to 1e-16
    assert ahead.loss(np.array([[np.log(p), 0.0]])) == pytest.approx(np.log(2), rel=0.1 if p < 1e-14 else 1e-3)


def test_float32_agrees_with_float64():
    """The first gains to 1e-4 of the largest: float32 rounds p - y to 6e-8, and h too."""
    o = make()
    single = Oracle(o._network, o._data, o.theta.astype("float32"), seed=7)
    assert pick(single, N, 0.1, rounds=1).gains == pytest.approx(pick(o, N, 0.1, rounds=1).gains, abs=1e-5)


def test_other_losses_and_other_labels_are_refused():
    o = make()
    network = Network([Linear(FEATURES, 3)], SquaredError())
    square = Oracle(network, o._data, network.initialize(0, "float64"))
    with pytest.raises(ValueError, match="must be SoftmaxCrossEntropy or LogisticLoss"):
        Glister().propose(Glister().init(square), square)
    real = Oracle(network, Dataset(o._data.x, to_numpy(o._data.x)[:, :3], "toy"), network.initialize(0, "float64"))
    with pytest.raises(ValueError, match="integer classes"):
        Glister(target="train").propose(Glister().init(real), real)
    network = Network([Linear(FEATURES, 3)], GeneralizedCrossEntropy())
    doubting = Oracle(network, o._data, network.initialize(0, "float64"))
    with pytest.raises(ValueError, match="through the plain cross-entropy: leave out q and the weights of rows"):
        Glister().propose(Glister().init(doubting), doubting)
    a, h = last_layer(o)
    with pytest.raises(ValueError, match="is not a probability"):
        LookAhead(a, h, np.roll(o.labels, 1))


@pytest.mark.parametrize(
    "wrong", [dict(R=0), dict(eta=0.0), dict(eta=float("nan")), dict(rounds=0), dict(eps=0.0), dict(eps=1.0),
              dict(target="test"), dict(fraction=0.0), dict(m=0)],
)  # fmt: skip
def test_hyperparameters_are_checked(wrong):
    with pytest.raises(ValueError):
        Glister(**wrong)
