"""Commands that measure and judge the theory: verify, rates, advise."""

from pathlib import Path
from typing import Annotated, Any

import typer

from anil_theory._console import Console
from anil_theory.cli.app import Jobs, ListCommand, app, failures_exit, finish, workers
from anil_theory.constants import Geometry


@app.command(cls=ListCommand)
def verify(
    statement: Annotated[
        list[str] | None,
        typer.Argument(
            help="Which: assumptions, prop1-3, thm1, thm2, table1, table2, or one of a plug-in. All, if left out."
        ),
    ] = None,
    mu: Annotated[list[float] | None, typer.Option(help="Strong convexity (strongly convex geometry).")] = None,
    L: Annotated[list[float] | None, typer.Option("--L", help="Smoothness.")] = None,
    rho: Annotated[list[float] | None, typer.Option(help="Lipschitz constant of D_w^2 L_S.")] = None,
    tau: Annotated[list[float] | None, typer.Option(help="Lipschitz constant of D_phi D_w L_S.")] = None,
    M: Annotated[list[float] | None, typer.Option("--M", help="Lipschitz constant of L_D.")] = None,
    inner_steps: Annotated[list[int] | None, typer.Option(help="N.")] = None,
    n_w: Annotated[list[int] | None, typer.Option(help="Dimensions of w; paired with --n-phi.")] = None,
    n_phi: Annotated[list[int] | None, typer.Option(help="Dimensions of phi (0: MAML, needs --tau 0).")] = None,
    alpha: Annotated[
        list[float] | None, typer.Option(help="Inner step sizes; default mu/L^2 and, nonconvex, 0.1/L.")
    ] = None,
    c: Annotated[list[float] | None, typer.Option(help="c of alpha = c/(N L), nonconvex.")] = None,
    geometry: Annotated[list[Geometry] | None, typer.Option(help="Which geometries; both, if left out.")] = None,
    batch: Annotated[list[int] | None, typer.Option(help="B, tasks per outer step (theorems).")] = None,
    outer_steps: Annotated[list[int] | None, typer.Option(help="K, outer steps (theorems).")] = None,
    beta: Annotated[list[float] | None, typer.Option(help="Outer step size of both blocks; default its limit.")] = None,
    tasks: Annotated[int | None, typer.Option(help="Tasks per cell.")] = None,
    seeds: Annotated[int | None, typer.Option(help="Runs of Algorithm 1 per cell (theorems).")] = None,
    query: Annotated[str | None, typer.Option(help="Outer loss: sine or log-cosh.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of tasks and searches.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder for records, report and plots.")] = Path("results/verify"),
    family: Annotated[
        list[str] | None,
        typer.Option(help="Families of tasks, by name; separable if left out, and extremal where that exists."),
    ] = None,
    plugin: Annotated[
        list[Path] | None, typer.Option(help="Python files with statements, families or measurements of one's own.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A small grid of Propositions 1-3.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Rows as JSON on standard output.")] = False,
    rows: Annotated[str, typer.Option(help="Rows to print: auto, tightest, all.")] = "auto",
    break_: Annotated[
        str | None, typer.Option("--break", help="Halve the bounds of a block on purpose, e.g. ww, wphi, 'L - mu'.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Take finished cells from the folder.")] = False,
    jobs: Jobs = None,
) -> None:
    """Measure, and judge statements by it: Propositions 1-3, Theorems 1-2, Tables 1-2, and those of plug-ins.

    Without axis options it runs the default grid; with any of them, the product of the values given (and defaults
    for the others). Exit status: 0 nothing refuted, 1 something refuted, 2 misuse, 3 a failure inside, 4 a bound
    broken on purpose (--break) that nothing refuted, 130 interrupted.
    """
    given = {
        "mu": mu,
        "L": L,
        "rho": rho,
        "tau": tau,
        "M": M,
        "inner_steps": inner_steps,
        "alpha": alpha,
        "c": c,
        "geometries": geometry,
        "n_w": n_w,
        "n_phi": n_phi,
        "batch": batch,
        "outer_steps": outer_steps,
        "beta": beta,
        "tasks": tasks,
        "seeds": seeds,
        "query": query,
    }
    from anil_theory.verification.command import run_verify
    from anil_theory.verification.runner import WORKERS

    options = {k: v for k, v in given.items() if v is not None}
    console = Console(stderr=as_json)
    with failures_exit():
        code, report = run_verify(
            tuple(statement or ()),
            options,
            families=tuple(family or ()),
            plugins=tuple(plugin or ()),
            seed=seed,
            out=out,
            quick=quick,
            broken=break_,
            resume=resume,
            shown=rows,
            workers=workers(jobs, WORKERS),
            console=console,
        )
    finish(code, report, as_json)


