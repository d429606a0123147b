"""What `anil-theory verify` does: grid, run with progress, table, report, plots."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
from rich.console import Console

from anil_theory._admissible import InvalidParameter, count, one_of
from anil_theory._admissible import seed as admissible_seed
from anil_theory._plain import to_plain
from anil_theory.extend import load_installed, load_plugin
from anil_theory.record import RecordStore, encode_floats
from anil_theory.report import (
    all_rows,
    plot_blocks,
    plot_tightness,
    print_rows,
    print_summary,
    tightest_rows,
    write_markdown,
)
from anil_theory.report.rows import Row
from anil_theory.statements import STATEMENTS
from anil_theory.study import Ending
from anil_theory.tasks import FAMILIES
from anil_theory.verdict import Outcome
from anil_theory.verification.cells import Cell
from anil_theory.verification.grid import (
    SAMPLED,
    WITNESSES,
    Axes,
    default_cells,
    grid_cells,
    quick_statements,
)
from anil_theory.verification.inner_steps import runnable
from anil_theory.verification.runner import WORKERS, run_cells

EXIT_UNBROKEN = 4
"""A bound was broken on purpose and nothing refuted it: the checker, or what was asked of it, is blind there."""

FEW_STEPS = (1, 3, 10)
"""N of a grid of which only the families are named."""

FEW_ROWS = 40
"""Up to so many rows are printed one by one; beyond, the tightest of each statement and block."""


def axes_from_options(options: dict[str, Any], seed: int) -> Axes:
    """The grid that the given axes make; the others keep the defaults of `Axes`.

    n_w and n_phi are paired, one of them may be a single value. Raises InvalidParameter when their lengths differ.
    """
    axes = dict(options)
    n_w, n_phi = axes.pop("n_w", None), axes.pop("n_phi", None)
    if n_w or n_phi:
        n_w, n_phi = list(n_w or [2]), list(n_phi or [2])
        length = max(len(n_w), len(n_phi))
        if {len(n_w), len(n_phi)} - {1, length}:
            raise InvalidParameter("n_phi", f"one value or as many as n_w ({len(n_w)})", n_phi)
        pairs = zip(n_w * (length if len(n_w) == 1 else 1), n_phi * (length if len(n_phi) == 1 else 1), strict=True)
        axes["shapes"] = tuple((count("n_w", a), count("n_phi", b, minimum=0)) for a, b in pairs)
    values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in axes.items()}
    return Axes(seed=seed, **values)


def breakable() -> tuple[str, ...]:
    """What --break admits: the blocks of all statements."""
    return tuple(dict.fromkeys(claim.block for statement in STATEMENTS.values() for claim in statement.claims))


CONSTANTS = ("mu", "L", "rho", "tau", "M")


def _cells(
    statements: tuple[str, ...], families: tuple[str, ...], options: dict[str, Any], seed: int, quick: bool
) -> list[Cell]:
    for name in statements:
        one_of("statement", name, tuple(STATEMENTS))
    for name in families:
        one_of("family", name, tuple(FAMILIES))
    own = [name for name in families if not FAMILIES[name].takes_constants]
    if own and len(own) == len(families):
        for name in CONSTANTS:
            if name in options:
                raise InvalidParameter(name, f"left out: {', '.join(own)} has constants of its own", options[name])
    chosen = statements or (quick_statements() if quick and not options else tuple(STATEMENTS))
    if not options and not families:
        return default_cells(chosen, quick=quick, seed=seed)
    axes = axes_from_options(options, seed)
    if "inner_steps" not in options and not options.keys() - {"seed"}:
        axes = replace(axes, inner_steps=FEW_STEPS)
    runnable(axes.inner_steps)
    for name in ("batch", "outer_steps"):
        for value in getattr(axes, name):
            count(name, value)
    return grid_cells(axes, chosen, families=families or (*WITNESSES, *SAMPLED))


def run_verify(
    statements: tuple[str, ...],
    options: dict[str, Any],
    *,
    families: tuple[str, ...] = (),
    plugins: tuple[Path, ...] = (),
    seed: int,
    out: Path,
    quick: bool,
    broken: str | None,
    resume: bool,
    shown: str,
    workers: int = WORKERS,
    console: Console,
) -> tuple[int, dict[str, Any]]:
    """Run, print and write; returns the exit status (`study.ending`) and the rows as plain values.

    workers   cells at a time.

    Raises InvalidParameter for misuse, before any work is done, and OSError for a disk that is full from the start.
    """
    load_installed()
    for path in plugins:
        load_plugin(path)
    # The command line cannot know the families of a plug-in, and takes the second of a list for a statement.
    named = [name for name in statements if families and name in FAMILIES and name not in STATEMENTS]
    families = (*families, *named)
    statements = tuple(name for name in statements if name not in named)
    one_of("rows", shown, ("auto", "tightest", "all"))
    if broken is not None:
        one_of("break", broken, breakable())
    cells = _cells(statements, families, options, admissible_seed("seed", seed), quick)
    store = RecordStore(out / "records")
    with _cheap_compilation(quick):
        summary = run_cells(cells, store, broken=broken, resume=resume, workers=workers)
    ending, rows = Ending(), all_rows(summary.records)
    ending.attempt("the rows were not printed", lambda: _print(console, rows, shown))
    plots = ending.draw(
        {
            out / "blocks.png": lambda: plot_blocks(rows),
            out / "tightness.png": lambda: plot_tightness(rows),
        }
    )
    command = " ".join(["anil-theory", *sys.argv[1:]])
    report = out / "report.md"
    written = ending.write(report, lambda: write_markdown(report, summary.records, command, plots))
    if broken is not None:
        _print_broken(console, rows, broken)
    code = ending.close(console, summary, store, written=[*written, *plots], refuted=summary.refuted > 0)
    if broken is not None and code == 0:
        code = EXIT_UNBROKEN
    outcomes = {outcome.value: summary.outcomes()[outcome.value] for outcome in Outcome}
    return code, {"outcomes": outcomes, "rows": encode_floats(to_plain(rows))}


def _print(console: Console, rows: list[Row], shown: str) -> None:
    every = shown == "all" or (shown == "auto" and len(rows) <= FEW_ROWS)
    title = "every row" if every else "the tightest row of each statement and block (xN: rows it stands for)"
    print_rows(console, rows if every else tightest_rows(rows), title)
    print_summary(console, rows)


def _print_broken(console: Console, rows: list[dict[str, Any]], broken: str) -> None:
    """How many of the bounds that were halved on purpose were refuted."""
    halved = [row for row in rows if row["block"] == broken]
    refuted = sum(row["outcome"] == Outcome.REFUTED.value for row in halved)
    console.print(f"the bounds of {broken} were halved on purpose: refutations are what should be seen")
    console.print(f"{refuted} of {len(halved)} rows with a halved bound are refuted")
    if not refuted:
        console.print(
            f"nothing refuted the halved bounds of {broken}: exit status {EXIT_UNBROKEN}", style="bold yellow"
        )


@contextmanager
def _cheap_compilation(wanted: bool) -> Iterator[None]:
    """Less optimised machine code inside the block: a quick grid spends its time in the compiler and not in the code.

    Values change by rounding at most. The switch is the process's, so it is put back.
    """
    switch = "jax_disable_most_optimizations"
    before = jax.config.read(switch)
    jax.config.update(switch, wanted or before)
    try:
        yield
    finally:
        jax.config.update(switch, before)
