"""The stand-in for CuPy: it offers only what the real one has, refuses what that refuses, computes as NumPy does."""

import importlib
import inspect
import re
import sys

import numpy as np
import pytest

from minicrest import backend
from tests import standin

xp = standin.module


@pytest.fixture(scope="module")
def cupy():
    """The real CuPy, which can be imported without a GPU, even while the stand-in is registered."""
    registered = sys.modules.pop("cupy", None) if sys.modules.get("cupy") is xp else None
    try:
        return pytest.importorskip("cupy", reason="needs CuPy, which the dev extra brings")
    finally:
        if registered is not None:
            sys.modules["cupy"] = registered


@pytest.fixture
def a():
    array = xp.asarray(np.arange(6.0).reshape(2, 3))
    standin.synchronisations.reset()
    return array


def resolve(owner, dotted):
    for name in dotted.split("."):
        owner = getattr(owner, name)
    return owner


def names(table):
    return [name.rstrip("!") for line in table.strip().splitlines() for name in line.partition(":")[0].split()]


def real_parameters(function):
    """The names of CuPy's parameters, self left out, "*args" and "**kwargs" with their stars, in order."""
    try:
        words = [str(p.replace(annotation=p.empty)) for p in inspect.signature(function).parameters.values()]
    except (TypeError, ValueError):  # compiled: the first line of the docstring has the signature
        words = re.search(r"\((.*)\)", function.__doc__.splitlines()[0]).group(1).split(",")
    return [name for name in (word.partition("=")[0].split()[-1] for word in words) if name != "self"]


def check_parameters(ours, theirs):
    """Ours come in CuPy's order where they may be positional, and CuPy knows every name."""
    known = real_parameters(theirs)
    own = [p for p in inspect.signature(ours).parameters.values() if p.name != "self"]
    variadic = any(name.startswith("*") and not name.startswith("**") for name in known)
    for place, parameter in enumerate(own):
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD and not variadic:
            assert known[place] == parameter.name, (ours.__name__, known)
        elif parameter.kind is parameter.KEYWORD_ONLY and "**kwargs" not in known:
            assert parameter.name in known, (ours.__name__, known)


@pytest.mark.parametrize("name", names(standin.FUNCTIONS))
def test_real_cupy_has_every_function_with_these_parameters(cupy, name):
    ours, theirs = resolve(xp, name), resolve(cupy, name)
    if not isinstance(theirs, cupy.ufunc):
        return check_parameters(ours, theirs)
    assert theirs.nin == sum(parameter.startswith("x") for parameter in inspect.signature(ours).parameters)
    with pytest.raises(TypeError, match="Wrong arguments"):  # so the keywords below are known
        theirs(*[1.0] * theirs.nin, unknown=None)
    for keyword, value in (("out", None), ("dtype", None), ("casting", "same_kind")):
        try:
            theirs(*[1.0] * theirs.nin, **{keyword: value})
        except Exception as error:  # without a driver CuPy fails at the launch, with a type of its own
            assert "Wrong arguments" not in str(error)


@pytest.mark.parametrize("name", names(standin.METHODS))
def test_real_cupy_has_every_method_with_these_parameters(cupy, name):
    check_parameters(getattr(xp.ndarray, name), getattr(cupy.ndarray, name))


def test_real_cupy_has_everything_else_that_is_offered(cupy):
    offered = [name for name in vars(xp) if not name.startswith("__")]
    assert [name for name in offered if not hasattr(cupy, name)] == []
    ours = set(vars(xp.ndarray)) - {"_host", "__slots__", "__dict__", "__weakref__"}
    assert sorted(name for name in ours if not hasattr(cupy.ndarray, name)) == []
    assert not hasattr(cupy.ndarray, "__imatmul__") and not hasattr(cupy.ndarray, "__index__")
    for name in ("cuda.runtime.getDeviceCount", "cuda.get_current_stream", "cuda.Stream.null.synchronize"):
        assert callable(resolve(cupy, name)) and callable(resolve(xp, name))
    assert set(inspect.signature(standin._array).parameters) - {"obj"} <= set(real_parameters(cupy.asarray))


@pytest.mark.parametrize("name", ["add", "subtract", "maximum", "minimum"])
def test_real_cupy_can_scatter_with_the_ufuncs_that_have_at(cupy, name):
    assert getattr(cupy, name)._scatter_op is not None
    assert cupy.multiply._scatter_op is None and not hasattr(xp.multiply, "at")


