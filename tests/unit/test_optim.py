"""Optimisers against twins in plain Python numbers and against torch; schedules at exact values."""

import math

import numpy as np
import pytest

from minicrest.backend import device_of, to_device, to_numpy
from minicrest.optim import BLOCK, OPTIMIZERS, SCHEDULES, SGD, AdamW, Constant, Cosine, StepDecay
from minicrest.random import stream

FACTORS = [0.1, 0.5, 1.0, 1.0, 0.1, 0.01]
CHOICES = [
    SGD(0.1, 0.0), SGD(0.1, 0.9), SGD(0.05, 0.9, 1e-2), SGD(0.3, 0.0, 0.1), AdamW(), AdamW(0.01, 0.8, 0.95, 1e-3, 0.1),
    AdamW(weight_decay=0.0),
]  # fmt: skip


def problem():
    rng = stream(0, "optim")
    return rng.standard_normal(5), rng.standard_normal((len(FACTORS), 5))


def sgd_twin(o, w, gradients):
    v = 0.0
    for g, factor in zip(gradients, FACTORS):
        v = o.momentum * v + (g + o.weight_decay * w)
        w = w - o.lr * factor * v
    return w


def adamw_twin(o, w, gradients):
    m = s = 0.0
    for t, (g, factor) in enumerate(zip(gradients, FACTORS), 1):
        m = o.beta1 * m + (1 - o.beta1) * g
        s = o.beta2 * s + (1 - o.beta2) * g * g
        corrected = m / (1 - o.beta1**t) / (math.sqrt(s / (1 - o.beta2**t)) + o.eps)
        w = w - o.lr * factor * (corrected + o.weight_decay * w)
    return w


def run(optimizer, theta, gradients):
    state = optimizer.init(theta)
    for g, factor in zip(gradients, FACTORS):
        state = optimizer.update(theta, g, state, factor)
    return theta


@pytest.mark.parametrize("optimizer", CHOICES, ids=repr)
def test_against_a_scalar_twin(optimizer, device):
    theta, gradients = problem()
    twin = sgd_twin if isinstance(optimizer, SGD) else adamw_twin
    expected = [twin(optimizer, float(w), [float(g) for g in column]) for w, column in zip(theta, gradients.T)]
    found = run(optimizer, to_device(theta.copy(), device), [to_device(g, device) for g in gradients])
    np.testing.assert_allclose(to_numpy(found), expected, rtol=1e-13)  # the same formula in the same precision


@pytest.mark.parametrize("optimizer", CHOICES, ids=repr)
def test_against_torch(optimizer):
    torch = pytest.importorskip("torch")
    theta, gradients = problem()
    w = torch.tensor(theta.copy(), requires_grad=True)
    if isinstance(optimizer, SGD):
        other = torch.optim.SGD([w], optimizer.lr, optimizer.momentum, weight_decay=optimizer.weight_decay)
    else:
        betas = (optimizer.beta1, optimizer.beta2)
        other = torch.optim.AdamW([w], optimizer.lr, betas, optimizer.eps, optimizer.weight_decay)
    for g, factor in zip(gradients, FACTORS):
        other.param_groups[0]["lr"] = optimizer.lr * factor
        w.grad = torch.tensor(g)
        other.step()
    np.testing.assert_allclose(run(optimizer, theta, gradients), w.detach().numpy(), rtol=1e-12)  # other order of sums


@pytest.mark.parametrize("size", [2 * BLOCK + 3, 2 * BLOCK, 1])
def test_blocks_change_no_bit(size):
    """SGD walks through theta in blocks; its plain twin does not."""
    rng, o = stream(1, "blocks"), SGD(0.1, 0.9, 0.01)
    theta, twin = np.repeat(rng.standard_normal((1, size)), 2, axis=0).astype("float32")
    state, v = o.init(theta), np.zeros_like(twin)
    for g in rng.standard_normal((2, size)).astype("float32"):
        o.update(theta, g, state, 0.5)
        v *= o.momentum
        v += g
        v += o.weight_decay * twin
        twin -= o.lr * 0.5 * v
    assert (theta == twin).all() and (state.velocity == v).all()


