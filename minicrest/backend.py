"""The same lines run on NumPy ("cpu") and on CuPy ("cuda", imported only when asked for): the arrays say which."""

import sys
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

DEVICES = ("cpu", "cuda")
_matmul: ContextVar = ContextVar("matmul", default=None)  # see multiplying_by


def array_module(*arrays):
    """The module whose functions work on `arrays`, of any shape: cupy if any of them is a CuPy array, else numpy."""
    for array in arrays:
        if type(array).__module__.partition(".")[0] == "cupy":
            return sys.modules["cupy"]
    return np


def device_of(array) -> str:
    """Where `array`, of any shape, lives: "cpu" or "cuda"."""
    return "cpu" if array_module(array) is np else "cuda"


def matmul(a, b, out=None):
    """a (..., n, k) @ b (..., k, m), into `out` if it is given: by NumPy or CuPy, or as `multiplying_by` says."""
    return (_matmul.get() or array_module(a).matmul)(a, b, out=out)


@contextmanager
def multiplying_by(function):
    """Inside, in this thread, `matmul` is `function`, which is called with a (n, k), b (k, m) and `out`, (n, m) or
    None; or with vectors in their place."""
    token = _matmul.set(function)
    try:
        yield
    finally:
        _matmul.reset(token)


def check_device(device: str) -> str:
    """`device`; ValueError for anything but "cpu" and "cuda"."""
    if device not in DEVICES:
        raise ValueError(f"device must be one of {DEVICES}, got {device!r}")
    return device


def to_device(array, device: str):
    """An array of any shape, list or number on `device`; copied only if it has to move. RuntimeError without CuPy."""
    return cupy_module().asarray(array) if check_device(device) == "cuda" else to_numpy(array)


def to_numpy(array) -> np.ndarray:
    """`array`, of any shape, as a NumPy array on the host; a NumPy array comes back as it is."""
    xp = array_module(array)
    return np.asarray(array) if xp is np else xp.asnumpy(array)


def gpu_available() -> bool:
    """True if CuPy is installed and sees at least one CUDA device."""
    try:
        return cupy_module().cuda.runtime.getDeviceCount() > 0
    except Exception:  # no CuPy, no driver, no device: CuPy raises a different type for each
        return False


def synchronize(device: str) -> None:
    """Wait until `device` has finished its work: a clock read before that measures too little."""
    if check_device(device) == "cuda":
        cupy_module().cuda.get_current_stream().synchronize()


def cupy_module():
    """cupy. RuntimeError where it is not installed."""
    try:
        import cupy
    except ImportError as error:
        needs = 'device "cuda" needs CuPy: pip install "minicrest[cuda12]" (CUDA 12) or "minicrest[cuda13]" (CUDA 13)'
        raise RuntimeError(needs) from error
    return cupy
