"""A training that stops and goes on is the training that never stopped, bit for bit; and only its own goes on."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest

import minicrest
from minicrest import checkpoint
from minicrest.batch import uniform
from minicrest.nn import SoftmaxCrossEntropy
from minicrest.optim import SGD, AdamW, Cosine, StepDecay
from minicrest.oracle import Fork, Oracle
from minicrest.selection import METHODS, milo
from minicrest.train import train
from tests.contract.test_contract import make_method, make_oracle, toy, toy_network
from tests.unit.test_checkpoint import assert_same

STEPS = 20
OPTIMIZERS = {"sgd": SGD(0.1, 0.9, 1e-3), "adamw": AdamW(0.02)}


def run(method, optimizer, path=None, device="cpu", stop_at=None, **named):
    """A training with batch-norm, made from nothing as a new process would make it."""
    oracle = make_oracle(device, norm=True)
    stop = (lambda: oracle.time >= stop_at) if stop_at is not None else (lambda: False)
    named = {"stop": stop, "schedule": StepDecay(), "evaluate_every": 3, "progress": False, **named}
    return train(method, oracle, optimizer, STEPS, checkpoint=path, **named)


def after(polls, error=None):
    """A `stop` that says True, or raises `error`, once it has been polled so often."""
    asked = itertools.count(1)

    def stop():
        if next(asked) <= polls:
            return False
        if error:
            raise error
        return True

    return stop


def assert_same_run(a, b):
    """All but the seconds, to the last bit."""
    for attribute in ("settings", "steps", "complete", "uses", "report", "theta", "statistics"):
        assert_same(getattr(a, attribute), getattr(b, attribute))
    for name in ("step", "cost", "loss", "accuracy", "train_loss"):
        assert_same(getattr(a.curve, name), getattr(b.curve, name))
    bills = [{name: replace(bill, seconds=0) for name, bill in r.ledger.phases.items()} for r in (a, b)]
    assert bills[0] == bills[1]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", METHODS)
def test_stopping_anywhere_changes_nothing(name, optimizer, tmp_path):
    """Before the first step, after it, within an evaluation's interval, in the middle, before the last."""
    method, optimizer = make_method(name), OPTIMIZERS[optimizer]
    whole = run(method, optimizer)
    for stop_at in (0, 1, 7, 12, 19):
        path = tmp_path / f"{stop_at}.npz"
        first = run(method, optimizer, path, stop_at=stop_at)
        assert first.steps == stop_at and not first.complete
        assert_same_run(run(method, optimizer, path), whole)


@pytest.mark.parametrize("name", ["el2n", "grand", "forgetting"])
def test_a_preparation_goes_on_from_where_it_was_stopped(name, tmp_path, monkeypatch):
    """Stopped at every other question, or killed after a checkpoint: nothing is repeated, nor billed twice."""
    times, descend = [], Fork.descend
    monkeypatch.setattr(Fork, "descend", lambda *given: (times.append(given[0].time), descend(*given))[1])
    method, path = METHODS[name](m=12, runs=2, **({"T": 3} if name == "forgetting" else {"t": 2})), tmp_path / "a.npz"
    whole, uninterrupted, parts = run(method, SGD()), times.copy(), []
    times.clear()
    while not (parts and parts[-1].report) and len(parts) < 50:
        parts.append(run(method, SGD(), path, stop=after(2)))
        assert parts[-1].steps == 0 and not parts[-1].complete
    bills = [part.ledger.cost for part in parts]
    assert [b for a, b in zip([None, *times], times) if a != b] == uninterrupted  # a stop comes before the work
    assert len(set(bills[:-1])) == len(bills) - 1 > 6  # each part goes on by what one question costs, or two
    assert_same_run(run(method, SGD(), path), whole)

    with pytest.raises(KeyboardInterrupt):
        run(method, SGD(), tmp_path / "b.npz", stop=after(5, KeyboardInterrupt), checkpoint_every=2)
    assert checkpoint.load(tmp_path / "b.npz")["progress"].ledger.cost > 0
    assert_same_run(run(method, SGD(), tmp_path / "b.npz", checkpoint_every=2), whole)


