"""What README says, run: its tables, the claims made of them, its Python, and the subcommands it lists."""

import importlib
import json
import os
import re
import shlex
import subprocess
import sys

import pytest

from minicrest import cli
from minicrest.experiments.parts import NAMED
from minicrest.selection.method import Method
from tests import evidence
from tests.contract.test_architecture import PACKAGE
from tests.readme import ALL, FIRST, README, block, blocks, files, output, python_blocks, tables


def accuracies(table):
    """method -> test accuracy in percent."""
    return {name: mean for name, (mean, _) in intervals(table).items()}


def intervals(table):
    """method -> (mean, half-width of the 95% interval) of the test accuracy in percent."""
    rows = re.finditer(r"^([\w-]+) +(\d+\.\d+) \+- (\d+\.\d+)", table, re.MULTILINE)
    return {row[1]: (float(row[2]), float(row[3])) for row in rows}


def both_ways(table):
    """method -> the numbers of its line: accuracy, gain and bill at equal steps, then accuracy, gains and steps."""
    rows = [re.sub(r"\+- \d+\.\d+", "", line).split() for line in tables(table).splitlines()[4:] if line]
    return {name: [0.0 if cell == "-" else float(cell) for cell in cells] for name, *cells in rows}


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    folder = tmp_path_factory.mktemp("readme")
    return {mark: output(folder / str(k), mark) for k, mark in enumerate((FIRST, ALL))}


@pytest.mark.parametrize("mark", [FIRST, ALL])
def test_the_tables_are_what_the_command_prints(fresh, mark):
    """To within a point and the interval shown: BLAS rounds otherwise on another machine, and training amplifies it."""
    shown, now = intervals(block(mark)), accuracies(fresh[mark])
    assert shown.keys() == now.keys()
    assert now.keys() == (set(NAMED) if mark == ALL else {"random", "shuffle", "full", "crest", "thinning"})
    assert all(abs(mean - now[name]) <= 1 + half for name, (mean, half) in shown.items())


def test_the_first_table_both_ways_is_what_the_command_prints(fresh):
    shown, now = both_ways(block(FIRST)), both_ways(fresh[FIRST])
    assert all(abs(shown[name][3] - now[name][3]) < 3 for name in shown)  # accuracy at equal bill
    assert all(abs(shown[name][2] / now[name][2] - 1) < 0.2 for name in shown)  # bill at equal steps


def test_what_readme_says_of_the_first_table(fresh):
    random, shuffle, crest, thinning = (both_ways(fresh[FIRST])[k] for k in ("random", "shuffle", "crest", "thinning"))
    assert crest[0] > random[0] - 0.5 and 2.5 < crest[2] / random[2] < 3.5  # no worse, at three times the bill
    assert crest[3] < random[3] - 2 and 0.25 < crest[6] / random[6] < 0.42  # behind, after a third of the steps
    assert thinning[2] < random[2] and thinning[3] > max(random[3], shuffle[3])


