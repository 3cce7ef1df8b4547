"""check_method finds each planted violation: a right method, and the same with one promise broken at a time."""

import itertools
import random
import weakref
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from minicrest.batch import Batch, uniform
from minicrest.experiments.check_method import PROMISES
from minicrest.random import stream
from minicrest.selection import METHODS, Method, Random, check_method


@dataclass(frozen=True)
class Memory:
    """A state with room for what does not belong there."""

    step: int = 0
    losses: np.ndarray = field(default_factory=lambda: np.zeros(0))
    more: object = None


@dataclass(frozen=True)
class Right(Method):
    """Random mini-batches, written as a foreign method would be."""

    m: int = 4
    extra: object = None

    def init(self, oracle):
        return Memory(losses=np.zeros(len(oracle)))

    def draw(self, state, oracle):
        """(<= m,) the indices of the next batch."""
        rng = stream(oracle.seed, "right", state.step)
        return rng.choice(len(oracle), min(self.m, len(oracle)), replace=False)

    def batch(self, i):
        return uniform(i)

    def propose(self, state, oracle):
        return self.batch(self.draw(state, oracle)), replace(state, step=state.step + 1)


class OwnProtocol:
    """Not a dataclass, though it has the four transitions."""

    init, propose, observe, report = Right.init, Right.propose, Right.observe, Right.report


@dataclass
class Thawed(Method):
    """Its hyper-parameters can be changed."""

    m: int = 4


class DrawsGlobally(Right):
    def draw(self, state, oracle):
        return np.random.permutation(len(oracle))[: self.m]


class DrawsFromPython(Right):
    def draw(self, state, oracle):
        return np.array(random.sample(range(len(oracle)), min(self.m, len(oracle))))


class DrawsFromNowhere(Right):
    def draw(self, state, oracle):
        return np.random.default_rng().permutation(len(oracle))[: self.m]


class IgnoresTheSeed(Right):
    def draw(self, state, oracle):
        return np.random.default_rng(state.step).permutation(len(oracle))[: self.m]


class MutatesInPropose(Right):
    def propose(self, state, oracle):
        state.losses[0] += 1
        return super().propose(state, oracle)


class MutatesInObserve(Right):
    def observe(self, state, feedback):
        state.losses[feedback.indices] = feedback.losses
        return state


class MutatesTheBatch(Right):
    def observe(self, state, feedback):
        feedback.losses[:] = 0
        return state


class OutOfRange(Right):
    def draw(self, state, oracle):
        return super().draw(state, oracle) + (state.step == 3)


class Negative(Right):
    def batch(self, i):
        return Batch(i, np.ones(len(i)))

    def draw(self, state, oracle):
        return super().draw(state, oracle) - 1


class WrongIntegers(Right):
    def propose(self, state, oracle):
        batch, state = super().propose(state, oracle)
        return batch._replace(indices=batch.indices.astype(np.int32)), state


class NaNWeights(Right):
    def propose(self, state, oracle):
        batch, state = super().propose(state, oracle)
        return batch._replace(weights=np.where(state.step == 7, np.nan, batch.weights)), state


class InfiniteWeights(Right):
    def propose(self, state, oracle):
        batch, state = super().propose(state, oracle)
        return batch._replace(weights=batch.weights * np.inf), state


class TellsRunsApart(Right):
    runs = weakref.WeakKeyDictionary()
    numbers = itertools.count()

    def draw(self, state, oracle):
        run = self.runs[oracle] if oracle in self.runs else self.runs.setdefault(oracle, next(self.numbers))
        return stream(oracle.seed, "run", run, state.step).permutation(len(oracle))[: self.m]


class NegativeWeights(Right):
    def propose(self, state, oracle):
        batch, state = super().propose(state, oracle)
        return batch._replace(weights=-batch.weights), state


class TooFewWeights(Right):
    def propose(self, state, oracle):
        batch, state = super().propose(state, oracle)
        return batch._replace(weights=batch.weights[1:]), state


class JustIndices(Right):
    def propose(self, state, oracle):
        batch, state = super().propose(state, oracle)
        return batch.indices, state


class HoldsASet(Right):
    def init(self, oracle):
        return Memory(more={1, 2})


class HoldsALambda(Right):
    def init(self, oracle):
        return Memory(more=abs)


class Plain:
    """A state that is no dataclass."""

    def __init__(self):
        self.step = 0


class ForeignState(Right):
    def init(self, oracle):
        return Plain()

    def propose(self, state, oracle):
        return uniform(stream(oracle.seed, "foreign", oracle.time).permutation(len(oracle))[: self.m]), state


@dataclass(frozen=True)
class Forgetful(Memory):
    """A state that does not save all that counts."""

    hidden: int = field(default=0, init=False)


