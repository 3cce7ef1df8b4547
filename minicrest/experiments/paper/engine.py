"""How a claim of a paper is measured, judged, drawn and kept.

An Experiment says what to measure for each seed. `run` measures every part with every seed, keeps each measurement in a
file of its own, and writes what they show: NAME-SCALE.json, and NAME-SCALE.png, which is drawn from the JSON alone.

The rule of every verdict: differences are paired by seed and come with a 95% t-interval. A claim HOLDS where the whole
interval lies on the claim's side of what is claimed (of zero, or of the factor that is printed), it DOES NOT HOLD where
the whole interval lies on the other side, and it is NOT TOLD APART otherwise, or with fewer than three seeds. A claim
about several things holds where it holds for each, and does not hold where it does not hold for one.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

import minicrest
from minicrest import checkpoint as checkpoints
from minicrest.arguments import one_of, whole
from minicrest.experiments.figures import blank, save_png
from minicrest.experiments.jobs import Processes, answers, distribute
from minicrest.experiments.parts import path_text
from minicrest.experiments.statistics import FEWEST_SEEDS, Estimate, estimate
from minicrest.experiments.tables import columns, wrapped
from minicrest.threads import one_blas_thread

SCALES = ("quick", "laptop", "paper")
HOLDS, UNTOLD, FAILS = "holds", "not told apart", "does not hold"


@dataclass(frozen=True)
class Verdict:
    """What the measurements show.

    rows: dicts of plain values for the table and the picture; `interval` makes the {"mean", "half"} of an estimate.
    columns: which of their keys the table shows, and the format of each ("" for text).
    verdict: HOLDS, UNTOLD or FAILS.
    finding: a plain sentence whose numbers come from the rows.
    """

    rows: list[dict]
    columns: dict[str, str]
    verdict: str
    finding: str


@dataclass(frozen=True)
class Choice:
    """How an experiment chooses settings of its own before what it measures is judged.

    trials(settings): the settings of the trials, which are measured as the rest is, with "seeds" of their own. Their
    parts have other names than the rest, or the experiment has a `same`.
    chosen(settings, results): the settings with what the trials' results speak for, for `measure` and `conclude`.
    """

    trials: Callable[[dict], dict]
    chosen: Callable[[dict, dict[str, list[dict]]], dict]


@dataclass(frozen=True)
class Experiment:
    """A claim and how it is measured. All functions are pure, and what they return is plain JSON.

    claim: as printed.  place: where, as "CREST, Table 1".  minutes: at laptop scale, on one core.
    scales: for each of SCALES the settings, plain values with the number of "seeds" among them.
    parts(settings): names of what is measured for each seed.
    measure(settings, part, seed): one measurement; its settings also have "data_dir" and "device".
    conclude(settings, results): the Verdict; `results` maps each part to its measurements in the order of the seeds.
    draw(document, figure): the picture, from the JSON document.
    same(settings, part, seed): where other experiments make the same measurement, all that decides it; they share it.
    choice: measured before all else, to choose settings by it.
    """

    name: str
    claim: str
    place: str
    minutes: float
    scales: dict[str, dict]
    parts: Callable[[dict], list[str]]
    measure: Callable[[dict, str, int], dict]
    conclude: Callable[[dict, dict[str, list[dict]]], Verdict]
    draw: Callable[[dict, Any], None]
    same: Callable[[dict, str, int], dict] | None = None
    choice: Choice | None = None

    def __post_init__(self):
        if set(self.scales) != set(SCALES) or any(whole("seeds", s["seeds"], 1) < 1 for s in self.scales.values()):
            raise ValueError(f"scales of {self.name} must have settings for {', '.join(SCALES)}, each with its seeds")


# ---- the rule of a verdict


def interval(values) -> dict[str, float | None]:
    """{"mean", "half"} of the 95% t-interval of `values` (n,); None for what is not finite, as with a single one."""
    found = estimate(values)
    return {name: float(x) if math.isfinite(x) else None for name, x in (("mean", found.mean), ("half", found.half))}


def judged(differences, least: float = 0.0) -> str:
    """HOLDS, UNTOLD or FAILS of the claim that `differences` (n,), paired by seed, are on average above `least`."""
    found = estimate(differences)
    if len(differences) < FEWEST_SEEDS or not math.isfinite(found.half):
        return UNTOLD
    return HOLDS if found.mean - found.half > least else FAILS if found.mean + found.half < least else UNTOLD


def together(verdicts: Iterable[str]) -> str:
    """The verdict on a claim about several things."""
    every = list(verdicts)
    return FAILS if FAILS in every else HOLDS if every and set(every) == {HOLDS} else UNTOLD


def text_of(value, spec: str = "") -> str:
    """A cell of a row as text: an interval as mean +- half, None as a hyphen."""
    if isinstance(value, dict):
        mean, half = (math.nan if value[name] is None else value[name] for name in ("mean", "half"))
        return f"{Estimate(mean, half):{spec}}" if math.isfinite(mean) else "-"
    return "-" if value is None else f"{value:{spec}}"


# ---- measuring


def run(experiment: Experiment, scale: str = "laptop", out="runs/paper", jobs: int = 1, data_dir=None,
        device: str = "cpu", progress: bool = True, scheduler=None) -> dict:  # fmt: skip
    """Measure what is not in the folder `out` yet, write the document and the picture there, return the document.

    jobs: how many processes measure at once.  scheduler: the address of a Dask scheduler, or a distributed.Client,
    whose workers measure, with the same minicrest and with `data_dir` on their machines.  Raises ValueError for
    arguments that make no sense, and what measuring raises, as FileNotFoundError for data that is not there.
    """
    one_of("scale", scale, SCALES)
    if whole("jobs", jobs, 1) > 1 and scheduler is not None:
        raise ValueError("jobs are processes of this machine, and a scheduler has processes of its own; give one")
    settings = {**experiment.scales[scale], "data_dir": data_dir, "device": device}
    folder = Path(path_text("out", out))
    measured = partial(_results, experiment, scale, folder, jobs, progress, scheduler)
    final, choosing = settings, 0.0
    if experiment.choice is not None:
        trials, choosing = measured(experiment.choice.trials(settings))
        final = experiment.choice.chosen(settings, trials)
    results, seconds = measured(final)
    verdict = experiment.conclude(final, results)
    document = _document(experiment, scale, settings, verdict, choosing + seconds)
    _write(folder / f"{experiment.name}-{scale}.json", document)
    save_png(picture(experiment, document), folder / f"{experiment.name}-{scale}.png")
    return document


def _results(experiment: Experiment, scale: str, folder: Path, jobs: int, progress: bool, scheduler,
             settings: dict) -> tuple[dict[str, list[dict]], float]:  # fmt: skip
    """({part: its measurements in the order of the seeds}, the seconds that they took)."""
    wanted = [(part, seed) for part in experiment.parts(settings) for seed in range(settings["seeds"])]
    if scheduler is not None:
        _measure_there(experiment, scale, settings, wanted, folder, scheduler, progress)
    kept = _measured(experiment, scale, settings, wanted, folder, jobs, progress)
    results: dict[str, list[dict]] = {}
    for (part, _), measurement in zip(wanted, kept):
        results.setdefault(part, []).append(measurement["result"])
    return results, sum(measurement["seconds"] for measurement in kept)


def _measured(experiment, scale: str, settings, wanted, folder: Path, jobs: int, progress: bool) -> list[dict]:
    """The measurements of all (part, seed), from their files where they are there."""
    one = partial(_one, experiment, scale, settings)
    silent = None if progress else True  # None: only where this is no terminal
    if jobs > 1:
        names = [f"{experiment.name}, {part}, seed {seed}" for part, seed in wanted]
        return distribute(Processes(one, jobs), wanted, names, str(folder), silent, experiment.name)
    bar = tqdm(wanted, experiment.name, unit="run", disable=silent, delay=1, leave=False)
    return [one(each, str(folder)) for each in bar]


def _one(experiment: Experiment, scale: str, settings, which: tuple[str, int], folder: str) -> dict:
    """A measurement, of a part with a seed: read from its file if that has these settings, else made and written."""
    path, identity = _place(experiment, scale, settings, *which, Path(folder))
    kept = _kept(path)
    if kept.get("identity") == identity:
        return kept
    measurement = _made(experiment, settings, *which, identity)
    _write(path, measurement)
    return measurement


def _made(experiment: Experiment, settings, part: str, seed: int, identity) -> dict:
    """A measurement, made here and now."""
    with one_blas_thread():
        start = time.process_time()  # which does not grow while others use the machine
        result = experiment.measure(settings, part, seed)
    return {"identity": identity, "seconds": time.process_time() - start, "result": result}


def _measure_there(experiment: Experiment, scale: str, settings, wanted, folder: Path, scheduler, progress) -> None:
    """Have the workers of a Dask cluster make the measurements that `folder` lacks, and write each when it comes.

    A worker that dies costs what it measured, which Dask gives to another one.
    """
    paths, tasks = [], []
    for part, seed in wanted:
        path, identity = _place(experiment, scale, settings, part, seed, folder)
        if _kept(path).get("identity") != identity:
            paths.append(path)
            tasks.append((experiment, settings, part, seed, identity))
    silent = None if progress else True
    with tqdm(None, experiment.name, len(tasks), unit="run", disable=silent, delay=1, leave=False) as bar:
        for k, measurement in answers(scheduler, _made, tasks):
            _write(paths[k], measurement)
            bar.update()


def _kept(path: Path) -> dict:
    """The measurement in a file; {} where there is none, or one that is damaged, which is then made again."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}


