"""`minicrest tutorials`: notebooks laid out and stripped, answers graded and collected; where two trainings part."""

import ast
import importlib.util
import json
import os
import re
import sys

import numpy as np
import pytest

from minicrest import checkpoint
from minicrest.cli import main
from minicrest.datasets import Dataset
from minicrest.experiments.check_method import PROMISES, check_method
from minicrest.nn import mlp
from minicrest.optim import SGD
from minicrest.oracle import Oracle
from minicrest.selection import Random
from minicrest.teaching import earlier
from minicrest.teaching.agreement import Recorded, must_agree
from minicrest.teaching.answers import answers, export
from minicrest.teaching.check import TUTORIALS, find, of_tutorial
from minicrest.teaching.command import carry_out
from minicrest.teaching.notebooks import folder, holds_solutions, lay_out, source, statements, strip
from minicrest.train import train
from tests.contract.test_architecture import ROOT


@pytest.fixture
def laid_out(tmp_path):
    lay_out(tmp_path / "notebooks")
    return tmp_path / "notebooks"


def solve(place, *numbers):
    """Write the folded solutions into the stubs of these notebooks, as a reader would."""
    for number in numbers:
        (path,) = place.glob(f"{number}_*.ipynb")
        notebook = json.loads(path.read_text("utf-8"))
        (text,) = [source(cell) for cell in notebook["cells"] if holds_solutions(cell)]
        text = re.search(r"```python\n(.*?)```", text, re.S)[1]
        written = {node.name: ast.get_source_segment(text, node) for node in ast.parse(text).body}
        for cell in notebook["cells"]:
            asked = re.search(r'check\("[\w.]+", (my_\w+)\)', source(cell))
            if cell["cell_type"] == "code" and asked:
                cell["source"] = f"# my own\n{written[asked[1]]}\n\n\n{asked[0]}"
        path.write_text(json.dumps(notebook), "utf-8")


def test_lay_out_overwrites_nothing_unless_forced(laid_out, capsys):
    (path,) = laid_out.glob("01_*.ipynb")
    path.write_text("mine", "utf-8")
    assert main(["tutorials", str(laid_out)]) == 2 and path.read_text("utf-8") == "mine"
    assert "already has 01_one_gradient_by_hand.ipynb" in capsys.readouterr().err
    assert main(["tutorials", str(laid_out), "--force"]) == 0 and path.read_text("utf-8") != "mine"
    assert {p.suffix for p in laid_out.iterdir()} == {".ipynb", ".png", ".md"}


def test_strip_leaves_no_solution_and_no_output(tmp_path):
    files = strip(tmp_path)
    notebooks = [json.loads(path.read_text("utf-8")) for path in files if path.suffix == ".ipynb"]
    assert len(notebooks) == len(TUTORIALS)
    for notebook in notebooks:
        assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook["cells"])
        assert not any(map(holds_solutions, notebook["cells"]))


@pytest.mark.parametrize("lay", [strip, lay_out])
def test_what_was_killed_half_way_goes_on(tmp_path, monkeypatch, lay):
    replaced, polls = os.replace, iter(range(9))

    def dying(*paths):
        if next(polls) == 5:
            raise KeyboardInterrupt
        replaced(*paths)

    with monkeypatch.context() as dies:
        dies.setattr(os, "replace", dying)
        with pytest.raises(KeyboardInterrupt):
            lay(tmp_path / "half")
    first, whole = sorted((tmp_path / "half").iterdir()), lay(tmp_path / "whole")
    assert len(first) == 5 and all(path.read_bytes() == (tmp_path / "whole" / path.name).read_bytes() for path in first)
    assert [path.read_bytes() for path in lay(tmp_path / "half")] == [path.read_bytes() for path in whole]


