"""Times faster: what other ways of training spend until they are as good as a coreset method, over what it spent.

Every method trains with each of some constant learning rates, all with the bill of `passes` over all the data. The
level is 98% of the way from where the coreset method begins to where it ends with its best rate. Each method, the
coreset method too, takes the rate with which it gets there soonest, and what it spent is its bill, or its seconds, when
it was there first. One that never is would need more than it had: its factor is then too small, and never speaks
against a claim; `reached` says in what part of the seeds it was.

A "logistic" problem has two classes, and its quality is minus the training loss; for others it is the test accuracy.

The level was set after a first result for CRAIG, in which every method was held to the rate with which it ended best.
That was unfair to CRAIG; levels from 90% to 100% gave it the same verdict.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from minicrest.backend import to_numpy
from minicrest.datasets import Dataset, load
from minicrest.datasets.synthetic import blobs
from minicrest.experiments.figures import COLOURS, dress, logarithmic
from minicrest.experiments.paper.engine import FAILS, HOLDS, UNTOLD, Verdict, interval, judged, together
from minicrest.experiments.paper.walks import across, curve_of, short, spent_to, thinned
from minicrest.nn import Flatten, Linear, LogisticLoss, Network, SoftmaxCrossEntropy, Tanh, lenet, mlp, resnet20
from minicrest.optim import SGD
from minicrest.oracle import Oracle
from minicrest.selection import METHODS
from minicrest.train import train

UNITS = ("bill", "seconds")
NEARLY = 0.98  # of the way to where the coreset method ends


def problem_data(problem: dict, data_dir, seed: int) -> Dataset:
    """The data: odd against even where it is logistic, and then tested on the examples that are trained on."""
    if problem["data"] == "blobs":
        data = blobs(problem["examples"], problem["dimensions"], seed=seed)
    else:
        data = load(problem["data"], data_dir, seed)
        data = data.take(np.arange(min(len(data), problem.get("examples", len(data)))))
    if problem["model"] != "logistic":
        return data
    y = to_numpy(data.y) % 2
    return replace(data, y=y, classes=("0", "1"), test=Dataset(data.x, y, data.name, ("0", "1"), scale=data.scale,
                                                               shift=data.shift))  # fmt: skip


def problem_network(problem: dict, data: Dataset) -> Network:
    """The network: logistic regression, one hidden layer of tanh, or one of the zoo."""
    d, l2 = int(np.prod(data.shape)), problem["l2"]
    if problem["model"] == "logistic":
        return Network([Flatten(), Linear(d, 1)], LogisticLoss(l2))
    if problem["model"] == "hidden":
        return mlp((d, problem["hidden"], data.n_classes), Tanh, SoftmaxCrossEntropy(l2))
    return {"lenet": lenet, "resnet20": resnet20}[problem["model"]](data.shape, data.n_classes, SoftmaxCrossEntropy(l2))


def measure(settings: dict, part: str, seed: int) -> dict:
    """The curves of every method of the problem `part` with every learning rate: {method: {rate: curve}}."""
    problem = settings["problems"][part]
    data = problem_data(problem, settings["data_dir"], seed).to(settings["device"])
    network, n = problem_network(problem, data), len(data)
    quality = "loss" if problem["model"] == "logistic" else "accuracy"
    curves: dict[str, dict[str, dict]] = {}
    for name, hyper in problem["methods"].items():
        for lr in problem["lrs"]:
            kind: Any = METHODS[hyper["method"]]
            method = kind(m=problem["m"], **{k: v for k, v in hyper.items() if k != "method"})
            theta = network.initialize(seed, "float32", settings["device"])
            run = train(method, Oracle(network, data, theta, seed=seed), SGD(lr, problem.get("momentum", 0.0)),
                        problem["passes"] * -(-n // problem["m"]), max_bill=3 * n * problem["passes"],
                        evaluate_every=max(1, n // problem["m"] // 10), progress=False)  # fmt: skip
            curves.setdefault(name, {})[f"{lr:g}"] = curve_of(run, quality)
    return curves


def levels_of(runs: list[dict], method: str) -> list[float]:
    """The quality of each seed that is NEARLY of the way from where `method` begins to where its best rate ends."""
    def ends(rate):
        found = [run[method][rate]["quality"][-1] for run in runs]
        return [-np.inf if quality is None else quality for quality in found]

    best = max(runs[0][method], key=lambda rate: np.mean(ends(rate)))
    begins = [run[method][best]["quality"][0] for run in runs]
    return [begin + NEARLY * (end - begin) for begin, end in zip(begins, ends(best))]


def soonest(runs: list[dict], method: str, levels: list[float]) -> str:
    """The learning rate with which `method` reaches the seeds' levels for the smallest bill on the geometric mean."""
    def bills(rate):
        spent = [spent_to(run[method][rate], level, "bill") for run, level in zip(runs, levels)]
        return np.mean([np.log(bill) + (0 if there else 1) for bill, there in spent])  # e times dearer if never there

    return min(runs[0][method], key=bills)


def speedups(runs: list[dict], hero: str, other: str) -> dict:
    """Unit -> the factor of each seed; `reached`: in what part of the seeds the other method got there; its rate."""
    levels = levels_of(runs, hero)
    rate, slower = (soonest(runs, method, levels) for method in (hero, other))
    found: dict = {"rate": slower, "level": levels}
    for unit in UNITS:
        mine = [spent_to(run[hero][rate], level, unit)[0] for run, level in zip(runs, levels)]
        theirs = [spent_to(run[other][slower], level, unit) for run, level in zip(runs, levels)]
        found[unit] = [spent / own for (spent, _), own in zip(theirs, mine)]
        found["reached"] = sum(there for _, there in theirs) / len(runs)
    return found


