"""What an experiment should show, and whether it did, on a terminal."""

from collections.abc import Sequence

from rich.console import Console


def print_experiment(console: Console, shows: str, differences: Sequence[str]) -> None:
    """The sentence of the experiment, and every number that is other than expected."""
    console.print(f"to be shown: {shows}", markup=False, highlight=False)
    for difference in differences:
        console.print(f"not shown: {difference}", style="bold yellow", markup=False, highlight=False)
    if not differences:
        console.print("shown", style="bold green")
