"""Neural benchmarks: image data and episodes, networks split into (w, phi), training and checkpoints."""
