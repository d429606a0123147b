"""What this package raises on purpose. Every such exception is an `AnilTheoryError`, and its message says what to do.

| exception                                  | also is a             | raised where                                  |
|--------------------------------------------|-----------------------|-----------------------------------------------|
| `InvalidParameter`                         | `ValueError`          | a parameter is outside its admissible set     |
| `_admissible.ConflictingArguments`         | `ValueError`          | two arguments exclude each other              |
| `study.empty_grid.EmptyGrid`               | `ValueError`          | no combination of the axes is a cell          |
| `neural.checkpoints.OtherConfiguration`    | `ValueError`          | a run would go on from another run            |
| `_precision.SinglePrecision`               | `RuntimeError`        | a context keeps JAX at 32-bit types           |
| `_memory.NotEnoughMemory`                  | `ValueError`          | a size is beyond the memory of the machine    |
| `_registry.ExtensionError`                 | `ValueError`          | what was added from outside cannot be used    |
| `_registry.NameTaken`                      | `ValueError`          | two things of one kind have the same name     |
| `_registry.NotOfTheKind`                   | `ValueError`          | a thing is not what its registry holds        |
| `extend.PluginFailed`                      | `ValueError`          | a plug-in does not import                     |
| `checks.pairing.Unmeasured`                | `ValueError`          | nothing measures what a claim bounds          |
| `problem.UnknownFact`                      | `ValueError`          | a problem has no number that a bound needs    |
| `own_losses.UnusableLoss`                  | `ValueError`          | a loss of one's own cannot be studied         |
| `own_losses.NotDifferentiable`             | `ValueError`          | JAX cannot differentiate a loss three times   |
| `own_losses.file.UnusableFile`             | `ValueError`          | a file or module holds no losses              |
| `EmptyPopulation`                          | `ValueError`          | a population has no task                      |
| `NoBrowser`                                | `RuntimeError`        | a page was to be opened, and nothing opens it |
| `NoWitness`                                | `ValueError`          | an estimate keeps no point to compute it at   |
| `NotOneRecordEach`                         | `ValueError`          | a page was given no record, or two for one    |
| `MissingLibrary`                           | `ImportError`         | an optional library is not installed          |
| `MemoryTooSmall`                           | `MemoryError`         | the work does not fit in memory               |
| `Incomparable`                             | `ValueError`          | a claim meets another quantity's estimate     |
| `statements.base.MissingFact`              | `ValueError`          | a bound needs a fact that it was not given    |
| `statements.base.NoBound`                  | `ArithmeticError`     | an expression gives no number >= 0            |
| `estimators.not_finite.NotFinite`          | `ArithmeticError`     | a quantity is finite nowhere                  |
| `estimators.local_rounding.NoRule`         | `NotImplementedError` | the rounding of an operation is not known     |
| `certify.enclosures.refusals.NoEnclosure`  | `NotImplementedError` | an operation has no enclosure                 |
| `certify.enclosures.refusals.Undecided`    | `ArithmeticError`     | a comparison that an enclosure cannot decide  |
| `certify.proof.NoProof`                    | `RuntimeError`        | a certificate that cannot be written down     |
| `record.UnreadableRecord`                  | `ValueError`          | a file is no record                           |
| `record.OtherSchema`                       | `ValueError`          | a file is a record of another version         |
| `record.SchemaError`                       | `ValueError`          | a text is a record of another version         |
| `report.mathematics.UnreadableFormula`     | `ValueError`          | LaTeX beyond what a page can show             |
| `report.gallery.MissingRecords`            | `LookupError`         | a figure has no records to be drawn from      |
| `report.template.TemplateMismatch`         | `ValueError`          | a hole in a text and no number for it         |

Programs outside the package that catch the standard exception of the second column go on working.
"""


class AnilTheoryError(Exception):
    """The base of all exceptions that this package raises on purpose."""


class MissingLibrary(AnilTheoryError, ImportError):
    """An optional library that is not installed; the message says how to install it."""


class MemoryTooSmall(AnilTheoryError, MemoryError):
    """Work that does not fit in memory; the message says what takes the space."""


class NoBrowser(AnilTheoryError, RuntimeError):
    """A page that was to be opened on a machine without a browser; the page itself is written."""


class NoWitness(AnilTheoryError, ValueError):
    """An estimate that was to be computed again and keeps no point at which that could be done."""


class EmptyPopulation(AnilTheoryError, ValueError):
    """A population without a task: there is nothing to adapt to and nothing to average over."""


class NotOneRecordEach(AnilTheoryError, ValueError):
    """A page that shows one record of each finding was given none, or two of one finding."""


class Incomparable(AnilTheoryError, ValueError):
    """Two things that were to be compared and are not of one kind: a claim and an estimate, a replay and a verdict."""
