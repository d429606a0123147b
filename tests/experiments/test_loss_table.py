"""The table of ordinary losses: what it says is what a search gives, and no bound is below a difference quotient."""

import math
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory.algorithm import meta_gradient
from anil_theory.certify import Certificate, NoEnclosure
from anil_theory.tasks.base import Losses
from experiments import loss_table
from experiments.loss_table import BLOCKS, BOX, FEW_BOXES, SCHEDULE, certificates, committed, row
from experiments.loss_zoo import DATA, ZOO, ZooLoss

NAMES = [item.name for item in ZOO]
ITEMS = dict(zip(NAMES, ZOO, strict=True))
QUICK = ("hard_sigmoid", "identity")
"""Of which a whole row takes a second or two."""

ROUNDING = 1e-6
"""Relative: quotients over distances of 1e-4 and more lose that much."""


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("|")[1:-1]]


def quotients(item: ZooLoss, pairs: int = 300) -> dict[str, float]:
    """The largest difference quotients of the package's own meta-gradient, block by block, at near and far pairs."""
    n_w, generator = item.n_w, np.random.default_rng(0)
    losses, data = Losses(item.loss, item.loss), jax.tree.map(jnp.asarray, DATA)

    def field(z: Any) -> Any:
        found = meta_gradient(losses, z[:n_w], z[n_w:], data, alpha=SCHEDULE.alpha, inner_steps=SCHEDULE.inner_steps)
        return jnp.concatenate(list(found))

    evaluate = jax.jit(jax.vmap(field))
    here = generator.uniform(*BOX, (pairs, 3))
    steps = generator.standard_normal((pairs, 3)) * 10 ** generator.uniform(-4, 0, (pairs, 1))
    at = {"w": slice(0, n_w), "phi": slice(n_w, 3)}
    values, largest = np.asarray(evaluate(here)), {}
    for block in BLOCKS:
        x, y = ("w", "phi") if block == "wphi" else (block[: len(block) // 2],) * 2
        moved = here.copy()
        moved[:, at[y]] = np.clip(here[:, at[y]] + steps[:, at[y]], -1, 1)
        change = np.linalg.norm((np.asarray(evaluate(moved)) - values)[:, at[x]], axis=1)
        distance = np.linalg.norm(moved - here, axis=1)
        known = (distance > 1e-5) & np.isfinite(change)
        largest[block] = float(np.max(change[known] / distance[known]))
    return largest


def wrong(item: ZooLoss, found: dict[str, Certificate]) -> list[str]:
    """The blocks whose upper bound is below a difference quotient."""
    measured = quotients(item)
    return [b for b in BLOCKS if measured[b] > found[b].upper * (1 + ROUNDING) + ROUNDING]


@pytest.mark.parametrize("name", NAMES)
def test_a_row_says_what_a_short_search_finds_and_is_not_wrong(name: str) -> None:
    item, line = ITEMS[name], cells(committed()[name])
    try:
        found = certificates(item, max_boxes=FEW_BOXES)
    except NoEnclosure as error:
        assert line[2:5] == ["REFUSED", "no", "no"] and line[6] == str(error)
        return
    assert line[2] != "REFUSED"
    if all(c.upper < math.inf for c in found.values()):
        assert line[3] == "yes"
    assert wrong(item, found) == []


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n in QUICK else pytest.mark.slow) for n in NAMES])
def test_a_whole_row_is_produced_again_and_is_not_wrong(name: str) -> None:
    """A minute a loss: all that does not depend on the time; the width only where the search closed."""
    item, line = ITEMS[name], cells(committed()[name])
    again = cells(row(item, **loss_table.BUDGET).markdown)
    assert again[:5] == line[:5] and again[6] == line[6]
    if again[4] == "yes":
        assert again[5] == line[5]
    if again[2] != "REFUSED":
        assert wrong(item, certificates(item, **loss_table.BUDGET)) == []


def test_the_table_has_every_loss_once_and_most_are_enclosed() -> None:
    lines = committed()
    assert sorted(lines) == sorted(NAMES) and len(set(NAMES)) == len(NAMES) >= 60
    smooth = [cells(lines[item.name]) for item in ZOO if item.smooth]
    assert sum(line[3] == "yes" for line in smooth) >= 50
    assert sum(line[4] == "yes" for line in smooth) >= 35


@pytest.fixture
def halved(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Certificates at half of what they are."""
    from anil_theory.certify import general_blocks

    right = general_blocks.norms_above
    monkeypatch.setattr(general_blocks, "norms_above", lambda block: right(block) / 2)
    yield


@pytest.mark.usefixtures("halved")
def test_bounds_that_are_too_small_are_found_out() -> None:
    for name in ("softplus", "sigmoid", "average pooling"):
        assert wrong(ITEMS[name], certificates(ITEMS[name], seconds=10))
