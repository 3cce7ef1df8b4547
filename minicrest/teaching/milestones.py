"""Milestones: pieces of the notebooks that reach a real result on nothing but what the reader has solved.

A milestone takes its exercises by lines such as `use_drop = either("09.drop", my_drop)` or, from an earlier tutorial,
`use_rho = earlier("07.rho")`. `minicrest tutorials export` writes it into the reader's file once all of them are right;
the lines then say `use_drop = my_drop  # 09.drop`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from minicrest.teaching.check import find, grade
from minicrest.teaching.notebooks import Statement, module, statements


@dataclass(frozen=True)
class Milestone:
    """name: "03.milestone".  function: the function or class that the notebook defines, and the file will hold."""

    name: str
    function: str


MILESTONES = {  # tutorial: its milestone
    number: Milestone(f"{number}.milestone", function)
    for number, function in (("03", "cnn_on_digits"), ("05", "craig_on_logistic"), ("09", "Crest"),
                             ("14", "MyThinning"), ("16", "Remember"))
}  # fmt: skip


def earlier(name: str, file: str = "my_crest.py") -> Callable:
    """The reader's answer to `name`, as "01.softmax", out of the exported `file`; the solution if it has none.

    A line says which of the two it is. Raises ValueError where there is no such exercise.
    """
    exercise = find(name)
    if Path(file).exists():
        names = vars(module(Path(file).read_text("utf-8")))
        answer = names.get(f"{exercise.function}_{name[:2]}", names.get(exercise.function))
        if answer is not None and grade(exercise, answer) is None:
            print(f"{name}: with your function, from {file}.")
            return answer
    print(f"{name}: with the solution, as no {file} here has it.")
    return exercise.solution


def taken(statement: Statement) -> str | None:
    """The exercise that the statement takes, as "09.drop"; None if it takes none."""
    found = re.search(r"^\w+ = \w+  # (\d\d\.\w+)$", statement.text)
    return found[1] if found else None


def plain(statement: Statement) -> Statement:
    """`x = either("09.drop", my_drop)` as `x = my_drop  # 09.drop`, and any other statement as it is."""
    node = statement.node
    if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)):
        return statement
    call, target = node.value, node.targets[0]
    if not (isinstance(call.func, ast.Name) and call.func.id in ("either", "earlier") and isinstance(target, ast.Name)):
        return statement
    exercise = find(ast.literal_eval(call.args[0]))
    return next(statements(f"{target.id} = {exercise.function}  # {exercise.name}"))
