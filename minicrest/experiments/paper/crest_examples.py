"""What CREST looks at: how difficult its examples are over the training, how often each is picked, and who is dropped.

Difficulty is measured once, by another training on all the data: how often it forgets an example (Toneva et al., 2019),
and EL2N, the distance of its early prediction from the label. During CREST's training the examples that step 1 has
dropped are looked at, on plain data: the part that is right, those that were forgotten (wrong at some mark after they
were dropped), and the part of these that are right at the end.
"""

from __future__ import annotations

import numpy as np

from minicrest.backend import to_numpy
from minicrest.experiments.figures import COLOURS, dress
from minicrest.experiments.paper.engine import Experiment, Verdict, interval, judged, together
from minicrest.experiments.paper.walks import across, parts_of_set, setup_of, short, walk

MARKS = 40  # moments at which dropped examples are looked at
LATER = 0.99  # the accuracy of dropped examples that is printed for later in the training
SCORES = ("forgetting", "el2n")
ELSEWHERE = 1_000_000  # what the seed of the training that measures difficulty is larger by


def difficulty(settings: dict, part: str, seed: int) -> dict[str, np.ndarray]:
    """Each score (n,) over its mean, by another training with the seeds' own data."""
    found = {}
    for name, hyper in (("forgetting", {"T": settings["T"]}), ("el2n", {"t": 2, "runs": 1})):
        setup = setup_of(settings, part, seed + ELSEWHERE, {"method": name, "hyper": hyper})
        method, oracle, *_ = setup.build(parts_of_set(settings, part))
        score = method.init(oracle).score
        found[name] = score / max(score.mean(), np.finfo(float).tiny)
    return found


class Dropped:
    """The examples that are dropped, looked at from time to time."""

    def __init__(self, n: int):
        self.forgotten = np.zeros(n, dtype=bool)  # wrong at a mark after they were dropped
        self.share: list[float | None] = []  # of all examples, at each mark
        self.right: list[float | None] = []  # of the dropped, None without any

    def look(self, active, right) -> None:
        """Note who of the examples that are not `active` (n,) is `right` (n,)."""
        dropped = ~active
        self.forgotten |= dropped & ~right
        self.share.append(short(dropped.mean()))
        self.right.append(short(right[dropped].mean()) if dropped.any() else None)