def minicrest(folder, *words):
    """What `minicrest words` prints in `folder`; it must end with 0."""
    env = {**os.environ, "MPLBACKEND": "Agg", "COLUMNS": "120", "PYTHONPATH": str(PACKAGE.parent)}
    command = [sys.executable, "-m", "minicrest", *words]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A folder with the files that README asks the reader to write; the one that makes data is run."""
    folder = tmp_path_factory.mktemp("own")
    for name, text in files().items():
        (folder / name).write_text(text)
    subprocess.run([sys.executable, "make_data.py"], cwd=folder, check=True)
    return folder


def test_the_example_at_the_top_runs(capsys):
    first, *_ = python_blocks()
    assert len(first.splitlines()) <= 10
    exec(compile(first, "README.md", "exec"), {})
    assert float(capsys.readouterr().out.split()[0]) > 0.9


def test_the_other_python_of_readme_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for code in python_blocks()[1:]:
        exec(compile(code, "README.md", "exec"), {})
    assert {path.name for path in tmp_path.iterdir()} == {"digits.csv", "digits.png"}
    assert set(accuracies(capsys.readouterr().out)) == {"random", "shuffle", "crest"}


def test_the_method_of_ones_own_is_short(written, monkeypatch):
    monkeypatch.syspath_prepend(written)
    assert issubclass(importlib.import_module("hardest").Hardest, Method)
    body = (written / "hardest.py").read_text().partition("@dataclass")[2]
    assert len(body.splitlines()) <= 15


@pytest.mark.parametrize("commands", blocks("commands"), ids=lambda text: " ".join(text.split()[1:5]))
def test_the_commands_for_parts_of_ones_own_run(written, commands):
    for line in commands.splitlines():
        program, *words = shlex.split(line)
        assert program == "minicrest" and minicrest(written, *words)


def test_readme_lists_every_subcommand(capsys):
    names = set(re.findall(r"^\| `minicrest (\w+)", README.read_text(), re.MULTILINE))
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    shown = capsys.readouterr().out.partition("positional arguments:")[2].partition("options:")[0]
    assert names == set(re.findall(r"^    (\w+) ", shown, re.MULTILINE))


def test_readme_names_every_method():
    table = README.read_text().partition("## The methods")[2].partition("`minicrest methods` prints")[0]
    assert set(NAMED) == set(re.findall(r"`([\w-]+)`", table))


def test_where_to_read_is_the_plan():
    """Every file and folder at the top of the package has its place, once; what is named exists."""
    listed = re.findall(r"`([\w/.]+)`", README.read_text("utf-8").partition("| in `minicrest/` |")[2])
    listed = [name for name in listed if name != "crest.py"]
    paths = [path for path in PACKAGE.iterdir() if not path.name.startswith(("__", "py.typed"))]
    there = [path.name + "/" * path.is_dir() for path in paths]
    assert sorted(listed) == sorted(there)


def test_the_evidence_is_what_was_kept():
    for mark, (kept, _, table) in evidence.BLOCKS.items():
        assert evidence.block(mark) == table(json.loads(kept.read_text())) != ""


TIES = ("mnist10k, mlp, label-noise 0.2", "trec, mlp")  # thinning and shuffle, at a tenth, on seeds 10 to 29
DOUBTING = "mnist10k, mlp, label-noise 0.2, q tuned"


def told(row) -> list[bool]:
    """Whether a row of a table is ahead of random, and of shuffled data, beyond doubt."""
    both = ("gain", "p"), ("gain_shuffle", "p_shuffle")
    return [row[gain]["mean"] > 0 and row[p] < 0.05 for gain, p in both]


@pytest.fixture(scope="module")
def kept():
    """Of the evidence, by budget and title: the rows by method."""
    comparisons = json.loads(evidence.KEPT.read_text())
    found = {budget: {} for budget in (0.03, 0.1, 0.3, 1)}
    for c in comparisons:
        found[c["budget"]][evidence.title(c)] = {row["method"]: row for row in c["rows"]}
    return found


def of_mlp(rows: dict) -> dict:
    """Those of the mlp with the cross-entropy."""
    return {title: row for title, row in rows.items() if "lenet" not in title and title != DOUBTING}


def test_what_readme_says_of_a_tenth_of_the_bill(kept):
    thinning = {title: rows["thinning"] for title, rows in of_mlp(kept[0.1]).items()}
    assert len(thinning) == 6 and all(row["gain"]["mean"] > 0 and row["p"] < 0.001 for row in thinning.values())
    assert all(row["gain_shuffle"]["mean"] > 0 for row in thinning.values())
    assert [title for title, row in thinning.items() if not told(row)[1]] == ["trec, mlp"]
    comparisons = json.loads(evidence.KEPT.read_text())
    later = {evidence.title(c): c["later"]["shuffle"] for c in comparisons if "later" in c}
    assert set(later) == set(thinning) and {t for t, e in later.items() if e["mean"] - e["half"] <= 0} == set(TIES)
    every = [rows["thinning"] for rows in kept[0.1].values()]
    ahead = [title for title, rows in kept[0.1].items() if told(rows["thinning"]) == [True, True]]
    assert len(every) == 9 and len(set(ahead) - {TIES[0], DOUBTING}) == 5 and DOUBTING in ahead
    assert all(row["gain_shuffle"]["mean"] > 0 or row["p_shuffle"] > 0.05 for row in every)
    more = {evidence.title(c): c["more"]["ahead"] for c in comparisons if "more" in c}
    assert set(more) == set(thinning) and [t for t, e in more.items() if e["mean"] - e["half"] <= 0] == ["trec, mlp"]
    assert {len(c["seeds"]) for c in comparisons if evidence.title(c) in more and c["budget"] == 0.1} == {30}


def test_what_readme_says_of_wrong_labels(kept):
    doubting, plain = ({budget: rows[title] for budget, rows in kept.items()} for title in (DOUBTING, TIES[0]))
    for budget in (0.03, 0.1, 0.3):
        assert told(doubting[budget]["thinning"]) == [True, True]
    assert told(doubting[1]["thinning"]) == [False, False]
    for budget, rows in doubting.items():
        assert all(row["accuracy"]["mean"] > plain[budget][name]["accuracy"]["mean"] for name, row in rows.items())
    for c in json.loads(evidence.KEPT.read_text()):
        if evidence.title(c) == DOUBTING:
            assert min(c["seeds"]) == 200 and c["grid"]["q"] == [0, 0.3, 0.7]


def test_what_readme_says_of_other_bills(kept):
    early, third = ([rows["thinning"] for rows in of_mlp(kept[budget]).values()] for budget in (0.03, 0.3))
    assert len(early) == 6 and all(min(row["gain"]["mean"], row["gain_shuffle"]["mean"]) > 0 for row in early)
    assert [sum(each) for each in zip(*map(told, early))] == [4, 2]
    ahead = {title for title, rows in of_mlp(kept[0.3]).items() if told(rows["thinning"])[1]}
    assert len(third) == 6 and ahead == {"digits, mlp", "mnist10k, mlp, imbalance 10"}
    assert sum(row["p_shuffle"] < 0.05 for row in third) == 2
    whole = {title: rows["thinning"] for title, rows in kept[1].items()}
    assert all(row["cost"] > 0.99 * kept[1][title]["random"]["cost"] for title, row in whole.items())
    apart = {title: (row["p"] < 0.05, row["p_shuffle"] < 0.05) for title, row in whole.items()}
    assert {title: each for title, each in apart.items() if any(each)} == {TIES[0]: (True, True),
                                                                           TIES[1]: (True, False)}  # fmt: skip
    assert round(whole[TIES[1]]["gain"]["mean"], 1) == -1.6
    assert all(-2 < whole[TIES[0]][gain]["mean"] < -1.7 for gain in ("gain", "gain_shuffle"))
    assert set(of_mlp(kept[0.1])) <= set(whole)


def test_each_method_stops_at_the_smallest_bill_that_is_best_on_held_out_examples():
    held_out = {"random": (0.7, 0.9, 0.9), "shuffle": (0.9, 0.8, 0.7), "thinning": (0.5, 0.6, 0.7)}
    bills = {}
    for k, bill in enumerate((0.1, 0.3, 1)):
        seeds = [0, 1, 2] if bill < 1 else [0, 1]  # those of all bills count
        runs = [{"method": name, "seed": seed, "curve": {"accuracy": [0.0, bill / 2 + seed / 10]}}
                for name in held_out for seed in seeds]  # fmt: skip
        points = {name: {"points": [{"accuracy": [0.0, 0.2]}, {"accuracy": [values[k]] * 2}]}
                  for name, values in held_out.items()}  # fmt: skip
        bills[bill] = {"seeds": seeds, "runs": runs}, points
    found = evidence._stopped(bills)
    assert found["stops"] == {"random": 0.3, "shuffle": 0.1, "thinning": 1} and found["seeds"] == [0, 1]
    assert found["accuracy"] == pytest.approx({"random": 20, "shuffle": 10, "thinning": 55})
    assert found["ahead"]["random"]["mean"] == pytest.approx(35)


def test_what_readme_says_of_training_for_less():
    problems = {p["title"]: p for p in json.loads(evidence.EARLY.read_text())}
    behind = {(title, name) for title, p in problems.items() for name, e in p["ahead"].items()
              if e["mean"] + e["half"] < 0}  # fmt: skip
    assert behind == {("subj, mlp", "shuffle")} and set(TIES) < set(problems)
    subj = problems["subj, mlp"]
    assert subj["stops"] == {"random": 1, "shuffle": 0.3, "thinning": 1}
    assert -0.6 < subj["ahead"]["shuffle"]["mean"] < -0.5
    assert all(p["bills"] == [0.03, 0.1, 0.3, 1] for p in problems.values())


def test_what_readme_says_of_lenet(kept):
    comparisons = json.loads(evidence.KEPT.read_text())
    assert told(kept[0.1]["mnist10k, lenet"]["thinning"]) == [True, True]
    part = next(c["reached"] for c in comparisons if evidence.title(c) == "mnist10k, lenet")
    assert f"in {part:.2f} of their seconds" in " ".join(README.read_text("utf-8").split())
    tenth, third = (kept[budget]["cifar10, lenet"] for budget in (0.1, 0.3))
    assert [len(c["seeds"]) for c in comparisons if c["data"] == "cifar10"][:3] == [5, 40, 5]
    for gain in (tenth["thinning"]["gain"], tenth["thinning"]["gain_shuffle"]):
        assert abs(gain["mean"]) + gain["half"] < 0.5
    assert told(third["thinning"]) == [False, True]
    mnist = next(c for c in comparisons if evidence.title(c) == "mnist10k, lenet")
    assert mnist["chosen"]["shuffle"]["m"] == mnist["chosen"]["thinning"]["m"] == 2 * mnist["chosen"]["random"]["m"]
    seconds = {name: row["seconds"] for name, row in kept[0.1]["mnist10k, lenet"].items()}
    said = " ".join(README.read_text("utf-8").split())
    assert f"need {seconds['shuffle'] / seconds['random']:.2f} of these seconds" in said
    for rows in (tenth, kept[0.1]["mnist10k, lenet"]):
        assert 1.1 <= rows["thinning"]["seconds"] / rows["random"]["seconds"] < 1.2


def test_what_readme_says_of_the_others(kept):
    mlp = of_mlp(kept[0.1])
    for rows in mlp.values():
        assert rows["crest"]["gain_shuffle"]["mean"] < 0 and rows["crest"]["p_shuffle"] < 0.05
    fresh = {title: rows["fresh"] for title, rows in {**mlp, "cifar10": kept[0.1]["cifar10, lenet"]}.items()}
    ahead = {"mnist10k, mlp", "mnist10k, mlp, imbalance 10"}
    assert {title for title, row in fresh.items() if told(row)[1]} == ahead
    assert all(told(fresh[title])[0] for title in ahead)
    assert {t for t, row in fresh.items() if row["gain_shuffle"]["mean"] < 0} == {*TIES, "subj, mlp", "cifar10"}
    known = {title: rows["selective-backprop"] for title, rows in mlp.items()}
    assert {title for title, row in known.items() if told(row) == [True, True]} == ahead
    assert all(known[title]["gain"]["mean"] < mlp[title]["thinning"]["gain"]["mean"] for title in known)
    behind = {title for title, row in known.items() if row["gain_shuffle"]["mean"] < 0 and row["p_shuffle"] < 0.05}
    assert behind == {*TIES, "subj, mlp"} and all(known[title]["gain_shuffle"]["mean"] < -2.5 for title in TIES)
    assert all(abs(rows["infobatch"]["gain_shuffle"]["mean"]) < 0.6 for rows in mlp.values())
    seconds = [rows["thinning"]["seconds"] / rows["random"]["seconds"] for rows in mlp.values()]
    assert 0.9 < min(seconds) and max(seconds) < 5


def test_what_readme_says_of_a_gpu():
    text = README.read_text("utf-8")
    table = re.search(r"<!-- gpu -->\n(.*?)<!-- end -->", text, re.DOTALL)[1]
    lines = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in line] for line in lines]
    step = {row[0].removesuffix(" training step"): list(map(float, row[3:6])) for row in rows
            if row[0].endswith("training step") and row[1] == "128"}  # fmt: skip
    faster = [plain / replays for plain, replays, _ in step.values()]
    assert (round(min(faster)), round(max(faster))) == (4, 9)
    beside = {name: f"{replays / torch:.2f}" for name, (_, replays, torch) in step.items()}
    said = " ".join(text.split())
    assert f"They take {beside['MLP 784-512-256-10']} of the time of PyTorch's eager step for the MLP" in said
    assert f"{beside['LeNet']} for LeNet, and {beside['ResNet-20']} for ResNet-20" in said
    thinned = {row[0].removesuffix(" thinning's step"): float(row[4]) for row in rows
               if row[0].endswith("thinning's step") and row[1] == "128"}  # fmt: skip
    assert all(thinned[name] > 0.75 * replays for name, (_, replays, _) in step.items())
    assert all(len(row) == 8 for row in rows)
    notebook = (README.parent / "tutorials" / "13_on_a_gpu.ipynb").read_text("utf-8")
    plain, replays, torch = step["LeNet"]
    assert f"fell from {plain:.1f} to {replays:.1f} ms; PyTorch's took {torch:.1f}." in notebook


def test_what_readme_says_of_lazy_crest():
    comparisons = {evidence.title(c): c for c in json.loads(evidence.LAZY.read_text())}
    ratio = {name: [c["bill"][name] / c["bill"]["random"] for c in comparisons.values() if name in c["bill"]]
             for name in ("crest", "lazy=False")}  # fmt: skip
    assert 2 < min(ratio["crest"]) and max(ratio["crest"]) < 3.5
    assert 7.5 < min(ratio["lazy=False"]) and max(ratio["lazy=False"]) < 12
    for title, c in comparisons.items():
        worse = {name: e["mean"] + e["half"] < 0 for name, e in c["crest_minus"].items()
                 if name not in ("shuffle", "T2=20")}  # fmt: skip
        assert not any(worse.values()), title
    lead = {title: c["crest_minus"]["random"] for title, c in comparisons.items()}
    many, plain = comparisons["digits, mlp, copies 149"], lead["digits, mlp"]
    assert round(many["dropping_minus_random"]["mean"]) == 5
    assert many["crest_minus"]["random"]["mean"] < many["crest_minus"]["random"]["half"]
    for few in ("digits, mlp, copies 9", "digits, mlp, copies 50"):
        assert abs(lead[few]["mean"] - plain["mean"]) < lead[few]["half"]