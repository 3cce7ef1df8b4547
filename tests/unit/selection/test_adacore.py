"""AdaCore: preconditioning on quadratics, where it is exact; H against the dense Hessian; the whole against a twin."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from minicrest import checkpoint
from minicrest.backend import to_device, to_numpy
from minicrest.batch import uniform
from minicrest.datasets import Dataset
from minicrest.learner import Learner
from minicrest.nn import Linear, LogisticLoss, Network, SoftmaxCrossEntropy, SquaredError
from minicrest.optim import SGD
from minicrest.oracle import Oracle
from minicrest.random import stream
from minicrest.selection import adacore
from minicrest.selection.adacore import AdaCore, precondition
from minicrest.selection.craig import Craig
from minicrest.submodular import facility_location
from minicrest.taylor import MovingAverage, hutchinson_diagonal, root_mean_square
from minicrest.train import train
from tests.unit.selection.test_craig import GRID, naive_craig, pool, select, sorted_subset

CLOSE = dict(rtol=1e-12, atol=1e-15)  # float64, sums of at most 200 terms


def quadratic(condition, seed=0, n=60, d=4):
    """l_i(w) = (w - c_i)' A (w - c_i) / 2, A diagonal: the gradients A (w - c_i) at a random w, diag A, and w - c_i."""
    rng = stream(seed, "quadratic")
    A = np.logspace(0, np.log10(condition), d)
    newton = rng.standard_normal(d) - rng.standard_normal((n, d))
    return newton * A, A, newton


def chosen(features, k=8):
    return facility_location(features, k).indices.tolist()


# ---- preconditioning


def test_newton_steps_decide_whatever_the_condition():
    """q_i = w - c_i for every A: one list for conditions 1 to 1e6, while CRAIG's follows the steepest direction."""
    lists = [chosen(precondition(*quadratic(condition)[:2])) for condition in (1, 1e2, 1e4, 1e6)]
    assert lists.count(chosen(quadratic(1)[2])) == 4
    plain = [chosen(quadratic(condition)[0]) for condition in (1, 1e2, 1e4, 1e6)]
    assert plain[0] == lists[0] and all(one != lists[0] for one in plain[1:])


def test_the_medoids_of_q_represent_the_newton_steps_better():
    """Empirical, on 5 fixed problems: L(S) of the q_i is smaller for the medoids of q than for those of g."""
    for seed in range(5):
        g, A, q = quadratic(1e4, seed)
        mine, craig = (np.linalg.norm(q[:, None] - q[chosen(f)], axis=2).min(1).sum() for f in (precondition(g, A), g))
        assert mine < craig


def test_power():
    g, A, q = quadratic(1e4)
    assert precondition(g, A, power=0.0, damping=0.1).tolist() == g.tolist()
    np.testing.assert_allclose(precondition(g, A, power=1.0), q, **CLOSE)
    np.testing.assert_allclose(precondition(g, A, power=0.5), q * np.sqrt(A), **CLOSE)
    np.testing.assert_allclose(precondition(g, A, power=1.0, damping=2.0), g / (A + 2), **CLOSE)


def test_scale_of_the_loss():
    """l -> c l leaves q as it is where nothing is damped, bit for bit for powers of 2; damping is absolute."""
    g, A, _ = quadratic(10)
    for c in (2.0**-20, 2.0**20):
        assert precondition(c * g, c * A).tolist() == precondition(g, A).tolist()
    assert chosen(precondition(3 * g, 3 * A)) == chosen(precondition(g, A))
    small = 1e-6
    assert chosen(precondition(small * g, small * A, damping=1e-2)) == chosen(g) != chosen(precondition(g, A))


def test_rescaled_inputs_can_change_the_choice():
    """x -> D x turns the weights' gradients into D g and H into D^2 H, so q into q / D: Newton's step, other units."""
    g, A, q = quadratic(1)
    D = np.array([1.0, 1.0, 1.0, 100.0])
    np.testing.assert_allclose(precondition(D * g, D**2 * A), q / D, **CLOSE)
    assert chosen(precondition(D * g, D**2 * A)) != chosen(precondition(g, A))


