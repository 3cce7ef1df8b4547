"""The notebooks: committed as run, small, in one form; and (-m tutorials) run again from top to bottom."""

import re
import time
from pathlib import Path

import nbformat
import pytest
import run
from exercises import __path__ as exercises_path

PATHS = sorted(run.HERE.glob("[0-9][0-9]_*.ipynb"))
every_notebook = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_there_are_thirteen_each_with_its_exercises():
    assert [path.name[:2] for path in PATHS] == [f"{k:02d}" for k in range(1, 14)]
    graded = {path.stem for path in Path(exercises_path[0]).glob("ch*.py")}
    assert graded == {f"ch{path.name[:2]}" for path in PATHS}


@every_notebook
def test_it_is_committed_as_run_small_and_in_form(path):
    notebook = nbformat.read(path, as_version=4)
    cells, prose = code(notebook), "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert path.stat().st_size < 1.5e6
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1)), "not run from top to bottom"
    assert not any(output.output_type == "error" for cell in cells for output in cell.outputs)
    assert 'device = "cpu"' in cells[0].source
    own = [cell for cell in cells if "solutions" not in cell.metadata.get("tags", [])]
    long = [cell for cell in own if len(cell.source.splitlines()) > 15]
    assert len(long) <= 1, f"{len(long)} cells are longer than 15 lines"
    pictures = ["image/png" in output.get("data", {}) for cell in cells for output in cell.outputs]
    assert any(pictures) or path.name.startswith("13"), "no picture"
    for word in ("minutes", "<details>"):
        assert word in prose, f"{path.name} says nothing of {word}"


@every_notebook
def test_its_exercises_are_asked_and_solved(path):
    """Each exercise is asked (a stub: not yet) and, in the solutions, correct."""
    notebook = nbformat.read(path, as_version=4)
    printed = "".join(output.get("text", "") for cell in code(notebook) for output in cell.outputs)
    names = {exercise.name for exercise in __import__(f"exercises.ch{path.name[:2]}", fromlist=["x"]).EXERCISES}
    assert 3 <= len(names) <= 6
    for name in names:
        assert re.search(rf"{re.escape(name)}: not yet", printed), f"{name} is not asked"
        assert f"{name}: correct." in printed, f"{name} has no solution"


@pytest.mark.tutorials
@every_notebook
def test_it_runs_from_top_to_bottom(path):
    start = time.perf_counter()
    notebook = run.execute(path)
    seconds = time.perf_counter() - start
    printed = "".join(output.get("text", "") for cell in code(notebook) for output in cell.outputs)
    assert "correct." in printed and seconds < 120
