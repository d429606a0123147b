"""The heading of a bar counts the finished jobs, one for each."""

import io

from rich.console import Console
from rich.progress import Progress

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
