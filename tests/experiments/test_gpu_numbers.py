"""What experiments/gpu.py counts, plans and concludes: operations, memory, goals, and what holds a missed one."""

from typing import Any

import jax
import jax.numpy as jnp
import pytest

from anil_theory.neural.convolution import direct
from anil_theory.neural.settings import Settings
from experiments.gpu_steps import iteration
from experiments.gpu_steps.card import Card
from experiments.gpu_steps.expected import (
    RATES,
    Size,
    body_operations,
    head_operations,
    iteration_operations,
    iteration_seconds,
    sides_of,
)
from experiments.gpu_steps.goals import goals, profile, profiles_of_missed
from experiments.gpu_steps.iteration import configurations
from experiments.gpu_steps.pieces import Clock
from experiments.gpu_steps.table import document
from experiments.gpu_steps.workers import NoAnswer, Worker

FC100 = Size((32, 32, 3), width=64, blocks=4, ways=5)
H100 = Card("NVIDIA H100", 80 * 2**30)
MAIN = "fc100, strongly-convex, tensorfloat32"


def test_the_operations_of_the_body_are_those_that_xla_counts() -> None:
    # At odd borders XLA leaves out what is multiplied by padding, so its count is a little lower.
    total = 0.0
    for height, width, channels in sides_of(FC100)[:-1]:
        x, kernel = jnp.zeros((1, height, width, channels)), jnp.zeros((3, 3, channels, 64))
        counted: Any = jax.jit(direct).lower(x, kernel).compile().cost_analysis()
        total += (counted[0] if isinstance(counted, list) else counted)["flops"]
    assert 0.85 * body_operations(FC100) <= total <= 1.01 * body_operations(FC100)


def test_the_features_of_fc100_are_256_and_its_head_has_five_ways() -> None:
    assert sides_of(FC100)[-1] == (2, 2, 64)
    assert head_operations(FC100) == 2 * 256 * 5


def test_expected_lengths_grow_with_what_there_is_to_do() -> None:
    settings = Settings()
    one, thirty = (iteration_seconds(settings, FC100, N, "tensorfloat32") for N in (1, 30))
    assert 0 < one < thirty
    assert iteration_seconds(settings, FC100, 30, "tensorfloat32", "loop") > 20 * thirty
    operations = iteration_operations(settings, FC100, 1)
    assert operations > 3 * 32 * 50 * body_operations(FC100)
    assert iteration_seconds(settings, FC100, 1, "float64") >= operations / RATES["float64"]
    assert iteration_operations(Settings("maml"), FC100, 5) > 5 * operations / 2


def test_a_small_card_gets_fewer_tasks_and_every_row_says_so() -> None:
    full = list(configurations(H100))
    small = list(configurations(Card("a small card", 2**30)))
    assert len({one.name for one in full}) == len(full) == 16 and full[0].name == MAIN
    assert full[0].settings.tasks == 32 and full[0].remark == ""
    assert all(one.settings.tasks < 32 and f"{one.settings.tasks} tasks in place of 32" in one.remark for one in small)
    assert all(one.settings.chunk == one.settings.tasks for one in small)


def test_memory_that_does_not_suffice_in_a_run_halves_the_tasks_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def timed(configuration: Any, settings: Settings, clock: Clock) -> dict[str, Any]:
        if settings.tasks > 8:
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate")
        return {"N": {}, "tasks": settings.tasks}

    monkeypatch.setattr(iteration, "_timed", timed)
    piece = iteration.iteration_pieces(H100, Peer())[0]
    found = piece.measure(Clock(10.0))
    assert found["tasks"] == 8 and found["remark"].startswith("8 tasks in place of 32: the card's memory")


def test_another_error_is_no_lack_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def timed(*arguments: Any) -> Any:
        raise RuntimeError("something else")

    monkeypatch.setattr(iteration, "_timed", timed)
    with pytest.raises(RuntimeError, match="something else"):
        iteration.iteration_pieces(H100, Peer())[0].measure(Clock(10.0))


class Peer(Worker):
    """A worker that answers the first questions and then no more."""

    def __init__(self, answers: int = 0):
        super().__init__("no_module")
        self.answers = answers

    def ask(self, request: dict[str, Any], clock: Clock) -> dict[str, Any]:
        if not self.answers:
            raise NoAnswer("the worker was ended: the time was up")
        self.answers -= 1
        return {"seconds": 0.1, "tasks": request["settings"]["tasks"]}


