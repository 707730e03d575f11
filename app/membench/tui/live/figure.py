"""A figure that is to be seen first, and beside it what it is of.

Textual's own Digits, a text and the row that holds them are three widgets, each of which the others' changes draw anew.
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
    """A figure three rows high, and as many lines beside it."""

    DEFAULT_CSS = "Figure { height: 3; width: 1fr; }"

    value: reactive[str] = reactive("")
    """The figure."""
    colour: reactive[str] = reactive("")
    beside: reactive[Content] = reactive(Content(""))
    """What it is of, in lines."""

    def lines(self, width: int, height: int) -> Sequence[Content]:
        """Digits and words, row by row."""
        pieces = Digits(self.value).render(Style())
        digits = "".join(piece.text for piece in pieces if isinstance(piece, Segment)).splitlines()
        words = [*self.beside.split("\n"), *[Content("")] * ROWS]
        return [Content.assemble((row, self.colour), "  ", line) for row, line in zip(digits, words, strict=False)]
