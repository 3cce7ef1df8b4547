"""Finished runs and comparisons, shown again; and what a command owes its terminal."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from minicrest import checkpoint, cli
from minicrest.experiments import compare
from minicrest.experiments.folders import claim
from minicrest.experiments.options import hyperparameters
from minicrest.experiments.setup import Setup
from minicrest.experiments.show import comparisons
from minicrest.experiments.terminal import interruptible

ROOT = Path(__file__).resolve().parents[3]
QUICK = ["--data", "digits", "--hidden", "8", "--epochs", "2", "--evaluations", "2"]
SETTINGS = dict(hidden=(8,), epochs=2, evaluations=2)
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Default output folders are relative: every test has a folder of its own."""
    monkeypatch.chdir(tmp_path)


def shell(line, **environment):
    """A line of bash in which `minicrest` is this source tree."""
    program = f"minicrest() {{ '{sys.executable}' -m minicrest \"$@\"; }}; {line}"
    return subprocess.run(["bash", "-c", program], capture_output=True, timeout=120,
                          env={**os.environ, "PYTHONPATH": str(ROOT), **environment})  # fmt: skip


# ---- show


def test_a_run_is_shown_as_it_was(capsys):
    assert cli.main(["train", *QUICK, "--steps", "20", "--out", "a"]) == 0
    summary = capsys.readouterr().out.partition("saved in")[0]
    assert cli.main(["show", "a", "--plot", "p.png"]) == 0
    assert capsys.readouterr().out == summary + "picture: p.png\n" and Path("p.png").read_bytes().startswith(PNG)


def test_a_comparison_is_shown_as_it_was(capsys):
    assert cli.main(["compare", *QUICK, "--seeds", "2", "--out", "c"]) == 0
    text = capsys.readouterr().out.partition("Saved in")[0]
    assert cli.main(["show", "c", "--plot", "p.png"]) == 0
    assert capsys.readouterr().out == text + "picture: p.png\n" and Path("p.png").read_bytes().startswith(PNG)


def test_runs_of_several_folders_come_together_where_they_may():
    for method in ("crest", "random"):
        assert cli.main(["train", *QUICK, "--method", method, "--out", method]) == 0
    assert cli.main(["train", *QUICK, "--lr", "0.2", "--method", "random", "--out", "other"]) == 0
    together, alone = comparisons(["crest", "random", "other", "random"])
    assert {name: len(runs) for name, runs in together.runs.items()} == {"random": 1, "crest": 1}
    assert list(together.runs) == ["random", "crest"] and list(alone.runs) == ["random"]
    assert together.setup.lr != alone.setup.lr == 0.2


def test_several_are_shown_side_by_side(capsys):
    for name, rate in (("a", "0.1"), ("b", "0.2")):
        assert cli.main(["compare", *QUICK, "--lr", rate, "--methods", "random", "--seeds", "1", "--out", name]) == 0
    capsys.readouterr()
    assert cli.main(["show", "a", "b", "--plot", "p.png"]) == 0
    out = capsys.readouterr().out
    assert out.count("digits, mlp: each method") == 2
    assert out.count("picture: p.png") == 1 and [path.name for path in Path().glob("*.png")] == ["p.png"]
    width, height = np.frombuffer(Path("p.png").read_bytes()[16:24], ">u4")
    assert width == 2 * 6.4 * 150 and height == 9.6 * 150  # a column each


def test_a_seed_that_one_method_lacks_is_left_out():
    compare(["random"], seeds=3, out="c", settings=SETTINGS)
    compare(["crest"], seeds=2, out="c", settings=SETTINGS)
    (both,) = comparisons(["c"])
    assert both.seeds == [0, 1] and both.notes == ["Left out: seed 2, which not every method has finished."]


def test_nothing_finished_is_one_line(capsys):
    Path("a").mkdir()
    assert cli.main(["show", "a"]) == 2
    assert "no finished run in a: it has no run.npz" in capsys.readouterr().err


def test_what_is_no_run_is_named(capsys):
    Path("a").mkdir()
    checkpoint.save("a/run.npz", {"theta": np.zeros(3)})
    assert cli.main(["show", "a"]) == 2
    assert "a/run.npz is not a finished run, but dict" in capsys.readouterr().err


# ---- runs that diverge


