"""MILO: its parts against loops, brute force and exact probabilities; its curriculum; sharing, resuming, its bill."""

import itertools
import json
import types
from dataclasses import asdict, fields, replace
from unittest.mock import patch

import numpy as np
import pytest
from scipy.stats import chi2
from sklearn.decomposition import PCA
from sklearn.metrics.pairwise import cosine_similarity

from minicrest import checkpoint
from minicrest.backend import device_of, to_device, to_numpy
from minicrest.datasets import Dataset, load
from minicrest.learner import Learner
from minicrest.ledger import Ledger
from minicrest.nn import mlp
from minicrest.optim import SGD
from minicrest.oracle import Oracle
from minicrest.random import stream
from minicrest.selection import encoders, milo
from minicrest.selection.milo import Milo, Prepared, cosines, draw, prepare, spread
from minicrest.submodular import GraphCut, quotas
from minicrest.train import train

SIZES = (31, 20, 8, 1)  # of four classes: 60 examples, among them a class of one


def toy(seed=0, sizes=SIZES):
    """Gaussian classes in 5 dimensions in shuffled order, float64, with a small test part."""
    rng = stream(seed, "test milo")
    y = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    x = rng.standard_normal((len(y), 5)) + 2 * y[:, None]
    return Dataset(x, y, "toy", test=Dataset(x[:9], y[:9], "toy", classes=tuple("abcd"[: len(sizes)])))


def make(data=None, hidden=(6,), seed=3, device="cpu", init=0):
    data = (data or toy()).to(device)
    net = mlp((data.shape[0], *hidden, data.n_classes))
    return Oracle(net, data, net.initialize(init, "float64", device), seed=seed)


def run(method, oracle, steps, **options):
    return train(method, oracle, SGD(lr=0.05), steps, progress=False, **options)


def proposals(method, oracle, state, steps, total):
    """The batches of `steps` steps at a fixed theta, told how far a training of `total` steps would be."""
    batches = []
    for step in range(state.step, state.step + steps):
        Learner(oracle).move(oracle.theta, oracle.statistics, step, step / total)
        batch, state = method.propose(state, oracle)
        batches.append(batch)
    return batches, state


def subsets(batches, per_epoch):
    """Each epoch's examples, sorted."""
    return [np.sort(np.concatenate([b.indices for b in batches[a : a + per_epoch]]))
            for a in range(0, len(batches), per_epoch)]  # fmt: skip


def made(gains, k, classes=None, values=None):
    """A Prepared with these gains by hand."""
    gains = np.asarray(gains, float)
    classes = np.zeros(len(gains), int) if classes is None else classes
    values = gains if values is None else np.asarray(values, float)
    return Prepared(np.arange(k)[None], gains, values, classes, k / len(gains), 0.4, 0.1, "given", 0)


# ---- the parts


def test_quotas():
    """Largest remainder, by hand: 6 of (31, 20, 8, 1) is 3.1, 2, 0.8, 0.1; and never more than there are."""
    assert quotas(SIZES, 6).tolist() == [3, 2, 1, 0]
    assert quotas((5, 5, 5), 4).tolist() == [2, 1, 1]  # ties to the lowest
    for seed in range(50):
        rng = stream(seed, "sizes")
        sizes = rng.integers(1, 12, rng.integers(1, 6))
        for k in range(1, sizes.sum() + 1):
            share = quotas(sizes, k)
            assert share.sum() == k and (share >= 0).all() and (share <= sizes).all()
            assert (abs(share - k * sizes / sizes.sum()) < 1).all()
    assert (quotas(sizes, sizes.sum()) == sizes).all()


def test_cosines_against_scikit_learn():
    z = stream(0, "z").standard_normal((30, 4, 2))
    z[7] = 0
    expected = cosine_similarity(z.reshape(30, 8))
    expected[7, 7] = 1
    np.testing.assert_allclose(cosines(z), expected, rtol=1e-12, atol=1e-14)  # sums of 8 products
    assert abs(cosines(1e3 * z.astype("float32"))).max() == 1  # scale-free, and rounding does not leave [-1, 1]