def _place(experiment: Experiment, scale: str, settings, part: str, seed: int, folder: Path) -> tuple[Path, dict]:
    """The file of a measurement, and what decides its result: those of other settings are never used."""
    decisive = {name: value for name, value in settings.items() if name not in ("data_dir", "seeds")}
    if experiment.same is None:
        identity = _plain({"experiment": experiment.name, "part": part, "seed": seed, "settings": decisive})
        return folder / f"{experiment.name}-{scale}" / f"{part}-{seed}.json", identity
    identity = _plain(experiment.same(settings, part, seed))
    digest = hashlib.blake2b(json.dumps(identity, sort_keys=True).encode(), digest_size=8).hexdigest()
    return folder / "shared" / f"{digest}.json", identity


def _document(experiment: Experiment, scale: str, settings, verdict: Verdict, seconds: float) -> dict:
    """All that the run found, in plain values."""
    one_of("verdict", verdict.verdict, (HOLDS, UNTOLD, FAILS))
    versions = {"minicrest": minicrest.__version__, "numpy": np.__version__}
    kept = {name: value for name, value in settings.items() if name != "data_dir"}
    command = f"minicrest paper {experiment.name}" + f" --scale {scale}" * (scale != "laptop")
    command += f" --device {settings['device']}" * (settings["device"] != "cpu")
    return _plain({
        "name": experiment.name, "claim": experiment.claim, "place": experiment.place, "scale": scale,
        "settings": kept, "columns": verdict.columns, "rows": verdict.rows, "verdict": verdict.verdict,
        "finding": verdict.finding, "seconds": round(seconds, 1), "versions": versions, "command": command,
    })  # fmt: skip


