"""The check of a proof: the one command that is no study, since it shares nothing with what it checks."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from anil_theory.cli._app import app


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="What `certify --proof` has written.")],
    workers: Annotated[int | None, typer.Option(help="Processes; as many as there are cores, if left out.")] = None,
) -> None:
    """Check a proof with a second, independent program, in ball arithmetic alone and in a process without JAX.

    Exit status: 0 VALID, 2 misuse, 3 a file that cannot be read as a proof or a failure inside, 4 INVALID, 130
    interrupted.
    """
    checker = Path(__file__).parents[1] / "checker"
    asked = [] if workers is None else ["--workers", str(workers)]
    try:
        status = subprocess.run([sys.executable, str(checker), *asked, "--", str(file)]).returncode
    except KeyboardInterrupt:
        status = 130
    # A process that was killed or that Python itself gave up has answered nothing.
    raise typer.Exit(status if status in (0, 2, 3, 4, 130) else 3)
