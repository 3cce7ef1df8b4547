"""Streams and devices: what is no seed, no purpose or no device is refused."""

import numpy as np
import pytest

from minicrest.backend import to_device
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
