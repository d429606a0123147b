"""Where a record comes from: sources, versions, machine, commit, times. No host, user or folder is named."""

import hashlib
import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from anil_theory._registry import PLUGINS

PACKAGES = ("anil_theory", "numpy", "scipy", "jax", "jaxlib", "equinox", "optax", "sympy", "python-flint")
"""The packages whose versions a record carries; the numbers of a run can depend on each."""

DETERMINING = (*PACKAGES, "sources", "python", "platform", "device", "compilation", "plugins")
"""What two runs of one cell must have in common for their records to be interchangeable.

The commit is not among them: `sources` says more (what was changed and never committed), and less (a commit that
touches the documents alone changes no number).
"""


def versions() -> dict[str, str | None]:
    """The versions of PACKAGES, without importing them; None for one that is not installed."""
    return {name: _version(name) for name in PACKAGES}


def provenance(started: datetime | None = None) -> dict[str, str | None]:
    """Versions of the package, Python and the numerical libraries, sources, platform, device, commit and times.

    started   when the run began (a datetime with its time zone, for example datetime.now(UTC)); now, if left out.

    `started` and `finished` (the moment of the call) are ISO 8601 in UTC. `sources` is the SHA-256 of the package's
    files (`source_hash`). `commit` is the hash of the working tree's commit, followed by "+changes" when tracked files
    differ from it, and None outside a checkout of this package.
    """
    finished = datetime.now(UTC)
    began = finished if started is None else started.astimezone(UTC)
    times = {"started": began.isoformat(), "finished": finished.isoformat()}
    return {**_machine(), "compilation": _compilation(), "plugins": _plugins(), **times}


def differing_origin(recorded: Mapping[str, Any]) -> tuple[str, ...]:
    """What of DETERMINING differs between the provenance of a record and this process; empty: interchangeable.

    What a record does not say, or this process cannot tell, counts as different.
    """
    here = provenance()
    known = {name: value for name, value in here.items() if value is not None}
    # optional packages may be absent, here as there
    absent = {name for name in PACKAGES if here[name] is None and name in recorded and recorded[name] is None}
    return tuple(
        name for name in DETERMINING if name not in absent and (name not in known or recorded.get(name) != known[name])
    )


def source_hash(folder: Path) -> str | None:
    """The SHA-256 of the names and contents of all files below `folder`; None when there are none to read.

    Every file counts, tracked by git or not, whether the package is a checkout or was installed from a wheel. Left
    out are what Python derives from the sources (`__pycache__`) and hidden files.
    """
    digest = hashlib.sha256()
    paths = sorted(path for path in folder.rglob("*") if _is_source(path.relative_to(folder)) and path.is_file())
    if not paths:
        return None
    for path in paths:
        name = path.relative_to(folder).as_posix().encode("utf-8", "surrogateescape")
        content = path.read_bytes()
        # The lengths keep two trees apart whose names and contents run together to the same bytes.
        digest.update(b"%d %d " % (len(name), len(content)))
        digest.update(name)
        digest.update(content)
    return digest.hexdigest()


def _is_source(path: Path) -> bool:
    return not any(part == "__pycache__" or part.startswith(".") for part in path.parts)


@cache
def _machine() -> dict[str, str | None]:
    import jax

    device = jax.devices()[0]
    package = Path(__file__).parent
    return {
        **versions(),
        "sources": source_hash(package),
        "python": platform.python_version(),
        "platform": f"{platform.system()}-{platform.machine()}",
        "device": f"{device.platform}: {device.device_kind}",
        "commit": _commit(package),
    }


def _compilation() -> str:
    """What else of JAX changes the numbers of a program. Not kept: a command may change a switch for its own time."""
    import jax

    switches = {name: getattr(jax.config, name) for name in ("jax_enable_x64", "jax_default_matmul_precision")}
    switches["disable_most_optimizations"] = jax.config.read("jax_disable_most_optimizations")
    switches["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "")
    return " ".join(f"{name}={value}" for name, value in switches.items())


def _plugins() -> str:
    """The plug-ins that were loaded, by the hashes of their files: an edited one makes other records."""
    return " ".join(sorted(PLUGINS.values())) or "none"


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _commit(folder: Path) -> str | None:
    """The commit of the checkout that `folder` belongs to; None when git is absent or does not track this file.

    The second condition keeps an installed package from reporting the commit of a project that it is installed in.
    """

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "--", "_admissible.py")
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "HEAD") + ("+changes" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return None
