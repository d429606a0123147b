"""Tables whose numbers are never cut: a table that needs more columns than the terminal has is printed wider."""

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

FOLDED = 16
"""Columns of the terminal that are left to a column of words, which may take several lines."""


def print_whole(console: Console, table: Table) -> None:
    """Print a table in which every cell of a column with `no_wrap` is shown whole, however narrow the terminal.

    Cut short, 1.889e-05 reads 1.889: wrong by five orders of magnitude. Cells are strings or `rich.text.Text`.
    """
    needed = 0
    for column in table.columns:
        least = FOLDED
        if column.no_wrap:
            texts = [str(column.header), *map(_plain, column.cells)]
            least = max([column.min_width or 0, *map(cell_len, texts)])
            column.min_width = least
        needed += least + sum(table.padding[1::2])
    if needed > console.width:
        table.width = needed
    console.print(table, crop=False)


def _plain(cell: object) -> str:
    return cell.plain if isinstance(cell, Text) else str(cell)
