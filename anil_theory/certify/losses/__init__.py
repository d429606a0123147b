"""A loss made ready for an arithmetic or for a proof: the same real function, in a form that is enclosed narrowly.

plain, normal_tails, shift_invariance     rewritten before it is differentiated;
own_derivatives, linear_solves            differentiated with no derivative rule taken on trust;
refused_rules                             refused where a derivative rule is a claim of the user's;
flat, control, simplifications            traced to one flat list of equations,
known_values, data_folding                and what depends on data alone computed once, in balls;
exchangeable, expansions, fixed_numbers   written down as plain JSON for another program to read.
"""
