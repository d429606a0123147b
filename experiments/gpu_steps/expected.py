"""How long each piece takes on an H100, from its floating point operations, its bytes and its launches.

    seconds = compilation + repetitions * (max(operations / rate, bytes / bandwidth) + launches * seconds of a launch)

The rates are what such networks sustain and not the peaks of the data sheet; the first step of a run measures the
peaks, and the profile of a missed goal uses those. Compilation cannot be counted: it is an allowance.
"""

from dataclasses import dataclass
from itertools import pairwise

from anil_theory.neural.settings import Settings

RATES = {"float64": 15e12, "float32": 25e12, "tensorfloat32": 60e12, "bfloat16": 100e12}
"""Operations per second of convolutions and products on an H100."""

BANDWIDTH = 2.5e12
"""Bytes per second of its memory."""

CPU_RATE = 2e10
"""Float64 operations per second of a few CPU cores in XLA's convolutions."""

PASSES_OVER_ACTIVATIONS = 14
"""How often a layer's output is read or written: forward and backward pass of convolution, normalisation, pooling."""

LAUNCH = {"ours": 4e-6, "torch": 10e-6}
"""Seconds of a kernel that has little to do: from a compiled loop, and from Python."""

LAUNCHES_OF_A_STEP = {"ours": 40, "torch": 150}
"""Kernels of one inner step and its way back, of the head."""

LAUNCHES_OF_A_PASS = 400
"""Kernels of the forward and the backward pass, by PyTorch."""

COMPILE = {"small": 2.0, "program": 10.0, "torch": 5.0, "torch.compile": 30.0, "torch.compile of a step": 3.0}
"""Seconds allowed for tracing and compiling; "torch": a worker's start, kept by the pieces after it."""


@dataclass(frozen=True)
class Size:
    """One network on one kind of image: what the counts depend on."""

    image_shape: tuple[int, int, int]
    width: int
    blocks: int
    ways: int
    hidden: int = 0

    @classmethod
    def of(cls, settings: Settings, image_shape: tuple[int, int, int]) -> "Size":
        """The size of a configuration; the hidden layer is as wide as the body where there is one."""
        hidden = settings.hidden or (settings.width if settings.geometry == "nonconvex" else 0)
        return cls(image_shape, settings.width, settings.blocks, settings.ways, hidden)


def sides_of(size: Size) -> list[tuple[int, int, int]]:
    """(height, width, channels) that each block takes, the features' last."""
    height, width, channels = size.image_shape
    found = []
    for _ in range(size.blocks):
        found.append((height, width, channels))
        height, width, channels = height // 2, width // 2, size.width
    return [*found, (height, width, channels)]


def body_operations(size: Size) -> int:
    """Multiplications and additions of the convolutions, one image, forward."""
    return sum(2 * h * w * 9 * c * size.width for h, w, c in sides_of(size)[:-1])


def head_operations(size: Size) -> int:
    """Multiplications and additions of the linear layers, one example, forward."""
    height, width, channels = sides_of(size)[-1]
    features = height * width * channels
    ends = [features, *([size.hidden] if size.hidden else []), size.ways]
    return sum(2 * a * b for a, b in pairwise(ends))


def activation_bytes(size: Size, item: int = 4) -> int:
    """Bytes of all convolutions' outputs of one image."""
    return sum(h * w * size.width * item for h, w, _ in sides_of(size)[:-1])


def iteration_operations(settings: Settings, size: Size, inner_steps: int) -> int:
    """Operations of one meta-iteration: the body there and back (three forward passes), and the inner steps.

    An inner step is a gradient (three forward passes) of the support, and its way back a derivative of that (six). In
    MAML they go through the whole network.
    """
    support, both = settings.ways * settings.shots, settings.ways * (settings.shots + settings.queries)
    head, body = head_operations(size), body_operations(size)
    adapted = head + body if settings.geometry == "maml" else head
    return settings.tasks * (3 * both * (body + head) + 9 * inner_steps * support * adapted)


def iteration_bytes(settings: Settings, size: Size, inner_steps: int) -> int:
    """Bytes of memory traffic of one meta-iteration, activations only."""
    support, both = settings.ways * settings.shots, settings.ways * (settings.shots + settings.queries)
    images = both + (3 * inner_steps * support if settings.geometry == "maml" else 0)
    return settings.tasks * images * activation_bytes(size) * PASSES_OVER_ACTIVATIONS


def task_memory(settings: Settings, size: Size, inner_steps: int) -> float:
    """Bytes that one task holds at once: a few copies of its activations, in MAML those of every inner step."""
    both = settings.ways * (settings.shots + settings.queries)
    copies = 8 + (4 * inner_steps if settings.geometry == "maml" else 0)
    return copies * both * activation_bytes(size)


def iteration_seconds(settings: Settings, size: Size, inner_steps: int, precision: str, side: str = "ours") -> float:
    """Seconds of one meta-iteration on an H100: of ours, or of a PyTorch side ("vmapped", "batched", "loop")."""
    arithmetic = iteration_operations(settings, size, inner_steps) / RATES[precision]
    traffic = iteration_bytes(settings, size, inner_steps) / BANDWIDTH
    whole = 10 if settings.geometry == "maml" else 1  # MAML's inner steps launch the kernels of all layers
    steps = inner_steps * whole
    if side == "ours":
        launches = steps * LAUNCHES_OF_A_STEP["ours"] * LAUNCH["ours"]
    else:
        each = LAUNCHES_OF_A_PASS + steps * LAUNCHES_OF_A_STEP["torch"]
        launches = each * LAUNCH["torch"] * (settings.tasks if side == "loop" else 1)
    return max(arithmetic, traffic) + launches
