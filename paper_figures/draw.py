"""Draws the pictures of this folder, and their captions, from the committed records.

Run: python paper_figures/draw.py [NAME ...]; all pictures, if no name is given. `anil-theory figures` draws the same
from the records of a run of one's own.
"""

import sys
from pathlib import Path

from rich.console import Console

from anil_theory.report.drawing import draw_figures

HERE = Path(__file__).parent
RECORDS = HERE.parent / "docs" / "records"

if __name__ == "__main__":
    status, _ = draw_figures(sys.argv[1:], records=RECORDS, out=HERE, console=Console())
    sys.exit(status)
