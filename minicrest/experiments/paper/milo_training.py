"""MILO's training: what all data takes to be as accurate as MILO is in the end, over what MILO takes.

MILO makes as many passes over its subsets as full training makes over all the data, so the fraction that it keeps is
the part of the bill that it pays; preparing it costs no bill, but seconds, which are counted. Beside it stand what else
the same bill buys: random mini-batches, and all the data in turn on a schedule as short.
"""

from __future__ import annotations

from minicrest.experiments.figures import COLOURS, dress
from minicrest.experiments.paper.engine import Experiment, Verdict, interval, judged, together
from minicrest.experiments.paper.walks import across, curve_of, spent_to, trained

LEAST, MOST = 3, 10  # times faster, as printed
UNITS = ("bill", "seconds")
METHODS = ("milo", "random", "shuffle")


def measure(settings: dict, part: str, seed: int) -> dict:
    """The curves of full training and, for each fraction, of MILO and its two rivals."""
    found = {"full": curve_of(trained(settings, part, seed, {"method": "full"}))}
    for fraction in settings["fractions"]:
        for method in METHODS:
            hyper = {"fraction": fraction} if method == "milo" else {}
            changes = {"method": method, "hyper": hyper, "budget": fraction, "equal": "steps"}
            found[f"{method} {fraction}"] = curve_of(trained(settings, part, seed, changes))
    return found


def conclude(settings: dict, results: dict[str, list[dict]]) -> Verdict:
    """How many times longer full training takes to the same accuracy, by bill and by seconds."""
    rows, verdicts = [], []
    for name, runs in results.items():
        for fraction in settings["fractions"]:
            for method in METHODS:
                times = {unit: [_times(run, f"{method} {fraction}", unit) for run in runs] for unit in UNITS}
                loss = [100 * (run["full"]["quality"][-1] - run[f"{method} {fraction}"]["quality"][-1]) for run in runs]
                rows.append({"data": name, "kept": fraction, "method": method, "points lost": interval(loss),
                             **{f"times, {unit}": interval(times[unit]) for unit in UNITS},
                             **{f"whole training, {unit}": interval([_whole(run, f"{method} {fraction}", unit)
                                                                     for run in runs]) for unit in UNITS}})  # fmt: skip
                if method == "milo":
                    verdicts.append(together(judged(times[unit], LEAST) for unit in UNITS))
    columns = {"data": "", "kept": ".0%", "method": "", "points lost": ".2f", "times, bill": ".2f",
               "times, seconds": ".2f", "whole training, bill": ".1f", "whole training, seconds": ".1f"}  # fmt: skip
    return Verdict(rows, columns, together(verdicts), _finding(rows))


def _times(run: dict, method: str, unit: str) -> float:
    """What full training takes to where `method` ends, over all that `method` takes."""
    return spent_to(run["full"], run[method]["quality"][-1], unit)[0] / run[method][unit][-1]


def _whole(run: dict, method: str, unit: str) -> float:
    """The whole of full training over the whole of `method`."""
    return run["full"][unit][-1] / run[method][unit][-1]


def _finding(rows: list[dict]) -> str:
    words = []
    for kept in dict.fromkeys(row["kept"] for row in rows):
        mine, random, shuffle = ([row for row in rows if row["kept"] == kept and row["method"] == m] for m in METHODS)
        words.append(
            f"with {kept:.0%} kept, full training is as accurate as MILO is in the end once it has spent, in units of "
            f"what MILO spends, {across(mine, 'times, bill', '.2f')} by bill and "
            f"{across(mine, 'times, seconds', '.2f')} by seconds; MILO loses "
            f"{across(mine, 'points lost', unit=' points')} to the whole of it, random batches at MILO's bill "
            f"{across(random, 'points lost')}, a short schedule on all the data {across(shuffle, 'points lost')}"
        )
    text = "; ".join(words)
    return f"{text[:1].upper()}{text[1:]}."


def draw(document: dict, figure) -> None:
    """A panel for each data set: points lost against how many times cheaper the whole training is."""
    sets = list(dict.fromkeys(row["data"] for row in document["rows"]))
    figure.set_size_inches(max(7.5, 5 * len(sets)), 4.8)
    panels = figure.subplots(1, len(sets), squeeze=False)[0]
    for row in document["rows"]:
        k = METHODS.index(row["method"])
        axes = panels[sets.index(row["data"])]
        axes.errorbar(row["whole training, seconds"]["mean"], row["points lost"]["mean"],
                      row["points lost"]["half"] or 0, fmt="osD"[k], color=COLOURS[k], capsize=3)  # fmt: skip
        axes.annotate(f"{row['kept']:.0%}", (row["whole training, seconds"]["mean"], row["points lost"]["mean"]),
                      xytext=(6, 4), textcoords="offset points", fontsize="small", color=COLOURS[k])  # fmt: skip
    for name, axes in zip(sets, panels):
        axes.axvspan(LEAST, MOST, color="0.93", zorder=0)
        axes.axhline(0, color="0.4", lw=1)
        axes.set(title=name, xlabel="times faster by seconds (shaded: as printed)",
                 ylabel="points of test accuracy lost", xscale="log")  # fmt: skip
        axes.set_xticks([1, 2, 3, 5, 10, 20], ["1", "2", "3", "5", "10", "20"])
        axes.set_xticks([], minor=True)
        dress(axes)
    names = {"milo": "MILO", "random": "random batches", "shuffle": "all the data, a short schedule"}
    for k, method in enumerate(METHODS):
        panels[0].plot([], [], "osD"[k], color=COLOURS[k], label=names[method])
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)


EXPERIMENT = Experiment(
    name="milo-training",
    claim="MILO trains 3 to 10 times faster than on all the data.",
    place="MILO, abstract",
    minutes=2,
    scales={
        "quick": {"seeds": 3, "fractions": [0.1], "sets": {"digits": {
            "data": "digits", "examples": 400, "hidden": [16], "epochs": 4}}},
        "laptop": {"seeds": 5, "fractions": [0.1, 0.3], "sets": {
            "digits": {"data": "digits", "epochs": 30, "schedule": "cosine", "evaluations": 60},
            "mnist10k": {"data": "mnist10k", "model": "mlp", "epochs": 20, "schedule": "cosine", "evaluations": 60}}},
        "paper": {"seeds": 5, "fractions": [0.1, 0.3], "sets": {"cifar10": {
            "data": "cifar10", "model": "resnet20", "epochs": 300, "lr": 0.05, "weight_decay": 5e-4,
            "schedule": "cosine", "evaluations": 300}}},
    },
    parts=lambda settings: list(settings["sets"]), measure=measure, conclude=conclude, draw=draw,
)  # fmt: skip
