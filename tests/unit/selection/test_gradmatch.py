"""GradMatch: matching pursuit against SciPy, scikit-learn and brute force; then the method around it."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import nnls
from sklearn.linear_model import orthogonal_mp

from minicrest.batch import Diverged
from minicrest.datasets import Dataset
from minicrest.learner import Learner
from minicrest.nn import Flatten, Linear, Network, SoftmaxCrossEntropy, SquaredError, mlp
from minicrest.optim import SGD
from minicrest.oracle import Oracle
from minicrest.random import stream
from minicrest.selection.base import first_copies
from minicrest.selection.gradmatch import GradMatch, omp
from minicrest.submodular import facility_location, quotas
from minicrest.train import train

SEEDS = range(20)


def problem(seed, n=12, d=8, shift=0.5):
    """(G, target): n gradients with something in common, and their sum."""
    G = stream(seed, "test gradmatch").standard_normal((n, d)) + shift
    return G, G.sum(0)


def E(G, target, S, lam):
    """min over w >= 0 of E_lam on the rows S, by SciPy."""
    A = np.vstack([G[list(S)].T, np.sqrt(lam) * np.eye(len(S))])
    return nnls(A, np.append(target, np.zeros(len(S))))[1] ** 2


# ---- matching pursuit


@pytest.mark.parametrize("seed", SEEDS)
def test_planted_combination_is_found(seed):
    """3 g_7 + 2 g_2, in 200 dimensions, where no two of 15 are near each other."""
    G, _ = problem(seed, 15, 200, shift=0)
    found = omp(G, 3 * G[7] + 2 * G[2], 10, 0.0)
    assert found.indices.tolist() == [7, 2]
    np.testing.assert_allclose(found.weights, [3, 2], rtol=1e-12)
    assert found.error < 1e-20


@pytest.mark.parametrize("lam", [0.0, 1e-9, 0.5, 20.0])
@pytest.mark.parametrize("seed", SEEDS)
def test_weights_are_the_constrained_optimum(seed, lam):
    """KKT of non-negative ridge on the chosen: g_i . r = lam w_i; at lam = 0 the residual is orthogonal to them."""
    G, target = problem(seed)
    found = omp(G, target, 4, lam)
    r = target - found.weights @ G[found.indices]
    scale = np.linalg.norm(G, axis=1).max() * np.linalg.norm(target)
    np.testing.assert_allclose(G[found.indices] @ r, lam * found.weights, atol=1e-10 * scale)
    assert len(found.indices) == 4 and found.weights.min() > 0
    assert found.error == pytest.approx(r @ r + lam * found.weights @ found.weights, rel=1e-9)
    assert found.error == pytest.approx(E(G, target, found.indices, lam), rel=1e-9)


@pytest.mark.parametrize("lam", [0.0, 0.5, 20.0])
@pytest.mark.parametrize("seed", SEEDS)
def test_where_it_stops_no_set_is_better(seed, lam):
    """It ends short of k only at the optimum over all n. An opposed target leaves many elements out."""
    G, target = problem(seed, shift=0.0)
    found = omp(G, target, 12, lam)
    assert found.error == pytest.approx(E(G, target, range(12), lam), rel=1e-9, abs=1e-9 * (target @ target))
    r = target - found.weights @ G[found.indices]
    assert (G @ r - lam * found.weights.max() <= 1e-8 * (target @ target)).all()


@pytest.mark.parametrize("lam", [0.0, 0.5])
@pytest.mark.parametrize("seed", SEEDS)
def test_error_never_rises_with_k(seed, lam):
    G, target = problem(seed, 30, 12)
    errors = [omp(G, target, k, lam).error for k in range(13)]
    assert errors[0] == pytest.approx(target @ target)
    assert (np.diff(errors) <= 1e-12 * errors[0]).all()
    assert errors[6] < 0.5 * errors[0]


@pytest.mark.parametrize("seed", SEEDS)
def test_same_as_scikit_learn_where_the_sign_does_not_matter(seed):
    """lam = 0 and an orthogonal basis turned slightly: all correlations and weights are positive, for both rules."""
    rng = stream(seed, "test gradmatch sklearn")
    G = np.linalg.qr(rng.standard_normal((12, 12)))[0] + 0.02 * rng.standard_normal((12, 12))
    target = rng.uniform(1, 5, 12) @ G
    found = omp(G, target, 5, 0.0)
    theirs = orthogonal_mp(G.T, target, n_nonzero_coefs=5)
    assert sorted(found.indices) == np.flatnonzero(theirs).tolist()
    np.testing.assert_allclose(found.weights, theirs[found.indices], rtol=1e-9)


@pytest.mark.parametrize("lam", [0.0, 0.5])
@pytest.mark.parametrize("seed", range(5))
def test_brute_force_orthogonal(seed, lam):
    """For orthonormal gradients E_lam is a sum over elements, so greedy is the optimum."""
    rng = stream(seed, "test gradmatch brute")
    G, target = np.linalg.qr(rng.standard_normal((10, 10)))[0], 3 * rng.standard_normal(10)
    k = min(3, int((G @ target > 0).sum()))
    best = min(combinations(range(10), k), key=lambda S: E(G, target, S, lam))
    assert sorted(omp(G, target, k, lam).indices) == list(best)


@pytest.mark.parametrize("seed", range(5))
def test_brute_force_bound(seed):
    """F = |G|^2 - E_lam is at least (1 - exp(-gamma)) of the optimum, gamma = lam / (lam + k max |g|^2) (the paper).

    For gradients of equal length one element alone is the best one.
    """
    G, target = problem(seed, 11, 6)
    G /= np.linalg.norm(G, axis=1, keepdims=True)
    for k, lam in [(1, 0.5), (2, 0.5), (3, 0.5)]:
        best = target @ target - min(E(G, target, S, lam) for S in combinations(range(11), k))
        ours = target @ target - omp(G, target, k, lam).error
        least = 1.0 if k == 1 else 1 - np.exp(-lam / (lam + k))
        assert least * best * (1 - 1e-12) <= ours <= best * (1 + 1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_medoids_bound_the_match(seed):
    """On any S: min_{w >= 0} |G - sum w g| <= |G - sum gamma g| <= L(S), the sum of distances to S (a theorem)."""
    G, target = problem(seed, 60, 5)
    medoids = facility_location(G, 8)
    S, gamma = medoids.indices, medoids.weights
    L = np.linalg.norm(G[:, None] - G[S], axis=2).min(1).sum()
    fixed = np.linalg.norm(target - gamma @ G[S])
    matched = np.sqrt(omp(G[S], target, 8, 0.0).error)
    assert matched <= fixed <= L
    assert fixed > 1e-3 and matched < fixed


def test_a_chosen_element_is_never_picked_again():
    """After the first pick, lam leaves element 0 the largest correlation; the pursuit goes on with the next."""
    G, target = np.array([[3.0, 0.0], [0.0, 1.0], [0.5, 0.5]]), np.array([4.0, 1.0])
    lam = 20.0
    r = target - 12 / 29 * G[0]  # w = 12 / (9 + lam)
    assert (G @ r).argmax() == 0
    assert omp(G, target, 2, lam).indices.tolist() == [0, 2]
    assert sorted(omp(G, target, 3, lam).indices) == [0, 1, 2]


def test_weights_are_positive_and_elements_may_leave():
    """g_0 is nearest to the target, but g_1 and g_2 are exact without it: its weight falls to 0 and it is let go."""
    G, target = np.array([[1.0, 1.0, 0.5], [1.5, 0.0, 0.0], [0.0, 1.5, 0.0]]), np.array([2.0, 2.0, 0.0])
    assert omp(G, target, 1, 0.0).indices.tolist() == [0]
    found = omp(G, target, 3, 0.0)
    assert found.indices.tolist() == [1, 2]
    np.testing.assert_allclose(found.weights, [4 / 3, 4 / 3])


@pytest.mark.parametrize("lam", [0.0, 1e-8, 0.01])
def test_where_plain_least_squares_would_be_negative(lam):
    """The target is past g_1 and g_2, on the far side of g_0: whatever solves for the weights must hold them at 0."""
    G, target = np.array([[1.0, 1.0, 0.5], [1.5, 0.0, 0.0], [0.0, 1.5, 0.0]]), np.array([2.0, 2.0, -0.5])
    assert np.linalg.solve(G @ G.T + lam * np.eye(3), G @ target)[0] < -0.5
    found = omp(G, target, 3, lam)
    assert found.indices.tolist() == [1, 2]
    np.testing.assert_allclose(found.weights, [3 / (2.25 + lam)] * 2, rtol=1e-12)


def test_nearly_equal_gradients_keep_their_digits():
    """Condition 2e4, which the normal equations square: they would lose 8 digits, least squares loses 4."""
    G = np.array([[1.0, 0.3], [1.0, 0.3 + 1e-4]])
    found = omp(G, 2 * G[0] + 3 * G[1], 2, 1e-22)
    assert found.indices.tolist() == [1, 0]
    np.testing.assert_allclose(found.weights, [3, 2], rtol=1e-10)


def test_an_enormous_lam_leaves_the_order_of_alignment():
    """E_lam then no longer falls in float64, yet all k are found; weights tend to g . G / lam."""
    G, target = problem(1)
    found = omp(G, target, 4, 1e30)
    assert found.indices.tolist() == np.argsort(-G @ target)[:4].tolist()
    np.testing.assert_allclose(found.weights, (G @ target)[found.indices] / 1e30, rtol=1e-12)


def test_rounding_cannot_keep_it_going(monkeypatch):
    """A solver that gives the newest element nothing, which exactly computed never happens, ends the pursuit."""
    monkeypatch.setattr("minicrest.selection.gradmatch._least_squares", lambda A, target, lam: np.zeros(len(A)))
    assert len(omp(*problem(0), 4, 0.5).indices) == 0


def test_opposed_gradients_are_not_used():
    """The signed maximum: an element that points away would need a negative weight."""
    found = omp(np.array([[-9.0, 0.0], [1.0, 0.0]]), np.array([2.0, 0.0]), 2, 0.0)
    assert found.indices.tolist() == [1] and found.weights.tolist() == [2.0]
    assert len(omp(-np.eye(2), np.ones(2), 2, 0.0).indices) == 0
    assert len(omp(np.zeros((3, 2)), np.zeros(2), 2, 0.5).indices) == 0


@pytest.mark.parametrize("trial", range(60))
def test_equal_rows_go_to_the_lowest_index(trial):
    """Rows equal to the last bit tie exactly, wherever they stand in the matrix product; -0.0 is 0.0."""
    rng = stream(trial, "ties")
    base = np.round(rng.standard_normal((int(rng.integers(5, 40)), int(rng.integers(2, 60)))), 8)
    base[:, 0] = 0
    G = np.tile(base, (3, 1))
    G[: len(base), 0] = -0.0
    chosen = omp(G, G.sum(0), 5, 0.5).indices
    assert chosen[0] < len(base)
    for e in chosen:  # a copy comes only after all before it
        assert all(copy in chosen for copy in range(e % len(base), e, len(base)))


def test_copies_are_found_by_value():
    """The lowest equal row, over several arrays at once; 0.0 equals -0.0, and one differing bit makes another row."""
    a = np.array([[1.0, 0.0], [1.0, -0.0], [1.0, np.nextafter(0, 1)], [1.0, 0.0], [2.0, 0.0]])
    assert first_copies(a).tolist() == [0, 0, 2, 0, 4]
    assert first_copies(a, np.array([0, 0, 0, 1, 0])).tolist() == [0, 0, 2, 3, 4]


def test_duplicates_share_the_weight_of_one():
    G = np.array([[1.0, 2.0], [1.0, 2.0]])
    assert omp(G, 3 * G[0], 2, 0.0).indices.tolist() == [0]  # nothing is left for the second
    np.testing.assert_allclose(omp(G, 3 * G[0], 2, 0.5).weights, [15 / 10.5] * 2)  # lam |w|^2 prefers equals


def test_scale_of_target_and_of_gradients():
    """t G: the same X, t w. s g: as lam / s^2, so gradients divided by B act like a lam B^2 as large."""
    G, target = problem(0)
    one, scaled = omp(G, target, 5, 0.5), omp(G, target / 1000, 5, 0.5)
    assert one.indices.tolist() == scaled.indices.tolist()
    np.testing.assert_allclose(scaled.weights, one.weights / 1000, rtol=1e-10)
    small, weak = omp(0.25 * G, 0.25 * target, 5, 8.0), omp(G, target, 5, 128.0)
    assert small.indices.tolist() == weak.indices.tolist() != one.indices.tolist()
    np.testing.assert_allclose(small.weights, weak.weights, rtol=1e-10)


def test_not_finite_is_refused():
    with pytest.raises(Diverged, match="the gradients are not finite"):
        omp(np.array([[np.nan, 1.0]]), np.ones(2), 1, 0.5)


def test_shares_add_up_to_k():
    for seed in SEEDS:
        rng = stream(seed, "test shares")
        sizes = rng.integers(1, 40, 7)
        k = int(rng.integers(1, sizes.sum() + 1))
        share = quotas(sizes, k)
        assert share.sum() == k and (share <= sizes).all() and (abs(share - k * sizes / sizes.sum()) < 1).all()


# ---- the method

N, FEATURES, C = 90, 4, 3


def data(seed=0, big=None):
    """90 examples of 4 features in classes of 45, 30 and 15, shuffled; example `big` is 30 times as long."""
    rng = stream(seed, "test gradmatch data")
    y = rng.permutation(np.repeat(np.arange(C), [45, 30, 15]))
    x = rng.standard_normal((N, FEATURES)) + 1.5 * np.eye(C, FEATURES)[y]
    if big is not None:
        x[big] *= 30
    test = Dataset(x[:20], y[:20], "toy", tuple("012"))
    return Dataset(x, y, "toy", tuple("012"), test=test)


def oracle(device="cpu", network=None, seed=3, **named):
    network = network or Network([Linear(FEATURES, C)], SoftmaxCrossEntropy())
    return Oracle(network, data(**named).to(device), network.initialize(1, "float64", device), seed=seed)


def last_layer_gradients(o):
    """(n, FEATURES + 1, C) of the network of one layer, from its per-example gradients; the bias comes last."""
    G = o._network.per_example_gradients(o.theta, o._data.x, o._data.y)
    return G.reshape(N, FEATURES + 1, C)


def select(method, o):
    return method.propose(method.init(o), o)[1]


METHODS = [GradMatch(m=16, fraction=0.3), GradMatch(m=16, fraction=0.3, elements="class"),
           GradMatch(m=8, fraction=0.3, elements="batch"),
           GradMatch(m=16, fraction=0.3, elements="class", features="logits"),
           GradMatch(m=8, fraction=0.3, elements="batch", features="logits")]  # fmt: skip
IDS = ["class-gradient", "class", "batch", "class logits", "batch logits"]


@pytest.mark.parametrize("method", METHODS, ids=IDS)
def test_budget_is_exact(method, device):
    """k distinct examples, weights positive and of mean 1, whatever the matching found; n forward passes, no more."""
    o = oracle(device)
    subset = select(method, o).subset
    assert len(set(subset.indices.tolist())) == len(subset.indices) == 27
    assert subset.indices.dtype == np.int64 and subset.weights.dtype == np.float64
    assert subset.weights.min() > 0 and subset.weights.mean() == pytest.approx(1)
    assert o.ledger.cost == N and o.ledger.phases["other"].forward == N


@pytest.mark.parametrize("lam", [0.0, 0.5])
@pytest.mark.parametrize("elements", ["class-gradient", "class"])
def test_selection_per_class_is_that_of_its_gradients(elements, lam):
    """A twin from per-example gradients of the whole net: shares, weights, and the ones filled in with weight 1.

    lam = 0 matches a class exactly with as many examples as its gradients have dimensions: at most 5 or 10 of 27.
    """
    o = oracle()
    state = select(GradMatch(m=16, fraction=0.3, lam=lam, elements=elements), o)
    gamma, G = np.zeros(N), last_layer_gradients(o)
    for label, share in zip(range(C), [14, 9, 4]):  # 13.5, 9 and 4.5: the first of equal remainders gets one more
        i = np.flatnonzero(o.labels == label)
        mine = (G[i][:, :, label] if elements == "class-gradient" else G[i]).reshape(len(i), -1)
        found = omp(mine, mine.sum(0), share, lam)
        gamma[i[found.indices]] = found.weights
    matched = np.count_nonzero(gamma)
    assert state.matches[0, 0] == matched and (matched < 27 or lam > 0)
    new = np.setdiff1d(state.subset.indices, np.flatnonzero(gamma))
    assert len(new) == 27 - matched
    gamma[new] = 1
    np.testing.assert_allclose(state.subset.weights, gamma[state.subset.indices] * 27 / gamma.sum(), rtol=1e-8)


def test_selection_per_batch_is_that_of_its_gradients():
    """Each of k/B batches hands its weight to all its examples; the weighted sum is the one that was matched."""
    o = oracle()
    method = GradMatch(m=8, fraction=0.3, elements="batch")
    (groups, G, count), = method._problems(o, 27, 0)
    assert count == 3 and sorted(np.concatenate(groups)) == list(range(N))
    each = last_layer_gradients(o).transpose(0, 2, 1).reshape(N, -1)
    np.testing.assert_allclose(G, [each[i].sum(0) / 8 for i in groups], rtol=1e-12, atol=1e-15)
    found, subset = omp(G, G.sum(0), 3, 0.0), select(method, o).subset
    gamma = np.zeros(N)
    for e, w in zip(found.indices, found.weights):
        gamma[groups[e]] = w
    new = np.setdiff1d(subset.indices, np.flatnonzero(gamma))
    assert len(new) == 27 - np.count_nonzero(gamma)
    np.testing.assert_allclose(gamma @ each / 8, found.weights @ G[found.indices], rtol=1e-12)
    gamma[new] = 1
    np.testing.assert_allclose(subset.weights, gamma[subset.indices] * 27 / gamma.sum(), rtol=1e-8)


def test_a_smaller_batch_counts_as_it_should():
    """90 examples in batches of 8 leave 2: the target is still the sum over all examples, over 8."""
    o = oracle()
    (groups, G, _), = GradMatch(m=8, fraction=0.3, elements="batch")._problems(o, 27, 0)
    assert len(groups[-1]) == 2
    each = last_layer_gradients(o).transpose(0, 2, 1).reshape(N, -1)
    np.testing.assert_allclose(8 * G.sum(0), each.sum(0), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("big", [0, 37, 89])
def test_a_huge_gradient_is_chosen_under_its_own_index(big, device):
    """At theta = 0 all have the same p, so 30 times the length is 30 times the gradient; index 0 is like any other."""
    o = oracle(device, big=big)
    Learner(o).move(0 * o.theta, o.statistics)
    for method in (GradMatch(m=4, fraction=0.04), GradMatch(m=4, fraction=0.04, elements="class")):
        assert big in select(method, o).subset.indices  # among 4 of 90


@pytest.mark.parametrize("seed", range(3))
def test_matches_better_than_random_examples(seed):
    o = oracle(seed=seed)
    subset = select(GradMatch(m=16, fraction=0.1, elements="class", lam=0.0), o).subset
    G = last_layer_gradients(o).reshape(N, -1)
    rng = stream(seed, "test gradmatch random")
    random = [E(G, G.sum(0), rng.choice(N, 9, replace=False), 0.0) for _ in range(20)]
    assert E(G, G.sum(0), subset.indices, 0.0) < 0.1 * np.median(random)


def test_fill_differs_between_selections_and_seeds():
    """Where all is learned there is nothing to match: all k are random, of equal weight, and new each time."""
    chosen = []
    for seed in (3, 4):
        o = oracle(seed=seed)
        Learner(o).move(0 * o.theta, o.statistics)
        o._data = replace(o._data, x=0 * o._data.x)
        method = GradMatch(m=9, R=1, fraction=0.1, elements="class", lam=0.0)
        first = select(method, o)
        _, second = method.propose(first, o)
        chosen += [first.subset.indices.tolist(), second.subset.indices.tolist()]
    assert len({tuple(c) for c in chosen}) == 4
    again = select(GradMatch(m=9, R=1, fraction=0.1, elements="class", lam=0.0), o)
    assert again.subset.indices.tolist() == chosen[2]


def test_reselection_every_R_epochs():
    """27 examples in batches of 16 are 2 steps an epoch: selections before steps 0, 6 and 12, each seen in between."""
    o, method = oracle(), GradMatch(m=16, fraction=0.3, R=3)
    state, bill, seen = method.init(o), [], []
    for _ in range(13):
        batch, state = method.propose(state, o)
        bill.append(o.ledger.cost // N)
        seen.append(batch.indices)
    assert bill == [1] * 6 + [2] * 6 + [3]
    epoch = np.concatenate(seen[2:4])
    assert len(epoch) == len(set(epoch.tolist())) == 27 and len(seen[1]) == 11
    assert method.report(state)["matched"].shape == (3,) and state.subset.number == 2


@pytest.mark.parametrize("budget", [None, 30 * 3 * 16])
def test_warm_start_takes_its_part(budget):
    """kappa = 1/2 of 30 steps, or of the bill of 30: 15 steps of plain epochs, then one selection and the subset."""
    o = oracle()
    method = GradMatch(m=16, fraction=0.3, kappa=0.5)
    run = train(method, o, SGD(0.1), 30 if budget is None else 100, max_bill=budget, progress=False)
    fresh, state, order = oracle(), method.init(oracle()), []
    for _ in range(6):
        batch, state = method.propose(state, fresh)
        order.append(batch.indices)
        assert (batch.weights == 1).all()
    assert sorted(np.concatenate(order)) == list(range(N))  # 5 batches of 16 and one of 10
    assert run.ledger.phases["select"].forward == N
    assert (run.uses >= 2).all() and run.uses.sum() > 2 * N  # 15 steps are 2 epochs of 6 steps, and 3 more


@pytest.mark.parametrize("method", METHODS, ids=IDS)
def test_the_same_on_every_device_and_every_time(method, device):
    o = oracle(device)
    state = select(method, o)
    again, host = select(method, o), select(method, oracle())
    for other in (again, host):
        assert other.subset.indices.tolist() == state.subset.indices.tolist()
        np.testing.assert_allclose(other.subset.weights, state.subset.weights, rtol=1e-8)
    one, two = method.propose(state, o), method.propose(state, o)
    assert one[0].indices.tolist() == two[0].indices.tolist() and one[0].weights.tolist() == two[0].weights.tolist()


def test_a_class_without_a_share_and_float_targets():
    o = oracle()
    assert len(select(GradMatch(m=1, fraction=1 / N), o).subset.indices) == 1
    assert len(select(GradMatch(m=16, fraction=1.0), o).subset.indices) == N
    x = stream(0, "float").standard_normal((20, 2))
    network = Network([Linear(2, 1)], SquaredError())
    real = Oracle(network, Dataset(x, x[:, 0], "toy"), network.initialize(0, "float64"))
    with pytest.raises(ValueError, match="not classes: use elements='batch'"):
        GradMatch().init(real)
    assert len(select(GradMatch(m=2, fraction=0.3, elements="batch"), real).subset.indices) == 6


def test_images_through_a_hidden_layer():
    network = Network([Flatten(), *mlp((FEATURES, 7, C)).chain.layers], SoftmaxCrossEntropy())
    assert select(GradMatch(m=16, fraction=0.3), oracle(network=network)).matches[0, 0] == 27


@pytest.mark.parametrize(
    "wrong", [dict(R=0), dict(kappa=1.0), dict(lam=-1.0), dict(lam=float("nan")), dict(fraction=0.0), dict(m=0),
              dict(elements="all"), dict(features="h"), dict(features="logits")],
)  # fmt: skip
def test_hyperparameters_are_checked(wrong):
    with pytest.raises(ValueError):
        GradMatch(**wrong)
