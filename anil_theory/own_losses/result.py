"""What a study of own losses found: an object that prints, draws, exports and shows itself in a notebook."""

from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from anil_theory._plain import to_plain
from anil_theory.checks.rows import SEVERITY, Row
from anil_theory.constants import Constants
from anil_theory.own_losses.advising import StudyAdvice
from anil_theory.own_losses.auditing import AuditedConstant, plain
from anil_theory.own_losses.page import html_of, print_study, text_of
from anil_theory.record import Record, encode_floats, provenance
from anil_theory.report.files import write_report
from anil_theory.schedule import Schedule
from anil_theory.verdict import Outcome

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from anil_theory.report.panels import GivenAxes


@dataclass(frozen=True, eq=False, repr=False)
class LossStudy:
    """The result of `study_losses`.

    constants      what bounds were evaluated at, on the ball about the start;
    audited        each constant by name, and how it is known;
    schedule       alpha and N at which the bounds were judged;
    run            the training run: its step sizes, how far it went, and the radii of the two balls;
    rows           quantities beside their bounds, as `checks.check` gives them: declared constants, measured blocks and
                   (with certificates) enclosed ones;
    first_failure  the assumption that fails first along the run, and where; None: none fails;
    jump           where a derivative jumps: the loss is not twice differentiable then, and nothing is judged;
    sentences      both in words;
    advice         settings, and the short run that tried them; None after a jump;
    notes          what has to be known to read the rest;
    seconds        that the study took.

    Points of witnesses are relative to the start.
    """

    name: str
    n_w: int
    n_phi: int
    tasks: int
    constants: Constants
    audited: dict[str, AuditedConstant]
    schedule: Schedule
    run: dict[str, Any]
    rows: tuple[Row, ...]
    first_failure: dict[str, Any] | None
    sentences: tuple[str, ...]
    jump: dict[str, Any] | None
    advice: StudyAdvice | None
    notes: tuple[str, ...]
    seed: int
    seconds: float

    @property
    def verdicts(self) -> dict[str, int]:
        """How many rows have each outcome, the most severe first; outcomes without a row are left out."""
        counts = {outcome: sum(row.outcome == outcome for row in self.rows) for outcome in SEVERITY}
        return {outcome.value: count for outcome, count in counts.items() if count}

    @property
    def refuted(self) -> bool:
        """Whether a row is refuted."""
        return any(row.outcome == Outcome.REFUTED for row in self.rows)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values: numbers, strings, lists and mappings."""
        return to_plain(
            {
                "name": self.name,
                "n_w": self.n_w,
                "n_phi": self.n_phi,
                "tasks": self.tasks,
                "constants": self.constants,
                "audited": {name: plain(each) for name, each in self.audited.items()},
                "schedule": asdict(self.schedule) if is_dataclass(self.schedule) else None,
                "run": self.run,
                "rows": [asdict(row) for row in self.rows],
                "verdicts": self.verdicts,
                "first_failure": self.first_failure,
                "sentences": list(self.sentences),
                "jump": self.jump,
                "advice": None if self.advice is None else asdict(self.advice),
                "notes": list(self.notes),
                "seed": self.seed,
                "seconds": self.seconds,
            }
        )

    def to_json(self) -> str:
        """`to_dict` as strict JSON; what JSON cannot say (infinite, not a number) as in records."""
        import json

        return json.dumps(encode_floats(self.to_dict()), allow_nan=False, indent=1)

    def record(self) -> Record:
        """The study as one record, with its provenance."""
        members = self.to_dict()
        rows = members.pop("rows")
        cell = {"check": "own losses", "name": self.name, "n_w": self.n_w, "n_phi": self.n_phi, "seed": self.seed}
        return Record(cell=cell, verdicts=rows, measurements=members, provenance=provenance())

    def save(self, path: Path | str) -> None:
        """Write `to_json` to a file, whole or not at all."""
        write_report(self.to_json() + "\n", Path(path))

    def show(self, console: Console | None = None) -> None:
        """Print everything, in colour where the terminal has any."""
        print_study(Console() if console is None else console, self.to_dict())

    def plot(self, axes: "GivenAxes" = None) -> "Figure":
        """Constants, blocks beside their bounds, and the short run: three panels.

        axes   three of your own, or one, for the short run alone; left out: a new figure. Nothing chooses a backend.

        Raises InvalidParameter for another number of axes.
        """
        from anil_theory.own_losses.figure import plot_study

        return plot_study(self.to_dict(), axes=axes)

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {outcome}" for outcome, count in self.verdicts.items()) or "no verdicts"
        return f"LossStudy({self.name!r}, n = {self.n_w} + {self.n_phi}, {self.constants.geometry}: {counts})"

    def __str__(self) -> str:
        return text_of(self.to_dict())

    def _repr_html_(self) -> str:
        return html_of(self.to_dict())
