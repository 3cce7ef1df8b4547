"""The table of all claims from their documents: python -m minicrest.experiments.paper.table tutorials/paper"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from minicrest.experiments.paper import EXPERIMENTS

HEADS = ("paper and place", "claim", "at our size", "verdict", "command", "minutes")


def documents(folder) -> list[dict]:
    """The documents of laptop and paper scale in `folder`, in the order of EXPERIMENTS."""
    paths = [Path(folder) / f"{name}-{scale}.json" for name in EXPERIMENTS for scale in ("laptop", "paper")]
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.exists()]


def claims_table(folder) -> str:
    """A line of Markdown for each document in `folder`, under their heads: of the finding its first part, which a
    semicolon ends; minutes are those that it took.
    """
    lines = [_line(HEADS), "|---" * len(HEADS) + "|"]
    for found in documents(folder):
        minutes = f"{max(1, round(found['seconds'] / 60))}"
        finding = found["finding"].partition(";")[0].rstrip(".") + "."
        place = found["place"] + ", on a GPU" * (found["scale"] == "paper")
        cells = (place, found["claim"], finding, found["verdict"], f"`{found['command']}`", minutes)
        lines.append(_line(cells))
    return "\n".join(lines) + "\n"


def _line(cells) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    sys.stdout.write(claims_table(*sys.argv[1:]))
