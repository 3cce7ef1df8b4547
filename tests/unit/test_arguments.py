"""Checks of arguments: what passes comes back converted; what does not is told what came and what is expected."""

import numpy as np
import pytest

from minicrest.arguments import dense, flag, like, listed, number, one_of, path, shaped, shown, text, whole


def test_whole_numbers():
    assert [whole("k", value, 0) for value in (0, np.int8(3), np.uint64(7))] == [0, 3, 7]
    for value in (1.0, "1", None, True, np.bool_(True), np.float32(1), [1], np.array([1, 2])):
        with pytest.raises(TypeError, match="k must be a whole number, got"):
            whole("k", value)
    for value, least, most, words in ((0, 1, None, "at least 1"), (3, None, 2, "at most 2"), (5, 1, 4, r"in 1\.\.4")):
        with pytest.raises(ValueError, match=f"k must be {words}, got {value}"):
            whole("k", value, least, most)


def test_numbers_and_their_intervals():
    inside = [(0, "[0, 1]"), (1, "[0, 1]"), (0.5, "(0, 1)"), (np.float32(0.25), "(0, 1)"), (-3, "(-inf, inf)")]
    assert [number("a", *case) for case in inside] == [0, 1, 0.5, 0.25, -3]
    for value, interval in ((0, "(0, 1]"), (1, "[0, 1)"), (-0.1, "[0, 1]"), (1.1, "[0, 1]"), (float("nan"), "[0, 1]")):
        with pytest.raises(ValueError) as error:
            number("a", value, interval)
        assert str(error.value) == f"a must be a number in {interval}, got {value}"
    for value in (float("nan"), float("inf"), 10**400):
        with pytest.raises(ValueError, match="a must be finite"):
            number("a", value)
    for value in ("1", None, True, 1j, [1.0]):
        with pytest.raises(TypeError, match="a must be a number, got"):
            number("a", value)


def test_choices_and_flags():
    one_of("mode", "x", ("x", "y"))
    for value in ("z", None, ["x"]):
        with pytest.raises(ValueError, match="mode must be one of x, y, got"):
            one_of("mode", value, ("x", "y"))
    assert flag("on", True) is True and flag("on", np.bool_(False)) is False
    for value in (1, 0, "yes", None):
        with pytest.raises(TypeError, match="on must be True or False, got"):
            flag("on", value)


def test_arrays_as_people_have_them(device):
    from minicrest.backend import to_device

    x = np.arange(6.0).reshape(2, 3)
    assert dense("x", x) is x and np.array_equal(dense("x", x.tolist()), x)
    there = to_device(x, device)
    assert dense("x", there) is there
    for value in ([[1, 2], [3]], ["a"], [object()], None):
        with pytest.raises(TypeError, match="x must be an array of numbers, got"):
            dense("x", value)


def test_a_sparse_matrix_is_told_how_to_become_dense():
    from scipy.sparse import csr_matrix

    with pytest.raises(TypeError, match=r"x is a sparse csr_matrix; give a dense array, as with x\.toarray\(\)"):
        dense("x", csr_matrix(np.eye(2)))


def test_long_values_are_shown_by_their_type():
    assert [shown(v) for v in (1, "a", None, (1, 2))] == ["1", "'a'", "None", "(1, 2)"]
    assert [shown(v) for v in ([0] * 100, np.zeros(2), {})] == ["a list", "a ndarray", "a dict"]


def test_objects_are_known_by_what_they_have():
    assert like("f", len, "a function", "__call__") is len
    for value in (3, "text", int):
        with pytest.raises(TypeError, match="m must be a moving average, got"):
            like("m", value, "a moving average", "total", "count")
    with pytest.raises(TypeError, match="f must be an object, got a type"):
        like("f", int, "an object", "real")


def test_text_paths_and_lists():
    assert text("name", "a") == "a" and listed("sizes", (1, 2)) == [1, 2] and path("out", "a/b").name == "b"
    for check, wanted, values in ((text, "text", (None, 3, b"a")), (path, "text or a path", (None, 3, 1.5, [])),
                                  (listed, "a list or a tuple", (None, 3, "ab", {1: 2}))):  # fmt: skip
        for value in values:
            with pytest.raises(TypeError, match=f"given must be {wanted}, got"):
                check("given", value)


def test_shapes():
    x = np.ones((2, 3))
    assert shaped("x", x, 2, None) is x and shaped("x", [1, 2], None).tolist() == [1, 2] and shaped("x", 3.0).ndim == 0
    cases = {(2,): r"\(2,\)", (None,): r"\(any,\)", (3, 3): r"\(3, 3\)", (2, None, 1): r"\(2, any, 1\)"}
    for shape, wanted in cases.items():
        with pytest.raises(ValueError, match=rf"x must have the shape {wanted}, got \(2, 3\)"):
            shaped("x", x, *shape)
