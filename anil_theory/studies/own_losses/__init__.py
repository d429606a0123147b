"""`anil-theory study`: losses of one's own, from a file."""
