"""A proof with one bound, box, cut, claim or number changed is INVALID, and the box is named."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from anil_theory.checker import check_file
from tests.checker.written_proofs import document_of, rewritten


def lowered(problem: dict) -> None:
    bounds = problem["blocks"]["ww"]["bounds"]
    bounds[bounds.index(max(bounds))] *= 0.8


def dropped(problem: dict) -> None:
    block = problem["blocks"]["ww"]
    last = block["tree"].rindex(".")
    block["tree"] = block["tree"][:last] + block["tree"][last + 1 :]
    block["bounds"].pop()


def shrunk(problem: dict) -> None:
    # The first cut is moved, so that the half with the witness loses nearly all that it had.
    block = problem["blocks"]["phiphi"]
    axis = int(block["tree"][0])
    lower, upper = problem["region"]["lower"][axis], problem["region"]["upper"][axis]
    share = 1e-3 if block["witness"]["z"][axis] < (lower + upper) / 2 else 1 - 1e-3
    block["tree"] = "ab"[axis] + block["tree"][1:]
    block["cuts"] = [lower + share * (upper - lower), *block["cuts"]]


def without_a_bound(problem: dict) -> None:
    problem["blocks"]["ww"]["bounds"][0] = None


def with_bound(value: Any) -> Callable[[dict], None]:
    """The first bound of ww becomes a value that is none."""

    def change(problem: dict) -> None:
        problem["blocks"]["ww"]["bounds"][0] = value

    return change


def cut_outside(problem: dict) -> None:
    """The first box is to reach beyond the region."""
    block = problem["blocks"]["ww"]
    axis = int(block["tree"][0])
    block["tree"] = "ab"[axis] + block["tree"][1:]
    block["cuts"] = [problem["region"]["upper"][axis] + 1.0, *block["cuts"]]


def cut_nowhere(problem: dict) -> None:
    """A cut at NaN: neither part would hold anything."""
    cut_outside(problem)
    problem["blocks"]["ww"]["cuts"][0] = float("nan")


def cut_across_a_third(problem: dict) -> None:
    """The region has two coordinates."""
    block = problem["blocks"]["ww"]
    block["tree"] = "2" + block["tree"][1:]


def twice(problem: dict) -> None:
    """The last box is there again: a tree has no room for boxes that overlap."""
    block = problem["blocks"]["ww"]
    block["tree"] += "."
    block["bounds"].append(block["bounds"][-1])


def gap(problem: dict) -> None:
    """The first box is left out, and those behind it move up."""
    block = problem["blocks"]["ww"]
    block["tree"] = block["tree"].replace(".", "", 1)
    block["bounds"].pop(0)


def moved_witness(problem: dict) -> None:
    problem["blocks"]["ww"]["witness"]["z"][0] = problem["region"]["upper"][0] + 0.1


def changed(name: str, value: Callable[[Any], Any]) -> Callable[[dict], None]:
    def change(problem: dict) -> None:
        problem[name] = value(problem[name])

    return change


def another_target(problem: dict) -> None:
    values = next(e["values"] for e in problem["query"]["equations"] if e["op"] == "const" and 0.3 in e["values"])
    values[values.index(0.3)] = 0.3 + 1e-9


def wider(problem: dict) -> None:
    problem["region"]["upper"][1] *= 2


def infinite_claim(problem: dict) -> None:
    problem["blocks"]["ww"]["upper"] = float("inf")


def undefined_witness(problem: dict) -> None:
    problem["blocks"]["ww"]["witness"]["lower"] = float("nan")


def wide_witness(end: float) -> Callable[[dict], None]:
    """Ends between which the block lies at any alpha."""

    def change(problem: dict) -> None:
        problem["alpha"] *= 0.999
        for stated in problem["blocks"].values():
            stated["witness"]["lower"] = 0.0
            stated["witness"]["block"] = [[[-end, end] for _ in row] for row in stated["witness"]["block"]]

    return change


def lower_claim(problem: dict) -> None:
    problem["blocks"]["ww"]["upper"] *= 0.9


def higher_witness(problem: dict) -> None:
    problem["blocks"]["ww"]["witness"]["lower"] *= 1 + 1e-9


FORGERIES = {
    "a bound lowered": (lowered, "box"),
    "a box dropped": (dropped, "missing"),
    "a box shrunk": (shrunk, "box"),
    "a box without a bound": (without_a_bound, "no bound"),
    "a bound that is no number": (with_bound(float("nan")), "box [-1.0, -0.5] to"),
    "an infinite bound": (with_bound(float("inf")), "box [-1.0, -0.5] to"),
    "a negative bound": (with_bound(-0.0001), "box [-1.0, -0.5] to"),
    "a bound in quotes": (with_bound("0.1"), "box [-1.0, -0.5] to"),
    "a Boolean bound": (with_bound(True), "box [-1.0, -0.5] to"),
    "a box beyond the region": (cut_outside, "box [-1.0, -0.5] to [0.5, 1.0]"),
    "a cut at no number": (cut_nowhere, "box [-1.0, -0.5] to [0.5, 1.0]"),
    "a cut across no coordinate": (cut_across_a_third, "box [-1.0, -0.5] to [0.5, 1.0]"),
    "a box twice": (twice, "more boxes"),
    "a gap": (gap, "box"),
    "a witness outside": (moved_witness, "not in the region"),
    "another alpha": (changed("alpha", lambda a: a * (1 + 1e-9)), "witness"),
    "a larger alpha": (changed("alpha", lambda a: 2 * a), "witness"),
    "another alpha between wide ends": (wide_witness(1e9), "an entry at the witness"),
    "another alpha between infinite ends": (wide_witness(float("inf")), "an entry at the witness"),
    "another N": (changed("inner_steps", lambda N: N + 1), "witness"),
    "another loss": (another_target, "witness"),
    "a wider region": (wider, "box"),
    "an infinite claim": (infinite_claim, "block ww"),
    "a witness of no value": (undefined_witness, "block ww"),
    "a smaller claim": (lower_claim, "upper"),
    "a larger witness": (higher_witness, "witness"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_proof_is_invalid_though_its_digest_is_right(name: str, written: Path, tmp_path: Path) -> None:
    change, words = FORGERIES[name]
    document = document_of(written)
    change(document["problems"][0])
    report = check_file(rewritten(tmp_path / "forged", document))
    assert not report.valid and words in report.words


def test_an_edit_without_a_new_digest_is_found_out(written: Path, tmp_path: Path) -> None:
    document = document_of(written)
    bounds = document["problems"][0]["blocks"]["ww"]["bounds"]
    bounds[0] += 1e-15
    document["problems"][0]["blocks"]["ww"]["upper"] *= 2
    report = check_file(rewritten(tmp_path / "edited", document, signed=False))
    assert not report.valid and "digest" in report.words


def test_what_is_proved_is_said_and_a_name_from_outside_is_quoted(written: Path, tmp_path: Path) -> None:
    document = document_of(written)
    document["problems"][0]["subject"] = "red \x1b[31m\nVALID"
    words = check_file(rewritten(tmp_path / "named", document)).words
    assert "alpha = 0.3, N = 2, n_w = 1, n_phi = 1, on [-1.0, 0.5] x [-0.5, 1.0]" in words
    assert "\x1b" not in words and "red \\x1b[31m\\nVALID" in words
    assert "of other tasks it says nothing" in words and "of other tasks nothing is said" in document["asserts"]


def test_every_single_box_is_needed(written: Path, tmp_path: Path) -> None:
    """Each bound lowered to 0 is named, box by box, where the block is not 0 there."""
    document = document_of(written)
    for index in range(0, len(document["problems"][0]["blocks"]["wphi"]["bounds"]), 5):
        forged = copy.deepcopy(document)
        forged["problems"][0]["blocks"]["wphi"]["bounds"][index] = 0.0
        report = check_file(rewritten(tmp_path / "forged", forged))
        assert not report.valid and "block wphi, box" in report.words
