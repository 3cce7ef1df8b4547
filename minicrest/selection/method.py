"""The contract of a method: an explicit state machine.

A method is a frozen dataclass of hyper-parameters in the paper's letters; what it knows is a frozen dataclass of arrays
and scalars; and its transitions are pure, so that it resumes bit for bit. `check_method` tests whether it keeps this.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from minicrest.arguments import flag, number, one_of, whole
from minicrest.batch import Batch, Feedback
from minicrest.oracle import Oracle


def within(limits: dict[str, Any], values: dict[str, Any]) -> None:
    """Raise TypeError or ValueError unless every value is within its limits, which are given as for a Method."""
    for name, limit in limits.items():
        if limit is bool:
            flag(name, values[name])
        elif isinstance(limit, tuple):
            one_of(name, values[name], limit)
        elif isinstance(limit, str):
            number(name, values[name], limit)
        else:
            whole(name, values[name], limit)


class Method:
    """What the trainer asks of a method: `init` and `propose`; `observe` and `report` have defaults."""

    # For methods that choose INSIDE the training step: choose(state, feedback), asked between the two passes, returns
    # a weight >= 0 for each example of the batch; where it is 0 the example does not go back.
    choose: ClassVar[Callable[[Any, Any, Feedback], Any] | None] = None
    # For methods whose preparation takes long: preparation(oracle, state or None) yields states as it goes on, the last
    # of which is that of init, so that a training that is stopped within it can go on from there.
    preparation: ClassVar[Callable[[Any, Oracle, Any], Any] | None] = None
    limits: ClassVar[dict[str, Any]] = {}  # the least whole number, an interval, bool, or a tuple of options
    paper: ClassVar[str] = "unpublished"  # where the method comes from, in a line
    price: ClassVar[str] = "not stated"  # what a step and a selection cost, in examples passed forward

    def __post_init__(self) -> None:
        values = {name: getattr(self, name) for name in self.limits}
        optional = [name for name, value in values.items() if value is None is getattr(type(self), name, "required")]
        within({name: limit for name, limit in self.limits.items() if name not in optional}, values)

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
