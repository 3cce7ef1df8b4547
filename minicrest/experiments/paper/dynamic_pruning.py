"""Dynamic pruning against static pruning, at the same number of passes over as many kept examples.

Pruned by 30, 50 and 70%, every method makes as many passes over what it keeps as full training makes over all the data.
Static: a random subset, EL2N and forgetting, each chosen once. Dynamic: random, epsilon-greedy and UCB, chosen anew
every T_p passes. What scoring costs is on top, in the bill and in the seconds.
"""

from __future__ import annotations

import numpy as np

from minicrest.experiments.census import census
from minicrest.experiments.figures import COLOURS, dress
from minicrest.experiments.paper.engine import Experiment, Verdict, interval, judged, together
from minicrest.experiments.paper.walks import across, short, trained

ONCE = 1_000_000_000  # passes between two choices: more than there are
STATIC, DYNAMIC = ("static random", "el2n", "forgetting"), ("random-dynamic", "epsilon-greedy", "ucb")
LOSS = 0.5  # points below full training that are no significant loss
TIMES = 2  # times faster, as printed, at half the data


def changes_of(settings: dict, method: str, kept: float) -> dict:
    """What makes a Setup one of the method that keeps this part of the data."""
    hyper = {"static random": {"T_p": ONCE}, "el2n": {"t": settings["t"], "runs": 1},
             "forgetting": {"T": settings["T"]}}.get(method, {"T_p": settings["T_p"]})  # fmt: skip
    name = "random-dynamic" if method == "static random" else method
    return {"method": name, "hyper": {"fraction": kept, **hyper}, "budget": kept, "equal": "steps"}


def measure(settings: dict, part: str, seed: int) -> dict:
    """Accuracy, bill and seconds of full training and of every method at every rate; censuses of the dynamic ones."""
    full = trained(settings, part, seed, {"method": "full"})
    found = {"full": {"accuracy": short(full.accuracy), "bill": full.ledger.cost, "seconds": full.ledger.seconds}}
    for kept in settings["kept"]:
        for method in (*STATIC, *DYNAMIC):
            run = trained(settings, part, seed, changes_of(settings, method, kept))
            one = {"accuracy": short(run.accuracy), "bill": run.ledger.cost, "seconds": run.ledger.seconds}
            if method in DYNAMIC:
                shares = census(run.report["kept"], len(run.report["checkpoint_step"]))
                one["census"] = [short(len(share) / len(run.report["kept"])) for share in shares]
            found[f"{method} {kept}"] = one
    return found


def conclude(settings: dict, results: dict[str, list[dict]]) -> Verdict:
    """Random dynamic against the static scores; the two bandits against random dynamic; half the data against all."""
    rows, verdicts = [], []
    for name, runs in results.items():
        def accuracy(key, runs=runs):
            return np.array([100 * run[key]["accuracy"] for run in runs])

        for kept in settings["kept"]:
            random = accuracy(f"random-dynamic {kept}")
            for method in (*STATIC, *DYNAMIC):
                key = f"{method} {kept}"
                rows.append({
                    "data": name, "pruned": 1 - kept, "method": method, "accuracy": interval(accuracy(key)),
                    "above random dynamic": interval(accuracy(key) - random) if method != "random-dynamic" else None,
                    "lost": interval(accuracy("full") - accuracy(key)),
                    **{f"times, {unit}": interval([run["full"][unit] / run[key][unit] for run in runs])
                       for unit in ("bill", "seconds")},
                    "census": np.mean([run[key]["census"] for run in runs], axis=0).round(3).tolist()
                    if method in DYNAMIC else None,
                })  # fmt: skip
            verdicts += [judged(random - accuracy(f"{method} {kept}")) for method in STATIC[1:]]
            verdicts += [judged(accuracy(f"{method} {kept}") - random) for method in DYNAMIC[1:]]
        half = min(settings["kept"], key=lambda kept: abs(kept - 1 / TIMES))
        verdicts.append(judged(accuracy(f"random-dynamic {half}") - accuracy("full"), -LOSS))
    columns = {"data": "", "pruned": ".0%", "method": "", "accuracy": ".2f", "above random dynamic": "+.2f",
               "lost": "+.2f", "times, bill": ".2f", "times, seconds": ".2f"}  # fmt: skip
    return Verdict(rows, columns, together(verdicts), _finding(rows))


