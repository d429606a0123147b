"""Compiled programs on disk: which folder, how large, who may write; damage and a full disk change no result."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from anil_theory import _compile_cache
from anil_theory._compile_cache import (
    JAX_FOLDER,
    JAX_SETTINGS,
    JAX_SWITCH,
    LIMIT,
    VARIABLE,
    CompileCache,
    UnusableFolder,
    machine,
    trim,
    user_cache_folder,
)

PROGRAM = """
import json, sys
from anil_theory._compile_cache import CompileCache
import os
cache = CompileCache(int(os.environ.get("TEST_LIMIT", 2**29)))
cache.switch_on()
if len(sys.argv) > 1:
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
import jax, jax.numpy as jnp
from jax import monitoring
events = []
monitoring.register_event_listener(lambda name, **rest: events.append(name))
@jax.jit
def program(x):
    return jax.lax.fori_loop(0, 50, lambda i, x: jnp.sin(x) @ jnp.cos(x).T / 7 + 1, x)
found = program(jnp.arange(49.0).reshape(7, 7) / 49)
line = cache.close()
print(json.dumps({"found": found.tolist(), "hits": events.count("/jax/compilation_cache/cache_hits"), "line": line}))
"""


def start(folder: Path, *arguments: str, filters: str = "default") -> subprocess.Popen[str]:
    """A process that compiles a program, with the cache in `folder` and warnings filtered."""
    environment = {name: value for name, value in os.environ.items() if name not in (JAX_FOLDER, *JAX_SETTINGS)}
    return subprocess.Popen(
        [sys.executable, "-W", f"{filters}::UserWarning", "-c", PROGRAM, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment | {VARIABLE: str(folder)},
    )


def end(process: subprocess.Popen[str]) -> dict:
    out, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert "persistent compilation cache" not in errors
    return json.loads(out)


def entries(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/*-cache"))


def test_two_processes_share_a_folder_and_damage_is_compiled_again(tmp_path: Path) -> None:
    first, second = map(end, [start(tmp_path), start(tmp_path)])
    assert first["found"] == second["found"] and first["line"] == second["line"] == ""
    assert entries(tmp_path), "nothing was kept"
    third = end(start(tmp_path))
    assert third["found"] == first["found"] and third["hits"] > 0 and third["line"] == ""
    for number, entry in enumerate(entries(tmp_path)):
        whole = entry.read_bytes()
        entry.write_bytes(whole[: len(whole) // 2] if number % 2 else b"no program")
    damaged = end(start(tmp_path))
    assert damaged["found"] == first["found"] and damaged["hits"] == 0
    assert "were not read" in damaged["line"] and "\n" not in damaged["line"]
    assert entries(tmp_path) == [], "a damaged entry would be met again by every later command"


@pytest.mark.skipif(sys.platform == "win32", reason="files are limited with POSIX's resource limits")
def test_a_disk_that_takes_no_more_is_told_in_one_line(tmp_path: Path) -> None:
    full = end(start(tmp_path, "100"))
    assert "not read or kept" in full["line"] and "\n" not in full["line"]
    assert entries(tmp_path) == []


@pytest.mark.parametrize("filters", ["error", "ignore"])
def test_damage_is_compiled_again_whatever_the_filters_of_warnings(tmp_path: Path, filters: str) -> None:
    whole = end(start(tmp_path))
    for entry in entries(tmp_path):
        entry.write_bytes(entry.read_bytes()[:20])
    damaged = end(start(tmp_path, filters=filters))
    assert damaged["found"] == whole["found"] and "were not read" in damaged["line"]
    assert not [entry for entry in entries(tmp_path) if entry.stat().st_size <= 20]


MANY = """
import json, os, sys
from anil_theory._compile_cache import CompileCache
cache = CompileCache(int(os.environ["TEST_LIMIT"]))
cache.switch_on()
import jax, jax.numpy as jnp
values = []
for n in range(2, 14):
    values.append(float(jax.jit(lambda x: (jnp.sin(x) @ jnp.cos(x).T).sum())(jnp.arange(n * n / 1.0).reshape(n, n))))
    if n == 4:
        print("half-way", flush=True)
