"""What `anil-theory bench` can be asked for."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from anil_theory._admissible import InvalidParameter, count
from anil_theory._options import Options, one, option
from anil_theory.neural.settings import Settings
from anil_theory.studies.inner_steps import runnable

MOST_RUNS = 100_000
"""Runs of one command: each takes seconds to hours."""

STRONG_CONVEXITY = 0.01
"""Default lambda of the strongly convex geometry; the paper's value is not known. Elsewhere the default is 0."""


@dataclass(frozen=True)
class BenchSettings(Options):
    """Train CNN4 with ANIL for several N in both geometries: figures 1 and 2 of the paper, and its claims on them.

    Raises InvalidParameter for empty lists, N < 1 and counts below their least.
    """

    command: ClassVar[str] = "bench"
    measured: ClassVar[tuple[str, ...]] = ("loss", "seconds", "test", "untrained", "compile_seconds", "probes")
    plugins: ClassVar[bool] = False

    dataset: str = option("glyphs", "glyphs, digits, fc100, mini-imagenet, cifar-fs, or an .npz.")
    data: Path | None = option(None, "Folder with the data set's files.")
    geometry: tuple[str, ...] = option(
        ("strongly-convex", "nonconvex"), "strongly-convex, nonconvex, maml, or layers such as conv4+linear."
    )
    inner_steps: tuple[int, ...] = option((1, 3, 7, 10, 30), "N.")
    seeds: int = option(3, "Runs per N.", quick=2)
    outer_lr: tuple[float, ...] = option((1e-3,), "Outer step size of both blocks, or of w and of phi.", quick=(3e-3,))
    l2: float | None = option(None, "lambda of (lambda/2)||w||^2; 0.01 strongly convex and 0 elsewhere, if left out.")
    curvature: int = option(0, "Points along the first seed's runs at which curvature is measured.", quick=2)
    training: Settings = one(Settings)
    quick: bool = option(False, "Small network, few iterations, 2 seeds.")

    def __post_init__(self) -> None:
        if not self.geometry or not self.inner_steps:
            raise InvalidParameter("geometry and inner_steps", "not empty", (self.geometry, self.inner_steps))
        if len(self.outer_lr) not in (1, 2):
            raise InvalidParameter("outer-lr", "one number, or two: of w and of phi", list(self.outer_lr))
        runnable(self.inner_steps)
        runs = len(self.geometry) * len(self.inner_steps) * count("seeds", self.seeds)
        if runs > MOST_RUNS:
            raise InvalidParameter("seeds", f"such that there are at most {MOST_RUNS} runs in all", self.seeds)
        count("curvature", self.curvature, 0)

    def of(self, geometry: str) -> Settings:
        """The settings of one geometry; the compiled inner loop is as long as the largest N."""
        l2 = self.l2
        if l2 is None:
            l2 = STRONG_CONVEXITY if geometry == "strongly-convex" else 0.0
        return replace(
            self.training,
            geometry=geometry,
            l2=l2,
            beta_w=self.outer_lr[0],
            beta_phi=self.outer_lr[-1],
            max_inner_steps=max(self.inner_steps),
        )
