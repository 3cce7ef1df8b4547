"""Set functions against their definitions, maximisers against each other, brute force and two other packages."""

import importlib.util
import itertools
import math
import sys
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minicrest.backend import to_device
from minicrest.random import stream
from minicrest.submodular import (
    DisparityMin,
    DisparitySum,
    FacilityLocation,
    GraphCut,
    LogDeterminant,
    SetFunction,
    facility,
    facility_location,
    greedi,
    greedy,
    lazy_greedy,
    matrix_free,
    quotas,
    stochastic_greedy,
)
from minicrest.submodular.points import Points

EXACT = dict(rtol=1e-12, atol=1e-12)  # float64, sums of at most some thousand terms


def points(seed, *shape):
    return stream(seed, "test submodular").normal(size=shape)


def distances(x):
    """From the differences, entry by entry: nothing is shared with the code under test."""
    return np.sqrt(((x[:, None].astype(np.float64) - x[None]) ** 2).sum(axis=-1))


def similarity(x):
    return distances(x).max() - distances(x)


def whole(x):
    """The integer distances that `facility_location` works on, and their unit."""
    p = Points(x[None])
    return p.distances(0, slice(None), slice(None)).astype(np.int64), float(p.unit[0])


def five(seed, n):
    """One function of each class."""
    x = points(seed, n, 3)
    s = np.exp(-distances(x))
    return [FacilityLocation(s), GraphCut(s), GraphCut(s, 0.3), DisparityMin(distances(x)),
            DisparitySum(distances(x)), LogDeterminant(x @ x.T), LogDeterminant(s, 0.5)]  # fmt: skip


def naive(f, k, elements=None):
    """Greedy in its plainest form: every gain from `value`, the best is the first of the largest."""
    chosen, gains, elements = [], [], range(f.n) if elements is None else elements
    for _ in range(k):
        gain = [-np.inf if e in chosen else f.value([*chosen, e]) - f.value(chosen) for e in elements]
        chosen.append(int(elements[int(np.argmax(gain))]))
        gains.append(max(gain))
    return chosen, gains


def naive_medoids(x, k):
    """The same for facility location on whole distances, with clusters read off the rows at the end."""
    d, unit = whole(x)
    near, chosen, gains = np.full(len(d), d.max()), [], []
    for _ in range(k):
        gain = np.maximum(near[:, None] - d, 0).sum(axis=0)
        gain[chosen] = -1
        chosen.append(int(gain.argmax()))
        gains.append(gain[chosen[-1]])
        near = np.minimum(near, d[chosen[-1]])
    if x.dtype == np.float32 and gains[-1] < 2**14:  # too few digits
        return naive_medoids(x.astype(np.float64), k)
    return chosen, np.bincount(d[:, chosen].argmin(axis=1), minlength=k), [gain * unit for gain in gains]


def optimum(f, k):
    return max(f.value(list(S)) for S in itertools.combinations(range(f.n), k))


def tied(dtype):
    """Few points on a small integer grid: duplicates, equal distances, gains of 0."""
    return hnp.arrays(dtype, st.tuples(st.integers(1, 24), st.integers(1, 3)), elements=st.integers(0, 3))


# ---------------------------------------------------------------------------------------------------- set functions


@pytest.mark.parametrize("f", five(0, 9), ids=lambda f: type(f).__name__)
def test_gains_are_differences_of_values_along_any_order(f):
    for seed in range(5):
        order, state = stream(seed, "order").permutation(f.n).tolist(), f.start()
        gains = f.gains(state, np.arange(f.n))
        for t, e in enumerate(order):
            rest = np.array(order[t:])
            expected = [f.value([*order[:t], j]) - f.value(order[:t]) for j in rest]
            np.testing.assert_allclose(f.gains(state, rest), expected, **EXACT)
            np.testing.assert_allclose(gains[rest], expected, **EXACT)
            before, state = state, f.add(state, e)
            gains = f.refresh(gains, before, state, np.arange(f.n))


def test_values_by_hand():
    s = np.array([[4.0, 1.0, 2.0], [1.0, 5.0, 3.0], [2.0, 3.0, 6.0]])
    assert FacilityLocation(s).value([0, 1]) == 4 + 5 + 3
    assert GraphCut(s, 0.25).value([0, 1]) == (7 + 9) - 0.25 * (4 + 5 + 2 * 1)
    assert GraphCut(s).lam == 0.5
    assert DisparityMin(s).value([0, 1, 2]) == 1 and DisparityMin(s).value([2]) == 0
    assert DisparitySum(s).value([0, 1, 2]) == 1 + 2 + 3
    assert LogDeterminant(s).value([0, 1]) == pytest.approx(math.log(5 * 6 - 1))
    for f in (FacilityLocation(s), GraphCut(s), DisparityMin(s), DisparitySum(s), LogDeterminant(s)):
        assert f.value([]) == 0


def curvature(f):
    """The smallest and the largest f(A + e) - f(A) - (f(B + e) - f(B)) over all A inside B and e outside B."""
    sets = [frozenset(S) for m in range(f.n + 1) for S in itertools.combinations(range(f.n), m)]
    value = {S: f.value(sorted(S)) for S in sets}
    found = [
        (value[A | {e}] - value[A]) - (value[B | {e}] - value[B])
        for B in sets for A in sets if A <= B for e in set(range(f.n)) - B
    ]  # fmt: skip
    return min(found), max(found)


@pytest.mark.parametrize("f", five(1, 6), ids=lambda f: type(f).__name__)
def test_submodularity_exhaustively(f):
    low, high = curvature(f)
    assert (low > -1e-12) == f.submodular
    if isinstance(f, DisparitySum):
        assert high < 1e-12  # supermodular
    if isinstance(f, DisparityMin):
        assert low < -0.01 and high > 0.01  # neither


