"""The table: every closed form and every order of the paper and of this derivation, written once, in sympy.

    symbols          the letters, and how the paper prints them
    block_constants  Propositions 2 and 3: sums, closed forms, sharp constants, r and cbar
    orders           the printed orders of Propositions 2 and 3, Theorems 1 and 2, Table 1
    rate_bounds      Theorems 1 and 2: weights, noise, the rows of both
    counts           Table 2
    limits           the orders against the closed forms, as limits
    claims           the formula behind each claim of `STATEMENTS`, from which its LaTeX is printed

sympy takes half a second to load, and most commands never need a symbol. So `generate` turns the table into two plain
modules, `statements.generated.formulas` and `statements.generated.latex`, and the statements import those. Sympy is
loaded by the ledger alone. A test holds the two modules equal, to the letter, to what the table gives.

    python -m anil_theory.statements.forms.generate     writes them anew, after a change of the table
"""
