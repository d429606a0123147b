"""The page in headless Chromium: its scripts run, the table narrows, and the formulas give the numbers of Python."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anil_theory import Constants, Kind, Schedule, load_results
from anil_theory.results.page import page_of
from anil_theory.statements import BLOCKS, STATEMENTS
from anil_theory.statements.plans import Question, plan, recommended_plan
from tests.results.page.browser import run, text_of, with_script
from tests.results.small_results import block_record, counted_record, keep

pytest.importorskip("jinja2")

SETTINGS = 1000
PLANS = 40
MOST = 48
"""Settings whose recommended N is searched, and how far: the search of Python takes most of the time."""

TOLERANCE = 1e-9
"""Relative: some 1,000 roundings in sums of 1,000 terms, of either side."""

LARGE = 1e280
"""Beyond it a product of JavaScript may overflow on the way to a number that does not."""

HUGE = 10**300
"""Beyond it an integer of Python is no number of JavaScript."""

SQUARED = 1e100
"""The same for plans, which hold squares of the sizes of gradients."""


def settings() -> Iterator[dict[str, Any]]:
    """Random admissible settings of both geometries, constants that are 0 and steps of the paper among them."""
    generator = np.random.default_rng(0)

    def spread(low: float, high: float) -> float:
        return float(np.exp(generator.uniform(np.log(low), np.log(high))))

    for index in range(SETTINGS):
        L = spread(0.1, 10)
        mu = None if index % 2 else L * spread(1e-3, 1)
        rho, tau = (0.0 if generator.random() < 0.1 else spread(0.01, 10) for _ in range(2))
        N = round(spread(1, 1000))
        alpha = None if generator.random() < 0.4 else spread(1e-3, 1) / L
        c = spread(0.1, 5)
        chosen = {"mu": mu, "L": L, "rho": rho, "tau": tau, "M": spread(0.1, 10), "alpha": alpha, "c": c, "N": N}
        yield {**chosen, "eps": spread(1e-3, 1), "D0": spread(0.1, 10)}


def question_of(setting: dict[str, Any]) -> Question:
    """The same question in Python."""
    constants = Constants(*(setting[name] for name in ("mu", "L", "rho", "tau", "M")))
    asked = {name: setting[name] for name in ("eps", "D0", "alpha")}
    return Question(constants, **asked, inner_total=setting["c"])


def expected(setting: dict[str, Any]) -> dict[str, dict[str, float]]:
    """The bounds of Python by kind and block."""
    question = question_of(setting)
    schedule = Schedule(question.inner_step(setting["N"]), setting["N"])
    statement = STATEMENTS["prop3" if setting["mu"] is None else "prop2"]
    return {
        kind.value: {
            block: statement.select(kind, block)[0].evaluate(question.constants, schedule).value for block in BLOCKS
        }
        for kind in (Kind.SHARP, Kind.REFINED, Kind.EXPLICIT, Kind.ORDER)
    }


SCRIPT = """
const asked = %s;
const text = (number) => (Number.isFinite(number) ? number : String(number));
const answers = asked.map((setting) => {
  const bounds = {};
  for (const kind of KINDS) {
    bounds[kind] = {};
    const found = blockBounds(at(setting, setting.N), kind);
    for (const block of BLOCKS) bounds[kind][block] = text(found[block]);
  }
  const here = planAt(setting, setting.N);
  return { bounds, plan: { B: text(here.B), K: text(here.K), cost: text(here.cost) } };
});
const cheapest = asked.slice(0, %d).map((setting) => {
  const best = cheapestPlan(setting, %d);
  return [best.N, text(best.cost)];
});
document.getElementById("answer").textContent = JSON.stringify({ answers, cheapest });
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = keep(tmp_path_factory.mktemp("run"), *(block_record(N) for N in (1, 3)), counted_record())
    return page_of(load_results(folder))


def opened(folder: Path, page: str, script: str, *options: str) -> Any:
    path = folder / "page.html"
    path.write_text(with_script(page, script))
    return json.loads(text_of(run(folder / "profile", path, "--dump-dom", *options), "answer"))


def close(here: Any, there: float, large: float = LARGE) -> bool:
    """Equal up to rounding, which for an integer below 1e9 means equal; both beyond `large`, where one overflowed."""
    number = float(here)
    if math.isinf(number) or there > HUGE:
        return min(number, there) > large
    return math.isclose(number, there, rel_tol=TOLERANCE, abs_tol=1e-290)


