"""Runs in other processes, here and on a Dask cluster: the same bits and files, and a death costs one run."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from minicrest import checkpoint, cli
from minicrest.datasets import Dataset
from minicrest.experiments import Setup, compare, tune
from minicrest.experiments.compare import Plan, carry_out_all
from minicrest.experiments.jobs import DEATHS, Cluster, own_modules
from minicrest.selection import Random
from tests.unit.test_checkpoint import assert_same

ROOT = Path(__file__).resolve().parents[3]
SETTINGS = dict(hidden=(8,), epochs=2, evaluations=2)
MORTAL = '''"""A method in the current folder. As many processes that train seed 1 die as the file deaths says."""
import os, signal
from dataclasses import dataclass
from pathlib import Path
from helpers import COUNT
from minicrest.selection import Random

@dataclass(frozen=True)
class Mortal(Random):
    graves: str = ""

    def propose(self, state, oracle):
        graves = Path(self.graves)
        deaths = int((graves.parent / "deaths").read_text())
        if oracle.seed == 1 and oracle.time == 3 * COUNT and len(list(graves.iterdir())) < deaths:
            (graves / str(os.getpid())).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().propose(state, oracle)
'''


@pytest.fixture
def mortal(tmp_path, monkeypatch):
    """A folder with mortal.py, which imports helpers.py, and an empty folder of graves; what makes its plans."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    Path("mortal.py").write_text(MORTAL)
    Path("helpers.py").write_text("COUNT = 1\n")
    Path("graves").mkdir()

    def plans(deaths: int, seeds: int = 3):
        Path("deaths").write_text(str(deaths))
        hyper = (("graves", str(tmp_path / "graves")),)
        setup = Setup(method="mortal:Mortal", hyper=hyper, steps=8, checkpoint_every=2, **SETTINGS)
        return [Plan("mortal", replace(setup, seed=seed)) for seed in range(seeds)]

    yield plans
    for name in ("mortal", "helpers"):
        sys.modules.pop(name, None)


def files(out):
    """Path -> what a training left there, but for the seconds, and the text of its setup."""
    found = {}
    for path in sorted(Path(out).rglob("*.npz")):
        tree = checkpoint.load(path, modules=["mortal"])
        run = tree["progress"] if isinstance(tree, dict) else tree
        for bill in run.ledger.phases.values():
            bill.seconds = 0.0
        run.curve.seconds[:] = 0.0
        tree = tree if isinstance(tree, dict) else replace(run, network=repr(run.network))
        found[str(path.relative_to(out))] = tree
    return found, {str(path.relative_to(out)): path.read_text() for path in Path(out).rglob("setup.json")}


def assert_same_files(there, here):
    assert files(there)[1] == files(here)[1] and files(there)[0].keys() == files(here)[0].keys()
    for name, tree in files(here)[0].items():
        assert_same(files(there)[0][name], tree)
    names = [sorted(path.name for path in Path(out).rglob("*") if path.is_file()) for out in (there, here)]
    assert names[0] == names[1]  # and nothing else is left


# ---- processes of this machine


def test_a_death_costs_one_run_which_goes_on_from_its_checkpoint(mortal, capfd):
    alone, graves = carry_out_all(mortal(0), progress=False), Path("graves")
    together = carry_out_all(mortal(2), "together", jobs=2, progress=False)
    said = capfd.readouterr().err
    assert "the process of mortal, seed 1 died; it is started again (2 of 3)" in said
    assert "the process of mortal, seed 1 died; it is started again (3 of 3)" in said
    assert "seed 0" not in said and "seed 2" not in said and len(list(graves.iterdir())) == 2
    for a, b in zip(alone, together):
        assert (a.theta == b.theta).all() and a.complete and b.complete and a.ledger.cost == b.ledger.cost


def test_what_dies_three_times_is_given_up_and_the_others_go_on(mortal):
    with pytest.raises(ChildProcessError, match="mortal, seed 1: given up after 3 processes died with it"):
        carry_out_all(mortal(9), "out", jobs=2, progress=False)
    assert len(list(Path("graves").iterdir())) == DEATHS
    assert sorted(path.parent.name[:15] for path in Path("out").glob("*/run.npz")) == [
        "mortal.Mortal-0", "mortal.Mortal-2"]  # fmt: skip


