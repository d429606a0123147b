"""What `anil-theory verify` can be asked for: statements, and grids of settings as the product of axes."""

from dataclasses import dataclass
from typing import ClassVar

from anil_theory._admissible import InvalidParameter, count
from anil_theory._options import Options, option, several
from anil_theory.constants import Geometry


@dataclass(frozen=True)
class Axes(Options):
    """The values of every axis of a grid; the grid is their product.

    mu                strong convexity constants (strongly convex cells only);
    L, rho, tau, M    the other constants; families with constants of their own have those instead;
    inner_steps       N;
    n_w, n_phi        dimensions, paired; one of them may be a single value;
    alpha             inner step sizes; where none is given, the paper's mu/L^2 (strongly convex) and 0.1/L (nonconvex);
    c                 c of alpha = c/(N L) (nonconvex);
    lam               weights of iMAML's proximal term (statement imaml only);
    batch, outer_steps, beta   B, K and both outer step sizes (theorems and Table 2 only); without beta, the largest
                      that the explicit bounds allow;
    population        T: the B tasks of a step are drawn without replacement from T, B <= T, and the cell has T tasks
                      (theorems and runs of FO-ANIL only); where none is given, they are drawn independently;
    geometry          which geometries to cover;
    pairs to iterations   how hard to search: `estimators.Budget`;
    measurements      the measurements of this grid, by name; where none is named, all but those in `without`.
    """

    mu: tuple[float, ...] = option((0.1, 0.5), "Strong convexity (strongly convex geometry).")
    L: tuple[float, ...] = option((1.0,), "Smoothness.", flag="--L")
    rho: tuple[float, ...] = option((1.0,), "Lipschitz constant of D_w^2 L_S.")
    tau: tuple[float, ...] = option((0.5,), "Lipschitz constant of D_phi D_w L_S.")
    M: tuple[float, ...] = option((1.0,), "Lipschitz constant of L_D.", flag="--M")
    inner_steps: tuple[int, ...] = option((1, 2, 5, 10, 20, 30), "N.")
    n_w: tuple[int, ...] = option((2,), "Dimensions of w; paired with --n-phi.")
    n_phi: tuple[int, ...] = option((2,), "Dimensions of phi (0: MAML, needs --tau 0).")
    alpha: tuple[float, ...] = option((), "Inner step sizes; mu/L^2 and, nonconvex, 0.1/L if left out.")
    c: tuple[float, ...] = option((0.7,), "c of alpha = c/(N L), nonconvex.")
    lam: tuple[float, ...] = option((2.0,), "Weight of iMAML's proximal term lam/2 |w - w_0|^2 (imaml).")
    geometry: tuple[Geometry, ...] = option(tuple(Geometry), "Which geometries.")
    batch: tuple[int, ...] = option((4,), "B, tasks per outer step (theorems).")
    outer_steps: tuple[int, ...] = option((1000,), "K, outer steps (theorems).")
    beta: tuple[float, ...] = option((), "Outer step size of both blocks; its limit if left out.")
    population: tuple[int, ...] = option((), "T: draw B of T tasks without replacement; independent if left out.")
    tasks: int = option(4, "Tasks per cell, where --population says nothing.")
    seeds: int = option(32, "Runs of Algorithm 1 per cell (theorems).")
    query: str = option("sine", "Outer loss: sine or log-cosh.")
    family: tuple[str, ...] = option((), "Families of tasks; separable and, where it exists, extremal if left out.")
    pairs: int = option(64, "Random pairs of points per task.")
    points: int = option(16, "Random points per task.")
    lanczos_steps: int = option(14, "Lanczos steps of each norm.")
    starts: int = option(4, "Ascents per task.")
    iterations: int = option(40, "Iterations of each ascent.")
    measurements: tuple[str, ...] = option((), "Only these measurements, by name.", flag="--measurement")
    without: tuple[str, ...] = option((), "Not these measurements.")

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """Pairs (n_w, n_phi). Raises InvalidParameter when the lengths of n_w and n_phi do not fit."""
        length = max(len(self.n_w), len(self.n_phi))
        if {len(self.n_w), len(self.n_phi)} - {1, length}:
            raise InvalidParameter("n_phi", f"one value or as many as n_w ({len(self.n_w)})", list(self.n_phi))
        every_w = self.n_w * length if len(self.n_w) == 1 else self.n_w
        every_phi = self.n_phi * length if len(self.n_phi) == 1 else self.n_phi
        pairs = zip(every_w, every_phi, strict=True)
        return tuple((count("n_w", w), count("n_phi", phi, minimum=0)) for w, phi in pairs)


@dataclass(frozen=True)
class VerifySettings(Options):
    """Measure, and judge statements by it: Propositions 1-3, Theorems 1-2, Tables 1-2, and those of plug-ins.

    Without axis options it runs the default grid, an experiment of the package; with any of them, the product of the
    values given and of the defaults of the others. Status 4 says that nothing refuted a bound that --break halved.
    """

    command: ClassVar[str] = "verify"
    row_members: ClassVar[tuple[str, ...]] = (
        "statement",
        "block",
        "check",
        "geometry",
        "regime",
        "setting",
        "measured",
        "method",
        "direction",
        "bounds",
        "tightness",
        "outcome",
        "reason",
        "verdicts",
    )

    statements: tuple[str, ...] = option(
        (),
        "Which: assumptions, prop1-3, thm1, thm2, table1, table2, or one of a plug-in. All, if left out.",
        argument=True,
    )
    paper: tuple[str, ...] = option((), "Only the statements of these papers, e.g. anil, fo-maml, bilevel, imaml.")
    grids: tuple[Axes, ...] = several(Axes)
    seed: int = option(0, "Seed of tasks and searches.")
    rows: str = option("auto", "Rows to print below the overview: tightest, all, or auto (all where they are few).")
    broken: str | None = option(
        None, "Halve the bounds of a block on purpose, e.g. ww, wphi, 'L - mu'.", flag="--break"
    )
    quick: bool = option(False, "A small grid of Propositions 1-3.")
