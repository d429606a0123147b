"""Settings as data: each field of a dataclass is an option of the command line and a key of an experiment's file.

    @dataclass(frozen=True)
    class Sweep(Options):
        inner_steps: tuple[int, ...] = option((1, 3, 10), "N.", quick=(1,))

gives `--inner-steps 1 3 10`, and `inner_steps = [1, 3, 10]` in a file. Nothing else lists the options.
"""

import dataclasses
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar, TypeVar, Union, get_args, get_origin, get_type_hints

from anil_theory._admissible import InvalidParameter

S = TypeVar("S", bound="Options")

UNSET: Any = object()
"""The default of an option whose default does not depend on --quick."""


@dataclass(frozen=True)
class Words:
    """What the command line says about one field.

    help      one sentence;
    flag      the long flag; made from the field's name where it is empty;
    short     a flag of one letter, or empty;
    argument  a word of the command instead of an option;
    quick     the default with --quick, where that is another one.
    """

    help: str = ""
    flag: str = ""
    short: str = ""
    argument: bool = False
    quick: Any = UNSET


def option(
    default: Any, help: str, *, flag: str = "", short: str = "", argument: bool = False, quick: Any = UNSET
) -> Any:
    """A field with what the command line says about it: see `Words`."""
    words = Words(help, flag, short, argument, quick)
    return dataclasses.field(default=default, metadata={"words": words})


def required(help: str, *, flag: str = "", argument: bool = False) -> Any:
    """A field without a default: a file or a command line that leaves it out is refused."""
    return dataclasses.field(metadata={"words": Words(help, flag, argument=argument)})


def several(kind: type) -> Any:
    """A field that holds a tuple of settings of another class; on the command line its options describe one of them."""
    return dataclasses.field(default=(), metadata={"several": kind})


def one(kind: type) -> Any:
    """A field that holds settings of another class, whose options are those of the command too."""
    return dataclasses.field(default_factory=kind, metadata={"one": kind})


@dataclass(frozen=True)
class Options:
    """What a study is asked for; the docstring is the help of its command.

    command   the name of the study;
    records   whether it keeps records, and so has a folder and can be resumed;
    plugins   whether statements, families and measurements from outside the package have a part in it;
    row_members, measured   what its reports read of a verdict and of the measurements of a record: a record without
              one of them is damaged, whatever its digest says.
    """

    command: ClassVar[str] = ""
    records: ClassVar[bool] = True
    plugins: ClassVar[bool] = True
    row_members: ClassVar[tuple[str, ...]] = ("outcome",)
    measured: ClassVar[tuple[str, ...]] = ()


@dataclass(frozen=True)
class Option:
    """One option: how it is called, and which values it takes.

    name      the key in a file, and the parameter in messages;
    kind      the type of one value: int, float, str, bool, Path or an Enum;
    many      whether it takes several values.
    """

    name: str
    field: str
    kind: type
    many: bool
    default: Any
    words: Words

    @property
    def required(self) -> bool:
        """Whether it has no default."""
        return self.default is dataclasses.MISSING

    @property
    def flag(self) -> str:
        """The long flag."""
        return self.words.flag or f"--{self.name.replace('_', '-')}"

    @property
    def help(self) -> str:
        """The sentence of the command line, with the defaults."""
        shown = [] if self.kind is bool else [("default", self.default), ("quick", self.words.quick)]
        texts = [f"{word}: {text}" for word, value in shown if (text := _in_words(value))]
        return f"{self.words.help} ({'; '.join(texts)})" if texts else self.words.help

    def admitted(self, value: Any) -> Any:
        """A value from a file or the command line as the field's value. Raises InvalidParameter for another type."""
        if not self.many:
            return self._one(value)
        if isinstance(value, (str, bytes)) or not isinstance(value, (list, tuple)):
            raise InvalidParameter(self.name, f"a list of {_noun(self.kind, many=True)}", value)
        return tuple(self._one(each) for each in value)

    def _one(self, value: Any) -> Any:
        if self.kind is float and isinstance(value, int) and not isinstance(value, bool):
            return _float_of(self.name, value)
        if issubclass(self.kind, Enum) and isinstance(value, str):
            choices = [member.value for member in self.kind]
            if value not in choices:
                raise InvalidParameter(self.name, "one of " + ", ".join(map(repr, choices)), value)
            return self.kind(value)
        if self.kind is Path and isinstance(value, str):
            return Path(value)
        if not isinstance(value, self.kind) or (isinstance(value, bool) and self.kind is not bool):
            raise InvalidParameter(self.name, _noun(self.kind, many=False), value)
        return value


