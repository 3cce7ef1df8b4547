"""What `minicrest theory` does with its options."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from minicrest.arguments import whole
from minicrest.theory.claims import report
from minicrest.theory.claims.own import claims_of


def theory(arguments) -> int:
    """Carry out `minicrest theory` and return its exit code: 1 where a claim is violated or raised, else 0.

    With --planted, and of the planted violations of --salts, it is 1 where one holds: it went unnoticed.
    """
    names, own = arguments.names or None, [c for path in arguments.claims or () for c in claims_of(path)]
    if arguments.list:
        print(report.listing(report.chosen(names, own)))
        return 0
    seed = whole("--seed", arguments.seed, 0)
    if arguments.salts is not None:
        rows = report.run_salts(range(seed, seed + whole("--salts", arguments.salts, 1)), names, own)
        print(report.salts_table(rows))
        bad = [row.check["violated"] + row.planted["holds"] + row.check["error"] + row.planted["error"] for row in rows]
        return int(any(bad))
    done = report.run(names, own, seed, arguments.planted)
    text = report.table(done, arguments.says)
    print(text, file=sys.stderr if arguments.json == "-" else sys.stdout)
    if arguments.json:
        _write(arguments.json, json.dumps(report.document(done), indent=1, allow_nan=False) + "\n")
    if arguments.figures:
        print(*(f"picture: {path}" for path in report.figures(arguments.figures, names, own)), sep="\n")
    wrong = ("holds" if arguments.planted else "violated", "error")
    return int(any(row.word in wrong for row in done))


def _write(path: str, text: str) -> None:
    if path == "-":
        sys.stdout.write(text)
    else:
        Path(path).write_text(text, "utf-8")
