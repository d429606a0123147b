"""Seconds of one meta-iteration: ours, our plain pass, and PyTorch's sides on the same card, with the memory of each.

The configurations stand in the order of their weight, so that a run that is short of time has the first ones. MAML has
no body, so there is no bfloat16 for it, and no batched head.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any

from anil_theory.neural.settings import Settings
from experiments.gpu_steps.card import Card, fit_tasks, out_of_memory
from experiments.gpu_steps.expected import COMPILE, Size, iteration_seconds, task_memory
from experiments.gpu_steps.our_side import PRECISIONS, OurSide
from experiments.gpu_steps.pieces import Clock, Piece, Plain, repeat
from experiments.gpu_steps.workers import NoAnswer, Worker, torch_is_there
from experiments.speed.plain_program import noise_dataset

STEPS = {"strongly-convex": (1, 5, 10, 30), "nonconvex": (1, 5, 10, 30), "maml": (1, 5)}
ROUNDS = {"ours": 5, "vmapped": 5, "batched": 5, "compiled": 5, "loop": 2}
SIZES = {"fc100": (32, 32, 3), "84x84": (84, 84, 3)}
TOY_SIZES = {"fc100": (4, 4, 3), "84x84": (6, 6, 3)}
FIRST = (
    ("fc100", "strongly-convex", "tensorfloat32"),
    ("84x84", "strongly-convex", "tensorfloat32"),
    ("fc100", "nonconvex", "tensorfloat32"),
    ("fc100", "maml", "tensorfloat32"),
    ("fc100", "strongly-convex", "bfloat16"),
    ("fc100", "strongly-convex", "float32"),
)
"""What is measured first; every other combination comes behind, as far as the time goes."""

TOY = (
    ("fc100", "strongly-convex", "tensorfloat32"),
    ("fc100", "maml", "float32"),
    ("84x84", "nonconvex", "bfloat16"),
)
"""Each size, geometry and precision once."""

WITHOUT_TORCH = "PyTorch is not installed: our side alone"


@dataclass(frozen=True)
class Configuration:
    """One row of the table: images, geometry, precision, and how many tasks there are."""

    size: str
    image_shape: tuple[int, int, int]
    geometry: str
    precision: str
    settings: Settings
    remark: str = ""

    @property
    def name(self) -> str:
        """For people and as the key in the JSON."""
        return f"{self.size}, {self.geometry}, {self.precision}"

    @property
    def steps(self) -> tuple[int, ...]:
        """The numbers of inner steps that are measured."""
        return STEPS[self.geometry]

    @property
    def sides(self) -> tuple[str, ...]:
        """PyTorch's sides for this cut."""
        return ("vmapped", "loop") if self.geometry == "maml" else ("vmapped", "batched", "loop")

    def expected(self, side: str, inner_steps: int) -> float:
        """Seconds of one meta-iteration on an H100."""
        size = Size.of(self.settings, self.image_shape)
        return iteration_seconds(self.settings, size, inner_steps, self.precision, side)


def configurations(card: Card) -> Iterator[Configuration]:
    """All of them; on a card with too little memory with fewer tasks, which `remark` says."""
    if card.toy:
        rows = list(TOY)
    else:
        every = [(size, g, p) for size, g, p in product(SIZES, STEPS, PRECISIONS) if (g, p) != ("maml", "bfloat16")]
        rows = list(dict.fromkeys([*FIRST, *every]))
    for size, geometry, precision in rows:
        yield _configuration(card, size, geometry, precision)


def _configuration(card: Card, size: str, geometry: str, precision: str) -> Configuration:
    shape = (TOY_SIZES if card.toy else SIZES)[size]
    network: dict[str, Any]
    tasks, network = (2, {"width": 2, "blocks": 1}) if card.toy else (32, {"width": 64, "blocks": 4})
    body_dtype = "bfloat16" if precision == "bfloat16" else None
    dispatch = 2 if card.toy else 5
    longest = max(STEPS[geometry])
    settings = Settings(
        geometry=geometry,
        tasks=tasks,
        chunk=tasks,
        dispatch=dispatch,
        max_inner_steps=longest,
        body_dtype=body_dtype,
        **network,
    )
    of_one = task_memory(settings, Size.of(settings, shape), longest)
    fitted = fit_tasks(tasks, of_one, card.bytes_limit)
    settings = replace(settings, tasks=fitted.tasks, chunk=fitted.tasks)
    return Configuration(size, shape, geometry, precision, settings, fitted.remark)


def iteration_pieces(card: Card, worker: Worker) -> list[Piece]:
    """For each configuration ours, then PyTorch's sides, then torch.compile of the best of them where it matters."""
    found: list[Piece] = []
    for number, configuration in enumerate(configurations(card)):
        ours = sum(configuration.expected("ours", N) for N in (1, *configuration.steps))
        calls = configuration.settings.dispatch_size * (ROUNDS["ours"] + 1)
        expected = 2 * COMPILE["program"] + calls * ours
        results: dict[str, Plain] = {}
        found.append(Piece(f"{configuration.name}: ours", expected, _ours(configuration, results)))
        if torch_is_there():
            found += _peers(configuration, worker, results, first=number == 0, toy=card.toy)
    if not torch_is_there():
        found.append(Piece("PyTorch", 0.0, lambda clock: {"remark": WITHOUT_TORCH}))
    return found


