"""README's evidence, kept as small JSON: python -m tests.evidence FOLDER gathers it, --write shows what is kept.

FOLDER holds folders that `minicrest compare --out` wrote. Of a comparison at an equal bill are kept its rows, its setup
and the learning rate and batch size that tuning chose for each method; where random alone was given half as much again,
how far thinning is ahead of that too. Of a comparison at equal steps are kept CREST's accuracies, bills and paired
differences. Of problems with several bills, the whole one among them, is kept what comes of training for the bill whose
accuracy on held-out examples is best.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np

from minicrest.experiments.statistics import estimate

ROOT = Path(__file__).resolve().parent.parent
README, KEPT = ROOT / "README.md", ROOT / "tutorials" / "paper" / "thinning.json"
LAZY, EARLY = KEPT.with_name("lazy.json"), KEPT.with_name("early.json")
METHODS = ("random", "shuffle", "infobatch", "selective-backprop", "crest", "fresh", "thinning")
BASELINES = ("random", "shuffle")
VARIANTS = ("crest", "exclude=False", "lazy=False", "T2=20")  # lazy=False without exclusion too, T2=20 with floor=0


def documents(folder: Path, equal: str) -> list[tuple[Path, dict]]:
    """The comparisons below `folder` that hold the bill or the steps equal."""
    read = [(path, json.loads(path.read_text())) for path in sorted(folder.glob("*/compare.json"))]
    return [(path, document) for path, document in read if document["setup"]["equal"] == equal]


def head(document: dict, *more: str) -> dict:
    """What is kept of a comparison's setup."""
    keep = ("data", "model", "transform", "budget", "epochs", "equal", "hidden", *more)
    return {name: document["setup"][name] for name in keep} | {"seeds": document["seeds"]}


def gathered(folder: Path) -> list[dict]:
    """The comparisons at an equal bill below `folder`, ordered by budget and name."""
    found, every = [], documents(folder, "bill")
    for path, document in every:
        if "thinning" not in {row["method"] for row in document["rows"]}:
            continue
        comparison = head(document) | {"rows": document["rows"]}
        tuned = path.parent / "tuned-bill.json"
        if tuned.exists():
            tuning = json.loads(tuned.read_text())
            comparison |= {"grid": tuning["grid"], "tune_seeds": tuning["seeds"]}
            comparison["chosen"] = {name: entry["choice"] for name, entry in tuning["methods"].items()}
        for other in (other for _, other in every if is_more(other, document)):
            random = accuracies(other, "random")
            ahead = estimate(accuracies(document, "thinning") - random)
            comparison["more"] = {"accuracy": float(random.mean()), "ahead": asdict(ahead)}
        comparison["reached"] = reached(document)
        if document["seeds"] == list(range(30)):  # the method was designed while the first ten were looked at
            later = {name: accuracies(document, name)[10:] for name in ("random", "shuffle", "thinning")}
            comparison["later"] = {name: asdict(estimate(later["thinning"] - later[name])) for name in BASELINES}
        found.append(comparison)
    return sorted(found, key=lambda c: (c["budget"], title(c)))


def reached(document: dict) -> float | None:
    """The median over the seeds of thinning's seconds when it is first as accurate as random is in the end, in random's
    seconds; None where most seeds are not evaluated on the way, or never get there.
    """
    runs = {(run["method"], run["seed"]): run["curve"] for run in document["runs"]}
    parts = []
    for seed in document["seeds"]:
        random, thinning = runs["random", seed], runs["thinning", seed]
        target, way = random["accuracy"][-1], zip(thinning["seconds"], thinning["accuracy"], strict=True)
        there = [seconds for seconds, accuracy in way if accuracy >= target]
        parts.append(there[0] / random["seconds"][-1] if there and len(thinning["accuracy"]) > 9 else np.inf)
    median = float(np.median(parts))
    return median if np.isfinite(median) else None


def is_more(other: dict, document: dict) -> bool:
    """Whether `other` is the same comparison with 1.5 times the bill."""
    budget = round(1.5 * document["setup"]["budget"], 6)
    return head(other) == head(document) | {"budget": budget}


