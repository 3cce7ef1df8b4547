"""Dynamic pruning against closed forms: what is remembered, who is kept, how often, and what it costs."""

from contextlib import nullcontext

import numpy as np
import pytest
from scipy.stats import chi2

from minicrest import checkpoint
from minicrest.datasets import Dataset
from minicrest.experiments.census import census
from minicrest.nn import Linear, Tanh
from minicrest.oracle import Oracle
from minicrest.random import stream
from minicrest.selection.dynamic import UCB, EpsilonGreedy, RandomDynamic, remember
from tests.unit.test_oracle import Spy, spied

METHODS = [RandomDynamic, EpsilonGreedy, UCB]


class Scripted:
    """An oracle whose t-th question about all the losses is answered with row t, the last row for ever."""

    def __init__(self, rows, seed=0):
        self.rows, self.seed, self.asked = np.atleast_2d(rows), seed, 0

    def __len__(self):
        return self.rows.shape[1]

    def phase(self, name):
        return nullcontext()

    def losses(self, i):
        row = self.rows[min(self.asked, len(self.rows) - 1)]
        self.asked += 1
        return row[i]


def real(device="cpu", n=23, seed=3):
    """(oracle, spy): a small net on n random points, float64."""
    rng = stream(0, "test dynamic")
    data = Dataset(rng.standard_normal((n, 3)), np.arange(n) % 4).to(device)
    spy = Spy([Linear(3, 5), Tanh(), Linear(5, 4)])
    return Oracle(spy, data, spy.initialize(1, "float64", device), seed=seed), spy


def proposals(method, oracle, steps):
    """(batches, states after each)."""
    state, batches, states = method.init(oracle), [], []
    for _ in range(steps):
        batch, state = method.propose(state, oracle)
        batches.append(batch)
        states.append(state)
    return batches, states


def kept_sets(method, oracle, checkpoints):
    """(checkpoints, k) what each checkpoint kept. The method has m >= k and T_p = 1: a checkpoint a step."""
    return np.stack([np.sort(batch.indices) for batch in proposals(method, oracle, checkpoints)[0]])


# ---- what is remembered


@pytest.mark.parametrize("a", [0.8, 0.3, 1.0])
def test_a_constant_score_is_approached_geometrically(a):
    """s_t - u = (1 - a)^t (s_0 - u), and v_t = a sum_j (1 - a)^(t - j) (s_{j-1} - u)^2, j = 1..t."""
    u, s0 = np.array([0.2, 3.0]), np.ones(2)
    s, v = s0, np.zeros(2)
    for t in range(1, 12):
        s, v = remember(s, v, u, a)
        np.testing.assert_allclose(s - u, (1 - a) ** t * (s0 - u), rtol=1e-9, atol=1e-15)
        errors = [(1 - a) ** (j - 1) * (s0 - u) for j in range(1, t + 1)]
        expected = a * sum((1 - a) ** (t - j) * e**2 for j, e in enumerate(errors, 1))
        np.testing.assert_allclose(v, expected, rtol=1e-9, atol=1e-15)


def test_alternating_scores_tend_to_their_cycle():
    """u = 1, 0, 1, 0: s is 1/(2 - a) after a 1 and (1 - a)/(2 - a) after a 0; |u - old s| = 1/(2 - a) always, so v
    tends to its square. With the NEW mean it would be (1 - a)^2 of that."""
    a, s, v = 0.8, np.ones(1), np.zeros(1)
    for t in range(60):
        s, v = remember(s, v, np.array([1.0 - t % 2]), a)
        if t >= 50:  # 0.2^50 is far below rounding
            np.testing.assert_allclose(s, (1 if t % 2 == 0 else 1 - a) / (2 - a), rtol=1e-12)
            np.testing.assert_allclose(v, 1 / (2 - a) ** 2, rtol=1e-12)


def test_ucb_prefers_an_alternating_score_to_a_constant_of_the_same_mean():
    """In either phase of the alternation; with c = 0 the phase decides."""
    rows = np.array([[1.0, 0.5], [0.0, 0.5]])
    for last in (20, 21):
        oracle = Scripted(rows[np.arange(last) % 2])
        assert kept_sets(UCB(m=1, fraction=0.5, T_p=1), oracle, last)[-1] == [0]
        oracle = Scripted(rows[np.arange(last) % 2])
        assert kept_sets(UCB(m=1, fraction=0.5, T_p=1, c=0.0), oracle, last)[-1] == [1 if last % 2 == 0 else 0]


# ---- who is kept


