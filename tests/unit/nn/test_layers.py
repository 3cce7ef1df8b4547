"""Layers: each against its own definition in loops, first and second derivatives along random directions."""

import numpy as np
import pytest

from minicrest.backend import array_module, device_of, to_device, to_numpy
from minicrest.nn import (
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    Flatten,
    Layer,
    Linear,
    MaxPool2d,
    ReLU,
    Residual,
    Sequential,
    Tanh,
)  # fmt: skip
from minicrest.nn.conv import _columns, _pieces
from minicrest.nn.zoo import Subsample
from minicrest.random import stream
from tests.unit.nn import naive_layers as naive
from tests.unit.nn.naive_layers import derivative, relative_error

ROUNDING = 1e-12  # the same sums of at most a few hundred terms in another order, float64
DIFFERENCES = 1e-9  # five-point differences reach 1e-11 or so here; a wrong term is 1e-2 at the least

IMAGE = (2, 2, 6, 7)
CONVOLUTIONS = [  # (kernel, stride, padding, bias); on 6 x 7 most leave a rest, at one side or at both
    (1, 1, 0, True), (1, 2, 0, True), (3, 1, 0, True), (3, 1, 1, False), (3, 2, 0, True), (3, 2, 1, False),
    (3, 3, 2, True), (2, 3, 0, True), (2, 2, 1, True), (5, 1, 2, True), (5, 2, 4, True), (6, 1, 0, True),
]  # fmt: skip
POOLINGS = [(2, None), (3, None), (3, 2), (3, 1), (2, 1), (2, 3), (6, 1)]  # disjoint, overlapping, with gaps, all
RESIDUAL = [Conv2d(2, 3, 3, padding=1, bias=False), BatchNorm2d(3), ReLU(), Conv2d(3, 2, 3, padding=1), BatchNorm2d(2)]

CASES = [
    (Linear(4, 3), (5, 4)),
    (ReLU(), (5, 4)), (ReLU(), IMAGE), (Tanh(), (5, 4)), (Tanh(), IMAGE), (Flatten(), IMAGE),
    (BatchNorm2d(3), (6, 3)), (BatchNorm2d(2, eps=0.1), IMAGE),
    *[(Conv2d(2, 3, k, s, p, bias), IMAGE) for k, s, p, bias in CONVOLUTIONS],
    *[(MaxPool2d(k, s), IMAGE) for k, s in POOLINGS],
    *[(AvgPool2d(k, s), IMAGE) for k, s in POOLINGS], (AvgPool2d(), IMAGE),
    (Subsample(2, 3), IMAGE), (Subsample(3, 0), IMAGE),
    (Residual([Linear(4, 5), Tanh(), Linear(5, 4)]), (5, 4)),
    (Residual([Linear(4, 3)], [Linear(4, 5), Tanh(), Linear(5, 3)]), (5, 4)),
    (Residual(RESIDUAL), IMAGE),
    (Residual([Conv2d(2, 3, 3, 2, 1), BatchNorm2d(3)], [Subsample(2, 1)]), IMAGE),
    (Residual([Tanh(), Residual([Conv2d(2, 2, 1)]), ReLU()], [Conv2d(2, 2, 1), BatchNorm2d(2)]), IMAGE),
    (Residual([Conv2d(2, 3, 3, 2, 1), BatchNorm2d(3), Conv2d(3, 2, 1)], [Conv2d(2, 2, 1, 2), BatchNorm2d(2)]), IMAGE),
    (Sequential([Linear(4, 5), Linear(5, 3)]), (5, 4)),
    (Sequential([Conv2d(2, 3, 3), Tanh(), MaxPool2d(2), Flatten(), Linear(12, 2)]), IMAGE),
]  # fmt: skip
MODES = [
    (layer, shape, mode) for layer, shape in CASES for mode in (["train", "eval"] if layer.statistics else ["train"])
]


def name_of(case):
    return case if isinstance(case, str) else "x".join(map(str, case)) if isinstance(case, tuple) else repr(case)[:70]


def smooth_place(rng, shape):
    """Numbers in (-2, 2), no two equal and none at 0: no kink of ReLU or MaxPool2d within reach of a difference."""
    size = int(np.prod(shape))
    return ((rng.permutation(size) + 0.5) / size * 4 - 2).reshape(shape)


