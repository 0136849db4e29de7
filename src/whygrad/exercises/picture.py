"""A small drawing of the network: units in columns, lines between them, the names that the sheet uses."""

from __future__ import annotations

import re
from html import escape

from whygrad.exercises.signs import Signs

ACROSS, DOWN, RADIUS = 122, 74, 19
MOST = 6  # units in a column that a drawing has room for
FEW = 2  # units in a column whose weights' names have room, too
LETTERS = 7  # of a name that fits into a circle


def picture(signs: Signs) -> str:
    """The network as SVG; empty where it has no room."""
    sizes = signs.net.sizes
    names = [[signs.a(layer - 1, unit).text for unit in range(n)] for layer, n in enumerate(sizes)]
    if max(sizes) > MOST or max(len(name) for column in names for name in column) > LETTERS:
        return ""
    height, width = DOWN * max(sizes), ACROSS * (len(sizes) - 1) + 3 * RADIUS
    places = [
        [(1.5 * RADIUS + ACROSS * layer, height / 2 + DOWN * (unit - (n - 1) / 2)) for unit in range(n)]
        for layer, n in enumerate(sizes)
    ]
    lines, labels = [], []
    for layer in range(len(sizes) - 1):
        for source, (x1, y1) in enumerate(places[layer]):
            for to, (x2, y2) in enumerate(places[layer + 1]):
                lines.append(f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}"/>')
                if max(sizes) <= FEW and len(signs.W(layer, to, source).text) <= LETTERS:
                    x, y = x1 + 0.36 * (x2 - x1), y1 + 0.36 * (y2 - y1)
                    labels.append(_label(signs.W(layer, to, source).text, x, y, "weight"))
    circles = []
    for column, texts in zip(places, names, strict=True):
        for (x, y), text in zip(column, texts, strict=True):
            circles.append(f'<circle cx="{x:g}" cy="{y:g}" r="{RADIUS}"/>{_label(text, x, y + 5, "unit")}')
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" role="img" '
        f'aria-label="the network">{"".join((*lines, *circles, *labels))}</svg>'
    )


def _label(name: str, x: float, y: float, kind: str) -> str:
    """A name in the drawing, its index lowered."""
    found = re.fullmatch(r"([a-zA-Zŷ]+)(\^\(\d+\))?_?([\d,_]*)", name.replace("y_hat", "ŷ"))
    if not found:
        return f'<text class="{kind}" x="{x:g}" y="{y:g}">{escape(name)}</text>'
    letter, power, index = found.groups()
    raised = f'<tspan class="index" dy="-5">{power[1:]}</tspan>' if power else ""
    lowered = f'<tspan class="index" dy="{9 if power else 4}">{index}</tspan>' if index else ""
    return f'<text class="{kind}" x="{x:g}" y="{y:g}">{letter}{raised}{lowered}</text>'
