"""Hutchinson's estimates, moving averages and the quadratic model, against sums over ALL sign probes: no sampling."""

import itertools

import numpy as np
import pytest

from minicrest.backend import device_of, to_device, to_numpy
from minicrest.random import stream
from minicrest.taylor import (
    MovingAverage,
    Quadratic,
    hutchinson_diagonal,
    hutchinson_trace,
    rademacher,
    root_mean_square,
)

TOL = 1e-12  # relative, for float64 sums of at most 256 x 8 terms of size 1
SIZES = (1, 2, 5, 8)


def symmetric(d):
    A = stream(d, "taylor").standard_normal((d, d))
    return A + A.T


def signs(d):
    """All 2^d probes, (2^d, d)."""
    return np.array(list(itertools.product([-1.0, 1.0], repeat=d)))


def one_by_one(estimate, A):
    """The estimate from each of the 2^d probes alone."""
    return np.array([estimate(lambda z: z @ A, probe[None]) for probe in signs(len(A))])


def off_diagonal(A):
    return A - np.diag(np.diag(A))


@pytest.mark.parametrize("d", SIZES)
def test_trace_mean_and_variance(d):
    A = symmetric(d)
    found = one_by_one(hutchinson_trace, A)
    np.testing.assert_allclose(found.mean(), np.trace(A), rtol=TOL, atol=TOL)
    np.testing.assert_allclose(found.var(), 2 * (off_diagonal(A) ** 2).sum(), rtol=TOL, atol=TOL)


@pytest.mark.parametrize("d", SIZES)
def test_diagonal_mean_and_covariance(d):
    A = symmetric(d)
    found = one_by_one(hutchinson_diagonal, A)  # (2^d, d)
    np.testing.assert_allclose(found.mean(0), np.diag(A), rtol=TOL, atol=TOL)
    covariance = off_diagonal(A) ** 2 + np.diag((off_diagonal(A) ** 2).sum(1))
    centred = found - np.diag(A)
    np.testing.assert_allclose(centred.T @ centred / len(found), covariance, rtol=TOL, atol=1e-10)


@pytest.mark.parametrize("estimate", [hutchinson_trace, hutchinson_diagonal])
def test_several_probes_are_averaged(estimate):
    """Over all pairs of probes: the mean of the two estimates, and so half the variance."""
    A, Z = symmetric(3), signs(3)
    single = one_by_one(estimate, A)
    pairs = np.array([estimate(lambda z: z @ A, np.stack(pair)) for pair in itertools.product(Z, Z)])
    means = [(a + b) / 2 for a, b in itertools.product(single, single)]
    np.testing.assert_allclose(pairs, means, rtol=TOL, atol=TOL)
    np.testing.assert_allclose(pairs.var(0), single.var(0) / 2, rtol=TOL)


def test_no_variance_exactly_where_the_matrix_is_diagonal():
    D = np.diag([3.0, -1.0, 0.5])
    assert (one_by_one(hutchinson_diagonal, D) == np.diag(D)).all()
    assert (one_by_one(hutchinson_trace, D) == 2.5).all()
    D[0, 1] = D[1, 0] = 1e-3
    assert (one_by_one(hutchinson_diagonal, D).std(0)[:2] > 9e-4).all()
    assert one_by_one(hutchinson_diagonal, D).std(0)[2] == 0


def test_rademacher(device):
    z = rademacher(stream(0, "z"), (50, 40), "float32", device)
    host = to_numpy(z)
    assert device_of(z) == device and host.dtype == np.float32 and host.shape == (50, 40)
    assert set(np.unique(host)) == {-1.0, 1.0}
    assert abs(host.mean()) < 5 / np.sqrt(2000)  # five standard deviations; the stream is fixed
    assert (host == rademacher(stream(0, "z"), (50, 40))).all()  # drawn on the host: the same on every device


@pytest.mark.parametrize("beta", [0.0, 0.3, 0.9, 0.999])
def test_average_of_a_constant_is_the_constant(beta):
    average = MovingAverage(beta)
    for _ in range(50):
        average = average.update(np.array([2.5, -1.0]))
        # 1 - beta^t loses log10(1/(1 - beta)) digits for small t
        np.testing.assert_allclose(average.mean, [2.5, -1.0], rtol=1e-15 / (1 - beta) * 10)


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9, 0.999])
def test_average_is_the_weighted_sum(beta):
    x = stream(1, "average").standard_normal((12, 3))
    average = MovingAverage(beta)
    for t in range(1, 13):
        average = average.update(x[t - 1])
        weights = (1 - beta) * beta ** np.arange(t - 1, -1, -1.0) / (1 - beta**t)
        assert average.count == t
        np.testing.assert_allclose(weights.sum(), 1, rtol=1e-12)
        np.testing.assert_allclose(average.mean, weights @ x[:t], rtol=1e-11, atol=1e-12)


def test_an_update_leaves_the_old_average():
    x = np.ones(2)
    first = MovingAverage(0.5).update(x)
    second = first.update(3 * x)
    assert (first.mean == 1).all() and first.count == 1
    np.testing.assert_allclose(second.mean, (0.25 * 1 + 0.5 * 3) / 0.75, rtol=TOL)
    assert (x == 1).all()


