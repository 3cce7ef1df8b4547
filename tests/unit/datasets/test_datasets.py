"""Data sets: what a Dataset promises on both devices, the synthetic ones, and the readers on small fabricated files."""

import gzip
import os
import pickle
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from sklearn.datasets import load_digits

from minicrest import datasets
from minicrest.backend import device_of, to_numpy
from minicrest.datasets import Dataset, available, blobs, load, logistic_optimum, readers, spirals
from minicrest.datasets.dataset import stratified
from minicrest.experiments.pickles import read_inert_pickle
from minicrest.experiments.sources import CIFAR, SOURCES
from minicrest.random import stream


def images(n=7, c=3, h=6, w=5, **more):
    rng = stream(0, "test images")
    x, y = rng.integers(0, 256, (n, c, h, w), dtype=np.uint8), np.arange(n) % 3
    return Dataset(x, y, scale=np.array([0.5, 0.01, 2.0]), shift=np.array([-1.0, 0.0, 3.0]), **more)


# ---- the class -----------------------------------------------------------------------------------------------------


def test_what_a_data_set_says_of_itself_has_no_arrays_in_it():
    assert repr(images()) == "Dataset(name='custom', test=None, validation=None, augment=0)"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_inputs_scale_and_shift_each_channel(device, dtype):
    host = images()
    data = host.to(device)
    i = np.array([5, 0, 5])
    got = data.inputs(i, dtype)
    assert device_of(got) == device and str(got.dtype) == dtype
    for row, example in zip(to_numpy(got), i, strict=True):
        for channel in range(3):
            want = host.x[example, channel].astype(dtype) * host.scale[channel].astype(dtype)
            want += host.shift[channel].astype(dtype)
            np.testing.assert_array_equal(row[channel], want)
    np.testing.assert_array_equal(to_numpy(data.inputs(dtype=dtype))[i], to_numpy(got))
    assert str(data.x.dtype) == "uint8"
    np.testing.assert_array_equal(to_numpy(data.x), host.x)  # the stored bytes are untouched


def test_inputs_without_scale_are_as_they_are(device):
    x = stream(0, "plain").standard_normal((6, 4))
    data = Dataset(x, np.arange(6) % 2).to(device)
    np.testing.assert_array_equal(to_numpy(data.inputs(np.array([3, 1]), "float64")), x[[3, 1]])
    assert str(data.inputs(np.array([3]), "float32").dtype) == "float32"
    assert len(data) == 6 and data.n_classes == 2 and data.classes == ("0", "1") and data.shape == (4,)


def test_targets_on_the_device(device):
    data = images().to(device)
    assert device_of(data.targets()) == device and str(data.targets().dtype) == "int64"
    np.testing.assert_array_equal(to_numpy(data.targets(np.array([4, 2]))), [1, 2])
    floats = Dataset(np.ones((2, 3)), np.array([0.5, -1.0])).to(device)
    assert floats.n_classes == 0 and floats.classes == ()
    np.testing.assert_array_equal(to_numpy(floats.targets()), [0.5, -1.0])


def augmented_one_by_one(data, i, rng):
    """The same draws, then one image and one pixel at a time."""
    pad, (c, h, w) = data.augment, data.shape
    top, left = rng.integers(0, 2 * pad + 1, size=(2, len(i), 1))
    flip = rng.random((len(i), 1)) < 0.5
    out = np.zeros((len(i), c, h, w), np.uint8)
    for m, example in enumerate(i):
        for row in range(h):
            for column in range(w):
                r = row + top[m, 0] - pad
                q = (w - 1 - column if flip[m, 0] else column) + left[m, 0] - pad
                if 0 <= r < h and 0 <= q < w:
                    out[m, :, row, column] = data.x[example, :, r, q]
    scale, shift = (a.astype("float32")[:, None, None] for a in (data.scale, data.shift))
    return out.astype("float32") * scale + shift


def test_augmented_equals_the_loop(device):
    host = images(augment=2)
    i = stream(0, "which").integers(0, len(host), 40)
    got = host.to(device).augmented(i, stream(0, "crops"))
    assert device_of(got) == device and str(got.dtype) == "float32"
    np.testing.assert_array_equal(to_numpy(got), augmented_one_by_one(host, i, stream(0, "crops")))


def test_augmented_meets_every_shift_and_both_flips():
    x = np.zeros((1, 1, 5, 5), np.uint8)
    x[0, 0, 2, 1] = 1  # left of the middle, so that a flip shows
    data = Dataset(x, np.zeros(1, int), augment=1)
    # 18 equally likely images; 400 draws miss a given one with (17/18)^400 < 2e-10
    seen = {image.tobytes() for image in data.augmented(np.zeros(400, int), stream(0, "all"))}
    wanted = {(r, q) for r in (1, 2, 3) for q in (0, 1, 2, 3, 4)}
    assert {tuple(np.argwhere(np.frombuffer(s, "float32").reshape(5, 5))[0]) for s in seen} == wanted


def test_augmented_draws_every_shift_and_flip_equally_often():
    """Chi-square over the 18 images, which are equally likely: 17 degrees of freedom, one false alarm in 10^6."""
    x = np.zeros((1, 1, 5, 5), np.uint8)
    x[0, 0, 2, 0] = 1  # so that the column, 0 or 4 give or take 1, tells shift and flip apart
    x[0, 0, 2, 2] = 2
    draws = 36_000
    drawn = Dataset(x, np.zeros(1, int), augment=1).augmented(np.zeros(draws, int), stream(0, "alike"))
    _, counts = np.unique(drawn.reshape(draws, -1), axis=0, return_counts=True)
    assert len(counts) == 18  # the 2 stays inside, and the 1 is beside it or outside
    assert ((counts - draws / 18) ** 2 / (draws / 18)).sum() < 58.0


