"""One meta-iteration of ANIL with CNN4 at FC100 size against PyTorch, and what the inner loop costs.

32 tasks of 25 + 25 images 32 x 32 x 3, 64 channels, linear head, Adam, float32; ours samples its tasks from uint8 in
the time that is measured, PyTorch finds them ready. Sides are processes of their own and take turns (`neural_worker`):

ours        `Program.advance` of the package;
loop        PyTorch, task by task with autograd's tape, NCHW: what learn2learn's ANIL does;
functional  PyTorch, task by task with torch.func, channels last.

Claims on a CPU (ratios of seconds; needs the extra `peer` for those against PyTorch):

N = 30      ours takes less time than either;
N <= 10     ours takes at most 1/0.8 times the best of them;
inner loop  at N = 30 ours takes at most 1.1 times its own forward and backward pass without an inner loop;
flat        N = 10 takes at most 1.05 times as long as N = 1;
memory      XLA's temporary bytes grow with the length of the compiled inner loop by the inner iterates (at most 1.05
            times the bytes of w for a step).

Claims on a GPU: functional takes at least 5 times and the loop at least 20 times as long as ours, which takes at most
1.3 times its own forward and backward pass, and 1,000 iterations take less than a minute for every N.
"""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from matplotlib.figure import Figure
from measure import Claim, Outcome, options, output_of, publish, side_by_side

from anil_theory import enable_float64

STEPS = (1, 5, 10, 30)
LENGTHS = (10, 10_000, 20_000, 40_000)
"""Up to some 10,000 steps the iterates are hidden in what the body's activations take and have given back."""
FULL = {"tasks": 32, "width": 64, "max_inner_steps": 30}
TINY = {"tasks": 2, "width": 4, "max_inner_steps": 30}
WORKER = Path(__file__).with_name("neural_worker.py")


