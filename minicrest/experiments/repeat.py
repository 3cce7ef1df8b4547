"""The command that repeats finished runs, from the Setups that they carry."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace

from minicrest.experiments.both import BothWays
from minicrest.experiments.comparison import Comparison
from minicrest.experiments.parts import is_content
from minicrest.experiments.setup import Setup
from minicrest.experiments.statistics import BASELINES
from minicrest.run import Run

OPTIONS = ("data_dir", "validation", "test", "model", "q", "m", "epochs", "budget", "equal", "optimizer", "lr",
           "momentum", "weight_decay", "schedule", "device", "dtype", "evaluations", "checkpoint_every")  # fmt: skip


def setups_of(runs: Mapping[str, Sequence[Run]]) -> dict[str, Setup]:
    """The Setup of each method's first run; {} for runs that carry none."""
    notes = {label: group[0].settings.get("notes", {}).get("setup") for label, group in runs.items() if group}
    return {label: Setup.from_json(text) for label, text in notes.items() if text}


def command(shown: Comparison | BothWays) -> str:
    """The command line that trains all of it again; "" where only Python can, with the same objects and seeds."""
    both = isinstance(shown, BothWays)
    first = shown.steps if isinstance(shown, BothWays) else shown
    setups = list(setups_of(first.runs).values())
    names = [setup.method for setup in setups]
    objects = [shown.setup.model, shown.setup.data, *(value for setup in setups for _, value in setup.hyper)]
    if not setups or any(map(is_content, objects)) or shown.setup.tuning or len(set(names)) < len(names):
        return ""
    alone = len(names) == 1 and len(first.seeds) == 1
    if not alone and (shown.setup.steps is not None or first.seeds != list(range(len(first.seeds)))):
        return ""
    words = ["train", "--method", names[0], "--seed", str(first.seeds[0])] if alone else _compared(names, first.seeds)
    words += _options(shown.setup, both, alone)
    words += _settings(setups, alone)
    if shown.setup.tuned:
        words += ["--tuned", *(f"tuned-{way}.json" for way in (("steps", "bill") if both else (shown.setup.equal,)))]
    return shlex.join(["minicrest", *words])


def beside_random(setup: Setup) -> str:
    """The command line that compares the method of a training with the baselines, with the training's settings."""
    names = [] if setup.method in BASELINES else ["--methods", setup.method]
    return shlex.join(["minicrest", "compare", *_options(setup, False, False), *names, *_settings([setup], False)])


def _compared(names: list[str], seeds: list[int]) -> list[str]:
    asked = [name for name in names if name not in (*BASELINES, "full")] or ["random"]
    full = [] if "full" in names else ["--no-full"]
    return ["compare", "--methods", *asked, *full, "--seeds", str(len(seeds))]


def _options(setup: Setup, both: bool, alone: bool) -> list[str]:
    """What differs from the data set's preset. Settings that were chosen for each method are in the file of --tuned."""
    given = {"data": setup.data, **({"optimizer": setup.optimizer} if setup.optimizer != Setup.optimizer else {})}
    usual, words = replace(Setup.preset(given), optimizer=Setup.optimizer), ["--data", setup.data]
    for name in OPTIONS:
        value = "both" if both and name == "equal" else getattr(setup, name)
        if value != getattr(usual, name) and name not in setup.tuned:
            words += [f"--{name.replace('_', '-')}", f"{value}"]
    if setup.hidden != usual.hidden:
        words += ["--hidden", *map(str, setup.hidden)]
    if setup.transform:
        words += ["--transform", *(f"{name}={value}" for name, value in setup.transform)]
    return words + (["--steps", str(setup.steps)] if alone and setup.steps is not None else [])


def _settings(setups: list[Setup], alone: bool) -> list[str]:
    """--set, and --prepared where the subsets of milo came from a file."""
    prepared = [setup for setup in setups if dict(setup.hyper).get("digest")]
    pairs = [(setup.method, name, value) for setup in setups for name, value in setup.hyper
             if setup not in prepared or name in ("m", "kappa", "R", "normalize")]  # fmt: skip
    sets = [f"{name if alone else f'{method}.{name}'}={_text(value)}" for method, name, value in pairs]
    return (["--set", *sets] if sets else []) + (["--prepared", "FILE"] if prepared else [])


def _text(value) -> str:
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)