def test_augmented_without_augment_is_inputs_and_draws_nothing(device):
    data, i, rng = images().to(device), np.array([1, 6]), stream(0, "unused")
    np.testing.assert_array_equal(to_numpy(data.augmented(i, rng)), to_numpy(data.inputs(i)))
    assert rng.random() == stream(0, "unused").random()


def test_augmented_is_a_function_of_the_generator(device):
    data, i = images(augment=2).to(device), np.arange(7)
    first, again, other = (to_numpy(data.augmented(i, stream(0, "crop", step))) for step in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_to_moves_the_parts_and_the_fingerprint_stays(device):
    host = images(n=9).split(1 / 3, seed=0)
    moved = host.to(device)
    assert device_of(moved.validation.x) == device_of(moved.scale) == device_of(moved.y) == device
    assert moved.fingerprint() == host.fingerprint()


def test_fingerprint_sees_every_change():
    x, y = np.zeros((4, 2), "float32"), np.array([0, 1, 0, 1])
    changed = x.copy()
    changed[3, 1] = 1e-9
    others = [
        Dataset(changed, y), Dataset(x, y[::-1].copy()), Dataset(x.astype("float64"), y),
        Dataset(x.reshape(4, 1, 2), y),
        Dataset(x, y, classes=("a", "b")), Dataset(x, y, test=Dataset(x, y)), Dataset(x, y, validation=Dataset(x, y)),
        Dataset(x, y, test=Dataset(changed, y)), Dataset(x, y, scale=np.ones(2), shift=np.zeros(2)),
        Dataset(x, y, scale=np.ones(2), shift=np.ones(2)), Dataset(x, y.astype(float)),
    ]  # fmt: skip
    prints = {data.fingerprint() for data in [Dataset(x, y), *others]}
    assert len(prints) == 12 and all(len(p) == 16 for p in prints)
    assert Dataset(x.copy(), y.copy()).fingerprint() in prints
    assert images().fingerprint() != images(augment=1).fingerprint()


def test_fingerprint_sees_nothing_else():
    """Neither a name, for a file may be moved, nor how classes are spelt: np.str_ prints otherwise in NumPy 1 and 2."""
    x, y = np.ones((4, 2)), np.array([0, 1, 0, 1])
    alike = [
        Dataset(x, y), Dataset(x, y, "moved"), Dataset(x, y.astype("int32")), Dataset(np.asfortranarray(x), y == 1),
        Dataset(x, y, classes=tuple(np.array(["0", "1"]))), Dataset(x, y, optimum=np.ones(3)),
        Dataset(x.tolist(), [0, 1, 0, 1]),
    ]  # fmt: skip
    assert len({data.fingerprint() for data in alike}) == 1


def test_split_is_stratified_disjoint_and_seeded(device):
    y = np.repeat([0, 1, 2], [50, 30, 20])
    data = Dataset(np.arange(100.0)[:, None], y, "line", augment=0, optimum=np.zeros(1)).to(device).split(0.2, seed=1)
    kept, held = to_numpy(data.x)[:, 0].astype(int), to_numpy(data.validation.x)[:, 0].astype(int)
    assert sorted([*kept, *held]) == list(range(100))
    assert np.bincount(y[held]).tolist() == [10, 6, 4]
    np.testing.assert_array_equal(to_numpy(data.y), y[kept])  # rows and labels move together
    np.testing.assert_array_equal(to_numpy(data.validation.y), y[held])
    assert data.optimum is None and data.validation.n_classes == 3
    whole = Dataset(np.arange(100.0)[:, None], y)
    assert whole.split(0.2, 1).validation.x[:, 0].astype(int).tolist() == held.tolist()
    assert whole.split(0.2, 2).validation.x[:, 0].astype(int).tolist() != held.tolist()


def test_split_keeps_the_test_part_and_shuns_augmentation():
    data = images(augment=2, test=images(n=3))
    parts = data.split(0.4, seed=0)
    assert parts.test is data.test and parts.augment == 2
    assert parts.validation.augment == 0 and parts.validation.test is None


@pytest.mark.parametrize("fraction", [0.1, 0.3, 0.55, 1 / 3])
def test_stratified_holds_the_exact_number_and_each_class_within_one(fraction):
    y = stream(0, "labels").choice(7, 233, p=np.arange(1, 8) / 28)
    kept, held = stratified(y, fraction, stream(0, "s"))
    assert len(held) == round(fraction * 233) and len(kept) + len(held) == 233
    # held at equal steps of 1/f examples, a class of m takes floor or ceil of m f' with f' = held / n
    share = np.bincount(y) * len(held) / 233
    assert np.all(np.abs(np.bincount(y[held], minlength=7) - share) < 1)


@pytest.mark.parametrize("fraction", [0.2, 0.5, 0.9])
def test_the_only_example_of_a_class_stays_in_training(fraction):
    for place in range(0, 40, 3):
        y = np.insert(np.repeat([0, 2], 20), place, 1)  # class 1 once
        kept, held = stratified(y, fraction, stream(place, "single"))
        assert 1 in y[kept] and 1 not in y[held] and len(held) == round(fraction * 40)
        assert np.all(np.abs(np.bincount(y[held], minlength=3)[[0, 2]] - fraction * 20) < 1)
    with pytest.raises(ValueError, match="leaves a part empty"):
        stratified(np.arange(5), 0.5, stream(0, "all alone"))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"y": np.zeros(3, int)}, ValueError, "4 inputs and 3 targets"),
        ({"x": np.zeros((0, 2)), "y": np.zeros(0, int)}, ValueError, "0 inputs and 0 targets"),
        ({"x": [[1.0], [2], [3], [4, 5]]}, TypeError, "x must be an array of numbers"),
        ({"x": scipy.sparse.eye_array(4)}, TypeError, r"x is a sparse .*toarray\(\)"),
        ({"x": np.zeros(4)}, ValueError, r"x of shape \(4,\); give each example at least one number"),
        ({"x": np.zeros((4, 0))}, ValueError, r"x of shape \(4, 0\)"),
        ({"x": np.zeros((4, 8, 8), "uint8")}, ValueError, r"grey images \(n, h, w\) as x\[:, None\]"),
        ({"x": np.zeros((4, 32, 32, 3), "uint8")}, ValueError, r"channels last; give x.transpose\(0, 3, 1, 2\)"),
        ({"x": np.zeros((4, 12, 9, 4))}, ValueError, r"channels last; give x.transpose\(0, 3, 1, 2\)"),
        ({"x": np.zeros((4, 28, 28, 1))}, ValueError, r"channels last; give x.transpose\(0, 3, 1, 2\)"),
        ({"y": np.eye(4)}, ValueError, r"y of shape \(4, 4\) is one-hot; give classes, as y.argmax\(axis=1\)"),
        ({"y": np.eye(4, dtype=bool)}, ValueError, "one-hot"),
        ({"y": np.array([0, 1, 10**9, 1])}, ValueError, r"0\.\.1000000000, but .* only 4 examples.*np.unique"),
        ({"y": np.array([0, 1, 4, 1])}, ValueError, r"0\.\.4, but there are only 4 examples"),
        ({"test": Dataset(np.zeros((4, 2)), np.array([0.0, 1, 1, 0]))},
         ValueError, "float64, the data set itself int64;"),
        ({"test": Dataset(np.zeros((4, 2)), [0, 1, 1, 0], scale=[1, 1], shift=[0, 0])}, ValueError, "one scale"),
        ({"test": (np.zeros((4, 2)), np.zeros(4))}, TypeError, "must be a Dataset, got tuple"),
        ({"augment": 1.5}, TypeError, "augment must be a whole number"),
        ({"augment": -1}, ValueError, "augment must be at least 0"),
        ({"y": np.array(1)}, ValueError, "y is a single number"),
        ({"x": np.zeros((4, 2), int)}, ValueError, "x is int64; give float32"),
        ({"x": np.zeros((4, 2), "uint8")}, ValueError, r"reshape images to \(n, c, h, w\)"),
        ({"x": np.array([[0.0], [1], [np.nan], [2]])}, ValueError, "x holds NaN or infinity"),
        ({"y": np.array([0.0, 1, np.inf, 0])}, ValueError, "y holds NaN or infinity"),
        ({"y": np.array([1, 2, 3, 1])}, ValueError, r"labels are 1\.\.3; start them at 0"),
        ({"y": np.array([-1, 1, 0, 1])}, ValueError, r"labels are -1\.\.1; start them at 0"),
        ({"y": np.array(["a", "b", "a", "b"])}, TypeError, "y is text; give classes .*np.unique"),
        ({"y": np.array([0, 1, 2, 0]), "classes": ("no", "yes")}, ValueError, "only 2 class names"),
        ({"scale": np.ones(2)}, ValueError, "both scale and shift"),
        ({"scale": np.ones(3), "shift": np.ones(3)}, ValueError, r"both scale and shift of shape \(2,\).*got .*\(3,\)"),
        ({"augment": 4}, ValueError, "takes images"),
        ({"x": np.zeros((4, 8, 8)), "augment": 4}, ValueError, r"give grey images \(n, h, w\) as x\[:, None\]"),
        ({"x": None}, TypeError, "x must be an array of numbers, got None"),
        ({"y": None}, TypeError, "y must be an array of numbers, got None"),
        ({"name": 3}, TypeError, "name of a data set must be text, got 3"),
        ({"classes": "no"}, TypeError, "classes must be a tuple of names, got 'no'"),
        ({"classes": (0, 1)}, TypeError, r"classes must be a tuple of names, got \(0, 1\)"),
        ({"test": Dataset(np.zeros((1, 3)), np.zeros(1, int))}, ValueError, "shape"),
        ({"test": Dataset(np.zeros((5, 2)), np.arange(5))}, ValueError, "5 classes"),
    ],
)
def test_a_dataset_says_what_is_wrong(change, error, message):
    with pytest.raises(error, match=message):
        Dataset(**({"x": np.zeros((4, 2)), "y": np.array([0, 1, 0, 1])} | change))


