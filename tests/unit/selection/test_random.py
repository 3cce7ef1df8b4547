"""The two baselines: Random's draws and Full's epochs, by enumeration where the pool is small enough."""

import itertools
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from minicrest.random import stream
from minicrest.selection import Full, Random


class Pool:
    """All that these two methods ask: how many examples, and the seed."""

    def __init__(self, n, seed=0):
        self.n, self.seed = n, seed

    def __len__(self):
        return self.n


def batches(method, pool, steps):
    state, found = method.init(pool), []
    for _ in range(steps):
        batch, state = method.propose(state, pool)
        state = method.observe(state, SimpleNamespace())
        found.append(batch)
    return found


@pytest.mark.parametrize(("n", "m", "size"), [(10, 3, 3), (10, 10, 10), (10, 64, 10), (1, 1, 1)])
def test_random_batches(n, m, size):
    for batch in batches(Random(m), Pool(n), 20):
        assert batch.indices.dtype == np.int64 and len(batch.indices) == size
        assert len(set(batch.indices)) == size and set(batch.indices) <= set(range(n))
        assert batch.weights.dtype == np.float64 and (batch.weights == 1).all()


def test_random_draws_every_subset_equally_often():
    """3000 draws of the 15 pairs of 6: 200 each, standard deviation below 14; five of them."""
    counts = Counter(tuple(sorted(b.indices)) for b in batches(Random(2), Pool(6), 3000))
    assert len(counts) == 15
    assert max(abs(count - 200) for count in counts.values()) < 5 * 14


def test_random_batches_are_independent():
    """Successive pairs share their first element once in 6: 500 of 3000, standard deviation 20.4."""
    first = [b.indices[0] for b in batches(Random(2), Pool(6), 3001)]
    assert abs(sum(a == b for a, b in zip(first, first[1:])) - 500) < 5 * 20.4


def test_random_mean_is_unbiased_and_its_variance_is_the_formula():
    """Over all batches: sigma^2 / m (n - m) / (n - 1)."""
    n, m = 7, 3
    g = stream(0, "gradients").standard_normal((n, 2))
    means = np.array([g[list(S)].mean(0) for S in itertools.combinations(range(n), m)])
    sigma2 = ((g - g.mean(0)) ** 2).sum(1).mean()
    np.testing.assert_allclose(means.mean(0), g.mean(0), rtol=1e-13)  # rounding of 35 terms
    np.testing.assert_allclose(((means - g.mean(0)) ** 2).sum(1).mean(), sigma2 / m * (n - m) / (n - 1), rtol=1e-13)


@pytest.mark.parametrize(("n", "m"), [(12, 4), (10, 4), (5, 8), (9, 1)])
def test_full_covers_everything_once_an_epoch(n, m):
    per_epoch = -(-n // m)
    found = batches(Full(m), Pool(n), 3 * per_epoch)
    epochs = [np.concatenate([b.indices for b in found[e * per_epoch : (e + 1) * per_epoch]]) for e in range(3)]
    assert all(sorted(epoch) == list(range(n)) for epoch in epochs)
    assert any((epochs[0] != epoch).any() for epoch in epochs[1:])  # shuffled anew
    assert {len(b.indices) for b in found} == ({min(m, n)} if n % m == 0 or m > n else {m, n % m})
    assert all((b.weights == 1).all() and b.indices.dtype == np.int64 for b in found)


def test_full_first_place_is_uniform():
    """Over 2000 epochs of 5 every example comes first 400 times, standard deviation 17.9."""
    counts = Counter(int(b.indices[0]) for b in batches(Full(5), Pool(5), 2000))
    assert max(abs(counts[i] - 400) for i in range(5)) < 5 * 17.9


@pytest.mark.parametrize("method", [Random(3), Full(3)])
def test_the_seed_decides(method):
    def indices(seed):
        return [b.indices.tolist() for b in batches(method, Pool(30, seed), 5)]

    np.random.seed(1)  # the global generator has no say
    first = indices(4)
    np.random.seed(2)
    assert indices(4) == first != indices(5)


def test_no_two_purposes_share_a_stream():
    """Words and counters stay apart: "a", 11 is not "a1", 1, nor is 1 "1"; and the seed is not part of the purpose."""
    paths = [(0, "a", 11), (0, "a1", 1), (0, "a11"), (0, "a", "11"), (0, "a", 1, 1), (0,), (0, 0), (1, "a", 11)]
    paths += [(1, 0, "a"), (10, "a")]
    first = [int(stream(*path).integers(2**62)) for path in paths]
    assert len(set(first)) == len(paths)
    assert first == [int(stream(*path).integers(2**62)) for path in paths]


@pytest.mark.parametrize("method", [Random, Full])
@pytest.mark.parametrize("m", [0, -1])
def test_batch_size(method, m):
    with pytest.raises(ValueError, match=f"m must be at least 1, got {m}"):
        method(m)
