"""How often an accepted extrapolation interval of `estimators.extremes` covers the certified maximum.

Random constants that the rule was not chosen on, two geometries, two outer losses of the separable family with N = 1
and 5, and the cosine family at N = 1, whose maximum alpha rho M is known in closed form. For each block the norms at
random points of random tasks are extrapolated, and the interval is compared with the certified enclosure of the maximum
over the same tasks and the same ball. An interval covers when it has a point in common with the enclosure.

    python experiments/extremes_coverage.py --draws 12 --out results/extremes_coverage.json
"""

import argparse
import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import jax
import numpy as np

from anil_theory import enable_float64
from anil_theory.certify import certify_blocks
from anil_theory.constants import Constants, Region
from anil_theory.estimators.extremes import Extrapolation, extrapolate_supremum, sample_block_norms
from anil_theory.schedule import Schedule
from anil_theory.tasks import SeparableFamily
from anil_theory.tasks.cosine import CosineFamily

STREAM = 20_261_127
"""The random stream of the constants: held out, no rule of `extremes` was chosen on it."""

LONGEST, TASKS, RADIUS, GAP = 5, 2, 4.0, 0.01


@dataclass(frozen=True)
class Comparison:
    """One block: its setting, the certified enclosure, and what the extrapolation said."""

    family: str
    geometry: str
    inner_steps: int
    block: str
    draw: int
    lower: float
    upper: float
    low: float | None
    high: float | None
    refused: str

    @property
    def accepted(self) -> bool:
        return self.low is not None

    @property
    def place(self) -> str:
        """Where the interval lies: "covers", "above" or "below" the enclosure."""
        if self.low is None or self.high is None:
            return "refused"
        if self.low > self.upper:
            return "above"
        return "below" if self.high < self.lower else "covers"


def random_constants(draw: int, convex: bool) -> Constants:
    """L = M = 1; mu, rho and tau over a decade and more."""
    generator = np.random.default_rng([STREAM, draw])
    mu, tau = generator.uniform(0.05, 0.9), generator.uniform(0.05, 1.5)
    rho = 10 ** generator.uniform(-1, 0.5)
    return Constants(mu if convex else None, 1.0, rho, tau, 1.0)


def schedule_of(constants: Constants, inner_steps: int) -> Schedule:
    if constants.mu is not None:
        return Schedule.strongly_convex(constants, inner_steps)
    return Schedule.nonconvex(constants, inner_steps, c=0.7)


def compared(setting: tuple[str, Constants, int, str, int], enclosure: tuple[float, float], found: Extrapolation):
    family, constants, inner_steps, block, draw = setting
    geometry = constants.geometry.value
    return Comparison(family, geometry, inner_steps, block, draw, *enclosure, found.low, found.high, found.refused)


def of_separable(query: str, constants: Constants, inner_steps: int, draw: int, samples: int) -> Iterator[Comparison]:
    """Every block of one setting, beside its certificate over the ball."""
    family = SeparableFamily(constants, 1, 1, query=query)
    tasks = family.sample(jax.random.key(draw), TASKS)
    schedule = schedule_of(constants, inner_steps)
    region = Region(RADIUS * family.length_scale)
    certificates = certify_blocks(family, tasks, schedule, region=region, gap=GAP)
    for block, certificate in certificates.items():
        norms = sample_block_norms(
            family,
            tasks,
            schedule,
            block=block,
            samples=samples,
            seed=draw,
            region=region,
            max_inner_steps=LONGEST,
        )
        found = extrapolate_supremum(norms, seed=draw)
        setting = (f"separable, {query}", constants, inner_steps, block, draw)
        yield compared(setting, (certificate.lower, certificate.upper), found)


def of_cosine(constants: Constants, draw: int, samples: int) -> Iterator[Comparison]:
    """The w, w block at N = 1, whose maximum over a period is alpha rho M."""
    family, schedule = CosineFamily(constants), schedule_of(constants, 1)
    tasks = family.sample(jax.random.key(draw), 1)
    norms = sample_block_norms(family, tasks, schedule, samples=samples, seed=draw, max_inner_steps=LONGEST)
    exact = schedule.one_alpha * constants.rho * constants.M
    enclosure = (exact * (1 - 1e-12), exact * (1 + 1e-12))
    yield compared(("cosine", constants, 1, "ww", draw), enclosure, extrapolate_supremum(norms, seed=draw))


def comparisons(draws: int, samples: int, first: int = 0) -> Iterator[Comparison]:
    """All settings of the given number of draws of constants."""
    for draw in range(first, first + draws):
        for convex in (True, False):
            constants = random_constants(draw, convex)
            for inner_steps in (1, LONGEST):
                for query in ("sine", "log-cosh"):
                    yield from of_separable(query, constants, inner_steps, draw, samples)
            yield from of_cosine(constants, draw, samples)


def counts(rows: list[Comparison]) -> dict[str, int]:
    """How many blocks, how many accepted, and where the accepted intervals lie."""
    places = [row.place for row in rows]
    found = {"blocks": len(rows), "accepted": sum(row.accepted for row in rows)}
    return found | {place: places.count(place) for place in ("covers", "above", "below")}


def lower_end(covers: int, accepted: int, level: float = 0.95) -> float:
    """The exact (Clopper-Pearson) lower confidence limit of a coverage."""
    from scipy import stats

    return float(stats.beta.ppf(1 - level, covers, accepted - covers + 1)) if covers else 0.0


def print_table(rows: list[Comparison]) -> None:
    groups: dict[str, list[Comparison]] = {}
    for row in rows:
        groups.setdefault(f"{row.family}, {row.geometry}, N = {row.inner_steps}", []).append(row)
    print(f"{'setting':46s} {'blocks':>7s} {'accepted':>9s} {'covers':>7s} {'above':>6s} {'below':>6s} {'share':>6s}")
    for name, members in [*groups.items(), ("all", rows)]:
        found = counts(members)
        share = found["covers"] / found["accepted"] if found["accepted"] else math.nan
        numbers = f"{found['blocks']:7d} {found['accepted']:9d} {found['covers']:7d} {found['above']:6d}"
        print(f"{name:46s} {numbers} {found['below']:6d} {share:6.2f}")


def main() -> None:
    enable_float64()
    parser = argparse.ArgumentParser(description="coverage of extrapolated suprema")
    parser.add_argument("--draws", type=int, default=12, help="draws of constants")
    parser.add_argument("--first", type=int, default=0, help="the first draw")
    parser.add_argument("--samples", type=int, default=1000, help="random points per block")
    parser.add_argument("--out", type=Path, default=Path("results/extremes_coverage.json"))
    options = parser.parse_args()
    rows = list(comparisons(options.draws, options.samples, options.first))
    print_table(rows)
    total = counts(rows)
    limit = lower_end(total["covers"], total["accepted"])
    print(f"at least {100 * limit:.1f} % of accepted intervals cover, with 95 % confidence")
    settings = {"draws": options.draws, "first": options.first, "samples": options.samples, "stream": STREAM}
    report = {"settings": settings, "total": total, "at_least": limit, "rows": [asdict(row) for row in rows]}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