@pytest.mark.parametrize("i, error", [
    ([4], ValueError), ([-1], ValueError), ([[0]], ValueError), ([0.0], ValueError), ([True], ValueError),
    ("text", TypeError), (3, ValueError), ([None], TypeError),
])  # fmt: skip
def test_indices_are_checked(i, error):
    data = Dataset(np.zeros((4, 2)), np.array([0, 1, 0, 1]))
    for ask in (data.inputs, data.targets, data.take, lambda i: data.augmented(i, stream(0, "none"))):
        with pytest.raises(error, match=r"^i[ ,]"):
            ask(i)
    assert data.inputs(np.arange(0)).shape == (0, 2)
    for dtype in ("float16", "int32", None, 3):
        with pytest.raises(ValueError, match="dtype must be one of float32, float64"):
            data.inputs(dtype=dtype)


@pytest.mark.parametrize("x, y", [
    (np.zeros((4, 2, 2)), [0, 1, 0, 1]), (np.zeros((4, 2)), [0, 1, 2, 1]), (np.zeros((4, 2)), np.zeros((4, 2))),
])  # fmt: skip
def test_an_optimum_is_for_two_classes(x, y):
    with pytest.raises(ValueError, match=r"x must be \(n, d\), y \(n,\) 0 or 1"):
        logistic_optimum(x, y, 0.1)


