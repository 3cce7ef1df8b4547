"""MILO's subsets prepared once: the same trainings, from a file that belongs to its data alone."""

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from minicrest import checkpoint, cli
from minicrest.datasets import load
from minicrest.experiments import Preparations, Setup, compare, tune
from minicrest.experiments.compare import Plan
from minicrest.experiments.show import comparisons
from minicrest.selection.milo import Milo

ROOT = Path(__file__).resolve().parents[3]
QUICK = ["--data", "digits", "--hidden", "8", "--epochs", "4", "--evaluations", "2"]
SETTINGS = dict(hidden=(8,), epochs=4, evaluations=2)
RECIPE = (("fraction", 0.2), ("n_subsets", 3))


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Default output folders are relative: every test has a folder of its own."""
    monkeypatch.chdir(tmp_path)


def setup(**more):
    return Setup(**dict(method="milo", hyper=RECIPE, m=32) | SETTINGS | more)


def error_of(capsys, *arguments):
    assert cli.main(list(arguments)) == 2
    err = capsys.readouterr().err
    assert err.startswith("minicrest: error: ") and err.count("\n") == 1
    return err


def test_what_is_prepared_once_trains_like_what_is_prepared_in_the_run(monkeypatch):
    """To the last bit: at the first seed that trains on the examples, whose subsets these are."""
    plain = compare([Milo(m=32, fraction=0.2, n_subsets=3)], seeds=1, settings=SETTINGS, progress=False)
    made = Preparations.of([setup(seed=seed) for seed in range(3)])
    assert len(made.prepared) == 1 and list(made.prepared) == [load("digits").fingerprint()]

    def never(*_):
        raise AssertionError("prepared again")

    monkeypatch.setattr("minicrest.selection.milo.prepare", never)
    shared = compare(["milo"], seeds=2, prepared=made, settings=SETTINGS | dict(m=32), progress=False)
    assert (shared.runs["milo"][0].theta == plain.runs["milo"][0].theta).all()
    assert shared.runs["milo"][1].complete and shared.runs["milo"][0].ledger.cost == plain.runs["milo"][0].ledger.cost


def test_both_bills_are_said():
    made = replace(Preparations.of([setup()]), seconds=dict.fromkeys([load("digits").fingerprint()], 12.0))
    text = " ".join(compare(["milo"], seeds=2, equal="both", prepared=made, settings=SETTINGS).text().split())
    assert ("prepared beforehand, once, in 12.00 s, 3 s for each of the 4 runs here, which its seconds do not include. "
            "Their bill is 0") in text  # fmt: skip


def test_seeds_with_other_examples_have_preparations_of_their_own(capsys):
    setups = [setup(seed=seed, validation=0.1) for seed in (0, 1)] + [setup(seed=0)]
    made = Preparations.of([*setups, *setups])
    assert len(made.prepared) == 3 and sorted(made.seconds) == sorted(made.prepared)
    plans = made.applied([Plan("milo", each) for each in setups])
    assert [len(plan.parts.method.prepared.classes) for plan in plans] == [1294, 1294, 1438]
    assert len({plan.parts.method.prepared.digest for plan in plans}) == 3
    assert {dict(plan.setup.hyper)["digest"] for plan in plans} == {made.digest}
    for plan in plans:
        run = plan.setup.run(parts=plan.parts, progress=False)
        alone = replace(plan.setup, hyper=RECIPE).run(progress=False)
        assert (run.theta == alone.theta).all()
    seconds = made.seconds[load("digits").fingerprint()]  # not those of all three
    assert f"once, in {seconds:.2f} s, which" in made.note(plans[2:])


def test_a_file_keeps_it_and_every_command_takes_it(capsys):
    assert cli.main(["prepare", "--data", "digits", "--out", "milo.npz", "--tune-seeds", "1", "--set", "n_subsets=3",
                     "milo.fraction=0.2"]) == 0  # fmt: skip
    out = capsys.readouterr().out
    assert re.match(r"prepared 1,150 or 1,438 examples of digits in 2 selections in \d+\.\d\d s: 3 easy subsets of 288 "
                    r"and .* \(fraction 0\.2, lam 0\.4, eps 0\.1, encoder raw\); bill 0", out)  # fmt: skip
    assert "--prepared milo.npz" in out
    told = [*QUICK, "--prepared", "milo.npz"]
    assert cli.main(["train", *told, "--method", "milo", "--out", "t"]) == 0
    assert "s, which its seconds do not include" in capsys.readouterr().out
    assert cli.main(["compare", *told, "--methods", "milo", "--no-full", "--seeds", "2", "--out", "c"]) == 0
    assert "for each of the 2 runs here" in " ".join(capsys.readouterr().out.split())
    assert (checkpoint.load("t/run.npz").theta == comparisons(["c"])[0].runs["milo"][0].theta).all()
    grid = ["--grid", "lr=0.1,0.2", "--tune-seeds", "1"]
    assert cli.main(["tune", *told, "--methods", "milo", "--no-full", *grid, "--out", "u"]) == 0
    assert "for each of the 2 runs here" in capsys.readouterr().err
    made = Preparations.load("milo.npz")
    python = tune(["milo"], seeds=1, grid=dict(lr=(0.1, 0.2)), prepared="milo.npz", settings=SETTINGS, progress=False)
    assert python.choice("milo") and made.digest == Preparations.given(made).digest


def test_what_was_prepared_for_other_data_is_refused(capsys):
    Preparations.of([setup()]).save("milo.npz")
    told = ["--method", "milo", "--prepared", "milo.npz", "--steps", "2"]
    err = error_of(capsys, "train", *told, "--validation", "0.1")
    assert "prepared for 1,438 examples of digits, and not for the examples of digits that are trained on here" in err
    assert "examples of blobs that are" in error_of(capsys, "train", *told, "--data", "blobs")
    x = load("digits").x + 0.5
    np.savez("mine.npz", x=x, y=load("digits").y, x_test=x[:9], y_test=load("digits").y[:9])
    assert "examples of mine.npz that" in error_of(capsys, "train", *told, "--data", "mine.npz")
    assert not Path("runs").exists()


def test_wrong_files_and_wrong_recipes(capsys):
    Preparations.of([setup()]).save("milo.npz")
    told = ["train", "--method", "milo", "--steps", "2", "--prepared"]
    assert "there is no file no.npz; minicrest prepare writes one" in error_of(capsys, *told, "no.npz")
    Path("text.npz").write_text("no")
    assert "text.npz is not a whole minicrest checkpoint" in error_of(capsys, *told, "text.npz")
    checkpoint.save("other.npz", {"a": 1})
    assert "other.npz is not what minicrest prepare writes" in error_of(capsys, *told, "other.npz")
    made = Preparations.load("milo.npz")
    checkpoint.save("bent.npz", replace(made, seconds={}))
    assert "bent.npz is not what minicrest prepare writes" in error_of(capsys, *told, "bent.npz")
    err = error_of(capsys, *told, "milo.npz", "--set", "fraction=0.5", "kappa=0.5")
    assert "fraction 0.5: the subsets were prepared with fraction 0.2, n_subsets 3" in err
    assert "not among the methods; add it" in error_of(capsys, "train", "--method", "random", *told[3:], "milo.npz")
    with pytest.raises(TypeError, match=r"prepared must be Preparations or the path of their file, got 3"):
        compare(["milo"], prepared=3)


def test_settings_of_the_training_are_free():
    made = Preparations.of([setup()])
    (plan,) = made.applied([Plan("milo", setup(hyper=(("kappa", 0.5), ("R", 2), ("normalize", True), ("m", 16))))])
    method = plan.parts.method
    assert (method.kappa, method.R, method.normalize, method.m, method.fraction) == (0.5, 2, True, 16, 0.2)


def test_a_stopped_run_goes_on_without_the_file(capsys, monkeypatch):
    """Its checkpoint holds the subsets; without a checkpoint it says what is missing."""
    Preparations.of([setup()]).save("milo.npz")
    told = ["train", *QUICK, "--method", "milo", "--prepared", "milo.npz", "--steps", "30"]
    polls = iter(range(1000))
    with monkeypatch.context() as stopping:
        stopping.setattr("minicrest.experiments.terminal.Interrupt.stop", lambda self: next(polls) >= 9)
        assert cli.main([*told, "--out", "a"]) == 130
    assert cli.main(["resume", "a"]) == 0 and cli.main([*told, "--out", "b"]) == 0
    assert (checkpoint.load("a/run.npz").theta == checkpoint.load("b/run.npz").theta).all()
    Path("a/checkpoint.npz").unlink()
    capsys.readouterr()
    assert "is missing: train --prepared FILE or use Milo.from_prepared" in error_of(capsys, "resume", "a")
    assert cli.main([*told, "--out", "a"]) == 0  # which does as it was told


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
def test_ctrl_c_ends_a_preparation_at_once(tmp_path):
    """Of one class of 4,000 examples, which takes half a minute."""
    x = np.random.default_rng(0).standard_normal((8000, 4)).astype("float32")
    np.savez("mine.npz", x=x, y=np.arange(8000) % 2, x_test=x[:4], y_test=np.array([0, 1, 0, 1]))
    code = """import signal, sys
from minicrest.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background it would be ignored
print('on', flush=True)
sys.exit(main(sys.argv[1:]))"""
    line = [sys.executable, "-c", code, "prepare", "--data", "mine.npz", "--out", "milo.npz", "--set", "fraction=1"]
    process = subprocess.Popen(line, env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip
    assert process.stdout.readline() == "on\n"
    time.sleep(3)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    begun = time.monotonic()
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130 and "interrupted" in err and time.monotonic() - begun < 10
    assert not Path("milo.npz").exists()
