"""How a traced program is read, before any arithmetic: its calls, its library functions, where its entries go.

inlined_calls       programs without calls that have no meaning of their own;
library_functions   functions of JAX with derivative rules, recognised by what they compute;
smooth_functions    formulas of such functions with narrow enclosures, as primitives (`smooth_primitives`);
positions           where each entry goes under a primitive that moves entries;
source_lines        the user's line that made an equation, for messages.
"""