@pytest.mark.parametrize("Method", METHODS)
def test_a_period_is_T_p_passes_over_the_kept(Method):
    """n = 23, fraction 0.3: k = 7 in batches of 3, 3 and 1; a checkpoint every 2 passes, 6 steps."""
    oracle, _ = real()
    batches, states = proposals(Method(m=3, fraction=0.3, T_p=2), oracle, 18)
    for period in range(3):
        subset = states[6 * period].subset
        assert subset.number == period and len(np.unique(subset.indices)) == 7
        for start in (6 * period, 6 * period + 3):
            one_pass = batches[start : start + 3]
            assert [len(batch.indices) for batch in one_pass] == [3, 3, 1]
            np.testing.assert_array_equal(np.sort(np.concatenate([b.indices for b in one_pass])), subset.indices)
    assert all((batch.weights == 1).all() for batch in batches)
    kept = sum(np.isin(np.arange(23), states[6 * period].subset.indices).astype(int) for period in range(3))
    report = Method(m=3, fraction=0.3, T_p=2).report(states[-1])
    np.testing.assert_array_equal(report["kept"], kept)
    np.testing.assert_array_equal(report["checkpoint_step"], [0, 6, 12])


def test_epsilon_greedy_keeps_the_exact_top():
    """k = 10 of 40, eps 0.3: the 7 highest by the running score, 3 of the other 33, each in about 1/11 of the runs."""
    u = stream(0, "top").permutation(40) / 7.0
    top, drawn = np.argsort(-u)[:7], np.zeros(40)
    for seed in range(400):
        (kept,) = kept_sets(EpsilonGreedy(m=10, fraction=0.25, T_p=1, eps=0.3), Scripted(u, seed), 1)
        assert len(np.unique(kept)) == 10 and np.isin(top, kept).all()
        drawn[kept] += 1
    p, rest = 3 / 33, np.setdiff1d(np.arange(40), top)
    statistic = ((drawn[rest] - 400 * p) ** 2).sum() / (400 * p * (1 - p)) * 32 / 33  # fixed total of 3 a run
    assert statistic < chi2.isf(1e-6, 32)  # false alarm: 1e-6, were the stream not fixed


def test_epsilon_greedy_ranks_by_the_running_score_not_the_last():
    """Example 0: 10 then 0.9, s = 0.2 (0.2 + 8) + 0.72 = 2.36; example 1: 1 then 1, s = 1."""
    kept = kept_sets(EpsilonGreedy(m=1, fraction=0.5, T_p=1, eps=0.0), Scripted([[10.0, 1.0], [0.9, 1.0]]), 2)
    np.testing.assert_array_equal(kept, [[0], [0]])


@pytest.mark.parametrize("method", [EpsilonGreedy(10, 1 / 3, 1, 0.0), UCB(10, 1 / 3, 1)])
def test_high_low_and_alternating_are_always_never_and_sometimes_kept(method):
    """5 high, 20 low and 10 - 5 alternating, shuffled; k = 10 has room for the high and the upper half."""
    high, low, phase = np.full(5, 2.0), np.zeros(15), np.arange(10) % 2
    rows = np.stack([np.concatenate([high, low, (phase + t) % 2]) for t in range(40)])
    place = stream(1, "place").permutation(30)
    shuffled = np.empty_like(rows)
    shuffled[:, place] = rows
    _, states = proposals(method, Scripted(shuffled), 40)
    found = census(states[-1].kept, len(method.report(states[-1])["checkpoint_step"]))
    for indices, expected in zip(found, (place[:5], place[20:], place[5:20])):
        np.testing.assert_array_equal(indices, np.sort(expected))


def test_equal_scores_are_ranked_at_random():
    """Else the first k, in sorted data one class, would be kept for ever. 300 seeds, 2 of 6: frequencies 1/3."""
    for method in (EpsilonGreedy(2, 1 / 3, 1, eps=0.0), UCB(2, 1 / 3, 1)):
        kept = np.concatenate([kept_sets(method, Scripted(np.ones(6), seed), 1)[0] for seed in range(300)])
        count = np.bincount(kept, minlength=6)
        statistic = ((count - 100) ** 2).sum() / (300 * 1 / 3 * 2 / 3) * 5 / 6
        assert statistic < chi2.isf(1e-6, 5)


def test_random_dynamic_keeps_each_example_equally_often():
    """1000 checkpoints, 10 of 50: counts are Binomial(1000, 1/5) with a fixed sum; chi-square, false alarm 2e-6."""
    kept = kept_sets(RandomDynamic(m=10, fraction=0.2, T_p=1), Scripted(np.zeros(50)), 1000)
    count = np.bincount(kept.ravel(), minlength=50)
    statistic = ((count - 200) ** 2).sum() / (1000 * 0.2 * 0.8) * 49 / 50
    assert chi2.isf(1 - 1e-6, 49) < statistic < chi2.isf(1e-6, 49)
    assert abs((count - 200) / np.sqrt(160)).max() < 5.5  # 50 two-sided tests at 5.5: false alarm 2e-6