def test_what_a_run_raises_ends_the_others(mortal):
    plans = [replace(plan, setup=replace(plan.setup, steps=10**6)) for plan in mortal(0)]
    wrong = replace(plans[1].setup, data="no/such.npz")
    begun = time.monotonic()
    with pytest.raises(FileNotFoundError, match=r"no/such\.npz: no such"):
        carry_out_all([plans[0], replace(plans[1], setup=wrong), plans[2]], jobs=2, progress=False)
    assert time.monotonic() - begun < 60


def test_processes_are_fresh_in_folder_and_modules(mortal, tmp_path, monkeypatch):
    """None is left over from another call, whose current folder and modules were others."""
    carry_out_all(mortal(0, 2), "out", jobs=2, progress=False)
    assert len(list(Path("out").glob("*/run.npz"))) == 2
    changed = MORTAL.replace("propose(state, oracle)\n", "propose(state, oracle.validation)\n")
    assert changed != MORTAL and (tmp_path / "mortal.py").write_text(changed)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="no validation examples"):
        carry_out_all([replace(plan, label="changed") for plan in mortal(0, 2)], "out", jobs=2, progress=False)
    assert len(list(Path("out").glob("*/setup.json"))) >= 1


@pytest.mark.parametrize("end", ["SIGKILL", "SIGTERM"])
def test_processes_end_with_the_one_that_began_them(tmp_path, end):
    told = ["--methods", "random", "--no-full", "--data", "digits", "--hidden", "8", "--epochs", "100000",
            "--budget", "1", "--seeds", "1", "--jobs", "2", "--out", str(tmp_path)]  # fmt: skip
    parent = subprocess.Popen([sys.executable, "-m", "minicrest", "compare", *told], start_new_session=True,
                              stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)})  # fmt: skip
    try:
        while len(list(tmp_path.glob("*/checkpoint.npz"))) < 2:
            assert parent.poll() is None
            time.sleep(0.05)
        parent.send_signal(getattr(signal, end))
        parent.communicate(timeout=30)  # the end of stderr comes when the last process that has it is gone
    finally:
        with suppress(ProcessLookupError):
            os.killpg(parent.pid, signal.SIGKILL)


# ---- a cluster


@pytest.fixture(scope="module")
def cluster():
    """A cluster of two processes, and its client."""
    distributed = pytest.importorskip("distributed", reason="needs Dask, which the dask extra brings")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as made,
        distributed.Client(made, set_as_default=False) as client,
    ):
        yield client


others = pytest.mark.filterwarnings("ignore")  # Dask's own, on its way up and down


@others
def test_a_cluster_of_which_a_worker_dies_leaves_the_same_files(mortal, cluster, capfd):
    """Modules of the current folder reach the workers, also the one that takes the place of the dead."""
    carry_out_all(mortal(0), "alone", progress=False)
    away = carry_out_all(mortal(1), "away", scheduler=cluster, progress=False)
    assert len(list(Path("graves").iterdir())) == 1
    assert "the process of mortal, seed 1 died; it is started again" in capfd.readouterr().err
    assert_same_files("away", "alone")
    again = carry_out_all(mortal(1), "away", scheduler=cluster, progress=False)
    assert [run.ledger.seconds for run in again] == [run.ledger.seconds for run in away]  # read, not repeated


@others
def test_a_cluster_gives_up_and_goes_on(mortal, cluster):
    with pytest.raises(ChildProcessError, match="mortal, seed 1: given up"):
        carry_out_all(mortal(99), "out", scheduler=cluster, progress=False)
    assert len(list(Path("out").glob("*/run.npz"))) == 2


@others
def test_a_cluster_goes_on_from_a_checkpoint(mortal, cluster):
    (plan,) = mortal(0, 1)
    polls = iter(range(100))
    carry_out_all([plan], "out", stop=lambda: next(polls) >= 5, progress=False)
    (stopped,) = Path("out").glob("*/checkpoint.npz")
    before = checkpoint.load(stopped, modules=["mortal"])["progress"]
    (run,) = carry_out_all([plan], "out", scheduler=cluster, progress=False)
    (alone,) = carry_out_all([plan], progress=False)
    assert run.complete and (run.theta == alone.theta).all() and before.step > 0
    assert run.curve.seconds[0] == before.curve.seconds[0] > 0  # it is the same training, not another one


def test_who_waited_for_a_worker_that_died_is_innocent():
    """Dask gives up both; one had begun on three workers, the other on none, but nothing is tried for ever."""
    cluster = object.__new__(Cluster)
    cluster._starts, cluster._killed = Counter({0: DEATHS}), Counter()
    assert not cluster.innocent(0)
    assert [cluster.innocent(1) for _ in range(DEATHS)] == [True] * (DEATHS - 1) + [False]


