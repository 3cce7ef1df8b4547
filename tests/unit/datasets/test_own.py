"""Data of your own: what .npz, .csv and .txt files may look like, and what each is told when it looks otherwise."""

import numpy as np
import pytest

from minicrest.datasets import load, readers
from minicrest.random import stream

ROWS = [("cat", 1.5, -2.0), ("dog", 0.25, 3.0), ("cat", 4.0, 1e-3), ("ant", 0.0, 7.0), ("dog", 2.0, 2.0)]


def written(tmp_path, content, name="mine.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(content.encode(encoding))
    return path


def table(order="lab", header=None, delimiter=",", newline="\n", quote=""):
    """ROWS with the columns in the order of the letters l (label), a and b."""
    pick = ["lab".index(letter) for letter in order]
    lines = [delimiter.join(f"{quote}{row[j]}{quote}" for j in pick) for row in ROWS]
    return newline.join(([header] if header else []) + lines) + newline


@pytest.mark.parametrize(
    "content",
    [
        table(), table(header="label,a,b"), table("alb", "a,label,b"), table("abl", "a,b,class"), table("abl",
         "a,b,Target"),
        table("abl", "a,b, Y "), table(header="species,a,b"),
        table(newline="\r\n"), table(newline="\r\n", header="label,a,b") + "\r\n,,\r\n",
         "\ufeff" + table(header="label,a,b"),
        table(quote='"'), table(header='"label","a, or so","b"'), "\n" + table(), table().rstrip(),
         table(header="label,1,2"),
        table(delimiter=" ,"), table("abl", "0,1,label"),
    ],
)  # fmt: skip
def test_a_csv_in_all_its_shapes(tmp_path, content):
    data = load(written(tmp_path, content))
    assert data.classes == ("ant", "cat", "dog") and data.y.tolist() == [1, 2, 1, 0, 2] and data.name == "mine"
    assert data.x.dtype == np.float32 and data.test is None
    np.testing.assert_array_equal(data.x, np.array([row[1:] for row in ROWS], np.float32))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_a_csv_in_several_encodings(tmp_path, encoding):
    data = load(written(tmp_path, "label,a\nf\xfcnf,1\ndrei,2\ndrei,3\n", encoding=encoding))
    assert data.classes == ("drei", "f\xfcnf") and data.y.tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    "labels, classes, y",
    [
        ("10 9 9", "9 10", [1, 0, 0]), ("1.0 0 1", "0 1", [1, 0, 1]), ("-1 1 1", "-1 1", [0, 1, 1]),
        ("2 x 2", "2 x", [0, 1, 0]), ("True False True", "False True", [1, 0, 1]),
        ("5 1000000000 5", "5 1000000000", [0, 1, 0]),
    ],
)  # fmt: skip
def test_labels_of_a_csv(tmp_path, labels, classes, y):
    data = load(written(tmp_path, "".join(f"{label},{k}\n" for k, label in enumerate(labels.split()))))
    assert data.classes == tuple(classes.split()) and data.y.tolist() == y


def test_a_first_line_whose_label_is_called_y(tmp_path):
    """Alone it could be a header; its word among the labels below says that it is an example."""
    assert load(written(tmp_path, "y,1,2\nn,3,4\ny,5,6\n")).x.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert load(written(tmp_path, "y,1,2\nn,3,4\nn,5,6\n")).x.tolist() == [[3, 4], [5, 6]]