def _ours(configuration: Configuration, results: dict[str, Plain]) -> Callable[[Clock], Plain]:
    def measure(clock: Clock) -> Plain:
        settings, remark = configuration.settings, configuration.remark
        while True:
            try:
                results["ours"] = _timed(configuration, settings, clock) | ({"remark": remark} if remark else {})
                return results["ours"]
            except Exception as error:
                if not out_of_memory(error) or settings.tasks == 1 or clock.over():
                    raise
            fewer = settings.tasks // 2
            remark = f"{fewer} tasks in place of {configuration.settings.tasks}: the card's memory did not suffice"
            settings = replace(settings, tasks=fewer, chunk=fewer)

    return measure


def _timed(configuration: Configuration, settings: Settings, clock: Clock) -> Plain:
    data = noise_dataset(configuration.image_shape)
    began = time.perf_counter()
    side = OurSide(settings, data, configuration.precision)
    found: Plain = {"compile_seconds": time.perf_counter() - began, "tasks": settings.tasks, "N": {}}
    found |= {"bytes": side.memory, "operations": side.operations, "traffic": side.traffic}
    for N in configuration.steps:
        if found["N"] and clock.over():
            return found | {"shortened": f"without N >= {N}: the time was up"}
        found["N"][str(N)] = _per_iteration(side, N, clock)
    if clock.over():
        return found | {"shortened": "without the plain pass: the time was up"}
    plain = OurSide(settings, data, configuration.precision, plain=True)
    return found | {"plain": _per_iteration(plain, 1, clock) | {"bytes": plain.memory}}


def _per_iteration(side: OurSide, inner_steps: int, clock: Clock) -> Plain:
    losses: list[float] = []
    timed = repeat(lambda: losses.append(side.run(inner_steps)), clock, rounds=ROUNDS["ours"])
    each = [seconds / side.count for seconds in timed["each"]]
    return timed | {"seconds": timed["seconds"] / side.count, "each": each, "loss": losses[-1]}


def _peers(
    configuration: Configuration, worker: Worker, results: dict[str, Plain], *, first: bool, toy: bool
) -> list[Piece]:
    found = []
    for side in configuration.sides:
        # The loop is slow, and what it shows it shows at the first configuration.
        few = toy or (side == "loop" and not first)
        steps = tuple(N for N in configuration.steps if N <= 5 or not few)
        expected = COMPILE["torch"] + (ROUNDS[side] + 2) * sum(configuration.expected(side, N) for N in steps)
        found.append(
            Piece(f"{configuration.name}: {side}", expected, _peer(configuration, side, steps, worker, results))
        )
    if first:
        expected = COMPILE["torch.compile"] + COMPILE["torch.compile of a step"]
        # The code generator of torch.compile needs a minute on a CPU; "eager" interprets the graph that it would get.
        back_end = "eager" if toy else "inductor"
        steps = (1,) if toy else configuration.steps
        measure = _peer(configuration, "compiled", steps, worker, results, back_end)
        found.append(Piece(f"{configuration.name}: torch.compile of the best", expected, measure))
    return found


def _peer(
    configuration: Configuration,
    side: str,
    steps: tuple[int, ...],
    worker: Worker,
    results: dict[str, Plain],
    back_end: str = "",
) -> Callable[[Clock], Plain]:
    def measure(clock: Clock) -> Plain:
        if "ours" not in results:
            return {"skipped": "ours was not measured, so there is nothing to compare with"}
        chosen = _best(results) if side == "compiled" else side
        found: Plain = {"N": {}, "side": chosen, "tasks": results["ours"]["tasks"]}
        results[side] = found
        # As many tasks as ours had: fewer than were asked for where the memory did not suffice.
        settings = replace(configuration.settings, tasks=found["tasks"], chunk=found["tasks"])
        for N in steps:
            needed = (ROUNDS[side] + 2) * configuration.expected(chosen, N)
            if side == "compiled":
                needed += COMPILE["torch.compile"] + N * COMPILE["torch.compile of a step"]
            if found["N"] and needed > clock.left():
                return found | {"shortened": f"without N >= {N}: {max(0.0, clock.left()):.0f} s are left"}
            request = {
                "side": chosen,
                "compile": back_end,
                "precision": configuration.precision,
                "image_shape": configuration.image_shape,
                "settings": asdict(settings),
                "inner_steps": N,
                "rounds": ROUNDS[side],
                "limit": max(0.0, clock.left()),
            }
            try:
                found["N"][str(N)] = worker.ask(request, clock)
            except NoAnswer as error:
                return found | {"shortened": f"at N = {N}: {error}"}
        return found | worker.greeting

    return measure


def _best(results: dict[str, Plain]) -> str:
    """The faster of the two sides that see all tasks at once, at the largest N that both have."""
    measured = {
        side: {int(N): one["seconds"] for N, one in results[side]["N"].items() if "seconds" in one}
        for side in ("vmapped", "batched")
        if side in results
    }
    shared = set.intersection(*(set(seconds) for seconds in measured.values())) if measured else set()
    if not shared:
        return "batched"
    return min(measured, key=lambda side: measured[side][max(shared)])
