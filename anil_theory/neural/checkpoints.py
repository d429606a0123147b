"""Checkpoints of a training run: one file each, atomic, the oldest pruned, refused for another configuration.

A file holds the arrays of the state (any pytree, found again by its structure) and a JSON text with the iteration, the
configuration and the history. Random keys are not stored: a run derives them from its seed and the iteration.
"""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import PyTree

from anil_theory._admissible import InvalidParameter, count
from anil_theory._atomic import remove_remains, write_atomically
from anil_theory._plain import to_plain

_PREFIX, _SUFFIX = "checkpoint-", ".npz"


class Checkpoint(NamedTuple):
    """`iteration` steps are done; `state` is the pytree after them; `history` is what the caller put in (plain)."""

    iteration: int
    state: PyTree
    history: Any


def save_checkpoint(folder: Path, configuration: Mapping[str, Any], checkpoint: Checkpoint, *, keep: int = 2) -> Path:
    """Write a checkpoint and prune all but the newest `keep`; returns its path.

    The file appears under its name when it is complete and on disk, so a kill at any moment leaves the ones before.
    """
    count("keep", keep)
    folder.mkdir(parents=True, exist_ok=True)
    remove_remains(folder)
    path = folder / f"{_PREFIX}{checkpoint.iteration:09d}{_SUFFIX}"
    text = json.dumps({"configuration": to_plain(configuration), "history": to_plain(checkpoint.history)})
    leaves = {f"leaf{i}": np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(checkpoint.state))}
    write_atomically(path, lambda file: np.savez(file, allow_pickle=False, about=np.asarray(text), **leaves))
    for old in _paths(folder)[:-keep]:
        old.unlink(missing_ok=True)
    return path


def load_checkpoint(folder: Path, configuration: Mapping[str, Any], like: PyTree) -> Checkpoint | None:
    """The newest readable checkpoint of the folder, None where there is none.

    like   a state with the structure, shapes and types to expect.
    Damaged files are passed over for older ones. Raises InvalidParameter, naming what differs, for a checkpoint of
    another configuration or of other shapes.
    """
    for path in reversed(_paths(folder)):
        try:
            with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                about = json.loads(str(file["about"]))
                arrays = [file[f"leaf{i}"] for i in range(len(file.files) - 1)]
        except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError):
            continue
        _check_configuration(about["configuration"], json.loads(json.dumps(to_plain(configuration))))
        leaves, structure = jax.tree.flatten(like)
        expected, found = [(x.shape, str(x.dtype)) for x in leaves], [(x.shape, str(x.dtype)) for x in arrays]
        if expected != found:
            raise InvalidParameter("checkpoint", f"arrays of shapes and types {expected}", found)
        state = jax.tree.unflatten(structure, [jax.numpy.asarray(x) for x in arrays])
        return Checkpoint(int(path.name[len(_PREFIX) : -len(_SUFFIX)]), state, about["history"])
    return None


def _paths(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{_PREFIX}*{_SUFFIX}"))


def _check_configuration(found: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    differing = sorted(
        name for name in found.keys() | expected.keys() if found.get(name, None) != expected.get(name, None)
    )
    if differing:
        wanted = ", ".join(f"{name} = {expected.get(name)!r}" for name in differing)
        given = ", ".join(f"{name} = {found.get(name)!r}" for name in differing)
        raise InvalidParameter("checkpoint", f"of the same configuration ({wanted}); choose another --out", given)
