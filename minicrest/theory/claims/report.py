"""The report: every claim checked, as a table, as JSON and as pictures; and again with other random numbers."""

from __future__ import annotations

import inspect
import math
import textwrap
import time
from collections import Counter
from collections.abc import Iterable
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

import minicrest
from minicrest.experiments.figures import blank, save_png
from minicrest.theory.check import Verdict
from minicrest.theory.claims import CLAIMS
from minicrest.theory.claims.base import Claim

COLUMNS = {"claim": 24, "source": 18, "assumes": 21, "measured": 9, "": 2, "bound": 9, "tight": 7, "verdict": 9,
           "s": 5}  # 120 in all  # fmt: skip
OUTCOMES = ("holds", "violated", "undecided", "error")


class Row(NamedTuple):
    """A claim, what its experiment gave and how long that took; or, where it raised, `error`, and no verdict."""

    claim: Claim
    verdict: Verdict | None
    seconds: float
    error: str = ""

    @property
    def word(self) -> str:
        """One of OUTCOMES."""
        return "error" if self.verdict is None else self.verdict.word


def chosen(names=None, own: Iterable[Claim] = ()) -> list[Claim]:
    """The claims called `names`, or whose names begin so ("tau" for all of "tau.slope", ...); None: all.

    own: claims besides CLAIMS. Raises ValueError for a name that no claim has.
    """
    every, found = [*own, *CLAIMS], []
    for name in [""] if names is None else names:
        mine = [claim for claim in every if claim.name == name or not name or claim.name.startswith(name + ".")]
        if not mine:
            topics = sorted({claim.name.split(".")[0] for claim in every})
            raise ValueError(f"no claim is called {name!r}; topics are {', '.join(topics)}")
        found += [claim for claim in mine if claim not in found]
    return found


def examine(claim: Claim, salt: int = 0, planted: bool = False) -> Row:
    """Run the claim's check, or its planted violation, re-salted by `salt`. What it raises becomes the row's error."""
    experiment, start = claim.planted if planted else claim.check, time.perf_counter()
    try:
        salted = salt and "salt" in inspect.signature(experiment).parameters  # what is exact may not take any
        verdict, error = experiment(salt=salt) if salted else experiment(), ""
    except Exception as raised:  # whatever a claim raises, the others are still checked
        verdict, error = None, f"{type(raised).__name__}: {' '.join(str(raised).split())}"
    return Row(claim, verdict, time.perf_counter() - start, error)


def run(names=None, own: Iterable[Claim] = (), salt: int = 0, planted: bool = False) -> list[Row]:
    """Examine the claims that `chosen` gives, in their order."""
    claims = tqdm(chosen(names, own), disable=None, delay=2, leave=None, unit="claim")
    return [examine(claim, salt, planted) for claim in claims]


# ---- one run of every claim


def table(rows, says: bool = False) -> str:
    """At most 120 columns of text, a row a claim: measured, its direction and the bound; long cells are wrapped.

    tight is measured / bound (for >= bound / measured): 1 is as tight as can be.  says: below each, the claim in words.
    """
    lines = [_line(list(COLUMNS)), "  ".join("-" * width for width in COLUMNS.values())]
    for row in rows:
        lines.append(_line([row.claim.name, row.claim.source, row.claim.assumes, *_numbers(row), f"{row.seconds:.1f}"]))
        if row.error:
            lines.append(_paragraph(f"error: {row.error}"))
        if says:
            lines.append(_paragraph(row.claim.says))
    return "\n".join(lines) + f"\n\n{summary(rows)}"


def summary(rows) -> str:
    """How many claims hold, which do not, and which bound is the tightest."""
    names = {word: [row.claim.name for row in rows if row.word == word] for word in OUTCOMES}
    parts = [f"{len(names['holds'])} of {len(rows)} claims hold"]
    parts += [f"{word.upper()}: {', '.join(names[word])}" for word in OUTCOMES[1:] if names[word]]
    tight = [(row.verdict.closeness, row.claim.name) for row in rows
             if row.word == "holds" and direction(row) != "=" and row.verdict.closeness <= 1]  # fmt: skip
    return "; ".join(parts) + (f"\nthe tightest bound: {max(tight)[1]}, {max(tight)[0]:.3g}" if tight else "")


def direction(row: Row) -> str:
    """The verdict's direction, or the claim's where the verdict does not state another than the default."""
    return row.claim.direction if row.verdict is None or row.verdict.direction == "<=" else row.verdict.direction