def test_milo_goes_on_with_the_next_class(tmp_path, monkeypatch):
    seen, spread = [], milo.spread
    monkeypatch.setattr(milo, "spread", lambda cos: seen.append(len(cos)) or spread(cos))
    whole = run(METHODS["milo"](m=12), SGD())
    sizes, path = seen.copy(), tmp_path / "a.npz"
    seen.clear()
    for number in range(len(sizes)):
        part = run(METHODS["milo"](m=12), SGD(), path, stop=after(1))
        assert part.steps == 0 and seen == sizes[: number + 1]
    assert_same_run(run(METHODS["milo"](m=12), SGD(), path), whole)
    assert seen == sizes


def test_a_run_whose_bill_went_into_its_preparation_stays_as_it_is(tmp_path):
    for bill, spent in ((200, True), (1, False)):  # in the middle of the preparation; before its first question
        path = tmp_path / f"{bill}"
        first, again = (run(METHODS["el2n"](m=12), SGD(), path, max_bill=bill) for _ in range(2))
        assert again.complete and again.steps == 0 and again.ledger == first.ledger and path.exists()
        assert 0 < again.ledger.cost <= 200 if spent else again.ledger.cost == 0


def test_crest_stops_at_every_step(tmp_path):
    """So also where a region opens, at a check, in the middle of a region, and where examples are dropped."""
    method, optimizer = METHODS["crest"](m=6, r=18, T2=4, h=2.0, tau=0.15, alpha=0.5), OPTIMIZERS["adamw"]
    whole = run(method, optimizer)
    starts, checks = set(whole.report["start"]), set(whole.report["check_step"])
    assert len(starts) > 1 and checks - starts and set(range(STEPS)) - starts - checks
    assert whole.report["active"][-1] < 48 and whole.report["coresets"] < whole.report["P"].sum()
    for stop_at in range(STEPS):
        path = tmp_path / f"{stop_at}.npz"
        run(method, optimizer, path, stop_at=stop_at)
        assert_same_run(run(method, optimizer, path), whole)


@pytest.mark.parametrize("name", METHODS)
def test_stopping_at_every_fifth_step_and_on_the_device(name, device, tmp_path):
    """Many stops in one training; arrays of the device return to it."""
    method, path = make_method(name), tmp_path / "run.npz"
    for stop_at in (5, 10, 15):
        run(method, OPTIMIZERS["sgd"], path, device, stop_at)
    assert_same_run(run(method, OPTIMIZERS["sgd"], path, device), run(method, OPTIMIZERS["sgd"], None, device))


def test_a_kill_loses_only_what_came_after_the_last_checkpoint(tmp_path):
    method, path = make_method("crest"), tmp_path / "run.npz"
    oracle = make_oracle(norm=True)

    def killed():
        if oracle.time == 11:
            raise KeyboardInterrupt
        return False

    named = {"schedule": StepDecay(), "evaluate_every": 3, "progress": False, "checkpoint_every": 4}
    with pytest.raises(KeyboardInterrupt):
        train(method, oracle, SGD(), STEPS, checkpoint=path, stop=killed, **named)
    assert checkpoint.load(path)["progress"].step == 8
    assert_same_run(run(method, SGD(), path, checkpoint_every=4), run(method, SGD()))


@pytest.mark.parametrize("bill", [None, 400])
@pytest.mark.parametrize("name", METHODS)
def test_every_checkpoint_leads_to_the_same_end(name, bill, tmp_path, monkeypatch):
    """A kill may come after any of them: those of a preparation, the one that says it is over, those of the steps."""
    method, written, save = make_method(name), [], checkpoint.save

    def kept(path, tree):
        save(path, tree)
        written.append(path.read_bytes())

    monkeypatch.setattr(checkpoint, "save", kept)
    whole = run(method, SGD(), tmp_path / "whole.npz", checkpoint_every=1, max_bill=bill)
    assert len(written) >= whole.steps + 2  # after the preparation, after each step, at the end
    monkeypatch.setattr(checkpoint, "save", save)
    for k, content in enumerate(written):
        (path := tmp_path / f"{k}.npz").write_bytes(content)
        assert_same_run(run(method, SGD(), path, checkpoint_every=1, max_bill=bill), whole)


