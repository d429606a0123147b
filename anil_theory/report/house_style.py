"""The house style of every figure: widths, fonts, colours, lines and names, each stated once.

Sizes are those of a paper of two columns, so that a figure stands there at scale 1. Colours are those of Okabe and Ito,
which people with any common colour blindness tell apart; an ordered quantity, as N is, takes shades of viridis. The
style of a line says which kind of claim it is (`CLAIM_LINES`), its colour what the claim is about.

Nothing here imports matplotlib: commands that draw nothing start without it.
"""

from collections.abc import Iterable
from typing import Any

from anil_theory._printable import in_figure
from anil_theory.constants import Geometry

SINGLE = 3.25
"""Width of one column of a paper, in inches."""
DOUBLE = 6.75
"""Width of both columns, in inches."""
DPI = 200
"""Pixels per inch of figures that are made here; `save_figure` keeps a figure's own."""

LETTERS = 8
"""Size of all letters, in points; indices and exponents are smaller, as in any formula."""

STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": LETTERS,
    "axes.titlesize": LETTERS,
    "axes.labelsize": LETTERS,
    "xtick.labelsize": LETTERS,
    "ytick.labelsize": LETTERS,
    "legend.fontsize": LETTERS,
    "legend.title_fontsize": LETTERS,
    "legend.frameon": False,
    "legend.handlelength": 2.4,
    "legend.columnspacing": 1.4,
    "legend.labelspacing": 0.3,
    "figure.titlesize": LETTERS,
    "axes.grid": True,
    "axes.grid.which": "major",
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "axes.linewidth": 0.6,
    "axes.xmargin": 0.08,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.3,
    "lines.markersize": 4,
    "mathtext.fontset": "dejavusans",
    "pdf.fonttype": 42,
}
"""What matplotlib calls rcParams. They hold for figures that are made here; axes of a user's own keep the user's.

The fonts are those that matplotlib brings along, so that a picture is the same wherever it is drawn; a pdf holds them
as TrueType, as publishers ask.
"""

BLUE = "#0072B2"
VERMILLION = "#D55E00"
GREEN = "#009E73"
PURPLE = "#CC79A7"
ORANGE = "#E69F00"
SKY = "#56B4E9"
BLACK = "#000000"
GREY = "#7F7F7F"
COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK)
"""Curves without a meaning of their own take these, in this order."""

MARKERS = "os^Dv*PX"
"""The markers of those curves, in the same order: they differ in shape as well as in colour."""

CLAIM_LINES = {"measured": "-", "sharp": "-", "refined": "--", "bound": "--", "explicit": ":", "order": "-."}
"""How a line is drawn, by the kind of what it states. The further a bound may be from the truth, the more gaps."""

BOUNDS: dict[str, tuple[str, dict[str, Any]]] = {
    "order": ("printed order, factor poly = 1", {"color": PURPLE, "ls": "-.", "lw": 1.0}),
    "explicit": ("explicit bound", {"color": ORANGE, "ls": ":", "lw": 2.2}),
    "refined": ("refined bound", {"color": BLUE, "ls": "--", "lw": 1.6}),
    "sharp": ("sharp bound", {"color": BLACK, "ls": "-", "lw": 0.8}),
}
"""Name and line of each kind of bound, in every figure whose colours mean nothing else, in the order of drawing.

Narrower lines are drawn over wider ones, so that bounds that are equal are all seen.
"""

MEASURED: dict[str, tuple[str, dict[str, Any]]] = {
    "sampled": ("sampled tasks", {"color": BLACK, "marker": "o", "ms": 3.2}),
    "extremal": ("extremal task", {"color": VERMILLION, "marker": "*", "ms": 7, "mec": BLACK, "mew": 0.4}),
    "realised": ("realised function", {"color": GREEN, "marker": "D", "ms": 4.2, "mfc": "none", "mew": 1.1}),
    "worst": ("worst instance found", {"color": BLACK, "marker": "_", "ms": 8}),
}
"""Name and marker of what is measured. Hollow ones are drawn over full ones, so that all show at one place."""

CERTIFIED: tuple[str, dict[str, Any]] = ("certified band, sampled tasks", {"color": SKY, "lw": 4.0, "alpha": 0.55})
"""Name and line of an interval that is proved, where both its ends cannot be told apart."""

TURNING: tuple[str, dict[str, Any]] = ("turning point, refined", {"color": BLUE, "marker": "v", "ms": 5})

BLOCK_COLOURS = {"ww": BLUE, "wphi": VERMILLION, "phiw": GREEN, "phiphi": PURPLE}
BLOCK_TITLES = {
    "ww": r"$L_{ww}$",
    "wphi": r"$L_{w\varphi}$",
    "phiw": r"$L_{\varphi w}$",
    "phiphi": r"$L_{\varphi\varphi}$",
}
"""Names of the blocks, in the order in which they are drawn."""

CROSS_TITLES = {
    "ww": BLOCK_TITLES["ww"],
    "wphi": rf"{BLOCK_TITLES['wphi']}$=${BLOCK_TITLES['phiw']}",
    "phiphi": BLOCK_TITLES["phiphi"],
}
"""Names of the blocks where both cross blocks have the same numbers and are drawn once."""

GRADIENT_TITLES = {"w": r"$\|D_w L_\mathrm{meta}\|^2$", "phi": r"$\|D_\varphi L_\mathrm{meta}\|^2$"}
"""Names of the squared norms of the two parts of the meta-gradient."""

HESSIAN_TITLES = {"ww": "$D_w^2$", "cross": r"$D_\varphi D_w$", "phiphi": r"$D_\varphi^2$"}
"""Names of the blocks of the Hessian of the meta objective."""

GEOMETRY_TITLES = {
    str(Geometry.STRONGLY_CONVEX): "strongly convex",
    str(Geometry.NONCONVEX): "nonconvex",
    "maml": "MAML",
}
"""Names of the geometries, in the order in which they are drawn."""

DASH = 4
"""Length of a dash and of a gap, in widths of the line."""

STEPS_LABEL = "inner steps $N$"


def dashes(index: int) -> tuple[int, tuple[int, int]]:
    """The style of the dashed line with this number in its panel: the dashes of one lie in the gaps of the next.

    Two bounds that are equal are then both seen.
    """
    return (DASH * (index % 2), (DASH, DASH))


def geometry_title(geometry: str) -> str:
    """The name of a geometry, or the word itself where the house has no name for it."""
    return GEOMETRY_TITLES.get(geometry, in_figure(geometry))


def in_order(present: Iterable[str], order: Iterable[str]) -> list[str]:
    """Each of the `present` words once: those of `order` first, in its order, and then the others as they come."""
    words = list(dict.fromkeys(present))
    known = [word for word in order if word in words]
    return [*known, *(word for word in words if word not in known)]
