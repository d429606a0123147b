"""`anil-theory certify --family`: heads that people train, enclosed, judged by the constants of their ball."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from typer.testing import CliRunner

from anil_theory._admissible import InvalidParameter
from anil_theory.algorithm import inner_loop
from anil_theory.checker import check_file
from anil_theory.cli import app as command
from anil_theory.studies.certify.cells import BoxCell
from anil_theory.studies.certify.rows import certify_cell
from anil_theory.tasks import FAMILIES


@cache
def linear() -> list[dict[str, Any]]:
    return certify_cell(BoxCell(family="linear-body", inner_steps=2))


def test_a_linear_body_closes_and_its_bounds_are_confirmed_with_the_factor_beside() -> None:
    assert [row["block"] for row in linear()] == ["ww", "wphi", "phiw", "phiphi"]
    for row in linear():
        assert row["status"] == "CLOSED" and row["width"] <= 0.05 and row["outcome"] == "CONFIRMED"
        assert row["region"].startswith("linear-body, the box")
        for kind, (least, most) in row["factors"].items():
            assert 1 < least <= most and least == row["bounds"][kind] / row["upper"]


def test_no_point_of_the_box_is_above_its_certificate() -> None:
    cell = BoxCell(family="linear-body", inner_steps=2)
    tasks = cell.draw()

    def meta(z: Any) -> Any:
        loop: Any = {"alpha": cell.at.alpha, "inner_steps": 2}
        return tasks.query(inner_loop(tasks.support, z[:1], z[1:], tasks.task(0), **loop).final, z[1:], tasks.task(0))

    z = np.random.default_rng(0).uniform(*cell.box, (10_000, 2))
    found = np.abs(np.asarray(jax.jit(jax.vmap(jax.hessian(meta)))(z)))
    for row in linear():
        at = {"w": 0, "phi": 1}
        i, j = {"ww": "w w", "wphi": "w phi", "phiw": "phi w", "phiphi": "phi phi"}[row["block"]].split()
        assert 0.9 * row["lower"] <= found[:, at[i], at[j]].max() <= row["upper"] + 1e-12


def test_iterates_that_may_leave_the_ball_leave_the_bounds_unproved(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = BoxCell(family="linear-body", inner_steps=2)
    assert cell.outside == 0.0 and max(map(abs, cell.box[1])) * 2**0.5 <= cell.radius / 2
    # With a step size far beyond 1/L the first step leaves the ball from somewhere in the box.
    cell = BoxCell(family="linear-body", inner_steps=2)
    monkeypatch.setitem(cell.__dict__, "at", type(cell.at)(40.0, 1))
    assert cell.outside > 1
    lower, upper = map(jnp.asarray, cell.box)
    tasks, alpha = cell.draw(), 40.0
    for z in (lower, upper, jnp.array([lower[0], upper[1]])):
        w = z[:1] - alpha * jax.grad(tasks.support)(z[:1], z[1:], tasks.task(0))
        assert float(jnp.hypot(w[0], z[1])) <= cell.radius + cell.outside
    short = BoxCell(family="linear-body", inner_steps=1, seconds=0.1)
    monkeypatch.setitem(short.__dict__, "outside", 0.5)
    rows = certify_cell(short)
    # The enclosure reaches beyond the ball, which shows no iterate that does.
    assert {row["outcome"] for row in rows} == {"INCONCLUSIVE"} and "not proved" in rows[0]["reason"]
    assert "0.5 beyond it" in rows[0]["reason"]


def test_the_command_keeps_records_and_says_what_did_not_close(tmp_path: Path) -> None:
    arguments = ["certify", "--family", "linear-body", "two-layer-head", "--inner-steps", "1", "--seconds", "0.2"]
    result = CliRunner().invoke(command, [*arguments, "--json", "--out", str(tmp_path)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))["certificates"]
    assert len(rows) == 8 and len(list((tmp_path / "records").glob("*.json"))) == 2
    heads = [row for row in rows if row["region"].startswith("two-layer-head")]
    assert heads and all(row["geometry"] == "nonconvex" and row["status"] == "INCONCLUSIVE" for row in heads)
    assert all("time allowed" in row["reason_of_search"] for row in heads)


def test_a_proof_says_which_tasks_it_is_of(tmp_path: Path) -> None:
    proof = tmp_path / "proof.gz"
    arguments = ["certify", "--family", "linear-body", "--inner-steps", "1", "2", "--gap", "0.3", "--seed", "3"]
    options = ["--proof", str(proof), "--out", str(tmp_path)]
    result = CliRunner().invoke(command, [*arguments, *options], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "the proof is of 2 tasks as drawn" in result.output and "not of their families" in result.output
    report = check_file(proof)
    assert report.valid and report.words.count("'linear-body, one task drawn with seed 3': alpha = ") == 2
    assert "N = 1" in report.words and "N = 2" in report.words and report.words.endswith("it says nothing.")


def test_tasks_that_have_no_place_in_a_proof_are_refused(tmp_path: Path) -> None:
    options = ["--proof", str(tmp_path / "proof.gz"), "--out", str(tmp_path)]
    result = CliRunner().invoke(command, ["certify", "--family", "separable", *options])
    assert result.exit_code == 2 and "separable" in result.output and not (tmp_path / "proof.gz").exists()


@pytest.mark.parametrize(
    ("name", "options"),
    [("family", {"family": "conv"}), ("radius", {"radius": 0.0}), ("gap", {"gap": 2.0}), ("seconds", {"seconds": 0.0})],
)
def test_bad_input_is_named(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameter) as error:
        BoxCell(**{"family": "softmax-head", "inner_steps": 1, **options})
    assert error.value.name == name


def test_every_family_on_a_ball_has_a_smallest_size() -> None:
    on_balls = {name: family for name, family in FAMILIES.items() if family.on_ball}
    assert set(on_balls) == {"softmax-head", "two-layer-head", "linear-body"}
    for family in on_balls.values():
        smallest, default = family.smallest(), family()
        assert smallest.n_w + smallest.n_phi < default.n_w + default.n_phi
