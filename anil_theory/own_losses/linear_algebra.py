"""Losses that call LAPACK: with JAX older than 0.12, batches of such calls can wait for each other for ever.

On the CPU a batch of LAPACK calls waits for the thread pool that it runs on. Where as many of them run at once as the
pool has threads, none of them ends: two on two cores, in one program or in several (`experiments/lapack_deadlock.py`).
A pool of one thread works by itself and does not wait; XLA reads its size from NPROC when it starts.
"""

import os
import warnings
from collections.abc import Iterable

import jax
from jax.extend.core import JaxprEqn

from anil_theory.certify.program.source_lines import user_line

LAPACK = {"cholesky", "eig", "eigh", "geqrf", "hessenberg", "householder_product", "lu", "qr", "schur", "svd"}
LAPACK |= {"triangular_solve", "tridiagonal"}
"""Primitives that JAX hands to LAPACK or BLAS on the CPU."""

CURED = (0, 12)
"""The first JAX in which such batches end."""


class MayHang(UserWarning):
    """A loss whose linear algebra may never end with this JAX on this machine, as the environment stands."""


def warn_of_lapack(name: str, equations: Iterable[JaxprEqn]) -> None:
    """Warn MayHang where a loss calls LAPACK and its batches may wait for each other."""
    if not waits_possible():
        return
    first = next((each for each in equations if each.primitive.name in LAPACK), None)
    if first is not None:
        warnings.warn(
            f"the {name} loss calls LAPACK ({first.primitive.name!r}{user_line(first)}); with JAX {jax.__version__} "
            "batches of such calls can wait for each other for ever on a CPU of few cores. Set NPROC=1 in the "
            "environment before Python starts, or use JAX 0.12 or newer",
            MayHang,
            stacklevel=2,
        )


def waits_possible() -> bool:
    """Whether batches of LAPACK calls can wait for each other: JAX is old, on a CPU, and its pool has several threads.

    What NPROC says now counts, although XLA read it when it started.
    """
    old = tuple(int(part) for part in jax.__version__.split(".")[:2]) < CURED
    return old and jax.default_backend() == "cpu" and os.environ.get("NPROC") != "1"
