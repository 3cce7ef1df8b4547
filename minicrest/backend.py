"""The same lines run on NumPy ("cpu") and on CuPy ("cuda", imported only when asked for): the arrays say which."""

import sys

import numpy as np

DEVICES = ("cpu", "cuda")


def array_module(*arrays):
    """The module whose functions work on `arrays`, of any shape: cupy if any of them is a CuPy array, else numpy."""
    for array in arrays:
        if type(array).__module__.partition(".")[0] == "cupy":
            return sys.modules["cupy"]
    return np


def device_of(array) -> str:
    """Where `array`, of any shape, lives: "cpu" or "cuda"."""
    return "cpu" if array_module(array) is np else "cuda"


def check_device(device: str) -> str:
    """`device`; ValueError for anything but "cpu" and "cuda"."""
    if device not in DEVICES:
        raise ValueError(f"device must be one of {DEVICES}, got {device!r}")
    return device


def to_device(array, device: str):
    """An array of any shape, list or number on `device`; copied only if it has to move. RuntimeError without CuPy."""
    return _cupy().asarray(array) if check_device(device) == "cuda" else to_numpy(array)


def to_numpy(array) -> np.ndarray:
    """`array`, of any shape, as a NumPy array on the host; a NumPy array comes back as it is."""
    xp = array_module(array)
    return np.asarray(array) if xp is np else xp.asnumpy(array)


def gpu_available() -> bool:
    """True if CuPy is installed and sees at least one CUDA device."""
    try:
        return _cupy().cuda.runtime.getDeviceCount() > 0
    except Exception:  # no CuPy, no driver, no device: CuPy raises a different type for each
        return False


def synchronize(device: str) -> None:
    """Wait until `device` has finished its work: a clock read before that measures too little."""
    if check_device(device) == "cuda":
        _cupy().cuda.get_current_stream().synchronize()


def _cupy():
    try:
        import cupy
    except ImportError as error:
        needs = 'device "cuda" needs CuPy: pip install "minicrest[cuda12]" (CUDA 12) or "minicrest[cuda13]" (CUDA 13)'
        raise RuntimeError(needs) from error
    return cupy
