"""The command line, mostly in this process; in its own where a signal or an import is what is tested."""

import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import minicrest
from minicrest import checkpoint, cli
from minicrest.cli import commands
from minicrest.cli.parser import Parser
from minicrest.optim import SGD
from minicrest.selection import METHODS

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
PNG = b"\x89PNG\r\n\x1a\n"
QUICK = ["--data", "digits", "--hidden", "8", "--epochs", "2", "--evaluations", "2"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Default output folders are relative: every test has a folder of its own."""
    monkeypatch.chdir(tmp_path)


def command(*arguments):
    """`python -m minicrest` with this source tree, as a process of its own."""
    return subprocess.Popen([sys.executable, "-m", "minicrest", *arguments], env=ENVIRONMENT, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip


def kill(process) -> None:
    process.kill()
    process.communicate(timeout=30)
    assert process.returncode == -signal.SIGKILL  # it had not finished before


def wait_for(path, process, seconds=30):
    end = time.monotonic() + seconds
    while not path.exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    assert path.exists(), process.communicate()


# ---- train


def test_train_prints_a_summary_and_saves(capsys):
    assert cli.main(["train", *QUICK, "--steps", "20", "--out", "a"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""  # no bar where there is no terminal
    for words in ("crest on digits, mlp, seed 0: 20 steps", "test accuracy", "test loss", "train 1,920", "select ",
                  "forward 1, backward 2, Hessian product 4", "model ", "regions ", "checks "):  # fmt: skip
        assert words in printed.out
    assert {"run.npz", "run.json", "checkpoint.npz"} <= {path.name for path in Path("a").iterdir()}
    assert json.loads(Path("a/run.json").read_text())["steps"] == 20


def test_train_has_a_default_folder_and_goes_on_from_it(capsys):
    assert cli.main(["train", *QUICK, "--method", "random"]) == 0
    (_,) = Path("runs").glob("digits-mlp/random-0-*/run.npz")
    first = capsys.readouterr().out
    assert cli.main(["train", *QUICK, "--method", "random"]) == 0
    assert capsys.readouterr().out == first  # read, not repeated: the seconds are the same


def test_train_ends_with_its_picture_and_what_to_do_next(capsys):
    assert cli.main(["train", *QUICK, "--method", "thinning", "--out", "a b"]) == 0
    *_, picture, following, again, beside = capsys.readouterr().out.splitlines()
    assert picture == "picture: a b/run.png" and Path("a b/run.png").read_bytes().startswith(PNG)
    assert following == "next, to print this again, and to compare it with random selection:"
    assert again == "  minicrest show 'a b'"
    assert beside == "  minicrest compare --data digits --epochs 2 --evaluations 2 --hidden 8 --methods thinning"
    assert cli.main(["train", *QUICK, "--method", "random", "--out", "c", "--plot", "none"]) == 0
    assert "picture" not in capsys.readouterr().out and not Path("c/run.png").exists()


def test_train_draws(capsys):
    assert cli.main(["train", *QUICK, "--plot", "p.png"]) == 0
    assert Path("p.png").read_bytes().startswith(PNG) and "picture: p.png" in capsys.readouterr().out


def test_train_sets_what_it_is_told():
    told = ["--steps", "3", "--lr", "0.02", "--optimizer", "adamw", "--weight-decay", "0.5", "--schedule", "cosine",
            "--dtype", "float64", "--seed", "4", "--m", "16", "--validation", "0.2", "--set", "tau=0.5", "h=2",
            "--set", "curvature=exact"]  # fmt: skip
    assert cli.main(["train", *QUICK, *told, "--out", "a"]) == 0
    settings = checkpoint.load("a/run.npz").settings
    hyper = settings["hyperparameters"]
    assert (hyper["m"], hyper["tau"], hyper["h"], hyper["curvature"]) == (16, 0.5, 2.0, "exact")
    assert settings["optimizer"].startswith("AdamW(lr=0.02") and "weight_decay=0.5" in settings["optimizer"]
    assert (settings["dtype"], settings["seed"]) == ("float64", 4) and settings["schedule"].startswith("Cosine")


def test_train_reads_an_npz():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((90, 4)).astype("float32"), np.arange(90) % 3
    np.savez("mine.npz", x=x, y=y, x_test=x[:30], y_test=y[:30])
    assert cli.main(["train", "--data", "mine.npz", "--steps", "3", "--method", "random"]) == 0
    assert list(Path("runs").glob("mine-mlp/random-0-*/run.npz"))


# ---- compare


def compare(*arguments):
    return cli.main(["compare", *QUICK, "--seeds", "2", "--budget", "0.5", "--out", "c", *arguments])


def methods_shown(printed):
    lines = printed.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("method"))
    return [line.split()[0] for line in lines[start + 1 : lines.index("", start)]]


def test_compare_shows_the_baselines_first_and_everything_else(capsys):
    assert compare("--methods", "full", "random", "crest") == 0
    printed = capsys.readouterr()
    assert printed.err == "" and methods_shown(printed.out) == ["random", "shuffle", "full", "crest"]
    for words in ("accuracy %", "vs. random", "vs. shuffle", "rel. error %", "test loss", "steps", "bill", "seconds",
                  "bill of", "train", "select", "model", "check", "examples used",
                  "forward 1, backward 2, Hessian product 4", "50% of full training's bill", "seeds 0 to 1",
                  "pays its own bill", "no verdict"):  # fmt: skip
        assert words in printed.out
    assert max(map(len, printed.out.splitlines())) <= 120
    picture = Path("c/compare.png").read_bytes()
    assert picture.startswith(PNG) and len(picture) > 20_000
    assert len(list(Path("c").glob("*/run.npz"))) == 8


def test_compare_writes_json(capsys):
    assert compare("--methods", "crest", "--json", "here.json") == 0
    document = json.loads(Path("here.json").read_text())
    assert document == json.loads(Path("c/compare.json").read_text())
    assert [row["method"] for row in document["rows"]] == ["random", "shuffle", "full", "crest"]
    assert {(run["method"], run["seed"]) for run in document["runs"]} == {
        (k, s) for k in ("random", "shuffle", "full", "crest") for s in (0, 1)}  # fmt: skip
    for run in document["runs"]:
        assert run["curve"]["cost"][-1] == run["cost"] == sum(bill["cost"] for bill in run["bill"].values())
    accuracies = [run["curve"]["accuracy"][-1] for run in document["runs"] if run["method"] == "crest"]
    assert document["rows"][3]["accuracy"]["mean"] == pytest.approx(100 * np.mean(accuracies))
    capsys.readouterr()
    assert compare("--methods", "crest", "--json", "-") == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == document and methods_shown(printed.err) == ["random", "shuffle", "full", "crest"]


def test_the_baselines_are_added_and_said(capsys):
    assert compare("--methods", "crest", "--no-full") == 0
    out = capsys.readouterr().out
    assert methods_shown(out) == ["random", "shuffle", "crest"] and "random and shuffle were added" in out
    assert compare("--methods", "crest", "random", "--no-full") == 0
    assert "shuffle was added: every method is shown beside it." in capsys.readouterr().out
    assert compare("--methods", "crest", "random", "shuffle", "--no-full") == 0
    assert "added" not in capsys.readouterr().out


def test_all_methods_and_the_baselines_first():
    methods, said = commands._methods(["all"], full=True)
    assert methods[:3] == ["random", "shuffle", "full"] and sorted(methods) == sorted([*METHODS, "shuffle"])
    assert said == [] and commands._methods(["crest", "crest"], full=False)[0] == ["random", "shuffle", "crest"]


def test_finished_runs_are_reused(capsys):
    assert compare("--methods", "crest", "--no-full") == 0
    before = json.loads(Path("c/compare.json").read_text())
    assert compare("--methods", "crest") == 0  # full is new
    assert "6 of 8 runs were in c already" in capsys.readouterr().out
    after = json.loads(Path("c/compare.json").read_text())
    assert [run for run in after["runs"] if run["method"] != "full"] == before["runs"]  # to the second


def test_a_hyperparameter_of_one_method():
    assert compare("--methods", "crest", "--no-full", "--set", "crest.m=16", "crest.tau=0.5") == 0
    found = {run["settings"]["method"]: run["settings"]["hyperparameters"]
             for run in json.loads(Path("c/compare.json").read_text())["runs"]}  # fmt: skip
    assert (found["crest"]["m"], found["crest"]["tau"], found["random"]["m"]) == (16, 0.5, 32)


def test_equal_steps(capsys):
    assert compare("--equal", "steps", "--no-full") == 0
    runs = json.loads(Path("c/compare.json").read_text())["runs"]
    assert {run["steps"] for run in runs} == {45} and "50% of full training's steps" in capsys.readouterr().out


# ---- data


def test_data_tells_what_is_there(capsys):
    assert cli.main(["data", "--data-dir", "."]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].split() == ["name", "present", "where"]
    assert out.splitlines()[1].split() == ["digits", "yes", "built", "in"]
    assert "To get cifar10: " in out and "lacks data_batch_1" in out and "To get digits" not in out


# ---- what is wrong


@pytest.mark.parametrize(
    "arguments, says",
    [
        ([], "the following arguments are required: train | compare | tune | prepare | report | show | resume | data"),
        (["fly"], "invalid choice: 'fly'"),
        (["train", "--lr", "fast"], "argument --lr: invalid float value: 'fast' (see minicrest train --help)"),
        (["train", "--wings", "2"], "unrecognized arguments: --wings 2"),
        (["train", "--model", "vgg"], "model must be one of mlp, logistic, lenet, resnet8, resnet20, or module"),
        (["train", "--data", "digitz"], "did you mean 'digits'"),
        (["train", "--data", "nowhere.npz"], "nowhere.npz: no such .npz file; it should hold arrays x"),
        (["train", "--data", "cifar10", "--data-dir", "."], "lacks data_batch_1"),
        (["train", "--model", "lenet"], "takes images (c, h, w)"),
        (["train", "--steps", "0"], "steps must be at least 1, got 0"),
        (["train", "--m", "0"], "m must be at least 1, got 0"),
        (["train", "--lr", "-1"], "lr must be a number in (0, inf), got -1.0"),
        (["train", "--validation", "0.0001"], "leaves a part empty"),
        (["train", "--set", "taau=1"], "no hyper-parameter 'taau'; there are crest: m, r, tau"),
        (["train", "--set", "tau=x"], "crest.tau takes float, got 'x'"),
        (["train", "--set", "tau=-1"], "tau"),
        (["compare", "--methods", "best"], "method must be one of full, random"),
        (["compare", "--seeds", "0"], "seeds must be at least 1, got 0"),
        (["compare", "--jobs", "0"], "jobs must be at least 1, got 0"),
        (["compare", "--budget", "2"], "in (0, 1], got 2.0"),
        (["compare", "--set", "craig.k=1"], "method one of random, shuffle, full, crest; got 'craig.k=1'"),
        (["resume", "nowhere.npz"], "no checkpoint at nowhere.npz"),
        (["resume", "."], "no checkpoint at checkpoint.npz"),
        (["resume"], "the following arguments are required: DIR"),
    ],
)
def test_bad_arguments_exit_with_2_and_one_line(arguments, says, capsys):
    assert cli.main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.startswith("minicrest: error: ") and says in printed.err
    assert printed.err.count("\n") == 1
    assert not Path("runs").exists()


def test_a_gpu_that_is_not_there_is_one_line(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)  # as where CuPy is not installed
    assert cli.main(["train", *QUICK, "--device", "cuda"]) == 2
    assert "needs CuPy: pip install" in capsys.readouterr().err


def test_a_damaged_checkpoint_is_one_line(capsys):
    assert cli.main(["train", *QUICK, "--steps", "2", "--out", "a"]) == 0
    Path("a/checkpoint.npz").write_bytes(Path("a/checkpoint.npz").read_bytes()[:-200])
    capsys.readouterr()
    assert cli.main(["resume", "a"]) == 2
    assert "not a whole minicrest checkpoint" in capsys.readouterr().err


def test_a_folder_of_another_training_is_refused(capsys):
    assert cli.main(["train", *QUICK, "--steps", "2", "--out", "a"]) == 0
    assert cli.main(["train", *QUICK, "--steps", "3", "--out", "a"]) == 2
    assert "a holds another training (steps: 2 there, 3 here)" in capsys.readouterr().err


def test_a_bug_is_not_hidden(monkeypatch):
    monkeypatch.setattr("minicrest.experiments.listing.available", lambda data_dir: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli.main(["data"])


@pytest.mark.parametrize("name", ["train", "compare", "tune", "show", "resume", "data", "methods", "theory"])
def test_every_subcommand_has_help(name, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main([name, "--help"])
    assert end.value.code == 0 and f"usage: minicrest {name}" in capsys.readouterr().out


# ---- stopping and going on


def at_step(k, act, monkeypatch):
    """Call `act` in the middle of the k-th step that is made from now on; return a list with an entry for each."""
    made, update = [], SGD.update

    def noticed(*arguments):
        made.append(1)
        if len(made) == k:
            act()
        return update(*arguments)

    monkeypatch.setattr(SGD, "update", noticed)
    return made


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


def same_theta(a, b) -> bool:
    a, b = checkpoint.load(Path(a) / "run.npz"), checkpoint.load(Path(b) / "run.npz")
    return bool((a.theta == b.theta).all()) and a.ledger.cost == b.ledger.cost


def test_ctrl_c_saves_and_says_how_to_go_on(monkeypatch, capsys):
    before = signal.getsignal(signal.SIGINT)
    at_step(12, interrupt, monkeypatch)
    assert cli.main(["train", *QUICK, "--steps", "30", "--method", "crest", "--out", "a b"]) == 130
    assert signal.getsignal(signal.SIGINT) is before
    err = capsys.readouterr().err
    assert err == "stopped at step 12 of 30; go on with: minicrest resume 'a b'\n"
    assert cli.main(["resume", "a b/checkpoint.npz", "--plot", "p.png"]) == 0 and Path("p.png").exists()
    resumed = capsys.readouterr().out
    assert cli.main(["train", *QUICK, "--steps", "30", "--method", "crest", "--out", "whole"]) == 0
    assert same_theta("a b", "whole") and resumed.startswith("crest on digits, mlp, seed 0: 30 steps")


def test_ctrl_c_of_a_budget_says_how_much_is_used(monkeypatch, capsys):
    at_step(2, interrupt, monkeypatch)
    assert cli.main(["train", *QUICK, "--method", "random", "--budget", "0.5", "--out", "a"]) == 130
    assert "stopped at step 2, with 4% of the bill used; " in capsys.readouterr().err  # 2 * 3 * 32 of 4314


def test_ctrl_c_in_a_comparison_and_the_same_command_goes_on(monkeypatch, capsys):
    at_step(100, interrupt, monkeypatch)
    assert compare("--methods", "crest") == 130  # random and shuffle make 45 steps, so this is in full's first run
    printed = capsys.readouterr()
    assert printed.out == "" and "stopped in run 3 of 8; go on with the same command" in printed.err
    assert compare("--methods", "crest") == 0
    assert "2 of 8 runs were in c already" in capsys.readouterr().out
    (full,) = Path("c").glob("full-0-*")
    assert cli.main(["train", *QUICK, "--method", "full", "--budget", "0.5", "--out", "whole"]) == 0
    assert same_theta(full, "whole")


def test_ctrl_c_in_the_last_step_of_a_tuning(monkeypatch, capsys):
    """It stops what would follow: the comparison, or the tuning of the other way. Where nothing does, all is shown."""
    told = [*QUICK, "--budget", "0.5", "--methods", "random", "--no-full", "--grid", "lr=0.1", "--tune-seeds", "1"]
    for out, words, first, code in [("a", ["tune"], "bill", 0), ("b", ["tune", "--equal", "both"], "steps", 130),
                                    ("c", ["compare"], "bill", 130)]:  # fmt: skip
        with monkeypatch.context() as counting:
            made = at_step(0, interrupt, counting)
            assert cli.main(["tune", *told, "--equal", first, "--out", f"{out}-whole"]) == 0
        with monkeypatch.context() as stopping:
            at_step(len(made), interrupt, stopping)
            assert cli.main([*words, *told, "--out", out]) == code
        says = f"stopped after run 2 of 2; go on with the same command: {out}/tuning keeps what is finished\n"
        assert capsys.readouterr().err == (says if code else "") and len(list(Path(out).glob("*/*/run.npz"))) == 2
        assert cli.main([*words, *told, "--out", out]) == 0


def test_ctrl_c_with_two_processes_keeps_their_last_checkpoints():
    """As from a terminal: every process of the group gets the signal."""
    told = [*QUICK, "--epochs", "100000", "--budget", "1", "--methods", "random", "--no-full", "--seeds", "1"]
    process = subprocess.Popen([sys.executable, "-m", "minicrest", "compare", *told, "--jobs", "2", "--out", "c"],
                               env=ENVIRONMENT, text=True, stderr=subprocess.PIPE, start_new_session=True)  # fmt: skip
    end = time.monotonic() + 60
    while len(list(Path("c").glob("*/checkpoint.npz"))) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "the same command goes on from what was saved" in err
    steps = [checkpoint.load(path)["progress"].step for path in Path("c").glob("*/checkpoint.npz")]
    assert len(steps) == 2 and min(steps) >= 50 and not list(Path("c").glob("*/run.npz"))


def test_ctrl_c_ends_the_process_with_130():
    process = command("train", *QUICK, "--epochs", "100000", "--method", "full", "--out", "a")
    wait_for(Path("a/checkpoint.npz"), process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130 and "go on with: minicrest resume a" in err


def test_a_second_ctrl_c_ends_at_once():
    code = ("import os; from minicrest.experiments.terminal import interruptible\nwith interruptible() as interrupt:\n"
            "  interrupt.stop(); os.kill(os.getpid(), 2); print(interrupt.stop(), flush=True)\n"
            "  os.kill(os.getpid(), 2); print(3)")  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, text=True, capture_output=True)
    assert (done.returncode, done.stdout) == (-signal.SIGINT, "True\n") and "Traceback" not in done.stderr


def test_after_a_kill_resume_reaches_the_same_weights():
    arguments = [*QUICK, "--method", "crest", "--steps", "200", "--checkpoint-every", "20"]
    process = command("train", *arguments, "--out", "killed")
    wait_for(Path("killed/checkpoint.npz"), process)
    kill(process)
    assert 20 <= checkpoint.load("killed/checkpoint.npz")["progress"].step < 200
    assert cli.main(["resume", "killed"]) == 0
    assert cli.main(["train", *arguments, "--out", "whole"]) == 0
    assert same_theta("killed", "whole")


def test_after_a_kill_before_the_first_checkpoint_resume_begins():
    arguments = [*QUICK, "--method", "random", "--steps", "2000", "--checkpoint-every", "2000"]
    process = command("train", *arguments, "--out", "killed")
    wait_for(Path("killed/setup.json"), process)
    kill(process)
    assert not Path("killed/checkpoint.npz").exists()
    assert cli.main(["resume", "killed/checkpoint.npz"]) == 0
    assert checkpoint.load("killed/run.npz").steps == 2000


# ---- bars, and the process itself


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("arguments", [["train"], ["compare", "--no-full", "--seeds", "1", "--methods", "random"]])
def test_bars_after_two_seconds_and_only_on_a_terminal(arguments, terminal, monkeypatch):
    stderr = io.StringIO()
    stderr.isatty = lambda: terminal
    monkeypatch.setattr(sys, "stderr", stderr)
    at_step(2, lambda: time.sleep(2.2), monkeypatch)
    assert cli.main([*arguments, *QUICK, "--budget", "0.9"]) == 0
    assert ("%|" in stderr.getvalue()) == terminal


def test_the_module_runs_as_a_program():
    process = command("--version")
    out, err = process.communicate(timeout=30)
    assert (out, err, process.returncode) == (f"minicrest {minicrest.__version__}\n", "", 0)


def loaded(*arguments):
    """The heavy packages, and the subpackages of minicrest, that `minicrest arguments` has imported when it ends."""
    code = f"""import atexit, sys
from minicrest import cli
heavy = {{"numpy", "scipy", "sklearn", "matplotlib", "cupy", "tqdm", "joblib", "minicrest.experiments"}}
atexit.register(lambda: print("loaded", *sorted(heavy & set(sys.modules))))
sys.exit(cli.main({list(arguments)}))"""
    done = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split("loaded")[-1].split())


@pytest.mark.parametrize("word", ["--help", "--version"])
def test_help_and_version_import_nothing_heavy(word):
    assert loaded(word) == set()


def test_a_subcommand_imports_what_it_needs():
    """No plotting to train without a picture, no scikit-learn to read its digits."""
    told = [*QUICK, "--steps", "2", "--method", "random", "--plot", "none"]
    assert not {"matplotlib", "sklearn", "cupy"} & loaded("train", *told)
    assert not {"matplotlib", "sklearn", "cupy"} & loaded("data")


def test_every_subcommand_has_its_options_and_its_action():
    top = cli.parser()
    (choices,) = (action.choices for action in top._actions if action.dest == "command")
    assert list(choices) == list(cli.COMMANDS) == list(commands._COMMANDS)
    for parser in choices.values():
        assert len(parser._actions) == 1  # --help alone, until it is called
        options = parser.filled()._actions
        assert parser.filled()._actions == options and len(options) > 1


def test_a_picture_of_dynamic_pruning_comes_with_its_census(capsys):
    assert cli.main(["train", *QUICK, "--method", "ucb", "--budget", "1", "--out", "out", "--plot", "run.png"]) == 0
    assert Path("run-census.png").read_bytes().startswith(b"\x89PNG")
    assert "picture: run-census.png" in capsys.readouterr().out


def test_options_are_added_once_and_only_when_they_are_needed():
    filled = []
    parser = Parser(prog="p")
    parser.fill = lambda p: (filled.append(p), p.add_argument("--x", type=int))
    assert filled == []
    assert parser.parse_args(["--x", "3"]).x == 3 and parser.parse_args(["--x", "4"]).x == 4
    assert filled == [parser]


def test_completion_knows_the_options_of_every_subcommand(capsys):
    pytest.importorskip("shtab", reason="shtab comes with the dev extra")
    with pytest.raises(SystemExit) as end:
        cli.main(["--print-completion", "bash"])
    printed = capsys.readouterr().out
    assert end.value.code == 0
    for option in ("--optimizer", "--tune-seeds", "--planted", "--force", "--check"):
        assert option in printed
    script = f"{printed}\nCOMP_WORDS=(minicrest train --op) COMP_CWORD=2; _shtab_minicrest minicrest --op train"
    done = subprocess.run(["bash", "-c", f'{script}; echo "${{COMPREPLY[@]}}"'], text=True, capture_output=True)
    assert done.stdout.split() == ["--optimizer"]


def test_completion_without_shtab_says_how_to_get_it(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert cli.main(["--print-completion", "bash"]) == 2
    assert "--print-completion needs shtab: pip install shtab" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
def test_on_a_terminal_tables_fit_and_nothing_is_coloured():
    """As a process with a terminal of 70 columns: what it writes has no escape sequence but those that move a bar."""
    import pty

    ours, theirs = pty.openpty()
    told = ["compare", *QUICK, "--seeds", "2", "--methods", "crest", "thinning", "--out", "c"]
    environment = {**ENVIRONMENT, "COLUMNS": "70", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "minicrest", *told]
    process = subprocess.Popen(command, env=environment, stdout=theirs, stderr=theirs)
    os.close(theirs)
    written = b""
    with contextlib.suppress(OSError):  # a terminal whose writer has gone
        while piece := os.read(ours, 1 << 16):
            written += piece
    os.close(ours)
    assert process.wait(timeout=60) == 0
    lines = written.decode().split("Saved in")[0].replace("\r\n", "\n").splitlines()
    assert len(lines) > 20 and max(len(line.rpartition("\r")[2]) for line in lines) <= 70
    assert not re.search(r"\x1b\[[\d;]*m", written.decode())
