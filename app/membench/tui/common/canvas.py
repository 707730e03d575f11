"""What the charts are drawn on: a widget that makes its lines itself.

Textual's own way from a text to the screen goes through several copies of it; twice a second, beside what is being
measured, that is felt.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby, zip_longest
from typing import Self

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.content import Content
from textual.geometry import Region, Size
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from membench.tui.common.colours import QUIET

Line = Text | Content | list[Segment]


class Canvas(Widget):
    """A widget that is drawn as lines."""

    empty: reactive[str] = reactive("")
    """What to say instead while there is nothing to draw."""
    _drawn: tuple[Size, list[Strip]] | None = None
    """Lines and the size they were made for; None before the first, and where every line is to be made anew."""
    _outdated = False
    """Whether something that is drawn has changed since."""
    _base: Style | None = None
    """The colours of the widget, which take a walk through all that it is in; None before the first line."""

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """What to draw, from the top; what is not given is left empty."""
        raise NotImplementedError

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        """Draw anew, for something that is drawn is other than before: the lines that this changes, and only those."""
        if self._drawn is None or regions or layout or recompose:
            self._drawn = None
            return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)
        if repaint and not self._outdated:
            self._outdated = True
            self.call_next(self._draw_changes)  # once, when all that is new has come
        return self

    def notify_style_update(self) -> None:
        """Draw every line anew: its colours may be others."""
        super().notify_style_update()
        self._base = self._drawn = None
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """A line, made with all others at once."""
        if self._drawn is None or self._drawn[0] != self.size:
            self._drawn = (self.size, self._strips())
        strips = self._drawn[1]
        return strips[y] if y < len(strips) else Strip.blank(self.size.width, self._base)

    def _draw_changes(self) -> None:
        self._outdated = False
        if self._drawn is None or self._drawn[0] != self.size:
            self._drawn = None
            self.refresh()
            return
        before, self._drawn = self._drawn[1], (self.size, self._strips())
        same = [old == new for old, new in zip_longest(before, self._drawn[1])]
        stretches, y = [], 0
        for unchanged, rows in groupby(same):
            height = len(list(rows))
            stretches += [] if unchanged else [Region(0, y, self.size.width, height)]
            y += height
        if stretches:
            super().refresh(*stretches)

    def _strips(self) -> list[Strip]:
        width, height = self.size
        base = self._base = self._base or self.rich_style
        return [
            Strip(self._segments(line, width)).apply_style(base).adjust_cell_length(width, base)
            for line in self.lines(width, height)
        ]

    def _segments(self, line: Line, width: int) -> Iterable[Segment]:
        if isinstance(line, Text):
            return Segment.apply_style(line.render(self.app.console), self.app.console.get_style(line.style))
        if isinstance(line, Content):
            pieces = line.truncate(width, ellipsis=True).render(self.visual_style, "", self.app.stylesheet.parse_style)
            return [Segment(text, style.rich_style) for text, style in pieces]
        return line


def note(words: str) -> list[Text]:
    """Words in place of a drawing."""
    return [Text(words, QUIET)]
