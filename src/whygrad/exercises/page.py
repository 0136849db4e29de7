"""A sheet as one self-contained HTML page to be printed or read: mathematics in MathML, no script, no network."""

from __future__ import annotations

import re
from html import escape

from whygrad.exercises.sheet import Item, Part, Sheet, pieces
from whygrad.explanation.forms.html import mathml
from whygrad.printing import counted

STYLE = """
@page { size: A4; margin: 16mm 15mm; }
* { box-sizing: border-box; }
body { font: 15px/1.45 Georgia, "Times New Roman", serif; color: #111; background: #fff; max-width: 52rem;
  margin: 2rem auto; padding: 0 1.5rem; }
header { display: flex; flex-wrap: wrap; justify-content: space-between; align-items: flex-end; gap: 2rem;
  border-bottom: 2px solid #111; padding-bottom: .6rem; }
h1 { font-size: 1.6rem; margin: 0; } header p { margin: .1rem 0 0; color: #444; }
.who { text-align: right; margin-left: auto; } .who p { margin: .35rem 0 0; color: #111; }
.line { display: inline-block; border-bottom: 1px solid #111; min-width: 14rem; text-align: left; }
.line.short { min-width: 3.5rem; }
h2 { font-size: 1.08rem; margin: 1.5rem 0 .5rem; break-after: avoid; }
math { font-family: "STIX Two Math", "Cambria Math", "Latin Modern Math", math; font-size: 1.06em; }
ol math, .facts math { math-style: normal; }
.facts { display: flex; gap: 1.5rem; align-items: center; } .facts > div { flex: 1; }
.facts p { margin: .35rem 0; } .facts svg { flex: none; }
svg { max-width: 100%; height: auto; }
table.given { border-collapse: collapse; margin: .2rem 0 .6rem; width: 100%; }
table.given th { text-align: left; font-weight: normal; color: #444; white-space: nowrap; width: 1%;
  padding: .18rem 1.6rem .18rem 0; vertical-align: top; }
table.given td span { display: inline-block; min-width: 6.8rem; padding: .18rem 1rem .18rem 0; }
.names { color: #444; font-size: .87em; margin: .3rem 0; }
.how { border: 1px solid #999; padding: .1rem .9rem; margin: 1rem 0; font-size: .93em; break-inside: avoid; }
ol { list-style: none; margin: 0; padding: 0; }
ol.asked { columns: 2; column-gap: 2.6rem; }
ol.asked li { display: flex; align-items: center; gap: .5rem; min-height: 2.9rem; break-inside: avoid; }
svg line { stroke: #888; } svg circle { fill: #fff; stroke: #111; stroke-width: 1.3; }
svg text { text-anchor: middle; font: italic 15px Georgia, serif; }
svg .index { font-size: 10px; font-style: normal; }
svg .weight { font-size: 11px; paint-order: stroke; stroke: #fff; stroke-width: 4px; }
svg .weight .index { font-size: 8px; }
li .number { color: #666; font-size: .82em; min-width: 1.5rem; text-align: right; }
li .blank { flex: 1; align-self: flex-end; border-bottom: 1px solid #777; margin-bottom: .75rem; }
li .points { color: #666; font-size: .82em; white-space: nowrap; }
ol.worked li { display: flex; align-items: baseline; gap: .6rem; padding: .22rem 0; break-inside: avoid; }
ol.worked .equation { flex: 1; }
@media (max-width: 44rem) { .facts { display: block; } ol.asked { columns: 1; } }
@media print { body { margin: 0; padding: 0; max-width: none; font-size: 11pt; } }
"""
LINE = '<span class="line">&nbsp;</span>'


def as_html(sheet: Sheet, drawing: str = "") -> str:
    """The sheet as a document; `drawing` is an SVG picture of the network."""
    title = f"{sheet.title}{', ' + sheet.student if sheet.student else ''}"
    parts = "\n".join(_part(part, sheet.key) for part in sheet.parts)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"{_header(sheet)}\n{_facts(sheet, drawing)}\n{parts}\n</body>\n</html>\n"
    )


def _header(sheet: Sheet) -> str:
    name, points = escape(sheet.student), counted(sheet.points, "point")
    if not sheet.key:
        name = f"Name: {name or LINE}"
        points = f"Points: {LINE.replace('line', 'short line')} of {sheet.points}"
    return (
        f"<header><div><h1>{escape(sheet.title)}</h1><p>{escape(sheet.about)}</p></div>"
        f'<div class="who"><p>{name}</p><p>{points}</p></div></header>'
    )


def _facts(sheet: Sheet, drawing: str) -> str:
    sentences = "\n".join(f"<p>{_sentence(text)}</p>" for text in sheet.network)
    rows = "\n".join(
        f"<tr><th>{label}</th><td>{' '.join(f'<span>{mathml(sign.latex)}</span>' for sign in signs)}</td></tr>"
        for label, signs in sheet.given
    )
    names = " ".join(f"{_lowered(escape(line))}." for line in sheet.names)
    how = "" if sheet.key else f'<div class="how"><p><b>How to answer.</b> {_typed(sheet.answering)}</p></div>'
    return (
        f'<h2>The network</h2>\n<div class="facts"><div>\n{sentences}\n</div>{drawing}</div>\n'
        f'<h2>Given</h2>\n<table class="given">\n{rows}\n</table>\n<p class="names">{names}</p>\n{how}'
    )


def _part(part: Part, key: bool) -> str:
    note = f"<p>{escape(part.note)}</p>\n" if part.note else ""
    items = "\n".join(f"<li>{_item(item)}</li>" for item in part.items)
    kind = "worked" if key else "asked"
    return f'<section><h2>{escape(part.title)}</h2>\n{note}<ol class="{kind}">\n{items}\n</ol></section>'


def _item(item: Item) -> str:
    number = f'<span class="number">{f"{item.number}." if item.number else ""}</span>'
    points = f'<span class="points">{counted(item.points, "point") if item.points else ""}</span>'
    if not item.working:
        return f'{number}{mathml(f"{item.sign.latex} =")}<span class="blank"></span>{points}'
    equation = " ".join([mathml(item.sign.latex), *(mathml(f"= {sign.latex}") for sign in item.working)])
    return f'{number}<span class="equation">{equation}</span>{points}'


def _sentence(text: str) -> str:
    return "".join(mathml(part) if math else escape(part) for part, math in pieces(text))


def _lowered(text: str) -> str:
    """W_{layer,to,from} and W_211 with their indices lowered."""
    return re.sub(r"_\{([^}]*)\}|_(\d+)", r"<sub>\1\2</sub>", text).replace("y_hat", "ŷ")


def _typed(text: str) -> str:
    """A sentence in which what stands between backticks is typed."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(text))
