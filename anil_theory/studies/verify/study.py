"""The grids of `anil-theory verify` as cells, and its page: tables, report, two figures."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import jax

from anil_theory._admissible import InvalidParameter, one_of
from anil_theory._admissible import seed as admissible_seed
from anil_theory._options import settings_from
from anil_theory.experiments.files import packaged
from anil_theory.report.markdown import write_markdown
from anil_theory.report.plots import plot_blocks, plot_tightness
from anil_theory.report.rows import all_rows
from anil_theory.report.terminal import print_broken, print_verdicts
from anil_theory.statements import STATEMENTS
from anil_theory.studies.verify.cells import Cell, job_of
from anil_theory.studies.verify.grid import cells_of_all, grid_cells, quick_statements
from anil_theory.studies.verify.settings import Axes, VerifySettings
from anil_theory.study import Job, Page, Study
from anil_theory.tasks import FAMILIES
from anil_theory.verdict import Outcome

FEW_STEPS = (1, 3, 10)
"""N of a grid of which only the families are named."""

CONSTANTS = ("mu", "L", "rho", "tau", "M")


class VerifyStudy(Study[VerifySettings]):
    """The chosen statements over the chosen grids; refuted where a measurement beats a bound."""

    # XLA compiles and computes outside Python's lock, so two cells fill two cores.
    workers: ClassVar[int] = 2

    def jobs(self, out: Path, *, resume: bool) -> Sequence[Job]:
        """One job for each cell."""
        one_of("rows", self.settings.rows, ("auto", "tightest", "all"))
        if self.settings.broken is not None:
            one_of("break", self.settings.broken, breakable())
        return [job_of(cell, self.settings.broken) for cell in self.cells()]

    def cells(self) -> Sequence[Cell]:
        """The cells of the grids, or of the default grids where no axis was given."""
        asked = self.settings
        seed = admissible_seed("seed", asked.seed)
        statements, given = self._sorted_names()
        for name in statements:
            one_of("statement", name, tuple(STATEMENTS))
        if not given:
            known = packaged("verify_quick" if asked.quick else "verify")
            grids = settings_from(VerifySettings, known.settings).grids
            chosen = statements or (quick_statements() if asked.quick else tuple(STATEMENTS))
            return cells_of_all(grids, chosen, seed=seed)
        chosen = statements or tuple(STATEMENTS)
        if len(given) == 1:
            return grid_cells(_with_few_steps(_without_constants(given[0])), chosen, seed=seed)
        return cells_of_all(given, chosen, seed=seed)

    def _sorted_names(self) -> tuple[tuple[str, ...], tuple[Axes, ...]]:
        """The statements and the grids.

        The command line cannot know the families of a plug-in, and takes the second of a list for a statement.
        """
        asked = self.settings
        grids = asked.grids
        if len(grids) != 1 or not grids[0].family:
            return asked.statements, grids
        axes = grids[0]
        families = tuple(name for name in asked.statements if name in FAMILIES and name not in STATEMENTS)
        statements = tuple(name for name in asked.statements if name not in families)
        return statements, (replace(axes, family=(*axes.family, *families)),)

    @contextmanager
    def around(self) -> Iterator[None]:
        """With --quick, less optimised machine code: a small grid spends its time in the compiler.

        Values change by rounding at most. The switch is the process's, so it is put back.
        """
        switch = "jax_disable_most_optimizations"
        before = jax.config.read(switch)
        jax.config.update(switch, self.settings.quick or before)
        try:
            yield
        finally:
            jax.config.update(switch, before)

    def show(self, page: Page) -> dict[str, Any]:
        """The rows, two figures, report.md, and what became of bounds that were broken on purpose."""
        rows = all_rows(page.records)
        page.show("the rows were", print_verdicts, rows, self.settings.rows)
        plots = page.draw({"blocks.png": partial(plot_blocks, rows), "tightness.png": partial(plot_tightness, rows)})
        command = " ".join(["anil-theory", *sys.argv[1:]])
        page.write(page.out / "report.md", lambda path: write_markdown(path, page.records, command, plots))
        if self.settings.broken is not None:
            page.show("the broken bounds were", print_broken, rows, self.settings.broken)
            page.blind = not page.refuted
        outcomes = page.summary.outcomes()
        return {"outcomes": {outcome.value: outcomes[outcome.value] for outcome in Outcome}, "rows": rows}


def breakable() -> tuple[str, ...]:
    """What --break admits: the blocks of all statements."""
    return tuple(dict.fromkeys(claim.block for statement in STATEMENTS.values() for claim in statement.claims))


def _with_few_steps(axes: Axes) -> Axes:
    """Where nothing but families was named, a few N."""
    return replace(axes, inner_steps=FEW_STEPS) if axes == Axes(family=axes.family) else axes


def _without_constants(axes: Axes) -> Axes:
    """Raises InvalidParameter where constants are given and every family has its own."""
    kinds = [FAMILIES[one_of("family", name, tuple(FAMILIES))] for name in axes.family]
    if kinds and not any(kind.takes_constants for kind in kinds):
        for name in CONSTANTS:
            if getattr(axes, name) != getattr(Axes(), name):
                allowed = f"left out: {', '.join(axes.family)} has constants of its own"
                raise InvalidParameter(name, allowed, list(getattr(axes, name)))
    return axes
