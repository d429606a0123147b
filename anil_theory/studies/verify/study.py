"""The grids of `anil-theory verify` as cells, and its page: tables, report, two figures."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import jax

from anil_theory._admissible import one_of
from anil_theory.report.markdown import write_markdown
from anil_theory.report.plots import plot_blocks, plot_tightness
from anil_theory.report.rows import all_rows
from anil_theory.report.terminal import print_broken, print_verdicts
from anil_theory.statements import STATEMENTS
from anil_theory.studies.verify.cells import Cell, job_of, result_of
from anil_theory.studies.verify.grid import cells_of
from anil_theory.studies.verify.settings import VerifySettings
from anil_theory.study import CellStudy, Hand, Job, Page, Result
from anil_theory.verdict import Outcome


class VerifyStudy(CellStudy[VerifySettings, Cell]):
    """The chosen statements over the chosen grids; refuted where a measurement beats a bound."""

    # XLA compiles and computes outside Python's lock, so two cells fill two cores.
    workers = 2

    def cells(self) -> Iterable[Cell]:
        one_of("rows", self.settings.rows, ("auto", "tightest", "all"))
        if self.settings.broken is not None:
            blocks = [claim.block for statement in STATEMENTS.values() for claim in statement.claims]
            one_of("break", self.settings.broken, tuple(dict.fromkeys(blocks)))
        return cells_of(self.settings)

    def job(self, cell: Cell) -> Job:
        return job_of(cell, self.settings.broken)

    def measure(self, cell: Cell, hand: Hand) -> Result:
        return result_of(cell, self.settings.broken)

    @contextmanager
    def around(self) -> Iterator[None]:
        # A small grid spends its time in the compiler: --quick has less optimised machine code, and values change by
        # rounding at most. The switch is the process's, so it is put back.
        switch = "jax_disable_most_optimizations"
        before = jax.config.read(switch)
        jax.config.update(switch, self.settings.quick or before)
        try:
            yield
        finally:
            jax.config.update(switch, before)

    def show(self, page: Page) -> dict[str, Any]:
        rows = all_rows(page.records)
        report = page.place("report.md")
        page.show("the rows were", print_verdicts, rows, self.settings.rows, report.name)
        plots = page.draw({"blocks.png": partial(plot_blocks, rows), "tightness.png": partial(plot_tightness, rows)})
        page.write(report, lambda path: write_markdown(path, page.records, page.note.command, [*plots.values()]))
        page.show_broken(self.settings.broken, "the broken bounds were", print_broken, rows)
        outcomes = page.summary.outcomes()
        return {"outcomes": {outcome.value: outcomes[outcome.value] for outcome in Outcome}, "rows": rows}
