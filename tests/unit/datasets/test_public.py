"""CIFAR-100, Tiny ImageNet and SNLI from small files in their published layouts, whole and damaged."""

import gzip
import io
import json
import pickle

import numpy as np
import pytest

from minicrest import cli
from minicrest.datasets import available, load
from minicrest.experiments import public_files
from minicrest.experiments.public_files import FINE, SNLI_WORDS
from minicrest.random import stream

Image = pytest.importorskip("PIL.Image", reason="needs Pillow, which comes with Matplotlib and no extra")
NAMES = ("n01443537", "n01629819", "n00000003")


def cifar100(folder, layout):
    """The bytes of 6 and 3 random images; returns their pixels and fine labels."""
    rng, content = stream(0, "cifar100"), {}
    folder = folder / f"cifar-100-{layout}"
    folder.mkdir(parents=True)
    for name, count in (("train", 6), ("test", 3)):
        x, y = rng.integers(0, 256, (count, 3072), dtype=np.uint8), rng.permutation(100)[:count]
        coarse = y // 5
        records = b"".join(bytes([c, f]) + row.tobytes() for c, f, row in zip(coarse, y, x))
        batch = {b"filenames": [b"a.png"] * count, b"batch_label": b"training batch 1 of 1", b"fine_labels": y.tolist(),
                 b"coarse_labels": coarse.tolist(), b"data": x}  # fmt: skip
        path, raw = (name, pickle.dumps(batch, 2)) if layout == "python" else (f"{name}.bin", records)
        (folder / path).write_bytes(raw)
        content[name] = x.reshape(-1, 3, 32, 32), y
    return content


def jpeg(pixels, mode="RGB"):
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, format="JPEG", quality=95)
    return buffer.getvalue()


def tiny(folder):
    """Two training images a class, one of them grey, and three validation images."""
    rng, root = stream(0, "tiny"), folder / "tiny-imagenet-200"
    (root / "val" / "images").mkdir(parents=True)
    (root / "wnids.txt").write_text("\n".join(NAMES) + "\n")
    lines = []
    for label, name in enumerate(NAMES):
        (root / "train" / name / "images").mkdir(parents=True)
        flat = np.full((64, 64, 3), 40 * (label + 1), np.uint8)
        for k, mode in enumerate(("RGB", "L")):
            (root / "train" / name / "images" / f"{name}_{k}.JPEG").write_bytes(jpeg(flat, mode))
        (root / "val" / "images" / f"val_{label}.JPEG").write_bytes(jpeg(rng.integers(0, 256, (64, 64, 3), np.uint8)))
        lines.append(f"val_{label}.JPEG\t{name}\t0\t32\t44\t62\n")
    (root / "val" / "val_annotations.txt").write_text("".join(reversed(lines)))
    return root


def line(label, one="A man sleeps.", two="Nobody is awake!", **more):
    return json.dumps({"gold_label": label, "sentence1": one, "sentence2": two, "annotator_labels": [label], **more})


def snli(folder):
    (folder / "snli_1.0").mkdir(parents=True)
    labels = ["neutral", "entailment", "-", "contradiction", "neutral", "entailment"]
    for part in ("train", "dev", "test"):
        text = "\n".join(line(label, one=f"{part} {k}") for k, label in enumerate(labels))
        (folder / "snli_1.0" / f"snli_1.0_{part}.jsonl").write_text(text + "\n")
    return folder / "snli_1.0" / "snli_1.0_train.jsonl"


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(public_files, "CIFAR100", {"train": 6, "test": 3})


# ---- whole


@pytest.mark.parametrize("layout", ["binary", "python"])
def test_cifar100_in_both_layouts(tmp_path, layout):
    content = cifar100(tmp_path, layout)
    data = load("cifar100", tmp_path)
    for part, (x, y) in zip((data, data.test), content.values()):
        assert part.x.dtype == np.uint8 and (part.x == x).all() and (part.y == y).all()
    assert data.classes == tuple(FINE) and len(set(FINE)) == 100 and sorted(FINE) == FINE and data.augment == 4
    mean, std = (np.array(values).reshape(3, 1, 1) for values in ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)))
    np.testing.assert_allclose(data.inputs(), (content["train"][0] / 255 - mean) / std, rtol=1e-5, atol=1e-5)


