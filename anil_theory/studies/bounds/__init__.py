"""`anil-theory bounds`: the bounds of Propositions 2 and 3 at every N, where they turn, and what functions reach."""
