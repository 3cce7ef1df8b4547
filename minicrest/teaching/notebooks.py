"""The notebooks as files: laid out for a reader, and copied without solutions and outputs for a class.

In a wheel they lie in minicrest/teaching/notebooks, in a checkout in tutorials/; both are one folder, of which only the
notebooks, their pictures and their README are handed out.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import symtable
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import methodcaller
from pathlib import Path
from types import ModuleType
from typing import Any

from minicrest.checkpoint import write_atomically

SUFFIXES = (".ipynb", ".png", ".svg", ".md")


def folder() -> Path:
    """Where the notebooks lie. Raises FileNotFoundError where the installation has none."""
    here = Path(__file__).resolve()
    for place in (here.parent / "notebooks", here.parents[2] / "tutorials"):
        if list(place.glob("[0-9][0-9]_*.ipynb")):
            return place
    raise FileNotFoundError('this installation has no notebooks; get them with: pip install "minicrest[tutorials]"')


def lay_out(target, force: bool = False) -> list[Path]:
    """Copy the notebooks, their pictures and their README into the folder `target`, and return the files.

    Raises FileExistsError, before anything is written, if another file of such a name is there already, unless `force`.
    """
    return _written(target, force, Path.read_bytes)


def strip(target, force: bool = False) -> list[Path]:
    """Lay the notebooks out in `target` without solutions and without outputs, as for a class; return the files."""
    return _written(target, force, lambda path: _stripped(path) if path.suffix == ".ipynb" else path.read_bytes())


def _stripped(path: Path) -> bytes:
    notebook = json.loads(path.read_text("utf-8"))
    notebook["cells"] = [bare(cell) for cell in notebook["cells"] if not holds_solutions(cell)]
    return (json.dumps(notebook, indent=1, ensure_ascii=False) + "\n").encode()


def _written(target, force: bool, content: Callable[[Path], bytes]) -> list[Path]:
    """The files in `target`, each written whole or not at all. What is there already as it should be is left."""
    contents = {Path(target) / path.name: content(path) for path in sorted(folder().iterdir())
                if path.suffix in SUFFIXES}  # fmt: skip
    missing = [path for path, text in contents.items() if not path.is_file() or path.read_bytes() != text]
    there = [path.name for path in missing if path.exists()]
    if there and not force:
        raise FileExistsError(f"{target} already has {', '.join(there[:3])}{', ...' if len(there) > 3 else ''}; choose "
                              "another folder, or add --force to overwrite them, your answers included")  # fmt: skip
    for path in missing:
        write_atomically(path, methodcaller("write", contents[path]))
    return list(contents)


def holds_solutions(cell: dict[str, Any]) -> bool:
    """Is this the folded cell of solutions?"""
    return cell["cell_type"] == "markdown" and "<summary>Solutions</summary>" in source(cell)


def bare(cell: dict[str, Any]) -> dict[str, Any]:
    """The cell without what running it left."""
    return {**cell, "outputs": [], "execution_count": None} if cell["cell_type"] == "code" else cell


def source(cell: dict[str, Any]) -> str:
    """The text of a cell, which a file may hold as a list of lines."""
    return "".join(cell["source"])


def in_folder(place) -> list[Path]:
    """The notebooks at `place`, a file or a folder, in order. Raises FileNotFoundError for none."""
    place = Path(place)
    found = [place] if place.is_file() else sorted(place.glob("[0-9][0-9]_*.ipynb"))
    if not found:
        raise FileNotFoundError(f"{place} holds no notebooks; write them there with: minicrest tutorials {place}")
    return found


@dataclass(frozen=True)
class Statement:
    """A statement at the top of a code cell, with its own text, comments within it included."""

    node: ast.stmt
    text: str

    @property
    def defines(self) -> list[str]:
        """The names that it sets: of a function, a class, imports, or plain names given a value."""
        if isinstance(self.node, (ast.FunctionDef, ast.ClassDef)):
            return [self.node.name]
        if isinstance(self.node, (ast.Import, ast.ImportFrom)):
            return [(alias.asname or alias.name).partition(".")[0] for alias in self.node.names]
        if isinstance(self.node, ast.Assign):
            return [n.id for target in self.node.targets for n in ast.walk(target) if isinstance(n, ast.Name)]
        return []

    @property
    def uses(self) -> set[str]:
        """The names that it takes from outside: those that a function sets itself are not among them."""
        return set(_taken(symtable.symtable(self.text, "cell", "exec")))


def _taken(table) -> Iterator[str]:
    for symbol in table.get_symbols():
        if symbol.is_referenced() and (symbol.is_global() or table.get_name() == "top"):
            yield symbol.get_name()
    for inner in table.get_children():
        yield from _taken(inner)


def code(path) -> Iterator[Statement]:
    """The statements of a notebook's code cells, in order; what is no Python, as %magic, is left out.

    Raises ValueError where the file is no notebook.
    """
    try:
        cells = json.loads(Path(path).read_text("utf-8"))["cells"]
    except (json.JSONDecodeError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no notebook: {error}") from error
    for cell in cells:
        if cell["cell_type"] == "code":
            text = "\n".join("" if line.startswith(("%", "!")) else line for line in source(cell).split("\n"))
            yield from statements(text)


def statements(text: str) -> Iterator[Statement]:
    """The statements of the source `text`, an import for each name that is imported; none if it is no Python."""
    try:
        body, lines = ast.parse(text).body, text.split("\n")
    except SyntaxError:
        return
    for node in body:
        if isinstance(node, (ast.Import, ast.ImportFrom)) and len(node.names) > 1:
            for alias in node.names:
                yield from statements(ast.unparse(_import_of(node, alias)))
            continue
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        yield Statement(node, "\n".join(lines[first - 1 : node.end_lineno]))


def _import_of(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> ast.stmt:
    """The import statement with one of its names."""
    if isinstance(node, ast.Import):
        return ast.Import(names=[alias])
    return ast.ImportFrom(module=node.module, names=[alias], level=node.level)


def module(text: str, name: str = "answers") -> ModuleType:
    """The source `text` run as a module of its own, which no other module can import."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / f"{name}.py"
        path.write_text(text, "utf-8")
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None
        made = importlib.util.module_from_spec(spec)
        before = sys.modules.get(name)
        sys.modules[name] = made  # while it runs: dataclasses look their own module up
        try:
            spec.loader.exec_module(made)
        finally:
            sys.modules.pop(name)
            if before is not None:
                sys.modules[name] = before
        return made
