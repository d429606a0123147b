"""Commands that say how tight and how sure: tightness, certify, constants, ledger, audit."""

from pathlib import Path
from typing import Annotated, Any

import typer

from anil_theory._console import Console
from anil_theory.cli.app import Jobs, ListCommand, app, failures_exit, finish, workers
from anil_theory.constants import Geometry


@app.command(cls=ListCommand)
def tightness(
    mu: Annotated[list[float] | None, typer.Option(help="Strong convexity (strongly convex geometry).")] = None,
    L: Annotated[float, typer.Option("--L", help="Smoothness.")] = 1.0,
    rho: Annotated[list[float] | None, typer.Option(help="Lipschitz constant of D_w^2 L_S.")] = None,
    tau: Annotated[list[float] | None, typer.Option(help="Lipschitz constant of D_phi D_w L_S.")] = None,
    M: Annotated[float, typer.Option("--M", help="Lipschitz constant of L_D.")] = 1.0,
    inner_steps: Annotated[list[int] | None, typer.Option(help="N.")] = None,
    geometry: Annotated[list[Geometry] | None, typer.Option(help="Which geometries; both, if left out.")] = None,
    c: Annotated[float, typer.Option(help="c of alpha = c/(N L), nonconvex.")] = 0.7,
    seed: Annotated[int, typer.Option(help="Seed of the searches.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder for records and the figure.")] = Path("results/tightness"),
    quick: Annotated[bool, typer.Option("--quick", help="One setting per geometry.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Rows as JSON on standard output.")] = False,
    break_: Annotated[
        str | None, typer.Option("--break", help="Halve the bounds of a block on purpose: ww, wphi, phiw, phiphi.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Take finished settings from the folder.")] = False,
    jobs: Jobs = None,
) -> None:
    """Show how tight Propositions 2 and 3 are: worst-case programs, functions that reach the sharp bounds, worst tasks.

    Exit status: 0 nothing refuted, 1 something refuted, 2 misuse, 3 a failure inside, 130 interrupted.
    """
    from anil_theory.verification.tightness_command import run_tightness, tightness_cells

    with failures_exit():
        cells = tightness_cells(
            tuple(mu or ((0.2,) if quick else (0.2, 0.7))),
            L,
            tuple(rho or (1.0,)),
            tuple(tau or ((0.5,) if quick else (0.3, 1.0, 3.0))),
            M,
            tuple(inner_steps or ((1, 3) if quick else (1, 3, 10))),
            tuple(geometry or Geometry),
            c,
            seed,
        )
        code, report = run_tightness(
            cells,
            out=out,
            broken=break_,
            resume=resume,
            workers=workers(jobs, 1),
            console=Console(stderr=as_json),
        )
    finish(code, report, as_json)


@app.command(cls=ListCommand)
def certify(
    family: Annotated[
        list[str] | None,
        typer.Option(help="separable; or softmax-head, two-layer-head, linear-body (any losses, smallest size)."),
    ] = None,
    mu: Annotated[float, typer.Option(help="Strong convexity of the strongly convex cells.")] = 0.2,
    L: Annotated[float, typer.Option("--L", help="Smoothness.")] = 1.0,
    rho: Annotated[float, typer.Option(help="Lipschitz constant of D_w^2 L_S.")] = 1.0,
    tau: Annotated[float, typer.Option(help="Lipschitz constant of D_phi D_w L_S.")] = 0.5,
    M: Annotated[float, typer.Option("--M", help="Lipschitz constant of L_D.")] = 1.0,
    geometry: Annotated[list[Geometry] | None, typer.Option(help="Which geometries; both, if left out.")] = None,
    inner_steps: Annotated[list[int] | None, typer.Option(help="N.")] = None,
    c: Annotated[float, typer.Option(help="c of alpha = c/(N L), nonconvex.")] = 0.7,
    radius: Annotated[
        float | None, typer.Option(help="Radius of the ball of (w, phi); default 4, and 1 for the other families.")
    ] = None,
    n_w: Annotated[int, typer.Option(help="Dimension of w.")] = 2,
    n_phi: Annotated[int, typer.Option(help="Dimension of phi (0: MAML, needs --tau 0).")] = 2,
    tasks: Annotated[int, typer.Option(help="Tasks per cell.")] = 4,
    query: Annotated[str, typer.Option(help="Outer loss: sine or log-cosh.")] = "sine",
    gap: Annotated[
        float | None, typer.Option(help="Relative width to reach; default 0.01, and 0.05 for the other families.")
    ] = None,
    operations: Annotated[
        float, typer.Option(help="Interval operations allowed per block; beyond, the best enclosure so far.")
    ] = 5e8,
    seconds: Annotated[
        float, typer.Option(help="Ceiling on the time per cell; where it ends a search, that is said.")
    ] = 600.0,
    samples: Annotated[int, typer.Option(help="Random points to extrapolate from; 0: none.")] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of the tasks.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder for records and the plot.")] = Path("results/certify"),
    as_json: Annotated[bool, typer.Option("--json", help="Certificates as JSON on standard output.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Take finished cells from the folder.")] = False,
    proof: Annotated[
        Path | None, typer.Option(help="Write the boxes, each with its bound, for `anil-theory check`.")
    ] = None,
    jobs: Jobs = None,
) -> None:
    """Enclose the constants of Propositions 2 and 3 on sampled tasks from both sides, with proof, over a ball.

    Of the other families, whose constants hold on a ball, one task over a box inside.

    Exit status: 0 nothing refuted, 1 something refuted, 2 misuse, 3 a failure inside, 130 interrupted.
    """
    from anil_theory._admissible import one_of
    from anil_theory.constants import Constants
    from anil_theory.verification.certify_command import Cell, certify_cells, run_certify
    from anil_theory.verification.family_cells import FamilyCell, ball_families

    with failures_exit():
        shared: dict[str, Any] = {"seed": seed, "operations": operations, "seconds": seconds}
        cells: list[Cell] = []
        for name in family or ("separable",):
            one_of("family", name, ("separable", *ball_families()))
            if name == "separable":
                options = {"n_w": n_w, "n_phi": n_phi, "tasks": tasks, "query": query, "samples": samples, **shared}
                options |= {"radius": 4.0 if radius is None else radius, "gap": 0.01 if gap is None else gap}
                constants = Constants(mu, L, rho, tau, M)
                steps = tuple(inner_steps or (1, 3, 5, 10))
                cells += certify_cells(constants, tuple(geometry or Geometry), steps, c, **options)
            else:
                options = {"radius": 1.0 if radius is None else radius, "gap": 0.05 if gap is None else gap, **shared}
                cells += [FamilyCell(name, N, c=c, **options) for N in inner_steps or (1, 3)]
        code, report = run_certify(
            cells,
            out=out,
            resume=resume,
            proof=proof,
            workers=workers(jobs, 1),
            console=Console(stderr=as_json),
        )
    finish(code, report, as_json)


