"""A comparison or a run as one page of HTML: table, pictures, bill, settings, versions, the command that repeats it.

Everything is inside: the page fetches nothing and runs no script. It follows the reader's choice of light or dark.
"""

from __future__ import annotations

import base64
import html
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path

import minicrest
from minicrest.arguments import path as checked_path
from minicrest.experiments import method_plots, plots, tables
from minicrest.experiments.both import BothWays
from minicrest.experiments.comparison import Comparison
from minicrest.experiments.figures import svg_text
from minicrest.experiments.files import write_anywhere
from minicrest.experiments.repeat import command, setups_of
from minicrest.experiments.setup import Setup
from minicrest.experiments.show import comparisons
from minicrest.experiments.terminal import escaped

STYLE = """
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1d2126; --soft: #66707a; --line: #dde2e7; --card: #f4f6f8;
  --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --c3: #cc79a7; --c4: #e69f00; --c5: #56b4e9; }
@media (prefers-color-scheme: dark) { :root { --paper: #15181c; --ink: #e4e8ec; --soft: #98a2ac; --line: #343a41;
  --card: #1e2227; --c0: #4aa8e0; --c1: #f08545; --c2: #2fc397; --c3: #dc9cc0; --c4: #f0b840; --c5: #8accf2; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 64rem; padding: 1.5rem 1rem 4rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .8rem; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; }
h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; } p { margin: .5rem 0; max-width: 46rem; }
.verdict { border-left: 4px solid var(--c0); padding: .4rem 0 .4rem .9rem; }
.scroll { overflow-x: auto; margin: .4rem 0; } .soft, footer { color: var(--soft); font-size: .9rem; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .8rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; } tr > :first-child { text-align: left; position: sticky; left: 0;
  background: var(--paper); padding-left: 0; } .words th, .words td { text-align: left; white-space: normal; }
.words tr > :first-child { white-space: nowrap; }
dl { columns: 14rem; column-gap: 2rem; margin: .4rem 0; font-size: .9rem; }
dl div { break-inside: avoid; border-bottom: 1px solid var(--line); padding: .2rem 0; display: flex; gap: 1rem;
  justify-content: space-between; } dt { color: var(--soft); } dd { margin: 0; text-align: right; }
ul { padding-left: 1.1rem; max-width: 46rem; } .bars, .bars td:last-child { width: 100%; max-width: 46rem; }
pre { background: var(--card); border-radius: .4rem; padding: .8rem 1rem; overflow-x: auto; white-space: pre-wrap; }
pre span { white-space: nowrap; }
svg { fill: var(--ink); display: block; width: 100%; height: auto; } .tall { display: none; max-width: 34rem; }
.bar { display: flex; height: 1.1rem; min-width: 12rem; border-radius: .2rem; overflow: hidden; }
.key span { display: inline-block; width: .8rem; height: .8rem; border-radius: .15rem; margin: 0 .3rem 0 .9rem; }
a { color: var(--c0); }
@media (max-width: 44rem) { .wide { display: none; } .tall { display: block; } .broad { min-width: 42rem; }
  body { padding-top: 1rem; } h1 { font-size: 1.3rem; } th, td { padding: .3rem .5rem; } }
@media print { .tall { display: none; } }
"""
PHASES = ("train", "select", "model", "check", "score", "prepare")  # in the colours --c0, --c1, ...


def write(folder, out=None, modules: Sequence[str] = ()) -> Path:
    """Write the page of the finished runs in `folder` to `out` (None: report.html in the folder); return where.

    modules: whose classes may be imported, for layers of one's own. Raises FileNotFoundError for a folder without a
    finished run, ValueError for a damaged one.
    """
    folder = checked_path("folder", folder)
    text = page(comparisons([folder], modules))
    target = folder / "report.html" if out is None else checked_path("out", out)
    write_anywhere(target, lambda file: file.write(text.encode("utf-8", "backslashreplace")))
    return target


