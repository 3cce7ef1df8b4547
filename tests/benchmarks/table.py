"""The benchmark table: `python -m tests.benchmarks.table` prints it, `--write` puts it into README.md.

Ratios are ours / the peer's: side by side in one process, float32, both with the same number of threads, medians of 20
pairs, after a check that both find the same. An hour; `--seconds 60` ends a row earlier whose peer is slow (after 3
pairs at least), so that all take 25 minutes, and `--only resnet` takes (and writes) the rows that say so. A row whose
peer is not installed, or that fails, says so in its last column.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import platform
import sys
import warnings
from pathlib import Path

from tests.benchmarks import busy, crest_share, curvature, selection, training, whole
from tests.benchmarks.side_by_side import PAIRS, Row, measure, threads

README = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- benchmark -->", "<!-- end -->"
PEERS = ("numpy", "torch", "submodlib-py", "apricot-select", "backpack-for-pytorch", "pyhessian")
HEAD = ["| work | peer | to reach | ratio | ours, ms | pairs | |", "|---|---|---|---|---|---|---|"]


def rows() -> list[Row]:
    return selection.rows() + training.rows() + busy.rows() + curvature.rows() + whole.rows()


def line(row: Row, pairs: int = PAIRS, budget: float = 1e9) -> str:
    """The row, measured; or why it could not be."""
    start = f"| {row.work} | {row.peer} | {row.target:g} |"
    try:
        found = measure(row.make(), pairs, budget, row.parts)
    except Exception as error:  # whatever it is: the other rows are still to come
        return f"{start} - | - | 0 | not measured: {_said(error)} |"
    note = f"{found.ratio / row.target - 1:.0%} over. {row.why}".strip() if found.ratio > row.target else ""
    return f"{start} {found.ratio:.3g} | {1e3 * found.ours:.3g} | {found.pairs} | {note} |"


def _said(error: Exception) -> str:
    """What went wrong, on one line and without the bars that would end a cell."""
    return f"{type(error).__name__}: {error}".replace("|", "/").replace("\n", " ")[:200]


def sentence(make) -> str:
    """The line that make() gives, or why there is none."""
    try:
        return make()
    except Exception as error:  # as in `line`
        return f"{make.__module__}.{make.__name__} was not measured: {_said(error)}"


def machine(count: int) -> str:
    """Processor, cores, threads a side, date and versions."""
    versions = []
    for name in PEERS:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"no {name}")
    today = datetime.date.today().isoformat()
    return f"{_processor()}; {count} threads a side, {today}; Python {platform.python_version()}, {', '.join(versions)}"


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    names = [entry.partition(":")[2].strip() for entry in text.splitlines() if entry.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {text.count('processor')} cores seen"


def write(lines: list[str], some: bool = False) -> None:
    """Replace what stands between the marks in README.md; if `some`, only the rows that `lines` has.

    Raises ValueError if the marks are not there, and if some rows are of another machine, day or version.
    """
    text = README.read_text()
    before, mark, rest = text.partition(BEGIN)
    if not mark or END not in rest:
        raise ValueError(f"README.md needs a block between {BEGIN} and {END}")
    shown, after = rest[: rest.index(END)].strip("\n").split("\n"), rest[rest.index(END) :]
    if some:
        if shown[0] != lines[0]:
            raise ValueError(f"README.md's table is of {shown[0]}; this is {lines[0]}: measure all rows anew")
        fresh = {_key(line): line for line in lines}
        lines = [fresh.get(_key(line), line) for line in shown]
    README.write_text("\n".join([before + BEGIN, *lines, after]))


def _key(line: str) -> str:
    """Work and peer of a row of the table."""
    return "|".join(line.split("|")[:3])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.table", description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into README.md, between its marks")
    parser.add_argument("--threads", type=int, default=2, help="threads of each side")
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--seconds", type=float, default=1e9, help="after which a row starts no further pair")
    parser.add_argument("--only", default="", help="rows whose work or peer contains this")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # of the peers
    threads(options.threads)
    lines = [machine(options.threads), "", *HEAD]
    print("\n".join(lines), flush=True)
    chosen = [row for row in rows() if options.only.lower() in f"{row.work} {row.peer}".lower()]
    for row in chosen:
        lines.append(line(row, options.pairs, options.seconds))
        print(lines[-1], flush=True)
    extras = selection.matrix_free, selection.memory_per_class, crest_share.line, whole.commands
    for extra in () if options.only else extras:
        lines += ["", sentence(extra)]
        print("\n".join(lines[-2:]), flush=True)
    if options.write:
        write(lines, some=bool(options.only))


if __name__ == "__main__":
    sys.exit(main())