@dataclass(frozen=True)
class Heavy(Random):
    """A method that only Python can bring."""

    table: np.ndarray | None = None


@others
def test_data_and_methods_from_python_and_files_reach_the_cluster(tmp_path, monkeypatch, cluster):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    y = np.arange(90) % 3
    x = (rng.standard_normal((90, 4)) + y[:, None]).astype("float32")
    np.savez("mine.npz", x=x, y=y)
    mine = Dataset(x, y, "mine", test=Dataset(x[:30], y[:30], "mine"))
    for data, more in (("mine.npz", dict(test=0.2)), (mine, {}), ("blobs", {})):
        told = dict(data=data, seeds=2, settings=SETTINGS | more, progress=False)
        alone, away = compare([Heavy(m=8)], **told), compare([Heavy(m=8)], scheduler=cluster, **told)
        for label, runs in alone.runs.items():
            assert all((a.theta == b.theta).all() for a, b in zip(runs, away.runs[label]))


@others
def test_tuning_and_the_command_line_reach_the_cluster(tmp_path, monkeypatch, cluster, capsys):
    monkeypatch.chdir(tmp_path)
    told = dict(seeds=1, settings=SETTINGS, grid=dict(lr=(0.1,)), progress=False)
    assert tune(["random"], scheduler=cluster, **told).points == tune(["random"], **told).points
    line = ["compare", "--hidden", "8", "--epochs", "2", "--no-full", "--seeds", "1", "--equal", "both"]
    capsys.readouterr()
    assert cli.main([*line, "--methods", "random", "--out", "a", "--dask", cluster.scheduler.address]) == 0
    assert "died" not in capsys.readouterr().err  # two runs of one method and seed are two
    assert cli.main([*line, "--methods", "random", "--out", "b"]) == 0
    assert_same_files("a", "b")


@others
def test_greedi_on_a_cluster_of_processes(cluster):
    from minicrest.submodular import FacilityLocation, greedi

    x = np.random.default_rng(0).standard_normal((60, 3))
    f = FacilityLocation(np.exp(-((x[:, None] - x) ** 2).sum(-1)))
    with cluster.as_current():
        there = greedi(f, 5, 3, seed=4, backend="dask")
    here = greedi(f, 5, 3, seed=4)
    assert (there.indices == here.indices).all() and (there.gains == here.gains).all()


@others
def test_no_cluster_no_dask_and_both_are_refused(monkeypatch, capsys):
    pytest.importorskip("distributed", reason="needs Dask, which the dask extra brings")
    with pytest.raises(TypeError, match=r"scheduler must be the address of a Dask scheduler .* got 3"):
        compare(["random"], scheduler=3, progress=False)
    with pytest.raises(ValueError, match=r"no Dask scheduler answers at 'nowhere'"):
        compare(["random"], scheduler="nowhere", progress=False)
    assert cli.main(["compare", "--dask", "tcp://127.0.0.1:9", "--jobs", "2"]) == 2
    assert "give one" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert cli.main(["compare", "--dask", "tcp://127.0.0.1:9"]) == 2
    wanted = "scheduler 'tcp://127.0.0.1:9' needs Dask: pip install \"dask[distributed]\""
    assert capsys.readouterr().err == f"minicrest: error: {wanted}\n"


def test_the_modules_of_the_current_folder_are_those_imported(mortal, tmp_path):
    (tmp_path / "stranger.py").write_text("1 / 0\n")
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "__init__.py").write_text("")
    assert own_modules(tmp_path) == []
    __import__("mortal"), __import__("bundle")
    try:
        assert [path.name for path in own_modules(tmp_path)] == ["bundle", "helpers.py", "mortal.py"]
    finally:
        del sys.modules["bundle"]


# ---- one folder




def test_a_lock_that_was_removed_before_it_was_locked_is_opened_again(tmp_path, monkeypatch):
    from minicrest.experiments import files as module

    real, calls = module.fcntl.flock, []

    def late(file, how):
        if not calls:
            (tmp_path / "a.lock").unlink()  # as its last owner does, between our opening and our locking it
        calls.append(how)
        return real(file, how)

    monkeypatch.setattr(module.fcntl, "flock", late)
    with module.claimed(tmp_path / "a"):
        assert len(calls) == 2 and (tmp_path / "a.lock").exists()
    assert list(tmp_path.iterdir()) == []
