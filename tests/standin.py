"""A strict stand-in for CuPy on machines without a GPU: NumPy inside, and nothing offered that CuPy would refuse.

Register `module` as sys.modules["cupy"]. What works by accident on NumPy and fails, or waits for the device
unasked, on CuPy is an error here: mixing host and device, np.f(device array), iteration, a function or a keyword
that CuPy lacks. The explicit ways to the host are counted in `synchronisations`. Facts are CuPy 14's; the tables
below are checked against the real package wherever it is installed.
"""

import contextlib
import inspect
import operator
import types
from functools import partial

import numpy as np

# What is offered, one line for names that share parameters, in CuPy's order, those after a lone * by keyword only:
# +x a device array, ?x a device array or a scalar, @x a list of device arrays, #x an index, *x any number of them,
# unmarked a value on the host. Each ! after a name is one wait for the device. To offer more, add a name or a line.
FUNCTIONS = """
exp exp2 expm1 log log1p log2 sqrt square cbrt sin cos tanh arctan sinh cosh abs absolute: ?x ?out * dtype casting
sign negative reciprocal isfinite isnan isinf rint floor ceil logical_not invert: ?x ?out * dtype casting
add subtract multiply divide true_divide floor_divide remainder mod power logaddexp: ?x1 ?x2 ?out * dtype casting
maximum minimum fmax fmin copysign equal not_equal less less_equal greater greater_equal: ?x1 ?x2 ?out * dtype casting
logical_and logical_or logical_xor bitwise_and bitwise_or: ?x1 ?x2 ?out * dtype casting
add.at subtract.at maximum.at minimum.at: +a #indices ?b
add.reduce multiply.reduce: +array axis dtype ?out keepdims
add.accumulate multiply.accumulate: +array axis dtype ?out
add.outer subtract.outer multiply.outer: +A +B
empty zeros ones: shape dtype order
full: shape ?fill_value dtype order
empty_like: +prototype dtype * order shape
zeros_like ones_like: +a dtype * order shape
full_like: +a ?fill_value dtype * order shape
arange: start stop step * dtype
eye: N M k dtype
linspace: start stop num endpoint * dtype axis
stack concatenate: @tup axis ?out * dtype casting
hstack vstack: @tup * dtype casting
split array_split: +ary indices_or_sections axis
where: +condition ?x ?y
take: +a ?indices axis ?out
take_along_axis: +a +indices axis
put_along_axis: +arr +indices ?values axis
repeat: +a repeats axis
tile: +A reps
pad: +array pad_width mode * constant_values
broadcast_to: +array shape
broadcast_arrays: *+args
broadcast_shapes: *args
atleast_1d atleast_2d: *+arys
expand_dims squeeze flip: +a axis
transpose: +a axes
moveaxis: +a source destination
swapaxes: +a axis1 axis2
reshape: +a newshape order
ravel copy: +a order
ascontiguousarray: +a dtype
roll: +a shift axis
diag: +v k
diagonal: +a offset axis1 axis2
fill_diagonal: +a ?val
tril triu: +m k
nonzero! flatnonzero! argwhere!: +a
argmax argmin: +a axis * ?out keepdims
argsort sort: +a axis kind
argpartition partition: +a kth axis
unique!: +ar return_index return_inverse return_counts axis
searchsorted: +a ?v side ?sorter
bincount!!: +x ?weights minlength
cumsum cumprod: +a axis dtype ?out
diff: +a n axis
sum prod mean: +a axis dtype ?out keepdims
var std: +a axis dtype ?out ddof keepdims
max min amax amin any all: +a axis ?out keepdims
count_nonzero size: +a axis
clip: +a ?a_min ?a_max ?out
round: +a decimals ?out
nan_to_num: +x copy nan posinf neginf
dot outer: +a +b ?out
matmul: +a +b * ?out dtype casting
einsum: subscripts *+operands dtype optimize
tensordot: +a +b axes
inner vdot kron may_share_memory linalg.solve: +a +b
trace: +a offset axis1 axis2 dtype ?out
isclose allclose: +a ?b rtol atol equal_nan
array_equal: +a1 +a2
copyto: +dst ?src casting ?where
ndim shape linalg.inv linalg.cholesky: +a
result_type: *?arrays_and_dtypes
linalg.norm: +x ord axis keepdims
linalg.eigh linalg.eigvalsh: +a UPLO
linalg.qr: +a mode
linalg.svd: +a full_matrices compute_uv
lib.stride_tricks.as_strided: +x shape strides
lib.stride_tricks.sliding_window_view!: +x window_shape axis
"""
METHODS = """
sum prod mean: +self axis dtype ?out keepdims
var std: +self axis dtype ?out ddof keepdims
max min any all: +self axis ?out keepdims
argmax argmin: +self axis * ?out keepdims
argsort: +self axis kind
argpartition: +self kth axis
cumsum cumprod: +self axis dtype ?out
clip: +self ?min ?max ?out
round: +self decimals ?out
dot: +self +b ?out
trace: +self offset axis1 axis2 dtype ?out
take: +self ?indices axis ?out
repeat: +self repeats axis
searchsorted: +self ?v side ?sorter
nonzero!: +self
diagonal: +self offset axis1 axis2
astype: +self dtype * order casting copy
copy ravel flatten: +self order
view: +self dtype
fill: +self ?value
reshape: +self *shape order
transpose: +self *axes
swapaxes: +self axis1 axis2
squeeze: +self axis
"""
CONSTANTS = """bool_ int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 complex64 complex128 intp
floating integer inexact generic dtype finfo iinfo issubdtype can_cast promote_types isscalar inf nan pi e newaxis
""".split()
LIFTED = ("allclose", "array_equal", "count_nonzero")  # NumPy: Python values
ATOMIC = tuple(map(np.dtype, ("i4", "u4", "u8", "f4", "f8")))  # dtypes that ufunc.at can accumulate: not int64
DTYPES = "?bBhHiIlLqQefdFD"  # no objects, no strings, no long double


