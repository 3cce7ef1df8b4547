"""Does a method keep its contract? `check_method` tries it out, as scikit-learn's check_estimator does estimators."""

from __future__ import annotations

import random
import tempfile
from dataclasses import fields, is_dataclass
from pathlib import Path

import numpy as np
from numpy.random import get_state

from minicrest import checkpoint
from minicrest.arguments import whole
from minicrest.batch import Batch
from minicrest.datasets import Dataset
from minicrest.learner import Learner
from minicrest.nn import Linear, Network, ReLU, SoftmaxCrossEntropy
from minicrest.oracle import Oracle
from minicrest.random import stream

PROMISES = {
    "settings": "the fields of a frozen dataclass are numbers, text, True or False, None, or tuples of these",
    "generators": "the global generators of NumPy and Python are left alone",
    "purity": "the same state gives the same answer, bit for bit, and nothing is changed in place",
    "batches": "int64 indices of examples and as many finite weights >= 0, on the host",
    "bill": "all that passes through the network is on the ledger",
    "checkpoints": "states and reports can be saved, and a saved state goes on bit for bit",
    "seed": "the same seed repeats the batches, another one changes them",
    "small data": "a single example, a few examples and a single class can be trained on",
}


def check_method(method, steps: int = 30) -> list[str]:
    """Train small problems with `method` for `steps` steps each; the promises it keeps, each as "name: what it means".

    Raises AssertionError, naming the broken promise and the first step at which it broke.
    """
    whole("steps", steps, 1)
    frozen = getattr(getattr(type(method), "__dataclass_params__", None), "frozen", False)
    _require(frozen, "settings", 0, "give an object of a class that is a @dataclass(frozen=True)")
    for name, value in ((f.name, getattr(method, f.name)) for f in fields(method)):
        plain = all(isinstance(v, (int, float, str, type(None))) for v in (value if type(value) is tuple else (value,)))
        _require(plain, "settings", 0, f"{name} is a {type(value).__name__}; give plain values and build it in init")
    batches, again = _walk(method, _oracle(), steps, save=True), _walk(method, _oracle(), steps)
    for step, (one, two) in enumerate(zip(batches, again)):
        _require(one == two, "seed", step, "a second run differs; draw from stream(oracle.seed, ...)")
    other = _walk(method, _oracle(seed=1), steps)
    _require(other != batches, "seed", 0, "another seed changes nothing; draw from stream(oracle.seed, ...)")
    for n, classes in ((1, 1), (2, 2), (5, 3), (12, 1)):
        try:
            _walk(method, _oracle(n, classes), min(steps, 5))
        except (ValueError, TypeError, LookupError, ArithmeticError) as error:
            _require(False, "small data", 0, f"n = {n}, classes = {classes}: {type(error).__name__}: {error}")
    return [f"{name}: {what}" for name, what in PROMISES.items()]


def _walk(method, oracle, steps: int, save: bool = False) -> list:
    """Plain training that checks every transition; the values of its batches."""
    learner, theta, batches = Learner(oracle), oracle.theta.copy(), []
    state = _answer(method.init, (oracle,), 0)
    for step in range(steps):
        batch, proposed = _answer(method.propose, (state, oracle), step)
        _check_batch(batch, len(oracle), step)
        if save:
            again = method.propose(_reloaded(state, method.report(state), step), oracle)
            what = "a state that was saved and loaded proposes something else; keep all that counts in its fields"
            _require(_values(again) == _values((batch, proposed)), "checkpoints", step, what)
        batches.append(_values(batch))
        gradient, feedback, statistics = learner.step(batch, _chooser(method, proposed, step))
        state = _answer(method.observe, (proposed, feedback), step)
        theta = theta - 0.1 * gradient
        learner.move(theta, learner.following(statistics), step + 1, (step + 1) / steps)
    return batches


def _chooser(method, state, step: int):
    """What the training step asks between its passes, checked like the batches; None for a method without `choose`."""
    if getattr(method, "choose", None) is None:
        return None

    def choose(feedback):
        weights = _answer(method.choose, (state, feedback), step)
        _check_batch(Batch(feedback.indices, weights), 1 + int(feedback.indices.max(initial=0)), step)
        return weights

    return choose