def test_status_tells_solved_from_unwritten_and_broken(laid_out):
    assert not any(answer.problem is None for answer in answers(laid_out))
    solve(laid_out, "01")
    (path,) = laid_out.glob("01_*.ipynb")
    text = carry_out(["status", str(path)])
    assert re.search(r"01.softmax +correct\n", text) and text.endswith("5 of 5 exercises are solved.")
    path.write_text(path.read_text("utf-8").replace("def my_loss(z, y):", "def my_loss(z, y, k):"), "utf-8")
    assert "01.loss           not yet. It raises TypeError" in carry_out(["status", str(path)])


def test_export_grows_and_holds_nothing_but_what_is_right(laid_out, tmp_path):
    target = tmp_path / "my_crest.py"
    solve(laid_out, "05", "12")
    held = export(target, laid_out)
    assert held == [*(e.name for e in of_tutorial("05")), "05.milestone", *(e.name for e in of_tutorial("12"))]
    (path,) = laid_out.glob("05_*.ipynb")
    path.unlink()  # what the file holds stays
    solve(laid_out, "10")
    assert len(export(target, laid_out)) == len(held) + len(of_tutorial("10"))
    before = target.read_text("utf-8")
    export(target, laid_out)
    assert target.read_text("utf-8") == before
    spec = importlib.util.spec_from_file_location("my_crest", target)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.my_bound_10(0.1) == np.sqrt(2) * (1 - np.exp(-0.1))  # 05, 10 and 12 each have a my_bound
    G = np.random.default_rng(0).standard_normal((6, 2))
    error, limit = module.my_bound_05(G, [1, 4])
    assert 0 < error <= limit


def test_export_loses_nothing_where_it_cannot_write(laid_out, tmp_path, monkeypatch):
    solve(laid_out, "05")
    export(target := tmp_path / "my_crest.py", laid_out)
    before = target.read_bytes()
    solve(laid_out, "10")
    monkeypatch.setattr(checkpoint.os, "fsync", lambda number: (_ for _ in ()).throw(OSError(28, "no space left")))
    with pytest.raises(OSError, match="no space left"):
        export(target, laid_out)
    assert target.read_bytes() == before and [*tmp_path.glob("my_crest*")] == [target]


def imported(target, monkeypatch):
    """The exported file as a module, imported by its name as a reader would."""
    monkeypatch.syspath_prepend(str(target.parent))
    monkeypatch.delitem(sys.modules, target.stem, raising=False)
    return importlib.import_module(target.stem)


def test_the_milestones_run_on_nothing_but_the_file(laid_out, tmp_path, monkeypatch, capsys):
    """A CNN, CRAIG, CREST, thinning and a method of one's own, all from the readers' functions."""
    target = tmp_path / "my_crest.py"
    solve(laid_out, *TUTORIALS)
    assert "Milestones that run on it: cnn_on_digits (03), craig" in carry_out(["export", str(target), str(laid_out)])
    text = target.read_text("utf-8")
    assert "minicrest.teaching" not in text and "facility_location" not in text and "minicrest.nn" not in text
    mine = imported(target, monkeypatch)
    assert mine.cnn_on_digits(steps=60) > 0.5
    ours, chance = mine.craig_on_logistic()
    assert ours < 0.5 * chance
    for method in (mine.Crest(m=8, r=16, T2=6), mine.MyThinning(m=8), mine.Remember(m=8)):
        assert len(check_method(method, steps=8)) == len(PROMISES)
    monkeypatch.chdir(tmp_path)
    door = ["compare", "--data", "digits", "--methods", "random", "my_crest:Crest", "my_crest:MyThinning",
            "my_crest:Remember", "--seeds", "1", "--budget", "0.02", "--out", "runs"]  # fmt: skip
    assert main(door) == 0
    assert all(name in capsys.readouterr().out for name in ("Crest",)) and (tmp_path / "runs").exists()


def test_a_milestone_waits_for_all_of_its_exercises(laid_out, tmp_path):
    """That of 09 takes answers of 07 and 08 from the file, which grows."""
    target = tmp_path / "my_crest.py"
    solve(laid_out, "09")
    assert "09.milestone" not in export(target, laid_out)
    solve(laid_out, "07", "08")
    assert "09.milestone" in export(target, laid_out)
    for path in laid_out.glob("0[78]_*.ipynb"):
        path.unlink()
    assert "09.milestone" in export(target, laid_out)
    assert "use_rho = my_rho  # 07.rho" in target.read_text("utf-8")