def test_graph_cut_last_gain_is_negative_only_beyond_one_half():
    s = np.exp(-0.1 * distances(points(2, 7, 2)))
    off = s.sum(axis=0) - s.diagonal()
    assert (off > 2 * s.diagonal()).all()  # so lam = 0.6 must show it
    for lam, sign in ((0.0, 1), (0.4, 1), (0.5, 1), (0.6, -1)):
        f = GraphCut(s, lam)
        for e in range(7):
            rest = [j for j in range(7) if j != e]
            gain = f.value([*rest, e]) - f.value(rest)
            assert gain == pytest.approx((1 - 2 * lam) * off[e] + (1 - lam) * s[e, e])
            assert gain * sign > 0


# ------------------------------------------------------------------------------------------------------- maximisers


@pytest.mark.parametrize("seed", range(3))
def test_naive_lazy_and_incremental_greedy_make_one_list(seed):
    for f in five(seed, 14):
        order, gains = naive(f, 14)
        found = greedy(f, 14)
        np.testing.assert_allclose(found.gains, gains, **EXACT)
        if isinstance(f, DisparityMin):  # gains tie at 0 there, to rounding: one list only where all is exact
            continue
        assert found.indices.tolist() == order and found.indices.dtype == np.int64
        if f.submodular:
            lazy = lazy_greedy(f, 14)
            assert lazy.indices.tolist() == order
            np.testing.assert_array_equal(lazy.gains, found.gains)


@settings(deadline=None, max_examples=60)
@given(hnp.arrays(np.int64, st.integers(1, 9).map(lambda n: (n, n)), elements=st.integers(0, 3)), st.integers(1, 10))
def test_ties_go_to_the_lowest_index_everywhere(m, k):
    k, even = min(k, len(m)), m + m.T
    for f in (FacilityLocation(m), FacilityLocation(m.astype(np.float32)), GraphCut(even), DisparityMin(even),
              DisparitySum(even)):  # fmt: skip
        order, gains = naive(f, k)
        found = greedy(f, k)
        assert (found.indices.tolist(), found.gains.tolist()) == (order, gains)
        if f.submodular:
            assert lazy_greedy(f, k).indices.tolist() == order


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_refresh_keeps_facility_location_gains_exact(dtype):
    f = FacilityLocation(similarity(points(3, 300, 4)).astype(dtype))
    state = f.start()
    gains = f.gains(state, np.arange(300))
    part, some = np.array([2, 17, 250, 299]), f.gains(state, np.array([2, 17, 250, 299]))
    for e in (17, 0, 250, 3, 3, 99):
        before, state = state, f.add(state, e)
        gains = f.refresh(gains, before, state, np.arange(300))
        np.testing.assert_array_equal(gains, f.gains(state, np.arange(300)))  # to the last bit
        some = f.refresh(some, before, state, part)
        np.testing.assert_array_equal(some, gains[part])


def test_lazy_greedy_evaluates_less_and_refuses_what_is_not_submodular():
    f, count = FacilityLocation(similarity(points(4, 200, 2))), []
    gains = f.gains
    f.gains = lambda state, elements: count.append(len(elements)) or gains(state, elements)
    lazy_greedy(f, 20)
    assert sum(count) < 0.5 * 200 * 20
    for g in (DisparityMin(distances(points(4, 5, 2))), DisparitySum(distances(points(4, 5, 2)))):
        with pytest.raises(ValueError, match=r"Disparity.* is not submodular.*use greedy"):
            lazy_greedy(g, 2)


def test_lazy_greedy_would_go_wrong_on_a_supermodular_function():
    """The refusal is not for show."""
    f = DisparitySum(distances(points(5, 12, 2)))
    order = greedy(f, 6).indices
    f.submodular = True
    assert lazy_greedy(f, 6).indices.tolist() != order.tolist()


@pytest.mark.parametrize("seed", range(8))
def test_greedy_against_the_optimum(seed):
    x, k = points(seed, 11, 2), 3
    f = FacilityLocation(similarity(x))
    best = optimum(f, k)
    assert f.value(greedy(f, k).indices) >= (1 - 1 / math.e) * best
    loss = lambda value: 11 * distances(x).max() - value  # noqa: E731  sum_i near_i
    assert loss(f.value(greedy(f, k).indices)) <= loss(0) / math.e + (1 - 1 / math.e) * loss(best)
    for g in (GraphCut(similarity(x)), LogDeterminant(x @ x.T)):
        assert g.value(greedy(g, k).indices) >= (1 - 1 / math.e) * optimum(g, k)
    for g in (DisparityMin(distances(x)), DisparitySum(distances(x))):
        assert g.value(greedy(g, k).indices) >= 0.5 * optimum(g, k)


def test_disparity_min_orders_everything_farthest_first():
    d = distances(points(6, 30, 2))
    found = greedy(DisparityMin(d), 30)
    assert sorted(found.indices) == list(range(30)) and found.indices[0] == 0
    assert found.gains[0] == 0 and found.gains[1] == d[0].max() and (found.gains[2:] <= 0).all()
    values = np.cumsum(found.gains)[1:]
    radius = [d[found.indices[t], found.indices[:t]].min() for t in range(1, 30)]
    np.testing.assert_allclose(values, radius, **EXACT)


