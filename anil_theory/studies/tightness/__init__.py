"""`anil-theory tightness`: how much of each block bound programs, functions and tasks reach."""
