"""README's marked blocks. `python -m tests.readme` runs the commands of its tables and rewrites them."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import shutil
from pathlib import Path
from unittest.mock import patch

from minicrest import cli

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PICTURE = ROOT / "tutorials" / "digits.png"
FIRST = "output of the first command"
ALL = "output of all methods"
DIVERGED = 3  # the exit code of a comparison in which a run diverged, which its table shows


def block(mark: str) -> str:
    """What stands in README between `<!-- mark -->` and the next `<!-- end -->`, without the fences."""
    (text,) = blocks(mark)
    return text


def blocks(mark: str) -> list[str]:
    """All blocks of that mark, in order. Raises ValueError if there is none."""
    pattern = rf"<!-- {re.escape(mark)} -->\n```\w*\n(.*?)```\n<!-- end -->"
    texts = re.findall(pattern, README.read_text("utf-8"), re.DOTALL)
    if not texts:
        raise ValueError(f"README.md has no block marked {mark!r}")
    return texts


def files() -> dict[str, str]:
    """File name -> its text, for the files that README asks the reader to write."""
    return {name: block(f"file {name}") for name in re.findall(r"<!-- file (\S+) -->", README.read_text("utf-8"))}


def python_blocks() -> list[str]:
    """The Python that README shows outside of files."""
    inside = set(files().values())
    shown = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    return [text for text in shown if text not in inside]


def output(out, mark: str) -> str:
    """What the command above README's block `mark` prints, run in this process with its runs in the folder `out`."""
    words = shlex.split(block("first").rpartition("&&")[2])[1:]  # what follows minicrest
    words[words.index("--out") + 1] = str(out)
    if mark == ALL:
        words = ["compare", "--methods", "all", "--data", "digits", "--seeds", "3", "--out", str(out)]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), patch.dict(os.environ, COLUMNS="120"):  # as wide as README's lines
        code = cli.main(words)
    assert code in (0, DIVERGED), f"minicrest {' '.join(words)} ended with {code}"
    return printed.getvalue().replace(str(out), "runs/digits")


def tables(printed: str) -> str:
    """The heading and the tables of what `compare` prints, without the sentences below them."""
    return re.split(r"\n\n(?=[A-Z])", printed)[0] + "\n"


def write(out: Path) -> None:
    """Put fresh tables and the picture where README shows them."""
    for mark in (FIRST, ALL):
        folder = out / mark.replace(" ", "-")
        table = tables(output(folder, mark))
        old, new = (f"<!-- {mark} -->\n```\n{inside}```" for inside in (block(mark), table))
        README.write_text(README.read_text("utf-8").replace(old, new), "utf-8")
        if mark == FIRST:
            shutil.copy(folder / "compare.png", PICTURE)


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))
