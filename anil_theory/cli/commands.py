"""The commands that conduct a study, made from the settings of each: nothing here knows an option by name."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from anil_theory._console import Console
from anil_theory._options import Option, Options, options_of, settings_from
from anil_theory.cli._app import AsJson, ListCommand, app, failures_exit, finish
from anil_theory.studies import STUDIES, settings_of, study_of
from anil_theory.study.base import RunSettings, running_options
from anil_theory.study.ending import EXIT_NOT_SHOWN

STATUSES = """Exit status: 0 nothing refuted, 1 something refuted, 2 misuse, 3 a failure inside, 4 not shown what the
run was to show, 130 interrupted."""


def register_studies() -> None:
    """One command for each study."""
    for name in STUDIES:
        app.command(name, cls=ListCommand)(command_of(settings_of(name)))


def command_of(kind: type[Options]) -> Callable[..., None]:
    """The function of a study's command: its parameters are the options of the settings, and those of every run."""

    running = running_options(kind)

    def command(**given: Any) -> None:
        as_json = given.pop("as_json")
        how = {option.field: given.pop(option.field) for option in running}
        with failures_exit():
            settings = settings_from(kind, _named(kind, given))
            code, report = conducted(settings, settings_from(RunSettings, _named(RunSettings, how)), as_json=as_json)
        finish(code, report, as_json)

    options = [*options_of(kind), *running]
    parameters = [*map(_parameter, options), _json_parameter()]
    command.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportFunctionMemberAccess]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    command.__doc__ = f"{inspect.cleandoc(kind.__doc__ or '')}\n\n{STATUSES}"
    return command


def conducted(
    settings: Options, how: RunSettings, *, as_json: bool, refutes: bool = False
) -> tuple[int, dict[str, Any]]:
    """Conduct the study that settings ask for; with --json its page goes to standard error."""
    # Here, and not above: a start that only shows the help needs neither JAX nor the records.
    from anil_theory.study._conduct import conduct

    return conduct(study_of(settings), how, console=Console(stderr=as_json), refutes=refutes)


@app.command(cls=ListCommand)
def run(
    experiment: Annotated[str, typer.Argument(help="A TOML file, or the name of an experiment of the package.")],
    out: Annotated[Path | None, typer.Option(help="Folder; results/EXPERIMENT, if left out.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Take finished cells from the folder.")] = False,
    jobs: Annotated[int | None, typer.Option("--jobs", "-j", help="Cells at a time, in threads.")] = None,
    plugin: Annotated[
        list[Path] | None, typer.Option(help="Python files with statements, families, measurements.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run an experiment: a study with the settings of a file. Says whether it shows what the file says it should.

    Exit status: as that of the study; 4 where the run does not show what the experiment should show.
    """
    from anil_theory.experiments.files import read
    from anil_theory.report.experiment import print_experiment

    with failures_exit():
        asked = read(experiment)
        settings = settings_from(settings_of(asked.study), asked.settings)
        how = RunSettings(out or Path("results", asked.name), resume, jobs, tuple(plugin or ()))
        code, report = conducted(settings, how, as_json=as_json, refutes=asked.refutes)
        differences = asked.differences(report)
        if asked.refutes and code == EXIT_NOT_SHOWN:
            differences.append("nothing was refuted")
        print_experiment(Console(stderr=as_json), asked.shows, differences)
    finish(EXIT_NOT_SHOWN if differences and code == 0 else code, report, as_json)


def _named(kind: type[Options], given: dict[str, Any]) -> dict[str, Any]:
    """What was given, by the names of the options; an option that was left out is None, False or empty."""
    names = {option.field: option.name for option in options_of(kind)}
    # By identity: 0 is a value, and equal to False.
    return {
        names[field]: value
        for field, value in given.items()
        if value is not None and value is not False and value != []
    }


def _parameter(option: Option) -> inspect.Parameter:
    """One parameter of a command's function, as typer reads it: every default is "left out"."""
    kind = option.kind
    hint: Any = bool if kind is bool else (list[kind] if option.many else kind) | None
    if option.words.argument:
        words = typer.Argument(help=option.help)
    else:
        flags = [option.flag, *([option.words.short] if option.words.short else [])]
        words = typer.Option(*flags, help=option.help)
    default = False if kind is bool else None
    where = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(option.field, where, default=default, annotation=Annotated[hint, words])


def _json_parameter() -> inspect.Parameter:
    return inspect.Parameter("as_json", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=AsJson)
