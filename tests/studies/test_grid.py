"""Grids cover what they say, share compilations, and refuse impossible settings before any work."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anil_theory import Constants, Geometry, InvalidParameter, Schedule
from anil_theory.statements import STATEMENTS
from anil_theory.statements.base import ANIL
from anil_theory.studies.verify.cells import Cell, Regime
from anil_theory.studies.verify.grid import SAMPLED, WITNESSES, cells_of, grid_cells, quick_statements
from anil_theory.studies.verify.settings import Axes, VerifySettings
from anil_theory.study.empty_grid import EmptyGrid


@pytest.mark.parametrize("quick", [True, False])
def test_the_default_grid_covers_what_the_documentation_says(quick: bool) -> None:
    covered = quick_statements() if quick else tuple(STATEMENTS)
    cells = cells_of(VerifySettings(quick=quick))
    assert {c.statement for c in cells} == set(covered)
    assert {c.geometry for c in cells} == set(Geometry)
    blocks = [c for c in cells if c.measurement == "blocks"]
    assert {c.regime for c in blocks} == set(Regime)
    assert {1, 30} <= {c.schedule.inner_steps for c in blocks}
    attained = {(c.geometry, c.schedule.inner_steps) for c in cells if c.measurement == "attained"}
    assert {(g, n) for g in Geometry for n in (1, 2, 5, 10, 30)} <= attained
    if not quick:
        assert {2, 50} <= {c.n_w for c in blocks}
        assert len({(c.constants.mu, c.constants.rho, c.constants.tau) for c in blocks}) >= 6
    # Theorem I has three small shapes of its own: random tasks, and both populations that attain it.
    assert len({c.compiled_shape for c in cells if c.statement == "population"}) == (0 if quick else 3)
    others = [c for c in cells if c.statement != "population"]
    of_paper = {c.compiled_shape for c in others if STATEMENTS[c.statement].paper == ANIL}
    assert len(of_paper) <= (4 if quick else 21), "few shapes, so few compilations"
    further = {c.compiled_shape for c in cells} - of_paper
    # Of each of the eleven statements: random tasks, the task that attains it, and for some of them enclosures.
    assert len(further) <= 25


@given(
    st.lists(st.floats(0.01, 0.9), min_size=1, max_size=3, unique=True),
    st.lists(st.integers(1, 50), min_size=1, max_size=3, unique=True),
    st.lists(st.floats(0.0, 2.0), min_size=1, max_size=2, unique=True),
)
def test_a_grid_is_the_product_of_its_axes(mu: list[float], steps: list[int], tau: list[float]) -> None:
    axes = Axes(mu=tuple(mu), inner_steps=tuple(steps), tau=tuple(tau), family=SAMPLED)
    cells = grid_cells(axes, ("prop2", "prop3"))
    convex = [c for c in cells if c.statement == "prop2"]
    assert len(convex) == len(mu) * len(steps) * len(tau)
    assert len(cells) - len(convex) == 2 * len(steps) * len(tau)  # fixed alpha, and c/(N L)
    assert {c.max_inner_steps for c in cells} == {max(steps)}
    for c in cells:
        if c.regime is Regime.SCALED:
            assert c.schedule.total_step(c.constants.L) == pytest.approx(0.7)


def test_dimensions_are_paired() -> None:
    assert Axes(n_w=(2, 10), n_phi=(3,)).shapes == ((2, 3), (10, 3))
    assert Axes(n_w=(2, 10), n_phi=(3, 4)).shapes == ((2, 3), (10, 4))
    with pytest.raises(InvalidParameter, match="n_phi must be one value or as many as n_w"):
        _ = Axes(n_w=(1, 2), n_phi=(1, 2, 3)).shapes


def test_the_extremal_task_is_left_out_where_it_does_not_exist() -> None:
    nowhere = (
        (Axes(rho=(0.0,), tau=(0.0,)), ("prop2", "prop3")),
        (Axes(mu=(0.5,), alpha=(2.0,), inner_steps=(1,)), ("prop2",)),
    )
    for axes, statements in nowhere:
        with pytest.raises(EmptyGrid, match=r"the grid has no cell: .*no task of extremal exists there"):
            grid_cells(replace(axes, family=WITNESSES), statements)
        both = grid_cells(axes, statements)
        assert {cell.family for cell in both} == set(SAMPLED)
    cells = grid_cells(Axes(mu=(0.5,), inner_steps=(1, 2), family=WITNESSES), ("prop2",))
    assert [cell.measurement for cell in cells] == ["attained", "attained"]


def test_an_impossible_cell_is_refused_on_construction() -> None:
    constants = Constants(0.5, 1.0, 0.0, 1.0, 1.0)
    with pytest.raises(InvalidParameter, match="tau must be 0 when rho = 0"):
        Cell("blocks", "prop2", constants, Schedule(0.1, 1), Regime.FIXED)
    good = Constants(0.5, 1.0, 1.0, 1.0, 1.0)
    with pytest.raises(InvalidParameter, match="max_inner_steps must be at least N = 3"):
        Cell("blocks", "prop2", good, Schedule(0.1, 3), Regime.FIXED, max_inner_steps=2)
    with pytest.raises(InvalidParameter, match="statement must be one of"):
        grid_cells(Axes(), ("thm9",))


def test_papers_choose_statements_and_an_unknown_one_is_refused() -> None:
    chosen = {cell.statement for cell in cells_of(VerifySettings(paper=("fo-maml",)))}
    assert chosen == {name for name, statement in STATEMENTS.items() if statement.paper == "fo-maml"} != set()
    assert {STATEMENTS[c.statement].paper for c in cells_of(VerifySettings(paper=(ANIL,)))} == {ANIL}
    with pytest.raises(InvalidParameter, match=r"paper must be one of .anil., .fo-maml."):
        cells_of(VerifySettings(paper=("nobody",)))
    with pytest.raises(InvalidParameter, match="paper must be of one of the statements prop2"):
        cells_of(VerifySettings(statements=("prop2",), paper=("fo-maml",)))


def test_batches_without_replacement_are_drawn_from_the_tasks_of_a_cell() -> None:
    axes = Axes(rho=(0.0,), tau=(0.0,), batch=(2,), population=(3,), measurements=("first-order-rate",))
    standing = replace(axes, family=("first-order-floor",))
    cells = grid_cells(standing, ("fo_descent_convex", "fo_descent_nonconvex"))
    assert cells and {(c.schedule.population, c.schedule.batch, c.tasks) for c in cells} == {(3, 2, 3)}
    with pytest.raises(InvalidParameter, match="batch must be at most T = 3"):
        grid_cells(replace(standing, batch=(4,)))