def test_gains_against_a_loop():
    """Farthest-first, one element at a time, on the distances as the paper's code scales them; every element's own."""
    z = stream(1, "z").standard_normal((25, 4))
    cos = cosine_similarity(z)
    scaled = (cos - cos.min()) / (cos.max() - cos.min())
    distance = np.maximum(1 - scaled, 0)
    np.fill_diagonal(distance, 0)
    chosen, last, gains, values = [0], 0.0, {0: 0.0}, {}
    while len(chosen) < 25:
        rest = [e for e in range(25) if e not in chosen]
        near = {e: min(distance[e, j] for j in chosen) for e in rest}
        e = max(rest, key=lambda e: (near[e], -e))
        chosen.append(e)
        gains[e], values[e], last = near[e] - last, near[e], near[e]
    values[0] = values[chosen[1]]
    found, worth = spread(cosines(z))
    np.testing.assert_allclose(found, [gains[i] for i in range(25)], rtol=1e-9, atol=1e-12)  # float64, sums of 25
    np.testing.assert_allclose(worth, [values[i] for i in range(25)], rtol=1e-9, atol=1e-12)
    assert (np.diff(worth[chosen]) <= 1e-12).all() and worth.max() <= 1  # it falls along the order


def test_gains_do_not_depend_on_scale_or_order_of_features():
    z = stream(2, "z").standard_normal((40, 6))
    shuffled = stream(2, "shuffle").permutation(40)
    shuffled = np.concatenate([[0], shuffled[shuffled != 0]])  # greedy starts from the lowest index: keep that one
    for a, b in zip(spread(cosines(z)), spread(cosines(7 * z[shuffled]))):
        np.testing.assert_allclose(a[shuffled], b, rtol=1e-9, atol=1e-12)


def test_easy_subsets_differ_and_are_nearly_optimal():
    """Item 30: the mean over 300 seeds is at least (1 - 1/e - eps) of the brute-force optimum, and seeds matter."""
    cos = cosines(stream(3, "z").standard_normal((11, 3)))
    s = (1 + cos) / 2

    def value(S):
        S = list(S)
        return s[:, S].sum() - 0.4 * s[np.ix_(S, S)].sum()

    best = max(value(S) for S in itertools.combinations(range(11), 3))
    found = milo.representative(cos, 3, 0.4, 0.1, range(300))
    assert found.shape == (300, 3) and all(len(set(row)) == 3 for row in found.tolist())
    assert np.mean([value(row) for row in found]) >= (1 - 1 / np.e - 0.1) * best
    assert max(value(row) for row in found) <= best + 1e-9


def test_easy_subsets_against_a_loop():
    """With eps so small that every sample is the whole class, stochastic greedy is greedy: by hand, on (1 + cos)/2."""
    for seed in range(20):
        cos = cosine_similarity(stream(seed, "z").standard_normal((15, 3)))  # half of them negative
        s, chosen = (1 + cos) / 2, []
        for _ in range(6):
            gain = s.sum(0) - 2 * 0.4 * s[chosen].sum(0) - 0.4 * s.diagonal()
            gain[chosen] = -np.inf
            chosen.append(int(gain.argmax()))
        assert milo.representative(cos, 6, 0.4, 1e-9, [seed]).tolist() == [chosen]


def test_easy_subsets_differ():
    data = toy()
    easy = prepare(data.x, data.y, 0.3, n_subsets=30).easy
    assert len({tuple(np.sort(row)) for row in easy}) > 25  # submodlib's: 1
    two = prepare(np.vstack([data.x, data.x]), np.repeat([0, 1], 60), 0.3, n_subsets=30)
    a, b = two.easy[:, :18], two.easy[:, 18:] - 60
    assert (a != b).any(axis=1).sum() > 25  # two equal classes do not share a stream


def test_easy_subsets_are_good_graph_cuts_of_their_class():
    """On the class's own similarities, each is far above the mean of random subsets (EMP: best of 20)."""
    data = toy()
    easy = prepare(data.x, data.y, 0.3, n_subsets=20).easy
    for c in (0, 1):
        members = np.flatnonzero(data.y == c)
        f = GraphCut((1 + cosine_similarity(data.x[members])) / 2, 0.4)
        rows = [np.searchsorted(members, row[data.y[row] == c]) for row in easy]
        rng = stream(c, "random subsets")
        random = [f.value(rng.choice(f.n, len(rows[0]), replace=False)) for _ in range(200)]
        assert min(f.value(row) for row in rows) > np.mean(random)
        assert np.mean([f.value(row) for row in rows]) > np.quantile(random, 0.95)


