"""Where a network is cut: w is adapted in the inner loop, phi is shared; the body comes before the first layer of w.

The body does not depend on w. That is structure here: `body` is given phi alone, `head` is given features, and an
inner loss made of `head` cannot reach the body. Features of a task are computed once, whatever N is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from anil_theory._admissible import InvalidParameter, one_of
from anil_theory.neural.networks import STATISTICS, Block, Network, run_layers

GEOMETRIES: dict[str, tuple[str, ...] | None] = {
    "strongly-convex": ("linear",),
    "nonconvex": ("hidden", "linear"),
    "maml": None,
}
"""Names of the adapted layers; None is all of them. Any other cut is written with names: "conv4+linear"."""


class Pair(NamedTuple):
    """Support and query: images (n, H, W, c), features, or one-hot labels (n, ways)."""

    support: Any
    query: Any


@dataclass(frozen=True)
class SplitModel:
    """How a network's layers are divided; it holds no array, so it is a static value under `jax.jit`.

    adapted     names of the layers of w;   first  index of the first of them: layers before it are the body;
    statistics  batch statistics, see networks.STATISTICS;   body_dtype  the type the body computes in, or None for
                that of its parameters;   normalised  whether a layer from `first` on has batch statistics.
    """

    adapted: tuple[str, ...]
    first: int
    statistics: str
    normalised: bool
    body_dtype: str | None = None

    def split(self, network: Network) -> tuple[PyTree, PyTree]:
        """(w, phi): two copies of the tree of `network`, with None where the other one has its arrays."""
        flags = [name in self.adapted for name in network.names]
        return eqx.partition(network, _layer_flags(network, flags))

    def split_body(self, phi: PyTree) -> tuple[PyTree, PyTree]:
        """(phi_body, phi_head): the part of phi before the first adapted layer, and the rest."""
        flags = [i < self.first for i in range(len(phi.names))]
        return eqx.partition(phi, _layer_flags(phi, flags))

    def body(self, phi_body: PyTree, images: Pair) -> Pair:
        """Features of support and query of one task, from one pass over both. Images have a floating type."""
        layers = phi_body.layers[: self.first]
        n = len(images.support)
        x = jnp.concatenate([images.support, images.query])
        if self.body_dtype is not None:
            x = x.astype(self.body_dtype)
        features = run_layers(layers, x, n, self.statistics).astype(images.support.dtype)
        return Pair(features[:n], features[n:])

    def head(self, w: PyTree, phi_head: PyTree, features: Pair, part: str) -> Array:
        """Logits (n, ways) of one part ("support" or "query") from the features of both."""
        layers = eqx.combine(w, phi_head).layers[self.first :]
        mine = getattr(features, part)
        transductive = self.statistics == "joint" or (self.statistics == "support" and part == "query")
        if not (self.normalised and transductive):  # nothing in the head couples the examples of the two parts
            return run_layers(layers, mine, len(mine), self.statistics)
        n = len(features.support)
        logits = run_layers(layers, jnp.concatenate(features), n, self.statistics)
        return logits[:n] if part == "support" else logits[n:]


def split_model(
    network: Network, geometry: str, *, statistics: str | None = None, body_dtype: str | None = None
) -> SplitModel:
    """The cut of `network` that `geometry` names: a key of GEOMETRIES, or layer names joined by "+".

    statistics  None: "joint" where no adapted or later layer has batch statistics, "each" (support and query pass by
                themselves, as other implementations of MAML do) where one has;
    body_dtype  "bfloat16", "float32", "float64" or None.

    Raises InvalidParameter for a layer that the network does not have, and names those that it has.
    """
    names = GEOMETRIES.get(geometry, tuple(geometry.split("+")))
    chosen = network.names if names is None else names
    missing = [name for name in chosen if name not in network.names]
    if missing:
        allowed = f"one of {', '.join(GEOMETRIES)} or layers of {', '.join(network.names)} joined by '+'"
        raise InvalidParameter("geometry", allowed, geometry)
    first = min(network.names.index(name) for name in chosen)
    normalised = any(isinstance(layer, Block) for layer in network.layers[first:])
    if statistics is None:
        statistics = "each" if normalised else "joint"
    one_of("statistics", statistics, STATISTICS)
    if body_dtype is not None:
        one_of("body_dtype", body_dtype, ("bfloat16", "float32", "float64"))
    ordered = tuple(name for name in network.names if name in chosen)
    return SplitModel(ordered, first, statistics, normalised, body_dtype)


def _layer_flags(network: Any, flags: Sequence[bool]) -> Any:
    """A tree of booleans: flags[i] on every array of layer i."""
    layers = tuple(jax.tree.map(lambda _, f=f: f, layer) for layer, f in zip(network.layers, flags, strict=True))
    return eqx.tree_at(lambda net: net.layers, network, layers, is_leaf=lambda x: x is None)
