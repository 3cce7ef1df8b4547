"""The bounds of bounds.py on cases small enough for pencil and paper, and against recursions and enumerations."""

import itertools
import math

import numpy as np
import pytest

from minicrest.random import stream
from minicrest.theory import bounds as theory

pytestmark = pytest.mark.theory
TOL = 1e-12  # relative: a few operations in float64
H = np.array([[1.0, 2.0], [2.0, -3.0]])
SIGNS = np.array(list(itertools.product([-1.0, 1.0], repeat=2)))


# ---- curvature


def test_hutchinson_by_hand():
    assert theory.off_diagonal(H) == 8
    assert theory.trace_variance(H) == 16 and theory.trace_variance(H, probes=4) == 4
    assert theory.trace_variance(H, normal=True) == 36  # 2 (1 + 4 + 4 + 9)
    assert (theory.diagonal_covariance(H) == [[4, 4], [4, 4]]).all()
    assert (theory.diagonal_covariance(np.diag([1.0, 2.0])) == 0).all()


def test_smoothed_curvature_by_hand():
    np.testing.assert_allclose(theory.smoothed_curvature(H), np.sqrt([5, 13]), rtol=TOL)
    np.testing.assert_allclose(theory.smoothed_curvature(H, 10**12), [1, 3], rtol=1e-11)  # |H_ii|, as K grows


def test_probes_needed_is_the_least_number():
    for error in (0.5, 0.1, 0.03):
        K = theory.probes_needed(H, error)  # E |D - diag|^2 = 8 / K against error^2 10
        assert 8 / K <= error**2 * 10 < 8 / (K - 1 or 0.5)
    assert theory.probes_needed(np.diag([1.0, 2.0]), 1e-9) == 1


@pytest.mark.parametrize("h", [(0.0, 0.0), (1.0, -3.0), (2.0, 5.0)])
def test_model_error_by_enumeration(h):
    misses = [(d @ H @ d / 2 - (d * d) @ np.array(h) / 2) ** 2 for d in SIGNS]
    assert theory.model_error(H, np.array(h)) == pytest.approx(np.mean(misses), rel=TOL)


def test_when_smoothing_helps():
    for A in (H, np.diag([1.0, 3.0]), np.array([[1.0, 5.0], [5.0, 1.0]])):
        h = theory.smoothed_curvature(A)
        assert theory.smoothing_helps(A, h) == (theory.model_error(A, h) < theory.model_error(A))
    assert not theory.smoothing_helps(H, theory.smoothed_curvature(H))  # tr H < 0
    assert theory.smoothing_helps(np.diag([1.0, 3.0]), np.array([1.0, 3.0]))


# ---- regions


def test_periods_are_rounded_up():
    assert theory.periods(1.0, 5.0, 3.0, 2.0) == (2, 10)
    assert theory.periods(1.0, 0.3, 1.0, 100.0) == (1, 1)


def test_the_endpoint_error_is_attained_by_a_cubic():
    """L = 10 + w^3, F = 10: at delta = 1 the slope's error is 3 = 2 |F - L| + 6/6; without the 6 it would be 2."""
    assert theory.endpoint_error(1 / 11, 11, 1, 0, third=6) == pytest.approx(3, rel=TOL)
    assert theory.endpoint_error(1 / 11, 11, 1, 0) == pytest.approx(2, rel=TOL)


def test_printed_tau_by_hand():
    """tau L = (|g| - 3 |xi|) |delta| / 2, and then endpoint_error is |g| - 2 |xi| where L is quadratic."""
    tau = theory.printed_tau(0.1, 2.0, 0.5, 4.0)
    assert tau == pytest.approx(1.7 * 0.5 / 8, rel=TOL)
    assert theory.endpoint_error(tau, 4.0, 0.5, 0.1) == pytest.approx(2.0 - 0.2, rel=TOL)


def test_the_logistic_losss_third_derivative():
    p = 1 / (1 + np.exp(-np.linspace(-10, 10, 200_001)))
    third = np.abs(p * (1 - p) * (1 - 2 * p))
    assert third.max() <= theory.LOGISTIC_THIRD == pytest.approx(third.max(), rel=1e-8)
    assert theory.logistic_third(np.array([1.0, -2.0])) == pytest.approx(4.5 * theory.LOGISTIC_THIRD, rel=TOL)


# ---- mini-batches


