"""ANIL in PyTorch with all tasks at once, two ways: `vmap` over tasks of torch.func, and a head in batched products.

Both are functions (parameters, tasks) -> (mean meta-gradient, mean loss), made of torch.func.grad throughout, so that
torch.compile can take them whole. Images and labels have a leading axis of tasks.

vmapped   the losses of one task under vmap, any cut: the gradient is taken of the mean, so that the shared weights'
          gradients are summed in the convolutions;
batched   the body sees the images of all tasks in one batch, channels last, each task normalised by itself; the heads
          are one batched product for each layer and inner step. Statistics "joint" and cuts behind the body only.

`body_dtype` is the type of the body's arithmetic; features come back in the type of the parameters.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch  # pyright: ignore[reportMissingImports]
import torch.nn.functional as F  # pyright: ignore[reportMissingImports]

from experiments.speed.torch_anil import Parameters, Recipe, Task, TaskLosses, layer_names, run_layers

MetaGradient = tuple[Parameters, torch.Tensor]
Side = Callable[[Parameters, Task], MetaGradient]

EPSILON = 1e-5


def stacked(tasks: Sequence[Task]) -> Task:
    """One Task whose members have a leading axis of tasks."""
    return Task(*(torch.stack(members) for members in zip(*tasks, strict=True)))


def plain_normalise(
    x: torch.Tensor, scale: torch.Tensor, offset: torch.Tensor, support: int, statistics: str
) -> torch.Tensor:
    """`torch_anil.normalise` in elementary operations, for derivatives of derivatives under vmap.

    There PyTorch 2.13's batch_norm gives wrong gradients of the layer's input, off by a tenth in the tests, without a
    word; its own rule for the backward pass under vmap is at fault (reported as functorch issue 534).
    """
    if statistics == "each" and support < len(x):
        parts = (x[:support], x[support:])
        return torch.cat([plain_normalise(part, scale, offset, len(part), "joint") for part in parts])
    source = x[:support] if statistics == "support" else x
    variance, mean = torch.var_mean(source, dim=(0, 2, 3), correction=0, keepdim=True)
    gain = torch.rsqrt(variance + EPSILON) * scale.view(-1, 1, 1)
    return (x - mean) * gain + offset.view(-1, 1, 1)


class MixedTaskLosses(TaskLosses):
    """`TaskLosses` with a body that computes in `body_dtype`: the images and the body's layers are converted."""

    body_dtype: torch.dtype | None = None

    def run_body(self, names: Sequence[str], images: torch.Tensor) -> torch.Tensor:
        if self.body_dtype is None or not names:
            return super().run_body(names, images)
        mine = {name: x.to(self.body_dtype) for name, x in self.parameters.items() if name.split(".")[0] in names}
        features = run_layers(mine, names, images.to(self.body_dtype), self.count, self.recipe.statistics)
        return features.to(images.dtype)


def vmapped(recipe: Recipe, body_dtype: torch.dtype | None = None) -> Side:
    """The side `vmapped` for one recipe."""
    choices: dict[str, Any] = {"body_dtype": body_dtype}
    if any(name.startswith("conv") for name in recipe.adapted):
        choices["normalisation"] = staticmethod(plain_normalise)
    losses_type = type("Losses", (MixedTaskLosses,), choices)

    def loss_of_one(parameters: Parameters, *members: torch.Tensor) -> torch.Tensor:
        losses = losses_type(parameters, Task(*members), recipe)
        w = losses.start
        for _ in range(recipe.inner_steps):
            w = _step(losses.inner, w, recipe)
        return losses.outer(w)[0]

    def mean_loss(parameters: Parameters, tasks: Task) -> torch.Tensor:
        return torch.func.vmap(loss_of_one, (None, 0, 0, 0, 0))(parameters, *tasks).mean()

    return partial(_gradient, mean_loss)


def batched(recipe: Recipe, body_dtype: torch.dtype | None = None) -> Side:
    """The side `batched` for one recipe. Raises ValueError for other statistics than "joint"."""
    if recipe.statistics != "joint":
        raise ValueError(f"statistics must be joint; got {recipe.statistics!r}")

    def mean_loss(parameters: Parameters, tasks: Task) -> torch.Tensor:
        names = layer_names(parameters)
        first = min(names.index(name) for name in recipe.adapted)
        images = torch.cat([tasks.support_images, tasks.query_images], dim=1)
        features = batched_body(parameters, names[:first], images, body_dtype)
        count, shots = tasks.support_labels.shape

        def cross_entropy(w: Parameters, part: slice, labels: torch.Tensor) -> torch.Tensor:
            """The sum over the tasks of their means."""
            scores = batched_head(parameters | w, names[first:], features[:, part])
            return count * F.cross_entropy(scores.flatten(0, 1), labels.flatten())

        def inner(w: Parameters) -> torch.Tensor:
            squares = sum(x.square().sum() for x in w.values())
            return cross_entropy(w, slice(None, shots), tasks.support_labels) + recipe.l2 / 2 * squares

        adapted = {name: x for name, x in parameters.items() if name.split(".")[0] in recipe.adapted}
        w = {name: x.expand(count, *x.shape) for name, x in adapted.items()}
        for _ in range(recipe.inner_steps):
            w = _step(inner, w, recipe)
        return cross_entropy(w, slice(shots, None), tasks.query_labels) / count

    return partial(_gradient, mean_loss)


def batched_body(
    parameters: Parameters, names: Sequence[str], images: torch.Tensor, body_dtype: torch.dtype | None
) -> torch.Tensor:
    """Features (tasks, n, features) of images (tasks, n, channels, H, W); mean and variance are those of a task."""
    count = images.shape[0]
    x = images.flatten(0, 1).to(body_dtype or images.dtype).contiguous(memory_format=torch.channels_last)
    for name in names:
        x = F.conv2d(x, parameters[f"{name}.weight"].to(x.dtype), parameters[f"{name}.bias"].to(x.dtype), padding=1)
        wide = x.unflatten(0, (count, -1)).to(torch.promote_types(x.dtype, torch.float32))
        variance, mean = torch.var_mean(wide, dim=(1, 3, 4), correction=0, keepdim=True)
        scale, offset = (parameters[f"{name}.{part}"].view(-1, 1, 1) for part in ("scale", "offset"))
        normal = (wide - mean) * (torch.rsqrt(variance + EPSILON) * scale) + offset
        x = F.max_pool2d(F.relu(normal.to(x.dtype).flatten(0, 1)), 2)
    # The features' order is that of NCHW, as the weights of the head have it.
    return x.flatten(1).unflatten(0, (count, -1)).to(images.dtype)


def batched_head(weights: Parameters, names: Sequence[str], x: torch.Tensor) -> torch.Tensor:
    """Logits (tasks, n, ways) of features (tasks, n, features); weights have a leading axis of tasks."""
    for name in names:
        x = torch.baddbmm(weights[f"{name}.bias"][:, None], x, weights[f"{name}.weight"].transpose(1, 2))
        x = x if name == "linear" else F.relu(x)
    return x


def _step(inner: Callable[[Parameters], torch.Tensor], w: Parameters, recipe: Recipe) -> Parameters:
    slopes = torch.func.grad(inner)(w)
    return {name: x - recipe.alpha * slopes[name] for name, x in w.items()}


def _gradient(mean_loss: Callable[[Parameters, Task], torch.Tensor], parameters: Parameters, tasks: Task) -> Any:
    return torch.func.grad_and_value(mean_loss)(parameters, tasks)


SIDES: dict[str, Callable[..., Side]] = {"vmapped": vmapped, "batched": batched}