class Setting:
    """A layer at a random point, with random directions and a random cotangent, on the host in float64."""

    def __init__(self, layer, shape, mode, layout="plain", device="cpu", dtype="float64"):
        rng = stream(7, "layer", repr(layer), mode)
        self.layer, self.chain, self.layout, self.device, self.dtype = layer, Sequential([layer]), layout, device, dtype
        self.w, self.x, self.Rw = (
            rng.standard_normal(layer.size),
            smooth_place(rng, shape),
            rng.standard_normal(layer.size),
        )
        if layer.statistics:  # a variance must be positive
            self.stats = rng.uniform(0.5, 2, layer.statistics) if mode == "eval" else None
        else:
            self.stats = None
        y = naive.forward(layer, self.w, self.x, self.stats)
        self.Rx, self.dy, self.Rdy = rng.standard_normal(shape), *rng.standard_normal((2, *y.shape))

    def put(self, array):
        """The array on the device, images in the memory layout of this setting."""
        if array is None:
            return None
        array = array.astype(self.dtype)
        if array.ndim < 4 or self.layout == "plain":
            return to_device(array, self.device)
        return to_device(np.ascontiguousarray(array.transpose(0, 2, 3, 1)), self.device).transpose(0, 3, 1, 2)

    def arrays(self, names):
        return [self.put(getattr(self, name)) for name in names.split()]

    def first_order(self, e=0.0):
        """y, dx, dw at the point moved by e along the directions."""
        w, x, dy = (self.put(p + e * Rp) for p, Rp in ((self.w, self.Rw), (self.x, self.Rx), (self.dy, self.Rdy)))
        y, cache = self.layer.forward(w, x, self.put(self.stats))
        dw = array_module(w).full_like(w, np.nan)  # every entry must be written
        dx = self.layer.backward(w, cache, dy, dw)
        return y, dx, dw

    def second_order(self, Rw, Rx, Rdy):
        """Ry, Rdx, Rdw along the given directions."""
        w, x, dy, stats = self.arrays("w x dy stats")
        kept, (Rw, Rx, Rdy) = [], map(self.put, (Rw, Rx, Rdy))
        _, caches = self.chain.forward(w, x, stats)
        self.chain.backward(w, caches, dy, None, kept=kept)
        Ry, Rcaches = self.chain.tangent(w, caches, Rw, Rx)
        Rdw = array_module(w).full_like(w, np.nan)
        Rdx = self.chain.backward_tangent(w, caches, kept, Rw, Rcaches, Rdy, Rdw)
        return Ry, Rdx, Rdw


@pytest.fixture(params=MODES, ids=lambda case: "-".join(map(name_of, case)))
def case(request):
    return request.param


@pytest.mark.parametrize("layout", ["plain", "channels last"])
def test_forward_and_backward_equal_the_loops(case, layout, device):
    here = Setting(*case, layout, device)
    y, dx, dw = here.first_order()
    expected_dx, expected_dw = naive.backward(here.layer, here.w, here.x, here.dy, here.stats)
    assert device_of(y) == device_of(dx) == device_of(dw) == device
    assert relative_error(to_numpy(y), naive.forward(here.layer, here.w, here.x, here.stats)) < ROUNDING
    assert relative_error(to_numpy(dx), expected_dx) < ROUNDING
    assert relative_error(to_numpy(dw), expected_dw) < ROUNDING


@pytest.mark.parametrize("layout", ["plain", "channels last"])
def test_tangents_are_derivatives_along_random_directions(case, layout, device):
    """R{y, dx, dw} against differences of the y, dx, dw that the loops approve."""
    here, there = Setting(*case, layout, device), Setting(*case)
    found = here.second_order(here.Rw, here.Rx, here.Rdy)
    for k, one in enumerate(found):
        assert relative_error(to_numpy(one), derivative(lambda e, k=k: there.first_order(e)[k])) < DIFFERENCES