def test_split_refuses_empty_parts_and_a_second_time():
    data = blobs(20)
    for fraction in (0.0, 1.0, 0.01):
        with pytest.raises(ValueError, match="leaves a part empty"):
            data.split(fraction, 0)
    for fraction in (np.nan, np.inf, -0.1, 1.5):
        with pytest.raises(ValueError, match=r"fraction must be a number in \[0, 1\]"):
            data.split(fraction, 0)
    with pytest.raises(ValueError, match="already"):
        data.split(0.5, 0).split(0.5, 0)


# ---- made here -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("d", "l2", "separation"), [(2, 1e-2, 2.0), (5, 1e-4, 6.0), (3, 1.0, 0.0), (4, 1e-6, 12.0)])
def test_the_optimum_has_no_gradient_left(d, l2, separation):
    data = blobs(n=300, d=d, l2=l2, separation=separation, seed=3)
    w, b = data.optimum[:d], data.optimum[d]
    total = np.zeros(d + 1)
    for x, y in zip(data.x, data.y, strict=True):
        p = 1 / (1 + np.exp(-(x @ w + b)))
        total += np.append((p - y) * x, p - y)
    # 1e-12 was asked of Newton; another order of the sum may move it by 300 roundings of size 1e-16
    assert np.linalg.norm(total / 300 + l2 * data.optimum) < 2e-12


def test_the_optimum_agrees_with_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    data, l2 = blobs(n=400, l2=0.05), 0.05
    # scikit-learn leaves the intercept free, so the bias becomes a feature: then every parameter is penalised
    x = np.column_stack([data.x, np.ones(400)])
    twin = LogisticRegression(C=1 / (l2 * 400), fit_intercept=False, tol=1e-12, max_iter=1000).fit(x, data.y)
    np.testing.assert_allclose(data.optimum, twin.coef_[0], atol=1e-6)  # L-BFGS stops near sqrt of rounding


def test_the_optimum_refuses_what_has_none():
    with pytest.raises(ValueError, match=r"l2 must be a number in \(0, inf\), got 0"):
        logistic_optimum(np.ones((2, 1)), np.array([0, 1]), 0)
    with pytest.raises(ValueError, match="scale x"):
        logistic_optimum(1e8 * blobs(50).x, blobs(50).y, 1e-2)


def test_synthetic_data_follow_their_seed():
    for make in (blobs, spirals):
        assert make(seed=1).fingerprint() == make(seed=1).fingerprint() != make(seed=2).fingerprint()
        data = make(seed=1)
        assert data.test.fingerprint() != data.fingerprint() and len(data.test) == len(data) // 4
        assert load(data.name, seed=1).fingerprint() == data.fingerprint()
        assert np.ptp(np.bincount(data.y)) <= 1


def test_spirals_label_noise_is_exact_and_moves_no_point():
    clean, noisy = spirals(400, 4, seed=5), spirals(400, 4, label_noise=0.15, seed=5)
    np.testing.assert_array_equal(clean.x, noisy.x)
    assert np.sum(clean.y != noisy.y) == 60 and noisy.y.max() == 3
    assert clean.test.fingerprint() == noisy.test.fingerprint()


@pytest.mark.parametrize(
    "make, text",
    [
        (lambda: blobs(1), "n must be at least 2, got 1"), (lambda: blobs(d=0), "d must be at least 1, got 0"),
        (lambda: blobs(separation=np.inf), "separation must be .*got inf"),
        (lambda: spirals(classes=1), "classes must be at least 2, got 1"),
        (lambda: spirals(2), "n must be at least 3, got 2"),
        (lambda: spirals(label_noise=1.5), "label_noise must be .*got 1.5"),
        (lambda: spirals(noise=np.nan), "noise must be"),
    ],
)  # fmt: skip
def test_impossible_synthetic_data_are_refused(make, text):
    with pytest.raises(ValueError, match=text):
        make()


def test_spirals_need_more_than_a_line():
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier

    data = spirals()
    linear, near = (m.fit(data.x, data.y) for m in (LogisticRegression(), KNeighborsClassifier(5)))
    assert linear.score(data.test.x, data.test.y) < 0.6 < 0.9 < near.score(data.test.x, data.test.y)


# ---- by name -------------------------------------------------------------------------------------------------------


def test_digits():
    flat, pictures = load("digits"), load("digits-images", seed=9)
    assert flat.x.shape == (1438, 64) and pictures.x.shape == (1438, 1, 8, 8) and flat.x.dtype == np.float32
    assert flat.x.min() == 0 and flat.x.max() == 1
    np.testing.assert_array_equal(flat.x, pictures.x.reshape(-1, 64))
    np.testing.assert_array_equal(flat.test.y, load("digits", seed=9).test.y)  # the seed leaves real data alone
    share = np.bincount(np.append(flat.y, flat.test.y)) * 359 / 1797
    assert len(flat.test) == 359 and np.all(np.abs(np.bincount(flat.test.y) - share) < 1)
    held = load("digits", validation=0.25)
    assert len(held.validation) == 360 and len(held) == 1078 and len(held.test) == 359


