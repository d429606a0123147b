"""The plain formulas of records as mathematics of a figure: `alpha = c/(N L)` becomes what matplotlib typesets.

Records say formulas in plain words, which a terminal can print. A text is searched for the longest runs of symbols;
what is no formula stays as it is.
"""

import re

from anil_theory._printable import in_figure

GREEK = {"alpha": r"\alpha", "mu": r"\mu", "rho": r"\rho", "tau": r"\tau", "phi": r"\varphi", "eps": r"\epsilon"}
BLOCKS = {"ww": "L_{ww}", "phiphi": r"L_{\varphi\varphi}"}

_NAME = "alpha|mu|rho|tau|phi|eps"
_SYMBOL = rf"(?:D_(?:{_NAME}|w)(?:\^\d)?|D(?:\^\d)?(?= L_)|L_[SD]|{_NAME}|[NLMBKcq])"
_POWER = r"(?:\^(?:\([^()]*\)|\w))?"
_ATOM = rf"\|?(?:(?<![A-Za-z_]){_SYMBOL}(?![A-Za-z_]){_POWER}|(?<![\w.])\d+(?![\w.]))\|?"
_GROUP = rf"(?:{_ATOM}|\((?:{_ATOM})(?: ?(?:{_ATOM}))*\))"
_FORMULA = re.compile(rf"{_GROUP}(?:(?: ?[=/<] ?| - | \+ | )?{_GROUP})*")
_BLOCK = re.compile(r"(?<![A-Za-z])(ww|phiphi)(?![A-Za-z])")


def typeset(text: str) -> str:
    r"""`text` with its formulas between dollar signs, in the notation of matplotlib; other dollar signs are letters.

    >>> print(typeset("mu/L at N = L^2/mu^2"))
    $\mu/L$ at $N=L^2/\mu^2$
    >>> print(typeset("norm of the query gradient"))
    norm of the query gradient
    """
    parts: list[str] = []
    end = 0
    for match in _FORMULA.finditer(text):
        if not re.search("[A-Za-z]", match.group()):
            continue
        parts += [_words(text[end : match.start()]), f"${_latex(match.group())}$"]
        end = match.end()
    return "".join([*parts, _words(text[end:])])


def _words(text: str) -> str:
    return _BLOCK.sub(lambda match: f"${BLOCKS[match.group()]}$", in_figure(text))


def _latex(formula: str) -> str:
    named = re.sub(rf"(?<![A-Za-z])(?:{_NAME})(?![A-Za-z])", lambda match: GREEK[match.group()], formula)
    powers = re.sub(r"\^\(([^()]*)\)", r"^{\1}", named)
    below = re.sub(r"_(\\varphi)", r"_{\1}", powers)
    return re.sub(r" ?([=<]) ?", r"\1", below).replace(" ", r"\,")
