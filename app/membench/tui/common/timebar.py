"""How clients spend their time: one stacked bar, and the shares as text below it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.text import Text
from textual.geometry import Size
from textual.reactive import reactive

from membench.analysis.figures import Figures
from membench.report.explanation import TIME_PARTS
from membench.tui.common.canvas import Canvas, placeholder
from membench.tui.common.colours import QUIET, TIME_COLOURS
from membench.units import format_share

LEGEND_FROM = 0.005
"""Smaller shares would read 0 %, so the legend leaves them out."""
LEGEND_ROWS = 3
GAP = "  "


class Part(NamedTuple):
    """One share of client time, and how it is drawn."""

    name: str
    fill: str
    """A character of its own, so that colour never carries meaning alone."""
    share: float
    colour: str
    background: str

    @property
    def style(self) -> str:
        """The style of its part of the bar."""
        return f"{self.colour} on {self.background}" if self.background else self.colour


class TimeBar(Canvas):
    """The bar in the first line, and its legend below."""

    parts: reactive[tuple[Part, ...]] = reactive(())
    """The shares, in the order drawn."""

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return the height of the bar and its legend."""
        return 1 + len(legend(self.parts, width, LEGEND_ROWS))

    def watch_parts(self) -> None:
        """Lay out the screen again where the height depends on the legend."""
        if self.styles.is_auto_height:
            self.refresh(layout=True)

    def lines(self, width: int, height: int) -> Sequence[Text]:
        """Return the bar and its legend."""
        if not self.parts:
            return placeholder(self.empty)
        return [Text.assemble(*bar_pieces(self.parts, width)), *legend(self.parts, width, height - 1)]


def time_parts(figures: Figures) -> tuple[Part, ...]:
    """Return the known shares of client time, locks first; the unknown rest is a part of its own."""
    parts = [
        Part(name, fill, share, *TIME_COLOURS[field])
        for field, name, fill in TIME_PARTS
        if (share := getattr(figures, field)) is not None
    ]
    rest = 1.0 - sum(part.share for part in parts)
    if parts and rest > LEGEND_FROM:
        parts.append(Part("unknown", " ", rest, QUIET, ""))
    return tuple(parts)


def bar_pieces(parts: Sequence[Part], width: int) -> list[tuple[str, str]]:
    """Return the texts of the bar and their styles, `width` cells in all."""
    pieces = []
    start = end = 0
    total = 0.0
    for part in parts:
        total += part.share
        end = min(round(total * width), width)
        pieces.append((part.fill * (end - start), part.style))
        start = end
    return [*pieces, (" " * (width - end), "")]


def legend(parts: Sequence[Part], width: int, rows: int) -> list[Text]:
    """Return `█ lock 84 %  ▒ waiting for a core 7 %`, in at most `rows` lines; the last may end in an ellipsis."""
    lines = [Text()]
    for part in parts:
        if part.share < LEGEND_FROM:
            continue
        entry = Text.assemble((part.fill, part.style), f" {part.name} ", (format_share(part.share), "bold"))
        if lines[-1] and len(lines[-1]) + len(GAP) + len(entry) > width:
            if len(lines) == rows:
                lines[-1].append(" …")
                break
            lines.append(Text())
        lines[-1] = Text(GAP).join([lines[-1], entry]) if lines[-1] else entry
    return lines[:rows]
