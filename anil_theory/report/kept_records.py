"""The records of figures as they are kept beside a paper: what the figures read, and nothing else."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from anil_theory.record import Record, RecordStore

ROW_OF_BLOCKS = (
    "statement",
    "check",
    "geometry",
    "regime",
    "block",
    "setting",
    "measured",
    "sampled",
    "method",
    "direction",
    "bounds",
    "tightness",
    "outcome",
    "rounding_kind",
)
"""The members of a row of `verify` that figures read; its verdicts and estimates, with their witnesses, are long."""

ROW_OF_CERTIFICATES = ("statement", "geometry", "N", "block", "lower", "upper", "region", "bounds", "outcome")

ROW_OF_TIGHTNESS = (
    "statement",
    "geometry",
    "block",
    "setting",
    "mu",
    "N",
    "alpha",
    "bounds",
    "scalar",
    "tensors",
    "realised",
    "family",
    "verdicts",
    "rounding_kind",
)


ROW_OF_HYPERGRADIENTS = ("statement", "block", "setting", "measured", "bounds", "outcome", "rounding_kind")

MEASURED_IN_TRAINING = ("loss", "seconds")


def keep_records(source: str, records: list[Record], folder: Path) -> None:
    """Write the records of a source into FOLDER/SOURCE; those that were there and are not among them are removed.

    Each keeps its cell and its provenance. What no figure reads is left out, so that the record of a search has no
    witness: `--resume` cannot take it for the record of a run.
    """
    shorten = SHORTENED.get(source, _whole)
    store = RecordStore(folder / source)
    kept = {store.put(shorten(record)) for record in records}
    for key in set(store.keys()) - kept:
        (store.folder / f"{key}.json").unlink()


def _whole(record: Record) -> Record:
    return record


def _rows_of(names: tuple[str, ...]) -> Callable[[Record], Record]:
    def shortened(record: Record) -> Record:
        return replace(record, verdicts=[_only(row, names) for row in record.verdicts])

    return shortened


def _hypergradients(record: Record) -> Record:
    """The rows with the slack of each verdict: what is below it is not drawn."""
    rows = []
    for row in record.verdicts:
        slacks = [{"slack": verdict["slack"]} for verdict in row["verdicts"]]
        rows.append({**_only(row, ROW_OF_HYPERGRADIENTS), "verdicts": slacks})
    return replace(record, verdicts=rows)


def _tightness(record: Record) -> Record:
    rows = [_only(row, ROW_OF_TIGHTNESS) for row in record.measurements["rows"]]
    return replace(record, measurements={"rows": rows})


def _training(record: Record) -> Record:
    kept = _only(record.measurements, MEASURED_IN_TRAINING)
    kept["probes"] = [_probe(probe) for probe in record.measurements.get("probes", ())]
    return replace(record, measurements=kept, verdicts=[])


def _probe(probe: Mapping[str, Any]) -> dict[str, Any]:
    """The measured blocks of a point, and the two predictions of each."""
    kept = _only(probe, ("iteration", "blocks"))
    predicted = probe["predicted"]
    kept["predicted"] = predicted and {
        block: _only(prediction, ("local", "statement")) for block, prediction in predicted.items()
    }
    return kept


def _only(row: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: row[name] for name in names if name in row}


SHORTENED: dict[str, Callable[[Record], Record]] = {
    "block_constants": _rows_of(ROW_OF_BLOCKS),
    "block_certificates": _rows_of(ROW_OF_CERTIFICATES),
    "tightness": _tightness,
    "unroll_or_solve": _hypergradients,
    "bench": _training,
}
"""How the records of a source are made shorter; those of the others are small."""
