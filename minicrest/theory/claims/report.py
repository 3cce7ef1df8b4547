"""The report: every claim checked, as a table and as pictures."""

from __future__ import annotations

import textwrap
import time
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from minicrest.experiments.figures import blank, save_png
from minicrest.theory.claims import CLAIMS
from minicrest.theory.claims.base import Claim, Verdict

COLUMNS = {"claim": 25, "source": 25, "assumes": 30, "bound": 9, "measured": 9, "holds": 5, "s": 5}  # 120 in all


class Row(NamedTuple):
    """A claim, what its experiment found, and how long that took."""

    claim: Claim
    verdict: Verdict
    seconds: float


def chosen(names=None) -> list[Claim]:
    """The claims called `names`, or whose names begin so ("tau" for all of "tau.slope", ...); None: all.

    Raises ValueError for a name that no claim has.
    """
    found = []
    for name in [""] if names is None else names:
        own = [claim for claim in CLAIMS if claim.name == name or not name or claim.name.startswith(name + ".")]
        if not own:
            topics = sorted({claim.name.split(".")[0] for claim in CLAIMS})
            raise ValueError(f"no claim is called {name!r}; topics are {', '.join(topics)}")
        found += [claim for claim in own if claim not in found]
    return found


def run(names=None) -> list[Row]:
    """Check the claims that `chosen` gives, in their order."""
    rows = []
    for claim in tqdm(chosen(names), disable=None, delay=2, leave=None, unit="claim"):
        start = time.perf_counter()
        verdict = claim.check()
        rows.append(Row(claim, verdict, time.perf_counter() - start))
    return rows


def table(rows, says: bool = False) -> str:
    """At most 120 columns of text: claim, source, assumes, bound, measured, holds, seconds; long cells are wrapped.

    says: below each, the claim in words.
    """
    lines = [_line(list(COLUMNS)), "  ".join("-" * width for width in COLUMNS.values())]
    for claim, verdict, seconds in rows:
        holds = "yes" if verdict.holds else "NO"
        numbers = f"{verdict.bound:.4g}", f"{verdict.measured:.4g}", holds, f"{seconds:.1f}"
        lines.append(_line([claim.name, claim.source, claim.assumes, *numbers]))
        if says:
            lines.append(textwrap.fill(claim.says, 116, initial_indent="    ", subsequent_indent="    "))
    failed = [row.claim.name for row in rows if not row.verdict.holds]
    end = f"{len(rows) - len(failed)} of {len(rows)} claims hold"
    return "\n".join(lines) + f"\n\n{end}" + (f"; NOT: {', '.join(failed)}" if failed else "")


def _line(cells) -> str:
    """One row of the table: text to the left, the last four to the right."""
    parts = [textwrap.wrap(cell, width) or [""] for cell, width in zip(cells, COLUMNS.values())]
    sides = "<<<>>>>"
    return "\n".join(
        "  ".join(f"{part:{side}{width}}" for part, side, width in zip(line, sides, COLUMNS.values())).rstrip()
        for line in zip_longest(*parts, fillvalue="")
    )


def figures(folder, names=None) -> list[Path]:
    """A PNG in `folder` (made if need be) for each of the chosen claims that has a picture: <claim>.png."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for claim in chosen(names):
        if claim.picture is not None:
            figure = blank(7.0, 4.5, f"{claim.name} ({claim.source})")
            claim.picture(figure)
            paths.append(folder / f"{claim.name}.png")
            save_png(figure, paths[-1])
    return paths
