"""Does a method keep its contract? `check_method` tries it on small problems, as check_estimator does for estimators."""

from __future__ import annotations

import copy
import random
import tempfile
from dataclasses import fields, is_dataclass
from pathlib import Path

import numpy as np
from numpy.random import get_state

from minicrest import checkpoint
from minicrest.arguments import whole
from minicrest.backend import gpu_available, to_numpy
from minicrest.batch import Batch
from minicrest.datasets import Dataset
from minicrest.learner import Learner
from minicrest.nn import Linear, Network, ReLU
from minicrest.oracle import Oracle
from minicrest.random import stream

PLAIN = (bool, int, float, str, type(None), tuple)
PROMISES = {  # name: what is promised
    "plain hyper-parameters": "a dataclass of numbers, text, booleans, None and tuples of these",
    "global generators": "NumPy's and Python's global generators are left alone",
    "pure transitions": "the same state proposes and observes the same, bit for bit, and nothing is changed in place",
    "legal batches": "int64 indices of examples and as many finite weights >= 0, both on the host",
    "the bill": "whatever is asked of the network is on the ledger",
    "checkpoints": "states and reports can be saved, and a saved state goes on bit for bit",
    "the seed": "the same seed repeats the batches, another one changes them",
    "small data": "one example, few examples and a single class are trained on too",
    "devices": "a GPU chooses the same examples (checked where there is one)",
}


def check_method(method, steps: int = 30) -> list[str]:
    """Try `method` on small problems for `steps` steps each; the promises kept, each in a sentence.

    Raises AssertionError, with the broken promise and the first step at which it broke.
    """
    whole("steps", steps, 1)
    _check_plain(method)
    batches = _walk(method, _oracle(), steps)
    again, other = _walk(method, _oracle(), steps), _walk(method, _oracle(seed=1), steps)
    for step, (one, two) in enumerate(zip(batches, again)):
        _keep(_same(one, two), "the seed", step, "two runs with the same seed differ; draw from stream(oracle.seed, ...)")
    _keep(not _same(batches, other), "the seed", steps - 1, "another oracle.seed gives the same batches; draw from it")
    for n, classes in ((1, 1), (2, 2), (5, 3), (12, 1)):
        try:
            _walk(method, _oracle(n, classes), min(steps, 5))
        except AssertionError:
            raise
        except Exception as error:  # whatever the method raises, its author should know on which data
            text = f"{type(error).__name__} with {n} examples of {classes} class(es): {error}"
            raise AssertionError(f"{type(method).__name__} breaks 'small data': {text}") from error
    if gpu_available():
        there = [batch.indices for batch in _walk(method, _oracle(device="cuda"), steps)]
        _keep(_same(there, [batch.indices for batch in batches]), "devices", 0, "the GPU trains on other examples")
    return [f"{name}: {promise}" for name, promise in PROMISES.items() if name != "devices" or gpu_available()]


def _walk(method, oracle, steps: int) -> list[Batch]:
    """Plain training in which every transition is checked; the batches."""
    learner, theta, batches = Learner(oracle), oracle.theta.copy(), []
    state = _transition(lambda: method.init(oracle), 0, "init", (), oracle)
    for step in range(steps):
        batch, proposed = _transition(lambda: _pair(method.propose(state, oracle)), step, "propose", state, oracle)
        _check_legal(batch, len(oracle), step)
        _check_saved(method, oracle, state, (batch, proposed), step)
        gradient, feedback, statistics = learner.step(batch)
        observed = _transition(lambda: method.observe(proposed, feedback), step, "observe", (proposed, feedback), oracle)
        _keep(_same(method.observe(proposed, feedback), observed), "pure transitions", step, "observe does not repeat")
        theta = theta - 0.1 * gradient
        learner.move(theta, learner.following(statistics), step + 1, (step + 1) / steps)
        state, batches = observed, [*batches, copy.deepcopy(batch)]
    return batches


def _transition(call, step: int, name: str, given, oracle):
    """What `call` returns; it may neither change what it was given, nor draw globally, nor ask for free."""
    before = list(_leaves(given)), _generators()
    result = call()
    _keep(_same(before[1], _generators()), "global generators", step, f"{name} draws from one; use stream(oracle.seed, ...)")
    _keep(before[0] == list(_leaves(given)), "pure transitions", step, f"{name} changes its state in place; use replace")
    billed = {kind: sum(getattr(b, kind) for b in oracle.ledger.phases.values()) for kind in oracle._network.counts}
    _keep(billed == oracle._network.counts, "the bill", step,
          f"{name} leads to {oracle._network.counts}, the ledger has {billed}; ask the oracle, not its network")  # fmt: skip
    return result


def _check_plain(method) -> None:
    keep = is_dataclass(method) and not isinstance(method, type)
    _keep(keep, "plain hyper-parameters", None, "make its class a @dataclass(frozen=True) and check an object of it")
    for f in fields(method):
        value = getattr(method, f.name)
        values = value if isinstance(value, tuple) else (value,)
        _keep(all(isinstance(v, PLAIN) for v in values), "plain hyper-parameters", None,
              f"{f.name} is a {type(value).__name__}; keep numbers and text, and make other things in init")  # fmt: skip


def _pair(result):
    _keep(isinstance(result, tuple) and len(result) == 2, "legal batches", None, "propose must return (batch, state)")
    return result


def _check_legal(batch, n: int, step: int) -> None:
    arrays = isinstance(batch, Batch) and all(type(a) is np.ndarray and a.ndim == 1 for a in batch)
    _keep(arrays and len(batch.indices) == len(batch.weights), "legal batches", step,
          "propose must return a Batch of two host arrays of one length; see uniform and weighted")  # fmt: skip
    i, w = batch
    _keep(i.dtype == np.int64 and ((0 <= i) & (i < n)).all(), "legal batches", step, f"indices must be int64 in 0..{n - 1}")
    _keep(w.dtype.kind == "f" and np.isfinite(w).all() and (w >= 0).all(), "legal batches", step,
          "weights must be floats, finite and not negative")  # fmt: skip


def _check_saved(method, oracle, state, proposed, step: int) -> None:
    """From the same state, and from the same state saved and loaded, come the same batch and the same next state."""
    bill, network = copy.deepcopy(oracle.ledger), dict(oracle._network.counts)
    _keep(_same(_pair(method.propose(state, oracle)), proposed), "pure transitions", step, "propose does not repeat")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.npz"
        try:
            checkpoint.save(path, [state, method.report(state)])
            loaded, _ = checkpoint.load(path, oracle.device, type(state).__module__)
        except (TypeError, ValueError) as error:
            _keep(False, "checkpoints", step, f"{error}; make the state a frozen dataclass, at the top of its module, of "
                                              "arrays, numbers and text, and report a dict of these")  # fmt: skip
    _keep(_same(method.propose(loaded, oracle), proposed), "checkpoints", step, "a loaded state proposes something else")
    oracle.ledger, oracle._network.counts = bill, network
