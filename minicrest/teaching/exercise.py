"""An exercise: its inputs, its solution, and the usual mistakes, each a function with the hint that it deserves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Exercise:
    """name: "01.softmax".  cases: tuples of arguments (host arrays, numbers, functions).  solution: the reference.

    asks: the name of the reader's function and, where it returns several things, theirs: "my_gradient -> dW, db".
    mistakes: pairs (hint, function); the hint names the mistake without giving the answer.
    intact: True where the arguments must be left as they are; otherwise they may be overwritten.
    tolerance: largest difference allowed, relative to the largest entry expected; its default is float64 rounding.
    """

    name: str
    asks: str
    cases: Sequence[tuple]
    solution: Callable
    mistakes: Sequence[tuple[str, Callable]] = field(default_factory=tuple)
    tolerance: float = 1e-7
    intact: bool = False

    @property
    def function(self) -> str:
        """The name of the reader's function, as "my_gradient"."""
        return self.asks.partition(" -> ")[0]

    @property
    def parts(self) -> list[str]:
        """What the entries of the tuple are called that it returns, as ["dW", "db"]; empty where it is one thing."""
        return [part for part in self.asks.partition(" -> ")[2].split(", ") if part]


class Asked:
    """A function among an exercise's arguments that keeps what it was asked: that, too, has to be right.

    called: what the questions are called in a hint, as "the calls of rho".
    """

    def __init__(self, function: Callable, called: str):
        self.function, self.called = function, called
        self.questions: set[tuple] = set()

    def __call__(self, *arguments: Any) -> Any:
        """What the function answers; the question is kept."""
        self.questions.add(tuple(float(argument) for argument in arguments))
        return self.function(*arguments)
