"""Subcommands that need nothing but their arguments: list the data, prepare subsets, save and report comparisons."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path

from minicrest.datasets import available
from minicrest.experiments import tables
from minicrest.experiments.both import BothWays
from minicrest.experiments.compare import seed_list
from minicrest.experiments.comparison import Comparison
from minicrest.experiments.figures import save_png
from minicrest.experiments.files import write_anywhere
from minicrest.experiments.options import hyperparameters
from minicrest.experiments.prepared import Preparations
from minicrest.experiments.setup import Setup
from minicrest.experiments.tune import FIRST_SEED, PART


def data(arguments) -> int:
    """List the data sets, and how to get those that are missing."""
    every = available(arguments.data_dir)
    rows = [row for row in every if not row[0].startswith("FILE")]
    there = [[name, "yes", where] for name, present, where, _ in rows if present]
    absent = [[name, "no", ""] for name, present, *_ in rows if not present]
    print(tables.columns([["name", "present", "where"], *there, *absent], right=False))
    for name, present, lacking, how in rows:
        if not present:
            print(f"\nTo get {name}: {how}\n  {lacking}")
    print("\nA file of your own: --data FILE, with --test 0.2 where it has no test part")
    print(*(f"  {name:9} {how}" for name, _, _, how in every if name.startswith("FILE")), sep="\n")
    return 0


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
