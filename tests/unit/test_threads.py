"""Pieces and threads: every piece once, the same bits with any number of threads, and BLAS as it was found."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

from minicrest import threads
from minicrest.backend import to_device, to_numpy
from minicrest.nn import lenet, mlp, resnet20
from minicrest.random import stream

ROOT = Path(__file__).resolve().parents[2]


def blas_threads():
    """Of all that are loaded: NumPy's and SciPy's."""
    return max((library["num_threads"] for library in ThreadpoolController().select(user_api="blas").info()), default=1)


needs_threads = pytest.mark.skipif(not ThreadpoolController().select(user_api="blas").info(), reason="BLAS unknown")


@pytest.mark.parametrize("shape", [(1,), (7,), (5, 3), (1000, 4), (128, 33, 7)])
@pytest.mark.parametrize("host", [1, 10, 1000, 1 << 19])
def test_pieces_cover_the_rows_once_and_are_even(shape, host):
    array = np.zeros(shape)
    parts, row = threads.pieces(array, host), array[0].size
    assert [p.start for p in parts] == [0] + [p.stop for p in parts[:-1]] and parts[-1].stop == len(array)
    lengths = [p.stop - p.start for p in parts]
    assert all(n * row <= max(host, row) for n in lengths)
    assert len(set(lengths[:-1])) <= 1 and lengths[-1] <= lengths[0]
    assert len(parts) == -(-len(array) // max(1, host // row))  # as few as can be


def test_a_device_gets_all_at_once_unless_told_otherwise(device):
    array = to_device(np.zeros((10, 4)), device)
    assert len(threads.pieces(array, 4)) == (10 if device == "cpu" else 1)
    assert len(threads.pieces(array, 4, 20)) == (10 if device == "cpu" else 2)


@needs_threads
@pytest.mark.parametrize("count", [1, 2, 5])
def test_every_part_is_done_once_by_the_threads_that_blas_had(count):
    seen = []

    def work(todo):
        seen.append((threading.get_ident(), blas_threads(), list(todo)))

    with threadpool_limits(count):
        with threads.one_blas_thread(), threads.one_blas_thread():
            threads.share(work, list(range(100)))
        assert blas_threads() == count  # as it was found
    assert len(seen) == count
    assert sorted(part for *_, parts in seen for part in parts) == list(range(100))
    assert {limit for _, limit, _ in seen} == {1}


def test_in_a_second_thread_the_caller_works_alone():
    found = []

    def work(todo):
        found.append((threading.get_ident(), list(todo)))

    def elsewhere():
        with threads.one_blas_thread():  # taken: by the thread that started this one
            threads.share(work, [1, 2, 3])

    with threadpool_limits(2), threads.one_blas_thread():
        other = threading.Thread(target=elsewhere)
        other.start()
        ident = other.ident
        other.join()
        limit = blas_threads()
    assert found == [(ident, [1, 2, 3])]
    assert limit == 1  # the second did not undo what the first had set


@needs_threads
def test_outside_the_context_blas_keeps_to_one_thread_too(monkeypatch):
    """A layer that is called as it is: a small product wakes no other thread, and parts are shared."""
    together, seen = threading.Barrier(2, timeout=30), []

    def work(todo):
        list(todo)
        together.wait()
        seen.append(blas_threads())

    with threadpool_limits(2):
        threads.share(work, [1, 2])
        monkeypatch.setattr(threads, "matmul", lambda *arrays, out: seen.append(blas_threads()))
        threads.product(np.ones((2, 3)), np.ones((3, 2)))
        assert blas_threads() == 2
    assert len(seen) == 3 and set(seen) == {1}


@pytest.mark.parametrize("shape", [(3, 4), (200, 3, 30, 30)])
def test_entrywise_is_the_ufunc(shape):
    a, b = np.random.default_rng(0).standard_normal((2, *shape))
    turned = [np.moveaxis(x, 1, -1) for x in (a, b)]
    np.testing.assert_array_equal(threads.entrywise(np.add, a, b), a + b)
    found = threads.entrywise(np.subtract, *turned)
    np.testing.assert_array_equal(found, turned[0] - turned[1])
    assert found.strides == turned[0].strides


@needs_threads
def test_a_blas_that_scipy_brings_later_keeps_to_one_thread_too():
    code = """if True:
        import numpy, threadpoolctl
        from minicrest import threads
        threads.product(numpy.ones((2, 3)), numpy.ones((3, 2)))  # here the first BLAS is met
        import scipy.linalg
        with threadpoolctl.threadpool_limits(2), threads.one_blas_thread():
            blas = [each for each in threadpoolctl.threadpool_info() if each["user_api"] == "blas"]
        seen = {each["num_threads"] for each in blas}
        assert seen <= {1}, seen"""
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | {"PYTHONPATH": str(ROOT)})


def test_gradmatch_brings_its_blas_before_a_training_begins():
    code = """if True:
        import sys, minicrest
        lazy = "scipy.linalg" not in sys.modules  # the package itself does not wait for it
        minicrest.METHODS["gradmatch"]()
        assert lazy and "scipy.linalg" in sys.modules and "scipy.optimize" in sys.modules"""
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | {"PYTHONPATH": str(ROOT)})


@needs_threads
def test_an_error_in_any_thread_arrives_and_leaves_all_in_order():
    ended = threading.Barrier(3, timeout=30)

    def work(todo):
        part = next(todo)
        ended.wait()  # so each of three threads has one part
        if part == 1:
            raise KeyError("of part 1")

    with threadpool_limits(3):
        for _ in range(2):  # and the second time is as the first
            with pytest.raises(KeyError, match="of part 1"), threads.one_blas_thread():
                threads.share(work, [0, 1, 2])
        assert blas_threads() == 3


@needs_threads
def test_errstate_holds_in_all_threads_and_there_is_one_pool():
    together, seen = threading.Barrier(3, timeout=30), []

    def work(todo):
        list(todo)
        together.wait()
        seen.append(np.geterr()["divide"])

    before = threads._pool.cache_info().currsize
    with threadpool_limits(3), np.errstate(divide="ignore"):
        for parts in ([0, 1, 2], [0, 1, 2, 3]):
            with threads.one_blas_thread():
                threads.share(work, parts)
    assert seen == 6 * ["ignore"]
    assert threads._pool.cache_info().currsize <= before + 1


@needs_threads
@pytest.mark.parametrize("device", ["cuda"], indirect=True)
def test_a_device_is_left_to_the_thread_that_asked(device, monkeypatch):
    """CuPy's streams and memory pools belong to a thread."""
    given, pool = [], threads._pool
    monkeypatch.setattr(threads, "_pool", lambda count: given.append(count) or pool(count))
    monkeypatch.setattr("minicrest.nn.conv.DEVICE_COLUMNS", 1000)  # many pieces
    net = lenet((1, 12, 12))
    arrays = net.initialize(0), np.ones((4, 1, 12, 12), "float32"), np.zeros(4, int)
    with threadpool_limits(2):
        there = net.step(*(to_device(a, device) for a in arrays)).gradient
    assert given == []
    np.testing.assert_allclose(to_numpy(there), net.step(*arrays).gradient, rtol=1e-4, atol=1e-6)


