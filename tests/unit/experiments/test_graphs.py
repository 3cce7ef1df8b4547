"""Replayed passes: the same answers as those of the network, whatever comes between."""

import sys

import numpy as np
import pytest

from minicrest.backend import gpu_available, to_device, to_numpy
from minicrest.batch import Batch
from minicrest.datasets import load
from minicrest.estimators import CoresetClassifier
from minicrest.experiments import graphs
from minicrest.experiments.graphs import WARM, CuBLAS, Replayed, plain, replayed
from minicrest.experiments.setup import Setup
from minicrest.learner import Learner
from minicrest.nn import Network, lenet, mlp, resnet20
from minicrest.nn.layers import Linear, ReLU
from minicrest.nn.losses import GeneralizedCrossEntropy, SoftmaxCrossEntropy
from minicrest.optim import SGD
from minicrest.oracle import Oracle
from minicrest.random import stream
from minicrest.selection import METHODS
from minicrest.train import train
from tests import standin

CALLS = WARM + 3
REAL = gpu_available()  # before the stand-in takes the place of CuPy
NETS = {
    "mlp": (lambda: mlp((12, 8, 3)), (12,)),
    "lenet": (lambda: lenet((1, 28, 28), 3), (1, 28, 28)),
    "resnet20": (lambda: resnet20((3, 8, 8), 3), (3, 8, 8)),
    "generalized": (lambda: mlp((12, 8, 3), loss=GeneralizedCrossEntropy(0.3)), (12,)),
    "l2": (lambda: Network([Linear(6, 5), ReLU(), Linear(5, 3)], SoftmaxCrossEntropy(l2=0.1)), (6,)),
}


@pytest.fixture(autouse=True)
def recording(monkeypatch):
    """A GPU's graphs, or the stand-in's; there the products are those of the stand-in."""
    if not REAL:
        monkeypatch.setitem(sys.modules, "cupy", standin.module)
        monkeypatch.setattr(standin.module.cuda, "Graph", standin.Recording, raising=False)
        products = type("Products", (), {"matmul": staticmethod(standin.module.matmul)})
        monkeypatch.setattr(graphs, "_cublas", lambda: products)


def arguments(name, n, seed=0):
    make, shape = NETS[name]
    net, rng = make(), stream(seed, "replayed")
    theta = to_device(net.initialize(seed, "float64"), "cuda")
    x, y = to_device(rng.standard_normal((n, *shape)), "cuda"), to_device(rng.integers(0, 3, n), "cuda")
    return net, replayed(net, "cuda"), theta, x, y


def same(found, expected):
    np.testing.assert_allclose(to_numpy(found), to_numpy(expected), rtol=1e-9, atol=1e-12)


def recorded(net):
    """The tapes of a Replayed network that have a graph."""
    return [tape for tape in net._tapes.values() if tape.graph is not None]


@pytest.mark.parametrize("name", NETS)
def test_every_step_is_that_of_the_network(name):
    for call in range(CALLS):
        if call == 0:
            net, ours, *_ = arguments(name, 4)
        *_, theta, x, y = arguments(name, 4, seed=call)
        weights = stream(call, "weights").random(4)
        same(ours.step(theta, x, y, weights).gradient, net.step(theta, x, y, weights).gradient)
        for found, expected in zip(ours.step(theta, x, y)[:3], net.step(theta, x, y)[:3], strict=True):
            same(found, expected)
    (tape,) = recorded(ours)
    assert tape.back.graph is not None


def test_running_statistics_come_back_too():
    net, ours, *_ = arguments("resnet20", 4)
    for call in range(CALLS):
        *_, theta, x, y = arguments("resnet20", 4, seed=call)
        same(ours.step(theta, x, y).statistics, net.step(theta, x, y).statistics)
    assert recorded(ours)


