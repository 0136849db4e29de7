"""Where a long formula, or a sentence, may be taken apart: at its operators, and around the names in it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from whygrad.explanation.writing import braced

LONG = 60  # printed letters from which on the inside of parentheses is taken apart too
_STEP = re.compile(r"\\left\(|\\right\)|\\(?:cdot|to)(?![a-zA-Z])|\\[a-zA-Z]+|\\.|.", re.DOTALL)
_BRACED = r"\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}"
_FRACTION = re.compile(rf"\\frac{_BRACED}{_BRACED}")
_QUOTIENT = re.compile(rf"\\frac(?=\{{\\partial ){_BRACED}(?=\{{\\partial ){_BRACED}")
_STACKED = re.compile(r"\\frac(?=\{)|(?<![a-zA-Z])e\^(?=\{)")
SUMS = ("+", "-", r"\to")
BINARY = (*SUMS, r"\cdot")
DEEPEST = 6  # parentheses
_INDEX = r"(?:\d+(?:_\d+)*|\{[a-z,]+\})"
_NAME = re.compile(
    rf"\bd?(?:L|C)/d(?:[WBOzxy]_{_INDEX}|y_hat(?:_\d+)?|w)(?![\w\[])"
    rf"|(?<![\w/])(?:[WBOzxy]_{_INDEX}|y_hat(?:_\d+)?)(?![\w(\[])"
    r"|(?<![\w/])[wbaz]\^\((?:\d+|L)\)_\w+(?:,\w+)?"
    r"|(?<![\w/])(?:->|\+-)(?!\w)"
    r"|(?<![\w.)-])-?\d+(?:\.\d+)?e[+-]\d+|(?<![\w.)-])-\d+(?:\.\d+)?(?![\w-])"
)


def pieces(latex: str) -> list[str]:
    """The formula in pieces, each but the first beginning with its operator: sums, and what is long further in."""
    found = _cut(_opened(_in_line(latex)) if printed(latex) > LONG else latex, SUMS, 0)
    for deep in range(DEEPEST):
        found = [
            part for piece in found for part in (_cut(piece, BINARY, deep) if printed(piece) > LONG else [piece])
        ]
    return found


def _in_line(latex: str) -> str:
    """Long fractions as A / (B) and long powers of e as exp(A), as nothing is cut within their braces."""
    at = 0
    while found := _STACKED.search(latex, at):
        at, is_power = found.end(), found[0] == "e^"
        above, end = braced(latex, at)
        below, end = ("", end) if is_power else braced(latex, end)
        if printed(latex[found.start() : end]) > LONG:
            at = found.start()
            whole = rf"\exp\left({above}\right)" if is_power else rf"{_factor(above)} / \left({below}\right)"
            latex = latex[:at] + whole + latex[end:]
    return latex


def _factor(latex: str) -> str:
    """In parentheses, unless it is one power of e."""
    alone = latex.startswith("e^{") and braced(latex, 2)[1] == len(latex)
    return latex if alone else rf"\left({latex}\right)"


def _opened(latex: str) -> str:
    """The formula without braces that only group: after an operator or parenthesis, and before no index."""
    kept, opened = list(latex), []
    for at, letter in enumerate(latex):
        if letter == "{" and latex[at - 1 : at] != "\\":
            before = latex[:at].rstrip()[-1:]
            opened.append(at if before in ("", *"(=+-,") and latex[at + 1 : at + 2] != "-" else None)
        elif letter == "}" and latex[at - 1 : at] != "\\":
            start = opened.pop()
            if start is not None and latex[at + 1 : at + 2] not in ("^", "_"):
                kept[start] = kept[at] = " "
    return "".join(kept)


def _cut(latex: str, operators: tuple[str, ...], deepest: int) -> list[str]:
    """Cuts before operators that stand in at most so many parentheses, and in no braces."""
    found, start, at, braces, parens, before = [], 0, 0, 0, 0, ""
    for token in _STEP.findall(latex):
        braces += {"{": 1, "}": -1}.get(token, 0)
        parens += {"(": 1, "[": 1, r"\left(": 1, ")": -1, "]": -1, r"\right)": -1}.get(token, 0)
        operand = before not in ("", "(", "=", r"\left(", *BINARY)
        if token in operators and braces == 0 and parens <= deepest and operand and at > start:
            found.append(latex[start:at])
            start = at
        before = token if token.strip() else before
        at += len(token)
    found.append(latex[start:])
    if len(found) > 1 and deepest:  # a pair of stretching parentheses stands in one piece
        found = [part.replace(r"\left(", "(").replace(r"\right)", ")") for part in found]
    return found


def printed(latex: str) -> int:
    """About how many letters wide a formula is when it is set."""
    while fraction := _FRACTION.search(latex):
        wide = max(fraction.groups(), key=printed)
        latex = latex[: fraction.start()] + wide + latex[fraction.end() :]
    return len(re.sub(r"\\[a-zA-Z]+|\\.", "x", latex).translate(dict.fromkeys(map(ord, "{}_^ "), "")))


def flat(latex: str) -> str:
    """The formula with its derivatives written in one line, as a table has room for."""
    return _QUOTIENT.sub(r"\1/\2", latex)


def named(text: str) -> Iterator[tuple[str, bool]]:
    """The sentence in parts: (LaTeX, True) for the names of quantities in it, (text, False) for the rest."""
    at = 0
    for found in _NAME.finditer(text):
        if found.start() > at:
            yield text[at : found.start()], False
        yield _latex_of(found[0]), True
        at = found.end()
    if at < len(text):
        yield text[at:], False


def _latex_of(name: str) -> str:
    """W_2_11_3 as W_{2,11,3}, dL/dW_111 as a quotient in one line."""
    if name in ("->", "+-"):
        return {"->": r"\to", "+-": r"\pm"}[name]
    if re.match(r"-?\d", name):
        mantissa, _, power = name.partition("e")
        return f"{{{mantissa}}}" + (rf" \cdot 10^{{{int(power)}}}" if power else "")
    if "/d" in name:
        above, below = name.removeprefix("d").split("/d")
        return rf"\partial {_latex_of(above)}/\partial {_latex_of(below)}"
    if "^(" in name:
        kind, layer, units = re.fullmatch(r"(\w)\^\((\w+)\)_(.*)", name).groups()  # type: ignore[union-attr]
        return rf"{kind}^{{({layer})}}_{{{units}}}"
    if name.startswith("y_hat"):
        return r"\hat{y}" + (f"_{{{name[6:]}}}" if name[5:] else "")
    kind, _, index = name.partition("_")
    if index.startswith("{"):
        return rf"{kind}_{{\text{{{index[1:-1]}}}}}"
    return f"{kind}_{{{index.replace('_', ',')}}}" if index else kind
