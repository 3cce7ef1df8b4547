"""Thinning: unbiased and of the variance that is claimed, by enumeration; tau is the best there is; edge cases."""

from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.optimize import minimize

from minicrest.backend import to_device, to_numpy
from minicrest.batch import Feedback, uniform
from minicrest.datasets import Dataset
from minicrest.learner import Learner
from minicrest.nn import BatchNorm2d, Linear, ReLU, SoftmaxCrossEntropy, Tanh
from minicrest.optim import SGD
from minicrest.oracle import Oracle
from minicrest.random import stream
from minicrest.selection import thinning
from minicrest.selection.thinning import Thinning, chances, threshold
from minicrest.theory import thinning_bounds as theory
from minicrest.train import train
from tests.unit.test_oracle import Spy, spied

SCORES = [stream(k, "scores").random(m) ** power for k, (m, power) in enumerate(product((1, 2, 5, 33), (0.2, 1, 6)))]
every_score = pytest.mark.parametrize("s", SCORES, ids=lambda s: f"{len(s)}, {s.std():.2f}")


def real(device="cpu", n=24, norm=False, l2=0.0, test=0):
    """(oracle, spy): examples of 3 numbers and 3 classes, float64."""
    rng = stream(0, "test thinning")
    part = [Dataset(rng.standard_normal((k, 3)), np.arange(k) % 3, "toy") for k in (n, 6)]
    data = Dataset(part[0].x, part[0].y, "toy", test=part[1]).to(device)
    spy = Spy([Linear(3, 4), *([BatchNorm2d(4)] if norm else []), Tanh(), Linear(4, 3)], SoftmaxCrossEntropy(l2=l2))
    return Oracle(spy, data, 2 * spy.initialize(1, "float64", device), seed=3), spy


def scores(oracle, V):
    """(m,) |p - y|, by the network in training mode."""
    data = oracle._data
    a = oracle._network.logit_gradients(oracle.theta, data.inputs(V, "float64"), data.targets(V))
    return np.sqrt((to_numpy(a) ** 2).sum(1))


def fixed(draws):
    """A `stream` whose numbers are these, whatever it is asked for."""
    return lambda *purpose: SimpleNamespace(random=lambda size: np.asarray(draws)[:size])


# ---- unbiased, and its variance


@pytest.mark.parametrize("low", [0.0, 0.3])
@pytest.mark.parametrize("l2", [0.0, 0.1])
def test_over_all_subsets_the_step_is_the_gradient_of_V_and_its_variance_is_the_formula(l2, low, device, monkeypatch):
    """Each of the 2^7 subsets that may be kept, with its probability."""
    oracle, spy = real(device, l2=l2)
    method, V, data = Thinning(m=7, low=low), np.array([3, 0, 17, 5, 9, 20, 12]), oracle._data
    pi = chances(scores(oracle, V), low)
    x, y = data.inputs(V, "float64"), data.targets(V)
    G = to_numpy(spy.per_example_gradients(oracle.theta, x, y))
    mean = square = total = most = 0.0
    state = method.init(oracle)
    for kept in product([True, False], repeat=7):
        probability = np.prod(np.where(kept, pi, 1 - pi))
        monkeypatch.setattr(thinning, "stream", fixed(np.where(kept, 0.0, 1 - 2.0**-53)))
        if probability == 0:
            continue
        gradient, feedback, _ = Learner(oracle).step(uniform(V), lambda f: method.choose(state, f))
        assert ((feedback.weights > 0) == kept).all()
        gradient = to_numpy(gradient)
        mean, total = mean + probability * gradient, total + probability
        square = square + probability * ((gradient - G.mean(0)) ** 2).sum()
        most = max(most, np.sum(kept))
    assert total == pytest.approx(1, rel=1e-12) and most == 7 and 0 < (pi < 1).sum()
    np.testing.assert_allclose(mean, G.mean(0), rtol=1e-12, atol=1e-15)
    assert square == pytest.approx(theory.thinned_variance(G, pi), rel=1e-12)
    assert square <= theory.floor_variance_bound(G, low or pi.min()) * (1 + 1e-12)


