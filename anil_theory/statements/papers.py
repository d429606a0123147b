"""The papers whose statements are in the registry, by the keys that `verify --paper` takes."""

from collections.abc import Mapping

from anil_theory.statements.base import ANIL

PAPERS: Mapping[str, str] = {
    ANIL: "K. Ji, J. D. Lee, Y. Liang, H. V. Poor, Convergence of Meta-Learning with Task-Specific Adaptation, 2020",
    "fo-maml": "A. Fallah, A. Mokhtari, A. Ozdaglar, On the Convergence Theory of Gradient-Based MAML, 2019",
    "ji-yang-liang": "K. Ji, J. Yang, Y. Liang, Theoretical Convergence of Multi-Step MAML, 2020",
    "bilevel": "K. Ji, J. Yang, Y. Liang, Bilevel Optimization: Convergence Analysis and Enhanced Design, 2020",
    "ghadimi-wang": "S. Ghadimi, M. Wang, Approximation Methods for Bilevel Programming, 2018",
    "imaml": "A. Rajeswaran, C. Finn, S. Kakade, S. Levine, Meta-Learning with Implicit Gradients, 2019",
}
"""The shapes of the bounds are those papers'; the constants are derived here (docs/next_statements.md)."""