@pytest.mark.parametrize(
    "content, message",
    [
        ("", "expected a line an example.*got 0 columns"), ("\n\n", "got 0 columns"), ("a\nb\n", "got 1 columns"),
        ("x;1;2\nx;1;2\n", "got 1 columns with commas between"),
        ("label,a\n", "a header and no examples"),
        ("label,a,b\nx,1,2\ny,3\n", "line 3: 2 columns, where the first line has 3"),
        ("label,a,b\nx,1,\n", "line 2, column 'b': a missing value (''); fill it in"),
        ("label,a,b\nx,NA,2\n", "line 2, column 'a': a missing value ('NA')"),
        ("a,b,label\n1,2,x\n1,2,\n", "line 3, column 'label': a missing value ('')"),
        ("x,1,2\nx,nan,2\n", "line 2, column 2: a missing value ('nan')"),
        ("x,NA,NA\nx,1,2\n", "line 1, column 2: a missing value ('NA')"),
        ("x,1,2\nx,inf,2\n", "line 2, column 2: 'inf' is no finite number"),
        ("x,1,2\nx,1e39,2\n", "line 2, column 2: '1e39' is no finite number"),
        ("x,1,2\nx,1_0,2\n", "line 2, column 2: '1_0' is no finite number"),
        ("a,b,species\n1,2,cat\n", "line 2, column 'species': 'cat' is no finite number; expected a line an example"),
        (",a,label\n0,1,x\n1,2,x\n", "column 1 has no name; row numbers, as pandas writes them, .*index=False"),
        ("y,a,target\n0,1,1\n", "the columns ['y', 'target'] could all be the label"),
        ("0.5,1\n0.7,2\n", "the label '0.5' is no class; give whole numbers or words"),
        ("0,1\n1,2\n2,3\n", "no label occurs twice; put the label first"),
        ('x,"1\n2,3\n', "line 2: unexpected end of data; expected a line an example"),
    ],
)  # fmt: skip
def test_a_csv_that_is_none_names_line_and_column(tmp_path, content, message):
    path = written(tmp_path, content)
    with pytest.raises(ValueError) as refusal:
        load(path)
    text = str(refusal.value)
    assert text.startswith(str(path)) and all(part in text for part in message.split(".*"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_txt(tmp_path, encoding, newline):
    lines = ["good a caf\xe9 again", "bad\tno caf\xe9 at all", "good yes", ""]
    data = load(written(tmp_path, newline.join(lines), "mine.txt", encoding))
    assert data.classes == ("bad", "good") and data.y.tolist() == [1, 0, 1] and data.x.shape == (3, 2048)
    np.testing.assert_array_equal(data.x, readers.hashed(["a caf\xe9 again", "no caf\xe9 at all", "yes"]))
    numbered = load(written(tmp_path, "3 one\n10 two\n3 three\n", "MINE.TXT"))
    assert numbered.classes == ("3", "10") and numbered.y.tolist() == [0, 1, 0]


@pytest.mark.parametrize("content, message", [("", "'LABEL sentence' in line 1, found ' '"),
("a b\nc\na d", "line 2"),
                                              ("a b\n\na d", "line 2"),
                                              ("1.5 a\n2 b\n2 b", "the label '1.5' is no class")])
def test_a_txt_that_is_none(tmp_path, content, message):
    with pytest.raises(ValueError, match=rf"mine.txt.*{message}"):
        load(written(tmp_path, content, "mine.txt"))


@pytest.mark.parametrize("name", ["mine.csv", "mine.txt"])
def test_a_text_in_another_encoding(tmp_path, name):
    with pytest.raises(ValueError, match=f"{name} is no UTF-8 text; save it as UTF-8"):
        load(written(tmp_path, "a,1\nb,2\na,3\n", name, "utf-16"))


def test_a_txt_too_long_to_hash(tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "MOST_LINES", 3)
    with pytest.raises(ValueError, match=r"mine.txt .*at most 3 lines, .*found 4"):
        load(written(tmp_path, 4 * "a b\n", "mine.txt"))


def saved(tmp_path, **arrays):
    np.savez(tmp_path / "mine.npz", **arrays)
    return tmp_path / "mine.npz"


def test_a_test_part_is_held_out_whatever_the_seed(tmp_path):
    x, y = np.arange(50.0)[:, None], np.arange(50) % 5
    path = saved(tmp_path, x=x, y=y)
    data, other = load(path, seed=1, test=0.2), load(path, seed=2, test=0.2)
    assert load(path).test is None and len(data) == 40 and np.bincount(data.test.y).tolist() == [2] * 5
    assert sorted([*data.x[:, 0], *data.test.x[:, 0]]) == list(range(50))
    assert data.fingerprint() == other.fingerprint()
    both = load(path, seed=1, validation=0.25, test=0.2)
    assert len(both) == 30 and len(both.validation) == 10 and both.test.fingerprint() == data.test.fingerprint()
    single = load(saved(tmp_path, x=x, y=np.append(y[:-1], 5)), test=0.5)
    assert 5 in single.y and 5 not in single.test.y


@pytest.mark.parametrize("part", ["test", "val"])
def test_parts_that_an_npz_brings_are_used(tmp_path, part):
    x, y = np.arange(12.0)[:, None], np.arange(12) % 3
    path = saved(tmp_path, x=x, y=y, **{f"x_{part}": x[:4] + 100, f"y_{part}": y[:4]})
    data = load(path)
    brought = data.test if part == "test" else data.validation
    assert brought.x[:, 0].tolist() == [100, 101, 102, 103] and brought.classes == ("0", "1", "2")
    with pytest.raises(ValueError, match=r"has a (test|validation) part of 4"):
        load(path, test=0.2 * (part == "test"), validation=0.2 * (part == "val"))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"y_test": np.array([0.5, 1, 0])}, "float64, the data set itself int64; give integer classes to both"),
        ({"y_test": np.array([0.0, 1, 0])},
         r"y_test is float64 of whole numbers; give classes, as y.astype\(int"),
        ({"y": np.array([0.0, 1, 0])}, r"y is float64 of whole numbers; give classes, as y.astype\(int\)"),
        ({"y": np.eye(3), "y_test": np.eye(3)}, "is one-hot; give classes, as y.argmax"),
        ({"y": np.array([0, 1, 10**9])}, "but there are only 3 examples; number them .*np.unique"),
        ({"y": np.array(["a", "b", "a"])}, "y is text; give classes 0..C-1, as np.unique"),
        ({"y": np.array([0, np.nan, 1]), "y_test": np.array([0, np.nan, 1])}, "y holds NaN"),
        ({"x_test": np.ones((3, 3))}, r"examples of shape \(3,\) .* the data set itself examples of shape \(2,\)"),
        ({"x": np.ones((3, 32, 32, 3))}, r"channels last; give x.transpose\(0, 3, 1, 2\)"),
        ({"x": np.ones((3, 2), "complex64")}, "an array of complex64"),
        ({"x": np.ones((3, 2), int)}, "x is int64; give float32"),
    ],
)
def test_an_npz_of_other_things(tmp_path, change, message):
    x, y = np.ones((3, 2)), np.array([0, 1, 0])
    with pytest.raises(ValueError, match=rf"mine.npz.*{message}"):
        load(saved(tmp_path, **({"x": x, "y": y, "x_test": x, "y_test": y} | change)))


