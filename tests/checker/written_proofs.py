"""A small proof as the search writes it, and forgeries of it."""

import gzip
import json
from pathlib import Path
from typing import Any

import jax.numpy as jnp

from anil_theory.certify import certify_hessian_blocks_general
from anil_theory.certify.proof import Proof
from anil_theory.checker.check import digest
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import Losses

TARGETS = jnp.array([1.0, 0.3])


def support(w: Any, phi: Any, data: Any) -> Any:
    """A tanh feature with a regularised linear head."""
    return 0.5 * jnp.mean((jnp.tanh(phi[0]) * w[0] - data) ** 2) + 0.05 * w @ w


def query(w: Any, phi: Any, data: Any) -> Any:
    """The same head on other targets."""
    return 0.5 * jnp.mean((jnp.tanh(phi[0]) * w[0] + data) ** 2)


def write_proof(path: Path) -> Path:
    """Every block over a box of two coordinates, N = 2."""
    proof = Proof()
    box: Any = ([-1.0, -0.5], [0.5, 1.0])
    certify_hessian_blocks_general(Losses(support, query), TARGETS, Schedule(0.3, 2), *box, n_w=1, gap=0.1, proof=proof)
    return proof.write(path)


def document_of(path: Path) -> dict:
    return json.loads(gzip.decompress(path.read_bytes()))


def rewritten(path: Path, document: dict, *, signed: bool = True) -> Path:
    """A forgery: the digest is that of the new contents, unless left as it was."""
    if signed:
        document["digest"] = digest(document)
    path.write_bytes(gzip.compress(json.dumps(document).encode()))
    return path