def test_a_peer_that_is_cut_off_keeps_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iteration, "torch_is_there", lambda: True)
    monkeypatch.setattr(iteration, "_timed", lambda *arguments: {"N": {}, "tasks": 4})
    ours, vmapped, *_ = iteration.iteration_pieces(H100, Peer(answers=2))
    assert "ours was not measured" in vmapped.measure(Clock(100.0))["skipped"]
    ours.measure(Clock(100.0))
    found = vmapped.measure(Clock(100.0))
    assert list(found["N"]) == ["1", "5"] and found["N"]["5"]["tasks"] == 4
    assert found["shortened"] == "at N = 10: the worker was ended: the time was up"


def test_without_pytorch_ours_stands_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iteration, "torch_is_there", lambda: False)
    pieces = iteration.iteration_pieces(H100, Peer())
    assert all(piece.name.endswith(": ours") for piece in pieces[:-1])
    assert pieces[-1].measure(Clock(1.0))["remark"] == "PyTorch is not installed: our side alone"


def numbers(seconds: dict[int, float], *, operations: float = 1e9, traffic: float = 1e6) -> dict[str, Any]:
    def entries(factor: float) -> dict[str, Any]:
        return {"N": {str(N): {"seconds": factor * s} for N, s in seconds.items()}}

    ours = entries(1.0) | {"operations": operations, "traffic": traffic, "plain": {"seconds": seconds[1]}}
    sides = {"vmapped": entries(6.0), "batched": entries(5.5), "loop": entries(25.0)}
    rates = {"convolution, tensorfloat32": {"rate": 1e13}, "copy": {"rate": 1e12, "bytes": 8}}
    pieces = {f"{MAIN}: ours": ours} | {f"{MAIN}: {side}": one for side, one in sides.items()}
    return {"rates": rates, "iteration": pieces}


def test_goals_take_the_better_side_and_are_met_or_missed_by_the_numbers() -> None:
    steps = numbers({1: 0.01, 30: 0.012})
    met = {goal.text: goal for goal in goals(steps)}
    assert met[f"{MAIN}, N = 30: PyTorch, all tasks at once / ours"].measured == pytest.approx(5.5)
    assert met[f"{MAIN}, N = 1: PyTorch's loop / ours"].measured == pytest.approx(25.0)
    assert met[f"{MAIN}: 1,000 iterations, the slowest N"].measured == pytest.approx(12.0)
    assert all(goal.met for goal in met.values()) and profiles_of_missed(steps) == {}
    slower = numbers({1: 0.01, 30: 0.014})
    assert [goal.text for goal in goals(slower) if not goal.met] == [f"{MAIN}, N = 30: ours / our plain pass"]
    assert list(profiles_of_missed(slower)) == [MAIN]


@pytest.mark.parametrize(
    ("seconds", "counts", "held_by"),
    [
        ({1: 0.010, 30: 0.100}, {}, "the 30 inner steps, one after the other"),
        ({1: 0.010, 30: 0.014}, {"operations": 9e10}, "arithmetic"),
        ({1: 0.010, 30: 0.014}, {"traffic": 9e9}, "memory traffic"),
        ({1: 0.010, 30: 0.014}, {}, "launches, and kernels below the measured rates"),
    ],
)
def test_the_profile_names_the_largest_part(seconds: dict[int, float], counts: Any, held_by: str) -> None:
    steps = numbers(seconds, **counts)
    assert profile(MAIN, steps)["held_by"] == held_by
    assert held_by in "\n".join(document("a card", steps, goals(steps), profiles_of_missed(steps)))


@pytest.mark.parametrize(("bfloat16", "met"), [([1.0, 1.1, 1.25], True), ([1.4, 1.5, 1.6], False)])
def test_bfloat16_may_lose_the_spread_of_the_seeds(bfloat16: list[float], met: bool) -> None:
    compared = {"float32": [1.0, 1.1, 1.2], "bfloat16": bfloat16}
    (goal,) = goals({"figures": {"bfloat16 beside float32": compared}})
    assert goal.met is met and goal.limit == pytest.approx(0.2)


def test_a_card_that_disagrees_with_the_cpu_misses_a_goal() -> None:
    (goal,) = goals({"correctness": {"maml": {"float64": [1e-15, 1e-9], "tolerance": 1e-10}}})
    assert not goal.met
