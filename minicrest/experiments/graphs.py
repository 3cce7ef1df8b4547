"""A network whose passes on a GPU are replayed as CUDA graphs: `replayed(net, "cuda")` answers as net does, faster.

A pass is hundreds of operations of a few microseconds each, and Python needs several times as long to launch them. A
CUDA graph holds them all and costs one launch. It is recorded for arrays of one shape at fixed places in memory: so
every pass copies its arrays to where the graph reads them, and its answers from where the graph leaves them.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from contextlib import contextmanager, suppress
from functools import cache, partial
from typing import Any

from minicrest.arguments import like
from minicrest.backend import array_module, check_device, cupy_module, multiplying_by
from minicrest.nn.network import Network, Pass

WARM = 2  # passes over a shape before it is recorded: what CuPy compiles must be ready by then
MOST = 64  # how many shapes are recorded; each holds on to the memory of a pass
WORKSPACE = 1 << 25  # bytes that cuBLAS may use


def replayed(network: Network, device: str) -> Network:
    """`network` as a Replayed one on "cuda"; as it is on "cpu", where it is of a class of the user's, and where CuPy
    records no graphs. RuntimeError without CuPy.
    """
    _checked(network)
    able = check_device(device) == "cuda" and type(network) is Network and hasattr(cupy_module().cuda, "Graph")
    return Replayed(network.chain.layers, network.loss) if able else network


def plain(network: Network) -> Network:
    """The Network behind a Replayed one, which gives its recordings up; another as it is."""
    if not isinstance(network, Replayed):
        return _checked(network)
    network.forget()
    return Network(network.chain.layers, network.loss)


def _checked(network) -> Network:
    return like("network", network, "a Network", "begin", "finish", "chain")


class Replayed(Network):
    """The Network of these layers and this loss. On a GPU, passes over arrays of shapes that come again and again are
    replayed, where they can be recorded; whether they are changes no bit. Everything else is as in Network.
    """

    def __init__(self, layers, loss):
        super().__init__(layers, loss)
        self.forget()

    def forget(self) -> None:
        """Give all recordings up, and their memory."""
        self._tapes: dict[tuple, _Tape] = {}
        self._recorder = _Recorder()

    def begin(self, theta, x, y, stats=None) -> Pass:
        """As Network's, of theta (d,), x (n, ...) and y (n,); its caches last until the next of this shape begins."""
        return self._played("begin", theta, x, y, stats)

    def finish(self, theta, begun: Pass, weights=None):
        """As Network's: (d,). All rows go back, because a graph cannot cut them, and those of weight zero add nothing.
        RuntimeError where another pass of this shape has begun since.
        """
        if self._recorder.inside or not isinstance(begun, Pass) or not _on_device((theta, begun.losses)):
            return super().finish(theta, begun, weights)
        xp = array_module(theta)
        weights = xp.ones_like(begun.losses) if weights is None else xp.asarray(weights, dtype=theta.dtype)
        if not isinstance(begun, _Replay):
            with self._recorder.plainly():
                return super().finish(theta, begun, weights)
        tape = begun.tape
        if begun.number != tape.calls:
            raise RuntimeError("another pass over as many examples has begun since: finish each before the next begins")
        if tape.back is None:
            tape.back = _Tape(lambda w: Network.finish(self, tape.inputs[0], tape.outputs, w), self._recorder)
        return tape.back(weights)

    def answers(self, theta, x, y, stats=None):
        return self._played("answers", theta, x, y, stats)

    def last_layer(self, theta, x, y, stats=None):
        return self._played("last_layer", theta, x, y, stats)

    def gradient_norms(self, theta, x, y, stats=None):
        return self._played("gradient_norms", theta, x, y, stats)

    def hvp(self, theta, x, y, v, weights=None, stats=None):
        return self._played("hvp", theta, x, y, v, weights, stats)

    def _played(self, name: str, *arrays):
        """What Network's method `name` answers, from its tape for arrays of these shapes."""
        function = partial(getattr(Network, name), self)
        if self._recorder.inside or not _on_device(arrays):
            return function(*arrays)
        key = name, *(array if array is None else (array.shape, array.dtype.char) for array in arrays)
        return self._tapes.setdefault(key, _Tape(function, self._recorder))(*arrays)


class _Replay(Pass):
    """A Pass whose caches are where the graph of `tape` leaves them in its call of this number."""

    tape: _Tape
    number: int


class _Tape:
    """function(*arrays), which is recorded the third time. `back`: the tape of the way back from a Pass."""

    def __init__(self, function: Callable, recorder: _Recorder):
        self.function, self.recorder, self.calls = function, recorder, 0
        self.graph = self.inputs = self.outputs = self.back = None  # type: Any

    def __call__(self, *arrays):
        if self.calls == WARM:
            self.recorder.record(self, arrays)
        self.calls += 1
        if self.graph is None:
            with self.recorder.plainly():
                return self.function(*arrays)
        for place, array in zip(self.inputs, arrays):
            if array is not None:
                place[...] = array
        self.graph.launch(array_module(*arrays).cuda.get_current_stream())
        return self._handed_out(self.outputs)

    def _handed_out(self, outputs):
        """Copies, which last; but for the caches of a Pass."""
        if isinstance(outputs, Pass):
            begun = _Replay(*map(self._handed_out, outputs[:4]), outputs.caches)
            begun.tape, begun.number = self, self.calls
            return begun
        if isinstance(outputs, tuple):
            parts = map(self._handed_out, outputs)
            return type(outputs)(*parts) if hasattr(outputs, "_fields") else tuple(parts)
        return None if outputs is None else outputs.copy()


