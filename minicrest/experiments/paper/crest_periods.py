"""T1 = h |H_0| / |H_l|, the steps between checks, and P = b T1, the coresets of a region, over trainings of any length.

`longest`, which bounds both where losses vanish, is set to the length of the training, so that it never binds here.
"""

from __future__ import annotations

import math

import numpy as np

from minicrest.experiments.figures import COLOURS, dress, logarithmic
from minicrest.experiments.paper.engine import Experiment, Verdict, interval, judged, together
from minicrest.experiments.paper.walks import across, short, trained

POINTS = 30  # of a curve
CURVES = ("T1", "P", "curvature")


def over_time(report: dict, steps: int, name: str) -> np.ndarray:
    """(steps,) the value of a region's `name` at each step, from the reports of all regions."""
    return np.repeat(np.asarray(report[name], dtype=float), np.asarray(report["length"], dtype=int))[:steps]


def measure(settings: dict, part: str, seed: int) -> dict:
    """T1, P and |H_l| over one training: curves, and how they end beside how they began, by the mean over a tenth."""
    name, _, horizon = part.rpartition(", ")
    steps = int(horizon.split()[0])
    run = trained(settings, name, seed, {"method": "crest", "steps": steps, "hyper": {"longest": steps}})
    curves = {curve: over_time(run.report, run.steps, curve) for curve in CURVES}
    marks, tenth = np.linspace(0, run.steps - 1, POINTS).round().astype(int), max(1, run.steps // 10)
    return {
        **{curve: [short(value) for value in values[marks]] for curve, values in curves.items()},
        **{f"{curve} grows": short(values[-tenth:].mean() / values[:tenth].mean()) for curve, values in curves.items()},
        "regions": len(run.report["start"]), "checks": len(run.report["check_rho"]), "accuracy": short(run.accuracy),
        "T1 at last": short(curves["T1"][-tenth:].mean()), "P at last": short(curves["P"][-tenth:].mean()),
    }  # fmt: skip


def conclude(settings: dict, results: dict[str, list[dict]]) -> Verdict:
    """Whether |H_l| falls and T1 rises over the longest training on each data set."""
    rows, verdicts = [], []
    for part, runs in results.items():
        name, _, horizon = part.rpartition(", ")
        grown = {curve: [run[f"{curve} grows"] for run in runs] for curve in CURVES}
        row = {"data": name, "steps": int(horizon.split()[0])}
        row |= {key: interval([run[key] for run in runs]) for key in ("T1 at last", "P at last", "regions")}
        row |= {"T1 grows": interval(grown["T1"]), "|H| ends at": interval(grown["curvature"]),
                "accuracy": interval([100 * run["accuracy"] for run in runs])}  # fmt: skip
        row |= {f"{curve} over time": _middle([run[curve] for run in runs]) for curve in CURVES}
        rows.append(row)
        if row["steps"] == max(settings["horizons"]):
            verdicts += [judged([math.log(x) for x in grown["T1"]]), judged([-math.log(x) for x in grown["curvature"]])]
    columns = {"data": "", "steps": ",", "|H| ends at": ".3f", "T1 grows": ".2f", "T1 at last": ".1f",
               "P at last": ".1f", "regions": ".0f", "accuracy": ".2f"}  # fmt: skip
    return Verdict(rows, columns, together(verdicts), _finding(rows))


def _middle(curves) -> list[float | None]:
    """The geometric mean over seeds of positive curves (seeds, points)."""
    return [short(value) for value in np.exp(np.log(np.array(curves, dtype=float)).mean(axis=0))]


def _finding(rows: list[dict]) -> str:
    short_ones, long_ones = ([row for row in rows if row["steps"] == pick(each["steps"] for each in rows)]
                             for pick in (min, max))  # fmt: skip
    return (f"In {long_ones[0]['steps']:,} steps |H| falls to {across(long_ones, '|H| ends at', '.2f')} of what it "
            f"was in the first tenth, and T1 grows {across(long_ones, 'T1 grows', unit=' times')}, to "
            f"{across(long_ones, 'T1 at last', unit=' steps')}; in {short_ones[0]['steps']:,} steps it grows "
            f"{across(short_ones, 'T1 grows', unit=' times')}.")  # fmt: skip


def draw(document: dict, figure) -> None:
    """A row of panels for each data set: T1, P and |H|, on logarithmic axes, against the part of the training done."""
    sets = list(dict.fromkeys(row["data"] for row in document["rows"]))
    horizons = sorted({row["steps"] for row in document["rows"]})
    figure.set_size_inches(11, 0.9 + 3 * len(sets))
    axes = figure.subplots(len(sets), 3, squeeze=False)
    for row in document["rows"]:
        for curve, panel in zip(CURVES, axes[sets.index(row["data"])]):
            values = row[f"{curve} over time"]
            done = np.linspace(0, 100, len(values))
            panel.plot(done, values, color=COLOURS[horizons.index(row["steps"])], label=f"{row['steps']:,} steps")
    for name, panels in zip(sets, axes):
        for curve, panel in zip(("T1, steps between checks", "P, coresets of a region", "|H|"), panels):
            panel.set(title=f"{name}: {curve}", xlabel="% of the training")
            logarithmic(panel)
            dress(panel)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)


_HORIZONS = [270, 1000, 2700, 8000]


def _parts(settings: dict) -> list[str]:
    return [f"{name}, {steps} steps" for name in settings["sets"] for steps in settings["horizons"]]


EXPERIMENT = Experiment(
    name="crest-periods",
    claim="As training goes on the curvature falls, so that T1 = h |H_0| / |H_l| and P = b T1 grow: the model is "
          "checked ever less often (in our words; no numbers are printed).",
    place="CREST, the figure of T1 and P",
    minutes=3,
    scales={
        "quick": {"seeds": 3, "horizons": [10, 40], "sets": {"digits": {"data": "digits", "hidden": [16]}}},
        "laptop": {"seeds": 5, "horizons": _HORIZONS, "sets": {
            "digits": {"data": "digits"}, "mnist10k": {"data": "mnist10k", "model": "mlp", "m": 32}}},
        "paper": {"seeds": 5, "horizons": [780, 7820], "sets": {"cifar10": {
            "data": "cifar10", "model": "resnet20", "lr": 0.1, "weight_decay": 1e-4}}},
    },
    parts=_parts, measure=measure, conclude=conclude, draw=draw,
)  # fmt: skip