class LosesWhatItKnew(Right):
    def init(self, oracle):
        state = Forgetful()
        object.__setattr__(state, "hidden", 5)
        return state

    def draw(self, state, oracle):
        return stream(oracle.seed, "hidden", getattr(state, "hidden", 0)).permutation(len(oracle))[: self.m]


class ReportsAnObject(Right):
    def report(self, state):
        return {"state": object}


class AsksForFree(Right):
    def propose(self, state, oracle):
        data, i = oracle._data, np.arange(len(oracle))
        losses = oracle._network.losses(oracle.theta, data.inputs(i, oracle.dtype), data.targets(i))
        return uniform(np.argsort(-losses, kind="stable")[: self.m]), replace(state, step=state.step + 1)


class GoesBackForFree(Right):
    """It pays for one gradient of the two that it takes."""

    def draw(self, state, oracle):
        data, everyone = oracle._data, uniform(np.arange(len(oracle)))
        oracle.gradient(everyone)
        oracle.ledger.charge(forward=len(oracle))
        oracle._network.gradient(oracle.theta, data.x, data.y)
        return super().draw(state, oracle)


class MultipliesForFree(Right):
    """A Hessian product in two directions."""

    def draw(self, state, oracle):
        oracle._network.hvp(oracle.theta, oracle._data.x, oracle._data.y, np.ones((2, oracle.size)))
        return super().draw(state, oracle)


class ChoosesForFree(Right):
    """It looks at the examples again while it chooses, through an oracle that it keeps hidden."""

    oracles = []

    def draw(self, state, oracle):
        self.oracles[:] = [oracle]
        return super().draw(state, oracle)

    def choose(self, state, feedback):
        oracle, i = self.oracles[0], feedback.indices
        return oracle._network.losses(oracle.theta, oracle._data.x[i], oracle._data.y[i])


class AsksEverything(Right):
    """Every question of the oracle, through the door."""

    def draw(self, state, oracle):
        i = np.arange(len(oracle))
        batch = Batch(i, (i % 2).astype(float))  # the half without weight does not go back
        oracle.gradient_norms(i), oracle.gradient(batch), oracle.hessian_diagonal(batch)
        oracle.hvp(batch, np.ones((3, oracle.size))), oracle.validation.last_layer(i), oracle.fork(1).answers(i)
        return super().draw(state, oracle)


class NeedsSixExamples(Right):
    def draw(self, state, oracle):
        return stream(oracle.seed, "six", state.step).choice(len(oracle), 6, replace=False)


class NeedsTwoClasses(Right):
    def draw(self, state, oracle):
        a, b = (np.flatnonzero(oracle.labels == label) for label in np.unique(oracle.labels)[:2])
        return stream(oracle.seed, "two", state.step).permutation([a[0], b[0]])


class CountsItsCalls(Right):
    calls = []

    def draw(self, state, oracle):
        self.calls.append(0)
        return stream(oracle.seed, "calls", len(self.calls)).permutation(len(oracle))[: self.m]


class Chooses(Right):
    """Keeps half of what it proposes, rightly."""

    def choose(self, state, feedback):
        return 2.0 * (stream(feedback.seed, "chooses", state.step).random(len(feedback.indices)) < 0.5)


class ChoosesGlobally(Right):
    def choose(self, state, feedback):
        return np.random.random(len(feedback.indices))


class ChoosesNegative(Right):
    def choose(self, state, feedback):
        return -np.ones(len(feedback.indices))


class ChoosesTooFew(Right):
    def choose(self, state, feedback):
        return np.ones(len(feedback.indices) - 1)


class ChoosesNaN(Right):
    def choose(self, state, feedback):
        return np.where(state.step == 3, np.nan, np.ones(len(feedback.indices)))


class ChoosesAList(Right):
    def choose(self, state, feedback):
        return [1.0] * len(feedback.indices)


class MutatesInChoose(Right):
    def choose(self, state, feedback):
        state.losses[0] += 1
        return np.ones(len(feedback.indices))


class MutatesTheFeedback(Right):
    def choose(self, state, feedback):
        feedback.losses[:] = 0
        return np.ones(len(feedback.indices))


class CountsItsChoices(Right):
    calls = []

    def choose(self, state, feedback):
        self.calls.append(0)
        return np.full(len(feedback.indices), float(len(self.calls)))