# ---- item 28: the probabilities


@pytest.mark.parametrize("normalize", [False, True])
def test_probabilities_by_hand(normalize):
    P = made([0.0, 2.0, -1.0, 5, 5, 5], 2, classes=np.array([0, 0, 0, 1, 1, 1]), values=[3, 3, 1, 2, 2, 2])
    u = np.array([1, 3, 1e-10]) if not normalize else np.array([2, 2, 1e-10]) / np.array([2, 2, 0]).std()
    p, w = P.probabilities(normalize), 1 + u + u * u / 2
    np.testing.assert_allclose(p[:3], w / w.sum(), rtol=1e-9)  # the floor of 1e-10 moves the deviation by 1e-10
    np.testing.assert_allclose(p[3:], 1 / 3, rtol=1e-12)  # equal gains: uniform


def test_ratios_of_probabilities():
    u = stream(4, "u").random(20) * 3
    p = milo.taylor_softmax(u)
    w = np.array([1 + a + a**2 / 2 for a in u])
    np.testing.assert_allclose(p[:, None] / p, w[:, None] / w, rtol=1e-12)
    np.testing.assert_allclose(p.sum(), 1, rtol=1e-12)


def counts(prepared, draws):
    """How often each example came in independent selections."""
    p, parts, rng = prepared.probabilities(), prepared.parts(), stream(5, "draws")
    return np.bincount(draw(parts * draws, p, rng), minlength=len(p))


def test_single_draws():
    """Chi-square of 1e5 draws of one example: fails by chance once in 1,000 streams, and the stream is fixed."""
    P = made([0.0, 0.5, 1.0, 2.0, 4.0, 0.1], 1)
    expected = 1e5 * P.probabilities()
    assert ((counts(P, 100_000) - expected) ** 2 / expected).sum() < chi2.ppf(1 - 1e-3, 5)


def test_draws_of_two_without_replacement():
    """pi_i = p_i (1 + sum_{j != i} p_j / (1 - p_j)), which is not 2 p_i; |z| > 5 by chance once in 3e5 (6 tests)."""
    P = made([0.0, 0.5, 1.0, 2.0, 4.0, 0.1], 2)
    p, draws = P.probabilities(), 20_000
    odds = p / (1 - p)
    pi = p * (1 + odds.sum() - odds)
    np.testing.assert_allclose(pi.sum(), 2, rtol=1e-12)
    z = (counts(P, draws) - draws * pi) / np.sqrt(draws * pi * (1 - pi))
    assert abs(z).max() < 5
    assert abs((draws * 2 * p - draws * pi) / np.sqrt(draws * pi * (1 - pi))).max() > 20  # this test would see 2 p_i


def test_draws_of_two_classes_are_independent():
    """Two classes with equal probabilities: were their streams the same, they would always draw the same places."""
    P = made([0.0, 1, 2, 0, 1, 2], 2, classes=np.repeat([0, 1], 3))
    p, rng = P.probabilities(), stream(6, "draws")
    pairs = np.array([draw(P.parts(), p, rng) for _ in range(200)])
    assert 20 < (pairs[:, 0] == pairs[:, 1] - 3).sum() < 160


# ---- item 29: the right example


@pytest.mark.parametrize("normalize", [False, True])
def test_probability_stays_with_its_example(normalize):
    """One example of each class points away from all others: it has the largest p, wherever it stands."""
    rng, y = stream(7, "plant"), np.tile([0, 1, 2], 40)
    x = rng.standard_normal((120, 6)) * 0.05 + 1
    planted = [51, 88, 23]  # classes 0, 1, 2
    assert y[planted].tolist() == [0, 1, 2]
    x[planted] = -1
    P = prepare(x, y, 0.1, n_subsets=1)
    p = P.probabilities(normalize)
    for c, i in enumerate(planted):
        members = np.flatnonzero(y == c)
        order = members[np.argsort(-p[members], kind="stable")]
        assert i in order[:2] and P.gains[i] == P.gains[members].max() > 0.99  # normalized, the first ties
    parts = P.parts()
    drawn = np.bincount(np.concatenate([draw(parts, p, rng) for _ in range(1500)]), minlength=120)
    others = np.setdiff1d(np.arange(120), [*planted, 0, 1, 2])
    # EMP: p is at least twice that of the others, of which 1,500 draws bring some 150 each
    assert drawn[planted].min() > 1.5 * drawn[others].max()