def page(shown: Sequence[Comparison | BothWays]) -> str:
    """The page of comparisons, each a section; one of a single run shows the run."""
    sections = "".join(_section(each, f"s{k}") for k, each in enumerate(shown))
    title = _text(_heading(shown[0]))
    return (f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<style>{STYLE}</style>\n</head>\n<body>\n{sections}"
            f"<footer><p>Written by minicrest {minicrest.__version__}.</p></footer>\n</body>\n</html>\n")  # fmt: skip


def _section(shown: Comparison | BothWays, name: str) -> str:
    single = _single(shown)
    parts = [_element("h1", _heading(shown))]
    if single:
        summary = tables.summary(shown.setup, single).replace("\n  ", " ").splitlines()
        done = summary[0].removeprefix(f"{tables.title(shown.setup)}: ")
        parts += [_listed([done, *summary[1:]]), *_run_pictures(shown, single, name)]
    else:
        parts += [f'<div class="verdict">{_verdicts(shown)}</div>', *_pictures(shown, name)]
        parts += [_listed(shown.notes)] if shown.notes else []
    for title, each in _ways(shown):
        parts += [*([] if single else _tables(each, title)), *_bills(each, title)]
    parts += [_element("h2", "How to repeat it"), *_repeated(shown), *_settings(shown), _download(shown)]
    return f"<section>\n{''.join(parts)}</section>\n"


def _single(shown):
    """The only run, or None."""
    runs = [run for group in shown.runs.values() for run in group]
    return runs[0] if len(runs) == 1 else None


def _heading(shown) -> str:
    return tables.title(shown.setup) if _single(shown) else shown.heading()


def _ways(shown) -> list[tuple[str, Comparison]]:
    if isinstance(shown, BothWays):
        return [(" at equal steps", shown.steps), (" at equal bill", shown.bill)]
    return [("", shown)]


def _verdicts(shown) -> str:
    return "".join(_element("p", f"{title.strip().capitalize()}{': ' * bool(title)}{each.verdict()}.")
                   for title, each in _ways(shown))  # fmt: skip


# ---- pictures


def _pictures(shown, name: str) -> list[str]:
    """Wide for a screen, tall for a phone."""
    label = f"{escaped(_heading(shown))}: test accuracy and test loss against the bill"
    both = isinstance(shown, BothWays)
    wide = plots.both(shown.steps.runs, shown.bill.runs) if both else plots.comparison(shown.runs)
    tall = [plots.side_by_side([(f"Test results{title}", each.runs)]) for title, each in _ways(shown)]
    return [f'<div class="wide">{svg_text(wide, f"{name}w", label)}</div>',
            *(f'<div class="tall">{svg_text(each, f"{name}t{k}", label)}</div>' for k, each in enumerate(tall))]


def _run_pictures(shown, run, name: str) -> list[str]:
    title = escaped(_heading(shown))
    figures = [plots.run_picture(run), *method_plots.pictures(run, title).values()]
    return [f'<div class="scroll"><div class="broad">{svg_text(figure, f"{name}r{k}", title)}</div></div>'
            for k, figure in enumerate(figures)]  # fmt: skip


# ---- tables


def _tables(comparison: Comparison, title: str) -> list[str]:
    quality, bills = tables.cells(comparison.rows)
    meanings = tables.meanings(comparison.setup, comparison.seeds, comparison.rows)
    return [_element("h2", f"Results{title}"), _table(quality), f'<div class="soft">{_listed(meanings)}</div>\n',
            _element("h2", f"What the bill was spent on{title}"), _table(bills)]  # fmt: skip


def _bills(comparison: Comparison, title: str) -> list[str]:
    """The share of each phase in each bill, as bars."""
    rows = comparison.rows
    phases = [*PHASES, *sorted({phase for row in rows for phase in row.phases} - {*PHASES})]
    used = [phase for phase in phases if any(row.phases.get(phase) for row in rows)]
    colour = {phase: f"var(--c{phases.index(phase) % 6})" for phase in used}
    key = "".join(f'<span style="background:{colour[phase]}"></span>{html.escape(phase)}' for phase in used)
    lines = "".join(f"<tr><td>{_text(row.method)}</td><td>{_bar(row, colour)}</td></tr>\n" for row in rows)
    head = [_element("h2", "Where the bill went")] if _single(comparison) else []
    return [*head, f'<p class="key soft">{key}</p>\n<div class="scroll"><table class="bars">\n{lines}</table></div>\n']