def _answer(transition, given, step: int):
    """What the transition returns, asked twice; it must change nothing, draw from nothing global, and pay."""
    name, oracle, held = transition.__name__, given[-1], [thing for thing in given if not isinstance(thing, Oracle)]
    before, drawn = _values(held), _values((get_state(), random.getstate()))
    result = transition(*given)
    alone = _values((get_state(), random.getstate())) == drawn
    _require(alone, "generators", step, f"{name} draws from one; draw from stream(oracle.seed, ...)")
    _require(_values(held) == before, "purity", step, f"{name} changes what it is given; use dataclasses.replace")
    if isinstance(oracle, Oracle):
        billed, passed = sum(b.forward + b.hessian for b in oracle.ledger.phases.values()), oracle._network.passed
        what = f"{passed} examples have passed through the network, {billed} are billed; {name} must ask the oracle"
        _require(billed == passed, "bill", step, what)
    answer = _values(result)
    _require(_values(transition(*given)) == answer, "purity", step, f"{name} answers something else when asked again")
    return result


def _check_batch(batch, n: int, step: int) -> None:
    arrays = isinstance(batch, Batch) and all(type(a) is np.ndarray and a.ndim == 1 for a in batch)
    alike = arrays and len(batch.indices) == len(batch.weights)
    _require(alike, "batches", step, "propose must return a Batch of two NumPy arrays of one length; see uniform")
    i, w = batch
    _require(i.dtype == np.int64 and ((i >= 0) & (i < n)).all(), "batches", step, f"indices not int64 in 0..{n - 1}")
    _require((np.isfinite(w) & (w >= 0)).all(), "batches", step, "weights must be floats, finite and not negative")


def _reloaded(state, report, step: int):
    """The state from a checkpoint of it and its report."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            checkpoint.save(Path(folder) / "state.npz", [state, report])
            return checkpoint.load(Path(folder) / "state.npz", modules=type(state).__module__)[0]
        except (TypeError, ValueError) as error:
            advice = "make the state a frozen dataclass, at the top of a module, of arrays, numbers and text"
            _require(False, "checkpoints", step, f"{error}; {advice}")


def _require(kept, promise: str, step: int, what: str) -> None:
    if not kept:
        raise AssertionError(f"broken promise at step {step}, {promise} ({PROMISES[promise]}): {what}")


def _values(tree):
    """The values in a tree of dataclasses, containers and arrays, so that == compares them bit for bit."""
    if is_dataclass(tree):
        tree = {f.name: getattr(tree, f.name) for f in fields(tree)}
    if isinstance(tree, (dict, list, tuple)):
        return [(key, _values(item)) for key, item in (tree.items() if isinstance(tree, dict) else enumerate(tree))]
    if isinstance(tree, np.ndarray):
        return str(tree.dtype), tree.shape, tree.tobytes()
    opaque = hasattr(tree, "__dict__") and not callable(tree)
    return _values(vars(tree)) if opaque else repr(tree.item() if isinstance(tree, np.generic) else tree)


class _Spy(Network):
    """A network that counts the examples that pass through it, those of a Hessian product once for each direction."""

    passed = 0

    def forward(self, theta, x, stats=None):
        self.passed += len(x)
        return super().forward(theta, x, stats)

    def hvp(self, theta, x, y, v, weights=None, stats=None):
        self.passed += len(x) * (v.size // len(theta) - 1)
        return super().hvp(theta, x, y, v, weights, stats)


def _oracle(n: int = 48, classes: int = 3, seed: int = 0) -> Oracle:
    """n examples of Gaussian classes in the plane, and a validation part, for a network with one hidden layer."""
    y = np.arange(2 * n) % classes
    x = 2 * np.array([[0.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])[y] + stream(seed, "check").standard_normal((2 * n, 2))
    data = Dataset(x[:n], y[:n], "check", validation=Dataset(x[n:], y[n:], "check"))
    network = _Spy([Linear(2, 8), ReLU(), Linear(8, 3)], SoftmaxCrossEntropy())
    return Oracle(network, data, network.initialize(seed, "float64"), seed=seed)
