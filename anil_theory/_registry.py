"""Registries: named things of one kind, those of this package and those that were added from outside."""

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Generic, TypeVar

from anil_theory.errors import AnilTheoryError

T = TypeVar("T")

BUILT_IN = "anil_theory"
"""The origin of what the package registers itself."""

PLUGINS: dict[str, str] = {}
"""Every plug-in that was loaded, a file or an entry point, with the SHA-256 of its file: records carry them."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_ORIGIN: ContextVar[str] = ContextVar("origin", default="this process")


class ExtensionError(AnilTheoryError, ValueError):
    """Something that was added from outside cannot be used as it is: the message says what, where, and what to do."""


class NameTaken(ExtensionError):
    """Two things of one kind have the same name."""


class NotOfTheKind(ExtensionError):
    """A thing is not what its registry holds."""


@contextmanager
def registering_from(origin: str) -> Iterator[None]:
    """What is registered inside the block comes from `origin`: a plug-in file or an entry point, in words."""
    token = _ORIGIN.set(origin)
    try:
        yield
    finally:
        _ORIGIN.reset(token)


def current_origin() -> str:
    """Where a registration that is made now comes from."""
    return _ORIGIN.get()


class Registry(Mapping[str, T], Generic[T]):
    """A mapping from names to things of one kind, in the order of registration.

    noun    what messages call one of them, for example "statement";
    kind    the class of its members or, where `classes`, the base class that its members derive from.

    A member says its own name, in the attribute `name`.
    """

    def __init__(self, noun: str, kind: type, members: Iterable[T] = (), *, classes: bool = False):
        self.noun = noun
        self.kind = kind
        self.classes = classes
        self._members: dict[str, T] = {}
        self._origins: dict[str, str] = {}
        with registering_from(BUILT_IN):
            for member in members:
                self.register(member)

    def register(self, member: T) -> T:
        """Add a member under its name, and return it. The same member again changes nothing.

        Raises NotOfTheKind for anything that is not of the registry's kind or has no usable name, and NameTaken.
        """
        name = self._admitted_name(member)
        origin = _ORIGIN.get()
        if name in self._members and self._members[name] is not member:
            raise NameTaken(
                f"{self.noun} {name!r} is taken by {self._origins[name]}: {origin} must give another name to its own"
            )
        self._members.setdefault(name, member)
        self._origins.setdefault(name, origin)
        return member

    def origin(self, name: str) -> str:
        """Where the member of this name comes from."""
        return self._origins[name]

    def forget(self, origin: str) -> None:
        """Remove everything that came from `origin`."""
        for name in [name for name, known in self._origins.items() if known == origin]:
            del self._members[name], self._origins[name]

    @contextmanager
    def restored(self) -> Iterator[None]:
        """What is registered inside the block is gone after it: for tests."""
        members, origins = dict(self._members), dict(self._origins)
        try:
            yield
        finally:
            self._members, self._origins = members, origins

    def __getitem__(self, name: str) -> T:
        return self._members[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __repr__(self) -> str:
        return f"Registry({self.noun}: {', '.join(self._members)})"

    def _admitted_name(self, member: Any) -> str:
        wanted = f"a class derived from {self.kind.__name__}" if self.classes else f"a {self.kind.__name__}"
        if self.classes:
            fits = inspect.isclass(member) and issubclass(member, self.kind)
        else:
            fits = isinstance(member, self.kind)
        if not fits:
            raise NotOfTheKind(f"a {self.noun} must be {wanted}; {_ORIGIN.get()} offers {_described(member)}")
        missing = sorted(getattr(member, "__abstractmethods__", ())) if self.classes else []
        if missing:
            raise NotOfTheKind(f"{self.noun} {member.__name__} of {_ORIGIN.get()} must define {', '.join(missing)}")
        name = getattr(member, "name", None)
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            allowed = "letters, digits and . _ + -, the first a letter or a digit"
            raise NotOfTheKind(f"the name of a {self.noun} must be of {allowed}; {_ORIGIN.get()} offers {name!r}")
        return name


def _described(member: object) -> str:
    text = repr(member)
    text = text if len(text) <= 80 else f"{text[:80]}..."
    return f"{text} of type {type(member).__name__}"
