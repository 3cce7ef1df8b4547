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
EQUAL_STEPS = "output of the first command with --equal steps"


def block(mark: str) -> str:
    """What stands in README between `<!-- mark -->` and the next `<!-- end -->`, without the fences."""
    found = re.search(rf"<!-- {re.escape(mark)} -->\n```\n(.*?)```\n<!-- end -->", README.read_text(), re.DOTALL)
    assert found, f"README has no block marked {mark!r}"
    return found.group(1)


def output(out, *more: str) -> str:
    """What README's first command prints, run in this process with its runs in the folder `out`."""
    words = shlex.split(block("first").rpartition("&&")[2])[1:]  # what follows minicrest
    words[words.index("--out") + 1] = str(out)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        code = cli.main([*words, *more])
    assert code == 0, f"minicrest {' '.join(words)} ended with {code}"
    return printed.getvalue().replace(str(out), "runs/digits")


def write(out: Path) -> None:
    """Put fresh tables and the picture where README shows them."""
    text = README.read_text()
    for mark, more in (("output of the first command", []), (EQUAL_STEPS, ["--equal", "steps"])):
        folder = out / ("steps" if more else "bill")
        table = output(folder, *more)
        if not more:
            shutil.copy(folder / "compare.png", PICTURE)
        table = table.partition("\n\nBeside random")[0] + "\n"
        text = text.replace(f"<!-- {mark} -->\n```\n{block(mark)}```", f"<!-- {mark} -->\n```\n{table}```")
        README.write_text(text)


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))
