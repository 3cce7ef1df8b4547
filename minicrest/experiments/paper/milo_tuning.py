"""Tuning with MILO: the same search of hyper-parameters on subsets and on all the data, and what the choice is worth.

The search tries configurations that scikit-learn's ParameterSampler draws: learning rate, momentum, weight decay and
hidden units. Each trains at a constant rate and is scored by the accuracy on held-out training examples. On all the
data, on MILO's subsets and on random subsets of the same size ("random") it makes equally many passes. Two searches are
judged: "random" trains every configuration to the end; "halving" ranks them after 1/9 of the passes, goes on with the
best third, ranks them after 1/3, and goes on with the best third of these. A constant rate makes the early part of a
training the same whatever its end (but for MILO's easy phase, which is a part of the whole), so halving is read from
the same curves. MILO is prepared once for all of a search, and its seconds are counted.

regret: what the configuration that a subset chose lacks, trained on ALL the data, in points, to the one that the same
search on all the data chose.  hit: whether it is among the best third on all the data.  correlation: Kendall's tau of
the scores on subsets and on all the data, over the configurations.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from minicrest.experiments.figures import COLOURS, dress
from minicrest.experiments.paper.engine import FAILS, HOLDS, UNTOLD, Experiment, Verdict, interval, judged, together
from minicrest.experiments.paper.walks import across, setup_of, short
from minicrest.random import stream
from minicrest.selection import Milo
from minicrest.selection.milo import prepare

LEAST, MOST = 20, 75  # times faster, as printed
LOSS = 1.0  # points of regret within which a search has chosen as well
GRID = {"lr": [0.003, 0.01, 0.03, 0.1, 0.3, 1.0], "momentum": [0.0, 0.5, 0.9], "weight_decay": [0.0, 1e-4, 1e-2],
        "hidden": [(16,), (64,), (128,)]}  # fmt: skip
WAYS, SEARCHES, UNITS = ("milo", "random"), ("random", "halving"), ("bill", "seconds")


def configurations(count: int, seed: int) -> list[dict]:
    """`count` different configurations, as scikit-learn's random search draws them."""
    from sklearn.model_selection import ParameterSampler

    return list(ParameterSampler(GRID, count, random_state=int(stream(seed, "configurations").integers(2**31))))


