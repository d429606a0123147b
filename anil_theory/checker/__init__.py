"""A second, independent reader of certificates: python-flint balls only, no JAX, nothing shared with the search.

`check_file` reads a proof that a search has written, builds the meta-objective from the losses, alpha and N in it,
encloses the Hessian over every box again, and says VALID or names what fails. docs/proofs.md has the form of the file
and what VALID asserts. Run the folder as a program (`python anil_theory/checker FILE`) and nothing but python-flint is
imported.
"""

from .check import Report, check_file

__all__ = ["Report", "check_file"]