cache.close()
print(json.dumps(values))
"""


def start_many(folder: Path | None, limit: int = LIMIT) -> subprocess.Popen[str]:
    """A process that compiles a dozen programs, with the cache in `folder`, or without any."""
    environment = {name: value for name, value in os.environ.items() if name not in (JAX_FOLDER, *JAX_SETTINGS)}
    environment |= {VARIABLE: "off" if folder is None else str(folder), "TEST_LIMIT": str(limit)}
    return subprocess.Popen(
        [sys.executable, "-c", MANY], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def values_of(process: subprocess.Popen[str]) -> list[float]:
    out, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return json.loads(out.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
@pytest.mark.parametrize("limit", [0, 20_000, LIMIT])
def test_four_processes_that_clear_up_for_each_other_and_one_that_is_killed(tmp_path: Path, limit: int) -> None:
    """Every start removes what others are reading and writing; the killed one leaves a file half written at worst."""
    expected = values_of(start_many(None))
    for _ in range(3):
        killed, *others = [start_many(tmp_path, limit) for _ in range(4)]
        assert killed.stdout is not None
        killed.stdout.readline()
        killed.kill()
        late = start_many(tmp_path, limit)
        assert all(values_of(process) == expected for process in (*others, late))
        killed.communicate(timeout=60)
        torn = entries(tmp_path)[::2]
        for entry in torn:
            entry.write_bytes(entry.read_bytes()[: entry.stat().st_size // 3])
    assert values_of(start_many(tmp_path)) == expected


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="a tmpfs")
@pytest.mark.parametrize("options", ["size=16k", "size=1m,ro"])
def test_a_full_and_a_read_only_file_system(tmp_path: Path, options: str) -> None:
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(tmp_path)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a file system is not allowed here")
    try:
        if "ro" in options:
            check_read_only(tmp_path)
        else:
            full = end(start(tmp_path))
            assert "not read or kept" in full["line"] and full["found"] == end(start(tmp_path))["found"]
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def check_read_only(folder: Path) -> None:
    """A command goes on without the cache, and says so in one line."""
    command = [sys.executable, "-m", "anil_theory", "verify", "prop1", "--inner-steps", "1", "--mu", "0.5", "--json"]
    command += ["--geometry", "strongly-convex", "--out", str(folder.parent / "out")]
    environment = {name: value for name, value in os.environ.items() if name not in (JAX_FOLDER, *JAX_SETTINGS)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment | {VARIABLE: str(folder / "cache")})
    assert done.returncode == 0 and "compiled programs are not kept" in done.stderr, done.stderr


def test_a_folder_on_which_nothing_can_be_written_is_named(
    without_jax: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read-only, or full, as the system says it; a superuser cannot be kept out by permissions."""

    def refused(self: Path, data: bytes) -> int:
        raise OSError(errno.EROFS, "Read-only file system")

    without_jax[VARIABLE] = str(tmp_path)
    monkeypatch.setattr(Path, "write_bytes", refused)
    with pytest.raises(UnusableFolder, match="Read-only file system"):
        CompileCache().switch_on()
    assert JAX_FOLDER not in without_jax


