"""What README says, run: its tables, the claims made of them, its Python, and the subcommands it lists."""

import re

import pytest

from minicrest import cli
from minicrest.selection import METHODS
from tests.readme import ALL, EQUAL_STEPS, FIRST, README, block, output


def accuracies(table):
    """method -> test accuracy in percent."""
    return {name: mean for name, (mean, _) in intervals(table).items()}


def intervals(table):
    """method -> (mean, half-width of the 95% interval) of the test accuracy in percent."""
    rows = re.finditer(r"^([\w-]+) +(\d+\.\d+) \+- (\d+\.\d+)", table, re.MULTILINE)
    return {row[1]: (float(row[2]), float(row[3])) for row in rows}


def bill(table, method):
    """Phase -> thousands of forward passes, from the second table."""
    head, *rows = table[table.index("bill of") :].splitlines()
    row = next(row for row in rows if row.startswith(method))
    numbers = [0.0 if cell == "-" else float(cell.replace(",", "")) for cell in row.split()[1:]]
    return dict(zip([*head.split()[2:-4], "in all"], numbers))


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    folder = tmp_path_factory.mktemp("readme")
    return {mark: output(folder / str(k), mark) for k, mark in enumerate((FIRST, EQUAL_STEPS, ALL))}


@pytest.mark.parametrize("mark", [FIRST, EQUAL_STEPS, ALL])
def test_the_tables_are_what_the_command_prints(fresh, mark):
    """To within a point and the interval shown: BLAS rounds otherwise on another machine, and training amplifies it."""
    shown, now = intervals(block(mark)), accuracies(fresh[mark])
    assert shown.keys() == now.keys() == (set(METHODS) if mark == ALL else {"random", "full", "crest"})
    assert all(abs(mean - now[name]) <= 1 + half for name, (mean, half) in shown.items())


def test_what_readme_says_of_the_tables(fresh):
    paid, steps = bill(fresh[FIRST], "crest"), bill(fresh[EQUAL_STEPS], "crest")
    assert accuracies(fresh[FIRST])["crest"] < accuracies(fresh[FIRST])["random"]
    assert 0.7 < 1 - paid["train"] / paid["in all"] < 0.8  # three quarters of it goes into choosing
    assert accuracies(fresh[EQUAL_STEPS])["crest"] > accuracies(fresh[EQUAL_STEPS])["random"]
    assert 8 < steps["in all"] / steps["train"] < 13  # ten times as much


def test_the_python_of_readme_runs(capsys):
    code = re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL).group(1)
    exec(compile(code, "README.md", "exec"), {})
    assert float(capsys.readouterr().out.split()[0]) > 0.9


def test_readme_lists_every_subcommand():
    names = set(re.findall(r"^\| `minicrest (\w+)", README.read_text(), re.MULTILINE))
    parser = cli._parser()
    assert names == set(parser._subparsers._group_actions[0].choices)


def test_readme_names_every_method():
    table = README.read_text().partition("## The methods")[2].partition("`minicrest methods` gives")[0]
    assert set(METHODS) == set(re.findall(r"`([\w-]+)`", table))
