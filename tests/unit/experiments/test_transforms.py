"""Transforms: how many labels, classes and copies change, and that nothing else does; by name in a Setup."""

import numpy as np
import pytest

from minicrest.backend import device_of, to_numpy
from minicrest.datasets import Dataset, blobs
from minicrest.experiments import TRANSFORMS, Setup, copies, imbalance, label_noise
from minicrest.experiments.parts import Parts
from minicrest.experiments.transforms import easiness, from_text, pairs, transformed

AMOUNTS = {"label-noise": 0.2, "imbalance": 3, "copies": 2}


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


@pytest.mark.parametrize("ratio, expected", [(1, [40, 30, 50]), (4.0, [40, 15, 12]), (100, [40, 3, 1]),
                                             (1e9, [40, 1, 1])])  # fmt: skip
def test_imbalance_counts(device, ratio, expected):
    data = numbered()
    rare = imbalance(data.to(device), ratio, seed=1)
    assert np.bincount(to_numpy(rare.y)).tolist() == expected  # 30 / sqrt(4) = 15; 50 / 4 = 12.5, to even
    x = to_numpy(rare.x)[:, 0].astype(int)
    assert (np.diff(x) > 0).all() and (data.y[x] == to_numpy(rare.y)).all()
    assert rare.test.fingerprint() == data.test.fingerprint() and rare.n_classes == 3


def test_easiness_by_hand():
    """Means 1 and 6: 0 has squared distances 1 and 36, 2 has 1 and 16, 5 has 1 and 16, 7 has 1 and 36."""
    data = Dataset(np.array([[0.0], [2.0], [5.0], [7.0]]), np.array([0, 0, 1, 1]))
    assert easiness(data).tolist() == [35, 15, 15, 35]


def test_the_easiest_tenth_of_each_class_is_copied(device):
    """Along a line, the outermost examples of the outer classes; of the class in the middle, those at its mean."""
    data = numbered((40, 30, 50))
    grown = copies(data.to(device), 3, seed=0)
    x, y = to_numpy(grown.x)[:, 0], to_numpy(grown.y)
    np.testing.assert_array_equal(x[:120], data.x[:, 0])
    np.testing.assert_array_equal(y[:120], data.y)
    original = np.argsort(-easiness(data), kind="stable")
    easy = np.sort(np.concatenate([original[data.y[original] == c][:count] for c, count in enumerate((4, 3, 5))]))
    assert {0, 1, 2, 3} <= set(easy) and {115, 116, 117, 118, 119} <= set(easy) and len(grown) == 120 + 3 * 12
    noise = x[120:].reshape(3, 12) - data.x[easy, 0]
    np.testing.assert_array_equal(y[120:].reshape(3, 12), np.broadcast_to(data.y[easy], (3, 12)))
    assert 0 < abs(noise).max() < 6 * 0.05 * data.x.std() and len(np.unique(noise)) == 36
    assert grown.test.fingerprint() == data.test.fingerprint()
    np.testing.assert_array_equal(data.x, numbered().x)  # the old one is as it was


def test_copies_are_as_near_as_said():
    """300 copies in 200 dimensions: the root mean square of the noise is 1/20 deviation to within 2%."""
    rng = np.random.default_rng(0)
    data = Dataset(5 + 2 * rng.standard_normal((1000, 200)), np.arange(1000) % 2)
    grown = copies(data, 3, seed=0)
    noise = grown.x[1000:].reshape(3, 100, 200) - grown.x[1000:].reshape(3, 100, 200).mean(axis=0)
    assert np.sqrt((noise**2).mean() * 3 / 2) == pytest.approx(0.05 * 2, rel=0.02)  # of three about their mean: 2/3


