"""AdaCore on imbalanced classes, trained on 1% of the data that is chosen anew every R passes over it.

Class c of 1 .. C keeps the part c/C of its training examples; the test part is as it was. Every method makes as many
passes over its subsets, at equal steps, so what selecting takes is on top of it; "random" is a new random subset as
often as the others choose.
"""

from __future__ import annotations

import numpy as np

from minicrest.backend import to_numpy
from minicrest.datasets import Dataset, load
from minicrest.experiments.figures import COLOURS, dress
from minicrest.experiments.paper.engine import Experiment, Verdict, interval, judged, together
from minicrest.experiments.paper.walks import setup_of, short
from minicrest.experiments.parts import Parts
from minicrest.random import stream

PRINTED = {"adacore": {20: 57.3, 10: 57.1, 5: 60.2}, "craig": {20: 48.6, 10: 55.0, 5: 53.1},
           "random": {20: 54.7, 10: 54.6, 5: 54.6}, "gradmatch": {20: 29.9, 10: 29.1, 5: 32.8},
           "glister": {20: 21.1, 10: 17.2, 5: 14.4}}  # fmt: skip


def imbalanced(data: Dataset, seed: int) -> Dataset:
    """`data` where class c of 0 .. C - 1 keeps round((c + 1)/C of its examples), drawn at random, in their order."""
    y, rng = to_numpy(data.y), stream(seed, "imbalanced")
    kept = []
    for c in range(data.n_classes):
        members = np.flatnonzero(y == c)
        kept.append(rng.permutation(members)[: round(len(members) * (c + 1) / data.n_classes)])
    return data.take(np.sort(np.concatenate(kept)))


def measure(settings: dict, part: str, seed: int) -> dict:
    """Test accuracy, seconds and bill of each method, for one R."""
    name, _, R = part.rpartition(", R=")
    chosen = settings["sets"][name]
    data = imbalanced(load(chosen["data"], settings["data_dir"]), seed)
    if settings["validation"]:
        data = data.split(settings["validation"], seed)  # for GLISTER, and taken from all methods
    steps = settings["passes"] * -(-max(1, round(settings["fraction"] * len(data))) // chosen["m"])
    found = {}
    for method in PRINTED:
        period = "T_p" if method == "random" else "R"
        hyper = {"fraction": settings["fraction"], period: int(R)}
        changes = {"method": {"random": "random-dynamic"}.get(method, method), "hyper": hyper, "steps": steps}
        run = setup_of(settings, name, seed, changes).run(progress=False, parts=Parts(data=data))
        found[method] = {"accuracy": short(run.accuracy), "seconds": short(run.ledger.seconds), "bill": run.ledger.cost}
    return found


def conclude(settings: dict, results: dict[str, list[dict]]) -> Verdict:
    """AdaCore's accuracy less that of the others, for each data set and R."""
    rows, verdicts = [], []
    for part, runs in results.items():
        name, _, R = part.rpartition(", R=")

        def accuracy(method, runs=runs):
            return np.array([100 * run[method]["accuracy"] for run in runs])

        for method in PRINTED:
            lead = accuracy("adacore") - accuracy(method)
            printed = PRINTED[method].get(int(R))
            rows.append({
                "data": name, "R": int(R), "method": method, "accuracy": interval(accuracy(method)),
                "AdaCore's lead": interval(lead) if method != "adacore" else None, "printed": printed,
                "bill": interval([run[method]["bill"] for run in runs]),
                "seconds": interval([run[method]["seconds"] for run in runs]),
            })  # fmt: skip
            if method in ("craig", "random"):
                verdicts.append(judged(lead))
    columns = {"data": "", "R": "", "method": "", "accuracy": ".1f", "AdaCore's lead": "+.1f", "printed": ".1f",
               "bill": ",.0f", "seconds": ".2f"}  # fmt: skip
    return Verdict(rows, columns, together(verdicts), _finding(rows))


def _finding(rows: list[dict]) -> str:
    def leads(method):
        return [row["AdaCore's lead"] for row in rows if row["method"] == method]

    def listed(method):
        return ", ".join(f"{lead['mean']:+.1f}" for lead in leads(method))

    def behind(method):
        return all(lead["half"] is not None and lead["mean"] - lead["half"] > 0 for lead in leads(method))

    clear = [method for method in PRINTED if method != "adacore" and behind(method)]
    places = ", ".join(f"R = {row['R']} on {row['data']}" for row in rows if row["method"] == "adacore")
    return (f"With {places}, AdaCore is {listed('random')} points from random subsets and {listed('craig')} points "
            f"from CRAIG; clearly behind it every time: {', '.join(clear) or 'none'}.")  # fmt: skip


def draw(document: dict, figure) -> None:
    """A panel for each data set: the accuracy of each method for each R, with its interval, and what is printed."""
    sets = list(dict.fromkeys(row["data"] for row in document["rows"]))
    panels = figure.subplots(1, len(sets) + 1, squeeze=False)[0]
    figure.set_size_inches(4.4 * len(panels), 4.6)
    periods = sorted({row["R"] for row in document["rows"]})
    for name, axes in zip([*sets, None], panels):
        for k, method in enumerate(PRINTED):
            places = np.arange(len(periods)) + 0.08 * (k - 2)
            if name is None:
                values, halves = [PRINTED[method].get(R, np.nan) for R in periods], None
            else:
                cells = [next(row["accuracy"] for row in document["rows"]
                              if (row["data"], row["method"], row["R"]) == (name, method, R))
                         for R in periods]  # fmt: skip
                values, halves = ([cell[key] or 0 for cell in cells] for key in ("mean", "half"))
            axes.errorbar(places, values, halves, fmt="o", ms=5, color=COLOURS[k], label=method, capsize=3)
        axes.set_xticks(range(len(periods)), [f"R = {R}" for R in periods])
        axes.set(title=name or "printed (CIFAR-10, ResNet-20)", ylabel="test accuracy, %")
        dress(axes)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=5, frameon=False)


_COMMON = {"fraction": 0.01, "validation": 0.1}
EXPERIMENT = Experiment(
    name="adacore-imbalanced",
    claim="On imbalanced CIFAR-10, trained on 1%, AdaCore has 57.3, 57.1 and 60.2% for R = 20, 10 and 5, where random "
          "subsets have 54.7, 54.6 and 54.6% and CRAIG 48.6, 55.0 and 53.1%.",
    place="AdaCore, the table of imbalanced classes",
    minutes=2,
    scales={
        "quick": {"seeds": 3, "periods": [5], "passes": 10, "fraction": 0.05, "validation": 0.1,
                  "sets": {"digits": {"data": "digits", "hidden": [16], "m": 16}}},
        "laptop": {**_COMMON, "seeds": 10, "periods": [20, 10, 5], "passes": 100, "sets": {
            "mnist10k": {"data": "mnist10k", "model": "mlp", "m": 11}}},
        "paper": {**_COMMON, "seeds": 5, "periods": [20, 10, 5], "passes": 200, "sets": {"cifar10": {
            "data": "cifar10", "model": "resnet20", "m": 128, "lr": 0.1, "weight_decay": 1e-4}}},
    },
    parts=lambda settings: [f"{name}, R={R}" for name in settings["sets"] for R in settings["periods"]],
    measure=measure, conclude=conclude, draw=draw,
)  # fmt: skip
