"""Streams and devices: what is no seed, no purpose or no device is refused."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from minicrest.backend import matmul, multiplying_by, to_device
from minicrest.random import stream


@pytest.mark.parametrize("arguments", [(1.7,), ("1",), (None,), (0, 2.5), (0, "word", None)], ids=str)
def test_a_stream_takes_whole_numbers_and_words(arguments):
    with pytest.raises(TypeError, match="a seed is a whole number, a purpose words and whole numbers, got"):
        stream(*arguments)


def test_numpys_integers_are_whole_numbers():
    assert stream(np.int64(3), "a", np.uint8(2)).random() == stream(3, "a", 2).random()


def test_lists_and_numbers_become_arrays():
    assert to_device([1, 2], "cpu").tolist() == [1, 2] and to_device(3.0, "cpu").shape == ()


def test_another_device():
    with pytest.raises(ValueError, match=r"device must be one of \('cpu', 'cuda'\), got 'gpu'"):
        to_device(np.ones(2), "gpu")


def test_who_multiplies():
    """`multiplying_by` decides inside its block, in the thread that entered it, and no longer."""
    a, b = np.ones((2, 3)), np.ones((3, 4))
    with multiplying_by(lambda a, b, out: "mine"):
        with pytest.raises(ValueError, match="stop"), multiplying_by(lambda a, b, out: "the inner one's"):
            assert matmul(a, b) == "the inner one's"
            raise ValueError("stop")
        assert matmul(a, b) == "mine"
        with ThreadPoolExecutor(1) as pool:
            np.testing.assert_array_equal(pool.submit(matmul, a, b).result(), a @ b)
    np.testing.assert_array_equal(matmul(a, b, out=np.empty((2, 4))), a @ b)
