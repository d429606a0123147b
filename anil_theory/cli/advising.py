"""The commands that measure nothing: advise, and check of a proof."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from anil_theory._console import Console
from anil_theory.cli._app import AsJson, app, failures_exit, finish


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
    as_json: AsJson = False,
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