def test_random_batches_by_enumeration():
    G = stream(0, "bounds").standard_normal((7, 3))
    for m in range(1, 8):
        batches = np.array(list(itertools.combinations(range(7), m)))
        exact = ((G[batches].mean(1) - G.mean(0)) ** 2).sum(1).mean()
        assert theory.random_batch_error(G, m) == pytest.approx(exact, rel=1e-10, abs=1e-15)


def test_a_coreset_without_residual_is_its_subset():
    G = stream(1, "bounds").standard_normal((9, 2))
    assert theory.coreset_error(G, np.zeros(5), 3) == pytest.approx(theory.random_batch_error(G, 3), rel=TOL)
    assert theory.coreset_error(G[:1].repeat(9, 0), np.array([3.0, 4.0]), 2) == pytest.approx(12.5 / 4, rel=TOL)
    assert theory.coreset_bias([2.0, 4.0], 6) == 0.5


def test_one_coreset_of_equal_gradients_still_has_variance():
    """All g = 1, weights 1.5 and 0.5, batches of one: (1.5 - 1)^2 and (0.5 - 1)^2."""
    found = theory.single_coreset_error(np.ones((4, 1)), np.array([0, 1]), np.array([1.5, 0.5]), 1)
    assert found == pytest.approx(0.25, rel=TOL)
    assert theory.single_coreset_error(np.ones((4, 1)), np.array([0, 1]), np.array([1.5, 0.5]), 2) == 0


def test_the_excluded_gradient_is_attained_by_two_classes():
    p = math.exp(-0.1)
    assert theory.excluded_gradient(0.1) == pytest.approx(math.hypot(1 - p, 1 - p), rel=TOL)
    assert theory.excluded_gradient(0.1) == pytest.approx(0.13458, abs=1e-5)
    assert theory.dropped_shift(0.5, 3, 12) == 0.125


# ---- convergence

CONSTANTS = dict(D0=0.7, N=400, L_s=3.0)


@pytest.mark.parametrize("sigma, r", [(0.0, 1), (0.1, 4), (2.0, 16), (50.0, 64)])
def test_the_safe_form_gives_the_printed_rate_at_its_step(sigma, r):
    eta = theory.step_size(**CONSTANTS, sigma=sigma, r=r)
    safe = theory.mean_square_gradient(**CONSTANTS, eta=eta, v=sigma**2 / r)
    printed = theory.rate(**CONSTANTS, sigma=sigma, r=r)
    assert safe <= printed * (1 + TOL)
    if sigma == 50.0:  # the step is not capped: all but the printed first term
        assert safe == pytest.approx(printed - 2 * 3.0 * 0.7 / 400, rel=TOL)


def test_the_safe_form_is_never_above_the_one_by_norms():
    for eps in (0.0, 0.1, 0.5, 0.9):
        eta = (1 - eps) / (3.0 * (1 + eps) ** 2)
        by_norms = theory.mean_square_gradient_by_norms(**CONSTANTS, eta=eta, v=2.0, eps=eps)
        assert theory.mean_square_gradient(**CONSTANTS, eta=eta, v=2.0, eps=eps) <= by_norms * (1 + TOL)


def test_the_bound_is_attained_by_a_constant_bias():
    """L = w^2/2, started where a bias b pulls it, w = b: |grad L|^2 = b^2 for ever, and D0 is all that is added."""
    found = theory.mean_square_gradient(D0=4.5, N=10**9, eta=1.0, L_s=1.0, v=0.0, bias=3.0)
    assert found == pytest.approx(9.0, rel=1e-8)


def test_steps_that_the_proof_does_not_cover_are_refused():
    with pytest.raises(ValueError, match="eta <= 1/L_s"):
        theory.mean_square_gradient(**CONSTANTS, eta=0.5, v=0.0)
    with pytest.raises(ValueError, match="eps < 1"):
        theory.mean_square_gradient(**CONSTANTS, eta=0.1, v=0.0, eps=1.0)
    with pytest.raises(ValueError, match=r"\(1 \+ eps\)"):
        theory.mean_square_gradient_by_norms(**CONSTANTS, eta=0.51 / 2.25 / 3, v=0.0, eps=0.5)
    theory.mean_square_gradient_by_norms(**CONSTANTS, eta=0.5 / 2.25 / 3, v=0.0, eps=0.5)
    with pytest.raises(ValueError, match="eta <= 1/L_s"):
        theory.strongly_convex_gap(**CONSTANTS, eta=0.5, mu=0.1, v=0.0)
    with pytest.raises(ValueError, match="mu must be a number in"):
        theory.strongly_convex_gap(**CONSTANTS, eta=0.1, mu=0.0, v=0.0)


