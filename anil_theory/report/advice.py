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
        f"objective: {advice['objective']}",
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
        ("cost", f"predicted cost ({advice['objective']})"),
    ):
        table.add_row(label, *(number(plan[name]) for plan in (anil, maml)))
    for name in anil["total"]:
        table.add_row(f"  {name.replace('_', ' ')}", *(number(plan["total"][name]) for plan in (anil, maml)))
    print_whole(console, table)
    console.print(f"MAML costs {advice['cost_ratio']:.3g} times as much as ANIL by these bounds.", highlight=False)
    console.print("what dominates ANIL's bound:", style="bold")
    for share in anil["dominating"]:
        console.print(f"  {100 * share['fraction']:5.1f} %  {share['meaning']}", highlight=False)
    console.print("what would change the answer:", style="bold")
    for line in advice["changes"]:
        console.print(f"  {line}", highlight=False)
    for note in advice["notes"]:
        console.print(f"note: {note}", highlight=False)
