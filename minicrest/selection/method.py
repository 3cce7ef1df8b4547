"""The contract of a method: an explicit state machine.

A method is a frozen dataclass of hyper-parameters in the paper's letters; what it knows is a frozen dataclass of arrays
and scalars; and its transitions are pure: the same state proposes the same batch, always. So every method resumes
bit for bit from a checkpoint, can be looked at mid-run, and can be tested one transition at a time; and the training
loop is the same five lines for all.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from minicrest.batch import Batch, Feedback
from minicrest.oracle import Oracle

State = TypeVar("State")


class Method(Protocol[State]):
    """What the trainer asks of a method. Each class also has `paper`, where it comes from, in a line."""

    def init(self, oracle: Oracle) -> State:
        """The state before the first step. May ask, and pays."""

    def propose(self, state: State, oracle: Oracle) -> tuple[Batch, State]:
        """The batch of the next step, and the state that remembers it. May ask, and pays."""

    def observe(self, state: State, feedback: Feedback) -> State:
        """The state after the step: losses and logits of the batch, which the step computed anyway, are free."""

    def report(self, state: State) -> dict[str, Any]:
        """What a Run should keep of the state: names to arrays. {} where there is nothing."""