def test_a_run_that_diverges_is_a_result_and_exits_with_3(capsys):
    told = [*QUICK, "--lr", "1e30", "--schedule", "constant", "--budget", "1"]
    assert cli.main(["train", *told, "--method", "random", "--out", "a"]) == 3
    printed = capsys.readouterr()
    assert "random, seed 0, diverged at step " in printed.err and "lower --lr" in printed.err
    assert cli.main(["show", "a"]) == cli.main(["resume", "a"]) == 3
    assert cli.main(["compare", *told, "--methods", "random", "craig", "--no-full", "--seeds", "2", "--out", "c"]) == 3
    printed = capsys.readouterr()
    for method in ("random", "craig"):
        assert f"{method}, seed 1, diverged at step " in printed.err and f"\n{method} " in printed.out
    assert Path("c/compare.png").exists() and Path("c/compare.json").exists()


# ---- settings


def test_a_setting_that_is_given_twice():
    with pytest.raises(ValueError, match=r"--set gives crest.tau twice; give it once"):
        hyperparameters(["crest.tau=0.02", "crest.tau=0.2"], ["crest"])


def test_what_names_a_method_goes_first_in_any_order():
    for told in (["m=8", "crest.m=16"], ["crest.m=16", "m=8"]):
        found = hyperparameters(told, ["random", "crest"])
        assert (dict(found["random"]), dict(found["crest"])) == ({"m": 8}, {"m": 16})


# ---- the terminal


def test_a_reader_that_leaves_is_met_with_silence():
    done = shell("minicrest methods | head -c 0; echo ${PIPESTATUS[0]}")
    assert (done.stdout, done.stderr) == (b"0\n", b"")
    done = shell("minicrest train --method random --steps 2 --out a --plot p.png | true")
    assert done.stderr == b"" and Path("a/run.npz").exists() and Path("p.png").exists()


def test_what_cannot_be_printed_is_escaped():
    done = shell("minicrest train --method random --steps 2 --out 数据", PYTHONIOENCODING="cp1252")
    assert done.returncode == 0 and done.stderr == b""
    assert b"saved in \\u6570\\u636e" in done.stdout and Path("数据/run.npz").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="needs file names that are any bytes")
def test_a_file_name_that_is_no_text():
    rng = np.random.default_rng(0)
    np.savez("a.npz", x=rng.standard_normal((30, 4)), y=np.arange(30) % 3)
    os.rename(b"a.npz", b"caf\xe9 $k_$m.npz")
    done = shell("minicrest compare --data $'caf\\xe9 $k_$m.npz' --test 0.2 --methods random --no-full --seeds 1 "
                 "--epochs 2 --budget 1 --out c")  # fmt: skip
    assert done.returncode == 0 and done.stderr == b"" and Path("c/compare.png").exists()


def test_training_in_a_thread():
    codes = []
    told = ["train", *QUICK, "--method", "random", "--steps", "2", "--out", "a"]
    thread = threading.Thread(target=lambda: codes.append(cli.main(told)))
    thread.start()
    thread.join()
    assert codes == [0] and Path("a/run.npz").exists()


def test_ctrl_c_before_the_first_step_ends_at_once():
    with pytest.raises(KeyboardInterrupt), interruptible():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1)


def test_a_preparation_that_is_stopped_begins_anew(capsys):
    told = ["train", "--data", "digits", "--epochs", "60", "--budget", "1", "--method", "el2n", "--out", "a"]
    process = subprocess.Popen([sys.executable, "-m", "minicrest", *told], stderr=subprocess.PIPE, text=True,
                               stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)})  # fmt: skip
    end = time.monotonic() + 30
    while not Path("a/setup.json").exists() and time.monotonic() < end:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130 and not Path("a/run.npz").exists(), err


# ---- folders


def test_a_folder_has_one_owner():
    setup = Setup(**SETTINGS)
    claim(setup, Path("a"))
    claim(setup, Path("a"))
    with pytest.raises(ValueError, match=r"a holds another training \(seed: 0 there, 1 here\)"):
        claim(Setup(seed=1, **SETTINGS), Path("a"))
    assert [path.name for path in Path("a").iterdir()] == ["setup.json"]


def test_of_two_that_start_at_once_one_trains():
    lines = " & ".join(f"minicrest train {' '.join(QUICK)} --method random --seed {seed} --out a 2> {seed}.txt; "
                       f"echo $? > {seed}.rc" for seed in (0, 1))  # fmt: skip
    assert shell(f"({lines.replace(' & ', ') & (')}) & wait").returncode == 0
    codes = [int(Path(f"{seed}.rc").read_text()) for seed in (0, 1)]
    assert sorted(codes) == [0, 2], [Path(f"{seed}.txt").read_text() for seed in (0, 1)]
    assert checkpoint.load("a/run.npz").settings["seed"] == codes.index(0)
