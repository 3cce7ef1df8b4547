"""Hyper-parameters of all methods: what makes no sense is refused by name, and what is given is used."""

import itertools
from dataclasses import fields, replace
from functools import partial

import numpy as np
import pytest

from minicrest.batch import Diverged
from minicrest.datasets import Dataset
from minicrest.learner import Learner
from minicrest.nn import Linear, Network, ReLU, SoftmaxCrossEntropy, SquaredError
from minicrest.oracle import Oracle
from minicrest.random import stream
from minicrest.selection import METHODS
from tests.contract.test_contract import make_method, make_oracle

WRONG = {  # by the kind of a field: nothing of this may pass for one
    "int": (2.5, True, "2", np.nan, -3, np.float64(2), [2]),
    "float": (np.nan, "0.1", True, -np.inf, [0.5], 1j),
    "str": ("nonsense", "", 3, b"logits"),
    "bool": (1, 0.0, "yes", None),
}
FREE_TEXT = {("milo", "digest")}  # computed, and any text is refused when it is used
EVERY_FIELD = [(name, f.name) for name, cls in METHODS.items() for f in fields(cls) if (name, f.name) not in FREE_TEXT]


def kind(name, field):
    """"int", "float", "str" or "bool", by the annotation, and whether None is allowed."""
    annotation = next(f.type for f in fields(METHODS[name]) if f.name == field)
    return annotation.removesuffix(" | None"), annotation.endswith("None")


@pytest.mark.parametrize("name, field", EVERY_FIELD)
def test_nonsense_is_refused_by_name(name, field):
    what, optional = kind(name, field)
    for wrong in [*WRONG[what], *([] if optional or what == "bool" else [None])]:
        with pytest.raises((ValueError, TypeError), match=rf"\b{field}\b"):
            METHODS[name](**{field: wrong})


def test_there_are_enough_bad_calls():
    assert sum(len(WRONG[kind(*row)[0]]) for row in EVERY_FIELD) > 400


def test_infinity_is_a_threshold_only_for_crest():
    assert METHODS["crest"](tau=np.inf, alpha=np.inf)
    for name, field in EVERY_FIELD:
        if kind(name, field)[0] == "float" and field not in ("tau", "alpha"):
            with pytest.raises(ValueError, match=rf"\b{field}\b"):
                METHODS[name](**{field: np.inf})


# ---- what is given is used

OTHER = {  # another value of every hyper-parameter, which changes what the toy problem trains on
    "m": 5, "fraction": 0.25, "R": 1, "runs": 2, "lr": 0.7, "offset": 0.3, "t": 3, "T": 5, "T_p": 3, "eps": 0.9,
    "a": 0.1, "c": 9.0, "q": 0.1, "delta": 0.2, "kappa": 0.9, "lam": 30.0, "n_subsets": 1, "encoder": "pca",
    "normalize": True, "eta": 4.0, "target": "train", "rounds": 1, "elements": "class", "features": "logits",
    "r": 30, "tau": 1e-9,
    "h": 4.0, "b": 1.0, "alpha": 9.0, "T2": 2, "beta1": 0.1, "beta2": 0.1, "warmup": 3, "longest": 1,
    "curvature": "exact", "order": 1, "smooth": False, "exclude": False, "many": False, "b_H": 3, "estimates": 5,
    "power": 0.0, "damping": 9.0, "floor": 0.9, "lazy": False, "K": 3, "balanced": True, "per_class": True,
    "beta": 0.0, "low": 0.9,
}  # fmt: skip
BASE = {  # where the other values need a base that they differ from
    "crest": dict(tau=0.02, alpha=0.5, h=2.0), "adacore": dict(damping=1e-2, R=1), "gradmatch": dict(R=1),
    "milo": dict(R=1), "forgetting": dict(lr=3.0, T=9), "glister": dict(R=1), "epsilon-greedy": dict(eps=0.5),
    "infobatch": dict(delta=1.0),
}  # fmt: skip
PAIRS = {("craig", "features"): "raw", ("adacore", "features"): "last-layer"}
PAIRS |= {("crest", "c"): 9, ("milo", "eps"): 1e-6, ("milo", "kappa"): 0.0, ("gradmatch", "kappa"): 0.3}
BASES = {("gradmatch", "features"): dict(elements="class"), ("craig", "R"): dict(R=2), ("adacore", "R"): dict(R=2)}
BASES |= {(name, "R"): dict(R=2) for name in ("gradmatch", "milo", "glister")}
BASES |= {("crest", "longest"): dict(h=4.0), ("crest", "b"): dict(b=2.0)}