def test_digits_are_read_without_importing_scikit_learn_where_its_file_is_there(monkeypatch):
    module = sys.modules["minicrest.datasets.load"]
    x, y = load_digits(return_X_y=True)
    whole = Dataset((x / 16).astype(np.float32), y, "digits", tuple("0123456789")).hold_out_test(0.2)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)  # an import of it would fail
    assert module.digits().fingerprint() == whole.fingerprint()
    monkeypatch.undo()
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    assert module.digits().fingerprint() == whole.fingerprint()


def test_unknown_names_and_missing_folders(monkeypatch, tmp_path):
    with pytest.raises(ValueError, match=r"did you mean 'cifar10'.*digits, digits-images, blobs"):
        load("cifar-10")
    monkeypatch.delenv("MINICREST_DATA", raising=False)
    with pytest.raises(FileNotFoundError, match="or --data-dir, or in MINICREST_DATA"):
        load("cifar10")
    for name in SOURCES:
        with pytest.raises(FileNotFoundError, match=r"lacks .*https?://"):
            load(name, tmp_path / "nowhere")


def test_import_stays_light():
    """scikit-learn costs a second; only who asks for digits or text pays."""
    code = "import sys, minicrest.datasets; assert not {'sklearn', 'scipy', 'cupy'} & set(sys.modules)"
    root = Path(datasets.__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)


@pytest.fixture
def small_cifar(monkeypatch):
    """Six files of 4 images each instead of 10,000, as (images (4, 3072), labels) pairs."""
    monkeypatch.setattr(readers, "CIFAR_RECORDS", 4)
    rng = stream(0, "cifar")
    return [(rng.integers(0, 256, (4, 3072), dtype=np.uint8), rng.integers(0, 10, 4)) for _ in range(6)]


def write_binary(folder, batches):
    folder.mkdir(parents=True, exist_ok=True)
    for name, (x, y) in zip(CIFAR, batches, strict=True):
        (folder / f"{name}.bin").write_bytes(np.column_stack([y.astype(np.uint8), x]).tobytes())


def write_python3(folder, batches):
    folder.mkdir(parents=True)
    for name, (x, y) in zip(CIFAR, batches, strict=True):
        batch = {b"batch_label": b"some", b"labels": y.tolist(), b"data": x, b"filenames": [b"a.png"] * 4}
        (folder / name).write_bytes(pickle.dumps(batch, protocol=2))


def write_python2(folder, batches):
    """Byte for byte what Python 2's cPickle and an old NumPy wrote: str as BINSTRING, and the array through REDUCE."""

    def string(s):
        return b"U" + bytes([len(s)]) + s if len(s) < 256 else b"T" + struct.pack("<i", len(s)) + s

    folder.mkdir(parents=True)
    for name, (x, y) in zip(CIFAR, batches, strict=True):
        labels = b"]q\x05(" + b"".join(b"K" + bytes([label]) for label in y) + b"e"
        array = b"cnumpy.core.multiarray\n_reconstruct\nq\x06cnumpy\nndarray\nq\x07K\x00\x85U\x01b\x87Rq\x08"
        dtype = b"cnumpy\ndtype\nq\x09U\x02u1K\x00K\x01\x87R(K\x03U\x01|NNN" + 2 * b"J\xff\xff\xff\xff" + b"K\x00tb"
        array += b"(K\x01K\x04M\x00\x0c\x86" + dtype + b"\x89" + string(x.tobytes()) + b"tb"
        items = [string(b"batch_label") + string(b"one") + string(b"labels") + labels + string(b"data") + array]
        names = b"]q\x0b(" + b"".join(string(b"image %d.png" % k) for k in range(4)) + b"e"
        items.append(string(b"filenames") + names)
        (folder / name).write_bytes(b"\x80\x02}q\x01(" + b"".join(items) + b"u.")


def test_cifar_layouts_give_the_same_arrays(tmp_path, small_cifar):
    write_binary(tmp_path / "bin" / "cifar-10-batches-bin", small_cifar)
    write_python3(tmp_path / "py3" / "cifar-10-batches-py", small_cifar)
    write_python2(tmp_path / "py2" / "cifar-10-batches-py", small_cifar)
    binary, py3, py2 = (load("cifar10", tmp_path / layout) for layout in ("bin", "py3", "py2"))
    assert binary.fingerprint() == py3.fingerprint() == py2.fingerprint()
    assert binary.test.fingerprint() == py3.test.fingerprint() == py2.test.fingerprint()
    assert binary.x.shape == (20, 3, 32, 32) and binary.x.dtype == np.uint8 and len(binary.test) == 4
    assert binary.classes[3] == "cat" and binary.augment == 4 and binary.test.augment == 0
    np.testing.assert_array_equal(binary.x[5, 2, 7, 31], small_cifar[1][0][1, 2 * 1024 + 7 * 32 + 31])
    np.testing.assert_array_equal(binary.test.y, small_cifar[5][1])
    green = (binary.x[0, 1] / 255 - 0.4822) / 0.2435
    np.testing.assert_allclose(binary.inputs(np.array([0]), "float64")[0, 1], green, rtol=0, atol=1e-12)  # rounding


def test_the_python_2_pickle_of_the_tests_is_a_real_one(tmp_path, small_cifar):
    """Python itself reads it (in the tests only), so the reader above was given the genuine format."""
    write_python2(tmp_path / "py", small_cifar)
    batch = pickle.loads((tmp_path / "py" / "test_batch").read_bytes(), encoding="bytes")
    np.testing.assert_array_equal(batch[b"data"], small_cifar[5][0])
    assert batch[b"labels"] == small_cifar[5][1].tolist() and batch[b"filenames"][3] == b"image 3.png"


