"""The bounds of family_bounds.py on cases small enough for pencil and paper, against recursions and enumerations."""

import itertools
import math

import numpy as np
import pytest

from minicrest.random import stream
from minicrest.theory import family_bounds as theory
from minicrest.theory.claims.chance import least_p

pytestmark = pytest.mark.theory
TOL = 1e-12  # relative: a few operations in float64

# ---- CRAIG


def test_cover_on_a_line():
    G = np.array([[0.0], [1.0], [5.0], [7.0]])
    assert theory.cover(G, [0]) == 13 and theory.cover(G, [1, 2]) == 3 and theory.cover(G, [0, 1, 2, 3]) == 0


def test_a_pass_over_one_quadratic_obeys_the_recursion():
    """f = w^2/2 at w = 1: the step to 1 - alpha; the bound 1 - alpha + alpha^2 is above (1 - alpha)^2 for alpha < 1."""
    for alpha in (0.01, 0.1, 0.5):
        bound = theory.incremental_step(1.0, alpha, mu=1.0, eps=0.0, total=1.0, C=1.0)
        assert bound == pytest.approx(1 - alpha + alpha**2, rel=TOL) and (1 - alpha) ** 2 <= bound


@pytest.mark.parametrize("alpha, eps", [(0.01, 0.0), (0.01, 0.3), (0.1, 2.0)])
def test_the_neighbourhood_is_where_the_recursion_stands(alpha, eps):
    constants = dict(alpha=alpha, mu=2.0, eps=eps, total=3.0, C=1.5)
    D = theory.neighbourhood(**constants)
    assert theory.incremental_step(D**2, **constants) == pytest.approx(D**2, rel=TOL)
    assert theory.incremental_step((2 * D) ** 2, **constants) < (2 * D) ** 2


def test_the_neighbourhood_has_the_unit_of_a_length_and_the_printed_one_has_not():
    """f -> c f, alpha -> alpha / c."""
    one = dict(alpha=0.1, mu=2.0, eps=0.5, total=3.0, C=1.5)
    scaled = dict(alpha=0.01, mu=20.0, eps=5.0, total=3.0, C=15.0)
    assert theory.neighbourhood(**scaled) == pytest.approx(theory.neighbourhood(**one), rel=TOL)
    assert theory.printed_neighbourhood(**scaled, R=1.0) < 0.99 * theory.printed_neighbourhood(**one, R=1.0)
    assert theory.neighbourhood(1e-12, 2.0, 0.5, 3.0, 1.5) == pytest.approx(2 * 0.5 / 2.0, rel=1e-9)


# ---- AdaCore


def test_newton_is_exact_on_a_ball():
    """H = beta I: the step goes all the way but for e, and the loss falls by (|g|^2 - (beta eps)^2) / (2 beta)."""
    assert theory.newton_decrease(3.0, 0.5, 2.0, 2.0) == pytest.approx((9 - 1) / 4, rel=TOL)
    assert theory.newton_decrease(3.0, 2.0, 2.0, 2.0) == 0  # s > 1: nothing is promised


def test_the_newton_bound_is_attained_along_the_stiffest_axis():
    """L = beta w^2/2, H = beta, eta = alpha/beta, e = -eps: the residual (1 - eta) w + eta eps."""
    alpha, beta, eps, w = 1.0, 8.0, 0.25, 2.0
    moved = (1 - alpha / beta) * w + alpha / beta * eps
    fall = beta * (w**2 - moved**2) / 2
    assert theory.newton_decrease(beta * w, eps, alpha, beta) == pytest.approx(fall, rel=TOL)


def test_the_newton_bound_holds_for_smooth_losses_that_are_no_quadratics():
    """Random H at w, and from there on the steepest that beta-smooth allows: L(w + d) = L + g.d + beta |d|^2 / 2."""
    rng = stream(0, "tests", "newton")
    for _ in range(300):
        h, g, e = 10 ** rng.uniform(-3, 0, 4), rng.standard_normal(4) * 10 ** rng.uniform(-2, 2, 4), rng.random()
        alpha, beta, slope = h.min(), h.max(), np.linalg.norm(g)
        eps = e * slope / beta
        for direction in (rng.standard_normal(4), g * (alpha / h - 1), -g):
            error = eps * direction / np.linalg.norm(direction)
            d = -alpha / beta * (g / h + error)
            fall = -(g @ d + beta * d @ d / 2)
            assert fall >= theory.newton_decrease(slope, eps, alpha, beta) * (1 - 1e-9)