PLANTED = [
    (OwnProtocol(), "step 0, settings.*@dataclass"),
    (Right(extra=[1]), "step 0, settings.*extra is a list"),
    (Right(extra=(np.ones(2),)), "step 0, settings.*extra is a tuple"),
    (DrawsGlobally(), "step 0, generators.*propose draws"),
    (DrawsFromPython(), "step 0, generators.*propose draws"),
    (DrawsFromNowhere(), "step 0, purity.*propose answers some"),
    (IgnoresTheSeed(), "step 0, seed.*another seed changes nothing"),
    (CountsItsCalls(), "step 0, purity.*propose answers"),
    (MutatesInPropose(), "step 0, purity.*propose changes what"),
    (MutatesInObserve(), "step 0, purity.*observe changes what"),
    (MutatesTheBatch(), "step 0, purity.*observe changes what"),
    (OutOfRange(m=48), "step 3, batches.*int64 in 0..47"),
    (Negative(m=48), "step 0, batches.*int64 in 0..47"),
    (WrongIntegers(), "step 0, batches.*int64"),
    (NaNWeights(), "step 6, batches.*finite"),
    (InfiniteWeights(), "step 0, batches.*finite"),
    (TellsRunsApart(), "step 0, seed.*a second run differs"),
    (NegativeWeights(), "step 0, batches.*not negative"),
    (TooFewWeights(), "step 0, batches.*of one length"),
    (JustIndices(), "step 0, batches.*a Batch of two"),
    (HoldsASet(), "step 0, checkpoints.*cannot hold a set.*frozen dataclass"),
    (HoldsALambda(), "step 0, checkpoints.*hold a"),
    (ForeignState(), "step 0, checkpoints.*cannot hold a Plain.*frozen dataclass, at the top of a module"),
    (LosesWhatItKnew(), "step 0, checkpoints.*proposes something else"),
    (ReportsAnObject(), "step 0, checkpoints.*cannot hold"),
    (AsksForFree(), r"step 0, bill.*48 examples have passed .*\(forward\), 0 are billed; propose must ask the oracle"),
    (GoesBackForFree(), r"step 0, bill.*96 examples .* \(backward\), 48 are billed; propose must ask the oracle"),
    (MultipliesForFree(), r"step 0, bill.*96 examples .* \(hessian\), 0 are billed; propose must ask the oracle"),
    (ChoosesForFree(), r"step 0, bill.*examples .* \(forward\), .* are billed; choose must ask the oracle"),
    (NeedsSixExamples(), "step 0, small data.*n = 1, classes = 1: ValueError"),
    (NeedsTwoClasses(), "step 0, small data.*n = 1, classes = 1: ValueError"),
    (ChoosesGlobally(), "step 0, generators.*choose draws"),
    (ChoosesNegative(), "step 0, batches.*not negative"),
    (ChoosesTooFew(), "step 0, batches.*of one length"),
    (ChoosesNaN(), "step 2, batches.*finite"),
    (ChoosesAList(), "step 0, batches.*NumPy arrays"),
    (MutatesInChoose(), "step 0, purity.*choose changes what"),
    (MutatesTheFeedback(), "step 0, purity.*choose changes what"),
    (CountsItsChoices(), "step 0, purity.*choose answers something else"),
]


@pytest.mark.parametrize("method, words", PLANTED)
def test_each_planted_violation_is_named(method, words):
    with pytest.raises(AssertionError, match=f"broken promise at {words}"):
        check_method(method, steps=8)


def test_every_promise_has_a_planted_violation():
    assert all(any(f", {name}" in words for _, words in PLANTED) for name in PROMISES)


def test_a_right_method_keeps_them_all():
    assert check_method(Right(), steps=8) == [f"{name}: {what}" for name, what in PROMISES.items()]
    assert check_method(Random(), steps=1) and check_method(AsksEverything(), steps=2)
    assert len(check_method(Chooses(), steps=8)) == len(PROMISES)


def test_what_is_no_method_is_told_what_to_do():
    for thing in (Random, METHODS, "random", None):
        with pytest.raises(TypeError, match="method must be an object with init, propose, observe, report, such as"):
            check_method(thing)
    with pytest.raises(AssertionError, match=r"give an object of a class that is a @dataclass\(frozen=True\)"):
        check_method(Thawed())
    with pytest.raises(ValueError, match="steps must be at least 1"):
        check_method(Random(), steps=0)
    with pytest.raises(TypeError, match="steps must be a whole number"):
        check_method(Random(), steps=2.5)


def test_an_empty_batch_is_legal():
    """It moves nothing; so are weights of zero."""
    for batch in (Batch(np.zeros(0, np.int64), np.zeros(0)), Batch(np.arange(1), np.zeros(1))):
        with pytest.raises(AssertionError, match="another seed changes nothing"):  # all else is kept
            check_method(Always(batch), steps=3)


class Always(Right):
    """The same batch at every step."""

    def __init__(self, batch):
        object.__setattr__(self, "m", 1)
        object.__setattr__(self, "extra", None)
        object.__setattr__(self, "batch", batch)

    def propose(self, state, oracle):
        return self.batch, replace(state, step=state.step + 1)