def test_stochastic_greedy_in_the_mean_and_on_the_bill():
    n, k, eps = 12, 4, 0.1
    f, sizes = FacilityLocation(similarity(points(7, n, 2))), []
    gains, values, lists = f.gains, [], set()
    f.gains = lambda state, elements: sizes.append(len(elements)) or gains(state, elements)
    for seed in range(200):
        found = stochastic_greedy(f, k, eps, seed=seed)
        assert len(set(found.indices)) == k
        values.append(f.value(found.indices))
        assert sum(found.gains) == pytest.approx(values[-1])
        lists.add(tuple(found.indices))
    assert len(lists) > 20  # seeds differ
    assert max(sizes) == math.ceil(n / k * math.log(1 / eps)) and len(sizes) == 200 * k
    assert np.mean(values) >= (1 - 1 / math.e - eps) * optimum(f, k)
    assert stochastic_greedy(f, k, seed=3).indices.tolist() == stochastic_greedy(f, k, seed=3).indices.tolist()


def test_stochastic_greedy_with_all_candidates_is_greedy():
    for f in five(8, 12):
        assert stochastic_greedy(f, 6, eps=1e-9).indices.tolist() == greedy(f, 6).indices.tolist()


@pytest.mark.parametrize("seed", range(6))
def test_greedi_bound_and_indices(seed):
    x, k = points(seed, 12, 2), 3
    for f in (FacilityLocation(similarity(x)), GraphCut(similarity(x)), LogDeterminant(x @ x.T)):
        for parts in (1, 2, 3, 5, 12):
            found = greedi(f, k, parts, seed=seed)
            assert len(set(found.indices)) == k
            assert found.gains.sum() == pytest.approx(f.value(found.indices))  # the full f, the right numbers
            assert f.value(found.indices) >= (1 - 1 / math.e) / min(parts, k) * optimum(f, k)
        assert greedi(f, k, 1).indices.tolist() == greedy(f, k).indices.tolist()


def test_greedi_returns_the_best_part_if_that_is_better(monkeypatch):
    submodular = sys.modules["minicrest.submodular.greedy"]  # whose name in the package is its function's
    f = FacilityLocation(similarity(points(9, 20, 2)))
    truth = submodular._greedy
    parts = []

    def bad_union(f, k, elements):
        parts.append(elements.tolist())
        found = truth(f, k, elements)
        worst = elements[np.argsort(f.gains(f.start(), elements))[:k]]
        return found if len(parts) <= 4 else submodular.Selection(worst, found.gains)

    monkeypatch.setattr(submodular, "_greedy", bad_union)
    found = greedi(f, 3, 4, seed=1)
    assert parts[:4] == [sorted(p) for p in np.array_split(stream(1, "greedi").permutation(20), 4)]
    assert len(parts[4]) == 12
    assert f.value(found.indices) == max(f.value(naive(f, 3, part)[0]) for part in parts[:4])


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_greedi_on_joblib_backends(backend):
    f = FacilityLocation(similarity(points(10, 60, 3)))
    here, there = greedi(f, 5, 2, seed=4), greedi(f, 5, 2, seed=4, backend=backend)
    np.testing.assert_array_equal(here.indices, there.indices)


@pytest.mark.filterwarnings("ignore")  # other people's, on their way up and down
def test_greedi_on_dask():
    distributed = pytest.importorskip("distributed", reason="needs distributed, which the dev extra brings")
    f = FacilityLocation(similarity(points(10, 60, 3)))
    with distributed.Client(processes=False, n_workers=1, threads_per_worker=2, dashboard_address=None):
        there = greedi(f, 5, 2, seed=4, backend="dask")
    np.testing.assert_array_equal(greedi(f, 5, 2, seed=4).indices, there.indices)


# ------------------------------------------------------------------------------------------------ facility_location


@settings(deadline=None, max_examples=80)
@given(st.one_of(tied(np.float32), tied(np.float64)), st.integers(1, 26))
def test_medoids_with_many_ties(x, k):
    size = min(k, len(x))
    order, weights, gains = naive_medoids(x, size)
    for memory in (1 << 30, 0):
        found = facility_location(x, k, memory=memory)
        assert found.indices.tolist() == order
        assert found.weights.tolist() == (weights.tolist() if k < len(x) else [1.0] * len(x))
        assert found.gains.tolist() == gains


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("q, k, d", [(1, 1, 1), (2, 1, 3), (150, 40, 10), (600, 60, 2), (2300, 8, 5), (100, 30, 300)])
def test_every_path_makes_the_list_of_the_naive_one(dtype, q, k, d):
    x = points(11, q, d).astype(dtype)
    order, weights, gains = naive_medoids(x, k)
    dense, free = facility_location(x, k), facility_location(x, k, memory=0)
    for found in (dense, free):
        assert found.indices.tolist() == order
        assert found.gains.tolist() == gains
        assert found.weights.tolist() == (weights.tolist() if k < q else [1.0] * q)
    assert [a.dtype for a in dense] == [np.int64, np.float64, np.float64]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("block", [64 * 7, 64 * 50, 64 * 230])