class Synchronisations:
    """How often the host has waited for the device since the last reset."""

    count = 0

    def reset(self):
        self.count = 0

    def add(self, times=1):
        if times and Recording.current is not None:
            raise RuntimeError("the host waits for the device, which is not allowed while a graph is recorded")
        self.count += times


synchronisations = Synchronisations()


class Recording(list):
    """A CUDA graph: while it is recorded, what was done and how to do it again, into the same memory."""

    current = None  # the one that is being recorded

    def launch(self, stream=None):
        for answer, again in self:
            for place, value in zip(_hosts(answer), _hosts(again()), strict=True):
                np.copyto(place, value)


def _hosts(answer):
    """The NumPy arrays behind an answer of the stand-in, or of NumPy."""
    parts = answer if isinstance(answer, (tuple, list)) else [answer]
    return [np.asarray(getattr(part, "_host", part)) for part in parts if part is not None]


def _recorded(answer, again):
    """The answer; while a graph is recorded, it is remembered with the function that computes it again."""
    if Recording.current is not None:
        Recording.current.append((answer, again))
    return answer


class ndarray:
    """A device array. Values reach the host only through get, item, tolist, float, int, bool and text, all counted."""

    __module__ = "cupy"
    __slots__ = ("_host",)
    __array_ufunc__ = None  # NumPy then leaves the operators to us and refuses np.exp(device array)

    def __init__(self, *args):
        raise TypeError("the stand-in makes arrays with cupy.asarray, zeros, empty, ...; not with cupy.ndarray")

    def __array__(self, *args, **kwargs):
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`.")

    def __array_function__(self, function, kinds, args, kwargs):
        raise TypeError(f"np.{function.__name__} of a device array: call it on xp = array_module(array)")

    def __iter__(self):
        raise TypeError("iteration over a device array waits for the device at each step: use array functions")

    def __len__(self):
        return len(self._host)

    def __getitem__(self, key):
        key = _index("ndarray[...]", key)
        # The Ellipsis makes one element a 0-d view, as on CuPy, and not a scalar: b = a[0]; b += 1 changes a.
        key = key if any(k is Ellipsis for k in key) else (*key, Ellipsis)
        return _recorded(_wrap(self._host[key]), lambda: self._host[key])

    def __setitem__(self, key, value):
        key, value = _index("ndarray[...]", key), _lower("ndarray[...] =", "?", value)
        if np.size(value) > 1 and any(isinstance(k, np.ndarray) and k.dtype != bool for k in key):
            places = np.arange(self._host.size).reshape(self._host.shape)[key]
            if np.unique(places).size < places.size:
                raise TypeError("assignment to repeated indices is undefined on CuPy: use xp.add.at, or unique indices")
        self._host[key] = value
        _recorded(None, lambda: self._host.__setitem__(key, value))

    def get(self):
        synchronisations.add()
        return self._host.copy()

    def item(self):
        return self.get().item()

    def tolist(self):
        return self.get().tolist()

    def sort(self, axis=-1):
        if not self._host.flags.c_contiguous:
            raise NotImplementedError("Sorting non-contiguous array is not supported.")
        self._host.sort(axis)

    def __float__(self):
        return float(self.get())

    def __int__(self):
        return int(self.get())

    def __bool__(self):
        return bool(self.get())

    def __repr__(self):
        return repr(self.get())

    def __str__(self):
        return str(self.get())

    def __format__(self, spec):
        return format(self.get(), spec)

    def __copy__(self):
        return _wrap(self._host.copy())

    def __deepcopy__(self, memo):
        return _wrap(self._host.copy())

    @property
    def T(self):
        return _wrap(self._host.T)

    @property
    def flags(self):
        flags = self._host.flags
        return types.SimpleNamespace(
            c_contiguous=flags.c_contiguous, f_contiguous=flags.f_contiguous, owndata=flags.owndata
        )


def _wrap(value):
    """NumPy's answer as CuPy gives it: arrays and NumPy scalars on the device, the rest as it is."""
    if isinstance(value, (tuple, list)):
        return (list if type(value) is list else tuple)(map(_wrap, value))
    if not isinstance(value, (np.ndarray, np.generic)):
        return value
    if value.dtype.char not in DTYPES:
        raise ValueError(f"Unsupported dtype {value.dtype}")
    array = object.__new__(ndarray)
    array._host = np.asarray(value)
    return array


def _lower(name, mark, value):
    """The argument for NumPy behind `value`, if CuPy takes such a value where the table says `mark`."""
    if mark == "#":
        return _index(name, value)
    if mark == "@" and isinstance(value, (list, tuple)):
        return [_lower(name, "+", item) for item in value]
    if isinstance(value, np.ndarray) or (mark and mark in "+@" and not isinstance(value, ndarray)):
        raise TypeError(f"{name}: Unsupported type {type(value)}; move it with to_device first")
    if mark == "?" and isinstance(value, (list, tuple, str)):
        raise TypeError(f"{name}: Unsupported type {type(value)}; expected a device array or a scalar")
    if isinstance(value, ndarray):
        if not mark or mark == "@":
            raise TypeError(f"{name}: Unsupported type {type(value)}; expected {'a list' if mark else 'a host value'}")
        return value._host
    return value


def _index(name, key):
    """The index tuple for NumPy behind `key`; each boolean mask makes CuPy wait for the number of its hits."""
    keys = []
    for part in key if isinstance(key, tuple) else (key,):
        if isinstance(part, ndarray):
            synchronisations.add(part.dtype == bool)
            part = part._host
        elif isinstance(part, bool) or not (
            part is None or part is Ellipsis or isinstance(part, (slice, int, np.integer))
        ):
            raise TypeError(f"{name}: Unsupported index {type(part)}; move index arrays with to_device first")
        keys.append(part)
    return tuple(keys)


def _signature(words):
    """The inspect.Signature, and the marks by name, behind the parameters of one line of a table."""
    kind, parameters, marks = inspect.Parameter.POSITIONAL_OR_KEYWORD, [], {}
    for word in words:
        if word == "*":
            kind = inspect.Parameter.KEYWORD_ONLY
            continue
        name = word.lstrip("+?@#*")
        marks[name] = word[: -len(name)].strip("*")
        this = inspect.Parameter.VAR_POSITIONAL if word.startswith("*") else kind
        parameters.append(inspect.Parameter(name, this))
        kind = inspect.Parameter.KEYWORD_ONLY if word.startswith("*") else kind
    return inspect.Signature(parameters), marks


def _offered(table, home, label):
    """(name, function) for every name in a table; the function checks its arguments and asks NumPy."""
    for line in table.strip().splitlines():
        names, _, words = line.partition(":")
        for name in names.split():
            host = operator.attrgetter(name.rstrip("!"))(home)
            yield name.rstrip("!"), _checked(name, host, label, *_signature(words.split()))


def _checked(name, host, label, signature, marks):
    name, waits = name.rstrip("!"), name.count("!")

    def function(*args, **kwargs):
        try:
            bound = signature.bind_partial(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{label}.{name}() {error}") from None
        if name.endswith(".at") and args[0].dtype not in ATOMIC:
            raise TypeError(f"{label}.{name} only supports int32, uint32, uint64, float32, float64: {args[0].dtype}")
        synchronisations.add(waits + (name == "where" and len(bound.arguments) == 1))
        out = bound.arguments.pop("out", None)
        for key, value in bound.arguments.items():
            several = signature.parameters[key].kind is inspect.Parameter.VAR_POSITIONAL
            lower = partial(_lower, f"{label}.{name}", marks[key])
            bound.arguments[key] = tuple(map(lower, value)) if several else lower(value)
        into = {} if out is None else {"out": _lower(f"{label}.{name}", marks["out"], out)}  # by name: NumPy asks so
        answer = _answer(name, host, bound.args, bound.kwargs | into)
        _recorded(answer, lambda: _answer(name, host, bound.args, bound.kwargs | into))
        return answer if out is None else out

    function.__name__, function.__signature__ = name, signature
    return function


def _answer(name, host, args, kwargs):
    """NumPy's answer on the device; where LAPACK fails, NaN without an error, as CuPy does by default."""
    try:
        answer = host(*args, **kwargs)
    except np.linalg.LinAlgError as error:
        if str(error) not in ("Singular matrix", "Matrix is not positive definite"):
            raise
        answer = np.full_like(args[-1], np.nan)
    return _wrap(np.asarray(answer) if name in LIFTED else answer)


def _array(obj, dtype=None, copy=None, order="K"):
    """cupy.array and cupy.asarray: from the device, from the host, or from a list of device arrays."""
    if isinstance(obj, ndarray):
        return _recorded(_wrap(np.array(obj._host, dtype=dtype, copy=copy, order=order)), lambda: obj._host)
    if Recording.current is not None:
        raise RuntimeError("what the host holds now would be recorded, and read again in every replay")
    if isinstance(obj, (list, tuple)) and any(isinstance(item, ndarray) for item in obj):
        obj = np.stack([_lower("cupy.array", "+", item) for item in obj])
    return _wrap(np.array(obj, dtype=dtype, order=order))  # the device never shares memory with the host


def _asnumpy(a):
    return a.get() if isinstance(a, ndarray) else np.asarray(a)


def _operator(host, swap=False, inplace=False):
    """The method for one operator: a device array with a device array or a scalar, and nothing else."""

    def method(self, *others):
        others = [_lower(f"operator {host.__name__}", "?", other) for other in others]
        operands = (*others, self._host) if swap else (self._host, *others)
        answer = _recorded(_wrap(host(*operands)), lambda: host(*operands))
        return self if inplace else answer

    return method


def _fill_class():
    for name in "add sub mul truediv floordiv mod pow and or xor lshift rshift matmul".split():
        host = getattr(operator, f"__{name}__")
        setattr(ndarray, f"__{name}__", _operator(host))
        setattr(ndarray, f"__r{name}__", _operator(host, swap=True))
        if name != "matmul":  # CuPy has no __imatmul__: a @= b makes a new array
            setattr(ndarray, f"__i{name}__", _operator(getattr(operator, f"__i{name}__"), inplace=True))
    for name in "lt le gt ge eq ne neg pos abs invert".split():
        setattr(ndarray, f"__{name}__", _operator(getattr(operator, f"__{name}__")))
    for name in "shape dtype ndim size nbytes itemsize strides".split():
        setattr(ndarray, name, property(operator.attrgetter(f"_host.{name}")))
    for name, function in _offered(METHODS, np.ndarray, "ndarray"):
        setattr(ndarray, name, function)


class Stream:
    """A stream of work; on one a graph can be recorded, though only tests that add `cuda.Graph` ask for that."""

    null: "Stream"

    def __init__(self, non_blocking=False):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def synchronize(self):
        synchronisations.add()

    def begin_capture(self, mode):
        Recording.current = Recording()

    def end_capture(self):
        recording, Recording.current = Recording.current, None
        return recording


Stream.null = Stream()


def _cuda():
    return types.SimpleNamespace(
        runtime=types.SimpleNamespace(getDeviceCount=lambda: 1, streamCaptureModeRelaxed=2),
        get_current_stream=lambda: Stream.null,
        Stream=Stream,
        MemoryPool=lambda: types.SimpleNamespace(malloc=None),
        using_allocator=lambda malloc: contextlib.nullcontext(),
    )


def _missing(name):
    raise AttributeError(f"module 'cupy' has no attribute {name!r}, or the table in tests/standin.py lacks its line")


def _module():
    """The module itself, filled from the tables."""
    cupy = types.ModuleType("cupy", __doc__)
    cupy.linalg, cupy.lib = types.ModuleType("cupy.linalg"), types.ModuleType("cupy.lib")
    cupy.lib.stride_tricks = types.ModuleType("cupy.lib.stride_tricks")
    cupy.ndarray, cupy.array, cupy.asarray, cupy.asnumpy = ndarray, partial(_array, copy=True), _array, _asnumpy
    cupy.cuda, cupy.__getattr__ = _cuda(), _missing
    for name in CONSTANTS:
        setattr(cupy, name, getattr(np, name))
    for name, function in _offered(FUNCTIONS, np, "cupy"):
        home, _, last = name.rpartition(".")
        setattr(operator.attrgetter(home)(cupy) if home else cupy, last, function)
    return cupy


_fill_class()
module = _module()
