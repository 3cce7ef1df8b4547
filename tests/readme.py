"""README's tables, rewritten by the commands they stand under: python -m tests.readme"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import shutil
from pathlib import Path

from minicrest import cli

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PICTURE = ROOT / "tutorials" / "digits.png"
FIRST = "output of the first command"
EQUAL_STEPS = "output of the first command with --equal steps"
ALL = "output of all methods"


def block(mark: str) -> str:
    """What stands in README between `<!-- mark -->` and the next `<!-- end -->`, without the fences."""
    found = re.search(rf"<!-- {re.escape(mark)} -->\n```\n(.*?)```\n<!-- end -->", README.read_text(), re.DOTALL)
    assert found, f"README has no block marked {mark!r}"
    return found.group(1)


def output(out, mark: str) -> str:
    """What the command above README's block `mark` prints, run in this process with its runs in the folder `out`."""
    words = shlex.split(block("first").rpartition("&&")[2])[1:]  # what follows minicrest
    words[words.index("--out") + 1] = str(out)
    if mark == ALL:
        words = ["compare", "--methods", "all", "--data", "digits", "--seeds", "3", "--out", str(out)]
    printed = io.StringIO()
    more = ["--equal", "steps"] if mark == EQUAL_STEPS else []
    with contextlib.redirect_stdout(printed):
        code = cli.main([*words, *more])
    assert code == 0, f"minicrest {' '.join(words)} ended with {code}"
    return printed.getvalue().replace(str(out), "runs/digits")


def write(out: Path) -> None:
    """Put fresh tables and the picture where README shows them."""
    for mark in (FIRST, EQUAL_STEPS, ALL):
        folder = out / mark.replace(" ", "-")
        table = output(folder, mark).partition("\n\nBeside random")[0] + "\n"
        old, new = (f"<!-- {mark} -->\n```\n{inside}```" for inside in (block(mark), table))
        README.write_text(README.read_text().replace(old, new))
        if mark == FIRST:
            shutil.copy(folder / "compare.png", PICTURE)


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))
