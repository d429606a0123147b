"""The meta-gradient of `torch_anil` by composed function transforms (`torch.func.grad`) in place of autograd's tape."""

import torch  # pyright: ignore[reportMissingImports]
from torch_anil import Parameters, Recipe, Task, TaskLosses


def functional_meta_gradient(parameters: Parameters, task: Task, recipe: Recipe) -> Parameters:
    """The gradient of the query loss at w_N in every parameter, one task."""

    def meta_loss(parameters: Parameters) -> torch.Tensor:
        losses = TaskLosses(parameters, task, recipe)
        w = losses.start
        for _ in range(recipe.inner_steps):
            slopes = torch.func.grad(losses.inner)(w)
            w = {name: x - recipe.alpha * slopes[name] for name, x in w.items()}
        return losses.outer(w)[0]

    return torch.func.grad(meta_loss)({name: x.detach() for name, x in parameters.items()})
