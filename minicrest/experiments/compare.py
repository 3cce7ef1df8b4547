"""Compare methods: each run in a folder of its own, finished ones read, unfinished ones continued."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from minicrest.arguments import flag, one_of, shown, whole
from minicrest.datasets import Dataset
from minicrest.experiments.both import WAYS, BothWays
from minicrest.experiments.comparison import Comparison
from minicrest.experiments.folders import claim
from minicrest.experiments.jobs import Cluster, Processes, distribute
from minicrest.experiments.parts import NAMED, Parts, content, described, function, is_content, path_text
from minicrest.experiments.prepared import Preparations
from minicrest.experiments.progress import RunBar
from minicrest.experiments.setup import Setup, is_file
from minicrest.experiments.statistics import BASELINES
from minicrest.experiments.tuning import Tuning
from minicrest.nn import Network
from minicrest.run import Run

_PARAMETERS = ("method", "hyper", "seed", "model", "data", "budget", "equal")  # of Setup that `compare` names itself


@dataclass(frozen=True)
class Plan:
    """One run to make: its label in the table, its Setup and the objects that the Setup cannot hold."""

    label: str
    setup: Setup
    parts: Parts = field(default_factory=Parts)


def compare(
    methods=("full", "random", "shuffle", "crest"), network=None, data="digits", seeds=3, budget=Setup.budget,
    equal=Setup.equal, *, tuned=None, prepared=None, out=None, jobs=1, scheduler=None, settings=None,
    stop=lambda: False, progress: bool = True,
) -> Comparison | BothWays:  # fmt: skip
    """Train with each of `methods` and each seed, and return the Comparison.

    Two baselines are always part of it: random selection, and shuffle, which is full training that ends at the budget.
    methods: names of METHODS, "module:Class", or objects that keep the contract, mixed as you like.
    network: one of MODELS, "module:function", or a Network; None: what suits the data.
    data: a name that `load` knows, the path of an .npz, .csv or .txt, or a Dataset with a test part.
    seeds: how many (0, 1, ...), or which.
    budget: the part of full training's bill ("bill") or steps ("steps", see `equal`) that every other method gets.
    equal: "bill", "steps", or "both": then each method is trained both ways, and a BothWays is returned.
    tuned: what `tune` returned or wrote to a file, for the same methods: each is trained with its own choice. For both
    ways, a list of two.
    prepared: Preparations (prepared.py), or the file that `minicrest prepare` wrote: the subsets of milo.
    settings: further fields of Setup by name, as dict(epochs=10, m=64, schedule="cosine", transform={"copies": 9}).
    out: a folder where every run is kept, so that the same call goes on where it was stopped; None: nothing is kept.
    jobs: how many processes train at once; the result is the same bit for bit.
    scheduler: the address of a Dask scheduler, or a distributed.Client: its workers train, with the same result, and
    the same folders on this machine.
    stop: asked before every step of a single process; True ends the comparison early, its last Run incomplete.

    Raises ValueError and TypeError for arguments that do not fit, and what loading the data raises; ChildProcessError,
    after all other runs, for a run whose process died three times.

    >>> comparison = compare(["thinning"], seeds=2, settings={"epochs": 2})
    >>> [row.method for row in comparison.rows]
    ['random', 'shuffle', 'thinning']
    """
    ways = ways_of(equal)
    shared, parts = shared_setup(network, data, budget, ways[0], settings)
    given = [] if tuned is None else tuned if isinstance(tuned, (list, tuple)) else [tuned]
    tunings = [Tuning.given(each) for each in given]
    if tuned is not None and not tunings:
        raise ValueError("tuned holds nothing; give what tune returned, or None")
    program = Program.of(described_methods(methods, shared, parts), seed_list(seeds), ways, tunings,
                         Preparations.given(prepared))  # fmt: skip
    runs = carry_out_all(program.plans, out, jobs=jobs, stop=stop, progress=progress, scheduler=scheduler)
    return program.collected(runs)


def ways_of(equal) -> tuple[str, ...]:
    """What is held equal, one after the other: "bill", "steps", or both."""
    one_of("equal", equal, ("bill", "steps", "both"))
    return WAYS if equal == "both" else (equal,)


def shared_setup(network, data, budget, equal, settings) -> tuple[Setup, Parts]:
    """What all runs have in common: a Setup, and the objects that it cannot hold."""
    if settings is not None and not isinstance(settings, Mapping):
        raise TypeError(f"settings must be a dict of Setup's fields, got {shown(settings)}")
    given: dict[str, Any] = dict(settings or {})
    taken = [name for name in _PARAMETERS if name in given]
    if taken:
        raise ValueError(f"settings holds {', '.join(taken)}, which compare takes as arguments or through methods")
    is_data, is_network = isinstance(data, Dataset), isinstance(network, Network)
    if not is_data and not isinstance(data, (str, os.PathLike)):
        raise TypeError(f"data must be a name, a path or a minicrest.Dataset, got {shown(data)}")
    if network is not None and not is_network and not isinstance(network, str):
        raise TypeError(f"network must be a name or a minicrest.Network, got {shown(network)}")
    given["data"] = f"{data.name}#{content(data)}" if is_data else os.fsdecode(data)
    if not is_data and is_file(given["data"]):
        given["data"] = os.path.abspath(given["data"])  # the same file from wherever a process runs
    if network is not None:
        given["model"] = f"network#{content(network)}" if is_network else network
    setup = Setup.preset(given | dict(method="random", budget=budget, equal=equal))
    return setup, Parts(network=network if is_network else None, data=data if is_data else None)


def seed_list(seeds) -> list[int]:
    """The seeds 0 .. seeds - 1 of a number; those of a list, checked to be different.

    >>> seed_list(3), seed_list([7, 9])
    ([0, 1, 2], [7, 9])
    """
    if not isinstance(seeds, Iterable) or isinstance(seeds, str):
        return list(range(whole("seeds", seeds, 1)))
    listed = [whole("each seed", seed, 0) for seed in seeds]
    if not listed or len(set(listed)) < len(listed):
        raise ValueError(f"seeds must be different whole numbers, at least one, got {listed}")
    return listed


def described_methods(methods, shared: Setup, parts: Parts) -> list[tuple[Setup, Parts]]:
    """The Setup and the objects of each method, the baselines first."""
    if isinstance(methods, str) or not isinstance(methods, Iterable):
        methods = [methods]
    ordered = [*BASELINES, *(m for m in methods if not (isinstance(m, str) and m in BASELINES))]
    return [_described_one(method, shared, parts) for method in ordered]


def _described_one(method, shared: Setup, parts: Parts) -> tuple[Setup, Parts]:
    if isinstance(method, str):
        return replace(shared, method=method), parts
    name, hyper = described(method)
    return replace(shared, method=name, hyper=hyper), replace(parts, method=method)


def planned(setups: list[tuple[Setup, Parts]], seeds: list[int], tunings: Sequence[Tuning] = ()) -> list[Plan]:
    """A Plan for each seed and setup, with what `tunings` chose. Raises ValueError for a setup that is there twice."""
    labels = labels_of(setups)
    for tuning in tunings:
        setups = [tuning.applied(label, *each) for label, each in zip(labels, setups)]
    return [Plan(label, replace(setup, seed=seed), parts) for seed in seeds
            for label, (setup, parts) in zip(labels, setups)]  # fmt: skip


@dataclass(frozen=True)
class Program:
    """All that a comparison trains: for each way (what is held equal) its plans; `notes` belong under the table."""

    ways: dict[str, list[Plan]]
    notes: list[str]

    @staticmethod
    def of(setups, seeds: list[int], ways: Sequence[str], tunings: Sequence[Tuning] = (),
           prepared: Preparations | None = None) -> Program:  # fmt: skip
        """The plans of these setups for each way, with what the tuning for that way chose and what was prepared."""
        every: dict[str, list[Plan]] = {}
        for way in ways:
            equal = [(replace(setup, equal=way), parts) for setup, parts in setups]
            mine = [tuning for tuning in tunings if tuning.setup.equal == way] if len(ways) > 1 else tunings
            if tunings and not mine:
                raise ValueError(f"nothing was tuned at equal {way}; tune both ways, or compare one way")
            every[way], notes = with_validation(planned(equal, seeds, mine))
        notes = [*notes, *(tuning.note() for tuning in tunings)]
        if prepared is None:
            return Program(every, notes)
        every = {way: prepared.applied(plans) for way, plans in every.items()}
        return Program(every, [*notes, prepared.note([plan for plans in every.values() for plan in plans])])

    @property
    def plans(self) -> list[Plan]:
        """Those of all ways, each training once: full training is the same at equal steps and at equal bill."""
        return list({key(plan.setup): plan for plans in self.ways.values() for plan in plans}.values())

    def collected(self, runs: list[Run]) -> Comparison | BothWays:
        """The comparison of `runs`, those of the first of the plans."""
        done = {key(plan.setup): run for plan, run in zip(self.plans, runs)}
        if len(self.ways) > 1:
            steps, bill = (collected(self.ways[way], done, []) for way in WAYS)
            return BothWays(steps, bill, self.notes)
        return collected(next(iter(self.ways.values())), done, self.notes)


def key(setup: Setup) -> str:
    """What tells a training from every other."""
    return json.dumps(setup.identity())


def labels_of(setups: list[tuple[Setup, Parts]]) -> list[str]:
    """The name of each method, with the hyper-parameters that differ where one method is there several times."""
    hyper = [_hyper(*each) for each in setups]
    labels = []
    for k, (setup, _) in enumerate(setups):
        twins = [j for j, (other, _) in enumerate(setups) if j != k and _short(other) == _short(setup)]
        name = setup.method if any(setups[j][0].method != setup.method for j in twins) else _short(setup)
        differing = [f"{field}={value}" for field, value in hyper[k].items()
                     if setup.hyper and any(hyper[j].get(field, value) != value for j in twins)]  # fmt: skip
        differing += [f"{field}={getattr(setup, field):g}" for field in setup.tuned
                      if any(setups[j][0].method == setup.method and setups[j][0].hyper == setup.hyper for j in twins)]
        labels.append(f"{name}({', '.join(differing)})" if differing else name)
    if len(set(labels)) < len(labels):
        twice = next(label for label in labels if labels.count(label) > 1)
        raise ValueError(f"{twice} is among the methods twice, with the same settings; give it once")
    return labels


def _hyper(setup: Setup, parts: Parts) -> dict[str, Any]:
    """All hyper-parameters, as far as they can be known without importing anything."""
    as_text = setup.method in NAMED and not any(is_content(value) for _, value in setup.hyper)
    if parts.method is not None or as_text:
        return dict(described(setup.build_method(parts))[1])
    return dict(setup.hyper)


def _short(setup: Setup) -> str:
    """A foreign method's class, without its module; the name of one of METHODS."""
    return setup.method.rpartition(":")[2].rpartition(".")[2]


