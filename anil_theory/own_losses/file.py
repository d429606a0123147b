"""Losses from a file, or from an object of a module, by documented names.

    support, query   `loss(w, phi, data) -> scalar`; or `loss`, one for both;
    w, phi           where training starts, trees of floats; phi may be left out: MAML;
    data             the tasks, with a leading axis in every leaf, or a list with one tree per task;
    settings         a mapping of further arguments of `study_losses`: region, constants, alpha, inner_steps, lam,
                     beta_w, beta_phi, batch, outer_steps, query_infimum, accuracy, eps, certify, name.

`region` and `constants` may also stand by themselves. `start = (w, phi)` may stand in place of w and phi.
"""

import contextlib
import hashlib
import importlib
import inspect
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from anil_theory._printable import printable
from anil_theory._registry import ExtensionError
from anil_theory.own_losses.study import study_losses

SETTINGS = tuple(
    name
    for name, parameter in inspect.signature(study_losses).parameters.items()
    if parameter.kind is inspect.Parameter.KEYWORD_ONLY and name not in ("effort", "seed", "on_progress")
)
"""What `settings` may hold."""
BESIDE = ("region", "constants", "query_infimum")
"""Settings that may stand by themselves."""


class UnusableFile(ExtensionError):
    """A file or an object that holds no losses to study: the message says which, where, and what it lacks."""


@dataclass(frozen=True, eq=False)
class LossSource:
    """Losses, start and data from outside, with the settings that stood beside them.

    origin   where they come from, in words;  digest  the SHA-256 of the file, "" where there is none.
    """

    losses: Any
    w: Any
    phi: Any
    data: Any
    settings: dict[str, Any]
    origin: str
    digest: str

    def __str__(self) -> str:
        return self.origin


def read_file(path: Path | str) -> LossSource:
    """Run a Python file and take what it names. Raises UnusableFile, with the line, for a file that cannot be used."""
    path = Path(path)
    try:
        source = path.read_bytes()
    except OSError as error:
        raise UnusableFile(f"{path} cannot be read: {error.strerror}") from error
    digest = hashlib.sha256(source).hexdigest()
    name = f"anil_theory_losses_{digest[:16]}"
    spec = spec_from_file_location(name, path)
    if path.suffix != ".py" or spec is None:
        raise UnusableFile(f"{path} is not a Python file: its name must end with .py")
    module = module_from_spec(spec)
    # Dataclasses and pickles look for the module of what they hold.
    sys.modules[name] = module
    try:
        # Standard output is for results, which may be JSON.
        with contextlib.redirect_stdout(sys.stderr):
            exec(compile(source, str(path), "exec"), module.__dict__)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        what = f"{type(error).__name__}: {error}"
        raise UnusableFile(printable(f"{path}, {_place(error, path)}: {what}")) from error
    return taken_from(vars(module), str(path), digest)


def read_object(reference: str) -> LossSource:
    """The losses of "module:object" (a mapping, or anything with the names as attributes), or of a module.

    Raises UnusableFile for a module that does not import and an object that it does not have.
    """
    name, _, attribute = reference.partition(":")
    try:
        with contextlib.redirect_stdout(sys.stderr):
            holder: Any = importlib.import_module(name)
    except (Exception, SystemExit) as error:
        raise UnusableFile(printable(f"{reference}: {type(error).__name__}: {error}")) from error
    for part in filter(None, attribute.split(".")):
        if not hasattr(holder, part):
            raise UnusableFile(f"{reference}: {name} has no {attribute}")
        holder = getattr(holder, part)
    file = getattr(sys.modules[name], "__file__", None)
    digest = "" if file is None else hashlib.sha256(Path(file).read_bytes()).hexdigest()
    if callable(holder) and not isinstance(holder, type):
        holder = holder()
    names = holder if isinstance(holder, Mapping) else _attributes(holder)
    return taken_from(names, reference, digest)


def taken_from(names: Mapping[str, Any], origin: str, digest: str = "") -> LossSource:
    """The losses and the rest by the names of the module docstring. Raises UnusableFile for what is missing."""
    support = names.get("support", names.get("loss"))
    query = names.get("query", names.get("loss"))
    w, phi = names.get("w"), names.get("phi", ())
    if "start" in names:
        start = names["start"]
        if not isinstance(start, tuple | list) or len(start) != 2:
            raise UnusableFile(f"{origin}: start must be a pair (w, phi)")
        w, phi = start
    needed = {"support (or loss)": support, "query (or loss)": query, "w (or start)": w, "data": names.get("data")}
    missing = [name for name, value in needed.items() if value is None]
    if missing:
        raise UnusableFile(
            f"{origin} lacks {', '.join(missing)}: a file of losses names support, query, w, phi and data"
        )
    settings = names.get("settings", {})
    if not isinstance(settings, Mapping):
        raise UnusableFile(f"{origin}: settings must be a mapping from names to values")
    unknown = [str(name) for name in settings if name not in SETTINGS]
    if unknown:
        raise UnusableFile(f"{origin}: settings has {', '.join(unknown)}; it may hold {', '.join(SETTINGS)}")
    beside = {name: names[name] for name in BESIDE if names.get(name) is not None}
    return LossSource((support, query), w, phi, names["data"], {**beside, **settings}, origin, digest)


def _attributes(holder: Any) -> dict[str, Any]:
    wanted = ("support", "query", "loss", "w", "phi", "start", "data", "settings", *BESIDE)
    return {name: getattr(holder, name) for name in wanted if hasattr(holder, name)}


def _place(error: BaseException, path: Path) -> str:
    """The line of the file that failed: of a syntax error its own, of any other the innermost in the file."""
    if isinstance(error, SyntaxError) and error.lineno is not None:
        return f"line {error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f"line {lines[-1]}" if lines else "before its first line"
