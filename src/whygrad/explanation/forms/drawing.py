"""A curve as a drawing, in SVG."""

from __future__ import annotations

from html import escape

import numpy as np

from whygrad.explanation.pages import Curve
from whygrad.maths import Array

WIDE, HIGH = 560, 240
LEFT, RIGHT, TOP, BOTTOM = 90, 16, 28, 40  # margins for what stands beside the axes


def drawn(curve: Curve) -> str:
    """The curve with its axes; points that are not finite are left out. Nothing where nothing is finite."""
    x = np.array(curve.x)
    first = np.array(curve.lines[0][1])
    known = np.isfinite(first) & np.isfinite(x)
    if not known.any():
        return ""
    low, high = _span(first[known])
    left, right = _span(x[known])

    def at(v: float, w: float) -> tuple[float, float]:
        return (
            LEFT + (v - left) / (right - left) * (WIDE - LEFT - RIGHT),
            HIGH - BOTTOM - (w - low) / (high - low) * (HIGH - TOP - BOTTOM),
        )

    parts = []
    for k, (name, values) in enumerate(curve.lines):
        points = [at(v, w) for v, w in zip(x, values, strict=True) if np.isfinite(v + w)]
        kind = "tangent" if k else "loss"
        path = " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
        title = f"<title>{escape(name)}</title>"
        parts.append(f'<polyline class="{kind}" points="{path}">{title}</polyline>')
    if curve.mark is not None and left <= curve.mark[0] <= right:
        px, py = at(*curve.mark)
        parts.append(f'<circle class="mark" cx="{px:.1f}" cy="{py:.1f}" r="4"><title>now</title></circle>')
    inner = "\n".join(parts)
    x0, y0, width, height = (
        LEFT,
        TOP - 4,
        WIDE - LEFT - RIGHT + 6,
        HIGH - TOP - BOTTOM + 8,
    )  # what leaves it is cut
    return (
        f'<svg viewBox="0 0 {WIDE} {HIGH}" role="img" fill="none" stroke-width="2">\n'
        f"{_axes(curve, (left, right), (low, high))}\n"
        f'<svg x="{x0}" y="{y0}" width="{width}" height="{height}" viewBox="{x0} {y0} {width} {height}">\n'
        f"{inner}\n</svg>\n</svg>"
    )


def _span(values: Array) -> tuple[float, float]:
    """From the least to the largest, and never nothing."""
    low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else (low - 1, high + 1)


def _axes(curve: Curve, across: tuple[float, float], up: tuple[float, float]) -> str:
    bottom, end = HIGH - BOTTOM, WIDE - RIGHT
    name = escape(curve.lines[0][0])
    return (
        f'<path class="axis" stroke-width="1" d="M{LEFT},{TOP} V{bottom} H{end}"/>'
        f'<text x="{LEFT - 6}" y="{TOP + 8}" text-anchor="end">{up[1]:.6g}</text>'
        f'<text x="{LEFT - 6}" y="{bottom}" text-anchor="end">{up[0]:.6g}</text>'
        f'<text x="{LEFT}" y="{bottom + 16}">{across[0]:.6g}</text>'
        f'<text x="{end}" y="{bottom + 16}" text-anchor="end">{across[1]:.6g}</text>'
        f'<text x="{(LEFT + end) / 2}" y="{HIGH - 6}" text-anchor="middle">{escape(curve.x_name)}</text>'
        f'<text x="{LEFT}" y="{TOP - 12}">{name}</text>'
    )
