"""Parts of one's own, each in a file outside the package: from Python and from the command line, to the same runs."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from minicrest import checkpoint, cli
from minicrest.datasets import Dataset, load
from minicrest.experiments import Setup, compare, repeat
from minicrest.experiments.folders import saved_setup
from minicrest.experiments.parts import Parts, content, described, imported, method_class
from minicrest.experiments.statistics import with_q
from minicrest.experiments.tables import summary, what
from minicrest.learner import evaluate
from minicrest.nn import GeneralizedCrossEntropy, Linear, Network, SoftmaxCrossEntropy, mlp
from minicrest.selection import METHODS, Crest, Random

ROOT = Path(__file__).resolve().parents[3]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
QUICK = ["--data", "digits", "--hidden", "8", "--epochs", "2", "--evaluations", "2"]
SETTINGS = dict(hidden=(8,), epochs=2, evaluations=2)
MINE = '''"""A method and a network in a file of their own."""
import math
from dataclasses import dataclass, replace
import numpy as np
from minicrest.batch import uniform
from minicrest.nn import mlp
from minicrest.random import stream

@dataclass(frozen=True)
class State:
    step: int
    losses: np.ndarray

@dataclass(frozen=True)
class Mine:
    """Of twice as many examples, drawn at random, those whose last known loss is highest."""
    m: int = 32
    weight: float = 1.0

    def init(self, oracle):
        return State(0, np.zeros(len(oracle)))

    def propose(self, state, oracle):
        rng = stream(oracle.seed, "mine", state.step)
        pool = rng.choice(len(oracle), min(2 * self.m, len(oracle)), replace=False)
        best = pool[np.argsort(-self.weight * state.losses[pool], kind="stable")[: self.m]]
        return uniform(best), replace(state, step=state.step + 1)

    def observe(self, state, feedback):
        losses = state.losses.copy()
        losses[feedback.indices] = feedback.losses
        return replace(state, losses=losses)

    def report(self, state):
        return {}

class Half:
    def init(self, oracle):
        return None

class Restless(Mine):
    def propose(self, state, oracle):
        return uniform(np.random.default_rng().choice(len(oracle), 1)), state

def small(shape, classes):
    return mlp((math.prod(shape), 4, classes))

def nothing(shape, classes):
    return None

number = 3
'''


@pytest.fixture(autouse=True)
def mine(tmp_path, monkeypatch):
    """Every test has a folder of its own with mine.py in it, which is not imported yet."""
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(MINE)
    for name in ("mine", "broken"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield
    for name in ("mine", "broken"):
        sys.modules.pop(name, None)


def command(*arguments):
    """`python -m minicrest` in this folder, as a process of its own."""
    return subprocess.Popen([sys.executable, "-m", "minicrest", *arguments], env=ENVIRONMENT, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip


def wait_for(path, process, seconds=30):
    end = time.monotonic() + seconds
    while not path.exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    assert path.exists(), process.communicate()


def theta(folder):
    return checkpoint.load(Path(folder) / "run.npz").theta


def error_of(capsys, *arguments):
    """The one line of error that the command line ends with."""
    assert cli.main(list(arguments)) == 2
    err = capsys.readouterr().err
    assert err.startswith("minicrest: error: ") and err.count("\n") == 1
    return err


# ---- a method of one's own


def test_a_method_is_killed_and_resumed_to_the_same_weights(capsys):
    told = [*QUICK, "--method", "mine:Mine", "--steps", "400", "--checkpoint-every", "20", "--set", "m=16"]
    process = command("train", *told, "--out", "killed")
    wait_for(Path("killed/checkpoint.npz"), process)
    process.kill()
    process.communicate(timeout=30)
    assert process.returncode == -signal.SIGKILL and not Path("killed/run.npz").exists()

    refused = command("resume", "killed")  # a file's word is not enough
    _, err = refused.communicate(timeout=60)
    assert refused.returncode == 2 and "if you trust it, add: --method mine:Mine" in err
    resumed = command("resume", "killed", "--method", "mine:Mine")
    out, err = resumed.communicate(timeout=60)
    assert resumed.returncode == 0 and "400 steps" in out, err

    assert cli.main(["train", *told, "--out", "whole"]) == 0
    assert (theta("killed") == theta("whole")).all()
    assert checkpoint.load("whole/run.npz").settings["hyperparameters"] == {"m": 16, "weight": 1.0}


def test_ctrl_c_says_how_to_resume_a_method_of_ones_own(monkeypatch, capsys):
    polls = iter(range(1000))
    monkeypatch.setattr("minicrest.experiments.terminal.Interrupt.stop", lambda self: next(polls) >= 12)
    assert cli.main(["train", *QUICK, "--method", "mine:Mine", "--steps", "30", "--out", "a"]) == 130
    assert "go on with: minicrest resume a --method mine:Mine" in capsys.readouterr().err


def test_a_method_is_compared_by_name_and_as_an_object_to_the_same_runs(capsys):
    assert cli.main(["compare", *QUICK, "--methods", "mine:Mine", "--no-full", "--seeds", "2", "--out", "c"]) == 0
    assert "\nMine " in capsys.readouterr().out
    by_name = compare(["mine:Mine"], seeds=2, settings=SETTINGS)
    by_object = compare([imported("mine:Mine", "method")(m=32)], seeds=2, settings=SETTINGS)
    assert list(by_name.runs) == list(by_object.runs) == ["random", "shuffle", "Mine"]
    saved = [checkpoint.load(path) for path in sorted(Path("c").glob("mine.Mine-*/run.npz"))]
    for a, b, c in zip(by_name.runs["Mine"], by_object.runs["Mine"], saved):
        assert (a.theta == b.theta).all() and (a.theta == c.theta).all() and a.ledger.cost == b.ledger.cost


def test_a_method_is_checked(capsys):
    assert cli.main(["methods", "--check", "mine:Mine"]) == 0
    assert capsys.readouterr().out.startswith("mine:Mine keeps the contract")
    assert cli.main(["methods", "--check", "mine:Restless"]) == 1
    assert capsys.readouterr().out.startswith("mine:Restless does not keep the contract: ")


@pytest.mark.parametrize(
    "name, says",
    [
        ("nowhere:Mine", "there is no nowhere.py in the current folder"),
        ("mine:Other", "mine.py has no Other"),
        ("mine:number", "method mine:number must be a class, got 3"),
        ("mine:Half", "it lacks propose, observe, report"),
        ("broken:Mine", "the module broken cannot be imported: ZeroDivisionError: division by zero"),
        ("mine", "method must be one of full, random, crest"),
        (":Mine", "or module:Class, got ':Mine'"),
    ],
)
def test_a_method_that_cannot_be_had_is_one_line(name, says, capsys):
    Path("broken.py").write_text("1 / 0\n")
    for told in (["train", "--method", name], ["compare", "--methods", name], ["methods", "--check", name]):
        assert says in error_of(capsys, *told)
    assert not Path("runs").exists()


def test_a_setting_that_a_method_does_not_have(capsys):
    assert "no hyper-parameter 'tau'; there are mine:Mine: m, weight" in error_of(
        capsys, "train", "--method", "mine:Mine", "--set", "tau=1")  # fmt: skip
    with pytest.raises(ValueError, match=r"method mine:Mine cannot be made with .*unexpected keyword argument 'tau'"):
        Setup(method="mine:Mine", hyper=(("tau", 1.0),)).build_method()


def test_nothing_is_imported_because_a_file_says_so():
    setup = Setup(method="mine:Mine", **SETTINGS, steps=2)
    Path("a").mkdir()
    Path("a/setup.json").write_text(setup.to_json())
    with pytest.raises(ValueError, match=r"uses the method mine:Mine.*add: --method mine:Mine"):
        saved_setup(Path("a/checkpoint.npz"))
    assert "mine" not in sys.modules
    assert saved_setup(Path("a/checkpoint.npz"), modules=["mine"]) == setup


# ---- a network and data of one's own


def test_a_network_by_function_and_as_an_object():
    assert cli.main(["train", *QUICK, "--method", "random", "--model", "mine:small", "--out", "a"]) == 0
    assert len(theta("a")) == 64 * 4 + 4 + 4 * 10 + 10
    comparison = compare(["random"], network=mlp((64, 4, 10)), seeds=1, settings=dict(epochs=2, evaluations=2))
    assert (comparison.runs["random"][0].theta == theta("a")).all()


@pytest.mark.parametrize("name, says", [
    ("mine:nothing", "model mine:nothing must return a minicrest.nn.Network, got None"),
    ("mine:number", "model mine:number must be a function of (shape, classes), got 3"),
    ("mine:Half", "model mine:Half must be a function of (shape, classes): Half() takes no arguments"),
])  # fmt: skip
def test_a_network_that_cannot_be_had_is_one_line(name, says, capsys):
    assert says in error_of(capsys, "train", "--model", name)


def points(n=90):
    rng = np.random.default_rng(0)
    y = np.arange(n) % 3
    return (rng.standard_normal((n, 4)) + y[:, None]).astype("float32"), y


def test_a_data_set_as_an_object_is_known_by_its_content():
    x, y = points()
    data = Dataset(x, y, "mine", test=Dataset(x[:30], y[:30], "mine"))
    first = compare([], data=data, seeds=1, out="c", budget=1, settings=SETTINGS)
    (folder,) = Path("c").glob("random-*")
    again = compare([], data=replace(data, x=x.copy()), seeds=1, out="c", budget=1, settings=SETTINGS)
    assert first.runs["random"][0].ledger.seconds == again.runs["random"][0].ledger.seconds  # read, not repeated
    other = compare([], data=replace(data, x=x + 1), seeds=1, out="c", budget=1, settings=SETTINGS)
    assert len(list(Path("c").glob("random-*"))) == 2
    assert (other.runs["random"][0].theta != first.runs["random"][0].theta).any()
    with pytest.raises(ValueError, match="was made in Python; go on from there"):
        saved_setup(folder / "checkpoint.npz").run(folder / "checkpoint.npz")


def test_data_without_a_test_part_names_the_remedy_and_trains_with_it(capsys):
    x, y = points()
    np.savez("mine.npz", x=x, y=y)
    assert "--test 0.2" in error_of(capsys, "train", "--data", "mine.npz", "--method", "random")
    told = ["train", "--data", "mine.npz", "--method", "random", "--steps", "3", "--out", "a"]
    assert cli.main([*told, "--test", "0.2"]) == 0
    assert len(checkpoint.load("a/run.npz").uses) == 72


def test_data_from_a_csv(capsys):
    x, y = points()
    lines = [f"{label},{','.join(map(str, row))}" for label, row in zip(y, x)]
    Path("mine.csv").write_text("\n".join(["label,a,b,c,d", *lines]) + "\n")
    told = ["train", "--method", "random", "--steps", "3", "--test", "0.2"]
    assert cli.main([*told, "--data", "mine.csv", "--out", "a"]) == 0
    np.savez("mine.npz", x=x, y=y)
    assert cli.main([*told, "--data", "mine.npz", "--out", "b"]) == 0
    assert len(checkpoint.load("a/run.npz").uses) == len(checkpoint.load("b/run.npz").uses) == 72


def test_moved_data_is_found_again(capsys):
    x, y = points()
    Path("here").mkdir()
    np.savez("here/mine.npz", x=x, y=y, x_test=x[:30], y_test=y[:30])
    told = ["train", "--method", "random", "--steps", "3", "--out", "a"]
    assert cli.main([*told, "--data", "here/mine.npz"]) == 0
    Path("here").rename("there")
    assert "if the data has moved, add: --data-dir DIR" in error_of(capsys, "resume", "a")
    assert cli.main(["resume", "a", "--data-dir", "there"]) == 0
    assert cli.main([*told, "--data", "there/mine.npz"]) == 0  # and the folder remembers
    np.savez("there/mine.npz", x=x + 1, y=y, x_test=x[:30], y_test=y[:30])
    assert "belongs to another training (data" in error_of(capsys, "resume", "a")


def test_a_regression_says_what_to_do():
    x, _ = points()
    data = Dataset(x, x[:, :1], test=Dataset(x, x[:, :1]))
    with pytest.raises(ValueError, match=r"a regression.* call minicrest\.train"):
        compare([], data=data, settings=SETTINGS)


# ---- compare, from Python


def test_objects_and_names_mixed_and_random_first():
    comparison = compare(["crest", Crest(m=32, tau=0.2), Random(m=16)], seeds=[3, 5], settings=SETTINGS)
    assert list(comparison.runs) == ["random", "shuffle", "crest", "crest(tau=0.2)", "random(m=16)"]
    assert comparison.seeds == [3, 5] and comparison.complete and comparison.diverged == []
    assert [row.method for row in comparison.rows] == list(comparison.runs)
    assert comparison.runs["crest(tau=0.2)"][0].settings["hyperparameters"]["tau"] == 0.2
    text = str(comparison)
    assert comparison.table() in text and comparison.verdict() in " ".join(text.split())
    assert comparison.figure().axes and "<pre>" in comparison._repr_html_()
    comparison.to_csv("c.csv")
    assert [line.partition(",")[0] for line in Path("c.csv").read_text().splitlines()][1:2] == ["random"]
    assert json.loads(json.dumps(comparison.document()))["seeds"] == [3, 5]


def test_a_comparison_as_a_frame():
    pytest.importorskip("pandas", reason="needs pandas, which the dev extra brings")
    frame = compare(["full"], seeds=1, settings=SETTINGS).to_frame()
    assert list(frame["method"]) == ["random", "shuffle", "full"]


def test_two_processes_give_the_same_bits():
    alone = compare([Crest(m=32, tau=0.2)], seeds=2, settings=SETTINGS)
    together = compare([Crest(m=32, tau=0.2)], seeds=2, settings=SETTINGS, jobs=2, out="c")
    for label, runs in alone.runs.items():
        for a, b in zip(runs, together.runs[label]):
            assert (a.theta == b.theta).all() and a.ledger.cost == b.ledger.cost
    assert len(list(Path("c").glob("*/run.npz"))) == 6


def test_the_command_line_and_python_share_their_folders():
    told = ["compare", *QUICK, "--methods", "crest", "--no-full", "--seeds", "1"]
    assert cli.main([*told, "--out", "c", "--jobs", "2"]) == 0
    times = [run.ledger.seconds for runs in compare(["crest"], seeds=1, out="c", settings=SETTINGS).runs.values()
             for run in runs]  # fmt: skip
    assert times == [run["seconds"] for run in json.loads(Path("c/compare.json").read_text())["runs"]]


@dataclass(frozen=True)
class Local(Random):
    """A method that nothing can import from here: its class is found in this test alone."""

    table: np.ndarray | None = None


def test_a_method_with_arrays_is_known_by_their_content():
    one, two = (Local(m=16, table=np.full(3, value)) for value in (1.0, 2.0))
    name, hyper = described(one)
    assert name == f"{__name__}:Local" and dict(hyper)["table"] == f"ndarray#{content(np.full(3, 1.0))}"
    assert described(two)[1] != hyper == described(Local(m=16, table=np.full(3, 1.0)))[1]
    setup = Setup(method=name, hyper=hyper)
    assert Setup.from_json(setup.to_json()) == setup
    with pytest.raises(ValueError, match="holds objects that text cannot; go on from Python"):
        setup.build_method()


def test_what_has_only_an_address_has_no_identity():
    with pytest.raises(TypeError, match="shows only its address"):
        described(Local(table=object()))


def test_a_class_in_a_function_cannot_be_imported():
    class Inner(Random):
        pass

    with pytest.raises(ValueError, match="defined in a script, a notebook or a function"):
        method_class(described(Inner())[0])


@pytest.mark.parametrize("arguments, error, says", [
    (dict(methods=[3]), ValueError, "method int does not keep the contract"),
    (dict(methods=[Random]), TypeError, r"give a method, not its class: Random\(\)"),
    (dict(methods=["best"]), ValueError, "method must be one of"),
    (dict(methods=["crest", "crest"]), ValueError, "crest is among the methods twice"),
    (dict(methods=["crest", Crest()], settings=dict(m=128)), ValueError, "crest is among the methods twice"),
    (dict(network=3), TypeError, "network must be a name or a minicrest.Network, got 3"),
    (dict(network=lambda: 0), TypeError, "network must be a name"),
    (dict(data=np.zeros(3)), TypeError, "data must be a name, a path or a minicrest.Dataset, got a ndarray"),
    (dict(seeds=0), ValueError, "seeds must be at least 1, got 0"),
    (dict(seeds=1.5), TypeError, "seeds must be a whole number, got 1.5"),
    (dict(seeds=[1, 1]), ValueError, "seeds must be different whole numbers"),
    (dict(seeds=[]), ValueError, "at least one"),
    (dict(budget=0), ValueError, r"budget must be a number in \(0, 1\], got 0"),
    (dict(budget="all"), TypeError, "budget must be a number, got 'all'"),
    (dict(equal="time"), ValueError, "equal must be one of bill, steps"),
    (dict(jobs=0), ValueError, "jobs must be at least 1, got 0"),
    (dict(settings=[1]), TypeError, "settings must be a dict"),
    (dict(settings=dict(wings=2)), ValueError, "no setting is called wings; there are data, model"),
    (dict(settings=dict(seed=2)), ValueError, "settings holds seed, which compare takes"),
    (dict(settings=dict(epochs=2.5)), TypeError, "epochs must be a whole number, got 2.5"),
])  # fmt: skip
def test_wrong_arguments_of_compare(arguments, error, says):
    with pytest.raises(error, match=says):
        compare(**{"methods": ["random"], **arguments})


# ---- setups of every kind


@pytest.mark.parametrize("wrong, says", [
    (dict(steps=2.5), "steps must be a whole number, got 2.5"),
    (dict(seed=1.7), "seed must be a whole number, got 1.7"),
    (dict(seed=True), "seed must be a whole number, got True"),
    (dict(evaluations="many"), "evaluations must be a whole number"),
    (dict(lr="0.1"), "lr must be a number, got '0.1'"),
    (dict(hidden=64), "hidden must be a tuple, got 64"),
    (dict(hidden=(6.5,)), "each size in hidden must be a whole number"),
    (dict(hyper=(("tau", [1]),)), "hyper-parameter tau must be text, a number"),
    (dict(hyper=("tau",)), r"hyper must be \(name, value\) pairs"),
    (dict(data=3), "data must be text or a path, got 3"),
    (dict(model=mlp((2, 2))), "model must be text, got a Network; objects go to minicrest.compare"),
    (dict(method=Random()), "method must be text, got a Random"),
])  # fmt: skip
def test_settings_of_the_wrong_type(wrong, says):
    with pytest.raises(TypeError, match=says):
        Setup(**wrong)


@pytest.mark.parametrize("wrong", [dict(lr=float("nan")), dict(validation=float("nan")), dict(seed=-1), dict(test=1.0),
                                   dict(momentum=1.0), dict(weight_decay=float("inf")), dict(q=1.5)])  # fmt: skip
def test_settings_out_of_range(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be"):
        Setup(**wrong)


def test_settings_of_numpy_are_stored_as_plain_numbers():
    setup = Setup(seed=np.int64(3), lr=np.float32(0.5), hidden=[np.int32(4)], hyper=[("tau", np.float64(0.25))],
                  data=Path("digits"))  # fmt: skip
    assert Setup.from_json(setup.to_json()) == setup and setup.hidden == (4,) and type(setup.lr) is float


@pytest.mark.parametrize("model", ["mlp", "resnet8"])
def test_q_replaces_the_cross_entropy(model):
    """In the training; evaluations report the cross-entropy of the same weights."""
    data = "digits-images" if model != "mlp" else "digits"
    robust, plain = (Setup(data=data, model=model, method="random", q=q, steps=1) for q in (0.5, 0))
    assert robust.identity() != plain.identity()
    (_, ours, *_), (_, theirs, *_) = robust.build(), plain.build()
    i = np.arange(4)
    expected = (1 - np.exp(-0.5 * theirs.losses(i))) / 0.5
    assert np.allclose(ours.losses(i), expected, rtol=1e-4) and theirs.losses(i).min() > expected.max()
    assert evaluate(ours) == pytest.approx(evaluate(theirs), rel=1e-5)


def test_q_keeps_the_ridge_and_the_class_of_a_network_and_the_network_itself():
    class Wide(Network):
        pass

    flat = Dataset(np.eye(3, 2), np.arange(3), test=Dataset(np.eye(3, 2), np.arange(3)))
    network = Wide([Linear(2, 3)], SoftmaxCrossEntropy(l2=0.25))
    built = Setup(method="random", q=0.5).build(Parts(network=network, data=flat))[1]._network
    assert type(built) is Wide and built.loss == GeneralizedCrossEntropy(0.5, 0.25)
    assert network.loss == SoftmaxCrossEntropy(l2=0.25)


def test_q_of_another_loss_is_refused(capsys):
    err = error_of(capsys, "train", "--data", "blobs", "--q", "0.5")
    assert "q 0.5 replaces SoftmaxCrossEntropy, but the loss of this network is" in err and "LogisticLoss" in err


def test_q_is_in_the_heading_and_in_the_command_that_repeats_a_comparison():
    comparison = compare([], seeds=1, settings=SETTINGS | dict(q=0.5))
    assert what(comparison.setup) == "digits, mlp with q 0.5" and "--q 0.5" in repeat.command(comparison)
    (run,) = comparison.runs["random"]
    assert "(of the last batches, with q)" in summary(comparison.setup, run)
    assert with_q(run) == ", with q" and with_q(replace(run, network=mlp((64, 10)))) == ""


def test_folders_of_data_and_saving_often_are_no_part_of_the_identity():
    setup = Setup(data="a/b.npz")
    moved = replace(setup, data="c/b.npz", data_dir="d", checkpoint_every=3)
    assert moved.identity() == setup.identity() and moved.folder("x") == setup.folder("x")
    assert replace(setup, data="c/e.npz").identity() != setup.identity() != replace(setup, test=0.1).identity()


def test_a_network_beyond_memory_is_refused(capsys):
    err = error_of(capsys, "train", "--hidden", "100000000", "100000000")
    assert "parameters takes at least" in err and "GiB to train, and this machine has" in err


def test_settings_that_are_all_brackets(capsys):
    Path("a").mkdir()
    Path("a/setup.json").write_text("[" * 100_000)
    assert "a/setup.json: not the settings of a training" in error_of(capsys, "resume", "a")


def test_a_data_set_is_no_checkpoint(capsys):
    x, y = points()
    np.savez("mine.npz", x=x, y=y)
    assert "it is a data set: minicrest train --data mine.npz" in error_of(capsys, "resume", "mine.npz")


def test_every_method_says_the_same_as_an_object_and_as_text():
    for name, kind in METHODS.items():
        assert described(kind())[0] == name


def test_the_digits_are_the_digits():
    data = load("digits")
    by_object = compare([], data=data, seeds=1, settings=SETTINGS | dict(m=32))
    by_name = compare([], seeds=1, settings=SETTINGS)
    assert (by_object.runs["random"][0].theta == by_name.runs["random"][0].theta).all()
