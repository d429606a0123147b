"""From losses and data to constants, verdicts and advice: what is known of the losses, and what goes wrong."""

import json
from collections import Counter
from functools import cache
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib as mpl
import numpy as np
import pytest

import anil_theory
from anil_theory._admissible import InvalidParameter
from anil_theory.constants import Knowledge
from anil_theory.estimators import Budget, NotFinite
from anil_theory.own_losses import LossStudy, StudyEffort, UnusableLoss, example, study_losses
from anil_theory.own_losses.admission import admit
from anil_theory.record import Record
from anil_theory.schedule import Schedule
from anil_theory.statements.population_rates import PopulationNumbers, PopulationRate
from anil_theory.verdict import RESTS_ON_ESTIMATES

FEW = StudyEffort(
    samples=40,
    steps=8,
    starts=2,
    iterations=20,
    blocks=Budget(pairs=4, points=2, lanczos_steps=4, starts=1, iterations=10),
    segments=8,
    short_run=40,
)


@cache
def proved() -> LossStudy:
    """The example of the command: n = 3, so that everything is certified."""
    losses = (example.support, example.query)
    return study_losses(losses, example.w, example.phi, example.data, **example.settings, outer_steps=10, effort=FEW)


@pytest.mark.slow
def test_three_parameters_end_with_confirmed_rows() -> None:
    study = proved()
    assert study.constants.known is Knowledge.CERTIFIED
    blocks = [row for row in study.rows if row.statement != "population"]
    assert Counter(row.outcome for row in blocks) == {"CONSISTENT": 4, "CONFIRMED": 4}
    enclosed = {row.block: row for row in blocks if row.direction == "upper"}
    for row in blocks:
        assert row.measured <= row.bounds["explicit"]
        # The cube holds the ball: what is proved of it is above whatever was found in the ball.
        assert row.measured <= enclosed[row.block].measured <= 1.3 * row.measured + 1e-12


def test_theorem_i_is_judged_by_certified_numbers() -> None:
    study = proved()
    rows = {row.block: row for row in study.rows if row.statement == "population"}
    assert {block: row.outcome for block, row in rows.items()} == dict.fromkeys(("weighted", "w", "phi"), "CONFIRMED")
    assert study.advice is not None and study.advice.population is not None
    own = study.advice.population
    assert own["known"] == own["gap_known"] == "certified" and own["why_not"] == ""
    # Settings for eps: fewer tasks than Theorem J asks for, and the bound of all K steps is eps in both blocks.
    assert own["fewer_tasks"] > 1
    numbers = PopulationNumbers(
        own["beta"] * own["curvature"], own["beta"] * own["second_moment"], own["local_gap"], Knowledge.CERTIFIED
    )
    schedule = Schedule(0.1, 1, own["beta"], own["beta"], own["batch"], own["outer_steps"])
    for row in ("w", "phi"):
        assert PopulationRate(numbers, schedule).bound(row).value <= study.advice.eps * (1 + 1e-9)
    shown = str(study)
    assert "Theorem I" in shown and "reach eps as long as the iterates stay in that box" in shown


def test_theorem_i_on_estimates_judges_nothing_and_says_so() -> None:
    study = declared()
    assert study.advice is not None and study.advice.population is not None
    own = study.advice.population
    assert own["known"] == "estimated" and "no certificates were tried" in own["why_not"]
    assert not [row for row in study.rows if row.statement == "population"]
    assert "(estimated: no certificates were tried at n_w + n_phi = 3)" in " ".join(str(study).split())


def test_what_a_point_shows_is_within_what_is_certified() -> None:
    for name, each in proved().audited.items():
        assert each.direction == "certified" and each.certified is not None
        # The audit and the search are apart by the gap that the search was given.
        low, high = sorted((each.extreme, each.certified))
        assert (low == each.certified) == (name == "mu")
        assert high <= 1.25 * low


def test_strong_convexity_comes_from_the_regulariser() -> None:
    """D_w^2 of a mean square is at least 0, so mu is at least 0.6, and exactly that where a feature is constant."""
    curvature = proved().audited["mu"]
    assert curvature.certified is not None and curvature.certified <= 0.6 <= curvature.extreme <= 0.61