@pytest.mark.parametrize("name", ["mlp", "lenet", "resnet20"])
@pytest.mark.parametrize("question", ["answers", "last_layer", "gradient_norms", "hvp"])
def test_every_question_is_answered_as_by_the_network(name, question):
    net, ours, *_ = arguments(name, 3)
    stats = net.initial_statistics(to_device(net.initialize(0, "float64"), "cuda"))
    for call in range(CALLS):
        *_, theta, x, y = arguments(name, 3, seed=call)
        v = [to_device(stream(call, "v").standard_normal((2, net.size)), "cuda")] if question == "hvp" else []
        found, expected = (getattr(one, question)(theta, x, y, *v, stats=stats) for one in (ours, net))
        for mine, theirs in zip(*(one if isinstance(one, tuple) else [one] for one in (found, expected)), strict=True):
            same(mine, theirs)
    batched = question == "gradient_norms" and name != "mlp"  # with products of many matrices, which CuPy makes
    assert len(recorded(ours)) == (0 if REAL and batched else 1)


def test_answers_last():
    """What was handed out is not written to by later passes."""
    _, ours, theta, x, y = arguments("mlp", 4)
    for _ in range(WARM):
        ours.step(theta, x, y)
    first = ours.step(theta, x, y)
    before = [to_numpy(part).copy() for part in first[:3]]
    ours.step(theta + 1, x, y)
    for part, kept in zip(first[:3], before, strict=True):
        np.testing.assert_array_equal(to_numpy(part), kept)


def test_a_pass_must_be_finished_before_the_next_begins():
    _, ours, theta, x, y = arguments("mlp", 4)
    for _ in range(WARM):
        ours.step(theta, x, y)
    begun = ours.begin(theta, x, y)
    ours.begin(theta, x, y)
    with pytest.raises(RuntimeError, match="has begun since"):
        ours.finish(theta, begun)


def test_a_pass_of_another_shape_may_come_between():
    net, ours, theta, x, y = arguments("mlp", 6)
    for _ in range(CALLS):
        ours.step(theta, x, y), ours.step(theta, x[:4], y[:4])
    begun = ours.begin(theta, x, y)
    ours.step(theta, x[:4], y[:4])
    found, expected = to_numpy(ours.finish(theta, begun)), to_numpy(net.gradient(theta, x, y))
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_what_cannot_be_recorded_is_computed_as_ever():
    class Waiting(Linear):
        def times(self, x, W):
            float(x.sum())  # waits for the device
            return super().times(x, W)

    net, ours, theta, x, y = arguments("mlp", 4)
    ours = Replayed([Waiting(12, 8), ReLU(), Linear(8, 3)], net.loss)
    for _ in range(CALLS):
        same(ours.step(theta, x, y).gradient, net.step(theta, x, y).gradient)
    assert not recorded(ours)


def test_no_more_shapes_than_there_is_room_for(monkeypatch):
    monkeypatch.setattr(graphs, "MOST", 1)
    net, ours, theta, x, y = arguments("mlp", 4)
    for _ in range(CALLS):
        ours.answers(theta, x, y)
        same(ours.answers(theta, x[:3], y[:3]).losses, net.answers(theta, x[:3], y[:3]).losses)
    assert len(recorded(ours)) == 1


def test_the_plain_network_comes_back_and_the_recordings_are_given_up():
    net, ours, theta, x, y = arguments("mlp", 4)
    for _ in range(CALLS):
        ours.step(theta, x, y)
    back = plain(ours)
    assert type(back) is Network and repr(back) == repr(ours) and not recorded(ours) and plain(back) is back
    same(ours.gradient(theta, x, y), net.gradient(theta, x, y))


def test_a_run_holds_no_recordings():
    """Of many runs, as in a comparison, those would fill the memory of a GPU."""
    run = Setup(data="digits", method="thinning", m=8, steps=CALLS, evaluations=1, device="cuda").run(progress=False)
    assert type(run.network) is Network
    model = CoresetClassifier(hidden=(4,), epochs=1, m=8, device="cuda").fit(np.eye(16, 4), np.arange(16) % 2)
    assert type(model.run_.network) is Network


def test_networks_that_are_not_ours_and_arrays_of_the_host_are_left_alone():
    class Mine(Network):
        pass

    net = mlp((4, 3))
    mine = Mine(net.chain.layers, net.loss)
    assert replayed(mine, "cuda") is mine
    theta, x, y = net.initialize(0), np.ones((2, 4), "float32"), np.array([0, 1])
    np.testing.assert_array_equal(replayed(net, "cuda").gradient(theta, x, y), net.gradient(theta, x, y))


