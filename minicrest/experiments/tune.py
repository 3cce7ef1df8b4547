"""Choose learning rate and batch size for every method of a comparison, from one grid, on examples held out."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from pathlib import Path

from minicrest.arguments import number
from minicrest.experiments.compare import (
    Plan,
    carry_out_all,
    described_methods,
    labels_of,
    seed_list,
    shared_setup,
    with_validation,
)
from minicrest.experiments.parts import Parts
from minicrest.experiments.prepared import Preparations
from minicrest.experiments.setup import Setup
from minicrest.experiments.tuning import Tuning, at, checked_grid, measured

FIRST_SEED = 1000  # of tuning: draws other than those of a comparison's seeds 0, 1, ...
PART = 0.2


def tune(
    methods=("full", "random", "shuffle", "crest"), network=None, data="digits", seeds=2, budget=Setup.budget,
    equal=Setup.equal, *, grid=None, part=PART, prepared=None, out=None, jobs=1, scheduler=None,
    settings=None, stop=lambda: False, progress: bool = True,
) -> Tuning:  # fmt: skip
    """Train each of `methods` at every point of the grid, and return the Tuning, which `compare(tuned=...)` takes.

    Each method takes the point with the highest mean accuracy on a part of the training examples, drawn by the seed and
    held out; of equals, the one with the lowest loss there. A run that diverges has accuracy 0. The test part is not
    used. Random selection and shuffle are always part of it. All are trained with the budget of `compare`.
    grid: names of settings (lr, m, momentum, weight_decay, q) with their values, as dict(lr=(0.03, 0.1), m=(16, 32));
    None: three values of lr and of m about the data set's preset.
    seeds: how many (1000, 1001, ...), or which.  part: of the training examples, to hold out.
    The other arguments, and what is raised, are those of `compare`.
    """
    shared, parts = shared_setup(network, data, budget, equal, settings)
    seeds = seed_list(seeds) if hasattr(seeds, "__iter__") else [FIRST_SEED + seed for seed in seed_list(seeds)]
    trials = Trials.of(described_methods(methods, shared, parts), seeds, grid, part,
                       Preparations.given(prepared))  # fmt: skip
    runs = carry_out_all(trials.plans, out, jobs=jobs, stop=stop, progress=progress, scheduler=scheduler)
    return trials.tuning(runs)


@dataclass(frozen=True)
class Trials:
    """All the runs of a tuning: for each method and point of the grid, one run a seed, in this order."""

    setup: Setup
    grid: dict[str, tuple[float, ...]]
    seeds: list[int]
    hyper: dict[str, tuple]
    points: list[tuple[str, dict[str, float]]]  # (label, settings)
    plans: list[Plan]

    @staticmethod
    def of(setups: list[tuple[Setup, Parts]], seeds: list[int], grid, part: float = PART,
           prepared: Preparations | None = None) -> Trials:  # fmt: skip
        """The trials of these setups, which differ in their methods. Raises ValueError for what cannot be tuned."""
        shared = setups[0][0]
        grid, part = checked_grid(grid, shared), number("part", part, "(0, 1)")
        labels = labels_of(setups)
        settings = [dict(zip(grid, values)) for values in itertools.product(*grid.values())]
        plans = []
        for label, (setup, parts) in zip(labels, setups):
            for point in settings:
                tried, own = at(replace(setup, tuning=part, evaluations=1), parts, point)
                plans += [Plan(f"{label} {point}", replace(tried, seed=seed), own) for seed in seeds]
        hyper = {label: setup.hyper for label, (setup, _) in zip(labels, setups)}
        points = [(label, point) for label in labels for point in settings]
        plans = with_validation(plans)[0]
        plans = plans if prepared is None else prepared.applied(plans)
        return Trials(replace(shared, tuning=part), grid, seeds, hyper, points, plans)

    def tuning(self, runs) -> Tuning:
        """What `runs`, those of the first plans, show. Points whose runs are not all complete are left out."""
        found: dict[str, list] = {label: [] for label in self.hyper}
        count = len(self.seeds)
        for k, (label, settings) in enumerate(self.points):
            group = runs[k * count : (k + 1) * count]
            if len(group) == count and all(run.complete for run in group):
                found[label].append(measured(settings, group))
        return Tuning(self.setup, self.grid, self.seeds, self.hyper, found)

    def finished(self, out) -> int:
        """How many of the runs are in the folder `out` already."""
        return sum((plan.setup.folder(Path(out)) / "run.npz").exists() for plan in self.plans)
