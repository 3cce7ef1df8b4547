"""Trajectories go where `train` goes, and their bias and variance are those of what is drawn."""

import itertools

import numpy as np
import pytest

from minicrest.batch import uniform
from minicrest.optim import SGD
from minicrest.selection import Crest
from minicrest.selection.method import Method
from minicrest.selection.random import Random
from minicrest.theory import RandomBatch, SubsetCoreset, bounds, problems, trajectory
from minicrest.theory.trajectories import moments, region_draws
from minicrest.train import train

pytestmark = pytest.mark.theory


@pytest.mark.parametrize("method", [Random(m=3), Crest(m=2, r=5), SubsetCoreset(2, 4)])
@pytest.mark.parametrize("make", [problems.ridge, problems.rosenbrock, lambda: problems.quadratic([1.0, 0.2])])
def test_it_goes_where_train_goes(method, make):
    p = make()
    if len(p) < 4:
        method = RandomBatch(1)
    optimizer = SGD(0.1 / p.L_s, 0.5)
    path = list(trajectory(method, p, optimizer, 7, seed=3, draws=0))
    run = train(method, p.oracle(3), optimizer, 6, progress=False)
    np.testing.assert_array_equal(path[6].theta, run.theta)
    assert (path[0].theta == p.start).all() and path[0].loss == pytest.approx(p.loss(p.start), rel=1e-12)
    for step in path:
        assert step.loss == pytest.approx(p.loss(step.theta), rel=1e-12)
        np.testing.assert_allclose(step.gradient, p.gradient(step.theta), rtol=1e-9, atol=1e-12)
        G, (i, weights) = p.gradients(step.theta), step.batch
        np.testing.assert_allclose(step.estimate, weights @ G[i] / len(i), rtol=1e-9, atol=1e-12)
        assert np.isnan(step.bias_square) and np.isnan(step.variance) and not step.exact


def test_the_exact_moments_of_random_batches_are_the_formula():
    p = problems.ridge(n=7)
    for step in trajectory(RandomBatch(3), p, SGD(0.1, 0.0), 4):
        assert step.exact and step.bias_square < 1e-25
        assert step.variance == pytest.approx(bounds.random_batch_error(p.gradients(step.theta), 3), rel=1e-10)


def test_all_of_the_examples_have_no_variance():
    (step,) = trajectory(RandomBatch(5), problems.ridge(n=5), SGD(), 1)
    assert step.variance < 1e-25 and step.bias_square < 1e-25


class Silent(Method):
    """SubsetCoreset without the list of its draws."""

    def __init__(self):
        self.inner = SubsetCoreset(2, 4)

    def init(self, oracle):
        return self.inner.init(oracle)

    def propose(self, state, oracle):
        return self.inner.propose(state, oracle)


def test_estimates_are_near_the_exact_values_and_unbiased():
    """1,000 draws: the standard error of the variance is about 4%, of the squared bias less than v/100."""
    p = problems.ridge(n=6)
    exact = list(trajectory(SubsetCoreset(2, 4), p, SGD(0.3, 0.0), 3))
    estimated = list(trajectory(Silent(), p, SGD(0.3, 0.0), 3, draws=1000))
    for a, b in zip(exact, estimated):
        assert (a.theta == b.theta).all() and a.exact and not b.exact
        assert b.variance == pytest.approx(a.variance, rel=0.2)
        assert b.bias_square == pytest.approx(a.bias_square, abs=0.2 * np.sqrt(a.bias_square * a.variance))
    few = [next(iter(trajectory(Silent(), p, SGD(), 1, seed, draws=2))) for seed in range(600)]
    off = [step.bias_square - exact[0].bias_square for step in few]
    assert abs(np.mean(off)) < 5 * np.std(off) / np.sqrt(len(off))
    assert np.mean([step.variance for step in few]) == pytest.approx(exact[0].variance, rel=0.2)


@pytest.mark.parametrize("m, r", [(2, 3), (1, 2)])
def test_draws_of_a_coreset_are_what_is_proposed(m, r):
    """Every subset in both orders: what `propose` gives is on the list, and so is nothing else. One of two is a tie."""
    p, method = problems.ridge(n=5), SubsetCoreset(m, r)
    listed = {(tuple(b.indices), tuple(b.weights)) for _, b in method.draws(0, p.oracle())}
    proposed = {tuple(map(tuple, method.propose(t, p.oracle())[0])) for t in range(400)}
    assert proposed == listed


def test_the_draws_of_a_region_are_its_coresets():
    p = problems.ridge(n=12)
    path = list(trajectory(Crest(m=2, r=6, h=3, exclude=False, lazy=False), p, SGD(0.1, 0.0), 6, draws=region_draws))
    assert all(step.exact and step.variance >= 0 for step in path) and max(step.variance for step in path) > 0
    single = Crest(m=2, r=6, many=False, exclude=False, lazy=False)
    one = list(trajectory(single, p, SGD(0.1, 0.0), 6, draws=region_draws))
    for step in one:
        off = step.estimate - step.gradient
        assert step.variance < 1e-25 and step.bias_square == pytest.approx(off @ off, rel=1e-9)


def test_moments_by_hand():
    """u is 0 or 4 with probability 1/4 and 3/4: mean 3, variance 3."""
    G = np.array([[0.0], [4.0]])
    pairs = [(0.25, uniform([0])), (0.75, uniform([1]))]
    assert moments(pairs, np.array([1.0]), G) == (4.0, 3.0)
    with pytest.raises(ValueError, match="probabilities of the draws"):
        moments(pairs[:1], np.array([1.0]), G)


def test_what_does_not_fit_is_refused():
    p = problems.ridge(n=5)
    for method in (RandomBatch(6), SubsetCoreset(4, 3), SubsetCoreset(2, 6)):
        with pytest.raises(ValueError, match=r"(m|r) must be"):
            next(trajectory(method, p, SGD(), 1))
    with pytest.raises(ValueError, match="steps must be at least 1"):
        next(trajectory(RandomBatch(1), p, SGD(), 0))
    assert len(list(itertools.islice(trajectory(RandomBatch(1), p, SGD(), 10), 3))) == 3