def with_validation(plans: list[Plan], part: float = 0.1) -> tuple[list[Plan], list[str]]:
    """The plans, all with `part` held out if the method of any needs it and none is yet; and a note that says so."""
    needy = [plan.label for plan in plans if plan.setup.needs_validation(plan.parts)]
    if not needy:
        return plans, []
    note = f"{part:.0%} of the training examples are held out for all methods, because {needy[0]} selects by them."
    return [replace(plan, setup=replace(plan.setup, validation=part)) for plan in plans], [note]


def collected(plans: list[Plan], done: Mapping[str, Run], notes: list[str]) -> Comparison:
    """The Comparison of the plans that are done: `done` maps the key of a Setup to its Run."""
    grouped: dict[str, list[Run]] = {plan.label: [] for plan in plans}
    for plan in plans:
        if key(plan.setup) in done:
            grouped[plan.label].append(done[key(plan.setup)])
    return Comparison(plans[0].setup, list(dict.fromkeys(plan.setup.seed for plan in plans)), grouped, notes)


# ---- carrying out


def carry_out(setup: Setup, checkpoint, stop=lambda: False, progress: bool = True, parts: Parts = Parts()) -> Run:
    """Run `setup`, going on from `checkpoint` where there is one; write the Run beside it when it is complete.

    Raises ValueError where the folder of `checkpoint` belongs to another training, and what `Setup.build` raises.
    """
    checkpoint = Path(checkpoint)
    built = setup.build(parts)  # first: what does not fit leaves no folder behind
    claim(setup, checkpoint.parent)
    run = setup.train(built, checkpoint, stop, progress)
    if run.complete:
        run.save(checkpoint.with_name("run"))
    return run