def accuracies(document: dict, method: str) -> np.ndarray:
    """(seeds,) in percent, when each run of the method has ended."""
    runs = sorted((run for run in document["runs"] if run["method"] == method), key=lambda run: run["seed"])
    return 100 * np.array([run["curve"]["accuracy"][-1] for run in runs])


def gathered_lazy(folder: Path) -> list[dict]:
    """The comparisons of CREST's variants at equal steps below `folder`."""
    found = []
    for _, document in documents(folder, "steps"):
        labels = {variant(row["method"]): row["method"] for row in document["rows"]}
        assert len(labels) == len(document["rows"]), f"two of {list(labels)} are the same variant"
        runs = {name: [run for run in document["runs"] if run["method"] == label] for name, label in labels.items()}
        accuracy = {name: 100 * np.array([run["curve"]["accuracy"][-1] for run in runs[name]]) for name in runs}
        bill = {name: float(np.mean([run["cost"] for run in runs[name]])) for name in runs}
        ahead = {name: asdict(estimate(accuracy["crest"] - accuracy[name])) for name in runs if name != "crest"}
        means = {name: float(accuracy[name].mean()) for name in runs}
        early = asdict(estimate(accuracy["T2=20"] - accuracy["random"])) if "T2=20" in runs else None
        found.append(head(document, "m", "lr") | {"accuracy": means, "bill": bill, "crest_minus": ahead,
                                                  "dropping_minus_random": early})  # fmt: skip
    return sorted(found, key=title)


def gathered_early(folder: Path) -> list[dict]:
    """For each problem: where random, shuffle and thinning stop, and thinning's lead over the others if all do.

    A method stops at the bill whose best learning rate and batch size have the highest accuracy on the held-out part of
    the training examples: at the smallest such bill, if there are several.
    """
    problems: dict[str, dict[float, tuple]] = {}
    for path, document in documents(folder, "bill"):
        tuned = path.parent / "tuned-bill.json"
        if tuned.exists() and "thinning" in {row["method"] for row in document["rows"]}:
            tuning = json.loads(tuned.read_text())
            bills = problems.setdefault(title(head(document) | {"grid": tuning["grid"]}), {})
            assert document["setup"]["budget"] not in bills, f"{path}: there are two of this problem and bill"
            bills[document["setup"]["budget"]] = document, tuning["methods"]
    several = {name: bills for name, bills in sorted(problems.items()) if len(bills) > 2 and 1 in bills}
    return [{"title": name} | _stopped(bills) for name, bills in several.items()]


def _stopped(bills: dict[float, tuple]) -> dict:
    seeds = sorted(set.intersection(*(set(document["seeds"]) for document, _ in bills.values())))
    stops, accuracy = {}, {}
    for name in ("random", "shuffle", "thinning"):
        held_out = {bill: max(float(np.mean(point["accuracy"])) for point in methods[name]["points"])
                    for bill, (_, methods) in sorted(bills.items())}  # fmt: skip
        stops[name] = max(held_out, key=lambda bill: held_out[bill])
        document = bills[stops[name]][0]
        accuracy[name] = accuracies(document, name)[np.isin(sorted(document["seeds"]), seeds)]
    ahead = {name: asdict(estimate(accuracy["thinning"] - accuracy[name])) for name in BASELINES}
    means = {name: float(values.mean()) for name, values in accuracy.items()}
    return {"seeds": seeds, "bills": sorted(bills), "stops": stops, "accuracy": means, "ahead": ahead}


def variant(label: str) -> str:
    """The variant of CREST whose arguments a label gives; other labels as they are."""
    found = [name for name in VARIANTS[:0:-1] if name in label]
    return found[0] if found else label.partition("(")[0]


def title(comparison: dict) -> str:
    """The problem in a few words."""
    transform = "".join(f", {name} {value:g}" for name, value in comparison["transform"])
    loss = ", q tuned" if "q" in comparison.get("grid", ()) else ""
    return f"{comparison['data']}, {comparison['model']}{transform}{loss}"


