"""The rows of block constants that a figure draws: for each regime, those of the setting with the most N."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from anil_theory._printable import in_figure
from anil_theory.report.certificates import CertificateRow
from anil_theory.report.house_style import BLOCK_TITLES, geometry_title, in_order
from anil_theory.report.rows import Row

Regime = tuple[str, str]
"""A geometry, and how the step size alpha depends on N and the constants."""

REGIMES: dict[Regime, str] = {
    ("strongly-convex", "alpha = mu/L^2"): r"$\alpha=\mu/L^2$",
    ("strongly-convex", "alpha fixed"): r"$\alpha$ fixed",
    ("nonconvex", "alpha fixed"): r"$\alpha$ fixed",
    ("nonconvex", "alpha = c/(N L)"): r"$\alpha=c/(NL)$",
}
"""The regimes in the order in which they are drawn; others follow them."""

MEASURED = ("blocks", "attained")
"""The checks whose rows are block constants: sampled tasks, and the extremal task."""

Traced = Mapping[str, Any]
"""Bounds at every N, as `anil-theory bounds` keeps them."""


def regime_title(regime: Regime) -> str:
    """The geometry and the step size in words of a figure."""
    geometry, words = regime
    return f"{geometry_title(geometry)}, {REGIMES.get(regime, in_figure(words))}"


def block_constants_of(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row["check"] in MEASURED]


def regimes_of(rows: Iterable[Row]) -> list[Regime]:
    """The regimes that have rows."""
    present = dict.fromkeys((row["geometry"], row["regime"]) for row in rows)
    known = [regime for regime in REGIMES if regime in present]
    return [*known, *(regime for regime in present if regime not in REGIMES)]


def blocks_of(rows: Iterable[Row]) -> list[str]:
    return in_order((row["block"] for row in rows), BLOCK_TITLES)


def steps_of(row: Row) -> int:
    return row["cell"]["schedule"]["inner_steps"]


def in_regime(rows: Iterable[Row], regime: Regime) -> list[Row]:
    return [row for row in rows if (row["geometry"], row["regime"]) == regime]


@dataclass(frozen=True)
class Setting:
    """The rows of one regime that are drawn: those of one choice of constants and of the step size.

    constants   mu, L, rho, tau, M;
    size        alpha or c, where the regime leaves it open, or else 0.
    """

    rows: list[Row]
    regime: str
    constants: tuple[float | None, ...]
    size: float

    @property
    def words(self) -> list[str]:
        """The constants, and the size of the step, in LaTeX."""
        named = zip(LETTERS.values(), self.constants, strict=True)
        words = [f"${letter}={value:g}$" for letter, value in named if value is not None]
        sizes = {"alpha fixed": rf"$\alpha={self.size:g}$", "alpha = c/(N L)": f"$c={self.size:g}$"}
        return [*words, *(text for regime, text in sizes.items() if regime == self.regime)]

    def is_of(self, traced: Traced) -> bool:
        """Whether bounds were traced at this setting."""
        same = self.regime == traced["regime"] and self.constants == _numbers(traced["constants"])
        return same and (self.size == 0.0 or math.isclose(self.size, traced["size"]))

    def certified(self, row: CertificateRow) -> bool:
        """Whether a certificate is about tasks with these constants and the step size of this setting."""
        if self.constants != _numbers(row["constants"]):
            return False
        return any(steps_of(mine) == row["N"] and math.isclose(_alpha(mine), row["alpha"]) for mine in self.rows)


LETTERS = {"mu": r"\mu", "L": "L", "rho": r"\rho", "tau": r"\tau", "M": "M"}


def _numbers(constants: Mapping[str, Any]) -> tuple[float | None, ...]:
    return tuple(constants[name] for name in LETTERS)


def _alpha(row: Row) -> float:
    return row["cell"]["schedule"]["alpha"]


def one_setting(rows: Sequence[Row]) -> Setting:
    """The rows of the constants and step sizes that were run for the most values of N."""

    def setting(row: Row) -> tuple:
        constants, regime = row["cell"]["constants"], row["regime"]
        scaled = round(_alpha(row) * steps_of(row) * constants["L"], 9)
        size = {"alpha fixed": _alpha(row), "alpha = c/(N L)": scaled}.get(regime, 0.0)
        return (*_numbers(constants), size)

    steps: dict[tuple, set[int]] = {}
    for row in rows:
        steps.setdefault(setting(row), set()).add(steps_of(row))
    attained = {setting(r) for r in rows if r["check"] == "attained"}
    chosen = max(steps, key=lambda s: (len(steps[s]), s in attained))
    members = [row for row in rows if setting(row) == chosen]
    return Setting(members, rows[0]["regime"], chosen[:-1], chosen[-1])


def shared_words(words: Sequence[Sequence[str]]) -> list[str]:
    """The words that every line of panels has: they are said once, over all of them."""
    return [word for word in words[0] if all(word in others for others in words)]


def two_lines(regime: Regime) -> tuple[str, str]:
    """The geometry, and the step size below it: one line is longer than a panel is high."""
    geometry, words = regime
    return geometry_title(geometry), REGIMES.get(regime, in_figure(words))
