"""The command line: wiring only."""

import sys

from anil_theory._console import Console
from anil_theory.cli import check, proof, training
from anil_theory.cli.app import EXIT_INTERRUPTED, app

__all__ = ["app", "check", "main", "proof", "training"]


def main() -> None:
    """Entry point of `anil-theory`."""
    try:
        app()
    except KeyboardInterrupt:
        Console(stderr=True).print("interrupted", style="yellow")
        sys.exit(EXIT_INTERRUPTED)