def test_copies_of_images_stay_images():
    images = np.zeros((20, 1, 4, 4), dtype=np.uint8)
    images[:, :, 1:3] = np.linspace(0, 255, 20).astype(np.uint8)[:, None, None, None]
    grown = copies(Dataset(images, np.arange(20) // 10), 9, seed=0)
    assert grown.x.dtype == np.uint8 and len(grown) == 20 + 2 * 9
    dark, light = grown.x[20::2].astype(int), grown.x[21::2].astype(int)  # of the first and of the last image
    for near, original in ((dark, images[0]), (light, images[19])):
        assert 0 < abs(near - original).max() < 20  # 1/20 of 54 grey levels is 2.7, and noise stays inside 0..255


def test_all_transforms_follow_their_seed_and_drop_the_optimum():
    data = blobs(40)
    assert set(AMOUNTS) == set(TRANSFORMS)
    for name, amount in AMOUNTS.items():
        first, again, other = (TRANSFORMS[name](data, amount, seed) for seed in (0, 0, 1))
        assert first.fingerprint() == again.fingerprint() != other.fingerprint()
        assert first.optimum is None and data.optimum is not None


@pytest.mark.parametrize("call, error, message", [
    (lambda d: label_noise(d, 1.5, 0), ValueError, "label-noise must be"),
    (lambda d: label_noise(d, np.nan, 0), ValueError, "label-noise"),
    (lambda d: imbalance(d, 0.5, 0), ValueError, "imbalance"), (lambda d: imbalance(d, "1", 0), TypeError, "imbalance"),
    (lambda d: copies(d, 0, 0), ValueError, "copies"), (lambda d: copies(d, 1.5, 0), TypeError, "copies"),
    (lambda d: copies(d, 2, 0.5), TypeError, "seed"),
    (lambda d: label_noise(Dataset(d.x, d.x), 0.5, 0), ValueError, "has 0 classes; this needs at least 2"),
])  # fmt: skip
def test_transforms_say_what_is_wrong(call, error, message):
    with pytest.raises(error, match=message):
        call(numbered())


# ---- by name


def test_pairs_in_their_order():
    asked = {"copies": 9, "label-noise": 0.5}
    assert pairs(asked) == pairs(list(asked.items())) == from_text(["copies=9", "label-noise=0.5"])
    assert pairs(asked) == (("copies", 9), ("label-noise", 0.5)) and type(pairs(asked)[0][1]) is int
    data = numbered()
    by_hand = label_noise(copies(data, 9, 4), 0.5, 4)
    assert transformed(data, pairs(asked), 4).fingerprint() == by_hand.fingerprint()
    assert transformed(data, (), 4) is data


@pytest.mark.parametrize("wrong, error, message", [
    ({"noise": 0.1}, ValueError, "transform must be one of label-noise, imbalance, copies, got 'noise'"),
    ({"imbalance": 0.1}, ValueError, r"imbalance must be a number in \[1, inf\), got 0.1"),
    ([("copies", 2), ("copies", 3)], ValueError, "names copies twice"),
    ({"copies": "2"}, TypeError, "copies must be a whole number"), (3, TypeError, "must be a dict or"),
    (["copies"], TypeError, "must be a dict or"),
])  # fmt: skip
def test_pairs_say_what_is_wrong(wrong, error, message):
    with pytest.raises(error, match=message):
        Setup(transform=wrong)


def test_text_that_is_no_number():
    for text in ("copies", "copies=", "copies=many"):
        with pytest.raises(ValueError, match=r"--transform takes name=number, as label-noise=0\.2; got 'copies"):
            from_text([text])


def test_only_what_is_trained_on_changes():
    """The parts held out, for tuning and for the method, are those of the same setup without transforms."""
    plain = Setup(method="random", validation=0.1, tuning=0.2)
    noisy = Setup(method="random", validation=0.1, tuning=0.2, transform={"label-noise": 0.5, "copies": 2})
    clean, changed = (setup._data(Parts()) for setup in (plain, noisy))
    assert clean.validation.fingerprint() == changed.validation.fingerprint()
    assert clean.test.fingerprint() == changed.test.fingerprint()
    n = len(clean)
    assert (clean.x == changed.x[:n]).all() and (clean.y != changed.y[:n]).sum() == round(0.5 * n)
    assert len(changed) > n + 2 * 0.09 * n and noisy.identity() != plain.identity()
    assert Setup.from_json(noisy.to_json()) == noisy


def test_the_budget_is_a_part_of_full_training_on_the_transformed_data():
    setup = Setup(method="random", transform={"copies": 9}, epochs=2)
    _, oracle, *_, bill = setup.build()
    assert bill == round(0.1 * 3 * len(oracle) * 2) and len(oracle) > 1.8 * 1438