def test_bounds_plans_and_the_recommended_steps_are_those_of_python(page: str, tmp_path: Path) -> None:
    asked = list(settings())
    found = opened(tmp_path, page, SCRIPT % (json.dumps(asked), PLANS, MOST))
    assert len(found["answers"]) == SETTINGS
    for setting, answer in zip(asked, found["answers"], strict=True):
        for kind, blocks in expected(setting).items():
            for block, there in blocks.items():
                here = answer["bounds"][kind][block]
                assert close(here, there), f"{kind} {block} at {setting}: {here} in the page, {there} in Python"
        there = plan(question_of(setting), setting["N"])
        for name, number in (("B", there.schedule.batch), ("K", there.schedule.outer_steps), ("cost", there.cost)):
            assert close(answer["plan"][name], number, SQUARED), f"{name} at {setting}"
    for setting, (N, cost) in zip(asked[:PLANS], found["cheapest"], strict=True):
        best = recommended_plan(question_of(setting), MOST)
        assert close(cost, best.cost, SQUARED), f"cost at {setting}"
        # Costs that are equal up to rounding may be the smallest at another N.
        assert close(cost, plan(question_of(setting), N).cost, SQUARED), f"N = {N} at {setting}"


MOVED = """
const field = (name) => document.querySelector(`#explorer [name="${name}"]`);
const cell = () => document.querySelector('#explorer td[data-block="ww"][data-kind="sharp"]').textContent;
const curve = () => document.querySelector('#explorer svg[data-block="phiphi"] .explicit').getAttribute("points");
const before = [cell(), curve()];
field("N").value = 2;
field("N").dispatchEvent(new Event("input", { bubbles: true }));
const form = document.getElementById("filter");
setTimeout(() => {
  form.elements.statement.value = "prop2";
  form.elements.words.value = "n=3";
  form.dispatchEvent(new Event("input", { bubbles: true }));
  const answer = {
    before, after: [cell(), curve()], shown: document.getElementById("shown").textContent,
    plan: document.querySelector(".plan").dataset.recommended,
    wide: document.documentElement.scrollWidth - window.innerWidth,
    math: document.querySelector(".formula math").getBoundingClientRect().width,
    ink: getComputedStyle(document.body).color, paper: getComputedStyle(document.body).backgroundColor,
  };
  document.getElementById("answer").textContent = JSON.stringify(answer);
}, 500);
"""


def test_sliders_redraw_and_the_table_narrows(page: str, tmp_path: Path) -> None:
    found = opened(tmp_path, page, MOVED)
    assert found["before"][0] == "1.691" and found["after"][0] != "1.691", "N = 10, then N = 100"
    assert found["before"][1] == found["after"][1], "the curves are over all N"
    assert found["shown"] == "1 of 14 rows" and found["plan"] == "1" and found["math"] > 20


@pytest.mark.parametrize("width", [390, 1200])
def test_nothing_is_wider_than_the_screen(page: str, tmp_path: Path, width: int) -> None:
    # A headless window is at least 500 wide: a narrower screen is a frame.
    inner = tmp_path / "inner.html"
    inner.write_text(page)
    frame = f'<iframe id="f" width="{width}" height="900" src="{inner.as_uri()}"></iframe>'
    script = """
    window.onload = () => { const d = document.getElementById("f").contentDocument;
      document.getElementById("answer").textContent = JSON.stringify(d.documentElement.scrollWidth); };
    """
    path = tmp_path / "outer.html"
    path.write_text(with_script(f"<!doctype html><body>{frame}</body>", script))
    dom = run(tmp_path / "profile", path, "--dump-dom", "--allow-file-access-from-files", "--window-size=1400,1000")
    assert json.loads(text_of(dom, "answer")) <= width


def test_dark_screens_get_a_dark_page(page: str, tmp_path: Path) -> None:
    light = opened(tmp_path, page, MOVED)
    dark = opened(tmp_path, page, MOVED, "--blink-settings=preferredColorScheme=0")
    assert light["paper"] == "rgb(255, 255, 255)" and dark["paper"] == "rgb(20, 24, 29)"
    assert light["ink"] != dark["ink"]
