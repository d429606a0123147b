"""Verdicts on the figures, from curves whose answer is known; both ways each."""

import math

from anil_theory.studies.bench.figure_claims import at_equal_time, judge_figures
from anil_theory.verdict import Outcome


def runs(geometry: str, level, seconds=lambda N: 1.0, diverged=()) -> list[dict]:
    """Constant curves level(N) for three seeds."""
    return [
        {
            **{"geometry": geometry, "dataset": "made", "N": N, "seed": seed},
            **{"loss": [level(N) + 1e-4 * (seed * N % 3)] * 8, "seconds": [seconds(N)] * 8},
            "status": "diverged" if N in diverged else "complete",
        }
        for N in (1, 3, 7, 10, 30)
        for seed in range(3)
    ]


def outcomes(given: list[dict]) -> dict[str, Outcome]:
    return {verdict.claim: verdict.outcome for verdict in judge_figures(given)}


def test_curves_as_in_the_paper_confirm_every_strongly_convex_claim() -> None:
    # Beyond N = 7 the level gains nothing, and each iteration costs more: less is reached in the time of N = 1.
    made = runs("strongly-convex", lambda N: 0.1**N)
    for run in made:
        if run["N"] == 30:
            run["seconds"] = [4.0] * 8
            run["loss"] = [1.0] * 4 + [1e-7 + 1e-4 * (run["seed"] * 30 % 3)] * 4
    got = outcomes(made)
    assert len(got) == 4 and set(got.values()) == {Outcome.CONFIRMED}, got


def test_curves_the_other_way_round_refute_them() -> None:
    got = outcomes(runs("strongly-convex", lambda N: 0.1 * N))
    assert got["loss per iteration improves with N up to 7"] is Outcome.REFUTED
    assert got["loss at equal time improves up to about N = 7"] is Outcome.REFUTED
    linear = outcomes(runs("strongly-convex", lambda N: 5 - 0.1 * N))
    assert linear["nearly saturated at N = 7"] is Outcome.REFUTED
    assert linear["loss at equal time worsens beyond N = 7"] is Outcome.REFUTED


def test_nonconvex_claims_follow_time_and_divergence() -> None:
    got = outcomes(runs("nonconvex", lambda N: 0.1 * N, diverged=(30,)))
    assert set(got.values()) == {Outcome.CONFIRMED}, got
    got = outcomes(runs("nonconvex", lambda N: 5 - 0.1 * N))
    assert set(got.values()) == {Outcome.REFUTED}, got


def test_one_seed_decides_nothing_about_order() -> None:
    got = outcomes([run for run in runs("nonconvex", lambda N: 0.1 * N) if run["seed"] == 0])
    assert got["N = 1 is fastest in time"] is Outcome.INCONCLUSIVE


def test_equal_time_is_the_time_of_the_quickest() -> None:
    made = runs("nonconvex", lambda N: 1.0, seconds=lambda N: float(N))
    for run in made:
        run["loss"] = [float(i) for i in range(8)]
    table = at_equal_time(made)
    assert table[1][0] == 6.0  # mean over iterations 6, 7 and 8 (values 5, 6, 7)
    assert table[3][0] == 1.0  # the second iteration ends at 6 of 8 seconds


def test_no_common_seed_is_no_difference_of_zero() -> None:
    made = [run for run in runs("strongly-convex", lambda N: 5 - 0.1 * N) if (run["N"] == 7) != (run["seed"] == 0)]
    got = judge_figures(made)
    assert len(got) == 4
    for verdict in got:
        assert verdict.outcome is Outcome.INCONCLUSIVE and math.isnan(verdict.mean), verdict
