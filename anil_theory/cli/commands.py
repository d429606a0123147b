"""The commands that conduct a study, made from the settings of each: nothing here knows an option by name."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from anil_theory._console import Console
from anil_theory._options import Option, Options, options_of, required, settings_from
from anil_theory.cli._app import AsJson, ListCommand, app, failures_exit, finish
from anil_theory.studies import STUDIES, settings_of, study_of
from anil_theory.study.base import RunSettings, running_options
from anil_theory.study.ending import EXIT_NOT_SHOWN

STATUSES = """Exit status: 0 nothing refuted, 1 something refuted, 2 misuse, 3 a failure inside, 4 not shown what the
run was to show, 130 interrupted."""


Body = Callable[[Mapping[str, Any], Mapping[str, Any], bool], tuple[int, Any]]


def register_studies() -> None:
    """One command for each study, and `run` for those in a file."""
    for name in STUDIES:
        app.command(name, cls=ListCommand)(command_of(settings_of(name)))
    experiments = taking(Experiment, running_options(Experiment), run, str(Experiment.__doc__))
    app.command("run", cls=ListCommand)(experiments)


def command_of(kind: type[Options]) -> Callable[..., None]:
    """The function of a study's command: its parameters are the options of the settings, and those of every run."""
    running = running_options(kind)

    def body(values: Mapping[str, Any], how: Mapping[str, Any], as_json: bool) -> tuple[int, Any]:
        return conducted(settings_from(kind, values), settings_from(RunSettings, how), as_json=as_json)

    return taking(kind, running, body, f"{inspect.cleandoc(kind.__doc__ or '')}\n\n{STATUSES}")


def taking(kind: type[Options], running: Sequence[Option], body: Body, doc: str) -> Callable[..., None]:
    """A command whose parameters are the options of some settings, those in `running`, and --json.

    body   what was given of the settings and of the run, by the names of the options, and whether JSON is wanted -> the
           exit status and the report.
    """
    own = list(options_of(kind))

    def command(**values: Any) -> None:
        as_json = values.pop("as_json")
        with failures_exit():
            code, report = body(_given(own, values), _given(running, values), as_json)
        finish(code, report, as_json)

    parameters = [*map(_parameter, [*own, *running]), _json_parameter()]
    command.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportFunctionMemberAccess]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    command.__doc__ = doc
    return command


def conducted(
    settings: Options, how: RunSettings, *, as_json: bool, refutes: bool = False
) -> tuple[int, dict[str, Any]]:
    """Conduct the study that settings ask for; with --json its page goes to standard error."""
    # Here, and not above: a start that only shows the help needs neither JAX nor the records.
    from anil_theory.study._conduct import conduct

    return conduct(study_of(settings), how, console=Console(stderr=as_json), refutes=refutes)


@dataclass(frozen=True)
class Experiment(Options):
    """Run an experiment: a study with the settings of a file. Says whether it shows what the file says it should.

    Exit status: as that of the study; 4 where the run does not show what the experiment should show.
    """

    experiment: str = required("A TOML file, or the name of an experiment of the package.", argument=True)


def run(values: Mapping[str, Any], how: Mapping[str, Any], as_json: bool) -> tuple[int, Any]:
    """The exit status and the report of an experiment."""
    from anil_theory.experiments.files import read
    from anil_theory.report.experiment import print_experiment

    asked = read(settings_from(Experiment, values).experiment)
    settings = settings_from(settings_of(asked.study), asked.settings)
    running = settings_from(RunSettings, {"out": Path("results", asked.name), **how})
    code, report = conducted(settings, running, as_json=as_json, refutes=asked.refutes)
    differences = asked.differences(report)
    if asked.refutes and code == EXIT_NOT_SHOWN:
        differences.append("nothing was refuted")
    print_experiment(Console(stderr=as_json), asked.shows, differences)
    return EXIT_NOT_SHOWN if differences and code == 0 else code, report


def _given(options: Sequence[Option], values: Mapping[str, Any]) -> dict[str, Any]:
    """What was given, by the names of the options; an option that was left out is None, False or empty."""
    # By identity: 0 is a value, and equal to False.
    return {
        option.name: value
        for option in options
        if (value := values[option.field]) is not None and value is not False and value != []
    }


def _parameter(option: Option) -> inspect.Parameter:
    """One parameter of a command's function, as typer reads it: every default is "left out"."""
    kind = option.kind
    several: Any = list[kind] if option.many else kind
    hint: Any = bool if kind is bool else several if option.required else several | None
    if option.words.argument:
        words = typer.Argument(help=option.help)
    else:
        flags = [option.flag, *([option.words.short] if option.words.short else [])]
        words = typer.Option(*flags, help=option.help)
    default = inspect.Parameter.empty if option.required else False if kind is bool else None
    where = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(option.field, where, default=default, annotation=Annotated[hint, words])


def _json_parameter() -> inspect.Parameter:
    return inspect.Parameter("as_json", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=AsJson)