def test_tiny_imagenet_in_its_folders(tmp_path, monkeypatch):
    root = tiny(tmp_path)
    data = load("tinyimagenet", tmp_path)
    assert data.classes == NAMES and data.x.shape == (6, 3, 64, 64) and data.x.dtype == np.uint8
    assert data.y.tolist() == [0, 0, 1, 1, 2, 2] and data.test.y.tolist() == [2, 1, 0]  # as the annotations are
    for label, (colour, grey) in enumerate(data.x.reshape(3, 2, 3, 64, 64)):
        assert abs(colour.astype(int) - 40 * (label + 1)).max() <= 2 and abs(grey.astype(int) - colour).max() <= 2
    with Image.open(root / "val" / "images" / "val_2.JPEG") as picture:
        assert (data.test.x[0] == np.asarray(picture).transpose(2, 0, 1)).all()
    monkeypatch.setenv("MINICREST_DATA", str(tmp_path))
    assert load("tinyimagenet").classes == NAMES  # whichever way the folder is named


@pytest.mark.parametrize("packed", [False, True])
def test_snli_as_hashed_words_of_both_sentences(tmp_path, packed):
    path = snli(tmp_path)
    if packed:
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    data = load("snli", tmp_path)
    assert data.classes == ("entailment", "neutral", "contradiction") and data.y.tolist() == [1, 0, 2, 1, 0]
    assert data.x.shape == (5, 2 * SNLI_WORDS) and data.x.dtype == np.float32
    first, second = data.x[:, :SNLI_WORDS], data.x[:, SNLI_WORDS:]
    np.testing.assert_allclose(np.linalg.norm(first, axis=1), 1, rtol=1e-6)
    assert (second == second[0]).all() and (first[0] != second[0]).any()  # one hypothesis, many premises
    assert len(data.test) == 5 and (data.test.x[:, SNLI_WORDS:] == second).all()


def test_pairs_are_hashed_part_by_part_to_the_same_numbers(tmp_path, monkeypatch):
    path = snli(tmp_path)
    whole = public_files.snli(path)
    monkeypatch.setattr(public_files, "PART", 2)
    assert all((a == b).all() for a, b in zip(public_files.snli(path), whole))