def table(comparisons: list[dict]) -> str:
    """A row a comparison: accuracies, and how far thinning is ahead of both baselines; * where Holm's test says so, and
    + where a choice lies at an end of its grid.
    """
    heads = ["problem", "bill", "seeds", *METHODS, "thinning - random", "thinning - shuffle",
             "thinning - shuffle, seeds 10 to 29", "thinning - random with 1.5 times the bill",
             "thinning's seconds / random's"]  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for c in comparisons:
        rows = {row["method"]: row for row in c["rows"]}
        cells = [title(c), f"{100 * c['budget']:g}%", f"{len(c['seeds'])}"]
        cells += [f"{rows[name]['accuracy']['mean']:.2f}{'+' * at_an_end(c, name)}" if name in rows else ""
                  for name in METHODS]  # fmt: skip
        cells += [_difference(rows["thinning"], gain, p) for gain, p in (("gain", "p"), ("gain_shuffle", "p_shuffle"))]
        cells += [shown(c.get("later", {}).get("shuffle")), shown(c.get("more", {}).get("ahead"))]
        cells += [f"{rows['thinning']['seconds'] / rows['random']['seconds']:.1f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def shown(difference: dict | None) -> str:
    """A mean and its interval, in percentage points."""
    return f"{difference['mean']:+.2f} +- {difference['half']:.2f}" if difference else ""


def at_an_end(comparison: dict, method: str) -> bool:
    """Whether the learning rate or the batch size that was chosen is the least or the largest of several."""
    chosen, grid = comparison["chosen"][method], comparison["grid"]
    return any(len(grid[name]) > 1 and chosen[name] in (min(grid[name]), max(grid[name])) for name in ("lr", "m"))


def lazy_table(comparisons: list[dict]) -> str:
    """A row a comparison: how far CREST is ahead, paired, and what it and its variants paid, in random's bills."""
    lines = ["| problem | seeds | crest | - random | - exclude=False | - lazy=False | T2=20, floor=0 - random | "
             "bills of crest, exclude=False, lazy=False in random's |", "|---" * 8 + "|"]  # fmt: skip
    for c in comparisons:
        ahead = [c["crest_minus"].get(name) for name in ("random", *VARIANTS[1:3])] + [c["dropping_minus_random"]]
        bills = ", ".join(f"{c['bill'][name] / c['bill']['random']:.1f}" for name in VARIANTS[:3] if name in c["bill"])
        cells = [title(c), f"{len(c['seeds'])}", f"{c['accuracy']['crest']:.2f}"]
        cells += map(shown, ahead)
        lines.append(f"| {' | '.join([*cells, bills])} |")
    return "\n".join(lines) + "\n"


def early_table(problems: list[dict]) -> str:
    """A row a problem: where each method stops and its accuracy there, and how far thinning is ahead, paired."""
    names = ("random", "shuffle", "thinning")
    lines = [f"| problem | seeds | {' | '.join(names)} | thinning - random | thinning - shuffle |", "|---" * 7 + "|"]
    for p in problems:
        cells = [f"{p['accuracy'][name]:.2f} (at {100 * p['stops'][name]:g}%)" for name in names]
        cells += map(shown, p["ahead"].values())
        lines.append(f"| {p['title']} | {len(p['seeds'])} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _difference(row: dict, gain: str, p: str) -> str:
    return shown(row[gain]) + "*" * (row[p] < 0.05)


def block(mark: str) -> str:
    """What README shows between the mark and its end."""
    return re.search(_between(mark), README.read_text(), re.DOTALL)[2]


def write(mark: str, text: str) -> None:
    """Let README show `text` there."""
    shown = re.sub(_between(mark), lambda found: found[1] + text + found[3], README.read_text(), flags=re.DOTALL)
    README.write_text(shown)


def _between(mark: str) -> str:
    return rf"(<!-- {mark} -->\n)(.*?)(<!-- end -->)"


BLOCKS = {
    "evidence": (KEPT, gathered, table),
    "early evidence": (EARLY, gathered_early, early_table),
    "lazy evidence": (LAZY, gathered_lazy, lazy_table),
}


if __name__ == "__main__":
    for mark, (kept, gather, rendered) in BLOCKS.items():
        if sys.argv[1] != "--write":
            kept.write_text(json.dumps(gather(Path(sys.argv[1])), indent=1) + "\n")
        write(mark, rendered(json.loads(kept.read_text())))
