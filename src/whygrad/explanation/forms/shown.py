"""How a result looks where Python or a notebook shows it."""

from __future__ import annotations

from whygrad.explanation.forms.html import blocks_as_html
from whygrad.explanation.forms.text import blocks_as_text


class Shown:
    """A result that is printed as its section of a page."""

    def __repr__(self) -> str:
        from whygrad.explanation.extras import blocks_of  # which knows every result, so also this one

        return blocks_as_text(blocks_of(self))

    def _repr_html_(self) -> str:
        from whygrad.explanation.extras import blocks_of

        return blocks_as_html(blocks_of(self))