def test_an_example_is_kept_as_often_as_its_chance():
    """2000 steps on the same scores: five standard deviations. Draws differ from step to step and from seed to seed."""
    a = np.array([[0.9, -0.9], [0.3, -0.3], [0.02, -0.02], [0.1, -0.1]])
    pi, kept = chances(np.sqrt((a * a).sum(1)), 0.1), []
    for step in range(2000):
        feedback = Feedback(np.arange(4), None, None, seed=5, logit_gradients=a)
        kept.append(Thinning().choose(SimpleNamespace(step=step), feedback))
    kept = np.array(kept)
    assert (np.abs((kept > 0).sum(0) - 2000 * pi) <= 5 * np.sqrt(2000 * pi * (1 - pi))).all()
    np.testing.assert_allclose(kept.max(0), 1 / pi, rtol=1e-15)
    assert pi[2] == 0.1 and kept[:, 2].max() == 10
    again, other = ([Thinning().choose(SimpleNamespace(step=t), feedback._replace(seed=seed)) for t in range(20)]
                    for seed in (5, 6))  # fmt: skip
    assert (np.array(again) == kept[:20]).all() and (np.array(other) != kept[:20]).any()


# ---- tau


@every_score
def test_tau_is_the_best_on_a_grid(s):
    """Of 20,000 between the smallest and twice the largest score; and where all scores are 1/1000 as large."""
    tau = threshold(s)
    best = theory.price_times_square(s, np.minimum(1, s / tau))
    grid = np.linspace(s.min() / 2, 2 * s.max(), 20_000)
    pi = np.minimum(1, s / grid[:, None])
    price = (1 + 2 * pi.mean(1)) * (s**2 / pi).mean(1) / (3 * (s**2).mean())
    assert best <= price.min() * (1 + 1e-12)
    assert best <= 1 + 1e-12 and best >= 1 / 3
    assert threshold(s / 1000) == pytest.approx(tau / 1000, rel=1e-12)
    assert theory.best_price_times_square(s) == pytest.approx(best, rel=1e-12)


@every_score
@pytest.mark.parametrize("forward, backward", [(1.0, 2.0), (1.0, 0.5), (3.0, 1.0)])
def test_no_other_chances_are_better(s, forward, backward):
    """Over all pi in (0, 1]^m, by a general optimiser in log pi, from three starts."""

    def price(u):
        return np.log(theory.price_times_square(s, np.exp(u), forward, backward))

    def slope(u):
        pi = np.exp(u)
        return backward * pi / (forward * len(s) + backward * pi.sum()) - s**2 / pi / (s**2 / pi).sum()

    pi = np.minimum(1, s / threshold(s, forward, backward))
    best = price(np.log(pi))
    for start in (np.zeros(len(s)), np.log(pi) / 2, stream(0, "start").uniform(-2, 0, len(s))):
        found = minimize(price, start, bounds=[(-30, 0)] * len(s), jac=slope, method="L-BFGS-B",
                         options={"ftol": 1e-15, "gtol": 1e-10}).fun  # fmt: skip
        assert best <= found + 1e-12
    assert best == pytest.approx(found, abs=1e-8)  # where the optimiser stops
    assert best == pytest.approx(np.log(theory.best_price_times_square(s, forward, backward)), abs=1e-12)


@every_score
def test_tau_solves_its_equation(s):
    """tau^2 = 2 mean (s^2 - tau^2)_+, where some example is below tau; else all are kept."""
    tau = threshold(s)
    if tau > s.min():
        assert tau**2 == pytest.approx(2 * np.maximum(s**2 - tau**2, 0).mean(), rel=1e-12)
    else:
        assert (chances(s) == 1).all()


# ---- edges


def test_chances_at_the_edges():
    assert chances(np.zeros(3)).tolist() == [1, 1, 1]  # nothing to choose by
    assert chances(np.zeros(3), 0.2).tolist() == [1, 1, 1]
    assert chances(np.array([0.7])).tolist() == [1]
    assert chances(np.full(5, 0.3)).tolist() == [1] * 5  # ties: nobody matters more
    assert chances(np.array([0.0, 1.0, 0.0])).tolist() == [0, 1, 0]
    assert chances(np.array([0.0, 1.0, 0.0]), 0.25).tolist() == [0.25, 1, 0.25]
    s = np.array([1.0, 0.2, 0.01, 0.2])
    pi = chances(s)
    assert pi[1] == pi[3] < 1 == pi[0]
    for tiny in (1e-200, 1e-300, 1e200):  # squares that underflow or overflow
        np.testing.assert_allclose(chances(s * tiny), pi, rtol=1e-13)
    assert (chances(s, 1.0) == 1).all()


