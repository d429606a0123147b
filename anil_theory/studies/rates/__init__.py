"""`anil-theory rates`: averages against K, floors against B and the cost of eps against N of Algorithm 1."""
