"""Figures 1 and 2 on glyphs at the size of the paper, by the code of `anil-theory bench`, and bfloat16 beside float32.

One piece trains one seed of both geometries and all N; a later piece takes over the runs of the earlier ones. How many
iterations there are is decided when the first begins, from what one seed may take: 1,000 if they fit. What was in hand
when the time was up is kept as a checkpoint, and a second run of the script goes on from there.
"""

import json
import shutil
import statistics
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from anil_theory.neural.data import ImageDataset, load_dataset
from anil_theory.neural.data.archive import save_archive
from anil_theory.neural.data.glyphs import generate_glyphs
from anil_theory.neural.program import Program
from anil_theory.neural.settings import Settings
from anil_theory.neural.training import train
from anil_theory.record import RecordStore
from anil_theory.report.files import write_report
from anil_theory.studies.bench.settings import BenchSettings
from anil_theory.studies.bench.study import BenchStudy
from anil_theory.study import RunSettings, conduct
from experiments.gpu_steps.card import Card
from experiments.gpu_steps.expected import COMPILE, Size, iteration_seconds
from experiments.gpu_steps.our_side import products_in
from experiments.gpu_steps.pieces import Clock, Piece, Plain

GOAL = 1000
SEEDS = 3
GEOMETRIES = ("strongly-convex", "nonconvex")
STEPS = (1, 3, 7, 10, 30)
COMPARED = {"iterations": 200, "N": 5}
"""The training runs of bfloat16 beside float32."""

LEAST = 50
"""Fewer iterations than this are no figure."""


def bench_settings(card: Card) -> Settings:
    """The paper's sizes and learn2learn's hyper-parameters, all tasks in one dispatch."""
    if card.toy:
        sizes: dict[str, Any] = {"width": 2, "blocks": 1, "tasks": 2, "chunk": 2, "dispatch": 2, "eval_tasks": 2}
        return Settings(iterations=4, max_inner_steps=max(STEPS), **sizes)
    return Settings(iterations=GOAL, max_inner_steps=max(STEPS), chunk=32, dispatch=25, eval_tasks=600)


def glyphs_of(card: Card, folder: Path) -> str:
    """The name of the data set for `bench`: the glyphs, or for a toy run a small archive of them."""
    if not card.toy:
        return "glyphs"
    path = folder / "few-glyphs.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        save_archive(path, generate_glyphs(0, classes=(6, 5, 5), per_class=10))
    return str(path)


def seconds_of_a_seed(card: Card, iterations: int) -> float:
    """Of all runs of one seed, on an H100, compilation apart."""
    settings = bench_settings(card)
    total = 0.0
    for geometry in GEOMETRIES:
        chosen = replace(settings, geometry=geometry)
        size = Size.of(chosen, (32, 32, 3))
        total += sum(iteration_seconds(chosen, size, N, "tensorfloat32") for N in STEPS)
    evaluations = 3 * settings.eval_tasks / settings.tasks / 3  # a forward pass is a third of an iteration
    return total * (iterations + evaluations)


def figure_pieces(card: Card, work: Path, out: Path) -> list[Piece]:
    """bfloat16 beside float32, then one piece for each seed of the figures."""
    settings = replace(bench_settings(card), iterations=4 if card.toy else COMPARED["iterations"])
    size = Size.of(settings, (32, 32, 3))
    of_a_run = settings.iterations * iteration_seconds(settings, size, COMPARED["N"], "tensorfloat32")
    expected = 2 * (COMPILE["program"] + SEEDS * of_a_run)
    found = [Piece("bfloat16 beside float32", expected, _bfloat16(card, settings, work))]
    plan = FigurePlan(card, work, out)
    compiled = len(GEOMETRIES) * COMPILE["program"]
    for seeds in range(1, (1 if card.toy else SEEDS) + 1):
        least = seconds_of_a_seed(card, LEAST if seeds == 1 else GOAL)
        found.append(Piece(f"figures, seed {seeds - 1}", compiled + least, plan.train(seeds)))
    return found


def _bfloat16(card: Card, settings: Settings, work: Path) -> Callable[[Clock], Plain]:
    def measure(clock: Clock) -> Plain:
        data = load_dataset(glyphs_of(card, work))
        found: Plain = {"iterations": settings.iterations, **COMPARED}
        for name, body_dtype in (("float32", None), ("bfloat16", "bfloat16")):
            with products_in("float32" if body_dtype is None else "bfloat16"):
                found[name] = _final_losses(replace(settings, body_dtype=body_dtype), data, clock)
        return found

    return measure


def _final_losses(settings: Settings, data: ImageDataset, clock: Clock) -> list[float]:
    """The mean loss of the last quarter of each seed's run, as many seeds as there is time for and at least one."""
    program = Program(settings, data)
    losses: list[float] = []
    for seed in range(SEEDS):
        if losses and clock.over():
            break
        history = train(program, inner_steps=COMPARED["N"], seed=seed, evaluate=False).history
        losses.append(statistics.fmean(history.loss[-max(1, len(history.loss) // 4) :]))
    return losses


class FigurePlan:
    """The runs of both figures, seed after seed, with one number of iterations for all of them."""

    def __init__(self, card: Card, work: Path, out: Path):
        self.card, self.work, self.out = card, work, out
        self.iterations: int | None = None

    def train(self, seeds: int) -> Callable[[Clock], Plain]:
        """The measurement of the first `seeds` seeds, earlier ones taken from their records."""

        def measure(clock: Clock) -> Plain:
            if self.iterations is None:
                self.iterations = self.fitting(clock.left())
            settings = replace(bench_settings(self.card), iterations=self.iterations)
            dataset = glyphs_of(self.card, self.work)
            bench = BenchSettings(
                dataset,
                geometry=GEOMETRIES,
                inner_steps=STEPS[:2] if self.card.toy else STEPS,
                seeds=seeds,
                training=settings,
            )
            folder = self.work / f"bench-{self.iterations}"
            with products_in("tensorfloat32"):
                how = RunSettings(out=folder, resume=True)
                status, _ = conduct(BenchStudy(bench), how, console=Console(), stop=clock.over)
            runs = self.publish(folder)
            found: Plain = {"iterations": self.iterations, "runs": runs, "goal": GOAL}
            return found | ({"shortened": f"after {runs} runs: the time was up"} if status else {})

        return measure

    def fitting(self, seconds: float) -> int:
        """So many iterations that one seed takes at most `seconds` less compilation, in dispatches; at most GOAL."""
        settings = bench_settings(self.card)
        if self.card.toy:
            return settings.iterations
        available = seconds - len(GEOMETRIES) * COMPILE["program"] - seconds_of_a_seed(self.card, 0)
        each = seconds_of_a_seed(self.card, 1) - seconds_of_a_seed(self.card, 0)
        dispatches = int(available / each) // settings.dispatch_size
        return min(GOAL, max(LEAST, dispatches * settings.dispatch_size))

    def publish(self, folder: Path) -> int:
        """Copy the figures beside the report and write the records into one file, a line each; the number of runs."""
        self.out.mkdir(parents=True, exist_ok=True)
        for figure in sorted(folder.glob("figure*.png")):
            shutil.copyfile(figure, self.out / f"{self.card.slug}-{figure.name}")
        records = [record for record in RecordStore(folder / "records") if record.cell.get("study") == "bench"]
        lines = [json.dumps(json.loads(record.to_json()), separators=(",", ":")) for record in records]
        path = self.out / f"{self.card.slug}-runs.jsonl"
        write_report("".join(f"{line}\n" for line in lines), path)
        return len(records)
