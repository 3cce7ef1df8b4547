"""Blank figures, the style they share, and their files. Matplotlib is imported only when a picture is made.

No windows, no global state. Colours are Okabe and Ito's, which colour-blind readers can tell apart.
"""

from __future__ import annotations

import html
import io
import math
import re
from pathlib import Path

from minicrest.experiments.files import write_anywhere

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
DPI = 150


def blank(width: float, height: float, title: str = ""):
    """An empty Figure of so many inches, with `title` above it as it is, dollar signs included."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    if title:
        figure.suptitle(title, parse_math=False)
    return figure


def dress(axes) -> None:
    """A light grid and no box."""
    axes.grid(True, color="0.9", lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def logarithmic(axes) -> None:
    """A logarithmic y axis of what is drawn, wide enough for two labels of 0.1, 0.2, 0.5, 1, ...; plain numbers."""

    def between(value, _) -> str:
        low, high = axes.get_ylim()
        return f"{value:g}" if high < 300 * low and f"{value:e}"[0] in "25" else ""

    if not math.isfinite(axes.dataLim.minposy):
        return  # nothing positive, so nothing that a logarithm could show
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_minor_formatter(between)
    low, high = axes.get_ylim()
    if high < 5 * low:
        middle = math.sqrt(low * high)
        axes.set_ylim(middle / math.sqrt(5), middle * math.sqrt(5))


def save_png(figure, path) -> None:
    """Write `figure` to `path` as a PNG, whole or not at all."""
    write_anywhere(path, lambda file: figure.savefig(file, format="png", dpi=DPI))


def save_picture(figure, path) -> None:
    """Write `figure` to `path`, whole or not at all: as SVG or PDF where the name ends so, otherwise as a PNG."""
    kind = Path(path).suffix.lower()
    if kind not in (".svg", ".pdf"):
        return save_png(figure, path)
    write_anywhere(path, lambda file: figure.savefig(file, format=kind[1:]))


def svg_text(figure, name: str, label: str = "") -> str:
    """The figure as an SVG element for a page of HTML, which it fetches nothing for; `label` describes it.

    Its ids begin with `name`. Black, white and grey become the page's variables --ink, --paper and --line, COLOURS
    become --c0, --c1, ..., so that the page decides what they are in the dark.
    """
    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    text = buffer.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r' (?:xmlns(?::\w+)?|version)="[^"]*"', "", text)
    text = re.sub(r'( id="|href="#|url\(#)', rf"\1{name}-", text)
    for colour, variable in _PAGE.items():
        text = re.sub(colour, f"var(--{variable})", text, flags=re.IGNORECASE)
    described = f'role="img" aria-label="{html.escape(label)}"'
    opening, rest = text.split(">", 1)
    return re.sub(r' (?:width|height)="[^"]*"', "", opening).replace("<svg", f"<svg {described}") + ">" + rest


_PAGE = {"#000000": "ink", "#ffffff": "paper", "#e6e6e6": "line", "#737373": "soft",
         **{colour: f"c{k}" for k, colour in enumerate(COLOURS)}}  # fmt: skip