def carry_out_all(plans: list[Plan], out=None, jobs: int = 1, stop=lambda: False, begin=lambda: None,
                  progress: bool = True, scheduler=None) -> list[Run]:  # fmt: skip
    """Carry out `plans`, each in its folder of `out` (None: nowhere): in turn, in `jobs` processes or on a cluster.

    In turn: `begin()` is called before each run; ends early, the last Run incomplete, when `stop()` says True.
    Otherwise see jobs.py.
    """
    out = None if out is None else path_text("out", out)
    silent = None if flag("progress", progress) else True  # None: only where this is no terminal
    function("stop", stop)
    if whole("jobs", jobs, 1) > 1 and scheduler is not None:
        raise ValueError("jobs are processes of this machine, and a scheduler has processes of its own; give one")
    if scheduler is not None or jobs > 1:
        pool = Processes(_one, jobs) if scheduler is None else Cluster(_one, scheduler)
        return distribute(pool, plans, [f"{plan.label}, seed {plan.setup.seed}" for plan in plans], out, silent)
    runs: list[Run] = []
    with RunBar(plans, out, silent) as bar:

        def polled() -> bool:  # once a step
            bar.step()
            return stop()

        for k, plan in enumerate(plans):
            begin()
            bar.begin(k)
            runs.append(_one(plan, out, polled))
            if not runs[-1].complete:
                break
            bar.end()
    return runs


def _one(plan: Plan, out, stop=lambda: False) -> Run:
    if out is None:
        return plan.setup.run(stop=stop, progress=False, parts=plan.parts)
    return carry_out(plan.setup, plan.setup.folder(out) / "checkpoint.npz", stop, False, plan.parts)
