"""The tests' own order: folders mirror the package, every module is tested, and a missing extra means a skip."""

import ast
import importlib
import re
import sys

import pytest

from minicrest.experiments.paper import NAMES
from tests.contract.test_architecture import ALLOWED, MODULES, PACKAGE, ROOT
from tests.mutants.mutants import MUTANTS

TESTS = sorted((ROOT / "tests").rglob("*.py"))
TREES = {path: ast.parse(path.read_text()) for path in TESTS}
UNIT = [path for path in TESTS if path.is_relative_to(ROOT / "tests/unit") and path.name.startswith("test_")]
OF_THE_TESTS = {"test_readme.py", "test_standin.py"}  # what no module of the package stands behind
THROUGH = {  # a module that no test imports: the tests that run it
    "npz": "unit/test_checkpoint.py",
    "selection.medoids": "unit/selection/test_craig.py",
    "datasets.own": "unit/datasets/test_own.py",
    "selection.scores": "unit/selection/test_scores.py",
    "experiments.outputs": "unit/test_cli.py",
    "experiments.comparison": "unit/experiments/test_compare.py",
    "experiments.documents": "unit/experiments/test_tables.py",
    "experiments.method_plots": "unit/experiments/test_plots.py",
    "experiments.own_files": "unit/datasets/test_own.py",
    "experiments.parser": "unit/test_cli.py",
    "experiments.presets": "unit/experiments/test_compare.py",
    "experiments.show": "unit/test_cli.py",
    "experiments.terminal": "unit/test_cli.py",
    "experiments.listing": "unit/test_cli.py",
    "experiments.paper.command": "unit/experiments/paper/test_experiments.py",
    **{f"experiments.paper.{name.replace('-', '_')}": "unit/experiments/paper/test_experiments.py" for name in NAMES},
}
BROUGHT = ALLOWED | {"pytest", "hypothesis", "tests"} | {"run"}  # the last lies in tutorials/

each_test_file = pytest.mark.parametrize("path", UNIT, ids=lambda path: path.name)
each_file = pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(ROOT / "tests")))


def taken(tree):
    """(module, name or "") for all that is imported anywhere in the tree."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module, alias.name) for alias in node.names)


def home(module, name):
    """The module of the package in which `name`, imported from `module`, is defined."""
    if f"{module}.{name}" in MODULES or f"{module}.{name}.__init__" in MODULES:
        return f"{module}.{name}"
    found = getattr(importlib.import_module(module), name, None)
    return getattr(found, "__module__", module)


def test_the_folders_of_the_unit_tests_are_those_of_the_package():
    folders = {path.parent.relative_to(ROOT / "tests/unit") for path in UNIT}
    assert all((PACKAGE / folder).is_dir() for folder in folders), sorted(map(str, folders))


@each_test_file
def test_a_unit_test_imports_from_the_room_it_lies_in(path):
    folder = path.parent.relative_to(ROOT / "tests/unit")
    rooms = {module for module, _ in taken(TREES[path])}
    if folder.parts:
        room = ".".join(["minicrest", *folder.parts])
        assert any(name == room or name.startswith(f"{room}.") for name in rooms), f"nothing of {room} is imported"
    elif path.name not in OF_THE_TESTS:
        for stem in path.stem.removeprefix("test_").split("_and_"):
            there = (PACKAGE / f"{stem}.py").exists() or (PACKAGE / stem).is_dir()
            assert there, f"there is no minicrest/{stem}.py: which room is it for?"


def test_every_module_is_tested_somewhere():
    """A test imports it or what it defines, or is shown to notice a fault in it. __main__ is run as a process."""
    files = {mutant.file.removesuffix(".py").replace("/", ".") for mutant in MUTANTS}
    through = {name for name, path in THROUGH.items() if (ROOT / "tests" / path).exists()}
    tested = {"minicrest.__main__", *(f"minicrest.{name}" for name in files | through)}
    for tree in TREES.values():
        for module, name in taken(tree):
            if module.partition(".")[0] == "minicrest":
                tested |= {module, home(module, name) if name else module}
    tested |= {f"{name}.__init__" for name in tested}
    rooms = ("minicrest.theory", "minicrest.teaching")  # tested claim by claim, and exercise by exercise
    left = [module for module in MODULES if not module.startswith(rooms) and module not in tested]
    assert not left, f"no test is of {', '.join(left)}"


@each_file
def test_what_an_extra_brings_is_asked_for(path):
    """pytest.importorskip names the extra before a test imports what .[test] does not bring; scripts fail by name."""
    text = path.read_text()
    asked = re.findall(r"importorskip\(\s*[\"'](\w+)[\"']", text)
    for call in re.findall(r"importorskip\([^)]*\)", text) if path.name.startswith("test_") else ():
        if "tests." not in call and path != ROOT / "tests/contract/test_tests.py":
            assert "extra" in call, f"{call} does not say which extra brings it"
    top = [node for node in TREES[path].body if isinstance(node, (ast.Import, ast.ImportFrom))]
    nodes = ast.walk(TREES[path]) if path.name.startswith("test_") or path.name == "conftest.py" else top
    for node in nodes:
        for module, _ in taken(node) if isinstance(node, (ast.Import, ast.ImportFrom)) else ():
            package = module.partition(".")[0]
            assert package in BROUGHT | set(asked) | set(sys.stdlib_module_names), f"{module}: skip without it"