def rungs(epochs: int) -> list[int]:
    """The passes after which halving ranks, the last of them the end."""
    return [max(1, epochs // 9), max(1, epochs // 3), epochs]


def trial(settings: dict, part: str, seed: int, way: str, fraction: float, configuration: dict, prepared) -> dict:
    """Score, bill and seconds of one configuration at each rung."""
    methods = {"full": ("full", {}), "milo": ("milo", {}),
               "random": ("random-dynamic", {"fraction": fraction, "T_p": 1})}  # fmt: skip
    method, hyper = methods[way]
    setup = setup_of(settings, part, seed, {"method": method, "hyper": hyper, "schedule": "constant",
                                            "tuning": settings["held out"], **configuration})  # fmt: skip
    built = setup.build()
    k = max(1, round(fraction * len(built[1])))
    steps = setup.epochs * -(-k // setup.m)
    built = (Milo.from_prepared(prepared, setup.m) if way == "milo" else built[0], *built[1:4], steps, None)
    run = replace(setup, evaluations=steps // max(1, -(-k // setup.m))).train(built, progress=False)
    at = [int(np.searchsorted(run.curve.step[:-1], rung * -(-k // setup.m))) for rung in rungs(setup.epochs)]
    return {"score": [short(100 * run.curve.accuracy[i]) for i in at], "bill": [int(run.curve.cost[i]) for i in at],
            "seconds": [short(run.curve.seconds[i]) for i in at]}  # fmt: skip


def measure(settings: dict, part: str, seed: int) -> dict:
    """All trials: on all the data, and for each fraction on MILO's and on random subsets; MILO's preparations."""
    drawn = configurations(settings["configurations"], seed)
    found: dict = {"full": [trial(settings, part, seed, "full", 1.0, each, None) for each in drawn]}
    for fraction in settings["fractions"]:
        oracle = setup_of(settings, part, seed, {"method": "full", "tuning": settings["held out"]}).build()[1]
        start = time.perf_counter()
        prepared = prepare(oracle.raw(None), oracle.labels, fraction, n_subsets=settings["subsets"], seed=seed)
        found[f"prepared {fraction}"] = short(time.perf_counter() - start)
        for way in WAYS:
            found[f"{way} {fraction}"] = [trial(settings, part, seed, way, fraction, each, prepared) for each in drawn]
    return found


def search(trials: list[dict], kind: str) -> tuple[int, dict[str, float]]:
    """(number of the configuration chosen, what the search spent by unit) for "random" or "halving"."""
    alive, spent = list(range(len(trials))), dict.fromkeys(UNITS, 0.0)
    stages = [2] if kind == "random" else [0, 1, 2]
    for stage in stages:
        for unit in UNITS:
            before = sum(trials[c][unit][stage - 1] for c in alive) if stage > stages[0] else 0
            spent[unit] += sum(trials[c][unit][stage] for c in alive) - before
        alive.sort(key=lambda c: -(trials[c]["score"][stage] or 0))
        alive = alive[: max(1, -(-len(alive) // 3))] if stage < 2 else alive[:1]
    return alive[0], spent


def judgement(run: dict, way: str, fraction: float, kind: str) -> dict[str, float]:
    """What one search on subsets shows beside the same search on all the data."""
    full, trials = run["full"], run[f"{way} {fraction}"]
    (best, whole), (chosen, spent) = search(full, kind), search(trials, kind)
    if way == "milo":
        spent = {**spent, "seconds": spent["seconds"] + run[f"prepared {fraction}"]}
    scores, mine = (np.array([each["score"][-1] or 0 for each in every]) for every in (full, trials))
    return {**{unit: whole[unit] / spent[unit] for unit in UNITS}, "regret": scores[best] - scores[chosen],
            "hit": float((scores > scores[chosen]).sum() < -(-len(scores) // 3)), "tau": tau(mine, scores)}  # fmt: skip


def tau(a, b) -> float:
    """Kendall's tau-b of two lists of scores; 0 where one of them is constant."""
    x, y = (np.sign(values[:, None] - values[None, :]) for values in (np.asarray(a), np.asarray(b)))
    scale = np.sqrt((x * x).sum() * (y * y).sum())
    return float((x * y).sum() / scale) if scale else 0.0


def conclude(settings: dict, results: dict[str, list[dict]]) -> Verdict:
    """Whether there is a fraction with which a search is 20 times faster and chooses as well."""
    rows, verdicts = [], []
    for name, runs in results.items():
        for fraction in settings["fractions"]:
            for way in WAYS:
                for kind in SEARCHES:
                    each = [judgement(run, way, fraction, kind) for run in runs]
                    values = {key: [one[key] for one in each] for key in each[0]}
                    rows.append({"data": name, "kept": fraction, "subsets": way, "search": kind,
                                 **{f"times, {unit}": interval(values[unit]) for unit in UNITS},
                                 "regret": interval(values["regret"]), "hits": 100 * float(np.mean(values["hit"])),
                                 "tau": interval(values["tau"])})  # fmt: skip
                    if way == "milo":
                        fast = [judged(values[unit], LEAST) for unit in UNITS]
                        verdicts.append(together([*fast, judged(np.negative(values["regret"]), -LOSS)]))
    verdict = HOLDS if HOLDS in verdicts else FAILS if set(verdicts) == {FAILS} else UNTOLD
    columns = {"data": "", "kept": ".1%", "subsets": "", "search": "", "times, bill": ".1f", "times, seconds": ".1f",
               "regret": ".2f", "hits": ".0f", "tau": ".2f"}  # fmt: skip
    return Verdict(rows, columns, verdict, _finding(rows))


def _finding(rows: list[dict]) -> str:
    words = []
    for kept in sorted({max(row["kept"] for row in rows), min(row["kept"] for row in rows)}, reverse=True):
        mine, random = ([row for row in rows if (row["kept"], row["subsets"], row["search"]) == (kept, way, "halving")]
                        for way in WAYS)  # fmt: skip
        words.append(
            f"with {kept:.0%} kept, halving on MILO's subsets is faster by a factor of "
            f"{across(mine, 'times, bill', '.0f')} by bill and {across(mine, 'times, seconds')} by seconds, at a "
            f"regret of {across(mine, 'regret', '.2f', ' points')}, and on random subsets by a factor of "
            f"{across(random, 'times, seconds')} by seconds, at {across(random, 'regret', '.2f', ' points')}"
        )
    text = "; ".join(words)
    return f"{text[:1].upper()}{text[1:]}."


def draw(document: dict, figure) -> None:
    """A panel for each data set and search: regret against how many times faster it was, by seconds."""
    sets = list(dict.fromkeys(row["data"] for row in document["rows"]))
    figure.set_size_inches(10.5, 1.2 + 3.4 * len(sets))
    panels = figure.subplots(len(sets), len(SEARCHES), squeeze=False)
    for row in document["rows"]:
        k, axes = WAYS.index(row["subsets"]), panels[sets.index(row["data"]), SEARCHES.index(row["search"])]
        at = row["times, seconds"]["mean"], row["regret"]["mean"]
        axes.errorbar(*at, row["regret"]["half"] or 0, fmt="os"[k], color=COLOURS[k], ms=6, capsize=3)
        axes.annotate(f"{100 * row['kept']:g}%", at, xytext=(5, (6, -14)[k]), textcoords="offset points",
                      fontsize="small", color=COLOURS[k])  # fmt: skip
    for name, pair in zip(sets, panels):
        for search, axes in zip(SEARCHES, pair):
            axes.axvspan(LEAST, MOST, color="0.93", zorder=0)
            axes.axhline(0, color="0.4", lw=1)
            axes.set(title=f"{name}, {'successive halving' if search == 'halving' else 'random search'}",
                     xlabel="times faster by seconds (shaded: as printed)", ylabel="regret, points",
                     xscale="log")  # fmt: skip
            axes.set_xticks([1, 2, 5, 10, 20, 50, 100], ["1", "2", "5", "10", "20", "50", "100"])
            axes.set_xticks([], minor=True)
            dress(axes)
    for k, label in enumerate(("MILO's subsets, with the part that is kept", "random subsets")):
        panels[0, 0].plot([], [], "os"[k], color=COLOURS[k], label=label)
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)


EXPERIMENT = Experiment(
    name="milo-tuning",
    claim="Tuning hyper-parameters with MILO is 20 to 75 times faster than on all the data.",
    place="MILO, abstract",
    minutes=4,
    scales={
        "quick": {"seeds": 3, "configurations": 4, "fractions": [0.1], "subsets": 3, "held out": 0.2,
                  "sets": {"digits": {"data": "digits", "epochs": 3}}},
        "laptop": {"seeds": 5, "configurations": 18, "fractions": [0.1, 0.05, 0.02], "subsets": 20, "held out": 0.2,
                   "sets": {"mnist10k": {"data": "mnist10k", "model": "mlp", "epochs": 9, "m": 64},
                            "digits": {"data": "digits", "epochs": 18, "m": 16}}},
        "paper": {"seeds": 5, "configurations": 108, "fractions": [0.1, 0.05, 0.01], "subsets": 300, "held out": 0.1,
                  "sets": {"trec": {"data": "trec", "epochs": 20, "m": 16},
                           "cifar10": {"data": "cifar10", "model": "mlp", "epochs": 200, "m": 128}}},
    },
    parts=lambda settings: list(settings["sets"]), measure=measure, conclude=conclude, draw=draw,
)  # fmt: skip
