"""What a release takes: packages to upload, and the address of the repository in the places that need it.

`python -m tests.release build DIST` writes an sdist and a wheel into DIST and checks them (needs the docs extra).
`python -m tests.release repository URL` writes the address into pyproject.toml and the first cell of every notebook.

A package index shows no picture that a README links to by a relative path. Where pyproject.toml names a repository, the
README of the packages links into it; where it names none, pictures are described in words and other links are text.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#)([^)\s]+)\)")  # a relative one, of a picture where ! comes first
REPOSITORY = re.compile(r'\[project\.urls\]\nRepository = "([^"]+)"\n')
INSTALL = """# In a hosted notebook this installs minicrest; where it is installed already, it does nothing.
import importlib.util

if importlib.util.find_spec("minicrest") is None:
    %pip install --quiet "git+{repository}"
"""


def repository(pyproject: str) -> str | None:
    """The address that the text of a pyproject.toml names."""
    named = REPOSITORY.search(pyproject)
    return named[1] if named else None


def with_repository(pyproject: str, url: str) -> str:
    """The text of a pyproject.toml with that address, in place of the one that it names."""
    section = f'[project.urls]\nRepository = "{url}"\n'
    if REPOSITORY.search(pyproject):
        return REPOSITORY.sub(lambda _: section, pyproject)
    return pyproject.replace("[project.scripts]\n", f"{section}\n[project.scripts]\n", 1)


def for_an_index(readme: str, url: str | None) -> str:
    """The README as a package index can show it."""

    def shown(link) -> str:
        picture, text, path = link.groups()
        if url:
            return f"{picture}[{text}]({url}/{'raw' if picture else 'blob'}/HEAD/{path})"
        return f"*{text}*" if picture else text

    return LINK.sub(shown, readme)


def with_install(notebook: dict[str, Any], url: str) -> dict[str, Any]:
    """The notebook with a cell that installs minicrest from `url`, before its first code."""
    cells = [cell for cell in notebook["cells"] if "install" not in cell["metadata"].get("tags", [])]
    first = next(i for i, cell in enumerate(cells) if cell["cell_type"] == "code")
    cell = {"cell_type": "code", "execution_count": None, "id": "install", "metadata": {"tags": ["install"]},
            "outputs": [], "source": INSTALL.format(repository=url).rstrip().splitlines(keepends=True)}  # fmt: skip
    return {**notebook, "cells": [*cells[:first], cell, *cells[first:]]}


def set_repository(root: Path, url: str) -> None:
    """Write the address wherever it belongs in the checkout `root`."""
    pyproject = root / "pyproject.toml"
    pyproject.write_text(with_repository(pyproject.read_text("utf-8"), url), "utf-8")
    for path in sorted((root / "tutorials").glob("[0-9][0-9]_*.ipynb")):
        notebook = with_install(json.loads(path.read_text("utf-8")), url)
        path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", "utf-8")


def build(dist: Path) -> None:
    """Write the sdist, and a wheel made from it, into `dist`, and check both."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "minicrest"
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
        for name in filter(None, listed.stdout.split("\0")):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
        readme, url = copy / "README.md", repository((copy / "pyproject.toml").read_text("utf-8"))
        readme.write_text(for_an_index(readme.read_text("utf-8"), url), "utf-8")
        subprocess.run([sys.executable, "-m", "build", "--outdir", str(dist), str(copy)], check=True)
    subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *map(str, dist.glob("*"))], check=True)


if __name__ == "__main__":
    verb, word = sys.argv[1:]
    build(Path(word)) if verb == "build" else set_repository(ROOT, word)
