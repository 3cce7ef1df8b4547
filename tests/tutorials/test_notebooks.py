"""The notebooks: committed as run, small, in one form; and (-m tutorials) run again from top to bottom."""

import ast
import json
import re
import time

import pytest

from minicrest.teaching.check import TUTORIALS, of_tutorial
from minicrest.teaching.notebooks import folder, statements

PATHS = sorted(folder().glob("[0-9][0-9]_*.ipynb"))
every_notebook = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def cells(notebook, kind="code"):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == kind]


def source(cell):
    """The text of a cell, which a file holds as a list of lines."""
    return "".join(cell["source"])


def printed(notebook):
    return "".join("".join(output.get("text", "")) for cell in cells(notebook) for output in cell["outputs"])


def test_there_are_sixteen_each_with_its_exercises():
    assert [path.name[:2] for path in PATHS] == [f"{k:02d}" for k in range(1, 17)]
    assert [path.name[:2] for path in PATHS] == list(TUTORIALS)


@every_notebook
def test_it_is_committed_as_run_small_and_in_form(path):
    notebook = json.loads(path.read_text("utf-8"))
    code, prose = cells(notebook), "\n".join(map(source, cells(notebook, "markdown")))
    assert path.stat().st_size < 1.5e6
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1)), "not run from top to bottom"
    assert not any(output["output_type"] == "error" for cell in code for output in cell["outputs"])
    assert 'device = "cpu"' in source(code[0])
    long = [cell for cell in code if len(source(cell).splitlines()) > 15]
    assert len(long) <= 1, f"{len(long)} cells are longer than 15 lines"
    pictures = ["image/png" in output.get("data", {}) for cell in code for output in cell["outputs"]]
    assert any(pictures) or path.name.startswith("13"), "no picture"
    for word in ("minutes", "<details>"):
        assert word in prose, f"{path.name} says nothing of {word}"


@every_notebook
def test_its_exercises_are_asked_and_none_is_called_correct(path):
    """Each exercise is asked (a stub: not yet), by the name that its grader knows; the last cell counts none."""
    output = printed(json.loads(path.read_text("utf-8")))
    code = "\n".join(map(source, cells(json.loads(path.read_text("utf-8")))))
    exercises = of_tutorial(path.name[:2])
    assert 3 <= len(exercises) <= 6
    for exercise in exercises:
        assert f"{exercise.name}: not yet" in output and f'check("{exercise.name}", {exercise.function})' in code
    assert "correct." not in output and " correct\n" not in output
    assert f"0 of {len(exercises)} exercises of tutorial {path.name[:2]}" in output


def stored(text):
    """The names that a cell defines, in its loops too, but not inside its functions and comprehensions."""
    names, nodes = set(), [ast.parse(text)]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.FunctionDef):
            names.add(node.name)
        elif not isinstance(node, (ast.Lambda, ast.GeneratorExp, ast.ListComp, ast.SetComp, ast.DictComp)):
            names |= {node.id} if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) else set()
            nodes += ast.iter_child_nodes(node)
    return names


@pytest.mark.parametrize("number", ["01", "04", "05", "07"])
def test_a_slider_still_draws_when_all_cells_have_run(number):
    """What it draws from is not given another meaning by a later cell."""
    (path,) = folder().glob(f"{number}_*.ipynb")
    texts = [source(cell) for cell in cells(json.loads(path.read_text("utf-8")))]
    (place,) = [k for k, text in enumerate(texts) if "interact(" in text]
    earlier = {name: s for text in texts[: place + 1] for s in statements(text) for name in s.defines}
    later = set().union(*map(stored, texts[place + 1 :]))
    used, wanted = set(), [re.search(r"interact\((\w+),", texts[place])[1]]
    while wanted:
        name = wanted.pop()
        if name in earlier and name not in used:
            used.add(name)
            wanted += earlier[name].uses if earlier[name].text.startswith("def ") else []
    assert len(used) > 3 and not used & later


@pytest.mark.tutorials
@every_notebook
def test_it_runs_from_top_to_bottom(path):
    for package in ("nbformat", "nbclient", "ipykernel"):
        pytest.importorskip(package, reason=f"needs {package}, which the tutorials extra brings")
    import run

    start = time.perf_counter()
    notebook = run.execute(path)
    seconds = time.perf_counter() - start
    assert "exercises of tutorial" in printed(notebook) and seconds < 180
