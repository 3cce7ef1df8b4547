"""What everything is by default, written down a second time: what is documented, and what results depend on."""

import inspect
from dataclasses import fields

import pytest

import minicrest.optim
from minicrest import submodular
from minicrest.datasets import load
from minicrest.oracle import Oracle
from minicrest.selection import METHODS, encoders, milo
from minicrest.selection.base import Subset

PART = dict(m=128, fraction=0.1)
DEFAULTS = {  # of each method; from its paper where that states one (minicrest/selection/ says which do not)
    "full": dict(m=128), "random": dict(m=128), "thinning": dict(m=128, low=0.1), "fresh": dict(m=32, r=None),
    "crest": dict(m=128, r=None, tau=0.05, h=1.0, b=5.0, alpha=0.1, T2=None, floor=0.5, beta1=0.9, beta2=0.999,
                  warmup=0, longest=None, lazy=True, K=None, c=None, curvature="hutchinson", balanced=False,
                  per_class=False, order=2, smooth=True, exclude=True, many=True),
    "craig": dict(PART, R=1, features="logits"),
    "adacore": dict(PART, R=1, b_H=64, estimates=1, beta1=0.9, beta2=0.999, power=1.0, damping=1e-4,
                    curvature="hutchinson", features="logits"),
    "gradmatch": dict(PART, R=20, lam=None, kappa=0.0, elements="class-gradient", features="last-layer"),
    "glister": dict(PART, R=20, eta=0.05, target="validation", rounds=None, eps=None),
    "milo": dict(PART, kappa=1 / 6, R=1, n_subsets=50, lam=0.4, eps=0.1, encoder="raw", normalize=False, digest=""),
    "random-dynamic": dict(PART, T_p=10), "epsilon-greedy": dict(PART, T_p=10, eps=0.1, a=0.8),
    "ucb": dict(PART, T_p=10, c=1.0, a=0.8),
    "el2n": dict(PART, t=20, runs=10, lr=0.1, offset=0.0), "grand": dict(PART, t=0, runs=10, lr=0.1, offset=0.0),
    "forgetting": dict(PART, T=200, runs=1, lr=0.1, offset=0.0),
    "infobatch": dict(m=128, q=0.5, delta=0.875), "selective-backprop": dict(m=128, beta=2.0, R=1024),
}  # fmt: skip
OPTIMISERS = {  # and schedules
    "SGD": dict(lr=0.1, momentum=0.9, weight_decay=0.0),
    "AdamW": dict(lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=1e-2),
    "StepDecay": dict(warmup=0.1, milestones=(0.6, 0.85), decay=0.1), "Cosine": dict(warmup=0.1), "Constant": {},
}  # fmt: skip


@pytest.mark.parametrize("name", METHODS)
def test_of_every_method(name):
    method = METHODS[name]()
    assert {field.name: getattr(method, field.name) for field in fields(method)} == DEFAULTS[name]


@pytest.mark.parametrize("name", OPTIMISERS)
def test_of_optimisers_and_schedules(name):
    assert vars(getattr(minicrest.optim, name)()) == OPTIMISERS[name]


@pytest.mark.parametrize("function", [
    Oracle, load, milo.prepare, encoders.encode, encoders.convolutions, submodular.greedi, submodular.stochastic_greedy,
])  # fmt: skip
def test_every_seed_is_0(function):
    assert inspect.signature(function).parameters["seed"].default == 0


def test_of_a_few_others():
    assert Subset(None, None) == Subset(None, None, number=0, used=0)
    assert inspect.signature(milo.Prepared.probabilities).parameters["normalize"].default is False
    assert METHODS["glister"]().needs_validation and not METHODS["glister"](target="train").needs_validation
