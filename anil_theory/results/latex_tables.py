"""Tables for a paper in LaTeX with booktabs: Tables 1 and 2, and the verdicts of each statement."""

import re
from collections.abc import Sequence

from anil_theory.report.overview import METHODS, counted_entries, latex_of, overview
from anil_theory.report.rows import BLOCK_LABELS, Row, bound, number, power, tightest_rows, tightness

PREAMBLE = r"""% \usepackage{amsmath, amssymb, booktabs}
"""
"""The packages that the tables and the formulas need: \\text of amsmath, \\mathbb of amssymb, rules of booktabs."""

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}
_GREEK = {"mu": r"\mu", "rho": r"\rho", "tau": r"\tau", "alpha": r"\alpha"}
_SETTING = re.compile(r"\b(mu|L|rho|tau|M|alpha|N|B|T|K|R)=(\S+)")
_BLOCKS = {"ww": r"$L_{ww}$", "wphi": r"$L_{w\phi}$", "phiw": r"$L_{\phi w}$", "phiphi": r"$L_{\phi\phi}$"}


def escaped(text: str) -> str:
    """Words as LaTeX prints them."""
    return "".join(_SPECIAL.get(sign, sign) for sign in text)


def setting_in_latex(setting: str) -> str:
    """A setting with its letters as mathematics: mu=0.1 N=3 dim 2+2 becomes $\\mu=0.1$, $N=3$, dim 2+2."""
    parts: list[str] = []
    words = setting.split()
    for before, word in zip(["", *words], words, strict=False):
        # Words stand together: dim extremal 1+1, B=3 of T=6.
        belongs = word == "of" or before == "of" or not ("=" in word or "=" in before or word == "dim")
        separator = "" if not before else " " if belongs else ", "
        parts.append(separator + _setting_word(word))
    return "".join(parts)


def _setting_word(word: str) -> str:
    setting = _SETTING.fullmatch(word)
    if not setting:
        return escaped(word)
    return f"${_GREEK.get(setting[1], setting[1])}={_value(setting[2]).strip('$')}$"


def shared_words(settings: Sequence[str]) -> list[str]:
    """The words that all settings have in common."""
    return [word for word in settings[0].split(" dim ")[0].split() if all(word in each.split() for each in settings)]


def latex_tables(rows: Sequence[Row]) -> str:
    """Every table that the rows have: Table 1 and Table 2 in the layout of the paper, then one for each statement."""
    tables = [*_table_1(rows), *_table_2(rows)]
    for line in overview(rows):
        members = tightest_rows(row for row in rows if row["statement"] == line.name)
        caption = f"{line.source}: {line.title}" if line.title else line.name
        tables.append(_verdicts(line.name, caption, members))
    return "\n".join([PREAMBLE, *tables])


def _table(caption: str, label: str, columns: str, head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    lines = [
        r"\begin{table}",
        r"\centering",
        # Ten columns are wider than a page at the size of its text.
        r"\footnotesize",
        r"\setlength{\tabcolsep}{3pt}",
        rf"\caption{{{caption}}}",
        rf"\label{{{label}}}",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        " & ".join(head) + r" \\",
        r"\midrule",
        *(" & ".join(cells) + r" \\" for cells in body),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
        "",
    ]
    return "\n".join(lines)


def _verdicts(name: str, caption: str, rows: Sequence[Row]) -> str:
    head = ["block", "setting", "measured", "sharp", "refined", "explicit", "order", "tightness", "power", "verdict"]
    shared = shared_words([row["setting"] for row in rows])
    caption = escaped(caption) + (f"; {setting_in_latex(' '.join(shared))}" if shared else "")
    body = []
    for row in rows:
        block = str(row["block"])
        own = " ".join(word for word in row["setting"].split() if word not in shared)
        cells = [_BLOCKS.get(block, escaped(str(BLOCK_LABELS.get(block, block)))), setting_in_latex(own)]
        cells += [_value(number(row["measured"]))]
        cells += [_value(bound(row, kind)) for kind in ("sharp", "refined", "explicit", "order")]
        cells += [_value(tightness(row)), _value(power(row)), _outcome(row["outcome"])]
        body.append(cells)
    return _table(caption, f"tab:{_label(name)}", "llrrrrrrrl", head, body)


def _table_1(rows: Sequence[Row]) -> list[str]:
    settings: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row["statement"] == "table1":
            settings.setdefault((row["geometry"], row["setting"]), []).append(row)
    tables = []
    for place, ((geometry, setting), members) in enumerate(settings.items()):
        body = []
        for row in members:
            symbol, _, printed = latex_of(row, "order").partition(" = ")
            numbers = [_value(bound(row, kind)) for kind in ("order", "explicit", "refined")]
            term = escaped(str(row["block"]).replace("_", " "))
            measured = _value(number(row["measured"]))
            body.append([term, f"${symbol}$", f"${printed}$", *numbers, measured, _outcome(row["outcome"])])
        caption = f"Table 1, {escaped(geometry)}: {setting_in_latex(setting)}"
        head = ["term", "symbol", "printed", "order", "explicit", "refined", "measured", "verdict"]
        tables.append(_table(caption, f"tab:table1-{place + 1}", "lllrrrrl", head, body))
    return tables


def _table_2(rows: Sequence[Row]) -> list[str]:
    tables = []
    for place, (setting, entries) in enumerate(counted_entries(rows).items()):
        body = []
        for entry in entries:
            cells = [escaped(entry.name)]
            for method in METHODS:
                cells += [entry.counted.get(method, "--"), f"${entry.formulas.get(method, '')}$"]
            body.append([*cells, _outcome(", ".join(dict.fromkeys(entry.outcomes.values())))])
        caption = f"Table 2, one outer step: {setting_in_latex(setting)}"
        head = ["numbers of", "ANIL", "formula", "MAML", "formula", "verdict"]
        tables.append(_table(caption, f"tab:table2-{place + 1}", "lrlrll", head, body))
    return tables


def _outcome(outcome: str) -> str:
    return escaped(outcome.lower().replace("_", " "))


def _value(text: str) -> str:
    """A number as mathematics: 1.2e-05 becomes 1.2 times a power of ten; a kind in brackets stays behind it."""
    parts = re.fullmatch(r"(x?)(-?[\d.]+)e([+-]\d+)(\*?)( \(\w+\))?", text)
    if parts:
        return rf"${parts[1]}{parts[2]} \times 10^{{{int(parts[3])}}}{parts[4]}${parts[5] or ''}"
    return "--" if text == "-" else escaped(text)


def _label(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9-]", "-", name)
