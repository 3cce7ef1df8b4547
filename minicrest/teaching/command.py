"""What `minicrest tutorials ...` does: lay the notebooks out, say which exercises are solved, collect the answers."""

from __future__ import annotations

from pathlib import Path

from minicrest.teaching.answers import export, status
from minicrest.teaching.milestones import MILESTONES
from minicrest.teaching.notebooks import lay_out, strip

VERBS = {  # what may follow, as (least, most) words
    "status": (0, 1), "export": (1, 2), "strip": (1, 1),
}  # fmt: skip
USAGE = """DIR: write the notebooks there.  status [FILE or DIR]: which exercises are solved.  export my_crest.py [DIR]:
write the solved ones into one module.  strip DIR: write the notebooks there without solutions and outputs."""


def carry_out(words: list[str], force: bool = False) -> str:
    """Do what the words say, as ["status", "notebooks"], and return what is to be printed.

    Raises ValueError where the words do not fit, FileNotFoundError and FileExistsError as the commands do.
    """
    verb, rest = (words[0], words[1:]) if words[0] in VERBS else ("", words)
    least, most = VERBS.get(verb, (1, 1))
    if not least <= len(rest) <= most:
        raise ValueError(f"minicrest tutorials {' '.join(words)}: give {' '.join(USAGE.split())}")
    if verb == "status":
        return status(*(rest or ["."]))
    if verb == "export":
        return _exported(rest[0], export(*rest))
    files = (strip if verb == "strip" else lay_out)(rest[0], force)
    count = sum(path.suffix == ".ipynb" for path in files)
    return f"{count} notebooks are in {rest[0]}; open them with: jupyter lab {rest[0]}"


def _exported(target: str, names: list[str]) -> str:
    if not names:
        return f"No exercise is solved yet: {target} holds nothing."
    solved = [name for name in names if not name.endswith(".milestone")]
    held = f"{len(solved)} exercise{'s' * (len(solved) > 1)}: {', '.join(solved)}"
    reached = [f"{MILESTONES[number].function} ({number})" for number in MILESTONES if f"{number}.milestone" in names]
    milestones = f"\nMilestones that run on it: {', '.join(reached)}." if reached else ""
    return f"{target} holds {held}.{milestones}\nUse it as: import {Path(target).stem}"
