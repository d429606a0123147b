"""PyTorch's side in a process of its own: reads one request a line as JSON, measures, answers with one line of JSON.

A request has "side" (loop, vmapped or batched), "compile" (a back end of torch.compile, or ""), "precision" (see
`our_side.PRECISIONS`), "image_shape", "settings" (of `neural.settings`), "inner_steps", "rounds" and "limit", the
seconds that it may take. The answer has what `pieces.repeat` gives for one meta-iteration (the mean meta-gradient and
Adam, the images at hand as floating point numbers), "loss", "peak_bytes" on a card, or "failed".

Usage: python -m experiments.gpu_steps.torch_worker, from the root of the checkout.
"""

import json
import sys
from typing import Any

import jax
import torch  # pyright: ignore[reportMissingImports]

from anil_theory import enable_float64
from anil_theory.neural.networks import cnn
from anil_theory.neural.settings import Settings
from experiments.gpu_steps.card import out_of_memory
from experiments.gpu_steps.pieces import Clock, repeat
from experiments.gpu_steps.torch_sides import SIDES, Side, stacked
from experiments.speed import torch_anil


class Iteration:
    """One meta-iteration of a request, ready to be run again and again."""

    def __init__(self, request: dict[str, Any]):
        settings = Settings(**request["settings"])
        shape = tuple(request["image_shape"])
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.request, self.settings = request, settings
        hidden = (settings.hidden or settings.width,) if settings.geometry == "nonconvex" else ()
        sizes: dict[str, Any] = {"ways": settings.ways, "width": settings.width, "blocks": settings.blocks}
        network = cnn(jax.random.key(0), shape, hidden=hidden, **sizes)
        copied = torch_anil.copy_parameters(network, shape, torch.float32)
        self.parameters = {name: x.detach().to(self.device).requires_grad_() for name, x in copied.items()}
        self.tasks = [self._task(shape) for _ in range(settings.tasks)]
        statistics = "each" if settings.geometry == "maml" else "joint"
        adapted = torch_anil.adapted_layers(settings.geometry, self.parameters)
        self.recipe = torch_anil.Recipe(adapted, settings.alpha, request["inner_steps"], settings.l2, statistics)
        self.optimizer = torch_anil.adam(self.parameters, self.recipe, settings.beta_w, settings.beta_phi)
        self.side = self._loop if request["side"] == "loop" else self._all_at_once()

    def _task(self, shape: tuple[int, ...]) -> torch_anil.Task:
        height, width, channels = shape
        members: list[torch.Tensor] = []
        for per_class in (self.settings.shots, self.settings.queries):
            count = self.settings.ways * per_class
            members.append(torch.rand(count, channels, height, width, device=self.device))
            members.append(torch.arange(self.settings.ways, device=self.device).repeat_interleave(per_class))
        return torch_anil.Task(*members)

    def _loop(self) -> tuple[torch_anil.Parameters, torch.Tensor]:
        mean = torch_anil.mean_meta_gradient(self.parameters, self.tasks, self.recipe)
        return mean.gradient, mean.loss

    def _all_at_once(self) -> Any:
        body_dtype = torch.bfloat16 if self.request["precision"] == "bfloat16" else None
        side: Side = SIDES[self.request["side"]](self.recipe, body_dtype)
        side = torch.compile(side, backend=self.request["compile"]) if self.request["compile"] else side
        together = stacked(self.tasks)

        def run() -> tuple[torch_anil.Parameters, torch.Tensor]:
            return side({name: x.detach() for name, x in self.parameters.items()}, together)

        return run

    def __call__(self) -> float:
        """The mean loss; waits for the device."""
        gradient, loss = self.side()
        for name, x in self.parameters.items():
            x.grad = gradient[name].detach()
        self.optimizer.step()
        return float(loss)


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """What one request finds."""
    precise = request["precision"] == "float32"
    torch.backends.cuda.matmul.allow_tf32 = not precise
    torch.backends.cudnn.allow_tf32 = not precise
    # Sizes stay what they are within a request, so cuDNN may look for the fastest algorithm.
    torch.backends.cudnn.benchmark = True
    on_card = torch.cuda.is_available()
    if on_card:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    try:
        iteration = Iteration(request)
        loss = iteration()
        found = repeat(iteration, Clock(request["limit"]), rounds=request["rounds"]) | {"loss": loss}
    except Exception as error:  # the worker goes on with the next request
        reason = "out of memory" if out_of_memory(error) else f"{type(error).__name__}: {error}"[:300]
        return {"failed": reason}
    if on_card:
        found["peak_bytes"] = torch.cuda.max_memory_allocated()
    return found


def main() -> None:
    """Serve until the input ends."""
    enable_float64()
    torch.manual_seed(0)
    print(json.dumps({"torch": torch.__version__, "sees_card": torch.cuda.is_available()}), flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
