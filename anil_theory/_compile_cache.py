"""Compiled programs on disk, for the commands: what one run compiled, the next one reads.

JAX keeps the programs (its persistent compilation cache) and reads its settings from the environment. So the folder is
chosen before JAX is imported, and a command that needs no JAX does not wait for it. A variable that the user has set
is left alone, and with it the whole choice when it is JAX's folder.

The cache never decides whether a command works. A folder that cannot be used is named in one line. An entry that
cannot be read is compiled again: entries are compressed with a checksum, so damage is an error in JAX and not another
program. Two processes may share the folder: at worst one reads what the other is still writing, and compiles.
"""

import hashlib
import os
import platform
import re
import stat
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

VARIABLE = "ANIL_THEORY_COMPILE_CACHE"
"""In the environment: "off", or the folder in which compiled programs are kept."""

OFF = ("off", "0", "no", "false")

LIMIT = 512 * 2**20
"""Bytes that the folder may hold when a command starts; the oldest entries beyond are removed."""

JAX_FOLDER = "JAX_COMPILATION_CACHE_DIR"
JAX_SWITCH = "JAX_ENABLE_COMPILATION_CACHE"
JAX_SETTINGS = {
    # Hundreds of programs that each compile in a tenth of a second are what a command waits for.
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "0",
}

_TROUBLE = re.compile(r"Error (?:reading|writing) persistent compilation cache entry for '(?P<program>[^']*)'")


class UnusableFolder(Exception):
    """A folder in which no programs can be kept; the message says why."""


class CompileCache:
    """The cache of one command: `switch_on` before JAX is imported, `close` at the end.

    limit   bytes that the folder may hold at the start.
    """

    def __init__(self, limit: int = LIMIT):
        self.limit = limit
        self.folder: Path | None = None
        self.troubles: list[str] = []
        self._show: Callable[..., None] | None = None
        self._before: warnings.catch_warnings | None = None

    def switch_on(self) -> None:
        """Have JAX keep compiled programs, unless the environment says otherwise or JAX is already imported.

        Raises UnusableFolder.
        """
        chosen = os.environ.get(VARIABLE, "")
        if "jax" in sys.modules or JAX_FOLDER in os.environ or chosen.lower() in OFF:
            return
        root = Path(chosen) if chosen else user_cache_folder() / "anil_theory" / "compiled"
        folder = root / machine()
        _prepare(folder)
        trim(root, self.limit)
        self.folder = folder
        os.environ[JAX_FOLDER] = str(folder)
        for name, value in JAX_SETTINGS.items():
            os.environ.setdefault(name, value)
        self._before = warnings.catch_warnings()
        self._before.__enter__()
        # In front of the user's filters: with -W error a damaged entry would end the command, with -W ignore it stays.
        warnings.filterwarnings("always", _TROUBLE.pattern)
        self._show, warnings.showwarning = warnings.showwarning, self._collect

    def close(self) -> str:
        """Remove the entries that JAX had trouble with; one line about them, empty when there were none."""
        if self._before is not None:
            self._before.__exit__(None, None, None)
            self._before = self._show = None
        if self.folder is None or not self.troubles:
            return ""
        for trouble in self.troubles:
            named = _TROUBLE.search(trouble)
            if named is not None:
                _remove(self.folder, named["program"])
        return f"{self.folder}: {len(self.troubles)} compiled programs were not read or kept; {self.troubles[0]}"

    def _collect(self, message: Warning | str, category: type[Warning], *place: object) -> None:
        """Keep a warning of the cache for `close`: JAX gives one for every program. Show all others."""
        text = " ".join(str(message).split())
        if _TROUBLE.search(text):
            self.troubles.append(text)
        elif self._show is not None:
            self._show(message, category, *place)


def switch_off() -> None:
    """Have JAX, which is still to be imported, neither read nor keep compiled programs."""
    if "jax" not in sys.modules:
        os.environ[JAX_SWITCH] = "false"


def user_cache_folder() -> Path:
    """Where this platform keeps what programs can make again. Raises UnusableFolder for a user without a home."""
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return Path(local) if local else _home() / "AppData" / "Local"
    if sys.platform == "darwin":
        return _home() / "Library" / "Caches"
    xdg = os.environ.get("XDG_CACHE_HOME", "")
    # The standard has relative paths ignored.
    return Path(xdg) if os.path.isabs(xdg) else _home() / ".cache"


def machine() -> str:
    """A name for what machine code depends on: homes are shared between machines that do not run the same code."""
    kinds = [platform.machine(), platform.processor()]
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        kinds += sorted({line for line in lines if line.startswith(("flags", "Features", "model name"))})
    return f"machine-{hashlib.sha256(repr(kinds).encode()).hexdigest()[:12]}"


def trim(root: Path, limit: int) -> None:
    """Remove the oldest files below `root` until the rest has at most `limit` bytes."""
    entries = []
    for path in root.glob("*/*"):
        # Another process may have removed it.
        with suppress(OSError):
            status = path.stat()
            if stat.S_ISREG(status.st_mode):
                entries.append((status.st_mtime, status.st_size, path))
    kept = 0
    for _, size, path in sorted(entries, reverse=True):
        kept += size
        if kept > limit:
            with suppress(OSError):
                path.unlink()


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError as error:
        raise UnusableFolder(f"{error}") from error


def _prepare(folder: Path) -> None:
    """Make the folder, for its owner alone: who may write into it can have this process run any code."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
        probe = folder / f"probe-{os.getpid()}"
        probe.write_bytes(b"1")
        probe.unlink()
    except (OSError, ValueError) as error:
        raise UnusableFolder(f"{folder}: {getattr(error, 'strerror', None) or error}") from error
    if hasattr(os, "getuid") and (status.st_uid != os.getuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)):
        raise UnusableFolder(f"{folder}: others than its owner may write there")


def _remove(folder: Path, program: str) -> None:
    for path in folder.glob("*"):
        if path.name.startswith(f"{program}-"):
            with suppress(OSError):
                path.unlink()
