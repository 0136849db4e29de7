"""Forms: the same page as text, LaTeX and HTML, whatever its names and numbers are."""

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import whygrad as wg
from whygrad.explanation.escaping import escaped, unescaped
from whygrad.explanation.extras import blocks_of
from whygrad.explanation.forms.breaking import LONG, flat, named, pieces, printed
from whygrad.explanation.forms.html import as_html, mathml
from whygrad.explanation.forms.latex import as_latex
from whygrad.explanation.forms.text import WIDTH, as_text
from whygrad.explanation.pages import Curve, Equations, Grid, Heading, Page, Words, alone, chained
from whygrad.explanation.symbols import Sign, figure, word
from whygrad.names import NOTATIONS

NASTY = [
    r"a_b {x} & 50%",
    "<b>#1</b>",
    r"na$me^2 ~ \foo",
    "Größe €",
    "学生",
    'say "W_111"',
    r"\text{y}",
    "-",
    "x|y",
]
NUMBERS = [0.0, -0.0, 1.5, -2.25, 1e-300, -6.02e23, float("inf"), float("-inf"), float("nan")]


def nasty_table() -> wg.Table:
    draw = np.random.default_rng(0)
    columns = {name: draw.normal(size=6) * 10.0**k for k, name in enumerate(NASTY)}
    columns["what_is {it}?"] = ["a<b", "c&d", "e_f", "a<b", "c&d", "e_f"]  # type: ignore[assignment]
    target = "out_put|y\\"
    return wg.read_table({**columns, target: draw.normal(size=6)}, target=target)


def table_of_kinds() -> dict[str, object]:
    draw = np.random.default_rng(1)
    return {
        "first": draw.normal(size=6) * 1e-5,
        "b": draw.normal(size=6) * 123.4,
        "kind": 2 * ["oak", "elm", "ash"],
    }


def pages() -> dict[str, Page]:
    table = nasty_table()
    found: dict[str, Page] = {}
    for name in ("students", "placement"):
        for notation in NOTATIONS:
            why = wg.explain(*wg.example(name), notation=notation)
            found[f"{name} {notation}"] = why.page(())
            found[f"{name} {notation} weight"] = why["W_111"].page(against=())
    nasty = wg.explain(
        wg.dense_network(table, (2,), "gelu"), table, batch=2, l2=0.1, clip="norm:1", row=3, epochs=2
    )
    found["nasty"] = nasty.page(())
    found["nasty weight"] = nasty["W_111"].page(against=()).about("odd & <b>names</b>.csv")
    why = wg.explain(*wg.example("placement"))
    extras = (
        why.formulas(),
        why.biography("W_111"),
        why.sensitivities(),
        why.what_if(W_111=-1e-9),
        why.loss_of({"W_111": np.linspace(-50, 50, 300)}),
    )
    found["extras"] = (
        why.unit("O_11").page(against=()).with_blocks(*(b for extra in extras for b in blocks_of(extra)))
    )
    kinds = wg.read_table(table_of_kinds(), target="kind")
    for notation in NOTATIONS:
        why = wg.explain(wg.dense_network(kinds, (3,), "tanh"), kinds, row=2, notation=notation, optimizer="adam")
        found[f"kinds {notation}"] = why.page(()).with_blocks(*blocks_of(why.formulas()))
        found[f"kinds {notation} weight"] = why["W_121"].page(against=())
    deep = wg.Network(3, (*(wg.Dense(1, "tanh") for _ in range(9)), wg.Dense(12, "softmax")))
    wide = wg.explain_row(deep, "distinct", [1, 2, 3], np.eye(12)[4], "cce")
    found["deep"] = wide.page((), only=("given", "forward"))
    found["deep weight"] = wide["W_111"].page(against=())
    numbers = Grid(("value", "sign"), tuple((alone(figure(v)), figure(v)) for v in NUMBERS))
    lines = Equations(tuple((figure(v), word(name)) for v, name in zip(NUMBERS, NASTY, strict=True)))
    found["numbers"] = Page(
        word("<Numbers> & signs"), (Heading("All"), numbers, lines, Words("W_111 -> y_hat", loud=True))
    )
    return found


PAGES = pages()
every_page = pytest.mark.parametrize("page", PAGES.values(), ids=list(PAGES))


# ---- text ----


