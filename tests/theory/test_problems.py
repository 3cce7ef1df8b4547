"""The problems know what they say: constants by sampling, minima by their gradient, derivatives by differences."""

import numpy as np
import pytest

from minicrest.batch import uniform
from minicrest.optim import SGD
from minicrest.random import stream
from minicrest.selection import METHODS, Crest
from minicrest.theory import problems
from minicrest.theory.functions import check_derivatives
from minicrest.train import train

pytestmark = pytest.mark.theory
MADE = {
    "quadratic": lambda: problems.quadratic([2.0, 0.5, 0.1], noise=0.7), "flat": lambda: problems.quadratic([1.0, 0.0]),
    "saddle": lambda: problems.quadratic([1.0, -0.5]), "axes": lambda: problems.quadratic([3.0, 1.0], rotated=False),
    "ridge": problems.ridge, "logistic": problems.logistic, "plain": lambda: problems.ridge(l2=0.0),
    "pl_sine": problems.pl_sine, "double_well": problems.double_well, "rosenbrock": problems.rosenbrock,
    "factors": problems.matrix_factorisation, "rank 2": lambda: problems.matrix_factorisation(5, 4, 2),
}  # fmt: skip
every_problem = pytest.mark.parametrize("name", MADE)
PLAIN = set(MADE) - {"ridge", "logistic", "plain"}  # functions, no linear models


