"""Statement B: descent with a biased gradient, and the floor that first-order ANIL cannot go below.

Claim: let ||D^2 L_meta|| <= Lam, let every step follow D L_meta(z_k) + b_k + noise at beta = 1/Lam, |b_k| <= b, and let
the noise have mean 0 and second moment at most sigma^2/B. Then

    (1/K) sum_{k<K} E||D L_meta(z_k)||^2 <= 2 Lam D0/K + b^2 + sigma^2/B.

Proof: the descent lemma is -|D|^2/2 + |b|^2/2 + sigma^2/(2 B), over Lam, exactly. Kind: upper bound; its floor is
attained by a quadratic with a constant bias, as K -> infinity. b is the bound of statement A, C or D. Units: those of
the squared gradient. Source: A. Fallah, A. Mokhtari, A. Ozdaglar 2019 (FO-MAML does not reach every eps), with its
constant; docs/next_statements.md. One block: MAML, an idle block, or equal steps for both.
"""

from anil_theory._admissible import count, nonnegative, positive


def biased_descent(Lam: float, D0: float, outer_steps: int, *, bias: float, second_moment: float) -> float:
    """2 Lam D0/K + b^2 + s^2, at beta = 1/Lam.

    Lam             > 0;   D0   L_meta(z_0) - inf L_meta, >= 0;
    bias            b >= 0, a bound of the error of the mean gradient;
    second_moment   s^2 >= 0: sigma^2/B, times (T - B)/(T - 1) without replacement.

    Raises InvalidParameter for other numbers. At b = 0 it exceeds `joint_rates.one_block` by s^2/K.
    """
    decay = 2 * positive("Lam", Lam) * nonnegative("D0", D0) / count("outer_steps", outer_steps)
    return decay + nonnegative("bias", bias) ** 2 + nonnegative("second_moment", second_moment)
