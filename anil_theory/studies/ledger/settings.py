"""What `anil-theory ledger` can be asked for."""

from dataclasses import dataclass
from typing import ClassVar

from anil_theory._options import Options, option


@dataclass(frozen=True)
class LedgerSettings(Options):
    """Prove the steps of the derivation with sympy: statement, assumption used, how proved, status.

    Status 1 says that a proof failed.
    """

    command: ClassVar[str] = "ledger"
    # A record would carry the versions of all libraries, and importing those takes longer than the proofs.
    records: ClassVar[bool] = False
    plugins: ClassVar[bool] = False

    sections: tuple[str, ...] = option(
        (), "Sections: 2 inner iterates, 3.1 explicit, 3.2 refined, 3.3 orders, 5 theorems.", flag="--section"
    )
    every: bool = option(
        False, "Print every fact, as where sections are named; else a line for each section.", flag="--all"
    )
    controls: bool = option(False, "Also try wrong formulas: each must fail.")
