"""The pages of the Python interface, written at build from what the package and its open parts export.

A name that is added to an `__all__` has its place here without an edit: names go by the module that they come from.
"""

import importlib
import inspect
from pathlib import Path

import anil_theory

FOLDER = "api"

GROUPS = {
    "claimed": ("Constants, schedules and statements", ("constants", "schedule", "statements")),
    "measured": ("Tasks, the algorithm and estimators", ("problem", "tasks", "algorithm", "estimators")),
    "verdicts": ("Verdicts, records and errors", ("verdict", "falsifier", "checks", "record", "errors", "_admissible")),
}
"""The names of `anil_theory` itself: by page, its title and the packages or modules that they come from."""

REST = ("more", "More")
"""The page of the names that no group has."""

PARTS = {
    "advice": "Advice",
    "study": "Studies",
    "report": "Reports and figures",
    "extend": "Plug-ins",
    "testing": "Tests of your own",
}
"""Packages and modules that are used by their own name."""


def _directive(module: str, name: str) -> list[str]:
    """What autodoc is asked for, by the kind of the object."""
    value = getattr(importlib.import_module(module), name)
    if inspect.isclass(value):
        kind = "autoexception" if issubclass(value, BaseException) else "autoclass"
        options = ["   :members:"] if kind == "autoclass" else []
    elif inspect.isroutine(value):
        kind, options = "autofunction", []
    else:
        kind, options = "autodata", ["   :no-value:"]
    return [f".. {kind}:: {module}.{name}", *options, ""]


def _exported(module: str) -> list[str]:
    """`__all__`, or what a module without one defines under a public name."""
    found = importlib.import_module(module)
    if hasattr(found, "__all__"):
        return list(found.__all__)
    own = [name for name, value in vars(found).items() if getattr(value, "__module__", "") == module]
    return [name for name in own if not name.startswith("_")]


def _page(title: str, module: str, names: list[str], *, described: bool) -> str:
    head = [f".. automodule:: {module}", "   :no-members:", ""] if described else []
    directives = [line for name in names for line in _directive(module, name)]
    return "\n".join([f"# {title}", "", "```{eval-rst}", *head, *directives, "```", ""])


def _group_of(name: str) -> str:
    source = anil_theory._MODULES[name].split(".")[0]
    return next((group for group, (_, sources) in GROUPS.items() if source in sources), REST[0])


def pages() -> dict[str, str]:
    """The pages by their names."""
    grouped: dict[str, list[str]] = {}
    for name in anil_theory.__all__:
        grouped.setdefault(_group_of(name), []).append(name)
    titles = {group: title for group, (title, _) in GROUPS.items()} | dict([REST])
    texts = {
        group: _page(titles[group], "anil_theory", sorted(grouped[group]), described=False)
        for group in titles
        if group in grouped
    }
    for part, title in PARTS.items():
        module = f"anil_theory.{part}"
        texts[part] = _page(title, module, sorted(_exported(module)), described=True)
    return texts | {"index": _index(list(texts))}


def _index(names: list[str]) -> str:
    listed = "\n".join(names)
    return f"""# The Python interface

What is imported from `anil_theory` itself, and the parts that are used by their own name. Docstrings state the claim
first, then shapes, units, errors and source. Letters are those of [the glossary](../glossary.md).

```{{toctree}}
:maxdepth: 1

{listed}
```
"""


def write_pages(folder: Path, texts: dict[str, str]) -> None:
    """Write pages; one that has not changed keeps its time, so that it is not read again, and no other stays."""
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.md"):
        if old.stem not in texts:
            old.unlink()
    for name, text in texts.items():
        path = folder / f"{name}.md"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def setup(app) -> dict[str, bool]:
    """Write the pages before Sphinx looks for sources."""
    app.connect("builder-inited", lambda app: write_pages(Path(app.srcdir) / FOLDER, pages()), priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
