"""Read a proof, cover its region, enclose every box again, and say VALID or what fails."""

import gzip
import hashlib
import json
import multiprocessing
import signal
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import flint

from .problem import Box, Damaged, Invalid, Problem

FORMAT = "anil-theory proof 1"
BITS = 64
LARGEST, CHUNK = 1 << 27, 200
"""Bytes of an unpacked file; boxes that a process takes at a time."""

SCOPE = "Proved for the losses in the file, which hold the data of one task each; of other tasks it says nothing."


class Report(NamedTuple):
    """VALID and what is proved, or INVALID and why; `boxes` is how many hold."""

    valid: bool
    words: str
    boxes: int


def digest(document: dict) -> str:
    """The digest of everything else in a proof."""
    rest = {name: value for name, value in document.items() if name != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _unique(pairs: list[tuple[str, object]]) -> dict:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a name is there twice")
    return dict(pairs)


def read(path: str | Path) -> dict:
    """A file as plain values. Raises Damaged."""
    try:
        with gzip.open(path) as file:
            raw = file.read(LARGEST + 1)
        document = json.loads(raw, object_pairs_hook=_unique) if len(raw) <= LARGEST else None
    except (ValueError, EOFError, OSError, zlib.error, RecursionError) as error:
        raise Damaged(f"not a proof: {error}") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT or not document.get("problems"):
        raise Damaged(f"not a proof: its format is not {FORMAT!r}, or it has no problems")
    return document


_problems: list[Problem] = []


def _prepare(document: dict, *, alone: bool = False) -> None:
    if not alone:
        # Ctrl-C is for the process that waits for this one.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    flint.ctx.prec = BITS
    _problems[:] = [Problem(text) for text in document["problems"]]


def _fault(item: tuple[int, str, Box]) -> str:
    """What is wrong with a box; empty where its bound holds."""
    which, block, box = item
    reason = _problems[which].fault(block, box)
    return reason and f"problem {which + 1}, block {block}, box {box[0]} to {box[1]}: {reason}"


def _boxes() -> Iterator[tuple[int, str, Box]]:
    for which, problem in enumerate(_problems):
        for block in problem.blocks:
            yield from ((which, block, box) for box in problem.boxes(block))


def check_file(path: str | Path, workers: int = 1) -> Report:
    """Check a proof, in so many processes. Raises Damaged for a file that cannot be read as one."""
    document, pool, done, bits, cap = read(path), None, 0, flint.ctx.prec, flint.ctx.cap
    try:
        _prepare(document, alone=True)
        for problem in _problems:
            for block in problem.blocks:
                problem.check_witness(block)
        pool = multiprocessing.Pool(workers, _prepare, (document,)) if workers > 1 else None
        for reason in pool.imap(_fault, _boxes(), CHUNK) if pool else map(_fault, _boxes()):
            if reason:
                raise Invalid(reason)
            done += 1
        if document["digest"] != digest(document):
            raise Invalid("the digest is not that of the contents: the file was changed after it was written")
    except Invalid as error:
        return Report(False, str(error), done)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise Damaged(f"not a proof: {type(error).__name__}: {error}") from error
    finally:
        flint.ctx.prec, flint.ctx.cap = bits, cap
        if pool:
            pool.terminate()
    return Report(True, "\n".join([*(line for problem in _problems for line in claims(problem)), SCOPE]), done)


def claims(problem: Problem) -> Iterator[str]:
    """What is proved of one problem; the words of the writer are quoted and not relied on."""
    box = " x ".join(f"[{a!r}, {b!r}]" for a, b in zip(problem.lower, problem.upper, strict=True))
    ball = "" if problem.radius is None else f", within {problem.radius!r} of 0"
    yield f"{problem.subject!r}: {problem.sizes}, on {box}{ball}"
    for block, text in problem.blocks.items():
        yield f"{block}: the largest norm lies in [{text['witness']['lower']!r}, {text['upper']!r}]"
