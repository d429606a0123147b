"""The block Lipschitz constants of Propositions 2 and 3 over the default grid, as records in results/block_constants.

Grid and wiring only; `paper_figures/block_constants.py` draws the figure from the records.
"""

from pathlib import Path

from anil_theory.verification import default_cells, run_cells

from anil_theory.record import RecordStore


def main() -> None:
    """Run the cells that are not there yet and say where the records are."""
    store = RecordStore(Path("results/block_constants"))
    summary = run_cells(
        default_cells(("prop2", "prop3")), store, resume=True, on_done=lambda record: print(".", end="", flush=True)
    )
    if summary.failure is not None:
        raise summary.failure
    print(f"\n{len(summary.records)} of {summary.total} records in {store.folder}: {summary.outcomes()}")


if __name__ == "__main__":
    main()