def test_tangent_is_the_adjoint_of_backward(case, device):
    """<u, J v> = <J'u, v>, with v over weights and input and u a random cotangent."""
    here = Setting(*case, "channels last", device)
    _, dx, dw = map(to_numpy, here.first_order())
    Ry = to_numpy(here.second_order(here.Rw, here.Rx, here.Rdy)[0])
    gap = (here.dy * Ry).sum() - (dx * here.Rx).sum() - dw @ here.Rw
    assert abs(gap) < ROUNDING * np.linalg.norm(here.dy) * np.linalg.norm(Ry)


def test_the_second_derivative_is_symmetric_and_linear_in_the_cotangent(case):
    """The Hessian of <u, f(w, x)> is symmetric; and along Rdy alone backward_tangent is backward."""
    here, rng = Setting(*case), stream(7, "symmetry")
    v, u = [(rng.standard_normal(here.w.shape), rng.standard_normal(here.x.shape)) for _ in range(2)]
    (_, ax, aw), (_, bx, bw) = (here.second_order(*p, np.zeros_like(here.dy)) for p in (v, u))
    scale = np.linalg.norm(np.append(ax.ravel(), aw)) * np.linalg.norm(np.append(u[1].ravel(), u[0]))
    assert abs(aw @ u[0] + (ax * u[1]).sum() - bw @ v[0] - (bx * v[1]).sum()) <= ROUNDING * scale
    _, Rdx, Rdw = here.second_order(np.zeros_like(here.w), np.zeros_like(here.x), here.dy)
    _, dx, dw = here.first_order()
    assert max(relative_error(Rdx, dx), relative_error(Rdw, dw)) < ROUNDING


def test_an_input_that_does_not_move_may_be_left_out(case, device):
    """Rx = None is Rx = 0, and need_dx=False changes no dw: what a network does in its first layers."""
    here = Setting(*case, "plain", device)
    if here.layer.size == 0 or isinstance(here.layer, BatchNorm2d):
        return
    w, x, dy, stats, Rw, Rdy = here.arrays("w x dy stats Rw Rdy")
    kept, dw, Rdw = [], array_module(w).full_like(w, np.nan), array_module(w).full_like(w, np.nan)
    _, caches = here.chain.forward(w, x, stats)
    here.chain.backward(w, caches, dy, dw, need_dx=False, kept=kept)
    Ry, Rcaches = here.chain.tangent(w, caches, Rw, None)
    here.chain.backward_tangent(w, caches, kept, Rw, Rcaches, Rdy, Rdw, need_dx=False)
    expected = here.second_order(here.Rw, np.zeros_like(here.x), here.Rdy)
    assert relative_error(to_numpy(dw), to_numpy(here.first_order()[2])) < ROUNDING
    assert relative_error(to_numpy(Ry), to_numpy(expected[0])) < ROUNDING
    assert relative_error(to_numpy(Rdw), to_numpy(expected[2])) < ROUNDING


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_types_in_are_types_out(case, device, dtype):
    here = Setting(*case, "channels last", device, dtype)
    found = [*here.first_order(), *here.second_order(here.Rw, here.Rx, here.Rdy)]
    assert {str(one.dtype) for one in found} == {dtype}


def test_a_layer_keeps_nothing_and_changes_nothing(case):
    """Other work in between does not change a result, and no input is written to."""
    here, other = Setting(*case), Setting(*case)
    inputs = [here.w, here.x, here.dy, here.Rw, here.Rx, here.Rdy]
    before = [a.copy() for a in inputs]
    first = [*here.first_order(), *here.second_order(here.Rw, here.Rx, here.Rdy)]
    copies = [a.copy() for a in first]
    other.x, other.w = other.x[::-1] * 2, other.w + 1
    other.first_order()
    other.second_order(other.Rw, other.Rx, other.Rdy)
    again = [*here.first_order(), *here.second_order(here.Rw, here.Rx, here.Rdy)]
    for a, b, c in zip(first, copies, again):
        assert np.array_equal(a, b) and np.array_equal(b, c)
    assert all(np.array_equal(a, b) for a, b in zip(inputs, before))


# ---- one example at a time

PER_EXAMPLE = [case for case in MODES if type(case[0]).per_example is not Layer.per_example]


