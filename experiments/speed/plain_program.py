"""What the inner loop is compared with: the same program without it, on images of noise of any size."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from anil_theory.neural.data import ImageDataset, ImageSplit
from anil_theory.neural.objective import MetaSum, cross_entropy, hits, map_tasks
from anil_theory.neural.program import Program

CLASSES, PER_CLASS = 16, 20


def noise_dataset(image_shape: tuple[int, int, int]) -> ImageDataset:
    """Three splits of CLASSES x PER_CLASS images (H, W, channels) of uniform noise, from a fixed seed."""
    generator = np.random.default_rng(0)

    def split(prefix: str) -> ImageSplit:
        images = generator.integers(0, 256, (CLASSES, PER_CLASS, *image_shape), dtype=np.uint8)
        return ImageSplit(images, tuple(f"{prefix}{i}" for i in range(CLASSES)))

    return ImageDataset("noise", split("train"), split("validation"), split("test"))


class PlainProgram(Program):
    """A forward and a backward pass: cross-entropy of all images of the task at w, in place of the query's at w_N."""

    def _add_chunk(self, total: MetaSum, params: Any, episodes: Any, index: Any, alpha: Any, active: Any) -> MetaSum:
        chunk = self.settings.chunk_size
        mine = jax.tree.map(lambda x: jax.lax.dynamic_slice_in_dim(x, index * chunk, chunk), episodes)
        images, labels = self.objective.prepare(mine, jnp.dtype(self.settings.dtype))

        def loss(params: Any) -> Any:
            w, phi = params
            body, head = self.model.split_body(phi)

            def one(images: Any, labels: Any) -> Any:
                features = self.model.body(body, images) if self.model.first else images
                scores = [self.model.head(w, head, features, part) for part in ("support", "query")]
                return [sum(map(f, scores, labels)) / 2 for f in (cross_entropy, hits)]

            return tuple(map(jnp.sum, map_tasks(one, images, labels)))

        (value, correct), (g_w, g_phi) = jax.value_and_grad(loss, has_aux=True)(params)
        return jax.tree.map(lambda t, x: (t + x).astype(t.dtype), total, MetaSum(g_w, g_phi, value, correct))
