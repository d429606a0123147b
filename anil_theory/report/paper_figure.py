"""What the scripts of `paper_figures/` share: a picture beside the script, drawn from the records of a command."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from anil_theory.record import Record, RecordStore
from anil_theory.report.files import save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def redraw(script: str, folder: str, draw: Callable[[Sequence[Record]], "Figure | None"], *, command: str) -> None:
    """Save what `draw` makes of the records in `folder` as a png with the name of `script`, and print that name.

    script    the file of the script, `__file__`;
    folder    of the records, below the working folder;
    command   what writes such records, for the message where there are none to draw. The exit status is then 1.
    """
    target = Path(script).with_suffix(".png")
    place = Path(folder)
    figure = draw(list(RecordStore(place))) if place.is_dir() else None
    if figure is None:
        sys.exit(f"nothing to draw in {folder}: run {command} first")
    save_figure(figure, target)
    print(target.name)
