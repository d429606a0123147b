"""How much memory a benchmark needs at least: parameters, episodes and features, counted before anything is made."""

from anil_theory._memory import require_memory
from anil_theory.neural.settings import Settings

FLOAT32 = 4
"""Bytes of a number: no setting has smaller parameters."""

COPIES = 4
"""Copies of the parameters: themselves, their gradient, and what an outer step makes of both."""


def require_memory_for(settings: Settings, image_shape: tuple[int, int, int]) -> None:
    """Raise NotEnoughMemory where the network, an episode's features or the episodes of a step do not fit.

    image_shape   (height, width, channels) of the data's images.
    """
    height, across, channels = image_shape
    width, images = settings.width, settings.ways * (settings.shots + settings.queries)
    sizes = {"width": width, "hidden": settings.hidden or width, "blocks": settings.blocks}
    require_memory("the parameters", COPIES * FLOAT32 * _parameters(settings, image_shape), sizes)
    pixels = height * across
    of_episodes = {"tasks": settings.tasks, "ways": settings.ways, "shots": settings.shots, "queries": settings.queries}
    require_memory("the episodes of a step", settings.tasks * images * pixels * channels, of_episodes)
    features = FLOAT32 * settings.chunk_size * images * pixels * width
    require_memory("the features of the first block", features, {"chunk": settings.chunk_size, "width": width})
    require_memory("the readings", COPIES * FLOAT32 * settings.dispatch_size, {"dispatch": settings.dispatch_size})


def _parameters(settings: Settings, image_shape: tuple[int, int, int]) -> int:
    """Entries of the kernels of `networks.cnn`, its largest arrays."""
    height, across, channels = image_shape
    width, blocks = settings.width, settings.blocks
    kernels = 9 * width * (channels + (blocks - 1) * width)
    features = (height >> blocks) * (across >> blocks) * width
    if settings.geometry == "nonconvex" or settings.hidden:
        hidden = settings.hidden or width
        return kernels + hidden * (features + settings.ways)
    return kernels + features * settings.ways