def test_earlier_takes_the_readers_function_only_if_it_is_right(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    solution = find("01.loss").solution
    assert earlier("01.loss") is solution and "no my_crest.py here has it" in capsys.readouterr().out
    (tmp_path / "my_crest.py").write_text("def my_loss(z, y):\n    return 0.0\n", "utf-8")
    assert earlier("01.loss") is solution
    right = "def my_loss_01(z, y):\n    from scipy.special import logsumexp\n    return "
    right += "(logsumexp(z, axis=1) - z[range(len(y)), y]).mean()\n"
    (tmp_path / "my_crest.py").write_text(right, "utf-8")
    assert earlier("01.loss").__name__ == "my_loss_01" and "with your function" in capsys.readouterr().out


def test_export_leaves_a_file_that_is_not_its_own(laid_out, tmp_path):
    target = tmp_path / "work.py"
    target.write_text("x = 1\n", "utf-8")
    with pytest.raises(ValueError, match="was not written by minicrest tutorials export"):
        export(target, laid_out)
    assert target.read_text("utf-8") == "x = 1\n"


def test_a_statement_knows_what_it_defines_and_takes_from_outside():
    assert [s.text for s in statements("from a import b, c as d\n")] == ["from a import b", "from a import c as d"]
    one, two = statements("def f(x, y=b):\n    z = x\n    return g(z) + [a for a in x][0]\nc = d = f(e)\n")
    assert one.defines == ["f"] and one.uses == {"b", "g"}
    assert two.defines == ["c", "d"] and two.uses == {"f", "e"}


@pytest.mark.parametrize("words", [["status", "a", "b"], ["export"], ["strip"], ["one", "two"]])
def test_words_that_do_not_fit(words):
    with pytest.raises(ValueError, match=r"minicrest tutorials .*: give DIR: write the notebooks there"):
        carry_out(words)


def test_a_folder_without_notebooks_says_how_to_get_them(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no notebooks; write them there with: minicrest tutorials"):
        carry_out(["status", str(tmp_path)])


def test_the_packages_of_the_wheel_are_all_there_are():
    text = re.search(r"^packages = \[(.*?)\]", (ROOT / "pyproject.toml").read_text("utf-8"), re.M | re.S)[1]
    inside = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "minicrest").rglob("__init__.py")}
    assert set(re.findall(r'"([\w.]+)"', text)) == {*inside, "minicrest.teaching.notebooks"}
    assert folder() == ROOT / "tutorials"


# ---- where two trainings part


def test_the_first_step_that_differs_is_named_and_in_what():
    theirs = {"region": [(0, 1), (4, 2)], "batch": [(t, np.arange(3) + t) for t in range(6)], "bill": [(6, 18)]}
    must_agree(theirs, theirs)
    mine = {**theirs, "batch": [(t, np.arange(3) + t + (t >= 4)) for t in range(6)], "bill": [(6, 20)]}
    with pytest.raises(AssertionError, match=r"step 4 is the first that differs, in its batch: yours \[5, 6, 7\]"):
        must_agree(mine, theirs)
    with pytest.raises(AssertionError, match=r"step 5 .* in its region: yours 2, the package's has none"):
        must_agree({**mine, "batch": theirs["batch"], "region": [*theirs["region"], (5, 2)]}, theirs)


def test_recorded_reports_every_batch():
    network, data = mlp((2, 3, 2)), Dataset(np.zeros((6, 2)), np.arange(6) % 2)
    oracle = Oracle(network, data, network.initialize(0, "float64", "cpu"), seed=0)
    run = train(Recorded(Random(m=2)), oracle, SGD(0.1), 3, progress=False)
    assert len(run.report["batch"]) == 3 and all(len(w) == 2 for w in run.report["weights"])