class _Recorder:
    """Records tapes: with memory that nobody else uses, on a stream of its own, with products that can be recorded."""

    def __init__(self):
        self.inside, self.count, self.pool, self.stream = False, 0, None, None

    @contextmanager
    def plainly(self):
        """Inside, nothing is replayed, and products are those that a recording would hold."""
        self.inside = True
        try:
            with multiplying_by(_cublas().matmul):
                yield
        finally:
            self.inside = False

    def record(self, tape: _Tape, arrays) -> None:
        """Record tape.function of copies of the arrays; nothing where it cannot be recorded."""
        if self.count == MOST:
            return
        cupy = array_module(*arrays)
        self.pool = self.pool or cupy.cuda.MemoryPool()
        self.stream = self.stream or cupy.cuda.Stream(non_blocking=True)
        with cupy.cuda.using_allocator(self.pool.malloc), self.plainly():
            tape.inputs = [array if array is None else array.copy(order="K") for array in arrays]
            cupy.cuda.get_current_stream().synchronize()
            with self.stream, suppress(Exception):  # whatever CUDA forbids while it records
                tape.function(*tape.inputs)  # the pool has all the memory then
                self.stream.synchronize()
                try:
                    self.stream.begin_capture(cupy.cuda.runtime.streamCaptureModeRelaxed)
                    tape.outputs = tape.function(*tape.inputs)
                finally:
                    graph = self.stream.end_capture()
                tape.graph, self.count = graph, self.count + 1


class CuBLAS:
    """Matrix products by cuBLAS itself, because CuPy refuses to call it while a graph is recorded.

    A row-major matrix is to cuBLAS, which reads columns, its transpose: so C = A B is asked for as C' = B' A'.
    """

    def __init__(self):
        cupy = cupy_module()
        cupy.matmul(*2 * [cupy.ones((2, 2), "float32")])  # loads the library
        with open("/proc/self/maps") as maps:
            path = next(line.split()[-1] for line in maps if "libcublas.so" in line)
        self.library, self.handle, self.stream = ctypes.CDLL(path), ctypes.c_void_p(), None
        self.workspace = cupy.empty(WORKSPACE, "uint8")
        self._call("Create", ctypes.byref(self.handle))

    def _call(self, name: str, *arguments) -> None:
        if status := getattr(self.library, f"cublas{name}_v2")(*arguments):
            raise RuntimeError(f"cublas{name} failed with status {status}")

    def matmul(self, a, b, out=None):
        """a (n, k) @ b (k, m), or vectors, of float32 or float64, into `out` if it is given; others by CuPy."""
        xp = array_module(a, b)
        kinds = {a.dtype.char, b.dtype.char}
        if max(a.ndim, b.ndim) > 2 or kinds not in ({"f"}, {"d"}) or 0 in (a.size, b.size):
            return xp.matmul(a, b, out=out)
        A, B = a.reshape(1, -1) if a.ndim == 1 else a, b.reshape(-1, 1) if b.ndim == 1 else b
        direct = out is not None and out.ndim == 2 and out.dtype == a.dtype and _row_major(out)
        C = out if direct else xp.empty((A.shape[0], B.shape[1]), a.dtype)
        self._multiply(A, B, C)
        if out is None:
            return C.reshape(a.shape[:-1] + b.shape[1:])
        if not direct:
            out[...] = C.reshape(out.shape)
        return out

    def _multiply(self, A, B, C) -> None:
        """A B, of matrices, into the row-major C."""
        name, number = ("Sgemm", ctypes.c_float) if C.dtype.char == "f" else ("Dgemm", ctypes.c_double)
        if (stream := _stream(C)) != self.stream:  # telling cuBLAS so takes its workspace away
            self._call("SetStream", self.handle, ctypes.c_void_p(stream))
            self._call("SetWorkspace", self.handle, _address(self.workspace), ctypes.c_size_t(WORKSPACE))
            self.stream = stream
        (ta, la, A), (tb, lb, B) = _columns_of(A), _columns_of(B)
        one, zero = (ctypes.byref(number(value)) for value in (1, 0))
        self._call(name, self.handle, tb, ta, C.shape[1], C.shape[0], A.shape[1], one, _address(B), lb,
                   _address(A), la, zero, _address(C), _leading(C))  # fmt: skip


def _address(array) -> ctypes.c_void_p:
    """Where the first number of a device array is."""
    return ctypes.c_void_p(array.data.ptr)


def _stream(array) -> int:
    """The current stream of a device array's module."""
    return array_module(array).cuda.get_current_stream().ptr


_cublas = cache(lambda: CuBLAS())  # one for the process: it has a workspace on the device


def _row_major(matrix) -> bool:
    """Whether the entries of each row are side by side, and rows do not overlap."""
    return (matrix.strides[1] == matrix.itemsize or matrix.shape[1] == 1) and _leading(matrix) >= matrix.shape[1]


def _leading(matrix) -> int:
    """How many numbers lie between the starts of two rows of a row-major matrix."""
    return matrix.shape[1] if matrix.shape[0] == 1 else matrix.strides[0] // matrix.itemsize


def _columns_of(matrix) -> tuple[int, int, Any]:
    """(whether to transpose, leading dimension, matrix) by which cuBLAS reads a matrix as its transpose."""
    if _row_major(matrix):
        return 0, _leading(matrix), matrix
    if _row_major(matrix.T):
        return 1, _leading(matrix.T), matrix
    copy = matrix.copy()
    return 0, _leading(copy), copy


def _on_device(arrays) -> bool:
    """Whether all arrays that are not None are on a device, and there is one."""
    given = [array for array in arrays if array is not None]
    return bool(given) and all(type(array).__module__.partition(".")[0] == "cupy" for array in given)
