"""Where a wrong answer comes out right: tried with one argument at a time made simple.

A missing factor is not seen where the factor is 1, and a wrong term not where the term is 0. So an answer that is right
for w = 1 and wrong otherwise treats w wrongly, whatever the mistake may be.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

# Exercises in which no input can keep a loop from ending: others are not tried with inputs that nobody thought of.
TRIED = frozenset(
    "01.gradient 01.weighted 02.backward 02.tangent 02.tanh 03.batchnorm 04.signal 04.hvp 04.exact 05.certificate "
    "06.split 06.batch 06.single 07.value 07.rho 08.errors 08.parts 09.smooth 10.difficulty 11.precondition 11.ucb "
    "11.paired 12.descent 12.bound 14.variance 14.step 15.relative 15.verdict 16.weights".split()
)


def comes_right(names: Sequence[str], cases: Sequence[tuple], right: Callable[[tuple], bool]) -> str | None:
    """The sentence that says for which simple argument the answer comes out right in all `cases`; None if for none.

    names: of the arguments.  right: tells whether the answer is right for a case, and that not for want of numbers.
    """
    for at, name in enumerate(names):
        for word, simple in _simple(cases[0][at]):
            if all(right((*case[:at], simple(case[at]), *case[at + 1 :])) for case in cases):
                return f"It comes out right where {name} is {word}: look at how {name} enters."
    return None


def _simple(value: Any) -> Iterator[tuple[str, Callable]]:
    """The simple values to try in place of an array or a number that is not whole."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        yield "all zeros", np.zeros_like
        yield "all ones", np.ones_like
    elif isinstance(value, float):
        yield "1", lambda _: 1.0


def overwritten(answer: Callable, cases: Sequence[tuple]) -> int | None:
    """The number of the first argument that `answer` changes in place; None if it leaves all as they are."""
    for case in cases:
        arguments = copy.deepcopy(case)
        answer(*arguments)
        for at, (before, after) in enumerate(zip(case, arguments)):
            if isinstance(before, np.ndarray) and before.tobytes() != after.tobytes():
                return at
    return None
