"""What a study refuses before it begins: a grid without a cell."""

from anil_theory._admissible import InvalidParameter


class EmptyGrid(InvalidParameter):
    """Nothing is left to run: each axis is admissible, and no combination of them is a cell.

    Attributes: `given` (what was asked for), and those of InvalidParameter.
    """

    def __init__(self, why: str, asked: object = None):
        self.name = "grid"
        self.allowed = "a grid with at least one cell"
        self.given = asked
        Exception.__init__(self, f"the grid has no cell: {why}")