@every_page
def test_text_is_no_wider_than_a_terminal_and_has_no_latex(page: Page) -> None:
    text = as_text(page)
    assert "\\frac" not in text
    assert "\\text{a" not in text
    assert "\N{NO-BREAK SPACE}" not in text
    for line in text.splitlines():
        assert len(line) <= WIDTH + 8, line
        assert line == line.rstrip()


@pytest.mark.parametrize("width", [80, 60])
@every_page
def test_no_line_is_wider_than_the_page_and_nothing_is_left_out(page: Page, width: int) -> None:
    text = as_text(page, width)
    assert max(map(len, text.splitlines())) <= width
    assert Counter(figures(as_text(page, 10**6))) <= Counter(figures(text))  # a table in two repeats what it lists


def figures(text: str) -> list[str]:
    return re.findall(r"[\d.]+(?:e[+-]\d+)?", text)


def test_a_table_that_is_too_wide_goes_on_below() -> None:
    draw = np.random.default_rng(3)
    net = wg.Network(2, (wg.Dense(2, "tanh"), wg.Dense(1)))
    why = wg.explain_row(net, draw.normal(size=net.n_parameters), draw.normal(size=2), [1])
    lines = as_text(Page(word("t"), tuple(blocks_of(why["W_111"].nudge(1e-5)))), 80).splitlines()
    heads = [k for k, line in enumerate(lines) if re.search("before|change / nudge", line)]
    assert [lines[k].split("  ")[-1].strip() for k in heads] == ["change", "derivative by W_111"]
    assert lines[heads[1] - 1] == ""
    names = [[line.split()[0] for line in lines[k + 1 : k + 5]] for k in heads]
    assert names == 2 * [["z_11", "O_11", "y_hat", "L"]]
    assert (
        len({line.rstrip()[-1] for line in lines[heads[1] + 1 : heads[1] + 5]}) > 1
    )  # numbers, to the right edge
    assert len({len(line) for line in lines[heads[1] : heads[1] + 5]}) == 1


def test_a_narrow_tree_has_its_derivatives_below() -> None:
    why = wg.explain(*wg.example("placement"), notation="keras")
    lines = as_text(why.page((), only=("tree",)), 80).splitlines()
    at = lines.index("     ├─ dense_0.output[0] = 0.832018385")
    assert lines[at + 1 : at + 4] == [
        "     │  d loss/d dense_0.output[0] = -0.045849481",
        "     │  ├─ dense_0.kernel[0, 0] = 0.1",
        "     │  │  d loss/d dense_0.kernel[0, 0] = -0.0512647786",
    ]


def test_an_equation_goes_on_before_an_operator() -> None:
    why = wg.explain_row(wg.Network(7, (wg.Dense(1),)), 0.123456789, np.arange(7) / 7, [1])
    lines = as_text(why.page((), only=("forward",))).splitlines()
    start = next(k for k, line in enumerate(lines) if line.startswith("  y_hat ="))
    end = next(k for k, line in enumerate(lines) if line.startswith("  L "))
    assert end - start > 1
    for line in lines[start + 1 : end]:
        assert re.match(r" {8}[=+] ", line), line
    whole = " ".join(line.strip() for line in lines[start:end])
    assert whole.count("W_1") == 7  # so few terms are all written
    assert whole.endswith(f"= {why.outputs[0]:.9g}")


def test_an_equation_goes_on_side_for_side_and_is_torn_apart_as_little_as_can_be() -> None:
    def lines(*sides: str) -> list[str]:
        return as_text(Page(word("t"), (Equations((tuple(map(word, sides)),)),)), 40).splitlines()[2:]

    assert lines("y", "(1 - a)*(2 - b) + c", "(1 - 0.5)*(2 - 0.25)", "1.25") == [
        "  y = (1 - a)*(2 - b) + c",
        "    = (1 - 0.5)*(2 - 0.25) = 1.25",
    ]
    assert lines("y", "0.25 - 0.001*((-0.25)/(1 - 0.5))/(sqrt(0.125) + 1e-08)", "1") == [
        "  y = 0.25 - 0.001*((-0.25)/(1 - 0.5))",
        "    /(sqrt(0.125) + 1e-08) = 1",
    ]
    assert lines("e^(" + "a*b + " * 12 + "c)/(d)") == [
        "  e^(a*b + a*b + a*b + a*b + a*b + a*b",
        "    + a*b + a*b + a*b + a*b + a*b + a*b",
        "    + c)/(d)",
    ]
    assert lines("y", "a*" * 40 + "b")[1].startswith("    *a*a")


