"""Draw the map of the tutorials, map.png: python tutorials/draw_map.py"""

from pathlib import Path

from matplotlib.figure import Figure

BOXES = {  # tutorial: (column, row, what it adds)
    "01": (0, 3, "One gradient\nby hand"),
    "02": (0, 2, "Layers as\nfour formulas"),
    "03": (0, 1, "Convolution\nby hand"),
    "04": (1, 2, "Curvature"),
    "05": (1, 3, "Coresets"),
    "06": (2, 3, "Why one\ncoreset fails"),
    "07": (2, 2, "Where a quadratic\ncan be trusted"),
    "08": (3, 3, "Mini-batch\ncoresets"),
    "09": (3, 2, "CREST"),
    "10": (4, 3, "What CREST\nlooks at"),
    "11": (4, 2, "The family"),
    "12": (4, 1, "Theory, checked"),
    "13": (3, 1, "On a GPU"),
    "14": (2, 1, "A method\nthat pays"),
    "15": (2, 0, "The papers\nat our size"),
    "16": (3, 0, "Your own\nmethod"),
}
ARROWS = [  # from, to, what is handed on
    ("01", "02", "$p - y$"), ("02", "03", "layers"), ("01", "05", "$p - y$"), ("02", "04", "gradients"),
    ("04", "07", "$g$, $H$"), ("05", "06", "medoids, weights"), ("06", "08", "bias, variance"), ("07", "09", "when"),
    ("08", "09", "which\nexamples"), ("09", "10", ""), ("09", "11", ""), ("09", "12", ""), ("09", "13", ""),
    ("09", "14", "the bill"), ("14", "15", "an equal bill"), ("15", "16", "a rule"),
]  # fmt: skip
GROUPS = [("01 02 03", "tab:blue"), ("04 07", "tab:green"), ("05 06 08", "tab:orange"), ("09", "black")]  # others grey
COLOURS = {number: colour for numbers, colour in GROUPS for number in numbers.split()}


def draw_map(path: Path) -> None:
    """Write the picture to `path` (.png): a box for each tutorial, an arrow for each piece that it hands on."""
    figure = Figure(figsize=(11, 5.1), layout="constrained")
    axis = figure.subplots()
    axis.set(xlim=(-0.5, 4.5), ylim=(-0.4, 3.4))
    axis.axis("off")
    boxes = {}
    for number, (column, row, title) in BOXES.items():
        style = {
            "boxstyle": "round,pad=0.45",
            "facecolor": "white",
            "edgecolor": COLOURS.get(number, "tab:grey"),
            "linewidth": 2,
        }
        boxes[number] = axis.text(column, row, f"{number}  {title}", ha="center", va="center", fontsize=10, bbox=style)
    for start, end, label in ARROWS:
        a, b = BOXES[start][:2], BOXES[end][:2]
        style = {"arrowstyle": "->", "color": "dimgrey", "patchA": boxes[start], "patchB": boxes[end], "shrinkA": 4}
        axis.annotate("", b, a, arrowprops={**style, "shrinkB": 4})
        upright, level = a[0] == b[0], a[1] == b[1]
        side = "left" if upright else "center" if level else "right"
        axis.text((a[0] + b[0]) / 2 + 0.04 * upright, (a[1] + b[1]) / 2 + 0.08 * (not upright), label,
                  ha=side, va="center" if upright else "bottom", fontsize=8)  # fmt: skip
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    draw_map(Path(__file__).with_name("map.png"))
