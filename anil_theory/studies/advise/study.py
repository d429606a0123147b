"""The advice for one set of constants, and its page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from anil_theory._plain import to_plain
from anil_theory.advice import advise
from anil_theory.report.advice import print_advice
from anil_theory.studies.advise.settings import AdviceSettings
from anil_theory.study import Job, Page, Result, Study


class AdviceStudy(Study[AdviceSettings]):
    """One question; an advice is an upper bound of what is needed, and refutes nothing."""

    verb: ClassVar[str] = "advising"
    noun: ClassVar[str] = "questions"

    def jobs(self, out: Path, *, resume: bool) -> Sequence[Job]:
        """One job, answered here, since only the answer says whether the constants admit one."""
        question = vars(self.settings)
        advice = to_plain(advise(**question))
        return [Job(cell={"advice": question}, measure=lambda hand: Result(measurements=advice), name="the advice")]

    def show(self, page: Page) -> dict[str, Any]:
        """The advice."""
        (record,) = page.records
        page.show("the advice was", print_advice, record.measurements)
        return dict(record.measurements)
