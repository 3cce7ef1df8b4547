"""Fixtures that every test may use: the devices to run on."""

import os
import sys

import pytest

from minicrest.backend import gpu_available

os.environ["COLUMNS"] = "120"  # tables and sentences are as wide as where there is no terminal


@pytest.fixture(params=["cpu", "cuda"])
def device(request, monkeypatch):
    """"cpu", then "cuda": real CuPy where there is a GPU, elsewhere the strict stand-in of tests/standin.py."""
    if request.param == "cuda" and not gpu_available():
        from tests import standin

        monkeypatch.setitem(sys.modules, "cupy", standin.module)
    return request.param
