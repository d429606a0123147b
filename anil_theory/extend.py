"""Statements, families and measurements of one's own: registered by decorator, by entry point, or from a file.

    @statement      a Statement, or a function without arguments that makes one
    @family         a class derived from Family
    @measurement    a Measurement, or with its settings a function (problem, schedule, effort) -> estimates by quantity

An installed package offers a plug-in by an entry point in one of the groups `anil_theory.statements`,
`anil_theory.families` and `anil_theory.measurements`: the object itself, or a module that registers what it holds.
Commands load these once. `anil-theory verify --plugin FILE.py` loads a file, as `load_plugin` does.
"""

import contextlib
import hashlib
import sys
import traceback
from collections.abc import Callable
from functools import cache
from importlib import metadata
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from anil_theory._registry import (
    PLUGINS,
    ExtensionError,
    NameTaken,
    NotOfTheKind,
    Registry,
    current_origin,
    registering_from,
)
from anil_theory.checks import MEASUREMENTS, Unmeasured
from anil_theory.estimators import Direction, Measurement
from anil_theory.statements import STATEMENTS, Statement
from anil_theory.tasks import FAMILIES, Family

__all__ = [
    "REGISTRIES",
    "ExtensionError",
    "NameTaken",
    "NotOfTheKind",
    "PluginFailed",
    "Unmeasured",
    "family",
    "load_installed",
    "load_plugin",
    "measurement",
    "statement",
]

REGISTRIES: dict[str, Registry[Any]] = {
    "anil_theory.statements": STATEMENTS,
    "anil_theory.families": FAMILIES,
    "anil_theory.measurements": MEASUREMENTS,
}
"""By the group of entry points."""


class PluginFailed(ExtensionError):
    """A plug-in does not import: the message says where and why, in one line."""


def statement(offered: Statement | Callable[[], Statement]) -> Statement:
    """Register a statement, or what a function without arguments returns."""
    made = offered if isinstance(offered, Statement) or not callable(offered) else offered()
    return STATEMENTS.register(made)


def family(offered: type[Family]) -> type[Family]:
    """Register a family: the class, under its `name`."""
    return FAMILIES.register(offered)


def measurement(offered: Any = None, /, **settings: Any) -> Any:
    """Register a Measurement; or, with `name`, `quantities` and the like, decorate the function that measures.

    `direction` is LOWER unless told otherwise: what samples and searches give. The other settings are those of
    Measurement. Decorated, the function's name becomes the Measurement.
    """
    if offered is not None and not settings:
        return MEASUREMENTS.register(offered)

    def decorate(measure: Callable[..., Any]) -> Measurement:
        choices: dict[str, Any] = {"direction": Direction.LOWER} | settings
        return MEASUREMENTS.register(Measurement(measure=measure, **choices))

    return decorate if offered is None else decorate(offered)


def load_plugin(path: Path | str) -> ModuleType:
    """Run a Python file that registers what it defines. The same file again does nothing until it was edited.

    An edited file replaces what it had registered before. Raises PluginFailed for a file that cannot be read or does
    not import, and NameTaken or NotOfTheKind for what it offers; nothing of it is registered then.
    """
    path = Path(path)
    origin = f"plug-in {path}"
    try:
        source = path.read_bytes()
    except OSError as error:
        raise PluginFailed(f"{origin} cannot be read: {error.strerror}") from error
    name = f"anil_theory_plugin_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]}"
    digest = hashlib.sha256(source).hexdigest()
    if PLUGINS.get(str(path)) == digest:
        return sys.modules[name]
    for registry in REGISTRIES.values():
        registry.forget(origin)
    PLUGINS.pop(str(path), None)
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginFailed(f"{origin} is not a Python file: its name must end with .py")
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        # Standard output is for results, which may be JSON.
        with registering_from(origin), contextlib.redirect_stdout(sys.stderr):
            # Compiled here: the loader would take a cached copy, which an edit within a second leaves as it is.
            exec(compile(source, str(path), "exec"), module.__dict__)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        for registry in REGISTRIES.values():
            registry.forget(origin)
        if isinstance(error, ExtensionError):
            place = "" if origin in str(error) else f"{origin}, {_where(error, path)}: "
            raise type(error)(f"{place}{error}") from error
        raise PluginFailed(f"{origin}, {_where(error, path)}: {type(error).__name__}: {error}") from error
    PLUGINS[str(path)] = digest
    return module


def _where(error: BaseException, path: Path) -> str:
    """The line of the file that failed: of a syntax error its own, of any other the innermost in the file."""
    if isinstance(error, SyntaxError) and error.lineno is not None:
        return f"line {error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f"line {lines[-1]}" if lines else "before its first line"


@cache
def load_installed() -> None:
    """Load the entry points of the three groups, once in a process.

    Raises PluginFailed for one that does not import, naming it and the package that offers it, and NameTaken or
    NotOfTheKind for what it offers.
    """
    for group, registry in REGISTRIES.items():
        for entry in metadata.entry_points(group=group):
            package = "an unknown package" if entry.dist is None else f"{entry.dist.name} {entry.dist.version}"
            with registering_from(f"entry point {entry.name} of {package}"):
                _load(entry, registry)


def _load(entry: metadata.EntryPoint, registry: Registry[Any]) -> None:
    try:
        offered = entry.load()
    except ExtensionError:
        raise
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        place = f"{frames[-1].filename}, line {frames[-1].lineno}"
        if isinstance(error, SyntaxError):
            place = f"{error.filename}, line {error.lineno}"
        raise PluginFailed(f"{current_origin()} ({place}): {type(error).__name__}: {error}") from error
    if not isinstance(offered, ModuleType):
        if registry is STATEMENTS and callable(offered) and not isinstance(offered, Statement):
            offered = offered()
        registry.register(offered)
    module = offered if isinstance(offered, ModuleType) else sys.modules.get(entry.module)
    file = getattr(module, "__file__", None)
    if file is not None:
        PLUGINS[f"{entry.group}:{entry.name}"] = hashlib.sha256(Path(file).read_bytes()).hexdigest()