@pytest.mark.parametrize("case", PER_EXAMPLE, ids=lambda case: "-".join(map(name_of, case)))
def test_per_example_is_backward_of_single_examples(case, device):
    here = Setting(*case, "channels last", device)
    w, x, dy, stats = here.arrays("w x dy stats")
    _, cache = here.layer.forward(w, x, stats)
    if here.layer.statistics and stats is None:
        with pytest.raises(ValueError, match=r"batch-norm in training mode.*pass stats="):
            here.layer.per_example(cache, dy)
        return
    singles = [naive.backward(here.layer, here.w, here.x[[n]], here.dy[[n]], here.stats)[1] for n in range(len(x))]
    assert relative_error(to_numpy(here.layer.per_example(cache, dy)), np.array(singles)) < ROUNDING


def test_a_cut_cache_is_the_cache_of_the_rows_alone(case, device):
    """By what can be computed from it: backward and both tangents of all examples but the first, in reverse order."""
    here = Setting(*case, "channels last", device)
    rows, (w, x, stats) = np.arange(len(here.x))[:0:-1], here.arrays("w x stats")
    _, cache = here.layer.forward(w, x, stats)
    if here.layer.statistics and stats is None:
        with pytest.raises(ValueError, match="no meaning through batch-norm in training mode"):
            here.layer.cut(cache, rows)
        return
    _, expected = here.layer.forward(w, here.put(here.x[rows]), stats)
    for found, wanted in zip(*(_derivatives(here, c, rows) for c in (here.layer.cut(cache, rows), expected))):
        assert relative_error(to_numpy(found), to_numpy(wanted)) < ROUNDING


def _derivatives(here, cache, rows):
    """dx, dw, Ry, Rdx, Rdw from the cache of these rows."""
    w, Rw = here.arrays("w Rw")
    Rx, dy, Rdy = (here.put(a[rows]) for a in (here.Rx, here.dy, here.Rdy))
    dw, Rdw, kept = array_module(w).full_like(w, np.nan), array_module(w).full_like(w, np.nan), []
    dx = here.chain.backward(w, [cache], dy, dw, kept=kept)
    Ry, Rcaches = here.chain.tangent(w, [cache], Rw, Rx)
    return dx, dw, Ry, here.chain.backward_tangent(w, [cache], kept, Rw, Rcaches, Rdy, Rdw), Rdw


def test_linear_shortcuts_equal_the_explicit_matrix(device):
    here = Setting(Linear(4, 3), (5, 4), "train", "plain", device)
    x, dy = here.arrays("x dy")
    G = to_numpy(here.layer.per_example(x, dy))
    assert relative_error(to_numpy(here.layer.gram(x, dy)), G @ G.T) < ROUNDING
    assert relative_error(to_numpy(here.layer.square_norms(x, dy)), (G**2).sum(1)) < ROUNDING
    assert relative_error(to_numpy(here.layer.square_sum(x, here.layer.squares(x, dy))), (G**2).sum(0)) < ROUNDING


@pytest.mark.parametrize("channels", [4, 1])
def test_a_large_batch_is_its_examples_one_by_one(device, channels):
    """Convolution works through a batch in parts; none may be lost or seen twice (200 images need two at least)."""
    layer, rng = Conv2d(channels, 3, 3, padding=1), stream(7, "large")
    w, x, dy = (
        rng.standard_normal(layer.size),
        rng.standard_normal((200, channels, 31, 32)),
        rng.standard_normal((200, 3, 31, 32)),
    )
    w, x, dy = (to_device(a, device) for a in (w, x, dy))
    y, dx, dw, _ = whole = _conv_pass(layer, w, x, dy)
    parts = [_conv_pass(layer, w, x[n : n + 1], dy[n : n + 1]) for n in range(len(x))]
    assert relative_error(to_numpy(y), np.concatenate([to_numpy(p[0]) for p in parts])) < ROUNDING
    assert relative_error(to_numpy(dx), np.concatenate([to_numpy(p[1]) for p in parts])) < ROUNDING
    assert relative_error(to_numpy(dw), sum(to_numpy(p[2]) for p in parts)) < ROUNDING
    assert relative_error(to_numpy(whole[3]), np.concatenate([to_numpy(p[3]) for p in parts])) < ROUNDING