HOST = np.ones(3)
REFUSED = {
    "np.asarray": (lambda a: np.asarray(a), "Implicit conversion to a NumPy array"),
    "np.array of a list": (lambda a: np.array([a, a]), "Implicit conversion"),
    "np function": (lambda a: np.sum(a), "np.sum of a device array"),
    "np.stack": (lambda a: np.stack([a, a]), "np.stack of a device array"),
    "np ufunc": (lambda a: np.exp(a), "does not support ufuncs"),
    "np ufunc into out": (lambda a: np.add(HOST, 1, out=a), "ufuncs|return arrays|must be"),
    "device + host": (lambda a: a + HOST, "Unsupported type.*numpy.ndarray"),
    "host + device": (lambda a: HOST + a, "Unsupported type.*numpy.ndarray"),
    "host == device": (lambda a: a == HOST, "Unsupported type.*numpy.ndarray"),
    "host @ device": (lambda a: a @ HOST, "Unsupported type.*numpy.ndarray"),
    "device += host": (lambda a: a.__iadd__(HOST), "Unsupported type.*numpy.ndarray"),
    "host += device": (lambda a: HOST.__iadd__(a), "ufuncs"),
    "device + list": (lambda a: a + [1, 2, 3], "Unsupported type.*list"),
    "host 0-d array": (lambda a: a * np.array(2.0), "Unsupported type.*numpy.ndarray"),
    "function of host": (lambda a: xp.sum(HOST), "cupy.sum: Unsupported type.*to_device"),
    "function of mixed": (lambda a: xp.maximum(a, HOST), "cupy.maximum: Unsupported type"),
    "function of a list": (lambda a: xp.sum([1, 2]), "cupy.sum: Unsupported type.*list"),
    "stack of mixed": (lambda a: xp.stack([a[0], HOST]), "cupy.stack: Unsupported type"),
    "stack of an array": (lambda a: xp.stack(a), "cupy.stack: Unsupported type"),
    "out on the host": (lambda a: xp.exp(a[0], out=HOST), "cupy.exp: Unsupported type"),
    "method with host": (lambda a: a.dot(HOST), "ndarray.dot: Unsupported type"),
    "device where a size belongs": (lambda a: xp.zeros(a[0, 1]), "expected a host value"),
    "device axis": (lambda a: a.sum(a[0, 1]), "expected a host value"),
    "device in range": (lambda a: range(a[0, 1]), "cannot be interpreted as an integer"),
    "host index": (lambda a: a[np.array([0, 1])], "Unsupported index.*to_device"),
    "list index": (lambda a: a[[0, 1]], "Unsupported index"),
    "host mask in an assignment": (lambda a: a.__setitem__(np.array([True, False]), 0), "Unsupported index"),
    "device index of host": (lambda a: HOST[a[0].astype(np.int64)], "Implicit conversion"),
    "assign host": (lambda a: a.__setitem__(0, HOST), "Unsupported type"),
    "assign to host": (lambda a: HOST.__setitem__(slice(None), a[0]), "Implicit conversion"),
    "repeated indices": (lambda a: a.__setitem__(xp.asarray([1, 1]), a), "repeated indices is undefined"),
    "iteration": (lambda a: list(a), "iteration over a device array"),
    "unpacking": (lambda a: (lambda x, y: x)(*a), "iteration|after \\* must be"),
    "in": (lambda a: 1.0 in a, "not iterable|iteration over"),
    "unknown keyword": (lambda a: xp.sum(a, where=a > 0), "cupy.sum.. got an unexpected keyword argument 'where'"),
    "initial": (lambda a: a.max(initial=0), "ndarray.max.. got an unexpected keyword argument 'initial'"),
    "take mode": (lambda a: xp.take(a, 0, mode="clip"), "unexpected keyword argument 'mode'"),
    "einsum out": (lambda a: xp.einsum("ij->i", a, out=a[:, 0]), "unexpected keyword argument 'out'"),
    "add.at int64": (lambda a: xp.add.at(xp.zeros(3, dtype=np.int64), xp.asarray([0]), 1), "only supports int32"),
    "item with an index": (lambda a: a.item(0), "positional"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refuses(a, case):
    act, message = REFUSED[case]
    with pytest.raises(TypeError, match=message):
        act(a)
    assert standin.synchronisations.count == 0


def test_unknown_names_are_named(a):
    for name in ("insert", "random", "errstate", "in1d"):
        with pytest.raises(AttributeError, match=name):
            getattr(xp, name)
    for owner, name in ((a, "data"), (a, "ctypes"), (a, "__cuda_array_interface__"), (xp.add, "reduceat")):
        with pytest.raises(AttributeError, match=name):
            getattr(owner, name)


@pytest.mark.parametrize("bad", [np.array([None, 1], dtype=object), ["a", "b"], np.ones(2, dtype=np.longdouble)])
def test_unsupported_dtypes(bad):
    with pytest.raises(ValueError, match="Unsupported dtype"):
        xp.asarray(bad)
    with pytest.raises(ValueError, match="Unsupported dtype"):
        xp.zeros(2, dtype=object)


B = np.random.default_rng(0).standard_normal((4, 3))
SAME = [
    lambda m, b: m.exp(b) + 2 * b - np.float32(3) / (b * b + 1),
    lambda m, b: m.einsum("ij,kj->ik", b, b, optimize=True) @ b,
    lambda m, b: m.linalg.norm(b, axis=1, keepdims=True),
    lambda m, b: m.linalg.solve(b.T @ b, b.T),
    lambda m, b: m.take_along_axis(b, m.argsort(b, axis=1), axis=1),
    lambda m, b: m.where(b > 0, b, 0).max(axis=0),
    lambda m, b: m.concatenate([b, b], axis=1).reshape(2, -1).std(axis=-1, ddof=1),
    lambda m, b: m.lib.stride_tricks.sliding_window_view(b, 2, axis=0).sum(axis=(0, 2)),
    lambda m, b: m.pad(b, ((1, 1), (0, 0)), constant_values=7.0),
    lambda m, b: b[b > 0].astype(np.float32).cumsum(),
    lambda m, b: 1.0 - m.clip(b, -1.0, 1.0) ** 2 // 0.5,
    lambda m, b: m.bincount((b > 0).astype(np.int64).ravel(), minlength=4),
    lambda m, b: m.unique(m.rint(b), return_counts=True)[1],
]


@pytest.mark.parametrize("compute", SAME)
def test_values_are_numpys(compute):
    ours, theirs = xp.asnumpy(compute(xp, xp.asarray(B))), compute(np, B)
    assert ours.dtype == theirs.dtype and np.array_equal(ours, theirs)


def test_memory_is_shared_as_on_cupy(a):
    view, row, host = a.T.reshape(3, 2)[1:], a[0], np.zeros(2)
    view += np.float64(10)
    row[xp.asarray([0])] = 7
    element = a[1, 0]
    element += 100  # one element is a 0-d view, not a scalar
    assert a.tolist() == [[7, 11, 12], [103, 14, 15]]
    moved = xp.asarray(host)
    moved.fill(3)
    assert host.tolist() == [0, 0] and xp.asarray(moved)._host is moved._host
    moved.get()[0] = 9
    assert moved.tolist() == [3, 3]
    b = a
    b @= xp.eye(3)  # there is no __imatmul__: a new array
    assert b is not a
    assert xp.add(a, 1, out=a) is a


def test_full_reductions_and_elements_stay_on_the_device(a):
    answers = [a.sum(), a.max(), a.argmax(), xp.linalg.norm(a), a[0, 1], xp.allclose(a, a), xp.count_nonzero(a)]
    assert all(isinstance(answer, xp.ndarray) and answer.shape == () for answer in answers)
    assert standin.synchronisations.count == 0


WAITS = {
    "nothing": (0, lambda a: (a @ a.T).sum(axis=0) + len(a) + a.shape[0]),
    "float": (1, lambda a: float(a.sum())),
    "int": (1, lambda a: int(a.argmax())),
    "bool": (1, lambda a: bool((a >= 0).all())),
    "if": (1, lambda a: 1 if xp.array_equal(a, a) else 0),
    "item": (1, lambda a: a[0, 0].item()),
    "tolist": (1, lambda a: a.tolist()),
    "format": (1, lambda a: f"{a.sum():.3f}"),
    "asnumpy": (1, lambda a: xp.asnumpy(a)),
    "get": (2, lambda a: (a.get(), a.get())),
    "where of one": (1, lambda a: xp.where(a > 0)),
    "where of three": (0, lambda a: xp.where(a > 0, a, 0)),
    "nonzero": (2, lambda a: (xp.nonzero(a), a.nonzero())),
    "mask": (1, lambda a: a[a > 2]),
    "integer index": (0, lambda a: a[xp.asarray([1, 0])]),
    "bincount": (2, lambda a: xp.bincount(a.astype(np.int64).ravel())),
    "stream": (2, lambda a: (xp.cuda.get_current_stream().synchronize(), xp.cuda.Stream.null.synchronize())),
}


@pytest.mark.parametrize("case", WAITS)
def test_synchronisations_are_counted(a, case):
    expected, act = WAITS[case]
    act(a)
    assert standin.synchronisations.count == expected


def test_failed_factorisations_are_nan_and_no_error():
    assert bool(xp.isnan(xp.linalg.cholesky(-xp.eye(2))).all())
    assert bool(xp.isnan(xp.linalg.solve(xp.zeros((2, 2)), xp.ones(2))).all())
    with pytest.raises(np.linalg.LinAlgError):
        xp.linalg.cholesky(xp.ones((2, 3)))


def test_the_backend_uses_it_as_the_device_cuda(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", xp)
    assert importlib.import_module("cupy") is xp and backend.gpu_available()
    host = np.arange(3.0)
    moved = backend.to_device(host, "cuda")
    assert backend.array_module(host, moved) is xp and backend.device_of(moved) == "cuda"
    assert type(moved).__module__ == "cupy" and backend.device_of(host) == "cpu"
    standin.synchronisations.reset()
    for back in (backend.to_numpy(moved), backend.to_device(moved, "cpu")):
        assert type(back) is np.ndarray and np.array_equal(back, host)
    backend.synchronize("cuda")
    backend.synchronize("cpu")
    assert standin.synchronisations.count == 3