def test_the_part_that_random_dynamic_never_saw():
    """(1 - k/n)^q after q checkpoints. Sampling without replacement only makes the variance smaller: 5 sd."""
    n, q, seeds = 200, 10, 50
    share = [1 - len(np.unique(kept_sets(RandomDynamic(20, 0.1, 1), Scripted(np.zeros(n), s), q))) / n
             for s in range(seeds)]  # fmt: skip
    expected = 0.9**q
    assert abs(np.mean(share) - expected) < 5 * np.sqrt(expected * (1 - expected) / (n * seeds))


# ---- census


def test_census_sorts_by_share_with_its_cut_offs():
    kept = np.array([20, 19, 18, 10, 2, 1, 0])
    assert [list(part) for part in census(kept, 20)] == [[0, 1], [2, 3, 4], [5, 6]]
    assert [list(part) for part in census(kept, 20, always=0.9, never=0.1)] == [[0, 1, 2], [3], [4, 5, 6]]
    with pytest.raises(ValueError, match="need a checkpoint"):
        census(kept, 0)
    with pytest.raises(ValueError, match="never < always"):
        census(kept, 20, always=0.1, never=0.2)


# ---- as a method


def test_the_first_checkpoint_is_before_the_first_step():
    """Scores of the initial weights are used at once, from s = 1 and v = 0."""
    oracle, _ = real()
    u = oracle.losses(np.arange(23))
    for Method in (EpsilonGreedy, UCB):
        _, (state,) = proposals(Method(m=4, fraction=0.4), oracle, 1)
        np.testing.assert_allclose(state.mean, 0.2 + 0.8 * u, rtol=1e-12)
        if Method is UCB:
            np.testing.assert_allclose(state.variance, 0.8 * (u - 1) ** 2, rtol=1e-12)


@pytest.mark.parametrize("Method", METHODS)
def test_the_bill_is_the_spys(Method, device):
    """3 checkpoints in 18 steps: 3 n forward passes in phase "score"; none for random-dynamic."""
    oracle, spy = real(device)
    proposals(Method(m=3, fraction=0.3, T_p=2), oracle, 18)
    forward = 0 if Method is RandomDynamic else 3 * 23
    assert spied(oracle.ledger) == spy.counts == {"forward": forward, "backward": 0, "hessian": 0}
    assert list(oracle.ledger.phases) == ([] if Method is RandomDynamic else ["score"])


@pytest.mark.parametrize("Method", METHODS)
def test_resumes_from_a_saved_state_and_leaves_states_alone(Method, tmp_path):
    """Saved after 4 steps, inside a period: the same 14 batches follow, and the saved state is as it was."""
    oracle, _ = real()
    method = Method(m=3, fraction=0.3, T_p=2)
    state = proposals(method, oracle, 4)[1][3]
    checkpoint.save(tmp_path / "state", state)
    saved, first = checkpoint.load(tmp_path / "state"), state
    for _ in range(14):
        (batch, state), (again, saved) = method.propose(state, oracle), method.propose(saved, oracle)
        np.testing.assert_array_equal(batch.indices, again.indices)
    assert first.kept.sum() == 7 and state.kept.sum() == saved.kept.sum() == 21


def test_every_seed_keeps_others(device):
    """And the device does not matter: random choices are made on the host."""
    method = EpsilonGreedy(m=3, fraction=0.3, T_p=1, eps=1.0)
    kept = [proposals(method, real(device, seed=seed)[0], 1)[1][0].subset.indices for seed in (3, 4)]
    assert set(kept[0]) != set(kept[1])
    np.testing.assert_array_equal(kept[0], proposals(method, real(seed=3)[0], 1)[1][0].subset.indices)


@pytest.mark.parametrize("make, words", [
    (lambda: RandomDynamic(m=0), "m must be at least 1"), (lambda: UCB(fraction=0.0), "fraction"),
    (lambda: UCB(T_p=0), "T_p must be at least 1"),
    (lambda: EpsilonGreedy(eps=1.5), "eps must"), (lambda: EpsilonGreedy(a=0.0), "a must"),
    (lambda: UCB(c=-1), "c must"), (lambda: UCB(c=float("nan")), "c must"), (lambda: UCB(a=1.5), "a must"),
])  # fmt: skip
def test_impossible_hyper_parameters_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()