def test_the_printed_newton_bound_is_never_larger():
    for eps, alpha in itertools.product((0.0, 0.1, 0.5, 0.9, 1.0), (1e-3, 0.1, 1.0)):
        printed = theory.printed_newton_decrease(1.0, eps, alpha, 1.0)
        assert printed <= theory.newton_decrease(1.0, eps, alpha, 1.0) * (1 + TOL)


def test_the_newton_distance_by_recursion():
    away = 5.0
    for _ in range(7):
        away = (1 - 0.3) * away + 0.3 * 0.2
    assert theory.newton_distance(5.0, 7, 0.3, 0.2) == pytest.approx(away, rel=TOL)
    assert theory.newton_distance(5.0, 10**6, 0.3, 0.2) == pytest.approx(0.2, rel=TOL)


# ---- greedy


def test_guarantees_by_hand():
    assert pytest.approx(0.6321205588, abs=1e-10) == theory.GREEDY
    assert theory.medoid_cover(math.e, 0.0) == pytest.approx(1.0, rel=TOL)
    assert theory.medoid_cover(2.0, 2.0) == pytest.approx(2.0, rel=TOL)  # a mean of the two, weighted
    assert theory.cover_size(1.0, 3) == 3 and theory.cover_size(math.e, 3) == pytest.approx(6, rel=TOL)
    assert theory.copy_gain(0.5, 9) == 4.0 == theory.cover(x := np.array([[0], [0.5], *[[1.0]] * 7]), [0]) - 3.5
    assert theory.cover(x, [0, 1]) == 3.5  # the second medoid is nearer by 0.5 to itself and to all behind it
    assert theory.greedi_part(5, 3) == theory.GREEDY / 3 and theory.greedi_part(2, 3) == theory.GREEDY / 2


@pytest.mark.parametrize("eps", [0.01, 0.1, 0.5, 0.9])
def test_the_missed_by_enumeration_and_below_eps(eps):
    n, k = 6, 2
    s = math.ceil(n / k * math.log(1 / eps))
    first = [S for S in itertools.combinations(range(n), min(s, n))]
    missed = np.mean([0 not in S for S in first])
    if s < n:  # something else was taken: 5 are left, 0 among them
        missed *= np.mean([0 not in S for S in itertools.combinations(range(n - 1), min(s, n - 1))])
    assert theory.stochastic_missed(n, k, eps) == pytest.approx(missed, abs=TOL)
    assert theory.stochastic_missed(1000, 37, eps) <= eps


def test_the_last_cut_gain_of_elements_all_alike():
    s = np.ones((4, 4))
    assert theory.last_cut_gain(s, 2, 0.5) == 0.5 and theory.last_cut_gain(s, 2, 1.0) == -3.0


# ---- MILO


def test_taylor_probabilities_by_hand():
    assert theory.taylor_probabilities([0.0, 1.0, 2.0]) == pytest.approx(np.array([1, 2.5, 5]) / 8.5, rel=TOL)


def test_inclusion_of_two_by_enumeration():
    p = np.array([0.5, 0.3, 0.15, 0.05])
    found = np.zeros(4)
    for i, j in itertools.permutations(range(4), 2):
        found[[i, j]] += p[i] * p[j] / (1 - p[i])
    assert theory.inclusion_of_two(p) == pytest.approx(found, rel=TOL)
    assert theory.inclusion_of_two(p).sum() == pytest.approx(2, rel=TOL)
    assert theory.inclusion_of_two(np.full(4, 0.25)) == pytest.approx(0.5, rel=TOL)


def test_the_effective_part():
    assert theory.effective_part(np.full(8, 1 / 8)) == 1
    assert theory.effective_part(np.array([1.0, 0, 0, 0])) == 0.25


