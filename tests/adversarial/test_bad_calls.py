"""Bad calls and bad command lines: each is refused in one line that says what came and what is expected."""

import inspect
import re
from collections import Counter
from pathlib import Path

import pytest

from minicrest import checkpoint
from minicrest.cli import main
from tests.adversarial.arguments import PASSES, RECEIVERS
from tests.adversarial.bad_calls import bad_calls, call, judge, walk

UNMENDED = Path(__file__).with_name("unmended.txt").read_text().split()


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty folder to work in but for one checkpoint."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MINICREST_DATA", raising=False)
    checkpoint.save("there.npz", {"a": 1})
    return tmp_path


@pytest.mark.parametrize("name", walk())
def test_every_callable_has_a_legal_call(name):
    """Or a bad argument would not be what is refused."""
    if name != "experiments.saved_setup":  # needs the checkpoint of a training
        call(name)


def test_methods_of_other_classes_are_called_by_minicrest_alone():
    """A class that has methods for users needs a row of RECEIVERS."""
    others = {name: kind for name, kind in walk().items() if inspect.isclass(kind) and name not in RECEIVERS}
    for name, kind in others.items():
        methods = {method for method, member in vars(kind).items() if inspect.isfunction(member)}
        assert {method for method in methods if not method.startswith("_")} <= PASSES, name


def test_there_are_at_least_500_bad_calls():
    counts = Counter(bad.callable.partition(".")[0] for bad in bad_calls())
    print(f"{counts.total()} bad calls: {dict(counts)}")
    assert counts.total() >= 500 and len(counts) >= 10


@pytest.mark.parametrize("name", walk())
def test_no_bad_call_is_silent_or_fails_otherwise(name, request):
    judged = {str(bad): judge(bad) for bad in bad_calls() if bad.callable == name}
    if name in UNMENDED:  # must fail, or the name has to leave the list
        request.applymarker(pytest.mark.xfail(strict=True, reason="its arguments are not all checked"))
    wrong = [f"{o.kind} {bad}: {o.what}" for bad, o in judged.items() if o.kind not in ("clear", "legal")]
    assert not wrong, "\n" + "\n".join(wrong)


# ---- command lines

OPTIONS = {  # of train and of compare: option -> values it must refuse
    "--data": ["nothing", "no/such.npz", ""],
    "--model": ["perceptron", ""],
    "--hidden": ["0", "-1", "1.5", "x"],
    "--m": ["0", "-1", "1.5", "nan", "x"],
    "--epochs": ["0", "-1", "1.5", "nan"],
    "--budget": ["0", "-0.1", "1.5", "nan", "inf", "x"],
    "--equal": ["cost", ""],
    "--optimizer": ["adam"],
    "--lr": ["-1", "nan", "inf", "x"],
    "--momentum": ["-1", "1", "nan", "x"],
    "--weight-decay": ["-1", "nan", "inf", "x"],
    "--schedule": ["linear"],
    "--validation": ["-0.1", "1", "nan", "x"],
    "--device": ["tpu"],
    "--dtype": ["float16", "int8"],
    "--evaluations": ["0", "-1", "1.5"],
    "--checkpoint-every": ["0", "-1", "1.5"],
    "--set": ["tau", "tau=", "tau=x", "tau=nan", "nothing=1", "=1", "random.tau=1", "m=0", "m=1.5"],
    "--data-dir": [],
}
LINES = [
    *(["train", option, value] for option, values in OPTIONS.items() for value in values),
    *(["compare", option, value] for option, values in OPTIONS.items() for value in values[:1]),
    *(["train", "--seed", value] for value in ("1.5", "x", "nan", "-1")),
    *(["train", "--steps", value] for value in ("0", "-1", "1.5", "nan")),
    *(["compare", "--seeds", value] for value in ("0", "-1", "1.5", "x")),
    ["compare", "--methods", "everything"], ["compare", "--methods"], ["train", "--method", "crst"], ["train", "more"],
    ["train", "--no-such-option"], ["resume"], ["resume", "no/such/folder"], ["resume", "there.npz"], ["show"], [],
    ["theory", "no-such-claim"], ["theory", "--salts", "0"], ["theory", "--seed", "-1"], ["theory", "--salts", "x"],
    ["theory", "--claims", "no/such.py"], ["theory", "--claims", "there.npz"],
    ["prepare"], ["prepare", "--out", "x.npz", "--data", "nothing"], ["prepare", "--out", "x.npz", "--seeds", "0"],
    ["prepare", "--out", "x.npz", "--set", "fraction=2"], ["prepare", "--out", "x.npz", "--tune-seeds", "-1"],
    ["train", "--method", "milo", "--prepared", "there.npz"], ["train", "--method", "milo", "--prepared", "no.npz"],
    ["train", "--data", "cifar100"], ["train", "--data", "tinyimagenet"], ["train", "--data", "snli"],
    ["report"], ["report", "no/such/folder"], ["report", "."], ["compare", "--dask", "no scheme", "--jobs", "2"],
    ["no-such-command"], ["methods", "crest", "more"], ["data", "more"],
]  # fmt: skip


def test_there_are_at_least_60_bad_command_lines():
    print(f"{len(LINES)} bad command lines")
    assert len(LINES) >= 60


@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_a_bad_command_line_is_refused_in_one_line(line, folder, capsys):
    assert main(line) == 2
    out, err = capsys.readouterr()
    assert out == "" and re.fullmatch(r"minicrest: error: \S.* .*\n", err)
    assert [path.name for path in folder.iterdir()] == ["there.npz"]  # nothing was created
