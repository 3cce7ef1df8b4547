"""What selecting, modelling and checking take: seconds and bill of each, beside a step and CRAIG's selection.

Each is the phase's seconds over how often it happened in one training: a step; a mini-batch coreset; a quadratic model;
a check; and CRAIG's selection of a tenth of all data, as a whole and for each batch that it serves. "As printed" is
CREST whose model is of all P coresets and whose checks take r examples; otherwise they take one coreset and m examples.
"""

from __future__ import annotations

import math

from minicrest.experiments.figures import COLOURS, dress
from minicrest.experiments.paper.engine import Experiment, Verdict, interval, judged, together
from minicrest.experiments.paper.walks import across, short, trained
from minicrest.run import Run

PRINTED = {"selecting": 0.006, "CRAIG, for a batch": 0.089, "modelling": 0.115, "checking": 0.796}  # seconds
FACTOR = PRINTED["CRAIG, for a batch"] / PRINTED["selecting"]
METHODS: dict[str, dict] = {
    "random": {"method": "random"}, "crest": {"method": "crest"}, "craig": {"method": "craig"},
    "as printed": {"method": "crest", "hyper": {"lazy": False}},
}  # fmt: skip


def each_time(run: Run, phase: str, times: int) -> dict[str, float | None]:
    """Seconds and bill of one of the `times` that the phase happened."""
    bill = run.ledger.phases[phase]
    return {"seconds": short(bill.seconds / times), "bill": short(bill.cost / times)}


def measure(settings: dict, part: str, seed: int) -> dict:
    """What each kind of work took in trainings of so many steps, one after the other."""
    trained(settings, part, seed, {"method": "crest", "steps": 3})  # the first steps of a process are slow
    runs = {name: trained(settings, part, seed, changes) for name, changes in METHODS.items()}
    found = {"a step": each_time(runs["random"], "train", runs["random"].steps)}
    for name, suffix in (("crest", ""), ("as printed", ", as printed")):
        report = runs[name].report
        found |= {
            f"selecting{suffix}": each_time(runs[name], "select", int(report["coresets"])),
            f"modelling{suffix}": each_time(runs[name], "model", len(report["start"])),
            f"checking{suffix}": each_time(runs[name], "check", max(1, len(report["check_rho"]))),
        }
    craig = runs["craig"]
    found["CRAIG, a selection"] = each_time(craig, "select", len(craig.report["select_step"]))
    found["CRAIG, for a batch"] = each_time(craig, "select", craig.steps)
    return found


def conclude(settings: dict, results: dict[str, list[dict]]) -> Verdict:
    """The seconds of each kind of work over those of selecting a mini-batch coreset."""
    rows, verdicts = [], []
    for part, runs in results.items():
        name = part.replace(", ", " ")

        def seconds(work, runs=runs):
            return [run[work]["seconds"] for run in runs]

        def ratios(work, other="selecting", seconds=seconds):
            return [a / b for a, b in zip(seconds(work), seconds(other))]

        verdicts.append([judged(ratios("CRAIG, for a batch"), FACTOR),
                         judged([math.log(x) for x in ratios("modelling, as printed")]),
                         judged([math.log(x) for x in ratios("checking, as printed", "modelling, as printed")])])
        rows += [{
            "network": name, "work": work, "milliseconds": interval([1000 * s for s in seconds(work)]),
            "bill": interval([run[work]["bill"] for run in runs]), "times selecting": interval(ratios(work)),
            "printed": _printed(work),
        } for work in runs[0]]  # fmt: skip
    columns = {"network": "", "work": "", "milliseconds": ".2f", "bill": ",.0f", "times selecting": ".2f",
               "printed": ".1f"}  # fmt: skip
    every = [verdict for each in verdicts for verdict in each]
    return Verdict(rows, columns, together(every), _finding(rows))


def _printed(work: str) -> float | None:
    """The printed seconds over those of selecting, of CREST as printed or not."""
    seconds = PRINTED.get(work.removesuffix(", as printed"))
    return None if seconds is None else short(seconds / PRINTED["selecting"], 3)


def _finding(rows: list[dict]) -> str:
    def times(work):
        mine = [row for row in rows if row["work"] == work]
        printed = mine[0]["printed"]
        return across(mine, "times selecting", where="network") + (f" (printed: {printed:.0f})" if printed else "")

    return ("In units of what selecting a mini-batch coreset takes, CRAIG's selection takes "
            f"{times('CRAIG, a selection')}, or {times('CRAIG, for a batch')} for each batch that it serves, which is "
            "how the printed seconds are read, without certainty; a model as printed takes "
            f"{times('modelling, as printed')}, and a check of r examples {times('checking, as printed')}; the "
            "printed seconds of a check would fit a pass over all the data.")  # fmt: skip


def draw(document: dict, figure) -> None:
    """A group of bars for each network: how long each kind of work takes, beside what is printed."""
    names = list(dict.fromkeys(row["network"] for row in document["rows"]))
    works = list(dict.fromkeys(row["work"] for row in document["rows"]))
    axes, height = figure.subplots(), 0.8 / (len(names) + 1)
    for k, name in enumerate(names):
        rows = [row for row in document["rows"] if row["network"] == name]
        values, halves = ([row["times selecting"][part] or 0 for row in rows] for part in ("mean", "half"))
        places = [works.index(row["work"]) + k * height for row in rows]
        axes.barh(places, values, height, xerr=halves, color=COLOURS[k], label=name, ecolor="0.3")
    printed = [(works.index(row["work"]) + len(names) * height, row["printed"]) for row in document["rows"]
               if row["network"] == names[0] and row["printed"]]  # fmt: skip
    axes.barh(*zip(*printed), height, color="0.6", label="printed (ResNet-18, CIFAR-100)")
    axes.set_yticks([place + 0.4 - height / 2 for place in range(len(works))], works)
    axes.set(xscale="log", xlabel="seconds, in those of selecting one mini-batch coreset")
    axes.invert_yaxis()
    dress(axes)
    figure.legend(loc="outside lower center", ncols=4, frameon=False)


EXPERIMENT = Experiment(
    name="crest-table-2",
    claim="Selecting a mini-batch coreset takes 0.006 s where CRAIG takes 0.089 s; building the quadratic model takes "
          "0.115 s and checking it 0.796 s.",
    place="CREST, Table 2 (ResNet-18, CIFAR-100)",
    minutes=3,
    scales={
        "quick": {"seeds": 3, "sets": {"digits, mlp": {"data": "digits", "steps": 12}}},
        "laptop": {"seeds": 5, "sets": {
            "digits, mlp": {"data": "digits", "steps": 300},
            "mnist10k, mlp": {"data": "mnist10k", "model": "mlp", "steps": 150},
            "mnist10k, lenet": {"data": "mnist10k", "model": "lenet", "examples": 4000, "steps": 24},
        }},
        "paper": {"seeds": 5, "sets": {"cifar10, resnet20": {
            "data": "cifar10", "model": "resnet20", "steps": 780, "weight_decay": 1e-4, "lr": 0.1}}},
    },
    parts=lambda settings: list(settings["sets"]), measure=measure, conclude=conclude, draw=draw,
)  # fmt: skip
