"""A reader's answers, taken out of the notebooks: graded, and written into one file of the reader's own.

A function is taken with what it needs: other functions, classes, imports and simple assignments of the same notebook.
Names that two notebooks use for different things get the tutorial's number: my_bound_05.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from minicrest.checkpoint import write_atomically
from minicrest.teaching.check import TUTORIALS, grade, of_tutorial
from minicrest.teaching.exercise import Exercise
from minicrest.teaching.limit import TooLong, limited
from minicrest.teaching.milestones import MILESTONES, Milestone, plain, taken
from minicrest.teaching.notebooks import Statement, code, in_folder, module, statements

HEADER = '''"""My own functions, exercise by exercise, as `minicrest tutorials export` wrote them."""
'''


@dataclass(frozen=True)
class Answer:
    """One answer, or a milestone, found in a notebook. problem: what is wrong with it, None if it is right."""

    exercise: Exercise | Milestone
    problem: str | None
    statements: tuple[Statement, ...]


def answers(place) -> list[Answer]:
    """The answers in a notebook, or in all notebooks of a folder, each graded; nothing but them and their needs is run.

    Raises FileNotFoundError where there is no notebook, ValueError where a file is none.
    """
    return [answer for path in in_folder(place) for answer in _of_notebook(path)]


def status(place) -> str:
    """A line for each exercise in the notebooks at `place`: correct, or what is wrong."""
    found = answers(place)
    lines = [f"{a.exercise.name:18}{a.problem or 'correct'}" for a in found]
    right = sum(a.problem is None for a in found)
    return "\n".join([*lines, f"{right} of {len(found)} exercises are solved."])


def export(target, place=".") -> list[str]:
    """Write the right answers in the notebooks at `place` into the module `target`; the exercises that it then holds.

    Exercises that the file holds already and that are not among them are kept, so that it grows from 01 to the last.
    A milestone is written, and named, once all exercises that it takes are there.
    """
    sections = {**_kept(Path(target)), **{a.exercise.name: a for a in answers(place) if a.problem is None}}
    for path in in_folder(place):
        for reached in _milestone_of(path):
            if all(name is None or name in sections for name in map(taken, reached.statements)):
                sections[reached.exercise.name] = reached
    order = [piece.name for number in TUTORIALS for piece in _pieces(number)]
    names = [name for name in order if name in sections]
    text = HEADER + "\n" + _text([sections[name] for name in names])
    write_atomically(target, lambda file: file.write(text.encode()))
    return names


# ---- out of the notebook


def _pieces(number: str) -> list[Exercise | Milestone]:
    """The exercises of a tutorial and its milestone, if it has one."""
    return [*of_tutorial(number), *([MILESTONES[number]] if number in MILESTONES else [])]


def _milestone_of(path: Path) -> Iterator[Answer]:
    """The milestone of a notebook with all that it needs, if the notebook has one."""
    milestone = MILESTONES.get(path.name[:2])
    if milestone:
        needed = _needs(milestone.function, [plain(statement) for statement in code(path)])
        if needed:
            yield Answer(milestone, None, tuple(needed))


def _of_notebook(path: Path) -> Iterator[Answer]:
    if path.name[:2] not in TUTORIALS:
        return
    written = list(code(path))
    for exercise in of_tutorial(path.name[:2]):
        needed = tuple(_needs(exercise.function, written))
        yield Answer(exercise, _problem(exercise, needed), needed)


def _needs(function: str, written: list[Statement]) -> list[Statement]:
    """The last definition of `function`, and of all that it needs, in the notebook's order; empty if there is none.

    What stands for an exercise is not followed: the exercise has a section of its own.
    """
    defined = {name: place for place, statement in enumerate(written) for name in statement.defines}
    wanted, kept = [function], set()
    while wanted:
        place = defined.get(wanted.pop())
        if place is not None and place not in kept:
            kept.add(place)
            wanted += [] if taken(written[place]) else written[place].uses
    return [written[place] for place in sorted(kept)]


def _problem(exercise: Exercise, needed) -> str | None:
    if not needed:
        return "not there: its function is not defined"
    try:
        text = "\n\n".join(statement.text for statement in needed)
        function = vars(limited(module, (text,)))[exercise.function]
    except (Exception, TooLong) as error:  # whatever the reader's code raises
        return f"cannot be read alone: {type(error).__name__}: {error}"
    verdict = grade(exercise, function)
    return None if verdict is None else f"not yet. {verdict.hint}"


# ---- into the reader's file


def _kept(target: Path) -> dict[str, Answer]:
    """The exercises that the file holds, by name: those with a comment, `# 01.softmax`."""
    if not target.exists():
        return {}
    text = target.read_text("utf-8")
    if not text.startswith(HEADER):
        raise ValueError(f"{target} was not written by minicrest tutorials export; choose another name")
    written, found = list(statements(text)), {}
    for name in re.findall(r"^# (\d\d\.\w+)$", text, re.M):
        (exercise,) = [piece for piece in _pieces(name[:2]) if piece.name == name]
        own = []
        for statement in written:
            number = (taken(statement) or name)[:2]
            own.append(_renamed(statement, {f"{n}_{number}": n for n in _clashing(written, number)}))
        found[name] = Answer(exercise, None, tuple(_needs(exercise.function, own)))
    return found


def _clashing(written: list[Statement], number: str) -> set[str]:
    """The names that carry this tutorial's number in a file that export wrote."""
    ending = f"_{number}"
    return {name.removesuffix(ending) for s in written for name in s.defines if name.endswith(ending)}


def _text(found: list[Answer]) -> str:
    """The sections, an exercise each. What two tutorials define differently is named after its tutorial."""
    texts: dict[str, set[str]] = {}
    for answer in found:
        for statement in answer.statements:
            for name in statement.defines:
                texts.setdefault(name, set()).add(statement.text)
    clashes = {name for name, different in texts.items() if len(different) > 1}
    written: set[str] = set()
    sections = []
    for answer in found:
        own = []
        for statement in answer.statements:
            number = (taken(statement) or answer.exercise.name)[:2]
            own.append(_renamed(statement, {name: f"{name}_{number}" for name in clashes}).text)
        new = [text for text in dict.fromkeys(own) if text not in written]
        written.update(new)
        sections.append(f"# {answer.exercise.name}\n" + "\n\n\n".join(new))
    return "\n\n\n".join(sections) + "\n"


def _renamed(statement: Statement, names: dict[str, str]) -> Statement:
    """The statement with other names, in its text and in what it defines."""
    text = statement.text
    for old, new in names.items():
        text = re.sub(rf"(?<![\w.]){re.escape(old)}(?!\w)", new, text)
    return statement if text == statement.text else next(statements(text))
