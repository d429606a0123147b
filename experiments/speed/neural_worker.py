"""One side of `neural.py`, in a process of its own: reads "KIND N" lines, runs one meta-iteration each, answers "done".

KIND is `meta` (the meta-gradient with N inner steps and Adam) or `plain` (forward and backward pass of the same network
on the same images without an inner loop, and Adam). Processes share no thread pool, and each side's allocator keeps
freed memory, so that no side pays for page faults that the other does not.

Usage: neural_worker.py SIDE SETTINGS, with SIDE one of `ours`, `loop` (PyTorch, task by task with autograd's tape, as
learn2learn does it) or `functional` (torch.func, channels last), and SETTINGS the JSON of `neural.settings`.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

from anil_theory import enable_float64
from anil_theory.neural.allocator import keep_freed_memory

SHAPE = (32, 32, 3)


def our_side(choice: dict[str, Any]) -> Callable[[str, int], Any]:
    """`advance` of the package, and of the same program with the inner loop left out."""
    from plain_program import PlainProgram, noise_dataset

    from anil_theory.neural.program import Program
    from anil_theory.neural.settings import Settings

    data = noise_dataset(SHAPE)
    settings = Settings(**choice)
    programs = {"meta": Program(settings, data), "plain": PlainProgram(settings, data)}
    states = {kind: program.initial_state(0) for kind, program in programs.items()}
    count = settings.dispatch_size

    def run(kind: str, N: int) -> None:
        states[kind], _ = programs[kind].advance(states[kind], 0, 0, N, count)

    return run


def peer_side(side: str, choice: dict[str, Any]) -> Callable[[str, int], Any]:
    """The same work by PyTorch, on tasks that are at hand as floating point numbers."""
    import jax
    import torch  # pyright: ignore[reportMissingImports]
    import torch_anil
    from torch_functional import functional_meta_gradient

    from anil_theory.neural.networks import cnn
    from anil_theory.neural.settings import Settings

    settings = Settings(**choice)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    layout = torch.channels_last if side == "functional" else torch.contiguous_format
    network = cnn(jax.random.key(0), SHAPE, ways=settings.ways, width=settings.width)
    parameters = torch_anil.copy_parameters(network, SHAPE, torch.float32)

    def place(x: torch.Tensor) -> torch.Tensor:
        x = x.detach().to(device)
        return x.contiguous(memory_format=layout) if x.ndim == 4 else x

    parameters = {name: place(x).requires_grad_() for name, x in parameters.items()}

    def images(per_class: int) -> torch.Tensor:
        height, width, channels = SHAPE
        return place(torch.rand(settings.ways * per_class, channels, height, width))

    def labels(per_class: int) -> torch.Tensor:
        return torch.arange(settings.ways, device=device).repeat_interleave(per_class)

    sizes = (settings.shots, settings.queries)
    tasks = [torch_anil.Task(*(f(k) for k in sizes for f in (images, labels))) for _ in range(settings.tasks)]
    recipe = torch_anil.Recipe(("linear",), settings.alpha, 1, settings.l2)
    optimizer = torch_anil.adam(parameters, recipe, settings.beta_w, settings.beta_phi)

    def gradient_of_one(kind: str, task: torch_anil.Task, recipe: torch_anil.Recipe) -> torch_anil.Parameters:
        if kind == "meta" and side == "functional":
            return functional_meta_gradient(parameters, task, recipe)
        if kind == "meta":
            return torch_anil.task_meta_gradient(parameters, task, recipe).gradient
        losses = torch_anil.TaskLosses(parameters, task, recipe)
        value = (losses.cross_entropy(losses.start) + losses.outer(losses.start)[0]) / 2
        return dict(zip(parameters, torch.autograd.grad(value, list(parameters.values())), strict=True))

    def run(kind: str, N: int) -> None:
        chosen = torch_anil.Recipe(recipe.adapted, recipe.alpha, N, recipe.l2)
        total = gradient_of_one(kind, tasks[0], chosen)
        for task in tasks[1:]:
            one = gradient_of_one(kind, task, chosen)
            total = {name: x + one[name] for name, x in total.items()}
        for name, x in parameters.items():
            x.grad = (total[name] / len(tasks)).detach()
        optimizer.step()
        if device == "cuda":
            torch.cuda.synchronize()

    return run


def main() -> None:
    """Serve until the input ends."""
    enable_float64()
    keep_freed_memory()
    side, choice = sys.argv[1], json.loads(sys.argv[2])
    run = our_side(choice) if side == "ours" else peer_side(side, choice)
    print("ready", flush=True)
    for line in sys.stdin:
        kind, N = line.split()
        run(kind, int(N))
        print("done", flush=True)


if __name__ == "__main__":
    main()