def places(p, count=60):
    """Points inside the radius, near and far."""
    rng = stream(0, "tests", "places")
    for size in (0.1, 1.0, 3.0):
        for _ in range(count // 3):
            w = size * rng.standard_normal(len(p.start))
            yield w * min(1, 0.999 * p.radius / np.linalg.norm(w))


@every_problem
def test_the_constants_hold_and_are_attained_where_they_are_exact(name):
    p = MADE[name]()
    eigenvalues = np.array([np.linalg.eigvalsh(p.hessian(w)) for w in places(p)])
    assert np.abs(eigenvalues).max() <= p.L_s * (1 + 1e-12)
    if name in ("quadratic", "flat", "saddle", "axes", "ridge", "plain"):
        assert np.abs(eigenvalues).max() == pytest.approx(p.L_s, rel=1e-9)
    if p.mu is not None:
        assert eigenvalues.min() >= p.mu * (1 - 1e-9)
        assert name == "logistic" or eigenvalues.min() == pytest.approx(p.mu, rel=1e-9)
    if p.pl is not None:
        for w in places(p):
            assert p.gradient(w) @ p.gradient(w) >= 2 * p.pl * p.gap(w) * (1 - 1e-9)


@every_problem
def test_the_minimum_is_one(name):
    p = MADE[name]()
    if p.minimiser is None:
        assert name == "saddle" and p.lowest is None
        with pytest.raises(ValueError, match="lowest value of quadratic is not known"):
            p.gap(p.start)
        return
    assert abs(p.gap(p.minimiser)) < 1e-12 and np.abs(p.gradient(p.minimiser)).max() < 1e-10
    assert min(p.gap(w) for w in places(p)) >= -1e-12
    assert np.linalg.eigvalsh(p.hessian(p.minimiser)).min() > -1e-9


@every_problem
def test_gradients_are_those_of_the_loss(name):
    p = MADE[name]()
    w, v = p.start, stream(1, "tests", name).standard_normal(len(p.start))
    slope = (p.loss(w + 1e-6 * v) - p.loss(w - 1e-6 * v)) / 2e-6
    assert p.gradient(w) @ v == pytest.approx(slope, rel=1e-5, abs=1e-7)
    np.testing.assert_allclose(p.gradients(w).mean(0), p.gradient(w), rtol=1e-10, atol=1e-12)
    G = p.gradients(w)
    assert p.spread(w) == pytest.approx(((G - G.mean(0)) ** 2).sum(1).mean(), rel=1e-12)


@pytest.mark.parametrize("name, square", [("quadratic", 0.49), ("saddle", 1), ("pl_sine", 1), ("double_well", 0.01)])
def test_the_noise_has_the_variance_that_was_asked_for_everywhere(name, square):
    p = MADE[name]()
    for w in places(p, 6):
        assert p.spread(w) == pytest.approx(square, rel=1e-9)


def test_the_pl_constant_of_the_sine_is_nearly_the_best():
    w = np.linspace(-4, 4, 100_001)
    w = w[w != 0]
    ratio = (2 * w + 3 * np.sin(2 * w)) ** 2 / (2 * (w**2 + 3 * np.sin(w) ** 2))
    assert problems.pl_sine().pl <= ratio.min() < 1.01 * problems.pl_sine().pl
    assert problems.pl_sine().hessian(np.array([np.pi / 2]))[0, 0] == pytest.approx(-4)  # not convex


@pytest.mark.parametrize("method", METHODS)
@every_problem
def test_every_method_trains_on_it_or_says_what_it_lacks(name, method):
    """What needs classes, a last layer, validation examples or predictions has no meaning on a plain function."""
    p = MADE[name]()
    try:
        with np.errstate(all="ignore"):  # what el2n and grand train diverges on some
            run = train(METHODS[method](m=min(2, len(p))), p.oracle(), SGD(0.01 / p.L_s, 0.0), 3, progress=False)
        assert run.complete and np.isfinite(run.theta).all()
    except ValueError as error:
        lacking = {"adacore": "last_layer needs a network that ends in Linear", "glister": "last_layer|validation",
                   "gradmatch": "not classes", "forgetting": "integer classes"}  # fmt: skip
        diverged = name == "rosenbrock" and method in ("el2n", "grand")  # they train networks of their own, at lr 0.1
        assert diverged or any(word in str(error) for word in lacking[method].split("|"))


def test_crest_on_functions_chooses_by_their_whole_gradients():
    p = problems.quadratic([1.0, 0.3])
    oracle = p.oracle()
    np.testing.assert_array_equal(oracle.logit_gradients(np.arange(len(p))), p.gradients(p.start))
    assert (oracle.theta == p.start).all() and oracle.theta is not p.start
    run = train(Crest(m=2, r=8), oracle, SGD(0.3, 0.0), 60, progress=False)
    assert p.gap(run.theta) < 0.2 * p.gap(p.start)


def test_logistic_where_all_labels_are_the_same():
    """Two points of one label, which few seeds draw: the minimiser is where the l2 term stops it."""
    made = [problems.logistic(2, 1, seed=seed) for seed in range(12)]
    same = [own for own in made if own.data.y[0] == own.data.y[1]]
    assert {own.data.y[0] for own in same} == {0, 1}
    for own in same:
        np.testing.assert_allclose(own.gradients(own.minimiser).mean(axis=0), 0, atol=1e-12)


def test_an_exact_diagonal_where_the_hessian_allows_it():
    p = problems.quadratic([2.0, 0.5, 0.0])
    exact = p.oracle().hessian_diagonal(uniform(np.arange(len(p))))
    np.testing.assert_allclose(exact, np.diag(p.hessian(p.start)), rtol=1e-9)
    well = problems.double_well()
    with pytest.raises(ValueError, match=r"negative eigenvalue .* Hutchinson"):
        train(Crest(m=2, r=4, curvature="exact"), well.oracle(), SGD(0.1, 0.0), 2, progress=False)
    with pytest.raises(ValueError, match="no predictions and no accuracy"):
        well.oracle().predictions(np.ones((2, 1)))


# ---- functions of one's own

C = np.array([[1.0, 2.0], [0.0, -1.0], [3.0, 0.5]])


def own(f=None, gradient=None, hvp=None, **known):
    return problems.functions(
        f or (lambda w, i: float(np.sum((w - C[i]) ** 4) / 4)), gradient or (lambda w, i: (w - C[i]) ** 3),
        hvp or (lambda w, i, v: 3 * (w - C[i]) ** 2 * v), [0.5, -0.5], 3, **known,
    )  # fmt: skip


def test_own_functions_make_a_problem():
    p = own(lowest=0.1, name="quartic")
    assert len(p) == 3 and p.loss(np.zeros(2)) == pytest.approx((C**4).sum() / 12)
    assert p.oracle().identity()["network"] == "Network([Parameters(d=2)], Functions('quartic'))"
    assert p.network.initialize(1, "float64").tolist() != p.network.initialize(2, "float64").tolist()


@pytest.mark.parametrize("wrong, words", [
    ({"gradient": lambda w, i: (w - C[i]) ** 3 * (1 + 1e-3 * (i == 2))}, "gradient . v is .* example 2.* of f give"),
    ({"f": lambda w, i: float(np.sum((w - C[i]) ** 4) / 2)}, "gradient and f disagree"),
    ({"hvp": lambda w, i, v: 3 * (w - C[i]) ** 2 * v[::-1]}, "hvp, entry .* of gradient .*hvp and gradient disagree"),
    ({"hvp": lambda w, i, v: v[:1]}, "hvp must give finite values of shape"),
    ({"f": lambda w, i: w}, "f must give finite values of shape .*a number"),
    ({"f": lambda w, i: np.nan}, "f must give finite values"), ({"L_s": -1.0}, "L_s must be a number in"),
])  # fmt: skip
def test_derivatives_that_disagree_are_named(wrong, words):
    with pytest.raises(ValueError, match=words):
        own(**wrong)


def test_what_is_no_function_is_refused():
    with pytest.raises(TypeError, match="hvp must be a function"):
        check_derivatives(lambda w, i: 0.0, lambda w, i: w, 3, 1, np.zeros(2))
    with pytest.raises(ValueError, match="start must be"):
        problems.functions(print, print, print, [[1.0]], 1)
    with pytest.raises(ValueError, match="spectrum must be finite"):
        problems.quadratic([0.0, 0.0])
    with pytest.raises(ValueError, match="w must be finite and of shape"):
        problems.ridge().loss(np.zeros(2))