class Side:
    """A worker process; calling it runs one iteration there and waits for it."""

    def __init__(self, name: str, settings: dict[str, Any]):
        command = [sys.executable, str(WORKER), name, json.dumps(settings)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._expect("ready")

    def __call__(self, kind: str, N: int) -> None:
        assert self.process.stdin is not None
        print(kind, N, file=self.process.stdin, flush=True)
        self._expect("done")

    def _expect(self, word: str) -> None:
        assert self.process.stdout is not None
        answer = self.process.stdout.readline().strip()
        if answer != word:
            raise RuntimeError(f"{self.process.args} answered {answer!r} where {word!r} was expected")

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


MEMORY = """
import json, sys, jax, jax.numpy as jnp
sys.path.insert(0, sys.argv[1])
import neural_worker
from anil_theory import enable_float64
from anil_theory.neural.program import Program
enable_float64()
kept = []
Program._warm_up = lambda self: kept.append(self) or 0.0
found = []
choice = json.loads(sys.argv[2])
for length in json.loads(sys.argv[3]):
    kept.clear()
    neural_worker.our_side(choice | {"max_inner_steps": length, "tasks": 1})
    program = kept[0]
    state, zero = program.initial_state(0), jnp.asarray(0, jnp.int32)
    episodes = program._sample(jax.random.key(0), program.splits["train"], 1)
    lowered = program._add.lower(program._zeros(state.params), state.params, episodes, zero, program.alpha, zero)
    planned = lowered.compile().memory_analysis().temp_size_in_bytes
    found.append([length, planned, sum(x.nbytes for x in jax.tree.leaves(state.params[0]))])
print(json.dumps(found))
"""


def memory(settings: dict[str, Any]) -> dict[str, Any]:
    """Temporary bytes of one task's meta-gradient against the length of the inner loop; slope over the bytes of w."""
    text = output_of("-c", MEMORY, WORKER.parent, json.dumps(settings), json.dumps(LENGTHS))
    lengths, planned, sizes = zip(*json.loads(text), strict=True)
    slope = float(np.max(np.diff(planned) / np.diff(lengths)))  # the steepest of them: no part may grow faster
    return {"lengths": lengths, "bytes": planned, "bytes_of_w": sizes[0], "slope_over_w": slope / sizes[0]}


def measure(settings: dict[str, Any], rounds: int) -> dict[str, Any]:
    """Seconds of every side at every N and of the plain passes, all interleaved."""
    names = ["ours", *(["loop", "functional"] if importlib.util.find_spec("torch") else [])]
    sides = {name: Side(name, settings) for name in names}
    # On a GPU one call of ours is a dispatch of several iterations.
    per_call = {name: 25 if name == "ours" and jax.default_backend() != "cpu" else 1 for name in names}
    try:
        actions: dict[str, Callable[[], Any]] = {}
        for name, side in sides.items():
            actions |= {f"{name} {N}": partial(side, "meta", N) for N in STEPS}
            actions[f"{name} plain"] = partial(side, "plain", 1)
        timed = side_by_side(actions, rounds)
    finally:
        for side in sides.values():
            side.close()
    seconds = {what: [s / per_call[what.split()[0]] for s in each] for what, each in timed.seconds.items()}
    return {"sides": names, "seconds": seconds, "backend": jax.default_backend()}


def ratio(numbers: dict[str, Any], upper: str, lower: str) -> float:
    """Median over the rounds of the ratio within a round."""
    a, b = (numbers["seconds"][name] for name in (upper, lower))
    return float(np.median(np.divide(a, b)))


def claims_of(numbers: dict[str, Any]) -> list[Claim]:
    """What is claimed on this backend, as measured."""
    found = []
    peers, gpu = numbers["sides"][1:], numbers["backend"] != "cpu"
    for N in STEPS if peers else ():
        each = {peer: ratio(numbers, f"ours {N}", f"{peer} {N}") for peer in peers}
        if gpu:
            limits = {"loop": 20.0, "functional": 5.0}
            found += [Claim(f"{p} / ours, N = {N}", 1 / r, limits[p], "x", at_least=True) for p, r in each.items()]
        elif N == 30:
            found += [Claim(f"ours / {peer}, N = {N}", r, 1.0, "x") for peer, r in each.items()]
        else:
            found.append(Claim(f"ours / best of PyTorch, N = {N}", max(each.values()), 1 / 0.8, "x"))
    limit = 1.3 if gpu else 1.1
    found.append(Claim("ours, N = 30 / its plain pass", ratio(numbers, "ours 30", "ours plain"), limit, "x"))
    found.append(Claim("ours, N = 10 / N = 1", ratio(numbers, "ours 10", "ours 1"), 1.05, "x"))
    if gpu:
        slowest = max(float(np.median(numbers["seconds"][f"ours {N}"])) for N in STEPS)
        found.append(Claim("1,000 iterations, the slowest N", 1000 * slowest, 60.0, "s"))
    found.append(Claim("temporary bytes of a step / bytes of w", numbers["memory"]["slope_over_w"], 1.05, "x"))
    return found


def outcome(settings: dict[str, Any], rounds: int) -> Outcome:
    """Measurements, claims and the table of medians."""
    numbers = measure(settings, rounds) | {"memory": memory(settings), "settings": settings}
    columns = [*map(str, STEPS), "plain"]
    lines = [f"{'s / iteration':<14}" + "".join(f"{'N = ' + c if c != 'plain' else c:>10}" for c in columns)]
    for side in numbers["sides"]:
        medians = [float(np.median(numbers["seconds"][f"{side} {c}"])) for c in columns]
        lines.append(f"{side:<14}" + "".join(f"{m:>10.4g}" for m in medians))
    if len(numbers["sides"]) == 1:
        lines.append("PyTorch is not installed (the extra `peer`): nothing to compare with")
    return Outcome(claims_of(numbers), lines, numbers)


def draw(numbers: dict[str, Any], figure: Figure) -> None:
    """Time of a meta-iteration over that of our plain pass, and temporary memory against the loop's length."""
    left, right = figure.subplots(1, 2)
    base = float(np.median(numbers["seconds"]["ours plain"]))
    labels = {"ours": "anil_theory", "loop": "PyTorch, tape", "functional": "torch.func"}
    for side, marker in zip(numbers["sides"], "os^", strict=False):
        values = np.array([numbers["seconds"][f"{side} {N}"] for N in STEPS]) / base
        middle = np.median(values, axis=1)
        spread = np.abs(np.quantile(values, [0.25, 0.75], axis=1) - middle)
        left.errorbar(STEPS, middle, yerr=spread, marker=marker, capsize=2, label=labels[side])
    left.axhline(1, color="grey", linestyle=":", label="our plain pass")
    left.set(xscale="log", ylim=(0, None), xlabel="inner steps N", ylabel="time / our plain pass")
    left.set_xticks(STEPS, labels=map(str, STEPS))
    left.legend(fontsize=7)
    found = numbers["memory"]
    right.plot(found["lengths"], np.array(found["bytes"]) / 1e6, "o-", label="planned by XLA")
    right.plot(found["lengths"], np.array(found["lengths"]) * found["bytes_of_w"] / 1e6, "--", label="inner iterates")
    right.set(xlabel="length of the inner loop", ylabel="temporary memory of a task [MB]", ylim=(0, None))
    right.legend(fontsize=7)


def main() -> None:
    """Measure, print, write."""
    enable_float64()
    parser = options(__doc__, "a narrow network and two tasks")
    parser.add_argument("--rounds", type=int, default=5, help="times that every side and N is measured")
    parser.add_argument("--body-dtype", help="type of our body's arithmetic, e.g. bfloat16 on a GPU")
    given = parser.parse_args()
    started = datetime.now(UTC)
    settings = dict(TINY if given.tiny else FULL) | ({"body_dtype": given.body_dtype} if given.body_dtype else {})
    found = outcome(settings, 1 if given.tiny else given.rounds)
    publish("neural", found, partial(draw, found.numbers), given, started)


if __name__ == "__main__":
    main()
