"""Table 1, measured: the terms of the rates with measured constants and gradient sizes in place of the bounds."""

from collections.abc import Callable, Mapping, Sequence

from anil_theory.constants import Constants
from anil_theory.estimators.base import Direction, Estimate, leading_kind
from anil_theory.estimators.block_lipschitz import blocks_of_problem, blocks_together, largest
from anil_theory.estimators.gradient_size import measure_gradient_size
from anil_theory.estimators.measurement import Case, Effort, Found, Measurement
from anil_theory.problem import Problem
from anil_theory.schedule import Schedule
from anil_theory.statements import Kind
from anil_theory.statements.contraction import step_margin
from anil_theory.statements.rates import ingredients


def contracts(constants: Constants, schedule: Schedule) -> bool:
    """Whether there is a contraction factor, without which there are no rates and no limits of outer step sizes."""
    return constants.mu is None or step_margin(schedule.one_alpha, constants.L) >= 0


def measure_terms(problem: Problem, schedule: Schedule, effort: Effort) -> Found:
    """The terms of Table 1 per unit of D0, at c = 1, with measured constants and gradient sizes in place of the bounds.

    The decay terms grow with the block constants, so lower estimates of those give lower estimates of them. The noise
    terms hold the ratio of the two smoothness constants, which a measurement from below does not bound: the ratio is
    taken from the bounds (the smaller of explicit and refined), and the gradient sizes are what is measured.
    """
    return _terms_of(blocks_of_problem(problem, schedule, effort), Case(problem, schedule), effort)


def terms_together(cases: Sequence[Case], effort: Effort) -> list[Callable[[], Found]]:
    """`measure_terms` of cases of one shape and one N; their blocks are measured together."""
    measured = blocks_together(cases, effort)
    return [
        lambda blocks=blocks, case=case: _terms_of(blocks(), case, effort)
        for blocks, case in zip(measured, cases, strict=True)
    ]


def _terms_of(blocks: Mapping[str, dict[str, Estimate]], case: Case, effort: Effort) -> Found:
    problem, schedule = case
    best = {block: largest(by_method) for block, by_method in blocks.items()}
    sizes = measure_gradient_size(
        problem, problem.tasks, schedule, seed=effort.seed, max_inner_steps=effort.max_inner_steps
    )
    cross = min((best["wphi"], best["phiw"]), key=lambda e: e.value)
    w, phi = (sizes[block].value ** 2 for block in ("w", "phi"))
    geometry = problem.constants.geometry
    ratios = []
    for kind in (Kind.EXPLICIT, Kind.REFINED):
        lam_w, lam_phi = ingredients(problem.constants, schedule, geometry, kind).smoothness(1.0)
        ratios.append(float(lam_w / lam_phi))
    values = {
        "w_decay": 2 * (best["ww"].value + cross.value),
        "w_noise": w + min(ratios) * phi,
        "phi_decay": 2 * (best["phiphi"].value + cross.value),
        "phi_noise": phi + min(1 / r for r in ratios) * w,
    }
    measured = [*best.values(), *sizes.values()]
    relative = max(e.rounding / e.value for e in measured if e.value > 0)
    kind = leading_kind(e.rounding_kind for e in measured)
    dropped = [e for e in measured if e.dropped]
    return {
        f"rate_term/{name}": Estimate(
            f"rate_term/{name}",
            value,
            Direction.LOWER,
            method="points",
            # The largest of the relative roundings, four times: a term holds at most two products of two such numbers.
            rounding=4 * relative * value,
            rounding_kind=kind,
            dropped=sum(e.dropped for e in dropped),
            first_dropped=dropped[0].first_dropped if dropped else "",
            samples=best["ww"].samples,
            seed=effort.seed,
        )
        for name, value in values.items()
    }


def _without_rates(problem: Problem, schedule: Schedule) -> str:
    return "" if contracts(problem.constants, schedule) else "alpha > 1/L leaves no contraction factor"


MEASUREMENT = Measurement(
    name="terms",
    quantities=("rate_term/",),
    direction=Direction.LOWER,
    measure=measure_terms,
    refusal=_without_rates,
    needs_phi=True,
    costly=True,
    # The decay terms are proportional to D0, on both sides.
    units={"D0": 1.0},
    together=terms_together,
)
