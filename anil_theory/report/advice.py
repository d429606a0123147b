"""Advice as text: settings, what they cost, what dominates, what would change them."""

from typing import Any

from rich.console import Console
from rich.table import Table

from anil_theory.report.rows import number
from anil_theory.report.tables import print_whole


def print_advice(console: Console, advice: dict[str, Any]) -> None:
    """Print advice in its plain form, that of `anil_theory.advice.Advice`."""
    console.print(
        f"geometry: {advice['geometry']}; accuracy eps = {advice['eps']:g}, initial gap D0 = {advice['D0']:g}; "
        f"objective: {advice['objective']}; theorem: {advice['kind']}",
        highlight=False,
    )
    table = Table(box=None, header_style="dim")
    table.add_column("")
    for method in ("ANIL", "MAML"):
        table.add_column(method, justify="right", no_wrap=True)
    anil, maml = advice["anil"], advice["maml"]
    for name, label in (
        ("inner_steps", "N, inner steps"),
        ("alpha", "alpha"),
        ("beta_w", "beta_w"),
        ("beta_phi", "beta_phi"),
        ("batch", "B, tasks per outer step"),
        ("outer_steps", "K, outer steps"),
        ("tasks", "K B, tasks"),
        ("cost", f"predicted cost ({advice['objective']})"),
    ):
        table.add_row(label, *(number(plan[name]) for plan in (anil, maml)))
    for name in anil["total"]:
        table.add_row(f"  {name.replace('_', ' ')}", *(number(plan["total"][name]) for plan in (anil, maml)))
    print_whole(console, table)
    console.print(f"MAML costs {advice['cost_ratio']:.3g} times as much as ANIL by these bounds.", highlight=False)
    if advice["fewer_tasks"] is not None:
        console.print(
            f"By the refined theorem (independent draws) ANIL needs {advice['fewer_tasks']:.3g} times as many tasks "
            "K B at this alpha, N.",
            highlight=False,
        )
    console.print("what dominates ANIL's bound:", style="bold")
    for share in anil["dominating"]:
        console.print(f"  {100 * share['fraction']:5.1f} %  {share['meaning']}", highlight=False)
    console.print("what would change the answer:", style="bold")
    for line in advice["changes"]:
        console.print(f"  {line}", highlight=False)
    for note in advice["notes"]:
        console.print(f"note: {note}", highlight=False)
    if advice["population"] is not None:
        own = advice["population"]
        console.print(
            f"this population, by Theorem I (if its curvature and second moment hold where the iterates are): "
            f"beta = {own['beta']:.4g}, B = {number(own['batch'])}, K = {number(own['outer_steps'])}, "
            f"{own['fewer_tasks']:.3g} times fewer tasks",
            highlight=False,
        )
    if "trial" in advice:
        _print_trial(console, advice["trial"])


def _print_trial(console: Console, trial: dict[str, Any]) -> None:
    """The run beside the advice."""
    console.print("a run on a random population with these constants:", style="bold")
    shortened = "" if trial["as_advised"] else " (fewer than advised, to be short)"
    console.print(
        f"  its D0 is at most {trial['D0']:.4g}, for which K = {trial['K']}, B = {trial['B']}{shortened} "
        f"and beta_w = {trial['beta_w']:.4g}, beta_phi = {trial['beta_phi']:.4g} are advised",
        highlight=False,
    )
    for row, values in trial["rows"].items():
        console.print(
            f"  {row}: average squared gradient {values['measured']:.4g} +- {values['stderr']:.2g}, "
            f"bound {values['bound']:.4g}, eps {trial['eps']:.4g}",
            highlight=False,
        )
    if trial["reason"]:
        console.print(f"  no averages: {trial['reason']}", highlight=False)
