"""`anil-theory saturation`: from which N on the meta-gradient stops depending on N, with an interval."""