def test_a_wide_table_folds_its_words() -> None:
    net = wg.Network(1, tuple(wg.Dense(2, "tanh") for _ in range(5)))
    why = wg.explain_row(net, "distinct", [1], [1, 1])
    text = as_text(Page(word("t"), tuple(blocks_of(why.paths("W_111", 3)))))
    assert max(map(len, text.splitlines())) <= WIDTH
    shown = re.sub(r"\s+", "", text)
    for path in why.paths("W_111", 3).top:
        assert Counter(shown)[">"] >= 3 * (len(path.nodes) - 1)
        for _, value in path.factors:
            assert f"{value:.9g}" in shown


# ---- LaTeX ----


@every_page
def test_latex_is_balanced(page: Page) -> None:
    latex = as_latex(page)
    depth, environments, dollars = 0, [], 0
    for token in re.findall(r"\\(?:begin|end)\{[a-z*]+\}|\\.|[{}$]", latex, re.DOTALL):
        if token.startswith(r"\begin"):
            environments.append(token[6:])
        elif token.startswith(r"\end"):
            assert environments.pop() == token[4:]
        else:
            depth += {"{": 1, "}": -1}.get(token, 0)
            dollars += token == "$"
        assert depth >= 0
    assert (depth, environments, dollars % 2) == (0, [], 0)
    assert latex.count(r"\left(") == latex.count(r"\right)")
    assert "&" not in re.sub(r"\\&", "", latex.partition(r"\section")[2].partition("\n")[0])


