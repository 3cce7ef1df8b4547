"""The folder of a run: setup.json from its start, checkpoint.npz while it trains, run.npz and run.json at its end."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from minicrest import checkpoint as checkpoints
from minicrest.experiments.files import claimed
from minicrest.experiments.parts import is_foreign
from minicrest.experiments.setup import Setup
from minicrest.run import Run


def claim(setup: Setup, folder: Path) -> None:
    """Make `folder` the folder of `setup`: write setup.json, which `resume` reads even before the first checkpoint.

    Of two processes that start at once with different settings, one gets the folder. Raises ValueError for the other,
    and where the folder belongs to other settings already.
    """
    note, text = folder / "setup.json", setup.to_json().encode()
    with claimed(note):
        there, here = (read_note(note) if note.exists() else setup).identity(), setup.identity()
        other = [f"{k}: {v} there, {here[k]} here" for k, v in there.items() if here[k] != v]
        if other:
            raise ValueError(f"{folder} holds another training ({'; '.join(other)}); choose another or delete it")
        checkpoints.write_atomically(note, lambda file: file.write(text))  # again, too: the data may have moved


def read_note(note: Path) -> Setup:
    """The Setup that setup.json says. Raises ValueError, naming the file, where it does not say one."""
    try:
        return Setup.from_json(note.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{note}: {error}; delete {note.parent} and train again") from error


def saved_setup(checkpoint, modules=()) -> Setup:
    """The Setup of the training that `checkpoint` belongs to, from the setup.json beside it or the file itself.

    A method or model "module:name" is accepted only where the caller names its module in `modules` or has imported it:
    a file can name code, it cannot have it run. Raises FileNotFoundError where there is nothing to go on from, and
    ValueError for a file of another kind and for a module that the caller has not named.
    """
    checkpoint = Path(checkpoint)
    note = checkpoint.with_name("setup.json")
    if note.exists() and (checkpoint.exists() or checkpoint.name == "checkpoint.npz"):
        setup = read_note(note)
    elif checkpoint.exists():
        setup = _setup_inside(checkpoint, modules)
    else:
        raise FileNotFoundError(f"no checkpoint at {checkpoint}, so nothing to go on from; give the train command")
    for option, name in (("method", setup.method), ("model", setup.model)):
        module = name.partition(":")[0]
        if is_foreign(name) and module not in modules and module not in sys.modules:
            raise ValueError(f"the training in {checkpoint.parent} uses the {option} {name}, and a file's word is not "
                             f"enough to import it; if you trust it, add: --{option} {name}")  # fmt: skip
    return setup


def _setup_inside(checkpoint: Path, modules=()) -> Setup:
    """The Setup that a checkpoint or a run carries among its settings."""
    tree = checkpoints.load(checkpoint, modules=modules) if not _is_data(checkpoint) else None
    settings = tree.get("settings", {}) if isinstance(tree, dict) else getattr(tree, "settings", {})
    notes = settings.get("notes") if isinstance(settings, dict) else None
    if isinstance(notes, dict) and isinstance(notes.get("setup"), str):
        return Setup.from_json(notes["setup"])
    hint = f"; it is a data set: minicrest train --data {checkpoint}" if tree is None else ""
    raise ValueError(f"{checkpoint} was not written by minicrest train or compare: it does not say how to go on{hint}")


def _is_data(path: Path) -> bool:
    """Whether an .npz holds a data set: x and y, and no tree."""
    try:
        with np.load(path, allow_pickle=False) as entries:
            return {"x", "y"} <= set(entries.files)
    except (OSError, ValueError, EOFError, AttributeError, TypeError):
        return False


def finished_runs(folder, modules=()) -> list[tuple[Path, Setup, Run]]:
    """(folder, Setup, Run) of every finished run in `folder`: its own, else those one and two levels below.

    Of other packages only classes of `modules` are imported, which layers of one's own may need. Raises
    FileNotFoundError where there is no run, and ValueError for a file that is damaged or of another kind.
    """
    folder = Path(folder)
    for pattern in ("run.npz", "*/run.npz", "*/*/run.npz"):
        paths = sorted(folder.glob(pattern))
        if paths:
            return [(path.parent, *_finished(path, modules)) for path in paths]
    raise FileNotFoundError(f"no finished run in {folder}: it has no run.npz, nor have the folders in it")


def _finished(path: Path, modules) -> tuple[Setup, Run]:
    run = checkpoints.load(path, modules=modules)
    if not isinstance(run, Run):
        raise ValueError(f"{path} is not a finished run, but {type(run).__name__}")
    note = path.with_name("setup.json")
    return read_note(note) if note.exists() else _setup_inside(path, modules), run
