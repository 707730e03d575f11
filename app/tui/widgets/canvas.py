"""What the charts are drawn on: a widget that makes its lines itself.

Textual's own way from a text to the screen goes through several copies of it; twice a second, beside what is being
measured, that is felt.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Self

from rich.console import Console
from rich.segment import Segment
from rich.text import Text
from textual.geometry import Region, Size
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from app.tui.colours import QUIET


class Canvas(Widget):
    """A widget that is drawn as lines."""

    empty: reactive[str] = reactive("")
    """What to say instead while there is nothing to draw."""
    _drawn: tuple[Size, list[Strip]] | None = None
    """Lines and the size they were made for; None once something has changed."""

    def lines(self, width: int, height: int) -> Sequence[Text | list[Segment]]:
        """What to draw, from the top; what is not given is left empty."""
        raise NotImplementedError

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        """Draw anew: something that is drawn, or its colours, may be other than before."""
        self._drawn = None
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def render_line(self, y: int) -> Strip:
        """A line, made with all others at once."""
        if self._drawn is None or self._drawn[0] != self.size:
            self._drawn = (self.size, self._strips())
        strips = self._drawn[1]
        return strips[y] if y < len(strips) else Strip.blank(self.size.width, self.rich_style)

    def _strips(self) -> list[Strip]:
        width, height = self.size
        base = self.rich_style
        return [
            Strip(_segments(line, self.app.console)).apply_style(base).adjust_cell_length(width, base)
            for line in self.lines(width, height)
        ]


def _segments(line: Text | list[Segment], console: Console) -> Iterable[Segment]:
    if not isinstance(line, Text):
        return line
    return Segment.apply_style(line.render(console), console.get_style(line.style))


def note(words: str) -> list[Text]:
    """Words in place of a drawing."""
    return [Text(words, QUIET)]
