"""Mathematics in the built pages as MathML, so that a page needs no script and no network."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert


def _spaced(latex: str) -> str:
    """Thin spaces around the names of functions, which browsers otherwise set like letters."""
    after = re.sub(r"\\(log|cosh|tanh)(?![a-z])(?! *\()", r"\\\1\\,", latex)
    return re.sub(r"(?<=[\w)])\\(log|cosh|tanh)(?![a-z])", r"\\,\\\1", after)


def _inline(translator: Any, node: nodes.math) -> None:
    translator.body.append(convert(_spaced(node.astext())))
    raise nodes.SkipNode


def _block(translator: Any, node: nodes.math_block) -> None:
    translator.body.append(f'<div class="math">{convert(_spaced(node.astext()), display="block")}</div>')
    raise nodes.SkipNode


def setup(app: Any) -> dict[str, bool]:
    """Makes "mathml" a renderer that `html_math_renderer` may name."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
