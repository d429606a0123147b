"""How hard a study of own losses works: less per point where points are large, so that n = 10^4 takes minutes."""

from dataclasses import dataclass

from anil_theory.estimators.budget import Budget

LARGE = 500
"""From this many entries of (w, phi) on, a study takes few points."""
DENSE = 60
"""Up to this many entries of (w, phi), second derivatives along a run are held as matrices."""
MOST_TASKS = 16
"""The most tasks that are searched. A larger population is thinned evenly."""
CERTIFIED = 3
"""Up to this many entries of (w, phi), constants and blocks are certified by default: boxes grow as 4^n."""


@dataclass(frozen=True)
class StudyEffort:
    """The numbers behind one study.

    samples      random points of the region, each in a random task, that suprema are extrapolated from;
    steps        of Lanczos and of the power method at each of them;
    starts, iterations   of the ascents of the audit, per task;
    blocks       the budget of the search for block constants;
    segments     on which jumps of derivatives are looked for;
    short_run    outer steps of the run that tries the advice;
    operations, seconds  of the certificates, per constant or block of a task.
    """

    samples: int
    steps: int
    starts: int
    iterations: int
    blocks: Budget
    segments: int
    short_run: int = 60
    operations: float = 2e7
    seconds: float = 30.0

    @classmethod
    def suiting(cls, n: int) -> "StudyEffort":
        """What suits points of n entries."""
        if n > LARGE:
            few = Budget(pairs=2, points=2, lanczos_steps=8, starts=1, iterations=12)
            return cls(samples=40, steps=8, starts=1, iterations=20, blocks=few, segments=4)
        budget = Budget(pairs=16, points=8, lanczos_steps=min(n, 14), starts=2, iterations=30)
        return cls(samples=240, steps=16, starts=4, iterations=40, blocks=budget, segments=24)
