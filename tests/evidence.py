"""README's evidence at an equal bill, kept as small JSON: python -m tests.evidence FOLDER gathers it, --write shows it.

FOLDER holds the folders that `minicrest compare --out` wrote; what is kept of each comparison are its rows, its setup
and the learning rate and batch size that tuning chose for each method.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README, KEPT = ROOT / "README.md", ROOT / "tutorials" / "paper" / "thinning.json"
METHODS = ("random", "shuffle", "infobatch", "crest", "fresh", "thinning")


def gathered(folder: Path) -> list[dict]:
    """The comparisons below `folder`, ordered by budget and name."""
    found = []
    for path in sorted(folder.glob("*/compare.json")):
        document = json.loads(path.read_text())
        setup, tuned = document["setup"], path.parent / "tuned.json"
        keep = ("data", "model", "transform", "budget", "epochs", "equal", "hidden")
        comparison = {name: setup[name] for name in keep} | {"seeds": len(document["seeds"]), "rows": document["rows"]}
        if tuned.exists():
            methods = json.loads(tuned.read_text())["methods"]
            comparison["chosen"] = {name: entry["choice"] for name, entry in methods.items()}
        found.append(comparison)
    return sorted(found, key=lambda c: (c["budget"], title(c)))


def title(comparison: dict) -> str:
    """The problem in a few words."""
    transform = "".join(f", {name} {value:g}" for name, value in comparison["transform"])
    return f"{comparison['data']}, {comparison['model']}{transform}"


def table(comparisons: list[dict]) -> str:
    """A row a comparison: accuracies, and how far thinning is ahead of both baselines; * where Holm's test says so."""
    lines = ["| problem | bill | seeds | " + " | ".join(METHODS) + " | thinning - random | thinning - shuffle |",
             "|---" * (len(METHODS) + 5) + "|"]  # fmt: skip
    for c in comparisons:
        rows = {row["method"]: row for row in c["rows"]}
        cells = [f"{rows[name]['accuracy']['mean']:.2f}" if name in rows else "" for name in METHODS]
        ahead = [_difference(rows["thinning"], gain, p) for gain, p in (("gain", "p"), ("gain_shuffle", "p_shuffle"))]
        lines.append(f"| {title(c)} | {100 * c['budget']:g}% | {c['seeds']} | {' | '.join([*cells, *ahead])} |")
    return "\n".join(lines) + "\n"


def _difference(row: dict, gain: str, p: str) -> str:
    return f"{row[gain]['mean']:+.2f} +- {row[gain]['half']:.2f}{'*' if row[p] < 0.05 else ''}"


def block() -> str:
    """What README shows between its marks."""
    return re.search(r"<!-- evidence -->\n(.*?)<!-- end -->", README.read_text(), re.DOTALL).group(1)


if __name__ == "__main__":
    if sys.argv[1] != "--write":
        KEPT.parent.mkdir(exist_ok=True)
        KEPT.write_text(json.dumps(gathered(Path(sys.argv[1])), indent=1) + "\n")
    README.write_text(README.read_text().replace(block(), table(json.loads(KEPT.read_text()))))
