"""What `minicrest theory` does with its options."""

from __future__ import annotations

import json
import sys
from typing import Any

from minicrest.arguments import whole
from minicrest.experiments.files import write_anywhere
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
        salts = range(seed, seed + whole("--salts", arguments.salts, 1))
        rows = report.run_salts(salts, names, own)
        _show(report.salts_table(rows), arguments.json, report.salts_document(rows, salts))
        bad = [row.check["violated"] + row.planted["holds"] + row.check["error"] + row.planted["error"] for row in rows]
        return int(any(bad))
    done = report.run(names, own, seed, arguments.planted)
    _show(report.table(done, arguments.says), arguments.json, report.document(done))
    if arguments.figures:
        print(*(f"picture: {path}" for path in report.figures(arguments.figures, names, own)), sep="\n")
    wrong = ("holds" if arguments.planted else "violated", "error")
    return int(any(row.word in wrong for row in done))


def _show(table: str, path: str | None, document: dict[str, Any]) -> None:
    """Print the table, and write the document as JSON to `path`; where that is "-", the table goes to stderr."""
    print(table, file=sys.stderr if path == "-" else sys.stdout)
    text = json.dumps(document, indent=1, allow_nan=False) + "\n"
    if path == "-":
        sys.stdout.write(text)
    elif path:
        write_anywhere(path, lambda file: file.write(text.encode()))