class Asking:
    """A method of one's own without pieces: its first state is an array, for which it asks every loss."""

    m = 6

    def init(self, oracle):
        return oracle.losses(np.arange(len(oracle)))

    def propose(self, state, oracle):
        return uniform(np.arange(oracle.time, oracle.time + self.m)), state

    def observe(self, state, feedback):
        return state

    def report(self, state):
        return {}


def test_a_kill_after_a_whole_preparation_bills_it_once(tmp_path, monkeypatch):
    method, written, save = Asking(), [], checkpoint.save
    monkeypatch.setattr(checkpoint, "save", lambda path, tree: (save(path, tree), written.append(path.read_bytes())))
    whole = run(method, SGD(), tmp_path / "whole.npz", checkpoint_every=1)
    for k, content in enumerate(list(written)):
        (path := tmp_path / f"{k}.npz").write_bytes(content)
        assert_same_run(run(method, SGD(), path, checkpoint_every=1), whole)


def test_a_budget_resumes_too(tmp_path):
    """The schedule follows the bill, and the bill goes on where it was."""
    method, path = make_method("crest"), tmp_path / "run.npz"
    whole = run(method, SGD(), max_bill=1000, schedule=Cosine())
    assert 7 < whole.steps < STEPS and whole.complete
    run(method, SGD(), path, stop_at=7, max_bill=1000, schedule=Cosine())
    assert_same_run(run(method, SGD(), path, max_bill=1000, schedule=Cosine()), whole)


def test_a_finished_training_is_not_trained_again(tmp_path):
    method, path = make_method("crest"), tmp_path / "run.npz"
    whole = run(method, SGD(), path)
    before = path.read_bytes()
    again = run(method, SGD(), path)
    assert_same_run(again, whole)
    assert again.ledger.phases == whole.ledger.phases and len(path.read_bytes()) == len(before)


def test_the_file_holds_no_pickle(tmp_path):
    for name in METHODS:
        run(make_method(name), AdamW(), tmp_path / name, stop_at=9)
        with np.load(tmp_path / name, allow_pickle=False) as entries:
            assert all(not entries[entry].dtype.hasobject for entry in entries.files)


# ---- what does not fit is refused, by name


@pytest.fixture
def stopped(tmp_path):
    """The checkpoint of a training stopped at step 5."""
    path = tmp_path / "run.npz"
    run(make_method("crest"), SGD(), path, stop_at=5)
    return path


def resume(path, method=None, optimizer=SGD(), steps=STEPS, data=None, network=None, seed=0, device="cpu", move=0,
           **named):  # fmt: skip
    oracle = make_oracle(device, seed, data=data, network=network or toy_network(norm=True))
    oracle = Oracle(oracle._network, oracle._data, oracle.theta + move, seed=seed) if move else oracle
    return train(method or make_method("crest"), oracle, optimizer, steps, checkpoint=path, progress=False,
                 **{"schedule": StepDecay(), "evaluate_every": 3, **named})  # fmt: skip


def other_loss():
    network = toy_network(norm=True)
    network.loss = SoftmaxCrossEntropy(l2=0.1)
    return network


def other_data():
    data = toy()
    x = data.x.copy()
    x[3, 1] += 1e-9
    return replace(data, x=x)


OTHERS = {
    "method": lambda: {"method": METHODS["random"](m=6)},
    "hyperparameters: .*'tau': 0.05.* there, .*0.06": lambda: {"method": replace(make_method("crest"), tau=0.06)},
    r"optimizer: 'SGD\(lr=0.1": lambda: {"optimizer": SGD(0.2)},
    "optimizer": lambda: {"optimizer": AdamW()},
    "schedule: 'StepDecay.* there, 'Cosine": lambda: {"schedule": Cosine()},
    "steps: 20 there, 21 here": lambda: {"steps": 21},
    "max_bill: None there, 100.0 here": lambda: {"max_bill": 100},
    "evaluate_every: 3 there, 4 here": lambda: {"evaluate_every": 4},
    "seed: 0 there, 1 here": lambda: {"seed": 1},
    "network": lambda: {"network": toy_network(norm=False)},
    "network: .*l2=0.0.* there, .*l2=0.1": lambda: {"network": other_loss()},
    "data: '": lambda: {"data": other_data()},
    "theta: '": lambda: {"move": 1e-9},
}