class Picked:
    """What a training picks: how often each example, and how difficult it is in each tenth of the training."""

    def __init__(self, scores: dict[str, np.ndarray], steps: int, ranks: int):
        self.scores, self.steps, self.ranks = scores, steps, ranks
        self.uses = np.zeros(len(next(iter(scores.values()))), dtype=int)
        self.sums = {name: np.zeros((10, 2)) for name in scores}  # of difficulties, and how many picks

    def note(self, step: int, indices) -> None:
        """Count the batch `indices` of `step`, 1 .. steps."""
        np.add.at(self.uses, indices, 1)
        for name, score in self.scores.items():
            self.sums[name][(step - 1) * 10 // self.steps] += score[indices].sum(), len(indices)

    def summary(self) -> dict:
        """never: the part of examples not picked; most: the picks that fall on the most picked tenth; picks: how often
        an example is picked, by rank from the most picked, the mean over each of so many parts; difficulties.
        """
        often = np.sort(self.uses)
        most = often[-len(often) // 10 :].sum() / often.sum()
        picks = [short(part.mean()) for part in np.array_split(often[::-1], self.ranks)]
        means = {name: [short(total / picks) for total, picks in sums] for name, sums in self.sums.items()}
        return {"never": short((often == 0).mean()), "most": short(most), "picks": picks, **means}


def measure(settings: dict, part: str, seed: int) -> dict:
    """What random batches and CREST pick over a training, and what becomes of those that CREST has dropped."""
    scores, steps = difficulty(settings, part, seed), settings["sets"][part]["steps"]
    marks = set(np.linspace(0, steps, MARKS + 1).round().astype(int))
    picked = {name: Picked(scores, steps, settings["ranks"]) for name in ("random", "crest")}
    dropped = Dropped(len(picked["crest"].uses))
    for name, mine in picked.items():
        setup = setup_of(settings, part, seed, {"method": name})
        for moment in walk(setup, parts_of_set(settings, part)):
            if moment.batch is not None:
                mine.note(moment.step, moment.batch.indices)
            if name == "crest" and moment.step > 0 and moment.step in marks:
                dropped.look(moment.state.active, right := _right(moment.oracle))
    forgotten = dropped.forgotten
    return {**{name: mine.summary() for name, mine in picked.items()}, "dropped": dropped.share,
            "right": dropped.right, "forgotten": short(forgotten.sum() / max(1, (~moment.state.active).sum())),
            "again": short(right[forgotten].mean()) if forgotten.any() else None}  # fmt: skip


def _right(oracle) -> np.ndarray:
    """(n,) whether each example is predicted correctly, now."""
    return to_numpy(oracle.predictions(oracle.answers(np.arange(len(oracle))).logits)) == oracle.labels


def early_and_late(run: dict) -> tuple[float, float]:
    """The accuracy of the dropped where there first were any, and at the end; NaN where there never were."""
    there = [right for right in run["right"] if right is not None]
    return (there[0], there[-1]) if there else (np.nan, np.nan)


def conclude(settings: dict, results: dict[str, list[dict]]) -> Verdict:
    """Whether the picked become more difficult, and whether the dropped become and stay right."""
    rows, verdicts = [], []
    for name, runs in results.items():
        harder = {score: np.array([run["crest"][score] for run in runs]) for score in SCORES}
        rise = {score: values[:, -3:].mean(axis=1) - values[:, :3].mean(axis=1) for score, values in harder.items()}
        early, late = np.array([early_and_late(run) for run in runs]).T
        verdicts += [judged(rise["forgetting"]), judged(late - early), judged(late, LATER)]
        again = [run["again"] for run in runs if run["again"] is not None]
        row: dict = {"data": name, "rise": interval(rise["forgetting"]), "rise of EL2N": interval(rise["el2n"]),
               "dropped": interval([100 * run["dropped"][-1] for run in runs]),
               "right at first": interval(100 * early), "right at last": interval(100 * late),
               "forgotten": interval([100 * run["forgotten"] for run in runs]),
               "again": interval([100 * x for x in again]) if again else None}  # fmt: skip
        for method, key in (("crest", "never picked, crest"), ("random", "random")):
            row |= {key: interval([100 * run[method]["never"] for run in runs]),
                    f"top tenth, {method}": interval([100 * run[method]["most"] for run in runs])}  # fmt: skip
            row |= {f"{curve}, {method}": [short(x) for x in np.mean([run[method][curve] for run in runs], axis=0)]
                    for curve in (*SCORES, "picks")}  # fmt: skip
        row |= {f"{key} over time": _means([run[key] for run in runs]) for key in ("dropped", "right")}
        rows.append(row)
    columns = {"data": "", "rise": ".2f", "dropped": ".0f", "right at first": ".2f", "right at last": ".2f",
               "forgotten": ".1f", "again": ".0f", "never picked, crest": ".1f", "random": ".1f"}  # fmt: skip
    return Verdict(rows, columns, together(verdicts), _finding(rows))


def _means(curves) -> list[float | None]:
    """The mean over the seeds that have a value, at each mark, in percent."""
    there = [[100 * x for x in column if x is not None] for column in zip(*curves)]
    return [short(np.mean(column)) if column else None for column in there]


def _finding(rows: list[dict]) -> str:
    return ("From the first three tenths of the training to the last three, the mean forgetting score of what CREST "
            f"picks changes by {across(rows, 'rise', '+.2f')}, in units of the mean over all examples; "
            f"{_dropped(rows)} {across(rows, 'never picked, crest', '.0f', '%')} are never picked (by random batches "
            f"{across(rows, 'random', '.0f', '%')}), and of all picks "
            f"{across(rows, 'top tenth, crest', '.0f', '%')} fall on the tenth that is picked most (by random batches "
            f"{across(rows, 'top tenth, random', '.0f', '%')}).")  # fmt: skip


def _dropped(rows: list[dict]) -> str:
    """What becomes of the dropped and of the forgotten, where there are any."""
    dropped = [row for row in rows if row["right at first"]["mean"] is not None]
    forgotten, words = [row for row in rows if row["again"]], ""
    if dropped:
        words = (f"of the dropped {across(dropped, 'right at first', unit='%')} are right when they are first looked "
                 f"at and {across(dropped, 'right at last', unit='%')} at the end;")  # fmt: skip
    if forgotten:
        words += f" of those that were forgotten {across(forgotten, 'again', '.0f', '%')} are right again;"
    return words or "no example is dropped;"


def draw(document: dict, figure) -> None:
    """A row of panels for each data set: difficulty of what is picked; how often; how many are dropped, and right."""
    rows = document["rows"]
    figure.set_size_inches(14.5, 0.9 + 3.2 * len(rows))
    axes = figure.subplots(len(rows), 4, squeeze=False)
    for row, (first, second, third, fourth) in zip(rows, axes):
        for score, panel in zip(SCORES, (first, second)):
            for method, colour in (("crest", COLOURS[0]), ("random", "black")):
                panel.plot(np.arange(5, 100, 10), row[f"{score}, {method}"], "o-", ms=4, color=colour, label=method)
            title = {"forgetting": "forgetting score", "el2n": "EL2N"}[score]
            panel.set(title=f"{row['data']}: {title} of what is picked", ylabel="over the mean of all examples")
        ranks = document["settings"]["ranks"]
        for method, colour in (("crest", COLOURS[0]), ("random", "black")):
            third.plot((np.arange(ranks) + 0.5) * 100 / ranks, row[f"picks, {method}"], "o-", ms=4, color=colour,
                       label=method)  # fmt: skip
        third.set(title=f"{row['data']}: how often it is picked", ylabel="times in the training", ylim=(0, None))
        done = np.linspace(100 / MARKS, 100, len(row["dropped over time"]))
        for k, (key, label) in enumerate((("dropped", "dropped, % of all"), ("right", "right, % of the dropped"))):
            values = [np.nan if x is None else x for x in row[f"{key} over time"]]
            fourth.plot(done, values, color=COLOURS[k + 1], label=label)
        fourth.set(title=f"{row['data']}: dropped examples", ylim=(0, 105))
        for panel in (first, second, third, fourth):
            panel.set(xlabel="% of the examples, most picked first" if panel is third else "% of the training")
            panel.legend(frameon=False, fontsize="small")
            dress(panel)


EXPERIMENT = Experiment(
    name="crest-examples",
    claim="CREST picks more difficult examples as training goes on; of the examples that are dropped as learned 92% "
          "are right early, and more than 99% later, since what is forgotten is learned again (in our words).",
    place="CREST, the figures of forgetting scores and of dropped examples",
    minutes=2,
    scales={
        "quick": {"seeds": 3, "T": 2, "ranks": 20, "sets": {"digits": {
            "data": "digits", "examples": 400, "hidden": [16], "steps": 60, "m": 16}}},
        "laptop": {"seeds": 5, "T": 10, "ranks": 20, "sets": {
            "digits": {"data": "digits", "steps": 1350},
            "mnist10k": {"data": "mnist10k", "model": "mlp", "steps": 1260},
        }},
        "paper": {"seeds": 5, "T": 200, "ranks": 20, "sets": {"cifar10": {
            "data": "cifar10", "model": "resnet20", "steps": 7820, "lr": 0.1, "weight_decay": 1e-4}}},
    },
    parts=lambda settings: list(settings["sets"]), measure=measure, conclude=conclude, draw=draw,
)  # fmt: skip
