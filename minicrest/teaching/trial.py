"""Where a wrong answer comes out right, tried with one argument made simple; and whether it overwrites one.

A missing factor is not seen where the factor is 1, and a wrong term not where the term is 0. So an answer that is right
for c = 1 and wrong otherwise treats c wrongly, whatever the mistake may be.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

# exercise: what to try, as "the argument's number = the value in all its entries". Left out are values that hide more
# than one argument's part, and those that could keep a loop from ending.
TRIED = {
    "01.gradient": "1=0",
    "01.weighted": "3=1",
    "02.backward": "0=0 1=0 3=1",
    "02.tangent": "0=0 1=0 3=0 4=0 5=0",
    "02.tanh": "1=1 1=0 2=0 3=0",
    "02.norms": "0=0 1=1",
    "03.batchnorm": "0=1 2=1 1=0",
    "04.hvp": "2=1",
    "04.exact": "2=1 0=1 1=0",
    "05.certificate": "0=0 3=1",
    "06.split": "2=0",
    "06.batch": "2=1",
    "06.single": "2=1 3=0",
    "07.value": "0=1 1=0 2=0 1=1",
    "07.rho": "2=0 4=1",
    "08.errors": "3=1",
    "09.smooth": "0=1 1=1 2=0 3=0",
    "10.difficulty": "1=1",
    "11.precondition": "2=0 1=0",
    "11.ucb": "0=0 1=0 4=1 4=0",
    "11.gains": "2=0 3=1",
    "11.paired": "1=1",
    "12.descent": "0=0 1=0 4=1 4=0",
    "12.bound": "0=0 1=1 2=1 3=0 4=0",
    "12.steps": "3=0 5=0 6=0 3=1",
    "14.weights": "0=1",
    "14.threshold": "1=1",
    "14.chances": "1=0",
    "14.step": "5=1",
    "15.relative": "0=1",
    "15.verdict": "1=0",
    "16.odds": "1=0",
}


def comes_right(exercise: str, names: Sequence[str], cases: Sequence[tuple], right: Callable) -> str | None:
    """The sentence that says for which simple argument the answer comes out right in all `cases`; None if for none.

    names: of the arguments.  right: tells whether the answer is right for a case, and that not for want of numbers.
    """
    for trial in TRIED.get(exercise, "").split():
        at, value = map(int, trial.split("="))
        if all(right((*case[:at], _filled(case[at], value), *case[at + 1 :])) for case in cases):
            every = "" if isinstance(cases[0][at], float) else "every entry of "
            return f"It comes out right where {every}{names[at]} is {value}: look at how {names[at]} enters."
    return None


def _filled(argument: Any, value: int) -> Any:
    """An argument of the same kind and shape, with `value` in all its entries."""
    if isinstance(argument, list):
        return [_filled(entry, value) for entry in argument]
    return np.full_like(argument, value) if isinstance(argument, np.ndarray) else float(value)


def overwritten(cases: Sequence[tuple], outcomes: Sequence[Any]) -> int | None:
    """The number of the first argument that was changed in place; None if all are as they were.

    outcomes: what a function made of each case (check.Outcome).
    """
    for case, outcome in zip(cases, outcomes):
        for at, (before, after) in enumerate(zip(case, outcome.arguments)):
            if isinstance(before, np.ndarray) and before.tobytes() != after.tobytes():
                return at
    return None
