"""Formulas put into words: the LaTeX texts of activations and losses with names, or numbers, for their letters.

The texts name their letters z, a, y and k, and z_i, a_j, y_i where a layer's units meet (softmax). `spelled`
puts signs in their place; `plain_text` reads the little LaTeX they use as one writes it on a keyboard.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from whygrad.activations import Activation
from whygrad.explanation.pages import bare
from whygrad.explanation.symbols import Sign, word
from whygrad.formulas import Texts
from whygrad.losses import Loss

SHOWN, FIRST = 8, 3  # terms of a sum that are written out; of more terms the first, and the last

_WORDS = {
    r"\,": " ",
    r"\;": " ",
    r"\cdot": "*",
    r"\times": "*",
    r"\le": " <= ",
    r"\ge": " >= ",
    r"\varphi": "phi",
    r"\textstyle": "",
    r"\left": "",
    r"\right": "",
    r"\hat{y}": "y_hat",
    r"\tfrac12": "1/2*",
    r"\partial": "d",
}
_TOKEN = re.compile(
    r"\\(?:text|operatorname|mathrm|mathtt)\{[^}]*\}|\\[a-zA-Z]+|\\.|1\[i=j\]|[zay]_[ij]|[a-zA-Z]|."
)
_MARK = 0xE000  # private letters stand for signs while the text around them is made plain
_VALUE = r"[\w)\ue000-\uf8ff]"


@lru_cache(maxsize=1024)
def plain_text(latex: str) -> str:
    r"""A formula for a terminal: \frac{1}{1+e^{-z}} becomes 1/(1+e^(-z))."""
    text = latex
    while (start := text.find(r"\frac{")) >= 0:
        above, end = braced(text, start + 5)
        below, end = braced(text, end)
        text = f"{text[:start]}{_grouped(above)}/{_grouped(below)}{text[end:]}"
    text = re.sub(r"\\sqrt\{([^{}]*)\}", lambda m: f"sqrt{_fenced(m[1])}", text)
    text = re.sub(rf"(?<={_VALUE})\\operatorname", r" \\operatorname", text)
    text = re.sub(r"\\(?:text|operatorname|mathrm|mathtt)\{([^}]*)\}", r"\1", text)
    for command, plain in _WORDS.items():
        text = re.sub(re.escape(command) + r"(?![a-zA-Z])" * command[-1].isalpha(), plain, text)
    text = re.sub(r"\^\{([^{}]*)\}", lambda m: f"^{_grouped(m[1])}", text)
    text = re.sub(r"_\{([^{}]*)\}", r"_\1", text)
    text = re.sub(rf"(?<={_VALUE})\\([a-zA-Z]+)", r" \1", text)
    text = re.sub(r"\\([a-zA-Z]+)(?=\\)", r"\1 ", text)
    text = re.sub(r"\\([a-zA-Z]+)", r"\1", text).replace("{", "").replace("}", "")
    text = re.sub(r"(?<=[|\]\)\w\ue000-\uf8ff])([-+><])(?=[|(\w\ue000-\uf8ff])", r" \1 ", text)
    return " ".join(re.sub(r" ?\* ?", "*", text).split())


def braced(text: str, start: int) -> tuple[str, int]:
    """What stands in the braces that open at `start`, and where they are closed."""
    depth = 0
    for at in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if depth == 0:
            return text[start + 1 : at], at + 1
    raise ValueError(f"{text!r} opens a brace that it does not close")


def _fenced(part: str) -> str:
    """The part in parentheses, unless one pair of them is around the whole of it."""
    depths = [part[:at].count("(") - part[:at].count(")") for at in range(1, len(part) + 1)]
    whole = part.startswith("(") and 0 not in depths[:-1] and depths[-1] == 0
    return part if whole else f"({part})"


def _grouped(part: str) -> str:
    """The part in parentheses, unless it is one number, name, power or group already."""
    single = re.fullmatch(r"[\w.]+(?:\^\{[^{}]*\})?|\([^()]*\)|[\ue000-\uf8ff]", part)
    return part if single else f"({part})"


def spelled(template: str, letters: Mapping[str, Sign]) -> Sign:
    """A formula's LaTeX text with signs for its letters, in plain text and in LaTeX."""
    latex: list[str] = []
    marks: list[str] = []
    signs: list[Sign] = []
    for token in _TOKEN.findall(template):
        found = letters.get(token)
        if found is None:
            latex.append(token)
            marks.append(token)
            continue
        beside = [mark for mark in marks if mark != " "][-1:]  # a letter, then this one: multiplied
        times = bool(beside) and beside[0][-1:] >= chr(_MARK)
        latex.append((r" \cdot " if times else "") + f"{{{found.latex}}}")
        marks.append(("*" if times else "") + chr(_MARK + len(signs)))
        signs.append(found)
    text = plain_text("".join(marks))
    for k, sign in enumerate(signs):
        mark = chr(_MARK + k)
        text = re.sub(rf"(?<=\(){mark}(?=[),])|(?<=, ){mark}(?=[),])", bare(sign.text), text)  # alone in there
        text = text.replace(mark, sign.text)
    return Sign(text, "".join(latex))


def texts_of(formula: Activation | Loss) -> Texts:
    """How it is written; somebody's own that is not told how, by its name: f(z), and f'(z)."""
    if formula.name == "linear" or formula.texts.value not in ("", "z"):
        return formula.texts
    arguments = "z" if isinstance(formula, Activation) else "a, y"
    return Texts(f"f({arguments})", f"f'({arguments})", "")


def called(formula: Activation | Loss) -> dict[str, Sign]:
    """What stands for the letter f of `texts_of`."""
    return {"f": word(formula.name)}


def added(terms: Sequence[Sign]) -> Sign:
    """The terms with plus signs between them, the middle ones of many left out."""
    shown = [terms[k] for k in written_out(len(terms))]
    if left_out := len(terms) - len(shown):
        shown.insert(FIRST, Sign(f"... ({left_out} more) ...", r"\cdots"))
    return Sign(_joined([t.text for t in shown]), _joined([t.latex for t in shown]))


def written_out(n: int) -> list[int]:
    """Which of n terms `added` writes out."""
    return list(range(n)) if n <= SHOWN else [*range(FIRST), n - 1]


def times(signs: Sequence[Sign]) -> Sign:
    """a * b * c."""
    return Sign(" * ".join(s.text for s in signs), r" \cdot ".join(s.latex for s in signs))


def product(a: Sign, b: Sign) -> Sign:
    """a*b, each in parentheses where it is a sum."""
    a, b = _enclosed(a), _enclosed(b)
    return Sign(f"{a}*{b}", rf"{a.latex} \cdot {b.latex}")


def _enclosed(sign: Sign) -> Sign:
    outside = re.sub(r"\([^()]*\)", "", re.sub(r"\([^()]*\)", "", sign.text))  # two deep
    if re.search(r" [-+] | if ", outside) is None:
        return sign
    return Sign(f"({sign})", rf"\left({sign.latex}\right)")


def _joined(terms: list[str]) -> str:
    return "".join(
        term if k == 0 else f" - {term[1:]}" if term.startswith("-") else f" + {term}"
        for k, term in enumerate(terms)
    )
