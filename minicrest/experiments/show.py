"""Finished runs from their folders, gathered again into the comparisons that they belong to."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from minicrest.experiments import plots
from minicrest.experiments.both import BothWays
from minicrest.experiments.compare import collected, key, planned
from minicrest.experiments.comparison import Comparison
from minicrest.experiments.folders import finished_runs
from minicrest.experiments.parts import Parts
from minicrest.experiments.setup import Setup
from minicrest.experiments.terminal import escaped
from minicrest.run import Run

FIRST = ("random", "shuffle", "full")  # in a table
BUDGET = ("budget", "equal")  # what full training does not have


def comparisons(folders, modules=()) -> list[Comparison | BothWays]:
    """The finished runs in `folders`, together wherever they differ in method, hyper-parameters and seed alone.

    Settings that were chosen for each method may differ too. Full training belongs to the comparisons of every budget;
    one at equal steps and one at equal bill of the same methods and seeds become one, both ways. A run that is there
    several times counts once. A seed that not every method has finished is left out of the table, and a note says so.
    `modules`: of these, too, classes may be imported. Raises FileNotFoundError for a folder without a finished run,
    ValueError for a damaged one.
    """
    runs = {key(setup): (setup, run) for folder in folders for _, setup, run in finished_runs(Path(folder), modules)}
    groups: dict[str, list[tuple[Setup, Run]]] = {}
    for setup, run in runs.values():
        if setup.method != "full":
            groups.setdefault(_shared(setup), []).append((setup, run))
    for setup, run in (pair for pair in runs.values() if pair[0].method == "full"):
        hosts = [group for group in groups.values() if _shared(group[0][0], *BUDGET) == _shared(setup, *BUDGET)]
        for group in hosts or [groups.setdefault(_shared(setup), [])]:
            if not hosts or setup.seed in {other.seed for other, _ in group}:
                group.append((setup, run))
    return _both_ways([each for group in groups.values() for each in _comparisons(group)])


def figure_of(shown: list[Comparison | BothWays]):
    """A Matplotlib Figure of all of them: of one its own, of several a column each, both ways two."""
    if len(shown) == 1:
        return shown[0].figure()
    each = [one for each in shown for one in ((each.steps, each.bill) if isinstance(each, BothWays) else (each,))]
    return plots.side_by_side([(escaped(one.heading()), one.runs) for one in each])


def _shared(setup: Setup, *without: str) -> str:
    own = ("method", "hyper", "seed", *setup.tuned, *without)
    return json.dumps({name: value for name, value in setup.identity().items() if name not in own})


def _comparisons(found: list[tuple[Setup, Run]]) -> list[Comparison]:
    """One Comparison over the seeds that all methods have; where there is no such seed, one for each run."""
    runs = {key(setup): run for setup, run in found}
    methods = {key(replace(setup, seed=0)): replace(setup, seed=0) for setup, _ in found}
    ordered = sorted(methods.values(), key=lambda setup: (*FIRST, setup.method).index(setup.method))
    seeds = sorted({setup.seed for setup, _ in found})
    common = [seed for seed in seeds if all(key(replace(method, seed=seed)) in runs for method in ordered)]
    if not common:
        return [each for pair in found for each in _comparisons([pair])]
    dropped = [str(seed) for seed in seeds if seed not in common]
    notes = [f"Left out: seed {', '.join(dropped)}, which not every method has finished."] if dropped else []
    return [collected(planned([(method, Parts()) for method in ordered], common), runs, notes)]


def _both_ways(found: list[Comparison]) -> list[Comparison | BothWays]:
    """The comparisons, those of the same methods and seeds at equal steps and at equal bill as one."""
    shown: list[Comparison | BothWays] = []
    partners: dict[tuple, Comparison] = {}
    for each in found:
        name = (_shared(each.setup, "equal"), *each.runs, *each.seeds)
        partner = partners.pop(name, None)
        if partner is None or len(each.runs) < 2:
            partners[name] = each
            shown.append(each)
        else:
            steps, bill = sorted((partner, each), key=lambda comparison: comparison.setup.equal, reverse=True)
            shown[shown.index(partner)] = BothWays(steps, bill, list(dict.fromkeys([*steps.notes, *bill.notes])))
    return shown
