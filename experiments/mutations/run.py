"""Do the tests notice a slip of the hand? Random single-token mutations of the package, each against its tests.

Mutations are drawn with a seed from the files that carry the verdicts. For each, one token of a copy of the package is
changed and the tests that mirror the file or import it run until one fails; a mutation that they let pass meets the
wider tests of SUITES. A test that noticed must pass without the mutation. What no test notices has survived. A survivor
that changes nothing that anybody could see (the size of a chunk, the length of a search) is written into
`explained.json` with the reason and counts as meaningless; the others are missing tests.

Compiled programs are kept in the folder, so a mutated run compiles only what its mutation changed. A run that dies of
a signal is run once more without them.

Writes one JSON file after every mutation and goes on where it stopped. It takes hours and is no part of the tests.

Run: python experiments/mutations/run.py [--count 150] [--seed 0] [--jobs 2] [--near] [--out FOLDER]
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from pathlib import Path

from mutants import Mutation, mutations

ROOT = Path(__file__).parents[2]
EXPLAINED = Path(__file__).with_name("explained.json")
TARGETS = (
    "anil_theory/statements",
    "anil_theory/algorithm",
    "anil_theory/estimators",
    "anil_theory/certify",
    "anil_theory/verdict.py",
    "anil_theory/record.py",
    "anil_theory/provenance.py",
    "anil_theory/study",
    "anil_theory/studies",
    "anil_theory/neural/data/pickle_scan.py",
    "anil_theory/neural/data/restricted_pickle.py",
)
COPIED = ("anil_theory", "tests", "experiments", "paper_figures", "docs", "pyproject.toml", "README.md")
SUITES = {
    "statements": ("tests/statements", "tests/test_verdict.py", "tests/ledger", "tests/test_rescaling.py"),
    "algorithm": ("tests/algorithm", "tests/test_rescaling.py", "tests/neural/test_objective.py"),
    "estimators": ("tests/estimators", "tests/test_local_program.py", "tests/studies"),
    "certify": ("tests/certify", "tests/studies/test_certify_study.py", "tests/studies/test_tightness.py"),
    "verdict": ("tests/test_verdict.py", "tests/studies"),
    "record": ("tests/test_record.py", "tests/studies"),
    "provenance": ("tests/test_record.py", "tests/studies"),
    "studies": ("tests/studies", "tests/test_cli.py", "tests/test_options.py"),
    "study": ("tests/study", "tests/test_record.py", "tests/studies", "tests/test_cli.py"),
    "pickle_scan": ("tests/neural/test_hostile_pickles.py", "tests/neural/test_restricted_pickle.py"),
    "restricted_pickle": ("tests/neural/test_hostile_pickles.py", "tests/neural/test_restricted_pickle.py"),
}
LONGEST = 900.0
"""Seconds after which a mutated run counts as noticed: the unmutated tests of a folder need a fraction of that."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--near", action="store_true", help="only tests that mirror or import the file: a first look")
    parser.add_argument("--out", type=Path, default=Path("results/mutations"))
    options = parser.parse_args()
    chosen = drawn(options.count, options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    kept = options.out / "mutations.json"
    results: dict[str, dict] = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    lock = threading.Lock()
    folders: list[Path] = []
    compiled = (options.out / "compiled").resolve()

    def check(mutation: Mutation) -> None:
        with lock:
            folder = folders.pop() if folders else copied()
        started = time.perf_counter()
        caught_by = noticed(mutation, folder, compiled, near=options.near)
        with lock:
            folders.append(folder)
            seconds = round(time.perf_counter() - started, 1)
            results[mutation.name] = {"caught_by": caught_by, "seconds": seconds, "near": options.near}
            staged = kept.with_suffix(".writing")
            staged.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
            os.replace(staged, kept)
            print(f"{len(results):4d}  {'caught  ' if caught_by else 'SURVIVED'}  {mutation.name}", flush=True)

    try:
        with ThreadPoolExecutor(options.jobs) as pool:
            list(pool.map(check, [m for m in chosen if not decided(results.get(m.name), near=options.near)]))
    finally:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
    print(summary([m.name for m in chosen], results))


def decided(result: dict | None, *, near: bool) -> bool:
    """Whether a mutation needs no run: it was caught, or survived all the tests that would run now."""
    return result is not None and bool(result["caught_by"] or near or not result.get("near"))


def drawn(count: int, seed: int) -> list[Mutation]:
    """`count` mutations: half of them shared evenly by the targets, half drawn evenly over all that are possible."""
    generator = random.Random(seed)
    pools = []
    for target in TARGETS:
        path = ROOT / target
        files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        pool = [
            mutation
            for file in files
            if file.name != "__init__.py"
            for mutation in mutations(str(file.relative_to(ROOT)), file.read_text(encoding="utf-8"))
        ]
        generator.shuffle(pool)
        pools.append(pool)
    turns = zip_longest(*pools)
    even = [mutation for turn in turns for mutation in turn if mutation is not None][: count // 2]
    rest = [mutation for pool in pools for mutation in pool if mutation not in set(even)]
    return even + generator.sample(rest, min(count - len(even), len(rest)))


def copied() -> Path:
    """A copy of what the tests need, in a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="mutations-"))
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    return folder


def noticed(mutation: Mutation, folder: Path, compiled: Path, *, near: bool = False) -> str:
    """The test that fails under the mutation, "timeout", or "" when none does; the copy is as before afterwards."""
    file = folder / mutation.path
    source = file.read_text(encoding="utf-8")
    every = stages(mutation.path)
    for tests in every[:1] if near else every:
        file.write_text(mutation.applied(source), encoding="utf-8")
        try:
            caught_by = first_failure(tests, folder, compiled)
        finally:
            file.write_text(source, encoding="utf-8")
        if caught_by and sound(caught_by, tests, folder, compiled):
            return caught_by
    return ""


def sound(caught_by: str, tests: list[str], folder: Path, compiled: Path) -> bool:
    """Whether what failed passes without the mutation; asked once of each test."""
    words = caught_by.split(maxsplit=1)
    named = [words[1]] if words[0] in ("FAILED", "ERROR") else tests
    asked = tuple(named)
    if asked not in SOUND:
        SOUND[asked] = first_failure(list(asked), folder, compiled) == ""
    return SOUND[asked]


SOUND: dict[tuple[str, ...], bool] = {}


def stages(path: str) -> list[list[str]]:
    """The test files that mirror a source file or import it, then the suites of its part."""
    parts = Path(path).with_suffix("").parts
    mirror = Path("tests", *parts[1:-1], f"test_{parts[-1].lstrip('_')}.py")
    module = ".".join(parts)
    users = [
        str(file.relative_to(ROOT))
        for file in sorted((ROOT / "tests").rglob("test_*.py"))
        if f"{module} import" in file.read_text(encoding="utf-8")
    ]
    near = list(dict.fromkeys([str(mirror)] * (ROOT / mirror).exists() + users))
    part = parts[1] if parts[1] in SUITES else parts[-1]
    wide = [name for name in SUITES[part] if (ROOT / name).exists()]
    return [tests for tests in (near, wide) if tests]


def first_failure(tests: list[str], folder: Path, compiled: Path) -> str:
    """The first failing test of some files or folders in a copy, or ""."""
    keep = {
        "JAX_COMPILATION_CACHE_DIR": str(compiled),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.2",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "0",
    }
    try:
        done = tested(tests, folder, keep)
        # Above 128 a shell's child died of a signal, below 0 our own: the store of compiled programs may be the cause.
        if done.returncode < 0 or done.returncode > 128:
            done = tested(tests, folder, {})
    except subprocess.TimeoutExpired:
        return "timeout"
    if done.returncode == 0:
        return ""
    lines = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return lines[0].split(" - ")[0] if lines else f"pytest exit status {done.returncode}"


def tested(tests: list[str], folder: Path, keep: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run tests in a copy until one fails; counterexamples are not made small, since nobody reads them."""
    command = [sys.executable, "-m", "pytest", "-n", "0", "-x", "-q", "-p", "no:cacheprovider", "--tb=no"]
    return subprocess.run(
        [*command, "--hypothesis-profile=no-shrinking", *tests],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"} | keep,
        capture_output=True,
        text=True,
        timeout=LONGEST,
        stdin=subprocess.DEVNULL,
    )


def summary(names: list[str], results: dict[str, dict]) -> str:
    """How many were caught, and each survivor with its explanation or the word that it has none."""
    explained: dict[str, str] = json.loads(EXPLAINED.read_text(encoding="utf-8"))
    run = [name for name in names if name in results]
    survivors = [name for name in run if not results[name]["caught_by"]]
    meaningless = [name for name in survivors if name in explained]
    meaningful = len(run) - len(meaningless)
    caught = len(run) - len(survivors)
    lines = [
        f"{len(run)} mutations, {caught} caught, {len(survivors)} survived, {len(meaningless)} of them meaningless"
    ]
    if meaningful:
        lines.append(f"{caught / meaningful:.1%} of the meaningful ones are caught")
    lines += [f"  {name}\n      {explained.get(name, 'NOT EXPLAINED: a test is missing')}" for name in survivors]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
