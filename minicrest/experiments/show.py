"""Finished runs from their folders, gathered again into the comparisons that they belong to."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from minicrest.experiments.compare import collected, planned
from minicrest.experiments.comparison import Comparison
from minicrest.experiments.folders import finished_runs
from minicrest.experiments.parts import Parts
from minicrest.experiments.setup import Setup
from minicrest.run import Run

FIRST = ("random", "shuffle", "full")  # in a table

def comparisons(folders, modules=()) -> list[Comparison]:
    """The finished runs in `folders`, together wherever they differ in method, hyper-parameters and seed alone.

    A run that is there several times counts once. A seed that not every method has finished is left out of the table,
    and a note says so. `modules`: of these, too, classes may be imported. Raises FileNotFoundError for a folder without
    a finished run, ValueError for a damaged one.
    """
    groups: dict[str, dict[str, tuple[Setup, Run]]] = {}
    for folder in folders:
        for _, setup, run in finished_runs(Path(folder), modules):
            own = ("method", "hyper", "seed", *setup.tuned)
            shared = {k: v for k, v in setup.identity().items() if k not in own}
            groups.setdefault(json.dumps(shared), {})[json.dumps(setup.identity())] = (setup, run)
    return [each for group in groups.values() for each in _comparisons(list(group.values()))]


def _comparisons(found: list[tuple[Setup, Run]]) -> list[Comparison]:
    """One Comparison over the seeds that all methods have; where there is no such seed, one for each run."""
    runs = {(_method(setup), setup.seed): run for setup, run in found}
    methods = {_method(setup): replace(setup, seed=0) for setup, _ in found}
    order = sorted(methods, key=lambda name: FIRST.index(methods[name].method) if methods[name].method in FIRST else 9)
    seeds = sorted({setup.seed for setup, _ in found})
    common = [seed for seed in seeds if all((method, seed) in runs for method in methods)]
    if not common:
        return [each for pair in found for each in _comparisons([pair])]
    plans = planned([(methods[name], Parts()) for name in order], common)
    dropped = [str(seed) for seed in seeds if seed not in common]
    notes = [f"Left out: seed {', '.join(dropped)}, which not every method has finished."] if dropped else []
    return [collected(plans, [runs[_method(plan.setup), plan.setup.seed] for plan in plans], notes)]


def _method(setup: Setup) -> str:
    """What tells one method from another: all settings but the seed."""
    return json.dumps({name: value for name, value in setup.identity().items() if name != "seed"})