@needs_threads
@pytest.mark.parametrize("make, shape, batch", [
    (lenet, (1, 28, 28), 300), (resnet20, (3, 16, 16), 150), (lambda shape: mlp((*shape, 301, 10)), (1000,), 128),
])  # fmt: skip
def test_no_bit_depends_on_the_number_of_threads(make, shape, batch):
    """Convolution, pooling, batch-norm, large products: gradient, statistics and Hv."""
    net, rng = make(shape), stream(0, "threads")
    theta, v = net.initialize(0), rng.standard_normal(net.size).astype("float32")
    x, y = rng.standard_normal((batch, *shape)).astype("float32"), rng.integers(0, 10, batch)
    found = []
    for count in (1, 2, 3):
        with threadpool_limits(count):
            step = net.step(theta, x, y)
            found.append([step.gradient, step.logits, net.hvp(theta, x, y, v)])
            found[-1] += [] if step.statistics is None else [step.statistics]
    for one, *others in zip(*found):
        assert all(one.tobytes() == other.tobytes() for other in others)


@needs_threads
@pytest.mark.parametrize("shape", [(3001, 64, 101), (101, 64, 3001), (300, 299, 301), (7, 5, 3)])
@pytest.mark.parametrize("turned", [False, True])
def test_a_product_is_that_of_matmul_in_a_few_shared_pieces(shape, turned, monkeypatch):
    """Whole numbers below 2^24 in float32: every sum is exact, in whatever order."""
    n, k, m = shape
    rng, given, whole = stream(0, "product"), [], threads.share
    monkeypatch.setattr(threads, "share", lambda work, parts, *rest: given.append(parts) or whole(work, parts, *rest))
    a, b = (rng.integers(-9, 9, size).astype("float32") for size in ((n, k), (k, m)))
    if turned:
        a, b = np.asfortranarray(a), np.asfortranarray(b)
    with threadpool_limits(2), threads.one_blas_thread():
        out = np.full((n, m), np.nan, "float32")
        assert threads.product(a, b, out) is out
        found = threads.product(a, b)
    assert (out == a @ b).all() and (found == a @ b).all() and found.flags.c_contiguous and found.dtype == "float32"
    count = min(4, n * k * m // 6_000_000)
    lengths = [[piece.stop - piece.start for piece in parts] for parts in given]
    assert lengths == (2 * [even(max(n, m), count)] if count > 1 else [])


def even(length, count):
    """Lengths of `count` slices, all the same but the last."""
    step = -(-length // count) if count else length
    return [min(step, length - a) for a in range(0, length, step)]


def test_by_pieces_writes_where_it_is_told(device):
    x = to_device(np.arange(12.0).reshape(6, 2), device)
    out = to_device(np.zeros((6, 2)), device)

    def double(x, out):
        out[...] = 2 * x

    threads.by_pieces(double, x, out)
    assert (to_numpy(out) == 2 * to_numpy(x)).all()
