"""The API pages. `python -m tests.api FOLDER` writes there, as HTML, what the docstrings say (needs the docs extra)."""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
import warnings
from pathlib import Path

import minicrest

ASIDE = ("minicrest.__main__", "minicrest.teaching.exercises", "minicrest.teaching.solutions")  # no interface
ITEM = re.compile(r" *- |(\w[\w, ]*?) {2,}(?=\S)")
FULL = 108  # a line of a docstring that the next word would have made longer than this ends where it had to


def modules() -> list[str]:
    """Every module that has a page, with the packages."""
    names = [module.name for module in pkgutil.walk_packages(minicrest.__path__, "minicrest.")]
    return ["minicrest", *(name for name in names if not name.startswith(ASIDE))]


def as_written(text: str) -> str:
    """The docstring as Markdown: what is aligned as "name  meaning" is a list, and a line ended on purpose ends."""
    return "\n\n".join(map(_paragraph, text.split("\n\n")))


def _paragraph(text: str) -> str:
    if text.startswith(("    ", ">>>")):  # code
        return text
    shown, before, listed = "", "", False
    for line in text.split("\n"):
        item = ITEM.match(line) or (re.match(r"(\w+) ", line) if listed else None)
        if item:
            shown += "\n" if listed else "\n\n"
            line = f"- {item[1]}: {line[item.end() :]}" if item[1] else line.strip()
        elif before:
            ended = not listed and len(before) + len(line.split()[0]) < FULL
            shown += "  \n" if ended else "\n"
            line = f"  {line.strip()}" if listed else line
        shown, before, listed = shown + line.replace("*", r"\*"), line, listed or bool(item)
    return shown.strip("\n")


def write(folder) -> list[Path]:
    """Write a page for each module into `folder`, with a search on the first; return them."""
    import pdoc

    pages = modules()
    for name in pages:
        module = importlib.import_module(name)
        if hasattr(module, "__all__"):  # pdoc shows these alone, and only what is imported already
            module.__dict__.update({shown: getattr(module, shown) for shown in module.__all__})
            inside = [page.rpartition(".")[2] for page in pages if page.rpartition(".")[0] == name]
            module.__all__ = list(dict.fromkeys([*module.__all__, *inside]))
    pdoc.render.configure(docformat="markdown", footer_text=f"minicrest {minicrest.__version__}")
    pdoc.render.env.filters["to_markdown"] = as_written
    with warnings.catch_warnings():  # types that are imported for the type checker alone
        warnings.filterwarnings("ignore", "Error parsing type annotation")
        pdoc.pdoc("minicrest", *(f"!{name}" for name in ASIDE), output_directory=Path(folder))
    return sorted(Path(folder).rglob("*.html"))


if __name__ == "__main__":
    print(f"{len(write(sys.argv[1]))} pages; open {Path(sys.argv[1]) / 'index.html'}")
