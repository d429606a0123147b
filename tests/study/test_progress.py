"""The heading of a bar counts the finished jobs, one for each; without a terminal there is a line now and then."""

import io

import pytest
from rich.console import Console
from rich.progress import Progress

from anil_theory.study import progress as progress_of_runs
from anil_theory.study.progress import Bar, Display


def test_the_heading_counts_one_for_each_finished_job() -> None:
    progress = Progress(console=Console(file=io.StringIO()))
    bar = Bar(progress, Display("measuring", "rows"), total=3, work=30.0)
    (line,) = progress.tasks
    headings = [line.description]
    for job in (1, 2, 3):
        bar.report(10.0 * job, "nearly")
        bar.finish(10.0 * job)
        headings.append(line.description)
        assert line.completed == 10.0 * job and line.fields["text"] == ""
    assert headings == [f"measuring {count}/3 rows" for count in range(4)]


def test_without_a_terminal_there_is_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(progress_of_runs.time, "monotonic", lambda: now[0])
    for terminal, expected in ((False, ["checking 1/9 cells: half of [ww]", "checking 3/9 cells"]), (True, [])):
        file = io.StringIO()
        bar = Bar(Progress(console=Console(file=file, force_terminal=terminal, width=200)), Display(), 9, 9.0)
        for seconds, text in ((10.0, ""), (25.0, "half of [ww]"), (29.0, ""), (2.0, "")):
            now[0] += seconds
            bar.report(1.0, text) if text else bar.finish(1.0)
        assert file.getvalue().splitlines() == expected