def _plain(tree) -> Any:
    """The tree as JSON gives it back. Raises TypeError for what JSON has not, ValueError for NaN and infinity."""
    return json.loads(json.dumps(tree, allow_nan=False))


def _write(path: Path, tree) -> None:
    """Write `path` as JSON, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(tree, indent=1, allow_nan=False) + "\n"
    checkpoints.write_atomically(path, lambda file: file.write(text.encode()))


# ---- showing


def picture(experiment: Experiment, document: dict):
    """The Figure of a document."""
    figure = blank(9, 5, f"{document['place']}, {document['scale']} scale: {document['verdict']}")
    experiment.draw(document, figure)
    return figure


def text(document: dict) -> str:
    """The claim with its place, the table, the finding and the verdict, as the command line prints them."""
    return "\n".join([
        *wrapped([f"{document['name']}: {document['place']}", f"Claim: {document['claim']}"]), "",
        table(document["rows"], document["columns"]), "",
        *wrapped([f"Differences are paired by seed, with 95% intervals over {document['settings']['seeds']} seeds.",
                  document["finding"], f"The claim, at this size: {document['verdict']}."]),
    ])  # fmt: skip


def table(rows: Sequence[dict], specs: dict[str, str]) -> str:
    """The rows as aligned text, with a column for each of `specs`."""
    return columns([list(specs), *([text_of(row.get(head), spec) for head, spec in specs.items()] for row in rows)])
