"""Everything that is measured on a card, in one run: python experiments/gpu.py, from a fresh checkout.

The steps, in their order: rates of the card; meta-gradients against the CPU in float64; seconds of a meta-iteration
beside PyTorch; the estimators beside two CPU cores; figures 1 and 2 at the size of the paper. Each step is made of
pieces. CARD.json is written after every piece, so a run that is cut off keeps what it has; a piece that does not fit
in the minutes is left out, and one in which they end is shortened. CARD.md is the table, and pictures are drawn where
there is matplotlib. Needs JAX, equinox, optax, typer and rich; PyTorch's sides are left out where it is not installed.

    --plan   print how long each piece takes on an H100, counted from its operations (`gpu_steps/expected.py`), and stop
    --dry    run every step at toy size on the CPU, to see that the script works

Exit status: 0; 1 where the card disagrees with the CPU, and for nothing else; 2 for bad input, and where there is no
card or JAX does not see it; 3 where a piece failed or a file could not be written; 130 after Ctrl-C.
"""

import argparse
import os
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "gpu_results"
IGNORED = ROOT / "results"

SHARES = {"rates": 0.15, "correctness": 0.35, "iteration": 0.6, "estimates": 0.35, "figures": 1.0}
"""Of the time that is left when a step begins, how much it may take."""


def positive_minutes(text: str) -> float:
    """A number of minutes above 0."""
    try:
        minutes = float(text)
    except ValueError:
        minutes = 0.0
    if not 0 < minutes < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a finite number > 0; got {text!r}")
    return minutes


def options() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=positive_minutes, default=8.0, help="time limit of the whole run")
    parser.add_argument("--dry", action="store_true", help="every step at toy size on the CPU")
    parser.add_argument("--plan", action="store_true", help="print the expected seconds of each piece on an H100")
    parser.add_argument("--out", type=Path, help="folder of JSON, table and pictures; default experiments/gpu_results")
    parser.add_argument("--work", type=Path, help="folder of records and checkpoints; default results/gpu")
    return parser


def prepare_environment(*, on_the_cpu: bool) -> None:
    """What must stand before JAX is imported."""
    sys.path.insert(0, str(ROOT))
    from anil_theory import enable_float64

    enable_float64()
    # PyTorch's process shares the card.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    if on_the_cpu:
        os.environ["JAX_PLATFORMS"] = "cpu"


def make_steps(card: Any, torch_worker: Any, cpu_worker: Any, out: Path, work: Path) -> list[Any]:
    """The five steps for a card."""
    from experiments.gpu_steps.correctness import correctness_pieces
    from experiments.gpu_steps.estimates import estimate_pieces
    from experiments.gpu_steps.figures import figure_pieces
    from experiments.gpu_steps.iteration import iteration_pieces
    from experiments.gpu_steps.pieces import Step
    from experiments.gpu_steps.rates import rate_pieces

    pieces = {
        "rates": rate_pieces(card),
        "correctness": correctness_pieces(card),
        "iteration": iteration_pieces(card, torch_worker),
        "estimates": estimate_pieces(card, cpu_worker),
        "figures": figure_pieces(card, work, out),
    }
    return [Step(name, SHARES[name], pieces[name]) for name in SHARES]


def print_plan() -> None:
    """The expected seconds of every piece and step on an H100."""
    from experiments.gpu_steps.card import Card

    for step in make_steps(Card("NVIDIA H100", 80 * 2**30), None, None, RESULTS, IGNORED):
        print(f"{step.name}: {sum(piece.expected for piece in step.pieces):.0f} s")
        for piece in step.pieces:
            print(f"    {piece.expected:7.1f} s  {piece.name}")


def measure(given: argparse.Namespace) -> int:
    """All steps, and what they say; the exit status."""
    import jax

    from anil_theory.provenance import provenance
    from anil_theory.report.files import write_report
    from experiments.gpu_steps.card import NoCard, find_card
    from experiments.gpu_steps.goals import goals, profiles_of_missed
    from experiments.gpu_steps.pieces import Clock, Report, run_steps
    from experiments.gpu_steps.table import document, draw
    from experiments.gpu_steps.workers import Worker

    started, clock = datetime.now(UTC), Clock(60 * given.minutes)
    try:
        card = find_card(dry=given.dry)
    except NoCard as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    out = given.out or (IGNORED / "gpu_dry" if given.dry else RESULTS)
    work = given.work or (IGNORED / ("gpu_dry/work" if given.dry else "gpu"))
    if jax.config.jax_compilation_cache_dir is None:  # pyright: ignore[reportAttributeAccessIssue]
        jax.config.update("jax_compilation_cache_dir", str(work / "compiled"))
    about = {"experiment": "gpu", "dry": given.dry, "card": card.name, "bytes": card.bytes_limit}
    about |= {"minutes": given.minutes, "provenance": provenance(started), "finished": False}
    report = Report(out / f"{card.slug}.json", about=about)
    report.keep()
    if report.ending.failures:
        return report.ending.status()
    torch_worker = Worker("experiments.gpu_steps.torch_worker")
    cpu_worker = Worker("experiments.gpu_steps.estimates", "toy" if given.dry else "full", cores=2)
    interrupted = False
    try:
        cpu_worker.start()
        run_steps(make_steps(card, torch_worker, cpu_worker, out, work), report, clock, trust_expected=not given.dry)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        torch_worker.close()
        cpu_worker.close()
    # A toy run has no goals: its sizes are not those that they speak of.
    claims = [] if given.dry else goals(report.steps)
    profiles = {} if given.dry else profiles_of_missed(report.steps)
    report.about |= {"finished": not interrupted, "provenance": provenance(started), "profiles": profiles}
    report.about["goals"] = [asdict(claim) | {"met": claim.met} for claim in claims]
    report.keep()
    lines, ending = document(card.name, report.steps, claims, profiles), report.ending
    print("\n".join(lines))
    picture, table = out / f"{card.slug}-iteration.png", out / f"{card.slug}.md"
    failed = len(ending.failures)
    if not ending.draw({picture: lambda: draw(report.steps, card.name)}) and len(ending.failures) == failed:
        lines.append("no pictures: matplotlib is not installed, or there is nothing to draw")
        print(lines[-1])
    ending.write(table, lambda: write_report("\n".join(lines) + "\n", table))
    if not ending.failures:
        print(f"written to {report.path}")
    return 130 if interrupted else exit_status(report.steps) or ending.status()


def exit_status(steps: dict[str, dict[str, Any]]) -> int:
    """1 where the card disagrees with the CPU, 3 where a piece failed and nothing disagrees, 0 otherwise."""
    pieces = [piece for of_step in steps.values() for piece in of_step.values()]
    if any(piece.get("agrees") is False for piece in pieces):
        return 1
    return 3 if any("failed" in piece for piece in pieces) else 0


def main() -> int:
    """Measure, print, write."""
    given = options().parse_args()
    prepare_environment(on_the_cpu=given.dry or given.plan)
    if given.dry:
        # Nearly all of a dry run is compilation, and what it compiles runs for milliseconds.
        os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
    if given.plan:
        print_plan()
        return 0
    from anil_theory.study.ending import Ending

    ending = Ending()
    status = ending.attempt("", lambda: measure(given))
    return ending.status() if status is None else status


if __name__ == "__main__":
    sys.exit(main())
