"""Setups, their budgets, and many runs side by side."""

from dataclasses import fields, replace

import numpy as np
import pytest

from minicrest import checkpoint
from minicrest.datasets import available
from minicrest.experiments.compare import carry_out, carry_out_all, planned
from minicrest.experiments.folders import saved_setup
from minicrest.experiments.options import hyperparameters
from minicrest.experiments.parts import Parts
from minicrest.experiments.setup import PRESETS, Setup
from minicrest.selection import METHODS
from minicrest.train import Run

SMALL = Setup.preset(dict(data="digits", epochs=2, hidden=(8,), evaluations=2))
N, M = 1438, 32  # digits without its test part, in batches of 32: 45 steps an epoch


def ledgers_agree(a: Run, b: Run) -> bool:
    return {k: v.cost for k, v in a.ledger.phases.items()} == {k: v.cost for k, v in b.ledger.phases.items()}


# ---- setups


def test_preset_then_given():
    assert Setup.preset(dict(data="spirals")).hidden == (64, 64)
    assert Setup.preset(dict(data="spirals", hidden=(3,), lr=0.7)) == Setup(
        "spirals", hidden=(3,), lr=0.7, m=32, epochs=PRESETS["spirals"]["epochs"]
    )


def test_adamw_does_not_inherit_the_rate_of_sgd():
    assert Setup.preset(dict(data="trec", optimizer="adamw")).lr == 1e-3
    assert Setup.preset(dict(data="trec", optimizer="adamw", lr=0.02)).lr == 0.02


def test_every_preset_names_a_data_set_and_fields():
    assert set(PRESETS) <= {name for name, *_ in available()}
    assert all(set(preset) <= {f.name for f in fields(Setup)} for preset in PRESETS.values())


