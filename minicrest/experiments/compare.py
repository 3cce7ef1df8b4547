"""Carry out many Setups: each run in a folder of its own, finished ones read, unfinished ones continued."""

from __future__ import annotations

from functools import partial
from itertools import count
from pathlib import Path

from tqdm import tqdm

from minicrest import checkpoint as checkpoints
from minicrest.experiments.setup import Setup, read_note
from minicrest.run import Run


def carry_out(setup: Setup, checkpoint, stop=lambda: False, progress=True) -> Run:
    """Run `setup`, going on from `checkpoint` where there is one; write the Run beside it when it is complete."""
    run = setup.run(checkpoint, stop, progress)
    if run.complete:
        run.save(Path(checkpoint).with_name("run"))
    return run


def saved_setup(checkpoint) -> Setup:
    """The Setup that a checkpoint carries, or, before there is one, that the setup.json beside it says."""
    checkpoint = Path(checkpoint)
    note = checkpoint.with_name("setup.json")
    if not checkpoint.exists() and note.exists():
        return read_note(note)
    if not checkpoint.exists():
        raise FileNotFoundError(f"no checkpoint at {checkpoint}, so nothing to go on from; give the train command")
    tree = checkpoints.load(checkpoint)
    settings = tree.get("settings", {}) if isinstance(tree, dict) else getattr(tree, "settings", {})
    notes = settings.get("notes") if isinstance(settings, dict) else None
    if not isinstance(notes, dict) or not isinstance(notes.get("setup"), str):
        raise ValueError(f"{checkpoint} was not written by minicrest train or compare: it does not say how to go on")
    return Setup.from_json(notes["setup"])


def compare(setups, out, stop=lambda: False, progress=True) -> list[Run]:
    """Carry out `setups` in turn, each in its folder of `out`; finished ones there are read, unfinished ones go on.

    Ends early, with the last Run incomplete, when `stop()` says True.
    """
    runs: list[Run] = []
    silent = None if progress else True  # None: only where this is no terminal
    with tqdm(total=len(setups), disable=silent, delay=2, miniters=0, unit="run", leave=False) as bar:

        def polled(setup, steps) -> bool:  # once a step: the bar also moves within a run
            bar.set_postfix_str(f"{setup.method}, seed {setup.seed}, {next(steps)} steps", refresh=False)
            bar.update(0)
            return stop()

        for setup in setups:
            checkpoint = setup.folder(out) / "checkpoint.npz"
            runs.append(carry_out(setup, checkpoint, partial(polled, setup, count()), progress=False))
            if not runs[-1].complete:
                break
            bar.update()
    return runs