def trained_on(method, steps=40):
    """The batches of a run on the toy problem, as bytes."""
    oracle, batches = make_oracle(), []
    learner, theta, state = Learner(oracle), oracle.theta.copy(), method.init(oracle)
    for t in range(steps):
        batch, state = method.propose(state, oracle)
        gradient, feedback, _ = learner.step(batch, method.choose and partial(method.choose, state))
        batches.append((batch.indices.tobytes(), feedback.weights.tobytes()))
        state = method.observe(state, feedback)
        theta = theta - 0.1 * gradient
        learner.move(theta, oracle.statistics, t + 1, (t + 1) / steps)
    return batches


@pytest.mark.parametrize("name, field", EVERY_FIELD)
def test_no_hyper_parameter_is_silently_ignored(name, field):
    base = replace(make_method(name), **{**BASE.get(name, {}), **BASES.get((name, field), {})})
    other = PAIRS.get((name, field), OTHER[field])
    assert getattr(base, field) != other
    assert trained_on(base) != trained_on(replace(base, **{field: other}))


# ---- what is not finite, and data of all shapes


def oracle_of(x, y, network, theta=None, validation=True):
    theta = network.initialize(0, "float64") if theta is None else theta
    held = Dataset(x[-4:], y[-4:], "toy") if validation else None
    return Oracle(network, Dataset(x, y, "toy", validation=held), theta, seed=3)


def steps_of(method, oracle, steps=4):
    """The batches of so many steps that do not move the weights."""
    learner, state, batches = Learner(oracle), method.init(oracle), []
    for t in range(steps):
        batch, state = method.propose(state, oracle)
        batches.append(batch)
        state = method.observe(state, learner.step(batch, method.choose and partial(method.choose, state))[1])
        learner.move(oracle.theta, oracle.statistics, t + 1, (t + 1) / steps)
    return batches


ASKS_FEATURES = ("crest", "craig", "adacore", "gradmatch", "glister", "epsilon-greedy", "ucb")


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", ASKS_FEATURES)
def test_weights_that_are_not_finite_are_a_divergence(name, value):
    oracle = make_oracle()
    with np.errstate(all="ignore"), pytest.raises(Diverged, match="not finite: training has diverged; lower the learn"):
        Learner(oracle).move(np.full(oracle.size, value), oracle.statistics)
        steps_of(make_method(name), oracle)


@pytest.mark.parametrize("name", ["el2n", "grand"])
def test_runs_that_diverge_are_a_divergence(name):
    with np.errstate(all="ignore"), pytest.raises(Diverged, match="scores are not finite"):
        replace(make_method(name), t=9, lr=1e300).init(make_oracle())


def test_inputs_whose_curvature_overflows_are_a_divergence():
    """No "cannot convert float NaN to integer" from the period T1 = h |H_0| / |H_l|."""
    x, y = stream(0, "huge").standard_normal((48, 2)) * 1e160, np.arange(48) % 3
    oracle = oracle_of(x, y, Network([Linear(2, 8), ReLU(), Linear(8, 3)], SoftmaxCrossEntropy()))
    with np.errstate(all="ignore"), pytest.raises(Diverged):
        steps_of(make_method("crest"), oracle)


NEEDS_CLASSES = {"gradmatch": "elements='batch'", "glister": "integer classes", "forgetting": "integer classes"}


@pytest.mark.parametrize("name", METHODS)
def test_float_targets_are_trained_on_or_refused_with_a_way_out(name):
    x = stream(0, "float").standard_normal((24, 2))
    oracle = oracle_of(x, x[:, :1], Network([Linear(2, 1)], SquaredError()))
    if name in NEEDS_CLASSES:
        with pytest.raises(ValueError, match=NEEDS_CLASSES[name]):
            steps_of(make_method(name), oracle)
    else:
        for batch in steps_of(make_method(name), oracle):
            assert 0 < len(batch.indices) <= 24 and np.isfinite(batch.weights).all()


@pytest.mark.parametrize("name, classes, dtype", [*itertools.product(METHODS, (1, 3), ("int32", "uint8"))])
def test_integer_labels_of_any_width_are_classes(name, classes, dtype):
    """The same batches whatever the integers, also where there is only one class."""
    x, y = stream(0, "labels").standard_normal((24, 2)), np.arange(24) % classes
    network = Network([Linear(2, 8), ReLU(), Linear(8, 3)], SoftmaxCrossEntropy())
    plain, narrow = (steps_of(make_method(name), oracle_of(x, labels, network)) for labels in (y, y.astype(dtype)))
    assert [b.indices.tolist() for b in plain] == [b.indices.tolist() for b in narrow]