def test_they_are_listed_with_how_to_get_them(tmp_path, capsys):
    snli(tmp_path)
    rows = {name: (there, where, how) for name, there, where, how in available(tmp_path)}
    assert rows["snli"][0] and not rows["cifar100"][0] and not rows["tinyimagenet"][0]
    assert "lacks train" in rows["cifar100"][1] and "cs.toronto.edu" in rows["cifar100"][2]
    assert cli.main(["data", "--data-dir", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "To get tinyimagenet: Unpack into the data folder: http://cs231n.stanford.edu/tiny-imagenet-200.zip" in out
    with pytest.raises(ValueError, match=r"no data set is called 'cifar1000' \(did you mean 'cifar100'\?\)"):
        load("cifar1000")


def test_a_small_network_trains_on_each(tmp_path, monkeypatch):
    """The presets have a network for each; these three steps are not about how good it gets."""
    cifar100(tmp_path, "binary"), tiny(tmp_path), snli(tmp_path)
    monkeypatch.chdir(tmp_path)
    for name in ("cifar100", "tinyimagenet", "snli"):
        told = ["train", "--data", name, "--data-dir", str(tmp_path), "--method", "random", "--m", "2", "--steps", "3"]
        assert cli.main(told) == 0


# ---- damaged


@pytest.mark.parametrize("layout", ["binary", "python"])
def test_damaged_cifar100(tmp_path, layout):
    cifar100(tmp_path, layout)
    path = tmp_path / f"cifar-100-{layout}" / ("train" if layout == "python" else "train.bin")
    raw = path.read_bytes()
    for bad in (raw[:-1], raw[:100], b"", raw + raw):
        path.write_bytes(bad)
        if layout == "python" and bad == raw + raw:
            continue  # a pickle ends at its STOP
        with pytest.raises(ValueError, match=r"train.* is damaged or is another file: expected .*Get it from https"):
            load("cifar100", tmp_path)
    if layout == "binary":
        path.write_bytes(raw[:1] + bytes([100]) + raw[2:])
        with pytest.raises(ValueError, match=r"expected labels in 0\.\.99, found \d+\.\.100"):
            load("cifar100", tmp_path)


@pytest.mark.parametrize("change, error, says", [
    (lambda root: (root / "wnids.txt").write_text("n1\nn1\n"), ValueError, "different names of classes"),
    (lambda root: (root / "wnids.txt").write_text("../../x\n"), ValueError, "different names of classes"),
    (lambda root: (root / "wnids.txt").write_text("n9\n"), FileNotFoundError, r"n9.images holds no \.JPEG"),
    (lambda root: (root / "val" / "val_annotations.txt").unlink(), FileNotFoundError, "val_annotations"),
    (lambda root: (root / "val" / "val_annotations.txt").write_text(""), ValueError, "a line for each image"),
    (lambda root: (root / "val" / "val_annotations.txt").write_text("val_0.JPEG\tn9\t0\n"), ValueError, "in line 1"),
    (lambda root: (root / "val" / "val_annotations.txt").write_text(f"../a.JPEG\t{NAMES[0]}\n"), ValueError, "line 1"),
    (lambda root: (root / "val" / "images" / "val_1.JPEG").unlink(), FileNotFoundError, "val_1.JPEG is in val_ann"),
    (lambda root: (root / "val" / "images" / "val_1.JPEG").write_bytes(b"no"), ValueError, "a JPEG of 64 by 64"),
    (lambda root: (root / "val" / "images" / "val_1.JPEG").write_bytes(jpeg(np.zeros((8, 9, 3), np.uint8))), ValueError,
     "found 9 by 8 pixels"),
])  # fmt: skip
def test_damaged_tiny_imagenet(tmp_path, change, error, says):
    change(tiny(tmp_path))
    with pytest.raises(error, match=says):
        load("tinyimagenet", tmp_path)


@pytest.mark.parametrize("bad, says", [
    ("", "for each pair of sentences"), ("{", "in line 1"), ("[]", "in line 1"), ("3", "in line 1"),
    (line("perhaps"), r"in line 1, found the label 'perhaps'"), (line(3), "the label 3"),
    (line("neutral", two=None), "sentences that are no text"), ('{"gold_label": "neutral"}', "sentence1"),
    (line("neutral") + "\n" + line("neutral", one="x" * (1 << 16)), "in line 2"), ("[" * 100_000, "in line 1"),
    (line("neutral") + "\n\n" + line("neutral"), "in line 2"),
])  # fmt: skip
def test_damaged_snli(tmp_path, bad, says):
    path = snli(tmp_path)
    path.write_text(bad)
    with pytest.raises(ValueError, match=rf"snli_1\.0_train\.jsonl is damaged or is another file.*{says}"):
        load("snli", tmp_path)


def test_more_lines_than_there_are(tmp_path, monkeypatch):
    path = snli(tmp_path)
    monkeypatch.setattr(public_files, "MOST_LINES", 5)
    with pytest.raises(ValueError, match="more lines than SNLI has"):
        public_files.snli(path)


@pytest.mark.parametrize("name, make, file", [
    ("cifar100", lambda folder: cifar100(folder, "python"), "cifar-100-python/train"),
    ("tinyimagenet", tiny, f"tiny-imagenet-200/train/{NAMES[0]}/images/{NAMES[0]}_0.JPEG"),
    ("snli", snli, "snli_1.0/snli_1.0_train.jsonl"),
    ("snli", lambda folder: (snli(folder), (folder / "snli_1.0/snli_1.0_train.jsonl.gz").write_bytes(gzip.compress(
        (folder / "snli_1.0/snli_1.0_train.jsonl").read_bytes(), mtime=0)),
        (folder / "snli_1.0/snli_1.0_train.jsonl").unlink()), "snli_1.0/snli_1.0_train.jsonl.gz"),
])  # fmt: skip
def test_flipped_bits_give_data_or_a_clear_error(tmp_path, name, make, file):
    make(tmp_path)
    raw, rng, refused = (tmp_path / file).read_bytes(), stream(0, "flips", name), 0
    for place in rng.integers(0, min(len(raw), 700), 60):
        bent = bytearray(raw)
        bent[place] ^= 1 << int(rng.integers(8))
        (tmp_path / file).write_bytes(bent)
        try:
            load(name, tmp_path)
        except (ValueError, FileNotFoundError):
            refused += 1
    assert refused > 5
