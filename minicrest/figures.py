"""A blank figure and its PNG. Matplotlib is imported only when a picture is made: no windows, no global state."""

from __future__ import annotations

from minicrest.checkpoint import write_atomically


def blank(width: float, height: float):
    """A Figure of so many inches without axes."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def save_png(figure, path) -> None:
    """Write `figure` to `path` as a PNG, whole or not at all."""
    write_atomically(path, lambda file: figure.savefig(file, format="png", dpi=150))