def _finding(rows: list[dict]) -> str:
    def at(method, pruned):
        return [row for row in rows if (row["method"], row["pruned"]) == (method, pruned)]

    most, half = max(row["pruned"] for row in rows), min((row["pruned"] for row in rows), key=lambda x: abs(x - 0.5))
    ahead = [f"{method} is {across(at(method, most), 'above random dynamic', '+.2f')}"
             for method in ("el2n", "forgetting", "epsilon-greedy", "ucb")]  # fmt: skip
    kept = ["{:.0f}, {:.0f} and {:.0f}% on {}".format(*(100 * share for share in row["census"]), row["data"])
            for row in at("ucb", most)]  # fmt: skip
    random = at("random-dynamic", half)
    return (f"Pruned by {most:.0%}, in points from random dynamic, {', '.join(ahead)}; UCB keeps always, sometimes and "
            f"never {', '.join(kept)}; pruned by {half:.0%}, random dynamic is faster than full training by a factor "
            f"of {across(random, 'times, bill')} by bill and {across(random, 'times, seconds')} by seconds, and loses "
            f"{across(random, 'lost', '.2f', ' points')} to it.")  # fmt: skip


def draw(document: dict, figure) -> None:
    """For each data set: points from random dynamic at each rate, and who is kept always, sometimes and never."""
    sets = list(dict.fromkeys(row["data"] for row in document["rows"]))
    figure.set_size_inches(12, 0.9 + 3.6 * len(sets))
    axes = figure.subplots(len(sets), 2, squeeze=False)
    for name, (left, right) in zip(sets, axes):
        rows = [row for row in document["rows"] if row["data"] == name]
        rates = sorted({row["pruned"] for row in rows})
        shown = [method for method in (*STATIC, *DYNAMIC) if method != "random-dynamic"]
        for k, method in enumerate(shown):
            cells = [next(row["above random dynamic"] for row in rows
                          if (row["method"], row["pruned"]) == (method, rate)) for rate in rates]  # fmt: skip
            places = np.arange(len(rates)) + 0.1 * (k - 2)
            left.errorbar(places, [cell["mean"] for cell in cells], [cell["half"] or 0 for cell in cells], fmt="o",
                          color=COLOURS[k], capsize=3, label=method)  # fmt: skip
        left.axhline(0, color="black", lw=1.2)
        left.set_xticks(range(len(rates)), [f"{rate:.0%} pruned" for rate in rates])
        left.set(title=name, ylabel="points above random dynamic (0)")
        kept = [row for row in rows if row["census"]]
        base = np.zeros(len(kept))
        for share, (label, k) in enumerate((("always", 2), ("sometimes", 0), ("never", 1))):
            width = np.array([100 * row["census"][share] for row in kept])
            right.barh(range(len(kept)), width, left=base, color=COLOURS[k], label=f"kept {label}")
            base += width
        right.set_yticks(range(len(kept)), [f"{row['method']}, {row['pruned']:.0%}" for row in kept])
        right.set(title=f"{name}: how often examples are kept", xlabel="% of the examples")
        right.invert_yaxis()
        for panel in (left, right):
            dress(panel)
    for column, panel in enumerate(axes[-1]):
        panel.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=(3, 3)[column], frameon=False)


EXPERIMENT = Experiment(
    name="dynamic-pruning",
    claim="Pruning uniformly at random, anew every few epochs, beats static pruning by scores; epsilon-greedy and UCB "
          "are better still; training takes up to 2 times less time without significant loss.",
    place="Dynamic data pruning (Raju, Daruwalla, Lipasti), abstract",
    minutes=2,
    scales={
        "quick": {"seeds": 3, "kept": [0.5], "T_p": 2, "t": 1, "T": 2, "sets": {"digits": {
            "data": "digits", "examples": 400, "hidden": [16], "epochs": 6}}},
        "laptop": {"seeds": 5, "kept": [0.7, 0.5, 0.3], "T_p": 2, "t": 4, "T": 10, "sets": {
            "mnist10k": {"data": "mnist10k", "model": "mlp", "epochs": 12},
            "trec": {"data": "trec", "examples": 2000, "epochs": 20}}},
        "paper": {"seeds": 5, "kept": [0.7, 0.5, 0.3], "T_p": 10, "t": 20, "T": 200, "sets": {"cifar10": {
            "data": "cifar10", "model": "resnet20", "epochs": 200, "lr": 0.1, "weight_decay": 1e-4}}},
    },
    parts=lambda settings: list(settings["sets"]), measure=measure, conclude=conclude, draw=draw,
)  # fmt: skip