def test_blocks_of_any_size_choose_the_same(monkeypatch, dtype, block):
    x = points(34, 230, 3).astype(dtype)
    expected = facility_location(x, 40)
    monkeypatch.setattr(facility, "BLOCK", block)
    for name, size in (("HEIGHT", 7), ("WIDTH", block // 64), ("SIDE", block // 64 + 1), ("FEW", 2)):
        monkeypatch.setattr(matrix_free, name, size)
    for memory in (1 << 30, 0):
        assert all(np.array_equal(a, b) for a, b in zip(facility_location(x, 40, memory=memory), expected))
    whole_d, _ = whole(x)
    assert (matrix_free._first_gains(Points(x[None]))[0] == (whole_d.max() - whole_d).sum(axis=0)).all()


@pytest.mark.parametrize("seed", range(4))
def test_medoids_are_those_of_the_set_function(seed):
    """float64: gains differ between the two roundings by 1e-13, far less than between candidates here."""
    x = points(seed, 80, 3)
    found, f = facility_location(x, 20), FacilityLocation(similarity(x))
    for twin in (greedy(f, 20), lazy_greedy(f, 20)):
        assert found.indices.tolist() == twin.indices.tolist()
        np.testing.assert_allclose(found.gains, twin.gains, rtol=1e-10, atol=1e-10)
    assert found.weights.tolist() == np.bincount(distances(x)[:, found.indices].argmin(axis=1)).tolist()
    assert found.gains.sum() == pytest.approx(f.value(found.indices), rel=1e-12)


@pytest.mark.parametrize("dtype, digits", [(np.float32, 2.0**-22), (np.float64, 2.0**-43)])
@pytest.mark.parametrize("d", [1, 10, 300])
def test_distances_are_as_exact_as_stated_symmetric_and_zero_for_duplicates(dtype, digits, d):
    x = (points(12, 200, d) + 1000).astype(dtype)  # a common offset costs nothing
    x[7] = x[150]
    whole_d, unit = whole(x)
    truth = distances(x)
    assert abs(whole_d * unit - truth).max() <= digits * truth.max()
    assert (whole_d == whole_d.T).all() and (whole_d.diagonal() == 0).all() and whole_d[7, 150] == 0
    kept, sums, largest = facility._distances(Points(x[None]))
    assert (kept == whole_d).all() and (sums == whole_d.sum(axis=0)).all() and largest == whole_d.max()
    gains, largest = matrix_free._first_gains(Points(x[None]))
    assert (gains == (whole_d.max() - whole_d).sum(axis=0)).all() and largest == whole_d.max()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("d", [1, 10, 300])
@pytest.mark.parametrize("kind", ["offset", "clusters", "outlier", "duplicates", "lattice"])
def test_bounds_of_gains_hold_entry_by_entry_and_are_tight(dtype, d, kind):
    """A bound that fails once may still choose the same list, and one that is loose chooses it slowly."""
    x = points(35, 300, d)
    x = {"offset": x + 1000, "clusters": x / 1000 + np.arange(300)[:, None] % 3, "duplicates": np.repeat(x[:60], 5, 0),
         "outlier": np.vstack([1e4 * x[:1], x[1:]]), "lattice": np.rint(x)}[kind].astype(dtype)  # fmt: skip
    found, every = Points(x[None]), np.arange(300)
    whole_d = found.distances(0, every, every)
    square = matrix_free.LongSquares(found)
    long = np.sqrt(np.maximum(square(every, slice(None)).astype(np.float64), 0))
    assert (long + square.units >= whole_d).all()
    long, near = (a[1:, 1:] for a in (long, whole_d))  # without the outlier, which loosens no other pair's bound
    c = near.max()  # no point is further than c from the middle, so squares are at most 12 (d + 8) 2^-24 c^2 too long,
    assert (long - near)[near > c / 100].max() <= 600 * (d + 8) * 2.0**-24 * c + square.units  # roots 50 / c of that
    old = np.full(300, whole_d.max() // 2, found.dtype)
    new = np.minimum(whole_d[5], old).astype(found.dtype)
    exact = (old[:, None] - np.clip(whole_d, new[:, None], old[:, None])).sum(axis=0)
    changed = np.flatnonzero(new < old)
    falls = matrix_free._falls(square, changed, old[changed], new[changed])
    assert (falls <= exact).all() and (falls >= 0).all()


def test_few_gains_are_computed_exactly(monkeypatch):
    counts, gains = [], matrix_free._gains
    monkeypatch.setattr(matrix_free, "_gains", lambda some, *rest: counts.append(len(some)) or gains(some, *rest))
    facility_location(points(36, 3000, 10).astype(np.float32), 50, memory=0)
    assert counts == [matrix_free.FEW] * 50


def test_extreme_scales_and_equal_points():
    x = points(13, 40, 3)
    expected = facility_location(x, 8)
    for scale in (2.0**-60, 2.0**60):  # powers of 2: nothing but the unit may change
        found = facility_location(x * scale, 8)
        np.testing.assert_array_equal(found.indices, expected.indices)
        np.testing.assert_array_equal(found.gains, expected.gains * scale)
    same = facility_location(np.ones((5, 2), np.float32), 3)
    assert same.indices.tolist() == [0, 1, 2] and same.weights.tolist() == [5, 0, 0] and not same.gains.any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_similarities_at_the_end_of_the_range(dtype):
    """There the grid would be finer than numbers are; a unit of 0 would make every value NaN."""
    least = np.finfo(dtype).smallest_subnormal
    s = np.array([[3, 0, 0], [0, 5, 1], [0, 1, 2]], dtype)
    np.testing.assert_array_equal(greedy(FacilityLocation(s * least), 2).gains, [6 * float(least), 3 * float(least)])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_problems_at_once_are_problems_one_by_one(device, dtype):
    x = np.stack([points(14, 90, 4), 50 * points(15, 90, 4), np.round(points(16, 90, 4)), np.zeros((90, 4))])
    x = x.astype(dtype)
    item = 90 * 90 * x.itemsize
    for memory in (1 << 30, 3 * item, item, 0):  # all together, three and one, one by one, without a matrix
        found = facility_location(to_device(x, device), 30, memory=memory)
        assert found.indices.shape == found.weights.shape == found.gains.shape == (4, 30)
        assert all(isinstance(a, np.ndarray) for a in found)
        for p in range(4):
            one = facility_location(x[p], 30)  # NumPy: so the two devices agree as well, ties included
            for a, b in zip(one, found):
                np.testing.assert_array_equal(a, b[p])


def test_the_device_is_waited_for_once_whatever_k(device):
    """When the features come to the host."""
    if device == "cpu":
        pytest.skip("there is no device to wait for")
    standin = pytest.importorskip("tests.standin")
    x = to_device(points(17, 3, 50, 4), device)
    if type(x).__module__ != "cupy" or not isinstance(x, standin.ndarray):
        pytest.skip("waits are counted by the stand-in only")
    for k in (2, 40):
        standin.synchronisations.reset()
        facility_location(x, k)
        assert standin.synchronisations.count == 1


def test_weights_sum_to_q_and_the_loss_falls():
    x = points(18, 200, 5).astype(np.float32)
    found = facility_location(x, 50)
    assert found.weights.sum() == 200 and found.weights.min() >= 1
    assert (np.diff(found.gains) <= 0).all() and (found.gains >= 0).all()
    everything = facility_location(x, 500)
    assert sorted(everything.indices) == list(range(200)) and (everything.weights == 1).all()
    assert everything.gains.sum() == pytest.approx(200 * distances(x).max(), rel=1e-6)  # no loss; float32 distances


def test_planted_duplicates_have_weight_zero_and_their_cluster_goes_to_the_earlier():
    x = np.repeat(np.array([[0.0, 0.0], [9.0, 0.0], [0.0, 5.0]]), 4, axis=0)
    found = facility_location(x, 5)
    assert set(found.indices[:3]) == {0, 4, 8} and found.weights.tolist() == [4, 4, 4, 0, 0]
    assert found.indices[3:].tolist() == [1, 2] and found.gains[3:].tolist() == [0, 0]  # the lowest left


def test_medoid_gradient_error_is_below_the_sum_of_unsquared_distances():
    """CRAIG, eq. 8: ||sum g - sum gamma g|| <= sum_i min_j ||g_i - g_j||."""
    for seed in range(5):
        x = points(seed, 120, 6)
        found = facility_location(x, 12)
        near = distances(x)[:, found.indices].min(axis=1).sum()
        assert np.linalg.norm(x.sum(axis=0) - found.weights @ x[found.indices]) <= near
        assert found.gains.sum() == pytest.approx(120 * distances(x).max() - near)


def test_distances_are_not_squared():
    """From 0 and from 4 the distances sum to 14 and 18, their squares to 116 and 84."""
    x = np.array([[0.0], [0.0], [0.0], [4.0], [10.0]])
    assert facility_location(x, 1).indices[0] == 0


def test_no_index_is_favoured():
    """Chi-square over 400 problems, index of the first of 10 exchangeable points; 9 degrees, 1e-6 false alarms."""
    counts = np.zeros(10)
    for seed in range(400):
        counts[facility_location(points(seed, 10, 2), 3).indices] += 1
    # drawn 3 of 10 without replacement: the statistic is chi-square times (1 - 3/10) * 10/9
    assert ((counts - 120) ** 2 / 120).sum() / (0.7 * 10 / 9) < 45.1


@pytest.mark.parametrize("memory", [1 << 30, 0])
def test_classes_share_k_by_largest_remainder(device, memory):
    x, labels = points(19, 100, 3), np.repeat([2, 0, 7], [50, 33, 17])[stream(0, "l").permutation(100)]
    found = facility_location(to_device(x, device), 10, labels=labels, memory=memory)
    assert labels[found.indices].tolist() == [0] * 3 + [2] * 5 + [7] * 2  # 3.3, 5, 1.7
    for label, size in ((0, 33), (2, 50), (7, 17)):
        members, mine = np.flatnonzero(labels == label), labels[found.indices] == label
        one = facility_location(x[members], mine.sum())
        assert found.indices[mine].tolist() == members[one.indices].tolist()
        assert found.weights[mine].sum() == size and found.gains[mine].tolist() == one.gains.tolist()


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=30), st.integers(1, 40))
def test_class_quotas_sum_to_k_and_are_within_one_of_the_proportion(labels, k):
    labels = np.array(labels)
    found = facility_location(points(20, len(labels), 2), k, labels=labels)
    assert len(found.indices) == len(set(found.indices)) == min(k, len(labels))
    for label, size in zip(*np.unique(labels, return_counts=True)):
        quota = (labels[found.indices] == label).sum()
        assert abs(quota - min(k, len(labels)) * size / len(labels)) < 1
        assert found.weights[labels[found.indices] == label].sum() == (size if quota else 0)


# ----------------------------------------------------------------------------------------------------- other packages


@pytest.mark.filterwarnings("ignore")  # its own
def test_twin_submodlib():
    submodlib = pytest.importorskip("submodlib", reason="needs submodlib-py, which the dev extra brings")
    x, k = points(21, 60, 3), 9
    s = similarity(x) / distances(x).max()  # submodlib wants at most 1
    twins = [
        (FacilityLocation(s), submodlib.FacilityLocationFunction(60, mode="dense", sijs=s, separate_rep=False)),
        (GraphCut(s, 0.4), submodlib.GraphCutFunction(60, mode="dense", lambdaVal=0.4, ggsijs=s, separate_rep=False)),
        (LogDeterminant(s + 60 * np.eye(60), 1.0),
         submodlib.LogDeterminantFunction(60, mode="dense", lambdaVal=1.0, sijs=s + 60 * np.eye(60))),
        (DisparitySum(1 - s), submodlib.DisparitySumFunction(60, mode="dense", sijs=s)),
        (DisparityMin(1 - s), submodlib.DisparityMinFunction(60, mode="dense", sijs=s)),
    ]  # fmt: skip
    for ours, theirs in twins:
        chosen = greedy(ours, k).indices
        assert theirs.evaluate(set(chosen.tolist())) == pytest.approx(ours.value(chosen), rel=1e-4)  # float32 inside
        if ours.submodular:  # the others' first element is a tie that submodlib breaks elsewhere
            picked = [e for e, _ in theirs.maximize(budget=k, optimizer="LazyGreedy", show_progress=False)]
            assert ours.value(picked) == pytest.approx(ours.value(chosen), rel=1e-4)


@pytest.mark.filterwarnings("ignore")  # its own
def test_twin_apricot():
    apricot = pytest.importorskip("apricot", reason="needs apricot-select, which the dev extra brings")
    x, k = points(22, 60, 3), 9
    s = similarity(x)
    ours = greedy(FacilityLocation(s), k)
    theirs = apricot.FacilityLocationSelection(k, metric="precomputed", optimizer="naive").fit(s)
    assert theirs.ranking.tolist() == ours.indices.tolist()
    np.testing.assert_allclose(theirs.gains, ours.gains, rtol=1e-9)
    cut = greedy(GraphCut(s, 0.4), k)  # apricot: alpha * first sum - second, so alpha = 1 / lam and gains / lam
    theirs = apricot.GraphCutSelection(k, metric="precomputed", alpha=1 / 0.4, optimizer="naive").fit(s)
    assert GraphCut(s, 0.4).value(theirs.ranking) == pytest.approx(cut.gains.sum(), rel=1e-9)


# ------------------------------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda x: facility_location(x, 0), ValueError, "k must be at least 1, got 0"),
        (lambda x: facility_location(x, 2.5), TypeError, "k must be a whole number"),
        (lambda x: facility_location(x[0], 1), ValueError, r"\(q, d\) or \(P, q, d\), got shape \(3,\)"),
        (lambda x: facility_location(x[:0], 1), ValueError, "non-empty"),
        (lambda x: facility_location([["a"]], 1), TypeError, "features must be an array of numbers, got .*<U1"),
        (lambda x: facility_location([[1], [2, 3]], 1), TypeError, "features must be an array of numbers"),
        (lambda x: facility_location(scipy.sparse.csr_array(x), 1), TypeError, r"is a sparse csr.*toarray\(\)"),
        (lambda x: facility_location(x, True), TypeError, "k must be a whole number, got True"),
        (lambda x: facility_location(x, 1, memory=-1), ValueError, "memory must be at least 0"),
        (lambda x: facility_location(x, 1, labels=[0, 1, np.nan, 1, 0]), ValueError, "labels must be finite"),
        (lambda x: facility_location(x, 1, labels=list("abcab")), TypeError, "labels must be an array of numbers"),
        (lambda x: quotas([1, 2], 10), ValueError, r"k must be in 0\.\.3, got 10"),
        (lambda x: quotas([1, 2], -1), ValueError, r"k must be in 0\.\.3, got -1"),
        (lambda x: quotas([1.0, 2.0], 1), TypeError, r"sizes must be \(C,\) whole numbers, got float64"),
        (lambda x: quotas([], 0), TypeError, "sizes must be"),
        (lambda x: quotas([[1]], 0), TypeError, r"sizes must be .* of shape \(1, 1\)"),
        (lambda x: quotas([3, -1], 1), ValueError, "sizes must be at least 0, got -1"),
        (lambda x: FacilityLocation(scipy.sparse.eye_array(3)), TypeError, "similarity is a sparse"),
        (lambda x: FacilityLocation(np.eye(3)).value([3]), ValueError, r"an element of S must be in 0\.\.2, got 3"),
        (lambda x: FacilityLocation(np.eye(3)).value([-1]), ValueError, "an element of S"),
        (lambda x: GraphCut(np.eye(3)).value([1, 1]), ValueError, r"each element at most once, got \[1, 1\]"),
        (lambda x: DisparitySum(np.eye(3)).value([0.5]), TypeError, "an element of S must be a whole number"),
        (lambda x: GraphCut(np.eye(3), lam=np.inf), ValueError, "lam must be a number in .*got inf"),
        (lambda x: GraphCut(np.eye(3), lam="1"), TypeError, "lam must be a number, got '1'"),
        (lambda x: LogDeterminant(np.eye(3), lam=np.inf), ValueError, "lam must be a number in .*got inf"),
        (lambda x: greedy(np.eye(3), 1), TypeError, "f must be a set function, .*got a ndarray"),
        (lambda x: stochastic_greedy(GraphCut(np.eye(3)), 1, eps="0.1"), TypeError, "eps must be a number"),
        (lambda x: stochastic_greedy(GraphCut(np.eye(3)), 1, seed=0.5), TypeError, "seed must be a whole number"),
        (lambda x: greedi(GraphCut(np.eye(3)), 1, parts=1.5), TypeError, "parts must be a whole number"),
        (lambda x: greedi(GraphCut(np.eye(3)), 0, parts=1), ValueError, "k must be at least 1"),
        (lambda x: greedi(GraphCut(np.eye(3)), 1, 1, backend="nobody"), ValueError, "nobody"),
        (lambda x: facility_location(np.where(x == x[1, 1], np.nan, x), 1), ValueError, "features must be finite"),
        (lambda x: facility_location(np.where(x == x[0, 0], np.inf, x), 1), ValueError, "features must be finite"),
        (lambda x: facility_location(x, 1, labels=np.zeros(4)), ValueError, r"labels \(q,\).*got \(4,\) and \(5, 3\)"),
        (lambda x: facility_location(x[None], 1, labels=np.zeros(5)), ValueError, "labels"),
        (lambda x: FacilityLocation(x), ValueError, r"square \(n, n\) matrix, got shape \(5, 3\)"),
        (lambda x: FacilityLocation(-distances(x)), ValueError, "similarity must be at least 0"),
        (lambda x: FacilityLocation(np.full((2, 2), np.nan)), ValueError, "must be finite"),
        (lambda x: GraphCut(np.triu(np.ones((3, 3)))), ValueError, "must be symmetric"),
        (lambda x: GraphCut(np.eye(3), lam=-1), ValueError, r"lam must be a number in \[0, inf\), got -1"),
        (lambda x: GraphCut(np.eye(3), lam=np.nan), ValueError, "lam must be a number in .*got nan"),
        (lambda x: DisparityMin(-np.ones((3, 3))), ValueError, "distances must be at least 0"),
        (lambda x: DisparitySum(np.triu(np.ones((3, 3)))), ValueError, "distances must be symmetric"),
        (lambda x: LogDeterminant(np.eye(3), lam=0), ValueError, r"lam must be a number in \(0, inf\), got 0"),
        (lambda x: greedy(LogDeterminant(1 - 4 * np.eye(3)), 3), ValueError, "positive semi-definite"),
        (lambda x: greedy(GraphCut(np.eye(3)), 0), ValueError, "k must be at least 1"),
        (lambda x: lazy_greedy(GraphCut(np.eye(3)), -1), ValueError, "k must be at least 1"),
        (lambda x: greedy(GraphCut(np.eye(3)), 1.5), TypeError, "k must be a whole number"),
        (lambda x: stochastic_greedy(GraphCut(np.eye(3)), 1, eps=1.0), ValueError, r"eps must be a number in \(0, 1\)"),
        (lambda x: stochastic_greedy(GraphCut(np.eye(3)), 1, eps=0.0), ValueError, r"eps must be a number in \(0, 1\)"),
        (lambda x: greedi(GraphCut(np.eye(3)), 1, parts=4), ValueError, r"parts must be in 1\.\.3, got 4"),
        (lambda x: greedi(GraphCut(np.eye(3)), 1, parts=0), ValueError, "parts must be in 1"),
    ],
)
def test_errors_say_what_came(call, error, message):
    with pytest.raises(error, match=message):
        call(points(23, 5, 3))