@pytest.mark.parametrize("layer", [MaxPool2d(2), MaxPool2d(3, 2), ReLU()], ids=repr)
def test_pieces_of_a_large_batch_are_its_examples_one_by_one(layer, device):
    rng = stream(9, "large")
    x = to_device(rng.standard_normal((150, 3, 31, 32)), device)
    y, cache = layer.forward(x[:0], x)
    dy = to_device(rng.standard_normal(y.shape), device)
    dx = layer.backward(x[:0], cache, dy)
    for n in range(len(x)):
        one, its = layer.forward(x[:0], x[n : n + 1])
        np.testing.assert_array_equal(to_numpy(y[n : n + 1]), to_numpy(one))
        back = layer.backward(x[:0], its, dy[n : n + 1])
        np.testing.assert_array_equal(to_numpy(dx[n : n + 1]), to_numpy(back))


@pytest.mark.parametrize(("channels", "kernel", "stride"), [(1, 5, 1), (1, 3, 2), (3, 3, 1), (6, 5, 1)])
def test_columns_equal_their_plain_twin(channels, kernel, stride, device):
    """The a-th matrix holds the a-th row of every window: side by side they are the windows, read place by place."""
    x = stream(8, "columns").standard_normal((400, 30, 31, channels))
    places = range(0, 30 - kernel + 1, stride), range(0, 31 - kernel + 1, stride)
    plain = [x[:, a : a + kernel, b : b + kernel].reshape(len(x), -1) for a in places[0] for b in places[1]]
    x = to_device(x, device)
    size = len(plain), kernel**2 * channels
    parts = [
        (piece, np.concatenate([to_numpy(rows) for rows in columns], axis=-1).reshape(-1, *size))
        for piece, columns in _columns(x, kernel, stride, _pieces(x, kernel))
    ]
    assert (np.concatenate([columns for _, columns in parts]) == np.stack(plain, axis=1)).all()
    assert len(parts) > 1 or device == "cuda"
    assert [piece.start for piece, _ in parts] == [0] + [piece.stop for piece, _ in parts][:-1]


def _conv_pass(layer, w, x, dy):
    y, cache = layer.forward(w, x)
    dw = array_module(w).empty_like(w)
    return y, layer.backward(w, cache, dy, dw), dw, layer.per_example(cache, dy)


# ---- particular values


@pytest.mark.parametrize("kernel, stride", [(2, None), (3, 1), (3, 2), (2, 3)])
def test_max_pool_gives_ties_to_the_first_in_reading_order(kernel, stride, device):
    rng, layer = stream(7, "ties"), MaxPool2d(kernel, stride)
    x = rng.integers(0, 2, (3, 2, 7, 6)).astype(float)  # two values: hardly a window without a tie
    y, cache = layer.forward(None, to_device(x, device))
    dy = rng.standard_normal(y.shape)
    dx = layer.backward(None, cache, to_device(dy, device))
    assert cache[0].dtype == np.uint8  # a byte for each window
    assert np.array_equal(to_numpy(y), naive.forward(layer, None, x))
    assert relative_error(to_numpy(dx), naive.backward(layer, None, x, dy)[0]) < ROUNDING


@pytest.mark.parametrize("place", range(4))
def test_max_pool_does_not_hide_a_nan(place, device):
    """A network that diverged must show it, wherever in a window the NaN is."""
    x = np.arange(4.0)
    x[place] = np.nan
    y, _ = MaxPool2d(2).forward(None, to_device(x.reshape(1, 1, 2, 2), device))
    assert np.isnan(to_numpy(y)).all()


def test_batch_statistics_are_mean_and_unbiased_variance(device):
    for shape in [(6, 3), (4, 3, 2, 5), (2, 3)]:
        x, layer = stream(7, "statistics").standard_normal(shape) + 5, BatchNorm2d(3)
        _, cache = layer.forward(to_device(np.ones(6), device), to_device(x, device))
        columns = np.moveaxis(x, 1, -1).reshape(-1, 3)
        expected = np.concatenate([columns.mean(0), columns.var(0, ddof=1)])
        assert relative_error(to_numpy(layer.batch_statistics(cache)), expected) < ROUNDING


