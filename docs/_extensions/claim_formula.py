"""The directive `claim`: the formula of a claim by its name, so that no page types it in again."""

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from anil_theory.statements.generated.latex import CLAIMS


class ClaimFormula(SphinxDirective):
    """`:::{claim} prop2/ww/explicit`."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The formula, and the name that it has everywhere else."""
        name = self.arguments[0]
        if name not in CLAIMS:
            raise self.error(f"there is no claim {name!r}")
        label = nodes.paragraph("", "", nodes.literal(name, name), classes=["claim-name"])
        formula = nodes.math_block(CLAIMS[name], CLAIMS[name], number=None, label=None, nowrap=False, no_wrap=False)
        return [label, formula]


def setup(app) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("claim", ClaimFormula)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