@pytest.mark.parametrize("dtype", ["int8", "uint16", ">i4", "bool"])
def test_integers_are_classes_and_fractions_targets(tmp_path, dtype):
    x, y = np.ones((4, 2)), np.array([0, 1, 1, 0])
    data = load(saved(tmp_path, x=x, y=y.astype(dtype), x_test=x, y_test=y))
    assert data.classes == ("0", "1") and data.y.dtype == np.int64 and data.test.y.tolist() == [0, 1, 1, 0]
    targets = load(saved(tmp_path, x=x, y=y + 0.5))
    assert targets.n_classes == 0 and targets.y.tolist() == [0.5, 1.5, 1.5, 0.5]


@pytest.mark.parametrize("arguments, error", [
    ({"validation": np.nan}, ValueError), ({"validation": 1.0}, ValueError), ({"validation": -0.1}, ValueError),
    ({"validation": "0.1"}, TypeError), ({"test": np.nan}, ValueError), ({"test": 1}, ValueError),
    ({"test": True}, TypeError),
    ({"seed": 0.5}, TypeError), ({"seed": np.nan}, TypeError),
])  # fmt: skip
def test_arguments_of_load(arguments, error):
    with pytest.raises(error, match=next(iter(arguments))):
        load("blobs", **arguments)


@pytest.mark.parametrize("ending", [".npz", ".csv", ".txt"])
def test_a_file_that_is_not_there(tmp_path, ending):
    (tmp_path / f"folder{ending}").mkdir()
    for name in ("nothing", "folder"):
        with pytest.raises(FileNotFoundError, match=rf"{name}{ending}: no such {ending} file; it should hold"):
            load(tmp_path / f"{name}{ending}")


def test_paths_are_taken_as_given(tmp_path):
    for name in ("a.b c.csv", "$HOME.csv", "\xe9\u4e2d.csv", "UPPER.CSV"):
        assert len(load(written(tmp_path, table(), name))) == 5
    (tmp_path / "link.csv").symlink_to(tmp_path / "UPPER.CSV")
    assert load(str(tmp_path / "link.csv")).name == "link"


def test_own_data_train(tmp_path):
    """From a .csv to a prediction, in the terms of any other data set."""
    rng = stream(0, "own data")
    x = rng.standard_normal((60, 3))
    lines = [f"{'high' if row.sum() > 0 else 'low'},{row[0]},{row[1]},{row[2]}" for row in x]
    data = load(written(tmp_path, "\n".join(lines)), test=0.25, validation=0.2)
    assert (len(data), len(data.test), len(data.validation)) == (36, 15, 9)
    assert (data.x.sum(axis=1) > 0).tolist() == (data.y == data.classes.index("high")).tolist()