def test_batch_norm_makes_mean_beta_and_variance_gamma_squared():
    gamma, beta, x = (
        np.array([2.0, 0.5, 3.0]),
        np.array([1.0, -1.0, 0.0]),
        stream(7, "norm").standard_normal((9, 3, 4, 4)),
    )
    y, _ = BatchNorm2d(3, eps=0).forward(np.concatenate([gamma, beta]), x)
    assert np.allclose(y.mean((0, 2, 3)), beta, atol=ROUNDING)
    assert np.allclose(y.std((0, 2, 3)), gamma, atol=ROUNDING)


def test_initial_weights_have_the_scale_of_he():
    """Variance 2 / fan-in: 40000 draws put the sample variance within 3% (4 standard errors: 4 sqrt(2/40000))."""
    for layer, fan_in, weights in [(Linear(100, 400), 100, 40000), (Conv2d(40, 111, 3), 360, 39960)]:
        w = layer.initialize(stream(7, "he"))
        assert w.shape == (layer.size,) and np.all(w[weights:] == 0)
        assert abs(w[:weights].var() * fan_in / 2 - 1) < 0.03
    assert np.array_equal(BatchNorm2d(2).initialize(stream(7, "he")), [1, 1, 0, 0])


# ---- errors


def test_shapes_that_do_not_fit_are_named(device):
    xp_zeros = lambda *shape: to_device(np.zeros(shape), device)  # noqa: E731
    linear, conv = Linear(4, 3), Conv2d(2, 3, 3)
    for x in (xp_zeros(5, 7), xp_zeros(5, 2, 2, 4), xp_zeros(4)):
        with pytest.raises(ValueError, match=r"Linear\(inputs=4, outputs=3\) needs x of shape \(n, 4\), got"):
            linear.forward(xp_zeros(linear.size), x)
    for x in (xp_zeros(5, 3, 8, 8), xp_zeros(5, 8), xp_zeros(5, 2, 2, 8)):
        with pytest.raises(
            ValueError, match=r"Conv2d\(inputs=2, .* needs x of shape \(n, 2, h, w\), sides at least 3, got"
        ):
            conv.forward(xp_zeros(conv.size), x)
    for x in (xp_zeros(5, 4), xp_zeros(5, 4, 2, 2), xp_zeros(4), xp_zeros(2, 2, 2)):
        with pytest.raises(ValueError, match=r"BatchNorm2d\(channels=2, .* needs x of shape \(n, 2\), .* got"):
            BatchNorm2d(2).forward(xp_zeros(4), x)
    for pool in (MaxPool2d(3), AvgPool2d(3)):
        with pytest.raises(ValueError, match="window of 3 x 3 does not fit an image of 2 x 8"):
            pool.forward(None, xp_zeros(5, 2, 2, 8))


@pytest.mark.parametrize(
    "sizes, text",
    [
        ((0, 1, 3), "inputs of Conv2d must be at least 1, got 0"), ((1, 0, 3), "outputs of Conv2d must be at least 1"),
        ((1, 1, 0), "kernel of Conv2d must be at least 1"), ((1, 1, 3, 0), "stride of Conv2d must be at least 1"),
        ((1, 1, 3, 1, 3), r"less than the kernel\) must be in 0..2, got 3"), ((1, 1, 3, 1, -1), "at least 0"),
    ],
)  # fmt: skip
def test_impossible_convolutions_are_refused(sizes, text):
    with pytest.raises(ValueError, match=text):
        Conv2d(*sizes)


@pytest.mark.parametrize("kernel", [0, 17])
def test_impossible_pooling_is_refused(kernel):
    with pytest.raises(ValueError, match=f"kernel of MaxPool2d must be in 1..16, got {kernel}"):
        MaxPool2d(kernel)


def test_batch_norm_first_is_refused_for_second_order():
    layer, w, x = BatchNorm2d(2), np.ones(4), np.arange(6.0).reshape(3, 2)
    with pytest.raises(ValueError, match="BatchNorm2d cannot be the first layer"):
        layer.tangent(w, layer.forward(w, x)[1], w, None)