def conclude(settings: dict, results: dict[str, list[dict]], hero: str, printed: dict[str, Callable]) -> Verdict:
    """Whether `hero` is as many times faster as printed: other method -> the factor of a problem, None if none is.

    A factor "up to" which it is faster is reached where it is on one of the problems, by bill and by seconds.
    """
    rows: list[dict] = []
    verdicts: dict[tuple, list[str]] = {}
    for part, runs in results.items():
        name = part.replace(", ", " ")
        rate = soonest(runs, hero, levels_of(runs, hero))
        rows.append({"problem": name, "method": hero, "rate": rate, "curve": _curve(runs, hero, rate)})
        for other in runs[0]:
            if other == hero:
                continue
            found = speedups(runs, hero, other)
            claimed = printed[other](settings["problems"][part]) if other in printed else None
            rows.append({
                "problem": name, "method": other, "printed": claimed, "rate": found["rate"],
                **{f"times, {unit}": interval(found[unit]) for unit in UNITS},
                "reached": 100 * found["reached"], "curve": _curve(runs, other, found["rate"]),
                "level": short(np.mean(found["level"])),
            })  # fmt: skip
            if claimed:
                verdict = together(judged(found[unit], claimed) for unit in UNITS)
                untold = verdict == FAILS and found["reached"] < 1
                verdicts.setdefault((other, claimed), []).append(UNTOLD if untold else verdict)
    columns = {"problem": "", "method": "", "rate": "", "times, bill": ".2f", "times, seconds": ".2f", "reached": ".0f",
               "printed": ""}  # fmt: skip
    return Verdict(rows, columns, together(map(up_to, verdicts.values())), finding(rows, hero))


def up_to(verdicts: list[str]) -> str:
    """The verdict on a claim of "up to", of the verdicts on each case."""
    return HOLDS if HOLDS in verdicts else FAILS if set(verdicts) == {FAILS} else UNTOLD


def _curve(runs: list[dict], method: str, rate: str) -> dict[str, list]:
    """The mean curve over seeds, for the picture: passes' bill, quality."""
    count = min(len(run[method][rate]["bill"]) for run in runs)
    middle = [np.mean([[np.nan if q is None else q for q in run[method][rate][key][:count]] for run in runs], axis=0)
              for key in ("bill", "quality")]  # fmt: skip
    return {key: [short(x) for x in thinned(values)] for key, values in zip(("bill", "quality"), middle)}


def finding(rows: list[dict], hero: str) -> str:
    """What the others spend to be as good as `hero`, over what it spends."""
    words = []
    for other in dict.fromkeys(row["method"] for row in rows if row["method"] != hero):
        mine = [row for row in rows if row["method"] == other]
        never = [row["problem"] for row in mine if row["reached"] < 100]
        printed = sorted({row["printed"] for row in mine if row["printed"]}, reverse=True)
        words.append(f"{other} {across(mine, 'times, bill', where='problem')} by bill and "
                     f"{across(mine, 'times, seconds', where='problem')} by seconds")  # fmt: skip
        words[-1] += f" (printed: {' and '.join(f'{factor:g}' for factor in printed)})" if printed else ""
        words[-1] += f", at least, since on {' and '.join(never)} it was not always there in the end" if never else ""
    return (f"Until they are nearly as good as {hero} is in the end, the others spend, in units of what it spends: "
            f"{'; '.join(words)}.")  # fmt: skip


def draw(document: dict, figure, hero: str) -> None:
    """A panel for each problem: quality against the bill, with the level that the others have to reach."""
    problems = document["settings"]["problems"]
    figure.set_size_inches(1.5 + 4.2 * len(problems), 4.6)
    for (name, problem), axes in zip(problems.items(), np.ravel(figure.subplots(1, len(problems)))):
        rows = [row for row in document["rows"] if row["problem"] == name.replace(", ", " ")]
        logistic = problem["model"] == "logistic"
        for k, row in enumerate(rows):
            quality = [np.nan if q is None else -q if logistic else 100 * q for q in row["curve"]["quality"]]
            label = f"{row['method']}, rate {row['rate']}"
            axes.plot([bill / 1e3 for bill in row["curve"]["bill"]], quality, color=COLOURS[k], label=label)
        level = rows[-1]["level"]
        axes.axhline(-level if logistic else 100 * level, color="0.4", ls=":", label=f"{NEARLY:.0%} of {hero}'s way")
        axes.set(title=name, xlabel="bill, thousand forward passes",
                 ylabel="training loss" if logistic else "test accuracy, %")  # fmt: skip
        if logistic:
            logarithmic(axes)
        else:
            axes.set_ylim(bottom=max(0, 100 * level - 15))
        axes.legend(frameon=False, fontsize="small")
        dress(axes)


def bound(hero: str, printed: dict[str, Callable]) -> tuple[Callable, Callable]:
    """`conclude` and `draw` of an Experiment on the method `hero`."""
    return partial(conclude, hero=hero, printed=printed), partial(draw, hero=hero)


def parts(settings: dict) -> list[str]:
    """The problems."""
    return list(settings["problems"])
