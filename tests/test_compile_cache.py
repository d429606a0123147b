"""Compiled programs on disk: which folder, how large, who may write; damage and a full disk change no result."""

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
cache = CompileCache()
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


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """A process that compiles a program, with the cache in `folder`."""
    environment = {name: value for name, value in os.environ.items() if name not in (JAX_FOLDER, *JAX_SETTINGS)}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
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
