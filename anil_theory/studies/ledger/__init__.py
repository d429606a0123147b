"""`anil-theory ledger`: the steps of the derivation, proved with sympy."""
