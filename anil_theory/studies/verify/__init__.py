"""`anil-theory verify`: statements judged over a grid of settings by every measurement of their quantities."""
