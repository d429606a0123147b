"""The mutator changes one token of code, never text or annotations, and every mutant parses."""

import ast
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "experiments" / "mutations"
sys.path.insert(0, str(FOLDER))

from mutants import Mutation, mutations  # noqa: E402  # pyright: ignore[reportMissingImports]

SOURCE = '''
"""Text with 1 + 1 and x < y."""
from a import b

def f(x: "Float[2]", y=0.5) -> "3":
    if x <= y and not (x == 3):  # x < y
        return -max(x, y) ** 2
    raise ValueError(f"1 < {x + 1}")
'''


def test_exactly_these_mutations_are_found() -> None:
    found = [(m.old, m.new) for m in mutations("f.py", SOURCE)]
    expected = [("0.5", "1.0"), ("<=", "<"), ("and", "or"), ("not", "bool"), ("==", "!="), ("3", "4")]
    assert found == [*expected, ("-", "+"), ("max", "min"), ("**", "*"), ("2", "3")]


@pytest.mark.parametrize("name", ["verdict.py", "record.py", "statements/contraction.py", "certify/balls/values.py"])
def test_every_mutant_of_the_package_parses_and_differs_in_one_token(name: str) -> None:
    path = Path(__file__).parents[2] / "anil_theory" / name
    source = path.read_text(encoding="utf-8")
    found = mutations(name, source)
    assert len(found) > 5
    for mutation in found:
        mutant = mutation.applied(source)
        assert ast.dump(ast.parse(mutant)) != ast.dump(ast.parse(source))
        assert len(mutant) - len(source) == len(mutation.new) - len(mutation.old)


def test_a_mutation_of_another_source_is_refused() -> None:
    with pytest.raises(ValueError, match="the source has"):
        Mutation("f.py", 1, 0, 1, "+", "-").applied("a + b")
