"""Where a record comes from: versions, machine, commit, times. No host, user or folder is named."""

import platform
import subprocess
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path

import jax

PACKAGES = ("anil_theory", "numpy", "scipy", "jax", "jaxlib", "equinox")
"""The packages whose versions a record carries; the numbers of a run can depend on each."""


def provenance(started: datetime | None = None) -> dict[str, str | None]:
    """Versions of the package, Python and the numerical libraries, platform, device, commit and times.

    started   when the run began (a datetime with its time zone, for example datetime.now(UTC)); now, if left out.

    `started` and `finished` (the moment of the call) are ISO 8601 in UTC. `commit` is the hash of the working tree's
    commit, followed by "+changes" when tracked files differ from it, and None outside a checkout of this package.
    """
    finished = datetime.now(UTC)
    began = finished if started is None else started.astimezone(UTC)
    return {**_machine(), "started": began.isoformat(), "finished": finished.isoformat()}


@cache
def _machine() -> dict[str, str | None]:
    versions: dict[str, str | None] = {name: _version(name) for name in PACKAGES}
    device = jax.devices()[0]
    return {
        **versions,
        "python": platform.python_version(),
        "platform": f"{platform.system()}-{platform.machine()}",
        "device": f"{device.platform}: {device.device_kind}",
        "commit": _commit(Path(__file__).parent),
    }


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