@pytest.mark.parametrize("method", ["random", "thinning", "crest"])
def test_a_training_goes_on_to_the_same_bit(method, tmp_path):
    """Whether a pass is replayed does not change a bit: after a stop the first passes of each shape are not."""

    def training(path=None, stop=lambda: False):
        data = load("digits").take(np.arange(200)).to("cuda")
        net = replayed(mlp((64, 16, 10)), "cuda")
        oracle = Oracle(net, data, net.initialize(0, "float64", "cuda"))
        one = METHODS[method](m=8)
        return train(one, oracle, SGD(0.1), 24, checkpoint=path, stop=stop, checkpoint_every=1, progress=False)

    whole, steps = training(), iter(range(100))
    path = tmp_path / "run"
    training(path, stop=lambda: next(steps) > 10)
    again = training(path)
    np.testing.assert_array_equal(to_numpy(again.theta), to_numpy(whole.theta))


def test_a_step_without_weight_moves_nothing():
    data = load("digits").take(np.arange(20)).to("cuda")
    net = replayed(mlp((64, 16, 10)), "cuda")
    learner = Learner(Oracle(net, data, net.initialize(0, "float64", "cuda")))
    for _ in range(CALLS):
        gradient, *_ = learner.step(Batch(np.arange(4), np.zeros(4)))
        assert not to_numpy(gradient).any()


# ---- products


@pytest.mark.parametrize("a", ["rows", "columns", "every other row", "every other column", "vector"])
@pytest.mark.parametrize("b", ["rows", "columns", "vector"])
@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 4, 5), (3, 1, 5), (3, 4, 1), (1, 1, 1)])
def test_how_cublas_reads_a_matrix(a, b, shape, monkeypatch):
    """Its arithmetic, by columns, on NumPy's memory; products of all kinds of views are those of NumPy."""
    n, k, m = shape
    rng = np.random.default_rng(0)
    make = {
        "rows": lambda n, k: rng.standard_normal((n, k)), "columns": lambda n, k: rng.standard_normal((k, n)).T,
        "every other row": lambda n, k: rng.standard_normal((2 * n, k))[::2],
        "every other column": lambda n, k: rng.standard_normal((n, 2 * k))[:, ::2],
        "vector": lambda n, k: rng.standard_normal(k),
    }  # fmt: skip
    A, B = make[a](n, k), rng.standard_normal(k) if b == "vector" else make[b](k, m)
    blas, into = columns_alone(monkeypatch), np.full(np.shape(A @ B), np.nan)
    np.testing.assert_allclose(blas.matmul(A, B), A @ B, rtol=1e-12)
    assert blas.matmul(A, B, out=into) is into
    np.testing.assert_allclose(into, A @ B, rtol=1e-12)


def columns_alone(monkeypatch):
    """CuBLAS whose gemm is written out: alpha op(A) op(B) + beta C of column-major matrices."""

    def gemm(name, handle, ta, tb, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc):
        read = lambda p, ld, rows, columns: np.lib.stride_tricks.as_strided(p, (rows, columns), (8, 8 * ld))  # noqa: E731
        left = read(A, lda, k, m).T if ta else read(A, lda, m, k)
        right = read(B, ldb, n, k).T if tb else read(B, ldb, k, n)
        read(C, ldc, m, n)[:] = left @ right

    blas = object.__new__(CuBLAS)
    blas.stream, blas.handle = 0, None
    monkeypatch.setattr(blas, "_call", gemm, raising=False)
    monkeypatch.setattr(graphs, "_address", lambda array: array)
    monkeypatch.setattr(graphs, "_stream", lambda array: 0)
    return blas


@pytest.mark.skipif(not REAL, reason="needs a GPU")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cublas_itself(dtype):
    import cupy

    rng, blas = np.random.default_rng(0), CuBLAS()
    for n, k, m in ((3, 4, 5), (1, 700, 3), (128, 64, 10), (5, 1, 7)):
        A, B = rng.standard_normal((n, k)).astype(dtype), rng.standard_normal((k, m)).astype(dtype)
        for left, right in ((A, B), (np.asfortranarray(A), B), (A, np.asfortranarray(B)), (A[0], B), (A, B[:, 0])):
            found = blas.matmul(cupy.array(left, order="K"), cupy.array(right, order="K"))
            np.testing.assert_allclose(cupy.asnumpy(found), left @ right, rtol=1e-4 if dtype == "float32" else 1e-10)