@pytest.mark.parametrize("difference", OTHERS)
def test_another_training_is_refused(difference, stopped):
    before = stopped.read_bytes()
    with pytest.raises(ValueError, match=rf"run\.npz belongs to another training \(.*{difference}.*choose another"):
        resume(stopped, **OTHERS[difference]())
    assert stopped.read_bytes() == before
    resume(stopped)  # and its own goes on


def test_versions_and_notes_decide_nothing(stopped, monkeypatch):
    """A new library locks nobody out of a result; what finished it is recorded."""
    whole = run(make_method("crest"), SGD())
    monkeypatch.setattr(minicrest.train, "__version__", "99.0")
    monkeypatch.setattr(np, "__version__", "99.1")
    again = resume(stopped, notes={"tag": 1})
    assert again.complete and again.theta.tobytes() == whole.theta.tobytes()
    found = {name: again.settings[name] for name in ("minicrest", "numpy", "notes")}
    assert found == {"minicrest": "99.0", "numpy": "99.1", "notes": {"tag": 1}}


def test_another_dtype_is_refused(stopped):
    network = toy_network(norm=True)
    oracle = Oracle(network, toy(), network.initialize(0, "float32"))
    with pytest.raises(ValueError, match="dtype: 'float64' there, 'float32' here"):
        train(make_method("crest"), oracle, SGD(), STEPS, schedule=StepDecay(), checkpoint=stopped, progress=False,
              evaluate_every=3)  # fmt: skip


@pytest.mark.parametrize("device", ["cuda"], indirect=True)
def test_another_device_is_refused(stopped, device):
    with pytest.raises(ValueError, match="device: 'cpu' there, 'cuda' here"):
        resume(stopped, device=device)


def test_damage_is_refused(stopped):
    whole = stopped.read_bytes()
    for damaged in (whole[: len(whole) // 2], whole[:-1], b"", np.random.default_rng(0).bytes(5000)):
        stopped.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"run\.npz is not a whole minicrest checkpoint"):
            resume(stopped)
        assert stopped.read_bytes() == damaged  # and is left for whoever wants to look


def test_other_npz_files_are_refused(stopped):
    np.savez(stopped, x=np.ones(3))
    with pytest.raises(ValueError, match=r"run\.npz is not a whole minicrest checkpoint"):
        resume(stopped)
    for tree in (3, {"settings": {}}, {"a": 1}, [1], {"settings": 5, "progress": 5}):
        checkpoint.save(stopped, tree)
        with pytest.raises(ValueError, match=r"run\.npz (is not the checkpoint of a training|belongs to another)"):
            resume(stopped)


def rewritten(path, change):
    """The checkpoint with its text changed."""
    with np.load(path) as entries:
        arrays = {name: entries[name] for name in entries.files}
    header = change(str(arrays.pop("tree")))
    with open(path, "wb") as file:
        np.savez(file, tree=np.array(header), **arrays)


def test_a_hostile_class_name_is_refused(stopped):
    rewritten(stopped, lambda text: text.replace('["minicrest.selection.crest", "CrestState"]', '["os", "system"]'))
    with pytest.raises(ValueError, match=r"os\.system, not a known dataclass"):
        resume(stopped)


def test_a_future_format_is_refused(stopped):
    rewritten(stopped, lambda text: json.dumps({**json.loads(text), "format": 3}))
    with pytest.raises(ValueError, match="has checkpoint format 3, this version reads 2"):
        resume(stopped)


def test_a_crash_while_saving_leaves_the_last_checkpoint(stopped, monkeypatch):
    """And it still leads to the same end."""
    before, savez = stopped.read_bytes(), np.savez

    def crash(file, **arrays):
        file.write(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(np, "savez", crash)
    with pytest.raises(OSError, match="no space left"):
        run(make_method("crest"), SGD(), stopped)
    monkeypatch.setattr(np, "savez", savez)
    assert stopped.read_bytes() == before and [p.name for p in stopped.parent.iterdir()] == ["run.npz"]
    assert_same_run(run(make_method("crest"), SGD(), stopped), run(make_method("crest"), SGD()))
