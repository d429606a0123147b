"""Conduct a study: jobs, run, page, exit status. The one way in which every command runs."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from anil_theory._admissible import count
from anil_theory._plain import to_plain
from anil_theory.record import RecordStore, encode_floats, key
from anil_theory.study.base import RunSettings, Study
from anil_theory.study.page import Page
from anil_theory.study.progress import Display
from anil_theory.study.run import run_jobs
from anil_theory.study.run_note import FOLDER, RunNote


def conduct(
    study: Study[Any],
    how: RunSettings | None = None,
    *,
    console: Console | None = None,
    stop: Callable[[], bool] = lambda: False,
    refutes: bool = False,
) -> tuple[int, dict[str, Any]]:
    """Measure every cell of a study, keep each as a record as soon as it is done, and show what they say.

    how       folder, resumption, cells at a time;
    console   where results are printed; default: standard output;
    stop      asked several times a second; true ends the run as Ctrl-C does;
    refutes   whether a refutation is what the study is to show: it is then no failure, and its absence is.

    Returns the exit status (`study.ending`) and the report as plain values. Raises InvalidParameter for misuse, before
    any work is done, and OSError for a disk that is full from the start.
    """
    how = how or RunSettings()
    out = how.out or Path("results", study.settings.command)
    workers = study.workers if how.jobs is None else count("jobs", how.jobs)
    if study.settings.plugins:
        # Here: a study without them does not pay for the families, which import JAX.
        from anil_theory.extend import load_installed, load_plugin

        load_installed()
        for path in how.plugin:
            load_plugin(path)
    # A cell that two grids have in common is one record.
    by_key = {key(job.cell): job for job in reversed(study.jobs(out, resume=how.resume))}
    jobs = list(reversed(by_key.values()))
    store = RecordStore(out / "records") if study.settings.records else None
    with study.around():
        summary = run_jobs(
            jobs,
            store,
            resume=how.resume,
            workers=workers,
            display=Display(study.verb, study.noun),
            stop=stop,
            settings=type(study.settings),
        )
    note = RunNote.of(out, study.settings.command, by_key)
    page = Page(console or Console(), out, summary, note)
    report = study.show(page)
    if store is not None:
        page.ending.write(out / FOLDER, partial(note.write, out, page.written))
    page.ending.close(page.console, summary, store, noun=study.noun, written=page.written)
    return page.status(refutes=refutes), encode_floats(to_plain(report))