def _numbers(row: Row) -> list[str]:
    if row.verdict is None:
        return ["", direction(row), "", "", row.word]
    close = row.verdict.closeness
    tight = f"{close:.2g}" if close >= 0 else ""
    return [f"{row.verdict.measured:.4g}", direction(row), f"{row.verdict.bound:.4g}", tight, row.word]


def _paragraph(text: str) -> str:
    return textwrap.fill(text, 116, initial_indent="    ", subsequent_indent="    ")


def _line(cells) -> str:
    """One row of the table: text to the left, numbers and what follows to the right."""
    parts = [textwrap.wrap(cell, width) or [""] for cell, width in zip(cells, COLUMNS.values())]
    sides = "<<<>>>>>>"
    return "\n".join(
        "  ".join(f"{part:{side}{width}}" for part, side, width in zip(line, sides, COLUMNS.values())).rstrip()
        for line in zip_longest(*parts, fillvalue="")
    )


def listing(claims) -> str:
    """A line for the name, the source and the direction of each claim, and one for what it says."""
    return "\n".join(f"{c.name}  ({c.source}; {c.direction})\n{_paragraph(c.says)}" for c in claims)


def document(rows) -> dict[str, Any]:
    """The rows as plain values for JSON; numbers that are not finite become None."""
    return {"minicrest": minicrest.__version__, "claims": [_described(row) for row in rows]}


def _described(row: Row) -> dict[str, Any]:
    claim, verdict = row.claim, row.verdict
    numbers = {} if verdict is None else {"measured": verdict.measured, "bound": verdict.bound,
                                          "tightness": verdict.closeness, "samples": verdict.samples}  # fmt: skip
    finite = {name: value if math.isfinite(value) else None for name, value in numbers.items()}
    return {"name": claim.name, "says": claim.says, "source": claim.source, "assumes": claim.assumes,
            "direction": direction(row), "verdict": row.word, **finite, "false_alarm": claim.false_alarm,
            "seconds": round(row.seconds, 3), **({"error": row.error} if row.error else {})}  # fmt: skip


# ---- many runs of every claim, each with other random numbers


class Salted(NamedTuple):
    """How the runs of a claim ended: how many checks, and how many planted violations, had each of OUTCOMES."""

    claim: Claim
    check: Counter
    planted: Counter


def run_salts(salts, names=None, own: Iterable[Claim] = ()) -> list[Salted]:
    """Examine check and planted violation of each chosen claim with every one of `salts`."""
    rows = []
    for claim in tqdm(chosen(names, own), disable=None, delay=2, leave=None, unit="claim"):
        counts = [Counter(examine(claim, salt, planted).word for salt in salts) for planted in (False, True)]
        rows.append(Salted(claim, *counts))
    return rows


def salts_table(rows) -> str:
    """A row a claim: how often the check, and how often the planted violation, held, was violated or undecided."""
    width = max(len(row.claim.name) for row in rows)
    head = f"{'':{width}}  {'check':<40} planted violation"
    lines = [head, "  ".join([f"{'claim':{width}}", *(f"{word:>9}" for word in OUTCOMES * 2)])]
    for row in rows:
        counts = [row.check[word] for word in OUTCOMES] + [row.planted[word] for word in OUTCOMES]
        lines.append("  ".join([f"{row.claim.name:{width}}", *(f"{count or '.':>9}" for count in counts)]))
    total = sum(row.check.total() for row in rows)
    words = [f"{total} checks: " + ", ".join(f"{sum(r.check[w] for r in rows)} {w}" for w in OUTCOMES),
             f"{total} planted violations: " + ", ".join(f"{sum(r.planted[w] for r in rows)} {w}" for w in OUTCOMES)]
    return "\n".join([*lines, "", *words])


def salts_document(rows, salts) -> dict[str, Any]:
    """The counts as plain values for JSON."""
    claims = [{"name": row.claim.name, "check": dict(row.check), "planted": dict(row.planted)} for row in rows]
    return {"minicrest": minicrest.__version__, "salts": list(salts), "claims": claims}


# ---- pictures


def figures(folder, names=None, own: Iterable[Claim] = ()) -> list[Path]:
    """A PNG in `folder` (made if need be) for each of the chosen claims that has a picture: <claim>.png."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for claim in chosen(names, own):
        if claim.picture is not None:
            figure = blank(7.0, 4.5, f"{claim.name} ({claim.source})")
            claim.picture(figure)
            paths.append(folder / f"{claim.name}.png")
            save_png(figure, paths[-1])
    return paths
