"""Checkpoints of a training run: one file each, atomic, the oldest pruned, refused for another configuration.

A file holds the arrays of the state (any pytree, found again by its structure) and a JSON text with the iteration, the
configuration and the history. Random keys are not stored: a run derives them from its seed and the iteration.
"""

import json
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import PyTree

from anil_theory._admissible import InvalidParameter, count
from anil_theory._atomic import remove_remains, write_atomically
from anil_theory._plain import to_plain
from anil_theory._printable import printable
from anil_theory.neural.zipped_arrays import zipped_arrays

_log = logging.getLogger(__name__)
_PREFIX, _SUFFIX = "checkpoint-", ".npz"
_NAME = re.compile(rf"{_PREFIX}[0-9]{{9,18}}{re.escape(_SUFFIX)}")


class Checkpoint(NamedTuple):
    """`iteration` steps are done; `state` is the pytree after them; `history` is what the caller put in (plain)."""

    iteration: int
    state: PyTree
    history: Any


class OtherConfiguration(InvalidParameter):
    """The folder of a run holds a checkpoint of a run with other settings, which this one cannot go on from.

    asked, kept   the settings that differ: those of this run, and those of the checkpoint.
    """

    def __init__(self, asked: Mapping[str, Any], kept: Mapping[str, Any]):
        self.name = "checkpoint"
        self.allowed = f"of a run with {_in_words(asked)}"
        self.given = _in_words(kept)
        sentence = f"the checkpoint is of a run with {self.given}, and this run has {_in_words(asked)}"
        Exception.__init__(self, f"{sentence}: choose another --out")


def _in_words(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {value!r}" for name, value in settings.items())


def _refuse_objects(arrays: Mapping[str, np.ndarray]) -> None:
    """Raise InvalidParameter for an array of Python objects: it would be pickled, and no reader here takes a pickle."""
    # NumPy's own switch, `savez(allow_pickle=False)`, is an array of that name before NumPy 2.2.
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise InvalidParameter(
                f"checkpoint.state, {name}", "an array of numbers or texts, and not of Python objects", array.dtype
            )


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
    arrays: dict[str, Any] = {"about": np.asarray(text), **leaves}
    _refuse_objects(arrays)
    write_atomically(path, lambda file: np.savez(file, **arrays))
    for old in _paths(folder)[:-keep]:
        old.unlink(missing_ok=True)
    return path


def load_checkpoint(folder: Path, configuration: Mapping[str, Any], like: PyTree) -> Checkpoint | None:
    """The newest readable checkpoint of the folder, None where there is none.

    like   a state with the structure, shapes and types to expect.
    Damaged files are passed over for older ones, with a warning in the log. Raises OtherConfiguration, naming
    what differs, for a checkpoint of another configuration, and InvalidParameter for one of other shapes.
    """
    for path in reversed(_paths(folder)):
        try:
            stored, history, arrays = _read(path)
        except InvalidParameter as error:
            _log.warning("%s; passed over", printable(str(error)))
            continue
        _check_configuration(stored, json.loads(json.dumps(to_plain(configuration))))
        leaves, structure = jax.tree.flatten(like)
        _check_kinds(arrays, leaves)
        state = jax.tree.unflatten(structure, [jax.numpy.asarray(x) for x in arrays])
        return Checkpoint(_iteration(path), state, history)
    return None


def _read(path: Path) -> tuple[dict[str, Any], Any, list[np.ndarray]]:
    """Configuration, history and arrays of a file. Raises InvalidParameter that names it when it is damaged."""
    with zipped_arrays(path, "a complete checkpoint") as file:
        leaves = [f"leaf{i}" for i in range(len(file.names) - 1)]
        if set(file.names) != {"about", *leaves}:
            raise ValueError("its arrays are not those of a checkpoint")
        text = file.read("about")
        about = json.loads(str(text)) if text.ndim == 0 and text.dtype.kind == "U" else None
        if not isinstance(about, dict) or about.keys() != {"configuration", "history"}:
            raise ValueError("it does not say what it is a checkpoint of")
        if not isinstance(about["configuration"], dict):
            raise ValueError("its configuration is no mapping")
        return about["configuration"], about["history"], [file.read(name) for name in leaves]


def _check_kinds(read: list[np.ndarray], expected: list[Any]) -> None:
    kinds, wanted = ([(x.shape, str(x.dtype)) for x in leaves] for leaves in (read, expected))
    if kinds == wanted:
        return
    if len(kinds) != len(wanted):
        raise InvalidParameter("checkpoint", f"{len(wanted)} arrays of shapes and types {wanted[:3]}", len(kinds))
    place = next(i for i in range(len(kinds)) if kinds[i] != wanted[i])
    raise InvalidParameter("checkpoint", f"arrays of shapes and types {wanted[place]} at {place}", kinds[place])


def _paths(folder: Path) -> list[Path]:
    """The checkpoints of the folder, the oldest first; what else has a similar name is left alone."""
    named = [path for path in folder.glob(f"{_PREFIX}*{_SUFFIX}") if _NAME.fullmatch(path.name) and path.is_file()]
    return sorted(named, key=_iteration)


def _iteration(path: Path) -> int:
    return int(path.name[len(_PREFIX) : -len(_SUFFIX)])


def _check_configuration(read: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    differing = sorted(
        name for name in read.keys() | expected.keys() if read.get(name, None) != expected.get(name, None)
    )
    if differing:
        raise OtherConfiguration(
            asked={name: expected.get(name) for name in differing},
            kept={name: read.get(name) for name in differing},
        )
