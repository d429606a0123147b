"""Flint's precision is one number for the whole process: threads take turns, and each has what it asked for."""

import threading

import flint

from anil_theory.certify.balls import precision


def width(bits: int) -> float:
    """Of 1/3 as a ball, several times, with time for the others in between."""
    found = []
    with precision(bits):
        for _ in range(200):
            found.append(float((flint.arb(1) / 3).rad()))
            threading.Event().wait(1e-5)
    assert min(found) == max(found), "another thread changed the precision"
    return found[0]


def test_two_threads_with_two_precisions_do_not_disturb_each_other() -> None:
    alone = {bits: width(bits) for bits in (64, 1000)}
    seen: list[tuple[int, float]] = []
    threads = [threading.Thread(target=lambda b=bits: seen.append((b, width(b)))) for bits in (64, 1000) * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 6 and all(value == alone[bits] for bits, value in seen)


def test_blocks_nest_and_give_the_precision_back() -> None:
    before = flint.ctx.prec
    with precision(100):
        with precision(300):
            assert flint.ctx.prec == 300
        assert flint.ctx.prec == 100
    assert flint.ctx.prec == before