@pytest.mark.parametrize("optimizer", [SGD(weight_decay=0.1), AdamW()], ids=repr)
def test_in_place(optimizer, device):
    """theta and the state's arrays are the same objects after an update; the gradient is not touched."""
    theta, gradients = problem()
    theta, g = to_device(theta, device), to_device(gradients[0].copy(), device)
    before = to_numpy(theta).copy()
    view, state = theta[1:3], optimizer.init(theta)
    arrays = [a for a in vars(state).values() if not isinstance(a, int)]
    after = optimizer.update(theta, g, state)
    assert all(a is b for a, b in zip(arrays, vars(after).values()))
    assert all(device_of(a) == device for a in arrays)
    assert (to_numpy(theta) != before).all()
    assert (to_numpy(view) == to_numpy(theta)[1:3]).all()
    assert (to_numpy(g) == gradients[0]).all()


@pytest.mark.parametrize("optimizer", [SGD(weight_decay=0.1), AdamW()], ids=repr)
def test_float32_stays_float32(optimizer, device):
    theta = to_device(np.ones(3, dtype="float32"), device)
    state = optimizer.update(theta, theta.copy(), optimizer.init(theta), np.float64(0.5).item())
    assert all(a.dtype == "float32" for a in [theta, *vars(state).values()] if not isinstance(a, int))


def test_the_default_factor_is_one():
    theta = np.array([1.0])
    SGD(lr=0.5, momentum=0.0).update(theta, np.array([1.0]), SGD().init(theta))
    assert theta[0] == 0.5


NAN, INF = float("nan"), float("inf")
WRONG = {  # class: field: values out of range
    SGD: {"lr": (0, -1, INF, NAN), "momentum": (-0.1, 1.0, NAN), "weight_decay": (-1, INF, NAN)},
    AdamW: {"lr": (0, -1, INF), "beta1": (-0.1, 1.0), "beta2": (-0.1, 1.0), "eps": (0, INF), "weight_decay": (-1, INF)},
    StepDecay: {"warmup": (-0.1, 1.1, NAN), "decay": (0, -1, 1.5), "milestones": ((60, 85), (0.5, NAN))},
    Cosine: {"warmup": (-0.1, 1.0, 2)},
}


@pytest.mark.parametrize(
    ("cls", "name", "value"), [(cls, name, v) for cls, rows in WRONG.items() for name, vs in rows.items() for v in vs]
)  # fmt: skip
def test_out_of_range(cls, name, value):
    singular = name.removesuffix("s")
    with pytest.raises(ValueError, match=rf"{singular}.* of {cls.__name__}.* must be a number in .*, got"):
        cls(**{name: value})


@pytest.mark.parametrize(("cls", "name"), [(cls, name) for cls, rows in WRONG.items() for name in rows])
def test_text_is_no_number(cls, name):
    with pytest.raises(TypeError, match=r"must be a number, got '0\.1'"):
        cls(**{name: ("0.1",) if name == "milestones" else "0.1"})


def test_steps_is_the_papers_schedule():
    """Of 100 steps the first 10 warm up; the rate falls tenfold after 60 and after 85."""
    factors = [StepDecay()(step / 100) for step in range(1, 101)]
    expected = [step / 10 for step in range(1, 10)] + [1.0] * 51 + [0.1] * 25 + [0.01] * 15
    np.testing.assert_allclose(factors, expected, rtol=1e-15 * 10)
    assert StepDecay()(1 / 100) > 0  # the weights move from the first step on
    assert StepDecay(0.0, (0.5,), 0.2)(0.5) == 1.0 and StepDecay(0.0, (0.5,), 0.2)(0.51) == 0.2


def test_cosine():
    cosine = Cosine()
    assert cosine(0.05) == 0.5 and cosine(0.1) == 1.0 and cosine(1.0) == pytest.approx(0, abs=1e-16)
    assert cosine(0.55) == pytest.approx(0.5, rel=1e-15)
    assert cosine(0.1 + 0.9 / 3) == pytest.approx(0.75, rel=1e-15)
    assert Cosine(0.0)(0.25) == pytest.approx((1 + math.sqrt(0.5)) / 2, rel=1e-15)


def test_names():
    assert Constant()(0.001) == Constant()(1.0) == 1.0
    assert OPTIMIZERS == {"sgd": SGD, "adamw": AdamW}
    assert SCHEDULES == {"constant": Constant, "steps": StepDecay, "cosine": Cosine}
