"""The advice for one set of constants, and its page."""

from typing import Any

from anil_theory._admissible import one_of
from anil_theory._plain import to_plain
from anil_theory.advice import KINDS, Advice, advise
from anil_theory.report.advice import print_advice
from anil_theory.statements.base import Kind
from anil_theory.studies.advise.settings import AdviceSettings
from anil_theory.study import CellStudy, Hand, Page, Result


class AdviceStudy(CellStudy[AdviceSettings, str]):
    """One question; an advice is an upper bound of what is needed, and refutes nothing."""

    verb = "advising"
    noun = "questions"

    def cells(self) -> list[str]:
        # Answered here, since only the answer says whether the constants admit one.
        self.advice = self._ask()
        return ["the advice"]

    def _ask(self, **changes: Any) -> Advice:
        """The advice, where other values than those of the settings are in `changes`."""
        question = {**vars(self.settings), **changes}
        question["kind"] = Kind(one_of("kind", self.settings.kind, tuple(kind.value for kind in KINDS)))
        del question["run"], question["seed"]
        return advise(**question)

    def key(self, cell: str) -> dict[str, Any]:
        return {"advice": vars(self.settings)}

    def measure(self, cell: str, hand: Hand) -> Result:
        plain = to_plain(self.advice)
        if self.settings.run:
            # JAX and the families: a start without --run loads neither.
            from anil_theory.studies.advise.trial import trial

            plain["trial"] = to_plain(trial(self.advice, self.settings, self._ask))
        return Result(measurements=plain)

    def show(self, page: Page) -> dict[str, Any]:
        advice = page.measured[0] if page.measured else to_plain(self.advice)
        page.show("the advice was", print_advice, advice)
        return advice
