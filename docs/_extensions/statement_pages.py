"""One page per registered statement, written at build from its docstring, its claims and what measures them."""

import importlib
import pkgutil
import re
from pathlib import Path

from docstring_blocks import markdown
from interface_pages import write_pages

from anil_theory import STATEMENTS, Claim, Constants, Geometry, Kind, Schedule, Statement, statements
from anil_theory.checks import measurements_of

FOLDER = "statements"

GEOMETRIES = {
    Geometry.STRONGLY_CONVEX: "strongly convex",
    Geometry.NONCONVEX: "nonconvex",
    None: "both",
}

EXAMPLE = {
    Geometry.STRONGLY_CONVEX: Constants(mu=0.2, L=1.0, rho=1.0, tau=0.5, M=1.0),
    Geometry.NONCONVEX: Constants(mu=None, L=1.0, rho=1.0, tau=0.5, M=1.0),
}
"""Where the hypotheses are evaluated, to be listed by their conditions."""

OF_THE_EXAMPLE = re.compile(r" \(c = [^)]*\)|(?<=alpha N L) = [\d.e+-]+|(?<=lam > l) = [\d.e+-]+")
"""The weight c and the numbers alpha N L and l, which a condition states as they are at its setting."""


def _modules() -> dict[str, str]:
    """The name of the module of each statement."""
    found = {}
    for module in pkgutil.iter_modules(statements.__path__, "anil_theory.statements."):
        statement = getattr(importlib.import_module(module.name), "STATEMENT", None)
        if statement is not None:
            found[statement.name] = module.name
    return found


def _conditions(statement: Statement, claim: Claim) -> list[str]:
    """The hypotheses of a claim, in words, without the numbers that they have at the example."""
    geometry = statement.geometry or Geometry.STRONGLY_CONVEX
    schedule = Schedule(alpha=0.2, inner_steps=3, outer_steps=10, batch=4, beta_w=0.1, beta_phi=0.1, lam=2.0)
    evaluated = claim.hypotheses(EXAMPLE[geometry], schedule)
    return [OF_THE_EXAMPLE.sub("", hypothesis.condition) for hypothesis in evaluated]


def _measurements(statement: Statement) -> list[str]:
    """A line for each measurement that serves the statement: what it measures of it, and in which direction."""
    lines = []
    for measurement in measurements_of(statement):
        measured = [claim.quantity for claim in statement.claims if measurement.measures(claim.quantity)]
        quantities = ", ".join(f"`{quantity}`" for quantity in dict.fromkeys(measured))
        lines.append(f"- `{measurement.name}`, direction {measurement.direction.value}: {quantities}")
    return lines


def _claims(statement: Statement) -> list[str]:
    lines = []
    for kind in Kind:
        chosen = statement.select(kind)
        if not chosen:
            continue
        lines += [f"### Kind: {kind.value}", ""]
        conditions = dict.fromkeys(each for claim in chosen for each in _conditions(statement, claim))
        if conditions:
            lines += ["Hypotheses: " + "; ".join(f"`{each}`" for each in conditions) + ".", ""]
        for claim in chosen:
            lines += [f"`{claim.name}`", "", "$$", claim.latex, "$$", ""]
    return lines


def _title(statement: Statement) -> str:
    """The place in the paper and what the statement says, each once."""
    if statement.title.startswith("Assumption"):
        return statement.title
    return f"{statement.source}: {statement.title[:1].lower()}{statement.title[1:]}"


def _linked(text: str) -> str:
    """Pages that a docstring names, as links from the folder of the statements."""

    def link(found: re.Match[str]) -> str:
        name = found[1].replace("\\", "")
        return f"[{name.replace('_', ' ')}](../{name}.md)"

    return re.sub(r"docs/([\w\\]+)\.md", link, text)


def page(statement: Statement, module: str) -> str:
    """The page of one statement, in Markdown."""
    docstring = (importlib.import_module(module).__doc__ if module else "") or ""
    facts = ", ".join(f"`{fact}`" for fact in statement.facts) or "none"
    return "\n".join(
        [
            f"# {_title(statement)}",
            "",
            f"Geometry: {GEOMETRIES[statement.geometry]}. "
            f"Facts that its bounds need beside constants and schedule: {facts}.",
            "",
            "```sh",
            f"anil-theory verify {statement.name}",
            "```",
            "",
            "## What it says",
            "",
            _linked(markdown(docstring)),
            "",
            "## Its claims",
            "",
            *_claims(statement),
            "## What measures it",
            "",
            *_measurements(statement),
            "",
            f"In the code: `{module}`." if module else "",
            "",
        ]
    )


def _index() -> str:
    names = "\n".join(STATEMENTS)
    return "\n".join(
        [
            "# The statements",
            "",
            "One page for each statement that is registered, written at build from its docstring and its claims. What",
            "the kinds (explicit, refined, sharp, ..) are stands in [how to read a verdict](../verdicts.md); where the",
            "formulas come from, in [the theory](../theory.md).",
            "",
            f"```{{toctree}}\n:maxdepth: 1\n\n{names}\n```",
            "",
        ]
    )


def pages() -> dict[str, str]:
    """The index and a page per statement, by their names."""
    modules = _modules()
    return {"index": _index()} | {name: page(each, modules.get(name, "")) for name, each in STATEMENTS.items()}


def setup(app) -> dict[str, bool]:
    """Write the pages before Sphinx looks for sources."""
    app.connect("builder-inited", lambda app: write_pages(Path(app.srcdir) / FOLDER, pages()), priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
