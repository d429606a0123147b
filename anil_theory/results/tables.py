"""Rows as a data frame of pandas and as labelled arrays of xarray. Only this module imports them."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from anil_theory._admissible import InvalidParameter
from anil_theory.errors import MissingLibrary

if TYPE_CHECKING:
    import pandas
    import xarray

AXES = (
    "block",
    "geometry",
    "mu",
    "N",
    "L",
    "rho",
    "tau",
    "M",
    "family",
    "n_w",
    "n_phi",
    "B",
    "K",
    "regime",
    "alpha",
    "check",
    "seed",
    "tasks",
    "query",
    "statement",
    "setting",
    "record",
)
"""The columns that may become axes, those that a reader looks for first."""

NONE_ASSUMED = 0.0
"""What stands on the axis of mu where nothing is assumed of the curvature."""

VALUES = (
    "measured",
    "sampled",
    "sharp",
    "refined",
    "explicit",
    "order",
    "declared",
    "certified",
    "tightness",
    "power",
    "outcome",
)
"""The columns that become arrays, and with them every axis that follows from others, as alpha from mu.

A column that all rows share, as rho often is, becomes an attribute."""


def library(name: str) -> Any:
    """A library of the extra `tables`. Raises MissingLibrary where it is not installed."""
    try:
        return import_module(name)
    except ImportError as error:
        message = f"{name} is not installed: pip install 'anil_theory[tables]' brings it"
        raise MissingLibrary(message) from error


def data_frame(rows: Sequence[Mapping[str, Any]]) -> "pandas.DataFrame":
    """A line for each row; columns that a row lacks are empty there."""
    return library("pandas").DataFrame(list(rows))


def labelled_arrays(rows: Sequence[Mapping[str, Any]], axes: Sequence[str] | None = None) -> "xarray.Dataset":
    """Arrays over the axes, as `Results.to_xarray` has it."""
    library("xarray")
    statements = list(dict.fromkeys(row.get("statement") for row in rows))
    if len(statements) > 1:
        names = ", ".join(str(name) for name in statements)
        raise InvalidParameter("statement", f"one of {names}: each has axes of its own", None)
    plain = [{**row, "mu": NONE_ASSUMED if row.get("mu") is None else row["mu"]} for row in rows]
    chosen = list(axes) if axes is not None else _telling_axes(plain)
    _require_columns(plain, chosen)
    frame = data_frame(plain)
    if frame.duplicated(chosen).any():
        raise InvalidParameter("axes", "names of columns that tell the rows apart", chosen)
    others = [name for name in (*VALUES, *AXES) if name in frame.columns and name not in (*chosen, "setting", "record")]
    shared = {
        name: plain[0].get(name) for name in others if name not in VALUES and len(set(map(str, frame[name]))) == 1
    }
    arrays = [name for name in others if name not in shared]
    dataset = frame[[*chosen, *arrays]].set_index(chosen).to_xarray()
    dataset.attrs |= {name: value for name, value in shared.items() if value is not None}
    if "mu" in chosen:
        dataset["mu"].attrs["note"] = "0 where nothing is assumed of the curvature"
    return dataset


def _telling_axes(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The columns that become axes: each that tells more rows apart than those before it, until all are told apart."""
    chosen: list[str] = []
    groups = 1
    for name in AXES:
        candidate = [*chosen, name]
        told_apart = len({tuple(row.get(each) for each in candidate) for row in rows})
        if told_apart > groups:
            chosen = candidate
            groups = told_apart
        if groups == len(rows):
            break
    return chosen or ["block"]


def _require_columns(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> None:
    known = {name for row in rows for name in row}
    for name in names:
        if name not in known:
            raise InvalidParameter("axes", f"columns of the rows: {', '.join(sorted(known))}", name)