class Malicious:
    def __init__(self, call, *arguments):
        self.call, self.arguments = call, arguments

    def __reduce__(self):
        return self.call, self.arguments


@pytest.mark.parametrize("protocol", [0, 1, 2, 4])
@pytest.mark.parametrize("where", ["data", "labels", "beside", "whole"])
def test_a_malicious_pickle_is_refused_unexecuted(tmp_path, small_cifar, protocol, where):
    write_python3(tmp_path / "cifar-10-batches-py", small_cifar)
    trace = tmp_path / "executed"
    attack = Malicious(os.mkdir, str(trace))
    x, y = small_cifar[0]
    batch = {b"data": x, b"labels": y.tolist()}
    batch = attack if where == "whole" else batch | {where.encode(): attack}
    (tmp_path / "cifar-10-batches-py" / "data_batch_3").write_bytes(pickle.dumps(batch, protocol))
    with pytest.raises(ValueError, match=r"data_batch_3 is damaged .*refused.*nothing of it was executed"):
        load("cifar10", tmp_path)
    assert not trace.exists()


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"\x80\x02", b".", b"\x80\x02}.", b"\x80\x02N.", b"\x80\x02t.", b"\x80\x02\x87.", b"\x80\x02K\x01)R.",
        b"\x80\x02h\x05.", b"\x80\x02(U\x01au.", b"\x80\x02}(U\x01au.", b"not a pickle", b"\x80\x02]K\x01b.",
        b"\x80\x02cnumpy\nndarray\nK\x01\x85R.", b"\x80\x02cnumpy\ndtype\n)R.", b"\x80\x02ccopyreg\n_reconstructor\n.",
    ],
)  # fmt: skip
def test_a_malformed_pickle_is_refused(tmp_path, small_cifar, raw):
    write_python3(tmp_path / "cifar-10-batches-py", small_cifar)
    (tmp_path / "cifar-10-batches-py" / "data_batch_1").write_bytes(raw)
    with pytest.raises(ValueError, match="data_batch_1 is damaged"):
        load("cifar10", tmp_path)


@pytest.mark.parametrize("raw", [b"\x80\x02K\x01\x87.", b"\x80\x02K\x01(K\x01\x86\x86t."])
def test_a_pickle_cannot_take_more_than_the_stack_holds(raw):
    with pytest.raises(IndexError, match="more from the stack than there is"):
        read_inert_pickle(raw)


@pytest.mark.parametrize(
    "change",
    [
        {b"data": np.zeros((4, 3071), np.uint8)}, {b"data": np.zeros((4, 3072), np.int16)}, {b"labels": [1, 2, 3]},
        {b"data": np.zeros((3072, 4), np.uint8).T}, {b"labels": [0, 1, 2, 10]}, {b"labels": ["a"] * 4}, {b"data": None},
        {b"labels": [[1], [2], [3], [4]]},
    ],
)  # fmt: skip
def test_a_pickle_of_something_else_is_refused(tmp_path, small_cifar, change):
    write_python3(tmp_path / "cifar-10-batches-py", small_cifar)
    x, y = small_cifar[0]
    raw = pickle.dumps({b"data": x, b"labels": y.tolist()} | change, protocol=2)
    (tmp_path / "cifar-10-batches-py" / "test_batch").write_bytes(raw)
    with pytest.raises(ValueError, match=r"test_batch is damaged.*kriz/cifar"):
        load("cifar10", tmp_path)


def test_damaged_cifar_binaries(tmp_path, small_cifar):
    folder = tmp_path / "cifar-10-batches-bin"
    write_binary(folder, small_cifar)
    whole = (folder / "data_batch_2.bin").read_bytes()
    (folder / "data_batch_2.bin").write_bytes(whole[:-1])
    with pytest.raises(ValueError, match=r"data_batch_2.bin is damaged.*expected 12292 bytes, found 12291.*kriz/cifar"):
        load("cifar10", tmp_path)
    (folder / "data_batch_2.bin").write_bytes(b"\x0a" + whole[1:])
    with pytest.raises(ValueError, match=r"data_batch_2.bin .*expected labels in 0..9, found \d..10"):
        load("cifar10", tmp_path)
    (folder / "data_batch_2.bin").unlink()
    with pytest.raises(FileNotFoundError, match=r"cifar-10-batches-bin lacks data_batch_2.bin "):
        load("cifar10", tmp_path)


