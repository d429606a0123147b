"""Experiments as data: which study, with which settings, and what it should show. The commands' defaults are here.

    study = "verify"
    shows = "Bounds of the ww block that are halved on purpose are refuted at every N."
    refutes = true

    [settings]
    statements = ["prop2"]
    mu = [0.2]
    break = "ww"

    [expected.outcomes]
    REFUTED = { at_least = 1 }

`anil-theory run FILE` conducts one and compares the report of --json with what is expected.
"""