def test_one_probe_is_exact_for_a_diagonal_hessian():
    """Then the diagonal method is the full one, H^-1 g_i: the same list."""
    g, A, _ = quadratic(1e3)
    for probe in itertools.product([-1.0, 1.0], repeat=4):
        D = hutchinson_diagonal(lambda z: z @ np.diag(A), np.array([probe]))
        assert D.tolist() == A.tolist()
    assert chosen(precondition(g, D)) == chosen(np.linalg.solve(np.diag(A), g.T).T)


# ---- the two averages


def block(net, theta, data, batch, size):
    """The dense Hessian (size, size) of the last `size` parameters, from products with unit vectors."""
    units = np.eye(net.size)[-size:]
    return net.hvp(theta, data.x[batch.indices], data.y[batch.indices], units)[:, -size:]


def test_the_block_is_that_of_the_last_bias():
    """The gradient in the last C parameters is p - y, and their Hessian mean_i (diag p_i - p_i p_i')."""
    oracle, net, data = pool(0)
    batch = uniform(np.arange(3, 25))
    a = net.logit_gradients(oracle.theta, data.x, data.y)
    full = net.per_example_gradients(oracle.theta, data.x, data.y)
    np.testing.assert_allclose(AdaCore()._gradients(oracle), a, **CLOSE)
    np.testing.assert_allclose(full[:, -3:], a, **CLOSE)
    p = (a + np.eye(3)[data.y])[3:25]
    H = block(net, oracle.theta, data, batch, 3)
    np.testing.assert_allclose(H, np.diag(p.mean(0)) - p.T @ p / 22, **CLOSE)
    found = AdaCore(curvature="exact")._diagonal(oracle, batch, 3, None)
    np.testing.assert_allclose(found, (p * (1 - p)).mean(0), **CLOSE)


@pytest.mark.parametrize("features, size", [("logits", 3), ("last-layer", 27)])
def test_estimates_are_unbiased(features, size, device, monkeypatch):
    """Over all probes of the bias the mean is diag H, and no estimate carries noise from outside of the block.

    The block of the whole last layer is too large for all probes: there one probe is checked against the dense block.
    """
    oracle, _, _ = pool(1, device=device)
    batch, method = uniform(np.arange(22)), AdaCore(features=features)
    host, net, host_data = pool(1)
    H = block(net, host.theta, host_data, batch, size)
    assert method._gradients(oracle).shape == (40, size)
    rng, found = stream(0, "probes"), []
    probes = itertools.product([-1.0, 1.0], repeat=3) if size == 3 else rng.choice([-1.0, 1.0], (4, size))
    for z in map(np.array, probes):
        fixed = to_device(z[None], device)
        monkeypatch.setattr(adacore, "rademacher", lambda *rest, fixed=fixed: fixed)
        found.append(to_numpy(method._diagonal(oracle, batch, size, None)))
        np.testing.assert_allclose(found[-1], z * (H @ z), **CLOSE)
    if size == 3:
        np.testing.assert_allclose(np.mean(found, axis=0), np.diag(H), **CLOSE)


def test_averages():
    """One value a selection for the gradients (beta1), one an estimate for the squares (beta2); never reset."""
    oracle, net, data = pool(2)
    method = AdaCore(m=12, fraction=0.3, beta1=0.6, beta2=0.7, estimates=2, b_H=10, curvature="exact")
    state, gradients, squares = method.init(oracle), [], []
    for s in range(3):
        Learner(oracle).move(net.initialize(s, "float64"), oracle.statistics, s)
        _, state = method.propose(state, oracle)
        gradients.append(net.logit_gradients(oracle.theta, data.x, data.y))
        for e in range(2):
            i = stream(oracle.seed, "adacore", "examples", s, e).choice(40, 10, replace=False)
            squares.append(net.hessian_diagonal(oracle.theta, data.x[i], data.y[i])[-3:] ** 2)
    assert len({str(square) for square in squares}) == 6  # each from its own examples
    for average, beta, values in ((state.gradients, 0.6, gradients), (state.squares, 0.7, squares)):
        powers = beta ** np.arange(len(values))[::-1]
        mean = sum(w * x for w, x in zip(powers, values)) / powers.sum()
        np.testing.assert_allclose(average.mean, mean, **CLOSE)
    D = root_mean_square(state.squares)
    q, S, report = precondition(state.gradients.mean, D, 1.0, 1e-4), state.subset.indices, method.report(state)
    assert sorted(S) == sorted(naive_craig(q, oracle.labels, 12)[0])
    L = sum(cdist(q[oracle.labels == c], q[S[oracle.labels[S] == c]]).min(1).sum() for c in range(3))
    np.testing.assert_allclose(report["certificate"][-1], L, rtol=GRID)
    np.testing.assert_allclose([report["smallest_D"][-1], report["largest_D"][-1]], [D.min(), D.max()], **CLOSE)