def test_easy_subsets_leave_out_the_planted():
    rng, y = stream(7, "plant"), np.tile([0, 1, 2], 40)
    x = rng.standard_normal((120, 6)) * 0.05 + 1
    x[[51, 88, 23]] = -1
    easy = prepare(x, y, 0.3, n_subsets=20).easy
    assert not np.isin([51, 88, 23], easy).any()


# ---- item 31: how informative is it?


def test_the_plain_recipe_is_almost_uniform():
    """The numbers of the module's first lines; the normalized variant claims to inform: at most 0.99 anywhere."""
    digits = load("digits")
    gaussian = stream(0, "gaussian").standard_normal((1000, 64)).astype(np.float32)
    found = {}
    for name, P in (("digits", prepare(digits.x, digits.y, n_subsets=1)), ("gaussian", prepare(gaussian, n_subsets=1))):
        method = Milo.from_prepared(P)
        state = milo.MiloState(P, 0, None, np.zeros((0, 2), np.int64))
        found[name] = [replace(method, normalize=flag).report(state)["ess"] for flag in (False, True)]
    plain, normalized = found["digits"]
    # products of float32 rounded otherwise may change a few of the choices: one unit of the last digit quoted
    np.testing.assert_allclose([plain.min(), plain.max(), found["gaussian"][0][0]], [0.988, 0.996, 0.998], atol=1e-3)
    np.testing.assert_allclose([normalized.min(), normalized.max()], [0.25, 0.52], atol=1e-2)
    np.testing.assert_allclose(found["gaussian"][1], 0.68, atol=1e-2)
    assert max(ess.max() for _, ess in found.values()) < 0.99


