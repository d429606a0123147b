"""What `anil-theory study` can be asked for."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from anil_theory._options import Options, option


@dataclass(frozen=True)
class OwnLossesSettings(Options):
    """Study losses of your own: constants, verdicts, the assumption that fails first, and advice, from a Python file.

    The file names support, query, w, phi and data; docs/own_losses.md says what else it may name. What is given here
    goes before what the file says.
    """

    command: ClassVar[str] = "study"

    files: tuple[Path, ...] = option(
        (), "Python files with losses, start and data; a small example, if left out.", argument=True
    )
    losses: tuple[str, ...] = option((), "Losses of installed modules, each as module:object.")
    region: float | None = option(None, "Radius about the start on which constants are audited.")
    mu: float | None = option(None, "Declared strong convexity of L_S in w.")
    L: float | None = option(None, "Declared smoothness.", flag="--L")
    rho: float | None = option(None, "Declared Lipschitz constant of D_w^2 L_S.")
    tau: float | None = option(None, "Declared Lipschitz constant of D_phi D_w L_S.")
    M: float | None = option(None, "Declared Lipschitz constant of L_D.", flag="--M")
    alpha: float | None = option(None, "Inner step size; of the run 1/L and of the bounds the paper's, if left out.")
    inner_steps: int | None = option(None, "N; 5, if left out here and in the file.")
    lam: float | None = option(None, "Weight of iMAML's proximal term; with --certify statement F is judged too.")
    beta_w: float | None = option(None, "Outer step size of w in the run.")
    beta_phi: float | None = option(None, "Outer step size of phi in the run.")
    batch: int | None = option(None, "Tasks per outer step of the run.")
    outer_steps: int | None = option(None, "Outer steps of the run; 40, if left out here and in the file.")
    query_infimum: float | None = option(None, "A number below which no query loss falls; estimated, if left out.")
    eps: float | None = option(None, "Accuracy of the advice, a squared gradient.")
    certify: bool = option(False, "Certify constants and blocks, whatever the size.")
    seed: int = option(0, "Seed of runs and searches.")
