"""The page as text: its template filled, with its styles and scripts inside."""

from importlib import resources
from pathlib import Path
from typing import Any

from anil_theory._atomic import write_atomically
from anil_theory.errors import MissingLibrary
from anil_theory.report.overview import METHODS
from anil_theory.results.base import Results
from anil_theory.results.page.content import content_of

SCRIPTS = ("bounds.js", "explorer.js", "filter.js")
"""The scripts of the page, in the order in which they need each other; the generated formulas come before them."""


def write_page(results: Results, path: Path) -> None:
    """Write the page whole or not at all. Raises MissingLibrary without Jinja2."""
    text = page_of(results)
    write_atomically(path, lambda file: file.write(text.encode("utf-8", "backslashreplace")))


def page_of(results: Results) -> str:
    """The text of the page."""
    environment = _environment()
    template = environment.get_template("page.html.jinja")
    return template.render(
        content=content_of(results),
        methods=METHODS,
        style=_raw(_part("page.css")),
        scripts=[_raw(_formulas()), *(_raw(_part(name)) for name in SCRIPTS)],
        math=_raw,
    )


def _environment() -> Any:
    try:
        import jinja2
    except ImportError as error:
        raise MissingLibrary("Jinja2 is not installed: pip install 'anil_theory[report]' brings it") from error
    # What comes from records is text from outside: everything is escaped that is not marked as written here.
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(_part),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


def _raw(text: str) -> Any:
    """Text of the package itself, or MathML whose signs are escaped: it is not escaped again."""
    import markupsafe

    return markupsafe.Markup(text)


def _part(name: str) -> str:
    return resources.files("anil_theory.results.page").joinpath("parts", name).read_text(encoding="utf-8")


def _formulas() -> str:
    return resources.files("anil_theory.statements.generated").joinpath("formulas.js").read_text(encoding="utf-8")