@app.command(cls=ListCommand)
def rates(
    mu: Annotated[float, typer.Option(help="Strong convexity of the strongly convex panels.")] = 0.2,
    L: Annotated[float, typer.Option("--L", help="Smoothness.")] = 1.0,
    rho: Annotated[float, typer.Option(help="Lipschitz constant of D_w^2 L_S.")] = 1.0,
    tau: Annotated[float, typer.Option(help="Lipschitz constant of D_phi D_w L_S.")] = 0.5,
    M: Annotated[float, typer.Option("--M", help="Lipschitz constant of L_D.")] = 1.0,
    inner_steps: Annotated[list[int] | None, typer.Option(help="N of the cost study.")] = None,
    batch: Annotated[list[int] | None, typer.Option(help="B of the floor study.")] = None,
    outer_steps: Annotated[int, typer.Option(help="K.")] = 2000,
    eps: Annotated[float, typer.Option(help="Accuracy, as a fraction of the squared gradient at the start.")] = 0.25,
    alpha: Annotated[float, typer.Option(help="The inner step size that both geometries share.")] = 0.1,
    n_w: Annotated[int, typer.Option(help="Dimension of w.")] = 3,
    n_phi: Annotated[int, typer.Option(help="Dimension of phi.")] = 3,
    tasks: Annotated[int, typer.Option(help="Tasks in the population.")] = 4,
    seeds: Annotated[int, typer.Option(help="Runs of Algorithm 1 per curve.")] = 16,
    seed: Annotated[int, typer.Option(help="Seed of tasks and runs.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder for records and plots.")] = Path("results/rates"),
    quick: Annotated[bool, typer.Option("--quick", help="Fewer curves and steps.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Curves as JSON on standard output.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Take finished curves from the folder.")] = False,
    jobs: Jobs = None,
) -> None:
    """Plot averages against K, floors against B and the cost of eps against N of Algorithm 1, beside the bounds."""
    from anil_theory.constants import Constants
    from anil_theory.verification.rates_command import WORKERS, curve_cells, run_rates

    with failures_exit():
        cells = curve_cells(
            Constants(mu, L, rho, tau, M),
            inner_steps=tuple(inner_steps or ((1, 3, 10) if quick else (1, 2, 3, 5, 7, 10, 15, 20, 30))),
            batch=tuple(batch or ((2, 8) if quick else (2, 4, 8, 16, 32))),
            quick=quick,
            outer_steps=300 if quick else outer_steps,
            eps=eps,
            alpha=alpha,
            n_w=n_w,
            n_phi=n_phi,
            tasks=tasks,
            seeds=seeds,
            seed=seed,
        )
        at_a_time = workers(jobs, WORKERS)
        code, report = run_rates(cells, out=out, resume=resume, workers=at_a_time, console=Console(stderr=as_json))
    finish(code, report, as_json)


@app.command()
def advise(
    L: Annotated[float, typer.Option("--L", help="Smoothness.")],
    rho: Annotated[float, typer.Option(help="Lipschitz constant of D_w^2 L_S.")],
    tau: Annotated[float, typer.Option(help="Lipschitz constant of D_phi D_w L_S.")],
    M: Annotated[float, typer.Option("--M", help="Lipschitz constant of L_D.")],
    eps: Annotated[float, typer.Option(help="Accuracy: the squared norm that both blocks shall fall below.")],
    mu: Annotated[float | None, typer.Option(help="Strong convexity in w; left out: nonconvex.")] = None,
    n_w: Annotated[int, typer.Option(help="Dimension of w.")] = 1,
    n_phi: Annotated[int, typer.Option(help="Dimension of phi.")] = 1,
    D0: Annotated[float, typer.Option("--D0", help="Initial gap L_meta(z_0) - inf L_meta, or more.")] = 1.0,
    objective: Annotated[str, typer.Option(help="What to minimise: evaluations or entries.")] = "evaluations",
    alpha: Annotated[float | None, typer.Option(help="Inner step size; default the paper's.")] = None,
    beta_w: Annotated[float | None, typer.Option(help="Outer step size of w; default its limit.")] = None,
    beta_phi: Annotated[float | None, typer.Option(help="Outer step size of phi; default its limit.")] = None,
    inner_steps: Annotated[int | None, typer.Option(help="N; searched, if left out.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The advice as JSON.")] = False,
) -> None:
    """Settings that Theorem 1 or 2 guarantees to reach eps, their cost, MAML's, and what would change them."""
    from anil_theory._plain import to_plain
    from anil_theory.advice import advise as advice_for
    from anil_theory.record import encode_floats
    from anil_theory.report.advice import print_advice

    with failures_exit():
        given: dict[str, Any] = {"D0": D0, "objective": objective, "alpha": alpha}
        given |= {"beta_w": beta_w, "beta_phi": beta_phi, "inner_steps": inner_steps}
        advice = to_plain(advice_for(mu, L, rho, tau, M, eps, n_w, n_phi, **given))
        if not as_json:
            print_advice(Console(), advice)
    finish(0, encode_floats(advice), as_json)