def test_every_estimate_has_its_own_signs(monkeypatch):
    oracle, _, _ = pool(2)
    seen, true = [], adacore.rademacher
    monkeypatch.setattr(adacore, "rademacher", lambda rng, *rest: seen.append(true(rng, *rest)) or seen[-1])
    method = AdaCore(m=12, fraction=0.3, estimates=10, features="last-layer")
    state = method.init(oracle)
    for _ in range(2):
        _, state = method.propose(state, oracle)
    assert len({signs.tobytes() for signs in seen}) == 20  # of 2^27: two alike has a probability of 1e-6


# ---- the whole


def test_power_zero_is_craig(device):
    """Without memory of older gradients; bit for bit, over several selections."""
    oracle, net, _ = pool(3, device=device, dtype="float32")
    one, two = Craig(m=6, fraction=0.3), AdaCore(m=6, fraction=0.3, power=0.0, beta1=0.0)
    s, t = one.init(oracle), two.init(oracle)
    for step in range(6):
        Learner(oracle).move(net.initialize(step // 2, "float32", device), oracle.statistics, step)
        s, t = one.propose(s, oracle)[1], two.propose(t, oracle)[1]
        assert s.subset.indices.tolist() == t.subset.indices.tolist()
        assert s.subset.weights.tolist() == t.subset.weights.tolist()
        assert s.selected.tolist() == t.selected[:, :4].tolist()
    assert len(s.selected) == 3


@pytest.mark.parametrize("seed", [1, 3, 4])  # where the curvature differs between classes enough to change the choice
@pytest.mark.parametrize("features", ["logits", "last-layer"])
def test_the_subset_is_that_of_naive_greedy_on_q(seed, features, device):
    """The first selection, from the network's own answers; CRAIG's differs. Rows, indices and classes are aligned."""
    oracle, net, data = pool(seed, device=device)
    method = AdaCore(m=4, fraction=0.3, b_H=40, curvature="exact", features=features)
    state = select(method, oracle)
    size = 3 if features == "logits" else 27
    g = to_numpy(net.per_example_gradients(oracle.theta, data.x, data.y))[:, -size:]
    D = to_numpy(net.hessian_diagonal(oracle.theta, data.x, data.y))[-size:]
    indices, gamma = naive_craig(g / (D + 1e-4), oracle.labels, 12)
    order = np.argsort(indices)
    found, weights = sorted_subset(state.subset)
    assert found.tolist() == indices[order].tolist()
    np.testing.assert_allclose(weights * 40 / 12, gamma[order], rtol=1e-14)
    assert sorted(naive_craig(g, oracle.labels, 12)[0]) != found.tolist()


def test_last_layer_features_are_the_whole_gradient_of_logistic_regression():
    """The paper's convex case: analytic Hessian s (1 - s) x x' + l2, one selection before training."""
    rng = stream(0, "logistic")
    x, y = rng.standard_normal((50, 3)) * [1.0, 1.0, 30.0], np.arange(50) % 2
    net = Network([Linear(3, 1)], LogisticLoss(l2=1e-2))
    data = Dataset(x, y, "logistic")
    oracle = Oracle(net, replace(data, test=data), net.initialize(0, "float64") / 30, seed=0)
    w = np.array(oracle.theta)
    method = AdaCore(m=5, fraction=0.2, b_H=50, R=10**6, curvature="exact", features="last-layer")
    s, tilde = 1 / (1 + np.exp(-x @ w[:3] - w[3])), np.column_stack([x, np.ones(50)])
    D = (s * (1 - s)) @ tilde**2 / 50 + 1e-2
    run = train(method, oracle, SGD(lr=1e-3), 30, progress=False)
    q = (s - y)[:, None] * tilde / (D + 1e-4)
    assert sorted(np.flatnonzero(run.uses)) == sorted(naive_craig(q, y, 10)[0])
    assert len(run.report["select_step"]) == 1


def test_a_constant_hessian_of_squared_error_changes_nothing():
    """There the bias has H = 1 whatever the probe: AdaCore is CRAIG, at every power."""
    rng = stream(0, "squares")
    net = Network([Linear(3, 3)], SquaredError())
    oracle = Oracle(net, Dataset(rng.standard_normal((30, 3)), np.arange(30) % 3, "squares"),
                    net.initialize(0, "float64"), seed=0)  # fmt: skip
    state = select(AdaCore(m=4, fraction=0.2), oracle)
    np.testing.assert_allclose(state.squares.mean, np.ones(3), **CLOSE)
    assert sorted(state.subset.indices) == sorted(select(Craig(m=4, fraction=0.2), oracle).subset.indices)


@pytest.mark.parametrize("R", [1, 3])
def test_it_selects_anew_after_R_passes(R):
    oracle, _, _ = pool(3)
    method = AdaCore(m=5, fraction=0.3, R=R)
    state = method.init(oracle)
    for _ in range(6 * R + 1):
        batch, state = method.propose(state, oracle)
        assert np.isin(batch.indices, state.subset.indices).all()
    assert method.report(state)["select_step"].tolist() == [0, 3 * R, 6 * R]


@pytest.mark.parametrize(
    "curvature, model", [("hutchinson", (0, 0, 3 * 2 * 10)), ("exact", (3 * 2 * 10, 3 * 2 * 10 * 3, 0))]
)
def test_bill(curvature, model):
    """3 selections: 40 forward passes each, and 2 estimates on 10 examples each."""
    oracle, _, _ = pool(4)
    method = AdaCore(m=5, fraction=0.3, R=2, b_H=10, estimates=2, curvature=curvature)
    train(method, oracle, SGD(), 14, progress=False)  # selections at steps 0, 6 and 12
    phases = oracle.ledger.phases
    assert (phases["select"].forward, phases["select"].backward, phases["select"].hessian) == (3 * 40, 0, 0)
    assert (phases["model"].forward, phases["model"].backward, phases["model"].hessian) == model
    assert phases["prepare"].cost == 0 and set(phases) == {"prepare", "select", "model", "train"}


def test_resumes_from_a_checkpoint(tmp_path):
    oracle, net, _ = pool(5)
    method = AdaCore(m=5, fraction=0.3, features="last-layer")
    state = method.init(oracle)
    for _ in range(4):
        _, state = method.propose(state, oracle)
    checkpoint.save(tmp_path / "state.npz", state)
    again = checkpoint.load(tmp_path / "state.npz")
    for step in range(8):
        Learner(oracle).move(net.initialize(step, "float64"), oracle.statistics, step)
        one, state = method.propose(state, oracle)
        two, again = method.propose(again, oracle)
        assert one.indices.tolist() == two.indices.tolist() and one.weights.tolist() == two.weights.tolist()
    assert len(state.selected) == 4


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_types_are_those_of_the_parameters(dtype, device):
    oracle, _, _ = pool(6, device=device, dtype=dtype)
    state = select(AdaCore(m=5, fraction=0.3), oracle)
    assert isinstance(state.gradients, MovingAverage)
    assert state.gradients.mean.dtype == state.squares.mean.dtype == dtype


def test_a_saturated_model_is_damped():
    """All p (1 - p) are 0 in float32: q = g / damping is finite."""
    oracle, _, _ = pool(7, dtype="float32", loss=SoftmaxCrossEntropy(), sizes=(5, 3))
    Learner(oracle).move(1e4 * oracle.theta, oracle.statistics)
    state = select(AdaCore(m=5, fraction=0.3, b_H=40), oracle)
    assert to_numpy(state.squares.mean).max() < 1e-12 and np.isfinite(state.selected).all()


@pytest.mark.parametrize("wrong", [
    dict(m=0), dict(fraction=2.0), dict(R=0), dict(b_H=0), dict(estimates=0), dict(power=1.5), dict(power=-0.5),
    dict(damping=0.0), dict(curvature="none"), dict(features="raw"),
])  # fmt: skip
def test_hyperparameters_are_checked(wrong):
    with pytest.raises(ValueError, match=str(next(iter(wrong.values())))):
        AdaCore(**wrong)