@pytest.mark.parametrize("name", [name for name, present, *_ in available() if present])
def test_every_preset_builds(name):
    method, oracle, optimizer, schedule, steps, budget = Setup.preset(dict(data=name, method="random")).build()
    epochs = PRESETS[name].get("epochs", Setup.epochs)
    assert steps == 3 * epochs * -(-len(oracle) // method.m)  # forward passes only
    assert optimizer.lr == PRESETS[name].get("lr", Setup.lr) and schedule(1.0) == pytest.approx(0.01)
    assert budget == round(0.1 * 3 * len(oracle) * epochs)


def test_json_round_trip():
    setup = replace(SMALL, hyper=(("tau", 0.2), ("r", None), ("exclude", False)), data_dir="somewhere", steps=7)
    assert Setup.from_json(setup.to_json()) == setup
    assert Setup.from_json(setup.to_json()).folder("a") == setup.folder("a") != replace(setup, lr=0.2).folder("a")


@pytest.mark.parametrize(
    "wrong, says",
    [
        (dict(model="vgg"), "model must be one of mlp, logistic, lenet, resnet8, resnet20, or module"),
        (dict(method="best"), "method must be one of"),
        (dict(equal="time"), "equal must be one of bill, steps"),
        (dict(device="tpu"), "device must be one of cpu, cuda"),
        (dict(epochs=0), "epochs must be at least 1, got 0"),
        (dict(m=0), "m must be at least 1"),
        (dict(steps=0), "steps must be at least 1, got 0"),
        (dict(hidden=(4, 0)), "each size in hidden must be at least 1, got 0"),
        (dict(budget=0.0), r"in \(0, 1\], got 0.0"),
        (dict(budget=1.5), r"in \(0, 1\], got 1.5"),
        (dict(validation=1.0), r"in \[0, 1\), got 1.0"),
        (dict(lr=-1.0), r"lr must be a number in \(0, inf\), got -1.0"),
        (dict(hyper=(("tau", -1.0),)), "tau"),
    ],
)
def test_wrong_values_are_refused_before_anything_is_loaded(wrong, says):
    with pytest.raises(ValueError, match=says):
        replace(SMALL, **wrong)


@pytest.mark.parametrize(
    "wrong, says",
    [
        (dict(model="lenet"), r"takes images \(c, h, w\), digits has \(64,\)"),
        (dict(model="logistic"), "2 classes, digits has 10"),
        (dict(data="digitz"), "did you mean 'digits'"),
    ],
)
def test_what_does_not_fit_the_data_is_refused(wrong, says, tmp_path):
    with pytest.raises(ValueError, match=says):
        carry_out(replace(SMALL, **wrong), tmp_path / "a" / "checkpoint.npz")
    assert not (tmp_path / "a").exists()


def test_the_models_are_what_they_say():
    images = Setup.preset(dict(data="digits-images", hidden=(5, 4))).build()[1]
    assert images.size == 64 * 5 + 5 + 5 * 4 + 4 + 4 * 10 + 10
    assert Setup.preset(dict(data="blobs")).build()[1].size == 3  # two weights and a bias
    assert Setup.preset(dict(data="digits", hidden=())).build()[1].size == 64 * 10 + 10


def test_on_the_device(device):
    run = replace(SMALL, device=device, method="crest", steps=3).run(progress=False)
    assert run.settings["device"] == device and run.steps == 3


# ---- hyper-parameters


def test_hyperparameters_are_typed_by_the_methods_fields():
    found = hyperparameters(["tau=0.1", "T2=7", "crest.curvature=exact", "r=none", "exclude=false", "m=16"], METHODS)
    typed = dict(tau=0.1, T2=7, curvature="exact", r=None, exclude=False, m=16)
    assert dict(found["crest"]) == typed and isinstance(found["crest"][0][1], float)
    assert found["random"] == (("m", 16),)  # without a prefix: every method that has it
    assert dict(hyperparameters(["r=64"], ["crest"])["crest"]) == {"r": 64}


@pytest.mark.parametrize(
    "assignment, says",
    [
        ("taau=1", "no hyper-parameter 'taau'; there are random: m; crest: m, r, tau"),
        ("random.tau=1", "no hyper-parameter 'tau'; there are random: m$"),
        ("tau=x", "crest.tau takes float, got 'x'"),
        ("T2=1.5", "crest.T2 takes int or none, got '1.5'"),
        ("r=x", "crest.r takes int or none, got 'x'"),
        ("exclude=maybe", "crest.exclude takes true or false"),
        ("tau", "takes name=value"),
        ("full.m=3", "method one of random, crest; got 'full.m=3'"),
    ],
)
def test_wrong_hyperparameters_say_what_exists(assignment, says):
    with pytest.raises(ValueError, match=says):
        hyperparameters([assignment], ["random", "crest"])


def test_the_method_gets_the_batch_size_and_its_own_values():
    method = replace(SMALL, method="crest", hyper=(("tau", 0.3),)).build()[0]
    assert (method.m, method.tau) == (M, 0.3)


# ---- budgets


def test_full_training_costs_three_forward_passes_an_example_and_epoch():
    run = replace(SMALL, method="full").run(progress=False)
    assert (run.steps, run.ledger.cost) == (2 * 45, 2 * 3 * N)


@pytest.mark.parametrize("method", [name for name in METHODS if name != "full"])
def test_no_bill_exceeds_the_budget_and_a_step_fills_it(method):
    setup = replace(SMALL, method=method, epochs=5, budget=0.2, validation=0.2, evaluations=1000)  # a row every step
    run = setup.run(progress=False)
    budget = round(0.2 * 5 * 3 * len(run.uses))
    assert run.complete and run.curve.cost[-1] <= run.ledger.cost <= budget
    if getattr(METHODS[method], "choose", None):  # the last step may have gone forward only: what it chose did not fit
        size = getattr(METHODS[method](m=M), "size", M)
        assert run.ledger.cost - run.curve.cost[-1] <= size and run.ledger.cost > budget - size - 2 * size
    else:
        assert run.curve.cost[-1] == run.ledger.cost
    if method == "random":  # what is left does not pay for one more step
        assert run.ledger.cost > budget - 3 * M


@pytest.mark.parametrize("method, least, most", [("random", 85, 90), ("selective-backprop", 110, 270)])
def test_the_whole_bill_is_spent_however_cheap_the_steps_are(method, least, most):
    """Full training makes 90 steps for it. Steps that go back through few examples are cheaper, so there are more."""
    setup = replace(SMALL, method=method, budget=1.0)
    run = setup.run(progress=False)
    assert setup.allowance(N) == (3 * 90, 2 * 3 * N)
    assert 2 * 3 * N - 3 * M < run.ledger.cost <= 2 * 3 * N
    assert least <= run.steps <= most
    evaluated = run.curve.step[1:-1]
    assert (np.diff(evaluated) == evaluated[0]).all() and evaluated[0] == max(1, 90 // setup.evaluations)


def test_equal_steps_are_equal_and_the_bill_is_not():
    runs = [replace(SMALL, method=k, budget=0.2, equal="steps").run(progress=False) for k in ("random", "crest")]
    assert [run.steps for run in runs] == [18, 18]  # a fifth of 90
    random, crest = runs
    assert random.ledger.cost == 18 * 3 * M < crest.ledger.cost


def test_a_batch_size_of_ones_own_changes_the_steps_and_not_the_examples():
    full, random = (replace(SMALL, method=k, hyper=(("m", 2),)).run(progress=False) for k in ("full", "random"))
    assert (full.steps, full.ledger.cost) == (2 * N // 2, 2 * 3 * N) and (full.uses == 2).all()
    assert round(0.1 * 2 * 3 * N) - 3 * 2 < random.ledger.cost <= round(0.1 * 2 * 3 * N)


def test_steps_are_exactly_so_many():
    runs = [replace(SMALL, method=k, steps=4).run(progress=False) for k in ("full", "crest")]
    assert [run.steps for run in runs] == [4, 4]


def test_about_as_many_evaluations_as_asked():
    for method in ("full", "random"):
        run = replace(SMALL, method=method, epochs=10, budget=0.2, evaluations=9).run(progress=False)
        assert 10 <= len(run.curve.step) <= 12  # one before training, and the last step


def test_methods_are_paired_in_data_and_initial_weights():
    oracles = [replace(SMALL, data="spirals", method=k, seed=3).build()[1] for k in ("random", "full")]
    first, second = oracles
    assert first.identity() == second.identity() and (first.theta == second.theta).all()
    other = replace(SMALL, data="spirals", seed=4).build()[1]
    assert (other.theta != first.theta).any() and other.identity() != first.identity()


# ---- carrying out


def test_finished_runs_are_read_and_unfinished_ones_go_on(tmp_path):
    setups = [replace(SMALL, method=k, epochs=6, budget=0.5) for k in ("random", "crest")]
    plans = planned([(setup, Parts()) for setup in setups], [0])
    polls = iter(range(10_000))
    stopped = carry_out_all(plans, tmp_path, stop=lambda: next(polls) >= 139, progress=False)  # random makes 135 steps
    assert [run.complete for run in stopped] == [True, False] and 0 < stopped[1].steps < 10
    again = carry_out_all(plans, tmp_path, progress=False)
    whole = [setup.run(progress=False) for setup in setups]
    assert again[0].ledger.seconds == stopped[0].ledger.seconds  # read, not repeated: it would take another time
    assert all((a.theta == b.theta).all() and ledgers_agree(a, b) for a, b in zip(again, whole))
    assert (checkpoint.load(setups[1].folder(tmp_path) / "run.npz").theta == whole[1].theta).all()


def test_an_incomplete_run_is_not_saved_as_finished(tmp_path):
    carry_out(SMALL, tmp_path / "checkpoint.npz", stop=lambda: True, progress=False)
    assert {path.name for path in tmp_path.iterdir()} == {"setup.json", "checkpoint.npz"}


def test_a_folder_of_another_setup_is_refused(tmp_path):
    carry_out(SMALL, tmp_path / "checkpoint.npz", stop=lambda: True, progress=False)
    with pytest.raises(ValueError, match=r"holds another training \(lr: 0.1 there, 0.2 here\); choose another"):
        carry_out(replace(SMALL, lr=0.2), tmp_path / "checkpoint.npz", progress=False)


def test_a_checkpoint_says_what_it_is_of(tmp_path):
    carry_out(SMALL, tmp_path / "checkpoint.npz", stop=lambda: True, progress=False)
    (tmp_path / "setup.json").rename(tmp_path / "elsewhere")
    assert saved_setup(tmp_path / "checkpoint.npz") == SMALL
    (tmp_path / "checkpoint.npz").unlink()
    with pytest.raises(FileNotFoundError, match="nothing to go on from"):
        saved_setup(tmp_path / "checkpoint.npz")
    (tmp_path / "elsewhere").rename(tmp_path / "setup.json")
    assert saved_setup(tmp_path / "checkpoint.npz") == SMALL  # killed before the first checkpoint


@pytest.mark.parametrize("text", ["{bad", "{}", "[1]", '{"hyper": [], "hidden": [8], "wings": 2}', "\x00"])
def test_damaged_settings_are_named(text, tmp_path):
    (tmp_path / "setup.json").write_text(text)
    for go_on in (saved_setup, lambda path: carry_out(SMALL, path, progress=False)):
        with pytest.raises(ValueError, match=r"setup\.json: not the settings of a training"):
            go_on(tmp_path / "checkpoint.npz")


@pytest.mark.parametrize("settings", [[1], "text", {"notes": [1]}, {"notes": {"setup": 1}}])
def test_settings_of_another_kind_are_no_setup(settings, tmp_path):
    checkpoint.save(tmp_path / "a.npz", {"settings": settings, "progress": None})
    with pytest.raises(ValueError, match="not written by minicrest train or compare"):
        saved_setup(tmp_path / "a.npz")


def test_other_files_are_not_checkpoints_of_a_setup(tmp_path):
    checkpoint.save(tmp_path / "a.npz", {"theta": np.zeros(3)})
    with pytest.raises(ValueError, match="not written by minicrest train or compare"):
        saved_setup(tmp_path / "a.npz")


def test_a_run_carries_its_setup():
    run = replace(SMALL, steps=1).run(progress=False)
    assert Setup.from_json(run.settings["notes"]["setup"]) == replace(SMALL, steps=1)