def test_the_advice_works_beside_a_step_size_ten_times_off() -> None:
    advice = proved().advice
    assert advice is not None and advice.works
    ends = {label: run["loss"][-1] for label, run in advice.runs.items()}
    assert (
        ends["as advised"] < ends["ten times smaller"] < advice.runs["as advised"]["loss"][0] < ends["ten times larger"]
    )
    assert "the advised step size ends lowest" in advice.sentence
    assert advice.D0_direction == "declared"
    assert advice.guaranteed is not None and advice.guaranteed["anil"]["inner_steps"] >= 1


def test_a_study_prints_exports_and_shows_itself_in_a_notebook() -> None:
    study = proved()
    text = str(study)
    assert "7 CONFIRMED" in repr(study) and len(repr(study)) < 120
    assert "certified" in text and "no assumption fails along the run" in text
    assert all(len(line.rstrip()) <= 100 for line in text.splitlines())
    page = study._repr_html_()
    assert page.count("<table>") == 3 and "CONFIRMED" in page
    plain = json.loads(study.to_json())
    assert plain["constants"]["L"] == study.constants.L and plain["verdicts"] == study.verdicts
    record = study.record()
    assert Record.from_json(record.to_json()).to_json() == record.to_json()


def test_a_file_of_a_study_is_its_json(tmp_path: Any) -> None:
    proved().save(tmp_path / "study.json")
    assert json.loads((tmp_path / "study.json").read_text())["name"] == "example"


def test_html_of_a_hostile_name_is_text() -> None:
    from dataclasses import replace

    assert "<script>" not in replace(proved(), name="<script>alert(1)</script>")._repr_html_()


def test_a_figure_takes_axes_and_leaves_the_backend_alone() -> None:
    from matplotlib.figure import Figure

    before = mpl.rcParams["backend"]
    figure = proved().plot()
    assert len(figure.axes) == 3
    mine = Figure()
    axis = mine.subplots()
    assert proved().plot(axes=axis) is mine and len(axis.lines) == 4
    three = Figure().subplots(1, 3)
    assert proved().plot(axes=three) is three[0].figure
    with pytest.raises(InvalidParameter, match="axes"):
        proved().plot(axes=Figure().subplots(1, 2))
    assert mpl.rcParams["backend"] == before


FEATURES = {"x": jax.random.normal(jax.random.key(0), (3, 5, 2)), "y": jax.random.normal(jax.random.key(1), (3, 5))}


class Net(eqx.Module):
    """A linear head on features through a static activation."""

    body: jax.Array
    head: jax.Array
    activation: Any = eqx.field(static=True)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.activation(x @ self.body) @ self.head


def test_an_equinox_model_split_with_partition_works_as_it_is() -> None:
    net = Net(jnp.array([[0.5, -0.2], [0.1, 0.7]]), jnp.array([0.3, -0.4]), jnp.tanh)
    is_head = eqx.tree_at(lambda tree: tree.head, jax.tree.map(lambda _: False, net), True)
    w, phi = eqx.partition(net, is_head)

    def loss(w: Any, phi: Any, task: Any) -> Any:
        return jnp.mean((eqx.combine(w, phi)(task["x"]) - task["y"]) ** 2) / 2

    admitted = admit(loss, loss, w, phi, FEATURES)
    assert (admitted.n_w, admitted.n_phi) == (2, 4)
    task = admitted.tasks.task(1)
    assert np.isclose(admitted.tasks.query(jnp.zeros(2), jnp.zeros(4), task), loss(w, phi, task), rtol=1e-14)


@cache
def declared() -> LossStudy:
    """The example with a false L and a wide tau, and without certificates: what is not declared is estimated."""
    losses = (example.support, example.query)
    wrong = {"L": 1.0, "tau": 50.0}
    settings = {name: value for name, value in example.settings.items() if name != "query_infimum"}
    return anil_theory.study_losses(
        losses,
        example.w,
        example.phi,
        example.data,
        **settings,
        outer_steps=10,
        effort=FEW,
        constants=wrong,
        certify=False,
    )


def test_what_is_left_out_is_estimated_and_D0_too() -> None:
    study = declared()
    directions = {name: each.direction for name, each in study.audited.items()}
    assert directions == {"mu": "estimated", "L": "declared", "rho": "estimated", "tau": "declared", "M": "estimated"}
    assert all(each.certified is None for each in study.audited.values())
    advice = proved().advice
    assert study.advice is not None and advice is not None
    # The lowest query losses are above 0, so the gap to them is below the one to 0.
    assert 0 < study.advice.D0 < advice.D0 and study.advice.D0_direction == "estimated"
    assert "no certificates were tried" in study.advice.D0_reason