@pytest.mark.parametrize("count", [100, 101])
def test_quotas_of_many_ties_go_to_the_lowest_class(count):
    """Beyond 16 entries a sort that is not stable moves equal ones."""
    sizes = 3 + stream(0, "sizes").integers(0, 2, count)
    for k in (count // 3, count, 2 * count + 1):
        exact = [Fraction(k * int(size), int(sizes.sum())) for size in sizes]
        expected = [math.floor(share) for share in exact]
        by_remainder = sorted(range(count), key=lambda c: (expected[c] - exact[c], c))
        for c in by_remainder[: k - sum(expected)]:
            expected[c] += 1
        assert quotas(sizes, k).tolist() == expected


@pytest.mark.parametrize("asymmetry, refused", [(1e-3, True), (2e-5, True), (1e-6, False)])
def test_symmetry_is_judged_at_what_float32_products_leave(asymmetry, refused):
    matrix = np.ones((4, 4))
    matrix[0, 1] += asymmetry
    if refused:
        with pytest.raises(ValueError, match="must be symmetric"):
            GraphCut(matrix)
    else:
        assert GraphCut(matrix).s[0, 1] == GraphCut(matrix).s[1, 0]


def test_gains_that_are_not_finite_are_refused():
    """With gains of -inf the largest could be that of an element already chosen."""
    with np.errstate(over="ignore"), pytest.raises(ValueError, match="a gain is -inf: scale"):
        greedy(GraphCut(np.full((2, 2), 1e200), lam=1e200), 2)


class Coverage(SetFunction):
    """A set function of a user's own: how many numbers are covered. `refresh` is inherited."""

    submodular = True

    def __init__(self, sets):
        self.sets, self.n = sets, len(sets)

    def value(self, S):
        return float(len(set().union(*(self.sets[e] for e in S))))

    def start(self):
        return frozenset()

    def add(self, state, e):
        return state | self.sets[e]

    def gains(self, state, elements):
        return np.array([len(self.sets[e] - state) for e in elements], float)


def test_a_set_function_of_ones_own():
    f = Coverage([{1}, {1, 2, 3}, {3, 4}, {5}])
    for found in (greedy(f, 3), lazy_greedy(f, 3), greedi(f, 3, 1), stochastic_greedy(f, 3, eps=1e-9)):
        assert found.indices.tolist() == [1, 2, 3] and found.gains.tolist() == [3, 1, 1]
    bare = SetFunction()
    for call in (lambda: bare.value([]), bare.start, lambda: bare.add(0, 0), lambda: bare.gains(0, [])):
        with pytest.raises(NotImplementedError, match="SetFunction must define"):
            call()


def test_lists_tables_and_tensors_are_features():
    x = points(24, 30, 3)
    expected = facility_location(x, 4)
    given = [x.tolist()]
    for package, convert in (("pandas", "DataFrame"), ("torch", "tensor")):
        if package in sys.modules or importlib.util.find_spec(package):
            given.append(getattr(importlib.import_module(package), convert)(x))
    for features in given:
        assert all(np.array_equal(a, b) for a, b in zip(facility_location(features, 4), expected))
    rounded = np.round(10 * x)
    assert facility_location(rounded.astype(int), 4).indices.tolist() == facility_location(rounded, 4).indices.tolist()
    labels = np.arange(30) % 3
    by_list, by_array = (facility_location(x, 6, labels=some) for some in (labels.tolist(), labels))
    assert by_list.indices.tolist() == by_array.indices.tolist()


@pytest.mark.parametrize("place", [0, 17, 40])
@pytest.mark.parametrize("far", [1e6, 1e9, 1e11])
def test_a_far_outlier_does_not_merge_the_others(device, place, far):
    """In float32 beside 1e9 a unit of distance is 60: all others would be one point, and medoids weigh 0."""
    x = np.insert(points(25, 40, 4), place, [far, 0, 0, 0], axis=0).astype(np.float32)
    both = np.stack([points(26, 41, 4).astype(np.float32), x])
    for memory in (1 << 30, 0):
        found = facility_location(to_device(both, device), 6, memory=memory)
        for p, one in enumerate((facility_location(both[0], 6), facility_location(x.astype(np.float64), 6))):
            for a, b in zip(found, one):
                np.testing.assert_array_equal(a[p], b)
    assert found.weights[1].min() > 0
    near, chosen = distances(x.astype(np.float64)), found.indices[1]
    assert near[:, chosen].min(axis=1).sum() == pytest.approx(41 * near.max() - found.gains[1].sum(), abs=1e-9 * far)


def test_a_far_outlier_does_not_merge_duplicates():
    """Three quarters are one point: what tells the others apart counts all the same."""
    x = np.vstack([np.zeros((30, 2)), points(29, 10, 2), [[1e9, 0]]]).astype(np.float32)
    assert facility_location(x, 6).indices.tolist() == facility_location(x.astype(np.float64), 6).indices.tolist()


def test_float64_where_the_last_gain_has_fewer_than_14_digits(monkeypatch):
    """0, 1 and 2^b: the last of 3 gains is 1, which is 2^(22 - b) units of distance."""
    solved = []
    monkeypatch.setattr(facility, "Points", lambda x: solved.append(x.dtype.name) or Points(x))
    for bits, dtypes in ((8, ["float32"]), (9, ["float32", "float64"])):
        solved.clear()
        facility_location(np.array([[0], [1], [2.0**bits]], np.float32), 3)
        assert solved == dtypes


@pytest.mark.parametrize("far", 10.0 ** np.arange(0, 13))
def test_no_outlier_changes_the_choice_in_float32(far):
    x = np.vstack([points(33, 60, 4), [[far, far, 0, 0]]]).astype(np.float32)
    assert facility_location(x, 8).indices.tolist() == facility_location(x.astype(np.float64), 8).indices.tolist()


def test_no_digits_remain_beside_an_outlier_and_it_is_said():
    x = np.vstack([points(27, 40, 2), [[1e30, 0]]])
    for dtype in (np.float32, np.float64):
        with pytest.warns(RuntimeWarning, match="outliers so far away that most other points look equal"):
            facility_location(x.astype(dtype), 6)
    assert facility_location(x, 2).weights.tolist() in ([40, 1], [1, 40])  # these two are right: nothing to say
    repeated = np.vstack([np.zeros((40, 2)), [[1e30, 0]]]).astype(np.float32)  # equal points are no loss
    assert facility_location(repeated, 6).weights.tolist()[2:] == [0] * 4


@pytest.mark.parametrize("least", [4, 8, 16, 40])
def test_small_gradients_are_no_reason_to_warn(device, least):
    """p - y late in training: from 1 down to 10^-least, nearly all of them at its end. Warnings are errors here."""
    rng = stream(30, "late")
    size = 10.0 ** -np.append(least + rng.random(180), least * rng.random(20))
    for dtype in (np.float32, np.float64):
        x = np.stack([points(31, 200, 10), size[:, None] * points(32, 200, 10)]).astype(dtype)
        x[1, 150] = 1
        found = facility_location(to_device(x, device), 100)
        assert found.weights.sum(axis=1).tolist() == [200, 200] and 150 in found.indices[1][:2]
        near = distances(x[1])[:, found.indices[1]].min(axis=1).sum()
        assert near <= 100 * max(np.sort(abs(x[1]).max(axis=1))[-100], 1e-11)  # no large one is left alone


@pytest.mark.parametrize("scale", [1e-320, 1e-300, 1e-200, 1e-170, 1e170, 1e300])
def test_squares_that_under_or_overflow(device, scale):
    """0, 1, 3, 9, 20 by hand: from 3 the distances sum to 28, the least; then 20 saves 17, 9 only 12."""
    x = np.array([[0.0], [1], [3], [9], [20]])
    found = facility_location(to_device(x * scale, device), 2)
    assert found.indices.tolist() == [2, 4] and found.weights.tolist() == [4, 1]
    if 1e-300 < scale:
        assert found.gains == pytest.approx(np.array([72 * scale, 17 * scale]), rel=1e-12)  # 72 = 5 * 20 - 28
    both = facility_location(np.stack([x, x * scale]), 2)
    assert both.indices.tolist() == [[2, 4], [2, 4]] and both.weights.tolist() == [[4, 1], [4, 1]]


def test_many_problems_at_once_overflow_nothing():
    """2,000 problems of float64: the sum over all of them is above 2^63. Warnings are errors here."""
    x = points(28, 2000, 160, 3)
    found = facility_location(x, 10)
    for p in (0, 777, 1999):
        assert all(np.array_equal(a[p], b) for a, b in zip(found, facility_location(x[p], 10)))
