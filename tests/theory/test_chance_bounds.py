"""The bounds of chance_bounds.py by enumeration, by recursion and on trainings."""

import itertools
import math

import numpy as np
import pytest

from minicrest.optim import SGD
from minicrest.random import stream
from minicrest.theory import RandomBatch, bounds, problems, trajectory
from minicrest.theory import chance_bounds as theory

pytestmark = pytest.mark.theory
TOL = 1e-12


@pytest.mark.parametrize("beta, t", [(0.0, 1), (0.9, 1), (0.9, 7), (0.5, 3), (0.99, 400)])
def test_averaging_and_lag_are_sums_over_the_weights(beta, t):
    a = (1 - beta) * beta ** np.arange(t) / (1 - beta**t)
    assert theory.averaging(beta, t) == pytest.approx(a @ a, rel=1e-9)
    assert theory.averaged_lag(beta, t) == pytest.approx(a @ np.arange(t), rel=1e-9, abs=1e-12)


def test_averaging_of_many_terms():
    assert theory.averaging(0.9) == pytest.approx(0.1 / 1.9, rel=TOL) == theory.averaging(0.9, 10**4)
    assert theory.averaged_lag(0.9) == pytest.approx(9, rel=TOL) == theory.averaged_lag(0.9, 10**4)


def test_the_averaged_error_by_enumeration():
    """Three steps, every sequence of signs, a Hessian whose diagonal grows by the drift: exact, with equal noise."""
    H, grow, beta = np.array([[1.0, 0.5], [0.5, -2.0]]), np.diag([0.3, 0.4]), 0.6
    weights = (1 - beta) * beta ** np.arange(2, -1, -1) / (1 - beta**3)
    signs = list(itertools.product([-1.0, 1.0], repeat=2))
    total = []
    for probes in itertools.product(signs, repeat=3):
        average = sum(a * (np.array(z) * ((H + s * grow) @ z)) for s, (a, z) in enumerate(zip(weights, probes)))
        total.append(((average - np.diag(H + 2 * grow)) ** 2).sum())
    noise = theory.diagonal_noise(H)
    assert noise == pytest.approx(0.5, rel=TOL) == np.trace(bounds.diagonal_covariance(H))
    assert np.mean(total) == pytest.approx(theory.averaged_error(noise, beta, 3, drift=0.5), rel=1e-12)
    assert theory.diagonal_noise(H, 5) == pytest.approx(0.1, rel=TOL)


def test_likely_gradient_by_hand():
    """A value that is 8 with probability 1/8, else 0, has mean 1; the best of two is 8 with probability 1/64."""
    assert theory.likely_gradient(1.0, 1 / 8) == 8.0
    assert theory.likely_gradient(1.0, 1 / 64, repeats=2) == pytest.approx(8.0, rel=TOL)
    assert theory.likely_gradient(3.0, 1e-6, repeats=6) == pytest.approx(30.0, rel=TOL)


def test_the_likely_mean_square_by_hand():
    """a = 1/2: (4 D0/(N eta) + 2.5 bias^2 + M^2 + 8 M^2 ln 10 / N) / (1.5 - 2.5 eps^2)."""
    found = theory.likely_mean_square_gradient(3.0, 20, 0.25, 2.0, 2.0, 0.1, eps=0.2, bias=0.5)
    by_hand = (4 * 3 / 5 + 2.5 * 0.25 + 4 + 32 * math.log(10) / 20) / (1.5 - 0.1)
    assert found == pytest.approx(by_hand, rel=TOL)
    with pytest.raises(ValueError, match="needs eta <= 1/L_s"):
        theory.likely_mean_square_gradient(1.0, 20, 0.6, 2.0, 1.0, 0.1)
    with pytest.raises(ValueError, match=r"eps\^2 < "):
        theory.likely_mean_square_gradient(1.0, 20, 0.25, 2.0, 1.0, 0.1, eps=math.sqrt(0.6) + 1e-9)


@pytest.mark.parametrize("failure", [0.5, 0.05])
def test_trainings_fail_no_more_often_than_the_likely_form_says(failure):
    """Gradient steps in two dimensions with noise M in a random direction, by themselves: 2,000 runs of 25 steps."""
    rng, runs, N, M, eta = stream(0, "tests", "likely"), 2000, 25, 2.0, 0.8
    w = np.tile([3.0, 0.0], (runs, 1))
    total = np.zeros(runs)
    for _ in range(N):
        total += (w**2).sum(1)
        angle = rng.uniform(0, 2 * math.pi, runs)
        w = w - eta * (w + M * np.stack([np.cos(angle), np.sin(angle)], 1))
    bound = theory.likely_mean_square_gradient(4.5, N, eta, 1.0, M, failure)
    assert (total / N > bound).mean() <= failure and (total / N).mean() > 0.2 * bound
    assert np.quantile(total / N, 1 - failure) <= bound


def test_the_likely_form_cannot_be_much_smaller():
    """A constant bias, no noise, eta = 1/L_s: |g| = bias for ever, and the bound is 3/2 of its square."""
    found = theory.likely_mean_square_gradient(4.5, 10**9, 1.0, 1.0, 0.0 + 1e-12, 0.5, bias=3.0)
    assert found == pytest.approx(1.5 * 9, rel=1e-6)


def test_the_pl_rate_on_a_loss_that_is_not_convex():
    """Exact gradients on w^2 + 3 sin^2 w: every step obeys (1 - eta mu)^t; the bound for mu ten times larger fails."""
    p = problems.pl_sine(n=1)
    eta = 1 / p.L_s
    path = list(trajectory(RandomBatch(1), p, SGD(eta, 0.0), 40))
    for t, step in enumerate(path[1:], 1):
        assert step.loss <= bounds.strongly_convex_gap(path[0].loss, t, eta, p.L_s, p.pl, 0.0)
    assert path[3].loss > bounds.strongly_convex_gap(path[0].loss, 3, eta, p.L_s, 10 * p.pl, 0.0)
