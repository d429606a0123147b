"""Boxes of a search as a tree: halves that a probe looked at and left open are not taken for a cut."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory.certify.enclosures.refusals import NoEnclosure
from anil_theory.certify.losses.exchangeable import loss_program
from anil_theory.certify.proof import NoProof, Proof, Recorder
from anil_theory.certify.search.branch_and_bound import BoxBounds, Boxes


def recorded(*batches: list[tuple[list[float], list[float], float]]) -> Recorder:
    """A search that enclosed these boxes (lower, upper, bound), batch by batch."""
    recorder = Recorder()
    for batch in batches:
        highs = np.array([bound for _, _, bound in batch])

        def enclose(boxes: Boxes, highs: np.ndarray = highs) -> BoxBounds:
            return BoxBounds(highs, np.zeros(len(highs)), boxes.lower, np.zeros(len(highs), int))

        recorder.around(enclose)(Boxes.of([low for low, _, _ in batch], [high for _, high, _ in batch]))
    return recorder


WHOLE = [([0.0, 0.0], [1.0, 1.0], np.inf)]
PROBED = [([0.0, 0.0], [0.5, 1.0], np.inf), ([0.5, 0.0], [1.0, 1.0], 1.0)]
CUT = [([0.0, 0.0], [1.0, 0.5], 1.0), ([0.0, 0.5], [1.0, 1.0], 2.0)]


def test_the_cut_of_the_search_is_found_behind_one_that_was_only_probed() -> None:
    tree = recorded(WHOLE, PROBED, CUT).tree(2.0)
    assert tree.letters == "1.." and tree.bounds == [1.0, 2.0]


def test_without_a_cover_there_is_no_proof() -> None:
    with pytest.raises(NoProof, match="not cut"):
        recorded(WHOLE, PROBED, CUT).tree(1.5)


def test_nothing_is_written_where_nothing_is_proved(tmp_path: Path) -> None:
    (tmp_path / "proof").write_bytes(b"an older proof")
    with pytest.raises(NoProof, match="no search"):
        Proof().write(tmp_path / "proof")
    assert (tmp_path / "proof").read_bytes() == b"an older proof"


def test_a_function_of_the_same_primitives_as_logaddexp_is_not_taken_for_it() -> None:
    @jax.custom_jvp
    def like(a: Any, b: Any) -> Any:
        largest, difference = jnp.maximum(a, b), a - b
        bound = difference != difference
        total = a + b
        jnp.log1p(jnp.exp(-jnp.abs(difference)))
        return jax.lax.select(bound, total, largest + largest)

    like.defjvp(lambda primals, tangents: (like(*primals), tangents[0]))

    def program_of(function: Any) -> dict[str, Any]:
        return loss_program(lambda w, phi, data: function(w[0], phi[0]), (), 1, 1)

    assert used(like) == used(jnp.logaddexp)
    assert any(equation["op"] == "softplus" for equation in program_of(jnp.logaddexp)["equations"])
    with pytest.raises(NoEnclosure, match="'ne'"):
        program_of(like)


def used(function: Any) -> list[str]:
    """The primitives of a function with a derivative of its own, in order."""
    traced = jax.make_jaxpr(function)(0.5, 0.3).jaxpr
    while traced.eqns[-1].primitive.name != "custom_jvp_call":
        traced = traced.eqns[-1].params["jaxpr"].jaxpr
    return [equation.primitive.name for equation in traced.eqns[-1].params["call_jaxpr"].jaxpr.eqns]