def idx(array):
    return struct.pack(f">{1 + array.ndim}i", 2048 + array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


@pytest.fixture
def small_mnist():
    """File name -> content: 30 training and 50 test images."""
    rng, files = stream(0, "mnist"), {}
    for part, n in (("train", 30), ("t10k", 50)):
        files[f"{part}-images-idx3-ubyte"] = idx(rng.integers(0, 256, (n, 28, 28)))
        files[f"{part}-labels-idx1-ubyte"] = idx(np.arange(n) % 10)
    return files


@pytest.mark.parametrize("folder", ["mnist", "MNIST/raw", "."])
@pytest.mark.parametrize("gzipped", [False, True])
def test_mnist(tmp_path, small_mnist, folder, gzipped):
    (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    for name, content in small_mnist.items():
        path = tmp_path / folder / (name + ".gz" * gzipped)
        path.write_bytes(gzip.compress(content) if gzipped else content)
    data = load("mnist", tmp_path)
    assert data.x.shape == (30, 1, 28, 28) and data.x.dtype == np.uint8 and len(data.test) == 50 and data.augment == 0
    assert data.x.tobytes() == small_mnist["train-images-idx3-ubyte"][16:]
    np.testing.assert_array_equal(data.test.y, np.arange(50) % 10)
    want = (data.x[3] / 255 - 0.1307) / 0.3081
    np.testing.assert_allclose(data.inputs(np.array([3]), "float64")[0], want, rtol=0, atol=1e-12)  # rounding
    tenth = load("mnist10k", tmp_path, seed=4)
    assert len(tenth) == 40 and np.bincount(tenth.test.y).tolist() == [1] * 10
    np.testing.assert_array_equal(tenth.test.x, load("mnist10k", tmp_path, seed=5).test.x)


def test_mnist_of_which_only_the_test_part_is_there(tmp_path, small_mnist):
    for name in ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
        (tmp_path / name).write_bytes(small_mnist[name])
    with pytest.raises(FileNotFoundError, match=r"lacks train-images-idx3-ubyte, train-l.*load\('mnist10k'\) would"):
        load("mnist", tmp_path)
    assert len(load("mnist10k", tmp_path)) == 40


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("t10k-images-idx3-ubyte", lambda raw: raw[:-1], r"39200 bytes for the shape \(50, 28, 28\).*found 39199"),
        ("t10k-images-idx3-ubyte", lambda raw: b"\0\0\x08\x01" + raw[4:], "magic number 2051, found 2049"),
        ("t10k-labels-idx1-ubyte", lambda raw: raw[:3], "magic number 2049, found 0"),
        ("t10k-labels-idx1-ubyte", lambda raw: raw[:-1] + b"\x0a", r"labels in 0..9, found 0..10"),
        ("t10k-labels-idx1-ubyte", lambda raw: idx(np.zeros(49)), "expected 50 labels.*found 49"),
        ("t10k-images-idx3-ubyte", lambda raw: idx(np.zeros((50, 27, 28))), r"28 by 28, found \(27, 28\)"),
    ],
)
def test_damaged_idx_files(tmp_path, small_mnist, name, damage, message):
    for file in ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
        (tmp_path / file).write_bytes(damage(small_mnist[file]) if file == name else small_mnist[file])
    with pytest.raises(ValueError, match=rf"{name} is damaged .*{message}.*yann.lecun"):
        load("mnist10k", tmp_path)


@pytest.mark.parametrize("damage", [lambda z: z[:-20], lambda z: b"plain", lambda z: z[:40] + b"????" + z[44:]])
def test_damaged_gzip_files(tmp_path, small_mnist, damage):
    for file in ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
        (tmp_path / f"{file}.gz").write_bytes(damage(gzip.compress(small_mnist[file])))
    with pytest.raises(ValueError, match=r"t10k-images-idx3-ubyte.gz is damaged.*a whole gzip file"):
        load("mnist10k", tmp_path)


@pytest.mark.parametrize("folder", ["text", "."])
def test_trec_lines(tmp_path, folder):
    (tmp_path / folder).mkdir(exist_ok=True)
    lines = [f"{k % 6} what is the caf\xe9 of word{k} and of other{k} ?".encode("latin-1") for k in range(12)]
    (tmp_path / folder / "TREC.train.all").write_bytes(b"\n".join(lines) + b"\n")
    (tmp_path / folder / "TREC.test.all").write_bytes(b"4 where\x85 is caf\xe9 ?\n")
    data = load("trec", tmp_path)
    assert data.x.shape == (12, 2048) and data.x.dtype == np.float32 and data.classes[4] == "location"
    np.testing.assert_array_equal(data.y, np.arange(12) % 6)
    np.testing.assert_array_equal(data.test.y, [4])  # the byte 0x85 ended no line
    # 2048 hashed words of weight 1, then scaled to length 1 in float32
    np.testing.assert_allclose(np.linalg.norm(data.x, axis=1), 1, atol=1e-6)
    assert np.count_nonzero(data.test.x) == 3 and np.all(data.x >= 0) and np.all(data.test.x >= 0)


@pytest.mark.parametrize(("name", "second"), [("subj", "objective"), ("rt-polarity", "positive")])
def test_texts_without_a_test_part_get_a_fixed_fifth(tmp_path, name, second):
    (tmp_path / f"{name}.all").write_text("".join(f"{k % 2} word{k} again\n" for k in range(50)))
    data, other = load(name, tmp_path, seed=0), load(name, tmp_path, seed=1)
    assert len(data) == 40 and data.classes[1] == second
    assert np.bincount(data.test.y).tolist() == [5, 5]
    np.testing.assert_array_equal(data.test.x, other.test.x)


@pytest.mark.parametrize("line", ["2 too large", "no label", "", "1", "1 ", "-1 negative"])
def test_damaged_text(tmp_path, line):
    (tmp_path / "subj.all").write_text(f"0 fine\n{line}\n1 fine\n")
    with pytest.raises(ValueError, match=r"subj.all is damaged.*label in 0..1 in line 2.*movie-review"):
        load("subj", tmp_path)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8", "utf-8-sig"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("end", ["", "\n", "\n\n \t\n"])
def test_text_as_editors_save_it(tmp_path, encoding, newline, end):
    lines = [f"{k % 2} caf\xe9{k} again" for k in range(10)]
    (tmp_path / "subj.all").write_bytes((newline.join(lines) + end.replace("\n", newline)).encode(encoding))
    data = load("subj", tmp_path)
    x = readers.hashed([line[2:] for line in lines])
    np.testing.assert_array_equal(np.sort(np.concatenate([data.x, data.test.x]), axis=0), np.sort(x, axis=0))