@pytest.mark.parametrize("beta", [-0.1, 1.0, 1.5, float("nan")])
def test_beta_out_of_range(beta):
    with pytest.raises(ValueError, match=r"beta must be a number in \[0, 1\)"):
        MovingAverage(beta)


def test_no_mean_before_the_first_update():
    with pytest.raises(ValueError, match="before its first update"):
        _ = MovingAverage(0.9).mean


def test_root_mean_square_tends_to_the_row_norm():
    """One probe at a time: the norm of the row, and not the diagonal's absolute value."""
    A = symmetric(6)
    # After one round of all 64 probes with beta = 1 - 1e-9 the weights differ by less than 64e-9; and the rounding of
    # 1 - beta^t is 1e-16 / 64e-9: hence 1e-6.
    squares = MovingAverage(1 - 1e-9)
    for estimate in one_by_one(hutchinson_diagonal, A):
        squares = squares.update(estimate**2)
    rms = root_mean_square(squares)
    np.testing.assert_allclose(rms, np.linalg.norm(A, axis=1), rtol=1e-6)
    assert (rms > 1.01 * abs(np.diag(A))).all()


def test_root_mean_square_of_a_constant_diagonal_is_its_absolute_value(device):
    squares = MovingAverage(0.999)
    diagonal = to_device(np.array([-2.0, 0.0, 0.5]), device)
    for _ in range(20):
        squares = squares.update(diagonal * diagonal)
    np.testing.assert_allclose(to_numpy(root_mean_square(squares)), [2.0, 0.0, 0.5], rtol=1e-11)


def test_quadratic_is_its_formula(device):
    rng = stream(2, "quadratic")
    g, H, delta = rng.standard_normal((3, 7))
    full = Quadratic(1.5, to_device(g, device), to_device(H, device))
    first = Quadratic(1.5, to_device(g, device))
    expected = 1.5 + sum(g[k] * delta[k] + 0.5 * delta[k] * H[k] * delta[k] for k in range(7))
    assert full.value(to_device(delta, device)) == pytest.approx(expected, rel=TOL)
    assert first.value(to_device(delta, device)) == pytest.approx(1.5 + g @ delta, rel=TOL)
    assert type(full.value(to_device(delta, device))) is float
    assert full.value(to_device(np.zeros(7), device)) == 1.5  # exactly: rho(0) = 0 rests on it


def test_quadratic_adds_up_in_float64():
    """2^24 + 1 + ... is lost where float32 is summed in float32."""
    g, delta = np.ones(4097, dtype="float32"), np.ones(4097, dtype="float32")
    g[0] = 2.0**24
    assert Quadratic(0.0, g).value(delta) == 2.0**24 + 4096


def test_relative_error():
    model = Quadratic(2.0, np.array([1.0]), np.array([4.0]))  # F(1) = 2 + 1 + 2
    assert model.relative_error(np.array([1.0]), 4.0) == 0.25
    assert model.relative_error(np.array([1.0]), 10.0) == 0.5  # absolute, and relative to the measured loss
    assert model.relative_error(np.array([1.0]), 0.0) == float("inf")
    assert Quadratic(0.0, np.zeros(1)).relative_error(np.zeros(1), 0.0) == 0.0


# ---- what does not fit is refused


PROBES = np.ones((3, 2))
UNFIT = {
    r"probes must have the shape \(any, any\), got \(2,\)": lambda: hutchinson_diagonal(lambda z: z, np.ones(2)),
    r"probes must have the shape \(3, 2\), got \(2,\)": lambda: hutchinson_diagonal(lambda z: z[0], PROBES),
    r"probes must have the shape \(3, 2\), got \(3, 1\)": lambda: hutchinson_trace(lambda z: z[:, :1], PROBES),
    r"at least one of the probes": lambda: hutchinson_trace(lambda z: z, PROBES[:0]),
    r"dtype must be one of float32, float64, got 'uint8'": lambda: rademacher(stream(0), (2, 3), "uint8"),
    r"constant must be finite, got nan": lambda: Quadratic(float("nan"), np.ones(2)),
    r"curvature must have the shape \(2,\), got \(3,\)": lambda: Quadratic(1.0, np.ones(2), np.ones(3)),
    r"gradient must have the shape \(any,\), got \(2, 2\)": lambda: Quadratic(1.0, np.ones((2, 2))),
    r"delta must have the shape \(2,\), got \(1,\)": lambda: Quadratic(1.0, np.ones(2)).value(np.ones(1)),
    r"beta must be a number in \[0, 1\), got nan": lambda: MovingAverage(float("nan")),
    r"count must be at least 0": lambda: MovingAverage(0.5, count=-1),
    r"x must have the shape \(2,\), got \(1,\)": lambda: MovingAverage(0.5).update(np.ones(2)).update(np.ones(1)),
}


@pytest.mark.parametrize("message", UNFIT)
def test_shapes_and_numbers_that_do_not_fit(message):
    with pytest.raises(ValueError, match=message):
        UNFIT[message]()
