"""A large figure with text beside it, in one widget.

Textual's Digits, a Static and a Horizontal around them would be three widgets, and a change of one repaints all three.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.content import Content
from textual.reactive import reactive
from textual.renderables.digits import Digits

from membench.tui.common.canvas import Canvas

ROWS = 3


class Figure(Canvas):
    """A figure three rows high, with up to three lines of text beside it."""

    DEFAULT_CSS = "Figure { height: 3; width: 1fr; }"

    value: reactive[str] = reactive("")
    """The figure as text."""
    colour: reactive[str] = reactive("")
    beside: reactive[Content] = reactive(Content(""))
    """The text beside the figure."""

    def lines(self, width: int, height: int) -> Sequence[Content]:
        """Return the rows of the digits, each with its line of the text."""
        pieces = Digits(self.value).render(Style())
        digits = "".join(piece.text for piece in pieces if isinstance(piece, Segment)).splitlines()
        texts = [*self.beside.split("\n"), *[Content("")] * ROWS]
        return [Content.assemble((row, self.colour), "  ", text) for row, text in zip(digits, texts, strict=False)]
