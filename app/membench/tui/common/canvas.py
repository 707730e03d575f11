"""The base widget of the charts and tables: it builds its own lines, and repaints only those that changed.

Textual copies a renderable several times on its way to the screen. During a run, that takes measurable processor time
from the run.
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
    """A widget that consists of lines."""

    empty: reactive[str] = reactive("")
    """Text to display while there is nothing to draw."""
    _painted: tuple[Size, list[Strip]] | None = None
    """The lines and the size that they were built for; None if every line must be built."""
    _repaint_pending = False
    """Whether a repaint of the changed lines is scheduled."""
    _base_style: Style | None = None
    """The style of the widget; cached, because Textual computes it from all ancestors. None if not known."""

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """Return the lines from the top; missing lines are blank."""
        raise NotImplementedError

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        """Repaint only the lines that changed; all lines after a change of layout or style."""
        if self._painted is None or regions or layout or recompose:
            self._painted = None
            return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)
        if repaint and not self._repaint_pending:
            self._repaint_pending = True
            self.call_next(self._repaint_changes)  # one repaint for all reactives that are set in the meantime
        return self

    def notify_style_update(self) -> None:
        """Repaint every line, because its colours may differ."""
        super().notify_style_update()
        self._base_style = self._painted = None
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Return a line; the first call builds all lines at once."""
        if self._painted is None or self._painted[0] != self.size:
            self._painted = (self.size, self._strips())
        strips = self._painted[1]
        return strips[y] if y < len(strips) else Strip.blank(self.size.width, self._base_style)

    def _repaint_changes(self) -> None:
        self._repaint_pending = False
        if self._painted is None or self._painted[0] != self.size:
            self._painted = None
            self.refresh()
            return
        before, self._painted = self._painted[1], (self.size, self._strips())
        is_same = [old == new for old, new in zip_longest(before, self._painted[1])]
        changed, y = [], 0
        for unchanged, rows in groupby(is_same):
            height = len(list(rows))
            changed += [] if unchanged else [Region(0, y, self.size.width, height)]
            y += height
        if changed:
            super().refresh(*changed)

    def _strips(self) -> list[Strip]:
        width, height = self.size
        base = self._base_style = self._base_style or self.rich_style
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


def placeholder(text: str) -> list[Text]:
    """Return the line of a canvas that has nothing to draw."""
    return [Text(text, QUIET)]
