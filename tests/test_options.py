"""Settings as data: what the command line shows, what a file may say, and what becomes of bad values."""

from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from anil_theory._admissible import InvalidParameter
from anil_theory._options import Options, one, option, options_of, settings_from, several
from anil_theory.cli import app, commands
from anil_theory.studies import STUDIES, settings_of, study_of
from anil_theory.study import _conduct
from anil_theory.study.base import RunSettings, running_options


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Inner(Options):
    depth: int = option(2, "Depth.", quick=1)
    hidden: int = 7


@dataclass(frozen=True)
class Sweep(Options):
    """A sweep."""

    command: ClassVar[str] = "sweep"

    names: tuple[str, ...] = option((), "Names.", argument=True)
    size: float = option(1.5, "Size.", flag="--S", short="-s")
    steps: tuple[int, ...] = option((1, 3), "Steps.", quick=(1,))
    colour: tuple[Colour, ...] = option(tuple(Colour), "Colours.")
    place: Path | None = option(None, "Place.")
    inner: Inner = one(Inner)
    grids: tuple[Inner, ...] = several(Inner)
    quick: bool = option(False, "Less.")


def test_every_field_with_words_is_an_option_and_the_others_are_not() -> None:
    named = {option.name: option for option in options_of(Inner)}
    assert set(named) == {"depth"} and named["depth"].flag == "--depth"
    sweep = {option.name: option for option in options_of(Sweep)}
    assert sweep["S"].field == "size" and sweep["S"].flag == "--S" and sweep["S"].words.short == "-s"
    assert sweep["steps"].many and sweep["steps"].kind is int and not sweep["place"].many
    assert sweep["steps"].help == "Steps. (default: 1 3; quick: 1)" and sweep["place"].help == "Place."
    assert sweep["colour"].help == "Colours. (default: red blue)" and sweep["quick"].help == "Less."


def test_defaults_are_those_of_the_dataclass_or_of_quick() -> None:
    assert settings_from(Sweep, {}) == Sweep()
    assert settings_from(Sweep, {"quick": True}) == Sweep(steps=(1,), inner=Inner(depth=1), quick=True)
    assert settings_from(Sweep, {"quick": True, "steps": [5]}).steps == (5,), "what is given goes before"


@given(st.lists(st.integers(1, 99), min_size=1, max_size=4), st.one_of(st.integers(-9, 9), st.floats(-9, 9)))
def test_plain_values_become_the_values_of_the_fields(steps: list[int], size: float) -> None:
    settings = settings_from(Sweep, {"steps": steps, "S": size, "colour": ["blue"], "place": "x/y", "depth": 3})
    assert settings.steps == tuple(steps) and settings.colour == (Colour.BLUE,) and settings.place == Path("x/y")
    assert isinstance(settings.size, float) and settings.size == size
    assert settings.inner.depth == 3 or settings.grids == (Inner(3),)


def test_nested_settings_come_as_tables_too() -> None:
    settings = settings_from(Sweep, {"grids": [{"depth": 4}, {}], "inner": {"depth": 5}})
    assert settings.grids == (Inner(4), Inner()) and settings.inner == Inner(5)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"sizes": 1}, "sizes must be a setting of sweep: one of names, S, steps"),
        ({"S": "large"}, "S must be a number; got 'large'"),
        ({"S": True}, "S must be a number; got True"),
        ({"S": 10**400}, "S must be within the range of float64"),
        ({"steps": 3}, "steps must be a list of integers; got 3"),
        ({"steps": "3"}, "steps must be a list of integers; got '3'"),
        ({"steps": [1.5]}, "steps must be an integer; got 1.5"),
        ({"steps": [True]}, "steps must be an integer; got True"),
        ({"quick": "yes"}, "quick must be true or false; got 'yes'"),
        ({"colour": ["green"]}, "colour must be one of 'red', 'blue'; got 'green'"),
        ({"grids": [{"width": 1}]}, "width must be a setting of Inner"),
        ({"grids": {"depth": 1}}, "grids must be a list of tables"),
        ({"inner": 3}, "inner must be a table"),
        ({"size": 1.0}, "size must be a setting of sweep"),
    ],
)
def test_bad_values_are_named(given: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        settings_from(Sweep, given)
    assert words in str(refused.value)


@pytest.mark.parametrize("name", STUDIES)
def test_every_option_of_a_study_is_a_flag_of_its_command_and_the_other_way_round(name: str) -> None:
    kind = settings_of(name)
    assert kind.command == name
    shown = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200"}).output
    expected = {option.flag for option in options_of(kind) if not option.words.argument}
    expected |= {option.flag for option in running_options(kind)} | {"--json", "--help"}
    # A star stands before an option that has to be there.
    words = [line.replace("*", " ").split() for line in shown.splitlines()]
    flags = {word for line in words for word in line[1:2] if word.startswith("--")}
    assert flags == expected


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_is_made_of_its_settings_and_says_what_it_does(name: str) -> None:
    kind = settings_of(name)
    needed = {option.field: option.kind(1) for option in options_of(kind) if option.required}
    study = study_of(kind(**needed))
    assert study.settings == kind(**needed) and (kind.__doc__ or "").strip()
    for field in fields(kind):
        described = {"words", "one", "several"} & set(field.metadata)
        assert described, f"{name}.{field.name} has no words, so that nobody can ask for it"


def test_the_parameters_of_one_command_have_names_of_their_own() -> None:
    for name in STUDIES:
        kind = settings_of(name)
        flags = [option.flag for option in [*options_of(kind), *options_of(RunSettings)]]
        names = [option.field for option in [*options_of(kind), *options_of(RunSettings)]]
        assert len(set(flags)) == len(flags) and len(set(names)) == len(names)


def test_what_has_no_default_has_to_be_there() -> None:
    with pytest.raises(InvalidParameter, match="eps must be given: Accuracy"):
        settings_from(settings_of("advise"), {"L": 1.0, "rho": 1.0, "tau": 0.5, "M": 1.0})


def test_zero_on_the_command_line_is_a_value(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """0 is equal to False, which stands for a switch that was left out."""
    seen: list[Any] = []
    monkeypatch.setattr(commands, "study_of", lambda settings: settings)
    monkeypatch.setattr(_conduct, "conduct", lambda settings, how, **options: seen.append(settings) or (0, {}))
    arguments = ["certify", "--samples", "0", "--n-phi", "0", "--seed", "0", "--out", str(tmp_path)]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert seen[0].samples == 0 and seen[0].n_phi == 0 and seen[0].seed == 0