# ---- scores and dynamic pruning


@pytest.mark.parametrize("C", [2, 3, 10])
def test_the_range_of_el2n_is_attained(C):
    p = np.full(C, 0.4 / (C - 1))
    p[0] = 0.6
    low, high = theory.el2n_range(0.6, C)
    assert np.linalg.norm(p - np.eye(C)[0]) == pytest.approx(low, rel=TOL)
    q = np.eye(C)[0] * 0.6 + np.eye(C)[1] * 0.4
    assert np.linalg.norm(q - np.eye(C)[0]) == pytest.approx(high, rel=TOL)


def test_running_mean_and_variance_by_recursion():
    history = stream(0, "tests", "running").random((9, 4))
    s, v = np.full(4, 1.0), np.zeros(4)
    for u in history:
        v = 0.3 * v + 0.7 * (u - s) ** 2
        s = 0.3 * s + 0.7 * u
    assert theory.running_mean(history, 0.7, 1.0) == pytest.approx(s, rel=TOL)
    assert theory.running_variance(history, 0.7, 1.0) == pytest.approx(v, rel=TOL)


@pytest.mark.parametrize("a", [0.1, 0.5, 0.8, 1.0])
def test_alternating_is_a_cycle(a):
    high, low, v = theory.alternating(a)
    assert (1 - a) * low + a == pytest.approx(high, rel=TOL) and (1 - a) * high == pytest.approx(low, abs=TOL)
    assert (1 - a) * v + a * (1 - low) ** 2 == pytest.approx(v, rel=TOL)
    assert (1 - a) * v + a * high**2 == pytest.approx(v, rel=TOL)
    assert low + theory.least_c(a) * v == pytest.approx(0.5, rel=TOL)


def test_never_seen_by_enumeration():
    n, k, q = 5, 2, 2
    subsets = list(itertools.combinations(range(n), k))
    unseen = [n - len({*S, *T}) for S in subsets for T in subsets]
    mean, variance = theory.never_seen(n, k, q)
    assert mean == pytest.approx(np.mean(unseen), rel=TOL) and variance == pytest.approx(np.var(unseen), rel=TOL)


# ---- GradMatch and InfoBatch


def test_match_error_by_hand():
    """min (w - 2)^2 + w^2 is 2 at w = 1; without lam 0; without gradients |target|^2."""
    G = np.array([[1.0, 0.0]])
    assert theory.match_error(G, np.array([2.0, 0.0]), 1.0) == pytest.approx(2, rel=TOL)
    assert theory.match_error(G, np.array([2.0, 0.0]), 4.0) == pytest.approx(3.2, rel=TOL)  # at w = 0.4
    assert theory.match_error(G, np.array([2.0, 0.0]), 0.0) == pytest.approx(0, abs=TOL)
    assert theory.match_error(G, np.array([-2.0, 1.0]), 0.0) == pytest.approx(1, rel=TOL)  # of any sign
    assert theory.match_error(G[:0], np.array([3.0, 4.0]), 1.0) == 25
    assert theory.weak_ratio(1.0, 3, 1.0) == 0.25


def test_infobatch_variance_of_one_example():
    """2 g with probability 1/2, else 0: variance |g|^2."""
    G = np.array([[3.0, 4.0], [1.0, 0.0]])
    assert theory.infobatch_variance(G, [0], 0.5) == 25 and theory.infobatch_variance(G, [], 0.5) == 0


# ---- exact tests of frequencies


def test_the_least_p_value_by_enumeration():
    """Of 3 throws with chance 1/4: P(X <= 0) = 27/64, P(X >= 2) = 10/64, P(X >= 3) = 1/64."""
    assert least_p([0], 3, 0.25) == pytest.approx(54 / 64, rel=TOL)
    assert least_p([0, 2, 3], [3, 3, 3], 0.25) == pytest.approx(2 / 64, rel=TOL)
    assert least_p([0], 3, 1e-3) > 1  # the smaller tail is 0.997: twice it is no probability, and no alarm
