"""What subcommands write: prepared subsets, the page of a comparison or run, a comparison's table, picture and JSON."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path

from minicrest.experiments.both import BothWays
from minicrest.experiments.compare import seed_list
from minicrest.experiments.comparison import Comparison
from minicrest.experiments.figures import save_png
from minicrest.experiments.files import write_anywhere
from minicrest.experiments.options import hyperparameters
from minicrest.experiments.prepared import Preparations
from minicrest.experiments.setup import Setup
from minicrest.experiments.tune import FIRST_SEED, PART


def prepare(setup: Setup, arguments) -> int:
    """Prepare the subsets of milo for the examples that the seeds train on, and say what it took."""
    setup = replace(setup, hyper=hyperparameters(arguments.set, ["milo"])["milo"])
    setups = [replace(setup, seed=seed) for seed in seed_list(arguments.seeds)]
    if arguments.tune_seeds:
        setups += [replace(setup, seed=FIRST_SEED + seed, tuning=PART) for seed in seed_list(arguments.tune_seeds)]
    made = Preparations.of(setups)
    made.save(arguments.out)
    print(f"{made.text()}\nuse it: minicrest compare --methods milo ... --prepared {shlex.quote(arguments.out)}")
    return 0


def report(arguments) -> int:
    """Write the page of a folder."""
    from minicrest.experiments.report import write

    path = write(arguments.folder, arguments.out, [arguments.model.partition(":")[0]] if arguments.model else [])
    print(f"wrote {path}: one file, which any browser opens")
    return 0


def save_comparison(comparison: Comparison | BothWays, arguments, out: Path) -> None:
    """Save picture, JSON and CSV, then print the table: to stderr where stdout is for the JSON."""
    text = json.dumps(comparison.document(), indent=1, allow_nan=False) + "\n"
    to_stdout = arguments.json == "-"
    for path in [out / "compare.json", *([Path(arguments.json)] if arguments.json and not to_stdout else [])]:
        write_anywhere(path, lambda file: file.write(text.encode()))
    save_png(comparison.figure(), out / "compare.png")
    for path in [out / "compare.csv", *([arguments.csv] if arguments.csv else [])]:
        comparison.to_csv(path)
    saved = f"Saved in {out}: compare.png, compare.json, compare.csv and a folder for each run."
    print(f"{comparison.text()}\n{saved}", file=sys.stderr if to_stdout else sys.stdout)
    if to_stdout:
        sys.stdout.write(text)
