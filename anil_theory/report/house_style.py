"""The house style of every figure: widths, fonts, colours, lines and names, each stated once.

Sizes are those of a paper of two columns, so that a figure stands there at scale 1. Colours are those of Okabe and Ito,
which people with any common colour blindness tell apart; an ordered quantity, as N is, takes shades of viridis. A line
says what is claimed (`CLAIM_LINES`), a colour of what.

Nothing here imports matplotlib: commands that draw nothing start without it.
"""

from collections.abc import Iterable
from typing import Any

from anil_theory._printable import in_figure
from anil_theory.constants import Geometry

SINGLE = 3.3
"""Width of one column of a paper, in inches."""
DOUBLE = 6.9
"""Width of both columns, in inches."""
DPI = 200
"""Pixels per inch of figures that are made here; `save_figure` keeps a figure's own."""

STYLE: dict[Any, Any] = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "legend.handlelength": 2.4,
    "figure.titlesize": 9,
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
}
"""What matplotlib calls rcParams. They hold for figures that are made here; axes of a user's own keep the user's."""

BLUE = "#0072B2"
VERMILLION = "#D55E00"
GREEN = "#009E73"
PURPLE = "#CC79A7"
ORANGE = "#E69F00"
SKY = "#56B4E9"
BLACK = "#000000"
GREY = "#7F7F7F"
COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK)
"""In the order in which curves without a meaning of their own take them."""

MARKERS = "os^Dv*PX"
"""In the same order: the curves of a panel differ in shape as well as in colour."""

CLAIM_LINES = {"measured": "-", "sharp": "-", "refined": "--", "bound": "--", "explicit": ":", "order": "-."}
"""How a line is drawn, by the kind of what it states. The further a bound may be from the truth, the more gaps."""

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
"""The same where both cross blocks have the same numbers and are drawn once."""

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
    found = list(dict.fromkeys(present))
    known = [word for word in order if word in found]
    return [*known, *(word for word in found if word not in known)]
