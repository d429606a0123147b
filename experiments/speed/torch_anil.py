"""ANIL and MAML in plain PyTorch, written from the definitions: an independent implementation to compare with.

It shares no line and no array layout with the package: images are NCHW, the inner loop is a Python loop of
`torch.autograd.grad(..., create_graph=True)`, the meta-gradient is one more call of it through everything, tasks are
taken one after the other. Needs the extra `peer`; float32 and float64, on the device of the parameters.

Parameters are a flat dictionary in the order of the layers: "conv1.weight" (out, in, 3, 3), "conv1.bias", "conv1.scale"
and "conv1.offset" (out,), ..., "hidden.weight" (out, in), "hidden.bias" (out,), "linear.weight", "linear.bias".
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch  # pyright: ignore[reportMissingImports]
import torch.nn.functional as F  # pyright: ignore[reportMissingImports]

Parameters = dict[str, torch.Tensor]
Normalisation = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, int, str], torch.Tensor]


class Task(NamedTuple):
    """Images (n, channels, H, W) in [0, 1] and labels int64 (n,) in 0..ways-1, of support and query."""

    support_images: torch.Tensor
    support_labels: torch.Tensor
    query_images: torch.Tensor
    query_labels: torch.Tensor


@dataclass(frozen=True)
class Recipe:
    """What is done with a task: `inner_steps` steps of size `alpha` on the layers `adapted`, with (l2/2)||w||^2.

    statistics   of batch normalisation: "joint" (support and query together), "support" (of the support, for both), or
                 "each" (support and query pass by themselves);
    first_order  inner gradients are constants (FO-ANIL, FO-MAML).
    """

    adapted: tuple[str, ...]
    alpha: float
    inner_steps: int
    l2: float = 0.0
    statistics: str = "joint"
    first_order: bool = False

    def __post_init__(self) -> None:
        if self.statistics not in ("joint", "support", "each"):
            raise ValueError(f"statistics must be joint, support or each; got {self.statistics!r}")


class MetaGradient(NamedTuple):
    """The gradient of the query loss at w_N in every parameter; that loss and the accuracy, scalars."""

    gradient: Parameters
    loss: torch.Tensor
    accuracy: torch.Tensor


def adapted_layers(geometry: str, parameters: Parameters) -> tuple[str, ...]:
    """The layers of w: the last linear one, the last two, all of them (MAML), or those named, joined by "+"."""
    known = {"strongly-convex": ("linear",), "nonconvex": ("hidden", "linear"), "maml": layer_names(parameters)}
    return known.get(geometry, tuple(geometry.split("+")))


def layer_names(parameters: Parameters) -> tuple[str, ...]:
    """The layers, the first one first."""
    return tuple(dict.fromkeys(name.split(".")[0] for name in parameters))


def copy_parameters(network: Any, image_shape: tuple[int, int, int], dtype: torch.dtype) -> Parameters:
    """The parameters of a channels-last network, as leaves that require gradients; of a gradient just as well.

    network      has `names` and `layers`; a convolution has kernel (3, 3, in, out), bias, scale and offset, a linear
                 layer kernel (in, out) and bias;
    image_shape  (H, W, channels).

    The first linear layer's inputs are reordered from (h, w, channel) to (channel, h, w).
    """
    (height, width, channels), copied, still_images = image_shape, {}, True
    for name, layer in zip(network.names, network.layers, strict=True):
        kernel = np.asarray(layer.kernel)
        if kernel.ndim == 4:
            copied[f"{name}.weight"] = kernel.transpose(3, 2, 0, 1)
            copied |= {f"{name}.{part}": np.asarray(getattr(layer, part)) for part in ("bias", "scale", "offset")}
            height, width, channels = height // 2, width // 2, kernel.shape[3]
        else:
            if still_images:
                kernel = kernel.reshape(height, width, channels, -1).transpose(2, 0, 1, 3).reshape(kernel.shape)
            still_images = False
            copied |= {f"{name}.weight": kernel.T, f"{name}.bias": np.asarray(layer.bias)}
    return {name: torch.tensor(x.copy(), dtype=dtype, requires_grad=True) for name, x in copied.items()}


def copy_tasks(episodes: Any, dtype: torch.dtype) -> list[Task]:
    """Tasks from arrays with a leading axis of tasks: images uint8 (tasks, n, H, W, channels) and integer labels."""

    def images(x: Any) -> torch.Tensor:
        return torch.tensor(np.asarray(x)).permute(0, 1, 4, 2, 3).contiguous().to(dtype) / 255

    def labels(x: Any) -> torch.Tensor:
        return torch.tensor(np.asarray(x), dtype=torch.int64)

    support = images(episodes.support_images), labels(episodes.support_labels)
    query = images(episodes.query_images), labels(episodes.query_labels)
    return [Task(*members) for members in zip(*support, *query, strict=True)]


def normalise(
    x: torch.Tensor, scale: torch.Tensor, offset: torch.Tensor, support: int, statistics: str
) -> torch.Tensor:
    """Batch normalisation of x (n, channels, H, W), whose first `support` examples are the support."""

    def of_itself(part: torch.Tensor) -> torch.Tensor:
        return F.batch_norm(part, None, None, scale, offset, training=True)

    if statistics == "joint" or support == len(x):
        return of_itself(x)
    if statistics == "each":
        return torch.cat([of_itself(x[:support]), of_itself(x[support:])])
    variance, mean = torch.var_mean(x[:support], dim=(0, 2, 3), correction=0, keepdim=True)
    shape = (1, -1, 1, 1)
    return (x - mean) / torch.sqrt(variance + 1e-5) * scale.view(shape) + offset.view(shape)


def run_layers(
    parameters: Parameters,
    names: Sequence[str],
    x: torch.Tensor,
    support: int,
    statistics: str,
    normalisation: Normalisation = normalise,
) -> torch.Tensor:
    """x through the named layers: convolution, normalisation, ReLU, pooling; or linear, then ReLU but for the last."""
    for name in names:
        weight, bias = parameters[f"{name}.weight"], parameters[f"{name}.bias"]
        if weight.ndim == 4:
            x = F.conv2d(x, weight, bias, padding=1)
            x = normalisation(x, parameters[f"{name}.scale"], parameters[f"{name}.offset"], support, statistics)
            x = F.max_pool2d(F.relu(x), 2)
        else:
            x = F.linear(x.flatten(1), weight, bias)
            x = x if name == "linear" else F.relu(x)
    return x


class TaskLosses:
    """The losses of one task as functions of w; features of support and query are computed once, here."""

    normalisation: Normalisation = staticmethod(normalise)

    def __init__(self, parameters: Parameters, task: Task, recipe: Recipe):
        names = layer_names(parameters)
        first = min(names.index(name) for name in recipe.adapted)
        self.parameters, self.task, self.recipe, self.head = parameters, task, recipe, names[first:]
        self.start = {name: x for name, x in parameters.items() if name.split(".")[0] in recipe.adapted}
        self.count = len(task.support_labels)
        images = torch.cat([task.support_images, task.query_images])
        self.features = self.run_body(names[:first], images)

    def run_body(self, names: Sequence[str], images: torch.Tensor) -> torch.Tensor:
        """Features of the support, then of the query."""
        return run_layers(self.parameters, names, images, self.count, self.recipe.statistics, self.normalisation)

    def logits(self, w: Parameters, part: str) -> torch.Tensor:
        """(n, ways) of the "support" or the "query"; both pass the head only where its statistics couple them."""
        weights, statistics = self.parameters | w, self.recipe.statistics
        mine = slice(None, self.count) if part == "support" else slice(self.count, None)
        normalised = any(f"{name}.scale" in weights for name in self.head)
        if normalised and (statistics == "joint" or (statistics == "support" and part == "query")):
            return run_layers(weights, self.head, self.features, self.count, statistics, self.normalisation)[mine]
        alone = self.features[mine]
        return run_layers(weights, self.head, alone, len(alone), "joint", self.normalisation)

    def inner(self, w: Parameters) -> torch.Tensor:
        """Cross-entropy of the support plus (l2/2)||w||^2."""
        loss = self.cross_entropy(w)
        if self.recipe.l2:
            loss = loss + self.recipe.l2 / 2 * sum(x.square().sum() for x in w.values())
        return loss

    def cross_entropy(self, w: Parameters) -> torch.Tensor:
        """The mean over the support, without the regulariser."""
        return F.cross_entropy(self.logits(w, "support"), self.task.support_labels)

    def adapt(self) -> list[Parameters]:
        """w_0, ..., w_N, differentiable in every parameter."""
        iterates = [self.start]
        for _ in range(self.recipe.inner_steps):
            w = iterates[-1]
            slopes = torch.autograd.grad(self.inner(w), list(w.values()), create_graph=not self.recipe.first_order)
            iterates.append({name: w[name] - self.recipe.alpha * s for name, s in zip(w, slopes, strict=True)})
        return iterates

    def outer(self, w: Parameters) -> tuple[torch.Tensor, torch.Tensor]:
        """Cross-entropy and accuracy of the query."""
        scores, labels = self.logits(w, "query"), self.task.query_labels
        return F.cross_entropy(scores, labels), (scores.argmax(1) == labels).to(scores.dtype).mean()


def task_meta_gradient(parameters: Parameters, task: Task, recipe: Recipe) -> MetaGradient:
    """The meta-gradient of one task, by autograd through the inner loop."""
    losses = TaskLosses(parameters, task, recipe)
    loss, accuracy = losses.outer(losses.adapt()[-1])
    gradient = torch.autograd.grad(loss, list(parameters.values()))
    return MetaGradient(dict(zip(parameters, gradient, strict=True)), loss.detach(), accuracy)


def mean_meta_gradient(parameters: Parameters, tasks: Sequence[Task], recipe: Recipe) -> MetaGradient:
    """The mean over tasks of their meta-gradients, losses and accuracies."""
    total = task_meta_gradient(parameters, tasks[0], recipe)
    for task in tasks[1:]:
        one = task_meta_gradient(parameters, task, recipe)
        gradient = {name: x + one.gradient[name] for name, x in total.gradient.items()}
        total = MetaGradient(gradient, total.loss + one.loss, total.accuracy + one.accuracy)
    n = len(tasks)
    return MetaGradient({name: x / n for name, x in total.gradient.items()}, total.loss / n, total.accuracy / n)


def adam(parameters: Parameters, recipe: Recipe, beta_w: float, beta_phi: float) -> torch.optim.Optimizer:
    """Adam with a step size for w and one for phi."""
    rates = {name: beta_w if name.split(".")[0] in recipe.adapted else beta_phi for name in parameters}
    return torch.optim.Adam([{"params": [x], "lr": rates[name]} for name, x in parameters.items()])


def outer_step(
    parameters: Parameters, optimizer: torch.optim.Optimizer, tasks: Sequence[Task], recipe: Recipe
) -> MetaGradient:
    """One outer iteration: the mean meta-gradient at the parameters, which the optimiser then moves in place."""
    mean = mean_meta_gradient(parameters, tasks, recipe)
    for name, x in parameters.items():
        x.grad = mean.gradient[name]
    optimizer.step()
    return mean