def test_weights_of_what_is_kept_with_no_chance_are_zero(device):
    """An example without gradient, at low = 0, is never kept, whatever is drawn; nothing is divided by 0."""
    a = to_device(np.array([[0.0, 0.0], [0.5, -0.5], [1e-30, -1e-30]], dtype="float32"), device)
    with np.errstate(all="raise"):
        for step in range(50):
            feedback = Feedback(np.arange(3), None, None, seed=0, logit_gradients=a)
            weights = Thinning(low=0.0).choose(SimpleNamespace(step=step), feedback)
            assert type(weights) is np.ndarray and weights.dtype == np.float64
            assert weights[0] == 0 and weights[1] == 1 and np.isfinite(weights).all()


def test_a_draw_of_0_keeps_nothing_without_a_chance(monkeypatch):
    monkeypatch.setattr(thinning, "stream", fixed(np.zeros(2)))
    feedback = Feedback(np.arange(2), None, None, logit_gradients=np.array([[0.0, 0.0], [0.5, -0.5]]))
    assert Thinning(low=0.0).choose(SimpleNamespace(step=1), feedback).tolist() == [0, 1]


def test_low_of_1_keeps_all(device):
    """Then a step is that of a plain batch, bit for bit, and its bill too."""
    oracle, _ = real(device)
    method, batch = Thinning(m=8, low=1.0), uniform(np.arange(8))
    plain = Learner(oracle).step(batch)
    before = oracle.ledger.cost
    thinned = Learner(oracle).step(batch, lambda f: method.choose(method.init(oracle), f))
    assert to_numpy(plain[0]).tobytes() == to_numpy(thinned[0]).tobytes()
    assert (thinned[1].weights == 1).all() and oracle.ledger.cost == 2 * before == 48


def test_a_step_costs_m_and_twice_the_kept(device):
    oracle, spy = real(device)
    run = train(Thinning(m=8), oracle, SGD(0.1), 30, evaluate_every=30, progress=False)
    kept = int(run.uses.sum())
    bill = run.ledger.phases["train"]
    assert (bill.forward, bill.backward) == (240, kept) and 0 < kept < 200
    assert spied(run.ledger) == {**spy.counts, "forward": spy.counts["forward"] - 2 * 6}
    assert {name for name, b in run.ledger.phases.items() if b.cost} == {"train"}


def test_through_batch_norm_all_go_back():
    oracle, spy = real(norm=True)
    run = train(Thinning(m=8), oracle, SGD(0.1), 20, evaluate_every=20, progress=False)
    assert (run.ledger.phases["train"].forward, run.ledger.phases["train"].backward) == (160, 160)
    assert run.uses.sum() < 160 and spy.counts["backward"] == 160


def test_every_pass_shows_every_example():
    oracle, method = real(n=20)[0], Thinning(m=8)
    state, seen = method.init(oracle), []
    for _ in range(6):
        batch, state = method.propose(state, oracle)
        assert (batch.weights == 1).all()
        seen.append(batch.indices)
    assert [len(V) for V in seen] == [8, 8, 4] * 2
    for epoch in (seen[:3], seen[3:]):
        assert sorted(np.concatenate(epoch)) == list(range(20))
    assert (np.concatenate(seen[:3]) != np.concatenate(seen[3:])).any()


@pytest.mark.parametrize("loss", [np.nan, np.inf])
def test_scores_that_are_not_finite_end_the_training(loss):
    oracle, spy = real()
    oracle = Oracle(spy, oracle._data, np.full(spy.size, loss), seed=3)
    with np.errstate(all="ignore"):
        run = train(Thinning(m=8), oracle, SGD(0.1), 20, progress=False)
    assert run.diverged == 1 and run.steps == 1


@pytest.mark.parametrize("net", ["tanh", "relu"])
def test_the_score_bounds_the_gradient(net):
    """With the least L for which |g_i| <= L s_i, the variance is below its bound."""
    oracle, spy = real()
    if net == "relu":
        spy = Spy([Linear(3, 4), ReLU(), Linear(4, 3)])
    x, y = oracle._data.x, oracle._data.y
    norms, s = spy.gradient_norms(oracle.theta, x, y), scores(oracle, np.arange(24))
    L = (norms / s).max()
    G, tau = spy.per_example_gradients(oracle.theta, x, y), threshold(s)
    assert theory.thinned_variance(G, chances(s)) <= theory.thinned_variance_bound(s, tau, L) * (1 + 1e-12)