@app.command(cls=ListCommand)
def constants(
    family: Annotated[
        list[str] | None, typer.Argument(help="linear-body, softmax-head, two-layer-head; all, if left out.")
    ] = None,
    radius: Annotated[float, typer.Option(help="Radius of the ball of (w, phi) that is certified.")] = 1.0,
    gap: Annotated[float, typer.Option(help="Relative width of the enclosures to reach.")] = 0.1,
    operations: Annotated[
        float, typer.Option(help="Interval operations allowed per constant; beyond, the best enclosure so far.")
    ] = 1e8,
    seconds: Annotated[
        float, typer.Option(help="Ceiling on the time per family; where it ends a search, that is said.")
    ] = 600.0,
    seed: Annotated[int, typer.Option(help="Seed of the task.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder for records.")] = Path("results/constants"),
    as_json: Annotated[bool, typer.Option("--json", help="Rows as JSON on standard output.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Take finished families from the folder.")] = False,
    jobs: Jobs = None,
) -> None:
    """Certify mu, L, rho, tau, M of a small bounded-region task on a ball, beside the bound derived on paper.

    Exit status: 0, 2 misuse, 3 a failure inside, 130 interrupted.
    """
    from anil_theory.verification.constants_command import run_constants

    with failures_exit():
        size = {"radius": radius, "gap": gap, "operations": operations, "seconds": seconds, "seed": seed}
        console = Console(stderr=as_json)
        code, report = run_constants(
            tuple(family or ()), **size, out=out, resume=resume, workers=workers(jobs, 1), console=console
        )
    finish(code, report, as_json)


@app.command(cls=ListCommand)
def ledger(
    section: Annotated[list[str] | None, typer.Option(help="Sections of the theory: 2, 3.1, 3.2, 3.3, 5.")] = None,
    controls: Annotated[bool, typer.Option("--controls", help="Also try wrong formulas: each must fail.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The ledger as JSON on standard output.")] = False,
) -> None:
    """Prove the steps of the derivation with sympy: statement, assumption used, how proved, status.

    Exit status: 0 all proved or checked, 1 a proof failed, 2 misuse, 3 a failure inside, 130 interrupted.
    """
    from anil_theory.verification.ledger_command import run_ledger

    with failures_exit():
        code, report = run_ledger(sections=tuple(section or ()), controls=controls, console=Console(stderr=as_json))
    finish(code, report, as_json)


@app.command()
def audit(
    finding: Annotated[list[str] | None, typer.Argument(help="Which findings; all, if left out.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of tasks and searches.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder for records, report and figures.")] = Path("results/audit"),
    quick: Annotated[bool, typer.Option("--quick", help="Smaller searches.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The findings as JSON on standard output.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Take finished findings from the folder.")] = False,
    jobs: Jobs = None,
) -> None:
    """Show, by runs, what is printed, what the numbers say beside it, and what stays true.

    Exit status: 0, 2 misuse, 3 a failure inside, 130 interrupted.
    """
    from anil_theory.audit.command import run_audit

    with failures_exit():
        console = Console(stderr=as_json)
        code, report = run_audit(
            tuple(finding or ()),
            seed=seed,
            out=out,
            quick=quick,
            resume=resume,
            workers=workers(jobs, 1),
            console=console,
        )
    finish(code, report, as_json)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="What `certify --proof` has written.")],
    workers: Annotated[int | None, typer.Option(help="Processes; as many as there are cores, if left out.")] = None,
) -> None:
    """Check a proof with a second, independent program, in ball arithmetic alone and in a process without JAX.

    Exit status: 0 VALID, 2 misuse, 3 a file that cannot be read as a proof or a failure inside, 4 INVALID, 130
    interrupted.
    """
    import subprocess
    import sys

    checker = Path(__file__).parents[1] / "checker"
    asked = [] if workers is None else ["--workers", str(workers)]
    try:
        status = subprocess.run([sys.executable, str(checker), *asked, "--", str(file)]).returncode
    except KeyboardInterrupt:
        status = 130
    # A process that was killed or that Python itself gave up has answered nothing.
    raise typer.Exit(status if status in (0, 2, 3, 4, 130) else 3)
