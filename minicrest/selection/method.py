"""The contract of a method: an explicit state machine.

A method is a frozen dataclass of hyper-parameters in the paper's letters; what it knows is a frozen dataclass of arrays
and scalars; and its transitions are pure: the same state proposes the same batch, always. So every method resumes
bit for bit from a checkpoint, can be looked at mid-run, and can be tested one transition at a time; and the training
loop is the same five lines for all. `check_method` (check.py) tests whether a method keeps this contract.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from minicrest.batch import Batch, Feedback
from minicrest.oracle import Oracle


class Method:
    """What the trainer asks of a method: `init` and `propose`; the other two have defaults that suit most methods."""

    # A fourth transition, for methods that choose INSIDE the training step: choose(state, feedback) returns a weight
    # (>= 0) for each example that `propose` named. It is asked between the two passes, and only examples of non-zero
    # weight go back. It changes no state: `observe` sees what was chosen in feedback.weights.
    choose: ClassVar[Callable[[Any, Any, Feedback], Any] | None] = None

    paper: ClassVar[str] = "unpublished"  # where the method comes from, in a line
    price: ClassVar[str] = "not stated"  # what a step and a selection cost, in examples passed forward

    def init(self, oracle: Oracle) -> Any:
        """The state before the first step. May ask the oracle questions, and pays for them."""
        raise NotImplementedError(f"{type(self).__name__} must define init(oracle), which returns its first state")

    def propose(self, state: Any, oracle: Oracle) -> tuple[Batch, Any]:
        """The batch of the next step, and the state that remembers it. May ask the oracle questions, and pays."""
        raise NotImplementedError(f"{type(self).__name__} must define propose(state, oracle): (batch, next state)")

    def observe(self, state: Any, feedback: Feedback) -> Any:
        """The state after the step, whose losses and logits are free; by default what `propose` returned."""
        return state

    def report(self, state: Any) -> dict[str, Any]:
        """What a Run keeps of the state: names to arrays; by default nothing."""
        return {}
