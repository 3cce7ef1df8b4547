"""The sequential verdict: its false-alarm rate is simulated, its looks are counted, its exact cases compared."""

import math

import numpy as np
import pytest
from scipy.stats import binom

from minicrest.random import stream
from minicrest.theory import check_bound, salted
from minicrest.theory.check import _block_above, above

pytestmark = pytest.mark.theory
SURE = 1e-6  # the probability that one of these simulations fails though all is right, for each of its counts
SAMPLES = {  # name: (draws of a shape, mean)
    "normal": (lambda rng, shape: rng.standard_normal(shape), 0.0),
    "uniform": (lambda rng, shape: rng.random(shape), 0.5),
    "t5": (lambda rng, shape: rng.standard_t(5, shape), 0.0),
    "exponential": (lambda rng, shape: rng.exponential(size=shape), 1.0),
    "lognormal(0.5)": (lambda rng, shape: np.exp(0.5 * rng.standard_normal(shape)), math.exp(0.125)),
    "two-point": (lambda rng, shape: (rng.random(shape) < 0.3) * 1.0, 0.3),
}


def too_many(alarms: int, times: int, rate: float) -> bool:
    """Whether so many alarms are no chance, at a true rate of at most `rate`."""
    return bool(binom.sf(alarms - 1, times, rate) < SURE)


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("sign", [1, -1])
def test_a_block_is_wrong_no_more_often_than_its_level_allows(name, sign):
    """The level a = 0.8 / n that `above` asks of a block of n; in it the quantile of a/2 is used."""
    draw, mean = SAMPLES[name]
    rng = stream(0, "tests", "block", name)
    for n in (8, 16, 64):
        blocks, level = sign * draw(rng, (6_000, n)), 0.8 / n
        alarms = sum(_block_above(x, sign * mean, level / 2) for x in blocks)
        assert not too_many(alarms, len(blocks), level), (n, alarms / len(blocks), level)


@pytest.mark.parametrize("name", SAMPLES)
def test_the_whole_is_wrong_no_more_often_than_stated(name):
    """At the boundary, where mean = bound: either decision is a false alarm."""
    (draw, mean), wrong, times = SAMPLES[name], {True: 0, False: 0, None: 0}, 1_500
    rng = stream(1, "tests", "check", name)
    for _ in range(times):
        verdict = check_bound(lambda seeds: draw(rng, len(seeds)), mean, batched=True, false_alarm=0.02, limit=128)
        wrong[verdict.holds] += 1
    assert not too_many(wrong[True], times, 0.02) and not too_many(wrong[False], times, 0.02), wrong
    assert wrong[True] + wrong[False] > 0 or name == "two-point"  # it can be wrong


def test_within_a_range_rare_values_cannot_deceive():
    """1 with probability 1/50, else 0: without `within` all samples may be 0, and their mean looks exact."""
    rng, times = stream(2, "tests", "check"), 400
    wrong = sum(
        check_bound(lambda s: (rng.random(len(s)) < 0.02) * 1.0, 0.02, batched=True, false_alarm=0.05, within=(0, 1),
                    limit=256).holds is not None for _ in range(times)
    )  # fmt: skip
    assert not too_many(wrong, times, 0.1)
    deceived = check_bound(lambda s: np.zeros(len(s)), 0.02, batched=True)
    assert deceived.holds and check_bound(lambda s: np.zeros(len(s)), 0.02, batched=True, within=(0, 1)).holds is None


def test_the_bernstein_bound_by_hand():
    """n = 100 halves of 0 and 1: mean 1/2, s = 0.5025, and 1/2 less the slack for alpha = 2/e^4."""
    x = np.arange(100) % 2 * 1.0
    slack = x.std(ddof=1) * math.sqrt(2 * 4 / 100) + 7 * 4 / (3 * 99)
    alpha = 2 * math.exp(-4)
    assert above(x, 0.5 - slack - 1e-9, alpha, (0, 1)) and not above(x, 0.5 - slack + 1e-9, alpha, (0, 1))
    assert not above(x, 0.5 - slack - 1e-9, alpha, (0, 2))


