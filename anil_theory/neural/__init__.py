"""Neural benchmarks: data sets, episodes, networks, training, checkpoints."""
