"""Commands of the neural benchmarks: bench, data."""

from pathlib import Path
from typing import Annotated, Any

import typer

from anil_theory._admissible import InvalidParameter
from anil_theory._console import Console
from anil_theory.cli.app import Jobs, ListCommand, app, data_app, failures_exit, finish, workers


@app.command(cls=ListCommand)
def bench(
    dataset: Annotated[
        str, typer.Option(help="glyphs, digits, fc100, mini-imagenet, cifar-fs, or an .npz.")
    ] = "glyphs",
    data: Annotated[Path | None, typer.Option(help="Folder with the data set's files.")] = None,
    geometry: Annotated[
        list[str] | None, typer.Option(help="strongly-convex, nonconvex, maml, or layers such as conv4+linear.")
    ] = None,
    inner_steps: Annotated[list[int] | None, typer.Option(help="N; default 1 3 7 10 30.")] = None,
    seeds: Annotated[int | None, typer.Option(help="Runs per N; default 3.")] = None,
    iterations: Annotated[int | None, typer.Option(help="Outer steps; default 1000.")] = None,
    tasks: Annotated[int | None, typer.Option(help="Tasks per outer step; default 32.")] = None,
    ways: Annotated[int | None, typer.Option(help="Classes of an episode; default 5.")] = None,
    shots: Annotated[int | None, typer.Option(help="Support images per class; default 5.")] = None,
    queries: Annotated[int | None, typer.Option(help="Query images per class; default 5.")] = None,
    alpha: Annotated[float | None, typer.Option(help="Inner step size; default 0.1.")] = None,
    outer_lr: Annotated[
        list[float] | None, typer.Option(help="Outer step size of both blocks, or of w and of phi; default 0.001.")
    ] = None,
    optimizer: Annotated[str | None, typer.Option(help="adam, or sgd as in Algorithm 1.")] = None,
    l2: Annotated[float | None, typer.Option(help="lambda; default 0.01 strongly convex, 0 elsewhere.")] = None,
    width: Annotated[int | None, typer.Option(help="Channels; default 64.")] = None,
    hidden: Annotated[int | None, typer.Option(help="Width of the hidden linear layer (nonconvex).")] = None,
    blocks: Annotated[int | None, typer.Option(help="Convolution blocks; default 4.")] = None,
    chunk: Annotated[int | None, typer.Option(help="Tasks per dispatch; default 1 on a CPU, else all.")] = None,
    dispatch: Annotated[int | None, typer.Option(help="Iterations per dispatch; default 1 on a CPU, else 25.")] = None,
    dtype: Annotated[str | None, typer.Option(help="float32 or float64.")] = None,
    body_dtype: Annotated[str | None, typer.Option(help="Type of the body's arithmetic, e.g. bfloat16.")] = None,
    statistics: Annotated[str | None, typer.Option(help="Batch statistics: joint, support or each.")] = None,
    eval_tasks: Annotated[int | None, typer.Option(help="Episodes of an accuracy; default 600.")] = None,
    curvature: Annotated[
        int | None,
        typer.Option(help="Points along the first seed's runs at which curvature is measured; default 0, quick 2."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for records, checkpoints and figures.")] = Path("results/bench"),
    quick: Annotated[bool, typer.Option("--quick", help="Small network, few iterations, 2 seeds.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Runs and verdicts as JSON on standard output.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Take finished runs and checkpoints.")] = False,
    jobs: Jobs = None,
) -> None:
    """Train CNN4 with ANIL for several N in both geometries: figures 1 and 2 of the paper, and its claims on them.

    Exit status: 0, 2 misuse, 3 a failure inside, 130 interrupted.
    """
    from anil_theory.neural.settings import Settings
    from anil_theory.verification.bench_command import QUICK, QUICK_CURVATURE, Bench, run_bench

    given: dict[str, Any] = {"iterations": iterations, "tasks": tasks, "ways": ways, "shots": shots, "alpha": alpha}
    given |= {
        "queries": queries,
        "optimizer": optimizer,
        "width": width,
        "hidden": hidden,
        "chunk": chunk,
        "dispatch": dispatch,
        "blocks": blocks,
    }
    given |= {"dtype": dtype, "body_dtype": body_dtype, "statistics": statistics, "eval_tasks": eval_tasks}
    options = (QUICK if quick else {}) | {name: value for name, value in given.items() if value is not None}
    with failures_exit():
        if outer_lr:
            if len(outer_lr) > 2:
                raise InvalidParameter("outer-lr", "one number, or two: of w and of phi", outer_lr)
            options |= {"beta_w": outer_lr[0], "beta_phi": outer_lr[-1]}
        plan = Bench(
            dataset,
            data,
            tuple(geometry or ("strongly-convex", "nonconvex")),
            tuple(sorted(set(inner_steps or (1, 3, 7, 10, 30)))),
            (2 if quick else 3) if seeds is None else seeds,
            Settings(**options),
            l2,
            (QUICK_CURVATURE if quick else 0) if curvature is None else curvature,
        )
        console = Console(stderr=as_json)
        code, report = run_bench(plan, out=out, resume=resume, workers=workers(jobs, 1), console=console)
    finish(code, report, as_json)


@data_app.command("convert")
def data_convert(
    source: Annotated[Path, typer.Argument(help="Folder with the pickles (docs/datasets.md).")],
    out: Annotated[Path, typer.Argument(help="The .npz to write.")],
    dataset: Annotated[str, typer.Option(help="fc100, mini-imagenet or cifar-fs.")],
    allow_smaller: Annotated[bool, typer.Option("--allow-smaller", help="Take other split sizes.")] = False,
) -> None:
    """Turn the pickles of a benchmark into one .npz; prints checksums and split sizes."""
    from anil_theory.neural.data.command import convert

    with failures_exit():
        convert(source, out, dataset, allow_smaller=allow_smaller, console=Console())


@data_app.command("check")
def data_check(
    source: Annotated[str, typer.Argument(help="An .npz, a folder with pickles, or glyphs or digits.")],
    dataset: Annotated[str | None, typer.Option(help="What it should be: fc100, mini-imagenet or cifar-fs.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the glyphs.")] = 0,
    allow_smaller: Annotated[bool, typer.Option("--allow-smaller", help="Take other split sizes.")] = False,
) -> None:
    """Read a data set, check its splits, and print checksums and sizes."""
    from anil_theory.neural.data.command import check

    with failures_exit():
        check(source, dataset, seed=seed, allow_smaller=allow_smaller, console=Console())
