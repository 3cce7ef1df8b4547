"""Reading untrusted .npz files: every entry's checksum is verified before, and not after, its header is parsed."""

import io
import math
import zipfile

import numpy as np

READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read(path, largest: int = 1 << 34) -> dict[str, np.ndarray]:
    """The arrays of the .npz at `path` by name. ValueError unless numbers or text of `largest` bytes at most."""
    with open(path, "rb") as file:
        try:
            with zipfile.ZipFile(file) as entries:
                return _arrays(entries, largest)
        except Exception as error:  # zipfile and NumPy raise a dozen types for a damaged file
            raise ValueError(f"{path} is not a whole .npz of plain arrays ({_reason(error)})") from error


def _arrays(entries: zipfile.ZipFile, largest: int) -> dict[str, np.ndarray]:
    total, names = sum(entry.file_size for entry in entries.infolist()), entries.namelist()
    if total > largest:
        raise ValueError(f"it expands to {total} bytes, at most {largest} are expected")
    if len(set(names)) < len(names) or not all(name.endswith(".npy") for name in names):
        raise ValueError(f"its entries are not arrays with distinct names: {', '.join(names)[:80]}")
    return {name[: -len(".npy")]: _array(entries.read(name)) for name in names}  # `read` verifies the checksum


def _array(data: bytes) -> np.ndarray:
    stream = io.BytesIO(data)
    shape, columns_first, dtype = READERS[np.lib.format.read_magic(stream)](stream, max_header_size=10_000)
    start = stream.tell()
    if dtype.kind not in "biufUS":
        raise ValueError(f"an array of {dtype}, not of numbers or text")
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != len(data) - start:
        raise ValueError(f"an array of shape {shape} and type {dtype} in {len(data) - start} bytes")
    return np.ndarray(shape, dtype, data, start, order="F" if columns_first else "C").copy(order="K")


def _reason(error: Exception) -> str:
    if isinstance(error, zipfile.BadZipFile) and "not a zip file" in str(error):
        return "not a zip archive, or cut short"
    return " ".join(str(error).split())[:200] or type(error).__name__
