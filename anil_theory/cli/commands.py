"""The commands that conduct a study, made from the settings of each: nothing here knows an option by name."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from anil_theory._console import Console
from anil_theory._options import Option, Options, options_of, required, settings_from
from anil_theory.cli._app import AsJson, ListCommand, app, finish
from anil_theory.studies import STUDIES, settings_of, study_of
from anil_theory.study.base import RunSettings, running_options
from anil_theory.study.ending import EXIT_NOT_SHOWN

STATUSES = """Exit status: 0 nothing refuted, 1 something refuted, 2 misuse, 3 a failure inside, 4 not shown what the
run was to show, 130 interrupted."""


@dataclass(frozen=True)
class Experiment(Options):
    """Run an experiment: a study with the settings of a file. Says whether it shows what the file says it should.

    Exit status: as that of the study; 4 where the run does not show what the experiment should show.
    """

    experiment: str = required("A TOML file, or the name of an experiment of the package.", argument=True)


def register_studies() -> None:
    """One command for each study, and `run` for those in a file."""
    for name in STUDIES:
        kind = settings_of(name)
        _register(name, kind, conducted, words=f"{inspect.cleandoc(kind.__doc__ or '')}\n\n{STATUSES}")
    _register("run", Experiment, run, words=str(Experiment.__doc__))


def _register(name: str, kind: type[Options], body: Callable[..., tuple[int, Any]], *, words: str) -> None:
    """Make a command whose parameters are the options of its settings, those of its run, and --json.

    body    its settings, those of its run, and whether JSON is wanted -> the exit status and the report;
    words   what --help says of it.
    """
    own, running = list(options_of(kind)), running_options(kind)

    def command(*, as_json: bool, **values: Any) -> None:
        settings = settings_from(kind, {option.name: values[option.field] for option in own})
        how = settings_from(RunSettings, {option.name: values[option.field] for option in running})
        finish(*body(settings, how, as_json=as_json), as_json)

    json_option = inspect.Parameter("as_json", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=AsJson)
    parameters = [*map(_parameter, [*own, *running]), json_option]
    command.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportFunctionMemberAccess]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    app.command(name, cls=ListCommand, help=words)(command)


def _parameter(option: Option) -> inspect.Parameter:
    """One parameter of a command's function, as typer reads it: every default is None, which says "left out"."""
    hint: Any = list[option.kind] if option.many else option.kind
    if option.words.argument:
        words = typer.Argument(help=option.help)
    else:
        words = typer.Option(option.flag, *filter(None, [option.words.short]), help=option.help)
    annotation = Annotated[hint if option.required else hint | None, words]
    default = inspect.Parameter.empty if option.required else None
    return inspect.Parameter(option.field, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def conducted(settings: Options, how: RunSettings, *, as_json: bool, refutes: bool = False) -> tuple[int, Any]:
    """Conduct the study that settings ask for; with --json its page goes to standard error."""
    # Here, and not above: a start that only shows the help needs neither JAX nor the records.
    from anil_theory.study._conduct import conduct

    return conduct(study_of(settings), how, console=Console(stderr=as_json), refutes=refutes)


def run(experiment: Experiment, how: RunSettings, *, as_json: bool) -> tuple[int, Any]:
    """Conduct the study of an experiment, and say whether it shows what it should."""
    from anil_theory.experiments.files import read
    from anil_theory.report.experiment import print_experiment

    asked = read(experiment.experiment)
    settings = settings_from(settings_of(asked.study), asked.settings)
    how = replace(how, out=how.out or Path("results", asked.name))
    code, report = conducted(settings, how, as_json=as_json, refutes=asked.refutes)
    differences = asked.differences(report)
    if asked.refutes and code == EXIT_NOT_SHOWN:
        differences.append("nothing was refuted")
    print_experiment(Console(stderr=as_json), asked.shows, differences)
    return EXIT_NOT_SHOWN if differences and code == 0 else code, report
