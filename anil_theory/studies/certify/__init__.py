"""`anil-theory certify`: the constants of Propositions 2 and 3 enclosed from both sides, with proof."""
