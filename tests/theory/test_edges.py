"""Pools, spectra and edges that nobody thought of: properties of the bounds on whatever hypothesis draws."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as some
from hypothesis.extra.numpy import arrays

from minicrest.submodular import facility_location
from minicrest.taylor import hutchinson_diagonal
from minicrest.theory import bounds, chance_bounds, family_bounds

pytestmark = pytest.mark.theory
EXAMPLES = settings(max_examples=60, deadline=None, derandomize=True)
number = some.integers(-8, 8).map(lambda k: k / 4)  # halves and quarters: many ties, many zeros
part = some.floats(0, 1).map(lambda x: round(x, 3))


def matrices(rows, columns):
    return arrays(np.float64, some.tuples(rows, columns), elements=number)


@some.composite
def symmetric(draw):
    d = draw(some.integers(1, 4))
    A = draw(arrays(np.float64, (d, d), elements=number))
    return A + A.T


@EXAMPLES
@given(symmetric())
def test_hutchinson_on_every_symmetric_matrix(H):
    """All sign probes: mean diag H, covariance and trace variance as stated, zero diagonals and zero matrices too."""
    signs = np.array(list(itertools.product([-1.0, 1.0], repeat=len(H))))
    D = np.array([hutchinson_diagonal(lambda z: z @ H, z[None]) for z in signs])
    np.testing.assert_allclose(D.mean(0), np.diag(H), atol=1e-12)
    covariance = (D - D.mean(0)).T @ (D - D.mean(0)) / len(D)
    np.testing.assert_allclose(covariance, bounds.diagonal_covariance(H), atol=1e-10)
    assert bounds.trace_variance(H) == pytest.approx(D.sum(1).var(), abs=1e-9)
    assert chance_bounds.diagonal_noise(H) == pytest.approx(np.trace(covariance), abs=1e-9)
    np.testing.assert_allclose(bounds.smoothed_curvature(H) ** 2, (D**2).mean(0), atol=1e-9)


@EXAMPLES
@given(symmetric(), some.floats(0.01, 2))
@example(np.array([[0.0, 1.0], [1.0, 0.0]]), 0.1)
@example(np.zeros((2, 2)), 0.1)
def test_probes_needed_is_a_number_or_an_error(H, error):
    noise, diagonal = bounds.off_diagonal(H), float((np.diag(H) ** 2).sum())
    if noise and not diagonal:
        with pytest.raises(ValueError, match="only zeros on its diagonal"):
            bounds.probes_needed(H, error)
        return
    K = bounds.probes_needed(H, error)
    assert noise / K <= error**2 * diagonal * (1 + 1e-9)
    assert K == 1 or noise / (K - 1) > error**2 * diagonal * (1 - 1e-9)


@pytest.mark.parametrize("name", ["off_diagonal", "trace_variance", "diagonal_covariance", "smoothed_curvature",
                                  "model_error"])  # fmt: skip
def test_a_matrix_that_is_not_symmetric_is_refused(name):
    with pytest.raises(ValueError, match="Hessian H must be a symmetric matrix"):
        getattr(bounds, name)(np.array([[1.0, 2.0], [-2.0, 1.0]]))
    getattr(bounds, name)(np.array([[1.0, 2.0], [2.0 + 1e-9, 1.0]]))  # rounding is no asymmetry


@EXAMPLES
@given(symmetric(), some.data())
def test_the_diagonal_models_error_and_when_it_helps(H, data):
    h = data.draw(arrays(np.float64, len(H), elements=number))
    signs = np.array(list(itertools.product([-1.0, 1.0], repeat=len(H))))
    misses = [(d @ H @ d / 2 - (d * d) @ h / 2) ** 2 for d in signs]
    assert bounds.model_error(H, h) == pytest.approx(np.mean(misses), abs=1e-9)
    assert bounds.smoothing_helps(H, h) == (abs(np.trace(H) - h.sum()) < abs(np.trace(H)))


@EXAMPLES
@given(matrices(some.integers(1, 6), some.integers(1, 3)), some.integers(1, 6))
def test_random_batches_of_every_pool(G, m):
    if m > len(G):
        with pytest.raises(ValueError, match="m must be at most the number of gradients"):
            bounds.random_batch_error(G, m)
        return
    means = np.array([G[list(S)].mean(0) for S in itertools.combinations(range(len(G)), m)])
    assert bounds.random_batch_error(G, m) == pytest.approx(((means - G.mean(0)) ** 2).sum(1).mean(), abs=1e-9)


@EXAMPLES
@given(matrices(some.integers(2, 6), some.integers(1, 3)), some.data())
def test_coresets_of_every_pool_obey_their_bounds(G, data):
    """All subsets of r, their coresets of m by facility location, ties and equal examples included."""
    r = data.draw(some.integers(1, len(G)))
    m = data.draw(some.integers(1, r))
    V = np.array(list(itertools.combinations(range(len(G)), r)))
    medoids = facility_location(G[V], m)
    S = np.take_along_axis(V, medoids.indices, axis=1)
    u = (medoids.weights[:, :, None] * G[S]).sum(1) / r
    residuals = np.array([family_bounds.cover(G[v], k) for v, k in zip(V, medoids.indices)])
    off = u - G.mean(0)
    assert (off**2).sum(1).mean() <= bounds.coreset_error(G, residuals, r) + 1e-9
    assert np.linalg.norm(off.mean(0)) <= bounds.coreset_bias(residuals, r) + 1e-9
    one = bounds.single_coreset_error(G, S[0], medoids.weights[0] * (m / r), m)
    assert one == pytest.approx((off[0] ** 2).sum(), abs=1e-9)


@EXAMPLES
@given(arrays(np.float64, 3, elements=number), arrays(np.float64, 3, elements=some.integers(0, 8).map(lambda k: k / 4)),
       arrays(np.float64, 3, elements=part), some.integers(1, 20))  # fmt: skip
def test_the_quadratics_moments_for_every_spectrum(slopes, curvatures, v, N):
    """eta = 1: eigenvalues 0 (where nothing moves), 1 (one step) and 2 (where the noise adds up) among them."""
    second, total = slopes**2, 0.0
    for _ in range(N):
        total += second.sum()
        second = (1 - curvatures) ** 2 * second + curvatures**2 * v
    assert bounds.quadratic_mean_square(slopes, curvatures, 1.0, v, N) == pytest.approx(total / N, rel=1e-9, abs=1e-12)


@EXAMPLES
@given(some.floats(0.01, 5), some.integers(1, 10**6), some.floats(0.01, 1), some.floats(0.01, 10), part, part, part)
def test_the_convergence_bounds_are_ordered(D0, N, step, L_s, v, eps, bias):
    """More steps never make a bound larger, noise and bias never smaller, and the linear rate knows its floor."""
    eta, eps = step / L_s, 0.9 * eps
    value = bounds.mean_square_gradient(D0, N, eta, L_s, v, eps, bias)
    assert bounds.mean_square_gradient(D0, N + 1, eta, L_s, v, eps, bias) <= value
    assert bounds.mean_square_gradient(D0, N, eta, L_s, v + 0.1, eps, bias) > value
    assert bounds.mean_square_gradient(D0, N, eta, L_s, v, eps, bias + 0.1) > value >= bias**2
    floor = (bias**2 + L_s * eta * v) / (2 * L_s * (1 - eps**2))
    assert bounds.strongly_convex_gap(D0, N, eta, L_s, L_s, v, bias, eps) >= floor
    if eps <= 0.5 and bias < 1e-3:
        nu = 0.5
        least = bounds.iterations(nu, D0, L_s, math.sqrt(v), 4, eps, bias)
        assert bounds.rate(D0, least, L_s, math.sqrt(v), 4) + bias**2 == pytest.approx((1 - eps**2) * nu**2, rel=1e-6)


@EXAMPLES
@given(matrices(some.integers(0, 5), some.just(3)), arrays(np.float64, 3, elements=number), part)
def test_matching_never_does_worse_than_nothing(G, target, lam):
    best = family_bounds.match_error(G, target, lam)
    assert -1e-9 <= best <= target @ target + 1e-9
    if len(G):
        assert best <= family_bounds.match_error(G[1:], target, lam) + 1e-7


@pytest.mark.parametrize("call, words", [
    (lambda: bounds.model_error(np.eye(3), np.ones(2)), "curvature must have one entry"),
    (lambda: bounds.model_error(np.eye(3), 1.0), "curvature must have one entry"),
    (lambda: bounds.single_coreset_error(np.ones((3, 1)), [0, 3], [1.0, 1.0], 1), r"indices must be indices in 0\.\.2"),
    (lambda: bounds.single_coreset_error(np.ones((3, 1)), [0, 1], [1.0], 1), "weights must have one entry"),
    (lambda: bounds.dropped_shift(1.0, 4, 3), "s must be at most n = 3"),
    (lambda: bounds.strongly_convex_gap(1.0, 3, 0.1, 1.0, 2.0, 0.0), "mu must be at most L_s"),
    (lambda: bounds.quadratic_mean_square([1.0], [1.0, 2.0], 0.1, 0.0, 3), "curvatures must have one entry"),
    (lambda: bounds.quadratic_mean_square([1.0], [1.0], 0.1, [0.0, 1.0], 3), "v must have one entry"),
    (lambda: family_bounds.cover(np.ones((3, 1)), []), "indices S must hold at least one"),
    (lambda: family_bounds.cover(np.ones((3, 1)), [True, False]), "S must be indices"),
    (lambda: family_bounds.never_seen(5, 6, 1), "k must be at most n = 5"),
    (lambda: family_bounds.stochastic_missed(5, 6, 0.1), "k must be at most n = 5"),
    (lambda: family_bounds.match_error([[1.0, np.inf]], [1.0, 1.0], 0.1), "every entry of G must be"),
    (lambda: family_bounds.match_error([[1.0, 2.0]], [1.0], 0.1), "target must have one entry"),
    (lambda: family_bounds.inclusion_of_two([0.5, 0.4]), "probabilities p must sum to 1"),
    (lambda: family_bounds.effective_part([0.5, 0.4]), "probabilities p must sum to 1"),
    (lambda: family_bounds.last_cut_gain(np.eye(3), 3, 0.1), "e must be at most"),
    (lambda: family_bounds.newton_decrease(1.0, 0.1, 2.0, 1.0), "alpha must be at most beta"),
])  # fmt: skip
def test_what_does_not_fit_together_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_a_mask_and_indices_are_the_same():
    G = np.array([[3.0, 4.0], [1.0, 0.0]])
    assert family_bounds.infobatch_variance(G, np.array([True, False]), 0.5) == 25
    assert family_bounds.infobatch_variance(G, [0], 0.5) == 25
    assert family_bounds.cover(G, [True, False]) == math.sqrt(20) == family_bounds.cover(G, [0])
    with pytest.raises(TypeError, match="easy must be indices of examples or a mask"):
        family_bounds.infobatch_variance(G, [0.5, 0.5], 0.5)
