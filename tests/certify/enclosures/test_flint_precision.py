"""flint_precision.py: the precision of the library has one owner, and threads do not disturb each other."""

import ast
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event
from time import sleep

import flint
import pytest

from anil_theory._admissible import InvalidParameter
from anil_theory.certify.enclosures.enclosure import Enclosure
from anil_theory.certify.enclosures.flint_precision import precision

PACKAGE = Path(__file__).parents[3] / "anil_theory"


def third() -> tuple[int, str]:
    """The precision, and 1/3 as the balls have it now: its digits tell with how many bits it was computed."""
    return flint.ctx.prec, (flint.arb(1) / 3).rad().str(5)


def test_a_thread_keeps_its_precision_while_another_asks_for_one() -> None:
    with precision(200):
        expected = third()
    before = flint.ctx.prec
    inside, entered, computed = Event(), Event(), Event()

    def first() -> tuple[int, str]:
        with precision(200):
            inside.set()
            entered.wait(0.5)  # the other thread has this long to spoil it
            seen = third()
            computed.set()
        return seen

    def second() -> bool:
        assert inside.wait(300)
        with precision(80):
            entered.set()
            return computed.wait(1) and flint.ctx.prec == 80

    with ThreadPoolExecutor(2) as executor:
        results = executor.submit(first), executor.submit(second)
        assert results[0].result(30) == expected and results[1].result(30)
    assert flint.ctx.prec == before


def test_many_threads_leave_the_precision_as_it_was_and_agree_with_one() -> None:
    before, start = flint.ctx.prec, Barrier(4)

    def compute(bits: int) -> set[tuple[int, str]]:
        start.wait(300)
        seen = set()
        for _ in range(200):
            with precision(bits):
                sleep(1e-5)  # gives the other threads their turn
                outer = third()
                with precision(bits + 40):
                    seen.add(third())
                assert third() == outer
                seen.add(outer)
        return seen

    with ThreadPoolExecutor(4) as executor:
        found = list(executor.map(compute, (60, 100, 200, 400)))
    for bits, seen in zip((60, 100, 200, 400), found, strict=True):
        expected = set()
        for each in (bits, bits + 40):
            with precision(each):
                expected.add(third())
        assert seen == expected
    assert flint.ctx.prec == before


def test_the_ends_of_an_enclosure_do_not_depend_on_the_precision_around() -> None:
    with precision(300):
        ball = flint.arb(1) / 3
    ends = set()
    for bits in (10, 30, 53, 300):
        with precision(bits):
            ends.add(Enclosure.of(ball))
    (only,) = ends
    assert only.low == 1 / 3 and only.high == math.nextafter(1 / 3, 1)


def test_an_error_inside_gives_the_precision_back() -> None:
    before = flint.ctx.prec
    with pytest.raises(ZeroDivisionError), precision(77):
        raise ZeroDivisionError
    with pytest.raises(InvalidParameter), precision(1):
        pass
    assert flint.ctx.prec == before


def owners(root: Path) -> set[str]:
    """The modules that touch the context of the library."""
    found = set()
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            named = isinstance(node, ast.Attribute) and node.attr in ("ctx", "workprec", "extraprec", "workdps")
            imported = isinstance(node, ast.ImportFrom) and (node.module or "").startswith("flint")
            if named or imported:
                found.add(path.relative_to(root).as_posix())
    return found


def test_one_module_owns_the_precision(tmp_path: Path) -> None:
    # The checker of proofs is a process of its own and shares no code with `certify`.
    assert owners(PACKAGE) == {"certify/enclosures/flint_precision.py", "checker/check.py", "checker/problem.py"}
    (tmp_path / "another.py").write_text("import flint\nflint.ctx.prec = 10")
    assert owners(tmp_path) == {"another.py"}
