"""Transforms: how many labels, classes and copies change, and that nothing else does."""

import numpy as np
import pytest

from minicrest.backend import device_of, to_numpy
from minicrest.datasets import TRANSFORMS, Dataset, blobs, copies, imbalance, label_noise


def numbered(sizes=(40, 30, 50), **more):
    """Example i is the number i."""
    y = np.repeat(np.arange(len(sizes)), sizes)
    x = np.arange(len(y), dtype=float)[:, None]
    return Dataset(x, y, test=Dataset(x[::7], y[::7]), **more)


def test_label_noise_changes_exactly_its_fraction(device):
    data = numbered()
    noisy = label_noise(data.to(device), 0.25, seed=3)
    y = to_numpy(noisy.y)
    assert device_of(noisy.y) == device and (y != data.y).sum() == 30 and set(y) == {0, 1, 2}
    np.testing.assert_array_equal(to_numpy(noisy.x), data.x)
    assert noisy.test.fingerprint() == data.test.fingerprint()
    np.testing.assert_array_equal(data.y, numbered().y)  # the old one is as it was
    assert (label_noise(data, 1.0, 0).y != data.y).all() and (label_noise(data, 0.0, 0).y == data.y).all()


def test_label_noise_takes_every_example_and_every_other_class_equally_often():
    """60 sets of 40 from 120: 20 each in the mean, 3.7 deviation; each of the two others is a fair coin."""
    data = numbered((40, 40, 40))
    drawn = np.array([label_noise(data, 1 / 3, seed).y for seed in range(60)])
    times = (drawn != data.y).sum(axis=0)
    assert abs(times - 20).max() < 5.5 * 3.7  # 120 examples: 5e-6
    wrong = drawn[drawn != data.y] - np.broadcast_to(data.y, drawn.shape)[drawn != data.y]
    assert abs((wrong % 3 == 1).sum() - 1200) < 5 * 24.5  # binomial(2400, 1/2): 6e-7


@pytest.mark.parametrize("ratio, expected", [(1.0, [40, 30, 50]), (0.25, [40, 15, 12]), (0.01, [40, 3, 1]),
(1e-9, [40, 1, 1])])
def test_imbalance_counts(device, ratio, expected):
    data = numbered()
    rare = imbalance(data.to(device), ratio, seed=1)
    assert np.bincount(to_numpy(rare.y)).tolist() == expected  # 30 sqrt(1/4) = 15; 50/4 = 12.5, to even
    x = to_numpy(rare.x)[:, 0].astype(int)
    assert (np.diff(x) > 0).all() and (data.y[x] == to_numpy(rare.y)).all()
    assert rare.test.fingerprint() == data.test.fingerprint() and rare.n_classes == 3


def test_copies_repeats_every_example(device):
    tripled = copies(numbered().to(device), 3, seed=0)
    x = to_numpy(tripled.x)[:, 0].astype(int)
    assert np.bincount(x).tolist() == [3] * 120 and (numbered().y[x] == to_numpy(tripled.y)).all()
    assert not (x == np.tile(np.arange(120), 3)).all()
    assert np.sort(copies(numbered(), 1, seed=0).x[:, 0]).tolist() == list(range(120))


def test_all_transforms_follow_their_seed_and_drop_the_optimum():
    data, amounts = blobs(40), {"label_noise": 0.2, "imbalance": 0.3, "copies": 2}
    assert set(amounts) == set(TRANSFORMS)
    for name, amount in amounts.items():
        first, again, other = (TRANSFORMS[name](data, amount, seed) for seed in (0, 0, 1))
        assert first.fingerprint() == again.fingerprint() != other.fingerprint()
        assert first.optimum is None and data.optimum is not None


@pytest.mark.parametrize("call, error, message", [
    (lambda d: label_noise(d, 1.5, 0), ValueError, "fraction"),
    (lambda d: label_noise(d, np.nan, 0), ValueError, "fraction"),
    (lambda d: imbalance(d, 0, 0), ValueError, "ratio"), (lambda d: imbalance(d, "1", 0), TypeError, "ratio"),
    (lambda d: copies(d, 0, 0), ValueError, "times"), (lambda d: copies(d, 1.5, 0), TypeError, "times"),
    (lambda d: copies(d, 2, 0.5), TypeError, "seed"),
    (lambda d: label_noise(Dataset(d.x, d.x), 0.5, 0), ValueError, "has 0 classes; this needs at least 2"),
])  # fmt: skip
def test_transforms_say_what_is_wrong(call, error, message):
    with pytest.raises(error, match=message):
        call(numbered())