def test_a_false_declaration_is_refuted_and_is_the_first_failure() -> None:
    study = declared()
    by_block = {row.block: row for row in study.rows if row.statement == "assumptions"}
    assert by_block["L"].outcome == "REFUTED" and by_block["tau"].outcome == "CONSISTENT" and study.refuted
    assert study.first_failure is not None
    assert (study.first_failure["assumption"], study.first_failure["iteration"]) == ("A1: L-smoothness", 0)
    assert study.first_failure["inner_step"] == 0 and study.first_failure["declared"] == 1.0
    text = " ".join(str(study).split())
    assert "A1: L-smoothness fails first at outer step 0, at inner step 0" in text


def test_a_consistent_that_rests_on_estimates_says_so() -> None:
    study = declared()
    assert study.constants.known is Knowledge.ESTIMATED
    measured = [row for row in study.rows if row.check == "blocks"]
    assert measured and not {row.outcome for row in measured} & {"CONFIRMED", "REFUTED"}
    assert all(RESTS_ON_ESTIMATES in row.reason for row in measured if row.outcome == "CONSISTENT")
    assert "CONSISTENT rests on estimates" in " ".join(str(study).split())


def test_a_given_region_that_the_run_leaves_is_what_fails() -> None:
    losses = (example.support, example.query)
    study = study_losses(
        losses,
        example.w,
        example.phi,
        example.data,
        inner_steps=1,
        outer_steps=10,
        effort=FEW,
        region=0.05,
        certify=False,
    )
    assert study.first_failure is not None and study.first_failure["quantity"] == "norm"
    assert study.constants.region.radius == 0.05 and any("leaves the region" in note for note in study.notes)


def hinge(w: Any, phi: Any, task: Any) -> Any:
    return jnp.mean(jnp.maximum(0.0, 1 - task["y"] * (task["x"] @ phi) * w[0])) + 0.1 * w[0] ** 2


def test_a_kink_is_what_fails_and_nothing_is_judged() -> None:
    study = study_losses(hinge, [jnp.array(1.0)], jnp.array([1.0, 0.5]), FEATURES, outer_steps=5, effort=FEW)
    assert study.jump is not None and study.jump["assumption"] == "A1: L-smoothness"
    assert study.rows == () and study.advice is None
    text = " ".join(str(study).split())
    assert "not twice differentiable" in text and "`max` (made by test_study_losses.py" in text
    assert study.plot() is not None and "not twice" in study._repr_html_()


def test_what_is_no_setting_is_refused() -> None:
    losses = (example.support, example.query)
    for words, given in [
        ("constants", {"constants": {"beta": 1.0}}),
        ("mu", {"constants": {"mu": -1.0}}),
        ("region", {"region": 0.0}),
        ("accuracy", {"accuracy": 2.0}),
        ("inner_steps", {"inner_steps": 0}),
        ("seed", {"seed": -1}),
        ("losses", {}),
    ]:
        asked = 3 if words == "losses" else losses
        with pytest.raises(InvalidParameter, match=words):
            study_losses(asked, example.w, example.phi, example.data, effort=FEW, **given)  # pyright: ignore


def test_a_run_that_is_not_finite_names_its_outer_step() -> None:
    def steep(w: Any, phi: Any, task: Any) -> Any:
        return jnp.mean(jnp.exp(w[0] * task["y"]) + phi[0] ** 4)

    with pytest.raises(NotFinite, match="is not finite from outer step 1 on"):
        study_losses(
            steep, [jnp.array(1.0)], jnp.array([30.0]), FEATURES, beta_w=1e9, beta_phi=1e9, outer_steps=5, effort=FEW
        )


def test_a_constant_that_is_0_in_the_whole_region_is_named() -> None:
    """M = 0: the query loss depends on nothing. L is 1, and rho = 0 is no fault."""

    def support(w: Any, phi: Any, data: Any) -> Any:
        return 0.5 * (w - data) ** 2 + 0.5 * phi**2

    def query(w: Any, phi: Any, data: Any) -> Any:
        return 0.0 * (w + phi + data)

    with pytest.raises(UnusableLoss, match=r"cannot be measured: M is 0 in the region$"):
        study_losses((support, query), 0.5, 0.5, np.array([0.0, 1.0]), outer_steps=2, effort=FEW)
