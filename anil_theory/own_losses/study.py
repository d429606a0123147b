"""`study_losses`: from losses, a start and data to constants, verdicts and advice, in one call."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from anil_theory._admissible import InvalidParameter, count, positive, real, within
from anil_theory._admissible import seed as admissible_seed
from anil_theory.checks.rows import Measured, Row, row_of
from anil_theory.constants import Constants, Knowledge
from anil_theory.estimators.constants_audit import CURVATURE_RANGE
from anil_theory.falsifier import Evidence
from anil_theory.own_losses.admission import Admitted, admit
from anil_theory.own_losses.advising import advise_own
from anil_theory.own_losses.auditing import Audit, audit
from anil_theory.own_losses.blocks import study_blocks
from anil_theory.own_losses.declaring import admitted_declarations, doubts
from anil_theory.own_losses.effort import CERTIFIED, MOST_TASKS, StudyEffort
from anil_theory.own_losses.failing import (
    along_the_run,
    describe_failure,
    describe_jump,
    first_of,
    look_for_jump,
    require_finite,
)
from anil_theory.own_losses.following import Followed, follow, problem_on
from anil_theory.own_losses.hypergradients import study_hypergradients
from anil_theory.own_losses.result import LossStudy
from anil_theory.problem import Loss, Losses, TaskSet
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS


def study_losses(
    losses: Losses | tuple[Loss, Loss] | Loss,
    w: PyTree,
    phi: PyTree,
    data: PyTree,
    *,
    name: str = "own losses",
    constants: Mapping[str, float] | Constants | None = None,
    region: float | None = None,
    alpha: float | None = None,
    inner_steps: int = 5,
    lam: float | None = None,
    beta_w: float | None = None,
    beta_phi: float | None = None,
    batch: int | None = None,
    outer_steps: int = 40,
    query_infimum: float | None = None,
    accuracy: float = 0.1,
    eps: float | None = None,
    certify: bool | None = None,
    pad: bool = False,
    effort: StudyEffort | None = None,
    seed: int = 0,
    on_progress: Callable[[str], None] = lambda stage: None,
) -> LossStudy:
    """What the convergence theory of ANIL says about losses of one's own: constants, verdicts and advice.

    A training run finds the region, a ball about the start. The audit finds mu, L, rho, tau and M on it. The blocks of
    the meta-gradient are measured and compared with the bounds at those constants. The first failure of an assumption
    is named. Settings are advised and tried. Only small problems are studied with matrices.

    losses      (support, query), or one loss for both: `loss(w, phi, data) -> scalar`, with the data of one task;
    w, phi      where training starts, as trees of floats. An equinox model split with `equinox.partition` is one;
    data        the tasks, with one leading axis over them in every leaf; a list with one tree per task; or a TaskSet;
    pad         whether tasks of unequal sizes are padded: data are a list then, and the losses get the examples of a
                task as `task.examples` and which of them are there as `task.mask`, for `masked_mean`;
    constants   what you declare of mu, L, rho, tau, M; what is left out is certified or estimated;
    region      radius of the ball about the start on which constants are audited; left out: what the run needs;
    alpha, inner_steps, beta_w, beta_phi, batch, outer_steps   of the run. alpha left out: 1/L for the run, and the
                paper's (mu/L^2, or 0.7/(N L)) where bounds are judged;
    lam         weight of iMAML's proximal term lam/2 |w - w_0|^2; with certify=True and one entry of w the errors and
                the curvature of its gradient are certified too (statement F);
    query_infimum   a number below which no query loss falls; left out, D0 is estimated;
    accuracy    eps of the advice, as a share of the squared meta-gradient at the start; or eps itself;
    certify     whether constants and blocks are certified; left out: where n_w + n_phi is at most 3. Asked for with
                True, hypergradients are certified too, where L_S is strongly convex and n_w + n_phi is at most 3;
    effort      how hard to search; left out: what suits the size;
    on_progress called with what is done next, in words.

    Raises InvalidParameter for parameters, data and settings outside their sets, UnusableLoss for losses that cannot be
    studied, and NotFinite where the run, a constant, or a loss at a point of the ball is not finite. A loss with a kink
    is no error: `first_failure` and `jump` of the result say where, and there are no verdicts then.
    """
    started = time.perf_counter()
    support, query = _pair(losses)
    declared = admitted_declarations(constants)
    admissible_seed("seed", seed)
    count("inner_steps", inner_steps)
    within("accuracy", accuracy, 1e-12, 1.0, "in (0, 1]")
    chosen_eps = None if eps is None else positive("eps", eps)
    weight = None if lam is None else positive("lam", lam)
    infimum = None if query_infimum is None else real("query_infimum", query_infimum)
    on_progress("tracing the losses")
    admitted = _thinned(admit(support, query, w, phi, data, pad=pad))
    n = admitted.n_w + admitted.n_phi
    work = StudyEffort.suiting(n) if effort is None else effort
    on_progress("following a training run")
    run = follow(
        admitted,
        name=name,
        alpha=alpha,
        inner_steps=inner_steps,
        beta=(beta_w, beta_phi),
        batch=batch,
        outer_steps=outer_steps,
        region=region,
        effort=work,
        seed=seed,
    )
    wide = problem_on(admitted, name=name, radius=run.reach)
    require_finite(wide, admitted, run, work, seed)
    jump = look_for_jump(wide, admitted, run, work, seed)
    on_progress("auditing the constants")
    proving = n <= CERTIFIED if certify is None else certify
    ball_audit = audit(wide, run, declared, certify=proving and jump is None, effort=work, seed=seed)
    problem = problem_on(admitted, name=name, radius=run.reach, within=run.radius, constants=ball_audit.constants)
    schedule = _studied(ball_audit.constants, run, alpha)
    doubtful = doubts(ball_audit.by_name)
    result = LossStudy(
        name=name,
        n_w=admitted.n_w,
        n_phi=admitted.n_phi,
        tasks=len(admitted.tasks),
        constants=ball_audit.constants,
        audited=ball_audit.by_name,
        schedule=schedule,
        run=_run_facts(run),
        rows=tuple(_declared_rows(ball_audit, schedule, declared, admitted)),
        first_failure=None,
        sentences=(),
        jump=jump,
        advice=None,
        notes=(*admitted.notes, *run.notes),
        seed=seed,
        seconds=0.0,
    )
    if jump is not None:
        failure = {"assumption": jump["assumption"], "quantity": f"{jump['loss']} {jump['derivative']}", **jump}
        return replace(
            result,
            first_failure=failure,
            sentences=(describe_jump(jump),),
            seconds=time.perf_counter() - started,
        )
    on_progress("auditing the assumptions along the run")
    run_audit = along_the_run(problem, run, seed)
    failure = first_of(run_audit, convex=ball_audit.constants.mu is not None)
    sentences = [] if failure is None else [describe_failure(failure)]
    if ball_audit.constants.mu is None and "curvature_min" in run_audit.failures:
        curved = run_audit.failures["curvature_min"]
        sentences.append(f"were strong convexity assumed: {describe_failure({**curved, 'declared': 0.0})}")
    on_progress("measuring the blocks of the meta-gradient")
    blocks = study_blocks(problem, schedule, run.radius, certify=proving, effort=work, seed=seed)
    hypergradients, remark = [], ""
    if certify:
        on_progress("enclosing the hypergradients")
        with_lam = replace(schedule, lam=weight)
        hypergradients, remark = study_hypergradients(problem, with_lam, run.radius, seed=seed)
    on_progress("trying the advice")
    advice, own_rows = advise_own(
        problem,
        schedule,
        run,
        blocks.measured,
        accuracy=accuracy,
        eps=chosen_eps,
        query_infimum=infimum,
        certify=proving,
        doubts=doubtful,
        effort=work,
        seed=seed,
    )
    return replace(
        result,
        rows=(*result.rows, *blocks.rows, *hypergradients, *own_rows),
        first_failure=failure,
        sentences=tuple(sentences),
        advice=advice,
        notes=(*result.notes, *filter(None, (blocks.remark, remark, doubtful and f"the bounds: {doubtful}"))),
        seconds=time.perf_counter() - started,
    )


def _pair(losses: Any) -> tuple[Any, Any]:
    if callable(losses):
        return losses, losses
    if isinstance(losses, tuple | list) and len(losses) == 2:
        return losses[0], losses[1]
    raise InvalidParameter("losses", "a pair (support, query), or one loss for both", losses)


def _thinned(admitted: Admitted) -> Admitted:
    """At most MOST_TASKS of the tasks, evenly, with a note."""
    T = len(admitted.tasks)
    if T <= MOST_TASKS:
        return admitted
    kept = np.linspace(0, T - 1, MOST_TASKS).round().astype(int)
    few: TaskSet = admitted.tasks.take(jnp.asarray(kept))
    note = f"{MOST_TASKS} of {T} tasks are studied, evenly chosen: what is certified is so for these"
    return replace(admitted, tasks=few, notes=(*admitted.notes, note))


def _studied(constants: Constants, run: Followed, alpha: float | None) -> Schedule:
    """The schedule at which bounds are judged: the user's alpha, or else the paper's."""
    N = run.schedule.inner_steps
    chosen = Schedule.paper(constants, N).one_alpha if alpha is None else run.schedule.one_alpha
    return Schedule(chosen, N)


def _run_facts(run: Followed) -> dict[str, Any]:
    """What is kept of the run."""
    schedule = run.schedule
    outer = np.linalg.norm(run.trajectory.points[:, 0, 0], axis=-1)
    return {
        "alpha": schedule.one_alpha,
        "inner_steps": schedule.inner_steps,
        "beta_w": schedule.beta_w,
        "beta_phi": schedule.beta_phi,
        "batch": schedule.batch,
        "outer_steps": schedule.outer_steps,
        "distance": outer.tolist(),
        "farthest": run.farthest,
        "radius": run.radius,
        "reach": run.reach,
        "region_given": run.region_given,
    }


def _declared_rows(
    ball_audit: Audit, schedule: Schedule, declared: Mapping[str, float], admitted: Admitted
) -> list[Row]:
    """Every declared constant beside what contradicts or proves it."""
    # A declaration is judged as the bound that it is, whatever is known of the others.
    constants = replace(ball_audit.constants, known=Knowledge.UPPER_BOUND)
    rows = []
    for claim in STATEMENTS["assumptions"].claims:
        name = "mu" if claim.block == CURVATURE_RANGE else claim.block
        if name not in declared or claim.block not in ball_audit.estimates:
            continue
        lower = ball_audit.estimates[claim.block]
        proof = ball_audit.proofs.get(claim.block)
        settles = proof is not None and proof.value <= claim.evaluate(constants, schedule).value
        estimate = proof if proof is not None and settles else lower
        rows.append(
            row_of(
                Measured(estimates=(estimate,), claims=(claim,), own=(Evidence(estimate),)),
                constants,
                schedule,
                statement=claim.statement,
                block=claim.block,
                check="enclosed" if settles else "constants",
                geometry=constants.geometry.value,
                regime="-",
                setting=f"declared {name} = {declared[name]:g} dim {admitted.n_w}+{admitted.n_phi}",
            )
        )
    return rows