def test_letters_that_latex_reads_as_commands_stand_for_themselves() -> None:
    for name in [*NASTY, "\\", "\\{", "{}", "\\textbackslash{}", "~~^^"]:
        assert unescaped(escaped(name)) == name
        assert word(name).text == name
    assert escaped(r"50% \a_b{c}") == r"50\% \textbackslash{}a\_b\{c\}"


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
@every_page
def test_latex_compiles_with_amsmath_alone(page: Page, tmp_path: Path) -> None:
    (tmp_path / "page.tex").write_text(as_latex(page), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-1500:]
    wide = [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt", done.stdout)]
    assert max(wide, default=0) < 40  # of a line 480 wide


# ---- HTML ----


@every_page
def test_html_is_one_file_without_script_or_network(page: Page) -> None:
    html = as_html(page)
    assert not re.search(r"<script|<link|<img|<iframe|@import|url\(|https?://(?!www\.w3\.org)", html)
    assert html.startswith("<!DOCTYPE html>")
    body = html.partition("</style>\n")[2].partition("\n</body>")[0]
    tree = ElementTree.fromstring(body.replace("<wbr>", ""))  # every tag is closed
    assert tree.attrib == {"class": "whygrad"}
    assert not [c for c in html if 0xE000 <= ord(c) < 0xF900]  # no letter that stood for a text is left


def shown(html: str) -> str:
    """What a reader sees."""
    body = html.partition("</style>\n")[2].partition("\n</body>")[0].replace("<wbr>", "")
    return "".join(ElementTree.fromstring(body).itertext()).replace("\N{NO-BREAK SPACE}", " ")


def test_names_are_shown_as_they_are() -> None:
    text = shown(as_html(PAGES["numbers"]))
    for name in NASTY:
        assert name in text
    text = shown(as_html(PAGES["nasty weight"]))
    assert "odd & <b>names</b>.csv" in text
    for name in NASTY:
        assert name in text
    assert "what_is {it}? is a<b" in shown(as_html(PAGES["nasty"]))


def test_no_latex_is_left_in_html() -> None:
    for name, page in PAGES.items():
        if name.startswith(("students", "placement", "extras", "deep")):
            assert not re.search(r"\\|[{}]", shown(as_html(page))), name


def test_equations_are_mathml() -> None:
    fraction = mathml(r"\frac{\partial L}{\partial W_{111}}")
    assert fraction.startswith("<math ")
    assert "<mfrac>" in fraction
    assert "<msub><mi>W</mi>" in fraction
    assert '<mi mathvariant="normal">a_b</mi>' in mathml(r"\text{a\_b} = 3")
    assert '<mi class="code">kernel[0,\N{NO-BREAK SPACE}0]</mi>' in mathml(r"\texttt{kernel[0, 0]}")
    assert "a&lt;b" in mathml(word("a<b").latex)
    # a minus that is a sign stands with its number: in a row of its own, it is set without space
    assert "<mrow><mo>&#x02212;</mo><mn>2.5</mn></mrow>" in mathml("x=-2.5")
    assert "<mrow><mo>&#x02212;</mo><mn>2.5</mn></mrow>" in mathml(r"3 \cdot (-2.5)")


def test_a_sentence_has_its_names_set_as_in_equations() -> None:
    said = (
        "dL/dW_2_11_3 is -1.5e-07 in W_{layer,to,from}; y_hat_2 -> L, w^(2)_0,1, price_3x and x_1a stay, 2-2-1 too"
    )
    parts = list(named(said))
    assert [part for part, maths in parts if maths] == [
        r"\partial L/\partial W_{2,11,3}",
        r"{-1.5} \cdot 10^{-7}",
        r"W_{\text{layer,to,from}}",
        r"\hat{y}_{2}",
        r"\to",
        r"w^{(2)}_{0,1}",
    ]
    assert "".join(part for part, maths in parts if not maths).endswith(", price_3x and x_1a stay, 2-2-1 too")


def test_pieces_put_together_are_the_formula() -> None:
    long = (
        r"-y \cdot \log\left(\sigma("
        + " + ".join(rf"W_{{{k}}} \, x_{{{k}}}" for k in range(40))
        + r")\right) - {z}"
    )
    for latex in [long, *(sign.latex for sign in wg.explain(*wg.example("placement")).formulas().equations)]:
        found = pieces(latex)
        glue = r"\\left|\\right|[{} ]"
        assert re.sub(glue, "", "".join(found)) == re.sub(glue, "", latex)
        assert max(map(printed, found)) <= LONG
    assert pieces("(-7.36) - {(-4)}") == ["(-7.36) ", "- {(-4)}"]  # a sign is no operator
    assert (
        flat(r"\frac{\partial L}{\partial \hat{y}_{2}} + \frac{1}{2}")
        == r"\partial L/\partial \hat{y}_{2} + \frac{1}{2}"
    )


# ---- drawings, notebooks ----


def test_a_curve_is_drawn_and_what_leaves_it_is_cut() -> None:
    x = tuple(np.linspace(-1, 1, 5).tolist())
    curve = Curve(
        x,
        (("loss", (4.0, 1.0, 0.0, 1.0, float("nan"))), ("tangent", (-9e9, 0.0, 1.0, 2.0, 3.0))),
        "W_111",
        (0.0, 0.0),
    )
    html = as_html(Page(word("t"), (curve,)))
    points = re.findall(r'points="([^"]*)"', html)
    assert [len(line.split()) for line in points] == [4, 5]
    ys = [float(pair.split(",")[1]) for pair in points[0].split()]
    assert ys[0] < ys[1] < ys[2]  # from the highest loss down to the lowest
    assert ">4</text>" in html
    assert 'class="mark"' in html
    assert as_latex(Page(word("t"), (curve,))).count("svg") == 0
    assert "loss    █▃▁▃" in as_text(Page(word("t"), (curve,)))
    nothing = Curve((0.0,), (("loss", (float("inf"),)),), "t")
    assert "<svg" not in as_html(Page(word("t"), (nothing,)))


def test_notebooks_show_pages_and_chains() -> None:
    why = wg.explain(*wg.example("students"))
    for thing in (why, why["W_111"], why.unit("O_11"), why.chain("W_111")):
        fragment = thing._repr_html_()
        assert fragment.startswith("<style>")
        ElementTree.fromstring(fragment.partition("</style>\n")[2].replace("<wbr>", ""))
    assert why["W_211"]._repr_latex_() == (
        r"$\displaystyle \frac{\partial L}{\partial W_{211}} = \frac{\partial L}{\partial \hat{y}} \cdot "
        r"\frac{\partial \hat{y}}{\partial W_{211}}$"
    )
    assert why.unit("y_hat")._repr_latex_() == r"$\displaystyle \frac{\partial L}{\partial \hat{y}}$"


def test_lines_say_nothing_twice() -> None:
    x, two, more = Sign("x", "x"), Sign("(-2)", "(-2)"), Sign("-2", "{-2}")
    assert chained(x, two, more) == (x, more)
    assert chained(x, x, two) == (x, two)
    assert alone(figure(-1e-20)) == Sign("-1e-20", r"{-1 \cdot 10^{-20}}")
    assert alone(figure(float("-inf"))) == Sign("-inf", r"{-\infty}")
    assert figure(-0.0) == Sign("0", "0")
