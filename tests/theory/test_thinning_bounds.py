"""The bounds of thinning_bounds.py on cases small enough for pencil and paper, and against enumerations."""

import itertools

import numpy as np
import pytest

from minicrest.ledger import Bill
from minicrest.random import stream
from minicrest.theory import thinning_bounds as theory

pytestmark = pytest.mark.theory
TOL = 1e-12  # relative: a few operations in float64
RNG = stream(0, "test thinning bounds")


def enumerated(G, pi):
    """(mean, mean square error) of (1/m) sum over the kept of g_i / pi_i, over all subsets that may be kept."""
    mean, square, m = 0.0, 0.0, len(G)
    for kept in itertools.product((0.0, 1.0), repeat=m):
        kept = np.array(kept)
        chance, ghat = np.prod(np.where(kept, pi, 1 - pi)), (kept / pi) @ G / m
        mean, square = mean + chance * ghat, square + chance * ((ghat - G.mean(0)) ** 2).sum()
    return mean, square


def test_variance_by_hand():
    """g = 2 kept with probability 1/2: 4 or 0, both 2 away; of two examples, half as much."""
    assert theory.thinned_variance(np.array([[2.0]]), np.array([0.5])) == 4
    assert theory.thinned_variance(np.array([[2.0], [9.0]]), np.array([0.5, 1.0])) == 1
    assert theory.thinned_variance(np.ones((3, 2)), np.ones(3)) == 0


@pytest.mark.parametrize("m", [1, 3, 7])
def test_variance_is_that_of_all_subsets(m):
    for _ in range(10):
        G, pi = RNG.standard_normal((m, 3)), RNG.uniform(0.05, 1, m)
        mean, square = enumerated(G, pi)
        np.testing.assert_allclose(mean, G.mean(0), rtol=1e-11, atol=1e-13)
        assert theory.thinned_variance(G, pi) == pytest.approx(square, rel=1e-10)


def test_the_bound_is_attained_where_gradients_are_as_long_as_scores():
    s, tau, L = np.array([0.1, 0.5, 1.0, 3.0]), 1.0, 2.0
    G = L * s[:, None] * np.array([[1.0, 0.0]])
    bound = theory.thinned_variance_bound(s, tau, L)
    assert bound == pytest.approx(4 / 16 * (0.1 * 0.9 + 0.5 * 0.5), rel=TOL)
    assert theory.thinned_variance(G, np.minimum(1, s / tau)) == pytest.approx(bound, rel=TOL)
    assert theory.thinned_variance(G / 2, np.minimum(1, s / tau)) == pytest.approx(bound / 4, rel=TOL)
    assert theory.thinned_variance_bound(s, 0.1) == 0  # all are kept


def test_the_floor_bound_is_attained_where_all_are_at_the_floor():
    G = RNG.standard_normal((5, 2))
    bound = theory.floor_variance_bound(G, 0.2)
    assert bound == pytest.approx(4 * (G**2).sum() / 25, rel=TOL)
    assert theory.thinned_variance(G, np.full(5, 0.2)) == pytest.approx(bound, rel=TOL)
    for _ in range(20):
        assert theory.thinned_variance(G, RNG.uniform(0.2, 1, 5)) <= bound
    assert theory.floor_variance_bound(G, 1.0) == 0


def test_price_times_square_by_hand():
    """pi = (1, 1/2): price 1 + 2 (3/4) = 2.5 and mean square (1 + 2 (1/4))/2 = 3/4, over 3 (5/8)."""
    s = np.array([1.0, 0.5])
    assert theory.price_times_square(s, np.array([1.0, 0.5])) == pytest.approx(2.5 * 0.75 / (3 * 0.625), rel=TOL)
    assert theory.price_times_square(s, np.ones(2)) == 1
    with np.errstate(all="raise"):  # no gradient, no chance: counts as 0
        assert theory.price_times_square(np.array([1.0, 0.0]), np.array([1.0, 0.0])) == pytest.approx(2 / 3, rel=TOL)


def test_the_second_factor_bounds_the_error_of_independent_draws():
    """E |ghat - gbar|^2 over V drawn independently from 3 examples and all subsets: at most (L^2/m) E s^2/pi."""
    G = RNG.standard_normal((3, 2))
    s, pi = np.linalg.norm(G, axis=1), np.array([1.0, 0.4, 0.7])
    error = 0.0
    for V in itertools.product(range(3), repeat=2):
        mean, square = enumerated(G[list(V)], pi[list(V)])
        error += (square + ((mean - G.mean(0)) ** 2).sum()) / 9
    bound = (s**2 / pi).mean() / 2
    assert error == pytest.approx(bound - (G.mean(0) ** 2).sum() / 2, rel=1e-11)  # E |sum|^2 less the mean's square
    assert error <= bound


@pytest.mark.parametrize("forward, backward", [(1.0, 2.0), (2.0, 1.0), (1.0, 1.0)])
def test_the_best_is_between_its_limits(forward, backward):
    limit = forward / (forward + backward)
    assert theory.best_price_times_square(np.ones(9), forward, backward) == pytest.approx(1, rel=TOL)
    one = np.append(np.full(10**6, 1e-9), 1.0)
    assert theory.best_price_times_square(one, forward, backward) == pytest.approx(limit, rel=1e-2)
    for power in (0.1, 1, 5, 50):
        s = RNG.random(40) ** power
        assert limit <= theory.best_price_times_square(s, forward, backward) <= 1 + TOL


def test_the_best_of_two_by_hand():
    """Scores 1 and x, tau^2 = max(2/4, 2 (1 + x^2)/6): only where x^2 < 1/2 is the second left to chance."""
    for x in (0.1, 0.5, 0.70, 0.72, 0.9):
        found = theory.best_price_times_square(np.array([1.0, x]))
        pi = min(1, x / np.sqrt(0.5))
        expected = (1 + (1 + pi)) * (1 + x * x / pi) / 2 / (3 * (1 + x * x) / 2)
        assert found == pytest.approx(expected, rel=TOL) and (found < 1 - 1e-9) == (x * x < 0.5)


def test_a_saving_is_the_difference_of_two_bills():
    """Of 8 examples k go back: 8 forward and k back, against 8 and k forward and k back."""
    for k in range(9):
        shared, apart = Bill(forward=8, backward=k).cost, Bill(forward=8 + k, backward=k).cost
        assert theory.shared_forward_saving(k / 8) == pytest.approx(1 - shared / apart, rel=TOL, abs=TOL)
    assert theory.shared_forward_saving(1.0, 2.0, 3.0) == pytest.approx(2 / 7, rel=TOL)  # f / (2 f + b)


def test_noisy_risk_by_hand():
    """Two classes, a quarter wrong, p_y = 1/4: l is 3/4 and 1/4 at q = 1, so 3/4 3/4 + 1/4 1/4 = 5/8."""
    assert theory.noisy_risk_bounds(3 / 4, 2, 1.0, 1 / 4) == (5 / 8, 5 / 8)


def test_noisy_risk_reaches_both_bounds():
    """All classes alike, or one certain; q = 1/2."""
    for p, which in ((np.full(4, 1 / 4), 0), (np.array([1.0, 0, 0, 0]), 1)):
        losses = (1 - np.sqrt(p)) / 0.5
        noisy = 0.7 * losses[0] + 0.1 * losses[1:].sum()
        assert theory.noisy_risk_bounds(losses[0], 4, 0.5, 0.3)[which] == pytest.approx(noisy, rel=1e-14)