_NOUNS: dict[type, tuple[str, str]] = {
    int: ("an integer", "integers"),
    float: ("a number", "numbers"),
    str: ("a word", "words"),
    bool: ("true or false", "true or false"),
    Path: ("the name of a file", "names of files"),
}
"""What messages call one value of a type, and several."""


def _noun(kind: type, *, many: bool) -> str:
    """The name of a type for messages."""
    one_value, several_values = _NOUNS.get(kind, (kind.__name__, "values"))
    return several_values if many else one_value


def _float_of(name: str, value: int) -> float:
    try:
        return float(value)
    except OverflowError as error:
        raise InvalidParameter(name, "within the range of float64", value) from error


def _in_words(value: Any) -> str:
    if any(value is nothing for nothing in (UNSET, dataclasses.MISSING, None)) or value == () or value == "":
        return ""
    if isinstance(value, tuple):
        return " ".join(_in_words(each) for each in value)
    if isinstance(value, Enum):
        return str(value.value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def options_of(kind: type[Options]) -> Iterator[Option]:
    """Every option of a class of settings, those of nested settings in their place."""
    hints = get_type_hints(kind)
    for field in dataclasses.fields(kind):
        nested = nested_kind(field)
        if nested is not None:
            yield from options_of(nested)
        elif "words" in field.metadata:
            words: Words = field.metadata["words"]
            one_value, many = _read_hint(hints[field.name])
            name = words.flag.removeprefix("--").replace("-", "_") or field.name
            yield Option(name, field.name, one_value, many, field.default, words)


def nested_kind(field: dataclasses.Field[Any]) -> type[Options] | None:
    """The class of the settings that a field holds, or None."""
    return field.metadata.get("several") or field.metadata.get("one")


def _read_hint(hint: Any) -> tuple[type, bool]:
    """The type of one value, and whether there are several: of `int`, `int | None`, `tuple[int, ...]`."""
    if get_origin(hint) in (Union, types.UnionType):
        (hint,) = (each for each in get_args(hint) if each is not type(None))
    if get_origin(hint) is tuple:
        return get_args(hint)[0], True
    return hint, False


def settings_from(kind: type[S], values: Mapping[str, Any], *, quick: bool | None = None) -> S:
    """Settings with the values that were given, by the names of the options; the others have their defaults.

    values  plain values, as a file or the command line has them; nested settings as a mapping, or a list of mappings,
            under the field's name, or their options beside the others;
    quick   whether the defaults are those of --quick; None: `values` say it.

    Raises InvalidParameter for an unknown name, and for a value of another type.
    """
    quick = bool(values.get("quick", False)) if quick is None else quick
    rest = dict(values)
    own = {option.field: option for option in options_of(kind)}
    by_field: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        nested = nested_kind(field)
        if nested is not None:
            by_field |= _nested_values(field, nested, rest, quick=quick)
        elif field.name in own:
            option = own[field.name]
            if rest.get(option.name) is not None:
                by_field[field.name] = option.admitted(rest.pop(option.name))
            elif quick and option.words.quick is not UNSET:
                by_field[field.name] = option.words.quick
            elif option.required:
                raise InvalidParameter(option.name, f"given: {option.words.help}", None)
            rest.pop(option.name, None)
    for name in rest:
        known = ", ".join(option.name for option in options_of(kind))
        raise InvalidParameter(name, f"a setting of {kind.command or kind.__name__}: one of {known}", rest[name])
    return kind(**by_field)


def _nested_values(
    field: dataclasses.Field[Any], kind: type[Options], rest: dict[str, Any], *, quick: bool
) -> dict[str, Any]:
    """What a field of nested settings holds; takes from `rest` what it uses."""
    written = rest.pop(field.name, None)
    if written is not None:
        _require_tables(field, written)
    beside = {option.name: rest.pop(option.name) for option in options_of(kind) if option.name in rest}
    beside = {name: value for name, value in beside.items() if value is not None}
    if "one" in field.metadata:
        return {field.name: settings_from(kind, {**(written or {}), **beside}, quick=quick)}
    if written is not None:
        return {field.name: tuple(settings_from(kind, {**each, **beside}, quick=quick) for each in written)}
    return {field.name: (settings_from(kind, beside, quick=quick),)} if beside else {}


def _require_tables(field: dataclasses.Field[Any], written: Any) -> None:
    if "one" in field.metadata:
        if not isinstance(written, Mapping):
            raise InvalidParameter(field.name, "a table", written)
    elif not isinstance(written, list | tuple) or not all(isinstance(each, Mapping) for each in written):
        raise InvalidParameter(field.name, "a list of tables", written)
