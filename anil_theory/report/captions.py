"""The captions of the figures: what a reader has to know to read them, with the numbers of their records."""

from collections.abc import Mapping, Sequence

from anil_theory.record import Record
from anil_theory.report.hypergradient_plot import first_solved
from anil_theory.report.rows import all_rows

Records = Mapping[str, Sequence[Record]]
"""The records of a figure, by the names of their sources."""


def block_constants(records: Records) -> str:
    """What rises, where it turns, and what may be compared."""
    turning = {}
    for record in records["bounds"]:
        if record.measurements["constants"]["mu"] is not None:
            turning = record.measurements["turning"]
    where = {block: peak["refined"] for block, peak in turning.items()}
    turns = [f"{block} at N = {peak[0]:.0f}" for block, peak in where.items() if peak is not None]
    where_it_turns = ", ".join(turns) or "none on this grid"
    return (
        "Block Lipschitz constants of the meta-gradient against the number of inner steps N. Strongly convex, "
        "alpha = mu/L^2: every bound rises before it falls, since beside the factor (1 - alpha mu)^N it has a sum over "
        f"the steps; the refined bounds turn at an N of the order of L^2/mu^2 ({where_it_turns}) and decay from there "
        "as the paper says, but for the phi block, which tends to a level. Nonconvex: at a fixed alpha the constants "
        "grow exponentially, at alpha = c/(N L) they stay bounded. The printed orders have a factor "
        "poly(L, M, rho, tau) that the paper leaves open, 1 here: compare their shape and not their height. Dots are "
        "the largest values found on four sampled tasks, the band is where their constants lie over a ball, with proof "
        "(where it was computed); stars and diamonds are a task and functions that are made to attain the bounds."
    )


def tightness_map(records: Records) -> str:
    """What a cell says."""
    return (
        "What functions that are written down reach of the refined and of the explicit bounds of Proposition 2, "
        "over the condition mu/L and N: the block constant of the function (a proved lower end) over the bound. "
        "1.0 stands for 0.995 or more; cells are empty where float64, or the precision of the proof, does not "
        "hold the numbers. Along the line, N = L^2/mu^2, alpha mu N is 1."
    )


def tightness(records: Records) -> str:
    """What each marker is a lower estimate of."""
    return (
        "What is reached of the refined bounds. Realised functions, and the local worst-case programs over scalars and "
        "over tensors, are lower estimates of the supremum over all tasks; the sharp bound is an upper one. The worst "
        "task of the separable family says what tasks of one simple form reach. Settings of one N stand over one "
        "another."
    )


def certificates(records: Records) -> str:
    """What is proved."""
    rows = records["block_certificates"][0].verdicts
    region = rows[0]["region"] if rows else "a region"
    return (
        f"Block constants of sampled tasks on {region}: bars from the witness to the certified upper bound, both "
        "with proof, beside the explicit, refined and sharp bounds, which hold for every task with the same constants."
    )


def cost(records: Records) -> str:
    """What the bars are."""
    curves = [curve for record in records["rates"] for curve in record.measurements["curves"]]
    levels = {curve["interval_level"] for curve in curves if "interval_level" in curve}
    level = f"{100 * min(levels):.1f} %" if levels else "a stated level"
    return (
        "Outer iterations (above) and oracle calls (below) until the average squared gradient of both blocks is below "
        f"eps, against N. Lines are medians over seeds, bars where the median lies with a confidence of {level} "
        "(order statistics); an arrow is a bar without an upper end, for too few seeds reached eps. Calls are over "
        "their minimum, ringed and named in the legend; dashed: the calls that the bound predicts, over theirs."
    )


def convergence(records: Records) -> str:
    """What the band is."""
    return (
        "Running averages of the squared block norms of the meta-gradient along Algorithm 1, with a band of two "
        "standard errors over seeds, beside the bounds of Theorems 1 and 2 by the joint form (Theorem J)."
    )


def floor(records: Records) -> str:
    """What the bars are."""
    return (
        "The level at which the averages stop falling, against the number of tasks per outer step B, with bars of two "
        "standard errors over seeds, beside the noise term of the bounds, which falls as 1/B."
    )


def saturation(records: Records) -> str:
    """What was fitted."""
    return (
        "The mean size of both parts of the meta-gradient of sampled tasks against N, strongly convex, alpha = mu/L^2: "
        "seeds, their mean with two standard errors, and a fit a + b exp(-N/s). From the marked N on 5 % of the fitted "
        "drop are left; the band is its 95 % bootstrap interval over seeds. Dashed: the same N for s = 1/log(1/q), "
        "q = 1 - alpha mu, the longest decay that the contraction of the inner loop allows."
    )


def unroll_or_solve(records: Records) -> str:
    """What a product is, and from how many on solving is better."""
    firsts = first_solved(all_rows(records["unroll_or_solve"]))
    where = [f"{first} products on at mu/L = {ratio:g}" for ratio, first in firsts.items() if first is not None]
    since = " and ".join(where) or "no number of products on in this record"
    return (
        "Errors of the gradient of the exact bilevel objective L_D(w*(phi), phi), alpha = 1/L, against what they cost. "
        "A product is v -> (D_w^2 L_S v, D_phi D_w L_S v) at one point. The phi block of an unrolled loop of N steps "
        "costs N, N terms of the Neumann series cost N (the first needs none, the last product is the mixed one), N "
        "conjugate gradient steps cost N + 1. Each takes N gradient steps of the inner loop first, which are not "
        "counted. Left, the loop starts at w*: unrolling is then the Neumann series, by its bound, and a quadratic "
        "attains both; conjugate gradients have sqrt(L/mu) in their rate for L/mu. Right, it starts at a distance of "
        "1, and what the inner steps leave of it outweighs the solver: by the bounds unrolling is better for few "
        f"products, the Neumann series from {since}. Full markers are the largest errors of random tasks (n_w = 50, "
        "n_phi = 10, lower estimates); errors below their rounding are left out."
    )


def anil_against_maml(records: Records) -> str:
    """What the line and the markers are."""
    return (
        "What an inner step of MAML costs over one of ANIL, against n_phi/n_w. Line: entries of second derivatives as "
        "Table 2 counts them, 1 + n_phi/n_w. Markers: floating-point operations that XLA counts in the compiled "
        "meta-gradient of a loss with dense second derivatives."
    )


def compiler_cost(records: Records) -> str:
    """What the lines are."""
    return (
        "Operations of one inner step, as XLA counts them in the compiled meta-gradient, against the entries of second "
        "derivatives that Table 2 charges for it; lines of 2 and of 10 operations per entry."
    )


def training(records: Records) -> str:
    """What the band is."""
    return (
        "Training loss of CNN4 on drawn glyphs (not the paper's data sets), running mean over 5 % of the iterations, "
        "against iterations and against time. Lines are means over seeds, bands the range of the seeds."
    )


def curvature(records: Records) -> str:
    """Why nothing is refuted."""
    return (
        "Spectral norms of the blocks of the Hessian of the meta objective along training, beside Propositions 2 and 3 "
        "at constants that are estimated from below: a prediction here is no bound, and a block above it refutes "
        "nothing. One seed."
    )


def finding(records: Records, name: str) -> str:
    """The finding's own title, and what stays true."""
    for record in records["audit"]:
        if record.measurements["name"] == name:
            return f"{record.measurements['title']}. {record.measurements['stays']}"
    return "A finding of the audit."