@pytest.mark.parametrize("spelling", [
    "{}", "{}.gz", "{}/{}", "{}.GZ", "upper", "dots", "dots.gz", "underscores", "dotted-folder",
])  # fmt: skip
@pytest.mark.parametrize("folder", ["mnist", "Mnist", "MNIST/raw", "mnist/mnist", "."])
def test_files_as_other_programs_unpack_them(tmp_path, small_mnist, spelling, folder):
    for name in ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
        dotted = name.replace("-idx", ".idx")
        spelt = {"upper": name.upper(), "dots": dotted, "dots.gz": f"{dotted}.gz",
         "underscores": name.replace("-", "_"),
                 "dotted-folder": f"{dotted}/{name}"}.get(spelling, spelling.format(name, name))  # fmt: skip
        path, content = tmp_path / folder / spelt, small_mnist[name]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content) if spelt.lower().endswith(".gz") else content)
    assert len(load("mnist10k", tmp_path)) == 40


@pytest.mark.parametrize("folder", ["cifar-10-batches-bin", "Cifar-10-Batches-Bin",
 "cifar-10-batches-bin/cifar-10-batches-bin", "."])
def test_cifar_folders(tmp_path, small_cifar, folder):
    (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    write_binary(tmp_path / folder, small_cifar)
    assert len(load("cifar10", tmp_path)) == 20


def test_a_folder_inside_itself_is_no_endless_search(tmp_path):
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "mnist").symlink_to(tmp_path / "mnist")
    with pytest.raises(FileNotFoundError, match="lacks t10k-images"):
        load("mnist10k", tmp_path)


def test_npz(tmp_path):
    x, y = stream(0, "npz").standard_normal((6, 2)), np.array([0, 1, 2, 0, 1, 2])
    path = tmp_path / "mine.npz"
    np.savez(path, x=x, y=y, x_test=x[:2], y_test=y[:2], x_val=x[2:3], y_val=y[2:3])
    data = load(str(path))
    assert data.name == "mine" and data.n_classes == data.test.n_classes == data.validation.n_classes == 3
    np.testing.assert_array_equal(data.x, x)
    np.testing.assert_array_equal(data.test.x, x[:2])
    np.testing.assert_array_equal(data.validation.y, [2])
    np.savez(path, x=np.full((6, 1, 2, 2), 255, np.uint8), y=y)
    assert load(path, validation=0.5).inputs().max() == 1 and len(load(path, validation=0.5).validation) == 3


@pytest.mark.parametrize(
    "arrays",
    [{"x": np.ones(3)}, {"y": np.ones(3)}, {"x": np.ones(3), "y": np.ones(3), "x_test": np.ones(3)},
     {"x": np.ones(3), "y": np.ones(3), "X": np.ones(3)}],
)  # fmt: skip
def test_npz_of_other_arrays(tmp_path, arrays):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ValueError, match=r"a.npz: expected x, y and pairs of"):
        load(tmp_path / "a.npz")


def test_npz_that_is_none_or_holds_pickles(tmp_path):
    path, trace = tmp_path / "a.npz", tmp_path / "executed"
    with pytest.raises(FileNotFoundError, match=r"a.npz: no such .npz file; it should hold arrays x .* np.savez"):
        load(path)
    np.savez(path, x=np.array([Malicious(os.mkdir, str(trace))], object), y=np.zeros(1))
    with pytest.raises(ValueError, match=r"a.npz is not a whole .npz of plain arrays"):
        load(path)
    assert not trace.exists()
    np.savez(path, x=np.ones(300), y=np.ones(300))
    whole = path.read_bytes()
    bare = tmp_path / "bare.npy"
    np.save(bare, np.ones(3))
    for raw in (b"", b"text", whole[:-30], whole[:200] + b"????" + whole[204:], bare.read_bytes()):
        path.write_bytes(raw)
        with pytest.raises(ValueError, match=r"a.npz is not a whole .npz of plain arrays") as refusal:
            load(path)
        assert "pickle" not in str(refusal.value)  # NumPy's advice for a file of another kind is to allow pickles


@pytest.mark.parametrize("train, test", [(np.uint8, np.float32), (np.float32, np.uint8)])
def test_npz_with_bytes_in_one_part_only(tmp_path, train, test):
    """One part would be scaled to [0, 1] and the other not, and nothing would show it but the accuracy."""
    x, y = np.ones((3, 1, 2, 2)), np.array([0, 1, 2])
    np.savez(tmp_path / "a.npz", x=x.astype(train), y=y, x_test=x.astype(test), y_test=y)
    with pytest.raises(ValueError, match=r"a.npz: .*all x must be uint8 with one scale and shift, or all floats"):
        load(tmp_path / "a.npz")


def test_available(tmp_path, small_mnist, monkeypatch):
    for name in ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
        (tmp_path / name).write_bytes(small_mnist[name])
    monkeypatch.setenv("MINICREST_DATA", str(tmp_path))
    rows = {name: (present, where, how) for name, present, where, how in available()}
    assert [name for name in rows if name.startswith("FILE")] == ["FILE.npz", "FILE.csv", "FILE.txt"]
    assert "y_test" in rows["FILE.npz"][2] and "label" in rows["FILE.csv"][2] and "LABEL" in rows["FILE.txt"][2]
    assert list(rows)[:4] == ["digits", "digits-images", "blobs", "spirals"] and rows["digits"][1] == "built in"
    assert rows["mnist10k"][:2] == (True, str(tmp_path)) and not rows["mnist"][0] and not rows["cifar10"][0]
    assert "mnist10k" in rows["mnist"][1] and "https://www.cs.toronto.edu/~kriz/cifar.html" in rows["cifar10"][2]
    assert len(load("mnist10k")) == 40  # the environment variable is enough
    monkeypatch.delenv("MINICREST_DATA")
    assert not any(present for name, present, *_ in available() if name in SOURCES)
