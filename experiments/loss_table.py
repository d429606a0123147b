"""docs/losses.md: which ordinary losses can be certified, by how much, and what is refused and why.

    python -m experiments.loss_table            the whole table, a minute a loss at most
    python -m experiments.loss_table NAME ..    these rows only; the others stay as they are

The test of this table runs the search with few boxes and compares every column that does not depend on the time.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp

from anil_theory import enable_float64
from anil_theory.certify import Certificate, ClosingStatus, NoEnclosure, certify_hessian_blocks_general
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import Losses
from experiments.loss_zoo import DATA, ZOO, ZooLoss

PAGE = Path(__file__).parent.parent / "docs" / "losses.md"
SCHEDULE = Schedule(alpha=0.1, inner_steps=1)
BOX = ([-1.0] * 3, [1.0] * 3)
GAP = 0.05
SECONDS = 60.0
OPERATIONS = 3e9
"""More than a minute's for one block: the minute ends a search, unless the machine is busy with other things."""

BUDGET = {"seconds": SECONDS, "operations": OPERATIONS}
FEW_BOXES = 64
"""The box cut into 4 along each of three axes: enough to see whether a bound is finite for most losses."""
BLOCKS = ("ww", "wphi", "phiphi")

START, END = "<!-- the table starts -->", "<!-- the table ends -->"
TITLES = ("loss", "of", "status", "encloses", "closes", "width of ww, wphi, phiphi", "refused: why")
HEADER = "| " + " | ".join(TITLES) + " |\n" + "|---" * len(TITLES) + "|"


@dataclass(frozen=True)
class Row:
    """One loss.

    status     what the certificates of the three blocks say, the worst first; REFUSED without a certificate;
    encloses   whether every block has a finite upper bound;
    closes     whether every block is within 5 %, in a minute for all three;
    widths     (upper - lower)/upper of the blocks in per cent;
    why        the reason of a refusal.
    """

    name: str
    group: str
    status: str
    encloses: bool
    closes: bool
    widths: str
    why: str

    @property
    def markdown(self) -> str:
        """One line of the table."""
        answers = ("yes" if self.encloses else "no", "yes" if self.closes else "no")
        return (
            f"| {self.name} | {self.group} | {self.status} | {answers[0]} | {answers[1]} | {self.widths} | {self.why} |"
        )


def certificates(item: ZooLoss, **budget: float | int) -> dict[str, Certificate]:
    """The certificates of one loss over the unit box. Raises NoEnclosure when it is refused."""
    data = jax.tree.map(jnp.asarray, DATA)
    losses = Losses(item.loss, item.loss)
    options: dict = {"gap": GAP, **budget}
    return certify_hessian_blocks_general(losses, data, SCHEDULE, *BOX, n_w=item.n_w, **options)


def row(item: ZooLoss, **budget: float | int) -> Row:
    """One line of the table, searched with a budget."""
    try:
        found = certificates(item, **budget)
    except NoEnclosure as error:
        return Row(item.name, item.group, "REFUSED", encloses=False, closes=False, widths="", why=str(error))
    shown = [found[block] for block in BLOCKS]
    statuses = sorted({str(c.status) for c in shown}, key=lambda status: status == ClosingStatus.CLOSED)
    return Row(
        item.name,
        item.group,
        statuses[0],
        encloses=all(c.upper < float("inf") for c in shown),
        closes=all(c.status is ClosingStatus.CLOSED for c in shown),
        widths=", ".join(_percent(c) for c in shown),
        why="",
    )


def _percent(certificate: Certificate) -> str:
    return "inf" if certificate.upper == float("inf") else f"{100 * certificate.width:.2g} %"


def committed() -> dict[str, str]:
    """The lines of the page, by name of the loss."""
    if not PAGE.exists():
        return {}
    _, found, rest = PAGE.read_text().partition(START)
    lines = rest.partition(END)[0].splitlines() if found else []
    return {
        line.split("|")[1].strip(): line for line in lines if line.startswith("| ") and not line.startswith("| loss")
    }


def write(lines: dict[str, str]) -> None:
    """The page with these lines, in the order of the zoo, and its summary."""
    ordered = [lines[item.name] for item in ZOO if item.name in lines]
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in ordered]
    counts = {
        "losses": len(cells),
        "enclosed": sum(c[3] == "yes" for c in cells),
        "closed": sum(c[4] == "yes" for c in cells),
        "open": sum(c[2] == str(ClosingStatus.UNDECIDED_BRANCH) for c in cells),
        "refused": sum(c[2] == "REFUSED" for c in cells),
    }
    summary = (
        "{losses} losses: {enclosed} are enclosed, {closed} close within 5 %; {open} have a branch that stays "
        "undecided, {refused} are refused."
    ).format(**counts)
    before = PAGE.read_text().partition(START)[0]
    body = "\n".join([HEADER, *ordered])
    PAGE.write_text(f"{before}{START}\n\n{summary}\n\n{body}\n\n{END}\n")


def main(names: list[str]) -> None:
    """Search the losses named, or all, and write the page after each."""
    lines = committed()
    for item in ZOO:
        if not names or item.name in names:
            lines[item.name] = row(item, **BUDGET).markdown
            print(lines[item.name], flush=True)
            write(lines)


if __name__ == "__main__":
    enable_float64()
    main(sys.argv[1:])
