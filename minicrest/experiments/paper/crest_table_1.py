"""CREST's first table: how far behind full training each method is after a tenth of its steps."""

from __future__ import annotations

from minicrest.experiments.paper import trainings
from minicrest.experiments.paper.drawing import dots
from minicrest.experiments.paper.engine import (
    FAILS,
    HOLDS,
    UNTOLD,
    Experiment,
    Verdict,
    interval,
    judged,
    text_of,
    together,
)
from minicrest.experiments.presets import PAPER_HYPER
from minicrest.experiments.statistics import relative_error

METHODS = {
    "full": trainings.FULL,
    "random": trainings.method("random"),
    "craig": trainings.method("craig", dict(fraction=0.1, R=1)),
    "gradmatch": trainings.method("gradmatch", dict(fraction=0.1, R=1)),
    "glister": trainings.method("glister", dict(fraction=0.1, R=1, target="train", rounds=20)),
    "crest": trainings.method("crest"),
    "crest, eager": trainings.method("crest", trainings.AS_PRINTED),
}
PRINTED = {"crest, eager": trainings.method("crest", PAPER_HYPER["cifar10"]["crest"])}
RIVALS = ("sgd", "random", "craig", "gradmatch", "glister")
COLUMNS = {"problem": "", "method": "", "accuracy %": ".2f", "rel. error %": ".2f", "behind crest": "+.2f",
           "bill": ".1f"}  # fmt: skip
WORDS = {HOLDS: "behind CREST", UNTOLD: "not told apart from it", FAILS: "ahead of it"}


def settings(seeds: int, problems: dict, budget: float = 0.1, methods=METHODS) -> dict:
    """A part of the steps of full training for every method on every problem."""
    return {"seeds": seeds, "setup": {"equal": "steps", "budget": budget}, "problems": problems, "methods": methods}


def conclude(settings: dict, results: dict[str, list[dict]]) -> Verdict:
    """The claim is that of every rival the relative error, on average over the problems, is larger than CREST's.

    "sgd" is full training where it is after the budget's part of its steps: its learning rate is still high.
    """
    budget, scores, cut = settings["setup"]["budget"], trainings.errors(settings, results), {}
    for problem, found in scores.items():
        cut[problem] = [cut_short(run, budget) for run in results[f"{problem}/full"]]
        full = trainings.column(results, f"{problem}/full", "accuracy")
        scores[problem] = {"sgd": relative_error(cut[problem], full), **found}
    rows = trainings.compared(scores, "crest", "rel. error %", "behind crest")
    trainings.pay(rows, results)
    for row in rows:
        part = f"{row['problem']}/{row['method']}"
        if part in results:
            row["accuracy %"] = interval(trainings.column(results, part, "accuracy"))
        elif row["problem"] in cut:
            row |= {"accuracy %": interval(cut[row["problem"]]), "bill": 1.0}
    mean = trainings.mean_over(scores)
    verdicts = {name: judged(mean[name] - mean["crest"]) for name in RIVALS if name in mean}
    return Verdict(rows, COLUMNS, together(verdicts.values()), _finding(rows, verdicts, trainings.where(scores)))


def cut_short(run: dict, part: float) -> float:
    """The accuracy of a training, in percent, at the first evaluation after `part` of its steps."""
    curve = run["curve"]
    return next(a for step, a in zip(curve["steps"], curve["accuracy"]) if step >= part * run["steps"] - 1)


def _finding(rows: list[dict], verdicts: dict[str, str], where: str) -> str:
    crest, random = (trainings.row_of(rows, name) for name in ("crest", "random"))
    groups = [f"{word}: {', '.join(names)}" for verdict, word in WORDS.items()
              if (names := [name for name, each in verdicts.items() if each == verdict])]  # fmt: skip
    return (f"CREST's relative error is {crest['rel. error %']['mean']:.1f}% and random's "
            f"{random['rel. error %']['mean']:.1f}% {where} ({text_of(random['behind crest'], '+.1f')} points)"
            f"{_on_cifar10(rows)}, at {trainings.bills(rows, 'crest')} times random's bill; "
            f"{'; '.join(groups)}.")  # fmt: skip


def _on_cifar10(rows: list[dict]) -> str:
    """The errors of both on the data of the printed numbers, where they are one problem of several."""
    problems = dict.fromkeys(row["problem"] for row in rows)
    pairs = {problem: [trainings.row_of(rows, name, problem)["rel. error %"]["mean"] for name in ("crest", "random")]
             for problem in problems if len(problems) > 1 and problem.startswith("cifar10")}  # fmt: skip
    return "".join(f", {crest:.1f}% and {random:.1f}% on {problem.replace(', ', ' with ')}"
                   for problem, (crest, random) in pairs.items())  # fmt: skip


def draw(document: dict, figure) -> None:
    """The relative errors, a panel a problem."""
    dots(figure, document["rows"], "problem", "method", "rel. error %", "relative error, %")


QUICK = settings(3, {"digits": trainings.DIGITS | dict(epochs=4)})
EXPERIMENT = Experiment(
    name="crest-table-1",
    claim="With 10% of the backpropagations CREST's relative error is the smallest: on CIFAR-10 5.5%, where random has "
          "7.2%, CRAIG 13.0%, GradMatch 6.0%, GLISTER 7.0%, and SGD whose schedule is cut short 21.3%",
    place="CREST, Table 1",
    minutes=4,
    scales={
        "quick": QUICK,
        "laptop": settings(5, {"mnist10k": trainings.MNIST, "trec": trainings.TREC, "subj": trainings.SUBJ}),
        "paper": settings(3, {"cifar10, resnet20": trainings.RESNET20}, methods=METHODS | PRINTED),
    },
    parts=trainings.parts, measure=trainings.measure, conclude=conclude, draw=draw, same=trainings.same,
)  # fmt: skip
