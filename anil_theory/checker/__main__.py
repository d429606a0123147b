"""`python anil_theory/checker FILE`: the checker by itself, with python-flint and nothing else."""

import argparse
import os
import runpy
import sys
from pathlib import Path


def main() -> int:
    """Exit status: 0 VALID, 2 misuse, 3 a file that cannot be read as a proof, 4 INVALID, 130 interrupted."""
    from .check import Damaged, check_file

    parser = argparse.ArgumentParser(prog="check", description="Check a proof in ball arithmetic.")
    parser.add_argument("file", type=Path, help="what `anil-theory certify --proof` has written")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    given = parser.parse_args()
    if not given.file.is_file() or given.workers < 1:
        parser.error(f"it takes a file and at least one worker; got {given.file} and {given.workers}")
    try:
        report = check_file(given.file, given.workers)
    except KeyboardInterrupt:
        return 130
    except Damaged as error:
        print(f"error: {given.file}: {error}", file=sys.stderr)
        return 3
    print(f"{'VALID' if report.valid else 'INVALID'} ({report.boxes} boxes hold)\n{report.words}")
    return 0 if report.valid else 4


if not __package__:
    # Run as a folder: the package above, and JAX with it, is not imported.
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    runpy.run_module("checker", run_name="__main__", alter_sys=True)
elif __name__ == "__main__":
    sys.exit(main())
