"""Draws students.svg, the picture of the README, from a run: `python docs/pictures/students.py`."""

from pathlib import Path

import whygrad as wg

INK, SOFT, BLUE, RED, PAPER = "#1b2430", "#6b7785", "#2563eb", "#dc2626", "#ffffff"


def text(x: float, y: float, words: str, size: int = 13, fill: str = INK, anchor: str = "middle") -> str:
    """A line of text; x and y are its anchor and baseline."""
    return f'<text x="{x}" y="{y}" font-size="{size}" fill="{fill}" text-anchor="{anchor}">{words}</text>'


def edge(a: tuple[int, int], b: tuple[int, int], words: str, along: float) -> str:
    """A weight as a line with its values on it."""
    (x1, y1), (x2, y2) = a, b
    x, y = x1 + along * (x2 - x1), y1 + along * (y2 - y1)
    return (
        f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{SOFT}" stroke-width="1.5"/>'
        f'<rect x="{x - 62}" y="{y - 10}" width="124" height="19" rx="4" fill="{PAPER}"/>'
        f"{text(x, y + 4, words, 12)}"
    )


def node(at: tuple[int, int], name: str, bias: str = "", away: int = 42) -> str:
    """A unit, its name inside and its bias above or below."""
    x, y = at
    circle = f'<circle cx="{x}" cy="{y}" r="25" fill="{PAPER}" stroke="{BLUE}" stroke-width="2"/>'
    return circle + text(x, y + 5, name) + (text(x, y + away, bias, 11, SOFT) if bias else "")


def network(run: wg.Run) -> str:
    """The nine parameters, from their start to what the lecture's five epochs make of them."""
    names = wg.parameter_names(run.model.network)
    moved = {n: f"{n} {a:.1f} → {b:.3f}" for n, a, b in zip(names, run.start, run.w, strict=True)}
    x1, x2, o1, o2, y = (70, 110), (70, 270), (300, 110), (300, 270), (520, 190)
    parts = [
        edge(x1, o1, moved["W_111"], 0.5),
        edge(x1, o2, moved["W_121"], 0.27),
        edge(x2, o1, moved["W_112"], 0.27),
        edge(x2, o2, moved["W_122"], 0.5),
        edge(o1, y, moved["W_211"], 0.5),
        edge(o2, y, moved["W_212"], 0.5),
        node(x1, "cgpa"),
        node(x2, "score"),
        node(o1, "O₁₁", moved["B_11"], -33),
        node(o2, "O₁₂", moved["B_12"]),
        node(y, "ŷ", moved["B_21"], -33),
    ]
    return "".join(parts)


def curve(run: wg.Run) -> str:
    """Both losses of every epoch, and the numbers of the first."""
    left, right, top, bottom = 650, 940, 80, 290
    epochs, high = run.history[-1].epoch, run.history[0].loss_after * 1.05

    def at(epoch: float, loss: float) -> str:
        return f"{left + (right - left) * epoch / epochs:.1f},{bottom - (bottom - top) * loss / high:.1f}"

    after = " ".join(at(r.epoch, r.loss_after) for r in run.history)
    during = " ".join(at(r.epoch, r.loss_during) for r in run.history if r.loss_during is not None)
    axes = f'<path d="M{left} {top}V{bottom}H{right}" fill="none" stroke="{SOFT}"/>'
    ticks = "".join(
        text(left + (right - left) * e / epochs, bottom + 18, str(e), 11, SOFT) for e in range(epochs + 1)
    )
    heights = "".join(
        text(left - 8, bottom - (bottom - top) * v / high + 4, str(v), 11, SOFT, "end") for v in (0, 10, 20)
    )
    dots = "".join(
        f'<circle cx="{p.split(",")[0]}" cy="{p.split(",")[1]}" r="3.2" fill="{colour}"/>'
        for points, colour in ((during, RED), (after, BLUE))
        for p in points.split()
    )
    lines = "".join(
        f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        for points, colour in ((during, RED), (after, BLUE))
    )
    last = run.history[-1]
    words = text(745, 106, f"loss during: met on the way, {last.loss_during:.6f}", 12, RED, "start")
    words += text(745, 128, f"loss after: the whole table, {last.loss_after:.6f}", 12, BLUE, "start")
    return axes + lines + dots + ticks + heights + words + text(795, 322, "epoch", 12, SOFT)


def picture(run: wg.Run) -> str:
    """The whole SVG."""
    title = "whygrad train students: five epochs, a row at a time, learning rate 0.001"
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 340" '
        'font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif">'
        f'<rect width="1000" height="340" rx="10" fill="{PAPER}"/>'
        f"{text(30, 38, title, 16, INK, 'start')}{network(run)}{curve(run)}</svg>\n"
    )


if __name__ == "__main__":
    Path(__file__).with_suffix(".svg").write_text(picture(wg.fit(*wg.example("students"))), encoding="utf-8")
