"""The advice for one set of constants, and its page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from anil_theory._admissible import one_of
from anil_theory._plain import to_plain
from anil_theory.advice import KINDS, Advice, advise
from anil_theory.constants import Constants
from anil_theory.report.advice import print_advice
from anil_theory.statements.base import Kind
from anil_theory.studies.advise.settings import AdviceSettings
from anil_theory.study import Hand, Job, Page, Result, Study


class AdviceStudy(Study[AdviceSettings]):
    """One question; an advice is an upper bound of what is needed, and refutes nothing."""

    verb: ClassVar[str] = "advising"
    noun: ClassVar[str] = "questions"

    def jobs(self, out: Path, *, resume: bool) -> Sequence[Job]:
        """One job, answered here, since only the answer says whether the constants admit one."""
        question = dict(vars(self.settings))
        run = question.pop("run")
        seed = question.pop("seed")
        kind = Kind(one_of("kind", question.pop("kind"), tuple(kind.value for kind in KINDS)))
        advice = advise(**question, kind=kind)
        plain = to_plain(advice)

        def measure(hand: Hand) -> Result:
            if not run:
                return Result(measurements=plain)
            # JAX and the families: a start without --run loads neither.
            from anil_theory.studies.advise.trial import trial

            constants = Constants(**{name: question[name] for name in ("mu", "L", "rho", "tau", "M")})

            def again(D0: float, alpha: float, inner_steps: int) -> Advice:
                return advise(**question | {"D0": D0, "alpha": alpha, "inner_steps": inner_steps}, kind=kind)

            tried = trial(advice, constants, question["n_w"], question["n_phi"], seed, again, question["population"])
            return Result(measurements=plain | {"trial": to_plain(tried)})

        return [Job(cell={"advice": vars(self.settings)}, measure=measure, name="the advice")]

    def show(self, page: Page) -> dict[str, Any]:
        """The advice."""
        (record,) = page.records
        page.show("the advice was", print_advice, record.measurements)
        return dict(record.measurements)
