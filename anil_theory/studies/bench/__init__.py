"""`anil-theory bench`: figures 1 and 2 of the paper, and its claims on them, on image data."""