def test_published_gains_favour_what_came_late():
    """Beyond the first two, the first tenth in greedy order is LESS likely than the mean; normalized, much more."""
    data = load("digits")
    P = prepare(data.x, data.y, n_subsets=1)
    for normalize, sign in ((False, -1), (True, 1)):
        p = P.probabilities(normalize)
        for members, _ in P.parts():
            early = members[np.argsort(-P.values[members], kind="stable")][2 : len(members) // 10]
            assert sign * (p[early].mean() * len(members) - 1) > 0.01


# ---- item 32: the curriculum


def is_easy(P, epochs):
    table = {tuple(np.sort(row)) for row in P.easy}
    return [tuple(epoch) in table for epoch in epochs]


@pytest.mark.parametrize("kappa, steps", [(1 / 6, 36), (1 / 6, 35), (0.3, 30), (0, 9), (1, 9), (0.01, 9)])
def test_curriculum_by_steps(kappa, steps):
    """Epochs below ceil(kappa T) are easy; 12 of 60 in batches of 5 make 3 steps an epoch."""
    data = toy()
    method = Milo(m=5, fraction=0.2, kappa=kappa, n_subsets=40)
    oracle = make(data)
    seen = record(method, oracle, steps)
    P = prepare(data.x, data.y, 0.2, 40, seed=oracle.seed)
    epochs = subsets(seen, 3)
    whole = epochs[: steps // 3]
    T = steps / 3
    expected = [e < np.ceil(round(kappa * T, 9)) for e in range(len(whole))]
    assert is_easy(P, whole) == expected
    assert all(np.bincount(data.y[e], minlength=4).tolist() == quotas(SIZES, 12).tolist() for e in whole)
    assert all((whole[e] == np.sort(P.easy[e])).all() for e in range(sum(expected)))  # in turn
    varied = whole[sum(expected) :]
    assert len({tuple(e) for e in varied}) == len(varied)  # R = 1: each its own


def record(method, oracle, steps, **options):
    """The batches of a real training."""
    batches, step = [], Learner.step
    with patch.object(Learner, "step", lambda learner, *asked: (batches.append(asked[0]), step(learner, *asked))[1]):
        run(method, oracle, steps, **options)
    return batches


def test_curriculum_by_bill():
    """A budget ends the training long before its horizon; kappa is a part of the bill, so phase two still comes."""
    data, method = toy(), Milo(m=4, fraction=0.2, n_subsets=20)
    oracle = make(data)
    seen = record(method, oracle, 10_000, max_bill=36 * 3 * 4)  # 36 steps of 4, forward and backward
    P = prepare(data.x, data.y, 0.2, 20, seed=oracle.seed)
    assert len(seen) == 36
    assert is_easy(P, subsets(seen, 3)) == [True] * 2 + [False] * 10


def test_easy_subsets_come_in_turn_and_R_is_kept():
    data, oracle = toy(), make()
    method = Milo(m=4, fraction=0.2, R=3, kappa=0.5, n_subsets=2)
    state = method.init(oracle)
    batches, state = proposals(method, oracle, state, 48, total=48)  # 16 epochs: 8 easy, 8 varied
    epochs = subsets(batches, 3)
    same = [tuple(a) == tuple(b) for a, b in zip(epochs, epochs[1:])]
    # new at epochs 0, 3, 6, then at 8 because the phase ends, then 11, 14
    assert [e + 1 for e, s in enumerate(same) if not s] == [3, 6, 8, 11, 14]
    easy = state.prepared.easy
    assert [tuple(epochs[e]) for e in (0, 3, 6)] == [tuple(np.sort(easy[i])) for i in (0, 1, 0)]  # round again
    report = method.report(state)
    assert report["start"].tolist() == [0, 9, 18, 24, 33, 42] and report["easy"].tolist() == [1, 1, 1, 0, 0, 0]
    shuffled = [np.concatenate([b.indices for b in batches[a : a + 3]]).tolist() for a in (0, 3, 6)]
    assert len(set(map(tuple, shuffled))) == 3  # each epoch in its own order
    assert all((b.weights == 1).all() and b.indices.dtype == np.int64 for b in batches)
    assert (data.y[batches[0].indices] < 4).all()


def test_a_subset_that_comes_again_is_shuffled_again():
    method, oracle = Milo(m=4, fraction=0.2, kappa=1, n_subsets=1), make()
    batches, _ = proposals(method, oracle, method.init(oracle), 12, total=12)
    epochs = [np.concatenate([b.indices for b in batches[a : a + 3]]).tolist() for a in range(0, 12, 3)]
    assert len({tuple(sorted(e)) for e in epochs}) == 1 and len(set(map(tuple, epochs))) == 4


def test_easy_subsets_are_easier_than_varied_ones():
    """Item 32, EMP: 5 paired seeds; planted points lie between the classes. Mean EL2N of easy < that of varied."""
    for seed in range(5):
        rng = stream(seed, "planted hard")
        y = np.arange(200) % 2
        centres = np.array([[2.0, 0.3], [0.3, 2.0]])
        x = centres[y] + 0.3 * rng.standard_normal((200, 2))
        hard = rng.choice(200, 30, replace=False)
        x[hard] = 1.15 + 0.15 * rng.standard_normal((30, 2))
        oracle = make(Dataset(x, y, "planted", test=Dataset(x[:4], y[:4], "planted")), seed=seed)
        fork = oracle.fork(seed)
        for step in range(60):
            i = stream(seed, "fork", step).choice(200, 20, replace=False)
            fork.descend(milo_batch(i), 0.3)
        el2n = np.linalg.norm(fork.logit_gradients(np.arange(200)), axis=1)
        P = prepare(x, y, 0.2, n_subsets=10, seed=seed)
        easy = el2n[P.easy].mean()
        for normalize, margin in ((False, 1.3), (True, 1.5)):
            p = P.probabilities(normalize)
            varied = np.mean([el2n[draw(P.parts(), p, stream(seed, "varied", t))].mean() for t in range(10)])
            assert varied > margin * easy


def milo_batch(i):
    return milo.Subset(i, np.ones(len(i))).next_batch(types.SimpleNamespace(seed=0), len(i), "fork")[0]


# ---- item 33, sharing, resuming


def test_model_independence():
    """Exact: other hidden layers, other initial weights, other parameters reached; the same batches."""
    method = Milo(m=4, fraction=0.2, n_subsets=5)
    a = record(method, make(hidden=(6,), init=0), 40)
    b = record(method, make(hidden=(9, 3), init=8), 40)
    assert all((x.indices == y.indices).all() for x, y in zip(a, b)) and len(a) == len(b) == 40
    c = record(method, make(seed=4), 40)
    assert any((x.indices != y.indices).any() for x, y in zip(a, c))  # another seed, other subsets


def test_a_shared_preparation_is_not_recomputed(monkeypatch, tmp_path):
    """Given in memory or from a file, the batches are those of a method that prepares for itself, without the work."""
    data = toy()
    alone = record(Milo(m=4, fraction=0.2, n_subsets=5), make(), 40)
    P = prepare(data.x, data.y, 0.2, 5, seed=3, encoder="raw")
    checkpoint.save(tmp_path / "prepared.npz", P)
    monkeypatch.setattr(milo, "prepare", lambda *a, **b: pytest.fail("prepared again"))
    monkeypatch.setattr(milo, "encode", lambda *a, **b: pytest.fail("encoded again"))
    for shared in (P, checkpoint.load(tmp_path / "prepared.npz")):
        assert isinstance(shared, Prepared) and shared.digest == P.digest
        for seed in (3, 3):  # any number of trainings
            seen = record(Milo.from_prepared(shared, m=4), make(seed=seed), 40)
            assert all((a.indices == b.indices).all() for a, b in zip(alone, seen))
    other = subsets(record(Milo.from_prepared(P, m=4), make(seed=4), 40), 3)
    same = [tuple(a) == tuple(b) for a, b in zip(subsets(alone, 3), other)]
    assert same == [True] * 3 + [False] * 11  # the easy ones are shared, the draws are each training's own


def test_hyper_parameters_stay_plain_values():
    """Of a shared preparation they say how it was made, and its digest; they can be compared, replaced and written."""
    data = toy()
    P = prepare(data.x, data.y, 0.2, 5, lam=0.3, eps=0.2)
    method = Milo.from_prepared(P, m=4)
    assert json.loads(json.dumps(asdict(method))) == dict(
        m=4, fraction=0.2, kappa=1 / 6, R=1, n_subsets=5, lam=0.3, eps=0.2, encoder="given", normalize=False,
        digest=P.digest,
    )  # fmt: skip
    assert method.prepared is P and method == Milo.from_prepared(P, m=4) and hash(method)
    assert method != Milo.from_prepared(prepare(data.x, data.y, 0.2, 5, lam=0.3, eps=0.2, seed=1), m=4)
    assert "prepared" not in {f.name for f in fields(Milo)} and len(repr(method)) < 250
    summary = run(method, make(), 7).summary()
    assert json.loads(json.dumps(summary))["settings"]["hyperparameters"]["digest"] == P.digest


@pytest.mark.parametrize("name", ["easy", "gains", "values", "classes", "fraction", "lam", "eps", "encoder", "seed"])
def test_every_part_counts_in_the_digest(name):
    data = toy()
    P = prepare(data.x, data.y, 0.2, 2)
    value = getattr(P, name)
    other = value + "x" if isinstance(value, str) else value[::-1] if isinstance(value, np.ndarray) else value + 1
    assert replace(P, **{name: other}).digest != P.digest and replace(P).digest == P.digest


def prepared_or_not(which):
    data = toy()
    options = dict(m=5, kappa=0.4, R=2, normalize=True)
    own = dict(fraction=0.2, n_subsets=4)
    return Milo(**options, **own) if which == "own" else Milo.from_prepared(prepare(data.x, data.y, 0.2, 4), **options)


@pytest.mark.parametrize("which", ["own", "shared"])
@pytest.mark.parametrize("stop", [1, 4, 13, 14, 25])  # in an epoch, at its end, across the end of phase one
def test_resume(tmp_path, which, stop):
    method, path = prepared_or_not(which), tmp_path / "run.npz"
    whole = record(method, make(), 33)
    oracle = make()
    first = record(method, oracle, 33, checkpoint=path, stop=lambda: oracle.time >= stop)
    rest = record(method, make(), 33, checkpoint=path)
    assert len(first) == stop and len(rest) == 33 - stop
    for a, b in zip(whole, first + rest):
        assert a.indices.tolist() == b.indices.tolist() and (a.weights == b.weights).all()


def test_another_preparation_does_not_resume(tmp_path):
    data, path = toy(), tmp_path / "run.npz"
    method = Milo.from_prepared(prepare(data.x, data.y, 0.2, 4), m=5)
    run(method, make(), 33, checkpoint=path, stop=lambda: True)
    with pytest.raises(ValueError, match="digest"):
        run(Milo.from_prepared(prepare(data.x, data.y, 0.2, 4, seed=1), m=5), make(), 33, checkpoint=path)


def test_transitions_are_pure():
    method, oracle = Milo(m=5, fraction=0.2, n_subsets=4), make()
    state = method.init(oracle)
    for total in (6, 60):
        _, state = proposals(method, oracle, state, 7, total)
        before = checkpoint_text(state)
        one, two = method.propose(state, oracle), method.propose(state, oracle)
        assert (one[0].indices == two[0].indices).all() and checkpoint_text(one[1]) == checkpoint_text(two[1])
        assert checkpoint_text(state) == before and method.observe(state, None) is state


def checkpoint_text(state):
    arrays = {}
    return repr(checkpoint._flatten(state, arrays)) + "".join(repr(a.tolist()) for a in arrays.values())


def test_nothing_is_asked_of_the_network():
    """The bill: no example in prepare or select, m forward and backward a step; seconds are counted."""
    oracle = make()
    done = run(Milo(m=4, fraction=0.2, n_subsets=3), oracle, 21)
    bills = done.ledger.phases
    assert bills["prepare"].cost == bills["select"].cost == 0 and set(bills) == {"prepare", "select", "train"}
    assert bills["train"].forward == bills["train"].backward == 21 * 4 and bills["prepare"].seconds > 0
    assert (done.uses > 0).sum() > 12


# ---- edges


def test_small_classes():
    """A class too small for a place gets none; a class of one gets it for fraction 1; so does a pool of one."""
    data = toy()
    P = prepare(data.x, data.y, 0.1, n_subsets=3)
    assert P.easy.shape == (3, 6) and (np.bincount(data.y[P.easy[0]], minlength=4) == [3, 2, 1, 0]).all()
    drawn = draw(P.parts(), P.probabilities(), stream(0, "d"))
    assert len(set(drawn)) == 6 and (np.bincount(data.y[drawn], minlength=4) == [3, 2, 1, 0]).all()
    everything = prepare(data.x, data.y, 1.0, n_subsets=2)
    for row in (*everything.easy, draw(everything.parts(), everything.probabilities(True), stream(0, "d"))):
        assert np.sort(row).tolist() == list(range(60))
    assert prepare(np.ones((1, 3)), fraction=0.5).easy.tolist() == [[0]] * 50


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("normalize", [False, True])
def test_equal_examples_are_equally_likely(dtype, normalize):
    """Duplicates, and points that float32 rounding alone tells apart, give no preference."""
    same = prepare(np.full((9, 4), 0.3, dtype), n_subsets=2)
    np.testing.assert_allclose(same.probabilities(normalize), 1 / 9, rtol=0.2)  # rounding: no more than SPREAD lets by
    apart = prepare(np.eye(9, dtype=dtype), n_subsets=2)
    np.testing.assert_allclose(apart.values, 1, rtol=1e-6)  # all equally far
    np.testing.assert_allclose(apart.probabilities(True), 1 / 9, rtol=0.2)
    assert np.isfinite(prepare(np.zeros((9, 4), dtype)).probabilities(normalize)).all()


def test_targets_that_are_no_classes_make_one_class():
    x = stream(0, "x").standard_normal((20, 3))
    asked = types.SimpleNamespace(labels=x[:, 0], seed=0, raw=lambda i: x, ledger=Ledger())
    assert not Milo(fraction=0.3, n_subsets=2).init(asked).prepared.classes.any()


@pytest.mark.parametrize(
    "wrong, message",
    [
        (dict(m=0), "m must be at least 1"),
        (dict(fraction=0), "fraction"),
        (dict(kappa=1.1), "kappa"),
        (dict(R=0), "R must be at least 1"),
        (dict(n_subsets=0), "n_subsets"),
        (dict(lam=-1), "lam"),
        (dict(eps=1), "eps"),
        (dict(encoder="clip"), r"encoder .*must be one of raw, pca, convolutions, got 'clip'"),
        (dict(encoder="given"), r"Milo.from_prepared"),
    ],
)
def test_hyper_parameters_are_checked(wrong, message):
    with pytest.raises(ValueError, match=message):
        Milo(**wrong)


def test_a_preparation_must_fit():
    data = toy()
    P = prepare(data.x, data.y, 0.2, 3)
    with pytest.raises(TypeError, match="fraction"):
        Milo.from_prepared(P, fraction=0.5)
    for lost in (Milo(digest="0123"), replace(Milo.from_prepared(P), m=5)):
        with pytest.raises(ValueError, match=r"preparation '\w+' is missing: train --prepared FILE or use Milo"):
            lost.init(make())
    with pytest.raises(TypeError, match=r"what milo.prepare returns, got ndarray"):
        Milo.from_prepared(data.x)
    with pytest.raises(ValueError, match="not these 55"):
        Milo.from_prepared(P).init(make(toy(sizes=(31, 20, 3, 1))))
    with pytest.raises(ValueError, match="not these 60"):  # as many, but others: their classes differ
        Milo.from_prepared(P).init(make(toy(seed=1)))
    whole = Milo.from_prepared(prepare(data.x, None, 0.2, 3))  # not by class: for any 60
    assert (whole.init(make()).prepared.parts()[0][0] == np.arange(60)).all()
    with pytest.raises(ValueError, match="not these 55"):
        whole.init(make(toy(sizes=(31, 20, 3, 1))))
    with pytest.raises(ValueError, match="finite"):
        prepare(np.full((5, 2), np.nan))
    with pytest.raises(ValueError, match="one row per label"):
        prepare(data.x, data.y[:-1])
    with pytest.raises(ValueError, match="lam"):
        prepare(data.x, lam=-1)


# ---- encoders and devices


@pytest.mark.parametrize("name", encoders.ENCODERS)
def test_devices_agree(device, name):
    """The same subsets from features encoded on either device (exact: the stand-in computes what NumPy does)."""
    x, y = stream(0, "images").standard_normal((40, 2, 8, 8)), np.arange(40) % 3
    host = prepare(encoders.encode(name, x, 5), y, 0.3, 3)
    features = encoders.encode(name, to_device(x, device), 5)
    assert device_of(features) == device and features.ndim == 2 and len(features) == 40
    found = prepare(features, to_device(y, device), 0.3, 3)
    assert (found.easy == host.easy).all()
    np.testing.assert_allclose(found.gains, host.gains, rtol=1e-9, atol=1e-12)  # products may be summed in other orders


def test_training_on_a_device(device):
    oracle = make(device=device)
    done = run(Milo(m=5, fraction=0.2, n_subsets=3, encoder="pca"), oracle, 9)
    assert done.complete and device_of(oracle.theta) == device


def test_pca_against_scikit_learn():
    """Up to the sign of an axis, which no cosine sees."""
    x = stream(1, "x").standard_normal((50, 3, 4)) * np.arange(1, 5)
    twin = PCA(5).fit_transform(x.reshape(50, 12))
    np.testing.assert_allclose(abs(encoders.pca(x, 5)), abs(twin), rtol=1e-8, atol=1e-10)  # eigenvalues well apart
    assert encoders.pca(x).shape == (50, 12)


def test_convolutions_against_loops():
    """Responses one window at a time. To a constant they are 0; part by part they are those of the whole."""
    x = stream(2, "x").standard_normal((2, 3, 9, 8))
    w = stream(4, "encoder", "filters").standard_normal((6, 3, 5, 5))
    w = np.stack([(f - f.mean()) / np.linalg.norm(f - f.mean()) for f in w])
    found = encoders.convolutions(x, 6, seed=4)
    assert found.shape == (2, 24)
    for n, o, top, left in itertools.product(range(2), range(6), range(2), range(2)):
        rows, columns = ((0, 1), (2, 3, 4))[top], ((0, 1), (2, 3))[left]  # of 5 and of 4 places
        responses = [max(0, (x[n, :, h : h + 5, v : v + 5] * w[o]).sum()) for h in rows for v in columns]
        np.testing.assert_allclose(found[n, 12 * top + 6 * left + o], np.mean(responses), rtol=1e-9)
    # rounding of sums of 75 products
    np.testing.assert_allclose(encoders.convolutions(x + 7, 6, seed=4), found, rtol=1e-9, atol=1e-12)
    many = np.concatenate([x] * 150)
    np.testing.assert_allclose(encoders.convolutions(many, 6, seed=4)[-2:], found, rtol=1e-9, atol=1e-12)
    with pytest.raises(ValueError, match="h, w > 5"):
        encoders.convolutions(x[..., :5])
    assert to_numpy(encoders.raw(x)).shape == (2, 216)
