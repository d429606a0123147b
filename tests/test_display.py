"""What a user meets shows itself in one short line, and as a table in a notebook."""

import html.parser
from typing import Any

import pytest
from hypothesis import given

from anil_theory import STATEMENTS, Constants, Direction, Estimate, Kind, Region, Schedule, Witness, falsify, judge
from anil_theory.advice import advise
from anil_theory.certify.certificate import Certificate
from anil_theory.certify.family_constants import CertifiedConstant
from anil_theory.certify.search.branch_and_bound import ClosingStatus
from anil_theory.constants import Knowledge
from anil_theory.tasks import FAMILIES
from tests.strategies import constants as admissible_constants

CONSTANTS = Constants(0.1, 1.0, 1.0, 0.5, 1.0)
SCHEDULE = Schedule.strongly_convex(CONSTANTS, 2)
CLAIM = STATEMENTS["prop2"].select(Kind.SHARP, "ww")[0]
LONGEST = 400


class Tags(html.parser.HTMLParser):
    """Opened and closed tags, and the words between them."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def objects() -> dict[str, Any]:
    witness = Witness({"z": [0.0] * 500}, 0)
    estimate = Estimate(CLAIM.quantity, 1.0, Direction.LOWER, "points", rounding=1e-15, witness=witness)
    certificate = Certificate(
        "ww", 1.0, 1.1, (0.0,) * 9, ((1.0,), (1.0,)), 0, Region(2.0), ClosingStatus.CLOSED, "", 9, 1.0
    )
    constant = CertifiedConstant("rho", 1.0, 1.1, 1.2, Region(2.0), ClosingStatus.CLOSED, "", 9, 1.0)
    return {
        "Constants": CONSTANTS,
        "Schedule": SCHEDULE,
        "Estimate": estimate,
        "Witness": witness,
        "Bound": CLAIM.evaluate(CONSTANTS, SCHEDULE),
        "Claim": CLAIM,
        "Statement": STATEMENTS["prop2"],
        "Verdict": judge(CLAIM, CONSTANTS, SCHEDULE, estimate),
        "Falsification": falsify(CLAIM, CONSTANTS, SCHEDULE),
        "Problem": FAMILIES["separable"].at(CONSTANTS, SCHEDULE).problem(tasks=2),
        "Certificate": certificate,
        "CertifiedConstant": constant,
        "Advice": advise(0.1, 1.0, 1.0, 0.5, 1.0, 0.1),
    }


@pytest.fixture(scope="module")
def shown() -> dict[str, Any]:
    return objects()


def test_every_object_has_a_short_line_and_a_table(shown: dict[str, Any]) -> None:
    for name, value in shown.items():
        line = repr(value)
        assert line.startswith(f"{name}(") and line.endswith(")") and "\n" not in line, name
        assert len(line) <= LONGEST, f"{name}: {line}"
        tags = Tags()
        tags.feed(value._repr_html_())
        assert not tags.open and tags.words, name


def test_numbers_and_names_that_matter_are_in_the_line(shown: dict[str, Any]) -> None:
    assert repr(shown["Falsification"]).startswith("Falsification(outcome=CONSISTENT, claim=prop2/ww/sharp, share=0.99")
    assert "value=1, direction=lower, method=points" in repr(shown["Estimate"])
    assert "norm=[1, 1.1], on=the ball of radius 2, status=CLOSED" in repr(shown["Certificate"])
    assert CLAIM.latex.split(" = ")[0] in shown["Statement"]._repr_html_()


@given(admissible_constants())
def test_constants_and_schedules_are_what_their_lines_say(given_constants: Constants) -> None:
    names = {
        "Constants": Constants,
        "Region": Region,
        "Knowledge": Knowledge,
        "Schedule": Schedule,
        "inf": float("inf"),
    }
    assert eval(repr(given_constants), names) == given_constants
    schedule = Schedule.paper(given_constants, 3, batch=2, beta_w=0.1)
    assert eval(repr(schedule), names) == schedule


def test_text_from_outside_is_escaped_in_a_notebook() -> None:
    estimate = Estimate("<script>", 1.0, Direction.LOWER, "a & b")
    assert "<script>" not in estimate._repr_html_() and "&lt;script&gt;" in estimate._repr_html_()