def test_all_blocks_must_agree():
    """At alpha = 1e-6 and n = 64 there are 6 blocks of 10 or 11; one that is below the level is enough for doubt."""
    x = 5 + stream(3, "tests", "check").standard_normal(64)
    assert above(x, 0.0, 1e-6)
    x[:11] -= 5.5
    assert not above(x, 0.0, 1e-6) and above(x, 0.0, 0.4)
    assert not above(x[11:18], 0.0, 1e-6)  # fewer than 8 samples say nothing


@pytest.mark.parametrize("direction, bound, word", [
    ("<=", 2.0, "holds"), ("<=", 0.0, "violated"), (">=", 0.0, "holds"), (">=", 2.0, "violated"),
    ("<=", 1.0, "undecided"), (">=", 1.0, "undecided"), ("=", 1.1, "holds"), ("=", 2.0, "violated"),
    ("=", 0.0, "violated"), ("=", 0.5, "undecided"),
])  # fmt: skip
def test_the_direction(direction, bound, word):
    def measure(seed):
        return 1 + stream(seed, "tests", "direction").standard_normal()

    verdict = check_bound(measure, bound, direction=direction, tolerance=0.5 if direction == "=" else 0.0)
    assert (verdict.word, verdict.direction, verdict.bound) == (word, direction, bound)
    assert abs(verdict.measured - 1) < 5 / math.sqrt(verdict.samples)


def test_it_stops_as_soon_as_it_can_and_no_later_than_the_limit():
    asked = []

    def measure(seeds):
        asked.append(len(seeds))
        return stream(int(seeds[0]), "tests", "looks").standard_normal(len(seeds))

    assert check_bound(measure, 0.0, batched=True, limit=300, false_alarm=1e-3).samples == 300
    assert asked == [32, 32, 64, 128, 44]
    assert check_bound(measure, 5.0, batched=True, limit=300, false_alarm=1e-3).samples == 32


def test_the_samples_are_those_of_the_seeds_and_the_salt():
    heard = []
    check_bound(lambda seed: heard.append(seed) or 1.0, 2.0, seed=5, first=8, false_alarm=0.4, limit=8)
    assert heard == list(range(5, 5 + len(heard))) and len(heard) == 8
    salty = []
    check_bound(lambda seed: salty.append(seed) or 1.0, 2.0, seed=5, first=8, false_alarm=0.4, limit=8, salt=3)
    assert salty == [salted(seed, 3) for seed in heard] and not {*salty} & {*heard}
    assert salted(7) == 7 and len({salted(s, t) for s in range(9) for t in range(9)}) == 81


def test_samples_without_spread_are_compared_exactly():
    third = 1 / 3
    assert check_bound(lambda seed: 0.1 + 0.2, 0.3).holds  # up to rounding
    assert check_bound(lambda seed: 0.3001, 0.3).word == "violated"
    assert check_bound(lambda seed: third, third, direction=">=").holds
    assert check_bound(lambda seed: 1.2, 1.0, direction="=", tolerance=0.1).word == "violated"


@pytest.mark.parametrize("options, words", [
    ({"direction": "<"}, "direction must be one of"), ({"false_alarm": 0.7}, "false_alarm must be a number in"),
    ({"limit": 8}, "limit must be at least 16"), ({"tolerance": 1.0}, "tolerance must be positive for '='"),
    ({"direction": "="}, "tolerance must be positive for '='"), ({"within": (0.0, 0.5)}, "every sample in it"),
    ({"within": (2.0, 0.0)}, "a < b"), ({"first": 4}, "first must be at least 8"),
    ({"bound": math.nan}, "bound must be finite"),
    ({"measure": lambda seed: math.inf}, "a finite number for each seed"),
    ({"measure": lambda seeds: np.zeros(3), "batched": True}, "a finite number for each seed"),
])  # fmt: skip
def test_what_does_not_fit_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        check_bound(**{"measure": lambda seed: 1.0, "bound": 2.0, **options})
