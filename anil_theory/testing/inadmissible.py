"""Arguments that must be refused, by the name of what is wrong with them: the twins of the strategies."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf, nan
from typing import Any

from anil_theory.errors import AnilTheoryError

NOT_A_NUMBER = (nan, inf, -inf, True, "1", b"1", 1j, None)
"""What no real parameter may be; None is admissible where a parameter may be left out."""

NOT_A_COUNT = (0, -1, 1.0, 2.5, True, "3", nan, None)
"""What no number of steps or tasks may be."""


@dataclass(frozen=True)
class Inadmissible:
    """A call that must be refused.

    make        what is called;
    arguments   its arguments by name, all of them admissible but one;
    parameter   that one, as the error has to name it.
    """

    make: Callable[..., Any]
    arguments: Mapping[str, Any]
    parameter: str

    def __repr__(self) -> str:
        name = getattr(self.make, "__qualname__", repr(self.make))
        shown = ", ".join(f"{key}={value!r}" for key, value in self.arguments.items())
        return f"{name}({shown})  # {self.parameter}"

    def refusal(self) -> AnilTheoryError:
        """The error of the call. Raises AssertionError where the call is accepted, or its error names no parameter."""
        try:
            accepted = self.make(**self.arguments)
        except AnilTheoryError as error:
            assert self.parameter in str(error), f"{self!r} is refused, and the error names something else: {error}"
            return error
        raise AssertionError(f"{self!r} must be refused; it gave {accepted!r}")