@pytest.fixture
def without_jax(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """A process that has not imported JAX, with an environment of its own."""
    environment = {name: value for name, value in os.environ.items() if name not in (JAX_FOLDER, VARIABLE)}
    monkeypatch.setattr(os, "environ", environment)
    monkeypatch.delitem(sys.modules, "jax")
    yield environment


def test_it_is_on_in_the_folder_of_the_user(without_jax: dict[str, str], tmp_path: Path) -> None:
    without_jax["XDG_CACHE_HOME"] = str(tmp_path)
    if sys.platform != "linux":
        pytest.skip("the convention of Linux")
    cache = CompileCache()
    cache.switch_on()
    folder = tmp_path / "anil_theory" / "compiled" / machine()
    assert without_jax[JAX_FOLDER] == str(folder) and folder.stat().st_mode & 0o777 == 0o700
    assert all(without_jax[name] == value for name, value in JAX_SETTINGS.items())
    assert cache.close() == ""


@pytest.mark.parametrize("given", [{VARIABLE: "off"}, {VARIABLE: "0"}, {JAX_FOLDER: "elsewhere"}])
def test_the_environment_turns_it_off(without_jax: dict[str, str], given: dict[str, str]) -> None:
    without_jax |= given
    before = dict(without_jax)
    CompileCache().switch_on()
    assert without_jax == before


def test_where_jax_is_imported_it_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    CompileCache().switch_on()
    assert not (tmp_path / "cache").exists()


def test_a_folder_that_cannot_be_used_is_named(without_jax: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    without_jax[VARIABLE] = str(file)
    with pytest.raises(UnusableFolder, match="file"):
        CompileCache().switch_on()
    assert JAX_FOLDER not in without_jax


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_a_folder_that_others_may_write_is_refused(without_jax: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / machine()).mkdir()
    (tmp_path / machine()).chmod(0o777)
    without_jax[VARIABLE] = str(tmp_path)
    with pytest.raises(UnusableFolder, match="others than its owner"):
        CompileCache().switch_on()


def test_the_oldest_entries_beyond_the_limit_are_removed(tmp_path: Path) -> None:
    for age, name in enumerate(("newest", "middle", "oldest")):
        path = tmp_path / f"machine-{age}" / f"{name}-cache"
        path.parent.mkdir()
        path.write_bytes(bytes(10))
        os.utime(path, (1000 - age, 1000 - age))
    trim(tmp_path, 20)
    assert {path.name for path in entries(tmp_path)} == {"newest-cache", "middle-cache"}
    trim(tmp_path, 20)
    assert len(entries(tmp_path)) == 2
    trim(tmp_path, 0)
    assert entries(tmp_path) == []


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {"HOME": "/home/ada"}, "/home/ada/.cache"),
        ("linux", {"HOME": "/home/ada", "XDG_CACHE_HOME": "/var/ada"}, "/var/ada"),
        ("linux", {"HOME": "/home/ada", "XDG_CACHE_HOME": "not/absolute"}, "/home/ada/.cache"),
        ("darwin", {"HOME": "/Users/ada"}, "/Users/ada/Library/Caches"),
        ("win32", {"HOME": "/home/ada", "LOCALAPPDATA": "/local"}, "/local"),
    ],
)
def test_the_folder_follows_the_platform(
    monkeypatch: pytest.MonkeyPatch, platform: str, environment: dict[str, str], expected: str
) -> None:
    monkeypatch.setattr(_compile_cache.sys, "platform", platform)
    monkeypatch.setattr(os, "environ", environment)
    assert user_cache_folder() == Path(expected)


CASES = """
import contextlib, io, json, os, sys
from anil_theory.cli import app as module, main
cases = json.loads(sys.argv[1])
before = dict(os.environ)
found = []
for variables, words in cases:
    os.environ.clear()
    os.environ.update(before | variables)
    sys.argv = ["anil-theory", *words.split()]
    errors = io.StringIO()
    with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO())), contextlib.redirect_stderr(errors):
        try:
            main()
        except SystemExit as ended:
            code = ended.code
    found.append([code, os.environ.get("JAX_COMPILATION_CACHE_DIR"), os.environ.get("JAX_ENABLE_COMPILATION_CACHE"),
                  errors.getvalue()])
print(json.dumps(found))
"""


def test_commands_that_compile_use_it_and_a_flag_turns_it_off(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    here = {VARIABLE: str(tmp_path / "cache")}
    cases = [
        (here, "verify --help"),
        (here, "--no-compile-cache verify --help"),
        ({VARIABLE: "off"}, "verify --help"),
        ({VARIABLE: str(file)}, "verify --help"),
        (here, "ledger --help"),
    ]
    environment = {name: value for name, value in os.environ.items() if name not in (JAX_FOLDER, JAX_SWITCH)}
    command = [sys.executable, "-c", CASES, json.dumps(cases)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    on, flag, off, unusable, other = json.loads(done.stdout)
    assert on == [0, str(tmp_path / "cache" / machine()), None, ""]
    assert flag == [0, None, "false", ""]
    assert off == other == [0, None, None, ""]
    assert unusable[:3] == [0, None, None] and "compiled programs are not kept" in unusable[3]


def test_the_docs_say_how_much_is_kept() -> None:
    docs = Path(__file__).parents[1] / "docs" / "speed.md"
    assert f"| size | {LIMIT // 2**20} MiB:" in docs.read_text(encoding="utf-8")