def _bar(row, colour) -> str:
    total = sum(row.phases.values()) or 1
    parts = [(phase, 100 * row.phases[phase] / total) for phase in colour if phase in row.phases]
    inside = "".join(f'<i style="width:{share:.2f}%;background:{colour[phase]}" '
                     f'title="{html.escape(phase)} {share:.1f}%"></i>' for phase, share in parts)  # fmt: skip
    return f'<div class="bar">{inside}</div>'


def _settings(shown) -> list[str]:
    usual = {f.name: f.default for f in fields(Setup)}
    shared = [[name, _plain(getattr(shown.setup, name))] for name in usual
              if name not in ("method", "hyper", "seed", *shown.setup.tuned)]  # fmt: skip
    runs = _ways(shown)[0][1].runs
    methods = [[label, _hyper(group[0], setups_of(runs).get(label))] for label, group in runs.items()]
    versions = {f"{name} {run.settings[name]}" for group in shown.runs.values() for run in group
                for name in ("minicrest", "numpy") if name in run.settings}  # fmt: skip
    return [_element("h2", "Settings"), _pairs(shared),
            _element("h3", "Hyper-parameters"), _table([["method", "values"], *methods], "words"),
            _element("h3", "Versions"), _element("p", ", ".join(sorted(versions)) or "not recorded")]  # fmt: skip


def _hyper(run, setup: Setup | None) -> str:
    values = {name: getattr(setup, name) for name in setup.tuned} if setup else {}
    pairs = {**run.settings.get("hyperparameters", {}), **values}
    return ", ".join(f"{name} {_plain(value)}" for name, value in pairs.items()) or "none"


def _plain(value) -> str:
    if isinstance(value, (tuple, list)):
        return ", ".join(map(_plain, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else "none" if value is None else str(value)


def _repeated(shown) -> list[str]:
    line, seeds = command(shown), _ways(shown)[0][1].seeds
    if not line:
        return [_element("p", "This was made from Python, with objects or seeds that no command line can name: call "
                              "minicrest.compare again, with the same ones.")]  # fmt: skip
    words = " ".join(f"<span>{_text(word)}</span>" for word in map(shlex.quote, shlex.split(line)))
    return [f"<pre>{words}</pre>\n", _element("p", f"Seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}.")]


def _download(shown) -> str:
    """The rows as a file that the page holds inside."""
    data = base64.b64encode(tables.csv(shown.rows).encode("utf-8", "backslashreplace")).decode()
    return f'<p><a download="compare.csv" href="data:text/csv;base64,{data}">The numbers as a CSV file</a></p>\n'


# ---- elements


def _text(text: str) -> str:
    """What a page may hold; the bytes of a file name that are no characters as escapes."""
    return html.escape(escaped(text))


def _element(tag: str, text: str) -> str:
    return f"<{tag}>{_text(text)}</{tag.partition(' ')[0]}>\n"


def _listed(sentences: Iterable[str]) -> str:
    return "<ul>\n" + "".join(_element("li", sentence) for sentence in sentences) + "</ul>\n"


def _pairs(pairs: Iterable[Sequence[str]]) -> str:
    items = (f"<div>{_element('dt', name)}{_element('dd', value)}</div>\n" for name, value in pairs)
    return f"<dl>\n{''.join(items)}</dl>\n"


def _table(lines: Sequence[Sequence[str]], kind: str = "numbers") -> str:
    head, *rest = ([_text(cell) for cell in line] for line in lines)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in line)}</tr>\n" for line in rest)
    first = "".join(f"<th>{cell}</th>" for cell in head)
    return f'<div class="scroll"><table class="{kind}">\n<tr>{first}</tr>\n{body}</table></div>\n'