def test_gradient_descent_obeys_the_strongly_convex_bound():
    """L = w^2/2, eta = 1/2: the gap falls by 1/4 a step, the bound by 1/2; at its floor the bound is exact to 2."""
    assert theory.strongly_convex_gap(1.0, 3, 0.5, 1.0, 1.0, 0.0) == 0.125 > 0.25**3
    assert theory.strongly_convex_gap(0.0, 3, 0.5, 1.0, 1.0, 4.0, bias=1.0) == 1.5


def test_the_convergence_bounds_by_hand():
    """D0 = 3, N = 4, eta = 1/4, L_s = 2, v = 0.8, bias = 1/2, eps = 0.6: 1 - eps^2 = 0.64."""
    known = dict(D0=3.0, N=4, eta=0.25, L_s=2.0, v=0.8)
    assert theory.mean_square_gradient(**known, eps=0.6, bias=0.5) == pytest.approx((6 + 0.25 + 0.4) / 0.64, rel=TOL)
    assert theory.mean_square_gradient(**known) == pytest.approx(6.4, rel=TOL)
    linear = (1 - 0.25 * 0.5 * 0.64) ** 4 * 3 + (0.25 + 0.4) / (2 * 0.5 * 0.64)
    assert theory.strongly_convex_gap(**known, mu=0.5, eps=0.6, bias=0.5) == pytest.approx(linear, rel=TOL)
    by_norms = theory.mean_square_gradient_by_norms(3.0, 4, 0.125, 2.0, 0.8, 0.2)
    assert by_norms == pytest.approx(2 * 3 / (4 * 0.125 * 0.8) + 2 * 0.125 * 0.8 / 0.8, rel=TOL)
    assert theory.step_size(2.0, 100, 4.0, 3.0, 9) == pytest.approx(math.sqrt(9 / 100) / 3, rel=TOL)
    assert theory.step_size(2.0, 1, 4.0, 3.0, 9) == 0.25 == theory.step_size(2.0, 1, 4.0, 0.0, 9)
    assert theory.rate(2.0, 100, 4.0, 3.0, 9) == pytest.approx(0.16 + 2 * 3 * 4 / 30, rel=TOL)
    assert theory.printed_iterations(2.0, 3.0, 5.0, 1.5, 4, eps=1.0) == pytest.approx(5 * (1 + 6.25 / 12), rel=TOL)
    assert theory.printed_iterations(2.0, 3.0, 5.0, 1.5, 4) == pytest.approx(15 / 4 * (1 + 2.25 / 16), rel=TOL)


@pytest.mark.parametrize("eps, bias", [(0.0, 0.0), (0.5, 0.0), (0.3, 0.05)])
def test_iterations_solve_the_bound(eps, bias):
    N = theory.iterations(0.1, 0.7, 3.0, 2.0, 16, eps, bias)
    assert theory.rate(0.7, N, 3.0, 2.0, 16) == pytest.approx((1 - eps**2) * 0.01 - bias**2, rel=1e-10)


def test_iterations_that_never_suffice():
    assert theory.iterations(0.1, 0.7, 3.0, 2.0, 16, bias=0.1) == math.inf
    assert theory.printed_iterations(0.1, 0.7, 3.0, 2.0, 16, eps=0.02) == math.inf
    assert math.isfinite(theory.iterations(0.1, 0.7, 3.0, 2.0, 16, bias=0.02))  # printed: no; safe: yes
    assert math.isfinite(theory.printed_iterations(2.0, 0.7, 3.0, 2.0, 16, eps=3.0))  # printed: yes; safe: no
    assert theory.iterations(2.0, 0.7, 3.0, 2.0, 16, bias=3.0) == math.inf


def test_the_speed_up_tends_to_r_over_m():
    def steps(nu, r):
        return theory.iterations(nu, 0.5, 1.0, 2.0, r)

    ratio = [steps(nu, 16) / steps(nu, 64) for nu in (1, 0.1, 1e-4)]
    assert 1 < ratio[0] < ratio[1] < ratio[2] < 4 and ratio[2] == pytest.approx(4, rel=1e-5)


def test_the_quadratics_moments_by_recursion():
    slopes, curvatures, v, eta = np.array([1.0, -2.0]), np.array([0.5, 2.0]), 0.3, 0.4
    second, total = slopes**2, 0.0
    for _ in range(50):
        total += second.sum()
        second = (1 - eta * curvatures) ** 2 * second + (eta * curvatures) ** 2 * v
    assert theory.quadratic_mean_square(slopes, curvatures, eta, v, 50) == pytest.approx(total / 50, rel=TOL)
