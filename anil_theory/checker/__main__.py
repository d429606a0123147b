"""`python anil_theory/checker FILE`: the checker by itself, with python-flint and nothing else."""

import argparse
import os
import runpy
import sys
from pathlib import Path


def main() -> int:
    """Exit status: 0 VALID, 2 misuse, 3 no proof to be read, or a failure inside, 4 INVALID, 130 interrupted."""
    parser = argparse.ArgumentParser(prog="check", description="Check a proof in ball arithmetic.")
    parser.add_argument("file", type=Path, help="what `anil-theory certify --proof` has written")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    arguments = parser.parse_args()
    if not arguments.file.is_file():
        parser.error(f"file must be one that `anil-theory certify --proof` has written; got {str(arguments.file)!r}")
    if arguments.workers < 1:
        parser.error(f"--workers must be an integer >= 1; got {arguments.workers}")
    try:
        from .check import check_file

        report = check_file(arguments.file, arguments.workers)
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # Status 1 means a refuted bound everywhere, and a traceback would end with it.
        words = (
            str(error) if type(error).__name__ == "Damaged" else f"the check failed: {type(error).__name__}: {error}"
        )
        print(f"error: {str(arguments.file)!r}: {words}", file=sys.stderr)
        return 3
    print(f"{'VALID' if report.valid else 'INVALID'} ({report.boxes} boxes hold)\n{report.words}")
    return 0 if report.valid else 4


if not __package__:
    # Run as a folder: the package above, and JAX with it, is not imported.
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    runpy.run_module("checker", run_name="__main__", alter_sys=True)
elif __name__ == "__main__":
    sys.exit(main())
